"""What a mount in memory answers to commands, and what its memory holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gatewaykit.errors import DeviceRefused, MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.testing.mount_motion import DEVICE
from gatewaykit.tts160.commands import Reply
from gatewaykit.tts160.formats import CASE_FORMATS, value_types
from gatewaykit.tts160.variables import Dialect, Variable, resolve

_ZERO: Final[dict[str, Any]] = {"f": 0.0, "m": [0.0] * 9, "q": (0.0,) * 4}
_CONTENT: Final[dict[Reply, Record]] = {
    Reply.NONE: {"kind": "none"},
    Reply.FLAG: {"kind": "bool", "value": True},
    Reply.LETTER: {"kind": "text", "text": "P"},
    Reply.TEXT: {"kind": "text", "text": ""},
    Reply.PRECISION: {"kind": "text", "text": "HIGH PRECISION"},
    Reply.GOTO: {"kind": "goto", "code": 0, "text": ""},
    Reply.DATE: {"kind": "date", "value": True, "text": ""},
    Reply.SET: {"kind": "set", "entries": [[1, 0]]},
}
_UNKNOWN: Final[dict[str, Record]] = {
    "blind": {"kind": "none"},
    "bool": {"kind": "bool", "value": True},
    "string": {"kind": "text", "text": ""},
    "auto": {"kind": "text", "text": ""},
}


class Blocks:
    """Variables and CASE blocks; what nobody wrote is 0."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        """Of variables, by name."""
        self.cases: dict[int, list[Any]] = {}

    def variables(self, dialect: str, wanted: Sequence[str]) -> Record:
        """Values under the words that were asked for."""
        values: Record = {}
        for word in wanted:
            found = self._resolved(dialect, word)
            for variable in found:
                # A list of several is answered by their ids.
                key = word if len(found) == 1 else variable.id
                values[key] = self._value(variable)
        return values

    def _resolved(self, dialect: str, words: str) -> list[Variable]:
        if dialect == Dialect.TEXT.value:
            raise DeviceRefused(DEVICE, "variables", "its firmware has none")
        return resolve(Dialect(dialect), [words])

    def _value(self, variable: Variable) -> Any:
        return self.values.get(variable.name, _ZERO.get(variable.type, 0))

    def case(self, number: int) -> tuple[str, list[Any]]:
        """Format and values."""
        if number not in CASE_FORMATS:
            raise MisuseError("number", number, "0 to 8")
        format = CASE_FORMATS[number].format_string
        zeros = [_ZERO.get(type, 0) for type in value_types(format)]
        return format, self.cases.get(number, zeros)

    def answer(self, dialect: str, text: str, kind: Reply, reply: str) -> Record:
        """What a mount that is content answers to a command."""
        if kind is Reply.CASE:
            number = int(text[3])
            format, values = self.case(number)
            return {
                "kind": "case",
                "case": number,
                "format": format,
                "values": values,
            }
        if kind is Reply.BINARY:
            words = text.removeprefix(":*!G ").removesuffix("#")
            found = self._resolved(dialect, words)
            return {
                "kind": "binary",
                "format": "".join(variable.type for variable in found),
                "values": [self._value(variable) for variable in found],
            }
        return _CONTENT[kind] if kind in _CONTENT else _UNKNOWN[reply]
