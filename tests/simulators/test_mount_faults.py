"""What goes wrong on the simulated mount's line."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_faults import MountFaults

ANSWERS = st.binary(min_size=1, max_size=60)


class FaultTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.random = Random(1)

    @given(ANSWERS)
    def test_nothing_by_default(self, data: bytes) -> None:
        self.assertEqual(MountFaults().arriving(Random(1), data), data)
        self.assertEqual(MountFaults().delay_s(Random(1)), 0)

    @given(ANSWERS)
    def test_each_of_them(self, data: bytes) -> None:
        self.assertEqual(MountFaults(dropped=1).arriving(self.random, data), b"")
        self.assertEqual(
            MountFaults(duplicated=1).arriving(self.random, data), data * 2
        )
        lost = MountFaults(lost_byte=1).arriving(self.random, data)
        self.assertEqual(len(lost), len(data) - 1)
        garbled = MountFaults(garbled=1).arriving(self.random, data)
        self.assertEqual(len(garbled), len(data))
        self.assertNotEqual(garbled, data)

    def test_late(self) -> None:
        self.assertEqual(MountFaults(late=1, late_s=3.0).delay_s(self.random), 3.0)

    def test_as_often_as_was_said(self) -> None:
        faults = MountFaults(dropped=0.1)
        arrived = [faults.arriving(self.random, b"1") for _ in range(5000)]
        self.assertLess(abs(arrived.count(b"") - 500), 100)
