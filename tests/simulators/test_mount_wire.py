"""The pace of the simulated mount's line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_wire import BYTE_S, Incoming, Outgoing


class IncomingTests(SynchronousTestCase):
    def test_a_byte_arrives_after_the_one_before(self) -> None:
        line = Incoming(BYTE_S)
        times = [line.arrival(5.0) for _ in range(960)]
        self.assertAlmostEqual(times[0], 5.0 + 1 / 960)
        self.assertAlmostEqual(times[-1], 6.0)
        self.assertAlmostEqual(line.arrival(5.5), 6.0 + 1 / 960)
        self.assertAlmostEqual(line.arrival(9.0), 9.0 + 1 / 960)
        self.assertEqual(line.bytes, 962)


class OutgoingTests(SynchronousTestCase):
    def test_lets_out_what_the_line_has_carried(self) -> None:
        line = Outgoing(0.1)
        line.add(b"abcdefgh", 5.0)
        self.assertEqual(line.take(5.05), b"")
        self.assertEqual(line.take(5.25), b"ab")
        self.assertEqual(line.take(5.25), b"")
        self.assertEqual(line.take(5.75), b"cdefg")
        self.assertEqual(line.take(9.0), b"h")
        self.assertIsNone(line.due())
        self.assertEqual(line.bytes, 8)

    def test_an_answer_waits_for_the_one_before(self) -> None:
        line = Outgoing(0.1)
        line.add(b"abc", 5.0)
        line.add(b"de", 5.1)
        line.add(b"", 8.0)
        line.add(b"f", 6.0)
        self.assertEqual(line.take(5.45), b"abcd")
        self.assertEqual(line.take(5.99), b"e")
        self.assertEqual(line.take(6.2), b"f")

    def test_nothing_goes_before_its_time(self) -> None:
        line = Outgoing(0.1)
        line.add(b"a", 5.0)
        self.assertEqual(line.take(3.0), b"")

    def test_a_few_bytes_at_once(self) -> None:
        line = Outgoing(0.1)
        line.add(b"abcdef", 5.0)
        for size, begins in ((4, 5.0), (2, 5.4)):
            due = line.due()
            assert due is not None
            self.assertAlmostEqual(due, begins + size / 10)
            self.assertEqual(len(line.take(due + 1e-9)), size)
        self.assertIsNone(line.due())

    def test_without_pace_all_is_there_at_once(self) -> None:
        line = Outgoing(0.0)
        line.add(b"abc", 5.0)
        self.assertEqual(line.due(), 5.0)
        self.assertEqual(line.take(4.0), b"")
        self.assertEqual(line.take(5.0), b"abc")

    def test_clear(self) -> None:
        line = Outgoing(0.1)
        line.add(b"abc", 5.0)
        line.clear()
        self.assertEqual(line.take(9.0), b"")
        line.add(b"d", 5.0)
        self.assertEqual(line.take(5.15), b"d")

    @given(
        st.lists(st.tuples(st.binary(max_size=40), st.floats(0, 2)), max_size=10),
        st.lists(st.floats(0, 5), max_size=30),
    )
    def test_whenever_one_looks(
        self, answers: list[tuple[bytes, float]], looks: list[float]
    ) -> None:
        line = Outgoing(BYTE_S)
        for data, at in answers:
            line.add(data, at)
        found = b""
        for now in sorted(looks):
            found += line.take(now)
            self.assertLessEqual(len(found), now * 960 + 1)
        found += line.take(10)
        self.assertEqual(found, b"".join(data for data, _ in answers))
