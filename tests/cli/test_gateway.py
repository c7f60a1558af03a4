"""The command line as a process, against a real endpoint with a store in memory."""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import gpxpy
from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, UNIXServerEndpoint
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from gatewaykit.interfaces import DeviceChange, Page
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryStore
from tests.cli.support import IMEI, OTHER, process_environment
from tests.cli.test_exports import report
from tests.cli.test_tracks import position
from tests.cli.vehicles import StagedCommands
from tests.rpc.common import FakeFleet

reactor: Any = installed_reactor


class Command(ProcessProtocol):
    """`gatewayctl` in a process; what it says and how it ends."""

    def __init__(self, test: TestCase, *args: str, terminal: bool = False) -> None:
        self.out = b""
        self.err = b""
        self.code: int | None = None
        self.signal: int | None = None
        self.ended: Deferred[None] = Deferred()
        self._watches: list[tuple[bytes, Deferred[None]]] = []
        self.process = reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-m", "gatewaykit.cli", *args],
            env=process_environment() | {"TERM": "xterm", "COLUMNS": "130"},
            usePTY=terminal,
        )
        test.addCleanup(self.clean_up)

    async def clean_up(self) -> None:
        """A test that fails leaves no process behind."""
        if not self.ended.called:
            self.process.signalProcess("KILL")
            await self.ended

    def says(self, text: bytes) -> Deferred[None]:
        """Fires once `text` was written to either output."""
        done: Deferred[None] = Deferred()
        self._watches.append((text, done))
        self._look()
        return done

    def outReceived(self, data: bytes) -> None:
        self.out += data
        self._look()

    def errReceived(self, data: bytes) -> None:
        self.err += data
        self._look()

    def _look(self) -> None:
        for watch in list(self._watches):
            text, done = watch
            if text in self.out + self.err:
                self._watches.remove(watch)
                done.callback(None)

    def processEnded(self, reason: Failure) -> None:
        ended = reason.value
        assert isinstance(ended, ProcessDone | ProcessTerminated)
        self.code, self.signal = ended.exitCode, ended.signal
        self.ended.callback(None)


class GatewayTests(TestCase):
    timeout = 60

    async def setUp(self) -> None:  # type: ignore[override]
        # Not in the tests' directory: the path of a socket is at most 107 bytes long.
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        self.path = str(Path(directory, "gateway.sock"))
        self.endpoint = f"unix:{self.path}"
        self.store = MemoryStore(reactor)
        for number in range(300):
            self.store.add_report(
                report(
                    position(30 * number), id=f"{number:032x}", raw="+RESP:GTFRI,\xe9$"
                )
                | {"received_at": "2026-01-31T15:00:00.000Z"}
            )
        await self.store.record_changes(
            [DeviceChange(IMEI, "online", 1769860800000, 1769860800000, "online")]
        )
        self.commands = StagedCommands(self.store, reactor)
        answers = {
            **GatewayAnswers(self.store, FakeFleet(), [], reactor).table(),
            **CommandAnswers(self.commands, self.store).table(),
        }
        self.factory = RpcFactory(answers, self.store, reactor)
        await self.listen()
        self.addCleanup(self.stop)

    async def listen(self) -> None:
        self.port = await UNIXServerEndpoint(reactor, self.path).listen(self.factory)

    async def stop(self) -> None:
        await maybeDeferred(self.port.stopListening)
        await self.factory.close_all()

    async def run_command(self, *args: str) -> Command:
        command = Command(self, "--endpoint", self.endpoint, *args)
        await command.ended
        self.assertNotIn(b"Traceback", command.err)
        return command

    async def test_status(self) -> None:
        command = await self.run_command("status", "--json")
        self.assertEqual((command.code, command.err), (0, b""))
        self.assertEqual(json.loads(command.out)["status"], "ok")

    async def test_devices_and_events(self) -> None:
        devices = await self.run_command("devices", "--json")
        self.assertEqual(json.loads(devices.out)["latest"]["longitude"], 8.5)
        events = await self.run_command("events", "--json", IMEI)
        self.assertEqual(json.loads(events.out)["event"], "online")

    async def test_history_of_many_pages(self) -> None:
        command = await self.run_command("track", IMEI)
        self.assertEqual((command.code, command.err), (0, b""))
        records = [json.loads(line) for line in command.out.splitlines()]
        self.assertEqual([int(r["id"], 16) for r in records], list(range(300)))
        self.assertEqual(records[0]["raw"], "+RESP:GTFRI,\xe9$")

    async def test_history_of_some_time_as_gpx(self) -> None:
        command = await self.run_command(
            *("track", IMEI, "--format", "gpx"),
            *(
                "--since",
                "2026-01-31T12:01:00Z",
                "--until",
                "2026-01-31T13:02:00+01:00",
            ),
        )
        track = gpxpy.parse(command.out.decode()).tracks[0]
        times = [f"{point.time:%H:%M:%S}" for point in track.segments[0].points]
        self.assertEqual(times, ["12:01:00", "12:01:30", "12:02:00"])

    async def test_unknown_device_is_5(self) -> None:
        for verb in ("device", "track"):
            command = await self.run_command(verb, OTHER)
            self.assertEqual((command.code, command.out), (5, b""))
            self.assertEqual(command.err, f"gatewayctl: no device '{OTHER}'\n".encode())

    async def test_what_is_no_imei_is_2(self) -> None:
        command = await self.run_command("device", "van")
        self.assertEqual(command.code, 2)
        self.assertIn(b"15 digits", command.err)

    async def test_own_user_may_set_a_policy(self) -> None:
        command = await self.run_command("policy", IMEI, "refused")
        self.assertEqual((command.code, command.err), (0, b""))
        self.assertEqual((await self.store.device(IMEI) or {})["policy"], "refused")

    async def test_viewer_may_not_and_that_is_4(self) -> None:
        port = await TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(
            self.factory
        )
        self.addCleanup(port.stopListening)
        self.endpoint = f"tcp:127.0.0.1:{port.getHost().port}"
        command = await self.run_command("policy", IMEI, "refused")
        self.assertEqual(command.code, 4)
        self.assertIn(b"needs role admin", command.err)

    async def test_store_that_fails_is_1(self) -> None:
        self.store.failure = "disk full"
        command = await self.run_command("devices")
        self.assertEqual(command.code, 1)
        self.assertEqual(command.err, b"gatewayctl: store unavailable: disk full\n")

    async def test_block_is_shown_state_by_state_as_they_come(self) -> None:
        command = Command(self, "--endpoint", self.endpoint, "block", IMEI, "--wait")
        await command.says(b"  pending\n")
        self.commands.change("sent", attempts=1)
        await command.says(b"  sent\n")
        self.commands.change("confirmed")
        await command.says(b"  confirmed\n")
        self.commands.change("confirmed", also=("verified",))
        await command.ended
        self.assertEqual((command.code, command.err), (0, b""))
        self.assertTrue(command.out.endswith(b"  verified\n"))

    async def test_ctrl_c_leaves_a_block_queued_and_says_so(self) -> None:
        command = Command(self, "--endpoint", self.endpoint, "block", IMEI, "--wait")
        await command.says(b"  pending\n")
        command.process.signalProcess("INT")
        await command.ended
        self.assertEqual((command.code, command.signal), (130, None))
        self.assertIn(b"stays queued until", command.err)
        self.assertEqual(command.err.count(b"\n"), 1)
        listed = await self.run_command("commands", "--json")
        record = json.loads(listed.out)
        self.assertEqual(record["status"], "pending")
        cancelled = await self.run_command("cancel", record["id"])
        self.assertEqual((cancelled.code, cancelled.err), (0, b""))

    async def test_audit_trail_of_it_is_unbroken(self) -> None:
        await self.run_command("block", IMEI)
        await self.run_command("policy", IMEI, "refused")
        listed = await self.run_command("audit", "--last", "2")
        self.assertIn(b"QueueCommand\tdone", listed.out)
        self.assertIn(b"SetPolicy\tdone", listed.out)
        verified = await self.run_command("audit", "verify")
        self.assertEqual((verified.code, verified.err), (0, b""))
        self.assertIn(b"2 records, chain unbroken, newest 2:", verified.out)

    async def test_watch_goes_on_after_a_restart_until_ctrl_c(self) -> None:
        command = Command(
            self, *("--endpoint", self.endpoint, "watch", "--interval", "0.1")
        )
        await command.says(b"\tonline\t")
        await self.stop()
        await command.says(b"trying again")
        await self.listen()
        await self.store.record_changes(
            [DeviceChange(IMEI, "offline", 1769860900000, 1769860900000, "offline")]
        )
        await command.says(b"\toffline\t")
        command.process.signalProcess("INT")
        await command.ended
        self.assertEqual((command.code, command.signal), (130, None))
        self.assertEqual(command.err, b"gatewayctl: no connection, trying again\n")

    async def test_watch_on_a_terminal_is_a_table(self) -> None:
        command = Command(
            self,
            *("--endpoint", self.endpoint, "watch", "--count", "2"),
            *("--interval", "0.1"),
            terminal=True,
        )
        await command.ended
        self.assertEqual(command.code, 0, command.out)
        self.assertIn(b"POSITION", command.out)
        self.assertIn(b"1 online", command.out)
        self.assertTrue(command.out.rstrip().endswith(b"\x1b[?25h"), "cursor is back")

    async def test_terminated_track_leaves_no_file(self) -> None:
        held: Deferred[Page] = Deferred()
        self.store.history = lambda *_: held  # type: ignore[method-assign]
        target = Path(self.path).with_name("track")
        command = Command(
            self, *("--endpoint", self.endpoint, "track", IMEI, "-o", str(target))
        )
        part = target.with_name("track.part")
        while not part.exists():
            later: Deferred[None] = Deferred()
            reactor.callLater(0.02, later.callback, None)
            await later
        command.process.signalProcess(signal.SIGTERM)
        await command.ended
        self.assertEqual((command.code, command.err), (143, b""))
        self.assertFalse(target.exists() or part.exists())
        held.callback(Page([], None))
