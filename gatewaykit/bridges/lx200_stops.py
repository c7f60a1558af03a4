"""Stops of LX200 clients: at once, before all that waits, and not in floods."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.errors import MotionStopped
from gatewaykit.interfaces import IMount
from gatewaykit.tts160.axes import Axis, axis_of

TOGETHER_S = 0.1
"""Stops that follow one another more closely are one. Each is written to the mount at once, and
a client that sends nothing else would leave no room on the line."""


class _Gate:
    """Lets the first through, and then one for all that came within `TOGETHER_S`."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._timer: IDelayedCall | None = None
        self._stop: Callable[[], Deferred[None]] | None = None
        self._waiting: list[Deferred[None]] = []

    def ask(self, stop: Callable[[], Deferred[None]]) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        self._waiting.append(waiter)
        self._stop = stop
        if self._timer is None:
            self.open()
        return waiter

    def open(self) -> None:
        """Stop now, if somebody waits for it."""
        if self._stop is None:
            return
        self._forget_timer()
        self._timer = self._clock.callLater(TOGETHER_S, self._again)
        stop, self._stop = self._stop, None
        waiting, self._waiting = self._waiting, []

        def tell(result: object) -> None:
            for waiter in waiting:
                # A failure stays one.
                waiter.callback(result)  # type: ignore[arg-type]

        stop().addBoth(tell)

    def close(self) -> None:
        self.open()
        self._forget_timer()

    def _again(self) -> None:
        self._timer = None
        self.open()

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


@attrs.frozen
class Stamp:
    """How many stops there had been when a command came: what has waited through another
    must not move the mount any more."""

    by_others: int
    """Of everything, by other doors than ours."""
    of_all: int
    of_axis: dict[Axis, int]


class Stops:
    """All stops of all LX200 clients."""

    def __init__(self, mount: IMount, clock: IReactorTime) -> None:
        self._mount = mount
        self._ours = 0
        """Of the mount's own count."""
        self._of_all = 0
        self._of_axis = dict.fromkeys(Axis, 0)
        self._gate = _Gate(clock)
        self._gates = {axis: _Gate(clock) for axis in Axis}

    def stop(self, by: str) -> Deferred[None]:
        """Stop everything."""

        def stop() -> Deferred[None]:
            before = self._mount.stops
            stopped = self._mount.stop(by)
            self._ours += self._mount.stops - before
            return stopped

        self._of_all += 1
        return self._gate.ask(stop)

    def stop_axis(self, direction: str) -> Deferred[None]:
        axis = axis_of(direction)
        self._of_axis[axis] += 1
        return self._gates[axis].ask(lambda: self._mount.stop_axis(direction))

    def stamp(self) -> Stamp:
        """For a command that comes now."""
        by_others = self._mount.stops - self._ours
        return Stamp(by_others, self._of_all, dict(self._of_axis))

    def let_move(self, stamp: Stamp, title: str, axis: Axis | None = None) -> None:
        """Raise `MotionStopped` if a stop came since. Stops from before it that are yet to
        be written are written now: they must not stop what comes after them.

        :param axis: None for both.
        """
        now = self.stamp()
        axes = Axis if axis is None else (axis,)
        if (now.by_others, now.of_all) != (stamp.by_others, stamp.of_all) or any(
            now.of_axis[each] != stamp.of_axis[each] for each in axes
        ):
            raise MotionStopped(title, "a stop")
        for gate in (self._gate, *self._gates.values()):
            gate.open()

    def close(self) -> None:
        """Write what is yet to be written."""
        for gate in (self._gate, *self._gates.values()):
            gate.close()
