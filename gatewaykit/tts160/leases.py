"""Who moves an axis, and until when: nothing moves longer than somebody wants it to."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.errors import DeviceRefused, MotionStopped
from gatewaykit.tts160.axes import Axis, axis_of
from gatewaykit.tts160.protocol import DEVICE

OVER = "the end of its lease"


@attrs.define(eq=False)
class Lease:
    direction: str
    rate_deg_s: float | None
    holder: Hashable
    timer: IDelayedCall


class Leases:
    """One for each axis that moves.

    :param seconds: until a lease must be renewed.
    :param over: called with the direction of an axis that has to stop.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        over: Callable[[str], object],
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._over = over
        self._leases: dict[Axis, Lease] = {}
        self._stopper = OVER

    @property
    def directions(self) -> list[str]:
        return sorted(lease.direction for lease in self._leases.values())

    def of(self, direction: str) -> Lease | None:
        """The lease on the axis of that direction."""
        return self._leases.get(axis_of(direction))

    def grant(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Lease:
        """Raises `DeviceRefused` where the axis moves for somebody else."""
        axis = axis_of(direction)
        old = self._leases.get(axis)
        if old is not None and old.holder != holder:
            reason = "another client moves that axis"
            raise DeviceRefused(DEVICE, f"a move to {direction}", reason)
        if old is not None:
            old.timer.cancel()
        timer = self._clock.callLater(self.seconds, self._expired, axis)
        lease = self._leases[axis] = Lease(direction, rate_deg_s, holder, timer)
        return lease

    def renew(self, direction: str, holder: Hashable) -> float:
        """See `IMount.renew_axis`."""
        lease = self.of(direction)
        if lease is None or (lease.direction, lease.holder) != (direction, holder):
            raise MotionStopped(f"a move to {direction}", self._stopper)
        lease.timer.reset(self.seconds)
        return self.seconds

    def end(self, direction: str, by: str) -> None:
        """The axis stops, or has stopped."""
        lease = self._leases.pop(axis_of(direction), None)
        if lease is not None:
            self._stopper = by
            if lease.timer.active():
                lease.timer.cancel()

    def end_all(self, by: str) -> list[str]:
        """Directions of those there were."""
        directions = self.directions
        for direction in directions:
            self.end(direction, by)
        return directions

    def release(self, holder: Hashable) -> None:
        """Its axes stop."""
        for lease in tuple(self._leases.values()):
            if lease.holder == holder:
                self._over(lease.direction)

    def _expired(self, axis: Axis) -> None:
        self._over(self._leases[axis].direction)
