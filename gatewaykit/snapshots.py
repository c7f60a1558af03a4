"""Something that is read from a device at an interval while anybody cares."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import GatewayError

PATIENCE_S = 2.0
"""How long whoever asks waits for something fresh (facts/sim7600.md 7)."""
LINGER_S = 15.0
"""How long after somebody asked it is still kept fresh, beside three intervals."""

log = Logger()


class Snapshot:
    """Refreshes what `read` fetches, once for all who ask.

    :param read: fetches and keeps the value; fails with a `GatewayError` where it can't.
    :param is_possible: whether there is anything to read from at present.
    """

    def __init__(
        self,
        title: str,
        read: Callable[[], Coroutine[Deferred[Any], Any, None]],
        is_possible: Callable[[], bool],
        clock: IReactorTime,
        interval_s: float,
    ) -> None:
        self.read_at: float | None = None
        """When it was last read, by the clock given in."""
        self._title = title
        self._read = read
        self._is_possible = is_possible
        self._clock = clock
        self._interval_s = interval_s
        self._linger_s = max(3 * interval_s, LINGER_S)
        self._asked_at: float | None = None
        self._holders = 0
        self._reading: Deferred[None] | None = None
        self._waiters: list[Deferred[None]] = []
        self._next: IDelayedCall | None = None
        self._due_at: float | None = None

    @property
    def age_s(self) -> float | None:
        """How long ago it was read."""
        return None if self.read_at is None else self._clock.seconds() - self.read_at

    @property
    def is_cared_for(self) -> bool:
        asked = self._asked_at
        return self._holders > 0 or (
            asked is not None and self._clock.seconds() - asked < self._linger_s
        )

    def hold(self) -> Callable[[], None]:
        """Keep it fresh until the function that comes back is called."""
        self._holders += 1
        released = False

        def release() -> None:
            nonlocal released
            if not released:
                released = True
                self._holders -= 1

        self.refresh()
        return release

    async def ask(self) -> None:
        """Return when it is as fresh as the interval says, or can't be made so in time."""
        self._asked_at = self._clock.seconds()
        age_s = self.age_s
        if not self._is_possible() or (
            age_s is not None and age_s < max(1.5 * self._interval_s, 0.5)
        ):
            self.refresh()
            return
        waiter: Deferred[None] = Deferred(self._waiters.remove)
        self._waiters.append(waiter)
        self._start()
        try:
            await waiter.addTimeout(PATIENCE_S, self._clock)
        except defer.TimeoutError:
            return

    def refresh(self) -> None:
        """Go on reading at the interval, if that stopped because nobody cared."""
        if self._reading is None and self._next is None and self._is_possible():
            age_s = self.age_s
            wait_s = 0.0 if age_s is None else max(0.0, self._interval_s - age_s)
            self._schedule(wait_s)

    def stop(self) -> None:
        """Read nothing more; who waits is let go."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._reading is not None:
            self._reading.cancel()
        self._let_go()

    def _schedule(self, wait_s: float) -> None:
        self._next = self._clock.callLater(wait_s, self._start)

    def _start(self) -> None:
        if self._next is not None:
            if self._next.active():
                self._next.cancel()
            self._next = None
        if self._reading is None:
            self._due_at = self._clock.seconds() + self._interval_s
            # Kept before it may be over at once.
            self._reading = reading = Deferred.fromCoroutine(self._once())
            if reading.called:
                self._reading = None

    async def _once(self) -> None:
        try:
            await self._read()
            self.read_at = self._clock.seconds()
        except defer.CancelledError:
            return
        except GatewayError as error:
            log.debug("{title} was not read: {error}", title=self._title, error=error)
        except Exception:  # noqa: BLE001 - logged; the next read must come all the same
            log.failure("{title} could not be read", title=self._title)
        finally:
            self._reading = None
            self._let_go()
        if self.is_cared_for and self._is_possible() and self._next is None:
            assert self._due_at is not None
            self._schedule(max(0.0, self._due_at - self._clock.seconds()))

    def _let_go(self) -> None:
        while self._waiters:
            self._waiters.pop(0).callback(None)
