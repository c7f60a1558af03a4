"""The AT dialogue as a state machine: lines in, events out. Pure.

One command is on the line at a time. A line of the modem is, in this order, the text that
belongs to the line before it, the final result of the pending command, one of its
information lines, an unsolicited line, payload without a prefix, an echo, or refused
(facts/sim7600.md 2.3). Which reader the bytes need is told by `awaits_prompt`: the prompt
is the one thing that has no line end.
"""

from __future__ import annotations

import enum
import re

import attrs

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600 import urcs
from gatewaykit.sim7600.commands import Command
from gatewaykit.sim7600.replies import is_registration_answer
from gatewaykit.sim7600.urcs import Urc

CTRL_Z = b"\x1a"
ESCAPE = b"\x1b"
PROMPT = b">"

MOST_CHARACTERS = 256 * 1024
"""Of the information lines of one answer; a full message store has less than half."""

_FAILURES = ("ERROR", "CONNECT FAIL", "COMMAND NOT SUPPORT", "NA")
_FAILURE_PREFIXES = ("+CME ERROR", "+CMS ERROR")
_REGISTRATION = ("+CREG:", "+CGREG:", "+CEREG:")
_NOISE = bytes((*range(0x20), *range(0x80, 0x100)))
_PDU_HEAD = re.compile(
    r"\+(?:CMGL: *\d+, *\d, *[^,]*, *|CMGR: *\d, *[^,]*, *|CMT: *[^,]*, *|CDS: *|CBM: *)"
    r"(\d{1,3})"
)
"""A line that ends in the length of the PDU on the next one (facts/sim7600.md 4)."""
_HEX = re.compile(r"[0-9A-Fa-f]+")


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
    """The modem says something of its own accord; `text` is the line that belongs to it,
    if there is one and it came."""

    urc: Urc
    line: str
    text: str | None = None


@attrs.frozen
class Refused:
    """A line that fits nowhere: `garbage`, `late` (a result or an answer that nobody waits
    for), `foreign` (a command that we didn't send: somebody else uses the port), `long`."""

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
        self._size = 0
        self._seen: set[str] = set()
        self._head: str | None = None
        """The information line whose text is awaited."""
        self._delivery: str | None = None
        """The unsolicited line whose text is awaited."""

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
        self._lines, self._size, self._seen = [], 0, set()
        self._state = State.ANSWER if command.body is None else State.PROMPT
        return command.text.encode("ascii") + b"\r"

    def after_prompt(self, unread: bytes) -> bytes | None:
        """What follows the prompt that `unread` begins with; None if there is none."""
        if self._delivery is not None and not _PDU_HEAD.fullmatch(self._delivery):
            return None  # a message may begin with the same sign
        start = unread.lstrip(_NOISE)
        return start.removeprefix(PROMPT) if start.startswith(PROMPT) else None

    def prompted(self) -> bytes:
        """The prompt has come; gives what is to be written."""
        if self._state is not State.PROMPT:
            raise MisuseError("prompt", self._state.value, "while one is awaited")
        assert self._command is not None
        assert self._command.body is not None
        self._state = State.RESULT
        return self._command.body.encode("ascii") + CTRL_Z

    def give_up(self) -> None:
        """Nobody waits for the pending command's answer any more."""
        self._state = State.IDLE
        self._command = self._head = None

    def line_received(self, raw: bytes) -> list[Event]:
        """What a line (without its LF) means.

        Boot noise at its beginning and CRs around it are dropped; a CR within it ends a
        line too, as that of an echo does.
        """
        # The CR of the command that is echoed, and that of the line end which follows.
        is_doubled = raw.endswith(b"\r\r")
        pieces = raw.strip(b"\r").split(b"\r")
        events = (self._take(_text(piece), is_doubled=is_doubled) for piece in pieces)
        return [event for event in events if event is not None]

    def _take(self, line: str, *, is_doubled: bool) -> Event | None:
        if self._delivery is not None and _is_text(self._delivery, line):
            head, self._delivery = self._delivery, None
            return Unsolicited(Urc.DELIVERY, head, line)
        if self._head is not None and _is_text(self._head, line):
            return self._add_text(line)
        if not line:
            return None
        if self._command is None:
            return self._of_nobody(line)
        return self._of_answer(self._command, line, is_doubled=is_doubled)

    def _of_answer(
        self, command: Command, line: str, *, is_doubled: bool
    ) -> Event | None:
        if _is_final(line):
            return self._end(line)
        if line == "CONNECT" or line.startswith("CONNECT "):
            self.give_up()
            return DataMode()
        if not self._lines and _is_echo(line, command.text, is_doubled=is_doubled):
            return EchoSeen()
        if self._answers(command, line):
            if self._head is not None:
                self._add_text("")  # it never came
            self._head = line if command.paired else None
            return self._add(line)
        urc = _unsolicited(line)
        if urc is not None:
            return self._heard(urc, line)
        if self._head is not None:
            return self._add_text(line)
        if self._state is State.RESULT:
            return None  # the body's echo
        if command.bare:
            return self._add(line)
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

    def _add(self, line: str) -> Event | None:
        self._size += len(line)
        if self._size > MOST_CHARACTERS:
            return Refused("long", line)
        self._lines.append(line)
        return None

    def _add_text(self, line: str) -> Event | None:
        self._head = None
        return self._add(line)

    def _of_nobody(self, line: str) -> Event | None:
        urc = _unsolicited(line)
        return _refused(line) if urc is None else self._heard(urc, line)

    def _heard(self, urc: Urc, line: str) -> Unsolicited | None:
        if urc is Urc.DELIVERY:
            before, self._delivery = self._delivery, line
            return None if before is None else Unsolicited(urc, before)
        return Unsolicited(urc, line)

    def _end(self, final: str) -> Answered:
        if self._head is not None:
            self._add_text("")
        reply = Reply(tuple(self._lines), final)
        self.give_up()
        return Answered(reply)


def _text(piece: bytes) -> str:
    """A line as text: boot noise and baud garbage stand at its beginning, NULs anywhere
    (facts/sim7600.md 2.3)."""
    return piece.lstrip(_NOISE).replace(b"\0", b"").decode("latin-1").strip()


def _is_text(head: str, line: str) -> bool:
    """Whether a line is the text that `head` announces.

    In text mode it is the next one, whatever it looks like. A PDU can be told from all
    else, so that other lines may come before it (facts/sim7600.md 2.3).
    """
    announced = _PDU_HEAD.fullmatch(head)
    if announced is None:
        return True
    return len(line) >= 2 * int(announced[1]) and bool(_HEX.fullmatch(line))


def _is_final(line: str) -> bool:
    return line == "OK" or line in _FAILURES or line.startswith(_FAILURE_PREFIXES)


def _is_echo(line: str, sent: str, *, is_doubled: bool) -> bool:
    """Whether a line is the echo of what was sent, some characters of which may be lost."""
    line, sent = line.upper(), sent.upper()
    left = iter(sent)
    return line == sent or (is_doubled and all(sign in left for sign in line))


def _unsolicited(line: str) -> Urc | None:
    """What an unsolicited line is about; the answer to a question is none."""
    if line.startswith(_REGISTRATION) and is_registration_answer(line):
        return None
    return urcs.classify(line)


def _refused(line: str) -> Refused:
    if _is_final(line) or line.startswith(_REGISTRATION):
        return Refused("late", line)
    is_command = line[:2].upper() == "AT" and not line[2:3].isalpha()
    return Refused("foreign" if is_command else "garbage", line)
