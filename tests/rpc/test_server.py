from __future__ import annotations

from ipaddress import ip_network
from typing import Any, ClassVar, cast

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import (
    ILogObserver,
    LogLevel,
    capturedLogs,
    formatEvent,
    globalLogPublisher,
)
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from gatewaykit import access
from gatewaykit.access import Principal, Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    InternalError,
    MisuseError,
    NotFound,
    ProtocolViolation,
    StoreUnavailable,
)
from gatewaykit.interfaces import IHealth, Record
from gatewaykit.rpc import calls, server, verbs
from gatewaykit.rpc.server import RpcFactory, identify
from gatewaykit.testing import MemoryStore
from gatewaykit.vehicles import Registration
from tests.rpc.common import IMEI, RpcTestCase, report

TRUCK = "864000000000002"


class Probe(verbs.Verb):
    """Does whatever a test wants of it."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"value", amp.Unicode(optional=True))]
    response: ClassVar = [(b"value", amp.Unicode(optional=True))]


class Change(Probe):
    role = Role.DISPATCHER
    changes = True
    secrets = frozenset({"value"})


class ProbeTestCase(RpcTestCase):
    """`Probe` and `Change` do what `act` says."""

    def setUp(self) -> None:
        super().setUp()
        self.answers = {**self.answers, Probe: self.answer, Change: self.answer}
        self.factory = self.make_factory()
        self.calls: list[str | None] = []

    async def answer(self, value: str | None) -> Record:
        self.calls.append(value)
        return await self.act(value)

    async def act(self, value: str | None) -> Record:
        return {"value": value}

    def fail_with(self, error: Exception) -> None:
        async def act(value: str | None) -> Record:
            raise error

        self.act = act  # type: ignore[method-assign]

    def told(self, call: Deferred[Any]) -> list[Any]:
        """What a bare call fails with; AMP wants that handled before it arrives."""
        failures: list[Any] = []
        call.addErrback(failures.append)
        return failures

    def ask(
        self, verb: type[verbs.Verb] = Probe, role: Role = Role.ADMIN, **values: Any
    ) -> Deferred[Any]:
        client = self.client(role)
        return Deferred.fromCoroutine(client._call(verb, **values))


class CallTests(ProbeTestCase):
    def test_the_factory_is_a_subsystem(self) -> None:
        self.assertTrue(verifyObject(IHealth, self.factory))
        self.client()
        self.assertEqual(
            self.factory.health(),
            {"status": "ok", "reason": None, "connections": 1, "max_connections": 256},
        )

    def test_answer_arrives(self) -> None:
        self.assertEqual(self.result(self.ask(value="7")), {"value": "7"})

    def test_every_declared_error_arrives_and_leaves_the_connection_up(self) -> None:
        client = self.client()
        for error in (
            MisuseError("cursor", "x", "ours"),
            NotFound("device", IMEI),
            AccessDenied("uid:7", "Probe", "admin"),
            StoreUnavailable("disk full"),
            CallTimeout("Probe", 1.0),
            InternalError("r"),
        ):
            self.fail_with(error)
            call = Deferred.fromCoroutine(client._call(Probe))
            arrived = self.failed(call, type(error))
            self.assertEqual(arrived.args, error.args)
        self.assertIsNotNone(self.result(client.info()))

    def test_unforeseen_error_is_logged_once_and_told_by_reference(self) -> None:
        for error in (KeyError("bug"), ProtocolViolation("not for the caller")):
            self.fail_with(error)
            client = self.client()
            arrived = self.failed(
                Deferred.fromCoroutine(client._call(Probe)), InternalError
            )
            self.assertEqual(arrived.reference, "a-reference")
            self.assertEqual(len(self.flushLoggedErrors(type(error))), 1)
            self.assertIsNotNone(self.result(client.info()))

    def test_answer_that_does_not_fit_the_verb_is_an_internal_error(self) -> None:
        async def act(value: str | None) -> Record:
            return {"value": 7}

        self.act = act  # type: ignore[method-assign]
        self.failed(self.ask(), InternalError)
        self.assertEqual(len(self.flushLoggedErrors(AttributeError)), 1)

    def test_answer_that_takes_too_long_is_given_up(self) -> None:
        never: Deferred[Record] = Deferred()

        async def act(value: str | None) -> Record:
            return await never

        self.act = act  # type: ignore[method-assign]
        client = self.client()
        client._deadline_s = 100.0
        call = Deferred.fromCoroutine(client._call(Probe))
        self.flush()
        self.clock.advance(60.0)
        self.assertEqual(self.failed(call, CallTimeout).args, ("Probe", 60.0))
        self.assertIsNotNone(self.result(client.info()))

    def test_unknown_verb_leaves_the_connection_up(self) -> None:
        protocol, _, pump = self.join()
        call = self.told(protocol.callRemoteString(b"Nonsense\xff" * 1000))
        pump.flush()
        self.assertIsInstance(call[0].value, amp.UnhandledCommand)
        again = protocol.callRemote(verbs.Info)
        pump.flush()
        self.successResultOf(again)

    def test_tls_in_mid_stream_is_an_unknown_verb(self) -> None:
        protocol, _, pump = self.join()
        call = self.told(protocol.callRemoteString(b"StartTLS"))
        pump.flush()
        self.assertIsInstance(call[0].value, amp.UnhandledCommand)

    def test_calls_that_want_no_answer_get_none(self) -> None:
        protocol, connection, pump = self.join()
        self.fail_with(NotFound("device", IMEI))
        for command in (b"Probe", b"Nonsense", b"Info"):
            protocol.callRemoteString(command, requiresAnswer=False)
        pump.flush()
        self.assertEqual(self.calls, [None])
        self.assertIsNotNone(connection.transport)

    def test_any_amp_client_gets_the_same_errors(self) -> None:
        protocol, _, pump = self.join()
        call = self.told(protocol.callRemote(verbs.GetDevice, imei=IMEI))
        pump.flush()
        error = call[0].value
        self.assertIsInstance(error, NotFound)
        self.assertEqual(error.args, ("device", IMEI))

    def test_bad_argument_of_another_client_is_named(self) -> None:
        protocol, connection, pump = self.join()
        calls = [
            self.told(protocol.callRemoteString(b"GetDevice", imei=b"12")),
            self.told(protocol.callRemoteString(b"GetDevice")),
        ]
        pump.flush()
        for call in calls:
            self.assertEqual(call[0].value.errorCode, b"BAD_ARGUMENT")
        self.assertIsNotNone(connection.transport)


class RoleTests(ProbeTestCase):
    def test_every_verb_with_every_role(self) -> None:
        """Over the wire as in the table, and a refused verb changes nothing."""
        self.store.add_report(report())
        values: dict[str, Any] = {
            "imei": IMEI,
            "policy": "quarantined",
            "number": "12345",
            "text": "hello",
            "all": True,
            "command": "AT+CSQ",
            "variables": ["RA"],
            "name": "pair",
            "format": "2i",
            "right_ascension_h": 6.0,
            "declination_deg": 0.0,
            "on": True,
            "direction": "north",
            "duration_ms": 100,
            "utc_offset_h": 1.0,
        }
        own: dict[type[verbs.Verb], dict[str, Any]] = {
            verbs.MountCommand: {"text": ":RG#"},
            verbs.MountCase: {"number": 2},
            verbs.QueueCommand: {"imei": TRUCK, "kind": "position"},
            verbs.TrustConnection: {"imei": TRUCK},
        }
        self.successResultOf(self.store.register(TRUCK, {"model": "GV50"}))
        admin = Principal("admin", frozenset({Role.ADMIN}), "unix")
        for verb in verbs.ALL:
            names = {name.decode() for name, _ in verb.arguments}
            chosen = {key: values[key] for key in values if key in names}
            chosen |= own.get(verb, {})
            for role in Role:
                # No slew and no lease lasts as long.
                self.clock.advance(10)
                self.successResultOf(self.mount.status())
                self.mount.record["parked"] = False
                forgotten = dict.fromkeys(attrs.fields_dict(Registration))
                self.successResultOf(
                    self.store.register(IMEI, forgotten, "quarantined")
                )
                self.commands.doubtful.add(TRUCK)
                queued = self.commands.queue(admin, TRUCK, "position", {})
                if "id" in names:
                    chosen["id"] = self.successResultOf(queued)["id"]
                before = len(self.store.audit_records)
                call = self.ask(verb, role, **chosen)
                if Principal("", frozenset({role}), "").has(verb.role):
                    self.result(call)
                else:
                    error = self.failed(call, AccessDenied)
                    self.assertEqual(
                        error.args, (role.value, verb.name(), verb.role.value)
                    )
                written = len(self.store.audit_records) - before
                self.assertEqual(written, 1 if verb.changes else 0)

    def test_refused_verb_is_not_run(self) -> None:
        self.failed(self.ask(Change, Role.VIEWER), AccessDenied)
        self.assertEqual(self.calls, [])

    def test_role_is_weighed_before_arguments(self) -> None:
        protocol = self.client(Role.VIEWER)._protocol
        call = self.told(protocol.callRemoteString(b"SetPolicy", imei=b"x"))
        self.flush()
        self.assertEqual(call[0].value.errorCode, b"ACCESS_DENIED")


class AuditTests(ProbeTestCase):
    def outcomes(self) -> list[str]:
        return [record["outcome"] for record in self.store.audit_records]

    def test_success_failure_and_refusal_are_recorded(self) -> None:
        self.result(self.client().set_policy(IMEI, "refused"))
        self.store.set_policy = lambda imei, policy: 1 / 0  # type: ignore[assignment,return-value]
        self.failed(self.client().set_policy(IMEI, "accepted"), InternalError)
        self.flushLoggedErrors(ZeroDivisionError)
        self.failed(self.client(Role.VIEWER).set_policy(IMEI, "accepted"), AccessDenied)
        self.assertEqual(self.outcomes(), ["done", "failed: INTERNAL", "refused"])
        self.assertIsNone(access.verify(self.store.audit_records))
        self.assertEqual(
            {**self.store.audit_records[2], "hash": "", "previous_hash": ""},
            {
                "sequence": 3,
                "at": "2026-02-28T12:00:00.000Z",
                "who": "viewer",
                "from_where": "unix",
                "what": "SetPolicy",
                "arguments": {"imei": IMEI, "policy": "accepted"},
                "outcome": "refused",
                "previous_hash": "",
                "hash": "",
            },
        )

    def test_arguments_that_cannot_be_read_are_recorded(self) -> None:
        protocol = self.client()._protocol
        box = {"imei": b"\xff", "other": b"x"}
        call = self.told(protocol.callRemoteString(b"SetPolicy", **box))
        self.flush()
        self.assertEqual(len(call), 1)
        (record,) = self.store.audit_records
        self.assertEqual(record["arguments"], {"imei": "\\xff"})
        self.assertEqual(record["outcome"], "failed: BAD_ARGUMENT")

    def test_secrets_are_in_no_record(self) -> None:
        self.fail_with(MisuseError("value", "gv50", "a longer one"))
        self.failed(self.ask(Change, value="gv50"), MisuseError)
        self.assertNotIn("gv50", str(self.store.audit_records))

    def test_reading_is_not_recorded(self) -> None:
        self.result(self.client().info())
        self.assertEqual(self.store.audit_records, [])

    def test_change_that_cannot_be_recorded_is_not_reported_as_done(self) -> None:
        self.store.failure = "disk full"
        with capturedLogs() as lines:
            error = self.failed(self.ask(Change), StoreUnavailable)
        self.assertEqual(error.reason, "done, but the audit trail lacks it")
        self.assertEqual(self.calls, [None])
        (line,) = [formatEvent(event) for event in lines if "record" in event]
        self.assertIn("'what': 'Change'", line)
        self.assertIn("disk full", line)

    def test_bug_in_the_trail_is_told_and_not_reported_as_done(self) -> None:
        self.store.append_audit = lambda record: 1 / 0  # type: ignore[assignment,return-value]
        self.failed(self.ask(Change), StoreUnavailable)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_refusal_that_cannot_be_recorded_is_a_refusal(self) -> None:
        self.store.failure = "disk full"
        self.failed(self.ask(Change, Role.VIEWER), AccessDenied)

    def test_store_that_hangs_is_given_up(self) -> None:
        self.store.append_audit = lambda record: Deferred()  # type: ignore[method-assign]
        client = self.client()
        client._deadline_s = 1000.0
        call = Deferred.fromCoroutine(client._call(Change))
        self.flush()
        self.clock.advance(60.0)
        self.failed(call, StoreUnavailable)
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_flood_of_refusals_does_not_fill_the_trail(self) -> None:
        client = self.client(Role.VIEWER)
        for _ in range(150):
            self.failed(client.acknowledge_damage(), AccessDenied)
        self.assertEqual(len(self.store.audit_records), 100)
        self.result(self.client().acknowledge_damage())
        self.assertEqual(self.outcomes()[-1], "done")
        self.clock.advance(60.0)
        self.failed(client.acknowledge_damage(), AccessDenied)
        self.assertEqual(self.outcomes()[-1], "refused")


class Transport(StringTransport):
    """Tells what a server did to its transport."""

    aborted = False
    paused = False
    no_delay = False

    def abortConnection(self) -> None:
        self.aborted = self.disconnecting = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.no_delay = enabled

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


class ConnectedTestCase(ProbeTestCase):
    def connect(self) -> tuple[server.GatewayServer, Transport]:
        address = IPv4Address("TCP", "127.0.0.1", 40000)
        connection = self.factory.buildProtocol(address)
        assert connection is not None
        transport = Transport(peerAddress=address)
        connection.makeConnection(transport)
        return connection, transport

    def lose(self, connection: server.GatewayServer) -> None:
        connection.connectionLost(Failure(ConnectionError()))

    def request(self, **more: bytes) -> bytes:
        values = {name.encode(): value for name, value in more.items()}
        box = amp.AmpBox({amp.COMMAND: b"Probe", amp.ASK: b"1", **values})
        serialized: bytes = box.serialize()
        return serialized


class LimitTests(ConnectedTestCase):
    def test_no_delay_is_set_on_tcp(self) -> None:
        self.assertTrue(self.connect()[1].no_delay)

    def test_box_without_end_is_cut_off(self) -> None:
        connection, transport = self.connect()
        pair = b"\x00\x01k\xff\xff" + b"x" * 65_535
        for _ in range(3):
            connection.dataReceived(pair)
        self.assertFalse(transport.aborted)
        connection.dataReceived(pair)
        self.assertTrue(transport.aborted)
        connection.dataReceived(b"\x00\x00" + self.request())
        self.assertEqual(self.calls, [])

    def test_nothing_behind_an_oversized_box_is_looked_at(self) -> None:
        connection, transport = self.connect()
        pair = b"\x00\x01k\xff\xff" + b"x" * 65_535
        connection.dataReceived(pair * 5 + b"\x00\x00" + self.request())
        self.assertTrue(transport.aborted)
        self.assertEqual(self.calls, [])

    def test_large_complete_requests_are_taken(self) -> None:
        connection, transport = self.connect()
        for _ in range(10):
            connection.dataReceived(self.request(padding=b"x" * 65_535))
        self.assertFalse(transport.aborted)
        self.assertEqual(len(self.calls), 10)

    def test_unfinished_box_is_cut_off_in_time(self) -> None:
        for part in (b"\x00", self.request()[:9], self.request()[:-1]):
            connection, transport = self.connect()
            connection.dataReceived(self.request() + part)
            self.clock.advance(29.9)
            connection.dataReceived(b"")
            self.assertFalse(transport.aborted)
            self.clock.advance(0.1)
            self.assertTrue(transport.aborted)

    def test_quiet_connection_stays(self) -> None:
        connection, transport = self.connect()
        connection.dataReceived(self.request()[:5])
        connection.dataReceived(self.request()[5:])
        self.clock.advance(3600)
        self.assertFalse(transport.aborted)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lost_connection_leaves_no_timer(self) -> None:
        connection, _ = self.connect()
        connection.dataReceived(b"\x00")
        self.lose(connection)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_answers_to_nothing_and_empty_boxes_are_cut_off(self) -> None:
        for box in (
            b"\x00\x00",
            amp.AmpBox({amp.ANSWER: b"1"}).serialize(),
            amp.AmpBox({amp.ERROR: b"1"}).serialize(),
            amp.AmpBox({amp.ANSWER: b"1", amp.COMMAND: b"Probe"}).serialize(),
            amp.AmpBox({b"key": b"value"}).serialize(),
        ):
            connection, transport = self.connect()
            connection.dataReceived(box)
            self.assertTrue(transport.aborted)
        self.assertEqual(self.calls, [])

    def test_what_is_not_amp_is_cut_off(self) -> None:
        connection, transport = self.connect()
        connection.dataReceived(b"GET / HTTP/1.1\r\n\r\n")
        self.assertTrue(transport.aborted)

    def test_aborting_again_does_nothing(self) -> None:
        connection, transport = self.connect()
        connection.abort("once")
        transport.aborted = False
        connection.abort("twice")
        self.assertFalse(transport.aborted)

    def test_calls_that_run_hold_up_the_next(self) -> None:
        waiting: list[Deferred[Record]] = []

        async def act(value: str | None) -> Record:
            waiting.append(Deferred())
            return await waiting[-1]

        self.act = act  # type: ignore[method-assign]
        connection, transport = self.connect()
        connection.dataReceived(self.request() * 70)
        self.assertEqual(len(waiting), 64)
        self.assertTrue(transport.paused)
        waiting[0].callback({})
        self.assertEqual(len(waiting), 65)
        for number in range(1, 65):
            waiting[number].callback({})
        self.assertEqual(len(waiting), 70)
        self.assertFalse(transport.paused)
        for last in waiting[65:]:
            last.callback({})
        self.assertEqual(len(amp.parseString(transport.value())), 70)

    def test_call_that_ends_at_once_among_many_is_run_once(self) -> None:
        """The parser must not be entered again while it works."""
        waiting: list[Deferred[Record]] = []

        async def act(value: str | None) -> Record:
            if len(self.calls) > 63:
                return {}
            waiting.append(Deferred())
            return await waiting[-1]

        self.act = act  # type: ignore[method-assign]
        connection, transport = self.connect()
        connection.dataReceived(self.request() * 80)
        self.assertEqual(len(self.calls), 80)
        self.assertFalse(transport.paused)
        self.assertEqual(len(amp.parseString(transport.value())), 17)

    def test_client_that_does_not_read_is_not_listened_to(self) -> None:
        connection, transport = self.connect()
        self.assertIs(transport.producer, connection)
        connection.pauseProducing()
        self.assertTrue(transport.paused)
        connection.dataReceived(self.request())
        self.assertEqual(self.calls, [])
        self.clock.advance(100)
        self.assertFalse(transport.aborted)
        connection.resumeProducing()
        self.assertEqual(len(self.calls), 1)

    def test_answer_after_the_connection_is_gone_is_dropped(self) -> None:
        later: Deferred[Record] = Deferred()

        async def act(value: str | None) -> Record:
            return await later

        self.act = act  # type: ignore[method-assign]
        connection, transport = self.connect()
        connection.dataReceived(self.request())
        self.lose(connection)
        later.callback({})
        self.assertEqual(transport.value(), b"")

    def test_connections_are_limited(self) -> None:
        self.factory = self.make_factory(max_connections=1)
        connection, _ = self.connect()
        address = IPv4Address("TCP", "127.0.0.1", 40001)
        self.assertIsNone(self.factory.buildProtocol(address))
        self.lose(connection)
        self.assertIsNotNone(self.factory.buildProtocol(address))

    def test_full_tcp_leaves_room_on_the_unix_socket(self) -> None:
        self.factory = self.make_factory(max_connections=1)
        self.connect()
        for _ in range(16):
            connection = self.factory.buildProtocol(UNIXAddress(b""))
            assert connection is not None
            connection.makeConnection(Transport(peerAddress=UNIXAddress(b"")))
        self.assertIsNone(self.factory.buildProtocol(UNIXAddress(b"")))

    def test_other_hosts_are_refused_with_one_line(self) -> None:
        events: list[Any] = []
        observer = cast(ILogObserver, events.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        refused = [
            self.factory.buildProtocol(address)
            for number in range(20)
            for address in (
                IPv4Address("TCP", f"192.0.2.{number}", 1),
                IPv6Address("TCP", "2001:db8::1", 1),
            )
        ]
        self.assertEqual(set(refused), {None})
        warnings = [e for e in events if e["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 1)
        self.assertEqual(warnings[0]["peer"], "192.0.2.0")
        self.clock.advance(10.0)
        self.factory.buildProtocol(IPv4Address("TCP", "192.0.2.7", 1))
        self.assertIn("39 more", events[-1]["more"])

    def test_allowed_networks_may_look(self) -> None:
        networks = [ip_network("192.0.2.0/24")]
        self.factory = self.make_factory(networks=networks)
        inside, outside = (IPv4Address("TCP", f"192.0.{n}.7", 1) for n in (2, 3))
        self.assertIsNotNone(self.factory.buildProtocol(inside))
        self.assertIsNone(self.factory.buildProtocol(outside))
        found = identify(StringTransport(peerAddress=inside), networks=networks)
        assert found is not None
        self.assertEqual(found.roles, {Role.VIEWER})
        self.assertIsNone(identify(StringTransport(peerAddress=inside)))

    def test_unknown_kinds_of_transport_are_turned_away(self) -> None:
        self.assertIsNone(identify(StringTransport(peerAddress=object())))
        self.factory = RpcFactory(
            self.answers, self.store, self.clock, identify=lambda _: None
        )
        _, transport = self.connect()
        self.assertTrue(transport.aborted)

    def test_loopback_tcp_is_a_viewer(self) -> None:
        address = IPv4Address("TCP", "127.0.0.1", 40000)
        principal = identify(StringTransport(peerAddress=address))
        assert principal is not None
        self.assertEqual(principal.roles, {Role.VIEWER})

    def test_references_differ(self) -> None:
        self.assertNotEqual(calls.random_reference(), calls.random_reference())


class CloseTests(ConnectedTestCase):
    def test_close_all_without_connections_is_done_at_once(self) -> None:
        self.successResultOf(self.factory.close_all())

    def test_close_all_waits_for_every_connection(self) -> None:
        (one, first), (two, second) = self.connect(), self.connect()
        done = self.factory.close_all()
        self.assertTrue(first.disconnecting and second.disconnecting)
        self.assertIsNone(first.producer)
        self.lose(one)
        self.assertNoResult(done)
        self.lose(two)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close_all_cuts_off_who_does_not_read(self) -> None:
        (one, first), (two, second) = self.connect(), self.connect()
        done = self.factory.close_all(grace_s=2.0)
        self.lose(one)
        self.clock.advance(2.0)
        self.assertFalse(first.aborted)
        self.assertTrue(second.aborted)
        self.lose(two)
        self.successResultOf(done)

    def test_hanging_up_on_a_lost_connection_does_nothing(self) -> None:
        connection, _ = self.connect()
        self.lose(connection)
        connection.hang_up()


good_box = st.builds(
    lambda keys: amp.AmpBox(keys).serialize(),
    st.dictionaries(
        st.sampled_from(
            [b"_command", b"_ask", b"_answer", b"_error", b"imei", b"limit", b"x"]
        ),
        st.sampled_from([b"Info", b"GetDevice", b"SetPolicy", b"StartTLS", b"1", b""])
        | st.binary(max_size=40),
        min_size=1,
    ),
)


class GarbageTests(RpcTestCase):
    @settings(max_examples=200)
    @given(
        st.lists(good_box | st.binary(max_size=60), max_size=8),
        st.lists(st.integers(1, 50), min_size=1, max_size=5),
    )
    def test_garbage_never_leaves_an_error(
        self, pieces: list[bytes], cuts: list[int]
    ) -> None:
        clock = Clock()
        store = MemoryStore(clock)
        factory = RpcFactory(
            self.answers,
            store,
            clock,
            identify=lambda _: Principal("test", frozenset({Role.ADMIN}), "unix"),
        )
        connection = factory.buildProtocol(None)
        assert connection is not None
        transport = Transport()
        connection.makeConnection(transport)
        data = b"".join(pieces)
        position = turn = 0
        while position < len(data):
            size = cuts[turn % len(cuts)]
            connection.dataReceived(data[position : position + size])
            position += size
            turn += 1
        clock.advance(100)
        connection.connectionLost(Failure(ConnectionError()))
        self.assertEqual(clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])
