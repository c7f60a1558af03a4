"""A command as it goes over the wire: ``AT+GTOUT=gv50,1,,,,,,0,,,,,,,0A3F$``
(facts/gv50.md 5.1)."""

from __future__ import annotations

import re
from typing import Final

import attrs

from gatewaykit.access import MASK
from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.gv50 import command_grammar as grammar

PASSWORD: Final = "$"  # noqa: S105 - none, and no value may be that
"""Stands among the values for the password that the device has."""

_TYPE = re.compile(r"GT[A-Z]{3}").fullmatch
_WRITTEN = re.compile(rb"AT\+(GT[A-Z0-9]{3})=([ -#%-~]*)\$(?:\r\n)?").fullmatch


def _is_type(_: object, __: object, text: str) -> None:
    if not _TYPE(text):
        raise MisuseError("type", text[:20], "GT and 3 upper-case letters")


def _are_values(_: object, __: object, values: tuple[str, ...]) -> None:
    for number, value in enumerate(values, 1):
        if value != PASSWORD and not grammar.is_plain(value):
            raise MisuseError(f"value {number}", MASK, grammar.CHARACTERS)


@attrs.frozen
class Order:
    """A command ready to be written, but for the device's password and a serial."""

    kind: str
    type: str = attrs.field(validator=_is_type)
    values: tuple[str, ...] = attrs.field(validator=_are_values, repr=False)
    """Between password and serial; `PASSWORD` stands for the device's password."""
    secret: frozenset[int]
    """Indices of values that nobody may see."""
    level: int | None
    """The steady level that output 1 has after it, None if it sets none or pulses."""
    may_block: bool
    """It can switch output 1 to the blocking level, or nobody knows: it goes through the
    interlock."""
    lasting: bool
    """It lets the device drive the output by itself later, so it needs an override."""
    certainty: str
    """Of its form, as facts/gv50.md 0.1 marks it; ``set``: the settings say so."""

    def wire(self, password: str, serial: str) -> bytes:
        """What is written.

        :raises MisuseError: the password (not shown) or the serial is not well-formed.
        """
        if not grammar.is_password(password):
            raise MisuseError("password", MASK, grammar.PASSWORD_RULE)
        values = [password if v == PASSWORD else v for v in self.values]
        return self._text(password, values, serial).encode("ascii")

    def shown(self, serial: str) -> str:
        """The same without password and secrets."""
        values = [
            MASK if value == PASSWORD or (value and at in self.secret) else value
            for at, value in enumerate(self.values)
        ]
        return self._text(MASK, values, serial)

    def _text(self, password: str, values: list[str], serial: str) -> str:
        if not grammar.is_serial(serial):
            raise MisuseError("serial", serial[:20], grammar.SERIAL_RULE)
        return f"AT+{self.type}={','.join((password, *values, serial))}$"


@attrs.frozen
class Written:
    """A command as a device reads it."""

    type: str
    password: str = attrs.field(repr=False)
    values: tuple[str, ...] = attrs.field(repr=False)
    serial: str


def parse(text: bytes) -> Written:
    """Read a command as a device does; a line end behind it does no harm.

    :raises ProtocolViolation: it is none. The error holds nothing of it, since there may
        be a password in it.
    """
    match = _WRITTEN(text)
    if match is None:
        raise ProtocolViolation("no AT+GTxxx=...$")
    password, *values = str(match[2], "ascii").split(",")
    if not values or not grammar.is_serial(values[-1]):
        raise ProtocolViolation("no serial of 4 hexadecimal digits")
    return Written(str(match[1], "ascii"), password, tuple(values[:-1]), values[-1])
