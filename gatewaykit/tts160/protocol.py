"""The mount's line: bytes to the framing and back, a queue, time limits, resynchronisation.

Whoever asks, one exchange is on the line at a time. A stop waits for none of them: it is
written at once, and all motion that waits or runs fails. After a lost answer nothing else is
asked until a new question has got its own answer (facts/tts160.md 1.3).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.basic import LineReceiver
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
from gatewaykit.tts160 import framing
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply
from gatewaykit.tts160.exchanges import Exchange, Judge, Waiting
from gatewaykit.tts160.framing import Answer, Failed, Framing, Garbled, Stray
from gatewaykit.tts160.resync import Resynchronisation

DEVICE = "the mount"
GAP_S = 0.01
"""After a command without an answer: what follows closer collides (facts/tts160.md 1.1)."""
MOST_WAITING = 200
GONE = "its port is gone"
MUTE = "it does not answer (is its hand pad on the operations screen?)"
PAUSE_S = 0.2
"""Before a read is sent again, beside the silence; twice that before it is once more."""

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


def anything(_command: Command, _answer: Answer) -> Exception | None:
    """The judge that finds nothing wrong."""
    return None


class MountProtocol(LineReceiver):
    """One connection to the mount.

    :param figures: counted on.
    :param timeout_s: how long the first byte of most answers may take.
    :param byte_s: how long a byte is on the line.
    :param made: called when the connection is there.
    :param mute: called when resynchronisation has failed; the next exchange tries it anew.
    :param lost: called once when the connection is gone.
    """

    MAX_LENGTH = framing.MOST_TEXT
    delimiter = framing.END
    transport: Any

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
        self.figures = figures
        self._clock = clock
        self._timeout_s, self._byte_s = timeout_s, byte_s
        self._made, self._mute, self._lost = made, mute, lost
        self._framing = Framing()
        self._waiting = Waiting()
        self._current: Exchange | None = None
        self._timer: IDelayedCall | None = None
        self._gap: IDelayedCall | None = None
        self._resync: Resynchronisation | None = None
        self._is_suspect = False
        """Something came that nobody asked for, or the last resynchronisation failed: the
        line is brought into step before the next exchange."""
        self._once_more: dict[bytes, Command] = {}
        """Stops that were written while the line was in use: the mount may have missed
        them, so they are repeated as soon as it is free. They may be, as often as one likes
        (facts/tts160.md 1.6)."""
        self._in_step: list[Deferred[None]] = []
        self._limiter = LogLimiter(clock, interval_s=60.0)
        self._is_open = False

    def connectionMade(self) -> None:
        self._is_open = True
        self.setRawMode()
        self._made(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_open = False
        for call in (self._timer, self._gap):
            _forget(call)
        self._timer = self._gap = None
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
        mount, `MotionStopped`. Cancelling gives up the answer; what has not been sent by
        then never is.
        """
        exchange = None
        if len(commands) == 1 and commands[0].effect is Effect.READ:
            exchange = self._equal(commands[0])
        if exchange is None:
            if not self._is_open:
                return defer.fail(DeviceUnavailable(DEVICE, GONE))
            if len(self._waiting) >= MOST_WAITING:
                reason = "too many commands wait for it"
                return defer.fail(DeviceUnavailable(DEVICE, reason))
            exchange = self._waiting.add(tuple(commands), priority, judge)
        exchange.priority = min(exchange.priority, priority)
        shared = exchange

        def give_up(waiter: Deferred[list[Answer]]) -> None:
            shared.waiters.remove(waiter)
            if not shared.waiters:
                self._waiting.forget(shared)

        waiter: Deferred[list[Answer]] = Deferred(give_up)
        exchange.waiters.append(waiter)
        self._next()
        return waiter

    def stop(
        self, command: Command, by: str, is_meant: Callable[[Exchange], bool]
    ) -> None:
        """Write a stop now; what is meant by it fails with `MotionStopped`.

        Raises `DeviceUnavailable`.
        """
        if not self._is_open:
            raise DeviceUnavailable(DEVICE, GONE)
        is_free = not (self._current or self._resync or self._gap)
        self._write_stop(command)
        if not is_free:
            self._once_more[command.data] = command
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
        waiter: Deferred[None] = Deferred(self._in_step.remove)
        self._in_step.append(waiter)
        self._is_suspect = True
        self._next()
        return waiter

    def _equal(self, command: Command) -> Exchange | None:
        """An exchange that asks the same and has not been answered yet."""
        current = self._current
        if current is not None and current.commands == (command,) and current.waiters:
            return current
        return self._waiting.equal(command)

    # The line

    def _next(self) -> None:
        """Write what is to be written next, if the line is free."""
        if self._current is not None or self._resync is not None or self._gap:
            return
        if self._once_more:
            self._write_stop(self._once_more.pop(next(iter(self._once_more))))
        elif self._is_suspect and (self._waiting or self._in_step):
            self._begin_resync(None)
        elif self._waiting:
            self._current = self._waiting.take_next()
            self._send(self._current.command)

    def _write_stop(self, command: Command) -> None:
        self.transport.write(command.data)
        _forget(self._gap)
        self._gap = self._clock.callLater(self._blind_s(command), self._gap_over)

    def _gap_over(self) -> None:
        self._gap = None
        self._next()

    def _blind_s(self, command: Command) -> float:
        return len(command.data) * self._byte_s + GAP_S

    def _send(self, command: Command) -> None:
        self.transport.write(command.data)
        if self._framing.begin(command) is None:
            first_s = command.first_byte_s or self._timeout_s
            self._set_timer(first_s + len(command.data) * self._byte_s)
        else:
            self._set_timer(self._blind_s(command))

    def _set_timer(self, seconds: float) -> None:
        _forget(self._timer)
        self._timer = self._clock.callLater(seconds, self._timed_out)

    # Bytes

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        patience_s = self._framing.patience_s
        if patience_s is not None:
            self._set_timer(patience_s)

    def rawDataReceived(self, data: bytes) -> None:
        self._take(self._framing.receive(data))

    def lineReceived(self, line: bytes) -> None:
        self._take(self._framing.receive(line + self.delimiter))

    def lineLengthExceeded(self, line: bytes) -> None:
        self._take([self._framing.too_long(line)])

    def _take(self, events: list[Answer | Stray]) -> None:
        # First: behind an answer it shows that the answer may have been another's.
        strays = [event for event in events if isinstance(event, Stray)]
        for stray in strays:
            self._unasked(stray)
        for event in events:
            if not isinstance(event, Stray):
                self._answered(event)
        self._follow()

    def _follow(self) -> None:
        """Be in the mode that suits what comes next."""
        in_line_mode = self._framing.delimiter is not None
        if in_line_mode and not self.line_mode:
            self.setLineMode()
        elif not in_line_mode and self.line_mode:
            self.setRawMode()

    def _unasked(self, stray: Stray) -> None:
        if self._resync is not None:
            self._resync.heard()
            return
        if self._current is None or self._framing.is_idle:
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

    def _answered(self, answer: Answer) -> None:
        _forget(self._timer)
        self._timer = None
        if self._resync is not None:
            if isinstance(answer, Garbled):
                self._framing.give_up()
            self._resync.answered(answer)
            return
        exchange = self._current
        assert exchange is not None
        command = exchange.command
        if isinstance(answer, Garbled):
            self._garbled(command, answer.reason)
            return
        if not framing.fits(answer, command):
            self._garbled(command, f"a {type(answer).__name__.lower()}")
            return
        self.figures.exchanges += 1
        self.figures.last_answer = self._clock.seconds()
        exchange.answers.append(answer)
        if isinstance(answer, Failed):
            error: Exception | None = DeviceRefused(
                DEVICE, command.text, answer.message
            )
        else:
            error = exchange.judge(command, answer)
        metrics.mount_exchanges.labels("ok" if error is None else "error").inc()
        goes_on = error is None and not exchange.is_whole and bool(exchange.waiters)
        if goes_on and self._is_suspect:
            goes_on = False
            error = DeviceGarbled(DEVICE, exchange.title, "the line is out of step")
        if goes_on:
            self._send(exchange.command)
            return
        self._current = None
        if error is None:
            exchange.succeed()
        else:
            exchange.fail(error)
        self._next()

    def _garbled(self, command: Command, reason: str) -> None:
        self.figures.garbled += 1
        self._complain("garbled", f"gave no proper answer to {command.text}: {reason}")
        self._not_answered(DeviceGarbled(DEVICE, command.text, reason), "garbled")

    def _timed_out(self) -> None:
        self._timer = None
        answer = self._framing.silence()
        if answer is not None:
            self.clearLineBuffer()
            self._answered(answer)
            self._follow()
            return
        if self._resync is not None:
            self._framing.give_up()
            self._resync.failed()
            return
        exchange = self._current
        assert exchange is not None
        command = exchange.command
        if command.reply is Reply.NONE:
            self._answered(framing.Nothing())
            return
        self.figures.timeouts += 1
        waited_s = command.first_byte_s or self._timeout_s
        self._complain("timeout", f"did not answer {command.text} in {waited_s:g} s")
        self._not_answered(DeviceTimeout(DEVICE, command.text, waited_s), "timeout")

    def _not_answered(self, error: Exception, outcome: str) -> None:
        """The current exchange has no answer: another attempt, or the end of it."""
        exchange, self._current = self._current, None
        assert exchange is not None
        metrics.mount_exchanges.labels(outcome).inc()
        command = exchange.command
        exchange.attempts += 1
        again = bool(exchange.waiters) and exchange.may_be_sent_again
        if again:
            self.figures.retries += 1
            self._waiting.put_back(exchange)
        self._begin_resync(command, PAUSE_S * (exchange.attempts if again else 0))
        if not again:
            exchange.fail(error)

    # Resynchronisation

    def _begin_resync(self, lost: Command | None, pause_s: float = 0.0) -> None:
        self.figures.resyncs += 1
        metrics.mount_recoveries.labels("resync").inc()
        self._framing.give_up()
        self.clearLineBuffer()
        self._follow()
        for data in self._once_more:
            self.transport.write(data)
        self._once_more.clear()
        self._resync = Resynchronisation(self, self._clock, lost, pause_s)

    def question(self, command: Command) -> None:
        self._send(command)

    def resynchronised(self, *, well: bool) -> None:
        self._resync = None
        self._is_suspect = not well
        if well:
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
        while waiters:
            waiter = waiters.pop(0)
            if error is None:
                waiter.callback(None)
            else:
                waiter.errback(error)


def _forget(call: IDelayedCall | None) -> None:
    if call is not None and call.active():
        call.cancel()
