"""A modem that does as it is told, and records of positions."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from gatewaykit.bridges.gpsd_objects import NOTHING
from gatewaykit.interfaces import IModem, Page, Record

DEVICE = "/dev/ttyUSB2"

# facts/sim7600.md, T28
FIX: Record = {
    **NOTHING,
    "fix_status": "valid",
    "mode": 3,
    "gps_time": "2025-08-30T12:34:56.000Z",
    "latitude": 51.820233333333334,
    "longitude": -1.32,
    "altitude_m": 82.5,
    "speed_kmh": 18.52,
    "speed_knots": 10.0,
    "heading_deg": 45.0,
    "pdop": 1.4,
    "hdop": 0.8,
    "vdop": 1.2,
    "accuracy_m": 2.8,
    "date": "300825",
    "utc_time": "123456.0",
    "satellites": {
        "gps": 9,
        "glonass": 5,
        "beidou": 0,
        "galileo": None,
        "total": 14,
        "in_view": None,
        "used": None,
    },
    "engine": "on",
    "updated_at": "2025-08-30T12:34:56.100Z",
    "age_s": 0.1,
    "stale": False,
    "raw": "+CGNSSINFO: 3,09,05,00,5149.214000,N,00119.200000,W,300825,123456.0,"
    "82.5,10.0,45.0,1.4,0.8,1.2",
}
SEARCHING: Record = {
    **NOTHING,
    "engine": "on",
    "searching_s": 12.0,
    "age_s": 0.2,
    "stale": False,
}
STALE: Record = {
    **NOTHING,
    "fix_status": "stale",
    "last_fix": {
        "latitude": 51.8,
        "longitude": -1.3,
        "altitude_m": 80.0,
        "gps_time": "2025-08-30T12:34:56.000Z",
        "age_s": 30.0,
    },
    "age_s": 30.0,
}


def located(**changes: Any) -> Record:
    return {**copy.deepcopy(FIX), **changes}


@implementer(IModem)
class FakeModem:
    """Answers with what a test has put into it; `tell` is what it says by itself."""

    def __init__(self) -> None:
        self.state = "ready"
        self._delayed: Deferred[Record] | None = None
        self.record: Record | Exception = FIX
        self.asked = 0
        self.listeners: dict[int, tuple[Callable[[str, Record], None], set[str]]] = {}
        self.subscriptions = 0

    def delay(self) -> Deferred[Record]:
        """What the next question gets instead of an answer; the test gives that."""
        self._delayed = Deferred()
        return self._delayed

    def _given(self, record: Record) -> Deferred[Record]:
        given, self._delayed = self._delayed, None
        return given or succeed(record)

    def available(self) -> Deferred[Record]:
        ready = self.state == "ready"
        return self._given({"available": ready, "state": self.state, "reason": None})

    def location(self) -> Deferred[Record]:
        self.asked += 1
        if isinstance(self.record, Exception):
            raise self.record
        return self._given(self.record)

    def subscribe(
        self, listener: Callable[[str, Record], None], *kinds: str
    ) -> Callable[[], None]:
        self.subscriptions += 1
        number = self.subscriptions
        self.listeners[number] = (listener, set(kinds))

        def stop() -> None:
            del self.listeners[number]

        return stop

    def kinds(self) -> set[str]:
        """What somebody listens for."""
        return {kind for _, kinds in self.listeners.values() for kind in kinds}

    def tell(self, kind: str, record: Record) -> None:
        for listener, kinds in list(self.listeners.values()):
            if kind in kinds:
                listener(kind, record)

    def locate(self, record: Record = FIX) -> None:
        self.tell("location", record)

    def happen(self, event: str) -> None:
        self.tell(
            "event",
            {
                "sequence": 1,
                "at": "2025-08-30T12:34:56Z",
                "event": event,
                "details": {},
            },
        )

    def network_status(self) -> Deferred[Record]:
        raise NotImplementedError

    def info(self) -> Deferred[Record]:
        raise NotImplementedError

    def send_sms(self, number: str, text: str) -> Deferred[Record]:
        raise NotImplementedError

    def list_sms(self) -> Deferred[list[Record]]:
        raise NotImplementedError

    def delete_sms(self, index: int | None) -> Deferred[int]:
        raise NotImplementedError

    def command(self, text: str) -> Deferred[list[str]]:
        raise NotImplementedError

    def events(self, cursor: str | None, limit: int) -> Page:
        raise NotImplementedError
