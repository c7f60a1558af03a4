"""The lines that this process has open: one for each device, whatever it is called."""

from __future__ import annotations

import os
import threading

from gatewaykit.compat.tts160_line import Line
from gatewaykit.errors import MisuseError


class Lines:
    """Lines by the real paths of their devices, with who uses them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[str, Line] = {}
        self._users: dict[Line, set[object]] = {}

    def join(self, path: str, baudrate: int, user: object) -> Line:
        """The line of a device, opened if nobody uses it.

        Raises `DeviceUnavailable`, and `MisuseError` where it is open at another speed.
        """
        place = os.path.realpath(path)
        with self._lock:
            line = self._lines.get(place)
            if line is not None and not line.is_open:
                # The device was unplugged, and is back. Its users find out by themselves.
                line.close()
                line = None
            if line is None:
                line = self._lines[place] = Line(path, baudrate)
                self._users[line] = set()
            if line.baudrate != baudrate:
                allowed = (
                    f"{line.baudrate}, with which {path} is in use in this process"
                )
                raise MisuseError("baudrate", baudrate, allowed)
            self._users[line].add(user)
            return line

    def leave(self, line: Line, user: object) -> None:
        """What `user` waits for ends; the last one closes the line."""
        with self._lock:
            users = self._users[line]
            users.discard(user)
            if users:
                line.leave(user)
                return
            line.close()
            del self._users[line]
            self._lines = {k: v for k, v in self._lines.items() if v is not line}

    def forget(self) -> None:
        """After a fork, in the child: they are the parent's."""
        for line in self._users:
            line.forget()
        self._lock = threading.Lock()  # a thread may have held it that is not here
        self._lines, self._users = {}, {}


LINES = Lines()
