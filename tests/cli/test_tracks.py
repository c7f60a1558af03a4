from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli import tracks
from gatewaykit.cli.tracks import Step, Track, drawable

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def position(seconds: float = 0, **fields: Any) -> dict[str, Any]:
    moment = START + timedelta(seconds=seconds)
    return {
        "gps_time": moment.isoformat().removesuffix("+00:00") + "Z",
        "longitude": 8.5,
        "latitude": 47.25,
        "fix": True,
    } | fields


def run(*records: list[dict[str, Any]], gap: timedelta = tracks.GAP) -> list[Step]:
    track = Track(gap)
    steps = [
        step for positions in records for step in track.feed({"positions": positions})
    ]
    return steps + list(track.finish())


def offsets(steps: list[Step]) -> list[float]:
    return [(step.point.moment - START).total_seconds() for step in steps]


class DrawableTests(SynchronousTestCase):
    def test_fix_with_place_and_time_is_a_point(self) -> None:
        point = drawable(
            position(speed_kmh=50.5, heading_deg=90, altitude_m=400, hdop=1)
        )
        assert point is not None
        self.assertEqual(point, (START, 8.5, 47.25, 400.0, 50.5, 90.0, 1.0))
        self.assertEqual(point.time, "2026-01-31T12:00:00Z")

    def test_what_is_not_known_stays_not_known(self) -> None:
        point = drawable(position())
        assert point is not None
        self.assertEqual(point[3:], (None, None, None, None))

    def test_last_known_position_is_not_drawn(self) -> None:
        self.assertIsNone(drawable(position(fix=False)))

    def test_missing_or_impossible_place_is_not_drawn(self) -> None:
        for name, value in [
            ("longitude", None),
            ("latitude", None),
            ("longitude", math.nan),
            ("latitude", math.inf),
            ("longitude", "8.5"),
            ("longitude", 180.001),
            ("latitude", -90.001),
        ]:
            self.assertIsNone(drawable(position(0, **{name: value})), (name, value))

    def test_missing_or_impossible_time_is_not_drawn(self) -> None:
        for value in (None, "", "20260230", 5, "0001-01-01T00:00:00+05:00"):
            self.assertIsNone(drawable(position(gps_time=value)), value)

    def test_time_of_another_zone_is_written_in_utc(self) -> None:
        point = drawable(position(gps_time="2026-01-31T13:00:00.250+01:00"))
        assert point is not None
        self.assertEqual(point.time, "2026-01-31T12:00:00.250000Z")

    def test_time_without_zone_is_utc(self) -> None:
        point = drawable(position(gps_time="2026-01-31T12:00:00"))
        assert point is not None
        self.assertEqual(point.moment, START)

    def test_infinite_extras_are_not_known(self) -> None:
        point = drawable(position(altitude_m=math.inf, speed_kmh=math.nan))
        assert point is not None
        self.assertEqual((point.altitude_m, point.speed_kmh), (None, None))


class TrackTests(SynchronousTestCase):
    def test_no_record_gives_no_step(self) -> None:
        self.assertEqual(run(), [])

    def test_record_without_positions_gives_no_step(self) -> None:
        track = Track()
        self.assertEqual([*track.feed({}), *track.finish()], [])

    def test_first_point_starts_a_segment(self) -> None:
        self.assertEqual(
            [s.starts for s in run([position(0), position(30)])], [True, False]
        )

    def test_positions_of_one_report_are_put_in_order(self) -> None:
        steps = run([position(60), position(0), position(30)])
        self.assertEqual(offsets(steps), [0, 30, 60])

    def test_positions_of_reports_that_overlap_are_put_in_order(self) -> None:
        steps = run([position(0), position(60)], [position(30)], [position(90)])
        self.assertEqual(offsets(steps), [0, 30, 60, 90])

    def test_same_time_is_drawn_once_and_the_first_wins(self) -> None:
        steps = run([position(0, speed_kmh=1)], [position(0, altitude_m=5)])
        self.assertEqual([s.point.speed_kmh for s in steps], [1.0])

    def test_gap_over_the_limit_starts_a_segment(self) -> None:
        steps = run([position(0)], [position(600)], [position(1201)])
        self.assertEqual([s.starts for s in steps], [True, False, True])

    def test_gap_can_be_chosen(self) -> None:
        steps = run([position(0)], [position(600)], gap=timedelta(minutes=5))
        self.assertEqual([s.starts for s in steps], [True, True])

    def test_position_later_than_the_lookahead_is_left_out(self) -> None:
        self.patch(tracks, "LOOKAHEAD", 2)
        steps = run([position(10)], [position(20)], [position(30)], [position(5)])
        self.assertEqual(offsets(steps), [10, 20, 30])

    def test_holds_no_more_than_the_lookahead(self) -> None:
        track = Track()
        given_back = sum(
            len(list(track.feed({"positions": [position(second)]})))
            for second in range(3000)
        )
        self.assertEqual(given_back, 3000 - tracks.LOOKAHEAD)

    @given(st.lists(st.lists(st.integers(0, 5000), max_size=5), max_size=20))
    def test_every_time_comes_once_in_order_with_its_gaps(
        self, reports: list[list[int]]
    ) -> None:
        steps = run(*([position(second) for second in report] for report in reports))
        times = sorted({second for report in reports for second in report})
        self.assertEqual(offsets(steps), times)
        before = [-math.inf, *times]
        self.assertEqual(
            [step.starts for step in steps],
            [time - last > 600 for last, time in zip(before, times, strict=False)],
        )
