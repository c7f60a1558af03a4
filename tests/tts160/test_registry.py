from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.tts160.formats import CASE_FORMATS, BinaryFormatError
from gatewaykit.tts160.registry import MOST_FORMATS, Registry


class RegistryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()

    def test_nothing_is_registered_at_first(self) -> None:
        self.assertEqual(self.registry.named("2i", (1, 2)), [1, 2])
        self.assertEqual(self.registry.named_case(2, "5i2f", range(7)), [*range(7)])

    def test_counts_may_be_written_in_any_way(self) -> None:
        """The seed's own example says 2i2fB, older firmware answers 2i2f1B."""
        self.registry.register("status", "2i2fB", list("abcde"))
        expected = dict(zip("abcde", range(5), strict=True))
        for header in ("2i2fB", "2i2f1B", "iiffB", "1i1i2f1B"):
            self.assertEqual(self.registry.named(header, range(5)), expected)
        self.assertEqual(self.registry.named("2f2iB", range(5)), [*range(5)])

    def test_matrix_and_quaternion_are_one_value_each(self) -> None:
        self.registry.register("q", "fqm", ["ra", "rotation", "matrix"])
        values: list[Any] = [1.5, (1.0, 0.0, 0.0, 0.0), [0.0] * 9]
        self.assertEqual(
            self.registry.named("1f1q1m", values),
            {"ra": 1.5, "rotation": values[1], "matrix": values[2]},
        )

    def test_newest_counts(self) -> None:
        self.registry.register("one", "2i", ["a", "b"])
        self.registry.register("two", "ii", ["c", "d"])
        self.assertEqual(self.registry.named("2i", (1, 2)), {"c": 1, "d": 2})
        self.registry.register("one", "2i", ["e", "f"])
        self.assertEqual(self.registry.named("2i", (1, 2)), {"e": 1, "f": 2})
        self.registry.register("bare", "2i")
        self.assertEqual(self.registry.named("2i", (1, 2)), [1, 2])

    def test_same_name_is_replaced(self) -> None:
        self.registry.register("one", "2i", ["a", "b"])
        self.registry.register("one", "2f", ["a", "b"])
        self.assertEqual(self.registry.named("2i", (1, 2)), [1, 2])

    def test_what_is_no_format_is_refused_and_replaces_nothing(self) -> None:
        self.registry.register("one", "2i", ["a", "b"])
        for format_string, names in (
            ("5i2z", None),
            ("", None),
            ("2i", ["a"]),
            ("2i", ["a", "a"]),
        ):
            with self.assertRaises(BinaryFormatError):
                self.registry.register("one", format_string, names)
        with self.assertRaises(ValueError):
            self.registry.register("", "2i")
        self.assertEqual(self.registry.named("2i", (1, 2)), {"a": 1, "b": 2})

    def test_there_is_an_end(self) -> None:
        for number in range(MOST_FORMATS):
            self.registry.register(f"format {number}", "2i")
        with self.assertRaises(MisuseError):
            self.registry.register("one more", "2i")
        self.registry.register("format 0", "2i", ["a", "b"])
        self.assertEqual(self.registry.named("2i", (1, 2)), {"a": 1, "b": 2})

    @given(st.text(max_size=20))
    def test_garbage_is_refused_as_documented(self, text: str) -> None:
        with contextlib.suppress(BinaryFormatError):
            Registry().register("x", text)


class CaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.registry = Registry()

    def named(self, number: int) -> Any:
        return self.registry.named_case(number, "5i2f", range(7))

    def test_format_of_a_block_is_for_no_other(self) -> None:
        """Blocks 2 and 8 have the same types, and quite different meanings."""
        self.assertEqual(CASE_FORMATS[2].format_string, CASE_FORMATS[8].format_string)
        self.registry.register("case2", "5i2f", list("abcdefg"))
        self.assertEqual(self.named(2)["a"], 0)
        self.assertEqual(self.named(8), [*range(7)])

    def test_number_alone_is_a_name_too(self) -> None:
        self.registry.register("8", "5i2f", list("abcdefg"))
        self.registry.register("CASE2", "5i2f", list("hijklmn"))
        self.assertEqual(list(self.named(8)), list("abcdefg"))
        self.assertEqual(list(self.named(2)), list("hijklmn"))

    def test_any_other_name_is_for_all_blocks_of_its_types(self) -> None:
        self.registry.register("old", "5i2f", list("abcdefg"))
        self.registry.register("speeds", "5i2f", list("hijklmn"))
        self.registry.register("case2", "5i2f", list("opqrstu"))
        self.assertEqual(list(self.named(8)), list("hijklmn"))
        self.assertEqual(list(self.named(2)), list("opqrstu"))

    def test_block_of_other_types_is_left_alone(self) -> None:
        self.registry.register("case2", "2i", ["a", "b"])
        self.assertEqual(self.named(2), [*range(7)])
