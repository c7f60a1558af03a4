"""Whether a fix may be believed: has its time moved on, is its place possible. Pure.

The modem goes on giving its last fix, with the same UTC time, when reception is lost
(facts/sim7600.md 7). The same coordinates prove nothing: a vehicle may be parked. Neither
does another time prove anything, if between two readings it moved on by much less than time
did: then it stood still afterwards. Of the very first reading nobody can tell.
"""

from __future__ import annotations

import enum
import math

import attrs

from gatewaykit.sim7600.gnss import GNSSFix

FASTEST_M_S = 350.0
"""What is faster between two fixes is suspect..."""
CONVINCING = 3
"""...until so many in a row say the same (facts/sim7600.md 7)."""
NOISE_M = 1000.0
"""Shorter jumps are no matter of speed: they happen when the sky comes into view."""
_EARTH_M = 6_371_000.0


class Verdict(enum.Enum):
    """What a reading is worth, by the names of the location record."""

    VALID = "valid"
    STALE = "stale"
    NO_FIX = "no_fix"
    INVALID = "invalid"


@attrs.frozen
class Believed:
    """A fix that was valid, and when it was first heard of (the clock of the caller)."""

    fix: GNSSFix
    heard_at: float


def distance_m(one: GNSSFix, other: GNSSFix) -> float:
    """Great-circle distance (haversine)."""
    latitudes = math.radians(one.latitude), math.radians(other.latitude)
    d_latitude = (latitudes[1] - latitudes[0]) / 2
    d_longitude = math.radians(other.longitude - one.longitude) / 2
    chord = math.sin(d_latitude) ** 2 + (
        math.cos(latitudes[0]) * math.cos(latitudes[1]) * math.sin(d_longitude) ** 2
    )
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(chord)))


class FixJudge:
    """Weighs each fix against the ones before; times are the caller's monotonic seconds.

    :param stale_after_s: how long the modem's UTC time may stand still.
    """

    def __init__(self, stale_after_s: float) -> None:
        self._stale_after_s = stale_after_s
        self._newest: Believed | None = None
        self._lag_s = 0.0
        """How old the newest one was when it was read, as far as can be told: of the very
        first one it cannot."""
        self._earlier: Believed | None = None
        """One whose time was before the newest one's..."""
        self._earlier_in_a_row = 0
        """...and how many there were, each later than the one before it."""
        self._suspects = 0
        self.last: Believed | None = None
        """The last valid fix, however long ago."""

    def judge(self, fix: GNSSFix, now: float) -> Verdict:
        """The verdict on a fix that was read at `now`."""
        before, this = self._newest, Believed(fix, now)
        if before is not None and this.fix.gps_time <= before.fix.gps_time:
            before = self._before_earlier(before, this)
            if before is None:
                return self.verdict(now)
        self._earlier, self._earlier_in_a_row = None, 0
        self._newest = this
        self._lag_s = self._lag(before, this)
        if self._lag_s <= self._stale_after_s:
            self._weigh(before, this)
        return self.verdict(now)

    def _before_earlier(self, newest: Believed, this: Believed) -> Believed | None:
        """The reading before one whose time is not later than the newest one's: None while
        that is no news. A modem that had a wrong date is believed when it convinces."""
        if this.fix.gps_time == newest.fix.gps_time:
            return None
        before, self._earlier = self._earlier, this
        is_next = before is not None and this.fix.gps_time > before.fix.gps_time
        self._earlier_in_a_row = self._earlier_in_a_row + 1 if is_next else 1
        return before if self._earlier_in_a_row >= CONVINCING else None

    def _lag(self, before: Believed | None, this: Believed) -> float:
        """By how much less than time did the modem's time move on."""
        if before is None:
            return 0.0
        moved_s = (this.fix.gps_time - before.fix.gps_time).total_seconds()
        return max(0.0, this.heard_at - before.heard_at - moved_s)

    def _weigh(self, before: Believed | None, this: Believed) -> None:
        """Believe it if it is possible beside the last one, or the third in a row."""
        if not _is_reachable(self.last, this):
            agrees = self._suspects > 0 and _is_reachable(before, this)
            self._suspects = self._suspects + 1 if agrees else 1
            if self._suspects < CONVINCING:
                return
        self.last = this
        self._suspects = 0

    def verdict(self, now: float) -> Verdict:
        """What the newest fix is worth at `now`, when nothing newer has been read."""
        newest = self._newest
        if newest is None:
            return Verdict.NO_FIX
        if self.stale_in_s(now) < 0:
            return Verdict.STALE
        return Verdict.VALID if newest is self.last else Verdict.INVALID

    def stale_in_s(self, now: float) -> float:
        """How long the newest fix is not stale yet; below 0 it is."""
        heard_at = -math.inf if self._newest is None else self._newest.heard_at
        return self._stale_after_s - self._lag_s - (now - heard_at)


def _is_reachable(one: Believed | None, other: Believed) -> bool:
    """Whether a vehicle can have come from one place to the other in the time."""
    if one is None:
        return True
    by_modem_s = (other.fix.gps_time - one.fix.gps_time).total_seconds()
    passed_s = max(by_modem_s, other.heard_at - one.heard_at, 0.1)
    way_m = distance_m(one.fix, other.fix)
    return way_m <= NOISE_M or way_m / passed_s <= FASTEST_M_S
