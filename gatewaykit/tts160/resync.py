"""How a line that has lost its step finds it again (facts/tts160.md 1.3.7).

Silence, a harmless question, its answer in the right shape, silence: then a new command gets
its own answer. The question is never the one whose answer is missing, which may come late.
"""

from __future__ import annotations

import itertools
import re
from typing import Protocol

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.tts160.answers import Answer, Text
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry

SILENCE_S = 0.3
"""Before a question; each one in vain makes the next silence that much longer."""
AFTER_S = 0.05
"""After an answer: what comes in it shows that the answer was another's. The next byte of
one would be on the line for a millisecond."""
MOST_SILENCE_S = 3.0
"""A line that never falls silent is asked all the same."""
ANSWER_S = 0.5
TRIES = 4


@attrs.frozen
class Probe:
    command: Command
    shape: re.Pattern[str]


def _probe(data: bytes, shape: str) -> Probe:
    command = Command(data, Reply.TEXT, Retry.SAFE, Effect.READ, ANSWER_S)
    return Probe(command, re.compile(shape))


PROBES = (
    _probe(b":GW#", "[A-Z][TN][0-9]"),
    _probe(b":GC#", "[0-9]{2}/[0-9]{2}/[0-9]{2}"),
    _probe(b":GG#", r"[+-][0-9]{1,2}(\.[0-9])?"),
)
"""Asked in turn. No other command of the mount has answers of these shapes, so that a late
one, of the command that was lost or of a question before, is not taken for the right one."""


class Line(Protocol):
    """What resynchronisation needs of the line."""

    def question(self, command: Command) -> None:
        """Send one of `PROBES`."""

    def resynchronised(self, *, well: bool) -> None:
        """It is over; `well` if commands get their own answers again."""


class Resynchronisation:
    """:param lost: whose answer is missing.
    :param pause_s: more silence than usual before the first question."""

    def __init__(
        self, line: Line, clock: IReactorTime, lost: Command | None, pause_s: float = 0
    ) -> None:
        self._line = line
        self._clock = clock
        probes = [each for each in PROBES if not lost or each.command.data != lost.data]
        self._probes = itertools.cycle(probes)
        self._probe = next(self._probes)
        self._tries = 0
        self._is_answered = False
        self._silence_s = SILENCE_S + pause_s
        self._until = 0.0
        self._timer: IDelayedCall | None = None
        self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def heard(self) -> None:
        """Bytes that are no answer came in: silence begins anew, though not for ever."""
        if self._timer is None:
            return
        if self._is_answered:
            self._is_answered = False
            self._again()
        elif self._clock.seconds() < self._until:
            self._timer.reset(self._silence_s)

    def answered(self, answer: Answer) -> None:
        """The question has one; `failed` says that it has none."""
        if isinstance(answer, Text) and self._probe.shape.fullmatch(answer.text):
            self._is_answered = True
            self._timer = self._clock.callLater(AFTER_S, self._over)
        else:
            self._again()

    def failed(self) -> None:
        self._again()

    def _again(self) -> None:
        self.stop()
        self._probe = next(self._probes)
        self._silence_s += SILENCE_S
        if self._tries == TRIES:
            self._line.resynchronised(well=False)
        else:
            self._wait()

    def _wait(self) -> None:
        self._until = self._clock.seconds() + MOST_SILENCE_S
        self._timer = self._clock.callLater(self._silence_s, self._ask)

    def _ask(self) -> None:
        self._timer = None
        self._tries += 1
        self._line.question(self._probe.command)

    def _over(self) -> None:
        self._timer = None
        self._line.resynchronised(well=True)
