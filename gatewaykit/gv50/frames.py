"""Bytes from a tracker's socket to whole @Track text frames (facts/gv50.md 1).

Text frames end with ``$`` (legacy ones with NUL) and come glued, split and between line
ends. The header is looked at before any ``$``: a device in HEX format sends binary frames
that may hold any byte, so they are taken by the length they tell. Whatever is neither is
given back as one piece up to the next header. No byte but a separator is lost, and the
results are the same however the stream was cut into reads.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import NamedTuple

import attrs

SEPARATORS = b"\r\n\0 "
"""What may stand between frames (facts/gv50.md 1.1)."""
_TEXT = (b"+RESP:", b"+BUFF:", b"+ACK:", b"+NACK:")
_NEWEST = b"+\0"
_BINARY = {
    # header: offset and size of the frame's length, its end (facts/gv50.md 1.2)
    b"+RSP": (9, 2, b"\r\n"),
    b"+BSP": (9, 2, b"\r\n"),
    b"+EVT": (9, 2, b"\r\n"),
    b"+BVT": (9, 2, b"\r\n"),
    b"+INF": (7, 2, b"\r\n"),
    b"+BNF": (7, 2, b"\r\n"),
    b"+ACK": (6, 1, b"\r\n"),  # and no colon behind it
    b"+HBD": (5, 1, b"\r\n"),
    b"+CRD": (6, 2, b"\r\n"),
    b"+BRD": (6, 2, b"\r\n"),
    b"+LGN": (6, 2, b"\r\n"),
    _NEWEST: (2, 2, b"$"),
}
_HEADERS = (*_TEXT, *_BINARY)
_HEADER = re.compile(
    rb"\+(?:RESP:|BUFF:|NACK:|ACK(?s:.)|RSP|BSP|EVT|BVT|INF|BNF|HBD|CRD|BRD|LGN)"
)
"""A header that ends junk; `_NEWEST` is too short to be told from noise."""
_HEADER_SIZE = 6
_CUT = re.compile(rb"\+(?:RESP|BUFF|N?ACK):GT")
"""A frame that begins inside another: the other was cut off. ``+0800`` is none."""
_CUT_SIZE = 8
_TERMINATOR = re.compile(rb"[$\0]")


class Reason(enum.Enum):
    """Why a piece is no text frame; the value is text for users."""

    JUNK = "junk"
    HEX = "hex format"
    OVERSIZE = "too long"
    INCOMPLETE = "incomplete"


@attrs.frozen
class Undecodable:
    """A piece of the stream that is no text frame."""

    reason: Reason
    raw: bytes


class _Piece(NamedTuple):
    end: int
    reason: Reason | None
    """None for a whole text frame."""


class Framer:
    """Cuts one connection's stream into frames.

    What passes `max_frame` bytes (terminator included) comes as `Reason.OVERSIZE`, cut to
    that size; the rest of it is junk. About as much is held at most.
    """

    def __init__(self, max_frame: int = 16384) -> None:
        self._max_frame = max_frame
        self._held = b""
        self._searched = 0  # up to here `_held` was searched for an end

    @property
    def pending(self) -> int:
        """Bytes held because it is not decided yet what they are."""
        return len(self._held)

    def receive_data(self, data: bytes) -> list[bytes | Undecodable]:
        """Take what was read; give the text frames, with terminator, and other pieces."""
        if self._held:
            data = self._held + data
        frames, start = self._clean_frames(data)
        results: list[bytes | Undecodable] = [*frames]
        return self._take(data, start, results, final=False)

    def finish(self) -> list[bytes | Undecodable]:
        """The stream has ended: give what was held."""
        return self._take(self._held, 0, [], final=True)

    def _clean_frames(self, data: bytes) -> tuple[Sequence[bytes], int]:
        """Whole text frames where nothing unusual is near, with little work for each.

        :return: the frames, and where they end; none and 0 when more care is needed.
        """
        parts = data.split(b"$")
        end = len(data) - len(parts.pop())
        if (
            # As many plus signs as frames, and one at the start of each: none inside.
            data.count(b"+", 0, end) != len(parts)
            or b"\0" in data
            or (end > self._max_frame and max(map(len, parts)) >= self._max_frame)
        ):
            return [], 0
        frames = [part + b"$" for part in parts if part.startswith(_TEXT)]
        if len(frames) < len(parts):
            stripped = [part.lstrip(SEPARATORS) for part in parts]
            frames = [part + b"$" for part in stripped if part.startswith(_TEXT)]
        return (frames, end) if len(frames) == len(parts) else ([], 0)

    def _take(
        self,
        data: bytes,
        start: int,
        results: list[bytes | Undecodable],
        *,
        final: bool,
    ) -> list[bytes | Undecodable]:
        if start:
            self._searched = 0
        while start < len(data):
            if data[start] in SEPARATORS:
                start = len(data) - len(data[start:].lstrip(SEPARATORS))
                continue
            piece = self._next(data, start, final=final)
            if piece is None:
                break
            self._searched = 0
            raw = data[start : piece.end]
            start = piece.end
            if piece.reason is None:
                results.append(raw)
                continue
            if piece.reason in {Reason.JUNK, Reason.INCOMPLETE}:
                raw = raw.rstrip(SEPARATORS)
            results.append(Undecodable(piece.reason, raw))
        self._held = data[start:]
        return results

    def _next(self, data: bytes, start: int, *, final: bool) -> _Piece | None:
        """The piece that begins at `start`; None if more must be read to know it."""
        head = data[start : start + _HEADER_SIZE]
        if head.startswith(_TEXT):
            return self._text(data, start, final=final)
        if not final and len(head) < _HEADER_SIZE and _may_be_frame(head):
            return None
        header = _NEWEST if head.startswith(_NEWEST) else head[:4]
        if header not in _BINARY or len(head) < _HEADER_SIZE:
            return self._until_header(data, start, Reason.JUNK, final=final)
        offset, size, end = _BINARY[header]
        there = len(data) - start
        if there < offset + size:
            length = 0 if final else offset + size
        else:
            at = start + offset
            length = int.from_bytes(data[at : at + size], "big")
            if not offset + size < length <= self._max_frame:
                length = 0
        if length > there and not final:
            return None
        if 0 < length <= there and data.endswith(end, start, start + length):
            return _Piece(start + length, Reason.HEX)
        return self._until_header(data, start, Reason.HEX, final=final)

    def _text(self, data: bytes, start: int, *, final: bool) -> _Piece | None:
        limit = start + self._max_frame
        end = _TERMINATOR.search(data, start + self._searched, limit)
        stop = end.start() if end else limit + _CUT_SIZE
        cut = _CUT.search(data, self._unsearched(start, _CUT_SIZE), stop)
        if cut and cut.start() <= limit:
            return _Piece(cut.start(), Reason.INCOMPLETE)
        if end:
            return _Piece(end.end(), None)
        return self._unended(data, start, limit, stop, Reason.INCOMPLETE, final=final)

    def _until_header(
        self, data: bytes, start: int, reason: Reason, *, final: bool
    ) -> _Piece | None:
        limit = start + self._max_frame
        stop = limit + _HEADER_SIZE
        header = _HEADER.search(data, self._unsearched(start, _HEADER_SIZE), stop)
        if header and header.start() <= limit:
            return _Piece(header.start(), reason)
        return self._unended(data, start, limit, stop, reason, final=final)

    def _unsearched(self, start: int, size: int) -> int:
        """Where to search from: a header may lie across the end of what was searched."""
        return start + max(1, self._searched - size)

    def _unended(
        self,
        data: bytes,
        start: int,
        limit: int,
        stop: int,
        reason: Reason,
        *,
        final: bool,
    ) -> _Piece | None:
        """A piece without an end so far; decided once a header at `limit` were seen."""
        if len(data) >= stop or (final and len(data) > limit):
            return _Piece(limit, Reason.OVERSIZE)
        if final:
            return _Piece(len(data), reason)
        self._searched = len(data) - start
        return None


def _may_be_frame(data: bytes) -> bool:
    return any(
        data.startswith(header) or header.startswith(data) for header in _HEADERS
    )
