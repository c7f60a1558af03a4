"""NMEA sentences for tests."""

from __future__ import annotations

from functools import reduce


def whole(content: str) -> str:
    """The sentence with this between ``$`` and ``*``, its checksum right."""
    checksum = reduce(lambda value, char: value ^ ord(char), content, 0)
    return f"${content}*{checksum:02X}"
