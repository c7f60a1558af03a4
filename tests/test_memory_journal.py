from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit.errors import MisuseError, StoreUnavailable
from gatewaykit.interfaces import IJournal, JournalEntry
from gatewaykit.testing import MemoryJournal


def entry(number: int = 1, **changes: Any) -> JournalEntry:
    made = JournalEntry(
        id=number.to_bytes(16, "big"),
        imei="865083030000012",
        type="GTFRI",
        send_time=20250727214557,
        time=20250728004546,
        position_time=20250728004546,
        ignition=True,
        outputs=1,
        received_at=1_790_000_000_000,
        raw=b"+RESP:GTFRI$",
    )
    return made._replace(**changes)


class MemoryJournalTests(SynchronousTestCase):
    def test_provides_the_interface(self) -> None:
        verifyObject(IJournal, MemoryJournal())

    def test_commits_at_once_by_itself(self) -> None:
        journal = MemoryJournal()
        self.successResultOf(journal.append([entry()]))
        self.assertEqual(list(journal.reports.values()), [entry()])

    def test_waits_for_the_test_to_commit_the_oldest_first(self) -> None:
        journal = MemoryJournal(auto_commit=False)
        first, second = journal.append([entry(1), entry(2)]), journal.append([entry(3)])
        self.assertEqual(journal.pending, 3)
        journal.commit(1)
        self.successResultOf(first)
        self.assertNoResult(second)
        self.assertEqual(journal.pending, 1)
        journal.commit()
        self.successResultOf(second)

    def test_repeat_is_a_success_and_kept_once(self) -> None:
        journal = MemoryJournal()
        self.successResultOf(journal.append([entry(), entry()]))
        self.assertEqual(len(journal.reports), 1)

    def test_quarantine_is_apart(self) -> None:
        journal = MemoryJournal()
        self.successResultOf(journal.quarantine([entry()]))
        self.assertEqual((len(journal.reports), len(journal.quarantined)), (0, 1))

    def test_failure_refuses_what_waits_and_what_comes_until_it_recovers(self) -> None:
        journal = MemoryJournal(auto_commit=False)
        told: list[str | None] = []
        journal.watch(told.append)
        waiting = journal.append([entry(1)])
        journal.fail("disk full")
        self.failureResultOf(waiting, StoreUnavailable)
        self.failureResultOf(journal.append([entry(2)]), StoreUnavailable)
        self.assertEqual((journal.pending, journal.reports), (0, {}))
        journal.recover()
        later = journal.append([entry(3)])
        journal.commit()
        self.successResultOf(later)
        self.assertEqual(told, ["disk full", None])

    def test_what_the_store_would_not_take_is_misuse(self) -> None:
        wrong: Any
        for wrong in (
            entry(id=b"short"),
            entry(imei=""),
            entry(imei=None),
            entry(send_time=None),
            entry(ignition=1),
            entry(raw="text"),
            tuple(entry()),
        ):
            with self.assertRaises(MisuseError):
                MemoryJournal().append([wrong])
