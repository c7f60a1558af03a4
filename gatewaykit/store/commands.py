"""Commands in the SQLite file, statement by statement.

What writes works on the writer's connection inside a transaction that its caller begins and
commits, what reads on the reader's.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Page, Record
from gatewaykit.store import queries, registry, writes
from gatewaykit.store.command_records import (
    FIELDS,
    changed,
    checked_status,
    record_of,
    without_spent_secrets,
)
from gatewaykit.vehicles import Command, CommandChange, SettingChange

_COLUMNS = ", ".join(FIELDS)
_MARKS = ", ".join("?" * len(FIELDS))
_AS_JSON = frozenset({"parameters", "secrets"})
_NEWEST = 1 << 62


def _row(command: Command) -> list[Any]:
    return [
        json.dumps(value, allow_nan=False) if name in _AS_JSON else value
        for name in FIELDS
        for value in (getattr(command, name),)
    ]


def _command(row: Sequence[Any]) -> Command:
    values = dict(zip(FIELDS, row, strict=True))
    for name in _AS_JSON:
        values[name] = json.loads(values[name])
    return Command(**values)


def add(
    connection: sqlite3.Connection,
    command: Command,
    audit: Record,
    superseded: Sequence[CommandChange],
    settings: Sequence[SettingChange],
) -> list[bool]:
    """See `IStore.add_command`."""
    if _find(connection, command.id) is not None:
        raise MisuseError("id", command.id, "an id that no other command has")
    connection.execute(
        f"INSERT INTO commands ({_COLUMNS}) VALUES ({_MARKS})",
        _row(without_spent_secrets(command)),
    )
    writes.append_audit(connection, audit)
    done = [change(connection, each) for each in superseded]
    for setting in settings:
        registry.change_setting(connection, setting, command.created_at)
    return done


def change(connection: sqlite3.Connection, wanted: CommandChange) -> bool:
    """See `IStore.change_command`."""
    command = _find(connection, wanted.id)
    after = None if command is None else changed(command, wanted)
    if after is None:
        return False
    row = dict(zip(FIELDS, _row(after), strict=True))
    names = sorted({*wanted.set, "secrets"})
    connection.execute(
        f"UPDATE commands SET {', '.join(f'{name} = ?' for name in names)} WHERE id = ?",
        (*(row[name] for name in names), wanted.id),
    )
    if wanted.audit is not None:
        writes.append_audit(connection, wanted.audit)
    if wanted.event is not None:
        writes.add_event(
            connection, after.imei, wanted.event, wanted.at, wanted.details
        )
    for setting in wanted.settings:
        registry.change_setting(connection, setting, wanted.at)
    return True


def _find(connection: sqlite3.Connection, id_: str) -> Command | None:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM commands WHERE id = ?", (id_,)
    ).fetchone()
    return None if row is None else _command(row)


def load(connection: sqlite3.Connection, sent_since: int) -> list[Command]:
    """See `IStore.load_commands`."""
    rows = connection.execute(
        f"""SELECT {_COLUMNS} FROM commands
        WHERE status IN ('pending', 'sent') OR (sent_at >= ? AND (
            (status = 'confirmed' AND verified_at IS NULL)
            OR (status = 'failed' AND confirmed_at IS NULL AND late_ack_at IS NULL)))
        ORDER BY seq""",
        (sent_since,),
    )
    return [_command(row) for row in rows]


def one(connection: sqlite3.Connection, id_: str) -> Record | None:
    """See `IStore.command`."""
    command = _find(connection, id_)
    return None if command is None else record_of(command)


def newest(
    connection: sqlite3.Connection,
    imei: str | None,
    status: str | None,
    cursor: str | None,
    limit: int,
    max_bytes: int,
) -> Page:
    """See `IStore.commands`. The cursor is the number of the last command."""
    before = _NEWEST if cursor is None else queries.numbers(cursor, 1)[0]
    where = "seq < ?"
    values: list[Any] = [before]
    if imei is not None:
        where, values = f"imei = ? AND {where}", [imei, *values]
    if status is not None:
        # With a vehicle it is that one's commands which are gone through.
        plus = "+" if imei is not None else ""
        where = f"{plus}status = ? AND {where}"
        values = [checked_status(status), *values]
    rows = connection.execute(
        f"SELECT seq, {_COLUMNS} FROM commands WHERE {where} ORDER BY seq DESC LIMIT ?",
        (*values, limit),
    )
    try:
        return queries.page(
            ((str(row[0]), record_of(_command(row[1:]))) for row in rows),
            limit,
            max_bytes,
        )
    finally:
        rows.close()
