"""Folding: what was committed is carried into `tracks` and `devices` (and, by
`chronicle`, into events), some thousands of
reports at a time (see `schema` for why).

A part is folded up to its mark, in steps, one step at a time. A step of many reports takes
a share of the vehicles in each of its transactions, so that the commits in between wait for
milliseconds. The mark moves with the last of them; doing a share again changes nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

T = TypeVar("T")

FOLD_ROWS = 16_000
FOLD_SHARES = 4

# A maximum that also tells which report it is of: the time, and behind it the report's place
# in the step, which FOLD_ROWS keeps below 2**14. A pass of its own for each column, with
# the frames in the sorter, took four times as long.
_PLACES = 1 << 14
_STEP = """FROM reports WHERE seq > :after AND seq <= :upto
    AND CAST(imei AS INTEGER) % :shares = :share"""
_STATE = "{} IS NOT NULL AND send_time <= :latest_send_time"


def _last(time: str, condition: str) -> str:
    return f"max(iif({condition}, {time} * {_PLACES} + seq - :after, NULL))"


def _first(time: str) -> str:
    return f"max({time} * {_PLACES} + {_PLACES - 1} - (seq - :after))"


def _of(column: str, found: str) -> str:
    return f"(SELECT {column} FROM reports WHERE seq = :after + {found} % {_PLACES})"


def _if_newer(column: str, time: str, comparison: str) -> str:
    return (
        f"{column} = iif(excluded.{time} IS NOT NULL AND"
        f" (devices.{time} IS NULL OR excluded.{time} {comparison} devices.{time}),"
        f" excluded.{column}, devices.{column})"
    )


# The latest position moves forward in GPS time only: of equal ones the first report's, which
# may be the only one with a fix. Ignition and outputs move forward in the device's own send
# time, since a report from a garage has an old GPS time; of equal ones the last report's.
_FOLD = {
    "tracks": f"""INSERT OR IGNORE INTO tracks SELECT imei, time, seq {_STEP}
        ORDER BY imei, time, seq""",
    "devices": f"""INSERT INTO devices (imei, since, last_seen, newest_seq, latest_seq,
            latest_time, ignition, ignition_time, outputs, outputs_time)
        SELECT imei, received, received, newest,
            :after + {_PLACES - 1} - position % {_PLACES}, position / {_PLACES},
            {_of("ignition", "ignited")}, ignited / {_PLACES},
            {_of("outputs", "put_out")}, put_out / {_PLACES}
        FROM (
            SELECT imei, max(received_at) AS received, max(seq) AS newest,
                {_first("position_time")} AS position,
                {_last("send_time", _STATE.format("ignition"))} AS ignited,
                {_last("send_time", _STATE.format("outputs"))} AS put_out
            {_STEP} GROUP BY imei)
        WHERE true
        ON CONFLICT (imei) DO UPDATE SET
            last_seen = max(last_seen, excluded.last_seen),
            newest_seq = excluded.newest_seq,
            {_if_newer("latest_seq", "latest_time", ">")},
            {_if_newer("latest_time", "latest_time", ">")},
            {_if_newer("latest_raw", "latest_time", ">")},
            {_if_newer("ignition", "ignition_time", ">=")},
            {_if_newer("ignition_time", "ignition_time", ">=")},
            {_if_newer("outputs", "outputs_time", ">=")},
            {_if_newer("outputs_time", "outputs_time", ">=")}""",
}
PARTS = (*_FOLD, "events")
"""`chronicle` has the folder of the last."""


def marks(connection: sqlite3.Connection) -> tuple[int, dict[str, int]]:
    """The seq of the newest report, and up to which each part is folded."""
    (oldest, newest) = connection.execute(
        "SELECT (SELECT min(seq) FROM reports), (SELECT max(seq) FROM reports)"
    ).fetchone()
    kept = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    # After a salvage nothing is folded, and the first report need not be number 1.
    return newest or 0, {part: max(kept[part], (oldest or 1) - 1) for part in PARTS}


class Writes(Protocol):
    """What a folder needs of the writer."""

    newest: int

    def write(self, job: Callable[[sqlite3.Connection], T], /) -> Deferred[T]:
        """Run `job` inside the next transaction."""


class Folder:
    """Folds one part.

    :param writer: commits, and knows the seq of the newest report that is committed.
    :param ahead: a send time above this is of a clock that runs ahead: it sets no state.
    """

    def __init__(self, part: str, writer: Writes, ahead: Callable[[], int]) -> None:
        self.mark = 0
        self._part = part
        self._writer = writer
        self._ahead = ahead
        self._waiting: list[Deferred[None]] = []

    async def catch_up(self) -> None:
        """Fold what is committed by now, not what goes on coming in."""
        wanted = self._writer.newest
        while self.mark < wanted:
            await self._step()

    def _step(self) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self._waiting.append(done)
        if len(self._waiting) == 1:
            Deferred.fromCoroutine(self._carry()).addBoth(self._tell)
        return done

    def _tell(self, result: Failure | None) -> None:
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            done.callback(result)

    async def _carry(self) -> None:
        after = self.mark
        upto = min(self._writer.newest, after + FOLD_ROWS)
        shares = FOLD_SHARES if upto - after > FOLD_ROWS // FOLD_SHARES else 1
        for share in range(shares):
            names = {
                "after": after,
                "upto": upto,
                "shares": shares,
                "share": share,
                "latest_send_time": self._ahead(),
            }
            await self._writer.write(
                lambda c, names=names, last=share == shares - 1: _fold(  # type: ignore[misc]
                    c, self._part, names, last=last
                )
            )
        self.mark = upto


def _fold(
    connection: sqlite3.Connection, part: str, names: dict[str, int], *, last: bool
) -> None:
    connection.execute(_FOLD[part], names)
    if last:
        connection.execute(
            "UPDATE meta SET value = ? WHERE key = ?", (names["upto"], part)
        )
