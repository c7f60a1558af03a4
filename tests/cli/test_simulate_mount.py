"""Tests for `gatewaykit.cli.simulate_mount`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import serial
from click.testing import CliRunner, Result
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from gatewaykit.cli import simulate_mount
from gatewaykit.cli.invocation import Invocation
from gatewaykit.cli.simulate import simulate
from gatewaykit.cli.simulate_mount import default_link
from gatewaykit.simulators.mount import SimulatedMount
from gatewaykit.tts160.variables import Dialect
from tests.support import DirectoryTestCase

Main = Callable[[Any], Awaitable[Any]]


class CommandTests(DirectoryTestCase):
    """On terminals that nobody opens, in simulated time."""

    def setUp(self) -> None:
        super().setUp()
        self.reactor: Any = MemoryReactorClock()
        self.names: set[str] = set()
        self.mounts: list[SimulatedMount] = []

        def make(*arguments: Any, **keywords: Any) -> SimulatedMount:
            self.mounts.append(SimulatedMount(*arguments, **keywords))
            return self.mounts[-1]

        self.patch(simulate_mount, "SimulatedMount", make)

    def react(self, main: Main) -> int:
        results: list[Any] = []

        async def entry() -> Any:
            return await main(self.reactor)

        Deferred.fromCoroutine(entry()).addBoth(results.append)
        while not results:
            self.names |= {path.name for path in Path().iterdir()}
            self.reactor.advance(0.25)
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        if isinstance(results[0], Failure):
            results[0].raiseException()
        code: int = results[0]
        return code

    def run_command(self, *arguments: str) -> Result:
        return CliRunner().invoke(
            simulate, ["mount", *arguments], obj=Invocation(react=self.react)
        )

    def test_tells_its_link_and_removes_it(self) -> None:
        result = self.run_command("--duration=2")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn(
            f"{Path.cwd()}/tts160  port of a simulated TTS-160, firmware v357",
            result.stdout,
        )
        self.assertEqual(self.names, {"tts160"})
        self.assertEqual(list(Path().iterdir()), [])
        (mount,) = self.mounts
        self.assertTrue(mount.behaviour.paced)
        self.assertEqual(mount.behaviour.latency, 0.005)

    def test_options(self) -> None:
        result = self.run_command(
            *("--duration=1", "--link=x", "--dialect=text", "--no-pacing"),
            *("--latency=0", "--latitude=-33.5", "--longitude=151", "--seed=7"),
            *("--fault-dropped=0.1", "--fault-lost-byte=0.2", "--degree-sign"),
        )
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertEqual(self.names, {"x"})
        (mount,) = self.mounts
        behaviour, faults = mount.behaviour, mount.faults
        self.assertIs(behaviour.dialect, Dialect.TEXT)
        self.assertEqual((behaviour.paced, behaviour.latency), (False, 0.0))
        self.assertEqual(behaviour.latitude_deg, -33.5)
        self.assertEqual(behaviour.longitude_deg, 151.0)
        self.assertEqual((faults.dropped, faults.lost_byte), (0.1, 0.2))
        self.assertTrue(faults.degree_sign)
        self.assertFalse(faults.off_screen)

    def test_default_link(self) -> None:
        self.assertEqual(default_link(), Path("tts160"))
        os.environ["XDG_RUNTIME_DIR"] = "/run/user/1"
        self.assertEqual(default_link(), Path("/run/user/1/tts160"))

    def test_a_link_that_cannot_be_made(self) -> None:
        result = self.run_command("--link=nowhere/at", "--duration=1")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("nowhere", result.output)

    def test_wrong_usage_ends_with_2(self) -> None:
        for argument in ("--fault-late=2", "--dialect=v355", "--latency=-1"):
            self.assertEqual(self.run_command(argument).exit_code, 2, argument)


class ProcessTests(DirectoryTestCase):
    def test_answers_until_ctrl_c(self) -> None:
        command = [sys.executable, "-m", "gatewaykit.cli", "simulate", "mount"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            self.addCleanup(process.kill)
            assert process.stdout is not None
            self.assertIn("tts160", process.stdout.readline())
            with serial.Serial("tts160", 9600, timeout=10) as port:
                port.write(b":GVN#")
                self.assertEqual(port.read_until(b"#"), b"357.1.0#")
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertNotIn("Traceback", errors)
        self.assertFalse(Path("tts160").is_symlink())
