"""Place and time: telling the mount where and when it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    MisuseError,
)
from gatewaykit.sections import Tts160Settings
from gatewaykit.tts160 import coordinates, local_time, lx200, set_commands
from gatewaykit.tts160.asking import Line, accepted, parsed, text_of
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.local_time import EASTMOST_OFFSET_H, WESTMOST_OFFSET_H
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.variables import Dialect

NAME = "gatewaykit"
"""What the newest firmware calls the place; 10 characters."""

FIRST_MS = 946_684_800_000 + 86_400_000
LAST_MS = 4_102_444_800_000 - 86_400_000 - 1
"""The mount's years have two digits: 2000 to 2099, wherever it is."""
TRIES = 3
SLOW_MS = 1500
"""Setting the clock takes 0.1 s. Where it took so long, because others were before it, the
mount was told an old time, and is told again."""


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
        place = _place(latitude_deg, longitude_deg)
        if place is None and utc_offset_h is None and at_ms is None:
            raise MisuseError("site", None, "a place, an offset or a time")
        if utc_offset_h is not None:
            lowest, highest = WESTMOST_OFFSET_H, EASTMOST_OFFSET_H
            coordinates.checked("utc_offset_h", utc_offset_h, lowest, highest)
        if at_ms is not None and not FIRST_MS <= at_ms <= LAST_MS:
            raise MisuseError("at_ms", at_ms, "a time from 2000 to 2099")
        try:
            offset_h = await self._set_place(place, utc_offset_h)
            if at_ms is not None:
                if offset_h is None:
                    offset_h = await self._offset_h()
                await self._set_time(at_ms - began_ms, offset_h)
        finally:
            self._observer.look_again()

    async def _set(self, *commands: Command) -> None:
        await self._line.run(commands, Priority.NORMAL, accepted)

    async def _offset_h(self) -> float:
        return await parsed(self._line, ":GG#", local_time.parse_utc_offset)

    async def _set_place(
        self, place: tuple[float, float] | None, utc_offset_h: float | None
    ) -> float | None:
        """Gives the offset that the mount has then, None if nobody asked it.

        Before the newest firmware a mount takes no place, or by ``:St`` and ``:Sg``
        (facts/tts160.md 2.2).
        """
        identity = self._observer.identity
        if identity is not None and identity.dialect is Dialect.V357 and place:
            return await self._set_location(*place, utc_offset_h)
        # First, for a mount that takes none: an offset without its time changes the clock.
        if place is not None:
            await self._set(*lx200.set_place(*place))
        if utc_offset_h is not None:
            # As the mount takes it: it has no hundredths.
            utc_offset_h = round(utc_offset_h, 1)
            await self._set(lx200.set_utc_offset(utc_offset_h))
        return utc_offset_h

    async def _set_location(
        self, latitude_deg: float, longitude_deg: float, utc_offset_h: float | None
    ) -> float:
        if utc_offset_h is None:
            utc_offset_h = await self._offset_h()
        half_hours = round(utc_offset_h * 2)
        command = set_commands.set_command(
            "SET_LOCATION",
            NAME,
            half_hours,
            *_parts(longitude_deg),
            *_parts(latitude_deg),
            round(min(max(self._settings.min_altitude_deg, 0), 89)),
        )
        await self._set(lx200.command(command))
        return half_hours / 2

    async def _set_time(self, ahead_ms: int, offset_h: float) -> None:
        """:param ahead_ms: what the right time is ahead of our own."""

        def local() -> dt.datetime:
            # The nearest whole second: the mount takes no parts of one.
            now_ms = ahead_ms + self._wall_ms() + 500
            utc = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
            return utc + dt.timedelta(hours=offset_h)

        for _ in range(TRIES):
            date = local().date()
            await self._set(lx200.set_date(date))
            began_ms = self._wall_ms()
            moment = local()
            await self._set(lx200.set_time(moment.time()))
            waited_ms = self._wall_ms() - began_ms
            if moment.date() == date and waited_ms < SLOW_MS:
                break
        # The first read of a time after that is stale (facts/tts160.md 2.2).
        with suppress(DeviceTimeout, DeviceGarbled, DeviceRefused):
            await text_of(self._line, ":GS#")


def _place(
    latitude_deg: float | None, longitude_deg: float | None
) -> tuple[float, float] | None:
    if latitude_deg is None and longitude_deg is None:
        return None
    if latitude_deg is None or longitude_deg is None:
        raise MisuseError("site", None, "latitude and longitude, both or neither")
    return (
        coordinates.checked("latitude_deg", latitude_deg, -90, 90),
        coordinates.checked("longitude_deg", longitude_deg, -180, 180),
    )


def _parts(degrees: float) -> tuple[int, int, int, int]:
    """Sign (1: west or south), degrees, minutes, seconds."""
    seconds = round(abs(degrees) * 3600)
    return int(degrees < 0), seconds // 3600, seconds // 60 % 60, seconds % 60
