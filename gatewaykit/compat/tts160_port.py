"""A serial port for threads: waiting for bytes can be ended from outside."""

from __future__ import annotations

import errno
import os
import select
import termios
import threading
import time
from contextlib import suppress

from gatewaykit.serialport import open_claimed

WRITE_S = 3.0
"""How long output may be held up."""
_LOOK_S = 0.01
_CHUNK = 4096
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class BlockingPort:
    """A device that is opened for us alone, also against the gateway.

    One thread may receive while another sends, and any may wake; the caller sees to it that
    nobody does either while it is closed. The constructor raises `DeviceUnavailable`, sending
    and receiving `OSError`: the device is gone.
    """

    def __init__(self, path: str, baudrate: int) -> None:
        self._serial = open_claimed(path, baudrate=baudrate, timeout=0)
        self._fd: int = self._serial.fd
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._waking = threading.Lock()

    @property
    def is_open(self) -> bool:
        return self._wake_fd >= 0

    @property
    def is_there(self) -> bool:
        """Whether the device is still plugged in, as far as the kernel knows."""
        return self.is_open and not _poll(self._fd, 0, 0) & _GONE

    def send(self, data: bytes) -> None:
        """Returns when the kernel has all of it."""
        deadline = time.monotonic() + WRITE_S
        while data:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                # It must not go out behind whatever is written next.
                with suppress(termios.error):
                    termios.tcflush(self._fd, termios.TCOFLUSH)
                why = f"nothing could be written for {WRITE_S:g} s"
                raise OSError(errno.ETIMEDOUT, why)
            if _poll(self._fd, select.POLLOUT, left_s) & select.POLLOUT:
                with suppress(BlockingIOError):
                    data = data[os.write(self._fd, data) :]

    def receive(self, seconds: float) -> bytes:
        """What has come or comes within that time; nothing if it doesn't, or after `wake`."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(self._wake_fd, select.POLLIN)
        ready = dict(waiting.poll(max(0.0, seconds) * 1000))
        if self._wake_fd in ready:
            with suppress(BlockingIOError):
                os.eventfd_read(self._wake_fd)
        if self._fd not in ready:
            return b""
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return b""
        if not data:
            raise OSError(errno.EIO, "its device is gone")
        return data

    def wake(self) -> None:
        """Have `receive` return in another thread, or the next time."""
        with self._waking:
            if self.is_open:
                os.eventfd_write(self._wake_fd, 1)

    def close(self) -> None:
        """Let others have the device, after what was sent; any number of times."""
        with self._waking:
            if self.is_open:
                self._see_off()
                self._serial.close()
                os.close(self._wake_fd)
                self._wake_fd = -1

    def _see_off(self) -> None:
        """Closing discards what is still in the kernel, and it may be what stops a mount."""
        deadline = time.monotonic() + WRITE_S
        with suppress(OSError):  # a device that was unplugged refuses everything
            while self._serial.out_waiting and time.monotonic() < deadline:
                time.sleep(_LOOK_S)

    def forget(self) -> None:
        """After a fork, in the child: the device stays its parent's."""
        if self.is_open:
            # Closing undoes what makes it the parent's alone, so nothing is in its place.
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, self._fd, inheritable=False)
            os.close(nothing)
            self._serial.close()
            os.close(self._wake_fd)
            self._wake_fd = -1


def _poll(fd: int, events: int, seconds: float) -> int:
    waiting = select.poll()
    waiting.register(fd, events)
    return next((found for _, found in waiting.poll(seconds * 1000)), 0)
