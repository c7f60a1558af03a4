"""A bridge with a mount in memory, and clients of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, cast

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200 import Lx200Factory
from gatewaykit.bridges.lx200_connection import Lx200Connection
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.sections import Lx200Settings
from gatewaykit.testing import MemoryMount, MemoryStore

ROLES = {verb.name(): verb.role for verb in verbs.ALL}
"""Importing the verbs tells `access` of them."""

NOW_S = 1_769_860_800.0
"""2026-01-31T12:00:00Z"""
HOST = "127.0.0.1"


class SlowMount(MemoryMount):
    """Takes its time where the test says so; `calls` has all that it was asked for."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        super().__init__(seconds)
        self.calls: list[str] = []
        self._held: dict[str, deque[Deferred[None]]] = {}

    def hold(self, call: str) -> Deferred[None]:
        """The next such call is done when this fires, and fails if it fails."""
        gate: Deferred[None] = Deferred()
        self._held.setdefault(call, deque()).append(gate)
        return gate

    def _when(self, call: str, act: Callable[[], Deferred[Any]]) -> Deferred[Any]:
        self.calls.append(call)
        gates = self._held.get(call)
        if not gates:
            return act()
        return gates.popleft().addCallback(lambda _: act())

    def status(self) -> Deferred[Record]:
        return self._when("status", super().status)

    def slew(self, **where: Any) -> Deferred[None]:
        act = super().slew
        return self._when("slew", lambda: act(**where))

    def sync(self, right_ascension_h: float, declination_deg: float) -> Deferred[str]:
        act = super().sync
        return self._when("sync", lambda: act(right_ascension_h, declination_deg))

    def set_site(self, **what: Any) -> Deferred[None]:
        act = super().set_site
        return self._when("set_site", lambda: act(**what))

    def park(self) -> Deferred[None]:
        return self._when("park", super().park)

    def stop(self, by: str) -> Deferred[None]:
        act = super().stop
        return self._when("stop", lambda: act(by))

    def move_axis(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Deferred[float]:
        act = super().move_axis
        return self._when("move_axis", lambda: act(direction, rate_deg_s, holder))


class Transport(StringTransport):
    """Tells its protocol that it is closed when the test lets it."""

    aborted = False

    def __init__(self, host: str, port: int) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, port))
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        super().write(data)

    def abortConnection(self) -> None:
        self.aborted = True
        super().loseConnection()

    def loseConnection(self) -> None:
        # The real one waits for a paused producer for ever.
        assert self.producer is None
        super().loseConnection()


class Peer:
    """The bytes that one connection of a client sends and gets."""

    ports = 40_000

    def __init__(
        self, factory: Lx200Factory, profile: str = "common", host: str = HOST
    ) -> None:
        Peer.ports += 1
        address = IPv4Address("TCP", host, Peer.ports)
        built = factory.door(profile).buildProtocol(address)
        assert built is not None
        self.protocol: Lx200Connection = built
        self.transport = Transport(host, Peer.ports)
        self.protocol.makeConnection(cast(ITransport, self.transport))
        self.is_gone = False

    def send(self, data: str) -> None:
        self.protocol.dataReceived(data.encode("latin-1"))

    def got(self) -> str:
        """What came since the last look."""
        data = cast(bytes, self.transport.value())
        self.transport.clear()
        return data.decode("latin-1")

    def ask(self, data: str) -> str:
        self.got()
        self.send(data)
        return self.got()

    def leave(self) -> None:
        self.is_gone = True
        self.protocol.connectionLost(Failure(ConnectionDone()))


class Lx200TestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(NOW_S)
        self.mount = SlowMount(self.clock.seconds)
        self.store = MemoryStore(self.clock)
        self.factory = self.make_factory()

    def make_factory(
        self, *, role: str = "operator", allow_from: tuple[str, ...] = (), **limits: Any
    ) -> Lx200Factory:
        settings = Lx200Settings(role=role, allow_from=list(allow_from))  # type: ignore[arg-type]
        return Lx200Factory(
            self.mount,
            self.store,
            self.clock,
            lambda: int(self.clock.seconds() * 1000),
            settings,
            **limits,
        )

    def peer(self, profile: str = "common", host: str = HOST) -> Peer:
        return Peer(self.factory, profile, host)

    def passed(self, seconds: float, step_s: float = 0.5) -> None:
        """Time passes bit by bit, as it does."""
        while seconds > 0:
            self.clock.advance(min(step_s, seconds))
            seconds -= step_s

    def audited(self) -> list[tuple[str, dict[str, str], str]]:
        """What, arguments and outcome of the audit records."""
        return [
            (record["what"], record["arguments"], record["outcome"])
            for record in self.store.audit_records
        ]
