"""The store in memory, which tests stand on, answers as the one on disk does."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from gatewaykit import access
from gatewaykit.errors import GatewayError
from gatewaykit.interfaces import DeviceChange, IStore
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.testing import MemoryStore
from gatewaykit.vehicles import Command, CommandChange, SettingChange
from tests.store.support import NOW_MS, render

IMEIS = ("865083030000012", "865083030000020", "865083030000038")
STATUSES = ("pending", "sent", "confirmed", "failed")
POLICIES = ("accepted", "quarantined", "refused")
Call = Callable[[Any], Any]


class Story:
    """Random things that are asked of a store."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._ids: list[str] = []
        self._moment = NOW_MS

    def next(self) -> tuple[str, Call]:
        self._moment += 1000
        return self._chance.choice(
            (
                self._add,
                self._add,
                self._change,
                self._change,
                self._change,
                self._register,
                self._devices_changed,
                self._policy,
                self._commands,
                self._one,
                self._load,
                self._audit,
            )
        )()

    def _maybe(self, *values: Any) -> Any:
        return self._chance.choice((None, *values))

    def _id(self) -> str:
        return self._chance.choice([*self._ids[-6:], "f" * 12])

    def _settings(self) -> tuple[SettingChange, ...]:
        return tuple(
            SettingChange(
                self._chance.choice(IMEIS),
                self._chance.choice(("server", "apn")),
                self._maybe({"host": f"h{self._moment}"}),
                self._maybe({"host": f"a{self._moment}"}),
            )
            for _ in range(self._chance.choice((0, 0, 1, 2)))
        )

    def _a_change(self) -> CommandChange:
        chance = self._chance
        status = chance.choice(STATUSES)
        values: dict[str, Any] = {"status": status}
        if status != "pending":
            moment = {"sent": "sent_at", "confirmed": "confirmed_at"}
            values[moment.get(status, "failed_at")] = self._moment
        if chance.random() < 0.3:
            values["reason"] = self._maybe("waiting: speed 63 km/h")
        if chance.random() < 0.3:
            values |= {"wire": "AT+GTOUT=***", "serial": "0A3F", "attempts": 1}
        if chance.random() < 0.2:
            values[chance.choice(("verified_at", "late_ack_at"))] = self._moment
        if chance.random() < 0.1:
            values |= chance.choice(
                ({"kind": "x"}, {"status": "lost"}, {"attempts": None}, {"wire": 5})
            )
        return CommandChange(
            self._id(),
            tuple(chance.sample(STATUSES, chance.randrange(1, 4))),
            values,
            self._moment,
            audit=self._maybe({"what": "command", "at": self._moment}),
            event=self._maybe("late_ack"),
            details={"id": 7, "bad": object()} if chance.random() < 0.05 else {"id": 7},
            settings=self._settings(),
        )

    def _add(self) -> tuple[str, Call]:
        chance = self._chance
        id_ = self._id() if chance.random() < 0.1 else f"{chance.getrandbits(48):012x}"
        command = Command(
            id_,
            chance.choice(IMEIS),
            chance.choice(("block", "unblock", "server")),
            {"password": access.MASK, "n": chance.randrange(9)},
            chance.choice((*STATUSES, "pending", "pending", "odd")),
            self._moment,
            self._moment + 600_000,
            "uid:0",
            "unix",
            "gateway",
            secrets={"password": "secret"},
            override=self._maybe("towed away"),
        )
        self._ids.append(id_)
        superseded = [self._a_change() for _ in range(chance.randrange(3))]
        settings = self._settings()
        audit = {"what": "asked", "bad": object()} if chance.random() < 0.05 else {}
        return f"add {command} {superseded}", lambda s: s.add_command(
            command, audit, superseded, settings
        )

    def _change(self) -> tuple[str, Call]:
        change = self._a_change()
        return f"change {change}", lambda s: s.change_command(change)

    def _register(self) -> tuple[str, Call]:
        chance = self._chance
        imei = chance.choice(IMEIS)
        everything = {
            "name": self._maybe("Van 1", "", "a\nb", "x" * 101),
            "model": self._maybe("GV50", 50),
            "group": self._maybe("north"),
            "timezone_offset_min": self._maybe(-180, 345, 841, True),
            "block_level": self._maybe(0, 1, 2, False),
            "password_ref": self._maybe("fleet"),
            "colour": "red",
        }
        names = chance.sample(sorted(everything), chance.randrange(4))
        values = {name: everything[name] for name in names}
        policy = self._maybe(*POLICIES, "loved") if chance.random() < 0.4 else None
        return f"register {values} {policy}", lambda s: s.register(imei, values, policy)

    def _devices_changed(self) -> tuple[str, Call]:
        chance = self._chance
        changes = [
            DeviceChange(
                chance.choice(IMEIS),
                chance.choice(("online", "offline")),
                self._moment,
                self._moment,
                self._maybe("online"),
                policy=chance.choice(POLICIES),
                blocked=self._maybe(True, False),
            )
        ]
        return f"changes {changes}", lambda s: s.record_changes(changes)

    def _policy(self) -> tuple[str, Call]:
        imei, policy = self._chance.choice(IMEIS), self._chance.choice(POLICIES)
        return f"policy {policy}", lambda s: s.set_policy(imei, policy)

    def _commands(self) -> tuple[str, Call]:
        imei, status = self._maybe(*IMEIS), self._maybe(*STATUSES, "odd")
        return "commands", lambda s: s.commands(imei, status)

    def _one(self) -> tuple[str, Call]:
        id_ = self._id()
        return f"one {id_}", lambda s: s.command(id_)

    def _load(self) -> tuple[str, Call]:
        since = self._moment - self._chance.randrange(60_000)
        return "load", lambda s: s.load_commands(since)

    def _audit(self) -> tuple[str, Call]:
        return "audit", lambda s: s.append_audit({"what": "asked"})


async def everything(store: Any) -> dict[str, Any]:
    """All that a store has, read page by page."""
    calls: dict[str, Callable[..., Any]] = {
        "devices": store.devices,
        "commands": store.commands,
        "events": store.events,
        "audit": store.audit,
    }
    for policy in POLICIES:
        calls[policy] = lambda policy=policy, **page: store.devices(
            policy=policy, **page
        )
    found: dict[str, Any] = {}
    for name, call in calls.items():
        records, cursor = [], None
        while True:
            page = await call(cursor=cursor, limit=3)
            records += page.records
            if (cursor := page.cursor) is None:
                break
        found[name] = records
    found["rows"] = sorted(await store.load_devices(), key=lambda row: row.imei)
    found["open"] = await store.load_commands(0)
    found["one"] = [await store.device(imei) for imei in IMEIS]
    return found


class AgreementTests(TestCase):
    async def test_both_tell_the_same_story(self) -> None:
        for seed in range(12):
            await self.told(seed)

    async def told(self, seed: int) -> None:
        clock = Clock()
        clock.advance(NOW_MS / 1000)
        memory = MemoryStore(clock)
        disk = SqliteStore(Path(self.mktemp()), reactor, render, wall_ms=lambda: NOW_MS)
        await disk.start()
        try:
            story = Story(seed)
            for step in range(150):
                words, call = story.next()
                quick, slow = [await self.answer(call, s) for s in (memory, disk)]
                self.assertEqual(quick, slow, f"{seed}.{step}: {words}")
            whole = [await everything(store) for store in (memory, disk)]
            for name, records in whole[0].items():
                self.assertEqual(records, whole[1][name], f"{seed}: {name}")
            self.assertIsNone(access.verify(whole[1]["audit"]))
            self.assertTrue(whole[0]["commands"])
            self.assertNotIn("secret", str(whole[1]["commands"]))
        finally:
            await disk.stop()

    async def answer(self, call: Call, store: IStore) -> object:
        try:
            return await call(store)
        except (GatewayError, TypeError) as error:
            return type(error), str(error)
