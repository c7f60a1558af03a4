"""Place and time of the modem's GNSS for a mount that has just come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
)
from gatewaykit.tts160.motion import Motion
from gatewaykit.tts160.place import Place

AGAIN_S = 10.0
"""Until it is tried again where GNSS had nothing to tell, or the mount was busy."""

PlaceAndTime = tuple[float, float, int]
"""Latitude, longitude, milliseconds since the epoch."""
AskGnss = Callable[[], Awaitable[PlaceAndTime | None]]

log = Logger()


class GnssPlace:
    """Tells the mount once where and when it is, as soon as GNSS knows and it stands.

    :param wall_ms: milliseconds since the epoch.
    :param ask: gives place and time by GNSS, None while there is no fix.
    """

    def __init__(
        self,
        place: Place,
        motion: Motion,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        ask: AskGnss,
    ) -> None:
        self._place = place
        self._motion = motion
        self._clock = clock
        self._wall_ms = wall_ms
        self._ask = ask
        self._next: IDelayedCall | None = None
        self._work: Deferred[None] | None = None
        self._complaint = ""

    def begin(self) -> None:
        """A mount is there, and may not know where it is."""
        self.stop()
        self._try()

    def stop(self) -> None:
        """The mount is gone, or the gateway stops."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._work is not None:
            self._work.cancel()
            self._work = None

    def _try(self) -> None:
        self._next = None
        self._work = work = Deferred.fromCoroutine(self._tell())
        work.addCallbacks(self._told, self._not_told)

    async def _tell(self) -> None:
        """Fails with `DeviceUnavailable` where GNSS has nothing to tell."""
        found = await self._ask()
        if found is None:
            raise DeviceUnavailable("GNSS", "it has no fix yet")
        latitude_deg, longitude_deg, at_ms = found
        found_ms = self._wall_ms()

        async def tell() -> None:
            await self._motion.checks.still("place and time of GNSS")
            now_ms = at_ms + self._wall_ms() - found_ms
            try:
                await self._place.set(
                    latitude_deg=latitude_deg,
                    longitude_deg=longitude_deg,
                    utc_offset_h=None,
                    at_ms=now_ms,
                )
            except (DeviceRefused, DeviceTimeout, DeviceGarbled):
                # Older firmware takes the time only.
                await self._place.set(
                    latitude_deg=None,
                    longitude_deg=None,
                    utc_offset_h=None,
                    at_ms=at_ms + self._wall_ms() - found_ms,
                )

        await self._motion.calls.in_turn(tell)

    def _told(self, _: None) -> None:
        self._work, self._complaint = None, ""
        log.info("the mount has got place and time of GNSS")

    def _not_told(self, failure: Failure) -> None:
        if failure.check(CancelledError):
            return
        self._work = None
        why = failure.getErrorMessage()
        if not failure.check(GatewayError):
            log.failure("place and time of GNSS could not be told", failure)
        elif why != self._complaint:
            log.info("the mount has not got its place of GNSS yet: {why}", why=why)
        self._complaint = why
        self._next = self._clock.callLater(AGAIN_S, self._try)
