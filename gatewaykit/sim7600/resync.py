"""How a line that has lost its step finds it again (facts/sim7600.md 2.5)."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from gatewaykit.sim7600.commands import Command
from gatewaykit.sim7600.dialogue import Reply

HANDSHAKE = Command("AT", timeout_s=1.0)
HANDSHAKES = 3
QUIET_S = 0.3
"""Silence before and after the handshake."""
MOST_NOISE = 100
"""Reads after which silence is waited for no longer."""


class Line(Protocol):
    """What resynchronisation needs of the line."""

    def handshake(self, *, escape: bool) -> None:
        """Send `HANDSHAKE`, and before it ESC if the modem may wait for a message."""

    def drop_handshake(self) -> None:
        """Nobody waits for its answer any more."""

    def resynchronised(self, *, well: bool) -> None:
        """It is over; `well` if commands get their own answers again."""


class Resynchronisation:
    """Silence, ``AT``, its ``OK``, silence: then a new command gets its own answer.

    Whatever comes in the second silence shows that the ``OK`` was somebody else's, and so
    does a line before it.
    """

    def __init__(self, line: Line, clock: IReactorTime, *, escape: bool) -> None:
        self._line = line
        self._clock = clock
        self._escape = escape
        self._tries = 0
        self._noise = 0
        self._is_doubtful = False
        self._is_answered = False
        self._quiet = clock.callLater(QUIET_S, self._after_silence)

    def stop(self) -> None:
        if self._quiet.active():
            self._quiet.cancel()

    def heard(self) -> None:
        """Bytes came in: silence begins anew, though not for ever."""
        self._noise += 1
        if self._quiet.active() and self._noise < MOST_NOISE:
            self._quiet.reset(QUIET_S)

    def stray(self) -> None:
        """A line that is no answer to ``AT``."""
        self._is_doubtful = True

    def answered(self, reply: Reply) -> None:
        self._is_answered = reply.ok and not self._is_doubtful
        self._wait()

    def overdue(self) -> None:
        self._line.drop_handshake()
        self._wait()

    def _wait(self) -> None:
        self._quiet = self._clock.callLater(QUIET_S, self._after_silence)

    def _after_silence(self) -> None:
        if self._is_answered and not self._is_doubtful:
            self._line.resynchronised(well=True)
        elif self._tries == HANDSHAKES:
            self._line.resynchronised(well=False)
        else:
            self._is_doubtful = self._is_answered = False
            self._tries += 1
            self._noise = 0
            self._line.handshake(escape=self._escape or self._tries > 1)
