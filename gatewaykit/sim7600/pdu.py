"""A short message out of its PDU: SMS-DELIVER, SMS-SUBMIT and SMS-STATUS-REPORT.

3GPP 23.040 has the layouts (9.2.2) and the fields (9.2.3), 3GPP 23.038 the coding scheme
(4) and the alphabets. What a network sends may be anything: damage is one `SmsError`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import attrs

from gatewaykit.errors import ProtocolViolation
from gatewaykit.sim7600 import gsm7

MAX_OCTETS = 256
"""More than the longest PDU has: 12 octets of service centre and 164 of message."""
_MAX_NUMBER = 20
"""Semi-octets of an address (23.040, 9.1.2.5)."""
_MAX_SEPTETS = 160
_MAX_DATA = 140
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})+").fullmatch
_DIGITS = "0123456789*#abc"
_INTERNATIONAL, _ALPHANUMERIC = 1, 5
_HEADER_FLAG = 0x40
_VALIDITY = {0x00: 0, 0x10: 1, 0x08: 7, 0x18: 7}
"""Octets of the validity period by the two bits that tell its form (9.2.3.3)."""
_KINDS = {0: "deliver", 1: "submit", 2: "report"}


class SmsError(ProtocolViolation):
    """A short message that cannot be read; `raw` is what the modem gave for it."""

    def __init__(self, reason: str, raw: str | bytes) -> None:
        octets = raw if isinstance(raw, bytes) else raw.encode("ascii", "replace")
        super().__init__(reason, octets)


@attrs.frozen
class Concatenation:
    """Which part of which long message a message is (23.040, 9.2.3.24.1 and .8)."""

    reference: int
    total: int
    sequence: int
    """From 1 to `total`."""
    wide: bool
    """Whether the reference has 16 bits: then it is another one than the same of 8."""


@attrs.frozen
class Message:
    kind: str
    """``deliver`` (received), ``submit`` (our own) or ``report`` (of a delivery)."""
    number: str
    """Of the sender, or the recipient of our own; a name if the sender has one."""
    text: str
    sent_at: datetime | None
    """UTC, by the service centre; None if it tells none."""
    part: Concatenation | None = None
    encoding: str = "text"
    """``gsm7``, ``ucs2``, ``8bit``, ``compressed``; ``text`` where the modem decoded it."""
    data: bytes = b""
    """Before it was decoded: one septet a byte, or the octets. Senders split characters
    over the parts of a long message, so parts are put together before decoding."""


@attrs.define
class _Octets:
    """Octets that are taken from the front, never more than there are."""

    left: bytes
    raw: str

    def take(self, count: int, what: str) -> bytes:
        if len(self.left) < count:
            raise SmsError(f"a message that ends within its {what}", self.raw)
        taken, self.left = self.left[:count], self.left[count:]
        return taken

    def one(self, what: str) -> int:
        return self.take(1, what)[0]


def deliver(hex: str) -> Message:
    """Read a message with the service centre's address in front, as a modem gives it.

    :raises SmsError: when it is damaged, and for nothing else.
    """
    hex = hex.strip()
    if len(hex) > 2 * MAX_OCTETS:
        raise SmsError(f"a message of {len(hex)} hex digits", hex[: 2 * MAX_OCTETS])
    if not _HEX(hex):
        raise SmsError("a message that is not hex", hex)
    octets = _Octets(bytes.fromhex(hex), hex)
    octets.take(octets.one("length"), "service centre")
    first = octets.one("first octet")
    kind = _KINDS.get(first & 0x03)
    if kind is None:
        raise SmsError("a message of a reserved type", hex)
    if kind != "deliver":
        octets.one("reference")
    number = _number(octets)
    if kind == "report":
        # Its status and what may follow tell nothing that is asked for anywhere.
        return Message(kind, number, "", _time_stamp(octets.take(7, "time")))
    octets.one("protocol")
    encoding = coding(octets.one("coding scheme"))
    sent_at = None
    if kind == "deliver":
        sent_at = _time_stamp(octets.take(7, "time"))
    else:
        octets.take(_VALIDITY[first & 0x18], "validity")
    part, data = _user_data(octets, encoding, headed=bool(first & _HEADER_FLAG))
    return Message(kind, number, decode(encoding, data), sent_at, part, encoding, data)


def coding(scheme: int) -> str:
    """How the text is coded (23.038, 4); what is reserved counts as the 7-bit alphabet."""
    group = scheme >> 4
    if group < 8:  # 4 to 7: as 0 to 3, with a wish to be deleted once read
        if group & 0x2:
            return "compressed"
        return ("gsm7", "8bit", "ucs2", "gsm7")[scheme >> 2 & 0x3]
    if group == 0xF:
        return "8bit" if scheme & 0x4 else "gsm7"
    return "ucs2" if group == 0xE else "gsm7"


def decode(encoding: str, data: bytes) -> str:
    """The text of `Message.data`. Data that is no text is shown as such only where it is
    printable ASCII, otherwise as hex."""
    if encoding == "gsm7":
        return gsm7.decode(data)
    if encoding == "ucs2":
        return data.decode("utf-16-be", "replace")
    if encoding == "8bit" and all(0x20 <= octet < 0x7F for octet in data):
        return data.decode("ascii")
    return data.hex().upper()


def _semi_octets(octets: bytes) -> list[int]:
    return [half for octet in octets for half in (octet & 0xF, octet >> 4)]


def _number(octets: _Octets) -> str:
    length = octets.one("number")
    kind = octets.one("number") >> 4 & 0x7
    if length > _MAX_NUMBER:
        raise SmsError(f"a number of {length} digits", octets.raw)
    value = octets.take((length + 1) // 2, "number")
    if kind == _ALPHANUMERIC:
        septets = gsm7.unpack(value, length * 4 // 7)
        if len(septets) % 8 == 0 and septets[-1:] == [0]:
            # A name of seven characters in whole octets leaves room for an eighth.
            septets.pop()
        return gsm7.decode(septets)
    digits = []
    for half in _semi_octets(value)[:length]:
        if half == 0xF:
            break
        digits.append(_DIGITS[half])
    return "+" * (kind == _INTERNATIONAL) + "".join(digits)


def _time_stamp(octets: bytes) -> datetime | None:
    """Local time with the zone in quarter hours, bit 3 of its octet the sign (9.2.3.11)."""
    halves = _semi_octets(octets)
    west = halves[12] & 0x8
    halves[12] &= 0x7
    if max(halves) > 9:
        return None
    year, month, day, hour, minute, second, quarters = (
        10 * tens + units for tens, units in zip(halves[::2], halves[1::2], strict=True)
    )
    return moment(
        (2000 + year, month, day, hour, minute, second), -quarters if west else quarters
    )


def moment(local: Sequence[int], quarters: int) -> datetime | None:
    """UTC of year to second in a zone `quarters` quarter hours east; None if no moment."""
    year, month, day, hour, minute, second = local
    try:
        zone = timezone(timedelta(minutes=15 * quarters))
        there = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except ValueError:
        return None
    return there.astimezone(UTC)


def _user_data(
    octets: _Octets, encoding: str, *, headed: bool
) -> tuple[Concatenation | None, bytes]:
    """The header's part, and the data as in `Message.data`."""
    length = octets.one("text's length")
    packed = encoding == "gsm7"
    if length > (_MAX_SEPTETS if packed else _MAX_DATA):
        raise SmsError(f"a text of length {length}", octets.raw)
    field = _Octets(
        octets.take((length * 7 + 7) // 8 if packed else length, "text"), octets.raw
    )
    if not headed:
        return None, bytes(gsm7.unpack(field.left, length)) if packed else field.left
    size = field.one("header")
    part = _concatenation(field.take(size, "header"))
    if not packed:
        return part, field.left
    # The text begins at the next septet behind the header and its length octet.
    before = (8 * (size + 1) + 6) // 7
    fill = 7 * before - 8 * (size + 1)
    return part, bytes(gsm7.unpack(field.left, max(0, length - before), fill))


def _concatenation(header: bytes) -> Concatenation | None:
    """The last of them counts; a header whose elements don't fill it has none."""
    part = None
    while header:
        size = header[1] if len(header) > 1 else len(header)
        value, rest = header[2 : 2 + size], header[2 + size :]
        if len(value) < size:
            return None
        if (header[0], size) in {(0x00, 3), (0x08, 4)}:
            *reference, total, sequence = value
            if 1 <= sequence <= total:
                part = Concatenation(
                    int.from_bytes(reference, "big"), total, sequence, size == 4
                )
        header = rest
    return part
