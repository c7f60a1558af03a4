"""What the mount says of itself: position, state, place and time."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

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
"""A mount that cannot say whether it slews does so if it moved farther than this from one
read to the next, on the sky and over the horizon: by tracking it stays on the sky."""
LEAST_S, MOST_S = 0.3, 5.0
"""Between two such reads: within less it has not got far, and in more the sky has."""

_OFTEN = (
    *("TRACKING_ON", "TRACKING_RATE", "RA", "DEC", "PARK_FLAG"),
    *("CURRENT_ALT", "CURRENT_AZ"),
)
_OFTEN_V357 = ("SLEWING", "GOTO_ACTIVE")
_SELDOM = ("TARGET_RA", "TARGET_DEC")

Work = Callable[[], Awaitable[None]]

log = Logger()


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


@attrs.frozen
class _Look:
    """Where a mount pointed that cannot say whether it slews."""

    at: float
    right_ascension_h: float
    declination_deg: float
    altitude_deg: float
    azimuth_deg: float

    def has_moved(self, later: _Look) -> bool:
        on_sky_deg = sky.separation_deg(
            self.right_ascension_h,
            self.declination_deg,
            later.right_ascension_h,
            later.declination_deg,
        )
        over_horizon_deg = sky.separation_deg(
            self.azimuth_deg / sky.DEGREES_PER_HOUR,
            self.altitude_deg,
            later.azimuth_deg / sky.DEGREES_PER_HOUR,
            later.altitude_deg,
        )
        return min(on_sky_deg, over_horizon_deg) > STANDS_DEG


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
        self._place_at: float | None = None
        self._greenwich: tuple[float, float] | None = None
        """Sidereal time at Greenwich in hours, and when it was that by our clock."""
        self._look: _Look | None = None

    def meet(self, identity: Identity) -> None:
        """From now on it is this mount."""
        if identity != self.identity:
            # What another one said is not what this one says.
            self.known = Known()
            self._greenwich = None
        self.identity = identity
        self._often, self._seldom = [], []
        if identity.dialect is not Dialect.TEXT:
            names = list(_OFTEN)
            if identity.dialect is Dialect.V357:
                names += _OFTEN_V357
            self._often = variables.resolve(identity.dialect, names)
            self._seldom = variables.resolve(identity.dialect, _SELDOM)
        if not identity.is_extended:
            # It does not tell, and it may have been switched off and on.
            self.known.parked = None
        self._look = None
        self.look_again()

    def look_again(self) -> None:
        """What seldom changes has changed."""
        self._seldom_at = self._place_at = None

    @property
    def sidereal_time_h(self) -> float | None:
        """Local, by the mount's own clock and place: what it reckons with."""
        if self._greenwich is None or self.known.longitude_deg is None:
            return None
        hours, at = self._greenwich
        passed_h = (self._clock.seconds() - at) / 3600 * sky.SIDEREAL_RATE
        return (hours + passed_h + self.known.longitude_deg / 15) % 24

    async def read(self, priority: Priority = Priority.BACKGROUND) -> None:
        """Read what changes, and now and then the rest."""
        await self.read_state(priority)
        if self._is_due(self._seldom_at):
            self._seldom_at = self._clock.seconds()
            await self._read_seldom()

    async def read_state(self, priority: Priority) -> None:
        """What changes. `slewing` is None after it where one more look has to tell."""
        assert self.identity is not None
        if self._often:
            await self._read_variables(priority)
        else:
            await self._read_text(priority)

    async def know_place(self, priority: Priority) -> None:
        """Its place and clock, read anew where that was a while ago; what it doesn't tell
        stays unknown."""
        if self._is_due(self._place_at):
            await self._each(self._place_works(priority))

    def _is_due(self, read_at: float | None) -> bool:
        return read_at is None or self._clock.seconds() - read_at >= SELDOM_S

    async def _read_variables(self, priority: Priority) -> None:
        read = await self._sampler.ask(self._often, priority)
        values = {each.name: read[each.id] for each in self._often}
        slewing = [bool(values[name]) for name in _OFTEN_V357 if name in values]
        if not slewing:
            slewing = [await self._is_slewing(priority)]
        known = self.known
        known.right_ascension_h = _finite(coordinates.hours_of(values["RA"]))
        known.declination_deg = _finite(math.degrees(values["DEC"]))
        known.altitude_deg = _finite(math.degrees(values["CURRENT_ALT"]))
        known.azimuth_deg = _finite(coordinates.azimuth_of(values["CURRENT_AZ"]))
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
        declination = await self._parsed(
            ":GD#", coordinates.parse_declination, priority
        )
        altitude = await self._parsed(":GA#", coordinates.parse_declination, priority)
        azimuth = await self._parsed(":GZ#", coordinates.parse_azimuth, priority)
        if self.identity.tells_slewing:
            known.slewing = await self._is_slewing(priority)
        else:
            now = self._clock.seconds()
            known.slewing = self._seems_to_slew(
                _Look(now, hours, declination, altitude, azimuth)
            )
        known.right_ascension_h, known.declination_deg = hours, declination
        known.altitude_deg, known.azimuth_deg = altitude, azimuth
        await self._read_alignment(priority)
        if self.identity.is_extended:
            known.parked = await flag_of(self._line, ":*Pq#", priority)

    def _seems_to_slew(self, look: _Look) -> bool | None:
        before = self._look
        if before is not None and look.at - before.at < LEAST_S:
            return self.known.slewing
        self._look = look
        if before is None or look.at - before.at > MOST_S:
            return None
        return before.has_moved(look)

    async def _parsed(
        self,
        command: str,
        parse: Callable[[str], float],
        priority: Priority,
    ) -> float:
        text = await text_of(self._line, command, priority)
        try:
            return parse(text)
        except ProtocolViolation as error:
            raise garbled(command, error) from error

    async def _read_alignment(self, priority: Priority) -> None:
        """``:GW#``: mount, tracking, aligned stars (facts/tts160.md 2.1)."""
        text = await text_of(self._line, ":GW#", priority)
        if len(text) != 3 or text[1] not in {"T", "N"} or not text[2].isdigit():
            raise garbled(":GW#", ValueError(repr(text)))
        self.known.tracking = text[1] == "T"
        self.known.aligned_stars = int(text[2])

    async def _read_seldom(self) -> None:
        assert self.identity is not None
        background = Priority.BACKGROUND
        works = self._place_works(background)
        if self.identity.dialect is not Dialect.TEXT:
            works += [
                lambda: self.read_target(background),
                lambda: self._read_alignment(background),
            ]
        elif self.identity.is_extended:
            works += [
                lambda: self.read_target(background),
                lambda: self._read_text_rate(background),
            ]
        await self._each(works)

    def _place_works(self, priority: Priority) -> list[Work]:
        return [lambda: self._read_place(priority), lambda: self._read_clock(priority)]

    async def _each(self, works: list[Work]) -> None:
        """Each by itself: what one mount lacks must not cost the rest."""
        for work in works:
            try:
                await work()
            except (DeviceTimeout, DeviceGarbled, DeviceRefused) as error:
                log.debug("the mount does not tell: {error}", error=error)

    async def read_target(self, priority: Priority) -> None:
        """The target that it has stored; firmware before 355 does not tell it."""
        assert self.identity is not None
        if self._seldom:
            read = await self._sampler.ask(self._seldom, priority)
            hours_rad, declination_rad = (read[each.id] for each in self._seldom)
        elif self.identity.is_extended:
            radians = coordinates.parse_radians
            hours_rad = await self._parsed(":*Gr#", radians, priority)
            declination_rad = await self._parsed(":*Gd#", radians, priority)
        else:
            return
        self.known.target_right_ascension_h = _finite(coordinates.hours_of(hours_rad))
        self.known.target_declination_deg = _finite(math.degrees(declination_rad))

    async def _read_text_rate(self, priority: Priority) -> None:
        text = await text_of(self._line, ":*TRG#", priority)
        self.known.tracking_rate = _rate(int(text) if text.isdigit() else -1)

    async def _read_place(self, priority: Priority) -> None:
        assert self.identity is not None
        star = "*" if self.identity.is_extended else ""
        self.known.latitude_deg = await self._parsed(
            f":{star}Gt#", coordinates.parse_declination, priority
        )
        self.known.longitude_deg = await self._parsed(
            f":{star}Gg#", coordinates.parse_longitude, priority
        )

    async def _read_clock(self, priority: Priority) -> None:
        """``:GS#`` is the time at Greenwich (facts/tts160.md 2.1)."""
        hours = await self._parsed(":GS#", coordinates.parse_hours, priority)
        self._greenwich = hours, self._clock.seconds()
        self._place_at = self._clock.seconds()

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


def _finite(value: float) -> float | None:
    """The mount's memory may hold what is no number, where nothing was written to it yet."""
    return value if math.isfinite(value) else None
