"""The mount's verbs over real sockets of this host, with both clients."""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from gatewaykit.errors import AccessDenied, MisuseError, MotionStopped
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.blocking import BlockingClient
from gatewaykit.rpc.client import connect
from gatewaykit.rpc.mount_answers import MountAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryMount, MemoryStore, mount_record
from gatewaykit.tts160.registry import Registry

reactor: Any = global_reactor
AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
CALLS: tuple[tuple[type[verbs.Verb], dict[str, Any], dict[str, Any]], ...] = (
    (verbs.MountStatus, {}, {"mount": mount_record()}),
    (verbs.MountVariables, {"variables": ["RA"]}, {"values": {"RA": 1.5}}),
    (
        verbs.RegisterBinaryFormat,
        {"name": "pair", "format": "2i", "field_names": ["h", "e"]},
        {},
    ),
    (
        verbs.MountCommand,
        {"text": ":*!G T1,2#", "type": "auto"},
        {
            "answer": {
                "kind": "binary",
                "format": "ii",
                "values": {"h": 0, "e": 0},
            }
        },
    ),
    (
        verbs.MountCommand,
        {"text": ":*!S 05;\x03#\xff#"},
        {"answer": {"kind": "set", "entries": [[1, 0]]}},
    ),
    (verbs.MountCase, {"number": 5}, {"format": "1m", "values": [[0.0] * 9]}),
    (
        verbs.MountSync,
        {"right_ascension_h": 5.0, "declination_deg": -1.0},
        {"text": "Coordinates matched."},
    ),
    (verbs.MountTracking, {"on": True, "rate": "solar"}, {}),
    (verbs.MountGuide, {"direction": "east", "duration_ms": 9999}, {}),
    (verbs.MountSite, {"utc_offset_h": -7.5, "at": AT}, {}),
    (verbs.ClearBuffers, {}, {}),
    (
        verbs.MountMoveAxis,
        {"direction": "north", "rate_deg_s": 3.5},
        {"lease_s": 3.0},
    ),
    (verbs.MountMoveAxis, {"direction": "north", "renew": True}, {"lease_s": 3.0}),
    (verbs.MountStop, {}, {}),
    (verbs.MountUnpark, {}, {}),
    (verbs.MountSlew, {"altitude_deg": 45.0, "azimuth_deg": 0.0}, {}),
    (verbs.MountStop, {}, {}),
    (verbs.MountPark, {}, {}),
)
"""Each verb of the mount, what it is given, and what it answers."""


class MountSocketTests(TestCase):
    timeout = 20

    async def setUp(self) -> None:  # type: ignore[override]
        # Not in the tests' directory: the path of a socket is at most 107 bytes long.
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = str(Path(directory, "s"))
        self.endpoint = f"unix:{self.path}"
        self.mount = MemoryMount(reactor.seconds)
        self.mount.blocks.values["RA"] = 1.5
        self.store = MemoryStore(reactor)
        answers = {
            **GatewayAnswers(self.store, None, [], reactor).table(),
            **MountAnswers(self.mount, Registry).table(),
        }
        self.factory = RpcFactory(answers, self.store, reactor)
        await self.listen(f"{self.endpoint}:mode=600")
        self.addCleanup(self.factory.close_all)

    async def listen(self, endpoint: str) -> Any:
        port = await serverFromString(reactor, endpoint).listen(self.factory)
        self.addCleanup(port.stopListening)
        return port

    def test_no_verb_is_left_out(self) -> None:
        answered = set(MountAnswers(self.mount, Registry).table())
        self.assertEqual({verb for verb, _, _ in CALLS}, answered)

    def check_trail(self) -> None:
        """Every change is in it, but for the query and the renewal."""
        changes = [verb.name() for verb, _, _ in CALLS if verb.changes]
        changes.remove("MountCommand")
        changes.remove("MountMoveAxis")
        recorded = [record["what"] for record in self.store.audit_records]
        self.assertEqual(recorded, changes)

    async def test_every_verb_without_a_reactor(self) -> None:
        def ask() -> list[dict[str, Any]]:
            with BlockingClient(self.endpoint) as client:
                return [client.call(verb, **given) for verb, given, _ in CALLS]

        answers = await deferToThread(ask)
        self.assertEqual(answers, [answer for _, _, answer in CALLS])
        self.check_trail()
        self.assertIn(("stop", f"uid:{os.geteuid()}"), self.mount.deeds)

    async def test_every_verb_with_deferreds(self) -> None:
        client = await connect(self.endpoint, reactor)
        self.addCleanup(client.close)
        answers = [await client._call(verb, **given) for verb, given, _ in CALLS]
        self.assertEqual(answers, [answer for _, _, answer in CALLS])
        self.check_trail()

    async def test_axis_stops_when_the_socket_closes(self) -> None:
        released: Deferred[None] = Deferred()
        release = self.mount.release

        def noticed(holder: Any) -> None:
            release(holder)
            released.callback(None)

        self.patch(self.mount, "release", noticed)

        def move() -> None:
            with BlockingClient(self.endpoint) as client:
                client.call(verbs.MountMoveAxis, direction="west", rate_deg_s=1.0)

        await deferToThread(move)
        await released
        self.assertEqual((await self.mount.status())["moving"], [])

    async def test_another_connection_of_the_same_client_renews_nothing(self) -> None:
        def move() -> None:
            with BlockingClient(self.endpoint) as client:
                client.call(verbs.MountMoveAxis, direction="west", rate_deg_s=1.0)
                client.close()
                client.call(verbs.MountMoveAxis, direction="west", renew=True)

        with self.assertRaises(MotionStopped):
            await deferToThread(move)

    async def test_arguments_are_checked_before_anything_is_sent(self) -> None:
        def ask() -> None:
            BlockingClient("unix:/nowhere").call(
                verbs.MountSync, right_ascension_h=24.0, declination_deg=0.0
            )

        with self.assertRaises(MisuseError) as caught:
            await deferToThread(ask)
        self.assertEqual(caught.exception.name, "right_ascension_h")

    async def test_loopback_tcp_may_look_and_not_touch(self) -> None:
        port = await self.listen("tcp:0:interface=127.0.0.1")
        endpoint = f"tcp:127.0.0.1:{port.getHost().port}"

        def ask() -> list[str]:
            outcomes = []
            with BlockingClient(endpoint) as client:
                for verb, given, _ in CALLS:
                    try:
                        client.call(verb, **given)
                    except AccessDenied:
                        outcomes.append(verb.name())
            return outcomes

        refused = await deferToThread(ask)
        changes = [verb.name() for verb, _, _ in CALLS if verb.changes]
        changes.remove("MountCommand")  # a question, which comes before the order
        self.assertEqual(refused, changes)
        self.assertEqual(self.mount.deeds, [])
        self.assertEqual(self.mount.commands, [":*!G T1,2#"])
