"""The forms that a moment takes: milliseconds since the epoch inside, ISO 8601 outside,
and the trackers' own ``YYYYMMDDHHMMSS``, which as a number sorts as time does."""

from __future__ import annotations

from datetime import UTC, datetime


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
