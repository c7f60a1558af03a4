"""Tests for `gatewaykit.simulators.roads`."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.roads import (
    BLOCK_M,
    Drive,
    altitude_m,
    degrees,
    junction_place,
    route,
    speed_limit,
)

randoms = st.integers(0, 10_000).map(Random)
junctions = st.tuples(st.integers(-20, 20), st.integers(-20, 20))


def some_drive(seed: int = 1) -> Drive:
    random = Random(seed)
    return Drive(random, route(random, (0, 0), (8, -5)))


class RouteTests(SynchronousTestCase):
    @given(randoms, junctions, junctions)
    def test_leads_from_neighbour_to_neighbour(
        self, random: Random, start: tuple[int, int], goal: tuple[int, int]
    ) -> None:
        way = route(random, start, goal)
        self.assertEqual((way[0], way[-1]), (start, goal))
        for a, b in pairwise(way):
            self.assertEqual(abs(a[0] - b[0]) + abs(a[1] - b[1]), 1)

    @given(randoms, junctions, junctions)
    def test_makes_no_detour(
        self, random: Random, start: tuple[int, int], goal: tuple[int, int]
    ) -> None:
        blocks = abs(start[0] - goal[0]) + abs(start[1] - goal[1])
        self.assertEqual(len(route(random, start, goal)), blocks + 1)

    @given(junctions)
    def test_streets_are_about_a_block_long(self, here: tuple[int, int]) -> None:
        east = (here[0] + 1, here[1])
        length = math.dist(junction_place(here), junction_place(east))
        self.assertTrue(BLOCK_M / 2 < length < BLOCK_M * 1.5)

    def test_avenues_are_faster_than_streets(self) -> None:
        limits = [speed_limit((0, line), (1, line)) * 3.6 for line in (8, 3, 1)]
        self.assertEqual([round(limit) for limit in limits], [80, 60, 40])

    def test_a_street_has_one_limit_both_ways(self) -> None:
        self.assertEqual(speed_limit((3, 4), (3, 5)), speed_limit((3, 5), (3, 4)))


class DriveTests(SynchronousTestCase):
    def test_needs_two_junctions(self) -> None:
        with self.assertRaises(ValueError):
            Drive(Random(1), [(0, 0)])

    def test_begins_and_ends_at_rest_at_its_junctions(self) -> None:
        drive = some_drive()
        begin, end = drive.at(-5), drive.at(drive.duration + 5)
        self.assertEqual((begin.speed, end.speed), (0, 0))
        self.assertEqual((begin.x, begin.y), junction_place((0, 0)))
        x, y = junction_place((8, -5))
        self.assertAlmostEqual(end.x, x)
        self.assertAlmostEqual(end.y, y)

    @given(randoms, junctions, junctions)
    def test_never_jumps_or_speeds(
        self, random: Random, start: tuple[int, int], goal: tuple[int, int]
    ) -> None:
        """From second to second: no faster than allowed, no further than the speed
        carries, and never harder on pedals than a calm driver."""
        if start == goal:
            return
        drive = Drive(random, route(random, start, goal))
        seconds = range(int(drive.duration) + 2)
        for a, b in pairwise(drive.at(second) for second in seconds):
            self.assertLessEqual(b.speed, 80 / 3.6 + 1e-6)
            self.assertLessEqual(abs(b.speed - a.speed), 2.0 + 1e-6)
            gone = math.hypot(b.x - a.x, b.y - a.y)
            self.assertLessEqual(gone, max(a.speed, b.speed) + 2.0)
            self.assertLessEqual(gone, b.distance - a.distance + 1e-6)

    @given(randoms)
    def test_heading_follows_the_course(self, random: Random) -> None:
        drive = Drive(random, route(random, (0, 0), (6, 7)))
        for second in range(int(drive.duration)):
            a, b = drive.at(second), drive.at(second + 0.5)
            if min(a.speed, b.speed) > 2:
                course = math.degrees(math.atan2(b.x - a.x, b.y - a.y))
                off = (course - a.heading + 180) % 360 - 180
                # A sharp corner turns a car by up to some 70 degrees in half a second.
                self.assertLess(abs(off), 36)
            self.assertTrue(0 <= a.heading < 360)

    def test_slows_down_for_a_turn(self) -> None:
        drive = Drive(Random(0), [(0, 8), (1, 8), (1, 9)])
        turning = [
            drive.at(second).speed
            for second in range(int(drive.duration))
            if 20 < drive.at(second).heading < 70
        ]
        self.assertTrue(turning)
        self.assertLess(max(turning), 8)

    def test_waits_at_red_lights_between_start_and_goal(self) -> None:
        """Some drives stop on the way, for seconds, keeping their heading."""
        waits = 0
        for seed in range(5):
            drive = some_drive(seed)
            for second in range(20, int(drive.duration) - 20):
                a, b = drive.at(second), drive.at(second + 1)
                if a.speed == b.speed == 0:
                    self.assertEqual(a, b)
                    waits += 1
        self.assertGreater(waits, 5)


class PlaceTests(SynchronousTestCase):
    def test_a_degree_of_latitude_is_111_km(self) -> None:
        (_, south), (_, north) = degrees(0, 0), degrees(0, 111_320)
        self.assertAlmostEqual(north - south, 1)

    def test_hills_are_gentle(self) -> None:
        for metres in range(0, 20_000, 100):
            here, there = altitude_m(metres, metres), altitude_m(metres + 10, metres)
            self.assertLess(abs(here - there), 1)
