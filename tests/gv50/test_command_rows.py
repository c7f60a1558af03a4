"""All captured commands: what was proven is rebuilt byte for byte, what is wrong cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import CommandRefused, MisuseError, ProtocolViolation
from gatewaykit.gv50.commands import (
    KINDS,
    Order,
    Target,
    Written,
    build,
    factory_password,
    parse,
)

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "gv50_commands.jsonl")
    .read_text("utf-8")
    .splitlines()
]
IMEI = "865083030000012"


def is_wrong(row: dict[str, Any]) -> bool:
    return bool(row.get("negative"))


def is_proven(row: dict[str, Any]) -> bool:
    """No server reply (it is no command), and nothing of which the collection itself says
    that nobody can vouch for it."""
    left_out = ("negative", "doubtful", "direction")
    return not any(row.get(flag) for flag in left_out)


def by_hand(written: Written) -> dict[str, Any]:
    """The parameters of a custom command that writes the same."""
    values = list(written.values)
    if written.type == "GTCFG":
        values[0] = "*"
    parameters: dict[str, Any] = {"command": written.type, "values": ",".join(values)}
    if written.type in {"GTSRI", "GTQSS"}:
        # Some rows name one server only.
        parameters["without_backup"] = True
    return parameters


def rebuilt(row: dict[str, Any], level: int | None = 1) -> tuple[Order, Written]:
    written = parse(row["command"].encode("latin-1"))
    target = Target(row["model"], None, level)
    return build(IMEI, "custom", by_hand(written), target), written


class ProvenTests(SynchronousTestCase):
    def test_rows_are_rebuilt_byte_for_byte(self) -> None:
        proven = [row for row in ROWS if is_proven(row)]
        for row in proven:
            order, written = rebuilt(row)
            wire = order.wire(written.password, written.serial)
            self.assertEqual(wire.decode("ascii"), row["command"])
            size = row["params_between_password_and_serial"]
            self.assertEqual(len(order.values), size, row)
        self.assertEqual(len(proven), 61)

    def test_passwords_are_those_of_the_factory(self) -> None:
        for row in ROWS:
            if is_proven(row):
                _, written = rebuilt(row)
                self.assertEqual(factory_password(row["model"]), written.password, row)

    def test_one_server_alone_takes_a_word_for_it(self) -> None:
        refused = []
        for row in ROWS:
            written = parse(row["command"].encode()) if is_proven(row) else None
            if written is not None and written.type in {"GTSRI", "GTQSS"}:
                parameters = {**by_hand(written), "without_backup": False}
                target = Target(row["model"], None, 1)
                try:
                    build(IMEI, "custom", parameters, target)
                except MisuseError:
                    refused.append(row["model"])
        self.assertEqual(refused, ["GV200", "GV300", "GL320M"])

    def test_kinds_write_what_the_rows_write(self) -> None:
        commands = {row["command"] for row in ROWS if is_proven(row)}
        server = {
            "host": "203.0.113.10",
            "port": 8000,
            "backup_host": "203.0.113.11",
            "backup_port": 8000,
            "sack": False,
        }
        apn = {"apn": "apn.example", "user": "user", "password": "secret"}
        gv50, gv50_16 = Target("GV50", None, 1), Target("GV50", None, 1, 16)
        gv55, gv300 = Target("GV55", None, 1), Target("GV300", None, 1)
        rows: list[tuple[str, dict[str, Any], Target, str]] = [
            ("block", {}, gv50, "0001"),
            ("unblock", {}, gv50, "0000"),
            ("unblock", {}, Target("GV50", None, 0), "0001"),
            ("block", {}, Target("GV50", None, 0), "0000"),
            ("block", {}, gv50_16, "FFFF"),
            ("unblock", {}, gv50_16, "FFFF"),
            ("block", {}, Target("GV50M", None, 1), "FFFF"),
            ("block", {}, gv55, "FFFF"),
            ("block", {}, gv300, "FFFF"),
            ("block", {}, Target("GV200", None, 1), "0018"),
            ("output", {"level": 1}, gv50, "0001"),
            ("server", server, gv50, "FFFF"),
            ("server", {**server, "heartbeat_min": 5, "sack": True}, gv50, "0A01"),
            ("apn", apn, gv50, "0003"),
            ("apn", apn, gv55, "FFFF"),
            ("apn", {"apn": "apn.example"}, gv300, "FFFF"),
            (
                "interval",
                {"interval_s": 30, "ignition_off_interval_s": 600, "corner_deg": 30},
                gv50,
                "0005",
            ),
            (
                "interval",
                {"interval_s": 60, "ignition_off_interval_s": 28800, "corner_deg": 30},
                gv55,
                "FFFF",
            ),
            (
                "interval",
                {"interval_s": 180, "ignition_off_interval_s": 600, "corner_deg": 0},
                gv300,
                "FFFF",
            ),
            (
                "interval",
                {"interval_s": 30, "ignition_off_interval_s": 600, "corner_deg": 0},
                Target("GV500CG", None, None),
                "FFFF",
            ),
            ("position", {}, gv50, "0006"),
            ("read_configuration", {"section": "SRI"}, gv50, "0007"),
            ("reboot", {}, gv50, "FFFF"),
            ("reboot", {}, Target("GV200", None, 1), "0060"),
            ("clear_buffer", {}, Target("GV200", None, 1), "005f"),
            ("clear_buffer", {}, gv300, "FFFF"),
            ("clear_buffer", {}, gv50, "FFFF"),
            ("power_off", {}, Target("GV300CAN", None, 1), "FFFF"),
            ("iccid", {}, gv50, "0008"),
            ("signal", {}, gv50, "0009"),
            ("versions", {}, Target("GL300", None, None), "FFFF"),
            ("versions", {}, gv50, "000A"),
            ("inputs_outputs", {}, gv55, "FFFF"),
            ("time", {"offset": "+00:00"}, gv50, "FFFF"),
            ("time", {"offset": "-03:00"}, gv50, "000B"),
        ]
        for kind, parameters, target, serial in rows:
            order = build(IMEI, kind, parameters, target)
            password = factory_password(target.model) or ""
            self.assertIn(order.wire(password, serial).decode("ascii"), commands, kind)


class WrongTests(SynchronousTestCase):
    def test_wrong_rows_are_refused_by_hand(self) -> None:
        wrong = [row for row in ROWS if is_wrong(row)]
        for row in wrong:
            for level in (0, 1, None):
                with self.assertRaises(
                    (ProtocolViolation, MisuseError, CommandRefused)
                ):
                    order, written = rebuilt(row, level)
                    order.wire(written.password, written.serial)
        self.assertEqual(len(wrong), 12)

    def test_wrong_forms_are_refused_of_every_model(self) -> None:
        """Whatever is between the password and the last comma, serial or not."""
        models = {row["model"] for row in ROWS} - {"any"}
        for row in ROWS:
            type_, _, rest = row["command"].removeprefix("AT+").partition("=")
            if not is_wrong(row) or not row["command"].startswith("AT+"):
                continue
            password, *values = rest.rstrip("$").split(",")
            if password == "":
                continue  # wrong by its password: below
            for size in (len(values), len(values) - 1):
                text = ",".join(values[: max(size, 0)])
                for model in models:
                    for form in (None, 13, 16, 21):
                        target = Target(model, None, 1, form)
                        parameters = {
                            "command": type_,
                            "values": text,
                            "without_backup": True,
                        }
                        with self.assertRaises((MisuseError, CommandRefused)):
                            build(IMEI, "custom", parameters, target)

    def test_empty_password_is_never_written(self) -> None:
        for model in ("GV50", "GV300"):
            order = build(IMEI, "block", {}, Target(model, None, 1))
            with self.assertRaises(MisuseError):
                order.wire("", "FFFF")

    def test_no_kind_writes_a_command_that_nobody_has(self) -> None:
        invented = {"GTHBD", "GTSSL", "GTRST", "GTAPN", "GTSER"}
        self.assertFalse(invented & {kind.type for kind in KINDS.values()})
        for name in invented:
            with self.assertRaises(MisuseError):
                build(
                    IMEI,
                    "custom",
                    {"command": name, "values": "0"},
                    Target("GV50", None, 1),
                )

    def test_doubtful_rows_are_refused_too(self) -> None:
        for row in ROWS:
            if row.get("doubtful"):
                with self.assertRaises((MisuseError, CommandRefused)):
                    rebuilt(row)
