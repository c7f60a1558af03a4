"""The commands that came with the mount's firmware 355, as text (facts/tts160.md 2.3).
Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from math import radians

from gatewaykit.simulators import mount_text as text
from gatewaykit.simulators.mount_alignment import STARS
from gatewaykit.simulators.mount_commands import (
    DIRECTIONS,
    NOTHING,
    Handler,
    flag,
    written,
)
from gatewaykit.simulators.mount_motion import AxisName
from gatewaykit.simulators.mount_state import GUIDE_RATES, MountState
from gatewaykit.simulators.mount_values import hours_to_radians

_PARK = re.compile(r"1(\d{3}\.\d{3})(\d{2,3}\.\d{3})")
_MOVE = re.compile(r"([nsew])(\d{4})(\d{4})")
_RATE = re.compile(r"[+-]\d{2}\.\d{10}")
_AXIS: Mapping[str, AxisName] = {
    "n": "elevation",
    "s": "elevation",
    "e": "horizontal",
    "w": "horizontal",
}


def _number(value: Callable[[MountState], float]) -> Handler:
    return lambda state, _text: written(f"{value(state):.7f}")


def _index(value: Callable[[MountState], int]) -> Handler:
    return lambda state, _text: written(str(value(state)))


def _latitude(state: MountState, _text: str) -> bytes:
    return written(text.angle(state.place.latitude_deg, degree=state.degree))


def _longitude(state: MountState, _text: str) -> bytes:
    west_deg = -state.place.longitude_deg
    return written(text.angle(west_deg, digits=3, degree=state.degree))


def _park_setting(state: MountState, _text: str) -> bytes:
    az_deg, alt_deg = state.park_deg
    return written(f"{state.park_custom:d}{az_deg:07.3f}{alt_deg:06.3f}")


def _set_park(state: MountState, argument: str) -> bytes:
    if argument == "0":
        state.park_custom = False
    elif match := _PARK.fullmatch(argument):
        az_deg, alt_deg = float(match[1]), float(match[2])
        if az_deg <= 360 and alt_deg <= 90:
            state.park_custom, state.park_deg = True, (az_deg % 360, alt_deg)
    return NOTHING


def _set_guide_rate(state: MountState, argument: str) -> bytes:
    if len(argument) == 1 and argument in "01234"[: len(GUIDE_RATES)]:
        state.guide_rate = int(argument)
    return NOTHING


def _set_rate(name: str) -> Handler:
    def handle(state: MountState, argument: str) -> bytes:
        if _RATE.fullmatch(argument) and state.motion.drive == 0:
            with state.motion.changed():
                setattr(state.motion, name, float(argument))
        return NOTHING

    return handle


def _move(state: MountState, argument: str) -> bytes:
    match = _MOVE.fullmatch(argument)
    if match is not None and match[3] != "0000":
        axis = state.motion.axis(_AXIS[match[1]])
        deg_s = axis.speed_of(int(match[2]), int(match[3]))
        state.move(DIRECTIONS[match[1]], deg_s)
    return NOTHING


def _arm(state: MountState, argument: str) -> bytes:
    possible = {str(count) for count in range(1, STARS + 1)}
    if argument not in possible or not state.behaviour.align_on_sync:
        return written("0")
    state.alignment.arm(int(argument))
    return written(argument)


PLAIN: Mapping[str, Handler] = {
    "*GR": _number(lambda state: hours_to_radians(state.shown().ra_h)),
    "*GD": _number(lambda state: radians(state.shown().dec_deg)),
    "*GA": _number(lambda state: radians(state.motion.horizontal().alt_deg)),
    "*GZ": _number(lambda state: radians(state.motion.horizontal().az_deg)),
    "*Gr": _number(lambda state: hours_to_radians(state.target_ra_h)),
    "*Gd": _number(lambda state: radians(state.target_dec_deg)),
    "*Gt": _latitude,
    "*Gg": _longitude,
    "*E": lambda state, _text: flag(not state.behaviour.j2000),
    "*Pq": lambda state, _text: flag(state.motion.is_parked),
    "*PG": _park_setting,
    "*TRG": _index(lambda state: state.motion.drive),
    "*gRG": _index(lambda state: state.guide_rate),
    "*RR": _number(lambda state: state.motion.offset_ra),
    "*RD": _number(lambda state: state.motion.offset_dec),
    "*CM": _index(lambda state: state.sync_star()),
}

WITH_ARGUMENT: Mapping[str, Handler] = {
    "*PS": _set_park,
    "*gRS": _set_guide_rate,
    "*SR": _set_rate("offset_ra"),
    "*SD": _set_rate("offset_dec"),
    "*M": _move,
    "**": _arm,
}
