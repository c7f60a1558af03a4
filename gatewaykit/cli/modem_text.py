"""The modem's records as text for people, with units, and with the age of what is old."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gatewaykit.cli.rows import NOT_KNOWN, shown

Record = Mapping[str, Any]
Line = tuple[str, str]

_CONSTELLATIONS = {
    "gps": "GPS",
    "glonass": "GLONASS",
    "beidou": "BeiDou",
    "galileo": "Galileo",
}


def aligned(lines: Iterable[Line]) -> Iterator[str]:
    """``name: text``, the texts below each other."""
    kept = list(lines)
    width = max((len(name) for name, _ in kept), default=0) + 2
    for name, text in kept:
        yield f"{name + ':':{width}}{text}"


def seconds(value: float) -> str:
    """A duration: ``0.8 s``, ``34 s``, ``12 min``, ``3.5 h``."""
    if value < 10:
        return f"{value:.1f} s"
    if value < 600:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def unit(value: float | None, name: str) -> str:
    """``-73 dBm``, a dash for what is not known; no more digits than a person reads."""
    return NOT_KNOWN if value is None else f"{shown(round(value, 3))} {name}"


def listed(*texts: str | None) -> str:
    """What is known of them, with commas."""
    return ", ".join(text for text in texts if text and text != NOT_KNOWN) or NOT_KNOWN


def freshness(record: Record) -> str:
    """How old it is, and whether that is too old."""
    age_s = record["age_s"]
    if age_s is None:
        return "stale" if record["stale"] else NOT_KNOWN
    old = f"{seconds(age_s)} old"
    return f"stale, {old}" if record["stale"] else old


def operator(record: Record) -> str:
    mcc, mnc = record["mcc"], record["mnc"]
    code = None if mcc is None or mnc is None else f"{shown(mcc)} {shown(mnc)}"
    name = record["operator"]
    if name and code:
        return f"{shown(name)} ({code})"
    return shown(name or code)


def network_lines(record: Record) -> Iterator[Line]:
    yield "connected", shown(record["connected"])
    yield "registration", shown(record["registration"])
    yield "operator", operator(record)
    access = record["access_technology"]
    yield (
        "technology",
        shown(record["technology"]) + (f" ({shown(access)})" if access else ""),
    )
    percent = record["signal_percent"]
    yield (
        "signal",
        unit(record["signal_dbm"], "dBm")
        + (f" ({percent} %)" if percent is not None else ""),
    )
    for name, figure in (("RSRP", "rsrp_dbm"), ("RSSI", "rssi_dbm")):
        if record[figure] is not None:
            yield name, unit(record[figure], "dBm")
    for name, figure in (("RSRQ", "rsrq_db"), ("SINR", "sinr_db")):
        if record[figure] is not None:
            yield name, unit(record[figure], "dB")
    channel = record["channel"]
    yield (
        "band",
        listed(
            shown(record["band"]),
            None if channel is None else f"channel {channel}",
        ),
    )
    yield "area, cell", f"{shown(record['area_code'])}, {shown(record['cell_id'])}"
    yield "modes", shown(record["mode_preference"])
    yield "SIM", shown(record["sim_state"])
    yield "data", freshness(record)


def fix(record: Record) -> str:
    """What the position is worth: ``3D, 0.8 s old``, ``no fix for 12 s``, ``stale...``."""
    status = record["fix_status"]
    if status == "valid":
        mode = record["mode"]
        return listed(f"{mode}D" if mode else "valid", freshness(record))
    if status == "stale":
        # The modem may repeat an old fix in fresh answers: the fix's age is what counts.
        last = record["last_fix"]
        ages = [age for age in (last and last["age_s"], record["age_s"]) if age]
        return f"stale, {seconds(max(ages))} old" if ages else "stale"
    if status == "invalid":
        return f"invalid: not believable, {freshness(record)}"
    searching_s = record["searching_s"]
    text = "no fix" if searching_s is None else f"no fix for {seconds(searching_s)}"
    if record["engine"] == "off":
        text += ", GNSS is off"
    return f"{text}, {freshness(record)}" if record["stale"] else text


def place(record: Record | None) -> str:
    """Latitude and longitude in decimal degrees, to a decimetre."""
    if record is None or record["latitude"] is None or record["longitude"] is None:
        return NOT_KNOWN
    return f"{record['latitude']:.6f}, {record['longitude']:.6f}"


def satellites(record: Record) -> str:
    counts = record["satellites"]
    total = counts["total"] if counts["used"] is None else counts["used"]
    by_name = listed(
        *(
            f"{name} {counts[key]}"
            for key, name in _CONSTELLATIONS.items()
            if counts[key] is not None
        ),
        None if counts["in_view"] is None else f"in view {counts['in_view']}",
    )
    return shown(total) + ("" if by_name == NOT_KNOWN else f" ({by_name})")


def location_lines(record: Record) -> Iterator[Line]:
    yield "fix", fix(record)
    if record["fix_status"] == "valid":
        yield "position", place(record)
        yield "altitude", unit(record["altitude_m"], "m")
        yield "speed", unit(record["speed_kmh"], "km/h")
        yield "heading", unit(record["heading_deg"], "deg")
        dops = (
            f"{name.upper()} {record[name]}"
            for name in ("hdop", "pdop", "vdop")
            if record[name] is not None
        )
        yield "accuracy", listed(unit(record["accuracy_m"], "m"), *dops)
        yield "GPS time", shown(record["gps_time"])
    else:
        last = record["last_fix"]
        if last is not None:
            yield "last fix", f"{place(last)}, {seconds(last['age_s'])} ago"
    yield "satellites", satellites(record)
    yield "GNSS", shown(record["engine"])


def info_lines(record: Record) -> Iterator[Line]:
    yield "modem", listed(shown(record["manufacturer"]), shown(record["model"]))
    yield "firmware", shown(record["firmware"])
    yield "IMEI", shown(record["imei"])
    yield "SIM", shown(record["sim_state"])
    yield "ICCID", shown(record["iccid"])
    yield "IMSI", shown(record["imsi"])
    yield "phone number", shown(record["phone_number"])
    yield "port", shown(record["port"])
    yield "NMEA port", shown(record["nmea_port"])
    yield "GNSS", shown(", ".join(record["constellations"] or ()))
    yield "voltage", unit(record["voltage_v"], "V")
    yield "temperature", unit(record["temperature_c"], "°C")
    yield "state", shown(record["state"])
    up = record["uptime_s"]
    yield "port open for", NOT_KNOWN if up is None else seconds(up)
    for warning in record["warnings"]:
        yield "warning", shown(warning)


def message_row(message: Record) -> tuple[str, ...]:
    """Index, status, number, time, text; what is missing of a long text is said."""
    text = shown(message["text"])
    if message["missing"]:
        text += f" [{message['missing']} of {message['parts']} parts missing]"
    fields = ("index", "status", "number", "sent_at")
    return (*(shown(message[name]) for name in fields), text)


def ageless(value: Any) -> Any:
    """A record without what changes by time alone."""
    if isinstance(value, dict):
        return {
            name: ageless(part)
            for name, part in value.items()
            if name not in {"age_s", "updated_at", "searching_s"}
        }
    return value


def watch_fields(network: Record | None, location: Record | None) -> tuple[str, ...]:
    """``modem``, technology, operator, signal, registration, fix, position, satellites;
    no ages, so that it only changes with what it is about."""
    known = network or {}
    stale = " (stale)" if known.get("stale") else ""
    satellite_count = NOT_KNOWN
    if location is not None:
        counts = location["satellites"]
        satellite_count = shown(
            counts["total"] if counts["used"] is None else counts["used"]
        )
    return (
        "modem",
        shown(known.get("technology")),
        shown(known.get("operator")),
        unit(known.get("signal_dbm"), "dBm"),
        shown(known.get("registration")) + stale,
        shown(location and location["fix_status"]),
        place(location).replace(" ", ""),
        satellite_count,
    )


def watch_block(network: Record | None, location: Record | None) -> tuple[str, str]:
    """Two lines for the head of a table."""
    link = where = NOT_KNOWN
    if network is not None:
        link = listed(
            shown(network["technology"]),
            shown(network["operator"]),
            unit(network["signal_dbm"], "dBm"),
            shown(network["registration"]),
            freshness(network),
        )
    if location is not None:
        position = place(location)
        where = listed(fix(location), position, f"{satellites(location)} satellites")
    return f"modem  {link}", f"GNSS   {where}"


def as_json(network: Record | None, location: Record | None) -> str:
    return json.dumps(
        {"subsystem": "sim7600", "network": network, "location": location}
    )
