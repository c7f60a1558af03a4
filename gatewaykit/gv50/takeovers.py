"""Whether the connection that took over a vehicle's can be believed to be the vehicle's.

An IMEI is no secret: who knows one can connect with it, swallow commands and acknowledge
them. A vehicle that comes back is where it can have got to.
"""

from __future__ import annotations

from gatewaykit.gv50.motion import Fix, distance_km

SLACK_KM = 1.0
FASTEST_KMH = 250.0
BACKWARD_MS = 60_000
"""So much older than the last position may a new one be."""
NOW_MS = 600_000
"""So far from our clock may the time of a live position be."""


class Suspicion:
    """Doubt about a connection, until a live position of it settles that.

    :param last: where the vehicle was before; None if that is not known.
    :param settled: whether `last` is all that will be known of that.
    """

    def __init__(self, last: Fix | None, *, settled: bool) -> None:
        self._last = last
        self._settled = settled
        self.reason = "its connection was taken over, and no position has come in since"

    def settle(self, last: Fix | None) -> None:
        """Where the vehicle was before has been found out (None: it was never heard of)."""
        self._last = last
        self._settled = True

    def distrust(self, reason: str) -> None:
        """Let no position clear this."""
        self._settled = False
        self.reason = reason

    def is_cleared(self, new: Fix, now_ms: int) -> bool:
        """Whether a live position from the new connection ends the doubt."""
        if not self._settled or not new.fix:
            return False
        if abs(now_ms - new.gps_ms) > NOW_MS:
            self.reason = "its connection was taken over by one whose clock is wrong"
            return False
        if self._last is None:
            return True
        elapsed_ms = new.gps_ms - self._last.gps_ms
        reach_km = SLACK_KM + FASTEST_KMH * max(elapsed_ms, 0) / 3_600_000
        away_km = distance_km(self._last, new)
        if elapsed_ms < -BACKWARD_MS or away_km > reach_km:
            self.reason = (
                f"its connection was taken over by one that is {away_km:.0f} km from where"
                " it can be; trust it if that is right"
            )
            return False
        return True
