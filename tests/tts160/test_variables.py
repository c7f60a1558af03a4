from __future__ import annotations

import json
import struct
from itertools import groupby
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160.formats import SIZES, BinaryFormatError
from gatewaykit.tts160.variables import (
    MOST_REPLY_BYTES,
    MOST_VARIABLES,
    PROBE,
    Dialect,
    HeaderMismatch,
    Query,
    Variable,
    by_name,
    dialect_of_header,
    queries,
    resolve,
    table,
)

FACTS: dict[str, dict[str, dict[str, dict[str, Any]]]] = json.loads(
    (Path(__file__).parent / "tts160_variables.json").read_text(encoding="utf-8")
)
TYPES = {
    "B": "uint8",
    "b": "int8",
    "H": "uint16",
    "h": "int16",
    "I": "uint32",
    "i": "int32",
    "f": "float",
    "m": "matrix",
    "q": "quat",
}
DIALECTS = (Dialect.V356, Dialect.V356B, Dialect.V357)
LISTS = st.sampled_from(DIALECTS).flatmap(
    lambda dialect: st.lists(st.sampled_from([*table(dialect).values()]), max_size=60)
)


def ids(dialect: Dialect, *words: str) -> list[str]:
    return [variable.id for variable in resolve(dialect, words)]


def query(dialect: Dialect, *words: str) -> Query:
    (only,) = queries(resolve(dialect, words))
    return only


def spelled(query: Query) -> list[str]:
    """The two ways in which a header may spell its types."""
    runs = [f"{len(list(run))}{type}" for type, run in groupby(query.types)]
    return ["".join(runs), query.types]


class Tables(SynchronousTestCase):
    def test_every_variable_is_as_the_facts_have_it(self) -> None:
        for dialect in DIALECTS:
            expected = {
                f"{category}{number}": entry
                for category, entries in FACTS[dialect.value].items()
                for number, entry in entries.items()
            }
            self.assertEqual(list(table(dialect)), list(expected))
            for id, variable in table(dialect).items():
                with self.subTest(dialect=dialect, id=id):
                    found = {
                        "name": variable.name,
                        "type": TYPES[variable.type],
                        "fmt": variable.type,
                        "bytes": SIZES[variable.type],
                        "description": variable.description,
                    }
                    self.assertEqual(found, expected[id])
                    self.assertEqual(variable.id, id)
                    self.assertIs(by_name(dialect, variable.name), variable)

    def test_facts_have_all_dialects(self) -> None:
        self.assertEqual(set(FACTS), {dialect.value for dialect in DIALECTS})

    def test_numbers_are_in_a_row(self) -> None:
        for dialect in DIALECTS:
            for category, group in groupby(
                table(dialect).values(), lambda variable: variable.category
            ):
                numbers = [variable.number for variable in group]
                with self.subTest(dialect=dialect, category=category):
                    self.assertEqual(numbers, [*range(1, len(numbers) + 1)])

    def test_names_are_different_and_no_ids(self) -> None:
        for dialect in DIALECTS:
            names = {variable.name for variable in table(dialect).values()}
            self.assertEqual(len(names), len(table(dialect)))
            self.assertEqual(names & set(table(dialect)), set())

    def test_ids_that_no_header_tells_apart(self) -> None:
        """The lists of facts/tts160.md 3.4."""
        for first, second, expected in (
            (
                Dialect.V356,
                Dialect.V357,
                "M2 M3 M6 M7 M12 M13 T13 T14 T15 T17 T18 T19 T22 T24 T25 T27 T29",
            ),
            (
                Dialect.V356B,
                Dialect.V357,
                "M2 M3 M6 M7 M12 M13 T13 T14 T15 T17 T18 T19 T21 T23 T25 T26 T28 T30",
            ),
            (Dialect.V356, Dialect.V356B, "T25"),
        ):
            with self.subTest(first=first, second=second):
                ones, others = table(first), table(second)
                same = {
                    id
                    for id in set(ones) & set(others)
                    if ones[id].type == others[id].type
                    and ones[id].name != others[id].name
                }
                self.assertEqual(same, set(expected.split()))

    def test_text_only_firmware_has_none(self) -> None:
        self.assertEqual(dict(table(Dialect.TEXT)), {})


class Words(SynchronousTestCase):
    def test_letter_goes_on_to_hold_within_a_list(self) -> None:
        for word, expected in {
            "T1,2,C5": "T1 T2 C5",
            "X2,1": "X2 X1",
            "T1,T2,C5": "T1 T2 C5",
            "T1,2,4,17,18,X1,2": "T1 T2 T4 T17 T18 X1 X2",
            "t1, 2 ,c5": "T1 T2 C5",
        }.items():
            with self.subTest(word=word):
                self.assertEqual(ids(Dialect.V356, word), expected.split())

    def test_names_and_ids_and_lists_are_mixed(self) -> None:
        for dialect, expected in (
            (Dialect.V356, "T17 T18 C5 C6 X1 T17"),
            (Dialect.V356B, "T17 T18 C5 C6 X1 T17"),
            (Dialect.V357, "T16 T17 C5 C6 X1 T16"),
        ):
            with self.subTest(dialect=dialect):
                found = ids(dialect, "RA,dec", "C5,6", "Current_Alt", "ra")
                self.assertEqual(found, expected.split())
        self.assertEqual(resolve(Dialect.V356, []), [])

    def test_what_is_no_variable_is_refused(self) -> None:
        for word, named in {
            "T33": "T33",  # the first number that is too high
            "T0": "T0",
            "T01": "T01",
            "T100": "T100",
            "K1": "K1",
            "P1": "P1",
            "17": "17",  # no letter to hold
            "RA,2": "2",
            "T1,,2": "",
            "": "",
            "T1,T": "T",
            "T-1": "T-1",
            "T1 2": "T1 2",
            "T1#:MS": "T1#:MS",
            "T1,2,C99": "C99",
            "C5,26": "C26",
            "\N{ARABIC-INDIC DIGIT THREE}": "\N{ARABIC-INDIC DIGIT THREE}",
            "x" * 60: "X" * 40,
            "MERIDIAN_FLIP": "MERIDIAN_FLIP",
        }.items():
            with self.subTest(word=word):
                error = self.assertRaises(
                    MisuseError, resolve, Dialect.V357, ["T1", word]
                )
                self.assertEqual((error.name, error.value), ("variable", named))

    def test_what_is_allowed_is_told(self) -> None:
        for dialect, word, allowed in (
            (Dialect.V357, "RAA", "RA (v357)"),
            (Dialect.V357, "park_flg", "PARK_FLAG"),
            (Dialect.V357, "T33", "names, T1 to T32, C1 to C25, M1 to M16, A1 to A22"),
            (Dialect.V356, "A1", "names, T1 to T31, C1 to C25, M1 to M22, X1 to X3 ("),
            (Dialect.TEXT, "T1", "none, the mount's firmware has no variables"),
            (Dialect.TEXT, "RA", "none, the mount's firmware has no variables"),
        ):
            with self.subTest(dialect=dialect, word=word):
                error = self.assertRaises(MisuseError, resolve, dialect, [word])
                self.assertTrue(error.allowed.startswith(allowed), error.allowed)

    def test_unpublished_categories_are_unknown(self) -> None:
        for dialect in (Dialect.V356, Dialect.V356B):
            for category in "ALOD":
                self.assertRaises(MisuseError, resolve, dialect, [f"{category}1"])

    def test_name_of_another_dialect_is_unknown(self) -> None:
        self.assertEqual(by_name(Dialect.V356, "inv_matrix").id, "T31")
        self.assertRaises(MisuseError, by_name, Dialect.V357, "INV_MATRIX")
        self.assertRaises(MisuseError, by_name, Dialect.V357, "T1")

    @given(st.sampled_from(Dialect), st.one_of(st.text(), st.text("TCX125,RADEC ")))
    def test_nothing_else_is_raised(self, dialect: Dialect, word: str) -> None:
        try:
            found = resolve(dialect, [word])
        except MisuseError as error:
            self.assertIn(error.allowed, str(error))
        else:
            self.assertEqual(len(found), word.count(",") + 1)

    @given(LISTS, st.data())
    def test_every_spelling_is_understood(
        self, variables: list[Variable], data: st.DataObject
    ) -> None:
        dialect = next(
            one
            for one in DIALECTS
            if all(table(one).get(variable.id) == variable for variable in variables)
        )
        words = [
            data.draw(st.sampled_from([one.name, one.id, one.id.lower()]))
            for one in variables
        ]
        self.assertEqual(resolve(dialect, words), variables)
        if words:
            self.assertEqual(resolve(dialect, [",".join(words)]), variables)


class Queries(SynchronousTestCase):
    def test_every_item_has_its_letter(self) -> None:
        self.assertEqual(query(Dialect.V356, "T1,2,C5").data, b":*!G T1,T2,C5#")

    def test_each_variable_is_asked_for_once_and_in_order(self) -> None:
        found = query(Dialect.V356, "C5,T2,1", "T2", "PARK_FLAG", "H_TICKS", "T4")
        self.assertEqual(found.data, b":*!G C5,T2,T1,T4#")

    def test_ten_variables_a_query(self) -> None:
        found = queries([*table(Dialect.V357).values()][:21])
        self.assertEqual([len(one.variables) for one in found], [10, 10, 1])

    def test_eight_matrices_are_a_query_and_nine_are_not(self) -> None:
        matrices = [Variable("T", n, f"M{n}", "m", "") for n in range(1, 10)]
        (eight,) = queries(matrices[:8])
        self.assertEqual(eight.reply_bytes, len("BINARY:8m\n") + 288)
        nine = queries(matrices)
        self.assertEqual([len(one.variables) for one in nine], [8, 1])

    def test_nothing_is_no_query(self) -> None:
        self.assertEqual(queries([]), [])

    def test_size_of_the_answer(self) -> None:
        """Transcripts 28 to 30 of facts/tts160.md 9."""
        for word, answer in {
            "T1,2,C5": b"BINARY:2i1B\n" + bytes(9),
            "T1,2,4,17,18,X1,2": b"BINARY:2i1B4f\n" + bytes(25),
            "T30": b"BINARY:1m\n" + bytes(36),
        }.items():
            with self.subTest(word=word):
                self.assertEqual(query(Dialect.V356, word).reply_bytes, len(answer))

    @given(LISTS)
    def test_limits_are_kept(self, variables: list[Variable]) -> None:
        found = queries(variables)
        asked = [variable for one in found for variable in one.variables]
        self.assertEqual(asked, list(dict.fromkeys(variables)))
        for one in found:
            self.assertLessEqual(len(one.variables), MOST_VARIABLES)
            self.assertLessEqual(one.reply_bytes, MOST_REPLY_BYTES)
            self.assertRegex(one.data, rb"\A:\*!G [A-Z]\d+(,[A-Z]\d+)*#\Z")


class Answers(SynchronousTestCase):
    def test_transcripts(self) -> None:
        """28 to 32 and 34 of facts/tts160.md 9."""
        for dialect, word, header, payload, expected in (
            (
                Dialect.V356,
                "T1,2,C5",
                "2i1B",
                "87d6120001d5feff01",
                [1234567, -76543, 1],
            ),
            (
                Dialect.V356,
                "T1,2,4,17,18,X1,2",
                "2i1B4f",
                "0f7063003f13190001bee9c13fa4b3c0bddb0f493fdb0f4940",
                [6516751, 1643327, 1, 1.514946, -0.094093, 0.785398, 3.141593],
            ),
            (
                Dialect.V356,
                "T30",
                "1m",
                (
                    "d7b35d3f000000bf000000000000003fd7b35d3f0000000000000000"
                    "000000000000803f"
                ),
                [[0.866025, -0.5, 0, 0.5, 0.866025, 0, 0, 0, 1]],
            ),
            (
                Dialect.V357,
                "T31",
                "q",
                "ea46773f0000000000000000ee83843e",
                [(0.965926, 0, 0, 0.258819)],
            ),
            (
                Dialect.V357,
                "T16,T17,C5",
                "ffB",
                "bee9c13fa4b3c0bd00",
                [1.514946, -0.094093, 0],
            ),
            (Dialect.V356, "T1,2", "2i", "232323000a0a0a00", [0x232323, 0x0A0A0A]),
        ):
            with self.subTest(word=word):
                values = query(dialect, word).values(header, bytes.fromhex(payload))
                self.assertEqual([rounded(value) for value in values], expected)

    def test_counts_in_the_header_change_nothing(self) -> None:
        one = query(Dialect.V356, "T1,2,C5")
        payload = bytes(range(9))
        expected = list(struct.unpack("<iiB", payload))
        for header in ("2i1B", "2iB", "iiB", "1i1i1B"):
            with self.subTest(header=header):
                self.assertEqual(one.values(header, payload), expected)

    def test_other_types_are_never_a_guess(self) -> None:
        """Of the same length and number of values too."""
        one = query(Dialect.V357, "T16,T17,C5")
        for header in ("iiB", "fBf", "ff", "ffBB", "2f1b", "3f"):
            with self.subTest(header=header):
                error = self.assertRaises(HeaderMismatch, one.values, header, bytes(9))
                self.assertEqual((error.expected, error.received), ("ffB", header))
                self.assertIn(repr(header), str(error))
                self.assertIsInstance(error, ValueError)
                self.assertIsInstance(error, ProtocolViolation)

    def test_payload_of_another_length_is_refused(self) -> None:
        one = query(Dialect.V357, "T16,T17,C5")
        for length in (0, 8, 10):
            with self.subTest(length=length):
                self.assertRaises(BinaryFormatError, one.values, "ffB", bytes(length))

    def test_what_is_no_header_is_refused(self) -> None:
        one = query(Dialect.V357, "T16")
        self.assertRaises(BinaryFormatError, one.values, "1x", bytes(4))

    @given(LISTS, st.data())
    def test_one_value_a_variable(
        self, variables: list[Variable], data: st.DataObject
    ) -> None:
        for one in queries(variables):
            size = sum(SIZES[type] for type in one.types)
            payload = data.draw(st.binary(min_size=size, max_size=size))
            found = [one.values(header, payload) for header in spelled(one)]
            self.assertEqual([len(values) for values in found], [len(one.types)] * 2)
            self.assertEqual(repr(found[0]), repr(found[1]))

    @given(LISTS, st.text("129BbHiIfmqx", max_size=8), st.binary(max_size=40))
    def test_garbage_raises_what_is_documented(
        self, variables: list[Variable], header: str, payload: bytes
    ) -> None:
        for one in queries(variables):
            try:
                values = one.values(header, payload)
            except (HeaderMismatch, BinaryFormatError):
                continue
            self.assertEqual(len(values), len(one.variables))


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, (list, tuple)):
        return type(value)(rounded(one) for one in value)
    return value


class Probes(SynchronousTestCase):
    def test_header_tells_the_dialect(self) -> None:
        """Transcript 33 of facts/tts160.md 9, with counts and without."""
        for header, dialect in {
            "1B1m": Dialect.V356,
            "Bm": Dialect.V356,
            "1B1f": Dialect.V356B,
            "Bf": Dialect.V356B,
            "fq": Dialect.V357,
            "1f1q": Dialect.V357,
        }.items():
            with self.subTest(header=header):
                self.assertIs(dialect_of_header(header), dialect)

    def test_other_headers_tell_none(self) -> None:
        for header in ("2f", "Bb", "mB", "B", "", "Bx", "BmB", "B:m"):
            with self.subTest(header=header):
                self.assertIsNone(dialect_of_header(header))

    def test_probe_is_answered_with_what_the_tables_have(self) -> None:
        for dialect in DIALECTS:
            asked = query(dialect, "T16,31")
            self.assertEqual(asked.data, PROBE)
            self.assertIs(dialect_of_header(asked.types), dialect)
