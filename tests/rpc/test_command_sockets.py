"""The verbs of commands and registrations over real sockets of this host, with both
clients."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from gatewaykit import access
from gatewaykit.errors import AccessDenied, CommandRefused, MisuseError, NotFound
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.blocking import BlockingClient
from gatewaykit.rpc.client import GatewayClient, connect
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryCommands, MemoryStore
from tests.rpc.common import FakeFleet

reactor: Any = global_reactor
IMEI = "864000000000001"
STRANGER = "864000000000002"


class CommandSocketTests(TestCase):
    def setUp(self) -> None:
        self.store = MemoryStore(reactor)
        self.commands = MemoryCommands(self.store)
        fleet = FakeFleet()
        self.factory = RpcFactory(
            {
                **GatewayAnswers(self.store, fleet, [], reactor).table(),
                **CommandAnswers(self.commands, self.store).table(),
                **DeviceAnswers(self.store, fleet).table(),
            },
            self.store,
            reactor,
        )
        # A unix path must be short; trial's own directories may not be.
        directory = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, directory)
        self.path = directory / "s"

    async def listen(self, text: str) -> Any:
        port = await serverFromString(reactor, text).listen(self.factory)
        self.addCleanup(port.stopListening)
        self.addCleanup(self.factory.close_all)
        return port

    async def client(self, endpoint: str) -> GatewayClient:
        client = await connect(endpoint, reactor)
        self.addCleanup(client.close)
        return client

    def test_a_vehicle_is_registered_blocked_and_watched(self) -> Deferred[None]:
        async def story() -> None:
            await self.listen(f"unix:{self.path}")
            client = await self.client(f"unix:{self.path}")
            await client.register_device(
                IMEI, name="Z\u00fcrich 7", model="GV50", timezone_offset="-03:00"
            )
            self.assertEqual((await client.device(IMEI))["name"], "Z\u00fcrich 7")
            command = await client.queue_command(
                IMEI, "block", {}, expires_in_s=60.5, override="theft"
            )
            self.assertEqual(command["requested_by"], f"uid:{os.getuid()}")
            self.assertEqual(command["override"], "theft")
            seen: list[str] = []

            def follow(record: Record) -> None:
                seen.append(record["status"])
                step = {
                    "pending": self.commands.send,
                    "sent": self.commands.confirm,
                    "confirmed": self.commands.verify,
                }[record["status"]]
                if record["verified_at"] is None:
                    step(record["id"])

            last = await client.wait_for_command(command["id"], 30.0, follow)
            self.assertEqual(seen, ["pending", "sent", "confirmed", "confirmed"])
            self.assertIsNotNone(last["verified_at"])
            self.assertEqual(await client.get_command(command["id"]), last)
            with self.assertRaises(CommandRefused):
                await client.cancel_command(command["id"])
            records = [record async for record in client.iter_audit()]
            self.assertIsNone(access.verify(records))
            self.assertEqual(
                [record["outcome"] for record in records],
                ["done", "asked", "failed: COMMAND_REFUSED"],
            )

        return Deferred.fromCoroutine(story())

    def test_a_stranger_is_claimed(self) -> Deferred[None]:
        async def story() -> None:
            await self.listen(f"unix:{self.path}")
            client = await self.client(f"unix:{self.path}")
            await client.set_policy(STRANGER, "quarantined")
            page = await client.devices(policy="quarantined")
            self.assertEqual([device["imei"] for device in page.records], [STRANGER])
            await client.claim_device(STRANGER, group="north")
            with self.assertRaises(CommandRefused):
                await client.claim_device(STRANGER)
            await client.update_device(STRANGER, clear=["group"], name="x")
            device = await client.device(STRANGER)
            self.assertEqual(
                (device["policy"], device["name"], device["group"]),
                ("accepted", "x", None),
            )
            await client.refuse_device(STRANGER)
            found = [record async for record in client.iter_devices("refused")]
            self.assertEqual(len(found), 1)

        return Deferred.fromCoroutine(story())

    def test_tcp_peers_are_refused(self) -> Deferred[None]:
        async def story() -> None:
            port = await self.listen("tcp:0:interface=127.0.0.1")
            client = await self.client(f"tcp:127.0.0.1:{port.getHost().port}")
            for call in (
                client.queue_command(IMEI, "block"),
                client.list_commands(),
                client.register_device(IMEI, name="x"),
                client.claim_device(STRANGER),
                client.audit_trail(),
            ):
                with self.assertRaises(AccessDenied):
                    await call
            self.assertIsNone(await self.store.device(IMEI))
            self.assertEqual((await client.events()).records, [])

        return Deferred.fromCoroutine(story())

    def test_every_verb_with_the_blocking_client(self) -> Deferred[None]:
        def work() -> list[str]:
            with BlockingClient(f"unix:{self.path}") as gateway:
                gateway.call(verbs.RegisterDevice, imei=IMEI, block_level=1)
                gateway.call(
                    verbs.UpdateDevice, imei=IMEI, model="GV50", clear=["block_level"]
                )
                gateway.call(verbs.SetPolicy, imei=STRANGER, policy="quarantined")
                gateway.call(verbs.ClaimDevice, imei=STRANGER)
                asked = {"imei": IMEI, "kind": "time", "expires_in": 60}
                queued = gateway.call(
                    verbs.QueueCommand, parameters={"offset": "+02:00"}, **asked
                )["command"]
                found = gateway.call(verbs.GetCommand, id=queued["id"])["command"]
                self.assertEqual(found, queued)
                listed = gateway.call(verbs.ListCommands, imei=IMEI, status="pending")
                self.assertEqual(listed["records"], [queued])
                ended = gateway.call(verbs.CancelCommand, id=queued["id"])["command"]
                gateway.call(verbs.TrustConnection, imei=IMEI)
                kinds = gateway.call(verbs.ListKinds)["kinds"]
                self.assertIn("block", [kind["kind"] for kind in kinds])
                trail = gateway.call(verbs.AuditTrail)["records"]
                self.assertIsNone(access.verify(trail))
                for verb, values, kind in (
                    (verbs.GetCommand, {"id": "0" * 12}, NotFound),
                    (verbs.CancelCommand, {"id": queued["id"]}, CommandRefused),
                    (verbs.QueueCommand, {**asked, "kind": "explode"}, MisuseError),
                ):
                    with self.assertRaises(kind):
                        gateway.call(verb, **values)
                return [ended["status"], *(record["what"] for record in trail)]

        async def story() -> None:
            await self.listen(f"unix:{self.path}")
            self.commands.doubtful.add(IMEI)
            self.assertEqual(
                await deferToThread(work),
                [
                    "failed",
                    *("RegisterDevice", "UpdateDevice", "SetPolicy", "ClaimDevice"),
                    *("command", "command", "trust"),
                ],
            )

        return Deferred.fromCoroutine(story())

    def test_no_client_tells_a_secret(self) -> Deferred[None]:
        """Not even of parameters that cannot be sent."""

        def work() -> list[str]:
            texts = []
            with BlockingClient(f"unix:{self.path}") as gateway:
                for bad in ({"values": ["s3cret"]}, "s3cret", {"s3cret!": "s3cret"}):
                    with self.assertRaises(MisuseError) as caught:
                        gateway.call(
                            verbs.QueueCommand,
                            imei=IMEI,
                            kind="custom",
                            parameters=bad,
                        )
                    texts.append(str(caught.exception))
            return texts

        async def story() -> None:
            await self.listen(f"unix:{self.path}")
            for text in await deferToThread(work):
                self.assertNotIn("s3cret", text)

        return Deferred.fromCoroutine(story())
