"""Registrations, settings and states of devices in the SQLite file.

What writes works on the writer's connection inside a transaction that its caller begins and
commits, what reads on the reader's.
"""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from gatewaykit.interfaces import Record
from gatewaykit.store import registrations, writes
from gatewaykit.times import iso
from gatewaykit.vehicles import Registration, SettingChange

_COLUMNS = ", ".join(f'"{name}"' for name in registrations.FIELDS)


def register(
    connection: sqlite3.Connection,
    imei: str,
    values: Record,
    policy: str | None,
    at: int,
) -> Registration:
    """See `IStore.register`. A device that was not met yet is known from now on, as an
    accepted one, and none that people said something of is forgotten as a stranger."""
    registrations.checked(values)
    if policy is not None:
        writes.set_policy(connection, imei, registrations.checked_policy(policy), at)
    else:
        connection.execute(
            """INSERT INTO devices (imei, decided, since, last_seen) VALUES (?, 1, ?, 0)
            ON CONFLICT (imei) DO UPDATE SET decided = 1""",
            (imei, at),
        )
    connection.execute(
        "INSERT INTO registrations (imei) VALUES (?) ON CONFLICT DO NOTHING", (imei,)
    )
    for name, value in values.items():
        connection.execute(
            f'UPDATE registrations SET "{name}" = ? WHERE imei = ?', (value, imei)
        )
    return Registration(
        *connection.execute(
            f"SELECT {_COLUMNS} FROM registrations WHERE imei = ?", (imei,)
        ).fetchone()
    )


def change_setting(
    connection: sqlite3.Connection, change: SettingChange, at: int
) -> None:
    """Write what a device is wanted to be set to, or says that it is."""
    for column, value in (("wanted", change.wanted), ("applied", change.applied)):
        if value is not None:
            connection.execute(
                f"""INSERT INTO device_settings (imei, name, {column}, {column}_at)
                VALUES (?, ?, ?, ?) ON CONFLICT (imei, name) DO UPDATE
                SET {column} = excluded.{column}, {column}_at = excluded.{column}_at""",
                (change.imei, change.name, json.dumps(value, allow_nan=False), at),
            )


def offset(connection: sqlite3.Connection, imei: str) -> int | None:
    """Minutes that a device's clock is east of UTC: as set, else as estimated."""
    row = connection.execute(
        """SELECT coalesce(
            (SELECT timezone_offset_min FROM registrations WHERE imei = :imei),
            (SELECT timezone_estimate_min FROM vehicle_states WHERE imei = :imei))""",
        {"imei": imei},
    ).fetchone()
    found: int | None = row[0]
    return found


def settings(connection: sqlite3.Connection, imei: str) -> Record:
    """The settings of a device by name: `wanted`, `applied`, `wanted_at`, `applied_at`."""
    return {
        name: {
            "wanted": _value(wanted),
            "applied": _value(applied),
            "wanted_at": None if wanted_at is None else iso(wanted_at),
            "applied_at": None if applied_at is None else iso(applied_at),
        }
        for name, wanted, applied, wanted_at, applied_at in connection.execute(
            "SELECT name, wanted, applied, wanted_at, applied_at"
            " FROM device_settings WHERE imei = ? ORDER BY name",
            (imei,),
        )
    }


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)
