"""What devices answer to commands (facts/gv50.md 4.15)."""

from __future__ import annotations

import re
from typing import Final

import attrs

from gatewaykit.gv50.heads import Head

_SERIAL = re.compile(r"[0-9A-Fa-f]{4}").fullmatch
_SEND_TIME = re.compile(r"|[0-9]{12,14}").fullmatch
_REFUSED: Final = "+NACK"
_PREFIXES: Final = frozenset({"+ACK", _REFUSED})
_HEARTBEAT: Final = "GTHBD"
_BODY: Final = 4
"""Where the fields of their own begin, behind header, version, IMEI and name."""


@attrs.frozen
class Ack:
    """That a device has accepted or refused a command. It tells of no result."""

    type: str
    sub: str | None
    """Which of GTRTO's requests or which geofence it was, as the device names it."""
    serial: str
    """Of the command, in upper case: some devices answer in lower case."""
    refused: bool
    cause: str | None
    """Why, of a refusal: 0 wrong password or parameters, 1 unsupported, 2 not now."""
    count: str | None
    """The number of this frame."""


def read_ack(head: Head) -> Ack | None:
    """Read the answer to a command; None for everything else, and for an answer whose
    serial cannot be told.

    The serial is the third field from the end: what stands in front of it differs by
    command and firmware, so index 4 is the serial in some of them only.
    """
    if head.prefix not in _PREFIXES or head.type == _HEARTBEAT or head.legacy:
        return None
    own = head.fields[_BODY:-2]
    if head.count is None or not own or not _SEND_TIME(head.fields[-2]):
        return None
    *others, serial = own
    if not _SERIAL(serial):
        return None
    refused = head.prefix == _REFUSED
    cause = others.pop() if refused and others else None
    return Ack(
        head.type,
        (others[-1] if others else None) or None,
        serial.upper(),
        refused,
        cause or None,
        head.count,
    )
