"""Whether a connection that took over is believed."""

from __future__ import annotations

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.motion import Fix
from gatewaykit.gv50.takeovers import Suspicion

NOW_MS = 1_790_000_000_000
HERE = Fix(-54.5, -20.5, 0.0, NOW_MS - 3_600_000, True, None, "0001", "GTFRI")
NOW_HERE = attrs.evolve(HERE, gps_ms=NOW_MS)


class SuspicionTests(SynchronousTestCase):
    def test_where_the_vehicle_can_have_got_to(self) -> None:
        for longitude, is_cleared in ((-54.5, True), (-52.2, True), (-51.0, False)):
            new = attrs.evolve(NOW_HERE, longitude=longitude)
            suspicion = Suspicion(HERE, settled=True)
            self.assertIs(suspicion.is_cleared(new, NOW_MS), is_cleared)

    def test_one_from_before_is_not_believed(self) -> None:
        for older_ms, is_cleared in ((60_000, True), (61_000, False)):
            new = attrs.evolve(HERE, gps_ms=HERE.gps_ms - older_ms)
            suspicion = Suspicion(HERE, settled=True)
            self.assertIs(suspicion.is_cleared(new, new.gps_ms), is_cleared)

    def test_a_position_without_a_fix_tells_nothing(self) -> None:
        suspicion = Suspicion(HERE, settled=True)
        new = attrs.evolve(NOW_HERE, fix=False)
        self.assertFalse(suspicion.is_cleared(new, NOW_MS))

    def test_a_clock_far_from_ours_is_not_believed(self) -> None:
        for off_ms in (-600_001, 600_001):
            suspicion = Suspicion(HERE, settled=True)
            self.assertFalse(suspicion.is_cleared(NOW_HERE, NOW_MS + off_ms))
            self.assertIn("clock", suspicion.reason)

    def test_until_the_last_position_is_known_nothing_is_believed(self) -> None:
        suspicion = Suspicion(None, settled=False)
        self.assertFalse(suspicion.is_cleared(NOW_HERE, NOW_MS))
        suspicion.settle(None)
        self.assertTrue(suspicion.is_cleared(NOW_HERE, NOW_MS))

    def test_what_is_distrusted_stays_so(self) -> None:
        suspicion = Suspicion(HERE, settled=True)
        suspicion.distrust("nobody knows where it was")
        self.assertFalse(suspicion.is_cleared(NOW_HERE, NOW_MS))
        self.assertEqual(suspicion.reason, "nobody knows where it was")
