"""What is read from the SQLite file, each query a page at a time.

Every function works on the reader's own connection. The records are the design's; how a
report's frame becomes its record is handed in, since this folder knows no tracker protocol.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import DeviceRow, Page, Record
from gatewaykit.store import registrations
from gatewaykit.times import iso

Render = Callable[[bytes, int, bytes], Record]
"""(identity, received_at in milliseconds, raw frame) to the report record."""
ModelOf = Callable[[str], str | None]
"""A protocol version to the name of the device's model."""

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
                # A frame may leave its IMEI to the connection.
                (f"{time}-{seq}", render(identity, received_at, raw) | {"imei": imei})
                for time, seq, identity, received_at, raw in rows
            ),
            limit,
            max_bytes,
        )
    finally:
        rows.close()


_LATEST = """devices.imei, latest_time, coalesce(latest.id, latest_id),
    coalesce(latest.received_at, latest_received_at), coalesce(latest.raw, latest_raw)"""
_DEVICE = f"""SELECT {_LATEST}, policy, status, since, last_seen,
        devices.ignition, devices.outputs, newest.raw
    FROM devices
    LEFT JOIN reports AS latest
        ON latest.seq = latest_seq AND latest.imei = devices.imei
    LEFT JOIN reports AS newest
        ON newest.seq = newest_seq AND newest.imei = devices.imei"""


def _latest(render: Render, row: tuple[Any, ...]) -> Record | None:
    imei, time, identity, received_at, raw = row
    if raw is None:
        return None
    report = render(identity, received_at, raw)
    digits = str(time)
    stamp = (
        f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}"
        f"T{digits[8:10]}:{digits[10:12]}:{digits[12:]}Z"
    )
    for position in report["positions"]:
        if position["gps_time"] == stamp and position["longitude"] is not None:
            return {
                "imei": imei,
                "type": report["type"],
                "report_id": report["id"],
                "received_at": report["received_at"],
                **position,
            }
    return None


def _device(render: Render, model_of: ModelOf, row: tuple[Any, ...]) -> Record:
    policy, status, since, last_seen, ignition, outputs, newest_raw = row[5:]
    # The newest report tells its name; once that is deleted, the one kept for its position.
    told = row[4] if newest_raw is None else newest_raw
    newest = {} if told is None else render(b"", last_seen, told)
    version = newest.get("protocol_version")
    return {
        "imei": row[0],
        "name": newest.get("device_name") or None,
        "model": model_of(version or ""),
        "protocol_version": version,
        "policy": policy,
        "status": status,
        "since": iso(since),
        "last_seen": iso(last_seen) if last_seen else None,
        "ignition": None if ignition is None else bool(ignition),
        "outputs": outputs,
        "latest": _latest(render, row[:5]),
    }


def devices(
    connection: sqlite3.Connection,
    render: Render,
    model_of: ModelOf,
    cursor: str | None,
    limit: int,
    max_bytes: int,
    policy: str | None,
) -> Page:
    """See `IStore.devices`. The cursor is the last IMEI."""
    where, values = "", []
    if policy is not None:
        where, values = "policy = ? AND", [registrations.checked_policy(policy)]
    rows = connection.execute(
        f"{_DEVICE} WHERE {where} devices.imei > ? ORDER BY devices.imei LIMIT ?",
        (*values, cursor or "", limit),
    )
    try:
        return page(
            ((row[0], _device(render, model_of, row)) for row in rows),
            limit,
            max_bytes,
        )
    finally:
        rows.close()


def device(
    connection: sqlite3.Connection, render: Render, model_of: ModelOf, imei: str
) -> Record | None:
    """See `IStore.device`."""
    row = connection.execute(f"{_DEVICE} WHERE devices.imei = ?", (imei,)).fetchone()
    return None if row is None else _device(render, model_of, row)


def latest_position(
    connection: sqlite3.Connection, render: Render, imei: str
) -> Record | None:
    """See `IStore.latest_position`."""
    row = connection.execute(
        f"SELECT {_LATEST} FROM devices"
        " LEFT JOIN reports AS latest ON latest.seq = latest_seq"
        " AND latest.imei = devices.imei WHERE devices.imei = ?",
        (imei,),
    ).fetchone()
    return None if row is None else _latest(render, row)


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


def load_devices(connection: sqlite3.Connection) -> list[DeviceRow]:
    """See `IStore.load_devices`."""
    return list(_device_rows(connection))


def _device_rows(connection: sqlite3.Connection) -> Iterator[DeviceRow]:
    for imei, status, since, last_seen, policy in connection.execute(
        "SELECT imei, status, since, last_seen, policy FROM devices"
    ):
        yield DeviceRow(imei, status, since, last_seen, policy)


def open_damage(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Files set aside and not yet acknowledged, each with what was wrong."""
    return connection.execute(
        "SELECT file, reason FROM damage WHERE NOT acknowledged ORDER BY seq"
    ).fetchall()
