"""What a command does to output 1, which may block the vehicle (facts/gv50.md 5.3)."""

from __future__ import annotations

from typing import Final

import attrs

from gatewaykit.gv50.command_forms import Form
from gatewaykit.gv50.command_requests import POWER_OFF, REBOOT

_NEVER: Final = frozenset(
    {
        "GTBSI",
        "GTCFG",
        "GTFRI",
        "GTHMC",
        "GTPIN",
        "GTQSS",
        "GTSRI",
        "GTSSR",
        "GTTMA",
    }
)
"""Their settings have nothing to do with outputs. Every other one is taken for an alarm or
a function that can drive an output by itself, whatever its values: where in them the output
stands differs by model and firmware."""

_RESTARTING: Final = frozenset({"GTDOG", "GTPDS"})
"""The watchdog restarts the device when it likes, on the road too, and what is preserved
over a restart tells which level its output has then."""


@attrs.frozen
class Effect:
    """On output 1."""

    level: int | None = None
    """The steady level that it has afterwards; None if the command sets none."""
    may_block: bool = False
    """It can get the level that blocks, or nobody knows."""
    lasting: bool = False
    """The device can do that by itself later."""


def effect(form: Form, values: tuple[str, ...], block_level: int | None) -> Effect:
    """What a command does, by its values and the level that blocks (None: unknown)."""
    # Without power, and until it has started, a device lets its output fall to 0.
    falls = block_level != 1
    match form.type:
        case "GTOUT":
            level = _steady_level(form, values)
            may_block = level is None or block_level is None or level == block_level
            return Effect(level, may_block)
        case "GTRTO":
            return Effect(None, falls and values[0] in {REBOOT, POWER_OFF})
        case type_ if type_ in _RESTARTING:
            return Effect(None, falls, falls)
        case type_ if type_ in _NEVER:
            return Effect()
        case _:
            return Effect(None, True, True)


def _steady_level(form: Form, values: tuple[str, ...]) -> int | None:
    """Output 1 is the first three values. What is set among the fields of which nobody
    knows the meaning may be a pulse as well."""
    level, *pulse = values[:3]
    unknown = [values[at] for at in form.places("extra")]
    if any(value.strip("0") for value in (*pulse, *unknown)):
        return None
    return int(level)
