"""Tests for `gatewaykit.simulators.faults`."""

from __future__ import annotations

from random import Random
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.faults import Faults, Line, junk, pieces

FRAMES = [
    f"+RESP:GTPDP,090302,865083030000012,,2026,{n:04X}$".encode() for n in range(9)
]
probabilities = st.sampled_from([0.0, 0.3, 1.0])


class Segments(StringTransport):
    """Remembers every write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.segments: list[bytes] = []
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.segments.append(data)

    def abortConnection(self) -> None:
        self.aborted = True

    @property
    def written(self) -> bytes:
        return b"".join(self.segments)


def make_line(faults: Faults, seed: int = 1) -> tuple[Line, Segments, Clock]:
    transport, clock = Segments(), Clock()
    line = Line(cast(ITCPTransport, transport), clock, faults, Random(seed))
    return line, transport, clock


class PieceTests(SynchronousTestCase):
    @given(st.integers(), st.binary(min_size=2, max_size=80))
    def test_pieces_make_the_whole(self, seed: int, data: bytes) -> None:
        parts = pieces(Random(seed), data)
        self.assertEqual(b"".join(parts), data)
        self.assertTrue(all(parts))
        self.assertGreater(len(parts), 1)

    @given(st.integers())
    def test_junk_is_not_shaped_as_a_frame(self, seed: int) -> None:
        data = junk(Random(seed))
        self.assertTrue(data)
        self.assertFalse(set(data) & set(b"+$\0"))


class LineTests(SynchronousTestCase):
    def test_a_good_line_writes_at_once_and_together(self) -> None:
        line, transport, clock = make_line(Faults())
        line.write(FRAMES[:2])
        self.assertEqual(transport.segments, [FRAMES[0] + FRAMES[1]])
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_split_frames_leave_in_several_segments(self) -> None:
        line, transport, clock = make_line(Faults(split=1))
        line.write(FRAMES[:1])
        self.assertLess(len(transport.written), len(FRAMES[0]))
        clock.pump([0.03] * 10)
        self.assertEqual(transport.written, FRAMES[0])
        self.assertGreater(len(transport.segments), 1)

    def test_a_glued_frame_leaves_with_the_next(self) -> None:
        line, transport, clock = make_line(Faults(glue=1))
        line.write(FRAMES[:2])
        self.assertEqual(transport.segments, [])
        clock.pump([0.1] * 10)
        self.assertEqual(transport.segments, [FRAMES[0] + FRAMES[1]])

    def test_duplicates_are_written_twice(self) -> None:
        line, transport, _ = make_line(Faults(duplicate=1))
        line.write(FRAMES[:1])
        self.assertEqual(transport.written, FRAMES[0] * 2)

    def test_junk_stands_before_the_frame(self) -> None:
        line, transport, _ = make_line(Faults(junk=1))
        line.write(FRAMES[:1])
        self.assertTrue(transport.written.endswith(FRAMES[0]))
        self.assertGreater(len(transport.written), len(FRAMES[0]))

    def test_a_disconnect_cuts_the_frame(self) -> None:
        line, transport, clock = make_line(Faults(disconnect=1))
        line.write(FRAMES)
        clock.pump([0.03] * 3)
        self.assertTrue(transport.aborted)
        self.assertTrue(FRAMES[0].startswith(transport.written))
        self.assertNotEqual(FRAMES[0], transport.written)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_closing_drops_what_is_held(self) -> None:
        line, transport, clock = make_line(Faults(glue=1))
        line.write(FRAMES[:1])
        line.close()
        clock.pump([1])
        self.assertEqual(transport.segments, [])
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_flushing_writes_what_is_left(self) -> None:
        for faults in (Faults(glue=1), Faults(split=1)):
            line, transport, clock = make_line(faults)
            line.write(FRAMES[:2])
            line.flush()
            self.assertEqual(transport.written, FRAMES[0] + FRAMES[1])
            self.assertEqual(clock.getDelayedCalls(), [])

    @given(
        st.integers(),
        st.builds(Faults, split=probabilities, glue=probabilities),
        st.lists(st.floats(0, 0.3), min_size=9, max_size=9),
    )
    def test_order_survives_splitting_and_gluing(
        self, seed: int, faults: Faults, pauses: list[float]
    ) -> None:
        line, transport, clock = make_line(faults, seed)
        for frame, pause in zip(FRAMES, pauses, strict=True):
            line.write([frame])
            clock.pump([pause])
        clock.pump([0.21] * 60)
        self.assertEqual(transport.written, b"".join(FRAMES))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_the_same_seed_makes_the_same_faults(self) -> None:
        faults = Faults(split=0.5, glue=0.5, duplicate=0.5, junk=0.5)
        written = []
        for _ in range(2):
            line, transport, clock = make_line(faults, 7)
            line.write(FRAMES)
            clock.pump([0.05] * 60)
            written.append(transport.segments)
        self.assertEqual(*written)
