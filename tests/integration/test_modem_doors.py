"""The modem's doors as strangers find them: a real gateway, a simulated modem, real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from typing import Any

import trustme
from twisted.trial.unittest import SkipTest

from gatewaykit.compat.sim7600_manager import SIM7600Client
from gatewaykit.errors import (
    AccessDenied,
    ConnectionFailed,
    DeviceRefused,
    LoginRefused,
)
from gatewaykit.rpc import verbs
from gatewaykit.rpc.blocking import BlockingClient
from tests.bridges.old_client import OldClient
from tests.integration.daemon import (
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)

DEADLINE_S = 2.5 + 0.3
"""Old clients wait no longer for any answer; and some time for a busy machine."""
SEGMENT = 1400
NOTHING = b'{"success": false, "result": {"success": false, "data": null}}'
ASK = b'{"method": "is_available"}'
PIN = "73519"
FAULTS = re.compile(r"Traceback|Unhandled|critical|failure")


def own_address() -> str:
    """An address of this host that is not loopback; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise SkipTest("this host has no way to any other") from None
        address: str = probe.getsockname()[0]
    return address


def answer(port: int, *pieces: bytes, host: str = "127.0.0.1") -> bytes:
    """What comes back until the server has no more to say; empty if it just closes."""
    with socket.create_connection((host, port), timeout=PATIENCE_S) as client:
        found = b""
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                client.sendall(piece)
            with contextlib.suppress(OSError):  # closed by the server already
                client.shutdown(socket.SHUT_WR)
            while data := client.recv(65536):
                found += data
        return found


class ModemDoorsTestCase(DaemonTestCase):
    config = """
[gv50]
listen = []
[rpc]
listen = ["unix:gk.sock", "tcp:0:interface=127.0.0.1"]
[sim7600]
port = "at"
at_commands = ["AT+CPIN*"]
[log]
level = "debug"
"""

    def simulate(self, *arguments: str) -> subprocess.Popen[bytes]:
        quick = ("--register-after", "0", "--fix-after", "0", "--link", "at")
        process = subprocess.Popen(
            (
                *(sys.executable, "-m", "gatewaykit.cli", "simulate", "modem"),
                *(*quick, *arguments),
            ),
            cwd=self.directory,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(process.wait, PATIENCE_S)
        self.addCleanup(process.kill)
        eventually((self.directory / "at").is_symlink)
        return process

    def unplug(self, modem: subprocess.Popen[bytes]) -> None:
        modem.send_signal(signal.SIGINT)
        modem.wait(PATIENCE_S)

    def gateway(self) -> tuple[Daemon, int]:
        daemon = self.start()
        return daemon, daemon.port("rpc.listen")

    def answers(self, port: int) -> dict[str, Any]:
        """The old client's three answers, each in time, whole and in one segment."""
        client = OldClient("127.0.0.1", port)
        found: dict[str, Any] = {}
        for ask in (
            client.is_available,
            client.get_network_status,
            client.get_gnss_location,
        ):
            before = time.monotonic()
            found[ask.__name__] = ask()
            self.assertLess(time.monotonic() - before, DEADLINE_S)
            self.assertLess(len(client.received[-1]), SEGMENT)
        self.assertEqual(client.failures, [])
        found["raw_location"] = client.received[-1]
        client.close()
        return found

    def has_fix(self, port: int) -> bool:
        _, location = OldClient("127.0.0.1", port).get_gnss_location()
        return location is not None and location["fix_status"] == "valid"

    def is_connected(self, port: int) -> bool:
        connected: bool = OldClient("127.0.0.1", port).get_network_status()["connected"]
        return connected

    def assert_ends_well(self, daemon: Daemon) -> None:
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        log = "".join(daemon.lines)
        self.assertIsNone(FAULTS.search(log), log)
        self.assertNotIn(PIN, log)


class ClientTests(ModemDoorsTestCase):
    def test_a_modem_that_comes_and_goes(self) -> None:
        modem = self.simulate()
        daemon, port = self.gateway()
        eventually(lambda: self.has_fix(port))
        eventually(lambda: self.is_connected(port))
        there = self.answers(port)
        self.assertIs(there["is_available"], True)
        status = there["get_network_status"]
        self.assertEqual((status["connected"], status["device_present"]), (True, True))
        self.assertRegex(status["signal_strength"], r"\A-\d+ dBm\Z")
        with SIM7600Client(port=port) as client:
            self.assertEqual(client.get_network_status().keys(), status.keys())
            success, location = client.get_gnss_location()
            assert location is not None
            old = there["get_gnss_location"][1]
            self.assertEqual((success, location.keys()), (True, old.keys()))
            self.unplug(modem)
            eventually(lambda: not client.is_available())
            gone = self.answers(port)
            self.assertIs(gone["is_available"], False)
            self.assertIs(gone["get_network_status"]["device_present"], False)
            self.assertEqual(gone["raw_location"], NOTHING)
            self.assertEqual(client.get_gnss_location(), (False, None))
        self.assert_ends_well(daemon)

    def test_a_modem_that_says_nothing(self) -> None:
        self.simulate("--fault-silence", "1")
        daemon, port = self.gateway()
        found = self.answers(port)
        self.assertIs(found["is_available"], False)
        self.assertIs(found["get_network_status"]["connected"], False)
        self.assertEqual(found["raw_location"], NOTHING)
        self.assert_ends_well(daemon)

    def test_strangers_at_the_port(self) -> None:
        daemon, port = self.gateway()
        before = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for first in (
            b"GET / HTTP/1.0\r\n\r\n",
            b"\x16\x03\x01\x02\x00",
            b"\xff",
            b"[]",
        ):
            self.assertEqual(answer(port, first), b"")
        self.assertEqual(answer(port), b"")
        self.assertEqual(answer(port, b"\x00", b"\xff" * 300), b"")
        self.assertEqual(answer(port, ASK), b'{"success": true, "result": false}')
        self.assertEqual(len(re.findall(b"success", answer(port, ASK[:1], ASK[1:]))), 1)
        self.assertEqual(answer(port, ASK * 3).count(b'"result": false'), 3)
        half = json.loads(answer(port, ASK[:9]))
        self.assertIs(half["success"], False)
        for overlong in (b'{"method": "' + b"x" * 4200, b'{"a":' * 900):
            self.assertIs(json.loads(answer(port, overlong))["success"], False)
        with BlockingClient(f"tcp:127.0.0.1:{port}") as client:
            self.assertEqual(client.call(verbs.ModemAvailable)["state"], "absent")
            for verb, arguments in (
                (verbs.SendSMS, {"number": "+441", "text": "a secret"}),
                (verbs.SendATCommand, {"command": f"AT+CPIN={PIN}"}),
            ):
                self.assertRaises(AccessDenied, client.call, verb, **arguments)
        for one in before:
            one.close()
        self.assert_ends_well(daemon)
        with sqlite3.connect(self.directory / "gatewaykit.sqlite") as store:
            audit = store.execute("select * from audit").fetchall()
        store.close()
        self.assertEqual(
            [json.loads(row[1])["outcome"] for row in audit], ["refused"] * 2
        )
        self.assertNotIn("a secret", repr(audit))
        self.assertNotIn(PIN, repr(audit))

    def test_a_pin_is_told_to_nobody_else(self) -> None:
        self.simulate()
        daemon, port = self.gateway()
        eventually(lambda: self.has_fix(port))
        with (
            BlockingClient(f"unix:{self.directory}/gk.sock") as client,
            self.assertRaises(DeviceRefused) as caught,
        ):
            client.call(verbs.SendATCommand, command=f"AT+CPIN={PIN}")
        self.assertIn(PIN, str(caught.exception))
        self.assert_ends_well(daemon)

    def test_other_hosts(self) -> None:
        """By an own address that is not loopback: to the gateway that is another host."""
        host = own_address()
        outside = self.config.replace("interface=127.0.0.1", f"interface={host}")
        allowed = '[rpc]\nallow_plaintext_from = ["{}"]'
        self.configure(outside.replace("[rpc]", allowed.format("127.0.0.0/8")))
        daemon, port = self.gateway()
        self.assertEqual(answer(port, ASK, host=host), b"")
        with (
            BlockingClient(f"tcp:{host}:{port}") as client,
            self.assertRaises(ConnectionFailed),
        ):
            client.call(verbs.ModemAvailable)
        self.assert_ends_well(daemon)
        self.configure(outside.replace("[rpc]", allowed.format(f"{host}/32")))
        daemon, port = self.gateway()
        self.assertIn(b'"success": true', answer(port, ASK, host=host))
        with BlockingClient(f"tcp:{host}:{port}") as client:
            self.assertEqual(client.call(verbs.ModemAvailable)["state"], "absent")
            with self.assertRaises(AccessDenied):
                client.call(verbs.SendSMS, number="+441", text="x")
        self.assert_ends_well(daemon)

    def test_tls(self) -> None:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.directory / "ca.pem"))
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(
            str(self.directory / "own.pem")
        )
        listen = "ssl:0:privateKey=own.pem:certKey=own.pem:interface=127.0.0.1"
        self.configure(self.config.replace("tcp:0:interface=127.0.0.1", listen))
        daemon, port = self.gateway()
        ca = str(self.directory / "ca.pem")
        with BlockingClient(f"tls:127.0.0.1:{port}", ca=ca) as client:
            self.assertEqual(client.call(verbs.ModemAvailable)["state"], "absent")
        with (
            BlockingClient(f"tls:localhost:{port}", ca=ca, token="s3cret") as client,
            self.assertRaises(LoginRefused) as caught,
        ):
            client.call(verbs.ModemAvailable)
        self.assertIn("the gateway takes no tokens", str(caught.exception))
        self.assertNotIn("s3cret", str(caught.exception))
        kept = dict(os.environ)
        self.patch(os, "environ", kept | {"GATEWAYKIT_TLS": "1", "GATEWAYKIT_CA": ca})
        with SIM7600Client("127.0.0.1", port) as old:
            self.assertIs(old.get_network_status()["device_present"], False)
        with self.assertRaises(ConnectionFailed):
            BlockingClient(f"tcp:127.0.0.1:{port}").call(verbs.Info)
        self.assert_ends_well(daemon)


class OldDaemonTests(ModemDoorsTestCase):
    """``python -m gatewaykit.compat.sim7600_manager``, as the old one was started."""

    def run_old(self, port: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            (
                *(sys.executable, "-m", "gatewaykit.compat.sim7600_manager"),
                *("--daemon", "--host", "localhost", "--port", str(port)),
                *("--serial-port", "at", "--verbose"),
            ),
            cwd=self.directory,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def engine(self) -> bytes:
        """What the modem says of its GNSS engine, once nobody holds its port."""
        terminal = os.open(self.directory / "at", os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(terminal, b"ATE0\rAT+CGPS?\r")
            said = b""
            while (found := re.search(rb"\+CGPS: \d,\d\r", said)) is None:
                said += os.read(terminal, 1024)
            return found[0]
        finally:
            os.close(terminal)

    def test_it_runs_and_ends(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.simulate()
        daemon = self.run_old(port)
        with SIM7600Client(port=port) as client:
            self.patch(client, "_log", lambda *_: None)
            eventually(lambda: self.has_fix(port))
            second = self.run_old(port)
            _, told = second.communicate(timeout=PATIENCE_S)
            self.assertEqual((second.returncode, told.count("\n")), (78, 1))
            daemon.send_signal(signal.SIGTERM)
            _, log = daemon.communicate(timeout=PATIENCE_S)
            self.assertEqual(daemon.returncode, 0)
            self.assertIsNone(FAULTS.search(log), log)
            eventually(lambda: self.engine() == b"+CGPS: 0,1\r")
            # Killed outright, it takes the gateway with it, and another can begin.
            daemon = self.run_old(port)
            eventually(client.is_available)
            daemon.kill()
            daemon.communicate(timeout=PATIENCE_S)  # until nobody has its stderr
            self.assertIs(client.is_available(), False)
