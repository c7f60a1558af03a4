"""Site and clock of the simulated mount."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import mount_sky as sky
from gatewaykit.simulators.mount_place import Place
from tests.simulators.mounts import START


class PlaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Place(47.0, 15.0, -7.0, "Testhill")

    def test_is_right_at_the_beginning(self) -> None:
        self.assertEqual(f"{self.place.local(START):%F %T}", "2026-08-05 21:35:30")
        self.assertEqual(self.place.utc_s(START), START)
        gst_h = self.place.gst_h(START)
        self.assertEqual(gst_h, sky.gst_h(START))
        self.assertAlmostEqual(self.place.lst_h(START), (gst_h + 1) % 24)

    def test_another_time_is_another_sky(self) -> None:
        self.place.set_time(START, 22 * 3600 + 35 * 60 + 30)
        self.assertEqual(f"{self.place.local(START):%F %T}", "2026-08-05 22:35:30")
        self.assertAlmostEqual(self.place.utc_s(START), START + 3600)

    def test_another_date(self) -> None:
        self.assertTrue(self.place.set_date(START, 2026, 8, 7))
        self.assertAlmostEqual(self.place.utc_s(START), START + 2 * 86_400)
        for wrong in ((2026, 2, 30), (2026, 13, 1), (1999, 1, 1), (2100, 1, 1)):
            self.assertFalse(self.place.set_date(START, *wrong))
        self.assertEqual(f"{self.place.local(START):%F %T}", "2026-08-07 21:35:30")

    def test_another_offset_leaves_the_local_time(self) -> None:
        self.place.zone_h = -6.0
        self.assertEqual(f"{self.place.local(START):%T}", "21:35:30")
        self.assertAlmostEqual(self.place.utc_s(START), START - 3600)

    def test_what_the_clock_would_show(self) -> None:
        self.assertEqual(f"{self.place.local(START, 0):%T}", "04:35:30")
