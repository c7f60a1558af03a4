"""What is known of a mount. Pure."""

from __future__ import annotations

import attrs

from gatewaykit.tts160 import sky

STANDS_DEG = 2 / 60
"""A mount that cannot say whether it slews does so if it moved farther than this from one
look to the next, on the sky and over the horizon: by tracking it stays on the sky."""
LEAST_S, MOST_S = 0.3, 5.0
"""Between two such looks: within less it has not got far, and in more the sky has."""
BEGINS_S = 1.0
"""A slew that has begun does not show at once."""


@attrs.define
class Known:
    """None is not known."""

    right_ascension_h: float | None = None
    declination_deg: float | None = None
    altitude_deg: float | None = None
    azimuth_deg: float | None = None
    tracking: bool | None = None
    tracking_rate: str | None = None
    slewing: bool | None = None
    parked: bool | None = None
    aligned_stars: int | None = None
    target_right_ascension_h: float | None = None
    target_declination_deg: float | None = None
    latitude_deg: float | None = None
    longitude_deg: float | None = None


@attrs.frozen
class Look:
    """Where a mount pointed, and when."""

    at: float
    right_ascension_h: float
    declination_deg: float
    altitude_deg: float
    azimuth_deg: float

    def moved_deg(self, later: Look) -> float:
        """How far it went, without what the sky alone did."""
        on_sky_deg = sky.separation_deg(
            self.right_ascension_h,
            self.declination_deg,
            later.right_ascension_h,
            later.declination_deg,
        )
        over_horizon_deg = sky.separation_deg(
            self.azimuth_deg / sky.DEGREES_PER_HOUR,
            self.altitude_deg,
            later.azimuth_deg / sky.DEGREES_PER_HOUR,
            later.altitude_deg,
        )
        return min(on_sky_deg, over_horizon_deg)


class Looks:
    """Tells of a mount whether it slews by where it points."""

    def __init__(self) -> None:
        self._last: Look | None = None
        self._slews: bool | None = None
        self._begins_until = 0.0

    def add(self, look: Look) -> bool | None:
        """Whether it slews; None: one more look has to tell."""
        last = self._last
        if look.at < self._begins_until:
            self._last = look
        elif last is None or look.at - last.at >= LEAST_S:
            self._last = look
            if last is None or look.at - last.at > MOST_S:
                self._slews = None
            else:
                self._slews = last.moved_deg(look) > STANDS_DEG
        return self._slews

    def begun(self, at: float) -> None:
        """A slew has begun."""
        self._last, self._slews = None, True
        self._begins_until = at + BEGINS_S
