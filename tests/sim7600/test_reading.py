from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.sim7600.reading import Fields, ReplyError, decimal, integer, split

NO_NUMBERS = (
    *("", " 1", "1 ", "nan", "NaN", "inf", "-inf", "1e3", "1_0", "+1", "0x1", "--1"),
    *("\u0663", "\u0661.5", "\xb2", "1,0", "9" * 400, "1.", "1.\n", "1\n", "-"),
)
"""Some of which Python's own `int` or `float` takes."""


class Numbers(SynchronousTestCase):
    def test_digits_are_numbers(self) -> None:
        self.assertEqual(integer("007"), 7)
        self.assertEqual(integer("-94"), -94)
        self.assertEqual(decimal("-34.0"), -34.0)
        self.assertEqual(decimal("0"), 0.0)
        self.assertEqual(decimal("1."), 1.0)

    def test_what_python_takes_is_no_number_yet(self) -> None:
        for text in NO_NUMBERS:
            self.assertIsNone(integer(text), text)
            if text != "1.":
                self.assertIsNone(decimal(text), text)

    @given(st.text(max_size=30))
    def test_a_number_is_finite_and_its_text_is_ascii(self, text: str) -> None:
        for value in (integer(text), decimal(text)):
            if value is not None:
                self.assertTrue(text.isascii())
                self.assertTrue(abs(value) < 1e12)


class Splitting(SynchronousTestCase):
    def test_commas_in_quotes_are_text(self) -> None:
        self.assertEqual(split('1,0,"Telia, SE",6'), ["1", "0", '"Telia, SE"', "6"])

    def test_spaces_around_fields_are_dropped(self) -> None:
        self.assertEqual(split(" NO SERVICE, Online "), ["NO SERVICE", "Online"])

    def test_an_open_quote(self) -> None:
        self.assertIsNone(split('1,"a'))

    @given(st.lists(st.text("ab12", max_size=4), min_size=1))
    def test_fields_without_quotes_come_back(self, fields: list[str]) -> None:
        self.assertEqual(split(",".join(fields)), fields)


class TheFields(SynchronousTestCase):
    def test_the_error_has_line_and_reason(self) -> None:
        error = self.assertRaises(ReplyError, Fields, "+X: 1", "+A:", "+B:")
        self.assertIsInstance(error, ProtocolViolation)
        self.assertEqual(error.line, "+X: 1")
        self.assertEqual(error.reason, "it does not begin with +A: or +B:")
        self.assertEqual(str(error), "it does not begin with +A: or +B:: '+X: 1'")
        self.assertEqual(error.raw, b"+X: 1")

    def test_a_long_line_is_not_shown_whole(self) -> None:
        error = self.assertRaises(ReplyError, Fields, "\u20ac" * 5000, "+A:")
        self.assertLess(len(str(error)), 300)

    def test_an_open_quote_is_refused(self) -> None:
        self.assertRaises(ReplyError, Fields, '+A: "', "+A:")

    def test_missing_fields_are_empty(self) -> None:
        fields = Fields("+A:1", "+A:")
        self.assertEqual((len(fields), fields[0], fields[7]), (1, "1", ""))
        self.assertIsNone(fields.integer(7, 0, 9))
        self.assertIsNone(fields.decimal(7, 0, 9))
        self.assertIsNone(fields.hexadecimal(7, 9))

    def test_out_of_range_is_none(self) -> None:
        fields = Fields("+A: 10, 10.5, 0x10", "+A:")
        self.assertEqual(fields.integer(0, 0, 10), 10)
        self.assertIsNone(fields.integer(0, 0, 9))
        self.assertEqual(fields.decimal(1, 10, 11), 10.5)
        self.assertIsNone(fields.decimal(1, 0, 10))
        self.assertEqual(fields.hexadecimal(2, 0x10), 16)
        self.assertIsNone(fields.hexadecimal(2, 15))
        self.assertRaises(ReplyError, fields.needed, 0, 0, 9)

    def test_unreadable_is_refused(self) -> None:
        for text in NO_NUMBERS:
            if not text.strip() or "," in text or text.strip() in {"1", "1."}:
                continue
            fields = Fields(f"+A: {text}", "+A:")
            self.assertRaises(ReplyError, fields.integer, 0, 0, 9)
            self.assertRaises(ReplyError, fields.decimal, 0, 0, 9)
        self.assertRaises(ReplyError, Fields("+A: 0xG", "+A:").hexadecimal, 0, 9)

    def test_quotes(self) -> None:
        fields = Fields('+A: "a", b, "", "a"b"c"', "+A:")
        self.assertEqual(
            [fields.is_quoted(n) for n in range(5)], [True, False, True, False, False]
        )
        self.assertEqual([fields.text(n) for n in range(3)], ["a", "b", ""])
        self.assertEqual(fields.text(3), '"a"b"c"')
