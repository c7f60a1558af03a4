"""Answers as the earlier Python API gives them, the same for both ways to the mount.

What both ways have in common is the record of the verb `MountCommand`.
"""

from __future__ import annotations

from typing import Any

from gatewaykit.compat.tts160_errors import ResponseError
from gatewaykit.compat.tts160_formats import Formats
from gatewaykit.compat.tts160_types import CommandType
from gatewaykit.interfaces import Record
from gatewaykit.tts160.commands import Command, Reply

Value = str | bool | list[Any] | dict[str, Any]

_UNENDED = {Reply.LETTER, Reply.PRECISION}
"""Texts that the mount sends without ``#``."""
_BINARY = {"binary", "case", "set"}
_SET_ERROR = 4
"""Type of an entry that tells an error, 0 for none (facts/tts160.md 4.2)."""


def value_of(
    command: Command, wanted: CommandType, answer: Record, formats: Formats
) -> Value:
    """What `SerialManager.send_command` returns; raises `ResponseError`."""
    _check(command, answer)
    match wanted:
        case CommandType.BLIND:
            return ""
        case CommandType.AUTO if answer["kind"] in _BINARY:
            return _values(answer, formats)
        case CommandType.BOOL if answer["kind"] not in _BINARY:
            return _flag(command, answer)
        case _ if answer["kind"] not in _BINARY:
            return _text(command, answer)
    raise ResponseError(
        f"{command.text} is answered with binary data: CommandType.AUTO gives it,"
        f" {wanted.name} does not"
    )


def _check(command: Command, answer: Record) -> None:
    if answer["kind"] == "set":
        for type, value in answer["entries"]:
            if type == _SET_ERROR and value != 0:
                raise ResponseError(f"the mount refused {command.text}: error {value}")
    is_other = command.data != b":*!%d#" % answer.get("case", 0)
    if answer["kind"] == "case" and command.reply is Reply.CASE and is_other:
        raise ResponseError(f"{command.text} is answered with block {answer['case']}")


def _values(answer: Record, formats: Formats) -> Value:
    match answer["kind"]:
        case "binary":
            return formats.block(answer["format"], answer["values"])
        case "case":
            return formats.case(answer["case"], answer["values"], built_in=False)
    return [value for _, value in answer["entries"]]


def _text(command: Command, answer: Record) -> str:
    """The answer as it was on the line; of a date the first of two texts."""
    match answer["kind"]:
        case "bool":
            return "1" if answer["value"] else "0"
        case "text":
            end = "" if command.reply in _UNENDED else "#"
            return f"{answer['text']}{end}"
        case "goto":
            return f"{answer['code']}{answer['text']}#" if answer["code"] else "0"
        case "date":
            digit = "1" if answer["value"] else "0"
            is_whole = answer["value"] or answer["text"]
            return f"{digit}{answer['text']}#" if is_whole else digit
    return ""


def _flag(command: Command, answer: Record) -> bool:
    text = _text(command, answer)
    has_text = answer["kind"] in {"goto", "date"}
    digit = text[0] if has_text else text.removesuffix("#")
    if digit not in {"0", "1"}:
        raise ResponseError(
            f"{command.text} is answered with {text!r}, not with 1 or 0"
        )
    return digit == "1"
