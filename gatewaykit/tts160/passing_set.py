"""SET commands that clients write themselves, and that move the mount."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.tts160 import coordinates
from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.asking import passed_on
from gatewaykit.tts160.axes import axis_of
from gatewaykit.tts160.commands import Command
from gatewaykit.tts160.motion import Motion
from gatewaykit.tts160.moving import Moving
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.set_table import SET_NUMBERS
from gatewaykit.tts160.slews import Slews
from gatewaykit.tts160.targets import Target, Targets

_DIRECTIONS = ("north", "south", "east", "west")
"""By their numbers. Whether north and south change places here as they do in ``:Mg`` nobody
knows; both are of one axis."""
_LAYOUTS = {
    "MOVE_AXIS": ("<Bf",),
    "SLEW_TO_TARGET": ("<B", "<Bff"),
    "GUIDE": ("<BH",),
    "PARK_UNPARK": ("<B",),
}
_STORED, _EQUATORIAL, _HORIZONTAL = 0, 1, 2
"""Kinds of a target (facts/tts160.md 4.2); the last one is home."""
BY = "a client's command"

Doing = Coroutine[Deferred[Any], Any, Answer | None]
Handler = Callable[[Command, list[Any], Hashable], Doing]


class SetPassing:
    """:param targets: what clients told."""

    def __init__(
        self, motion: Motion, slews: Slews, moving: Moving, targets: Targets
    ) -> None:
        self._motion = motion
        self._slews = slews
        self._moving = moving
        self._targets = targets
        handlers: dict[str, Handler] = {
            "MOVE_AXIS": self._move,
            "SLEW_TO_TARGET": self._slew,
            "GUIDE": self._guide,
            "PARK_UNPARK": self._park,
            "SET_TRACK_RATE": self._track,
            "SET_TRACKING": self._track,
            "SYNC_FUNCTIONS": self._sync,
        }
        self._handlers = {
            SET_NUMBERS[name]: (name, handlers[name]) for name in handlers
        }

    def handler(self, command: Command, holder: Hashable) -> Doing | None:
        """What does it; None where nothing is to be checked before it."""
        number, payload = int(command.data[5:7], 16), command.data[8:-1]
        name, handler = self._handlers.get(number, ("", None))
        if handler is None:
            return None
        return handler(command, _arguments(name, payload), holder)

    async def _move(
        self, command: Command, arguments: list[Any], holder: Hashable
    ) -> Answer | None:
        direction, rate_deg_s = _DIRECTIONS[arguments[0]], arguments[1]
        if rate_deg_s == 0:
            self._motion.stop_axis(direction, BY)
            return None
        return await self._moving.move_by(
            direction, rate_deg_s, holder, (command,), passed_on
        )

    async def _slew(
        self, command: Command, arguments: list[Any], holder: Hashable
    ) -> Answer | None:
        match arguments:
            case [kind] if kind == _STORED:
                target = self._targets.of(holder)
                return await self._slews.to_told(target, command, passed_on)
            case [kind, first_rad, second_rad] if kind == _EQUATORIAL:
                hours = coordinates.hours_of(first_rad)
                target = Target((), hours, math.degrees(second_rad))
                return await self._slews.to(target, command, passed_on)
            case [kind, first_rad, second_rad] if kind == _HORIZONTAL:
                azimuth_deg = coordinates.azimuth_of(first_rad)
                return await self._slews.to_horizontal(
                    math.degrees(second_rad), azimuth_deg, command, passed_on
                )
        return await self._slews.home(command, passed_on)

    async def _guide(
        self, command: Command, arguments: list[Any], _holder: Hashable
    ) -> Answer | None:
        axis = axis_of(_DIRECTIONS[arguments[0]])
        return await self._motion.pulse(command, axis, passed_on)

    async def _park(
        self, command: Command, arguments: list[Any], _holder: Hashable
    ) -> Answer | None:
        if arguments[0] == 0:
            return await self._motion.park(command, passed_on)
        return await self._motion.unpark(command, passed_on)

    async def _track(
        self, command: Command, _arguments: list[Any], _holder: Hashable
    ) -> Answer | None:
        return await self._motion.track((command,), passed_on)

    async def _sync(
        self, command: Command, _arguments: list[Any], _holder: Hashable
    ) -> Answer | None:
        return await self._motion.sync_by((command,), passed_on)


def _arguments(name: str, payload: bytes) -> list[Any]:
    """The values of a payload. Raises `MisuseError` for one out of its range: what the
    mount makes of that, nobody knows."""
    for layout in _LAYOUTS.get(name, ()):
        if struct.calcsize(layout) == len(payload):
            arguments = [_within(value) for value in struct.unpack(layout, payload)]
            set_command(name, *arguments)
            return arguments
    return []


def _within(value: float) -> float:
    """A quarter of a turn, or a whole one, in 4 bytes is a little more than that."""
    for limit in (math.pi / 2, math.tau):
        if limit < abs(value) < limit + 1e-6:
            return math.copysign(limit, value)
    return value
