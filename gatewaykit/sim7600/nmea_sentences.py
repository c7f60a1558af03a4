"""Sentences of NMEA 0183: read, taken apart, and made from a position.

The fields are named by pynmeagps, after the sentence was checked here: that library lets
`IndexError` out for some sentences, takes ``NaN``, ``1e999`` and ``1_0`` for numbers, has
``PQ`` (BeiDou on this module) for a proprietary sentence, and makes minutes of 60.00000
when it writes degrees.
"""

from __future__ import annotations

import math
import re
from typing import Any

import attrs
from pynmeagps import NMEAMessage
from pynmeagps.exceptions import (
    NMEAMessageError,
    NMEAParseError,
    NMEAStreamError,
    NMEATypeError,
)

MAX_SENTENCE = 120
"""Characters. The standard's limit is 82 with the line end; firmware passes it a little."""
_GET = 0
_ERRORS = (NMEAMessageError, NMEAParseError, NMEAStreamError, NMEATypeError)
_SENTENCE = re.compile(
    r"\$((?P<address>[A-Z][A-Z0-9]{2,9})(?P<fields>(?:,[ -#%-)+-~]*)?))"
    r"\*(?P<checksum>[0-9A-Fa-f]{2})"
).fullmatch
_NOT_A_NUMBER = re.compile(r"[+-]?(?:nan|inf(?:inity)?)", re.IGNORECASE).fullmatch
_MOMENT = re.compile(
    r"[0-9]{2}([0-9]{2})-([0-9]{2})-([0-9]{2})"
    r"T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,6}))?(?:Z|\+00:00)"
).fullmatch
_TO_KNOTS = 1 / 1.852


@attrs.frozen
class Sentence:
    """A sentence that is whole."""

    talker: str
    """As it was sent: ``BD`` and ``PQ`` are both BeiDou on this module."""
    kind: str
    """``GGA``, ``GSV``..."""
    fields: tuple[str, ...]
    text: str
    """Without line end."""


def checksum(content: str) -> str:
    """Of what stands between ``$`` and ``*``."""
    value = 0
    for octet in content.encode("ascii"):
        value ^= octet
    return f"{value:02X}"


def read(line: bytes | str) -> Sentence | None:
    """The sentence that a line is, its checksum right; None if it is none.

    One that says ``NaN`` anywhere is none: the rest of it is not to be believed either.
    """
    text = line.decode("latin-1") if isinstance(line, bytes) else line
    text = text.rstrip("\r\n")
    found = _SENTENCE(text) if len(text) <= MAX_SENTENCE else None
    if found is None or checksum(found[1]) != found["checksum"].upper():
        return None
    fields = tuple(found["fields"].split(",")[1:])
    if any(map(_NOT_A_NUMBER, fields)):
        return None
    address = found["address"]
    # A proprietary one has no talker: its P stands alone. PQ is a talker all the same.
    is_own = address[0] == "P" and not (address[1] == "Q" and len(address) == 5)
    size = 1 if is_own else 2
    return Sentence(address[:size], address[size:], fields, text)


def named(sentence: Sentence) -> dict[str, Any] | None:
    """The named fields; an empty one is ``""``, one that was not sent is not there."""
    try:
        message = NMEAMessage(
            sentence.talker, sentence.kind, _GET, payload=list(sentence.fields)
        )
    except _ERRORS:
        return None
    return {name: value for name, value in vars(message).items() if name[0] != "_"}


def sentences(location: dict[str, Any]) -> list[str]:
    """GGA, RMC, GSA and VTG of a location record, without line ends.

    For clients that want sentences where there is no NMEA port. Their empty forms, as the
    module has them while it searches, unless the position is valid.
    """
    if location["fix_status"] != "valid":
        return [
            _made("GGA", *[""] * 5, "0", *[""] * 8),
            _made("RMC", "", "V", *[""] * 9, "N"),
            _made("GSA", "A", "1", *[""] * 15),
            _made("VTG", "", "T", "", "M", "", "N", "", "K", "N"),
        ]
    time, date = _moment(location["gps_time"])
    place = [
        *_angle(location["latitude"], 2, "NS"),
        *_angle(location["longitude"], 3, "EW"),
    ]
    height, geoid = (
        _number(location[name]) for name in ("altitude_m", "geoid_separation_m")
    )
    heading = _number(location["heading_deg"])
    kmh = location["speed_kmh"]
    knots = _number(None if kmh is None else kmh * _TO_KNOTS)
    counts = location["satellites"]
    count = counts["total"] if counts["used"] is None else counts["used"]
    used = [
        f"{one['svid']:02d}"
        for one in location["sky"] or ()
        if one["used"] and one["gnss"] == "gps"
    ][:12]
    pdop, hdop, vdop = (_number(location[name]) for name in ("pdop", "hdop", "vdop"))
    return [
        _made(
            "GGA",
            *(time, *place, "1", "" if count is None else f"{min(count, 99):02d}"),
            *(hdop, height, "M" if height else "", geoid, "M" if geoid else "", "", ""),
        ),
        _made("RMC", time, "A", *place, knots, heading, date, "", "", "A"),
        _made(
            *("GSA", "A", str(location["mode"] or 2), *used, *[""] * (12 - len(used))),
            *(pdop, hdop, vdop),
        ),
        _made("VTG", heading, "T", "", "M", knots, "N", _number(kmh), "K", "A"),
    ]


def _made(kind: str, *fields: str) -> str:
    message = NMEAMessage("GP", kind, _GET, payload=list(fields))
    sentence: bytes = message.serialize()
    return sentence.decode("ascii").rstrip("\r\n")


def _moment(gps_time: str | None) -> tuple[str, str]:
    """``hhmmss.s`` and ``ddmmyy``."""
    found = _MOMENT(gps_time or "")
    if found is None:
        return "", ""
    year, month, day, hour, minute, second, fraction = found.groups("0")
    return f"{hour}{minute}{second}.{fraction.rstrip('0') or '0'}", day + month + year


def _angle(degrees: float, width: int, signs: str) -> tuple[str, str]:
    """``ddmm.mmmmmm`` and the half of the globe.

    Rounded as a whole: minutes rounded on their own become 60.000000 now and then.
    """
    whole, rest = divmod(round(abs(degrees) * 60_000_000), 60_000_000)
    minutes, millionths = divmod(rest, 1_000_000)
    return f"{whole:0{width}d}{minutes:02d}.{millionths:06d}", signs[degrees < 0]


def _number(value: float | None) -> str:
    if value is None or not math.isfinite(value):
        return ""
    return f"{value:.1f}"
