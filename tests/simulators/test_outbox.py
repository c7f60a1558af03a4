"""Tests for `gatewaykit.simulators.outbox`."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.encoding import Report
from gatewaykit.simulators.outbox import Answers, Outbox


def report(number: int, send_time: str | None = None) -> Report:
    count = f"{number & 0xFFFF:04X}"
    when = send_time or f"2026010100{number // 60 % 60:02d}{number % 60:02d}"
    return Report("GTPDP", when, count, f":GTPDP,{when},{count}$".encode())


def taken(outbox: Outbox, now: float = 0.0) -> list[bytes]:
    return [item.frame() for item in outbox.take(now)]


class WindowTests(SynchronousTestCase):
    def test_nothing_gets_through_before_the_sack(self) -> None:
        outbox = Outbox()
        for number in (1, 2):
            outbox.add(report(number), connected=True)
        self.assertEqual(taken(outbox), [report(1).live()])
        self.assertEqual(taken(outbox), [])
        self.assertEqual((outbox.outstanding, outbox.waiting), (1, 1))

    def test_the_sack_lets_the_next_through(self) -> None:
        outbox = Outbox()
        for number in (1, 2):
            outbox.add(report(number), connected=True)
        taken(outbox)
        item = outbox.acknowledge("0001")
        assert item is not None
        self.assertEqual(item.report, report(1))
        self.assertEqual(taken(outbox), [report(2).live()])

    def test_a_sack_for_nothing_is_told(self) -> None:
        outbox = Outbox()
        outbox.add(report(1), connected=True)
        self.assertIsNone(outbox.acknowledge("0001"))

    def test_a_wider_window_sends_ahead(self) -> None:
        outbox = Outbox(window=3)
        for number in range(5):
            outbox.add(report(number), connected=True)
        self.assertEqual(len(taken(outbox)), 3)
        outbox.acknowledge("0001")
        self.assertEqual(taken(outbox), [report(3).live()])

    def test_one_count_is_not_outstanding_twice(self) -> None:
        """After a wrap of the count the SACK could mean either report."""
        outbox = Outbox(window=3)
        outbox.add(report(1), connected=True)
        outbox.add(report(0x10001), connected=True)
        self.assertEqual(len(taken(outbox)), 1)
        outbox.acknowledge("0001")
        self.assertEqual(len(taken(outbox)), 1)

    def test_without_sack_everything_is_sent_and_done_with(self) -> None:
        outbox = Outbox(sack=False)
        for number in range(5):
            outbox.add(report(number), connected=True)
        self.assertEqual(len(taken(outbox)), 5)
        self.assertTrue(outbox.is_empty)

    def test_has_room_while_the_window_is_not_full(self) -> None:
        outbox = Outbox(window=2)
        outbox.add(report(1), connected=True)
        self.assertTrue(outbox.has_room)
        outbox.add(report(2), connected=True)
        self.assertFalse(outbox.has_room)
        taken(outbox)
        self.assertFalse(outbox.has_room)


class RepeatTests(SynchronousTestCase):
    def test_the_same_frame_is_repeated_when_no_sack_comes(self) -> None:
        outbox = Outbox()
        outbox.add(report(1), connected=True)
        (first,) = taken(outbox, 100)
        self.assertEqual(list(outbox.overdue(119, 20)), [])
        self.assertEqual([item.frame() for item in outbox.overdue(120, 20)], [first])
        self.assertEqual(list(outbox.overdue(121, 20)), [])

    def test_oldest_tells_when_to_look_again(self) -> None:
        outbox = Outbox(window=2)
        self.assertIsNone(outbox.oldest())
        for number, now in ((1, 100.0), (2, 105.0)):
            outbox.add(report(number), connected=True)
            taken(outbox, now)
        self.assertEqual(outbox.oldest(), 100)


class StoreTests(SynchronousTestCase):
    def test_reports_made_while_disconnected_go_as_buff(self) -> None:
        outbox = Outbox()
        outbox.add(report(1), connected=False)
        self.assertEqual(taken(outbox), [b"+BUFF" + report(1).body])

    def test_live_reports_go_first(self) -> None:
        outbox = Outbox(window=9)
        outbox.add(report(1), connected=False)
        outbox.add(report(2), connected=True)
        self.assertEqual(taken(outbox), [report(2).live(), report(1).stored()])

    def test_what_was_not_acknowledged_goes_again_with_its_count(self) -> None:
        outbox = Outbox()
        outbox.add(report(1), connected=True)
        outbox.add(report(2), connected=True)
        taken(outbox)
        outbox.disconnected()
        self.assertEqual((outbox.outstanding, outbox.waiting), (0, 2))
        (item,) = outbox.take(0)
        self.assertEqual(item.frame(), report(1).stored())
        self.assertEqual(item.times_sent, 2)
        outbox.acknowledge("0001")
        self.assertEqual(taken(outbox), [report(2).stored()])

    def test_stored_reports_are_replayed_by_age(self) -> None:
        outbox = Outbox(window=9)
        outbox.add(report(1), connected=False)
        outbox.add(report(2), connected=True)
        next(outbox.take(0))
        outbox.disconnected()
        self.assertEqual(taken(outbox), [report(1).stored(), report(2).stored()])

    def test_the_oldest_are_dropped_when_memory_is_full(self) -> None:
        outbox = Outbox(window=9, depth=2)
        for number in (1, 2, 3):
            outbox.add(report(number), connected=False)
        self.assertEqual(outbox.dropped, 1)
        self.assertEqual(taken(outbox), [report(2).stored(), report(3).stored()])

    def test_live_reports_that_never_leave_are_dropped_too(self) -> None:
        outbox = Outbox(window=1, depth=1)
        for number in (1, 2):
            outbox.add(report(number), connected=True)
        self.assertEqual((outbox.dropped, outbox.waiting), (1, 1))

    def test_memory_is_limited_for_what_was_lost_with_a_connection(self) -> None:
        outbox = Outbox(window=5, depth=2)
        for number in range(5):
            outbox.add(report(number), connected=True)
            taken(outbox)
        outbox.disconnected()
        self.assertEqual((outbox.dropped, outbox.waiting), (3, 2))


class OrderTests(SynchronousTestCase):
    def test_without_sacks_from_now_on(self) -> None:
        outbox = Outbox()
        for number in (1, 2, 3):
            outbox.add(report(number), connected=True)
        taken(outbox)
        outbox.wait_for_sacks(sack=False)
        self.assertEqual(outbox.outstanding, 0)
        self.assertEqual(taken(outbox), [report(2).live(), report(3).live()])
        self.assertTrue(outbox.is_empty)

    def test_with_sacks_from_now_on(self) -> None:
        outbox = Outbox(sack=False)
        outbox.wait_for_sacks(sack=True)
        for number in (1, 2):
            outbox.add(report(number), connected=True)
        self.assertEqual(taken(outbox), [report(1).live()])
        self.assertEqual(outbox.outstanding, 1)

    def test_forgetting_keeps_what_is_live_or_on_its_way(self) -> None:
        outbox = Outbox()
        for number in (1, 2, 3):
            outbox.add(report(number), connected=False)
        taken(outbox)
        outbox.add(report(4), connected=True)
        outbox.forget_stored()
        self.assertEqual((outbox.dropped, outbox.outstanding), (2, 1))
        outbox.acknowledge("0001")
        self.assertEqual(taken(outbox), [report(4).live()])


class AnswersTests(SynchronousTestCase):
    def test_frames_end_with_a_dollar(self) -> None:
        self.assertEqual(
            Answers().receive_data(b"+SACK:001F$\r\nAT+GTRTO=gv50,1,,,,,,0001$+SA"),
            ["+SACK:001F", "AT+GTRTO=gv50,1,,,,,,0001"],
        )

    def test_what_stands_before_the_dollar_belongs_to_the_frame(self) -> None:
        answers = Answers().receive_data(b"\r\n\0 AT+GTRTO=gv50,1,,,,,,0001 $")
        self.assertEqual(answers, ["AT+GTRTO=gv50,1,,,,,,0001 "])

    @given(st.lists(st.integers(0, 40), max_size=8))
    def test_chunks_make_no_difference(self, cuts: list[int]) -> None:
        data = b"+SACK:0001$+SACK:GTHBD,090302,0002$AT+GT=1$"
        edges = [0, *sorted(cuts), len(data)]
        answers = Answers()
        frames: list[str] = []
        for a, b in pairwise(edges):
            frames += answers.receive_data(data[a:b])
        self.assertEqual(frames, ["+SACK:0001", "+SACK:GTHBD,090302,0002", "AT+GT=1"])

    @given(st.lists(st.binary(max_size=500), max_size=10))
    def test_endless_bytes_are_not_kept(self, chunks: list[bytes]) -> None:
        answers = Answers()
        for chunk in chunks:
            answers.receive_data(chunk.replace(b"$", b"") * 100)
        self.assertLessEqual(len(answers.receive_data(b"$")[0]), 1024)
