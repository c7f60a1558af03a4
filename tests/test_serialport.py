from __future__ import annotations

import errno
import fcntl
import grp
import os
import subprocess
import sys
import tempfile
import termios
from pathlib import Path
from typing import Any, cast

import serial
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface.verify import verifyObject

from gatewaykit import serialport
from gatewaykit.errors import DeviceUnavailable
from gatewaykit.serialport import ExclusiveSerialPort, SerialAddress
from tests.ptys import PtyPair, descriptors, until

reactor = cast(Any, _reactor)

_HOLD = """
import fcntl, os, sys, termios
fd = os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
if sys.argv[2] == "flock":
    fcntl.flock(fd, fcntl.LOCK_EX)
else:
    fcntl.ioctl(fd, termios.TIOCEXCL)
print("holding", flush=True)
sys.stdin.read()
"""

_OPEN_WITHOUT_ROOT = """
import os, sys
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from gatewaykit.serialport import ExclusiveSerialPort
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    if sys.argv[2] == "plain":
        os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY)
    else:
        ExclusiveSerialPort(Protocol(), sys.argv[1], MemoryReactorClock())
    print("opened")
except OSError as error:
    print(error.errno)
except Exception as error:
    print(error)
"""

_LEAD_A_SESSION = """
import os, sys
from pathlib import Path
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock
from gatewaykit.serialport import ExclusiveSerialPort
os.setsid()
ExclusiveSerialPort(Protocol(), sys.argv[1], MemoryReactorClock())
# State, parent, group, session, controlling terminal.
print(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[4])
"""


class Recorder(Protocol):
    def __init__(self) -> None:
        self.received = b""
        self.lost: list[Failure] = []

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.lost.append(reason)


class PortTests(SynchronousTestCase):
    """On a real pseudo terminal, with a reactor that the test turns by hand."""

    def setUp(self) -> None:
        self.before = descriptors()
        self.pair = PtyPair()
        self.addCleanup(self.pair.close)
        self.reactor = MemoryReactorClock()
        self.protocol = Recorder()

    def open(self, **settings: Any) -> ExclusiveSerialPort:
        port = ExclusiveSerialPort(
            self.protocol, self.pair.path, self.reactor, **settings
        )
        self.addCleanup(port.connectionLost, Failure(ConnectionDone()))
        return port

    def lost_by(self) -> list[type[BaseException] | None]:
        return [failure.type for failure in self.protocol.lost]

    def assert_closed(self, port: ExclusiveSerialPort) -> None:
        self.assertEqual(port.fileno(), -1)
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.reactor.getWriters(), [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.pair.close()
        self.assertEqual(descriptors(), self.before)

    def unavailable(self, path: str, **settings: Any) -> str:
        error = self.assertRaises(
            DeviceUnavailable,
            ExclusiveSerialPort,
            Recorder(),
            path,
            self.reactor,
            **settings,
        )
        self.assertEqual(error.device, path)
        return str(error.reason)

    def stop_up(self, port: ExclusiveSerialPort) -> None:
        """Write more than the terminal holds."""
        port.write(b"x" * 100_000)
        while self.reactor.getWriters() and not port.offset:
            self.assertIsNone(port.doWrite())

    def held_by(self, how: str) -> int:
        """The pid of another program that has the device."""
        child = subprocess.Popen(
            [sys.executable, "-c", _HOLD, self.pair.path, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(child.communicate)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), b"holding\n")
        return child.pid

    def child(self, script: str, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", script, self.pair.path, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=Path(__file__).parent.parent,
            # Another user could not write what is measured of the child.
            env={k: v for k, v in os.environ.items() if not k.startswith("COV")},
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.strip()

    def tried_by_another_user(self, how: str) -> str:
        return self.child(_OPEN_WITHOUT_ROOT, how)

    def test_address_is_the_path(self) -> None:
        port = self.open()
        verifyObject(IAddress, port.getPeer())
        self.assertEqual(port.getPeer(), SerialAddress(self.pair.path))
        self.assertEqual(port.getHost(), SerialAddress(self.pair.path))

    def test_device_is_raw(self) -> None:
        assert self.pair.master is not None
        settings = termios.tcgetattr(self.pair.master)
        settings[0] |= termios.ICRNL | termios.IXON
        settings[1] |= termios.OPOST
        settings[3] |= termios.ICANON | termios.ECHO | termios.ISIG
        termios.tcsetattr(self.pair.master, termios.TCSANOW, settings)
        port = self.open()
        input_flags, output_flags, _, local_flags, *_ = termios.tcgetattr(port.fileno())
        self.assertFalse(input_flags & (termios.ICRNL | termios.IXON))
        self.assertFalse(output_flags & termios.OPOST)
        self.assertFalse(local_flags & (termios.ICANON | termios.ECHO | termios.ISIG))

    def test_device_does_not_become_a_daemons_controlling_terminal(self) -> None:
        self.assertEqual(self.child(_LEAD_A_SESSION), "0")

    def test_speed_is_set_and_can_be_changed(self) -> None:
        port = self.open(baudrate=9600)
        self.assertEqual(termios.tcgetattr(port.fileno())[5], termios.B9600)
        port.setBaudRate(115_200)
        self.assertEqual(termios.tcgetattr(port.fileno())[5], termios.B115200)

    def test_device_belongs_to_us_until_it_is_closed(self) -> None:
        Path(self.pair.path).chmod(0o666)
        port = self.open()
        self.assertEqual(self.tried_by_another_user("plain"), str(errno.EBUSY))
        self.assertRegex(
            self.tried_by_another_user("ours"), r"in use by another program$"
        )
        port.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.tried_by_another_user("ours"), "opened")

    def test_device_of_another_group_names_it(self) -> None:
        Path(self.pair.path).chmod(0o060)
        self.assertRegex(
            self.tried_by_another_user("ours"), r"permission denied \(group \w+\?\)$"
        )

    def test_group_without_a_name_is_a_number(self) -> None:
        Path(self.pair.path).chmod(0o660)

        def nobody(gid: int) -> None:
            raise KeyError(gid)

        self.patch(grp, "getgrgid", nobody)
        denied = PermissionError(errno.EACCES, "denied")
        self.patch(os, "open", _raising(denied))
        gid = Path(self.pair.path).stat().st_gid
        self.assertEqual(
            self.unavailable(self.pair.path), f"permission denied (group {gid}?)"
        )

    def test_group_that_has_no_access_is_not_named(self) -> None:
        Path(self.pair.path).chmod(0o600)
        self.patch(os, "open", _raising(PermissionError(errno.EACCES, "denied")))
        self.assertEqual(self.unavailable(self.pair.path), "permission denied")

    def test_path_of_a_closed_directory_names_no_group(self) -> None:
        self.patch(Path, "stat", _raising(PermissionError(errno.EACCES, "denied")))
        self.assertEqual(self.unavailable("/dev/x"), "permission denied")

    def test_locked_device_names_its_holder(self) -> None:
        pid = self.held_by("flock")
        name = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        reason = self.unavailable(self.pair.path)
        self.assertEqual(reason, f"in use by pid {pid} ({name})")

    def test_device_opened_exclusively_is_left_alone_by_root_too(self) -> None:
        pid = self.held_by("exclusive")
        # Without root the kernel refuses, with it we look who is there.
        self.assertIn(f"in use by pid {pid} ", self.unavailable(self.pair.path))

    def test_device_that_we_have_already_is_busy(self) -> None:
        self.open()
        reason = self.unavailable(self.pair.path)
        if os.getuid() == 0:  # others are refused before they can tell it is us
            self.assertIn(f"in use by pid {os.getpid()} ", reason)
        self.assertIn("in use by ", reason)

    def test_link_to_a_held_device_names_its_holder(self) -> None:
        pid = self.held_by("flock")
        with tempfile.TemporaryDirectory() as directory:
            link = Path(directory) / "modem"
            link.symlink_to(self.pair.path)
            self.assertIn(f"pid {pid} ", self.unavailable(str(link)))

    def test_exclusive_mark_that_nobody_stands_behind_is_taken_over(self) -> None:
        """A pseudo terminal keeps it after the program that set it was killed."""
        fd = os.open(self.pair.path, os.O_RDWR | os.O_NOCTTY)
        fcntl.ioctl(fd, termios.TIOCEXCL)
        os.close(fd)
        if os.getuid() != 0:
            self.assertIn("in use by", self.unavailable(self.pair.path))
        else:
            self.assertNotEqual(self.open().fileno(), -1)

    def test_kernel_that_knows_no_exclusive_mark_opens(self) -> None:
        self.patch(serialport, "_TIOCGEXCL", 0xDEAD)
        self.assertNotEqual(self.open().fileno(), -1)

    def test_files_of_a_process_that_ends_meanwhile_are_skipped(self) -> None:
        self.held_by("flock")
        self.patch(Path, "readlink", _raising(FileNotFoundError(errno.ENOENT, "gone")))
        self.assertEqual(self.unavailable(self.pair.path), "in use by another program")

    def test_missing_path_is_no_such_device(self) -> None:
        self.pair.close()
        for path in (self.pair.path, "/dev/null/x", "a\0b"):
            self.assertEqual(self.unavailable(path), "no such device")

    def test_dangling_link_is_no_such_device(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            link = Path(directory) / "modem"
            link.symlink_to("/dev/gone")
            self.assertEqual(self.unavailable(str(link)), "no such device")

    def test_what_is_no_terminal_is_not_a_serial_device(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            fifo, file = Path(directory) / "fifo", Path(directory) / "file"
            os.mkfifo(fifo)
            file.touch()
            for path in (directory, str(fifo), str(file), "/dev/null"):
                self.assertEqual(self.unavailable(path), "not a serial device")
        self.pair.close()
        self.assertEqual(descriptors(), self.before)

    def test_other_faults_are_told_in_the_systems_words(self) -> None:
        self.patch(os, "open", _raising(OSError(errno.EIO, "x")))
        self.assertEqual(self.unavailable(self.pair.path), "Input/output error")

    def test_refused_speed_is_named_with_what_is_allowed(self) -> None:
        self.patch(termios, "tcsetattr", _raising(termios.error(errno.EINVAL, "x")))
        reason = self.unavailable(self.pair.path, baudrate=31_250)
        self.assertRegex(reason, r"^its driver refuses 31250 baud; .*9600, 19200, ")
        self.assertEqual(self.unavailable(self.pair.path, baudrate=-1)[:3], "its")

    def test_device_that_goes_while_it_is_set_up_is_told(self) -> None:
        gone = termios.error(errno.EIO, "x")
        self.patch(termios, "tcsetattr", _raising(gone))
        self.assertEqual(self.unavailable(self.pair.path), "Input/output error")

    def test_device_that_goes_while_it_is_flushed_is_closed(self) -> None:
        flush = _raising(termios.error(errno.EIO, "x"))
        self.patch(ExclusiveSerialPort, "flushInput", flush)
        self.assertEqual(self.unavailable(self.pair.path), "Input/output error")
        self.pair.close()
        self.assertEqual(descriptors(), self.before)

    def test_protocol_that_raises_on_connecting_leaves_nothing_open(self) -> None:
        class Faulty(Recorder):
            def connectionMade(self) -> None:
                assert self.transport is not None
                self.transport.write(b"x")
                raise ZeroDivisionError

        faulty = Faulty()
        self.assertRaises(
            ZeroDivisionError,
            ExclusiveSerialPort,
            faulty,
            self.pair.path,
            self.reactor,
        )
        self.assertEqual(faulty.lost, [])
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(self.reactor.getWriters(), [])
        self.pair.close()
        self.assertEqual(descriptors(), self.before)

    def test_end_of_file_is_a_loss(self) -> None:
        port = self.open()
        self.patch(os, "read", lambda fd, size: b"")
        self.assertIsInstance(port.doRead(), ConnectionDone)

    def test_errors_of_reading_and_writing_are_losses(self) -> None:
        port = self.open()
        self.pair.unplug()
        port.write(b"x")
        self.assertIsInstance(port.doRead(), (ConnectionLost, ConnectionDone))
        self.assertIsInstance(port.doWrite(), ConnectionLost)

    def test_loss_is_told_once_and_closes_at_once(self) -> None:
        port = self.open()
        port.write(b"x" * 10)
        self.pair.unplug()
        port.connectionLost(Failure(ConnectionLost()))
        port.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.lost_by(), [ConnectionLost])
        self.assert_closed(port)

    def test_nothing_can_be_done_after_the_end(self) -> None:
        port = self.open()
        port.connectionLost(Failure(ConnectionDone()))
        port.write(b"x")
        port.startReading()
        port.startWriting()
        port.loseConnection()
        port.abortConnection()
        self.assertEqual(self.lost_by(), [ConnectionDone])
        self.assert_closed(port)

    def test_closing_sends_what_is_buffered(self) -> None:
        port = self.open()
        port.write(b"AT+CGPS=0\r")
        port.loseConnection()
        done = port.doWrite()
        self.assertIsInstance(done, ConnectionDone)
        port.connectionLost(Failure(done))
        self.assertEqual(self.pair.read(), b"AT+CGPS=0\r")
        self.assert_closed(port)

    def test_closing_waits_until_the_line_has_sent_all(self) -> None:
        """A pseudo terminal has sent what it has taken; a real one takes its time."""
        port = self.open()
        unsent = [10]
        self.patch(serial.Serial, "out_waiting", property(lambda _: unsent[0]))
        port.write(b":Q#")
        port.loseConnection()
        self.assertIsNone(port.doWrite())
        port.write(b"x")  # by a protocol that has not understood
        self.assertIsNone(port.doWrite())
        self.reactor.advance(port.drain_interval_s)
        self.reactor.advance(port.drain_interval_s)
        self.assertEqual(self.lost_by(), [])
        unsent[0] = 0
        self.reactor.advance(port.drain_interval_s)
        self.assertEqual(self.lost_by(), [ConnectionDone])
        self.assert_closed(port)

    def test_closing_a_line_that_is_held_up_ends_and_discards(self) -> None:
        port = self.open()
        flushed: list[int] = []
        self.patch(serial.Serial, "out_waiting", property(lambda _: 10))
        port.write(b"x")
        port.loseConnection()
        self.assertIsNone(port.doWrite())
        self.patch(termios, "tcflush", lambda fd, queue: flushed.append(queue))
        self.reactor.pump([port.drain_interval_s] * 200)
        self.assertEqual(self.lost_by(), [ConnectionDone])
        # Closing does not wait in the kernel for what cannot be sent.
        self.assertEqual(flushed, [termios.TCOFLUSH])
        self.assert_closed(port)

    def test_unplugged_device_is_not_waited_for(self) -> None:
        port = self.open()
        self.patch(serial.Serial, "out_waiting", property(_raising(OSError(5, "x"))))
        port.loseConnection()
        self.assertIsInstance(port.doWrite(), ConnectionDone)

    def test_abort_while_closing_ends_it(self) -> None:
        port = self.open()
        self.patch(serial.Serial, "out_waiting", property(lambda _: 10))
        port.loseConnection()
        self.assertIsNone(port.doWrite())
        self.patch(termios, "tcflush", lambda fd, queue: None)
        port.abortConnection()
        port.abortConnection()
        self.reactor.advance(0)
        self.assertEqual(self.lost_by(), [ConnectionAborted])
        self.assert_closed(port)

    def test_abort_on_connecting_reads_nothing(self) -> None:
        class Unwilling(Recorder):
            def connectionMade(self) -> None:
                cast(Any, self.transport).abortConnection()

        self.protocol = Unwilling()
        port = self.open()
        self.assertEqual(self.reactor.getReaders(), [])
        self.assertEqual(self.lost_by(), [])
        self.reactor.advance(0)
        self.assertEqual(self.lost_by(), [ConnectionAborted])
        self.assert_closed(port)

    def test_output_that_is_held_up_is_a_loss(self) -> None:
        port = self.open()
        self.stop_up(port)
        self.assertEqual(port.doWrite(), None)
        self.reactor.advance(port.write_timeout_s - 0.1)
        self.assertEqual(self.lost_by(), [])
        self.reactor.advance(0.1)
        self.assertEqual(self.lost_by(), [ConnectionLost])
        self.assertIn("for 3 s", self.protocol.lost[0].getErrorMessage())
        self.assert_closed(port)

    def test_slow_output_is_no_loss(self) -> None:
        port = self.open()
        self.stop_up(port)
        for _ in range(4):
            self.reactor.advance(port.write_timeout_s - 0.1)
            left = len(port.dataBuffer) - port.offset
            while len(port.dataBuffer) - port.offset == left:
                self.pair.read()
                port.doWrite()
        self.assertEqual(self.lost_by(), [])

    def test_closing_with_output_that_is_held_up_ends(self) -> None:
        port = self.open()
        self.stop_up(port)
        port.loseConnection()
        self.reactor.advance(port.write_timeout_s)
        self.assertEqual(self.lost_by(), [ConnectionLost])
        self.assert_closed(port)


class ReactorTests(TestCase):
    """With the real reactor: what the kernel tells it of a terminal that hangs up."""

    async def open(self) -> None:
        await deferLater(reactor, 0)  # it has descriptors of its own while it runs
        self.before = descriptors()
        self.pair = PtyPair()
        self.addCleanup(self.pair.close)
        self.protocol = Recorder()
        self.port = ExclusiveSerialPort(self.protocol, self.pair.path, reactor)
        self.addCleanup(self.port.connectionLost, Failure(ConnectionDone()))

    def check_closed(self) -> None:
        self.assertEqual(len(self.protocol.lost), 1)
        self.pair.close()
        self.assertEqual(descriptors() - self.before, set())

    def until(self, condition: Any) -> Deferred[None]:
        return until(reactor, condition)

    async def test_bytes_go_both_ways_unchanged(self) -> None:
        await self.open()
        everything = bytes(range(256)) * 8
        self.port.write(everything)
        sent: list[bytes] = []

        def all_is_sent() -> bool:
            sent.append(self.pair.read())
            return b"".join(sent) == everything

        await self.until(all_is_sent)
        self.pair.write(everything)
        await self.until(lambda: self.protocol.received == everything)
        self.port.loseConnection()
        await self.until(lambda: self.protocol.lost)
        self.check_closed()

    async def test_unplugging_is_a_loss(self) -> None:
        await self.open()
        self.pair.unplug()
        await self.until(lambda: self.protocol.lost)
        self.check_closed()

    async def test_unplugging_with_output_held_up_is_a_loss(self) -> None:
        await self.open()
        self.port.write(b"x" * 100_000)
        await self.until(lambda: self.port.offset)
        self.pair.unplug()
        await self.until(lambda: self.protocol.lost)
        self.check_closed()

    async def test_unplugging_while_closing_is_a_loss(self) -> None:
        await self.open()
        self.port.write(b"x" * 100_000)
        self.port.loseConnection()
        await self.until(lambda: self.port.offset)
        self.pair.unplug()
        await self.until(lambda: self.protocol.lost)
        self.check_closed()

    async def test_abort_with_output_held_up_ends(self) -> None:
        await self.open()
        self.port.write(b"x" * 100_000)
        await self.until(lambda: self.port.offset)
        self.port.abortConnection()
        await self.until(lambda: self.protocol.lost)
        self.check_closed()

    async def test_protocol_that_raises_closes_the_port(self) -> None:
        await self.open()

        def fail(data: bytes) -> None:
            raise ZeroDivisionError

        self.patch(self.protocol, "dataReceived", fail)
        self.pair.write(b"x")
        await self.until(lambda: self.protocol.lost)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.check_closed()


def _raising(error: Exception) -> Any:
    def fail(*args: object, **keywords: object) -> None:
        raise error

    return fail
