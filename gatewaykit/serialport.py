"""A serial device opened for ourselves alone, as a Twisted transport.

Twisted's `SerialPort` lets two programs share a device, never ends a `loseConnection` while
output is held up, and cannot be aborted (twisted_guide.md 2).
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import stat
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import serial
from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionAborted, ConnectionLost
from twisted.internet.interfaces import IAddress, IDelayedCall, IProtocol
from twisted.internet.main import CONNECTION_DONE
from twisted.internet.serialport import SerialPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.fields import BAUD_RATES

log = Logger()

_TIOCGEXCL = 0x80045440
"""Whether TIOCEXCL is in force (asm-generic/ioctls.h); termios does not have it."""


@implementer(IAddress)
@attrs.frozen
class SerialAddress:
    """The device's path as it was given, so a link where it is known by one."""

    path: str


def _holder(path: str, ours: int | None = None) -> str | None:
    """Who has the device open, as ``pid 1234 (ModemManager)``; None where nobody is seen.

    Processes of other users show their files to root only. `ours` is left out.
    """
    device = os.path.realpath(path)
    for process in Path("/proc").glob("[0-9]*"):
        entries: list[Path] = []
        # It may have ended, or belong to another user.
        with suppress(OSError):
            entries += (process / "fd").iterdir()
        for entry in entries:
            if process.name == str(os.getpid()) and entry.name == str(ours):
                continue
            with suppress(OSError):
                if str(entry.readlink()) == device:
                    name = (process / "comm").read_text(errors="replace").strip()
                    return f"pid {process.name} ({name})"
    return None


def _is_exclusive(fd: int) -> bool:
    # Where the kernel does not know the question, nobody has it exclusively.
    with suppress(OSError):
        return any(fcntl.ioctl(fd, _TIOCGEXCL, bytes(4)))
    return False


class ClaimedSerial(serial.Serial):  # type: ignore[misc] # pyserial is not annotated
    """pyserial's port (raw, O_NOCTTY, non-blocking), claimed before anything is set on it."""

    def _reconfigure_port(self, force_update: bool = False) -> None:  # noqa: FBT001, FBT002
        """Raises `OSError`; `ValueError` for a speed that the driver refuses."""
        if force_update:  # it was opened just now
            self._claim()
        try:
            super()._reconfigure_port(force_update)
        except termios.error as error:
            if error.args[0] == errno.EINVAL:
                raise ValueError(self.baudrate) from error
            raise OSError(*error.args) from error

    def _claim(self) -> None:
        """Lock out who asks for a lock, and who opens the device from now on.

        TIOCEXCL does not stop root, hence the lock and the look at who came first. The lock
        is first: a mark set on another program's terminal would stay there. So does the
        mark of a program that was killed, on a pseudo terminal: with nobody there it is
        nobody's.
        """
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError(errno.EBUSY, "locked") from error
        if _is_exclusive(self.fd) and _holder(self.port, self.fd):
            raise OSError(errno.EBUSY, "opened exclusively")
        fcntl.ioctl(self.fd, termios.TIOCEXCL)

    def close(self) -> None:
        """Close the device. What is still in the kernel is discarded: closing would wait
        for it, up to 30 s where the line is held up."""
        if self.is_open:
            # A device that was unplugged refuses everything.
            with suppress(OSError, termios.error):
                fcntl.ioctl(self.fd, termios.TIOCNXCL)
                if self.out_waiting:
                    termios.tcflush(self.fd, termios.TCOFLUSH)
        super().close()


def open_claimed(path: str, *, baudrate: int, **settings: Any) -> ClaimedSerial:
    """Raises `DeviceUnavailable` with a reason for users."""
    try:
        # Opening what is no terminal may do things: a FIFO, a watchdog.
        if not stat.S_ISCHR(Path(path).stat().st_mode):
            raise DeviceUnavailable(path, "not a serial device")
    except (OSError, ValueError) as error:
        code = getattr(error, "errno", errno.ENOENT)  # ValueError: a NUL in the path
        raise DeviceUnavailable(path, _reason(path, code)) from error
    try:
        return ClaimedSerial(path, baudrate=baudrate, **settings)
    except OSError as error:
        raise DeviceUnavailable(path, _reason(path, error.errno)) from error
    except ValueError as error:
        allowed = ", ".join(map(str, BAUD_RATES))
        reason = f"its driver refuses {baudrate} baud; usual speeds: {allowed}"
        raise DeviceUnavailable(path, reason) from error


def _reason(path: str, code: int | None) -> str:
    match code:
        case errno.ENOENT | errno.ENOTDIR | errno.ENXIO | errno.ENODEV:
            return "no such device"
        case errno.EBUSY:
            return f"in use by {_holder(path) or 'another program'}"
        case errno.EACCES | errno.EPERM:
            return f"permission denied{_group_hint(path)}"
        case errno.ENOTTY:
            return "not a serial device"
    return os.strerror(code or errno.EIO)


def _group_hint(path: str) -> str:
    """The group that would have had access, where there is one."""
    with suppress(OSError):
        status = Path(path).stat()
        if status.st_mode & 0o060 == 0o060:
            try:
                group = grp.getgrgid(status.st_gid).gr_name
            except KeyError:
                group = str(status.st_gid)
            return f" (group {group}?)"
    return ""


class ExclusiveSerialPort(SerialPort):
    """A serial device as a transport that nobody else can open meanwhile.

    However it ends (unplugged, a failing read or write, output held up, closed by us), the
    descriptor is closed at once, so that a modem can come back under its old number
    (facts/sim7600.md 7), and the protocol's `connectionLost` is called once. The reason
    does not tell an unplugged device from one that we closed.

    The constructor raises `DeviceUnavailable`.
    """

    write_timeout_s = 3.0
    """How long output may be held up (facts/sim7600.md 7), also while closing."""
    drain_interval_s = 0.02

    _serialFactory = staticmethod(open_claimed)
    _serial: ClaimedSerial | None = None
    reactor: Any

    def __init__(
        self,
        protocol: IProtocol,
        path: str,
        reactor: Any,
        baudrate: int = 9600,
        **settings: Any,
    ) -> None:
        self._address = SerialAddress(path)
        self._stall: IDelayedCall | None = None
        self._drain: IDelayedCall | None = None
        self._drained_by = 0.0
        try:
            super().__init__(protocol, path, reactor, baudrate=baudrate, **settings)
        except BaseException as error:
            if self._serial is not None:
                # The protocol's `connectionMade` raised, or the device is gone again.
                FileDescriptor.connectionLost(self, Failure(error))
                self._serial.close()
            if isinstance(error, termios.error):
                raise DeviceUnavailable(path, _reason(path, error.args[0])) from error
            raise

    def fileno(self) -> int:
        fd = None if self._serial is None else self._serial.fd
        return -1 if fd is None else fd

    def getHost(self) -> SerialAddress:
        return self._address

    def getPeer(self) -> SerialAddress:
        return self._address

    def setBaudRate(self, baudrate: int) -> None:
        # The spellings that Twisted knows are gone from pyserial 3.
        assert self._serial is not None
        self._serial.baudrate = baudrate

    def startReading(self) -> None:
        # The constructor calls it after `connectionMade`, which may have aborted.
        if self.connected:
            super().startReading()

    def startWriting(self) -> None:
        if not self.connected:
            return
        super().startWriting()
        if self._stall is None:
            self._stall = self.reactor.callLater(self.write_timeout_s, self._stalled)

    def stopWriting(self) -> None:
        super().stopWriting()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def writeSomeData(self, data: bytes) -> int | BaseException:
        written: int | BaseException = super().writeSomeData(data)
        if self._stall is not None and isinstance(written, int) and written > 0:
            self._stall.reset(self.write_timeout_s)
        return written

    def _stalled(self) -> None:
        self._stall = None
        why = f"nothing could be written for {self.write_timeout_s:g} s"
        log.warn("{path}: {why}", path=self._address.path, why=why)  # noqa: G010 - the name that Twisted's Logger has
        self.connectionLost(Failure(ConnectionLost(why)))

    def _postLoseConnection(self) -> Exception | None:
        """The last byte is in the kernel: see it off, within `write_timeout_s`. Closing
        would discard it, and it may be the command that stops a mount."""
        if self._drain is not None:  # somebody wrote even after `loseConnection`
            return None
        if not self._unsent():
            return CONNECTION_DONE
        self._drained_by = self.reactor.seconds() + self.write_timeout_s
        self._drain = self.reactor.callLater(self.drain_interval_s, self._drained)
        return None

    def _drained(self) -> None:
        self._drain = None
        if self._unsent() and self.reactor.seconds() < self._drained_by:
            self._drain = self.reactor.callLater(self.drain_interval_s, self._drained)
        else:
            self.connectionLost(Failure(CONNECTION_DONE))

    def _unsent(self) -> int:
        assert self._serial is not None
        with suppress(OSError):
            return int(self._serial.out_waiting)
        return 0

    def abortConnection(self) -> None:
        """Close without sending what is buffered. `connectionLost` follows in a moment."""
        if self.connected:
            self.connected = 0
            self.stopReading()
            self.stopWriting()
            self.reactor.callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure) -> None:
        if self.disconnected:
            return
        if self._drain is not None:
            self._drain.cancel()
            self._drain = None
        super().connectionLost(reason)
