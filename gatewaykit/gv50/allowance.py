"""How many commands may be asked for in a minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

MINUTE_S = 60.0


class Allowance:
    """Counts what each of many asks for, and holds it to a number a minute.

    :param most: how many.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._times: dict[Hashable, deque[float]] = {}

    def has_room(self, who: Hashable, now: float) -> bool:
        """Whether `who` may ask for one more."""
        times = self._times.get(who)
        if times is None:
            return True
        while times and times[0] <= now - MINUTE_S:
            times.popleft()
        if not times:
            del self._times[who]
            return True
        return len(times) < self.most

    def use(self, who: Hashable, now: float) -> None:
        """`who` has asked for one."""
        self._times.setdefault(who, deque()).append(now)
        if len(self._times) > 10_000:
            self._forget(now)

    def _forget(self, now: float) -> None:
        for who in [w for w, t in self._times.items() if t[-1] <= now - MINUTE_S]:
            del self._times[who]
