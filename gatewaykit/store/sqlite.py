"""The journal and embedded store: one SQLite file, one writer thread, one reader thread.

Commits are grouped without a timer: what comes in while the writer is busy goes together
into its next transaction, so a lone report is durable at once and batches grow with load.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import (
    CancelledError,
    Deferred,
    fail,
    gatherResults,
    succeed,
)
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.errors import ConfigError, GatewayError, StoreUnavailable
from gatewaykit.interfaces import (
    DeviceChange,
    DeviceRow,
    IHealth,
    IJournal,
    IStore,
    JournalEntry,
    Page,
    Record,
)
from gatewaykit.store import queries, salvage, schema, writes
from gatewaykit.store.worker import Worker
from gatewaykit.times import digits

T = TypeVar("T")

PROBE_INTERVAL_S = 1.0
PROBE_BYTES = 1 << 20
"""Written and taken away again before a store that was full is trusted: with less room the
next batch would fail too."""
RETENTION_INTERVAL_S = 60.0
DAY_MS = 86_400_000

_log = Logger()


def _wall_ms() -> int:
    return int(time.time() * 1000)


@attrs.define
class _Batch:
    """What one transaction carries, and who waits for it."""

    entries: list[JournalEntry] = attrs.field(factory=list)
    appended: list[Deferred[None]] = attrs.field(factory=list)
    jobs: list[tuple[Callable[[sqlite3.Connection], Any], Deferred[Any]]] = attrs.field(
        factory=list
    )

    def __bool__(self) -> bool:
        return bool(self.appended or self.jobs)


@attrs.define
class _Outcome:
    """What became of a batch: the rows that were new, each job's result or error."""

    inserted: int = 0
    results: list[Any] = attrs.field(factory=list)
    error: sqlite3.Error | None = None
    backlog: bool = False
    """Enough reports wait to be folded that it should be done now."""


@implementer(IJournal, IStore, IHealth)
class SqliteStore:
    """The journal, and without MongoDB the whole store.

    :param path: the database file; its directory must exist.
    :param render: makes a report's record of its identity, time of receipt and frame.
    :param retention_days: reports and events older than this are deleted; 0: kept.
    :param retention_bytes: the oldest reports go above this size of the file; 0: kept.
    :param wall_ms: the wall clock, milliseconds since the epoch.
    """

    name = "store"

    def __init__(
        self,
        path: Path,
        reactor: Any,
        render: queries.Render,
        *,
        retention_days: int = 0,
        retention_bytes: int = 0,
        wall_ms: Callable[[], int] = _wall_ms,
    ) -> None:
        self.path = path
        self.pending = 0
        self.failure: str | None = None
        self._reactor = reactor
        self._render = render
        self._retention_ms = retention_days * DAY_MS
        self._retention_bytes = retention_bytes
        self._wall_ms = wall_ms
        self._watchers: list[Callable[[str | None], None]] = []
        self._waiting = _Batch()
        self._committing = False
        self._closing = False
        self._idle: list[Deferred[None]] = []
        self._folded = True
        self._damage: list[tuple[str, str]] = []
        self._bytes = 0
        self._lock: int | None = None
        self._since_fold = 0
        self._recovery: Deferred[None] = succeed(None)

    # -- life --------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Open the file, salvage it if it is damaged, and be ready.

        :raises ConfigError: (in the Deferred) the file cannot be used.
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        self._writer_thread = Worker(self._reactor, "store writer")
        self._reader_thread = Worker(self._reactor, "store reader")
        try:
            await self._writer_thread.call(self._open)
        except ConfigError:
            self._closing = True
            await gatherResults(
                [self._writer_thread.stop(), self._reader_thread.stop()]
            )
            raise
        await self._reader_thread.call(self._open_reader)
        self._retention = LoopingCall(self._retain)
        self._retention.clock = self._reactor
        self._retention.start(RETENTION_INTERVAL_S, now=True)

    def stop(self) -> Deferred[None]:
        """Commit what was handed over, then close the file. Later calls fail."""
        if self._closing:
            return succeed(None)
        self._closing = True
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._retention.stop()
        self._recovery.cancel()
        if self._committing:
            idle: Deferred[None] = Deferred()
            self._idle.append(idle)
            await idle
        await self._reader_thread.call(self._close_reader)
        await self._writer_thread.call(self._close)
        await gatherResults([self._writer_thread.stop(), self._reader_thread.stop()])

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """See `IJournal.watch`."""
        self._watchers.append(listener)

    def health(self) -> Record:
        """See `IHealth.health`."""
        status, reason = "ok", None
        if self._damage:
            file, error = self._damage[-1]
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
            "used_bytes": self._bytes,
        }

    # -- the journal -------------------------------------------------------------------

    def append(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.append`."""
        if refused := self._refusal():
            return fail(refused)
        done: Deferred[None] = Deferred()
        self.pending += len(entries)
        self._waiting.entries += entries
        self._waiting.appended.append(done)
        self._commit_if_free()
        return done

    def quarantine(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.quarantine`."""
        kept = list(entries)

        def count(dropped: int) -> None:
            metrics.quarantine_dropped.inc(dropped)

        self._folded = False
        return self._write(lambda c: writes.quarantine(c, kept)).addCallback(count)

    # -- small writes ------------------------------------------------------------------

    def record_changes(self, changes: Sequence[DeviceChange]) -> Deferred[None]:
        """See `IStore.record_changes`."""
        kept = list(changes)
        return self._write(lambda c: writes.change_devices(c, kept))

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        """See `IStore.set_policy`."""
        at = self._wall_ms()
        self._folded = False
        return self._write(lambda c: writes.set_policy(c, imei, policy, at))

    def append_audit(self, record: Record) -> Deferred[Record]:
        """See `IStore.append_audit`."""
        return self._write(lambda c: writes.append_audit(c, record))

    def acknowledge_damage(self) -> Deferred[int]:
        """See `IStore.acknowledge_damage`."""

        def clear(acknowledged: int) -> int:
            self._damage.clear()
            return acknowledged

        return self._write(writes.acknowledge_damage).addCallback(clear)

    # -- reads -------------------------------------------------------------------------

    def history(
        self,
        imei: str,
        since: int | None = None,
        until: int | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.history`."""
        return self._read(
            queries.history,
            self._render,
            imei,
            since,
            until,
            cursor,
            limit,
            max_bytes,
        )

    def devices(
        self, cursor: str | None = None, limit: int = 1000, max_bytes: int = 60_000
    ) -> Deferred[Page]:
        """See `IStore.devices`."""
        return self._read(queries.devices, self._render, cursor, limit, max_bytes)

    def device(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.device`."""
        return self._read(queries.device, self._render, imei)

    def latest_position(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.latest_position`."""
        return self._read(queries.latest_position, self._render, imei)

    def events(
        self,
        imei: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.events`."""
        return self._read(queries.events, imei, cursor, limit, max_bytes)

    def audit(self, cursor: str | None = None, limit: int = 1000) -> Deferred[Page]:
        """See `IStore.audit`."""
        return self._read(queries.audit, cursor, limit)

    def load_devices(self) -> Deferred[list[DeviceRow]]:
        """See `IStore.load_devices`."""
        return self._read(queries.load_devices)

    def _read(self, query: Callable[..., T], *arguments: Any) -> Deferred[T]:
        return Deferred.fromCoroutine(self._fold_and_read(query, *arguments))

    async def _fold_and_read(self, query: Callable[..., T], *arguments: Any) -> T:
        # While nothing can be written, what was folded so far is still readable.
        if self.failure is None:
            await self._fold_all()
        if self._closing:
            raise StoreUnavailable("the store is closed")
        try:
            return await self._reader_thread.call(
                lambda: query(self._reader, *arguments)
            )
        except sqlite3.Error as error:
            if schema.is_damage(error):
                self._fail(error)
            raise StoreUnavailable(str(error)) from error

    async def _fold_all(self) -> None:
        """Fold what has been committed by now, not what goes on coming in."""
        while not (self._folded or await self._write(self._fold)):
            pass

    # -- the group commit, in the reactor ----------------------------------------------

    def _write(self, job: Callable[[sqlite3.Connection], T]) -> Deferred[T]:
        """Run `job` inside the next transaction; fires after its commit."""
        if refused := self._refusal():
            return fail(refused)
        done: Deferred[T] = Deferred()
        self._waiting.jobs.append((job, done))
        self._commit_if_free()
        return done

    def _refusal(self) -> StoreUnavailable | None:
        if self._closing:
            return StoreUnavailable("the store is closed")
        return None if self.failure is None else StoreUnavailable(self.failure)

    def _commit_if_free(self) -> None:
        if self._committing or not self._waiting:
            return
        batch, self._waiting = self._waiting, _Batch()
        self._committing = True
        if batch.entries:
            self._folded = False
        self._writer_thread.call(self._commit, batch).addCallback(
            self._committed, batch
        ).addErrback(lambda failure: _log.failure("after a commit", failure=failure))

    def _committed(self, outcome: _Outcome, batch: _Batch) -> None:
        self._committing = False
        self.pending -= len(batch.entries)
        if outcome.error is None:
            metrics.reports_durable.inc(outcome.inserted)
            metrics.reports_duplicate.inc(len(batch.entries) - outcome.inserted)
        else:
            self._fail(outcome.error)
        # The writer gets its next batch before anybody hears of this one.
        if outcome.backlog and self.failure is None:
            self._waiting.jobs.append((self._fold, Deferred().addErrback(_dropped)))
        if self.failure is None:
            self._commit_if_free()
        else:
            self._refuse_waiting()
        if outcome.error is None:
            for done in batch.appended:
                done.callback(None)
            for (_, waiting), result in zip(batch.jobs, outcome.results, strict=True):
                if isinstance(result, Failure):
                    waiting.errback(result)
                else:
                    waiting.callback(result)
        else:
            self._refuse(batch, StoreUnavailable(str(outcome.error)))
        if not self._committing:
            idle, self._idle = self._idle, []
            for waiter in idle:
                waiter.callback(None)

    def _refuse_waiting(self) -> None:
        batch, self._waiting = self._waiting, _Batch()
        self.pending -= len(batch.entries)
        self._refuse(batch, StoreUnavailable(str(self.failure)))

    @staticmethod
    def _refuse(batch: _Batch, error: StoreUnavailable) -> None:
        for done in batch.appended:
            done.errback(error)
        for _, waiting in batch.jobs:
            waiting.errback(error)

    # -- failure and recovery, in the reactor ------------------------------------------

    def _fail(self, error: sqlite3.Error) -> None:
        if self.failure is not None:
            return
        damaged = schema.is_damage(error)
        self._set_failure(
            f"{'the database is damaged' if damaged else 'cannot commit'}: {error}"
        )
        _log.error(
            "{reason}; nothing is acknowledged until it can", reason=self.failure
        )
        recovery = self._salvage(error) if damaged else self._probe()
        self._recovery = Deferred.fromCoroutine(recovery).addErrback(_unless_cancelled)

    def _set_failure(self, failure: str | None) -> None:
        self.failure = failure
        for listener in self._watchers:
            listener(failure)

    async def _probe(self) -> None:
        while True:
            await deferLater(self._reactor, PROBE_INTERVAL_S)
            try:
                await self._writer_thread.call(self._try_to_commit)
            except sqlite3.Error as error:
                if schema.is_damage(error):
                    await self._salvage(error)
                    return
            else:
                self._recovered()
                return

    async def _salvage(self, error: sqlite3.Error) -> None:
        await self._reader_thread.call(self._close_reader)
        while True:
            try:
                await self._writer_thread.call(self._replace_damaged, error)
                await self._reader_thread.call(self._open_reader)
            except (OSError, sqlite3.Error, GatewayError) as problem:
                self._set_failure(f"the damaged database cannot be replaced: {problem}")
                await deferLater(self._reactor, PROBE_INTERVAL_S)
            else:
                self._recovered()
                return

    def _recovered(self) -> None:
        _log.info("the store commits again")
        self._folded = False
        self._set_failure(None)

    # -- retention, in the reactor -----------------------------------------------------

    def _retain(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._expire()).addErrback(
            lambda failure: _log.failure("deleting old reports", failure=failure)
        )

    async def _expire(self) -> None:
        try:
            await self._fold_all()
            if self._retention_ms:
                before = self._wall_ms() - self._retention_ms
                while await self._write(lambda c: writes.expire(c, before)):
                    pass
            self._bytes = await self._write(writes.used_bytes)
            while 0 < self._retention_bytes < self._bytes and await self._write(
                lambda c: writes.expire(c, None)
            ):
                self._bytes = await self._write(writes.used_bytes)
        except StoreUnavailable:
            return  # the next round will do

    # -- in the writer's thread --------------------------------------------------------

    def _open(self) -> None:
        try:
            self._lock = lock(self.path)
            salvage.finish_interrupted(self.path)
            try:
                self._connect_writer()
            except sqlite3.DatabaseError as error:
                if not schema.is_damage(error):
                    raise
                self._replace_damaged(error)
        except (OSError, sqlite3.Error, ConfigError) as error:
            self._unlock()
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(
                "store.path", str(self.path), f"a file that can be opened ({error})"
            ) from error

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _connect_writer(self) -> None:
        connection = schema.connect(self.path)
        try:
            schema.prepare(connection, self.path)
            self._damage = queries.open_damage(connection)
        except BaseException:
            connection.close()
            raise
        self._writer = connection
        self._folded = False

    def _replace_damaged(self, error: sqlite3.Error) -> None:
        if hasattr(self, "_writer"):
            self._writer.close()
        aside = salvage.salvage(self.path, str(error), self._wall_ms())
        self._connect_writer()
        _log.error(
            "the database was damaged ({error}); saved what can be read; the damaged file"
            " is {aside}",
            error=str(error),
            aside=str(aside),
        )

    def _close(self) -> None:
        self._writer.close()
        self._unlock()

    def _commit(self, batch: _Batch) -> _Outcome:
        outcome = _Outcome()
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
            if batch.entries:
                outcome.inserted = writes.insert_reports(connection, batch.entries)
                self._since_fold += outcome.inserted
                outcome.backlog = self._since_fold >= writes.FOLD_ROWS
            outcome.results = [self._run(job) for job, _ in batch.jobs]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            outcome.error = error
        return outcome

    def _run(self, job: Callable[[sqlite3.Connection], Any]) -> Any:
        """A job that fails for its own reasons takes nobody else's work with it."""
        self._writer.execute("SAVEPOINT job")
        try:
            result = job(self._writer)
        except sqlite3.Error:
            raise
        except Exception:  # noqa: BLE001 - goes to the one who asked
            self._writer.execute("ROLLBACK TO job")
            result = Failure()
        self._writer.execute("RELEASE job")
        return result

    def _fold(self, connection: sqlite3.Connection) -> bool:
        ahead = digits(self._wall_ms() + DAY_MS)
        self._folded = writes.fold(connection, ahead)
        self._since_fold = 0
        return self._folded

    def _try_to_commit(self) -> None:
        connection = self._writer
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (PROBE_BYTES,))
            connection.execute("COMMIT")
            connection.execute("DELETE FROM probe")
        except sqlite3.Error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    # -- in the reader's thread --------------------------------------------------------

    def _open_reader(self) -> None:
        self._reader = schema.connect(self.path, read_only=True)

    def _close_reader(self) -> None:
        self._reader.close()


def _unless_cancelled(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("recovering the store", failure=failure)


def _dropped(failure: Failure) -> None:
    """A fold that nobody waits for failed with its batch, which has been reported."""
    failure.trap(StoreUnavailable)


def lock(path: Path) -> int:
    """Take the lock beside the file, so that no second gateway writes to it.

    The operating system gives it back when the process ends, however that happens.
    """
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigError(
            "store.path", str(path), "a file that no other gateway has open"
        ) from None
    return descriptor
