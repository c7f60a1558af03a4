"""What every door does with its peers: notes what they do wrong, closes all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit.logs import LogLimiter


class Guest(Protocol):
    """A connection that can be asked to go."""

    lost: Deferred[None]
    """Fires when it is gone."""

    def hang_up(self) -> None:
        """Close once everything written has been read by the client."""


G = TypeVar("G", bound=Guest)


class Faults:
    """Logs what peers do wrong, once in a while for each kind of wrong."""

    def __init__(self, log: Logger, clock: IReactorTime) -> None:
        self._log = log
        self._limiter = LogLimiter(clock)

    def note(self, kind: str, text: str, peer: object) -> None:
        suppressed = self._limiter.should_log(kind)
        if suppressed is not None:
            more = f" ({suppressed} more like it before)" if suppressed else ""
            self._log.warn("{text}{more}", text=text, more=more, peer=str(peer))


def host_of(address: Any) -> str:
    """What the log calls the peer at a transport's address."""
    return str(getattr(address, "host", "unix"))


def close_each(
    guests: Iterable[G],
    clock: IReactorTime,
    cut_off: Callable[[G], None],
    grace_s: float,
) -> Deferred[None]:
    """Close connections; `cut_off` is for those that are still there after `grace_s`.

    Stop listening first. Fires when all of them are gone.
    """
    open_now = list(guests)
    if not open_now:
        return succeed(None)
    for guest in open_now:
        guest.hang_up()

    def impatient() -> None:
        for guest in open_now:
            if not guest.lost.called:
                cut_off(guest)

    timer = clock.callLater(grace_s, impatient)

    def done(_: object) -> None:
        if timer.active():
            timer.cancel()

    return gatherResults([guest.lost for guest in open_now]).addCallback(done)
