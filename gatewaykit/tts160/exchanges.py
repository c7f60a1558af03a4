"""What waits for the mount's line, and who waits for the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.tts160.commands import Command, Effect, Priority
from gatewaykit.tts160.framing import Answer

Judge = Callable[[Command, Answer], Exception | None]
"""Says what is wrong with an answer, None for nothing."""


@attrs.define(eq=False)
class Exchange:
    """Commands that go out one behind the other with nothing between, and who waits.

    The answer of one is judged before the next goes out.
    """

    commands: tuple[Command, ...]
    priority: Priority
    judge: Judge
    order: int
    waiters: list[Deferred[list[Answer]]] = attrs.field(factory=list)
    answers: list[Answer] = attrs.field(factory=list)
    attempts: int = 0
    """How often its only command has been sent in vain."""

    @property
    def place(self) -> tuple[int, int]:
        return self.priority, self.order

    @property
    def command(self) -> Command:
        """The one whose turn it is."""
        return self.commands[len(self.answers)]

    @property
    def is_whole(self) -> bool:
        return len(self.answers) == len(self.commands)

    @property
    def moves(self) -> bool:
        return any(command.effect is Effect.MOVE for command in self.commands)

    @property
    def may_be_shared(self) -> bool:
        return len(self.commands) == 1 and self.command.effect is Effect.READ

    @property
    def may_be_sent_again(self) -> bool:
        return len(self.commands) == 1 and self.attempts <= self.commands[0].retry.value

    @property
    def title(self) -> str:
        """Names it in errors: by the command that matters most, the last."""
        return self.commands[-1].text

    def succeed(self) -> None:
        for waiter in self._leaving():
            waiter.callback(list(self.answers))

    def fail(self, error: Exception) -> None:
        for waiter in self._leaving():
            waiter.errback(error)

    def _leaving(self) -> Iterator[Deferred[list[Answer]]]:
        """One by one: what a waiter does may be to cancel the next one."""
        while self.waiters:
            yield self.waiters.pop(0)


class Waiting:
    """Exchanges in the order of priority and of coming."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(
        self, commands: tuple[Command, ...], priority: Priority, judge: Judge
    ) -> Exchange:
        exchange = Exchange(commands, priority, judge, next(self._numbers))
        self._exchanges.append(exchange)
        return exchange

    def equal(self, command: Command) -> Exchange | None:
        """One that asks the same and nothing else."""
        return next((e for e in self._exchanges if e.commands == (command,)), None)

    def take_next(self) -> Exchange:
        exchange = min(self._exchanges, key=lambda each: each.place)
        self._exchanges.remove(exchange)
        return exchange

    def put_back(self, exchange: Exchange) -> None:
        self._exchanges.append(exchange)

    def take_all(self) -> list[Exchange]:
        return self.take(lambda _: True)

    def take(self, is_meant: Callable[[Exchange], bool]) -> list[Exchange]:
        """Those that are meant, in their order; they wait no more."""
        taken = [each for each in self._exchanges if is_meant(each)]
        self._exchanges = [each for each in self._exchanges if each not in taken]
        return sorted(taken, key=lambda each: each.place)

    def forget(self, exchange: Exchange) -> None:
        """It is not sent, if it hasn't been yet."""
        if exchange in self._exchanges:
            self._exchanges.remove(exchange)
