"""Angles as LX200 writes them and as people do. Pure.

Inside, right ascension is hours, all other angles are degrees, and longitude counts to the
east. On the wire it counts to the west (facts/tts160.md 7.1).

What `parse_...` reads comes from a mount, or from a client that speaks LX200: they raise
`ProtocolViolation`. What `read_...` reads was typed by a person, and what `format_...`
writes comes from our own callers: they raise `MisuseError`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Final

import attrs

from gatewaykit.errors import MisuseError, ProtocolViolation

_SHOWN: Final = 60
"""Characters of a text that an error has."""

# 0xDF is the degree sign in the LX200's character set.
_SEPARATOR = r"[*:'\"\xdf]"
_REST = (
    rf"([0-9]{{2}})(?:{_SEPARATOR}([0-9]{{2}}(?:\.[0-9]{{1,9}})?)|(\.[0-9]{{1,9}}))?"
)
_HOURS = re.compile(rf" ?()([0-9]{{1,2}}):{_REST}")
_DEGREES = re.compile(rf" ?([+-]?)([0-9]{{1,3}}){_SEPARATOR}{_REST}(?:{_SEPARATOR})?")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,9}(?:\.[0-9]{0,15})?")
_PARK = re.compile(r"([01])([0-9]{3}\.[0-9]{3})([0-9]{2}\.[0-9]{3})")


def violation(what: str, text: str) -> ProtocolViolation:
    shown = text[:_SHOWN]
    return ProtocolViolation(
        f"no {what}: {shown!r}", shown.encode("latin-1", "replace")
    )


def checked(name: str, value: float, least: float, most: float) -> float:
    """The value, if it is within both ends; else `MisuseError`, for NaN too."""
    if not least <= value <= most:
        raise MisuseError(name, value, f"{least:g} to {most:g}")
    return value


def check_altitude(altitude_deg: float) -> None:
    checked("altitude_deg", altitude_deg, -90, 90)


def check_azimuth(azimuth_deg: float) -> None:
    checked("azimuth_deg", azimuth_deg, 0, 360)


def sign_of(value: float) -> str:
    return "-" if value < 0 else "+"


def reduced(value: float, turn: float) -> float:
    """The same place within one turn: 0 or more, and less than `turn`."""
    rest = value % turn
    # A negative value next to 0 is rounded to the whole turn.
    return 0.0 if rest == turn else rest


def half_turn(degrees: float) -> float:
    """The same direction, above -180 to 180."""
    rest = math.remainder(degrees, 360)
    return 180.0 if rest == -180 else rest + 0.0


def _sexagesimal(found: re.Match[str]) -> float | None:
    """The value of groups: sign, units, minutes, seconds or a fraction of the minutes.

    None where minutes or seconds are 60 or more. The sign counts for ``-00*30`` as well.
    """
    sign, units, minutes, seconds, fraction = found.groups()
    in_minutes = float(minutes + (fraction or ""))
    in_seconds = float(seconds or 0)
    if in_minutes >= 60 or in_seconds >= 60:
        return None
    value = (int(units) * 3600 + in_minutes * 60 + in_seconds) / 3600
    # Adding 0 makes 0 of -0.
    return (-value if sign == "-" else value) + 0.0


# What comes in.


def parse_hours(text: str) -> float:
    """Hours, 0 to below 24, of ``HH:MM:SS``, ``HH:MM:SS.S`` or ``HH:MM.T``."""
    found = _HOURS.fullmatch(text)
    hours = _sexagesimal(found) if found else None
    if hours is None or hours >= 24:
        raise violation("hours", text)
    return hours


def parse_degrees(text: str) -> float:
    """Degrees, -360 to 360, of ``sDD*MM``, ``sDD*MM:SS``, ``DDD*MM`` and their kin.

    Without a sign they are positive.
    """
    found = _DEGREES.fullmatch(text)
    degrees = _sexagesimal(found) if found else None
    if degrees is None or abs(degrees) > 360:
        raise violation("angle", text)
    return degrees


def parse_declination(text: str) -> float:
    """Degrees, -90 to 90; altitude and latitude are read by it too."""
    degrees = parse_degrees(text)
    if abs(degrees) > 90:
        raise violation("angle within 90 degrees", text)
    return degrees


def parse_azimuth(text: str) -> float:
    """Degrees, 0 to below 360."""
    degrees = parse_degrees(text)
    if degrees < 0:
        raise violation("azimuth", text)
    return reduced(degrees, 360)


def parse_longitude(text: str) -> float:
    """Degrees to the east, above -180 to 180, of what counts to the west.

    With a sign it is within 180 degrees, without one within 360: both forms are in use.
    """
    west_deg = parse_degrees(text)
    if abs(west_deg) > 180 and text.lstrip()[:1] in {"+", "-"}:
        raise violation("longitude", text)
    return half_turn(-west_deg)


def parse_radians(text: str) -> float:
    """Any decimal number; a right ascension in radians still has whole turns in it."""
    if not _DECIMAL.fullmatch(text):
        raise violation("decimal number", text)
    return float(text) + 0.0


@attrs.frozen
class ParkSetting:
    """Where the mount parks: at a place of its own, or (not custom) where it is."""

    is_custom: bool
    azimuth_deg: float
    altitude_deg: float


def parse_park_setting(text: str) -> ParkSetting:
    """Of ``mDDD.dddDD.ddd``."""
    found = _PARK.fullmatch(text)
    if not found or float(found[2]) > 360 or float(found[3]) > 90:
        raise violation("park setting", text)
    return ParkSetting(found[1] == "1", reduced(float(found[2]), 360), float(found[3]))


# What people type.

_TYPED_REST = r"""
    \ ?([0-9]{1,2})(?:\ ?[:m'\ ]\ ?([0-9]{1,2}(?:\.[0-9]{1,9})?)|(\.[0-9]{1,9}))?\ ?[ms'"]?
"""
_TYPED_HOURS = re.compile(
    rf"([+-]?)\ ?([0-9]{{1,2}})\ ?[:h\ ]{_TYPED_REST}", re.VERBOSE
)
_TYPED_DEGREES = re.compile(
    rf"([+-]?)\ ?([0-9]{{1,3}})\ ?[:*d\ ]{_TYPED_REST}", re.VERBOSE
)
_TYPED_DECIMAL = re.compile(r"([+-]? ?[0-9]{1,3}(?:\.[0-9]{0,12})?)")
# Degrees, minutes and minus as books and web pages print them.
_PLAIN = str.maketrans("°º\xdf\u2032\u2033\u2212", "***'\"-")


def read_right_ascension(text: str) -> float:
    """Hours, 0 to below 24."""
    return _read(
        "right_ascension",
        text,
        _TYPED_HOURS,
        "hours as 05:47:12, 5h47m12s, 05:47.2 or 5.78667, 0 to below 24",
        lambda hours: 0 <= hours < 24,
    )


def read_declination(text: str) -> float:
    """Degrees, -90 to 90."""
    return _read_within_quarter("declination", text)


def read_altitude(text: str) -> float:
    """Degrees, -90 to 90."""
    return _read_within_quarter("altitude", text)


def read_latitude(text: str) -> float:
    """Degrees, -90 to 90, north positive."""
    return _read_within_quarter("latitude", text)


def read_azimuth(text: str) -> float:
    """Degrees, 0 to below 360, from north through east."""
    return _read(
        "azimuth",
        text,
        _TYPED_DEGREES,
        "degrees as 180:30:00, 180d30m, 180*30.0 or 180.5, 0 to below 360",
        lambda degrees: 0 <= degrees < 360,
    )


def read_longitude(text: str) -> float:
    """Degrees, above -180 to 180, east positive."""
    degrees = _read(
        "longitude",
        text,
        _TYPED_DEGREES,
        "degrees to the east as -100:30:15, -100d30m15s, -100*30.2 or -100.504, -180 to 180",
        lambda degrees: abs(degrees) <= 180,
    )
    return half_turn(degrees)


def _read_within_quarter(name: str, text: str) -> float:
    return _read(
        name,
        text,
        _TYPED_DEGREES,
        "degrees as -05*23:28, -5d23m28s, -5:23.5 or -5.39, -90 to 90",
        lambda degrees: abs(degrees) <= 90,
    )


def _read(
    name: str,
    text: str,
    sexagesimal: re.Pattern[str],
    allowed: str,
    is_possible: Callable[[float], bool],
) -> float:
    plain = " ".join(text.translate(_PLAIN).lower().split())
    value: float | None = None
    if found := sexagesimal.fullmatch(plain):
        value = _sexagesimal(found)
    elif found := _TYPED_DECIMAL.fullmatch(plain):
        value = float(found[1].replace(" ", "")) + 0.0
    if value is None or not is_possible(value):
        raise MisuseError(name, text[:_SHOWN], allowed)
    return value


# What goes out. The whole value is rounded first and taken apart afterwards: no "60.0".


def format_hours(hours: float, *, tenths: bool = False) -> str:
    """``HH:MM:SS``, or ``HH:MM:SS.S``; 24 hours are 0."""
    per_second = 10 if tenths else 1
    total = round(checked("hours", hours, 0, 24) * 3600 * per_second)
    seconds, part = divmod(total % (86_400 * per_second), per_second)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{part}" if tenths else text


def format_hours_short(hours: float) -> str:
    """``HH:MM.T``; 24 hours are 0."""
    minutes, tenth = divmod(round(checked("hours", hours, 0, 24) * 600) % 14_400, 10)
    return f"{minutes // 60:02}:{minutes % 60:02}.{tenth}"


def format_degrees(degrees: float, *, tenths: bool = False) -> str:
    """``sDD*MM:SS``, or ``sDD*MM:SS.S``, within 90 degrees."""
    per_second = 10 if tenths else 1
    total = round(checked("degrees", degrees, -90, 90) * 3600 * per_second)
    seconds, part = divmod(abs(total), per_second)
    text = f"{sign_of(total)}{seconds // 3600:02}*{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{part}" if tenths else text


def format_degrees_short(degrees: float) -> str:
    """``sDD*MM``, within 90 degrees."""
    total = round(checked("degrees", degrees, -90, 90) * 60)
    return f"{sign_of(total)}{abs(total) // 60:02}*{abs(total) % 60:02}"


def format_azimuth(azimuth_deg: float) -> str:
    """``DDD*MM:SS``; 360 degrees are 0."""
    seconds = round(checked("azimuth_deg", azimuth_deg, 0, 360) * 3600) % 1_296_000
    return f"{seconds // 3600:03}*{seconds // 60 % 60:02}:{seconds % 60:02}"


def format_azimuth_short(azimuth_deg: float) -> str:
    """``DDD*MM``; 360 degrees are 0."""
    minutes = round(checked("azimuth_deg", azimuth_deg, 0, 360) * 60) % 21_600
    return f"{minutes // 60:03}*{minutes % 60:02}"


def format_longitude(longitude_deg: float, *, seconds: bool = False) -> str:
    """``sDDD*MM``, or ``sDDD*MM:SS``, to the west, of degrees to the east: what the mount
    answers. The meridian opposite to Greenwich is ``+180*00``."""
    west_deg = -checked("longitude_deg", longitude_deg, -180, 180)
    total = round(west_deg * 3600) if seconds else round(west_deg * 60) * 60
    if total == -180 * 3600:
        total = -total
    whole = abs(total)
    text = f"{sign_of(total)}{whole // 3600:03}*{whole // 60 % 60:02}"
    return f"{text}:{whole % 60:02}" if seconds else text


def format_longitude_unsigned(longitude_deg: float) -> str:
    """``DDD*MM`` to the west, 0 to below 360, of degrees to the east: what the mount is
    told."""
    checked("longitude_deg", longitude_deg, -180, 180)
    minutes = round(longitude_deg * -60) % 21_600
    return f"{minutes // 60:03}*{minutes % 60:02}"


def format_radians(radians: float) -> str:
    """Seven decimals, as the mount gives them: 0.02 seconds of arc."""
    text = f"{radians:.7f}"
    return "0.0000000" if text == "-0.0000000" else text


def format_park_setting(azimuth_deg: float, altitude_deg: float) -> str:
    """``1DDD.dddDD.ddd``: a place to park at."""
    checked("azimuth_deg", azimuth_deg, 0, 360)
    checked("altitude_deg", altitude_deg, 0, 90)
    return f"1{round(azimuth_deg, 3) % 360:07.3f}{altitude_deg:06.3f}"


# Radians, as the extended and the binary commands have them.


def hours_of(radians: float) -> float:
    """Right ascension, 0 to below 24 hours; the mount's may need the reduction."""
    return reduced(radians * 12 / math.pi, 24)


def azimuth_of(radians: float) -> float:
    """Degrees, 0 to below 360."""
    return reduced(math.degrees(radians), 360)
