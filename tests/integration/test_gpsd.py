"""gpsd's own clients, as Debian has them, at a listener of ours."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import shutil
import socket
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor as real_reactor
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall, deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest, TestCase

from gatewaykit import access
from gatewaykit.access import Role
from gatewaykit.bridges.gpsd import VERB, GpsdConnection, GpsdFactory
from gatewaykit.interfaces import Record
from gatewaykit.rpc.server import identify
from tests.bridges.gpsd_support import DEVICE, SEARCHING, STALE, FakeModem, located

reactor: Any = real_reactor

PATIENCE_S = 20
SYSTEM_PYTHON = "/usr/bin/python3"
"""The one that Debian's python3-gps is installed for."""

STATUS = rb"\x1b\[9(?:;\d+H|d)"
"""Where cgps draws the fix: row 9 of the terminal. curses draws what has changed only."""

READ_REPORTS = """
import gps, sys
session = gps.gps(host="127.0.0.1", port=sys.argv[1], mode=gps.WATCH_ENABLE)
for _ in range(int(sys.argv[2])):
    while session.next()["class"] != "TPV":
        pass
    fix = session.fix
    print(fix.mode, fix.latitude, fix.longitude, fix.altMSL, fix.speed, session.utc)
print(session.version.release, session.hdop, session.data["device"])
print([(s.PRN, s.used) for s in session.satellites])
"""


def needs(program: str) -> str:
    found = shutil.which(program, path="/usr/bin:/usr/local/bin:/bin")
    if found is None:
        raise SkipTest(f"{program} is not installed")
    return found


class MovingModem(FakeModem):
    """Goes north by a thousandth of a degree each time it is looked at."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.look: Callable[[], Record | None] = self.moved

    def moved(self) -> Record:
        self.steps += 1
        return located(
            latitude=51.8 + self.steps / 1000,
            gps_time=f"2025-08-30T12:34:{self.steps % 60:02}.000Z",
            geoid_separation_m=47.0,
            sky=[
                {
                    "gnss": "gps",
                    "svid": 5,
                    "elevation_deg": 45,
                    "azimuth_deg": 180,
                    "cn0_dbhz": 40,
                    "used": True,
                },
                {
                    "gnss": "glonass",
                    "svid": 3,
                    "elevation_deg": 10,
                    "azimuth_deg": 20,
                    "cn0_dbhz": None,
                    "used": False,
                },
            ],
        )

    def step(self) -> None:
        record = self.look()
        if record is not None:
            self.locate(record)


class GpsdClientTests(TestCase):
    timeout = 60

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        return Deferred.fromCoroutine(self.listen())

    async def listen(self) -> None:
        access.declare(VERB, Role.VIEWER)
        self.modem = MovingModem()
        self.factory = GpsdFactory(
            self.modem,
            identify,
            reactor,
            lambda: int(time.time() * 1000),
            DEVICE,
            115_200,
        )
        endpoint = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        self.listener: IListeningPort = await endpoint.listen(self.factory)
        self.port: int = cast(Any, self.listener.getHost()).port
        # Faster than a modem, so that a test need not wait for seconds.
        moving = LoopingCall(self.modem.step)
        moving.start(0.1)
        self.addCleanup(moving.stop)

    def tearDown(self) -> Deferred[None]:  # type: ignore[override]
        closed = maybeDeferred(self.listener.stopListening)
        return closed.addCallback(lambda _: self.factory.close_all(0.2))

    def run_program(self, *command: str) -> Deferred[list[str]]:
        """The lines that a program prints."""

        def run() -> list[str]:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            return done.stdout.splitlines()

        return deferToThread(run)

    def gpspipe(self, *options: str) -> Deferred[list[str]]:
        return self.run_program(needs("gpspipe"), *options, f"127.0.0.1:{self.port}")

    async def objects(self, count: int) -> list[Record]:
        return [json.loads(line) for line in await self.gpspipe("-w", "-n", str(count))]

    def python(self, count: int) -> Deferred[list[str]]:
        return self.run_program(
            needs(SYSTEM_PYTHON), "-c", READ_REPORTS, str(self.port), str(count)
        )

    async def test_gpspipe_reads_objects(self) -> None:
        found = await self.objects(7)
        self.assertEqual(
            [record["class"] for record in found],
            ["VERSION", "DEVICES", "WATCH", "SKY", "TPV", "SKY", "TPV"],
        )
        first, second = found[4], found[6]
        self.assertGreater(second["lat"], first["lat"])
        self.assertEqual((first["mode"], first["altHAE"]), (3, 129.5))

    async def test_gpspipe_reads_sentences(self) -> None:
        def tell() -> None:
            self.modem.tell("nmea", {"line": "$GPRMC,,V,,,,,,,,,,N*53"})

        telling = LoopingCall(tell)
        telling.start(0.1)
        self.addCleanup(telling.stop)
        lines = await self.gpspipe("-r", "-n", "6")
        self.assertEqual(lines[3:], ["$GPRMC,,V,,,,,,,,,,N*53"] * 3)

    async def test_gpspipe_reads_sentences_made_of_the_position(self) -> None:
        lines = await self.gpspipe("-r", "-n", "5")
        self.assertTrue(all(line.startswith("$G") for line in lines[3:]), lines)

    async def test_python_module(self) -> None:
        *fixes, session, satellites = await self.python(2)
        for fix in fixes:
            mode, latitude, longitude, altitude, speed, moment = fix.split()
            self.assertEqual((mode, longitude, altitude), ("3", "-1.32", "82.5"))
            self.assertTrue(51.8 < float(latitude) < 53.0)
            self.assertEqual(speed, "5.144")
            self.assertTrue(moment.startswith("2025-08-30T12:34:"))
        self.assertEqual(session, f"3.22 0.8 {DEVICE}")
        self.assertEqual(satellites, "[(5, True), (67, False)]")

    async def test_python_module_without_a_fix(self) -> None:
        self.modem.look = lambda: SEARCHING
        fix, *_ = await self.python(1)
        self.assertEqual(fix.split()[:3], ["1", "nan", "nan"])

    async def test_cgps_shows_the_position(self) -> None:
        latitude = rb"\x1b\[3(?:;\d+H|d)\D*51\.8\d+"
        await deferToThread(self.cgps, latitude + b".*" + STATUS + b"3D")

    async def test_cgps_outlives_the_modem(self) -> None:
        def lose() -> None:
            self.modem.state = "absent"
            self.modem.look = lambda: STALE
            self.modem.happen("lost")

        def give_back() -> None:
            self.modem.state = "ready"
            self.modem.look = self.modem.moved
            self.modem.happen("connected")

        reactor.callLater(1.0, lose)
        reactor.callLater(2.0, give_back)
        states = (STATUS + state for state in (b"3D", b"NO", b"3D"))
        await deferToThread(self.cgps, b".*".join(states))

    async def test_cgps_without_a_fix(self) -> None:
        self.modem.look = lambda: STALE
        screen = await deferToThread(self.cgps, rb'"mode":1}.*"mode":1}')
        self.assertNotIn(b"51.8", screen)

    def cgps(self, pattern: bytes) -> bytes:
        """What cgps draws on a terminal until the pattern is there."""
        program = needs("cgps")
        child, terminal = pty.fork()
        if child == 0:
            os.environ["TERM"] = "xterm"
            os.execv(program, ["cgps", f"127.0.0.1:{self.port}"])
        try:
            size = struct.pack("HHHH", 40, 120, 0, 0)
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, size)
            drawn = b""
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline and not re.search(
                pattern, drawn, re.DOTALL
            ):
                try:
                    drawn += os.read(terminal, 65536)
                except OSError:  # it has ended
                    break
            self.assertTrue(re.search(pattern, drawn, re.DOTALL), drawn)
            return drawn
        finally:
            os.kill(child, 15)
            os.close(terminal)
            os.waitpid(child, 0)

    async def test_several_at_once(self) -> None:
        pipes: list[Deferred[Any]] = [self.gpspipe("-w", "-n", "9") for _ in range(5)]
        results = await gatherResults([*pipes, self.python(3)])
        for lines in results[:-1]:
            self.assertEqual(json.loads(lines[-1])["mode"], 3)
        self.assertEqual(self.modem.kinds(), set())

    async def test_modem_that_is_lost(self) -> None:
        pipe = self.gpspipe("-w", "-n", "20")
        while self.modem.steps < 3 or not self.modem.kinds():
            await deferLater(reactor, 0.02)
        await deferLater(reactor, 0.3)
        self.modem.state = "absent"
        self.modem.look = lambda: STALE
        self.modem.happen("lost")
        found = [json.loads(line) for line in await pipe]
        gone = {"class": "DEVICE", "path": DEVICE, "activated": 0}
        after = found[found.index(gone) + 1 :]
        positions = [record for record in after if record["class"] == "TPV"]
        self.assertTrue(positions)
        for position in positions:
            self.assertEqual(position, {"class": "TPV", "device": DEVICE, "mode": 1})

    async def test_modem_that_says_nothing_at_all(self) -> None:
        self.modem.look = lambda: None
        self.modem.state = "absent"
        found = await self.objects(7)
        self.assertEqual(found[1], {"class": "DEVICES", "devices": []})
        nothing = {"class": "TPV", "device": DEVICE, "mode": 1}
        self.assertEqual([found[4], found[6]], [nothing] * 2)

    async def test_one_that_never_reads_is_dropped_and_others_go_on(self) -> None:
        self.patch(GpsdConnection, "unread_s", 1.0)
        deaf = socket.socket()
        self.addCleanup(deaf.close)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", self.port))
        deaf.sendall(b'?WATCH={"enable":true,"json":true}' + b"?DEVICES;" * 5000)
        pipe = self.gpspipe("-w", "-n", "61")
        while len(self.factory._connections) < 2:
            await deferLater(reactor, 0.01)
        (connection,) = (
            c
            for c in self.factory._connections
            if c.transport.getPeer().port == deaf.getsockname()[1]
        )
        await connection.lost
        lines = await pipe
        self.assertEqual(json.loads(lines[-1])["mode"], 3)
