"""Ramps of an axis of the simulated mount."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_axis import Axis
from gatewaykit.simulators.mount_motion import H_TICKS


def axis(deg: float = 0.0) -> Axis:
    return Axis(deg, H_TICKS, 3.5, 2.0)


class RunTests(SynchronousTestCase):
    def test_ramps_up_and_goes_on(self) -> None:
        one = axis()
        one.wanted = 3.0
        one.run(1.0)
        self.assertAlmostEqual(one.speed, 2.0)
        self.assertAlmostEqual(one.deg, 1.0)
        one.run(1.5)
        self.assertAlmostEqual(one.speed, 3.0)
        self.assertAlmostEqual(one.deg, 1.0 + 1.25 + 3.0)
        one.wanted = -1.0
        self.assertAlmostEqual(one.rest_s, 2.0)
        one.run(3.0)
        self.assertAlmostEqual(one.deg, 5.25 + 2.0 - 1.0)

    @given(
        st.floats(-3.5, 3.5),
        st.lists(st.floats(0.001, 5), min_size=1, max_size=20),
    )
    def test_however_often_one_looks(self, wanted: float, parts: list[float]) -> None:
        one, other = axis(), axis()
        one.wanted = other.wanted = wanted
        for part in parts:
            one.run(part)
        other.run(sum(parts))
        self.assertAlmostEqual(one.deg, other.deg, places=6)

    def test_ticks(self) -> None:
        self.assertEqual(axis(360.0).ticks, H_TICKS)
        self.assertEqual(axis(-90.0).ticks, -H_TICKS // 4)


class SeekTests(SynchronousTestCase):
    def seek(self, one: Axis, target: float, step_s: float = 0.02) -> float:
        """How long it takes; it is never too fast, and doesn't swing."""
        seconds, before = 0.0, one.deg
        while not one.seek(target, step_s):
            self.assertLessEqual(abs(one.speed), 3.5 + 1e-9)
            self.assertLess(abs(target - one.deg), abs(target - before) + 1e-9)
            before = one.deg
            seconds += step_s
            self.assertLess(seconds, 200)
        self.assertEqual((one.deg, one.speed), (target, 0.0))
        return seconds

    def test_takes_the_time_that_its_ramps_and_its_speed_need(self) -> None:
        for way in (0.01, 1.0, 6.0, 90.0, -175.0):
            ramps = (
                (abs(way) / 2) ** 0.5 * 2
                if abs(way) < 6.125
                else (abs(way) / 3.5 + 3.5 / 2)
            )
            took = self.seek(axis(), way)
            self.assertGreater(took, ramps - 0.1)
            self.assertLess(took, ramps * 1.1 + 0.3)

    @given(st.floats(-200, 200), st.floats(0.001, 0.02))
    def test_arrives(self, target: float, step_s: float) -> None:
        one = axis()
        for _ in range(100_000):
            if one.seek(target, step_s):
                break
        self.assertEqual(one.deg, target)


class FractionTests(SynchronousTestCase):
    def test_one_degree_a_second(self) -> None:
        """facts/tts160.md 9, no. 26."""
        self.assertAlmostEqual(axis().speed_of(852, 9486), 1.000273, places=6)

    def test_no_faster_than_it_can(self) -> None:
        self.assertEqual(axis().speed_of(9999, 5000), 3.5)

    @given(st.floats(-3.5, 3.5))
    def test_there_and_back(self, speed: float) -> None:
        one = axis()
        again = one.speed_of(*one.fraction(speed))
        self.assertLess(abs(again - abs(speed)), 0.001)
