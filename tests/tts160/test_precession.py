"""Equinoxes, held against an independent ephemeris."""

from __future__ import annotations

import math

import ephem
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import sky
from gatewaykit.tts160.precession import to_date, to_j2000

ARCSECOND_DEG = 1 / 3600
UNIX_S = st.floats(0, 4_102_444_800)
"""1970 to 2100."""
HOURS, DEGREES = st.floats(0, 23.999), st.floats(-90, 90)


class PrecessionTests(SynchronousTestCase):
    @given(HOURS, DEGREES, UNIX_S)
    def test_as_the_ephemeris(
        self, hours: float, degrees: float, unix_s: float
    ) -> None:
        days = unix_s / 86_400 + 25_567.5
        place = ephem.Equatorial(
            math.radians(hours * 15), math.radians(degrees), epoch=ephem.J2000
        )
        then = ephem.Equatorial(place, epoch=ephem.Date(days))
        expected = float(then.ra) * 12 / math.pi, math.degrees(float(then.dec))
        found = to_date(hours, degrees, unix_s)
        self.assertLess(sky.separation_deg(*found, *expected), ARCSECOND_DEG)

    @given(HOURS, DEGREES, UNIX_S)
    def test_there_and_back(self, hours: float, degrees: float, unix_s: float) -> None:
        found = to_j2000(*to_date(hours, degrees, unix_s), unix_s)
        self.assertLess(sky.separation_deg(*found, hours, degrees), 1e-6)
        self.assertTrue(0 <= found[0] < 24)
        self.assertLessEqual(abs(found[1]), 90)
