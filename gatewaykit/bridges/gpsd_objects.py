"""gpsd's JSON objects, as gpsd 3.22 writes them (facts/sim7600.md 6.3 to 6.5).

libgps looks for the literal text ``"class":"TPV"``, so there is no space behind a colon or
comma; what is not known is left out, and no number is NaN or a string. Numbers have the
decimals that gpsd gives them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gatewaykit.bridges.gpsd_requests import Policy

VERSION = (
    '{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}'
)
"""Clients compare it with their own, newer ones wait for seconds if it is strange to them
(facts/sim7600.md 6.1)."""

NOTHING: Mapping[str, Any] = {
    "fix_status": "no_fix",
    "mode": None,
    "gps_time": None,
    "latitude": None,
    "longitude": None,
    "altitude_m": None,
    "geoid_separation_m": None,
    "speed_kmh": None,
    "speed_knots": None,
    "heading_deg": None,
    "pdop": None,
    "hdop": None,
    "vdop": None,
    "accuracy_m": None,
    "date": None,
    "utc_time": None,
    "satellites": {
        "gps": None,
        "glonass": None,
        "beidou": None,
        "galileo": None,
        "total": None,
        "in_view": None,
        "used": None,
    },
    "sky": None,
    "engine": "unknown",
    "searching_s": None,
    "last_fix": None,
    "updated_at": None,
    "age_s": None,
    "stale": True,
    "raw": None,
}
"""The location record of a modem that says nothing."""

# Metres at 95 % for each unit of dilution (facts/sim7600.md 6.4).
_EPH, _EPV, _SEP = 19.0, 23.0, 19.0
_EPX = 15.0 / math.sqrt(2.0)
"""Of HDOP. gpsd takes 15 of XDOP and YDOP, which the modem does not give."""
_EPT_S = 0.005

_GNSS = {
    # gnssid, first and last svid, PRN of svid 0, svid of the first in NMEA's own numbering
    "gps": (0, 1, 32, 0, None),
    "sbas": (1, 120, 158, 0, 33),
    "galileo": (2, 1, 36, 300, 301),
    "beidou": (3, 1, 63, 400, 401),
    "qzss": (5, 1, 10, 192, 193),
    "glonass": (6, 1, 32, 64, 65),
}
_MOST_SATELLITES = 100
"""So that a SKY stays within the 10240 bytes that a client reads as one line."""


def _object(kind: str, **members: str | None) -> str:
    """The object of a class, without the members that are None; the others are JSON."""
    known = (f',"{name}":{text}' for name, text in members.items() if text is not None)
    return f'{{"class":"{kind}"{"".join(known)}}}'


def _number(value: Any) -> float | None:
    known = isinstance(value, int | float) and math.isfinite(value)
    return float(value) if known else None


def _fixed(value: Any, decimals: int, factor: float = 1.0) -> str | None:
    number = _number(value)
    return None if number is None else f"{number * factor:z.{decimals}f}"


def _flag(value: bool) -> str:  # noqa: FBT001 - JSON's true and false
    return "true" if value else "false"


def line(*objects: str) -> bytes:
    """Each object on a line; the python client does without any that lacks the CR."""
    return "".join(f"{text}\r\n" for text in objects).encode("ascii")


def error(message: str) -> str:
    return _object("ERROR", message=json.dumps(message))


def unrecognized(request: str) -> str:
    return error(f"Unrecognized request '{request}'")


def no_such_device(path: str) -> str:
    return error(f"No such device as {path}")


def device(path: str, baudrate: int, activated: str | None, *, identified: bool) -> str:
    """A DEVICE.

    :param activated: since when it is there, ISO 8601; None if it is not.
    :param identified: what it is, is known.
    """
    if activated is None:
        return _object("DEVICE", path=json.dumps(path), activated="0")
    return _object(
        "DEVICE",
        path=json.dumps(path),
        driver='"NMEA0183"' if identified else None,
        activated=json.dumps(activated),
        flags="1" if identified else None,
        native="0",
        bps=str(baudrate),
        parity='"N"',
        stopbits="1",
        cycle="1.00",
    )


def devices(present: Iterable[str]) -> str:
    return _object("DEVICES", devices=f"[{','.join(present)}]")


def watch(policy: Policy) -> str:
    members = {
        name: json.dumps(value)
        for name, value in attrs.asdict(policy).items()
        if value is not None
    }
    return _object("WATCH", **members)


def poll(time: str, device: str, epoch: Epoch | None) -> str:
    """A POLL.

    :param time: now, ISO 8601.
    :param epoch: None for a client that does not watch. One that does finds a TPV and a
        SKY in any case: gpsd-py3 takes the last of each without asking.
    """
    known = epoch is not None
    return _object(
        "POLL",
        time=json.dumps(time),
        active="1" if known else "0",
        tpv=f"[{epoch.tpv}]" if epoch is not None else "[]",
        gst=f"[{_object('GST', device=json.dumps(device))}]" if known else "[]",
        sky=f"[{epoch.sky}]" if epoch is not None else "[]",
    )


@attrs.frozen
class Epoch:
    """What is known at one moment, in JSON, and as the lines of the stream."""

    tpv: str
    sky: str
    lines: bytes


def epoch(path: str, record: Mapping[str, Any]) -> Epoch:
    """A location record, encoded once for all clients. SKY goes before TPV (6.6)."""
    quoted = json.dumps(path)
    mode = _mode(record)
    tpv, sky = _tpv(quoted, record, mode), _sky(quoted, record, mode)
    return Epoch(tpv, sky, line(sky, tpv))


def _mode(record: Mapping[str, Any]) -> int:
    """3 with a fix in space, 2 in the plane, 1 without any.

    Only a fix that is valid now counts. Its mode is the one the record has: the modem says 2
    rather often where its altitude is good (facts/sim7600.md 3.9), but a client told 3
    would take an altitude for measured that may be held. With the NMEA port the record's
    mode is that of GSA, which is right. A fix that came without mode has the one that its
    fields make.
    """
    latitude, longitude = _number(record["latitude"]), _number(record["longitude"])
    if record["fix_status"] != "valid" or latitude is None or longitude is None:
        return 1
    if abs(latitude) > 90.0 or abs(longitude) > 180.0:
        return 1
    mode: int | None = record["mode"]
    if mode in {2, 3}:
        return mode
    return 2 if _number(record["altitude_m"]) is None else 3


def _tpv(device: str, record: Mapping[str, Any], mode: int) -> str:
    if mode == 1:
        return _object("TPV", device=device, mode="1")
    in_space = mode == 3
    altitude = _number(record["altitude_m"]) if in_space else None
    separation = _number(record["geoid_separation_m"]) if in_space else None
    ellipsoid = None
    if altitude is not None and separation is not None:
        ellipsoid = altitude + separation
    time = record["gps_time"]
    return _object(
        "TPV",
        device=device,
        mode=str(mode),
        time=time and json.dumps(time),
        ept=time and str(_EPT_S),
        lat=_fixed(record["latitude"], 9),
        lon=_fixed(record["longitude"], 9),
        altHAE=_fixed(ellipsoid, 4),
        altMSL=_fixed(altitude, 4),
        alt=_fixed(altitude, 4),
        epx=_fixed(record["hdop"], 3, _EPX),
        epy=_fixed(record["hdop"], 3, _EPX),
        epv=_fixed(record["vdop"], 3, _EPV) if in_space else None,
        track=_fixed(record["heading_deg"], 4),
        speed=_fixed(record["speed_kmh"], 3, 1 / 3.6),
        geoidSep=_fixed(separation, 3),
        eph=_fixed(record["hdop"], 3, _EPH),
        sep=_fixed(record["pdop"], 3, _SEP) if in_space else None,
    )


def _sky(device: str, record: Mapping[str, Any], mode: int) -> str:
    """A SKY. Dilutions are those of a fix; satellites are told while searching too.

    Without the NMEA port there are counts and no satellites (facts/sim7600.md 6.5). The
    modem counts those that it holds valid, so they stand for those in use as well.
    """
    status = record["fix_status"]
    current = mode != 1 or (status == "no_fix" and not record["stale"])
    listed = seen = used = None
    if current and record["sky"] is not None:
        placed = [
            (text, one["used"]) for one in record["sky"] if (text := _satellite(one))
        ]
        del placed[_MOST_SATELLITES:]
        listed = f"[{','.join(text for text, _ in placed)}]"
        seen, used = len(placed), sum(1 for _, is_used in placed if is_used)
    elif current:
        counts = record["satellites"]
        total = counts["total"]
        seen = total if counts["in_view"] is None else counts["in_view"]
        used = counts["used"]
        if used is None and mode != 1:
            used = total
    with_fix = mode != 1
    time = record["gps_time"]
    return _object(
        "SKY",
        device=device,
        time=json.dumps(time) if with_fix and time else None,
        vdop=_fixed(record["vdop"], 2) if with_fix else None,
        hdop=_fixed(record["hdop"], 2) if with_fix else None,
        pdop=_fixed(record["pdop"], 2) if with_fix else None,
        nSat=_fixed(seen, 0),
        uSat=_fixed(used, 0),
        satellites=listed,
    )


def _satellite(satellite: Mapping[str, Any]) -> str | None:
    """One of a SKY's satellites, None for one whose number we cannot place."""
    known = _GNSS.get(satellite["gnss"])
    if known is None:
        return None
    gnssid, first, last, offset, nmea_first = known
    number: int = satellite["svid"]
    if not first <= number <= last and nmea_first is not None:
        # As NMEA numbers it: 33 is SBAS 120, 65 GLONASS 1, 193 QZSS 1.
        number += first - nmea_first
    if not first <= number <= last:
        return None
    members = {
        "PRN": str(number + offset),
        "el": _fixed(satellite["elevation_deg"], 1),
        "az": _fixed(satellite["azimuth_deg"], 1),
        "ss": _fixed(satellite["cn0_dbhz"], 1),
        "used": _flag(bool(satellite["used"])),
        "gnssid": str(gnssid),
        "svid": str(number),
    }
    known_members = (f'"{n}":{text}' for n, text in members.items() if text is not None)
    return f"{{{','.join(known_members)}}}"
