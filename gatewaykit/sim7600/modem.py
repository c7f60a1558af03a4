"""The modem as a service: one owner of its ports, whom everybody asks.

What clients read comes from snapshots that one exchange fills for all of them; what they
want done is put on the line one command at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout, DeviceUnavailable
from gatewaykit.interfaces import IHealth, IModem, Page, Record
from gatewaykit.serialline import LineService, line_service
from gatewaykit.settings import Sim7600Settings
from gatewaykit.sim7600.asking import expect_ok
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import passed_through
from gatewaykit.sim7600.dialogue import Unsolicited
from gatewaykit.sim7600.engine import PAUSE_S, Engine
from gatewaykit.sim7600.fixes import Verdict
from gatewaykit.sim7600.happenings import Happenings, Listener
from gatewaykit.sim7600.identity import READY, Identity
from gatewaykit.sim7600.keeper import PROBE, Keeper, State
from gatewaykit.sim7600.messages import Messages
from gatewaykit.sim7600.network import Network
from gatewaykit.sim7600.nmea_port import NmeaFactory
from gatewaykit.sim7600.position import Position
from gatewaykit.sim7600.recovery import Rung
from gatewaykit.sim7600.snapshots import Snapshot
from gatewaykit.sim7600.urcs import Urc, leaves_soon
from gatewaykit.sim7600.warnings import Warnings

ALIVE_S = 10.0
"""A modem that answered so lately is there; else it is asked."""
ALIVE_WITHIN_S = 1.0
STOP_S = 5.0
"""For switching GNSS off at the end."""
SUPPLY_S = 30.0

log = Logger()


@implementer(IModem, IHealth)
class Modem:
    """See `IModem`. Start it before clients are let in, stop it after.

    :param wall_ms: milliseconds since the epoch.
    :param open_line: makes the service that holds a port; tests have their own.
    """

    name = "sim7600"

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
        self._keeper = Keeper(
            self,
            self._happenings,
            reactor,
            Rung[settings.recovery.upper()],
            lambda: self._service.trouble,
        )
        ask = self._keeper.ask
        self._engine = Engine(
            ask,
            reactor,
            self._happenings,
            manage=settings.gnss,
            constellations=settings.constellations,
        )
        self._identity = Identity()
        self._network = Network(ask, self._identity, reactor, wall_ms)
        self._position = Position(
            ask,
            self._engine,
            reactor,
            wall_ms,
            max(settings.stale_after, 2 * settings.position_interval),
            has_nmea=bool(settings.nmea_port),
        )
        self._messages = Messages(ask, reactor, wall_ms() // 1000 % 256)
        self._warnings = Warnings(reactor)
        self._networks = Snapshot(
            "the network status",
            self._network.read,
            self._is_ready,
            reactor,
            settings.network_interval,
        )
        self._positions = Snapshot(
            "the position",
            self._read_position,
            self._is_ready,
            reactor,
            settings.position_interval,
        )
        self._verdict: Verdict | None = None
        self._supply_at: float | None = None
        self._restart: IDelayedCall | None = None
        self._service = open_line(
            reactor, settings.port, settings.baudrate, self._keeper.factory()
        )
        self._nmea: LineService | None = None
        if settings.nmea_port:
            self._nmea = open_line(
                reactor,
                settings.nmea_port,
                settings.baudrate,
                NmeaFactory(self._sentence),
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
        self._forget_restart()
        await self._keeper.close()
        self._networks.stop()
        self._positions.stop()
        try:
            await Deferred.fromCoroutine(self._engine.stop()).addTimeout(
                STOP_S, self._clock
            )
        except (DeviceUnavailable, DeviceTimeout, defer.TimeoutError) as error:
            log.info("GNSS was not switched off: {error}", error=error)
        for service in (self._service, self._nmea):
            if service is not None:
                await defer.maybeDeferred(service.stopService)

    # What clients ask (IModem)

    def network_status(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_network())

    async def _ask_network(self) -> Record:
        await self._networks.ask()
        if self._networks.read_at is None:
            raise self._unavailable()
        return self._network.record(
            is_there=self._keeper.is_ready,
            most_age_s=3 * self._settings.network_interval + self._settings.timeout,
        )

    def location(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_location())

    async def _ask_location(self) -> Record:
        await self._positions.ask()
        if self._positions.read_at is None:
            raise self._unavailable()
        return self._location()

    def _location(self) -> Record:
        return self._position.record(
            is_there=self._keeper.is_ready,
            most_age_s=max(
                self._settings.stale_after, 3 * self._settings.position_interval
            ),
        )

    def available(self) -> Deferred[Record]:
        return Deferred.fromCoroutine(self._ask_available())

    async def _ask_available(self) -> Record:
        answered_at = self._keeper.figures.last_answer
        now = self._clock.seconds()
        is_alive = answered_at is not None and now - answered_at < ALIVE_S
        if self._keeper.is_ready and not is_alive:
            try:
                await self._keeper.ask(PROBE).addTimeout(ALIVE_WITHIN_S, self._clock)
            except (DeviceTimeout, DeviceUnavailable, defer.TimeoutError):
                return self._availability("it does not answer")
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
                    self._identity.read_supply(self._keeper.ask)
                ).addTimeout(2.0, self._clock)
            except (DeviceUnavailable, defer.TimeoutError):
                self._supply_at = None
        constellations = self._engine.constellations
        opened_at = self._keeper.opened_at
        return self._identity.record() | {
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
        return self._when_ready(lambda: self._messages.send(number, text))

    def list_sms(self) -> Deferred[list[Record]]:
        return self._when_ready(self._messages.stored)

    def delete_sms(self, index: int | None) -> Deferred[int]:
        return self._when_ready(lambda: self._messages.delete(index))

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
        unsubscribe = self._happenings.subscribe(listener, *kinds)
        if "location" not in kinds:
            return unsubscribe
        release = self._positions.hold()

        def end() -> None:
            unsubscribe()
            release()

        return end

    def _when_ready(self, work: Callable[[], Any]) -> Deferred[Any]:
        async def guarded() -> Any:
            if not self._keeper.is_ready:
                raise self._unavailable()
            return await work()

        return Deferred.fromCoroutine(guarded())

    def _is_ready(self) -> bool:
        return self._keeper.is_ready

    def _unavailable(self) -> DeviceUnavailable:
        reason = self._keeper.reason or "it has not told anything yet"
        return DeviceUnavailable(DEVICE, reason)

    # How it is (IHealth)

    def health(self) -> Record:
        keeper, figures = self._keeper, self._keeper.figures
        reasons = [keeper.reason] if keeper.reason else []
        reasons += [self._engine.trouble] if self._engine.trouble else []
        reasons += self._all_warnings()
        if self._network.is_denied:
            reasons.append("the network has denied the registration")
        if keeper.state is State.DEGRADED:
            reasons.append("it did not answer the last command")
        status = "failed" if keeper.state is State.ABSENT else "degraded"
        return {
            "status": status if reasons else "ok",
            "reason": "; ".join(reasons) or None,
            "state": keeper.state.value,
            "port": self._settings.port,
            "model": self._identity.model,
            "sim_state": self._identity.sim_state,
            "registration": self._network.registration,
            "gnss": {
                "engine": self._engine.state,
                "fix_status": self._position.verdict().value,
            },
            "line": {
                "exchanges": figures.exchanges,
                "timeouts": figures.timeouts,
                "refused": figures.refused,
                "implausible": self._position.implausible
                + self._network.implausible
                + self._identity.implausible,
            },
            "recovery": {"resync": figures.resyncs}
            | {
                rung.name.lower(): count
                for rung, count in keeper.ladder.counts.items()
                if rung is not Rung.RESYNC
            },
        }

    def _all_warnings(self) -> list[str]:
        warnings = self._warnings.current()
        if self._keeper.is_flapping:
            warnings.append(
                "it came and went several times within an hour: power supply?"
            )
        return warnings

    # The household of the keeper

    async def furnish(self) -> None:
        ask = self._keeper.ask
        await self._identity.read_module(ask)
        await self._engine.set_constellations()
        await self._engine.ensure_running()
        await self._identity.read_sim_state(ask)
        if self._identity.sim_state == READY:
            await self._identity.read_sim(ask)
            await self._messages.set_up()

    def served(self) -> None:
        for snapshot in (self._networks, self._positions):
            if snapshot.is_cared_for:
                snapshot.refresh()

    async def look_after(self) -> bool:
        await self._engine.ensure_running()
        before = self._identity.sim_state
        if before != READY:
            await self._identity.read_sim_state(self._keeper.ask)
            if self._identity.sim_state == READY:
                await self._identity.read_sim(self._keeper.ask)
                await self._messages.set_up()
        await self._network.read()
        return self._network.searching_s() is None

    def searching_s(self) -> float | None:
        return self._network.searching_s()

    def heard(self, said: Unsolicited) -> None:
        if said.urc is Urc.SIM:
            self._identity.sim_heard(said.line)
        elif said.urc is Urc.MESSAGE:
            self._message(said.line)
        elif said.urc is Urc.DELIVERY:
            log.error("a message came past the modem's store; it is not kept")
        elif said.urc is Urc.ENGINE:
            self._engine.stopped()
            self._forget_restart()
            self._restart = self._clock.callLater(PAUSE_S, self._restart_engine)
        elif said.urc is Urc.WARNING:
            self._warnings.add(said.line)
            if leaves_soon(said.line):
                log.critical("the modem switches itself off: {line}", line=said.line)
            self._happenings.happened("warning", line=said.line)
        else:
            log.debug("the modem says {line}", line=said.line)

    def _message(self, line: str) -> None:
        storage, _, index = line.partition(":")[2].strip().partition(",")
        metrics.modem_messages.inc()
        self._happenings.happened(
            "sms",
            storage=storage.strip('"'),
            index=int(index) if index.isascii() and index.isdecimal() else None,
        )

    def _restart_engine(self) -> None:
        self._restart = None
        if self._settings.gnss and self._keeper.is_ready:
            Deferred.fromCoroutine(self._engine.ensure_running()).addErrback(
                lambda f: f.trap(DeviceTimeout, DeviceUnavailable, DeviceRefused)
            )

    def _forget_restart(self) -> None:
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None

    def restarted(self) -> None:
        self._engine.reset()
        self._network.forget()
        self._identity.sim_state = None

    def gone(self) -> None:
        self._forget_restart()
        self._networks.stop()
        self._positions.stop()
        self._engine.forget()
        self._network.forget()
        if self._position.was_read:
            self._happenings.tell("location", self._location())

    # The position

    async def _read_position(self) -> None:
        await self._position.read()
        verdict = self._position.verdict()
        if verdict is not self._verdict and Verdict.INVALID not in {
            verdict,
            self._verdict,
        }:
            names = {Verdict.VALID: "fix", Verdict.STALE: "stale"}
            if self._verdict is not None or verdict is Verdict.VALID:
                self._happenings.happened(names.get(verdict, "no_fix"))
        self._verdict = verdict
        if self._happenings.is_wanted("location"):
            self._happenings.tell("location", self._location())

    def _sentence(self, line: bytes) -> None:
        sky = self._position.sky
        if sky is None:
            return
        sentence = sky.feed(line, self._clock.seconds())
        if sentence is None:
            metrics.modem_lines_refused.labels("nmea").inc()
        elif self._happenings.is_wanted("nmea"):
            self._happenings.tell("nmea", {"line": line.decode("ascii")})
