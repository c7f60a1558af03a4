from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc import device_verbs, verbs
from tests.rpc.common import IMEI

ALL: dict[str, Any] = {
    "name": "Lorry 7, Z\u00fcrich",
    "group": "north",
    "model": "GV300+",
    "timezone_offset": "-03:30",
    "block_level": 0,
    "password_ref": "fleet_2026.b-1",
}


def sent(verb: type[verbs.Verb], **values: Any) -> dict[str, Any]:
    """What arrives of a verb's arguments."""
    return verb.parseArguments(verb.makeArguments(values, None), None)


class VocabularyTests(SynchronousTestCase):
    def test_dispatchers_say_what_a_device_is(self) -> None:
        for verb in (verbs.RegisterDevice, verbs.UpdateDevice, verbs.ClaimDevice):
            self.assertIs(verb.role, Role.DISPATCHER)
            self.assertTrue(verb.changes)
            self.assertFalse(verb.audits_itself)
            self.assertIn(verb, verbs.ALL)

    def test_devices_of_a_policy_are_listed(self) -> None:
        for policy in ("accepted", "quarantined", "refused", None):
            arrived = sent(verbs.ListDevices, policy=policy, limit=5)
            self.assertEqual(arrived, {"policy": policy, "cursor": None, "limit": 5})
        with self.assertRaises(MisuseError):
            sent(verbs.ListDevices, policy="unknown")

    def test_events_are_for_viewers(self) -> None:
        self.assertIs(verbs.ListEvents.role, Role.VIEWER)


class ArgumentTests(SynchronousTestCase):
    def refused(self, verb: type[verbs.Verb], **values: Any) -> MisuseError:
        """The error where it is sent, after the same one where it arrives."""
        box = amp.AmpBox(
            {
                name.encode(): str(value).encode("utf-8", "surrogatepass")
                for name, value in values.items()
                if value is not None
            }
        )
        with self.assertRaises(MisuseError) as there:
            verb.parseArguments(box, None)
        with self.assertRaises(MisuseError) as here:
            verb.makeArguments(values, None)
        error: MisuseError = here.exception
        self.assertEqual(there.exception.name, error.name)
        return error

    def test_each_may_be_left_out(self) -> None:
        none = dict.fromkeys(ALL)
        for verb in (verbs.RegisterDevice, verbs.ClaimDevice):
            self.assertEqual(sent(verb, imei=IMEI), {"imei": IMEI, **none})
            self.assertEqual(sent(verb, imei=IMEI, **ALL), {"imei": IMEI, **ALL})
            self.assertEqual(self.refused(verb, imei="7").name, "imei")

    def test_bad_values(self) -> None:
        for name, values in (
            (
                "name",
                ("", " ", "x" * 65, "a\tb", "a\x00", "\x85", "a\u2028b", "\ud800"),
            ),
            ("group", ("", "x" * 65, "\x7f", "a\u202eb")),
            ("model", ("", "G", "G" * 21, "GV-50", "GV50\n", "\u0393V50")),
            ("block_level", (-1, 2, 0.5, "low")),
            ("password_ref", ("", "x" * 65, "a b", "a/b", "\u00e9")),
        ):
            for bad in values:
                error = self.refused(verbs.RegisterDevice, imei=IMEI, **{name: bad})
                self.assertEqual(error.name, name)

    def test_levels_are_no_flags(self) -> None:
        with self.assertRaises(MisuseError):
            sent(verbs.RegisterDevice, imei=IMEI, block_level=True)

    def test_longest_values(self) -> None:
        values = {"name": "x" * 64, "group": "y" * 64, "model": "Z" * 20}
        arrived = sent(verbs.RegisterDevice, imei=IMEI, **values)
        self.assertEqual({name: arrived[name] for name in values}, values)

    @given(st.integers(-12 * 60, 14 * 60))
    def test_offsets(self, minutes: int) -> None:
        hours, rest = divmod(abs(minutes), 60)
        text = f"{'-' if minutes < 0 else '+'}{hours:02}:{rest:02}"
        arrived = sent(verbs.RegisterDevice, imei=IMEI, timezone_offset=text)
        self.assertEqual(arrived["timezone_offset"], text)
        self.assertEqual(device_verbs.minutes_of(text), minutes)

    def test_bad_offsets(self) -> None:
        for bad in (
            *("", "3", "+3:00", "03:00", "+0300", "+03:60", "+03:00 "),
            *("-12:01", "+14:01", "+24:00", "+\u0661\u0662:00"),
        ):
            error = self.refused(verbs.RegisterDevice, imei=IMEI, timezone_offset=bad)
            self.assertEqual(error.name, "timezone_offset")
            self.assertIn("-12:00 to +14:00", error.allowed)

    def test_an_update_changes_something(self) -> None:
        arrived = sent(
            verbs.UpdateDevice, imei=IMEI, name="x", clear=["group", "block_level"]
        )
        none = dict.fromkeys(ALL)
        self.assertEqual(
            arrived,
            {**none, "imei": IMEI, "name": "x", "clear": ["group", "block_level"]},
        )
        self.assertEqual(
            sent(verbs.UpdateDevice, imei=IMEI, block_level=0)["block_level"], 0
        )
        self.refused(verbs.UpdateDevice, imei=IMEI)

    def test_what_is_set_is_not_cleared(self) -> None:
        values = {"imei": IMEI, "block_level": 0, "name": "x"}
        with self.assertRaises(MisuseError) as caught:
            sent(verbs.UpdateDevice, **values, clear=["name", "block_level"])
        self.assertEqual(caught.exception.name, "clear")
        self.assertEqual(caught.exception.value, "block_level, name")

    def test_what_can_be_cleared(self) -> None:
        for name in ALL:
            arrived = sent(verbs.UpdateDevice, imei=IMEI, clear=[name])
            self.assertEqual(arrived["clear"], [name])
        for bad in ([], ["imei"], ["policy"], ["name"] * 7, "name", [None], [["name"]]):
            with self.assertRaises(MisuseError):
                sent(verbs.UpdateDevice, imei=IMEI, clear=bad)
