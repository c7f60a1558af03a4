"""Ordered start and stop with deadlines, and listeners that fail loudly.

Twisted's `MultiService` starts its children without waiting for any and stops them all at
once; its endpoint service logs a port in use and runs on deaf (twisted_guide.md 1.3, 5.4).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import IService, Service
from twisted.internet import defer
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, maybeDeferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IProtocolFactory,
    IReactorTime,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from gatewaykit import endpoints

log = Logger()


class OrderedService(Service):
    """Starts its children in the order they were added, each after the one before is up,
    and stops them in reverse, each within its deadline.

    A child's `startService` and `stopService` may return Deferreds. When a start fails,
    those that were up are stopped and `on_failure` is told.
    """

    def __init__(
        self, clock: IReactorTime, on_failure: Callable[[Failure], object]
    ) -> None:
        self._clock = clock
        self._on_failure = on_failure
        self._children: list[tuple[IService, float]] = []
        self._up: list[tuple[IService, float]] = []
        self._starting: Deferred[None] | None = None

    def add(self, child: IService, deadline_s: float = 10.0) -> None:
        """Add a child; `deadline_s` bounds its stop. A start may take its time: it may
        have a damaged database to read."""
        self._children.append((child, deadline_s))

    def startService(self) -> None:
        super().startService()
        self._starting = Deferred.fromCoroutine(self._start())
        self._starting.addErrback(self._failed)

    async def _start(self) -> None:
        for child, deadline_s in self._children:
            if not self.running:
                break
            # Up from here on: a start that was broken off has something to stop as well.
            self._up.append((child, deadline_s))
            await maybeDeferred(child.startService)
        self._starting = None

    async def _give_up(self, failure: Failure) -> None:
        self._starting = None
        await self._stop()
        self._on_failure(failure)

    def _failed(self, failure: Failure) -> Deferred[None] | None:
        if failure.check(CancelledError) and not self.running:
            return None
        return Deferred.fromCoroutine(self._give_up(failure))

    async def _stop(self) -> None:
        while self._up:
            child, deadline_s = self._up.pop()
            try:
                stopped = maybeDeferred(child.stopService)
                await stopped.addTimeout(deadline_s, self._clock)
            except defer.TimeoutError:
                log.error(
                    "{child} did not stop within {deadline_s:g} s",
                    child=child,
                    deadline_s=deadline_s,
                )
            except Exception:  # noqa: BLE001 - logged, and no child may hinder another
                log.failure("{child} did not stop in order", child=child)

    async def _stop_after_start(self) -> None:
        starting, self._starting = self._starting, None
        if starting is not None:
            # What is half up can hardly be stopped in order: let it finish, within the
            # deadline of its stop, and break it off then.
            await starting.addTimeout(self._up[-1][1], self._clock)
        await self._stop()

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop_after_start())


class ListenerService(Service):
    """Listens with one factory on any number of endpoint strings.

    `stop_listening` and `start_listening` close and open the door while the service runs;
    connections that are there stay. A door that was closed before the start stays closed.
    """

    retry_s = 5.0
    """How long to wait before trying again for a place that somebody else took between
    `stop_listening` and `start_listening`."""

    def __init__(
        self,
        endpoint_strings: Sequence[str],
        factory: IProtocolFactory,
        reactor: Any,
        key: str,
    ) -> None:
        self.key = key
        self.ports: list[IListeningPort] = []
        """What is bound now."""
        self._strings = list(endpoint_strings)
        self._factory = factory
        self._reactor = reactor
        self._held = False
        self._turn = DeferredLock()
        self._retry: IDelayedCall | None = None

    def __repr__(self) -> str:
        return f"<listeners of {self.key}>"

    def startService(self) -> Deferred[None]:
        """Fires when all endpoints listen. Fails with `ConfigError` if one cannot; then
        none of them does."""
        super().startService()
        return Deferred.fromCoroutine(self._settle())

    def stopService(self) -> Deferred[None]:
        super().stopService()
        self._forget_retry()
        return Deferred.fromCoroutine(self._settle())

    def stop_listening(self) -> Deferred[None]:
        """Close the door: the kernel refuses whoever connects from now on."""
        self._held = True
        self._forget_retry()
        return Deferred.fromCoroutine(self._settle())

    def start_listening(self) -> Deferred[None]:
        """Open the door again. Where that fails it is logged and tried until it works."""
        self._held = False
        self._forget_retry()
        return Deferred.fromCoroutine(self._settle()).addErrback(self._try_later)

    async def _settle(self) -> None:
        """Bring the ports to what is wanted; one call at a time, the last one wins."""
        async with self._turn:
            if not self.running or self._held:
                await self._close()
            elif not self.ports:
                await self._open()

    async def _open(self) -> None:
        for text in self._strings:
            place = endpoints.locate(text)
            if place.path is not None:
                endpoints.remove_stale_socket(place.path)
            endpoint = endpoints.server_endpoint(self._reactor, text)
            try:
                port = await endpoint.listen(self._factory)
            except Exception as error:
                await self._close()
                raise endpoints.unavailable(self.key, text, error) from error
            self.ports.append(port)
            log.info("listening on {where} ({key})", where=_where(port), key=self.key)

    async def _close(self) -> None:
        ports, self.ports = self.ports, []
        for port in ports:
            where = _where(port)
            await maybeDeferred(port.stopListening)
            log.info(
                "no longer listening on {where} ({key})", where=where, key=self.key
            )

    def _try_later(self, failure: Failure) -> None:
        log.error("{reason}; trying again", reason=failure.getErrorMessage())
        self._retry = self._reactor.callLater(self.retry_s, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self.start_listening()

    def _forget_retry(self) -> None:
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None


def _where(port: IListeningPort) -> str:
    host = port.getHost()
    if isinstance(host, UNIXAddress):
        return f"unix {os.fsdecode(host.name or b'?')}"
    assert isinstance(host, IPv4Address | IPv6Address)
    return f"tcp {host.host} port {host.port}"


class Part(Service):
    """A child of `OrderedService` made of two functions, which may return Deferreds."""

    def __init__(
        self,
        title: str,
        start: Callable[[], object] | None = None,
        stop: Callable[[], object] | None = None,
    ) -> None:
        self._title = title
        self._start = start
        self._stop = stop

    def __repr__(self) -> str:
        return f"<{self._title}>"

    def startService(self) -> object:
        super().startService()
        return self._start() if self._start is not None else None

    def stopService(self) -> object:
        super().stopService()
        return self._stop() if self._stop is not None else None
