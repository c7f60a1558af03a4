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
SMALL_BATCH = 64
QUARANTINE_ROWS = 2_000
"""Reports kept of devices that nobody accepted, all together."""
DAY_MS = 86_400_000
STRANGERS = 2_000
"""Devices kept that nobody has decided about, where those are quarantined."""

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
    step, and taking it back from a busy reactor costs up to 5 ms. The sizes are small ones
    and powers of two, so that some seventy prepared statements serve every batch.
    """
    inserted = 0
    done = 0
    while left := len(entries) - done:
        rows = min(ROWS_A_STATEMENT, 1 << (left.bit_length() - 1))
        if left < SMALL_BATCH:
            rows = left
        values = list(chain.from_iterable(entries[done : done + rows]))
        inserted += connection.execute(insert_statement(table, rows), values).rowcount
        done += rows
    return inserted


def quarantine(connection: sqlite3.Connection, entries: Sequence[JournalEntry]) -> int:
    """Keep reports aside; gives how many older ones had to go.

    A device that was accepted a moment ago has its reports go where they belong.
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
    return connection.execute(
        "DELETE FROM quarantine WHERE seq <= (SELECT max(seq) FROM quarantine) - ?",
        (QUARANTINE_ROWS,),
    ).rowcount


def _forget_strangers(connection: sqlite3.Connection) -> None:
    """Made-up IMEIs cannot fill the store: the longest silent go, with all they left."""
    for imei in connection.execute(
        """DELETE FROM devices WHERE imei IN (
            SELECT imei FROM devices WHERE policy = 'quarantined' AND NOT decided
            ORDER BY last_seen DESC LIMIT -1 OFFSET ?) RETURNING imei""",
        (STRANGERS,),
    ).fetchall():
        connection.execute("DELETE FROM device_events WHERE imei = ?", imei)
        connection.execute("DELETE FROM quarantine WHERE imei = ?", imei)
        connection.execute("DELETE FROM vehicle_states WHERE imei = ?", imei)


def change_devices(
    connection: sqlite3.Connection, changes: Iterable[DeviceChange]
) -> None:
    """Write status, last contact and the events that changed them."""
    strangers = False
    for change in changes:
        strangers = strangers or change.policy == "quarantined"
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
        if change.blocked is not None:
            connection.execute(
                """INSERT INTO vehicle_states (imei, blocked, blocked_at)
                VALUES (?, ?, ?) ON CONFLICT (imei) DO UPDATE
                SET blocked = excluded.blocked, blocked_at = excluded.blocked_at""",
                (change.imei, change.blocked, change.last_seen),
            )
        if change.event is not None:
            at = change.since if change.at is None else change.at
            add_event(connection, change.imei, change.event, at, change.details)
    if strangers:
        _forget_strangers(connection)


def add_event(
    connection: sqlite3.Connection, imei: str, event: str, at: int, details: Record
) -> None:
    """Add to what happened to a device."""
    connection.execute(
        "INSERT INTO device_events (imei, event, at, details) VALUES (?, ?, ?, ?)",
        (imei, event, at, json.dumps(details, allow_nan=False)),
    )


def set_policy(connection: sqlite3.Connection, imei: str, policy: str, at: int) -> None:
    """Decide about a device, known or not, and about what it has in quarantine."""
    connection.execute(
        """INSERT INTO devices (imei, policy, decided, since, last_seen)
        VALUES (?, ?, 1, ?, 0)
        ON CONFLICT (imei) DO UPDATE SET policy = excluded.policy, decided = 1""",
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


def expire(
    connection: sqlite3.Connection, rows: int, before: int | None, ahead: int
) -> bool:
    """Delete old reports, and events and finished commands that are as old, at most `rows`
    of each, so that no commit waits long; gives whether there may be more.

    Only what is folded goes: the latest position of a vehicle is known by then.

    :param before: milliseconds since the epoch: what was received earlier goes; None: the
        oldest reports go whatever their age.
    :param ahead: a day from now: what was received later than this, by a clock that ran
        ahead, goes too.
    """
    old = "true" if before is None else "(received_at < ? OR received_at > ?)"
    bounds = () if before is None else (before, ahead)
    (upto, newest) = connection.execute(
        f"""SELECT max(seq), max(received_at) FROM (
            SELECT seq, received_at FROM reports
            WHERE seq <= (SELECT min(value) FROM meta
                WHERE key IN ('tracks', 'devices', 'events'))
            ORDER BY seq LIMIT ?) WHERE {old}""",
        (rows, *bounds),
    ).fetchone()
    if upto is not None:
        gone = f"reports WHERE reports.seq <= ? AND {old}"
        # A vehicle's latest position stays with it when its report goes.
        connection.execute(
            f"""UPDATE devices SET latest_id = reports.id, latest_raw = reports.raw,
                latest_received_at = reports.received_at
            FROM {gone}
                AND devices.imei = reports.imei AND devices.latest_seq = reports.seq""",
            (upto, *bounds),
        )
        connection.execute(
            "DELETE FROM tracks WHERE (imei, time, seq) IN"
            f" (SELECT imei, time, seq FROM {gone})",
            (upto, *bounds),
        )
        connection.execute(f"DELETE FROM {gone}", (upto, *bounds))
    old_at = (newest or 0) if before is None else before
    # Of a command somebody may still want to hear for a while, however small the file is.
    spent_at = min(old_at, ahead - 2 * DAY_MS)
    others = 0
    for table, moment, least, also in (
        ("device_events", "at", old_at, ""),
        ("commands", "created_at", spent_at, " AND status IN ('confirmed', 'failed')"),
    ):
        others += connection.execute(
            f"DELETE FROM {table} WHERE seq IN"
            f" (SELECT seq FROM {table} ORDER BY seq LIMIT ?)"
            f" AND ({moment} < ? OR {moment} > ?){also}",
            (rows, least, ahead),
        ).rowcount
    return upto is not None or others > 0


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; what was deleted is reused, not given back."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)
