"""After a timeout nobody gets the answer to another one's command."""

from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.at import MUTE
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply
from gatewaykit.sim7600.resync import HANDSHAKES, MOST_QUIET_S, QUIET_S
from tests.sim7600.lines import COPS, CSQ, OK, SIGNAL, WRITE, Line, LineTestCase
from tests.sim7600.transcripts import transcript

OPERATOR = transcript(39).received[0]
A_LITTLE_S = QUIET_S + 0.0625
X = Command("AT+X")


class ResynchronisationTests(LineTestCase):
    def time_out(self, command: Command = COPS) -> None:
        asked = self.line.execute(command)
        self.line.written()
        self.line.pass_time(command.timeout_s)
        self.failureResultOf(asked, DeviceTimeout)

    def check_in_step(self, asked: Deferred[Reply]) -> None:
        """The next command is sent now, and gets its own answer."""
        self.assertNoResult(asked)
        self.assertEqual(self.line.written(), b"AT+CSQ\r")
        self.line.say(SIGNAL)
        self.assertEqual(self.answer(asked).lines, ("+CSQ: 22,99",))
        self.assertEqual(self.line.stuck, [])

    def test_transcript_39(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        self.line.say(OPERATOR)
        self.assertEqual(self.line.written(), b"")
        self.line.pass_time(A_LITTLE_S)
        self.assertEqual(self.line.written(), b"AT\r")
        self.line.say(OK)
        self.assertEqual(self.line.written(), b"")
        self.line.pass_time(A_LITTLE_S)
        self.check_in_step(following)
        self.assertEqual(self.line.figures.resyncs, 1)
        self.assertEqual(self.line.said, [])

    def test_nothing_waits(self) -> None:
        self.time_out()
        self.line.pass_time(A_LITTLE_S)
        self.line.say(OK)
        self.line.pass_time(10)
        self.assertEqual(self.line.written(), b"AT\r")
        self.line.execute(CSQ)
        self.assertEqual(self.line.written(), b"AT+CSQ\r")

    def test_a_late_answer_in_pieces_before_the_handshake(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        for index in range(0, len(OPERATOR), 5):
            self.line.say(OPERATOR[index : index + 5])
            self.line.pass_time(QUIET_S / 2)
        self.assertEqual(self.line.written(), b"")
        self.line.pass_time(A_LITTLE_S)
        self.line.say(OK)
        self.line.pass_time(A_LITTLE_S)
        self.assertEqual(self.line.written(), b"AT\rAT+CSQ\r")
        self.assertNoResult(following)

    def test_a_late_answer_after_the_handshake_was_sent(self) -> None:
        for late in (
            OPERATOR,
            OK,
            b"\r\nERROR\r\n",
            SIGNAL,  # looks like an unsolicited line
            b"\r\n+CREG: 0,1\r\n" + OK,
            b"half of it" + OK,
        ):
            self.line = Line()
            self.time_out()
            following = self.line.execute(CSQ)
            self.line.pass_time(A_LITTLE_S)
            self.line.say(late + OK)
            self.line.pass_time(A_LITTLE_S)
            self.assertEqual(self.line.written(), b"AT\r\x1b", late)
            self.line.pass_time(A_LITTLE_S)
            self.assertEqual(self.line.written(), b"AT\r")
            self.line.say(OK)
            self.line.pass_time(A_LITTLE_S)
            self.check_in_step(following)

    def test_a_late_answer_that_begins_after_the_ok(self) -> None:
        for late in (b"\r\n+COPS: 0", b"\r\n+COPS: 0\r\n", OK, SIGNAL):
            self.line = Line()
            self.time_out()
            following = self.line.execute(CSQ)
            self.line.pass_time(A_LITTLE_S)
            self.line.say(OK)
            self.line.pass_time(QUIET_S / 2)
            self.line.say(late)
            self.line.pass_time(A_LITTLE_S)
            self.assertEqual(self.line.written(), b"AT\r\x1b", late)
            self.line.say(OK)
            self.line.pass_time(A_LITTLE_S)
            self.line.say(OK)
            self.line.pass_time(A_LITTLE_S)
            self.line.written()
            self.line.say(SIGNAL)
            self.assertEqual(self.answer(following).lines, ("+CSQ: 22,99",))

    def test_a_call_is_no_late_answer(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        self.line.pass_time(A_LITTLE_S)
        self.line.say(b"\r\nRING\r\n" + OK + b"\r\nRING\r\n")
        self.line.pass_time(A_LITTLE_S)
        self.line.written()
        self.line.say(SIGNAL)
        self.answer(following)
        self.assertEqual(self.line.said, ["RING", "RING"])

    def test_a_late_answer_after_the_second_silence_is_not_taken_for_another(
        self,
    ) -> None:
        self.time_out()
        self.line.pass_time(A_LITTLE_S)
        self.line.say(OK)
        self.line.pass_time(A_LITTLE_S)
        following = self.line.execute(CSQ)
        self.line.say(OPERATOR)
        # An OK without the line that was asked for is somebody else's.
        self.failureResultOf(following, DeviceTimeout)
        self.assertEqual(self.line.figures.timeouts, 2)
        again = self.line.execute(CSQ)
        self.line.say(SIGNAL)
        self.line.pass_time(A_LITTLE_S)
        self.line.say(OK)
        self.line.pass_time(A_LITTLE_S)
        self.line.written()
        self.check_again(again)

    def check_again(self, asked: Deferred[Reply]) -> None:
        self.assertNoResult(asked)
        self.line.say(b"\r\n+CSQ: 7,99\r\n" + OK)
        self.assertEqual(self.answer(asked).lines, ("+CSQ: 7,99",))

    def test_the_ok_of_an_unanswered_handshake(self) -> None:
        """A modem that takes longer for each answer than a handshake may last."""
        self.time_out()
        written = self.line.execute(WRITE)
        self.line.pass_time(A_LITTLE_S)
        answers = 0
        while self.line.written():
            self.line.pass_time(1.3125)
            self.line.say(OK)
            answers += 1
        self.assertNoResult(written)
        self.line.pass_time(20)
        self.failureResultOf(written, DeviceUnavailable)

    def test_echo(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        self.line.pass_time(A_LITTLE_S)
        self.line.say(b"AT\r" + OK)
        self.line.pass_time(A_LITTLE_S)
        self.assertEqual(self.line.written(), b"AT\rAT+CSQ\r")
        self.line.say(b"AT+CSQ\r" + SIGNAL)
        self.answer(following)
        self.assertEqual(self.line.written(), b"ATE0\r")

    def test_a_mute_modem(self) -> None:
        self.time_out()
        waiting = [self.line.execute(CSQ), self.line.execute(WRITE)]
        self.line.pass_time(20)
        for asked in waiting:
            error = self.failureResultOf(asked, DeviceUnavailable).value
            self.assertIn(MUTE, str(error))
        self.assertEqual(self.line.stuck, [MUTE])
        self.assertEqual(
            self.line.written(),
            b"\x1b".join(c.text.encode() + b"\r" for c in HANDSHAKES),
        )
        self.assertEqual(self.line.figures.timeouts, 1)

    def test_one_that_answers_with_digits_is_told_to_use_words(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        self.line.pass_time(A_LITTLE_S)
        for _ in range(2):
            self.line.say(b"0\r")
            self.line.pass_time(1.5)
        self.assertTrue(self.line.written().endswith(b"ATQ0V1E0\r"))
        self.line.say(OK)
        self.line.pass_time(1.5625)
        self.check_in_step(following)

    def test_after_a_failure_it_is_tried_again_before_anything_is_sent(self) -> None:
        self.time_out()
        self.line.pass_time(20)
        self.line.written()
        following = self.line.execute(CSQ)
        self.assertEqual(self.line.written(), b"\x1b")
        self.line.say(OPERATOR)
        self.line.pass_time(A_LITTLE_S)
        self.assertEqual(self.line.written(), b"AT\r")
        self.line.say(OK)
        self.line.pass_time(A_LITTLE_S)
        self.line.stuck.clear()
        self.check_in_step(following)

    def test_after_a_failure_what_is_urgent_is_sent_all_the_same(self) -> None:
        self.time_out()
        self.line.pass_time(20)
        self.line.written()
        self.line.execute(X, Priority.URGENT)
        self.assertEqual(self.line.written(), b"AT+X\r")

    def test_noise_that_never_ends(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        for _ in range(round(4 * (2 * MOST_QUIET_S + 2) / 0.125)):
            self.line.say(b"noise\r\n")
            self.line.pass_time(0.125)
        self.failureResultOf(following, DeviceUnavailable)
        self.assertEqual(self.line.stuck, [MUTE])

    def test_noise_without_a_line_end(self) -> None:
        self.time_out()
        following = self.line.execute(CSQ)
        for _ in range(50):
            self.line.say(b"x" * 1000)
            self.line.pass_time(0.0625)
        self.line.pass_time(A_LITTLE_S)
        self.assertEqual(self.line.written(), b"AT\r")
        self.line.say(OK)
        self.line.pass_time(A_LITTLE_S)
        self.check_in_step(following)

    def test_lost_at_any_time(self) -> None:
        for seconds in (0, QUIET_S / 2, 0.5, 1.5, 3, 20):
            self.line = Line()
            self.time_out()
            following = self.line.execute(CSQ)
            self.line.pass_time(seconds)
            self.line.lose()
            self.failureResultOf(following, DeviceUnavailable)
            self.assertEqual(self.line.clock.getDelayedCalls(), [])

    def test_data_mode_in_place_of_the_ok(self) -> None:
        self.time_out()
        self.line.pass_time(A_LITTLE_S)
        self.line.say(b"\r\nCONNECT\r\n")
        self.line.pass_time(20)
        self.assertEqual(self.line.stuck, ["it has left command mode", MUTE])

    def test_timeouts_in_a_row(self) -> None:
        for count in (1, 2, 3):
            self.time_out()
            self.assertEqual(self.line.figures.timeouts_in_a_row, count)
            self.line.pass_time(A_LITTLE_S)
            self.line.say(OK)
            self.line.pass_time(A_LITTLE_S)
        self.line.execute(CSQ)
        self.line.say(SIGNAL)
        self.assertEqual(self.line.figures.timeouts_in_a_row, 0)
        self.assertEqual(self.line.figures.timeouts, 3)
        self.assertEqual(self.line.figures.resyncs, 3)


@attrs.define
class SlowModem:
    """One command after the other, each in its own time; its answers come in pieces.

    :param hears_all: whether it keeps what is sent to it while it is busy, or loses it.
    """

    line: Line
    hears_all: bool
    delays: dict[str, tuple[float, float]]
    """Until the first piece of the answer, and from that to the second."""
    answering: str | None = None
    busy: str | None = None
    kept: list[str] = attrs.field(factory=list)
    unread: bytes = b""

    def look(self) -> None:
        """Take what was written."""
        self.unread += self.line.written().replace(b"\x1b", b"")
        *commands, self.unread = self.unread.split(b"\r")
        for command in commands:
            if self.busy is None:
                self.begin(command.decode())
            elif self.hears_all:
                self.kept.append(command.decode())

    def begin(self, command: str) -> None:
        self.busy = command
        first_s, _ = self.delays.get(command, (0.0625, 0.0))
        self.line.clock.callLater(first_s, self.say_first)

    def say_first(self) -> None:
        assert self.busy is not None
        _, second_s = self.delays.get(self.busy, (0.0, 0.0))
        if self.busy.startswith("AT+Y"):
            self.say(f"\r\n+Y: {self.busy[5:]}\r\n".encode())
        self.line.clock.callLater(second_s, self.say_second)

    def say_second(self) -> None:
        self.say(OK)
        self.busy = None
        if self.kept:
            self.begin(self.kept.pop(0))

    def say(self, data: bytes) -> None:
        self.answering = self.busy
        self.line.say(data)
        self.answering = None


SECONDS = st.integers(0, 96).map(lambda each: each / 16)
"""Up to twice the time limit."""
ASKED = st.tuples(st.booleans(), SECONDS, SECONDS, SECONDS)


class LateAnswerTests(SynchronousTestCase):
    @given(st.booleans(), st.lists(ASKED, min_size=1, max_size=8))
    def test_nobody_gets_the_answer_of_another(
        self, hears_all: bool, asked: list[tuple[bool, float, float, float]]
    ) -> None:
        """Whatever the modem's delays, and whenever the next one asks."""
        line = Line()
        modem = SlowModem(line, hears_all, {})
        mixed_up: list[str] = []
        answered: list[str] = []

        def check(reply: Reply, text: str) -> None:
            answered.append(text)
            own = (f"+Y: {text[5:]}",) if text.startswith("AT+Y") else ()
            if modem.answering != text or reply.lines != own:
                mixed_up.append(f"{text} got {reply} of {modem.answering}")

        def ask(text: str) -> None:
            command = read(text, "+Y:") if text.startswith("AT+Y") else Command(text)
            asked = line.execute(command)
            asked.addCallback(check, text)
            asked.addErrback(
                lambda f: f.trap(DeviceTimeout, DeviceUnavailable) and None
            )

        def run_for(seconds: float) -> None:
            for _ in range(round(seconds * 16)):
                modem.look()
                line.clock.advance(1 / 16)

        for number, (reads, first_s, second_s, pause_s) in enumerate(asked):
            text = f"AT+{'Y' if reads else 'Z'}={number}"
            modem.delays[text] = (max(first_s, 1 / 16), second_s)
            ask(text)
            run_for(pause_s)
        run_for(200)
        ask("AT+Y=999")
        run_for(20)
        self.assertEqual(mixed_up, [])
        self.assertIn("AT+Y=999", answered)
        line.lose()
