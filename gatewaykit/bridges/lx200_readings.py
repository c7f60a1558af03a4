"""What LX200 clients read, from the mount's status and what the gateway knows."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from gatewaykit.bridges.lx200_profiles import Profile
from gatewaykit.bridges.lx200_requests import ACK
from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import coordinates, local_time

TRUSTED_S: Final = 5.0
"""A status is believed for so long whatever happened to the mount since: a line that is
brought into step again is no reason for planetariums to cry."""
ALIGNMENT: Final = "P"
"""What the mount says of itself, though it stands on two axes that are no equatorial ones
(facts/tts160.md 2.1)."""
FREQUENCIES_HZ: Final = MappingProxyType(
    {"sidereal": "60.1", "solar": "60.0", "lunar": "57.9"}
)
"""Of the tracking rates, as LX200 has them."""
SITE: Final = "TTS-160"


@attrs.frozen
class View:
    """What an answer is made of."""

    profile: Profile
    record: Record
    """See `MountStatus`."""
    is_short: bool = False
    """Whether the client has chosen low precision."""
    target_h: float | None = None
    """Right ascension of the client's target."""
    target_deg: float | None = None
    """Its declination."""
    utc_offset_h: float = 0.0
    wall_ms: int = 0
    """Milliseconds since the epoch."""

    @property
    def is_live(self) -> bool:
        """Whether the position is that of now."""
        age_s = self.record["age_s"]
        return not self.record["stale"] or (age_s is not None and age_s <= TRUSTED_S)

    @property
    def local(self) -> dt.datetime:
        seconds = self.wall_ms / 1000 + self.utc_offset_h * 3600
        return dt.datetime.fromtimestamp(seconds, dt.UTC)

    def now(self, name: str) -> float | None:
        """A value that nobody may see after its time."""
        value: float | None = self.record[name] if self.is_live else None
        return value

    def target(self) -> tuple[float | None, float | None]:
        """The client's own, else the mount's."""
        hours, degrees = self.target_h, self.target_deg
        if hours is None:
            hours = self.record["target_right_ascension_h"]
        if degrees is None:
            degrees = self.record["target_declination_deg"]
        return hours, degrees


Reading = Callable[[View], str | None]


def _hours(view: View, hours: float | None) -> str | None:
    if hours is None:
        return None
    if view.is_short:
        return coordinates.format_hours_short(hours)
    return coordinates.format_hours(hours)


def _degrees(view: View, degrees: float | None) -> str | None:
    if degrees is None:
        return None
    if view.is_short:
        return coordinates.format_degrees_short(degrees)
    return coordinates.format_degrees(degrees)


def _azimuth(view: View, degrees: float | None) -> str | None:
    if degrees is None:
        return None
    if view.is_short:
        return coordinates.format_azimuth_short(degrees)
    return coordinates.format_azimuth(degrees)


def _radians(value: float | None, half_turn: float) -> str | None:
    if value is None or not math.isfinite(value):
        return None
    return coordinates.format_radians(value * math.pi / half_turn)


def _latitude(view: View) -> str | None:
    latitude = view.record["latitude_deg"]
    return None if latitude is None else coordinates.format_degrees_short(latitude)


def _longitude(view: View) -> str | None:
    longitude = view.record["longitude_deg"]
    return None if longitude is None else coordinates.format_longitude(longitude)


def _latitude_s(view: View) -> str | None:
    latitude = view.record["latitude_deg"]
    return None if latitude is None else coordinates.format_degrees(latitude)


def _longitude_s(view: View) -> str | None:
    longitude = view.record["longitude_deg"]
    if longitude is None:
        return None
    return coordinates.format_longitude(longitude, seconds=True)


def _sidereal(view: View) -> str | None:
    hours = view.record["local_sidereal_time_h"]
    return None if hours is None else coordinates.format_hours(hours)


def _state(view: View) -> str | None:
    tracking = view.now("tracking")
    if tracking is None:
        return None
    stars = view.record["aligned_stars"] or 0
    return f"{ALIGNMENT}{'T' if tracking else 'N'}{stars}"


def _offset(view: View) -> str:
    """INDI drops a fraction, and ``.0`` is none."""
    return local_time.format_utc_offset(view.utc_offset_h).removesuffix(".0")


def _flag(value: object) -> str | None:
    return None if value is None else "01"[bool(value)]


def _rate(view: View) -> str | None:
    rates = {"sidereal": "0", "lunar": "1", "solar": "2"}
    return rates.get(view.record["tracking_rate"]) if view.is_live else None


def _moving(view: View) -> bytes:
    """Of a mount that is gone it is what was last known: nobody is told of an arrival that
    nobody saw."""
    slewing = view.record["slewing"]
    if slewing is None:
        return b""
    return view.profile.moving if slewing else b"#"


_TEXTS: Final[Mapping[str, Reading]] = MappingProxyType(
    {
        "GR": lambda view: _hours(view, view.now("right_ascension_h")),
        "GD": lambda view: _degrees(view, view.now("declination_deg")),
        "GA": lambda view: _degrees(view, view.now("altitude_deg")),
        "GZ": lambda view: _azimuth(view, view.now("azimuth_deg")),
        "Gr": lambda view: _hours(view, view.target()[0]),
        "Gd": lambda view: _degrees(view, view.target()[1]),
        "GS": _sidereal,
        "GL": lambda view: local_time.format_time(view.local.time()),
        "GC": lambda view: local_time.format_date(view.local.date()),
        "GG": _offset,
        "Gt": _latitude,
        "Gg": _longitude,
        "GW": _state,
        "GT": lambda view: FREQUENCIES_HZ.get(view.record["tracking_rate"], "60.1"),
        "Gc": lambda _: "24",
        "GM": lambda _: SITE,
        "GN": lambda _: SITE,
        "GO": lambda _: SITE,
        "GP": lambda _: SITE,
        "GVP": lambda view: view.profile.product,
        "GVN": lambda view: view.record["firmware"],
        "*GR": lambda view: _radians(view.now("right_ascension_h"), 12),
        "*GD": lambda view: _radians(view.now("declination_deg"), 180),
        "*GA": lambda view: _radians(view.now("altitude_deg"), 180),
        "*GZ": lambda view: _radians(view.now("azimuth_deg"), 180),
        "*Gr": lambda view: _radians(view.target()[0], 12),
        "*Gd": lambda view: _radians(view.target()[1], 180),
        "*Gt": _latitude_s,
        "*Gg": _longitude_s,
        "*TRG": _rate,
    }
)
_LETTERS: Final[Mapping[str, Reading]] = MappingProxyType(
    {
        ACK: lambda view: ALIGNMENT if view.is_live else None,
        "*E": lambda view: {"JNow": "1", "J2000": "0"}.get(view.record["equinox"]),
        "*Pq": lambda view: _flag(view.now("parked")),
    }
)
"""One character, without an end: where it is not known, nothing can stand for it."""

NAMES: Final = frozenset({*_TEXTS, *_LETTERS, "D"})
"""Commands that are answered here."""
OURS: Final = frozenset(
    {
        *("GR", "GD", "GA", "GZ", "Gr", "Gd", "D", ACK),
        *(name for name in NAMES if name[0] == "*"),
        *("Gc", "GM", "GN", "GO", "GP", "GT"),
    }
)
"""Of these what even a profile that asks the mount answers by itself: position, state and
target, which many poll; and what nobody has seen this mount answer (facts/tts160.md 2.1)."""


def read(name: str, view: View) -> bytes:
    """The answer to one of `NAMES`, in the profile's form for it if it is not known."""
    if name == "D":
        return _moving(view)
    try:
        if name in _LETTERS:
            return (_LETTERS[name](view) or "").encode("ascii")
        text = _TEXTS[name](view)
    except MisuseError:
        # Out of LX200's range: a clock of before 2000, an angle of a mount gone mad.
        text = None
    return view.profile.unknown if text is None else f"{text}#".encode("latin-1")
