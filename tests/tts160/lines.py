"""A mount's line in memory, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange, Judge, anything
from gatewaykit.tts160.protocol import Figures, MountProtocol
from tests.tts160.scripted import ScriptedMount

BYTE_S = 10 / 9600
TIMEOUT_S = 0.5

GR = lx200.command(":GR#")
GD = lx200.command(":GD#")
GW = lx200.command(":GW#")
RA, DEC = lx200.set_target(5.5, 10.0)
UNIT = (RA, DEC, lx200.GOTO)
PULSE = lx200.guide("north", 350)


def is_motion(exchange: Exchange) -> bool:
    return exchange.moves


def nothing(_: Exchange) -> bool:
    return False


class Line:
    """A connection whose other end the test plays, or a scripted mount."""

    def __init__(self) -> None:
        self.clock = Clock()
        # Sums of times like these are not exact, and nothing may depend on it.
        self.clock.advance(1000.1)
        self.figures = Figures()
        self.asked: list[Deferred[Any]] = []
        self.made = self.lost = self.muted = 0
        self.when_lost: Callable[[], object] = lambda: None
        self.when_mute: Callable[[], object] = lambda: None
        self.protocol = MountProtocol(
            self.clock,
            self.figures,
            timeout_s=TIMEOUT_S,
            byte_s=BYTE_S,
            made=self._made,
            mute=self._mute,
            lost=self._lost,
        )
        self.mount = ScriptedMount(self.clock)
        self.transport = StringTransport()

    def connect(self) -> None:
        self.protocol.makeConnection(self.transport)

    def connect_mount(self) -> None:
        self.mount.connect(self.protocol)

    def _made(self, protocol: MountProtocol) -> None:
        self.made += 1

    def _mute(self) -> None:
        self.muted += 1
        self.when_mute()

    def _lost(self, protocol: MountProtocol) -> None:
        self.lost += 1
        self.when_lost()

    def run(
        self,
        *commands: Command,
        priority: Priority = Priority.NORMAL,
        judge: Judge = anything,
    ) -> Deferred[Any]:
        waiter = self.protocol.run(commands, priority, judge)
        self.asked.append(waiter)
        return waiter

    def stop(
        self,
        command: Command = lx200.STOP,
        is_meant: Callable[[Exchange], bool] = is_motion,
    ) -> None:
        self.protocol.stop(command, "a test", is_meant)

    def resynchronise(self) -> Deferred[Any]:
        waiter = self.protocol.resynchronise()
        self.asked.append(waiter)
        return waiter

    def say(self, *reads: bytes) -> None:
        for data in reads:
            self.protocol.dataReceived(data)

    def written(self) -> bytes:
        """What was written since the last look."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def lose(self) -> None:
        self.mount.protocol = None
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def pass_time(self, seconds: float, step_s: float = 0.003) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)


class LineTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.line = Line()

    def tearDown(self) -> None:
        """Whatever was done, a lost connection leaves nothing behind."""
        if self.line.made and not self.line.lost:
            self.line.lose()
        self.line.pass_time(20, 0.5)  # what the scripted mount still wanted to say
        self.assertEqual(self.line.clock.getDelayedCalls(), [])
        for asked in self.line.asked:
            self.assertTrue(asked.called)
            asked.addErrback(lambda failure: failure.trap(DeviceUnavailable))

    def results(self, *waiters: Deferred[Any]) -> list[Any]:
        return [self.successResultOf(waiter) for waiter in waiters]

    def errors(self, kind: type[Exception], waiters: Sequence[Deferred[Any]]) -> None:
        for waiter in waiters:
            self.failureResultOf(waiter, kind)
