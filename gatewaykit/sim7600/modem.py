"""The modem as a service: one owner of its ports, whom everybody asks.

What clients read comes from snapshots that one exchange fills for all of them; what they
want done is put on the line one command at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.errors import (
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    MisuseError,
)
from gatewaykit.interfaces import IHealth, IModem, Page, Record
from gatewaykit.sections import Sim7600Settings
from gatewaykit.serialline import LineService, line_service
from gatewaykit.sim7600.asking import expect_ok
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import passed_through
from gatewaykit.sim7600.greeting import PROBE
from gatewaykit.sim7600.happenings import Happenings, Listener
from gatewaykit.sim7600.household import Household
from gatewaykit.sim7600.keeper import MUTE, Keeper, State
from gatewaykit.sim7600.network import TIMEOUT_S
from gatewaykit.sim7600.nmea_port import NmeaFactory
from gatewaykit.sim7600.recovery import Rung

ALIVE_S = 10.0
"""A modem that answered so lately is there; else it is asked."""
ALIVE_WITHIN_S = 1.0
STOP_S = 5.0
"""For switching GNSS off at the end."""
SUPPLY_S = 30.0
FOREIGN = 3
"""So many commands that we did not send are no echo that came late..."""
FOREIGN_S = 600.0
"""...and they concern us for so long."""

T = TypeVar("T")

log = Logger()


@implementer(IModem, IHealth)
class Modem:
    """See `IModem`. Start it before clients are let in, stop it after.

    :param wall_ms: milliseconds since the epoch.
    :param open_line: makes the service that holds a port; tests have their own.
    """

    name = "sim7600"
    _service: LineService

    def __init__(
        self,
        settings: Sim7600Settings,
        reactor: Any,
        wall_ms: Callable[[], int],
        open_line: Callable[..., LineService] = line_service,
    ) -> None:
        self._settings = settings
        self._clock = reactor
        self._happenings = Happenings(wall_ms)
        self._keeper = keeper = Keeper(
            self._happenings,
            reactor,
            Rung[settings.recovery.upper()],
            lambda: self._service.trouble,
        )
        self._home = home = Household(
            settings,
            keeper.ask,
            lambda: keeper.is_ready,
            self._happenings,
            reactor,
            wall_ms,
        )
        self._supply_at: float | None = None
        self._calls: set[Deferred[Any]] = set()
        """What is being done for clients."""
        self._is_stopping = False
        self._service = open_line(
            reactor, settings.port, settings.baudrate, keeper.factory(home)
        )
        self._nmea: LineService | None = None
        if settings.nmea_port:
            self._nmea = open_line(
                reactor,
                settings.nmea_port,
                settings.baudrate,
                NmeaFactory(home.sentence),
            )

    # Start and stop

    def start(self) -> None:
        """Open the ports, now or whenever they are there."""
        self._service.startService()
        if self._nmea is not None:
            self._nmea.startService()

    def stop(self) -> Deferred[None]:
        """Switch GNSS off if we switched it on, and close the ports."""
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._is_stopping = True
        for call in tuple(self._calls):
            call.cancel()
        for work in (self._keeper.close, self._home.engine.stop):
            try:
                await Deferred.fromCoroutine(work()).addTimeout(STOP_S, self._clock)
            except (DeviceUnavailable, DeviceTimeout, defer.TimeoutError) as error:
                log.info("the modem was not left as it was: {error}", error=error)
        self._home.gone()
        services = [each for each in (self._service, self._nmea) if each is not None]
        await defer.gatherResults(
            [defer.maybeDeferred(each.stopService) for each in services]
        )

    # What clients ask (IModem)

    def network_status(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_network())

    async def _ask_network(self) -> Record:
        await self._home.networks.ask()
        if self._home.network.age_s is None:
            raise self._unavailable()
        return self._home.network.record(
            is_there=self._keeper.is_ready,
            most_age_s=3 * self._settings.network_interval + TIMEOUT_S,
        )

    def location(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_location())

    async def _ask_location(self) -> Record:
        await self._home.positions.ask()
        if not self._home.position.was_read:
            raise self._unavailable()
        return self._home.location()

    def available(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_available())

    async def _ask_available(self) -> Record:
        answered_at = self._keeper.figures.last_answer
        now = self._clock.seconds()
        is_alive = (
            answered_at is not None
            and now - answered_at < ALIVE_S
            and not self._keeper.figures.timeouts_in_a_row
        )
        if self._keeper.is_ready and not is_alive:
            try:
                await self._keeper.ask(PROBE).addTimeout(ALIVE_WITHIN_S, self._clock)
            except (DeviceTimeout, DeviceUnavailable, defer.TimeoutError):
                return self._availability(MUTE)
        return self._availability(None)

    def _availability(self, reason: str | None) -> Record:
        reason = self._keeper.reason or reason
        return {
            "available": reason is None,
            "state": self._keeper.state.value,
            "reason": reason,
        }

    def info(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_info())

    async def _ask_info(self) -> Record:
        now = self._clock.seconds()
        recent = self._supply_at is not None and now - self._supply_at < SUPPLY_S
        if self._keeper.is_ready and not recent:
            self._supply_at = now
            try:
                await Deferred.fromCoroutine(
                    self._home.identity.read_supply(self._keeper.ask)
                ).addTimeout(2.0, self._clock)
            except (DeviceUnavailable, defer.TimeoutError):
                self._supply_at = None
        constellations = self._home.engine.constellations
        opened_at = self._keeper.opened_at
        return self._home.identity.record() | {
            "port": self._settings.port,
            "nmea_port": self._settings.nmea_port or None,
            "constellations": None
            if constellations is None
            else sorted(constellations),
            "state": self._keeper.state.value,
            "uptime_s": None if opened_at is None else round(now - opened_at, 3),
            "warnings": self._all_warnings(),
        }

    def send_sms(self, number: str, text: str) -> Deferred[Record]:
        return self._when_ready(lambda: self._home.messages.send(number, text))

    def list_sms(self) -> Deferred[list[Record]]:
        return self._when_ready(self._home.messages.stored)

    def delete_sms(self, index: int | None) -> Deferred[int]:
        return self._when_ready(lambda: self._home.messages.delete(index))

    def command(self, text: str) -> Deferred[list[str]]:
        return self._when_ready(lambda: self._pass_through(text))

    async def _pass_through(self, text: str) -> list[str]:
        command = passed_through(
            text, self._settings.at_commands, self._settings.timeout
        )
        reply = expect_ok(command, await self._keeper.ask(command))
        return list(reply.lines)

    def events(self, cursor: str | None, limit: int) -> Page:
        return self._happenings.page(cursor, limit)

    def subscribe(self, listener: Listener, *kinds: str) -> Callable[[], None]:
        if "location" not in kinds:
            return self._happenings.subscribe(listener, *kinds)
        release = self._home.positions.hold()
        try:
            return self._happenings.subscribe(listener, *kinds, ended=release)
        except MisuseError:
            release()
            raise

    def _when_ready(
        self, work: Callable[[], Coroutine[Deferred[Any], Any, T]]
    ) -> Deferred[T]:
        if not self._keeper.is_ready:
            return defer.fail(self._unavailable())
        call = Deferred.fromCoroutine(work())
        self._calls.add(call)
        return call.addBoth(self._over, call)

    def _over(self, result: Any, call: Deferred[Any]) -> Any:
        """The end of a call, which may be that the gateway stops."""
        self._calls.discard(call)
        if self._is_stopping and isinstance(result, Failure):
            result.trap(defer.CancelledError, GatewayError)
            raise DeviceUnavailable(DEVICE, "the gateway stops")
        return result

    def _unavailable(self) -> DeviceUnavailable:
        reason = self._keeper.reason or "it has not told anything yet"
        return DeviceUnavailable(DEVICE, reason)

    # How it is (IHealth)

    def health(self) -> Record:
        keeper, figures = self._keeper, self._keeper.figures
        reasons = [keeper.reason] if keeper.reason else []
        reasons += self._home.troubles() + self._all_warnings()
        if self._home.network.is_denied:
            reasons.append("the network has denied the registration")
        if keeper.state is State.DEGRADED:
            reasons.append("it did not answer the last command")
        nmea_trouble = self._nmea.trouble if self._nmea is not None else None
        if nmea_trouble is not None and keeper.state is not State.ABSENT:
            reasons.append(f"its NMEA port: {nmea_trouble}")
        status = "failed" if keeper.state is State.ABSENT else "degraded"
        return {
            "status": status if reasons else "ok",
            "reason": "; ".join(reasons) or None,
            "state": keeper.state.value,
            "port": self._settings.port,
            "nmea_port": self._settings.nmea_port or None,
            "model": self._home.identity.model,
            "sim_state": self._home.identity.sim_state,
            "registration": self._home.network.registration,
            "gnss": {
                "engine": self._home.engine.state,
                "fix_status": self._home.fix_status,
            },
            "line": {
                "exchanges": figures.exchanges,
                "timeouts": figures.timeouts,
                "refused": figures.refused,
                "implausible": self._home.answers.implausible,
            },
            "recovery": {"resync": figures.resyncs}
            | {
                rung.name.lower(): count
                for rung, count in keeper.ladder.counts.items()
                if rung is not Rung.RESYNC
            },
        }

    def _all_warnings(self) -> list[str]:
        warnings = self._home.warnings.current()
        figures = self._keeper.figures
        if (
            figures.foreign >= FOREIGN
            and figures.last_foreign is not None
            and self._clock.seconds() - figures.last_foreign < FOREIGN_S
        ):
            warnings.append("another program uses its port, ModemManager perhaps")
        if self._keeper.is_flapping:
            warnings.append(
                "it came and went several times within an hour: power supply?"
            )
        return warnings
