"""Keeps the mount's line in order: opened, its mount known, recovered.

The life of a connection: ``absent`` until the port opens, ``starting`` until the mount has
said what it is, ``ready`` from then on, ``degraded`` while it does not answer.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import DeviceUnavailable
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.asking import is_motion
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge
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
DOUBT_S = 60.0
"""Between two times that a mount is asked anew what it is because of an odd answer."""
ODD = "it answers with other types than its firmware has"
ONCE_MORE = "the gateway, which tells the mount once more"
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
    :param met: called with what the mount is, each time that it was asked.
    :param lost: called when the port is gone, before anybody else hears of it; gives
        whether something moves that is to be stopped when the port is back.
    """

    def __init__(
        self,
        clock: IReactorTime,
        timeout_s: float,
        baudrate: int,
        trouble: Callable[[], str | None],
        met: Callable[[Identity], object],
        lost: Callable[[], bool],
    ) -> None:
        self.state = State.ABSENT
        self.figures = Figures()
        self.identity: Identity | None = None
        self._clock = clock
        self._timeout_s = timeout_s
        self._byte_s = BITS / baudrate
        self._trouble = trouble
        self._met = met
        self._let_go = lost
        self._owes_stop = False
        """Whether the mount may not have heard the last stop, or one that was due while
        its port was gone: it is told again as soon as it can be."""
        self._stopped_at = -1.0
        self._protocol: MountProtocol | None = None
        self._greeting: Deferred[None] | None = None
        self._next: IDelayedCall | None = None
        self._failures = 0
        self._complaint = MUTE
        self._doubted_at: float | None = None

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

    @property
    def trouble(self) -> str | None:
        """What is odd about it, though it serves."""
        if self._is_doubted:
            return ODD
        return None if self.identity is None else self.identity.trouble

    @property
    def _is_doubted(self) -> bool:
        at = self._doubted_at
        return at is not None and self._clock.seconds() - at < DOUBT_S

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
        self._stopped_at = self._clock.seconds()
        self._owes_stop |= not self.is_ready
        self._protocol.stop(command, by, is_meant)

    def _stop_again(self) -> None:
        if self._owes_stop:
            self._owes_stop = False
            self.stop(lx200.STOP, ONCE_MORE, is_motion)

    def resynchronise(self) -> Deferred[None]:
        """See `MountProtocol.resynchronise`; for who knows that the mount is ready."""
        assert self._protocol is not None
        return self._protocol.resynchronise()

    def unavailable(self) -> DeviceUnavailable:
        return DeviceUnavailable(DEVICE, self.reason or GONE)

    def doubt(self) -> None:
        """It is not the mount that it said: it is asked anew. If it says the same, the
        odd answer was not for that."""
        if self.is_ready and not self._is_doubted:
            self._doubted_at = self._clock.seconds()
            log.warn("the mount: {odd}; asking it anew", odd=ODD)  # noqa: G010 - the name that Twisted's Logger has
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
        self._doubted_at = None
        self._set_state(State.STARTING)
        self._stop_again()
        self._greet()

    def _lost(self, _: MountProtocol) -> None:
        self._protocol = None
        self.close()
        self._set_state(State.ABSENT)
        self._owes_stop |= self._let_go()

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
            greeting = Deferred.fromCoroutine(self._meet(self._protocol))
            greeting.addErrback(self._not_met)
            self._greeting = None if greeting.called else greeting

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
        self._stop_again()
        self._met(identity)

    def _not_met(self, failure: Failure) -> None:
        if failure.check(defer.CancelledError) or self._protocol is None:
            return
        why = failure.value
        if not isinstance(why, DeviceUnavailable):
            log.failure("the mount could not be asked what it is", failure)
        self._in_vain(getattr(why, "reason", None) or failure.getErrorMessage())

    def _in_vain(self, complaint: str) -> None:
        self._complaint = complaint
        self._set_state(State.DEGRADED)
        if (self.figures.last_answer or 0.0) <= self._stopped_at:
            self._owes_stop = True
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
