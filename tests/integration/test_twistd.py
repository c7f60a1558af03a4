"""`twistd gatewaykit` as a process: how it starts, what it says, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import socket
import sqlite3
from datetime import datetime
from itertools import islice, takewhile
from pathlib import Path

from tests.integration.daemon import Daemon, DaemonTestCase, eventually

FOREGROUND = ("--nodaemon", "--pidfile=", "gatewaykit", "-c", "gk.toml")
BACKGROUND = ("--pidfile=gk.pid", "gatewaykit", "-c", "gk.toml")


class RefusalTests(DaemonTestCase):
    """Status 78 and one line, in the foreground and on the way into the background."""

    def assert_refused(self, *words: str, **extra: str) -> None:
        for arguments in (FOREGROUND, BACKGROUND):
            ended = self.twistd(*arguments, **extra)
            self.assertEqual((ended.returncode, ended.stdout), (78, ""), ended.stderr)
            (line,) = ended.stderr.splitlines()
            self.assertTrue(line.startswith("gatewaykit: "), line)
            for word in words:
                self.assertIn(word, line)
            self.assertFalse((self.directory / "gk.pid").exists())

    def test_bad_value(self) -> None:
        self.configure("[gv50]\nidle_timeout = 'abc'")
        self.assert_refused(
            "gv50.idle_timeout: 'abc' is not usable; "
            "allowed: a number of seconds from 1 to 604800"
        )

    def test_unknown_name_in_the_environment(self) -> None:
        self.assert_refused("GATEWAYKIT_GV50__LISTN", GATEWAYKIT_GV50__LISTN="tcp:0")

    def test_control_characters_stay_off_the_terminal(self) -> None:
        self.assert_refused("\\x1b", GATEWAYKIT_LOG__LEVEL="\x1b[2J\n")

    def test_missing_file(self) -> None:
        (self.directory / "gk.toml").unlink()
        self.assert_refused("--config: 'gk.toml'")

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            text = f"tcp:{server.getsockname()[1]}:interface=127.0.0.1"
            self.configure(f"[gv50]\nlisten = ['{text}']\n[rpc]\nlisten = []")
            self.assert_refused("gv50.listen", text, "somebody else listens there")

    def test_socket_in_use(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.directory / "gk.sock"))
            server.listen()
            self.assert_refused("rpc.listen", "unix:gk.sock")

    def test_database_of_somebody_else(self) -> None:
        with sqlite3.connect(self.directory / "gatewaykit.sqlite") as other:
            other.execute("CREATE TABLE mine (a)")
        self.assert_refused("store.path", "gatewaykit.sqlite")

    def test_database_that_another_gateway_has_open(self) -> None:
        self.start()
        self.configure("[rpc]\nlisten = []\n[gv50]\nlisten = []")
        self.assert_refused("store.path", "no other gateway has open")

    def test_place_lost_after_it_was_tried(self) -> None:
        """The same port twice can be bound twice, but not listened on twice."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        text = f"'tcp:{port}:interface=127.0.0.1'"
        self.configure(f"[gv50]\nlisten = [{text}, {text}]\n[rpc]\nlisten = []")
        ended = self.twistd(*FOREGROUND)
        self.assertEqual(ended.returncode, 78)
        (line,) = [x for x in ended.stderr.splitlines() if " critical " in x]
        self.assertIn("gv50.listen", line)


class EndTests(DaemonTestCase):
    def test_signals_end_it_in_order(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.start()
            self.assertEqual(daemon.end(number), -number)
            text = "".join(daemon.lines[-8:])
            self.assertLess(text.index("stopping"), text.index("(rpc.listen)"))
            self.assertLess(text.index("(rpc.listen)"), text.index("(gv50.listen)"))
            self.assertFalse((self.directory / "gk.sock").exists())

    def test_connected_peers_do_not_delay_the_end(self) -> None:
        daemon = self.start()
        tracker = socket.create_connection(("127.0.0.1", daemon.port("gv50.listen")))
        client = socket.create_connection(("127.0.0.1", daemon.port("rpc.listen")))
        with tracker, client:
            tracker.sendall(b"+ACK:GTHBD,090302,864696060004173,,20250727214540,071C$")
            self.assertEqual(tracker.recv(100), b"+SACK:GTHBD,090302,071C$")
            self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
            self.assertNotIn(" error ", "".join(daemon.lines))

    def test_after_kill_it_starts_again(self) -> None:
        self.start().end(signal.SIGKILL)
        self.assertTrue((self.directory / "gk.sock").exists())
        self.assertEqual(self.start().end(signal.SIGTERM), -signal.SIGTERM)

    def test_socket_keeps_others_out(self) -> None:
        self.start()
        mode = (self.directory / "gk.sock").stat().st_mode
        self.assertEqual(mode & 0o777, 0o660)


class BackgroundTests(DaemonTestCase):
    def test_it_goes_into_the_background_and_logs_to_a_file(self) -> None:
        ended = self.twistd(*BACKGROUND)
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "", ""))
        pid = int((self.directory / "gk.pid").read_text())
        # The process is no child of ours: a descriptor tells of its end.
        watched = os.pidfd_open(pid)
        self.addCleanup(os.close, watched)
        try:
            log = self.directory / "twistd.log"
            eventually(lambda: log.exists() and "is up" in log.read_text())
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        self.assertTrue(_ended(watched))
        self.assertFalse((self.directory / "gk.pid").exists())


def _ended(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 30)[0])


class LogTests(DaemonTestCase):
    def test_text(self) -> None:
        daemon = self.start()
        daemon.end(signal.SIGTERM)
        for line in daemon.lines:
            self.assertTrue(
                re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [a-z]+ \S+: .", line),
                line,
            )

    def test_json(self) -> None:
        daemon = self.start(GATEWAYKIT_LOG__FORMAT="json")
        daemon.end(signal.SIGTERM)
        for line in daemon.lines:
            record = json.loads(line)
            datetime.fromisoformat(record["ts"])
            self.assertTrue({"level", "namespace", "message"} <= record.keys())

    def test_level(self) -> None:
        daemon = Daemon(
            self.directory, ("-c", "gk.toml"), {"GATEWAYKIT_LOG__LEVEL": "error"}
        )
        self.addCleanup(daemon.clean_up)
        sock = self.directory / "gk.sock"
        eventually(sock.exists)
        daemon.end(signal.SIGTERM)
        self.assertEqual(daemon.lines, [])

    def test_file(self) -> None:
        self.configure(f"{self.config}\n[log]\nfile = 'gk.log'")
        daemon = Daemon(self.directory, ("-c", "gk.toml"))
        self.addCleanup(daemon.clean_up)
        log = self.directory / "gk.log"
        eventually(lambda: log.exists() and "is up" in log.read_text())
        daemon.end(signal.SIGTERM)
        self.assertEqual(daemon.lines, [])
        self.assertIn("stopping", log.read_text())


class DemoTests(DaemonTestCase):
    def test_it_shows_reports_and_leaves_nothing(self) -> None:
        temporary = self.directory / "tmp"
        temporary.mkdir()
        daemon = self.start("--demo", TMPDIR=str(temporary))
        self.assertEqual(len(list(temporary.iterdir())), 1)
        assert daemon.process.stdout is not None
        said = iter(daemon.process.stdout.readline, "")
        head = "".join(takewhile(lambda line: not line.startswith("Ctrl-C"), said))
        self.assertIn("20 simulated vehicles", head)
        self.assertIn(f"gatewayctl --endpoint unix:{self.directory}", head)
        self.assertIn("A simulated TTS-160 mount is at ", head)
        for line in islice(said, 3):
            self.assertTrue(
                re.match(r"\d{15}  GT\w{3}  .*stored and acknowledged in", line), line
            )
        self.assertEqual(daemon.end(signal.SIGINT), -signal.SIGINT)
        self.assertEqual(list(temporary.iterdir()), [])
        self.assertFalse((self.directory / "gatewaykit.sqlite").exists())
        self.assertFalse(Path(self.directory / "gk.sock").exists())
