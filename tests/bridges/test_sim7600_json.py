from __future__ import annotations

import json
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet import reactor as global_reactor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.protocol import connectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from gatewaykit import metrics
from gatewaykit.access import Principal, Role
from gatewaykit.bridges.sim7600_json import (
    ANSWER_S,
    IDLE_S,
    UNREAD_S,
    WAITING_REQUESTS,
    JsonConnection,
    JsonFactory,
)
from gatewaykit.errors import DeviceUnavailable
from gatewaykit.interfaces import IHealth, IModem
from gatewaykit.rpc import server, verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.blocking import BlockingClient
from gatewaykit.rpc.dialects import DialectFactory
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryStore
from tests.bridges.modem import LOCATION, NETWORK, NOTHING, FakeModem
from tests.bridges.old_client import OldClient

reactor: Any = global_reactor
ADDRESS = IPv4Address("TCP", "127.0.0.1", 40000)
METHODS = ("is_available", "get_network_status", "get_gnss_location")
GONE = DeviceUnavailable("SIM7600", "no such port")


class Wire(StringTransport):
    """A transport that keeps writes apart."""

    def __init__(self) -> None:
        super().__init__(peerAddress=ADDRESS)
        self.writes: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def abortConnection(self) -> None:
        self.aborted = True


def wire(method: str) -> bytes:
    return json.dumps({"method": method}).encode()


def dropped(kind: str) -> float:
    labels = {"bridge": "sim7600_json", "reason": kind}
    found = metrics.registry.get_sample_value("gatewaykit_bridge_dropped_total", labels)
    return found or 0.0


class JsonTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.modem = FakeModem()
        self.roles = frozenset({Role.VIEWER})
        self.factory = self.make(cast(Any, self.modem))

    def make(self, modem: Any, **options: Any) -> JsonFactory:
        return JsonFactory(
            modem,
            lambda _: Principal("anonymous", self.roles, "tcp:127.0.0.1:40000"),
            self.clock,
            **options,
        )

    def connect(
        self, factory: JsonFactory | None = None
    ) -> tuple[JsonConnection, Wire]:
        protocol = (factory or self.factory).buildProtocol(ADDRESS)
        assert protocol is not None
        transport = Wire()
        protocol.makeConnection(transport)
        return protocol, transport

    def ask(self, data: bytes, factory: JsonFactory | None = None) -> bytes:
        """The one write that answers."""
        protocol, transport = self.connect(factory)
        protocol.dataReceived(data)
        (reply,) = transport.writes
        self.assertFalse(transport.aborted or transport.disconnecting)
        protocol.connectionLost(connectionDone)
        return reply


class ReplyTests(JsonTestCase):
    def starts(self, reply: bytes, expected: str) -> None:
        """The old bytes, then nothing but new keys."""
        old = expected.rstrip("}")
        self.assertEqual(reply.decode()[: len(old)], old)
        self.assertLess(len(reply), 1400)

    def test_available(self) -> None:
        self.assertEqual(
            self.ask(wire("is_available")), b'{"success": true, "result": true}'
        )
        self.modem.answers["available"] = {"available": False}
        self.assertEqual(
            self.ask(wire("is_available")), b'{"success": true, "result": false}'
        )

    def test_network_status(self) -> None:
        self.starts(
            self.ask(wire("get_network_status")),
            '{"success": true, "result": {"connected": true, "signal_strength": "-69 dBm",'
            ' "operator": "T-Mobile", "network_type": "LTE", "registration_status": 1}}',
        )
        self.modem.answers["network_status"] = NETWORK | {
            "connected": False,
            "signal_dbm": None,
            "operator": None,
            "technology": None,
            "registration_status": 2,
        }
        self.starts(
            self.ask(wire("get_network_status")),
            '{"success": true, "result": {"connected": false, "signal_strength": null,'
            ' "operator": null, "network_type": null, "registration_status": 2}}',
        )

    def test_location(self) -> None:
        self.starts(
            self.ask(wire("get_gnss_location")),
            '{"success": true, "result": {"success": true, "data": {"mode": 3,'
            ' "fix_type": "3D", "satellites": {"gps": 9, "glonass": 5, "beidou": 0,'
            ' "total": 14}, "latitude": 51.820233333333334, "longitude": -1.32,'
            ' "altitude": 82.5, "speed": 18.52, "speed_knots": 10.0, "course": 45.0,'
            ' "date": "300825", "utc_time": "123456.0", "pdop": 1.4, "hdop": 0.8,'
            ' "vdop": 1.2, "fix_status": "valid", "source": "GNSS"}}}',
        )
        self.modem.answers["location"] = LOCATION | {"hdop": None}
        self.assertNotIn(b"hdop", self.ask(wire("get_gnss_location")))

    def test_no_fix(self) -> None:
        self.modem.answers["location"] = NOTHING
        self.starts(
            self.ask(wire("get_gnss_location")),
            '{"success": true, "result": {"success": true, "data": {"fix_status":'
            ' "no_fix", "error": "No GNSS fix available", "source": "GNSS"}}}',
        )

    def failures(self, factory: JsonFactory, error: str) -> None:
        self.assertEqual(
            self.ask(wire("is_available"), factory),
            b'{"success": true, "result": false}',
        )
        self.assertEqual(
            json.loads(self.ask(wire("get_network_status"), factory)),
            {
                "success": True,
                "result": {
                    "connected": False,
                    "signal_strength": None,
                    "operator": None,
                    "network_type": None,
                    "registration_status": None,
                    "error": error,
                    "device_present": False,
                },
            },
        )
        self.assertEqual(
            self.ask(wire("get_gnss_location"), factory),
            b'{"success": false, "result": {"success": false, "data": null}}',
        )

    def test_no_modem(self) -> None:
        self.failures(self.make(None), "No SIM7600 modem is configured")

    def test_modem_that_is_gone(self) -> None:
        self.modem.answers = dict.fromkeys(self.modem.answers, GONE)
        self.failures(self.factory, "SIM7600 is not available: no such port")

    def test_position_of_a_modem_that_does_not_answer(self) -> None:
        """An old one is kept for those who ask for it; the old daemon had none."""
        stale = NOTHING | {"fix_status": "stale", "stale": True}
        self.modem.answers["location"] = stale
        for answer in ({"available": False}, GONE, KeyError("bug")):
            self.modem.answers["available"] = answer
            self.assertEqual(
                self.ask(wire("get_gnss_location")),
                b'{"success": false, "result": {"success": false, "data": null}}',
            )
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        # It answers, and repeats an old fix.
        self.modem.answers["available"] = {"available": True}
        self.assertIn(b'"no_fix"', self.ask(wire("get_gnss_location")))

    def test_bug_behind_it(self) -> None:
        self.modem.answers = dict.fromkeys(self.modem.answers, KeyError("bug"))
        self.failures(self.factory, "Internal error")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_status_that_the_modem_no_longer_stands_for(self) -> None:
        self.modem.answers["network_status"] = NETWORK | {"stale": True}
        found = json.loads(self.ask(wire("get_network_status")))["result"]
        self.assertEqual((found["connected"], found["signal_strength"]), (False, None))
        self.assertIn("does not answer", found["error"])

    def test_errors_have_the_old_words(self) -> None:
        for request, error in (
            (b'{"method": "nope"}', "Unknown method: nope"),
            (b"{}", "Unknown method: None"),
            (b'{"method": ["is_available"]}', "Unknown method: ['is_available']"),
            (b"[1]", "'list' object has no attribute 'get'"),
            (b"null", "'NoneType' object has no attribute 'get'"),
            (b'"x"', "'str' object has no attribute 'get'"),
            (b"garbage", "Expecting value: line 1 column 1 (char 0)"),
            (
                b"\xff\xfe",
                "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            ),
        ):
            expected = json.dumps({"success": False, "error": error}).encode()
            self.assertEqual(self.ask(request), expected)
        self.assertLess(len(self.ask(wire("\U0001f600" * 300))), 4096)

    def test_extra_keys_are_ignored(self) -> None:
        self.assertIn(b"true", self.ask(b'{"id": 1, "method": "is_available"}\r\n'))

    def test_who_may_not_look_is_told(self) -> None:
        self.roles = frozenset()
        for method in METHODS:
            reply = json.loads(self.ask(wire(method)))
            self.assertFalse(reply["success"])
            self.assertIn("needs role viewer", reply["error"])


class ConnectionTests(JsonTestCase):
    @given(
        st.lists(
            st.sampled_from(
                [wire(m) for m in METHODS] + [b"{}", b'{"method": "\xc3\xa4"}']
            ),
            min_size=1,
            max_size=5,
        ),
        st.lists(st.integers(0, 400), max_size=10),
    )
    def test_any_chunking_gives_the_same_replies(
        self, requests: list[bytes], cuts: list[int]
    ) -> None:
        data = b"".join(requests)
        protocol, transport = self.connect()
        ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
        for start, end in zip([0, *ends], ends, strict=False):
            protocol.dataReceived(data[start:end])
        self.assertEqual(transport.writes, [self.ask(request) for request in requests])
        protocol.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    @given(st.lists(st.binary(max_size=200), max_size=5))
    def test_garbage_gets_answers_or_waits(self, chunks: list[bytes]) -> None:
        protocol, transport = self.connect()
        for chunk in chunks:
            protocol.dataReceived(chunk)
        self.clock.advance(ANSWER_S)
        for reply in transport.writes:
            self.assertFalse(json.loads(reply)["success"])
        if b"".join(chunks).strip(b" \t\r\n") and not transport.aborted:
            self.assertGreater(len(transport.writes), 0)
        protocol.connectionLost(connectionDone)

    def test_nothing_is_said_unasked(self) -> None:
        protocol, transport = self.connect()
        self.clock.advance(100_000)
        self.assertEqual(transport.writes, [])
        protocol.dataReceived(wire("nope"))
        protocol.dataReceived(wire("is_available"))
        self.assertEqual(len(transport.writes), 2)

    def test_a_modem_that_hangs_does_not_hang_the_client(self) -> None:
        for method in METHODS:
            self.modem.answers = dict.fromkeys(self.modem.answers)
            protocol, transport = self.connect()
            protocol.dataReceived(wire(method) * 2)
            self.clock.advance(ANSWER_S - 0.1)
            self.assertEqual(transport.writes, [])
            self.clock.advance(0.1)
            self.clock.advance(0)
            self.assertEqual(len(transport.writes), 2)
            reply = json.loads(transport.writes[0])
            self.assertNotIn(True, (reply["result"], reply["result"] is None))

    def test_half_a_request_is_answered_in_time(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b'{"method": "is_ava')
        self.clock.advance(ANSWER_S - 0.1)
        self.assertEqual(transport.writes, [])
        self.clock.advance(0.1)
        self.assertEqual(
            transport.writes,
            [
                (
                    b'{"success": false, "error":'
                    b' "Unterminated string starting at: line 1 column 12 (char 11)"}'
                )
            ],
        )
        protocol.dataReceived(wire("is_available"))
        self.assertIn(b"true", transport.writes[1])

    def test_too_long_a_request_is_answered_and_closed(self) -> None:
        before = dropped("overlong")
        protocol, transport = self.connect()
        protocol.dataReceived(b'{"method": "' + b"x" * 5000)
        self.assertIn(b"more than 4096", transport.writes[0])
        self.assertTrue(transport.disconnecting)
        protocol.dataReceived(wire("is_available"))
        self.assertEqual(len(transport.writes), 1)
        self.assertEqual(dropped("overlong"), before + 1)

    def test_a_flood_is_cut_off(self) -> None:
        self.modem.answers["available"] = Deferred()
        before = dropped("flood")
        protocol, transport = self.connect()
        for _ in range(WAITING_REQUESTS + 1):
            protocol.dataReceived(wire("is_available"))
        self.assertFalse(transport.aborted)
        protocol.dataReceived(wire("is_available"))
        self.assertTrue(transport.aborted)
        self.assertEqual(dropped("flood"), before + 1)

    def test_a_client_that_does_not_read_is_held_up_and_dropped(self) -> None:
        protocol, transport = self.connect()
        protocol.pauseProducing()
        protocol.dataReceived(wire("is_available"))
        self.assertEqual(transport.writes, [])
        protocol.resumeProducing()
        self.assertEqual(len(transport.writes), 1)
        protocol.pauseProducing()
        protocol.pauseProducing()
        self.clock.advance(UNREAD_S)
        self.assertTrue(transport.aborted)
        protocol.stopProducing()
        protocol.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_client_that_left_gets_nothing(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.modem.answers["available"] = waiting
        protocol, transport = self.connect()
        protocol.dataReceived(wire("is_available"))
        protocol.connectionLost(connectionDone)
        waiting.callback({"available": True})
        self.assertEqual(transport.writes, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_was_asked_before_the_end_is_answered(self) -> None:
        waiting: Deferred[Any] = Deferred()
        self.modem.answers["available"] = waiting
        protocol, transport = self.connect()
        protocol.dataReceived(wire("is_available") + b'{"meth')
        protocol.readConnectionLost()
        protocol.readConnectionLost()
        self.assertFalse(transport.disconnecting)
        waiting.callback({"available": True})
        self.assertEqual(len(transport.writes), 2)
        self.assertIn(b"true", transport.writes[0])
        self.assertIn(b"Unterminated", transport.writes[1])
        self.assertTrue(transport.disconnecting)
        protocol.writeConnectionLost()
        protocol.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing_asked_before_the_end(self) -> None:
        protocol, transport = self.connect()
        protocol.readConnectionLost()
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_last_answer_that_nobody_reads_is_cut_off(self) -> None:
        protocol, transport = self.connect()
        protocol.dataReceived(b'{"method": "' + b"x" * 5000)
        self.assertTrue(transport.disconnecting)
        self.clock.advance(UNREAD_S)
        self.assertTrue(transport.aborted)
        protocol.connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nobody_is_dropped(self) -> None:
        factory = JsonFactory(None, lambda _: None, self.clock)
        protocol, transport = self.connect(factory)
        protocol.dataReceived(wire("is_available"))
        self.assertTrue(transport.aborted)
        self.assertEqual(transport.writes, [])


class FactoryTests(JsonTestCase):
    def test_connections_are_counted_and_limited(self) -> None:
        factory = self.make(None, max_connections=2)
        verifyObject(IHealth, factory)
        self.assertEqual(factory.name, "sim7600_json")
        first, _ = self.connect(factory)
        self.connect(factory)
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        self.assertEqual(
            factory.health(),
            {"status": "ok", "reason": None, "connections": 2, "max_connections": 2},
        )
        first.connectionLost(connectionDone)
        self.assertIsNotNone(factory.buildProtocol(ADDRESS))

    def test_who_asks_nothing_makes_room(self) -> None:
        """The old clients leave connections open where programs forget about them."""
        factory = self.make(cast(Any, self.modem), max_connections=3)
        waiting, waiting_wire = self.connect(factory)
        self.modem.answers["available"] = None
        waiting.dataReceived(wire("is_available"))
        silent, silent_wire = self.connect(factory)
        active, active_wire = self.connect(factory)
        self.clock.advance(1.0)
        self.modem.answers["available"] = {"available": True}
        active.dataReceived(wire("is_available"))
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        self.clock.pump([ANSWER_S - 1.1, IDLE_S - ANSWER_S + 0.2])
        waiting.dataReceived(b'{"meth')
        before = dropped("idle")
        newest, _ = self.connect(factory)
        self.assertTrue(silent_wire.aborted)
        self.assertEqual(dropped("idle"), before + 1)
        self.assertIsNone(factory.buildProtocol(ADDRESS))
        self.assertFalse(waiting_wire.aborted or active_wire.aborted)
        self.assertEqual(factory.health()["connections"], 3)
        for protocol in (waiting, silent, active, newest):
            protocol.connectionLost(connectionDone)
        self.assertEqual(factory.health()["connections"], 0)

    def test_close_all(self) -> None:
        self.assertIsNone(self.successResultOf(self.factory.close_all()))
        protocol, transport = self.connect()
        mute, stuck = self.connect()
        done = self.factory.close_all(grace_s=2.0)
        self.assertTrue(transport.disconnecting)
        protocol.connectionLost(connectionDone)
        self.clock.advance(2.0)
        self.assertTrue(stuck.aborted)
        self.assertFalse(transport.aborted)
        mute.connectionLost(connectionDone)
        self.assertIsNone(self.successResultOf(done))
        self.connect()[0].connectionLost(connectionDone)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class OldClientTests(TestCase):
    """The unmodified client's behaviour, and a new client, on one port."""

    timeout = 30

    async def setUp(self) -> None:  # type: ignore[override]
        self.modem = FakeModem()
        store = MemoryStore(reactor)
        answers = GatewayAnswers(store, None, [], reactor).table()
        rpc = RpcFactory(answers, store, reactor)
        bridge = JsonFactory(cast(IModem, self.modem), server.identify, reactor)
        door = DialectFactory(rpc, {b"{": bridge}, reactor, accepts=rpc.accepts)
        endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
        port = await endpoint.listen(door)
        host: Any = port.getHost()
        self.port: int = host.port
        for cleanup in (door.close_all, bridge.close_all, rpc.close_all):
            self.addCleanup(cleanup)
        self.addCleanup(port.stopListening)

    async def test_all_methods_over_one_connection(self) -> None:
        client = OldClient("localhost", self.port)
        self.addCleanup(client.close)

        def poll() -> tuple[Any, Any, Any]:
            return (
                client.is_available(),
                client.get_network_status(),
                client.get_gnss_location(),
            )

        for _ in range(3):
            available, status, (success, location) = await deferToThread(poll)
            self.assertIs(available, True)
            self.assertEqual(status["signal_strength"], "-69 dBm")
            self.assertIs(success, True)
            self.assertEqual(location["latitude"], 51.820233333333334)
        self.assertEqual(client.failures, [])
        self.assertEqual(client.sent[0], b'{"method": "is_available"}')

    async def test_failure_shapes(self) -> None:
        self.modem.answers = dict.fromkeys(self.modem.answers, GONE)
        client = OldClient("localhost", self.port)
        self.addCleanup(client.close)
        self.assertIs(await deferToThread(client.is_available), False)
        status = await deferToThread(client.get_network_status)
        self.assertEqual(
            (status["connected"], status["device_present"]), (False, False)
        )
        self.assertEqual(await deferToThread(client.get_gnss_location), (False, None))
        self.assertEqual(client.failures, [])

    async def test_many_fresh_clients(self) -> None:
        def cycle() -> bool:
            client = OldClient("localhost", self.port)
            try:
                return client.is_available() and client.get_gnss_location()[0]
            finally:
                client.close()

        for task in [deferToThread(cycle) for _ in range(40)]:
            self.assertIs(await task, True)

    async def test_new_clients_speak_amp_on_the_same_port(self) -> None:
        client = BlockingClient(f"tcp:localhost:{self.port}")
        self.addCleanup(client.close)
        found = await deferToThread(client.call, verbs.Info)
        self.assertEqual(found["api"], verbs.API_LEVEL)
