from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.modem_lines import CommandReader, Entry, Part, parts
from tests.simulators.modems import Host

COMMANDS = st.sampled_from(
    [
        b"AT\r",
        b"ati\r\n",
        b"AT+CSQ;+CREG?\r",
        b"ATE1\r",
        b"ATE0V1Q0\r",
        b"ATV0\r",
        b"A/",
        b"AT+CMEE=2\r",
        b"AT+NOPE\r",
        b"AT+CGPS=1,1\r",
        b"AT+CGNSSINFO\r",
        b"AT+CMGF=1\r",
        b'AT+CMGS="+447700900123"\r',
        b"Hello\rworld\x1a",
        b"\x1b",
        b"AT+CMGL\r",
        b"AT+CREG=2\r",
        b"AT+COPS=2\r",
        b"AT+CFUN=4\r",
        b"AT+CRESET\r",
    ]
)


def read(data: bytes) -> list[str]:
    reader = CommandReader()
    return [line for byte in data if (line := reader.push(byte)) is not None]


def push(data: bytes) -> tuple[list[str], str]:
    entry = Entry()
    return [entry.push(byte) for byte in data], entry.text


class ReaderTests(SynchronousTestCase):
    def test_cr_ends_a_line_and_lf_is_ignored(self) -> None:
        self.assertEqual(read(b"AT\rat+csq\r\nAT+X"), ["", "+csq"])

    def test_what_stands_before_at_is_passed_over(self) -> None:
        self.assertEqual(read(b"\x00\xffxxAT+CSQ\r"), ["+CSQ"])
        self.assertEqual(read(b"hello\r\rATI\r"), ["I"])

    def test_backspace(self) -> None:
        self.assertEqual(read(b"ATX\x08I\r"), ["I"])
        self.assertEqual(read(b"A\x08T\r"), [])

    def test_a_slash_repeats(self) -> None:
        self.assertEqual(read(b"A/AT+CSQ\rA/A/"), ["", "+CSQ", "+CSQ", "+CSQ"])

    def test_a_long_line_is_not_kept(self) -> None:
        (line,) = read(b"AT" + b"x" * 10_000 + b"\r")
        self.assertEqual(len(line), 560)


class PartsTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for body, found in (
            ("", []),
            ("+csq", [Part("+CSQ", "run")]),
            ("+CREG?", [Part("+CREG", "read")]),
            ("+CREG=?", [Part("+CREG", "test")]),
            ("+CREG=2", [Part("+CREG", "set", "2")]),
            ("+CMGD=", [Part("+CMGD", "set", "")]),
            ("E0V1Q", [Part("E", "run", "0"), Part("V", "run", "1"), Part("Q", "run")]),
            ("&c1", [Part("&C", "run", "1")]),
            ("S0=1", [Part("S0", "set", "1")]),
            ("S0?", [Part("S0", "read")]),
            ("E0+CSQ", [Part("E", "run", "0"), Part("+CSQ", "run")]),
            ("+CSQ;+CREG?", [Part("+CSQ", "run"), Part("+CREG", "read")]),
            ("DT *99#", [Part("D", "set", "T*99#")]),
            ("!x;+CSQ", [Part("", "run", "!X")]),
        ):
            self.assertEqual(list(parts(body)), found, body)

    def test_nothing_is_special_between_quotes(self) -> None:
        (part,) = parts('+cmgs="a;b, c",145')
        self.assertEqual(part.arguments, ["a;b, c", "145"])

    @given(st.text())
    def test_nothing_raises(self, body: str) -> None:
        list(parts(body))


class EntryTests(SynchronousTestCase):
    def test_ends(self) -> None:
        self.assertEqual(
            push(b"a\r\nb\x1a"), (["more", "line", "more", "more", "end"], "a\nb")
        )
        self.assertEqual(push(b"\x1b"), (["cancel"], ""))

    def test_is_bounded(self) -> None:
        self.assertEqual(len(push(b"x" * 10_000)[1]), 4096)


class ChunkTests(SynchronousTestCase):
    """Of the whole: however the bytes come, the same bytes go out."""

    @given(st.lists(COMMANDS, max_size=8), st.data())
    def test_any_cutting_gives_the_same(
        self, commands: list[bytes], cuts: st.DataObject
    ) -> None:
        data = b"".join(commands)
        whole, cut = Host(), Host()
        expected, got = whole.send(data), b""
        while data:
            size = cuts.draw(st.integers(1, len(data)))
            got += cut.send(data[:size])
            data = data[size:]
        self.assertEqual(got, expected)

    @given(st.lists(st.one_of(COMMANDS, st.binary(max_size=40)), max_size=8))
    def test_garbage_never_raises(self, pieces: list[bytes]) -> None:
        host = Host()
        for piece in pieces:
            host.send(piece)
            host.wait(1)

    @given(
        st.sampled_from(
            [
                "CREG",
                "COPS",
                "CGPS",
                "CMGS",
                "CMGD",
                "CMGR",
                "CMGL",
                "CPMS",
                "CNMI",
                "CSMP",
                "CFUN",
                "CPIN",
                "CNMP",
                "CGNSSMODE",
                "CPSI",
                "CUSBPIDSWITCH",
            ]
        ),
        st.text(max_size=12),
    )
    def test_no_argument_raises(self, name: str, text: str) -> None:
        host = Host()
        for mode in (b"AT+CMGF=1\r", b"AT+CMGF=0\r"):
            host.send(mode)
            host.send(f"AT+{name}={text}\r".encode("latin-1", "replace"))
            host.send(text.encode("latin-1", "replace") + b"\x1a\r")
