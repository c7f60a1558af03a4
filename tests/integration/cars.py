"""Vehicles on sockets that do what a test says, and a network with dead spots."""

from __future__ import annotations

import re
import selectors
import socket
import struct
import threading
import time
from contextlib import suppress

COMMAND = re.compile(rb"AT\+(GT[A-Z]{3})=[^,$]*,([^$]*),([0-9A-F]{4})\$")
REPORT_S = 0.3
_RESET = struct.pack("ii", 1, 0)


class Car(threading.Thread):
    """A GV50 that reports all the time, connects again when it is cut off, and keeps count.

    What may be changed at any time: `speed`, `acks`, `obeys`, and what is in `to_say`.
    """

    def __init__(self, port: int, imei: str) -> None:
        super().__init__(daemon=True)
        self.imei = imei
        self.port = port
        self.speed = 0.0
        self.acks = True
        self.obeys = True
        """Whether its output follows."""
        self.level = 0
        self.got: list[str] = []
        """Types of commands but for positions, in order."""
        self.connections = 0
        self.to_say: list[str] = []
        """Further reports, each without what is before and behind its body."""
        self._counts = 0
        self._over = threading.Event()
        self.start()

    def end(self) -> None:
        self._over.set()
        self.join()

    def run(self) -> None:
        while not self._over.is_set():
            with suppress(OSError):
                self._connect()
            self._over.wait(0.2)

    def _connect(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 5.0) as line:
            self.connections += 1
            left, report_at = b"", 0.0
            while not self._over.is_set():
                if time.monotonic() >= report_at:
                    self._report(line)
                    report_at = time.monotonic() + REPORT_S
                line.settimeout(0.05)
                try:
                    read = line.recv(65536)
                except TimeoutError:
                    continue
                if not read:
                    return
                left = self._obey(line, left + read)

    @property
    def stamp(self) -> str:
        return time.strftime("%Y%m%d%H%M%S", time.gmtime())

    @property
    def place(self) -> str:
        return (
            f"1,{self.speed},258,713.2,-54.557850,-20.587663,{self.stamp},"
            "0724,0003,08AA,59C0,00"
        )

    def _frame(self, type: str, body: str, prefix: str = "+RESP") -> bytes:
        self._counts += 1
        head = f"{prefix}:{type},090302,{self.imei},"
        return f"{head},{body},{self.stamp},{self._counts:04X}$".encode()

    def _report(self, line: socket.socket) -> None:
        body = f",10,1,{self.place},0.0,,,,,11000{self.level},5,0,7"
        line.sendall(self._frame("GTFRI", body))
        while self.to_say:
            type, _, body = self.to_say.pop(0).partition(",")
            line.sendall(self._frame(type, body))

    def _obey(self, line: socket.socket, data: bytes) -> bytes:
        end = 0
        for found in COMMAND.finditer(data):
            end = found.end()
            type, values = found[1].decode(), found[2].decode().split(",")
            if type == "GTRTO" and values[0] == "1":
                body = f",00,1,{self.place},0.0"
                line.sendall(self._frame("GTRTL", body))
                continue
            self.got.append(type)
            if type == "GTOUT" and self.obeys:
                self.level = int(values[0])
            if self.acks:
                line.sendall(self._frame(type, found[3].decode(), "+ACK"))
        return data[end:]


class DeadSpots(threading.Thread):
    """A proxy before the gateway that can hold back what goes either way.

    What it holds is lost when either side resets or ends its connection, as it is with a
    carrier's.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.holds_down = False
        self.holds_up = False
        self.holds_up_behind = b""
        """What the gateway has to say for the way up to be held back from then on."""
        self.lost = b""
        """What never arrived."""
        self._target = port
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._door.getsockname()[1])
        self._others: dict[socket.socket, socket.socket] = {}
        self._held: dict[socket.socket, bytes] = {}
        """By where it is to go."""
        self._devices: set[socket.socket] = set()
        self._over = False
        self._looking = selectors.DefaultSelector()
        self._looking.register(self._door, selectors.EVENT_READ)
        self.start()

    def end(self) -> None:
        self._over = True
        self.join()

    def run(self) -> None:
        while not self._over:
            for key, _ in self._looking.select(0.02):
                if key.fileobj is self._door:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._read(key.fileobj)
            for line in list(self._held):
                holds = self.holds_down if line in self._devices else self.holds_up
                if not holds and (data := self._held.get(line)):
                    self._held[line] = b""
                    with suppress(OSError):
                        line.sendall(data)
        for line in list(self._others):
            self._cut(line)
        self._door.close()
        self._looking.close()

    def _accept(self) -> None:
        device, _ = self._door.accept()
        gateway = socket.create_connection(("127.0.0.1", self._target))
        self._devices.add(device)
        for line, other in ((device, gateway), (gateway, device)):
            self._others[line] = other
            self._held[line] = b""
            self._looking.register(line, selectors.EVENT_READ)

    def _read(self, line: socket.socket) -> None:
        other = self._others.get(line)
        if other is None:
            return
        try:
            data = line.recv(65536)
        except OSError:
            data = b""
        if data:
            self._held[other] += data
            behind = self.holds_up_behind
            if behind and line not in self._devices and behind in data:
                self.holds_up = True
        else:
            self._cut(line)

    def _cut(self, line: socket.socket) -> None:
        other = self._others.get(line)
        if other is None:
            return
        for end in (line, other):
            del self._others[end]
            self.lost += self._held.pop(end)
            self._devices.discard(end)
            self._looking.unregister(end)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
