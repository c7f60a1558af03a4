"""Pages of records in memory."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Page, Record


def copied(value: Any) -> Any:
    """What comes back of a value that was written as JSON; refuses what has no such form."""
    return json.loads(json.dumps(value, allow_nan=False))


def numbers(cursor: str | None, parts: int) -> tuple[int, ...]:
    """The numbers in a cursor, -1 for none. Raises `MisuseError` for one not ours."""
    if cursor is None:
        return (-1,) * parts
    numbers = cursor.split("-")
    if len(numbers) != parts or not all(n.isascii() and n.isdigit() for n in numbers):
        raise MisuseError("cursor", cursor, "the cursor of the page before")
    return tuple(int(n) for n in numbers)


def page(rows: Sequence[tuple[str, Record]], limit: int, max_bytes: int) -> Page:
    """Take rows up to a number and a size; each comes with the cursor behind it."""
    if limit < 1:
        raise MisuseError("limit", limit, "1 and more")
    records: list[Record] = []
    size = 2
    cursor = None
    for behind, record in rows:
        size += len(json.dumps(record)) + 2
        if len(records) == limit or (records and size > max_bytes):
            return Page(records, cursor)
        records.append(copied(record))
        cursor = behind
    return Page(records, None)
