"""A SIM7600 without its cable: bytes in, time in, bytes out. Pure."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

import attrs

from gatewaykit.simulators import modem_lines as lines
from gatewaykit.simulators.modem_commands import BASIC, GENERAL, Refusal, Table
from gatewaykit.simulators.modem_gnss_commands import GNSS
from gatewaykit.simulators.modem_sms_commands import SMS
from gatewaykit.simulators.modem_state import ModemBehaviour, ModemState

Kind = Literal["echo", "answer", "urc", "nmea", "reset", "off"]

_COMMANDS: Table = {**BASIC, **GENERAL, **GNSS, **SMS}
_NUMBERS = {"OK": "0", "ERROR": "4"}


@attrs.frozen
class Output:
    """What leaves the modem, or that it goes away: ``reset`` with its port coming back by
    itself, ``off`` without."""

    kind: Kind
    pieces: tuple[bytes, ...] = ()
    """Between two of them an unsolicited line may stand."""
    takes_s: float = 0.0
    """How much longer than usual an answer takes."""

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


class ModemCore:
    """Feed it with what the host writes, and `advance` it; then `take` what it has to say.

    However the bytes are cut, what it says to them is the same.

    :param hears: asked at each command; where it says no, nothing happens.
    """

    def __init__(
        self,
        behaviour: ModemBehaviour,
        random: Random,
        now: float,
        hears: Callable[[], bool] = lambda: True,
        repeats: Callable[[], bool] = lambda: False,
    ) -> None:
        self._out: list[Output] = []
        self._going: Kind | None = None
        self._hears = hears
        self._reader = lines.CommandReader()
        self._entry: lines.Entry | None = None
        self.state = ModemState(
            behaviour, random, now, self._say, self._go, self._sentences, repeats
        )

    def boot(self, now: float) -> None:
        self._reader, self._entry = lines.CommandReader(), None
        self._going = self.state.entry = None
        self.state.boot(now)

    def due(self) -> float | None:
        """When it does something by itself, None if it won't."""
        return self.state.agenda.due()

    def advance(self, now: float) -> None:
        self.state.agenda.advance(now)

    def take(self) -> list[Output]:
        """What it has said since the last time, in order."""
        out, self._out = self._out, []
        return out

    def receive(self, data: bytes, now: float) -> None:
        self.advance(now)
        for byte in data:
            if self.state.session.echo:
                self._echo(lines.echo(byte))
            if self._entry is None:
                body = self._reader.push(byte)
                if body is not None and self._hears():
                    self._execute(body, now)
            else:
                self._write_entry(byte)

    # Commands.

    def _execute(self, body: str, now: float) -> None:
        state = self.state
        state.takes_s = 0.0
        pieces: list[bytes] = []
        try:
            if len(body) > lines.MAX_CHARACTERS or lines.count(body) > (
                lines.MAX_COMMANDS
            ):
                raise Refusal
            for part in lines.parts(body):
                handler = _COMMANDS.get((part.name, part.kind))
                if handler is None:
                    raise Refusal
                pieces += (self._block(text) for text in handler(state, part, now))
            final = "OK"
        except Refusal as refusal:
            final = refusal.text(state.session.errors)
            state.entry = None
        if state.entry is None:
            self._finish(pieces, final)
        else:
            self._entry = lines.Entry()
            self._out.append(Output("answer", (*pieces, b"\r\n> ")))

    def _write_entry(self, byte: int) -> None:
        assert self._entry is not None
        what = self._entry.push(byte)
        if what == "line":
            self._out.append(Output("answer", (b"\r\n> ",)))
        if what in {"more", "line"}:
            return
        text, self._entry = self._entry.text, None
        finish, self.state.entry = self.state.entry, None
        assert finish is not None
        if what == "cancel":
            self._finish([], "OK")
            return
        try:
            blocks = finish(text)
        except Refusal as refusal:
            self._finish([], refusal.text(self.state.session.errors))
        else:
            self._finish([self._block(block) for block in blocks], "OK")

    def _finish(self, pieces: list[bytes], final: str) -> None:
        session = self.state.session
        if not session.quiet:
            if session.verbose or final not in _NUMBERS:
                pieces.append(f"\r\n{final}\r\n".encode("latin-1"))
            else:
                pieces.append(f"{_NUMBERS[final]}\r".encode("latin-1"))
        if pieces:
            self._out.append(Output("answer", tuple(pieces), self.state.takes_s))
        if self._going is not None:
            self._out.append(Output(self._going))
            self._going = None

    def _block(self, text: str) -> bytes:
        start = "\r\n" if self.state.session.verbose else ""
        return f"{start}{text}\r\n".encode("latin-1")

    # What it does by itself.

    def _echo(self, data: bytes) -> None:
        if self._out and self._out[-1].kind == "echo":
            data = self._out.pop().data + data
        if data:
            self._out.append(Output("echo", (data,)))

    def _say(self, line: str) -> None:
        self._out.append(Output("urc", (f"\r\n{line}\r\n".encode("latin-1"),)))

    def _sentences(self, sentences: list[str]) -> None:
        self._out.append(Output("nmea", tuple(s.encode("ascii") for s in sentences)))

    def _go(self, comes_back: bool) -> None:  # noqa: FBT001 - a callback
        self._going = "reset" if comes_back else "off"
