from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.json_requests import (
    MAX_REQUEST,
    Request,
    Requests,
    Unreadable,
)

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
objects = st.dictionaries(st.text(max_size=10), values, max_size=4)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


class RequestsTests(SynchronousTestCase):
    def read(self, *chunks: bytes) -> list[Any]:
        reader = Requests()
        return [found for chunk in chunks for found in reader.receive(chunk)]

    def errors(self, *chunks: bytes) -> list[str]:
        found = self.read(*chunks)
        self.assertTrue(all(isinstance(one, Unreadable) for one in found), found)
        return [one.error for one in found]

    @given(
        st.lists(objects, min_size=1, max_size=4),
        st.lists(st.integers(0, 1 << 20), max_size=8),
        st.booleans(),
        st.sampled_from(("", "\n", " \r\n\t")),
    )
    def test_any_requests_in_any_chunking(
        self, requests: list[Any], cuts: list[int], ascii_only: bool, gap: str
    ) -> None:
        wire = "".join(json.dumps(r, ensure_ascii=ascii_only) + gap for r in requests)
        try:
            data = wire.encode()
        except UnicodeEncodeError:  # lone surrogates have no UTF-8
            data = "".join(json.dumps(r) + gap for r in requests).encode()
        self.assertEqual(
            self.read(*pieces(data, cuts)), [Request(value) for value in requests]
        )

    @given(objects, st.booleans())
    def test_every_beginning_is_waited_for(
        self, value: dict[str, Any], ascii_only: bool
    ) -> None:
        wire = json.dumps(value).encode()
        for end in range(1, len(wire)):
            reader = Requests()
            self.assertEqual(reader.receive(wire[:end]), [])
            self.assertTrue(reader.is_waiting)
            self.assertIsInstance(reader.give_up()[0], Unreadable)
            self.assertFalse(reader.is_waiting)

    @given(st.lists(st.binary(max_size=60), max_size=6))
    def test_garbage_never_raises(self, chunks: list[bytes]) -> None:
        reader = Requests()
        for chunk in chunks:
            for found in reader.receive(chunk):
                self.assertIsInstance(found, Request | Unreadable)
        if reader.is_waiting:
            self.assertIsInstance(reader.give_up()[0], Unreadable)
        self.assertFalse(reader.is_waiting)

    @given(st.lists(st.text('{}[]":,\\u0e-+. tnfal1', max_size=30), max_size=4))
    def test_nearly_json_never_raises(self, chunks: list[str]) -> None:
        reader = Requests()
        for chunk in chunks:
            reader.receive(chunk.encode())
        if reader.is_waiting:
            reader.give_up()

    def test_what_cannot_become_json_is_refused_at_once(self) -> None:
        """In the words of facts/sim7600.md 1.3."""
        for data, error in (
            (b"garbage", "Expecting value: line 1 column 1 (char 0)"),
            (
                b"\xff\xfe",
                "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            ),
            (b'{"a": tru!', "Expecting value: line 1 column 7 (char 6)"),
            (b'{"a": 1 1', "Expecting ',' delimiter: line 1 column 9 (char 8)"),
            (b'{"a\x01', "Invalid control character at: line 1 column 4 (char 3)"),
            (b'{"a": "\\u12x', "Invalid \\uXXXX escape: line 1 column 9 (char 8)"),
            (b'{"a": "\\x', "Invalid \\escape: line 1 column 8 (char 7)"),
            (b'{"a": 1.x', "Expecting ',' delimiter: line 1 column 8 (char 7)"),
        ):
            self.assertEqual(self.errors(data), [error])

    def test_half_a_request_has_the_old_words_when_it_is_given_up(self) -> None:
        reader = Requests()
        self.assertEqual(reader.receive(b'{"method": "is_ava'), [])
        self.assertEqual(
            reader.give_up(),
            [Unreadable("Unterminated string starting at: line 1 column 12 (char 11)")],
        )
        self.assertEqual(reader.receive(b'{"a": "\xe2\x82'), [])
        self.assertIn("unexpected end of data", reader.give_up()[0].error)  # type: ignore[union-attr]
        self.assertEqual(reader.receive(b"{}"), [Request({})])

    def test_requests_before_garbage_are_taken(self) -> None:
        for garbage in (b"x", b"\xff", b'{"a": "\xff'):
            first, second = self.read(b'{"a": 1}' + garbage)
            self.assertEqual(first, Request({"a": 1}))
            self.assertIsInstance(second, Unreadable)
        self.assertEqual(self.read(b"x", b"{}")[1], Request({}))

    def test_places_are_counted_from_the_request(self) -> None:
        self.assertEqual(
            self.read(b"{} {} nope")[2],
            Unreadable("Expecting value: line 1 column 1 (char 0)"),
        )

    def test_too_long_requests_are_fatal(self) -> None:
        long = b'{"a": "' + b"x" * MAX_REQUEST
        for chunks in (
            (long,),
            (long + b'"}',),
            (b"{}" + long,),
            (long[:4000], b"x" * 100),
        ):
            *_, last = self.read(*chunks)
            assert isinstance(last, Unreadable)
            self.assertTrue(last.fatal)

    def test_depth_and_digits_are_refused(self) -> None:
        for data in (b"[" * 60_000, b"1" * 60_000):
            self.assertEqual(len(self.errors(data)), 1)

    def test_many_at_once(self) -> None:
        self.assertEqual(len(self.read(b"{}" * 30_000)), 30_000)
