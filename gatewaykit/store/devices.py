"""Devices as they are read from the SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from gatewaykit.interfaces import DeviceRow, Page, Record
from gatewaykit.store import queries, registrations, registry
from gatewaykit.times import iso
from gatewaykit.vehicles import Registration

ModelOf = Callable[[str], str | None]
"""A protocol version to the name of the device's model."""

_REGISTERED = """registrations.name, model, "group", timezone_offset_min, block_level,
    password_ref"""
_LATEST = """devices.imei, latest_time, coalesce(latest.id, latest_id),
    coalesce(latest.received_at, latest_received_at), coalesce(latest.raw, latest_raw)"""
_DEVICE = f"""SELECT {_LATEST}, policy, status, since, last_seen,
        devices.ignition, devices.outputs, newest.raw, {_REGISTERED},
        vehicle_states.blocked, timezone_estimate_min
    FROM devices
    LEFT JOIN registrations ON registrations.imei = devices.imei
    LEFT JOIN vehicle_states ON vehicle_states.imei = devices.imei
    LEFT JOIN reports AS latest
        ON latest.seq = latest_seq AND latest.imei = devices.imei
    LEFT JOIN reports AS newest
        ON newest.seq = newest_seq AND newest.imei = devices.imei"""


def _latest(render: queries.Render, row: tuple[Any, ...]) -> Record | None:
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


def _device(
    connection: sqlite3.Connection,
    render: queries.Render,
    model_of: ModelOf,
    row: tuple[Any, ...],
) -> Record:
    policy, status, since, last_seen, ignition, outputs, newest_raw = row[5:12]
    *registered, blocked, estimate_min = row[12:]
    registration = Registration(*registered)
    # The newest report tells its name; once that is deleted, the one kept for its position.
    told = row[4] if newest_raw is None else newest_raw
    newest = {} if told is None else render(b"", last_seen, told)
    version = newest.get("protocol_version")
    return {
        "imei": row[0],
        "name": registration.name or newest.get("device_name") or None,
        "model": registration.model or model_of(version or ""),
        "protocol_version": version,
        "policy": policy,
        "status": status,
        "since": iso(since),
        "last_seen": iso(last_seen) if last_seen else None,
        "gateway": None,
        "ignition": None if ignition is None else bool(ignition),
        "outputs": outputs,
        "blocked": None if blocked is None else bool(blocked),
        **registrations.shown(registration, estimate_min),
        "settings": registry.settings(connection, row[0]),
        "latest": _latest(render, row[:5]),
    }


def devices(
    connection: sqlite3.Connection,
    render: queries.Render,
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
        return queries.page(
            ((row[0], _device(connection, render, model_of, row)) for row in rows),
            limit,
            max_bytes,
        )
    finally:
        rows.close()


def device(
    connection: sqlite3.Connection, render: queries.Render, model_of: ModelOf, imei: str
) -> Record | None:
    """See `IStore.device`."""
    row = connection.execute(f"{_DEVICE} WHERE devices.imei = ?", (imei,)).fetchone()
    return None if row is None else _device(connection, render, model_of, row)


def latest_position(
    connection: sqlite3.Connection, render: queries.Render, imei: str
) -> Record | None:
    """See `IStore.latest_position`."""
    row = connection.execute(
        f"SELECT {_LATEST} FROM devices"
        " LEFT JOIN reports AS latest ON latest.seq = latest_seq"
        " AND latest.imei = devices.imei WHERE devices.imei = ?",
        (imei,),
    ).fetchone()
    return None if row is None else _latest(render, row)


def load_devices(connection: sqlite3.Connection) -> list[DeviceRow]:
    """See `IStore.load_devices`."""
    return list(_device_rows(connection))


def _device_rows(connection: sqlite3.Connection) -> Iterator[DeviceRow]:
    for row in connection.execute(
        f"""SELECT devices.imei, status, since, last_seen, policy,
            vehicle_states.blocked, registrations.imei, {_REGISTERED}
        FROM devices
        LEFT JOIN registrations ON registrations.imei = devices.imei
        LEFT JOIN vehicle_states ON vehicle_states.imei = devices.imei"""
    ):
        imei, status, since, last_seen, policy, blocked, registered = row[:7]
        yield DeviceRow(
            imei,
            status,
            since,
            last_seen,
            policy,
            None if blocked is None else bool(blocked),
            Registration(*row[7:]) if registered else None,
        )
