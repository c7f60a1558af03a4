"""What is written to the SQLite file, statement by statement.

Every function works on the writer's connection inside a transaction that its caller begins
and commits.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain

from gatewaykit import access
from gatewaykit.interfaces import DeviceChange, JournalEntry, Record
from gatewaykit.store.schema import REPORT_COLUMNS

ROWS_A_STATEMENT = 1024
"""SQLite takes 32,766 parameters a statement; a row has ten."""
FOLD_ROWS = 10_000
FOLD_SHARES = 4
QUARANTINE_ROWS = 10_000
"""Reports kept of devices that nobody accepted, all together."""
EXPIRE_ROWS = 500
_NEVER = 1 << 62

_ROW = f"({', '.join('?' * len(JournalEntry._fields))})"


@cache
def insert_statement(table: str, rows: int) -> str:
    return (
        f"INSERT INTO {table} ({REPORT_COLUMNS}) VALUES {', '.join([_ROW] * rows)}"
        " ON CONFLICT (send_time, id) DO NOTHING"
    )


def insert_reports(
    connection: sqlite3.Connection,
    entries: Sequence[JournalEntry],
    table: str = "reports",
) -> int:
    """Insert reports, leaving out those that are there already; gives how many were new.

    Many rows go into one statement: sqlite3 gives up the interpreter's lock once for each
    step, and taking it back from a busy reactor costs up to 5 ms. The sizes are powers of
    two, so that a dozen prepared statements serve every batch.
    """
    inserted = 0
    done = 0
    while left := len(entries) - done:
        rows = min(ROWS_A_STATEMENT, 1 << (left.bit_length() - 1))
        values = list(chain.from_iterable(entries[done : done + rows]))
        inserted += connection.execute(insert_statement(table, rows), values).rowcount
        done += rows
    return inserted


def quarantine(connection: sqlite3.Connection, entries: Sequence[JournalEntry]) -> int:
    """Keep reports aside; gives how many older ones had to go.

    A device that was accepted a moment ago has its reports go where they belong. One that
    has nothing left in the list is forgotten, so that made-up IMEIs cannot fill the store.
    """
    accepted = {
        imei
        for imei in {entry.imei for entry in entries}
        if connection.execute(
            "SELECT 1 FROM devices WHERE imei = ? AND policy = 'accepted'", (imei,)
        ).fetchone()
    }
    insert_reports(connection, [e for e in entries if e.imei in accepted])
    insert_reports(
        connection, [e for e in entries if e.imei not in accepted], "quarantine"
    )
    (kept,) = connection.execute("SELECT count(*) FROM quarantine").fetchone()
    if kept <= QUARANTINE_ROWS:
        return 0
    connection.execute(
        "DELETE FROM quarantine WHERE seq IN"
        " (SELECT seq FROM quarantine ORDER BY seq LIMIT ?)",
        (kept - QUARANTINE_ROWS,),
    )
    forgotten = connection.execute(
        "DELETE FROM devices WHERE policy = 'quarantined'"
        " AND imei NOT IN (SELECT imei FROM quarantine) RETURNING imei"
    ).fetchall()
    connection.executemany("DELETE FROM device_events WHERE imei = ?", forgotten)
    return int(kept - QUARANTINE_ROWS)


Span = tuple[int, int]
"""Up to which seq reports are being folded, and the share of the vehicles that is next."""


def fold(
    connection: sqlite3.Connection, part: str, latest_send_time: int, span: Span | None
) -> Span | None:
    """Carry some reports that lie behind the mark of `part` into `tracks` or `devices`.

    Many are carried a share of the vehicles at a time, each in a transaction of its own, so
    that commits in between wait for milliseconds. Doing a share twice changes nothing.

    The latest position moves forward in GPS time only. Ignition and outputs move forward in
    the device's own send time, since a report from a garage has an old GPS time; one from a
    clock that runs ahead (beyond `latest_send_time`) moves nothing.

    :param span: what the call before gave; None at first.
    :return: what to go on with; None when everything is folded.
    """
    (folded,) = connection.execute(
        "SELECT value FROM meta WHERE key = ?", (part,)
    ).fetchone()
    (newest,) = connection.execute("SELECT ifnull(max(seq), 0) FROM reports").fetchone()
    upto, share = span or (min(newest, folded + FOLD_ROWS), 0)
    shares = FOLD_SHARES if upto - folded > FOLD_ROWS / FOLD_SHARES else 1
    if folded < upto:
        connection.execute(
            _FOLD[part],
            {
                "after": folded,
                "upto": upto,
                "shares": shares,
                "share": share,
                "latest_send_time": latest_send_time,
            },
        )
        if share + 1 < shares:
            return upto, share + 1
        connection.execute("UPDATE meta SET value = ? WHERE key = ?", (upto, part))
    return None if upto >= newest else (min(newest, upto + FOLD_ROWS), 0)


# A maximum that also tells which report it is of: the time, and behind it the report's place
# in the range, which FOLD_ROWS keeps below 2**14. A pass of its own for each column, with
# the frames in the sorter, took four times as long.
_PLACES = 1 << 14


def _newest(time: str, condition: str) -> str:
    return f"max(iif({condition}, {time} * {_PLACES} + seq - :after, NULL))"


def _of(column: str, found: str) -> str:
    return f"(SELECT {column} FROM reports WHERE seq = :after + {found} % {_PLACES})"


def _if_newer(column: str, time: str, comparison: str) -> str:
    return (
        f"{column} = iif(excluded.{time} IS NOT NULL AND"
        f" (devices.{time} IS NULL OR excluded.{time} {comparison} devices.{time}),"
        f" excluded.{column}, devices.{column})"
    )


_RANGE = """FROM reports WHERE seq > :after AND seq <= :upto
    AND CAST(imei AS INTEGER) % :shares = :share"""
_STATE = "{} IS NOT NULL AND send_time <= :latest_send_time"

_FOLD = {
    "tracks": f"""INSERT OR IGNORE INTO tracks SELECT imei, time, seq {_RANGE}
        ORDER BY imei, time, seq""",
    "devices": f"""INSERT INTO devices (imei, since, last_seen, newest_seq, latest_seq, latest_time,
            ignition, ignition_time, outputs, outputs_time)
        SELECT imei, received, received, newest,
            :after + position % {_PLACES}, position / {_PLACES},
            {_of("ignition", "ignited")}, ignited / {_PLACES},
            {_of("outputs", "put_out")}, put_out / {_PLACES}
        FROM (
            SELECT imei, max(received_at) AS received, max(seq) AS newest,
                {_newest("position_time", "position_time IS NOT NULL")} AS position,
                {_newest("send_time", _STATE.format("ignition"))} AS ignited,
                {_newest("send_time", _STATE.format("outputs"))} AS put_out
            {_RANGE} GROUP BY imei)
        WHERE true
        ON CONFLICT (imei) DO UPDATE SET
            last_seen = max(last_seen, excluded.last_seen),
            newest_seq = excluded.newest_seq,
            {_if_newer("latest_seq", "latest_time", ">")},
            {_if_newer("latest_time", "latest_time", ">")},
            {_if_newer("ignition", "ignition_time", ">=")},
            {_if_newer("ignition_time", "ignition_time", ">=")},
            {_if_newer("outputs", "outputs_time", ">=")},
            {_if_newer("outputs_time", "outputs_time", ">=")}""",
}
PARTS = tuple(_FOLD)
"""What reports are folded into after they were committed."""


def change_devices(
    connection: sqlite3.Connection, changes: Iterable[DeviceChange]
) -> None:
    """Write status, last contact and the events that changed them."""
    for change in changes:
        connection.execute(
            """INSERT INTO devices (imei, policy, status, since, last_seen)
            VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (imei) DO UPDATE SET status = excluded.status,
                since = excluded.since, last_seen = max(last_seen, excluded.last_seen)""",
            (
                change.imei,
                change.policy,
                change.status,
                change.since,
                change.last_seen,
            ),
        )
        if change.event is not None:
            connection.execute(
                "INSERT INTO device_events (imei, event, at, details) VALUES (?, ?, ?, ?)",
                (
                    change.imei,
                    change.event,
                    change.since if change.at is None else change.at,
                    json.dumps(change.details),
                ),
            )


def set_policy(connection: sqlite3.Connection, imei: str, policy: str, at: int) -> None:
    """Decide about a device, known or not, and about what it has in quarantine."""
    connection.execute(
        """INSERT INTO devices (imei, policy, since, last_seen) VALUES (?, ?, ?, 0)
        ON CONFLICT (imei) DO UPDATE SET policy = excluded.policy""",
        (imei, policy, at),
    )
    if policy == "accepted":
        connection.execute(
            f"INSERT INTO reports ({REPORT_COLUMNS}) SELECT {REPORT_COLUMNS}"
            " FROM quarantine WHERE imei = ? ORDER BY seq"
            " ON CONFLICT (send_time, id) DO NOTHING",
            (imei,),
        )
    if policy != "quarantined":
        connection.execute("DELETE FROM quarantine WHERE imei = ?", (imei,))


def append_audit(connection: sqlite3.Connection, record: Record) -> Record:
    """Add to the hash chain; gives the record as written."""
    last = connection.execute(
        "SELECT record FROM audit ORDER BY sequence DESC LIMIT 1"
    ).fetchone()
    written = access.linked(record, json.loads(last[0]) if last else None)
    connection.execute(
        "INSERT INTO audit VALUES (?, ?)",
        (written["sequence"], json.dumps(written, sort_keys=True)),
    )
    return written


def acknowledge_damage(connection: sqlite3.Connection) -> int:
    """Take note of every damage that is not yet acknowledged; gives how many."""
    return connection.execute(
        "UPDATE damage SET acknowledged = 1 WHERE NOT acknowledged"
    ).rowcount


def expire(connection: sqlite3.Connection, before: int | None) -> bool:
    """Delete old reports and events, at most `EXPIRE_ROWS` of each, so that no commit waits
    long; gives whether there may be more.

    Only what is folded goes: the latest position of a vehicle is known by then.

    :param before: milliseconds since the epoch: what was received earlier goes; None: the
        oldest reports go whatever their age, and no events.
    """
    limit = _NEVER if before is None else before
    (upto,) = connection.execute(
        "SELECT max(seq) FROM (SELECT seq, received_at FROM reports"
        " WHERE seq <= (SELECT min(value) FROM meta WHERE key IN ('tracks', 'devices'))"
        " ORDER BY seq LIMIT ?) WHERE received_at < ?",
        (EXPIRE_ROWS, limit),
    ).fetchone()
    if upto is not None:
        # A vehicle's latest position stays with it when its report goes.
        connection.execute(
            """UPDATE devices SET latest_id = reports.id, latest_raw = reports.raw,
                latest_received_at = reports.received_at
            FROM reports WHERE reports.seq <= ? AND reports.received_at < ?
                AND devices.imei = reports.imei AND devices.latest_seq = reports.seq""",
            (upto, limit),
        )
        connection.execute(
            "DELETE FROM tracks WHERE (imei, time, seq) IN"
            " (SELECT imei, time, seq FROM reports WHERE seq <= ? AND received_at < ?)",
            (upto, limit),
        )
        connection.execute(
            "DELETE FROM reports WHERE seq <= ? AND received_at < ?", (upto, limit)
        )
    events = 0
    if before is not None:
        events = connection.execute(
            "DELETE FROM device_events WHERE seq IN"
            " (SELECT seq FROM device_events ORDER BY seq LIMIT ?) AND at < ?",
            (EXPIRE_ROWS, before),
        ).rowcount
    return upto is not None or events > 0


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; what was deleted is reused, not given back."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)
