"""What stands between head and tail of a frame, by the tables of `layouts`.

A body that fits no layout keeps its fields as text, and its positions are searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from gatewaykit.gv50 import positions
from gatewaykit.gv50.forms import convert
from gatewaykit.gv50.heads import Head, body_end, has_vin
from gatewaykit.gv50.layouts import (
    IGNITION,
    IGNITION_BY_REPORT_TYPE,
    IGNITION_BY_STATE,
    NO_POSITION,
    Layout,
    device_type,
    has_odometer_slot,
    layouts,
)
from gatewaykit.gv50.positions import Position

DIGIT_PAIR = re.compile(r"[0-9A-Fa-f]{2}").fullmatch
_HEX_DIGIT = re.compile(r"[0-9A-Fa-f]").fullmatch
_ODOMETER = re.compile(r"[0-9]{1,7}\.[0-9]").fullmatch
_NUMBER = re.compile(r"[1-9]|1[0-5]").fullmatch
APPENDED = {"01": 1, "02": 1, "03": 2}
"""The block's reserved field as a mask of fields that follow it on newer families."""
_WITH_SATELLITES = frozenset({"01", "03"})


def read_body(head: Head) -> tuple[tuple[Position, ...], dict[str, Any]]:
    """Positions, and the type's own fields by name; what is neither, nor the reserved
    field of a block or a list of Wi-Fi networks in it, is kept as text."""
    if head.type == "GTHBD":
        return (), _unparsed(head.fields[4 : body_end(head)])
    if head.prefix in {"+ACK", "+NACK"}:
        return (), _acknowledgement(head)
    return _report(head)


def _unparsed(texts: list[str]) -> dict[str, Any]:
    kept = [text for text in texts if text]
    return {"unparsed": texts} if kept else {}


def _acknowledgement(head: Head) -> dict[str, Any]:
    """The serial of the command is the third field from the end (facts/gv50.md 4.15)."""
    if head.count is None or len(head.fields) < 7:
        return _unparsed(head.fields[4 : body_end(head)])
    rest = head.fields[4:-3]
    fields: dict[str, Any] = {"serial": head.fields[-3] or None}
    rejected: list[str] = []
    if head.prefix == "+NACK" and rest:
        _name(["cause"], [rest.pop()], fields, rejected)
    name = {"GTRTO": "sub_command", "GTGEO": "fence_id"}.get(head.type)
    if name and rest:
        fields[name] = rest.pop(0) or None
    return fields | _unparsed(rest + rejected)


def _report(head: Head) -> tuple[tuple[Position, ...], dict[str, Any]]:
    end = body_end(head)
    device = device_type(head.protocol_version)
    fields: dict[str, Any] = {}
    first = 2 if head.legacy else 4
    if not head.legacy:
        if has_vin(head.prefix, head.protocol_version, len(head.fields)):
            fields["vin"] = head.fields[3] or None
            first = 5
        for layout in layouts(head.type, device):
            read = _read(layout, head.fields, first, end, device)
            if read is not None:
                return read[0], fields | read[1]
    found, rest = _search(head, first, end)
    return found, fields | _unparsed(rest)


def _read(
    layout: Layout, texts: list[str], first: int, end: int, device: str
) -> tuple[tuple[Position, ...], dict[str, Any]] | None:
    """Read a body by a layout; None if it does not fit."""
    at = first + len(layout.before)
    before = texts[first : min(at, end)]
    if len(before) < len(layout.before):
        return None
    told = dict(zip(layout.before, before, strict=True))
    number = told.get("number", "1")
    if (
        not _NUMBER(number)
        or not DIGIT_PAIR(told.get("report") or "00")
        or not _HEX_DIGIT(told.get("report_id") or "0")
        or not _HEX_DIGIT(told.get("report_type") or "0")
    ):
        return None
    found: list[Position] = []
    extras: dict[str, str] = {}
    for _ in range(int(number) if layout.block else 0):
        if at + layout.block > end or not positions.is_block(texts, at):
            return None
        if positions.is_told(texts, at):
            found.append(positions.read_block(texts, at, end).position)
        slot = texts[at + 11] if layout.block == 12 else ""
        at += layout.block
        if has_odometer_slot(device) and _ODOMETER(slot):
            extras["odometer_km"] = slot
        if slot in APPENDED and at < end:
            if slot in _WITH_SATELLITES:
                extras["satellites"] = texts[at]
            at += APPENDED[slot]
    after = texts[at:end]
    left = len(after) - len(layout.after)
    if left < 0 or (left and not layout.open):
        return None
    fields: dict[str, Any] = {}
    unparsed: list[str] = []
    _name(layout.before, before, fields, unparsed)
    _name(extras, extras.values(), fields, unparsed)
    _name(layout.after, after, fields, unparsed)
    return tuple(found), fields | _unparsed(unparsed + after[len(layout.after) :])


def _name(
    names: Iterable[str],
    texts: Iterable[str],
    fields: dict[str, Any],
    unparsed: list[str],
) -> None:
    """Put values under their names; empty is None, and what is not well-formed is kept."""
    for name, text in zip(names, texts, strict=False):
        if name == "-":
            unparsed += [text] if text else []
        elif name == "report":
            fields["report_id"] = int(text[0], 16) if text else None
            fields["report_type"] = int(text[1], 16) if text else None
        elif name != "number":
            try:
                fields[name] = convert(name, text) if text else None
            except ValueError:
                fields[name] = None
                unparsed.append(text)


def _search(head: Head, first: int, end: int) -> tuple[tuple[Position, ...], list[str]]:
    """Find the positions of a body without a known layout, and what is left of it."""
    texts = head.fields
    blocks = list(positions.search(texts, first, end, legacy=head.legacy))
    if not blocks and head.type not in NO_POSITION:
        blocks = list(positions.search_cell_only(texts, first, end))
    rest: list[str] = []
    for block in blocks:
        rest += texts[first : block.start]
        first = block.end
    return tuple(block.position for block in blocks), rest + texts[first:end]


def ignition(head: Head, fields: Mapping[str, Any]) -> bool | None:
    if head.prefix in {"+ACK", "+NACK"}:
        return None
    if head.type in IGNITION:
        return IGNITION[head.type]
    by_type = IGNITION_BY_REPORT_TYPE.get(
        (head.type, device_type(head.protocol_version)), {}
    )
    if fields.get("report_type") in by_type:
        return by_type[fields["report_type"]]
    return ignition_of(fields.get("state") or fields.get("device_status") or "")


def ignition_of(status: str) -> bool | None:
    return IGNITION_BY_STATE.get(status[:2].upper())


def outputs(fields: Mapping[str, Any]) -> int | None:
    told: int | None = fields.get("digital_outputs")
    return outputs_of(fields.get("device_status") or "") if told is None else told


def outputs_of(status: str) -> int | None:
    """The last byte; some siblings have more than three (facts/gv50.md 4.3)."""
    return int(status[-2:], 16) if len(status) >= 6 else None
