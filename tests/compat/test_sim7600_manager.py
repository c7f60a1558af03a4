from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.compat import sim7600_daemon, sim7600_manager
from gatewaykit.compat.sim7600_daemon import DaemonFailed
from gatewaykit.compat.sim7600_manager import (
    SIM7600Client,
    SIM7600Daemon,
    endpoint,
    get_sim7600_client,
    get_sim7600_daemon,
    get_sim7600_manager,
)
from gatewaykit.errors import DeviceUnavailable, MisuseError
from gatewaykit.interfaces import IModem
from gatewaykit.rpc import verbs
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryStore
from tests.bridges.modem import NETWORK, NOTHING, FakeModem

reactor: Any = global_reactor
ROOT = Path(__file__).resolve().parents[2]
GONE = DeviceUnavailable("SIM7600", "no such port")


def without_ours() -> dict[str, str]:
    """The environment without what would change a client or a daemon."""
    ours = ("GATEWAYKIT_", "XDG_", "STATE_DIRECTORY", "RUNTIME_DIRECTORY")
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)}


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


class EndpointTests(SynchronousTestCase):
    def test_plain_as_then(self) -> None:
        for host, expected in (
            ("localhost", "tcp:localhost:7600"),
            ("192.168.1.100", "tcp:192.168.1.100:7600"),
            ("::1", "tcp:[::1]:7600"),
            ("unix:/run/gk.sock", "unix:/run/gk.sock"),
        ):
            self.assertEqual(endpoint(host, 7600, {}), expected)

    def test_tls_where_the_environment_says_so(self) -> None:
        for host, variables, expected in (
            ("far", {"GATEWAYKIT_TLS": "1"}, "tls:far:1"),
            ("localhost", {"GATEWAYKIT_TLS": "1"}, "tls:localhost:1"),
            ("unix:/s", {"GATEWAYKIT_TLS": "1"}, "unix:/s"),
            ("far", {"GATEWAYKIT_CA": "ca.pem"}, "tls:far:1"),
            ("far", {"GATEWAYKIT_CERTIFICATE": "c.pem"}, "tls:far:1"),
            ("localhost", {"GATEWAYKIT_CA": "ca.pem"}, "tcp:localhost:1"),
            ("far", {"GATEWAYKIT_CA": "ca.pem", "GATEWAYKIT_TLS": "0"}, "tcp:far:1"),
        ):
            self.assertEqual(endpoint(host, 1, variables), expected)
        self.assertRaises(MisuseError, endpoint, "far", 1, {"GATEWAYKIT_TLS": "yes"})


class ClientTests(TestCase):
    timeout = 30

    def setUp(self) -> None:
        self.patch(os, "environ", without_ours())
        self.modem = FakeModem()

    async def serve(self, text: str) -> Any:
        modem = cast(IModem, self.modem)

        def value(key: str, ask: Callable[[], Any]) -> Callable[[], Any]:
            async def answer() -> dict[str, Any]:
                return {key: await ask()}

            return answer

        async def available() -> dict[str, Any]:
            record: dict[str, Any] = await modem.available()
            return record

        answers: dict[Any, Any] = {
            verbs.NetworkStatus: value("network", modem.network_status),
            verbs.GNSSLocation: value("location", modem.location),
            verbs.ModemAvailable: available,
        }
        factory = RpcFactory(answers, MemoryStore(reactor), reactor)
        port = await serverFromString(reactor, text).listen(factory)
        self.addCleanup(factory.close_all)
        self.addCleanup(port.stopListening)
        return port

    async def client(self, **options: Any) -> SIM7600Client:
        port = await self.serve("tcp:0:interface=127.0.0.1")
        client = SIM7600Client("localhost", port.getHost().port, **options)
        self.addCleanup(client.close)
        return client

    async def test_what_the_documentation_shows(self) -> None:
        client = await self.client()
        self.assertIs(await deferToThread(client.is_available), True)
        status = await deferToThread(client.get_network_status)
        self.assertEqual(
            list(status.items())[:5],
            [
                ("connected", True),
                ("signal_strength", "-69 dBm"),
                ("operator", "T-Mobile"),
                ("network_type", "LTE"),
                ("registration_status", 1),
            ],
        )
        success, location = await deferToThread(client.get_gnss_location)
        assert location is not None
        self.assertIs(success, True)
        self.assertEqual(
            (location["latitude"], location["speed"], location["fix_type"]),
            (51.820233333333334, 18.52, "3D"),
        )
        self.assertEqual(location["satellites"]["total"], 14)

    async def test_a_modem_that_is_gone(self) -> None:
        self.modem.answers = dict.fromkeys(self.modem.answers, GONE)
        client = await self.client()
        self.assertIs(await deferToThread(client.is_available), False)
        self.assertEqual(
            await deferToThread(client.get_network_status),
            {
                "connected": False,
                "signal_strength": None,
                "operator": None,
                "network_type": None,
                "registration_status": None,
                "error": "SIM7600 is not available: no such port",
                "device_present": False,
            },
        )
        found = await deferToThread(client.get_gnss_location)
        self.assertEqual(found, (False, None))

    async def test_position_of_a_modem_that_does_not_answer(self) -> None:
        client = await self.client()
        self.modem.answers["location"] = NOTHING | {"stale": True}
        success, location = await deferToThread(client.get_gnss_location)
        assert location is not None
        self.assertEqual((success, location["fix_status"]), (True, "no_fix"))
        self.modem.answers["available"] = {
            "available": False,
            "state": "absent",
            "reason": "unplugged",
        }
        found = await deferToThread(client.get_gnss_location)
        self.assertEqual(found, (False, None))

    async def test_a_gateway_that_hangs(self) -> None:
        late: Deferred[Any] = Deferred()
        self.modem.answers["network_status"] = late
        client = await self.client(timeout=0.2)
        with self.assertLogs(sim7600_manager.logger, "ERROR") as logged:
            self.assertEqual(await deferToThread(client.get_network_status), {})
        self.assertIn("was not answered within 0.2 s", logged.output[0])
        late.callback(NETWORK)

    async def test_unix_socket_and_context(self) -> None:
        path = Path(self.mktemp()).parent / "s"
        await self.serve(f"unix:{path}")
        with get_sim7600_client(f"unix:{path}") as client:
            self.assertIs(await deferToThread(client.is_available), True)

    async def test_nobody_there(self) -> None:
        client = get_sim7600_manager(port=unused_port())
        with self.assertLogs(sim7600_manager.logger, "ERROR") as logged:
            self.assertEqual(client.get_network_status(), {})
            self.assertEqual(client.get_gnss_location(), (False, None))
            self.assertIs(client.is_available(), False)
        self.assertEqual(len(logged.output), 3)
        client.close()
        client.__del__()

    def test_what_can_mean_no_host(self) -> None:
        self.assertRaises(MisuseError, SIM7600Client, "no such host")
        self.assertRaises(MisuseError, SIM7600Client, "localhost", 0)


class ImportTests(SynchronousTestCase):
    def test_no_reactor_and_no_settings_come_with_it(self) -> None:
        program = (
            "import sys, gatewaykit.compat.sim7600_manager\n"
            "print([m for m in ('twisted.internet.reactor', 'pydantic') if m in sys.modules])"
        )
        found = subprocess.run(
            (sys.executable, "-c", program),
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            cwd=ROOT,
        )
        self.assertEqual(found.stdout, "[]\n")


class DaemonEnvironmentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(os, "environ", without_ours())
        directory = Path(self.mktemp())
        directory.mkdir()
        self.addCleanup(os.chdir, Path.cwd())
        os.chdir(directory)
        self.told = io.StringIO()

    def environment(self, **options: Any) -> dict[str, str]:
        with contextlib.redirect_stderr(self.told):
            found = SIM7600Daemon(**options).environment()
        return {k: v for k, v in found.items() if k.startswith("GATEWAYKIT_")}

    def test_defaults_are_those_of_then(self) -> None:
        self.assertEqual(
            self.environment(),
            {
                "GATEWAYKIT_SIM7600__PORT": "/dev/ttyUSB2",
                "GATEWAYKIT_SIM7600__BAUDRATE": "115200",
                "GATEWAYKIT_SIM7600__TIMEOUT": "2.0",
                "GATEWAYKIT_GV50__LISTEN": "[]",
                "GATEWAYKIT_RPC__LISTEN": "tcp:7600:interface=127.0.0.1",
            },
        )
        self.assertEqual(self.told.getvalue(), "")

    def test_all_interfaces_serve_this_host_until_told_otherwise(self) -> None:
        for host in ("0.0.0.0", ""):
            found = self.environment(host=host, daemon_port=8000)
            self.assertEqual(
                found["GATEWAYKIT_RPC__LISTEN"], "tcp:8000:interface=0.0.0.0"
            )
            self.assertEqual(
                found["GATEWAYKIT_RPC__ALLOW_PLAINTEXT_FROM"], "127.0.0.0/8"
            )
        self.assertEqual(self.told.getvalue().count("\n"), 2)
        self.assertIn("to let others in set GATEWAYKIT_RPC", self.told.getvalue())

    def test_networks_that_are_set_stay(self) -> None:
        name = "GATEWAYKIT_RPC__ALLOW_PLAINTEXT_FROM"
        Path(".env").write_text(f"export {name}=10.0.0.0/8\n")
        self.assertNotIn(name, self.environment(host="0.0.0.0"))
        Path(".env").write_text(f"{name}=\n")
        os.environ[name] = "192.168.1.0/24"
        found = self.environment(host="0.0.0.0")
        self.assertEqual(found[name], "192.168.1.0/24")
        self.assertEqual(self.told.getvalue(), "")

    def test_addresses(self) -> None:
        found = self.environment(host="::1", verbose=True)
        self.assertEqual(found["GATEWAYKIT_RPC__LISTEN"], r"tcp:7600:interface=\:\:1")
        self.assertEqual(found["GATEWAYKIT_LOG__LEVEL"], "debug")
        self.assertRaises(MisuseError, self.environment, host="no-such-host.invalid")

    def test_store_elsewhere_where_the_directory_cannot_be_written(self) -> None:
        self.patch(sim7600_daemon.os, "access", lambda *_: False)  # type: ignore[attr-defined]
        os.environ["XDG_STATE_HOME"] = str(Path("state").absolute())
        found = self.environment()
        store = Path(found["GATEWAYKIT_STORE__PATH"])
        self.assertEqual(store, Path("state/gatewaykit/gatewaykit.sqlite").absolute())
        self.assertTrue(store.parent.is_dir())
        os.environ["STATE_DIRECTORY"] = "/var/lib/x"
        self.assertNotIn("GATEWAYKIT_STORE__PATH", self.environment())
        del os.environ["STATE_DIRECTORY"]
        Path("file").touch()
        os.environ["XDG_STATE_HOME"] = str(Path("file").absolute())
        self.assertRaises(MisuseError, self.environment)

    def test_one_daemon_a_process(self) -> None:
        self.patch(sim7600_daemon, "_singleton", [])
        first = get_sim7600_daemon(daemon_port=8000)
        self.assertIs(get_sim7600_daemon(), first)
        with self.assertLogs(sim7600_daemon.logger, "WARNING"):
            self.assertIs(get_sim7600_daemon(daemon_port=8001), first)
        self.assertEqual(first.daemon_port, 8000)


READY = "import sys, time; sys.stdout.write('r'); sys.stdout.flush(); "
WAIT = READY + "time.sleep(60)"
TIDY = (
    "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); " + WAIT
)


class DaemonProcessTests(SynchronousTestCase):
    """With a stand-in for the gateway, which has tests of its own."""

    def setUp(self) -> None:
        self.patch(os, "environ", without_ours())

    def child(self, program: str) -> None:
        self.patch(sim7600_daemon, "COMMAND", (sys.executable, "-c", program))

    def test_it_ends_when_told_from_another_thread(self) -> None:
        for program in (TIDY, WAIT):
            self.child(program)
            daemon = SIM7600Daemon()
            thread = threading.Thread(target=daemon.start_daemon)
            thread.start()
            while daemon._process is None:
                thread.join(0.01)
            daemon.stop_daemon()
            thread.join(30)
            self.assertFalse(thread.is_alive())
            daemon.stop_daemon()

    def test_a_failure_has_its_status(self) -> None:
        for program, code in (
            ("import sys; sys.exit(78)", 78),
            ("import os; os.kill(os.getpid(), 9)", 137),
        ):
            self.child(program)
            with self.assertRaises(DaemonFailed) as caught:
                SIM7600Daemon().start_daemon()
            self.assertEqual(caught.exception.exit_code, code)
            self.assertIn("ended with status", str(caught.exception))
            self.assertEqual(sim7600_manager.main(["--daemon"]), code)

    def test_it_runs_once_at_a_time(self) -> None:
        self.child("pass")
        daemon = SIM7600Daemon()
        daemon.start_daemon()
        daemon.start_daemon()
        daemon._running = True
        self.assertRaises(MisuseError, daemon.start_daemon)

    def test_a_host_that_is_none(self) -> None:
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            status = sim7600_manager.main(["--host", "no-such-host.invalid"])
        self.assertEqual(status, 78)
        self.assertEqual(told.getvalue().count("\n"), 1)

    def test_it_ends_with_a_parent_that_was_killed(self) -> None:
        child = (
            "import os, sys, time\n"
            "from gatewaykit.compat.sim7600_process import end_with\n"
            "assert end_with(int(sys.argv[1]))\n"
            "print('r', flush=True)\n"
            "time.sleep(60)\n"
        )
        parent = (
            "import sys\n"
            "from gatewaykit.compat import sim7600_daemon\n"
            f"sim7600_daemon.COMMAND = (sys.executable, '-c', {child!r})\n"
            "sim7600_daemon.SIM7600Daemon().start_daemon()\n"
        )
        with subprocess.Popen(
            (sys.executable, "-c", parent), stdout=subprocess.PIPE, cwd=ROOT
        ) as process:
            self.addCleanup(process.kill)
            assert process.stdout is not None
            self.assertEqual(process.stdout.readline(), b"r\n")
            process.kill()
            # The child has the other end of the pipe, too: it is closed when both are gone.
            rest, _ = process.communicate(timeout=30)
            self.assertEqual(rest, b"")

    def test_it_does_not_begin_where_the_parent_is_gone(self) -> None:
        found = subprocess.run(
            (*sim7600_daemon.COMMAND, "1" if os.getpid() != 1 else "0"),
            capture_output=True,
            timeout=30,
            check=True,
            cwd=ROOT,
        )
        self.assertEqual((found.stdout, found.stderr), (b"", b""))

    def test_signals_end_the_command_line_in_order(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            program = (
                "import sys\n"
                "from gatewaykit.compat import sim7600_daemon, sim7600_manager\n"
                f"sim7600_daemon.COMMAND = (sys.executable, '-c', {TIDY!r})\n"
                "sys.exit(sim7600_manager.main(['--daemon', '--port', '7601', '-v']))\n"
            )
            with subprocess.Popen(
                (sys.executable, "-c", program), stdout=subprocess.PIPE, cwd=ROOT
            ) as process:
                self.addCleanup(process.kill)
                assert process.stdout is not None
                self.assertEqual(process.stdout.read(1), b"r")
                process.send_signal(number)
                self.assertEqual(process.wait(30), 0)
