"""The gateway and a simulated modem as processes, and the clients that people have."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import tty
from pathlib import Path
from typing import Any

from gatewaykit.compat.sim7600_manager import get_sim7600_client
from tests.integration.daemon import (
    GATEWAYCTL,
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)
from tests.integration.test_gpsd import needs

NUMBER, TEXT = "+447700900123", "Gate 7 is open"
OLD_NETWORK = re.compile(
    rb'\{"success": true, "result": \{"connected": true, "signal_strength": "-\d+ dBm", '
    rb'"operator": "TIM BRASIL", "network_type": "LTE", "registration_status": 1[,}]'
)
OLD_LOCATION = re.compile(
    rb'\{"success": true, "result": \{"success": true, "data": \{"mode": 3, '
    rb'"fix_type": "3D", "satellites": \{"gps": \d+, "glonass": \d+, "beidou": \d+, '
    rb'"total": \d+\}, "latitude": -19\.\d+, "longitude": -43\.\d+, "altitude": [\d.]+, '
    rb'"speed": [\d.]+, "speed_knots": [\d.]+, "course": (?:null|[\d.]+), '
    rb'"date": "\d{6}", "utc_time": "\d{6}\.\d", "pdop": [\d.]+, "hdop": [\d.]+, '
    rb'"vdop": [\d.]+, "fix_status": "valid", "source": "GNSS"[,}]'
)
"""As clients of 2025 take them (facts/sim7600.md 1.3), new keys behind."""

RECEIVES = """
import sys
from pathlib import Path
from twisted.internet import reactor, stdio
from twisted.protocols.basic import LineReceiver
from gatewaykit.simulators.modem import ModemBehaviour, SimulatedModem

modem = SimulatedModem(
    reactor, Path(sys.argv[1]), behaviour=ModemBehaviour(boot=0.0, register_after=0.0)
)

class Orders(LineReceiver):
    delimiter = b"\\n"
    def lineReceived(self, line):
        number, _, text = line.decode().partition(" ")
        modem.receive_sms(number, text)
    def connectionLost(self, reason):
        modem.stop()
        reactor.stop()

modem.start()
stdio.StandardIO(Orders())
reactor.run()
"""
"""A modem that gets a message for each line of its standard input."""


class ModemTestCase(DaemonTestCase):
    config = """
[gv50]
listen = []
[rpc]
listen = ["unix:gk.sock", "tcp:0:interface=127.0.0.1"]
[sim7600]
port = "modem"
at_commands = ["AT+CSQ"]
position_interval = 1
[gpsd]
listen = ["tcp:0:interface=127.0.0.1"]
"""

    def setUp(self) -> None:
        super().setUp()
        self.link = self.directory / "modem"

    def run_modem(self, *command: str) -> subprocess.Popen[str]:
        """A simulated modem on a port that is there when this returns."""
        before = self.link.readlink() if self.link.is_symlink() else None
        modem = subprocess.Popen(
            command
            or (
                *(*GATEWAYCTL, "simulate", "modem", "--link", str(self.link)),
                *("--register-after", "0", "--fix-after", "0"),
            ),
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.addCleanup(modem.communicate)
        self.addCleanup(modem.kill)
        eventually(lambda: self.link.is_symlink() and self.link.readlink() != before)
        return modem

    def serve(self) -> Daemon:
        """A gateway whose modem is there and knows where it is."""
        daemon = self.start()
        eventually(lambda: self.ask("location").get("fix_status") == "valid")
        return daemon

    def lines(self, *arguments: str) -> list[Any]:
        """What `gatewayctl` prints, nothing where it fails."""
        return [json.loads(x) for x in self.gatewayctl(*arguments).stdout.splitlines()]

    def ask(self, *what: str) -> dict[str, Any]:
        """The first record that ``gatewayctl modem`` prints."""
        return next(iter(self.lines("modem", *what)), {})

    def state(self) -> str:
        (status,) = self.lines("status")
        return str(status["subsystems"]["sim7600"]["state"])

    def audit(self) -> list[dict[str, Any]]:
        path = f"file:{self.directory / 'gatewaykit.sqlite'}?mode=ro"
        connection = sqlite3.connect(path, uri=True)
        try:
            rows = connection.execute("SELECT record FROM audit ORDER BY sequence")
            return [json.loads(record) for (record,) in rows]
        finally:
            connection.close()

    def is_locating(self) -> bool:
        """Whether GNSS is on in a modem that nobody else has open: it reports nothing
        but an error where it is off."""
        port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(port)
            answer = b""
            deadline = time.monotonic() + PATIENCE_S
            while not answer.endswith((b"OK\r\n", b"ERROR\r\n")):
                self.assertLess(time.monotonic(), deadline, answer)
                # What was written while the terminal of the gateway that has gone was
                # made as new is lost.
                os.write(port, b"AT+CGNSSINFO\r")
                while select.select([port], [], [], 0.5)[0]:
                    answer += os.read(port, 4096)
        finally:
            os.close(port)
        return b"+CGNSSINFO: " in answer


class GatewayctlTests(ModemTestCase):
    def test_answers(self) -> None:
        self.run_modem()
        self.serve()
        eventually(lambda: self.ask("status").get("operator") == "TIM BRASIL")
        status = self.ask("status")
        self.assertEqual(
            [status[x] for x in ("connected", "registration", "technology", "state")],
            [True, "home", "LTE", "ready"],
        )
        self.assertLess(status["signal_dbm"], -50)
        location = self.ask("location")
        self.assertAlmostEqual(location["latitude"], -19.92, places=1)
        self.assertFalse(location["stale"])
        info = self.ask("info")
        self.assertEqual(info["model"], "SIMCOM_SIM7600G-H")
        self.assertEqual(info["imei"], "867584030012345")
        self.assertEqual(self.gatewayctl("status").returncode, 0)
        asked = self.gatewayctl("modem", "at", "AT+CSQ")
        self.assertIn("+CSQ: ", asked.stdout)
        for smuggled in ("AT+CREG?", "AT+CSQ;+CREG?", "AT+CSQ\rAT+CREG?"):
            self.assertEqual(self.gatewayctl("modem", "at", smuggled).returncode, 2)

    def test_sending_is_audited_by_uid_without_the_text(self) -> None:
        self.run_modem()
        daemon = self.serve()
        # It waits until the SIM takes part, which is later than the fix.
        self.assertEqual(self.gatewayctl("modem", "sms", "list").returncode, 0)
        sent = self.ask("sms", "send", NUMBER, TEXT)
        self.assertEqual((sent["parts"], sent["encoding"]), (1, "gsm7"))
        port = daemon.port("rpc.listen")
        refused = self.gatewayctl(
            *("modem", "--endpoint", f"tcp:127.0.0.1:{port}", "sms", "send"),
            *(NUMBER, TEXT),
        )
        self.assertEqual(refused.returncode, 4, refused.stderr)
        eventually(lambda: len(self.audit()) == 3)
        listed, ours, theirs = self.audit()
        self.assertEqual(listed["what"], "ListSMS")
        self.assertEqual(
            [ours[x] for x in ("what", "who", "from_where", "outcome")],
            ["SendSMS", f"uid:{os.getuid()}", "unix", "done"],
        )
        self.assertEqual(ours["arguments"], {"number": NUMBER, "text": "***"})
        self.assertEqual(
            [theirs[x] for x in ("what", "who", "outcome")],
            ["SendSMS", "anonymous", "refused"],
        )
        daemon.end(signal.SIGTERM)
        self.assertNotIn(TEXT, "".join(daemon.lines))
        for file in self.directory.glob("gatewaykit.sqlite*"):
            self.assertNotIn(TEXT.encode(), file.read_bytes())

    def test_a_message_arrives(self) -> None:
        modem = self.run_modem(sys.executable, "-c", RECEIVES, str(self.link))
        self.start()
        eventually(lambda: self.state() == "ready")
        assert modem.stdin is not None
        modem.stdin.write(f"{NUMBER} {TEXT}\n")
        modem.stdin.flush()

        def told() -> bool:
            return "sms" in [x["event"] for x in self.lines("modem", "events")]

        eventually(told)
        (message,) = self.lines("modem", "sms", "list")
        self.assertEqual((message["number"], message["text"]), (NUMBER, TEXT))
        deleted = self.gatewayctl("modem", "sms", "delete", str(message["index"]))
        self.assertEqual(deleted.returncode, 0, deleted.stderr)
        self.assertEqual(self.lines("modem", "sms", "list"), [])


class OldClientTests(ModemTestCase):
    def test_json_compat_and_gpspipe(self) -> None:
        gpspipe = needs("gpspipe")
        self.run_modem()
        daemon = self.serve()
        eventually(lambda: self.ask("status").get("operator") == "TIM BRASIL")
        port = daemon.port("rpc.listen")
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as old:

            def call(method: str) -> bytes:
                old.sendall(b'{"method": "%s"}' % method.encode())
                return old.recv(4096)  # once, as the old client does

            self.assertEqual(call("is_available"), b'{"success": true, "result": true}')
            self.assertRegex(call("get_network_status"), OLD_NETWORK)
            self.assertRegex(call("get_gnss_location"), OLD_LOCATION)
            self.assertEqual(
                call("nope"), b'{"success": false, "error": "Unknown method: nope"}'
            )

        client = get_sim7600_client(port=port)
        self.addCleanup(client.close)
        self.assertTrue(client.is_available())
        self.assertEqual(client.get_network_status()["operator"], "TIM BRASIL")
        success, location = client.get_gnss_location()
        assert location is not None
        self.assertEqual((success, location["fix_status"]), (True, "valid"))

        piped = subprocess.run(
            (gpspipe, "-w", "-n", "5", f"127.0.0.1:{daemon.port('gpsd.listen')}"),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        reports = [json.loads(line) for line in piped.stdout.splitlines()]
        self.assertEqual(
            [x["class"] for x in reports], ["VERSION", "DEVICES", "WATCH", "SKY", "TPV"]
        )
        self.assertEqual(reports[-1]["mode"], 3)
        self.assertAlmostEqual(reports[-1]["lat"], location["latitude"], places=2)


class LifeTests(ModemTestCase):
    def test_the_end_switches_gnss_off(self) -> None:
        self.run_modem()
        daemon = self.serve()
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        text = "".join(daemon.lines)
        self.assertNotIn(" error ", text)
        self.assertNotIn(" critical ", text)
        self.assertLess(text.index("stopping"), text.index("no longer listening"))
        self.assertFalse(self.is_locating())

    def test_gnss_that_others_started_stays_on(self) -> None:
        self.run_modem()
        self.serve().end(signal.SIGKILL)
        self.assertTrue(self.is_locating())
        self.assertEqual(self.serve().end(signal.SIGTERM), -signal.SIGTERM)
        self.assertTrue(self.is_locating())

    def occupy(self, terminal: Path) -> None:
        """Take the name of a terminal that goes, for the rest of the test."""
        eventually(lambda: not terminal.exists())

        def take() -> bool:
            for end in pty.openpty():
                self.addCleanup(os.close, end)
            return terminal.exists()

        eventually(take)

    def test_unplugged_and_plugged_in_as_another_terminal(self) -> None:
        modem = self.run_modem()
        self.serve()
        old = self.link.readlink()
        self.assertEqual(self.state(), "ready")
        modem.terminate()  # it takes its link away, as udev does
        eventually(lambda: self.state() == "absent")
        self.assertEqual(self.gatewayctl("status").returncode, 1)
        gone = self.ask("location")
        self.assertEqual((gone["latitude"], gone["stale"]), (None, True))
        self.occupy(old)
        self.run_modem()
        self.assertNotEqual(self.link.readlink(), old)
        eventually(lambda: self.ask("location").get("fix_status") == "valid")
        self.assertEqual(self.state(), "ready")
        events = [x["event"] for x in self.lines("modem", "events")]
        self.assertEqual(events.count("lost"), 1)
        self.assertIn("connected", events[events.index("lost") :])
