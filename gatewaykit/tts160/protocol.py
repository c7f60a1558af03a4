"""The mount's line: one exchange at a time, a queue, resynchronisation.

Whoever asks, they take turns. A stop waits for none of them: it is
written at once, and all motion that waits or runs fails. After a lost answer nothing else is
asked until a new question has got its own answer (facts/tts160.md 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import metrics
from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MotionStopped,
)
from gatewaykit.logs import LogLimiter
from gatewaykit.tts160.answers import Answer, Failed, Garbled, Nothing, Stray, fits
from gatewaykit.tts160.commands import Command, Priority, Reply
from gatewaykit.tts160.exchanges import Exchange, Judge, Waiting, anything
from gatewaykit.tts160.outlet import GAP_S, Outlet
from gatewaykit.tts160.receiver import AnswerReceiver
from gatewaykit.tts160.resync import Resynchronisation

__all__ = [
    "DEVICE",
    "GAP_S",
    "GONE",
    "MOST_WAITING",
    "MUTE",
    "Figures",
    "MountProtocol",
    "anything",
]

DEVICE = "the mount"
MOST_WAITING = 200
"""What moves the mount waits beside them: it takes turns before it comes here, and must not
be kept from it by those who read."""
CROWDED = "too many commands wait for it"
GONE = "its port is gone"
MUTE = "it does not answer (is its hand pad on the operations screen?)"
PAUSE_S = 0.2
"""Before a read is sent again, beside the silence; twice that before it is once more."""
LISTEN_S = 0.02
"""How long the line has been silent before what must not slip goes out: the first byte of
an answer too many would have come by then, and shows that the next may be another's."""

log = Logger()


@attrs.define
class Figures:
    """What happened on the line, over all its connections."""

    exchanges: int = 0
    timeouts: int = 0
    garbled: int = 0
    resyncs: int = 0
    strays: int = 0
    stops: int = 0
    retries: int = 0
    last_answer: float | None = None
    """When the mount last answered, by the clock given in."""


class MountProtocol(AnswerReceiver):
    """One connection to the mount.

    :param figures: counted on.
    :param timeout_s: how long the first byte of most answers may take.
    :param byte_s: how long a byte is on the line.
    :param made: called when the connection is there.
    :param mute: called when resynchronisation has failed; the next exchange tries it anew.
    :param lost: called once when the connection is gone.
    """

    def __init__(
        self,
        clock: IReactorTime,
        figures: Figures,
        *,
        timeout_s: float,
        byte_s: float,
        made: Callable[[MountProtocol], object],
        mute: Callable[[], object],
        lost: Callable[[MountProtocol], object],
    ) -> None:
        super().__init__(clock)
        self.figures = figures
        self._timeout_s, self._byte_s = timeout_s, byte_s
        self._made, self._mute, self._lost = made, mute, lost
        self._outlet: Outlet
        """Since the connection is there."""
        self._waiting = Waiting()
        self._current: Exchange | None = None
        """Whose turn it is, until all of it is answered."""
        self._sent: Command | None = None
        """Its answer is waited for, the end of its gap where it has none."""
        self._question: Command | None = None
        """To be sent for `_resync`."""
        self._resync: Resynchronisation | None = None
        self._is_suspect = False
        """Something came that nobody asked for, or the last resynchronisation failed: the
        line is brought into step before the next command."""
        self._in_step: list[Deferred[None]] = []
        self._limiter = LogLimiter(clock, interval_s=60.0)
        self._is_open = False

    def connectionMade(self) -> None:
        super().connectionMade()
        write = self.transport.write
        self._outlet = Outlet(self._clock, self._byte_s, write, self._free)
        self._is_open = True
        self._made(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_open = False
        self.expect_nothing()
        self._outlet.close()
        if self._resync is not None:
            self._resync.stop()
            self._resync = None
        current, self._current = self._current, None
        exchanges = ([current] if current else []) + self._waiting.take_all()
        # First, so that nobody who hears of a failure takes the line for open.
        self._lost(self)
        error = DeviceUnavailable(DEVICE, GONE)
        for exchange in exchanges:
            metrics.mount_exchanges.labels("lost").inc()
            exchange.fail(error)
        self._tell_in_step(error)

    # What others ask for

    def ask(
        self, command: Command, priority: Priority = Priority.NORMAL
    ) -> Deferred[Answer]:
        """One command; see `run`."""
        return self.run((command,), priority).addCallback(lambda answers: answers[0])

    def run(
        self, commands: Sequence[Command], priority: Priority, judge: Judge = anything
    ) -> Deferred[list[Answer]]:
        """Put commands on the line as one, as soon as it is their turn; their answers.

        Fails with what the judge finds, with `DeviceRefused` (an ``ERROR`` answer),
        `DeviceTimeout`, `DeviceGarbled`, `DeviceUnavailable`, and, if one of them moves the
        mount, `MotionStopped`. Where the judge finds a `DeviceGarbled` the line is brought
        into step, and what may be sent again is. Cancelling gives up the answer; what has
        not been sent by then never is.
        """
        wanted = tuple(commands)
        exchange = self._like(wanted, judge)
        if exchange is None:
            if not self._is_open:
                return defer.fail(DeviceUnavailable(DEVICE, GONE))
            is_crowded = len(self._waiting) >= MOST_WAITING
            if is_crowded and priority is not Priority.MOTION:
                return defer.fail(DeviceUnavailable(DEVICE, CROWDED))
            exchange = self._waiting.add(wanted, priority, judge)
        exchange.priority = min(exchange.priority, priority)
        waiter = self._waiting.join(exchange)
        self._next()
        return waiter

    def stop(
        self, command: Command, by: str, is_meant: Callable[[Exchange], bool]
    ) -> None:
        """Write a stop that has no answer, now; what is meant by it fails with
        `MotionStopped`. Raises `DeviceUnavailable`."""
        if not self._is_open:
            raise DeviceUnavailable(DEVICE, GONE)
        is_in_use = bool(self._sent or self._resync) or not self._outlet.is_free
        self._outlet.stop(command, is_free=not (is_in_use or self._is_suspect))
        self.figures.stops += 1
        metrics.mount_stops.inc()
        stopped = self._waiting.take(is_meant)
        if self._current is not None and is_meant(self._current):
            # Its answer is still to come; without waiters it does not go on.
            stopped.append(self._current)
        for exchange in stopped:
            exchange.fail(MotionStopped(exchange.title, by))

    def resynchronise(self) -> Deferred[None]:
        """Bring the line into step, when it is free. Fails with `DeviceUnavailable`."""
        if not self._is_open:
            return defer.fail(DeviceUnavailable(DEVICE, GONE))

        def give_up(waiter: Deferred[None]) -> None:
            if waiter in self._in_step:
                self._in_step.remove(waiter)

        waiter: Deferred[None] = Deferred(give_up)
        self._in_step.append(waiter)
        self._next()
        return waiter

    def _like(self, commands: tuple[Command, ...], judge: Judge) -> Exchange | None:
        """An exchange that asks the same and has not been answered yet."""
        current = self._current
        if current and current.waiters and current.asks_the_same(commands, judge):
            return current
        return self._waiting.like(commands, judge)

    # The line

    def _next(self) -> None:
        """Write what is to be written next, if nothing is in the way."""
        if self._sent is not None or not self._outlet.is_free:
            return
        if self._resync is not None:
            question, self._question = self._question, None
            if question is not None:
                self._send(question)
        elif self._is_suspect:
            self._get_in_step()
        elif not self._outlet.repeat():
            self._go_on()

    def _get_in_step(self) -> None:
        exchange, self._current = self._current, None
        is_begun = exchange is not None and bool(exchange.answers)
        if exchange is not None and exchange.waiters and not is_begun:
            self._waiting.put_back(exchange)
        if self._waiting or self._in_step or self._outlet.has_more:
            self._begin_resync(None)
        if exchange is not None and is_begun:
            reason = "bytes too many came between its answers"
            exchange.fail(DeviceGarbled(DEVICE, exchange.title, reason))

    def _go_on(self) -> None:
        exchange = self._current
        if exchange is None or not exchange.waiters:
            exchange = self._current = None
            if self._in_step:
                self._begin_resync(None)
            elif self._waiting:
                exchange = self._current = self._waiting.take_next()
        if exchange is None:
            return
        if exchange.must_not_slip and self.silent_s < LISTEN_S:
            self._outlet.wait(LISTEN_S)
        else:
            self._send(exchange.command)

    def _send(self, command: Command) -> None:
        self._sent = command
        on_line_s = self._outlet.send(command)
        if command.reply is not Reply.NONE:
            self.expect(command, self._first_byte_s(command) + on_line_s)

    def _first_byte_s(self, command: Command) -> float:
        return command.first_byte_s or self._timeout_s

    def _free(self) -> None:
        """The outlet is; behind a command without an answer that is the end of it."""
        if self._sent is not None and self._sent.reply is Reply.NONE:
            self.answered(Nothing())
        else:
            self._next()

    def unasked(self, stray: Stray) -> None:
        if self._resync is not None:
            self._resync.heard()
            return
        self.figures.strays += 1
        self._is_suspect = True
        log.debug("what nobody asked for: {raw!r}", raw=stray.raw[:200])
        self._complain("stray", "sent what nobody asked for")

    def _complain(self, cause: str, text: str) -> None:
        suppressed = self._limiter.should_log(cause)
        if suppressed is not None:
            more = f", {suppressed} more before" if suppressed else ""
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "{device} {text}{more}", device=DEVICE, text=text, more=more
            )

    # Answers

    def answered(self, answer: Answer) -> None:
        command, self._sent = self._sent, None
        if self._resync is not None:
            self._resync.answered(answer)
            return
        exchange = self._current
        assert exchange is not None
        assert command is not None
        if isinstance(answer, Garbled):
            self._garbled(DeviceGarbled(DEVICE, command.text, answer.reason))
        elif not fits(answer, command):
            reason = f"a {type(answer).__name__.lower()}"
            self._garbled(DeviceGarbled(DEVICE, command.text, reason))
        elif isinstance(answer, Failed):
            error = DeviceRefused(DEVICE, command.text, answer.message)
            self._judged(exchange, answer, error)
        else:
            self._judged(exchange, answer, exchange.judge(command, answer))

    def _judged(
        self, exchange: Exchange, answer: Answer, error: Exception | None
    ) -> None:
        if isinstance(error, DeviceGarbled):
            self._garbled(error)
            return
        self.figures.exchanges += 1
        self.figures.last_answer = self._clock.seconds()
        metrics.mount_exchanges.labels("error" if error else "ok").inc()
        exchange.answers.append(answer)
        if error is not None:
            self._current = None
            exchange.fail(error)
        elif exchange.is_whole:
            self._current = None
            exchange.succeed()
        self._next()

    def _garbled(self, error: DeviceGarbled) -> None:
        self.figures.garbled += 1
        text = f"gave no proper answer to {error.request}: {error.reason}"
        self._complain("garbled", text)
        self._fail(error, "garbled")

    def not_answered(self) -> None:
        command, self._sent = self._sent, None
        if self._resync is not None:
            self._resync.failed()
            return
        assert command is not None
        self.figures.timeouts += 1
        waited_s = self._first_byte_s(command)
        self._complain("timeout", f"did not answer {command.text} in {waited_s:g} s")
        self._fail(DeviceTimeout(DEVICE, command.text, waited_s), "timeout")

    def _fail(self, error: DeviceGarbled | DeviceTimeout, outcome: str) -> None:
        """The current exchange has no answer: another attempt, or the end of it."""
        exchange, self._current = self._current, None
        assert exchange is not None
        metrics.mount_exchanges.labels(outcome).inc()
        command = exchange.command
        exchange.attempts += 1
        again = bool(exchange.waiters) and exchange.may_be_sent_again
        if again:
            self.figures.retries += 1
            exchange.answers.clear()
            self._waiting.put_back(exchange)
        self._begin_resync(command, PAUSE_S * (exchange.attempts if again else 0))
        if not again:
            exchange.fail(error)

    # Resynchronisation

    def _begin_resync(self, lost: Command | None, pause_s: float = 0.0) -> None:
        self.figures.resyncs += 1
        metrics.mount_recoveries.labels("resync").inc()
        self._outlet.repeat_in_vain()
        self.trust_all()
        self._resync = Resynchronisation(self, self._clock, lost, pause_s)

    def question(self, command: Command) -> None:
        self._question = command
        self._next()

    def resynchronised(self, *, well: bool) -> None:
        self._resync = None
        self._is_suspect = not well
        if well:
            self.learn()
            self._tell_in_step(None)
            self._next()
            return
        error = DeviceUnavailable(DEVICE, MUTE)
        exchanges = self._waiting.take_all()
        self._mute()
        for exchange in exchanges:
            metrics.mount_exchanges.labels("timeout").inc()
            exchange.fail(error)
        self._tell_in_step(error)

    def _tell_in_step(self, error: Exception | None) -> None:
        waiters, self._in_step = self._in_step, []
        for waiter in waiters:
            if waiter.called:
                continue  # given up by one before it
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)
