"""What happened to vehicles, as their reports tell it: folded into `device_events`.

Beside `tracks` and `devices` (see `folding`) this is a third part with a mark of its own.
The events of some reports and the mark behind these are one transaction, so that every
report makes its event once. What a report means, somebody else knows: this folder knows no
tracker protocol.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

import attrs
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit.interfaces import Record
from gatewaykit.store import folding

EVENT_ROWS = 250
"""Reports read a transaction: each takes some 50 µs, and commits wait meanwhile."""
GUESSED_ROWS = 2_000
GUESSES = 200
"""Of as many newest reports of a step, so many vehicles at most are asked for an offset that
is not known yet; the others have their turn with later reports."""
_LATEST_MS = 253_402_300_800_000

_log = Logger()


class Happening(Protocol):
    """What a report tells that happened."""

    @property
    def event(self) -> str:
        """Its name."""

    @property
    def at_ms(self) -> int:
        """When it happened, milliseconds since the epoch."""

    @property
    def details(self) -> Record:
        """What has a form in JSON."""


@attrs.frozen
class Chronicle:
    """How reports are read as events; by default none is one."""

    types: frozenset[str] = frozenset()
    """Of reports that may be events; the others are not looked at."""
    happening: Callable[[bytes, int, int | None], Happening | None] = lambda *_: None
    """(raw frame, received at in milliseconds, offset of the device's clock in minutes)."""
    offset_of: Callable[[bytes], int | None] = lambda _: None
    """The offset of the device's clock from UTC in minutes, as one frame tells it."""


NOTHING_HAPPENS = Chronicle()


class ChronicleFolder(folding.Folder):
    """Folds reports into events."""

    def __init__(
        self, writer: folding.Writes, ahead: Callable[[], int], chronicle: Chronicle
    ) -> None:
        super().__init__("events", writer, ahead)
        self._chronicle = chronicle

    async def _carry(self) -> None:
        upto = min(self._writer.newest, self.mark + folding.FOLD_ROWS)
        while self.mark < upto:
            after = self.mark
            self.mark = await self._writer.write(
                lambda c, after=after: fold(c, self._chronicle, after, upto)  # type: ignore[misc]
            )


def fold(
    connection: sqlite3.Connection, chronicle: Chronicle, after: int, upto: int
) -> int:
    """Make events of the reports behind `after`, up to `upto` if they are not too many;
    gives the seq up to which it was done."""
    if chronicle.types:
        rows = _event_rows(connection, chronicle.types, after, upto)
        if len(rows) == EVENT_ROWS:
            upto = rows[-1][0]
        reading = _Reading(connection, chronicle)
        reading.take(rows)
        newest = max(after, upto - GUESSED_ROWS)
        reading.guess(_unknown_clocks(connection, newest, upto))
        reading.tell()
    connection.execute("UPDATE meta SET value = ? WHERE key = 'events'", (upto,))
    return upto


# Rows go in and out as one JSON text: sqlite3 gives up the interpreter's lock for each row,
# and taking it back from a busy reactor takes up to 5 ms, while commits wait.
def _rows(
    connection: sqlite3.Connection, select: str, values: Sequence[object]
) -> list[list[Any]]:
    """The rows of a statement in which frames are in hexadecimal digits."""
    (text,) = connection.execute(select, values).fetchone()
    found: list[list[Any]] = json.loads(text)
    return found


def _event_rows(
    connection: sqlite3.Connection, types: frozenset[str], after: int, upto: int
) -> list[list[Any]]:
    wanted = ", ".join("?" * len(types))
    rows = _rows(
        connection,
        f"""SELECT json_group_array(json_array(seq, imei, received_at, hex(raw),
            (SELECT timezone_offset_min FROM registrations WHERE imei = found.imei),
            (SELECT timezone_estimate_min FROM vehicle_states WHERE imei = found.imei)))
        FROM (SELECT seq, imei, received_at, raw FROM reports
            WHERE seq > ? AND seq <= ? AND type IN ({wanted})
            ORDER BY seq LIMIT ?) AS found""",
        (after, upto, *sorted(types), EVENT_ROWS),
    )
    return sorted(rows)


class _Reading:
    """Reads reports of event types; one that cannot be read holds up no other."""

    def __init__(self, connection: sqlite3.Connection, chronicle: Chronicle) -> None:
        self._connection = connection
        self._chronicle = chronicle
        self._failures: list[Failure] = []

    def take(self, rows: Iterable[Sequence[Any]]) -> None:
        """Make the events of reports, and estimate offsets by them."""
        events = []
        estimates: dict[str, int] = {}
        for _, imei, received_at, digits, set_min, kept_min in rows:
            raw = bytes.fromhex(digits)
            before = estimates.get(imei, kept_min)
            estimate = self._offset(raw)
            if estimate is None:
                estimate = before
            elif estimate != before:
                estimates[imei] = estimate
            offset = estimate if set_min is None else set_min
            if (event := self._event(raw, received_at, offset)) is not None:
                events.append((imei, *event))
        self._connection.execute(
            f"INSERT INTO device_events (imei, event, at, details) {_fields(4)}",
            (json.dumps(events),),
        )
        _keep_estimates(self._connection, estimates)

    def guess(self, rows: Iterable[Sequence[str]]) -> None:
        """Estimate the offsets of vehicles by one report of each."""
        found = ((imei, self._offset(bytes.fromhex(raw))) for imei, raw in rows)
        _keep_estimates(
            self._connection,
            {imei: known for imei, known in found if known is not None},
        )

    def tell(self) -> None:
        """Log what went wrong."""
        if self._failures:
            _log.failure(
                "{count} reports could not be read as events; the first of them",
                failure=self._failures[0],
                count=len(self._failures),
            )

    def _event(
        self, raw: bytes, received_at: int, offset: int | None
    ) -> tuple[str, int, str] | None:
        try:
            found = self._chronicle.happening(raw, received_at, offset)
            if found is None:
                return None
            if not 0 <= found.at_ms < _LATEST_MS:
                raise ValueError(found.at_ms)
            details = json.dumps(found.details, allow_nan=False)
        except Exception:  # noqa: BLE001 - a bug; the report itself is kept
            self._failures.append(Failure())
            return None
        return str(found.event), int(found.at_ms), details

    def _offset(self, raw: bytes) -> int | None:
        try:
            return self._chronicle.offset_of(raw)
        except Exception:  # noqa: BLE001 - as above
            self._failures.append(Failure())
            return None


def _unknown_clocks(
    connection: sqlite3.Connection, after: int, upto: int
) -> list[list[str]]:
    return _rows(
        connection,
        """SELECT json_group_array(json_array(imei, hex(raw)))
        FROM reports JOIN (
            SELECT max(seq) AS newest FROM reports
            WHERE seq > ? AND seq <= ? AND position_time IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM vehicle_states WHERE vehicle_states.imei = reports.imei
                AND timezone_estimate_min IS NOT NULL)
            GROUP BY imei ORDER BY newest DESC LIMIT ?) ON seq = newest""",
        (after, upto, GUESSES),
    )


def _keep_estimates(connection: sqlite3.Connection, estimates: dict[str, int]) -> None:
    connection.execute(
        f"""INSERT INTO vehicle_states (imei, timezone_estimate_min) {_fields(2)}
        WHERE true ON CONFLICT (imei) DO UPDATE
        SET timezone_estimate_min = excluded.timezone_estimate_min""",
        (json.dumps(list(estimates.items())),),
    )


def _fields(count: int) -> str:
    """Selects rows of so many fields from a JSON text."""
    fields = ", ".join(f"json_extract(value, '$[{n}]')" for n in range(count))
    return f"SELECT {fields} FROM json_each(?)"
