"""A TTS-160 mount without its cable: bytes in, time in, answers out. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs

from gatewaykit.simulators import mount_commands as commands
from gatewaykit.simulators import mount_extended as extended
from gatewaykit.simulators import mount_set, mount_variables
from gatewaykit.simulators.mount_lines import ACK, CommandReader
from gatewaykit.simulators.mount_state import MountBehaviour, MountState
from gatewaykit.simulators.mount_wire import BYTE_S, Incoming
from gatewaykit.tts160.variables import Dialect

_LONGEST_NAME = 4
_GET, _SET = b":*!G ", b":*!S "


@attrs.frozen
class Heard:
    """A command, and when its last byte arrived."""

    at: float
    data: bytes


@attrs.frozen
class Output:
    """An answer, and when its first byte may set out."""

    at: float
    data: bytes


class MountCore:
    """Feed it with what the host writes, and `advance` it; then `take` what it has to say.

    A command is carried out as soon as its last byte has arrived, also while an answer is
    on its way. However the bytes are cut, what it says to them is the same.

    :param hears: asked at each command; where it says no, nothing happens.
    """

    def __init__(
        self,
        behaviour: MountBehaviour,
        now: float,
        hears: Callable[[Heard], bool] = lambda _heard: True,
    ) -> None:
        self.state = MountState(behaviour, now)
        self.incoming = Incoming(BYTE_S if behaviour.paced else 0.0)
        dialect = behaviour.dialect
        self._is_old = dialect is Dialect.TEXT
        self._plain = dict(commands.PLAIN)
        self._with_argument = dict(commands.WITH_ARGUMENT)
        if not self._is_old:
            self._plain.update(commands.LATER)
            self._plain.update(extended.PLAIN)
            self._with_argument.update(extended.WITH_ARGUMENT)
        self._hears = hears
        self._out: list[Output] = []
        self._arriving: deque[Heard] = deque()
        self.hang_up()

    def hang_up(self) -> None:
        """The cable is gone, with what was on it."""
        self._reader = CommandReader(
            counts=self.state.behaviour.dialect is Dialect.V357
        )
        self._arriving.clear()
        self._out.clear()

    def due(self) -> float | None:
        """When the next command is complete; None: none is on its way."""
        return self._arriving[0].at if self._arriving else None

    def receive(self, data: bytes, now: float) -> None:
        for byte in data:
            at = self.incoming.arrival(now)
            command = self._reader.push(byte)
            if command is not None:
                self._arriving.append(Heard(at, command))

    def advance(self, now: float) -> None:
        while self._arriving and self._arriving[0].at <= now:
            heard = self._arriving.popleft()
            if self._hears(heard):
                self.state.advance(heard.at)
                self._execute(heard)
        self.state.advance(now)

    def take(self) -> list[Output]:
        """What it has said since the last time, in order."""
        out, self._out = self._out, []
        return out

    def _execute(self, heard: Heard) -> None:
        at = heard.at + self.state.behaviour.latency
        data = heard.data
        if data == ACK:
            self._say(at, b"P")
        elif data.startswith(b":*!"):
            if not self._is_old:
                self._execute_binary(data, at)
        else:
            self._execute_text(data[1:-1].decode("latin-1"), at)

    def _execute_binary(self, data: bytes, at: float) -> None:
        dialect = self.state.behaviour.dialect
        if data.startswith(_GET):
            text = data[len(_GET) : -1].decode("latin-1")
            answer, takes_time = mount_variables.answer(self.state, text)
            if takes_time:
                at += self.state.behaviour.position_latency
        elif data.startswith(_SET) and dialect is Dialect.V357:
            answer = mount_set.answer(self.state, data)
        elif dialect is Dialect.V356 and data[3:-1].isdigit():
            answer = mount_variables.block(self.state, int(data[3:-1]))
        else:
            answer = mount_variables.error("INVALID_CMD")
        self._say(at, answer)

    def _execute_text(self, body: str, at: float) -> None:
        """What it doesn't know, it says nothing to."""
        handler = self._plain.get(body)
        size = _LONGEST_NAME
        while handler is None and size:
            handler = self._with_argument.get(body[:size])
            size -= 1
        if handler is None:
            return
        answer = handler(self.state, body[size + 1 :])
        if isinstance(answer, commands.Late):
            self._say(at, answer.first)
            self._say(at + answer.after_s, answer.second)
        else:
            self._say(at, answer)

    def _say(self, at: float, data: bytes) -> None:
        if data:
            self._out.append(Output(at, data))
