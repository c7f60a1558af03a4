"""The simulated modem on real terminals."""

from __future__ import annotations

import fcntl
import os
import tempfile
import termios
from pathlib import Path
from typing import Any
from unittest import mock

import serial
from twisted.internet import reactor as the_reactor
from twisted.internet import task
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

from gatewaykit.simulators.modem import ModemBehaviour, ModemFaults, SimulatedModem
from gatewaykit.simulators.pty_port import Port
from tests.ptys import descriptors, until

reactor: Any = the_reactor

AT_ONCE: dict[str, Any] = {
    "register_after": 0.0,
    "fix_after": 0.0,
    "boot": 0.2,
    "latency": 0.0,
    "vanish": 0.02,
    "absence": 0.05,
    "stop": 0.05,
}


TIOCGEXCL = 0x80045440
"""termios lacks it."""


def terminals() -> set[str]:
    return {one for one in descriptors() if "/dev/" in one}


class ModemTestCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.link = self.directory / "at"
        self.nmea_link = self.directory / "nmea"
        self.got = b""

    def start(self, **behaviour: Any) -> SimulatedModem:
        self.modem = SimulatedModem(
            reactor,
            self.link,
            behaviour=ModemBehaviour(**{**AT_ONCE, **behaviour}),
            nmea_link=self.nmea_link,
        )
        self.modem.start()
        self.addCleanup(self.modem.stop)
        return self.modem

    def open(self, link: Path | None = None) -> int:
        path = self.link if link is None else link
        descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self.addCleanup(os.close, descriptor)
        return descriptor

    def read(self, descriptor: int) -> bytes:
        """What has come so far, all of it. Raises `EOFError` after a hang-up."""
        try:
            data = os.read(descriptor, 65536)
        except BlockingIOError:
            return self.got
        if not data:
            raise EOFError
        self.got += data
        return self.got

    async def ask(self, descriptor: int, command: bytes, answer: bytes) -> bytes:
        self.got = b""
        os.write(descriptor, command)
        await until(reactor, lambda: answer in self.read(descriptor))
        return self.got


class PortTests(ModemTestCase):
    async def test_answers(self) -> None:
        self.start()
        port = self.open()
        await self.ask(port, b"ATE0\r\n", b"ATE0\r\r\nOK\r\n")
        await self.ask(port, b"AT+CGMM\r", b"\r\nSIMCOM_SIM7600G-H\r\n\r\nOK\r\n")
        self.assertEqual(self.modem.commands, 2)

    async def test_answers_a_program_that_comes_as_another_goes(self) -> None:
        """Opened before the reactor has looked at the hang-up of the one before."""
        self.start(boot=0.0)
        for _ in range(50):
            first = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            await self.ask(first, b"AT\r", b"OK\r\n")
            os.close(first)
            await deferLater(reactor, 0)
            second = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                await self.ask(second, b"AT\rAT\r", b"OK\r\n")
            finally:
                os.close(second)

    async def test_answers_a_program_with_pyserial(self) -> None:
        self.start()
        with serial.Serial(str(self.link), 115_200, timeout=0) as port:
            port.write(b"AT\r")

            def is_answered() -> bool:
                self.got += port.read(100)
                return b"OK" in self.got

            await until(reactor, is_answered)

    async def test_answers_after_a_time(self) -> None:
        self.start(latency=0.02)
        port = self.open()
        got = await self.ask(port, b"AT+CGMM\rAT+CGMI\r", b"INCORPORATED\r\n\r\nOK\r\n")
        self.assertLess(got.index(b"SIM7600G-H"), got.index(b"INCORPORATED"))

    async def test_says_that_it_has_booted(self) -> None:
        self.start()
        port = self.open()
        await until(reactor, lambda: b"PB DONE" in self.read(port))
        self.assertTrue(self.got.startswith(b"\r\nRDY\r\n"))

    async def test_what_nobody_reads_is_lost(self) -> None:
        modem = self.start(boot=0.0)
        for _ in range(1000):
            modem.say("RING")
        port = self.open()
        got = await self.ask(port, b"ATE0\r", b"OK\r\n")
        self.assertNotIn(b"RING", got)
        for _ in range(20_000):
            modem.say("RING")
        await until(reactor, lambda: self.read(port).count(b"RING") > 5000)
        await task.deferLater(reactor, 0.05)
        self.assertLess(len(self.read(port)), 100_000)

    async def test_the_next_program_finds_it_as_new(self) -> None:
        modem = self.start(boot=0.0)
        name = modem.port
        for _ in range(3):
            port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            self.assertRaises(BlockingIOError, os.read, port, 1)
            self.assertEqual(fcntl.ioctl(port, TIOCGEXCL, bytes(4)), bytes(4))
            fcntl.ioctl(port, termios.TIOCEXCL)
            mode = termios.tcgetattr(port)
            mode[3] |= termios.ECHO | termios.ICANON
            await self.ask(port, b"AT\r", b"OK\r\n")
            termios.tcsetattr(port, termios.TCSANOW, mode)
            modem.say("RING")
            os.close(port)
            await task.deferLater(reactor, 0.05)
        self.assertEqual(modem.port, name)

    async def test_a_mark_that_cannot_be_taken_away_costs_a_terminal(self) -> None:
        """Of a program that was killed; root may open the terminal all the same."""
        modem = self.start(boot=0.0)
        name = modem.port
        port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        await self.ask(port, b"AT\r", b"OK\r\n")
        busy = mock.patch.object(os, "open", side_effect=OSError(16, "busy"))
        os.close(port)
        with busy:
            await until(reactor, lambda: modem.port != name)
        self.assertEqual(str(self.link.readlink()), modem.port)
        await self.ask(self.open(), b"AT\r", b"OK\r\n")

    async def test_waits_for_programs_without_spinning(self) -> None:
        self.start(boot=0.0)
        await task.deferLater(reactor, 0.05)
        before = os.times()
        await task.deferLater(reactor, 0.5)
        after = os.times()
        self.assertLess(after.user + after.system - before.user - before.system, 0.25)

    async def test_leaves_nothing(self) -> None:
        before = terminals()
        modem = self.start()
        port = os.open(self.link, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        os.write(port, b"AT+CGPS=1,1\r")
        await until(reactor, lambda: modem.gnss_is_on)
        modem.stop()
        os.close(port)
        modem.stop()
        self.assertEqual(list(self.directory.iterdir()), [])
        self.assertEqual(terminals(), before)

    def test_a_reactor_that_tells_a_hang_up_as_data_to_read(self) -> None:
        """As those with poll or select do."""
        clock: Any = MemoryReactorClock()
        port = Port(clock, self.link, lambda data: None)
        port.open()
        self.addCleanup(port.close)
        descriptor = os.open(self.link, os.O_RDWR | os.O_NOCTTY)
        clock.advance(1)
        self.assertIn(port, clock.getReaders())
        port.doRead()
        self.assertIn(port, clock.getReaders())
        os.close(descriptor)
        port.doRead()
        self.assertNotIn(port, clock.getReaders())

    async def test_a_file_is_not_taken_for_a_link(self) -> None:
        self.nmea_link.write_text("precious")
        modem = SimulatedModem(reactor, self.link, nmea_link=self.nmea_link)
        self.assertRaises(FileExistsError, modem.start)
        modem.stop()
        self.assertEqual(list(self.directory.iterdir()), [self.nmea_link])
        self.assertEqual(self.nmea_link.read_text(), "precious")

    async def test_a_link_of_somebody_else_stays(self) -> None:
        modem = self.start()
        self.link.unlink()
        self.link.symlink_to("/dev/null")
        modem.stop()
        self.assertTrue(self.link.is_symlink())


class PowerTests(ModemTestCase):
    async def hang_up(self, port: int) -> None:
        def is_hung_up() -> bool:
            try:
                self.read(port)
            except (EOFError, OSError):
                return True
            return False

        await until(reactor, is_hung_up)

    async def test_unplugging_is_a_hang_up(self) -> None:
        modem = self.start()
        port = self.open()
        name = modem.port
        modem.unplug()
        await self.hang_up(port)
        self.assertFalse(modem.is_present)
        self.assertFalse(self.link.is_symlink())
        modem.receive_sms("1", "x")  # nobody hears it
        modem.replug()
        modem.replug()
        self.assertNotEqual(str(self.link.readlink()), name)
        await self.ask(self.open(), b"AT\r", b"OK\r\n")

    async def test_a_reset_moves_the_link_and_stops_gnss(self) -> None:
        modem = self.start()
        port = self.open()
        await self.ask(port, b"AT+CGPS=1,1\r", b"OK\r\n")
        name = modem.port
        await self.ask(port, b"AT+CRESET\r", b"OK\r\n")
        await self.hang_up(port)
        await until(reactor, lambda: modem.is_present)
        self.assertNotEqual(str(self.link.readlink()), name)
        port, self.got = self.open(), b""
        await until(reactor, lambda: b"RDY" in self.read(port))
        self.assertFalse(modem.gnss_is_on)

    async def test_switched_off_it_stays_away(self) -> None:
        modem = self.start()
        port = self.open()
        await self.ask(port, b"AT+CPOF\r", b"OK\r\n")
        await self.hang_up(port)
        await task.deferLater(reactor, 0.1)
        self.assertFalse(modem.is_present)
        modem.replug()
        self.assertTrue(modem.is_present)

    async def test_plugged_in_again_during_a_reset(self) -> None:
        modem = self.start(absence=60.0)
        modem.reset()
        await until(reactor, lambda: not modem.is_present)
        modem.replug()
        self.assertTrue(modem.is_present)
        modem.reset()
        modem.unplug()
        await task.deferLater(reactor, 0.05)
        self.assertFalse(modem.is_present)


class SwitchTests(ModemTestCase):
    async def test_network_sim_signal(self) -> None:
        modem = self.start(boot=0.0)
        port = self.open()
        await self.ask(port, b"ATE0;+CREG=1\r", b"OK\r\n")
        modem.set_network("roaming", "3G")
        await until(reactor, lambda: b"+CREG: 5" in self.read(port))
        modem.set_signal(-113)
        await self.ask(port, b"AT+CSQ\r", b"+CSQ: ")
        modem.sim("missing")
        await self.ask(port, b"AT+CPIN?\r", b"+CME ERROR: 10")

    async def test_sms(self) -> None:
        modem = self.start(boot=0.0)
        port = self.open()
        await until(
            reactor, lambda: modem.receive_sms("12345", "x") and self.read(port)
        )
        self.assertIn(b'\r\n+CMTI: "ME",', self.got)
        self.assertIn(0, modem.stored_messages())
        await self.ask(port, b"AT+CMGF=1\r", b"OK\r\n")
        await self.ask(port, b'AT+CMGS="+447700900123"\r', b"\r\n> ")
        await self.ask(port, b"Hello\x1a", b"\r\n+CMGS: 46\r\n\r\nOK\r\n")
        self.assertEqual([one.text for one in modem.sent_messages], ["Hello"])

    async def test_nmea_port(self) -> None:
        modem = self.start(boot=0.0)
        nmea, port = self.open(self.nmea_link), self.open()
        os.write(nmea, b"AT\r")
        await self.ask(port, b"AT+CGPSNMEARATE=1;+CGPS=1,1\r", b"OK\r\n")
        self.got = b""
        await until(reactor, lambda: b"$GPRMC," in self.read(nmea))
        self.assertNotIn(b"OK", self.got)
        modem.sky(visible=False)
        self.got = b""
        await until(reactor, lambda: b"$GPRMC,,V," in self.read(nmea))

    async def test_faults(self) -> None:
        modem = self.start(boot=0.0)
        port = self.open()
        await self.ask(port, b"ATE0\r", b"OK\r\n")
        modem.faults.silence = 1
        os.write(port, b"AT+CGMM\r")
        await task.deferLater(reactor, 0.05)
        modem.faults.silence = 0
        self.assertNotIn(b"SIM7600", await self.ask(port, b"AT+CGMI\r", b"OK\r\n"))
        modem.faults.endless = 1
        await until(reactor, lambda: b"U" * 600 in self.read(port))
        modem.faults.endless = 0
        modem.faults.late, modem.faults.late_s = 1, 0.05
        began = reactor.seconds()
        await self.ask(port, b"AT+CGMI\r", b"OK\r\n")
        self.assertGreaterEqual(reactor.seconds() - began, 0.05)

    async def test_a_command_that_is_not_heard_now_and_then(self) -> None:
        modem = self.start(boot=0.0)
        port = self.open()
        modem.faults = ModemFaults(silence=0.5)
        for _ in range(50):
            os.write(port, b"AT\r")
        await until(reactor, lambda: self.read(port).count(b"AT\r") == 50)
        self.assertTrue(0 < modem.commands < 50)
        self.assertEqual(self.got.count(b"OK"), modem.commands)

    async def test_repeated_fix(self) -> None:
        modem = self.start(boot=0.0)
        port = self.open()
        await self.ask(port, b"ATE0;+CGPS=1,1\r", b"OK\r\n")
        await self.ask(port, b"ATE0;+CGPSNMEARATE?\r", b"OK\r\n")
        first = await self.ask(port, b"AT+CGNSSINFO\r", b"OK\r\n")
        modem.faults.repeated_fix = 1
        await task.deferLater(reactor, 1.1)
        self.assertEqual(await self.ask(port, b"AT+CGNSSINFO\r", b"OK\r\n"), first)
