"""How many may be asked for in a minute."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.allowance import Allowance


class AllowanceTests(SynchronousTestCase):
    def test_so_many_in_any_minute(self) -> None:
        allowance = Allowance(2)
        for now in (0.0, 59.0):
            self.assertTrue(allowance.has_room("a", now))
            allowance.use("a", now)
        self.assertFalse(allowance.has_room("a", 59.9))
        self.assertTrue(allowance.has_room("b", 59.9))
        self.assertTrue(allowance.has_room("a", 60.0))
        self.assertTrue(allowance.has_room("a", 200.0))

    def test_who_asks_no_more_is_forgotten(self) -> None:
        allowance = Allowance(1)
        for number in range(10_001):
            allowance.use(number, 0.0)
        allowance.use("late", 100.0)
        self.assertEqual(len(allowance._times), 1)
