"""Commands for the mount: from text, by the table, and ready-made. Pure.

Nobody else writes a command's bytes. What is not in the table goes out too, if it is well
formed, but is taken for something that may move the mount.
"""

from __future__ import annotations

import datetime as dt
import re
from types import MappingProxyType
from typing import Final

from gatewaykit.errors import MisuseError
from gatewaykit.tts160 import coordinates, local_time
from gatewaykit.tts160.axes import KEY_PAD_RATES_DEG_S, axis_fraction, axis_of
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.lx200_table import GOTO_S, ROWS, Row
from gatewaykit.tts160.set_commands import set_length
from gatewaykit.tts160.set_table import SET_COMMANDS

LONGEST: Final = 64
"""Bytes of a command, its ``:`` and its ``#`` counted."""

COMPUTED_S: Final = 0.52
"""The first byte of a query with X1 or X2, which the mount computes anew each time: 20 ms
more than the 0.5 s of others (facts/tts160.md 1.5)."""

ALIGNMENT: Final = Command(b"\x06", Reply.LETTER, Retry.SAFE, Effect.READ)

_EXACT: Final = {row.head: row for row in ROWS if not row.argument}
# The longest first: ":*!G " before ":*!".
_WITH_ARGUMENT: Final = sorted(
    (row for row in ROWS if row.argument), key=lambda row: -len(row.head)
)

# A colon may begin a command in the mount's eyes, so one stands between digits only.
_UNKNOWN = re.compile(r":(?:[ -\"$-9;-~\xdf]|(?<=[0-9]):(?=[0-9]))+#")
_SET = re.compile(rb":\*!S ([0-9A-F]{2});(.*)#", re.DOTALL)
_COMPUTED = re.compile(r"X[12]\b|X[0-9]+(?:,[0-9]+)*,[12]\b")

_SET_MOVES: Final = frozenset(
    {
        "MOVE_AXIS",
        "SLEW_TO_TARGET",
        "GUIDE",
        "PARK_UNPARK",
        "INITIALIZE",
        # Its codes are unpublished, but it drives a motor.
        "ROTATOR_OPS",
    }
)
_SET_AGAIN: Final = frozenset(
    {
        "SET_AXIS_RATE",
        "SET_GUIDE_RATE",
        "SET_SLEW_RATE",
        "SET_TARGET",
        "SET_PARK_LOCATION",
        "SET_TRACK_RATE",
        "SET_TRACKING",
        "SET_LOCATION",
    }
)
"""Set once more they say the same (facts/tts160.md 1.6)."""


def command(text: str | bytes) -> Command:
    """The command that a text is, with all that is known of it.

    Raises `MisuseError` for what is no command, and for a known one whose argument is out
    of its grammar or range. ``first_byte_s`` is set for ``:MS#`` and the SET command that
    slews (3 s) and for queries of X1 or X2.
    """
    try:
        data = text.encode("latin-1") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise _no_command(text) from None
    if data == ALIGNMENT.data:
        return ALIGNMENT
    if data.startswith(b":*!S "):
        return _set_command(data)
    words = data.decode("latin-1")
    if len(data) > LONGEST or not _UNKNOWN.fullmatch(words):
        raise _no_command(words)
    row = _row_of(words)
    if row is None:
        return Command(data, Reply.AUTO, Retry.NEVER, Effect.MOVE)
    first_byte_s = row.first_byte_s
    if row.reply is Reply.BINARY and _COMPUTED.search(words):
        first_byte_s = COMPUTED_S
    return Command(data, row.reply, row.retry, row.effect, first_byte_s)


def _row_of(text: str) -> Row | None:
    """The row of a well-formed command, None if the table lacks it.

    Raises `MisuseError` where its argument is not usable.
    """
    body = text.removesuffix("#")
    if body in _EXACT:
        return _EXACT[body]
    for row in _WITH_ARGUMENT:
        if body.startswith(row.head):
            if not row.takes(body.removeprefix(row.head)):
                raise MisuseError("command", text, f"{row.head} and {row.allowed}")
            return row
    return None


def _no_command(text: str | bytes) -> MisuseError:
    allowed = (
        f"at most {LONGEST} printable ASCII characters, ':' first and one '#', last"
    )
    return MisuseError("command", text[:LONGEST], allowed)


def _set_command(data: bytes) -> Command:
    found = _SET.fullmatch(data)
    if not found:
        allowed = "':*!S ', two digits 0 to 9 or A to F, ';', the payload and '#'"
        raise MisuseError("command", data[:LONGEST].decode("latin-1"), allowed)
    number, payload = int(found[1], 16), found[2]
    known = SET_COMMANDS.get(number)
    name = f"SET {number:02X}" if known is None else known.name
    if set_length(number, payload + b"#") != len(payload):
        # The mount counts, so that it would take more or less for the payload.
        allowed = f"as many bytes as {name} has, and none where it is unknown"
        raise MisuseError("command", data[:LONGEST].decode("latin-1"), allowed)
    if name == "HALT_ALL":
        return Command(data, Reply.SET, Retry.SAFE, Effect.STOP)
    moves = known is None or name in _SET_MOVES
    return Command(
        data,
        Reply.SET,
        Retry.IDEMPOTENT if name in _SET_AGAIN else Retry.NEVER,
        Effect.MOVE if moves else Effect.SET,
        GOTO_S if name == "SLEW_TO_TARGET" else None,
    )


STOP: Final = command(":Q#")
GOTO: Final = command(":MS#")
SYNC: Final = command(":CM#")
PARK: Final = command(":hP#")
TRACKING_ON: Final = command(":T1#")
TRACKING_OFF: Final = command(":T0#")
TRACKING_RATES: Final = MappingProxyType(
    {
        "sidereal": command(":TQ#"),
        "lunar": command(":TL#"),
        "solar": command(":TS#"),
    }
)
"""In the order of the numbers that ``:*TRG#`` answers."""

_LETTERS: Final = {"north": "n", "south": "s", "east": "e", "west": "w"}


def _letter(direction: str) -> str:
    axis_of(direction)
    return _LETTERS[direction]


def stop_axis(direction: str) -> Command:
    return command(f":Q{_letter(direction)}#")


def set_target(
    right_ascension_h: float, declination_deg: float, *, tenths: bool = False
) -> tuple[Command, Command]:
    """Both commands that a goto or a sync needs before it.

    :param tenths: of seconds, which firmware with extended commands takes; all take whole
        ones, which are 15 seconds of arc in right ascension.
    """
    coordinates.checked("right_ascension_h", right_ascension_h, 0, 24)
    coordinates.checked("declination_deg", declination_deg, -90, 90)
    hours = coordinates.format_hours(right_ascension_h, tenths=tenths)
    degrees = coordinates.format_degrees(declination_deg, tenths=tenths)
    return command(f":Sr{hours}#"), command(f":Sd{degrees}#")


def guide(direction: str, duration_ms: int) -> Command:
    """One pulse. North is up in altitude, west is up in azimuth (facts/tts160.md 2.2)."""
    letter = _letter(direction)
    if not 0 <= duration_ms <= 9999:
        raise MisuseError("duration_ms", duration_ms, "0 to 9999")
    return command(f":Mg{letter}{duration_ms:04}#")


def move(direction: str) -> Command:
    """At the rate chosen last."""
    return command(f":M{_letter(direction)}#")


def move_at(direction: str, rate_deg_s: float) -> Command:
    """At any rate; firmware 355 and newer."""
    numerator, denominator = axis_fraction(rate_deg_s, axis_of(direction))
    return command(f":*M{_letter(direction)}{numerator:04}{denominator:04}#")


def choose_rate(rate_deg_s: float) -> Command:
    """One of the key pad's, for `move`: all that firmware before 355 has."""
    for letters, rate in KEY_PAD_RATES_DEG_S.items():
        if rate_deg_s == rate:
            return command(f":{letters}#")
    allowed = ", ".join(map(str, KEY_PAD_RATES_DEG_S.values()))
    raise MisuseError("rate_deg_s", rate_deg_s, allowed)


def set_place(latitude_deg: float, longitude_deg: float) -> tuple[Command, Command]:
    """To whole minutes of arc; the longitude counts to the east here."""
    coordinates.checked("latitude_deg", latitude_deg, -90, 90)
    latitude = coordinates.format_degrees_short(latitude_deg)
    longitude = coordinates.format_longitude_unsigned(longitude_deg)
    return command(f":St{latitude}#"), command(f":Sg{longitude}#")


def set_utc_offset(utc_offset_h: float) -> Command:
    """How far local time is ahead of UTC."""
    return command(f":SG{local_time.format_utc_offset(utc_offset_h)}#")


def set_date(date: dt.date) -> Command:
    """The date of local time."""
    return command(f":SC{local_time.format_date(date)}#")


def set_time(time: dt.time) -> Command:
    """Local time. The mount's next answer with a time is stale unless something else is
    asked first (facts/tts160.md 2.2)."""
    return command(f":SL{local_time.format_time(time)}#")
