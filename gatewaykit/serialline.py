"""The line to a device: a serial port, or one that another host has attached to the network.

`line_endpoint` connects once and says plainly why it could not; `line_service` holds the
connection: it tries for ever, with growing delays, and looks the path up anew each time, so
that a device which comes back under another name of the same link is found.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, cast

from twisted.application.internet import ClientService
from twisted.internet import error
from twisted.internet.defer import CancelledError, Deferred, execute
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IDelayedCall,
    IProtocol,
    IProtocolFactory,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger, LogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.fields import TCP_PORT
from gatewaykit.serialport import ExclusiveSerialPort, SerialAddress

log = Logger()

DELAYS_S = (1.0, 2.0, 5.0, 10.0)
"""Between attempts; the last one for ever. Shorter than the 30 s of facts/sim7600.md 7: what
is plugged in again is found within 11 s, and a look at a path costs nothing."""
STABLE_S = 60.0
"""A connection that lived shorter counts as one more failure: a device that comes and goes
is not hammered."""
CONNECT_TIMEOUT_S = 10
_NOT_CONNECTED = "not connected yet"

_SOCKET_OPTIONS = (
    # A silent peer: asked after 30 s, given up after three more times 10 s ...
    (socket.TCP_KEEPIDLE, 30),
    (socket.TCP_KEEPINTVL, 10),
    (socket.TCP_KEEPCNT, 3),
    # ... and the same for one that does not acknowledge what was sent, in ms.
    (socket.TCP_USER_TIMEOUT, 60_000),
)


@implementer(IStreamClientEndpoint)
class SerialEndpoint:
    def __init__(self, reactor: Any, path: str, baudrate: int) -> None:
        self._reactor = reactor
        self._path = path
        self._baudrate = baudrate

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fails with `DeviceUnavailable`."""
        return execute(self._open, factory)

    def _open(self, factory: IProtocolFactory) -> IProtocol:
        protocol = factory.buildProtocol(SerialAddress(self._path))
        if protocol is None:
            raise DeviceUnavailable(self._path, "not wanted now")
        ExclusiveSerialPort(protocol, self._path, self._reactor, self._baudrate)
        return protocol


@implementer(IStreamClientEndpoint)
class TCPLineEndpoint:
    """What ``tcp:HOST:PORT`` names: raw bytes, as ser2net gives them (no RFC 2217)."""

    def __init__(self, reactor: Any, port: str) -> None:
        self._port = port
        self._endpoint: HostnameEndpoint | None = None
        parts = TCP_PORT.fullmatch(port)
        if parts is not None and 0 < int(parts[3]) < 65536:
            self._endpoint = HostnameEndpoint(
                reactor, parts[1] or parts[2], int(parts[3]), CONNECT_TIMEOUT_S
            )

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fails with `DeviceUnavailable`."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        if self._endpoint is None:
            reason = "a TCP-attached port is tcp:HOST:PORT, PORT from 1 to 65535"
            raise DeviceUnavailable(self._port, reason)
        try:
            protocol = await self._endpoint.connect(factory)
        # HostnameEndpoint has a ValueError for what cannot be a host name.
        except (error.ConnectError, error.DNSLookupError, ValueError) as why:
            raise DeviceUnavailable(self._port, _tcp_reason(why)) from why
        _tune(cast(Any, protocol).transport)
        return protocol


def _tcp_reason(why: Exception) -> str:
    match why:
        case error.ConnectionRefusedError():
            return "connection refused"
        case error.TimeoutError() | error.TCPTimedOutError():
            return f"no answer within {CONNECT_TIMEOUT_S} s"
        case error.DNSLookupError():
            return "no such host"
        case error.NoRouteError():
            return "no route to the host"
        case error.ConnectError(osError=int(code)):
            return os.strerror(code)
    return str(why)


def _tune(transport: Any) -> None:
    """Send at once, and notice within about a minute that the peer is gone."""
    # A connection that was reset already may refuse all this; that is noticed anyway.
    with suppress(OSError):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        for option, value in _SOCKET_OPTIONS:
            transport.getHandle().setsockopt(socket.IPPROTO_TCP, option, value)


def line_endpoint(reactor: Any, port: str, baudrate: int) -> IStreamClientEndpoint:
    """The endpoint of a path, or of ``tcp:HOST:PORT``, where the host sets the speed.

    Its `connect` fails with `DeviceUnavailable`, with a reason for users.
    """
    if port.startswith("tcp:"):
        return TCPLineEndpoint(reactor, port)
    return SerialEndpoint(reactor, port, baudrate)


@implementer(IStreamClientEndpoint)
class _Watch:
    """The endpoint as the service sees it: keeps the reason of the last failure, tells of
    changes, and knows how long to wait."""

    def __init__(
        self,
        clock: IReactorTime,
        port: str,
        endpoint: IStreamClientEndpoint,
        delays: Sequence[float],
        jitter: Callable[[], float],
        stable_s: float,
    ) -> None:
        self.trouble: str | None = _NOT_CONNECTED
        self.protocol: IProtocol | None = None
        self.stopped = False
        self._clock = clock
        self._port = port
        self._endpoint = endpoint
        self._delays = delays
        self._jitter = jitter
        self._stable_s = stable_s
        self._connected_at = 0.0
        self._failures = 0

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        connecting: Deferred[IProtocol] = self._endpoint.connect(factory)
        return connecting.addCallbacks(self._connected, self._failed)

    def _connected(self, protocol: IProtocol) -> IProtocol:
        self.trouble, self.protocol = None, protocol
        self._connected_at = self._clock.seconds()
        device = os.path.realpath(self._port) if os.path.islink(self._port) else ""  # noqa: PTH114 - a NUL in the path is no link
        where = f" ({device})" if device else ""
        log.info("{port}{where} is connected", port=self._port, where=where)
        return protocol

    def _failed(self, failure: Failure) -> Failure:
        # A look-up of a name that was cancelled fails like one that found nothing.
        if self.stopped or failure.check(CancelledError):
            return failure
        why = failure.value
        if isinstance(why, DeviceUnavailable):
            if why.reason != self.trouble:
                self.trouble = why.reason
                log.warn(  # noqa: G010 - the name that Twisted's Logger has
                    "{port} is not available, trying on: {reason}",
                    port=self._port,
                    reason=why.reason,
                )
        elif self.trouble != (trouble := f"internal error: {why}"):
            self.trouble = trouble
            log.failure("{port} could not be used", failure, port=self._port)
        return failure

    def delay(self, attempt: int) -> float:
        """How long to wait after a failed attempt, or after a connection was lost. The
        service's count is of no use: it begins anew with each connection."""
        if self.protocol is not None:
            self.protocol, self.trouble = None, "the connection was lost"
            lived_s = self._clock.seconds() - self._connected_at
            if lived_s >= self._stable_s:
                self._failures = 0
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "{port} was lost after {lived_s:.0f} s",
                port=self._port,
                lived_s=lived_s,
            )
        delay = self._delays[min(self._failures, len(self._delays) - 1)]
        self._failures += 1
        return delay + self._jitter()


class LineService(ClientService):
    """A `ClientService` that says what the trouble is, and whose stop comes to an end."""

    stop_timeout_s = 3.0
    """How long a stop waits for what is still to be sent."""

    # ClientService tells of every single attempt; the changes are told by `_Watch`.
    _log = Logger(observer=LogPublisher())

    def __init__(
        self, clock: IReactorTime, watch: _Watch, factory: IProtocolFactory
    ) -> None:
        super().__init__(watch, factory, retryPolicy=watch.delay, clock=clock)
        self._clock = clock
        self._watch = watch
        self._stopping: Deferred[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why there is no connection; None while there is one. The protocol's
        `connectionMade` and `connectionLost` come before it changes."""
        return self._watch.trouble

    def startService(self) -> None:
        self._watch.stopped = False
        super().startService()

    def stopService(self) -> Deferred[None]:
        """May be called again, also by whom it calls back: ClientService's machine cannot
        be asked in that moment."""
        if self.running:
            self._watch.stopped = True
            abort = self._clock.callLater(self.stop_timeout_s, self._abort)
            self._stopping = super().stopService().addBoth(self._finish, abort)
        stopped: Deferred[None] = Deferred()
        if self._stopping is None or self._stopping.called:
            stopped.callback(None)
        else:
            self._stopping.chainDeferred(stopped)
        return stopped

    def _abort(self) -> None:
        if self._watch.protocol is not None:
            cast(Any, self._watch.protocol).transport.abortConnection()

    def _finish(self, result: None, abort: IDelayedCall) -> None:
        if abort.active():
            abort.cancel()
        if not self.running:  # and not started again meanwhile
            self._watch.protocol, self._watch.trouble = None, _NOT_CONNECTED
        return result


def line_service(
    reactor: Any,
    port: str,
    baudrate: int,
    factory: IProtocolFactory,
    *,
    delays: Sequence[float] = DELAYS_S,
    jitter: Callable[[], float] = random.random,
    stable_s: float = STABLE_S,
) -> LineService:
    """A service that keeps the line to `port` connected to a protocol of `factory`.

    :param delays: seconds between attempts, the last one for ever.
    :param jitter: seconds to add to each delay, asked anew each time.
    :param stable_s: a connection that lived shorter does not start the delays anew.
    """
    endpoint = line_endpoint(reactor, port, baudrate)
    watch = _Watch(reactor, port, endpoint, delays, jitter, stable_s)
    return LineService(reactor, watch, factory)
