"""The binary formats that a program has registered with its `SerialManager`."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from typing import Any

from gatewaykit.tts160.formats import CASE_FORMATS, value_types
from gatewaykit.tts160.registry import Registry

Values = list[Any] | dict[str, Any]

_CASE_NAME = re.compile("(?:case)?([0-8])", re.IGNORECASE)


class Formats:
    """Any number of threads may use it; see `Registry` for which format counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered = Registry()
        self._cases = Registry()
        for known in CASE_FORMATS.values():
            self._cases.register(known.name, known.format_string, known.field_names)

    def register(
        self, name: str, format_string: str, field_names: Sequence[str] | None
    ) -> int | None:
        """Take a format, in place of one with the same name.

        Raises `ValueError`, `MisuseError` or `BinaryFormatError`.

        :return: the number of a CASE block for which it is by its name and not by its types.
        """
        for value, what in ((name, "name"), (format_string, "format_string")):
            if not isinstance(value, str):
                raise ValueError(f"{what}: {value!r} is no text")  # noqa: TRY004 - the API's
        with self._lock:
            self._registered.register(name, format_string, field_names)
            found = _CASE_NAME.fullmatch(name)
            if not found:
                return None
            known = CASE_FORMATS[int(found[1])].format_string
            if value_types(format_string) != value_types(known):
                return int(found[1])
            if field_names is not None:
                self._cases.register(name, format_string, field_names)
        return None

    def block(self, format_string: str, values: Sequence[Any]) -> Values:
        """The values of a BINARY block, with names if there are any."""
        with self._lock:
            return self._registered.named(format_string, values)

    def case(self, number: int, values: Sequence[Any], *, built_in: bool) -> Values:
        """The values of a CASE block.

        :param built_in: names are those registered for this very block, else those of
            facts/tts160.md 3.3; otherwise those of any registered format with its types.
        """
        registry = self._cases if built_in else self._registered
        with self._lock:
            known = CASE_FORMATS[number].format_string
            return registry.named_case(number, known, values)

    def forget_threads(self) -> None:
        """After a fork, in the child: one that is not here may have held the lock."""
        self._lock = threading.Lock()
