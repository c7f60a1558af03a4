from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit.errors import (
    DeviceRefused,
    DeviceUnavailable,
    MisuseError,
    NotFound,
)
from gatewaykit.interfaces import IModem
from gatewaykit.testing import (
    MemoryModem,
    info_record,
    location_record,
    network_record,
)


class RecordTests(SynchronousTestCase):
    def test_fields_replace_and_misspelt_ones_are_refused(self) -> None:
        self.assertEqual(network_record(signal_dbm=-51)["signal_dbm"], -51)
        self.assertEqual(location_record(fix_status="no_fix")["fix_status"], "no_fix")
        self.assertEqual(info_record(imsi=None)["imsi"], None)
        for make in (network_record, location_record, info_record):
            with self.assertRaises(MisuseError):
                make(singal=1)

    def test_records_are_nobody_elses(self) -> None:
        location_record()["satellites"]["gps"] = 99
        self.assertEqual(location_record()["satellites"]["gps"], 8)


class MemoryModemTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.modem = MemoryModem(at_commands=["AT+CSQ", "AT+CPIN*"])

    def refused(self, call: Deferred[Any], kind: type[Exception]) -> None:
        self.failureResultOf(call, kind)

    def test_it_is_a_modem(self) -> None:
        self.assertTrue(verifyObject(IModem, self.modem))

    def test_what_is_given_is_a_copy(self) -> None:
        self.successResultOf(self.modem.location())["satellites"]["gps"] = 99
        self.assertEqual(self.successResultOf(self.modem.location()), location_record())

    def test_what_the_modem_rejects_is_rejected(self) -> None:
        for number, text in (
            ("", "x"),
            ("12 34", "x"),
            ("123", ""),
            ("123", "a\x1ab"),
            ("123", "x" * 1531),
            ("123", "\u4e2d" * 671),
        ):
            self.refused(self.modem.send_sms(number, text), MisuseError)
        for command in ("AT+CRESET", "AT+CSQ;+CRESET", "AT+CPIN?\r", "", "ATD1"):
            self.refused(self.modem.command(command), MisuseError)
        self.refused(self.modem.delete_sms(-1), MisuseError)
        self.refused(self.modem.delete_sms(0), NotFound)
        for call in (
            lambda: self.modem.events("x", 10),
            lambda: self.modem.subscribe(lambda kind, record: None, "fix"),
        ):
            with self.assertRaises(MisuseError):
                call()
        self.assertEqual((self.modem.sent, self.modem.commands), ([], []))

    def test_long_messages_have_parts(self) -> None:
        first = self.successResultOf(self.modem.send_sms("123", "x" * 161))
        self.assertEqual(first, {"references": [1, 2], "parts": 2, "encoding": "gsm7"})
        second = self.successResultOf(self.modem.send_sms("123", "\u4e2d"))
        self.assertEqual(second, {"references": [3], "parts": 1, "encoding": "ucs2"})

    def test_gone(self) -> None:
        self.modem.gone = "unplugged"
        for call in (
            self.modem.network_status(),
            self.modem.location(),
            self.modem.send_sms("1", "x"),
            self.modem.list_sms(),
            self.modem.delete_sms(None),
            self.modem.command("AT+CSQ"),
        ):
            self.refused(call, DeviceUnavailable)
        self.assertEqual(
            self.successResultOf(self.modem.available()),
            {"available": False, "state": "absent", "reason": "unplugged"},
        )

    def test_failure_leaves_reads_alone(self) -> None:
        self.modem.failure = DeviceRefused("the modem", "AT+CMGL", "SIM busy")
        self.refused(self.modem.list_sms(), DeviceRefused)
        self.successResultOf(self.modem.location())

    def test_events_and_listeners(self) -> None:
        heard: list[Any] = []
        end = self.modem.subscribe(
            lambda kind, record: heard.append((kind, record)), "event", "location"
        )
        self.modem.receive_sms("123", "s3cret", parts=2)
        self.modem.tell("location", location_record())
        end()
        self.modem.happened("lost")
        (event, location) = heard
        self.assertEqual(event[1]["details"], {"index": 0, "storage": "ME"})
        self.assertEqual(location, ("location", location_record()))
        page = self.modem.events(None, 10)
        self.assertEqual([e["event"] for e in page.records], ["sms", "lost"])
        self.assertNotIn("s3cret", str(page))

    def test_answers_by_command(self) -> None:
        self.modem.answers["AT+CSQ"] = ["+CSQ: 20,99"]
        answer = self.successResultOf(self.modem.command("AT+CSQ"))
        self.assertEqual(answer, ["+CSQ: 20,99"])
        self.assertEqual(self.successResultOf(self.modem.command("AT+CPIN?")), [])
        self.assertEqual(self.modem.commands, ["AT+CSQ", "AT+CPIN?"])
