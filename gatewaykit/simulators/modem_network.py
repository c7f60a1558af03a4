"""The mobile network around a modem, as its AT commands tell of it. Pure."""

from __future__ import annotations

import math
from typing import Literal

import attrs

Kind = Literal["home", "roaming", "searching", "denied", "lost"]
Technology = Literal["LTE", "3G", "2G"]
BEST_FIRST: tuple[Technology, ...] = ("LTE", "3G", "2G")

PREFERENCES: dict[int, tuple[Technology, ...]] = {
    2: BEST_FIRST,
    13: ("2G",),
    14: ("3G",),
    38: ("LTE",),
    19: ("3G", "2G"),
    39: BEST_FIRST,
    48: ("3G", "2G"),
    51: ("LTE", "2G"),
    54: ("LTE", "3G"),
}
"""What AT+CNMP allows, as far as there is a network for it (facts/sim7600.md 3.6)."""

_HOME, _SEARCHING, _DENIED, _UNKNOWN, _ROAMING = 1, 2, 3, 4, 5


@attrs.frozen
class Operator:
    long: str
    short: str
    numeric: str
    """MCC and MNC."""

    @property
    def code(self) -> str:
        return f"{self.numeric[:3]}-{self.numeric[3:]}"

    def name(self, form: int) -> str:
        return (self.long, self.short, self.numeric)[form]


@attrs.frozen
class Cell:
    act: int
    """Access technology of AT+COPS? (facts/sim7600.md 3.4)."""
    mode: int
    """The same for AT+CNSMOD?."""
    area: int
    number: int

    @property
    def place(self) -> str:
        return f'"{self.area:04X}","{self.number:08X}"'


CELLS: dict[Technology, Cell] = {
    "LTE": Cell(7, 8, 0x5A1E, 187_214_780),
    "3G": Cell(2, 7, 0xA809, 11_122_855),
    "2G": Cell(0, 3, 0x182D, 12_401),
}


@attrs.define
class Network:
    """Who could serve the modem here, and whether it found them."""

    home: Operator
    abroad: Operator
    kind: Kind = "home"
    best: Technology = "LTE"
    """The best technology of the place; what is older is there as well."""
    signal_dbm: float = -75.0
    """Around which the received strength moves a little."""
    registered: bool = False
    allowed: tuple[Technology, ...] = BEST_FIRST

    @property
    def technology(self) -> Technology | None:
        """The best of what is here and allowed."""
        here = BEST_FIRST[BEST_FIRST.index(self.best) :]
        return next((one for one in here if one in self.allowed), None)

    @property
    def can_serve(self) -> bool:
        return self.kind in {"home", "roaming"} and self.technology is not None

    @property
    def operator(self) -> Operator:
        return self.home if self.kind == "home" else self.abroad

    @property
    def cell(self) -> Cell | None:
        """Of the technology by which the modem is registered, None if it is not."""
        technology = self.technology
        return CELLS[technology] if self.registered and technology else None

    def registration(self, command: str) -> int:
        """The <stat> of ``+CREG``, ``+CGREG`` or ``+CEREG`` while the radio is on."""
        if self.registered:
            # Packets of a 3G network say nothing about LTE: 4 is normal there.
            if command == "+CEREG" and self.technology != "LTE":
                return _UNKNOWN
            return _HOME if self.kind == "home" else _ROAMING
        return {"denied": _DENIED, "lost": _UNKNOWN}.get(self.kind, _SEARCHING)

    def strength_dbm(self, now: float) -> float:
        return self.signal_dbm + 3 * math.sin(now / 37) + math.sin(now / 11)

    def csq(self, now: float) -> str:
        if not self.registered:
            return "+CSQ: 99,99"
        level = round((self.strength_dbm(now) + 113) / 2)
        return f"+CSQ: {min(max(level, 0), 31)},99"

    def cpsi(self, now: float) -> str:
        """The forms of facts/sim7600.md 3.5, agreeing with `csq` and with each other."""
        cell = self.cell
        if cell is None:
            return "+CPSI: NO SERVICE,Online"
        code, level = self.operator.code, self.strength_dbm(now)
        if cell.act == 7:
            # RSRP is what one of 1200 subcarriers has of RSSI; RSRQ goes with it.
            rsrp, rsrq = level - 30.8, -9.5 + 2 * math.sin(now / 53)
            return (
                f"+CPSI: LTE,Online,{code},0x{cell.area:04X},{cell.number},257,"
                f"EUTRAN-BAND3,1850,5,5,{round(rsrq * 10)},{round(rsrp * 10)},"
                f"{round(level * 10)},{round(12 + 4 * math.sin(now / 53))}"
            )
        if cell.act == 2:
            strength = round(-level)
            return (
                f"+CPSI: WCDMA,Online,{code},0x{cell.area:04X},{cell.number},"
                f"WCDMA IMT 2000,279,10663,0,1.5,{strength + 10},33,{strength},500"
            )
        return (
            f"+CPSI: GSM,Online,{code},0x{cell.area:04x},{cell.number},27 EGSM 900,"
            f"{round(level)},2110,42-42"
        )
