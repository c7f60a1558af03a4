"""Commands, registrations and settings on a real file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from gatewaykit import access
from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import DeviceChange
from gatewaykit.store import salvage, sqlite
from gatewaykit.store.writes import DAY_MS
from gatewaykit.vehicles import (
    CONFIRMED,
    FAILED,
    PENDING,
    SENT,
    Command,
    CommandChange,
    Registration,
    SettingChange,
)
from tests.store.support import IMEI, NOW_MS, StoreTestCase, entry

OTHER = "865083030000020"
SECRET = "s3cr3t-apn-password"
ASKED = {"what": "asked"}


def command(number: int = 1, **changes: Any) -> Command:
    values: dict[str, Any] = {
        "id": f"{number:012x}",
        "imei": IMEI,
        "kind": "apn",
        "parameters": {"name": "internet", "password": access.MASK},
        "status": PENDING,
        "created_at": NOW_MS + number,
        "expires_at": NOW_MS + 600_000,
        "requested_by": "uid:0",
        "requested_from": "unix",
        "gateway": "north",
        "secrets": {"password": SECRET},
    }
    return Command(**values | changes)


def step(number: int, expected: str, status: str, **more: Any) -> CommandChange:
    at = NOW_MS + 10_000
    moments = {SENT: "sent_at", CONFIRMED: "confirmed_at", FAILED: "failed_at"}
    set_ = {"status": status, moments[status]: at} | more.pop("set", {})
    return CommandChange(
        f"{number:012x}", (expected,), set_, at, {"what": status}, **more
    )


class CommandTests(StoreTestCase):
    async def add(self, *numbers: int, **changes: Any) -> None:
        for number in numbers:
            await self.store.add_command(command(number, **changes), ASKED)

    async def audited(self) -> list[str]:
        records = (await self.store.audit()).records
        self.assertIsNone(access.verify(records))
        return [record["what"] for record in records]

    async def test_record_has_what_everybody_may_see(self) -> None:
        await self.add(1)
        self.assertEqual(
            await self.store.command(f"{1:012x}"),
            {
                "id": "000000000001",
                "imei": IMEI,
                "kind": "apn",
                "parameters": {"name": "internet", "password": "***"},
                "status": "pending",
                "created_at": "2026-01-31T12:00:00.001Z",
                "expires_at": "2026-01-31T12:10:00.000Z",
                "requested_by": "uid:0",
                "requested_from": "unix",
                "gateway": "north",
                "reason": None,
                "override": None,
                "serial": None,
                "wire": None,
                "sent_at": None,
                "confirmed_at": None,
                "verified_at": None,
                "failed_at": None,
                "late_ack_at": None,
                "attempts": 0,
            },
        )
        self.assertIsNone(await self.store.command("nothing"))

    async def test_id_is_given_once(self) -> None:
        await self.add(1)
        with self.assertRaises(MisuseError):
            await self.add(1)
        self.assertEqual(await self.audited(), ["asked"])

    async def test_change_is_made_with_all_that_belongs_to_it(self) -> None:
        await self.add(1)
        change = step(
            1,
            PENDING,
            CONFIRMED,
            event="configured",
            details={"command": "x"},
            settings=(SettingChange(IMEI, "apn", applied={"name": "internet"}),),
        )
        self.assertTrue(await self.store.change_command(change))
        self.assertFalse(await self.store.change_command(change))
        await self.reopen()
        record = await self.store.command(change.id)
        assert record is not None
        self.assertEqual(
            (record["status"], record["confirmed_at"]),
            (CONFIRMED, "2026-01-31T12:00:10.000Z"),
        )
        (event,) = (await self.store.events(IMEI)).records
        self.assertEqual(
            (event["event"], event["at"]), ("configured", record["confirmed_at"])
        )
        self.assertEqual(await self.audited(), ["asked", "confirmed"])
        await self.store.set_policy(IMEI, "accepted")
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(
            device["settings"],
            {
                "apn": {
                    "wanted": None,
                    "applied": {"name": "internet"},
                    "wanted_at": None,
                    "applied_at": "2026-01-31T12:00:10.000Z",
                }
            },
        )

    async def test_change_that_cannot_be_written_whole_is_not_written(self) -> None:
        await self.add(1)
        with self.assertRaises(TypeError):
            await self.store.change_command(
                step(1, PENDING, SENT, event="x", details={"x": object()})
            )
        record = await self.store.command(f"{1:012x}")
        assert record is not None
        self.assertEqual(record["status"], PENDING)
        self.assertEqual(await self.audited(), ["asked"])

    async def test_change_of_what_is_not_there_or_not_allowed(self) -> None:
        await self.add(1)
        self.assertFalse(await self.store.change_command(step(9, PENDING, SENT)))
        wrongs: tuple[dict[str, Any], ...] = (
            {"imei": OTHER},
            {"secrets": {}},
            {"status": "lost"},
        )
        for wrong in wrongs:
            with self.assertRaises(MisuseError):
                await self.store.change_command(step(1, PENDING, SENT, set=wrong))

    async def test_new_one_takes_the_place_of_others(self) -> None:
        await self.add(1, 2)
        await self.store.change_command(step(2, PENDING, SENT))
        ended = [step(n, PENDING, FAILED) for n in (1, 2)]
        wanted = SettingChange(IMEI, "apn", wanted={"name": "other"})
        done = await self.store.add_command(command(3), ASKED, ended, [wanted])
        self.assertEqual(done, [True, False])
        statuses = [r["status"] for r in (await self.store.commands()).records]
        self.assertEqual(statuses, [PENDING, SENT, FAILED])
        self.assertEqual(
            await self.audited(), ["asked", "asked", "sent", "asked", "failed"]
        )

    async def test_they_are_listed_newest_first(self) -> None:
        await self.add(*range(1, 6))
        await self.add(6, imei=OTHER)
        await self.store.change_command(step(2, PENDING, SENT))
        seen, cursor = [], None
        while True:
            page = await self.store.commands(IMEI, cursor=cursor, limit=2)
            seen += [int(record["id"], 16) for record in page.records]
            if (cursor := page.cursor) is None:
                break
        self.assertEqual(seen, [5, 4, 3, 2, 1])
        for imei, status, expected in (
            (None, PENDING, [6, 5, 4, 3, 1]),
            (IMEI, SENT, [2]),
            (OTHER, SENT, []),
        ):
            page = await self.store.commands(imei, status)
            self.assertEqual([int(r["id"], 16) for r in page.records], expected)
        with self.assertRaises(MisuseError):
            await self.store.commands(status="lost")
        with self.assertRaises(MisuseError):
            await self.store.commands(cursor="x")

    async def test_what_may_still_change_is_loaded_with_its_secrets(self) -> None:
        await self.add(*range(1, 8))
        for number in range(2, 8):
            await self.store.change_command(step(number, PENDING, SENT))
        await self.store.change_command(step(3, SENT, CONFIRMED))
        verified = {"verified_at": NOW_MS}
        await self.store.change_command(step(4, SENT, CONFIRMED, set=verified))
        await self.store.change_command(step(5, SENT, FAILED))
        late = {"late_ack_at": NOW_MS}
        await self.store.change_command(step(6, SENT, FAILED, set=late))
        old = {"sent_at": NOW_MS - 1}
        await self.store.change_command(step(7, SENT, FAILED, set=old))
        await self.reopen()
        loaded = await self.store.load_commands(NOW_MS)
        self.assertEqual([int(c.id, 16) for c in loaded], [1, 2, 3, 5])
        self.assertEqual(loaded[0], command(1))
        self.assertEqual([bool(c.secrets) for c in loaded], [True, True, False, False])

    async def test_secrets_of_what_is_finished_are_nowhere_in_the_file(self) -> None:
        for number in range(1, 30):
            await self.add(number, secrets={"password": f"{SECRET}{number:03}"})
        for number in range(1, 30):
            status = CONFIRMED if number % 2 else FAILED
            await self.store.change_command(step(number, PENDING, status))
        await self.store.stop()
        self.assertNotIn(SECRET.encode(), self.path.read_bytes())
        self.store = await self.open()

    async def test_finished_ones_go_with_age_and_their_audit_stays(self) -> None:
        self.patch(sqlite, "EXPIRE_ROWS", 3)
        await self.add(*range(1, 20))
        for number in range(2, 20):
            await self.store.change_command(step(number, PENDING, FAILED))
        self.wall = NOW_MS + 3 * DAY_MS
        await self.add(20, created_at=self.wall, status=FAILED)
        await self.reopen(retention_days=2)
        await self.store._expire()
        left = [int(r["id"], 16) for r in (await self.store.commands()).records]
        self.assertEqual(left, [20, 1])
        self.assertEqual(len(await self.audited()), 38)

    async def test_none_goes_on_its_first_day_however_small_the_file(self) -> None:
        await self.add(1, status=FAILED)
        self.wall = NOW_MS + DAY_MS // 2
        await self.store.append([entry(1, received_at=self.wall)])
        await self.reopen(retention_bytes=1)
        await self.store._expire()
        self.assertEqual((await self.store.history(IMEI)).records, [])
        self.assertEqual(len((await self.store.commands()).records), 1)

    async def test_what_a_damaged_file_had_open_is_failed(self) -> None:
        await self.add(1, 2, 3)
        await self.store.change_command(step(2, PENDING, SENT))
        await self.store.change_command(step(3, PENDING, CONFIRMED))
        await self.store.register(IMEI, {"name": "Van 1", "group": "north"})
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", NOW_MS, NOW_MS, blocked=False)]
        )
        await self.store.add_command(
            command(4), ASKED, settings=(SettingChange(IMEI, "apn", {"name": "x"}),)
        )
        before = await self.store.device(IMEI)
        await self.store.stop()
        with self.path.open("r+b") as file:
            file.write(b"\xff" * 4096)
        self.store = await self.open()
        self.assertEqual(await self.store.device(IMEI), before)
        records = (await self.store.commands()).records
        self.assertEqual(
            [(int(r["id"], 16), r["status"], r["reason"]) for r in records],
            [
                (4, FAILED, salvage.OPEN_COMMAND),
                (3, CONFIRMED, None),
                (2, FAILED, salvage.OPEN_COMMAND),
                (1, FAILED, salvage.OPEN_COMMAND),
            ],
        )
        self.assertEqual(records[0]["failed_at"], "2026-01-31T12:00:00.000Z")
        audit = (await self.store.audit()).records[-1]
        self.assertEqual(
            audit["arguments"]["commands"], "000000000001, 000000000002, 000000000004"
        )
        await self.store.stop()
        self.assertNotIn(SECRET.encode(), self.path.read_bytes())
        self.store = await self.open()
        await self.add(5)
        with closing(sqlite3.connect(self.path)) as other:
            (seq,) = other.execute("SELECT max(seq) FROM commands").fetchone()
        self.assertEqual(seq, 5)

    async def test_poisonous_rows_are_not_saved(self) -> None:
        await self.add(1, 2, 3)
        await self.store.register(IMEI, {"name": "Van 1"})
        await self.store.stop()
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            for poison in (
                "UPDATE commands SET status = 'lost' WHERE seq = 1",
                "UPDATE commands SET created_at = 1 << 60 WHERE seq = 2",
                "UPDATE registrations SET timezone_offset_min = 100000",
                "INSERT INTO device_settings VALUES ('1', 'apn', '[', NULL, NULL, NULL)",
            ):
                other.execute(poison)
        with self.path.open("r+b") as file:
            file.write(b"\xff" * 4096)
        self.store = await self.open()
        records = (await self.store.commands()).records
        self.assertEqual([int(r["id"], 16) for r in records], [3])
        with closing(sqlite3.connect(self.path)) as other:
            for table in ("registrations", "device_settings"):
                (rows,) = other.execute(f"SELECT count(*) FROM {table}").fetchone()
                self.assertEqual(rows, 0)


class RegistrationTests(StoreTestCase):
    async def test_only_what_is_given_changes(self) -> None:
        first = await self.store.register(IMEI, {"name": "Van 1", "block_level": 0})
        self.assertEqual(first, Registration(name="Van 1", block_level=0))
        second = await self.store.register(IMEI, {"name": None, "group": "north"})
        self.assertEqual(second, Registration(group="north", block_level=0))

    async def test_it_is_in_the_device_before_what_reports_tell(self) -> None:
        await self.store.append([entry(1, fields={"name": "GV50"})])
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual((device["name"], device["model"]), ("GV50", "model of 090302"))
        await self.store.register(
            IMEI,
            {
                "name": "Van 1",
                "model": "GV55",
                "group": "north",
                "timezone_offset_min": -210,
                "block_level": 1,
                "password_ref": "fleet",
            },
        )
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual(
            {name: device[name] for name in list(device) if name != "latest"},
            {
                "imei": IMEI,
                "name": "Van 1",
                "model": "GV55",
                "protocol_version": "090302",
                "policy": "accepted",
                "status": "unknown",
                "since": device["since"],
                "last_seen": device["last_seen"],
                "gateway": None,
                "ignition": None,
                "outputs": None,
                "blocked": None,
                "group": "north",
                "block_level": 1,
                "password_ref": "fleet",
                "timezone_offset": "-03:30",
                "timezone_source": "set",
                "settings": {},
            },
        )

    async def test_fleet_starts_from_it(self) -> None:
        await self.store.register(IMEI, {"name": "Van 1"})
        await self.store.record_changes(
            [
                DeviceChange(IMEI, "online", NOW_MS, NOW_MS, blocked=True),
                DeviceChange(OTHER, "online", NOW_MS, NOW_MS, blocked=False),
                DeviceChange(OTHER, "offline", NOW_MS, NOW_MS),
            ]
        )
        rows = {row.imei: row for row in await self.store.load_devices()}
        self.assertEqual(
            [(rows[i].blocked, rows[i].registration) for i in (IMEI, OTHER)],
            [(True, Registration(name="Van 1")), (False, None)],
        )

    async def test_device_not_met_yet_is_known_and_accepted(self) -> None:
        await self.store.register(OTHER, {})
        device = await self.store.device(OTHER)
        assert device is not None
        self.assertEqual((device["policy"], device["last_seen"]), ("accepted", None))

    async def test_policy_is_decided_with_it(self) -> None:
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", NOW_MS, NOW_MS, policy="quarantined")]
        )
        await self.store.quarantine([entry(1)])
        await self.store.register(IMEI, {"name": "Van 1"})
        self.assertEqual((await self.store.history(IMEI)).records, [])
        await self.store.register(IMEI, {"group": "north"}, "accepted")
        self.assertEqual(len((await self.store.history(IMEI)).records), 1)

    async def test_what_cannot_be_is_refused_whole(self) -> None:
        for values, policy in (
            ({"name": "Van 1", "colour": "red"}, None),
            ({"name": "Van 1", "block_level": 2}, None),
            ({"name": "Van 1", "timezone_offset_min": 841}, None),
            ({"name": ""}, None),
            ({"name": "Van 1"}, "loved"),
        ):
            with self.assertRaises(MisuseError):
                await self.store.register(IMEI, values, policy)
        self.assertIsNone(await self.store.device(IMEI))

    async def test_devices_of_a_policy(self) -> None:
        await self.store.set_policy(IMEI, "quarantined")
        await self.store.set_policy(OTHER, "accepted")
        page = await self.store.devices(policy="quarantined")
        self.assertEqual([d["imei"] for d in page.records], [IMEI])
        with self.assertRaises(MisuseError):
            await self.store.devices(policy="loved")
