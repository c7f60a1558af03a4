"""The sky, held against an independent ephemeris."""

from __future__ import annotations

import math
from typing import Any

import ephem
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import sky
from gatewaykit.tts160.coordinates import parse_hours, reduced

ARC_MINUTE_DEG = 1 / 60
FIRST_UNIX_S = 946_684_800  # 2000
LAST_UNIX_S = 2_871_763_200  # 2061

MOMENTS = st.floats(FIRST_UNIX_S, LAST_UNIX_S)
LATITUDES = st.one_of(
    st.floats(-90, 90), st.sampled_from([0.0, 40.25, -33.87, 89.9, -89.9, 90.0, -90.0])
)
LONGITUDES = st.one_of(
    st.floats(-180, 180),
    st.sampled_from([0.0, 0.01, -0.01, 179.99, -179.99, 180.0, -180.0, -100.5]),
)
HOURS = st.floats(0, 24, exclude_max=True)
DECLINATIONS = st.floats(-90, 90)


def observer(unix_s: float, latitude_deg: float, longitude_deg: float) -> Any:
    """One without an atmosphere, at sea level."""
    there = ephem.Observer()
    there.lat, there.lon = math.radians(latitude_deg), math.radians(longitude_deg)
    there.pressure = there.elevation = 0
    # Its days begin at noon of the last day of 1899.
    there.date = unix_s / 86_400 + 25_567.5
    return there


def star(right_ascension_h: float, declination_deg: float, there: Any) -> Any:
    body = ephem.FixedBody()
    body._ra = math.radians(right_ascension_h * 15)
    body._dec = math.radians(declination_deg)
    body._epoch = ephem.J2000
    body.compute(there)
    return body


def apart_deg(azimuth: float, altitude: float, other: float, another: float) -> float:
    return sky.separation_deg(azimuth / 15, altitude, other / 15, another)


class EphemerisTests(SynchronousTestCase):
    def test_the_oracle_has_our_time(self) -> None:
        self.assertEqual(str(observer(1_785_989_730, 0, 0).date), "2026/8/6 04:15:30")

    @given(MOMENTS, LONGITUDES)
    def test_sidereal_time(self, unix_s: float, longitude_deg: float) -> None:
        """Nutation, up to 1.2 s, is what the mean time lacks."""
        expected_h = (
            math.degrees(observer(unix_s, 0, longitude_deg).sidereal_time()) / 15
        )
        hours = sky.lst_h(unix_s, longitude_deg)
        self.assertTrue(0 <= hours < 24)
        self.assertLess(abs(math.remainder(hours - expected_h, 24)) * 3600, 2)

    @given(MOMENTS, LATITUDES, LONGITUDES, HOURS, DECLINATIONS)
    def test_places_agree_within_a_minute_of_arc(
        self,
        unix_s: float,
        latitude_deg: float,
        longitude_deg: float,
        right_ascension_h: float,
        declination_deg: float,
    ) -> None:
        there = observer(unix_s, latitude_deg, longitude_deg)
        body = star(right_ascension_h, declination_deg, there)
        # Of the date, as the mount has them.
        hours, degrees = math.degrees(body.ra) / 15, math.degrees(body.dec)
        expected = math.degrees(body.alt), math.degrees(body.az)
        lst_h = sky.lst_h(unix_s, longitude_deg)

        altitude_deg, azimuth_deg = sky.to_horizontal(
            hours, degrees, lst_h, latitude_deg
        )
        self.assertTrue(-90 <= altitude_deg <= 90)
        self.assertTrue(0 <= azimuth_deg < 360)
        self.assertLess(
            apart_deg(azimuth_deg, altitude_deg, expected[1], expected[0]),
            ARC_MINUTE_DEG,
        )

        right_ascension_h, declination_deg = sky.to_equatorial(
            *expected, lst_h, latitude_deg
        )
        self.assertTrue(0 <= right_ascension_h < 24)
        self.assertTrue(-90 <= declination_deg <= 90)
        self.assertLess(
            sky.separation_deg(right_ascension_h, declination_deg, hours, degrees),
            ARC_MINUTE_DEG,
        )

    @given(HOURS, DECLINATIONS, HOURS, DECLINATIONS)
    def test_separation(
        self, hours: float, degrees: float, other_hours: float, other_degrees: float
    ) -> None:
        expected = ephem.separation(
            (math.radians(hours * 15), math.radians(degrees)),
            (math.radians(other_hours * 15), math.radians(other_degrees)),
        )
        # The oracle is coarse where places are close together or opposite.
        self.assertLess(
            abs(
                sky.separation_deg(hours, degrees, other_hours, other_degrees)
                - math.degrees(expected)
            ),
            1e-4,
        )


class SkyTests(SynchronousTestCase):
    def test_sidereal_time_of_a_place(self) -> None:
        """Transcript 10: what the mount answers is the time at Greenwich."""
        self.assertAlmostEqual(
            reduced(parse_hours("10:12:45") - 100.504167 / 15, 24), 3.5122, 4
        )

    def test_sidereal_time_of_an_epoch(self) -> None:
        self.assertAlmostEqual(sky.gmst_h(sky.J2000_UNIX_S), 18.697374558, 9)
        day = sky.gmst_h(sky.J2000_UNIX_S + 86_400)
        self.assertAlmostEqual(day, 18.697374558 + 0.06570982441908, 9)

    def test_sidereal_rate(self) -> None:
        hour = sky.gmst_h(3600) - sky.gmst_h(0)
        self.assertAlmostEqual(hour, sky.SIDEREAL_RATE, 9)
        # facts/tts160.md 7.2
        self.assertAlmostEqual(sky.SIDEREAL_RATE, 1.002737908, 8)

    def test_meridian_and_pole(self) -> None:
        for latitude_deg in (40.25, -33.87):
            altitude_deg, azimuth_deg = sky.to_horizontal(5, 0, 5, latitude_deg)
            self.assertAlmostEqual(altitude_deg, 90 - abs(latitude_deg), 9)
            self.assertAlmostEqual(azimuth_deg % 360, 180 if latitude_deg > 0 else 0, 6)
        altitude_deg, azimuth_deg = sky.to_horizontal(17, 90, 3, 40.25)
        self.assertAlmostEqual(altitude_deg, 40.25, 9)
        self.assertAlmostEqual(math.sin(math.radians(azimuth_deg)), 0, 9)
        # What rises stands in the east: its hour angle is negative.
        self.assertAlmostEqual(sky.to_horizontal(11, 0, 5, 40.25)[1], 90, 9)

    @given(HOURS, DECLINATIONS, HOURS, LATITUDES)
    def test_there_and_back(
        self, hours: float, degrees: float, lst_h: float, latitude_deg: float
    ) -> None:
        horizontal = sky.to_horizontal(hours, degrees, lst_h, latitude_deg)
        again = sky.to_equatorial(*horizontal, lst_h, latitude_deg)
        self.assertLess(sky.separation_deg(*again, hours, degrees), 1e-9)

    def test_small_separations_are_exact(self) -> None:
        arcsec = sky.separation_deg(5, 60, 5 + 1 / 54_000, 60) * 3600
        self.assertAlmostEqual(arcsec, 0.5, 6)
        self.assertEqual(sky.separation_deg(5, 60, 5, 60), 0)
        self.assertAlmostEqual(sky.separation_deg(23.99, 0, 0.01, 0), 0.3, 9)
        self.assertAlmostEqual(sky.separation_deg(0, 90, 12, -90), 180, 9)
