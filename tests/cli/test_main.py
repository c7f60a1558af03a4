from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import __version__
from gatewaykit.cli.endings import Interrupted, describe, endings
from gatewaykit.cli.invocation import Invocation
from gatewaykit.cli.main import VERBS, main
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    ConnectionFailed,
    MisuseError,
    NotFound,
    ProtocolViolation,
    StoreUnavailable,
)
from tests.cli.support import (
    ENDPOINT,
    IMEI,
    FakeGateway,
    device,
    gatewayctl,
    process_environment,
)


class HelpTests(SynchronousTestCase):
    def test_version(self) -> None:
        result = CliRunner().invoke(main, ["--version"])
        self.assertEqual(result.stdout, f"gatewayctl, version {__version__}\n")

    def test_help_lists_verbs_and_exit_codes(self) -> None:
        text = CliRunner().invoke(main, ["--help"]).stdout
        codes = (
            "3    cannot connect",
            "6    confirmed but not",
            "7    still under way",
        )
        for word in (*VERBS, "Exit codes:", *codes, "--endpoint"):
            self.assertIn(word, text)

    def test_every_verb_is_where_the_table_says(self) -> None:
        for name, verb in VERBS.items():
            module = importlib.import_module(f"gatewaykit.cli.{verb.module}")
            command = getattr(module, verb.name)
            self.assertIsInstance(command, click.Command)
            result = CliRunner().invoke(main, [name, "--help"])
            self.assertEqual(result.exit_code, 0, result.output)

    def test_unknown_verb_ends_with_2(self) -> None:
        self.assertEqual(CliRunner().invoke(main, ["fly"]).exit_code, 2)


class EndpointTests(SynchronousTestCase):
    def endpoint(self, *args: str, env: str | None = None) -> str:
        gateway = FakeGateway()
        result = gatewayctl(gateway, *args, env={"GATEWAYKIT_ENDPOINT": env})
        self.assertEqual(result.exit_code, 0, result.output)
        return gateway.endpoints[0]

    def test_before_the_verb(self) -> None:
        self.assertEqual(self.endpoint("--endpoint", "tcp:a:1", "status"), "tcp:a:1")

    def test_after_the_verb_wins(self) -> None:
        args = ["--endpoint", "tcp:a:1", "status", "--endpoint", "tcp:b:2"]
        self.assertEqual(self.endpoint(*args), "tcp:b:2")

    def test_environment_comes_after_both(self) -> None:
        self.assertEqual(self.endpoint("status", env="tcp:c:3"), "tcp:c:3")
        args = ["status", "--endpoint", "tcp:b:2"]
        self.assertEqual(self.endpoint(*args, env="tcp:c:3"), "tcp:b:2")

    def test_default_is_the_default_socket(self) -> None:
        self.patch(os, "environ", {"RUNTIME_DIRECTORY": "/run/gatewaykit"})
        self.assertEqual(
            self.endpoint("status"), "unix:/run/gatewaykit/gatewaykit.sock"
        )

    def test_json_before_the_verb(self) -> None:
        gateway = FakeGateway()
        gateway.devices = [device()]
        result = gatewayctl(gateway, "--json", "devices")
        self.assertEqual(json.loads(result.stdout), device())


class EndingTests(SynchronousTestCase):
    def end(self, error: BaseException) -> tuple[int, str]:
        gateway = FakeGateway()

        def react(_main: object) -> None:
            raise error

        invocation = Invocation(ENDPOINT, connect=gateway.connect, react=react)
        result = CliRunner().invoke(main, ["status"], obj=invocation)
        self.assertEqual(result.stdout, "")
        return result.exit_code, result.stderr

    def test_errors_have_codes_and_one_line(self) -> None:
        for error, code in [
            (StoreUnavailable("disk full"), 1),
            (CommandRefused(IMEI, "block", "commands are disabled"), 1),
            (CallTimeout("Info", 30), 1),
            (ProtocolViolation("nonsense"), 1),
            (MisuseError("imei", "van", "15 digits"), 2),
            (ConnectionFailed(ENDPOINT, "refused"), 3),
            (AccessDenied("peer", "SetPolicy", "admin"), 4),
            (NotFound("device", IMEI), 5),
            (OSError(28, "No space left on device"), 1),
        ]:
            self.assertEqual(self.end(error), (code, f"gatewayctl: {error}\n"))

    def test_bug_is_one_line_with_its_kind(self) -> None:
        self.assertEqual(
            self.end(KeyError("a\nb")), (1, "gatewayctl: KeyError: 'a\\nb'\n")
        )

    def test_error_without_text_has_its_kind(self) -> None:
        self.assertEqual(describe(OSError()), "OSError: ")

    def test_control_characters_of_errors_are_escaped(self) -> None:
        self.assertEqual(
            describe(StoreUnavailable("\x1b[2J")), "store unavailable: \\x1b[2J"
        )

    def test_signals_end_quietly(self) -> None:
        self.assertEqual(self.end(KeyboardInterrupt()), (130, ""))
        self.assertEqual(self.end(Interrupted(2)), (130, ""))
        self.assertEqual(self.end(Interrupted(15)), (143, ""))

    def test_broken_pipe_ends_quietly(self) -> None:
        self.assertEqual(self.end(BrokenPipeError()), (141, ""))

    def test_clicks_own_endings_pass(self) -> None:
        for error in (click.UsageError("x"), click.Abort(), click.exceptions.Exit(7)):
            with self.assertRaises(type(error)), endings():
                raise error


class ProcessTests(SynchronousTestCase):
    """What only a process of its own can show."""

    def run_python(
        self, *args: str, stdout: int = subprocess.PIPE
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *args],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            env=process_environment(),
        )

    def test_module_can_be_run(self) -> None:
        result = self.run_python("-m", "gatewaykit.cli", "--version")
        self.assertEqual(
            (result.returncode, result.stdout, result.stderr),
            (0, f"gatewayctl, version {__version__}\n", ""),
        )

    def test_version_help_and_usage_errors_import_no_twisted(self) -> None:
        code = (
            "import sys\n"
            "from gatewaykit.cli.main import main\n"
            "main(sys.argv[1:], standalone_mode=False)\n"
            "print(sorted({name.partition('.')[0] for name in sys.modules}"
            " & {'twisted', 'rich', 'pydantic', 'prometheus_client'}))"
        )
        for option in ("--version", "--help"):
            result = self.run_python("-c", code, option)
            self.assertEqual(result.stdout.splitlines()[-1], "[]", result.stderr)

    def test_nobody_listening_is_one_line_and_3(self) -> None:
        # Below /tmp and not in the tests' directory: the path of a socket is short.
        with tempfile.TemporaryDirectory() as directory:
            path = str(Path(directory, "none.sock"))
            args = ["-m", "gatewaykit.cli", "status", "--endpoint", f"unix:{path}"]
            result = self.run_python(*args)
        self.assertEqual((result.returncode, result.stdout), (3, ""))
        self.assertEqual(result.stderr.count("\n"), 1)
        self.assertIn(path, result.stderr)

    def test_bad_endpoint_is_one_line_and_2(self) -> None:
        args = ["-m", "gatewaykit.cli", "status", "--endpoint", "carrier:pigeon"]
        result = self.run_python(*args)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (2, 1))

    def end_with_output(self, stdout: int, length: int) -> tuple[int, str]:
        code = (
            "from gatewaykit.cli.endings import endings\n"
            "import click\n"
            "@click.command()\n"
            "def main():\n"
            "    with endings():\n"
            f"        print('x' * {length})\n"
            "main()\n"
        )
        result = self.run_python("-c", code, stdout=stdout)
        return result.returncode, result.stderr

    def test_reader_that_went_away_is_141_and_nothing_is_said(self) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        self.addCleanup(os.close, writer)
        # What fits into the buffer fails when it is flushed, the rest when it is printed.
        for length in (1, 100_000):
            self.assertEqual(self.end_with_output(writer, length), (141, ""))

    def test_output_on_a_full_disk_is_one_line_and_1(self) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        self.addCleanup(os.close, full)
        for length in (1, 100_000):
            code, text = self.end_with_output(full, length)
            self.assertEqual((code, text.count("\n")), (1, 1))
            self.assertIn("No space left on device", text)
