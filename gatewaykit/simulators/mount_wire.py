"""The time that bytes take on a mount's line: a pseudo terminal takes none. Pure."""

from __future__ import annotations

from collections import deque

BYTE_S = 10 / 9600
"""Start bit, eight bits, stop bit (facts/tts160.md 1.1)."""
_BATCH = 4


class Incoming:
    """Tells of each byte that the host writes when it would be there."""

    def __init__(self, byte_s: float) -> None:
        self.bytes = 0
        self._byte_s = byte_s
        self._free_at = 0.0

    def arrival(self, now: float) -> float:
        """Of the next one, written `now`."""
        self.bytes += 1
        self._free_at = max(self._free_at, now) + self._byte_s
        return self._free_at


class Outgoing:
    """Lets bytes out as the line would carry them, a few at once."""

    def __init__(self, byte_s: float) -> None:
        self.bytes = 0
        """How many have been let out."""
        self._byte_s = byte_s
        self._free_at = 0.0
        self._waiting: deque[tuple[float, bytes]] = deque()
        """With the times when their first bytes set out."""

    def add(self, data: bytes, at: float) -> None:
        """Sets out at a time, behind what was added before."""
        if data:
            begins = max(self._free_at, at)
            self._free_at = begins + len(data) * self._byte_s
            self._waiting.append((begins, data))

    def due(self) -> float | None:
        """When the next few bytes should go; None: there are none."""
        if not self._waiting:
            return None
        begins, data = self._waiting[0]
        return begins + min(_BATCH, len(data)) * self._byte_s

    def take(self, now: float) -> bytes:
        """What has been carried by now."""
        found = b""
        while self._waiting and self._waiting[0][0] <= now:
            begins, data = self._waiting.popleft()
            if begins + len(data) * self._byte_s > now:
                count = int((now - begins) / self._byte_s)
                later = begins + count * self._byte_s, data[count:]
                self._waiting.appendleft(later)
                found += data[:count]
                break
            found += data
        self.bytes += len(found)
        return found

    def clear(self) -> None:
        self._waiting.clear()
        self._free_at = 0.0
