"""What registrations may hold, and how a device's record shows them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.store.registrations import (
    checked,
    checked_policy,
    shown,
    with_sent_at,
)
from gatewaykit.times import offset_text
from gatewaykit.vehicles import Registration


class CheckTests(SynchronousTestCase):
    def test_everything_may_be_taken_away(self) -> None:
        values: dict[str, Any] = {
            "name": None,
            "model": None,
            "group": None,
            "timezone_offset_min": None,
            "block_level": None,
            "password_ref": None,
        }
        self.assertEqual(checked(values), values)

    def test_good_values_pass(self) -> None:
        for name, values in {
            "name": ("V", "Grüne Minna", "x" * 100),
            "timezone_offset_min": (-720, 0, 840),
            "block_level": (0, 1),
        }.items():
            for value in values:
                self.assertEqual(checked({name: value}), {name: value})

    def test_bad_values_are_named(self) -> None:
        for name, values in {
            "name": ("", "x" * 101, "a\nb", "\x1b[2J", 5, True),
            "password_ref": (b"x", ["x"]),
            "timezone_offset_min": (-721, 841, 1.5, "60", True),
            "block_level": (2, -1, "1", True, 1.0),
        }.items():
            for value in values:
                error = self.assertRaises(MisuseError, checked, {name: value})
                assert isinstance(error, MisuseError)
                self.assertEqual(error.name, name)

    def test_unknown_names_and_policies(self) -> None:
        self.assertRaises(MisuseError, checked, {"colour": "red"})
        self.assertRaises(MisuseError, checked_policy, "loved")
        self.assertEqual(checked_policy("refused"), "refused")


class ShownTests(SynchronousTestCase):
    def zone(self, set_min: int | None, estimate_min: int | None) -> tuple[Any, ...]:
        record = shown(Registration(timezone_offset_min=set_min), estimate_min)
        return record["timezone_offset"], record["timezone_source"]

    def test_the_set_offset_goes_first(self) -> None:
        self.assertEqual(self.zone(0, -180), ("+00:00", "set"))
        self.assertEqual(self.zone(None, -180), ("-03:00", "estimated"))
        self.assertEqual(self.zone(None, None), (None, None))

    def test_offsets_as_text(self) -> None:
        for minutes, text in (
            (None, None),
            (0, "+00:00"),
            (345, "+05:45"),
            (-30, "-00:30"),
            (-570, "-09:30"),
            (840, "+14:00"),
        ):
            self.assertEqual(offset_text(minutes), text)

    def test_when_a_report_was_sent(self) -> None:
        for send_time, offset_min, expected in (
            ("20260131090000", -180, "2026-01-31T12:00:00.000Z"),
            ("20260131090000", None, None),
            ("20260132090000", 0, None),
            (None, 0, None),
        ):
            report = with_sent_at({"send_time": send_time}, offset_min)
            self.assertEqual(report["sent_at"], expected)
        self.assertEqual(with_sent_at({}, 0), {"sent_at": None})
