"""Which commands a GV50 takes, and which values (facts/gv50.md 5). Pure.

Written without a look at `gatewaykit.gv50`: what both sides had wrong alike would never
show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import attrs

Check = Callable[[str], object]
"""Of a value that is not empty; false: out of range."""

REQUESTS: Mapping[str, str] = MappingProxyType(
    {
        "0": "GPS",
        "1": "RTL",
        "2": "READ",
        "3": "REBOOT",
        "4": "RESET",
        "5": "PWROFF",
        "6": "CID",
        "7": "CSQ",
        "8": "VER",
        "9": "BAT",
        "A": "IOS",
        "B": "TMZ",
        "D": "DELBUF",
    }
)
"""GTRTO's sub-commands and their names in its ACK (5.7)."""

SECTIONS = ("BSI", "SRI", "CFG", "TMA", "FRI")
"""Of the configuration, as GTRTO 2 names them."""


@attrs.frozen
class Form:
    """The values of one command between password and serial."""

    checks: tuple[Check, ...]
    """One for each value."""
    required: frozenset[int] = frozenset()
    """Values that may not be empty; an empty one means "keep" in a setting (5.1)."""

    def takes(self, values: Sequence[str]) -> bool:
        return len(values) == len(self.checks) and all(
            check(value) if value else index not in self.required
            for index, (value, check) in enumerate(
                zip(values, self.checks, strict=True)
            )
        )


def _text(pattern: str) -> Check:
    return re.compile(pattern, re.ASCII).fullmatch


def _whole(low: int, high: int) -> Check:
    return lambda value: (
        value.isascii()
        and value.isdecimal()
        and len(value) <= 6
        and low <= int(value) <= high
    )


def _heartbeat(value: str) -> bool:
    return value == "0" or bool(_FROM_FIVE(value))


_FROM_FIVE = _whole(5, 360)
_ANY = _text(r"[ -~]{1,60}")
_RESERVED = _text(r"0{1,8}")
_FLAG = _text(r"[01]")
_BYTE = _whole(0, 255)
_PORT = _whole(0, 65535)
_HOST = _text(r"[0-9A-Za-z.:-]{1,60}")
_CLOCK = _text(r"([01][0-9]|2[0-3])[0-5][0-9]")
_SECONDS = _whole(5, 86_400)
_APN = (_text(r"[!-~]{1,40}"), _text(r"[ -~]{1,30}"), _text(r"[ -~]{1,30}"))
_SERVER: tuple[Check, ...] = (
    _text(r"[0-6]"),  # report mode
    _RESERVED,
    _text(r"[0-2]"),  # buffer mode
    _HOST,
    _PORT,
    _HOST,
    _PORT,
    _text(r"[+0-9]{1,20}"),  # SMS gateway
    _heartbeat,
    _FLAG,  # SACK
    _text(r"0"),  # protocol format: this device has no HEX form to speak
    _FLAG,  # SMS ack
)
_CONFIGURATION: tuple[Check, ...] = (
    _text(r"[0-9A-Za-z]{4,6}"),  # the new password
    _text(r"[ -~]{1,20}"),  # device name
    _FLAG,
    _text(r"[0-9]{1,7}(\.[0-9])?"),  # mileage
    _RESERVED,
    _RESERVED,
    _text(r"[0-9A-F]{1,4}"),  # report items
    _text(r"[0-2]"),  # power saving
    _text(r"[0-9]"),
    _text(r"[0-9A-F]{1,8}"),  # events
    _RESERVED,
    _text(r"[0-2]"),  # LED
    _FLAG,  # GTINF
    _whole(30, 86_400),
    _text(r"[0-2]"),  # location by call
    _RESERVED,
)

_PLAIN: Mapping[str, int] = MappingProxyType(
    {
        "GTCRA": 12,
        "GTDIS": 20,
        "GTDOG": 11,
        "GTEPS": 13,
        "GTGEO": 14,
        "GTHBM": 23,
        "GTHMC": 10,
        "GTIDL": 15,
        "GTJDC": 12,
        "GTPDS": 8,
        "GTPIN": 7,
        "GTSPD": 20,
        "GTSSR": 8,
        "GTTOW": 19,
        "GTUDF": 12,
    }
)
"""Commands that are acknowledged and change nothing here, and how many values they have."""

OUTPUT_FORMS: Mapping[int, Form] = MappingProxyType(
    {
        13: Form(
            (
                _FLAG,
                _BYTE,
                _BYTE,
                *[_RESERVED] * 3,
                _FLAG,  # GTDOS
                *[_RESERVED] * 6,
            ),
            frozenset({0}),
        ),
        16: Form(
            (
                *(_FLAG, _BYTE, _BYTE) * 3,
                _text(r"[0-9A-F]"),
                _FLAG,  # GTDOS
                *[_FLAG] * 5,
            ),
            frozenset({0}),
        ),
    }
)
"""GTOUT by how many values a firmware takes (5.3); an empty level is none."""

FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType(
    {
        "GTBSI": (Form((*_APN, *[_RESERVED] * 4)),),
        "GTCFG": (
            Form((*_CONFIGURATION, *[_ANY] * 4)),
            Form((*_CONFIGURATION, *[_ANY] * 5)),
        ),
        "GTFRI": (
            Form(
                (
                    _text(r"[0-5]"),  # mode
                    _FLAG,  # discard without fix
                    _RESERVED,
                    _FLAG,  # only in a period of the day
                    _CLOCK,
                    _CLOCK,
                    _whole(0, 86_400),
                    _SECONDS,
                    _PORT,  # metres
                    _PORT,
                    _RESERVED,
                    _whole(0, 180),  # corner
                    _SECONDS,  # ignition off
                    _text(r"[0-9A-F]{1,8}"),
                    *[_RESERVED] * 3,
                )
            ),
        ),
        "GTQSS": (Form((*_APN, *_SERVER)),),
        "GTRTO": (
            Form(
                (REQUESTS.__contains__, _text(r"BUF|[A-Z]{3}|0"), *[_BYTE] * 4),
                frozenset({0}),
            ),
        ),
        "GTSRI": (Form((*_SERVER, _RESERVED, _PORT)),),
        "GTTMA": (
            Form(
                (
                    _text(r"[+-]"),
                    _whole(0, 12),
                    _whole(0, 59),
                    _FLAG,
                    _text(r"[0-9]{14}"),
                    *[_RESERVED] * 4,
                )
            ),
        ),
        **{type: (Form((_ANY,) * number),) for type, number in _PLAIN.items()},
    }
)
"""By type; any one of the forms will do. GTOUT's depends on the firmware."""
