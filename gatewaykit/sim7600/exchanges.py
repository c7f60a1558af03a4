"""Commands that wait for their turn on the line, and who waits for their answers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.sim7600.commands import Command, Priority
from gatewaykit.sim7600.dialogue import Reply


@attrs.define(eq=False)
class Exchange:
    """A command that waits or is on the line, and who waits for its answer."""

    command: Command
    priority: Priority
    order: int
    waiters: list[Deferred[Reply]] = attrs.field(factory=list)

    @property
    def place(self) -> tuple[int, int]:
        return self.priority, self.order

    def answer(self, reply: Reply) -> None:
        for waiter in self._leaving():
            waiter.callback(reply)

    def fail(self, error: Exception) -> None:
        for waiter in self._leaving():
            waiter.errback(error)

    def _leaving(self) -> Iterator[Deferred[Reply]]:
        """One by one: what a waiter does may be to cancel the next one."""
        while self.waiters:
            yield self.waiters.pop(0)


class Waiting:
    """What waits, in the order of priority and of coming."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, command: Command, priority: Priority) -> Exchange:
        exchange = Exchange(command, priority, next(self._numbers))
        self._exchanges.append(exchange)
        return exchange

    def equal(self, command: Command) -> Exchange | None:
        """The one that asks the same."""
        return next((e for e in self._exchanges if e.command == command), None)

    def take_next(self) -> Exchange:
        exchange = min(self._exchanges, key=lambda e: e.place)
        self._exchanges.remove(exchange)
        return exchange

    def put_back(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def take_all(self) -> list[Exchange]:
        exchanges, self._exchanges = self._exchanges, []
        return sorted(exchanges, key=lambda e: e.place)

    def forget(self, exchange: Exchange) -> None:
        """It is not sent, if it hasn't been yet."""
        if exchange in self._exchanges:
            self._exchanges.remove(exchange)
