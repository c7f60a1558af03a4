"""What moves the mount: checked, never repeated, and ended by a stop."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from functools import partial

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.sections import Tts160Settings
from gatewaykit.tts160 import coordinates, lx200, set_commands, sky
from gatewaykit.tts160.asking import Line, accepted, is_motion, is_motion_of, text_of
from gatewaykit.tts160.axes import Axis, axis_of
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange
from gatewaykit.tts160.framing import Answer, Text
from gatewaykit.tts160.leases import OVER, Leases
from gatewaykit.tts160.observing import Known, Observer
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.variables import Dialect

SAME_AXIS = {Axis.ELEVATION: "ns", Axis.HORIZONTAL: "ew"}
SETTLED_S = 0.5
"""From a sync until the position is to be trusted (facts/tts160.md 1.5)."""
STANDS_S = 2.0
"""An axis that was stopped has come to rest (facts/tts160.md 2.2)."""
NEAR_DEG = 1 / 60
BY_HORIZON = 2
"""The kind of a slew's target: azimuth and altitude (facts/tts160.md 4.2)."""
_LOST = (DeviceTimeout, DeviceGarbled)

Stopper = Callable[[Command, str, Callable[[Exchange], bool]], None]

log = Logger()


@attrs.frozen
class Ticket:
    """What was asked for before a stop does not move the mount after it."""

    title: str
    stops: int


class Motion:
    """:param stopper: writes a stop at once; see `MountProtocol.stop`."""

    def __init__(
        self,
        settings: Tts160Settings,
        line: Line,
        stopper: Stopper,
        observer: Observer,
        clock: IReactorTime,
    ) -> None:
        self._settings = settings
        self._line = line
        self._stopper = stopper
        self._observer = observer
        self._clock = clock
        self.stops = 0
        """How many stops of everything there were."""
        self._stopped_by = ""
        self.leases = Leases(clock, settings.axis_lease, self._lease_over)

    # Stops

    def stop(self, by: str) -> None:
        """Stop everything. Raises `DeviceUnavailable`: then what waits still fails."""
        self.stops += 1
        self._stopped_by = by
        self.leases.end_all(by)
        self._stopper(lx200.STOP, by, is_motion)

    def stop_axis(self, direction: str, by: str) -> None:
        letters = SAME_AXIS[axis_of(direction)]
        self.leases.end(direction, by)
        command = lx200.stop_axis(direction)
        self._stopper(command, by, partial(is_motion_of, letters))

    def _lease_over(self, direction: str) -> None:
        log.info("{direction}: {why}", direction=direction, why=OVER)
        try:
            self.stop_axis(direction, OVER)
        except DeviceUnavailable:
            # Its port is gone: the first thing that it hears is a stop.
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "the axis that moves {direction} could not be stopped yet",
                direction=direction,
            )

    # Checks

    def _ticket(self, title: str) -> Ticket:
        return Ticket(title, self.stops)

    def _check(self, ticket: Ticket) -> None:
        if ticket.stops != self.stops:
            raise MotionStopped(ticket.title, self._stopped_by)

    async def _state(self, title: str, *, slewing_too: bool = True) -> Known:
        """The state of now; `DeviceRefused` if it allows no motion."""
        await self._observer.read(Priority.MOTION)
        known = self._observer.known
        if known.parked:
            raise DeviceRefused(DEVICE, title, "it is parked")
        if slewing_too and known.slewing:
            raise DeviceRefused(DEVICE, title, "it is slewing; stop it first")
        return known

    async def _run(self, ticket: Ticket, commands: Sequence[Command]) -> list[Answer]:
        """What moves, as one; nothing of it goes out after a stop."""
        self._check(ticket)
        return await self._line.run(commands, Priority.MOTION, accepted)

    async def _begun(
        self,
        ticket: Ticket,
        commands: Sequence[Command],
        has_happened: Callable[[Known], bool],
    ) -> None:
        """Run what must not be sent twice: if its answer is lost, the state tells."""
        try:
            await self._run(ticket, commands)
        except _LOST:
            self._check(ticket)
            await self._observer.read(Priority.MOTION)
            if not has_happened(self._observer.known):
                raise
            log.info("the answer to {title} was lost; it was done", title=ticket.title)
        finally:
            self._observer.look_again()

    # Slews

    async def slew(self, right_ascension_h: float, declination_deg: float) -> None:
        ticket = self._ticket("a slew")
        target = self._target(right_ascension_h, declination_deg)
        await self._state(ticket.title)
        self._check_altitude(
            ticket.title, self._altitude_deg(right_ascension_h, declination_deg)
        )
        await self._begun(
            ticket, (*target, lx200.GOTO), lambda known: bool(known.slewing)
        )
        known = self._observer.known
        known.slewing = True
        known.target_right_ascension_h = right_ascension_h
        known.target_declination_deg = declination_deg

    async def slew_horizontal(self, altitude_deg: float, azimuth_deg: float) -> None:
        """The newest firmware has a command for it; to others it is the place on the sky
        of this moment, which they track when they are there."""
        ticket = self._ticket("a slew")
        coordinates.checked("altitude_deg", altitude_deg, -90, 90)
        coordinates.checked("azimuth_deg", azimuth_deg, 0, 360)
        known = await self._state(ticket.title)
        self._check_altitude(ticket.title, altitude_deg)
        identity = self._observer.identity
        if identity is not None and identity.dialect is Dialect.V357:
            commands = [
                lx200.command(
                    set_commands.set_command(
                        "SLEW_TO_TARGET",
                        BY_HORIZON,
                        math.radians(azimuth_deg),
                        math.radians(altitude_deg),
                    )
                )
            ]
        else:
            sidereal_h = self._observer.sidereal_time_h
            if sidereal_h is None or known.latitude_deg is None:
                reason = "it has not told its place and time"
                raise DeviceRefused(DEVICE, ticket.title, reason)
            hours, degrees = sky.to_equatorial(
                altitude_deg, azimuth_deg, sidereal_h, known.latitude_deg
            )
            commands = [*self._target(hours, degrees), lx200.GOTO]
        await self._begun(ticket, commands, lambda known: bool(known.slewing))
        self._observer.known.slewing = True

    async def slew_to_target(self) -> None:
        """To the target that the mount has stored."""
        ticket = self._ticket("a slew")
        await self._state(ticket.title)
        hours = coordinates.parse_hours(await text_of(self._line, ":Gr#"))
        degrees = coordinates.parse_degrees(await text_of(self._line, ":Gd#"))
        self._check_altitude(ticket.title, self._altitude_deg(hours, degrees))
        await self._begun(ticket, (lx200.GOTO,), lambda known: bool(known.slewing))
        self._observer.known.slewing = True

    def _target(self, hours: float, degrees: float) -> tuple[Command, Command]:
        """As finely as the firmware takes it."""
        identity = self._observer.identity
        tenths = identity is not None and identity.is_extended
        return lx200.set_target(hours, degrees, tenths=tenths)

    def _altitude_deg(self, hours: float, degrees: float) -> float | None:
        """As the mount reckons it; None where it has not told place and time."""
        sidereal_h = self._observer.sidereal_time_h
        latitude_deg = self._observer.known.latitude_deg
        if sidereal_h is None or latitude_deg is None:
            return None
        return sky.to_horizontal(hours, degrees, sidereal_h, latitude_deg)[0]

    def _check_altitude(self, title: str, altitude_deg: float | None) -> None:
        if altitude_deg is None:
            return  # the mount itself refuses what is below its horizon
        low, high = self._settings.min_altitude_deg, self._settings.max_altitude_deg
        if not low <= altitude_deg <= high:
            where = "below the horizon" if altitude_deg < 0 else "out of the limits"
            reason = (
                f"{where}: altitude {altitude_deg:.2f}, allowed {low:g} to {high:g}"
                " degrees"
            )
            raise DeviceRefused(DEVICE, title, reason)

    # Other motion

    async def sync(self, right_ascension_h: float, declination_deg: float) -> str:
        ticket = self._ticket("a sync")
        target = self._target(right_ascension_h, declination_deg)
        known = await self._state(ticket.title)
        was_near = _is_near(known, right_ascension_h, declination_deg)
        text = ""
        try:
            answers = await self._run(ticket, (*target, lx200.SYNC))
            assert isinstance(answers[-1], Text)
            text = answers[-1].text.strip()
        except _LOST:
            await deferLater(self._clock, SETTLED_S)
            await self._observer.read(Priority.MOTION)
            now_near = _is_near(
                self._observer.known, right_ascension_h, declination_deg
            )
            if was_near or not now_near:
                raise
        else:
            await deferLater(self._clock, SETTLED_S)
        self._observer.look_again()
        return text

    async def park(self) -> None:
        ticket = self._ticket("parking")
        await self._state(ticket.title)
        await self._run(ticket, (lx200.PARK,))
        self._observer.known.slewing = True

    async def unpark(self) -> None:
        identity = self._observer.identity
        if identity is None or identity.dialect is not Dialect.V357:
            reason = "this firmware cannot: switch the mount off and on"
            raise DeviceRefused(DEVICE, "to unpark", reason)
        ticket = self._ticket("unparking")
        command = lx200.command(set_commands.set_command("PARK_UNPARK", 1))
        self._check(ticket)
        await self._line.run((command,), Priority.MOTION, accepted)

    async def tracking(self, *, on: bool | None, rate: str | None) -> None:
        ticket = self._ticket("tracking")
        if rate is not None and rate not in lx200.TRACKING_RATES:
            raise MisuseError("rate", rate, ", ".join(lx200.TRACKING_RATES))
        if on is None and rate is None:
            raise MisuseError("tracking", None, "on, off, or a rate")
        await self._state(ticket.title, slewing_too=False)
        if rate is not None:
            await self._line.run((lx200.TRACKING_RATES[rate],), Priority.NORMAL)
        if on is not None:
            await self._run(ticket, (lx200.TRACKING_ON if on else lx200.TRACKING_OFF,))
        self._observer.look_again()

    async def guide(self, direction: str, duration_ms: int) -> None:
        ticket = self._ticket("a guide pulse")
        command = lx200.guide(direction, duration_ms)
        await self._state(ticket.title)
        await self._run(ticket, (command,))

    async def move_axis(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> float:
        ticket = self._ticket(f"a move to {direction}")
        axis = axis_of(direction)
        if rate_deg_s == 0:
            self.stop_axis(direction, "its client")
            return self.leases.seconds
        commands = self._move_commands(direction, rate_deg_s)
        lease = self.leases.of(direction)
        if lease is not None and lease.holder == holder:
            if (lease.direction, lease.rate_deg_s) == (direction, rate_deg_s):
                return self.leases.renew(direction, holder)
            # An axis is stopped before its rate or sense changes (facts/tts160.md 2.2).
            self.stop_axis(lease.direction, "its client")
            await deferLater(self._clock, STANDS_S)
            self._check(ticket)
        # Before anything is awaited, so that two cannot have it.
        lease = self.leases.grant(direction, rate_deg_s, holder)
        try:
            await self._state(ticket.title, slewing_too=not self._others_move(axis))
            if self.leases.of(direction) is not lease:
                raise MotionStopped(ticket.title, self._stopped_by or OVER)
            await self._run(ticket, commands)
        except DeviceRefused:
            self.leases.end(direction, "the mount")
            raise
        except _LOST:
            self.stop_axis(direction, "a lost answer")
            raise
        if self.leases.of(direction) is lease:
            lease.timer.reset(self.leases.seconds)
        return self.leases.seconds

    async def run_unknown(self, command: Command) -> list[Answer]:
        """What may move it, in a way that we don't know: a stop ends it like all else."""
        ticket = self._ticket(command.text)
        await self._state(ticket.title)
        self._check(ticket)
        return await self._line.run((command,), Priority.MOTION)

    def _others_move(self, axis: Axis) -> bool:
        """Whether the other axis moves: to some firmware that is slewing, too."""
        return any(axis_of(other) is not axis for other in self.leases.directions)

    def _move_commands(self, direction: str, rate_deg_s: float | None) -> list[Command]:
        if rate_deg_s is None:
            return [lx200.move(direction)]
        identity = self._observer.identity
        if identity is not None and identity.is_extended:
            return [lx200.move_at(direction, rate_deg_s)]
        return [lx200.choose_rate(rate_deg_s), lx200.move(direction)]


def _is_near(known: Known, hours: float, degrees: float) -> bool:
    if known.right_ascension_h is None or known.declination_deg is None:
        return False
    apart = sky.separation_deg(
        known.right_ascension_h * 15, known.declination_deg, hours * 15, degrees
    )
    return apart < NEAR_DEG
