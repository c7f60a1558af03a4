"""Damaged database files: whatever can be read is saved, and nothing else is replaced."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import access
from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import DeviceChange
from gatewaykit.store import salvage, schema, writer
from tests.store.support import IMEI, NOW_MS, StoreTestCase, entry

PAGE = 4096
REPORTS = 2000


class DamageTestCase(StoreTestCase):
    """Starts from a closed file with reports, events, audit records and a policy."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.store.append([entry(n) for n in range(REPORTS)])
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", NOW_MS, NOW_MS, "online")]
        )
        await self.store.set_policy("865083030000020", "refused")
        for what in ("a", "b"):
            await self.store.append_audit({"what": what})
        await self.store.stop()

    def overwrite(self, offset: int, data: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def aside(self) -> list[Path]:
        return [
            path
            for path in self.path.parent.glob("*.damaged-*")
            if not path.name.endswith(("-wal", "-shm"))
        ]

    async def count(self) -> int:
        page = await self.store.history(IMEI, limit=REPORTS * 2, max_bytes=1 << 30)
        return len(page.records)


class SalvageTests(DamageTestCase):
    """What is saved of which damage."""

    async def test_whole_file_is_left_alone(self) -> None:
        self.store = await self.open()
        self.assertEqual(self.aside(), [])
        self.assertEqual(self.store.health()["status"], "ok")

    async def test_first_page_gone_loses_no_report(self) -> None:
        self.overwrite(0, b"\xff" * PAGE)
        self.store = await self.open()
        self.assertEqual(await self.count(), REPORTS)
        self.assertEqual(len(self.aside()), 1)

    async def test_everything_else_is_saved_too(self) -> None:
        self.overwrite(0, b"\0" * 100)
        self.store = await self.open()
        self.assertEqual(len((await self.store.events(IMEI)).records), 1)
        refused = await self.store.device("865083030000020")
        assert refused is not None
        self.assertEqual(refused["policy"], "refused")
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], REPORTS - 1)

    async def test_break_is_in_the_audit_trail(self) -> None:
        self.overwrite(0, b"\0" * 100)
        self.store = await self.open()
        records = (await self.store.audit()).records
        self.assertEqual([r["what"] for r in records], ["a", "b", "store_damaged"])
        self.assertIsNone(access.verify(records))

    async def test_health_is_degraded_until_acknowledged(self) -> None:
        self.overwrite(0, b"\0" * 100)
        self.store = await self.open()
        await self.reopen()
        health = self.store.health()
        self.assertEqual(health["status"], "degraded")
        self.assertIn(str(self.aside()[0]), health["reason"])
        self.assertEqual(await self.store.acknowledge_damage(), 1)
        self.assertEqual(self.store.health()["status"], "ok")
        await self.reopen()
        self.assertEqual(self.store.health()["status"], "ok")

    async def test_leaf_page_gone_loses_only_its_rows(self) -> None:
        self.overwrite(PAGE * 40, b"\x99" * PAGE)
        self.store = await self.open()
        try:
            saved = await self.count()
        except StoreUnavailable:
            await self.changed(self.store, lambda failure: failure is None)
            saved = await self.count()
        self.assertGreater(saved, REPORTS - 100)

    async def test_damage_found_while_running_is_salvaged(self) -> None:
        self.overwrite(PAGE * 30, b"\x99" * PAGE * 40)
        self.store = await self.open()
        self.assertEqual(self.aside(), [])
        with self.assertRaises(StoreUnavailable):
            await self.count()
        await self.changed(self.store, lambda failure: failure is None)
        await self.store.append([entry(REPORTS + 2)])
        self.assertGreater(await self.count(), 0)
        self.assertEqual(self.store.health()["status"], "degraded")

    async def test_salvage_that_fails_is_tried_again(self) -> None:
        self.patch(writer, "PROBE_INTERVAL_S", 0.01)
        self.overwrite(PAGE * 30, b"\x99" * PAGE * 40)
        self.store = await self.open()
        heard: list[str | None] = []
        self.store.watch(heard.append)
        real = salvage.salvage
        attempts = iter([OSError("no space"), OSError("no space")])

        def failing(path: Path, reason: str, at: int) -> Path:
            for error in attempts:
                raise error
            return real(path, reason, at)

        self.patch(salvage, "salvage", failing)
        with self.assertRaises(StoreUnavailable):
            await self.count()
        with self.assertRaises(StoreUnavailable):
            await self.count()
        await self.changed(self.store, lambda failure: failure is None)
        self.assertIn("no space", str(heard))
        self.assertGreater(await self.count(), 0)

    async def test_position_outlives_its_report_and_the_damage(self) -> None:
        self.store = await self.open(retention_bytes=1)
        await self.store._expire()
        await self.store.stop()
        self.overwrite(0, b"\0" * 100)
        self.store = await self.open()
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], REPORTS - 1)
        await self.store.append([entry(REPORTS + 5)])
        latest = await self.store.latest_position(IMEI)
        assert latest is not None
        self.assertEqual(latest["longitude"], REPORTS + 5)

    async def test_file_cut_short_beside_its_log(self) -> None:
        self.store = await self.open()
        await self.store.append([entry(REPORTS + n) for n in range(500)])
        copies = {
            path: path.read_bytes()
            for path in (self.path, self.path.with_name(self.path.name + "-wal"))
        }
        await self.store.stop()
        for path, content in copies.items():
            path.write_bytes(content)
        for size in (1, 5000, 89_153, 300_000):
            self.path.write_bytes(copies[self.path][:size])
            self.store = await self.open()
            await self.store.append([entry(1)])
            self.assertGreater(await self.count(), 0)
            await self.store.stop()
        self.store = await self.open()

    async def test_file_that_is_no_database_at_all(self) -> None:
        self.path.write_bytes(b"not a database " * 1000)
        self.store = await self.open()
        self.assertEqual(await self.count(), 0)
        self.assertEqual(self.aside()[0].read_bytes()[:15], b"not a database ")

    async def test_second_damage_has_a_name_of_its_own(self) -> None:
        for _ in range(2):
            self.overwrite(0, b"\0" * 100)
            self.store = await self.open()
            await self.store.stop()
        self.store = await self.open()
        self.assertEqual(len(self.aside()), 2)
        self.assertEqual(await self.count(), REPORTS)

    async def test_any_damage_leaves_a_store_that_works(self) -> None:
        whole = self.path.read_bytes()
        chance = random.Random(7)
        for round_ in range(25):
            for old in self.aside():
                old.unlink()
            damaged = bytearray(whole)
            if round_ % 5 == 0:
                del damaged[chance.randrange(1, len(damaged)) :]
            else:
                start = chance.randrange(len(damaged))
                length = chance.choice((1, 50, PAGE, PAGE * 10))
                damaged[start : start + length] = chance.randbytes(
                    len(damaged[start : start + length])
                )
            self.path.write_bytes(damaged)
            self.store = await self.open()
            for _ in range(3):
                await self.changed(self.store, lambda failure: failure is None)
                try:
                    await self.store.append([entry(REPORTS + round_)])
                    saved = await self.count()
                    break
                except StoreUnavailable:
                    continue
            self.assertGreater(saved, 0)
            await self.store.stop()
        self.store = await self.open()


class InterruptedTests(SynchronousTestCase):
    """A crash in the middle of a salvage."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.fresh = self.path.with_name(self.path.name + ".salvage")

    def test_half_made_file_is_dropped(self) -> None:
        self.path.write_bytes(b"damaged")
        self.fresh.write_bytes(b"half")
        salvage.finish_interrupted(self.path)
        self.assertEqual(self.path.read_bytes(), b"damaged")
        self.assertFalse(self.fresh.exists())

    def test_finished_file_takes_its_name(self) -> None:
        self.make(self.path)
        aside = salvage.salvage(self.path, "for a test", NOW_MS)
        self.path.rename(self.fresh)
        self.path.with_name(self.path.name + "-wal").write_bytes(b"of the damaged")
        self.assertTrue(salvage.finish_interrupted(self.path))
        self.assertTrue(self.path.exists())
        self.assertTrue(aside.exists())
        self.assertFalse(self.path.with_name(self.path.name + "-wal").exists())

    def test_unfinished_file_never_takes_its_name(self) -> None:
        self.make(self.fresh)
        self.assertFalse(salvage.finish_interrupted(self.path))
        self.assertFalse(self.path.exists())
        self.assertFalse(self.fresh.exists())

    def test_file_that_is_gone_is_not_salvaged(self) -> None:
        with self.assertRaises(FileNotFoundError):
            salvage.salvage(self.path, "for a test", NOW_MS)
        self.assertFalse(self.path.exists())

    def make(self, path: Path) -> None:
        with sqlite3.connect(path) as connection:
            for statement in schema.STATEMENTS:
                connection.execute(statement)
        connection.close()

    def test_full_disk_ends_it_with_the_damaged_file_in_place(self) -> None:
        self.make(self.path)
        with sqlite3.connect(self.path) as connection:
            connection.executemany(
                f"INSERT INTO reports VALUES (NULL{', ?' * 10})",
                [entry(n) for n in range(3000)],
            )
        connection.close()
        connect = schema.connect

        def limited(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
            connection = connect(path, read_only=read_only)
            connection.execute("PRAGMA max_page_count = 60")
            return connection

        self.patch(schema, "connect", limited)
        before = self.path.read_bytes()
        with self.assertRaises(sqlite3.OperationalError):
            salvage.salvage(self.path, "for a test", NOW_MS)
        self.assertEqual(self.path.read_bytes(), before)

    def test_poisonous_rows_are_left_out(self) -> None:
        self.make(self.path)
        good = entry(1)
        with sqlite3.connect(self.path) as connection:
            insert = f"INSERT INTO reports VALUES (?{', ?' * 10})"
            connection.execute(insert, (7, *good))
            for number, poison in enumerate(
                (
                    entry(2, received_at=1 << 60),
                    entry(3, time="abc"),
                    entry(4, imei="8" * 50),
                    entry(5, raw="text"),
                )
            ):
                connection.execute(insert, (10 + number, *poison))
            connection.execute(insert, ((1 << 63) - 1, *entry(6)))
            connection.execute(
                "INSERT INTO device_events VALUES (1, 'i', 'online', ?, '{')", (NOW_MS,)
            )
            connection.execute(
                """INSERT INTO audit VALUES (1, '{"sequence": "x", "hash": "y"}')"""
            )
        connection.close()
        salvage.salvage(self.path, "for a test", NOW_MS)
        with sqlite3.connect(self.path) as connection:
            self.assertEqual(
                connection.execute("SELECT seq FROM reports").fetchall(), [(7,)]
            )
            for table, rows in (("device_events", 0), ("audit", 1)):
                self.assertEqual(
                    connection.execute(f"SELECT count(*) FROM {table}").fetchone(),
                    (rows,),
                )
        connection.close()

    def test_numbers_of_lost_rows_are_not_given_again(self) -> None:
        self.make(self.path)
        with sqlite3.connect(self.path) as connection:
            connection.execute(
                f"INSERT INTO reports VALUES (?{', ?' * 10})", (50, *entry(1))
            )
            connection.execute("DELETE FROM reports")
        connection.close()
        salvage.salvage(self.path, "for a test", NOW_MS)
        with sqlite3.connect(self.path) as connection:
            connection.execute(
                f"INSERT INTO reports VALUES (NULL{', ?' * 10})", entry(2)
            )
            self.assertEqual(
                connection.execute("SELECT seq FROM reports").fetchone(), (51,)
            )
        connection.close()

    def test_unreadable_rows_are_left_out(self) -> None:
        with sqlite3.connect(self.path) as connection:
            for statement in schema.STATEMENTS:
                connection.execute(statement)
            connection.execute(
                "INSERT INTO reports VALUES (1, 'x', 'i', 't', 1, 1, 1, 1, 1, 1, x'00')"
            )
            connection.execute("INSERT INTO audit VALUES (1, '{'), (2, '[]')")
        connection.close()
        salvage.salvage(self.path, "for a test", NOW_MS)
        with sqlite3.connect(self.path) as connection:
            rows = connection.execute("SELECT count(*) FROM reports").fetchone()
        connection.close()
        self.assertEqual(rows, (0,))
