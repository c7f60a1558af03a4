"""Calls take turns, and a stop ends them wherever they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MotionStopped
from gatewaykit.tts160.axes import Axis
from gatewaykit.tts160.calls import Calls, stop


class CallsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.calls = Calls(self.clock)
        self.begun: list[str] = []
        self.waits: dict[str, Deferred[Any]] = {}
        self.made: list[Deferred[Any]] = []

    def tearDown(self) -> None:
        for call in self.made:
            call.addErrback(lambda _: None)
            call.cancel()

    def do(self, title: str, **options: Any) -> Deferred[Any]:
        async def work() -> Any:
            self.begun.append(title)
            wait = self.waits[title] = Deferred()
            return await wait

        call = Deferred.fromCoroutine(self.calls.do(title, work, **options))
        self.made.append(call)
        return call

    def stop(self, axis: Axis | None = None) -> None:
        stop(self.calls.of(axis), "a test")

    def test_turns(self) -> None:
        first, second = self.do("a"), self.do("b")
        self.assertEqual(self.begun, ["a"])
        self.waits["a"].callback(1)
        self.assertEqual(self.successResultOf(first), 1)
        self.assertEqual(self.begun, ["a", "b"])
        self.waits["b"].errback(ZeroDivisionError())
        self.failureResultOf(second, ZeroDivisionError)
        self.do("c")
        self.assertEqual(self.begun, ["a", "b", "c"])

    def test_stop_ends_all(self) -> None:
        calls = [self.do("a"), self.do("b"), self.do("c", rest_s=2.0)]
        self.stop()
        for title, call in zip("abc", calls, strict=True):
            error = self.failureResultOf(call, MotionStopped).value
            self.assertEqual((error.request, error.by), (title, "a test"))
        self.assertEqual(self.begun, ["a"])
        self.assertEqual(self.calls.of(), ())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stop_of_an_axis(self) -> None:
        both = self.do("both")
        one = self.do("one", axis=Axis.ELEVATION)
        other = self.do("other", axis=Axis.HORIZONTAL)
        self.stop(Axis.ELEVATION)
        self.failureResultOf(one, MotionStopped)
        self.assertNoResult(both)
        self.assertNoResult(other)

    def test_stop_that_the_line_tells_of(self) -> None:
        """It names a command."""
        call = self.do("a")
        self.waits["a"].errback(MotionStopped(":MS#", "somebody"))
        error = self.failureResultOf(call, MotionStopped).value
        self.assertEqual((error.request, error.by), ("a", "somebody"))

    def test_first_stop_counts(self) -> None:
        call = self.do("a")
        calls = self.calls.of()
        stop(calls, "one")
        stop(calls, "another")
        self.assertEqual(self.failureResultOf(call, MotionStopped).value.by, "one")

    def test_cancelled_by_its_client(self) -> None:
        first, second = self.do("a"), self.do("b")
        second.cancel()
        self.failureResultOf(second, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.do("c")
        self.assertEqual(self.begun, ["a", "c"])

    def test_rest_before_its_turn(self) -> None:
        self.do("a", rest_s=2.0)
        self.do("b")
        self.assertEqual(self.begun, ["b"])
        self.waits["b"].callback(None)
        self.clock.advance(2.0)
        self.assertEqual(self.begun, ["b", "a"])

    def test_stop_comes_while_a_call_ends(self) -> None:
        """Whoever has the next turn fails at once, and its client stops everything: what is
        done by then is done."""
        first = self.do("a")

        async def fail() -> None:
            raise ZeroDivisionError

        second = Deferred.fromCoroutine(self.calls.do("b", fail))
        second.addErrback(lambda _: self.stop())
        third = self.do("c")
        self.waits["a"].callback(1)
        self.assertEqual(self.successResultOf(first), 1)
        self.successResultOf(second)
        self.failureResultOf(third, MotionStopped)

    def in_turn(self, work: Callable[[], Any]) -> Deferred[Any]:
        return Deferred.fromCoroutine(self.calls.in_turn(work))

    def test_what_a_stop_does_not_concern(self) -> None:
        wait: Deferred[int] = Deferred()

        async def work() -> int:
            return await wait

        call = self.in_turn(work)
        motion = self.do("a")
        self.stop()
        self.failureResultOf(motion, MotionStopped)
        wait.callback(1)
        self.assertEqual(self.successResultOf(call), 1)
        self.assertEqual(self.begun, [])
