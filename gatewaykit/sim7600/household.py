"""What is done with a modem whose line is in order: set up, looked after, listened to."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout
from gatewaykit.interfaces import Record
from gatewaykit.sections import Sim7600Settings
from gatewaykit.sim7600.asking import Answers, Ask, Patience
from gatewaykit.sim7600.dialogue import Unsolicited
from gatewaykit.sim7600.engine import Engine
from gatewaykit.sim7600.fixes import Verdict
from gatewaykit.sim7600.happenings import Happenings
from gatewaykit.sim7600.identity import Identity
from gatewaykit.sim7600.messages import Messages
from gatewaykit.sim7600.network import Network
from gatewaykit.sim7600.position import Position
from gatewaykit.sim7600.sim import Sim
from gatewaykit.sim7600.urcs import Urc, leaves_soon
from gatewaykit.sim7600.warnings import Warnings
from gatewaykit.snapshots import Snapshot

NETWORK_AGE_S = 20.0
"""What was read of the network so lately needs no look."""
_EVENTS = {Verdict.VALID: "fix", Verdict.STALE: "stale", Verdict.NO_FIX: "no_fix"}

LONGEST_INDEX = 5
"""Digits; no store has so many places."""

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
        self.answers = answers = Answers()
        self.engine = Engine(
            ask,
            answers,
            clock,
            happenings,
            manage=settings.gnss,
            constellations=settings.constellations,
        )
        self.identity = Identity(answers)
        self.network = Network(ask, answers, self.identity, clock, wall_ms)
        self.position = Position(
            ask,
            answers,
            self.engine,
            clock,
            wall_ms,
            settings.stale_after,
            has_nmea=bool(settings.nmea_port),
        )
        first_reference = wall_ms() // 1000 % 256
        self.messages = Messages(ask, answers, clock, happenings, first_reference)
        self.sim = Sim(ask, self.identity, self.messages, clock)
        self.warnings = Warnings(clock)
        self.networks = Snapshot(
            "the network status",
            self.network.read,
            is_ready,
            clock,
            settings.network_interval,
        )
        # A fix is known to be alive by the next one only.
        interval_s = min(settings.position_interval, settings.stale_after / 2)
        self.positions = Snapshot(
            "the position", self._read_position, is_ready, clock, interval_s
        )
        self._ask = ask
        self._is_ready = is_ready
        self._happenings = happenings
        self._clock = clock
        self._patience = Patience()
        self._most_age_s = max(settings.stale_after, 3 * interval_s)
        self._verdict: Verdict | None = None
        self._becomes_stale: IDelayedCall | None = None

    def location(self) -> Record:
        """The location record, as of now."""
        return self.position.record(
            is_there=self._is_ready(), most_age_s=self._most_age_s
        )

    @property
    def fix_status(self) -> str | None:
        """That of the location record; None while nobody has it read."""
        if not self.positions.is_cared_for:
            return None
        status: str = self.location()["fix_status"]
        return status

    def troubles(self) -> list[str]:
        """What is wrong with the modem or its SIM, in words."""
        parts = (self.engine.trouble, self.sim.trouble, self.messages.trouble)
        return [trouble for trouble in parts if trouble]

    # What the keeper asks for

    async def furnish(self) -> None:
        """GNSS first: it needs no SIM (facts/sim7600.md 2.8)."""
        bear = self._patience.bear
        await self.identity.read_module(self._ask)
        imei = self.identity.imei
        await bear("constellations", self.engine.set_constellations(imei))
        await bear("GNSS", self.engine.ensure_running())
        await bear("SIM", self.sim.attend())

    def served(self) -> None:
        """Go on reading what somebody cares for."""
        for snapshot in (self.networks, self.positions):
            if snapshot.is_cared_for:
                snapshot.refresh()

    async def look_after(self) -> None:
        bear = self._patience.bear
        await bear("GNSS", self.engine.ensure_running())
        await bear("SIM", self.sim.attend(is_doubted=self.searching_s() is not None))
        if self.messages.trouble:
            await bear("messages", self.messages.look_at_store())
        age_s = self.network.age_s
        if age_s is None or age_s > NETWORK_AGE_S:
            await bear("network", self.network.read())

    def searching_s(self) -> float | None:
        return self.network.searching_s()

    def heard(self, said: Unsolicited) -> None:
        if said.urc is Urc.SIM:
            self.identity.sim_heard(said.line)
            if self._is_ready():
                self.sim.changed()
        elif said.urc is Urc.PHASE:
            if self._is_ready():
                self.sim.attend_soon()
        elif said.urc is Urc.MESSAGE:
            self._message(said.line)
        elif said.urc is Urc.DELIVERY:
            if said.line.upper().startswith("+CMT:"):
                self._delivered()
        elif said.urc is Urc.ENGINE:
            self.engine.stopped()
        elif said.urc is Urc.WARNING:
            self._warned(said.line)
        else:
            # Its name only: the rest may be somebody's number.
            name = said.line.partition(":")[0]
            log.debug("the modem says {name}", name=name)

    def _warned(self, line: str) -> None:
        if self.warnings.add(line):
            if leaves_soon(line):
                log.critical("the modem switches itself off: {line}", line=line)
            self._happenings.happened("warning", line=line)

    def _message(self, line: str) -> None:
        name, _, value = line.partition(":")
        if name.upper() != "+CMTI":
            return  # a report of delivery, or a broadcast
        storage, _, index = value.strip().partition(",")
        is_index = index.isascii() and index.isdecimal() and len(index) <= LONGEST_INDEX
        number = int(index) if is_index else None
        self.messages.announced(storage.strip('"'), number)
        if self._is_ready():
            self.sim.check_store_soon()

    def _delivered(self) -> None:
        """Another program has changed how messages come in: change it back."""
        self._warned("a message came past the modem's store and is lost")
        if self._is_ready():
            self.sim.changed()

    def halted(self) -> None:
        """Begin nothing new, and let nobody believe that the last position still holds."""
        self._forget_timer()
        self.networks.stop()
        self.positions.stop()
        self.engine.halt()
        self.sim.halt()
        if self.position.was_read:
            self._tell_location()

    def restarted(self) -> None:
        self.engine.reset()
        self._forget()

    def gone(self) -> None:
        self.engine.forget()
        self._forget()

    def _forget(self) -> None:
        self.network.forget()
        self.position.forget()
        self.identity.gone()
        self.sim.forget()

    # The position

    async def _read_position(self) -> None:
        try:
            await self.position.read()
        except (DeviceTimeout, DeviceRefused):
            # Whoever listens hears what the last one is worth by now.
            self._judged()
            raise
        self._judged()

    def _judged(self) -> None:
        """Tell what the position is worth, and see that it is told when it is stale."""
        verdict = self.position.verdict()
        before = self._verdict
        if verdict is not Verdict.INVALID:  # one line that cannot be read ends no fix
            self._verdict = verdict
        is_first = before is None and verdict is not Verdict.VALID
        if verdict is not before and verdict in _EVENTS and not is_first:
            self._happenings.happened(_EVENTS[verdict])
        self._forget_timer()
        if self._happenings.is_wanted("location"):
            self._tell_location()
            if verdict is Verdict.VALID:
                wait_s = self.position.stale_in_s() + 0.001
                self._becomes_stale = self._clock.callLater(wait_s, self._judged)

    def _tell_location(self) -> None:
        if self._happenings.is_wanted("location"):
            self._happenings.tell("location", self.location())

    def _forget_timer(self) -> None:
        if self._becomes_stale is not None and self._becomes_stale.active():
            self._becomes_stale.cancel()
        self._becomes_stale = None

    def sentence(self, line: bytes) -> None:
        sky = self.position.sky
        assert sky is not None  # the port is opened with it only
        sentence = sky.feed(line, self._clock.seconds())
        if sentence is None:
            metrics.modem_lines_refused.labels("nmea").inc()
        elif self._happenings.is_wanted("nmea"):
            self._happenings.tell("nmea", {"line": line.decode("ascii")})
