from __future__ import annotations

from typing import Any
from unittest.mock import patch

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IProtocolFactory, IStreamServerEndpoint
from twisted.internet.testing import StringTransport
from twisted.protocols.haproxy import proxyEndpoint
from zope.interface import implementer
from zope.interface.verify import verifyObject

from gatewaykit.gv50.tracker import CLOSE_S
from gatewaykit.interfaces import IHealth
from tests.gv50.support import IMEI, OTHER, FakeDoor, TrackerCase, heartbeat, report


class AdmissionTests(TrackerCase):
    def test_connections_in_all_are_limited(self) -> None:
        self.configure(max_connections=2)
        first, second, third = (self.connect(f"10.0.0.{n}") for n in (1, 2, 3))
        self.assertTrue(third.aborted)
        self.assertFalse(first.closing or second.closing)
        self.assertEqual(len(self.lines("too many connections")), 1)
        third.end()
        first.end()
        self.assertFalse(self.connect("10.0.0.4").closing)

    def test_connections_of_one_address_are_limited(self) -> None:
        self.configure(max_connections_per_address=1)
        first = self.connect("10.0.0.1")
        second = self.connect("10.0.0.1")
        self.assertTrue(second.aborted)
        self.assertFalse(self.connect("10.0.0.2").closing)
        second.end()
        self.assertTrue(self.connect("10.0.0.1").aborted)
        first.end()
        self.assertFalse(self.connect("10.0.0.1").closing)

    def test_denied_network_is_refused(self) -> None:
        self.configure(allow=["10.0.0.0/8", "fd00::/8"], deny=["10.1.0.0/16"])
        for host, refused in (
            ("10.0.0.1", False),
            ("10.1.0.1", True),
            ("192.0.2.1", True),
            ("fd00::1", False),
            ("2001:db8::1", True),
            ("::ffff:10.0.0.1", False),
            ("::ffff:10.1.0.1", True),
        ):
            self.assertEqual(self.connect(host).aborted, refused, host)

    def test_refused_peer_is_not_heard(self) -> None:
        self.configure(deny=["10.0.0.1"])
        line = self.connect("10.0.0.1")
        line.send(report())
        self.assertEqual(self.journal.pending, 0)
        self.assertEqual(line.received(), b"")

    def test_lines_about_refused_peers_are_limited(self) -> None:
        self.configure(deny=["10.0.0.1"])
        for _ in range(100):
            self.connect("10.0.0.1").end()
        self.assertEqual(len(self.lines("refused: network not allowed")), 1)
        self.assertEqual(self.lines("closed by the peer"), [])


@implementer(IStreamServerEndpoint)
class CatchingEndpoint:
    """Keeps the factory that would have listened."""

    factory: Any = None

    def listen(self, factory: IProtocolFactory) -> Deferred[Any]:
        self.factory = factory
        return succeed(None)


class ProxyTests(TrackerCase):
    """Behind ``haproxy:`` the tracker's address is known with the first data."""

    HEADER = b"PROXY TCP4 10.0.0.7 192.0.2.1 4711 5000\r\n"

    def proxied(self) -> tuple[Any, StringTransport]:
        endpoint = CatchingEndpoint()
        proxyEndpoint(endpoint).listen(self.factory)
        transport = StringTransport(peerAddress=IPv4Address("TCP", "127.0.0.1", 1))
        protocol = endpoint.factory.buildProtocol(None)
        protocol.makeConnection(transport)
        return protocol, transport

    def test_tracker_behind_a_proxy_is_served(self) -> None:
        protocol, transport = self.proxied()
        protocol.dataReceived(self.HEADER + heartbeat("0001"))
        self.assertEqual(transport.value(), b"+SACK:GTHBD,090302,0001$")
        peers = [event["peer"] for event in self.log if event.get("imei") == IMEI]
        self.assertEqual(peers, ["10.0.0.7:4711"])

    def test_networks_are_those_of_the_tracker(self) -> None:
        self.configure(allow=["10.0.0.0/8"], deny=["127.0.0.0/8"])
        protocol, transport = self.proxied()
        protocol.dataReceived(self.HEADER + heartbeat())
        self.assertFalse(transport.disconnecting)
        self.configure(deny=["10.0.0.0/8"])
        protocol, transport = self.proxied()
        self.assertFalse(transport.disconnecting)
        protocol.dataReceived(self.HEADER + heartbeat())
        self.assertTrue(transport.disconnected)
        self.assertEqual(transport.value(), b"")

    def test_limit_by_address_is_for_the_tracker(self) -> None:
        self.configure(max_connections_per_address=1)
        protocol, transport = self.proxied()
        protocol.dataReceived(self.HEADER + heartbeat())
        other, its_transport = self.proxied()
        other.dataReceived(self.HEADER.replace(b"0.7", b"0.8") + heartbeat(imei=OTHER))
        self.assertFalse(transport.disconnecting or its_transport.disconnecting)
        third, its_transport = self.proxied()
        third.dataReceived(self.HEADER + heartbeat(imei="865083030000038"))
        self.assertTrue(its_transport.disconnected)

    def test_proxy_that_names_no_address_is_refused(self) -> None:
        protocol, transport = self.proxied()
        protocol.dataReceived(self.HEADER.replace(b"10.0.0.7", b"unheard-of") + b"+")
        self.assertTrue(transport.disconnected)
        self.assertEqual(len(self.lines("refused: network not allowed")), 1)

    def test_proxy_that_says_nothing_is_closed_in_time(self) -> None:
        self.configure(identify_timeout=30)
        _, transport = self.proxied()
        self.run_for(30)
        self.assertTrue(transport.disconnecting)


class TimeLimitTests(TrackerCase):
    def test_connection_without_a_valid_frame_is_closed(self) -> None:
        self.configure(identify_timeout=30)
        line = self.connect()
        self.run_for(20)
        line.send(b"+RESP:nonsense$", report(imei="TEST123456789"))
        self.run_for(9)
        self.assertFalse(line.closing)
        self.run_for(1)
        self.assertTrue(line.closing)

    def test_identified_connection_has_the_longer_limit(self) -> None:
        self.configure(identify_timeout=30, idle_timeout=300)
        line = self.identified()
        self.run_for(299)
        self.assertFalse(line.closing)
        self.run_for(1)
        self.assertTrue(line.closing)
        line.end()
        event = self.successResultOf(self.store.events()).records[-1]
        self.assertEqual(event["details"], {"reason": "idle timeout"})

    def test_valid_frames_keep_it_open_and_junk_does_not(self) -> None:
        self.configure(identify_timeout=30, idle_timeout=300)
        line = self.identified()
        self.run_for(200)
        line.send(heartbeat())
        self.run_for(200)
        line.send(b"junk")
        self.run_for(99)
        self.assertFalse(line.closing)
        self.run_for(1)
        self.assertTrue(line.closing)

    def test_peer_that_does_not_let_go_is_cut_off(self) -> None:
        line = self.identified()
        self.fleet.policy_changed(IMEI, "refused")
        self.assertFalse(line.aborted)
        self.run_for(CLOSE_S)
        self.assertTrue(line.aborted)

    def test_fault_in_a_sweep_does_not_end_sweeping(self) -> None:
        self.configure(identify_timeout=30)
        line = self.connect()
        with patch.object(self.factory, "watch_level", side_effect=ValueError("bug")):
            self.run_for(1)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.run_for(30)
        self.assertTrue(line.closing)


class BackPressureTests(TrackerCase):
    def setUp(self) -> None:
        super().setUp()
        self.configure(high_water=4, idle_timeout=60, identify_timeout=60)

    def fill(self, line: Any, reports: int) -> None:
        for number in range(reports):
            line.send(report(f"{number:04X}"))

    def test_above_the_mark_all_are_paused_and_below_half_of_it_resumed(self) -> None:
        line, other = self.connect(), self.identified(OTHER)
        self.fill(line, 4)
        self.assertFalse(line.paused)
        self.fill(line, 5)
        self.assertTrue(line.paused and other.paused)
        self.journal.commit(7)
        self.assertTrue(line.paused and other.paused)
        self.journal.commit(1)
        self.assertFalse(line.paused or other.paused)

    def test_new_connection_starts_paused_while_the_gate_is_shut(self) -> None:
        self.fill(self.connect(), 5)
        new = self.connect()
        self.assertTrue(new.paused)
        self.journal.commit()
        self.assertFalse(new.paused)

    def test_quarantine_counts_too(self) -> None:
        self.fleet.policy_changed(IMEI, "quarantined")
        line = self.connect()
        self.patch(self.journal, "pending", -100)
        self.fill(line, 5)
        self.assertTrue(line.paused)
        self.journal.commit()
        self.assertFalse(line.paused)

    def test_slow_peer_stays_paused_when_the_gate_opens(self) -> None:
        line = self.connect()
        self.fill(line, 5)
        line.protocol.pauseProducing()
        self.journal.commit()
        self.assertTrue(line.paused)
        line.protocol.resumeProducing()
        self.assertFalse(line.paused)

    def test_paused_connections_do_not_run_into_their_time_limits(self) -> None:
        line, silent = self.connect(), self.connect()
        self.fill(line, 5)
        self.run_for(100)
        self.journal.commit()
        self.run_for(59)
        self.assertFalse(line.closing or silent.closing)
        self.run_for(1)
        self.assertTrue(line.closing and silent.closing)

    def test_gate_that_opens_and_shuts_does_not_suspend_time_limits(self) -> None:
        line, silent = self.connect(), self.connect()
        for number in range(20):
            self.fill(line, 5)
            self.run_for(1)
            self.assertTrue(line.paused)
            self.journal.commit()
            self.run_for(3)
            self.assertEqual(silent.closing, number == 19)

    def test_closing_connection_is_left_alone(self) -> None:
        line = self.connect()
        self.fill(line, 5)
        self.fleet.policy_changed(IMEI, "refused")
        self.journal.commit()
        self.assertTrue(line.paused and line.closing)

    def test_gate_opens_though_nobody_told_of_the_last_commit(self) -> None:
        line = self.connect()
        self.journal.pending = 5
        self.fill(line, 1)
        self.journal.commit()
        self.assertTrue(line.paused)
        self.journal.pending = 0
        self.run_for(1)
        self.assertFalse(line.paused)

    def test_proxy_that_said_nothing_yet_is_not_touched(self) -> None:
        endpoint = CatchingEndpoint()
        proxyEndpoint(endpoint).listen(self.factory)
        transport = StringTransport()
        endpoint.factory.buildProtocol(None).makeConnection(transport)
        self.fill(self.connect(), 5)
        self.assertEqual(transport.producerState, "producing")


class JournalFailureTests(TrackerCase):
    def test_failure_stops_listening_and_closes_everybody(self) -> None:
        identified, waiting, silent = self.identified(), self.connect(), self.connect()
        waiting.send(report("0001", imei=OTHER))
        self.journal.fail("disk full")
        self.assertEqual(self.door.calls, ["stop"])
        for line in (identified, waiting, silent):
            self.assertTrue(line.closing)
            self.assertEqual(line.received(), b"")
            line.end()
        event = self.successResultOf(self.store.events()).records[-1]
        self.assertEqual(event["details"], {"reason": "store unavailable"})
        self.assertEqual(len(self.lines("closing 3 tracker connections")), 1)

    def test_connection_that_comes_in_between_is_refused(self) -> None:
        self.journal.fail("disk full")
        self.assertTrue(self.connect().aborted)

    def test_recovery_listens_again(self) -> None:
        self.journal.fail("disk full")
        self.journal.recover()
        self.assertEqual(self.door.calls, ["stop", "start"])
        line = self.connect()
        line.send(report("0001"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")

    def test_journal_that_has_failed_before_the_start_keeps_the_door_closed(
        self,
    ) -> None:
        self.journal.fail("disk full")
        factory, door = self.new_factory(), FakeDoor()
        factory.start(door)
        self.assertEqual(door.calls, ["stop"])

    def test_door_that_fails_is_reported(self) -> None:
        self.door.result = fail(OSError("bug"))
        self.journal.fail("disk full")
        self.assertEqual(len(self.flushLoggedErrors(OSError)), 1)

    def test_failure_opens_the_gate_again(self) -> None:
        self.configure(high_water=1)
        line = self.connect()
        line.send(report("0001"), report("0002"))
        self.assertTrue(self.factory.paused)
        self.journal.fail("disk full")
        self.assertFalse(self.factory.paused)


class CloseAllTests(TrackerCase):
    def test_commits_are_awaited_and_acknowledged_before_closing(self) -> None:
        line, other = self.connect(), self.identified(OTHER)
        line.send(report("0001"))
        gone = self.factory.close_all()
        self.assertTrue(other.closing)
        self.assertFalse(line.closing)
        other.end()
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertTrue(line.closing)
        self.assertNoResult(gone)
        line.end()
        self.successResultOf(gone)
        self.assertEqual(self.status(), "offline")
        event = self.successResultOf(self.store.events(IMEI)).records[-1]
        self.assertEqual(event["details"], {"reason": "gateway stopped"})

    def test_commit_of_a_lost_connection_is_awaited(self) -> None:
        line = self.connect()
        line.send(report("0001"))
        gone = self.factory.close_all()
        line.end()
        self.assertNoResult(gone)
        self.journal.commit()
        self.successResultOf(gone)

    def test_nobody_is_let_in_any_more(self) -> None:
        self.successResultOf(self.factory.close_all())
        self.assertTrue(self.connect().aborted)

    def test_peer_that_does_not_let_go_is_cut_off(self) -> None:
        line = self.identified()
        gone = self.factory.close_all()
        self.run_for(CLOSE_S)
        self.assertTrue(line.aborted)
        line.end()
        self.successResultOf(gone)

    def test_recovery_while_stopping_does_not_listen_again(self) -> None:
        self.journal.fail("disk full")
        self.successResultOf(self.factory.close_all())
        self.journal.recover()
        self.assertEqual(self.door.calls, ["stop"])

    def test_sweeping_ends(self) -> None:
        self.successResultOf(self.factory.close_all())
        self.successResultOf(self.factory.close_all())
        self.successResultOf(self.fleet.stop())
        self.assertEqual(self.clock.getDelayedCalls(), [])


class HealthTests(TrackerCase):
    def health(self) -> dict[str, Any]:
        verifyObject(IHealth, self.factory)
        return self.factory.health()

    def test_figures(self) -> None:
        self.connect()
        self.identified().send(report())
        self.assertEqual(
            self.health(),
            {
                "status": "ok",
                "reason": None,
                "listening": True,
                "connections": 2,
                "online": 1,
                "offline": 0,
                "unknown": 0,
                "pending_reports": 1,
                "paused": False,
            },
        )

    def test_paused_is_degraded(self) -> None:
        self.configure(high_water=1)
        self.connect().send(report("0001"), report("0002"))
        self.assertEqual(self.health()["status"], "degraded")

    def test_changes_that_wait_are_degraded(self) -> None:
        self.store.failure = "locked"
        self.identified()
        self.assertEqual(self.health()["status"], "degraded")
        self.assertIn("locked", self.health()["reason"])

    def test_failed_journal_is_failed_and_says_why(self) -> None:
        self.journal.fail("disk full")
        health = self.health()
        self.assertEqual((health["status"], health["reason"]), ("failed", "disk full"))
        self.assertFalse(health["listening"])

    def test_closed_door_is_failed(self) -> None:
        self.door.ports = []
        self.assertEqual(self.health()["reason"], "not listening")
