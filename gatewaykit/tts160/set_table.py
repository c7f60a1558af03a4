"""The ``:*!S`` commands of firmware 357: numbers, names and payloads
(facts/tts160.md 4.2).

Angles are radians, but for those of ALIGN_POINT. Where neither range nor codes are
published, any value that fits the type is taken.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from gatewaykit.errors import MisuseError

_LARGEST_FLOAT = 3.4028234663852886e38
_NAME = "10s"
_CODE = "B"


@attrs.frozen
class Parameter:
    """One value of a payload; `type` is one of `struct`."""

    name: str
    type: str
    least: float
    most: float
    meanings: str = ""

    @property
    def size(self) -> int:
        return struct.calcsize("<" + self.type)

    @property
    def allowed(self) -> str:
        if self.type == _NAME:
            return "1 to 10 printable ASCII characters"
        if self.most == _LARGEST_FLOAT:
            return "a finite number of 4 bytes"
        numbers = f"{self.least:g} to {self.most:g}"
        if self.type != "f":
            numbers = f"a whole number, {numbers}"
        return f"{numbers} ({self.meanings})" if self.meanings else numbers

    def pack(self, value: object) -> bytes:
        """Its bytes.

        :raises MisuseError: it is of another kind, or out of range.
        """
        match value:
            case str() if self.type == _NAME:
                if 1 <= len(value) <= 10 and value.isascii() and value.isprintable():
                    return value.ljust(10).encode("ascii")
            case int() if self.type != _NAME and self.least <= value <= self.most:
                return struct.pack("<" + self.type, value)
            case float() if self.type == "f" and self.least <= value <= self.most:
                return struct.pack("<f", value)
        raise MisuseError(self.name, value, self.allowed)


def _code(name: str, most: int = 0xFF, meanings: str = "") -> Parameter:
    return Parameter(name, _CODE, 0, most, meanings)


_RIGHT_ASCENSION = Parameter("right_ascension_rad", "f", 0, math.tau)
_DECLINATION = Parameter("declination_rad", "f", -math.pi / 2, math.pi / 2)
_AZIMUTH = Parameter("azimuth_rad", "f", 0, math.tau)
_ALTITUDE = Parameter("altitude_rad", "f", -math.pi / 2, math.pi / 2)
# Whether north and south change places here, as they do in `:Mg`, nobody knows.
_DIRECTION = _code("direction", 3, "0 north, 1 south, 2 east, 3 west")


def _angle(name: str, most_deg: int, signs: str) -> tuple[Parameter, ...]:
    return (
        _code(f"{name}_sign", 1, signs),
        Parameter(f"{name}_deg", "H", 0, most_deg),
        _code(f"{name}_min", 59),
        _code(f"{name}_s", 59),
    )


@attrs.frozen
class SetCommand:
    number: int
    name: str
    parameters: tuple[Parameter, ...] = ()
    more: Mapping[int, tuple[Parameter, ...]] = MappingProxyType({})
    """What follows them, by the value of the first."""
    optional: tuple[Parameter, ...] = ()
    """What may follow them, or not."""


SET_COMMANDS: Final[Mapping[int, SetCommand]] = MappingProxyType(
    {
        command.number: command
        for command in (
            SetCommand(
                0x00,
                "SET_AXIS_RATE",
                (
                    _code("axis"),
                    Parameter("rate", "f", -_LARGEST_FLOAT, _LARGEST_FLOAT),
                ),
            ),
            SetCommand(
                0x01,
                "SET_GUIDE_RATE",
                (_code("index", 3, "1, 3, 5, 10 arcsec/s"),),
            ),
            SetCommand(
                0x02,
                "SET_SLEW_RATE",
                (_code("index", 3, "0 centre, 1 guide, 2 find, 3 max"),),
            ),
            SetCommand(
                0x03, "MOVE_AXIS", (_DIRECTION, Parameter("speed_deg_s", "f", 0, 3.5))
            ),
            SetCommand(
                0x04,
                "SLEW_TO_TARGET",
                (
                    _code(
                        "type",
                        3,
                        "0 stored target, 1 right ascension and declination,"
                        " 2 azimuth and altitude, 3 home",
                    ),
                ),
                more={1: (_RIGHT_ASCENSION, _DECLINATION), 2: (_AZIMUTH, _ALTITUDE)},
            ),
            SetCommand(
                0x05, "GUIDE", (_DIRECTION, Parameter("duration_ms", "H", 0, 10_000))
            ),
            SetCommand(0x06, "HALT_ALL"),
            SetCommand(0x07, "SET_TARGET", (_RIGHT_ASCENSION, _DECLINATION)),
            SetCommand(
                0x08,
                "SET_DATE",
                (
                    Parameter("month", _CODE, 1, 12),
                    Parameter("day", _CODE, 1, 31),
                    # The mount tells the year with two digits (facts/tts160.md 2.1).
                    Parameter("year", "H", 2000, 2099),
                ),
            ),
            SetCommand(
                0x09,
                "SET_LOCAL_TIME",
                (
                    _code("hour", 23),
                    _code("minute", 59),
                    Parameter("second", "H", 0, 59),
                ),
            ),
            SetCommand(
                0x0A,
                "SET_PARK_LOCATION",
                (_code("position", 1, "0 in place, 1 custom"),),
                more={1: (_AZIMUTH, _ALTITUDE)},
            ),
            SetCommand(0x0B, "PARK_UNPARK", (_code("unpark", 1, "0 park, 1 unpark"),)),
            SetCommand(0x0C, "ROTATOR_OPS", (_code("operation"),)),
            SetCommand(
                0x0D,
                "SET_TRACK_RATE",
                (_code("rate", 2, "0 sidereal, 1 lunar, 2 solar"),),
            ),
            SetCommand(0x0E, "SET_TRACKING", (_code("on", 1),)),
            SetCommand(
                0x0F,
                "SYNC_FUNCTIONS",
                (_code("type"),),
                # There are three star slots (facts/tts160.md 7.4).
                optional=(Parameter("points", _CODE, 1, 3),),
            ),
            SetCommand(0x10, "INITIALIZE"),
            SetCommand(
                0x11,
                "SET_LOCATION",
                (
                    Parameter("name", _NAME, 1, 10),
                    Parameter("utc_offset_half_h", "b", -24, 28),
                    *_angle("longitude", 180, "0 east, 1 west"),
                    *_angle("latitude", 90, "0 north, 1 south"),
                    _code("horizon_deg", 89),
                ),
            ),
            SetCommand(
                0x12,
                "ALIGN_POINT",
                (
                    Parameter("index", _CODE, 1, 3),
                    Parameter("right_ascension_h", "f", 0, 24),
                    Parameter("declination_deg", "f", -90, 90),
                ),
            ),
            SetCommand(0x13, "PERFORM_ALIGNMENT"),
        )
    }
)
SET_NUMBERS: Final = MappingProxyType(
    {command.name: command.number for command in SET_COMMANDS.values()}
)

SET_ERRORS: Final = MappingProxyType(
    {
        -1: "the command was not understood",
        -2: "no such variable",
        -3: "no such command",
        -4: "too many variables",
        -5: "too many commands",
        -6: "the command failed",
    }
)
"""What an entry of the type error says; 0 is no error."""
SET_RESULTS: Final[Mapping[int, Mapping[int, str]]] = MappingProxyType(
    {
        0x12: MappingProxyType(
            {1: "bad index", 2: "bad coordinates", 3: "busy", 4: "it failed"}
        ),
        0x13: MappingProxyType({1: "too few points", 2: "the calculation failed"}),
    }
)
"""Whole numbers other than 0 that are published, by the command."""
