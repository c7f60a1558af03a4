"""Commands that clients write themselves: they go where our own of that sense go."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Hashable
from contextlib import suppress
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.errors import DeviceRefused, GatewayError, MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import axes, lx200
from gatewaykit.tts160.answers import Answer, Goto
from gatewaykit.tts160.asking import Line, accepted, passed_on, text_of
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply
from gatewaykit.tts160.motion import Motion
from gatewaykit.tts160.moving import Moving
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.passing_set import SetPassing
from gatewaykit.tts160.records import FORMS, record_of
from gatewaykit.tts160.slews import Slews
from gatewaykit.tts160.targets import Targets

PASSED_ON = "a client's command"

_DIRECTIONS = {direction[0]: direction for direction in axes.DIRECTIONS}
_RATES = {":RG#", ":RM#", ":RC#", ":RS#"}
_SET_RATES = (b":*!S 00;", b":*!S 02;")
_SOMEWHERE = re.compile(r":[Mh].*#")
"""What is left of these goes to a place that only the mount knows: home, or (``:MA#`` of other
mounts) a target told in commands that the table lacks."""
_AXIS_STOP = re.compile(r":Q([nsew])#")

_DONE: dict[Reply, Record] = {
    Reply.NONE: {"kind": "none"},
    Reply.GOTO: {"kind": "goto", "code": 0, "text": ""},
    Reply.TEXT: {"kind": "text", "text": ""},
    Reply.SET: {"kind": "set", "entries": [[1, 0]]},
}
"""What a client is told whose command was done without an answer."""

Handler = Callable[
    [re.Match[str], Command, Hashable], Coroutine[Deferred[Any], Any, Answer | None]
]


def command_of(text: str, reply: str) -> Command:
    """What a client wrote. Raises `MisuseError`.

    :param reply: see `IMount.command`.
    """
    if reply not in FORMS:
        raise MisuseError("reply", reply, ", ".join(FORMS))
    command = lx200.command(text)
    if command.reply is Reply.AUTO:
        command = attrs.evolve(command, reply=FORMS[reply])
    return command


class Passing:
    def __init__(
        self,
        line: Line,
        motion: Motion,
        slews: Slews,
        moving: Moving,
        observer: Observer,
    ) -> None:
        self._line = line
        self._motion = motion
        self._slews = slews
        self._moving = moving
        self._observer = observer
        self._targets = Targets()
        self._set = SetPassing(motion, slews, moving, self._targets)
        self._handlers: tuple[tuple[re.Pattern[str], Handler], ...] = (
            (re.compile(r":MS#"), self._goto),
            (re.compile(r":hP#"), self._park),
            (re.compile(r":\*?M([nsew])([0-9]{8})?#"), self._move),
            (re.compile(r":Mg([nsew])[0-9]{4}#"), self._guide),
            (re.compile(r":\*?CM#"), self._sync),
            (re.compile(r":T[01QLS]#"), self._track),
            (re.compile(r":\*!S .*", re.DOTALL), self._binary),
        )

    def stop(self, command: Command) -> Record:
        """A stop of any kind, at once."""
        found = _AXIS_STOP.fullmatch(command.text)
        if found:
            self._motion.stop_axis(_DIRECTIONS[found[1]], PASSED_ON)
        else:
            self._motion.stop(PASSED_ON)
        return dict(_DONE[command.reply])

    def forget(self, holder: Hashable) -> None:
        """It is gone."""
        self._targets.forget(holder)

    async def command(self, command: Command, holder: Hashable) -> Record:
        """See `IMount.command`."""
        text = command.data.decode("latin-1")
        for pattern, handler in self._handlers:
            if found := pattern.fullmatch(text):
                answer = await handler(found, command, holder)
                break
        else:
            answer = await self._other(command, holder)
        return record_of(answer) if answer is not None else dict(_DONE[command.reply])

    async def _goto(
        self, _found: re.Match[str], command: Command, holder: Hashable
    ) -> Answer | None:
        """A refusal of ours is an answer here, as the mount's own is."""
        target = self._targets.of(holder)
        try:
            return await self._slews.to_told(target, command, passed_on)
        except DeviceRefused as refused:
            return Goto(1, refused.reason)

    async def _park(
        self, _found: re.Match[str], command: Command, _holder: Hashable
    ) -> Answer | None:
        return await self._motion.park(command, passed_on)

    async def _move(
        self, found: re.Match[str], command: Command, holder: Hashable
    ) -> Answer | None:
        direction = _DIRECTIONS[found[1]]
        rate_deg_s = _rate_deg_s(found[2], direction) if found[2] else None
        if rate_deg_s == 0:
            self._motion.stop_axis(direction, PASSED_ON)
            return None
        return await self._moving.move_by(
            direction, rate_deg_s, holder, (command,), passed_on
        )

    async def _guide(
        self, found: re.Match[str], command: Command, _holder: Hashable
    ) -> Answer | None:
        axis = axes.axis_of(_DIRECTIONS[found[1]])
        return await self._motion.pulse(command, axis, passed_on)

    async def _sync(
        self, _found: re.Match[str], command: Command, holder: Hashable
    ) -> Answer | None:
        target = self._targets.of(holder)
        if target is not None and command == lx200.SYNC:
            return await self._motion.sync(
                target.commands,
                target.right_ascension_h,
                target.declination_deg,
                judge=passed_on,
            )
        before = () if target is None else target.commands
        return await self._motion.sync_by((*before, command), passed_on)

    async def _track(
        self, _found: re.Match[str], command: Command, _holder: Hashable
    ) -> Answer | None:
        return await self._motion.track((command,), passed_on)

    async def _binary(
        self, _found: re.Match[str], command: Command, holder: Hashable
    ) -> Answer | None:
        handler = self._set.handler(command, holder)
        if handler is None:
            return await self._other(command, holder)
        return await handler

    async def _other(self, command: Command, holder: Hashable) -> Answer | None:
        if command.effect is Effect.MOVE:
            if _SOMEWHERE.fullmatch(command.text):
                self._motion.checks.check_unknown(command.text)
            return await self._motion.run_unknown(command, passed_on)
        (answer,) = await self._line.run((command,), Priority.NORMAL)
        if command.effect is Effect.SET:
            await self._has_set(command, answer, holder)
        return answer

    async def _has_set(
        self, command: Command, answer: Answer, holder: Hashable
    ) -> None:
        self._observer.look_again()
        if command.text in _RATES or command.data.startswith(_SET_RATES):
            self._moving.rate_chosen()
        if accepted(command, answer) is None:
            self._targets.told(holder, command)
        if command.data.startswith(b":SL"):
            # The first read of a time after that is stale (facts/tts160.md 2.2).
            with suppress(GatewayError):
                await text_of(self._line, ":GS#")


def _rate_deg_s(digits: str, direction: str) -> float:
    numerator, denominator = int(digits[:4]), int(digits[4:])
    return axes.axis_rate_deg_s(numerator, denominator, axes.axis_of(direction))
