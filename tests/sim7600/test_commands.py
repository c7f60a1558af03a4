"""Commands: nothing of a caller's makes two of one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600.commands import (
    LONGEST,
    Command,
    never_allowed,
    passed_through,
    read,
)


class CommandTests(SynchronousTestCase):
    def test_control_characters_are_refused(self) -> None:
        for text in (
            "AT+CSQ\r",
            "AT+CSQ\nAT+CRESET",
            "AT\x1a",
            "AT\x1b",
            "AT\0",
            "ATé",
        ):
            error = self.assertRaises(MisuseError, Command, text)
            self.assertEqual(error.name, "command")

    def test_what_is_no_command_is_refused(self) -> None:
        for text in ("", "A", "+CSQ", " AT"):
            self.assertRaises(MisuseError, Command, text)

    def test_length_is_limited(self) -> None:
        Command("AT" + "X" * LONGEST)
        self.assertRaises(MisuseError, Command, "AT" + "X" * (LONGEST + 1))

    def test_a_body_is_hexadecimal_only(self) -> None:
        Command("AT+CMGS=3", body="0011FF")
        for body in ("", "0", "00\x1a", "hello", "0011ff", "00" * 201):
            error = self.assertRaises(MisuseError, Command, "AT+CMGS=3", body=body)
            self.assertEqual(error.name, "body")

    def test_reads_are_shared_and_equal(self) -> None:
        self.assertEqual(read("AT+CSQ", "+CSQ:"), read("AT+CSQ", "+CSQ:"))
        self.assertTrue(read("AT+CSQ", "+CSQ:").shared)
        self.assertFalse(Command("AT+CGPS=0").shared)

    @given(st.text(max_size=50))
    def test_no_text_makes_two_lines(self, text: str) -> None:
        try:
            command = Command("AT" + text)
        except MisuseError:
            return
        self.assertFalse(set(command.text) & set("\r\n\x1a\x1b\0"))


class PassedThroughTests(SynchronousTestCase):
    def refused(self, text: str, *allowed: str) -> str:
        error = self.assertRaises(MisuseError, passed_through, text, allowed, 3.0)
        self.assertEqual(error.name, "command")
        return str(error)

    def test_nothing_is_allowed_by_an_empty_list(self) -> None:
        self.assertIn("none (sim7600.at_commands)", self.refused("AT+CSQ"))

    def test_a_whole_command(self) -> None:
        command = passed_through("at+csq", ["AT+CSQ"], 3.0)
        self.assertEqual((command.text, command.timeout_s), ("at+csq", 3.0))
        self.assertIn("AT+CSQ", self.refused("AT+CSQ=1", "AT+CSQ"))

    def test_a_beginning(self) -> None:
        self.assertEqual(
            passed_through("AT+CPSI?", ["AT+CPSI*"], 3.0).prefixes, ("+CPSI:",)
        )

    def test_blanks_are_nothing_to_the_modem(self) -> None:
        command = passed_through("AT+CNMP = 38 ", ["AT+CNMP=38"], 3.0)
        self.assertEqual((command.text, command.timeout_s), ("AT+CNMP = 38", 10.0))

    def test_commands_cannot_be_joined_behind_a_beginning(self) -> None:
        self.refused("AT+CSQ;+CRESET", "AT+CSQ*")
        self.refused("AT+CSQ;+CRESET", "AT*")

    def test_who_wrote_the_list_may_join(self) -> None:
        command = passed_through("AT+CSQ;+CREG?", ["AT+CSQ;+CREG?"], 3.0)
        self.assertEqual(command.prefixes, ("+CSQ:", "+CREG:"))

    def test_what_asks_for_more_is_never_passed_through(self) -> None:
        for text in (
            "AT+CMGS=5",
            'AT+CMGS="1"',
            "AT+CIPSEND=0,5",
            "ATD123;",
            "ATO",
            "ATE1",
            "ATIE1",
            "AT&F",
            "ATZ",
            "AT+CPOF",
            "AT+CUSBPIDSWITCH=9011,1,1",
            "AT+CSQ;+CPOF",
            "AT +CPOF",
            "AT+ CPOF ",
            "AT+CSQ; & F",
            "AT+CIPSENDEX=0,5",
            'AT+CMGSEX="1"',
            "AT+HTTPDATA=5,1000",
            'AT+CHTTPACT="example.org",80',
        ):
            self.refused(text, text, "AT*")
            self.assertEqual(never_allowed(["AT+CSQ", text]), text)

    def test_a_list_that_can_be_served(self) -> None:
        self.assertIsNone(
            never_allowed(["AT+CSQ", "AT+CNMP*", "ATI", "AT", "AT+CRESET"])
        )

    def test_time_limits_are_those_of_the_class(self) -> None:
        for text, seconds in (
            ("AT+COPS=?", 315.0),
            ("AT+COPS=0", 130.0),
            ("AT+COPS?", 10.0),
            ("AT+CICCID", 10.0),
            ("AT+NETOPEN", 120.0),
            ("AT+CSQ", 4.0),
        ):
            self.assertEqual(passed_through(text, ["AT*"], 4.0).timeout_s, seconds)

    def test_iccid_is_answered_under_another_name(self) -> None:
        self.assertEqual(
            passed_through("AT+CICCID", ["AT*"], 3.0).prefixes, ("+ICCID:",)
        )

    @given(
        st.text(alphabet=st.characters(min_codepoint=0, max_codepoint=255), max_size=30)
    )
    def test_garbage_is_refused_in_one_way(self, text: str) -> None:
        try:
            command = passed_through("AT" + text, ["AT*"], 3.0)
        except MisuseError:
            return
        self.assertNotIn(";", command.text)
