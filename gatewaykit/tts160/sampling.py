"""Variables for many: what several ask for at a time goes over the line once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import DeviceGarbled, DeviceRefused, GatewayError
from gatewaykit.tts160 import lx200, variables
from gatewaykit.tts160.asking import Line
from gatewaykit.tts160.commands import Priority
from gatewaykit.tts160.framing import Binary
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.variables import HeaderMismatch, Variable

log = Logger()

Values = dict[str, Any]
"""By the variables' ids."""


@attrs.define(eq=False)
class _Asker:
    wanted: tuple[Variable, ...]
    priority: Priority
    waiter: Deferred[Values]


class Sampler:
    """:param doubt: called when an answer shows that the dialect is another one."""

    def __init__(
        self, line: Line, clock: IReactorTime, doubt: Callable[[], object]
    ) -> None:
        self._line = line
        self._clock = clock
        self._doubt = doubt
        self._askers: list[_Asker] = []
        self._call: IDelayedCall | None = None
        self._is_busy = False

    def ask(
        self, wanted: Sequence[Variable], priority: Priority = Priority.NORMAL
    ) -> Deferred[Values]:
        """Values by ids. Fails with `DeviceRefused`, `DeviceGarbled` (with types that the
        dialect does not have, too), `DeviceTimeout` and `DeviceUnavailable`."""
        asker: _Asker

        def give_up(_: Deferred[Values]) -> None:
            if asker in self._askers:
                self._askers.remove(asker)

        asker = _Asker(tuple(wanted), priority, Deferred(give_up))
        self._askers.append(asker)
        if not self._is_busy and self._call is None:
            # Whoever asks in this turn of the reactor is in.
            self._call = self._clock.callLater(0, self._start)
        return asker.waiter

    def stop(self) -> None:
        """Begin nothing more; who waits is let go."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        askers, self._askers = self._askers, []
        for asker in askers:
            asker.waiter.cancel()

    def _start(self) -> None:
        self._call = None
        self._is_busy = True
        Deferred.fromCoroutine(self._work()).addErrback(
            lambda failure: log.failure("variables could not be read", failure)
        )

    async def _work(self) -> None:
        try:
            while self._askers:
                askers, self._askers = self._askers, []
                await self._serve(askers)
        finally:
            self._is_busy = False

    async def _serve(self, askers: list[_Asker]) -> None:
        together = [variable for asker in askers for variable in asker.wanted]
        priority = min(asker.priority for asker in askers)
        try:
            values = await self._read(together, priority)
        except DeviceRefused as error:
            # Perhaps for a variable that only one of them asked for.
            if len(askers) == 1:
                _fail(askers, error)
                return
            for asker in askers:
                await self._serve([asker])
            return
        except (GatewayError, CancelledError) as error:
            _fail(askers, error)
            return
        for asker in askers:
            if not asker.waiter.called:
                asker.waiter.callback(
                    {each.id: values[each.id] for each in asker.wanted}
                )

    async def _read(self, wanted: list[Variable], priority: Priority) -> Values:
        values: Values = {}
        for query in variables.queries(wanted):
            command = lx200.command(query.data)
            (answer,) = await self._line.run((command,), priority)
            if not isinstance(answer, Binary):
                raise DeviceGarbled(DEVICE, command.text, "no BINARY block")
            try:
                read = query.values(answer.format_string, answer.payload)
            except HeaderMismatch as error:
                self._doubt()
                raise DeviceGarbled(DEVICE, command.text, str(error)) from error
            values |= zip((each.id for each in query.variables), read, strict=True)
        return values


def _fail(askers: list[_Asker], error: Exception) -> None:
    for asker in askers:
        if not asker.waiter.called:
            asker.waiter.errback(error)
