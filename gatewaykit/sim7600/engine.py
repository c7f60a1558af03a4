"""The GNSS engine: started if it isn't running, and kept running.

``AT+CGPS=1,1`` answers ERROR when the engine runs already, and in the seconds after a stop:
what counts is what ``AT+CGPS?`` says (facts/sim7600.md 3.7, 7).
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import DeviceRefused
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.asking import Answers, Ask, expect_ok, in_background
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.happenings import Happenings

STATE = read("AT+CGPS?", "+CGPS:", timeout_s=10.0, many=True)
START = Command("AT+CGPS=1,1", timeout_s=10.0)
STOP = Command("AT+CGPS=0", timeout_s=10.0)
MODE = read("AT+CGNSSMODE?", "+CGNSSMODE:")

STARTS = 3
"""After so many starts that failed the engine is stopped once, to start it anew."""
PAUSE_S = 5.0
"""From a stop, or a start that failed, to the next start (the manual: 2 to 30 s)."""
ROUND = 12
"""Starts that failed, after which it is stopped once more: those from the sixth on come
with the upkeep only."""

log = Logger()


class Engine:
    """What is known of the engine, and what is done about it.

    :param ask: puts a command on the line.
    """

    def __init__(
        self,
        ask: Ask,
        answers: Answers,
        clock: IReactorTime,
        happenings: Happenings,
        *,
        manage: bool,
        constellations: Sequence[str],
    ) -> None:
        self.is_on: bool | None = None
        self.on_since: float | None = None
        self.is_ours: bool = False
        """Whether it runs because we started it: then it is stopped in the end."""
        self.constellations: frozenset[str] | None = None
        self.trouble: str | None = None
        """Why it does not run although it should."""
        self._ask = ask
        self._answers = answers
        self._clock = clock
        self._happenings = happenings
        self._manage = manage
        self._wanted = frozenset(constellations)
        self._written_to: set[str | None] = set()
        self._is_ensuring = False
        self._failures = 0
        self._not_before = 0.0
        self._next: IDelayedCall | None = None
        self._trying: Deferred[None] | None = None

    @property
    def state(self) -> str:
        return {True: "on", False: "off", None: "unknown"}[self.is_on]

    def halt(self) -> None:
        """Do nothing more until somebody asks for it."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._trying is not None:
            self._trying.cancel()

    def forget(self) -> None:
        """The modem is gone: nothing is known."""
        self.halt()
        self.is_on = self.on_since = self.trouble = None
        self._failures = 0

    def reset(self) -> None:
        """The modem has started anew: whoever started the engine, it is off now."""
        self.forget()
        self.is_ours = False

    def stopped(self) -> None:
        """The modem says that the engine has stopped."""
        self._known(on=False)
        self._not_before = self._clock.seconds() + PAUSE_S
        self._try_again()

    async def look(self) -> bool:
        """Ask whether it runs. Fails with `DeviceRefused` where that can't be told."""
        reply = expect_ok(STATE, await self._ask(STATE, Priority.NORMAL))
        on = self._answers.expect(STATE, replies.gps_engine, reply.lines).on
        was_on = self.is_on
        self._known(on=on)
        if was_on and not on:
            self._try_again()
        return on

    def _known(self, *, on: bool) -> None:
        if on and not self.is_on:
            self.on_since = self._clock.seconds()
        if not on:
            self.on_since = None
        self.is_on = on

    # Keeping it running

    def _try_again(self) -> None:
        """As soon as it may be started."""
        if self._manage and self._next is None:
            wait_s = max(0.0, self._not_before - self._clock.seconds())
            self._next = self._clock.callLater(wait_s, self._try)

    def _try(self) -> None:
        self._next = None
        if self._trying is None:
            self._trying = trying = in_background(self.ensure_running())
            trying.addBoth(self._tried)

    def _tried(self, _: object) -> None:
        self._trying = None

    async def ensure_running(self) -> None:
        """Start it if it doesn't run; a start that fails is tried again by itself.

        Whoever calls while that goes on returns at once.
        """
        if self._is_ensuring:
            return
        self._is_ensuring = True
        try:
            if await self.look() or not self._manage:
                self._failures, self.trouble = 0, None
            elif self._clock.seconds() >= self._not_before:
                await self._start()
            else:
                self._try_again()
        finally:
            self._is_ensuring = False

    async def _start(self) -> None:
        if self._failures % ROUND == STARTS:
            await self._ask(STOP, Priority.NORMAL)
            self._failed("it was stopped, to start it anew")
            return
        # Before the answer: if that never comes, the engine may be on because of us.
        was_ours, self.is_ours = self.is_ours, True
        reply = await self._ask(START, Priority.NORMAL)
        if reply.ok:
            self._known(on=True)
            self._failures, self.trouble = 0, None
            self._happenings.happened("gnss_started")
            return
        self.is_ours = was_ours
        if await self.look():
            self._failures, self.trouble = 0, None
        else:
            self._failed(replies.final_error(reply.final).text)

    def _failed(self, reason: str) -> None:
        self._failures += 1
        self._not_before = self._clock.seconds() + PAUSE_S
        if self._failures >= STARTS and self.trouble is None:
            self.trouble = f"GNSS does not start: {reason}"
            log.error("{trouble}", trouble=self.trouble)
        if self._failures < 2 * STARTS:
            self._try_again()

    async def stop(self) -> None:
        """Stop it if it runs because of us, and start it no more."""
        self._manage = False
        self.halt()
        if self.is_ours:
            self.is_ours = False
            await self._ask(STOP, Priority.URGENT)

    # Constellations

    async def set_constellations(self, imei: str | None) -> None:
        """Write the setting if the modem's differs; it takes it up at its next start.

        It is written once to each modem: one that refuses it, or goes on telling the old
        one, is not asked again at each connection.
        """
        reply = await self._ask(MODE, Priority.NORMAL)
        if not reply.ok:
            self.constellations = None
            return
        (line,) = reply.lines
        self.constellations = self._answers.expect(MODE, replies.constellations, line)
        differs = bool(self._wanted) and self.constellations != self._wanted
        if not differs or imei in self._written_to:
            return
        self._written_to.add(imei)
        saving = self._answers.read(replies.power_saving, line)
        rest = "" if saving is None else f",{saving:d}"
        mask = replies.constellation_mask(self._wanted)
        command = Command(f"AT+CGNSSMODE={mask}{rest}")
        try:
            expect_ok(command, await self._ask(command, Priority.NORMAL))
        except DeviceRefused as error:
            log.error("{error}", error=error)
            return
        self._happenings.happened(
            "constellations",
            wanted=sorted(self._wanted),
            note="the modem takes them up when it is next switched on",
        )
