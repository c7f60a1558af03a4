"""The mount's variables: names and numbers to types, queries, and what comes back.

The same number means something else in another dialect (facts/tts160.md 3.4), so there is
no look-up without one, and the header of every answer is held against the types that the
dialect's table has.
"""

from __future__ import annotations

import difflib
import enum
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final

import attrs

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160.formats import SIZES, BinaryFormatError, unpack, value_types
from gatewaykit.tts160.variable_tables import DIALECTS, ROWS

MOST_VARIABLES: Final = 10
"""In one query (facts/tts160.md 4.1)."""
MOST_REPLY_BYTES: Final = 300
"""The firmware's buffer for a reply. Whether the header goes through it as well is not
published; it is counted, and eight matrices still fit."""

PROBE: Final = b":*!G T16,T31#"
"""The types of its answer differ in all dialects (facts/tts160.md 3.5)."""
_PROBED: Final = ("T16", "T31")

_LONGEST_SHOWN: Final = 40
_ID = re.compile("([A-Z])?([1-9][0-9]?)")


class Dialect(enum.Enum):
    """Which variables the firmware has."""

    TEXT = "text"
    """None: it has text commands only."""
    V356 = "v356"
    V356B = "v356b"
    V357 = "v357"


@attrs.frozen
class Variable:
    category: str
    number: int
    name: str
    type: str
    """Its character in binary formats."""
    description: str

    @property
    def id(self) -> str:
        return f"{self.category}{self.number}"


def _table(dialect: Dialect) -> Mapping[str, Variable]:
    if dialect is Dialect.TEXT:
        return MappingProxyType({})
    column = DIALECTS.index(dialect.value)
    variables = (
        Variable(row.category, number, row.name, row.type, row.description)
        for row in ROWS
        if (number := row.numbers[column]) is not None
    )
    return MappingProxyType({variable.id: variable for variable in variables})


_TABLES: Final = {dialect: _table(dialect) for dialect in Dialect}
_NAMES: Final = {
    dialect: {variable.name: variable for variable in variables.values()}
    for dialect, variables in _TABLES.items()
}
_BY_HEADER: Final = {
    tuple(variables[id].type for id in _PROBED): dialect
    for dialect, variables in _TABLES.items()
    if variables
}


class HeaderMismatch(ProtocolViolation, ValueError):
    """The answer to a query has other types than its variables: this is not the dialect
    that it was taken for, or not the answer."""

    def __init__(self, expected: str, received: str) -> None:
        super().__init__(f"values of the types {expected}, not {received!r}")
        self.expected = expected
        self.received = received


@attrs.frozen
class Query:
    """At most `MOST_VARIABLES` variables, and the command that asks for them."""

    variables: tuple[Variable, ...]

    @property
    def data(self) -> bytes:
        """A letter on every item, which all versions take (facts/tts160.md 4.1)."""
        return f":*!G {','.join(one.id for one in self.variables)}#".encode("ascii")

    @property
    def types(self) -> str:
        return "".join(variable.type for variable in self.variables)

    @property
    def reply_bytes(self) -> int:
        """Of the answer, its header with counts."""
        runs = [f"{len(list(run))}{type}" for type, run in groupby(self.types)]
        header = f"BINARY:{''.join(runs)}\n"
        return len(header) + sum(SIZES[type] for type in self.types)

    def values(self, format_string: str, payload: bytes) -> list[Any]:
        """One value a variable, as `formats.unpack` has them.

        :raises HeaderMismatch: the header has other types.
        :raises BinaryFormatError: it is no header, or not of a payload of this length.
        """
        if value_types(format_string) != tuple(self.types):
            raise HeaderMismatch(self.types, format_string)
        return unpack(format_string, payload)


def table(dialect: Dialect) -> Mapping[str, Variable]:
    """All variables of a dialect by their ids, as ``T17``."""
    return _TABLES[dialect]


def by_name(dialect: Dialect, name: str) -> Variable:
    """In upper case or lower.

    :raises MisuseError: the dialect has none of this name.
    """
    variable = _NAMES[dialect].get(name.upper())
    if variable is None:
        raise _unknown(dialect, name)
    return variable


def resolve(dialect: Dialect, words: Iterable[str]) -> list[Variable]:
    """The variables that names and ids mean, in upper case or lower.

    A word may be a list, in which a letter goes on to hold: ``T1,2,C5`` is T1, T2, C5.

    :raises MisuseError: what the dialect has not; it tells what is near.
    """
    return [variable for word in words for variable in _listed(dialect, word)]


def _listed(dialect: Dialect, word: str) -> Iterator[Variable]:
    letter = ""
    for item in word.split(","):
        text = item.strip().upper()
        found = _ID.fullmatch(text)
        if found is None:
            letter = ""
            yield by_name(dialect, text)
            continue
        letter = found[1] or letter
        variable = _TABLES[dialect].get(letter + found[2])
        if variable is None:
            raise _unknown(dialect, letter + found[2])
        yield variable


def _unknown(dialect: Dialect, word: str) -> MisuseError:
    variables = _TABLES[dialect]
    if not variables:
        allowed = "none, the mount's firmware has no variables"
    elif nearest := difflib.get_close_matches(word.upper(), _NAMES[dialect]):
        allowed = f"{' or '.join(nearest)} ({dialect.value})"
    else:
        ranges = [
            f"{category}1 to {list(group)[-1].id}"
            for category, group in groupby(
                variables.values(), lambda variable: variable.category
            )
        ]
        allowed = f"names, {', '.join(ranges)} ({dialect.value})"
    return MisuseError("variable", word[:_LONGEST_SHOWN], allowed)


def queries(variables: Sequence[Variable]) -> list[Query]:
    """Queries for all of them, each variable once and in their order, as few as the limits
    of the firmware allow."""
    made: list[Query] = []
    for variable in dict.fromkeys(variables):
        if made:
            longer = Query((*made[-1].variables, variable))
            if _is_allowed(longer):
                made[-1] = longer
                continue
        made.append(Query((variable,)))
    return made


def _is_allowed(query: Query) -> bool:
    return (
        len(query.variables) <= MOST_VARIABLES and query.reply_bytes <= MOST_REPLY_BYTES
    )


def dialect_of_header(format_string: str) -> Dialect | None:
    """The dialect whose answer to `PROBE` has this header; None if there is none."""
    try:
        types = value_types(format_string)
    except BinaryFormatError:
        return None
    return _BY_HEADER.get(types)
