"""A serial port of a simulated modem: a pty, and a link to it that stays the same."""

from __future__ import annotations

import os
import tty
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

_CHUNK = 4096
_MOST = 65_536
"""What waits to be read, in bytes. A serial line loses what nobody reads, too."""


@implementer(IReadWriteDescriptor)
class Port:
    """Exists from `open` to `close`; closing it is a hang-up for who has it open.

    :param link: made on opening, over what link stands there, and removed on closing.
    :param received: takes what the host writes.
    """

    def __init__(
        self, reactor: Any, link: Path, received: Callable[[bytes], None]
    ) -> None:
        self.link = link
        self.name = ""
        """Path of the pty, such as ``/dev/pts/3``; empty while there is none."""
        self._last = ""
        self._reactor = reactor
        self._received = received
        self._master = self._slave = -1
        self._waiting = bytearray()

    def open(self) -> None:
        """Raises `OSError` if the link cannot be made."""
        self._master, self._slave = os.openpty()
        if os.ttyname(self._slave) == self._last:
            # A modem that comes back has another name more often than not.
            first = self._master, self._slave
            self._master, self._slave = os.openpty()
            _close(*first)
        # Else the line discipline would echo, and turn CR into LF.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = self._last = os.ttyname(self._slave)
        try:
            self._point_link()
        except OSError:
            self._drop()
            raise
        self._reactor.addReader(self)

    def close(self) -> None:
        if self._master < 0:
            return
        self._reactor.removeReader(self)
        self._reactor.removeWriter(self)
        with suppress(OSError):
            if str(self.link.readlink()) == self.name:
                self.link.unlink()
        self._drop()

    def write(self, data: bytes) -> None:
        """What does not fit any more is lost, whole writes of it."""
        if self._master >= 0 and len(self._waiting) + len(data) <= _MOST:
            self._waiting += data
            self.doWrite()

    def _drop(self) -> None:
        # The slave is ours as well: without it the master would hang up, and be ready for
        # reading all the time, whenever no program has it open.
        _close(self._master, self._slave)
        self._master = self._slave = -1
        self.name = ""
        self._waiting.clear()

    def _point_link(self) -> None:
        """In one step, so that whoever looks sees the old one or the new one."""
        if self.link.exists() and not self.link.is_symlink():
            raise FileExistsError(None, "not a link", str(self.link))
        new = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        new.unlink(missing_ok=True)
        new.symlink_to(self.name)
        new.replace(self.link)

    # What the reactor calls.

    def fileno(self) -> int:
        return self._master

    def logPrefix(self) -> str:
        return "simulated modem"

    def doRead(self) -> None:
        with suppress(BlockingIOError):
            self._received(os.read(self._master, _CHUNK))

    def doWrite(self) -> None:
        with suppress(BlockingIOError):
            while self._waiting:
                del self._waiting[: os.write(self._master, self._waiting)]
        if self._waiting:
            self._reactor.addWriter(self)
        else:
            self._reactor.removeWriter(self)

    def connectionLost(self, reason: Failure) -> None:
        self.close()


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
