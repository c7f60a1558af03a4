"""LX200 over TCP: the mount for SkySafari, INDI, Stellarium and their kin, several at once.

Each command has one answer or none, in the order in which they came, and nothing is ever sent
unasked (facts/tts160.md 6.4). An answer that is not ready while its client waits is left out:
late, it would be taken for the next one's. Stops are done as soon as they are read, before what
waits, and what waited through one does not move the mount any more.

A connection is never closed because the mount is away: INDI reads from a closed one until its
buffer is full. Its clients hear nothing, or what its profile has for that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from ipaddress import ip_network
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IDelayedCall,
    IReactorTime,
    ITransport,
)
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.access import Network, Principal, Role
from gatewaykit.bridges.lx200_axes import Holder
from gatewaykit.bridges.lx200_connection import Lx200Connection
from gatewaykit.bridges.lx200_diary import Diary
from gatewaykit.bridges.lx200_profiles import PROFILES, Profile
from gatewaykit.bridges.lx200_sessions import Addresses, Settings
from gatewaykit.bridges.lx200_stops import Stops
from gatewaykit.bridges.lx200_uses import Belongings, Shared
from gatewaykit.interfaces import IHealth, IMount, IStore, Record
from gatewaykit.rpc import server
from gatewaykit.rpc.peers import Faults, close_each, host_of
from gatewaykit.rpc.trail import Trail
from gatewaykit.sections import Lx200Settings

LINGER_S = 15.0
"""The mount's position is kept fresh so long after the last connection: for clients that open
one for each question."""

log = Logger()


def identify(
    transport: ITransport, role: Role, networks: list[Network]
) -> Principal | None:
    """Who is at the other end: `lx200`, with the role of the settings, on this host or in one
    of the networks; elsewhere nobody."""
    found = server.identify(transport, networks=networks)
    if found is None:
        return None
    return attrs.evolve(found, name="lx200", roles=frozenset({role}))


class Door(ServerFactory):
    """One listener: builds connections with its profile."""

    noisy = False

    def __init__(self, factory: Lx200Factory, profile: Profile) -> None:
        self._owner = factory
        self._profile = profile

    def buildProtocol(self, addr: Any) -> Lx200Connection | None:
        if not self._owner.has_room(addr):
            return None
        return Lx200Connection(self._owner, self._profile)


@implementer(IHealth)
class Lx200Factory:
    """What all doors for LX200 clients have in common; `doors` gives them.

    :param store: where the audit trail goes.
    :param clock: measures time.
    :param wall_ms: milliseconds since the epoch.
    :param identify: names the principal behind a transport, None to turn it away; None for
        what the settings say.
    """

    name = "lx200"

    def __init__(
        self,
        mount: IMount,
        store: IStore,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        settings: Lx200Settings,
        *,
        identify: Callable[[ITransport], Principal | None] | None = None,
        max_connections: int = 64,
        max_per_address: int = 16,
    ) -> None:
        self.clock = clock
        self.identify = identify or _identifier(settings)
        self.shared = Shared(
            mount,
            clock,
            wall_ms,
            Stops(mount, clock),
            Diary(Trail(store, clock, wall_ms), clock),
            Addresses(
                lambda: Belongings(Settings(), Holder(mount, clock, is_shared=True))
            ),
        )
        self._settings = settings
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._connections: set[Lx200Connection] = set()
        self._of_host: Counter[str] = Counter()
        self._open = metrics.bridge_connections.labels(self.name)
        self._faults = Faults(log, clock)
        self._unwatch: Callable[[], None] | None = None
        self._linger: IDelayedCall | None = None

    def door(self, profile: str) -> Door:
        """A factory for clients that want this profile."""
        return Door(self, PROFILES[profile])

    def doors(self) -> Iterator[tuple[str, Door]]:
        """Endpoint strings of the settings, and what listens there."""
        listen, profiles = self._settings.listen, list(self._settings.profile)
        if len(profiles) == 1:
            profiles *= len(listen)
        for endpoint, profile in zip(listen, profiles, strict=True):
            yield endpoint, self.door(profile)

    def has_room(self, addr: Any) -> bool:
        """Whether one more may connect from there."""
        host = host_of(addr)
        for count, most, where in (
            (len(self._connections), self._max_connections, ""),
            (self._of_host[host], self._max_per_address, " from there"),
        ):
            if count >= most:
                text = f"LX200 client refused: {most} are connected{where}"
                self.dropped("limit", text, host)
                return False
        return True

    def dropped(self, kind: str, text: str, peer: str) -> None:
        """Count a client that was not let in or stay; log it once in a while."""
        metrics.bridge_dropped.labels(self.name, kind).inc()
        self._faults.note(kind, text, peer)

    def joined(self, connection: Lx200Connection) -> None:
        self._connections.add(connection)
        self._of_host[connection.host] += 1
        self._open.inc()

    def admitted(self) -> None:
        self._stay()
        if self._unwatch is None:
            self._unwatch = self.shared.mount.watch()

    def left(self, connection: Lx200Connection) -> None:
        self._connections.discard(connection)
        self._of_host[connection.host] -= 1
        if not self._of_host[connection.host]:
            del self._of_host[connection.host]
        self._open.dec()
        if not self._connections and self._linger is None:
            self._linger = self.clock.callLater(LINGER_S, self._look_away)

    def _stay(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _look_away(self) -> None:
        self._linger = None
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def health(self) -> Record:
        return {
            "status": "ok",
            "reason": None,
            "connections": len(self._connections),
            "max_connections": self._max_connections,
            "addresses": len(self._of_host),
        }

    def close_all(self, grace_s: float = 2.0) -> Deferred[Any]:
        """Close every connection and stop what their clients move.

        Stop listening first. Fires when all of them are gone, and all is written down.
        """

        def cut_off(connection: Lx200Connection) -> None:
            connection.drop("stopping", "did not read while we stop")

        async def close() -> None:
            await close_each(self._connections, self.clock, cut_off, grace_s)
            for belongings in self.shared.addresses.all():
                belongings.holder.release()
            self.shared.stops.close()
            self._stay()
            self._look_away()
            await self.shared.diary.close()

        return Deferred.fromCoroutine(close())


def _identifier(settings: Lx200Settings) -> Callable[[ITransport], Principal | None]:
    role = Role(settings.role)
    networks = [ip_network(text) for text in settings.allow_from]
    return lambda transport: identify(transport, role, networks)
