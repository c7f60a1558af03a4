"""What is read from the SQLite file, each query a page at a time.

Every function works on the reader's own connection. The records are the design's; how a
report's frame becomes its record is handed in, since this folder knows no tracker protocol.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Page, Record
from gatewaykit.store import registrations, registry
from gatewaykit.times import iso

Render = Callable[[bytes, int, bytes], Record]
"""(identity, received_at in milliseconds, raw frame) to the report record."""

_FIRST = -1
_LAST = 1 << 62
_DIGITS = 19
"""As many a number of SQLite may have."""


def page(rows: Iterable[tuple[str, Record]], limit: int, max_bytes: int) -> Page:
    """Take records up to a number and a size in JSON; each comes with the cursor behind it.

    A page that is full has a cursor, though nothing may follow.
    """
    records: list[Record] = []
    size = 2
    cursor = None
    for behind, record in rows:
        size += len(json.dumps(record)) + 2
        if records and size > max_bytes:
            return Page(records, cursor)
        records.append(record)
        cursor = behind
        if len(records) == limit:
            break
    return Page(records, cursor if len(records) == limit else None)


def numbers(cursor: str | None, count: int) -> tuple[int, ...]:
    """The numbers in a cursor. Raises `MisuseError` for one that is not ours."""
    if cursor is None:
        return (_FIRST,) * count
    parts = cursor.split("-")
    if len(parts) != count or not all(
        p.isascii() and p.isdigit() and len(p) < _DIGITS for p in parts
    ):
        raise MisuseError("cursor", cursor, "the cursor of the page before")
    return tuple(int(p) for p in parts)


def history(
    connection: sqlite3.Connection,
    render: Render,
    imei: str,
    since: int | None,
    until: int | None,
    cursor: str | None,
    limit: int,
    max_bytes: int,
) -> Page:
    """See `IStore.history`. The cursor is the time and the number of the last report."""
    after_time, after_seq = numbers(cursor, 2)
    if since is not None and since > after_time:
        after_time, after_seq = since, _FIRST
    offset = registry.offset(connection, imei)
    # Rows are fetched as they are rendered: a page that ends early costs no more.
    rows = connection.execute(
        """SELECT tracks.time, seq, id, received_at, raw
        FROM tracks JOIN reports USING (seq)
        WHERE tracks.imei = ? AND (tracks.time, seq) > (?, ?) AND tracks.time <= ?
        ORDER BY tracks.time, seq LIMIT ?""",
        (imei, after_time, after_seq, _LAST if until is None else until, limit),
    )
    try:
        return page(
            (
                (
                    f"{time}-{seq}",
                    # A frame may leave its IMEI to the connection.
                    registrations.with_sent_at(
                        render(identity, received_at, raw) | {"imei": imei}, offset
                    ),
                )
                for time, seq, identity, received_at, raw in rows
            ),
            limit,
            max_bytes,
        )
    finally:
        rows.close()


def events(
    connection: sqlite3.Connection,
    imei: str | None,
    cursor: str | None,
    limit: int,
    max_bytes: int,
) -> Page:
    """See `IStore.events`. The cursor is the number of the last event."""
    where, values = ("", ()) if imei is None else ("imei = ? AND", (imei,))
    rows = connection.execute(
        "SELECT seq, imei, event, at, details FROM device_events"
        f" WHERE {where} seq > ? ORDER BY seq LIMIT ?",
        (*values, numbers(cursor, 1)[0], limit),
    )
    return page(
        (
            (
                str(seq),
                {
                    "id": seq,
                    "imei": device,
                    "event": event,
                    "at": iso(at),
                    "details": json.loads(details),
                },
            )
            for seq, device, event, at, details in rows.fetchall()
        ),
        limit,
        max_bytes,
    )


def audit(connection: sqlite3.Connection, cursor: str | None, limit: int) -> Page:
    """See `IStore.audit`. The cursor is the last sequence number."""
    rows = connection.execute(
        "SELECT sequence, record FROM audit WHERE sequence > ? ORDER BY sequence LIMIT ?",
        (numbers(cursor, 1)[0], limit),
    ).fetchall()
    return page(
        ((str(sequence), json.loads(record)) for sequence, record in rows),
        limit,
        60_000,
    )


def open_damage(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Files set aside and not yet acknowledged, each with what was wrong."""
    return connection.execute(
        "SELECT file, reason FROM damage WHERE NOT acknowledged ORDER BY seq"
    ).fetchall()
