"""The JSON protocol of the SIM7600 daemon of 2025, for its unmodified clients.

One request at a time, one write an answer, nothing unasked, and always an answer: the old
client reads once, with no time limit of its own (facts/sim7600.md 1.1, 1.2). It only reads.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IHalfCloseableProtocol,
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
from gatewaykit.bridges import sim7600_replies as replies
from gatewaykit.bridges.json_requests import Request, Requests, Unreadable
from gatewaykit.errors import AccessDenied, DeviceTimeout, GatewayError
from gatewaykit.interfaces import IHealth, IModem, Record
from gatewaykit.logs import LogLimiter
from gatewaykit.rpc.peers import Faults, close_each, host_of

ANSWER_S = 2.5
"""Answers and halves of requests are not waited for longer: old callers poll in the handlers
of web pages."""
UNREAD_S = 10.0
"""A client that leaves more than the transport's 64 KiB unread for so long is dropped."""
WAITING_REQUESTS = 100
"""Of one connection; the old client has one."""
IDLE_S = 10.0
"""A client that has asked nothing for so long makes room where too many are connected: it
connects again with what it asks next (facts/sim7600.md 1.2), and programs that forget to
close do not lock others out."""

log = Logger()


@implementer(IPushProducer, IHalfCloseableProtocol)
class JsonConnection(Protocol):
    """One client."""

    transport: Any

    def __init__(self, factory: JsonFactory) -> None:
        self.lost: Deferred[None] = Deferred()
        self._owner = factory
        self._peer = "?"
        self._requests = Requests()
        self._half: IDelayedCall | None = None
        self._choked: IDelayedCall | None = None
        self._waiting: deque[tuple[Request | Unreadable, float]] = deque()
        self._serving = False
        self._asked_all = False
        self._ended = False

    @property
    def is_idle(self) -> bool:
        """Whether it has nothing to wait for."""
        return not (self._serving or self._waiting or self._requests.is_waiting)

    def connectionMade(self) -> None:
        self._owner.joined(self)
        principal = self._owner.identify(self.transport)
        if principal is None:
            self._peer = host_of(self.transport.getPeer())
            self.drop("unknown", "nobody we know")
            return
        self._principal = principal
        self._peer = principal.origin
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self.transport.registerProducer(self, True)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._end()
        self._owner.left(self)
        self.lost.callback(None)

    def readConnectionLost(self) -> None:
        """The client will ask nothing more; what it has asked is answered."""
        self._asked_all = True
        if self._half is not None:
            self._half.cancel()
            self._give_up()
        elif not self._serving and not self._waiting:
            self.hang_up()

    def writeConnectionLost(self) -> None:
        """We never end one direction alone."""

    def _end(self) -> None:
        self._ended = True
        self._waiting.clear()
        for timer in (self._half, self._choked):
            if timer is not None and timer.active():
                timer.cancel()
        self._half = self._choked = None

    def hang_up(self) -> None:
        """Close once everything written has been read by the client."""
        if not self._ended:
            self._end()
            self._choked = self._owner.clock.callLater(UNREAD_S, self._unread)
            # With a paused producer a transport would never come to its end.
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def drop(self, kind: str, reason: str) -> None:
        """Close at once.

        :param kind: the reason as metrics have it.
        """
        self._end()
        self._owner.dropped(kind, f"JSON client dropped: {reason}", self._peer)
        self.transport.abortConnection()

    def pauseProducing(self) -> None:
        """The client does not read its answers: it gets no more of them."""
        if self._choked is None and not self._ended:
            self._choked = self._owner.clock.callLater(UNREAD_S, self._unread)

    def _unread(self) -> None:
        self.drop("unread", f"read nothing for {UNREAD_S:g} s")

    def resumeProducing(self) -> None:
        if self._choked is not None:
            self._choked.cancel()
            self._choked = None
        self._serve()

    def stopProducing(self) -> None:
        """The connection is gone; `connectionLost` follows."""

    def dataReceived(self, data: bytes) -> None:
        if not self._ended:
            self._take(self._requests.receive(data))

    def _give_up(self) -> None:
        self._half = None
        self._take(self._requests.give_up())

    def _take(self, found: list[Request | Unreadable]) -> None:
        if len(self._waiting) + len(found) > WAITING_REQUESTS:
            self.drop("flood", f"more than {WAITING_REQUESTS} requests wait")
            return
        clock = self._owner.clock
        if self._half is not None and (found or not self._requests.is_waiting):
            self._half.cancel()
            self._half = None
        if self._half is None and self._requests.is_waiting:
            self._half = clock.callLater(ANSWER_S, self._give_up)
        due = clock.seconds() + ANSWER_S
        self._waiting.extend((request, due) for request in found)
        self._owner.heard(self)
        self._serve()

    def _serve(self) -> None:
        """Answer what waits, in order, as long as the client reads."""
        if self._serving or self._choked is not None or not self._waiting:
            return
        self._serving = True
        Deferred.fromCoroutine(self._answer_all()).addErrback(self._stumbled)

    def _stumbled(self, failure: Failure) -> None:
        log.failure("a JSON request found a bug", failure=failure, peer=self._peer)
        if not self._ended:
            self.drop("internal", "its request could not be answered")

    async def _answer_all(self) -> None:
        while self._waiting and self._choked is None:
            request, due = self._waiting.popleft()
            if isinstance(request, Unreadable):
                reply = replies.error_reply(request.error)
            else:
                patience = due - self._owner.clock.seconds()
                reply = await self._owner.answer(
                    request.value, self._principal, patience
                )
            if self._ended:
                return
            self.transport.write(json.dumps(reply).encode("ascii"))
            if isinstance(request, Unreadable) and request.fatal:
                self._owner.dropped("overlong", request.error, self._peer)
                self.hang_up()
        self._serving = False
        if self._asked_all and not self._waiting:
            self.hang_up()


@implementer(IHealth)
class JsonFactory(ServerFactory):
    """Builds a `JsonConnection` for each client and answers for the modem.

    :param modem: None where there is none.
    :param identify: names the principal behind a transport, None to turn it away.
    :param clock: measures time limits.
    """

    noisy = False
    name = "sim7600_json"

    def __init__(
        self,
        modem: IModem | None,
        identify: Callable[[ITransport], Principal | None],
        clock: IReactorTime,
        *,
        max_connections: int = 64,
    ) -> None:
        self.identify = identify
        self.clock = clock
        self._modem = modem
        self._max_connections = max_connections
        self._heard_at: dict[JsonConnection, float] = {}
        """Every connection, the one that has been silent for longest first."""
        self._open = metrics.bridge_connections.labels(self.name)
        self._faults = Faults(log, clock)
        self._bugs = LogLimiter(clock)

    def buildProtocol(self, addr: Any) -> JsonConnection | None:
        if len(self._heard_at) >= self._max_connections and not self._make_room():
            text = f"JSON client refused: {self._max_connections} are connected"
            self.dropped("limit", text, host_of(addr))
            return None
        return JsonConnection(self)

    def _make_room(self) -> bool:
        """Close the connection that has been idle for longest, if it has been for long."""
        before = self.clock.seconds() - IDLE_S
        for connection, heard_at in self._heard_at.items():
            if heard_at > before:
                return False
            if connection.is_idle:
                connection.drop("idle", "asked nothing, and too many are connected")
                self.left(connection)
                return True
        return False

    async def answer(self, value: Any, principal: Principal, patience: float) -> Record:
        """The reply to a request; never fails.

        :param patience: seconds that the modem may take.
        """
        method = replies.method_of(value)
        if not isinstance(method, str):
            return method
        ask, verb = {
            "is_available": (self._available, "ModemAvailable"),
            "get_network_status": (self._network, "NetworkStatus"),
            "get_gnss_location": (self._location, "GNSSLocation"),
        }[method]
        try:
            access.check(principal, verb)
        except AccessDenied as error:
            return replies.error_reply(str(error))
        return await ask(patience)

    async def _available(self, patience: float) -> Record:
        if self._modem is None:
            return replies.available_reply(False)
        try:
            record = await self._in_time(self._modem.available, patience)
            return replies.available_reply(bool(record["available"]))
        except GatewayError:
            return replies.available_reply(False)
        except Exception:  # noqa: BLE001 - the client waits for an answer without limit
            self._bug()
            return replies.available_reply(False)

    async def _network(self, patience: float) -> Record:
        if self._modem is None:
            return replies.network_reply(replies.no_network(replies.NO_MODEM))
        try:
            record = await self._in_time(self._modem.network_status, patience)
            return replies.network_reply(replies.network(record))
        except GatewayError as error:
            return replies.network_reply(replies.no_network(str(error)))
        except Exception:  # noqa: BLE001 - as above
            self._bug()
            return replies.network_reply(replies.no_network("Internal error"))

    async def _location(self, patience: float) -> Record:
        if self._modem is None:
            return replies.location_reply(False, None)
        try:
            due = self.clock.seconds() + patience
            record = await self._in_time(self._modem.location, patience)
            answers = True
            if record["stale"]:
                patience = due - self.clock.seconds()
                state = await self._in_time(self._modem.available, patience)
                answers = bool(state["available"])
            return replies.location_reply(*replies.location(record, answers=answers))
        except GatewayError:
            return replies.location_reply(False, None)
        except Exception:  # noqa: BLE001 - as above
            self._bug()
            return replies.location_reply(False, None)

    async def _in_time(
        self, ask: Callable[[], Deferred[Record]], patience: float
    ) -> Record:
        try:
            return await ask().addTimeout(max(patience, 0), self.clock)
        except defer.TimeoutError:
            raise DeviceTimeout("SIM7600", "a request", ANSWER_S) from None

    def _bug(self) -> None:
        if self._bugs.should_log("bug") is not None:
            log.failure("a JSON request could not be answered")

    def dropped(self, kind: str, text: str, peer: str) -> None:
        """Count a client that was not let in or stay; log it once in a while."""
        metrics.bridge_dropped.labels(self.name, kind).inc()
        self._faults.note(kind, text, peer)

    def joined(self, connection: JsonConnection) -> None:
        self.heard(connection)
        self._open.inc()

    def heard(self, connection: JsonConnection) -> None:
        """A client has said something."""
        self._heard_at.pop(connection, None)
        self._heard_at[connection] = self.clock.seconds()

    def left(self, connection: JsonConnection) -> None:
        if self._heard_at.pop(connection, None) is not None:
            self._open.dec()

    def health(self) -> Record:
        return {
            "status": "ok",
            "reason": None,
            "connections": len(self._heard_at),
            "max_connections": self._max_connections,
        }

    def close_all(self, grace_s: float = 2.0) -> Deferred[None]:
        """Close every connection; those that do not read are cut off after a while.

        Stop listening first. Fires when all of them are gone.
        """

        def cut_off(connection: JsonConnection) -> None:
            connection.drop("stopping", "did not read while we stop")

        return close_each(self._heard_at, self.clock, cut_off, grace_s)
