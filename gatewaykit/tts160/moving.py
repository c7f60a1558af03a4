"""Axes that are moved by hand, as long as whoever moves them says so."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress

from gatewaykit.errors import DeviceUnavailable, MotionStopped
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.asking import accepted
from gatewaykit.tts160.axes import axis_of
from gatewaykit.tts160.commands import Command
from gatewaykit.tts160.exchanges import Judge
from gatewaykit.tts160.leases import LINE_LOST, Lease
from gatewaykit.tts160.motion import Motion, is_accepted
from gatewaykit.tts160.observing import Observer

BY_ITS_CLIENT = "its client"
FAILED = "the failure to begin it"


class Moving:
    def __init__(self, motion: Motion, observer: Observer) -> None:
        self._motion = motion
        self._checks = motion.checks
        self._leases = motion.leases
        self._observer = observer
        self._choices = 0
        """How often a rate was chosen for moves that name none."""

    def rate_chosen(self) -> None:
        """A move without a rate is another one than before."""
        self._choices += 1

    async def move(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> float:
        """See `IMount.move_axis`; the rate is not 0."""
        commands = self._commands(direction, rate_deg_s)
        await self.move_by(direction, rate_deg_s, holder, commands, accepted)
        return self._leases.seconds

    def _commands(self, direction: str, rate_deg_s: float | None) -> list[Command]:
        if rate_deg_s is None:
            return [lx200.move(direction)]
        identity = self._observer.identity
        if identity is not None and identity.is_extended:
            return [lx200.move_at(direction, rate_deg_s)]
        return [lx200.choose_rate(rate_deg_s), lx200.move(direction)]

    async def move_by(
        self,
        direction: str,
        rate_deg_s: float | None,
        holder: Hashable,
        commands: Sequence[Command],
        judge: Judge,
    ) -> Answer | None:
        """:param commands: what moves the axis so. None is the answer of a move that goes on
        as it was."""
        rate = (rate_deg_s, None if rate_deg_s is not None else self._choices)
        lease = self._leases.of(direction)
        if lease is not None and lease.holder == holder:
            if (lease.direction, lease.rate) == (direction, rate):
                self._leases.renew(direction, holder)
                return None
            # An axis is stopped before its rate or sense changes (facts/tts160.md 2.2).
            self._motion.stop_axis(lease.direction, BY_ITS_CLIENT)
        axis = axis_of(direction)
        rest_s = self._checks.rest_s(axis)
        # Before anything is awaited: two cannot have it, and whoever goes meanwhile is
        # known to have asked for it.
        lease = self._leases.grant(direction, rate, holder, rest_s)
        title = f"a move to {direction}"
        try:
            return await self._motion.calls.do(
                title,
                lambda: self._begin(title, lease, commands, judge),
                axis,
                rest_s,
            )
        finally:
            if not lease.moves and self._leases.of(direction) is lease:
                self._leases.end(direction, FAILED)

    async def _begin(
        self, title: str, lease: Lease, commands: Sequence[Command], judge: Judge
    ) -> Answer | None:
        await self._checks.axis_standing(title, axis_of(lease.direction))
        if self._leases.of(lease.direction) is not lease:
            # The line was gone, and is there again.
            raise MotionStopped(title, LINE_LOST)
        self._leases.began(lease)
        try:
            answer = await self._motion.run(title, commands, judge)
        except Exception:
            # Perhaps it moves.
            if self._leases.of(lease.direction) is lease:
                with suppress(DeviceUnavailable):
                    self._motion.halt_axis(lease.direction, FAILED)
            raise
        if is_accepted(commands[-1], answer):
            self._leases.renew(lease.direction, lease.holder)
        else:
            self._leases.end(lease.direction, FAILED)
        return answer
