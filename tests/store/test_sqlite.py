"""The embedded store through IJournal and IStore, on real files."""

from __future__ import annotations

import contextlib
import random
import sqlite3
from unittest import mock

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from zope.interface.verify import verifyObject

from gatewaykit import access
from gatewaykit.errors import ConfigError, MisuseError, StoreUnavailable
from gatewaykit.interfaces import DeviceChange, IHealth, IJournal, IStore
from gatewaykit.store import folding, queries, schema, sqlite, writer, writes
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.store.writes import DAY_MS
from gatewaykit.times import digits
from tests.store.support import IMEI, NOW_MS, StoreTestCase, entry, frame, render

OTHER = "865083030000020"


class JournalTests(StoreTestCase):
    """Reports become durable, each once."""

    def test_provides_its_interfaces(self) -> None:
        for interface in (IJournal, IStore, IHealth):
            verifyObject(interface, self.store)

    async def test_appended_report_is_in_the_history(self) -> None:
        await self.store.append([entry()])
        page = await self.store.history(IMEI)
        self.assertEqual([r["id"] for r in page.records], [entry().id.hex()])

    async def test_commit_is_on_disk_before_the_answer(self) -> None:
        await self.store.append([entry()])
        with sqlite3.connect(self.path) as other:
            self.assertEqual(
                other.execute("SELECT count(*) FROM reports").fetchone(), (1,)
            )
        other.close()

    async def test_repetition_succeeds_and_adds_nothing(self) -> None:
        await self.store.append([entry(), entry()])
        await self.store.append([entry()])
        page = await self.store.history(IMEI)
        self.assertEqual(len(page.records), 1)

    async def test_equal_send_times_are_not_repetitions(self) -> None:
        await self.store.append(
            [entry(1, send_time=20260131120000), entry(2, send_time=20260131120000)]
        )
        self.assertEqual(len((await self.store.history(IMEI)).records), 2)

    async def test_any_number_of_reports_in_one_batch(self) -> None:
        count = writes.ROWS_A_STATEMENT * 2 + 77
        await self.store.append([entry(n) for n in range(count)])
        page = await self.store.history(IMEI, limit=10_000, max_bytes=10_000_000)
        self.assertEqual(len(page.records), count)

    async def test_appends_while_committing_share_the_next_commit(self) -> None:
        commits = []
        commit = self.store._writer._commit

        def counted(batch: object) -> object:
            commits.append(batch)
            return commit(batch)  # type: ignore[arg-type]

        self.patch(self.store._writer, "_commit", counted)
        await gatherResults([self.store.append([entry(n)]) for n in range(50)])
        self.assertLessEqual(len(commits), 3)

    async def test_pending_counts_what_is_not_committed(self) -> None:
        first = self.store.append([entry(1)])
        second = self.store.append([entry(2), entry(3)])
        self.assertEqual(self.store.pending, 3)
        await gatherResults([first, second])
        self.assertEqual(self.store.pending, 0)

    async def test_stop_commits_what_was_handed_over(self) -> None:
        appends = [self.store.append([entry(n)]) for n in range(5)]
        await self.store.stop()
        await gatherResults(appends)
        self.store = await self.open()
        self.assertEqual(len((await self.store.history(IMEI)).records), 5)

    async def test_closed_store_refuses(self) -> None:
        await self.store.stop()
        with self.assertRaises(StoreUnavailable):
            await self.store.append([entry()])
        with self.assertRaises(StoreUnavailable):
            await self.store.device(IMEI)
        self.store = await self.open()

    async def test_entry_that_cannot_be_written_fails_its_batch_only(self) -> None:
        with self.assertRaises(StoreUnavailable):
            await self.store.append([entry(1)._replace(imei="\ud800")])
        self.assertEqual(len(self.flushLoggedErrors(UnicodeEncodeError)), 1)
        await self.store.append([entry(2)])
        self.assertIsNone(self.store.failure)

    async def test_job_that_breaks_a_constraint_takes_nobody_with_it(self) -> None:
        append = self.store.append([entry()])
        bad = self.store._writer.write(
            lambda c: c.execute("INSERT INTO devices (imei) VALUES ('x')")
        )
        await append
        with self.assertRaises(sqlite3.IntegrityError):
            await bad
        self.assertIsNone(self.store.failure)

    async def test_file_that_loses_its_name_is_told(self) -> None:
        self.patch(writer, "PROBE_INTERVAL_S", 0.01)
        away = self.path.with_name("away")
        self.path.rename(away)
        with self.assertRaises(StoreUnavailable):
            await self.store.append([entry()])
        self.assertIn("removed or replaced", str(self.store.failure))
        away.rename(self.path)
        await self.changed(self.store, lambda failure: failure is None)
        await self.store.append([entry()])

    async def test_listener_that_raises_stops_no_recovery(self) -> None:
        self.patch(writer, "PROBE_INTERVAL_S", 0.01)

        def raises(_: object) -> None:
            raise ZeroDivisionError

        self.store.watch(raises)
        self.store._writer.fail(sqlite3.OperationalError("for a test"))
        await self.changed(self.store, lambda failure: failure is None)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)

    async def test_log_is_copied_under_load_and_between(self) -> None:
        self.patch(writer, "CHECKPOINT_REPORTS", 100)
        for start in range(0, 1000, 50):
            await self.store.append([entry(n) for n in range(start, start + 50)])
        await self.store._writer._checkpoint
        page = await self.store.history(IMEI, limit=2000, max_bytes=1 << 30)
        self.assertEqual(len(page.records), 1000)

    async def test_log_that_cannot_be_copied_harms_nobody(self) -> None:
        self.patch(writer, "CHECKPOINT_REPORTS", 1)
        error = sqlite3.OperationalError("disk I/O error")
        with mock.patch.object(schema, "checkpoint", side_effect=error):
            await self.store.append([entry(1)])
            await self.store._writer._checkpoint
            await self.store.append([entry(2)])
        self.assertIsNone(self.store.failure)

    async def test_job_that_fails_takes_nobody_with_it(self) -> None:
        append = self.store.append([entry()])
        bad = self.store.append_audit({"arguments": object()})
        await append
        with self.assertRaises(TypeError):
            await bad
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)


class HistoryTests(StoreTestCase):
    """Reading a vehicle's reports back."""

    async def test_is_in_order_of_gps_time(self) -> None:
        await self.store.append([entry(n) for n in (3, 1, 2)])
        page = await self.store.history(IMEI)
        self.assertEqual(
            [r["positions"][0]["longitude"] for r in page.records], [1, 2, 3]
        )

    async def test_holds_one_vehicle_only(self) -> None:
        await self.store.append([entry(1), entry(2, imei=OTHER)])
        self.assertEqual(len((await self.store.history(OTHER)).records), 1)

    async def test_since_and_until_are_inclusive(self) -> None:
        entries = [entry(n) for n in range(5)]
        await self.store.append(entries)
        page = await self.store.history(
            IMEI, since=entries[1].time, until=entries[3].time
        )
        self.assertEqual(
            [r["positions"][0]["longitude"] for r in page.records], [1, 2, 3]
        )

    async def test_pages_go_on_where_the_last_ended(self) -> None:
        await self.store.append([entry(n) for n in range(25)])
        for limit, size in ((4, 60_000), (1000, 500)):
            seen, cursor = [], None
            while True:
                page = await self.store.history(
                    IMEI, cursor=cursor, limit=limit, max_bytes=size
                )
                seen += [r["positions"][0]["longitude"] for r in page.records]
                if (cursor := page.cursor) is None:
                    break
            self.assertEqual(seen, list(range(25)))

    async def test_reports_of_one_moment_are_all_paged(self) -> None:
        moment = entry(1).time
        await self.store.append([entry(n, time=moment) for n in range(7)])
        first = await self.store.history(IMEI, since=moment, limit=3)
        second = await self.store.history(
            IMEI, since=moment, cursor=first.cursor, limit=10
        )
        self.assertEqual((len(first.records), len(second.records)), (3, 4))

    async def test_record_larger_than_a_page_comes_alone(self) -> None:
        big = entry(1, raw=frame(filler="x" * 5000))
        await self.store.append([entry(0), big, entry(2)])
        page = await self.store.history(IMEI, max_bytes=1000)
        page = await self.store.history(IMEI, cursor=page.cursor, max_bytes=1000)
        self.assertEqual([r["id"] for r in page.records], [big.id.hex()])

    async def test_foreign_cursor_is_refused(self) -> None:
        for cursor in ("x", "1", "1-2-3", "-1-2", "1-²", "1-" + "9" * 5000):
            with self.assertRaises(MisuseError):
                await self.store.history(IMEI, cursor=cursor)

    async def test_everything_is_found_while_folding_lags(self) -> None:
        self.patch(folding, "FOLD_ROWS", 10)
        for start in range(0, 100, 5):
            await self.store.append([entry(n) for n in range(start, start + 5)])
        self.assertEqual(len((await self.store.history(IMEI)).records), 100)

    async def test_no_read_misses_what_was_acknowledged(self) -> None:
        self.patch(folding, "FOLD_ROWS", 40)
        chance = random.Random(3)
        acknowledged = 0
        number = iter(range(100_000))

        async def load() -> None:
            nonlocal acknowledged
            for _ in range(12):
                entries = [entry(next(number)) for _ in range(chance.randrange(1, 30))]
                await self.store.append(entries)
                acknowledged += len(entries)

        async def look() -> None:
            for _ in range(12):
                at_least = acknowledged
                if chance.random() < 0.5:
                    page = await self.store.history(
                        IMEI, limit=100_000, max_bytes=1 << 30
                    )
                    self.assertGreaterEqual(len(page.records), at_least)
                else:
                    device = await self.store.device(IMEI)
                    assert device is not None or not at_least

        await gatherResults(
            [Deferred.fromCoroutine(task()) for task in (load, look, load, look, load)]
        )
        page = await self.store.history(IMEI, limit=100_000, max_bytes=1 << 30)
        self.assertEqual(len(page.records), acknowledged)

    async def test_read_ends_while_reports_keep_coming(self) -> None:
        self.patch(folding, "FOLD_ROWS", 400)
        going_on = True
        number = iter(range(1_000_000))

        async def load() -> None:
            while going_on:
                await self.store.append([entry(next(number)) for _ in range(50)])

        await self.store.append([entry(next(number))])
        loading = [Deferred.fromCoroutine(load()) for _ in range(3)]
        for _ in range(3):
            page = await self.store.history(IMEI, limit=1)
        going_on = False
        await gatherResults(loading)
        self.assertEqual(len(page.records), 1)

    async def test_what_was_not_folded_at_a_crash_is_folded_later(self) -> None:
        await self.store.append([entry(n) for n in range(5)])
        await self.reopen()
        self.assertEqual(len((await self.store.history(IMEI)).records), 5)


class DeviceTests(StoreTestCase):
    """The newest state of each vehicle."""

    async def test_unknown_device_is_none(self) -> None:
        self.assertIsNone(await self.store.device(IMEI))
        self.assertIsNone(await self.store.latest_position(IMEI))

    async def test_latest_position_moves_forward_in_gps_time_only(self) -> None:
        await self.store.append([entry(5)])
        await self.store.latest_position(IMEI)
        await self.store.append([entry(3), entry(4)])
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], 5)
        self.assertEqual(latest["report_id"], entry(5).id.hex())

    async def test_first_of_equal_positions_stays_whoever_reads(self) -> None:
        moment = entry(1).time
        await self.store.append([entry(1), entry(2, gps_time=moment)])
        for number in (3, 4):
            latest = await self.store.latest_position(IMEI)
            assert latest is not None
            self.assertEqual(latest["longitude"], 1)
            await self.store.append([entry(number, gps_time=moment)])

    async def test_report_without_usable_position_moves_nothing(self) -> None:
        await self.store.append([entry(1), entry(9, position_time=None)])
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], 1)

    async def test_device_without_position_has_none(self) -> None:
        await self.store.append([entry(1, gps_time=None)])
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertIsNone(device["latest"])
        self.assertIsNone(await self.store.latest_position(IMEI))

    async def test_position_that_no_longer_renders_is_none(self) -> None:
        await self.store.append([entry(1, position_time=20200101000000)])
        self.assertIsNone(await self.store.latest_position(IMEI))

    async def test_ignition_follows_send_time_and_order_of_arrival(self) -> None:
        stamp = entry(1).send_time
        numbers = iter(range(100))
        for states, expected in (
            ([(stamp, True)], True),
            ([(stamp, False), (stamp, True), (stamp - 5, False)], True),
            ([(stamp, False)], False),
            ([(digits(NOW_MS + 10 * DAY_MS), True)], False),
            ([(0, True)], False),
        ):
            await self.store.append(
                [
                    entry(next(numbers), send_time=when, ignition=state)
                    for when, state in states
                ]
            )
            device = await self.store.device(IMEI)
            assert device is not None
            self.assertIs(device["ignition"], expected)

    async def test_outputs_are_kept(self) -> None:
        await self.store.append([entry(1, outputs=1), entry(2)])
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["outputs"], 1)

    async def test_model_is_told_by_the_protocol_version(self) -> None:
        await self.store.append([entry(1)])
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["model"], "model of 090302")

    async def test_name_is_the_newest_reports(self) -> None:
        await self.store.append([entry(1, fields={"name": "Van 1"})])
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["name"], "Van 1")

    async def test_devices_are_paged_by_imei(self) -> None:
        await self.store.append([entry(1, imei=f"86508303000{n:04}") for n in range(9)])
        first = await self.store.devices(limit=5)
        second = await self.store.devices(cursor=first.cursor, limit=5)
        imeis = [d["imei"] for d in first.records + second.records]
        self.assertEqual(imeis, sorted(imeis))
        self.assertEqual((len(imeis), second.cursor), (9, None))

    async def test_changes_write_status_and_events(self) -> None:
        await self.store.record_changes(
            [
                DeviceChange(IMEI, "online", NOW_MS, NOW_MS, "online", {"peer": "a"}),
                DeviceChange(IMEI, "online", NOW_MS, NOW_MS + 60_000),
                DeviceChange(OTHER, "offline", NOW_MS, NOW_MS - 5, "offline"),
            ]
        )
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(
            (device["status"], device["since"], device["last_seen"]),
            ("online", "2026-01-31T12:00:00.000Z", "2026-01-31T12:01:00.000Z"),
        )
        page = await self.store.events(IMEI)
        self.assertEqual(
            page.records,
            [
                {
                    "id": 1,
                    "imei": IMEI,
                    "event": "online",
                    "at": "2026-01-31T12:00:00.000Z",
                    "details": {"peer": "a"},
                }
            ],
        )
        self.assertEqual(len((await self.store.events()).records), 2)
        rows = await self.store.load_devices()
        self.assertEqual(
            {row.imei: row.status for row in rows}, {IMEI: "online", OTHER: "offline"}
        )


class QuarantineTests(StoreTestCase):
    """Reports of devices that nobody accepted yet."""

    async def quarantine(self, *entries: object) -> None:
        await self.store.record_changes(
            [
                DeviceChange(
                    IMEI, "online", NOW_MS, NOW_MS, "quarantine", policy="quarantined"
                )
            ]
        )
        await self.store.quarantine(list(entries))  # type: ignore[arg-type]

    async def test_quarantined_reports_are_not_history(self) -> None:
        await self.quarantine(entry(1))
        self.assertEqual((await self.store.history(IMEI)).records, [])

    async def test_accepting_moves_them_into_the_history(self) -> None:
        await self.quarantine(entry(1), entry(2), entry(1))
        await self.store.set_policy(IMEI, "accepted")
        self.assertEqual(len((await self.store.history(IMEI)).records), 2)
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["policy"], "accepted")

    async def test_reports_on_their_way_while_accepting_are_not_lost(self) -> None:
        await self.quarantine(entry(1))
        await self.store.set_policy(IMEI, "accepted")
        await self.store.quarantine([entry(2), entry(3, imei=OTHER)])
        self.assertEqual(len((await self.store.history(IMEI)).records), 2)
        self.assertEqual((await self.store.history(OTHER)).records, [])

    async def test_refusing_drops_them(self) -> None:
        await self.quarantine(entry(1))
        await self.store.set_policy(IMEI, "refused")
        await self.store.set_policy(IMEI, "accepted")
        self.assertEqual((await self.store.history(IMEI)).records, [])

    async def test_device_can_be_decided_about_before_it_is_met(self) -> None:
        await self.store.set_policy(OTHER, "accepted")
        device = await self.store.device(OTHER)
        assert device is not None
        self.assertEqual((device["policy"], device["last_seen"]), ("accepted", None))

    async def test_list_is_bounded(self) -> None:
        self.patch(writes, "QUARANTINE_ROWS", 3)
        await self.quarantine(entry(1), entry(2))
        await self.store.quarantine([entry(n, imei=OTHER) for n in range(3)])
        await self.store.set_policy(IMEI, "accepted")
        self.assertEqual((await self.store.history(IMEI)).records, [])
        await self.store.set_policy(OTHER, "accepted")
        self.assertEqual(len((await self.store.history(OTHER)).records), 3)

    async def test_strangers_are_forgotten_the_longest_silent_first(self) -> None:
        self.patch(writes, "STRANGERS", 3)
        imeis = [f"86508303000{n:04}" for n in range(6)]
        await self.store.set_policy(imeis[0], "quarantined")
        await self.store.record_changes(
            [
                DeviceChange(
                    imei,
                    "online",
                    NOW_MS,
                    NOW_MS + n,
                    "quarantine",
                    policy="quarantined",
                )
                for n, imei in enumerate(imeis)
            ]
        )
        kept = [d["imei"] for d in (await self.store.devices()).records]
        self.assertEqual(kept, [imeis[0], *imeis[3:]])
        events = [e["imei"] for e in (await self.store.events()).records]
        self.assertEqual(events, [imeis[0], *imeis[3:]])


class AuditTests(StoreTestCase):
    """The audit trail is a chain."""

    async def test_records_are_chained(self) -> None:
        for what in ("a", "b", "c"):
            await self.store.append_audit({"what": what})
        await self.reopen()
        page = await self.store.audit()
        self.assertEqual([r["sequence"] for r in page.records], [1, 2, 3])
        self.assertIsNone(access.verify(page.records))
        page = await self.store.audit(cursor="2")
        self.assertEqual([r["what"] for r in page.records], ["c"])


class RetentionTests(StoreTestCase):
    """Old reports go, in small pieces, and never a vehicle's latest position."""

    async def test_old_reports_and_events_are_deleted_by_age(self) -> None:
        self.patch(sqlite, "EXPIRE_ROWS", 3)
        await self.store.append([entry(n) for n in range(20)])
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", NOW_MS, NOW_MS, "online")] * 5
        )
        await self.store.append_audit({"what": "kept"})
        self.wall = NOW_MS + 2 * DAY_MS + 10_000
        await self.reopen(retention_days=2)
        await self.store._expire()
        page = await self.store.history(IMEI)
        self.assertEqual(
            [r["positions"][0]["longitude"] for r in page.records], list(range(10, 20))
        )
        self.assertEqual((await self.store.events()).records, [])
        self.assertEqual(len((await self.store.audit()).records), 1)
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], 19)

    async def test_oldest_reports_go_above_the_size(self) -> None:
        filler = {"filler": "x" * 1000}
        self.patch(sqlite, "EXPIRE_ROWS", 50)
        await self.store.append([entry(n, fields=filler) for n in range(2000)])
        await self.reopen(retention_bytes=1_000_000)
        await self.store._expire()
        self.assertLess(self.store.health()["used_bytes"], 1_000_000)
        page = await self.store.history(IMEI, limit=1)
        self.assertGreater(page.records[0]["positions"][0]["longitude"], 1000)

    async def test_size_is_kept_while_reports_come_in(self) -> None:
        self.patch(sqlite, "RETENTION_REPORTS", 200)
        await self.reopen(retention_bytes=1_000_000)
        filler = {"filler": "x" * 1000}
        for start in range(0, 5000, 100):
            await self.store.append(
                [entry(n, fields=filler) for n in range(start, start + 100)]
            )
        await self.store._expiring
        await self.store._expire()
        self.assertLess(self.path.stat().st_size, 3_000_000)

    async def test_reports_of_a_clock_that_ran_ahead_hold_up_nothing(self) -> None:
        self.patch(sqlite, "EXPIRE_ROWS", 3)
        ahead = NOW_MS + 1000 * DAY_MS
        await self.store.append([entry(n, received_at=ahead) for n in range(5)])
        await self.store.append([entry(n) for n in range(10, 15)])
        self.wall = NOW_MS + 90 * DAY_MS
        await self.reopen(retention_days=2)
        await self.store._expire()
        self.assertEqual((await self.store.history(IMEI)).records, [])

    async def test_size_that_deleting_cannot_reach_ends(self) -> None:
        await self.store.append([entry()])
        await self.reopen(retention_bytes=1)
        await self.store._expire()
        self.assertEqual((await self.store.history(IMEI)).records, [])

    async def test_new_reports_are_numbered_on_after_all_are_gone(self) -> None:
        await self.store.append([entry(1)])
        await self.reopen(retention_bytes=1)
        await self.store._expire()
        await self.reopen()
        await self.store.append([entry(2)])
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)


class FullDiskTests(StoreTestCase):
    """A commit that fails acknowledges nothing, and the store recovers by itself."""

    async def setUp(self) -> None:  # type: ignore[override]
        self.pages = 1 << 30
        self.patch(writer, "PROBE_INTERVAL_S", 0.01)
        connect = schema.connect

        def limited(path: object, *, read_only: bool = False) -> sqlite3.Connection:
            connection = connect(path, read_only=read_only)  # type: ignore[arg-type]
            if not read_only:
                self.writer = connection
            return connection

        self.patch(schema, "connect", limited)
        await super().setUp()

    def limit(self, pages: int) -> None:
        self.writer.execute(f"PRAGMA max_page_count = {pages}")

    async def fill(self) -> int:
        self.limit(60)
        number = 0
        while self.store.failure is None:
            with contextlib.suppress(StoreUnavailable):
                await self.store.append(
                    [entry(number, fields={"filler": "x" * 20_000})]
                )
                number += 1
        return number

    async def test_full_disk_acknowledges_nothing_and_says_why(self) -> None:
        heard: list[str | None] = []
        self.store.watch(heard.append)
        number = await self.fill()
        self.assertGreater(number, 0)
        self.assertIn("full", str(heard))
        self.assertEqual(self.store.health()["status"], "failed")
        with self.assertRaises(StoreUnavailable):
            await self.store.append([entry(5000)])
        self.assertEqual(self.store.pending, 0)

    async def test_what_is_folded_stays_readable(self) -> None:
        await self.store.append([entry(0)])
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)
        self.store._writer.fail(sqlite3.OperationalError("disk is full"))
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)

    async def test_read_that_would_leave_something_out_is_refused(self) -> None:
        await self.fill()
        for read in (self.store.history(IMEI), self.store.device(IMEI)):
            with self.assertRaises(StoreUnavailable):
                await read
        self.assertEqual((await self.store.events()).records, [])

    async def test_starts_on_a_full_disk_and_recovers(self) -> None:
        await self.store.append([entry()])
        await self.store.stop()
        error = sqlite3.OperationalError("database or disk is full")
        with mock.patch.object(folding, "_fold", side_effect=error):
            self.store = await self.open()
            self.assertEqual(await self.store.load_devices(), [])
            await self.changed(self.store, lambda failure: failure is not None)
        await self.changed(self.store, lambda failure: failure is None)
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)

    async def test_recovers_when_there_is_room_again(self) -> None:
        number = await self.fill()
        self.limit(1 << 30)
        await self.changed(self.store, lambda failure: failure is None)
        await self.store.append([entry(5000)])
        page = await self.store.history(IMEI, max_bytes=1 << 30)
        self.assertEqual(len(page.records), number + 1)

    async def test_appends_that_wait_behind_the_failing_one_fail(self) -> None:
        await self.fill()
        self.limit(1 << 30)
        await self.changed(self.store, lambda failure: failure is None)
        self.limit(60)
        results = [
            self.store.append([entry(6000 + n, fields={"filler": "x" * 2_000_000})])
            for n in range(3)
        ]
        for result in results:
            with self.assertRaises(StoreUnavailable):
                await result

    async def test_fails_again_while_it_is_still_full(self) -> None:
        await self.fill()
        probes: list[object] = []
        tried = self.store._writer._try_to_commit

        def probe() -> None:
            probes.append(None)
            tried()

        self.patch(self.store._writer, "_try_to_commit", probe)
        while len(probes) < 3:
            await deferLater(reactor, 0.01)
        self.assertIsNotNone(self.store.failure)

    async def test_damage_behind_a_full_disk_is_salvaged(self) -> None:
        await self.fill()
        damage = sqlite3.DatabaseError("malformed")
        damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        with mock.patch.object(
            self.store._writer, "_try_to_commit", side_effect=damage
        ):
            await self.changed(self.store, lambda failure: failure is None)
        self.assertEqual(self.store.health()["status"], "degraded")

    async def test_stops_while_it_is_full(self) -> None:
        await self.fill()
        await self.store.stop()
        self.store = await self.open()


class OpeningTests(StoreTestCase):
    """What may not be opened is refused with a reason."""

    async def refused(self, path: object) -> str:
        store = SqliteStore(path, reactor, render)  # type: ignore[arg-type]
        with self.assertRaises(ConfigError) as caught:
            await store.start()
        return str(caught.exception)

    async def test_second_gateway_on_one_file(self) -> None:
        self.assertIn("no other gateway", await self.refused(self.path))

    async def test_directory_that_is_not_there(self) -> None:
        self.assertIn("store.path", await self.refused(self.path / "missing" / "x"))

    async def test_empty_file_becomes_a_store(self) -> None:
        path = self.path.with_name("empty")
        path.touch()
        store = SqliteStore(path, reactor, render)
        await store.start()
        await store.append([entry()])
        await store.stop()

    async def test_log_whose_file_is_gone(self) -> None:
        path = self.path.with_name("gone")
        path.with_name("gone-wal").write_bytes(b"reports")
        self.assertIn("gone-wal", await self.refused(path))
        path.touch()
        self.assertIn("gone-wal", await self.refused(path))

    async def test_stop_twice_and_while_starting(self) -> None:
        store = SqliteStore(self.path.with_name("second"), reactor, render)
        starting = store.start()
        stops = [store.stop(), store.stop()]
        await gatherResults([starting, *stops])
        await store.stop()

    async def test_stop_of_what_never_started(self) -> None:
        await SqliteStore(self.path, reactor, render).stop()

    async def test_somebody_elses_file(self) -> None:
        path = self.path.with_name("foreign")
        with sqlite3.connect(path) as other:
            other.execute("CREATE TABLE theirs (x)")
        other.close()
        self.assertIn("another's", await self.refused(path))

    async def test_file_of_a_later_release(self) -> None:
        await self.store.stop()
        with sqlite3.connect(self.path) as other:
            other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        other.close()
        self.assertIn("version", await self.refused(self.path))
        with sqlite3.connect(self.path) as other:
            other.execute(f"PRAGMA user_version = {schema.VERSION}")
        other.close()
        self.store = await self.open()

    async def test_read_that_fails_is_told(self) -> None:
        broken = sqlite3.OperationalError("disk I/O error")
        with (
            mock.patch.object(queries, "audit", side_effect=broken),
            self.assertRaises(StoreUnavailable),
        ):
            await self.store.audit()
        self.assertIsNone(self.store.failure)

    async def test_other_errors_of_sqlite_are_not_damage(self) -> None:
        path = self.path.with_name("locked")
        error = sqlite3.OperationalError("unable to open database file")
        with mock.patch.object(schema, "prepare", side_effect=error):
            self.assertIn("unable to open", await self.refused(path))
