from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.logs import LogLimiter


class LogLimiterTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.limiter = LogLimiter(self.clock, interval_s=10.0, max_keys=2)

    def test_first_line_about_a_cause_is_logged(self) -> None:
        self.assertEqual(self.limiter.should_log("junk"), 0)

    def test_line_within_the_interval_is_suppressed(self) -> None:
        self.limiter.should_log("junk")
        self.clock.advance(9.9)
        self.assertIsNone(self.limiter.should_log("junk"))

    def test_line_after_the_interval_tells_how_many_were_suppressed(self) -> None:
        for _ in range(4):
            self.limiter.should_log("junk")
        self.clock.advance(10)
        self.assertEqual(self.limiter.should_log("junk"), 3)

    def test_count_starts_again_after_a_line(self) -> None:
        self.limiter.should_log("junk")
        self.limiter.should_log("junk")
        self.clock.advance(10)
        self.limiter.should_log("junk")
        self.clock.advance(10)
        self.assertEqual(self.limiter.should_log("junk"), 0)

    def test_causes_are_counted_apart(self) -> None:
        self.limiter.should_log("junk")
        self.assertEqual(self.limiter.should_log("http"), 0)

    def test_cause_that_is_longest_quiet_is_forgotten_first(self) -> None:
        self.limiter.should_log("a")
        self.limiter.should_log("b")
        self.limiter.should_log("a")
        self.limiter.should_log("c")
        self.assertIsNone(self.limiter.should_log("a"))
        self.assertEqual(self.limiter.should_log("b"), 0)
