"""The mount's records as text for people, with units, and with the age of what is old."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from gatewaykit.cli.modem_text import Line, Record, freshness, listed
from gatewaykit.cli.rows import NOT_KNOWN, shown
from gatewaykit.errors import MisuseError
from gatewaykit.logs import escape
from gatewaykit.tts160.coordinates import format_degrees, format_hours
from gatewaykit.tts160.formats import CASE_FORMATS

_OFFSET = re.compile(r"([+-]?)([0-9]{1,2})(?::([0-5][0-9])|(\.[0-9]{1,6}))?")
_RUNNING = frozenset(
    {
        *("at", "age_s", "local_sidereal_time_h"),
        *("right_ascension_h", "declination_deg", "altitude_deg", "azimuth_deg"),
    }
)
_BYTE = re.compile(r"\\x([0-9A-Fa-f]{2})")


def hours_text(hours: float | None) -> str:
    """``05:47:12.0``, as it can be given back to `slew`."""
    return NOT_KNOWN if hours is None else format_hours(hours, tenths=True)


def degrees_text(degrees: float) -> str:
    """``-05:23:28.0``."""
    return format_degrees(degrees, tenths=True).replace("*", ":")


def equatorial(hours: float | None, degrees: float | None) -> str:
    if hours is None or degrees is None:
        return NOT_KNOWN
    return f"{hours_text(hours)} {degrees_text(degrees)}"


def horizontal(altitude_deg: float | None, azimuth_deg: float | None) -> str:
    if altitude_deg is None or azimuth_deg is None:
        return NOT_KNOWN
    return f"altitude {altitude_deg:.4f}, azimuth {azimuth_deg:.4f} deg"


def activity(record: Record) -> str:
    """``tracking (sidereal)``, ``slewing``, ``moving north``, ``parked``; ``idle`` if nothing
    of these is so."""
    rate = record["tracking_rate"]
    tracking = "tracking" + (f" ({shown(rate)})" if rate else "")
    states = (
        ("slewing", record["slewing"]),
        (f"moving {', '.join(map(shown, record['moving']))}", record["moving"]),
        ("parked", record["parked"]),
        (tracking, record["tracking"]),
    )
    said = [text for text, is_so in states if is_so]
    if said:
        return ", ".join(said)
    return NOT_KNOWN if record["tracking"] is None else "idle"


def availability(record: Record) -> str:
    reason = f": {shown(record['reason'])}" if record["reason"] else ""
    return shown(record["state"]) + reason


def status_lines(record: Record) -> Iterator[Line]:
    yield "mount", availability(record)
    dialect = record["dialect"]
    yield (
        "firmware",
        shown(record["firmware"]) + (f" ({shown(dialect)})" if dialect else ""),
    )
    place = equatorial(record["right_ascension_h"], record["declination_deg"])
    equinox = record["equinox"]
    yield "position", place + (f" ({shown(equinox)})" if equinox else "")
    yield "horizon", horizontal(record["altitude_deg"], record["azimuth_deg"])
    yield "doing", activity(record)
    yield (
        "target",
        equatorial(
            record["target_right_ascension_h"], record["target_declination_deg"]
        ),
    )
    yield "aligned stars", shown(record["aligned_stars"])
    latitude, longitude = record["latitude_deg"], record["longitude_deg"]
    is_placed = latitude is not None and longitude is not None
    yield "site", f"{latitude:.6f}, {longitude:.6f}" if is_placed else NOT_KNOWN
    yield "sidereal time", hours_text(record["local_sidereal_time_h"])
    yield "data", freshness(record)


def words_of(arguments: Iterable[str]) -> list[str]:
    """Names and ids one by one: of ``RA T1,2,X1`` RA, T1, T2, X1. A letter holds until the
    next one, within an argument."""
    words = []
    for argument in arguments:
        letter = ""
        for item in argument.upper().split(","):
            word = letter + item if item.isdigit() else item
            words.append(word)
            letter = word[0] if word[1:].isdigit() else ""
    return words


def value_text(value: Any) -> str:
    """A number with as many digits as the mount's own have; lists with spaces."""
    if isinstance(value, list):
        return " ".join(value_text(part) for part in value)
    return f"{value:.7g}" if isinstance(value, float) else shown(value)


def values_lines(values: Mapping[str, Any]) -> Iterator[Line]:
    for name, value in values.items():
        yield shown(name), value_text(value)


def case_values(number: int, values: Sequence[Any]) -> dict[str, Any]:
    """The values of a CASE block by their names; a matrix alone has none."""
    names = CASE_FORMATS[number].field_names or ("matrix",)
    return dict(zip(names, values, strict=True))


def command_of(text: str) -> str:
    r"""A command as it was typed: ``\xNN`` is the byte of that number."""
    return _BYTE.sub(lambda found: chr(int(found[1], 16)), text)


def answer_lines(answer: Record) -> Iterator[str]:
    """What a command was answered with."""
    match answer["kind"]:
        case "none":
            yield "no answer"
        case "bool":
            yield "1" if answer["value"] else "0"
        case "text":
            yield escape(answer["text"])
        case "goto":
            refusal = f"refused ({answer['code']}): {escape(answer['text'])}"
            yield refusal if answer["code"] else "slewing"
        case "date":
            yield ("1 " if answer["value"] else "0 ") + escape(answer["text"] or "")
        case "set":
            for type, value in answer["entries"]:
                yield f"{type} {value_text(value)}"
        case _:
            yield from (value_text(value) for value in answer["values"])


def utc_offset(text: str) -> float:
    """Hours of ``-7``, ``5.5`` or ``+5:30``; raises `MisuseError`."""
    found = _OFFSET.fullmatch(text)
    if found is None:
        raise MisuseError("utc_offset", text, "hours as -7, 5.5 or +5:30")
    sign, hours, minutes, fraction = found.groups()
    value = int(hours) + int(minutes or 0) / 60 + float(fraction or 0)
    return -value if sign == "-" else value


def watch_fields(record: Record) -> tuple[str, ...]:
    """``mount``, state, right ascension, declination, altitude, azimuth, activity; no ages,
    and no digits that only the turning of the sky changes each time."""
    hours, declination = record["right_ascension_h"], record["declination_deg"]
    return (
        "mount",
        shown(record["state"]) + (" (stale)" if record["stale"] else ""),
        NOT_KNOWN if hours is None else format_hours(hours),
        NOT_KNOWN
        if declination is None
        else format_degrees(declination).replace("*", ":"),
        *(
            NOT_KNOWN if record[name] is None else f"{record[name]:.1f}"
            for name in ("altitude_deg", "azimuth_deg")
        ),
        activity(record),
    )


def watched(record: Record) -> Record:
    """What is shown again when it has changed: what time alone changes only as far as
    `watch_fields` tells it."""
    steady = {name: part for name, part in record.items() if name not in _RUNNING}
    return steady | {"fields": watch_fields(record)}


def watch_line(record: Record) -> str:
    """For the head of a table."""
    _, _, hours, declination, altitude, azimuth, doing = watch_fields(record)
    return "mount  " + listed(
        None if record["available"] else availability(record),
        f"{hours} {declination}",
        f"alt {altitude} az {azimuth}",
        doing,
        freshness(record),
    )


def as_json(record: Record) -> str:
    return json.dumps({"subsystem": "tts160", "mount": record})
