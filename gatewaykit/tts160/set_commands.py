"""``:*!S`` commands of firmware 357, made and read, and their answers (facts/tts160.md 4.2).

All is counted: ``#`` may stand in payloads, and answers have no end.
"""

from __future__ import annotations

import calendar
import difflib
import enum
import struct
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160.set_table import (
    SET_COMMANDS,
    SET_ERRORS,
    SET_NUMBERS,
    SET_RESULTS,
    Parameter,
    SetCommand,
)

MOST_ENTRIES: Final = 10
"""No answer has more: drivers read 50 bytes at most. Letters are more, so text in the place
of an answer is told at its first byte."""


class EntryType(enum.IntEnum):
    NONE = 0
    WHOLE = 1
    REAL = 2
    TEXT = 3
    """Its layout is unpublished, so it cannot be counted."""
    ERROR = 4


_VALUES: Final[Mapping[int, struct.Struct]] = {
    EntryType.NONE: struct.Struct(""),
    EntryType.WHOLE: struct.Struct("<i"),
    EntryType.REAL: struct.Struct("<f"),
    EntryType.ERROR: struct.Struct("<i"),
}


@attrs.frozen
class Entry:
    """One result of an answer."""

    type: EntryType
    value: int | float | None


def set_command(name_or_id: str | int, *arguments: object) -> bytes:
    """All of a command, payload and ``#`` too.

    :param arguments: by `SET_COMMANDS`, in the order of its parameters.
    :raises MisuseError: no such command, or arguments that it has not.
    """
    command = _find(name_or_id)
    parameters = _parameters(command, *arguments[:1])
    if len(arguments) > len(parameters):
        parameters += command.optional
    if len(arguments) != len(parameters):
        names = ", ".join(parameter.name for parameter in parameters) or "nothing"
        raise MisuseError(command.name, arguments, names)
    payload = b"".join(
        parameter.pack(argument)
        for parameter, argument in zip(parameters, arguments, strict=True)
    )
    _check_together(command, payload)
    return b":*!S %02X;%b#" % (command.number, payload)


def set_length(set_id: int, start: bytes) -> int | None:
    """How long the payload is, by what has come of it so far, its ``#`` included.

    None: the next byte decides. Unknown commands have no payload that could be counted.
    """
    command = SET_COMMANDS.get(set_id)
    if command is None:
        return 0
    if command.more and not start:
        return None
    parameters = _parameters(command, *start[:1])
    if command.optional:
        # A `#` in its place is the end: it would be 35 of at most 3 points.
        place = _size(parameters)
        if len(start) <= place:
            return None
        if start[place : place + 1] != b"#":
            parameters += command.optional
    return _size(parameters)


def set_entries(data: bytes) -> tuple[list[Entry], int] | None:
    """The entries of an answer and how many bytes they are; None while some are missing.

    :raises ProtocolViolation: too many entries, or one of a type that nobody can count.
    """
    if not data:
        return None
    if data[0] > MOST_ENTRIES:
        raise ProtocolViolation(f"an answer with {data[0]} entries", data)
    entries = []
    used = 1
    for _ in range(data[0]):
        if used == len(data):
            return None
        layout = _VALUES.get(data[used])
        if layout is None:
            raise ProtocolViolation(f"an entry of the type {data[used]}", data)
        type = EntryType(data[used])
        used += 1 + layout.size
        if used > len(data):
            return None
        values = layout.unpack_from(data, used - layout.size)
        entries.append(Entry(type, values[0] if values else None))
    return entries, used


def refusal(set_id: int, entries: Iterable[Entry]) -> str | None:
    """Why a command was not done; None: it was.

    Done is 0, and also no value, in every entry of at least one. What else an answer may
    say is published of two commands only, so it is a refusal of all others too: nobody is
    told that something is done when only the mount knows.
    """
    is_empty = True
    for entry in entries:
        is_empty = False
        reason = _reason(set_id, entry)
        if reason is not None:
            return reason
    return "an answer without a result" if is_empty else None


def _reason(set_id: int, entry: Entry) -> str | None:
    match entry:
        case (
            Entry(type=EntryType.NONE)
            | Entry(type=EntryType.WHOLE | EntryType.ERROR, value=0)
        ):
            return None
        case Entry(type=EntryType.ERROR, value=int(code)):
            return SET_ERRORS.get(code, f"error {code}")
        case Entry(type=EntryType.WHOLE, value=int(code)):
            return SET_RESULTS.get(set_id, {}).get(code, f"result {code}")
        case _:
            return f"result {entry.value}"


def _find(name_or_id: str | int) -> SetCommand:
    number = (
        SET_NUMBERS.get(name_or_id.upper(), -1)
        if isinstance(name_or_id, str)
        else name_or_id
    )
    command = SET_COMMANDS.get(number)
    if command is not None:
        return command
    nearest = difflib.get_close_matches(str(name_or_id).upper(), SET_NUMBERS)
    allowed = " or ".join(nearest) or f"0 to {max(SET_COMMANDS)} or a name"
    raise MisuseError("SET command", name_or_id, allowed)


def _parameters(command: SetCommand, first: object = None) -> tuple[Parameter, ...]:
    """Those that there must be, by the value of the first."""
    more = command.more.get(first, ()) if isinstance(first, int) else ()
    return command.parameters + more


def _size(parameters: Iterable[Parameter]) -> int:
    return sum(parameter.size for parameter in parameters)


def _check_together(command: SetCommand, payload: bytes) -> None:
    """What is wrong with values that are each in their range."""
    match command.name:
        case "SET_DATE":
            month, day, year = struct.unpack("<BBH", payload)
            if day > calendar.monthrange(year, month)[1]:
                raise MisuseError("day", day, f"a day of {year}-{month:02}")
        case "SET_LOCATION":
            for name, most, place in (("longitude", 180, 12), ("latitude", 90, 17)):
                degrees, minutes, seconds = struct.unpack_from("<HBB", payload, place)
                if degrees == most and (minutes or seconds):
                    value = f"{degrees}:{minutes:02}:{seconds:02}"
                    raise MisuseError(name, value, f"0 to {most} degrees")
