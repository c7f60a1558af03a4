"""Which time zone a device's clock runs at, as one of its frames tells it
(facts/gv50.md 2.3, 4.13).

Send times are the device's local time, GPS times are UTC: what lies between them is the
zone, and how old the fix was when it was sent.
"""

from __future__ import annotations

import re

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.heads import Head, read_head
from gatewaykit.gv50.positions import COORDINATE, is_accurate, place
from gatewaykit.times import utc_of

_ZONE = re.compile(r"([+-])([0-9]{2})(00|15|30|45)").fullmatch
_QUARTER_MS = 15 * 60_000
_AHEAD_MS = 60_000
_OLD_MS = 180_000
"""A fix may be so much newer, or older, than the sending. Of the captured frames with a
fresh one the oldest was 171 s old, the newest 0 s."""
WEST_MIN, EAST_MIN = -12 * 60, 14 * 60


def offset_of(raw: bytes) -> int | None:
    """The offset of a device's clock from UTC by one frame, in minutes, east of Greenwich
    positive.

    It is what the device says itself (GTINF), or the distance of the send time from the GPS
    time of the newest fresh fix. None where the frame tells neither, and where the two times
    are not as far apart as a zone and a few minutes. A fix that is hours old passes for a
    zone in one case of four: believe several frames rather than one.
    """
    try:
        head = read_head(raw)
    except ProtocolViolation:
        return None
    if head.send_time is None or head.legacy or head.prefix not in {"+RESP", "+BUFF"}:
        return None
    if head.type == "GTINF":
        return _told(head.fields)
    sent = utc_of(head.send_time, 0)
    fixed = _newest_fix(head)
    if sent is None or fixed is None:
        return None
    quarters, rest = divmod(sent - fixed + _AHEAD_MS, _QUARTER_MS)
    offset = quarters * 15
    if rest > _AHEAD_MS + _OLD_MS or not WEST_MIN <= offset <= EAST_MIN:
        return None
    return offset


def _told(fields: list[str]) -> int | None:
    """The zone in front of the flag of daylight saving, which stands in front of the tail;
    siblings have fewer fields before it. While that flag is set, whether the zone includes
    the hour is not known."""
    if len(fields) < 8 or fields[-3] != "0":
        return None
    match = _ZONE(fields[-4])
    if match is None:
        return None
    minutes = int(match[2]) * 60 + int(match[3])
    offset = -minutes if match[1] == "-" else minutes
    return offset if WEST_MIN <= offset <= EAST_MIN else None


def _newest_fix(head: Head) -> int | None:
    """GPS time of the newest position that is a fresh fix, milliseconds since the epoch.

    Wherever two coordinates stand in front of a time, whatever the layout: every frame of
    an unset device passes here, and decoding one takes ten times as long.
    """
    fields = head.fields
    newest = None
    for at in range(10, len(fields) - 2):
        if (
            len(fields[at]) == 14
            and COORDINATE(fields[at - 1])
            and COORDINATE(fields[at - 2])
            and is_accurate(fields[at - 6])
            and place(fields[at - 2], fields[at - 1])
        ):
            time = utc_of(fields[at], 0)
            if time is not None and (newest is None or time > newest):
                newest = time
    return newest
