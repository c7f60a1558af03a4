"""The LX200 commands that a simulated mount knows (facts/tts160.md 2.1 and 2.2). Pure.

A handler gets what follows the command's name, and gives the answer; empty where there is
none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import attrs

from gatewaykit.simulators import mount_text as text
from gatewaykit.simulators.mount_deeds import Direction
from gatewaykit.simulators.mount_motion import AxisName
from gatewaykit.simulators.mount_state import (
    CENTRE,
    FASTEST,
    FIND,
    GUIDE,
    MountState,
    Refusal,
)
from gatewaykit.tts160.variables import Dialect


@attrs.frozen
class Late:
    """An answer of which the second part comes later."""

    first: bytes
    second: bytes
    after_s: float


Answer = bytes | Late
Handler = Callable[[MountState, str], Answer]

NOTHING, NO, YES = b"", b"0", b"1"

FIRMWARE = {
    Dialect.TEXT: "354.1.0",
    Dialect.V356: "356.0.0",
    Dialect.V356B: "356.1.0",
    Dialect.V357: "357.1.0",
}
DIRECTIONS: Mapping[str, Direction] = {
    "n": "north",
    "s": "south",
    "e": "east",
    "w": "west",
}
_AXES: Mapping[str, AxisName] = {
    "n": "elevation",
    "s": "elevation",
    "e": "horizontal",
    "w": "horizontal",
}
_SPEEDS = {"RG": GUIDE, "RM": FIND, "RC": CENTRE, "RS": FASTEST}
"""RC is the faster one of the two in the middle (facts/tts160.md 2.2)."""
_DRIVES = {"TQ": 0, "TL": 1, "TS": 2}
_REFUSALS: Mapping[Refusal, str] = {
    "low": "1Object below horizon",
    "high": "2Object below higher limit",
    "parked": "1Mount is parked",
    "slewing": "1Slew in progress",
}
_BLANKS = " " * 30
_OFFSET = re.compile(r"([+-]?\d{1,2}(?:\.\d)?)")
_FREQUENCY = re.compile(r"\d{2,3}\.\d")
_MILLISECONDS = re.compile(r"\d{4}")


def written(answer: str) -> bytes:
    return f"{answer}#".encode("latin-1")


def flag(value: object) -> bytes:
    return YES if value else NO


# Positions.


def ra(state: MountState, value_h: float) -> bytes:
    return written(text.hours(value_h, long=state.writes_long))


def dec(state: MountState, value_deg: float, mark: str = ":") -> bytes:
    seconds = mark if state.writes_long else ""
    return written(text.angle(value_deg, seconds=seconds, degree=state.degree))


def _azimuth(state: MountState) -> bytes:
    seconds = "'" if state.writes_long else ""
    where = state.motion.horizontal()
    return written(text.azimuth(where.az_deg, seconds=seconds, degree=state.degree))


def _sidereal(state: MountState, _text: str) -> bytes:
    state.stale_ahead_s = None
    at_greenwich = state.place.gst_h(state.now)
    return written(
        text.hours(at_greenwich if state.behaviour.greenwich else state.lst_h)
    )


def _latitude(state: MountState, _text: str) -> bytes:
    return written(
        text.angle(state.place.latitude_deg, seconds="", degree=state.degree)
    )


def _longitude(state: MountState, _text: str) -> bytes:
    return written(
        text.angle(
            -state.place.longitude_deg, digits=3, seconds="", degree=state.degree
        )
    )


def _set_ra(state: MountState, argument: str) -> bytes:
    value = text.read_hours(argument)
    if value is not None:
        state.target_ra_h = value
    return flag(value is not None)


def _set_dec(state: MountState, argument: str) -> bytes:
    value = text.read_angle(argument, 90, needs_sign=True)
    if value is not None:
        state.target_dec_deg = value
    return flag(value is not None)


# Motion.


def _goto(state: MountState, _text: str) -> bytes:
    refusal = state.slew(state.target)
    if refusal is None:
        return NO
    answer = _REFUSALS[refusal]
    return written(answer) if state.behaviour.refusal_text else answer[:1].encode()


def _sync(state: MountState, _text: str) -> bytes:
    done = state.sync()
    return written("Coordinates matched.        " if done else "No sync now")


def _move(state: MountState, argument: str) -> bytes:
    if argument in DIRECTIONS:
        state.move(DIRECTIONS[argument])
    return NOTHING


def _halt(state: MountState, argument: str) -> bytes:
    if argument in _AXES:
        state.halt_axis(_AXES[argument])
    elif not argument:
        state.halt()
    return NOTHING


def _guide(state: MountState, argument: str) -> bytes:
    direction, milliseconds = argument[:1], argument[1:]
    if direction in DIRECTIONS and _MILLISECONDS.fullmatch(milliseconds):
        state.guide(DIRECTIONS[direction], int(milliseconds))
    return NOTHING


def _speed(index: int) -> Handler:
    def handle(state: MountState, _text: str) -> bytes:
        state.speed = index
        state.rates.clear()
        return NOTHING

    return handle


def _drive(index: int) -> Handler:
    def handle(state: MountState, _text: str) -> bytes:
        with state.motion.changed():
            state.motion.drive = index
        return NOTHING

    return handle


def _track(*, on: bool) -> Handler:
    def handle(state: MountState, _text: str) -> bytes:
        state.track(on=on)
        return NOTHING

    return handle


def _park(state: MountState, _text: str) -> bytes:
    state.park()
    return NOTHING


# Site and clock.


def _local_time(state: MountState, _text: str) -> bytes:
    local = state.local
    if state.stale_ahead_s is not None:
        local = state.place.local(state.now, state.stale_ahead_s)
        state.stale_ahead_s = None
    return written(f"{local:%H:%M:%S}")


def _offset(state: MountState, _text: str) -> bytes:
    to_utc = -state.place.zone_h
    whole = to_utc == int(to_utc)
    return written(f"{to_utc:+03.0f}" if whole else f"{to_utc:+05.1f}")


def _set_time(state: MountState, argument: str) -> bytes:
    second = text.read_time(argument)
    if second is None:
        return NO
    if state.behaviour.stale_time:
        state.stale_ahead_s = state.place.ahead_s
    with state.motion.changed():
        state.place.set_time(state.now, second)
    return YES


def _set_date(state: MountState, argument: str) -> Answer:
    date = text.read_date(argument)
    if date is None:
        return NO
    with state.motion.changed():
        exists = state.place.set_date(state.now, *date)
    if not exists:
        return NO
    form = state.behaviour.date_reply
    if form == "two-part":
        return Late(
            written("1Updating Planetary Data"),
            written(_BLANKS),
            state.behaviour.date_pause,
        )
    return written("1") if form == "short" else YES


def _set_offset(state: MountState, argument: str) -> bytes:
    match = _OFFSET.fullmatch(argument)
    if match is None or abs(float(match[1])) > 14:
        return NO
    with state.motion.changed():
        state.place.zone_h = -float(match[1])
    return YES


def _set_latitude(state: MountState, argument: str) -> bytes:
    value = text.read_angle(argument, 90)
    if value is None or state.has_fixed_site:
        return NO
    with state.motion.changed():
        state.place.latitude_deg = value
    return YES


def _set_longitude(state: MountState, argument: str) -> bytes:
    value = text.read_angle(argument, 360)
    if value is None or state.has_fixed_site:
        return NO
    with state.motion.changed():
        state.place.longitude_deg = (180 - value) % 360 - 180
    return YES


# The rest.


def _about(state: MountState, _text: str) -> bytes:
    tracks = "T" if state.motion.is_tracking else "N"
    return written(f"P{tracks}{state.alignment.shown}")


def firmware(state: MountState) -> str:
    return state.behaviour.firmware or FIRMWARE[state.behaviour.dialect]


def _set_frequency(state: MountState, argument: str) -> bytes:
    if not _FREQUENCY.fullmatch(argument):
        return NO
    state.frequency = float(argument)
    return YES


def _toggle(name: str) -> Handler:
    def handle(state: MountState, _text: str) -> bytes:
        setattr(state, name, not getattr(state, name))
        return NOTHING

    return handle


def _precision(state: MountState, _text: str) -> bytes:
    state.is_precise = not state.is_precise
    return b"HIGH PRECISION" if state.is_precise else b"LOW PRECISION"


def _says(answer: Callable[[MountState], str]) -> Handler:
    return lambda state, _text: written(answer(state))


def _ignore(_state: MountState, _text: str) -> bytes:
    return NOTHING


_SITES = ("GM", "GN", "GO", "GP")
_IGNORED = (
    *("PO", "TM", "T+", "T-", "AA", "AP", "AL", "hF", "hS"),
    *("F+", "F-", "FQ", "FS", "FF", "W1", "W2", "W3", "W4"),
)

PLAIN: Mapping[str, Handler] = {
    "GR": lambda state, _text: ra(state, state.shown().ra_h),
    "GD": lambda state, _text: dec(state, state.shown().dec_deg),
    "GA": lambda state, _text: dec(state, state.motion.horizontal().alt_deg, "'"),
    "GZ": lambda state, _text: _azimuth(state),
    "GS": _sidereal,
    "GL": _local_time,
    "GC": _says(lambda state: f"{state.local:%m/%d/%y}"),
    "GG": _offset,
    "Gt": _latitude,
    "Gg": _longitude,
    "GW": _about,
    "GVP": _says(lambda _state: "TTS-160"),
    "GVN": _says(firmware),
    "GVD": _says(lambda _state: "Jul 06 2025"),
    "GVT": _says(lambda _state: "12:00:00"),
    "GVF": _says(lambda state: f"TTS-160|{firmware(state)}|Jul 06 2025"),
    "Gc": _says(lambda state: "24" if state.shows_24_h else "12"),
    "GT": _says(lambda state: f"{state.frequency:.1f}"),
    **dict.fromkeys(_SITES, _says(lambda state: state.place.name)),
    "ra": _says(lambda state: f"{state.field_angle_deg:+.4f}"),
    "MS": _goto,
    "CM": _sync,
    **{name: _speed(index) for name, index in _SPEEDS.items()},
    **{name: _drive(index) for name, index in _DRIVES.items()},
    "T1": _track(on=True),
    "T0": _track(on=False),
    "hP": _park,
    "U": _toggle("is_long"),
    "H": _toggle("shows_24_h"),
    "P": _precision,
    **dict.fromkeys(_IGNORED, _ignore),
}
"""Commands that are their name and nothing else."""

LATER: Mapping[str, Handler] = {
    "D": _says(lambda state: "|" if state.motion.is_slewing else ""),
    "Gr": lambda state, _text: ra(state, state.target_ra_h),
    "Gd": lambda state, _text: dec(state, state.target_dec_deg),
}
"""Came with firmware 355."""

WITH_ARGUMENT: Mapping[str, Handler] = {
    "Sr": _set_ra,
    "Sd": _set_dec,
    "SC": _set_date,
    "SL": _set_time,
    "SG": _set_offset,
    "St": _set_latitude,
    "Sg": _set_longitude,
    "ST": _set_frequency,
    "Q": _halt,
    "M": _move,
    "Mg": _guide,
}
"""The longest name that fits counts."""
