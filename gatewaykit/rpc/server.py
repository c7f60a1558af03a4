"""The AMP server: connections and their limits.

What AMP leaves open is closed here: a box without end, answers to questions that nobody asked,
TLS in mid-stream, a client that asks and never reads.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.protocols import amp
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import access, metrics
from gatewaykit.access import Principal
from gatewaykit.interfaces import IHealth, IStore, Record
from gatewaykit.rpc.answers import Answer
from gatewaykit.rpc.calls import Calls, random_reference
from gatewaykit.rpc.peers import Faults, close_each, host_of
from gatewaykit.rpc.sessions import Session
from gatewaykit.rpc.verbs import Verb

BOX_BYTES = 256 * 1024
"""A request that is not complete by then never will be: AMP itself sets no end."""
BOX_TIME_S = 30.0
RUNNING_CALLS = 64
"""Calls of one connection that run at a time; the next are read when one has ended."""
RESERVED_CONNECTIONS = 16
"""Of the unix socket, so that viewers on TCP cannot lock out who runs the gateway."""

log = Logger()


def _wall_ms() -> int:
    return int(time.time() * 1000)


def identify(
    transport: ITransport,
    own_uid: Callable[[], int] = os.geteuid,
    *,
    networks: Sequence[access.Network] = (),
) -> Principal | None:
    """Who is at the other end, as far as the kernel vouches for it; None for nobody.

    :param networks: of other hosts whose clients may look without credentials.
    """
    peer = transport.getPeer()
    if isinstance(peer, IPv4Address | IPv6Address):
        return access.principal_of_address(peer.host, peer.port, networks)
    if isinstance(peer, UNIXAddress):
        handle: socket.socket = cast(Any, transport).getHandle()
        size = struct.calcsize("3i")  # struct ucred: pid, uid, gid (unix(7))
        _, uid, _ = struct.unpack(
            "3i", handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        )
        return access.principal_of_uid(uid, own_uid())
    return None


class GatewayServer(amp.AMP):
    """One client's connection."""

    session: Session
    transport: Any

    def __init__(self, factory: RpcFactory) -> None:
        super().__init__()
        self.factory = factory
        self.lost: Deferred[None] = Deferred()
        self._peer = "?"
        self._box_bytes = 0
        self._box_deadline: IDelayedCall | None = None
        self._running = 0
        self._choked = False
        self._receiving = False
        self._ended = False

    # AMP's own would write two lines at info for every connection.
    def makeConnection(self, transport: Any) -> None:
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def connectionMade(self) -> None:
        self.factory.joined(self)
        principal = self.factory.identify(self.transport)
        if principal is None:
            self.abort("nobody we know")
            return
        self.session = Session(principal)
        self.lost.addCallback(lambda _: self.session.end())
        self._peer = principal.origin
        if isinstance(self.transport.getPeer(), IPv4Address | IPv6Address):
            self.transport.setTcpNoDelay(True)
        self.transport.registerProducer(self, True)
        log.debug("client connected as {who}", who=principal.name, peer=self._peer)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._ended = True
        self._expect_box(expected=False)
        amp.BinaryBoxProtocol.connectionLost(self, reason)
        self.transport = None
        self.factory.left(self)
        log.debug("client gone: {why}", why=reason.getErrorMessage(), peer=self._peer)
        self.lost.callback(None)

    def hang_up(self) -> None:
        """Close once everything written has been read by the client."""
        if self.transport is not None:
            # With a paused producer a transport would never come to its end.
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def abort(self, reason: str) -> None:
        """Close at once and read nothing more, not even of what has arrived."""
        if self._ended:
            return
        self._ended = self.paused = True
        self.factory.note(f"client dropped: {reason}", self._peer)
        self.transport.abortConnection()

    def dataReceived(self, data: bytes) -> None:
        if self._ended:
            return
        self._receiving = True
        super().dataReceived(data)
        self._receiving = False
        unfinished = bool(self._box_bytes or self.recvd)
        self._expect_box(expected=unfinished and not self.paused)

    def _expect_box(self, *, expected: bool) -> None:
        if self._box_deadline is not None and not expected:
            self._box_deadline.cancel()
            self._box_deadline = None
        elif self._box_deadline is None and expected:
            self._box_deadline = self.factory.clock.callLater(BOX_TIME_S, self._overdue)

    def _overdue(self) -> None:
        self._box_deadline = None
        self.abort(f"a request unfinished after {BOX_TIME_S:g} s")

    def stringReceived(self, string: bytes) -> None:
        self._box_bytes += len(string) + 2
        if self._box_bytes > BOX_BYTES:
            self.abort(f"a request of more than {BOX_BYTES} bytes")
            return
        super().stringReceived(string)

    def lengthLimitExceeded(self, length: int) -> None:
        self.abort("not AMP")

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        self._box_bytes = 0
        self._expect_box(expected=False)
        if amp.COMMAND not in box or amp.ANSWER in box or amp.ERROR in box:
            self.abort("a box that asks for nothing")
            return
        super().ampBoxReceived(box)

    def pauseProducing(self) -> None:
        """The client does not read its answers: take no more questions."""
        self._choked = True
        self._flow()

    def resumeProducing(self) -> None:
        self._choked = False
        self._flow()

    def _flow(self) -> None:
        held = self._choked or self._running >= RUNNING_CALLS
        if held == self.paused or self._ended:
            return
        if held:
            super().pauseProducing()
        elif self._receiving:
            # The parser is at work further up the stack and will go on by itself;
            # calling it here would let it see the same bytes twice.
            self.paused = False
            self.transport.resumeProducing()
        else:
            super().resumeProducing()

    def dispatchCommand(self, box: amp.AmpBox) -> Deferred[amp.AmpBox]:
        result = Deferred.fromCoroutine(self._dispatch(box))
        if amp.ASK not in box:
            # Nobody waits for the answer, and AMP would close for an error left over.
            result.addErrback(lambda _: amp.AmpBox())
        return result

    async def _dispatch(self, box: amp.AmpBox) -> amp.AmpBox:
        self._running += 1
        self._flow()
        try:
            answer: amp.AmpBox = await self.factory.calls.answer(box, self.session)
            return answer
        finally:
            self._running -= 1
            self._flow()


@implementer(IHealth)
class RpcFactory(ServerFactory):
    """Builds a `GatewayServer` for each client, and keeps count of them.

    :param answers: what is served; other verbs are unknown to clients (`UnhandledCommand`).
    :param store: where the audit trail goes.
    :param clock: measures time limits.
    :param wall_ms: the audit trail's clock, milliseconds since the epoch.
    :param identify: names the principal behind a transport, None to turn it away.
    :param networks: of other hosts that may connect over TCP (see `identify`).
    :param deadline_s: time that any answer may take; None for each verb's own.
    :param new_reference: text that ties a client's `InternalError` to our log.
    """

    noisy = False
    name = "rpc"

    def __init__(
        self,
        answers: Mapping[type[Verb], Answer],
        store: IStore,
        clock: IReactorTime,
        *,
        identify: Callable[[ITransport], Principal | None] = identify,
        networks: Sequence[access.Network] = (),
        wall_ms: Callable[[], int] = _wall_ms,
        max_connections: int = 256,
        deadline_s: float | None = None,
        new_reference: Callable[[], str] = random_reference,
    ) -> None:
        self.clock = clock
        self.identify = identify
        self.calls = Calls(answers, store, clock, wall_ms, deadline_s, new_reference)
        self._networks = networks
        self._max_connections = max_connections
        self._connections: set[GatewayServer] = set()
        self._faults = Faults(log, clock)

    def accepts(self, addr: object) -> bool:
        """Whether a client of that address may connect at all."""
        if not isinstance(addr, IPv4Address | IPv6Address):
            return True
        found = access.principal_of_address(addr.host, addr.port, self._networks)
        return found is not None

    def buildProtocol(self, addr: Any) -> GatewayServer | None:
        if not self.accepts(addr):
            self.note("client refused: its host may not connect", addr.host)
            return None
        room = self._max_connections
        if isinstance(addr, UNIXAddress):
            room += RESERVED_CONNECTIONS
        if len(self._connections) >= room:
            self.note(f"client refused: {room} are connected", host_of(addr))
            return None
        return GatewayServer(self)

    def note(self, text: str, peer: object) -> None:
        """Log what a peer did wrong, once in a while for each kind of wrong."""
        self._faults.note(text, text, peer)

    def joined(self, connection: GatewayServer) -> None:
        self._connections.add(connection)
        metrics.rpc_connections.inc()

    def left(self, connection: GatewayServer) -> None:
        self._connections.discard(connection)
        metrics.rpc_connections.dec()

    def health(self) -> Record:
        return {
            "status": "ok",
            "reason": None,
            "connections": len(self._connections),
            "max_connections": self._max_connections,
        }

    def close_all(self, grace_s: float = 2.0) -> Deferred[None]:
        """Close every connection; those that do not read their answers are cut off.

        Stop listening first. Fires when all of them are gone.
        """

        def cut_off(connection: GatewayServer) -> None:
            connection.abort("did not read its answers while we stop")

        return close_each(self._connections, self.clock, cut_off, grace_s)
