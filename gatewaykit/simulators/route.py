"""Where a tracker connects: where its fleet does, until a command says otherwise."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit.simulators.device_settings import Server
from gatewaykit.simulators.tracker import Tracker


@implementer(IStreamClientEndpoint)
class Route:
    """Of one tracker.

    A device that was told two servers tries the backup when it can't reach the main one,
    and goes round until it reaches either.

    :param home: where it connects while no command told it a server.
    """

    def __init__(
        self, reactor: Any, home: IStreamClientEndpoint, tracker: Tracker
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._tracker = tracker
        self._turn = 0
        self._told: tuple[Server, ...] = ()

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        servers = self._tracker.servers
        if not servers:
            return self._home.connect(factory)
        if servers != self._told:
            self._told, self._turn = servers, 0
        host, port = servers[self._turn % len(servers)]
        endpoint = HostnameEndpoint(self._reactor, host.encode("ascii"), port)
        return endpoint.connect(factory).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        self._turn += 1
        return failure
