"""How the parts of the mount's service put something on its line, and read answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred

from gatewaykit.errors import DeviceGarbled, DeviceRefused, ProtocolViolation
from gatewaykit.tts160 import lx200, set_commands
from gatewaykit.tts160.answers import Answer, Date, Flag, Goto, SetResult, Text
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge
from gatewaykit.tts160.protocol import DEVICE, anything

T = TypeVar("T")


class Line(Protocol):
    """The line of this moment; see `MountProtocol`."""

    def run(
        self, commands: Sequence[Command], priority: Priority, judge: Judge = anything
    ) -> Deferred[list[Answer]]: ...


async def text_of(
    line: Line, command: str, priority: Priority = Priority.NORMAL
) -> str:
    """The text that a command is answered with."""
    (answer,) = await line.run((lx200.command(command),), priority)
    assert isinstance(answer, Text)
    return answer.text


async def flag_of(
    line: Line, command: str, priority: Priority = Priority.NORMAL
) -> bool:
    (answer,) = await line.run((lx200.command(command),), priority)
    assert isinstance(answer, Flag)
    return answer.value


@cache
def reads(parse: Callable[[str], object]) -> Judge:
    """The judge of texts that `parse` must understand: what it does not is another's, or
    spoilt."""

    def judge(command: Command, answer: Answer) -> DeviceGarbled | None:
        assert isinstance(answer, Text)
        try:
            parse(answer.text)
        except ProtocolViolation as violation:
            return DeviceGarbled(DEVICE, command.text, violation.reason)
        return None

    return judge


async def parsed(
    line: Line,
    command: str,
    parse: Callable[[str], T],
    priority: Priority = Priority.NORMAL,
) -> T:
    """What `parse` makes of the text that a command is answered with.

    :param parse: raises `ProtocolViolation`; always the same function, not one made anew.
    """
    (answer,) = await line.run((lx200.command(command),), priority, reads(parse))
    assert isinstance(answer, Text)
    return parse(answer.text)


def accepted(command: Command, answer: Answer) -> DeviceRefused | None:
    """The judge of settings and motion: a refusal is an error."""
    match answer:
        case Flag(value=False) | Date(accepted=False):
            return DeviceRefused(DEVICE, command.text, "it does not take the value")
        case Goto(code=code, text=text) if code:
            reason = text.strip() or f"code {code}"
            return DeviceRefused(DEVICE, command.text, reason)
        case SetResult(entries):
            number = int(command.data[5:7], 16)
            refusal = set_commands.refusal(number, entries)
            if refusal is not None:
                return DeviceRefused(DEVICE, command.text, refusal)
    return None


def passed_on(command: Command, answer: Answer) -> DeviceRefused | None:
    """The judge of what a client wrote: what the last command says is for the client."""
    if isinstance(answer, Goto | SetResult):
        return None
    return accepted(command, answer)


def is_motion(exchange: Exchange) -> bool:
    """What a stop of everything ends."""
    return exchange.moves


def is_nothing(_exchange: Exchange) -> bool:
    """What a stop of one axis ends by itself: who moves it is told by `Calls`."""
    return False
