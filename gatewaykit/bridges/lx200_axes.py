"""Axes that LX200 clients move: as long as the button is held, and not when nobody is there.

LX200 says when a button is pressed (``:Mn#``) and released (``:Qn#``), nothing between. The
mount's lease on a moving axis is renewed here as long as the client is heard: it polls its
position at least once a second. A client that falls silent, by a lost network or a crash, stops
its axes that way, long before TCP would notice.
"""

from __future__ import annotations

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.errors import MotionStopped
from gatewaykit.interfaces import IMount
from gatewaykit.tts160.axes import Axis, axis_of

SILENT_S = 3.0
"""Without a command for so long a client is not there any more."""
RENEWAL_S = 1.0
"""At most; a third of the lease if that is less."""
MOST_UNATTENDED_S = 60.0
"""Of a move whose client has no connection that stays: somebody else at that address may be
taken for it. Who wants it to go on longer presses again."""


@attrs.define(eq=False)
class Move:
    direction: str
    asked_at: float
    has_begun: bool = False


class Holder:
    """Who moves axes: a connection that stays, or an address (see `lx200_sessions`).

    :param is_shared: whether it is an address.
    """

    def __init__(
        self, mount: IMount, clock: IReactorTime, *, is_shared: bool = False
    ) -> None:
        self._mount = mount
        self._clock = clock
        self._is_shared = is_shared
        self._moves: dict[Axis, Move] = {}
        self._heard_at = clock.seconds()
        self._renewal: IDelayedCall | None = None

    def heard(self) -> None:
        """The client is there."""
        self._heard_at = self._clock.seconds()

    @property
    def directions(self) -> list[str]:
        return sorted(move.direction for move in self._moves.values())

    async def move(self, direction: str, rate_deg_s: float) -> None:
        """See `IMount.move_axis`."""
        axis = axis_of(direction)
        # Known from now on, so that a stop in the meantime ends it.
        move = self._moves[axis] = Move(direction, self._clock.seconds())
        try:
            lease_s = await self._mount.move_axis(direction, rate_deg_s, self)
        except BaseException:  # one that was given up, too
            if self._moves.get(axis) is move:
                del self._moves[axis]
            raise
        move.has_begun = True
        if axis not in self._moves:
            # Stopped, or the client has gone, before the mount had been told.
            await self._mount.stop_axis(direction)
        elif self._renewal is None:
            self._renew_after(min(RENEWAL_S, lease_s / 3))

    def stopped(self, axis: Axis | None = None) -> None:
        """Renew no more what has been stopped.

        :param axis: None for both.
        """
        for each in Axis if axis is None else (axis,):
            self._moves.pop(each, None)
        self._rest()

    def release(self) -> None:
        """Stop: the client has gone."""
        self._moves.clear()
        self._rest()
        self._mount.release(self)

    def _rest(self) -> None:
        if self._renewal is not None and not self._moves:
            self._renewal.cancel()
            self._renewal = None

    def _renew_after(self, seconds: float) -> None:
        self._renewal = self._clock.callLater(seconds, self._renew, seconds)

    def _renew(self, seconds: float) -> None:
        self._renewal = None
        now = self._clock.seconds()
        if now - self._heard_at > SILENT_S:
            self.release()
            return
        for axis, move in tuple(self._moves.items()):
            if not move.has_begun:
                continue
            if self._is_shared and now - move.asked_at > MOST_UNATTENDED_S:
                # It stops when its lease is over.
                del self._moves[axis]
                continue
            try:
                self._mount.renew_axis(move.direction, self)
            except MotionStopped:
                del self._moves[axis]
        if self._moves:
            self._renew_after(seconds)
