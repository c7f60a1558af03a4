"""Answers about the network: signal, registration, operator, modes. Pure.

Facts: facts/sim7600.md 3.2 to 3.4, 3.6. What is implausible is refused with `ReplyError`.
"""

from __future__ import annotations

import re

import attrs

from gatewaykit.sim7600.reading import Fields
from gatewaykit.sim7600.tables import (
    MODE_PREFERENCES,
    RADIO_MODES,
    REGISTRATION,
    TECHNOLOGIES,
)

_REGISTRATION = ("+CREG:", "+CGREG:", "+CEREG:")
_STAT = re.compile(r"[0-9]{1,2}").fullmatch
_NUMERIC = re.compile(r"[0-9]{5,6}").fullmatch
_LONGEST_NAME = 64
"""Of an operator; real ones have a third of it."""


@attrs.frozen
class Signal:
    """``AT+CSQ``. None for what the modem does not know."""

    rssi: int | None
    """The modem's number: 0 to 31, or 100 to 191 for the RSCP of TD-SCDMA."""
    ber: int | None
    """0 to 7, as in 3GPP."""
    signal_dbm: int | None
    percent: int | None
    """Of the range that `rssi` is in."""


def csq(line: str) -> Signal:
    """``+CSQ: 22,99``."""
    fields = Fields(line, "+CSQ:")
    rssi = fields.needed(0, 0, 199)
    ber = fields.needed(1, 0, 99)
    if 7 < ber < 99:
        raise fields.error("there is no such bit error rate")
    known_ber = None if ber == 99 else ber
    if rssi in {99, 199}:
        return Signal(None, known_ber, None, None)
    if rssi <= 31:
        return Signal(rssi, known_ber, -113 + 2 * rssi, round(rssi * 100 / 31))
    if 100 <= rssi <= 191:
        return Signal(rssi, known_ber, rssi - 216, round((rssi - 100) * 100 / 91))
    raise fields.error("there is no such signal strength")


@attrs.frozen
class Registration:
    """``+CREG``, ``+CGREG`` or ``+CEREG``; the place is told only while registered."""

    n: int | None
    """None: the modem said it unasked."""
    stat: int
    """See `tables.REGISTRATION`."""
    area_code: int | None
    cell_id: int | None
    act: int | None
    """See `tables.TECHNOLOGIES`."""


def is_registration_answer(line: str) -> bool:
    """Whether it is an answer, and not said unasked (facts/sim7600.md 2.6).

    An answer has a second field, and it is a number of one or two digits without quotes.
    Never raises.
    """
    if not line.startswith(_REGISTRATION):
        return False
    fields = line.partition(":")[2].split(",")
    return len(fields) > 1 and _STAT(fields[1].strip()) is not None


def registration(line: str) -> Registration:
    """An answer, or what the modem said unasked. Surplus fields are ignored."""
    fields = Fields(line, *_REGISTRATION)
    is_answer = is_registration_answer(line)
    first = 1 if is_answer else 0
    act = fields.integer(first + 3, 0, max(TECHNOLOGIES))
    return Registration(
        fields.needed(0, 0, 5) if is_answer else None,
        fields.needed(first, 0, max(REGISTRATION)),
        fields.hexadecimal(first + 1, 0xFF_FFFF),
        fields.hexadecimal(first + 2, 0xF_FFFF_FFFF),
        act,
    )


@attrs.frozen
class Operator:
    """``AT+COPS?``. Without a network there is nothing but the mode."""

    mode: int
    """0 automatic, 1 manual, 2 deregistered, ..."""
    format: int | None
    """0 long, 1 short, 2 numeric: MCC and MNC."""
    name: str | None
    act: int | None
    """See `tables.TECHNOLOGIES`."""


def operator(line: str) -> Operator:
    """``+COPS: 0,0,"T-Mobile",7``; the name may be empty, and may have commas in it."""
    fields = Fields(line, "+COPS:")
    mode = fields.needed(0, 0, 5)
    form = fields.integer(1, 0, 2)
    if fields[2] and not fields.is_quoted(2):
        raise fields.error("the operator is not in quotes")
    name = fields.text(2).strip()
    if len(name) > _LONGEST_NAME:
        raise fields.error("no operator has so long a name")
    if name and form == 2 and not _NUMERIC(name):
        raise fields.error("it is no MCC and MNC")
    act = fields.integer(3, 0, max(TECHNOLOGIES))
    return Operator(mode, form, name or None, act)


@attrs.frozen
class RadioMode:
    """``AT+CNSMOD?``: what is in use, in more detail than by ``AT+COPS?``."""

    stat: int
    name: str | None
    """None: no network."""
    technology: str | None


def radio_mode(line: str) -> RadioMode:
    """``+CNSMOD: 0,8``, or ``+CNSMOD: 8`` said unasked."""
    fields = Fields(line, "+CNSMOD:")
    stat = fields.needed(len(fields) - 1, 0, 99)
    if len(fields) > 2 or stat not in RADIO_MODES:
        raise fields.error("there is no such mode")
    return RadioMode(stat, *RADIO_MODES[stat])


def mode_preference(line: str) -> str:
    """``AT+CNMP?`` by name; a number that is in no table as itself."""
    number = Fields(line, "+CNMP:").needed(0, 0, 255)
    return MODE_PREFERENCES.get(number, f"mode {number}")
