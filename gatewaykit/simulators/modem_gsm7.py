"""The GSM 7-bit alphabet and its packing (3GPP 23.038). Pure."""

from __future__ import annotations

from collections.abc import Iterable

_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE = 0x1B
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_CODES = {
    **{character: (code,) for code, character in enumerate(_BASIC)},
    **{character: (_ESCAPE, code) for character, code in _EXTENSION.items()},
}
del _CODES["\x1b"]
_EXTENDED = {code: character for character, code in _EXTENSION.items()}


def septets(text: str) -> list[int] | None:
    """The codes of a text, None if the alphabet lacks one of its characters."""
    found: list[int] = []
    for character in text:
        if character not in _CODES:
            return None
        found += _CODES[character]
    return found


def text_of(codes: Iterable[int]) -> str:
    text, escaped = "", False
    for code in codes:
        if escaped:
            # What the extension lacks is read as the basic character (23.038 6.2.1.1).
            text += _EXTENDED.get(code, _BASIC[code])
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            text += _BASIC[code]
    return text


def pack(codes: Iterable[int], fill: int = 0) -> bytes:
    """Septets to octets; `fill` bits stand before the first, after a header."""
    bits = length = 0
    length = fill
    for code in codes:
        bits |= code << length
        length += 7
    return bits.to_bytes((length + 7) // 8, "little")


def unpack(data: bytes, count: int, fill: int = 0) -> list[int]:
    bits = int.from_bytes(data, "little") >> fill
    return [bits >> 7 * n & 0x7F for n in range(count)]
