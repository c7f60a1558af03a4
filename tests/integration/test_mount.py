"""The gateway and a simulated mount as processes, and several clients at once."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from typing import Any

from gatewaykit.compat.tts160_serial import CommandType, SerialManager
from tests.integration.daemon import (
    GATEWAYCTL,
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)


class MountTests(DaemonTestCase):
    config = """
[gv50]
listen = []
[rpc]
listen = ["unix:gk.sock", "tcp:0:interface=127.0.0.1"]
[tts160]
port = "mount"
min_altitude_deg = 10
axis_lease = 1
[lx200]
listen = ["tcp:0:interface=127.0.0.1"]
"""

    def setUp(self) -> None:
        super().setUp()
        self.link = self.directory / "mount"

    def run_mount(self, *options: str) -> subprocess.Popen[bytes]:
        mount = subprocess.Popen(
            (*GATEWAYCTL, "simulate", "mount", "--link", str(self.link), *options),
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(mount.wait)
        self.addCleanup(mount.kill)
        eventually(self.link.is_symlink)
        return mount

    def mount(self, *arguments: str) -> Any:
        done = self.gatewayctl("mount", *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return json.loads(done.stdout or "null")

    def serve(self) -> Daemon:
        daemon = self.start()
        eventually(lambda: bool(self.mount("status")["available"]))
        return daemon

    def lx200(self, port: int, request: bytes, end: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_S) as client:
            client.sendall(request)
            answer = b""
            while not answer.endswith(end):
                data = client.recv(100)
                if not data:
                    break
                answer += data
        return answer

    def test_every_dialect_is_found(self) -> None:
        for dialect in ("v356", "v356b", "v357", "text"):
            mount = self.run_mount("--dialect", dialect, "--no-pacing")
            daemon = self.serve()
            status = self.mount("status")
            self.assertEqual(status["dialect"], dialect)
            self.assertApproximates(status["azimuth_deg"], 180, 0.1)
            self.assertApproximates(status["latitude_deg"], 47.07, 0.02)
            daemon.end(signal.SIGTERM)
            mount.send_signal(signal.SIGINT)
            mount.wait(PATIENCE_S)
            eventually(lambda: not self.link.is_symlink())

    def test_a_slew_by_one_client_and_a_stop_by_another(self) -> None:
        self.run_mount("--no-pacing")
        daemon = self.serve()
        self.mount("slew", "--altaz", "30", "170")
        eventually(lambda: self.mount("status")["altitude_deg"] > 2)
        port = daemon.port("lx200.listen")
        self.lx200(port, b":Q#:D#", b"#")
        eventually(lambda: not self.mount("status")["slewing"])
        self.assertLess(self.mount("status")["altitude_deg"], 25)
        self.mount("slew", "--altaz", "20", "175", "--wait")
        status = self.mount("status")
        self.assertApproximates(status["altitude_deg"], 20, 0.5)
        shown = self.lx200(port, b":GA#", b"#")
        self.assertRegex(shown, rb"\+(19|20)\*")

    def test_what_may_not_be_is_refused_with_a_reason(self) -> None:
        self.run_mount("--no-pacing")
        self.serve()
        for arguments, reason in (
            (("slew", "--altaz", "5", "100"), "allowed 10 to 90"),
            (("slew", "--altaz", "-5", "100"), "below the horizon"),
            (("slew", "25:00:00", "0"), "right_ascension"),
            (("get", "NONSENSE"), "NONSENSE"),
            (("send", "GR"), "command"),
        ):
            done = self.gatewayctl("mount", *arguments)
            self.assertIn(done.returncode, {1, 2})
            self.assertIn(reason, done.stderr)
        self.mount("park", "--wait")
        done = self.gatewayctl("mount", "slew", "--altaz", "40", "100")
        self.assertIn("parked", done.stderr)
        self.mount("unpark")

    def test_an_axis_stops_when_its_client_is_gone(self) -> None:
        self.run_mount("--no-pacing")
        self.serve()
        mover = subprocess.Popen(
            (
                *(*GATEWAYCTL, "--endpoint", "unix:gk.sock", "mount", "move"),
                *("north", "1", "--for", "50"),
            ),
            cwd=self.directory,
            env=environment(),
        )
        self.addCleanup(mover.wait)
        self.addCleanup(mover.kill)
        eventually(lambda: self.mount("status")["moving"] == ["north"])
        mover.kill()
        eventually(lambda: self.mount("status")["moving"] == [])

    def test_a_mount_that_is_unplugged_and_comes_back(self) -> None:
        mount = self.run_mount("--no-pacing")
        self.serve()
        mount.send_signal(signal.SIGINT)
        mount.wait(PATIENCE_S)
        eventually(lambda: not self.mount("status")["available"])
        done = self.gatewayctl("mount", "slew", "--altaz", "40", "100")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the mount is not available", done.stderr)
        self.run_mount("--no-pacing")
        eventually(lambda: bool(self.mount("status")["available"]))

    def test_through_faults_the_answers_are_right(self) -> None:
        self.run_mount(
            *("--no-pacing", "--fault-dropped", "0.1", "--fault-duplicated", "0.1"),
            *("--fault-late", "0.05"),
        )
        daemon = self.serve()
        with SerialManager() as manager:
            manager.connect(f"unix:{self.directory / 'gk.sock'}")
            for _ in range(10):
                text = manager.send_command(":GVN#", CommandType.STRING)
                self.assertEqual(text, "357.1.0#")
        daemon.end(signal.SIGTERM)
        errors = [line for line in daemon.lines if "Traceback" in line]
        self.assertEqual(errors, [])

    def test_stopping_the_gateway_stops_a_moving_axis(self) -> None:
        self.run_mount("--no-pacing")
        daemon = self.serve()
        mover = subprocess.Popen(
            (
                *(*GATEWAYCTL, "--endpoint", "unix:gk.sock", "mount", "move"),
                *("west", "0.5", "--for", "50"),
            ),
            cwd=self.directory,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(mover.wait)
        self.addCleanup(mover.kill)
        eventually(lambda: self.mount("status")["moving"] == ["west"])
        daemon.end(signal.SIGTERM)
        mover.wait(PATIENCE_S)
        with SerialManager() as manager:
            manager.connect(str(self.link))

            def place() -> object:
                return manager.send_command(":*!G T1#")

            def rests() -> bool:
                before = place()
                time.sleep(0.05)
                return place() == before

            eventually(rests)
