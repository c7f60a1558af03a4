"""What becomes of a command to a vehicle, step by step, and the exit code that it ends with.

Pure. A record that is read now and then may have gone through several states in between:
its time stamps tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from gatewaykit.vehicles import CONFIRMED, FAILED, PENDING, SENT

Record = dict[str, Any]

VERIFIED = "verified"
"""A confirmed command whose effect a later report of the vehicle has shown."""
PROVABLE = frozenset({"block", "unblock"})
"""Kinds whose effect a report shows. The others are done with their acknowledgement."""

DONE_CODE, FAILED_CODE, NOT_VERIFIED_CODE, WAITING_CODE = 0, 1, 6, 7

_STAMPS = {
    PENDING: "created_at",
    SENT: "sent_at",
    CONFIRMED: "confirmed_at",
    VERIFIED: "verified_at",
    FAILED: "failed_at",
}
"""In the order of a command's life."""


@attrs.frozen
class Step:
    """A state that a command came to, or a new reason for one that it is in."""

    at: str
    """ISO 8601, Z."""
    state: str
    """The record's status, or `VERIFIED`."""
    reason: str | None
    attempts: int
    record: Record
    """As it was then, as far as can be told."""


def state(record: Record) -> str:
    """The record's status, or `VERIFIED`."""
    if record["status"] == CONFIRMED and record.get("verified_at"):
        return VERIFIED
    status: str = record["status"]
    return status


def steps(before: Record | None, record: Record, now: str) -> Iterator[Step]:
    """What has happened to a command since `before` was read.

    :param before: None if nothing was shown of it yet.
    :param now: ISO 8601, Z: the time of what the record has no time for.
    """
    current = state(record)
    for name in (PENDING, SENT, CONFIRMED):
        at = record.get(_STAMPS[name])
        if at and name != current and not _has_been(before, name):
            yield Step(at, name, None, 0, _as_of(record, name))
    if before is not None and _told(before) == _told(record):
        return
    stamp = record.get(_STAMPS[current])
    is_new = before is None or before.get(_STAMPS[current]) != stamp
    at = stamp if stamp and is_new else now
    yield Step(
        at, current, record.get("reason"), record.get("attempts") or 0, dict(record)
    )


def _has_been(record: Record | None, name: str) -> bool:
    return record is not None and bool(record.get(_STAMPS[name]))


def _told(record: Record) -> tuple[Any, ...]:
    return state(record), record.get("reason"), record.get("attempts")


def _as_of(record: Record, name: str) -> Record:
    """The record without what came after a state."""
    names = list(_STAMPS)
    later = names[names.index(name) + 1 :]
    missing = {_STAMPS[other]: None for other in later}
    return {**record, **missing, "status": name, "reason": None}


def is_over(record: Record) -> bool:
    """Whether nothing more is to be waited for."""
    return exit_code(record) in {DONE_CODE, FAILED_CODE}


def exit_code(record: Record) -> int:
    """How `--wait` ends with a command that was last seen so."""
    match state(record):
        case "failed":
            return FAILED_CODE
        case "verified":
            return DONE_CODE
        case "confirmed":
            return NOT_VERIFIED_CODE if record["kind"] in PROVABLE else DONE_CODE
        case _:
            return WAITING_CODE
