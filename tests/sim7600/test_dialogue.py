"""The dialogue: which line is what."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600.commands import Command, read
from gatewaykit.sim7600.dialogue import (
    MOST_CHARACTERS,
    Answered,
    DataMode,
    Dialogue,
    EchoSeen,
    Event,
    Refused,
    Reply,
    Unsolicited,
)
from gatewaykit.sim7600.urcs import Urc
from tests.sim7600.lines import COPS, CREG, CSQ, SEND, WRITE
from tests.sim7600.transcripts import transcript

ATI = read("ATI", bare=True)
LIST = read("AT+CMGL=4", "+CMGL:", many=True, paired=True)
PDU = "07914477000000F1040C914477091032540000528003214365400548656C6C6F"
HEAD = f"+CMGL: 0,1,,{len(PDU) // 2 - 8}"
DELIVERY = f"+CMT: ,{len(PDU) // 2 - 8}"


class DialogueTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.dialogue = Dialogue()

    def take(self, *lines: str) -> list[Event]:
        return [
            event
            for line in lines
            for event in self.dialogue.line_received(line.encode("latin-1") + b"\r")
        ]

    def begin(self, command: Command) -> None:
        self.dialogue.begin(command)

    def reply(self, *lines: str) -> Reply:
        *_, last = self.take(*lines)
        assert isinstance(last, Answered), last
        return last.reply


class CommandTests(DialogueTestCase):
    def test_what_is_written(self) -> None:
        self.assertEqual(self.dialogue.begin(CSQ), b"AT+CSQ\r")
        self.assertFalse(self.dialogue.is_idle)

    def test_one_at_a_time(self) -> None:
        self.begin(CSQ)
        error = self.assertRaises(MisuseError, self.dialogue.begin, COPS)
        self.assertEqual(error.name, "command")

    def test_the_next_one_begins_anew(self) -> None:
        self.begin(CSQ)
        self.assertEqual(self.reply("+CSQ: 1,99", "OK").lines, ("+CSQ: 1,99",))
        self.assertTrue(self.dialogue.is_idle)
        self.begin(CSQ)
        self.assertEqual(self.reply("+CSQ: 2,99", "OK").lines, ("+CSQ: 2,99",))

    @given(st.text())
    def test_nothing_smuggles_a_second_line(self, text: str) -> None:
        try:
            data = Dialogue().begin(Command("AT" + text))
        except MisuseError:
            return
        self.assertEqual(data.count(b"\r"), 1)
        self.assertTrue(data.endswith(b"\r"))
        self.assertTrue(data.isascii())
        self.assertFalse(set(data) & set(b"\n\x1a\x1b\x00"))

    @given(st.text())
    def test_nothing_smuggles_a_command_behind_a_body(self, text: str) -> None:
        dialogue = Dialogue()
        try:
            dialogue.begin(Command("AT+CMGS=3", body=text))
        except MisuseError:
            return
        self.assertRegex(dialogue.prompted().decode(), r"\A[0-9A-F]+\x1a\Z")


class FinalTests(DialogueTestCase):
    def test_every_final_ends_the_command(self) -> None:
        for final in (
            "OK",
            "ERROR",
            "+CME ERROR: 10",
            "+CME ERROR: SIM not inserted",
            "+CMS ERROR: 331",
            "CONNECT FAIL",
            "COMMAND NOT SUPPORT",
            "NA",
        ):
            self.begin(WRITE)
            reply = self.reply(final)
            self.assertEqual(reply, Reply((), final))
            self.assertEqual(reply.ok, final == "OK")
            self.assertTrue(self.dialogue.is_idle)

    def test_what_only_looks_like_a_final(self) -> None:
        for line in ("+IP ERROR: Network not opened", "+CIPERROR: 2", "NO CARRIER"):
            self.begin(WRITE)
            (event,) = self.take(line)
            self.assertIsInstance(event, Unsolicited)
            self.assertEqual(self.reply("ERROR").final, "ERROR")

    def test_data_mode(self) -> None:
        for line in ("CONNECT", "CONNECT 115200"):
            self.begin(WRITE)
            self.assertEqual(self.take(line), [DataMode()])
            self.assertTrue(self.dialogue.is_idle)

    def test_nobody_waits(self) -> None:
        for line in ("OK", "ERROR", "+CME ERROR: 10", "NA", "+CREG: 0,1"):
            self.assertEqual(self.take(line), [Refused("late", line)])
        self.assertEqual(self.take("hello"), [Refused("garbage", "hello")])

    def test_given_up(self) -> None:
        self.begin(COPS)
        self.take("+COPS: 0")
        self.dialogue.give_up()
        self.assertEqual(self.take("OK"), [Refused("late", "OK")])


class EchoTests(DialogueTestCase):
    def test_an_echo(self) -> None:
        for echo in ("AT+CSQ", "at+csq", "AT+CSQ\r", "\0AT+CSQ\r", "\xff\xfeAT+CSQ"):
            self.begin(CSQ)
            self.assertEqual(self.take(echo), [EchoSeen()], echo)
            self.assertEqual(self.reply("+CSQ: 1,99", "OK").lines, ("+CSQ: 1,99",))

    def test_a_garbled_echo(self) -> None:
        for echo in ("T+CSQ", "+CSQ", "AT+CQ", "ATCSQ", "Q"):
            self.begin(CSQ)
            self.assertEqual(self.take(echo + "\r"), [EchoSeen()], echo)
            self.reply("+CSQ: 1,99", "OK")

    def test_a_garbled_echo_is_no_payload(self) -> None:
        self.begin(ATI)
        self.assertEqual(self.take("TI\r"), [EchoSeen()])
        self.assertEqual(self.reply("Model: X", "OK").lines, ("Model: X",))

    def test_an_echo_that_ends_in_its_own_cr(self) -> None:
        """As of a modem that writes digits in place of words."""
        self.begin(CSQ)
        events = self.dialogue.line_received(b"AT+CSQ\r+CSQ: 22,99\r")
        self.assertEqual(events, [EchoSeen()])
        self.assertEqual(self.reply("OK").lines, ("+CSQ: 22,99",))

    def test_what_somebody_else_sends(self) -> None:
        self.assertEqual(self.take("AT+CGMM\r"), [Refused("foreign", "AT+CGMM")])
        self.begin(CSQ)
        self.assertEqual(self.take("AT+CGMM\r"), [Refused("foreign", "AT+CGMM")])
        self.assertEqual(self.take("ATTENTION"), [Refused("garbage", "ATTENTION")])

    def test_a_second_echo_is_none(self) -> None:
        self.begin(CSQ)
        self.take("+CSQ: 22,99")
        self.assertEqual(self.take("AT+CSQ"), [Refused("foreign", "AT+CSQ")])


class NoiseTests(DialogueTestCase):
    def test_noise_at_the_beginning_of_a_line(self) -> None:
        self.begin(CSQ)
        self.assertEqual(self.take("\x00\x80\xff+CSQ: 2\x002,99"), [])
        self.assertEqual(self.reply("\xf0OK").lines, ("+CSQ: 22,99",))

    def test_empty_lines(self) -> None:
        self.begin(CSQ)
        self.assertEqual(self.take("", "\r", "\r\r", " ", "\0\0\xff"), [])

    @given(st.lists(st.binary(max_size=30)), st.sampled_from([CSQ, ATI, LIST, SEND]))
    def test_any_lines_are_understood_somehow(
        self, lines: list[bytes], command: Command
    ) -> None:
        dialogue = Dialogue()
        dialogue.begin(command)
        for line in lines:
            for event in dialogue.line_received(line.replace(b"\n", b"")):
                self.assertIsInstance(event, Event)
            dialogue.after_prompt(line)

    def test_an_endless_answer_is_cut_off(self) -> None:
        self.begin(ATI)
        refused = 0
        for _ in range(2000):
            refused += len(self.take("x" * 1000))
        self.assertEqual(refused, 2000 - MOST_CHARACTERS // 1000)
        self.assertEqual(len(self.reply("OK").lines), MOST_CHARACTERS // 1000)


class InformationTests(DialogueTestCase):
    def test_lines_without_a_prefix(self) -> None:
        self.begin(ATI)
        reply = self.reply(*transcript(4).lines)
        self.assertEqual(len(reply.lines), 5)

    def test_a_line_without_prefix_needs_a_command_for_it(self) -> None:
        self.begin(CSQ)
        self.assertEqual(self.take("hello"), [Refused("garbage", "hello")])

    def test_the_second_of_one_prefix_is_unsolicited(self) -> None:
        self.begin(CSQ)
        (event,) = self.take("+CSQ: 22,99", "+CSQ: 21,99")
        self.assertEqual(event, Unsolicited(Urc.NETWORK, "+CSQ: 21,99"))
        self.assertEqual(self.reply("OK").lines, ("+CSQ: 22,99",))

    def test_any_number_where_that_is_said(self) -> None:
        self.begin(read("AT+CNUM", "+CNUM:", many=True))
        reply = self.reply('+CNUM: "","1",145', '+CNUM: "","2",145', "OK")
        self.assertEqual(len(reply.lines), 2)

    def test_registration_by_its_second_field(self) -> None:
        for unsolicited in (
            "+CREG: 1",
            '+CREG: 1,"1A2B","0123ABCD"',
            "+CREG: 1,1A2B,1",
        ):
            for answer in ("+CREG: 0,1", '+CREG: 2,5,"1A2B","0123ABCE",7'):
                self.begin(CREG)
                (event,) = self.take(unsolicited)
                self.assertEqual(event, Unsolicited(Urc.REGISTRATION, unsolicited))
                self.assertEqual(self.reply(answer, "OK").lines, (answer,))

    def test_an_answer_to_another_question_is_not_unsolicited(self) -> None:
        self.begin(CSQ)
        self.assertEqual(self.take("+CREG: 0,1"), [Refused("late", "+CREG: 0,1")])


class DeliveryTests(DialogueTestCase):
    """A message itself comes unasked; its text is on the next line."""

    def test_in_text_mode_any_line_is_the_text(self) -> None:
        head = '+CMT: "+447700900123","","25/08/30,12:41:00+04"'
        for text in ("OK", "", "RING", "ERROR", "> "):
            self.begin(CSQ)
            (event,) = self.take(head, text)
            self.assertEqual(event, Unsolicited(Urc.DELIVERY, head, text.strip()))
            self.assertEqual(self.reply("+CSQ: 1,99", "OK").lines, ("+CSQ: 1,99",))

    def test_a_pdu_is_told_from_all_else(self) -> None:
        self.begin(CSQ)
        events = self.take(DELIVERY, "", "RING", "+CSQ: 1,99", PDU)
        self.assertEqual(
            events,
            [
                Unsolicited(Urc.CALL, "RING"),
                Unsolicited(Urc.DELIVERY, DELIVERY, PDU),
            ],
        )
        self.assertEqual(self.reply("OK").lines, ("+CSQ: 1,99",))

    def test_a_number_is_no_pdu(self) -> None:
        self.begin(read("AT+CGSN", bare=True))
        self.take(DELIVERY)
        self.assertEqual(
            self.reply("867584030012345", "OK").lines, ("867584030012345",)
        )

    def test_a_head_without_a_text_is_heard_when_the_next_comes(self) -> None:
        self.assertEqual(self.take(DELIVERY), [])
        self.assertEqual(
            self.take(DELIVERY, PDU),
            [
                Unsolicited(Urc.DELIVERY, DELIVERY),
                Unsolicited(Urc.DELIVERY, DELIVERY, PDU),
            ],
        )

    def test_the_text_is_known_after_the_command_was_given_up(self) -> None:
        head = '+CMT: "+447700900123","","25/08/30,12:41:00+04"'
        self.begin(CSQ)
        self.take(head)
        self.dialogue.give_up()
        self.begin(WRITE)
        self.assertEqual(self.take("OK"), [Unsolicited(Urc.DELIVERY, head, "OK")])


class PairTests(DialogueTestCase):
    """Of a message store's listing every second line is the text of the one before."""

    def test_messages_as_pdus(self) -> None:
        self.begin(LIST)
        self.assertEqual(self.reply(HEAD, PDU, HEAD, PDU, "OK").lines, (HEAD, PDU) * 2)

    def test_other_lines_before_a_pdu(self) -> None:
        self.begin(LIST)
        events = self.take(HEAD, "", "RING", DELIVERY, PDU[:-2] + "21", PDU)
        self.assertEqual(len(events), 2)
        self.assertEqual(self.reply("OK").lines, (HEAD, PDU))

    def test_a_pdu_that_is_none(self) -> None:
        self.begin(LIST)
        reply = self.reply(HEAD, "damaged", HEAD, HEAD, PDU, HEAD, "OK")
        self.assertEqual(reply.lines, (HEAD, "damaged", HEAD, "", HEAD, PDU, HEAD, ""))

    def test_messages_in_text_mode(self) -> None:
        self.begin(read('AT+CMGL="ALL"', "+CMGL:", many=True, paired=True))
        listing, delivery = transcript(37).received
        events = [
            event
            for line in (listing + delivery).split(b"\n")
            for event in self.dialogue.line_received(line)
        ]
        answered, unsolicited = events
        assert isinstance(answered, Answered)
        self.assertEqual(answered.reply.lines[1::2], ("Hello", ""))
        assert isinstance(unsolicited, Unsolicited)
        self.assertEqual(unsolicited.text, "OK")

    def test_a_line_behind_a_pdu_is_refused(self) -> None:
        self.begin(LIST)
        self.assertEqual(self.take(HEAD, PDU, "x"), [Refused("garbage", "x")])


class PromptTests(DialogueTestCase):
    def test_body_after_the_prompt(self) -> None:
        self.begin(SEND)
        self.assertTrue(self.dialogue.awaits_prompt)
        self.assertIsNone(self.dialogue.after_prompt(b"\r\n"))
        self.assertEqual(self.dialogue.after_prompt(b"\r\n> "), b" ")
        self.assertEqual(self.dialogue.after_prompt(b"\xff> x"), b" x")
        self.assertEqual(self.dialogue.prompted(), b"0011FF\x1a")
        self.assertFalse(self.dialogue.awaits_prompt)
        self.assertEqual(self.take(" 0011FF", "0011"), [])
        self.assertEqual(self.reply("+CMGS: 46", "OK").lines, ("+CMGS: 46",))

    def test_an_error_in_place_of_the_prompt(self) -> None:
        self.begin(SEND)
        self.assertEqual(self.reply("+CMS ERROR: 310").final, "+CMS ERROR: 310")
        self.assertFalse(self.dialogue.awaits_prompt)

    def test_a_prompt_that_nobody_awaits(self) -> None:
        self.assertRaises(MisuseError, self.dialogue.prompted)
        self.begin(CSQ)
        self.assertRaises(MisuseError, self.dialogue.prompted)

    def test_a_message_that_begins_like_a_prompt(self) -> None:
        self.begin(SEND)
        self.take('+CMT: "+447700900123","","25/08/30,12:41:00+04"')
        self.assertIsNone(self.dialogue.after_prompt(b"> quoted\r\n"))
        self.take("> quoted", DELIVERY)
        self.assertEqual(self.dialogue.after_prompt(b"\r\n> "), b" ")
