"""What a report says that has happened to a vehicle, and when (facts/gv50.md 4.5 to 4.14).

A change of ignition comes as GTIGN or GTIGF together with GTIGL, and counts once: GTIGL
makes no event, of no model.

State 16 of GTSTT is a tow: it is what 4.2 calls decided, while 12 and 1A are suspicions. A
device that is set to send GTTOW as well tells one tow twice, by `details.type`; but the two
are switched on by different settings, and a theft told twice is better than one not told.
State 3 of GTGPJ is jamming, but no state of it the end: 1 may be said by a device that
was never jammed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.heads import identity, read_head
from gatewaykit.gv50.reports import Report, decode
from gatewaykit.interfaces import Record
from gatewaykit.times import utc_of

_BY_TYPE = {
    "GTIGN": "ignition_on",
    "GTIGF": "ignition_off",
    "GTVGN": "virtual_ignition_on",
    "GTVGF": "virtual_ignition_off",
    "GTMPN": "power_connected",
    "GTMPF": "power_cut",
    "GTEPN": "power_connected",
    "GTEPF": "power_cut",
    "GTTOW": "tow",
    "GTSOS": "sos",
    "GTJDR": "jamming",
    "GTCRA": "crash",
    "GTPNA": "power_on",
    "GTPFA": "power_off",
}
_BY_VALUE: dict[str, tuple[str, dict[Any, str]]] = {
    # The field that tells, and what its values mean; others are no event.
    "GTJDS": ("jamming", {1: "jamming_ended", 2: "jamming"}),
    "GTGPJ": ("jamming_state", {3: "jamming"}),
    "GTSTT": ("state", {"16": "tow"}),
}
TYPES = frozenset(_BY_TYPE) | frozenset(_BY_VALUE)
"""Report types that may be events."""

_DETAILS = (
    "cause",
    "crash_counter",
    "cw_value",
    "duration_s",
    "hour_meter",
    "mileage_km",
    "power_on_code",
    "state",
)
"""What an event keeps of a type's own fields, where they are told."""
_POSITION = ("longitude", "latitude", "speed_kmh", "heading_deg", "hdop", "fix")

_MINUTES_MS = 5 * 60_000
"""How far two clocks, or a fix and the sending, may be apart and still be believed."""
_OLDEST_LIVE_MS = 60 * 86_400_000
_EARLIEST_MS = 1_262_304_000_000
"""2010: clocks that tell an earlier time were never set (facts/gv50.md 2.3)."""
_FACTORY_DAY = "20200101"
"""Where some clocks start that is later than that."""


@attrs.frozen
class Happening:
    """An event of a vehicle."""

    event: str
    at_ms: int
    """Milliseconds since the epoch."""
    details: Record
    """Can be written as JSON."""


def happening(
    raw: bytes, received_at_ms: int, offset_min: int | None
) -> Happening | None:
    """The event that a report is; None if it is none, or cannot be read.

    :param received_at_ms: milliseconds since the epoch.
    :param offset_min: of the device's clock from UTC, east of Greenwich positive; None if
        it is not known.
    """
    prefix, type_ = raw[:6], raw[6:11]
    if prefix not in {b"+RESP:", b"+BUFF:"} or str(type_, "latin-1") not in TYPES:
        return None
    try:
        report = decode(raw)
    except ProtocolViolation:
        return None
    event = _event(report)
    if event is None:
        return None
    at_ms, clock = _moment(report, received_at_ms, offset_min)
    return Happening(event, at_ms, _details(report, clock))


def _event(report: Report) -> str | None:
    if report.type in _BY_TYPE:
        return _BY_TYPE[report.type]
    name, events = _BY_VALUE[report.type]
    return events.get(report.fields.get(name))


def _moment(
    report: Report, received_at_ms: int, offset_min: int | None
) -> tuple[int, str]:
    """When it happened, and by whose clock: the device's, the satellites', or ours."""
    is_live = report.prefix == "+RESP"
    oldest = received_at_ms - _OLDEST_LIVE_MS if is_live else _EARLIEST_MS

    def believed(times: Iterable[int | None]) -> int | None:
        """The newest time that can be one."""
        newest = received_at_ms + _MINUTES_MS
        return max(
            (
                time
                for time in times
                if time is not None and max(oldest, _EARLIEST_MS) <= time <= newest
            ),
            default=None,
        )

    fresh = believed(each.gps_ms for each in report.positions if each.fix)
    known = believed(each.gps_ms for each in report.positions)
    sent = believed([_sent(report, offset_min)])
    # A fresh fix of another time than the sending proves the offset wrong, or the clock;
    # so does a sending before the last fix.
    if sent is not None and (
        abs(sent - fresh) <= _MINUTES_MS
        if fresh is not None
        else known is None or sent >= known - _MINUTES_MS
    ):
        return sent, "device"
    if fresh is not None:
        return fresh, "gps"
    if known is not None and not is_live:
        return known, "gps"
    return received_at_ms, "gateway"


def _sent(report: Report, offset_min: int | None) -> int | None:
    if offset_min is None or report.send_time is None:
        return None
    if report.send_time.startswith(_FACTORY_DAY):
        return None
    return utc_of(report.send_time, offset_min)


def _details(report: Report, clock: str) -> Record:
    details: Record = {
        "report_id": identity(read_head(report.raw), report.raw).hex(),
        "type": report.type,
        "buffered": report.prefix == "+BUFF",
        "clock": clock,
    }
    if report.positions:
        newest = max(report.positions, key=lambda each: each.gps_time or "")
        if newest.gps_time is not None:
            details["gps_time"] = newest.gps_time
        if newest.longitude is not None:
            details["position"] = {name: getattr(newest, name) for name in _POSITION}
    for name in _DETAILS:
        if report.fields.get(name) is not None:
            details[name] = report.fields[name]
    if report.type == "GTSOS" and report.fields.get("report_id") is not None:
        details["input"] = report.fields["report_id"]
    return details
