"""The one writer of the SQLite file: commits in groups, and recovers from what fails.

Commits are grouped without a timer: what comes in while the disk is busy goes together into
the next transaction, so a lone report is durable at once and batches grow with load.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import ConfigError, StoreUnavailable
from gatewaykit.interfaces import JournalEntry
from gatewaykit.store import folding, queries, salvage, schema, writes
from gatewaykit.store.worker import Worker

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]

PROBE_INTERVAL_S = 1.0
PROBE_BYTES = 1 << 20
"""Written and taken away again before a store that was full is trusted: with less room the
next batch would fail too."""
CHECKPOINT_REPORTS = 20_000
CHECKPOINT_INTERVAL_S = 10.0
CLOSED = "the store is closed"

_log = Logger()


@attrs.define
class _Batch:
    """What one transaction carries, and who waits for it."""

    entries: list[JournalEntry] = attrs.field(factory=list)
    appended: list[Deferred[None]] = attrs.field(factory=list)
    jobs: list[tuple[Job[Any], Deferred[Any]]] = attrs.field(factory=list)

    def __bool__(self) -> bool:
        return bool(self.appended or self.jobs)

    def refuse(self, reason: str) -> None:
        """Tell everybody that nothing of it was committed."""
        for done in self.appended:
            done.errback(StoreUnavailable(reason))
        for _, waiting in self.jobs:
            waiting.errback(StoreUnavailable(reason))


@attrs.define
class _Outcome:
    """What became of a batch: the reports that were new, each job's result or failure."""

    inserted: int = 0
    newest: int = 0
    results: list[Any] = attrs.field(factory=list)
    error: Exception | None = None


class Writer:
    """Owns the file: its lock, the writing connection and the thread that waits for the disk.

    :param replacing: called with True before a damaged file is replaced and with False
        after it, so that others let go of it meanwhile.
    """

    def __init__(
        self,
        path: Path,
        reactor: Any,
        wall_ms: Callable[[], int],
        replacing: Callable[[bool], Awaitable[None]],
    ) -> None:
        self.pending = 0
        self.failure: str | None = None
        self.damage: list[tuple[str, str]] = []
        self.committed = 0
        """New reports since the start."""
        self.newest = 0
        """The seq of the newest report that is committed."""
        self.marks: dict[str, int] = {}
        """What was folded when the file was opened."""
        self._path = path
        self._reactor = reactor
        self._wall_ms = wall_ms
        self._replacing = replacing
        self._watchers: list[Callable[[str | None], None]] = []
        self._waiting = _Batch()
        self._committing = False
        self._closing = False
        self._idle: Deferred[None] = Deferred()
        self._recovery: Deferred[None] = succeed(None)
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock: int | None = None
        self._thread: Worker | None = None
        self._checkpointer: Worker | None = None
        self._checkpoint: Deferred[None] = succeed(None)
        self._checkpointed = (0, 0.0)

    # -- life --------------------------------------------------------------------------

    async def start(self) -> None:
        """Take the lock, open the file, salvage it if it is damaged.

        :raises ConfigError: the file cannot be used.
        """
        self._thread = Worker(self._reactor, "store writer")
        try:
            await self._thread.call(self._open)
        except ConfigError:
            self._closing = True
            await self._thread.stop()
            raise
        self._checkpointer = Worker(self._reactor, "store checkpointer")

    async def stop(self) -> None:
        """Commit what was handed over, then let go of the file."""
        self._closing = True
        if self._thread is None or self._checkpointer is None:
            return
        self._recovery.cancel()
        if self._committing:
            await self._idle
        await self._checkpointer.stop()
        await self._thread.call(self._close)
        await self._thread.stop()

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """Call `listener` whenever `failure` changes."""
        self._watchers.append(listener)

    # -- the group commit, in the reactor ----------------------------------------------

    def append(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """Commit reports; see `IJournal.append`."""
        if refused := self._refusal():
            return fail(refused)
        done: Deferred[None] = Deferred()
        self.pending += len(entries)
        self._waiting.entries += entries
        self._waiting.appended.append(done)
        self._commit_if_free()
        return done

    def write(self, job: Job[T]) -> Deferred[T]:
        """Run `job` inside the next transaction; fires after its commit."""
        if refused := self._refusal():
            return fail(refused)
        done: Deferred[T] = Deferred()
        self._waiting.jobs.append((job, done))
        self._commit_if_free()
        return done

    def _refusal(self) -> StoreUnavailable | None:
        reason = CLOSED if self._closing else self.failure
        return None if reason is None else StoreUnavailable(reason)

    def _commit_if_free(self) -> None:
        if self._committing or not self._waiting:
            return
        assert self._thread is not None
        batch, self._waiting = self._waiting, _Batch()
        self._committing = True
        self._thread.call(self._commit, batch).addCallback(
            self._committed, batch
        ).addErrback(lambda failure: _log.failure("after a commit", failure=failure))

    def _committed(self, outcome: _Outcome, batch: _Batch) -> None:
        self._committing = False
        self.pending -= len(batch.entries)
        if outcome.error is None:
            self.committed += outcome.inserted
            self.newest = max(self.newest, outcome.newest)
            metrics.reports_durable.inc(outcome.inserted)
            metrics.reports_duplicate.inc(len(batch.entries) - outcome.inserted)
        elif isinstance(outcome.error, sqlite3.Error):
            self.fail(outcome.error)
        else:
            _log.failure("committing", failure=Failure(outcome.error))
        if self.failure is None:
            # The writer gets its next batch before anybody hears of this one.
            self._commit_if_free()
        else:
            unwritten, self._waiting = self._waiting, _Batch()
            self.pending -= len(unwritten.entries)
            unwritten.refuse(self.failure)
        if outcome.error is not None:
            batch.refuse(str(outcome.error))
        else:
            for done in batch.appended:
                done.callback(None)
            for (_, waiting), result in zip(batch.jobs, outcome.results, strict=True):
                # A Failure goes the way of errors.
                waiting.callback(result)
        if self._closing and not self._committing:
            self._idle.callback(None)
        self._checkpoint_if_due()

    # -- the write-ahead log, in the reactor -------------------------------------------

    def _checkpoint_if_due(self) -> None:
        reports, moment = self._checkpointed
        now = self._reactor.seconds()
        if (
            self._checkpoint.called
            and not (self._closing or self.failure)
            and (
                self.committed - reports >= CHECKPOINT_REPORTS
                or now - moment >= CHECKPOINT_INTERVAL_S
            )
        ):
            self._checkpointed = (self.committed, now)
            self._checkpoint = Deferred.fromCoroutine(self._copy_log()).addErrback(
                lambda failure: _log.failure("copying the log", failure=failure)
            )

    async def _copy_log(self) -> None:
        """Take the write-ahead log into the file beside the commits.

        In passing, as SQLite does it by itself, it held up every tenth commit or so. What
        comes in meanwhile stays for the next time. Under a load without any pause the log
        goes on growing up to `schema.LOG_PAGES`; then SQLite takes in the little that is left
        and begins it anew.
        """
        assert self._checkpointer is not None
        try:
            await self._checkpointer.call(schema.checkpoint, self._path)
        except sqlite3.Error as error:
            # A full disk is told by the next commit; the log stays until there is room.
            if schema.is_damage(error):
                self.fail(error)
            else:
                _log.warn("the log cannot be copied: {error}", error=str(error))

    # -- failure and recovery, in the reactor ------------------------------------------

    def fail(self, error: sqlite3.Error) -> None:
        """Take nothing more until a probe is committed or a damaged file is replaced."""
        if self.failure is not None or self._closing:
            return
        damaged = schema.is_damage(error)
        what = "the database is damaged" if damaged else "cannot commit"
        self.failure = f"{what}: {error}"
        _log.error(
            "{reason}; until it can, nothing is acknowledged", reason=self.failure
        )
        recovery = self._salvage(error) if damaged else self._probe()
        self._recovery = Deferred.fromCoroutine(recovery).addErrback(_unless_cancelled)
        self._tell(self.failure)

    def _tell(self, failure: str | None) -> None:
        self.failure = failure
        for listener in self._watchers:
            with _log.failuresHandled("telling of the store's failure"):
                listener(failure)

    async def _probe(self) -> None:
        assert self._thread is not None
        while True:
            await deferLater(self._reactor, PROBE_INTERVAL_S)
            try:
                await self._thread.call(self._try_to_commit)
            except sqlite3.Error as error:
                if schema.is_damage(error):
                    await self._salvage(error)
                    return
            else:
                self._recovered()
                return

    async def _salvage(self, error: sqlite3.Error) -> None:
        assert self._thread is not None
        thread = self._thread
        await self._checkpoint
        await self._replacing(True)
        # A step that fails is tried again, and none that is done: what it made is whole.
        await self._until_done(lambda: thread.call(self._set_aside, error))
        await self._until_done(lambda: thread.call(self._connect))
        await self._until_done(lambda: self._replacing(False))
        self._recovered()

    async def _until_done(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except (CancelledError, GeneratorExit):
                raise
            except Exception as problem:  # noqa: BLE001 - a store that is down stays told
                reason = f"the damaged database cannot be replaced: {problem}"
                if reason != self.failure:
                    _log.error("{reason}", reason=reason)
                    self._tell(reason)
                await deferLater(self._reactor, PROBE_INTERVAL_S)
            else:
                return

    def _recovered(self) -> None:
        _log.info("the store commits again")
        self._tell(None)

    # -- in the writer's thread --------------------------------------------------------

    def _open(self) -> None:
        try:
            self._lock = lock(self._path)
            salvage.finish_interrupted(self._path)
            schema.refuse_orphaned_log(self._path)
            if self._path.exists() and not self._path.stat().st_size:
                _log.warn("{path} is empty: it becomes a new store", path=self._path)
            try:
                self._connect()
            except sqlite3.DatabaseError as error:
                if not schema.is_damage(error):
                    raise
                self._set_aside(error)
                self._connect()
        except ConfigError:
            self._unlock()
            raise
        except (OSError, sqlite3.Error) as error:
            self._unlock()
            raise ConfigError(
                "store.path", str(self._path), f"a file that can be opened ({error})"
            ) from error

    def _connect(self) -> None:
        connection = schema.connect(self._path)
        try:
            schema.prepare(connection, self._path)
            self.damage = queries.open_damage(connection)
            self.newest, self.marks = folding.marks(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._file = schema.file_number(self._path)

    def _set_aside(self, error: sqlite3.Error) -> None:
        if self._connection is not None:
            self._connection.close()
        if salvage.finish_interrupted(self._path):
            return
        _log.error(
            "the database is damaged ({error}); saving what can be read of {size} bytes",
            error=str(error),
            size=self._path.stat().st_size,
        )
        aside = salvage.salvage(self._path, str(error), self._wall_ms())
        _log.error(
            "saved what can be read; the damaged file is now {aside}", aside=str(aside)
        )

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _commit(self, batch: _Batch) -> _Outcome:
        assert self._connection is not None
        outcome = _Outcome()
        connection = self._connection
        try:
            self._check_file()
            connection.execute("BEGIN IMMEDIATE")
            if batch.entries:
                outcome.inserted = writes.insert_reports(connection, batch.entries)
            outcome.results = [_result(job, connection) for job, _ in batch.jobs]
            (newest,) = connection.execute("SELECT max(seq) FROM reports").fetchone()
            outcome.newest = newest or 0
            connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001 - nobody may wait for ever
            _roll_back(connection)
            outcome.error = error
        return outcome

    def _check_file(self) -> None:
        """What is written to a file without a name is lost with the process."""
        if schema.file_number(self._path) != self._file:
            raise sqlite3.OperationalError(
                f"{self._path} was removed or replaced while it was in use"
            )

    def _try_to_commit(self) -> None:
        assert self._connection is not None
        connection = self._connection
        _roll_back(connection)
        try:
            self._check_file()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO probe VALUES (zeroblob(?))", (PROBE_BYTES,))
            connection.execute("COMMIT")
            connection.execute("DELETE FROM probe")
        except sqlite3.Error:
            _roll_back(connection)
            raise


def _result(job: Job[Any], connection: sqlite3.Connection) -> Any:
    """A job that fails for reasons of its own takes nobody else's work with it."""
    connection.execute("SAVEPOINT job")
    try:
        result = job(connection)
    except Exception as error:
        own = (sqlite3.IntegrityError, sqlite3.ProgrammingError)
        if isinstance(error, sqlite3.Error) and not isinstance(error, own):
            raise
        connection.execute("ROLLBACK TO job")
        result = Failure()
    connection.execute("RELEASE job")
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        # An error here comes again with the next transaction.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")


def _unless_cancelled(failure: Failure) -> None:
    if not failure.check(CancelledError):
        _log.failure("recovering the store", failure=failure)


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
