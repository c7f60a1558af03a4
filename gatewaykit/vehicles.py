"""What the store keeps of vehicles beside their reports: registrations and commands.

Times are milliseconds since the epoch.
"""

from __future__ import annotations

from typing import Any

import attrs

Record = dict[str, Any]

PENDING, SENT, CONFIRMED, FAILED = "pending", "sent", "confirmed", "failed"


@attrs.frozen
class Registration:
    """What people said of a device; None is "nothing"."""

    name: str | None = None
    model: str | None = None
    group: str | None = None
    timezone_offset_min: int | None = None
    """Of the device's own clock, east of Greenwich positive."""
    block_level: int | None = None
    """0 or 1: the level of output 1 that blocks the vehicle."""
    password_ref: str | None = None
    """Names a password, which is kept elsewhere."""


@attrs.frozen
class Command:
    """A command to a vehicle, as the store keeps it. Times are milliseconds since the
    epoch."""

    id: str
    imei: str
    kind: str
    parameters: Record
    """Without what is secret of them: that stands as `access.MASK`."""
    status: str
    """``pending``, ``sent``, ``confirmed`` or ``failed``."""
    created_at: int
    expires_at: int
    requested_by: str
    requested_from: str
    gateway: str
    reason: str | None = None
    secrets: Record = attrs.field(factory=dict, repr=False)
    """Parameters that stand masked in `parameters`, by name; in no record."""
    override: str | None = None
    """Why the interlock is not to hold this one up, as an admin said."""
    serial: str | None = None
    """4 hex digits, upper case, once it has been given one."""
    wire: str | None = None
    """As it was sent last, password and secrets masked."""
    sent_at: int | None = None
    confirmed_at: int | None = None
    verified_at: int | None = None
    failed_at: int | None = None
    late_ack_at: int | None = None
    """When an acknowledgement came after it had failed."""
    attempts: int = 0
    """How often it may have been written."""


@attrs.frozen
class SettingChange:
    """What a device is wanted to be set to, or has acknowledged that it is."""

    imei: str
    name: str
    """``server``, ``apn``, ``interval``, ``heartbeat``, ``sack`` or ``time``."""
    wanted: Record | None = None
    applied: Record | None = None


@attrs.frozen
class CommandChange:
    """A change of a command, durable as a whole or not at all.

    It is made only where the command's status is one of `expected`: whoever came first has
    won.
    """

    id: str
    expected: tuple[str, ...]
    set: Record
    """New values by the names of `Command`: `status`, `reason`, `serial`, `wire`, `sent_at`,
    `confirmed_at`, `verified_at`, `failed_at`, `late_ack_at`, `attempts`. `secrets` are
    forgotten with a status of ``confirmed`` or ``failed``."""
    at: int
    """Milliseconds since the epoch."""
    audit: Record | None = None
    event: str | None = None
    """An event of the vehicle that goes with it."""
    details: Record = attrs.field(factory=dict)
    settings: tuple[SettingChange, ...] = ()
