"""Whose target is it? What LX200 clients have set, by connection and by address.

LX200 has one stored target, one precision and one rate, because its line has one user.
Here there are many, and two kinds of them:

- INDI and Stellarium keep a connection and poll on it.
- SkySafari opens a connection for each command (facts/tts160.md 6.3), so that what it sets
  with one it needs with the next, and all that these have in common is their address.

The rule: what a connection has set itself goes before everything; so two INDI drivers on one
host never get each other's target. A connection that is younger than `FLEETING_S` leaves what
it sets to its address as well, and takes from there what it has not set itself. An older one
does neither: it is one that stays. What was left to an address is taken no longer than the
setting's own time: a target of ten minutes ago is nobody's wish any more.

Two programs of SkySafari's kind behind one address cannot be told apart: for them the last
target counts, as on a line that they share.
"""

from __future__ import annotations

import enum
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, TypeVar

FLEETING_S: Final = 5.0
"""Longer than a connection for one command lasts, even over a bad radio link."""
FORGOTTEN_S: Final = 600.0
"""An address that was silent for so long is a new one."""
MOST_ADDRESSES: Final = 256
TOGETHER_S: Final = 10.0
"""Latitude and longitude, date and time make one thing if they come within this time."""

G = TypeVar("G")


class Setting(enum.Enum):
    """What a client can set; the value says how long others of its address may have it."""

    RIGHT_ASCENSION = ("right ascension in hours", 60.0)
    DECLINATION = ("declination in degrees", 60.0)
    SHORT = ("low precision", math.inf)
    RATE = ("rate of moving axes in degrees per second", math.inf)
    LATITUDE = ("latitude in degrees", TOGETHER_S)
    LONGITUDE = ("longitude in degrees, east positive", TOGETHER_S)
    UTC_OFFSET = ("hours that local time is ahead of UTC", math.inf)
    DATE = ("local date", TOGETHER_S)
    TIME = ("local time of day", TOGETHER_S)
    LOCAL = ("date and time together, as they were set", TOGETHER_S)

    @property
    def lent_s(self) -> float:
        return self.value[1]


class Value(NamedTuple):
    """What was set, and when. None is a value too: what was sent could not be used, and
    what was there before is not what the client means."""

    value: Any
    at: float


class Settings:
    """What one connection has set, or all fleeting ones of an address."""

    def __init__(self) -> None:
        self._values: dict[Setting, Value] = {}

    def put(self, setting: Setting, value: Value) -> None:
        self._values[setting] = value

    def get(self, setting: Setting) -> Value | None:
        return self._values.get(setting)


class Session:
    """What a connection goes by.

    :param lent: what its address has.
    :param now: when it began; the clock is the caller's.
    """

    def __init__(self, lent: Settings, now: float) -> None:
        self._own = Settings()
        self._lent = lent
        self._began_at = now

    def is_fleeting(self, now: float) -> bool:
        """Whether it is too young to be one that stays."""
        return now - self._began_at < FLEETING_S

    def put(self, setting: Setting, value: Any, now: float) -> None:
        kept = Value(value, now)
        self._own.put(setting, kept)
        if self.is_fleeting(now):
            self._lent.put(setting, kept)

    def find(self, setting: Setting, now: float) -> Value | None:
        """What holds for this connection, with its time; None if nothing does."""
        own = self._own.get(setting)
        if own is not None:
            return own
        lent = self._lent.get(setting) if self.is_fleeting(now) else None
        if lent is None or now - lent.at > setting.lent_s:
            return None
        return lent

    def get(self, setting: Setting, now: float) -> Any:
        found = self.find(setting, now)
        return None if found is None else found.value

    def recent(self, setting: Setting, now: float) -> Value | None:
        """What was set just now, to be put together with its other half."""
        found = self.find(setting, now)
        if found is None or found.value is None or now - found.at > TOGETHER_S:
            return None
        return found


class Addresses(Generic[G]):
    """What belongs to an address, for as long as it is heard of now and then.

    :param new: makes it.
    """

    def __init__(self, new: Callable[[], G]) -> None:
        self._new = new
        self._known: OrderedDict[str, tuple[G, float]] = OrderedDict()
        """Who was silent for longest is first."""

    def all(self) -> list[G]:
        return [belongings for belongings, _ in self._known.values()]

    def of(self, host: str, now: float) -> G:
        """What a host has, which has just been heard."""
        known = self._known.pop(host, None)
        while self._known:
            first, (_, heard_at) = next(iter(self._known.items()))
            is_full = len(self._known) >= MOST_ADDRESSES
            if now - heard_at <= FORGOTTEN_S and not is_full:
                break
            del self._known[first]
        is_new = known is None or now - known[1] > FORGOTTEN_S
        belongings = self._new() if known is None or is_new else known[0]
        self._known[host] = belongings, now
        return belongings
