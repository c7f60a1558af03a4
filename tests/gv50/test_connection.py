from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import fail
from twisted.internet.error import ConnectionLost
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.internet.testing import MemoryReactor, StringTransport
from twisted.logger import LogLevel
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import metrics
from gatewaykit.gv50.tracker import TrackerProtocol
from tests.gv50.support import IMEI, OTHER, TrackerCase, heartbeat, report


def count_of(name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(f"gatewaykit_{name}_total", labels) or 0.0


class ReportTests(TrackerCase):
    def test_report_is_acknowledged_after_its_commit_and_not_before(self) -> None:
        line = self.connect()
        line.send(report("071D"))
        self.assertEqual(line.received(), b"")
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:071D$")
        self.assertEqual(self.journaled(), [report("071D")])

    def test_buffered_report_is_treated_alike(self) -> None:
        line = self.connect()
        line.send(report("070D", prefix="+BUFF"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:070D$")

    def test_count_is_echoed_verbatim(self) -> None:
        line = self.connect()
        line.send(report("00aF"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:00aF$")

    def test_unknown_type_is_kept_and_acknowledged(self) -> None:
        line = self.connect()
        line.send(report("0001", type="GTXYZ"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertEqual(len(self.journaled()), 1)

    def test_reports_of_one_read_are_one_append_and_one_write(self) -> None:
        line = self.connect()
        line.send(report("0001"), b"\r\n", report("0002"), report("0003"))
        self.assertEqual(self.journal.pending, 3)
        self.journal.commit(1)
        self.assertEqual(line.received(), b"+SACK:0001$+SACK:0002$+SACK:0003$")

    def test_split_report_is_taken_when_it_is_whole(self) -> None:
        line = self.connect()
        for byte in report("0001"):
            self.assertEqual(self.journal.pending, 0)
            line.send(bytes([byte]))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")

    def test_repeat_is_acknowledged_and_kept_once(self) -> None:
        line = self.connect()
        line.send(report("0001"))
        line.send(report("0001", prefix="+BUFF"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$+SACK:0001$")
        self.assertEqual(len(self.journaled()), 1)

    def test_entry_has_the_time_of_receipt(self) -> None:
        line = self.connect()
        self.clock.advance(3)
        line.send(report("0001"))
        self.journal.commit()
        (entry,) = self.journal.reports.values()
        self.assertEqual(entry.received_at, self.now_ms())
        self.assertEqual(entry.imei, IMEI)

    def test_fix_far_in_the_future_moves_no_position(self) -> None:
        line = self.connect()
        ahead = report("0001").replace(b"20250728004546", b"20260921142021")
        near = report("0002").replace(b"20250728004546", b"20260921141819")
        line.send(ahead, near)
        self.journal.commit()
        first, second = self.journal.reports.values()
        self.assertIsNone(first.position_time)
        self.assertEqual(second.position_time, 20260921141819)

    def test_without_sack_reports_are_journaled_and_not_answered(self) -> None:
        self.configure(sack=False)
        line = self.connect()
        line.send(report("0001"))
        self.journal.commit()
        line.send(heartbeat("0002"))
        self.assertEqual(line.received(), b"+SACK:GTHBD,090302,0002$")
        self.assertEqual(len(self.journaled()), 1)

    def test_report_without_count_is_journaled_and_not_answered(self) -> None:
        line = self.connect()
        line.send(report(""))
        self.journal.commit()
        self.assertEqual(line.received(), b"")
        self.assertEqual(self.journaled(), [report("")])

    def test_commit_after_the_end_of_the_connection_writes_nothing(self) -> None:
        line = self.connect()
        line.send(report("0001"))
        line.end()
        self.journal.commit()
        self.assertEqual(line.received(), b"")
        self.assertEqual(len(self.journaled()), 1)

    def test_failed_append_closes_and_acknowledges_nothing(self) -> None:
        line = self.connect()
        line.send(report("0001"))
        self.journal.fail("disk full")
        self.assertTrue(line.closing)
        self.assertEqual(line.received(), b"")

    def test_bug_in_the_journal_closes_and_is_reported(self) -> None:
        self.patch(self.journal, "append", lambda _: fail(ValueError("bug")))
        line = self.connect()
        line.send(report("0001"))
        self.assertTrue(line.closing)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class HeartbeatTests(TrackerCase):
    def test_heartbeat_is_answered_at_once_and_not_journaled(self) -> None:
        line = self.connect()
        line.send(heartbeat("071C"))
        self.assertEqual(line.received(), b"+SACK:GTHBD,090302,071C$")
        self.assertEqual(self.journal.pending, 0)

    def test_heartbeat_as_report_is_answered_alike(self) -> None:
        line = self.connect()
        line.send(report("0001", type="GTHBD"))
        self.assertEqual(line.received(), b"+SACK:GTHBD,090302,0001$")
        self.assertEqual(self.journal.pending, 0)

    def test_heartbeat_does_not_wait_for_reports(self) -> None:
        line = self.connect()
        line.send(report("0001"), heartbeat("0002"))
        self.assertEqual(line.received(), b"+SACK:GTHBD,090302,0002$")
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")

    def test_version_is_echoed_as_received(self) -> None:
        line = self.connect()
        line.send(
            heartbeat("0001", version=""), heartbeat("0002", version="80201E0401")
        )
        self.assertEqual(
            line.received(), b"+SACK:GTHBD,,0001$+SACK:GTHBD,80201E0401,0002$"
        )

    def test_version_that_is_none_is_not_echoed(self) -> None:
        line = self.connect()
        for version in ("09\r\n03", "\x1b[31m", "A" * 17, "\xe9"):
            line.send(heartbeat("00aB", version=version))
            self.assertEqual(line.received(), b"+SACK:GTHBD,,00aB$")

    def test_heartbeat_without_count_gets_no_answer(self) -> None:
        line = self.connect()
        line.send(heartbeat("12345"))
        self.assertEqual(line.received(), b"")
        self.assertEqual(self.status(), "online")


class CommandAnswerTests(TrackerCase):
    def test_answers_to_commands_are_counted_and_not_acknowledged(self) -> None:
        before = count_of("command_answers")
        line = self.connect()
        line.send(
            f"+ACK:GTOUT,090302,{IMEI},,0001,20250727120605,04F9$".encode(),
            f"+NACK:GTOUT,090302,{IMEI},,0001,20250727120605,04FA$".encode(),
        )
        self.assertEqual(line.received(), b"")
        self.assertEqual(self.journal.pending, 0)
        self.assertEqual(count_of("command_answers"), before + 2)
        self.assertEqual(self.status(), "online")


class RejectedPiecesTests(TrackerCase):
    def test_unreadable_frame_is_counted_and_dropped(self) -> None:
        before = count_of("frames_refused", reason="unreadable")
        line = self.connect()
        line.send(b"+RESP:nonsense$" * 3, report("0001"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertEqual(count_of("frames_refused", reason="unreadable"), before + 3)

    def test_junk_between_frames_is_dropped(self) -> None:
        before = count_of("frames_refused", reason="junk")
        line = self.connect()
        line.send(report("0001"), b"\xff\xfe noise", report("0002"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$+SACK:0002$")
        self.assertEqual(count_of("frames_refused", reason="junk"), before + 1)
        self.assertFalse(line.closing)

    def test_frame_without_a_sure_imei_is_dropped(self) -> None:
        line = self.connect()
        line.send(report("0001", imei="TEST123456789"), report("0002", imei=""))
        self.assertEqual(self.journal.pending, 0)
        self.assertEqual(line.received(), b"")
        self.assertEqual(self.fleet.counts()["online"], 0)
        self.assertFalse(line.closing)

    def test_empty_imei_is_the_one_of_the_connection(self) -> None:
        line = self.identified()
        line.send(report("0001", imei=""))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        (entry,) = self.journal.reports.values()
        self.assertEqual(entry.imei, IMEI)

    def test_reports_without_imei_of_two_vehicles_are_two(self) -> None:
        one, other = self.identified(), self.identified(OTHER)
        for line in (one, other, other):
            line.send(report("0001", imei=""))
        self.journal.commit()
        imeis = [entry.imei for entry in self.journal.reports.values()]
        self.assertEqual(imeis, [IMEI, OTHER])

    def test_strange_id_on_an_identified_connection_is_dropped(self) -> None:
        line = self.identified()
        line.send(report("0001", imei="TEST123456789"))
        self.assertEqual(self.journal.pending, 0)
        self.assertFalse(line.closing)

    def test_device_in_hex_mode_is_told_and_closed(self) -> None:
        before = count_of("frames_refused", reason="hex format")
        line = self.connect()
        line.send(
            bytes.fromhex(
                "2b41434b1d7f244205040601676d74323030000000001f07e30a06140f087f328e440d0a"
            )
        )
        self.assertTrue(line.closing)
        self.assertEqual(
            self.lines("closed: ") + self.lines("dropped"),
            ["closed: device is in HEX mode, set protocol format 0 (AT+GTSRI)"],
        )
        self.assertEqual(count_of("frames_refused", reason="hex format"), before + 1)

    def test_too_long_frame_closes(self) -> None:
        self.configure(max_frame=256)
        line = self.identified()
        line.send(report("0001"), b"+RESP:GTFRI," + b"x" * 300)
        self.assertFalse(line.closing)
        self.assertEqual(len(self.lines("gv50.max_frame")), 1)
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertTrue(line.closing)

    def test_endless_bytes_without_a_frame_close_with_one_line(self) -> None:
        self.configure(max_frame=256)
        line = self.connect()
        for _ in range(40):
            line.send(b"0123456789")
        self.assertTrue(line.closing)
        self.assertEqual(len(self.lines("closed:")), 1)

    def test_endless_separators_close(self) -> None:
        self.configure(max_frame=256)
        line = self.identified()
        line.send(b"\r\n" * 128)
        self.assertFalse(line.closing)
        line.send(b"\0")
        self.assertTrue(line.closing)

    def test_endless_unreadable_frames_close(self) -> None:
        self.configure(max_frame=256)
        line = self.connect()
        line.send(b"+RESP:nonsense$" * 20)
        self.assertTrue(line.closing)

    def test_nothing_is_taken_after_closing(self) -> None:
        self.configure(max_frame=256)
        line = self.connect()
        line.send(b"\0" * 300)
        line.send(report("0001"))
        self.assertEqual(self.journal.pending, 0)

    def test_line_about_one_cause_is_not_repeated_at_once(self) -> None:
        line = self.identified()
        for _ in range(100):
            line.send(b"+RESP:nonsense$", report("0001"))
        self.assertEqual(len(self.lines("unreadable")), 1)
        self.run_for(10)
        line.send(b"+RESP:nonsense$")
        self.assertEqual(len(self.lines("(99 more like this before)")), 1)


class ForeignProtocolTests(TrackerCase):
    def test_others_are_closed_with_one_line_that_names_them(self) -> None:
        for opening, name in (
            (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
            (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03", "TLS"),
            (b"\x03\x00\x00\x13\x0e\xe0\x00\x00\x00\x00\x00", "RDP"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
        ):
            self.configure()
            self.log.clear()
            line = self.connect()
            line.send(opening)
            self.assertTrue(line.closing, name)
            line.end()
            self.assertEqual(len(self.lines(f"this looks like {name}")), 1)
            self.assertEqual(len(self.lines("closed")), 1)

    def test_opening_that_comes_in_pieces_is_recognised(self) -> None:
        line = self.connect()
        for byte in b"GET ":
            self.assertFalse(line.closing)
            line.send(bytes([byte]))
        self.assertTrue(line.closing)

    def test_same_bytes_later_are_junk(self) -> None:
        line = self.identified()
        line.send(b"GET / HTTP/1.1\r\n\r\n")
        self.assertFalse(line.closing)

    def test_rest_of_a_frame_at_the_start_is_junk(self) -> None:
        line = self.connect()
        line.send(b"0003,08AA,59C0,00,0.0,210101,5,0,7,20250727214557,071C$")
        line.send(report("071D"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:071D$")


class IdentityTests(TrackerCase):
    def test_first_frame_of_any_kind_identifies(self) -> None:
        answer = f"+ACK:GTOUT,090302,{IMEI},,0001,20250727120605,04F9$".encode()
        for frame in (report(), report(prefix="+BUFF"), heartbeat(), answer):
            self.configure()
            line = self.connect()
            line.send(frame)
            self.assertEqual(line.protocol.imei, IMEI)
            self.assertEqual(self.status(), "online")

    def test_another_imei_closes_after_what_came_before_it(self) -> None:
        line = self.connect()
        line.send(report("0001"), report("0002", imei=OTHER), report("0003"))
        self.assertEqual(self.journal.pending, 1)
        self.assertFalse(line.closing)
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertTrue(line.closing)
        self.assertEqual(len(self.lines(f"a frame of IMEI {OTHER}")), 1)
        self.assertIsNone(self.status(OTHER))

    def test_end_is_told_to_the_fleet_with_its_reason(self) -> None:
        for reason, text in (
            (None, "closed by the peer"),
            (ConnectionLost(), "connection lost"),
        ):
            self.configure()
            self.identified().end(reason)
            self.assertEqual(self.status(), "offline")
            event = self.successResultOf(self.store.events()).records[-1]
            self.assertEqual(event["details"], {"reason": text})

    def test_end_before_identification_concerns_nobody(self) -> None:
        self.connect().end()
        self.assertEqual(self.fleet.counts(), {"online": 0, "offline": 0, "unknown": 0})


class TakeoverTests(TrackerCase):
    def test_second_connection_takes_over_and_the_first_is_closed(self) -> None:
        old = self.identified()
        new = self.identified()
        self.assertTrue(old.closing)
        self.assertFalse(new.closing)
        old.end()
        self.assertEqual(self.status(), "online")
        events = self.successResultOf(self.store.events(IMEI)).records
        self.assertEqual([e["event"] for e in events], ["online", "takeover"])

    def test_old_end_in_between_is_no_takeover(self) -> None:
        self.identified().end()
        self.identified()
        events = self.successResultOf(self.store.events(IMEI)).records
        self.assertEqual([e["event"] for e in events], ["online", "offline", "online"])

    def test_new_end_before_the_old_one(self) -> None:
        old, new = self.identified(), self.identified()
        new.end()
        self.assertEqual(self.status(), "offline")
        old.end()
        self.assertEqual(self.status(), "offline")

    def test_third_connection_closes_the_second(self) -> None:
        lines = [self.identified() for _ in range(3)]
        for line in lines[1::-1]:
            self.assertTrue(line.closing)
            line.end()
        self.assertFalse(lines[2].closing)
        self.assertEqual(self.status(), "online")

    def test_what_the_old_one_still_says_is_not_taken(self) -> None:
        old, _new = self.identified(), self.identified()
        old.send(report("0001"))
        self.assertEqual(self.journal.pending, 0)

    def test_old_one_gets_its_acknowledgement_before_it_closes(self) -> None:
        old = self.connect()
        old.send(report("0001"))
        self.identified()
        self.assertFalse(old.closing)
        self.journal.commit()
        self.assertEqual(old.received(), b"+SACK:0001$")
        self.assertTrue(old.closing)


class PolicyTests(TrackerCase):
    def test_quarantined_reports_go_to_quarantine_and_are_acknowledged(self) -> None:
        self.configure(unknown_devices="quarantine")
        line = self.connect()
        line.send(report("0001"), heartbeat("0002"))
        self.assertEqual(line.received(), b"+SACK:GTHBD,090302,0002$")
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")
        self.assertEqual(self.journaled(), [])
        self.assertEqual(len(self.journal.quarantined), 1)

    def test_unknown_device_is_refused(self) -> None:
        self.configure(unknown_devices="refuse")
        line = self.connect()
        line.send(heartbeat("0001"), report("0002"))
        self.assertTrue(line.closing)
        self.assertEqual(line.received(), b"")
        self.assertEqual(self.journal.pending, 0)
        self.assertIsNone(self.status())

    def test_known_device_beats_the_setting(self) -> None:
        self.configure(unknown_devices="refuse")
        self.fleet.policy_changed(IMEI, "accepted")
        line = self.connect()
        line.send(report("0001"))
        self.journal.commit()
        self.assertEqual(line.received(), b"+SACK:0001$")

    def test_refused_device_is_closed_whatever_the_setting(self) -> None:
        self.fleet.policy_changed(IMEI, "refused")
        line = self.connect()
        line.send(report("0001"))
        self.assertTrue(line.closing)
        self.assertEqual(self.journal.pending, 0)

    def test_open_connection_follows_acceptance(self) -> None:
        self.configure(unknown_devices="quarantine")
        line = self.identified()
        self.fleet.policy_changed(IMEI, "accepted")
        line.send(report("0001"))
        self.journal.commit()
        self.assertEqual(len(self.journaled()), 1)

    def test_open_connection_follows_quarantine(self) -> None:
        line = self.identified()
        self.fleet.policy_changed(IMEI, "quarantined")
        line.send(report("0001"))
        self.journal.commit()
        self.assertEqual(self.journaled(), [])
        self.assertFalse(line.closing)

    def test_open_connection_follows_refusal(self) -> None:
        line = self.identified()
        self.fleet.policy_changed(IMEI, "refused")
        self.assertTrue(line.closing)


class SlowPeerTests(TrackerCase):
    """A peer that leaves our answers unread is not read either."""

    def test_transport_that_is_full_stops_reading_until_it_drains(self) -> None:
        line = self.identified()
        self.assertIs(line.transport.producer, line.protocol)
        line.protocol.pauseProducing()
        self.assertTrue(line.paused)
        line.protocol.resumeProducing()
        self.assertFalse(line.paused)

    def test_closing_unregisters_so_that_the_transport_can_end(self) -> None:
        line = self.identified()
        line.protocol.pauseProducing()
        self.fleet.policy_changed(IMEI, "refused")
        self.assertIsNone(line.transport.producer)
        line.protocol.stopProducing()

    def test_pauses_after_closing_are_ignored(self) -> None:
        line = self.identified()
        self.fleet.policy_changed(IMEI, "refused")
        line.protocol.resumeProducing()
        self.assertTrue(line.paused)


class Pipe(FileDescriptor):
    """A transport that writes as much as the test says."""

    def __init__(self, *takes: int | Exception) -> None:
        super().__init__(cast(Any, MemoryReactor()))
        self.connected = 1
        self.takes = list(takes)
        self.written: list[bytes] = []

    def getPeer(self) -> IPv4Address:
        return IPv4Address("TCP", "10.0.0.1", 40_000)

    def writeSomeData(self, data: bytes) -> int | Exception:
        take = self.takes.pop(0) if self.takes else len(data)
        if isinstance(take, int):
            self.written.append(data[:take])
        return take

    @property
    def waiting(self) -> bytes:
        return self.dataBuffer + b"".join(self._tempDataBuffer)


class DirectWriteTests(TrackerCase):
    def pipe(self, *takes: int | Exception) -> tuple[TrackerProtocol, Pipe]:
        transport = Pipe(*takes)
        protocol = self.factory.buildProtocol(None)
        protocol.makeConnection(cast(Any, transport))
        return protocol, transport

    def test_answer_leaves_before_the_reactor_turns(self) -> None:
        protocol, transport = self.pipe()
        protocol.dataReceived(heartbeat("0001"))
        self.assertEqual(transport.written, [b"+SACK:GTHBD,090302,0001$"])
        self.assertEqual(transport.waiting, b"")

    def test_what_the_socket_does_not_take_goes_on_in_order(self) -> None:
        for taken in (0, 5):
            protocol, transport = self.pipe(taken)
            protocol.dataReceived(heartbeat("0001"))
            protocol.dataReceived(report("0002"))
            self.journal.commit()
            transport.doWrite()
            self.assertEqual(
                b"".join(transport.written), b"+SACK:GTHBD,090302,0001$+SACK:0002$"
            )

    def test_connection_that_is_lost_ends_by_way_of_the_reactor(self) -> None:
        protocol, transport = self.pipe(CONNECTION_LOST, CONNECTION_LOST)
        protocol.dataReceived(heartbeat("0001"))
        self.assertEqual(transport.written, [])
        self.assertIs(transport.doWrite(), CONNECTION_LOST)

    def test_closing_waits_for_what_is_left(self) -> None:
        protocol, transport = self.pipe(5)
        protocol.dataReceived(heartbeat("0001") + heartbeat("0002", imei=OTHER))
        self.assertTrue(transport.disconnecting)
        self.assertIs(transport.doWrite(), CONNECTION_DONE)
        self.assertEqual(b"".join(transport.written), b"+SACK:GTHBD,090302,0001$")


class LogTests(TrackerCase):
    def test_life_cycle_is_told_at_info_with_imei_and_peer(self) -> None:
        line = self.identified()
        line.end()
        told = [
            (e["log_format"], e.get("imei"), e["peer"])
            for e in self.log
            if e["log_level"] is LogLevel.info and "peer" in e
        ]
        self.assertEqual(
            told,
            [
                ("connected", None, "10.0.0.1:40001"),
                ("identified", IMEI, "10.0.0.1:40001"),
                ("{reason}", IMEI, "10.0.0.1:40001"),
            ],
        )

    def test_made_up_imeis_of_one_address_are_not_a_line_each(self) -> None:
        for number in range(300):
            self.identified(f"{number:015}").end()
        self.assertEqual(len(self.lines("identified")), 200)
        self.assertEqual(len(self.lines("too many lines of one address")), 2)
        self.identified(OTHER, host="10.0.0.2")
        self.clock.advance(10)
        self.identified(IMEI)
        self.assertEqual(len(self.lines("identified")), 202)

    def test_frames_are_not_logged(self) -> None:
        self.identified().send(b"junk", report())
        self.assertEqual(self.lines("received"), [])

    def test_peer_of_ipv6_is_written_with_brackets(self) -> None:
        self.assertEqual(self.connect("fd00::1").protocol.peer, "[fd00::1]:40001")

    def test_peer_on_a_unix_socket_is_named_so(self) -> None:
        protocol = self.factory.buildProtocol(None)
        protocol.makeConnection(StringTransport(peerAddress=UNIXAddress(None)))
        self.assertEqual(protocol.peer, "unix")


class FrameLogTests(TrackerCase):
    log_frames = True

    def test_frames_are_logged_at_debug_as_repr_of_a_bounded_part(self) -> None:
        line = self.identified()
        line.send(b"\x1b[31m", b"+RESP:GTFRI,090302," + b"x" * 500 + b"$")
        shown = [e for e in self.log if e["log_level"] is LogLevel.debug]
        self.assertEqual(len(shown), 3)
        self.assertEqual({len(e["frame"]) for e in shown[2:]}, {200})
        self.assertIn("received b'\\x1b[31m'", self.lines("received")[1])


class InterleavingTests(SynchronousTestCase):
    @given(
        st.lists(
            st.one_of(
                st.tuples(st.just("send"), st.integers(1, 400)),
                st.tuples(st.just("commit"), st.integers(0, 3)),
                st.tuples(st.just("fail"), st.just(0)),
                st.tuples(st.just("lose"), st.just(0)),
            ),
            max_size=30,
        )
    )
    def test_nothing_is_acknowledged_before_it_is_committed(
        self, steps: list[tuple[str, int]]
    ) -> None:
        """However reads, commits, failures and ends of connections follow each other."""
        case = TrackerCase()
        case.setUp()
        self.addCleanup(case.doCleanups)
        stream = b"".join(report(f"{n:04X}") for n in range(200))
        lines = [case.connect()]
        sent = 0
        acknowledged: list[bytes] = []
        for step, size in steps:
            line = lines[-1]
            if step == "send" and not line.closing:
                line.send(stream[sent : sent + size])
                sent += size
            elif step == "commit":
                case.journal.commit(size)
            elif step == "fail":
                case.journal.fail("disk full")
                case.journal.recover()
            if (step == "lose" or line.closing) and not line.ended:
                line.end()
                # A tracker that connects again begins with a whole frame.
                sent -= sent % len(report())
                lines.append(case.connect())
            for each in lines:
                acknowledged += each.received().split(b"$")[:-1]
            committed = {raw[-5:-1] for raw in case.journaled()}
            self.assertLessEqual({a[-4:] for a in acknowledged}, committed)
        case.journal.commit()
        for each in lines:
            acknowledged += each.received().split(b"$")[:-1]
        self.assertLessEqual(
            {a[-4:] for a in acknowledged}, {raw[-5:-1] for raw in case.journaled()}
        )
        if all(step in {"send", "commit"} for step, _ in steps):
            self.assertEqual(
                [a[-4:] for a in acknowledged], [raw[-5:-1] for raw in case.journaled()]
            )
