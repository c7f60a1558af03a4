"""Places on the sky in the equinox of the day and in that of 2000. Pure.

Precession alone (Lieske 1979): nutation and aberration are within half a minute of arc.
"""

from __future__ import annotations

import math
from typing import Final

from gatewaykit.tts160.coordinates import reduced
from gatewaykit.tts160.sky import DEGREES_PER_HOUR, J2000_UNIX_S

_CENTURY_S: Final = 36_525 * 86_400


def to_date(
    right_ascension_h: float, declination_deg: float, unix_s: float
) -> tuple[float, float]:
    """Of a place in the equinox of 2000."""
    zeta, z, theta = _angles(unix_s)
    return _turned(right_ascension_h, declination_deg, zeta, z, theta)


def to_j2000(
    right_ascension_h: float, declination_deg: float, unix_s: float
) -> tuple[float, float]:
    """Of a place in the equinox of the day."""
    zeta, z, theta = _angles(unix_s)
    return _turned(right_ascension_h, declination_deg, -z, -zeta, -theta)


def _angles(unix_s: float) -> tuple[float, float, float]:
    """The three of precession since 2000, in radians."""
    t = (unix_s - J2000_UNIX_S) / _CENTURY_S
    return (
        math.radians((2306.2181 * t + 0.30188 * t**2 + 0.017998 * t**3) / 3600),
        math.radians((2306.2181 * t + 1.09468 * t**2 + 0.018203 * t**3) / 3600),
        math.radians((2004.3109 * t - 0.42665 * t**2 - 0.041833 * t**3) / 3600),
    )


def _turned(
    right_ascension_h: float,
    declination_deg: float,
    before: float,
    behind: float,
    theta: float,
) -> tuple[float, float]:
    longitude = math.radians(right_ascension_h * DEGREES_PER_HOUR) + before
    latitude = math.radians(declination_deg)
    toward = math.cos(latitude) * math.cos(longitude)
    y = math.cos(latitude) * math.sin(longitude)
    x = math.cos(theta) * toward - math.sin(theta) * math.sin(latitude)
    z = math.sin(theta) * toward + math.cos(theta) * math.sin(latitude)
    hours = math.degrees(math.atan2(y, x) + behind) / DEGREES_PER_HOUR
    # Not asin(z): it is coarse where z is next to 1.
    return reduced(hours, 24), math.degrees(math.atan2(z, math.hypot(x, y)))
