"""Who is served when, and who shares an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from gatewaykit.errors import DeviceUnavailable, MisuseError
from gatewaykit.sim7600.at import MOST_WAITING
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply
from tests.sim7600.lines import COPS, CSQ, OK, SEND, SIGNAL, WRITE, Line, LineTestCase


class QueueTests(LineTestCase):
    def sent(self, answer: bytes = OK) -> list[str]:
        """Answer whatever is written until nothing more is; what that was."""
        sent: list[str] = []
        while True:
            written = self.line.written()
            if not written:
                return sent
            self.assertEqual(written.count(b"\r"), 1)
            sent.append(written.decode().strip())
            self.line.say(answer)

    def test_one_at_a_time(self) -> None:
        for number in range(5):
            self.line.execute(Command(f"AT+X={number}"))
        self.assertEqual(self.line.written(), b"AT+X=0\r")
        self.line.clock.advance(1)
        self.assertEqual(self.line.written(), b"")
        self.line.say(OK)
        self.assertEqual(self.sent(), [f"AT+X={number}" for number in range(1, 5)])
        self.assertEqual(self.line.figures.exchanges, 5)
        self.assertEqual(self.line.figures.last_answer, 1.0)

    def test_by_priority_and_then_as_they_came(self) -> None:
        for number, priority in enumerate((1, 1, 0, 1, 1, 0)):
            self.line.execute(Command(f"AT+X={number}"), Priority(priority))
        self.assertEqual(
            self.sent(), [f"AT+X={number}" for number in (0, 2, 5, 1, 3, 4)]
        )

    @given(st.lists(st.sampled_from(Priority), min_size=1, max_size=30))
    def test_any_order(self, priorities: list[Priority]) -> None:
        self.line = Line()
        self.line.execute(Command("AT+X"))
        for number, priority in enumerate(priorities):
            self.line.execute(Command(f"AT+X={number}"), priority)
        in_order = sorted(enumerate(priorities), key=lambda each: (each[1], each[0]))
        self.assertEqual(
            self.sent(), ["AT+X", *(f"AT+X={number}" for number, _ in in_order)]
        )

    def test_equal_reads_share_an_exchange_while_they_wait(self) -> None:
        self.line.execute(WRITE)
        waiting = [self.line.execute(CSQ) for _ in range(10)]
        self.line.say(OK, SIGNAL)
        self.assertEqual(
            {self.answer(each).lines for each in waiting}, {("+CSQ: 22,99",)}
        )
        self.assertEqual(self.line.written(), b"AT+CGPS=1,1\rAT+CSQ\r")

    def test_equal_reads_share_an_exchange_under_way(self) -> None:
        first = self.line.execute(CSQ)
        self.line.say(SIGNAL[:7])
        second = self.line.execute(read("AT+CSQ", "+CSQ:"))
        self.line.say(SIGNAL[7:])
        self.assertEqual(self.answer(first), self.answer(second))
        self.assertEqual(self.line.written(), b"AT+CSQ\r")

    def test_an_equal_read_is_asked_anew_after_the_answer(self) -> None:
        self.line.execute(CSQ)
        self.line.say(SIGNAL)
        self.line.execute(CSQ)
        self.assertEqual(self.line.written(), b"AT+CSQ\rAT+CSQ\r")

    def test_writes_are_never_shared(self) -> None:
        for _ in range(3):
            self.line.execute(WRITE)
        self.assertEqual(self.sent(), ["AT+CGPS=1,1"] * 3)

    def test_who_is_in_a_hurry_takes_an_equal_read_along(self) -> None:
        self.line.execute(WRITE)
        self.line.execute(Command("AT+X"))
        slow = self.line.execute(CSQ)
        fast = self.line.execute(CSQ, Priority.URGENT)
        self.line.say(OK, SIGNAL)
        self.assertEqual(self.answer(slow), self.answer(fast))
        self.assertEqual(self.line.written(), b"AT+CGPS=1,1\rAT+CSQ\rAT+X\r")

    def test_what_was_cancelled_while_it_waited_is_never_sent(self) -> None:
        self.line.execute(WRITE)
        gone = self.line.execute(CSQ)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.assertEqual(self.sent(), ["AT+CGPS=1,1"])

    def test_one_of_several_is_cancelled(self) -> None:
        for before in (b"", SIGNAL[:7]):
            gone, left = self.line.execute(CSQ), self.line.execute(CSQ)
            self.line.say(before)
            gone.cancel()
            self.failureResultOf(gone, CancelledError)
            self.line.say(SIGNAL[len(before) :])
            self.answer(left)

    def test_the_only_one_is_cancelled_while_it_is_under_way(self) -> None:
        gone = self.line.execute(CSQ)
        following = self.line.execute(COPS)
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.assertEqual(self.line.written(), b"AT+CSQ\r")
        self.line.say(SIGNAL)
        self.assertEqual(self.line.written(), b"AT+COPS?\r")
        self.line.say(b"\r\n+COPS: 0\r\n", OK)
        self.assertEqual(self.answer(following).lines, ("+COPS: 0",))

    def test_one_who_is_answered_may_cancel_the_next(self) -> None:
        first, second = self.line.execute(CSQ), self.line.execute(CSQ)
        first.addCallback(lambda _: second.cancel())
        self.line.say(SIGNAL)
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_one_whose_command_failed_may_cancel_the_next(self) -> None:
        first, second = self.line.execute(CSQ), self.line.execute(CSQ)
        first.addErrback(lambda _: second.cancel())
        self.line.lose()
        self.successResultOf(first)
        self.failureResultOf(second, CancelledError)

    def test_no_more_than_so_many_wait(self) -> None:
        self.line.execute(CSQ)
        waiting = [self.line.execute(WRITE) for _ in range(MOST_WAITING)]
        self.failureResultOf(self.line.execute(WRITE), DeviceUnavailable)
        shared = self.line.execute(CSQ)
        self.assertNoResult(self.line.execute(Command("AT+X"), Priority.URGENT))
        waiting[2].cancel()
        self.failureResultOf(waiting[2], CancelledError)
        waiting[3].cancel()
        self.failureResultOf(waiting[3], CancelledError)
        self.assertNoResult(self.line.execute(WRITE))
        self.line.say(SIGNAL)
        self.answer(shared)

    def test_an_answer_may_lead_to_the_next_command_at_once(self) -> None:
        answers: list[Reply] = []

        def again(reply: Reply) -> None:
            answers.append(reply)
            if len(answers) < 50:
                self.line.execute(CSQ).addCallback(again)

        self.line.execute(CSQ).addCallback(again)
        self.line.say(SIGNAL * 50)
        self.assertEqual(len(answers), 50)
        self.assertEqual(self.line.written(), b"AT+CSQ\r" * 50)

    def test_an_answer_may_lead_to_a_message_at_once(self) -> None:
        sent: list[Deferred[Reply]] = []
        self.line.execute(CSQ).addCallback(
            lambda _: sent.append(self.line.execute(SEND))
        )
        self.line.say(SIGNAL + b"\r\n> \r\n+CMGS: 46\r\n\r\nOK\r\n")
        self.assertEqual(self.answer(sent[0]).lines, ("+CMGS: 46",))

    def test_an_urgent_one_asked_for_by_an_answer_goes_first(self) -> None:
        self.line.execute(WRITE).addCallback(
            lambda _: self.line.execute(Command("AT+X"), Priority.URGENT)
        )
        self.line.execute(COPS)
        self.line.written()
        self.line.say(OK)
        self.assertEqual(self.line.written(), b"AT+X\r")

    def test_a_callback_that_breaks_stops_nothing(self) -> None:
        broken = self.line.execute(CSQ).addCallback(lambda _: 1 / 0)
        following = self.line.execute(COPS)
        self.line.say(SIGNAL, b"\r\n+COPS: 0\r\n", OK)
        self.failureResultOf(broken, ZeroDivisionError)
        self.answer(following)

    @given(st.text())
    def test_nothing_from_a_caller_is_two_commands(self, text: str) -> None:
        line = Line()
        for attempt in (text, "AT" + text):
            try:
                line.execute(Command(attempt))
            except MisuseError:
                continue
            written = line.written()
            if written:
                self.assertEqual(written.count(b"\r"), 1)
                self.assertTrue(written.endswith(b"\r"))
                self.assertFalse(set(written) & set(b"\n\x1a\x1b"))
