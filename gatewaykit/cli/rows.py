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
_WIDTHS = {
    "IMEI": 15,
    "NAME": 20,
    "STATUS": 8,
    "SEEN": 20,
    "POSITION": 22,
    "KM/H": 6,
    "IGNITION": 8,
    "POLICY": 11,
}
COLUMNS = tuple(_WIDTHS)
_STYLES = {"online": "green", "offline": "red", "unknown": "yellow"}


def shown(value: Any) -> str:
    """One value as text on one line; what is not known is a dash."""
    if value is None or value == "":
        return NOT_KNOWN
    if isinstance(value, bool):
        return "yes" if value else "no"
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
    """The record's row, in the order of `COLUMNS`; with `now`, SEEN is an age."""
    latest = record.get("latest") or {}
    longitude, latitude = latest.get("longitude"), latest.get("latitude")
    placed = longitude is not None and latitude is not None
    ignition = record.get("ignition")
    seen = record.get("last_seen")
    return (
        shown(record.get("imei")),
        shown(record.get("name")),
        shown(record.get("status")),
        age_text(seen, now) if now else seconds_text(seen),
        f"{latitude:.6f},{longitude:.6f}" if placed else NOT_KNOWN,
        shown(latest.get("speed_kmh")),
        NOT_KNOWN if ignition is None else "on" if ignition else "off",
        shown(record.get("policy")),
    )


def table(
    rows: Iterable[tuple[str, ...]], *, header: bool = True, caption: str | None = None
) -> Table:
    """A table of fixed widths, so that one page of a long list lines up with the next."""
    result = Table(
        box=None,
        show_header=header,
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    for name, width in _WIDTHS.items():
        result.add_column(
            name,
            width=width,
            no_wrap=True,
            justify="right" if name in {"SEEN", "KM/H"} else "left",
        )
    for row in rows:
        # Text, and not str: a name is no markup.
        result.add_row(*(Text(cell, style=_STYLES.get(cell, "")) for cell in row))
    return result
