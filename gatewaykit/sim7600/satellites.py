"""Which satellite a number of an NMEA sentence is (facts/sim7600.md 3.10, 6.5).

The numbers of one constellation differ by talker and firmware: its own from 1, those of
NMEA 4.11, and ranges that keep constellations apart where one talker speaks for all.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs

_ANY = "any"
_TALKERS = {
    "GP": "gps",
    "GL": "glonass",
    "GA": "galileo",
    "GB": "beidou",
    "BD": "beidou",
    "PQ": "beidou",  # a name of Qualcomm's
    "GQ": "qzss",
    "QZ": "qzss",
    "GN": _ANY,
}
SYSTEMS = {"1": "gps", "2": "glonass", "3": "galileo", "4": "beidou", "5": "qzss"}
"""By the system id that GSA has at its end since NMEA 4.10."""


class _Range(NamedTuple):
    first: int
    last: int
    gnss: str
    offset: int


_OWN = {
    "gps": _Range(1, 32, "gps", 0),
    "glonass": _Range(1, 32, "glonass", 0),
    "galileo": _Range(1, 36, "galileo", 0),
    "beidou": _Range(1, 63, "beidou", 0),
    "qzss": _Range(1, 10, "qzss", 0),
    _ANY: _Range(1, 32, "gps", 0),
}
_COMMON = (
    _Range(33, 64, "sbas", 87),
    _Range(65, 96, "glonass", -64),
    _Range(120, 158, "sbas", 0),
    _Range(193, 200, "qzss", -192),
    _Range(201, 263, "beidou", -200),
    _Range(301, 336, "galileo", -300),
    _Range(401, 463, "beidou", -400),
)


def system_of(talker: str) -> str | None:
    """The constellation that a talker speaks for (or for any); None if of no interest."""
    return _TALKERS.get(talker)


def identify(system: str, number: int) -> tuple[str, int] | None:
    """Constellation and number within it; for SBAS the PRN, from 120."""
    for each in (_OWN[system], *_COMMON):
        if each.first <= number <= each.last:
            return each.gnss, number + each.offset
    return None


@attrs.frozen
class Satellite:
    """One that is in view; None is "not told"."""

    gnss: str
    svid: int
    elevation_deg: int | None
    azimuth_deg: int | None
    cn0_dbhz: int | None
    """0 or None: it is not being received."""

    def record(self, *, used: bool) -> dict[str, Any]:
        """An entry of `sky` in a location record."""
        return {**attrs.asdict(self), "used": used}
