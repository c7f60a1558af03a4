"""Whether a vehicle may be blocked now (facts/gv50.md 5.3): the device itself looks at
neither speed nor ignition before it cuts the fuel.

Only what a live report says of this moment counts: a fix that is fresh by its own GPS time,
whenever it came in, with a speed below the limit. Ignition is no substitute, since an input
that nobody wired always reads off.
"""

from __future__ import annotations

import attrs

from gatewaykit.gv50.motion import MOVING_WITHOUT_IGNITION, Fix

AHEAD_S = 5.0
"""A fix may be so far ahead of our clock; more, and one of the two clocks is wrong."""


@attrs.frozen
class Limits:
    """What counts as standing, and as now."""

    max_speed_kmh: float
    max_fix_age_s: float


@attrs.frozen
class Hold:
    """Why a vehicle is not to be blocked."""

    reason: str
    ask: bool = True
    """Whether a position of this moment could change that."""


@attrs.frozen
class Motion:
    """What live reports have told of a vehicle's motion."""

    fix: Fix | None = None
    """The newest in GPS time."""
    lost: bool = False
    """A report that came after it had no fix."""
    state: str | None = None
    """The state code that came last (facts/gv50.md 4.2)."""
    fix_at: float = 0.0
    state_at: float = 0.0
    """When these came, in seconds of a clock that nobody sets."""

    def after(self, told: Fix, now_ms: int, now: float) -> Motion:
        """What is known once a live report with `told` has come in.

        :param now_ms: milliseconds since the epoch.
        :param now: seconds of a clock that nobody sets.
        """
        motion = self
        if told.state is not None:
            motion = attrs.evolve(motion, state=told.state, state_at=now)
        if not told.fix:
            return attrs.evolve(motion, lost=True)
        # One from the future, by whichever clock's fault, must not outlast the right ones.
        known = self.fix
        if known is not None and told.gps_ms < known.gps_ms <= now_ms + AHEAD_S * 1000:
            return motion
        return attrs.evolve(motion, fix=told, fix_at=now, lost=False)

    def without_fix(self) -> Motion:
        """What is known once a live report has told of no position at all."""
        return attrs.evolve(self, lost=True)


def hold(motion: Motion, limits: Limits, now_ms: int, now: float) -> Hold | None:
    """Why the vehicle may not be blocked at this moment; None: it may.

    A position is as old as the worse of the two clocks says: one of them may be set back.

    :param now_ms: milliseconds since the epoch.
    :param now: seconds of a clock that nobody sets.
    """
    fix = motion.fix
    if fix is None:
        return Hold("no live position yet")
    age_s = (now_ms - fix.gps_ms) / 1000
    if age_s < -AHEAD_S:
        return Hold(f"its position is {-age_s:.0f} s ahead of the gateway's clock")
    age_s = max(age_s, now - motion.fix_at)
    if age_s > limits.max_fix_age_s:
        return Hold(f"its last position is {age_s:.0f} s old")
    if motion.lost:
        return Hold("it has no GPS fix")
    if fix.speed_kmh is None:
        return Hold("its position tells no speed")
    if fix.speed_kmh > limits.max_speed_kmh:
        return Hold(f"speed {fix.speed_kmh:g} km/h", ask=False)
    state_age_s = now - motion.state_at
    if motion.state in MOVING_WITHOUT_IGNITION and state_age_s <= limits.max_fix_age_s:
        return Hold("it moves with its ignition off")
    return None
