"""The mount as a service: one owner of its port, whom everybody asks.

What clients read comes from a snapshot that one read fills for all of them; what they want
done goes out one exchange at a time; a stop goes before everything.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.errors import (
    DeviceUnavailable,
    GatewayError,
    MisuseError,
)
from gatewaykit.interfaces import IHealth, IMount, Record
from gatewaykit.sections import Tts160Settings
from gatewaykit.serialline import LineService, line_service
from gatewaykit.snapshots import Snapshot
from gatewaykit.times import iso
from gatewaykit.tts160.commands import Effect
from gatewaykit.tts160.gnss_place import AskGnss, GnssPlace, PlaceAndTime
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.keeper import Keeper, State
from gatewaykit.tts160.memory import Memory
from gatewaykit.tts160.motion import Motion, text_in
from gatewaykit.tts160.moving import BY_ITS_CLIENT, Moving
from gatewaykit.tts160.observing import Observer
from gatewaykit.tts160.passing import Passing, command_of
from gatewaykit.tts160.place import Place
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.slews import Slews

__all__ = ["Mount", "PlaceAndTime"]

STALE_READS = 4
"""So many intervals without a read, and the status is stale."""
LEAST_STALE_S = 2.0
SECOND_STOP_S = 0.1
"""Between the two times that a mount whose axes move is stopped before its port closes."""
GATEWAY = "the gateway, which stops"
STOPPING = "the gateway stops"
A_CLIENT = "a client"

T = TypeVar("T")


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
        ask_gnss: AskGnss | None = None,
        open_line: Callable[..., LineService] = line_service,
    ) -> None:
        self._settings = settings
        self._clock = reactor
        self._wall_ms = wall_ms
        self._keeper = keeper = Keeper(
            reactor,
            settings.timeout,
            settings.baudrate,
            lambda: self._service.trouble,
            self._met,
            self._lost,
        )
        self._sampler = Sampler(keeper, reactor, keeper.doubt)
        self._memory = Memory(keeper, self._sampler, lambda: keeper.identity)
        self._observer = observer = Observer(keeper, self._sampler, reactor)
        self._motion = motion = Motion(
            settings, keeper, keeper.stop, observer, reactor, wall_ms
        )
        self._slews = Slews(motion, observer)
        self._moving = Moving(motion, observer)
        self._place = Place(settings, keeper, observer, wall_ms)
        self._passing = Passing(keeper, motion, self._slews, self._moving, observer)
        self._gnss_place: GnssPlace | None = None
        if settings.set_from_gnss and ask_gnss is not None:
            self._gnss_place = GnssPlace(
                self._place, motion, reactor, wall_ms, ask_gnss
            )
        self._snapshot = Snapshot(
            "the state of the mount",
            observer.read,
            lambda: self._why_not is None,
            reactor,
            settings.status_interval,
        )
        self._tasks: set[Deferred[Any]] = set()
        self._is_stopping = False
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
        return Deferred.fromCoroutine(self._stop_service())

    async def _stop_service(self) -> None:
        # Whoever hears of an end can begin nothing any more.
        self._is_stopping = True
        moved = bool(self._motion.leases.directions)
        if moved:
            self._try_to_stop()
        for task in tuple(self._tasks):
            task.cancel()
        self._keeper.close()
        if self._gnss_place is not None:
            self._gnss_place.stop()
        self._snapshot.stop()
        self._observer.stop()
        self._sampler.stop()
        if moved:
            # What was on the line may have drowned the first one.
            await deferLater(self._clock, SECOND_STOP_S)
            self._try_to_stop()
        await defer.maybeDeferred(self._service.stopService)

    def _try_to_stop(self) -> None:
        with suppress(DeviceUnavailable):
            self._motion.stop(GATEWAY)

    # The line's life

    def _lost(self) -> bool:
        self._observer.stop()
        if self._gnss_place is not None:
            self._gnss_place.stop()
        return self._motion.line_lost()

    def _met(self, identity: Identity) -> None:
        self._observer.meet(identity)
        self._snapshot.refresh()
        if self._gnss_place is not None:
            self._gnss_place.begin()

    # What clients read (IMount)

    def status(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._status())

    async def _status(self) -> Record:
        await self._snapshot.ask()
        return self._record()

    def _record(self) -> Record:
        age_s = self._snapshot.age_s
        oldest_s = max(STALE_READS * self._settings.status_interval, LEAST_STALE_S)
        reason = self._why_not
        at = None if age_s is None else iso(self._wall_ms() - int(age_s * 1000))
        record = self._observer.record()
        moving = self._motion.leases.directions
        return record | {
            "available": reason is None,
            "state": self._keeper.state.value,
            "reason": reason,
            # Much firmware says so of an axis that moves, too.
            "slewing": False if moving else record["slewing"],
            "moving": moving,
            "at": at,
            "age_s": None if age_s is None else round(age_s, 3),
            "stale": reason is not None or age_s is None or age_s > oldest_s,
        }

    def watch(self) -> Callable[[], None]:
        return self._snapshot.hold()

    def variables(self, wanted: Sequence[str]) -> Deferred[Record]:
        return self._do(lambda: self._memory.variables(wanted))

    def case(self, number: int) -> Deferred[tuple[str, list[Any]]]:
        return self._do(lambda: self._memory.case(number))

    # What they want done

    def command(self, text: str, reply: str, holder: Hashable) -> Deferred[Record]:
        try:
            command = command_of(text, reply)
        except MisuseError as error:
            return defer.fail(error)
        if command.effect is Effect.STOP:
            return self._at_once(lambda: self._passing.stop(command))
        return self._do(lambda: self._passing.command(command, holder))

    def slew(
        self,
        *,
        right_ascension_h: float | None = None,
        declination_deg: float | None = None,
        altitude_deg: float | None = None,
        azimuth_deg: float | None = None,
    ) -> Deferred[None]:
        slews = self._slews
        match (right_ascension_h, declination_deg, altitude_deg, azimuth_deg):
            case (float() | int() as hours, float() | int() as degrees, None, None):
                return self._do(lambda: slews.slew(hours, degrees))
            case (None, None, float() | int() as altitude, float() | int() as azimuth):
                return self._do(lambda: slews.slew_horizontal(altitude, azimuth))
        allowed = "one pair of coordinates, and all of it"
        return defer.fail(MisuseError("coordinates", None, allowed))

    def stop(self, by: str) -> Deferred[None]:
        return self._at_once(lambda: self._motion.stop(by))

    def sync(self, right_ascension_h: float, declination_deg: float) -> Deferred[str]:
        return self._do(lambda: self._sync(right_ascension_h, declination_deg))

    async def _sync(self, right_ascension_h: float, declination_deg: float) -> str:
        target = self._slews.target(right_ascension_h, declination_deg)
        return text_in(
            await self._motion.sync(target.commands, right_ascension_h, declination_deg)
        )

    def park(self) -> Deferred[None]:
        return self._do(self._motion.park).addCallback(_nothing)

    def unpark(self) -> Deferred[None]:
        return self._do(self._motion.unpark).addCallback(_nothing)

    def tracking(
        self, *, on: bool | None = None, rate: str | None = None
    ) -> Deferred[None]:
        return self._do(lambda: self._motion.tracking(on=on, rate=rate))

    def guide(self, direction: str, duration_ms: int) -> Deferred[None]:
        return self._do(lambda: self._motion.guide(direction, duration_ms))

    def move_axis(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Deferred[float]:
        if rate_deg_s == 0:
            stopped = self._at_once(
                lambda: self._motion.stop_axis(direction, BY_ITS_CLIENT)
            )
            return stopped.addCallback(lambda _: self._motion.leases.seconds)
        return self._do(lambda: self._moving.move(direction, rate_deg_s, holder))

    def renew_axis(self, direction: str, holder: Hashable) -> float:
        return self._motion.leases.renew(direction, holder)

    def stop_axis(self, direction: str) -> Deferred[None]:
        return self._at_once(lambda: self._motion.stop_axis(direction, A_CLIENT))

    def release(self, holder: Hashable) -> None:
        self._passing.forget(holder)
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
        return self._do(self._clear_buffers)

    async def _clear_buffers(self) -> None:
        await self._keeper.resynchronise()

    def _at_once(self, act: Callable[[], T]) -> Deferred[T]:
        """Whatever state it is in."""
        try:
            return defer.succeed(act())
        except GatewayError as error:
            return defer.fail(error)
        finally:
            self._snapshot.refresh()

    @property
    def _why_not(self) -> str | None:
        """Why it is not available."""
        return STOPPING if self._is_stopping else self._keeper.reason

    def _do(self, work: Callable[[], Coroutine[Deferred[Any], Any, T]]) -> Deferred[T]:
        reason = self._why_not
        if reason is not None:
            return defer.fail(DeviceUnavailable(DEVICE, reason))
        task = Deferred.fromCoroutine(work())
        self._tasks.add(task)
        return task.addBoth(self._over, task)

    def _over(self, result: Any, task: Deferred[Any]) -> Any:
        """The end of a task, which may be that the gateway stops."""
        self._tasks.discard(task)
        if self._is_stopping and isinstance(result, Failure):
            result.trap(defer.CancelledError, GatewayError)
            raise DeviceUnavailable(DEVICE, STOPPING)
        return result

    # How it is (IHealth)

    def health(self) -> Record:
        keeper, figures = self._keeper, self._keeper.figures
        reasons = [keeper.reason] if keeper.reason else []
        if keeper.trouble:
            reasons.append(keeper.trouble)
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


def _nothing(_: object) -> None:
    return None
