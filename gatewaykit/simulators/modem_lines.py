"""What a host writes to a modem's AT port, cut into commands. Pure: bytes in, parts out.

The modem's side of facts/sim7600.md 2.1, and no relation to the gateway's parsers: where
both agree, two people have read the facts alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import attrs

MAX_CHARACTERS = 559
"""After ``AT``; a longer line is an ERROR, as is one of more commands (facts/sim7600.md 2.1)."""
MAX_COMMANDS = 39

Kind = Literal["run", "read", "test", "set"]

_CR, _LF, _BACKSPACE = 0x0D, 0x0A, 0x08
_END, _ESCAPE = 0x1A, 0x1B
_MAX_ENTRY = 4096

_EXTENDED = re.compile(r"([+*$^][A-Z0-9]+)(?:(=\?|\?)|=(.*))?", re.DOTALL)
_BASIC = re.compile(r"(S\d+)(?:(\?)|=(\d*))|([&\\]?[A-Z])(\d*)")
_KINDS: dict[str | None, Kind] = {"=?": "test", "?": "read"}


@attrs.frozen
class Part:
    """One command of a line. An unreadable one has no name, and no modem knows that."""

    name: str
    """``+CSQ``, ``E``, ``&W``, ``S0``; in capitals."""
    kind: Kind
    text: str = ""
    """What follows ``=``, or the digits of a basic command."""

    @property
    def arguments(self) -> list[str]:
        """`text` at its commas, without the quotes around them."""
        return [argument.strip('"') for argument in _split(self.text, ",")]


def parts(body: str) -> Iterator[Part]:
    """The commands of a line, without its ``AT``. Ends after the first unreadable one."""
    for segment in _split(_folded(body), ";"):
        rest = segment
        while rest:
            part, rest = _next(rest)
            yield part
            if not part.name:
                return


def count(body: str) -> int:
    return sum(1 for _ in parts(body))


def _next(text: str) -> tuple[Part, str]:
    if match := _EXTENDED.fullmatch(text):
        name, query, value = match.groups()
        if value is not None:
            return Part(name, "set", value), ""
        return Part(name, _KINDS.get(query, "run")), ""
    if text[0] == "D":  # a number to dial takes the rest of the line
        return Part("D", "set", text[1:]), ""
    if match := _BASIC.match(text):
        register, query, value, letter, digits = match.groups()
        rest = text[match.end() :]
        if register is None:
            return Part(letter, "run", digits), rest
        kind: Kind = "set" if query is None else "read"
        return Part(register, kind, value or ""), rest
    return Part("", "run", text), ""


def _folded(text: str) -> str:
    """In capitals and without spaces, except between quotes."""
    return '"'.join(
        piece if n % 2 else piece.upper().replace(" ", "")
        for n, piece in enumerate(text.split('"'))
    )


def _split(text: str, separator: str) -> list[str]:
    """At the separators that are not between quotes."""
    found, quoted = [""], False
    for character in text:
        quoted ^= character == '"'
        if character == separator and not quoted:
            found.append("")
        else:
            found[-1] += character
    return found


class CommandReader:
    """Finds command lines among bytes, one at a time."""

    def __init__(self) -> None:
        self._line = ""
        self._begun = False
        self._previous = ""
        self._last = ""

    def push(self, byte: int) -> str | None:
        """The line that this byte completed, without ``AT``; ``A/`` gives the last again.

        A line that is too long is kept as long as is needed to tell. What stands before
        ``AT`` is passed over, and so is a line without it.
        """
        if byte == _CR:
            line = self._line if self._begun else None
            self._restart()
            if line is not None:
                self._last = line
            return line
        if byte == _BACKSPACE:
            self._line, self._previous = self._line[:-1], ""
            return None
        if byte < 0x20:
            return None
        character = chr(byte)
        if self._begun:
            if len(self._line) <= MAX_CHARACTERS:
                self._line += character
            return None
        pair, self._previous = self._previous + character, character
        if pair == "A/":
            self._restart()
            return self._last
        self._begun = pair.upper() == "AT"
        return None

    def _restart(self) -> None:
        self._line, self._begun, self._previous = "", False, ""


def echo(byte: int) -> bytes:
    """A modem with echo returns a command with its CR. Whether it returns an LF as well is
    not known (facts/sim7600.md 2.1); this one doesn't."""
    return b"" if byte == _LF else bytes((byte,))


class Entry:
    """What the host writes after the prompt, up to Ctrl-Z or ESC."""

    def __init__(self) -> None:
        self._text = bytearray()

    def push(self, byte: int) -> Literal["more", "line", "end", "cancel"]:
        if byte == _END:
            return "end"
        if byte == _ESCAPE:
            return "cancel"
        if byte == _LF:
            return "more"
        if len(self._text) < _MAX_ENTRY:
            self._text += b"\n" if byte == _CR else bytes((byte,))
        return "line" if byte == _CR else "more"

    @property
    def text(self) -> str:
        return self._text.decode("latin-1")
