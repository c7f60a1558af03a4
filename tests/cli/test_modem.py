from __future__ import annotations

import json
from typing import Any

from click.testing import CliRunner, Result
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli import modem
from gatewaykit.cli.main import main
from gatewaykit.cli.modem_text import (
    fix,
    freshness,
    operator,
    place,
    satellites,
    seconds,
)
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    ConnectionFailed,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    NotFound,
)
from gatewaykit.interfaces import Record
from gatewaykit.testing import (
    MemoryModem,
    info_record,
    location_record,
    network_record,
)
from tests.cli.support import ENDPOINT, FakeGateway, gatewayctl

NUMBER = "+491701234567"


class ModemTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.modem = self.gateway.modem = MemoryModem(at_commands=["AT+CSQ"])

    def run_verb(self, *args: str, input: str | bytes | None = None) -> Result:
        return gatewayctl(self.gateway, "modem", *args, input=input)

    def lines(self, *args: str) -> list[str]:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stderr), (0, ""))
        return result.stdout.splitlines()

    def json(self, *args: str) -> Any:
        (line,) = self.lines(*args, "--json")
        return json.loads(line)


class StatusTests(ModemTestCase):
    def test_names_and_units_below_each_other(self) -> None:
        self.assertEqual(
            self.lines("status"),
            [
                "modem:        ready",
                "connected:    yes",
                "registration: home",
                "operator:     Example Mobile (001 01)",
                "technology:   LTE (E-UTRAN)",
                "signal:       -73 dBm (65 %)",
                "RSRP:         -98.5 dBm",
                "RSSI:         -69.5 dBm",
                "RSRQ:         -11.0 dB",
                "SINR:         12.0 dB",
                "band:         EUTRAN-BAND3, channel 1300",
                "area, cell:   4660, 27447297",
                "modes:        automatic",
                "SIM:          READY",
                "data:         0.5 s old",
            ],
        )

    def test_stale_is_marked_and_ends_with_0(self) -> None:
        self.modem.network = network_record(stale=True, age_s=34.2)
        self.assertEqual(self.lines("status")[-1], "data:         stale, 34 s old")

    def test_what_is_not_known_is_a_dash(self) -> None:
        bare = dict.fromkeys(network_record())
        bare |= {"connected": False, "stale": True}
        self.modem.network = bare
        lines = self.lines("status")
        self.assertIn("signal:       -", lines)
        self.assertIn("data:         stale", lines)
        self.assertNotIn("None", "".join(lines))

    def test_json_is_the_record_and_whether_it_is_there(self) -> None:
        self.assertEqual(
            self.json("status"),
            {"available": True, "state": "ready", "reason": None} | self.modem.network,
        )

    def test_operator_cannot_play_with_the_terminal(self) -> None:
        self.modem.network = network_record(operator="\x1b[2J\nok", mcc=None)
        self.assertIn("operator:     \\x1b[2J\\nok", self.lines("status"))


class LocationTests(ModemTestCase):
    def test_fix(self) -> None:
        self.assertEqual(
            self.lines("location"),
            [
                "fix:        3D, 0.8 s old",
                "position:   47.250000, 8.500000",
                "altitude:   408.3 m",
                "speed:      18.52 km/h",
                "heading:    271.5 deg",
                "accuracy:   3.9 m, HDOP 1.1, PDOP 1.9, VDOP 1.5",
                "GPS time:   2026-01-31T11:59:59.000Z",
                "satellites: 12 (GPS 8, GLONASS 3, BeiDou 1)",
                "GNSS:       on",
            ],
        )

    def test_no_fix_shows_the_last_one_with_its_age(self) -> None:
        last_fix = location_record()["last_fix"] | {"age_s": 75.0}
        self.modem.position = location_record(
            fix_status="no_fix",
            latitude=None,
            longitude=None,
            searching_s=12.3,
            last_fix=last_fix,
        )
        self.assertEqual(
            self.lines("location")[:2],
            [
                "fix:        no fix for 12 s",
                "last fix:   47.250000, 8.500000, 75 s ago",
            ],
        )

    def test_no_fix_ever(self) -> None:
        self.modem.position = location_record(
            fix_status="no_fix", latitude=None, longitude=None, last_fix=None
        )
        self.assertEqual(
            self.lines("location"),
            [
                "fix:        no fix",
                "satellites: 12 (GPS 8, GLONASS 3, BeiDou 1)",
                "GNSS:       on",
            ],
        )

    def test_stale_fix_is_shown_as_an_old_one_only(self) -> None:
        last_fix = location_record()["last_fix"] | {"age_s": 34.0}
        self.modem.position = location_record(
            fix_status="stale",
            latitude=None,
            longitude=None,
            last_fix=last_fix,
            stale=True,
        )
        lines = self.lines("location")
        self.assertEqual(lines[0], "fix:        stale, 34 s old")
        self.assertFalse([line for line in lines if line.startswith("position")])

    def test_json_is_the_record(self) -> None:
        self.assertEqual(self.json("location"), self.modem.position)


class TextTests(SynchronousTestCase):
    def test_seconds(self) -> None:
        for value, text in (
            (0.84, "0.8 s"),
            (9.94, "9.9 s"),
            (34.4, "34 s"),
            (599.0, "599 s"),
            (660.0, "11 min"),
            (9000.0, "2.5 h"),
        ):
            self.assertEqual(seconds(value), text)

    def fix(self, status: str, **fields: Any) -> str:
        return fix(location_record(fix_status=status, **fields))

    def test_fix(self) -> None:
        self.assertEqual(self.fix("valid", mode=None), "valid, 0.8 s old")
        self.assertEqual(self.fix("no_fix"), "no fix")
        self.assertEqual(self.fix("no_fix", engine="off"), "no fix, GNSS is off")
        self.assertEqual(
            self.fix("no_fix", searching_s=9.0, stale=True, age_s=40.0),
            "no fix for 9.0 s, stale, 40 s old",
        )
        self.assertEqual(self.fix("invalid"), "invalid: not believable, 0.8 s old")
        self.assertEqual(self.fix("stale", age_s=50.0), "stale, 50 s old")
        self.assertEqual(
            self.fix("stale", age_s=50.0, last_fix=None), "stale, 50 s old"
        )
        self.assertEqual(self.fix("stale", age_s=None, last_fix=None), "stale")

    def test_freshness(self) -> None:
        self.assertEqual(freshness({"age_s": None, "stale": False}), "-")

    def test_operator_by_name_or_by_code(self) -> None:
        self.assertEqual(operator(network_record(operator=None)), "001 01")
        self.assertEqual(operator(network_record(mnc=None)), "Example Mobile")
        self.assertEqual(operator(network_record(operator=None, mcc=None)), "-")

    def test_place(self) -> None:
        self.assertEqual(place(None), "-")
        self.assertEqual(place({"latitude": -0.5, "longitude": None}), "-")
        self.assertEqual(
            place({"latitude": -0.5, "longitude": -179.9999999}),
            "-0.500000, -180.000000",
        )

    def test_satellites_that_are_used_and_seen(self) -> None:
        counts = location_record()["satellites"] | {"used": 9, "in_view": 21}
        self.assertEqual(
            satellites({"satellites": counts}),
            "9 (GPS 8, GLONASS 3, BeiDou 1, in view 21)",
        )
        self.assertEqual(satellites({"satellites": dict.fromkeys(counts)}), "-")


class InfoTests(ModemTestCase):
    def test_identity_supply_and_warnings(self) -> None:
        self.modem.identity = info_record(warnings=["UNDER-VOLTAGE\x1b"])
        lines = self.lines("info")
        for line in (
            "modem:         SIMCOM INCORPORATED, SIMCOM_SIM7600G-H",
            "phone number:  -",
            "GNSS:          beidou, galileo, glonass, gps",
            "voltage:       3.9 V",
            "temperature:   41.0 °C",
            "port open for: 60 min",
            "warning:       UNDER-VOLTAGE\\x1b",
        ):
            self.assertIn(line, lines)

    def test_what_was_never_read(self) -> None:
        bare: Record = dict.fromkeys(info_record())
        self.modem.identity = bare | {"warnings": []}
        self.assertIn("modem:         -", self.lines("info"))

    def test_json_is_the_record(self) -> None:
        self.assertEqual(self.json("info"), self.modem.identity)


class EventTests(ModemTestCase):
    def test_events(self) -> None:
        self.modem.happened("warning", line="hot\n")
        self.modem.happened("lost")
        self.assertEqual(
            self.lines("events"),
            [
                "2026-01-31T12:00:00.000Z\twarning\tline=hot\\n",
                "2026-01-31T12:00:00.000Z\tlost\t-",
            ],
        )

    def test_json_has_one_a_line(self) -> None:
        self.modem.happened("lost")
        self.assertEqual(self.json("events")["event"], "lost")


class SendTests(ModemTestCase):
    def test_text_of_the_command_line(self) -> None:
        self.assertEqual(
            self.lines("sms", "send", NUMBER, "hello"),
            [f"sent to {NUMBER} in 1 part (gsm7)"],
        )
        self.assertEqual(self.modem.sent, [(NUMBER, "hello")])

    def test_text_of_standard_input(self) -> None:
        for data, text in (
            ("a\nb\n", "a\nb"),
            ("a\r\n", "a"),
            ("\u20ac\n\n", "\u20ac\n"),
        ):
            self.run_verb("sms", "send", NUMBER, "-", input=data)
            self.assertEqual(self.modem.sent[-1][1], text)

    def test_input_that_is_no_text_ends_with_2(self) -> None:
        for data in (b"\xff\xfe", b"", b"\n", b"x" * 100_000):
            result = self.run_verb("sms", "send", NUMBER, "-", input=data)
            self.assertEqual(result.exit_code, 2)
        self.assertEqual(self.modem.sent, [])

    def test_long_text_has_parts(self) -> None:
        result = self.run_verb("sms", "send", "123", "\u20ac\u4e2d" * 70)
        self.assertEqual(result.stdout, "sent to 123 in 3 parts (ucs2)\n")

    def test_json(self) -> None:
        self.assertEqual(
            self.json("sms", "send", "123", "x"),
            {"references": [1], "parts": 1, "encoding": "gsm7"},
        )

    def test_what_is_no_number_ends_with_2_and_shows_no_text(self) -> None:
        result = self.run_verb("sms", "send", "mum", "s3cret")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("number: 'mum' is not usable", result.stderr)
        result = self.run_verb("sms", "send", "123", "s3cret\x1a")
        self.assertEqual(result.exit_code, 2)
        self.assertNotIn("s3cret", result.stderr)


class ListTests(ModemTestCase):
    def test_text_from_outside_is_harmless(self) -> None:
        self.modem.receive_sms("Bank\x1b[1m", "pay\r\nnow\t\x9b2J")
        self.assertEqual(
            self.lines("sms", "list"),
            [
                "INDEX\tSTATUS\tNUMBER\tSENT\tTEXT",
                "0\tunread\tBank\\x1b[1m\t2026-01-31T12:00:00.000Z\tpay\\r\\nnow\\t\\x9b2J",
            ],
        )

    def test_missing_parts_are_told(self) -> None:
        self.modem.receive_sms(NUMBER, "part", parts=3)
        self.modem._messages[0]["missing"] = 1
        self.assertTrue(
            self.lines("sms", "list")[1].endswith("part [1 of 3 parts missing]")
        )

    def test_json_has_one_a_line(self) -> None:
        sent = [self.modem.receive_sms(NUMBER, text) for text in ("a", "b")]
        lines = self.lines("sms", "list", "--json")
        self.assertEqual([json.loads(line) for line in lines], sent)


class DeleteTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        for _ in range(2):
            self.modem.receive_sms(NUMBER, "x", parts=2)

    def left(self) -> int:
        return len(self.successResultOf(self.modem.list_sms()))

    def test_one(self) -> None:
        self.assertEqual(
            self.lines("sms", "delete", "1"),
            ["places of the message store that are free now: 2"],
        )
        self.assertEqual(self.left(), 1)

    def test_all_without_a_terminal(self) -> None:
        self.assertEqual(self.json("sms", "delete", "--all"), {"deleted": 4})

    def test_all_on_a_terminal_is_asked_for(self) -> None:
        self.patch(modem, "on_terminal", lambda: True)
        result = self.run_verb("sms", "delete", "--all", input="n\n")
        self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertIn("Delete all messages of the modem?", result.stderr)
        self.assertEqual((self.left(), self.gateway.endpoints), (2, []))
        result = self.run_verb("sms", "delete", "--all", input="y\n")
        self.assertEqual((result.exit_code, self.left()), (0, 0))

    def test_all_on_a_terminal_with_yes(self) -> None:
        self.patch(modem, "on_terminal", lambda: True)
        self.lines("sms", "delete", "--all", "--yes")
        self.assertEqual(self.left(), 0)

    def test_neither_or_both_ends_with_2(self) -> None:
        for args in ((), ("1", "--all"), ("x",)):
            result = self.run_verb("sms", "delete", *args)
            self.assertEqual(result.exit_code, 2)
        self.assertEqual(self.left(), 2)

    def test_place_without_a_message_ends_with_5(self) -> None:
        self.assertEqual(self.run_verb("sms", "delete", "9").exit_code, 5)

    def test_index_beyond_all_stores_ends_with_2(self) -> None:
        self.assertEqual(self.run_verb("sms", "delete", "1000").exit_code, 2)


class CommandTests(ModemTestCase):
    def test_lines_of_the_answer(self) -> None:
        self.modem.answers["AT+CSQ"] = ["+CSQ: 20,99", "a\x1bb"]
        self.assertEqual(self.lines("at", "AT+CSQ"), ["+CSQ: 20,99", "a\\x1bb"])
        self.assertEqual(
            self.json("at", "AT+CSQ"), {"lines": ["+CSQ: 20,99", "a\x1bb"]}
        )

    def test_command_that_is_not_allowed_ends_with_2(self) -> None:
        result = self.run_verb("at", "AT+CRESET")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("sim7600.at_commands", result.stderr)


VERBS = (
    ("status",),
    ("location",),
    ("info",),
    ("events",),
    ("sms", "send", "123", "x"),
    ("sms", "list"),
    ("sms", "delete", "0"),
    ("at", "AT+CSQ"),
)


class EndingTests(ModemTestCase):
    def test_every_error_of_every_verb_has_its_exit_code(self) -> None:
        for error, code in (
            (DeviceUnavailable("the modem", "unplugged"), 1),
            (DeviceTimeout("the modem", "AT+CSQ", 3.0), 1),
            (DeviceRefused("the modem", "AT+CSQ", "SIM busy"), 1),
            (CallTimeout("SendSMS", 310.0), 1),
            (MisuseError("command", "AT", "none"), 2),
            (ConnectionFailed(ENDPOINT, "lost"), 3),
            (AccessDenied("anonymous", "SendSMS", "operator"), 4),
            (NotFound("subsystem", "sim7600"), 5),
        ):
            for verb in VERBS:
                self.gateway.failures = [error]
                result = self.run_verb(*verb)
                self.assertEqual(
                    (result.exit_code, result.stdout, result.stderr),
                    (code, "", f"gatewayctl: {error}\n"),
                )
                self.assertEqual(self.gateway.open, 0)

    def test_gateway_without_a_modem_ends_with_5(self) -> None:
        self.gateway.modem = None
        for verb in VERBS:
            result = self.run_verb(*verb)
            self.assertEqual(
                (result.exit_code, result.stderr),
                (5, "gatewayctl: no subsystem 'sim7600'\n"),
            )

    def test_no_gateway_ends_with_3(self) -> None:
        self.gateway.refusals = [ConnectionFailed(ENDPOINT, "refused")]
        self.assertEqual(self.run_verb("status").exit_code, 3)


class OptionTests(ModemTestCase):
    def test_options_may_stand_anywhere(self) -> None:
        for args in (
            ("--json", "--endpoint", "tcp:a:1", "modem", "sms", "list"),
            ("modem", "--json", "--endpoint", "tcp:a:1", "sms", "list"),
            ("modem", "sms", "--json", "--endpoint", "tcp:a:1", "list"),
            ("modem", "sms", "list", "--json", "--endpoint", "tcp:a:1"),
        ):
            self.modem.receive_sms(NUMBER, "x")
            result = gatewayctl(self.gateway, *args)
            self.assertEqual(json.loads(result.stdout.splitlines()[0])["index"], 0)
            self.assertEqual(self.gateway.endpoints[-1], "tcp:a:1")

    def test_help_lists_what_there_is(self) -> None:
        text = CliRunner().invoke(main, ["modem", "--help"]).stdout
        for word in ("status", "location", "info", "events", "sms", "at"):
            self.assertIn(f"\n  {word} ", text)
