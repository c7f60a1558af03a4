"""The network status: read in one exchange, made into the network record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.asking import Answers, Ask
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.identity import READY, Identity
from gatewaykit.times import iso

_PARTS: dict[str, tuple[str, str, Callable[[str], Any]]] = {
    "creg": ("+CREG?", "+CREG:", replies.registration),
    "cgreg": ("+CGREG?", "+CGREG:", replies.registration),
    "cereg": ("+CEREG?", "+CEREG:", replies.registration),
    "signal": ("+CSQ", "+CSQ:", replies.csq),
    "operator": ("+COPS?", "+COPS:", replies.operator),
    "system": ("+CPSI?", "+CPSI:", replies.system),
    "mode_preference": ("+CNMP?", "+CNMP:", replies.mode_preference),
}
TIMEOUT_S = 10.0
"""COPS is the slowest of them (facts/sim7600.md 2.5)."""


def _together(names: Sequence[str]) -> Command:
    """Several on one line: one answer takes one round trip (facts/sim7600.md 2.1)."""
    queries = ";".join(_PARTS[name][0] for name in names)
    prefixes = (_PARTS[name][1] for name in names)
    return read(f"AT{queries}", *prefixes, timeout_s=TIMEOUT_S)


TOGETHER = _together(tuple(_PARTS))
ALL_AGAIN_S = 600.0
"""Until a query that failed by itself is tried again: an error ends a line of several."""

DENIED = 3


class Network:
    """What was last read of the network.

    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        ask: Ask,
        answers: Answers,
        identity: Identity,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
    ) -> None:
        self._ask = ask
        self._answers = answers
        self._identity = identity
        self._clock = clock
        self._wall_ms = wall_ms
        self._fields: Record = {}
        self._read_at: float | None = None
        self._updated_at: str | None = None
        self._together = TOGETHER
        self._all_again_at = 0.0
        self._searching_since: float | None = None

    @property
    def age_s(self) -> float | None:
        """How long ago it was read."""
        return None if self._read_at is None else self._clock.seconds() - self._read_at

    async def read(self) -> None:
        """Ask the modem once. Fails with a `GatewayError`."""
        if self._clock.seconds() >= self._all_again_at:
            self._together = TOGETHER
        reply = await self._ask(self._together, Priority.NORMAL)
        self._take(reply.lines if reply.ok else await self._one_by_one())

    async def _one_by_one(self) -> Sequence[str]:
        """All that the modem answers; the next time only that is asked for."""
        lines: list[str] = []
        answered: list[str] = []
        for name in _PARTS:
            reply = await self._ask(_together((name,)), Priority.NORMAL)
            if reply.ok:
                lines += reply.lines
                answered.append(name)
        if answered:
            self._together = _together(answered)
            self._all_again_at = self._clock.seconds() + ALL_AGAIN_S
        return lines

    def _take(self, lines: Sequence[str]) -> None:
        parts: dict[str, Any] = {}
        for line in lines:
            for name, (_, prefix, parse) in _PARTS.items():
                if line.startswith(prefix):
                    parts[name] = self._answers.read(parse, line)
        self._fields = replies.network_record(
            **{name: parts.get(name) for name in _PARTS}
        )
        self._read_at = self._clock.seconds()
        self._updated_at = iso(self._wall_ms())
        if not self._is_searching():
            self._searching_since = None
        elif self._searching_since is None:
            self._searching_since = self._read_at

    @property
    def registration(self) -> str | None:
        """By name, as the record has it."""
        name: str | None = self._fields.get("registration")
        return name

    @property
    def is_denied(self) -> bool:
        """Whether the network refuses us: a matter of the SIM or its plan."""
        return not self._fields.get("connected") and DENIED in (
            self._fields.get(name) for name in ("creg", "cgreg", "cereg")
        )

    def _is_searching(self) -> bool:
        """Whether there should be a network and is none: with a SIM that is missing or
        locked, or denied, there can't be (facts/sim7600.md 7)."""
        return (
            self._fields["registration"] is not None
            and not self._fields["connected"]
            and not self.is_denied
            and self._identity.sim_state == READY
        )

    def searching_s(self) -> float | None:
        """How long there has been no network although there should be one."""
        since = self._searching_since
        return None if since is None else self._clock.seconds() - since

    def forget(self) -> None:
        """The modem is gone or has started anew: its search begins anew too."""
        self._searching_since = None
        self._all_again_at = 0.0

    def record(self, *, is_there: bool, most_age_s: float) -> Record:
        """The network record, as of now; nothing that is outdated counts as connected."""
        age_s = self.age_s
        stale = not is_there or age_s is None or age_s > most_age_s
        return self._fields | {
            "connected": bool(self._fields.get("connected")) and not stale,
            "sim_state": self._identity.sim_state,
            "updated_at": self._updated_at,
            "age_s": None if age_s is None else round(age_s, 3),
            "stale": stale,
        }
