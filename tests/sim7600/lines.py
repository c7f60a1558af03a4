"""An AT port in memory, and what comes of it."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.sim7600.at import ATProtocol, Figures
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply, Unsolicited

CSQ = read("AT+CSQ", "+CSQ:")
COPS = read("AT+COPS?", "+COPS:", timeout_s=10.0)
CREG = read("AT+CREG?", "+CREG:")
WRITE = Command("AT+CGPS=1,1", timeout_s=10.0)
SEND = Command("AT+CMGS=3", 60.0, ("+CMGS:",), body="0011FF")
OK = b"\r\nOK\r\n"
SIGNAL = b"\r\n+CSQ: 22,99\r\n\r\nOK\r\n"


class Line:
    """A connection to a modem whose part the test plays."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.figures = Figures()
        self.heard: list[Unsolicited] = []
        self.stuck: list[str] = []
        self.asked: list[Deferred[Reply]] = []
        self.made = self.lost = 0
        self.protocol = ATProtocol(
            self.clock,
            self.figures,
            made=self._made,
            heard=self.heard.append,
            stuck=self.stuck.append,
            lost=self._lost,
        )
        self.transport = StringTransport()
        self.protocol.makeConnection(self.transport)

    def _made(self, protocol: ATProtocol) -> None:
        self.made += 1

    def _lost(self, protocol: ATProtocol) -> None:
        self.lost += 1

    def execute(
        self, command: Command, priority: Priority = Priority.NORMAL
    ) -> Deferred[Reply]:
        answered = self.protocol.execute(command, priority)
        self.asked.append(answered)
        return answered

    def say(self, *reads: bytes) -> None:
        for data in reads:
            self.protocol.dataReceived(data)

    def written(self) -> bytes:
        """What was written since the last look."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def lose(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))

    def pass_time(self, seconds: float, step_s: float = 0.0625) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)

    @property
    def said(self) -> list[str]:
        """The unsolicited lines."""
        return [unsolicited.line for unsolicited in self.heard]


class LineTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.line = Line()

    def tearDown(self) -> None:
        """Whatever was done, a lost connection leaves nothing behind."""
        if not self.line.lost:
            self.line.lose()
        self.assertEqual(self.line.clock.getDelayedCalls(), [])
        for asked in self.line.asked:
            asked.addErrback(lambda failure: failure.trap(DeviceUnavailable))

    def answer(self, deferred: Deferred[Reply]) -> Reply:
        return self.successResultOf(deferred)
