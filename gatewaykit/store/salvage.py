"""What to do with a damaged database file: save its readable rows, set it aside.

Only what SQLite itself calls CORRUPT or NOTADB comes here. The new file is built beside the
damaged one and takes its name when it is whole, so that a crash in between loses nothing:
until the last rename, the next start finds either the damaged file or the finished one.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from gatewaykit.store import schema, writes
from gatewaykit.times import iso

_BATCH_ROWS = 1000
_FARTHEST_ROWID = 1 << 40

# `tracks` is not here: it is folded anew. Neither is `meta`, for the same reason.
_TABLES = {
    "reports": f"seq, {schema.REPORT_COLUMNS}",
    "devices": "imei, policy, status, since, last_seen,"
    " latest_seq, latest_time, latest_id, latest_received_at, latest_raw",
    "device_events": "seq, imei, event, at, details",
    "quarantine": f"seq, {schema.REPORT_COLUMNS}",
    "audit": "sequence, record",
    "damage": "seq, at, file, reason, salvaged, acknowledged",
}


def finish_interrupted(path: Path) -> None:
    """Complete or drop what a crash left of an earlier salvage. Call before opening."""
    fresh = _beside(path, ".salvage")
    if fresh.exists() and not path.exists():
        # Its own journal was folded in; one found here belongs to the damaged file.
        _remove(path)
        fresh.rename(path)
    _remove(fresh)
    _remove(_beside(path, ".salvage-source"))


def salvage(path: Path, reason: str, at: int) -> Path:
    """Replace the damaged file at `path` by a new one with all rows that can be read.

    :param reason: what SQLite said.
    :param at: milliseconds since the epoch.
    :return: where the damaged file lies now.
    """
    fresh = _beside(path, ".salvage")
    _remove(fresh)
    aside = _free_name(path, at)
    with closing(schema.connect(fresh)) as target:
        schema.prepare(target, fresh)
        # The rows need not be durable one by one: the file counts once it is whole.
        target.execute("PRAGMA synchronous = OFF")
        counts = _copy_rows(path, target, fresh)
        target.execute("BEGIN")
        target.execute(
            "INSERT INTO damage (at, file, reason, salvaged) VALUES (?, ?, ?, ?)",
            (at, str(aside), reason, json.dumps(counts)),
        )
        writes.append_audit(
            target,
            {
                "at": iso(at),
                "who": "gatewaykit",
                "from_where": "store",
                "what": "store_damaged",
                "arguments": {"file": str(aside), "reason": reason},
                "outcome": "salvaged; the chain may be broken before this record",
            },
        )
        target.execute("COMMIT")
    _sync(fresh)
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    fresh.rename(path)
    _sync(path.parent)
    return aside


def _copy_rows(path: Path, target: sqlite3.Connection, fresh: Path) -> dict[str, int]:
    counts = dict.fromkeys(_TABLES, 0)
    try:
        with closing(_open_damaged(path)) as source:
            source.execute("SELECT 1 FROM reports LIMIT 0")
            _copy_tables(source, target, counts)
    except sqlite3.DatabaseError:
        # The first page is gone, and with it the map of the tables. A file made by the same
        # statements has the same map: read a copy that has its first page.
        patched = _beside(path, ".salvage-source")
        _patch_first_page(path, patched, target, fresh)
        try:
            with (
                suppress(sqlite3.DatabaseError),
                closing(_open_damaged(patched)) as source,
            ):
                _copy_tables(source, target, counts)
        finally:
            _remove(patched)
    return counts


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    # With this on, SQLite opens files whose length or schema is not what it should be.
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _patch_first_page(
    path: Path, patched: Path, target: sqlite3.Connection, fresh: Path
) -> None:
    target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page_size,) = target.execute("PRAGMA page_size").fetchone()
    shutil.copyfile(path, patched)
    with suppress(FileNotFoundError):
        shutil.copyfile(_beside(path, "-wal"), _beside(patched, "-wal"))
    first = bytearray(fresh.read_bytes()[:page_size])
    first[28:32] = (patched.stat().st_size // page_size).to_bytes(4, "big")
    with patched.open("r+b") as file:
        file.write(first)


def _copy_tables(
    source: sqlite3.Connection, target: sqlite3.Connection, counts: dict[str, int]
) -> None:
    for table, columns in _TABLES.items():
        marks = ", ".join("?" * (columns.count(",") + 1))
        # OR IGNORE: a row that breaks a constraint was not readable after all.
        insert = f"INSERT OR IGNORE INTO {table} ({columns}) VALUES ({marks})"
        target.execute("BEGIN")
        for number, row in enumerate(_readable_rows(source, table, columns), 1):
            if _plausible(table, row):
                counts[table] += target.execute(insert, row).rowcount
            if number % _BATCH_ROWS == 0:
                target.execute("COMMIT")
                target.execute("BEGIN")
        target.execute("COMMIT")


def _plausible(table: str, row: tuple[object, ...]) -> bool:
    if table in ("reports", "quarantine"):
        identity, imei, raw = row[1], row[2], row[-1]
        return (
            isinstance(identity, bytes)
            and len(identity) == 16
            and isinstance(imei, str)
            and isinstance(raw, bytes)
        )
    if table == "audit":
        try:
            return isinstance(json.loads(str(row[1])), dict)
        except ValueError:
            return False
    return True


def _readable_rows(
    connection: sqlite3.Connection, table: str, columns: str
) -> Iterator[tuple[object, ...]]:
    """All rows that can be reached, in order, with the unreadable stretches left out."""
    select = (
        f"SELECT rowid, {columns} FROM {table} WHERE rowid >= ? ORDER BY rowid LIMIT ?"
    )
    start: int | None = 0
    while start is not None:
        try:
            for rowid, *row in connection.execute(select, (start, -1)):
                start = rowid + 1
                yield tuple(row)
        except sqlite3.DatabaseError:
            start = _next_readable(connection, select, start)
        else:
            return


def _next_readable(
    connection: sqlite3.Connection, select: str, unreadable: int
) -> int | None:
    """The first rowid behind `unreadable` from which on something can be read again.

    Looks ahead in doubling steps, then halves the last one.
    """

    def readable(start: int) -> bool:
        try:
            connection.execute(select, (start, 1)).fetchall()
        except sqlite3.DatabaseError:
            return False
        return True

    step = 1
    while not readable(unreadable + step):
        step *= 2
        if step > _FARTHEST_ROWID:
            return None
    low, high = unreadable + step // 2, unreadable + step
    while high - low > 1:
        middle = (low + high) // 2
        if readable(middle):
            high = middle
        else:
            low = middle
    return high


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _free_name(path: Path, at: int) -> Path:
    name = aside = _beside(path, f".damaged-{at}")
    number = 1
    while aside.exists():
        number += 1
        aside = _beside(name, f"-{number}")
    return aside


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _beside(path, suffix).unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
