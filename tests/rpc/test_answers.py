from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

import gatewaykit
from gatewaykit.errors import InternalError, MisuseError, NotFound, StoreUnavailable
from gatewaykit.interfaces import DeviceChange, Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.testing import MemoryStore
from tests.rpc.common import IMEI, FakeHealth, RpcTestCase, report

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


class InfoAndHealthTests(RpcTestCase):
    def test_info(self) -> None:
        self.subsystems.append(FakeHealth("store", {"status": "ok", "reason": None}))
        self.clock.advance(12.5)
        info = self.result(self.client().info())
        self.assertEqual(info.version, gatewaykit.__version__)
        self.assertEqual(info.api, verbs.API_LEVEL)
        self.assertEqual(info.uptime_s, 12.5)
        self.assertEqual(info.subsystems, ["store"])
        self.assertRegex(info.python + info.twisted, r"^[0-9.]+")

    def health(self, *states: Record | Exception) -> Any:
        self.subsystems[:] = [
            FakeHealth(f"part{number}", state) for number, state in enumerate(states)
        ]
        return self.result(self.client().health())

    def test_health_without_subsystems_is_ok(self) -> None:
        self.assertEqual(self.health().status, "ok")

    def test_the_worst_status_counts(self) -> None:
        good = {"status": "ok", "reason": None, "pending": 3}
        slow = {"status": "degraded", "reason": "disk almost full"}
        dead = {"status": "failed", "reason": "no such device"}
        self.assertEqual(self.health(good, good).status, "ok")
        self.assertEqual(self.health(slow, good).status, "degraded")
        health = self.health(good, dead, slow)
        self.assertEqual(health.status, "failed")
        self.assertEqual(
            health.subsystems, {"part0": good, "part1": dead, "part2": slow}
        )

    def test_subsystem_that_cannot_tell_is_failed(self) -> None:
        for broken in (
            RuntimeError("bug"),
            {"status": "ok", "figure": float("nan")},
            {"status": "ok", "figure": object()},
            {"status": "marvellous"},
            {},
        ):
            self.clock.advance(60.0)
            good = {"status": "ok", "reason": None}
            health = self.health(broken, good)
            self.assertEqual(health.subsystems["part0"]["status"], "failed")
            self.assertEqual(health.subsystems["part1"], good)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_subsystem_that_cannot_tell_is_logged_once_a_minute(self) -> None:
        for _ in range(5):
            self.health(RuntimeError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class DeviceTests(RpcTestCase):
    def test_device_with_live_status(self) -> None:
        self.store.add_report(report())
        live = {"status": "online", "since": "s", "last_seen": "l"}
        self.fleet.lives[IMEI] = live
        device = self.result(self.client().device(IMEI))
        self.assertEqual({key: device[key] for key in live}, live)
        self.assertEqual(device["latest"]["report_id"], f"{0:032x}")
        page = self.result(self.client().devices())
        self.assertEqual(page, Page([device], None))

    def test_device_that_is_not_live_is_as_stored(self) -> None:
        self.store.add_report(report())
        device = self.result(self.client().device(IMEI))
        self.assertEqual(device["status"], "unknown")

    def test_without_a_fleet_devices_are_as_stored(self) -> None:
        self.answers = GatewayAnswers(self.store, None, [], self.clock).table()
        self.factory = self.make_factory()
        self.result(self.client().set_policy(IMEI, "refused"))
        device = self.result(self.client().device(IMEI))
        self.assertEqual((device["status"], device["policy"]), ("unknown", "refused"))

    def test_without_a_fleet_nobody_is_online(self) -> None:
        self.answers = GatewayAnswers(self.store, None, [], self.clock).table()
        self.factory = self.make_factory()
        self.store.record_changes([DeviceChange(IMEI, "online", 0, 0)])
        device = self.result(self.client().device(IMEI))
        self.assertEqual(device["status"], "unknown")

    def test_unknown_device_is_not_found(self) -> None:
        client = self.client()
        error = self.failed(client.device(IMEI), NotFound)
        self.assertEqual(error.args, ("device", IMEI))
        self.failed(client.history(IMEI), NotFound)
        self.failed(client.latest_position(IMEI), NotFound)

    def test_device_without_a_position(self) -> None:
        self.store.add_report(report(gps=False))
        error = self.failed(self.client().latest_position(IMEI), NotFound)
        self.assertEqual(error.kind, "position of device")

    def test_latest_position(self) -> None:
        for number in (1, 5, 3):
            self.store.add_report(report(number))
        position = self.result(self.client().latest_position(IMEI))
        self.assertEqual(position["gps_time"], "2026-01-31T12:00:05Z")
        self.assertEqual(position["imei"], IMEI)

    def test_policy_reaches_store_and_fleet(self) -> None:
        self.result(self.client().set_policy(IMEI, "quarantined"))
        self.assertEqual(self.fleet.policies, [(IMEI, "quarantined")])
        device = self.result(self.client().device(IMEI))
        self.assertEqual(device["policy"], "quarantined")

    def test_policy_that_was_not_stored_does_not_reach_the_fleet(self) -> None:
        self.store.failure = "disk full"
        self.failed(self.client().set_policy(IMEI, "quarantined"), StoreUnavailable)
        self.flushLoggedErrors(StoreUnavailable)
        self.assertEqual(self.fleet.policies, [])

    def test_damage_is_acknowledged(self) -> None:
        self.store.open_damages = 2
        client = self.client()
        self.assertEqual(self.result(client.acknowledge_damage()), 2)
        self.assertEqual(self.result(client.acknowledge_damage()), 0)


class HistoryTests(RpcTestCase):
    def setUp(self) -> None:
        super().setUp()
        for number in range(10):
            self.store.add_report(report(number))

    def seconds(self, page: Page) -> list[int]:
        return [int(record["received_at"][-3:-1]) for record in page.records]

    def between(self, since: float | None, until: float | None) -> list[int]:
        first, last = (
            None if at is None else START + timedelta(seconds=at)
            for at in (since, until)
        )
        return self.seconds(self.result(self.client().history(IMEI, first, last)))

    def test_since_and_until_are_inclusive(self) -> None:
        self.assertEqual(self.between(3, 5), [3, 4, 5])
        self.assertEqual(self.between(8, None), [8, 9])
        self.assertEqual(self.between(None, 1), [0, 1])

    def test_fractions_of_a_second_count(self) -> None:
        self.assertEqual(self.between(2.5, 5.5), [3, 4, 5])
        self.assertEqual(self.between(2.5, 2.9), [])

    def test_pages_follow_each_other(self) -> None:
        client = self.client()
        first = self.result(client.history(IMEI, limit=4))
        second = self.result(client.history(IMEI, cursor=first.cursor, limit=4))
        third = self.result(client.history(IMEI, cursor=second.cursor, limit=4))
        self.assertEqual(
            [self.seconds(page) for page in (first, second, third)],
            [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]],
        )
        self.assertIsNone(third.cursor)

    def test_cursor_of_somebody_else_is_refused(self) -> None:
        error = self.failed(self.client().history(IMEI, cursor="theirs"), MisuseError)
        self.assertEqual(error.name, "cursor")

    def test_events_of_one_device_and_of_all(self) -> None:
        changes = [
            DeviceChange(imei, event, 1, 2, event=event)
            for event in ("online", "offline")
            for imei in (IMEI, "864000000000002")
        ]
        self.store.record_changes(changes)
        one = self.result(self.client().events(IMEI))
        self.assertEqual([e["event"] for e in one.records], ["online", "offline"])
        self.assertEqual(len(self.collect(self.client().iter_events())), 4)


class GreedyStore(MemoryStore):
    """Pays no heed to the size of a page."""

    def history(self, *arguments: Any) -> Deferred[Page]:
        imei, since, until, cursor, limit, _ = arguments
        return super().history(imei, since, until, cursor, limit, 1 << 30)

    def devices(self, *arguments: Any) -> Deferred[Page]:
        cursor, limit, _, policy = arguments
        return super().devices(cursor, limit, 1 << 30, policy)


class BoundlessStore(MemoryStore):
    """Pays no heed to how many records were asked for."""

    def history(self, *_: Any) -> Deferred[Page]:
        return succeed(Page([report(number) for number in range(20)], None))


class PageTests(RpcTestCase):
    def serve(self, store: MemoryStore) -> None:
        self.store = store
        self.answers = GatewayAnswers(store, self.fleet, [], self.clock).table()
        self.factory = self.make_factory()

    @given(
        st.lists(st.integers(0, 200_000), max_size=12),
        st.integers(1, 12),
        st.sampled_from([MemoryStore, GreedyStore]),
    )
    def test_no_page_is_too_long_and_no_record_is_lost(
        self, sizes: list[int], limit: int, kind: type[MemoryStore]
    ) -> None:
        self.serve(kind(Clock()))
        for number, size in enumerate(sizes):
            self.store.add_report(report(number, raw="x" * size))
        self.result(self.client().set_policy(IMEI, "accepted"))
        table = self.answers[verbs.History]
        records: list[Record] = []
        cursor: str | None = None
        while True:
            asked = table(imei=IMEI, since=None, until=None, cursor=cursor, limit=limit)
            page = self.successResultOf(Deferred.fromCoroutine(asked))
            self.assertLessEqual(len(page["records"]), limit)
            box = verbs.History.makeResponse(page, None)
            if len(page["records"]) > 1:
                self.assertEqual(set(box) - {b"cursor"}, {b"records"})
                self.assertLessEqual(len(box[b"records"]), 60_000)
            box.serialize()
            records += page["records"]
            cursor = page["cursor"]
            if cursor is None:
                break
        self.assertEqual([len(record["raw"]) for record in records], sizes)
        arrived = self.collect(self.client().iter_history(IMEI))
        self.assertEqual(arrived, records)

    def test_records_that_grow_by_what_is_live_still_fit(self) -> None:
        self.serve(GreedyStore(self.clock))
        for number in range(300):
            imei = f"{864_000_000_000_000 + number}"
            self.store.add_report(report(imei=imei))
            self.fleet.lives[imei] = {"status": "online " + "x" * 400}
        devices = self.collect(self.client().iter_devices())
        self.assertEqual(len(devices), 300)
        self.assertEqual(len({device["imei"] for device in devices}), 300)

    def test_store_that_gives_more_than_asked_for_is_not_believed(self) -> None:
        self.serve(BoundlessStore(self.clock))
        self.failed(self.client().history(IMEI, limit=5), InternalError)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
