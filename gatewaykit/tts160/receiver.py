"""Bytes of the mount to answers: a `LineReceiver` that switches modes by the framing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.protocols.basic import LineReceiver

from gatewaykit.tts160 import framing
from gatewaykit.tts160.answers import Answer, Garbled, Stray
from gatewaykit.tts160.commands import Command
from gatewaykit.tts160.framing import Framing

SOON_S = 0.003
"""At 9600 baud nearly all commands are on the line for longer by themselves."""


class AnswerReceiver(LineReceiver):
    """Text is received by lines, all else raw; who sends calls `expect`."""

    MAX_LENGTH = framing.MOST_TEXT
    delimiter = framing.END
    transport: Any

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._asked_at = 0.0
        self._was_soon = False
        """Whether the last answer began within `SOON_S`."""
        self._is_instant = False
        """At the other end is no wire, but a program that answers at once."""
        self._is_slow = False
        """No answer begins so soon: what does is another's, perhaps for the second time."""
        self._framing = Framing()
        self._timer: IDelayedCall | None = None
        self._heard_at: float | None = None

    # For subclasses

    def answered(self, answer: Answer) -> None:
        """What was expected, or `Garbled`, after which all is stray that comes."""
        raise NotImplementedError

    def not_answered(self) -> None:
        """Not one byte has come in time; what comes now is stray."""
        raise NotImplementedError

    def unasked(self, stray: Stray) -> None:
        """Told before the answer that it came behind, which is `Garbled` then: it may be
        another's."""
        raise NotImplementedError

    @property
    def silent_s(self) -> float:
        """For how long nothing has come."""
        if self._heard_at is None:
            return float("inf")
        return self._clock.seconds() - self._heard_at

    def expect(self, command: Command, seconds: float) -> None:
        """The answer to a command that has one; so long may its first byte take."""
        self._framing.begin(command)
        self._asked_at = self._clock.seconds()
        self._set_timer(seconds)

    def trust_all(self) -> None:
        """Take answers however soon they come."""
        self._is_slow = False

    def learn(self) -> None:
        """The last answer was the right one for sure: whether such may come as soon."""
        self._is_instant |= self._was_soon
        self._is_slow = not self._is_instant

    def expect_nothing(self) -> None:
        """Whatever comes from now on is stray."""
        self._forget_timer()
        self._framing.give_up()
        self._follow()

    # The time

    def _set_timer(self, seconds: float) -> None:
        self._forget_timer()
        self._timer = self._clock.callLater(seconds, self._timed_out)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _timed_out(self) -> None:
        self._timer = None
        # Half a line too, or it would be part of what comes next.
        events = self._framing.receive(self.clearLineBuffer())
        answer = self._framing.silence()
        if answer is not None:
            events.append(answer)
        if events:
            self._take(events)
        else:
            self.expect_nothing()
            self.not_answered()

    # LineReceiver

    def connectionMade(self) -> None:
        self.setRawMode()

    def dataReceived(self, data: bytes) -> None:
        self._heard_at = now = self._clock.seconds()
        if self._framing.is_waiting:
            self._was_soon = now - self._asked_at < SOON_S
            if self._was_soon and self._is_slow:
                self._take((Stray(data), Garbled("bytes came before it could", data)))
                return
        super().dataReceived(data)
        patience_s = self._framing.patience_s
        if patience_s is not None:
            self._set_timer(patience_s)

    def rawDataReceived(self, data: bytes) -> None:
        self._take(self._framing.receive(data))

    def lineReceived(self, line: bytes) -> None:
        # What came with it was there before the next command: it is not the answer to that.
        rest = self.clearLineBuffer()
        self._take(self._framing.receive(line + self.delimiter + rest))

    def lineLengthExceeded(self, line: bytes) -> None:
        self._take(self._framing.receive(line))

    def _take(self, events: Sequence[Answer | Stray]) -> None:
        answer: Answer | None = None
        for event in events:
            if not isinstance(event, Stray):
                answer = event
                continue
            self.unasked(event)
            if answer is not None:
                answer = Garbled("bytes too many behind it", event.raw)
        self._follow()
        if answer is None:
            return
        self._forget_timer()
        if isinstance(answer, Garbled):
            self._framing.give_up()
        self.answered(answer)

    def _follow(self) -> None:
        """Be in the mode that suits what comes next."""
        in_line_mode = self._framing.delimiter is not None
        if in_line_mode and not self.line_mode:
            self.setLineMode()
        elif not in_line_mode and self.line_mode:
            self.setRawMode()
