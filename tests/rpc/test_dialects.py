from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols import amp
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from gatewaykit.access import Principal, Role
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.dialects import UNDECIDED_S, DialectFactory, DialectProtocol
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryStore

ADDRESS = IPv4Address("TCP", "127.0.0.1", 40000)


class Wire(StringTransport):
    """A transport that tells its protocol when it is aborted."""

    def __init__(self) -> None:
        super().__init__(peerAddress=ADDRESS)
        self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().abortConnection()

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass


class Recorder(Protocol):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def connectionMade(self) -> None:
        self.seen.append("made")

    def dataReceived(self, data: bytes) -> None:
        self.seen.append(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.seen.append("lost")


@implementer(IHalfCloseableProtocol)
class HalfRecorder(Recorder):
    def readConnectionLost(self) -> None:
        self.seen.append("read")

    def writeConnectionLost(self) -> None:
        self.seen.append("written")


class RecorderFactory(ServerFactory):
    noisy = False
    protocol: Any = Recorder

    def __init__(self, full: bool = False) -> None:
        self.built: list[Recorder] = []
        self.addresses: list[Any] = []
        self.running = 0
        self.full = full

    def startFactory(self) -> None:
        self.running += 1

    def stopFactory(self) -> None:
        self.running -= 1

    def buildProtocol(self, addr: Any) -> Recorder | None:
        self.addresses.append(addr)
        if self.full:
            return None
        self.built.append(self.protocol())
        return self.built[-1]


class DialectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.amp, self.json = RecorderFactory(), RecorderFactory()
        self.factory = DialectFactory(
            self.amp, {b"{": self.json}, self.clock, max_undecided=3
        )

    def connect(self) -> tuple[DialectProtocol, Wire]:
        protocol = self.factory.buildProtocol(ADDRESS)
        assert protocol is not None
        wire = Wire()
        protocol.makeConnection(wire)
        return protocol, wire

    def end(self, protocol: DialectProtocol) -> None:
        protocol.connectionLost(connectionDone)

    def test_each_dialect_gets_every_byte_and_the_transport_itself(self) -> None:
        for factory, data in ((self.amp, b"\x00\x04_ask"), (self.json, b'{"a": 1}')):
            protocol, wire = self.connect()
            protocol.dataReceived(data[:1])
            protocol.dataReceived(data[1:])
            self.end(protocol)
            (chosen,) = factory.built
            self.assertEqual(chosen.seen, ["made", data[:1], data[1:], "lost"])
            self.assertIs(chosen.transport, wire)
            self.assertEqual(factory.addresses, [ADDRESS])
            self.assertFalse(wire.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_half_a_connection_lost_is_told_to_who_can_do_with_it(self) -> None:
        self.json.protocol = HalfRecorder
        for data, half in ((b"{", True), (b"\x00", False), (b"", False)):
            protocol, _ = self.connect()
            protocol.dataReceived(data)
            self.assertIs(IHalfCloseableProtocol.providedBy(protocol), half)
            if half:
                protocol.readConnectionLost()
                protocol.writeConnectionLost()
            self.end(protocol)
        (chosen,) = self.json.built
        self.assertEqual(chosen.seen, ["made", b"{", "read", "written", "lost"])

    def test_nothing_is_sent_and_nothing_built_before_the_first_byte(self) -> None:
        _, wire = self.connect()
        self.clock.advance(UNDECIDED_S - 1)
        self.assertEqual(wire.value(), b"")
        self.assertEqual(self.amp.built + self.json.built, [])
        self.assertFalse(wire.aborted)

    def test_anything_else_is_closed_at_once(self) -> None:
        for first in range(256):
            if bytes([first]) in {b"\x00", b"{"}:
                continue
            protocol, wire = self.connect()
            protocol.dataReceived(bytes([first]) + b"\x00{")
            self.assertTrue(wire.aborted)
            protocol.dataReceived(b"{")
            self.end(protocol)
        self.assertEqual(self.amp.built + self.json.built, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_silence_ends_in_a_minute(self) -> None:
        protocol, wire = self.connect()
        self.clock.advance(UNDECIDED_S)
        self.assertTrue(wire.aborted)
        self.end(protocol)
        self.assertTrue(protocol.lost.called)
        decided, wire = self.connect()
        decided.dataReceived(b"{")
        self.clock.advance(UNDECIDED_S * 10)
        self.assertFalse(wire.aborted)

    def test_the_longest_silent_one_makes_room(self) -> None:
        talker, talking = self.connect()
        talker.dataReceived(b"{")
        silent = [self.connect() for _ in range(4)]
        self.assertEqual(
            [wire.aborted for _, wire in silent], [True, False, False, False]
        )
        self.assertFalse(talking.aborted)
        self.end(silent[1][0])
        _, last = self.connect()
        self.assertFalse(silent[2][1].aborted)
        self.assertFalse(last.aborted)

    def test_a_full_dialect_closes(self) -> None:
        self.json.full = True
        protocol, wire = self.connect()
        protocol.dataReceived(b"{")
        self.assertTrue(wire.disconnecting)
        protocol.dataReceived(b"}")
        self.end(protocol)

    def test_hosts_that_may_not_connect_are_refused(self) -> None:
        factory = DialectFactory(
            self.amp, {}, self.clock, accepts=lambda address: address is not ADDRESS
        )
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        self.assertIsNotNone(factory.buildProtocol(None))

    def test_factories_start_and_stop_with_the_door(self) -> None:
        self.factory.doStart()
        self.factory.doStart()
        self.assertEqual((self.amp.running, self.json.running), (1, 1))
        self.factory.doStop()
        self.factory.doStop()
        self.assertEqual((self.amp.running, self.json.running), (0, 0))

    def test_close_all_closes_the_undecided(self) -> None:
        self.assertIsNone(self.successResultOf(self.factory.close_all()))
        talker, talking = self.connect()
        talker.dataReceived(b"{")
        silent, wire = self.connect()
        done = self.factory.close_all()
        self.assertNoResult(done)
        self.assertTrue(wire.aborted)
        self.end(silent)
        self.assertIsNone(self.successResultOf(done))
        self.assertFalse(talking.aborted)


class ServerBehindADoorTests(SynchronousTestCase):
    """The gateway's own server works as if there was nothing before it."""

    def setUp(self) -> None:
        self.clock = Clock()
        store = MemoryStore(self.clock)
        answers = GatewayAnswers(store, None, [], self.clock).table()
        self.principal: Principal | None = Principal(
            "test", frozenset({Role.VIEWER}), "unix"
        )
        self.rpc = RpcFactory(
            answers, store, self.clock, identify=lambda _: self.principal
        )
        self.door = DialectFactory(self.rpc, {}, self.clock)

    def connect(self) -> tuple[DialectProtocol, Wire]:
        protocol = self.door.buildProtocol(ADDRESS)
        assert protocol is not None
        wire = Wire()
        protocol.makeConnection(wire)
        return protocol, wire

    def test_calls_are_answered_in_any_chunking(self) -> None:
        request = amp.AmpBox({amp.COMMAND: b"Health", amp.ASK: b"7"}).serialize()
        for size in (1, 2, 5, len(request)):
            protocol, wire = self.connect()
            for start in range(0, len(request), size):
                protocol.dataReceived(request[start : start + size])
            self.assertIn(b"_answer\x00\x017", wire.value())
            self.assertTrue(wire.streaming)
            self.assertEqual(self.rpc.health()["connections"], 1)
            protocol.connectionLost(connectionDone)
            self.assertEqual(self.rpc.health()["connections"], 0)

    def test_nobody_is_dropped(self) -> None:
        self.principal = None
        protocol, wire = self.connect()
        protocol.dataReceived(verbs.Info.commandName.join([b"\x00", b""]))
        self.assertTrue(wire.aborted)
        protocol.connectionLost(connectionDone)
