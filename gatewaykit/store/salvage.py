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
from typing import Any

from gatewaykit.store import first_page, schema, writes
from gatewaykit.store.plausible import CHECKS, is_plausible
from gatewaykit.times import iso

_BATCH_ROWS = 1000
OPEN_COMMAND = "unknown: the store was damaged"
_FARTHEST_ROWID = 1 << 40


def finish_interrupted(path: Path) -> bool:
    """Complete or drop what a crash left of an earlier salvage. Call before opening.

    :return: whether a finished file took its name.
    """
    fresh = _beside(path, ".salvage")
    finished = not path.exists() and _is_finished(fresh)
    if finished:
        # Its own log was taken in; one found here belongs to the damaged file.
        _remove(path)
        fresh.rename(path)
    _remove(fresh)
    _remove(_beside(path, ".salvage-source"))
    return finished


def _is_finished(fresh: Path) -> bool:
    if not fresh.exists():
        return False
    try:
        with closing(sqlite3.connect(fresh)) as connection:
            # Its last transaction writes this.
            return bool(connection.execute("SELECT 1 FROM damage").fetchone())
    except sqlite3.Error:
        return False


def salvage(path: Path, reason: str, at: int) -> Path:
    """Replace the damaged file at `path` by a new one with all rows that can be read.

    :param reason: what SQLite said.
    :param at: milliseconds since the epoch.
    :return: where the damaged file lies now.
    :raises OSError: there is no such file, or no room for another.
    :raises sqlite3.Error: the new file cannot be written.
    """
    path.stat()
    fresh = _beside(path, ".salvage")
    _remove(fresh)
    aside = _free_name(path, at)
    with closing(schema.connect(fresh)) as target:
        schema.prepare(target, fresh)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # The rows need not be durable one by one: the file counts once it is whole.
        target.execute("PRAGMA synchronous = OFF")
        with _Source(path, fresh) as source:
            counts = _copy_tables(source, target)
        target.execute("BEGIN")
        arguments = {"file": str(aside), "reason": reason}
        if failed := _fail_open_commands(target, at):
            arguments["commands"] = ", ".join(failed)
        writes.append_audit(
            target,
            {
                "at": iso(at),
                "who": "gatewaykit",
                "from_where": "store",
                "what": "store_damaged",
                "arguments": arguments,
                "outcome": "salvaged; the chain may be broken before this record",
            },
        )
        target.execute(
            "INSERT INTO damage (at, file, reason, salvaged) VALUES (?, ?, ?, ?)",
            (at, str(aside), reason, json.dumps(counts)),
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


class _Source:
    """The damaged file, open for reading as far as that goes.

    Without its first page nobody knows where its tables are: then a copy of it that has one
    is read.
    """

    def __init__(self, path: Path, fresh: Path) -> None:
        self._path = path
        self._patched = _beside(path, ".salvage-source")
        self._fresh = fresh

    def __enter__(self) -> sqlite3.Connection:
        self._connection = _open_damaged(self._path)
        if not _has_its_tables(self._connection):
            self._connection.close()
            self._patch()
            self._connection = _open_damaged(self._patched)
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        _remove(self._patched)

    def _patch(self) -> None:
        _remove(self._patched)
        shutil.copyfile(self._path, self._patched)
        with suppress(FileNotFoundError):
            shutil.copyfile(_beside(self._path, "-wal"), _beside(self._patched, "-wal"))
        first_page.restore(self._patched, self._fresh)


def _has_its_tables(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1 FROM reports LIMIT 0")
        row = connection.execute(
            "SELECT value FROM meta WHERE key = 'roots'"
        ).fetchone()
        # A file of version 1 has no others.
        for table in json.loads(row[0]) if row else ():
            connection.execute(f'SELECT 1 FROM "{table}" LIMIT 0')
    except (sqlite3.DatabaseError, ValueError, TypeError):
        return False
    return True


def _open_damaged(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    # With this on, SQLite opens files whose length or schema is not what it should be.
    connection.execute("PRAGMA writable_schema = ON")
    return connection


def _copy_tables(
    source: sqlite3.Connection, target: sqlite3.Connection
) -> dict[str, int]:
    """Copy what is readable and plausible; gives the number of rows by table."""
    counts = dict.fromkeys(CHECKS, 0)
    for table, columns in CHECKS.items():
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        # OR IGNORE: a row that breaks a constraint was not readable after all.
        insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({marks})"
        target.execute("BEGIN")
        for number, row in enumerate(_readable_rows(source, table, names), 1):
            if is_plausible(table, row):
                counts[table] += target.execute(insert, row).rowcount
            if number % _BATCH_ROWS == 0:
                target.execute("COMMIT")
                target.execute("BEGIN")
        target.execute("COMMIT")
    # The position whose report is in the file is found again by folding.
    target.execute("UPDATE devices SET latest_time = NULL WHERE latest_raw IS NULL")
    _keep_numbers(source, target)
    _keep_mark(source, target)
    return counts


def _fail_open_commands(target: sqlite3.Connection, at: int) -> list[str]:
    """Nobody knows what became of them since; gives their ids."""
    return [
        id_
        for (id_,) in target.execute(
            """UPDATE commands SET status = 'failed', reason = ?, failed_at = ?
            WHERE status IN ('pending', 'sent') RETURNING id""",
            (OPEN_COMMAND, at),
        ).fetchall()
    ]


def _keep_mark(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """What has made its event makes no other; where that is not known, none does."""
    (newest,) = target.execute("SELECT coalesce(max(seq), 0) FROM reports").fetchone()
    mark = newest
    with suppress(sqlite3.DatabaseError):
        row = source.execute("SELECT value FROM meta WHERE key = 'events'").fetchone()
        if row and isinstance(row[0], int) and 0 <= row[0] < newest:
            mark = row[0]
    target.execute("UPDATE meta SET value = ? WHERE key = 'events'", (mark,))


def _keep_numbers(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """A number that was given to a lost row is not given again."""
    rows: list[Any] = []
    with suppress(sqlite3.DatabaseError):
        rows = source.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    for name, seq in rows:
        if name in CHECKS and is_plausible("sqlite_sequence", (name, seq)):
            target.execute(
                "DELETE FROM sqlite_sequence WHERE name = ? AND seq <= ?", (name, seq)
            )
            target.execute(
                "INSERT INTO sqlite_sequence SELECT ?, ?"
                " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
                (name, seq, name),
            )


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
                # On damaged pages the order may be too.
                if rowid >= start:
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
