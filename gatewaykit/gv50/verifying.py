"""Whether a report shows what a command has done: the output's bit is the only feedback of
the relay there is (facts/gv50.md 4.3)."""

from __future__ import annotations

import attrs

HALF = 0x8000


@attrs.frozen
class Showing:
    """What a live report shows of output 1, and when it was made."""

    output: int | None = None
    """0 or 1; None if the report does not tell."""
    count: str | None = None
    """The device's own number of the report, 4 hex digits."""
    made_ms: int | None = None
    """Milliseconds since the epoch, by GPS; None where it has no fix of its own time."""


def is_later(count: str, than: str) -> bool:
    """Whether one number of a device comes after another. They count all of its frames in
    the order in which these were made, and begin again after FFFF (facts/gv50.md 2.4)."""
    ahead = (int(count, 16) - int(than, 16)) % (2 * HALF)
    return 0 < ahead < HALF


def is_after(showing: Showing, ack_count: str | None, confirmed_at: int | None) -> bool:
    """Whether a report was made after a command was carried out.

    By the number of its acknowledgement, since both are the device's own; where one of them
    has none, by the time of the fix.

    :param confirmed_at: milliseconds since the epoch.
    """
    if ack_count is not None and showing.count is not None:
        return is_later(showing.count, ack_count)
    if showing.made_ms is None or confirmed_at is None:
        return False
    return showing.made_ms > confirmed_at
