"""Files of version 1 become files of this version, as a whole or not at all."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from unittest import mock

from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import DeviceChange
from gatewaykit.store import first_page, schema, writes
from gatewaykit.store.sqlite import SqliteStore
from tests.store.support import IMEI, NOW_MS, StoreTestCase
from tests.store.test_chronicle import READS, event
from tests.store.test_commands import command

PAGE = 4096
_REPORT = """
    id BLOB NOT NULL,
    imei TEXT NOT NULL,
    type TEXT NOT NULL,
    send_time INTEGER NOT NULL,
    time INTEGER NOT NULL,
    position_time INTEGER,
    ignition INTEGER,
    outputs INTEGER,
    received_at INTEGER NOT NULL,
    raw BLOB NOT NULL
"""
VERSION_1 = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    f"CREATE TABLE reports (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_REPORT})",
    "CREATE UNIQUE INDEX reports_identity ON reports (send_time, id)",
    """CREATE TABLE tracks (
        imei TEXT NOT NULL, time INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (imei, time, seq)) WITHOUT ROWID""",
    """CREATE TABLE devices (
        imei TEXT PRIMARY KEY,
        policy TEXT NOT NULL DEFAULT 'accepted',
        decided INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT 'unknown',
        since INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        newest_seq INTEGER,
        latest_seq INTEGER,
        latest_time INTEGER,
        latest_id BLOB,
        latest_received_at INTEGER,
        latest_raw BLOB,
        ignition INTEGER,
        ignition_time INTEGER,
        outputs INTEGER,
        outputs_time INTEGER)""",
    """CREATE INDEX devices_strangers ON devices (last_seen)
        WHERE policy = 'quarantined' AND NOT decided""",
    """CREATE TABLE device_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, imei TEXT NOT NULL,
        event TEXT NOT NULL, at INTEGER NOT NULL, details TEXT NOT NULL)""",
    "CREATE INDEX device_events_by_device ON device_events (imei, seq)",
    f"CREATE TABLE quarantine (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_REPORT})",
    "CREATE UNIQUE INDEX quarantine_identity ON quarantine (send_time, id)",
    "CREATE INDEX quarantine_by_device ON quarantine (imei, seq)",
    "CREATE TABLE audit (sequence INTEGER PRIMARY KEY, record TEXT NOT NULL)",
    """CREATE TABLE damage (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, file TEXT NOT NULL,
        reason TEXT NOT NULL, salvaged TEXT NOT NULL,
        acknowledged INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE probe (filler BLOB)",
    "INSERT INTO meta VALUES ('tracks', 0), ('devices', 0)",
)
REPORTS = 500


class Version1TestCase(StoreTestCase):
    """Starts from a file of version 1 with reports, an event and audit records."""

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        await self.store.stop()
        self.path.unlink()
        connection = schema.connect(self.path)
        for statement in VERSION_1:
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        writes.insert_reports(connection, [event(n, "sos") for n in range(REPORTS)])
        connection.execute(
            "INSERT INTO devices (imei, status, since, last_seen)"
            " VALUES (?, 'online', ?, ?)",
            (IMEI, NOW_MS, NOW_MS),
        )
        writes.append_audit(connection, {"what": "old"})
        connection.close()

    async def open(self, **options: object) -> SqliteStore:
        return await super().open(chronicle=READS, **options)

    def version(self) -> int:
        with closing(sqlite3.connect(self.path)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        return int(version)

    async def count(self) -> int:
        page = await self.store.history(IMEI, limit=10 * REPORTS, max_bytes=1 << 30)
        return len(page.records)


class MigrationTests(Version1TestCase):
    async def test_all_that_it_has_stays(self) -> None:
        self.store = await self.open()
        self.assertEqual(self.version(), schema.VERSION)
        self.assertEqual(await self.count(), REPORTS)
        self.assertEqual([r.imei for r in await self.store.load_devices()], [IMEI])
        self.assertEqual(len((await self.store.audit()).records), 1)
        await self.reopen()
        self.assertEqual(await self.count(), REPORTS)

    async def test_it_takes_what_is_new(self) -> None:
        self.store = await self.open()
        await self.store.register(IMEI, {"name": "Van 1"})
        await self.store.add_command(command(), {"what": "asked"})
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", NOW_MS, NOW_MS, blocked=True)]
        )
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual((device["name"], device["blocked"]), ("Van 1", True))
        self.assertEqual(len((await self.store.commands()).records), 1)

    async def test_old_history_makes_no_events(self) -> None:
        self.store = await self.open()
        await self.store.append([event(REPORTS + 1, "tow")])
        events = (await self.store.events()).records
        self.assertEqual([e["event"] for e in events], ["tow"])

    async def test_a_step_that_fails_leaves_the_old_file(self) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        with (
            mock.patch.object(schema, "_keep_roots", side_effect=error),
            closing(schema.connect(self.path)) as connection,
            self.assertRaises(sqlite3.OperationalError),
        ):
            schema.prepare(connection, self.path)
        self.assertEqual(self.version(), 1)
        self.store = await self.open()
        self.assertEqual(await self.count(), REPORTS)

    def damage(self) -> None:
        with self.path.open("r+b") as file:
            file.write(b"\xff" * PAGE)

    async def test_old_file_without_its_first_page_loses_nothing(self) -> None:
        self.damage()
        self.store = await self.open()
        self.assertEqual(await self.count(), REPORTS)
        self.assertEqual((await self.store.commands()).records, [])
        self.assertEqual((await self.store.events()).records, [])

    async def test_new_tables_are_found_without_the_first_page(self) -> None:
        self.store = await self.open()
        await self.store.register(IMEI, {"name": "Van 1"})
        await self.store.add_command(command(), {"what": "asked"})
        await self.store.stop()
        self.damage()
        self.store = await self.open()
        self.assertEqual(self.store.health()["status"], "degraded")
        self.assertEqual(await self.count(), REPORTS)
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["name"], "Van 1")
        self.assertEqual(len((await self.store.commands()).records), 1)

    async def test_new_tables_are_found_though_their_names_are_lost(self) -> None:
        """There are more names than the first page has room for."""
        self.store = await self.open()
        await self.store.register(IMEI, {"name": "Van 1"})
        await self.store.stop()
        with self.path.open("r+b") as file:
            first = file.read(PAGE)
            self.assertEqual(first[100], 5, "an inner page")
            file.seek((int.from_bytes(first[108:112], "big") - 1) * PAGE)
            file.write(b"\xff" * PAGE)
        self.store = await self.open()
        self.assertEqual(self.store.health()["status"], "degraded")
        self.assertEqual(await self.count(), REPORTS)
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(device["name"], "Van 1")

    async def test_what_it_says_of_its_pages_may_be_nonsense(self) -> None:
        self.store = await self.open()
        await self.store.stop()
        for nonsense in (None, "", "[]", '{"reports": "x", "commands": -1}', b"\xff"):
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute(
                    "UPDATE meta SET value = ? WHERE key = 'roots'", (nonsense,)
                )
                connection.commit()
            first = self.path.read_bytes()[:PAGE]
            self.damage()
            fresh = self.path.with_name("fresh")
            fresh.unlink(missing_ok=True)
            with closing(schema.connect(fresh)) as connection:
                schema.prepare(connection, fresh)
            first_page.restore(self.path, fresh)
            with closing(sqlite3.connect(self.path)) as connection:
                (reports,) = connection.execute(
                    "SELECT count(*) FROM reports"
                ).fetchone()
            self.assertEqual(reports, REPORTS)
            with self.path.open("r+b") as file:
                file.write(first)
        with self.assertRaises(StoreUnavailable):
            await self.store.commands()
        self.store = await self.open()
