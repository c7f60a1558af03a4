"""Which bytes belong to which answer, whatever they are and however they come."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import framing, lx200
from gatewaykit.tts160.answers import (
    Answer,
    Binary,
    Case,
    Date,
    Failed,
    Flag,
    Garbled,
    Goto,
    Letter,
    Nothing,
    SetResult,
    Stray,
    Text,
    fits,
)
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.formats import CASE_FORMATS, MOST_BYTES, BinaryParser
from gatewaykit.tts160.framing import MOST_TEXT, NEXT_BYTE_S, REASON_S, REST_S, Framing
from gatewaykit.tts160.set_commands import Entry, EntryType
from tests.strategies import reads
from tests.tts160.transcripts import TURNS, Turn

ENDED = [reply for reply in Reply if reply is not Reply.NONE]
TEXTS = {Reply.TEXT, Reply.AUTO, Reply.BINARY, Reply.CASE}
LONGEST = "A" * MOST_TEXT


def command(reply: Reply) -> Command:
    return Command(b":X#", reply, Retry.NEVER, Effect.READ)


def began(reply: Reply) -> Framing:
    machine = Framing()
    machine.begin(command(reply))
    return machine


def merged(events: Iterable[Answer | Stray]) -> list[Answer | Stray]:
    """Strays as if they had come in one piece."""
    result: list[Answer | Stray] = []
    for event in events:
        if isinstance(event, Stray) and result and isinstance(result[-1], Stray):
            result[-1] = Stray(result[-1].raw + event.raw)
        else:
            result.append(event)
    return result


def frame(reply: Reply, *pieces: bytes) -> list[Answer | Stray]:
    """What the pieces are, and silence behind them."""
    machine = began(reply)
    events = [event for piece in pieces for event in machine.receive(piece)]
    silence = machine.silence()
    if silence is not None:
        events.append(silence)
    return merged(events)


def bytewise(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


class AnswerTests(SynchronousTestCase):
    """Each kind of reply, in one piece and byte by byte."""

    def assert_framed(
        self, reply: Reply, said: bytes, *answers: Answer | Stray
    ) -> None:
        with self.subTest(reply=reply, said=said):
            self.assertEqual(frame(reply, said), list(answers))
            self.assertEqual(frame(reply, *bytewise(said)), list(answers))

    def assert_garbled(self, reply: Reply, said: bytes, reason: str) -> None:
        with self.subTest(reply=reply, said=said):
            for pieces in ([said], bytewise(said)):
                (answer,) = frame(reply, *pieces)
                assert isinstance(answer, Garbled)
                self.assertEqual(answer.reason, reason)

    def test_nothing_comes_of_a_command_without_an_answer(self) -> None:
        machine = Framing()
        self.assertEqual(machine.begin(command(Reply.NONE)), Nothing())
        self.assertTrue(machine.is_idle)

    def test_flags(self) -> None:
        self.assert_framed(Reply.FLAG, b"1", Flag(value=True))
        self.assert_framed(Reply.FLAG, b"0", Flag(value=False))
        for said in (b"2", b"#", b" ", b"\0", b"x1"):
            self.assert_garbled(Reply.FLAG, said, "no flag")

    def test_letters(self) -> None:
        for letter in "APLD":
            self.assert_framed(Reply.LETTER, letter.encode(), Letter(letter))
        for said in (b"1", b"#", b"\xe9", b"\x06"):
            self.assert_garbled(Reply.LETTER, said, "no letter")

    def test_an_end_behind_one_character_belongs_to_it(self) -> None:
        """Drivers differ on whether there is one."""
        self.assert_framed(Reply.FLAG, b"1#", Flag(value=True))
        self.assert_framed(Reply.FLAG, b"0#", Flag(value=False))
        self.assert_framed(Reply.LETTER, b"P#", Letter("P"))
        self.assert_framed(Reply.GOTO, b"0#", Goto(0, ""))

    def test_a_second_end_is_stray(self) -> None:
        self.assert_framed(Reply.FLAG, b"1##", Flag(value=True), Stray(b"#"))
        self.assert_framed(Reply.FLAG, b"11#", Flag(value=True), Stray(b"1#"))
        self.assert_framed(Reply.TEXT, b"1##", Text("1"), Stray(b"#"))

    def test_an_end_is_an_answer_of_the_next_command(self) -> None:
        machine = began(Reply.FLAG)
        machine.receive(b"1")
        machine.begin(command(Reply.TEXT))
        self.assertEqual(machine.receive(b"#"), [Text("")])

    def test_an_end_after_giving_up_is_stray(self) -> None:
        machine = began(Reply.FLAG)
        machine.receive(b"1")
        machine.give_up()
        self.assertEqual(machine.receive(b"#"), [Stray(b"#")])

    def test_texts(self) -> None:
        self.assert_framed(Reply.TEXT, b"05:47:12#", Text("05:47:12"))
        self.assert_framed(Reply.TEXT, b"#", Text(""))
        self.assert_framed(Reply.TEXT, b"-00\xdf30:00#", Text("-00*30:00"))
        self.assert_framed(Reply.TEXT, b"Caf\xe9 \x7f|#", Text("Caf\xe9 \x7f|"))
        self.assert_framed(Reply.TEXT, LONGEST.encode() + b"#", Text(LONGEST))

    def test_texts_that_begin_like_a_header(self) -> None:
        for text in ("Coordinates matched.        ", "BINARY:2i", "ERROR:x", "C", "E"):
            for reply in TEXTS:
                self.assert_framed(reply, text.encode() + b"#", Text(text))

    def test_texts_that_cannot_be(self) -> None:
        reason = "there are control characters in its text"
        for said in (b"05\n47#", b"\x06#", b"0\0#", b"B\t#"):
            self.assert_garbled(Reply.TEXT, said, reason)
        for start in (b"A", b"B"):
            said = start * (MOST_TEXT + 1)
            self.assert_garbled(Reply.TEXT, said, "it has no end")
            self.assert_garbled(Reply.TEXT, said + b"#", "it has no end")
        self.assert_garbled(Reply.TEXT, b"05:4", "it broke off")

    def test_gotos(self) -> None:
        self.assert_framed(Reply.GOTO, b"0", Goto(0, ""))
        self.assert_framed(Reply.GOTO, b"1Below horizon#", Goto(1, "Below horizon"))
        self.assert_framed(Reply.GOTO, b"2#", Goto(2, ""))
        self.assert_framed(Reply.GOTO, b"4", Goto(4, ""))
        self.assert_framed(Reply.GOTO, b"1\xdf#", Goto(1, "*"))
        self.assert_garbled(Reply.GOTO, b"#", "no goto")
        self.assert_garbled(Reply.GOTO, b"Begun#", "no goto")
        self.assert_garbled(Reply.GOTO, b"1Below", "it broke off")
        self.assert_garbled(Reply.GOTO, b"1" + b"x" * 300, "it has no end")
        reason = "there are control characters in its text"
        self.assert_garbled(Reply.GOTO, b"1a\nb#", reason)

    def test_dates(self) -> None:
        yes, no = Date(accepted=True, text=""), Date(accepted=False, text="")
        updating = Date(accepted=True, text="Updating Planetary Data")
        self.assert_framed(Reply.DATE, b"1", yes)
        self.assert_framed(Reply.DATE, b"1#", yes)
        self.assert_framed(Reply.DATE, b"0", no)
        self.assert_framed(Reply.DATE, b"0#", no)
        said = b"1Updating Planetary Data#"
        self.assert_framed(Reply.DATE, said, updating)
        for rest in (b" " * 24 + b"#", b" " * 32 + b"#", b"#", b"   "):
            self.assert_framed(Reply.DATE, said + rest, updating)
        self.assert_framed(Reply.DATE, said + b" #05", updating, Stray(b"05"))
        self.assert_framed(Reply.DATE, b"1##", yes, Stray(b"#"))

    def test_dates_that_cannot_be(self) -> None:
        self.assert_garbled(Reply.DATE, b"2", "no date")
        self.assert_garbled(Reply.DATE, b"#", "no date")
        self.assert_garbled(Reply.DATE, b"1Updating", "it broke off")
        self.assert_garbled(Reply.DATE, b"1" + b"x" * 300, "it has no end")
        reason = "there are control characters in its text"
        self.assert_garbled(Reply.DATE, b"1\n#", reason)
        said = b"1Updating#"
        reason = "more than blanks behind its text"
        self.assert_garbled(Reply.DATE, said + b"05:47:12#", reason)
        self.assert_garbled(Reply.DATE, said + b" x", "it broke off")
        self.assert_garbled(Reply.DATE, said + b" " * 300, "it has no end")

    def test_the_second_text_of_a_date_may_take_seconds(self) -> None:
        machine = began(Reply.DATE)
        self.assertEqual(machine.receive(b"1Updating Planetary Data#"), [])
        self.assertEqual(machine.patience_s, REST_S)
        self.assertEqual(machine.receive(b" "), [])
        self.assertEqual(machine.patience_s, NEXT_BYTE_S)

    def test_precision(self) -> None:
        self.assert_framed(Reply.PRECISION, b"HIGH PRECISION", Text("HIGH PRECISION"))
        self.assert_framed(Reply.PRECISION, b"LOW PRECISION", Text("LOW PRECISION"))
        for said in (b"HIGH#", b"LIGH", b"#", b"low precision"):
            self.assert_garbled(Reply.PRECISION, said, "no precision")
        self.assert_garbled(Reply.PRECISION, b"HIGH PRE", "it broke off")
        said = b"LOW PRECISION#"
        self.assert_framed(Reply.PRECISION, said, Text("LOW PRECISION"), Stray(b"#"))

    def test_blocks(self) -> None:
        for reply in (Reply.BINARY, Reply.AUTO):
            payload = b"###\0\n\n\n\0"
            self.assert_framed(reply, b"BINARY:2i\n" + payload, Binary("2i", payload))
            self.assert_garbled(reply, b"BINARY:2i\n" + payload[:-1], "it broke off")
        for reply in (Reply.CASE, Reply.AUTO):
            for number, form in CASE_FORMATS.items():
                payload = b"#" * form.byte_size
                for end in (b"\n", b"B\n"):
                    said = b"CASE:%d%b%b" % (number, end, payload)
                    self.assert_framed(reply, said, Case(number, payload))

    def test_headers_that_cannot_be(self) -> None:
        unknown = "a line with an unknown title"
        for said in (
            b"BINARY 2i\n",
            b"CASE:2\n",
            b"Box\n",
            b"ERROR\n",
            b"ERROR:\x80\n",
        ):
            self.assert_garbled(Reply.BINARY, said, unknown)
        self.assert_garbled(Reply.CASE, b"BINARY:2i\n", unknown)
        for reply in (Reply.TEXT, Reply.FLAG, Reply.SET, Reply.GOTO):
            self.assert_garbled(reply, b"BINARY:2i\n", unknown)
        for number in ("9", "02", "", "BB", "2 "):
            said = b"CASE:%b\n" % number.encode()
            reason = f"there is no CASE block {number!r}"
            self.assert_garbled(Reply.CASE, said, reason)
        (answer,) = frame(Reply.BINARY, b"BINARY:5i2z\n")
        assert isinstance(answer, Garbled)
        self.assertIn("'z' at index 3", answer.reason)
        self.assert_garbled(Reply.BINARY, b"BINARY:2i", "it broke off")
        self.assert_garbled(Reply.BINARY, b"B" * 300, "it has no end")

    def test_no_header_can_ask_for_megabytes(self) -> None:
        for types in ("99m99m", "999999999i", "99q" * 60):
            (answer,) = frame(Reply.BINARY, b"BINARY:%b\n" % types.encode())
            assert isinstance(answer, Garbled)

    def test_errors(self) -> None:
        for reply in ENDED:
            said = b"ERROR:VAR_ERROR\n"
            self.assert_framed(reply, said, Failed("VAR_ERROR"))
            self.assert_framed(reply, said + b"#", Failed("VAR_ERROR"), Stray(b"#"))
        self.assert_framed(Reply.SET, b"ERROR:\n", Failed(""))

    def test_texts_where_none_can_be(self) -> None:
        for reply in (Reply.FLAG, Reply.SET, Reply.GOTO, Reply.DATE, Reply.LETTER):
            self.assert_garbled(reply, b"Box#", f"no {reply.value}")

    def test_results_of_set_commands(self) -> None:
        done = Entry(EntryType.WHOLE, 0)
        for reply in (Reply.SET, Reply.AUTO):
            self.assert_framed(reply, bytes.fromhex("010100000000"), SetResult((done,)))
            self.assert_framed(reply, b"\0", SetResult(()))
            said = bytes.fromhex("0200 04fdffffff")
            entries = (Entry(EntryType.NONE, None), Entry(EntryType.ERROR, -3))
            self.assert_framed(reply, said, SetResult(entries))
            real = b"\1\2" + struct.pack("<f", 0.5)
            self.assert_framed(reply, real, SetResult((Entry(EntryType.REAL, 0.5),)))
            self.assert_garbled(reply, b"\1\1\0\0\0", "it broke off")
            self.assert_garbled(reply, b"\1\3abc", "an entry of the type 3")
        self.assert_garbled(Reply.SET, b"1", "an answer with 49 entries")

    def test_an_answer_that_nobody_knows(self) -> None:
        """AUTO: the first bytes tell."""
        self.assert_framed(Reply.AUTO, b"1", Flag(value=True))
        self.assert_framed(Reply.AUTO, b"0", Flag(value=False))
        self.assert_framed(Reply.AUTO, b"1#", Text("1"))
        self.assert_framed(Reply.AUTO, b"0.5#", Text("0.5"))
        self.assert_framed(Reply.AUTO, b"#", Text(""))
        self.assert_framed(Reply.AUTO, b"2#", Text("2"))
        self.assert_garbled(Reply.AUTO, b"2", "it broke off")
        self.assert_garbled(Reply.AUTO, b"\3", "it broke off")

    def test_a_flag_that_may_be_a_text_is_told_by_silence(self) -> None:
        machine = began(Reply.AUTO)
        self.assertEqual(machine.receive(b"1"), [])
        self.assertEqual(machine.patience_s, NEXT_BYTE_S)
        self.assertEqual(machine.silence(), Flag(value=True))
        self.assertTrue(machine.is_idle)

    def test_the_raw_bytes_of_what_cannot_be(self) -> None:
        for reply, said, raw in (
            (Reply.FLAG, b"x1", b"x"),
            (Reply.TEXT, b"0" * 300, b"0" * 257),
            (Reply.TEXT, b"\n47#rest", b"\n47"),
            (Reply.BINARY, b"Box\nrest", b"Box"),
            (Reply.SET, b"\1\3rest", b"\1\3"),
            (Reply.PRECISION, b"HIP", b"HIP"),
        ):
            answers = frame(reply, said)
            self.assertEqual([answer.raw for answer in answers], [raw])  # type: ignore[union-attr]

    def test_which_answers_fit(self) -> None:
        for turn in TURNS:
            for reply in Reply:
                fitting = turn.reply is reply or reply is Reply.AUTO
                fitting |= isinstance(turn.answer, Failed)
                fitting |= {turn.reply, reply} == {Reply.TEXT, Reply.PRECISION}
                self.assertEqual(fits(turn.answer, command(reply)), fitting)
        for reply in Reply:
            self.assertFalse(fits(Garbled("", b""), command(reply)))

    def test_names_of_the_module(self) -> None:
        for name in framing.__all__:
            self.assertTrue(hasattr(framing, name))


STATES: dict[str, tuple[Reply, bytes]] = {
    "FIRST": (Reply.TEXT, b""),
    "CLOSED": (Reply.FLAG, b"1"),
    "MAYBE_FLAG": (Reply.AUTO, b"1"),
    "REASON": (Reply.GOTO, b"1"),
    "DATE": (Reply.DATE, b"1"),
    "DATE_REST": (Reply.DATE, b"1Updating#"),
    "TEXT": (Reply.TEXT, b"0"),
    "HEADER": (Reply.TEXT, b"B"),
    "PAYLOAD": (Reply.BINARY, b"BINARY:2B\n"),
    "SET": (Reply.SET, b"\2"),
    "WORDS": (Reply.PRECISION, b"L"),
    "LOST": (Reply.FLAG, b"x"),
}
"""How each state is reached, from IDLE."""

INPUTS = [bytes([byte]) for byte in b"#\n012BCEHOPx :*\0\1\2\3\x0b\x7f\xdf\xff"]

# state: input: what it leads to; what is not named leads to what stands under None.
WAYS: dict[str, dict[bytes | None, str]] = {
    "IDLE": {None: "IDLE"},
    "CLOSED": {None: "IDLE"},
    "FIRST": {
        b"B": "HEADER",
        b"C": "HEADER",
        b"E": "HEADER",
        b"#": "IDLE",
        None: "TEXT",
    },
    "MAYBE_FLAG": {b"#": "IDLE", None: "TEXT"},
    "REASON": {b"#": "IDLE", None: "REASON"},
    "DATE": {b"#": "IDLE", None: "DATE"},
    "DATE_REST": {b"#": "IDLE", None: "DATE_REST"},
    "TEXT": {b"#": "IDLE", None: "TEXT"},
    "HEADER": {b"#": "IDLE", b"\n": "LOST", None: "HEADER"},
    "PAYLOAD": {None: "PAYLOAD"},
    "SET": {b"\0": "SET", b"\1": "SET", b"\2": "SET", None: "LOST"},
    "WORDS": {b"O": "WORDS", None: "LOST"},
    "LOST": {None: "LOST"},
}
FIRSTS: dict[Reply, dict[bytes | None, str]] = {
    Reply.FLAG: {b"0": "CLOSED", b"1": "CLOSED", None: "LOST"},
    Reply.LETTER: {**dict.fromkeys([b"H", b"O", b"P", b"x"], "CLOSED"), None: "LOST"},
    Reply.PRECISION: {b"H": "WORDS", None: "LOST"},
    Reply.GOTO: {b"0": "CLOSED", b"1": "REASON", b"2": "REASON", None: "LOST"},
    Reply.DATE: {b"0": "DATE", b"1": "DATE", None: "LOST"},
    Reply.SET: {
        b"\0": "IDLE",
        **dict.fromkeys([b"\1", b"\2", b"\3", b"\n"], "SET"),
        None: "LOST",
    },
    Reply.AUTO: {
        b"\0": "IDLE",
        b"\1": "SET",
        b"\2": "SET",
        b"0": "MAYBE_FLAG",
        b"1": "MAYBE_FLAG",
        b"#": "IDLE",
        None: "TEXT",
    },
    Reply.BINARY: {b"#": "IDLE", None: "TEXT"},
    Reply.CASE: {b"#": "IDLE", None: "TEXT"},
}
# What silence makes of each state.
SILENCES: dict[str, Answer | None] = {
    "IDLE": None,
    "CLOSED": None,
    "FIRST": None,
    "MAYBE_FLAG": Flag(value=True),
    "REASON": Goto(1, ""),
    "DATE": Date(accepted=True, text=""),
    "DATE_REST": Date(accepted=True, text="Updating"),
    "TEXT": Garbled("it broke off", b"0"),
    "HEADER": Garbled("it broke off", b"B"),
    "PAYLOAD": Garbled("it broke off", b""),
    "SET": Garbled("it broke off", b"\2"),
    "WORDS": Garbled("it broke off", b"L"),
    "LOST": None,
}


class StateTests(SynchronousTestCase):
    """Every state with every input."""

    def state(self, machine: Framing) -> str:
        return machine._state.name

    def reached(self, name: str) -> Framing:
        machine = Framing()
        if name != "IDLE":
            reply, start = STATES[name]
            machine.begin(command(reply))
            machine.receive(start)
        self.assertEqual(self.state(machine), name)
        return machine

    def test_bytes_lead_to_the_state_of_the_table(self) -> None:
        for name, ways in WAYS.items():
            for data in INPUTS:
                with self.subTest(state=name, data=data):
                    machine = self.reached(name)
                    events = machine.receive(data)
                    self.assertEqual(self.state(machine), ways.get(data, ways[None]))
                    is_answered = any(not isinstance(e, Stray) for e in events)
                    was_awaited = name not in {"IDLE", "CLOSED", "LOST"}
                    is_over = self.state(machine) in {"IDLE", "CLOSED", "LOST"}
                    self.assertEqual(is_answered, was_awaited and is_over)

    def test_first_bytes_lead_to_the_state_of_their_reply(self) -> None:
        self.assertEqual({*FIRSTS, Reply.TEXT, Reply.NONE}, set(Reply))
        for reply, ways in FIRSTS.items():
            for data in INPUTS:
                with self.subTest(reply=reply, data=data):
                    machine = began(reply)
                    machine.receive(data)
                    expected = ways.get(data, ways[None])
                    if data in {b"B", b"C", b"E"}:
                        expected = "HEADER"
                    self.assertEqual(self.state(machine), expected)

    def test_silence(self) -> None:
        self.assertEqual(SILENCES.keys(), WAYS.keys())
        for name, answer in SILENCES.items():
            machine = self.reached(name)
            self.assertEqual(machine.silence(), answer)
            after = name
            if isinstance(answer, Garbled):
                after = "LOST"
            elif answer is not None:
                after = "IDLE"
            self.assertEqual(self.state(machine), after)
            self.assertIsNone(machine.silence())

    def test_giving_up(self) -> None:
        for name in WAYS:
            machine = self.reached(name)
            machine.give_up()
            self.assertEqual(self.state(machine), "IDLE")
            self.assertEqual(machine.receive(b"1"), [Stray(b"1")])

    def test_commands_begin_between_answers_only(self) -> None:
        for name in WAYS:
            machine = self.reached(name)
            self.assertEqual(machine.is_idle, name in {"IDLE", "CLOSED"})
            if machine.is_idle:
                machine.begin(command(Reply.TEXT))
                self.assertEqual(self.state(machine), "FIRST")
            else:
                self.assertRaises(AssertionError, machine.begin, command(Reply.TEXT))

    def test_the_time_for_the_next_byte(self) -> None:
        unlimited = {"IDLE", "CLOSED", "FIRST", "LOST"}
        special = {"REASON": REASON_S, "DATE_REST": REST_S}
        for name in WAYS:
            machine = self.reached(name)
            expected = None if name in unlimited else special.get(name, NEXT_BYTE_S)
            self.assertEqual(machine.patience_s, expected)
            self.assertEqual(machine.delimiter, b"#" if name == "TEXT" else None)
        machine = self.reached("REASON")
        machine.receive(b"B")
        self.assertEqual(machine.patience_s, NEXT_BYTE_S)

    def test_the_table_in_the_docstring_has_all_states(self) -> None:
        assert framing.__doc__
        table = framing.__doc__.split("\n=")[2]
        listed = [line.split()[0] for line in table.splitlines()[1:]]
        self.assertEqual(listed, [state.name for state in framing._State])
        self.assertEqual(set(listed), set(WAYS))

    def test_lost_bytes_are_dropped(self) -> None:
        machine = self.reached("LOST")
        self.assertEqual(machine.receive(b"05:47:12#1"), [])


LETTERS = st.sampled_from(
    [
        *bytewise(b"#\n01:;2BCE\0\1\4\xdfx "),
        b"BINARY:",
        b"CASE:",
        b"ERROR:",
        b"2i",
        b"2B\n",
        b"HIGH PRECISION",
        b"Updating#",
        b"A" * MOST_TEXT,
    ]
)
NOISE = st.lists(st.one_of(LETTERS, st.binary(max_size=6)), max_size=12).map(b"".join)


@st.composite
def mixes(draw: st.DrawFn) -> list[tuple[Turn, list[bytes]]]:
    """Answers, each with a payload of its own where it has one, and in pieces."""
    mix = []
    for turn in draw(st.lists(st.sampled_from(TURNS), max_size=8)):
        said, answer = turn.said, turn.answer
        if isinstance(answer, Binary):
            _, size = BinaryParser.parse_format_string(answer.format_string)
            payload = draw(st.binary(min_size=size, max_size=size))
            said = said[: said.index(b"\n") + 1] + payload
            answer = Binary(answer.format_string, payload)
        mix.append((turn._replace(said=said, answer=answer), draw(reads(said))))
    return mix


class AnyChunkingTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(mixes())
    def test_a_mix_of_answers(self, mix: list[tuple[Turn, list[bytes]]]) -> None:
        machine = Framing()
        for turn, pieces in mix:
            asked = lx200_like(turn)
            answers: list[Answer | Stray | None] = [machine.begin(asked)]
            for piece in pieces:
                answers += machine.receive(piece)
            answers.append(machine.silence())
            self.assertEqual([a for a in answers if a is not None], [turn.answer])

    @settings(deadline=None)
    @given(st.sampled_from(ENDED), st.data())
    def test_garbage_never_raises_and_comes_to_the_same(
        self, reply: Reply, data: st.DataObject
    ) -> None:
        garbage = data.draw(NOISE)
        pieces = data.draw(reads(garbage))
        whole = frame(reply, garbage)
        self.assertEqual(frame(reply, *pieces), whole)
        self.assertEqual(frame(reply, *bytewise(garbage)), whole)
        answers = [event for event in whole if not isinstance(event, Stray)]
        self.assertLessEqual(len(answers), 1)

    @settings(deadline=None)
    @given(st.sampled_from(ENDED), st.lists(NOISE, max_size=20))
    def test_what_is_kept_is_bounded(self, reply: Reply, pieces: list[bytes]) -> None:
        machine = began(reply)
        for piece in pieces:
            machine.receive(piece)
            kept = machine._buffer
            self.assertLessEqual(len(kept), max(MOST_BYTES, MOST_TEXT))

    @settings(deadline=None)
    @given(st.binary(min_size=1), st.data())
    def test_what_nobody_asked_for(self, noise: bytes, data: st.DataObject) -> None:
        machine = Framing()
        events = [
            e for piece in data.draw(reads(noise)) for e in machine.receive(piece)
        ]
        self.assertEqual(merged(events), [Stray(noise)])


def lx200_like(turn: Turn) -> Command:
    """The command of a turn, which the table may refuse to send."""
    return Command(turn.request, turn.reply, Retry.NEVER, Effect.READ)


class TableTests(SynchronousTestCase):
    def test_the_table_has_the_replies_of_the_transcripts(self) -> None:
        for turn in TURNS:
            if turn.request not in {b":Sd+95*00:00#", b"#:GR#"}:
                self.assertIs(lx200.command(turn.request).reply, turn.reply)
