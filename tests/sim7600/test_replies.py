from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.replies import (
    Engine,
    ErrorResult,
    Identity,
    ReplyError,
    Storage,
    final_error,
)
from gatewaykit.sim7600.tables import CME, CMS, CONSTELLATIONS
from tests.sim7600.garbage import SAID, lines, parsed
from tests.sim7600.transcripts import transcript

OF_ONE_LINE: tuple[Callable[[str], Any], ...] = (
    *(replies.clock, replies.constellations, replies.csq, replies.firmware),
    *(replies.functionality, replies.gps_auto, replies.gps_engine, replies.iccid),
    *(replies.imei, replies.imsi, replies.manufacturer, replies.mode_preference),
    *(replies.model, replies.operator, replies.phone_number, replies.pin),
    *(replies.power_saving, replies.radio_mode, replies.registration),
    *(replies.sms_reference, replies.sms_storage, replies.system),
    *(replies.temperature, replies.usb_composition, replies.voltage),
)
PREFIXES = (
    *("+CCLK:", "+CGNSSMODE:", "+CGMR:", "+CFUN:", "+CGPSAUTO:", "+CGPS:", "+ICCID:"),
    *("+CNUM:", "+CPIN:", "+CMGS:", "+CPMS:", "+CPMUTEMP:", "+CUSBPIDSWITCH:", "+CBC:"),
)


class Errors(SynchronousTestCase):
    def test_numbers_and_texts(self) -> None:
        for line, expected in (
            ("ERROR", ErrorResult("ERROR", None, "ERROR")),
            ("NO CARRIER", ErrorResult("ERROR", None, "NO CARRIER")),
            ("+CME ERROR: 10", ErrorResult("CME", 10, "SIM not inserted")),
            (
                "+CME ERROR: SIM not inserted",
                ErrorResult("CME", 10, "SIM not inserted"),
            ),
            ("+CME ERROR:sim BUSY", ErrorResult("CME", 14, "sim BUSY")),
            (
                "+CME ERROR: GPS flight mode enabled",
                ErrorResult("CME", None, "GPS flight mode enabled"),
            ),
            ("+CME ERROR: 999", ErrorResult("CME", 999, "CME error 999")),
            ("+CMS ERROR: 331", ErrorResult("CMS", 331, "No network service")),
            ("+CMS ERROR: memory full", ErrorResult("CMS", 322, "memory full")),
            ("+CMS ERROR:", ErrorResult("CMS", None, "+CMS ERROR:")),
            (
                "+CME ERROR: \u0661\u0660",
                ErrorResult("CME", None, "\u0661\u0660"),
            ),
        ):
            self.assertEqual(final_error(line), expected)

    def test_the_transcripts(self) -> None:
        for number in (7, 8):
            error = final_error(transcript(number).lines[0])
            self.assertEqual((error.kind, error.code), ("CME", 10))
        error = final_error(transcript(36).lines[-1])
        self.assertEqual((error.kind, error.code), ("CMS", 331))
        self.assertEqual(final_error(transcript(33).lines[0]).kind, "ERROR")

    def test_each_text_of_the_tables_is_found_in_any_case(self) -> None:
        for kind, table in (("CME", CME), ("CMS", CMS)):
            for code, text in table.items():
                for written in (text, text.upper(), str(code)):
                    error = final_error(f"+{kind} ERROR: {written}")
                    self.assertEqual((error.kind, error.code), (kind, code))

    def test_the_state_of_a_sim_that_fails(self) -> None:
        for line, state in (
            ("+CME ERROR: SIM not inserted", "not inserted"),
            ("+CME ERROR: 14", "busy"),
            ("+CME ERROR: 13", "failure"),
            ("+CMS ERROR: 314", "busy"),
            ("+CME ERROR: 100", None),
            ("ERROR", None),
        ):
            self.assertEqual(replies.sim_failure(final_error(line)), state)

    @given(lines("+CME ERROR:", "+CMS ERROR:"))
    def test_there_is_always_a_result(self, line: str) -> None:
        error = final_error(line)
        self.assertIn(error.kind, {"CME", "CMS", "ERROR"})
        self.assertTrue(error.text or not line)


class Who(SynchronousTestCase):
    def test_transcript_4(self) -> None:
        block = transcript(4).lines[:-1]
        self.assertEqual(len(block), 5)
        self.assertEqual(
            replies.identity(block),
            Identity(
                "SIMCOM INCORPORATED",
                "SIMCOM_SIM7600G-H",
                "LE20B05SIM7600G22",
                "867584030012345",
                ("+CGSM",),
            ),
        )

    def test_a_block_in_part(self) -> None:
        found = replies.identity(
            ["", "noise", "Model:\xff", "imei: 12", "+GCAP: +CGSM,+FCLASS,+DS"]
        )
        self.assertEqual(
            found, Identity(None, None, None, None, ("+CGSM", "+FCLASS", "+DS"))
        )

    def test_a_block_of_something_else(self) -> None:
        self.assertRaises(ReplyError, replies.identity, ["RING", "+CREG: 1"])
        self.assertRaises(ReplyError, replies.identity, [])

    def test_the_transcripts(self) -> None:
        (line, _) = transcript(5).lines
        self.assertEqual(replies.firmware(line), "LE20B04SIM7600G22")
        self.assertEqual(replies.imei(transcript(6).lines[1]), "867584030012345")
        (line, _) = transcript(9).lines
        self.assertEqual(replies.iccid(line), "8944100030123456789")

    def test_the_samples(self) -> None:
        self.assertEqual(
            replies.manufacturer("SIMCOM INCORPORATED"), "SIMCOM INCORPORATED"
        )
        self.assertEqual(replies.model("SIMCOM_SIM7600E-H"), "SIMCOM_SIM7600E-H")
        self.assertEqual(
            replies.firmware("+CGMR: LE20B03SIM7600M22"), "LE20B03SIM7600M22"
        )
        self.assertEqual(replies.firmware("LE20B04_V1.0"), "LE20B04_V1.0")
        self.assertEqual(replies.imsi("234150123456789"), "234150123456789")
        self.assertEqual(
            replies.iccid("+ICCID: 8944100030123456789"), "8944100030123456789"
        )
        self.assertEqual(
            replies.iccid("+ICCID: 89860012345678901234F"), "89860012345678901234"
        )

    def test_phone_numbers(self) -> None:
        self.assertEqual(
            replies.phone_number('+CNUM: "","+447700900123",145'), "+447700900123"
        )
        self.assertIsNone(replies.phone_number('+CNUM: "me, myself","",255'))

    def test_implausible_ones_are_refused(self) -> None:
        for parse, line in (
            (replies.model, ""),
            (replies.model, "\xff\xfe"),
            (replies.firmware, "+CGMR:"),
            (replies.imei, "86758403001234"),
            (replies.imei, "\u0661" * 15),
            (replies.imei, "867584030012345\n"),
            (replies.imsi, "23415"),
            (replies.iccid, "8944100030123456789"),
            (replies.iccid, "+ICCID: 894410003012345678"),
            (replies.iccid, "+ICCID: 8944100030123456789A"),
            (replies.phone_number, "+CNUM: 1"),
            (replies.phone_number, '+CNUM: "","abc",145'),
        ):
            self.assertRaises(ReplyError, parse, line)


class Sim(SynchronousTestCase):
    def test_the_states(self) -> None:
        for text in (
            *("READY", "SIM PIN", "SIM PUK", "PH-SIM PIN", "SIM PIN2", "SIM PUK2"),
            "PH-NET PIN",
        ):
            self.assertEqual(replies.pin(f"+CPIN: {text}"), text)

    def test_transcript_10(self) -> None:
        found = [line for line in transcript(10).lines if line.startswith("+CPIN")]
        self.assertEqual([replies.pin(line) for line in found], ["SIM PIN", "READY"])

    def test_what_is_said_unasked(self) -> None:
        self.assertEqual(replies.pin("+CPIN: NOT READY"), "busy")
        self.assertEqual(replies.pin("+CPIN: SIM REMOVED"), "not inserted")
        self.assertEqual(replies.pin("+SIMCARD: NOT AVAILABLE"), "not inserted")

    def test_implausible_ones_are_refused(self) -> None:
        for text in ("", "1", "\xff", "X" * 31, "READY,1"):
            self.assertRaises(ReplyError, replies.pin, f"+CPIN: {text}")


class Supply(SynchronousTestCase):
    def test_the_samples(self) -> None:
        self.assertEqual(replies.voltage("+CBC: 3.591V"), 3.591)
        self.assertEqual(replies.temperature("+CPMUTEMP: 29"), 29.0)
        self.assertEqual(replies.temperature("+CPMUTEMP: -20"), -20.0)
        self.assertEqual(replies.functionality("+CFUN: 1"), 1)
        self.assertEqual(replies.usb_composition("+CUSBPIDSWITCH: 9001"), "9001")
        self.assertEqual(replies.usb_composition("+CUSBPIDSWITCH: 901a"), "901A")

    def test_implausible_ones_are_refused(self) -> None:
        for parse, line in (
            (replies.voltage, "+CBC: 0,85,3591"),
            (replies.voltage, "+CBC: 0.0V"),
            (replies.voltage, "+CBC: 35.91V"),
            (replies.voltage, "+CBC: nanV"),
            (replies.temperature, "+CPMUTEMP:"),
            (replies.temperature, "+CPMUTEMP: nan"),
            (replies.temperature, "+CPMUTEMP: 200"),
            (replies.functionality, "+CFUN: 8"),
            (replies.usb_composition, "+CUSBPIDSWITCH: 90"),
        ):
            self.assertRaises(ReplyError, parse, line)


class Clock(SynchronousTestCase):
    def test_a_time_with_its_zone(self) -> None:
        for zone, hours in (("+04", 1), ("+00", 0), ("-20", -5), ("+56", 14)):
            found = replies.clock(f'+CCLK: "25/08/30,12:34:56{zone}"')
            assert found is not None
            self.assertEqual(found.utcoffset(), timedelta(hours=hours))
            self.assertEqual(
                found,
                datetime(2025, 8, 30, 12, 34, 56, tzinfo=UTC) - timedelta(hours=hours),
            )

    def test_a_clock_that_was_not_set(self) -> None:
        for day in ("80/01/06", "70/01/01", "80/02/01"):
            self.assertIsNone(replies.clock(f'+CCLK: "{day},00:00:17+00"'))

    def test_times_that_cannot_be_are_refused(self) -> None:
        for text in (
            *("25/02/30,12:34:56+04", "25/08/30,24:00:00+04", "25/08/30,12:34:60+04"),
            *("25/08/30,12:34:56+57", "25/08/30,12:34:56-99", "25/08/30,12:34:56", ""),
        ):
            self.assertRaises(ReplyError, replies.clock, f'+CCLK: "{text}"')


class Gnss(SynchronousTestCase):
    def test_the_engine(self) -> None:
        for line, expected in (
            ("+CGPS: 1,1", Engine(on=True, mode=1)),
            ("+CGPS: 0,1", Engine(on=False, mode=1)),
            ("+CGPS:1", Engine(on=True, mode=None)),
            ("+CGPS: 1, 9", Engine(on=True, mode=None)),
        ):
            self.assertEqual(replies.gps_engine(line), expected)
            self.assertEqual(replies.gps_engine([line]), expected)

    def test_an_answer_counts_more_than_that_the_engine_has_stopped(self) -> None:
        for both in (["+CGPS: 0", "+CGPS: 1,1"], ["+CGPS: 1,1", "+CGPS: 0"]):
            self.assertTrue(replies.gps_engine(both).on)
        self.assertFalse(replies.gps_engine(["+CGPS: 0"]).on)

    def test_the_transcripts(self) -> None:
        for number, is_on in ((23, False), (24, True), (25, False)):
            found = [line for line in transcript(number).lines if "+CGPS" in line]
            self.assertIs(replies.gps_engine(found).on, is_on)
        setting = transcript(34).lines[0]
        self.assertEqual(replies.constellations(setting), set(CONSTELLATIONS))
        self.assertIs(replies.power_saving(setting), True)

    def test_the_samples(self) -> None:
        setting = "+CGNSSMODE: 3,2"
        self.assertEqual(replies.constellations(setting), {"glonass", "beidou"})
        self.assertIsNone(replies.power_saving(setting))
        self.assertIs(replies.power_saving("+CGNSSMODE: 15,0"), False)
        self.assertEqual(replies.constellations("+CGNSSMODE: 0,1"), frozenset())
        self.assertIs(replies.gps_auto("+CGPSAUTO: 1"), True)

    def test_implausible_ones_are_refused(self) -> None:
        for parse, line in (
            (replies.gps_engine, "+CGPS: 2,1"),
            (replies.gps_engine, "+CGPSINFO: 0"),
            (replies.gps_engine, ""),
            (replies.constellations, "+CGNSSMODE: 16,1"),
            (replies.constellations, "+CGNSSMODE: (0-15),(0,1)"),
            (replies.gps_auto, "+CGPSAUTO: 2"),
        ):
            self.assertRaises(ReplyError, parse, line)
        self.assertRaises(ReplyError, replies.gps_engine, [])

    @given(st.sets(st.sampled_from(sorted(CONSTELLATIONS))))
    def test_the_mask_and_back(self, names: set[str]) -> None:
        mask = replies.constellation_mask(names)
        self.assertEqual(replies.constellations(f"+CGNSSMODE: {mask},1"), names)

    def test_a_name_that_nobody_knows_is_misuse(self) -> None:
        error = self.assertRaises(
            MisuseError, replies.constellation_mask, ["glonass", "navic"]
        )
        self.assertEqual(error.value, "navic")


class MessageTests(SynchronousTestCase):
    def test_storage(self) -> None:
        self.assertEqual(
            replies.sms_storage('+CPMS: "ME",0,23,"SM",1,23,"ME",0,23'),
            Storage("ME", 0, 23),
        )

    def test_transcript_35(self) -> None:
        (line,) = [each for each in transcript(35).lines if "+CMGS" in each]
        self.assertEqual(replies.sms_reference(line), 46)

    def test_implausible_ones_are_refused(self) -> None:
        for parse, line in (
            (replies.sms_storage, "+CPMS: 0,23,0,23,0,23"),
            (replies.sms_storage, '+CPMS: "ME",24,23'),
            (replies.sms_storage, '+CPMS: "ME",1'),
            (replies.sms_reference, "+CMGS: 256"),
            (replies.sms_reference, "+CMGS:"),
        ):
            self.assertRaises(ReplyError, parse, line)


class Garbage(SynchronousTestCase):
    @given(st.sampled_from(OF_ONE_LINE), lines(*PREFIXES))
    def test_nothing_but_a_reply_error(
        self, parse: Callable[[str], Any], line: str
    ) -> None:
        parsed(parse, line)

    @given(st.lists(lines("Model:", "IMEI:", "+GCAP:"), max_size=6))
    def test_blocks(self, block: list[str]) -> None:
        try:
            found = replies.identity(block)
        except ReplyError:
            return
        self.assertTrue(found.imei is None or len(found.imei) == 15)

    def test_every_line_of_the_transcripts_for_every_parser(self) -> None:
        for parse in OF_ONE_LINE:
            for line in SAID:
                parsed(parse, line)
