"""The location block of a report, at its place or searched for (facts/gv50.md 4.1).

A block is accuracy, speed, azimuth, altitude, longitude, latitude, GPS time, MCC, MNC, LAC,
cell id and a reserved field. Firmware puts fields in front of it that no table knows, so
two coordinates with their decimals and a 14-digit time are what a block is known by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import attrs

from gatewaykit.gv50.forms import DIGITS_14, NUMBER, is_moment, iso_moment
from gatewaykit.times import utc_of

COORDINATE = re.compile(r"-?[0-9]{1,3}\.[0-9]{4,8}").fullmatch
"""Six decimals; some leeway for firmware not seen yet."""
_ACCURACY = re.compile(r"[0-9]{1,2}(?:\.[0-9]{1,2})?").fullmatch
_CELL = (
    re.compile(r"[0-9]{3,4}").fullmatch,
    re.compile(r"[0-9]{1,4}").fullmatch,
    re.compile(r"[0-9A-Fa-f]{1,8}").fullmatch,
    re.compile(r"[0-9A-Fa-f]{1,8}").fullmatch,
)
_NOWHERE = {"0", "0.0"}
_NO_PUNCTUATION = str.maketrans("", "", "-:TZ")
_WIFI_COUNT = re.compile(r"[0-9]{1,2}").fullmatch
_WIFI_MAC = re.compile(r"[0-9A-Fa-f]{12}").fullmatch
_WIFI_FIELD = re.compile(r"(?:[0-9A-Fa-f]{12}|-[0-9]{1,3})?").fullmatch


@attrs.frozen
class Position:
    """Where a device was. None is "not told"."""

    gps_time: str | None
    """ISO 8601, UTC."""
    longitude: float | None
    latitude: float | None
    speed_kmh: float | None
    heading_deg: float | None
    altitude_m: float | None
    hdop: float | None
    """The frame's accuracy."""
    fix: bool
    """False: not a fresh fix; the coordinates, if any, are the last known ones."""
    mcc: int | None
    mnc: int | None
    lac: str | None
    cell_id: str | None

    @property
    def gps_ms(self) -> int | None:
        """`gps_time` in milliseconds since the epoch."""
        if self.gps_time is None:
            return None
        return utc_of(self.gps_time.translate(_NO_PUNCTUATION), 0)


class Block(NamedTuple):
    """A location block and the fields it took, `end` excluded."""

    position: Position
    start: int
    end: int


def is_block(fields: list[str], start: int) -> bool:
    """Whether the fields from `start` on can be a block, filled or without a fix."""
    longitude, latitude, time = fields[start + 4 : start + 7]
    if longitude in _NOWHERE and latitude in _NOWHERE:
        return bool(DIGITS_14(time))
    if longitude or latitude:
        return bool(
            COORDINATE(longitude)
            and COORDINATE(latitude)
            and (DIGITS_14(time) or not time)
        )
    if not time:
        return not any(fields[start + 1 : start + 4])
    return bool(DIGITS_14(time))


def is_told(fields: list[str], start: int) -> bool:
    """Whether a block says anything at all."""
    return any(fields[start : start + 11])


def place(longitude: str, latitude: str) -> tuple[float, float] | None:
    """Two well-formed coordinates as numbers. What is out of range, and 0,0 which devices
    send without a fix, is no place (facts/gv50.md 8)."""
    east, north = float(longitude), float(latitude)
    if -180 <= east <= 180 and -90 <= north <= 90 and (east or north):
        return east, north
    return None


def is_accurate(hdop: str) -> bool:
    """Whether an accuracy says that the fix is fresh: 0 is "the last known position"."""
    return _ACCURACY(hdop) is not None and float(hdop) > 0


def read_block(
    fields: list[str], start: int, end: int, *, legacy: bool = False
) -> Block:
    """Read the block whose accuracy is at `start`, its coordinates empty or well-formed;
    `end` is where the body ends.

    Legacy devices may have a speed that is negative (facts/gv50.md 8), and one more field,
    without decimals, in front of the longitude.
    """
    at = start + 4
    if legacy and not COORDINATE(fields[at]):
        at += 1
    hdop, speed, heading, altitude = fields[start : start + 4]
    longitude = latitude = None
    if fields[at] and (there := place(fields[at], fields[at + 1])):
        longitude, latitude = there
    accuracy = _number(hdop) if _ACCURACY(hdop) else None
    speed_kmh = _real(speed)
    heading_deg = _number(heading)
    time = fields[at + 2]
    cell, after = _cell(fields, at + 3, end)
    position = Position(
        gps_time=iso_moment(time) if is_moment(time) else None,
        longitude=longitude,
        latitude=latitude,
        speed_kmh=None if (speed_kmh or 0) < 0 and not legacy else speed_kmh,
        heading_deg=heading_deg if 0 <= (heading_deg or 0) <= 360 else None,
        altitude_m=_real(altitude),
        hdop=accuracy,
        fix=bool(accuracy) and longitude is not None,
        mcc=int(cell[0]) if cell[0] else None,
        mnc=int(cell[1]) if cell[1] else None,
        lac=cell[2] or None,
        cell_id=cell[3] or None,
    )
    return Block(position, start, after)


def search(
    fields: list[str], first: int, end: int, *, legacy: bool = False
) -> Iterator[Block]:
    """Find the blocks in a body whose layout is not known."""
    at = first + 4
    while at + 3 <= end:
        if (
            DIGITS_14(fields[at + 2])
            and COORDINATE(fields[at])
            and COORDINATE(fields[at + 1])
        ):
            lead = 5 if legacy and "." not in fields[at - 1] else 4
            block = read_block(fields, at - lead, end, legacy=legacy)
            yield block
            at = block.end + 4
        else:
            at += 1


def search_cell_only(fields: list[str], first: int, end: int) -> Iterator[Block]:
    """Find a block that lacks coordinates or a time by its accuracy, if told, its form, and
    a whole cell. Lists of cells have gaps too, but repeat the MCC."""
    for start in range(first, end - 10):
        mcc = start + 7
        if (
            (not fields[start] or _ACCURACY(fields[start]))
            and is_block(fields, start)
            and _is_cell(fields, mcc)
            and fields[first:end].count(fields[mcc]) == 1
        ):
            yield read_block(fields, start, end)
            return


def _cell(fields: list[str], at: int, end: int) -> tuple[list[str], int]:
    """MCC, MNC, LAC and cell id, and where they end; empty if they are not these."""
    if at + 2 <= end and _WIFI_COUNT(fields[at]) and _WIFI_MAC(fields[at + 1]):
        # A list of Wi-Fi networks stands between GPS time and MCC (GT501).
        at += 1
        while at < end and _WIFI_FIELD(fields[at]):
            at += 1
    elif at + 5 <= end and fields[at] in {"", "0"} and _is_cell(fields, at + 1):
        at += 1  # an empty list
    cell = fields[at : at + 4] if at + 4 <= end else []
    if cell and all(
        not text or form(text) for form, text in zip(_CELL, cell, strict=True)
    ):
        return cell, at + 4
    return [""] * 4, at


def _is_cell(fields: list[str], at: int) -> bool:
    """Whether a whole cell stands there, and not just any four numbers."""
    cell = fields[at : at + 4]
    return all(form(text) for form, text in zip(_CELL, cell, strict=True)) and all(
        len(text) > 2 for text in cell[2:]
    )


def _number(text: str) -> float | None:
    """A whole number stays one: accuracy and heading mostly are."""
    if not NUMBER(text):
        return None
    return float(text) if "." in text else int(text)


def _real(text: str) -> float | None:
    return float(text) if NUMBER(text) else None
