from __future__ import annotations

import subprocess
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK, Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc import verbs
from gatewaykit.rpc.verb import MARGIN_S


def sent(verb: type[verbs.Verb], **values: Any) -> dict[str, Any]:
    """What arrives of a verb's arguments."""
    return verb.parseArguments(verb.makeArguments(values, None), None)


class VocabularyTests(SynchronousTestCase):
    def test_the_vocabulary_brings_no_reactor_and_no_server(self) -> None:
        code = (
            "import gatewaykit.rpc.verbs, sys;"
            "assert 'twisted.internet.reactor' not in sys.modules;"
            "assert 'gatewaykit.rpc.server' not in sys.modules;"
            "assert 'gatewaykit.rpc.answers' not in sys.modules"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, timeout=60, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, b""))

    def test_reading_is_for_viewers_messages_and_changes_for_operators(self) -> None:
        for verb in (
            verbs.NetworkStatus,
            verbs.GNSSLocation,
            verbs.ModemAvailable,
            verbs.ModemInfo,
            verbs.ListModemEvents,
        ):
            self.assertEqual((verb.role, verb.changes), (Role.VIEWER, False))
        self.assertEqual(
            (verbs.ListSMS.role, verbs.ListSMS.changes), (Role.OPERATOR, True)
        )
        for change in (verbs.SendSMS, verbs.DeleteSMS, verbs.SendATCommand):
            self.assertEqual((change.role, change.changes), (Role.OPERATOR, True))

    def test_all_are_among_all(self) -> None:
        names = {verb.name() for verb in verbs.ALL}
        self.assertEqual(len(names), len(verbs.ALL))
        self.assertLessEqual({"GNSSLocation", "SendATCommand", "ListSMS"}, names)

    def test_clients_wait_longer_where_the_gateway_may_take_longer(self) -> None:
        self.assertEqual(verbs.Info.patience_s(30.0), 30.0)
        self.assertEqual(verbs.SendSMS.patience_s(30.0), 300.0 + MARGIN_S)
        self.assertEqual(verbs.SendATCommand.patience_s(30.0), 330.0 + MARGIN_S)
        self.assertEqual(verbs.SendSMS.patience_s(1000.0), 1000.0)


class ArgumentTests(SynchronousTestCase):
    def refused(self, verb: type[verbs.Verb], **values: Any) -> MisuseError:
        """The error where it is sent, after the same one where it arrives."""
        box = amp.AmpBox(
            {
                name.encode(): str(value).encode("utf-8", "surrogatepass")
                for name, value in values.items()
                if value is not None
            }
        )
        with self.assertRaises(MisuseError) as there:
            verb.parseArguments(box, None)
        with self.assertRaises(MisuseError) as here:
            verb.makeArguments(values, None)
        error: MisuseError = here.exception
        self.assertEqual(there.exception.name, error.name)
        return error

    def test_numbers(self) -> None:
        for good in ("+491701234567", "0170", "*100#", "1" * 20, "+" + "1" * 20):
            arrived = sent(verbs.SendSMS, number=good, text="x")
            self.assertEqual(arrived["number"], good)
        for bad in ("", "+", "++1", "+1*", "1" * 21, "0170 1", '1"', "1\r", "\u0661"):
            error = self.refused(verbs.SendSMS, number=bad, text="x")
            self.assertEqual(error.name, "number")

    def test_texts(self) -> None:
        for good in ("x", "line\r\nline\ttab", "\u20ac\U0001f600", "x" * 1530):
            arrived = sent(verbs.SendSMS, number="1", text=good)
            self.assertEqual(arrived["text"], good)
        for bad in ("", "x" * 1531, "a\x1ab", "a\x1bb", "\x00", "\x85", "\ud800"):
            error = self.refused(verbs.SendSMS, number="1", text=bad)
            self.assertEqual((error.name, error.value), ("text", MASK))

    def test_commands(self) -> None:
        for good in ("AT", "at+csq", 'AT+COPS=0,"x";+CSQ', "AT" + "x" * 198):
            self.assertEqual(sent(verbs.SendATCommand, command=good)["command"], good)
        for bad in ("", "A", " AT", "+CSQ", "AT" + "x" * 199, "AT\u20ac"):
            self.assertEqual(
                self.refused(verbs.SendATCommand, command=bad).name, "command"
            )

    @given(st.text(), st.sampled_from("\r\n\x1a\x1b\x00\x08\x7f\x80\xff"), st.text())
    def test_no_control_character_travels_in_a_command(
        self, before: str, odd: str, behind: str
    ) -> None:
        with self.assertRaises(MisuseError):
            verbs.SendATCommand.makeArguments(
                {"command": f"AT{before}{odd}{behind}"}, None
            )

    def test_one_message_or_all(self) -> None:
        self.assertEqual(sent(verbs.DeleteSMS, index=0), {"index": 0, "all": None})
        self.assertEqual(sent(verbs.DeleteSMS, index=999)["index"], 999)
        self.assertEqual(sent(verbs.DeleteSMS, all=True), {"index": None, "all": True})
        for bad in ({}, {"index": 1, "all": True}, {"all": False}):
            error = self.refused(verbs.DeleteSMS, **bad)
            self.assertIn("not both", error.allowed)
        for index in (-1, 1000, 1.5, "x"):
            self.assertEqual(self.refused(verbs.DeleteSMS, index=index).name, "index")

    def test_flags_are_true_or_false(self) -> None:
        self.assertEqual(self.refused(verbs.DeleteSMS, all="yes").name, "all")
        with self.assertRaises(MisuseError):
            verbs.DeleteSMS.makeArguments({"all": 1}, None)


class AuditableTests(SynchronousTestCase):
    def auditable(self, command: str) -> str:
        return verbs.SendATCommand.auditable({"command": command})["command"]

    def test_text_is_masked_and_number_is_not(self) -> None:
        self.assertEqual(
            verbs.SendSMS.auditable({"number": "123", "text": "s3cret"}),
            {"number": "123", "text": MASK},
        )

    def test_what_is_not_there_stays_away(self) -> None:
        self.assertEqual(verbs.SendSMS.auditable({}), {})

    def test_pins_and_passwords_are_masked(self) -> None:
        for command, shown in (
            ('AT+CPIN="1234"', "AT+CPIN=***"),
            ("at+cpin=1234", "at+cpin=***"),
            ('AT+CPIN="87654321","1234"', "AT+CPIN=***"),
            ("AT + C P I N = 1234", "AT + C P I N =***"),
            ('AT+CLCK="SC",1,"1234"', "AT+CLCK=***"),
            ('AT+CPWD="SC","1234","4321"', "AT+CPWD=***"),
            ("AT+CSQ;+CPIN=1234", "AT+CSQ;+CPIN=***"),
            ('AT+CGAUTH=1,1,"1234","me"', "AT+CGAUTH=***"),
            ("AT+CPIN=\r\n1234", "AT+CPIN=***"),
            ("AT+CPIN\x00=1234", "AT+CPIN\x00=***"),
            ("ATD**04*1234*4321*4321#", "ATD***"),
        ):
            self.assertEqual(self.auditable(command), shown)

    def test_other_commands_are_shown(self) -> None:
        for command in (
            "AT",
            "AT+CSQ",
            "AT+CPIN?",
            "AT+CNMP=38",
            'AT+CGDCONT=1,"IP","web"',
            "AT+CFUN=1",
        ):
            self.assertEqual(self.auditable(command), command)

    def test_outsized_commands_are_cut_before_they_are_looked_at(self) -> None:
        self.assertEqual(len(self.auditable("+" * 65_000)), 200)

    @given(st.text(max_size=180), st.text())
    def test_nothing_behind_a_pin_command_is_shown(self, odd: str, end: str) -> None:
        self.assertNotIn("s3cret", self.auditable(f"AT+CPIN={odd}s3cret{end}"))
