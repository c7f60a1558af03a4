"""Changes of devices on their way into the store: in order, in batches, kept while it
cannot write."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import DeviceChange, IStore

BATCH = 500
"""Changes a commit: reports that wait behind it should not notice."""
RETRY_S = 1.0
KEPT = 50_000
"""More than this is thinned to the newest change of each device."""

_log = Logger()


class Changes:
    """A queue in front of `IStore.record_changes`, one call at a time.

    While the store cannot write, changes wait. When too many do, the last state of every
    device is kept and the events between are not, so memory is bounded by the fleet's size.
    """

    def __init__(self, store: IStore, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._waiting: list[DeviceChange] = []
        self._thin_at = KEPT
        self._writing: Deferred[None] | None = None
        self._retry_at = 0.0
        self.failure: str | None = None
        """Why the last attempt failed, None if it did not."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, change: DeviceChange) -> None:
        """Write `change` after all that was added before it."""
        self._waiting.append(change)
        if len(self._waiting) > self._thin_at:
            newest = {change.imei: change for change in self._waiting}
            self._waiting = list(newest.values())
            self._thin_at = max(KEPT, 2 * len(newest))
        self.flush()

    def flush(self) -> None:
        """Write what waits, unless that goes on already or failed a moment ago."""
        if self._clock.seconds() >= self._retry_at:
            self._start()

    def drain(self) -> Deferred[None]:
        """Try to write all that waits, now; fires when that is done or has failed."""
        done: Deferred[None] = Deferred()

        def again(_: object) -> None:
            # What was in hand when we were asked may have failed; it gets this last try.
            if self._waiting:
                self._start()
            last = self._writing or succeed(None)
            last.addBoth(lambda _: done.callback(None))

        (self._writing or succeed(None)).addBoth(again)
        return done

    def _start(self) -> None:
        if self._writing is None and self._waiting:
            writing = Deferred.fromCoroutine(self._write())
            if not writing.called:
                self._writing = writing
            writing.addErrback(
                lambda failure: _log.failure("recording changes", failure=failure)
            )

    async def _write(self) -> None:
        while self._waiting:
            batch = self._waiting[:BATCH]
            del self._waiting[:BATCH]
            try:
                await self._store.record_changes(batch)
            except StoreUnavailable as error:
                self._waiting[:0] = batch
                self._retry_at = self._clock.seconds() + RETRY_S
                self.failure = str(error)
                break
            except Exception:  # noqa: BLE001 - a bug; it may not hold up the others
                _log.failure("{count} changes were not recorded", count=len(batch))
            else:
                self.failure = None
        self._writing = None
