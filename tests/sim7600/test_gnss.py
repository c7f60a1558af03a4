from __future__ import annotations

import math
from datetime import UTC, date, datetime

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.gnss import EARLIEST, GNSSFix, NoFix, cgnssinfo, cgpsinfo
from gatewaykit.sim7600.reading import ReplyError
from tests.sim7600.garbage import lines, parsed
from tests.sim7600.transcripts import transcript

LONG_AGO = date(2011, 1, 1)
"""Before all samples, so that their dates stay as they are."""
MOVING = (
    "+CGNSSINFO: 3,09,05,00,5149.214000,N,00119.200000,W,300825,123456.0,82.5,10.0,45.0,"
    "1.4,0.8,1.2"
)
SIBLING = (
    "+CGNSSINFO: 3,15,,01,01,52.3973694,N,7.1607476,E,040125,091435.00,121.7,2.072,161.56,"
    "4.11,2.21,3.46,05"
)
MOVING_CGPS = "+CGPSINFO: 5149.214000,N,00119.200000,W,300825,123456.0,82.5,10.0,45.0"


def fix(line: str, earliest: date = LONG_AGO) -> GNSSFix:
    parse = cgnssinfo if line.startswith("+CGNSSINFO") else cgpsinfo
    found = parse(line, earliest)
    assert isinstance(found, GNSSFix)
    return found


def counts(found: GNSSFix | NoFix) -> tuple[int | None, ...]:
    return found.gps, found.glonass, found.beidou, found.galileo, found.total


class Positions(SynchronousTestCase):
    def assert_place(self, found: GNSSFix, latitude: float, longitude: float) -> None:
        self.assertAlmostEqual(found.latitude, latitude, places=7)
        self.assertAlmostEqual(found.longitude, longitude, places=7)

    def answers(self, number: int) -> list[str]:
        return [line for line in transcript(number).lines if "INFO:" in line]


class Cgnssinfo(Positions):
    def test_every_field(self) -> None:
        (line,) = self.answers(28)
        self.assertEqual(line, MOVING)
        found = fix(line)
        self.assert_place(found, 51.82023333, -1.32)
        self.assertEqual(
            attrs.evolve(found, latitude=0.0, longitude=0.0),
            GNSSFix(
                gps=9,
                glonass=5,
                beidou=0,
                galileo=None,
                total=14,
                latitude=0.0,
                longitude=0.0,
                gps_time=datetime(2025, 8, 30, 12, 34, 56, tzinfo=UTC),
                date="300825",
                utc_time="123456.0",
                raw=MOVING,
                mode=3,
                altitude_m=82.5,
                speed_knots=10.0,
                speed_kmh=18.52,
                heading_deg=45.0,
                pdop=1.4,
                hdop=0.8,
                vdop=1.2,
                used=None,
            ),
        )

    def test_south_east_no_course_and_an_empty_count(self) -> None:
        (line,) = self.answers(29)
        found = fix(line)
        self.assert_place(found, -33.862875, 151.20720833)
        self.assertEqual(counts(found), (5, 0, 0, None, 5))
        self.assertEqual((found.mode, found.heading_deg), (2, None))
        self.assertEqual((found.speed_kmh, found.altitude_m), (0.0, 12.0))

    def test_transcript_31(self) -> None:
        first, second = (fix(line) for line in self.answers(31))
        self.assert_place(first, 30.20978140, -97.76469480)
        self.assertEqual(first, second)
        self.assertEqual(first.gps_time, datetime(2021, 4, 8, 22, 36, 51, tzinfo=UTC))

    def test_other_samples(self) -> None:
        found = fix(
            "+CGNSSINFO: 2,09,05,00,3113.330650,N,12121.262554,E,131117,091918.0,32.9,"
            "0.0,255.0,1.1,0.8,0.7"
        )
        self.assert_place(found, 31.2221775, 121.35437590)
        found = fix(
            "+CGNSSINFO: 2,02,03,00,4629.822936,N,01120.199998,E,051023,194627.0,323.3,"
            "0.0,,2.0,1.7,1.0"
        )
        self.assert_place(found, 46.49704893, 11.33666663)
        self.assertEqual(counts(found), (2, 3, 0, None, 5))

    def test_no_space_after_the_colon(self) -> None:
        bare = fix(MOVING.replace(": ", ":"))
        self.assertEqual(attrs.evolve(bare, raw=MOVING), fix(MOVING))

    def test_no_dops(self) -> None:
        found = fix(MOVING.replace("1.4,0.8,1.2", ",,"))
        self.assertEqual((found.pdop, found.hdop, found.vdop), (None, None, None))
        self.assertIsNone(fix(MOVING.replace(",0.8,", ",0.0,")).hdop)

    def test_nothing_but_place_and_time(self) -> None:
        found = fix(
            "+CGNSSINFO: ,,,,5149.214000,N,00119.200000,W,300825,123456.0,,,,,,"
        )
        self.assertEqual(counts(found), (None,) * 5)
        self.assertEqual(
            (found.mode, found.altitude_m, found.speed_knots, found.speed_kmh),
            (None,) * 4,
        )


class Siblings(Positions):
    """The forms of A76xx and SIM767x."""

    def test_eighteen_fields(self) -> None:
        (line,) = self.answers(32)
        self.assertEqual(line, SIBLING)
        found = fix(line)
        self.assertEqual((found.latitude, found.longitude), (52.3973694, 7.1607476))
        self.assertEqual(counts(found), (15, 0, 1, 1, 17))
        self.assertEqual(found.used, 5)
        assert found.speed_kmh is not None
        self.assertAlmostEqual(found.speed_kmh, 3.837, places=3)
        self.assertEqual(found.gps_time, datetime(2025, 1, 4, 9, 14, 35, tzinfo=UTC))
        self.assertEqual((found.pdop, found.hdop, found.vdop), (4.11, 2.21, 3.46))

    def test_seventeen_fields(self) -> None:
        found = fix(SIBLING.rpartition(",")[0])
        self.assertIsNone(found.used)
        self.assertEqual((found.vdop, found.total), (3.46, 17))

    def test_sixteen_fields_of_which_two_are_counts(self) -> None:
        found = fix(
            "+CGNSSINFO: 2,04,00,22.5431000,N,114.0579000,E,020924,094145.00,-34.0,1.403,,"
            "6.9,6.8,1.0,03"
        )
        self.assertEqual((found.latitude, found.longitude), (22.5431, 114.0579))
        self.assertEqual(counts(found), (4, None, None, None, 4))
        self.assertEqual((found.altitude_m, found.heading_deg), (-34.0, None))
        self.assertEqual((found.hdop, found.used), (6.8, 3))

    def test_eighteen_fields_in_minutes(self) -> None:
        line = SIBLING.replace("52.3973694", "5223.842164")
        found = fix(line.replace("7.1607476", "00709.644856"))
        self.assert_place(found, 52.39736940, 7.16074760)

    def test_one_or_no_count(self) -> None:
        tail = SIBLING.partition("01,01,")[2]
        self.assertEqual(counts(fix(f"+CGNSSINFO: 3,15,{tail}"))[-1], 15)
        self.assertIsNone(fix(f"+CGNSSINFO: 3,{tail}").total)


class Cgpsinfo(Positions):
    def test_transcript_27(self) -> None:
        (line,) = self.answers(27)
        found = fix(line)
        self.assert_place(found, 31.22238810, 121.35390107)
        self.assertEqual(
            found.gps_time, datetime(2011, 3, 25, 7, 28, 9, 300_000, tzinfo=UTC)
        )
        self.assertEqual((found.altitude_m, found.speed_knots), (44.1, 0.0))
        self.assertEqual((found.heading_deg, found.mode), (0.0, None))
        self.assertEqual(counts(found), (None,) * 5)

    def test_the_samples(self) -> None:
        found = fix(MOVING_CGPS)
        self.assert_place(found, 51.82023333, -1.32)
        self.assertEqual((found.speed_kmh, found.heading_deg), (18.52, 45.0))
        found = fix(
            "+CGPSINFO: 3012.586884,N,09745.881688,W,080421,223651.0,196.1,0.0,"
        )
        self.assertIsNone(found.heading_deg)


class WithoutFix(Positions):
    def test_the_transcripts(self) -> None:
        (line,) = self.answers(26)
        self.assertEqual(cgpsinfo(line), NoFix(raw=line))
        (line,) = self.answers(30)
        self.assertEqual(cgnssinfo(line), NoFix(raw=line))

    def test_eight_commas(self) -> None:
        line = "+CGNSSINFO: ,,,,,,,,"
        self.assertEqual(cgnssinfo(line), NoFix(raw=line))

    def test_counts_without_a_place(self) -> None:
        for text, expected in (
            ("1,05,02,00,,,,,,,,,,,,", (5, 2, 0, None, 7)),
            (",05,,,,,,,,,,,,,,", (5, 0, 0, None, 5)),
            (",,,,,N,,E,,,,,,,,", (None,) * 5),
            (",05,02,00,,N,,E,,,,,,,,", (5, 2, 0, None, 7)),
            (",05,02,01,00,,,,,,,,,,,,,", (5, 2, 0, 1, 8)),
            (",05,02,00,,,,,300825,123456.0,,,,99.9,99.9,99.9", (5, 2, 0, None, 7)),
        ):
            found = cgnssinfo(f"+CGNSSINFO: {text}")
            self.assertIsInstance(found, NoFix, text)
            self.assertEqual(counts(found), expected, text)

    def test_a_place_of_which_the_modem_says_that_it_is_none(self) -> None:
        for mode in "01":
            found = cgnssinfo(MOVING.replace(": 3", f": {mode}"))
            self.assertIsInstance(found, NoFix)
            self.assertEqual(found.total, 14)

    def test_empty_with_hemispheres(self) -> None:
        line = "+CGPSINFO: ,N,,E,,,,,"
        self.assertEqual(cgpsinfo(line), NoFix(raw=line))


class Moments(SynchronousTestCase):
    def at(self, day: str, time: str, earliest: date = EARLIEST) -> datetime:
        line = MOVING.replace("300825", day).replace("123456.0", time)
        return fix(line, earliest).gps_time

    def test_fractions(self) -> None:
        for time, microsecond in (
            *(("123456", 0), ("123456.", 0), ("123456.5", 500_000)),
            *(("123456.25", 250_000), ("123456.123456789", 123_456)),
        ):
            self.assertEqual(self.at("300825", time).microsecond, microsecond)

    def test_a_leap_second_is_the_second_after_it(self) -> None:
        self.assertEqual(
            self.at("311226", "235960.5"),
            datetime(2027, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC),
        )

    def test_a_rollover_of_the_week_number(self) -> None:
        for day, expected in (
            ("150107", date(2026, 8, 31)),  # 1024 weeks
            ("010687", date(2026, 8, 31)),  # 2048 weeks: 1987
            ("010124", date(2024, 1, 1)),
        ):
            self.assertEqual(self.at(day, "000000.0").date(), expected)

    def test_another_earliest_date(self) -> None:
        self.assertEqual(
            self.at("300825", "123456.0", earliest=date(2025, 8, 31)),
            datetime(2045, 4, 15, 12, 34, 56, tzinfo=UTC),
        )

    @given(st.datetimes(datetime(2024, 1, 1), datetime(2079, 12, 31)))
    def test_what_is_written_is_read(self, moment: datetime) -> None:
        text = f"{moment:%H%M%S}.{moment.microsecond:06}"
        self.assertEqual(self.at(f"{moment:%d%m%y}", text), moment.replace(tzinfo=UTC))


class Refused(SynchronousTestCase):
    def assert_refused(self, line: str) -> None:
        parse = cgpsinfo if line.startswith("+CGPSINFO") else cgnssinfo
        error = self.assertRaises(ReplyError, parse, line)
        self.assertEqual(error.line, line)

    def test_transcript_33(self) -> None:
        (line,) = [each for each in transcript(33).lines if "INFO:" in each]
        self.assert_refused(line)
        self.assert_refused(line.replace("5199", "5149"))
        self.assert_refused(line.replace("256161.0", "123456.0"))

    def test_the_period_of_reports_is_no_position(self) -> None:
        for line in ("+CGPSINFO: 0", "+CGNSSINFO: 0", "+CGNSSINFO: 255", "+CGPSINFO:"):
            self.assert_refused(line)

    def test_fields_that_cannot_be(self) -> None:
        for old, new in (
            ("5149.214000", "5160.000000"),
            ("5149.214000", "9000.000001"),
            ("5149.214000", "549.214000"),
            ("5149.214000", "51.8202333"),
            ("5149.214000", "-149.214000"),
            ("5149.214000", "5149"),
            ("5149.214000", ""),
            ("00119.200000", ""),
            ("00119.200000", "18000.000001"),
            ("00119.200000", "0119.200000"),
            ("00119.200000", "nan"),
            (",N,", ",,"),
            (",N,", ",X,"),
            (",W,", ",N,"),
            ("300825", "310225"),
            ("300825", "30082"),
            ("300825", "\u0663\u0660\u0660\u0668\u0662\u0665"),
            ("300825", ""),
            ("123456.0", ""),
            ("123456.0", "126056.0"),
            ("123456.0", "123460.0"),
            ("82.5", "nan"),
            ("82.5", "-1000.1"),
            ("82.5", "50001"),
            ("10.0", "-0.1"),
            ("10.0", "inf"),
            ("10.0", "2001"),
            ("45.0", "360.1"),
            ("45.0", "4 5"),
        ):
            for line in (MOVING, MOVING_CGPS):
                self.assertIn(old, line)
                self.assert_refused(line.replace(old, new, 1))

    def test_fields_of_cgnssinfo_that_cannot_be(self) -> None:
        for old, new in (
            *((": 3,", ": 4,"), (": 3,", ": x,"), (",09,", ",109,"), (",09,", ",x,")),
            *((",0.8,", ",-0.8,"), (",0.8,", ",1e1,"), (",1.2", ",1.2+CGNSSINFO: 3")),
            *((",1.2", ""), (": 3,09,05,00,", ": "), (",00,", ",00,1,2,")),
            *((",1.2", "," * 20), (",1.2", ',"')),
        ):
            self.assertIn(old, MOVING)
            self.assert_refused(MOVING.replace(old, new, 1))

    def test_a_count_of_nothing_that_is_no_number(self) -> None:
        self.assert_refused("+CGNSSINFO: 3,x,,,,,,,,,,,,,,")

    def test_other_forms_of_cgpsinfo(self) -> None:
        for line in (
            f"{MOVING_CGPS},1",
            MOVING_CGPS.rpartition(",")[0],
            MOVING.replace("CGNSSINFO", "CGPSINFO"),
            MOVING_CGPS.replace("CGPSINFO", "CGNSSINFO"),
            "+CGPSINFO: ,5149.214000,N,00119.200000,W,300825,123456.0,82.5,",
        ):
            self.assert_refused(line)

    def test_the_place_that_stands_for_none(self) -> None:
        self.assert_refused(
            "+CGPSINFO: 0000.000000,N,00000.000000,E,300825,123456.0,0.0,0.0,"
        )

    def test_degrees_that_cannot_be(self) -> None:
        self.assert_refused(SIBLING.replace("52.3973694", "90.0000001"))
        self.assert_refused(SIBLING.replace("7.1607476", "180.0000001"))

    @given(lines("+CGNSSINFO:", "+CGPSINFO:"))
    def test_garbage(self, line: str) -> None:
        for parse in (cgnssinfo, cgpsinfo):
            found = parsed(parse, line)
            if isinstance(found, GNSSFix):
                self.assertTrue(
                    abs(found.latitude) <= 90 and abs(found.longitude) <= 180
                )
                self.assertTrue(found.gps_time.date() >= EARLIEST)
                values = attrs.asdict(found).values()
                numbers = [value for value in values if isinstance(value, float)]
                self.assertTrue(all(math.isfinite(number) for number in numbers))

    @given(
        st.lists(
            st.sampled_from(
                [*MOVING.partition(": ")[2].split(","), "", "0", "nan", "N"]
            ),
            min_size=9,
            max_size=18,
        )
    )
    def test_fields_in_any_order(self, fields: list[str]) -> None:
        parsed(cgnssinfo, "+CGNSSINFO: " + ",".join(fields))
        parsed(cgpsinfo, "+CGPSINFO: " + ",".join(fields))


class RoundTrip(SynchronousTestCase):
    @given(
        st.integers(-90 * 60 * 10**6, 90 * 60 * 10**6),
        st.integers(-180 * 60 * 10**6, 180 * 60 * 10**6).filter(bool),
        st.booleans(),
    )
    def test_minutes(self, north: int, east: int, dops: bool) -> None:
        """In millionths of a minute, as the modem writes it."""
        texts = []
        for value, width, hemispheres in ((north, 2, "NS"), (east, 3, "EW")):
            degrees, minutes = divmod(abs(value), 60 * 10**6)
            whole, part = divmod(minutes, 10**6)
            texts += [f"{degrees:0{width}}{whole:02}.{part:06}", hemispheres[value < 0]]
        place = ",".join(texts)
        line = f"{place},300825,123456.0,1.0,2.0,3.0"
        found = fix(f"+CGNSSINFO: 3,1,,,{line},1,1,1" if dops else f"+CGPSINFO: {line}")
        self.assertAlmostEqual(found.latitude, north / 60e6, places=12)
        self.assertAlmostEqual(found.longitude, east / 60e6, places=12)

    @given(
        st.integers(-90 * 10**7, 90 * 10**7),
        st.integers(-180 * 10**7, 180 * 10**7).filter(bool),
    )
    def test_degrees(self, north: int, east: int) -> None:
        line = (
            f"+CGNSSINFO: 3,1,2,3,4,{abs(north) / 1e7:.7f},{'NS'[north < 0]},"
            f"{abs(east) / 1e7:.7f},{'EW'[east < 0]},300825,123456.00,1,2,3,1,1,1,10"
        )
        found = fix(line)
        self.assertAlmostEqual(found.latitude, north / 1e7, places=9)
        self.assertAlmostEqual(found.longitude, east / 1e7, places=9)
