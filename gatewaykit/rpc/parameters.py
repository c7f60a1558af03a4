"""The parameters of a command to a vehicle: a JSON object, of which no error shows a value.

What a kind of command allows is checked by whoever builds it. This is what may travel.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from gatewaykit.access import MASK
from gatewaykit.errors import MisuseError
from gatewaykit.rpc.arguments import Checked, encode

MOST_NAMES = 30
MOST_CHARACTERS = 2000
"""Of one text."""
MOST_BYTES = 8 * 1024
"""Of all of it, as it travels."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")

# Values that the audit trail may show, by name. What is not here may be a password, or hold
# one, as the values of a custom command do.
SHOWN = frozenset(
    {
        *("host", "port", "backup_host", "backup_port", "without_backup", "apn"),
        *("heartbeat_min", "sack", "buffer_mode", "interval_min", "enabled"),
        *("level", "duration_ds", "toggles", "section", "command"),
        *("interval_s", "ignition_off_interval_s", "corner_deg"),
        *("offset", "daylight_saving", "utc"),
    }
)
# Even of these no text that could be a whole command, with a password in it.
_SHOWN_TEXT = re.compile(r"[A-Za-z0-9.:+_\-]{0,64}")


class Parameters(Checked):
    """Names with text, numbers, True or False."""

    allowed = (
        f"at most {MOST_NAMES} names of lower-case letters, digits and underscores, with"
        f" texts of at most {MOST_CHARACTERS} characters, numbers, True or False;"
        f" {MOST_BYTES} bytes in all"
    )

    def fromString(self, inString: bytes) -> dict[str, Any]:
        if len(inString) > MOST_BYTES:
            raise ValueError(self.allowed)
        try:
            # Of a name that comes twice nobody could tell which one was meant.
            return self._check(json.loads(inString, object_pairs_hook=_once))
        except (ValueError, RecursionError):
            # The error of the parser has all of the text.
            raise ValueError(self.allowed) from None

    def toString(self, inObject: Mapping[str, Any]) -> bytes:
        if not isinstance(inObject, Mapping):
            raise TypeError(self.allowed)
        text = encode(self._check(dict(inObject)))
        if len(text) > MOST_BYTES:
            raise ValueError(self.allowed)
        return text

    def _check(self, parameters: Any) -> dict[str, Any]:
        if not isinstance(parameters, dict) or len(parameters) > MOST_NAMES:
            raise ValueError(self.allowed)
        for name, value in parameters.items():
            if not isinstance(name, str) or not _NAME.fullmatch(name):
                raise ValueError(self.allowed)
            if not _may_travel(value):
                raise ValueError(self.allowed)
        return parameters

    def _misuse(self, name: bytes, value: object) -> MisuseError:
        return super()._misuse(name, None if value is None else MASK)


def shown(text: str) -> str:
    """Parameters as the audit trail may show them.

    :param text: as they came, even those that could not be read: nothing of these is shown.
    """
    try:
        parameters = Parameters().fromString(text.encode("utf-8", "replace"))
    except ValueError:
        return MASK
    masked = {
        name: value if _may_be_shown(name, value) else MASK
        for name, value in parameters.items()
    }
    return encode(masked).decode("ascii")


def _may_be_shown(name: str, value: object) -> bool:
    if isinstance(value, str) and not _SHOWN_TEXT.fullmatch(value):
        return False
    return name in SHOWN


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise ValueError
    return names


def _may_travel(value: object) -> bool:
    if type(value) is str:
        half = any("\ud800" <= character <= "\udfff" for character in value)
        return len(value) <= MOST_CHARACTERS and not half
    if type(value) is int:
        return abs(value) < 1 << 63
    if type(value) is float:
        return value - value == 0  # neither infinite nor no number
    return type(value) is bool
