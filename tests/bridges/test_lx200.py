"""Connections: their limits, their order, their end."""

from __future__ import annotations

import socket
from typing import Any, cast
from unittest.mock import Mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import ITCPTransport, ITransport
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from gatewaykit import metrics
from gatewaykit.access import Principal, Role
from gatewaykit.bridges import lx200
from gatewaykit.bridges.lx200 import LINGER_S, Lx200Factory
from gatewaykit.bridges.lx200_connection import (
    IDLE_S,
    KERNEL_BYTES,
    MOST_WAITING,
    ORDERS_A_SECOND,
    UNREAD_S,
    Lx200Connection,
)
from gatewaykit.interfaces import IHealth
from gatewaykit.sections import Lx200Settings
from gatewaykit.testing import MemoryStore
from tests.bridges.lx200_support import HOST, Lx200TestCase, SlowMount, Transport
from tests.strategies import reads

GR, GD = "05:47:12#", "-05*23:28#"


def dropped(reason: str) -> float:
    found = metrics.registry.get_sample_value(
        "gatewaykit_bridge_dropped_total", {"bridge": "lx200", "reason": reason}
    )
    return found or 0.0


class ConnectionTests(Lx200TestCase):
    def test_nothing_unasked(self) -> None:
        peer = self.peer()
        self.passed(60)
        self.assertEqual(peer.got(), "")

    def test_answers_in_order_and_one_write_each(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":GR#:GD#:RS#\x06:Gc#"), f"{GR}{GD}P24#")
        self.assertEqual(len(peer.transport.writes), 4)

    def test_in_order_also_if_one_takes_its_time(self) -> None:
        peer = self.peer()
        gate = self.mount.hold("slew")
        peer.send(":Sr05:47:12#:Sd-05*23:28#:MS#:GR#")
        self.assertEqual(peer.got(), "11")
        self.clock.advance(1)
        peer.send(":GD#")
        self.assertEqual(peer.got(), "")
        gate.callback(None)
        self.assertEqual(peer.got(), f"0{GR}{GD}")

    def test_slow_one_holds_up_nobody_else(self) -> None:
        one, other = self.peer(), self.peer()
        self.mount.hold("slew")
        one.send(":Sr05:47:12#:Sd-05*23:28#:MS#")
        self.assertEqual(other.ask(":GR#"), GR)

    def test_late_answers_are_left_out(self) -> None:
        peer = self.peer("common")
        gate = self.mount.hold("status")
        peer.send(":GR#")
        self.clock.advance(2.8)
        self.assertEqual(peer.ask(":GD#"), GD)
        self.assertTrue(gate.called)
        self.assertEqual(peer.got(), "")

    def test_what_waited_too_long_is_not_done(self) -> None:
        peer = self.peer("common")
        gate = self.mount.hold("status")
        self.assertEqual(peer.ask(":Sr05:47:12#:Sd-05*23:28#"), "11")
        peer.send(":GR#:MS#:GD#")
        self.clock.advance(2.8)
        self.assertEqual(peer.got(), "")
        self.assertNotIn("slew", self.mount.calls)
        self.assertTrue(gate.called)
        self.assertEqual(peer.ask(":GD#"), GD)

    def test_position_is_kept_fresh_while_somebody_is_there(self) -> None:
        self.assertEqual(self.mount.watchers, 0)
        peers = [self.peer() for _ in range(3)]
        self.assertEqual(self.mount.watchers, 1)
        for peer in peers:
            peer.leave()
        self.clock.advance(LINGER_S - 1)
        self.assertEqual(self.mount.watchers, 1)
        self.peer().leave()
        self.clock.advance(LINGER_S - 1)
        self.assertEqual(self.mount.watchers, 1)
        self.clock.advance(1)
        self.assertEqual(self.mount.watchers, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_binary_command_ends_the_connection(self) -> None:
        before = dropped("binary")
        peer = self.peer()
        peer.send(":GR#:*!S 05;\x03#\x00#:MS#:GD#")
        self.assertTrue(peer.transport.aborted)
        self.assertEqual(peer.got(), GR)
        self.assertEqual(dropped("binary"), before + 1)
        peer.send(":GD#")
        self.assertEqual(peer.got(), "")

    def test_overlong_command_ends_the_connection(self) -> None:
        peer = self.peer()
        peer.send(":" + "x" * 5000)
        self.assertTrue(peer.transport.aborted)

    def test_flood_ends_the_connection(self) -> None:
        peer = self.peer()
        peer.send(":GR#" * (MOST_WAITING + 1))
        self.assertTrue(peer.transport.aborted)
        self.assertEqual(peer.got(), "")

    def test_stop_within_a_flood_is_done(self) -> None:
        peer = self.peer()
        peer.send(":GR#" * MOST_WAITING + ":Q#" + ":MS#" * MOST_WAITING)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual([deed[0] for deed in self.mount.deeds], ["stop"])

    def test_flood_behind_a_slow_one_ends_the_connection(self) -> None:
        peer = self.peer()
        self.mount.hold("status")
        for _ in range(MOST_WAITING + 1):
            peer.send(":GR#")
        self.assertFalse(peer.transport.aborted)
        peer.send(":GR#")
        self.assertTrue(peer.transport.aborted)

    def test_many_a_second_wait_in_the_network(self) -> None:
        peer = self.peer()
        self.assertEqual(peer.ask(":GR#" * 100), GR * 100)
        self.assertEqual(peer.ask(":GR#" * 100), GR * 100)
        self.assertEqual(peer.transport.producerState, "producing")
        self.assertEqual(peer.ask(":GR#" * 2), GR * 2)
        self.assertEqual(peer.transport.producerState, "paused")
        self.clock.advance(1)
        self.assertEqual(peer.transport.producerState, "producing")

    def test_rate_is_counted_by_the_second(self) -> None:
        peer = self.peer()
        for _ in range(10):
            peer.send(":GR#" * (MOST_WAITING - 1))
            peer.send(":GR#" * (ORDERS_A_SECOND - MOST_WAITING))
            self.clock.advance(1)
        self.assertEqual(peer.transport.producerState, "producing")

    def test_idle_connection_is_closed(self) -> None:
        before = dropped("idle")
        peer = self.peer()
        for _ in range(10):
            self.clock.advance(IDLE_S - 1)
            peer.send(":GR#")
        self.assertFalse(peer.transport.aborted)
        self.clock.advance(IDLE_S)
        self.assertTrue(peer.transport.aborted)
        self.assertEqual(dropped("idle"), before + 1)

    def test_noise_is_idle_too(self) -> None:
        peer = self.peer()
        for _ in range(10):
            peer.send("GET / HTTP/1.1\r\nHost-")
            self.clock.advance(IDLE_S / 10)
        self.assertTrue(peer.transport.aborted)

    def test_one_that_does_not_read_gets_no_more(self) -> None:
        peer = self.peer()
        producer = peer.protocol
        producer.pauseProducing()
        producer.pauseProducing()
        peer.send(":GR#:GD#")
        self.assertEqual(peer.got(), "")
        self.clock.advance(1)
        producer.resumeProducing()
        self.assertEqual(peer.got(), f"{GR}{GD}")
        producer.resumeProducing()
        self.clock.advance(UNREAD_S)
        self.assertFalse(peer.transport.aborted)

    def test_one_that_does_not_read_for_long_is_dropped(self) -> None:
        peer = self.peer()
        producer = peer.protocol
        producer.pauseProducing()
        self.clock.advance(UNREAD_S)
        self.assertTrue(peer.transport.aborted)
        producer.pauseProducing()
        producer.stopProducing()
        peer.leave()
        self.passed(LINGER_S)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_goes_in_the_middle(self) -> None:
        peer = self.peer()
        gate = self.mount.hold("status")
        peer.send(":GR#:GD#")
        peer.leave()
        gate.callback(None)
        self.assertEqual(peer.got(), "")

    def test_bug_ends_the_connection_alone(self) -> None:
        one, other = self.peer(), self.peer()
        self.patch(lx200, "PROFILES", {})
        client = one.protocol._client
        assert client is not None
        self.patch(client, "answer", Mock(side_effect=ZeroDivisionError("oops")))
        one.send(":GR#")
        self.assertTrue(one.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(other.ask(":GR#"), GR)

    def test_bug_after_the_end(self) -> None:
        peer = self.peer()
        client = peer.protocol._client
        assert client is not None
        gate: Deferred[bytes] = Deferred()
        self.patch(client, "answer", lambda *_: gate)
        peer.send(":GR#")
        peer.leave()
        gate.errback(ZeroDivisionError("oops"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertFalse(peer.transport.aborted)

    def test_bug_of_the_mount_is_no_answer(self) -> None:
        peer = self.peer()
        self.mount.hold("status").errback(ZeroDivisionError("oops"))
        self.assertEqual(peer.ask(":GR#:GD#"), GD)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_tcp_options(self) -> None:
        handles: list[Any] = [Mock(spec=socket.socket), object()]
        options: list[str] = []

        class TCP(Transport):
            def getHandle(self) -> Any:
                return each

            def setTcpNoDelay(self, enabled: bool) -> None:
                options.append("no delay")

            def setTcpKeepAlive(self, enabled: bool) -> None:
                options.append("keep alive")

        for each in handles:
            protocol = self.factory.door("indi").buildProtocol(None)
            transport = TCP(HOST, 1)
            directlyProvides(transport, ITCPTransport)
            assert protocol is not None
            protocol.makeConnection(cast(ITransport, transport))
            if isinstance(each, Mock):
                each.setsockopt.assert_called_once_with(
                    socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES
                )
        self.assertEqual(options, ["no delay", "keep alive"] * 2)

    @given(
        st.lists(
            st.sampled_from(
                [
                    *("#", " ", "\r\n", "\x06", "Ka", ":GR#", ":GD#", ":D#", ":U#"),
                    *(":Sr05:47:12#", ":Sd-05*23:28#", ":MS#", ":CM#", ":Mn#", ":Qn#"),
                    *(":ED#", ":RS#", ":Gc#", ":SC08/05/26#", ":SL21:15:30#", ":xyz#"),
                ]
            ),
            max_size=30,
        ),
        st.data(),
    )
    @settings(suppress_health_check=[HealthCheck.too_slow])
    def test_cuts_make_no_difference(
        self, commands: list[str], data: st.DataObject
    ) -> None:
        stream = "".join(commands).encode("latin-1")
        found = []
        for pieces in ([stream], data.draw(reads(stream))):
            self.setUp()
            peer = self.peer()
            for piece in pieces:
                peer.protocol.dataReceived(piece)
            found.append(peer.got())
        self.assertEqual(found[0], found[1])


class AdmissionTests(Lx200TestCase):
    def test_other_hosts_are_nobody(self) -> None:
        before = dropped("unknown")
        with capturedLogs() as events:
            peer = self.peer(host="192.0.2.1")
        self.assertTrue(peer.transport.aborted)
        self.assertEqual(peer.ask(":GR#"), "")
        self.assertEqual(dropped("unknown"), before + 1)
        self.assertIn(LogLevel.warn, [event["log_level"] for event in events])
        self.assertEqual(self.mount.watchers, 0)
        peer.leave()

    def test_hosts_of_the_settings_may_connect(self) -> None:
        self.factory = self.make_factory(allow_from=("192.0.2.0/24",))
        self.assertEqual(self.peer(host="192.0.2.1").ask(":GR#"), GR)

    def test_who_they_are(self) -> None:
        transport = Transport("127.0.0.1", 40_000)
        self.assertEqual(
            lx200.identify(cast(ITransport, transport), Role.OPERATOR, []),
            Principal("lx200", frozenset({Role.OPERATOR}), "tcp:127.0.0.1:40000"),
        )
        transport = Transport("192.0.2.1", 40_000)
        self.assertIsNone(
            lx200.identify(cast(ITransport, transport), Role.OPERATOR, [])
        )

    def test_role_without_any_rights(self) -> None:
        nobody = Principal("lx200", frozenset(), "tcp:127.0.0.1:40000")
        self.factory = self.make_factory(identify=lambda _: nobody)
        before = dropped("denied")
        self.assertTrue(self.peer().transport.aborted)
        self.assertEqual(dropped("denied"), before + 1)

    def test_unix_socket_is_one_address(self) -> None:
        viewer = Principal("lx200", frozenset({Role.VIEWER}), "unix")
        self.factory = self.make_factory(identify=lambda _: viewer)
        protocol = self.factory.door("indi").buildProtocol(UNIXAddress(None))
        assert protocol is not None
        transport = Transport(HOST, 1)
        self.patch(transport, "getPeer", lambda: UNIXAddress(None))
        protocol.makeConnection(cast(ITransport, transport))
        self.assertEqual(protocol.host, "unix")

    def test_connections_in_all(self) -> None:
        self.factory = self.make_factory(max_connections=2)
        before = dropped("limit")
        peers = [self.peer() for _ in range(2)]
        address = IPv4Address("TCP", HOST, 1)
        self.assertIsNone(self.factory.door("indi").buildProtocol(address))
        self.assertEqual(dropped("limit"), before + 1)
        peers[0].leave()
        self.peer()

    def test_connections_of_an_address(self) -> None:
        self.factory = self.make_factory(
            max_per_address=2, allow_from=("192.0.2.0/24",)
        )
        peers = [self.peer() for _ in range(2)]
        address = IPv4Address("TCP", HOST, 1)
        self.assertIsNone(self.factory.door("indi").buildProtocol(address))
        self.peer(host="192.0.2.1")
        peers[0].leave()
        self.peer()


class FactoryTests(Lx200TestCase):
    def test_doors_have_the_profiles_of_the_settings(self) -> None:
        def doors(profile: list[str]) -> list[tuple[str, str]]:
            settings = Lx200Settings(
                listen=["tcp:4030:interface=127.0.0.1", "unix:lx200.sock"],
                profile=profile,  # type: ignore[arg-type]
            )
            factory = Lx200Factory(
                self.mount, self.store, self.clock, lambda: 0, settings
            )
            return [(text, door._profile.name) for text, door in factory.doors()]

        self.assertEqual(
            doors(["indi"]),
            [("tcp:4030:interface=127.0.0.1", "indi"), ("unix:lx200.sock", "indi")],
        )
        self.assertEqual(
            doors(["indi", "plain"]),
            [("tcp:4030:interface=127.0.0.1", "indi"), ("unix:lx200.sock", "plain")],
        )

    def test_health(self) -> None:
        verifyObject(IHealth, self.factory)
        peers = [self.peer() for _ in range(3)]
        peers[0].leave()
        self.assertEqual(
            self.factory.health(),
            {
                "status": "ok",
                "reason": None,
                "connections": 2,
                "max_connections": 64,
                "addresses": 1,
            },
        )

    def test_end_closes_all(self) -> None:
        peers = [self.peer() for _ in range(3)]
        peers[0].send(":Mn#")
        closing = self.factory.close_all()
        for peer in peers:
            self.assertTrue(peer.transport.disconnecting)
            self.assertFalse(peer.transport.aborted)
            self.assertNoResult(closing)
            peer.leave()
        self.successResultOf(closing)
        self.assertEqual(self.mount.deeds[1:], [("release", "north")])
        self.assertEqual(self.mount.watchers, 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_cuts_off_those_that_do_not_read(self) -> None:
        peer = self.peer()
        closing = self.factory.close_all()
        peer.protocol.hang_up()
        peer.send(":GR#")
        self.clock.advance(2)
        self.assertTrue(peer.transport.aborted)
        peer.leave()
        self.successResultOf(closing)

    def test_end_without_anybody(self) -> None:
        self.successResultOf(self.factory.close_all())


class FreshTests(Lx200TestCase):
    """What a clock of 0 would hide."""

    def test_first_second(self) -> None:
        clock = Clock()
        mount = SlowMount(clock.seconds)
        self.factory = Lx200Factory(
            mount, MemoryStore(clock), clock, lambda: 0, Lx200Settings()
        )
        self.assertEqual(self.peer().ask(":GR#"), GR)
        self.assertIsInstance(self.peer().protocol, Lx200Connection)
