"""The sky over a simulated mount: sidereal time, horizontal coordinates, precession. Pure.

Formulas of facts/tts160.md 7.1, and of precession those of the IAU of 1976. No relation to
the gateway's own: where both agree, two people have calculated alike.
"""

from __future__ import annotations

from math import atan2, cos, degrees, hypot, radians, sin, sqrt

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

_J2000_S = 946_728_000.0
"""2000-01-01T12:00:00Z in seconds since 1970."""
_DAY_S = 86_400.0


def gst_h(utc_s: float) -> float:
    """Greenwich's mean sidereal time, in hours."""
    return (18.697374558 + 24.06570982441908 * (utc_s - _J2000_S) / _DAY_S) % 24


def horizontal(
    ra_h: float, dec_deg: float, lst_h: float, latitude_deg: float
) -> tuple[float, float]:
    """Altitude and azimuth, in degrees; the azimuth from north through east."""
    ha, dec = radians((lst_h - ra_h) * 15), radians(dec_deg)
    lat = radians(latitude_deg)
    return _angles(
        (
            cos(lat) * sin(dec) - sin(lat) * cos(dec) * cos(ha),
            -cos(dec) * sin(ha),
            sin(lat) * sin(dec) + cos(lat) * cos(dec) * cos(ha),
        )
    )


def equatorial(
    alt_deg: float, az_deg: float, lst_h: float, latitude_deg: float
) -> tuple[float, float]:
    """Right ascension in hours, declination in degrees."""
    alt, az = radians(alt_deg), radians(az_deg)
    lat = radians(latitude_deg)
    dec, ha = _angles(
        (
            sin(alt) * cos(lat) - cos(alt) * sin(lat) * cos(az),
            -sin(az) * cos(alt),
            sin(alt) * sin(lat) + cos(alt) * cos(lat) * cos(az),
        )
    )
    return (lst_h - ha / 15) % 24, dec


def field_angle_deg(
    ra_h: float, dec_deg: float, lst_h: float, latitude_deg: float
) -> float:
    """Between the directions to the pole and to the zenith, as seen there."""
    ha, dec = radians((lst_h - ra_h) * 15), radians(dec_deg)
    lat = radians(latitude_deg)
    return degrees(
        atan2(sin(ha) * cos(lat), sin(lat) * cos(dec) - cos(lat) * sin(dec) * cos(ha))
    )


def to_date(ra_h: float, dec_deg: float, utc_s: float) -> tuple[float, float]:
    """From the mean equinox of J2000 to that of the day."""
    return _turned(_precession(utc_s), ra_h, dec_deg)


def to_j2000(ra_h: float, dec_deg: float, utc_s: float) -> tuple[float, float]:
    return _turned(transposed(_precession(utc_s)), ra_h, dec_deg)


# Rotations.


def to_equator(lst_h: float, latitude_deg: float) -> Matrix:
    """From unit vectors (cos alt cos az, -cos alt sin az, sin alt) to those of right
    ascension and declination, at a sidereal time.

    The azimuth is counted the other way round, or it were a reflection, which has no
    quaternion; how the firmware does that is not published (facts/tts160.md 7.4, 10).
    """
    angle, lat = radians(lst_h * 15), radians(latitude_deg)
    return (
        (-sin(lat) * cos(angle), sin(angle), cos(lat) * cos(angle)),
        (-sin(lat) * sin(angle), -cos(angle), cos(lat) * sin(angle)),
        (cos(lat), 0.0, sin(lat)),
    )


def transposed(matrix: Matrix) -> Matrix:
    a, b, c = zip(*matrix, strict=True)
    return a, b, c


def quaternion(matrix: Matrix) -> tuple[float, float, float, float]:
    """w, x, y, z of a rotation, by the largest of the four, which is never small."""
    (a, b, c), (d, e, f), (g, h, i) = matrix
    squares = (1 + a + e + i, 1 + a - e - i, 1 - a + e - i, 1 - a - e + i)
    rows = (
        (squares[0], h - f, c - g, d - b),
        (h - f, squares[1], b + d, c + g),
        (c - g, b + d, squares[2], f + h),
        (d - b, c + g, f + h, squares[3]),
    )
    largest = max(range(4), key=squares.__getitem__)
    scale = 2 * sqrt(squares[largest])
    w, x, y, z = (value / scale for value in rows[largest])
    return w, x, y, z


def _precession(utc_s: float) -> Matrix:
    t = (utc_s - _J2000_S) / _DAY_S / 36_525
    zeta, z, theta = (
        radians((a * t + b * t * t) / 3600)
        for a, b in (
            (2306.2181, 0.30188),
            (2306.2181, 1.09468),
            (2004.3109, -0.42665),
        )
    )
    return (
        (
            cos(zeta) * cos(theta) * cos(z) - sin(zeta) * sin(z),
            -sin(zeta) * cos(theta) * cos(z) - cos(zeta) * sin(z),
            -sin(theta) * cos(z),
        ),
        (
            cos(zeta) * cos(theta) * sin(z) + sin(zeta) * cos(z),
            -sin(zeta) * cos(theta) * sin(z) + cos(zeta) * cos(z),
            -sin(theta) * sin(z),
        ),
        (cos(zeta) * sin(theta), -sin(zeta) * sin(theta), cos(theta)),
    )


def _turned(matrix: Matrix, ra_h: float, dec_deg: float) -> tuple[float, float]:
    ra, dec = radians(ra_h * 15), radians(dec_deg)
    place = (cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec))
    x, y, z = (sum(a * b for a, b in zip(row, place, strict=True)) for row in matrix)
    latitude, longitude = _angles((x, y, z))
    return longitude / 15, latitude


def _angles(place: Vector) -> tuple[float, float]:
    """Its height over the x-y plane, and its direction in it from 0 to 360."""
    x, y, z = place
    return degrees(atan2(z, hypot(x, y))), degrees(atan2(y, x)) % 360
