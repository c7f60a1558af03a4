"""Several protocols on one port, told apart by the first byte that a client sends.

AMP begins with 0x00, the upper half of a key's length, which is never more than 255; an old
JSON request with a brace (facts/sim7600.md 1.2). Nothing is sent before: an old client would
take it for its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
    IProtocol,
    IReactorTime,
)
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import alsoProvides

from gatewaykit.rpc.peers import Faults, host_of

AMP = b"\x00"
UNDECIDED_S = 60.0
MAX_UNDECIDED = 1024
"""Of clients that connect all at once none has been heard yet."""

log = Logger()


class DialectProtocol(Protocol):
    """A connection whose protocol is chosen by its first byte and does all the rest.

    The chosen one gets the transport itself, so that producers, limits and the peer's
    credentials work as if it had been there from the start.
    """

    transport: Any

    def __init__(self, factory: DialectFactory, address: Any) -> None:
        self._door = factory
        self.lost: Deferred[None] = Deferred()
        self._address = address
        self._chosen: IProtocol | None = None
        self._ended = False
        self._deadline: IDelayedCall | None = None

    def connectionMade(self) -> None:
        self._deadline = self._door.clock.callLater(
            UNDECIDED_S, self.drop, f"said nothing within {UNDECIDED_S:g} s"
        )
        self._door.joined(self)

    def dataReceived(self, data: bytes) -> None:
        if self._chosen is None and not self._ended:
            self._choose(data[:1])
        if self._chosen is not None:
            self._chosen.dataReceived(data)

    def _choose(self, first: bytes) -> None:
        factory = self._door.dialects.get(first)
        if factory is None:
            self.drop(f"speaks nothing we know, its first byte is {first!r}")
            return
        self._decided()
        chosen = factory.buildProtocol(self._address)
        if chosen is None:
            self._ended = True
            self.transport.loseConnection()
            return
        self._chosen = chosen
        if IHalfCloseableProtocol.providedBy(chosen):
            alsoProvides(self, IHalfCloseableProtocol)
        chosen.makeConnection(self.transport)

    # Only called where the chosen one has them.

    def readConnectionLost(self) -> None:
        IHalfCloseableProtocol(self._chosen).readConnectionLost()

    def writeConnectionLost(self) -> None:
        IHalfCloseableProtocol(self._chosen).writeConnectionLost()

    def _decided(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._door.left(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._ended = True
        self._decided()
        if self._chosen is not None:
            self._chosen.connectionLost(reason)
        self.lost.callback(None)

    def drop(self, reason: str) -> None:
        """Close while nothing is decided."""
        if self._deadline is not None and not self._deadline.active():
            self._deadline = None
        self._ended = True
        self._decided()
        self._door.note(f"client dropped: it {reason}", self._address)
        self.transport.abortConnection()


class DialectFactory(ServerFactory):
    """A listener's factory that hands each client to the factory of its protocol.

    Clients that have not said anything are bounded in time and number; where there are too
    many, the one that has waited longest goes. Stop listening, then `close_all` here and at
    the factories handed in.

    :param amp: for clients that speak AMP.
    :param others: for the others, by their first byte.
    :param accepts: whether a client of that address may connect at all.
    """

    noisy = False

    def __init__(
        self,
        amp: ServerFactory,
        others: Mapping[bytes, ServerFactory],
        clock: IReactorTime,
        *,
        accepts: Callable[[Any], bool] = lambda _: True,
        max_undecided: int = MAX_UNDECIDED,
    ) -> None:
        self.dialects: Mapping[bytes, ServerFactory] = {AMP: amp, **others}
        self.clock = clock
        self._accepts = accepts
        self._max_undecided = max_undecided
        self._undecided: dict[DialectProtocol, None] = {}
        self._faults = Faults(log, clock)

    def startFactory(self) -> None:
        for factory in self.dialects.values():
            factory.doStart()

    def stopFactory(self) -> None:
        for factory in self.dialects.values():
            factory.doStop()

    def buildProtocol(self, addr: Any) -> DialectProtocol | None:
        if not self._accepts(addr):
            self.note("client refused: its host may not connect", addr)
            return None
        return DialectProtocol(self, addr)

    def joined(self, connection: DialectProtocol) -> None:
        if len(self._undecided) >= self._max_undecided:
            next(iter(self._undecided)).drop("is one of too many that say nothing")
        self._undecided[connection] = None

    def left(self, connection: DialectProtocol) -> None:
        self._undecided.pop(connection, None)

    def note(self, text: str, address: Any) -> None:
        """Log what a peer did wrong, once in a while for each kind of wrong."""
        self._faults.note(text, text, host_of(address))

    def close_all(self) -> Deferred[None]:
        """Close those that have not said what they speak; fires when they are gone."""
        open_now = list(self._undecided)
        for connection in open_now:
            connection.drop("said nothing until we stop")
        if not open_now:
            return succeed(None)
        return gatherResults([c.lost for c in open_now]).addCallback(lambda _: None)
