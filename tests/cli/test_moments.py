from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.moments import parse_length, parse_moment

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class LengthTests(SynchronousTestCase):
    def test_units(self) -> None:
        for text, length in [
            ("90s", timedelta(seconds=90)),
            ("10m", timedelta(minutes=10)),
            ("2h", timedelta(hours=2)),
            ("1d", timedelta(days=1)),
            ("4w", timedelta(weeks=4)),
        ]:
            self.assertEqual(parse_length(text), length)

    def test_all_else_is_refused(self) -> None:
        for text in ("", "h", "2", "-2h", "2 h", "2y", "1.5h", "9" * 20 + "d", "٢h"):
            self.assertRaises(ValueError, parse_length, text)


class MomentTests(SynchronousTestCase):
    def test_zone_is_respected(self) -> None:
        self.assertEqual(parse_moment("2026-01-31T13:00:00+01:00", NOW), NOW)

    def test_without_zone_is_utc(self) -> None:
        for text in ("2026-01-31T12:00:00", "2026-01-31 12:00", "2026-01-31T12:00:00Z"):
            self.assertEqual(parse_moment(text, NOW), NOW)

    def test_date_is_its_first_moment(self) -> None:
        self.assertEqual(
            parse_moment("2026-01-31", NOW), datetime(2026, 1, 31, tzinfo=UTC)
        )

    def test_date_at_the_end_is_its_last_second(self) -> None:
        self.assertEqual(
            parse_moment("2026-01-31", NOW, end=True),
            datetime(2026, 1, 31, 23, 59, 59, tzinfo=UTC),
        )

    def test_length_is_counted_back(self) -> None:
        self.assertEqual(parse_moment("2h", NOW), NOW - timedelta(hours=2))

    def test_what_is_no_time_is_refused(self) -> None:
        for text in (
            "",
            "yesterday",
            "2026-02-30",
            "9999999d",
            "0001-01-01T00:00+05:00",
        ):
            self.assertRaises(ValueError, parse_moment, text, NOW)

    @given(st.text())
    def test_garbage_raises_nothing_else(self, text: str) -> None:
        try:
            moment = parse_moment(text, NOW)
        except ValueError:
            return
        self.assertEqual(moment.tzinfo, UTC)
