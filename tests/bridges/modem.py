"""An `IModem` that gives what a test puts in."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from gatewaykit.interfaces import Record

LOCATION: Record = {
    "fix_status": "valid",
    "mode": 3,
    "gps_time": "2025-08-30T12:34:56.000Z",
    "latitude": 51.820233333333334,
    "longitude": -1.32,
    "altitude_m": 82.5,
    "geoid_separation_m": None,
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
    "sky": None,
    "engine": "on",
    "searching_s": None,
    "last_fix": None,
    "updated_at": "2025-08-30T12:34:56.100Z",
    "age_s": 0.1,
    "stale": False,
    "raw": "+CGNSSINFO: 3,09,05,00,5149.214000,N,00119.200000,W,...",
}
NOTHING: Record = {
    **dict.fromkeys(LOCATION),
    "fix_status": "no_fix",
    "satellites": dict.fromkeys(LOCATION["satellites"]),
    "engine": "unknown",
    "stale": False,
}
NETWORK: Record = {
    **dict.fromkeys(
        [
            "creg",
            "cgreg",
            "cereg",
            "signal_percent",
            "rsrp_dbm",
            "rsrq_db",
            "sinr_db",
            "rssi_dbm",
            "mcc",
            "mnc",
            "access_technology",
            "band",
            "channel",
            "area_code",
            "cell_id",
            "physical_cell_id",
            "system_mode",
            "operation_mode",
            "mode_preference",
            "sim_state",
            "updated_at",
            "age_s",
        ]
    ),
    "connected": True,
    "registration_status": 1,
    "registration": "home",
    "roaming": False,
    "signal_dbm": -69,
    "operator": "T-Mobile",
    "technology": "LTE",
    "stale": False,
}


class FakeModem:
    """The reads of an `IModem`. An exception in a record's place is what it fails with, a
    Deferred is given out, for None one that never fires."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "network_status": NETWORK,
            "location": LOCATION,
            "available": {"available": True, "state": "ready", "reason": None},
        }

    def network_status(self) -> Deferred[Record]:
        return self._answer("network_status")

    def location(self) -> Deferred[Record]:
        return self._answer("location")

    def available(self) -> Deferred[Record]:
        return self._answer("available")

    def _answer(self, name: str) -> Deferred[Record]:
        answer = self.answers[name]
        if answer is None:
            return Deferred()
        if isinstance(answer, Deferred):
            return answer
        return fail(answer) if isinstance(answer, Exception) else succeed(answer)
