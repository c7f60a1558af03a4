"""The AT dialogue as a state machine: lines in, events out. Pure.

One command is on the line at a time. A line of the modem is, in this order, the text that
belongs to the line before it, the final result of the pending command, one of its
information lines, an unsolicited line, payload without a prefix, an echo, or refused
(facts/sim7600.md 2.3). Which reader the bytes need is told by `awaits_prompt`: the prompt
is the one thing that has no line end.
"""

from __future__ import annotations

import enum

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600 import urcs
from gatewaykit.sim7600.commands import Command
from gatewaykit.sim7600.replies import is_registration_answer
from gatewaykit.sim7600.urcs import Urc

CTRL_Z = b"\x1a"
ESCAPE = b"\x1b"
PROMPT = b">"

_FAILURES = ("ERROR", "COMMAND NOT SUPPORT", "NA")
_FAILURE_PREFIXES = ("+CME ERROR", "+CMS ERROR")
_REGISTRATION = ("+CREG:", "+CGREG:", "+CEREG:")


@attrs.frozen
class Reply:
    """What a command was answered: its information lines, and the final result.

    Of a `paired` command every second line is the text of the one before.
    """

    lines: tuple[str, ...]
    final: str

    @property
    def ok(self) -> bool:
        return self.final == "OK"


@attrs.frozen
class Answered:
    """The pending command has come to its end."""

    reply: Reply


@attrs.frozen
class Unsolicited:
    """The modem says something of its own accord; `text` is the line that belongs to it."""

    urc: Urc
    line: str
    text: str | None = None


@attrs.frozen
class Refused:
    """A line that fits nowhere: `garbage`, `late` (a result that nobody waits for),
    `foreign` (a command that we didn't send: somebody else uses the port)."""

    reason: str
    line: str


@attrs.frozen
class EchoSeen:
    """The modem echoes what is sent."""


@attrs.frozen
class DataMode:
    """The modem has left command mode: nothing that it sends can be understood."""


Event = Answered | Unsolicited | Refused | EchoSeen | DataMode


class State(enum.Enum):
    """What the line is waiting for."""

    IDLE = "idle"
    ANSWER = "answer"
    PROMPT = "prompt"
    RESULT = "result"
    """The body is sent; what else comes before the result is its echo."""


class Dialogue:
    """The state of one line; it knows neither bytes in pieces nor time."""

    def __init__(self) -> None:
        self._state = State.IDLE
        self._command: Command | None = None
        self._lines: list[str] = []
        self._seen: set[str] = set()
        self._delivery: tuple[Urc, str] | None = None
        self._wants_text = False

    @property
    def awaits_prompt(self) -> bool:
        return self._state is State.PROMPT

    @property
    def is_idle(self) -> bool:
        return self._state is State.IDLE

    def begin(self, command: Command) -> bytes:
        """Start a command; gives what is to be written.

        Raises `MisuseError` while another one is on the line.
        """
        if self._state is not State.IDLE:
            raise MisuseError("command", command.text, "one at a time")
        self._command = command
        self._lines, self._seen = [], set()
        self._state = State.ANSWER if command.body is None else State.PROMPT
        return command.text.encode("ascii") + b"\r"

    def prompted(self) -> bytes:
        """The prompt has come; gives what is to be written."""
        if self._state is not State.PROMPT:
            raise MisuseError("prompt", self._state.value, "while one is awaited")
        assert self._command is not None
        self._state = State.RESULT
        return (self._command.body or "").encode("ascii") + CTRL_Z

    def give_up(self) -> None:
        """Nobody waits for the pending command's answer any more."""
        self._state = State.IDLE
        self._command = None
        self._wants_text = False
        self._delivery = None

    def line_received(self, raw: bytes) -> list[Event]:
        """What a line (without its LF) means.

        Boot noise at its beginning and CRs around it are dropped; a CR within it ends a
        line too, as that of an echo does.
        """
        events: list[Event] = []
        pieces = [_text(piece) for piece in raw.strip(b"\r").split(b"\r")]
        for piece in pieces:
            event = self._take(piece)
            if event is not None:
                events.append(event)
        return events

    def _take(self, line: str) -> Event | None:
        if self._delivery is not None:
            (urc, head), self._delivery = self._delivery, None
            return Unsolicited(urc, head, line)
        if self._wants_text:
            self._wants_text = False
            self._lines.append(line)
            return None
        if not line:
            return None
        return self._of_answer(line) if self._command else self._of_nobody(line)

    def _of_answer(self, line: str) -> Event | None:
        command = self._command
        assert command is not None
        if line == "OK" or line in _FAILURES or line.startswith(_FAILURE_PREFIXES):
            return self._end(line)
        if line == "CONNECT" or line.startswith("CONNECT "):
            self.give_up()
            return DataMode()
        if not self._lines and _is_echo(line, command.text):
            return EchoSeen()
        if self._answers(command, line):
            self._lines.append(line)
            self._wants_text = command.paired
            return None
        urc = urcs.classify(line)
        if urc is not None:
            return self._unsolicited(urc, line)
        if self._state is State.RESULT:
            return None  # the body's echo
        if command.bare:
            self._lines.append(line)
            return None
        if command.paired and self._lines:
            # A message in text mode may have line ends of its own.
            self._lines[-1] += "\n" + line
            return None
        return _refused(line)

    def _answers(self, command: Command, line: str) -> bool:
        prefix = next((p for p in command.prefixes if line.startswith(p)), None)
        if prefix is None:
            return False
        if prefix in _REGISTRATION and not is_registration_answer(line):
            return False
        if prefix in self._seen and not command.many:
            return False
        self._seen.add(prefix)
        return True

    def _of_nobody(self, line: str) -> Event | None:
        urc = urcs.classify(line)
        if urc is not None:
            return self._unsolicited(urc, line)
        if line in ("OK", *_FAILURES) or line.startswith(_FAILURE_PREFIXES):
            return Refused("late", line)
        return _refused(line)

    def _unsolicited(self, urc: Urc, line: str) -> Event | None:
        if urc is Urc.DELIVERY:
            self._delivery = (urc, line)
            return None
        return Unsolicited(urc, line)

    def _end(self, final: str) -> Event:
        reply = Reply(tuple(self._lines), final)
        self.give_up()
        return Answered(reply)


def _text(piece: bytes) -> str:
    """A line as text: boot noise and baud garbage stand at its beginning, NULs anywhere
    (facts/sim7600.md 2.3)."""
    start = 0
    while start < len(piece) and (piece[start] >= 0x80 or piece[start] < 0x20):
        start += 1
    return piece[start:].replace(b"\0", b"").decode("latin-1").strip()


def _is_echo(line: str, sent: str) -> bool:
    """Whether a line is the echo of what was sent, the beginning of which may be lost."""
    line, sent = line.upper().strip(), sent.upper().strip()
    return line == sent or (len(line) > 2 and "+" in sent and sent.endswith(line))


def _refused(line: str) -> Refused:
    is_command = line[:2].upper() == "AT" and not line[2:3].isalpha()
    return Refused("foreign" if is_command else "garbage", line)
