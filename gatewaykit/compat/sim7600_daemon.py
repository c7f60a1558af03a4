"""`SIM7600Daemon` of 2025: the gateway with just the modem, as a process of its own.

Its settings go through the environment; what the environment already has of others (the
store's path, `sim7600.recovery`, networks) stays.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import gatewaykit
from gatewaykit.errors import GatewayError, MisuseError
from gatewaykit.rpc.addresses import is_loopback

COMMAND = (sys.executable, "-m", "gatewaykit.compat.sim7600_process")
"""Its argument is the process that starts it, and with which it ends."""
STOP_S = 30.0
"""What does not end by then is killed."""
_NETWORKS = "GATEWAYKIT_RPC__ALLOW_PLAINTEXT_FROM"
_STORE = "GATEWAYKIT_STORE__PATH"
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

logger = logging.getLogger(__name__)


class DaemonFailed(GatewayError):
    """The daemon ended although nobody stopped it; it has said why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status
        """As `subprocess` has it: negative for a signal."""

    def __str__(self) -> str:
        return f"the SIM7600 daemon ended with status {self.status}"

    @property
    def exit_code(self) -> int:
        """What a program that ends because of it ends with, as a shell says it."""
        return self.status if self.status >= 0 else 128 - self.status


class SIM7600Daemon:
    """Shares a modem with clients on a TCP port.

    :param port: the modem's AT port.
    :param timeout: seconds that the modem may take for a simple command of a client.
    :param host: address to listen on. On others than loopback ("0.0.0.0" and "" mean all)
        only this host is served until ``GATEWAYKIT_RPC__ALLOW_PLAINTEXT_FROM`` names
        networks: what clients read goes over the wire in the clear.
    :param daemon_port: TCP port to listen on.
    :param verbose: log at level debug.
    """

    def __init__(
        self,
        port: str = "/dev/ttyUSB2",
        baud_rate: int = 115_200,
        timeout: float = 2,
        host: str = "localhost",
        daemon_port: int = 7600,
        *,
        verbose: bool = False,
    ) -> None:
        self.port = port
        self.baud_rate = baud_rate
        self.timeout = timeout
        self.host = host
        self.daemon_port = daemon_port
        self.verbose = verbose
        self._lock = threading.Lock()
        self._running = False
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def start_daemon(self) -> None:
        """Run the daemon; returns when `stop_daemon` or a signal has ended it.

        SIGTERM, SIGINT and SIGHUP end it in order where this is called in the main thread;
        with this process, or the thread that called this, it ends in any case.
        Raises `DaemonFailed` if it ends otherwise, and `MisuseError` for a host that is no
        address of this one, or if it runs already.
        """
        environment = self.environment()
        with self._lock:
            if self._running:
                raise MisuseError("start_daemon", "again", "once at a time")
            self._running = True
        self._stopped.clear()
        atexit.register(self.stop_daemon)
        try:
            with self._signals():
                status = self._run(environment)
        finally:
            self.stop_daemon()
            atexit.unregister(self.stop_daemon)
            self._process = None
            self._running = False
        if status != 0 and not self._stopped.is_set():
            raise DaemonFailed(status)

    def _run(self, environment: Mapping[str, str]) -> int:
        # A group of its own: a terminal's Ctrl-C reaches it through us, and once.
        process = self._process = subprocess.Popen(  # noqa: S603 - nothing of it is input
            (*COMMAND, str(os.getpid())),
            env=environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        if self._stopped.is_set():  # by a signal that came before the process was there
            process.terminate()
        return process.wait()

    def stop_daemon(self) -> None:
        """End the daemon in order; returns when it has ended, at once if it doesn't run."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            self._stopped.set()
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def environment(self) -> dict[str, str]:
        """The environment of the daemon's process."""
        variables = dict(os.environ)
        address = _address(self.host)
        quoted = address.replace(":", r"\:")
        variables |= {
            "GATEWAYKIT_SIM7600__PORT": self.port,
            "GATEWAYKIT_SIM7600__BAUDRATE": str(self.baud_rate),
            "GATEWAYKIT_SIM7600__TIMEOUT": str(float(self.timeout)),
            "GATEWAYKIT_GV50__LISTEN": "[]",
            "GATEWAYKIT_RPC__LISTEN": f"tcp:{self.daemon_port}:interface={quoted}",
        }
        if self.verbose:
            variables["GATEWAYKIT_LOG__LEVEL"] = "debug"
        if not is_loopback(address) and not _is_set(_NETWORKS, variables):
            variables[_NETWORKS] = "127.0.0.0/8"
            sys.stderr.write(
                f"sim7600_manager: listening on {address}, serving this host only;"
                f" to let others in set {_NETWORKS}, for example to 192.168.1.0/24\n"
            )
        if not (variables.get("STATE_DIRECTORY") or _is_set(_STORE, variables)):
            directory = _store_directory(variables)
            if directory is not None:
                variables[_STORE] = str(directory / "gatewaykit.sqlite")
        root = Path(gatewaykit.__file__).resolve().parents[1]
        if "site-packages" not in root.parts:
            paths = (str(root), variables.get("PYTHONPATH", ""))
            variables["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        return variables

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Have signals end the daemon, in the only thread that gets any."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def end(signum: int, _frame: FrameType | None) -> None:
            self._stopped.set()
            process = self._process
            # Only once: the second would be a wish to end out of order.
            if process is not None and not ended:
                ended.append(signum)
                process.terminate()

        ended: list[int] = []
        before = {number: signal.signal(number, end) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _address(host: str) -> str:
    """The address that a host's name means; IPv4, as the old daemon listened."""
    if host in {"localhost", ""}:
        return {"localhost": "127.0.0.1", "": "0.0.0.0"}[host]  # noqa: S104
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        return host
    try:
        return socket.gethostbyname(host)
    except (OSError, UnicodeError) as error:
        raise MisuseError("host", host, "a name or address of this host") from error


def _is_set(name: str, variables: Mapping[str, str]) -> bool:
    """Whether a setting has a value, in the environment or in ``.env``."""
    if variables.get(name):
        return True
    try:
        text = Path(".env").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return re.search(rf"(?mi)^\s*(?:export\s+)?{name}\s*=\s*\S", text) is not None


def _store_directory(variables: Mapping[str, str]) -> Path | None:
    """Where the store goes if not into the working directory; None if there."""
    if os.access(".", os.W_OK):
        return None
    home = variables.get("XDG_STATE_HOME", "")
    state = Path(home) if home.startswith("/") else Path.home() / ".local" / "state"
    directory = state / "gatewaykit"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        allowed = f"a directory that can be written, or {_STORE} ({error.strerror})"
        raise MisuseError("state directory", str(directory), allowed) from error
    return directory


_singleton: list[SIM7600Daemon] = []
_singleton_lock = threading.Lock()


def get_sim7600_daemon(**kwargs: Any) -> SIM7600Daemon:
    """The one `SIM7600Daemon` of this process; the first call's arguments make it."""
    with _singleton_lock:
        if not _singleton:
            _singleton.append(SIM7600Daemon(**kwargs))
        elif kwargs:
            logger.warning("The SIM7600 daemon exists: %s is unused", sorted(kwargs))
        return _singleton[0]
