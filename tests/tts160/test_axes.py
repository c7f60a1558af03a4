"""The axes' figures (facts/tts160.md 7.2, 7.3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.tts160 import axes
from gatewaykit.tts160.axes import Axis, axis_fraction, axis_of, axis_rate_deg_s

AXES = st.sampled_from(list(Axis))


class TickTests(SynchronousTestCase):
    def test_figures_of_the_fact_sheet(self) -> None:
        horizontal, elevation = Axis.HORIZONTAL, Axis.ELEVATION
        self.assertAlmostEqual(horizontal.ticks_per_degree, 36_204.172, 3)
        self.assertAlmostEqual(elevation.ticks_per_degree, 36_518.392, 3)
        self.assertAlmostEqual(horizontal.degrees(1) * 3600, 0.099436, 6)
        self.assertAlmostEqual(elevation.degrees(1) * 3600, 0.098580, 6)
        sidereal = axes.SIDEREAL_ARCSEC_S / 3600
        self.assertAlmostEqual(sidereal * horizontal.ticks_per_degree, 151.264, 3)
        self.assertAlmostEqual(sidereal * elevation.ticks_per_degree, 152.577, 3)
        self.assertEqual(horizontal.ticks(180), 6_516_751)

    @given(AXES, st.integers(-(2**31), 2**31 - 1))
    def test_ticks_come_back(self, axis: Axis, ticks: int) -> None:
        self.assertEqual(axis.ticks(axis.degrees(ticks)), ticks)

    def test_directions_have_their_axis(self) -> None:
        for direction in ("north", "south"):
            self.assertIs(axis_of(direction), Axis.ELEVATION)
        for direction in ("east", "west"):
            self.assertIs(axis_of(direction), Axis.HORIZONTAL)
        error = self.assertRaises(MisuseError, axis_of, "n")
        self.assertEqual(error.allowed, "north, south, east, west")


class FractionTests(SynchronousTestCase):
    def test_fraction_of_a_driver_gives_its_rate(self) -> None:
        """Transcript 26."""
        self.assertAlmostEqual(axis_rate_deg_s(852, 9486, Axis.HORIZONTAL), 1.000273, 6)

    def test_fastest_rate(self) -> None:
        for axis, fraction in ((Axis.HORIZONTAL, 0.31427), (Axis.ELEVATION, 0.31700)):
            numerator, denominator = axis_fraction(3.5, axis)
            self.assertAlmostEqual(numerator / denominator, fraction, 5)

    def test_standing_still(self) -> None:
        self.assertEqual(axis_fraction(0, Axis.HORIZONTAL), (0, 9999))

    def test_slowest_rate(self) -> None:
        for axis in Axis:
            slowest = axis_rate_deg_s(1, 9999, axis)
            self.assertEqual(axis_fraction(slowest, axis), (1, 9999))

    def test_what_no_axis_does_is_refused(self) -> None:
        for rate in (3.5001, -1, -0.001, 0.0011, 1e-9, float("nan"), float("inf")):
            with self.subTest(rate=rate):
                error = self.assertRaises(
                    MisuseError, axis_fraction, rate, Axis.HORIZONTAL
                )
                self.assertEqual(error.name, "rate_deg_s")
                self.assertIn("0, or 0.00111 to 3.5", error.allowed)

    @given(AXES, st.floats(0.00112, 3.5))
    def test_any_rate_has_its_nearest_fraction(self, axis: Axis, rate: float) -> None:
        numerator, denominator = axis_fraction(rate, axis)
        self.assertTrue(1 <= numerator <= 9999)
        self.assertTrue(5000 <= denominator <= 9999)
        wanted = rate * axis.ticks_per_degree / axes.MOST_TICKS_S
        nearest = min(
            abs(round(wanted * other) / other - wanted)
            for other in range(5000, 10_000, 7)
        )
        self.assertLessEqual(abs(numerator / denominator - wanted), nearest + 1e-15)
        # Next to a simple fraction such as 1/4 there is no other for a while.
        self.assertLess(
            abs(axis_rate_deg_s(numerator, denominator, axis) - rate), 1.5e-4
        )
