"""What a simulated mount's variables hold, by their names. Pure.

Angles are radians (facts/tts160.md 0, no. 9). Where a meaning is unpublished, what is here
is a choice (facts/tts160.md 10).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import copysign, pi, radians
from typing import Any

from gatewaykit.simulators import mount_sky as sky
from gatewaykit.simulators.mount_alignment import STARS, Star
from gatewaykit.simulators.mount_axis import Axis
from gatewaykit.simulators.mount_state import GUIDE_RATES, MountState

Value = Callable[[MountState], Any]

GOTO_SPEEDS = 120, 130
"""Settings of the hand pad, as in facts/tts160.md 9, no. 35."""
_JERK = 10
_WORM_TURNS = 144
_CLOCK_HZ = 57_600
_FREE_BYTES = 4096
_DIRECTIONS = ("north", "south", "east", "west")
_UNALIGNED = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
_NO_STAR = Star(0.0, 0.0, 0, 0, 0, 0.0)


def hours_to_radians(value_h: float) -> float:
    return value_h * pi / 12


def matrix(state: MountState) -> sky.Matrix:
    """From the mount's unit vectors to those of the sky, at the alignment's time."""
    if not state.alignment.aligned:
        return _UNALIGNED
    return sky.to_equator(state.alignment.lst_h, state.place.latitude_deg)


def _flat(rows: sky.Matrix) -> list[float]:
    return [value for row in rows for value in row]


def _sense(axis: Axis) -> int:
    return int(copysign(1, axis.speed)) if axis.speed else 0


def _numerator(axis: Axis, speed: float) -> int:
    return axis.fraction(speed)[0]


def _flags(state: MountState) -> int:
    return (1 << len(state.alignment.stars)) - 1


def _constant(value: float) -> Value:
    return lambda _state: value


def _of_star(slot: int, field: Callable[[Star], Any]) -> Value:
    return lambda state: field(state.alignment.stars.get(slot, _NO_STAR))


def _target_ticks(state: MountState) -> tuple[int, int]:
    where = state.motion.seen(state.target)
    return (
        state.motion.h.ticks_of(where.az_deg),
        state.motion.e.ticks_of(where.alt_deg),
    )


_POSITION: dict[str, Value] = {
    "H_TICKS": lambda s: s.motion.h.ticks,
    "E_TICKS": lambda s: s.motion.e.ticks,
    "RA": lambda s: hours_to_radians(s.shown().ra_h),
    "DEC": lambda s: radians(s.shown().dec_deg),
    "CURRENT_ALT": lambda s: radians(s.motion.horizontal().alt_deg),
    "CURRENT_AZ": lambda s: radians(s.motion.horizontal().az_deg),
    "TARGET_RA": lambda s: hours_to_radians(s.target_ra_h),
    "TARGET_DEC": lambda s: radians(s.target_dec_deg),
    "TARGET_H": lambda s: _target_ticks(s)[0],
    "TARGET_E": lambda s: _target_ticks(s)[1],
    "OBJECT_RA": lambda s: hours_to_radians(s.target_ra_h),
    "OBJECT_DEC": lambda s: radians(s.target_dec_deg),
    "SYNC_TARGET_RA": lambda s: hours_to_radians(s.synced[0]),
    "SYNC_TARGET_DEC": lambda s: radians(s.synced[1]),
    "GOTO_H_TICKS": lambda s: s.motion.h.ticks_of(s.motion.goal.az_deg),
    "GOTO_E_TICKS": lambda s: s.motion.e.ticks_of(s.motion.goal.alt_deg),
    "AZ_NORM_COUNTER": lambda s: s.motion.turns,
    "CABLE_TWIST_ALARM": lambda s: s.motion.is_twisted,
    "FIELD_ROT_ANGLE": lambda s: radians(s.field_angle_deg),
    "INITIAL_FIELD_ROT": lambda s: radians(s.start_field_deg),
}

_MOVING: dict[str, Value] = {
    "TRACKING_ON": lambda s: s.motion.is_tracking,
    "TRACKING_RATE": lambda s: s.motion.drive,
    "CUSTOM_RATE_TRACK": lambda s: bool(s.motion.offset_ra or s.motion.offset_dec),
    "CUSTOM_RATE_RA": lambda s: s.motion.offset_ra,
    "CUSTOM_RATE_DEC": lambda s: s.motion.offset_dec,
    "MOVING_H": lambda s: s.motion.is_moving(s.motion.h),
    "MOVING_E": lambda s: s.motion.is_moving(s.motion.e),
    "DIRECTION_H": lambda s: _sense(s.motion.h),
    "DIRECTION_E": lambda s: _sense(s.motion.e),
    "SLEWING": lambda s: s.motion.is_slewing,
    "GOTO_ACTIVE": lambda s: s.motion.is_going,
    "GOTO_OBJECT": lambda s: s.motion.is_going and not s.is_parking,
    "PARK_CMD": lambda s: s.is_parking,
    "PARK_FLAG": lambda s: s.motion.is_parked,
    "SYNC": lambda s: s.is_syncing,
    "SLEW_SPEED": lambda s: s.speed,
    "SLEW_DIRECTION": lambda s: _DIRECTIONS.index(s.direction),
    "START_TIME": lambda s: s.counts_at(s.motion.tracking_since),
    "H_ACTIVE": lambda s: s.motion.is_moving(s.motion.h),
    "E_ACTIVE": lambda s: s.motion.is_moving(s.motion.e),
    "H_POSIT_ACTIVE": lambda s: s.motion.is_going,
    "E_POSIT_ACTIVE": lambda s: s.motion.is_going,
    "H_DENOMINATOR": lambda s: s.motion.h.fraction(0)[1],
    "E_DENOMINATOR": lambda s: s.motion.e.fraction(0)[1],
    "H_NUM_FINAL": lambda s: _numerator(s.motion.h, s.motion.h.wanted),
    "E_NUM_FINAL": lambda s: _numerator(s.motion.e, s.motion.e.wanted),
    "H_NUM_CURR": lambda s: _numerator(s.motion.h, s.motion.h.speed),
    "E_NUM_CURR": lambda s: _numerator(s.motion.e, s.motion.e.speed),
    "H_POSIT_INIT": lambda s: s.motion.h.ticks_of(s.motion.origin.az_deg),
    "E_POSIT_INIT": lambda s: s.motion.e.ticks_of(s.motion.origin.alt_deg),
    "H_POSIT_FINAL": lambda s: s.motion.h.ticks_of(s.motion.goal.az_deg),
    "E_POSIT_FINAL": lambda s: s.motion.e.ticks_of(s.motion.goal.alt_deg),
}

_SETTINGS: dict[str, Value] = {
    "GUIDE_SPEED_H": lambda s: GUIDE_RATES[s.guide_rate],
    "GUIDE_SPEED_E": lambda s: GUIDE_RATES[s.guide_rate],
    "CUSTOM_PARK_POS": lambda s: s.park_custom,
    "PARK_AZ": lambda s: radians(s.park_deg[0]),
    "PARK_ALT": lambda s: radians(s.park_deg[1]),
    # West positive, as in all that the mount writes.
    "LONGITUDE": lambda s: -radians(s.place.longitude_deg),
    "LATITUDE": lambda s: radians(s.place.latitude_deg),
    "TIMEZONE": lambda s: int(s.place.zone_h),
    "DATE_YEAR": lambda s: s.local.year,
    "DATE_MONTH": lambda s: s.local.month,
    "DATE_DAY": lambda s: s.local.day,
    "TIME_HOUR": lambda s: s.local.hour,
    "TIME_MINUTE": lambda s: s.local.minute,
    "TIME_SECOND": lambda s: s.local.second,
    "MSECS": lambda s: s.counts,
    "TICKS_PER_ROUND_H": lambda s: s.motion.h.ticks_per_turn,
    "TICKS_PER_ROUND_E": lambda s: s.motion.e.ticks_per_turn,
    "WORMGEAR_TICKS_H": lambda s: s.motion.h.ticks_per_turn // _WORM_TURNS,
    "WORMGEAR_TICKS_E": lambda s: s.motion.e.ticks_per_turn // _WORM_TURNS,
}

_ALIGNMENT: dict[str, Value] = {
    "ALIGNMENT_MATRIX": lambda s: _flat(matrix(s)),
    "INV_MATRIX": lambda s: _flat(sky.transposed(matrix(s))),
    "ALIGNMENT_QUAT": lambda s: sky.quaternion(matrix(s)),
    "INV_QUAT": lambda s: sky.quaternion(sky.transposed(matrix(s))),
    "ALIGN_STATUS": lambda s: s.alignment.aligned,
    "START_SID_TIME": lambda s: hours_to_radians(s.start_lst_h),
    "ALIGN_SID_TIME": lambda s: hours_to_radians(s.alignment.lst_h),
    "POINT_COUNT": lambda s: len(s.alignment.stars),
    "POINT_FLAGS": _flags,
    "RMS_ERROR": lambda s: s.alignment.rms_arcsec,
    "MODEL_VALID": lambda s: s.alignment.aligned == STARS,
}

_STAR: dict[str, Callable[[Star], Any]] = {
    "H_TICKS": lambda star: star.h_ticks,
    "E_TICKS": lambda star: star.e_ticks,
    "RA": lambda star: hours_to_radians(star.ra_h),
    "DEC": lambda star: radians(star.dec_deg),
    "TIMESTAMP": lambda star: star.counts,
}

_NEVER_OTHERWISE: dict[str, float] = {
    "R_TICKS": 0,
    "ROTATOR_ON": 0,
    "MOTOR_H_ON": 1,
    "MOTOR_E_ON": 1,
    "COLLISION": 0,
    "MERIDIAN_FLIP": 0,
    "TRACKING_MODE": 0,
    "GOTO_R_TICKS": 0,
    "SOUTH_ANGLE": pi,
    "TELESCOPE_MOUNTING": 1,
    "BACKLASH_H": 0,
    "BACKLASH_E": 0,
    "GUIDE_CORR_H": 0,
    "GUIDE_CORR_E": 0,
    "BACKLASH_ON": 0,
    "PEC_ON": 0,
    "MOTOR_DIR_H": 0,
    "MOTOR_DIR_E": 0,
    "FLIP_LIMIT_WEST": 0,
    "FLIP_LIMIT_EAST": 0,
    "FIELD_ROT_TICKS": 0,
    "FIELD_ROT_RANGE": 0,
    "FIELD_ROT_DIRECTION": 0,
    "CLOCK_FREQ": _CLOCK_HZ,
    "GOTO_SPEED_H": GOTO_SPEEDS[0],
    "GOTO_SPEED_E": GOTO_SPEEDS[1],
    "LANGUAGE": 0,
    "CHOSEN_LOCATION": 0,
    "GOTO_ABORT": 0,
    "SPEED_MODE": 0,
    "DRIFT_MODE": 0,
    "CATALOG_CHOICE": 0,
    "COORD_CHOICE": 0,
    "ERROR_CODE": 0,
    "STOP_GOTO": 0,
    "H_JERK": _JERK,
    "E_JERK": _JERK,
    "DISPLAY_SCROLL": 0,
    "UPDATE_SCREEN": 0,
    "CURRENT_MENU_ITEM": 0,
    "OLD_MENU_ITEM": 0,
    "ARROW_ON_HANDPAD": 0,
    "FREE_MEM": _FREE_BYTES,
}

VALUES: Mapping[str, Value] = {
    **_POSITION,
    **_MOVING,
    **_SETTINGS,
    **_ALIGNMENT,
    **{
        f"STAR{slot}_{name}": _of_star(slot, field)
        for slot in range(1, STARS + 1)
        for name, field in _STAR.items()
    },
    **{name: _constant(value) for name, value in _NEVER_OTHERWISE.items()},
}
