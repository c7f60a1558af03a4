"""Where on the sky: sidereal time, horizon and equator, distances. Pure.

Equatorial coordinates are those of the date (the mount's JNow). Without refraction, nutation
and aberration the results agree with an ephemeris within a third of a minute of arc.
"""

from __future__ import annotations

import math
from typing import Final

from gatewaykit.tts160.coordinates import reduced

J2000_UNIX_S: Final = 946_728_000.0
"""2000-01-01 12:00 UTC, Julian date 2451545.0."""
DEGREES_PER_HOUR: Final = 15.0
SIDEREAL_RATE: Final = 24.06570982441908 / 24
"""Of a sidereal clock, in terms of a common one."""


def gmst_h(unix_s: float) -> float:
    """Sidereal time of Greenwich, mean (facts/tts160.md 7.1)."""
    days = (unix_s - J2000_UNIX_S) / 86_400
    # By itself the fraction of days x 24 is the time of day: nothing is lost by the many
    # whole turns.
    return reduced(18.697374558 + 0.06570982441908 * days + days % 1 * 24, 24)


def lst_h(unix_s: float, longitude_deg: float) -> float:
    """Local sidereal time, mean; the longitude counts to the east."""
    return reduced(gmst_h(unix_s) + longitude_deg / DEGREES_PER_HOUR, 24)


def to_horizontal(
    right_ascension_h: float, declination_deg: float, lst_h: float, latitude_deg: float
) -> tuple[float, float]:
    """Altitude and azimuth (from north through east) in degrees."""
    hour_angle_deg = (lst_h - right_ascension_h) * DEGREES_PER_HOUR
    azimuth_deg, altitude_deg = _turned(hour_angle_deg, declination_deg, latitude_deg)
    return altitude_deg, reduced(azimuth_deg, 360)


def to_equatorial(
    altitude_deg: float, azimuth_deg: float, lst_h: float, latitude_deg: float
) -> tuple[float, float]:
    """Right ascension in hours and declination in degrees."""
    hour_angle_deg, declination_deg = _turned(azimuth_deg, altitude_deg, latitude_deg)
    return reduced(lst_h - hour_angle_deg / DEGREES_PER_HOUR, 24), declination_deg


def _turned(
    longitude_deg: float, latitude_deg: float, site_latitude_deg: float
) -> tuple[float, float]:
    """Hour angle and declination to azimuth and altitude, or back: the two formulas of
    facts/tts160.md 7.1 are one, since the half turn between both frames undoes itself."""
    longitude, latitude = math.radians(longitude_deg), math.radians(latitude_deg)
    site = math.radians(site_latitude_deg)
    toward_meridian = math.cos(latitude) * math.cos(longitude)
    x = math.cos(site) * math.sin(latitude) - math.sin(site) * toward_meridian
    y = -math.cos(latitude) * math.sin(longitude)
    z = math.sin(site) * math.sin(latitude) + math.cos(site) * toward_meridian
    # Not asin(z): it is coarse where z is next to 1.
    return (
        math.degrees(math.atan2(y, x)),
        math.degrees(math.atan2(z, math.hypot(x, y))),
    )


def separation_deg(
    right_ascension_h: float,
    declination_deg: float,
    other_right_ascension_h: float,
    other_declination_deg: float,
) -> float:
    """Angle between two places on the sky; exact for small ones too."""
    turn = math.radians(
        (other_right_ascension_h - right_ascension_h) * DEGREES_PER_HOUR
    )
    one, other = math.radians(declination_deg), math.radians(other_declination_deg)
    sines = math.sin(one) * math.sin(other)
    cosines = math.cos(one) * math.cos(other)
    across = math.cos(other) * math.sin(turn)
    along = math.cos(one) * math.sin(other) - math.sin(one) * math.cos(
        other
    ) * math.cos(turn)
    toward = sines + cosines * math.cos(turn)
    return math.degrees(math.atan2(math.hypot(across, along), toward))
