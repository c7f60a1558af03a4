"""Commands that clients write themselves: they go where our own of that sense go."""

from __future__ import annotations

import re
from collections.abc import Hashable

import attrs

from gatewaykit.errors import DeviceRefused, MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import axes, lx200
from gatewaykit.tts160.asking import Line
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply
from gatewaykit.tts160.motion import Motion
from gatewaykit.tts160.records import FORMS, record_of

PASSED_ON = "a client's command"

_DIRECTIONS = {direction[0]: direction for direction in axes.DIRECTIONS}
_MOVE = re.compile(r":(\*?)M([nsew])([0-9]{8})?#")
_GUIDE = re.compile(r":Mg([nsew])([0-9]{4})#")
_AXIS_STOP = re.compile(r":Q([nsew])#")


class Passing:
    def __init__(self, line: Line, motion: Motion) -> None:
        self._line = line
        self._motion = motion

    async def command(self, text: str, reply: str, holder: Hashable) -> Record:
        """See `IMount.command`."""
        if reply not in FORMS:
            raise MisuseError("type", reply, ", ".join(FORMS))
        command = lx200.command(text)
        if command.reply is Reply.AUTO:
            command = attrs.evolve(command, reply=FORMS[reply])
        if command.effect is Effect.STOP:
            return self._stop(command)
        if command.effect is Effect.MOVE:
            own = await self._move(command, holder)
            if own is not None:
                return own
        (answer,) = await self._line.run((command,), Priority.NORMAL)
        return record_of(answer)

    def _stop(self, command: Command) -> Record:
        found = _AXIS_STOP.fullmatch(command.text)
        if found:
            self._motion.stop_axis(_DIRECTIONS[found[1]], PASSED_ON)
        else:
            self._motion.stop(PASSED_ON)
        if command.reply is Reply.SET:
            return {"kind": "set", "entries": [[1, 0]]}
        return {"kind": "none"}

    async def _move(self, command: Command, holder: Hashable) -> Record | None:
        """What has an action of its own; None for what has not."""
        text = command.text
        if command == lx200.GOTO:
            return await self._goto()
        if command == lx200.PARK:
            await self._motion.park()
        elif found := _MOVE.fullmatch(text):
            direction = _DIRECTIONS[found[2]]
            rate = _rate_deg_s(found[3], direction) if found[3] else None
            await self._motion.move_axis(direction, rate, holder)
        elif found := _GUIDE.fullmatch(text):
            await self._motion.guide(_DIRECTIONS[found[1]], int(found[2]))
        else:
            (answer,) = await self._motion.run_unknown(command)
            return record_of(answer)
        return {"kind": "none"}

    async def _goto(self) -> Record:
        """A refusal, the mount's or ours, is an answer here."""
        try:
            await self._motion.slew_to_target()
        except DeviceRefused as refused:
            return {"kind": "goto", "code": 1, "text": refused.reason}
        return {"kind": "goto", "code": 0, "text": ""}


def _rate_deg_s(digits: str, direction: str) -> float:
    numerator, denominator = int(digits[:4]), int(digits[4:])
    return axes.axis_rate_deg_s(numerator, denominator, axes.axis_of(direction))
