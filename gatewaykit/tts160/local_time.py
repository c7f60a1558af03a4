"""Date, time and offset of local time as LX200 writes them. Pure.

Inside, an offset is how far local time is ahead of UTC, so it is positive in the east; on the
wire it is what is added to local time (facts/tts160.md 2.1). Errors as in `coordinates`.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from gatewaykit.errors import MisuseError
from gatewaykit.tts160.coordinates import checked, sign_of, violation

WESTMOST_OFFSET_H: Final = -12.0
EASTMOST_OFFSET_H: Final = 14.0

_DATE = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})")
_OFFSET = re.compile(r"[+-]?[0-9]{1,2}(?:\.[0-9])?")


def parse_date(text: str) -> dt.date:
    """A date of this century, of ``MM/DD/YY``."""
    found = _DATE.fullmatch(text)
    if found:
        month, day, year = map(int, found.groups())
        try:
            return dt.date(2000 + year, month, day)
        except ValueError:
            pass
    raise violation("date", text)


def parse_time(text: str) -> dt.time:
    """Of ``HH:MM:SS``."""
    found = _TIME.fullmatch(text)
    if found:
        hour, minute, second = map(int, found.groups())
        try:
            return dt.time(hour, minute, second)
        except ValueError:
            pass
    raise violation("time", text)


def parse_utc_offset(text: str) -> float:
    """Hours that local time is ahead of UTC, of ``sHH`` or ``sHH.H``."""
    if not _OFFSET.fullmatch(text):
        raise violation("UTC offset", text)
    offset_h = 0.0 - float(text)
    if not WESTMOST_OFFSET_H <= offset_h <= EASTMOST_OFFSET_H:
        raise violation("UTC offset", text)
    return offset_h


def format_date(date: dt.date) -> str:
    """``MM/DD/YY``; the century is not told, so it must be this one."""
    if not 2000 <= date.year <= 2099:
        raise MisuseError("date", date.isoformat(), "a date from 2000 to 2099")
    return f"{date.month:02}/{date.day:02}/{date.year - 2000:02}"


def format_time(time: dt.time) -> str:
    """``HH:MM:SS``, without what is less than a second."""
    return f"{time.hour:02}:{time.minute:02}:{time.second:02}"


def format_utc_offset(utc_offset_h: float) -> str:
    """``sHH.H`` of the hours that local time is ahead of UTC."""
    checked("utc_offset_h", utc_offset_h, WESTMOST_OFFSET_H, EASTMOST_OFFSET_H)
    tenths = round(utc_offset_h * -10)
    return f"{sign_of(tenths)}{abs(tenths) // 10:02}.{abs(tenths) % 10}"
