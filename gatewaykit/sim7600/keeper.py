"""Keeps the AT line in order: opened, set up, looked after, recovered.

The life of a connection: ``absent`` until the port opens, ``starting`` until the modem has
answered and is set up, ``ready`` (or ``degraded`` after a timeout) until the port goes, and
``recovering`` while a radio cycle or a reset is under way (facts/sim7600.md 7).
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.asking import expect_ok
from gatewaykit.sim7600.at import DEVICE, ECHO_OFF, ATProtocol, Figures
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply, Unsolicited
from gatewaykit.sim7600.happenings import Happenings
from gatewaykit.sim7600.recovery import Ladder, Rung
from gatewaykit.sim7600.urcs import Urc

PROBE = read("AT", timeout_s=1.0)
PLAIN = Command("ATQ0V1E0", timeout_s=1.0)
"""For a modem that was told to answer with digits or not at all (facts/sim7600.md 2.1)."""
PROBES = (PROBE, PLAIN)
"""With the handshakes after each that fails nearly ten tries in as many seconds
(facts/sim7600.md 2.8)."""
VERBOSE_ERRORS = Command("AT+CMEE=2")
UPKEEP_S = 30.0
"""Between two looks at the modem; the first command shows whether it is alive."""
IN_A_ROW = 3
"""Timeouts after which the port is opened anew (facts/sim7600.md 2.5)."""
WAIT_S = 10.0
"""Until a mute modem is tried again where no rung is left."""
RADIO_OFF = Command("AT+CFUN=4", timeout_s=15.0)
RADIO_ON = Command("AT+CFUN=1", timeout_s=15.0)
RADIO_PAUSE_S = 5.0
RESET = Command("AT+CRESET", timeout_s=10.0)
VANISHES_S = 20.0
"""A modem that is being reset takes its port with it in this time, or we let go of it."""
REOPENS_S = 30.0
"""A port that we closed and that opens again in this time had not gone."""
FLAPS = 3
"""Appearances in an hour above which the power supply is in doubt (facts/sim7600.md 7)."""

log = Logger()


class State(enum.Enum):
    """As the records of the modem call it."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"
    RECOVERING = "recovering"


class Housekeeping(Protocol):
    """What is done with a modem that the keeper has brought into order."""

    async def furnish(self) -> None:
        """Set the modem up; called after each opening and after each of its restarts."""

    def served(self) -> None:
        """The modem serves from now on."""

    async def look_after(self) -> bool:
        """Do what has to be done now and then; whether all is well."""

    def heard(self, said: Unsolicited) -> None:
        """The modem said something of its own accord."""

    def restarted(self) -> None:
        """The modem has started anew: what was set up is gone."""

    def gone(self) -> None:
        """The port is gone."""

    def searching_s(self) -> float | None:
        """How long the modem has been looking for a network in vain; None where it has
        one, or where no recovery could help."""


class Keeper:
    """The owner of the AT line.

    :param limit: the harshest rung of the recovery allowed.
    :param trouble: why the port cannot be opened at present, for those who ask.
    """

    _household: Housekeeping

    def __init__(
        self,
        happenings: Happenings,
        clock: IReactorTime,
        limit: Rung,
        trouble: Callable[[], str | None],
    ) -> None:
        self.figures = Figures()
        self.ladder = Ladder(limit, clock.seconds())
        self.opened_at: float | None = None
        self._happenings = happenings
        self._clock = clock
        self._trouble = trouble
        self._line: ATProtocol | None = None
        self._state = State.ABSENT
        self._reason: str | None = None
        self._work: Deferred[None] | None = None
        self._wait: IDelayedCall | None = None
        self._appearances: deque[float] = deque(maxlen=FLAPS + 1)
        self._let_go_at: float | None = None
        self._is_closing = False

    # What others see

    @property
    def state(self) -> State:
        if self._state is State.READY and self.figures.timeouts_in_a_row:
            return State.DEGRADED
        return self._state

    @property
    def is_ready(self) -> bool:
        return self._state is State.READY

    @property
    def reason(self) -> str | None:
        """Why the modem does not serve, None while it does."""
        if self._state is State.READY:
            return None
        if self._state is State.ABSENT:
            return self._trouble() or self._reason or "its port is not open yet"
        return self._reason or "it is being set up"

    @property
    def is_flapping(self) -> bool:
        """Whether the modem comes and goes more than a sound one does."""
        recent = [at for at in self._appearances if self._clock.seconds() - at < 3600]
        return len(recent) > FLAPS

    def factory(self, household: Housekeeping) -> Factory[ATProtocol]:
        """Builds the line's protocol, for the service that opens the port.

        :param household: what is done with a modem whose line is in order.
        """
        self._household = household
        factory = Factory.forProtocol(
            lambda: ATProtocol(
                self._clock,
                self.figures,
                made=self._made,
                heard=self._heard,
                stuck=self._stuck,
                lost=self._lost,
            )
        )
        factory.noisy = False
        return factory

    def ask(
        self, command: Command, priority: Priority = Priority.NORMAL
    ) -> Deferred[Reply]:
        """Put a command on the line of this moment; see `ATProtocol.execute`."""
        if self._line is None:
            reason = self.reason or "its port is not open"
            return defer.fail(DeviceUnavailable(DEVICE, reason))
        return self._line.execute(command, priority).addErrback(self._note_timeout)

    def _note_timeout(self, failure: Any) -> Any:
        if (
            failure.check(DeviceTimeout)
            and self.is_ready
            and self.figures.timeouts_in_a_row >= IN_A_ROW
        ):
            self._recover("it does not answer", self.ladder.mute(self._clock.seconds()))
        return failure

    async def close(self) -> None:
        """Begin nothing new; the port is closed by whoever opened it."""
        self._is_closing = True
        self._stop_work()

    # The line's calls

    def _made(self, line: ATProtocol) -> None:
        now = self._clock.seconds()
        self._line = line
        self.opened_at = now
        self.figures.timeouts_in_a_row = 0
        let_go_at, self._let_go_at = self._let_go_at, None
        if let_go_at is None or now - let_go_at > REOPENS_S:
            self._appearances.append(now)
            self.ladder.appeared(now)
        self._begin()

    def _lost(self, line: ATProtocol) -> None:
        if line is not self._line:
            return
        self._line = None
        self.opened_at = None
        was, self._state = self._state, State.ABSENT
        metrics.modem_available.set(0)
        self._stop_work()
        if was is not State.RECOVERING:
            self._reason = "its port is gone"
        self._household.gone()
        if not self._is_closing:
            self._happenings.happened("lost", state=was.value)

    def _heard(self, said: Unsolicited) -> None:
        if said.urc is Urc.BOOT:
            self._happenings.happened("rebooted", line=said.line)
            self._household.restarted()
            self._begin()
        else:
            self._household.heard(said)

    def _stuck(self, reason: str) -> None:
        """Resynchronisation has failed. While the modem starts, the probes go on."""
        if self._state is State.READY:
            self._recover(reason, self.ladder.mute(self._clock.seconds()))

    # Work on a connection

    def _begin(self) -> None:
        self._stop_work()
        if self._is_closing:
            return
        self._state = State.STARTING
        self._reason = None
        metrics.modem_available.set(0)
        self._do(self._serve())

    def _do(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except (DeviceUnavailable, defer.CancelledError):
                return  # the port is gone, or a restart begins all anew
            except Exception:  # noqa: BLE001 - logged; opening anew mends what can be
                log.failure("looking after the modem failed")
                self._let_go()

        self._work = Deferred.fromCoroutine(guarded())

    def _stop_work(self) -> None:
        self._forget_wait()
        work, self._work = self._work, None
        if work is not None:
            work.cancel()

    def _forget_wait(self) -> None:
        if self._wait is not None and self._wait.active():
            self._wait.cancel()
        self._wait = None

    async def _serve(self) -> None:
        """Set the modem up and look after it, until the port or the modem goes."""
        if not await self._greet():
            rung = self.ladder.mute(self._clock.seconds())
            self._recover("it does not answer", rung)
            return
        await self._patiently(self._household.furnish())
        self._state = State.READY
        self._reason = None
        metrics.modem_available.set(1)
        self._happenings.happened("connected")
        self._household.served()
        while True:
            await deferLater(self._clock, UPKEEP_S)
            await self._patiently(self._look_after())

    async def _greet(self) -> bool:
        """Whether the modem answers; its echo is off then, and its errors speak."""
        line = self._line
        assert line is not None
        for probe in PROBES:
            if await self._answers(line, probe):
                await line.execute(ECHO_OFF, Priority.URGENT)
                expect_ok(
                    VERBOSE_ERRORS, await line.execute(VERBOSE_ERRORS, Priority.URGENT)
                )
                return True
        return False

    async def _answers(self, line: ATProtocol, probe: Command) -> bool:
        try:
            try:
                reply = await line.execute(probe, Priority.URGENT)
            except DeviceTimeout:
                # The line tries to find its step again first.
                reply = await line.execute(PROBE, Priority.URGENT)
        except (DeviceTimeout, DeviceUnavailable):
            if self._line is not line:
                raise
            return False
        return reply.ok

    async def _patiently(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """An answer that is missing or no shows in the figures, and ends no upkeep."""
        try:
            await work
        except (DeviceTimeout, DeviceRefused) as error:
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "{error}", error=error
            )

    async def _look_after(self) -> None:
        now = self._clock.seconds()
        if await self._household.look_after():
            self.ladder.well(now)
        searching_s = self._household.searching_s()
        if searching_s is not None:
            rung = self.ladder.no_network(searching_s, now)
            if rung is not None:
                self._recover(f"no network for {searching_s:.0f} s", rung)

    # Recovery

    def _recover(self, reason: str, rung: Rung | None) -> None:
        """Take a rung of the ladder; with none left, try the line again later."""
        if self._is_closing or self._state is State.RECOVERING:
            return
        self._reason = reason
        if rung is None:
            self._state = State.STARTING
            self._forget_wait()
            self._wait = self._clock.callLater(WAIT_S, self._begin)
            return
        metrics.modem_recoveries.labels(rung.name.lower()).inc()
        self._happenings.happened("recovery", rung=rung.name.lower(), reason=reason)
        metrics.modem_available.set(0)
        self._state = State.RECOVERING
        # What we do here may be called by the work that it ends.
        self._clock.callLater(0, self._take, rung, self._line)

    def _take(self, rung: Rung, line: ATProtocol | None) -> None:
        if line is None or line is not self._line:
            return
        self._stop_work()
        if rung is Rung.REOPEN:
            self._let_go()
        else:
            self._do(self._radio_cycle() if rung is Rung.RADIO else self._reset())

    def _let_go(self) -> None:
        if self._line is not None:
            self._let_go_at = self._clock.seconds()
            self._line.transport.abortConnection()

    async def _radio_cycle(self) -> None:
        await self._patiently(self._one(RADIO_OFF))
        await deferLater(self._clock, RADIO_PAUSE_S)
        await self._patiently(self._one(RADIO_ON))
        self._clock.callLater(0, self._begin_on, self._line)

    async def _reset(self) -> None:
        line = self._line
        await self._patiently(self._one(RESET))
        self._household.restarted()
        await deferLater(self._clock, VANISHES_S)
        if self._line is line:
            self._let_go()

    async def _one(self, command: Command) -> None:
        assert self._line is not None
        expect_ok(command, await self._line.execute(command, Priority.URGENT))

    def _begin_on(self, line: ATProtocol | None) -> None:
        if line is not None and line is self._line:
            self._begin()
