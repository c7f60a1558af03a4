"""The two axes: ticks, degrees, and the fraction of the motor clock that moves one. Pure."""

from __future__ import annotations

import enum
from fractions import Fraction
from typing import Final

from gatewaykit.errors import MisuseError

CLOCK_HZ: Final = 57_600
"""Of the motors."""
TICKS_PER_PULSE: Final = 7
MOST_TICKS_S: Final = CLOCK_HZ * TICKS_PER_PULSE
"""What a fraction of 1 would be: far more than a motor can do (facts/tts160.md 7.3)."""

MOST_RATE_DEG_S: Final = 3.5
"""The fastest that either axis moves."""
KEY_PAD_RATES_DEG_S: Final = {"RM": 1.4, "RC": 2.2, "RS": 3.0}
"""By the command that chooses one. ``:RC#`` is faster than ``:RM#`` (facts/tts160.md 2.2)."""
SIDEREAL_ARCSEC_S: Final = 15.041067

_MOST: Final = 9999
"""Numerator and denominator have four digits each."""


class Axis(enum.Enum):
    """Its value is the ticks of a whole turn (facts/tts160.md 7.2)."""

    HORIZONTAL = 13_033_502
    """Azimuth: west is up, east is down (2.2)."""
    ELEVATION = 13_146_621
    """Altitude: north is up, south is down."""

    @property
    def ticks_per_degree(self) -> float:
        return self.value / 360

    def ticks(self, degrees: float) -> int:
        return round(degrees * self.value / 360)

    def degrees(self, ticks: float) -> float:
        return ticks * 360 / self.value


DIRECTIONS: Final = {
    "north": Axis.ELEVATION,
    "south": Axis.ELEVATION,
    "east": Axis.HORIZONTAL,
    "west": Axis.HORIZONTAL,
}
"""Which axis moves to a direction."""


def axis_of(direction: str) -> Axis:
    """Raises `MisuseError` for what is no direction."""
    try:
        return DIRECTIONS[direction]
    except KeyError:
        allowed = ", ".join(DIRECTIONS)
        raise MisuseError("direction", direction, allowed) from None


def axis_fraction(rate_deg_s: float, axis: Axis) -> tuple[int, int]:
    """Numerator and denominator of the motor clock for a rate, as near as four digits allow.

    The denominator lies within 5000 to 9999 (facts/tts160.md 7.3). Raises `MisuseError` for
    what an axis cannot do: more than `MOST_RATE_DEG_S`, or so little that it would stand.
    """
    least = axis_rate_deg_s(1, _MOST, axis)
    if not (rate_deg_s == 0 or least <= rate_deg_s <= MOST_RATE_DEG_S):
        allowed = f"0, or {least:.5f} to {MOST_RATE_DEG_S} degrees per second"
        raise MisuseError("rate_deg_s", rate_deg_s, allowed)
    wanted = Fraction(rate_deg_s * axis.ticks_per_degree / MOST_TICKS_S)
    nearest = wanted.limit_denominator(_MOST)
    scale = _MOST // nearest.denominator
    return nearest.numerator * scale, nearest.denominator * scale


def axis_rate_deg_s(numerator: int, denominator: int, axis: Axis) -> float:
    """The rate that a fraction of the motor clock gives."""
    return numerator / denominator * MOST_TICKS_S / axis.ticks_per_degree
