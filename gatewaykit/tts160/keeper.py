"""Keeps the mount's line in order: opened, its mount known, recovered.

The life of a connection: ``absent`` until the port opens, ``starting`` until the mount has
said what it is, ``ready`` from then on, ``degraded`` while it does not answer.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import DeviceUnavailable, GatewayError
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge
from gatewaykit.tts160.framing import Answer
from gatewaykit.tts160.greeting import Identity, greet
from gatewaykit.tts160.protocol import (
    DEVICE,
    GONE,
    MUTE,
    Figures,
    MountProtocol,
    anything,
)

WAIT_S = 3.0
"""Until a mute mount is tried again: its hand pad may have been in a menu."""
REOPEN_AFTER = 10
"""So many tries in vain, and the port is opened anew: the adapter may be stuck."""
BITS = 10
"""Of a byte on the line: 8 and its start and stop (facts/tts160.md 1.1)."""

log = Logger()


class State(enum.Enum):
    """As the records of the mount call it."""

    ABSENT = "absent"
    STARTING = "starting"
    READY = "ready"
    DEGRADED = "degraded"


class Keeper:
    """The one who has the line.

    :param trouble: why the port is not open, None while it is.
    :param opened: called when it opens, before anything else is sent.
    :param met: called with what the mount is, each time that it was asked.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timeout_s: float,
        baudrate: int,
        trouble: Callable[[], str | None],
        opened: Callable[[], object],
        met: Callable[[Identity], Awaitable[None]],
    ) -> None:
        self.state = State.ABSENT
        self.figures = Figures()
        self.identity: Identity | None = None
        self._clock = clock
        self._timeout_s = timeout_s
        self._byte_s = BITS / baudrate
        self._trouble = trouble
        self._opened = opened
        self._met = met
        self._protocol: MountProtocol | None = None
        self._greeting: Deferred[None] | None = None
        self._next: IDelayedCall | None = None
        self._failures = 0
        self._complaint = MUTE

    @property
    def is_ready(self) -> bool:
        return self.state is State.READY

    @property
    def reason(self) -> str | None:
        """Why it is not available."""
        if self.state is State.ABSENT:
            return self._trouble() or GONE
        if self.state is State.STARTING:
            return "it is being asked what it is"
        return None if self.state is State.READY else self._complaint

    def factory(self) -> Factory:
        return Factory.forProtocol(self._build)

    def _build(self) -> MountProtocol:
        return MountProtocol(
            self._clock,
            self.figures,
            timeout_s=self._timeout_s,
            byte_s=self._byte_s,
            made=self._made,
            mute=self._mute,
            lost=self._lost,
        )

    # The line, for others

    def run(
        self, commands: Sequence[Command], priority: Priority, judge: Judge = anything
    ) -> Deferred[list[Answer]]:
        """See `MountProtocol.run`; fails at once while the mount is not ready."""
        if not self.is_ready or self._protocol is None:
            return defer.fail(self.unavailable())
        return self._protocol.run(commands, priority, judge)

    def stop(
        self, command: Command, by: str, is_meant: Callable[[Exchange], bool]
    ) -> None:
        """See `MountProtocol.stop`: it is written whenever the port is open."""
        if self._protocol is None:
            raise self.unavailable()
        self._protocol.stop(command, by, is_meant)

    def resynchronise(self) -> Deferred[None]:
        if not self.is_ready or self._protocol is None:
            return defer.fail(self.unavailable())
        return self._protocol.resynchronise()

    def unavailable(self) -> DeviceUnavailable:
        return DeviceUnavailable(DEVICE, self.reason or GONE)

    def doubt(self) -> None:
        """It is not the mount that it said: it is asked anew."""
        if self.is_ready:
            log.warn("the mount answers as another firmware: asking it anew")  # noqa: G010 - the name that Twisted's Logger has
            self._set_state(State.STARTING)
            self._greet()

    def close(self) -> None:
        """Begin nothing more."""
        self._forget_next()
        if self._greeting is not None:
            self._greeting.cancel()

    # What the protocol tells

    def _made(self, protocol: MountProtocol) -> None:
        self._protocol = protocol
        self._failures = 0
        self._set_state(State.STARTING)
        self._opened()
        self._greet()

    def _lost(self, _: MountProtocol) -> None:
        self._protocol = None
        self.close()
        self._set_state(State.ABSENT)

    def _mute(self) -> None:
        if self._greeting is None:
            self._in_vain(MUTE)

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            metrics.mount_available.set(1 if state is State.READY else 0)

    # What it is

    def _greet(self) -> None:
        self._forget_next()
        if self._greeting is None and self._protocol is not None:
            self._greeting = greeting = Deferred.fromCoroutine(
                self._meet(self._protocol)
            )
            greeting.addErrback(self._not_met)
            if greeting.called:
                self._greeting = None

    async def _meet(self, protocol: MountProtocol) -> None:
        try:
            await protocol.resynchronise()
            identity = await greet(protocol)
        finally:
            self._greeting = None
        if identity != self.identity:
            log.info(
                "the mount has firmware {firmware}, dialect {dialect}{trouble}",
                firmware=identity.firmware,
                dialect=identity.dialect.value,
                trouble=f"; {identity.trouble}" if identity.trouble else "",
            )
        self.identity = identity
        self._failures = 0
        self._set_state(State.READY)
        await self._met(identity)

    def _not_met(self, failure: Failure) -> None:
        if failure.check(defer.CancelledError) or self._protocol is None:
            return
        if not failure.check(GatewayError):
            log.failure("the mount could not be asked what it is", failure)
        if self.state is not State.READY:
            reason = getattr(failure.value, "reason", None)
            self._in_vain(reason or failure.getErrorMessage())

    def _in_vain(self, complaint: str) -> None:
        self._complaint = complaint
        self._set_state(State.DEGRADED)
        self._failures += 1
        if self._failures == 1:
            log.warn("the mount: {complaint}", complaint=complaint)  # noqa: G010 - the name that Twisted's Logger has
        if self._failures % REOPEN_AFTER == 0 and self._protocol is not None:
            metrics.mount_recoveries.labels("reopen").inc()
            transport: Any = self._protocol.transport
            transport.abortConnection()
            return
        self._forget_next()
        self._next = self._clock.callLater(WAIT_S, self._try_again)

    def _try_again(self) -> None:
        self._next = None
        self._greet()

    def _forget_next(self) -> None:
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
