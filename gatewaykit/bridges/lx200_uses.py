"""How LX200 clients use the mount: by their role, within their patience, written down."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit import access
from gatewaykit.access import Principal
from gatewaykit.bridges.lx200_axes import Holder
from gatewaykit.bridges.lx200_diary import Diary
from gatewaykit.bridges.lx200_sessions import Addresses, Session, Settings
from gatewaykit.bridges.lx200_stops import Stamp, Stops
from gatewaykit.errors import CallTimeout, GatewayError, InternalError
from gatewaykit.interfaces import IMount
from gatewaykit.rpc.verb import ERRORS

T = TypeVar("T")

log = Logger()


@attrs.frozen
class Belongings:
    """What an address has for its connections that don't stay."""

    settings: Settings
    holder: Holder


@attrs.define
class Shared:
    """What all connections have in common."""

    mount: IMount
    clock: IReactorTime
    wall_ms: Callable[[], int]
    """Milliseconds since the epoch."""
    stops: Stops
    diary: Diary
    addresses: Addresses[Belongings]
    utc_offset_h: float = 0.0
    """How far local time is ahead of UTC, by the client that set the clock last."""


@attrs.frozen
class Due:
    """What holds for an order since it came."""

    stamp: Stamp
    at: float
    """Until when its client waits for an answer."""


class Uses:
    """Of one connection.

    :param patience_s: how long its client waits for an answer.
    """

    def __init__(
        self,
        shared: Shared,
        principal: Principal,
        host: str,
        session: Session,
        patience_s: float,
    ) -> None:
        self.shared = shared
        self.principal = principal
        self.session = session
        self._host = host
        self._patience_s = patience_s

    def now(self) -> float:
        return self.shared.clock.seconds()

    def note(
        self, verb: str, arguments: dict[str, object], error: Exception | None
    ) -> None:
        """For the audit trail."""
        told = None if error is None else self._told(verb, error)
        self.shared.diary.note(self._host, self.principal, verb, arguments, told)

    async def look(self, verb: str, act: Callable[[], Awaitable[T]], due: Due) -> T:
        """What `act` gives; it fails with the errors that a verb may have and no others."""
        try:
            access.check(self.principal, verb)
            patience_s = due.at - self.now()
            if patience_s <= 0:
                # Its client has given up; a telescope that moves now would surprise it.
                raise defer.TimeoutError
            acting = Deferred.fromCoroutine(_awaited(act))
            return await acting.addTimeout(patience_s, self.shared.clock)
        except defer.TimeoutError:
            raise CallTimeout(verb, self._patience_s) from None
        except Exception as error:
            told = self._told(verb, error)
            if told is error:
                raise
            raise told from error

    async def use(
        self,
        verb: str,
        act: Callable[[], Awaitable[T]],
        due: Due,
        arguments: dict[str, object] | None = None,
    ) -> T:
        """The same where `act` changes something, which is written down."""
        shown = arguments or {}
        try:
            result = await self.look(verb, act, due)
        except GatewayError as error:
            self.note(verb, shown, error)
            raise
        self.note(verb, shown, None)
        return result

    def _told(self, verb: str, error: Exception) -> GatewayError:
        if type(error) in ERRORS:
            assert isinstance(error, GatewayError)
            return error
        log.failure("{verb} by LX200 failed", verb=verb)
        return InternalError("lx200")


async def _awaited(act: Callable[[], Awaitable[T]]) -> T:
    return await act()
