"""What is in the mount's memory: variables, and the blocks that were before them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from gatewaykit.errors import DeviceGarbled, DeviceRefused
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import lx200, variables
from gatewaykit.tts160.answers import Case
from gatewaykit.tts160.asking import Line
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.greeting import Identity
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.records import record_of
from gatewaykit.tts160.sampling import Sampler
from gatewaykit.tts160.variables import Dialect, Variable

_HAS_NONE = "this firmware has none"


class Memory:
    """:param identity: what the mount is, once it is there."""

    def __init__(
        self, line: Line, sampler: Sampler, identity: Callable[[], Identity | None]
    ) -> None:
        self._line = line
        self._sampler = sampler
        self._identity = identity

    async def variables(self, wanted: Sequence[str]) -> Record:
        """See `IMount.variables`."""
        identity = self._identity()
        assert identity is not None
        if identity.dialect is Dialect.TEXT:
            raise DeviceRefused(DEVICE, "variables", _HAS_NONE)
        named: list[tuple[str, Variable]] = []
        for words in wanted:
            found = variables.resolve(identity.dialect, [words])
            if len(found) == 1:
                named.append((words, found[0]))
            else:
                named += [(variable.id, variable) for variable in found]
        values = await self._sampler.ask([variable for _, variable in named])
        return {word: _listed(values[variable.id]) for word, variable in named}

    async def case(self, number: int) -> tuple[str, list[Any]]:
        """See `IMount.case`."""
        command = lx200.command(f":*!{number}#")
        identity = self._identity()
        assert identity is not None
        if not identity.is_extended:
            # It would be silent, and everybody would wait for the line meanwhile.
            raise DeviceRefused(DEVICE, command.text, _HAS_NONE)
        (answer,) = await self._line.run((command,), Priority.NORMAL)
        assert isinstance(answer, Case)
        if answer.number != number:
            raise DeviceGarbled(DEVICE, command.text, f"block {answer.number}")
        record = record_of(answer)
        return record["format"], record["values"]


def _listed(value: Any) -> Any:
    """A quaternion is a list of 4, as a matrix is one of 9."""
    return list(value) if isinstance(value, tuple) else value
