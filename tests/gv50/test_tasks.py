"""Coroutines that nobody awaits."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.tasks import Tasks


class TaskTests(SynchronousTestCase):
    def test_the_end_is_awaited(self) -> None:
        tasks = Tasks("somebody")
        gate: Deferred[None] = Deferred()

        async def wait() -> None:
            await gate

        tasks.start(wait())
        self.assertEqual(len(tasks), 1)
        ended = tasks.ended()
        self.assertNoResult(ended)
        gate.callback(None)
        self.successResultOf(ended)
        self.assertEqual(len(tasks), 0)

    def test_an_error_is_logged(self) -> None:
        tasks = Tasks("somebody")

        async def fail() -> None:
            raise ValueError

        tasks.start(fail())
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
