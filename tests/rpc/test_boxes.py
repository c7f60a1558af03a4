from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.rpc.boxes import BoxReader

boxes = st.dictionaries(
    st.binary(min_size=1, max_size=255), st.binary(max_size=400), min_size=1, max_size=5
)


class BoxReaderTests(SynchronousTestCase):
    @given(boxes, st.data())
    def test_any_box_in_any_chunking(
        self, box: dict[bytes, bytes], data: st.DataObject
    ) -> None:
        wire = amp.AmpBox(box).serialize()
        cuts = data.draw(st.lists(st.integers(1, len(wire) - 1)))
        ends = [*sorted(set(cuts)), len(wire)]
        reader, start = BoxReader(), 0
        for end in ends:
            found = reader.receive(wire[start:end])
            self.assertEqual(found, box if end == len(wire) else None)
            start = end

    @given(st.lists(st.binary(max_size=300)))
    def test_garbage_is_a_violation_or_waits(self, chunks: list[bytes]) -> None:
        reader = BoxReader(limit=1000)
        for chunk in chunks:
            try:
                if reader.receive(chunk) is not None:
                    break
            except ProtocolViolation:
                break

    def refused(self, data: bytes, limit: int = 1000) -> str:
        with self.assertRaises(ProtocolViolation) as caught:
            BoxReader(limit).receive(data)
        return str(caught.exception)

    def test_what_is_no_box_is_refused_at_once(self) -> None:
        self.assertEqual(self.refused(b"HTTP/1.1 400"), "not AMP")
        self.assertEqual(self.refused(b"\x00\x00"), "an empty box")
        whole = amp.AmpBox({b"a": b"b"}).serialize()
        self.assertEqual(self.refused(whole + b"\x00"), "more than the answer")

    def test_a_box_ends_at_the_limit(self) -> None:
        wire = amp.AmpBox({b"a": b"b" * 100}).serialize()
        self.assertIsNotNone(BoxReader(len(wire)).receive(wire))
        endless = b"".join(b"\x00\x01k\x00\x64" + b"v" * 100 for _ in range(11))
        self.assertIn("more than 1000 bytes", self.refused(endless))
        # Said by its length, before it is there.
        self.assertIn("more than 1000 bytes", self.refused(b"\x00\x01k\xff\xff"))
