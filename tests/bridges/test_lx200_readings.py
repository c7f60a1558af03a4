from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_profiles import PROFILES
from gatewaykit.bridges.lx200_readings import NAMES, OURS, TRUSTED_S, View, read
from gatewaykit.bridges.lx200_requests import ACK
from gatewaykit.interfaces import Record
from gatewaykit.testing import mount_record
from gatewaykit.tts160 import coordinates
from tests.bridges.lx200_support import NOW_S

COMMON, INDI, PLAIN = (PROFILES[name] for name in ("common", "indi", "plain"))
NOTHING_KNOWN = dict.fromkeys(mount_record()) | {"moving": [], "stale": True}
LETTERS = (ACK, "*E", "*Pq")


def view(record: Record, **changes: Any) -> View:
    return View(changes.pop("profile", COMMON), record, **changes)


class ReadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.record = mount_record(
            right_ascension_h=5.786667,
            declination_deg=-0.5,
            altitude_deg=37.25,
            azimuth_deg=180.5,
            latitude_deg=40.2584,
            longitude_deg=-100.504167,
            local_sidereal_time_h=6.0,
            firmware="357.1.0",
            tracking=True,
            aligned_stars=3,
        )

    def read(self, name: str, **changes: Any) -> bytes:
        return read(name, view(self.record, **changes))

    def answers(self, *names: str, **changes: Any) -> list[str]:
        return [self.read(name, **changes).decode("latin-1") for name in names]

    def test_position(self) -> None:
        self.assertEqual(
            self.answers("GR", "GD", "GA", "GZ"),
            ["05:47:12#", "-00*30:00#", "+37*15:00#", "180*30:00#"],
        )

    def test_low_precision(self) -> None:
        self.assertEqual(
            self.answers("GR", "GD", "GA", "GZ", is_short=True),
            ["05:47.2#", "-00*30#", "+37*15#", "180*30#"],
        )

    def test_extended_position(self) -> None:
        self.assertEqual(
            self.answers("*GR", "*GD", "*GA", "*GZ"),
            ["1.5149459#", "-0.0087266#", "0.6501351#", "3.1503193#"],
        )

    def test_place(self) -> None:
        self.assertEqual(
            self.answers("Gt", "Gg", "*Gt", "*Gg"),
            ["+40*16#", "+100*30#", "+40*15:30#", "+100*30:15#"],
        )

    def test_longitudes_east_and_near_greenwich(self) -> None:
        for east, text in ((8.5, "-008*30#"), (-0.5, "+000*30#"), (180.0, "+180*00#")):
            self.record["longitude_deg"] = east
            self.assertEqual(self.answers("Gg"), [text])

    def test_local_time_is_the_hosts(self) -> None:
        self.assertEqual(
            self.answers("GL", "GC", "GG", wall_ms=int(NOW_S * 1000), utc_offset_h=5.5),
            ["17:30:00#", "01/31/26#", "-05.5#"],
        )
        self.assertEqual(self.answers("GG", utc_offset_h=-7.0), ["+07#"])
        self.assertEqual(self.answers("GG"), ["+00#"])

    def test_clock_of_before_2000(self) -> None:
        self.assertEqual(self.answers("GL", "GC", wall_ms=0), ["00:00:00#", ""])

    def test_sidereal_time_is_local(self) -> None:
        self.assertEqual(self.answers("GS"), ["06:00:00#"])

    def test_state(self) -> None:
        self.assertEqual(self.answers("GW", ACK), ["PT3#", "P"])
        self.record |= {"tracking": False, "aligned_stars": None}
        self.assertEqual(self.answers("GW"), ["PN0#"])

    def test_flags(self) -> None:
        self.assertEqual(self.answers("*E", "*Pq"), ["1", "0"])
        self.record |= {"equinox": "J2000", "parked": True}
        self.assertEqual(self.answers("*E", "*Pq"), ["0", "1"])

    def test_tracking_rate(self) -> None:
        found = []
        for rate in ("sidereal", "lunar", "solar", None):
            self.record["tracking_rate"] = rate
            found.append((*self.answers("GT"), *self.answers("*TRG")))
        self.assertEqual(
            found,
            [("60.1#", "0#"), ("57.9#", "1#"), ("60.0#", "2#"), ("60.1#", "")],
        )

    def test_what_needs_no_mount(self) -> None:
        self.record = NOTHING_KNOWN
        self.assertEqual(
            self.answers("Gc", "GM", "GN", "GO", "GP", "GVP"),
            ["24#", "TTS-160#", "TTS-160#", "TTS-160#", "TTS-160#", "LX200 Classic#"],
        )

    def test_version(self) -> None:
        self.assertEqual(self.answers("GVN"), ["357.1.0#"])

    def test_moving(self) -> None:
        self.assertEqual(self.answers("D"), ["#"])
        self.record["slewing"] = True
        self.assertEqual(self.answers("D"), ["\x7f#"])
        self.assertEqual(self.answers("D", profile=PLAIN), ["|#"])

    def test_own_target_goes_before_the_mounts(self) -> None:
        self.record["target_right_ascension_h"] = 1.0
        self.record["target_declination_deg"] = 2.0
        self.assertEqual(self.answers("Gr", "Gd"), ["01:00:00#", "+02*00:00#"])
        self.assertEqual(
            self.answers("Gr", "Gd", target_h=3.0, target_deg=-4.0),
            ["03:00:00#", "-04*00:00#"],
        )
        self.assertEqual(
            self.answers("*Gr", "*Gd", target_h=6.0, target_deg=-90.0),
            ["1.5707963#", "-1.5707963#"],
        )

    def test_mount_that_is_gone(self) -> None:
        self.record |= {"available": False, "stale": True, "age_s": TRUSTED_S + 0.1}
        names = ("GR", "GD", "GA", "GZ", "GW", "*GR", "*GD", "*GA", "*GZ", "*TRG")
        self.assertEqual(self.answers(*names), [""] * len(names))
        self.assertEqual(self.answers(*names, profile=INDI), ["#"] * len(names))
        self.assertEqual(self.answers(ACK, "*Pq", profile=INDI), ["", ""])
        self.assertEqual(self.answers("Gt", "GVN"), ["+40*16#", "357.1.0#"])

    def test_mount_that_is_gone_for_a_moment(self) -> None:
        self.record |= {"available": False, "stale": True, "age_s": TRUSTED_S}
        self.assertEqual(self.answers("GR", ACK), ["05:47:12#", "P"])

    def test_nobody_is_told_of_an_arrival_that_nobody_saw(self) -> None:
        self.record |= {"stale": True, "age_s": 60.0, "slewing": True}
        self.assertEqual(self.answers("D"), ["\x7f#"])

    def test_slow_reads_are_what_the_settings_say(self) -> None:
        self.record |= {"stale": False, "age_s": 30.0}
        self.assertEqual(self.answers("GR"), ["05:47:12#"])

    def test_nothing_is_known_at_all(self) -> None:
        self.record = NOTHING_KNOWN
        always = {"Gc", "GM", "GN", "GO", "GP", "GT", "GVP", "GL", "GC", "GG"}
        for name in NAMES - always:
            self.assertEqual(self.read(name), b"", name)
            one_character = name in {*LETTERS, "D"}
            expected = b"" if one_character else b"#"
            self.assertEqual(self.read(name, profile=INDI), expected, name)

    def test_angles_of_a_mount_gone_mad(self) -> None:
        self.record |= {"right_ascension_h": math.nan, "declination_deg": 90.01}
        self.assertEqual(self.answers("GR", "GD", "*GR"), ["", "", ""])

    def test_some_are_ours_whatever_the_profile(self) -> None:
        self.assertLess(OURS, NAMES)
        self.assertEqual(
            NAMES - OURS,
            {"GS", "GL", "GC", "GG", "Gt", "Gg", "GW", "GVP", "GVN"},
        )

    @given(
        st.floats(0, 24, exclude_max=True),
        st.floats(-90, 90),
        st.booleans(),
        st.floats(-180, 180),
    )
    def test_what_goes_out_can_be_read(
        self, hours: float, degrees: float, is_short: bool, east: float
    ) -> None:
        self.record |= {
            "right_ascension_h": hours,
            "declination_deg": degrees,
            "longitude_deg": east,
        }
        texts = self.answers("GR", "GD", "Gg", is_short=is_short)
        self.assertTrue(all(text.endswith("#") for text in texts))
        right_ascension, declination, longitude = (text[:-1] for text in texts)
        off_h = coordinates.parse_hours(right_ascension) - hours
        self.assertLess(min(abs(off_h), 24 - abs(off_h)), 0.051 / 60)
        off_deg = coordinates.parse_declination(declination) - degrees
        self.assertLess(abs(off_deg), 0.51 / 60)
        off_deg = coordinates.parse_longitude(longitude) - east
        self.assertLess(abs(coordinates.half_turn(off_deg)), 0.51 / 60)
