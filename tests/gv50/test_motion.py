from __future__ import annotations

import math
import re

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50 import motion
from gatewaykit.gv50.layouts import IGNITION_BY_STATE
from gatewaykit.gv50.motion import (
    MOVING_WITHOUT_IGNITION,
    Fix,
    distance_km,
    live_fix,
)
from tests.gv50.frames import BLOCK, FIXED, HEAD, TAIL, fixed
from tests.strategies import SAMPLES, odd_frames

_HEADED = re.compile(rb"\+RESP:GT[A-Z0-9]{3},").match
LEGACY = (
    "+RESP:GTTRI,359231030000010,1,0,0,1,{},145,30.0,2,121.354442,31.221940,"
    "20091214000354,0460,0000,18d8,6141,00,11F0,0102120204$"
)


def of(text: str) -> Fix | None:
    return live_fix(text.encode("latin-1"))


def several(*blocks: str) -> str:
    return (
        f"+RESP:GTFRI,{HEAD},,50,{len(blocks)},{','.join(blocks)},0.0,,,,,210101,5,0,7,"
        f"{TAIL}"
    )


def at(longitude: float, latitude: float) -> Fix:
    return Fix(longitude, latitude, None, 0, True, None, None, "GTFRI")


class FixTests(SynchronousTestCase):
    def told(self, text: str) -> Fix:
        fix = of(text)
        assert fix is not None
        return fix

    def test_fixed_report(self) -> None:
        self.assertEqual(
            of(FIXED),
            Fix(
                longitude=-54.55785,
                latitude=-20.587663,
                speed_kmh=0.0,
                gps_ms=1_753_663_546_000,
                fix=True,
                state="21",
                count="071D",
                type="GTFRI",
            ),
        )

    def test_last_known_position_is_no_fix(self) -> None:
        for accuracy in ("0", "", "x"):
            with self.subTest(accuracy=accuracy):
                self.assertFalse(self.told(fixed(f7=accuracy)).fix)

    def test_speed_that_is_not_told_is_not_zero(self) -> None:
        for speed in ("", "-1.0", "nan", "inf", "1e3"):
            with self.subTest(speed=speed):
                self.assertIsNone(self.told(fixed(f8=speed)).speed_kmh)

    def test_negative_speed_of_a_legacy_device_is_none(self) -> None:
        self.assertIsNone(self.told(LEGACY.format("-3.6")).speed_kmh)
        self.assertEqual(self.told(LEGACY.format("3.6")).speed_kmh, 3.6)

    def test_no_coordinates_no_fix(self) -> None:
        for longitude, latitude in (
            ("", ""),
            ("0.000000", "0.000000"),
            ("0", "0"),
            ("-181.000000", "1.000000"),
            ("1.000000", "91.000000"),
        ):
            with self.subTest(longitude=longitude, latitude=latitude):
                self.assertIsNone(of(fixed(f11=longitude, f12=latitude)))

    def test_no_time_no_fix(self) -> None:
        self.assertIsNone(of(fixed(f13="")))
        self.assertIsNone(of(fixed(f13="20251328004546")))
        self.assertIsNone(of(fixed(f13="22000101000000")))

    def test_what_is_not_live_is_none(self) -> None:
        for prefix in ("+BUFF", "+ACK", "+NACK", "+resp", ""):
            with self.subTest(prefix=prefix):
                self.assertIsNone(of(FIXED.replace("+RESP", prefix)))
        self.assertIsNone(of("+RESP:GTPDP,090302,865083030000012,,20250727214529,1$"))
        self.assertIsNone(of("+RESP:"))

    def test_answer_to_a_position_request_tells_no_state(self) -> None:
        fix = self.told(f"+RESP:GTRTL,{HEAD},,00,1,{BLOCK},0.0,{TAIL}")
        self.assertEqual((fix.type, fix.state, fix.fix), ("GTRTL", None, True))

    def test_state_report_tells_its_state(self) -> None:
        fix = self.told(f"+RESP:GTSTT,{HEAD},1a,{BLOCK},{TAIL}")
        self.assertEqual(fix.state, "1A")

    def test_state_that_is_not_well_formed_is_none(self) -> None:
        self.assertIsNone(self.told(fixed(f24="2")).state)

    def test_newest_of_several_counts(self) -> None:
        old = BLOCK.replace("004546", "004446").replace(",0.0,", ",70.0,", 1)
        for blocks in ((old, BLOCK), (BLOCK, old)):
            self.assertEqual(self.told(several(*blocks)).speed_kmh, 0.0)

    def test_newest_with_coordinates_counts(self) -> None:
        lost = "0,,,,,,20250728004646,0724,0003,08AA,59C0,00"
        self.assertEqual(self.told(several(BLOCK, lost)).gps_ms, 1_753_663_546_000)

    def test_of_two_with_one_time_the_worse_counts(self) -> None:
        fast = BLOCK.replace(",0.0,", ",70.0,", 1)
        unknown = BLOCK.replace(",0.0,", ",,", 1)
        for blocks in ((BLOCK, fast), (fast, BLOCK)):
            self.assertEqual(self.told(several(*blocks)).speed_kmh, 70.0)
        for blocks in ((fast, unknown), (unknown, fast)):
            self.assertIsNone(self.told(several(*blocks)).speed_kmh)

    @given(st.one_of(odd_frames(), st.binary(max_size=200).map(b"+RESP:".__add__)))
    def test_never_fails_and_makes_nothing_up(self, frame: bytes) -> None:
        fix = live_fix(frame)
        if fix is not None:
            self.assertTrue(frame.startswith(b"+RESP:"))
            self.assertTrue(-180 <= fix.longitude <= 180)
            self.assertTrue(-90 <= fix.latitude <= 90)
            self.assertTrue(fix.longitude or fix.latitude)
            self.assertTrue(fix.speed_kmh is None or 0 <= fix.speed_kmh < math.inf)
            self.assertGreater(fix.gps_ms, 0)


class QuickTests(SynchronousTestCase):
    """What is read without decoding the whole is what decoding tells."""

    def check(self, frame: bytes) -> None:
        if frame.startswith(b"+RESP:") and _HEADED(frame):
            self.assertEqual(live_fix(frame), motion._decoded(frame))

    def test_samples(self) -> None:
        for sample in SAMPLES:
            self.check(sample["raw"].encode("latin-1"))

    def test_year_that_no_clock_shows(self) -> None:
        self.check(fixed(f13="22000101000000").encode())

    @given(odd_frames())
    def test_odd_frames(self, frame: bytes) -> None:
        self.check(frame)

    @given(
        st.dictionaries(
            st.integers(5, 29).map("f{}".format),
            st.sampled_from(
                [
                    *("", "0", "1", "2", "-1", "0.5", "1e1", "nan", "x", "00", "01"),
                    *("1a0000", "1A", "210101", "2", "12", "2101010101", "zz0101"),
                    *("0.000000", "-181.000000", "179.500000", "20250728004546"),
                    *("20251301000000", "22500101000000", "99991231235959"),
                ]
            ),
            max_size=4,
        )
    )
    def test_odd_values(self, changes: dict[str, str]) -> None:
        self.check(fixed(**changes).encode())


class StateTests(SynchronousTestCase):
    def test_none_of_them_has_its_ignition_on(self) -> None:
        for state in MOVING_WITHOUT_IGNITION:
            self.assertIs(IGNITION_BY_STATE[state], False)

    def test_only_rest_is_left_of_those_with_the_ignition_off(self) -> None:
        off = {state for state, ignition in IGNITION_BY_STATE.items() if not ignition}
        self.assertEqual(off - MOVING_WITHOUT_IGNITION, {"11"})


class DistanceTests(SynchronousTestCase):
    def test_known_distances(self) -> None:
        for a, b, km in (
            (at(0.0, 0.0), at(0.0, 0.0), 0.0),
            (at(0.0, 0.0), at(1.0, 0.0), 111.195),
            (at(0.0, 0.0), at(0.0, 1.0), 111.195),
            (at(10.0, 60.0), at(11.0, 60.0), 55.596),
            (at(179.5, 0.0), at(-179.5, 0.0), 111.195),
            (at(0.0, 90.0), at(123.0, 90.0), 0.0),
            (at(0.0, 0.0), at(180.0, 0.0), 20015.115),
            (at(-0.1278, 51.5074), at(2.3522, 48.8566), 343.556),
        ):
            with self.subTest(a=a, b=b):
                self.assertAlmostEqual(distance_km(a, b), km, places=2)

    def test_ten_metres_are_told_from_none(self) -> None:
        here = at(-54.55785, -20.587663)
        there = attrs.evolve(here, latitude=here.latitude + 0.00009)
        self.assertAlmostEqual(distance_km(here, there), 0.010, places=4)

    @given(*[st.floats(-180, 180), st.floats(-90, 90)] * 2)
    def test_is_a_distance(self, a: float, b: float, c: float, d: float) -> None:
        km = distance_km(at(a, b), at(c, d))
        self.assertTrue(0 <= km < 20_016, km)
        self.assertAlmostEqual(km, distance_km(at(c, d), at(a, b)), places=6)
