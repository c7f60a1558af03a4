"""What a host writes to a simulated mount, cut into commands. Pure.

The mount's side of facts/tts160.md 1.1 and 4, and no relation to the gateway's parsers.
"""

from __future__ import annotations

import re

ACK = b"\x06"
MOST_BYTES = 80
"""Of a text command; a longer one is not taken."""

_SET = b":*!S "
_HEAD = re.compile(rb":\*!S ([0-9A-F]{2});")
_HEAD_BYTES = len(_SET) + 3

_LENGTHS = {
    0x00: 5,
    0x01: 1,
    0x02: 1,
    0x03: 5,
    0x05: 3,
    0x06: 0,
    0x07: 8,
    0x08: 4,
    0x09: 4,
    0x0B: 1,
    0x0C: 1,
    0x0D: 1,
    0x0E: 1,
    0x10: 0,
    0x11: 22,
    0x12: 9,
    0x13: 0,
}
"""Of payloads, by command; of the others the first byte decides (facts/tts160.md 4.2)."""
_LONG = {0x04: {1: 9, 2: 9}, 0x0A: {1: 9}, 0x0F: {}}
_END = ord("#")


def payload_bytes(number: int, payload: bytes) -> int | None:
    """How many it has in all, as far as one can tell from the first of them.

    None: nobody knows that command, and its payload ends at the first ``#``.
    """
    if number in _LENGTHS:
        return _LENGTHS[number]
    if number not in _LONG:
        return None
    if not payload:
        return 1
    if number == 0x0F:
        # Points follow in one of its forms; there are never 35 of them.
        return 1 if payload[1:2] in {b"", b"#"} else 2
    return _LONG[number].get(payload[0], 1)


class CommandReader:
    """Finds commands among bytes, one at a time.

    :param counts: whether the mount knows SET commands, whose payloads are counted.
    """

    def __init__(self, *, counts: bool) -> None:
        self._counts = counts
        self._data = bytearray()
        self._begun = False

    def push(self, byte: int) -> bytes | None:
        """The command that this byte completed, with its ``:`` and ``#``; or an ACK byte.

        What stands between commands is passed over, and so is a command that is too long.
        """
        if not self._begun:
            if byte == ACK[0]:
                return ACK
            self._begun = byte == ord(":")
            if not self._begun:
                return None
            self._data.clear()
        if len(self._data) <= MOST_BYTES:
            self._data.append(byte)
        if byte != _END or self._wants_more():
            return None
        self._begun = False
        return bytes(self._data) if len(self._data) <= MOST_BYTES else None

    def _wants_more(self) -> bool:
        """Whether a ``#`` at the end is of a payload."""
        if not self._counts:
            return False
        head = _HEAD.match(self._data)
        if head is None:
            return False
        payload = bytes(self._data[_HEAD_BYTES:])
        length = payload_bytes(int(head[1], 16), payload)
        return length is not None and len(payload) <= length
