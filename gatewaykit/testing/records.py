"""Records as a modem and a mount give them."""

from __future__ import annotations

import copy
from typing import Any

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record


def network_record(**fields: Any) -> Record:
    """A network record, at home on LTE, with `fields` in place of its own.

    Raises `MisuseError` for a field that no such record has.
    """
    return _with(_NETWORK, fields)


def location_record(**fields: Any) -> Record:
    """A location record with a fix; `fields` as for `network_record`."""
    return _with(_LOCATION, fields)


def info_record(**fields: Any) -> Record:
    """An info record; `fields` as for `network_record`."""
    return _with(_INFO, fields)


def mount_record(**fields: Any) -> Record:
    """A mount's status, tracking near the meridian; `fields` as for `network_record`."""
    return _with(_MOUNT, fields)


def _with(record: Record, fields: Record) -> Record:
    for name in fields:
        if name not in record:
            raise MisuseError(name, fields[name], ", ".join(record))
    return copy.deepcopy(record | fields)


_NETWORK: Record = {
    "connected": True,
    "registration_status": 1,
    "registration": "home",
    "roaming": False,
    "creg": 1,
    "cgreg": 1,
    "cereg": 1,
    "signal_dbm": -73,
    "signal_percent": 65,
    "rsrp_dbm": -98.5,
    "rsrq_db": -11.0,
    "sinr_db": 12.0,
    "rssi_dbm": -69.5,
    "operator": "Example Mobile",
    "mcc": "001",
    "mnc": "01",
    "technology": "LTE",
    "access_technology": "E-UTRAN",
    "band": "EUTRAN-BAND3",
    "channel": 1300,
    "area_code": 4660,
    "cell_id": 27_447_297,
    "physical_cell_id": 101,
    "system_mode": "LTE",
    "operation_mode": "Online",
    "mode_preference": "automatic",
    "sim_state": "READY",
    "updated_at": "2026-01-31T12:00:00.000Z",
    "age_s": 0.5,
    "stale": False,
}

_LOCATION: Record = {
    "fix_status": "valid",
    "mode": 3,
    "gps_time": "2026-01-31T11:59:59.000Z",
    "latitude": 47.25,
    "longitude": 8.5,
    "altitude_m": 408.3,
    "geoid_separation_m": None,
    "speed_kmh": 18.52,
    "speed_knots": 10.0,
    "heading_deg": 271.5,
    "pdop": 1.9,
    "hdop": 1.1,
    "vdop": 1.5,
    "accuracy_m": 3.9,
    "date": "310126",
    "utc_time": "115959.0",
    "satellites": {
        "gps": 8,
        "glonass": 3,
        "beidou": 1,
        "galileo": None,
        "total": 12,
        "in_view": None,
        "used": None,
    },
    "sky": None,
    "engine": "on",
    "searching_s": None,
    "last_fix": {
        "latitude": 47.25,
        "longitude": 8.5,
        "altitude_m": 408.3,
        "gps_time": "2026-01-31T11:59:59.000Z",
        "age_s": 0.8,
    },
    "updated_at": "2026-01-31T12:00:00.000Z",
    "age_s": 0.8,
    "stale": False,
    "raw": None,
}

_INFO: Record = {
    "manufacturer": "SIMCOM INCORPORATED",
    "model": "SIMCOM_SIM7600G-H",
    "firmware": "LE20B04SIM7600G22",
    "imei": "864000000000001",
    "iccid": "8900100000000000001F",
    "imsi": "001010000000001",
    "phone_number": None,
    "sim_state": "READY",
    "port": "/dev/ttyUSB2",
    "nmea_port": None,
    "constellations": ["beidou", "galileo", "glonass", "gps"],
    "voltage_v": 3.9,
    "temperature_c": 41.0,
    "state": "ready",
    "uptime_s": 3600.0,
    "warnings": [],
}

_MOUNT: Record = {
    "available": True,
    "state": "ready",
    "reason": None,
    "dialect": "v357",
    "firmware": "357.1.0",
    "right_ascension_h": 5.786667,
    "declination_deg": -5.391111,
    "altitude_deg": 37.282971,
    "azimuth_deg": 184.005240,
    "equinox": "JNow",
    "tracking": True,
    "tracking_rate": "sidereal",
    "slewing": False,
    "moving": [],
    "parked": False,
    "aligned_stars": 3,
    "target_right_ascension_h": 5.786667,
    "target_declination_deg": -5.391111,
    "latitude_deg": 47.25,
    "longitude_deg": 8.5,
    "local_sidereal_time_h": 6.0,
    "at": "2026-01-31T12:00:00.000Z",
    "age_s": 0.2,
    "stale": False,
}
