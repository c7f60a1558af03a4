"""What the mount answers, one class for each kind of reply (facts/tts160.md 1.2)."""

from __future__ import annotations

import attrs

from gatewaykit.tts160.commands import Command, Reply
from gatewaykit.tts160.set_commands import Entry


@attrs.frozen
class Nothing:
    """The command has no answer."""


@attrs.frozen
class Flag:
    value: bool


@attrs.frozen
class Letter:
    text: str


@attrs.frozen
class Text:
    """Without its ``#``; the degree byte 0xDF is a ``*``."""

    text: str


@attrs.frozen
class Goto:
    """`code` 0: it has begun. Else it is refused, perhaps with a reason."""

    code: int
    text: str


@attrs.frozen
class Date:
    accepted: bool
    text: str


@attrs.frozen
class Binary:
    format_string: str
    payload: bytes


@attrs.frozen
class Case:
    number: int
    payload: bytes


@attrs.frozen
class SetResult:
    entries: tuple[Entry, ...]


@attrs.frozen
class Failed:
    """``ERROR:`` and a message."""

    message: str


@attrs.frozen
class Garbled:
    """What cannot be an answer to the command; the rest of it may still come."""

    reason: str
    raw: bytes


@attrs.frozen
class Stray:
    """Bytes that nobody asked for."""

    raw: bytes


Answer = (
    Nothing | Flag | Letter | Text | Goto | Date | Binary | Case | SetResult | Failed
) | Garbled

_FITTING: dict[Reply, type[Answer]] = {
    Reply.NONE: Nothing,
    Reply.FLAG: Flag,
    Reply.LETTER: Letter,
    Reply.TEXT: Text,
    Reply.PRECISION: Text,
    Reply.GOTO: Goto,
    Reply.DATE: Date,
    Reply.BINARY: Binary,
    Reply.CASE: Case,
    Reply.SET: SetResult,
}


def fits(answer: Answer, command: Command) -> bool:
    """Whether an answer is of the kind that its command has, or tells an error."""
    if command.reply is Reply.AUTO:
        return not isinstance(answer, Garbled)
    return isinstance(answer, (_FITTING[command.reply], Failed))
