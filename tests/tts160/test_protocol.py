"""The mount's line: turns, time limits, lost answers, and the end of the connection."""

from __future__ import annotations

from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
)
from gatewaykit.tts160 import lx200, set_commands
from gatewaykit.tts160.answers import (
    Answer,
    Binary,
    Date,
    Flag,
    Goto,
    Letter,
    Nothing,
    Text,
)
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply, Retry
from gatewaykit.tts160.protocol import (
    GONE,
    LISTEN_S,
    MOST_WAITING,
    MUTE,
    PAUSE_S,
    MountProtocol,
)
from gatewaykit.tts160.resync import SILENCE_S
from tests.tts160.lines import (
    BYTE_S,
    DEC,
    GD,
    GR,
    GW,
    PULSE,
    RA,
    TIMEOUT_S,
    UNIT,
    LineTestCase,
    nothing,
)

VARIABLES = lx200.command(":*!G T1,2#")
UNKNOWN = lx200.command(":XYZ#")
SIDEREAL = lx200.TRACKING_RATES["sidereal"]
SL = lx200.command(":SL21:15:30#")


def judge(command: Command, answer: Answer) -> Exception | None:
    if answer == Flag(value=False):
        return DeviceRefused("the mount", command.text, "no")
    return None


def doubting(command: Command, answer: Answer) -> Exception | None:
    if answer == Text("odd"):
        return DeviceGarbled("the mount", command.text, "odd")
    return None


class QuietLineTestCase(LineTestCase):
    """The test plays the mount's part."""

    def setUp(self) -> None:
        super().setUp()
        self.line.connect()

    def assert_written(self, *commands: Command) -> None:
        data = b"".join(command.data for command in commands)
        self.assertEqual(self.line.written(), data)


class TurnTests(QuietLineTestCase):
    def test_one_at_a_time(self) -> None:
        first, second = self.line.run(GR), self.line.run(GD)
        self.assert_written(GR)
        self.assertNoResult(first)
        self.line.say(b"05:47:12#")
        self.assertEqual(self.results(first), [[Text("05:47:12")]])
        self.assert_written(GD)
        self.line.say(b"-05*23:28#")
        self.assertEqual(self.results(second), [[Text("-05*23:28")]])
        self.assert_written()
        self.assertEqual(self.line.figures.exchanges, 2)

    def test_ask(self) -> None:
        waiter = self.line.protocol.ask(GR)
        self.line.say(b"05:47:12#")
        self.assertEqual(self.successResultOf(waiter), Text("05:47:12"))

    def test_priorities_and_order_in_each(self) -> None:
        self.line.run(GR)
        for text, priority in (
            (":GA#", Priority.BACKGROUND),
            (":GZ#", Priority.NORMAL),
            (":GL#", Priority.NORMAL),
            (":CM#", Priority.MOTION),
            (":GC#", Priority.BACKGROUND),
        ):
            self.line.run(lx200.command(text), priority=priority)
        for _ in range(6):
            self.line.say(b"x#")
        self.assertEqual(self.line.written(), b":GR#:CM#:GZ#:GL#:GA#:GC#")

    def test_equal_reads_share_one_exchange(self) -> None:
        first, second = self.line.run(GR), self.line.run(GR)
        waiting = [self.line.run(GD, priority=Priority.BACKGROUND) for _ in range(2)]
        self.line.say(b"05:47:12#", b"-05*23:28#")
        self.assert_written(GR, GD)
        self.assertEqual(self.results(first, second), [[Text("05:47:12")]] * 2)
        self.assertEqual(self.results(*waiting), [[Text("-05*23:28")]] * 2)

    def test_a_shared_read_goes_when_the_more_urgent_wants_it(self) -> None:
        self.line.run(GW)
        self.line.run(GR, priority=Priority.BACKGROUND)
        self.line.run(GD)
        self.line.run(GR, priority=Priority.MOTION)
        self.line.say(b"PT3#", b"05:47:12#", b"-05*23:28#")
        self.assert_written(GW, GR, GD)

    def test_what_is_no_read_is_done_for_each(self) -> None:
        for _ in range(2):
            self.line.run(RA)
            self.line.run(PULSE)
        for _ in range(2):
            self.line.say(b"1")
            self.line.pass_time(0.1)
        self.assert_written(RA, PULSE, RA, PULSE)

    def test_reads_with_other_judges_are_not_shared(self) -> None:
        self.line.run(GR)
        self.line.run(GR, judge=judge)
        self.line.say(b"05:47:12#", b"05:47:13#")
        self.assert_written(GR, GR)

    def test_an_answer_is_not_shared_with_those_who_ask_because_of_it(self) -> None:
        again: list[Deferred[Any]] = []
        self.line.run(GR).addCallback(lambda _: again.append(self.line.run(GR)))
        self.line.say(b"05:47:12#")
        self.assertNoResult(again[0])
        self.line.say(b"05:47:13#")
        self.assertEqual(self.results(again[0]), [[Text("05:47:13")]])

    def test_what_nobody_waits_for_is_not_sent(self) -> None:
        self.line.run(GR)
        pulse = self.line.run(PULSE)
        pulse.cancel()
        self.errors(CancelledError, [pulse])
        self.line.say(b"05:47:12#")
        self.line.pass_time(1)
        self.assert_written(GR)

    def test_who_gave_up_gets_no_answer_and_the_next_gets_his(self) -> None:
        first, second = self.line.run(GR), self.line.run(GD)
        first.cancel()
        self.errors(CancelledError, [first])
        self.line.say(b"05:47:12#", b"-05*23:28#")
        self.assertEqual(self.results(second), [[Text("-05*23:28")]])

    def test_what_was_given_up_is_not_shared(self) -> None:
        first = self.line.run(GR)
        first.cancel()
        self.errors(CancelledError, [first])
        second = self.line.run(GR)
        self.line.say(b"05:47:12#")
        self.assertNoResult(second)
        self.line.say(b"05:47:13#")
        self.assertEqual(self.results(second), [[Text("05:47:13")]])

    def test_too_many_wait(self) -> None:
        for _ in range(MOST_WAITING + 1):
            self.line.run(PULSE)
        self.errors(DeviceUnavailable, [self.line.run(PULSE), self.line.run(GR)])
        self.assertNoResult(self.line.run(PULSE, priority=Priority.MOTION))

    def test_the_end_of_one_may_be_the_begin_of_many(self) -> None:
        order: list[str] = []

        def asks(answer: Any) -> None:
            for text in (":GA#", ":GZ#"):
                command = lx200.command(text)
                waiter = self.line.run(command)
                waiter.addCallback(lambda _, text: order.append(text), text)

        self.line.run(GR).addCallback(asks)
        self.line.run(GD)
        self.line.say(b"a#", b"b#", b"c#", b"d#")
        self.assertEqual(self.line.written(), b":GR#:GD#:GA#:GZ#")
        self.assertEqual(order, [":GA#", ":GZ#"])


class EarlyTests(QuietLineTestCase):
    """What comes before its command can have reached the mount is not the answer."""

    def get_in_step(self, after_s: float) -> None:
        """A question that is answered after that time."""
        waiter = self.line.resynchronise()
        self.line.pass_time(SILENCE_S + 0.0005, 0.0005)
        self.assert_written(GW)
        self.line.pass_time(after_s, 0.001)
        self.line.say(b"PT3#")
        self.line.pass_time(0.1)
        self.results(waiter)

    def test_an_answer_that_comes_twice_is_not_the_next_ones(self) -> None:
        self.get_in_step(0.01)
        first, second = self.line.run(GR), self.line.run(GD)
        self.line.pass_time(0.01, 0.002)
        self.line.say(b"05:47:12#")
        self.assertEqual(self.results(first), [[Text("05:47:12")]])
        self.assert_written(GR, GD)
        self.line.pass_time(0.002, 0.001)
        self.line.say(b"05:47:12#")
        self.line.pass_time(0.02, 0.002)
        self.line.say(b"-05*23:28#")
        self.assertNoResult(second)
        self.line.pass_time(0.6)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.1)
        self.line.say(b"-05*23:28#")
        self.assertEqual(self.results(second), [[Text("-05*23:28")]])
        self.assert_written(GD)

    def test_what_moves_is_not_sent_again(self) -> None:
        self.get_in_step(0.01)
        goto = self.line.run(lx200.GOTO)
        self.assert_written(lx200.GOTO)
        self.line.say(b"0")
        self.errors(DeviceGarbled, [goto])
        self.line.pass_time(0.6)
        self.assert_written(GW)

    def test_who_answers_at_once_may(self) -> None:
        for after_s in (0.001, 0.01):
            self.get_in_step(after_s)
            waiter = self.line.run(GR)
            self.line.say(b"05:47:12#")
            self.assertEqual(self.results(waiter), [[Text("05:47:12")]])
            self.assert_written(GR)


class UnitTests(QuietLineTestCase):
    def listen(self) -> None:
        self.line.pass_time(LISTEN_S + 0.002, 0.002)

    def test_nothing_comes_between(self) -> None:
        unit = self.line.run(*UNIT)
        others = [self.line.run(*UNIT, priority=Priority.MOTION)]
        others += [self.line.run(GR, priority=Priority.MOTION)]
        for said in (b"1", b"1"):
            self.line.say(said)
            self.listen()
        self.assert_written(*UNIT)
        self.line.say(b"0")
        answers = [Flag(value=True), Flag(value=True), Goto(0, "")]
        self.assertEqual(self.results(unit), [answers])
        for said in (b"1", b"1", b"0", b"x#"):
            self.listen()
            self.line.say(said)
        self.assert_written(*UNIT, GR)
        self.results(*others)

    def test_it_ends_with_the_first_refusal(self) -> None:
        unit = self.line.run(*UNIT, judge=judge)
        self.line.say(b"1")
        self.listen()
        self.line.say(b"0")
        self.errors(DeviceRefused, [unit])
        self.listen()
        self.assert_written(RA, DEC)
        self.line.run(GR)
        self.assert_written(GR)

    def test_it_ends_with_an_error(self) -> None:
        unit = self.line.run(*UNIT)
        self.line.say(b"ERROR:CMD_ERROR\n")
        error = self.failureResultOf(unit, DeviceRefused).value
        self.assertEqual(str(error), "the mount refused :Sr05:30:00#: CMD_ERROR")
        self.listen()
        self.assert_written(RA)

    def test_it_ends_where_nobody_waits_any_more(self) -> None:
        for at in range(2):
            unit = self.line.run(*UNIT)
            for _ in range(at):
                self.line.say(b"1")
                self.listen()
            unit.cancel()
            self.errors(CancelledError, [unit])
            self.line.say(b"1")
            self.listen()
            self.assert_written(*UNIT[: at + 1])

    def test_it_ends_where_nobody_waits_while_the_line_is_listened_to(self) -> None:
        unit = self.line.run(*UNIT)
        self.line.say(b"1")
        unit.cancel()
        self.errors(CancelledError, [unit])
        read = self.line.run(GR)
        self.listen()
        self.assert_written(RA, GR)
        self.line.say(b"x#")
        self.results(read)

    def test_an_answer_too_many_is_not_taken_for_the_next(self) -> None:
        """Otherwise a target that was refused would count as taken."""
        unit = self.line.run(*UNIT, judge=judge)
        self.line.say(b"1")
        self.line.pass_time(0.001, 0.001)
        self.line.say(b"1")
        read = self.line.run(GR)
        self.listen()
        self.errors(DeviceGarbled, [unit])
        self.assert_written(RA)
        self.line.pass_time(SILENCE_S)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.line.say(b"x#")
        self.results(read)
        self.line.pass_time(1)
        self.assert_written(GR)

    def test_a_lost_answer_before_the_goto_begins_the_unit_anew(self) -> None:
        unit = self.line.run(*UNIT)
        for command, answer in (
            (UNIT[0], b"1"),
            (UNIT[1], b""),
            (GW, b"PT3#"),
            *zip(UNIT, (b"1", b"1", b"0"), strict=True),
        ):
            self.assertNoResult(unit)
            written = b""
            while not written:
                self.line.pass_time(0.01, 0.01)
                written = self.line.written()
            self.assertEqual(written, command.data)
            self.line.say(answer)
        self.results(unit)

    def test_an_answer_too_many_before_it(self) -> None:
        self.line.run(GD)
        self.line.say(b"1#")
        unit = self.line.run(*UNIT)
        self.line.say(b"1#")
        self.line.pass_time(0.2)
        self.assert_written(GD)
        self.assertNoResult(unit)

    def test_a_goto_by_itself_is_listened_for_too(self) -> None:
        self.line.run(GD)
        self.line.say(b"x#")
        self.line.run(lx200.GOTO)
        self.assert_written(GD)
        self.listen()
        self.assert_written(lx200.GOTO)

    def test_a_pulse_does_not_wait(self) -> None:
        self.line.run(GD)
        self.line.say(b"x#")
        self.line.run(PULSE)
        self.assert_written(GD, PULSE)

    def test_an_end_behind_a_flag_does_no_harm(self) -> None:
        unit = self.line.run(*UNIT)
        for said in (b"1", b"1", b"0"):
            self.line.say(said)
            self.line.pass_time(0.002, 0.001)
            self.line.say(b"#")
            self.line.pass_time(0.05)
        self.results(unit)
        self.assertEqual(self.line.figures.strays, 0)

    def test_blind_commands_in_it(self) -> None:
        unit = self.line.run(lx200.choose_rate(3.0), lx200.move("north"))
        self.line.pass_time(0.1)
        self.assert_written(lx200.choose_rate(3.0), lx200.move("north"))
        self.assertEqual(self.results(unit), [[Nothing(), Nothing()]])

    def test_a_stray_byte_in_it(self) -> None:
        unit = self.line.run(lx200.choose_rate(3.0), lx200.move("north"))
        self.line.say(b"x")
        self.line.pass_time(0.1)
        self.errors(DeviceGarbled, [unit])
        self.assert_written(lx200.choose_rate(3.0))


class GapTests(QuietLineTestCase):
    def test_ten_milliseconds_behind_a_command_without_an_answer(self) -> None:
        pulse, read = self.line.run(PULSE), self.line.run(GR)
        gap_s = 0.01 + len(PULSE.data) * BYTE_S
        self.line.clock.advance(gap_s - 0.0001)
        self.assert_written(PULSE)
        self.assertNoResult(pulse)
        self.line.clock.advance(0.0002)
        self.assert_written(GR)
        self.assertEqual(self.results(pulse), [[Nothing()]])
        self.line.say(b"x#")
        self.results(read)

    def test_none_behind_others(self) -> None:
        self.line.run(GR)
        self.line.run(GD)
        self.line.say(b"x#")
        self.assert_written(GR, GD)


class TimeTests(QuietLineTestCase):
    def assert_time(self, command: Command, seconds: float, said: bytes = b"") -> None:
        """So long its answer may take after what was said, and no longer."""
        once = attrs.evolve(command, retry=Retry.NEVER)
        waiter = self.line.run(once)
        if said:
            self.line.clock.advance(0.4)
            self.line.say(said)
        self.line.clock.advance(seconds - 0.001)
        self.assertNoResult(waiter)
        self.line.clock.advance(0.002)
        self.failureResultOf(waiter, DeviceTimeout, DeviceGarbled)

    def assert_new(self, command: Command, seconds: float, said: bytes = b"") -> None:
        with self.subTest(command=command.text, said=said):
            self.setUp()
            self.assert_time(command, seconds, said)
            self.tearDown()

    def test_the_first_byte(self) -> None:
        """Counted from when the command is out (facts/tts160.md 1.5)."""
        for command in (GR, VARIABLES, RA, lx200.ALIGNMENT):
            self.assert_new(command, 0.5 + len(command.data) * BYTE_S)
        computed = lx200.command(":*!G X1,2#")
        self.assert_new(computed, 0.52 + len(computed.data) * BYTE_S)
        self.assert_new(lx200.GOTO, 3.0 + 4 * BYTE_S)
        slew = lx200.command(set_commands.set_command("SLEW_TO_TARGET", 0))
        self.assert_new(slew, 3.0 + len(slew.data) * BYTE_S)

    def test_the_next_byte(self) -> None:
        for command, said in (
            (GR, b"0"),
            (GR, b"05:47"),
            (VARIABLES, b"B"),
            (VARIABLES, b"BINARY:2i\n"),
            (VARIABLES, b"BINARY:2i\n###"),
            (lx200.GOTO, b"1Below"),
            (UNKNOWN, b"x"),
        ):
            self.assert_new(command, 0.2, said)

    def test_each_byte_has_its_time(self) -> None:
        waiter = self.line.run(GR)
        for byte in b"05:47:12#":
            self.line.clock.advance(0.19)
            self.line.say(bytes([byte]))
        self.assertEqual(self.results(waiter), [[Text("05:47:12")]])

    def test_silence_that_is_an_answer(self) -> None:
        for command, said, seconds, answer in (
            (UNKNOWN, b"1", 0.2, Flag(value=True)),
            (lx200.GOTO, b"1", 0.5, Goto(1, "")),
            (SL, b"1", 0.2, Date(accepted=True, text="")),
            (SL, b"1Updating#", 5.0, Date(accepted=True, text="Updating")),
        ):
            waiter = self.line.run(command)
            self.line.pass_time(0.03)
            self.line.say(said)
            self.line.clock.advance(seconds - 0.001)
            self.assertNoResult(waiter)
            self.line.clock.advance(0.002)
            self.assertEqual(self.results(waiter), [[answer]])
        self.assertEqual(self.line.figures.resyncs, 0)

    def test_errors_name_the_time(self) -> None:
        waiter = self.line.run(lx200.GOTO)
        self.line.pass_time(3.1)
        error = self.failureResultOf(waiter, DeviceTimeout).value
        self.assertEqual(str(error), "the mount did not answer :MS# within 3 s")


class FormTests(QuietLineTestCase):
    """Irregular answers (facts/tts160.md 1.4)."""

    def assert_answer(self, command: Command, said: bytes, answer: Answer) -> None:
        with self.subTest(command=command.text, said=said):
            waiter = self.line.run(command)
            self.line.pass_time(0.03)
            self.line.say(said)
            self.line.pass_time(5.1, 0.1)
            self.assertEqual(self.results(waiter), [[answer]])
            after = self.line.run(GR)
            self.line.say(b"05:47:12#")
            self.assertEqual(self.results(after), [[Text("05:47:12")]])
            self.assertEqual(self.line.figures.resyncs, 0)

    def test_local_time(self) -> None:
        for said in (b"1", b"1#"):
            self.assert_answer(SL, said, Date(accepted=True, text=""))
        self.assert_answer(SL, b"0", Date(accepted=False, text=""))

    def test_an_end_of_the_local_time_is_not_the_next_answer(self) -> None:
        time, after = self.line.run(SL), self.line.run(GR)
        self.line.say(b"1")
        self.line.pass_time(0.1)
        self.line.say(b"#05:47:12#")
        self.assertEqual(self.line.written(), SL.data)
        self.errors(DeviceGarbled, [time])
        self.assertNoResult(after)

    def test_dates(self) -> None:
        date = lx200.command(":SC08/05/26#")
        for said in (b"1", b"1#"):
            self.assert_answer(date, said, Date(accepted=True, text=""))
        for said in (b"0", b"0#"):
            self.assert_answer(date, said, Date(accepted=False, text=""))
        updating = Date(accepted=True, text="Updating Planetary Data")
        said = b"1Updating Planetary Data#"
        for rest in (b"", b" " * 24 + b"#", b" " * 32 + b"#"):
            self.assert_answer(date, said + rest, updating)

    def test_the_second_text_of_a_date_comes_late(self) -> None:
        date, after = self.line.run(lx200.command(":SC08/05/26#")), self.line.run(GR)
        self.line.say(b"1Updating Planetary Data#")
        self.line.pass_time(4)
        self.assertNoResult(date)
        self.line.say(b" " * 20, b" " * 10, b"#")
        self.results(date)
        self.line.say(b"05:47:12#")
        self.assertEqual(self.results(after), [[Text("05:47:12")]])

    def test_gotos(self) -> None:
        goto = lx200.GOTO
        self.assert_answer(goto, b"0", Goto(0, ""))
        self.assert_answer(goto, b"1Below horizon#", Goto(1, "Below horizon"))
        self.assert_answer(goto, b"2", Goto(2, ""))

    def test_under_way_and_there(self) -> None:
        under_way = lx200.command(":D#")
        self.assert_answer(under_way, b"#", Text(""))
        self.assert_answer(under_way, b"|#", Text("|"))

    def test_what_the_table_does_not_know(self) -> None:
        self.assert_answer(UNKNOWN, b"0", Flag(value=False))
        self.assert_answer(UNKNOWN, b"1.5#", Text("1.5"))
        self.assert_answer(UNKNOWN, b"BINARY:2B\n##", Binary("2B", b"##"))
        self.assert_answer(lx200.ALIGNMENT, b"P", Letter("P"))

    def test_errors(self) -> None:
        for command in (GR, RA, lx200.GOTO, VARIABLES, UNKNOWN, SL):
            waiter = self.line.run(command)
            self.line.pass_time(0.03)
            self.line.say(b"ERROR:VAR_ERROR\n")
            error = self.failureResultOf(waiter, DeviceRefused).value
            self.assertEqual(error.reason, "VAR_ERROR")
            self.line.written()
        self.assertEqual(self.line.figures.resyncs, 0)
        self.assertEqual(self.line.figures.retries, 0)


class ModeTests(QuietLineTestCase):
    """Line mode for texts, raw mode for all else."""

    def test_modes(self) -> None:
        protocol = self.line.protocol
        self.line.run(GR)
        self.line.run(VARIABLES)
        self.assertFalse(protocol.line_mode)
        self.line.say(b"0")
        self.assertTrue(protocol.line_mode)
        self.line.say(b"5:47:12#")
        self.assertFalse(protocol.line_mode)
        self.line.say(b"BINARY:2i\n", b"###\0###\0")
        self.assertFalse(protocol.line_mode)

    def test_half_a_text_is_none_of_the_next_answer(self) -> None:
        once = attrs.evolve(GR, retry=Retry.NEVER)
        first, second = self.line.run(once), self.line.run(GD)
        self.line.say(b"0", b"5:4")
        self.line.pass_time(0.3)
        error = self.failureResultOf(first, DeviceGarbled).value
        self.assertEqual(error.reason, "it broke off")
        self.line.pass_time(0.3)
        self.line.say(b"PT3#")
        self.line.pass_time(0.1)
        self.line.say(b"-", b"05*23:28#")
        self.assertEqual(self.results(second), [[Text("-05*23:28")]])

    def test_a_text_that_has_no_end(self) -> None:
        for pieces in (
            [b"x" * 300],
            [b"x", b"x" * 300],
            [b"x" * 100] * 4,
            [b"x"] * 258,
        ):
            self.setUp()
            waiter = self.line.run(attrs.evolve(GR, retry=Retry.NEVER))
            self.line.say(*pieces)
            error = self.failureResultOf(waiter, DeviceGarbled).value
            self.assertEqual(error.reason, "it has no end")
            self.assertFalse(self.line.protocol.line_mode)
            self.assertEqual(self.line.protocol.clearLineBuffer(), b"")
            self.tearDown()

    def test_a_text_that_is_too_long(self) -> None:
        for pieces in ([b"x" * 300 + b"#"], [b"x", b"x" * 299 + b"#y"]):
            self.setUp()
            waiter = self.line.run(attrs.evolve(GR, retry=Retry.NEVER))
            self.line.say(*pieces)
            error = self.failureResultOf(waiter, DeviceGarbled).value
            self.assertEqual(error.reason, "it has no end")
            self.tearDown()

    def test_half_a_text_that_grew_too_long_when_its_time_is_over(self) -> None:
        waiter = self.line.run(attrs.evolve(GR, retry=Retry.NEVER))
        self.line.say(b"x" * 200, b"x" * 200)
        self.line.pass_time(0.3)
        self.errors(DeviceGarbled, [waiter])

    def test_bytes_behind_a_text(self) -> None:
        """In one read they came before the next command: not its answer."""
        for pieces in ([b"a#b#"], [b"a", b"#b#"], [b"a", b"#1"]):
            self.setUp()
            first, second = self.line.run(GR), self.line.run(GD)
            self.line.say(*pieces)
            self.assertNoResult(first)
            self.assertNoResult(second)
            self.assert_written(GR)
            self.assertEqual(self.line.figures.retries, 1)
            self.tearDown()


class StrayTests(QuietLineTestCase):
    def test_they_are_counted_and_the_line_is_brought_into_step(self) -> None:
        self.line.say(b"1")
        self.assertEqual(self.line.figures.strays, 1)
        self.line.pass_time(2)
        self.assert_written()
        read = self.line.run(GR)
        self.assert_written()
        self.line.pass_time(SILENCE_S + 0.01)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assert_written(GR)
        self.line.say(b"05:47:12#")
        self.results(read)
        self.assertEqual(self.line.figures.resyncs, 1)

    def test_while_a_blind_command_is_out(self) -> None:
        pulse, read = self.line.run(PULSE), self.line.run(GR)
        self.line.say(b"x")
        self.line.pass_time(0.1)
        self.assertEqual(self.results(pulse), [[Nothing()]])
        self.assertNoResult(read)
        self.assert_written(PULSE)

    def test_behind_an_answer_that_cannot_be_repeated(self) -> None:
        goto = self.line.run(lx200.GOTO)
        self.line.say(b"00")
        error = self.failureResultOf(goto, DeviceGarbled).value
        self.assertEqual(error.reason, "bytes too many behind it")

    def test_behind_the_answer_to_a_question(self) -> None:
        self.line.say(b"x")
        self.line.run(GR)
        self.line.pass_time(SILENCE_S + 0.01)
        self.assert_written(GW)
        self.line.say(b"PT3#x")
        self.line.pass_time(2 * SILENCE_S + 0.02)
        self.assertEqual(self.line.written(), b":GC#")

    def test_the_line_is_brought_into_step_on_demand(self) -> None:
        waiters = [self.line.resynchronise(), self.line.resynchronise()]
        read = self.line.run(GR)
        self.line.pass_time(SILENCE_S + 0.01)
        self.assert_written(GW)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assertEqual(self.results(*waiters), [None, None])
        self.assert_written(GR)
        self.line.say(b"x#")
        self.results(read)

    def test_on_demand_when_what_is_under_way_is_over(self) -> None:
        unit = self.line.run(*UNIT)
        waiter = self.line.resynchronise()
        for said in (b"1", b"1", b"0"):
            self.line.say(said)
            self.line.pass_time(0.03)
        self.results(unit)
        self.assert_written(*UNIT)
        self.line.pass_time(SILENCE_S)
        self.assert_written(GW)
        self.assertNoResult(waiter)

    def test_on_demand_given_up(self) -> None:
        self.line.run(GR)
        first, second = self.line.resynchronise(), self.line.resynchronise()
        first.cancel()
        second.cancel()
        self.errors(CancelledError, [first, second])
        self.line.say(b"x#")
        self.line.pass_time(2)
        self.assert_written(GR)

    def test_on_demand_given_up_by_one_who_hears(self) -> None:
        first, second = self.line.resynchronise(), self.line.resynchronise()
        first.addCallback(lambda _: second.cancel())
        self.line.pass_time(SILENCE_S + 0.01)
        self.line.say(b"PT3#")
        self.line.pass_time(0.06)
        self.assertIsNone(self.successResultOf(first))
        self.errors(CancelledError, [second])


class LostAnswerTests(LineTestCase):
    """With a scripted mount."""

    def setUp(self) -> None:
        super().setUp()
        self.mount = self.line.mount
        self.line.connect_mount()

    def heard(self, *commands: Command) -> list[int]:
        return [self.mount.heard.count(command.data) for command in commands]

    def test_reads_are_asked_three_times_with_growing_pauses(self) -> None:
        self.mount.answers[b":GR#"] = None
        began = self.line.clock.seconds()
        waiter = self.line.run(GR)
        self.line.pass_time(6)
        self.errors(DeviceTimeout, [waiter])
        times = [
            at - began
            for command, at in zip(self.mount.heard, self.mount.heard_at, strict=True)
            if command == b":GR#"
        ]
        attempt_s = TIMEOUT_S + SILENCE_S + 0.05 + 0.02
        self.assertEqual(len(times), 3)
        for number in (1, 2):
            pause_s = times[number] - times[number - 1] - attempt_s
            self.assertLess(abs(pause_s - number * PAUSE_S), 0.03)
        self.assertEqual(self.line.figures.retries, 2)
        self.assertEqual(self.line.figures.timeouts, 3)

    def test_what_says_the_same_again_is_sent_twice(self) -> None:
        self.mount.drop()
        waiter = self.line.run(RA)
        self.line.pass_time(2)
        self.assertEqual(self.results(waiter), [[Flag(value=True)]])
        self.mount.answers[b":Sd"] = None
        waiter = self.line.run(DEC)
        self.line.pass_time(6)
        self.errors(DeviceTimeout, [waiter])
        self.assertEqual(self.heard(RA, DEC), [2, 2])

    def test_motion_sync_units_and_what_nobody_knows_are_sent_once(self) -> None:
        self.mount.answers |= {b":CM#": None, b":MS#": None, b":XYZ#": None}
        slew = lx200.command(set_commands.set_command("SLEW_TO_TARGET", 0))
        for commands in (
            (lx200.SYNC,),
            (lx200.GOTO,),
            (UNKNOWN,),
            (slew,),
            UNIT,
            (SL,),
        ):
            self.mount.answers[commands[-1].data] = None
            waiter = self.line.run(*commands)
            self.line.pass_time(8, 0.01)
            self.errors(DeviceTimeout, [waiter])
            self.assertEqual(self.mount.heard.count(commands[-1].data), 1)
            del self.mount.heard[:]

    def test_a_reread_shares_and_can_be_given_up(self) -> None:
        self.mount.drop(2)
        first = self.line.run(GR)
        self.line.pass_time(0.6)
        second = self.line.run(GR)
        first.cancel()
        self.errors(CancelledError, [first])
        self.line.pass_time(3)
        self.assertEqual(self.results(second), [[Text("05:47:12")]])

    def test_a_read_that_nobody_wants_any_more_is_not_repeated(self) -> None:
        self.mount.answers[b":GR#"] = None
        waiter = self.line.run(GR)
        waiter.cancel()
        self.errors(CancelledError, [waiter])
        self.line.pass_time(6)
        self.assertEqual(self.heard(GR), [1])

    def test_a_late_answer_is_nobodys(self) -> None:
        for delay_s in (0.55, 0.7, 0.8, 0.81, 0.9, 1.0, 1.3, 1.5, 1.9, 2.5, 3.0):
            for command in (GR, GW):
                with self.subTest(delay_s=delay_s, command=command.text):
                    self.mount.delay(delay_s)
                    once = attrs.evolve(command, retry=Retry.NEVER)
                    first, second = self.line.run(once), self.line.run(GD)
                    third = self.line.run(*UNIT)
                    self.line.pass_time(9, 0.01)
                    self.errors(DeviceTimeout, [first])
                    self.assertEqual(self.results(second), [[Text("-05*23:28")]])
                    self.results(third)
        self.assertEqual(self.line.muted, 0)

    def test_what_was_lost_is_not_the_question(self) -> None:
        self.mount.drop()
        waiter = self.line.run(GW)
        self.line.pass_time(3)
        self.assertEqual(self.results(waiter), [[Text("PT3")]])
        self.assertEqual(self.mount.heard, [b":GW#", b":GC#", b":GW#"])

    def test_garbled_answers(self) -> None:
        for spoilt in (b"x", b"05:4", b"\0\0#", b"05:47:12#05:47:12#", b"BOX\n"):
            self.mount.spoil(partial(lambda said, _: said, spoilt))
            first, second = self.line.run(GR), self.line.run(GD)
            self.line.pass_time(3)
            self.assertEqual(self.results(first), [[Text("05:47:12")]])
            self.assertEqual(self.results(second), [[Text("-05*23:28")]])
        self.assertEqual(self.line.figures.garbled, 5)

    def test_a_text_in_the_place_of_a_block(self) -> None:
        self.mount.answers[b":*!G "] = b"05:47:12#"
        waiter = self.line.run(VARIABLES)
        self.line.pass_time(6)
        error = self.failureResultOf(waiter, DeviceGarbled).value
        self.assertEqual(error.reason, "a text")
        self.assertEqual(self.heard(VARIABLES), [3])

    def test_the_judge_may_find_an_answer_garbled(self) -> None:
        said = iter([b"odd#", b"05:47:12#", b"odd#", b"odd#", b"odd#"])
        self.mount.answers[b":GR#"] = lambda: next(said)
        waiter = self.line.run(GR, judge=doubting)
        self.line.pass_time(2)
        self.assertEqual(self.results(waiter), [[Text("05:47:12")]])
        self.assertEqual(self.line.figures.resyncs, 1)
        waiter = self.line.run(GR, judge=doubting)
        self.line.pass_time(5)
        self.errors(DeviceGarbled, [waiter])

    def test_a_mute_mount(self) -> None:
        self.mount.is_on_screen = False
        waiters = [self.line.run(GR), self.line.run(*UNIT), self.line.run(PULSE)]
        waiters += [self.line.resynchronise()]
        self.line.pass_time(8)
        self.assertEqual(self.line.muted, 1)
        for waiter in waiters:
            error = self.failureResultOf(waiter, DeviceUnavailable).value
            self.assertEqual(error.reason, MUTE)
        self.line.pass_time(20, 0.5)
        self.assertEqual(self.line.figures.resyncs, 1)
        self.mount.is_on_screen = True
        waiter = self.line.run(GR)
        self.line.pass_time(1)
        self.assertEqual(self.mount.heard, [b":GW#", b":GR#"])
        self.assertEqual(self.results(waiter), [[Text("05:47:12")]])

    def test_a_mute_mount_is_tried_by_those_who_hear_of_it(self) -> None:
        again: list[Deferred[Any]] = []

        def ask(_: Any) -> None:
            again.append(self.line.run(GR))

        self.mount.is_on_screen = False
        self.line.run(GR).addErrback(ask)
        self.line.run(GD).addErrback(ask)
        self.line.pass_time(8)
        self.assertEqual(self.line.muted, 1)
        self.mount.is_on_screen = True
        self.line.pass_time(3)
        self.assertEqual(self.results(*again), [[Text("05:47:12")]] * 2)

    def test_the_port_may_be_given_up_when_it_is_mute(self) -> None:
        self.mount.is_on_screen = False
        self.line.when_mute = self.line.lose
        waiters = [self.line.run(GR), self.line.resynchronise()]
        self.line.pass_time(8)
        self.assertEqual(self.line.lost, 1)
        self.errors(DeviceUnavailable, waiters)

    def test_a_mount_that_has_no_answer_to_one_command(self) -> None:
        waiters = [self.line.run(UNKNOWN), self.line.run(GR)]
        self.line.pass_time(3)
        self.errors(DeviceTimeout, waiters[:1])
        self.assertEqual(self.results(waiters[1]), [[Text("05:47:12")]])


class EndTests(LineTestCase):
    """The connection is lost, or someone gives up, in every state."""

    STATES = (
        "idle",
        "first",
        "half",
        "block",
        "blind",
        "unit",
        "listening",
        "silence",
        "question",
        "answered",
        "suspect",
        "stopped",
    )

    def reach(self, state: str) -> list[Deferred[Any]]:
        """With one who has the line, and two who wait for it."""
        self.setUp()
        line = self.line
        line.connect()
        before = {"half": GR, "block": VARIABLES, "blind": PULSE}
        commands: tuple[Command, ...] = (before.get(state, GD),)
        if state in {"unit", "listening"}:
            commands = UNIT
        if state == "suspect":
            line.say(b"x")
        waiters: list[Deferred[Any]] = []
        if state != "idle":
            waiters = [line.run(*commands), line.run(*UNIT), line.run(GW)]
        match state:
            case "half":
                line.say(b"05", b":4")
            case "block":
                line.say(b"BINARY:2i\n##")
            case "listening" | "unit":
                line.say(b"1")
                line.pass_time(0.03 if state == "unit" else 0.003)
            case "silence" | "question" | "answered":
                line.pass_time(0.6)
                if state != "silence":
                    line.pass_time(0.5)
                    self.assertTrue(line.written().endswith(b":GW#"))
                if state == "answered":
                    line.say(b"PT3#")
            case "stopped":
                line.stop()
                self.errors(Exception, [waiters.pop(1)])
        return waiters

    def test_connection_lost(self) -> None:
        for state in self.STATES:
            with self.subTest(state=state):
                waiters = self.reach(state)
                self.line.lose()
                self.assertEqual(self.line.clock.getDelayedCalls(), [])
                for waiter in waiters:
                    error = self.failureResultOf(waiter, DeviceUnavailable).value
                    self.assertEqual(error.reason, GONE)
                self.assertEqual((self.line.made, self.line.lost), (1, 1))
                self.tearDown()

    def test_everyone_gives_up(self) -> None:
        for state in self.STATES:
            with self.subTest(state=state):
                for waiter in self.reach(state):
                    waiter.cancel()
                    self.errors(CancelledError, [waiter])
                self.line.written()
                self.line.pass_time(30, 0.1)
                self.assertNotIn(b":S", self.line.written())
                self.line.lose()
                self.tearDown()

    def test_who_hears_of_it_finds_the_line_closed(self) -> None:
        for state in self.STATES:
            with self.subTest(state=state):
                found: list[Deferred[Any]] = []

                def look(_: Any, found: list[Deferred[Any]] = found) -> None:
                    found.append(self.line.run(GR))
                    found.append(self.line.resynchronise())
                    self.assertRaises(DeviceUnavailable, self.line.stop)

                waiters = self.reach(state)
                for waiter in waiters:
                    waiter.addBoth(look)
                self.line.when_lost = partial(look, None)
                self.line.lose()
                self.assertEqual(len(found), 2 * len(waiters) + 2)
                self.errors(DeviceUnavailable, found)
                self.tearDown()

    def test_one_who_hears_gives_up_for_the_others(self) -> None:
        for state in self.STATES[1:]:
            with self.subTest(state=state):
                waiters = self.reach(state)
                waiters.append(self.line.resynchronise())

                def end(_: Any, others: list[Deferred[Any]]) -> None:
                    for other in others:
                        other.cancel()

                waiters[0].addBoth(end, waiters[1:])
                self.line.lose()
                self.errors(CancelledError, waiters[1:])
                self.tearDown()

    def test_before_it_is_there(self) -> None:
        self.line.made = 0
        self.errors(DeviceUnavailable, [self.line.run(GR), self.line.resynchronise()])
        self.assertRaises(DeviceUnavailable, self.line.stop)

    def test_one_who_gets_an_answer_loses_the_line(self) -> None:
        self.line.connect()
        first, second = self.line.run(GR), self.line.run(GD)
        first.addCallback(lambda _: self.line.lose())
        self.line.say(b"05:47:12#")
        self.errors(DeviceUnavailable, [second])
        self.assertEqual(self.line.clock.getDelayedCalls(), [])

    def test_one_who_asks_when_it_is_made(self) -> None:
        asked: list[Deferred[Any]] = []

        def ask(protocol: MountProtocol) -> None:
            asked.append(protocol.run((GR,), Priority.NORMAL))

        self.line.protocol._made = ask
        self.line.connect()
        self.line.say(b"x#")
        self.results(*asked)
        self.line.lose()

    def test_stop_of_nothing(self) -> None:
        self.line.connect()
        self.line.stop(is_meant=nothing)
        self.line.pass_time(1)
        self.assertEqual(self.line.written(), b":Q#")


class OwnCommandTests(QuietLineTestCase):
    def test_a_command_with_its_own_time(self) -> None:
        slow = Command(b":ZZ#", Reply.TEXT, Retry.NEVER, Effect.READ, 2.0)
        waiter = self.line.run(slow)
        self.line.pass_time(1.9)
        self.assertNoResult(waiter)
        self.line.pass_time(0.2)
        self.errors(DeviceTimeout, [waiter])

    def test_figures(self) -> None:
        self.line.run(GR)
        self.line.clock.advance(0.25)
        self.line.say(b"x#")
        self.assertEqual(self.line.figures.last_answer, self.line.clock.seconds())
        self.line.run(SIDEREAL)
        self.line.pass_time(0.1)
        self.assertEqual(self.line.figures.exchanges, 2)
