"""Tests for `gatewaykit.simulators.orders` and its table."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.order_table import FORMS, OUTPUT_FORMS
from gatewaykit.simulators.orders import (
    INVALID,
    UNSUPPORTED,
    Order,
    Refusal,
    read,
)

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "gv50" / "gv50_commands.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]
COMMANDS = [row for row in ROWS if row["command"].startswith("AT+")]
NEGATIVE = [row for row in COMMANDS if row.get("negative")]
GV50 = [row for row in COMMANDS if row["model"] == "GV50" and row not in NEGATIVE]

BLOCK = "AT+GTOUT=gv50,1,,,,,,0,,,,,,,0A3f"
SRI = "AT+GTSRI=gv50,3,,1,203.0.113.10,8000,203.0.113.11,8000,,60,0,0,0,,0,FFFF"
FRI = "AT+GTFRI=gv50,1,0,,1,0000,0000,,30,1000,1000,,30,600,,,,,0005"
TMA = "AT+GTTMA=gv50,-,3,0,0,,,,,,000B"
CFG = "AT+GTCFG=gv50,gv50,gv50,,,,,,0,,,,,,,,,,,,,,FFFF"


def text(row: dict[str, Any]) -> str:
    command: str = row["command"]
    return command.removesuffix("$")


def values_of(row: dict[str, Any]) -> int:
    number: int = row["params_between_password_and_serial"]
    return number


def cause(command: str, password: str = "gv50", output_values: int = 13) -> int:
    found = read(command, password, output_values)
    assert isinstance(found, Refusal), command
    return found.cause


class DataTests(SynchronousTestCase):
    """`gv50_commands.jsonl`."""

    def test_there_are_enough_rows(self) -> None:
        self.assertGreater(len(GV50), 20)
        self.assertGreater(len(NEGATIVE), 8)

    def test_what_a_gv50_takes(self) -> None:
        for row in GV50:
            long = values_of(row) == 16 and "GTOUT" in row["command"]
            found = read(text(row), "gv50", 16 if long else 13)
            if row["ack"] is None:  # GTRTO E: nobody knows what it does
                self.assertIsInstance(found, Refusal)
                continue
            assert isinstance(found, Order), row["command"]
            self.assertEqual(len(found.values), values_of(row))
            fields = row["ack"].removesuffix("$").split(",")
            self.assertEqual(fields[0], f"+ACK:{found.type}")
            self.assertEqual(fields[-3], found.serial)
            self.assertEqual(fields[4:-3], [] if found.sub is None else [found.sub])

    def test_what_must_never_be_sent_is_refused(self) -> None:
        for row in NEGATIVE:
            for number in (13, 16):
                found = read(text(row), "gv50", number)
                self.assertIsInstance(found, Refusal, row["command"])

    def test_of_siblings_number_of_values_agrees(self) -> None:
        """Where the table has a command that only siblings show."""
        for row in COMMANDS:
            type = row["command"][3:8]
            if row in NEGATIVE or row.get("doubtful") or type == "GTOUT":
                continue
            numbers = {len(form.checks) for form in FORMS[type]}
            self.assertIn(values_of(row), numbers, row["command"])

    def test_a_sibling_s_ack_has_the_fence(self) -> None:
        row = next(row for row in COMMANDS if "GTGEO=gv55" in row["command"])
        found = read(text(row), "gv55")
        assert isinstance(found, Order)
        self.assertEqual(found.sub, "0")


class StrictTests(SynchronousTestCase):
    def test_an_order_has_what_was_written(self) -> None:
        found = read(BLOCK, "gv50")
        values = ("1", "", "", "", "", "", "0", *[""] * 6)
        self.assertEqual(found, Order("GTOUT", values, "0A3f"))

    def test_a_wrong_password_is_refused(self) -> None:
        for password in ("", "GV50", "gv50m", "gv5"):
            self.assertEqual(cause(BLOCK, password), INVALID)

    def test_a_wrong_number_of_values_is_refused(self) -> None:
        for command in (BLOCK, SRI, FRI, TMA):
            head, _, serial = command.rpartition(",")
            self.assertIsInstance(read(command, "gv50"), Order)
            self.assertEqual(cause(f"{head},,{serial}"), INVALID)
            self.assertEqual(cause(f"{head.rpartition(',')[0]},{serial}"), INVALID)

    def test_the_form_of_gtout_is_the_firmware_s(self) -> None:
        long = "AT+GTOUT=gv50,1,0,0,0,0,0,,,,3,,,,,,,FFFF"
        self.assertIsInstance(read(long, "gv50", 16), Order)
        self.assertEqual(cause(long), INVALID)
        self.assertEqual(cause(BLOCK, output_values=16), INVALID)

    def test_gtcfg_has_20_or_21_values(self) -> None:
        self.assertIsInstance(read(CFG, "gv50"), Order)
        self.assertIsInstance(read(CFG.replace(",,FFFF", ",FFFF"), "gv50"), Order)
        self.assertEqual(cause(CFG.replace(",,,FFFF", ",FFFF")), INVALID)
        self.assertEqual(cause(CFG.replace(",FFFF", ",,FFFF")), INVALID)

    def test_a_serial_that_is_not_four_hex_digits_makes_it_no_command(self) -> None:
        head = BLOCK.rpartition(",")[0]
        for serial in ("", "123", "12345", "000G", "00 1", "\u0661234"):
            refused = read(f"{head},{serial}", "gv50")
            self.assertEqual(refused, Refusal(None, None, INVALID))

    def test_an_unknown_command_is_unsupported(self) -> None:
        for command in ("AT+GTXYZ=gv50,,FFFF", "AT+GTHBM=gv50,FFFF"):
            expected = UNSUPPORTED if "XYZ" in command else INVALID
            self.assertEqual(cause(command), expected)

    def test_no_values_at_all(self) -> None:
        self.assertEqual(cause("AT+GTOUT=gv50,FFFF"), INVALID)

    def test_it_begins_as_a_command(self) -> None:
        for command in ("", "AT+", "at+gtout" + BLOCK[8:], " " + BLOCK, BLOCK + "\r"):
            self.assertEqual(cause(command), INVALID)

    def test_bytes_beyond_ascii_are_refused(self) -> None:
        self.assertEqual(cause(CFG.replace("gv50,,,", "g\xfc50,,,", 1)), INVALID)


class RangeTests(SynchronousTestCase):
    def check(self, command: str, old: str, good: list[str], bad: list[str]) -> None:
        self.assertEqual(command.count(old), 1, command)
        for new in good:
            changed = command.replace(old, new)
            self.assertIsInstance(read(changed, "gv50"), Order, changed)
        for new in bad:
            changed = command.replace(old, new)
            self.assertIsInstance(read(changed, "gv50"), Refusal, changed)

    def test_output(self) -> None:
        self.check(BLOCK, "gv50,1,", ["gv50,0,"], ["gv50,2,", "gv50,,", "gv50,01,"])
        self.check(
            BLOCK,
            ",1,,,",
            [",1,255,255,", ",1,0,0,"],
            [",1,256,,", ",1,,256,", ",1,-1,,", ",1,x,,", ",1,\u0661,,"],
        )
        self.check(BLOCK, "0,,,,,,,0", ["1,,,,,,,0"], ["2,,,,,,,0", "0,,7,,,,,0"])

    def test_server(self) -> None:
        self.check(
            SRI, ",203.0.113.10,", [",x.example,", ",,"], [",a b,", f",{'x' * 61},"]
        )
        self.check(
            SRI, "10,8000", ["10,65535", "10,0", "10,"], ["10,65536", "10,1e3", "10,+1"]
        )
        self.check(
            SRI, ",60,", [",0,", ",5,", ",360,", ",,"], [",1,", ",4,", ",361,", ",x,"]
        )
        self.check(SRI, ",0,0,0,,", [",1,0,1,,"], [",2,0,0,,", ",0,1,0,,"])
        self.check(SRI, "=gv50,3,", ["=gv50,0,", "=gv50,,"], ["=gv50,7,"])

    def test_interval(self) -> None:
        self.check(FRI, ",30,1000", [",5,1000", ",86400,1000"], [",4,1000", ",99999,1"])
        self.check(FRI, ",0000,0000,", [",2359,0000,", ",,,"], [",2400,0,", ",60,60,"])

    def test_time(self) -> None:
        self.check(TMA, "-,3,0,0", ["+,12,59,1"], ["+,13,0,0", "+,1,60,0", "x,1,0,0"])

    def test_password_and_name(self) -> None:
        self.check(CFG, "=gv50,gv50,gv50", ["=gv50,,", "=gv50,abc123,My car"], [])
        self.check(CFG, "=gv50,gv50,gv50", [], ["=gv50,abc,", "=gv50,abcdefg,"])

    def test_apn(self) -> None:
        self.check(
            "AT+GTBSI=gv50,apn.example,user,secret,,,,,0003",
            "apn.example",
            ["", "x" * 40],
            ["x" * 41, "a b"],
        )
        self.check(
            "AT+GTBSI=gv50,apn.example,user,secret,,,,,0003",
            "user",
            ["", "a b", "x" * 30],
            ["x" * 31, "a\tb"],
        )

    def test_requests(self) -> None:
        for request in "012356789ABD":
            found = read(f"AT+GTRTO=gv50,{request},,,,,,0001", "gv50")
            self.assertIsInstance(found, Order)
        for values in ("", "C", "E,07,3,,,", "F", "4", "4,SRI", "1,BUF", "2,XYZ", "a"):
            padded = values + "," * (5 - values.count(","))
            self.assertEqual(cause(f"AT+GTRTO=gv50,{padded},0001"), INVALID, values)

    def test_only_stored_reports_can_be_reset(self) -> None:
        self.assertIsInstance(read("AT+GTRTO=gv50,4,BUF,,,,,0001", "gv50"), Order)


class ReportsOutputTests(SynchronousTestCase):
    def test_short_and_long_form(self) -> None:
        for command, number, expected in (
            ("1,,,,,,0,,,,,,", 13, False),
            ("1,,,,,,1,,,,,,", 13, True),
            ("1,,,,,,1,,,,,,,,,", 16, False),
            ("1,,,,,,,,,,1,,,,,", 16, True),
        ):
            found = read(f"AT+GTOUT=gv50,{command},0001", "gv50", number)
            assert isinstance(found, Order), command
            self.assertEqual(found.reports_output, expected)


class GarbageTests(SynchronousTestCase):
    @given(
        st.one_of(
            st.text(max_size=80),
            st.text(string.printable, max_size=80).map("AT+GTOUT=gv50,{}".format),
            st.builds(
                "AT+{}={},{},{}".format,
                st.sampled_from([*FORMS, "GTOUT"]),
                st.sampled_from(["gv50", "", "x"]),
                st.text("0123456789ABCDEFabc.,+- $\xff", max_size=40),
                st.text("0123456789abcdefABCDEFg", max_size=5),
            ),
        )
    )
    @example("AT+GTRTO=gv50,,,,,,,0001")
    @example("AT+GTOUT=gv50," + "\u0661" * 3 + ",0001")
    def test_never_raises(self, garbage: str) -> None:
        for number in OUTPUT_FORMS:
            found = read(garbage, "gv50", number)
            if isinstance(found, Order):
                written = ",".join(["gv50", *found.values, found.serial])
                self.assertEqual(garbage, f"AT+{found.type}={written}")
