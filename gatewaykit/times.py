"""The forms that a moment takes: milliseconds since the epoch inside, ISO 8601 outside,
and the trackers' own ``YYYYMMDDHHMMSS``, which as a number sorts as time does."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

_DIGITS_14 = re.compile(r"[0-9]{14}").fullmatch
_YEARS = range(1980, 2200)
"""What a device's clock may show: from the beginning of GPS time on."""


def iso(milliseconds: int) -> str:
    """``2026-01-31T12:00:00.250Z`` for milliseconds since the epoch."""
    seconds, rest = divmod(milliseconds, 1000)
    stamp = datetime.fromtimestamp(seconds, UTC)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"


def digits(milliseconds: int) -> int:
    """``20260131120000`` for milliseconds since the epoch, in UTC."""
    return moment_digits(datetime.fromtimestamp(milliseconds // 1000, UTC))


def moment_digits(moment: datetime) -> int:
    """The same for an aware moment of any zone."""
    return int(f"{moment.astimezone(UTC):%Y%m%d%H%M%S}")


def utc_of(digits: int | str, offset_min: int) -> int | None:
    """Milliseconds since the epoch for ``YYYYMMDDHHMMSS`` of a clock that is `offset_min`
    minutes ahead of UTC; None for what is no moment."""
    text = str(digits)
    if not _DIGITS_14(text):
        return None
    midnight = _midnight(text[:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:])
    if midnight is None or hour > 23 or minute > 59 or second > 59:
        return None
    return (midnight + hour * 3600 + (minute - offset_min) * 60 + second) * 1000


@lru_cache(maxsize=1024)
def _midnight(day: str) -> int | None:
    """Seconds since the epoch at the beginning of ``YYYYMMDD``, UTC."""
    year, month, day_of_month = int(day[:4]), int(day[4:6]), int(day[6:])
    if year not in _YEARS:
        return None
    try:
        return int(datetime(year, month, day_of_month, tzinfo=UTC).timestamp())
    except ValueError:
        return None


def offset_text(offset_min: int | None) -> str | None:
    """``-03:00`` for 180 minutes west of UTC."""
    if offset_min is None:
        return None
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{'-' if offset_min < 0 else '+'}{hours:02}:{minutes:02}"
