"""The modem's records in the shapes that clients of the old daemon know. Pure.

Keys, order and types are those of facts/sim7600.md 1.3, with the traps of 1.5 in mind; new
keys follow the old ones. A whole reply stays below 1,400 bytes, so that it is one segment
(facts/sim7600.md 1.2): that is why the single satellites are not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_NETWORK = (
    *("registration", "roaming", "creg", "cgreg", "cereg"),
    *("signal_dbm", "signal_percent", "rsrp_dbm", "rsrq_db", "sinr_db", "rssi_dbm"),
    *("mcc", "mnc", "technology", "access_technology", "band", "channel"),
    *("area_code", "cell_id", "physical_cell_id", "system_mode", "operation_mode"),
    *("mode_preference", "sim_state", "updated_at", "age_s", "stale"),
)
_LOCATION = (
    *("gps_time", "accuracy_m", "geoid_separation_m", "engine", "searching_s"),
    *("last_fix", "updated_at", "age_s", "stale"),
)
_OLD_COUNTS = ("gps", "glonass", "beidou")
_NEW_COUNTS = ("galileo", "in_view", "used")


def network(record: Mapping[str, Any]) -> dict[str, Any]:
    """What ``get_network_status`` gives, from a network record."""
    signal_dbm = record["signal_dbm"]
    # An old client takes a type of network to mean that there is one.
    has_network = record["connected"] or record["operator"] is not None
    return {
        "connected": record["connected"],
        "signal_strength": None if signal_dbm is None else f"{signal_dbm} dBm",
        "operator": record["operator"],
        "network_type": record["technology"] if has_network else None,
        "registration_status": record["registration_status"],
        "device_present": True,
    } | {name: record[name] for name in _NETWORK}


def location(record: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """What ``get_gnss_location`` gives, from a location record: success and data."""
    status = record["fix_status"]
    new = {"device_present": True} | {name: record[name] for name in _LOCATION}
    if status == "valid":
        # It is what is in front of it already.
        return True, _fix(record) | new | {"last_fix": None}
    if status == "invalid":
        old = {"fix_status": "invalid", "error": "Parse error", "source": "GNSS"}
        return False, old | {"satellites": _satellites(record)} | new
    old = {
        "fix_status": "no_fix",
        "error": "No GNSS fix available",
        "source": "GNSS",
    }
    return True, old | {"satellites": _satellites(record)} | new


def _fix(record: Mapping[str, Any]) -> dict[str, Any]:
    mode = record["mode"]
    if mode is None:
        # CGPSINFO tells none, and old clients want one.
        mode = 2 if record["altitude_m"] is None else 3
    fix = {
        "mode": mode,
        "fix_type": f"{mode}D",
        "satellites": _satellites(record),
        "latitude": record["latitude"],
        "longitude": record["longitude"],
        "altitude": record["altitude_m"],
        "speed": record["speed_kmh"],
        "speed_knots": record["speed_knots"],
        "course": record["heading_deg"],
        "date": record["date"],
        "utc_time": record["utc_time"],
        "pdop": record["pdop"],
        "hdop": record["hdop"],
        "vdop": record["vdop"],
        "fix_status": "valid",
        "source": "GNSS",
    }
    if fix["hdop"] is None:
        # A client multiplies what it finds; it has a value for a missing key only.
        del fix["hdop"]
    return fix


def _satellites(record: Mapping[str, Any]) -> dict[str, int]:
    """Counts that are numbers, always; the new ones only where they are known."""
    counts = record["satellites"]
    old = {name: counts[name] or 0 for name in _OLD_COUNTS}
    new = {name: counts[name] for name in _NEW_COUNTS if counts[name] is not None}
    total = counts["total"]
    if total is None:
        total = sum(old.values()) + new.get("galileo", 0)
    return old | {"total": total} | new
