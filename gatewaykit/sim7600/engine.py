"""The GNSS engine: started if it isn't running, and kept running.

``AT+CGPS=1,1`` answers ERROR when the engine runs already, and in the seconds after a stop:
what counts is what ``AT+CGPS?`` says (facts/sim7600.md 3.7, 7).
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit.errors import DeviceRefused
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.asking import Ask, expect_ok
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.happenings import Happenings

STATE = read("AT+CGPS?", "+CGPS:", timeout_s=10.0, many=True)
START = Command("AT+CGPS=1,1", timeout_s=10.0)
STOP = Command("AT+CGPS=0", timeout_s=10.0)
MODE = read("AT+CGNSSMODE?", "+CGNSSMODE:")

STARTS = 3
"""After so many starts that failed the engine is stopped once, to start it anew."""
PAUSE_S = 5.0
"""From a stop to the next start (the manual: 2 to 30 s)."""

log = Logger()


class Engine:
    """What is known of the engine, and what is done about it.

    :param ask: puts a command on the line.
    """

    def __init__(
        self,
        ask: Ask,
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
        self._clock = clock
        self._happenings = happenings
        self._manage = manage
        self._wanted = frozenset(constellations)
        self._is_ensuring = False

    @property
    def state(self) -> str:
        return {True: "on", False: "off", None: "unknown"}[self.is_on]

    def forget(self) -> None:
        """The modem is gone or has started anew: nothing is known."""
        self.is_on = self.on_since = None

    def reset(self) -> None:
        """The modem has started anew: whoever started the engine, it is off now."""
        self.forget()
        self.is_ours = False

    def stopped(self) -> None:
        """The modem says that the engine has stopped."""
        self._known(on=False)

    async def look(self) -> bool:
        """Ask whether it runs."""
        reply = expect_ok(STATE, await self._ask(STATE, Priority.NORMAL))
        on = replies.gps_engine(reply.lines).on
        self._known(on=on)
        return on

    def _known(self, *, on: bool) -> None:
        if on and not self.is_on:
            self.on_since = self._clock.seconds()
        if not on:
            self.on_since = None
        self.is_on = on

    async def ensure_running(self) -> None:
        """Start it if it doesn't run. Whoever calls while that goes on returns at once."""
        if self._is_ensuring:
            return
        self._is_ensuring = True
        try:
            if await self.look() or not self._manage:
                self.trouble = None
                return
            self.trouble = await self._start()
        finally:
            self._is_ensuring = False

    async def _start(self) -> str | None:
        reason = ""
        for number in range(2 * STARTS):
            if number == STARTS:
                await self._ask(STOP, Priority.NORMAL)
            if number:
                await deferLater(self._clock, PAUSE_S)
            reply = await self._ask(START, Priority.NORMAL)
            if reply.ok:
                self._known(on=True)
                self.is_ours = True
                self._happenings.happened("gnss_started")
                return None
            reason = replies.final_error(reply.final).text
            if await self.look():
                return None
        log.error("GNSS does not start: {reason}", reason=reason)
        return f"GNSS does not start: {reason}"

    async def set_constellations(self) -> None:
        """Write the setting if the modem's differs; it takes it up at its next start."""
        reply = await self._ask(MODE, Priority.NORMAL)
        if not reply.ok:
            log.info("the modem does not tell its constellations")
            return
        self.constellations = replies.constellations(reply.lines[0])
        if not self._wanted or self.constellations == self._wanted:
            return
        mask = replies.constellation_mask(self._wanted)
        command = Command(f"AT+CGNSSMODE={mask},1")
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

    async def stop(self) -> None:
        """Stop it if it runs because of us."""
        if self.is_ours and self.is_on is not False:
            await self._ask(STOP, Priority.URGENT)
            self.is_ours = False
