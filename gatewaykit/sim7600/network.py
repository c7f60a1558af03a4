"""The network status: read in one exchange, made into the network record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gatewaykit import metrics
from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.asking import Ask
from gatewaykit.sim7600.commands import Priority, read
from gatewaykit.sim7600.identity import READY, Identity
from gatewaykit.sim7600.replies import ReplyError
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
TOGETHER = read(
    "AT" + ";".join(query for query, _, _ in _PARTS.values()),
    *(prefix for _, prefix, _ in _PARTS.values()),
    timeout_s=TIMEOUT_S,
)
"""All of it on one line: one answer takes one round trip (facts/sim7600.md 2.1)."""
ONE_BY_ONE = tuple(
    read(f"AT{query}", prefix, timeout_s=TIMEOUT_S)
    for query, prefix, _ in _PARTS.values()
)
"""For a modem that does not know one of them: an error ends a line of several."""

DENIED = 3


class Network:
    """What was last read of the network.

    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        ask: Ask,
        identity: Identity,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
    ) -> None:
        self.implausible = 0
        """Answers that were refused."""
        self._ask = ask
        self._identity = identity
        self._clock = clock
        self._wall_ms = wall_ms
        self._fields: Record = {}
        self._read_at: float | None = None
        self._updated_at: int | None = None
        self._knows_all = True
        self._searching_since: float | None = None

    async def read(self) -> None:
        """Ask the modem once. Fails with a `GatewayError`."""
        if self._identity.sim_state != READY:
            await self._identity.read_sim_state(self._ask)
        self._take(await self._lines())

    async def _lines(self) -> Sequence[str]:
        if self._knows_all:
            reply = await self._ask(TOGETHER, Priority.NORMAL)
            if reply.ok:
                return reply.lines
        lines: list[str] = []
        for command in ONE_BY_ONE:
            reply = await self._ask(command, Priority.NORMAL)
            lines += reply.lines if reply.ok else ()
        self._knows_all = len(lines) == len(_PARTS)
        return lines

    def _take(self, lines: Sequence[str]) -> None:
        parts: dict[str, Any] = {}
        for line in lines:
            for name, (_, prefix, parse) in _PARTS.items():
                if line.startswith(prefix):
                    parts[name] = self._parsed(parse, line)
        self._fields = replies.network_record(
            **{name: parts.get(name) for name in _PARTS}
        )
        self._read_at = self._clock.seconds()
        self._updated_at = self._wall_ms()
        if self._fields["connected"] or self._is_beyond_help():
            self._searching_since = None
        elif self._searching_since is None:
            self._searching_since = self._read_at

    def _parsed(self, parse: Callable[[str], Any], line: str) -> Any:
        try:
            return parse(line)
        except ReplyError:
            self.implausible += 1
            metrics.modem_lines_refused.labels("implausible").inc()
            return None

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

    def _is_beyond_help(self) -> bool:
        """Whether no radio cycle could help (facts/sim7600.md 7)."""
        return self._identity.sim_state != READY or self.is_denied

    def searching_s(self) -> float | None:
        """How long there has been no network although there should be one."""
        since = self._searching_since
        return None if since is None else self._clock.seconds() - since

    def forget(self) -> None:
        """The modem is gone or has started anew: its search begins anew too."""
        self._searching_since = None
        self._knows_all = True

    def record(self, *, is_there: bool, most_age_s: float) -> Record:
        """The network record, as of now; nothing that is outdated counts as connected."""
        age_s = None if self._read_at is None else self._clock.seconds() - self._read_at
        stale = not is_there or age_s is None or age_s > most_age_s
        return self._fields | {
            "connected": bool(self._fields.get("connected")) and not stale,
            "sim_state": self._identity.sim_state,
            "updated_at": None if self._updated_at is None else iso(self._updated_at),
            "age_s": None if age_s is None else round(age_s, 3),
            "stale": stale,
        }
