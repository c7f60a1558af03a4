"""The simulated mount's alignment."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_alignment import Alignment, Star


def star(error: float = 0.0) -> Star:
    return Star(1.0, 2.0, 3, 4, 5, error)


class AlignmentTests(SynchronousTestCase):
    def test_counts_down(self) -> None:
        alignment = Alignment()
        self.assertFalse(alignment.is_armed)
        alignment.arm(3)
        counts = [
            (alignment.add(star(), lst_h), alignment.shown) for lst_h in (1.0, 2.0, 3.0)
        ]
        self.assertEqual(counts, [(3, 1), (2, 2), (1, 3)])
        self.assertEqual((alignment.aligned, alignment.lst_h), (3, 3.0))
        self.assertFalse(alignment.is_armed)
        self.assertEqual(sorted(alignment.stars), [1, 2, 3])

    def test_arming_again_begins_again(self) -> None:
        alignment = Alignment()
        alignment.arm(2)
        alignment.add(star(), 1.0)
        alignment.arm(1)
        self.assertEqual(alignment.shown, 0)
        self.assertEqual(alignment.add(star(), 1.0), 1)

    def test_rms(self) -> None:
        alignment = Alignment()
        self.assertEqual(alignment.rms_arcsec, 0.0)
        alignment.arm(2)
        alignment.add(star(30.0), 1.0)
        alignment.add(star(40.0), 1.0)
        self.assertAlmostEqual(alignment.rms_arcsec, 1250**0.5)
