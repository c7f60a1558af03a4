"""Many simulated trackers in one process, each on a connection of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import attrs
from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IAddress, IReactorTime, ITCPTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from gatewaykit.errors import MisuseError
from gatewaykit.simulators.encoding import Encoder, Report
from gatewaykit.simulators.ledger import Ledger
from gatewaykit.simulators.route import Route
from gatewaykit.simulators.tracker import Acknowledged, Behaviour, Stats, Tracker
from gatewaykit.simulators.vehicle import Vehicle, imei

_CLOSE_S = 3.0


class Link(Protocol):
    """One connection of a tracker."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def connectionMade(self) -> None:
        transport: ITCPTransport = self.transport  # type: ignore[assignment]
        transport.setTcpNoDelay(True)
        self._tracker.connected(transport)

    def dataReceived(self, data: bytes) -> None:
        self._tracker.received(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._tracker.disconnected()


class Links(Factory):
    noisy = False

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def buildProtocol(self, addr: IAddress | None) -> Link:
        return Link(self._tracker)


class SimulatedFleet:
    """GV50s that drive around and report to one server.

    The same seed and the same time give the same vehicles, tracks and frames. Time is
    `wall` at the start and goes on with the reactor's clock.

    :param seed: also chooses the IMEIs: fleets of different seeds are different devices.
    :param behaviour: how the devices are configured; `interval` overrides its interval.
    :param ledger: a file that gets a line for each SACK of a report, see `Ledger`.
    :param backoff: shortest and longest pause before a vehicle connects again.
    :param connect_rate: vehicles that connect in a second, at first.
    :param acknowledged: called with each SACK of a report, after the ledger.
    """

    def __init__(
        self,
        reactor: Any,
        host: str,
        port: int,
        vehicles: int = 20,
        interval: float | None = None,
        seed: int = 0,
        *,
        behaviour: Behaviour = Behaviour(),  # noqa: B008 - frozen
        ledger: Path | None = None,
        backoff: tuple[float, float] = (1.0, 30.0),
        connect_rate: float = 500.0,
        wall: Callable[[], float] = time.time,
        acknowledged: Acknowledged | None = None,
    ) -> None:
        if interval is not None:
            behaviour = attrs.evolve(behaviour, interval=interval)
        if behaviour.interval == 0 and not behaviour.sack:
            raise MisuseError("interval", 0, "above 0 where no SACK is waited for")
        self.behaviour = behaviour
        self.last_error: str | None = None
        """Why a vehicle could not connect, None while none failed."""
        self._reactor = reactor
        self._server = (host, port)
        self._endpoint = HostnameEndpoint(reactor, host.encode("ascii"), port)
        self._vehicles = vehicles
        self._seed = seed
        self._backoff = backoff
        self._connect_rate = connect_rate
        self._wall = wall
        self._ledger = None if ledger is None else Ledger(ledger)
        self._listener = acknowledged
        self._stats = Stats()
        self._trackers: list[Tracker] = []
        self._services: list[ClientService] = []
        self._connect_call: Any = None
        self._not_done = vehicles
        self._waiters: list[Deferred[None]] = []

    @property
    def imeis(self) -> list[str]:
        return [imei(self._seed, index) for index in range(self._vehicles)]

    @property
    def trackers(self) -> dict[str, Tracker]:
        """The devices by IMEI, once it has started."""
        return {tracker.imei: tracker for tracker in self._trackers}

    @property
    def stats(self) -> Stats:
        """The figures of now."""
        outboxes = [tracker.outbox for tracker in self._trackers]
        return attrs.evolve(
            self._stats,
            outstanding=sum(outbox.outstanding for outbox in outboxes),
            waiting=sum(outbox.waiting for outbox in outboxes),
            dropped=sum(outbox.dropped for outbox in outboxes),
        )

    @property
    def is_done(self) -> bool:
        """Whether every vehicle made its `count` of reports and got rid of them."""
        return self._not_done == 0

    def when_done(self) -> Deferred[None]:
        """Fires once `is_done`; never without a `count`."""
        if self.is_done:
            return succeed(None)
        waiter: Deferred[None] = Deferred()
        self._waiters.append(waiter)
        return waiter

    def start(self) -> None:
        clock: IReactorTime = self._reactor
        wall, began = self._wall(), clock.seconds()

        def now() -> float:
            return wall + clock.seconds() - began

        driving = self._vehicles - self.behaviour.parked
        for index, number in enumerate(self.imeis):
            tracker = self._tracker(number, now, wall, stays=index >= driving)
            self._trackers.append(tracker)
        for tracker in self._trackers:
            tracker.start()
        self._connect_next()

    def stop(self) -> Deferred[None]:
        """Close all connections; leaves nothing behind in the reactor."""
        return Deferred.fromCoroutine(self._stop())

    def _tracker(
        self, number: str, now: Callable[[], float], start: float, *, stays: bool
    ) -> Tracker:
        behaviour = self.behaviour
        vehicle = Vehicle(
            Encoder(number, behaviour.zone_minutes),
            Random(f"{number} drives"),  # noqa: S311 - repeatable, not secret
            start,
            behaviour.interval,
            behaviour.parked_interval,
            behaviour.block_level,
            stays=stays,
        )
        tracker = Tracker(
            vehicle,
            behaviour,
            self._reactor,
            now,
            Random(f"{number} fails"),  # noqa: S311
            self._stats,
            self._acknowledged,
            self._tracker_done,
            server=self._server,
            powered_off=lambda: self._powered_off(tracker),
        )
        return tracker

    def _connect_next(self) -> None:
        """Not all at once: the backlog of a listening socket is short."""
        tracker = self._trackers[len(self._services)]
        random = Random(f"{tracker.imei} connects")  # noqa: S311
        shortest, longest = self._backoff
        service = ClientService(
            Route(self._reactor, self._endpoint, tracker),
            Links(tracker),
            retryPolicy=backoffPolicy(
                shortest, longest, jitter=lambda: shortest * random.random()
            ),
            clock=self._reactor,
        )
        self._services.append(service)
        service.startService()
        service.whenConnected(failAfterFailures=1).addErrback(self._failed_to_connect)
        self._connect_call = None
        if len(self._services) < len(self._trackers):
            self._connect_call = self._reactor.callLater(
                1 / self._connect_rate, self._connect_next
            )

    def _failed_to_connect(self, failure: Failure) -> None:
        self.last_error = failure.getErrorMessage()

    def _acknowledged(self, number: str, report: Report, waited: float) -> None:
        if self._ledger is not None:
            self._ledger.record(number, report)
        if self._listener is not None:
            self._listener(number, report, waited)

    def _powered_off(self, tracker: Tracker) -> None:
        self._services[self._trackers.index(tracker)].stopService()

    def _tracker_done(self) -> None:
        self._not_done -= 1
        if self.is_done:
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                waiter.callback(None)

    async def _stop(self) -> None:
        if self._connect_call is not None:
            self._connect_call.cancel()
            self._connect_call = None
        for tracker in self._trackers:
            tracker.stop()
        # A server that does not read must not keep us: what is unsent is given up then.
        deadline = self._reactor.callLater(_CLOSE_S, self._abort)
        try:
            await gatherResults([service.stopService() for service in self._services])
        finally:
            if deadline.active():
                deadline.cancel()
            if self._ledger is not None:
                self._ledger.close()

    def _abort(self) -> None:
        for tracker in self._trackers:
            tracker.abort()
