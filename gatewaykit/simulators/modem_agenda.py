"""What is going to happen, and when. Pure: it is told the time."""

from __future__ import annotations

from collections.abc import Callable

Action = Callable[[float], None]
"""Takes its own moment, not the one at which somebody looked."""


class Agenda:
    """Things by their names: setting one again moves it."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[float, int, Action]] = {}
        self._count = 0

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def set(self, name: str, at: float, action: Action) -> None:
        self._count += 1
        self._entries[name] = (at, self._count, action)

    def cancel(self, name: str) -> None:
        self._entries.pop(name, None)

    def clear(self) -> None:
        self._entries.clear()

    def due(self) -> float | None:
        """When the next thing happens, None if nothing will."""
        return (
            min(entry[0] for entry in self._entries.values()) if self._entries else None
        )

    def advance(self, now: float) -> None:
        """Do all that is due, in its order."""
        while self._entries:
            name = min(self._entries, key=lambda name: self._entries[name][:2])
            at, _, action = self._entries[name]
            if at > now:
                return
            del self._entries[name]
            action(at)
