"""What a GV50 writes: its reports, field by field (facts/gv50.md 2 and 4). Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import attrs

PROTOCOL_VERSION = "090302"
Sections = Sequence[tuple[str, Sequence[str]]]
"""Settings by the name of their section, in the order of a command's values."""

LIVE = b"+RESP"
STORED = b"+BUFF"


class Fix(NamedTuple):
    """What the receiver knows; `hdop` 0 says that it is the last known position."""

    time: int
    """GPS time, seconds since the epoch."""
    longitude: float
    latitude: float
    altitude_m: float
    speed_kmh: float
    heading_deg: int
    hdop: int
    satellites: int
    mcc: int
    mnc: int
    lac: int
    cell_id: int


class Condition(NamedTuple):
    """What the device knows of its vehicle."""

    ignition: bool
    moving: bool
    outputs: int
    mileage_km: float
    engine_s: int
    supply_mv: int
    rssi: int

    @property
    def state(self) -> str:
        """The state code of facts/gv50.md 4.2."""
        if not self.ignition:
            return "11"
        return "22" if self.moving else "21"

    @property
    def status(self) -> str:
        """State, inputs (bit 0 is the ignition line) and outputs (4.3)."""
        return f"{self.state}{self.ignition:02X}{self.outputs:02X}"

    @property
    def hour_meter(self) -> str:
        minutes, seconds = divmod(self.engine_s, 60)
        hours, minutes = divmod(minutes, 60)
        return f"{hours:05d}:{minutes:02d}:{seconds:02d}"


@attrs.frozen
class Report:
    """A report with its count and send time, which it keeps however often it is sent."""

    type: str
    send_time: str
    count: str
    body: bytes
    """Everything from the colon behind the prefix to the ``$``."""

    def live(self) -> bytes:
        return LIVE + self.body

    def stored(self) -> bytes:
        return STORED + self.body


@lru_cache(maxsize=64)
def stamp(seconds: int) -> str:
    """14 digits; the same second is asked for by many vehicles."""
    return time.strftime("%Y%m%d%H%M%S", time.gmtime(seconds))


def location(fix: Fix) -> str:
    """The location block, 12 fields (4.1)."""
    return (
        f"{fix.hdop},{fix.speed_kmh:.1f},{fix.heading_deg},{fix.altitude_m:.1f},"
        f"{fix.longitude:.6f},{fix.latitude:.6f},{stamp(fix.time)},"
        f"{fix.mcc:04d},{fix.mnc:04d},{fix.lac:04X},{fix.cell_id:04X},00"
    )


class Encoder:
    """One device's frames. It owns the 16-bit count that all of them share (2.4).

    :param zone_minutes: what GTTMA set; send times are local, GPS times are UTC (2.3).
    """

    def __init__(
        self, imei: str, zone_minutes: int = -180, name: str = "", first_count: int = 0
    ) -> None:
        self.imei = imei
        self.set_name(name)
        self.set_zone(zone_minutes)
        self._count = first_count

    def set_name(self, name: str) -> None:
        self._head = f"{PROTOCOL_VERSION},{self.imei},{name}"

    def set_zone(self, minutes: int) -> None:
        self._zone_s = minutes * 60

    def ack(self, at: float, type: str, serial: str, sub: str | None = None) -> bytes:
        """The answer to a command (4.15). It is never stored.

        :param sub: what stands before the serial in those of GTRTO and GTGEO.
        """
        send_time, count = self._tail(at)
        before = "" if sub is None else f"{sub},"
        frame = f"+ACK:{type},{self._head},{before}{serial},{send_time},{count}$"
        return frame.encode("ascii")

    def nack(self, at: float, type: str, serial: str, cause: int) -> bytes:
        """A refusal as newer families write it (4.15)."""
        send_time, count = self._tail(at)
        frame = f"+NACK:{type},{self._head},{cause},{serial},{send_time},{count}$"
        return frame.encode("ascii")

    def heartbeat(self, at: float) -> tuple[bytes, str]:
        """The frame and its count; a heartbeat is never stored (section 3)."""
        send_time, count = self._tail(at)
        frame = f"+ACK:GTHBD,{self._head},{send_time},{count}$"
        return frame.encode("ascii"), count

    def power_on(self, at: float) -> Report:
        return self._report(at, "GTPNA", "")

    def power_off(self, at: float) -> Report:
        return self._report(at, "GTPFA", "")

    def connection_up(self, at: float) -> Report:
        return self._report(at, "GTPDP", "")

    def fixed(self, at: float, fix: Fix, condition: Condition) -> Report:
        """GTFRI (4.4); analog inputs and backup battery are empty on a GV50."""
        return self._report(
            at,
            "GTFRI",
            f",{condition.supply_mv},10,1,{location(fix)},{condition.mileage_km:.1f},"
            f"{condition.hour_meter},,,,{condition.status},{condition.rssi},0,"
            f"{fix.satellites}",
        )

    def ignition(
        self, at: float, fix: Fix, condition: Condition, duration_s: int
    ) -> list[Report]:
        """GTIGN or GTIGF with how long the other state lasted (4.10), and its GTIGL.

        GTIGL's polarity is disputed for type 09 (4.5); here 0 is on, as most read it.
        """
        on, block = condition.ignition, location(fix)
        return [
            self._report(
                at,
                "GTIGN" if on else "GTIGF",
                f",{duration_s},{block},{condition.hour_meter},"
                f"{condition.mileage_km:.1f}",
            ),
            self._report(
                at,
                "GTIGL",
                f",,{'00' if on else '01'},1,{block},{condition.mileage_km:.1f}",
            ),
        ]

    def state_changed(self, at: float, fix: Fix, condition: Condition) -> Report:
        """GTSTT (4.9)."""
        return self._report(at, "GTSTT", f",{condition.state},{location(fix)}")

    def idling_started(self, at: float, fix: Fix, condition: Condition) -> Report:
        """GTIDN (4.11)."""
        return self._report(
            at, "GTIDN", f",,,{location(fix)},{condition.mileage_km:.1f}"
        )

    def idling_ended(
        self, at: float, fix: Fix, condition: Condition, duration_s: int
    ) -> Report:
        """GTIDF (4.11): the state it ended in, and how long it lasted."""
        return self._report(
            at,
            "GTIDF",
            f",{condition.state},{duration_s},{location(fix)},"
            f"{condition.mileage_km:.1f}",
        )

    def main_power(self, at: float, fix: Fix, *, connected: bool) -> Report:
        """GTMPN or GTMPF (4.8)."""
        return self._report(at, "GTMPN" if connected else "GTMPF", f",{location(fix)}")

    def position_now(self, at: float, fix: Fix, condition: Condition) -> Report:
        """GTRTL, asked for by GTRTO 1 (4.5)."""
        fields = f",,00,1,{location(fix)},{condition.mileage_km:.1f}"
        return self._report(at, "GTRTL", fields)

    def output_changed(self, at: float, fix: Fix, level: int) -> Report:
        """GTDOS of output 1 (4.14)."""
        return self._report(at, "GTDOS", f",1,{level},{location(fix)}")

    def card(self, at: float) -> Report:
        """GTCID (4.14), with a made-up ICCID."""
        return self._report(at, "GTCID", f",8955{self.imei}0")

    def signal(self, at: float, rssi: int) -> Report:
        """GTCSQ (4.14)."""
        return self._report(at, "GTCSQ", f",{rssi},0")

    def versions(self, at: float) -> Report:
        """GTVER (4.14)."""
        return self._report(at, "GTVER", ",GV50,0302,0101")

    def configuration(self, at: float, type: str, sections: Sections) -> Report:
        """GTALL or GTALS: sections, each with its name in front (4.14; the order within
        is not known of a GV50)."""
        fields = "".join(f",{name},{','.join(v)}" for name, v in sections)
        return self._report(at, type, fields)

    def _report(self, at: float, type: str, fields: str) -> Report:
        send_time, count = self._tail(at)
        text = f":{type},{self._head}{fields},{send_time},{count}$"
        return Report(type, send_time, count, text.encode("ascii"))

    def _tail(self, at: float) -> tuple[str, str]:
        count = self._count
        self._count = (count + 1) & 0xFFFF
        return stamp(int(at) + self._zone_s), f"{count:04X}"
