"""Promise 1 under faults: an acknowledged report is in the store, once, whatever happens."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.integration.daemon import (
    PATIENCE_S,
    Daemon,
    DaemonTestCase,
    environment,
    eventually,
)

SOAK = "SOAK" in os.environ
GATEWAYCTL = (sys.executable, "-m", "gatewaykit.cli")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class LedgerTestCase(DaemonTestCase):
    """A gateway on a port that stays the same, and a fleet that writes down every SACK."""

    def setUp(self) -> None:
        super().setUp()
        self.port = free_port()
        self.ledger = self.directory / "ledger"
        self.configure(
            f"[gv50]\nlisten = ['tcp:{self.port}:interface=127.0.0.1']\n"
            "[rpc]\nlisten = ['unix:gk.sock']\n[log]\nlevel = 'error'"
        )

    def run_gateway(self) -> Daemon:
        daemon = Daemon(self.directory, ("-c", "gk.toml"))
        self.addCleanup(daemon.clean_up)
        eventually(lambda: listens(self.port))
        return daemon

    def run_fleet(self, *options: str) -> subprocess.Popen[bytes]:
        fleet = subprocess.Popen(
            (
                *GATEWAYCTL,
                *("simulate", "fleet", "--server", f"127.0.0.1:{self.port}"),
                *("--interval", "0", "--window", "8", "--sack-timeout", "2"),
                *("--reconnect-after", "0.05", "0.2", "--ledger", str(self.ledger)),
                *options,
            ),
            cwd=self.directory,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(fleet.wait)
        self.addCleanup(fleet.kill)
        return fleet

    def wait_for_more(self, size: int) -> None:
        """Wait for so many more bytes of acknowledgements; a line is about 140."""

        def written() -> int:
            return self.ledger.stat().st_size if self.ledger.exists() else 0

        wanted = written() + size
        eventually(lambda: written() >= wanted)

    def assert_ledger_is_stored(self) -> None:
        promised = {
            json.loads(line)["id"] for line in self.ledger.read_text().splitlines()
        }
        with sqlite3.connect(self.directory / "gatewaykit.sqlite") as store:
            stored = [row[0].hex() for row in store.execute("SELECT id FROM reports")]
        store.close()
        self.assertTrue(promised)
        self.assertEqual(len(stored), len(set(stored)), "a report is there twice")
        self.assertEqual(promised - set(stored), set(), "a promised report is missing")

    def gatewayctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (*GATEWAYCTL, "--endpoint", "unix:gk.sock", *arguments),
            cwd=self.directory,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )


class KillTests(LedgerTestCase):
    def test_killed_at_random_moments_under_load(self) -> None:
        chance = random.Random(20261120)
        fleet = self.run_fleet("--vehicles", "30", "--fault-duplicate", "0.02")
        for _ in range(200 if SOAK else 20):
            daemon = self.run_gateway()
            self.wait_for_more(chance.randrange(1, 400_000))
            daemon.end(signal.SIGKILL)
        fleet.terminate()
        fleet.wait(PATIENCE_S)
        daemon = self.run_gateway()
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assert_ledger_is_stored()

    def test_terminated_under_load_loses_nothing(self) -> None:
        fleet = self.run_fleet("--vehicles", "30")
        for _ in range(3):
            daemon = self.run_gateway()
            self.wait_for_more(100_000)
            self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        fleet.terminate()
        fleet.wait(PATIENCE_S)
        self.assert_ledger_is_stored()

    def test_nobody_is_online_after_a_crash_who_is_not(self) -> None:
        self.run_fleet("--vehicles", "5")
        daemon = self.run_gateway()
        self.wait_for_more(10_000)
        online = self.gatewayctl("--json", "devices").stdout
        self.assertEqual(online.count('"online"'), 5)
        daemon.end(signal.SIGKILL)
        self.port = free_port()
        self.configure(
            f"[gv50]\nlisten = ['tcp:{self.port}:interface=127.0.0.1']\n"
            "[rpc]\nlisten = ['unix:gk.sock']"
        )
        self.run_gateway()
        devices = self.gatewayctl("--json", "devices").stdout
        self.assertEqual(len(devices.splitlines()), 5)
        self.assertNotIn('"online"', devices)


class FullDiskTests(LedgerTestCase):
    def test_full_disk_closes_the_door_until_there_is_room(self) -> None:
        daemon = self.run_gateway()
        self.run_fleet("--vehicles", "20")
        self.wait_for_more(20_000)
        pid = daemon.process.pid
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        limit = (
            Path(self.directory / "gatewaykit.sqlite-wal").stat().st_size + 2_000_000
        )
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
        eventually(lambda: not listens(self.port))
        status = self.gatewayctl("--json", "status")
        self.assertEqual(status.returncode, 1)
        self.assertIn('"failed"', status.stdout)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        eventually(lambda: listens(self.port))
        self.wait_for_more(20_000)
        self.assertEqual(daemon.end(signal.SIGTERM), -signal.SIGTERM)
        self.assert_ledger_is_stored()


class HostilePeerTests(LedgerTestCase):
    """What a few peers do must not reach the others, nor the memory."""

    def resident_mib(self, daemon: Daemon) -> float:
        status = Path(f"/proc/{daemon.process.pid}/status").read_text()
        (line,) = [x for x in status.splitlines() if x.startswith("VmRSS:")]
        return int(line.split()[1]) / 1024

    def pour(self, data: bytes, limit: int) -> int:
        """Send the same bytes until the gateway takes no more; how many it took."""
        poured = 0
        with socket.create_connection(("127.0.0.1", self.port)) as peer:
            peer.settimeout(1.0)
            try:
                while poured < limit:
                    poured += peer.send(data)
            except OSError:
                pass
        return poured

    def assert_served(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as peer:
            peer.settimeout(PATIENCE_S)
            peer.sendall(b"+ACK:GTHBD,090302,865083030000012,,20250727214540,071C$")
            self.assertEqual(peer.recv(100), b"+SACK:GTHBD,090302,071C$")

    def test_floods_of_junk_are_cut_off(self) -> None:
        daemon = self.run_gateway()
        before = self.resident_mib(daemon)
        chance = random.Random(1)
        for junk in (
            b"x" * 65_536,
            b"+RESP:GTFRI," + b"," * 65_536,
            b"+" * 65_536,
            b"+RSP" + b"\xff" * 65_536,
            chance.randbytes(65_536).replace(b"$", b""),
        ):
            for _ in range(4):
                self.assertLess(self.pour(junk, 1 << 27), 1 << 27)
        self.assert_served()
        self.assertLess(self.resident_mib(daemon) - before, 16)

    def test_peer_that_never_reads_is_held_back(self) -> None:
        daemon = self.run_gateway()
        before = self.resident_mib(daemon)
        frames = b"".join(
            b"+ACK:GTHBD,090302,865083030000020,,20250727214540,%04X$" % number
            for number in range(1000)
        )
        self.assertLess(self.pour(frames, 1 << 28), 1 << 28)
        self.assert_served()
        self.assertLess(self.resident_mib(daemon) - before, 16)
