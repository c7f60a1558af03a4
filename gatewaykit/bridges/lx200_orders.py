"""What LX200 clients ask for: the sense of each command.

A command that is not here, or whose argument cannot be read where no answer is due, gets no
byte: one too many would put its client out of step for good.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import attrs

from gatewaykit.bridges import lx200_readings as readings
from gatewaykit.bridges.lx200_sessions import Setting
from gatewaykit.errors import ProtocolViolation
from gatewaykit.tts160 import axes, coordinates, local_time
from gatewaykit.tts160.commands import Effect, Reply
from gatewaykit.tts160.lx200_table import ROWS, Evidence


class Kind(enum.Enum):
    READ = "read"
    """What `lx200_readings` has."""
    ASK = "ask"
    """What only the mount can tell."""
    STOP = "stop"
    STOP_AXIS = "stop an axis"
    """By the value, a direction."""
    GOTO = "goto"
    SYNC = "sync"
    MOVE = "move"
    """To the value, a direction."""
    GUIDE = "guide"
    """The value: direction and milliseconds."""
    PARK = "park"
    UNPARK = "unpark"
    TRACKING = "tracking"
    """The value: `on` or a rate."""
    FREQUENCY = "frequency"
    """The same by a frequency, with an answer; None for one that is no rate of ours."""
    KEEP = "keep"
    """A setting, without an answer."""
    TAKE = "take"
    """A setting, answered by 1, or 0 where the value is None."""
    PRECISION = "precision"
    """Low to high or back."""
    PLACE = "place"
    CLOCK = "clock"
    """Like TAKE; the mount is told once all parts are there."""
    REFUSE = "refuse"
    """Something with an answer that we don't have: 0."""
    NOTHING = "nothing"


@attrs.frozen
class Order:
    """A command and its sense."""

    kind: Kind
    text: str
    """The command, without ``:`` and ``#``."""
    value: Any = None
    setting: Setting | None = None


DIRECTIONS: Final = MappingProxyType({each[0]: each for each in axes.DIRECTIONS})
RATES_DEG_S: Final = MappingProxyType(
    {"RG": axes.SIDEREAL_ARCSEC_S / 3600, **axes.KEY_PAD_RATES_DEG_S}
)
"""Of the commands that choose one (facts/tts160.md 2.2). How fast the mount guides is its own
business; the rate of the stars is what LX200 guides at."""
USUAL_RATE_DEG_S: Final = RATES_DEG_S["RS"]
"""Of a client that has chosen none: the mount begins with it (facts/tts160.md 7.4), and INDI
shows it as chosen."""

_GUIDE = re.compile(r"Mg([nsew])([0-9]{1,4})")
_TRACKING: Final[Mapping[str, Any]] = MappingProxyType(
    {"T1": True, "T0": False, "TQ": "sidereal", "TL": "lunar", "TS": "solar"}
)
_FREQUENCIES: Final = MappingProxyType(
    {float(hertz): rate for rate, hertz in readings.FREQUENCIES_HZ.items()}
)


def _exact() -> Mapping[str, Order]:
    orders = [Order(Kind.READ, name) for name in readings.NAMES]
    for letter, direction in DIRECTIONS.items():
        orders.append(Order(Kind.MOVE, f"M{letter}", direction))
        orders.append(Order(Kind.STOP_AXIS, f"Q{letter}", direction))
    orders += [Order(Kind.TRACKING, text, value) for text, value in _TRACKING.items()]
    orders += [
        Order(Kind.KEEP, text, rate_deg_s, Setting.RATE)
        for text, rate_deg_s in RATES_DEG_S.items()
    ]
    orders += [
        Order(Kind.STOP, "Q"),
        Order(Kind.GOTO, "MS"),
        Order(Kind.SYNC, "CM"),
        Order(Kind.PARK, "hP"),
        Order(Kind.UNPARK, "PO"),
        Order(Kind.PRECISION, "U"),
    ]
    return MappingProxyType({order.text: order for order in orders})


def _frequency(text: str) -> str:
    """The rate that INDI means by ``060.1``."""
    try:
        return _FREQUENCIES[float(text)]
    except (KeyError, ValueError):
        raise coordinates.violation("frequency", text) from None


def _fastest(text: str) -> float:
    """SkySafari's ``:Sw2#`` to ``:Sw8#``: degrees per second, which the axes may not have."""
    if text not in set("2345678"):
        raise coordinates.violation("rate", text)
    return min(float(text), axes.MOST_RATE_DEG_S)


_EXACT: Final = _exact()
_NAMES: Final = frozenset({"SM", "SN", "SO", "SP"})
"""Of sites; the mount has none that could be changed."""
_ASKED: Final = frozenset(
    row.head.removeprefix(":")
    for row in ROWS
    if row.effect is Effect.READ
    and row.evidence is Evidence.CONFIRMED
    and row.reply in {Reply.TEXT, Reply.FLAG}
)
"""What the mount answers, and to read it changes nothing. What it is only said to answer is
not tried: a question without an answer stops the line for all."""
_WITH_VALUE: Final[Mapping[str, tuple[Kind, Setting | None, Callable[[str], Any]]]] = (
    MappingProxyType(
        {
            "Sr": (Kind.TAKE, Setting.RIGHT_ASCENSION, coordinates.parse_hours),
            "Sd": (Kind.TAKE, Setting.DECLINATION, coordinates.parse_declination),
            "Sw": (Kind.TAKE, Setting.RATE, _fastest),
            "St": (Kind.PLACE, Setting.LATITUDE, coordinates.parse_declination),
            "Sg": (Kind.PLACE, Setting.LONGITUDE, coordinates.parse_longitude),
            "SG": (Kind.CLOCK, Setting.UTC_OFFSET, local_time.parse_utc_offset),
            "SL": (Kind.CLOCK, Setting.TIME, local_time.parse_time),
            "SC": (Kind.CLOCK, Setting.DATE, local_time.parse_date),
            "ST": (Kind.FREQUENCY, None, _frequency),
        }
    )
)


def understand(text: str) -> Order:
    """The sense of a command."""
    if text in _EXACT:
        return _EXACT[text]
    if text[:2] in _WITH_VALUE:
        kind, setting, parse = _WITH_VALUE[text[:2]]
        try:
            value = parse(text[2:])
        except ProtocolViolation:
            value = None
        return Order(kind, text, value, setting)
    if guide := _GUIDE.fullmatch(text):
        return Order(Kind.GUIDE, text, (DIRECTIONS[guide[1]], int(guide[2])))
    if text[:2] in _NAMES:
        return Order(Kind.REFUSE, text)
    return Order(Kind.ASK if text in _ASKED else Kind.NOTHING, text)
