"""What goes wrong between tracker and server, all from one seed: a bad line, which writes
with faults, and a device that takes commands otherwise than it should."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport

# No `+` begins a frame in it and no `$` ends one.
_JUNK = bytes(range(0x80, 0x100)) + b"0123456789,.:\r\n "
_GLUE_S = 0.2
_BETWEEN_PIECES_S = 0.03


@attrs.frozen
class Faults:
    """Probabilities from 0 to 1, for each frame."""

    split: float = 0.0
    """It is written in pieces, with pauses between them."""
    glue: float = 0.0
    """It is held back and written together with what comes next."""
    duplicate: float = 0.0
    """It is written twice."""
    junk: float = 0.0
    """Bytes that are no frame stand before it."""
    disconnect: float = 0.0
    """The connection is reset in the middle of it."""

    def __bool__(self) -> bool:
        return any(attrs.astuple(self))


@attrs.frozen
class CommandFaults:
    """Probabilities from 0 to 1, for each command, unless it says otherwise."""

    no_ack: float = 0.0
    """It is executed, and no ACK comes."""
    deaf: float = 0.0
    """It is neither executed nor answered, as if it had not arrived."""
    wrong_serial: float = 0.0
    """Its ACK has a serial number that nobody gave."""
    swap: float = 0.0
    """Its ACK is held until the next command's, and each gets the serial of the other;
    without a next one it comes as it should, two seconds later."""
    disconnect: float = 0.0
    """It is executed, and the connection is reset before the ACK."""
    refuse: float = 0.0
    """It is not executed and not answered, as if the password were wrong."""
    nack: float = 0.0
    """It is not executed and answered with ``+NACK``; so is one that cannot be."""
    slow_ack_s: float = 0.0
    """Seconds that every ACK comes late; if there is no connection by then, it is the first
    that is written on the next."""


def junk(random: Random) -> bytes:
    return bytes(random.choices(_JUNK, k=random.randint(1, 40)))


def pieces(random: Random, data: bytes) -> list[bytes]:
    """Two to five parts of `data`, none of them empty (unless it has one byte)."""
    cuts = sorted(
        random.sample(range(1, len(data)), min(random.randint(1, 4), len(data) - 1))
    )
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


class Line:
    """Writes frames to a transport; pieces of a frame leave in separate segments."""

    def __init__(
        self,
        transport: ITCPTransport,
        clock: IReactorTime,
        faults: Faults,
        random: Random,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._faults = faults
        self._random = random
        self._held = b""
        # None stands for the end of the connection.
        self._queue: deque[bytes | None] = deque()
        self._call: IDelayedCall | None = None

    def write(self, frames: Sequence[bytes]) -> None:
        if not self._faults:
            self._transport.write(b"".join(frames))
            return
        for frame in frames:
            self._spoil(frame)
        if self._call is None:
            self._step()

    def flush(self) -> None:
        """Write at once what was to be written later."""
        left = [piece for piece in self._queue if piece is not None]
        self._transport.write(b"".join([*left, self._held]))
        self.close()

    def close(self) -> None:
        """Nothing more is written."""
        self._queue.clear()
        self._held = b""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _spoil(self, frame: bytes) -> None:
        def happens(probability: float) -> bool:
            return self._random.random() < probability

        data = frame * 2 if happens(self._faults.duplicate) else frame
        if happens(self._faults.junk):
            data = junk(self._random) + data
        data, self._held = self._held + data, b""
        if happens(self._faults.disconnect):
            self._queue += [data[: self._random.randrange(len(data))], None]
        elif happens(self._faults.split):
            self._queue += pieces(self._random, data)
        elif happens(self._faults.glue):
            self._held = data
        else:
            self._queue.append(data)

    def _step(self) -> None:
        self._call = None
        if self._queue:
            piece = self._queue.popleft()
            if piece is None:
                self.close()
                self._transport.abortConnection()
                return
            self._transport.write(piece)
            self._call = self._clock.callLater(
                self._random.random() * _BETWEEN_PIECES_S, self._step
            )
        elif self._held:
            self._call = self._clock.callLater(_GLUE_S, self._release)

    def _release(self) -> None:
        self._call = None
        self._queue.append(self._held)
        self._held = b""
        self._step()
