"""A snapshot is read once for all who ask, and only while anybody cares."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.snapshots import LINGER_S, PATIENCE_S, Snapshot

INTERVAL_S = 2.0


class SnapshotTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.is_possible = True
        self.at_once = True
        self.error: Exception | None = None
        self.reads: list[Deferred[None]] = []
        self.snapshot = Snapshot(
            "the weather", self.read, lambda: self.is_possible, self.clock, INTERVAL_S
        )

    def tearDown(self) -> None:
        self.snapshot.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    async def read(self) -> None:
        self.reads.append(Deferred())
        if self.error is not None:
            raise self.error
        if not self.at_once:
            await self.reads[-1]

    def ask(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self.snapshot.ask())

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds * 8)):
            self.clock.advance(0.125)

    def test_nobody_asks(self) -> None:
        self.pass_time(60)
        self.assertEqual(self.reads, [])
        self.assertIsNone(self.snapshot.age_s)
        self.assertFalse(self.snapshot.is_cared_for)

    def test_the_first_who_asks_gets_it_fresh(self) -> None:
        self.clock.advance(10)
        self.successResultOf(self.ask())
        self.assertEqual(self.snapshot.age_s, 0.0)
        self.assertEqual(self.snapshot.read_at, 10.0)

    def test_many_who_ask_at_once_share_one_reading(self) -> None:
        self.at_once = False
        asked = [self.ask() for _ in range(100)]
        self.clock.advance(0.5)
        self.reads[0].callback(None)
        for deferred in asked:
            self.successResultOf(deferred)
        self.assertEqual(len(self.reads), 1)

    def test_reading_does_not_grow_with_those_who_ask(self) -> None:
        for _ in range(100):
            for _ in range(10):
                self.successResultOf(self.ask())
            self.clock.advance(0.1)
        self.assertEqual(len(self.reads), 5)

    def test_it_is_read_on_for_a_while_and_then_not(self) -> None:
        self.successResultOf(self.ask())
        self.pass_time(LINGER_S + 2 * INTERVAL_S)
        count = len(self.reads)
        self.assertTrue(LINGER_S / INTERVAL_S <= count <= LINGER_S / INTERVAL_S + 2)
        self.pass_time(60)
        self.assertEqual(len(self.reads), count)
        self.successResultOf(self.ask())
        self.assertEqual(len(self.reads), count + 1)

    def test_what_is_held_stays_fresh(self) -> None:
        release = self.snapshot.hold()
        self.pass_time(100)
        self.assertEqual(len(self.reads), 100 / INTERVAL_S)
        other = self.snapshot.hold()
        release()
        release()
        self.assertTrue(self.snapshot.is_cared_for)
        other()
        self.assertFalse(self.snapshot.is_cared_for)
        count = len(self.reads)
        self.pass_time(20)
        self.assertLessEqual(len(self.reads), count + 1)

    def test_patience_ends(self) -> None:
        self.at_once = False
        asked = self.ask()
        self.clock.advance(PATIENCE_S - 0.1)
        self.assertNoResult(asked)
        self.clock.advance(0.1)
        self.successResultOf(asked)
        self.assertIsNone(self.snapshot.read_at)
        self.reads[0].callback(None)
        self.assertEqual(self.snapshot.age_s, 0.0)

    def test_a_slow_reading_is_not_begun_twice(self) -> None:
        self.at_once = False
        for _ in range(5):
            self.ask()
            self.pass_time(1)
        self.assertEqual(len(self.reads), 1)
        self.reads[0].callback(None)
        self.clock.advance(0)
        self.assertEqual(len(self.reads), 2)

    def test_a_reading_that_fails_lets_who_asks_go(self) -> None:
        self.error = DeviceUnavailable("the modem", "gone")
        self.successResultOf(self.ask())
        self.assertIsNone(self.snapshot.read_at)
        self.error = None
        self.pass_time(INTERVAL_S)
        self.assertEqual(self.snapshot.age_s, 0.0)

    def test_a_reading_that_breaks_is_logged_and_comes_again(self) -> None:
        self.error = ZeroDivisionError()
        self.successResultOf(self.ask())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.error = None
        self.pass_time(INTERVAL_S)
        self.assertEqual(len(self.reads), 2)

    def test_one_who_goes_away_costs_the_others_nothing(self) -> None:
        self.at_once = False
        gone, left = self.ask(), self.ask()
        gone.cancel()
        self.assertNoResult(left)
        self.reads[0].callback(None)
        self.successResultOf(left)
        self.failureResultOf(gone)

    def test_one_who_is_let_go_may_send_another_away(self) -> None:
        self.at_once = False
        first, second = self.ask(), self.ask()
        first.addCallback(lambda _: second.cancel())
        self.reads[0].callback(None)
        self.successResultOf(first)
        self.failureResultOf(second)

    def test_nothing_is_read_while_it_is_impossible(self) -> None:
        self.is_possible = False
        self.successResultOf(self.ask())
        self.snapshot.hold()
        self.pass_time(20)
        self.assertEqual(self.reads, [])
        self.is_possible = True
        self.snapshot.refresh()
        self.clock.advance(0)
        self.assertEqual(len(self.reads), 1)

    def test_what_becomes_impossible_is_not_read_on(self) -> None:
        self.snapshot.hold()
        self.clock.advance(0)
        self.is_possible = False
        self.pass_time(20)
        self.assertEqual(len(self.reads), 2)

    def test_refreshing_again_changes_nothing(self) -> None:
        self.snapshot.hold()
        for _ in range(10):
            self.snapshot.refresh()
            self.pass_time(1)
        self.assertEqual(len(self.reads), 5)

    def test_fresh_again_sooner_than_after_an_interval_is_not_needed(self) -> None:
        self.successResultOf(self.ask())
        self.snapshot.stop()
        self.clock.advance(0.5)
        self.snapshot.refresh()
        self.pass_time(1.375)
        self.assertEqual(len(self.reads), 1)
        self.pass_time(0.125)
        self.assertEqual(len(self.reads), 2)

    def test_stopping_lets_who_waits_go_and_reads_no_more(self) -> None:
        self.at_once = False
        self.snapshot.hold()
        asked = self.ask()
        self.snapshot.stop()
        self.successResultOf(asked)
        self.pass_time(60)
        self.assertEqual(len(self.reads), 1)
