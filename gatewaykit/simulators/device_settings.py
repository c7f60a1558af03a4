"""What a tracker is set to: the values that commands gave it last. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from gatewaykit.simulators.encoding import Sections
from gatewaykit.simulators.order_table import SECTIONS
from gatewaykit.simulators.orders import Order

Server = tuple[str, int]
"""Host and port."""

_APN_VALUES = 3
_SERVER_VALUES = 12
_CLOCK_SET = 4


class DeviceSettings:
    """By section, in the order of the command's values.

    :param zone_minutes: of send times, east of Greenwich positive.
    :param heartbeat_s: seconds; shown in minutes, as the device is told them.
    """

    def __init__(
        self,
        password: str,
        *,
        name: str = "",
        server: Server = ("", 0),
        heartbeat_s: float = 300.0,
        sack: bool = True,
        zone_minutes: int = 0,
        interval_s: float = 10.0,
        parked_interval_s: float = 10.0,
    ) -> None:
        hours, minutes = divmod(abs(zone_minutes), 60)
        host, port = server
        sign = "-" if zone_minutes < 0 else "+"
        intervals = f"{interval_s:g}", f"{parked_interval_s:g}"
        self._values: dict[str, list[str]] = {
            "BSI": [""] * 7,
            "SRI": [
                *("3", "", "1", host, str(port), "", "0", ""),
                *(str(round(heartbeat_s / 60)), str(int(sack)), "0", "0", "", "0"),
            ],
            "CFG": [password, name, *[""] * 18],
            "TMA": [sign, str(hours), str(minutes), "0", *[""] * 5],
            "FRI": [
                *("1", "0", "", "0", "0000", "0000", ""),
                *(intervals[0], "0", "0", "", "0", intervals[1], *[""] * 4),
            ],
        }

    def remember(self, order: Order) -> None:
        """Take over what an order sets; what it leaves empty stays."""
        name, values = order.type.removeprefix("GT"), order.values
        if name == "QSS":
            self._take("BSI", values[:_APN_VALUES])
            self._take("SRI", values[_APN_VALUES:])
        elif name == "TMA":
            # Its value 5 sets the clock, once.
            self._take(name, [*values[:_CLOCK_SET], "", *values[_CLOCK_SET + 1 :]])
        elif name not in {"RTO", "OUT"}:
            self._take(name, values)

    def sections(self, names: Iterable[str] = SECTIONS) -> Sections:
        return [(name, tuple(self._values[name])) for name in names]

    @property
    def password(self) -> str:
        return self._values["CFG"][0]

    @property
    def name(self) -> str:
        return self._values["CFG"][1]

    @property
    def zone_minutes(self) -> int:
        sign, hours, minutes, daylight = self._values["TMA"][:4]
        east = (int(hours) + int(daylight)) * 60 + int(minutes)
        if sign == "-":
            east = (int(daylight) - int(hours)) * 60 - int(minutes)
        return east

    @property
    def intervals(self) -> tuple[float, float]:
        """Seconds between fixed reports with ignition on and off, 0: none. Those by
        distance and mileage come by time all the same."""
        values = self._values["FRI"]
        if values[0] == "0":
            return 0.0, 0.0
        return float(values[7]), float(values[12])

    @property
    def servers(self) -> tuple[Server, ...]:
        """The main server and the backup, where they are set."""
        values = self._values["SRI"]
        pairs = ((values[3], int(values[4])), (values[5], int(values[6])))
        return tuple((host, port) for host, port in pairs if host and port)

    @property
    def is_on_tcp(self) -> bool:
        """Whether its report mode is the long connection that a simulator has."""
        return self._values["SRI"][0] == "3"

    @property
    def heartbeat_s(self) -> float:
        """0: none."""
        return float(self._values["SRI"][8]) * 60

    @property
    def sack(self) -> bool:
        return self._values["SRI"][9] == "1"

    def _take(self, name: str, values: Sequence[str]) -> None:
        known = self._values.setdefault(name, [])
        known += [""] * (len(values) - len(known))
        for index, value in enumerate(values):
            known[index] = value or known[index]


def is_loopback(host: str) -> bool:
    """Whether a simulator may follow there: it must not knock at strangers' doors."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def gives_server(order: Order) -> bool:
    """Whether an order of type GTSRI or GTQSS names a server or a port."""
    first = 6 if order.type == "GTQSS" else 3
    return any(order.values[first : first + 4])


def gives_heartbeat(order: Order) -> bool:
    return order.values[11 if order.type == "GTQSS" else 8] != ""


def gives_sack(order: Order) -> bool:
    return order.values[12 if order.type == "GTQSS" else 9] != ""
