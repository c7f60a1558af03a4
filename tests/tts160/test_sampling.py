"""Variables for many: one query for all, and nobody pays for another's mistake."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
)
from gatewaykit.tts160.answers import Answer, Binary
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Judge, anything
from gatewaykit.tts160.protocol import DEVICE
from gatewaykit.tts160.sampling import Sampler, Values
from gatewaykit.tts160.variables import Dialect, Variable, resolve


@attrs.define
class Asked:
    command: Command
    priority: Priority
    judge: Judge
    waiter: Deferred[list[Answer]]

    def answer(self, types: str, *values: float) -> None:
        """Numbers of one byte each character of `types`."""
        payload = struct.pack(f"<{types}", *values)
        answer = Binary(types, payload)
        error = self.judge(self.command, answer)
        if error is None:
            self.waiter.callback([answer])
        else:
            self.waiter.errback(error)

    def refuse(self) -> None:
        self.waiter.errback(DeviceRefused(DEVICE, self.command.text, "VAR_ERROR"))


class FakeLine:
    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def run(
        self, commands: Sequence[Command], priority: Priority, judge: Judge = anything
    ) -> Deferred[list[Answer]]:
        (command,) = commands
        self.asked.append(Asked(command, priority, judge, Deferred()))
        return self.asked[-1].waiter

    @property
    def queries(self) -> list[bytes]:
        return [each.command.data for each in self.asked]


def named(*words: str) -> list[Variable]:
    return resolve(Dialect.V356, words)


class SamplerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.line = FakeLine()
        self.doubts = 0
        self.sampler = Sampler(self.line, self.clock, self.doubt)

    def doubt(self) -> None:
        self.doubts += 1

    def ask(
        self, *words: str, priority: Priority = Priority.NORMAL
    ) -> Deferred[Values]:
        return self.sampler.ask(named(*words), priority)

    def test_one_query_for_all_who_ask_at_a_time(self) -> None:
        first, second = self.ask("C1", "C2"), self.ask("C2", "C3")
        self.assertEqual(self.line.queries, [])
        self.clock.advance(0)
        self.assertEqual(self.line.queries, [b":*!G C1,C2,C3#"])
        self.line.asked[0].answer("BBB", 1, 2, 3)
        self.assertEqual(self.successResultOf(first), {"C1": 1, "C2": 2})
        self.assertEqual(self.successResultOf(second), {"C2": 2, "C3": 3})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_asks_meanwhile_is_in_the_next_query(self) -> None:
        first = self.ask("C1")
        self.clock.advance(0)
        others = [self.ask("C2"), self.ask("C2"), self.ask("C3")]
        self.clock.advance(0)
        self.assertEqual(len(self.line.asked), 1)
        self.line.asked[0].answer("B", 1)
        self.assertEqual(self.successResultOf(first), {"C1": 1})
        self.assertEqual(self.line.queries[1:], [b":*!G C2,C3#"])
        self.line.asked[1].answer("BB", 2, 3)
        found = [self.successResultOf(each) for each in others]
        self.assertEqual(found, [{"C2": 2}, {"C2": 2}, {"C3": 3}])

    def test_urgent_question_does_not_wait_for_a_patient_one(self) -> None:
        patient = self.ask("C1", priority=Priority.BACKGROUND)
        self.clock.advance(0)
        urgent = self.ask("C2", priority=Priority.MOTION)
        self.clock.advance(0)
        priorities = [each.priority for each in self.line.asked]
        self.assertEqual(priorities, [Priority.BACKGROUND, Priority.MOTION])
        self.line.asked[1].answer("B", 2)
        self.assertEqual(self.successResultOf(urgent), {"C2": 2})
        self.line.asked[0].answer("B", 1)
        self.assertEqual(self.successResultOf(patient), {"C1": 1})

    def test_most_urgent_go_first_and_are_told_at_once(self) -> None:
        many = self.ask(*(f"C{number}" for number in range(1, 13)))
        urgent = self.ask("C13", priority=Priority.MOTION)
        self.clock.advance(0)
        self.assertTrue(self.line.queries[0].startswith(b":*!G C13,C1,"))
        self.assertEqual(self.line.asked[0].priority, Priority.MOTION)
        self.line.asked[0].answer("B" * 10, *range(10))
        self.assertEqual(self.successResultOf(urgent), {"C13": 0})
        self.assertNoResult(many)
        self.line.asked[1].answer("BBB", 10, 11, 12)
        self.assertEqual(len(self.successResultOf(many)), 12)

    def test_nothing_is_asked_for_nothing(self) -> None:
        self.assertEqual(self.successResultOf(self.ask()), {})
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusal_is_for_who_asked_for_it(self) -> None:
        good, bad, other = self.ask("C1"), self.ask("C2"), self.ask("C3")
        self.clock.advance(0)
        self.line.asked[0].refuse()
        self.line.asked[1].answer("B", 1)
        self.line.asked[2].refuse()
        self.line.asked[3].answer("B", 3)
        self.assertEqual(self.successResultOf(good), {"C1": 1})
        self.failureResultOf(bad, DeviceRefused)
        self.assertEqual(self.successResultOf(other), {"C3": 3})
        self.assertEqual(self.line.queries[1:], [b":*!G C1#", b":*!G C2#", b":*!G C3#"])

    def test_refusal_of_one_alone(self) -> None:
        alone = self.ask("C1")
        self.clock.advance(0)
        self.line.asked[0].refuse()
        self.failureResultOf(alone, DeviceRefused)
        self.assertEqual(len(self.line.asked), 1)

    def test_refused_second_query_costs_only_who_needs_it(self) -> None:
        first = self.ask(*(f"C{number}" for number in range(1, 11)))
        second = self.ask("C11")
        self.clock.advance(0)
        self.line.asked[0].answer("B" * 10, *range(10))
        self.line.asked[1].refuse()
        self.assertEqual(len(self.successResultOf(first)), 10)
        self.failureResultOf(second, DeviceRefused)
        self.assertEqual(len(self.line.asked), 2)

    def test_other_types_are_an_error_and_a_doubt(self) -> None:
        """A variable of another dialect is not taken for what it should be."""
        asking = self.ask("C1")
        self.clock.advance(0)
        self.line.asked[0].answer("f", 1.0)
        error = self.failureResultOf(asking, DeviceGarbled).value
        self.assertIn("values of the types B", str(error))
        self.assertEqual(self.doubts, 1)

    def test_garbled_answer_is_no_doubt(self) -> None:
        asking = self.ask("C1")
        self.clock.advance(0)
        error = DeviceGarbled(DEVICE, ":*!G C1#", "it broke off")
        self.line.asked[0].waiter.errback(error)
        self.failureResultOf(asking, DeviceGarbled)
        self.assertEqual(self.doubts, 0)

    def test_lost_line_is_told_to_all(self) -> None:
        askings = [self.ask("C1"), self.ask("C2")]
        self.clock.advance(0)
        later = self.ask("C3")
        self.line.asked[0].waiter.errback(DeviceUnavailable(DEVICE, "gone"))
        for asking in askings:
            self.failureResultOf(asking, DeviceUnavailable)
        self.assertNoResult(later)
        self.line.asked[1].answer("B", 3)
        self.assertEqual(self.successResultOf(later), {"C3": 3})

    def test_lost_line_in_the_midst_of_single_questions(self) -> None:
        askings = [self.ask("C1"), self.ask("C2")]
        self.clock.advance(0)
        self.line.asked[0].refuse()
        self.line.asked[1].waiter.errback(DeviceTimeout(DEVICE, ":*!G C1#", 0.5))
        for asking in askings:
            self.failureResultOf(asking, DeviceTimeout)
        self.assertEqual(len(self.line.asked), 2)

    def test_bug_is_told_to_all_and_logged(self) -> None:
        asking = self.ask("C1")
        self.clock.advance(0)
        self.line.asked[0].waiter.errback(ZeroDivisionError())
        self.failureResultOf(asking, ZeroDivisionError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.ask("C2")
        self.clock.advance(0)
        self.assertEqual(len(self.line.asked), 2)

    def test_who_has_left_is_not_asked_for(self) -> None:
        gone, there = self.ask("C1"), self.ask("C2")
        gone.addErrback(lambda _: None)
        gone.cancel()
        self.clock.advance(0)
        self.assertEqual(self.line.queries, [b":*!G C2#"])
        there.addErrback(lambda _: None)
        there.cancel()
        self.line.asked[0].answer("B", 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_leaves_is_not_told_of_an_error(self) -> None:
        gone, there = self.ask("C1"), self.ask("C2")
        self.clock.advance(0)
        gone.addErrback(lambda _: None)
        gone.cancel()
        self.line.asked[0].waiter.errback(DeviceUnavailable(DEVICE, "gone"))
        self.failureResultOf(there, DeviceUnavailable)

    def test_stop_lets_go_who_waits(self) -> None:
        waiting = self.ask("C1")
        self.sampler.stop()
        self.failureResultOf(waiting)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.sampler.stop()
