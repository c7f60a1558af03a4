from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import (
    ConnectError,
    ConnectionDone,
    DNSLookupError,
    NoRouteError,
    TCPTimedOutError,
    TimeoutError,  # noqa: A004 - Twisted's own, that its connectors fail with
)
from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gatewaykit import serialline
from gatewaykit.errors import DeviceUnavailable
from gatewaykit.serialline import LineService, line_endpoint, line_service
from gatewaykit.serialport import SerialAddress
from tests.ptys import PtyPair, descriptors, until

reactor = cast(Any, _reactor)


class Line(Protocol):
    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self.received = b""
        self.ended = False

    @property
    def port(self) -> Any:
        return self.transport

    def connectionMade(self) -> None:
        self.lines.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        assert not self.ended
        self.ended = True


class LineFactory(Factory):
    noisy = False

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.peers: list[Any] = []
        self.fault: Exception | None = None
        self.wants_none = False

    @property
    def last(self) -> Line:
        return self.lines[-1]

    def buildProtocol(self, addr: Any) -> Line | None:
        if self.fault is not None:
            raise self.fault
        self.peers.append(addr)
        return None if self.wants_none else Line(self.lines)


@implementer(IReactorPluggableNameResolver)
class NetworkReactor(MemoryReactorClock):
    """A reactor in memory, with a resolver that answers when the test wants it to."""

    def __init__(self) -> None:
        super().__init__()
        self.receivers: list[Any] = []
        self.nameResolver = cast(Any, self)

    def resolveHostName(self, receiver: Any, hostName: str, portNumber: int) -> None:
        self.receivers.append((receiver, portNumber))

    def resolve(self, *hosts: str) -> None:
        receiver, port = self.receivers.pop()
        for host in hosts:
            receiver.addressResolved(IPv4Address("TCP", host, port))
        receiver.resolutionComplete()


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = NetworkReactor()
        self.factory = LineFactory()

    def reason(self, attempt: Deferred[Any]) -> str:
        error = self.failureResultOf(attempt, DeviceUnavailable).value
        assert isinstance(error, DeviceUnavailable)
        return str(error.reason)

    def failed_with(self, error: Exception) -> str:
        attempt = line_endpoint(self.reactor, "tcp:host:4001", 9600).connect(
            self.factory
        )
        self.reactor.resolve("192.0.2.1")
        *_, factory, _, _ = self.reactor.tcpClients.pop()
        factory.clientConnectionFailed(self.reactor.connectors.pop(), Failure(error))
        self.reactor.advance(1)
        return self.reason(attempt)

    def test_endpoints_are_endpoints(self) -> None:
        for port in ("/dev/ttyUSB2", "tcp:host:4001"):
            verifyObject(IStreamClientEndpoint, line_endpoint(self.reactor, port, 9600))

    def test_path_is_opened_at_its_speed(self) -> None:
        pair = PtyPair()
        self.addCleanup(pair.close)
        attempt = line_endpoint(self.reactor, pair.path, 9600).connect(self.factory)
        line: Any = self.successResultOf(attempt)
        self.addCleanup(line.port.connectionLost, Failure(ConnectionDone()))
        self.assertIs(line, self.factory.last)
        self.assertEqual(self.factory.peers, [SerialAddress(pair.path)])
        self.assertEqual(line.port._serial.baudrate, 9600)

    def test_path_that_cannot_be_opened_has_a_reason(self) -> None:
        attempt = line_endpoint(self.reactor, "/dev/gone", 9600).connect(self.factory)
        self.assertEqual(self.reason(attempt), "no such device")

    def test_factory_that_wants_no_connection_gets_none(self) -> None:
        self.factory.wants_none = True
        attempt = line_endpoint(self.reactor, "/dev/null", 9600).connect(self.factory)
        self.assertEqual(self.reason(attempt), "not wanted now")

    def test_unusable_tcp_port_is_named(self) -> None:
        for port in ("tcp:host", "tcp:host:0", "tcp:host:65536", "tcp::1", "tcp:[::1]"):
            attempt = line_endpoint(self.reactor, port, 9600).connect(self.factory)
            self.assertIn("is tcp:HOST:PORT", self.reason(attempt))

    def test_unusable_host_name_is_named(self) -> None:
        port = "tcp:" + "a" * 70 + ".example:4001"
        attempt = line_endpoint(self.reactor, port, 9600).connect(self.factory)
        self.assertIn("invalid hostname", self.reason(attempt))

    def test_unknown_host_is_told(self) -> None:
        attempt = line_endpoint(self.reactor, "tcp:host:4001", 9600).connect(
            self.factory
        )
        self.reactor.resolve()
        self.assertEqual(self.reason(attempt), "no such host")

    def test_failures_to_connect_are_told_plainly(self) -> None:
        self.assertEqual(self.failed_with(TimeoutError()), "no answer within 10 s")
        self.assertEqual(self.failed_with(TCPTimedOutError()), "no answer within 10 s")
        self.assertEqual(self.failed_with(NoRouteError()), "no route to the host")
        self.assertEqual(self.failed_with(DNSLookupError()), "no such host")
        self.assertEqual(
            self.failed_with(ConnectError(osError=101)), "Network is unreachable"
        )
        self.assertIn("odd", self.failed_with(ConnectError(string="odd")))

    def test_attempt_that_is_cancelled_is_no_trouble_of_the_device(self) -> None:
        attempt = line_endpoint(self.reactor, "tcp:host:4001", 9600).connect(
            self.factory
        )
        self.reactor.resolve("192.0.2.1")
        attempt.cancel()
        self.failureResultOf(attempt).trap(CancelledError, Exception)
        self.assertFalse(self.factory.lines)


class ServiceTests(SynchronousTestCase):
    """On real pseudo terminals, with the time and the reactor in the test's hands."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.link = Path(directory.name) / "modem"
        self.reactor = NetworkReactor()
        self.factory = LineFactory()

    def service(self, port: str = "", **settings: Any) -> LineService:
        settings.setdefault("jitter", lambda: 0.0)
        service = line_service(
            self.reactor, port or str(self.link), 115_200, self.factory, **settings
        )
        self.addCleanup(self.end, service)
        return service

    def end(self, service: LineService) -> None:
        stopping = service.stopService()
        if self.factory.lines:
            self.lose()
        self.successResultOf(stopping)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def plugged(self) -> PtyPair:
        pair = PtyPair(self.link)
        self.addCleanup(pair.close)
        return pair

    def lose(self) -> None:
        self.factory.last.port.connectionLost(Failure(ConnectionDone()))

    def wait(self) -> float:
        """How long until the next attempt, which is then made."""
        (call,) = self.reactor.getDelayedCalls()
        delay = call.getTime() - self.reactor.seconds()
        self.reactor.advance(delay)
        return float(delay)

    def test_delays_grow_and_then_stay(self) -> None:
        self.service().startService()
        waits = [self.wait() for _ in range(8)]
        self.assertEqual(waits, [1, 2, 5, 10, 10, 10, 10, 10])

    def test_delays_and_jitter_can_be_set(self) -> None:
        jitter = iter((0.5, 0.25, 0.75))
        service = self.service(delays=(3.0, 4.0), jitter=lambda: next(jitter))
        service.startService()
        self.assertEqual([self.wait(), self.wait()], [3.5, 4.25])

    def test_device_that_comes_later_is_connected(self) -> None:
        service = self.service()
        self.assertEqual(service.trouble, "not connected yet")
        service.startService()
        self.assertEqual(service.trouble, "no such device")
        pair = self.plugged()
        self.wait()
        self.assertIsNone(service.trouble)
        self.assertEqual(self.factory.last.port.getPeer().path, pair.path)

    def test_lost_connection_is_made_again(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        self.reactor.advance(60)
        self.lose()
        self.assertEqual(service.trouble, "the connection was lost")
        self.assertEqual(self.wait(), 1)
        self.assertIsNone(service.trouble)
        self.assertEqual(len(self.factory.lines), 2)

    def test_path_is_looked_up_anew(self) -> None:
        self.service().startService()
        pair = self.plugged()
        self.wait()
        first = pair.name
        pair.unplug()
        self.lose()
        pair.plug()
        self.assertNotEqual(pair.name, first)
        self.wait()
        fd = self.factory.last.port.fileno()
        self.assertEqual(os.ttyname(fd), pair.name)

    def test_connections_that_do_not_live_count_as_failures(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        waits = []
        for _ in range(6):
            self.reactor.advance(59)
            self.lose()
            waits.append(self.wait())
        self.assertEqual(waits, [1, 2, 5, 10, 10, 10])
        self.reactor.advance(60)
        self.lose()
        self.assertEqual(self.wait(), 1)

    def test_changes_are_logged_and_repeats_are_not(self) -> None:
        service = self.service()
        with capturedLogs() as events:
            service.startService()
            for _ in range(5):
                self.wait()
            self.link.mkdir()
            self.wait()
            self.wait()
            self.link.rmdir()
            pair = self.plugged()
            self.wait()
            self.reactor.advance(70)
            pair.unplug()
            self.lose()
            self.wait()
            self.wait()
        link = self.link
        self.assertEqual(
            [formatEvent(event) for event in events],
            [
                f"{link} is not available, trying on: no such device",
                f"{link} is not available, trying on: not a serial device",
                f"{link} ({pair.name}) is connected",
                f"{link} was lost after 70 s",
                f"{link} is not available, trying on: no such device",
            ],
        )

    def test_path_that_is_no_link_is_logged_alone(self) -> None:
        pair = PtyPair()
        self.addCleanup(pair.close)
        with capturedLogs() as events:
            self.service(pair.path).startService()
        self.assertEqual(formatEvent(events[-1]), f"{pair.path} is connected")

    def test_fault_of_ours_is_logged_once_and_tried_on(self) -> None:
        self.plugged()
        self.factory.fault = ZeroDivisionError("oh")
        service = self.service()
        service.startService()
        self.wait()
        self.wait()
        self.assertEqual(service.trouble, "internal error: oh")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.factory.fault = None
        self.wait()
        self.assertIsNone(service.trouble)

    def test_stop_closes_and_start_opens_again(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        stopping = service.stopService()
        self.assertNoResult(stopping)
        self.lose()
        self.successResultOf(stopping)
        self.assertEqual(service.trouble, "not connected yet")
        service.startService()
        self.assertIsNone(service.trouble)

    def test_stop_that_takes_too_long_aborts(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        stopping = service.stopService()
        self.reactor.advance(service.stop_timeout_s)
        self.reactor.advance(0)
        self.successResultOf(stopping)
        self.assertTrue(self.factory.last.ended)
        self.assertEqual(self.factory.last.port.fileno(), -1)

    def test_stop_may_be_asked_for_again(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        stopped: list[None] = []
        for _ in range(2):
            # Even by whom the first stop calls back.
            service.stopService().addCallback(
                lambda _: service.stopService().addCallback(stopped.append)
            )
        self.lose()
        self.assertEqual(stopped, [None, None])

    def test_start_while_a_stop_is_under_way_connects_again(self) -> None:
        service = self.service()
        self.plugged()
        service.startService()
        stopping = service.stopService()
        service.startService()
        self.lose()
        self.successResultOf(stopping)
        self.assertEqual(len(self.factory.lines), 2)
        self.assertIsNone(service.trouble)

    def test_stop_while_an_attempt_does_not_end_waits(self) -> None:
        ends: Deferred[Any] = Deferred()
        attempt: Deferred[Any] = Deferred().addErrback(lambda _: ends)
        self.patch(serialline.SerialEndpoint, "connect", lambda *_: attempt)
        service = self.service()
        service.startService()
        stopping = service.stopService()
        self.reactor.advance(service.stop_timeout_s)
        self.assertNoResult(stopping)
        ends.errback(CancelledError())
        self.successResultOf(stopping)

    def test_stop_without_a_connection_is_at_once(self) -> None:
        service = self.service()
        service.startService()
        self.successResultOf(service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_stop_while_a_name_is_looked_up_is_no_trouble(self) -> None:
        service = self.service("tcp:host:4001")
        service.startService()
        self.assertEqual(service.trouble, "not connected yet")
        with capturedLogs() as events:
            self.successResultOf(service.stopService())
        self.assertEqual(events, [])
        self.assertEqual(service.trouble, "not connected yet")
        self.reactor.resolve("192.0.2.1")  # nobody waits for it any more
        self.assertEqual(self.reactor.tcpClients, [])


class ReactorTests(TestCase):
    """With the real reactor: real hang-ups, real sockets."""

    async def begin(self) -> None:
        await deferLater(reactor, 0)  # it has descriptors of its own while it runs
        self.before = descriptors()
        self.factory = LineFactory()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.link = Path(directory.name) / "modem"

    def until(self, condition: Any) -> Deferred[None]:
        return until(reactor, condition)

    def service(self, port: str, delays: Sequence[float] = (0.001,)) -> LineService:
        service = line_service(
            reactor, port, 115_200, self.factory, delays=delays, jitter=lambda: 0.0
        )
        service.startService()
        self.addCleanup(service.stopService)
        return service

    def listener(self, interface: str = "127.0.0.1") -> tuple[int, LineFactory]:
        accepted = LineFactory()
        port = reactor.listenTCP(0, accepted, interface=interface)
        self.addCleanup(port.stopListening)
        return port.getHost().port, accepted

    async def test_device_that_comes_back_under_another_name_is_used(self) -> None:
        await self.begin()
        pair = PtyPair(self.link)
        self.addCleanup(pair.close)
        service = self.service(pair.path)
        self.assertIsNone(service.trouble)
        first = pair.name
        pair.unplug()
        await self.until(lambda: service.trouble == "no such device")
        # A descriptor held open would keep the old name busy.
        self.assertEqual(descriptors() - self.before, set())
        pair.plug()
        await self.until(lambda: service.trouble is None)
        self.assertNotEqual(pair.name, first)
        pair.write(b"OK")
        await self.until(lambda: self.factory.last.received == b"OK")
        self.factory.last.port.write(b"AT\r")
        await self.until(lambda: pair.read() == b"AT\r")

    async def test_a_hundred_replugs_leave_nothing_open(self) -> None:
        await self.begin()
        pair = PtyPair(self.link)
        self.addCleanup(pair.close)
        service = self.service(pair.path)
        for count in range(1, 101):
            await self.until(lambda count=count: len(self.factory.lines) == count)
            pair.write(b"x")
            await self.until(lambda: self.factory.last.received)
            pair.replug()
        await self.until(lambda: len(self.factory.lines) == 101)
        self.assertEqual(sum(line.ended for line in self.factory.lines), 100)
        await service.stopService()
        pair.close()
        self.assertEqual(descriptors() - self.before, set())

    async def test_stop_with_output_held_up_ends(self) -> None:
        await self.begin()
        pair = PtyPair(self.link)
        self.addCleanup(pair.close)
        service = self.service(pair.path)
        self.factory.last.port.write(b"x" * 100_000)
        await self.until(lambda: self.factory.last.port.offset)
        service.stop_timeout_s = 0.01
        await service.stopService()
        self.assertTrue(self.factory.last.ended)

    async def test_tcp_port_is_used_like_a_serial_one(self) -> None:
        await self.begin()
        number, accepted = self.listener()
        service = self.service(f"tcp:127.0.0.1:{number}")
        await self.until(lambda: service.trouble is None and accepted.lines)
        accepted.last.port.write(b"OK")
        await self.until(lambda: self.factory.last.received == b"OK")
        self.factory.last.port.write(b"AT\r")
        await self.until(lambda: accepted.last.received == b"AT\r")
        accepted.last.port.abortConnection()
        await self.until(lambda: len(self.factory.lines) == 2)

    async def test_tcp_port_sends_at_once_and_notices_a_dead_peer(self) -> None:
        await self.begin()
        number, _ = self.listener()
        line: Any = await line_endpoint(
            reactor, f"tcp:127.0.0.1:{number}", 9600
        ).connect(self.factory)
        handle = line.port.getHandle()

        def option(name: int) -> int:
            return int(handle.getsockopt(socket.IPPROTO_TCP, name))

        self.assertTrue(option(socket.TCP_NODELAY))
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        idle, interval = option(socket.TCP_KEEPIDLE), option(socket.TCP_KEEPINTVL)
        self.assertEqual(idle + interval * option(socket.TCP_KEEPCNT), 60)
        self.assertEqual(option(socket.TCP_USER_TIMEOUT), 60_000)
        line.port.loseConnection()
        await self.until(lambda: line.ended)

    async def test_ipv6_address_is_in_brackets(self) -> None:
        await self.begin()
        number, accepted = self.listener("::1")
        service = self.service(f"tcp:[::1]:{number}")
        await self.until(lambda: service.trouble is None and accepted.lines)

    async def test_port_that_nobody_listens_on_refuses(self) -> None:
        await self.begin()
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            service = self.service(f"tcp:127.0.0.1:{unused.getsockname()[1]}")
            await self.until(lambda: service.trouble == "connection refused")
            await service.stopService()

    async def test_stop_with_a_tcp_peer_that_does_not_read_ends(self) -> None:
        await self.begin()
        number, accepted = self.listener()
        service = self.service(f"tcp:127.0.0.1:{number}")
        await self.until(lambda: service.trouble is None and accepted.lines)
        accepted.last.port.pauseProducing()
        self.factory.last.port.write(b"x" * 20_000_000)
        await deferLater(reactor, 0.01)
        service.stop_timeout_s = 0.01
        await service.stopService()
        self.assertTrue(self.factory.last.ended)
        accepted.last.port.resumeProducing()
        await self.until(lambda: accepted.last.ended)

    async def test_connection_that_was_reset_may_refuse_its_options(self) -> None:
        class Reset:
            def setTcpNoDelay(self, enabled: bool) -> None:
                raise OSError

        serialline._tune(Reset())
