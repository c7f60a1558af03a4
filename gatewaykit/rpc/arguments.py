"""The types of what verbs carry, and how errors travel.

An argument is checked by its type where it is sent and again where it arrives: both ends
raise the same `MisuseError`, and a bad argument never reaches a subsystem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.protocols import amp

from gatewaykit.access import MASK
from gatewaykit.errors import GatewayError, MisuseError, ProtocolViolation

POLICIES = ("accepted", "quarantined", "refused")
MAX_LIMIT = 10_000
PAGE_BYTES = 60_000
"""A page of several records is shorter than this, so that it fits into one value of AMP."""
_LONGEST_TEXT = 500


class Checked(amp.Argument):
    """An argument of which the error says its name, its value and what is allowed."""

    allowed = ""

    def fromBox(
        self, name: bytes, strings: dict[bytes, bytes], objects: Any, proto: Any
    ) -> None:
        raw = strings.get(name)
        try:
            super().fromBox(name, strings, objects, proto)
        except (LookupError, ValueError, TypeError, OverflowError) as error:
            value = None if raw is None else raw.decode("latin-1")
            raise self._misuse(name, value) from error

    def toBox(self, name: bytes, strings: Any, objects: Any, proto: Any) -> None:
        value = objects.get(name.decode())
        try:
            super().toBox(name, strings, objects, proto)
        except (AttributeError, ValueError, TypeError, OverflowError) as error:
            raise self._misuse(name, value) from error

    def _misuse(self, name: bytes, value: object) -> MisuseError:
        if isinstance(value, str):
            value = value[:_LONGEST_TEXT]
        return MisuseError(name.decode(), value, self.allowed)


class Text(Checked):
    """Text of a given form."""

    def __init__(self, pattern: str, allowed: str, *, optional: bool = False) -> None:
        super().__init__(optional)
        self._pattern = re.compile(pattern)
        self.allowed = allowed

    def _check(self, text: str) -> str:
        if not self._pattern.fullmatch(text):
            raise ValueError(self.allowed)  # without the text, which may be a secret
        return text

    def fromString(self, inString: bytes) -> str:
        return self._check(inString.decode("utf-8"))

    def toString(self, inObject: str) -> bytes:
        return self._check(inObject).encode("utf-8")


class Printable(Text):
    """Some text of one line, and not only spaces: nothing in it moves a terminal's cursor
    or turns what stands beside it."""

    def __init__(self, most: int, *, optional: bool = False) -> None:
        allowed = f"1 to {most} printable characters, not only spaces"
        super().__init__(f".{{1,{most}}}", allowed, optional=optional)

    def _check(self, text: str) -> str:
        if not text.isprintable() or text.isspace():
            raise ValueError(self.allowed)
        return super()._check(text)


def imei(*, optional: bool = False) -> Text:
    """An IMEI, or the MEID that CDMA models have instead (facts/gv50.md 4.1)."""
    pattern = r"[0-9]{15}|[0-9A-Fa-f]{14}"
    return Text(pattern, "15 digits or 14 hex digits", optional=optional)


def policy(*, optional: bool = False) -> Text:
    return Text("|".join(POLICIES), ", ".join(POLICIES), optional=optional)


def cursor() -> Text:
    """A place to go on from; only the store knows whether it is one of its own."""
    return Text(
        r"[ -~]{1,500}", "the cursor that came with the page before", optional=True
    )


class Secret(Text):
    """Text that no error shows."""

    def _misuse(self, name: bytes, value: object) -> MisuseError:
        return super()._misuse(name, None if value is None else MASK)


def token() -> Text:
    return Secret(r"[!-~]{1,500}", "1 to 500 printable ASCII characters, no spaces")


def phone_number() -> Text:
    return Text(
        r"\+[0-9]{1,20}|[0-9*#]{1,20}",
        "1 to 20 digits, + and the country's code first, or as it is dialled at home",
    )


def message_text() -> Text:
    """No more than ten messages of the widest alphabet carry; longer ones of others are
    refused by the modem's part, which knows the alphabets."""
    return Secret(
        r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]{1,1530}",
        "1 to 1530 characters, line ends and tabs, no other control characters",
    )


def at_command() -> Text:
    """One line, so that nothing can end the command and begin another."""
    return Text(
        r"[Aa][Tt][ -~]{0,198}",
        "AT and what follows it, at most 200 printable ASCII characters",
    )


class Words(Checked):
    """A list of texts, each of a given form."""

    def __init__(
        self, pattern: str, most: int, allowed: str, *, optional: bool = False
    ) -> None:
        super().__init__(optional)
        self._pattern = re.compile(pattern)
        self._most = most
        self.allowed = allowed

    def fromString(self, inString: bytes) -> list[str]:
        try:
            words = json.loads(inString)
        except RecursionError:
            raise ValueError(self.allowed) from None
        return self._check(words)

    def toString(self, inObject: Sequence[str]) -> bytes:
        if isinstance(inObject, str):  # which is a sequence of texts too
            raise TypeError(inObject)
        return encode(self._check(list(inObject)))

    def _check(self, words: Any) -> list[str]:
        if not isinstance(words, list) or not 1 <= len(words) <= self._most:
            raise ValueError(self.allowed)
        for word in words:
            if not self._pattern.fullmatch(word):
                raise ValueError(word)
        return words


class Number(Checked):
    """A number in a range.

    :param below: whether `highest` itself is not in it.
    """

    def __init__(
        self,
        lowest: float,
        highest: float,
        unit: str,
        *,
        below: bool = False,
        optional: bool = False,
    ) -> None:
        super().__init__(optional)
        self._lowest, self._highest, self._below = lowest, highest, below
        least = "" if not below else "less than "
        self.allowed = f"{lowest:g} to {least}{highest:g} {unit}"

    def fromString(self, inString: bytes) -> float:
        return self._check(float(inString))

    def toString(self, inObject: float) -> bytes:
        if type(inObject) not in {int, float}:
            raise TypeError(inObject)
        return repr(self._check(float(inObject))).encode("ascii")

    def _check(self, number: float) -> float:
        # What is not a number is in no range.
        if not self._lowest <= number <= self._highest:
            raise ValueError(number)
        if self._below and number == self._highest:
            raise ValueError(number)
        return number


class Whole(Checked):
    """A whole number in a range."""

    def __init__(self, lowest: int, highest: int, *, optional: bool = False) -> None:
        super().__init__(optional)
        self._lowest, self._highest = lowest, highest
        self.allowed = f"{lowest} to {highest}"

    def fromString(self, inString: bytes) -> int:
        return self._check(int(inString))

    def toString(self, inObject: int) -> bytes:
        return b"%d" % self._check(inObject)

    def _check(self, number: int) -> int:
        if type(number) is not int or not self._lowest <= number <= self._highest:
            raise ValueError(number)
        return number


def limit() -> Whole:
    """How many records a page may have at most."""
    return Whole(1, MAX_LIMIT, optional=True)


class Flag(Checked, amp.Boolean):
    """Yes or no, and nothing that Python merely takes for it."""

    allowed = "True or False"

    def toString(self, inObject: bool) -> bytes:  # noqa: FBT001 - AMP's signature
        if type(inObject) is not bool:
            raise TypeError(inObject)
        encoded: bytes = super().toString(inObject)
        return encoded


class Moment(Checked, amp.DateTime):
    """An aware moment; it arrives in UTC."""

    allowed = "a time with its zone"

    def fromString(self, s: bytes) -> datetime:
        moment: datetime = super().fromString(s)
        return moment.astimezone(UTC)

    def toString(self, i: datetime) -> bytes:
        if i.tzinfo is None:
            raise ValueError(i)
        encoded: bytes = super().toString(i.astimezone(UTC))
        return encoded


class JSON(amp.Argument):
    """Records as ASCII JSON.

    AMP ends a value at 65,535 bytes. A longer one (a single outsized record: pages are kept
    below that) goes on under the keys ``name.1``, ``name.2`` and so on.
    """

    longest = 1 << 20

    def fromBox(
        self, name: bytes, strings: dict[bytes, bytes], objects: Any, proto: Any
    ) -> None:
        pieces = [self.retrieve(strings, name, proto)]
        while piece := strings.pop(b"%b.%d" % (name, len(pieces)), None):
            pieces.append(piece)
        objects[name.decode()] = json.loads(b"".join(pieces))

    def toBox(
        self, name: bytes, strings: dict[bytes, bytes], objects: Any, proto: Any
    ) -> None:
        text = encode(self.retrieve(objects, name.decode(), proto))
        if len(text) > self.longest:
            raise ValueError(f"{name!r} has {len(text)} bytes of JSON")
        size = amp.MAX_VALUE_LENGTH
        for number, start in enumerate(range(0, len(text), size)):
            key = b"%b.%d" % (name, number) if number else name
            strings[key] = text[start : start + size]


def encode(value: object) -> bytes:
    """Compact ASCII JSON; a `ValueError` for what JSON has no form for (NaN)."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def fitting(records: list[Any], room: int = PAGE_BYTES) -> int:
    """How many of the first records fit into `room` bytes of JSON; at least one does."""
    if len(encode(records)) <= room:  # nearly always, and much faster than one by one
        return len(records)
    size = 1
    for number, record in enumerate(records):
        size += len(encode(record)) + 1
        if number and size > room:
            return number
    return len(records)


def encode_error(error: GatewayError) -> str:
    """The fields of an error as JSON: AMP carries nothing but a text beside the code."""
    return encode([_plain(field) for field in error.args]).decode("ascii")


def _plain(field: object) -> object:
    if field is None or isinstance(field, bool):
        return field
    if isinstance(field, int) and abs(field) < 1 << 63:
        return field
    if isinstance(field, float) and field - field == 0:
        return field
    return (field if isinstance(field, str) else repr(field))[:_LONGEST_TEXT]


def error_decoder(kind: type[GatewayError]) -> Callable[[str], GatewayError]:
    """What turns the text that came with an error's code into the error."""

    def decode(text: str) -> GatewayError:
        try:
            return kind(*json.loads(text))
        except (ValueError, TypeError, RecursionError):
            return ProtocolViolation(f"an error without its fields: {text[:200]!r}")

    return decode
