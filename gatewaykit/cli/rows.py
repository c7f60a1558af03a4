"""Device records as rows of a table, safe to show: names come from the field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from gatewaykit.logs import escape

Record = dict[str, Any]

NOT_KNOWN = "-"
COLUMNS = (
    *("IMEI", "NAME", "STATUS", "SEEN", "POSITION", "KM/H"),
    *("IGN", "BLK", "POLICY"),
)
_WIDTHS = {
    "IMEI": 15,
    "STATUS": 7,
    "SEEN": 5,
    "POSITION": 18,
    "KM/H": 5,
    "IGN": 3,
    "BLK": 3,
    "POLICY": 11,
}
"""In a table; NAME gets what these leave of the line."""
_LEAST_NAME, _MOST_NAME = 5, 20
_STYLES = {"online": "green", "offline": "red", "unknown": "yellow"}


def shown(value: Any) -> str:
    """One value as text on one line; what is not known is a dash."""
    if value is None or value == "":
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(shown, value)) or NOT_KNOWN
    return escape(str(value))


def flat(record: Record, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a record by their dotted names, parts of parts too."""
    for name, value in record.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def seconds_text(moment: str | None) -> str:
    """A moment without its fraction of a second, which a table has no room for."""
    return shown(moment and moment.partition(".")[0].removesuffix("Z") + "Z")


def age_text(moment: str | None, now: datetime) -> str:
    """How long ago, in a unit in which it is at least 2."""
    if moment is None:
        return NOT_KNOWN
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def cells(record: Record, now: datetime | None = None) -> tuple[str, ...]:
    """The record's row, in the order of `COLUMNS`.

    With `now` as a table has room for it: SEEN as an age, POSITION to ten metres. BLK is
    whether the vehicle is blocked, ``?`` where no report has shown it.
    """
    latest = record.get("latest") or {}
    longitude, latitude = latest.get("longitude"), latest.get("latitude")
    placed = longitude is not None and latitude is not None
    ignition, blocked = record.get("ignition"), record.get("blocked")
    seen = record.get("last_seen")
    digits = 4 if now else 6
    return (
        shown(record.get("imei")),
        shown(record.get("name")),
        shown(record.get("status")),
        age_text(seen, now) if now else seconds_text(seen),
        f"{latitude:.{digits}f},{longitude:.{digits}f}" if placed else NOT_KNOWN,
        shown(latest.get("speed_kmh")),
        NOT_KNOWN if ignition is None else "on" if ignition else "off",
        "?" if blocked is None else shown(blocked),
        shown(record.get("policy")),
    )


def table(
    rows: Iterable[tuple[str, ...]],
    width: int,
    *,
    header: bool = True,
    caption: str | None = None,
) -> Table:
    """A table for lines of `width`; its columns do not depend on the rows, so that one
    page of a long list lines up with the next."""
    result = Table(
        box=None,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        show_header=header,
        caption=caption,
        caption_justify="left",
    )
    room = width - sum(_WIDTHS.values()) - len(_WIDTHS)
    widths = _WIDTHS | {"NAME": max(_LEAST_NAME, min(_MOST_NAME, room))}
    for name in COLUMNS:
        result.add_column(
            name,
            width=widths[name],
            no_wrap=True,
            justify="right" if name in {"SEEN", "KM/H"} else "left",
        )
    for row in rows:
        # Text, and not str: a name is no markup.
        result.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return result
