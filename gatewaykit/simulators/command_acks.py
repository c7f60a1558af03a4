"""The answers to commands on their way out, which is not always the straight one."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.simulators.faults import CommandFaults

_HELD_S = 2.0


@attrs.frozen
class Answer:
    """What a device says to a command."""

    type: str
    serial: str
    sub: str | None = None
    cause: int | None = None
    """Of a refusal; None: an ACK."""


class CommandAcks:
    """They don't wait for SACKs of reports, and are not repeated.

    :param write: writes one at once, if there is a connection; tells whether it could.
    """

    def __init__(
        self, clock: IReactorTime, random: Random, write: Callable[[Answer], bool]
    ) -> None:
        self._clock = clock
        self._random = random
        self._write = write
        self._held: Answer | None = None
        self._held_call: IDelayedCall | None = None
        self._calls: set[IDelayedCall] = set()
        self._missed: list[Answer] = []

    def send(self, answer: Answer, faults: CommandFaults) -> None:
        if faults.no_ack and self._random.random() < faults.no_ack:
            return
        if faults.wrong_serial and self._random.random() < faults.wrong_serial:
            answer = attrs.evolve(answer, serial=self._other_than(answer.serial))
        late = faults.slow_ack_s
        if self._held is not None:
            first = self._take_held()
            self._after(late, attrs.evolve(first, serial=answer.serial))
            self._after(late, attrs.evolve(answer, serial=first.serial))
        elif faults.swap and self._random.random() < faults.swap:
            self._held = answer
            self._held_call = self._clock.callLater(_HELD_S, self._let_go, late)
        else:
            self._after(late, answer)

    def connected(self) -> None:
        """Write what had no connection when its time had come."""
        missed, self._missed = self._missed, []
        for answer in missed:
            self._now(answer)

    def stop(self) -> None:
        """Write nothing more."""
        if self._held is not None:
            self._take_held()
        for call in self._calls:
            call.cancel()
        self._calls.clear()
        self._missed.clear()

    def _let_go(self, late: float) -> None:
        self._after(late, self._take_held())

    def _take_held(self) -> Answer:
        held, self._held = self._held, None
        assert held is not None
        assert self._held_call is not None
        if self._held_call.active():
            self._held_call.cancel()
        return held

    def _after(self, seconds: float, answer: Answer) -> None:
        if not seconds:
            self._now(answer)
            return

        def write() -> None:
            self._calls.discard(call)
            self._now(answer)

        call = self._clock.callLater(seconds, write)
        self._calls.add(call)

    def _now(self, answer: Answer) -> None:
        if not self._write(answer):
            self._missed.append(answer)

    def _other_than(self, serial: str) -> str:
        other = (int(serial, 16) + self._random.randint(1, 0xFFFF)) & 0xFFFF
        return f"{other:04X}"
