"""What a mount says that seldom changes: place, clock, target, alignment."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    ProtocolViolation,
)
from gatewaykit.tts160 import coordinates, sky, variables
from gatewaykit.tts160.asking import Line, parsed
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.known import Known
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.variables import Dialect, Variable

RATES = ("sidereal", "lunar", "solar")
"""By the number that the firmware gives them (facts/tts160.md 3.4)."""
SELDOM_S = 15.0
"""Between two reads."""
LACKING_S = 300.0
"""The same where a mount did not tell: to ask in vain takes the line some seconds."""
_TARGET = ("TARGET_RA", "TARGET_DEC")
_GONE = (CancelledError, DeviceUnavailable)

log = Logger()


@attrs.define
class _Part:
    read: Callable[[Priority], Awaitable[None]]
    read_at: float | None = None
    lacking_at: float | None = None
    """When it was asked for in vain."""

    def is_due(self, now: float) -> bool:
        if self.lacking_at is not None:
            return now - self.lacking_at >= LACKING_S
        return self.read_at is None or now - self.read_at >= SELDOM_S


class Seldom:
    """:param known: of the mount that it is for."""

    def __init__(
        self,
        line: Line,
        sampler: Sampler,
        clock: IReactorTime,
        identity: Identity,
        known: Known,
    ) -> None:
        self._line = line
        self._sampler = sampler
        self._clock = clock
        self._identity = identity
        self._known = known
        self._greenwich: tuple[float, float] | None = None
        """Sidereal time at Greenwich in hours, and when it was that by our clock."""
        self._target: list[Variable] = []
        self._work: Deferred[None] | None = None
        self._place = [_Part(self._read_place), _Part(self._read_clock)]
        self._parts = list(self._place)
        if identity.dialect is not Dialect.TEXT:
            self._target = variables.resolve(identity.dialect, _TARGET)
            self._parts.append(_Part(self.read_alignment))
        elif identity.is_extended:
            self._parts.append(_Part(self._read_rate))
        if identity.is_extended:
            self._parts.append(_Part(self.read_target))

    @property
    def sidereal_time_h(self) -> float | None:
        """Local, by the mount's own clock and place: what it reckons with."""
        if self._greenwich is None or self._known.longitude_deg is None:
            return None
        hours, at = self._greenwich
        passed_h = (self._clock.seconds() - at) / 3600 * sky.SIDEREAL_RATE
        east_h = self._known.longitude_deg / sky.DEGREES_PER_HOUR
        return coordinates.reduced(hours + passed_h + east_h, 24)

    def look_again(self) -> None:
        """It has changed."""
        for part in self._parts:
            part.read_at = None

    def refresh(self) -> None:
        """Begin to read what is due, without waiting for it."""
        if self._work is None and any(map(self._is_due, self._parts)):
            self._work = work = Deferred.fromCoroutine(
                self._read(self._parts, Priority.BACKGROUND)
            )
            work.addErrback(lambda failure: failure.trap(*_GONE))
            work.addBoth(self._over)

    def stop(self) -> None:
        if self._work is not None:
            self._work.cancel()

    def _over(self, _: object) -> None:
        self._work = None

    async def know_place(self, priority: Priority) -> None:
        """Its place and clock, read anew where that was a while ago; what it doesn't tell
        stays unknown."""
        await self._read(self._place, priority)

    def _is_due(self, part: _Part) -> bool:
        return part.is_due(self._clock.seconds())

    async def _read(self, parts: Iterable[_Part], priority: Priority) -> None:
        """Each by itself: what one mount lacks must not cost the rest."""
        for part in filter(self._is_due, parts):
            try:
                await part.read(priority)
            except (DeviceTimeout, DeviceGarbled, DeviceRefused) as error:
                log.info("the mount does not tell: {error}", error=error)
                part.lacking_at = self._clock.seconds()
            else:
                part.lacking_at = None
                part.read_at = self._clock.seconds()

    async def read_target(self, priority: Priority) -> None:
        """The target that it has stored; firmware before 355 does not tell it."""
        if self._target:
            read = await self._sampler.ask(self._target, priority)
            hours_rad, declination_rad = (read[each.id] for each in self._target)
        elif self._identity.is_extended:
            radians = coordinates.parse_radians
            hours_rad = await parsed(self._line, ":*Gr#", radians, priority)
            declination_rad = await parsed(self._line, ":*Gd#", radians, priority)
        else:
            return
        known = self._known
        known.target_right_ascension_h = finite(coordinates.hours_of(hours_rad))
        known.target_declination_deg = finite(math.degrees(declination_rad))

    async def read_alignment(self, priority: Priority) -> None:
        """``:GW#``: mount, tracking, aligned stars (facts/tts160.md 2.1)."""
        known = self._known
        known.tracking, known.aligned_stars = await parsed(
            self._line, ":GW#", _alignment, priority
        )

    async def _read_rate(self, priority: Priority) -> None:
        number = await parsed(self._line, ":*TRG#", _index, priority)
        self._known.tracking_rate = rate_of(number)

    async def _read_place(self, priority: Priority) -> None:
        star = "*" if self._identity.is_extended else ""
        self._known.latitude_deg = await parsed(
            self._line, f":{star}Gt#", coordinates.parse_declination, priority
        )
        self._known.longitude_deg = await parsed(
            self._line, f":{star}Gg#", coordinates.parse_longitude, priority
        )

    async def _read_clock(self, priority: Priority) -> None:
        """``:GS#`` is the time at Greenwich (facts/tts160.md 2.1)."""
        hours = await parsed(self._line, ":GS#", coordinates.parse_hours, priority)
        self._greenwich = hours, self._clock.seconds()


def rate_of(number: int) -> str | None:
    return RATES[number] if 0 <= number < len(RATES) else None


def finite(value: float) -> float | None:
    """The mount's memory may hold what is no number, where nothing was written to it yet."""
    return value if math.isfinite(value) else None


def _alignment(text: str) -> tuple[bool, int]:
    """Whether it tracks, and its aligned stars."""
    if len(text) != 3 or text[1] not in {"T", "N"} or text[2] not in set("0123"):
        raise ProtocolViolation(f"no alignment: {text[:20]!r}", text.encode("latin-1"))
    return text[1] == "T", int(text[2])


def _index(text: str) -> int:
    if text not in set("012"):
        raise ProtocolViolation(f"no rate: {text[:20]!r}", text.encode("latin-1"))
    return int(text)
