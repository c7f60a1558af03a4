"""Angles as the mount writes them and as people do, with their sign."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160 import coordinates
from gatewaykit.tts160.coordinates import (
    ParkSetting,
    azimuth_of,
    format_azimuth,
    format_azimuth_short,
    format_degrees,
    format_degrees_short,
    format_hours,
    format_hours_short,
    format_longitude,
    format_longitude_unsigned,
    format_park_setting,
    format_radians,
    half_turn,
    hours_of,
    parse_azimuth,
    parse_declination,
    parse_degrees,
    parse_hours,
    parse_longitude,
    parse_park_setting,
    parse_radians,
    read_altitude,
    read_azimuth,
    read_declination,
    read_latitude,
    read_longitude,
    read_right_ascension,
    reduced,
)

PARSERS = (
    parse_hours,
    parse_degrees,
    parse_declination,
    parse_azimuth,
    parse_longitude,
    parse_radians,
    parse_park_setting,
)
READERS = (
    read_right_ascension,
    read_declination,
    read_altitude,
    read_latitude,
    read_azimuth,
    read_longitude,
)
SECOND = 1 / 3600
NOTHING = 1e-9

NEAR_TEXT = st.one_of(
    st.text(max_size=20),
    st.text("0123456789+-*:.'\" hdms\xdf\xb0\u2032", max_size=16),
    st.builds(
        "{}{}{}{}{}{}{}".format,
        st.sampled_from(["", "+", "-", " ", " -", "--"]),
        st.integers(-1, 400),
        st.sampled_from(["*", ":", "\xdf", "h", "d", " ", "."]),
        st.integers(0, 70),
        st.sampled_from(["", ":", "'", "m", " ", "."]),
        st.integers(0, 70),
        st.sampled_from(["", '"', "s", ".5", "'", "#"]),
    ),
)


class Cases(SynchronousTestCase):
    def check_all(
        self, function: Callable[[str], float], cases: dict[str, float]
    ) -> None:
        for text, value in cases.items():
            with self.subTest(text=text):
                self.assertAlmostEqual(function(text), value, 9)

    def refuse_all(
        self,
        function: Callable[[str], object],
        error: type[MisuseError | ProtocolViolation],
        *texts: str,
    ) -> None:
        for text in texts:
            with self.subTest(text=text):
                self.assertRaises(error, function, text)


class ParseTests(Cases):
    """What comes from the wire."""

    def test_hours(self) -> None:
        """Transcripts 3, 4 and 10."""
        expected = 5 + 47 / 60 + 12 / 3600
        self.check_all(
            parse_hours,
            {
                "05:47:12": expected,
                "05:47.2": expected,
                "05:47:12.0": expected,
                " 05:47:12": expected,
                "10:12:45": 10.2125,
                "00:00:00": 0,
                "23:59:59.9": 24 - 0.1 / 3600,
            },
        )
        self.assertAlmostEqual(expected, 5.786667, 6)

    def test_hours_that_are_none(self) -> None:
        self.refuse_all(
            parse_hours,
            ProtocolViolation,
            *("", "24:00:00", "05:60:00", "05:47:60", "-05:47:12", "+05:47:12"),
            *("05", "05:", "5.78", "05:7:12", "05:47:1", "05*47:12", "05:47:12#"),
            *(
                "05:47:12:00",
                "05:47.2:12",
                "005:47:12",
                "\u0660\u0665:47:12",
                "HIGH",
                "  05:47",
            ),
        )

    def test_degrees_in_every_form(self) -> None:
        """Transcripts 5, 6, 12, 13 and 17."""
        self.check_all(
            parse_degrees,
            {
                "-05*23:28": -5 - 23 / 60 - 28 / 3600,
                "-05\xdf23:28": -5 - 23 / 60 - 28 / 3600,
                "-05:23:28": -5 - 23 / 60 - 28 / 3600,
                "-05*23'28": -5 - 23 / 60 - 28 / 3600,
                "-05*23'28\"": -5 - 23 / 60 - 28 / 3600,
                "-05*23:28.5": -5 - 23 / 60 - 28.5 / 3600,
                "-05*23": -5 - 23 / 60,
                "-05*23'": -5 - 23 / 60,
                "-05*23.5": -5 - 23.5 / 60,
                "-00\xdf30:00": -0.5,
                "-00*30": -0.5,
                "-00*00:01": -SECOND,
                "-00*00": 0,
                "+40*15": 40.25,
                " +45\xdf30:15": 45 + 30 / 60 + 15 / 3600,
                "+100*30:15": 100 + 30 / 60 + 15 / 3600,
                "180*00'00": 180,
                "360*00": 360,
            },
        )
        self.assertEqual(math.copysign(1, parse_degrees("-00*00")), 1)

    def test_degrees_that_are_none(self) -> None:
        self.refuse_all(
            parse_degrees,
            ProtocolViolation,
            *("", "+", "360*01", "-361*00", "05*60", "05*23:60", "05", "5.39", "05*2"),
            *("--05*23", "05*23:28:11", "05*23.5:28", "05 23", "1000*00", "+05*23:28#"),
            *("\u096b*23:28", "05*23''' ", "nan", "inf"),
        )

    def test_declination_stays_within_the_poles(self) -> None:
        self.check_all(parse_declination, {"+90*00:00": 90, "-90*00": -90})
        self.refuse_all(
            parse_declination, ProtocolViolation, "+95*00:00", "-90*00:01", "90.0"
        )

    def test_azimuth_is_within_a_turn(self) -> None:
        self.check_all(
            parse_azimuth,
            {"180*00'00": 180, "000*00": 0, "360*00": 0, "359*59:59": 360 - SECOND},
        )
        self.refuse_all(parse_azimuth, ProtocolViolation, "-000*01", "360*01", "x")

    def test_longitude_counts_to_the_east(self) -> None:
        """Transcripts 12 and 13, and forms of other clients (facts/tts160.md 6.1, 6.3)."""
        self.check_all(
            parse_longitude,
            {
                "+100*30": -100.5,
                "100*30": -100.5,
                "+100*30:15": -100.504166666667,
                "-48*00": 48,
                "312*00": 48,
                "003*08'": -3 - 8 / 60,
                "-000*30": 0.5,
                "359*30": 0.5,
                "000*30": -0.5,
                "+180*00": 180,
                "-180*00": 180,
                "180*00": 180,
                "180*01": 180 - 1 / 60,
                "-179*59": 180 - 1 / 60,
                "179*59": -180 + 1 / 60,
                "360*00": 0,
            },
        )
        self.refuse_all(
            parse_longitude,
            ProtocolViolation,
            "+180*01",
            "-181*00",
            "360*01",
            " -200*00",
        )

    def test_radians(self) -> None:
        """Transcripts 7 and 8."""
        self.check_all(
            parse_radians,
            {
                "1.5149458": 1.5149458,
                "-0.0940926": -0.0940926,
                "+7": 7,
                "-0.0": 0,
                "3.": 3,
            },
        )
        self.assertEqual(math.copysign(1, parse_radians("-0.0")), 1)
        self.assertAlmostEqual(hours_of(parse_radians("1.5149458")), 5.786667, 6)
        self.assertAlmostEqual(math.degrees(parse_radians("-0.0940926")), -5.391111, 5)
        self.refuse_all(
            parse_radians,
            ProtocolViolation,
            *("", "nan", "inf", "1e3", "1_0", " 1", ".5", "1.5#", "0x1", "1" * 10),
        )

    def test_park_setting(self) -> None:
        """Transcript 27."""
        self.assertEqual(
            parse_park_setting("1180.00000.000"), ParkSetting(True, 180, 0)
        )
        self.assertEqual(
            parse_park_setting("0360.00012.345"), ParkSetting(False, 0, 12.345)
        )
        self.refuse_all(
            parse_park_setting,
            ProtocolViolation,
            *("", "2180.00000.000", "1360.00100.000", "1360.00190.000"),
            *("1180.0000.000", "1180.00090.001", "1180.000000.000", "1180.00-01.00"),
        )

    def test_an_error_shows_the_start_of_what_came(self) -> None:
        error = self.assertRaises(ProtocolViolation, parse_hours, "\u20ac" + "9" * 500)
        self.assertEqual(error.raw, b"?" + b"9" * 59)
        self.assertLess(len(str(error)), 100)
        self.assertIn("no hours", str(error))

    @given(st.sampled_from(PARSERS), NEAR_TEXT)
    def test_garbage_is_a_violation(
        self, parse: Callable[[str], object], text: str
    ) -> None:
        with contextlib.suppress(ProtocolViolation):
            parse(text)


class ReadTests(Cases):
    """What people type."""

    def test_right_ascension(self) -> None:
        expected = 5 + 47 / 60 + 12 / 3600
        self.check_all(
            read_right_ascension,
            dict.fromkeys(
                (
                    "5h47m12s",
                    "05:47:12",
                    "05:47.2",
                    "5h47.2m",
                    "5h 47m 12s",
                    "5 47 12",
                    " 05:47:12.0 ",
                    "5H47M12S",
                    "5h47'12\"",
                    "+5:47:12",
                ),
                expected,
            )
            | {
                "5.78667": 5.78667,
                "5h47m": 5 + 47 / 60,
                "0": 0,
                "23:59:59.99": 24 - 0.01 / 3600,
            }
            | {"0:0:1": SECOND, "5.": 5},
        )

    def test_right_ascension_that_is_none(self) -> None:
        self.refuse_all(
            read_right_ascension,
            MisuseError,
            *(
                "",
                "24",
                "24:00:00",
                "-1",
                "-0:30",
                "5:60:00",
                "5:47:60",
                "86.8d",
                "5d47m",
            ),
            *(
                "5h",
                "5*47:12",
                "5.5:30",
                "5:47.2:12",
                "nan",
                "inf",
                "1e0",
                "1_0",
                "five",
            ),
            *("5:47:12 N", "5::12", "\u0665:47", "5:47:12:00", "0x5"),
        )

    def test_declination(self) -> None:
        expected = -5 - 23 / 60 - 28 / 3600
        self.check_all(
            read_declination,
            dict.fromkeys(
                (
                    "-05*23:28",
                    "-5d23m28s",
                    "-5:23:28",
                    "-5\xb023'28\"",
                    "\u22125\xb0 23\u2032 28\u2033",
                    "-5 23 28",
                    "- 5 23 28",
                    "-05\xdf23:28.0",
                ),
                expected,
            )
            | {
                "-5.39": -5.39,
                "-0:30": -0.5,
                "-00*00:01": -SECOND,
                "90": 90,
                "- 0.5": -0.5,
            }
            | {"-90:00:00": -90, "45d30m": 45.5, "45*30.5": 45 + 30.5 / 60, "-0": 0},
        )
        self.assertEqual(math.copysign(1, read_declination("-0.0")), 1)

    def test_declination_that_is_none(self) -> None:
        self.refuse_all(
            read_declination,
            MisuseError,
            *(
                "",
                "90.001",
                "-90:00:01",
                "91",
                "5h23m",
                "--5",
                "-5d",
                "5d60m",
                "5:23:60",
            ),
            *("nan", "-inf", "5.39.1", "1e1", "5,39"),
        )

    def test_other_angles(self) -> None:
        self.assertEqual(read_altitude("45:30"), 45.5)
        self.assertEqual(read_latitude("-33.5"), -33.5)
        self.assertEqual(read_azimuth("180d30m"), 180.5)
        self.assertEqual(read_azimuth("359.999"), 359.999)
        self.assertEqual(read_longitude("-100:30"), -100.5)
        self.assertEqual(read_longitude("-180"), 180)
        self.assertEqual(read_longitude("-0:30"), -0.5)
        self.refuse_all(read_azimuth, MisuseError, "360", "-1", "360:00:00")
        self.refuse_all(read_longitude, MisuseError, "180.1", "-180:00:01", "359")

    def test_an_error_says_what_is_allowed(self) -> None:
        for read in READERS:
            error = self.assertRaises(MisuseError, read, "x" * 500)
            self.assertEqual(error.name, read.__name__.removeprefix("read_"))
            self.assertEqual(error.value, "x" * 60)
            # The examples of the text are good ones.
            examples = error.allowed.rpartition(", ")[0].rpartition(" as ")[2]
            values = {
                round(read(one), 2) for one in examples.replace(" or", ",").split(", ")
            }
            self.assertLessEqual(max(values) - min(values), 0.011, examples)

    @given(st.sampled_from(READERS), NEAR_TEXT)
    def test_garbage_is_misuse(self, read: Callable[[str], float], text: str) -> None:
        try:
            value = read(text)
        except MisuseError:
            return
        self.assertTrue(-180 <= value < 360)

    @given(st.floats(-90, 90))
    def test_what_is_written_may_be_typed(self, degrees: float) -> None:
        text = format_degrees(degrees, tenths=True)
        self.assertEqual(read_declination(text), parse_declination(text))
        self.assertAlmostEqual(read_declination(f"{degrees:.10f}"), degrees, 9)


class FormatTests(Cases):
    """What goes to the wire."""

    def test_transcripts(self) -> None:
        self.assertEqual(format_hours(5.786667), "05:47:12")
        self.assertEqual(format_hours_short(5.786667), "05:47.2")
        self.assertEqual(format_degrees(-5.391111), "-05*23:28")
        self.assertEqual(format_degrees(-0.5), "-00*30:00")
        self.assertEqual(format_degrees_short(40.25), "+40*15")
        self.assertEqual(format_longitude(-100.5), "+100*30")
        self.assertEqual(format_longitude(-100.504167, seconds=True), "+100*30:15")
        self.assertEqual(format_park_setting(180, 0), "1180.00000.000")
        self.assertEqual(
            format_radians((5 + 47 / 60 + 12 / 3600) * math.pi / 12), "1.5149458"
        )
        self.assertEqual(format_radians(math.radians(-5.391111)), "-0.0940926")

    def test_rounding_carries(self) -> None:
        self.assertEqual(format_hours(23.99999), "00:00:00")
        self.assertEqual(format_hours(24), "00:00:00")
        self.assertEqual(format_hours(23.99999, tenths=True), "00:00:00.0")
        self.assertEqual(format_hours(5.99999, tenths=True), "06:00:00.0")
        self.assertEqual(format_hours(0.1 / 3600, tenths=True), "00:00:00.1")
        self.assertEqual(format_hours_short(23.9999), "00:00.0")
        self.assertEqual(format_hours_short(5.9999), "06:00.0")
        self.assertEqual(format_degrees(89.99999), "+90*00:00")
        self.assertEqual(format_degrees(-89.99999), "-90*00:00")
        self.assertEqual(format_degrees(59.99999, tenths=True), "+60*00:00.0")
        self.assertEqual(format_degrees(-1.5 / 36_000, tenths=True), "-00*00:00.2")
        self.assertEqual(format_degrees_short(-9.9999), "-10*00")
        self.assertEqual(format_azimuth(359.9999), "000*00:00")
        self.assertEqual(format_azimuth(360), "000*00:00")
        self.assertEqual(format_azimuth(9.99999), "010*00:00")
        self.assertEqual(format_azimuth_short(359.9999), "000*00")
        self.assertEqual(format_azimuth_short(123.45), "123*27")
        self.assertEqual(format_park_setting(359.9999, 89.9999), "1000.00090.000")
        self.assertEqual(format_park_setting(7.5, 0.0125), "1007.50000.013")

    def test_zero_has_no_minus(self) -> None:
        for zero in (0.0, -0.0, -1e-9):
            self.assertEqual(format_degrees(zero), "+00*00:00")
            self.assertEqual(format_degrees_short(zero), "+00*00")
            self.assertEqual(format_longitude(zero), "+000*00")
            self.assertEqual(format_longitude_unsigned(zero), "000*00")
            self.assertEqual(format_radians(zero), "0.0000000")

    def test_longitude_next_to_its_seams(self) -> None:
        for east, signed, unsigned in (
            (180, "+180*00", "180*00"),
            (-180, "+180*00", "180*00"),
            (179.9999, "+180*00", "180*00"),
            (-179.9999, "+180*00", "180*00"),
            (179.9, "-179*54", "180*06"),
            (-179.9, "+179*54", "179*54"),
            (0.5, "-000*30", "359*30"),
            (-0.5, "+000*30", "000*30"),
            (48, "-048*00", "312*00"),
            (0.001, "+000*00", "000*00"),
        ):
            with self.subTest(east=east):
                self.assertEqual(format_longitude(east), signed)
                self.assertEqual(format_longitude_unsigned(east), unsigned)

    def test_a_minute_is_rounded_once(self) -> None:
        self.assertEqual(format_longitude(-(29.6 / 3600)), "+000*00")
        self.assertEqual(format_longitude(-(29.6 / 3600), seconds=True), "+000*00:30")

    def test_ranges(self) -> None:
        nan = float("nan")
        for function, values in (
            (format_hours, (-0.001, 24.001, nan)),
            (format_hours_short, (-0.001, 24.001, nan)),
            (format_degrees, (-90.001, 90.001, nan)),
            (format_degrees_short, (-90.001, 90.001, nan)),
            (format_azimuth, (-0.001, 360.001, nan)),
            (format_azimuth_short, (-0.001, 360.001, nan)),
            (format_longitude, (-180.001, 180.001, nan)),
            (format_longitude_unsigned, (-180.001, 180.001, float("inf"))),
            (coordinates.check_altitude, (-90.001, 90.001, nan)),
            (coordinates.check_azimuth, (-0.001, 360.001, nan)),
            (lambda value: format_park_setting(0, value), (-0.001, 90.001)),
            (lambda value: format_park_setting(value, 0), (-0.001, 360.001)),
        ):
            for value in values:
                error = self.assertRaises(MisuseError, function, value)
                self.assertIn(" to ", error.allowed)
        coordinates.check_altitude(-90)
        coordinates.check_azimuth(360)


class RoundTripTests(SynchronousTestCase):
    def check(
        self,
        value: float,
        text: str,
        parse: Callable[[str], float],
        step: float,
        turn: float,
    ) -> None:
        apart = abs(math.remainder(parse(text) - value, turn))
        self.assertLessEqual(apart, step / 2 + NOTHING, text)

    @given(st.floats(0, 24))
    def test_hours(self, hours: float) -> None:
        self.check(hours, format_hours(hours), parse_hours, SECOND, 24)
        text = format_hours(hours, tenths=True)
        self.check(hours, text, parse_hours, SECOND / 10, 24)
        self.check(hours, format_hours_short(hours), parse_hours, 0.1 / 60, 24)

    @given(st.floats(-90, 90))
    def test_degrees(self, degrees: float) -> None:
        self.check(degrees, format_degrees(degrees), parse_declination, SECOND, 999)
        text = format_degrees(degrees, tenths=True)
        self.check(degrees, text, parse_declination, SECOND / 10, 999)
        text = format_degrees_short(degrees)
        self.check(degrees, text, parse_declination, 1 / 60, 999)

    @given(st.floats(0, 360))
    def test_azimuth(self, degrees: float) -> None:
        self.check(degrees, format_azimuth(degrees), parse_azimuth, SECOND, 360)
        self.check(degrees, format_azimuth_short(degrees), parse_azimuth, 1 / 60, 360)

    @given(st.floats(-180, 180))
    def test_longitude(self, degrees: float) -> None:
        text = format_longitude(degrees, seconds=True)
        self.check(degrees, text, parse_longitude, SECOND, 360)
        self.check(degrees, format_longitude(degrees), parse_longitude, 1 / 60, 360)
        text = format_longitude_unsigned(degrees)
        self.check(degrees, text, parse_longitude, 1 / 60, 360)

    @given(st.floats(-100, 100))
    def test_radians(self, radians: float) -> None:
        self.check(radians, format_radians(radians), parse_radians, 1e-7, 999)

    @given(st.floats(0, 360), st.floats(0, 90))
    def test_park_setting(self, azimuth: float, altitude: float) -> None:
        setting = parse_park_setting(format_park_setting(azimuth, altitude))
        self.assertTrue(setting.is_custom)
        apart = abs(math.remainder(setting.azimuth_deg - azimuth, 360))
        self.assertLessEqual(apart, 0.0005 + NOTHING)
        self.assertLessEqual(abs(setting.altitude_deg - altitude), 0.0005 + NOTHING)

    @given(st.integers(0, 86_399))
    def test_whole_seconds_are_kept(self, seconds: int) -> None:
        text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        self.assertEqual(format_hours(parse_hours(text)), text)


class TurnTests(SynchronousTestCase):
    def test_reduction_to_a_turn(self) -> None:
        self.assertEqual(reduced(25, 24), 1)
        self.assertEqual(reduced(-1, 24), 23)
        self.assertEqual(reduced(24, 24), 0)
        self.assertEqual(reduced(-1e-20, 24), 0)

    def test_half_turns(self) -> None:
        for degrees, expected in (
            (180, 180),
            (-180, 180),
            (181, -179),
            (-181, 179),
            (540, 180),
            (-100.5, -100.5),
            (359.5, -0.5),
            (-360, 0),
        ):
            self.assertEqual(half_turn(degrees), expected)
            self.assertEqual(math.copysign(1, half_turn(-360)), 1)

    @given(st.floats(-1e6, 1e6))
    def test_reductions_stay_within(self, value: float) -> None:
        self.assertTrue(0 <= reduced(value, 360) < 360)
        self.assertTrue(-180 < half_turn(value) <= 180)
        self.assertTrue(0 <= hours_of(value) < 24)
        self.assertTrue(0 <= azimuth_of(value) < 360)

    def test_radians(self) -> None:
        self.assertAlmostEqual(hours_of(1.5149458 + 2 * math.pi), 5.786667, 6)
        self.assertAlmostEqual(azimuth_of(-math.pi / 2), 270, 9)
