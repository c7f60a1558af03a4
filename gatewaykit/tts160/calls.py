"""Calls that move the mount: one after the other, and ended by a stop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from gatewaykit.errors import MotionStopped
from gatewaykit.tts160.axes import Axis

T = TypeVar("T")
Work = Callable[[], Coroutine[Deferred[Any], Any, T]]


@attrs.define(eq=False)
class Call:
    title: str
    axis: Axis | None
    """The only one that it moves; None: both."""
    work: Deferred[Any] | None = None
    """None where there is nothing to stop: before it begins, and once it is done."""
    stopped_by: str | None = None


def stop(calls: Iterable[Call], by: str) -> None:
    """They go no further: what they have not sent is never sent."""
    ending = []
    for call in calls:
        if call.work is not None and call.stopped_by is None:
            call.stopped_by = by
            ending.append(call.work)
    # All are marked before the first one ends, and the turn goes to another.
    for work in ending:
        work.cancel()


class Calls:
    """Those under way: that wait for their turn, for an answer, for an axis to stand.

    They take turns, so that nothing begins to move the mount between the check of its state
    and the command that the check is for.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._lock = DeferredLock()
        self._calls: list[Call] = []

    async def do(
        self, title: str, work: Work[T], axis: Axis | None = None, rest_s: float = 0.0
    ) -> T:
        """Do it when it is its turn, unless a stop comes before it is done: then
        `MotionStopped`.

        :param rest_s: how long something has to come to rest before.
        """
        call = Call(title, axis)
        self._calls.append(call)
        try:
            call.work = Deferred.fromCoroutine(self._do(call, work, rest_s))
            result: T = await call.work
        except CancelledError:
            if call.stopped_by is None:
                raise
            raise MotionStopped(title, call.stopped_by) from None
        except MotionStopped as stopped:
            # The line names it by a command.
            raise MotionStopped(title, stopped.by) from None
        finally:
            self._calls.remove(call)
        return result

    async def _do(self, call: Call, work: Work[T], rest_s: float) -> T:
        if rest_s > 0:
            await deferLater(self._clock, rest_s)
        await self._lock.acquire()
        try:
            if call.stopped_by is not None:
                raise MotionStopped(call.title, call.stopped_by)
            return await work()
        finally:
            # Whoever has the next turn may come to stop everything in the midst of this.
            call.work = None
            self._lock.release()

    async def in_turn(self, work: Work[T]) -> T:
        """The same for what a stop does not concern."""
        async with self._lock:
            return await work()

    def of(self, axis: Axis | None = None) -> tuple[Call, ...]:
        """Those of now; with an axis, those that move nothing but it."""
        return tuple(call for call in self._calls if axis in {None, call.axis})
