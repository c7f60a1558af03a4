"""What waits for the line: in which order it goes, and who is told."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceRefused
from gatewaykit.tts160 import framing, lx200
from gatewaykit.tts160.answers import Answer, Text
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import (
    MOST_OVERTAKEN,
    Exchange,
    Waiting,
    anything,
)
from tests.tts160.lines import GD, GR, GW, PULSE, UNIT

MOTION, NORMAL, BACKGROUND = Priority


def refuse(command: Command, answer: Answer) -> Exception:
    return DeviceRefused("the mount", command.text, "a test")


class WaitingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.waiting = Waiting()

    def add(
        self, *commands: Command, priority: Priority = NORMAL
    ) -> tuple[Exchange, Deferred[list[Answer]]]:
        exchange = self.waiting.add(commands, priority, anything)
        return exchange, self.waiting.join(exchange)

    def order(self) -> list[Exchange]:
        return [self.waiting.take_next() for _ in range(len(self.waiting))]

    def test_priority_before_order(self) -> None:
        first, _ = self.add(GR, priority=BACKGROUND)
        second, _ = self.add(GD)
        third, _ = self.add(GW)
        fourth, _ = self.add(PULSE, priority=MOTION)
        self.assertEqual(self.order(), [fourth, second, third, first])

    def test_none_waits_for_ever(self) -> None:
        first, _ = self.add(GR, priority=BACKGROUND)
        second, _ = self.add(GW, priority=BACKGROUND)
        for _ in range(2):
            for _ in range(MOST_OVERTAKEN):
                urgent, _ = self.add(GD)
                self.assertIs(self.waiting.take_next(), urgent)
            self.add(PULSE, priority=MOTION)
            self.add(GD)
            self.assertIs(self.waiting.take_next(), first)
            self.waiting.take(lambda each: each.priority is not BACKGROUND)
            first = second

    def test_what_is_put_back_keeps_its_place(self) -> None:
        first, _ = self.add(GR)
        second, _ = self.add(GD)
        self.assertIs(self.waiting.take_next(), first)
        self.waiting.put_back(first)
        self.assertEqual(self.order(), [first, second])

    def test_taking_some(self) -> None:
        slews = [self.add(*UNIT)[0] for _ in range(2)]
        read, _ = self.add(GR)
        pulse, _ = self.add(PULSE, priority=MOTION)
        self.assertEqual(self.waiting.take(lambda e: e.moves), [pulse, *slews])
        self.assertEqual(self.waiting.take_all(), [read])
        self.assertEqual(self.waiting.take_all(), [])

    def test_only_questions_are_shared(self) -> None:
        read, _ = self.add(GR)
        self.add(PULSE)
        self.add(*UNIT)
        self.add(lx200.TRACKING_ON)
        self.assertIs(self.waiting.like((GR,), anything), read)
        for commands in ((GD,), (PULSE,), UNIT, (GR, GR), (lx200.TRACKING_ON,)):
            self.assertIsNone(self.waiting.like(commands, anything))
        self.assertIsNone(self.waiting.like((GR,), refuse))

    def test_what_nobody_waits_for_is_forgotten(self) -> None:
        exchange, first = self.add(GR)
        second = self.waiting.join(exchange)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.assertEqual(len(self.waiting), 1)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(len(self.waiting), 0)

    def test_giving_up_what_is_on_the_line(self) -> None:
        exchange, waiter = self.add(GR)
        self.waiting.take_next()
        waiter.cancel()
        self.failureResultOf(waiter, CancelledError)
        self.assertEqual(exchange.waiters, [])
        exchange.answers.append(Text("05:47:12"))
        exchange.succeed()


class ExchangeTests(SynchronousTestCase):
    def exchange(self, *commands: Command) -> Exchange:
        return Exchange(commands, NORMAL, anything, 0)

    def join(self, exchange: Exchange, count: int) -> list[Deferred[list[Answer]]]:
        waiting = Waiting()
        return [waiting.join(exchange) for _ in range(count)]

    def test_commands_one_by_one(self) -> None:
        exchange = self.exchange(*UNIT)
        for command in UNIT:
            self.assertFalse(exchange.is_whole)
            self.assertEqual(exchange.command, command)
            exchange.answers.append(Text(""))
        self.assertTrue(exchange.is_whole)
        self.assertEqual(exchange.title, ":MS#")

    def test_everyone_gets_answers_of_his_own(self) -> None:
        exchange = self.exchange(GR)
        waiters = self.join(exchange, 2)
        exchange.answers.append(Text("05:47:12"))
        exchange.succeed()
        first, second = (self.successResultOf(waiter) for waiter in waiters)
        self.assertEqual(first, [Text("05:47:12")])
        first.clear()
        self.assertEqual(second, [Text("05:47:12")])

    def test_one_who_hears_may_give_up_for_others(self) -> None:
        for end in (
            lambda exchange: exchange.succeed(),
            lambda exchange: exchange.fail(ValueError()),
        ):
            exchange = self.exchange(GR)
            first, second, third = self.join(exchange, 3)

            def give_up(_: object, other: Deferred[list[Answer]]) -> list[Answer]:
                other.cancel()
                return []

            first.addCallbacks(give_up, give_up, (second,), errbackArgs=(second,))
            end(exchange)
            self.assertEqual(self.successResultOf(first), [])
            self.failureResultOf(second, CancelledError)
            third.addErrback(lambda _: [])
            self.successResultOf(third)

    def test_one_who_gives_up_may_do_it_for_others(self) -> None:
        exchange = self.exchange(GR)
        first, second = self.join(exchange, 2)

        def give_up(_: object) -> list[Answer]:
            second.cancel()
            return []

        first.addErrback(give_up)
        first.cancel()
        self.failureResultOf(second, CancelledError)
        self.assertEqual(exchange.waiters, [])

    def test_how_often_it_may_be_sent(self) -> None:
        for commands, times in (
            ((GR,), 3),
            ((lx200.TRACKING_ON,), 2),
            ((PULSE,), 1),
            ((lx200.GOTO,), 1),
            ((lx200.SYNC,), 1),
            ((GR, GD), 3),
            (UNIT, 2),
        ):
            exchange = self.exchange(*commands)
            sent = 0
            while exchange.may_be_sent_again:
                sent += 1
                exchange.attempts += 1
            self.assertEqual(sent, times)

    def test_a_unit_is_not_sent_again_once_its_goto_was_written(self) -> None:
        exchange = self.exchange(*UNIT)
        exchange.attempts = 1
        exchange.answers = [framing.Flag(value=True)]
        self.assertTrue(exchange.may_be_sent_again)
        exchange.answers *= 2
        self.assertFalse(exchange.may_be_sent_again)

    def test_what_must_not_slip(self) -> None:
        slipping = [
            commands
            for commands in ((GR,), (PULSE,), (lx200.GOTO,), UNIT, (lx200.SYNC,))
            if self.exchange(*commands).must_not_slip
        ]
        self.assertEqual(slipping, [(lx200.GOTO,), UNIT])
