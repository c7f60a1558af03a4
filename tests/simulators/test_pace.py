"""Tests for `gatewaykit.simulators.pace`."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.pace import Pace

changes = st.lists(
    st.tuples(st.floats(0.01, 50), st.sampled_from([0.0, 1.0]), st.floats(0.5, 20)),
    max_size=6,
)


class PaceTests(SynchronousTestCase):
    def test_runs_as_planned_at_first(self) -> None:
        pace = Pace(100.0)
        self.assertEqual(pace.at(130.0), (30.0, 1.0))
        self.assertEqual(pace.reaches(50.0), 150.0)

    def test_before_the_beginning_nothing_has_passed(self) -> None:
        """A drive takes a negative time for its start."""
        self.assertEqual(Pace(100.0).at(99.0), (-1.0, 1.0))

    def test_slows_down_steadily_and_stands(self) -> None:
        pace = Pace(0.0)
        pace.change(10.0, 0.0, 4.0)
        self.assertEqual(pace.at(12.0), (11.5, 0.5))
        self.assertEqual(pace.at(14.0), (12.0, 0.0))
        self.assertEqual(pace.at(99.0), (12.0, 0.0))
        self.assertEqual(pace.steady_at, 14.0)
        self.assertEqual(pace.reaches(12.5), math.inf)

    def test_goes_on_where_it_stood(self) -> None:
        pace = Pace(0.0)
        pace.change(10.0, 0.0, 4.0)
        pace.change(100.0, 1.0, 6.0)
        self.assertEqual(pace.at(106.0), (15.0, 1.0))
        self.assertEqual(pace.reaches(20.0), 111.0)
        self.assertAlmostEqual(pace.at(pace.reaches(13.0))[0], 13.0)

    def test_arrives_while_slowing_down(self) -> None:
        pace = Pace(0.0)
        pace.change(10.0, 0.0, 4.0)
        arrives = pace.reaches(11.5)
        self.assertAlmostEqual(arrives, 12.0)

    def test_what_is_behind_is_reached_at_once(self) -> None:
        pace = Pace(0.0)
        pace.change(10.0, 0.0, 4.0)
        pace.change(14.0, 1.0, 6.0)
        self.assertEqual(pace.reaches(12.0), 14.0)

    def test_remembers_the_past(self) -> None:
        pace = Pace(0.0)
        pace.change(10.0, 0.0, 4.0)
        pace.change(50.0, 1.0, 6.0)
        self.assertEqual(pace.at(9.0), (9.0, 1.0))
        self.assertEqual(pace.at(12.0), (11.5, 0.5))

    @given(changes, st.floats(1, 300))
    def test_never_goes_back_nor_faster_than_planned(
        self, made: list[tuple[float, float, float]], length: float
    ) -> None:
        pace, now = Pace(0.0), 0.0
        for wait, wanted, takes in made:
            now += wait
            pace.change(now, wanted, takes)
        before = -1.0
        for step in range(800):
            elapsed, share = pace.at(step / 2)
            self.assertGreaterEqual(elapsed, before - 1e-9)
            self.assertLessEqual(elapsed - max(before, 0.0), 0.5 + 1e-6)
            self.assertTrue(-1e-9 <= share <= 1 + 1e-9)
            before = elapsed
        arrives = pace.reaches(length)
        if arrives < math.inf and pace.at(now)[0] < length:
            self.assertAlmostEqual(pace.at(arrives)[0], length, places=5)
