"""How a simulated mount moves: tracking, gotos, axis moves, guide pulses. Pure.

The model of facts/tts160.md 7.4. Nothing happens by itself: `advance` brings everything up
to a time, in steps where a goto is under way and at once where there is a formula.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from contextlib import contextmanager
from math import copysign, floor
from typing import Literal

import attrs

from gatewaykit.simulators import mount_sky as sky
from gatewaykit.simulators.mount_axis import Axis
from gatewaykit.simulators.mount_place import Place

H_TICKS, E_TICKS = 13_033_502, 13_146_621
"""Ticks of a turn (facts/tts160.md 7.2)."""
HOME_DEG = 180.0, 0.0
"""Azimuth and altitude."""
SIDEREAL = 15.041067
DRIVES = SIDEREAL, 14.511415, 15.0
"""Arc-seconds a second of the three rates: sidereal, lunar, solar."""

_STEP_S = 0.02
_AT_ONCE_S = 1e-5
_LONGEST_S = 60.0
"""Of tracking at once: an azimuth is taken to have gone the shorter way."""
_CABLE_DEG = 450.0
"""How far from home the cables let it turn, to either side."""

AxisName = Literal["horizontal", "elevation"]


class Mode(enum.Enum):
    STANDING = "standing"
    TRACKING = "tracking"
    GOTO = "goto"
    MOVING = "moving"
    """Axes move at speeds of their own, or come to rest."""


class Then(enum.Enum):
    """What follows a goto that arrives."""

    TRACK = "track"
    STAND = "stand"
    PARK = "park"


@attrs.frozen
class Equatorial:
    """A target in the sky, of the day's equinox."""

    ra_h: float
    dec_deg: float


@attrs.frozen
class Horizontal:
    """A target over the horizon."""

    az_deg: float
    alt_deg: float


Target = Equatorial | Horizontal


@attrs.define
class _Pulse:
    deg_s: float
    until: float


class Motion:
    """:param at: from when on it exists."""

    def __init__(
        self,
        place: Place,
        at: float,
        horizontal: Axis,
        elevation: Axis,
    ) -> None:
        self.h, self.e = horizontal, elevation
        self.mode = Mode.STANDING
        self.is_parked = False
        self.then = Then.STAND
        """Of the last goto."""
        self.drive = 0
        """Index of the rate, into `DRIVES`."""
        self.offset_ra = self.offset_dec = 0.0
        """Seconds of right ascension, and arc-seconds, a second; with the first rate only
        (facts/tts160.md 2.3)."""
        self.tracking_since = at
        self.goal = Horizontal(0.0, 0.0)
        """Of the last goto, as angles of the axes."""
        self.origin = Horizontal(0.0, 0.0)
        self.resumes = False
        """Whether tracking goes on when the axes have come to rest."""
        self._place = place
        self._at = at
        self._target: Target = self.goal
        self._anchor = Equatorial(0.0, 0.0)
        """What is tracked, and from when on."""
        self._anchored_at = at
        self._pulses: dict[AxisName, _Pulse] = {}

    # Where it points.

    def horizontal(self) -> Horizontal:
        return Horizontal(self.h.deg % 360, self.e.deg)

    def equatorial(self) -> Equatorial:
        return Equatorial(
            *sky.equatorial(
                self.e.deg,
                self.h.deg,
                self._place.lst_h(self._at),
                self._place.latitude_deg,
            )
        )

    def seen(self, target: Equatorial) -> Horizontal:
        """Where that stands now."""
        alt, az = sky.horizontal(
            target.ra_h,
            target.dec_deg,
            self._place.lst_h(self._at),
            self._place.latitude_deg,
        )
        return Horizontal(az, alt)

    @property
    def is_slewing(self) -> bool:
        return self.mode in {Mode.GOTO, Mode.MOVING}

    @property
    def is_going(self) -> bool:
        """Under way to a target."""
        return self.mode is Mode.GOTO

    def is_moving(self, axis: Axis) -> bool:
        """Not by tracking or guiding."""
        return self.is_slewing and (
            self.is_going or axis.speed != 0 or axis.wanted != 0
        )

    @property
    def is_tracking(self) -> bool:
        return self.mode is Mode.TRACKING

    @property
    def turns(self) -> int:
        """Of the azimuth, whole ones."""
        return floor(self.h.deg / 360)

    @property
    def is_twisted(self) -> bool:
        """Whether the cables have gone around once."""
        return abs(self.h.deg - HOME_DEG[0]) > 360

    def axis(self, name: AxisName) -> Axis:
        return self.h if name == "horizontal" else self.e

    # What one can ask of it, once it has been brought up to the time.

    def track(self, *, on: bool) -> None:
        """Where axes move, that is for when they have come to rest; a goto knows itself
        what follows."""
        if self.mode is Mode.MOVING:
            self.resumes = on
        elif not self.is_going and on is not self.is_tracking:
            self.mode = Mode.TRACKING if on else Mode.STANDING
            self.tracking_since = self._at
            self._anchor_here()

    def go(self, target: Target, then: Then) -> None:
        self._pulses.clear()
        self.mode, self.then, self._target = Mode.GOTO, then, target
        self.origin = Horizontal(self.h.deg, self.e.deg)
        self.goal = self._goal(self.h.deg)
        if abs(self.goal.az_deg - HOME_DEG[0]) > _CABLE_DEG:
            turn = copysign(360, HOME_DEG[0] - self.goal.az_deg)
            self.goal = self._goal(self.goal.az_deg + turn)

    def stop(self) -> None:
        """Of a goto nothing is left, and no tracking; after an axis move it goes on."""
        if self.is_going:
            self._begin_moving(resumes=False)
        self._pulses.clear()
        self.h.wanted = self.e.wanted = 0.0

    def stop_axis(self, name: AxisName) -> None:
        """Ends a move of the axis, not a goto."""
        if self.mode is Mode.MOVING:
            self.axis(name).wanted = 0.0

    def move(self, name: AxisName, deg_s: float) -> None:
        if self.mode is not Mode.MOVING:
            self._pulses.clear()
            self._begin_moving(resumes=self.is_tracking)
        self.axis(name).wanted = deg_s

    def guide(self, name: AxisName, deg_s: float, seconds: float) -> None:
        """What is left of an earlier pulse of the axis is void."""
        self._pulses[name] = _Pulse(deg_s, self._at + seconds)

    def put(self, target: Target) -> None:
        """That is where it points, whatever it thought before."""
        where = self.seen(target) if isinstance(target, Equatorial) else target
        self.h.deg = _near(where.az_deg, self.h.deg)
        self.e.deg = where.alt_deg
        self._anchor_here()

    @contextmanager
    def changed(self) -> Iterator[None]:
        """Around changes of clock, site or rate: the axes stay where they are."""
        try:
            yield
        finally:
            self._anchor_here()

    # Time.

    def advance(self, now: float) -> None:
        while self._at < now:
            end = min(now, self._at + _LONGEST_S)
            if self.is_going:
                self._seek(min(end, self._at + _STEP_S))
            elif self.mode is Mode.MOVING:
                self._run(end)
            else:
                self._follow(end)

    def _seek(self, end: float) -> None:
        seconds, self._at = end - self._at, end
        self.goal = self._goal(self.goal.az_deg)
        arrived = [
            self.h.seek(self.goal.az_deg, seconds),
            self.e.seek(self.goal.alt_deg, seconds),
        ]
        if all(arrived):
            self.mode = Mode.TRACKING if self.then is Then.TRACK else Mode.STANDING
            self.is_parked = self.then is Then.PARK
            self.tracking_since = end
            self.h.wanted = self.e.wanted = 0.0
            self._anchor_here()

    def _run(self, end: float) -> None:
        ends = self.h.wanted == self.e.wanted == 0
        if ends:
            end = min(end, self._at + self._rest_s())
        seconds, self._at = end - self._at, end
        self.h.run(seconds)
        self.e.run(seconds)
        self.e.deg = max(-90.0, min(90.0, self.e.deg))
        # A time has some tenths of a microsecond.
        if ends and self._rest_s() < _AT_ONCE_S:
            self.h.speed = self.e.speed = 0.0
            self.tracking_since = self._at
            self.mode = Mode.TRACKING if self.resumes else Mode.STANDING
            self._anchor_here()

    def _rest_s(self) -> float:
        return max(self.h.rest_s, self.e.rest_s)

    def _follow(self, end: float) -> None:
        end = min([end, *(pulse.until for pulse in self._pulses.values())])
        seconds = max(0.0, end - self._at)
        self._at = max(self._at, end)
        if self.mode is Mode.TRACKING:
            where = self.seen(self._tracked())
            self.h.deg, self.e.deg = _near(where.az_deg, self.h.deg), where.alt_deg
        if self._pulses:
            for name, pulse in list(self._pulses.items()):
                self.axis(name).deg += pulse.deg_s * seconds
                if pulse.until <= self._at:
                    del self._pulses[name]
            self._anchor_here()

    def _tracked(self) -> Equatorial:
        """What a perfect drive at that rate points to."""
        seconds = self._at - self._anchored_at
        ra_s = (SIDEREAL - DRIVES[self.drive]) / 15
        dec_arcsec = 0.0
        if self.drive == 0:
            ra_s, dec_arcsec = self.offset_ra, self.offset_dec
        return Equatorial(
            self._anchor.ra_h + ra_s * seconds / 3600,
            self._anchor.dec_deg + dec_arcsec * seconds / 3600,
        )

    def _anchor_here(self) -> None:
        self._anchor, self._anchored_at = self.equatorial(), self._at

    def _goal(self, near_deg: float) -> Horizontal:
        target = self._target
        where = self.seen(target) if isinstance(target, Equatorial) else target
        return Horizontal(_near(where.az_deg, near_deg), where.alt_deg)

    def _begin_moving(self, *, resumes: bool) -> None:
        self.mode, self.resumes = Mode.MOVING, resumes
        self.h.wanted = self.e.wanted = 0.0


def _near(az_deg: float, other_deg: float) -> float:
    """The same azimuth, in the turn that is next to another angle."""
    return other_deg + (az_deg - other_deg + 180) % 360 - 180
