from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.reports import Position
from tests.gv50.frames import fixed, read


class Positions(SynchronousTestCase):
    def only(self, **changes: str) -> Position:
        (position,) = read(fixed(**changes)).positions
        return position

    def test_accuracy_0_is_the_last_known_position(self) -> None:
        position = self.only(f7="0")
        self.assertFalse(position.fix)
        self.assertEqual((position.hdop, position.longitude), (0, -54.55785))

    def test_accuracy_may_have_decimals(self) -> None:
        self.assertEqual(self.only(f7="1.6").hdop, 1.6)

    def test_empty_is_none(self) -> None:
        position = self.only(f7="", f8="", f9="", f10="")
        self.assertEqual(
            (position.hdop, position.speed_kmh, position.heading_deg),
            (None, None, None),
        )
        self.assertIsNone(position.altitude_m)
        self.assertFalse(position.fix)

    def test_no_numbers_are_none(self) -> None:
        for text in ("nan", "inf", "1_0", "1e3", "9" * 400):
            position = self.only(f7=text, f8=text, f9=text, f10=text)
            self.assertIsNone(position.hdop)
            self.assertIsNone(position.speed_kmh)
            self.assertIsNone(position.heading_deg)
            self.assertIsNone(position.altitude_m)

    def test_negative_altitude_is_taken_and_speed_is_not(self) -> None:
        position = self.only(f8="-3.6", f9="400", f10="-93.1")
        self.assertIsNone(position.speed_kmh)
        self.assertIsNone(position.heading_deg)
        self.assertEqual(position.altitude_m, -93.1)

    def test_no_place_is_no_fix(self) -> None:
        for east, north in (
            ("0.000000", "0.000000"),
            ("0.0", "0.0"),
            ("0", "0"),
            ("-180.000001", "1.000000"),
            ("180.000001", "1.000000"),
            ("1.000000", "90.000001"),
            ("1.000000", "-90.000001"),
        ):
            position = self.only(f11=east, f12=north)
            self.assertIsNone(position.longitude)
            self.assertIsNone(position.latitude)
            self.assertFalse(position.fix)

    def test_meridian_and_equator_are_places(self) -> None:
        self.assertTrue(self.only(f11="0.000000").fix)
        self.assertTrue(self.only(f12="0.000000").fix)

    def test_moment_that_is_none(self) -> None:
        for text in (
            "20251301000000",
            "20250230000000",
            "20250728240000",
            "20250728006000",
            "20250728000060",
            "19700101000000",
            "00000000000000",
        ):
            position = self.only(f13=text)
            self.assertIsNone(position.gps_time, text)
            self.assertEqual(position.longitude, -54.55785)
