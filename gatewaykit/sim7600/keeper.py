"""Keeps the AT line in order: opened, set up, looked after, recovered.

The life of a connection: ``absent`` until the port opens, ``starting`` until the modem has
answered and is set up, ``ready`` (or ``degraded`` after a timeout) until the port goes, and
``recovering`` while a radio cycle or a reset is under way (facts/sim7600.md 7).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.appearances import Appearances
from gatewaykit.sim7600.asking import Patience, expect_ok
from gatewaykit.sim7600.at import DEVICE, GONE, ATProtocol, Figures
from gatewaykit.sim7600.commands import Command, Priority
from gatewaykit.sim7600.dialogue import Reply, Unsolicited
from gatewaykit.sim7600.greeting import greet
from gatewaykit.sim7600.happenings import Happenings
from gatewaykit.sim7600.recovery import Ladder, Rung
from gatewaykit.sim7600.urcs import Urc

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
BOOTS_S = 90.0
"""Until it is back it takes no longer (facts/sim7600.md 2.7: plan for 60 s)."""
REOPENS_S = 30.0
"""A port that we closed and that opens again in this time had not gone."""
MUTE = "it does not answer"

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

    async def look_after(self) -> None:
        """Do what has to be done now and then."""

    def heard(self, said: Unsolicited) -> None:
        """The modem said something of its own accord."""

    def halted(self) -> None:
        """The modem, which did, serves no more for now."""

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
        self._patience = Patience()
        self._line: ATProtocol | None = None
        self._state = State.ABSENT
        self._reason: str | None = None
        self._complaint: str | None = None
        """What we have against the modem until it serves again."""
        self._work: Deferred[None] | None = None
        self._next: IDelayedCall | None = None
        self._appearances = Appearances()
        self._let_go_at: float | None = None
        self._is_radio_off = False
        """By us: then it is for us to switch it on again, whatever comes between."""
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
        if self._state is not State.ABSENT:
            return self._reason or self._complaint or "it is being set up"
        if self._let_go_at is not None:
            return self._complaint or self._reason
        return self._trouble() or self._reason or "its port is not open yet"

    @property
    def is_flapping(self) -> bool:
        """Whether the modem comes and goes more than a sound one does."""
        return self._appearances.are_too_many(self._clock.seconds())

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

    def _note_timeout(self, failure: Failure) -> Failure:
        if (
            failure.check(DeviceTimeout)
            and self.is_ready
            and self.figures.timeouts_in_a_row >= IN_A_ROW
        ):
            self._mute(MUTE)
        return failure

    async def close(self) -> None:
        """Begin nothing new; the port is closed by whoever opened it."""
        self._is_closing = True
        self._stop_work()
        self._enter(State.ABSENT, "the gateway stops")
        if self._is_radio_off and self._line is not None:
            await self._patience.bear("radio", self._radio_on())

    def _enter(self, state: State, reason: str | None = None) -> None:
        was, self._state, self._reason = self._state, state, reason
        metrics.modem_available.set(state is State.READY)
        if was is State.READY:
            self._household.halted()

    # The line's calls

    def _made(self, line: ATProtocol) -> None:
        now = self._clock.seconds()
        self._line = line
        self.opened_at = now
        self.figures.timeouts_in_a_row = 0
        let_go_at, self._let_go_at = self._let_go_at, None
        if let_go_at is None or now - let_go_at > REOPENS_S:
            self._complaint = None
            self._appearances.opened(now)
            self.ladder.appeared(now)
        self._begin()

    def _lost(self, line: ATProtocol) -> None:
        if line is not self._line:
            return
        self._line = None
        self.opened_at = None
        self._stop_work()
        was = self._state
        reason = self._reason if was is State.RECOVERING else GONE
        self._enter(State.ABSENT, reason)
        self._household.gone()
        if not self._is_closing:
            self._happenings.happened("lost", state=was.value)

    def _heard(self, said: Unsolicited) -> None:
        if said.urc is not Urc.BOOT:
            self._household.heard(said)
            return
        now = self._clock.seconds()
        self.ladder.appeared(now)
        if self._appearances.started(now):
            self._happenings.happened("rebooted", line=said.line)
        self._is_radio_off = False
        if not self._is_closing:
            self._enter(State.STARTING)
        self._household.restarted()
        self._begin()

    def _stuck(self, reason: str) -> None:
        """Resynchronisation has failed. While the modem starts, the probes go on."""
        if self.is_ready:
            self._mute(reason)

    # Work on a connection

    def _begin(self) -> None:
        self._stop_work()
        if not self._is_closing:
            self._enter(State.STARTING)
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
        if self._next is not None and self._next.active():
            self._next.cancel()
        work, self._work, self._next = self._work, None, None
        if work is not None:
            work.cancel()

    def _later(self, seconds: float, do: Callable[..., object], *given: object) -> None:
        self._next = self._clock.callLater(seconds, do, *given)

    async def _serve(self) -> None:
        """Set the modem up and look after it, until the port or the modem goes."""
        line = self._line
        assert line is not None
        if not await greet(line, self._clock) or not await self._is_set_up():
            self._mute(MUTE)
            return
        self._enter(State.READY)
        self._complaint = None
        self._happenings.happened("connected")
        self._household.served()
        while True:
            await deferLater(self._clock, UPKEEP_S)
            await self._look_after()

    async def _is_set_up(self) -> bool:
        """Whether the modem went on answering while it was set up."""
        try:
            await self._with_radio(self._household.furnish)
        except DeviceUnavailable as error:
            if error.reason == GONE:
                raise
            return False
        return True

    async def _with_radio(
        self, work: Callable[[], Coroutine[Deferred[Any], Any, None]]
    ) -> None:
        """Work on a modem whose radio, if we have switched it off, is on again."""
        if self._is_radio_off:
            await self._patience.bear("radio", self._radio_on())
        await self._patience.bear("the modem", work())

    async def _look_after(self) -> None:
        timeouts = self.figures.timeouts
        try:
            await self._with_radio(self._household.look_after)
        except DeviceUnavailable as error:
            # It is mute, which the line tells (`_stuck`), or too many commands wait.
            if error.reason == GONE:
                raise
            return
        if not self.is_ready:
            return  # a rung is being taken (`_note_timeout`)
        now = self._clock.seconds()
        searching_s = self._household.searching_s()
        if searching_s is not None:
            rung = self.ladder.no_network(searching_s, now)
            if rung is not None:
                self._recover(f"no network for {searching_s:.0f} s", rung)
        elif self.figures.timeouts == timeouts:
            self.ladder.well(now)

    # Recovery

    def _mute(self, reason: str) -> None:
        self._recover(reason, self.ladder.mute(self._clock.seconds()))

    def _recover(self, reason: str, rung: Rung | None) -> None:
        """Take a rung of the ladder; with none left, try the line again later."""
        self._complaint = reason
        if rung is None:
            self._enter(State.STARTING, reason)
        else:
            metrics.modem_recoveries.labels(rung.name.lower()).inc()
            self._happenings.happened("recovery", rung=rung.name.lower(), reason=reason)
            self._enter(State.RECOVERING, reason)
        # Not now: the work that is to end may be what calls.
        self._later(0, self._take, rung)

    def _take(self, rung: Rung | None) -> None:
        self._stop_work()
        if rung is None:
            self._later(WAIT_S, self._begin)
        elif rung is Rung.REOPEN:
            self._let_go()
        else:
            self._do(self._radio_cycle() if rung is Rung.RADIO else self._reset())

    def _let_go(self) -> None:
        if self._line is not None:
            self._let_go_at = self._clock.seconds()
            self._line.transport.abortConnection()

    async def _radio_cycle(self) -> None:
        """Off and on; if it does not go on now, the modem's next start tries again."""
        self._is_radio_off = True
        await self._bear(self._one(RADIO_OFF))
        await deferLater(self._clock, RADIO_PAUSE_S)
        await self._bear(self._radio_on())
        self._later(0, self._begin)

    async def _radio_on(self) -> None:
        await self._one(RADIO_ON)
        self._is_radio_off = False

    async def _reset(self) -> None:
        self._appearances.expect(self._clock.seconds() + BOOTS_S)
        self._household.restarted()
        self._is_radio_off = False
        await self._bear(self._one(RESET))
        await deferLater(self._clock, VANISHES_S)
        self._let_go()

    async def _bear(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """What comes of a rung is seen by what the modem does afterwards."""
        try:
            await self._patience.bear("recovery", work)
        except DeviceUnavailable as error:
            if error.reason == GONE:
                raise

    async def _one(self, command: Command) -> None:
        assert self._line is not None
        expect_ok(command, await self._line.execute(command, Priority.URGENT))
