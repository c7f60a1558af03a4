"""SMS as a modem stores them, and their PDUs (3GPP 23.040). Pure.

As much of it as a simulator needs, and written apart from the gateway's: a mistake there
must not be repeated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import attrs

from gatewaykit.simulators import modem_gsm7 as gsm7

STATUSES = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
"""By their numbers in PDU mode (facts/sim7600.md 4)."""
UNREAD, READ, ALL = 0, 1, 4
CAPACITY = 23

_INTERNATIONAL, _UNKNOWN = 0x91, 0x81
_HAS_HEADER = 0x40
_ADDRESS_DIGITS = "0123456789*#abc"


@attrs.define
class Message:
    """A stored message, or one part of a long one."""

    number: str
    text: str
    at: float
    """Seconds since the epoch, UTC."""
    zone: int = 0
    """Quarter hours east of Greenwich, as the service centre writes its times."""
    header: bytes = b""
    """The user data header of a part, with its length."""
    status: int = UNREAD

    @property
    def stamp(self) -> str:
        return f"{self._local:%y/%m/%d,%H:%M:%S}{self.zone:+03d}"

    @property
    def _local(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC) + timedelta(minutes=15 * self.zone)

    def tpdu(self) -> bytes:
        """SMS-DELIVER, without the service centre's number."""
        codes = gsm7.septets(self.text)
        stamp = _swapped(f"{self._local:%y%m%d%H%M%S}")
        tens, ones = divmod(abs(self.zone), 10)
        zone = bytes((ones << 4 | tens | (0x08 if self.zone < 0 else 0),))
        first = 0x04 | (_HAS_HEADER if self.header else 0)
        coding = 0x08 if codes is None else 0x00
        return (
            bytes((first,))
            + _address(self.number)
            + bytes((0x00, coding))
            + stamp
            + zone
            + _user_data(self.text, codes, self.header)
        )


@attrs.frozen
class Sent:
    """What the host sent, a message or one part of a long one."""

    number: str
    text: str
    reference: int
    header: bytes = b""


def arriving(
    number: str, text: str, at: float, zone: int, reference: int
) -> list[Message]:
    """The message, or the parts in which it comes if it is too long for one."""
    if _fits(text, 160, 70):
        return [Message(number, text, at, zone)]
    pieces = list(_pieces(text))
    return [
        Message(number, piece, at, zone, bytes((5, 0, 3, reference, len(pieces), n)))
        for n, piece in enumerate(pieces, 1)
    ]


def submitted(hexadecimal: str, length: int) -> tuple[str, str, bytes]:
    """Number, text and header of an SMS-SUBMIT with the service centre before it.

    Raises `ValueError` for what a modem takes for an invalid PDU.
    """
    data = bytes.fromhex(hexadecimal)
    try:
        tpdu = data[1 + data[0] :]
        if len(tpdu) != length or tpdu[0] & 0x03 != 0x01:
            raise ValueError("no SMS-SUBMIT of that length")
        digits, kind = tpdu[2], tpdu[3]
        after = 4 + (digits + 1) // 2
        number = _digits(tpdu[4:after])[:digits]
        coding = tpdu[after + 1]
        validity = {0x00: 0, 0x10: 1}.get(tpdu[0] & 0x18, 7)
        count, user = tpdu[after + 2 + validity], tpdu[after + 3 + validity :]
    except IndexError as error:
        raise ValueError("too short") from error
    header = user[: user[0] + 1] if user and tpdu[0] & _HAS_HEADER else b""
    if coding & 0x0C == 0x08:
        if len(user) != count:
            raise ValueError("user data of another length")
        text = user[len(header) :].decode("utf-16-be")
    else:
        if len(user) != (count * 7 + 7) // 8:
            raise ValueError("user data of another length")
        skipped = (len(header) * 8 + 6) // 7
        text = gsm7.text_of(gsm7.unpack(user, count)[skipped:])
    return ("+" if kind == _INTERNATIONAL else "") + number, text, header


def _user_data(text: str, codes: list[int] | None, header: bytes) -> bytes:
    if codes is None:
        data = header + text.encode("utf-16-be")
        return bytes((len(data),)) + data
    skipped = (len(header) * 8 + 6) // 7
    fill = skipped * 7 - len(header) * 8
    count = skipped + len(codes)
    return bytes((count,)) + header + gsm7.pack(codes, fill)


def _fits(text: str, septets: int, units: int) -> bool:
    codes = gsm7.septets(text)
    if codes is not None:
        return len(codes) <= septets
    return len(text.encode("utf-16-be")) <= 2 * units


def _pieces(text: str) -> Iterator[str]:
    """As long as a part can be; neither an escape nor a surrogate pair is torn apart."""
    narrow = gsm7.septets(text) is not None
    piece, size = "", 0
    for character in text:
        if narrow:
            wide = len(gsm7.septets(character) or ())
        else:
            wide = len(character.encode("utf-16-be")) // 2
        if size + wide > (153 if narrow else 67):
            yield piece
            piece, size = "", 0
        piece, size = piece + character, size + wide
    yield piece


def _address(number: str) -> bytes:
    digits = number.removeprefix("+")
    if not digits.isdecimal():
        # A sender with a name, such as a shop's.
        codes = gsm7.septets(number) or []
        return bytes(((len(codes) * 7 + 3) // 4, 0xD0)) + gsm7.pack(codes)
    kind = _INTERNATIONAL if number.startswith("+") else _UNKNOWN
    return bytes((len(digits), kind)) + _swapped(digits)


def _swapped(digits: str) -> bytes:
    padded = digits + "F" * (len(digits) % 2)
    return bytes.fromhex(
        "".join(b + a for a, b in zip(*[iter(padded)] * 2, strict=True))
    )


def _digits(data: bytes) -> str:
    nibbles = (nibble for octet in data for nibble in (octet & 0x0F, octet >> 4))
    return "".join(_ADDRESS_DIGITS[nibble] for nibble in nibbles if nibble < 15)
