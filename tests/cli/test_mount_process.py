"""`gatewayctl mount` as a process, against a real endpoint with a mount in memory."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.trial.unittest import TestCase

from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryMount, MemoryStore
from gatewaykit.tts160.registry import Registry
from tests.cli.test_gateway import Command

reactor: Any = installed_reactor


class MountProcessTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]
        # Not in the tests' directory: the path of a socket is at most 107 bytes long.
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        path = str(Path(directory, "gateway.sock"))
        self.endpoint = f"unix:{path}"
        self.store = MemoryStore(reactor)
        self.mount = MemoryMount(reactor.seconds, slew_s=0.5)
        answers = {
            **GatewayAnswers(self.store, None, [], reactor).table(),
            **MountAnswers(self.mount, Registry).table(),
        }
        self.factory = RpcFactory(answers, self.store, reactor)
        self.port = await UNIXServerEndpoint(reactor, path).listen(self.factory)
        self.addCleanup(self.stop)

    async def stop(self) -> None:
        await maybeDeferred(self.port.stopListening)
        await self.factory.close_all()

    def command(self, *args: str) -> Command:
        return Command(self, "--endpoint", self.endpoint, "mount", *args)

    async def test_slew_arrives(self) -> None:
        command = self.command("slew", "5:47:12", "-5:23:28", "--wait", "--json")
        await command.ended
        self.assertEqual((command.code, command.err), (0, b""))
        self.assertFalse(json.loads(command.out)["slewing"])
        self.assertEqual(self.store.audit_records[0]["what"], "MountSlew")

    async def test_ctrl_c_stops_what_moves(self) -> None:
        begun: Deferred[None] = Deferred()
        move_axis = self.mount.move_axis

        def noticed(*arguments: Any) -> Deferred[float]:
            if not begun.called:
                reactor.callLater(0, begun.callback, None)
            return move_axis(*arguments)

        self.patch(self.mount, "move_axis", noticed)
        command = self.command("move", "north", "1", "--for", "60")
        await begun
        self.assertEqual((await self.mount.status())["moving"], ["north"])
        command.process.signalProcess("INT")
        await command.ended
        self.assertEqual((command.code, command.err), (130, b""))
        self.assertEqual(
            self.mount.deeds,
            [("move_axis", "north", 1.0), ("move_axis", "north", 0.0)],
        )

    async def test_killed_stops_what_moves(self) -> None:
        released: Deferred[None] = Deferred()
        release = self.mount.release

        def noticed(holder: Any) -> None:
            release(holder)
            released.callback(None)

        self.patch(self.mount, "release", noticed)
        renewed: Deferred[None] = Deferred()
        renew_axis = self.mount.renew_axis

        def renew(*arguments: Any) -> float:
            if not renewed.called:
                reactor.callLater(0, renewed.callback, None)
            return renew_axis(*arguments)

        self.patch(self.mount, "renew_axis", renew)
        command = self.command("move", "west", "0.5", "--for", "60")
        await renewed
        command.process.signalProcess("KILL")
        await released
        self.assertEqual(self.mount.deeds[-1], ("release", "west"))
        await command.ended
