"""How far into its drive a vehicle is that is made to halt on the way. Pure.

Time passes for the drive as on the clock, or not at all while the vehicle stands; in
between it slows down or gathers pace steadily. So place, distance and speed go on fitting
together whatever happens on the way.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class _Piece(NamedTuple):
    """From one change to the next. A share of 1 is the drive's own speed."""

    began: float
    elapsed: float
    """Seconds of the drive at its beginning."""
    share: float
    wanted: float
    takes_s: float
    """Until the share is the wanted one."""

    def at(self, now: float) -> tuple[float, float]:
        """Seconds into the drive, and the share of its speed."""
        after = now - self.began
        if after >= self.takes_s:
            steady = self.wanted * (after - self.takes_s)
            return self.elapsed + self._gained(self.takes_s) + steady, self.wanted
        return self.elapsed + self._gained(after), self.share + self._gain * after

    def reaches(self, elapsed: float) -> float:
        """When the drive is so many seconds old, if nothing changes; infinite: never."""
        left = elapsed - self.elapsed - self._gained(self.takes_s)
        if left >= 0:
            ready = self.began + self.takes_s
            return ready + left / self.wanted if self.wanted else math.inf
        left = elapsed - self.elapsed
        if left <= 0:
            return self.began
        root = math.sqrt(max(0.0, self.share**2 + 2 * self._gain * left))
        return self.began + 2 * left / (self.share + root)

    @property
    def _gain(self) -> float:
        return (self.wanted - self.share) / self.takes_s if self.takes_s else 0.0

    def _gained(self, after: float) -> float:
        return self.share * after + self._gain * after * after / 2


class Pace:
    """Of one drive; at first it runs as planned.

    :param began: when the drive began, in seconds of the clock.
    """

    def __init__(self, began: float) -> None:
        self._pieces = [_Piece(began, 0.0, 1.0, 1.0, 0.0)]

    def change(self, now: float, wanted: float, takes_s: float) -> None:
        """Come to a share of the drive's speed within seconds: 0 halts, 1 goes on."""
        elapsed, share = self.at(now)
        self._pieces.append(_Piece(now, elapsed, share, wanted, takes_s))

    def at(self, now: float) -> tuple[float, float]:
        """Seconds into the drive at a moment, also a past one, and the share of its speed
        that is driven then."""
        for piece in reversed(self._pieces[1:]):
            if now >= piece.began:
                return piece.at(now)
        return self._pieces[0].at(now)

    @property
    def steady_at(self) -> float:
        """When the last change is over."""
        return self._pieces[-1].began + self._pieces[-1].takes_s

    def reaches(self, elapsed: float) -> float:
        """When the drive is so many seconds old, if nothing changes; infinite: never."""
        return self._pieces[-1].reaches(elapsed)
