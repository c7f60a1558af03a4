"""How often the modem appears: one that keeps coming and going has bad power. Pure."""

from __future__ import annotations

from collections import deque

FLAPS = 3
"""Appearances in an hour above which the power supply is in doubt (facts/sim7600.md 7)."""
HOUR_S = 3600.0
BOOT_S = 15.0
"""What the modem says so soon after its port was opened, or again, is of the same start."""


class Appearances:
    """The latest appearances. Times are the caller's monotonic seconds."""

    def __init__(self) -> None:
        self._at: deque[float] = deque(maxlen=FLAPS + 1)
        self._newest_at: float | None = None
        self._expected_until: float | None = None

    def expect(self, until: float) -> None:
        """One that comes by then is of our own making."""
        self._expected_until = until

    def opened(self, now: float) -> None:
        """The port was opened, having been gone."""
        self._newest_at = now
        expected_until, self._expected_until = self._expected_until, None
        if expected_until is None or now > expected_until:
            self._at.append(now)

    def started(self, now: float) -> bool:
        """The modem says that it has started; whether that is news."""
        if self._newest_at is not None and now - self._newest_at < BOOT_S:
            return False
        self.opened(now)
        return True

    def are_too_many(self, now: float) -> bool:
        """Whether the modem comes and goes more than a sound one does."""
        return sum(now - at < HOUR_S for at in self._at) > FLAPS
