from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import StoreUnavailable
from gatewaykit.gv50 import changes as module
from gatewaykit.gv50.changes import BATCH, RETRY_S, Changes
from gatewaykit.interfaces import DeviceChange
from gatewaykit.testing import MemoryStore


class SlowStore(MemoryStore):
    """Keeps every call open until the test ends it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[list[DeviceChange], Deferred[None]]] = []

    def record_changes(self, changes: Sequence[DeviceChange]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.calls.append((list(changes), done))
        return done

    def written(self) -> list[list[int]]:
        return [[change.since for change in changes] for changes, _ in self.calls]


def change(number: int, imei: str = "135790246811220") -> DeviceChange:
    return DeviceChange(imei, "online", number, number)


class ChangesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = SlowStore()
        self.changes = Changes(self.store, self.clock)

    def test_lone_change_is_written_at_once(self) -> None:
        self.changes.add(change(1))
        self.assertEqual(self.store.written(), [[1]])

    def test_what_comes_meanwhile_is_one_batch_in_order(self) -> None:
        for number in range(1, 5):
            self.changes.add(change(number))
        self.store.calls[0][1].callback(None)
        self.assertEqual(self.store.written(), [[1], [2, 3, 4]])

    def test_batch_is_bounded(self) -> None:
        for number in range(BATCH + 3):
            self.changes.add(change(number))
        self.store.calls[0][1].callback(None)
        self.store.calls[1][1].callback(None)
        self.assertEqual([len(w) for w in self.store.written()], [1, BATCH, 2])

    def test_failed_batch_is_tried_again_in_order_after_a_pause(self) -> None:
        self.changes.add(change(1))
        self.store.calls[0][1].errback(StoreUnavailable("disk full"))
        self.changes.add(change(2))
        self.changes.flush()
        self.assertEqual(len(self.store.calls), 1)
        self.assertIn("disk full", str(self.changes.failure))
        self.clock.advance(RETRY_S)
        self.changes.flush()
        self.assertEqual(self.store.written(), [[1], [1, 2]])
        self.store.calls[1][1].callback(None)
        self.assertIsNone(self.changes.failure)
        self.assertEqual(len(self.changes), 0)

    def test_bug_of_the_store_drops_the_batch_and_goes_on(self) -> None:
        self.changes.add(change(1))
        self.changes.add(change(2))
        self.store.calls[0][1].errback(ValueError("bug"))
        self.assertEqual(self.store.written(), [[1], [2]])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    def test_too_many_are_thinned_to_the_newest_of_each_device(self) -> None:
        with patch.object(module, "KEPT", 10):
            changes = Changes(self.store, self.clock)
            changes.add(change(0))
            for number in range(1, 100):
                changes.add(change(number, f"device{number % 4}"))
            self.assertLessEqual(len(changes), 10)
            self.store.calls[0][1].callback(None)
        newest = {c.imei: c.since for c in self.store.calls[1][0]}
        self.assertEqual(
            newest, {"device0": 96, "device1": 97, "device2": 98, "device3": 99}
        )

    def test_drain_of_nothing_is_done(self) -> None:
        self.assertIsNone(self.successResultOf(self.changes.drain()))

    def test_drain_waits_for_what_waits(self) -> None:
        self.changes.add(change(1))
        self.changes.add(change(2))
        drained = self.changes.drain()
        self.store.calls[0][1].callback(None)
        self.assertNoResult(drained)
        self.store.calls[1][1].callback(None)
        self.successResultOf(drained)

    def test_drain_tries_once_more_and_ends(self) -> None:
        self.changes.add(change(1))
        drained = self.changes.drain()
        self.store.calls[0][1].errback(StoreUnavailable("disk full"))
        self.assertNoResult(drained)
        self.store.calls[1][1].errback(StoreUnavailable("disk full"))
        self.successResultOf(drained)
        self.assertEqual(len(self.changes), 1)
