"""Report records as a track: drawable positions in time order, once each, split at gaps.

Pure. What is drawn is a fix (``fix`` is true) with coordinates and a GPS time; the history
itself holds more, and `ndjson` and `csv` show all of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, NamedTuple

GAP = timedelta(minutes=10)
LOOKAHEAD = 1000
"""Positions held back to put them in order. History is ordered by each report's first
position and a frame has room for some 200 positions, so this is generous."""


class Point(NamedTuple):
    moment: datetime
    longitude: float
    latitude: float
    altitude_m: float | None
    speed_kmh: float | None
    heading_deg: float | None
    hdop: float | None

    @property
    def time(self) -> str:
        return self.moment.isoformat().removesuffix("+00:00") + "Z"


class Step(NamedTuple):
    starts: bool
    """Whether a new segment starts with this point."""
    point: Point


def _number(value: Any) -> float | None:
    if isinstance(value, int | float) and math.isfinite(value):
        return float(value)
    return None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def drawable(position: dict[str, Any]) -> Point | None:
    """The position as a point, None unless it is a fix at a place on earth and in time."""
    if not position.get("fix"):
        return None
    moment = _moment(position.get("gps_time"))
    longitude = _number(position.get("longitude"))
    latitude = _number(position.get("latitude"))
    if moment is None or longitude is None or latitude is None:
        return None
    if abs(longitude) > 180 or abs(latitude) > 90:
        return None
    return Point(
        moment,
        longitude,
        latitude,
        _number(position.get("altitude_m")),
        _number(position.get("speed_kmh")),
        _number(position.get("heading_deg")),
        _number(position.get("hdop")),
    )


class Track:
    """Takes report records, gives steps; holds at most `LOOKAHEAD` points.

    Of several positions of one GPS time the first is taken. One that comes after more than
    `LOOKAHEAD` newer ones can't be put in its place any more and is left out.
    """

    def __init__(self, gap: timedelta = GAP) -> None:
        self._gap = gap
        self._waiting: list[tuple[datetime, int, Point]] = []
        self._count = 0
        self._last: datetime | None = None

    def feed(self, record: dict[str, Any]) -> Iterator[Step]:
        for position in record.get("positions") or ():
            point = drawable(position)
            if point is not None:
                # The count keeps the order of arrival and points from being compared.
                heappush(self._waiting, (point.moment, self._count, point))
                self._count += 1
        return self._release(LOOKAHEAD)

    def finish(self) -> Iterator[Step]:
        return self._release(0)

    def _release(self, keep: int) -> Iterator[Step]:
        while len(self._waiting) > keep:
            moment, _, point = heappop(self._waiting)
            if self._last is None:
                yield Step(True, point)
            elif moment > self._last:
                yield Step(moment - self._last > self._gap, point)
            else:
                continue
            self._last = moment
