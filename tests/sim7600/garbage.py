"""Lines that no modem should send, and all that modems do send, for properties."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from gatewaykit.sim7600.replies import ReplyError
from tests.sim7600.transcripts import TRANSCRIPTS

SAID = sorted({line for transcript in TRANSCRIPTS for line in transcript.lines})
"""Every line of the transcripts."""

_FIELDS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.sampled_from(
        [
            *("", " ", '"', '""', '"a,b"', "NaN", "nan", "inf", "-inf", "1e9", "1_0"),
            *("\u0663\u0663", "\xb2", "0x", "0xFFFFFFFFFF", "1A2B", '"1A2B"', "-0"),
            *("N", "S", "E", "W", "5149.214000", "00119.200000", "52.3973694"),
            *("300825", "123456.0", "LTE", "GSM", "WCDMA", "NO SERVICE", "Online"),
            *("460-01", "27 EGSM 900", "EUTRAN-BAND3", "READY", "9" * 400, "\0", "\n"),
        ]
    ),
    st.text(max_size=8),
)


def lines(*prefixes: str) -> st.SearchStrategy[str]:
    """Lines that begin like an answer, real lines with a few characters changed, noise."""
    made = st.builds(
        lambda prefix, space, fields: prefix + space + ",".join(fields),
        st.sampled_from(prefixes),
        st.sampled_from(["", " "]),
        st.lists(_FIELDS, max_size=20),
    )
    return st.one_of(made, _damaged(), st.text(max_size=60))


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    line = draw(st.sampled_from(SAID))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(line)))
        end = start + draw(st.integers(0, 2))
        line = line[:start] + draw(_FIELDS) + line[end:]
    return line


def parsed(parse: Callable[[str], Any], line: str) -> Any:
    """The record, or None for a line that was refused; anything else comes through."""
    try:
        return parse(line)
    except ReplyError as error:
        assert error.line == line
        assert str(error)
        return None
