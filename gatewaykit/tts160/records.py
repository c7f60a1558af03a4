"""Commands that clients write themselves: how an answer is read, and told. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from gatewaykit.interfaces import Record
from gatewaykit.tts160 import answers
from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.commands import Reply
from gatewaykit.tts160.formats import CASE_FORMATS, unpack

FORMS: Final = MappingProxyType(
    {
        "auto": Reply.AUTO,
        "blind": Reply.NONE,
        "bool": Reply.FLAG,
        "string": Reply.TEXT,
    }
)
"""How an answer is read that the table doesn't know."""


def record_of(answer: Answer) -> Record:
    """An answer as `IMount.command` gives it.

    Raises `ValueError` for what is none, an error of the mount's or garbled.
    """
    match answer:
        case answers.Nothing():
            return {"kind": "none"}
        case answers.Flag(value):
            return {"kind": "bool", "value": value}
        case answers.Text(text) | answers.Letter(text):
            return {"kind": "text", "text": text}
        case answers.Goto(code, text):
            return {"kind": "goto", "code": code, "text": text}
        case answers.Date(value, text):
            return {"kind": "date", "value": value, "text": text}
        case answers.Binary(format_string, payload):
            return {"kind": "binary"} | _values(format_string, payload)
        case answers.Case(number, payload):
            form = CASE_FORMATS[number].format_string
            return {"kind": "case", "case": number} | _values(form, payload)
        case answers.SetResult(entries):
            listed = [[int(entry.type), entry.value] for entry in entries]
            return {"kind": "set", "entries": listed}
    raise ValueError(answer)


def _values(format_string: str, payload: bytes) -> dict[str, Any]:
    return {"format": format_string, "values": unpack(format_string, payload)}
