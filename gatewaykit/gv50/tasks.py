"""Coroutines that nobody awaits."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger

log = Logger()


class Tasks:
    """Runs coroutines to their end, and logs what they should not have raised.

    :param owner: whose they are, for the log.
    """

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[Deferred[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def start(self, coroutine: Coroutine[Deferred[Any], Any, None]) -> None:
        """Run a coroutine."""
        task = Deferred.fromCoroutine(coroutine)
        if not task.called:
            self._running.add(task)
        task.addErrback(
            lambda failure: log.failure(
                "something of {owner} has failed", failure=failure, owner=self._owner
            )
        )
        task.addBoth(lambda _: self._running.discard(task))

    def ended(self) -> Deferred[Any]:
        """Fires when those that run now have ended."""
        return gatherResults([_end_of(task) for task in self._running])


def _end_of(task: Deferred[Any]) -> Deferred[None]:
    done: Deferred[None] = Deferred()
    task.addBoth(lambda _: done.callback(None))
    return done
