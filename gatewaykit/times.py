"""The forms that a moment takes: milliseconds since the epoch inside, ISO 8601 outside,
and the trackers' own ``YYYYMMDDHHMMSS``, which as a number sorts as time does."""

from __future__ import annotations

import re
from datetime import UTC, datetime

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
    if not _DIGITS_14(text) or int(text[:4]) not in _YEARS:
        return None
    parts = [int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))]
    try:
        moment = datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]
    except ValueError:
        return None
    return int(moment.timestamp() - offset_min * 60) * 1000


def offset_text(offset_min: int | None) -> str | None:
    """``-03:00`` for 180 minutes west of UTC."""
    if offset_min is None:
        return None
    hours, minutes = divmod(abs(offset_min), 60)
    return f"{'-' if offset_min < 0 else '+'}{hours:02}:{minutes:02}"
