"""Hypothesis strategies that more than one test module draws from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

SAMPLES: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "gv50" / "track_samples.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]

HEX_FRAMES = [
    # The examples of facts/gv50.md 1.2: login, acknowledgement, position report.
    bytes.fromhex(text)
    for text in (
        "2b4c474e00ff0026fe110b07020106563454040d054905000007e4031911213905083abd0d0a",
        "2b41434b1d7f244205040601676d74323030000000001f07e30a06140f087f328e440d0a",
        (
            "2b5253500700fc1fbf005d4501020209563254030003430564377e42071001000000000000007e"
            "ff75a151025c6a8107e10801081a2a02680003189c1ac500000000000002100700000000000000"
            "000007e1080108241019e17ebe0d0a"
        ),
    )
]


def sample_frames() -> st.SearchStrategy[bytes]:
    """Whole text frames as devices sent them."""
    return st.sampled_from([sample["raw"].encode("latin-1") for sample in SAMPLES])


def _noise() -> st.SearchStrategy[bytes]:
    letters = st.sampled_from([*b"+RESPBUFNACK:GT$\0\r\n 0,", 0xFF])
    return st.one_of(
        st.binary(max_size=60),
        st.lists(letters, max_size=40).map(bytes),
        st.sampled_from(
            [b"\r\n", b"$", b"+", b"+RE", b"+ACK", b"+RSP", b"+\0\0\x10", b"+0800,"]
        ),
    )


def _cut(data: bytes) -> st.SearchStrategy[bytes]:
    return st.integers(0, len(data)).map(lambda end: data[:end])


def streams() -> st.SearchStrategy[bytes]:
    """What may come down a tracker's line: frames, HEX frames, halves, and noise."""
    whole = st.one_of(sample_frames(), st.sampled_from(HEX_FRAMES))
    piece = st.one_of(whole, whole.flatmap(_cut), _noise())
    return st.lists(piece, max_size=8).map(b"".join)


@st.composite
def reads(draw: st.DrawFn, data: bytes) -> list[bytes]:
    """`data` as a socket may hand it over."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=20).map(sorted))
    return [
        data[start:end]
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)
    ]


@st.composite
def odd_frames(draw: st.DrawFn) -> bytes:
    """Text frames that no firmware sent: samples with some of their fields changed."""
    frame = draw(sample_frames())
    fields = frame[:-1].split(b",")
    odd = st.one_of(
        st.sampled_from(
            [
                b"",
                b"0",
                b"1",
                b"2",
                b"01",
                b"50",
                b"1F",
                b"nan",
                b"-inf",
                b"1_0",
                b"9" * 400 + b".0",
                b"210101",
                b"20251301000000",
                b"20250728004546",
                b"99991231235959",
                b"0.000000",
                b"-181.000000",
                b"91.000000",
                b"12.345678",
                b"0ABC",
                b"\xb2",
            ]
        ),
        st.binary(max_size=8).filter(lambda text: not set(text) & set(b",$\0")),
    )
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(1, len(fields) - 1))
        match draw(st.sampled_from(["replace", "insert", "delete"])):
            case "replace":
                fields[at] = draw(odd)
            case "insert":
                fields.insert(at, draw(odd))
            case _:
                if len(fields) > 2:
                    del fields[at]
    return b",".join(fields) + b"$"
