"""A made-up town and what driving through it looks like. Pure: no clock, no I/O.

The town is a warped grid of streets without end, so that it needs no data. A drive is a
route with rounded corners, cut into short pieces of constant acceleration: speed, heading,
place and distance at any moment follow from the same numbers and never contradict each
other.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

Junction = tuple[int, int]
Point = tuple[float, float]

BLOCK_M = 200.0
ORIGIN_LONGITUDE = -43.94
ORIGIN_LATITUDE = -19.92
_METRES_PER_DEGREE = 111_320.0
_METRES_PER_DEGREE_EAST = _METRES_PER_DEGREE * math.cos(math.radians(ORIGIN_LATITUDE))

# A calm driver, in m/s^2.
_ACCELERATION = 1.5
_BRAKING = 2.0
_LATERAL = 2.0

_CORNER_M = 18.0
_CORNER_STEPS = (0.2, 0.4, 0.6, 0.8, 1.0)
_PIECE_M = 25.0
_RED_LIGHT = 0.15
_RED_LIGHT_S = (5.0, 40.0)


class Motion(NamedTuple):
    """Where a vehicle is and how it moves at one moment."""

    x: float
    """Metres east of the origin."""
    y: float
    """Metres north of the origin."""
    speed: float
    """m/s."""
    heading: float
    """Degrees clockwise from north, below 360."""
    distance: float
    """Metres since the drive began."""


def junction_place(junction: Junction) -> Point:
    """Where a junction lies; the waves bend the streets of the grid."""
    i, j = junction
    x = BLOCK_M * i + 60 * math.sin(0.7 * j) + 25 * math.sin(1.3 * i + 0.4 * j)
    y = BLOCK_M * j + 60 * math.sin(0.5 * i) + 25 * math.cos(1.1 * j - 0.6 * i)
    return x, y


def speed_limit(a: Junction, b: Junction) -> float:
    """What is allowed between two neighbours, in m/s: streets, main streets, avenues."""
    line = a[1] if a[1] == b[1] else a[0]
    kmh = 80 if line % 8 == 0 else 60 if line % 3 == 0 else 40
    return kmh / 3.6


def degrees(x: float, y: float) -> tuple[float, float]:
    """Longitude and latitude of a place in metres."""
    return (
        ORIGIN_LONGITUDE + x / _METRES_PER_DEGREE_EAST,
        ORIGIN_LATITUDE + y / _METRES_PER_DEGREE,
    )


def altitude_m(x: float, y: float) -> float:
    """Gentle hills."""
    return 850 + 60 * math.sin(x / 2900) * math.cos(y / 3700) + 15 * math.sin(y / 800)


def route(random: Random, start: Junction, goal: Junction) -> list[Junction]:
    """Junctions from start to goal; drivers rather go straight on than turn."""
    here, way = start, [start]
    axis = random.randrange(2)
    while here != goal:
        if random.random() < 0.3 or here[axis] == goal[axis]:
            axis = 1 - axis
        if here[axis] != goal[axis]:
            step = 1 if goal[axis] > here[axis] else -1
            here = (here[0] + step, here[1]) if axis == 0 else (here[0], here[1] + step)
            way.append(here)
    return way


class Drive:
    """One drive without switching off the engine, from standstill to standstill."""

    def __init__(self, random: Random, way: Sequence[Junction]) -> None:
        if len(way) < 2:
            raise ValueError("a drive needs two junctions")
        points, caps, self._pauses = _trace(random, way)
        self._points = points
        self._speeds = _speed_profile(points, caps)
        self._times = [0.0]
        self._distances = [0.0]
        self._headings: list[float] = []
        for k, ((x0, y0), (x1, y1)) in enumerate(itertools.pairwise(points)):
            length = math.hypot(x1 - x0, y1 - y0)
            mean = (self._speeds[k] + self._speeds[k + 1]) / 2
            took = length / mean if length else self._pauses[k]
            self._times.append(self._times[-1] + took)
            self._distances.append(self._distances[-1] + length)
            self._headings.append(
                math.degrees(math.atan2(x1 - x0, y1 - y0)) % 360
                if length
                else self._headings[-1]
            )
        self.duration = self._times[-1]

    def at(self, seconds: float) -> Motion:
        """The motion some seconds after the start; standstill before and after."""
        seconds = min(max(seconds, 0.0), self.duration)
        k = min(bisect.bisect_right(self._times, seconds) - 1, len(self._headings) - 1)
        (x0, y0), (x1, y1) = self._points[k], self._points[k + 1]
        began, v0 = self._times[k], self._speeds[k]
        after = seconds - began
        acceleration = (self._speeds[k + 1] - v0) / (self._times[k + 1] - began)
        gone = v0 * after + acceleration * after * after / 2
        length = self._distances[k + 1] - self._distances[k]
        part = gone / length if length else 0.0
        return Motion(
            x0 + (x1 - x0) * part,
            y0 + (y1 - y0) * part,
            max(0.0, v0 + acceleration * after),  # rounding leaves -0.0 at the end
            self._headings[k],
            self._distances[k] + gone,
        )


def _trace(
    random: Random, way: Sequence[Junction]
) -> tuple[list[Point], list[float], dict[int, float]]:
    """The line a vehicle follows, the speed allowed at each point, and the pauses.

    A pause is a piece without length: its point comes twice. Its key is the first's index.
    """
    places = [junction_place(junction) for junction in way]
    limits = [speed_limit(a, b) for a, b in itertools.pairwise(way)]
    points, caps = [places[0]], [0.0]
    pauses: dict[int, float] = {}
    for k in range(1, len(places) - 1):
        corner, limit = places[k], min(limits[k - 1], limits[k])
        entry = _towards(corner, places[k - 1], _CORNER_M)
        leave = _towards(corner, places[k + 1], _CORNER_M)
        _straight(points, caps, entry, limits[k - 1])
        # tan of half the turn, from the cosine of the angle between both streets.
        cosine = sum(
            (entry[n] - corner[n]) * (leave[n] - corner[n]) for n in (0, 1)
        ) / (_CORNER_M * _CORNER_M)
        half_turn = math.sqrt(max(1 + cosine, 0.0) / (1 - cosine))
        cap = min(limit, math.sqrt(_LATERAL * _CORNER_M / max(half_turn, 0.01)))
        if random.random() < _RED_LIGHT:
            caps[-1] = 0.0
            pauses[len(points) - 1] = random.uniform(*_RED_LIGHT_S)
            points.append(points[-1])
            caps.append(0.0)
        for u in _CORNER_STEPS:
            a, b, c = (1 - u) * (1 - u), 2 * u * (1 - u), u * u
            points.append(
                (
                    a * entry[0] + b * corner[0] + c * leave[0],
                    a * entry[1] + b * corner[1] + c * leave[1],
                )
            )
            caps.append(cap)
    _straight(points, caps, places[-1], limits[-1])
    caps[-1] = 0.0
    return points, caps, pauses


def _towards(start: Point, goal: Point, metres: float) -> Point:
    part = metres / math.dist(start, goal)
    return (
        start[0] + (goal[0] - start[0]) * part,
        start[1] + (goal[1] - start[1]) * part,
    )


def _straight(
    points: list[Point], caps: list[float], goal: Point, limit: float
) -> None:
    """Go on to `goal` in short pieces: between two of them speed changes steadily."""
    start = points[-1]
    pieces = max(2, math.ceil(math.dist(start, goal) / _PIECE_M))
    for n in range(1, pieces + 1):
        part = n / pieces
        points.append(
            (
                start[0] + (goal[0] - start[0]) * part,
                start[1] + (goal[1] - start[1]) * part,
            )
        )
        caps.append(limit)


def _speed_profile(points: Sequence[Point], caps: Sequence[float]) -> list[float]:
    """The fastest speeds below the caps that brakes and engine can do."""
    speeds = list(caps)
    lengths = [math.dist(a, b) for a, b in itertools.pairwise(points)]
    for k in range(len(lengths) - 1, -1, -1):
        reachable = math.sqrt(speeds[k + 1] ** 2 + 2 * _BRAKING * lengths[k])
        speeds[k] = min(speeds[k], reachable)
    for k, length in enumerate(lengths):
        reachable = math.sqrt(speeds[k] ** 2 + 2 * _ACCELERATION * length)
        speeds[k + 1] = min(speeds[k + 1], reachable)
    return speeds
