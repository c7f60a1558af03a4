from __future__ import annotations

import re
import struct
from collections.abc import Iterable
from dataclasses import FrozenInstanceError
from math import cos, radians
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import TTS160SerialError
from gatewaykit.tts160.formats import (
    CASE_FORMATS,
    MOST_BYTES,
    SIZES,
    BinaryFormat,
    BinaryFormatError,
    BinaryParser,
    unpack,
    value_types,
)

GRAMMAR = re.compile(r"(?:(?:[1-9][0-9]?)?[bBhHiIfmq])+")
ROTATION = [cos(radians(30)), -0.5, 0, 0.5, cos(radians(30)), 0, 0, 0, 1]
"""The matrix of transcript 30 in facts/tts160.md 9."""

COUNTS = st.sampled_from(["", *map(str, range(1, 13)), "99"])
FORMATS = (
    st.lists(st.tuples(COUNTS, st.sampled_from([*SIZES])), min_size=1, max_size=8)
    .map(lambda items: "".join(count + type for count, type in items))
    .filter(lambda text: size_of(text) <= MOST_BYTES)
)


def size_of(text: str) -> int:
    return sum(
        int(count or 1) * SIZES[type]
        for count, type in re.findall("([0-9]*)([a-zA-Z])", text)
    )


def make(text: str, names: Iterable[str] | None = None) -> BinaryFormat:
    return BinaryParser.create_format(
        "one", text, None if names is None else list(names)
    )


class Strings(SynchronousTestCase):
    def test_examples(self) -> None:
        for text, expected in {
            "5i2f": ("<5i2f", 28),
            "1m": ("<9f", 36),
            "m": ("<9f", 36),
            "2m": ("<18f", 72),
            "q": ("<4f", 16),
            "3q": ("<12f", 48),
            "2i1B": ("<2i1B", 9),
            "ffB": ("<ffB", 9),
            "2iBf": ("<2iBf", 13),
            "1B1m": ("<1B9f", 37),
            "2i1B4f": ("<2i1B4f", 25),
            "bBhHiIf": ("<bBhHiIf", 18),
            "99b": ("<99b", 99),
        }.items():
            with self.subTest(text=text):
                self.assertEqual(BinaryParser.parse_format_string(text), expected)

    def test_the_offending_character_and_its_place_are_told(self) -> None:
        for text, place, character in (
            ("5i2z", 3, "z"),
            ("z5i", 0, "z"),
            ("{i}", 0, "{"),
            ("-3i", 0, "-"),
            ("i2", 1, "2"),
            ("2f13", 2, "1"),
            ("0i", 0, "0"),
            ("05i", 0, "0"),
            ("100i", 2, "0"),
            ("i999999999i", 3, "9"),
            ("5i 2f", 2, " "),
            ("i\n", 1, "\n"),
            ("<i", 0, "<"),
            ("d", 0, "d"),
            ("\N{ARABIC-INDIC DIGIT THREE}i", 0, "\N{ARABIC-INDIC DIGIT THREE}"),
        ):
            with self.subTest(text=text):
                error = self.assertRaises(
                    BinaryFormatError, BinaryParser.parse_format_string, text
                )
                self.assertEqual((error.format_string, error.place), (text, place))
                self.assertIn(f"{character!r} at index {place}", str(error))

    def test_reason_is_told(self) -> None:
        for text, reason in {
            "": "it is empty",
            "i2": "a count without a type",
            "100i": "counts go from 1 to 99",
            "0i": "counts go from 1 to 99",
            "5z": "no type; there are b, B, h, H, i, I, f, m, q",
            "99m99m": "it has more than 4096 bytes",
        }.items():
            with self.subTest(text=text):
                error = self.assertRaises(BinaryFormatError, value_types, text)
                self.assertEqual(error.reason, reason)
                self.assertIn(reason, str(error))

    def test_what_is_no_text_is_refused(self) -> None:
        no_text: Any
        for no_text in (5, b"5i", None):
            error = self.assertRaises(
                BinaryFormatError, BinaryParser.parse_format_string, no_text
            )
            self.assertIn("it is no text", str(error))

    def test_no_header_asks_for_more_than_there_may_be(self) -> None:
        self.assertEqual(size_of("99m33q1f"), MOST_BYTES)
        self.assertEqual(BinaryParser.parse_format_string("99m33q1f")[1], MOST_BYTES)
        error = self.assertRaises(
            BinaryFormatError, BinaryParser.parse_format_string, "99m33q1f1b"
        )
        self.assertIsNone(error.place)
        # The rest of a long one isn't even looked at.
        self.assertRaises(BinaryFormatError, value_types, "99m" * 100_000)

    def test_error_is_one_of_the_earlier_api_and_no_value_error(self) -> None:
        error = self.assertRaises(BinaryFormatError, value_types, "x")
        self.assertIsInstance(error, TTS160SerialError)
        self.assertNotIsInstance(error, ValueError)

    @given(st.one_of(st.text("0129bBhHiIfmqzd<{ \n-", max_size=12), st.text(), FORMATS))
    @example("5i2f\n")
    def test_what_is_accepted_is_the_grammar(self, text: str) -> None:
        is_format = GRAMMAR.fullmatch(text) is not None
        assume(not is_format or size_of(text) <= MOST_BYTES)
        try:
            struct_format, size = BinaryParser.parse_format_string(text)
        except BinaryFormatError as error:
            self.assertFalse(is_format)
            if error.place is not None:
                # What stands before the place may be the beginning of a format.
                self.assertIsNotNone(
                    GRAMMAR.fullmatch(text[: error.place] + "b")
                    or GRAMMAR.fullmatch(text[: error.place])
                )
            self.assertIn(repr(text), str(error))
        else:
            self.assertTrue(is_format)
            self.assertEqual(struct.calcsize(struct_format), size)

    @given(FORMATS)
    def test_types_are_as_struct_counts_them(self, text: str) -> None:
        struct_format, size = BinaryParser.parse_format_string(text)
        types = value_types(text)
        self.assertEqual(sum(SIZES[type] for type in types), size)
        self.assertEqual(size, size_of(text))
        bare = "".join(types)
        self.assertEqual(value_types(bare), types)
        self.assertEqual(BinaryParser.parse_format_string(bare)[1], size)
        floats = {"m": 9, "q": 4}
        self.assertEqual(
            len(struct.unpack(struct_format, bytes(size))),
            sum(floats.get(type, 1) for type in types),
        )


class Types(SynchronousTestCase):
    def test_counts_are_unrolled(self) -> None:
        for text, expected in {
            "2i1B": "iiB",
            "iiB": "iiB",
            "2m": "mm",
            "1B2q": "Bqq",
            "12b": "b" * 12,
        }.items():
            with self.subTest(text=text):
                self.assertEqual(value_types(text), tuple(expected))

    def test_sizes(self) -> None:
        for type, size in SIZES.items():
            with self.subTest(type=type):
                self.assertEqual(BinaryParser.parse_format_string(type)[1], size)


class Values(SynchronousTestCase):
    def test_matrix_is_one_value(self) -> None:
        """Transcript 30 of facts/tts160.md 9."""
        data = bytes.fromhex(
            "d7b35d3f000000bf000000000000003fd7b35d3f0000000000000000000000000000803f"
        )
        for text in ("1m", "m"):
            (matrix,) = unpack(text, data)
            self.assertIsInstance(matrix, list)
            self.assertEqual(
                [round(one, 6) for one in matrix], [*map(_round, ROTATION)]
            )
        first, second = unpack("2m", data + bytes(36))
        self.assertEqual(first, matrix)
        self.assertEqual(second, [0.0] * 9)

    def test_quaternion_is_one_value(self) -> None:
        """Transcript 31 of facts/tts160.md 9."""
        (quaternion,) = unpack("q", bytes.fromhex("ea46773f0000000000000000ee83843e"))
        self.assertIsInstance(quaternion, tuple)
        rounded = tuple(round(one, 6) for one in quaternion)
        self.assertEqual(rounded, (_round(cos(radians(15))), 0, 0, 0.258819))

    def test_order_is_kept_between_matrices_and_others(self) -> None:
        data = struct.pack("<B9fH4fi", 7, *range(9), 8, *range(4), -9)
        self.assertEqual(
            unpack("Bm1Hq1i", data),
            [7, [float(n) for n in range(9)], 8, (0.0, 1.0, 2.0, 3.0), -9],
        )

    def test_numbers_are_little_endian_and_packed(self) -> None:
        data = bytes.fromhex("ff ff feff feff fdffffff fdffffff 0000803f")
        self.assertEqual(
            unpack("bBhHiIf", data), [-1, 255, -2, 65534, -3, 4294967293, 1.0]
        )

    def test_data_of_another_length_is_refused(self) -> None:
        one = make("2i", ["a", "b"])
        for length in (0, 7, 9):
            with self.subTest(length=length):
                error = self.assertRaises(
                    BinaryFormatError, BinaryParser.unpack_data, one, bytes(length)
                )
                self.assertEqual(error.reason, f"it has 8 bytes, the data {length}")

    @given(FORMATS, st.data())
    def test_what_was_packed_is_unpacked(self, text: str, data: st.DataObject) -> None:
        values = [data.draw(VALUES[type]) for type in value_types(text)]
        flat: list[Any] = []
        for value in values:
            flat += value if isinstance(value, (list, tuple)) else [value]
        struct_format, _ = BinaryParser.parse_format_string(text)
        payload = struct.pack(struct_format, *flat)
        self.assertEqual(unpack(text, payload), values)
        one = BinaryParser.create_format("one", text)
        self.assertEqual(BinaryParser.unpack_data(one, payload), values)
        names = [f"field_{place}" for place in range(len(values))]
        named = BinaryParser.unpack_data(make(text, names), payload)
        self.assertEqual(named, dict(zip(names, values, strict=True)))

    @given(st.text("29bHfmq", max_size=6), st.binary(max_size=200))
    def test_nothing_else_is_raised(self, text: str, data: bytes) -> None:
        try:
            values = unpack(text, data)
        except BinaryFormatError:
            return
        self.assertEqual(len(values), len(value_types(text)))


def _round(number: float) -> float:
    return round(number, 6)


def _whole(type: str) -> st.SearchStrategy[int]:
    bits = 8 * SIZES[type]
    if type.isupper():
        return st.integers(0, 2**bits - 1)
    return st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


FLOATS = st.floats(width=32, allow_nan=False)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **{type: _whole(type) for type in "bBhHiI"},
    "f": FLOATS,
    "m": st.lists(FLOATS, min_size=9, max_size=9),
    "q": st.tuples(FLOATS, FLOATS, FLOATS, FLOATS),
}


class Formats(SynchronousTestCase):
    def test_made_of_a_name_and_a_format_string(self) -> None:
        names = ["speed_h", "speed_e", "az", "alt"]
        one = BinaryParser.create_format("park", "2i2f", names)
        expected = ("park", "2i2f", "<2i2f", 16, tuple(names))
        self.assertEqual(
            (
                one.name,
                one.format_string,
                one.struct_format,
                one.byte_size,
                one.field_names,
            ),
            expected,
        )
        self.assertEqual(one, BinaryFormat("park", "2i2f", "<2i2f", 16, names))
        self.assertEqual(
            len({one, BinaryParser.create_format(*expected[:2], names)}), 1
        )

    def test_is_immutable(self) -> None:
        one = make("2i")
        with self.assertRaises(FrozenInstanceError):
            one.name = "two"  # type: ignore[misc]

    def test_one_name_for_a_matrix_and_one_for_a_quaternion(self) -> None:
        one = make("i2mq", ["ticks", "matrix", "inverse", "turn"])
        found = BinaryParser.unpack_data(one, bytes(one.byte_size))
        self.assertEqual(
            found,
            {
                "ticks": 0,
                "matrix": [0.0] * 9,
                "inverse": [0.0] * 9,
                "turn": (0.0,) * 4,
            },
        )

    def test_names_must_fit_the_values(self) -> None:
        for names, reason in (
            (["a"], "it has 2 values, with 1 field names"),
            (["a", "b", "c"], "it has 2 values, with 3 field names"),
            ([], "it has 2 values, with 0 field names"),
            (["a", "a"], "two fields have the name 'a'"),
            (["a", ""], "field names are a sequence of texts, none of them empty"),
            (["a", 1], "field names are a sequence of texts, none of them empty"),
            ("ab", "field names are a sequence of texts, none of them empty"),
        ):
            with self.subTest(names=names):
                error = self.assertRaises(
                    BinaryFormatError, BinaryParser.create_format, "one", "im", names
                )
                self.assertEqual(error.reason, reason)
                self.assertIsNone(error.place)

    def test_a_name_is_needed(self) -> None:
        self.assertRaises(ValueError, BinaryParser.create_format, "", "2i")

    def test_fields_that_do_not_agree_are_refused(self) -> None:
        for arguments in (
            ("one", "1m", "<9d", 72, None),
            ("one", "2i", "2i", 8, None),
            ("one", "2i", "<2i", 9, None),
            ("one", "2z", "<2z", 8, None),
            ("one", "2i", "<2i", 8, ["a"]),
        ):
            with self.subTest(arguments=arguments):
                self.assertRaises(BinaryFormatError, BinaryFormat, *arguments)
        error = self.assertRaises(
            BinaryFormatError, BinaryFormat, "one", "1m", "<9d", 72
        )
        self.assertIn("it is '<9f' with 36 bytes, not '<9d' with 72", str(error))


class Blocks(SynchronousTestCase):
    """The table of facts/tts160.md 3.3."""

    def test_sizes_and_fields(self) -> None:
        self.assertEqual(
            {number: one.byte_size for number, one in CASE_FORMATS.items()},
            {0: 68, 1: 48, 2: 28, 3: 36, 4: 28, 5: 36, 6: 36, 7: 68, 8: 28},
        )
        self.assertEqual(
            {n: len(one.field_names or ()) for n, one in CASE_FORMATS.items()},
            {0: 17, 1: 12, 2: 7, 3: 9, 4: 7, 5: 0, 6: 0, 7: 17, 8: 7},
        )
        self.assertEqual(CASE_FORMATS[0].field_names[-2:], ("az", "alt"))  # type: ignore[index]
        for number, one in CASE_FORMATS.items():
            self.assertEqual(one.name, f"case{number}")

    def test_two_has_speeds_and_the_park_position(self) -> None:
        """Transcript 35 of facts/tts160.md 9."""
        data = bytes.fromhex("7800000082000000280000002d00000001000000000048430000f041")
        self.assertEqual(
            BinaryParser.unpack_data(CASE_FORMATS[2], data),
            {
                "goto_speed_h": 120,
                "goto_speed_e": 130,
                "guide_speed_h": 40,
                "guide_speed_e": 45,
                "park_flag": 1,
                "park_az": 200.0,
                "park_alt": 30.0,
            },
        )

    def test_five_and_six_are_a_matrix_each(self) -> None:
        data = struct.pack("<9f", *range(9))
        for number in (5, 6):
            self.assertEqual(
                BinaryParser.unpack_data(CASE_FORMATS[number], data),
                [[float(n) for n in range(9)]],
            )
