"""How the simulated mount writes and reads coordinates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import mount_text as text


class WritingTests(SynchronousTestCase):
    def test_hours(self) -> None:
        for value, long, short in (
            (5.786667, "05:47:12", "05:47.2"),
            (0.0, "00:00:00", "00:00.0"),
            (23.99999, "00:00:00", "00:00.0"),
            (23.9995, "23:59:58", "00:00.0"),
        ):
            self.assertEqual(text.hours(value), long)
            self.assertEqual(text.hours(value, long=False), short)

    def test_angles(self) -> None:
        for value, long, short in (
            (-5.391111, "-05*23:28", "-05*23"),
            (-0.5, "-00*30:00", "-00*30"),
            (-0.0001, "+00*00:00", "+00*00"),
            (89.99999, "+90*00:00", "+90*00"),
        ):
            self.assertEqual(text.angle(value), long)
            self.assertEqual(text.angle(value, seconds=""), short)
        self.assertEqual(text.angle(100.504167, digits=3), "+100*30:15")
        self.assertEqual(text.angle(4.5, degree="\xdf"), "+04\xdf30:00")

    def test_azimuths(self) -> None:
        for value, long, short in (
            (180.0, "180*00'00", "180*00"),
            (359.99999, "000*00'00", "000*00"),
            (7.505, "007*30'18", "007*30"),
        ):
            self.assertEqual(text.azimuth(value, seconds="'", degree="*"), long)
            self.assertEqual(text.azimuth(value, seconds="", degree="*"), short)


class ReadingTests(SynchronousTestCase):
    def test_hours(self) -> None:
        for written, value in (
            ("05:47:12", 5 + 47 / 60 + 12 / 3600),
            ("05:47:12.5", 5 + 47 / 60 + 12.5 / 3600),
            (" 05:47.2", 5 + 47.2 / 60),
            ("05:47", 5 + 47 / 60),
        ):
            got = text.read_hours(written)
            assert got is not None
            self.assertAlmostEqual(got, value)
        for wrong in ("24:00:00", "05:60:00", "05:00:60", "5", "", "a", "-01:00:00"):
            self.assertIsNone(text.read_hours(wrong), wrong)

    def test_angles(self) -> None:
        for written, value in (
            ("-05*23:28", -(5 + 23 / 60 + 28 / 3600)),
            ("+05*23:28.4", 5 + 23 / 60 + 28.4 / 3600),
            (" +45\xdf30:15", 45 + 30 / 60 + 15 / 3600),
            ("-00*30", -0.5),
            ("003*08'", 3 + 8 / 60),
            ("+05:23'28", 5 + 23 / 60 + 28 / 3600),
        ):
            got = text.read_angle(written, 90)
            assert got is not None, written
            self.assertAlmostEqual(got, value)
        for wrong in ("+95*00:00", "+10*60", "+10*00:60", "x", "+10", "10.5"):
            self.assertIsNone(text.read_angle(wrong, 90), wrong)
        self.assertIsNone(text.read_angle("10*00", 90, needs_sign=True))
        self.assertEqual(text.read_angle("+10*00", 90, needs_sign=True), 10)

    def test_times_and_dates(self) -> None:
        self.assertEqual(text.read_time("21:15:30"), 76_530)
        for wrong in ("24:00:00", "21:60:00", "21:15:60", "21:15"):
            self.assertIsNone(text.read_time(wrong), wrong)
        self.assertEqual(text.read_date("08/05/26"), (2026, 8, 5))
        self.assertIsNone(text.read_date("2026-08-05"))


class RoundTripTests(SynchronousTestCase):
    @given(st.integers(0, 86_399))
    def test_hours(self, seconds: int) -> None:
        got = text.read_hours(text.hours(seconds / 3600))
        assert got is not None
        self.assertEqual(round(got * 3600), seconds)

    @given(st.integers(-324_000, 324_000))
    def test_angles(self, seconds: int) -> None:
        got = text.read_angle(text.angle(seconds / 3600), 90)
        assert got is not None
        self.assertEqual(round(got * 3600), seconds)

    @given(st.text())
    def test_anything_is_read_or_not(self, written: str) -> None:
        text.read_hours(written)
        text.read_angle(written, 90)
        text.read_time(written)
        text.read_date(written)
