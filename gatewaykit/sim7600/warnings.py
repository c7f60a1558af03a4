"""What the modem warns of: voltage and temperature (facts/sim7600.md 2.6)."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

LASTS_S = 60.0
"""Voltage warnings are repeated every ten seconds while they hold."""
MOST = 10


class Warnings:
    """The warnings that hold now."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._heard: dict[str, float] = {}

    def add(self, line: str) -> bool:
        """Take a warning; whether it is news, and no repetition of one that holds."""
        now = self._clock.seconds()
        last = self._heard.get(line)
        self._heard[line] = now
        while len(self._heard) > MOST:
            del self._heard[min(self._heard, key=lambda each: self._heard[each])]
        return last is None or now - last >= LASTS_S

    def current(self) -> list[str]:
        """The modem's words, oldest first."""
        now = self._clock.seconds()
        return [line for line, at in self._heard.items() if now - at < LASTS_S]
