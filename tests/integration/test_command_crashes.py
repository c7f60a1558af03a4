"""A gateway that is killed between what it records and what it writes: no command is
confirmed that nobody acknowledged, none is written twice in one attempt."""

from __future__ import annotations

import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.integration.daemon import PATIENCE_S, ROOT, environment
from tests.integration.mortal_gateway import MOMENTS

KILLS = 100
IMEI = "865083030000012"
REPEATED = "gps_state"
"""A kind that may be written again: it only asks."""
SETTLED_S = 0.15
"""Several looks of the gateway."""
SIDES = 2

_COMMAND = re.compile(rb"AT\+(GT[A-Z]{3})=([^$]*),([0-9A-F]{4})\$")
_QUESTION = b"gv50,1,"
"""GTRTO 1: for a position, by the gateway itself."""


@attrs.define
class Device:
    """What a vehicle has got and said, over all of its connections."""

    acks: bool = True
    got: list[str] = attrs.field(factory=list)
    """Types, in order."""
    said: int = 0
    """Acknowledgements that it has sent."""
    counts: int = 0

    def stamp(self) -> str:
        return time.strftime("%Y%m%d%H%M%S", time.gmtime())

    def position(self) -> bytes:
        self.counts += 1
        return (
            f"+RESP:GTFRI,090302,{IMEI},,,10,1,1,0.0,258,713.2,-54.557850,-20.587663,"
            f"{self.stamp()},0724,0003,08AA,59C0,00,0.0,,,,,110000,5,0,7,"
            f"{self.stamp()},{self.counts:04X}$"
        ).encode()

    def connect(self, port: int, until: float) -> None:
        """Report, acknowledge, until the gateway is gone or the time is over."""
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.settimeout(0.05)
            line.sendall(self.position())
            left = b""
            while time.monotonic() < until:
                try:
                    read = line.recv(65536)
                    if not read:
                        return
                    left = self._take(line, left + read)
                except TimeoutError:
                    line.sendall(self.position())
                except OSError:
                    return

    def _take(self, line: socket.socket, data: bytes) -> bytes:
        end = 0
        for found in _COMMAND.finditer(data):
            end = found.end()
            type, serial = found[1].decode(), found[3].decode()
            if type == "GTRTO" and found[2].startswith(_QUESTION):
                continue
            self.got.append(type)
            if self.acks:
                sub = ",GPS" if type == "GTRTO" else ""
                ack = f"+ACK:{type},090302,{IMEI},{sub},{serial},{self.stamp()},0001$"
                line.sendall(ack.encode())
                self.said += 1
        return data[end:]


class Side:
    """A program that begins gateways, one after the other."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            (sys.executable, "-m", "tests.integration.mortal_gateway"),
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._directory = directory
        self.rounds = 0

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()

    def live(
        self, path: Path, device: Device, moment: str, kind: str, seconds: float
    ) -> dict[str, Any]:
        """A life of a gateway; what it has told."""
        job = {
            "path": str(path),
            "moment": moment,
            "kind": kind,
            "imei": IMEI,
            "settings": {},
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watchdog = threading.Timer(PATIENCE_S, self._process.kill)
        watchdog.start()
        told: dict[str, Any] = {}
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            while "ended" not in told:
                line = self._process.stdout.readline()
                if not line:
                    raise AssertionError(f"no more of {moment}: {told}")
                told |= json.loads(line)
                if list(json.loads(line)) == ["port"]:
                    device.connect(told["port"], time.monotonic() + seconds)
        finally:
            watchdog.cancel()
        return told

    def kill_once(self, moment: str, kind: str) -> tuple[Device, Any, Any]:
        """A gateway dies at a moment, and another one finds what it has left."""
        self.rounds += 1
        path = self._directory / f"{self.rounds}.sqlite"
        device = Device()
        first = self.live(path, device, moment, kind, PATIENCE_S)
        device.acks = False
        second = self.live(path, device, "", "", SETTLED_S)
        return device, first, second


class CrashTests(SynchronousTestCase):
    def test_killed_between_the_record_and_the_wire(self) -> None:
        dice = random.Random(20261120)
        deaths = [
            (moment, "block" if dice.random() < 0.8 else REPEATED)
            for moment in (MOMENTS * KILLS)[:KILLS]
        ]
        dice.shuffle(deaths)
        ends: Counter[tuple[str, str, str]] = Counter()
        with ThreadPoolExecutor(SIDES) as pool:
            shares = pool.map(self.suffer, [deaths[n::SIDES] for n in range(SIDES)])
            for share in shares:
                for moment, kind, device, first, second in share:
                    self.check(moment, kind, device, first, second)
                    (command,) = second["commands"]
                    ends[moment, kind, command["status"]] += 1
        self.assertEqual(sum(ends.values()), KILLS)
        # Each moment is one that gateways die at, and tells something else.
        statuses = {status for _, _, status in ends}
        self.assertEqual(statuses, {"sent", "confirmed", "failed"})

    def suffer(self, deaths: list[tuple[str, str]]) -> list[tuple[Any, ...]]:
        with tempfile.TemporaryDirectory() as directory:
            side = Side(Path(directory))
            try:
                return [(m, kind, *side.kill_once(m, kind)) for m, kind in deaths]
            finally:
                side.end()

    def check(
        self, moment: str, kind: str, device: Device, first: Any, second: Any
    ) -> None:
        about = f"{kind}, {moment}: {device} {first} {second}"
        self.assertEqual(first["ended"], -signal.SIGKILL, about)
        self.assertEqual(second["ended"], 0, about)
        self.assertNotIn("trouble", second, about)
        self.assertIsNone(second["broken"], about)
        (command,) = second["commands"]
        status, reason = command["status"], command["reason"] or ""
        type = "GTOUT" if kind == "block" else "GTRTO"
        written = device.got.count(type)
        self.assertLessEqual(written, command["attempts"], about)
        if kind == "block":
            self.assertLessEqual(written, 1, about)
        if status == "confirmed":
            self.assertEqual(device.said, 1, about)
            self.assertIn("confirmed", moment, about)
        if status == "failed":
            self.assertEqual(kind, "block", about)
            self.assertTrue(reason.startswith("unknown"), about)
        allowed = {
            "before sent is handed over": {"sent"},
            "while sent is committed": {"sent", "failed"},
            "before the bytes": {"failed"},
            "after the bytes": {"failed"},
            "before confirmed is handed over": {"failed"},
            "while confirmed is committed": {"failed", "confirmed"},
            "after confirmed": {"confirmed"},
        }[moment]
        if kind == REPEATED:
            allowed = {"sent" if s == "failed" else s for s in allowed}
        self.assertIn(status, allowed, about)
        if status == "sent":
            # Only the second gateway's own writing is still out.
            self.assertEqual(device.got[-1], type, about)
        told = second["outcomes"]
        self.assertEqual(told[0], "asked", about)
        self.assertEqual(told.count("sent"), command["attempts"], about)
        self.assertEqual(told.count("confirmed"), int(status == "confirmed"), about)
        self.assertEqual(told.count("failed"), int(status == "failed"), about)
