"""A mount that answers from a table, joined to its protocol or to the service in memory."""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable
from itertools import groupby
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from gatewaykit.errors import MisuseError
from gatewaykit.tts160 import variables
from gatewaykit.tts160.formats import BinaryParser
from gatewaykit.tts160.set_commands import set_length
from gatewaykit.tts160.variables import Dialect

Said = bytes | None
"""None is silence, and so is nothing."""

LATENCY_S = 0.01
DONE = bytes.fromhex("010100000000")
"""The answer to a SET command: one entry, a whole number, 0."""

TEXTS: dict[bytes, Said | Callable[[], Said]] = {
    b"\x06": b"P",
    b":GVN#": b"356.1.0#",
    b":GVP#": b"TTS-160#",
    b":GR#": b"05:47:12#",
    b":GD#": b"-05*23:28#",
    b":GA#": b"+45*00'00#",
    b":GZ#": b"180*00'00#",
    b":Gr#": b"05:47:12#",
    b":Gd#": b"-05*23:28#",
    b":GS#": b"10:12:45#",
    b":GL#": b"21:15:30#",
    b":GC#": b"08/05/26#",
    b":GG#": b"+07#",
    b":Gt#": b"+40*15#",
    b":Gg#": b"+100*30#",
    b":GW#": b"PT3#",
    b":D#": b"#",
    b":Sr": b"1",
    b":Sd": b"1",
    b":St": b"1",
    b":Sg": b"1",
    b":SG": b"1",
    b":SL": b"1",
    b":SC": b"1#",
    b":MS#": b"0",
    b":CM#": b"Coordinates matched.        #",
}
EXTENDED: dict[bytes, Said | Callable[[], Said]] = {
    b":*E#": b"1",
    b":*Pq#": b"0",
    b":*PG#": b"1180.00000.000#",
    b":*Gt#": b"+40*15:00#",
    b":*Gg#": b"+100*30:15#",
    b":*TRG#": b"0#",
    b":*gRG#": b"1#",
    b":*RR#": b"0.0#",
    b":*RD#": b"0.0#",
}
VALUES: dict[str, Any] = {
    "RA": 1.514945,
    "DEC": -0.094093,
    "CURRENT_ALT": 0.785398,
    "CURRENT_AZ": 3.141593,
    "TRACKING_ON": 1,
    "ALIGNMENT_MATRIX": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "INV_MATRIX": (1, 0, 0, 0, 1, 0, 0, 0, 1),
    "ALIGNMENT_QUAT": (1, 0, 0, 0),
    "INV_QUAT": (1, 0, 0, 0),
}
"""The others are 0."""


class ScriptedMount:
    """Answers each command `delay_s` after it came, in their order, as the mount does.

    `answers` is the test's to change: by a whole command, or by what it begins with (the
    longest beginning that fits); None is silence; a function is called for what it says.
    Queries of variables are answered from `values`, by their names in `dialect`; SET
    commands with `DONE` where it is v357.
    """

    def __init__(self, clock: Clock, dialect: Dialect = Dialect.V356) -> None:
        self.clock = clock
        self.dialect = dialect
        self.answers: dict[bytes, Said | Callable[[], Said]] = dict(TEXTS)
        if dialect is not Dialect.TEXT:
            self.answers |= EXTENDED
        if dialect is Dialect.V357:
            self.answers |= {b":GVN#": b"357.1.0#", b":*!S ": DONE}
        if dialect is Dialect.TEXT:
            self.answers[b":GVN#"] = b"354.1#"
        self.values: dict[str, Any] = dict(VALUES)
        self.delay_s = LATENCY_S
        self.byte_s = 0.0
        """How long a byte of an answer is on the line; 0: it comes in one piece."""
        self.is_on_screen = True
        """False: the hand pad is in a menu, and nothing is heard."""
        self.heard: list[bytes] = []
        self.heard_at: list[float] = []
        """When each of them was."""
        self.said: list[bytes] = []
        """Answers as they went out."""
        self.protocol: Protocol | None = None
        self.aborted = 0
        self.unplugged: Callable[[], object] = lambda: None
        self._faults: deque[Callable[[bytes], bytes]] = deque()
        self._delays: deque[float] = deque()
        self._written = b""
        self._free_at = 0.0

    def connect(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._written = b""
        protocol.makeConnection(self)

    def unplug(self) -> None:
        self.unplugged()
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))

    def say(self, data: bytes) -> None:
        """Now, whether it was asked or not."""
        if self.protocol is not None and data:
            self.said.append(data)
            self.protocol.dataReceived(data)

    def count(self, start: bytes) -> int:
        """How many commands were heard that begin so."""
        return sum(command.startswith(start) for command in self.heard)

    # Faults: each is for one of the next answers.

    def drop(self, count: int = 1) -> None:
        """The next answers are lost; their commands were heard and done."""
        self.spoil(lambda _: b"", count)

    def spoil(self, change: Callable[[bytes], bytes], count: int = 1) -> None:
        """The next answers come as `change` makes them."""
        self._faults.extend([change] * count)

    def delay(self, *seconds: float) -> None:
        """The next answers come so much later."""
        self._delays.extend(seconds)

    # The transport

    disconnecting = False

    def write(self, data: bytes) -> None:
        self._written += data
        while self._written:
            length = _length(self._written)
            if length is None:
                return
            command, self._written = self._written[:length], self._written[length:]
            if self.is_on_screen:
                self._take(command)

    def writeSequence(self, pieces: list[bytes]) -> None:
        self.write(b"".join(pieces))

    def loseConnection(self) -> None:
        self.clock.callLater(0, self.unplug)

    def abortConnection(self) -> None:
        self.aborted += 1
        self.clock.callLater(0, self.unplug)

    # The mount

    def _take(self, command: bytes) -> None:
        now = self.clock.seconds()
        self.heard.append(command)
        self.heard_at.append(now)
        answer = self._answer(command)
        if not answer:
            return
        if self._faults:
            answer = self._faults.popleft()(answer)
        self._free_at = max(now, self._free_at) + self.delay_s
        if self._delays:
            self._free_at += self._delays.popleft()
        size = 1 if self.byte_s else max(1, len(answer))
        for start in range(0, len(answer), size):
            self._free_at += self.byte_s
            piece = answer[start : start + size]
            self.clock.callLater(self._free_at - now, self.say, piece)

    def _answer(self, command: bytes) -> Said:
        heads = [head for head in self.answers if command.startswith(head)]
        if not heads and command.startswith(b":*!G "):
            return self._variables(command[5:-1].decode("ascii"))
        answer = self.answers[max(heads, key=len)] if heads else None
        return answer() if callable(answer) else answer

    def _variables(self, words: str) -> Said:
        if self.dialect is Dialect.TEXT:
            return None
        try:
            wanted = variables.resolve(self.dialect, [words])
        except MisuseError:
            return b"ERROR:VAR_ERROR\n"
        payload = b""
        for each in wanted:
            layout, _ = BinaryParser.parse_format_string(each.type)
            value = self.values.get(each.name, 0)
            values = value if isinstance(value, tuple) else (value,)
            payload += struct.pack(layout, *values)
        types = "".join(each.type for each in wanted)
        if self.dialect is not Dialect.V357:
            # With counts, as its documents show it (facts/tts160.md 3.1).
            types = "".join(f"{len(list(run))}{type}" for type, run in groupby(types))
        return f"BINARY:{types}\n".encode("ascii") + payload


def _length(data: bytes) -> int | None:
    """Of the first command; None while some of it is missing."""
    if not data.startswith(b":"):
        return 1
    if data.startswith(b":*!S ") and len(data) >= 8:
        payload = set_length(int(data[5:7], 16), data[8:])
        if payload is None or len(data) < 9 + payload:
            return None
        return 9 + payload
    end = data.find(b"#")
    return None if end < 0 else end + 1


class ScriptedLines:
    """In the place of `serialline.line_service`: the test plugs mounts in and out."""

    trouble: str | None = "no such device"

    def __init__(
        self, reactor: IReactorTime, port: str, baudrate: int, factory: Any
    ) -> None:
        self.port, self.baudrate, self.factory = port, baudrate, factory
        self.running = False
        self.mount: ScriptedMount | None = None

    def startService(self) -> None:
        self.running = True

    def stopService(self) -> None:
        self.running = False
        if self.mount is not None:
            self.mount.unplug()

    def _unplugged(self) -> None:
        self.trouble = "no such device"

    def plug(self, mount: ScriptedMount) -> None:
        self.mount = mount
        self.trouble = None
        mount.unplugged = self._unplugged
        mount.connect(self.factory.buildProtocol(None))
