from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.rows import age_text, cells, flat, shown, table
from tests.cli.support import IMEI, device

NOW = datetime(2026, 1, 31, 12, 10, tzinfo=UTC)


def rendered(*rows: tuple[str, ...], width: int = 100, **options: Any) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table(rows, width, **options))
    return out.getvalue()


class ShownTests(SynchronousTestCase):
    def test_what_is_not_known_is_a_dash(self) -> None:
        self.assertEqual([shown(None), shown("")], ["-", "-"])

    def test_zero_is_known(self) -> None:
        self.assertEqual(shown(0), "0")

    def test_truth_is_a_word(self) -> None:
        self.assertEqual([shown(True), shown(False)], ["yes", "no"])

    @given(st.text())
    def test_any_text_stays_on_its_line(self, text: str) -> None:
        self.assertEqual(len(shown(text).splitlines()), 1)
        self.assertNotIn("\x1b", shown(text))


class FlatTests(SynchronousTestCase):
    def test_parts_get_dotted_names(self) -> None:
        self.assertEqual(
            list(flat({"a": 1, "b": {"c": 2, "d": {"e": None}}})),
            [("a", 1), ("b.c", 2), ("b.d.e", None)],
        )


class AgeTests(SynchronousTestCase):
    def test_unit_follows_size(self) -> None:
        for moment, text in [
            ("2026-01-31T12:09:59.250Z", "0 s"),
            ("2026-01-31T12:08:01Z", "119 s"),
            ("2026-01-31T12:08:00Z", "2 m"),
            ("2026-01-31T09:10:00Z", "3 h"),
            ("2026-01-01T12:10:00Z", "30 d"),
            ("2026-01-31T12:11:00Z", "0 s"),
            (None, "-"),
        ]:
            self.assertEqual(age_text(moment, NOW), text)


class CellsTests(SynchronousTestCase):
    def test_full_record(self) -> None:
        self.assertEqual(
            cells(device(blocked=False)),
            (
                IMEI,
                "van",
                "online",
                "2026-01-31T12:00:00Z",
                "47.250000,8.500000",
                "50.5",
                "on",
                "no",
                "accepted",
            ),
        )

    def test_what_is_not_known_is_a_dash(self) -> None:
        self.assertEqual(cells({"imei": IMEI}), (IMEI, *["-"] * 6, "?", "-"))

    def test_blocked_is_yes_no_or_not_known(self) -> None:
        for blocked, text in ((True, "yes"), (False, "no"), (None, "?")):
            self.assertEqual(cells(device(blocked=blocked))[7], text)

    def test_half_a_position_is_none(self) -> None:
        self.assertEqual(cells(device(latest={"longitude": 8.5}))[4], "-")

    def test_ignition_off(self) -> None:
        self.assertEqual(cells(device(ignition=False))[6], "off")

    def test_for_a_table_seen_is_an_age_and_the_position_shorter(self) -> None:
        self.assertEqual(cells(device(), NOW)[3:5], ("9 m", "47.2500,8.5000"))


class TableTests(SynchronousTestCase):
    def test_pages_line_up(self) -> None:
        first = rendered(cells(device()))
        second = rendered(cells(device(name="x", latest=None)), header=False)
        self.assertEqual(
            first.index("accepted") - first.index(IMEI), second.index("accepted")
        )
        self.assertNotIn("IMEI", second)

    def test_name_is_no_markup(self) -> None:
        self.assertIn("[red]v:dog:", rendered(cells(device(name="[red]v:dog:"))))

    def test_long_name_is_cut(self) -> None:
        self.assertEqual(len(rendered(cells(device(name="x" * 99))).splitlines()), 2)

    def test_line_of_80_columns_cuts_nothing_but_the_name(self) -> None:
        place = {"longitude": -108.123456, "latitude": -47.123456, "speed_kmh": 999.9}
        record = device(
            latest=place,
            policy="quarantined",
            name="x" * 30,
            ignition=False,
            blocked=True,
            last_seen="2026-01-31T12:08:01Z",
        )
        text = rendered(cells(record, NOW), width=80)
        self.assertEqual([len(line.split()) for line in text.splitlines()], [9, 10])
        self.assertEqual(text.count("\u2026"), 1)

    def test_caption(self) -> None:
        self.assertIn("1 online", rendered(caption="1 online"))
