"""Registrations as values: what may be said of a device.

Shared by all stores, so that they refuse the same.
"""

from __future__ import annotations

from typing import Any

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.times import iso, offset_text, utc_of
from gatewaykit.vehicles import Record, Registration

POLICIES = ("accepted", "quarantined", "refused")
FIELDS = tuple(field.name for field in attrs.fields(Registration))
LONGEST_TEXT = 100
EASTMOST_MIN = 14 * 60
WESTMOST_MIN = -12 * 60


def checked_policy(policy: str) -> str:
    """The policy itself. Raises `MisuseError` for one that there is not."""
    if policy not in POLICIES:
        raise MisuseError("policy", policy, ", ".join(POLICIES))
    return policy


def checked(values: Record) -> Record:
    """The values themselves. Raises `MisuseError` for a name or value that cannot be."""
    for name, value in values.items():
        if name not in FIELDS:
            raise MisuseError("values", name, ", ".join(FIELDS))
        if value is not None:
            _check(name, value)
    return values


def _check(name: str, value: Any) -> None:
    if name == "timezone_offset_min":
        if type(value) is not int or not WESTMOST_MIN <= value <= EASTMOST_MIN:
            raise MisuseError(name, value, f"{WESTMOST_MIN} to {EASTMOST_MIN} minutes")
    elif name == "block_level":
        if type(value) is not int or value not in {0, 1}:
            raise MisuseError(name, value, "0 or 1")
    elif (
        not isinstance(value, str)
        or not 0 < len(value) <= LONGEST_TEXT
        or not value.isprintable()
    ):
        raise MisuseError(
            name, value, f"1 to {LONGEST_TEXT} characters that can be printed"
        )


def shown(registration: Registration, estimate_min: int | None) -> Record:
    """What a device's record has of its registration beside name and model.

    :param estimate_min: the device's offset from UTC as its reports tell it.
    """
    set_min = registration.timezone_offset_min
    source = "set" if set_min is not None else "estimated"
    offset = estimate_min if set_min is None else set_min
    return {
        "group": registration.group,
        "block_level": registration.block_level,
        "password_ref": registration.password_ref,
        "timezone_offset": offset_text(offset),
        "timezone_source": None if offset is None else source,
    }


def with_sent_at(report: Record, offset_min: int | None) -> Record:
    """A report's record with the moment at which it says it was sent, in UTC.

    :param offset_min: of the device's clock; None where nobody knows it.
    """
    send_time, sent = report.get("send_time"), None
    if send_time is not None and offset_min is not None:
        sent = utc_of(send_time, offset_min)
    return {**report, "sent_at": None if sent is None else iso(sent)}
