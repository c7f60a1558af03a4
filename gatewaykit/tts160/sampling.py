"""Variables for many: what several ask for at a time goes over the line once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit.errors import DeviceGarbled, DeviceRefused, GatewayError
from gatewaykit.tts160 import lx200, variables
from gatewaykit.tts160.answers import Answer, Binary
from gatewaykit.tts160.asking import Line
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.variables import HeaderMismatch, Query, Variable

log = Logger()

Values = dict[str, Any]
"""By the variables' ids."""
_IDLE = max(Priority) + 1


@attrs.define(eq=False)
class _Asker:
    wanted: tuple[Variable, ...]
    priority: Priority
    waiter: Deferred[Values]

    def tell(self, values: Values) -> None:
        """Once all that it asked for is there."""
        if not self.waiter.called and all(each.id in values for each in self.wanted):
            self.waiter.callback({each.id: values[each.id] for each in self.wanted})


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
        self._rounds: list[Priority] = []
        """Under way: what is asked meanwhile goes out with the next one, unless it is more
        urgent than all of these."""

    def ask(
        self, wanted: Sequence[Variable], priority: Priority = Priority.NORMAL
    ) -> Deferred[Values]:
        """Values by ids. Fails with `DeviceRefused`, `DeviceGarbled` (with types that the
        dialect does not have, too), `DeviceTimeout` and `DeviceUnavailable`."""
        if not wanted:
            return defer.succeed({})
        asker: _Asker

        def give_up(_: Deferred[Values]) -> None:
            if asker in self._askers:
                self._askers.remove(asker)

        asker = _Asker(tuple(wanted), priority, Deferred(give_up))
        self._askers.append(asker)
        if self._call is None and priority < min(self._rounds, default=_IDLE):
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
        Deferred.fromCoroutine(self._work())

    async def _work(self) -> None:
        while self._askers:
            askers, self._askers = self._askers, []
            # The first queries are for the most urgent.
            askers.sort(key=lambda asker: asker.priority)
            priority = askers[0].priority
            self._rounds.append(priority)
            try:
                await self._serve(askers, priority)
            except GatewayError as error:
                _fail(askers, error)
            except Exception as error:  # noqa: BLE001 - logged; who asked must hear of it
                log.failure("variables could not be read")
                _fail(askers, error)
            finally:
                self._rounds.remove(priority)

    async def _serve(self, askers: list[_Asker], priority: Priority) -> None:
        together = [variable for asker in askers for variable in asker.wanted]
        values: Values = {}
        try:
            for query in variables.queries(together):
                values |= await self._read(query, priority)
                for asker in askers:
                    asker.tell(values)
        except (DeviceRefused, DeviceGarbled):
            # Perhaps for a variable that only one of them asked for.
            waiting = [asker for asker in askers if not asker.waiter.called]
            if len(waiting) < 2:
                raise
            for asker in waiting:
                try:
                    await self._serve([asker], priority)
                except (DeviceRefused, DeviceGarbled) as error:
                    _fail([asker], error)

    async def _read(self, query: Query, priority: Priority) -> Values:
        command = lx200.command(query.data)
        mismatches: list[HeaderMismatch] = []

        def judge(_command: Command, answer: Answer) -> DeviceGarbled | None:
            assert isinstance(answer, Binary)
            try:
                query.values(answer.format_string, answer.payload)
            except HeaderMismatch as error:
                mismatches.append(error)
                return DeviceGarbled(DEVICE, command.text, str(error))
            return None

        try:
            (answer,) = await self._line.run((command,), priority, judge)
        except DeviceGarbled:
            if mismatches:
                self._doubt()
            raise
        assert isinstance(answer, Binary)
        values = query.values(answer.format_string, answer.payload)
        return dict(zip((each.id for each in query.variables), values, strict=True))


def _fail(askers: list[_Asker], error: Exception) -> None:
    for asker in askers:
        if not asker.waiter.called:
            asker.waiter.errback(error)
