"""What a row of each table may hold: salvage takes no other from a damaged file.

A page that SQLite still reads can hold anything. One time stamp out of range would make
every later read of its vehicle fail, one number near 2**63 every later append.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

Check = Callable[[object], bool]

_2000_MS = 946_684_800_000
_2200_MS = 7_258_118_400_000


def _number(low: int, high: int) -> Check:
    return lambda value: isinstance(value, int) and low <= value <= high


def _text(longest: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= longest


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _frame(value: object) -> bool:
    return isinstance(value, bytes)


def _identity(value: object) -> bool:
    return isinstance(value, bytes) and len(value) == 16


def _object(value: object) -> bool:
    try:
        return isinstance(json.loads(str(value)), dict)
    except ValueError:
        return False


def _audit(value: object) -> bool:
    if not _object(value):
        return False
    record = json.loads(str(value))
    return isinstance(record.get("sequence"), int) and isinstance(
        record.get("hash"), str
    )


def _one_of(*texts: str) -> Check:
    return lambda value: value in texts


_SEQ = _number(1, 1 << 48)
_MILLISECONDS = _number(_2000_MS, _2200_MS)
_MINUTES = _number(-12 * 60, 14 * 60)
_DIGITS = _number(0, 10**14 - 1)
_IMEI = _text(15)
_NAME = _text(100)
_REMARK = _text(5000)

_REPORT: dict[str, Check] = {
    "seq": _SEQ,
    "id": _identity,
    "imei": _IMEI,
    "type": _NAME,
    "send_time": _DIGITS,
    "time": _DIGITS,
    "position_time": _optional(_DIGITS),
    "ignition": _optional(_number(0, 1)),
    "outputs": _optional(_number(0, 1 << 48)),
    "received_at": _MILLISECONDS,
    "raw": _frame,
}

# In the order of the columns that are saved. `tracks` is not here: it is folded anew, and
# so is what `devices` has of reports that are still there. Neither is `meta`.
CHECKS: dict[str, dict[str, Check]] = {
    "reports": _REPORT,
    "devices": {
        "imei": _IMEI,
        "policy": _NAME,
        "decided": _number(0, 1),
        "status": _NAME,
        "since": _MILLISECONDS,
        "last_seen": lambda value: value == 0 or _MILLISECONDS(value),
        "latest_time": _optional(_DIGITS),
        "latest_id": _optional(_identity),
        "latest_received_at": _optional(_MILLISECONDS),
        "latest_raw": _optional(_frame),
        "ignition": _optional(_number(0, 1)),
        "ignition_time": _optional(_DIGITS),
        "outputs": _optional(_number(0, 1 << 48)),
        "outputs_time": _optional(_DIGITS),
    },
    "device_events": {
        "seq": _SEQ,
        "imei": _IMEI,
        "event": _NAME,
        "at": _MILLISECONDS,
        "details": _object,
    },
    "quarantine": _REPORT,
    "audit": {"sequence": _SEQ, "record": _audit},
    "damage": {
        "seq": _SEQ,
        "at": _MILLISECONDS,
        "file": _REMARK,
        "reason": _REMARK,
        "salvaged": _REMARK,
        "acknowledged": _number(0, 1),
    },
    "registrations": {
        "imei": _IMEI,
        "name": _optional(_NAME),
        "model": _optional(_NAME),
        "group": _optional(_NAME),
        "timezone_offset_min": _optional(_MINUTES),
        "block_level": _optional(_number(0, 1)),
        "password_ref": _optional(_NAME),
    },
    "vehicle_states": {
        "imei": _IMEI,
        "blocked": _optional(_number(0, 1)),
        "blocked_at": _optional(_MILLISECONDS),
        "timezone_estimate_min": _optional(_MINUTES),
    },
    # Without `secrets`: what is saved of commands is finished.
    "commands": {
        "seq": _SEQ,
        "id": _NAME,
        "imei": _IMEI,
        "kind": _NAME,
        "parameters": _object,
        "status": _one_of("pending", "sent", "confirmed", "failed"),
        "reason": _optional(_REMARK),
        "override": _optional(_REMARK),
        "serial": _optional(_NAME),
        "wire": _optional(_REMARK),
        "created_at": _MILLISECONDS,
        "expires_at": _MILLISECONDS,
        "sent_at": _optional(_MILLISECONDS),
        "confirmed_at": _optional(_MILLISECONDS),
        "verified_at": _optional(_MILLISECONDS),
        "failed_at": _optional(_MILLISECONDS),
        "late_ack_at": _optional(_MILLISECONDS),
        "attempts": _number(0, 1 << 20),
        "requested_by": _REMARK,
        "requested_from": _REMARK,
        "gateway": _REMARK,
    },
    "device_settings": {
        "imei": _IMEI,
        "name": _NAME,
        "wanted": _optional(_object),
        "applied": _optional(_object),
        "wanted_at": _optional(_MILLISECONDS),
        "applied_at": _optional(_MILLISECONDS),
    },
}
_ALL = CHECKS | {"sqlite_sequence": {"name": _NAME, "seq": _SEQ}}


def is_plausible(table: str, row: Sequence[object]) -> bool:
    """Whether every column holds what it may."""
    return all(
        check(value) for check, value in zip(_ALL[table].values(), row, strict=True)
    )
