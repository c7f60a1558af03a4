"""How a line that has lost its step finds it again (facts/sim7600.md 2.5)."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from gatewaykit.sim7600.commands import Command
from gatewaykit.sim7600.dialogue import Reply

HANDSHAKES = (
    Command("AT", timeout_s=1.0),
    Command("AT", timeout_s=1.0),
    Command("ATQ0V1E0", timeout_s=1.0),
)
"""The last one is for a modem that was told to answer with digits or not at all
(facts/sim7600.md 2.1)."""
QUIET_S = 0.3
"""Silence before and after a handshake."""
CERTAIN_S = 1.5
"""Silence after one that followed an unanswered one, whose late ``OK`` it may have got:
longer than from the one to the other."""
MOST_QUIET_S = 5.0
"""Silence is waited for no longer."""


class Line(Protocol):
    """What resynchronisation needs of the line."""

    def escape(self) -> None:
        """Send ESC: a modem that waits for a message's text leaves off."""

    def handshake(self, command: Command) -> None:
        """Send one of `HANDSHAKES`."""

    def drop_handshake(self) -> None:
        """Nobody waits for its answer any more."""

    def has_half_line(self) -> bool:
        """Whether a line has begun and not ended."""

    def resynchronised(self, *, well: bool) -> None:
        """It is over; `well` if commands get their own answers again."""


class Resynchronisation:
    """Silence, ``AT``, its ``OK``, silence: then a new command gets its own answer.

    Whatever comes in the second silence shows that the ``OK`` was somebody else's, and so
    does a line before it that may belong to an answer.
    """

    def __init__(self, line: Line, clock: IReactorTime, *, escape: bool) -> None:
        self._line = line
        self._clock = clock
        self._tries = 0
        self._unanswered = 0
        self._is_doubtful = False
        self._is_answered = False
        self._quiet_s = QUIET_S
        self._until = 0.0
        if escape:
            line.escape()
        self._wait(QUIET_S)

    def stop(self) -> None:
        if self._quiet.active():
            self._quiet.cancel()

    def heard(self) -> None:
        """Bytes came in: silence begins anew, though not for ever."""
        if self._quiet.active() and self._clock.seconds() < self._until:
            self._quiet.reset(self._quiet_s)

    def stray(self) -> None:
        """A line that is no answer to the handshake but may be one to another command."""
        self._is_doubtful = True

    def answered(self, reply: Reply) -> None:
        self._is_answered = True
        self._is_doubtful |= not reply.ok
        self._wait(CERTAIN_S if self._unanswered else QUIET_S)

    def overdue(self) -> None:
        self._unanswered += 1
        self._line.drop_handshake()
        self._again()

    def _wait(self, seconds: float) -> None:
        self._quiet_s = seconds
        self._until = self._clock.seconds() + MOST_QUIET_S
        self._quiet = self._clock.callLater(seconds, self._after_silence)

    def _after_silence(self) -> None:
        if not self._is_answered:
            self._is_doubtful = False
            command = HANDSHAKES[self._tries]
            self._tries += 1
            self._line.handshake(command)
        elif self._is_doubtful or self._line.has_half_line():
            self._again()
        else:
            self._line.resynchronised(well=True)

    def _again(self) -> None:
        self._is_answered = False
        if self._tries == len(HANDSHAKES):
            self._line.resynchronised(well=False)
            return
        self._line.escape()
        self._wait(QUIET_S)
