"""One AMP box out of bytes, for clients that have no Protocol.

A box is pairs of a key and a value, each behind its length in two bytes, big-endian; a
length of zero in a key's place ends it (twisted.protocols.amp).
"""

from __future__ import annotations

from gatewaykit.errors import ProtocolViolation

BOX_BYTES = 2 << 20
"""More than any answer has: the longest value in JSON is 1 MiB."""
_LONGEST_KEY = 255


class BoxReader:
    """Takes bytes in any pieces until they are one box; nothing may follow it.

    :param limit: bytes that a box may have.
    """

    def __init__(self, limit: int = BOX_BYTES) -> None:
        self._limit = limit
        self._bytes = bytearray()
        self._read = 0
        self._key: bytes | None = None
        self._box: dict[bytes, bytes] = {}

    def receive(self, data: bytes) -> dict[bytes, bytes] | None:
        """The box if it is complete; `ProtocolViolation` if it never will be."""
        self._bytes += data
        while len(self._bytes) >= self._read + 2:
            start = self._read + 2
            length = int.from_bytes(self._bytes[self._read : start], "big")
            end = start + length
            if self._key is None:
                if length == 0:
                    return self._complete(start)
                if length > _LONGEST_KEY:
                    raise ProtocolViolation("not AMP", bytes(self._bytes[:200]))
            if end > self._limit:
                raise ProtocolViolation(f"an answer of more than {self._limit} bytes")
            if len(self._bytes) < end:
                break
            piece = bytes(self._bytes[start:end])
            if self._key is None:
                self._key = piece
            else:
                self._box[self._key], self._key = piece, None
            self._read = end
        return None

    def _complete(self, end: int) -> dict[bytes, bytes]:
        if not self._box:
            raise ProtocolViolation("an empty box")
        if len(self._bytes) > end:
            raise ProtocolViolation(
                "more than the answer", bytes(self._bytes[end:][:200])
            )
        return self._box
