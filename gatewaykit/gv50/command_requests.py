"""GTRTO: what a device may be asked or told to do at once (facts/gv50.md 5.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gatewaykit.gv50.command_forms import is_known

READS: Final = frozenset("0126789AB")
"""They change nothing, so every device may be asked, its model known or not."""
REBOOT, RESET, POWER_OFF, DELETE = "3", "4", "5", "D"
CLEARING: Final = "BUF"
"""What makes of a reset a clearing of the stored reports. A reset alone wipes the server
settings too: nothing sends it."""

_CLEARS_BY_RESET: Final = frozenset({"gv200", "gv300"})
"""Who was seen to take ``4,BUF``: a device that did not know it might reset."""
_CLEARS_BY_DELETE: Final = frozenset({"gv50", "gv55", "gv55 lite", "gmt100"})
"""Whose operators list ``D`` for that; to GV75W it is something else."""

_FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    # kind: model or "" for all others: values
    "gps_state": {"": "0,,,,,"},
    "position": {"": "1,,,,,"},
    "read_configuration": {"": "2,{section},,,,"},
    "reboot": {"": "3,,,,,", "gv50": "3,,3,,,"},
    "clear_buffer": {
        "gv50": "D,,3,,,",
        "gv55": "D,,,,,",
        "gv55 lite": "D,,,,,",
        "gmt100": "D,,,,,",
        "gv200": "4,BUF,,,,",
        "gv300": "4,BUF,,,,",
    },
    "power_off": {"": "5,,,,,"},
    "iccid": {"": "6,,,,,"},
    "signal": {"": "7,,,,,"},
    "versions": {"": "8,,,,,"},
    "power": {"": "9,,,,,"},
    "inputs_outputs": {"": "A,,,,,"},
    "time_zone": {"": "B,,,,,"},
}
KINDS_OF_REQUESTS: Final = tuple(_FORMS)


def request(kind: str, model: str | None) -> str | None:
    """The values of a kind's GTRTO as a template, None where the model's is not known."""
    by_model = _FORMS[kind]
    return by_model.get((model or "").casefold(), by_model.get(""))


def is_malformed(values: tuple[str, ...]) -> str | None:
    """The rule that values of GTRTO break whoever they are for, None if none."""
    sub, section = values[:2]
    if sub == RESET and section != CLEARING:
        return f"4 with {CLEARING} only: alone it wipes all settings of the device"
    if section and sub not in {"2", RESET}:
        return "a second value with 2 or 4 only"
    if sub == "2" and section == CLEARING:
        return "a section's 3 letters"
    return None


def is_understood(sub: str, model: str | None) -> bool:
    """Whether a device of this model is known to take a sub-command as is meant here."""
    name = (model or "").casefold()
    if sub in READS:
        return True
    if sub == RESET:
        return name in _CLEARS_BY_RESET
    if sub == DELETE:
        return name in _CLEARS_BY_DELETE
    return is_known(name)
