"""The GSM default alphabet of 7 bits, and how its septets are packed into octets.

3GPP 23.038: 6.2.1 has the alphabet, 6.2.1.1 its extension table, 6.1.2.1 the packing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

ESCAPE = 0x1B
"""The next septet is one of the extension table; both count (facts/sim7600.md 4)."""

_DEFAULT = (
    "@\N{POUND SIGN}$\N{YEN SIGN}èéùìòÇ\nØø\rÅå"
    "\N{GREEK CAPITAL LETTER DELTA}_\N{GREEK CAPITAL LETTER PHI}"
    "\N{GREEK CAPITAL LETTER GAMMA}\N{GREEK CAPITAL LETTER LAMDA}"
    "\N{GREEK CAPITAL LETTER OMEGA}\N{GREEK CAPITAL LETTER PI}"
    "\N{GREEK CAPITAL LETTER PSI}\N{GREEK CAPITAL LETTER SIGMA}"
    "\N{GREEK CAPITAL LETTER THETA}\N{GREEK CAPITAL LETTER XI}\x1bÆæßÉ"
    " !\"#\N{CURRENCY SIGN}%&'()*+,-./0123456789:;<=>?"
    "\N{INVERTED EXCLAMATION MARK}ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ\N{SECTION SIGN}"
    "\N{INVERTED QUESTION MARK}abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    0x0A: "\f",
    0x14: "^",
    0x28: "{",
    0x29: "}",
    0x2F: "\\",
    0x3C: "[",
    0x3D: "~",
    0x3E: "]",
    0x40: "|",
    0x65: "\N{EURO SIGN}",
}
_SEPTETS: dict[str, tuple[int, ...]] = {
    char: (code,) for code, char in enumerate(_DEFAULT) if code != ESCAPE
} | {char: (ESCAPE, code) for code, char in _EXTENSION.items()}


def encode(text: str) -> list[tuple[int, ...]] | None:
    """The one or two septets of each character; None where the alphabet lacks one."""
    septets = [_SEPTETS.get(char, ()) for char in text]
    return septets if all(septets) else None


def decode(septets: Iterable[int]) -> str:
    """The text of septets; any sequence has one.

    What the extension table lacks is read as the character of the default alphabet, and
    an escape with nothing to it, or with another one, as a space (23.038, 6.2.1.1).
    """
    text = []
    escaped = False
    for septet in septets:
        if escaped:
            escaped = False
            char = _EXTENSION.get(septet, _DEFAULT[septet])
            text.append(" " if septet == ESCAPE else char)
        elif septet == ESCAPE:
            escaped = True
        else:
            text.append(_DEFAULT[septet])
    if escaped:
        text.append(" ")
    return "".join(text)


def pack(septets: Sequence[int], fill: int = 0) -> bytes:
    """Septets into octets, behind `fill` bits that are left 0.

    :param fill: 0 to 6 bits that bring the text behind a user data header to the next
        septet (3GPP 23.040, 9.2.3.24).
    """
    bits = 0
    for septet in reversed(septets):
        bits = bits << 7 | septet
    return (bits << fill).to_bytes((fill + 7 * len(septets) + 7) // 8, "little")


def unpack(octets: bytes, count: int, fill: int = 0) -> list[int]:
    """The first `count` septets of `octets`, behind `fill` bits.

    What the octets are too short for is 0: see that they are not.
    """
    bits = int.from_bytes(octets, "little") >> fill
    return [bits >> 7 * place & 0x7F for place in range(count)]
