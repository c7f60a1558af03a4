"""The recovery ladder: what to do about a modem that does not do its work. Pure.

Resynchronisation is the line's own first rung. What is above it is bounded, spaced and
counted, and goes no further than the settings allow: a reset cuts what may be the site's
only uplink. A denied registration or a missing SIM is no fault of the modem's, so that
nobody asks the ladder about one (facts/sim7600.md 7).
"""

from __future__ import annotations

import enum


class Rung(enum.IntEnum):
    """From the mildest to the harshest; named as the setting ``sim7600.recovery``."""

    RESYNC = 0
    REOPEN = 1
    RADIO = 2
    """Radio off and on: for a modem that answers and finds no network."""
    RESET = 3


REOPENS = 2
"""A modem that is mute after so many reopenings is reset, if that is allowed."""
SPACING_S = 120.0
"""Between two resets or radio cycles; doubled after each that did not help."""
LONGEST_SPACING_S = 3600.0
SETTLING_S = 60.0
"""A modem that has just appeared may still be booting: no reset."""
ROUNDS = 3
COOL_DOWN_S = 300.0
"""After so many rounds nothing is done for so long; a port that was opened anew so often
in vain is so only once in that time."""
SEARCHING_S = 300.0
"""A modem that finds no network for so long needs help."""
HEALED_S = 600.0
"""A modem that has been well for so long has no history."""


class Ladder:
    """Remembers what was tried. Times are the caller's monotonic seconds.

    :param limit: the harshest rung allowed.
    """

    def __init__(self, limit: Rung, now: float) -> None:
        self.counts = dict.fromkeys(Rung, 0)
        self._limit = limit
        self._appeared_at = now
        self._well_since: float | None = None
        self._reopens = 0
        self._reopened_at = now
        self._rounds = 0
        self._radios = 0
        self._next_at = now

    def appeared(self, now: float) -> None:
        """The port was opened, or the modem says that it has started."""
        self._appeared_at = now
        self._well_since = None

    def well(self, now: float) -> None:
        """The modem answers and, as far as it can, has a network."""
        if self._well_since is None:
            self._well_since = now
        self._reopens = 0
        if now - self._well_since >= HEALED_S:
            self._rounds = self._radios = 0

    def mute(self, now: float) -> Rung | None:
        """Resynchronisation has failed: the rung to take now, None to wait."""
        self._well_since = None
        if self._limit < Rung.REOPEN:
            return None
        if self._reopens >= REOPENS and self._may(Rung.RESET, now):
            return self._take(Rung.RESET, now)
        if self._reopens >= ROUNDS and now - self._reopened_at < COOL_DOWN_S:
            return None
        self._reopens += 1
        self._reopened_at = now
        self.counts[Rung.REOPEN] += 1
        return Rung.REOPEN

    def no_network(self, searching_s: float, now: float) -> Rung | None:
        """The modem answers but finds no network: the rung to take now, None to wait."""
        self._well_since = None
        if searching_s < SEARCHING_S:
            return None
        if self._radios >= ROUNDS and self._may(Rung.RESET, now):
            return self._take(Rung.RESET, now)
        if self._radios < ROUNDS and self._may(Rung.RADIO, now):
            self._radios += 1
            return self._take(Rung.RADIO, now)
        return None

    def _may(self, rung: Rung, now: float) -> bool:
        settled = now - self._appeared_at >= SETTLING_S
        return rung <= self._limit and settled and now >= self._next_at

    def _take(self, rung: Rung, now: float) -> Rung:
        self.counts[rung] += 1
        self._rounds += 1
        self._reopens = 0
        if rung is Rung.RESET:
            self._radios = 0
        pause_s = min(SPACING_S * 2 ** (self._rounds - 1), LONGEST_SPACING_S)
        if self._rounds % ROUNDS == 0:
            pause_s = max(pause_s, COOL_DOWN_S)
        self._next_at = now + pause_s
        return rung
