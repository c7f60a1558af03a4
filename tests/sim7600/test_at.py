"""The AT port: the forty transcripts, URCs anywhere, noise, the prompt, the queue."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceTimeout, DeviceUnavailable
from gatewaykit.sim7600.at import (
    ECHO_OFF,
    IDLE_FLUSH_S,
    LONGEST_LINE,
)
from gatewaykit.sim7600.commands import PROMPT_S, Command, read
from gatewaykit.sim7600.dialogue import Reply
from gatewaykit.sim7600.urcs import Urc
from tests.sim7600.lines import (
    COPS,
    CREG,
    CSQ,
    OK,
    SEND,
    SIGNAL,
    WRITE,
    Line,
    LineTestCase,
)
from tests.sim7600.test_urcs import SAMPLES
from tests.sim7600.transcripts import TRANSCRIPTS, Transcript, transcript

ATI = read("ATI", bare=True)
IMEI = read("AT+CGSN", bare=True)
STORE = read("AT+CMGL=4", "+CMGL:", many=True, paired=True)
PDU = "07914477000000F1040C914477091032540000528003214365400548656C6C6F"
STORED = (
    f"\r\n+CMGL: 0,1,,{len(PDU) // 2 - 8}\r\n{PDU}\r\n"
    f"+CMGL: 1,1,,{len(PDU) // 2 - 8}\r\n{PDU}\r\n\r\nOK\r\n"
).encode()

_LISTS = {
    "ATI": ATI,
    "AT+CGSN": IMEI,
    "AT+CIMI": read("AT+CIMI", bare=True),
    "AT+CICCID": read("AT+CICCID", "+ICCID:"),
    'AT+CMGL="ALL"': read('AT+CMGL="ALL"', "+CMGL:", many=True, paired=True),
    "AT+CREG?;+CGREG?;+CEREG?;+CSQ": read(
        "AT+CREG?;+CGREG?;+CEREG?;+CSQ", "+CREG:", "+CGREG:", "+CEREG:", "+CSQ:"
    ),
    'AT+CMGS="+447700900123"': Command(
        'AT+CMGS="+447700900123"', 60.0, ("+CMGS:",), body="0011FF"
    ),
}


def command_of(text: str) -> Command:
    """What the product would ask with, by the text of a transcript."""
    if text in _LISTS:
        return _LISTS[text]
    name = text.removeprefix("AT+").partition("?")[0]
    is_read = text.startswith("AT+") and "=" not in text and name != "CRESET"
    return read(text, f"+{name}:") if is_read else Command(text)


def outcome(reply: Reply) -> tuple[str, ...]:
    return (*reply.lines, reply.final)


class Played:
    """A transcript played to the end: what was written, answered and heard.

    :param cuts: after so many bytes of each run of reads a new read begins; None for the
        reads of the transcript.
    """

    def __init__(self, script: Transcript, cuts: list[int] | None = None) -> None:
        self.line = Line()
        self.written: list[bytes] = []
        self.expected: list[bytes] = []
        self.replies: list[tuple[str, ...]] = []
        self.cuts = cuts
        run: list[bytes] = []
        for kind, data in script.steps:
            if isinstance(data, bytes) and kind == "<":
                run.append(data)
                continue
            self.say(run)
            run = []
            if isinstance(data, bytes):
                self.write(data)
        self.say(run)
        self.line.clock.advance(IDLE_FLUSH_S)

    def write(self, data: bytes) -> None:
        if data == b"Hello\x1a":
            self.expected.append(b"0011FF\x1a")  # our bodies are PDUs
        else:
            text = data.decode().strip()
            self.expected.append(text.encode() + b"\r")
            answered = self.line.execute(command_of(text))
            answered.addCallback(outcome).addCallback(self.replies.append)
        self.written.append(self.line.written())

    def say(self, run: list[bytes]) -> None:
        if self.cuts is not None:
            whole, run = b"".join(run), []
            for cut in self.cuts:
                run.append(whole[:cut])
                whole = whole[cut:]
            run.append(whole)
        self.line.say(*[data for data in run if data])


# What the transcripts say in words. Those that need time or another way are below.
OUTCOMES: dict[int, tuple[list[tuple[str, ...]], list[str]]] = {
    number: ([(*transcript(number).lines,)], [])
    for number in (
        *(1, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 18, 19, 20, 22, 26, 27, 28),
        *(29, 32),
    )
} | {
    2: ([("OK",)], []),
    3: ([("+CSQ: 22,99", "OK")], []),
    6: ([("867584030012345", "OK")], ["+CREG: 1"]),
    10: (
        [("+CPIN: SIM PIN", "OK"), ("OK",)],
        ["+CPIN: READY", "SMS DONE", "PB DONE"],
    ),
    14: (
        [('+CREG: 2,5,"1A2B","0123ABCE"', "OK")],
        ['+CREG: 1,"1A2B","0123ABCD"'],
    ),
    21: ([(line, "OK") for line in transcript(21).lines[::2]], []),
    23: ([("+CGPS: 0,1", "OK"), ("OK",)], []),
    24: ([("ERROR",), ("+CGPS: 1,1", "OK")], []),
    25: ([("OK",), ("ERROR",), ("OK",)], ["+CGPS: 0"]),
    30: ([("+CGNSSINFO: ,,,,,,,,,,,,,,,", "OK")], ['+CMTI: "SM",3']),
    31: ([(line, "OK") for line in transcript(31).lines[::2]], []),
    33: ([("ERROR",), (transcript(33).lines[1], "OK")], []),
    34: ([("+CGNSSMODE: 15,1", "OK"), ("+CNMP: 38", "OK")], []),
    35: ([("OK",), ("+CMGS: 46", "OK")], []),
    37: (
        [
            (
                '+CMGL: 0,"REC READ","+447700900123","","25/08/30,12:34:56+04"',
                "Hello",
                '+CMGL: 1,"REC UNREAD","12345","","25/08/30,12:40:00+04"',
                "",
                "OK",
            )
        ],
        ['+CMT: "+447700900123","","25/08/30,12:41:00+04"'],
    ),
    38: (
        [],
        [
            *("RDY", "+CPIN: READY", "SMS DONE", "PB DONE", "RING"),
            *('+CLIP: "07700900123",129,,,,0', "+CRING: VOICE", "NO CARRIER"),
            *("MISSED_CALL: 11:01AM 07700900123", "UNDER-VOLTAGE WARNNING"),
            "+CTZV: +04,25/08/30,12:34:56,0",
        ],
    ),
    40: ([("OK",)], transcript(40).lines[1:]),
}
ECHOING = {2, 3}


class TranscriptTests(SynchronousTestCase):
    """Number 36 cancels and 39 takes time: they are played by tests of their own."""

    def check(self, script: Transcript, played: Played) -> None:
        replies, said = OUTCOMES[script.number]
        name = f"{script.number}: {script.title}"
        written = b"".join(played.written).replace(b"ATE0\r", b"")
        self.assertEqual(
            written, b"".join(played.expected).replace(b"ATE0\r", b""), name
        )
        if script.number in ECHOING:
            played.line.say(OK)
        self.assertEqual(played.replies, replies, name)
        self.assertEqual(played.line.said, said, name)
        self.assertEqual(played.line.figures.refused, 0, name)
        self.assertEqual(played.line.stuck, [])

    def test_all_but_two_are_here(self) -> None:
        numbers = {script.number for script in TRANSCRIPTS}
        self.assertEqual(numbers - set(OUTCOMES), {36, 39})

    def test_read_by_read(self) -> None:
        for script in TRANSCRIPTS:
            if script.number in OUTCOMES:
                self.check(script, Played(script))

    def test_byte_by_byte(self) -> None:
        for script in TRANSCRIPTS:
            if script.number in OUTCOMES:
                self.check(script, Played(script, [1] * 1000))

    @given(st.sampled_from(sorted(OUTCOMES)), st.lists(st.integers(1, 40), max_size=40))
    def test_any_chunking_is_the_same(self, number: int, cuts: list[int]) -> None:
        self.check(transcript(number), Played(transcript(number), cuts))

    def test_the_text_of_a_delivered_message(self) -> None:
        (delivered,) = Played(transcript(37)).line.heard
        self.assertEqual((delivered.urc, delivered.text), (Urc.DELIVERY, "OK"))

    def test_a_boot_is_heard_of(self) -> None:
        played = Played(transcript(38))
        self.assertIs(played.line.heard[0].urc, Urc.BOOT)


class CancelledMessageTests(LineTestCase):
    """Transcript 36, and what else can happen around the prompt."""

    def test_cancelled_and_failing(self) -> None:
        command = _LISTS['AT+CMGS="+447700900123"']
        line = self.line
        sent = line.execute(command)
        self.assertEqual(line.written(), b'AT+CMGS="+447700900123"\r')
        line.pass_time(PROMPT_S)
        self.failureResultOf(sent, DeviceTimeout)
        self.assertEqual(line.written(), b"\x1b")
        line.say(b"\r\n", b"> ", OK)
        line.pass_time(0.375)
        self.assertEqual(line.written(), b"AT\r")
        line.say(OK)
        again = line.execute(command)
        line.pass_time(0.375)
        self.assertEqual(line.written(), b'AT+CMGS="+447700900123"\r')
        line.say(b"\r\n> ")
        self.assertEqual(line.written(), b"0011FF\x1a")
        line.say(b"\r\n+CMS ERROR: 331\r\n")
        self.assertEqual(outcome(self.answer(again)), ("+CMS ERROR: 331",))

    def test_the_prompt_in_every_split(self) -> None:
        for echo in (b"", b"AT+CMGS=3\r", b"T+CMGS=3\r", b"\x00\xff"):
            whole = echo + b"\r\n> "
            for first in range(len(whole) + 1):
                for second in range(first, len(whole) + 1):
                    line = Line()
                    sent = line.execute(SEND)
                    line.written()
                    line.say(whole[:first], whole[first:second], whole[second:])
                    self.assertEqual(line.written(), b"0011FF\x1a", whole[:first])
                    line.say(b"0011FF\x1a\r\n", b"\r\n+CMGS: 46\r\n\r\nOK\r\n")
                    self.assertEqual(self.answer(sent).lines, ("+CMGS: 46",))

    def test_a_result_in_the_same_read_as_the_prompt(self) -> None:
        sent = self.line.execute(SEND)
        self.line.say(b"\r\n> \r\n+CMGS: 46\r\n\r\nOK\r\n")
        self.assertEqual(self.answer(sent).lines, ("+CMGS: 46",))

    def test_an_error_in_place_of_the_prompt(self) -> None:
        sent, signal = self.line.execute(SEND), self.line.execute(CSQ)
        self.line.say(b"\r\n+CMS ERROR: 310\r\n" + SIGNAL)
        self.assertFalse(self.answer(sent).ok)
        self.assertEqual(self.line.written(), b"AT+CMGS=3\rAT+CSQ\r")
        self.assertEqual(self.answer(signal).lines, ("+CSQ: 22,99",))

    def test_one_message_after_the_other(self) -> None:
        other = Command("AT+CMGS=4", 60.0, ("+CMGS:",), body="00")
        first, second = self.line.execute(SEND), self.line.execute(other)
        self.line.say(b"\r\n+CMS ERROR: 310\r\n\r\n> \r\n+CMGS: 1\r\n\r\nOK\r\n")
        self.assertFalse(self.answer(first).ok)
        self.assertEqual(self.answer(second).lines, ("+CMGS: 1",))
        self.assertEqual(self.line.written(), b"AT+CMGS=3\rAT+CMGS=4\r00\x1a")

    def test_urcs_while_the_prompt_is_awaited(self) -> None:
        sent = self.line.execute(SEND)
        self.line.say(b"\r\nRING\r\n\r\n+CM", b'TI: "SM",3\r\n\r\n> ')
        self.assertEqual(self.line.said, ["RING", '+CMTI: "SM",3'])
        self.line.say(b"\r\nRING\r\n\r\n+CMGS: 46\r\n\r\nRING\r\n\r\nOK\r\n")
        self.assertEqual(self.answer(sent).lines, ("+CMGS: 46",))
        self.assertEqual(len(self.line.said), 4)

    def test_no_result_after_the_body(self) -> None:
        sent = self.line.execute(SEND)
        self.line.say(b"\r\n> ")
        self.line.pass_time(59)
        self.assertNoResult(sent)
        self.line.pass_time(1)
        self.failureResultOf(sent, DeviceTimeout)
        self.assertTrue(self.line.written().endswith(b"\x1a\x1b"))

    def test_a_modem_that_starts_anew_is_not_waited_for(self) -> None:
        sent = self.line.execute(SEND)
        self.line.say(b"\r\n> ", b"\r\nRDY\r\n")
        self.line.pass_time(2.9)
        self.assertNoResult(sent)
        self.line.pass_time(0.2)
        self.failureResultOf(sent, DeviceTimeout)

    def test_endless_bytes_in_place_of_the_prompt(self) -> None:
        sent = self.line.execute(SEND)
        self.line.say(*[b"x" * 1000] * 50)
        self.line.say(b"> \r\n\r\n> ")
        self.assertEqual(self.line.written(), b"AT+CMGS=3\r0011FF\x1a")
        self.line.say(b"\r\n+CMGS: 46\r\n\r\nOK\r\n")
        self.answer(sent)
        self.assertEqual(self.line.figures.refused, 1)

    def test_a_prompt_that_nobody_awaits(self) -> None:
        self.line.say(b"\r\n> ")
        self.line.clock.advance(IDLE_FLUSH_S)
        self.assertEqual(self.line.figures.refused, 1)
        signal = self.line.execute(CSQ)
        self.line.say(b"\r\n> ", b"\r\n", SIGNAL)
        self.answer(signal)
        self.assertEqual(self.line.written(), b"AT+CSQ\r")


class UnsolicitedTests(SynchronousTestCase):
    """Every unsolicited line at every line boundary of every answer."""

    # Where both look the same the first is the answer (facts/sim7600.md 2.6).
    ALIKE = ("+CSQ:", "+CPSI:", "+CGNSSINFO:", "+CGPSINFO:", "+CPIN:", "+CGPS:")

    def answered(self) -> Iterator[tuple[Command, bytes]]:
        """Each command of the transcripts that is answered at once."""
        seen = set()
        for script in TRANSCRIPTS:
            if script.number in {6, 14, 30, 35, 36, 37, 39}:
                continue  # other lines are among theirs, or they are no single answer
            for step, following in zip(script.steps, script.steps[1:], strict=False):
                if step[0] == ">" and following[0] == "<":
                    assert isinstance(step[1], bytes)
                    index = script.steps.index(following)
                    data = b""
                    while index < len(script.steps) and script.steps[index][0] == "<":
                        data += bytes(script.steps[index][1])  # type: ignore[arg-type]
                        index += 1
                    ends = data.replace(b"ERROR\r\n", b"OK\r\n").find(OK[2:])
                    final = data.find(b"\n", ends) + 1
                    key = (step[1], data[:final])
                    if key not in seen:
                        seen.add(key)
                        yield command_of(step[1].decode().strip()), data[:final]
        yield STORE, STORED

    def spoken(self) -> Iterator[tuple[Urc, str, str | None]]:
        for urc, samples in SAMPLES.items():
            for line in samples:
                if urc is not Urc.DELIVERY:
                    yield urc, line, None
                elif line.startswith("+CBM"):
                    yield urc, line, "A5" * 24
                else:
                    for text in ("OK", "", "RING", "+CSQ: 1,99", "ERROR", "AT"):
                        yield urc, line, text

    def test_the_answer_stays_the_same_and_it_is_heard_once(self) -> None:
        count = 0
        for command, answer in self.answered():
            plain = Line()
            expected = self.successResultOf(self.ask(plain, command, answer))
            for urc, said, text in self.spoken():
                prefix = said.partition(":")[0] + ":"
                if prefix in self.ALIKE and prefix in command.prefixes:
                    continue
                inserted = f"\r\n{said}\r\n".encode()
                if text is not None:
                    inserted += f"{text}\r\n".encode()
                for boundary in self.boundaries(answer):
                    line = Line()
                    data = answer[:boundary] + inserted + answer[boundary:]
                    reply = self.successResultOf(self.ask(line, command, data))
                    self.assertEqual(reply, expected, (command.text, said, boundary))
                    (heard,) = line.heard
                    self.assertEqual(
                        (heard.urc, heard.line, heard.text), (urc, said, text)
                    )
                    count += 1
        self.assertGreater(count, 5000)

    def test_where_both_look_the_same_the_first_is_the_answer(self) -> None:
        line = Line()
        data = b"\r\n+CSQ: 1,99\r\n" + SIGNAL
        reply = self.successResultOf(self.ask(line, CSQ, data))
        self.assertEqual(reply.lines, ("+CSQ: 1,99",))
        self.assertEqual(line.said, ["+CSQ: 22,99"])

    @staticmethod
    def ask(line: Line, command: Command, data: bytes) -> Deferred[Reply]:
        answered = line.execute(command)
        line.say(data)
        return answered

    @staticmethod
    def boundaries(answer: bytes) -> list[int]:
        """Line boundaries, the one behind an echo's CR not among them."""
        return [
            index
            for index in range(len(answer) + 1)
            if (index == 0 and not answer.startswith(b"AT"))
            or answer[:index].endswith(b"\n")
        ]


class NoiseTests(LineTestCase):
    def test_a_half_line_is_dropped_after_a_while(self) -> None:
        self.line.say(b"\r\n+CSQ: 2")
        self.line.clock.advance(IDLE_FLUSH_S - 0.1)
        self.assertEqual(self.line.figures.refused, 0)
        self.line.clock.advance(0.1)
        self.assertEqual(self.line.figures.refused, 1)
        self.line.say(b"\r\nRING\r\n")
        self.assertEqual(self.line.said, ["RING"])

    def test_more_of_it_begins_the_while_anew(self) -> None:
        for piece in (b"\r\nR", b"I", b"N", b"G\r"):
            self.line.say(piece)
            self.line.clock.advance(IDLE_FLUSH_S - 0.1)
        self.line.say(b"\n")
        self.line.clock.advance(10)
        self.assertEqual(self.line.said, ["RING"])

    def test_a_half_line_stays_while_a_command_is_pending(self) -> None:
        operator = self.line.execute(COPS)
        self.line.say(b"\r\n+COPS: 0,0,")
        self.line.clock.advance(9)
        self.line.say(b'"T-Mobile",7\r\n', OK)
        self.assertEqual(self.answer(operator).lines, ('+COPS: 0,0,"T-Mobile",7',))

    def test_a_half_line_before_a_command_is_sent(self) -> None:
        self.line.say(b"+CSQ: ")
        signal = self.line.execute(CSQ)
        self.line.clock.advance(2)
        self.line.say(b"1,99\r\n", SIGNAL)
        self.answer(signal)

    def test_a_line_end_alone_is_nothing(self) -> None:
        self.line.say(b"\r")
        self.line.clock.advance(10)
        self.assertEqual(self.line.figures.refused, 0)

    def test_endless_bytes_take_no_memory_and_are_counted_once(self) -> None:
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        for _ in range(2000):
            self.line.say(b"x" * 1024)
        self.assertLess(tracemalloc.get_traced_memory()[1], 1_000_000)
        self.assertEqual(self.line.figures.refused, 1)
        self.line.say(b"\r\nRING\r\n")
        self.assertEqual(self.line.said, ["RING"])
        signal = self.line.execute(CSQ)
        self.line.say(SIGNAL)
        self.answer(signal)

    def test_a_long_line_in_one_read(self) -> None:
        signal = self.line.execute(CSQ)
        long = b"x" * (LONGEST_LINE + 1)
        self.line.say(b"\r\n" + long + b"\r\n" + long + SIGNAL)
        self.answer(signal)
        self.assertEqual(self.line.figures.refused, 2)

    @given(st.lists(st.binary(max_size=200), max_size=20))
    def test_the_next_command_is_answered_after_any_noise(
        self, noise: list[bytes]
    ) -> None:
        line = Line()
        line.say(*noise)
        line.clock.advance(IDLE_FLUSH_S)
        line.heard.clear()
        # The text of a message may have been announced.
        line.say(b"\r\n" + b"\r\n" * 3)
        signal = line.execute(CSQ)
        line.say(SIGNAL)
        self.assertEqual(self.answer(signal).lines, ("+CSQ: 22,99",))

    def test_echo_is_switched_off_once(self) -> None:
        first, second = self.line.execute(CSQ), self.line.execute(COPS)
        self.line.written()
        self.line.say(b"AT+CSQ\r" + SIGNAL)
        self.answer(first)
        self.assertEqual(self.line.written(), b"ATE0\r")
        self.line.say(b"ATE0\r" + OK)
        self.assertEqual(self.line.written(), b"AT+COPS?\r")
        self.line.say(b"\r\n+COPS: 0\r\n" + OK)
        self.answer(second)
        self.assertEqual(self.line.written(), b"")

    def test_echo_while_it_is_being_switched_off_by_somebody(self) -> None:
        first = self.line.execute(CSQ)
        off = self.line.execute(ECHO_OFF)
        self.line.say(b"AT+CSQ\r" + SIGNAL, OK)
        self.answer(first)
        self.answer(off)
        self.assertEqual(self.line.written(), b"AT+CSQ\rATE0\r")

    def test_echo_cannot_be_switched_off_on_a_lost_line(self) -> None:
        first = self.line.execute(CSQ)
        self.line.say(b"AT+CSQ\r")
        self.line.lose()
        self.failureResultOf(first, DeviceUnavailable)

    def test_data_mode(self) -> None:
        started = self.line.execute(WRITE)
        self.line.say(b"\r\nCONNECT 115200\r\n")
        self.assertEqual(self.line.stuck, ["it has left command mode"])
        self.assertNoResult(started)
        self.line.pass_time(WRITE.timeout_s)
        self.failureResultOf(started, DeviceTimeout)


class ConnectionTests(LineTestCase):
    def test_made_and_lost_are_told_once(self) -> None:
        self.assertEqual((self.line.made, self.line.lost), (1, 0))
        self.line.lose()
        self.assertEqual((self.line.made, self.line.lost), (1, 1))

    def test_a_lost_connection_fails_everybody_once(self) -> None:
        outcomes: list[object] = []

        def note(failure: Failure) -> None:
            outcomes.append(failure.type)

        commands = [WRITE, CSQ, CSQ, COPS, WRITE]
        for command in commands:
            self.line.execute(command).addErrback(note)
        self.line.lose()
        self.assertEqual(outcomes, [DeviceUnavailable] * len(commands))

    def test_the_owner_hears_of_the_loss_first(self) -> None:
        lost: list[int] = []
        self.line.execute(CSQ).addErrback(lambda _: lost.append(self.line.lost))
        self.line.lose()
        self.assertEqual(lost, [1])

    def test_nothing_is_asked_of_a_lost_connection(self) -> None:
        again: list[Deferred[Reply]] = []
        self.line.execute(CSQ).addErrback(
            lambda _: again.append(self.line.execute(CSQ))
        )
        self.line.lose()
        self.line.written()
        self.failureResultOf(again[0], DeviceUnavailable)
        error = self.failureResultOf(self.line.execute(CSQ)).value
        self.assertIn("its port is gone", str(error))
        self.assertEqual(self.line.written(), b"")

    def test_lost_at_every_step_of_a_message(self) -> None:
        for steps in range(4):
            line = Line()
            sent = line.execute(SEND)
            line.say(*(b"\r\n", b"> ", b"\r\n+CMGS: 46\r\n")[:steps])
            line.lose()
            self.failureResultOf(sent, DeviceUnavailable)
            self.assertEqual(line.clock.getDelayedCalls(), [])

    def test_lost_with_a_half_line(self) -> None:
        self.line.say(b"RI")
        self.line.lose()
        self.assertEqual(self.line.clock.getDelayedCalls(), [])

    def test_registration_is_answered_after_an_unsolicited_one(self) -> None:
        asked = self.line.execute(CREG)
        self.line.say(b"\r\n+CREG: 1\r\n\r\n+CREG: 0,1\r\n", OK)
        self.assertEqual(self.answer(asked).lines, ("+CREG: 0,1",))
