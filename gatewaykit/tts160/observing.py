"""What the mount says of itself: position, state, place and time."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IReactorTime

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    ProtocolViolation,
)
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import coordinates, sky, variables
from gatewaykit.tts160.asking import Line, flag_of, garbled, text_of
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.variables import Dialect, Variable

RATES = ("sidereal", "lunar", "solar")
"""By the number that the firmware gives them (facts/tts160.md 3.4)."""
SELDOM_S = 15.0
"""Between two reads of what seldom changes."""
STANDS_DEG = 2 / 60
"""A mount that cannot say whether it slews does so if it moved farther than this, on the sky,
from one read to the next."""

SIDEREAL_RATE = 1.00273791
"""Sidereal hours in an hour."""

_OFTEN = (
    *("TRACKING_ON", "TRACKING_RATE", "RA", "DEC", "PARK_FLAG"),
    *("CURRENT_ALT", "CURRENT_AZ"),
)
_OFTEN_V357 = ("SLEWING", "GOTO_ACTIVE")
_SELDOM = ("TARGET_RA", "TARGET_DEC")


@attrs.define
class Known:
    """None is not known."""

    right_ascension_h: float | None = None
    declination_deg: float | None = None
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    tracking: bool | None = None
    tracking_rate: str | None = None
    slewing: bool | None = None
    parked: bool | None = None
    aligned_stars: int | None = None
    target_right_ascension_h: float | None = None
    target_declination_deg: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None


class Observer:
    """Reads the mount and keeps what it said."""

    def __init__(self, line: Line, sampler: Sampler, clock: IReactorTime) -> None:
        self.known = Known()
        self.identity: Identity | None = None
        self._line = line
        self._sampler = sampler
        self._clock = clock
        self._often: list[Variable] = []
        self._seldom: list[Variable] = []
        self._seldom_at: float | None = None
        self._greenwich: tuple[float, float] | None = None
        """Sidereal time at Greenwich in hours, and when it was that by our clock."""

    def meet(self, identity: Identity) -> None:
        """From now on it is this mount."""
        self.identity = identity
        self._often, self._seldom = [], []
        if identity.dialect is not Dialect.TEXT:
            names = list(_OFTEN)
            if identity.dialect is Dialect.V357:
                names += _OFTEN_V357
            self._often = variables.resolve(identity.dialect, names)
            self._seldom = variables.resolve(identity.dialect, _SELDOM)
        self._seldom_at = None

    def look_again(self) -> None:
        """What seldom changes has changed."""
        self._seldom_at = None

    @property
    def sidereal_time_h(self) -> float | None:
        """Local, by the mount's own clock and place: what it reckons with."""
        if self._greenwich is None or self.known.longitude_deg is None:
            return None
        hours, at = self._greenwich
        passed_h = (self._clock.seconds() - at) / 3600 * SIDEREAL_RATE
        return (hours + passed_h + self.known.longitude_deg / 15) % 24

    async def read(self, priority: Priority = Priority.BACKGROUND) -> None:
        """Read what changes, and now and then the rest."""
        assert self.identity is not None
        if self._often:
            await self._read_variables(priority)
        else:
            await self._read_text(priority)
        now = self._clock.seconds()
        if self._seldom_at is None or now - self._seldom_at >= SELDOM_S:
            self._seldom_at = now
            await self._read_seldom()

    async def _read_variables(self, priority: Priority) -> None:
        read = await self._sampler.ask(self._often, priority)
        values = {each.name: read[each.id] for each in self._often}
        slewing = [bool(values[name]) for name in _OFTEN_V357 if name in values]
        if not slewing:
            slewing = [await self._is_slewing(priority)]
        known = self.known
        known.right_ascension_h = coordinates.hours_of(values["RA"])
        known.declination_deg = math.degrees(values["DEC"])
        known.altitude_deg = math.degrees(values["CURRENT_ALT"])
        known.azimuth_deg = coordinates.azimuth_of(values["CURRENT_AZ"])
        known.tracking = bool(values["TRACKING_ON"])
        known.tracking_rate = _rate(values["TRACKING_RATE"])
        known.parked = bool(values["PARK_FLAG"])
        known.slewing = any(slewing)

    async def _is_slewing(self, priority: Priority) -> bool:
        """Blanks are as good as nothing (facts/tts160.md 6.1)."""
        return bool((await text_of(self._line, ":D#", priority)).strip())

    async def _read_text(self, priority: Priority) -> None:
        assert self.identity is not None
        known = self.known
        hours = await self._parsed(":GR#", coordinates.parse_hours, priority)
        declination = await self._parsed(":GD#", coordinates.parse_degrees, priority)
        altitude = await self._parsed(":GA#", coordinates.parse_degrees, priority)
        azimuth = await self._parsed(":GZ#", coordinates.parse_azimuth, priority)
        before = (known.right_ascension_h, known.declination_deg)
        if self.identity.tells_slewing:
            known.slewing = await self._is_slewing(priority)
        elif before[0] is not None and before[1] is not None:
            moved = sky.separation_deg(
                before[0] * 15, before[1], hours * 15, declination
            )
            known.slewing = moved > STANDS_DEG
        known.right_ascension_h, known.declination_deg = hours, declination
        known.altitude_deg, known.azimuth_deg = altitude, azimuth
        await self._read_alignment(priority)
        if self.identity.is_extended:
            known.parked = await flag_of(self._line, ":*Pq#", priority)

    async def _parsed(
        self,
        command: str,
        parse: Callable[[str], float],
        priority: Priority = Priority.NORMAL,
    ) -> float:
        text = await text_of(self._line, command, priority)
        try:
            return parse(text)
        except ProtocolViolation as error:
            raise garbled(command, error) from error

    async def _read_alignment(self, priority: Priority = Priority.NORMAL) -> None:
        """``:GW#``: mount, tracking, aligned stars (facts/tts160.md 2.1)."""
        text = await text_of(self._line, ":GW#", priority)
        if len(text) != 3 or text[1] not in {"T", "N"} or not text[2].isdigit():
            raise garbled(":GW#", ValueError(repr(text)))
        self.known.tracking = text[1] == "T"
        self.known.aligned_stars = int(text[2])

    async def _read_seldom(self) -> None:
        """Each by itself: what one mount lacks must not cost the rest."""
        assert self.identity is not None
        works = [self._read_place, self._read_clock]
        if self.identity.dialect is Dialect.TEXT:
            works += [self._read_text_rate] if self.identity.is_extended else []
        else:
            works += [self._read_target, self._read_alignment]
        for work in works:
            try:
                await work()
            except (DeviceTimeout, DeviceGarbled, DeviceRefused):
                continue

    async def _read_target(self) -> None:
        read = await self._sampler.ask(self._seldom, Priority.BACKGROUND)
        hours, degrees = (read[each.id] for each in self._seldom)
        self.known.target_right_ascension_h = coordinates.hours_of(hours)
        self.known.target_declination_deg = math.degrees(degrees)

    async def _read_text_rate(self) -> None:
        text = await text_of(self._line, ":*TRG#")
        self.known.tracking_rate = _rate(int(text) if text.isdigit() else -1)

    async def _read_place(self) -> None:
        assert self.identity is not None
        star = "*" if self.identity.is_extended else ""
        latitude = await self._parsed(f":{star}Gt#", coordinates.parse_degrees)
        longitude = await self._parsed(f":{star}Gg#", coordinates.parse_longitude)
        self.known.latitude_deg, self.known.longitude_deg = latitude, longitude

    async def _read_clock(self) -> None:
        """``:GS#`` is the time at Greenwich (facts/tts160.md 2.1)."""
        hours = await self._parsed(":GS#", coordinates.parse_hours)
        self._greenwich = hours, self._clock.seconds()

    def record(self) -> Record:
        identity = self.identity
        sidereal_h = self.sidereal_time_h
        return attrs.asdict(self.known) | {
            "dialect": None if identity is None else identity.dialect.value,
            "firmware": None if identity is None else identity.firmware,
            "equinox": None if identity is None else identity.equinox,
            "local_sidereal_time_h": sidereal_h,
        }


def _rate(number: int) -> str | None:
    return RATES[number] if 0 <= number < len(RATES) else None
