"""Pseudo terminals that stand in for serial devices: no hardware, no root."""

from __future__ import annotations

import contextlib
import os
import tty
from collections.abc import Callable
from pathlib import Path

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime


class PtyPair:
    """A serial device: the test has its far end (`write`, `read`, `master`), the program
    under test opens `path`. Raw on both sides: no echo, no translation, any byte.

    With `link` the device is known by that symlink, as udev makes them, and may come back
    under another name. Programs should be given `path`: the link where there is one, else
    the terminal's own name. `close` it at the end of the test.
    """

    def __init__(self, link: Path | None = None) -> None:
        self.link = link
        self.name = ""
        """The terminal that it is at present, such as ``/dev/pts/5``."""
        self.master: int | None = None
        """The device's end, non-blocking; None while unplugged."""
        self.plug()

    @property
    def path(self) -> str:
        return self.name if self.link is None else str(self.link)

    def plug(self) -> None:
        """Appear, under a name other than the last one."""
        master, name = _open()
        if name == self.name:
            taken, (master, name) = master, _open()
            os.close(taken)
        self.master, self.name = master, name
        if self.link is not None:
            new = self.link.with_name(self.link.name + ".new")
            new.symlink_to(name)
            new.replace(self.link)

    def unplug(self) -> None:
        """Hang up on whoever has it open; the name and the link are gone."""
        if self.master is None:
            return
        os.close(self.master)
        self.master = None
        if self.link is not None:
            self.link.unlink(missing_ok=True)

    def replug(self) -> None:
        """As a modem does that resets itself: gone, and back under another name."""
        self.unplug()
        self.plug()

    def write(self, data: bytes) -> None:
        """What the device sends; at most some 4 kB that nobody has read yet."""
        assert self.master is not None
        sent = os.write(self.master, data)
        assert sent == len(data), "nobody reads the terminal"

    def read(self) -> bytes:
        """What has arrived at the device since; empty where nothing has."""
        got = b""
        # EIO: nobody has the other end open. EAGAIN: nothing more is there.
        with contextlib.suppress(OSError):
            while self.master is not None and (chunk := os.read(self.master, 65536)):
                got += chunk
        return got

    def close(self) -> None:
        self.unplug()


def _open() -> tuple[int, str]:
    master, slave = os.openpty()
    name = os.ttyname(slave)
    # The settings are of the terminal, not of a descriptor: they outlive this one.
    tty.setraw(slave)
    os.close(slave)
    os.set_blocking(master, False)
    return master, name


def until(
    reactor: IReactorTime, condition: Callable[[], object], timeout_s: float = 5.0
) -> Deferred[None]:
    """Fires when `condition` holds, for tests with a real reactor and real terminals;
    fails with `AssertionError` when it has not come true within `timeout_s`."""
    deadline = reactor.seconds() + timeout_s

    async def poll() -> None:
        while not condition():
            if reactor.seconds() > deadline:
                raise AssertionError(f"not within {timeout_s:g} s")
            await task.deferLater(reactor, 0.002)

    return Deferred.fromCoroutine(poll())


def descriptors() -> set[str]:
    """What this process has open, as ``number -> target``: compare before and after."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        # The descriptor that lists the directory is gone by now.
        with contextlib.suppress(OSError):
            found.add(f"{entry.name} -> {entry.readlink()}")
    return found
