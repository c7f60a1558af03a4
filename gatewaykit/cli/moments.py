"""Option values that are points in time, and lengths of time."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import click

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_LENGTH = re.compile(r"(\d+)([smhdw])", re.ASCII)


def parse_length(text: str) -> timedelta:
    """``90s``, ``10m``, ``2h``, ``1d``, ``4w``; raises ValueError for all else."""
    match = _LENGTH.fullmatch(text)
    if match is None:
        raise ValueError(text)
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError as error:
        raise ValueError(text) from error


def parse_moment(text: str, now: datetime, *, end: bool = False) -> datetime:
    """ISO 8601 (UTC unless it names a zone), a date, or a length of time before `now`.

    A date means its first moment, with `end` its last second: both `since` and `until`
    include what they name. Raises ValueError.
    """
    try:
        if _LENGTH.fullmatch(text):
            return now - parse_length(text)
        try:
            day = date.fromisoformat(text)
        except ValueError:
            found = datetime.fromisoformat(text)
        else:
            found = datetime.combine(day, time(23, 59, 59) if end else time())
        return found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def length(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    """Callback of an option that is a length of time."""
    try:
        return parse_length(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a length of time such as 90s, 10m or 2h."
        ) from None


def moment(
    _ctx: click.Context,
    _param: click.Parameter,
    value: str | None,
    *,
    end: bool = False,
) -> datetime | None:
    """Callback of an option that is a point in time, which need not be given."""
    if value is None:
        return None
    try:
        return parse_moment(value, datetime.now(UTC), end=end)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a time such as 2026-01-31T12:00:00Z, 2026-01-31 or 2h."
        ) from None


last_moment = partial(moment, end=True)
