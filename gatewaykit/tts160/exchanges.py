"""What waits for the mount's line, and who waits for the answers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.tts160.answers import Answer
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply

MOST_OVERTAKEN = 8
"""So many may go before the one that waits longest; then it is its turn, whatever its
priority. Who asks without pause would keep what is less urgent from ever being read."""

Judge = Callable[[Command, Answer], Exception | None]
"""Says what is wrong with an answer, None for nothing."""


def anything(_command: Command, _answer: Answer) -> Exception | None:
    """The judge that finds nothing wrong."""
    return None


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
    """How often one of its commands has been sent in vain."""
    overtaken: int = 0
    """By how many that came later, since it waits longest."""

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
    def must_not_slip(self) -> bool:
        """Whether an answer that is taken for another's would let the mount move to the
        wrong place, or unnoticed."""
        return len(self.commands) > 1 or (
            self.moves and self.commands[0].reply is not Reply.NONE
        )

    def asks_the_same(self, commands: tuple[Command, ...], judge: Judge) -> bool:
        """Whether one answer does for both. What is no question is done for each."""
        return (
            len(commands) == 1
            and commands[0].effect is Effect.READ
            and (self.commands, self.judge) == (commands, judge)
        )

    @property
    def may_be_sent_again(self) -> bool:
        """Whether all that has been written of it may be, from the first command on: a
        goto whose target was lost on the way has not begun."""
        written = self.commands[: len(self.answers) + 1]
        return self.attempts <= min(command.retry.value for command in written)

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
    """Exchanges in the order of priority and of coming, but none waits for ever."""

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

    def like(self, commands: tuple[Command, ...], judge: Judge) -> Exchange | None:
        return next(
            (each for each in self._exchanges if each.asks_the_same(commands, judge)),
            None,
        )

    def take_next(self) -> Exchange:
        exchange = min(self._exchanges, key=lambda each: each.place)
        oldest = min(self._exchanges, key=lambda each: each.order)
        if oldest.overtaken >= MOST_OVERTAKEN:
            exchange = oldest
        elif oldest is not exchange:
            oldest.overtaken += 1
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

    def join(self, exchange: Exchange) -> Deferred[list[Answer]]:
        """Wait for its answers; what nobody waits for any more is not sent, if it hasn't
        been yet."""

        def give_up(waiter: Deferred[list[Answer]]) -> None:
            exchange.waiters.remove(waiter)
            if not exchange.waiters and exchange in self._exchanges:
                self._exchanges.remove(exchange)

        waiter: Deferred[list[Answer]] = Deferred(give_up)
        exchange.waiters.append(waiter)
        return waiter
