"""The AMP server: connections with their limits, and one way through which every verb goes.

What AMP leaves open is closed here (guide 4): a box without end, answers to questions that
nobody asked, TLS in mid-stream, an error that was not declared and would end the connection
for every other call on it, a client that asks and never reads.
"""

from __future__ import annotations

import os
import secrets
import socket
import struct
from collections.abc import Callable, Mapping
from typing import Any, cast

from twisted.internet import defer
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, gatherResults, succeed
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
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    GatewayError,
    InternalError,
    StoreUnavailable,
)
from gatewaykit.interfaces import IHealth, IStore, Record
from gatewaykit.logs import LogLimiter
from gatewaykit.rpc.answers import Answer
from gatewaykit.rpc.arguments import encode_error
from gatewaykit.rpc.verbs import ERRORS, Verb
from gatewaykit.times import iso

BOX_BYTES = 256 * 1024
"""A request that is not complete by then never will be: AMP itself sets no end."""
BOX_TIME_S = 30.0
RUNNING_CALLS = 64
"""Calls of one connection that run at a time; the next are read when one has ended."""
RESERVED_CONNECTIONS = 16
"""Of the unix socket, so that viewers on TCP cannot lock out who runs the gateway."""
REFUSALS_A_MINUTE = 100
"""Refusals of one principal in the audit trail, which is kept for ever."""

log = Logger()


def identify(
    transport: ITransport, own_uid: Callable[[], int] = os.geteuid
) -> Principal | None:
    """Who is at the other end, as far as the kernel vouches for it; None for nobody."""
    peer = transport.getPeer()
    if isinstance(peer, IPv4Address | IPv6Address):
        return access.principal_of_address(peer.host, peer.port)
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

    principal: Principal
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
        self.principal = principal
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
            answer: amp.AmpBox = await self.factory.call(box, self.principal)
            return answer
        finally:
            self._running -= 1
            self._flow()


def _random_reference() -> str:
    return secrets.token_hex(4)


@implementer(IHealth)
class RpcFactory(ServerFactory):
    """Builds a `GatewayServer` for each client, and sees every call through.

    :param answers: what is served; other verbs are unknown to clients (`UnhandledCommand`).
    :param store: where the audit trail goes.
    :param identify: names the principal behind a transport, None to turn it away.
    :param deadline_s: time that one answer may take.
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
        max_connections: int = 256,
        deadline_s: float = 60.0,
        new_reference: Callable[[], str] = _random_reference,
    ) -> None:
        self.clock = clock
        self.identify = identify
        self._answers = {verb.commandName: (verb, answers[verb]) for verb in answers}
        self._store = store
        self._max_connections = max_connections
        self._deadline_s = deadline_s
        self._new_reference = new_reference
        self._connections: set[GatewayServer] = set()
        self._limiter = LogLimiter(clock)
        self._refusals: dict[str, tuple[int, int]] = {}

    def buildProtocol(self, addr: Any) -> GatewayServer | None:
        if isinstance(addr, IPv4Address | IPv6Address) and not (
            access.principal_of_address(addr.host, addr.port)
        ):
            self.note("client refused: not from this host", addr.host)
            return None
        room = self._max_connections
        if isinstance(addr, UNIXAddress):
            room += RESERVED_CONNECTIONS
        if len(self._connections) >= room:
            self.note(f"client refused: {room} are connected", addr)
            return None
        return GatewayServer(self)

    def note(self, text: str, peer: object) -> None:
        """Log what a peer did wrong, once in a while for each kind of wrong."""
        suppressed = self._limiter.should_log(text)
        if suppressed is not None:
            more = f" ({suppressed} more like it before)" if suppressed else ""
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "{text}{more}", text=text, more=more, peer=str(peer)
            )

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
        open_now = list(self._connections)
        if not open_now:
            return succeed(None)
        for connection in open_now:
            connection.hang_up()

        def cut_off() -> None:
            for connection in open_now:
                connection.abort("did not read its answers while we stop")

        timer = self.clock.callLater(grace_s, cut_off)

        def done(_: object) -> None:
            if timer.active():
                timer.cancel()

        return gatherResults([c.lost for c in open_now]).addCallback(done)

    async def call(self, box: amp.AmpBox, principal: Principal) -> amp.AmpBox:
        """Answer one request, or raise the `RemoteAmpError` that tells the client why not.

        Nothing else is ever raised: what AMP does not know closes the connection.
        """
        command = box[amp.COMMAND]
        if command not in self._answers:
            text = f"unknown verb {command[:100]!r}"
            raise amp.RemoteAmpError(amp.UNHANDLED_ERROR_CODE, text)
        verb, answer = self._answers[command]
        error: GatewayError | None = None
        try:
            response = await self._guarded(verb, answer, box, principal)
        except GatewayError as caught:
            error = caught
        if verb.changes and not await self._audited(verb, box, principal, error):
            # The client must not take for recorded what is not.
            error = error or StoreUnavailable("done, but the audit trail lacks it")
        metrics.rpc_calls.labels(verb.name(), _outcome(error)).inc()
        if error is not None:
            code = ERRORS[type(error)]
            raise amp.RemoteAmpError(code, encode_error(error))
        return response

    async def _guarded(
        self, verb: type[Verb], answer: Answer, box: amp.AmpBox, principal: Principal
    ) -> amp.AmpBox:
        """Whatever goes wrong in here is one of the errors that a verb may have."""
        try:
            access.check(principal, verb.name())
            arguments = verb.parseArguments(box, None)
            result = await Deferred.fromCoroutine(answer(**arguments)).addTimeout(
                self._deadline_s, self.clock
            )
            response: amp.AmpBox = verb.makeResponse(result, None)
        except defer.TimeoutError:
            raise CallTimeout(verb.name(), self._deadline_s) from None
        except Exception as error:
            if type(error) in ERRORS:
                raise
            reference = self._new_reference()
            log.failure(
                "{verb} failed, {reference}", verb=verb.name(), reference=reference
            )
            raise InternalError(reference) from error
        return response

    async def _audited(
        self,
        verb: type[Verb],
        box: amp.AmpBox,
        principal: Principal,
        error: GatewayError | None,
    ) -> bool:
        """Write down how the use of a verb ended; False if that could not be done."""
        if isinstance(error, AccessDenied) and not self._may_record_refusal(principal):
            self.note("refusals are left out of the audit trail", principal.origin)
            return True
        record = access.audit_record(
            principal,
            verb.name(),
            _as_text(verb, box),
            iso(int(self.clock.seconds() * 1000)),
            _outcome(error),
            verb.secrets,
        )
        try:
            await self._store.append_audit(record).addTimeout(
                self._deadline_s, self.clock
            )
        except Exception:  # noqa: BLE001 - whatever it is, the record is not there
            log.failure("no audit record of {record}", record=record)
            return False
        return True

    def _may_record_refusal(self, principal: Principal) -> bool:
        minute = int(self.clock.seconds() // 60)
        at, count = self._refusals.get(principal.name, (minute, 0))
        count = count + 1 if at == minute else 1
        self._refusals[principal.name] = (minute, count)
        return count <= REFUSALS_A_MINUTE


def _outcome(error: GatewayError | None) -> str:
    """How a call ended. No text of the error: it may hold an argument that is secret."""
    if error is None:
        return "done"
    if isinstance(error, AccessDenied):
        return "refused"
    return f"failed: {ERRORS[type(error)].decode()}"


def _as_text(verb: type[Verb], box: amp.AmpBox) -> dict[str, str]:
    """The arguments as they came, even those that could not be read."""
    return {
        name.decode(): box[name].decode("utf-8", "backslashreplace")
        for name, _ in verb.arguments
        if name in box
    }
