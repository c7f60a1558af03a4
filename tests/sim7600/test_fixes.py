"""What a fix is worth beside the ones before it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.fixes import FixJudge, Verdict, distance_m
from gatewaykit.sim7600.gnss import GNSSFix, cgnssinfo
from tests.sim7600.transcripts import transcript

LATITUDES = st.floats(-90, 90)
LONGITUDES = st.floats(-180, 180)
START = datetime(2025, 8, 30, 12, 0, tzinfo=UTC)


def fix(second: float, latitude: float = 52.0, longitude: float = -1.3) -> GNSSFix:
    return GNSSFix(
        latitude=latitude,
        longitude=longitude,
        gps_time=START + timedelta(seconds=second),
        date="",
        utc_time="",
        raw="",
    )


class DistanceTests(SynchronousTestCase):
    def test_known_distances(self) -> None:
        degree = distance_m(fix(0, 0.0, 0.0), fix(0, 0.0, 1.0))
        self.assertLess(abs(degree - 111_195), 1)
        self.assertEqual(distance_m(fix(0), fix(0)), 0.0)
        over_the_date_line = distance_m(fix(0, 0.0, 179.5), fix(0, 0.0, -179.5))
        self.assertLess(abs(over_the_date_line - 111_195), 1)

    @given(st.tuples(LATITUDES, LONGITUDES), st.tuples(LATITUDES, LONGITUDES))
    def test_never_more_than_half_round_the_earth(
        self, one: tuple[float, float], other: tuple[float, float]
    ) -> None:
        there = distance_m(fix(0, *one), fix(0, *other))
        self.assertTrue(0 <= there <= 20_015_100)
        back = distance_m(fix(0, *other), fix(0, *one))
        self.assertLess(abs(there - back), 1)


class JudgeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.judge = FixJudge(5.0)

    def test_nothing_read_is_no_fix(self) -> None:
        self.assertIs(self.judge.verdict(0.0), Verdict.NO_FIX)
        self.assertIsNone(self.judge.last)

    def test_a_parked_vehicle_is_valid(self) -> None:
        for second in range(60):
            self.assertIs(self.judge.judge(fix(second), second), Verdict.VALID)

    def test_the_same_time_is_stale_after_the_limit_and_never_before(self) -> None:
        repeated = cgnssinfo(transcript(31).lines[0])
        assert isinstance(repeated, GNSSFix)
        self.judge.judge(repeated, 100.0)
        self.assertIs(self.judge.judge(repeated, 105.0), Verdict.VALID)
        self.assertIs(self.judge.judge(repeated, 105.1), Verdict.STALE)
        self.assertIs(self.judge.verdict(200.0), Verdict.STALE)
        assert self.judge.last is not None
        self.assertEqual(self.judge.last.heard_at, 100.0)

    def test_a_new_time_heals(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(0), 10), Verdict.STALE)
        self.assertIs(self.judge.judge(fix(11), 11), Verdict.VALID)

    def test_a_jump_is_suspect_and_the_last_one_stays(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(1, 48.0), 1), Verdict.INVALID)
        self.assertIs(self.judge.verdict(1.5), Verdict.INVALID)
        self.assertIs(self.judge.judge(fix(1, 48.0), 2), Verdict.INVALID)
        assert self.judge.last is not None
        self.assertEqual(self.judge.last.fix.latitude, 52.0)
        self.assertIs(self.judge.judge(fix(2), 2), Verdict.VALID)

    def test_three_that_agree_convince(self) -> None:
        self.judge.judge(fix(0), 0)
        verdicts = [self.judge.judge(fix(n, 48.0), n) for n in (1, 2, 3, 4)]
        self.assertEqual(verdicts, [Verdict.INVALID] * 2 + [Verdict.VALID] * 2)

    def test_three_that_disagree_do_not(self) -> None:
        self.judge.judge(fix(0), 0)
        for second, latitude in enumerate((48.0, 10.0, -33.0, 70.0, 0.0), 1):
            verdict = self.judge.judge(fix(second, latitude), second)
            self.assertIs(verdict, Verdict.INVALID)

    def test_of_the_very_first_fix_nobody_can_tell(self) -> None:
        """The modem may have repeated it for hours: it is believed until the limit."""
        self.assertIs(self.judge.judge(fix(0), 0), Verdict.VALID)
        self.assertIs(self.judge.judge(fix(0), 5), Verdict.VALID)
        self.assertIs(self.judge.judge(fix(0), 5.1), Verdict.STALE)
        self.assertIs(self.judge.judge(fix(6), 6), Verdict.VALID)

    def test_a_time_that_moved_and_then_stood_still_unseen_is_stale(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(3), 3600), Verdict.STALE)
        self.assertIs(self.judge.verdict(3600), Verdict.STALE)
        self.assertIs(self.judge.judge(fix(3601), 3601), Verdict.VALID)

    def test_after_a_pause_a_time_that_kept_up_is_valid(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(3598), 3600), Verdict.VALID)

    def test_old_times_in_turn_are_no_news(self) -> None:
        for now, second in enumerate((10, 3, 10, 3, 10, 3, 10, 3)):
            verdict = self.judge.judge(fix(second), now)
            self.assertIs(verdict, Verdict.VALID if now <= 5 else Verdict.STALE)

    def test_a_date_that_was_wrong_is_corrected(self) -> None:
        self.judge.judge(fix(1e8), 0)
        verdicts = [self.judge.judge(fix(n), n) for n in range(10, 14)]
        self.assertEqual(verdicts, [Verdict.STALE] * 2 + [Verdict.VALID] * 2)

    def test_a_short_jump_is_noise(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(0.1, 52.008), 0.1), Verdict.VALID)

    def test_far_is_possible_in_a_long_time(self) -> None:
        self.judge.judge(fix(0), 0)
        self.assertIs(self.judge.judge(fix(86_400, -33.0), 86_400), Verdict.VALID)

    @given(st.lists(st.tuples(st.integers(0, 9), st.floats(-90, 90), st.floats(0, 10))))
    def test_a_verdict_asked_again_is_the_same(
        self, readings: list[tuple[int, float, float]]
    ) -> None:
        judge, now = FixJudge(5.0), 0.0
        for second, latitude, passed_s in readings:
            now += passed_s
            verdict = judge.judge(fix(second, latitude), now)
            self.assertIs(judge.verdict(now), verdict)
