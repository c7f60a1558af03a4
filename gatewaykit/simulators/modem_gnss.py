"""A modem's GNSS receiver on a drive through the made-up town. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import attrs

from gatewaykit.simulators import roads

_KNOTS = 3600 / 1852
_PARKED_S = (5.0, 40.0)
_BLOCKS = 10
_GEOID_M = -6.5
"""Of the geoid above the ellipsoid, roughly, where the town lies."""
_LOWEST_DEGREES = 5
_USED_FROM_DBHZ = 27
_STANDSTILL_MPS = 0.2

_FLEET: tuple[tuple[str, int, range, int], ...] = (
    # Bit of AT+CGNSSMODE (-1: always on), numbers as NMEA has them, how many there are.
    ("gps", -1, range(1, 33), 16),
    ("glonass", 0, range(65, 89), 11),
    ("beidou", 1, range(1, 38), 9),
    ("galileo", 2, range(1, 37), 12),
    ("qzss", 3, range(193, 198), 1),
)


@attrs.frozen
class Satellite:
    gnss: str
    number: int
    elevation: int
    azimuth: int
    strength: int | None
    """C/N0 in dBHz, None while nothing is received."""
    used: bool


@attrs.frozen
class Fix:
    at: float
    """Seconds since the epoch, UTC."""
    latitude: float
    longitude: float
    altitude_m: float
    geoid_m: float
    knots: float
    course: float | None
    """None at standstill."""
    mode: int
    pdop: float
    hdop: float
    vdop: float
    satellites: tuple[Satellite, ...]

    @property
    def date(self) -> str:
        return f"{datetime.fromtimestamp(self.at, UTC):%d%m%y}"

    @property
    def time(self) -> str:
        tenths = round(self.at * 10)
        whole = datetime.fromtimestamp(tenths // 10, UTC)
        return f"{whole:%H%M%S}.{tenths % 10}"

    @property
    def place(self) -> str:
        """``ddmm.mmmmmm,N,dddmm.mmmmmm,E``."""
        north, east = "NS"[self.latitude < 0], "EW"[self.longitude < 0]
        return (
            f"{minutes(self.latitude, 2)},{north},{minutes(self.longitude, 3)},{east}"
        )

    @property
    def course_text(self) -> str:
        return "" if self.course is None else f"{self.course:.1f}"

    def used(self, gnss: str) -> list[Satellite]:
        """At most 12, as the modem counts (facts/sim7600.md 3.9)."""
        return [one for one in self.satellites if one.used and one.gnss == gnss][:12]


def minutes(degrees: float, width: int) -> str:
    """Degrees as ``ddmm.mmmmmm``; what would be 60 minutes is the next degree."""
    whole, rest = divmod(round(abs(degrees) * 60e6), 60_000_000)
    return f"{whole:0{width}d}{rest // 1_000_000:02d}.{rest % 1_000_000:06d}"


class Trip:
    """Drives without end, with pauses between them."""

    def __init__(self, random: Random, start: float) -> None:
        self._random = random
        self._here = (0, 0)
        self._began = start + random.uniform(*_PARKED_S)
        self._drive = self._next()

    def at(self, now: float) -> roads.Motion:
        """Must not be asked for what lies before a drive that has begun since."""
        while now >= self._leaves:
            self._began = self._leaves
            self._drive = self._next()
        return self._drive.at(now - self._began)

    def _next(self) -> roads.Drive:
        goal = self._here
        while goal == self._here:
            goal = (
                self._random.randint(-_BLOCKS, _BLOCKS),
                self._random.randint(-_BLOCKS, _BLOCKS),
            )
        way = roads.route(self._random, self._here, goal)
        self._here = goal
        drive = roads.Drive(self._random, way)
        parked = self._random.uniform(*_PARKED_S)
        self._leaves = self._began + drive.duration + parked
        return drive


class Receiver:
    """The engine: off, searching, or with a fix each full second.

    :param start: seconds since the epoch, UTC.
    :param fix_after: the longest it searches, in seconds.
    :param repeats: asked at each new second: whether the last fix is given once more, with
        its old time, as real ones do at times (facts/sim7600.md 7).
    """

    def __init__(
        self,
        random: Random,
        start: float,
        fix_after: float,
        repeats: Callable[[], bool] = lambda: False,
    ) -> None:
        self.on_since: float | None = None
        self.is_stopping = False
        """Told to stop, and has not said yet that it has."""
        self.sees_sky = True
        self.constellations = 0
        """The mask of AT+CGNSSMODE that the last boot took up."""
        self.tenths = False
        """Ten fixes a second instead of one."""
        self._random = random
        self._fix_after = fix_after
        self._repeats = repeats
        self._trip = Trip(random, start)
        self._orbits = [
            (gnss, bit, number, random.uniform(0, 360), random.uniform(0, 6.3))
            for gnss, bit, numbers, count in _FLEET
            for number in sorted(random.sample(numbers, count))
        ]
        self._fix_from = math.inf
        self._last: Fix | None = None
        self._asked: float | None = None

    def start(self, now: float) -> None:
        self.on_since, self._last, self._asked = now, None, None
        self._search(now)

    def stop(self) -> None:
        self.on_since, self.is_stopping = None, False

    def set_sky(self, now: float, *, visible: bool) -> None:
        """Drive into a garage, or out of it; outside it finds itself again, soon."""
        if visible and not self.sees_sky:
            self._search(now)
        self.sees_sky = visible

    @property
    def period(self) -> float:
        return 0.1 if self.tenths else 1.0

    def fix(self, now: float) -> Fix | None:
        """The fix of the last full second."""
        if self.on_since is None or not self.sees_sky or now < self._fix_from:
            return None
        at = math.floor(now / self.period + 1e-6) * self.period
        if at != self._asked:
            self._asked = at
            if self._last is None or not self._repeats():
                self._last = self._made(at)
        return self._last

    def in_view(self, now: float) -> tuple[Satellite, ...]:
        """What it hears, with a fix or without."""
        fix = self.fix(now)
        return self._satellites(now, used=False) if fix is None else fix.satellites

    def _search(self, now: float) -> None:
        self._fix_from = now + self._fix_after * self._random.uniform(0.4, 0.9)

    def _made(self, at: float) -> Fix:
        motion = self._trip.at(at)
        longitude, latitude = roads.degrees(motion.x, motion.y)
        satellites = self._satellites(at, used=True)
        hdop = round(0.8 + 0.2 * math.sin(motion.x / 310 + motion.y / 170), 1)
        vdop = round(1.1 + 0.2 * math.cos(motion.x / 230), 1)
        moves = motion.speed > _STANDSTILL_MPS
        return Fix(
            at,
            latitude,
            longitude,
            round(roads.altitude_m(motion.x, motion.y), 1),
            _GEOID_M,
            round(motion.speed * _KNOTS, 1) if moves else 0.0,
            round(motion.heading, 1) % 360 if moves else None,
            3 if sum(one.used for one in satellites) > 4 else 2,
            round(math.hypot(hdop, vdop), 1),
            hdop,
            vdop,
            satellites,
        )

    def _satellites(self, now: float, *, used: bool) -> tuple[Satellite, ...]:
        found = []
        for gnss, bit, number, azimuth, phase in self._orbits:
            if bit >= 0 and not self.constellations >> bit & 1:
                continue
            elevation = round(60 * math.sin(phase + now / 6900) + 20)
            if elevation < _LOWEST_DEGREES:
                continue
            strength = 24 + elevation // 4 if self.sees_sky else None
            found.append(
                Satellite(
                    gnss,
                    number,
                    elevation,
                    round(azimuth + now / 120) % 360,
                    strength,
                    used and strength is not None and strength >= _USED_FROM_DBHZ,
                )
            )
        return tuple(found)
