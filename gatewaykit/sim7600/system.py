"""``AT+CPSI?``: the cell and its signal, in a form for each technology. Pure.

Facts: facts/sim7600.md 3.5. A known mode with too few fields is refused; of a mode that is
not known the line is kept as it is. A measurement that cannot be is None.
"""

from __future__ import annotations

import re

import attrs

from gatewaykit.sim7600.reading import Fields
from gatewaykit.sim7600.tables import BANDWIDTHS_MHZ, SYSTEM_MODES

_LIMITED = "-LIMITED"

_MODE = re.compile(r"[A-Z][A-Z0-9 /+_-]{1,23}").fullmatch
_OPERATION = re.compile(r"[A-Za-z][A-Za-z ]{1,23}").fullmatch
_NETWORK = re.compile(r"([0-9]{3})-([0-9]{2,3})").fullmatch
_AREA = re.compile(r"0[xX][0-9A-Fa-f]{1,8}").fullmatch
_BAND = re.compile(r"[A-Za-z][A-Za-z0-9 _-]{1,31}").fullmatch
_GSM_BAND = re.compile(r"([0-9]{1,4}) +([A-Za-z][A-Za-z0-9 _-]{1,31})").fullmatch


@attrs.frozen
class System:
    """What the modem is camped on; None for what its form does not have."""

    mode: str
    """As the modem calls it: ``LTE``, ``WCDMA-LIMITED``, ``NO SERVICE``, ..."""
    operation: str
    raw: str
    technology: str | None = None
    access_technology: str | None = None
    mcc: str | None = None
    mnc: str | None = None
    """As text: its leading zeros count."""
    area_code: int | None = None
    """TAC or LAC."""
    cell_id: int | None = None
    physical_cell_id: int | None = None
    """Of LTE; the primary scrambling code of WCDMA."""
    band: str | None = None
    channel: int | None = None
    """EARFCN, UARFCN or ARFCN."""
    downlink_mhz: float | None = None
    uplink_mhz: float | None = None
    rsrq_db: float | None = None
    rsrp_dbm: float | None = None
    rssi_dbm: float | None = None
    """The RxLev of GSM and WCDMA."""
    sinr_db: float | None = None
    rscp_dbm: float | None = None


def system(line: str) -> System:
    """``+CPSI: LTE,Online,...`` and its other forms."""
    fields = Fields(line, "+CPSI:")
    mode, operation = fields[0].upper(), fields[1]
    if not _MODE(mode) or not _OPERATION(operation):
        raise fields.error("it names no mode")
    family = mode.removesuffix(_LIMITED)
    bare = System(mode, operation, line, *SYSTEM_MODES.get(family, (None, None)))
    if family == "LTE":
        return _lte(fields, bare)
    if family == "WCDMA":
        return _wcdma(fields, bare)
    return _gsm(fields, bare) if family == "GSM" else bare


def _lte(fields: Fields, bare: System) -> System:
    _expect(fields, 14)
    mcc, mnc = _network(fields)
    return attrs.evolve(
        bare,
        mcc=mcc,
        mnc=mnc,
        area_code=_area(fields, 0xFF_FFFF),
        cell_id=fields.integer(4, 0, 0xFFF_FFFF),
        physical_cell_id=fields.integer(5, 0, 503),
        band=_band(fields, 6),
        channel=fields.integer(7, 0, 262_143),
        downlink_mhz=_bandwidth(fields, 8),
        uplink_mhz=_bandwidth(fields, 9),
        rsrq_db=_tenths(fields, 10, -500, 100),
        rsrp_dbm=_tenths(fields, 11, -1600, -200),
        rssi_dbm=_tenths(fields, 12, -1500, 0),
        sinr_db=fields.decimal(13, -50, 60),
    )


def _wcdma(fields: Fields, bare: System) -> System:
    _expect(fields, 14)
    mcc, mnc = _network(fields)
    return attrs.evolve(
        bare,
        mcc=mcc,
        mnc=mnc,
        area_code=_area(fields, 0xFFFF),
        cell_id=fields.integer(4, 0, 0xFFF_FFFF),
        band=_band(fields, 5),
        physical_cell_id=fields.integer(6, 0, 511),
        channel=fields.integer(7, 0, 16_383),
        rscp_dbm=_magnitude(fields, 10),
        rssi_dbm=_magnitude(fields, 12),
    )


def _gsm(fields: Fields, bare: System) -> System:
    _expect(fields, 9)
    mcc, mnc = _network(fields)
    found = _GSM_BAND(fields[5])
    if fields[5] and found is None:
        raise fields.error("it names no band")
    channel, band = found.groups() if found else (None, None)
    return attrs.evolve(
        bare,
        mcc=mcc,
        mnc=mnc,
        area_code=_area(fields, 0xFFFF),
        cell_id=fields.integer(4, 0, 0xFFF_FFFF),
        channel=int(channel) if channel and int(channel) <= 1023 else None,
        band=band,
        rssi_dbm=_magnitude(fields, 6),
    )


def _expect(fields: Fields, count: int) -> None:
    if len(fields) < count:
        raise fields.error(f"it has less than {count} fields")


def _network(fields: Fields) -> tuple[str | None, str | None]:
    if not fields[2]:
        return None, None
    found = _NETWORK(fields[2])
    if found is None:
        raise fields.error("it names no network")
    return found[1], found[2]


def _area(fields: Fields, high: int) -> int | None:
    """Always with ``0x`` or ``0X``: digits alone would be read wrong."""
    if fields[3] and not _AREA(fields[3]):
        raise fields.error("the area is not in hexadecimal")
    return fields.hexadecimal(3, high)


def _band(fields: Fields, index: int) -> str | None:
    if fields[index] and not _BAND(fields[index]):
        raise fields.error("it names no band")
    return fields[index] or None


def _bandwidth(fields: Fields, index: int) -> float | None:
    number = fields.integer(index, 0, len(BANDWIDTHS_MHZ) - 1)
    return None if number is None else BANDWIDTHS_MHZ[number]


def _tenths(fields: Fields, index: int, low: int, high: int) -> float | None:
    number = fields.integer(index, low, high)
    return None if number is None else number / 10


def _magnitude(fields: Fields, index: int) -> float | None:
    """dBm, whether the sign is written (GSM) or not (WCDMA)."""
    number = fields.decimal(index, -150, 150)
    return None if not number else -abs(number)
