"""What moves the mount: checked, never repeated, and ended by a stop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    GatewayError,
    MisuseError,
)
from gatewaykit.sections import Tts160Settings
from gatewaykit.tts160 import lx200, set_commands, sky
from gatewaykit.tts160.answers import Answer, Text
from gatewaykit.tts160.asking import Line, accepted, is_motion, is_nothing
from gatewaykit.tts160.axes import Axis, axis_of
from gatewaykit.tts160.calls import Calls
from gatewaykit.tts160.calls import stop as stop_calls
from gatewaykit.tts160.checks import Checks
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge
from gatewaykit.tts160.known import Known
from gatewaykit.tts160.leases import LINE_LOST, Leases
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.variables import Dialect

SETTLED_S = 0.5
"""From a sync until the position is to be trusted (facts/tts160.md 1.5)."""
NEAR_DEG = 1 / 60
SYNC, PARKING, UNPARKING = "a sync", "parking", "unparking"
TRACKING, PULSE = "tracking", "a guide pulse"
LOST = (DeviceTimeout, DeviceGarbled)
"""What was asked for may have happened."""

Stopper = Callable[[Command, str, Callable[[Exchange], bool]], None]
Done = Callable[[Known], bool]
"""Whether the state shows that it was done."""

log = Logger()


class Motion:
    """Stops, and what is no slew and no move of an axis.

    Methods with a `judge` give the answer to the last command; None: it was lost, but the
    state shows that the command was done.

    :param stopper: writes a stop at once; see `MountProtocol.stop`.
    """

    def __init__(
        self,
        settings: Tts160Settings,
        line: Line,
        stopper: Stopper,
        observer: Observer,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
    ) -> None:
        self.stops = 0
        """How many stops of everything there were."""
        self.calls = Calls(clock)
        self.leases = Leases(clock, settings.axis_lease, self._lease_over)
        self.checks = Checks(settings, observer, self.leases, clock, wall_ms)
        self._line = line
        self._stopper = stopper
        self._observer = observer
        self._clock = clock

    # Stops

    def stop(self, by: str) -> None:
        """Stop everything. Raises `DeviceUnavailable`: then what waits still fails."""
        self.stops += 1
        calls = self.calls.of()
        self.checks.stopped(self.leases.moving)
        self.leases.end_all(by)
        try:
            self._stopper(lx200.STOP, by, is_motion)
            self._look_after()
        finally:
            # After it was written, so that nothing is before it.
            stop_calls(calls, by)

    def stop_axis(self, direction: str, by: str) -> None:
        """The same for one axis."""
        calls = self.calls.of(axis_of(direction))
        try:
            self.halt_axis(direction, by)
        finally:
            stop_calls(calls, by)

    def halt_axis(self, direction: str, by: str) -> None:
        """End a move of the axis, and nothing that waits."""
        self.checks.stopped({axis_of(direction)}.intersection(self.leases.moving))
        self.leases.end(direction, by)
        self._stopper(lx200.stop_axis(direction), by, is_nothing)
        self._look_after()

    def _look_after(self) -> None:
        """A stop has no answer. Whether the mount hears at all is told by the next read,
        and where nobody reads nobody would know that it has to be told again."""
        if self._observer.identity is not None:
            read = self._observer.read_state(Priority.MOTION)
            Deferred.fromCoroutine(read).addErrback(
                lambda failure: failure.trap(GatewayError, CancelledError)
            )

    def line_lost(self) -> bool:
        """The port is gone; whether an axis moves on until it is told to stop."""
        self.checks.stopped(self.leases.moving)
        return self.leases.end_all(LINE_LOST)

    def _lease_over(self, direction: str, why: str) -> None:
        log.info("the axis that moves {direction}: {why}", direction=direction, why=why)
        # The port is open: with it all leases go.
        self.stop_axis(direction, why)

    # What all have in common

    async def run(
        self,
        title: str,
        commands: Sequence[Command],
        judge: Judge = accepted,
        done: Done | None = None,
        shows_s: float = 0.0,
    ) -> Answer | None:
        """What moves, as one, never repeated. If its last answer is lost, `done` tells by
        the state of `shows_s` later whether it was a success."""
        try:
            answers = await self._line.run(commands, Priority.MOTION, judge)
        except LOST as error:
            if done is None or error.request != commands[-1].text:
                raise
            await deferLater(self._clock, shows_s)
            await self._look(error)
            if not done(self._observer.known):
                raise
            log.info("the answer to {title} was lost; it was done", title=title)
            return None
        return answers[-1]

    async def _look(self, error: Exception) -> None:
        """The state after a lost answer; if that is lost too, nobody knows."""
        try:
            await self._observer.read_state(Priority.MOTION)
        except GatewayError as why:
            raise error from why

    # Sync

    async def sync(
        self,
        target: Sequence[Command],
        right_ascension_h: float,
        declination_deg: float,
        command: Command = lx200.SYNC,
        judge: Judge = accepted,
    ) -> Answer | None:
        """:param target: what tells the mount these coordinates."""
        is_near = partial(_is_near, right_ascension_h, declination_deg)

        async def sync() -> Answer | None:
            was_near = is_near(await self.checks.standing(SYNC))

            def is_done(known: Known) -> bool:
                return is_near(known) and not was_near

            commands = (*target, command)
            answer = await self.run(SYNC, commands, judge, is_done, SETTLED_S)
            return await self._settled(answer)

        return await self.calls.in_turn(sync)

    async def sync_by(self, commands: Sequence[Command], judge: Judge) -> Answer | None:
        """In another way, or to what the mount has stored: nobody can tell whether a lost
        answer was a success."""

        async def sync() -> Answer | None:
            await self.checks.standing(SYNC)
            return await self._settled(await self.run(SYNC, commands, judge))

        return await self.calls.in_turn(sync)

    async def _settled(self, answer: Answer | None) -> Answer | None:
        self._observer.look_again()
        await deferLater(self._clock, SETTLED_S)
        with suppress(GatewayError):
            await self._observer.read_state(Priority.MOTION)
        return answer

    # Park

    async def park(
        self, command: Command = lx200.PARK, judge: Judge = accepted
    ) -> Answer | None:
        async def park() -> Answer | None:
            await self.checks.standing(PARKING)

            def is_done(known: Known) -> bool:
                return bool(known.slewing or known.parked)

            answer = await self.run(PARKING, (command,), judge, is_done)
            if is_accepted(command, answer):
                self._observer.slew_begun()
            return answer

        return await self.calls.do(PARKING, park)

    async def unpark(
        self, command: Command | None = None, judge: Judge = accepted
    ) -> Answer | None:
        identity = self._observer.identity
        if identity is None or identity.dialect is not Dialect.V357:
            reason = "this firmware cannot: switch the mount off and on"
            raise DeviceRefused(DEVICE, "to unpark", reason)
        if command is None:
            command = lx200.command(set_commands.set_command("PARK_UNPARK", 1))
        commands = (command,)

        def is_done(known: Known) -> bool:
            return known.parked is False

        answer = await self.calls.do(
            UNPARKING, lambda: self.run(UNPARKING, commands, judge, is_done)
        )
        if is_accepted(command, answer):
            self._observer.known.parked = False
        return answer

    # Tracking

    async def tracking(self, *, on: bool | None, rate: str | None) -> None:
        if rate is not None and rate not in lx200.TRACKING_RATES:
            raise MisuseError("rate", rate, ", ".join(lx200.TRACKING_RATES))
        commands = [] if rate is None else [lx200.TRACKING_RATES[rate]]
        if on is not None:
            commands.append(lx200.TRACKING_ON if on else lx200.TRACKING_OFF)
        if not commands:
            raise MisuseError("tracking", None, "on, off, or a rate")
        await self.track(commands, accepted)
        # Before it is read again.
        known = self._observer.known
        known.tracking = known.tracking if on is None else on
        known.tracking_rate = rate or known.tracking_rate

    async def track(self, commands: Sequence[Command], judge: Judge) -> Answer | None:
        """Commands for its drive, which a slew that is under way does not mind."""

        async def track() -> Answer | None:
            await self.checks.unparked(TRACKING)
            answer = await self.run(TRACKING, commands, judge)
            self._observer.look_again()
            return answer

        return await self.calls.do(TRACKING, track)

    # Pulses, and what nobody knows

    async def guide(self, direction: str, duration_ms: int) -> None:
        command = lx200.guide(direction, duration_ms)
        await self.pulse(command, axis_of(direction), accepted)

    async def pulse(self, command: Command, axis: Axis, judge: Judge) -> Answer | None:
        return await self._when_standing(PULSE, command, judge, axis)

    async def run_unknown(self, command: Command, judge: Judge) -> Answer | None:
        """What may move it, in a way that we don't know: a stop ends it like all else."""
        return await self._when_standing(command.text, command, judge, None)

    async def _when_standing(
        self, title: str, command: Command, judge: Judge, axis: Axis | None
    ) -> Answer | None:
        async def work() -> Answer | None:
            await self.checks.standing(title)
            return await self.run(title, (command,), judge)

        return await self.calls.do(title, work, axis)


def is_accepted(command: Command, answer: Answer | None) -> bool:
    """Whether a command was done, as far as its answer tells."""
    return answer is None or accepted(command, answer) is None


def text_in(answer: Answer | None) -> str:
    """Of a sync."""
    return answer.text.strip() if isinstance(answer, Text) else ""


def _is_near(hours: float, degrees: float, known: Known) -> bool:
    if known.right_ascension_h is None or known.declination_deg is None:
        return False
    apart_deg = sky.separation_deg(
        known.right_ascension_h, known.declination_deg, hours, degrees
    )
    return apart_deg < NEAR_DEG
