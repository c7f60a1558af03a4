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


_SEQ = _number(1, 1 << 48)
_MILLISECONDS = _number(_2000_MS, _2200_MS)
_DIGITS = _number(0, 10**14 - 1)
_IMEI = _text(15)
_NAME = _text(100)

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
        "file": _text(5000),
        "reason": _text(5000),
        "salvaged": _text(5000),
        "acknowledged": _number(0, 1),
    },
}
_ALL = CHECKS | {"sqlite_sequence": {"name": _NAME, "seq": _SEQ}}


def is_plausible(table: str, row: Sequence[object]) -> bool:
    """Whether every column holds what it may."""
    return all(
        check(value) for check, value in zip(_ALL[table].values(), row, strict=True)
    )
