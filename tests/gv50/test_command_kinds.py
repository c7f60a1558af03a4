from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK, Role
from gatewaykit.errors import MisuseError
from gatewaykit.gv50.command_kinds import KINDS, check, kind_of, split_secrets

VALUES: dict[str, Any] = {
    "apn": "web.example",
    "backup_host": "203.0.113.11",
    "backup_port": 8000,
    "buffer_mode": 1,
    "command": "GTTOW",
    "corner_deg": 30,
    "daylight_saving": True,
    "duration_ds": 10,
    "enabled": True,
    "heartbeat_min": 5,
    "host": "203.0.113.10",
    "ignition_off_interval_s": 600,
    "interval_min": 5,
    "interval_s": 30,
    "level": 1,
    "offset": "-03:00",
    "password": "s3cret",
    "port": 8000,
    "sack": True,
    "section": "SRI",
    "toggles": 1,
    "user": "me",
    "utc": "20250727120605",
    "values": "1,2,3",
    "without_backup": False,
}
"""One that is good for each parameter."""
ONCE = {
    "block",
    "unblock",
    "output",
    "server",
    "apn",
    "quick_start",
    "reboot",
    "clear_buffer",
    "power_off",
    "custom",
}


class TableTests(SynchronousTestCase):
    def test_all_kinds(self) -> None:
        self.assertEqual(
            set(KINDS),
            ONCE
            | {"interval", "time", "heartbeat", "sack", "position"}
            | {"gps_state", "read_configuration", "iccid", "signal", "versions"}
            | {"power", "inputs_outputs", "time_zone"},
        )
        for name, kind in KINDS.items():
            self.assertIs(kind_of(name), kind)
            self.assertEqual(kind.name, name)
            self.assertTrue(kind.summary)

    def test_what_may_do_harm_is_written_once(self) -> None:
        for name, kind in KINDS.items():
            self.assertEqual(kind.retries, 0 if name in ONCE else 2, name)

    def test_block_waits_ten_minutes_and_the_rest_a_day(self) -> None:
        for name, kind in KINDS.items():
            expires_in_s = 600 if name in {"block", "output"} else 86400
            self.assertEqual(kind.expires_in_s, expires_in_s)

    def test_roles(self) -> None:
        admin = {name for name, kind in KINDS.items() if kind.role is Role.ADMIN}
        self.assertEqual(admin, {"clear_buffer", "power_off", "custom"})
        for kind in KINDS.values():
            for parameter in kind.parameters:
                is_waiver = parameter.name == "without_backup"
                role = Role.ADMIN if is_waiver else Role.DISPATCHER
                self.assertIs(parameter.role, role)

    def test_settings_that_change(self) -> None:
        changing = {
            name: kind.settings for name, kind in KINDS.items() if kind.settings
        }
        names = ("server", "apn", "interval", "time", "heartbeat", "sack")
        self.assertEqual(
            changing,
            {**{name: (name,) for name in names}, "quick_start": ("apn", "server")},
        )


class CheckTests(SynchronousTestCase):
    def test_good_values(self) -> None:
        for kind in KINDS.values():
            every = {p.name: VALUES[p.name] for p in kind.parameters}
            check(kind, every)
            check(kind, {p.name: VALUES[p.name] for p in kind.parameters if p.required})

    def test_each_required_one_must_be_there(self) -> None:
        for kind in KINDS.values():
            every = {p.name: VALUES[p.name] for p in kind.parameters}
            for parameter in kind.parameters:
                if parameter.required:
                    rest = {n: v for n, v in every.items() if n != parameter.name}
                    error = self.assertRaises(MisuseError, check, kind, rest)
                    self.assertEqual(error.name, parameter.name)

    def test_types_are_the_very_ones(self) -> None:
        wrong: tuple[Any, ...] = (
            None,
            "1",
            "true",
            1,
            1.0,
            True,
            [],
            {},
            b"1",
            10**5000,
            float("nan"),
        )
        types = {"text": str, "number": int, "flag": bool}
        for kind in KINDS.values():
            every = {p.name: VALUES[p.name] for p in kind.parameters}
            for parameter in kind.parameters:
                for value in wrong:
                    if type(value) is types[parameter.type] and value != 10**5000:
                        continue
                    given = {**every, parameter.name: value}
                    error = self.assertRaises(MisuseError, check, kind, given)
                    self.assertEqual(error.name, parameter.name)
                    self.assertLess(len(str(error)), 1000)

    def test_unknown_names(self) -> None:
        for name, is_shown in (("hots", True), ("s3cret", False), ("a" * 31, False)):
            error = self.assertRaises(
                MisuseError, check, KINDS["apn"], {"apn": "a", name: 1}
            )
            self.assertEqual(error.value, name if is_shown else MASK)
            self.assertEqual(error.allowed, "apn, user, password")

    def test_long_values_are_cut(self) -> None:
        error = self.assertRaises(
            MisuseError, check, KINDS["apn"], {"apn": "a" * 10_000}
        )
        self.assertEqual(error.value, "a" * 100)

    def test_secret_is_in_no_error(self) -> None:
        for bad in ("s3cret$", "s3cret" * 6, ["s3cret"], {"s3cret": 1}):
            error = self.assertRaises(
                MisuseError, check, KINDS["apn"], {"apn": "a", "password": bad}
            )
            self.assertEqual(error.value, MASK)
            self.assertNotIn("s3cret", str(error) + repr(error))


class SplitTests(SynchronousTestCase):
    def test_password_of_an_access_point(self) -> None:
        self.assertEqual(
            split_secrets("apn", {"apn": "web", "password": "s3cret"}),
            ({"apn": "web", "password": MASK}, {"password": "s3cret"}),
        )

    def test_values_of_a_custom_command(self) -> None:
        for command, values, shown in (
            ("GTBSI", "web,me,s3cret,,,,", f"web,me,{MASK},,,,"),
            ("GTBSI", "web,,,,,,", "web,,,,,,"),
            ("GTBSI", "web,s3cret", MASK),
            ("GTPIN", "1,s3cret,,,,,", f"1,{MASK},,,,,"),
            ("GTCFG", "*" + "," * 20, "*" + "," * 20),
            ("GTCFG", "s3cret" + "," * 20, MASK + "," * 20),
            ("GTTOW", "1" + "," * 18, "1" + "," * 18),
            ("GTXXX", "s3cret", MASK),
            ("GTBSI", ["s3cret"], MASK),
            (["GTBSI"], "s3cret", MASK),
            (None, "s3cret", MASK),
        ):
            given = {"command": command, "values": values}
            visible, secrets = split_secrets("custom", given)
            self.assertEqual(visible, {"command": command, "values": shown})
            self.assertEqual(secrets, {} if values == shown else {"values": values})
        self.assertEqual(split_secrets("custom", {"values": "a"})[0], {"values": MASK})

    def test_what_is_unknown_is_hidden(self) -> None:
        self.assertEqual(
            split_secrets("apn", {"passwrd": "s3cret"}),
            ({"passwrd": MASK}, {"passwrd": "s3cret"}),
        )
        self.assertEqual(
            split_secrets("nothing", {"apn": "s3cret"}),
            ({"apn": MASK}, {"apn": "s3cret"}),
        )

    @given(
        st.sampled_from([*KINDS, "nothing"]),
        st.dictionaries(
            st.sampled_from([*VALUES, "other"]),
            st.one_of(st.text(), st.integers(), st.booleans(), st.none()),
        ),
    )
    def test_both_together_are_the_whole(
        self, kind: str, parameters: dict[str, Any]
    ) -> None:
        visible, secrets = split_secrets(kind, parameters)
        self.assertEqual({**visible, **secrets}, parameters)
        self.assertEqual(set(visible), set(parameters))
