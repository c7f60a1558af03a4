"""Tests for `gatewaykit.cli.simulate`."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from unittest import mock

from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import ConnectionCompleter, IOPump
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.cli import simulate
from gatewaykit.cli.invocation import Invocation
from gatewaykit.errors import ConnectionFailed
from tests.simulators.test_fleet import Server, ServerFactory, reactor

Main = Callable[[Any], Awaitable[Any]]


class CommandTests(SynchronousTestCase):
    """The whole command, in simulated time, against a server in memory."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.server = ServerFactory()
        self.reactor.listenTCP(5000, self.server)
        self.connects = True
        self.interrupt_after: int | None = None

    def react(self, main: Main) -> int:
        """Four simulated hours at most, in steps of a quarter of a second."""
        pumps: list[IOPump | None] = []
        results: list[Any] = []

        async def entry() -> Any:
            return await main(self.reactor)

        task = Deferred.fromCoroutine(entry())
        task.addBoth(results.append)
        for step in range(4 * 3600 * 4):
            while self.connects and self.reactor.tcpClients:
                pumps.append(ConnectionCompleter(self.reactor).succeedOnce())
            for pump in pumps:
                assert pump is not None
                pump.flush()
            if results:
                break
            if step == self.interrupt_after:
                task.cancel()
                continue
            self.reactor.advance(0.25)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        if isinstance(results[0], Failure):
            results[0].raiseException()
        code: int = results[0]
        return code

    def run_command(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            simulate.simulate,
            ["fleet", *arguments],
            obj=Invocation(react=self.react),
        )

    def test_count_ends_with_0_when_all_is_acknowledged(self) -> None:
        result = self.run_command("--vehicles", "2", "--count", "4", "--interval", "5")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(len(self.server.frames), 8)
        self.assertIn(
            "connected 2, sent 8, acknowledged 8, outstanding 0\n", result.stderr
        )

    def test_count_ends_with_1_when_sacks_are_missing_at_the_deadline(self) -> None:
        self.server.answers = False
        result = self.run_command(
            "--vehicles=1", "--count=3", "--interval=5", "--deadline=30"
        )
        self.assertEqual(result.exit_code, 1)
        self.assertIn("acknowledged 0, outstanding 1, waiting 2", result.stderr)

    def test_duration_ends_with_0(self) -> None:
        result = self.run_command("--duration=60", "--interval=10", "--vehicles=1")
        self.assertEqual(result.exit_code, 0)
        self.assertGreater(len(self.server.frames), 5)

    def test_a_line_of_figures_comes_every_five_seconds(self) -> None:
        result = self.run_command("--duration=61", "--vehicles=1")
        self.assertEqual(result.stderr.count("connected 1, sent "), 13)
        self.assertEqual(result.stdout, "")

    def test_a_count_that_is_cut_short_is_a_failure(self) -> None:
        result = self.run_command("--duration=10", "--count=100", "--vehicles=1")
        self.assertEqual(result.exit_code, 1)

    def test_without_sack_nothing_is_waited_for(self) -> None:
        result = self.run_command("--no-sack", "--count=5", "--interval=1")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(len(self.server.frames), 100)

    def test_no_connection_in_time_is_an_error(self) -> None:
        self.connects = False
        result = self.run_command("--connect-timeout=5")
        self.assertIsInstance(result.exception, ConnectionFailed)
        self.assertIn("127.0.0.1:5000", str(result.exception))

    def test_an_interrupt_stops_cleanly(self) -> None:
        self.interrupt_after = 40
        result = self.run_command("--vehicles=2")
        self.assertIn("connected 2, sent ", result.stderr)
        self.assertIsNotNone(result.exception)

    def test_the_ledger_is_written(self) -> None:
        path = Path(self.mktemp())
        self.run_command("--count=2", "--vehicles=3", f"--ledger={path}")
        self.assertEqual(len(path.read_text().splitlines()), 6)
        self.assertEqual(
            set(json.loads(path.read_text().splitlines()[0])),
            {"imei", "type", "send_time", "count", "id"},
        )

    def test_faults_are_passed_on(self) -> None:
        self.run_command("--count=2", "--vehicles=1", "--fault-duplicate=1")
        self.assertEqual(len(self.server.frames), 4)

    def order(self, text: bytes, *arguments: str) -> Result:
        """Run a minute with three vehicles; each gets a command with its first report."""

        class Ordering(Server):
            def dataReceived(self, data: bytes) -> None:
                if not self.was_heard:
                    assert self.transport is not None
                    self.transport.write(text)
                self.was_heard = True
                super().dataReceived(data)

            was_heard = False

        def build(_addr: object) -> Server:
            server = Ordering()
            server.factory = self.server
            return server

        self.server.buildProtocol = build  # type: ignore[method-assign, assignment]
        return self.run_command("--vehicles=3", "--duration=60", *arguments)

    def test_commands_are_executed_and_told(self) -> None:
        result = self.order(b"AT+GTOUT=gv50,1,,,,,,0,,,,,,,0001$AT+$", "--parked=3")
        self.assertIn(", commands 6, executed 3, refused 3, acks 3\n", result.stderr)
        states = {f.split(b",")[24] for f in self.server.frames if b"GTFRI" in f}
        self.assertEqual(states, {b"110001"})

    def test_a_server_that_it_keeps_away_from_is_told(self) -> None:
        result = self.order(b"AT+GTSRI=gv50,,,,203.0.113.1,80,,,,,,,,,,0001$")
        self.assertIn(", acks 3, not followed 3\n", result.stderr)

    def test_command_faults_password_and_form_are_passed_on(self) -> None:
        block = b"AT+GTOUT=%s,1,,,,,,0,,,,,,,0001$"
        for arguments, password, acks in (
            (["--command-no-ack=1"], b"gv50", 0),
            (["--command-deaf=1"], b"gv50", 0),
            (["--command-refuse=1"], b"gv50", 0),
            (["--command-disconnect=1"], b"gv50", 0),
            (["--command-nack=1"], b"gv50", 3),
            (["--command-wrong-serial=1"], b"gv50", 3),
            (["--command-swap=1"], b"gv50", 3),
            (["--command-slow-ack=30"], b"gv50", 3),
            (["--command-slow-ack=300"], b"gv50", 0),
            (["--password=abc123"], b"gv50", 0),
            (["--password=abc123"], b"abc123", 3),
            (["--output-values=16"], b"gv50", 0),
        ):
            self.setUp()
            self.order(block % password, "--parked=3", *arguments)
            said = [f for f in self.server.frames if b"ACK:GTOUT" in f]
            self.assertEqual(len(said), acks, arguments)

    def test_block_level_is_passed_on(self) -> None:
        for level, outputs in (("0", b"01"), ("1", b"00"), ("none", b"00")):
            self.setUp()
            self.run_command("--count=20", "--vehicles=1", f"--block-level={level}")
            fixed = [f for f in self.server.frames if b"GTFRI" in f]
            self.assertEqual({f.split(b",")[24][-2:] for f in fixed}, {outputs})

    def test_a_device_that_was_switched_off_is_a_failure(self) -> None:
        result = self.order(
            b"AT+GTRTO=gv50,5,,,,,,0001$", "--count=100", "--duration=9999"
        )
        self.assertEqual(result.exit_code, 1)

    def test_ipv6_addresses_stand_in_brackets(self) -> None:
        self.connects = False
        result = self.run_command("--server=[::1]:5001", "--connect-timeout=1")
        self.assertIn("::1:5001", str(result.exception))

    def test_wrong_usage_ends_with_2(self) -> None:
        for arguments in (
            ["--server", "nowhere"],
            ["--server", "localhost:99999"],
            ["--server", "127.0.0.1:"],
            ["--vehicles", "0"],
            ["--fault-split", "2"],
            ["--command-deaf", "2"],
            ["--password", "a,b"],
            ["--password", "abc"],
            ["--block-level", "2"],
            ["--output-values", "14"],
            ["--interval", "0", "--no-sack"],
        ):
            self.assertEqual(self.run_command(*arguments).exit_code, 2, arguments)


class FileLimitTests(SynchronousTestCase):
    def raised(self, vehicles: int, soft: int, hard: int) -> int | None:
        with (
            mock.patch.object(resource, "getrlimit", return_value=(soft, hard)),
            mock.patch.object(resource, "setrlimit") as setrlimit,
        ):
            simulate._raise_file_limit(vehicles)
        if not setrlimit.called:
            return None
        kind, (wanted, kept) = setrlimit.call_args.args
        self.assertEqual((kind, kept), (resource.RLIMIT_NOFILE, hard))
        assert isinstance(wanted, int)
        return wanted

    def test_is_raised_for_many_vehicles(self) -> None:
        self.assertEqual(self.raised(10_000, 1024, 1_000_000), 10_100)

    def test_is_raised_as_far_as_it_goes(self) -> None:
        self.assertEqual(self.raised(10_000, 1024, 4096), 4096)
        self.assertEqual(self.raised(10_000, 1024, resource.RLIM_INFINITY), 10_100)

    def test_is_left_alone_if_it_suffices(self) -> None:
        self.assertIsNone(self.raised(20, 1024, 4096))
        self.assertIsNone(self.raised(9999, resource.RLIM_INFINITY, 4096))


class _Process(ProcessProtocol):
    def __init__(self) -> None:
        self.errors = b""
        self.ended: Deferred[int | None] = Deferred()
        self.spoke: Deferred[None] = Deferred()

    def errReceived(self, data: bytes) -> None:
        self.errors += data
        if b"\n" in self.errors and not self.spoke.called:
            self.spoke.callback(None)

    def processEnded(self, reason: Failure) -> None:
        self.ended.callback(reason.value.exitCode)  # type: ignore[union-attr]


class ProcessTests(TestCase):
    """`gatewayctl simulate fleet` as users run it."""

    timeout = 30

    def spawn(self, *arguments: str) -> tuple[_Process, Any]:
        process = _Process()
        command = [sys.executable, "-m", "gatewaykit.cli", "simulate", "fleet"]
        transport = reactor.spawnProcess(
            process, sys.executable, [*command, *arguments], env=dict(os.environ)
        )
        return process, transport

    def listen(self) -> int:
        port = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        number: int = port.getHost().port
        return number

    async def test_runs_to_its_count(self) -> None:
        process, _ = self.spawn(
            f"--server=127.0.0.1:{self.listen()}", "--count=5", "--interval=0"
        )
        self.assertEqual(await process.ended, 0, process.errors)
        self.assertIn(b"sent 100, acknowledged 100, outstanding 0", process.errors)

    async def test_a_signal_ends_it_cleanly(self) -> None:
        process, transport = self.spawn(f"--server=127.0.0.1:{self.listen()}")
        await process.spoke
        transport.signalProcess(signal.SIGTERM)
        self.assertEqual(await process.ended, 128 + signal.SIGTERM)
        self.assertNotIn(b"Traceback", process.errors)

    async def test_ends_with_3_if_it_cannot_connect(self) -> None:
        port = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
        number = port.getHost().port
        await port.stopListening()
        process, _ = self.spawn(f"--server=127.0.0.1:{number}", "--connect-timeout=1")
        self.assertEqual(await process.ended, 3, process.errors)
        self.assertIn(b"refused", process.errors)
