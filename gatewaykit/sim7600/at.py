"""The AT port: bytes to the dialogue and back, a queue, time limits, resynchronisation.

Whoever asks, one command is on the line at a time (`Dialogue`). After a timeout nothing
else is sent until the modem has proved that a new command gets its own answer
(facts/sim7600.md 2.5).
"""

from __future__ import annotations

from collections.abc import Callable
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
from gatewaykit.errors import DeviceTimeout, DeviceUnavailable
from gatewaykit.logs import LogLimiter
from gatewaykit.sim7600.commands import PROMPT_S, Command, Priority, read
from gatewaykit.sim7600.dialogue import (
    ESCAPE,
    Answered,
    DataMode,
    Dialogue,
    EchoSeen,
    Event,
    Refused,
    Reply,
    Unsolicited,
)
from gatewaykit.sim7600.exchanges import Exchange, Waiting
from gatewaykit.sim7600.resync import Resynchronisation
from gatewaykit.sim7600.urcs import Urc

DEVICE = "the modem"
LONGEST_LINE = 4096
IDLE_FLUSH_S = 1.0
"""A half line with no command pending is garbage after this time."""
MOST_WAITING = 100
GONE = "its port is gone"
MUTE = "it answers no command"
RESTART_S = 3.0

log = Logger()

ECHO_OFF = read("ATE0")


@attrs.define
class Figures:
    """What happened on the line, over all its connections."""

    exchanges: int = 0
    timeouts: int = 0
    timeouts_in_a_row: int = 0
    resyncs: int = 0
    refused: int = 0
    foreign: int = 0
    """Commands of other programs that were seen on the line."""
    last_foreign: float | None = None
    last_answer: float | None = None
    """When the modem last answered a command, by the clock given in."""


class ATProtocol(LineReceiver):
    """One connection to the modem's AT port.

    :param figures: counted on.
    :param made: called when the connection is there.
    :param heard: called with every `Unsolicited`.
    :param stuck: called with a reason when only opening the port anew can help.
    :param lost: called once when the connection is gone.
    """

    delimiter = b"\n"
    MAX_LENGTH = LONGEST_LINE
    transport: Any

    def __init__(
        self,
        clock: IReactorTime,
        figures: Figures,
        *,
        made: Callable[[ATProtocol], object],
        heard: Callable[[Unsolicited], object],
        stuck: Callable[[str], object],
        lost: Callable[[ATProtocol], object],
    ) -> None:
        self.figures = figures
        self._clock = clock
        self._made, self._heard, self._stuck, self._lost = made, heard, stuck, lost
        self._dialogue = Dialogue()
        self._waiting = Waiting()
        self._current: Exchange | None = None
        self._timer: IDelayedCall | None = None
        self._flush: IDelayedCall | None = None
        self._resync: Resynchronisation | None = None
        self._is_out_of_step = False
        """Resynchronisation has failed: only what may get a wrong answer (`URGENT`) is sent
        before it is tried again."""
        self._raw = b""
        self._unread = b""
        self._is_skipping = False
        self._limiter = LogLimiter(clock, interval_s=60.0)
        self._is_open = False

    def connectionMade(self) -> None:
        self._is_open = True
        self._made(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._is_open = False
        self._forget(self._timer)
        self._forget(self._flush)
        self._timer = self._flush = None
        if self._resync is not None:
            self._resync.stop()
        current, self._current = self._current, None
        waiting = ([current] if current else []) + self._waiting.take_all()
        # First, so that nobody who hears of a failure takes the port for open.
        self._lost(self)
        for exchange in waiting:
            self._fail(exchange, DeviceUnavailable(DEVICE, GONE), "lost")

    def execute(
        self, command: Command, priority: Priority = Priority.NORMAL
    ) -> Deferred[Reply]:
        """Put a command on the line as soon as it is its turn.

        The answer may be an error of the modem's (`Reply.ok`). Fails with
        `DeviceTimeout` and `DeviceUnavailable`. Cancelling gives up the answer; a command
        that has not been sent by then never is.
        """
        exchange = self._equal(command) if command.shared else None
        if exchange is None:
            if not self._is_open:
                return defer.fail(DeviceUnavailable(DEVICE, GONE))
            if len(self._waiting) >= MOST_WAITING and priority is not Priority.URGENT:
                return defer.fail(DeviceUnavailable(DEVICE, "too many commands wait"))
            exchange = self._waiting.add(command, priority)
        exchange.priority = min(exchange.priority, priority)

        def give_up(waiter: Deferred[Reply]) -> None:
            exchange.waiters.remove(waiter)
            if not exchange.waiters:
                self._waiting.forget(exchange)

        waiter: Deferred[Reply] = Deferred(give_up)
        exchange.waiters.append(waiter)
        self._next()
        return waiter

    def _equal(self, command: Command) -> Exchange | None:
        """An exchange that asks the same and has not been answered yet."""
        current = self._current
        if current is not None and current.command == command:
            return current
        return self._waiting.equal(command)

    def _next(self) -> None:
        """Send the next command if the line is free for one."""
        if not self._waiting or self._current is not None or self._resync is not None:
            return
        exchange = self._waiting.take_next()
        if self._is_out_of_step and exchange.priority is not Priority.URGENT:
            self._waiting.put_back(exchange)
            self._resynchronise(escape=True)
            return
        self._current = exchange
        self._send(exchange.command)

    def _send(self, command: Command) -> None:
        self._forget(self._flush)
        self._flush = None
        data = self._dialogue.begin(command)
        if self._dialogue.awaits_prompt:
            self.setRawMode()
            self._set_timer(PROMPT_S)
        else:
            self._set_timer(command.timeout_s)
        self.transport.write(data)

    def _set_timer(self, seconds: float) -> None:
        self._forget(self._timer)
        self._timer = self._clock.callLater(seconds, self._timed_out)

    @staticmethod
    def _forget(call: IDelayedCall | None) -> None:
        if call is not None and call.active():
            call.cancel()

    # Bytes to lines

    def dataReceived(self, data: bytes) -> None:
        if self._resync is not None:
            self._resync.heard()
        super().dataReceived(data)
        while self._unread:
            rest, self._unread = self._unread, b""
            super().dataReceived(rest)
        self._forget(self._flush)
        self._flush = None
        if self._is_open and self._dialogue.is_idle and not data.endswith(b"\n"):
            self._flush = self._clock.callLater(IDLE_FLUSH_S, self._drop_half_line)

    def _drop_half_line(self) -> None:
        """A half line that nobody waits for is garbage if its end does not come soon."""
        self._flush = None
        half = self.clearLineBuffer()
        if half.strip():
            self._refuse(Refused("garbage", half[:200].decode("latin-1")))

    def lineReceived(self, line: bytes) -> None:
        if self._is_skipping:
            self._is_skipping = False
            return
        for event in self._dialogue.line_received(line):
            self._happened(event)

    def rawDataReceived(self, data: bytes) -> None:
        """Look for the prompt, which has no line end, or a result in its place."""
        self._raw += data
        while self._dialogue.awaits_prompt:
            behind = (
                None if self._is_skipping else self._dialogue.after_prompt(self._raw)
            )
            if behind is not None:
                self._raw = behind
                self._send_body()
                break
            line, end, rest = self._raw.partition(b"\n")
            if not end:
                if len(line) > LONGEST_LINE:
                    self._raw = b""
                    self.lineLengthExceeded(line)
                return
            self._raw = rest
            self.lineReceived(line)
        self._leave_raw_mode()

    def _send_body(self) -> None:
        assert self._current is not None
        self._set_timer(self._current.command.timeout_s)
        self.transport.write(self._dialogue.prompted())

    def _leave_raw_mode(self) -> None:
        rest, self._raw = self._raw, b""
        if self.line_mode == 0:
            self.setLineMode(rest)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Endless bytes, or noise: what comes behind the next line end is looked at."""
        if not self._is_skipping:
            self._refuse(Refused("long", line[:200].decode("latin-1")))
        _, end, self._unread = line.partition(b"\n")
        self._is_skipping = not end

    # Events

    def _happened(self, event: Event) -> None:
        if isinstance(event, Answered):
            self._answered(event.reply)
        elif isinstance(event, Unsolicited):
            if self._resync is not None and event.line.startswith("+"):
                self._resync.stray()  # it may be the beginning of a late answer
            if event.urc is Urc.BOOT and self._current is not None:
                # What it was asked before is answered soon or not at all.
                self._set_timer(RESTART_S)
            self._heard(event)
        elif isinstance(event, EchoSeen):
            self._echoed()
        elif isinstance(event, DataMode):
            self._stuck("it has left command mode")
        else:
            self._refuse(event)

    def _refuse(self, event: Refused) -> None:
        self.figures.refused += 1
        if event.reason == "foreign":
            self.figures.foreign += 1
            self.figures.last_foreign = self._clock.seconds()
        metrics.modem_lines_refused.labels(event.reason).inc()
        if self._resync is not None:
            self._resync.stray()
            return
        # It may be a message, or another program's PIN: for who looks closely only.
        log.debug("what does not fit: {line!r}", line=event.line[:200])
        self._complain(event.reason, f"sent what does not fit ({event.reason})")

    def _complain(self, cause: str, text: str) -> None:
        suppressed = self._limiter.should_log(cause)
        if suppressed is not None:
            more = f", {suppressed} more before" if suppressed else ""
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "{device} {text}{more}", device=DEVICE, text=text, more=more
            )

    def _echoed(self) -> None:
        """Echo is on, by another program or after a reset: switch it off again."""
        if self._resync is None and self._equal(ECHO_OFF) is None:
            self.execute(ECHO_OFF, Priority.URGENT).addErrback(_is_gone)

    def _answered(self, reply: Reply) -> None:
        self._forget(self._timer)
        self._timer = None
        if self.line_mode == 0:
            self._leave_raw_mode()
        if self._resync is not None:
            self._resync.answered(reply)
            return
        exchange, self._current = self._current, None
        assert exchange is not None
        command = exchange.command
        wordless = reply.ok and not reply.lines and not command.many
        if wordless and (command.prefixes or command.bare):
            # The result of a command before, whose time limit was too short.
            self._not_answered(exchange, command.timeout_s)
            return
        self.figures.exchanges += 1
        self.figures.timeouts_in_a_row = 0
        self.figures.last_answer = self._clock.seconds()
        metrics.modem_exchanges.labels("ok" if reply.ok else "error").inc()
        exchange.answer(reply)
        self._next()

    def _fail(self, exchange: Exchange, error: Exception, outcome: str) -> None:
        metrics.modem_exchanges.labels(outcome).inc()
        exchange.fail(error)

    def _timed_out(self) -> None:
        self._timer = None
        if self._resync is not None:
            self._resync.overdue()
            return
        exchange, self._current = self._current, None
        assert exchange is not None
        command = exchange.command
        half_entered = self._dialogue.awaits_prompt
        self._dialogue.give_up()
        self._leave_raw_mode()
        self._not_answered(exchange, PROMPT_S if half_entered else command.timeout_s)

    def _not_answered(self, exchange: Exchange, waited_s: float) -> None:
        command = exchange.command
        name = command.text.partition("=")[0]
        self._complain("timeout", f"did not answer {name} within {waited_s:g} s")
        self.figures.timeouts += 1
        self.figures.timeouts_in_a_row += 1
        self._resynchronise(escape=command.body is not None)
        self._fail(exchange, DeviceTimeout(DEVICE, command.text, waited_s), "timeout")

    # Resynchronisation

    def _resynchronise(self, *, escape: bool) -> None:
        """Send nothing but handshakes until one is answered, then go on with the queue.

        :param escape: leave the input of a message first.
        """
        self.figures.resyncs += 1
        metrics.modem_recoveries.labels("resync").inc()
        self._resync = Resynchronisation(self, self._clock, escape=escape)

    def escape(self) -> None:
        self.transport.write(ESCAPE)

    def handshake(self, command: Command) -> None:
        self.clearLineBuffer()
        self._is_skipping = False
        self._send(command)

    def drop_handshake(self) -> None:
        self._dialogue.give_up()

    def has_half_line(self) -> bool:
        half = self.clearLineBuffer()
        return bool(half.strip()) or self._is_skipping

    def resynchronised(self, *, well: bool) -> None:
        self._resync = None
        self._is_out_of_step = not well
        if well:
            self._next()
            return
        for exchange in self._waiting.take_all():
            self._fail(exchange, DeviceUnavailable(DEVICE, MUTE), "timeout")
        self._stuck(MUTE)


def _is_gone(failure: Failure) -> None:
    """Nobody waits for it; the line's owner hears of what matters."""
    failure.trap(DeviceTimeout, DeviceUnavailable)
