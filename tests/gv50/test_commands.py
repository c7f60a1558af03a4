from __future__ import annotations

from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK, Role
from gatewaykit.errors import CommandRefused, MisuseError
from gatewaykit.gv50.commands import (
    KINDS,
    PASSWORD,
    Order,
    Target,
    build,
    factory_password,
)
from gatewaykit.gv50.models import MODELS

IMEI = "865083030000012"
GV50 = Target("GV50", "0302", 1)
GV55 = Target("GV55", None, 1)
GV300 = Target("GV300", None, 1)
NOBODY = Target(None, None, 1)
SERVER: dict[str, Any] = {
    "host": "track.example.net",
    "port": 8000,
    "backup_host": "203.0.113.11",
    "backup_port": 8001,
    "sack": False,
}
READS = {
    "gps_state": "0",
    "position": "1",
    "read_configuration": "2",
    "iccid": "6",
    "signal": "7",
    "versions": "8",
    "power": "9",
    "inputs_outputs": "A",
    "time_zone": "B",
}


def order(kind: str, target: Target = GV50, **parameters: Any) -> Order:
    return build(IMEI, kind, parameters, target)


def text(kind: str, target: Target = GV50, **parameters: Any) -> str:
    """The values as they are written."""
    return ",".join(order(kind, target, **parameters).values)


def custom(command: str, values: str, target: Target = GV50, **more: Any) -> Order:
    return order("custom", target, command=command, values=values, **more)


class CommandTestCase(SynchronousTestCase):
    def refused(self, kind: str, target: Target = GV50, **parameters: Any) -> str:
        error = self.assertRaises(CommandRefused, order, kind, target, **parameters)
        self.assertEqual((error.imei, error.kind), (IMEI, kind))
        return str(error.reason)

    def misused(
        self, name: str, kind: str, target: Target = GV50, **parameters: Any
    ) -> str:
        error = self.assertRaises(MisuseError, order, kind, target, **parameters)
        self.assertEqual(error.name, name)
        return str(error)


class OutputTests(CommandTestCase):
    def test_gv50_is_written_as_proven(self) -> None:
        wire = order("block").wire("gv50", "0A3F")
        self.assertEqual(wire, b"AT+GTOUT=gv50,1,,,,,,0,,,,,,,0A3F$")
        wire = order("unblock").wire("gv50", "0A40")
        self.assertEqual(wire, b"AT+GTOUT=gv50,0,,,,,,0,,,,,,,0A40$")

    def test_wiring_says_which_level_blocks(self) -> None:
        inverse = attrs.evolve(GV50, block_level=0)
        for target, kind, level in (
            (GV50, "block", 1),
            (GV50, "unblock", 0),
            (inverse, "block", 0),
            (inverse, "unblock", 1),
        ):
            made = order(kind, target)
            self.assertEqual(made.level, level)
            self.assertEqual(made.values[0], str(level))
            self.assertEqual(made.may_block, kind == "block")
            self.assertFalse(made.lasting)

    def test_nothing_blocks_until_somebody_has_said_which_level_does(self) -> None:
        for kind in ("block", "unblock"):
            reason = self.refused(kind, attrs.evolve(GV50, block_level=None))
            for name in ("commands.block_level,", "commands.block_levels", "vehicle's"):
                self.assertIn(name, reason)

    def test_device_can_be_asked_to_report_the_change(self) -> None:
        made = text("block", attrs.evolve(GV50, ask_gtdos=True))
        self.assertEqual(made, "1,,,,,,1,,,,,,")

    def test_settings_say_that_a_model_has_another_form(self) -> None:
        made = order("block", attrs.evolve(GV50, output_form=16))
        self.assertEqual(",".join(made.values), "1,0,0,0,0,0,,,,3,,,,,,")
        self.assertEqual(made.certainty, "S")
        made = order("block", Target("GV75W", None, 1, 16))
        self.assertEqual(",".join(made.values), "1,0,0,0,0,0,,,,0,,,,,,")
        self.assertEqual(made.certainty, "set")

    def test_form_that_nobody_knows_is_refused(self) -> None:
        reason = self.refused("block", attrs.evolve(GV50, output_form=17))
        self.assertIn("17 values", reason)
        for model in ("GV57CG", "GV58LAU", "GV75W", "something else"):
            for kind in ("block", "unblock", "output"):
                parameters = {"level": 0} if kind == "output" else {}
                reason = self.refused(kind, Target(model, None, 1), **parameters)
                self.assertIn(model, reason)

    def test_unknown_model_can_be_registered(self) -> None:
        for kind, parameters in (("block", {}), ("reboot", {}), ("server", SERVER)):
            reason = self.refused(kind, NOBODY, **parameters)
            self.assertIn("model is unknown", reason)
            self.assertIn("registered", reason)
        self.refused("block", attrs.evolve(NOBODY, output_form=13))

    def test_output_is_set_steadily(self) -> None:
        made = order("output", level=0, duration_ds=0, toggles=0)
        self.assertEqual(",".join(made.values), "0,,,,,,0,,,,,,")
        self.assertEqual((made.level, made.may_block), (0, False))
        made = order("output", level=1)
        self.assertEqual((made.level, made.may_block), (1, True))

    def test_output_of_unknown_wiring_may_block(self) -> None:
        target = attrs.evolve(GV50, block_level=None)
        for level in (0, 1):
            made = order("output", target, level=level)
            self.assertEqual((made.level, made.may_block), (level, True))

    def test_pulse_may_block(self) -> None:
        pulses: list[tuple[dict[str, Any], str]] = [
            ({"duration_ds": 10}, "0,10,,,,,0,,,,,,"),
            ({"toggles": 2}, "0,,2,,,,0,,,,,,"),
            ({"duration_ds": 255, "toggles": 255}, "0,255,255,,,,0,,,,,,"),
        ]
        for parameters, values in pulses:
            made = order("output", level=0, **parameters)
            self.assertEqual(",".join(made.values), values)
            self.assertEqual((made.level, made.may_block), (None, True))


class ServerTests(CommandTestCase):
    def test_proven_values_stand_where_nobody_says_otherwise(self) -> None:
        self.assertEqual(
            text("server", **SERVER),
            "3,,1,track.example.net,8000,203.0.113.11,8001,,60,0,0,0,,0",
        )
        self.assertEqual(
            text(
                "server",
                **{**SERVER, "heartbeat_min": 0, "sack": True, "buffer_mode": 2},
            ),
            "3,,2,track.example.net,8000,203.0.113.11,8001,,0,1,0,0,,0",
        )

    def test_backup_server_is_required(self) -> None:
        one: dict[str, Any] = {**SERVER}
        del one["backup_host"], one["backup_port"]
        told = self.misused("backup_host", "server", **one)
        self.assertIn("strands", told)
        self.misused("backup_port", "server", **one, backup_host="203.0.113.11")
        self.misused("backup_host", "server", **one, backup_port=8000)
        self.misused("backup_host", "quick_start", apn="web", **one)

    def test_backup_server_can_be_waived(self) -> None:
        one: dict[str, Any] = {
            "host": "track.example.net",
            "port": 8000,
            "without_backup": True,
            "sack": False,
        }
        self.assertEqual(
            text("server", **one), "3,,1,track.example.net,8000,,,,60,0,0,0,,0"
        )
        self.misused("without_backup", "server", **one, backup_port=8000)
        self.misused("without_backup", "server", **SERVER, without_backup=True)
        roles = {p.name: p.role for p in KINDS["server"].parameters}
        self.assertIs(roles["without_backup"], Role.ADMIN)

    def test_quick_start(self) -> None:
        made = order("quick_start", apn="web", user="u", password="p@ss", **SERVER)
        self.assertEqual(
            ",".join(made.values),
            "web,u,p@ss,3,,1,track.example.net,8000,203.0.113.11,8001,,60,0,0,",
        )
        self.assertNotIn("p@ss", made.shown("0001"))

    def test_form_that_is_known_in_part_is_left_to_admins(self) -> None:
        gl320m = Target("GL320M", None, None, server=SERVER)
        self.assertIn("all of GTSRI", self.refused("server", gl320m, **SERVER))
        self.refused("heartbeat", gl320m, interval_min=5)


class PartOfServerTests(CommandTestCase):
    def test_sparse_form_keeps_the_rest(self) -> None:
        self.assertEqual(text("heartbeat", GV300, interval_min=30), ",,,,,,,,30,,,,,")
        self.assertEqual(text("sack", GV300, enabled=False), ",,,,,,,,,0,,,,")

    def test_all_that_the_device_has_acknowledged_is_told_again(self) -> None:
        known = attrs.evolve(GV50, server={**SERVER, "heartbeat_min": 15, "sack": True})
        self.assertEqual(
            text("heartbeat", known, interval_min=5),
            "3,,1,track.example.net,8000,203.0.113.11,8001,,5,1,0,0,,0",
        )
        self.assertEqual(
            text("sack", known, enabled=False),
            "3,,1,track.example.net,8000,203.0.113.11,8001,,15,0,0,0,,0",
        )

    def test_what_quick_start_told_is_enough(self) -> None:
        told = {**SERVER, "apn": "web", "password": MASK}
        made = text("sack", attrs.evolve(GV50, server=told), enabled=True)
        self.assertEqual(
            made, "3,,1,track.example.net,8000,203.0.113.11,8001,,60,1,0,0,,0"
        )

    def test_device_without_a_backup_stays_so(self) -> None:
        one: dict[str, Any] = {
            "host": "track.example.net",
            "port": 8000,
            "without_backup": True,
            "sack": False,
        }
        made = text("heartbeat", attrs.evolve(GV50, server=one), interval_min=5)
        self.assertEqual(made, "3,,1,track.example.net,8000,,,,5,0,0,0,,0")

    def test_nothing_is_cleared_where_the_rest_is_unknown(self) -> None:
        for server in (None, {}, {"host": "x"}, {"host": "a.example", "port": 8000}):
            target = attrs.evolve(GV50, server=server)
            reason = self.refused("heartbeat", target, interval_min=5)
            self.assertIn("send it a server command first", reason)
            self.refused("sack", target, enabled=True)


class SettingTests(CommandTestCase):
    def test_access_point(self) -> None:
        self.assertEqual(text("apn", apn="web.example"), "web.example,,,,,,")
        made = order("apn", apn="web", user="me", password="s3cret")
        self.assertEqual(
            made.wire("gv50", "0003"), b"AT+GTBSI=gv50,web,me,s3cret,,,,,0003$"
        )
        self.assertEqual(made.shown("0003"), f"AT+GTBSI={MASK},web,me,{MASK},,,,,0003$")

    def test_time(self) -> None:
        for offset, values in (
            ("+00:00", "+,0,0,0,,,,,"),
            ("-03:00", "-,3,0,0,,,,,"),
            ("+05:45", "+,5,45,0,,,,,"),
            ("+12:45", "+,12,45,0,,,,,"),
        ):
            self.assertEqual(text("time", offset=offset), values)
        made = text("time", offset="+01:00", daylight_saving=True, utc="20250727120605")
        self.assertEqual(made, "+,1,0,1,20250727120605,,,,")

    def test_time_that_is_none(self) -> None:
        for offset in (
            "3",
            "+3:00",
            "+13:00",
            "+03:10",
            "03:00",
            "+03:00:00",
            "+0\uff13:00",
        ):
            self.misused("offset", "time", offset=offset)
        for utc in ("20250230120000", "2025", "19700101000000", "20250727240000"):
            self.misused("utc", "time", offset="+00:00", utc=utc)

    def test_intervals(self) -> None:
        parameters: dict[str, Any] = {
            "interval_s": 5,
            "ignition_off_interval_s": 86400,
            "corner_deg": 180,
        }
        self.assertEqual(
            text("interval", **parameters),
            "1,0,,1,0000,0000,,5,1000,1000,,180,86400,,,,",
        )
        for name, value in (
            ("interval_s", 4),
            ("ignition_off_interval_s", 86401),
            ("corner_deg", 181),
            ("corner_deg", -1),
        ):
            self.misused(name, "interval", **{**parameters, name: value})

    def test_what_drives_no_output_passes_no_interlock(self) -> None:
        for made in (
            order("server", **SERVER),
            order("apn", apn="web"),
            order("quick_start", apn="web", **SERVER),
            order("time", offset="+00:00"),
            order("position"),
        ):
            self.assertEqual(
                (made.level, made.may_block, made.lasting), (None, False, False)
            )


class RequestTests(CommandTestCase):
    def test_everybody_may_be_asked(self) -> None:
        for kind, sub in READS.items():
            for target in (GV50, NOBODY, Target("unheard of", None, None)):
                self.assertEqual(text(kind, target), f"{sub},,,,,")

    def test_section_of_the_configuration(self) -> None:
        self.assertEqual(text("read_configuration", section="SRI"), "2,SRI,,,,")
        for section in ("", "sri", "SR", "SRIX", "S$I"):
            self.misused("section", "read_configuration", section=section)

    def test_restart_lets_the_output_fall(self) -> None:
        for kind in ("reboot", "power_off"):
            for level, may_block in ((1, False), (0, True), (None, True)):
                made = order(kind, attrs.evolve(GV50, block_level=level))
                self.assertEqual(
                    (made.level, made.may_block, made.lasting), (None, may_block, False)
                )

    def test_reports_are_thrown_away_as_the_model_is_known_to(self) -> None:
        for model, values in (
            ("GV50", "D,,3,,,"),
            ("GV55", "D,,,,,"),
            ("GV55 Lite", "D,,,,,"),
            ("GMT100", "D,,,,,"),
            ("GV200", "4,BUF,,,,"),
            ("GV300", "4,BUF,,,,"),
        ):
            self.assertEqual(text("clear_buffer", Target(model, None, 1)), values)
        for target in (Target("GV75W", None, 1), Target("GL300", None, 1), NOBODY):
            self.refused("clear_buffer", target)

    def test_what_changes_something_takes_a_known_model(self) -> None:
        for kind in ("reboot", "power_off"):
            self.refused(kind, NOBODY)
            self.refused(kind, Target("unheard of", None, 1))
            self.assertEqual(text(kind, Target("GL300", None, 1))[1:], ",,,,,")


class CustomTests(CommandTestCase):
    def test_number_of_values_must_be_right(self) -> None:
        for count in (*range(1, 13), 14, 15, 17, 21):
            values = ",".join(["0", *[""] * (count - 1)])
            told = self.misused("values", "custom", command="GTOUT", values=values)
            self.assertIn(f"'{count} values'", told)
            self.assertIn("13 or 16", told)

    def test_form_by_the_settings_is_the_only_one(self) -> None:
        target = attrs.evolve(GV50, output_form=16)
        self.misused("values", "custom", target, command="GTOUT", values="0" + "," * 12)
        custom("GTOUT", "0" + "," * 15, target)

    def test_command_must_be_known(self) -> None:
        for command in ("GTHBD", "GTSSL", "gtout", "", "GTOUT=", "GTCMD"):
            self.misused("command", "custom", command=command, values="0")
        reason = self.refused(
            "custom", Target("GL300", None, 1), command="GTGEO", values="0"
        )
        self.assertIn("GTGEO", reason)

    def test_output_by_hand_passes_the_interlock(self) -> None:
        for values, level, level_is_blocking in (
            ("0,,,,,,0,,,,,,", 0, False),
            ("0,0,0,,,,1,,,,,,", 0, False),
            ("1,,,,,,0,,,,,,", 1, True),
            ("0,5,,,,,0,,,,,,", None, True),
            ("0,,1,,,,0,,,,,,", None, True),
            ("0,0,0,1,10,1,,,,0,,,,,,", 0, False),
            ("0,0,0,0,0,0,,,,0,1,,,,,", None, True),  # nobody knows what that is
        ):
            made = custom("GTOUT", values)
            self.assertEqual((made.level, made.may_block), (level, level_is_blocking))
            unknown = attrs.evolve(GV50, block_level=None)
            self.assertTrue(custom("GTOUT", values, unknown).may_block)

    def test_output_without_a_level_is_refused(self) -> None:
        for first in ("", "2", "00", "01", " 0", "-0"):
            self.misused("values", "custom", command="GTOUT", values=first + "," * 12)

    def test_alarms_can_drive_the_output_later(self) -> None:
        for command, size in (
            ("GTTOW", 19),
            ("GTSPD", 20),
            ("GTGEO", 14),
            ("GTIDL", 15),
            ("GTHBM", 23),
            ("GTDIS", 20),
            ("GTEPS", 13),
            ("GTJDC", 12),
            ("GTCRA", 12),
            ("GTUDF", 12),
        ):
            made = custom(command, "0" + "," * (size - 1))
            self.assertEqual((made.may_block, made.lasting), (True, True), command)

    def test_what_restarts_by_itself_lets_the_output_fall_later(self) -> None:
        for command, size in (("GTDOG", 11), ("GTPDS", 8)):
            for level, falls in ((1, False), (0, True), (None, True)):
                target = attrs.evolve(GV50, block_level=level)
                made = custom(command, "1" + "," * (size - 1), target)
                self.assertEqual((made.may_block, made.lasting), (falls, falls))

    def test_factory_settings_are_out_of_reach(self) -> None:
        for model in MODELS.values():
            for values in ("4,,,,,", "4,buf,,,,", "4,SRI,,,,", "04,,,,,", "4 ,BUF,,,,"):
                with self.assertRaises(MisuseError):
                    custom("GTRTO", values, Target(model, None, 1))
        told = self.misused("values", "custom", command="GTRTO", values="4,,,,,")
        self.assertIn("wipes all settings", told)
        self.refused("custom", command="GTRTO", values="4,BUF,,,,")
        self.assertEqual(custom("GTRTO", "4,BUF,,,,", GV300).values[1], "BUF")

    def test_requests_by_hand_keep_their_form(self) -> None:
        for values in (
            "1,SRI,,,,",
            "2,BUF,,,,",
            "E,,,,,",
            ",,,,,",
            "d,,,,,",
            "1,,,,,1",
        ):
            self.misused("values", "custom", command="GTRTO", values=values)
        self.refused("custom", GV300, command="GTRTO", values="D,,3,,,")
        self.assertTrue(
            custom("GTRTO", "3,,,,,", attrs.evolve(GV50, block_level=0)).may_block
        )

    def test_reports_are_never_turned_to_hex(self) -> None:
        before, after = "3,,1,a.example,8000,b.example,8000,,5,1,", ",0,,0"
        custom("GTSRI", before + "0" + after)
        custom("GTSRI", before + after)
        for protocol in ("1", "2", "00"):
            self.misused(
                "values", "custom", command="GTSRI", values=before + protocol + after
            )

    def test_report_modes_that_leave_the_gateway(self) -> None:
        for mode in ("0", "4", "5", "7", ""):
            values = mode + ",,1,a.example,8000,b.example,8000,,5,1,0,0,,0"
            self.misused("values", "custom", command="GTSRI", values=values)

    def test_values_are_kept_by_who_is_known_to_keep_them(self) -> None:
        sparse = ",,,a.example,8000,b.example,8000,,,,,,,"
        custom("GTSRI", sparse, GV300)
        self.misused("values", "custom", command="GTSRI", values=sparse)
        custom("GTFRI", ",,,,,,,,,,,45,,,,,", GV300)
        self.misused("values", "custom", command="GTFRI", values=",,,,,,,,,,,45,,,,,")

    def test_server_is_an_address_and_a_port(self) -> None:
        for values, place in (
            (",,,a.example,,b.example,8000,,,,,,,", "value 5"),
            (",,,,8000,,,,,,,,,", "value 5"),
            (",,,a.example,8000,b.example,,,,,,,,", "value 7"),
            (",,,a.example,8000,b.example,0,,,,,,,", "value 7"),
            (",,,,,,8000,,,,,,,", "value 7"),
            (",,,a.example,8000,,,,,,,,,", "value 6"),
            (",,,127.0.0.1,8000,b.example,8000,,,,,,,", "value 4"),
            (",,,a.example,0,b.example,8000,,,,,,,", "value 5"),
        ):
            told = self.misused(
                "values", "custom", GV300, command="GTSRI", values=values
            )
            self.assertIn(place, told)
        custom("GTSRI", ",,,a.example,8000,,0,,,,,,,", GV300, without_backup=True)

    def test_password_stays(self) -> None:
        rest = ",gv50" + "," * 19
        made = custom("GTCFG", "*" + rest)
        self.assertEqual(made.values[0], PASSWORD)
        self.assertEqual(
            made.wire("s3cret", "0001").decode(),
            "AT+GTCFG=s3cret,s3cret,gv50" + "," * 20 + "0001$",
        )
        self.assertNotIn("s3cret", made.shown("0001"))
        for first in ("s3cret", "", "**", PASSWORD, MASK):
            told = self.misused(
                "values", "custom", command="GTCFG", values=first + rest
            )
            self.assertNotIn("s3cret", told)

    def test_secrets_are_in_no_error_and_no_record(self) -> None:
        for command, values in (
            ("GTBSI", "web,user,s3cret$,,,,"),
            ("GTBSI", "web,user,s3cret"),
            ("GTBSI", "web,s3cret\x00,user,,,,"),
            ("GTBSI", "web,user,,s3cret,,,"),
            ("GTBSI", "s3cret s3cret,user,,,,,"),
            ("GTPIN", "1,s3cret,,,,,"),
            ("GTQSS", "web,user,s3cret,9,,,,,,,,,,,"),
        ):
            self.assertNotIn(
                "s3cret",
                self.misused("values", "custom", command=command, values=values),
            )
        made = custom("GTBSI", "web,user,s3cret,,,,")
        self.assertNotIn("s3cret", made.shown("0001"))
        self.assertNotIn("s3cret", repr(made))
        self.assertEqual(
            custom("GTPIN", "1,1234,,,,,").shown("0001"),
            f"AT+GTPIN={MASK},1,{MASK},,,,,,0001$",
        )

    def test_mask_is_no_value(self) -> None:
        """Somebody sends what a record has shown: the device would take it literally."""
        self.misused("values", "custom", command="GTBSI", values=f"web,user,{MASK},,,,")
        self.misused("password", "apn", apn="web", password=MASK)


class ParameterTests(CommandTestCase):
    def test_unknown_kind(self) -> None:
        told = self.misused("kind", "blok")
        self.assertIn("unblock", told)

    def test_unknown_parameter(self) -> None:
        self.assertIn("interval_s, ", self.misused("parameters", "interval", speed=1))
        self.assertIn("has none", self.misused("parameters", "block", level=1))

    @given(st.text(alphabet="$,\r\n\0\x1b\x7fä😀", min_size=1), st.integers(0, 4))
    def test_what_could_end_a_command_is_in_no_parameter(
        self, bad: str, at: int
    ) -> None:
        cases: list[tuple[str, str, dict[str, Any]]] = [
            ("server", "host", SERVER),
            ("server", "backup_host", SERVER),
            ("apn", "apn", {}),
            ("apn", "user", {"apn": "web"}),
            ("apn", "password", {"apn": "web"}),
            ("read_configuration", "section", {}),
            ("time", "offset", {}),
            ("time", "utc", {"offset": "+00:00"}),
            ("custom", "command", {"values": "0"}),
        ]
        for kind, name, others in cases:
            value = "web.x"[:at] + bad + "web.x"[at:]
            told = self.misused(name, kind, **{**others, name: value})
            self.assertIn("printable ASCII without $ and comma", told)

    def test_custom_values_obey_the_same_rule(self) -> None:
        for bad in "$\r\n\0\x7fä":
            told = self.misused(
                "values", "custom", command="GTHMC", values="0,0" + bad + "," * 8
            )
            self.assertIn("printable ASCII", told)


class FactoryPasswordTests(SynchronousTestCase):
    def test_name_of_the_model(self) -> None:
        for model, password in (
            ("GV50", "gv50"),
            ("GV50M", "gv50m"),
            ("GV300CAN", "gv300can"),
            ("GV500MAP", "gv500"),
            ("GV55 Lite", "gv55"),
            ("GV65+", "gv65"),
        ):
            self.assertEqual(factory_password(model), password)
        for nothing in (None, ""):
            self.assertIsNone(factory_password(nothing))
