from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160.local_time import (
    format_date,
    format_time,
    format_utc_offset,
    parse_date,
    parse_time,
    parse_utc_offset,
)


class LocalTimeTests(SynchronousTestCase):
    def test_three_answers_make_a_moment(self) -> None:
        """Transcript 11."""
        local = dt.datetime.combine(parse_date("08/05/26"), parse_time("21:15:30"))
        utc = local - dt.timedelta(hours=parse_utc_offset("+07"))
        self.assertEqual(utc, dt.datetime(2026, 8, 6, 4, 15, 30))

    def test_offset_counts_to_the_east(self) -> None:
        for text, offset_h, again in (
            ("+10", -10, "+10.0"),
            ("+07", -7, "+07.0"),
            ("-05.5", 5.5, "-05.5"),
            ("-00", 0, "+00.0"),
            ("5", -5, "+05.0"),
            ("-14", 14, "-14.0"),
            ("+12", -12, "+12.0"),
        ):
            with self.subTest(text=text):
                self.assertEqual(parse_utc_offset(text), offset_h)
                self.assertEqual(format_utc_offset(offset_h), again)
                self.assertEqual(str(parse_utc_offset("-00")), "0.0")

    def test_what_is_none_is_a_violation(self) -> None:
        for parse, texts in (
            (
                parse_date,
                (
                    "",
                    "13/01/26",
                    "02/29/27",
                    "2026-08-05",
                    "8/5/26",
                    "\u0660\u0668/05/26",
                ),
            ),
            (parse_time, ("", "24:00:00", "12:60:00", "12:00:60", "12:00", "1:2:3")),
            (parse_utc_offset, ("", "+13", "-15", "+5.55", "nan", "+", "+005", "5h")),
        ):
            for text in texts:
                with self.subTest(text=text):
                    self.assertRaises(ProtocolViolation, parse, text)

    def test_what_cannot_be_told_is_misuse(self) -> None:
        for year in (1999, 2100):
            self.assertRaises(MisuseError, format_date, dt.date(year, 1, 1))
        for offset_h in (-12.1, 14.1, float("nan")):
            self.assertRaises(MisuseError, format_utc_offset, offset_h)

    @given(
        st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31, 23, 59, 59)),
        st.integers(-120, 140),
    )
    def test_what_is_told_is_read(self, moment: dt.datetime, tenths: int) -> None:
        self.assertEqual(parse_date(format_date(moment.date())), moment.date())
        time = moment.time().replace(microsecond=0)
        self.assertEqual(parse_time(format_time(moment.time())), time)
        self.assertEqual(parse_utc_offset(format_utc_offset(tenths / 10)), tenths / 10)

    @given(
        st.sampled_from([parse_date, parse_time, parse_utc_offset]),
        st.one_of(st.text(max_size=12), st.text("0123456789/:+-.", max_size=9)),
    )
    def test_garbage_is_a_violation(
        self, parse: Callable[[str], object], text: str
    ) -> None:
        with contextlib.suppress(ProtocolViolation):
            parse(text)
