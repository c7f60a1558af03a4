"""What the gateway answers to each verb, from the store, the fleet and the subsystems.

An answer takes its verb's arguments by name, checked, and gives the values of the response.
It knows no connection and no principal, but for those of a verb that asks for the client's
`Session`: roles and the audit trail are the server's.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

import gatewaykit
import twisted
from gatewaykit.errors import NotFound
from gatewaykit.interfaces import IFleet, IHealth, IStore, Page, Record
from gatewaykit.logs import LogLimiter
from gatewaykit.rpc import verbs
from gatewaykit.rpc.arguments import PAGE_BYTES, encode, fitting
from gatewaykit.times import moment_digits

T = TypeVar("T")
Answer = Callable[..., Coroutine[Deferred[Any], Any, Record]]
DEFAULT_LIMIT = 1000
STATUSES = ("ok", "degraded", "failed")
"""From best to worst."""

log = Logger()


class GatewayAnswers:
    """Answers to the verbs that every gateway has.

    :param fleet: None where no trackers are served.
    :param health: the subsystems; looked at anew by each call, so it may grow later.
    """

    def __init__(
        self,
        store: IStore,
        fleet: IFleet | None,
        health: Sequence[IHealth],
        clock: IReactorTime,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._health = health
        self._clock = clock
        self._started_at = clock.seconds()
        self._limiter = LogLimiter(clock, interval_s=60.0)

    def table(self) -> Mapping[type[verbs.Verb], Answer]:
        return {
            verbs.Info: self.info,
            verbs.Health: self.health,
            verbs.ListDevices: self.devices,
            verbs.GetDevice: self.device,
            verbs.LatestPosition: self.latest_position,
            verbs.History: self.history,
            verbs.ListEvents: self.events,
            verbs.SetPolicy: self.set_policy,
            verbs.AcknowledgeDamage: self.acknowledge_damage,
        }

    async def info(self) -> Record:
        return {
            "version": gatewaykit.__version__,
            "api": verbs.API_LEVEL,
            "python": platform.python_version(),
            "twisted": twisted.__version__,
            "uptime_s": float(self._clock.seconds() - self._started_at),
            "subsystems": [subsystem.name for subsystem in self._health],
        }

    async def health(self) -> Record:
        found = {subsystem.name: self._ask(subsystem) for subsystem in self._health}
        worst = max(
            (STATUSES.index(state["status"]) for state in found.values()), default=0
        )
        return {"status": STATUSES[worst], "subsystems": found}

    def _ask(self, subsystem: IHealth) -> Record:
        """A subsystem's health; one that cannot even say how it is has failed."""
        try:
            state = subsystem.health()
            encode(state)
            STATUSES.index(state["status"])
        except Exception as error:  # noqa: BLE001 - a broken subsystem must not hide the rest
            if self._limiter.should_log(subsystem.name) is not None:
                log.failure(
                    "{subsystem} cannot tell its health", subsystem=subsystem.name
                )
            return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}
        return state

    async def devices(
        self, policy: str | None, cursor: str | None, limit: int | None
    ) -> Record:
        return await fitting_page(
            lambda most: self._store.devices(cursor, most, PAGE_BYTES, policy),
            limit,
            self._with_live,
        )

    async def device(self, imei: str) -> Record:
        device = await self._store.device(imei)
        if device is None:
            raise NotFound("device", imei)
        return {"device": self._with_live(device)}

    def _with_live(self, device: Record) -> Record:
        """The record with what the fleet knows better than the store: who is there now.

        Without a fleet nobody is there, whoever was online when the store was written.
        """
        if self._fleet is None:
            gone = device["status"] == "online"
            return {**device, "status": "unknown"} if gone else device
        live = self._fleet.live(device["imei"])
        return device if live is None else {**device, **live}

    async def latest_position(self, imei: str) -> Record:
        position = await self._store.latest_position(imei)
        if position is None:
            raise NotFound("position of device", imei)
        return {"position": position}

    async def history(
        self,
        imei: str,
        since: datetime | None,
        until: datetime | None,
        cursor: str | None,
        limit: int | None,
    ) -> Record:
        first = None if since is None else moment_digits(since)
        if since is not None and first is not None and since.microsecond:
            first += 1  # a fraction later than that second; a 60th second sorts right
        last = None if until is None else moment_digits(until)
        page = await fitting_page(
            lambda most: self._store.history(
                imei, first, last, cursor, most, PAGE_BYTES
            ),
            limit,
        )
        if not page["records"] and cursor is None:
            await self.device(imei)  # an IMEI that nobody knows is not an empty history
        return page

    async def events(
        self, imei: str | None, cursor: str | None, limit: int | None
    ) -> Record:
        return await fitting_page(
            lambda most: self._store.events(imei, cursor, most, PAGE_BYTES), limit
        )

    async def set_policy(self, imei: str, policy: str) -> Record:
        async def change() -> None:
            await self._store.set_policy(imei, policy)
            if self._fleet is not None:
                self._fleet.policy_changed(imei, policy)

        await to_its_end(Deferred.fromCoroutine(change()))
        return {}

    async def acknowledge_damage(self) -> Record:
        return {"acknowledged": await self._store.acknowledge_damage()}


def to_its_end(change: Deferred[T]) -> Deferred[T]:
    """What fires as `change` does, and can be given up without it.

    The end of a call's time must not leave a change half done: the store has it, and the
    fleet has never heard of it.
    """
    given_up: list[bool] = []

    def tell(result: T | Failure) -> None:
        if not given_up:
            waiting.callback(result)
        elif isinstance(result, Failure):
            log.failure("what nobody waited for any more failed", failure=result)

    def give_up(_: Deferred[T]) -> None:
        given_up.append(True)

    waiting: Deferred[T] = Deferred(give_up)
    change.addBoth(tell)
    return waiting


async def fitting_page(
    ask: Callable[[int], Deferred[Page]],
    limit: int | None,
    dress: Callable[[Record], Record] = lambda record: record,
) -> Record:
    """A page that fits into one value of AMP.

    Records that grew after the store had measured them are not cut off, since its cursor
    lies behind them: the page is asked for again with fewer.
    """
    most = limit or DEFAULT_LIMIT
    while True:
        page = await ask(most)
        if len(page.records) > most:
            raise ValueError(f"{len(page.records)} records where {most} were asked for")
        records: list[Any] = [dress(record) for record in page.records]
        fit = fitting(records)
        if fit == len(records):
            return {"records": records, "cursor": page.cursor}
        most = fit
