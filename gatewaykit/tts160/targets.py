"""What clients told the mount to be the target, each for itself. Pure.

The mount has one place for it; whoever starts a slew means the target that it told.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Hashable

import attrs

from gatewaykit.tts160 import coordinates
from gatewaykit.tts160.commands import Command

_TEXT = re.compile(r":S([rd])(.+)#")
_BINARY = re.compile(rb":\*!S 07;(.{8})#", re.DOTALL)


@attrs.frozen
class Target:
    """In the mount's equinox, and the commands that tell it to the mount."""

    commands: tuple[Command, ...]
    right_ascension_h: float
    declination_deg: float


@attrs.define
class _Told:
    """Each coordinate with the command that told it."""

    right_ascension: tuple[Command, float] | None = None
    declination: tuple[Command, float] | None = None


class Targets:
    def __init__(self) -> None:
        self._told: dict[Hashable, _Told] = {}

    def told(self, holder: Hashable, command: Command) -> None:
        """The mount has taken a command, which may be for its target."""
        if found := _BINARY.fullmatch(command.data):
            hours_rad, declination_rad = struct.unpack("<2f", found[1])
            told = self._told.setdefault(holder, _Told())
            told.right_ascension = command, coordinates.hours_of(hours_rad)
            told.declination = command, math.degrees(declination_rad)
        elif found_text := _TEXT.fullmatch(command.data.decode("latin-1")):
            told = self._told.setdefault(holder, _Told())
            if found_text[1] == "r":
                hours = coordinates.parse_hours(found_text[2])
                told.right_ascension = command, hours
            else:
                degrees = coordinates.parse_declination(found_text[2])
                told.declination = command, degrees

    def of(self, holder: Hashable) -> Target | None:
        """What it told last; None until it has told all of it."""
        told = self._told.get(holder)
        if told is None or told.right_ascension is None or told.declination is None:
            return None
        (first, hours), (second, degrees) = told.right_ascension, told.declination
        if first is second:
            return Target((first,), hours, degrees)
        # A command for both is sent before the one that changes half of it.
        commands = sorted((first, second), key=lambda each: not _is_binary(each))
        return Target(tuple(commands), hours, degrees)

    def forget(self, holder: Hashable) -> None:
        self._told.pop(holder, None)


def _is_binary(command: Command) -> bool:
    return _BINARY.fullmatch(command.data) is not None
