"""Tests for `gatewaykit.cli.simulate_modem`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from gatewaykit.cli.invocation import Invocation
from gatewaykit.cli.simulate import simulate
from gatewaykit.cli.simulate_modem import default_link
from tests.support import DirectoryTestCase

Main = Callable[[Any], Awaitable[Any]]


class CommandTests(DirectoryTestCase):
    """On terminals that nobody opens, in simulated time."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor: Any = MemoryReactorClock()
        self.seen: set[tuple[str, str]] = set()

    def react(self, main: Main) -> int:
        results: list[Any] = []

        async def entry() -> Any:
            return await main(self.reactor)

        Deferred.fromCoroutine(entry()).addBoth(results.append)
        while not results:
            self.seen |= {
                (path.name, str(path.readlink())) for path in Path().iterdir()
            }
            self.reactor.advance(0.25)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        if isinstance(results[0], Failure):
            results[0].raiseException()
        code: int = results[0]
        return code

    def run_command(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            simulate, ["modem", *arguments], obj=Invocation(react=self.react)
        )

    def test_tells_its_links_and_removes_them(self) -> None:
        result = self.run_command("--duration=2", "--nmea-link=n", "--fault-half=0.1")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn(f"{Path.cwd()}/sim7600-at  AT port", result.stdout)
        self.assertIn(f"{Path.cwd()}/n  its NMEA port", result.stdout)
        self.assertEqual({name for name, _ in self.seen}, {"sim7600-at", "n"})
        self.assertEqual(list(Path().iterdir()), [])

    def test_resets(self) -> None:
        result = self.run_command("--duration=30", "--reset-every=10", "--absence=2")
        self.assertEqual(result.exit_code, 0)
        self.assertEqual(len({terminal for _, terminal in self.seen}), 2)

    def test_default_link(self) -> None:
        self.assertEqual(default_link(), Path("sim7600-at"))
        os.environ["XDG_RUNTIME_DIR"] = "/run/user/1"
        self.assertEqual(default_link(), Path("/run/user/1/sim7600-at"))

    def test_a_link_that_cannot_be_made(self) -> None:
        result = self.run_command("--link=nowhere/at", "--duration=1")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("nowhere", result.output)

    def test_wrong_usage_ends_with_2(self) -> None:
        for arguments in (["--fault-late=2"], ["--network=x"], ["--register-after=-1"]):
            self.assertEqual(self.run_command(*arguments).exit_code, 2, arguments)


class ProcessTests(DirectoryTestCase):
    def test_ctrl_c_ends_it(self) -> None:
        command = [sys.executable, "-m", "gatewaykit.cli", "simulate", "modem"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            self.addCleanup(process.kill)
            assert process.stdout is not None
            self.assertIn("sim7600-at", process.stdout.readline())
            self.assertTrue(Path("sim7600-at").exists())
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertNotIn("Traceback", errors)
        self.assertFalse(Path("sim7600-at").is_symlink())
