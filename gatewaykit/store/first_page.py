"""The first page of a file, made anew: without it nobody knows where the tables are.

A file's own first page also has its indices and triggers, and may go on in other pages; for
reading the rows of the tables one by one none of that is needed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from gatewaykit.store import schema

_HEADER_BYTES = 100
_PAGES_AT = 28
_SEQUENCE = "sqlite_sequence"


def restore(path: Path, fresh: Path) -> None:
    """Give the damaged file at `path` a first page by which its tables can be read.

    :param fresh: a new file of ours: version 1 began its tables at the same pages, and
        `meta`, whose page is the same in every version, tells where later ones begin.
    """
    with closing(sqlite3.connect(fresh)) as connection:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        roots = schema.roots(connection)
        forms = {table: _form(connection, table) for table in roots}
    with fresh.open("rb") as file:
        header = bytearray(file.read(_HEADER_BYTES))
    pages = path.stat().st_size // page_size
    header[_PAGES_AT : _PAGES_AT + 4] = pages.to_bytes(4, "big")

    def write(beginnings: Mapping[str, int]) -> None:
        page = _page(forms, beginnings, page_size)
        with path.open("r+b") as file:
            file.write(header + page[_HEADER_BYTES:])

    write(roots)
    kept = _kept_roots(path)
    if kept:
        write({table: kept.get(table, roots[table]) for table in roots})


def _form(connection: sqlite3.Connection, table: str) -> str:
    """A table's statement with as little in it as its rows need to be read."""
    (statement,) = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = ?", (table,)
    ).fetchone()
    if statement.endswith("WITHOUT ROWID"):
        return str(statement)
    columns = (
        f'"{name}" INTEGER PRIMARY KEY' if key and type_ == "INTEGER" else f'"{name}"'
        for _, name, type_, _, _, key in connection.execute(
            f"PRAGMA table_info({table})"
        )
    )
    return f"CREATE TABLE {table}({','.join(columns)})"


def _page(forms: Mapping[str, str], roots: Mapping[str, int], page_size: int) -> bytes:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {page_size}")
        connection.execute("PRAGMA writable_schema = ON")
        connection.executemany(
            "INSERT INTO sqlite_schema VALUES ('table', ?1, ?1, ?2, ?3)",
            [(table, roots[table], form) for table, form in forms.items()],
        )
        return connection.serialize()[:page_size]


def _kept_roots(path: Path) -> dict[str, int]:
    """What the file itself says of where its tables begin, as far as that can be read."""
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA writable_schema = ON")
            row = connection.execute(
                "SELECT value FROM meta WHERE key = 'roots'"
            ).fetchone()
        kept = json.loads(row[0]) if row else {}
    except (sqlite3.Error, ValueError, TypeError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {
        table: root for table, root in kept.items() if type(root) is int and root > 1
    }
