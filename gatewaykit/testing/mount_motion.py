"""How a mount in memory moves: by itself to a place, and its axes under leases."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import attrs

from gatewaykit.errors import DeviceRefused, MotionStopped
from gatewaykit.interfaces import Record
from gatewaykit.tts160.axes import Axis, axis_of

DEVICE = "the mount"
LEASE_S = 3.0
OVER = "the end of its lease"


@attrs.frozen
class _Lease:
    direction: str
    holder: Hashable
    end_s: float


@attrs.frozen
class _Way:
    """Where it goes, and when it is there."""

    end_s: float
    goal: Record


class Motion:
    """Changes the mount's record as time passes; `settle` before it is looked at."""

    def __init__(
        self, record: Record, seconds: Callable[[], float], slew_s: float
    ) -> None:
        self._record = record
        self._seconds = seconds
        self._slew_s = slew_s
        self._way: _Way | None = None
        self._leases: dict[Axis, _Lease] = {}
        self._stopped_by = OVER

    def settle(self) -> None:
        """What has happened until now."""
        now = self._seconds()
        for axis, lease in tuple(self._leases.items()):
            if lease.end_s <= now:
                self._end(axis, OVER)
        if self._way is not None and self._way.end_s <= now:
            self._record |= self._way.goal | {"slewing": False}
            self._way = None

    def go(self, **goal: Any) -> None:
        """It is under way from now on."""
        self._way = _Way(self._seconds() + self._slew_s, goal)
        self._record |= {"slewing": True, "tracking": False}

    def stop(self, by: str) -> None:
        """It stays where it is; after a slew it doesn't track (facts/tts160.md 7.4)."""
        for axis in tuple(self._leases):
            self._end(axis, by)
        self._way = None
        self._record["slewing"] = False
        self._stopped_by = by

    def check_parked(self, request: str) -> None:
        if self._record["parked"]:
            raise DeviceRefused(DEVICE, request, "it is parked")

    def check(self, request: str) -> None:
        """Raises `DeviceRefused` where it may not move."""
        self.check_parked(request)
        if self._record["slewing"]:
            raise DeviceRefused(DEVICE, request, "it is slewing; stop it first")

    def grant(self, direction: str, holder: Hashable) -> None:
        """An axis moves for `holder`."""
        axis = axis_of(direction)
        old = self._leases.get(axis)
        if old is not None and old.holder != holder:
            reason = "another client moves that axis"
            raise DeviceRefused(DEVICE, f"a move to {direction}", reason)
        self._leases[axis] = _Lease(direction, holder, self._seconds() + LEASE_S)

    def renew(self, direction: str, holder: Hashable) -> None:
        """See `IMount.renew_axis`."""
        lease = self._leases.get(axis_of(direction))
        if lease is None or (lease.direction, lease.holder) != (direction, holder):
            raise MotionStopped(f"a move to {direction}", self._stopped_by)
        self.grant(direction, holder)

    def stop_axis(self, direction: str, by: str) -> None:
        self._end(axis_of(direction), by)

    def release(self, holder: Hashable) -> list[str]:
        """The directions that `holder` moved to."""
        theirs = {
            a: lease for a, lease in self._leases.items() if lease.holder == holder
        }
        for axis in theirs:
            self._end(axis, "its client's end")
        return [lease.direction for lease in theirs.values()]

    def _end(self, axis: Axis, by: str) -> None:
        if self._leases.pop(axis, None) is not None:
            self._stopped_by = by

    @property
    def directions(self) -> list[str]:
        return sorted(lease.direction for lease in self._leases.values())
