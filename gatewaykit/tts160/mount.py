"""The mount as a service: one owner of its port, whom everybody asks.

What clients read comes from a snapshot that one read fills for all of them; what they want
done goes out one exchange at a time; a stop goes before everything.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Hashable, Sequence
from typing import Any, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.errors import DeviceRefused, DeviceUnavailable, GatewayError
from gatewaykit.interfaces import IHealth, IMount, Record
from gatewaykit.sections import Tts160Settings
from gatewaykit.serialline import LineService, line_service
from gatewaykit.snapshots import Snapshot
from gatewaykit.times import iso
from gatewaykit.tts160 import formats, lx200, variables
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.framing import Case
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.keeper import Keeper, State
from gatewaykit.tts160.motion import Motion
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.passing import Passing
from gatewaykit.tts160.place import Place
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.records import record_of
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.variables import Dialect, Variable

STALE_READS = 4
"""So many intervals without a read, and the status is stale."""
LEAST_STALE_S = 2.0
GATEWAY = "the gateway, which stops"
REOPENED = "the gateway, since its port was gone"
PLACE_AGAIN_S = 10.0
"""Until GNSS is asked again for a place and a time that it did not have."""

T = TypeVar("T")
PlaceAndTime = tuple[float, float, int]
"""Latitude, longitude, milliseconds since the epoch."""

log = Logger()


@implementer(IMount, IHealth)
class Mount:
    """See `IMount`. Start it before clients are let in, stop it after.

    :param wall_ms: milliseconds since the epoch.
    :param ask_gnss: gives place and time by GNSS, None while there is no fix.
    :param open_line: makes the service that holds the port; tests have their own.
    """

    name = "tts160"
    _service: LineService

    def __init__(
        self,
        settings: Tts160Settings,
        reactor: Any,
        wall_ms: Callable[[], int],
        ask_gnss: Callable[[], Awaitable[PlaceAndTime | None]] | None = None,
        open_line: Callable[..., LineService] = line_service,
    ) -> None:
        self._settings = settings
        self._clock = reactor
        self._wall_ms = wall_ms
        self._ask_gnss = ask_gnss
        self._keeper = keeper = Keeper(
            reactor,
            settings.timeout,
            settings.baudrate,
            lambda: self._service.trouble,
            self._opened,
            self._met,
        )
        self._sampler = Sampler(keeper, reactor, keeper.doubt)
        self._observer = Observer(keeper, self._sampler, reactor)
        self._motion = Motion(settings, keeper, keeper.stop, self._observer, reactor)
        self._place = Place(settings, keeper, self._observer, wall_ms)
        self._passing = Passing(keeper, self._motion)
        self._snapshot = Snapshot(
            "the state of the mount",
            self._observer.read,
            lambda: keeper.is_ready,
            reactor,
            settings.status_interval,
        )
        self._read_at_ms: int | None = None
        self._axes_moved = False
        """Whether an axis moved when the port was lost."""
        self._calls: set[Deferred[Any]] = set()
        self._is_stopping = False
        self._placing: IDelayedCall | None = None
        self._service = open_line(
            reactor, settings.port, settings.baudrate, keeper.factory()
        )

    @property
    def stops(self) -> int:
        """See `IMount.stops`."""
        return self._motion.stops

    # Start and stop

    def start(self) -> None:
        """Open the port, now or whenever it is there."""
        self._service.startService()

    def stop_service(self) -> Deferred[None]:
        """Stop the axes that move for somebody, and close the port."""
        self._is_stopping = True
        if self._motion.leases.directions:
            self._try_to_stop(GATEWAY)
        if self._placing is not None:
            self._placing.cancel()
            self._placing = None
        for call in tuple(self._calls):
            call.cancel()
        self._keeper.close()
        self._snapshot.stop()
        self._sampler.stop()
        return defer.maybeDeferred(self._service.stopService)

    def _try_to_stop(self, by: str) -> None:
        try:
            self._motion.stop(by)
        except DeviceUnavailable as error:
            log.info("the axes could not be stopped: {error}", error=error)

    # The line's life

    def _opened(self) -> None:
        """An axis that moved when the port was lost moves on until it is told to stop."""
        if self._axes_moved or self._motion.leases.directions:
            self._axes_moved = False
            self._try_to_stop(REOPENED)

    async def _met(self, identity: Identity) -> None:
        self._observer.meet(identity)
        try:
            await self._observer.read(Priority.NORMAL)
        except GatewayError as error:
            log.info("its state could not be read yet: {error}", error=error)
        self._snapshot.refresh()
        if self._settings.set_from_gnss and self._ask_gnss is not None:
            self._set_from_gnss()

    def _set_from_gnss(self) -> None:
        self._placing = None
        self._track(self._put_place()).addErrback(self._not_placed)

    async def _put_place(self) -> None:
        """Tell it place and time; try again later while GNSS has none."""
        assert self._ask_gnss is not None
        found = await self._ask_gnss()
        if found is not None and self._keeper.is_ready:
            latitude, longitude, at_ms = found
            try:
                await self._place.set(
                    latitude_deg=latitude,
                    longitude_deg=longitude,
                    utc_offset_h=None,
                    at_ms=at_ms,
                )
            except DeviceRefused:
                # Older firmware takes the time only.
                await self._place.set(
                    latitude_deg=None,
                    longitude_deg=None,
                    utc_offset_h=None,
                    at_ms=at_ms,
                )
            log.info("the mount has got place and time of GNSS")
        elif self._keeper.is_ready and self._placing is None:
            self._placing = self._clock.callLater(PLACE_AGAIN_S, self._set_from_gnss)

    def _not_placed(self, failure: Failure) -> None:
        if failure.check(GatewayError, defer.CancelledError):
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "the mount did not get place and time of GNSS: {why}",
                why=failure.getErrorMessage(),
            )
        else:
            log.failure("place and time of GNSS could not be set", failure)

    # What clients read (IMount)

    def status(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._status())

    async def _status(self) -> Record:
        await self._snapshot.ask()
        return self._record()

    def _record(self) -> Record:
        age_s = self._snapshot.age_s
        oldest_s = max(STALE_READS * self._settings.status_interval, LEAST_STALE_S)
        reason = self._keeper.reason
        at = None if age_s is None else iso(self._wall_ms() - int(age_s * 1000))
        return {
            "available": reason is None,
            "state": self._keeper.state.value,
            "reason": reason,
            **self._observer.record(),
            "moving": self._motion.leases.directions,
            "at": at,
            "age_s": None if age_s is None else round(age_s, 3),
            "stale": reason is not None or age_s is None or age_s > oldest_s,
        }

    def watch(self) -> Callable[[], None]:
        return self._snapshot.hold()

    def variables(self, wanted: Sequence[str]) -> Deferred[Record]:
        return self._do(lambda: self._variables(wanted))

    async def _variables(self, wanted: Sequence[str]) -> Record:
        identity = self._keeper.identity
        assert identity is not None
        if identity.dialect is Dialect.TEXT:
            raise DeviceRefused(DEVICE, "variables", "this firmware has none")
        named: list[tuple[str, Variable]] = []
        for words in wanted:
            found = variables.resolve(identity.dialect, [words])
            if len(found) == 1:
                named.append((words, found[0]))
            else:
                named += [(variable.id, variable) for variable in found]
        values = await self._sampler.ask([variable for _, variable in named])
        return {word: values[variable.id] for word, variable in named}

    def case(self, number: int) -> Deferred[tuple[str, list[Any]]]:
        return self._do(lambda: self._case(number))

    async def _case(self, number: int) -> tuple[str, list[Any]]:
        command = lx200.command(f":*!{number}#")
        (answer,) = await self._keeper.run((command,), Priority.NORMAL)
        if not isinstance(answer, Case) or answer.number != number:
            reason = "the block of another number"
            raise DeviceRefused(DEVICE, command.text, reason)
        record = record_of(answer)
        return formats.CASE_FORMATS[number].format_string, record["values"]

    # What they want done

    def command(self, text: str, reply: str, holder: Hashable) -> Deferred[Record]:
        if reply in {"auto", "blind"} and text == ":Q#":
            return self._at_once(
                lambda: self._motion.stop("a client"), {"kind": "none"}
            )
        return self._do(lambda: self._passing.command(text, reply, holder))

    def slew(
        self,
        *,
        right_ascension_h: float | None = None,
        declination_deg: float | None = None,
        altitude_deg: float | None = None,
        azimuth_deg: float | None = None,
    ) -> Deferred[None]:
        if right_ascension_h is not None and declination_deg is not None:
            hours, degrees = right_ascension_h, declination_deg
            return self._do(lambda: self._motion.slew(hours, degrees))
        assert altitude_deg is not None
        assert azimuth_deg is not None
        return self._do(lambda: self._motion.slew_horizontal(altitude_deg, azimuth_deg))

    def stop(self, by: str) -> Deferred[None]:
        return self._at_once(lambda: self._motion.stop(by), None)

    def sync(self, right_ascension_h: float, declination_deg: float) -> Deferred[str]:
        return self._do(lambda: self._motion.sync(right_ascension_h, declination_deg))

    def park(self) -> Deferred[None]:
        return self._do(self._motion.park)

    def unpark(self) -> Deferred[None]:
        return self._do(self._motion.unpark)

    def tracking(
        self, *, on: bool | None = None, rate: str | None = None
    ) -> Deferred[None]:
        return self._do(lambda: self._motion.tracking(on=on, rate=rate))

    def guide(self, direction: str, duration_ms: int) -> Deferred[None]:
        return self._do(lambda: self._motion.guide(direction, duration_ms))

    def move_axis(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Deferred[float]:
        return self._do(lambda: self._motion.move_axis(direction, rate_deg_s, holder))

    def renew_axis(self, direction: str, holder: Hashable) -> float:
        return self._motion.leases.renew(direction, holder)

    def stop_axis(self, direction: str) -> Deferred[None]:
        return self._at_once(
            lambda: self._motion.stop_axis(direction, "a client"), None
        )

    def release(self, holder: Hashable) -> None:
        self._motion.leases.release(holder)

    def set_site(
        self,
        *,
        latitude_deg: float | None = None,
        longitude_deg: float | None = None,
        utc_offset_h: float | None = None,
        at_ms: int | None = None,
    ) -> Deferred[None]:
        return self._do(
            lambda: self._place.set(
                latitude_deg=latitude_deg,
                longitude_deg=longitude_deg,
                utc_offset_h=utc_offset_h,
                at_ms=at_ms,
            )
        )

    def clear_buffers(self) -> Deferred[None]:
        return self._keeper.resynchronise()

    def _at_once(self, act: Callable[[], None], result: T) -> Deferred[T]:
        try:
            act()
        except GatewayError as error:
            return defer.fail(error)
        finally:
            self._snapshot.refresh()
        return defer.succeed(result)

    def _do(self, work: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> Deferred[T]:
        if not self._keeper.is_ready:
            return defer.fail(self._keeper.unavailable())
        return self._track(work())

    def _track(self, work: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
        call = Deferred.fromCoroutine(work)
        self._calls.add(call)
        return call.addBoth(self._over, call)

    def _over(self, result: Any, call: Deferred[Any]) -> Any:
        """The end of a call, which may be that the gateway stops."""
        self._calls.discard(call)
        if self._is_stopping and isinstance(result, Failure):
            result.trap(defer.CancelledError, GatewayError)
            raise DeviceUnavailable(DEVICE, "the gateway stops")
        return result

    # How it is (IHealth)

    def health(self) -> Record:
        keeper, figures = self._keeper, self._keeper.figures
        reasons = [keeper.reason] if keeper.reason else []
        if keeper.identity is not None and keeper.identity.trouble:
            reasons.append(keeper.identity.trouble)
        status = "failed" if keeper.state is State.ABSENT else "degraded"
        identity = keeper.identity
        return {
            "status": status if reasons else "ok",
            "reason": "; ".join(reasons) or None,
            "state": keeper.state.value,
            "port": self._settings.port,
            "firmware": None if identity is None else identity.firmware,
            "dialect": None if identity is None else identity.dialect.value,
            "moving": self._motion.leases.directions,
            "line": {
                "exchanges": figures.exchanges,
                "timeouts": figures.timeouts,
                "garbled": figures.garbled,
                "strays": figures.strays,
                "retries": figures.retries,
                "resyncs": figures.resyncs,
                "stops": figures.stops,
            },
        }
