"""A text into the SMS-SUBMIT PDUs that AT+CMGS takes (3GPP 23.040, 9.2.2.2)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600 import gsm7

MAX_PARTS = 10
"""Of one text: each part is paid for, and a few hundred words are no short message."""
_SUBMIT = 0x11
"""SMS-SUBMIT with a relative validity period."""
_WITH_HEADER = 0x40
_INTERNATIONAL, _OTHER = 0x91, 0x81
"""Types of number; the network tells national numbers and short codes by itself."""
_ONE_DAY = 167
"""For how long the service centre tries, as AT+CSMP=17,167 has it (facts/sim7600.md 4)."""
_GSM7, _UCS2 = 0x00, 0x08
_FILL = 1
"""Bits between the header of 48 bits and the next septet."""
_NUMBER = re.compile(r"\+[0-9]{1,20}|[0-9*#]{1,20}").fullmatch
_NUMBERS = (
    "1 to 20 digits: + and the country's code first, or as it is dialled at home,"
    " then with * and # too"
)
_CONTROLS = "\n\r\t"


@attrs.frozen
class Pdu:
    hex: str
    """With an empty service centre address in front: the one on the SIM is used."""
    length: int
    """Octets without that address, which is what AT+CMGS asks for."""


@attrs.frozen
class Submission:
    pdus: list[Pdu]
    """One for each part, in order."""
    encoding: str
    """``gsm7`` where that alphabet has all of the text, ``ucs2`` elsewhere."""


@attrs.frozen
class _Form:
    """How much of a text one message takes, in septets or in units of 16 bits."""

    alone: int
    in_part: int
    scheme: int


_FORMS = {"gsm7": _Form(160, 153, _GSM7), "ucs2": _Form(70, 67, _UCS2)}


def submit(number: str, text: str, reference: int) -> Submission:
    """The messages that bring `text` to `number`.

    :param reference: tells this long message from others to the same number; its lowest
        8 bits are used.
    :raises MisuseError: for a number or a text that cannot be sent.
    """
    if not _NUMBER(number):
        raise MisuseError("number", number, _NUMBERS)
    _check(text)
    characters: Sequence[tuple[int, ...]] | None = gsm7.encode(text)
    encoding = "gsm7"
    if characters is None:
        encoding = "ucs2"
        characters = [_units(char) for char in text]
    form = _FORMS[encoding]
    parts = list(_split(characters, form))
    if len(parts) > MAX_PARTS:
        raise MisuseError(
            "text",
            f"{len(text)} characters, {len(parts)} parts in {encoding}",
            f"up to {MAX_PARTS} parts of {form.in_part} characters",
        )
    head = bytes([_address_type(number), *_digits(number), 0, form.scheme, _ONE_DAY])
    head = bytes([len(number.lstrip("+"))]) + head
    pdus = []
    for sequence, part in enumerate(parts, 1):
        header = b""
        if len(parts) > 1:
            header = bytes([5, 0, 3, reference & 0xFF, len(parts), sequence])
        first = _SUBMIT | (_WITH_HEADER if header else 0)
        tpdu = bytes([first, 0]) + head + _user_data(encoding, header, part)
        pdus.append(Pdu("00" + tpdu.hex().upper(), len(tpdu)))
    return Submission(pdus, encoding)


def _check(text: str) -> None:
    if not text:
        raise MisuseError("text", text, "at least one character")
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in _CONTROLS):
            # One character of it: texts are nobody's business but the recipient's.
            raise MisuseError("text", char, "characters, line ends and tabs")


def _address_type(number: str) -> int:
    return _INTERNATIONAL if number.startswith("+") else _OTHER


def _digits(number: str) -> bytes:
    """Two digits in an octet, the first one in its lower half; F fills the last."""
    halves = ["0123456789*#".index(digit) for digit in number.lstrip("+")]
    if len(halves) % 2:
        halves.append(0xF)
    return bytes(
        low | high << 4 for low, high in zip(halves[::2], halves[1::2], strict=True)
    )


def _units(char: str) -> tuple[int, ...]:
    """One unit of UTF-16, or the two of a surrogate pair."""
    octets = char.encode("utf-16-be")
    return tuple(
        int.from_bytes(octets[at : at + 2], "big") for at in range(0, len(octets), 2)
    )


def _split(characters: Sequence[tuple[int, ...]], form: _Form) -> Iterable[list[int]]:
    """The whole, or parts in which each character is whole."""
    if sum(map(len, characters)) <= form.alone:
        yield [unit for character in characters for unit in character]
        return
    part: list[int] = []
    for character in characters:
        if len(part) + len(character) > form.in_part:
            yield part
            part = []
        part += character
    yield part


def _user_data(encoding: str, header: bytes, part: list[int]) -> bytes:
    """Its length, in septets or octets, the header, and the text."""
    if encoding == "ucs2":
        data = header + b"".join(unit.to_bytes(2, "big") for unit in part)
        return bytes([len(data)]) + data
    if not header:
        return bytes([len(part)]) + gsm7.pack(part)
    before = (8 * len(header) + _FILL) // 7
    return bytes([before + len(part)]) + header + gsm7.pack(part, _FILL)
