"""Coming and going is counted, what we do ourselves is not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.appearances import BOOT_S, FLAPS, HOUR_S, Appearances


class AppearancesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.appearances = Appearances()

    def test_too_many_within_an_hour(self) -> None:
        for number in range(FLAPS + 1):
            self.assertFalse(self.appearances.are_too_many(number))
            self.appearances.opened(float(number))
        self.assertTrue(self.appearances.are_too_many(HOUR_S - 1))
        self.assertFalse(self.appearances.are_too_many(HOUR_S))

    def test_many_in_many_hours(self) -> None:
        for number in range(100):
            self.appearances.opened(number * HOUR_S / FLAPS)
            self.assertFalse(self.appearances.are_too_many(number * HOUR_S / FLAPS))

    def test_what_a_start_says_is_no_news_when_the_port_has_just_opened(self) -> None:
        self.assertTrue(self.appearances.started(0.0))
        self.assertFalse(self.appearances.started(1.0))
        self.appearances.opened(100.0)
        self.assertFalse(self.appearances.started(100.0 + BOOT_S - 1))
        self.assertTrue(self.appearances.started(100.0 + BOOT_S))

    def test_one_that_is_expected_does_not_count(self) -> None:
        for number in range(FLAPS + 1):
            self.appearances.expect(100.0 * number + 10)
            self.appearances.opened(100.0 * number + number % 2 * 20)
        self.assertFalse(self.appearances.are_too_many(500.0))
        for number in range(FLAPS - 1):
            self.appearances.opened(500.0 + number)
        self.assertTrue(self.appearances.are_too_many(600.0))
