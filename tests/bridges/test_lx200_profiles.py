from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_profiles import PROFILES, UPDATING, worded
from gatewaykit.sections import Lx200Settings

REASON = "below the horizon: altitude -3.00"


class ProfileTests(SynchronousTestCase):
    def test_those_of_the_settings(self) -> None:
        for name in ("common", "skysafari", "indi", "plain"):
            Lx200Settings(profile=[name])
            self.assertEqual(PROFILES[name].name, name)
        self.assertEqual(len(PROFILES), 4)

    def test_refused_goto(self) -> None:
        self.assertEqual(
            {name: each.refused_goto(3, REASON) for name, each in PROFILES.items()},
            {
                "common": b"3",
                "indi": b"3",
                "skysafari": b"1below the horizon: altitude -3.00#",
                "plain": b"1below the horizon: altitude -3.00#",
            },
        )

    def test_goto_below_the_horizon(self) -> None:
        self.assertEqual(PROFILES["indi"].refused_goto(1, REASON), b"1")

    def test_refused_sync(self) -> None:
        self.assertEqual(
            {name: each.refused_sync("no") for name, each in PROFILES.items()},
            {"common": b"", "indi": b"", "skysafari": b"no#", "plain": b"no#"},
        )

    def test_done_sync(self) -> None:
        self.assertEqual(
            {name: each.done_sync("M31") for name, each in PROFILES.items()},
            {
                "common": b"1Coordinates matched.#",
                "indi": b"Coordinates matched.#",
                "skysafari": b"Coordinates matched.#",
                "plain": b"M31#",
            },
        )

    def test_second_text_of_a_date(self) -> None:
        self.assertEqual(UPDATING, b"1Updating Planetary Data#" + b" " * 24 + b"#")
        self.assertEqual(PROFILES["plain"].date_taken, b"1#")

    def test_stellarium_waits_for_3_s(self) -> None:
        self.assertLess(PROFILES["common"].patience_s, 3)

    @given(st.text())
    def test_words_end_once_and_fit_into_indis_buffer(self, text: str) -> None:
        data = worded(text)
        self.assertEqual(data.index(b"#"), len(data) - 1)
        self.assertLess(len(data), 64)
        self.assertTrue(data.decode("ascii").isprintable())
