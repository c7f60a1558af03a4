"""The binary formats that somebody registered, and the values that they name. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from gatewaykit.errors import MisuseError
from gatewaykit.tts160.formats import BinaryFormat, BinaryParser, value_types

MOST_FORMATS: Final = 100
"""Of one registry; the earlier programs have some ten."""

_CASE_NAME = re.compile("(?:case)?([0-9])", re.IGNORECASE)


class Registry:
    """Formats by name, as `SerialManager.register_binary_format` knew them.

    A format is for all blocks whose values have its types, whichever way these are written:
    the firmware sends ``2i2f1B`` for what its clients call ``2i2fB`` (facts/tts160.md 3.1).
    """

    def __init__(self) -> None:
        self._formats: dict[str, BinaryFormat] = {}

    def register(
        self,
        name: str,
        format_string: str,
        field_names: Sequence[str] | None = None,
    ) -> None:
        """Of formats with the same types the one registered last counts.

        :raises BinaryFormatError: no format string, or field names that don't agree with it.
        :raises ValueError: the name is empty.
        :raises MisuseError: there are too many.
        """
        made = BinaryParser.create_format(name, format_string, field_names)
        known = self._formats.pop(name, None)
        if known is None and len(self._formats) >= MOST_FORMATS:
            raise MisuseError("name", name, f"at most {MOST_FORMATS} formats")
        self._formats[name] = made

    def named(
        self, format_string: str, values: Sequence[Any]
    ) -> list[Any] | dict[str, Any]:
        """Values of a variable query: a dictionary if a format of theirs has field names."""
        return _dressed(next(self._of_types(format_string), None), values)

    def named_case(
        self, number: int, format_string: str, values: Sequence[Any]
    ) -> list[Any] | dict[str, Any]:
        """Values of a CASE block. Two of them may have the same types (2 and 8, 0 and 7), so
        a format with the name of one (``case2``, ``2``) is for no other."""
        found = None
        for candidate in self._of_types(format_string):
            case = _CASE_NAME.fullmatch(candidate.name)
            if case and int(case[1]) == number:
                return _dressed(candidate, values)
            if case is None and found is None:
                found = candidate
        return _dressed(found, values)

    def _of_types(self, format_string: str) -> Iterator[BinaryFormat]:
        """The newest first."""
        types = value_types(format_string)
        return (
            known
            for known in reversed(self._formats.values())
            if value_types(known.format_string) == types
        )


def _dressed(
    format: BinaryFormat | None, values: Sequence[Any]
) -> list[Any] | dict[str, Any]:
    if format is None or format.field_names is None:
        return list(values)
    return dict(zip(format.field_names, values, strict=True))
