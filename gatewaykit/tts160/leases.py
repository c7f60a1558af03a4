"""Who moves an axis, and until when: nothing moves longer than somebody wants it to."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.errors import DeviceRefused, MotionStopped
from gatewaykit.tts160.axes import Axis, axis_of
from gatewaykit.tts160.protocol import DEVICE

OVER = "the end of its lease"
RELEASED = "the end of its client"
LINE_LOST = "the loss of its port"


@attrs.define(eq=False)
class Lease:
    direction: str
    rate: Hashable
    """What tells one move to that direction from another."""
    holder: Hashable
    timer: IDelayedCall
    moves: bool = False
    """Whether the axis has been told to move."""


class Leases:
    """One for each axis that moves, from the moment when somebody asks for the move.

    :param seconds: until a lease must be renewed.
    :param over: called with the direction of an axis that has to stop, and why; it ends
        the lease.
    """

    def __init__(
        self,
        clock: IReactorTime,
        seconds: float,
        over: Callable[[str, str], object],
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._over = over
        self._leases: dict[Axis, Lease] = {}
        self._stoppers: dict[Axis, str] = {}

    @property
    def directions(self) -> list[str]:
        """Of the axes that move."""
        return sorted(each.direction for each in self._leases.values() if each.moves)

    @property
    def moving(self) -> list[Axis]:
        return [axis for axis, lease in self._leases.items() if lease.moves]

    def of(self, direction: str) -> Lease | None:
        """The lease on the axis of that direction."""
        return self._leases.get(axis_of(direction))

    def grant(
        self, direction: str, rate: Hashable, holder: Hashable, begins_s: float = 0.0
    ) -> Lease:
        """:param begins_s: how much later it can begin to move.

        Raises `DeviceRefused` where the axis has a lease.
        """
        axis = axis_of(direction)
        if axis in self._leases:
            reason = "another client moves that axis"
            raise DeviceRefused(DEVICE, f"a move to {direction}", reason)
        seconds = self.seconds + begins_s
        timer = self._clock.callLater(seconds, self._expired, direction)
        lease = self._leases[axis] = Lease(direction, rate, holder, timer)
        return lease

    def began(self, lease: Lease) -> None:
        """Its axis moves from now on."""
        lease.moves = True
        lease.timer.reset(self.seconds)

    def renew(self, direction: str, holder: Hashable) -> float:
        """See `IMount.renew_axis`."""
        lease = self.of(direction)
        if lease is None or (lease.direction, lease.holder) != (direction, holder):
            stopper = self._stoppers.get(axis_of(direction), OVER)
            raise MotionStopped(f"a move to {direction}", stopper)
        if lease.moves:
            lease.timer.reset(self.seconds)
        return self.seconds

    def end(self, direction: str, by: str) -> bool:
        """The axis stops, or has stopped. Tells whether it had a lease."""
        axis = axis_of(direction)
        lease = self._leases.pop(axis, None)
        if lease is None:
            return False
        self._stoppers[axis] = by
        if lease.timer.active():
            lease.timer.cancel()
        return True

    def end_all(self, by: str) -> bool:
        """The same for both."""
        leases = tuple(self._leases.values())
        for lease in leases:
            self.end(lease.direction, by)
        return bool(leases)

    def release(self, holder: Hashable) -> None:
        """Its axes stop."""
        for lease in tuple(self._leases.values()):
            if lease.holder == holder:
                self._over(lease.direction, RELEASED)

    def _expired(self, direction: str) -> None:
        self._over(direction, OVER)
