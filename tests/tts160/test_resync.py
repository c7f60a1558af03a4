"""How a line finds its step again."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160.answers import Answer, Failed, Flag, Garbled, Text
from gatewaykit.tts160.commands import Command
from gatewaykit.tts160.resync import (
    AFTER_S,
    MOST_SILENCE_S,
    PROBES,
    SILENCE_S,
    TRIES,
    Resynchronisation,
)
from tests.tts160.lines import GR, GW
from tests.tts160.transcripts import TURNS

ANSWERS = {b":GW#": "PT3", b":GC#": "08/05/26", b":GG#": "+07"}


class ResynchronisationTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.asked: list[bytes] = []
        self.asked_at: list[float] = []
        self.ends: list[bool] = []
        self.resync = Resynchronisation(self, self.clock, GR)

    def tearDown(self) -> None:
        self.resync.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # What it needs of the line

    def question(self, command: Command) -> None:
        self.asked.append(command.data)
        self.asked_at.append(self.clock.seconds())

    def resynchronised(self, *, well: bool) -> None:
        self.ends.append(well)

    def begin(self, lost: Command | None, pause_s: float = 0.0) -> None:
        self.resync.stop()
        self.resync = Resynchronisation(self, self.clock, lost, pause_s)

    def answer(self) -> None:
        self.resync.answered(Text(ANSWERS[self.asked[-1]]))

    def wait(self, seconds: float) -> None:
        # A little more, for sums of hundredths are not exact.
        for _ in range(round(seconds * 100) + 1):
            self.clock.advance(0.01)

    def test_silence_a_question_its_answer_silence(self) -> None:
        self.clock.advance(SILENCE_S - 0.01)
        self.assertEqual(self.asked, [])
        self.clock.advance(0.01)
        self.assertEqual(self.asked, [b":GW#"])
        self.answer()
        self.clock.advance(AFTER_S - 0.01)
        self.assertEqual(self.ends, [])
        self.clock.advance(0.01)
        self.assertEqual(self.ends, [True])

    def test_more_silence_where_it_is_wanted(self) -> None:
        self.begin(GR, 0.4)
        self.clock.advance(SILENCE_S + 0.39)
        self.assertEqual(self.asked, [])
        self.clock.advance(0.01)
        self.assertEqual(self.asked, [b":GW#"])

    def test_bytes_begin_the_silence_anew(self) -> None:
        for _ in range(5):
            self.clock.advance(SILENCE_S - 0.01)
            self.resync.heard()
        self.assertEqual(self.asked, [])
        self.clock.advance(SILENCE_S)
        self.assertEqual(self.asked, [b":GW#"])

    def test_a_line_that_is_never_silent_is_asked_all_the_same(self) -> None:
        while not self.asked:
            self.clock.advance(0.1)
            self.resync.heard()
        self.assertLess(self.clock.seconds(), MOST_SILENCE_S + SILENCE_S + 0.01)

    def test_bytes_behind_the_answer_show_that_it_was_anothers(self) -> None:
        self.wait(SILENCE_S)
        self.answer()
        self.clock.advance(AFTER_S - 0.01)
        self.resync.heard()
        self.wait(2 * SILENCE_S)
        self.assertEqual(self.ends, [])
        self.assertEqual(self.asked, [b":GW#", b":GC#"])
        self.answer()
        self.wait(AFTER_S)
        self.assertEqual(self.ends, [True])

    def test_bytes_while_the_answer_is_awaited_are_the_framings(self) -> None:
        self.wait(SILENCE_S)
        self.resync.heard()
        self.answer()
        self.wait(AFTER_S)
        self.assertEqual(self.ends, [True])

    def test_answers_of_other_shapes(self) -> None:
        others: list[Answer] = [
            Text("05:47:12"),
            Text(""),
            Text("08/05/26"),
            Text("PT3 "),
            Flag(value=True),
            Failed("x"),
            Garbled("x", b""),
        ]
        for other in others:
            self.begin(None)
            asked = len(self.asked)
            self.wait(SILENCE_S)
            self.resync.answered(other)
            self.wait(2 * SILENCE_S)
            self.assertEqual(self.asked[asked:], [b":GW#", b":GC#"])
        self.assertEqual(self.ends, [])

    def test_it_is_tried_a_few_times_with_growing_silence(self) -> None:
        ended_at = [0.0]
        while not self.ends:
            asked = len(self.asked)
            self.clock.advance(0.01)
            if len(self.asked) > asked:
                self.resync.failed()
                ended_at.append(self.clock.seconds())
        self.assertEqual(self.ends, [False])
        self.assertEqual(self.asked, [b":GW#", b":GC#", b":GG#", b":GW#"])
        self.assertEqual(len(self.asked), TRIES)
        silences = [
            round(asked - ended, 1)
            for asked, ended in zip(self.asked_at, ended_at, strict=False)
        ]
        self.assertEqual(silences, [0.3, 0.6, 0.9, 1.2])

    def test_noise_behind_the_last_answer(self) -> None:
        for _ in range(TRIES):
            self.wait(TRIES * SILENCE_S)
            self.answer()
            self.resync.heard()
        self.assertEqual(self.ends, [False])

    def test_what_was_lost_is_not_asked(self) -> None:
        for probe in PROBES:
            self.begin(probe.command)
            asked = len(self.asked)
            for _ in range(TRIES):
                self.wait(TRIES * SILENCE_S)
                self.resync.failed()
            self.assertNotIn(probe.command.data, self.asked[asked:])
        self.begin(GW)
        self.wait(SILENCE_S)
        self.assertEqual(self.asked[-1], b":GC#")

    def test_stop(self) -> None:
        self.resync.stop()
        self.resync.stop()
        self.wait(5)
        self.assertEqual((self.asked, self.ends), ([], []))
        self.begin(None)
        self.wait(SILENCE_S)
        self.answer()
        self.resync.stop()
        self.wait(5)
        self.assertEqual(self.ends, [])


class ProbeTests(SynchronousTestCase):
    def test_no_answer_of_another_command_has_the_shape_of_a_probes(self) -> None:
        texts = {t.request: t.answer.text for t in TURNS if isinstance(t.answer, Text)}
        for probe in PROBES:
            fitting = {
                request
                for request, text in texts.items()
                if probe.shape.fullmatch(text)
            }
            self.assertEqual(fitting, {probe.command.data})
