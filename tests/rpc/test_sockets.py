"""Server and client over real sockets of this host."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.protocols import amp
from twisted.trial.unittest import TestCase

from gatewaykit import access
from gatewaykit.errors import AccessDenied, ConnectionFailed
from gatewaykit.interfaces import Page
from gatewaykit.rpc import server, verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.client import GatewayClient, connect
from gatewaykit.rpc.server import GatewayServer, RpcFactory
from gatewaykit.testing import MemoryStore
from tests.rpc.common import IMEI, report

reactor: Any = global_reactor


class SocketTests(TestCase):
    timeout = 20

    def setUp(self) -> None:
        self.store = MemoryStore(reactor)
        answers = GatewayAnswers(self.store, None, [], reactor).table()
        self.factory = RpcFactory(answers, self.store, reactor)

    async def serve(self, endpoint: str) -> Any:
        port = await serverFromString(reactor, endpoint).listen(self.factory)
        self.addCleanup(self.factory.close_all)
        self.addCleanup(port.stopListening)
        return port

    async def unix(self) -> str:
        path = Path(self.mktemp()).parent / "s"
        await self.serve(f"unix:{path}:mode=660")
        return f"unix:{path}"

    async def tcp(self) -> str:
        port = await self.serve("tcp:0:interface=127.0.0.1")
        return f"tcp:127.0.0.1:{port.getHost().port}"

    async def client(self, endpoint: str) -> GatewayClient:
        client = await connect(endpoint, reactor)
        self.addCleanup(client.close)
        return client

    async def test_own_user_may_do_everything_on_the_unix_socket(self) -> None:
        client = await self.client(await self.unix())
        await client.set_policy(IMEI, "refused")
        (record,) = self.store.audit_records
        self.assertEqual(record["who"], f"uid:{os.geteuid()}")
        self.assertEqual(record["from_where"], "unix")
        self.assertIsNone(access.verify([record]))

    async def test_loopback_tcp_may_look_and_not_touch(self) -> None:
        client = await self.client(await self.tcp())
        self.assertEqual((await client.info()).api, verbs.API_LEVEL)
        with self.assertRaises(AccessDenied):
            await client.set_policy(IMEI, "refused")
        (record,) = self.store.audit_records
        self.assertEqual(record["who"], "anonymous")
        self.assertRegex(record["from_where"], r"^tcp:127\.0\.0\.1:[0-9]+$")

    async def test_a_name_resolves(self) -> None:
        endpoint = (await self.tcp()).replace("127.0.0.1", "localhost")
        client = await self.client(endpoint)
        self.assertEqual((await client.health()).status, "ok")

    async def test_long_history_comes_in_pages(self) -> None:
        for number in range(1000):
            self.store.add_report(report(number, raw="x" * 500))
        client = await self.client(await self.unix())
        found = [record async for record in client.iter_history(IMEI)]
        self.assertEqual(len(found), 1000)
        self.assertEqual(len({record["id"] for record in found}), 1000)

    async def test_stop_fails_the_calls_that_wait(self) -> None:
        never: Deferred[Page] = Deferred()
        self.store.devices = lambda *_: never  # type: ignore[method-assign]
        client = await self.client(await self.tcp())
        call = client.devices()
        await client.info()
        await self.factory.close_all()
        with self.assertRaises(ConnectionFailed):
            await call
        never.callback(Page([], None))

    async def test_client_that_never_reads_is_held_up_and_cut_off(self) -> None:
        self.store.add_report(report(raw="x" * 50_000))
        address = (await self.tcp()).split(":")
        request = verbs.History.makeArguments({"imei": IMEI}, None)
        request.update({amp.COMMAND: b"History", amp.ASK: b"1"})
        asked = 0
        real_history = self.store.history

        def history(*arguments: Any) -> Deferred[Page]:
            nonlocal asked
            asked += 1
            return real_history(*arguments)

        self.store.history = history  # type: ignore[assignment,method-assign]
        held: Deferred[None] = Deferred()

        class Watched(GatewayServer):
            def pauseProducing(self) -> None:
                super().pauseProducing()
                if not held.called:
                    held.callback(None)

        self.patch(server, "GatewayServer", Watched)
        with socket.create_connection((address[1], int(address[2]))) as greedy:
            greedy.setblocking(False)
            greedy.send(request.serialize() * 1000)
            await held
            self.assertLess(asked, 500)
            await self.factory.close_all(grace_s=0.1)
        self.assertEqual(self.factory.health()["connections"], 0)

    async def test_nobody_listens(self) -> None:
        with self.assertRaises(ConnectionFailed):
            await connect("unix:no.sock", reactor)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        with self.assertRaises(ConnectionFailed):
            await connect(f"tcp:127.0.0.1:{port}", reactor)
