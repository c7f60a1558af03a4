"""What a simulated mount has done, for tests to look at. Pure."""

from __future__ import annotations

from typing import Literal

import attrs

Direction = Literal["north", "south", "east", "west"]


@attrs.frozen
class Slew:
    """A goto that it took on."""

    at: float
    right_ascension_h: float | None
    """Of the day's equinox; None: it goes to a place over the horizon."""
    declination_deg: float | None
    altitude_deg: float
    """Where the target stood then."""
    azimuth_deg: float


@attrs.frozen
class Pulse:
    at: float
    direction: Direction
    milliseconds: int


@attrs.frozen
class Move:
    at: float
    direction: Direction
    rate_deg_s: float


@attrs.frozen
class Stop:
    at: float
    what: Literal["all", "horizontal", "elevation"]


@attrs.frozen
class Sync:
    """When the order came; the position follows later."""

    at: float
    right_ascension_h: float
    declination_deg: float


@attrs.define
class Deeds:
    """What it took on, in order. What it refused or ignored is in none of the lists, but
    for stops: a mount that stands still stops as well as it can."""

    slews: list[Slew] = attrs.field(factory=list)
    pulses: list[Pulse] = attrs.field(factory=list)
    moves: list[Move] = attrs.field(factory=list)
    stops: list[Stop] = attrs.field(factory=list)
    syncs: list[Sync] = attrs.field(factory=list)
    parks: list[float] = attrs.field(factory=list)
    """When it was told to park."""
