"""A thread with a queue: the one place where gatewaykit leaves the reactor."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

T = TypeVar("T")
_Job = tuple[Callable[[], Any], "Deferred[Any]"]


class Worker:
    """Runs functions one after another in a thread of its own.

    SQLite blocks while the disk writes; everything that touches one connection goes through
    one worker, so that a connection is never used from two threads.
    """

    def __init__(self, reactor: IReactorFromThreads, name: str) -> None:
        self._reactor = reactor
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread = Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., T], *arguments: Any) -> Deferred[T]:
        """Run ``function(*arguments)`` in the thread; fires in the reactor with the result."""
        result: Deferred[T] = Deferred()
        self._jobs.put((lambda: function(*arguments), result))
        return result

    def stop(self) -> Deferred[None]:
        """End the thread once everything asked for before is done."""
        ended = self.call(lambda: None)
        self._jobs.put(None)
        return ended

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, result = job
            try:
                value = function()
            except Exception:  # noqa: BLE001 - belongs to whoever waits for the result
                self._reactor.callFromThread(result.errback, Failure())
            else:
                self._reactor.callFromThread(result.callback, value)
