"""Place and time: telling the mount where and when it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from twisted.logger import Logger

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.sections import Tts160Settings
from gatewaykit.tts160 import coordinates, local_time, lx200, set_commands
from gatewaykit.tts160.asking import Line, accepted, garbled, text_of
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.variables import Dialect

NAME = "gatewaykit"
"""What the newest firmware calls the place; 10 characters."""

log = Logger()


class Place:
    """:param wall_ms: milliseconds since the epoch; how long setting the clock takes is
    counted by it."""

    def __init__(
        self,
        settings: Tts160Settings,
        line: Line,
        observer: Observer,
        wall_ms: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._line = line
        self._observer = observer
        self._wall_ms = wall_ms

    async def set(
        self,
        *,
        latitude_deg: float | None,
        longitude_deg: float | None,
        utc_offset_h: float | None,
        at_ms: int | None,
    ) -> None:
        """See `IMount.set_site`."""
        began_ms = self._wall_ms()
        if (latitude_deg is None) != (longitude_deg is None):
            raise MisuseError("site", None, "latitude and longitude, both or neither")
        if latitude_deg is None and utc_offset_h is None and at_ms is None:
            raise MisuseError("site", None, "a place, an offset or a time")
        if utc_offset_h is not None:
            await self._set(lx200.set_utc_offset(utc_offset_h))
        if latitude_deg is not None and longitude_deg is not None:
            await self._set_place(latitude_deg, longitude_deg, utc_offset_h)
        if at_ms is not None:
            offset_h = await self._offset_h() if utc_offset_h is None else utc_offset_h
            await self._set_time(at_ms, offset_h, began_ms)
        self._observer.look_again()

    async def _set(self, *commands: Command) -> None:
        await self._line.run(commands, Priority.NORMAL, accepted)

    async def _offset_h(self) -> float:
        text = await text_of(self._line, ":GG#")
        try:
            return local_time.parse_utc_offset(text)
        except ProtocolViolation as error:
            raise garbled(":GG#", error) from error

    async def _set_place(
        self, latitude_deg: float, longitude_deg: float, utc_offset_h: float | None
    ) -> None:
        """Before the newest firmware a mount takes no place, or by ``:St`` and ``:Sg``
        (facts/tts160.md 2.2)."""
        coordinates.checked("latitude_deg", latitude_deg, -90, 90)
        coordinates.checked("longitude_deg", longitude_deg, -180, 180)
        identity = self._observer.identity
        if identity is None or identity.dialect is not Dialect.V357:
            await self._set(*lx200.set_place(latitude_deg, longitude_deg))
            return
        if utc_offset_h is None:
            utc_offset_h = await self._offset_h()
        command = lx200.command(
            set_commands.set_command(
                "SET_LOCATION",
                NAME,
                round(utc_offset_h * 2),
                *_parts(longitude_deg),
                *_parts(latitude_deg),
                round(min(max(self._settings.min_altitude_deg, 0), 89)),
            )
        )
        await self._set(command)

    async def _set_time(self, at_ms: int, offset_h: float, began_ms: int) -> None:
        date = self._local(at_ms, offset_h, began_ms).date()
        await self._set(lx200.set_date(date))
        moment = self._local(at_ms, offset_h, began_ms)
        await self._set(lx200.set_time(moment.time()))
        # The first read of a time after that is stale (facts/tts160.md 2.2).
        await text_of(self._line, ":GS#")

    def _local(self, at_ms: int, offset_h: float, began_ms: int) -> dt.datetime:
        """Local time of now, if it was `at_ms` when we began."""
        now_ms = at_ms + self._wall_ms() - began_ms
        utc = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        return utc + dt.timedelta(hours=offset_h)


def _parts(degrees: float) -> tuple[int, int, int, int]:
    """Sign (1: west or south), degrees, minutes, seconds."""
    seconds = round(abs(degrees) * 3600)
    return int(degrees < 0), seconds // 3600, seconds // 60 % 60, seconds % 60
