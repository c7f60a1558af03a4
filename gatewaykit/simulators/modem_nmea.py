"""The sentences of a modem's NMEA port (facts/sim7600.md 3.10). Pure."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence

from gatewaykit.simulators.modem_gnss import Fix, Satellite

GPGGA, GPRMC, GPGSV, GPGSA, GPVTG = (1 << bit for bit in range(5))
GLGSV, GNGSA, GNGNS, GAGSV, BDGSA, BDGSV = (1 << bit for bit in (6, 7, 8, 10, 16, 17))
"""Bits of AT+CGPSNMEA (facts/sim7600.md 3.7)."""
DEFAULT = 198_143

_IN_A_GSV = 4
_IN_A_GSA = 12
# The talker of a constellation's GSV, the bit that turns it on, and its number in GNGSA.
_TALKERS = {
    "gps": ("GP", GPGSV, 1),
    "qzss": ("GP", GPGSV, 1),
    "glonass": ("GL", GLGSV, 2),
    "galileo": ("GA", GAGSV, 3),
    "beidou": ("BD", BDGSV, 4),
}


def sentence(body: str) -> str:
    """With ``$``, checksum and CR LF around it."""
    checksum = functools.reduce(operator.xor, body.encode("ascii"), 0)
    return f"${body}*{checksum:02X}\r\n"


def sentences(fix: Fix | None, view: Sequence[Satellite], mask: int) -> list[str]:
    """Those of one moment; the empty forms without a fix."""
    bodies = [
        (GPGGA, _gga(fix)),
        (GPRMC, _rmc(fix)),
        (GPVTG, _vtg(fix)),
        (GPGSA, "GPGSA," + _gsa(fix, "gps")),
        *((GNGSA, body) for body in _gngsa(fix)),
        (GNGNS, _gns(fix)),
        (BDGSA, "BDGSA," + _gsa(fix, "beidou")),
    ]
    for talker, bit, _ in dict.fromkeys(_TALKERS.values()):
        seen = [one for one in view if _TALKERS[one.gnss][0] == talker]
        bodies += ((bit, body) for body in _gsv(talker, seen))
    return [sentence(body) for bit, body in bodies if mask & bit]


def _gga(fix: Fix | None) -> str:
    if fix is None:
        return "GPGGA,,,,,,0,,,,,,,,"
    used = min(sum(one.used for one in fix.satellites), _IN_A_GSA)
    return (
        f"GPGGA,{fix.time},{fix.place},1,{used:02d},{fix.hdop},"
        f"{fix.altitude_m:.1f},M,{fix.geoid_m:.1f},M,,"
    )


def _rmc(fix: Fix | None) -> str:
    if fix is None:
        return "GPRMC,,V,,,,,,,,,,N"
    return (
        f"GPRMC,{fix.time},A,{fix.place},{fix.knots:.1f},{fix.course_text},"
        f"{fix.date},,,A"
    )


def _vtg(fix: Fix | None) -> str:
    if fix is None:
        return "GPVTG,,T,,M,,N,,K,N"
    speeds = f"{fix.knots:.1f},N,{fix.knots * 1.852:.1f},K,A"
    if fix.course is None:
        return f"GPVTG,NaN,T,,M,{speeds}"
    return f"GPVTG,{fix.course:.1f},T,{(fix.course + 22) % 360:.1f},M,{speeds}"


def _gsa(fix: Fix | None, gnss: str) -> str:
    if fix is None:
        return "A,1" + "," * 15
    numbers = [f"{one.number:02d}" for one in fix.used(gnss)]
    numbers += [""] * (_IN_A_GSA - len(numbers))
    return f"A,{fix.mode},{','.join(numbers)},{fix.pdop},{fix.hdop},{fix.vdop}"


def _gngsa(fix: Fix | None) -> Iterator[str]:
    """One for each constellation in use. Their satellites have the same numbers, so that
    NMEA 4.10's number of the system follows."""
    if fix is None:
        yield "GNGSA," + _gsa(None, "gps")
        return
    for gnss in ("gps", "glonass", "galileo", "beidou"):
        if fix.used(gnss):
            yield f"GNGSA,{_gsa(fix, gnss)},{_TALKERS[gnss][2]}"


def _gns(fix: Fix | None) -> str:
    if fix is None:
        return "GNGNS,,,,,,N,,,,,,"
    modes = "".join("NA"[bool(fix.used(gnss))] for gnss in ("gps", "glonass"))
    used = len(fix.used("gps")) + len(fix.used("glonass"))
    return (
        f"GNGNS,{fix.time},{fix.place},{modes},{used:02d},{fix.hdop},"
        f"{fix.altitude_m:.1f},{fix.geoid_m:.1f},,"
    )


def _gsv(talker: str, seen: Sequence[Satellite]) -> Iterator[str]:
    total = -(-len(seen) // _IN_A_GSV)
    if not total:
        yield f"{talker}GSV,1,1,00"
    for n in range(total):
        rows = ""
        for one in seen[n * _IN_A_GSV : (n + 1) * _IN_A_GSV]:
            strength = "" if one.strength is None else f"{one.strength:02d}"
            rows += (
                f",{one.number:02d},{one.elevation:02d},{one.azimuth:03d},{strength}"
            )
        yield f"{talker}GSV,{total},{n + 1},{len(seen):02d}{rows}"
