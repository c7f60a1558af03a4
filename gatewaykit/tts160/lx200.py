"""Commands for the mount: from text, by the table, and ready-made. Pure.

Nobody else writes a command's bytes. What is not in the table goes out too, if it is well
formed, but is taken for something that may move the mount.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from gatewaykit.errors import MisuseError
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.lx200_table import GOTO_S, ROWS, Row

LONGEST: Final = 64
"""Bytes of a command, its ``:`` and its ``#`` counted."""

COMPUTED_S: Final = 0.52
"""The first byte of a query with X1 or X2, which the mount computes anew each time: 20 ms
more than the 0.5 s of others (facts/tts160.md 1.5)."""

ALIGNMENT: Final = Command(b"\x06", Reply.LETTER, Retry.SAFE, Effect.READ)

_EXACT: Final = {row.head: row for row in ROWS if not row.argument}
# The longest first: ":*!G " before ":*!".
_WITH_ARGUMENT: Final = sorted(
    (row for row in ROWS if row.argument), key=lambda row: -len(row.head)
)

# A colon may begin a command in the mount's eyes, so one stands between digits only.
_UNKNOWN = re.compile(r":(?:[ -\"$-9;-~\xdf]|(?<=[0-9]):(?=[0-9]))+#")
_SET = re.compile(rb":\*!S ([0-9A-F]{2});(.*)#", re.DOTALL)
_COMPUTED = re.compile(r"X[12]\b|X[0-9]+(?:,[0-9]+)*,[12]\b")

_SET_LENGTHS: Final = MappingProxyType(
    {
        0x00: (5,),
        0x01: (1,),
        0x02: (1,),
        0x03: (5,),
        0x04: (1, 9),
        0x05: (3,),
        0x06: (0,),
        0x07: (8,),
        0x08: (4,),
        0x09: (4,),
        0x0A: (1, 9),
        0x0B: (1,),
        0x0C: (1,),
        0x0D: (1,),
        0x0E: (1,),
        0x0F: (1, 2),
        0x10: (0,),
        0x11: (22,),
        0x12: (9,),
        0x13: (0,),
    }
)
_SET_MOVES: Final = frozenset({0x03, 0x04, 0x05, 0x0B, 0x0C, 0x10})
# The codes of 0x0C, which drives the rotator, are unpublished: it may move.
_SET_HALT: Final = 0x06
_SET_SLEW: Final = 0x04
_SET_AGAIN: Final = frozenset({0x00, 0x01, 0x02, 0x07, 0x0A, 0x0D, 0x0E, 0x11})


def command(text: str | bytes) -> Command:
    """The command that a text is, with all that is known of it.

    Raises `MisuseError` for what is no command, and for a known one whose argument is out
    of its grammar or range. ``first_byte_s`` is set for ``:MS#`` and the SET command that
    slews (3 s) and for queries of X1 or X2.
    """
    try:
        data = text.encode("latin-1") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise _no_command(text) from None
    if data == ALIGNMENT.data:
        return ALIGNMENT
    if data.startswith(b":*!S ") and len(data) <= LONGEST:
        return _set_command(data)
    words = data.decode("latin-1")
    if len(data) > LONGEST or not _UNKNOWN.fullmatch(words):
        raise _no_command(words)
    row = row_of(words)
    if row is None:
        return Command(data, Reply.AUTO, Retry.NEVER, Effect.MOVE)
    first_byte_s = row.first_byte_s
    if row.reply is Reply.BINARY and _COMPUTED.search(words):
        first_byte_s = COMPUTED_S
    return Command(data, row.reply, row.retry, row.effect, first_byte_s)


def row_of(text: str) -> Row | None:
    """The row of a well-formed command, None if the table lacks it.

    Raises `MisuseError` where its argument is not usable.
    """
    body = text.removesuffix("#")
    if body in _EXACT:
        return _EXACT[body]
    for row in _WITH_ARGUMENT:
        if body.startswith(row.head):
            if not row.takes(body.removeprefix(row.head)):
                raise MisuseError("command", text, f"{row.head} and {row.allowed}")
            return row
    return None


def _no_command(text: str | bytes) -> MisuseError:
    allowed = (
        f"at most {LONGEST} printable ASCII characters, ':' first and one '#', last"
    )
    return MisuseError("command", text[:LONGEST], allowed)


def _set_command(data: bytes) -> Command:
    found = _SET.fullmatch(data)
    if not found:
        allowed = "':*!S ', two digits 0 to F, ';', the payload and '#'"
        raise MisuseError("command", data, allowed)
    number, length = int(found[1], 16), len(found[2])
    lengths = _SET_LENGTHS.get(number, (0,))
    if length not in lengths:
        # The mount counts by the number, so it would take more or less for the payload.
        allowed = f"{' or '.join(map(str, lengths))} bytes of payload"
        raise MisuseError("command", data, allowed)
    if number == _SET_HALT:
        return Command(data, Reply.SET, Retry.SAFE, Effect.STOP)
    is_known = number in _SET_LENGTHS
    moves = number in _SET_MOVES or not is_known
    return Command(
        data,
        Reply.SET,
        Retry.IDEMPOTENT if number in _SET_AGAIN else Retry.NEVER,
        Effect.MOVE if moves else Effect.SET,
        GOTO_S if number == _SET_SLEW else None,
    )
