"""The forty dialogues of `transcripts`, through the framing alone and over a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceRefused
from gatewaykit.tts160.answers import Answer, Failed, Stray
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.framing import Framing
from tests.strategies import reads
from tests.tts160.lines import Line
from tests.tts160.transcripts import TRANSCRIPTS, Transcript, Turn

Pieces = Callable[[bytes], Iterable[bytes]]


def whole(data: bytes) -> list[bytes]:
    return [data] if data else []


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def command(turn: Turn) -> Command:
    """As it is, though our own table would not send each of them."""
    return Command(turn.request, turn.reply, Retry.NEVER, Effect.READ)


def framed(turn: Turn, pieces: Iterable[bytes]) -> list[Answer | Stray]:
    framing = Framing()
    nothing = framing.begin(command(turn))
    if nothing is not None:
        return [nothing]
    events = [event for piece in pieces for event in framing.receive(piece)]
    silence = framing.silence()
    return events if silence is None else [*events, silence]


def spoken(test: SynchronousTestCase, turns: list[Turn], pieces: Pieces) -> None:
    """Over a line, on which nothing but the requests is written."""
    line = Line()
    line.connect()
    for turn in turns:
        waiter = line.protocol.ask(command(turn))
        test.assertEqual(line.written(), turn.request)
        for piece in pieces(turn.said):
            line.pass_time(0.003)
            line.say(piece)
        if turn.reply in {Reply.NONE, Reply.DATE}:
            line.pass_time(5.1, 0.1)
        if isinstance(turn.answer, Failed):
            error = test.failureResultOf(waiter, DeviceRefused).value
            test.assertEqual(error.reason, turn.answer.message)
        else:
            test.assertEqual(test.successResultOf(waiter), turn.answer)
    test.assertEqual((line.figures.strays, line.figures.resyncs), (0, 0))
    line.lose()
    test.assertEqual(line.clock.getDelayedCalls(), [])


class TranscriptTests(SynchronousTestCase):
    def test_there_are_forty(self) -> None:
        numbers = [transcript.number for transcript in TRANSCRIPTS]
        self.assertEqual(numbers, list(range(1, 41)))

    def test_framing_alone(self) -> None:
        for transcript in TRANSCRIPTS:
            for turn in transcript.turns:
                for pieces in (whole, bytewise):
                    with self.subTest(number=transcript.number, pieces=pieces):
                        found = framed(turn, pieces(turn.said))
                        self.assertEqual(found, [turn.answer])

    def test_over_a_line(self) -> None:
        for transcript in TRANSCRIPTS:
            for pieces in (whole, bytewise):
                with self.subTest(number=transcript.number, pieces=pieces):
                    spoken(self, transcript.turns, pieces)

    @settings(deadline=None)
    @given(st.sampled_from(TRANSCRIPTS), st.data())
    def test_in_any_pieces(self, transcript: Transcript, data: st.DataObject) -> None:
        for turn in transcript.turns:
            pieces = data.draw(reads(turn.said))
            self.assertEqual(framed(turn, pieces), [turn.answer])
        spoken(self, transcript.turns, lambda said: data.draw(reads(said)))

    @settings(deadline=None)
    @given(st.lists(st.sampled_from(TRANSCRIPTS), max_size=6), st.data())
    def test_a_mix_of_them(
        self, transcripts: list[Transcript], data: st.DataObject
    ) -> None:
        turns = [turn for transcript in transcripts for turn in transcript.turns]
        spoken(self, turns, lambda said: data.draw(reads(said)))
