from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.times import digits, iso, utc_of


class UtcOfTests(SynchronousTestCase):
    def test_clock_west_of_greenwich_is_behind(self) -> None:
        at = utc_of("20250727214557", -180)
        self.assertEqual(at and iso(at), "2025-07-28T00:45:57.000Z")

    def test_takes_the_number_that_the_journal_keeps(self) -> None:
        self.assertEqual(utc_of(20250727214557, 0), utc_of("20250727214557", 0))

    def test_clock_east_of_greenwich_is_ahead(self) -> None:
        at = utc_of("20250101000000", 345)
        self.assertEqual(at and iso(at), "2024-12-31T18:15:00.000Z")

    def test_what_is_no_moment_is_none(self) -> None:
        for text in (
            0,
            -20250727214557,
            "",
            "202507272145",
            "20250732000000",
            "20250727240000",
            "20250727214560",
            "19791231235959",
            "22000101000000",
            "2025072721455\u0667",
        ):
            with self.subTest(text=text):
                self.assertIsNone(utc_of(text, 0))

    @given(st.integers(315_532_800, 7_258_118_399))
    def test_is_the_inverse_of_digits(self, seconds: int) -> None:
        self.assertEqual(utc_of(digits(seconds * 1000), 0), seconds * 1000)

    @given(st.one_of(st.integers(), st.text(max_size=16)), st.integers(-840, 840))
    def test_whatever_it_gives_can_be_written(
        self, text: int | str, offset_min: int
    ) -> None:
        at = utc_of(text, offset_min)
        if at is not None:
            iso(at)
