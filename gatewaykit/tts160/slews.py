"""Slews: target and start as one, within the limits of altitude, begun once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import attrs

from gatewaykit.errors import DeviceRefused
from gatewaykit.tts160 import coordinates, lx200, set_commands, sky
from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.asking import accepted
from gatewaykit.tts160.calls import Work
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Judge
from gatewaykit.tts160.known import Known
from gatewaykit.tts160.motion import NEAR_DEG, Motion, is_accepted
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.targets import Target
from gatewaykit.tts160.variables import Dialect

BY_HORIZON = 2
"""The kind of a slew's target: azimuth and altitude (facts/tts160.md 4.2)."""
SLEW = "a slew"


Goal = Target | tuple[float, float] | None
"""Altitude and azimuth, or equatorial."""


class Slews:
    """Methods give the answer to the last command; None: it was lost, but it slews."""

    def __init__(self, motion: Motion, observer: Observer) -> None:
        self._motion = motion
        self._checks = motion.checks
        self._observer = observer

    # Ours

    async def slew(self, right_ascension_h: float, declination_deg: float) -> None:
        target = self.target(right_ascension_h, declination_deg)
        await self.to(target, lx200.GOTO, accepted)

    async def slew_horizontal(self, altitude_deg: float, azimuth_deg: float) -> None:
        """The newest firmware has a command for it; to others it is the place on the sky
        of this moment, which they track when they are there."""
        coordinates.check_altitude(altitude_deg)
        coordinates.check_azimuth(azimuth_deg)
        identity = self._observer.identity
        if identity is None or identity.dialect is not Dialect.V357:
            place = (altitude_deg, azimuth_deg)
            await self._do(lambda: self._over_horizon(*place))
            return
        data = set_commands.set_command(
            "SLEW_TO_TARGET",
            BY_HORIZON,
            math.radians(azimuth_deg),
            math.radians(altitude_deg),
        )
        command = lx200.command(data)
        await self.to_horizontal(altitude_deg, azimuth_deg, command, accepted)

    async def _over_horizon(
        self, altitude_deg: float, azimuth_deg: float
    ) -> Answer | None:
        self._checks.check_altitude(SLEW, altitude_deg)
        await self._observer.seldom.know_place(Priority.MOTION)
        sidereal_h = self._observer.sidereal_time_h
        latitude_deg = self._observer.known.latitude_deg
        if sidereal_h is None or latitude_deg is None:
            reason = "it has not told its place and time"
            raise DeviceRefused(DEVICE, SLEW, reason)
        of_date = sky.to_equatorial(altitude_deg, azimuth_deg, sidereal_h, latitude_deg)
        target = self.target(*self._checks.of_mount(*of_date))
        return await self._begin((*target.commands, lx200.GOTO), accepted, target)

    def target(self, right_ascension_h: float, declination_deg: float) -> Target:
        """As finely as the firmware takes it."""
        identity = self._observer.identity
        tenths = identity is not None and identity.is_extended
        commands = lx200.set_target(right_ascension_h, declination_deg, tenths=tenths)
        return Target(commands, right_ascension_h, declination_deg)

    # By commands that may be a client's

    async def to(self, target: Target, command: Command, judge: Judge) -> Answer | None:
        return await self._do(lambda: self._checked(target, command, judge))

    async def to_horizontal(
        self, altitude_deg: float, azimuth_deg: float, command: Command, judge: Judge
    ) -> Answer | None:
        """:param command: what slews to these coordinates."""
        place = altitude_deg, azimuth_deg

        async def begin() -> Answer | None:
            self._checks.check_altitude(SLEW, altitude_deg)
            return await self._begin((command,), judge, place)

        return await self._do(begin)

    async def to_told(
        self, target: Target | None, command: Command, judge: Judge
    ) -> Answer | None:
        """:param target: what the client told; None: what the mount has stored, whoever told
        it."""
        if target is not None:
            return await self.to(target, command, judge)

        async def begin() -> Answer | None:
            await self._observer.seldom.read_target(Priority.MOTION)
            known = self._observer.known
            hours = known.target_right_ascension_h
            degrees = known.target_declination_deg
            if hours is None or degrees is None:
                self._checks.check_unknown(SLEW)
                return await self._begin((command,), judge)
            # It is told once more: it may be another one by now.
            return await self._checked(self.target(hours, degrees), command, judge)

        return await self._do(begin)

    async def home(self, command: Command, judge: Judge) -> Answer | None:
        """Where that is only the mount knows."""
        self._checks.check_unknown(SLEW)
        return await self._do(lambda: self._begin((command,), judge))

    async def _do(self, begin: Work[Answer | None]) -> Answer | None:
        async def check_and_begin() -> Answer | None:
            await self._checks.standing(SLEW)
            return await begin()

        return await self._motion.calls.do(SLEW, check_and_begin)

    async def _checked(
        self, target: Target, command: Command, judge: Judge
    ) -> Answer | None:
        await self._checks.check_place(
            SLEW, target.right_ascension_h, target.declination_deg
        )
        return await self._begin((*target.commands, command), judge, target)

    async def _begin(
        self,
        commands: Sequence[Command],
        judge: Judge,
        goal: Goal = None,
    ) -> Answer | None:
        before = attrs.evolve(self._observer.known)

        def has_begun(known: Known) -> bool:
            # A short one may be over already.
            is_there = _is_at(goal, known) and not _is_at(goal, before)
            return bool(known.slewing) or is_there

        answer = await self._motion.run(SLEW, commands, judge, has_begun)
        if is_accepted(commands[-1], answer):
            self._observer.slew_begun()
            known = self._observer.known
            if isinstance(goal, Target):
                known.target_right_ascension_h = goal.right_ascension_h
                known.target_declination_deg = goal.declination_deg
        self._observer.look_again()
        return answer


def _is_at(goal: Goal, known: Known) -> bool:
    """Whether the mount points there, as far as it is known."""
    match goal:
        case Target(_, hours, degrees):
            found = known.right_ascension_h, known.declination_deg
        case (altitude_deg, azimuth_deg):
            # The same geometry, over the horizon.
            hours, degrees = azimuth_deg / sky.DEGREES_PER_HOUR, altitude_deg
            azimuth = known.azimuth_deg
            azimuth_h = None if azimuth is None else azimuth / sky.DEGREES_PER_HOUR
            found = azimuth_h, known.altitude_deg
        case _:
            return False
    if found[0] is None or found[1] is None:
        return False
    return sky.separation_deg(hours, degrees, found[0], found[1]) < NEAR_DEG
