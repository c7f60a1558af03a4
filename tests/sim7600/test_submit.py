from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.sim7600 import gsm7
from gatewaykit.sim7600.pdu import deliver
from gatewaykit.sim7600.sms import Stored, Submission, join
from gatewaykit.sim7600.submit import MAX_PARTS, submit

NUMBER = "+447700900123"
FACE = "\N{GRINNING FACE}"
SENDABLE = st.text(
    st.one_of(
        st.sampled_from("aé€[]{}^~|\\\n\r\t@" + FACE),
        st.characters(exclude_categories=["Cs", "Cc"]),
    ),
    min_size=1,
    max_size=300,
)


def read_back(submission: Submission) -> str:
    messages = [deliver(pdu.hex) for pdu in submission.pdus]
    stored = [Stored(at, "sent", message) for at, message in enumerate(messages)]
    (record,) = join(stored)
    assert record["missing"] == 0
    assert record["parts"] == len(submission.pdus)
    assert record["number"] == NUMBER
    text: str = record["text"]
    return text


class OnePart(SynchronousTestCase):
    def test_known_pdu(self) -> None:
        submission = submit("+46708251358", "hellohello", 7)
        (pdu,) = submission.pdus
        self.assertEqual(pdu.hex, "0011000B916407281553F80000A70AE8329BFD4697D9EC37")
        self.assertEqual(pdu.length, 23)
        self.assertEqual(submission.encoding, "gsm7")

    def test_known_pdu_in_ucs2(self) -> None:
        submission = submit("12345", "Ж" + FACE, 7)
        (pdu,) = submission.pdus
        self.assertEqual(pdu.hex, "00110005812143F50008A7060416D83DDE00")
        self.assertEqual(submission.encoding, "ucs2")

    def test_length_is_without_the_service_centre(self) -> None:
        for text in ("a", "Ж", "a" * 500, FACE * 100):
            for pdu in submit(NUMBER, text, 0).pdus:
                self.assertEqual(2 * (pdu.length + 1), len(pdu.hex))
                self.assertLessEqual(pdu.length, 164)

    def test_numbers(self) -> None:
        for number in ("+1", "07700900123", "12345", "*100#", "1" * 20, "+" + "1" * 20):
            with self.subTest(number=number):
                message = deliver(submit(number, "x", 0).pdus[0].hex)
                self.assertEqual(message.number, number)
        for number in (
            "",
            "+",
            "1" * 21,
            "+" + "1" * 21,
            "+44 7700 900123",
            "+4477*",
            "0044a",
            "\N{FULLWIDTH DIGIT ONE}",
            '1"\r',
            "++1",
            "1\n",
        ):
            with self.subTest(number=number):
                error = self.assertRaises(MisuseError, submit, number, "x", 0)
                self.assertEqual((error.name, error.value), ("number", number))

    def test_text_that_cannot_be_sent_is_refused(self) -> None:
        for text in (
            "",
            "a\0",
            "\x1b",
            "\x1a",
            "\x7f",
            "\x85",
            "\f",
            "\ud83d",
            "\ude00",
        ):
            with self.subTest(text=text):
                error = self.assertRaises(MisuseError, submit, NUMBER, text, 0)
                self.assertEqual(error.name, "text")

    def test_line_ends_and_tabs_are_sent(self) -> None:
        self.assertEqual(submit(NUMBER, "a\r\nb", 0).encoding, "gsm7")
        self.assertEqual(read_back(submit(NUMBER, "a\tb", 0)), "a\tb")


class Parts(SynchronousTestCase):
    def parts(self, text: str) -> list[str]:
        submission = submit(NUMBER, text, 0x1CC)
        messages = [deliver(pdu.hex) for pdu in submission.pdus]
        if len(messages) > 1:
            told = [message.part for message in messages]
            for sequence, part in enumerate(told, 1):
                assert part is not None
                self.assertEqual(part.reference, 0xCC)
                self.assertEqual((part.total, part.sequence), (len(told), sequence))
        self.assertEqual("".join(message.text for message in messages), text)
        return [message.text for message in messages]

    def test_limits_of_the_7_bit_alphabet(self) -> None:
        for text, sizes in (
            ("a" * 160, [160]),
            ("a" * 161, [153, 8]),
            ("a" * 306, [153, 153]),
            ("a" * 307, [153, 153, 1]),
            ("€" * 80, [80]),
            ("€" * 81, [76, 5]),
            ("a" + "€" * 76 + "b" * 10, [77, 10]),
            ("a" * 152 + "€" + "b" * 20, [152, 21]),
        ):
            with self.subTest(sizes=sizes):
                self.assertEqual([len(part) for part in self.parts(text)], sizes)

    def test_limits_of_ucs2(self) -> None:
        for text, sizes in (
            ("Ж" * 70, [70]),
            ("Ж" * 71, [67, 4]),
            ("Ж" * 135, [67, 67, 1]),
            (FACE * 35, [35]),
            (FACE * 36, [33, 3]),
            ("Ж" * 66 + FACE + "a" * 10, [66, 11]),
        ):
            with self.subTest(sizes=sizes):
                self.assertEqual([len(part) for part in self.parts(text)], sizes)

    def test_most_parts(self) -> None:
        self.assertEqual(len(self.parts("a" * 153 * MAX_PARTS)), MAX_PARTS)
        for text in ("a" * (153 * MAX_PARTS + 1), "Ж" * (67 * MAX_PARTS + 1)):
            error = self.assertRaises(MisuseError, submit, NUMBER, text, 0)
            self.assertEqual(error.name, "text")
            self.assertNotIn(text[:20], str(error))

    def test_two_units_at_every_place_near_a_limit(self) -> None:
        for char, around in (("€", (76, 153, 160, 306)), (FACE, (33, 67, 70, 134))):
            for limit, off in itertools.product(around, range(-3, 3)):
                text = "a" * (limit + off) + char + "b" * 100
                with self.subTest(char=char, at=limit + off):
                    for pdu in submit(NUMBER, text, 0).pdus:
                        data = deliver(pdu.hex).data
                        self.assertNotEqual(data[-1:], bytes([gsm7.ESCAPE]))
                    self.parts(text)

    @given(SENDABLE)
    def test_any_text_comes_back(self, text: str) -> None:
        self.assertEqual(read_back(submit(NUMBER, text, 3)), text)

    @given(st.integers(0, 170), st.sampled_from("a€Ж" + FACE), st.integers(0, 170))
    def test_any_boundary(self, before: int, char: str, behind: int) -> None:
        text = "x" * before + char + "{" * behind
        parts = self.parts(text)
        self.assertEqual("".join(parts), text)
