"""What the mount says of itself: position, state, place and time."""

from __future__ import annotations

import math

import attrs
from twisted.internet.interfaces import IReactorTime

from gatewaykit.interfaces import Record
from gatewaykit.tts160 import coordinates, variables
from gatewaykit.tts160.asking import Line, flag_of, parsed, text_of
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.known import Known, Look, Looks
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.seldom import Seldom, finite, rate_of
from gatewaykit.tts160.variables import Dialect, Variable

_OFTEN = (
    *("TRACKING_ON", "TRACKING_RATE", "RA", "DEC", "PARK_FLAG"),
    *("CURRENT_ALT", "CURRENT_AZ"),
)
_OFTEN_V357 = ("SLEWING", "GOTO_ACTIVE")


class Observer:
    """Reads the mount and keeps what it said."""

    def __init__(self, line: Line, sampler: Sampler, clock: IReactorTime) -> None:
        self.known = Known()
        self.identity: Identity | None = None
        self._line = line
        self._sampler = sampler
        self._clock = clock
        self._seldom: Seldom | None = None
        self._often: list[Variable] = []
        self._looks = Looks()
        self._begun_at = -1.0
        """When a slew began."""

    def meet(self, identity: Identity) -> None:
        """From now on it is this mount."""
        if identity != self.identity:
            # What another one said is not what this one says.
            self.known = Known()
        self.identity = identity
        self.stop()
        self._seldom = Seldom(
            self._line, self._sampler, self._clock, identity, self.known
        )
        self._looks = Looks()
        self._often = []
        if identity.dialect is not Dialect.TEXT:
            is_new = identity.dialect is Dialect.V357
            names = (*_OFTEN, *_OFTEN_V357) if is_new else _OFTEN
            self._often = variables.resolve(identity.dialect, names)

    def stop(self) -> None:
        """Read nothing more by itself."""
        if self._seldom is not None:
            self._seldom.stop()

    @property
    def seldom(self) -> Seldom:
        """What seldom changes; once a mount is there."""
        assert self._seldom is not None
        return self._seldom

    def look_again(self) -> None:
        """What seldom changes has changed."""
        self.seldom.look_again()

    def slew_begun(self) -> None:
        """What was read before does not tell of it."""
        self._begun_at = self._clock.seconds()
        self._looks.begun(self._begun_at)
        self.known.slewing = True

    @property
    def sidereal_time_h(self) -> float | None:
        """See `Seldom.sidereal_time_h`."""
        return None if self._seldom is None else self._seldom.sidereal_time_h

    async def read(self) -> None:
        """For whoever watches: what changes, and now and then the rest."""
        await self.read_state(Priority.BACKGROUND)
        self.seldom.refresh()

    async def read_state(self, priority: Priority) -> None:
        """What changes. `slewing` is None after it where one more look has to tell."""
        began_at = self._clock.seconds()
        read = self._read_variables if self._often else self._read_text
        slewing = await read(priority)
        if began_at >= self._begun_at:
            self.known.slewing = slewing

    async def _read_variables(self, priority: Priority) -> bool:
        read = await self._sampler.ask(self._often, priority)
        values = {each.name: read[each.id] for each in self._often}
        flags = [bool(values[name]) for name in _OFTEN_V357 if name in values]
        if not flags:
            flags = [await self._is_slewing(priority)]
        known = self.known
        known.right_ascension_h = finite(coordinates.hours_of(values["RA"]))
        known.declination_deg = finite(math.degrees(values["DEC"]))
        known.altitude_deg = finite(math.degrees(values["CURRENT_ALT"]))
        known.azimuth_deg = finite(coordinates.azimuth_of(values["CURRENT_AZ"]))
        known.tracking = bool(values["TRACKING_ON"])
        known.tracking_rate = rate_of(values["TRACKING_RATE"])
        known.parked = bool(values["PARK_FLAG"])
        return any(flags)

    async def _is_slewing(self, priority: Priority) -> bool:
        """Blanks are as good as nothing (facts/tts160.md 6.1)."""
        return bool((await text_of(self._line, ":D#", priority)).strip())

    async def _read_text(self, priority: Priority) -> bool | None:
        assert self.identity is not None
        line, signed = self._line, coordinates.parse_declination
        hours = await parsed(line, ":GR#", coordinates.parse_hours, priority)
        declination = await parsed(line, ":GD#", signed, priority)
        altitude = await parsed(line, ":GA#", signed, priority)
        azimuth = await parsed(line, ":GZ#", coordinates.parse_azimuth, priority)
        look = Look(self._clock.seconds(), hours, declination, altitude, azimuth)
        if self.identity.tells_slewing:
            slewing: bool | None = await self._is_slewing(priority)
        else:
            slewing = self._looks.add(look)
        await self.seldom.read_alignment(priority)
        known = self.known
        if self.identity.is_extended:
            known.parked = await flag_of(line, ":*Pq#", priority)
        known.right_ascension_h, known.declination_deg = hours, declination
        known.altitude_deg, known.azimuth_deg = altitude, azimuth
        return slewing

    def record(self) -> Record:
        identity = self.identity
        return attrs.asdict(self.known) | {
            "dialect": None if identity is None else identity.dialect.value,
            "firmware": None if identity is None else identity.firmware,
            "equinox": None if identity is None else identity.equinox,
            "local_sidereal_time_h": self.sidereal_time_h,
        }
