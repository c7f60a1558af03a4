"""A real `twistd gatewaykit` for tests: a process of its own in a directory of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parents[2]
GATEWAYCTL = (sys.executable, "-m", "gatewaykit.cli")
TWISTD = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
PATIENCE_S = 60.0
"""A process that says nothing for so long is killed, and its test fails."""

LISTENING = re.compile(r"listening on (tcp|unix) (\S+)(?: port (\d+))? \((\S+)\)")


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Ours without what sets gatewaykit's places, able to import gatewaykit anywhere."""
    ours = ("GATEWAYKIT_", "XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY", "STATE_DIRECTORY")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    path = os.pathsep.join(x for x in (str(ROOT), kept.get("PYTHONPATH")) if x)
    return kept | {"PYTHONPATH": path} | (extra or {})


def eventually(condition: Callable[[], bool]) -> None:
    """Look until another process has done something that it does not tell us."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not happen")
        time.sleep(0.02)


class Daemon:
    """A running `twistd --nodaemon gatewaykit`, whose log lines are read as they come."""

    def __init__(
        self,
        directory: Path,
        arguments: Iterable[str] = (),
        extra_environment: dict[str, str] | None = None,
    ) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            (*TWISTD, "--nodaemon", "--pidfile=", "gatewaykit", *arguments),
            cwd=directory,
            env=environment(extra_environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for(self, text: str) -> str:
        """The next log line that has `text` in it."""
        assert self.process.stderr is not None
        watchdog = threading.Timer(PATIENCE_S, self.process.kill)
        watchdog.start()
        try:
            for line in self.process.stderr:
                self.lines.append(line)
                if text in line:
                    return line
        finally:
            watchdog.cancel()
        raise AssertionError(f"no {text!r} in:\n" + "".join(self.lines))

    def port(self, key: str) -> int:
        """The TCP port that the setting `key` came to."""
        for line in self.lines:
            found = LISTENING.search(line)
            if found and found[1] == "tcp" and found[4] == key:
                return int(found[3])
        raise AssertionError(f"no port of {key} in:\n" + "".join(self.lines))

    def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end, read the rest; the status as `Popen` has it."""
        self.process.send_signal(number)
        return self.finish()

    def finish(self) -> int:
        out, rest = self.process.communicate(timeout=PATIENCE_S)
        self.lines += rest.splitlines(keepends=True)
        self.output = out
        return self.process.returncode

    def clean_up(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class DaemonTestCase(SynchronousTestCase):
    """Tests that start gateways in one directory, short enough for unix sockets."""

    config = """
[gv50]
listen = ["tcp:0:interface=127.0.0.1"]
[rpc]
listen = ["unix:gk.sock", "tcp:0:interface=127.0.0.1"]
"""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.configure(self.config)

    def configure(self, text: str) -> None:
        (self.directory / "gk.toml").write_text(text)

    def start(self, *arguments: str, **extra: str) -> Daemon:
        """A gateway with ``gk.toml``, up and ready."""
        daemon = Daemon(self.directory, ("-c", "gk.toml", *arguments), extra)
        self.addCleanup(daemon.clean_up)
        daemon.wait_for("is up")
        return daemon

    def gatewayctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run gatewayctl to its end, for JSON."""
        return subprocess.run(
            (*GATEWAYCTL, "--endpoint", "unix:gk.sock", "--json", *arguments),
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def twistd(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run twistd to its end."""
        return subprocess.run(
            (*TWISTD, *arguments),
            cwd=self.directory,
            env=environment(extra),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
