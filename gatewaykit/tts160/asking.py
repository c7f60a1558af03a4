"""How the parts of the mount's service put something on its line, and read answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from twisted.internet.defer import Deferred

from gatewaykit.errors import DeviceGarbled, DeviceRefused
from gatewaykit.tts160 import lx200, set_commands
from gatewaykit.tts160.commands import Command, Effect, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge
from gatewaykit.tts160.framing import Answer, Date, Flag, Goto, SetResult, Text
from gatewaykit.tts160.protocol import DEVICE, anything


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


def garbled(command: str, error: Exception) -> DeviceGarbled:
    """An answer that was framed and cannot be read."""
    return DeviceGarbled(DEVICE, command, str(error))


def accepted(command: Command, answer: Answer) -> Exception | None:
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


def is_motion(exchange: Exchange) -> bool:
    """What a stop of everything ends."""
    return exchange.moves


def is_motion_of(letters: str, exchange: Exchange) -> bool:
    """Whether an exchange moves the axis with these letters, ``ns`` or ``ew``."""
    for command in exchange.commands:
        body = command.data.decode("latin-1").lstrip(":*")
        if command.effect is Effect.MOVE and (
            body[:1] == "M" and body[1:].removeprefix("g")[:1] in tuple(letters)
        ):
            return True
    return False
