"""One LX200 connection: bytes in, orders in turn, answers out; its limits."""

from __future__ import annotations

import socket
from collections import deque
from typing import Any, cast
from typing import Protocol as Shape

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import access
from gatewaykit.access import Principal
from gatewaykit.bridges.lx200_client import Client
from gatewaykit.bridges.lx200_orders import Kind, Order, understand
from gatewaykit.bridges.lx200_profiles import Profile
from gatewaykit.bridges.lx200_requests import Request, Requests, Unreadable
from gatewaykit.bridges.lx200_uses import Due, Shared
from gatewaykit.errors import AccessDenied
from gatewaykit.rpc.peers import host_of

VERB = "MountStatus"
"""Who may use this verb may connect."""
MOST_WAITING = 100
"""Orders of a connection that wait for their turn; SkySafari sends a few in one packet."""
ORDERS_A_SECOND = 200
"""Of a connection; what is beyond waits in the network."""
IDLE_S = 300.0
"""A connection that has asked nothing for so long is closed; the usual ones poll."""
UNREAD_S = 30.0
"""A client that leaves more than the transport's 64 KiB unread for so long is dropped."""
KERNEL_BYTES = 64 * 1024
"""What the kernel may hold for a client on top; by itself it takes megabytes."""

log = Logger()


class Owner(Shape):
    """What a connection asks of the one that all have in common."""

    clock: IReactorTime
    shared: Shared

    def identify(self, transport: ITransport, /) -> Principal | None:
        """Who is at the other end."""

    def joined(self, connection: Lx200Connection) -> None:
        """It is there."""

    def admitted(self) -> None:
        """It may stay."""

    def left(self, connection: Lx200Connection) -> None:
        """It is gone."""

    def dropped(self, kind: str, text: str, peer: str) -> None:
        """Count one that was closed by us."""


@implementer(IPushProducer)
class Lx200Connection(Protocol):
    """One client."""

    transport: Any

    def __init__(self, owner: Owner, profile: Profile) -> None:
        self.lost: Deferred[None] = Deferred()
        self.host = "?"
        self._owner = owner
        self._profile = profile
        self._peer = "?"
        self._client: Client | None = None
        self._requests = Requests()
        self._waiting: deque[tuple[Order, Due]] = deque()
        self._heard_at = owner.clock.seconds()
        self._second, self._in_second = 0, 0
        self._idle: IDelayedCall | None = None
        self._choked: IDelayedCall | None = None
        self._throttled: IDelayedCall | None = None
        self._serving = False
        self._ended = False

    def connectionMade(self) -> None:
        self.host = host_of(self.transport.getPeer())
        self._peer = self.host
        self._owner.joined(self)
        principal = self._owner.identify(self.transport)
        if principal is None:
            self.drop("unknown", "nobody we know")
            return
        self._peer = principal.origin
        try:
            access.check(principal, VERB)
        except AccessDenied as error:
            self.drop("denied", str(error))
            return
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
            handle = cast(Any, self.transport).getHandle()
            if isinstance(handle, socket.socket):
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self.transport.registerProducer(self, True)
        self._owner.admitted()
        self._client = Client(self._owner.shared, self._profile, principal, self.host)
        self._idle = self._owner.clock.callLater(IDLE_S, self._idled)
        log.debug("LX200 client connected", peer=self._peer)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._end()
        if self._client is not None:
            self._client.gone()
        self._owner.left(self)
        log.debug(
            "LX200 client gone: {why}", why=reason.getErrorMessage(), peer=self._peer
        )
        self.lost.callback(None)

    def _end(self) -> None:
        self._ended = True
        self._waiting.clear()
        for timer in (self._idle, self._choked, self._throttled):
            if timer is not None and timer.active():
                timer.cancel()
        self._idle = self._choked = self._throttled = None

    def hang_up(self) -> None:
        """Close once everything written has been read by the client."""
        if self._ended:
            return
        self._end()
        # With a paused producer a transport would never come to its end.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def drop(self, kind: str, reason: str) -> None:
        """Close at once.

        :param kind: the reason as metrics have it.
        """
        self._end()
        self._owner.dropped(kind, f"LX200 client dropped: {reason}", self._peer)
        self.transport.abortConnection()

    def _idled(self) -> None:
        left_s = self._heard_at + IDLE_S - self._owner.clock.seconds()
        if left_s > 0:
            self._idle = self._owner.clock.callLater(left_s, self._idled)
        else:
            self.drop("idle", f"asked nothing for {IDLE_S:g} s")

    def pauseProducing(self) -> None:
        """The client does not read its answers: it gets no more of them."""
        if self._choked is None and not self._ended:
            self._choked = self._owner.clock.callLater(UNREAD_S, self._unread)

    def resumeProducing(self) -> None:
        if self._choked is not None:
            self._choked.cancel()
            self._choked = None
        self._serve()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    def _unread(self) -> None:
        self.drop("unread", f"read nothing for {UNREAD_S:g} s")

    def dataReceived(self, data: bytes) -> None:
        client = self._client
        if self._ended or client is None:
            return
        events = self._requests.receive(data)
        if len(self._waiting) + len(events) > MOST_WAITING:
            # A stop is a stop, whatever it drowns in.
            for text in {event.text for event in events if isinstance(event, Request)}:
                self._stop_by(understand(text), client)
            self.drop("flood", f"more than {MOST_WAITING} commands wait")
            return
        for event in events:
            if isinstance(event, Unreadable):
                self._serve()
                self.drop(event.kind, event.reason)
                return
            self._take(event, client)
        self._serve()

    def _take(self, request: Request, client: Client) -> None:
        clock = self._owner.clock
        self._heard_at = clock.seconds()
        self._count()
        due = client.heard()
        order = understand(request.text)
        if not self._stop_by(order, client):
            self._waiting.append((order, due))

    def _stop_by(self, order: Order, client: Client) -> bool:
        """Stop now if the order is to stop, before all that waits; whether it is."""
        is_stop = order.kind in {Kind.STOP, Kind.STOP_AXIS}
        if is_stop:
            client.stop(order)
        return is_stop

    def _count(self) -> None:
        """Read no more in this second than `ORDERS_A_SECOND`."""
        clock = self._owner.clock
        second = int(clock.seconds())
        if second != self._second:
            self._second, self._in_second = second, 0
        self._in_second += 1
        if self._in_second > ORDERS_A_SECOND and self._throttled is None:
            self.transport.pauseProducing()
            left_s = second + 1 - clock.seconds()
            self._throttled = clock.callLater(left_s, self._go_on)

    def _go_on(self) -> None:
        self._throttled = None
        self.transport.resumeProducing()

    def _serve(self) -> None:
        """Answer what waits, in order, as long as the client reads."""
        if not self._serving and self._waiting:
            self._serving = True
            serving = Deferred.fromCoroutine(self._answer_all())
            serving.addErrback(self._stumbled)

    def _stumbled(self, failure: Failure) -> None:
        log.failure("an LX200 command found a bug", failure=failure, peer=self._peer)
        if not self._ended:
            self.drop("internal", "its command could not be answered")

    async def _answer_all(self) -> None:
        client, clock = self._client, self._owner.clock
        assert client is not None
        while self._waiting and self._choked is None:
            order, due = self._waiting.popleft()
            answer = await client.answer(order, due)
            if self._ended:
                return
            if answer and clock.seconds() < due.at:
                self.transport.write(answer)
        self._serving = False
