"""The stars that a simulated mount was aligned with. Pure."""

from __future__ import annotations

from math import sqrt

import attrs

STARS = 3
NEEDED = 2
"""A rotation takes two directions."""


@attrs.frozen
class Star:
    ra_h: float
    dec_deg: float
    h_ticks: int
    e_ticks: int
    counts: int
    """Of the mount's clock, when it was taken (facts/tts160.md 7.4)."""
    error_arcsec: float
    """How far it was from where the mount thought that it was."""


@attrs.define
class Alignment:
    stars: dict[int, Star] = attrs.field(factory=dict)
    """By slot, from 1."""
    aligned: int = 0
    """Stars of the last alignment that was brought to an end."""
    lst_h: float = 0.0
    """Of its end."""
    _armed: int = 0

    def arm(self, count: int) -> None:
        """The next so many syncs are its stars."""
        self.stars.clear()
        self._armed = count

    @property
    def is_armed(self) -> bool:
        return self._armed > 0

    def add(self, star: Star, lst_h: float) -> int:
        """One more than there are stars to come: 1 is the last (facts/tts160.md 2.3)."""
        self.stars[len(self.stars) + 1] = star
        left = self._armed - len(self.stars)
        if not left:
            self.finish(lst_h)
        return left + 1

    def finish(self, lst_h: float) -> None:
        self.aligned, self.lst_h, self._armed = len(self.stars), lst_h, 0

    @property
    def shown(self) -> int:
        """What `:GW#` tells: the stars so far, or of the alignment that there is."""
        return len(self.stars) if self.is_armed else self.aligned

    @property
    def rms_arcsec(self) -> float:
        errors = [star.error_arcsec for star in self.stars.values()]
        return sqrt(sum(e * e for e in errors) / len(errors)) if errors else 0.0
