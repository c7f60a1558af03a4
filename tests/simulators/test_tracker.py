"""Tests for `gatewaykit.simulators.tracker`."""

from __future__ import annotations

from random import Random
from typing import Any, cast

import attrs
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.encoding import Encoder, Report
from gatewaykit.simulators.faults import Faults
from gatewaykit.simulators.tracker import Behaviour, Stats, Tracker
from gatewaykit.simulators.vehicle import Vehicle, imei

START = 1_800_000_000.0


class Transport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Case(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.stats = Stats()
        self.acknowledged: list[tuple[str, str, float]] = []
        self.done = 0
        self.transport = Transport()

    def make(self, **behaviour: Any) -> Tracker:
        first_count = behaviour.pop("first_count", 0)
        configured = Behaviour(**{"interval": 1000.0, **behaviour})

        def acknowledged(number: str, report: Report, waited: float) -> None:
            self.acknowledged.append((number, report.count, waited))

        def done() -> None:
            self.done += 1

        tracker = Tracker(
            Vehicle(
                Encoder(imei(0, 0), first_count=first_count),
                Random(1),
                START,
                configured.interval,
            ),
            configured,
            self.clock,
            lambda: START + self.clock.seconds(),
            Random(1),
            self.stats,
            acknowledged,
            done,
        )
        tracker.start()
        return tracker

    def connect(self, tracker: Tracker) -> None:
        self.transport = Transport()
        tracker.connected(cast(ITCPTransport, self.transport))

    def frames(self) -> list[str]:
        """What was written since the last time, by prefix, type and count."""
        written = self.transport.value().decode("ascii")
        self.transport.clear()
        assert not written or written.endswith("$")
        split = [frame.split(",") for frame in written.split("$")[:-1]]
        return [f"{fields[0]} {fields[-1]}" for fields in split]


class ConnectTests(Case):
    def test_tells_that_the_connection_is_up_first(self) -> None:
        """Live before stored, though the device had power before it had a connection."""
        tracker = self.make(window=5)
        self.connect(tracker)
        self.assertEqual(self.frames(), ["+RESP:GTPDP 0001", "+BUFF:GTPNA 0000"])
        self.assertEqual((self.stats.connected, self.stats.connections), (1, 1))

    def test_answers_of_an_old_connection_are_forgotten(self) -> None:
        tracker = self.make()
        self.connect(tracker)
        tracker.received(b"+SACK:00")
        tracker.disconnected()
        self.connect(tracker)
        tracker.received(b"+SACK:0002$")
        self.assertEqual(self.stats.acknowledged, 1)

    def test_abort_without_connection_does_nothing(self) -> None:
        self.make().abort()


class SackTests(Case):
    def test_waits_for_the_sack(self) -> None:
        tracker = self.make()
        self.connect(tracker)
        self.clock.advance(5)
        self.assertEqual(self.frames(), ["+RESP:GTPDP 0001"])
        tracker.received(b"+SACK:0001$")
        self.assertEqual(self.frames(), ["+BUFF:GTPNA 0000"])
        self.assertEqual(self.acknowledged, [(tracker.imei, "0001", 5.0)])
        self.assertEqual((self.stats.sent, self.stats.acknowledged), (2, 1))

    def test_repeats_the_same_frame_without_sack(self) -> None:
        tracker = self.make(sack_timeout=20)
        self.connect(tracker)
        first = self.transport.value()
        for _ in range(3):
            self.transport.clear()
            self.clock.advance(20)
            self.assertEqual(self.transport.value(), first)
        self.assertEqual((self.stats.sent, self.stats.repeated), (1, 3))

    def test_a_sack_in_time_puts_the_repetition_off(self) -> None:
        tracker = self.make(sack_timeout=20)
        self.connect(tracker)
        self.clock.advance(15)
        tracker.received(b"+SACK:0001$")
        self.frames()
        self.clock.pump([5, 14])
        self.assertEqual(self.frames(), [])
        self.clock.advance(1)
        self.assertEqual(self.frames(), ["+BUFF:GTPNA 0000"])

    def test_nothing_is_repeated_when_all_is_acknowledged(self) -> None:
        tracker = self.make(count=1)
        self.connect(tracker)
        tracker.received(b"+SACK:0000$")
        self.frames()
        self.clock.advance(100)
        self.assertEqual(self.frames(), [])

    def test_a_second_sack_is_unexpected(self) -> None:
        tracker = self.make(count=1)
        self.connect(tracker)
        tracker.received(b"+SACK:0000$+SACK:0000$")
        self.assertEqual(len(self.acknowledged), 1)
        self.assertEqual(self.stats.unexpected, 1)

    def test_without_sack_nothing_is_waited_for(self) -> None:
        tracker = self.make(sack=False, interval=1.0)
        self.connect(tracker)
        self.clock.pump([1] * 10)
        self.assertGreater(len(self.frames()), 9)
        self.assertEqual(tracker.outbox.outstanding, 0)

    def test_interval_zero_keeps_the_window_full(self) -> None:
        tracker = self.make(interval=0.0, window=4)
        self.connect(tracker)
        self.assertEqual(len(self.frames()), 4)
        tracker.received(b"+SACK:0000$+SACK:0002$")
        self.assertEqual(self.frames(), ["+RESP:GTFRI 0004", "+RESP:GTFRI 0005"])

    def test_the_count_wraps(self) -> None:
        tracker = self.make(interval=0.0, window=2, first_count=0xFFFF)
        self.connect(tracker)
        self.assertEqual(self.frames(), ["+RESP:GTPDP 0000", "+BUFF:GTPNA FFFF"])


class BufferTests(Case):
    def test_unanswered_frames_come_again_as_they_were(self) -> None:
        tracker = self.make()
        self.connect(tracker)
        first = self.transport.value()
        tracker.disconnected()
        self.connect(tracker)
        self.assertEqual(self.frames(), ["+RESP:GTPDP 0002"])
        tracker.received(b"+SACK:0002$")
        self.assertEqual(self.frames(), ["+BUFF:GTPNA 0000"])
        tracker.received(b"+SACK:0000$")
        self.assertEqual(self.transport.value(), first.replace(b"+RESP", b"+BUFF"))
        self.assertEqual((self.stats.sent, self.stats.repeated), (3, 1))

    def test_reports_are_kept_with_their_send_time_while_disconnected(self) -> None:
        tracker = self.make(interval=60.0, window=100)
        self.clock.pump([10] * 30)
        expected = Vehicle(Encoder(tracker.imei), Random(1), START, 60.0)
        bodies = [r.stored() for r in expected.reports_until(START + 300)]
        self.assertEqual(tracker.outbox.waiting, len(bodies))
        self.connect(tracker)
        replayed = self.transport.value().partition(b"$")[2]
        self.assertEqual(replayed, b"".join(bodies))


class HeartbeatTests(Case):
    def test_are_sent_with_the_common_count(self) -> None:
        tracker = self.make(heartbeat=30.0, count=1)
        self.connect(tracker)
        tracker.received(b"+SACK:0000$")
        self.frames()
        self.clock.advance(30)
        self.assertEqual(self.frames(), ["+ACK:GTHBD 0001"])
        tracker.received(b"+SACK:GTHBD,090302,0001$")
        self.clock.advance(30)
        self.assertEqual(self.frames(), ["+ACK:GTHBD 0002"])
        self.assertFalse(self.transport.aborted)
        self.assertEqual((self.stats.heartbeats, self.stats.unexpected), (2, 0))

    def test_without_answer_the_device_connects_anew(self) -> None:
        tracker = self.make(heartbeat=30.0)
        self.connect(tracker)
        self.clock.advance(30)
        self.clock.advance(30)
        self.assertTrue(self.transport.aborted)
        tracker.disconnected()
        self.assertEqual(self.stats.connected, 0)

    def test_a_wrong_answer_is_none(self) -> None:
        tracker = self.make(heartbeat=30.0)
        self.connect(tracker)
        self.clock.advance(30)
        tracker.received(b"+SACK:GTHBD,090302,9999$")
        self.assertEqual(self.stats.unexpected, 1)
        self.clock.advance(30)
        self.assertTrue(self.transport.aborted)


class ServerTests(Case):
    def test_commands_are_obeyed(self) -> None:
        """See `tests.simulators.test_obedience`."""
        tracker = self.make()
        self.connect(tracker)
        self.frames()
        tracker.received(b"AT+GTOUT=gv50,1,,,,,,0,,,,,,,0001$\r\n")
        self.assertEqual((self.stats.commands, self.stats.executed), (1, 1))
        self.assertEqual(self.frames(), ["+ACK:GTOUT 0002"])

    def test_anything_else_is_unexpected(self) -> None:
        tracker = self.make()
        self.connect(tracker)
        tracker.received(b"HTTP/1.1 400 Bad Request$")
        self.assertEqual(self.stats.unexpected, 1)


class CountTests(Case):
    def test_makes_so_many_reports_and_is_done_with_the_last_sack(self) -> None:
        tracker = self.make(interval=0.0, count=3)
        self.connect(tracker)
        for count in (b"0001", b"0000", b"0002"):
            self.assertEqual(self.done, 0)
            tracker.received(b"+SACK:" + count + b"$")
        self.assertEqual((self.done, self.stats.made), (1, 3))
        self.clock.advance(1000)
        self.assertEqual((self.done, self.stats.made), (1, 3))

    def test_a_new_connection_makes_no_more(self) -> None:
        tracker = self.make(interval=0.0, count=1)
        self.connect(tracker)
        tracker.disconnected()
        self.connect(tracker)
        self.assertEqual(self.frames(), ["+BUFF:GTPNA 0000"])

    def test_events_of_one_moment_are_cut_off_too(self) -> None:
        self.make(interval=5.0, count=7)
        self.clock.pump([600])
        self.assertEqual(self.stats.made, 7)


class StopTests(Case):
    def test_leaves_nothing_in_the_reactor(self) -> None:
        tracker = self.make(heartbeat=30.0, faults=Faults(split=1.0))
        self.connect(tracker)
        self.assertNotEqual(self.clock.getDelayedCalls(), [])
        tracker.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.frames(), ["+RESP:GTPDP 0001"])
        tracker.disconnected()

    def test_sacks_that_still_come_count(self) -> None:
        tracker = self.make()
        self.connect(tracker)
        self.frames()
        tracker.stop()
        tracker.received(b"+SACK:0001$")
        self.assertEqual(self.stats.acknowledged, 1)
        self.assertEqual(self.frames(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_before_a_connection(self) -> None:
        self.make().stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FaultTests(Case):
    def test_don_t_change_what_is_reported(self) -> None:
        """All frames get there, in order; only how they are written differs."""
        plain, faulty = (
            self._stream(Faults()),
            self._stream(Faults(split=0.5, glue=0.5)),
        )
        self.assertEqual(plain, faulty)

    def _stream(self, faults: Faults) -> bytes:
        self.setUp()
        tracker = self.make(faults=faults, interval=10.0, sack=False)
        self.connect(tracker)
        self.clock.pump([0.25] * 400)
        tracker.stop()
        written: bytes = self.transport.value()
        return written


class StatsTests(SynchronousTestCase):
    def test_start_at_zero(self) -> None:
        self.assertEqual(set(attrs.astuple(Stats())), {0})
