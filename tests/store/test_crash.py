"""A process that is killed while it writes commands leaves each step whole or not made."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from gatewaykit import access
from tests.store.support import IMEI, StoreTestCase

ROUNDS = 8
_WRITER = """
import sys
from itertools import count
from pathlib import Path
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.vehicles import Command, CommandChange, SettingChange
from tests.store.support import IMEI, NOW_MS, render

async def write():
    store = SqliteStore(Path(sys.argv[1]), reactor, render)
    await store.start()
    found = (await store.commands(limit=1)).records
    before = found[0]["id"] if found else None
    for number in count(int(before, 16) + 1 if before else 1):
        id_ = f"{number:012x}"
        superseded = [] if before is None else [
            CommandChange(before, ("pending",), {"status": "failed"}, NOW_MS,
                {"what": "failed", "id": before}, "superseded")]
        await store.add_command(
            Command(id_, IMEI, "block", {}, "pending", NOW_MS, NOW_MS, "", "", ""),
            {"what": "asked", "id": id_}, superseded,
            [SettingChange(IMEI, "server", {"command": id_})])
        print(id_, flush=True)
        before = id_

Deferred.fromCoroutine(write()).addErrback(
    lambda failure: (failure.printTraceback(), reactor.stop()))
reactor.run()
"""


class CrashTests(StoreTestCase):
    async def test_killed_writer_leaves_whole_steps(self) -> None:
        await self.store.set_policy(IMEI, "accepted")
        for round_ in range(ROUNDS):
            await self.store.stop()
            told = self.written_until_killed(lines=5 + 7 * round_)
            self.store = await self.open()
            await self.check(told)

    def written_until_killed(self, lines: int) -> str:
        """The last command that the process was told to be durable."""
        with subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(self.path.absolute())],
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(lines)]
            process.kill()
            told += process.stdout.readlines()
        ids = [line.strip() for line in told if line.endswith("\n")]
        self.assertTrue(ids)
        return ids[-1]

    async def check(self, told: str) -> None:
        page = await self.store.commands(limit=100_000, max_bytes=1 << 30)
        newest, *others = page.records
        self.assertGreaterEqual(newest["id"], told)
        self.assertEqual(newest["status"], "pending")
        self.assertEqual({record["status"] for record in others}, {"failed"})
        device = await self.store.device(IMEI)
        assert device is not None
        wanted = device["settings"]["server"]["wanted"]
        self.assertEqual(wanted, {"command": newest["id"]}, json.dumps(wanted))
        events = await self.store.events(limit=100_000, max_bytes=1 << 30)
        self.assertEqual(len(events.records), len(others))
        records, cursor = [], None
        while True:
            audit = await self.store.audit(cursor)
            records += audit.records
            if (cursor := audit.cursor) is None:
                break
        self.assertEqual(len(records), len(page.records) + len(others))
        self.assertIsNone(access.verify(records))
