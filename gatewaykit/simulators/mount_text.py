"""Coordinates and times as a mount writes and reads them (facts/tts160.md 7.1). Pure.

The mount's side of the matter, and no relation to the gateway's conversions.
"""

from __future__ import annotations

import re

_ANGLE = re.compile(
    r"\s*([+-]?)(\d{1,3})[*:\xdf](\d{1,2})(?:[:'](\d{1,2})(?:\.(\d+))?)?'?"
)
_HOURS = re.compile(r"\s*(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(?:\.(\d+))?")
_TIME = re.compile(r"\s*(\d{1,2}):(\d{2}):(\d{2})")
_DATE = re.compile(r"\s*(\d{2})/(\d{2})/(\d{2})")


def hours(value_h: float, *, long: bool = True) -> str:
    """``05:47:12``, or ``05:47.2``."""
    if long:
        minutes, second = divmod(round(value_h * 3600) % 86_400, 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
    minutes, tenth = divmod(round(value_h * 600) % 14_400, 10)
    return f"{minutes // 60:02}:{minutes % 60:02}.{tenth}"


def angle(
    value_deg: float,
    *,
    digits: int = 2,
    seconds: str = ":",
    sign: bool = True,
    degree: str = "*",
) -> str:
    """``-05*23:28``.

    :param seconds: what stands between minutes and seconds; empty leaves the seconds out.
    """
    whole = round(abs(value_deg) * (3600 if seconds else 60))
    first = ("-" if value_deg < 0 and whole else "+") if sign else ""
    minutes, second = divmod(whole, 60) if seconds else (whole, 0)
    text = f"{first}{minutes // 60:0{digits}}{degree}{minutes % 60:02}"
    return f"{text}{seconds}{second:02}" if seconds else text


def azimuth(value_deg: float, *, seconds: str, degree: str) -> str:
    units = 3600 if seconds else 60
    whole = round(value_deg * units) % (360 * units)
    return angle(whole / units, digits=3, seconds=seconds, sign=False, degree=degree)


def read_hours(text: str) -> float | None:
    """``HH:MM:SS``, ``HH:MM:SS.S`` or ``HH:MM.T``, below 24; None: it is none of these."""
    match = _HOURS.fullmatch(text)
    if match is None:
        return None
    hour, minute = int(match[1]), int(match[2])
    last = float(f"{match[3] or 0}.{match[4] or 0}")
    if match[3] is None:
        last *= 60
    value = hour + minute / 60 + last / 3600
    return value if hour < 24 and minute < 60 and last < 60 else None


def read_angle(text: str, most_deg: float, *, needs_sign: bool = False) -> float | None:
    """``sDD*MM`` and its longer forms, at most `most_deg` from 0."""
    match = _ANGLE.fullmatch(text)
    if match is None or (needs_sign and not match[1]):
        return None
    minute, second = int(match[3]), float(f"{match[4] or 0}.{match[5] or 0}")
    value = int(match[2]) + minute / 60 + second / 3600
    if minute >= 60 or second >= 60 or value > most_deg:
        return None
    return -value if match[1] == "-" else value


def read_time(text: str) -> int | None:
    """Seconds of the day."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    hour, minute, second = (int(group) for group in match.groups())
    inside = hour < 24 and minute < 60 and second < 60
    return hour * 3600 + minute * 60 + second if inside else None


def read_date(text: str) -> tuple[int, int, int] | None:
    """Year, month and day of ``MM/DD/YY``; whether there is such a day is not looked at."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    month, day, year = (int(group) for group in match.groups())
    return 2000 + year, month, day
