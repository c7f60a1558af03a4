"""Whole @Track text frames to reports (facts/gv50.md 2, 4 and 8).

Two ways lead through here. `read_head`, `identity` and `journal_entry` are what every
report passes on its way into the journal; they do as little as they can. `decode` reads
all that a frame tells, when someone asks for it. Both agree on what they both tell.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import attrs

from gatewaykit.gv50 import bodies
from gatewaykit.gv50.bodies import APPENDED, DIGIT_PAIR
from gatewaykit.gv50.forms import convert, is_moment
from gatewaykit.gv50.heads import Head, identity, read_head
from gatewaykit.gv50.layouts import (
    IGNITION,
    IGNITION_BY_REPORT_TYPE,
    VIN_TYPES,
    layouts,
)
from gatewaykit.gv50.positions import COORDINATE, Position, place
from gatewaykit.interfaces import JournalEntry, Record
from gatewaykit.times import iso

__all__ = [
    "Head",
    "Position",
    "Report",
    "decode",
    "identity",
    "journal_entry",
    "read_head",
    "render",
    "report_record",
]


@attrs.frozen
class Report:
    """All that a frame tells."""

    imei: str | None
    device_name: str | None
    prefix: str
    type: str
    protocol_version: str | None
    send_time: str | None
    count: str | None
    positions: tuple[Position, ...]
    fields: Mapping[str, Any]
    """The type's own, by the names of `layouts`; `unparsed` holds texts no name is known
    for, or that have not the form of the field where they stand."""
    ignition: bool | None
    outputs: int | None
    """Bit 0 is output 1."""
    raw: bytes


def decode(frame: bytes) -> Report:
    """Read all that a text frame tells.

    :raises ProtocolViolation: when it is no ``+PREFIX:GTxxx,`` frame; nothing else.
    """
    return _decode(read_head(frame), frame)


def _decode(head: Head, frame: bytes) -> Report:
    found, fields = bodies.read_body(head)
    return Report(
        imei=head.imei,
        device_name=head.device_name or None,
        prefix=head.prefix,
        type=head.type,
        protocol_version=head.protocol_version or None,
        send_time=head.send_time,
        count=head.count,
        positions=found,
        fields=fields,
        ignition=bodies.ignition(head, fields),
        outputs=bodies.outputs(fields),
        raw=frame,
    )


def report_record(
    report: Report, received_at_ms: int | None = None, id: bytes | None = None
) -> Record:
    """The `reports` record of the design; every value can be written as JSON."""
    record: Record = {
        "id": None if id is None else id.hex(),
        "imei": report.imei,
        "device_name": report.device_name,
        "prefix": report.prefix,
        "type": report.type,
        "protocol_version": report.protocol_version,
        "received_at": None if received_at_ms is None else iso(received_at_ms),
        "send_time": report.send_time,
        "count": report.count,
        "positions": [
            {name: getattr(position, name) for name in _POSITION_NAMES}
            for position in report.positions
        ],
    }
    if report.ignition is not None:
        record["ignition"] = report.ignition
    if report.outputs is not None:
        record["outputs"] = report.outputs
    record.update(report.fields)
    record["raw"] = str(report.raw, "latin-1")
    return record


_POSITION_NAMES = tuple(field.name for field in attrs.fields(Position))


def render(id: bytes, received_at_ms: int, raw: bytes) -> Record:
    """The record of a stored frame, which `read_head` has let pass before."""
    return report_record(decode(raw), received_at_ms, id)


class _Plan(NamedTuple):
    """Where the keys stand in a frame of one type, device type and length that has one
    position; the indices are 0 for what is not there."""

    report: int
    number: int
    block: int
    reserved: int
    status: int
    status_name: str


@lru_cache(maxsize=1024)
def _plan(type_: str, device: str, length: int) -> _Plan | None:
    """None where only the full decode knows."""
    first = 5 if device in VIN_TYPES else 4
    if (type_, device) in IGNITION_BY_REPORT_TYPE:
        return None
    for layout in layouts(type_, device):
        block = first + len(layout.before)
        size = block + layout.block + len(layout.after) + 2
        if size > length or (size < length and not layout.open):
            continue
        if not layout.block or "report_id" in layout.before:
            return None
        index = {name: first + i for i, name in enumerate(layout.before)}
        for i, name in enumerate(layout.after):
            index[name] = block + layout.block + i
        if "digital_outputs" in index:
            return None
        status = "state" if "state" in index else "device_status"
        return _Plan(
            report=index.get("report", 0),
            number=index.get("number", 0),
            block=block,
            reserved=block + 11 if layout.block == 12 else 0,
            status=index.get(status, 0),
            status_name=status,
        )
    return None


def journal_entry(
    head: Head,
    frame: bytes,
    received_at_ms: int,
    received_key: int,
    future_limit: int,
) -> JournalEntry:
    """What the journal keeps of a report whose `head.imei` is sure.

    :param received_key: the time of receipt as ``YYYYMMDDHHMMSS``, UTC: the report's time
        where it has no GPS time of its own.
    :param future_limit: in the same form; a newer GPS time moves no latest position.
    """
    keys = _quick_keys(head) or _slow_keys(head, frame, future_limit)
    time, position_time, ignition, outputs = keys
    return JournalEntry(
        identity(head, frame),
        head.imei or "",
        head.type,
        int(head.send_time or 0),
        time or received_key,
        position_time if position_time and position_time <= future_limit else None,
        ignition,
        outputs,
        received_at_ms,
        frame,
    )


_Keys = tuple[int, int | None, bool | None, int | None]
"""Time of the first position or 0, position time, ignition, outputs."""


def _quick_keys(head: Head) -> _Keys | None:
    """The keys of the common shapes, without decoding the rest."""
    found = find_block(head)
    if found is None:
        return None
    fields = head.fields
    block, status_name, status = found
    time = int(fields[block + 6])
    usable = place(fields[block + 4], fields[block + 5]) is not None
    ignition, outputs = (
        _status(status_name, status) if status_name else (IGNITION.get(head.type), None)
    )
    return time, time if usable else None, ignition, outputs


def find_block(head: Head) -> tuple[int, str, str] | None:
    """Where the location block of a report of a common shape starts, its only one, and the
    name and the text of the field with its state; both empty where it has none.

    Coordinates and time are well-formed there. None where only `decode` knows, which also
    is where there is no position.
    """
    fields = head.fields
    version = head.protocol_version
    if head.send_time is None or head.legacy or len(version) != 6:
        return None
    plan = _plan(head.type, version[:2], len(fields))
    if plan is None:
        return None
    report, number, block, reserved, status_at, status_name = plan
    if (
        (number and fields[number] != "1")
        or (report and not DIGIT_PAIR(fields[report]))
        or (reserved and fields[reserved] in APPENDED)
        or not COORDINATE(fields[block + 4])
        or not COORDINATE(fields[block + 5])
        or not is_moment(fields[block + 6])
    ):
        return None
    return (block, status_name, fields[status_at]) if status_at else (block, "", "")


@lru_cache(maxsize=4096)
def _status(name: str, text: str) -> tuple[bool | None, int | None]:
    """Ignition and outputs by a device status or a state code."""
    try:
        convert(name, text)
    except ValueError:
        return None, None
    outputs = bodies.outputs_of(text) if name == "device_status" else None
    return bodies.ignition_of(text), outputs


def _slow_keys(head: Head, frame: bytes, future_limit: int) -> _Keys:
    report = _decode(head, frame)
    times = [_key(position.gps_time) for position in report.positions]
    usable = [
        time
        for time, position in zip(times, report.positions, strict=True)
        if position.longitude is not None and 0 < time <= future_limit
    ]
    return (
        times[0] if times else 0,
        max(usable, default=None),
        report.ignition,
        report.outputs,
    )


def _key(moment: str | None) -> int:
    return 0 if moment is None else int(moment.translate(_NO_PUNCTUATION))


_NO_PUNCTUATION = str.maketrans("", "", "-:TZ")
