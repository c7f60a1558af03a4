"""Commands as values: which changes they take, and how they look from outside.

Times are milliseconds since the epoch inside, ISO 8601 in records.
"""

from __future__ import annotations

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.times import iso
from gatewaykit.vehicles import (
    CONFIRMED,
    FAILED,
    PENDING,
    SENT,
    Command,
    CommandChange,
    Record,
)

STATUSES = (PENDING, SENT, CONFIRMED, FAILED)
FINISHED = (CONFIRMED, FAILED)
"""What has one of these needs its secrets no more."""
FIELDS = tuple(field.name for field in attrs.fields(Command))
_MOMENTS = frozenset(
    {
        "created_at",
        "expires_at",
        "sent_at",
        "confirmed_at",
        "verified_at",
        "failed_at",
        "late_ack_at",
    }
)
_TEXTS = frozenset({"reason", "serial", "wire"})
_CHANGEABLE = (
    (_MOMENTS - {"created_at", "expires_at"}) | _TEXTS | {"status", "attempts"}
)


def checked_status(status: str) -> str:
    """The status itself. Raises `MisuseError` for one that there is not."""
    if status not in STATUSES:
        raise MisuseError("status", status, ", ".join(STATUSES))
    return status


def without_spent_secrets(command: Command) -> Command:
    """The command as it is kept: what is finished has no secrets."""
    checked_status(command.status)
    if command.status in FINISHED:
        return attrs.evolve(command, secrets={})
    return command


def changed(command: Command, change: CommandChange) -> Command | None:
    """The command after a change, None if its status is none of those expected.

    Raises `MisuseError` for a name or value that no change may set.
    """
    for name, value in change.set.items():
        if name not in _CHANGEABLE:
            raise MisuseError("set", name, ", ".join(sorted(_CHANGEABLE)))
        if name == "status":
            checked_status(value)
        elif name in _TEXTS:
            if not (value is None or isinstance(value, str)):
                raise MisuseError(name, value, "text or nothing")
        elif not (type(value) is int or (value is None and name in _MOMENTS)):
            raise MisuseError(name, value, "a whole number")
    if command.status not in change.expected:
        return None
    return without_spent_secrets(attrs.evolve(command, **change.set))


def record_of(command: Command) -> Record:
    """What everybody may see of a command."""
    record = {name: getattr(command, name) for name in FIELDS if name != "secrets"}
    for name in _MOMENTS:
        if record[name] is not None:
            record[name] = iso(record[name])
    return record
