"""A journal in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from gatewaykit.errors import MisuseError, StoreUnavailable
from gatewaykit.interfaces import IJournal, JournalEntry


@implementer(IJournal)
class MemoryJournal:
    """An `IJournal` in memory.

    :param auto_commit: commit at once; else what was handed over waits for `commit`.
    """

    def __init__(self, *, auto_commit: bool = True) -> None:
        self.auto_commit = auto_commit
        self.reports: dict[bytes, JournalEntry] = {}
        """What was committed, by identity, in order; a repeat is in it once."""
        self.quarantined: dict[bytes, JournalEntry] = {}
        """The same for what was quarantined."""
        self.pending = 0
        self.failure: str | None = None
        self._waiting: list[_Handed] = []
        self._watchers: list[Callable[[str | None], None]] = []

    def append(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.append`."""
        return self._take(entries, self.reports)

    def quarantine(self, entries: Sequence[JournalEntry]) -> Deferred[None]:
        """See `IJournal.quarantine`."""
        return self._take(entries, self.quarantined)

    def watch(self, listener: Callable[[str | None], None]) -> None:
        """See `IJournal.watch`."""
        self._watchers.append(listener)

    def commit(self, batches: int | None = None) -> None:
        """Commit what waits, the oldest first; as many appends as `batches` says."""
        count = len(self._waiting) if batches is None else batches
        committed, self._waiting = self._waiting[:count], self._waiting[count:]
        for handed in committed:
            self.pending -= len(handed.entries)
            for entry in handed.entries:
                handed.into.setdefault(entry.id, entry)
        for handed in committed:
            handed.done.callback(None)

    def fail(self, reason: str) -> None:
        """Commit nothing from now on: what waits fails, and so does what comes."""
        refused, self._waiting = self._waiting, []
        self._set_failure(reason)
        for handed in refused:
            self.pending -= len(handed.entries)
            handed.done.errback(StoreUnavailable(reason))

    def recover(self) -> None:
        """Commit again."""
        self._set_failure(None)

    def _set_failure(self, failure: str | None) -> None:
        self.failure = failure
        for listener in self._watchers:
            listener(failure)

    def _take(
        self, entries: Sequence[JournalEntry], into: dict[bytes, JournalEntry]
    ) -> Deferred[None]:
        for entry in entries:
            _check_entry(entry)
        if self.failure is not None:
            return fail(StoreUnavailable(self.failure))
        handed = _Handed(list(entries), into)
        self._waiting.append(handed)
        self.pending += len(entries)
        if self.auto_commit:
            self.commit()
        return handed.done


@attrs.define
class _Handed:
    entries: list[JournalEntry]
    into: dict[bytes, JournalEntry]
    done: Deferred[None] = attrs.field(factory=Deferred)


def _check_entry(entry: JournalEntry) -> None:
    """What SQLite's schema would refuse, or quietly keep as something else."""
    if not isinstance(entry, JournalEntry):
        raise MisuseError("entry", entry, "a JournalEntry")
    for name, value, kinds in zip(entry._fields, entry, _ENTRY_KINDS, strict=True):
        if type(value) not in kinds:
            raise MisuseError(name, value, " or ".join(k.__name__ for k in kinds))
    if len(entry.id) != 16 or not entry.imei:
        raise MisuseError("id", entry.id, "16 bytes, and an IMEI")


_NONE = type(None)
_ENTRY_KINDS: tuple[tuple[type, ...], ...] = (
    (bytes,),
    (str,),
    (str,),
    (int,),
    (int,),
    (int, _NONE),
    (bool, _NONE),
    (int, _NONE),
    (int,),
    (bytes,),
)
"""In the order of the entry's fields."""
