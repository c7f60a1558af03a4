"""The simulated mount on real terminals."""

from __future__ import annotations

import os
import struct
import tempfile
import tty
from pathlib import Path
from typing import Any

import serial
from twisted.internet import reactor as the_reactor
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.simulators.mount import MountBehaviour, MountFaults, SimulatedMount
from gatewaykit.simulators.mount_wire import BYTE_S
from tests.ptys import descriptors, until
from tests.simulators.mounts import START

reactor: Any = the_reactor


def opened(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    tty.setraw(descriptor)
    return descriptor


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except BlockingIOError:
        return b""


def terminals() -> set[str]:
    return {one for one in descriptors() if "/dev/" in one}


class MountTestCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.link = Path(directory.name) / "tts160"
        self.got = b""

    def start(
        self, faults: MountFaults | None = None, **behaviour: Any
    ) -> SimulatedMount:
        values = {"paced": False, "latency": 0.0, **behaviour}
        self.mount = SimulatedMount(
            reactor, self.link, behaviour=MountBehaviour(**values), faults=faults
        )
        self.mount.start()
        self.addCleanup(self.mount.stop)
        return self.mount

    def open(self) -> int:
        descriptor = opened(self.link)
        self.addCleanup(os.close, descriptor)
        return descriptor

    async def ask(self, descriptor: int, command: bytes, end: bytes = b"#") -> bytes:
        self.got = b""
        os.write(descriptor, command)

        def is_answered() -> bool:
            self.got += read(descriptor)
            return self.got.endswith(end)

        await until(reactor, is_answered)
        return self.got


class PortTests(MountTestCase):
    async def test_answers_a_program_with_pyserial(self) -> None:
        self.start(dialect="v356")
        with serial.Serial(str(self.link), 9600, timeout=0) as port:

            async def ask(command: bytes, size: int) -> bytes:
                got = b""
                port.write(command)

                def is_answered() -> bool:
                    nonlocal got
                    got += port.read(100)
                    return len(got) >= size

                await until(reactor, is_answered)
                return got

            self.assertEqual(await ask(b":GVN#", 8), b"356.0.0#")
            self.assertEqual(await ask(b":GW#", 4), b"PN0#")
            got = await ask(b":*!G T1,C5#", 15)
            self.assertEqual(got[:12], b"BINARY:1i1B\n")
            self.assertEqual(await ask(b"\x06", 1), b"P")
        self.assertEqual(self.mount.commands, 4)
        self.assertEqual(self.mount.heard[1].data, b":GW#")

    async def test_takes_its_time_as_the_line_does(self) -> None:
        mount = self.start(paced=True)
        port = self.open()
        began = reactor.seconds()
        for _ in range(5):
            await self.ask(port, b":GR#")
        seconds = reactor.seconds() - began
        self.assertGreater(seconds, 4.5 * 13 * BYTE_S)
        self.assertEqual((mount.bytes_in, mount.bytes_out), (20, 45))
        self.assertAlmostEqual(mount.busy(seconds), 65 * BYTE_S / seconds)
        self.assertAlmostEqual(mount.busy(seconds, 13), 52 * BYTE_S / seconds)

    async def test_a_goto_arrives(self) -> None:
        mount = self.start(max_rate=1e4, acceleration=1e6)
        port = self.open()
        lst_h = mount.state.lst_h
        target = struct.pack("<B2f", 1, lst_h * 3.14159265 / 12, 0.7)
        await self.ask(port, b":*!S 04;" + target + b"#", bytes(4))
        await until(reactor, lambda: mount.is_tracking)
        self.assertAlmostEqual(mount.right_ascension_h, lst_h, places=4)
        self.assertAlmostEqual(mount.declination_deg, 40.107, places=3)
        self.assertAlmostEqual(mount.altitude_deg, 83.04, places=1)
        self.assertLess(abs(mount.azimuth_deg - 180), 2)
        self.assertEqual(len(mount.slews), 1)
        self.assertFalse(mount.is_slewing)

    async def test_off_screen(self) -> None:
        faults = MountFaults(off_screen=True)
        mount = self.start(faults)
        port = self.open()
        os.write(port, b":Mn#:GW#")
        await until(reactor, lambda: mount.bytes_in == 8)
        self.assertEqual((read(port), mount.moves, mount.commands), (b"", [], 0))
        faults.off_screen = False
        self.assertEqual(await self.ask(port, b":GW#"), b"PN0#")

    async def test_faults_may_be_changed(self) -> None:
        mount = self.start()
        port = self.open()
        self.assertEqual(await self.ask(port, b":GZ#"), b"180*00'00#")
        mount.faults.degree_sign = mount.faults.low_precision = True
        self.assertEqual(await self.ask(port, b":GZ#"), b"180\xdf00#")
        mount.faults.duplicated = 1.0
        self.assertEqual(await self.ask(port, b":GW#", b"PN0#PN0#"), b"PN0#PN0#")
        mount.faults.duplicated, mount.faults.dropped = 0.0, 1.0
        os.write(port, b":Mgn0100#:Mgs0100#:Mn#:*Pq#:Q#")
        await until(reactor, lambda: mount.stops)
        self.assertEqual(read(port), b"")
        self.assertEqual(len(mount.pulses), 2)
        self.assertEqual(mount.syncs, [])
        self.assertFalse(mount.is_parked)

    async def test_the_cable_may_be_pulled(self) -> None:
        mount = self.start(paced=True, max_rate=1e4, acceleration=1e6, tracking=True)
        first = self.open()
        os.write(first, b":hP#:GR#:GR")
        await until(reactor, lambda: mount.deeds.parks)
        before = mount.port
        mount.unplug()
        self.assertFalse(mount.is_present)
        self.assertFalse(self.link.is_symlink())
        mount.unplug()
        mount.replug()
        mount.replug()
        self.assertNotEqual(mount.port, before)
        second = self.open()
        self.assertEqual(await self.ask(second, b":GW#"), b"PN0#")
        self.assertTrue(mount.is_parked)

    async def test_leaves_nothing_behind(self) -> None:
        before = terminals()
        mount = self.start(paced=True)
        port = opened(self.link)
        os.write(port, b":GR#" * 50)
        await until(reactor, lambda: mount.bytes_out > 10)
        os.close(port)
        mount.stop()
        self.assertEqual(terminals(), before)
        self.assertFalse(self.link.is_symlink())

    def test_a_link_that_cannot_be_made(self) -> None:
        self.link.write_text("mine")
        mount = SimulatedMount(reactor, self.link)
        self.assertRaises(FileExistsError, mount.start)
        mount.stop()
        self.assertEqual(self.link.read_text(), "mine")


class PaceTests(SynchronousTestCase):
    """On a real terminal, in made-up time."""

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.reactor: Any = MemoryReactorClock()
        self.link = Path(directory.name) / "tts160"

    def start(
        self, faults: MountFaults | None = None, seed: int = 0, **behaviour: Any
    ) -> SimulatedMount:
        values = {"latency": 0.0, "dialect": "v356", **behaviour}
        mount = SimulatedMount(
            self.reactor,
            self.link,
            seed=seed,
            behaviour=MountBehaviour(**values),
            faults=faults,
            wall=lambda: START,
        )
        mount.start()
        self.addCleanup(mount.stop)
        self.port = opened(self.link)
        self.addCleanup(os.close, self.port)
        return mount

    def write(self, mount: SimulatedMount, data: bytes) -> None:
        mount._received(data)

    def wait(self, seconds: float, step_s: float = 0.0005) -> bytes:
        got = b""
        for _ in range(round(seconds / step_s)):
            self.reactor.advance(step_s)
            got += read(self.port)
        return got

    def test_bytes_come_at_line_rate(self) -> None:
        mount = self.start()
        self.write(mount, b":*!G T30,T31#")
        size = len("BINARY:2m\n") + 72
        arrived = []
        for millisecond in range(1, 110):
            arrived += [millisecond] * len(self.wait(0.001))
        self.assertEqual(len(arrived), size)
        for number, at in enumerate(arrived, 14):
            # In batches of 4, and by the clock of this test in milliseconds.
            self.assertGreaterEqual(at + 1, number * BYTE_S * 1000)
            self.assertLess(at - 6, number * BYTE_S * 1000)
        self.assertLess(abs(arrived[-1] - (13 + size) * BYTE_S * 1000), 1.5)

    def test_no_busy_loop(self) -> None:
        mount = self.start()
        self.write(mount, b":*!G T30,T31#")
        calls = 0
        while self.reactor.getDelayedCalls():
            (call,) = (
                c for c in self.reactor.getDelayedCalls() if c.func == mount._wake
            )
            self.reactor.advance(call.getTime() - self.reactor.seconds())
            calls += 1
            if mount.bytes_out == 82:
                break
        self.assertLess(calls, 25)

    def test_an_idle_one_sleeps(self) -> None:
        mount = self.start()
        self.write(mount, b":GW#")
        self.assertEqual(self.wait(0.1), b"PN0#")
        self.write(mount, b":Mn#")
        self.wait(0.1)
        self.assertNotIn(
            mount._wake, [call.func for call in self.reactor.getDelayedCalls()]
        )

    def test_960_bytes_a_second_each_way(self) -> None:
        mount = self.start()
        self.write(mount, b":GW#" * 480)
        got = self.wait(1.0)
        self.assertLess(abs(len(got) - 956), 8)
        self.assertLess(abs(mount.commands - 240), 3)

    def test_a_stop_in_the_middle_of_an_answer(self) -> None:
        mount = self.start()
        self.write(mount, b":Mn#:*!G T30,T31#")
        self.wait(0.050)
        self.write(mount, b":Q#")
        self.wait(0.020)
        (stop,) = mount.stops
        self.assertLess(abs(stop.at - START - 0.050 - 3 * BYTE_S), 0.001)
        self.assertLess(mount.bytes_out, 82)

    def test_latency(self) -> None:
        mount = self.start(latency=0.03)
        self.write(mount, b":GW#")
        self.assertEqual(self.wait(0.033), b"")
        self.assertEqual(self.wait(0.007), b"PN0#")

    def test_without_pace(self) -> None:
        mount = self.start(paced=False)
        self.write(mount, b":GW#" * 3)
        self.assertEqual(read(self.port), b"PN0#" * 3)
        mount = self.start(paced=False, latency=0.01)
        self.write(mount, b":GW#")
        self.assertEqual(self.wait(0.008), b"")
        self.assertEqual(self.wait(0.003), b"PN0#")

    def test_a_late_answer_is_not_lost_and_holds_up_the_next(self) -> None:
        faults = MountFaults(late=1.0, late_s=2.0)
        mount = self.start(faults)
        self.write(mount, b":GW#")
        self.wait(0.1)
        faults.late = 0.0
        self.write(mount, b":D#")
        self.assertEqual(self.wait(1.8), b"")
        self.assertEqual(self.wait(0.2), b"PN0##")

    def test_of_answers_that_are_dropped_the_commands_are_carried_out(self) -> None:
        mount = self.start(MountFaults(dropped=0.3), paced=False)
        for _ in range(100):
            self.write(mount, b":Mgn0010#:D#")
        self.assertEqual(len(mount.pulses), 100)
        self.assertGreater(len(read(self.port)), 50)
        self.assertLess(mount.bytes_out, 90)

    def test_the_same_seed_gives_the_same_faults(self) -> None:
        answers = []
        for seed in (1, 1, 2):
            mount = self.start(
                MountFaults(garbled=0.3, lost_byte=0.3), seed=seed, paced=False
            )
            self.write(mount, b":GW#" * 30)
            answers.append(read(self.port))
            mount.stop()
        self.assertEqual(answers[0], answers[1])
        self.assertNotEqual(answers[0], answers[2])

    def test_time_goes_on_with_the_clock(self) -> None:
        mount = self.start(zone_h=0.0)
        self.assertEqual(mount.state.now, START)
        self.reactor.advance(100.0)
        self.assertEqual(mount.state.now, START + 100)
        self.assertEqual(f"{mount.state.local:%T}", "04:37:10")

    def test_bytes_are_on_time_with_a_reactor_that_is_late(self) -> None:
        """It comes at whole milliseconds only."""
        mount = self.start()
        late = []
        for _ in range(60):
            self.write(mount, b":GR#")
            began, sent = self.reactor.seconds(), mount.bytes_out
            while mount.bytes_out < sent + 9:
                self.reactor.advance(0.001)
            late.append(self.reactor.seconds() - began - 13 * BYTE_S)
            read(self.port)
        self.assertLess(abs(sum(late[20:])) / 40, 0.0006)


class NeverStartedTests(SynchronousTestCase):
    def test_stop(self) -> None:
        SimulatedMount(MemoryReactorClock(), Path("nowhere")).stop()
