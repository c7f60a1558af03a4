"""A serial port of a simulated device: a pty, and a link to it that stays the same."""

from __future__ import annotations

import fcntl
import os
import select
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

_CHUNK = 4096
_MOST = 65_536
"""What waits to be read, in bytes. A serial line loses what nobody reads, too."""
_LOOK_S = 0.02


@implementer(IReadWriteDescriptor)
class Port:
    """Exists from `open` to `close`; closing it is a hang-up for who has it open.

    While no program has it open, what is written to it is lost, as with a modem that says
    ``RDY`` too early (facts/sim7600.md 2.7). The slave end is the programs' alone: whoever
    looks for the holder of a busy port must not find the simulator.

    :param link: made on opening, over what link stands there, and removed on closing.
    :param received: takes what the host writes.
    """

    def __init__(
        self, reactor: Any, link: Path, received: Callable[[bytes], None]
    ) -> None:
        self.link = link
        self.name = ""
        """Path of the pty, such as ``/dev/pts/3``; empty while there is none."""
        self._reactor = reactor
        self._received = received
        self._last = ""
        self._master = -1
        self._waiting = bytearray()
        self._look_call: IDelayedCall | None = None

    def open(self) -> None:
        """Raises `OSError` if the link cannot be made."""
        self._master, name = _pty()
        if name == self._last:
            # A modem that comes back has another name more often than not.
            taken, (self._master, name) = self._master, _pty()
            os.close(taken)
        self.name = self._last = name
        try:
            self._point_link()
        except OSError:
            self._drop()
            raise
        self._look()

    def close(self) -> None:
        if self._master < 0:
            return
        with suppress(OSError):
            if str(self.link.readlink()) == self.name:
                self.link.unlink()
        self._drop()

    @property
    def is_held(self) -> bool:
        """Whether a program has it open."""
        poll = select.poll()
        poll.register(self._master, 0)
        return not poll.poll(0)

    def write(self, data: bytes) -> None:
        """What does not fit any more is lost, whole writes of it."""
        if self._master < 0 or not self.is_held:
            return
        if len(self._waiting) + len(data) <= _MOST:
            self._waiting += data
            self.doWrite()

    def _drop(self) -> None:
        self._forget()
        if self._look_call is not None:
            self._look_call.cancel()
            self._look_call = None
        os.close(self._master)
        self._master, self.name = -1, ""

    def _forget(self) -> None:
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        self._waiting.clear()

    def _point_link(self) -> None:
        """In one step, so that whoever looks sees the old one or the new one."""
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(
                None, "there is a file that is no link", str(self.link)
            )
        new = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(self.name)
        new.replace(self.link)

    def _look(self) -> None:
        """Wait for a program: without one the master is always ready, with a hang-up."""
        self._look_call = None
        if self.is_held:
            self._reactor.addReader(self)
        else:
            self._look_call = self._reactor.callLater(_LOOK_S, self._look)

    def _released(self) -> None:
        """The last program has closed it: the next one finds it as new."""
        self._forget()
        try:
            slave = os.open(self.name, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            # A program was killed that had it exclusively; on a pty, the mark stays.
            os.close(self._master)
            self.open()
            return
        fcntl.ioctl(slave, termios.TIOCNXCL)
        tty.setraw(slave, termios.TCSANOW)
        termios.tcflush(slave, termios.TCIOFLUSH)
        os.close(slave)
        self._look()

    # What the reactor calls.

    def fileno(self) -> int:
        return self._master

    def logPrefix(self) -> str:
        return "simulated device"

    def doRead(self) -> None:
        try:
            data = os.read(self._master, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            self._released()
            return
        self._received(data)

    def doWrite(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: os.write(self._master, self._waiting)]
        except OSError:
            self._reactor.addWriter(self)
        else:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor saw the hang-up (or ends: then nothing matters any more)."""
        if self._master < 0:
            return
        if self.is_held:
            self._look()  # the next program was quicker than we are
        else:
            self._released()


def _pty() -> tuple[int, str]:
    master, slave = os.openpty()
    # Else the line discipline would echo, and turn CR into LF.
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    return master, name
