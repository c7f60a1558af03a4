"""Registrations with a store on disk: what the answers take for granted of it."""

from __future__ import annotations

from typing import Any

from gatewaykit.access import Principal, Role
from gatewaykit.errors import CommandRefused, NotFound
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.rpc.sessions import Session
from gatewaykit.testing import MemoryCommands
from gatewaykit.vehicles import Registration
from tests.rpc.common import IMEI, FakeFleet
from tests.store.support import StoreTestCase

NOTHING: dict[str, Any] = dict.fromkeys(
    ("name", "group", "model", "timezone_offset", "block_level", "password_ref")
)


class DeviceStoreTests(StoreTestCase):
    async def test_a_device_is_registered_once_and_updated(self) -> None:
        fleet = FakeFleet()
        answers = DeviceAnswers(self.store, fleet)
        given = NOTHING | {"timezone_offset": "-03:30"}
        await answers.register(IMEI, **given)
        with self.assertRaises(CommandRefused):
            await answers.register(IMEI, **NOTHING)
        await answers.update(IMEI, ["timezone_offset"], **NOTHING | {"block_level": 0})
        device = await self.store.device(IMEI)
        assert device is not None
        self.assertEqual((device["block_level"], device["policy"]), (0, "accepted"))
        self.assertEqual(
            fleet.registrations,
            [
                (IMEI, Registration(timezone_offset_min=-210)),
                (IMEI, Registration(block_level=0)),
            ],
        )

    async def test_a_stranger_is_claimed(self) -> None:
        answers = DeviceAnswers(self.store, FakeFleet())
        with self.assertRaises(NotFound):
            await answers.claim(IMEI, **NOTHING)
        await self.store.set_policy(IMEI, "quarantined")
        await answers.claim(IMEI, **NOTHING | {"name": "x"})
        page = await self.store.devices(policy="accepted")
        self.assertEqual([device["name"] for device in page.records], ["x"])

    async def test_commands_are_asked_for_and_read(self) -> None:
        await self.store.register(IMEI, {"model": "GV50"})
        answers = CommandAnswers(MemoryCommands(self.store), self.store)
        session = Session(Principal("x", frozenset({Role.ADMIN}), "unix"))
        queued = await answers.queue(IMEI, "block", None, None, "theft", session)
        found = await answers.command(queued["command"]["id"])
        self.assertEqual(found, queued)
        listed = await answers.commands(IMEI, "pending", None, None)
        self.assertEqual(listed["records"], [queued["command"]])
        ended = await answers.cancel(queued["command"]["id"], session)
        self.assertEqual(ended["command"]["status"], "failed")
        trail = await answers.audit(None, None)
        self.assertEqual(
            [record["outcome"] for record in trail["records"]], ["asked", "cancelled"]
        )
