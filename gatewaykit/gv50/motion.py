"""Where a vehicle is and how fast, for those who decide by it whether it may be blocked
(facts/gv50.md 4.1 to 4.3, 5.3).

Everything unknown stays unknown here: no speed is not a speed of 0.
"""

from __future__ import annotations

import math
from functools import lru_cache

import attrs

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.forms import NUMBER, convert
from gatewaykit.gv50.heads import Head, read_head
from gatewaykit.gv50.positions import Position, is_accurate, place
from gatewaykit.gv50.reports import decode, find_block
from gatewaykit.times import utc_of

MOVING_WITHOUT_IGNITION = frozenset({"12", "16", "1A"})
"""States of a vehicle that moves though its ignition is off: moving, towed, and perhaps
towed. Where the ignition reads off since nobody wired it, this is a drive.

42 is not among them, as 22 is not: neither says that the ignition is off, and the sensor
also feels an engine that idles. What holds there is the speed.
"""
POSITIONS = frozenset({"GTFRI", "GTRTL"})
"""Reports whose position can be empty only where there is no fix."""
_EARTH_KM = 6371.0088


@attrs.frozen
class Fix:
    """A position with its time. None is "not told"."""

    longitude: float
    latitude: float
    speed_kmh: float | None
    gps_ms: int
    """Milliseconds since the epoch, by the satellites."""
    fix: bool
    """False: the coordinates and the time are the last known ones."""
    state: str | None
    """State code (facts/gv50.md 4.2), upper case."""
    count: str | None
    type: str


def live_fix(raw: bytes) -> Fix | None:
    """The newest position of a live report; None for buffered ones, for acknowledgements,
    and where coordinates or their time are not told."""
    if not raw.startswith(b"+RESP:"):
        return None
    try:
        head = read_head(raw)
    except ProtocolViolation:
        return None
    found = find_block(head)
    return _decoded(raw) if found is None else _read(head, *found)


def _read(head: Head, block: int, status_name: str, status: str) -> Fix | None:
    """The same as `_decoded` tells, for a third of its time: every live report passes here.

    Coordinates and time are well-formed.
    """
    hdop, speed, _, _, longitude, latitude, time = head.fields[block : block + 7]
    where = place(longitude, latitude)
    gps_ms = utc_of(time, 0)
    if where is None or gps_ms is None:
        return None
    return Fix(
        longitude=where[0],
        latitude=where[1],
        speed_kmh=_speed(float(speed)) if NUMBER(speed) else None,
        gps_ms=gps_ms,
        fix=is_accurate(hdop),
        state=_state_of(status_name, status),
        count=head.count,
        type=head.type,
    )


def _decoded(raw: bytes) -> Fix | None:
    report = decode(raw)
    places = [
        (time, *where, position)
        for position in report.positions
        if (time := position.gps_ms) is not None
        and (where := _coordinates(position)) is not None
    ]
    if not places:
        return None
    # Of two with one time, the one that is the worse to be blocked at.
    time, longitude, latitude, newest = max(
        places, key=lambda place: (place[0], _caution(place[3]))
    )
    status = report.fields.get("state") or report.fields.get("device_status") or ""
    return Fix(
        longitude=longitude,
        latitude=latitude,
        speed_kmh=_speed(newest.speed_kmh),
        gps_ms=time,
        fix=newest.fix,
        state=status[:2].upper() or None,
        count=report.count,
        type=report.type,
    )


@lru_cache(maxsize=4096)
def _state_of(name: str, text: str) -> str | None:
    """The state code of a field of that name, well-formed or not."""
    try:
        convert(name, text)
    except ValueError:
        return None
    return text[:2].upper() or None


def _coordinates(position: Position) -> tuple[float, float] | None:
    if position.longitude is None or position.latitude is None:
        return None
    return position.longitude, position.latitude


def _speed(speed: float | None) -> float | None:
    return None if speed is None or speed < 0 else speed


def _caution(position: Position) -> float:
    speed = _speed(position.speed_kmh)
    return math.inf if speed is None else speed


def distance_km(a: Fix, b: Fix) -> float:
    """Along the great circle, on a sphere: up to 0.6 % off."""
    north_a, north_b = math.radians(a.latitude), math.radians(b.latitude)
    east = math.radians(b.longitude - a.longitude)
    haversine = (
        math.sin((north_b - north_a) / 2) ** 2
        + math.cos(north_a) * math.cos(north_b) * math.sin(east / 2) ** 2
    )
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, haversine)))
