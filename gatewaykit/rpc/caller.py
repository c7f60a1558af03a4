"""A connection to a gateway, and calls over it: what every group of verbs is built on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from twisted.internet import defer, error
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp
from twisted.python.failure import Failure

from gatewaykit.errors import (
    CallTimeout,
    ConnectionFailed,
    NotFound,
    ProtocolViolation,
)
from gatewaykit.interfaces import Page, Record
from gatewaykit.rpc import verbs

CLOSE_S = 5.0


class ClientProtocol(amp.AMP):
    """The client's end: it asks and never answers.

    AMP would take a server's garbage for a bug of ours, and a ``StartTLS`` for an order.
    """

    transport: Any

    def __init__(self) -> None:
        super().__init__()
        self.lost: Deferred[None] = Deferred()

    def makeConnection(self, transport: Any) -> None:
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        amp.BinaryBoxProtocol.connectionLost(self, reason)
        self.transport = None
        self.lost.callback(None)

    def ampBoxReceived(self, box: amp.AmpBox) -> None:
        try:
            if amp.COMMAND in box:
                raise KeyError(amp.COMMAND)
            super().ampBoxReceived(box)
        except (KeyError, amp.NoEmptyBoxes):
            self.paused = True  # nothing behind it is looked at
            self.transport.abortConnection()


class Caller:
    """Calls with a deadline, which fail with the classes of `gatewaykit.errors` only.

    :param endpoint: what errors call the gateway.
    :param deadline_s: time that a call may take. What the gateway itself may take longer
        for, such as sending a message, has the gateway's time and a little more.
    """

    def __init__(
        self,
        protocol: ClientProtocol,
        clock: IReactorTime,
        endpoint: str,
        deadline_s: float = 30.0,
    ) -> None:
        self._protocol = protocol
        self._clock = clock
        self._endpoint = endpoint
        self._deadline_s = deadline_s

    def close(self) -> Deferred[None]:
        """Close the connection; calls that wait fail with `ConnectionFailed`.

        Fires when it is closed, also if it was lost before.
        """
        gone: Deferred[None] = Deferred()
        self._protocol.lost.chainDeferred(gone)
        if self._protocol.transport is None:
            return gone
        self._protocol.transport.loseConnection()
        abort = self._clock.callLater(CLOSE_S, self._protocol.transport.abortConnection)

        def closed(_: None) -> None:
            if abort.active():
                abort.cancel()

        return gone.addCallback(closed)

    async def _all(
        self, verb: type[verbs.Verb], **arguments: Any
    ) -> AsyncIterator[Record]:
        cursor: str | None = None
        while True:
            page = await self._call(verb, cursor=cursor, **arguments)
            for record in page["records"]:
                yield record
            cursor = page["cursor"]
            if cursor is None:
                return

    def _page(self, verb: type[verbs.Verb], **arguments: Any) -> Deferred[Page]:
        async def ask() -> Page:
            return Page(**await self._call(verb, **arguments))

        return Deferred.fromCoroutine(ask())

    def _value(
        self, verb: type[verbs.Verb], key: str, **arguments: Any
    ) -> Deferred[Any]:
        async def ask() -> Any:
            return (await self._call(verb, **arguments))[key]

        return Deferred.fromCoroutine(ask())

    def _done(self, verb: type[verbs.Verb], **arguments: Any) -> Deferred[None]:
        async def ask() -> None:
            await self._call(verb, **arguments)

        return Deferred.fromCoroutine(ask())

    async def _call(self, verb: type[verbs.Verb], **arguments: Any) -> dict[str, Any]:
        seconds = verb.patience_s(self._deadline_s)
        try:
            answer: dict[str, Any] = await maybeDeferred(
                self._protocol.callRemote, verb, **arguments
            ).addTimeout(seconds, self._clock)
        except defer.TimeoutError:
            raise CallTimeout(verb.name(), seconds) from None
        except error.ConnectionClosed as reason:
            raise ConnectionFailed(self._endpoint, str(reason)) from None
        except amp.UnhandledCommand:
            raise NotFound("verb", verb.name()) from None
        except amp.AmpError as reason:
            raise ProtocolViolation(str(reason)) from reason
        return answer
