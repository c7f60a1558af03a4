from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600 import gsm7

ALPHABET = gsm7.decode(code for code in range(128) if code != gsm7.ESCAPE)
EXTENSION = "\f^{}\\[~]|€"
SEPTETS = st.lists(st.integers(0, 127), max_size=200)


class Alphabet(SynchronousTestCase):
    def test_default_alphabet_has_its_characters_at_their_places(self) -> None:
        self.assertEqual(len(set(ALPHABET)), 127)
        for code, char in {
            0x00: "@",
            0x02: "$",
            0x09: "Ç",
            0x0A: "\n",
            0x0D: "\r",
            0x10: "Δ",
            0x11: "_",
            0x15: "Ω",
            0x1A: "Ξ",
            0x1F: "É",
            0x20: " ",
            0x24: "¤",
            0x40: "¡",
            0x41: "A",
            0x5B: "Ä",
            0x5F: "§",
            0x60: "¿",
            0x61: "a",
            0x7B: "ä",
            0x7F: "à",
        }.items():
            with self.subTest(code=code):
                self.assertEqual(gsm7.decode([code]), char)
                self.assertEqual(gsm7.encode(char), [(code,)])

    def test_every_character_of_both_tables_comes_back(self) -> None:
        septets = gsm7.encode(ALPHABET + EXTENSION)
        assert septets is not None
        self.assertEqual([len(one) for one in septets[127:]], [2] * 10)
        flat = [septet for one in septets for septet in one]
        self.assertEqual(gsm7.decode(flat), ALPHABET + EXTENSION)

    def test_other_characters_are_not_representable(self) -> None:
        for text in ("ç", "`", "\t", "\x1b", "\0", "Ж", "a\N{GRINNING FACE}"):
            with self.subTest(text=text):
                self.assertIsNone(gsm7.encode(text))
        self.assertEqual(gsm7.encode(""), [])

    def test_escape_to_nothing_is_a_space(self) -> None:
        self.assertEqual(gsm7.decode([0x41, 0x1B]), "A ")
        self.assertEqual(gsm7.decode([0x1B, 0x1B, 0x41]), " A")

    def test_escape_to_what_the_extension_lacks_is_the_character(self) -> None:
        self.assertEqual(gsm7.decode([0x1B, 0x41]), "A")


class Packing(SynchronousTestCase):
    def test_example_of_the_standard(self) -> None:
        septets = list(b"hellohello")
        packed = bytes.fromhex("E8329BFD4697D9EC37")
        self.assertEqual(gsm7.pack(septets), packed)
        self.assertEqual(gsm7.unpack(packed, 10), septets)

    def test_fill_bits_stand_in_front(self) -> None:
        self.assertEqual(gsm7.pack([0x7F], fill=1), b"\xfe")
        self.assertEqual(gsm7.pack([0x7F], fill=3), b"\xf8\x03")

    def test_nothing_is_packed_into_nothing(self) -> None:
        self.assertEqual(gsm7.pack([]), b"")
        self.assertEqual(gsm7.unpack(b"", 0), [])

    @given(SEPTETS, st.integers(0, 6))
    def test_what_was_packed_is_unpacked(self, septets: list[int], fill: int) -> None:
        packed = gsm7.pack(septets, fill)
        self.assertEqual(len(packed), (7 * len(septets) + fill + 7) // 8)
        self.assertEqual(gsm7.unpack(packed, len(septets), fill), septets)

    @given(SEPTETS)
    def test_any_septets_have_a_text(self, septets: list[int]) -> None:
        self.assertLessEqual(len(gsm7.decode(septets)), len(septets))
