"""Answers of the modem as records: identity, SIM, supply, GNSS control, storage. Pure.

Lines come stripped and decoded as latin-1. What is implausible is refused with `ReplyError`
and nothing else, whatever the line; the rule for single fields is in `reading`. Errors
(`results`) and the answers about the network (`radio`, `system`) can be had from here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600.radio import (
    Operator,
    RadioMode,
    Registration,
    Signal,
    csq,
    is_registration_answer,
    mode_preference,
    operator,
    radio_mode,
    registration,
)
from gatewaykit.sim7600.reading import Fields, ReplyError
from gatewaykit.sim7600.results import ErrorResult, final_error, sim_failure
from gatewaykit.sim7600.status import network_record
from gatewaykit.sim7600.system import System, system
from gatewaykit.sim7600.tables import (
    CONSTELLATIONS,
    REGISTRATION,
    TECHNOLOGIES,
    error_text,
)

__all__ = [
    "REGISTRATION",
    "TECHNOLOGIES",
    "Engine",
    "ErrorResult",
    "Identity",
    "Operator",
    "RadioMode",
    "Registration",
    "ReplyError",
    "Signal",
    "Storage",
    "System",
    "clock",
    "constellation_mask",
    "constellations",
    "csq",
    "error_text",
    "final_error",
    "firmware",
    "functionality",
    "gps_auto",
    "gps_engine",
    "iccid",
    "identity",
    "imei",
    "imsi",
    "is_registration_answer",
    "manufacturer",
    "mode_preference",
    "model",
    "network_record",
    "operator",
    "phone_number",
    "pin",
    "power_saving",
    "radio_mode",
    "registration",
    "sim_failure",
    "sms_reference",
    "sms_storage",
    "system",
    "temperature",
    "usb_composition",
    "voltage",
]

_IMEI = re.compile(r"[0-9]{15}").fullmatch
_IMSI = re.compile(r"[0-9]{6,15}").fullmatch
_ICCID = re.compile(r"([0-9]{19,20})[Ff]*").fullmatch
_NUMBER = re.compile(r"\+?[0-9*#]{1,20}").fullmatch
_WORDS = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?").fullmatch
_PIN = re.compile(r"[A-Z][A-Z0-9 -]{1,29}").fullmatch
_VOLTAGE = re.compile(r"([0-9]{1,2}\.[0-9]{1,4}) ?[Vv]").fullmatch
_CLOCK = re.compile(
    r"([0-9]{2})/([0-9]{2})/([0-9]{2}),([0-9]{2}):([0-9]{2}):([0-9]{2})([+-][0-9]{2})"
).fullmatch
_ENGINE = re.compile(r"\+CGPS:\s*([01])(?:\s*,\s*([0-9]))?").fullmatch
_STORAGE = re.compile(r"[A-Z]{2}").fullmatch
_COMPOSITION = re.compile(r"\+CUSBPIDSWITCH:\s*([0-9A-Fa-f]{4})").fullmatch

_WIDEST_ZONE = 56
"""Quarter hours: 14 hours is the most that a place has."""
_UNSET_YEARS = 70
"""A clock that was not set says 1970 or 1980 and counts on from there."""


# Identity (facts/sim7600.md 3.1)


@attrs.frozen
class Identity:
    """The answer to ``ATI``; None for what is not in it or cannot be."""

    manufacturer: str | None
    model: str | None
    revision: str | None
    imei: str | None
    capabilities: tuple[str, ...]


def identity(lines: Sequence[str]) -> Identity:
    """All lines of the answer to ``ATI``, in whatever order."""
    told: dict[str, str] = {}
    for line in lines:
        key, colon, text = line.partition(":")
        if colon and _WORDS(text.strip()):
            told.setdefault(key.strip().casefold(), text.strip())
    number = told.get("imei", "")
    found = Identity(
        told.get("manufacturer"),
        told.get("model"),
        told.get("revision"),
        number if _IMEI(number) else None,
        tuple(
            each.strip() for each in told.get("+gcap", "").split(",") if each.strip()
        ),
    )
    if found == Identity(None, None, None, None, ()):
        raise ReplyError("\n".join(lines), "nothing of it is known")
    return found


def _words(line: str, text: str) -> str:
    if not _WORDS(text):
        raise ReplyError(line, "it is no readable text")
    return text


def manufacturer(line: str) -> str:
    """``AT+CGMI``."""
    return _words(line, line.strip())


def model(line: str) -> str:
    """``AT+CGMM``, which has no prefix, other than ``AT+CGMR``."""
    return _words(line, line.strip())


def firmware(line: str) -> str:
    """``AT+CGMR``, with its prefix or without."""
    return _words(line, line.removeprefix("+CGMR:").strip())


def imei(line: str) -> str:
    """``AT+CGSN``."""
    if not _IMEI(line):
        raise ReplyError(line, "it is no IMEI")
    return line


def imsi(line: str) -> str:
    """``AT+CIMI``."""
    if not _IMSI(line):
        raise ReplyError(line, "it is no IMSI")
    return line


def iccid(line: str) -> str:
    """``AT+CICCID``, without the F that fills it up."""
    fields = Fields(line, "+ICCID:")
    found = _ICCID(fields.rest)
    if found is None:
        raise fields.error("it is no ICCID")
    return found[1]


def phone_number(line: str) -> str | None:
    """One line of ``AT+CNUM``; None for a SIM that does not know its number."""
    fields = Fields(line, "+CNUM:")
    if not fields.is_quoted(1):
        raise fields.error("there is no number in it")
    number = fields.text(1)
    if number and not _NUMBER(number):
        raise fields.error("it is no phone number")
    return number or None


def pin(line: str) -> str:
    """What the modem says of the SIM, asked or not: ``READY``, ``SIM PIN``, ...; its words
    for a SIM that is not there or not ready yet are put as in `sim_failure`."""
    fields = Fields(line, "+CPIN:", "+SIMCARD:")
    state = fields.rest.upper()
    if not _PIN(state):
        raise fields.error("it is no state of a SIM")
    return {
        "SIM REMOVED": "not inserted",
        "NOT AVAILABLE": "not inserted",
        "NOT READY": "busy",
    }.get(state, state)


# Supply, clock, power


def voltage(line: str) -> float:
    """``AT+CBC``, in volts."""
    fields = Fields(line, "+CBC:")
    found = _VOLTAGE(fields.rest)
    if found is None or not 1.0 <= float(found[1]) <= 20.0:
        raise fields.error("it is no voltage of a modem")
    return float(found[1])


def temperature(line: str) -> float:
    """``AT+CPMUTEMP``, in degrees Celsius."""
    fields = Fields(line, "+CPMUTEMP:")
    found = fields.decimal(0, -60, 150)
    if found is None:
        raise fields.error("it is no temperature of a modem")
    return found


def clock(line: str) -> datetime | None:
    """``AT+CCLK?``, in the zone that it names; None for a clock that was not set."""
    fields = Fields(line, "+CCLK:")
    found = _CLOCK(fields.text(0))
    if found is None:
        raise fields.error("it is no time")
    year, *others, zone = (int(number) for number in found.groups())
    if year >= _UNSET_YEARS:
        return None
    month, day, hour, minute, second = others
    if abs(zone) > _WIDEST_ZONE:
        raise fields.error("there is no such time zone")
    offset = timedelta(minutes=15 * zone)
    try:
        return datetime(
            *(2000 + year, month, day, hour, minute, second),
            tzinfo=timezone(offset) if zone else UTC,
        )
    except ValueError:
        raise fields.error("there is no such time") from None


def functionality(line: str) -> int:
    """``AT+CFUN?``: 0 minimum, 1 full, 4 radio off, ... (facts/sim7600.md 3.11)."""
    return Fields(line, "+CFUN:").needed(0, 0, 7)


def usb_composition(line: str) -> str:
    """``AT+CUSBPIDSWITCH?``: the USB product number, in hexadecimal."""
    found = _COMPOSITION(line)
    if found is None:
        raise ReplyError(line, "it is no USB product number")
    return found[1].upper()


# GNSS control (facts/sim7600.md 3.7)


@attrs.frozen
class Engine:
    """The answer to ``AT+CGPS?``."""

    on: bool
    mode: int | None
    """1 standalone, 2 UE-based, 3 UE-assisted."""


def gps_engine(answer: str | Sequence[str]) -> Engine:
    """The answer, or all lines that look like it: a line of one field is that the engine
    has stopped just now, unless it is all there is (facts/sim7600.md 2.6)."""
    lines = [answer] if isinstance(answer, str) else answer
    found = [match for match in map(_ENGINE, lines) if match]
    if not found:
        raise ReplyError("\n".join(lines), "it is no state of the GNSS engine")
    state, mode = ([m for m in found if m[2]] or found)[-1].groups()
    return Engine(state == "1", int(mode) if mode in {"1", "2", "3"} else None)


def gps_auto(line: str) -> bool:
    """``AT+CGPSAUTO?``: whether the engine starts with the modem."""
    return bool(Fields(line, "+CGPSAUTO:").needed(0, 0, 1))


def constellations(line: str) -> frozenset[str]:
    """``AT+CGNSSMODE?``: what is used beside GPS, which always is."""
    mask = Fields(line, "+CGNSSMODE:").needed(0, 0, 15)
    return frozenset(name for name, bit in CONSTELLATIONS.items() if mask & bit)


def power_saving(line: str) -> bool | None:
    """The other field of ``AT+CGNSSMODE?``; None where it is not there."""
    dpo = Fields(line, "+CGNSSMODE:").integer(1, 0, 1)
    return None if dpo is None else bool(dpo)


def constellation_mask(names: Iterable[str]) -> int:
    """The number that ``AT+CGNSSMODE`` takes. Raises `MisuseError` for an unknown name."""
    mask = 0
    for name in names:
        if name not in CONSTELLATIONS:
            raise MisuseError("constellation", name, ", ".join(CONSTELLATIONS))
        mask |= CONSTELLATIONS[name]
    return mask


# Short messages (facts/sim7600.md 4)


@attrs.frozen
class Storage:
    """Where messages are kept, and how full it is."""

    name: str
    used: int
    total: int


def sms_storage(line: str) -> Storage:
    """``AT+CPMS?``: the storage that is read and deleted from, the first of three."""
    fields = Fields(line, "+CPMS:")
    name = fields.text(0)
    if not _STORAGE(name):
        raise fields.error("it names no storage")
    total = fields.needed(2, 0, 99_999)
    return Storage(name, fields.needed(1, 0, total), total)


def sms_reference(line: str) -> int:
    """``+CMGS``: the number that the message was sent under."""
    return Fields(line, "+CMGS:").needed(0, 0, 255)
