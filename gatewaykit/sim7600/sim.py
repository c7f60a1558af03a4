"""The SIM card: waited for, read, and its messages set up once it is ready."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.sim7600.asking import Ask, in_background
from gatewaykit.sim7600.identity import BUSY, READY, Identity
from gatewaykit.sim7600.messages import Messages

BUSY_S = 60.0
"""So long a SIM may be busy after the modem's start..."""
AGAIN_S = 2.0
"""...and is asked as often (facts/sim7600.md 7)."""


class Sim:
    """What is done about the SIM.

    :param ask: puts a command on the line.
    """

    def __init__(
        self, ask: Ask, identity: Identity, messages: Messages, clock: IReactorTime
    ) -> None:
        self._ask = ask
        self._identity = identity
        self._messages = messages
        self._clock = clock
        self._is_set_up = False
        self._is_store_to_check = False
        self._is_at_work = False
        self._since: float | None = None
        """When it was first looked for since the modem's start."""
        self._next: IDelayedCall | None = None
        self._working: Deferred[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why there is a SIM and it cannot be used."""
        state = self._identity.sim_state
        if self._since is None or state in {None, READY, "not inserted"}:
            return None
        if state == BUSY:
            return None if self._is_young() else "the SIM is busy, and stays so"
        return f"the SIM cannot be used: {state}"

    def _is_young(self) -> bool:
        since = self._since
        return since is not None and self._clock.seconds() - since < BUSY_S

    def halt(self) -> None:
        """Do nothing more until somebody asks for it."""
        if self._working is not None:
            self._working.cancel()
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def forget(self) -> None:
        """The modem is gone or has started anew."""
        self._is_set_up = False
        self._since = None
        self.halt()

    def changed(self) -> None:
        """The modem says something of it: what is in there may be another one."""
        self._is_set_up = False
        self.attend_soon()

    def check_store_soon(self) -> None:
        """A message has come: it may have been the last one that fits."""
        self._is_store_to_check = True
        self.attend_soon()

    def attend_soon(self, wait_s: float = 0.0) -> None:
        if self._next is None:
            self._next = self._clock.callLater(wait_s, self._attend_now)

    def _attend_now(self) -> None:
        self._next = None
        if self._working is None:
            self._working = working = in_background(self.attend())
            working.addBoth(self._attended)

    def _attended(self, _: object) -> None:
        self._working = None

    async def attend(self, *, is_doubted: bool = False) -> None:
        """Ask for its state, and do what has not been done yet.

        :param is_doubted: ask even if it was ready.
        """
        if self._is_at_work:
            return
        self._is_at_work = True
        try:
            if self._since is None:
                self._since = self._clock.seconds()
            identity = self._identity
            if is_doubted or identity.sim_state != READY:
                await identity.read_sim_state(self._ask)
            if identity.sim_state == READY and not self._is_set_up:
                await identity.read_sim(self._ask)
                await self._messages.set_up()
                self._is_set_up = True
            elif self._is_store_to_check:
                await self._messages.look_at_store()
            self._is_store_to_check = False
        finally:
            self._is_at_work = False
            if self._identity.sim_state in {None, BUSY} and self._is_young():
                self.attend_soon(AGAIN_S)
