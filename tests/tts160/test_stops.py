"""A stop goes before everything, and nothing that was asked for before moves after it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import TestCase

from gatewaykit.errors import DeviceTimeout, DeviceUnavailable, MotionStopped
from gatewaykit.serialport import ExclusiveSerialPort
from gatewaykit.tts160 import lx200, set_commands
from gatewaykit.tts160.answers import Binary, Flag, Goto, Nothing, Text
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.exchanges import Exchange
from gatewaykit.tts160.protocol import Figures, MountProtocol
from gatewaykit.tts160.resync import SILENCE_S
from tests.ptys import PtyPair, until
from tests.tts160.lines import (
    BYTE_S,
    DEC,
    GD,
    GR,
    GW,
    PULSE,
    RA,
    UNIT,
    LineTestCase,
    is_motion,
    nothing,
)

STOP = lx200.STOP
NORTH, STOP_NORTH = lx200.move("north"), lx200.stop_axis("north")
VARIABLES = lx200.command(":*!G T1,2#")
PARK = lx200.PARK
BLIND_S = 0.01 + 3 * BYTE_S
"""From a stop until the next command may be written."""


class AtOnceTests(LineTestCase):
    """In whichever moment: the bytes are written before `stop` returns."""

    def setUp(self) -> None:
        super().setUp()
        self.line.connect()

    def assert_written(self, *commands: Command) -> None:
        data = b"".join(command.data for command in commands)
        self.assertEqual(self.line.written(), data)

    def begin(self, *commands: Command) -> Deferred[Any]:
        waiter = self.line.run(*commands)
        self.assert_written(commands[0])
        return waiter

    def stop(self) -> None:
        self.line.stop()
        self.assert_written(STOP)

    def test_on_a_free_line_once(self) -> None:
        self.stop()
        self.line.run(GR)
        self.assert_written()
        self.line.clock.advance(BLIND_S + 0.0001)
        self.assert_written(GR)
        self.line.say(b"x#")
        self.line.pass_time(1)
        self.assert_written()
        self.assertEqual(self.line.figures.stops, 1)

    def test_while_an_answer_is_awaited(self) -> None:
        read = self.begin(GR)
        self.stop()
        self.line.pass_time(0.1)
        self.line.say(b"05:47:12#")
        self.assertEqual(self.results(read), [[Text("05:47:12")]])
        self.assert_written(STOP)

    def test_in_the_middle_of_a_text(self) -> None:
        read, after = self.begin(GR), self.line.run(GD)
        self.line.say(b"05", b":4")
        self.stop()
        self.line.say(b"7:12#")
        self.assertEqual(self.results(read), [[Text("05:47:12")]])
        self.assert_written()
        self.line.pass_time(0.015)
        self.assert_written(STOP)
        self.line.pass_time(0.015)
        self.assert_written(GD)
        self.line.say(b"-05*23:28#")
        self.results(after)

    def test_in_the_middle_of_a_block(self) -> None:
        read = self.begin(VARIABLES)
        self.line.say(b"BINARY:2i\n##")
        self.stop()
        self.line.say(b"######")
        self.assertEqual(self.results(read), [[Binary("2i", b"########")]])
        self.line.pass_time(0.1)
        self.assert_written(STOP)

    def test_while_the_answer_to_a_goto_is_awaited(self) -> None:
        goto, after = self.begin(lx200.GOTO), self.line.run(GR)
        self.stop()
        error = self.failureResultOf(goto, MotionStopped).value
        self.assertEqual(str(error), ":MS# is over: stopped by a test")
        self.line.pass_time(2)
        self.assert_written()
        self.line.say(b"0")
        self.assert_written(STOP)
        self.line.pass_time(0.1)
        self.assert_written(GR)
        self.line.say(b"x#")
        self.results(after)
        self.assertEqual(self.line.figures.strays, 0)

    def test_in_the_gap_behind_a_command_without_an_answer(self) -> None:
        pulse, after = self.begin(PULSE), self.line.run(GR)
        self.line.clock.advance(0.012)
        self.stop()
        self.errors(MotionStopped, [pulse])
        self.line.clock.advance(BLIND_S - 0.0001)
        self.assert_written()
        self.line.clock.advance(0.0002)
        self.assert_written(STOP)
        self.line.clock.advance(BLIND_S + 0.0001)
        self.assert_written(GR)
        self.line.say(b"x#")
        self.results(after)

    def test_between_the_commands_of_a_unit(self) -> None:
        unit = self.begin(*UNIT)
        self.line.say(b"1")
        self.line.pass_time(0.01, 0.001)
        self.stop()
        self.errors(MotionStopped, [unit])
        self.line.pass_time(1)
        self.assert_written(STOP)

    def test_before_a_unit_that_is_listened_for(self) -> None:
        self.begin(GR)
        unit = self.line.run(*UNIT)
        self.line.say(b"x#")
        self.stop()
        self.errors(MotionStopped, [unit])
        self.line.pass_time(1)
        self.assert_written(STOP)

    def test_before_a_unit_on_a_line_that_gets_out_of_step(self) -> None:
        self.begin(GR)
        unit = self.line.run(*UNIT)
        self.line.say(b"x#")
        self.stop()
        self.errors(MotionStopped, [unit])
        self.line.say(b"x")
        read = self.line.run(GR)
        self.line.pass_time(SILENCE_S + 0.02)
        self.assert_written(STOP, GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.1)
        self.assert_written(STOP, GR)
        self.line.say(b"x#")
        self.line.pass_time(1)
        self.assert_written()
        self.results(read)

    def test_while_a_target_is_set(self) -> None:
        unit = self.begin(*UNIT)
        self.stop()
        self.errors(MotionStopped, [unit])
        self.line.say(b"1")
        self.line.pass_time(1)
        self.assert_written(STOP)

    def test_in_the_silence_of_a_resynchronisation(self) -> None:
        self.line.say(b"x")
        read = self.line.run(GR)
        self.line.pass_time(SILENCE_S - 0.005)
        self.stop()
        self.line.clock.advance(0.006)
        self.assert_written()
        self.line.pass_time(0.02)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assert_written(STOP)
        self.line.pass_time(0.02)
        self.assert_written(GR)
        self.line.say(b"x#")
        self.results(read)

    def test_while_a_question_is_out(self) -> None:
        self.line.say(b"x")
        read = self.line.run(GR)
        self.line.pass_time(SILENCE_S + 0.005)
        self.assert_written(GW)
        self.stop()
        self.line.say(b"PT3#")
        self.line.pass_time(0.045)
        self.assert_written()
        self.line.pass_time(0.045)
        self.assert_written(STOP, GR)
        self.line.say(b"x#")
        self.results(read)

    def test_behind_the_answer_to_a_question(self) -> None:
        self.line.say(b"x")
        self.line.run(GR)
        self.line.pass_time(SILENCE_S + 0.005)
        self.line.say(b"PT3#")
        self.line.pass_time(0.045)
        self.assert_written(GW)
        self.stop()
        self.line.pass_time(0.1)
        self.assert_written(STOP, GR)

    def test_the_answer_is_lost(self) -> None:
        """When it is, the mount has perhaps heard nothing at all."""
        goto = self.begin(lx200.GOTO)
        self.stop()
        self.errors(MotionStopped, [goto])
        self.line.pass_time(3.1)
        self.assert_written(STOP)
        self.line.pass_time(SILENCE_S)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assert_written(STOP)

    def test_on_a_line_that_is_out_of_step(self) -> None:
        self.line.say(b"x")
        self.stop()
        self.line.pass_time(0.02)
        self.assert_written(STOP)
        self.line.pass_time(SILENCE_S)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assert_written(STOP)

    def test_to_a_mute_mount(self) -> None:
        """It is tried once for that; and when it hears again it is stopped first."""
        self.line.run(GR).addErrback(lambda _: None)
        self.line.pass_time(10)
        self.line.written()
        self.stop()
        self.line.pass_time(30, 0.1)
        self.assertEqual(self.line.muted, 2)
        self.line.written()
        waiter = self.line.run(PULSE)
        self.line.pass_time(SILENCE_S + 0.01)
        self.assert_written(STOP, GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.09)
        self.assert_written(STOP, PULSE)
        self.results(waiter)

    def test_stops_that_differ_are_all_repeated(self) -> None:
        self.begin(GR)
        for stop in (STOP_NORTH, STOP, STOP_NORTH):
            self.line.stop(stop, nothing)
        self.assert_written(STOP_NORTH, STOP)
        self.line.say(b"x#")
        self.line.pass_time(0.1)
        self.assert_written(STOP_NORTH, STOP)

    def test_an_axis_stop_is_repeated_before_a_goto_that_it_does_not_mean(self) -> None:
        unit = self.begin(*UNIT)
        self.line.stop(STOP_NORTH, nothing)
        self.line.say(b"1")
        self.line.pass_time(0.2)
        self.assert_written(STOP_NORTH, STOP_NORTH, DEC)
        self.line.say(b"1")
        self.line.pass_time(0.05)
        self.line.say(b"0")
        self.assert_written(lx200.GOTO)
        flag = Flag(value=True)
        self.assertEqual(self.results(unit), [[flag, flag, Goto(0, "")]])

    def test_without_a_port(self) -> None:
        self.line.lose()
        self.assertRaises(DeviceUnavailable, self.line.stop)
        self.assert_written()
        self.assertEqual(self.line.figures.stops, 0)

    def test_the_port_is_lost_before_it_is_repeated(self) -> None:
        self.begin(GR)
        self.stop()
        self.line.lose()
        self.assertEqual(self.line.clock.getDelayedCalls(), [])


class EndOfMotionTests(LineTestCase):
    """With a scripted mount."""

    def setUp(self) -> None:
        super().setUp()
        self.mount = self.line.mount
        self.line.connect_mount()

    def moved(self) -> list[bytes]:
        """What the mount heard that moves it."""
        starts = (b":MS", b":M", b":hP", b":*!S 04")
        return [command for command in self.mount.heard if command.startswith(starts)]

    def test_queued_slews_of_three_clients(self) -> None:
        for moment_s in [n * 0.004 for n in range(40)]:
            with self.subTest(moment_s=moment_s):
                self.setUp()
                waiters = []
                for client in range(3):
                    target = lx200.set_target(client + 1.0, 10.0)
                    waiters += [self.line.run(*target, lx200.GOTO)]
                    waiters += [self.line.run(PULSE), self.line.run(PARK)]
                self.line.pass_time(moment_s, 0.004)
                before = len(self.mount.heard)
                self.line.stop()
                for waiter in waiters:
                    waiter.addErrback(lambda failure: failure.trap(MotionStopped))
                    self.successResultOf(waiter)
                self.assertEqual(self.mount.heard[before:], [STOP.data])
                self.line.pass_time(5, 0.01)
                after = set(self.mount.heard[before:])
                self.assertLessEqual(after, {STOP.data})
                self.tearDown()

    def test_under_fifty_queued_reads(self) -> None:
        reads = [
            self.line.run(lx200.command(f":*!G T{number}#")) for number in range(1, 31)
        ]
        reads += [
            self.line.run(lx200.command(f":*!G C{number}#")) for number in range(1, 21)
        ]
        slews = [
            self.line.run(*UNIT, priority=priority) for priority in reversed(Priority)
        ]
        self.line.pass_time(0.051)
        before = len(self.mount.heard)
        self.line.stop()
        self.assertEqual(self.mount.heard[before:], [STOP.data])
        self.line.pass_time(3)
        self.results(*reads)
        self.errors(MotionStopped, slews)
        self.assertEqual(self.moved(), [])
        self.assertEqual(self.mount.heard.count(STOP.data), 2)

    def test_reads_and_settings_go_on(self) -> None:
        rate = lx200.TRACKING_RATES["lunar"]
        waiters = [self.line.run(each) for each in (GR, GD, rate, VARIABLES)]
        self.line.stop()
        self.line.pass_time(1)
        answers = self.results(*waiters)
        self.assertEqual(
            answers[:3], [[Text("05:47:12")], [Text("-05*23:28")], [Nothing()]]
        )

    def test_only_what_is_meant(self) -> None:
        def of_north(exchange: Exchange) -> bool:
            return exchange.commands == (NORTH,)

        self.line.run(GR)
        north, south = self.line.run(NORTH), self.line.run(lx200.move("south"))
        self.line.stop(STOP_NORTH, of_north)
        self.errors(MotionStopped, [north])
        self.line.pass_time(1)
        self.results(south)
        self.assertEqual(self.moved(), [b":Ms#"])

    def test_what_is_asked_for_after_it_moves(self) -> None:
        for moment_s in [n * 0.003 for n in range(40)]:
            with self.subTest(moment_s=moment_s):
                self.setUp()
                reads = [self.line.run(GR), self.line.run(GD)]
                old = self.line.run(*UNIT)
                self.line.pass_time(moment_s)
                self.line.stop()
                new = self.line.run(NORTH)
                self.line.pass_time(2)
                self.results(*reads, new)
                old.addErrback(lambda failure: failure.trap(MotionStopped))
                stopped = (
                    len(self.mount.heard) - 1 - self.mount.heard[::-1].index(b":Q#")
                )
                self.assertEqual(self.mount.heard.count(b":Mn#"), 1)
                self.assertLess(stopped, self.mount.heard.index(b":Mn#"))
                self.tearDown()

    def test_while_the_answer_of_a_goto_is_lost(self) -> None:
        self.mount.drop()
        goto, other = self.line.run(lx200.GOTO), self.line.run(*UNIT)
        self.line.pass_time(3.2)
        self.errors(DeviceTimeout, [goto])
        self.line.stop()
        self.errors(MotionStopped, [other])
        self.line.pass_time(3)
        self.assertEqual(self.moved(), [b":MS#"])
        self.assertEqual(self.mount.heard[-1], STOP.data)

    def test_a_read_that_waits_for_another_attempt_goes_on(self) -> None:
        self.mount.drop()
        read = self.line.run(GR)
        self.line.pass_time(0.6)
        self.line.stop()
        self.line.pass_time(2)
        self.results(read)


class HearingOfItTests(LineTestCase):
    """Those whose motion is stopped may do anything about it."""

    def setUp(self) -> None:
        super().setUp()
        self.line.connect_mount()
        self.heard = self.line.mount.heard

    def begin(self, count: int = 3) -> list[Deferred[Any]]:
        self.line.run(GR)
        return [self.line.run(*UNIT) for _ in range(count)]

    def test_they_stop_it_too(self) -> None:
        for waiter in self.begin():
            waiter.addErrback(lambda _: self.line.stop())
        self.line.stop()
        self.line.pass_time(1)
        self.assertEqual(self.heard, [GR.data, STOP.data, STOP.data])
        self.assertEqual(self.line.figures.stops, 4)

    def test_they_ask_anew(self) -> None:
        again: list[Deferred[Any]] = []
        for waiter in self.begin():
            waiter.addErrback(lambda _: again.append(self.line.run(PULSE)))
        self.line.stop()
        self.line.pass_time(1)
        self.results(*again)
        self.assertEqual(self.heard, [GR.data, STOP.data, STOP.data, *[PULSE.data] * 3])

    def test_they_ask_anew_and_the_next_one_stops_that(self) -> None:
        again: list[Deferred[Any]] = []
        first, second, third = self.begin()
        first.addErrback(lambda _: again.append(self.line.run(PULSE)))
        second.addErrback(lambda _: self.line.stop())
        third.addErrback(lambda _: again.append(self.line.run(NORTH)))
        self.line.stop()
        self.errors(MotionStopped, again[:1])
        self.line.pass_time(1)
        self.results(again[1])
        self.assertNotIn(PULSE.data, self.heard)

    def test_they_give_up_others(self) -> None:
        first, second, third = self.begin()
        read = self.line.run(GD)

        def give_up(_: object) -> None:
            for each in (second, third, read):
                each.cancel()

        first.addErrback(give_up)
        self.line.stop()
        self.errors(CancelledError, [second, third, read])
        self.line.pass_time(1)
        self.assertEqual(self.heard, [GR.data, STOP.data, STOP.data])

    def test_they_lose_the_line(self) -> None:
        first, second, third = self.begin()
        first.addErrback(lambda _: self.line.lose())
        read = self.line.run(GD)
        self.line.stop()
        self.errors(MotionStopped, [second, third])
        self.errors(DeviceUnavailable, [read])
        self.assertRaises(DeviceUnavailable, self.line.stop)

    def test_an_answer_that_brings_a_stop(self) -> None:
        read = self.line.run(GR)
        slew = self.line.run(*UNIT)
        read.addCallback(lambda _: self.line.stop())
        self.line.pass_time(1)
        self.errors(MotionStopped, [slew])
        self.assertEqual(self.heard, [GR.data, STOP.data])

    def test_a_failure_that_brings_a_stop(self) -> None:
        self.line.mount.answers[GR.data] = None
        read = self.line.run(GR)
        slew = self.line.run(*UNIT, priority=Priority.BACKGROUND)
        read.addErrback(lambda _: self.line.stop())
        self.line.pass_time(6)
        self.errors(MotionStopped, [slew])
        self.assertNotIn(RA.data, self.heard)
        self.assertEqual(self.heard[-1], STOP.data)


class PortTests(TestCase):
    """On a real terminal, whose buffer is full."""

    async def test_a_stop_does_not_come_into_a_command_that_is_not_sent_yet(
        self,
    ) -> None:
        from twisted.internet import reactor  # noqa: PLC0415 - tests with terminals only

        pair = PtyPair()
        self.addCleanup(pair.close)
        protocol = MountProtocol(
            Clock(),
            Figures(),
            timeout_s=0.5,
            byte_s=BYTE_S,
            made=lambda _: None,
            mute=lambda: None,
            lost=lambda _: None,
        )
        port = ExclusiveSerialPort(protocol, pair.path, reactor, 9600)
        filling = b"x" * 100_000
        port.write(filling)
        site = lx200.command(
            set_commands.set_command("SLEW_TO_TARGET", 1, 1.514945, -0.094093)
        )
        waiter = protocol.run((site,), Priority.MOTION)
        protocol.stop(STOP, "a test", is_motion)
        self.failureResultOf(waiter, MotionStopped)
        sent = b""

        def read() -> bool:
            nonlocal sent
            sent += pair.read()
            return len(sent) >= len(filling) + len(site.data) + len(STOP.data)

        await until(reactor, read)
        self.assertEqual(sent, filling + site.data + STOP.data)
        port.loseConnection()
        await until(reactor, lambda: not port.connected)
