"""What a device has to say and what it waits for: reports and their SACKs. Pure.

The rules are those of facts/gv50.md 3: a frame without SACK is repeated as it was, nothing
else gets through meanwhile; what could not be delivered is stored and replayed as ``+BUFF``
with its own count and send time; live reports go first (buffer mode 1).
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

import attrs

from gatewaykit.simulators.encoding import Report

_LONGEST_ANSWER = 1024


@attrs.define
class Item:
    """A report on its way."""

    number: int
    """Its age: one later than that of the report made before it."""
    report: Report
    is_stored: bool
    times_sent: int = 0
    sent_at: float = 0.0

    def frame(self) -> bytes:
        return self.report.stored() if self.is_stored else self.report.live()


class Outbox:
    """The reports of one device that no SACK has come for.

    :param window: how many may wait for their SACK at once; a real device takes 1.
    :param depth: how many are kept in memory; the oldest stored ones are dropped.
    :param sack: False: nothing is waited for, what is taken is done with.
    """

    def __init__(
        self, window: int = 1, depth: int = 1000, *, sack: bool = True
    ) -> None:
        self._window = window
        self._depth = depth
        self._sack = sack
        self._numbers = itertools.count()
        self._live: deque[Item] = deque()
        self._stored: deque[Item] = deque()
        self._sent: dict[str, Item] = {}
        self.dropped = 0
        """Lost: memory was full, or was emptied by order."""

    @property
    def outstanding(self) -> int:
        """Sent, and without SACK."""
        return len(self._sent)

    @property
    def waiting(self) -> int:
        """Not sent on this connection."""
        return len(self._live) + len(self._stored)

    @property
    def is_empty(self) -> bool:
        return not (self._sent or self._live or self._stored)

    @property
    def has_room(self) -> bool:
        """Whether a new report would be sent at once, with nothing older left behind."""
        return self.waiting + len(self._sent) < self._window

    def add(self, report: Report, *, connected: bool) -> None:
        item = Item(next(self._numbers), report, is_stored=not connected)
        (self._live if connected else self._stored).append(item)
        self._forget_oldest()

    def disconnected(self) -> None:
        """Store what was not delivered; what waits for a SACK may have been lost."""
        undelivered = [*self._sent.values(), *self._stored, *self._live]
        undelivered.sort(key=lambda item: item.number)
        for item in undelivered:
            item.is_stored = True
        self._stored = deque(undelivered)
        self._live.clear()
        self._sent.clear()
        self._forget_oldest()

    def take(self, now: float) -> Iterator[Item]:
        """What is to be written now, within the window."""
        while waiting := self._live or self._stored:
            count = waiting[0].report.count
            # After a wrap two reports may bear one count: its SACK could mean either.
            if self._sack and (len(self._sent) >= self._window or count in self._sent):
                return
            item = waiting.popleft()
            item.times_sent += 1
            item.sent_at = now
            if self._sack:
                self._sent[count] = item
            yield item

    def overdue(self, now: float, timeout: float) -> Iterator[Item]:
        """What is to be written again, since its SACK did not come in time."""
        for item in self._sent.values():
            if now - item.sent_at >= timeout:
                item.times_sent += 1
                item.sent_at = now
                yield item

    def oldest(self) -> float | None:
        """When the frame was sent that waits longest for its SACK."""
        return min((item.sent_at for item in self._sent.values()), default=None)

    def wait_for_sacks(self, *, sack: bool) -> None:
        """Whether to, from now on; without them what was sent is done with."""
        self._sack = sack
        if not sack:
            self._sent.clear()

    def forget_stored(self) -> None:
        """Empty the memory, as a server may order; what waits for a SACK stays."""
        self.dropped += len(self._stored)
        self._stored.clear()

    def acknowledge(self, count: str) -> Item | None:
        """Forget what a SACK is for; None if nothing waits for it."""
        return self._sent.pop(count, None)

    def _forget_oldest(self) -> None:
        while self.waiting > self._depth:
            (self._stored or self._live).popleft()
            self.dropped += 1


class Answers:
    """Cuts what the server sends into frames: SACKs and commands, ended by ``$``."""

    def __init__(self) -> None:
        self._rest = b""

    def receive_data(self, data: bytes) -> list[str]:
        """Whole frames without the ``$`` and without line ends before them."""
        *frames, rest = (self._rest + data).split(b"$")
        # No server has that much to say; a real device has no room for it either.
        self._rest = rest[-_LONGEST_ANSWER:]
        return [frame.decode("latin-1").lstrip("\r\n\0 ") for frame in frames]
