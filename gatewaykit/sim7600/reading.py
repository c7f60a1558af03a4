"""A line of the modem taken apart, and numbers that are only what they look like. Pure.

Everywhere in the parsers the same rule holds: a field that is empty is None; a number that
can be read but is outside of what it can mean is None too where the rest of the answer is
worth something, and refuses the answer where it is all there is; a field that cannot be
read refuses the answer.
"""

from __future__ import annotations

import re

from gatewaykit.errors import ProtocolViolation

SHOWN = 200
"""Characters of a line that an error's text shows."""

# Not float() and int() by themselves: they take "nan", "1_0" and digits of other scripts.
_INTEGER = re.compile(r"-?[0-9]{1,12}").fullmatch
_DECIMAL = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{0,12})?").fullmatch
_HEX = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,10})").fullmatch


class ReplyError(ProtocolViolation):
    """An answer that cannot be read, or cannot be true."""

    def __init__(self, line: str, reason: str) -> None:
        super().__init__(reason, line.encode("latin-1", "replace"))
        self.line = line

    def __str__(self) -> str:
        return f"{self.reason}: {self.line[:SHOWN]!r}"


def integer(text: str) -> int | None:
    """None for what is no whole number."""
    return int(text) if _INTEGER(text) else None


def decimal(text: str) -> float | None:
    """None for what is no number."""
    return float(text) if _DECIMAL(text) else None


def split(text: str) -> list[str] | None:
    """The fields between commas that are not in quotes, quotes kept; None if one is open."""
    pieces = text.split('"')
    if len(pieces) % 2 == 0:
        return None
    fields = [""]
    for number, piece in enumerate(pieces):
        if number % 2:
            fields[-1] += f'"{piece}"'
            continue
        first, *others = piece.split(",")
        fields[-1] += first
        fields += others
    return [field.strip() for field in fields]


class Fields:
    """The fields of an answer, each read as what it must be. Missing ones are empty.

    :param prefixes: what the line may begin with, up to the colon.
    """

    def __init__(self, line: str, *prefixes: str) -> None:
        self.line = line
        found = next((p for p in prefixes if line.startswith(p)), None)
        if found is None:
            raise self.error(f"it does not begin with {' or '.join(prefixes)}")
        self.rest = line[len(found) :].strip()
        fields = split(self.rest)
        if fields is None:
            raise self.error("a quote is not closed")
        self._fields = fields

    def __len__(self) -> int:
        return len(self._fields)

    def __getitem__(self, index: int) -> str:
        """A field as it was written, quotes and all."""
        return self._fields[index] if index < len(self._fields) else ""

    def error(self, reason: str) -> ReplyError:
        return ReplyError(self.line, reason)

    def is_quoted(self, index: int) -> bool:
        field = self[index]
        return len(field) > 1 and field[0] == field[-1] == '"' and field.count('"') == 2

    def text(self, index: int) -> str:
        """A field without the quotes around it."""
        return self[index][1:-1] if self.is_quoted(index) else self[index]

    def integer(self, index: int, low: int, high: int) -> int | None:
        """None if it is empty or out of range."""
        field = self[index]
        if not field:
            return None
        value = integer(field)
        if value is None:
            raise self.error(f"field {index + 1} is no whole number")
        return value if low <= value <= high else None

    def needed(self, index: int, low: int, high: int) -> int:
        """An integer without which the answer is worth nothing."""
        value = self.integer(index, low, high)
        if value is None:
            raise self.error(f"field {index + 1} is not within {low} to {high}")
        return value

    def decimal(self, index: int, low: float, high: float) -> float | None:
        """None if it is empty or out of range."""
        field = self[index]
        if not field:
            return None
        value = decimal(field)
        if value is None:
            raise self.error(f"field {index + 1} is no number")
        return value if low <= value <= high else None

    def hexadecimal(self, index: int, high: int) -> int | None:
        """With or without ``0x``, quoted or bare; None if it is empty or out of range."""
        field = self.text(index).strip()
        if not field:
            return None
        found = _HEX(field)
        if found is None:
            raise self.error(f"field {index + 1} is no hexadecimal number")
        value = int(found[1], 16)
        return value if value <= high else None
