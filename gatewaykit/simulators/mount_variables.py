"""A simulated mount's answers to queries of variables and of blocks. Pure.

The mount's side of facts/tts160.md 3 and 4.1. Of the gateway's it uses the tables of names
and types, which are facts, and none of its parsers.
"""

from __future__ import annotations

import re
import struct
from itertools import groupby
from math import degrees
from typing import Any

from gatewaykit.simulators.mount_state import MountState
from gatewaykit.simulators.mount_values import VALUES
from gatewaykit.tts160.variables import Dialect, table

MOST_VARIABLES = 10
MOST_BYTES = 300
"""Of a payload (facts/tts160.md 4.1)."""

_ITEM = re.compile(r"([TCMALODX]?)([1-9]\d?)")
_FLOATS = {"f": 1, "q": 4, "m": 9}


def error(name: str) -> bytes:
    return f"ERROR:{name}\n".encode("ascii")


def pack(types: str, values: list[Any]) -> bytes:
    """Each value by the format character at its place; whole numbers overflow as they do
    in the mount."""
    return b"".join(map(_packed, types, values))


def _packed(character: str, value: Any) -> bytes:
    if count := _FLOATS.get(character):
        return struct.pack(f"<{count}f", *(value if count > 1 else [value]))
    size = struct.calcsize(f"<{character}")
    return (int(value) & (1 << 8 * size) - 1).to_bytes(size, "little")


def header(types: str, dialect: Dialect) -> bytes:
    """Only the last of the dialects leaves the counts out."""
    if dialect is not Dialect.V357:
        types = "".join(f"{len(list(run))}{c}" for c, run in groupby(types))
    return f"BINARY:{types}\n".encode("ascii")


def answer(state: MountState, text: str) -> tuple[bytes, bool]:
    """To ``T1,2,C5``; and whether a position is to be calculated, which takes time."""
    dialect = state.behaviour.dialect
    letter, ids = "", []
    for item in text.split(","):
        match = _ITEM.fullmatch(item)
        letter = (match and match[1]) or letter
        if match is None or not letter:
            return error("PARSE_ERROR"), False
        ids.append(f"{letter}{match[2]}")
    if len(ids) > MOST_VARIABLES:
        return error("PARSE_ERROR"), False
    known = table(dialect)
    if any(one not in known for one in ids):
        return error("VAR_ERROR"), False
    variables = [known[one] for one in ids]
    types = "".join(variable.type for variable in variables)
    payload = pack(types, [VALUES[variable.name](state) for variable in variables])
    if len(payload) > MOST_BYTES:
        return error("RESPONSE_TOO_LARGE"), False
    return header(types, dialect) + payload, bool({"X1", "X2"} & set(ids))


# Blocks (facts/tts160.md 3.3).

_BLOCKS: tuple[tuple[str, str], ...] = (
    (
        "13i4f",
        (
            "H_TICKS E_TICKS TRACKING_ON MOTOR_H_ON MOTOR_E_ON MOVING_H MOVING_E"
            " DIRECTION_H DIRECTION_E ALIGN_STATUS ERROR_CODE SLEWING COLLISION"
            " RA DEC CURRENT_AZ CURRENT_ALT"
        ),
    ),
    (
        "3i9f",
        (
            "TRACKING_MODE TRACKING_RATE CUSTOM_RATE_TRACK ALIGN_SID_TIME OBJECT_RA"
            " OBJECT_DEC TARGET_RA TARGET_DEC CUSTOM_RATE_RA CUSTOM_RATE_DEC RA DEC"
        ),
    ),
    (
        "5i2f",
        (
            "GOTO_SPEED_H GOTO_SPEED_E GUIDE_SPEED_H GUIDE_SPEED_E PARK_FLAG"
            " PARK_AZ PARK_ALT"
        ),
    ),
    (
        "6i3f",
        (
            "DATE_MONTH DATE_DAY DATE_YEAR TIME_HOUR TIME_MINUTE TIME_SECOND"
            " LONGITUDE LATITUDE TIMEZONE"
        ),
    ),
    (
        "7i",
        (
            "TICKS_PER_ROUND_H TICKS_PER_ROUND_E GUIDE_CORR_H GUIDE_CORR_E"
            " CABLE_TWIST_ALARM SOUTH_ANGLE AZ_NORM_COUNTER"
        ),
    ),
    ("9f", "ALIGNMENT_MATRIX"),
    ("9f", "INV_MATRIX"),
    (
        "13i4f",
        (
            "CLOCK_FREQ H_JERK E_JERK H_ACTIVE E_ACTIVE H_POSIT_ACTIVE E_POSIT_ACTIVE"
            " H_DENOMINATOR H_NUM_FINAL H_NUM_CURR E_DENOMINATOR E_NUM_FINAL E_NUM_CURR"
            " H_POSIT_INIT H_POSIT_FINAL E_POSIT_INIT E_POSIT_FINAL"
        ),
    ),
    (
        "5i2f",
        (
            "ROTATOR_ON R_TICKS FIELD_ROT_TICKS FIELD_ROT_RANGE FIELD_ROT_DIRECTION"
            " FIELD_ROT_ANGLE INITIAL_FIELD_ROT"
        ),
    ),
)
_DEGREES = {"PARK_AZ", "PARK_ALT", "LONGITUDE", "LATITUDE", "SOUTH_ANGLE"}
"""Here they were degrees, as far as one can tell."""


def block(state: MountState, number: int) -> bytes:
    if number >= len(_BLOCKS):
        return error("INVALID_CMD")
    types, names = _BLOCKS[number]
    values: list[Any] = []
    for name in names.split():
        value = VALUES[name](state)
        if name in _DEGREES:
            value = degrees(value)
        values += value if isinstance(value, list) else [value]
    unrolled = "".join(c * int(n) for n, c in re.findall(r"(\d+)(.)", types))
    return f"CASE:{number}\n".encode("ascii") + pack(unrolled, values)
