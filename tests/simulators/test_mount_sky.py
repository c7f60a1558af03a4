"""The simulated mount's sky, held against an ephemeris."""

from __future__ import annotations

from datetime import UTC, datetime
from math import asin, cos, degrees, radians, sin, sqrt
from typing import Any

import ephem
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import mount_sky as sky
from tests.simulators.mounts import START

HOURS = st.floats(0, 23.999)
DECLINATIONS = st.floats(-89, 89)
LATITUDES = st.floats(-89, 89)


def observer(utc_s: float, latitude_deg: float, longitude_deg: float) -> Any:
    """Without air."""
    found = ephem.Observer()
    found.lat, found.lon = radians(latitude_deg), radians(longitude_deg)
    found.pressure = 0
    found.date = datetime.fromtimestamp(utc_s, UTC).replace(tzinfo=None)
    return found


def star(ra_h: float, dec_deg: float, equinox: Any) -> Any:
    found = ephem.FixedBody()
    found._ra, found._dec = radians(15 * ra_h), radians(dec_deg)
    found._epoch = equinox
    return found


def separation_arcmin(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Of two directions: longitude and latitude, in degrees."""
    (a, b), (c, d) = (map(radians, place) for place in (one, other))
    half = sin((d - b) / 2) ** 2 + cos(b) * cos(d) * sin((c - a) / 2) ** 2
    return 60 * degrees(2 * asin(min(1.0, sqrt(half))))


class EphemerisTests(SynchronousTestCase):
    def test_sidereal_time(self) -> None:
        for days in range(0, 4000, 371):
            at = START + days * 86_400.5
            wanted = degrees(observer(at, 0, 0).sidereal_time()) / 15
            self.assertLess(abs(sky.gst_h(at) - wanted), 2 / 3600)

    def test_horizontal_coordinates(self) -> None:
        """Of the places that the ephemeris has for a star of the day's equinox."""
        for latitude in (-35.0, 0.0, 47.07, 78.0):
            for ra_h in (0.0, 5.7, 12.1, 18.9):
                for dec_deg in (-60.0, -5.4, 33.0, 88.0):
                    where = observer(START, latitude, 15.44)
                    body = star(ra_h, dec_deg, where.date)
                    body.compute(where)
                    alt, az = sky.horizontal(
                        degrees(body.ra) / 15,
                        degrees(body.dec),
                        (sky.gst_h(START) + 15.44 / 15) % 24,
                        latitude,
                    )
                    self.assertLess(
                        separation_arcmin(
                            (az, alt), (degrees(body.az), degrees(body.alt))
                        ),
                        0.5,
                    )

    def test_precession(self) -> None:
        for ra_h, dec_deg in ((0.1, 80.0), (5.919, 7.407), (16.49, -26.43)):
            date = ephem.Date(datetime.fromtimestamp(START, UTC).replace(tzinfo=None))
            j2000 = ephem.Equatorial(radians(15 * ra_h), radians(dec_deg))
            wanted = ephem.Equatorial(j2000, epoch=date)
            got = sky.to_date(ra_h, dec_deg, START)
            self.assertLess(
                separation_arcmin(
                    (15 * got[0], got[1]), (degrees(wanted.ra), degrees(wanted.dec))
                ),
                0.5,
            )

    def test_field_angle(self) -> None:
        where = observer(START, 47.07, 15.44)
        for ra_h, dec_deg in ((20.0, 10.0), (23.0, 60.0), (2.0, -5.0)):
            body = star(ra_h, dec_deg, where.date)
            body.compute(where)
            got = sky.field_angle_deg(
                degrees(body.ra) / 15,
                degrees(body.dec),
                (sky.gst_h(START) + 15.44 / 15) % 24,
                47.07,
            )
            self.assertLess(abs(got - degrees(body.parallactic_angle())), 0.5)


class RoundTripTests(SynchronousTestCase):
    @given(HOURS, DECLINATIONS, HOURS, LATITUDES)
    def test_horizontal(self, ra: float, dec: float, lst: float, lat: float) -> None:
        alt, az = sky.horizontal(ra, dec, lst, lat)
        again = sky.equatorial(alt, az, lst, lat)
        place = (15 * again[0], again[1])
        self.assertLess(separation_arcmin(place, (15 * ra, dec)), 1e-5)

    @given(HOURS, DECLINATIONS)
    def test_precession(self, ra: float, dec: float) -> None:
        again = sky.to_j2000(*sky.to_date(ra, dec, START), START)
        place = (15 * again[0], again[1])
        self.assertLess(separation_arcmin(place, (15 * ra, dec)), 1e-5)


class RotationTests(SynchronousTestCase):
    @given(st.floats(-80, 80), st.floats(0, 360), HOURS, LATITUDES)
    def test_leads_to_the_sky(
        self, alt: float, az: float, lst: float, lat: float
    ) -> None:
        a, z = radians(alt), radians(az)
        mount = (cos(a) * cos(z), -cos(a) * sin(z), sin(a))
        ra_h, dec_deg = sky.equatorial(alt, az, lst, lat)
        ra, dec = radians(15 * ra_h), radians(dec_deg)
        wanted = (cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec))
        for row, value in zip(sky.to_equator(lst, lat), wanted, strict=True):
            got = sum(a * b for a, b in zip(row, mount, strict=True))
            self.assertAlmostEqual(got, value, places=9)

    @given(HOURS, LATITUDES)
    def test_quaternion_is_the_same_rotation(self, lst: float, lat: float) -> None:
        """By the formula of facts/tts160.md 7.4."""
        for matrix in (
            sky.to_equator(lst, lat),
            sky.transposed(sky.to_equator(lst, lat)),
        ):
            w, x, y, z = sky.quaternion(matrix)
            again = (
                (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
                (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
                (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
            )
            for row, wanted in zip(again, matrix, strict=True):
                for a, b in zip(row, wanted, strict=True):
                    self.assertAlmostEqual(a, b, places=9)

    def test_quaternion_of_30_degrees(self) -> None:
        """facts/tts160.md 9, no. 30 and 31."""
        half = sqrt(3) / 2
        matrix = ((half, -0.5, 0.0), (0.5, half, 0.0), (0.0, 0.0, 1.0))
        for got, wanted in zip(
            sky.quaternion(matrix),
            (cos(radians(15)), 0, 0, sin(radians(15))),
            strict=True,
        ):
            self.assertAlmostEqual(got, wanted)
