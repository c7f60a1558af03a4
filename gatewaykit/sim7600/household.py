"""What is done with a modem whose line is in order: set up, looked after, listened to."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout, DeviceUnavailable
from gatewaykit.interfaces import Record
from gatewaykit.settings import Sim7600Settings
from gatewaykit.sim7600.asking import Ask
from gatewaykit.sim7600.dialogue import Unsolicited
from gatewaykit.sim7600.engine import PAUSE_S, Engine
from gatewaykit.sim7600.fixes import Verdict
from gatewaykit.sim7600.happenings import Happenings
from gatewaykit.sim7600.identity import READY, Identity
from gatewaykit.sim7600.messages import Messages
from gatewaykit.sim7600.network import Network
from gatewaykit.sim7600.position import Position
from gatewaykit.sim7600.snapshots import Snapshot
from gatewaykit.sim7600.urcs import Urc, leaves_soon
from gatewaykit.sim7600.warnings import Warnings

log = Logger()


class Household:
    """All that is known of the modem, and what is done when it says something.

    :param ask: puts a command on the line of this moment.
    :param is_ready: whether the modem is set up.
    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        settings: Sim7600Settings,
        ask: Ask,
        is_ready: Callable[[], bool],
        happenings: Happenings,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
    ) -> None:
        self.engine = Engine(
            ask,
            clock,
            happenings,
            manage=settings.gnss,
            constellations=settings.constellations,
        )
        self.identity = Identity()
        self.network = Network(ask, self.identity, clock, wall_ms)
        self.position = Position(
            ask,
            self.engine,
            clock,
            wall_ms,
            max(settings.stale_after, 2 * settings.position_interval),
            has_nmea=bool(settings.nmea_port),
        )
        self.messages = Messages(ask, clock, wall_ms() // 1000 % 256)
        self.warnings = Warnings(clock)
        self.networks = Snapshot(
            "the network status",
            self.network.read,
            is_ready,
            clock,
            settings.network_interval,
        )
        self.positions = Snapshot(
            "the position",
            self._read_position,
            is_ready,
            clock,
            settings.position_interval,
        )
        self._ask = ask
        self._is_ready = is_ready
        self._happenings = happenings
        self._clock = clock
        self._manages_gnss = settings.gnss
        self._most_age_s = max(settings.stale_after, 3 * settings.position_interval)
        self._sim_is_read = False
        self._verdict: Verdict | None = None
        self._restart: IDelayedCall | None = None

    def location(self) -> Record:
        """The location record, as of now."""
        return self.position.record(
            is_there=self._is_ready(), most_age_s=self._most_age_s
        )

    def stop(self) -> None:
        """Begin nothing new."""
        self._forget_restart()
        self.networks.stop()
        self.positions.stop()

    # What the keeper asks for

    async def furnish(self) -> None:
        ask = self._ask
        await self.identity.read_module(ask)
        await self.engine.set_constellations()
        await self.engine.ensure_running()
        await self.identity.read_sim_state(ask)
        await self._read_sim()

    async def _read_sim(self) -> None:
        """What takes a SIM that is ready; it may become so at any time."""
        if self.identity.sim_state == READY and not self._sim_is_read:
            self._sim_is_read = True
            await self.identity.read_sim(self._ask)
            await self.messages.set_up()

    def served(self) -> None:
        for snapshot in (self.networks, self.positions):
            if snapshot.is_cared_for:
                snapshot.refresh()

    async def look_after(self) -> bool:
        await self.engine.ensure_running()
        await self.network.read()
        await self._read_sim()
        return self.network.searching_s() is None

    def searching_s(self) -> float | None:
        return self.network.searching_s()

    def heard(self, said: Unsolicited) -> None:
        if said.urc is Urc.SIM:
            self.identity.sim_heard(said.line)
            self._sim_is_read = False
            if self._is_ready():
                self._soon(self._read_sim())
        elif said.urc is Urc.MESSAGE:
            self._message(said.line)
        elif said.urc is Urc.DELIVERY:
            log.error("a message came past the modem's store; it is not kept")
        elif said.urc is Urc.ENGINE:
            self.engine.stopped()
            self._forget_restart()
            self._restart = self._clock.callLater(PAUSE_S, self._restart_engine)
        elif said.urc is Urc.WARNING:
            self.warnings.add(said.line)
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
        if self._manages_gnss and self._is_ready():
            self._soon(self.engine.ensure_running())

    @staticmethod
    def _soon(work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Begin what nobody waits for; the upkeep does again what fails."""
        Deferred.fromCoroutine(work).addErrback(
            lambda failure: failure.trap(
                DeviceTimeout, DeviceUnavailable, DeviceRefused
            )
        )

    def _forget_restart(self) -> None:
        if self._restart is not None:
            self._restart.cancel()
            self._restart = None

    def restarted(self) -> None:
        self.engine.reset()
        self.network.forget()
        self.identity.sim_state = None
        self._sim_is_read = False

    def gone(self) -> None:
        self.stop()
        self.engine.forget()
        self.network.forget()
        self._sim_is_read = False
        if self.position.was_read:
            self._happenings.tell("location", self.location())

    # The position

    async def _read_position(self) -> None:
        await self.position.read()
        verdict = self.position.verdict()
        if verdict is not self._verdict and Verdict.INVALID not in {
            verdict,
            self._verdict,
        }:
            names = {Verdict.VALID: "fix", Verdict.STALE: "stale"}
            if self._verdict is not None or verdict is Verdict.VALID:
                self._happenings.happened(names.get(verdict, "no_fix"))
        self._verdict = verdict
        if self._happenings.is_wanted("location"):
            self._happenings.tell("location", self.location())

    def sentence(self, line: bytes) -> None:
        sky = self.position.sky
        if sky is None:
            return
        sentence = sky.feed(line, self._clock.seconds())
        if sentence is None:
            metrics.modem_lines_refused.labels("nmea").inc()
        elif self._happenings.is_wanted("nmea"):
            self._happenings.tell("nmea", {"line": line.decode("ascii")})
