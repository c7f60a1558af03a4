"""The SET commands of a simulated mount (facts/tts160.md 4.2). Pure."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from math import degrees, isfinite, pi

import attrs

from gatewaykit.simulators.mount_alignment import NEEDED, STARS
from gatewaykit.simulators.mount_deeds import Direction
from gatewaykit.simulators.mount_lines import payload_bytes
from gatewaykit.simulators.mount_motion import AxisName, Horizontal
from gatewaykit.simulators.mount_state import MountState

NOT_READ, NOT_KNOWN, TOO_MANY, FAILED = -1, -3, -5, -6
_MOST_COMMANDS = 2

_COMMAND = re.compile(rb":\*!S ([0-9A-F]{2}(?:,[0-9A-F]{2})*);(.*)#", re.DOTALL)
_DIRECTIONS: tuple[Direction, ...] = ("north", "south", "east", "west")
_AXES: tuple[AxisName, ...] = ("horizontal", "elevation")
_SPEEDS = 4
_MOST_DEG_S = 3.5
_MOST_MS = 10_000
_BAD_INDEX, _BAD_COORDINATES, _BUSY = 1, 2, 3
_TOO_FEW = 1


@attrs.frozen
class Failure(Exception):
    code: int


def answer(state: MountState, command: bytes) -> bytes:
    """One entry: a number, which is 0 where all is well, or an error."""
    match = _COMMAND.fullmatch(command)
    if match is None:
        return _entry(4, NOT_READ)
    ids, payload = match[1].split(b","), match[2]
    if len(ids) > _MOST_COMMANDS:
        return _entry(4, TOO_MANY)
    number = int(ids[0], 16)
    if number not in _HANDLERS:
        return _entry(4, NOT_KNOWN)
    # How the payloads of two stand together is not published.
    if len(ids) > 1 or payload_bytes(number, payload) != len(payload):
        return _entry(4, NOT_READ)
    try:
        return _entry(1, _HANDLERS[number](state, payload))
    except Failure as failure:
        return _entry(4, failure.code)


def _entry(kind: int, value: int) -> bytes:
    return struct.pack("<BBi", 1, kind, value)


def _needs(condition: object) -> None:
    if not condition:
        raise Failure(FAILED)


def _floats(form: str, payload: bytes) -> list[float]:
    values = list(struct.unpack(f"<{form}", payload))
    _needs(all(isfinite(value) for value in values))
    return values


def _ra_dec(ra_rad: float, dec_rad: float) -> tuple[float, float]:
    _needs(abs(dec_rad) <= pi / 2 + 1e-6)
    return ra_rad * 12 / pi % 24, max(-90.0, min(90.0, degrees(dec_rad)))


def _axis_rate(state: MountState, payload: bytes) -> int:
    axis, deg_s = _floats("Bf", payload)
    _needs(axis < len(_AXES) and 0 <= deg_s <= _MOST_DEG_S)
    state.rates[_AXES[int(axis)]] = deg_s
    return 0


def _guide_rate(state: MountState, payload: bytes) -> int:
    _needs(payload[0] < 4)
    state.guide_rate = payload[0]
    return 0


def _slew_rate(state: MountState, payload: bytes) -> int:
    _needs(payload[0] < _SPEEDS)
    state.speed = payload[0]
    state.rates.clear()
    return 0


def _move(state: MountState, payload: bytes) -> int:
    direction, deg_s = _floats("Bf", payload)
    _needs(direction < len(_DIRECTIONS) and 0 <= deg_s <= _MOST_DEG_S)
    _needs(state.move(_DIRECTIONS[int(direction)], deg_s))
    return 0


def _slew(state: MountState, payload: bytes) -> int:
    kind = payload[0]
    _needs(kind <= 3)
    if kind == 0:
        refusal = state.slew(state.target)
    elif kind == 3:
        refusal = state.home()
    else:
        first, second = _floats("2f", payload[1:])
        if kind == 1:
            refusal = state.slew(state.meant(*_ra_dec(first, second)))
        else:
            _needs(abs(second) <= pi / 2)
            refusal = state.slew(Horizontal(degrees(first) % 360, degrees(second)))
    _needs(refusal is None)
    return 0


def _guide(state: MountState, payload: bytes) -> int:
    direction, milliseconds = struct.unpack("<BH", payload)
    _needs(direction < len(_DIRECTIONS) and milliseconds <= _MOST_MS)
    _needs(state.guide(_DIRECTIONS[direction], milliseconds))
    return 0


def _halt(state: MountState, _payload: bytes) -> int:
    state.halt()
    return 0


def _target(state: MountState, payload: bytes) -> int:
    state.target_ra_h, state.target_dec_deg = _ra_dec(*_floats("2f", payload))
    return 0


def _date(state: MountState, payload: bytes) -> int:
    month, day, year = struct.unpack("<BBH", payload)
    with state.motion.changed():
        _needs(state.place.set_date(state.now, year, month, day))
    return 0


def _time(state: MountState, payload: bytes) -> int:
    hour, minute, second = struct.unpack("<BBH", payload)
    _needs(hour < 24 and minute < 60 and second < 60)
    with state.motion.changed():
        state.place.set_time(state.now, hour * 3600 + minute * 60 + second)
    return 0


def _park_place(state: MountState, payload: bytes) -> int:
    _needs(payload[0] <= 1)
    if payload[0] == 1:
        az_rad, alt_rad = _floats("2f", payload[1:])
        _needs(abs(alt_rad) <= pi / 2)
        state.park_deg = degrees(az_rad) % 360, degrees(alt_rad)
    state.park_custom = payload[0] == 1
    return 0


def _park(state: MountState, payload: bytes) -> int:
    _needs(payload[0] <= 1)
    if payload[0] == 0:
        state.park()
    else:
        state.unpark()
    return 0


def _rotator(_state: MountState, _payload: bytes) -> int:
    """There is none."""
    raise Failure(FAILED)


def _track_rate(state: MountState, payload: bytes) -> int:
    _needs(payload[0] < 3)
    with state.motion.changed():
        state.motion.drive = payload[0]
    return 0


def _tracking(state: MountState, payload: bytes) -> int:
    _needs(payload[0] <= 1 and state.track(on=payload[0] == 1))
    return 0


def _sync(state: MountState, payload: bytes) -> int:
    """0 is a plain one; 1 arms an alignment of so many stars, 2 is one of them. That is a
    choice: the codes are not published."""
    kind, points = payload[0], payload[1:]
    _needs(kind <= 2 and (kind == 1) == bool(points))
    if kind == 1:
        _needs(0 < points[0] <= STARS and state.behaviour.align_on_sync)
        state.alignment.arm(points[0])
    else:
        _needs(state.sync() if kind == 0 else state.sync_star())
    return 0


def _initialize(state: MountState, _payload: bytes) -> int:
    _needs(state.initialize())
    return 0


def _site(state: MountState, payload: bytes) -> int:
    name, zone, *rest = struct.unpack("<10sbBHBBBHBBB", payload)
    west, lon_deg, lon_min, lon_s, south, lat_deg, lat_min, lat_s, horizon = rest
    longitude = lon_deg + lon_min / 60 + lon_s / 3600
    latitude = lat_deg + lat_min / 60 + lat_s / 3600
    _needs(-24 <= zone <= 28 and west <= 1 and south <= 1 and horizon < 90)
    _needs(max(lon_min, lon_s, lat_min, lat_s) < 60)
    _needs(longitude <= 180 and latitude <= 90)
    with state.motion.changed():
        state.place.name = name.decode("latin-1").rstrip()
        state.place.zone_h = zone / 2
        state.place.longitude_deg = -longitude if west else longitude
        state.place.latitude_deg = -latitude if south else latitude
    state.horizon_deg = float(horizon)
    return 0


def _align_point(state: MountState, payload: bytes) -> int:
    index, ra_h, dec_deg = _floats("B2f", payload)
    if not 1 <= index <= STARS:
        return _BAD_INDEX
    if not (0 <= ra_h < 24 and abs(dec_deg) <= 90):
        return _BAD_COORDINATES
    if state.motion.is_slewing:
        return _BUSY
    star = state.star(state.meant(ra_h, dec_deg))
    state.alignment.stars[int(index)] = star
    return 0


def _align(state: MountState, _payload: bytes) -> int:
    """The last of the points is where it points from now on."""
    stars = state.alignment.stars
    if len(stars) < NEEDED:
        return _TOO_FEW
    last = max(stars.values(), key=lambda star: star.counts)
    _needs(not state.motion.is_slewing)
    state.motion.put(
        Horizontal(
            last.h_ticks / state.motion.h.ticks_per_turn * 360,
            last.e_ticks / state.motion.e.ticks_per_turn * 360,
        )
    )
    state.alignment.finish(state.lst_h)
    return 0


_HANDLERS: Mapping[int, Callable[[MountState, bytes], int]] = {
    0x00: _axis_rate,
    0x01: _guide_rate,
    0x02: _slew_rate,
    0x03: _move,
    0x04: _slew,
    0x05: _guide,
    0x06: _halt,
    0x07: _target,
    0x08: _date,
    0x09: _time,
    0x0A: _park_place,
    0x0B: _park,
    0x0C: _rotator,
    0x0D: _track_rate,
    0x0E: _tracking,
    0x0F: _sync,
    0x10: _initialize,
    0x11: _site,
    0x12: _align_point,
    0x13: _align,
}
