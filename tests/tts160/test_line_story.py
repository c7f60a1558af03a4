"""Whatever happens on the mount's line, nobody gets another's answer, nothing moves twice,
and nothing that was asked for before a stop moves after it."""

from __future__ import annotations

import itertools
import struct
from functools import partial
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MotionStopped,
)
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.answers import Answer, Binary, Flag, Goto, Nothing, Text
from gatewaykit.tts160.commands import Command, Priority
from gatewaykit.tts160.resync import PROBES
from tests.tts160.lines import BYTE_S, Line

TEXTS = [lx200.command(text) for text in (":GR#", ":GD#", ":GA#", ":GVP#", ":CM#")]
BLOCKS = [lx200.command(f":*!G T{number},T1#") for number in (2, 3)]
FLAGS = [lx200.command(text) for text in (":*E#", ":*Pq#")]
ERRORS = (
    DeviceTimeout,
    DeviceGarbled,
    DeviceUnavailable,
    DeviceRefused,
    MotionStopped,
    CancelledError,
)
STOP = lx200.STOP.data

QUIETLY = st.sampled_from([0.0, 0.002, 0.01, 0.03, 0.1, 0.4, 0.6, 1.0, 4.0])
HAPPENINGS = st.one_of(
    st.tuples(st.just("text"), st.integers(0, len(TEXTS) - 1)),
    st.tuples(st.just("block"), st.integers(0, len(BLOCKS) - 1)),
    st.tuples(st.just("flag"), st.integers(0, len(FLAGS) - 1)),
    st.tuples(st.sampled_from(["slew", "pulse", "slew", "pulse"]), st.integers(0, 2)),
    st.tuples(st.sampled_from(["stop", "axis", "in step", "noise"]), st.just(0)),
    st.tuples(st.sampled_from(["cancel", "chain"]), st.integers(0, 20)),
    st.tuples(st.sampled_from(["drop", "double", "spoil", "cut"]), st.integers(0, 2)),
    st.tuples(
        st.just("late"), st.sampled_from([0.1, 0.45, 0.55, 0.8, 1.1, 1.6, 2.3, 3])
    ),
    st.tuples(st.just("refuse"), st.just(0)),
    st.tuples(st.sampled_from(["mute", "heal"]), st.just(0)),
)


def spoilt(answer: bytes) -> bytes:
    """No mistake that looks like an answer."""
    return b"\x0b" + answer[1:]


class Story:
    def __init__(self, test: SynchronousTestCase, byte_s: float) -> None:
        self.test = test
        self.line = Line()
        self.mount = self.line.mount
        self.mount.byte_s = byte_s
        self.numbers = itertools.count(1)
        self.waiters: list[Deferred[Any]] = []
        self.old: set[bytes] = set()
        """Motion that was asked for before the last stop."""
        self.moving: set[bytes] = set()
        """Motion that was asked for since."""
        self.stopped_at = 0
        self.successes: list[tuple[Command, ...]] = []
        for command in TEXTS:
            self.mount.answers[command.data] = partial(self.text, command)
        for command in BLOCKS:
            self.mount.answers[command.data] = partial(self.block, command)
        self.line.connect_mount()

    # The mount: each answer tells whose it is.

    def text(self, command: Command) -> bytes:
        return b"%b %d#" % (command.data[1:-1], next(self.numbers))

    def block(self, command: Command) -> bytes:
        whose = BLOCKS.index(command)
        payload = struct.pack("<ii", whose, next(self.numbers))
        return b"BINARY:2i\n" + payload.replace(b"\0", b"#")

    # What happens

    def happens(self, what: str, number: float) -> None:
        index = int(number)
        match what:
            case "text":
                self.ask(TEXTS[index])
            case "block":
                self.ask(BLOCKS[index])
            case "flag":
                self.ask(FLAGS[index])
            case "slew":
                self.slew(Priority(index + 1))
            case "pulse":
                self.pulse(Priority(index + 1))
            case "stop":
                self.stop()
            case "axis":
                self.line.stop(lx200.stop_axis("east"), lambda _: False)
            case "in step":
                self.add(self.line.resynchronise())
            case "noise":
                self.mount.say(b"\x0b")
            case "cancel" if self.waiters:
                self.waiters[index % len(self.waiters)].cancel()
            case "chain" if self.waiters:
                waiter = self.waiters[index % len(self.waiters)]
                waiter.addBoth(partial(self.chain, index))
            case "drop":
                self.mount.drop(index + 1)
            case "double" if not self.mount.byte_s:
                self.mount.spoil(lambda answer: answer * 2, index + 1)
            case "spoil":
                self.mount.spoil(spoilt, index + 1)
            case "cut":
                self.mount.spoil(lambda answer: answer[: -1 - index])
            case "late":
                self.mount.delay(number)
            case "refuse":
                self.mount.answers[b":Sd"] = b"0"
            case "mute":
                self.mount.is_on_screen = False
            case "heal":
                self.mount.is_on_screen = True
                self.mount.answers[b":Sd"] = b"1"

    def chain(self, index: int, result: Any) -> Any:
        """Somebody acts on an end in the very moment of it."""
        acts = ["stop", "text", "slew", "pulse", "cancel", "in step"]
        self.happens(acts[index % len(acts)], index % 3)
        return result

    def add(self, waiter: Deferred[Any], *commands: Command) -> None:
        self.waiters.append(waiter)
        waiter.addCallbacks(self.answered, self.failed, (commands,))

    def ask(self, command: Command) -> None:
        self.add(self.line.run(command), command)

    def pulse(self, priority: Priority) -> None:
        command = lx200.guide("north", next(self.numbers))
        self.moving.add(command.data)
        self.add(self.line.run(command, priority=priority), command)

    def slew(self, priority: Priority) -> None:
        number = next(self.numbers)
        commands = (*lx200.set_target(number / 3600, number / 3600), lx200.GOTO)
        self.moving |= {commands[0].data, commands[1].data}
        waiter = self.line.run(*commands, priority=priority, judge=self.judge)
        self.add(waiter, *commands)

    def judge(self, command: Command, answer: Answer) -> Exception | None:
        if answer == Flag(value=False):
            return DeviceRefused("the mount", command.text, "no")
        return None

    def stop(self) -> None:
        if self.line.lost:
            self.test.assertRaises(DeviceUnavailable, self.line.stop)
            return
        before = len(self.mount.heard)
        self.check_stop()
        self.old |= self.moving
        self.moving = set()
        self.stopped_at = before
        self.line.stop()
        if self.mount.is_on_screen:
            # The same one may be on its way already, with nothing behind it.
            self.test.assertEqual(self.mount.heard[before:] or [STOP], [STOP])
            self.test.assertEqual(self.mount.heard[-1], STOP)

    # What must hold

    def answered(
        self, answers: list[Answer] | None, commands: tuple[Command, ...]
    ) -> None:
        self.successes += [commands]
        for command, answer in zip(commands, answers or [], strict=True):
            if command in TEXTS:
                assert isinstance(answer, Text)
                own = command.data[1:-1].decode("ascii")
                self.test.assertEqual(answer.text.split()[0], own)
            elif command in BLOCKS:
                assert isinstance(answer, Binary)
                whose = answer.payload[:1].replace(b"#", b"\0")[0]
                self.test.assertEqual(whose, BLOCKS.index(command))
            elif command == lx200.GOTO:
                self.test.assertEqual(answer, Goto(0, ""))
                self.test.assertIn(self.mount.heard.count(commands[0].data), {1, 2})
            else:
                self.test.assertIsInstance(answer, (Flag, Nothing))

    def failed(self, failure: Any) -> None:
        failure.trap(*ERRORS)

    def check_stop(self) -> None:
        after = set(self.mount.heard[self.stopped_at :])
        self.test.assertEqual(after & self.old, set())

    def check_motion(self) -> None:
        heard = self.mount.heard
        for data in self.old | self.moving:
            # A target may be told again while its goto has not been.
            most = 2 if data.startswith(b":S") else 1
            self.test.assertLessEqual(heard.count(data), most)
        # A target and its goto, and nothing between but stops.
        asked = [data for data in heard if not data.startswith(b":Q")]
        begun = [
            asked[place - 2] for place, data in enumerate(asked) if data == b":MS#"
        ]
        self.test.assertEqual(len(begun), len(set(begun)))
        for place, data in enumerate(asked):
            if data == b":MS#":
                hours, degrees = asked[place - 2], asked[place - 1]
                self.test.assertEqual((hours[:3], degrees[:3]), (b":Sr", b":Sd"))
                self.test.assertEqual(hours[-3:], degrees[-3:])
            if data[:3] == b":Sd":
                self.test.assertEqual(asked[place - 1][-3:], data[-3:])

    def check_waiters(self) -> None:
        for waiter in self.waiters:
            self.test.assertIsNone(self.test.successResultOf(waiter))

    def end(self) -> None:
        """All have an answer in the end, and the line is well when the mount is."""
        self.happens("heal", 0)
        self.line.pass_time(60, 0.02)
        self.check_stop()
        self.check_motion()
        self.check_waiters()
        last: Deferred[Any] = self.line.run(TEXTS[0])
        self.add(last, TEXTS[0])
        self.line.pass_time(20, 0.02)
        self.test.assertIsNone(self.test.successResultOf(last))
        self.line.lose()
        self.line.pass_time(20, 0.5)
        self.test.assertEqual(self.line.clock.getDelayedCalls(), [])

    def leave(self) -> None:
        """The port is gone in the middle of it."""
        self.line.lose()
        self.check_waiters()
        self.line.pass_time(60, 0.5)
        self.check_motion()
        self.test.assertEqual(self.line.clock.getDelayedCalls(), [])


class StoryTests(SynchronousTestCase):
    @settings(max_examples=150, deadline=None)
    @given(
        st.lists(st.tuples(HAPPENINGS, QUIETLY), max_size=40),
        st.sampled_from([0.0, BYTE_S]),
        st.booleans(),
    )
    @example([(("late", 3), 0.0), (("text", 0), 0.6), (("text", 1), 0.0)], 0.0, True)
    @example([(("drop", 0), 0.0), (("slew", 0), 0.1), (("stop", 0), 0.6)], 0.0, True)
    def test_whatever_happens(
        self,
        events: list[tuple[tuple[str, float], float]],
        byte_s: float,
        to_the_end: bool,
    ) -> None:
        story = Story(self, byte_s)
        for (what, number), pause_s in events:
            story.happens(what, number)
            story.line.pass_time(pause_s, min(pause_s, 0.01) or 1)
        if to_the_end:
            story.end()
        else:
            story.leave()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_one_reply_in_ten_is_lost(self) -> None:
        """Every slew and pulse is heard as often as it was asked for: once."""
        story = Story(self, 0.0)
        for number in range(300):
            if number % 10 == 7:
                story.mount.drop()
            story.happens(*[("text", 0), ("pulse", 1), ("slew", 0)][number % 3])
            story.line.pass_time(0.5, 0.01)
        story.line.pass_time(100, 0.02)
        story.check_motion()
        gotos = sum(lx200.GOTO in commands for commands in story.successes)
        self.assertEqual(story.mount.count(b":Mg"), 100)
        # One whose own answer was lost has begun all the same.
        self.assertLessEqual(gotos, story.mount.count(b":MS#"))
        self.assertLessEqual(story.mount.count(b":MS#"), 100)
        self.assertGreater(gotos, 80)
        story.end()

    def test_answers_tell_whose_they_are(self) -> None:
        """Or the tests above would prove nothing."""
        story = Story(self, 0.0)
        answers = [story.text(TEXTS[0]).rstrip(b"#").decode() for _ in range(2)]
        self.assertNotEqual(answers[0], answers[1])
        for probe in PROBES:
            self.assertNotIn(probe.command, TEXTS)
            self.assertIsNone(probe.shape.fullmatch(answers[0]))
        story.leave()
