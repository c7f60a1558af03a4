"""A simulated TTS-160 mount, without what it says and how. Pure.

It is told the time, in seconds since the epoch, UTC.
"""

from __future__ import annotations

from datetime import datetime
from math import acos, cos, degrees, radians, sin
from typing import Literal

import attrs

from gatewaykit.simulators import mount_sky as sky
from gatewaykit.simulators.mount_alignment import Alignment, Star
from gatewaykit.simulators.mount_axis import Axis
from gatewaykit.simulators.mount_deeds import (
    Deeds,
    Direction,
    Move,
    Pulse,
    Slew,
    Stop,
    Sync,
)
from gatewaykit.simulators.mount_motion import (
    E_TICKS,
    H_TICKS,
    HOME_DEG,
    AxisName,
    Equatorial,
    Horizontal,
    Motion,
    Target,
    Then,
)
from gatewaykit.simulators.mount_place import Place
from gatewaykit.tts160.variables import Dialect

Refusal = Literal["parked", "slewing", "low", "high"]

COUNTS_S = 960
"""Of its clock in a second (facts/tts160.md 7.2)."""
GUIDE_RATES = 1, 3, 5, 10, 20
"""Arc-seconds a second."""
CENTRE, GUIDE, FIND, FASTEST = range(4)
"""Speeds of the hand pad, numbered as by SET 02 (facts/tts160.md 4.2)."""
_SPEEDS = {CENTRE: 2.2, FIND: 1.4, FASTEST: 3.0}

_AXES: dict[Direction, tuple[AxisName, int]] = {
    "north": ("elevation", 1),
    "south": ("elevation", -1),
    "west": ("horizontal", 1),
    "east": ("horizontal", -1),
}
"""And the sense in which angles grow (facts/tts160.md 7.4)."""


@attrs.frozen
class MountBehaviour:
    """How the mount is, and its site. Times are in seconds."""

    dialect: Dialect = attrs.field(default=Dialect.V357, converter=Dialect)
    firmware: str = ""
    """What `:GVN#` says; empty: what goes with the dialect."""
    paced: bool = True
    """Bytes take their time at 9600 baud."""
    latency: float = 0.005
    """From a command to its answer, without the bytes' own time."""
    position_latency: float = 0.01
    """How much longer where X1 or X2 are asked for."""
    latitude_deg: float = 47.07
    longitude_deg: float = 15.44
    """East is positive."""
    zone_h: float = 1.0
    """What local time is ahead of UTC."""
    site: str = "Home"
    azimuth_deg: float = HOME_DEG[0]
    altitude_deg: float = HOME_DEG[1]
    parked: bool = False
    tracking: bool = False
    j2000: bool = False
    """Coordinates are of J2000, not of the day."""
    sync_delay: float = 0.3
    """Until a sync shows."""
    max_rate: float = 3.5
    """Of gotos, in degrees a second."""
    acceleration: float = 2.0
    upper_limit_deg: float = 90.0
    """Gotos to higher places are refused."""
    align_on_sync: bool = True
    """The hand pad's option for it."""
    greenwich: bool = True
    """`:GS#` tells the sidereal time of Greenwich, not of the site."""
    refusal_text: bool = True
    """A refusal of `:MS#` is more than its digit."""
    date_reply: Literal["short", "two-part", "bare"] = "short"
    """``1#``; two texts, the second of them blanks; or ``1`` without an end."""
    date_pause: float = 4.0
    """Between the two."""
    stale_time: bool = False
    """After `:SL` the next `:GL#` tells the old time unless `:GS#` was asked before."""


class MountState:
    def __init__(self, behaviour: MountBehaviour, now: float) -> None:
        self.behaviour = behaviour
        self.deeds = Deeds()
        self.place = Place(
            behaviour.latitude_deg,
            behaviour.longitude_deg,
            behaviour.zone_h,
            behaviour.site,
        )
        rates = behaviour.max_rate, behaviour.acceleration
        self.motion = Motion(
            self.place,
            now,
            Axis(behaviour.azimuth_deg, H_TICKS, *rates),
            Axis(behaviour.altitude_deg, E_TICKS, *rates),
        )
        self.motion.is_parked = behaviour.parked
        if behaviour.tracking:
            self.motion.track(on=True)
        self.alignment = Alignment()
        self.began = now
        self.start_lst_h = self.place.lst_h(now)
        self.start_field_deg = 0.0
        """Of the field, when it was first looked at since tracking began."""
        self._tracking_since = now
        self.target_ra_h = self.target_dec_deg = 0.0
        """As it was told, of `behaviour`'s equinox."""
        self.synced: tuple[float, float] = (0.0, 0.0)
        self.horizon_deg = 0.0
        self.is_long = True
        """High precision of what it writes, as `:U#` changes it."""
        self.is_upside_down = False
        """So that it begins with low precision."""
        self.degree = "*"
        """What it writes behind degrees."""
        self.is_precise = False
        """Of pointing; it makes no difference."""
        self.shows_24_h = True
        self.speed = FASTEST
        self.direction: Direction = "north"
        """Of the last axis move."""
        self.rates: dict[AxisName, float] = {}
        """Of axis moves, set for an axis; a speed of the hand pad takes their place."""
        self.guide_rate = 2
        self.park_custom = True
        self.park_deg = HOME_DEG
        self.is_parking = False
        self.stale_ahead_s: float | None = None
        """Of the clock before it was set, until somebody looked."""
        self.frequency = 60.1
        self._sync: tuple[float, Equatorial] | None = None
        self._at = now

    # Time and place.

    def advance(self, now: float) -> None:
        if self._sync is not None and self._sync[0] <= now:
            (due, where), self._sync = self._sync, None
            self.motion.advance(due)
            if not self.motion.is_slewing:
                self.motion.put(where)
        self.motion.advance(now)
        self._at = max(self._at, now)
        if not self.motion.is_slewing:
            self.is_parking = False
        if self.motion.tracking_since != self._tracking_since:
            self._tracking_since = self.motion.tracking_since
            self.start_field_deg = self.field_angle_deg

    @property
    def now(self) -> float:
        """Until when everything has happened."""
        return self._at

    @property
    def counts(self) -> int:
        return self.counts_at(self._at)

    def counts_at(self, at: float) -> int:
        return int((at - self.began) * COUNTS_S) % 2**32

    @property
    def is_syncing(self) -> bool:
        """One has been ordered and does not show yet."""
        return self._sync is not None

    @property
    def local(self) -> datetime:
        return self.place.local(self._at)

    @property
    def lst_h(self) -> float:
        return self.place.lst_h(self._at)

    def shown(self) -> Equatorial:
        """Where it points, of `behaviour`'s equinox."""
        where = self.motion.equatorial()
        if not self.behaviour.j2000:
            return where
        utc_s = self.place.utc_s(self._at)
        return Equatorial(*sky.to_j2000(where.ra_h, where.dec_deg, utc_s))

    def meant(self, ra_h: float, dec_deg: float) -> Equatorial:
        """What it was told, of the day's equinox."""
        if not self.behaviour.j2000:
            return Equatorial(ra_h, dec_deg)
        return Equatorial(*sky.to_date(ra_h, dec_deg, self.place.utc_s(self._at)))

    @property
    def target(self) -> Equatorial:
        return self.meant(self.target_ra_h, self.target_dec_deg)

    @property
    def field_angle_deg(self) -> float:
        where = self.motion.equatorial()
        return sky.field_angle_deg(
            where.ra_h, where.dec_deg, self.lst_h, self.place.latitude_deg
        )

    @property
    def writes_long(self) -> bool:
        return self.is_long is not self.is_upside_down

    @property
    def has_fixed_site(self) -> bool:
        """Older ones take no other from afar (facts/tts160.md 2.2)."""
        return self.behaviour.dialect is Dialect.TEXT

    # Motion.

    def slew(self, target: Target) -> Refusal | None:
        """None: it is on its way."""
        if isinstance(target, Equatorial):
            where, then = self.motion.seen(target), Then.TRACK
        else:
            where, then = target, Then.STAND
        if where.alt_deg > self.behaviour.upper_limit_deg:
            return self._busy() or "high"
        if where.alt_deg < self.horizon_deg:
            return self._busy() or "low"
        return self._go(target, where, then)

    def home(self) -> Refusal | None:
        """Whatever the horizon is."""
        home = Horizontal(*HOME_DEG)
        return self._go(home, home, Then.STAND)

    def _go(self, target: Target, where: Horizontal, then: Then) -> Refusal | None:
        if busy := self._busy():
            return busy
        ra_h = dec_deg = None
        if isinstance(target, Equatorial):
            ra_h, dec_deg = target.ra_h, target.dec_deg
        self.deeds.slews.append(
            Slew(self._at, ra_h, dec_deg, where.alt_deg, where.az_deg % 360)
        )
        self.motion.go(target, then)
        return None

    def _busy(self) -> Refusal | None:
        if self.motion.is_parked:
            return "parked"
        return "slewing" if self.motion.is_slewing else None

    def park(self) -> None:
        self.deeds.parks.append(self._at)
        if self.motion.is_parked:
            return
        where = self.motion.horizontal()
        if self.park_custom:
            where = Horizontal(*self.park_deg)
        self.motion.go(where, Then.PARK)
        self.is_parking = True

    def unpark(self) -> None:
        self.motion.is_parked = False

    def halt(self) -> None:
        self.deeds.stops.append(Stop(self._at, "all"))
        self.motion.stop()
        self.is_parking = False

    def halt_axis(self, name: AxisName) -> None:
        self.deeds.stops.append(Stop(self._at, name))
        self.motion.stop_axis(name)

    @property
    def rate_deg_s(self) -> float:
        """Of the hand pad's speed."""
        return _SPEEDS.get(self.speed, GUIDE_RATES[self.guide_rate] / 3600)

    def move(self, direction: Direction, deg_s: float | None = None) -> bool:
        """With the axis's own rate, or the hand pad's, where none is given. False: it is
        parked, or under way to a target."""
        motion = self.motion
        if motion.is_parked or motion.is_going:
            return False
        name, sense = _AXES[direction]
        if deg_s is None:
            deg_s = self.rates.get(name, self.rate_deg_s)
        deg_s = min(deg_s, self.behaviour.max_rate)
        self.direction = direction
        self.deeds.moves.append(Move(self._at, direction, deg_s))
        motion.move(name, sense * deg_s)
        return True

    def guide(self, direction: Direction, milliseconds: int) -> bool:
        """False: it is parked, or its axes move."""
        if self._busy():
            return False
        self.deeds.pulses.append(Pulse(self._at, direction, milliseconds))
        name, sense = _AXES[direction]
        deg_s = sense * GUIDE_RATES[self.guide_rate] / 3600
        self.motion.guide(name, deg_s, milliseconds / 1000)
        return True

    def track(self, *, on: bool) -> bool:
        """False: it is parked."""
        if self.motion.is_parked:
            return False
        self.motion.track(on=on)
        return True

    # Syncs.

    def sync(self) -> bool:
        """To the stored target. False: it is parked, or its axes move."""
        if self._busy():
            return False
        target = self.target
        self.deeds.syncs.append(Sync(self._at, target.ra_h, target.dec_deg))
        self.synced = self.target_ra_h, self.target_dec_deg
        self._sync = self._at + self.behaviour.sync_delay, target
        return True

    def sync_star(self) -> int:
        """The same as a star of an alignment; 0: it failed."""
        if not self.alignment.is_armed:
            return 0
        star = self.star(self.target)
        return self.alignment.add(star, self.lst_h) if self.sync() else 0

    def star(self, where: Equatorial) -> Star:
        motion = self.motion
        now, then = motion.equatorial(), motion.seen(where)
        return Star(
            where.ra_h,
            where.dec_deg,
            motion.h.ticks_of(then.az_deg),
            motion.e.ticks_of(then.alt_deg),
            self.counts,
            3600 * _separation_deg(now, where),
        )

    def initialize(self) -> bool:
        """As after switching it on, but for its site and its clock. False: it moves."""
        if self.motion.is_slewing:
            return False
        self.motion.is_parked = False
        self.motion.track(on=False)
        self.motion.put(Horizontal(*HOME_DEG))
        self.alignment = Alignment()
        self.target_ra_h = self.target_dec_deg = 0.0
        self.speed = FASTEST
        self.rates.clear()
        return True


def _separation_deg(one: Equatorial, other: Equatorial) -> float:
    a, b = radians(one.dec_deg), radians(other.dec_deg)
    turn = radians(15 * (one.ra_h - other.ra_h))
    cosine = sin(a) * sin(b) + cos(a) * cos(b) * cos(turn)
    return degrees(acos(max(-1.0, min(1.0, cosine))))
