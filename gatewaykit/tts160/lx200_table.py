"""Every command of facts/tts160.md 2, one row each. Pure.

The rows say what goes out, what comes back, how often it may be sent and what it does.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable
from typing import Final

import attrs

from gatewaykit.errors import ProtocolViolation
from gatewaykit.tts160 import axes, coordinates, local_time
from gatewaykit.tts160.commands import Effect, Reply, Retry

GOTO_S: Final = 3.0
"""The first byte after a command that plans a goto (facts/tts160.md 1.5)."""


class Evidence(enum.Enum):
    """How sure it is that the mount knows a command."""

    CONFIRMED = "real"
    """A driver for this mount uses it."""
    STANDARD = "std"
    """LX200 that clients ask for; nobody has reported it of this mount."""


@attrs.frozen
class Row:
    """A command by what it begins with; without an argument that is all of it."""

    head: str
    reply: Reply
    retry: Retry
    effect: Effect
    evidence: Evidence
    argument: str = ""
    """The grammar of what stands between `head` and ``#``."""
    allowed: str = ""
    """The same in words."""
    is_possible: Callable[[re.Match[str]], bool] = lambda _: True
    """What a grammar cannot say: ranges of numbers, dates that the calendar has."""
    first_byte_s: float | None = None

    def takes(self, argument: str) -> bool:
        found = re.fullmatch(self.argument, argument)
        return found is not None and self.is_possible(found)


_REAL: Final = Evidence.CONFIRMED
_STD: Final = Evidence.STANDARD

_ASK: Final = (Reply.TEXT, Retry.SAFE, Effect.READ)
_ASK_FLAG: Final = (Reply.FLAG, Retry.SAFE, Effect.READ)
_SET: Final = (Reply.FLAG, Retry.IDEMPOTENT, Effect.SET)
_SET_BLIND: Final = (Reply.NONE, Retry.IDEMPOTENT, Effect.SET)
_ONCE_BLIND: Final = (Reply.NONE, Retry.NEVER, Effect.SET)
_SYNC: Final = (Reply.TEXT, Retry.NEVER, Effect.SET)
_MOVE: Final = (Reply.NONE, Retry.NEVER, Effect.MOVE)
_STOP: Final = (Reply.NONE, Retry.SAFE, Effect.STOP)


def _each(
    heads: str, kind: tuple[Reply, Retry, Effect], evidence: Evidence
) -> Iterable[Row]:
    return (Row(f":{head}", *kind, evidence) for head in heads.split())


# 0xDF is the degree sign in the LX200's character set.
_MINUTES = r"[*:\xdf][0-9]{2}"
_SECONDS = r"[:'][0-9]{2}(?:\.[0-9])?"


def _reads(parse: Callable[[str], object]) -> Callable[[re.Match[str]], bool]:
    def is_possible(found: re.Match[str]) -> bool:
        try:
            parse(found[0])
        except ProtocolViolation:
            return False
        return True

    return is_possible


def _is_fraction(found: re.Match[str]) -> bool:
    numerator, denominator = int(found[2]), int(found[3])
    axis = axes.Axis.ELEVATION if found[1] in "ns" else axes.Axis.HORIZONTAL
    if denominator == 0:
        return False
    rate_deg_s = axes.axis_rate_deg_s(numerator, denominator, axis)
    # Drivers round coarsely: 1 degree becomes 1.000273 (facts/tts160.md 7.3).
    return rate_deg_s <= axes.MOST_RATE_DEG_S * 1.001


def _is_park_setting(found: re.Match[str]) -> bool:
    return found[0] == "0" or _reads(coordinates.parse_park_setting)(found)


_GETTERS = (
    *_each("GR GD GA GZ GS GL GC GG Gt Gg GW GVP GVN GVD D ra", _ASK, _REAL),
    *_each("Gr Gd GVT GVF Gc GT GM GN GO GP", _ASK, _STD),
)

_SETTERS = (
    Row(
        ":Sr",
        *_SET,
        _REAL,
        r" ?[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9])?|\.[0-9])",
        "HH:MM:SS, HH:MM:SS.S or HH:MM.T below 24 hours",
        _reads(coordinates.parse_hours),
    ),
    Row(
        ":Sd",
        *_SET,
        _REAL,
        rf" ?[+-][0-9]{{2}}{_MINUTES}(?:{_SECONDS})?",
        "sDD*MM, sDD*MM:SS or sDD*MM:SS.S with its sign, within 90 degrees",
        _reads(coordinates.parse_declination),
    ),
    Row(":CM", *_SYNC, _REAL),
    *_each("RG RM RC RS T1 T0 TQ TL TS", _SET_BLIND, _REAL),
    *_each("TM", _SET_BLIND, _STD),
    *_each("T+ T-", _ONCE_BLIND, _STD),
    Row(":ST", *_SET, _STD, r"[0-9]{2,3}\.[0-9]", "a frequency in Hz as 60.1 or 060.1"),
    Row(
        ":SC",
        Reply.DATE,
        Retry.NEVER,
        Effect.SET,
        _REAL,
        r"[0-9/]{8}",
        "a date as MM/DD/YY",
        _reads(local_time.parse_date),
    ),
    Row(
        ":SL",
        # Drivers differ on whether a `#` follows (facts/tts160.md 1.4): as with a date,
        # what follows is waited for.
        Reply.DATE,
        Retry.NEVER,
        Effect.SET,
        _REAL,
        r"[0-9:]{8}",
        "a time as HH:MM:SS",
        _reads(local_time.parse_time),
    ),
    Row(
        ":SG",
        *_SET,
        _STD,
        r"[+-][0-9]{2}(?:\.[0-9])?",
        "hours to add to local time as sHH or sHH.H, -14 to +12",
        _reads(local_time.parse_utc_offset),
    ),
    Row(
        ":St",
        *_SET,
        _STD,
        rf"[+-][0-9]{{2}}{_MINUTES}(?:'|{_SECONDS})?",
        "sDD*MM or sDD*MM:SS with its sign, within 90 degrees",
        _reads(coordinates.parse_declination),
    ),
    Row(
        ":Sg",
        *_SET,
        _STD,
        rf"[+-]?[0-9]{{2,3}}{_MINUTES}(?:'|{_SECONDS})?",
        "DDD*MM or DDD*MM:SS counted to the west, up to 360 or, with a sign, within 180"
        " degrees",
        _reads(coordinates.parse_longitude),
    ),
    Row(
        ":P",
        Reply.PRECISION,
        Retry.NEVER,
        Effect.SET,
        _STD,
    ),
    *_each("U H AA AP AL PO", _ONCE_BLIND, _STD),
    Row(":W", *_ONCE_BLIND, _STD, r"[0-9]", "the number of a site, one digit"),
    # The focuser's speed and stop; its own motor is no axis of the mount.
    *_each("FQ FS FF", _SET_BLIND, _STD),
)

_MOTION = (
    Row(
        ":MS",
        Reply.GOTO,
        Retry.NEVER,
        Effect.MOVE,
        _REAL,
        first_byte_s=GOTO_S,
    ),
    *_each("Mn Ms Me Mw hP", _MOVE, _REAL),
    Row(
        ":Mg",
        *_MOVE,
        _REAL,
        r"[nsew][0-9]{4}",
        "n, s, e or w and four digits of milliseconds",
    ),
    *_each("hF hS F+ F-", _MOVE, _STD),
    *_each("Q Qn Qs Qe Qw", _STOP, _REAL),
)

_EXTENSIONS = (
    *_each("*GR *GD *GA *GZ *Gr *Gd *Gt *Gg *PG *TRG *gRG *RR *RD", _ASK, _REAL),
    *_each("*E *Pq", _ASK_FLAG, _REAL),
    Row(
        ":*PS",
        *_SET_BLIND,
        _REAL,
        r"0|1[0-9.]{13}",
        "0, or 1DDD.dddDD.ddd: azimuth within 360 and altitude within 90 degrees",
        _is_park_setting,
    ),
    Row(":*gRS", *_SET_BLIND, _REAL, r"[0-4]", "an index, 0 to 4"),
    *(
        Row(
            head,
            *_SET_BLIND,
            _REAL,
            r"[+-][0-9]{2}\.[0-9]{10}",
            "an offset as sDD.dddddddddd",
        )
        for head in (":*SR", ":*SD")
    ),
    Row(
        ":*M",
        *_MOVE,
        _REAL,
        r"([nsew])([0-9]{4})([0-9]{4})",
        "n, s, e or w and NNNNDDDD: a fraction of the motor clock that gives at most"
        f" {axes.MOST_RATE_DEG_S} degrees per second",
        _is_fraction,
    ),
    Row(":**", *_SYNC, _REAL, r"[1-3]", "a number of points, 1 to 3"),
    Row(":*CM", *_SYNC, _REAL),
    Row(
        ":*!",
        Reply.CASE,
        Retry.SAFE,
        Effect.READ,
        _REAL,
        r"[0-8]",
        "the number of a block (0 to 8), or G or S with a blank after it",
    ),
    Row(
        ":*!G ",
        Reply.BINARY,
        Retry.SAFE,
        Effect.READ,
        _REAL,
        r"[A-Z][1-9][0-9]?(?:,[A-Z]?[1-9][0-9]?){0,9}",
        "one to ten variables as T1,T2,C5; a letter holds until the next one",
    ),
)

ROWS: Final = (*_GETTERS, *_SETTERS, *_MOTION, *_EXTENSIONS)
"""All but the byte ACK and ``:*!S``, which are no text."""
