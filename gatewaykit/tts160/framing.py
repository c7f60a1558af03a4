"""Which bytes belong to which answer: the state machine of the mount's line.

It takes the bytes in any pieces and knows nothing of ports and clocks; whoever drives it
says which command has been written, and when the time for the next byte is over
(facts/tts160.md 1.2 to 1.4). Binary payloads are counted, never searched: every byte value
may stand in them.

=========== ============================================= ==========================
state       comes with                                    leaves by
=========== ============================================= ==========================
IDLE        the end of every answer, `give_up`            a command
CLOSED      the end of an answer of one character         a command, a byte
FIRST       a command that is answered                    a byte
MAYBE_FLAG  ``0`` or ``1`` where nobody knows the form    a byte, silence
REASON      a digit of a refused goto                     ``#``, silence
DATE        ``0`` or ``1`` where text may follow          ``#``, silence
DATE_REST   the first text of two                         ``#``, silence
TEXT        any other byte                                ``#``, silence
HEADER      ``B``, ``C`` or ``E``                         LF or ``#``, silence
PAYLOAD     a header with a size                          counting, silence
SET         the number of entries                         their types, silence
WORDS       the one answer without an end                 the words, silence
LOST        what cannot be                                `give_up`
=========== ============================================= ==========================

Where silence is the end of the answer, or the end of waiting for it, is told by `silence`.
In IDLE and CLOSED bytes are `Stray`, but for one ``#`` in CLOSED, with which some firmware
ends what others don't (facts/tts160.md 1.4); in LOST they are dropped.
"""

from __future__ import annotations

import enum
from collections.abc import Callable

from gatewaykit.errors import ProtocolViolation
from gatewaykit.tts160.answers import (
    Answer,
    Binary,
    Case,
    Date,
    Failed,
    Flag,
    Garbled,
    Goto,
    Letter,
    Nothing,
    SetResult,
    Stray,
    Text,
    fits,
)
from gatewaykit.tts160.commands import Command, Reply
from gatewaykit.tts160.formats import CASE_FORMATS, BinaryFormatError, BinaryParser
from gatewaykit.tts160.set_commands import set_entries

__all__ = [
    "Answer",
    "Binary",
    "Case",
    "Date",
    "Failed",
    "Flag",
    "Framing",
    "Garbled",
    "Goto",
    "Letter",
    "Nothing",
    "SetResult",
    "Stray",
    "Text",
    "fits",
]

MOST_TEXT = 256
"""Bytes of a text or a header; INDI takes 64, the longest text of the tables is shorter."""
NEXT_BYTE_S = 0.2
"""Within an answer no byte is longer in coming: 0.1 s (facts/tts160.md 1.5), and as much
again for adapters and networks between."""
REASON_S = 0.5
"""For the text of a refusal, which not every mount has (facts/tts160.md 1.4)."""
REST_S = 5.0
"""For the second text of a date: a mount that has two sends it some 4 s after the first
(facts/tts160.md 1.4). This one has neither."""

END = b"#"
_LF = b"\n"
_DEGREE = b"\xdf"
_PRECISIONS = (b"HIGH PRECISION", b"LOW PRECISION")
_TEXTS = {Reply.TEXT, Reply.AUTO, Reply.BINARY, Reply.CASE}
"""Where text up to ``#`` is framed; for a block it is not the answer, but it is over."""


class _State(enum.Enum):
    IDLE = enum.auto()
    CLOSED = enum.auto()
    FIRST = enum.auto()
    MAYBE_FLAG = enum.auto()
    REASON = enum.auto()
    DATE = enum.auto()
    DATE_REST = enum.auto()
    TEXT = enum.auto()
    HEADER = enum.auto()
    PAYLOAD = enum.auto()
    SET = enum.auto()
    WORDS = enum.auto()
    LOST = enum.auto()


_Step = tuple[Answer | Stray | None, bytes]


class Framing:
    """Frames one answer at a time; what comes between answers is `Stray`."""

    def __init__(self) -> None:
        self._state = _State.IDLE
        self._reply = Reply.NONE
        self._buffer = b""
        self._digit = 0
        self._payload: Callable[[bytes], Answer]
        """Makes an answer of the payload; each header sets it."""
        self._date: Date
        self._wanted = 0
        self._steps: dict[_State, Callable[[bytes], _Step]] = {
            _State.IDLE: self._in_idle,
            _State.CLOSED: self._in_closed,
            _State.FIRST: self._in_first,
            _State.MAYBE_FLAG: self._in_maybe_flag,
            _State.REASON: self._in_reason,
            _State.DATE: self._in_date,
            _State.DATE_REST: self._in_date_rest,
            _State.TEXT: self._in_text,
            _State.HEADER: self._in_header,
            _State.PAYLOAD: self._in_payload,
            _State.SET: self._in_set,
            _State.WORDS: self._in_words,
            _State.LOST: self._in_lost,
        }

    @property
    def is_idle(self) -> bool:
        """Whether the next command may be written."""
        return self._state in {_State.IDLE, _State.CLOSED}

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is to come of which there is no byte yet."""
        return self._state is _State.FIRST

    @property
    def delimiter(self) -> bytes | None:
        """Ends what comes next, delimiter and all; None: there is none."""
        return END if self._state is _State.TEXT else None

    @property
    def patience_s(self) -> float | None:
        """How long the next byte may take; None while the first one is waited for."""
        if self.is_idle or self._state in {_State.FIRST, _State.LOST}:
            return None
        if self._state is _State.REASON and not self._buffer:
            return REASON_S
        if self._state is _State.DATE_REST and not self._buffer:
            return REST_S
        return NEXT_BYTE_S

    def begin(self, command: Command) -> Nothing | None:
        """A command has been written: its answer, if it has none; else wait for bytes."""
        assert self.is_idle
        self.give_up()
        self._reply = command.reply
        if command.reply is Reply.NONE:
            return Nothing()
        self._state = _State.FIRST
        return None

    def give_up(self) -> None:
        """Wait for nothing any more: bytes that come are strays."""
        self._state = _State.IDLE
        self._buffer = b""

    def receive(self, data: bytes) -> list[Answer | Stray]:
        """What the bytes complete, one answer at most; what they begin is kept."""
        events: list[Answer | Stray] = []
        while data:
            event, data = self._steps[self._state](data)
            if event is not None:
                events.append(event)
        return events

    def silence(self) -> Answer | None:
        """The time for the next byte is over: what there is may be the whole answer.

        None where nothing has come.
        """
        match self._state:
            case _State.IDLE | _State.CLOSED | _State.FIRST | _State.LOST:
                return None
            case _State.MAYBE_FLAG:
                return self._end(Flag(value=self._digit == 1))
            case _State.REASON if not self._buffer:
                return self._end(Goto(self._digit, ""))
            case _State.DATE if not self._buffer:
                return self._end(Date(self._digit == 1, ""))
            case _State.DATE_REST if not self._buffer.strip():
                return self._end(self._date)
        return self._lost("it broke off", self._buffer)

    # Ends

    def _end(self, answer: Answer) -> Answer:
        self.give_up()
        return answer

    def _closed(self, answer: Answer) -> Answer:
        self.give_up()
        self._state = _State.CLOSED
        return answer

    def _lost(self, reason: str, raw: bytes) -> Garbled:
        self._buffer = b""
        self._state = _State.LOST
        return Garbled(reason, raw)

    # Steps: each takes some of the bytes and leaves the rest.

    def _in_idle(self, data: bytes) -> _Step:
        return Stray(data), b""

    def _in_closed(self, data: bytes) -> _Step:
        self._state = _State.IDLE
        return None, data.removeprefix(END)

    def _in_lost(self, _: bytes) -> _Step:
        return None, b""

    def _in_first(self, data: bytes) -> _Step:
        first, rest = data[:1], data[1:]
        is_bit = first in {b"0", b"1"}
        self._digit = int(first) if first.isdigit() else 0
        match self._reply:
            case _ if first in {b"B", b"C", b"E"}:
                self._state = _State.HEADER
                return None, data
            case Reply.FLAG if is_bit:
                return self._closed(Flag(value=first == b"1")), rest
            case Reply.LETTER if first.isalpha():
                return self._closed(Letter(first.decode("ascii"))), rest
            case Reply.GOTO if first == b"0":
                return self._closed(Goto(0, "")), rest
            case Reply.GOTO if first.isdigit():
                self._state = _State.REASON
                return None, rest
            case Reply.DATE if is_bit:
                self._state = _State.DATE
                return None, rest
            case Reply.PRECISION:
                self._state = _State.WORDS
                return None, data
            case Reply.SET:
                self._state = _State.SET
                return None, data
            case Reply.AUTO if first <= b"\x02":
                self._state = _State.SET
                return None, data
            case Reply.AUTO if is_bit:
                self._state = _State.MAYBE_FLAG
                self._buffer = first
                return None, rest
            case Reply.TEXT | Reply.AUTO | Reply.BINARY | Reply.CASE:
                self._state = _State.TEXT
                return None, data
        return self._lost(f"no {self._reply.value}", first), rest

    def _in_maybe_flag(self, data: bytes) -> _Step:
        self._state = _State.TEXT
        return None, data

    def _collect(self, ends: bytes, data: bytes) -> tuple[bytes, bytes]:
        """Buffers what is before the first of the ends; gives that end, if there is one so
        far, and the rest. How much it may be is looked at before."""
        window = data[: MOST_TEXT + 1 - len(self._buffer)]
        places = [place for end in ends if (place := window.find(end)) >= 0]
        if not places:
            self._buffer += window
            return b"", data[len(window) :]
        at = min(places)
        self._buffer += data[:at]
        return data[at : at + 1], data[at + 1 :]

    def _so_far(self) -> Garbled | None:
        if len(self._buffer) > MOST_TEXT:
            return self._lost("it has no end", self._buffer)
        return None

    def _ended(self, make: Callable[[str], Answer]) -> Answer:
        """The answer of a whole text."""
        if any(byte < 0x20 for byte in self._buffer):
            reason = "there are control characters in its text"
            return self._lost(reason, self._buffer)
        text = self._buffer.replace(_DEGREE, b"*").decode("latin-1")
        return self._end(make(text))

    def _in_text(self, data: bytes) -> _Step:
        end, rest = self._collect(END, data)
        return self._ended(Text) if end else self._so_far(), rest

    def _in_reason(self, data: bytes) -> _Step:
        end, rest = self._collect(END, data)
        if not end:
            return self._so_far(), rest
        return self._ended(lambda text: Goto(self._digit, text)), rest

    def _in_date(self, data: bytes) -> _Step:
        end, rest = self._collect(END, data)
        if not end:
            return self._so_far(), rest
        answer = self._ended(lambda text: Date(self._digit == 1, text))
        if isinstance(answer, Date) and answer.text:
            self._date = answer
            self._state = _State.DATE_REST
            return None, rest
        return answer, rest

    def _in_date_rest(self, data: bytes) -> _Step:
        """The second text is blanks, and may be missing."""
        end, rest = self._collect(END, data)
        if not end:
            return self._so_far(), rest
        if self._buffer.strip():
            return self._lost("more than blanks behind its text", self._buffer), rest
        return self._end(self._date), rest

    def _in_header(self, data: bytes) -> _Step:
        end, rest = self._collect(END + _LF, data)
        if not end:
            return self._so_far(), rest
        if end == _LF:
            return self._headed(self._buffer), rest
        if self._reply in _TEXTS:
            return self._ended(Text), rest
        return self._lost(f"no {self._reply.value}", self._buffer), rest

    def _headed(self, header: bytes) -> Answer | None:
        title, colon, value = header.decode("latin-1").partition(":")
        if title == "ERROR" and colon and value.isprintable():
            return self._end(Failed(value.strip()))
        if title == "BINARY" and self._reply in {Reply.BINARY, Reply.AUTO}:
            try:
                _, self._wanted = BinaryParser.parse_format_string(value)
            except BinaryFormatError as error:
                return self._lost(str(error), header)
            self._payload = lambda payload: Binary(value, payload)
        elif title == "CASE" and self._reply in {Reply.CASE, Reply.AUTO}:
            number = value.removesuffix("B")  # as the oldest firmware has it
            if number not in {str(known) for known in CASE_FORMATS}:
                return self._lost(f"there is no CASE block {value!r}", header)
            case = int(number)
            self._wanted = CASE_FORMATS[case].byte_size
            self._payload = lambda payload: Case(case, payload)
        else:
            return self._lost("a line with an unknown title", header)
        self._buffer = b""
        self._state = _State.PAYLOAD
        return None

    def _in_payload(self, data: bytes) -> _Step:
        missing = self._wanted - len(self._buffer)
        self._buffer += data[:missing]
        if len(self._buffer) < self._wanted:
            return None, b""
        return self._end(self._payload(self._buffer)), data[missing:]

    def _in_set(self, data: bytes) -> _Step:
        """Byte by byte, of which there are some 50 at most."""
        self._buffer += data[:1]
        try:
            found = set_entries(self._buffer)
        except ProtocolViolation as violation:
            return self._lost(violation.reason, self._buffer), data[1:]
        if found is None:
            return None, data[1:]
        return self._end(SetResult(tuple(found[0]))), data[1:]

    def _in_words(self, data: bytes) -> _Step:
        self._buffer += data[:1]
        if self._buffer in _PRECISIONS:
            return self._end(Text(self._buffer.decode("ascii"))), data[1:]
        if not any(words.startswith(self._buffer) for words in _PRECISIONS):
            return self._lost("no precision", self._buffer), data[1:]
        return None, data[1:]
