"""What the values of commands to devices may be: a grammar by name, each with its rule in
words (facts/gv50.md 5).

A value is what stands between two commas. None may end a command or begin another, so
``$``, commas, control characters and whatever is not ASCII are in none of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from typing import Final

import attrs

from gatewaykit.access import MASK
from gatewaykit.gv50.forms import is_moment

CHARACTERS: Final = (
    "printable ASCII without $ and comma, and not the *** that stands for a secret"
)
"""The rule that every value obeys."""

_PLAIN = re.compile(r"[ -#%-+\--~]*").fullmatch
_PASSWORD = re.compile(r"[0-9A-Za-z]{4,20}").fullmatch
_SERIAL = re.compile(r"[0-9A-Fa-f]{4}").fullmatch
_WHOLE = re.compile(r"0|[1-9][0-9]{0,9}").fullmatch
_LABEL = r"[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?"
# The last label begins with a letter: else it is an address that somebody mistyped, or one
# in octal or hexadecimal, which each device reads in a way of its own.
_NAME = re.compile(
    rf"(?:{_LABEL}\.)+[A-Za-z](?:[0-9A-Za-z-]{{0,61}}[0-9A-Za-z])?"
).fullmatch
_DOTTED = re.compile(r"[0-9.]+").fullmatch

PASSWORD_RULE: Final = "4 to 20 of 0-9, A-Z, a-z"  # noqa: S105 - a rule
SERIAL_RULE: Final = "4 hexadecimal digits"
LONGEST_HOST: Final = 60
"""Characters of a server's name (facts/gv50.md 5.4)."""


def is_plain(text: str) -> bool:
    """Whether a text obeys `CHARACTERS`."""
    return _PLAIN(text) is not None and text != MASK


def is_password(text: str) -> bool:
    """A device ignores a command with an empty password silently."""
    return _PASSWORD(text) is not None


def is_serial(text: str) -> bool:
    return _SERIAL(text) is not None


def is_host(text: str) -> bool:
    """Whether a device may be sent there: an IPv4 address or a name of the DNS.

    Networks of their own, such as 10.0.0.0/8, are those of private APNs.
    """
    if len(text) > LONGEST_HOST:
        return False
    if not _DOTTED(text):
        return bool(_NAME(text)) and not text.lower().endswith(".localhost")
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback
        or address.is_multicast
        or address.is_reserved  # 240.0.0.0/4, the broadcast address too
        or address.is_link_local
        or address in _THIS_NETWORK
    )


_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")


@attrs.frozen
class Grammar:
    """One rule, for people and for the program."""

    rule: str
    fits: Callable[[str], bool]


def _matching(pattern: str, rule: str) -> Grammar:
    fullmatch = re.compile(pattern).fullmatch
    return Grammar(rule, lambda text: fullmatch(text) is not None)


def _number(low: int, high: int, *others: int) -> Grammar:
    def fits(text: str) -> bool:
        if not _WHOLE(text):
            return False
        return low <= int(text) <= high or int(text) in others

    also = "".join(f"{other} or " for other in others)
    return Grammar(f"{also}{low} to {high}", fits)


def _text(low: int, high: int) -> Grammar:
    return Grammar(f"{low} to {high} characters", lambda text: low <= len(text) <= high)


HOST = Grammar(
    f"an IPv4 address of one host or a DNS name, at most {LONGEST_HOST} characters",
    is_host,
)
APN = _matching(r"[0-9A-Za-z._-]{1,40}", "1 to 40 letters, digits, dots, - and _")
SECTION = _matching(r"[A-Z]{3}", "3 upper-case letters")
CREDENTIAL = _text(0, 30)
MOMENT = Grammar("14 digits, YYYYMMDDHHMMSS of UTC", is_moment)

OWN_PASSWORD: Final = "*"  # noqa: S105 - stands for one
"""Written by whoever asks for GTCFG, for the password that the device has: this field
changes it, and nobody may (facts/gv50.md 5.9)."""

GRAMMARS: Final[Mapping[str, Grammar]] = {
    "-": _matching("", "nothing, it is reserved"),
    ".": _text(0, 60),
    "apn": APN,
    "apn_password": CREDENTIAL,
    "apn_user": CREDENTIAL,
    "backup_host": HOST,
    "backup_port": _number(0, 65535),
    "buffer_mode": _number(0, 2),
    "corner_deg": _number(0, 180),
    "daylight_saving": _number(0, 1),
    "device_name": _text(0, 20),
    "discard_no_fix": _number(0, 1),
    "dns_refresh_min": _number(0, 1440),
    "duration": _number(0, 255),
    "enable": _number(0, 1),
    "fence": _number(0, 99),
    "extra": _matching(r"[0-9A-Fa-f]{0,8}", "at most 8 hexadecimal digits"),
    "heartbeat_min": _number(5, 360, 0),
    "host": HOST,
    "hours": _number(0, 12),
    "ignition_off_interval_s": _number(5, 86400),
    "interval_s": _number(5, 86400),
    "level": _number(0, 1),
    "mask": _matching(r"[0-9A-Fa-f]{0,8}", "at most 8 hexadecimal digits"),
    "minutes": _number(0, 59),
    "mode": _number(0, 99),
    "own_password": _matching(r"\*", "* for the present password, which stays"),
    "pin": _matching(r"[0-9]{4,8}", "4 to 8 digits"),
    "port": _number(1, 65535),
    "power_saving": _number(0, 2),
    # Never 1: what answers in HEX is no longer understood.
    "protocol_format": _matching("0", "0 (ASCII)"),
    "report_mode": _matching("[1236]", "1, 2, 3 or 6"),
    "sack": _number(0, 2),
    "schedule_mode": _number(0, 5),
    "section": _matching("[A-Z]{3}|BUF", "3 upper-case letters"),
    "sign": _matching("[+-]", "+ or -"),
    "sms_gateway": _matching(r"\+?[0-9]{0,19}", "a number of at most 20 characters"),
    "sub": _matching("[0-9ABD]", "0 to 9, A, B or D"),
    "sub_option": _matching("[0-9]", "one digit"),
    "time_of_day": _matching(r"(?:[01][0-9]|2[0-3])[0-5][0-9]", "HHMM"),
    "toggles": _number(0, 255),
    "utc": MOMENT,
}
"""By the names of fields in `command_forms`. Those of optional fields may be empty too."""

SECRET: Final = frozenset({"apn_password", "own_password", "pin"})
"""Names of fields whose values nobody may see."""
