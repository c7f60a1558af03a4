"""Which report shows what a command has done."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.verifying import Showing, is_after, is_later


class OrderTests(SynchronousTestCase):
    @given(st.integers(0, 0xFFFF), st.integers(1, 0x7FFF))
    def test_numbers_begin_again_after_ffff(self, start: int, ahead: int) -> None:
        first, second = f"{start:04X}", f"{(start + ahead) & 0xFFFF:04x}"
        self.assertTrue(is_later(second, first))
        self.assertFalse(is_later(first, second))
        self.assertFalse(is_later(first, first))

    def test_the_number_decides_where_there_are_two(self) -> None:
        self.assertTrue(is_after(Showing(1, "0002", 5), "0001", 10))
        self.assertFalse(is_after(Showing(1, "0001", 15), "0002", 10))

    def test_else_the_time_of_the_fix_does(self) -> None:
        self.assertTrue(is_after(Showing(1, None, 11), "0001", 10))
        self.assertTrue(is_after(Showing(1, "0001", 11), None, 10))
        self.assertFalse(is_after(Showing(1, "0001", 10), None, 10))
        self.assertFalse(is_after(Showing(1, "0001", None), None, 10))
        self.assertFalse(is_after(Showing(1, "0001", 11), None, None))
