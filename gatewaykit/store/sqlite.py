"""The journal and embedded store on one SQLite file: a writer, a reader, retention."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import (
    DeviceChange,
    IHealth,
    IJournal,
    IStore,
    JournalEntry,
    Record,
)
from gatewaykit.store import commands, folding, queries, registry, schema, writes
from gatewaykit.store.chronicle import NOTHING_HAPPENS, Chronicle, ChronicleFolder
from gatewaykit.store.devices import ModelOf
from gatewaykit.store.reads import Reads
from gatewaykit.store.worker import Worker
from gatewaykit.store.writer import CLOSED, Writer
from gatewaykit.store.writes import DAY_MS
from gatewaykit.times import digits
from gatewaykit.vehicles import Command, CommandChange, Registration, SettingChange

T = TypeVar("T")

RETENTION_INTERVAL_S = 60.0
RETENTION_REPORTS = 50_000
"""As many new reports ask for retention before its time, where bytes are bounded."""
EXPIRE_ROWS = 500
MOST_EXPIRE_ROWS = 10_000

_log = Logger()


def _wall_ms() -> int:
    return int(time.time() * 1000)


@implementer(IJournal, IStore, IHealth)
class SqliteStore(Reads):
    """The journal, and without MongoDB the whole store.

    :param path: the database file; its directory must exist.
    :param render: makes a report's record of its identity, time of receipt and frame.
    :param model_of: names a device's model by its protocol version.
    :param retention_days: reports, events and finished commands older than this are
        deleted; 0: kept.
    :param retention_bytes: the oldest reports go above this size of the file; 0: kept.
    :param chronicle: how reports are read as events.
    :param wall_ms: the wall clock, milliseconds since the epoch.
    """

    name = "store"

    def __init__(
        self,
        path: Path,
        reactor: Any,
        render: queries.Render,
        model_of: ModelOf = lambda _: None,
        *,
        retention_days: int = 0,
        retention_bytes: int = 0,
        chronicle: Chronicle = NOTHING_HAPPENS,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self.path = path
        self._reactor = reactor
        self._render = render
        self._model_of = model_of
        self._retention_ms = retention_days * DAY_MS
        self._retention_bytes = retention_bytes
        self._wall_ms = wall_ms
        self._writer = Writer(path, reactor, wall_ms, self._replacing)
        self._reader: sqlite3.Connection | None = None
        self._reader_thread: Worker | None = None
        self._chronicle = chronicle
        self._folders = {
            part: ChronicleFolder(self._writer, self._ahead, chronicle)
            if part == "events"
            else folding.Folder(part, self._writer, self._ahead)
            for part in folding.PARTS
        }
        self._folding: Deferred[None] = succeed(None)
        self._folded_at = 0
        self._expiring: Deferred[None] = succeed(None)
        self._expired_at = 0
        self._used_bytes = 0
        self._retention = LoopingCall(self._retain)
        self._retention.clock = reactor
        self._starting: Deferred[None] = succeed(None)
        self._stopping: Deferred[None] | None = None

    # -- life --------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Open the file, salvage it if it is damaged, and be ready.

        :raises ConfigError: (in the Deferred) the file cannot be used.
        """
        self._starting = Deferred()
        started = Deferred.fromCoroutine(self._start())
        started.addBoth(self._tell_started)
        return started

    def _tell_started(self, result: T) -> T:
        self._starting.callback(None)
        return result

    async def _start(self) -> None:
        await self._writer.start()
        self._go_on_from_marks()
        self._reader_thread = Worker(self._reactor, "store reader")
        await self._reader_thread.call(self._open_reader)
        self._retention.start(RETENTION_INTERVAL_S, now=True)

    def stop(self) -> Deferred[None]:
        """Commit what was handed over, then close the file. Later calls fail."""
        if self._stopping is None:
            self._stopping = Deferred.fromCoroutine(self._stop())
        done: Deferred[None] = Deferred()
        self._stopping.addBoth(_pass_on, done)
        return done

    async def _stop(self) -> None:
        await self._starting
        if self._retention.running:
            self._retention.stop()
        if self._reader_thread is not None:
            reader_thread, self._reader_thread = self._reader_thread, None
            await reader_thread.call(self._close_reader)
            await reader_thread.stop()
        # The last to close takes the write-ahead log into the file; a reader cannot.
        await self._writer.stop()

    def health(self) -> Record:
        """See `IHealth.health`."""
        status, reason = "ok", None
        if self._writer.damage:
            file, error = self._writer.damage[-1]
            status = "degraded"
            reason = (
                f"the database was damaged ({error}); its readable rows were saved and the"
                f" file set aside as {file}; acknowledge to clear"
            )
        if self.failure is not None:
            status, reason = "failed", self.failure
        return {
            "status": status,
            "reason": reason,
            "path": str(self.path),
            "pending_reports": self.pending,
            "used_bytes": self._used_bytes,
        }

    # -- the journal -------------------------------------------------------------------

    @property
    def pending(self) -> int:
        """See `IJournal.pending`."""
        return self._writer.pending

    @property
    def failure(self) -> str | None:
        """See `IJournal.failure`."""
        return self._writer.failure

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """See `IJournal.watch`."""
        self._writer.watch(listener)

    def append(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.append`."""
        committed = self._writer.committed
        if committed - self._folded_at >= folding.FOLD_ROWS:
            self._fold_in_passing()
        if self._retention_bytes and committed - self._expired_at >= RETENTION_REPORTS:
            self._retain()
        return self._writer.append(entries)

    def quarantine(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.quarantine`."""
        kept = list(entries)

        def count(dropped: int) -> None:
            metrics.quarantine_dropped.inc(dropped)

        return self._writer.write(lambda c: writes.quarantine(c, kept)).addCallback(
            count
        )

    # -- small writes ------------------------------------------------------------------

    def record_changes(self, changes: Sequence[DeviceChange]) -> Deferred[None]:
        """See `IStore.record_changes`."""
        kept = list(changes)
        return self._writer.write(lambda c: writes.change_devices(c, kept))

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        """See `IStore.set_policy`."""
        at = self._wall_ms()
        return self._writer.write(lambda c: writes.set_policy(c, imei, policy, at))

    def register(
        self, imei: str, values: Record, policy: str | None = None
    ) -> Deferred[Registration]:
        """See `IStore.register`."""
        kept, at = dict(values), self._wall_ms()
        return self._writer.write(
            lambda c: registry.register(c, imei, kept, policy, at)
        )

    def add_command(
        self,
        command: Command,
        audit: Record,
        superseded: Sequence[CommandChange] = (),
        settings: Sequence[SettingChange] = (),
    ) -> Deferred[list[bool]]:
        """See `IStore.add_command`."""
        kept = tuple(superseded)
        return self._writer.write(
            lambda c: commands.add(c, command, audit, kept, settings)
        )

    def change_command(self, change: CommandChange) -> Deferred[bool]:
        """See `IStore.change_command`."""
        return self._writer.write(lambda c: commands.change(c, change))

    def append_audit(self, record: Record) -> Deferred[Record]:
        """See `IStore.append_audit`."""
        return self._writer.write(lambda c: writes.append_audit(c, record))

    def acknowledge_damage(self) -> Deferred[int]:
        """See `IStore.acknowledge_damage`."""

        def clear(acknowledged: int) -> int:
            self._writer.damage.clear()
            return acknowledged

        return self._writer.write(writes.acknowledge_damage).addCallback(clear)

    # -- reads -------------------------------------------------------------------------

    def _read(
        self, part: str | None, query: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        """Query what was committed by now; `part` is what it needs to be folded into."""
        return Deferred.fromCoroutine(self._fold_and_read(part, query))

    async def _fold_and_read(
        self, part: str | None, query: Callable[[sqlite3.Connection], T]
    ) -> T:
        if part is not None:
            # While nothing can be written, this refuses what it cannot answer in full.
            await self._folders[part].catch_up()
        if self._reader_thread is None:
            raise StoreUnavailable(CLOSED)
        try:
            return await self._reader_thread.call(lambda: query(self._reading()))
        except sqlite3.Error as error:
            if schema.is_damage(error):
                self._writer.fail(error)
            raise StoreUnavailable(str(error)) from error

    # -- folding, in the reactor -------------------------------------------------------

    def _ahead(self) -> int:
        return digits(self._wall_ms() + DAY_MS)

    def _go_on_from_marks(self) -> None:
        for part, folder in self._folders.items():
            folder.mark = self._writer.marks[part]

    def _fold_in_passing(self) -> None:
        """Fold under load, so that no read has much to do."""
        if self._folding.called:
            self._folded_at = self._writer.committed
            self._folding = Deferred.fromCoroutine(self._fold_all()).addErrback(
                _unless_unavailable
            )

    async def _fold_all(self) -> None:
        for folder in self._folders.values():
            await folder.catch_up()

    # -- retention, in the reactor -----------------------------------------------------

    def _retain(self) -> None:
        if self._expiring.called:
            self._expiring = Deferred.fromCoroutine(self._expire()).addErrback(
                _unless_unavailable
            )

    async def _expire(self) -> None:
        await self._fold_all()
        ahead = self._wall_ms() + DAY_MS
        write = self._writer.write
        before: int | None
        if self._retention_ms:
            before = self._wall_ms() - self._retention_ms
            while await write(lambda c: writes.expire(c, EXPIRE_ROWS, before, ahead)):
                pass
        self._used_bytes = await write(writes.used_bytes)
        more = self._retention_bytes > 0
        while more and self._used_bytes > self._retention_bytes:
            # Faster than reports come in, or it would never end.
            rows = 2 * (self._writer.committed - self._expired_at)
            self._expired_at = self._writer.committed
            rows = min(max(rows, EXPIRE_ROWS), MOST_EXPIRE_ROWS)
            await self._fold_all()
            more = await write(lambda c, rows=rows: writes.expire(c, rows, None, ahead))  # type: ignore[misc]
            self._used_bytes = await write(writes.used_bytes)

    # -- the reader --------------------------------------------------------------------

    async def _replacing(self, begins: bool) -> None:  # noqa: FBT001 - of one caller
        if not begins:
            self._go_on_from_marks()
        if self._reader_thread is not None:
            await self._reader_thread.call(
                self._close_reader if begins else self._open_reader
            )

    def _open_reader(self) -> None:
        self._reader = schema.connect(self.path, read_only=True)

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _reading(self) -> sqlite3.Connection:
        if self._reader is None:
            raise StoreUnavailable(self.failure or CLOSED)
        return self._reader


def _pass_on(result: Failure | None, done: Deferred[None]) -> None:
    done.callback(result)


def _unless_unavailable(failure: Failure) -> None:
    """What could not be done now is done another time; health tells why not."""
    if not failure.check(StoreUnavailable):
        _log.failure("keeping the store in order", failure=failure)
