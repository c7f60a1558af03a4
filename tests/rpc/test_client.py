from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, UNIXClientEndpoint
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.protocols import amp
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import (
    CallTimeout,
    ConnectionFailed,
    MisuseError,
    NotFound,
    ProtocolViolation,
)
from gatewaykit.rpc.caller import ClientProtocol
from gatewaykit.rpc.client import GatewayClient, client_endpoint, connect
from tests.rpc.common import IMEI, RpcTestCase


class EndpointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()

    def test_unix_paths(self) -> None:
        for path in ("/run/gatewaykit.sock", "gatewaykit.sock", "/odd:path.sock"):
            endpoint = client_endpoint(f"unix:{path}", self.reactor)
            assert isinstance(endpoint, UNIXClientEndpoint)
            self.assertEqual(endpoint._path, path)

    def test_tcp_hosts_and_addresses(self) -> None:
        for text, host in (
            ("tcp:localhost:7600", "localhost"),
            ("tcp:127.0.0.1:7600", "127.0.0.1"),
            ("tcp:[::1]:7600", "::1"),
        ):
            endpoint = client_endpoint(text, self.reactor)
            assert isinstance(endpoint, HostnameEndpoint)
            self.assertEqual((endpoint._hostText, endpoint._port), (host, 7600))

    def test_other_endpoint_strings_are_twisteds(self) -> None:
        self.assertIsNotNone(client_endpoint("tls:localhost:7600", self.reactor))

    def test_bad_strings_are_named_with_what_is_allowed(self) -> None:
        for bad in (
            "",
            "gatewaykit.sock",
            "unix:",
            "unix:a.sock:mode=660",
            "tcp:localhost",
            "tcp:localhost:",
            "tcp:localhost:http",
            "tcp:localhost:0",
            "tcp:localhost:65536",
            "tcp:::1:7600",
            "carrier-pigeon:home",
            "tls:localhost",
        ):
            call = connect(bad, self.reactor)
            misuse = self.failureResultOf(call, MisuseError).value
            self.assertEqual((misuse.name, misuse.value), ("endpoint", bad))
            self.assertIn("unix:PATH, tcp:HOST:PORT", misuse.allowed)

    def test_unanswered_connection_is_given_up(self) -> None:
        call = connect("unix:/nowhere.sock", self.reactor, timeout=3.0)
        self.reactor.advance(2.9)
        self.assertNoResult(call)
        self.reactor.advance(0.2)
        failed = self.failureResultOf(call, ConnectionFailed).value
        self.assertEqual(failed.reason, "no answer within 3 s")

    def joined(self) -> tuple[Deferred[GatewayClient], Any, StringTransport]:
        """A connection on which nobody has answered yet."""
        call = connect("unix:/nowhere.sock", self.reactor, timeout=3.0)
        factory = self.reactor.unixClients[0][1]
        protocol = factory.buildProtocol(None)
        transport = StringTransport()
        protocol.makeConnection(transport)
        self.assertNoResult(call)
        return call, protocol, transport

    def test_who_does_not_answer_is_no_gateway(self) -> None:
        call, protocol, transport = self.joined()
        self.assertIn(b"Info", transport.value())
        self.reactor.advance(3.1)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(Failure(error.ConnectionDone()))
        failed = self.failureResultOf(call, ConnectionFailed).value
        self.assertIn("no gateway answers there within 3 s", str(failed))

    def test_connection_lost_before_the_first_answer(self) -> None:
        call, protocol, _ = self.joined()
        protocol.connectionLost(Failure(error.ConnectionLost()))
        self.failureResultOf(call, ConnectionFailed)

    def test_refused_connection_says_why(self) -> None:
        call = connect("unix:/nowhere.sock", self.reactor)
        factory = self.reactor.unixClients[0][1]
        factory.clientConnectionFailed(None, Failure(error.ConnectionRefusedError()))
        failed = self.failureResultOf(call, ConnectionFailed).value
        self.assertEqual(failed.endpoint, "unix:/nowhere.sock")
        self.assertIn("refused", failed.reason)

    def test_error_without_text_is_named(self) -> None:
        call = connect("unix:/nowhere.sock", self.reactor)
        factory = self.reactor.unixClients[0][1]
        factory.clientConnectionFailed(None, Failure(OSError()))
        failed = self.failureResultOf(call, ConnectionFailed).value
        self.assertEqual(failed.reason, "OSError")


class CallTests(RpcTestCase):
    def test_bad_argument_fails_the_call_without_a_trip(self) -> None:
        client = self.client()
        for call in (
            client.device("12"),
            client.history(IMEI, limit=0),
            client.set_policy(IMEI, "loved"),
        ):
            self.failureResultOf(call, MisuseError)

    def test_unanswered_call_is_given_up(self) -> None:
        client = self.client()
        call = client.info()
        self.clock.advance(30.0)
        gave_up = self.failureResultOf(call, CallTimeout).value
        self.assertEqual(gave_up.args, ("Info", 30.0))
        self.flush()  # the answer that comes too late
        self.assertIsNotNone(self.result(client.info()))

    def test_cancelled_call_is_cancelled(self) -> None:
        client = self.client()
        call = client.info()
        call.cancel()
        self.failureResultOf(call, CancelledError)
        self.flush()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNotNone(self.result(client.info()))

    def test_lost_connection_fails_what_waits_and_what_comes(self) -> None:
        client = self.client()
        calls = [client.info(), client.device(IMEI)]
        client._protocol.connectionLost(Failure(error.ConnectionLost()))
        for call in (*calls, client.info()):
            failed = self.failureResultOf(call, ConnectionFailed).value
            self.assertEqual(failed.endpoint, "unix:test")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_verb_that_the_gateway_does_not_know(self) -> None:
        self.answers = {}
        self.factory = self.make_factory()
        missing = self.failed(self.client().info(), NotFound)
        self.assertEqual(missing.args, ("verb", "Info"))

    def test_close_fires_when_closed_and_may_be_repeated(self) -> None:
        client = self.client()
        call = client.info()
        closed = client.close()
        self.assertNoResult(closed)
        self.flush()
        self.successResultOf(closed)
        self.successResultOf(call)
        self.failureResultOf(client.info(), ConnectionFailed)
        self.successResultOf(client.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_does_not_wait_for_ever(self) -> None:
        client = self.client()
        aborted: list[bool] = []
        client._protocol.transport.abortConnection = lambda: aborted.append(True)
        client.close()
        self.clock.advance(5.0)
        self.assertEqual(aborted, [True])
        self.flush()


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class StrangeServerTests(SynchronousTestCase):
    """What is at the other end is no gateway, or a broken one."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.protocol = ClientProtocol()
        self.transport = Transport()
        self.protocol.makeConnection(self.transport)
        self.client = GatewayClient(self.protocol, self.clock, "unix:test")

    def answer(self, **box: bytes) -> None:
        values = {name.encode(): value for name, value in box.items()}
        self.protocol.dataReceived(amp.AmpBox(values).serialize())

    def test_answer_without_its_values_is_a_violation(self) -> None:
        call = self.client.info()
        self.answer(_answer=b"1")
        self.failureResultOf(call, ProtocolViolation)
        self.assertFalse(self.transport.disconnecting)

    def test_error_that_we_do_not_know_is_a_violation(self) -> None:
        call = self.client.info()
        self.answer(_error=b"1", _error_code=b"NEW", _error_description=b"what")
        self.failureResultOf(call, ProtocolViolation)

    def test_error_without_its_fields_is_a_violation(self) -> None:
        call = self.client.info()
        self.answer(_error=b"1", _error_code=b"NOT_FOUND", _error_description=b"x")
        self.failureResultOf(call, ProtocolViolation)

    def test_orders_answers_to_nothing_and_empty_boxes_end_the_connection(self) -> None:
        for box in (
            {b"_command": b"StartTLS", b"_ask": b"1"},
            {b"_answer": b"99"},
            {b"_error": b"1"},
            {},
        ):
            self.setUp()
            self.protocol.dataReceived(amp.AmpBox(box).serialize())
            self.assertTrue(self.transport.aborted)

    @given(st.lists(st.binary(max_size=40), max_size=6))
    def test_garbage_never_leaves_an_error(self, pieces: list[bytes]) -> None:
        self.setUp()
        call: Deferred[Any] = self.client.info()
        for piece in pieces:
            self.protocol.dataReceived(piece)
        self.protocol.connectionLost(Failure(error.ConnectionDone()))
        self.failureResultOf(call, ConnectionFailed, ProtocolViolation)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
