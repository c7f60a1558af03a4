"""JSON values out of a stream that has nothing between them (facts/sim7600.md 1.1, 1.2).

A value is taken as soon as it is whole. What can still become one is waited for; what cannot
is refused at once, in the words that the daemon of 2025 had for it: those of `json`.
"""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

import attrs

MAX_REQUEST = 4096
"""Characters; the old daemon read no more than as many bytes."""
_SPACE = re.compile(r"[ \t\n\r]*")
_LITERALS = ("true", "false", "null", "NaN", "Infinity", "-Infinity")
_decode = json.JSONDecoder().raw_decode


@attrs.frozen
class Request:
    """A whole value, not yet looked at."""

    value: Any


@attrs.frozen
class Unreadable:
    """Bytes that were dropped, and why; after a `fatal` one nothing more can be read."""

    error: str
    fatal: bool = False


class Requests:
    """Takes bytes in any pieces and gives requests in order."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._rest = ""
        self._verdict = ""

    @property
    def is_waiting(self) -> bool:
        """Whether the beginning of a request is there and its end is not."""
        return bool(self._rest or self._utf8.getstate()[0])

    def receive(self, data: bytes) -> list[Request | Unreadable]:
        refused = None
        try:
            text = self._rest + self._utf8.decode(data)
        except UnicodeDecodeError as error:
            text = self._rest + error.object[: error.start].decode("utf-8")
            refused = Unreadable(str(error))
            self._utf8.reset()
        self._rest = ""
        found = self._read(text)
        if refused is not None:
            self._rest = ""
            found.append(refused)
        return found

    def give_up(self) -> list[Request | Unreadable]:
        """Refuse what is not whole yet."""
        self._rest = ""
        if self._utf8.getstate()[0]:
            self._utf8.reset()
            return [Unreadable("'utf-8' codec can't decode: unexpected end of data")]
        return [Unreadable(self._verdict)]

    def _read(self, text: str) -> list[Request | Unreadable]:
        found: list[Request | Unreadable] = []
        at = _skip(text, 0)
        while at < len(text):
            try:
                value, end = _decode(text, at)
            except json.JSONDecodeError as error:
                # With places counted from where the request began.
                verdict = json.JSONDecodeError(error.msg, text[at:], error.pos - at)
                if not _may_go_on(text, error):
                    found.append(Unreadable(str(verdict)))
                elif len(text) - at > MAX_REQUEST:
                    found.append(_too_long())
                else:
                    self._rest, self._verdict = text[at:], str(verdict)
                return found
            except (ValueError, RecursionError) as error:
                # A number with thousands of digits, thousands of brackets.
                found.append(Unreadable(str(error)[:200]))
                return found
            if end - at > MAX_REQUEST:
                found.append(_too_long())
                return found
            found.append(Request(value))
            at = _skip(text, end)
        return found


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    assert space is not None  # it matches nothing, too
    return space.end()


def _too_long() -> Unreadable:
    return Unreadable(f"a request of more than {MAX_REQUEST} characters", fatal=True)


def _may_go_on(text: str, error: json.JSONDecodeError) -> bool:
    """Whether more text could make a value of what gave this error."""
    tail = text[error.pos :]
    if _skip(tail, 0) == len(tail) or error.msg.startswith("Unterminated string"):
        return True
    if "escape" in error.msg:
        return re.search(r"\\u[0-9A-Fa-f]{0,4}\Z", text) is not None
    if error.msg == "Expecting value":
        return any(literal.startswith(tail) for literal in _LITERALS)
    # A number ends where its next part would begin.
    return bool(re.fullmatch(r"\.|[eE][+-]?", tail)) and text[error.pos - 1].isdigit()
