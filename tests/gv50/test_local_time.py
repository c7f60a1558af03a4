from __future__ import annotations

from collections import Counter
from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.local_time import offset_of
from gatewaykit.gv50.reports import decode
from gatewaykit.times import utc_of
from tests.gv50.frames import BLOCK, FIXED, HEAD, fixed
from tests.strategies import SAMPLES, odd_frames

LEGACY = (
    "+RESP:GTTRI,359464030439249,1,0,61,1,0.0,346,-2.7,2,-80.392825,26.122424,"
    "20151214000354,0310,0260,72BC,35F5,00,20151214000354,04B6,0102070407$"
)


def of(text: str) -> int | None:
    return offset_of(text.encode("latin-1"))


def sent(digits: str) -> int | None:
    """The offset by a fix of 2025-07-28 00:45:46 in a frame sent at `digits`."""
    return of(fixed(f28=digits))


class FixTests(SynchronousTestCase):
    def test_real_frame_runs_at_brazils_time(self) -> None:
        self.assertEqual(of(FIXED), -180)

    def test_buffered_frame_tells_it_too(self) -> None:
        self.assertEqual(of(FIXED.replace("+RESP", "+BUFF")), -180)

    def test_age_of_the_fix_is_not_the_zones(self) -> None:
        for digits, offset in (
            ("20250728004546", 0),
            ("20250728004446", 0),
            ("20250728004445", None),
            ("20250728004846", 0),
            ("20250728004847", None),
            ("20250728005340", None),
            ("20250728061550", 330),
            ("20250728063050", 345),
        ):
            with self.subTest(digits=digits):
                self.assertEqual(sent(digits), offset)

    def test_no_zone_is_further_away(self) -> None:
        for digits, offset in (
            ("20250728144546", 840),
            ("20250728150046", None),
            ("20250727124546", -720),
            ("20250727123046", None),
            ("20040101000000", None),
        ):
            with self.subTest(digits=digits):
                self.assertEqual(sent(digits), offset)

    def test_position_that_is_no_fresh_fix_tells_nothing(self) -> None:
        for changes in (
            {"f7": "0"},
            {"f7": "0.0"},
            {"f7": ""},
            {"f7": "x1"},
            {"f11": "0.000000", "f12": "0.000000"},
            {"f11": "", "f12": ""},
            {"f11": "-54"},
            {"f13": "20251328004546"},
            {"f13": ""},
            {"f28": ""},
            {"f28": "20251328004546"},
        ):
            with self.subTest(changes=changes):
                self.assertIsNone(of(fixed(**changes)))

    def test_accuracy_may_have_decimals(self) -> None:
        self.assertEqual(of(fixed(f7="0.8")), -180)

    def test_newest_of_several_positions_counts(self) -> None:
        older = BLOCK.replace("20250728004546", "20250727224540")
        for blocks in (f"{older},{BLOCK}", f"{BLOCK},{older}"):
            text = (
                f"+RESP:GTFRI,{HEAD},,50,2,{blocks},0.0,,,,,210101,5,0,7,"
                "20250727214557,071D$"
            )
            self.assertEqual(of(text), -180)

    def test_newest_of_several_that_is_no_fix_does_not_count(self) -> None:
        lost = "0" + BLOCK[1:].replace("20250728004546", "20250728004646")
        text = (
            f"+RESP:GTFRI,{HEAD},,50,2,{BLOCK},{lost},0.0,,,,,210101,5,0,7,"
            "20250727214557,071D$"
        )
        self.assertEqual(of(text), -180)

    def test_what_is_no_report_tells_nothing(self) -> None:
        for text in (
            "",
            "$",
            "+RESP:GTFRI$",
            FIXED.replace("+RESP", "+ACK"),
            "+RESP:GTPDP,090302,865083030000012,,20250727214529,071B$",
            LEGACY,
        ):
            with self.subTest(text=text):
                self.assertIsNone(of(text))


def information(zone: str, daylight_saving: str = "0") -> str:
    return (
        "+RESP:GTINF,060228,865083030000012,,16,898600810906F8048812,16,0,1,11870,,4.1,"
        f"0,0,0,,20250728004546,,12340,,00,00,{zone},{daylight_saving},"
        "20250727214557,11F0$"
    )


class InformationTests(SynchronousTestCase):
    def test_tells_its_zone(self) -> None:
        for zone, offset in (
            ("+0800", 480),
            ("-0300", -180),
            ("+0545", 345),
            ("-0330", -210),
            ("+0000", 0),
            ("-0000", 0),
            ("+1400", 840),
            ("-1200", -720),
        ):
            with self.subTest(zone=zone):
                self.assertEqual(of(information(zone)), offset)

    def test_what_is_no_zone_is_none(self) -> None:
        for zone in ("", "0800", "+800", "+0810", "+0860", "+1415", "-1215", "+2.00"):
            with self.subTest(zone=zone):
                self.assertIsNone(of(information(zone)))

    def test_daylight_saving_leaves_it_open(self) -> None:
        for flag in ("1", "", "+0800"):
            self.assertIsNone(of(information("+0800", flag)))

    def test_needs_a_whole_frame(self) -> None:
        self.assertIsNone(of("+RESP:GTINF,,,+0000,0,20250727214557,071D$"))
        self.assertIsNone(of(information("+0800").replace(",11F0", "")))


class SampleTests(SynchronousTestCase):
    def test_real_frames_run_at_the_zones_that_are_known(self) -> None:
        """Facts/gv50.md 2.3 counts the live ones, with fixes that are not fresh too."""
        found = Counter(
            offset_of(sample["raw"].encode("latin-1"))
            for sample in SAMPLES
            if not sample.get("synthetic") and not sample.get("doc_example")
        )
        del found[None]
        self.assertEqual(found, {0: 43, -180: 3, -240: 3, 60: 2, 480: 2})

    def test_every_sample_with_a_fresh_fix_tells_its_zone(self) -> None:
        for sample in SAMPLES:
            report = decode(sample["raw"].encode("latin-1"))
            fixes = [each.gps_time for each in report.positions if each.fix]
            times = [datetime.fromisoformat(time) for time in fixes if time]
            sent_ms = utc_of(report.send_time or "", 0)
            expected = None
            if sent_ms is not None and times:
                minutes = (sent_ms / 1000 - max(times).timestamp()) / 60
                expected = round(minutes / 15) * 15
            if report.type != "GTINF":
                with self.subTest(raw=sample["raw"]):
                    self.assertEqual(offset_of(report.raw), expected)

    @given(st.one_of(odd_frames(), st.binary(max_size=200)))
    def test_never_fails(self, frame: bytes) -> None:
        offset = offset_of(frame)
        if offset is not None:
            self.assertTrue(-720 <= offset <= 840 and offset % 15 == 0, offset)
