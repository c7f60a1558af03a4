"""Both ends of a text frame: who sent it, what it is, when and as which number
(facts/gv50.md 2). Every frame passes here, so it does little.

Text is Latin-1 in both directions, which loses no byte.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.forms import DIGITS_14
from gatewaykit.gv50.layouts import VIN_TYPES

_HEADER = re.compile(r"(\+(?:RESP|BUFF|ACK|NACK)):(GT[A-Z0-9]{3})").fullmatch
_IMEI = re.compile(r"[0-9]{15}").fullmatch
_MEID = re.compile(r"[0-9A-Fa-f]{14}").fullmatch
_COUNT = re.compile(r"[0-9A-Fa-f]{4}").fullmatch
_LEGACY_VERSION = re.compile(r"[0-9]{10}").fullmatch
_NAME_SIZE = 64


class Head(NamedTuple):
    """What stands at both ends of every frame."""

    prefix: str
    """``+RESP``, ``+BUFF``, ``+ACK`` or ``+NACK``."""
    type: str
    protocol_version: str
    imei: str | None
    """15 digits or, of CDMA devices, 14 hex digits; None for anything else."""
    device_name: str
    send_time: str | None
    """14 digits, in the device's own time zone."""
    count: str | None  # type: ignore[assignment]  # over tuple.count
    """4 hex digits as received; None when the tail cannot be trusted."""
    fields: list[str]
    """All of them, the header first."""
    legacy: bool
    """A GL100, whose frames have no version in front and another tail."""


@lru_cache(maxsize=1024)
def _read_header(text: str) -> tuple[str, str] | None:
    match = _HEADER(text)
    return (match[1], match[2]) if match else None


def read_head(frame: bytes) -> Head:
    """Read both ends of a text frame.

    The tail is read from the end, since firmware adds fields in the middle, and is
    refused as a whole unless the count is exactly 4 hex digits (facts/gv50.md 2.2).

    :raises ProtocolViolation: when it is no ``+PREFIX:GTxxx,`` frame.
    """
    body = frame[:-1] if frame.endswith((b"$", b"\0")) else frame
    fields = str(body, "latin-1").split(",")
    header = _read_header(fields[0])
    size = len(fields)
    if header is None or size < 2:
        raise ProtocolViolation("no +PREFIX:GTxxx, header", frame)
    prefix, type_ = header
    identifier = fields[2] if size > 2 else ""
    imei: str | None = identifier
    if not _IMEI(identifier):
        if _IMEI(fields[1]):  # what follows may be a time, which looks like an MEID
            return _legacy_head(prefix, type_, fields)
        if not _MEID(identifier):
            imei = None
    version = fields[1]
    at = 4 if has_vin(prefix, version, size) else 3
    name = fields[at][:_NAME_SIZE] if size > at else ""
    count = send_time = None
    if size > 4 and _COUNT(fields[-1]):
        count = fields[-1]
        if size > 5 and DIGITS_14(fields[-2]):
            send_time = fields[-2]
    return Head(prefix, type_, version, imei, name, send_time, count, fields, False)


def _legacy_head(prefix: str, type_: str, fields: list[str]) -> Head:
    """``<header>,<imei>,...[,<send time>],<count>,<10-digit version>``, of some
    ``<header>,<imei>,...[,<10-digit version>],<send time>,<count>``."""
    version = ""
    count = send_time = None
    if _LEGACY_VERSION(fields[-1]):
        version = fields[-1]
        if len(fields) > 3 and _COUNT(fields[-2]):
            count = fields[-2]
            if len(fields) > 4 and DIGITS_14(fields[-3]):
                send_time = fields[-3]
    elif _LEGACY_VERSION(fields[-2]):
        version = fields[-2]
    elif len(fields) > 3 and _COUNT(fields[-1]) and DIGITS_14(fields[-2]):
        send_time, count = fields[-2:]
        if _LEGACY_VERSION(fields[-3]):
            version = fields[-3]
    return Head(prefix, type_, version, fields[1], "", send_time, count, fields, True)


def identity(head: Head, frame: bytes) -> bytes:
    """16 bytes, equal for a report and its repetition, be it live or from the buffer.

    The body behind the prefix holds IMEI, type, send time and count at their places, so
    its hash is a hash of all of them.
    """
    body = frame[len(head.prefix) + 1 :].rstrip(b"$\0")
    return blake2b(body, digest_size=16).digest()


def has_vin(prefix: str, version: str, size: int) -> bool:
    """Whether a VIN stands in front of the name (facts/gv50.md 2.1). No
    acknowledgement was seen with one."""
    return version[:2] in VIN_TYPES and size > 6 and prefix not in {"+ACK", "+NACK"}


def body_end(head: Head) -> int:
    """Where the tail begins."""
    size = len(head.fields)
    if head.count is None:
        return size
    if head.legacy:
        return size - 1 - bool(head.send_time) - bool(head.protocol_version)
    # What stands for the send time may be empty or cut off; anything else is body.
    slot = head.fields[-2]
    return size - (2 if not slot or (slot.isdecimal() and len(slot) >= 12) else 1)
