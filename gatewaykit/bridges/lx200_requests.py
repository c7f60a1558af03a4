"""What LX200 clients send: commands cut out of their bytes.

A command is ``:``, some characters and ``#``; several may come in one packet. Between
commands stands what is nothing to us (facts/tts160.md 6.4): a ``#`` that closes an empty
command (Stellarium), blanks, line ends, the ``Ka`` by which Stellarium Mobile looks for
another kind of mount; and the byte ACK, which is a question. What comes out does not depend
on how the bytes were cut on their way.
"""

from __future__ import annotations

import attrs

ACK = "\x06"
"""Asks how the mount is aligned, without ``:`` and ``#``."""
MOST_BYTES = 4096
"""Of a command that has not come to its end; the longest one has 37."""

_COLON, _HASH, _ACK = 0x3A, 0x23, 0x06
_COUNTED = b":*!S"
"""Binary commands end by their length; a ``#`` may be anywhere in them."""


@attrs.frozen
class Request:
    """One command, without its ``:`` and ``#``; a character for each byte."""

    text: str


@attrs.frozen
class Unreadable:
    """From here on nobody can tell what is a command; the client has to go."""

    kind: str
    """The reason as metrics have it."""
    reason: str


class Requests:
    """Bytes in, requests out."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._searched = 0
        self._is_over = False

    def receive(self, data: bytes) -> list[Request | Unreadable]:
        """All that has arrived in full; nothing more behind what is unreadable."""
        found: list[Request | Unreadable] = []
        if self._is_over:
            return found
        self._data += data
        while (event := self._next()) is not None:
            found.append(event)
            if isinstance(event, Unreadable):
                self._is_over = True
                self._data.clear()
        return found

    def _next(self) -> Request | Unreadable | None:
        data = self._data
        if self._searched == 0:
            self._pass_over()
        if not data:
            return None
        if data[0] == _ACK:
            del data[0]
            return Request(ACK)
        if data.startswith(_COUNTED):
            # Its payload would be taken for commands, and could move the mount.
            return Unreadable("binary", "a binary command (:*!S), which ends by length")
        end = data.find(_HASH, self._searched, MOST_BYTES)
        if end < 0:
            if len(data) >= MOST_BYTES:
                return Unreadable("overlong", f"{MOST_BYTES} bytes without an end")
            self._searched = len(data)
            return None
        text = data[1:end].decode("latin-1")
        del data[: end + 1]
        self._searched = 0
        return Request(text)

    def _pass_over(self) -> None:
        """Drop what stands before the next command."""
        data = self._data
        for index, byte in enumerate(data):
            if byte in {_COLON, _ACK}:
                del data[:index]
                return
        data.clear()
