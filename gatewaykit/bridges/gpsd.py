"""gpsd's protocol, so that gpspipe, cgps and gpsd's libraries find the modem's position.

Serves what it has to whoever may see it; nothing that a client asks changes anything.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import access, metrics
from gatewaykit.access import Principal
from gatewaykit.bridges import gpsd_objects as objects
from gatewaykit.bridges.gpsd_feed import Feed
from gatewaykit.bridges.gpsd_requests import Policy, Request, Requests, json_object
from gatewaykit.errors import AccessDenied
from gatewaykit.interfaces import IHealth, IModem, Record
from gatewaykit.rpc.peers import Faults, close_each, host_of

VERB = "GNSSLocation"
"""Who may use this verb may watch."""
UNREAD_S = 30.0
"""A client that leaves more than the transport's 64 KiB unread for so long is dropped."""
KERNEL_BYTES = 64 * 1024
"""What the kernel may hold for a client on top; by itself it takes megabytes."""

log = Logger()


@implementer(IPushProducer)
class GpsdConnection(Protocol):
    """One client."""

    transport: Any
    unread_s = UNREAD_S

    def __init__(self, factory: GpsdFactory) -> None:
        self.factory = factory
        self.policy = Policy()
        self.lost: Deferred[None] = Deferred()
        self._requests = Requests()
        self._peer = "?"
        self._choked: IDelayedCall | None = None
        self._asking = False
        self._serving = False
        self._held = False
        self._ended = False

    def connectionMade(self) -> None:
        self.factory.joined(self)
        principal = self.factory.identify(self.transport)
        if principal is None:
            self._peer = host_of(self.transport.getPeer())
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
            if isinstance(handle, socket.socket):  # not with TLS
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
        self.transport.registerProducer(self, True)
        log.debug("gpsd client {who} connected", who=principal.name, peer=self._peer)
        self._write(objects.VERSION)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._ended = True
        if self._choked is not None:
            self._choked.cancel()
            self._choked = None
        self.factory.left(self)
        log.debug(
            "gpsd client gone: {why}", why=reason.getErrorMessage(), peer=self._peer
        )
        self.lost.callback(None)

    def hang_up(self) -> None:
        """Close once everything written has been read by the client."""
        if self._ended:
            return
        self._ended = True
        # With a paused producer a transport would never come to its end.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def drop(self, kind: str, reason: str) -> None:
        """Close at once.

        :param kind: the reason as metrics have it.
        """
        self._ended = True
        self.factory.dropped(kind, f"gpsd client dropped: {reason}", self._peer)
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """The client does not read: nothing more is written, or taken from it."""
        if self._choked is None:
            clock = self.factory.clock
            self._choked = clock.callLater(self.unread_s, self._unread)
        self._flow()

    def resumeProducing(self) -> None:
        if self._choked is not None:
            self._choked.cancel()
            self._choked = None
        self._serve()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    def _unread(self) -> None:
        self._choked = None
        self.drop("unread", f"read nothing for {self.unread_s:g} s")

    def dataReceived(self, data: bytes) -> None:
        if not self._ended:
            self._requests.receive_data(data)
            self._serve()

    def _serve(self) -> None:
        """Answer what has been asked, in order, as long as the client reads."""
        if self._serving:
            return
        self._serving = True
        while not (self._ended or self._asking) and self._choked is None:
            request = self._requests.next_request()
            if request is None:
                break
            self._asking = True
            answer = Deferred.fromCoroutine(self._answer(request))
            answer.addErrback(self._stumbled)
            answer.addCallback(self._answered)
        self._serving = False
        self._flow()

    def _stumbled(self, failure: Failure) -> None:
        log.failure("a gpsd request found a bug", failure=failure, peer=self._peer)
        if not self._ended:
            self.drop("internal", "its request could not be answered")

    def _answered(self, _: None) -> None:
        self._asking = False
        self._serve()

    def _flow(self) -> None:
        held = self._asking or self._choked is not None
        if self._ended or held == self._held:
            return
        self._held = held
        if held:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def _write(self, *lines: str) -> None:
        if not self._ended:
            self.transport.write(objects.line(*lines))

    def stream(self, data: bytes) -> None:
        """Pass on a part of the stream, or leave it out while the client reads nothing."""
        if self._choked is None and not self._ended:
            self.transport.write(data)

    async def _answer(self, request: Request) -> None:
        feed = self.factory.feed
        if request.name == "VERSION":
            self._write(objects.VERSION)
        elif request.name == "POLL":
            watching = self.policy.enable
            self._write(await feed.poll() if watching else feed.idle_poll())
        elif request.name == "DEVICES":
            await feed.presence()
            self._write(feed.devices_object())
        elif request.name == "DEVICE":
            wanted = json_object(request.value or "") or {}
            if self._knows(wanted.get("path")):
                await feed.presence()
                self._write(feed.device_object())
        elif request.name == "WATCH":
            await self._watch(request.value)
        else:
            self._write(objects.unrecognized(request.text))

    async def _watch(self, value: str | None) -> None:
        policy = self.policy if value is None else self.policy.updated(value)
        if not self._knows(policy.device):
            return
        feed = self.factory.feed
        await feed.presence()
        self._write(feed.devices_object(), objects.watch(policy))
        self.policy = policy
        # The stream may begin at once, and has to come behind the answer.
        self.factory.follow()

    def _knows(self, path: Any) -> bool:
        """Whether a request may name this device; the client is told if not."""
        if not isinstance(path, str) or path in {"", self.factory.feed.device}:
            return True
        self._write(objects.no_such_device(path))
        return False


@implementer(IHealth)
class GpsdFactory(ServerFactory):
    """Builds a `GpsdConnection` for each client; all of them share one `Feed`.

    :param modem: whose position it is.
    :param identify: names the principal behind a transport, None to turn it away.
    :param clock: measures time.
    :param wall_ms: milliseconds since the epoch.
    :param device: the path that clients are told.
    :param trusted_s: how long a position goes out again while the modem says nothing new;
        it has to be longer than the time between the modem's reads.
    """

    noisy = False
    name = "gpsd"

    def __init__(
        self,
        modem: IModem,
        identify: Callable[[ITransport], Principal | None],
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        device: str,
        baudrate: int,
        *,
        max_connections: int = 64,
        trusted_s: float = 5.0,
    ) -> None:
        self.identify = identify
        self.clock = clock
        self.feed = Feed(modem, clock, wall_ms, device, baudrate, self, trusted_s)
        self._max_connections = max_connections
        self._connections: set[GpsdConnection] = set()
        self._open = metrics.bridge_connections.labels(self.name)
        self._faults = Faults(log, clock)

    def buildProtocol(self, addr: Any) -> GpsdConnection | None:
        if len(self._connections) >= self._max_connections:
            text = f"gpsd client refused: {self._max_connections} are connected"
            self.dropped("limit", text, host_of(addr))
            return None
        return GpsdConnection(self)

    def dropped(self, kind: str, text: str, peer: str) -> None:
        """Count a client that was not let in or stay; log it once in a while."""
        metrics.bridge_dropped.labels(self.name, kind).inc()
        self._faults.note(kind, text, peer)

    def joined(self, connection: GpsdConnection) -> None:
        self._connections.add(connection)
        self._open.inc()

    def left(self, connection: GpsdConnection) -> None:
        self._connections.discard(connection)
        self._open.dec()
        self.follow()

    def follow(self) -> None:
        """Have the feed follow what the clients want by now."""
        policies = [connection.policy for connection in self._connections]
        self.feed.follow(
            json=any(policy.wants_json for policy in policies),
            nmea=any(policy.wants_nmea for policy in policies),
        )

    def tell_json(self, data: bytes) -> None:
        for connection in list(self._connections):
            if connection.policy.wants_json:
                connection.stream(data)

    def tell_nmea(self, data: bytes) -> None:
        for connection in list(self._connections):
            if connection.policy.wants_nmea:
                connection.stream(data)

    def health(self) -> Record:
        return {
            "status": "ok",
            "reason": None,
            "connections": len(self._connections),
            "max_connections": self._max_connections,
            "watching": sum(c.policy.enable for c in self._connections),
        }

    def close_all(self, grace_s: float = 2.0) -> Deferred[None]:
        """Close every connection; those that do not read are cut off after a while.

        Stop listening first. Fires when all of them are gone.
        """

        def cut_off(connection: GpsdConnection) -> None:
            connection.drop("stopping", "did not read while we stop")

        return close_each(self._connections, self.clock, cut_off, grace_s)
