from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.acks import Ack, read_ack
from gatewaykit.gv50.heads import read_head
from tests.strategies import SAMPLES

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parent / "gv50_commands.jsonl")
    .read_text("utf-8")
    .splitlines()
]
HEAD = "090302,865083030000012,"
TAIL = "20250727120605,04F9$"


def ack(text: str) -> Ack | None:
    return read_ack(read_head(text.encode("latin-1")))


class AckTests(SynchronousTestCase):
    def test_most_commands(self) -> None:
        self.assertEqual(
            ack(f"+ACK:GTOUT,{HEAD},0001,{TAIL}"),
            Ack("GTOUT", None, "0001", False, None, "04F9"),
        )

    def test_request_names_itself(self) -> None:
        self.assertEqual(
            ack(f"+ACK:GTRTO,{HEAD}GL300,VER,FFFF,{TAIL}"),
            Ack("GTRTO", "VER", "FFFF", False, None, "04F9"),
        )

    def test_request_that_does_not_name_itself(self) -> None:
        self.assertEqual(
            ack(f"+ACK:GTRTO,{HEAD},0018,{TAIL}"),
            Ack("GTRTO", None, "0018", False, None, "04F9"),
        )

    def test_geofence_stands_before_the_serial(self) -> None:
        self.assertEqual(
            ack(f"+ACK:GTGEO,{HEAD},0,0008,{TAIL}"),
            Ack("GTGEO", "0", "0008", False, None, "04F9"),
        )

    def test_sub_that_looks_like_a_serial_is_none(self) -> None:
        found = ack(f"+ACK:GTRTO,{HEAD},00AA,00BB,{TAIL}")
        self.assertEqual(found and (found.sub, found.serial), ("00AA", "00BB"))

    def test_name_that_looks_like_a_serial_is_none(self) -> None:
        self.assertEqual(
            ack(f"+ACK:GTOUT,{HEAD}0001,0002,{TAIL}"),
            Ack("GTOUT", None, "0002", False, None, "04F9"),
        )
        self.assertIsNone(ack(f"+ACK:GTOUT,{HEAD}0001,{TAIL}"))

    def test_serial_is_upper_case_whatever_the_device_writes(self) -> None:
        found = ack(f"+ACK:GTRTO,{HEAD},RESET,005f,{TAIL}")
        self.assertEqual(found and found.serial, "005F")

    def test_refusal_has_a_cause(self) -> None:
        self.assertEqual(
            ack(f"+NACK:GTOUT,{HEAD},2,0A3F,{TAIL}"),
            Ack("GTOUT", None, "0A3F", True, "2", "04F9"),
        )

    def test_refusal_of_a_request(self) -> None:
        self.assertEqual(
            ack(f"+NACK:GTRTO,{HEAD},RTL,1,0A3F,{TAIL}"),
            Ack("GTRTO", "RTL", "0A3F", True, "1", "04F9"),
        )

    def test_refusal_without_a_cause(self) -> None:
        for between in ("", ","):
            self.assertEqual(
                ack(f"+NACK:GTOUT,{HEAD}{between},0A3F,{TAIL}"),
                Ack("GTOUT", None, "0A3F", True, None, "04F9"),
            )

    def test_without_a_send_time(self) -> None:
        found = ack(f"+ACK:GTOUT,{HEAD},0001,,04F9$")
        self.assertEqual(found and found.serial, "0001")

    def test_what_has_no_serial_is_none(self) -> None:
        for text in (
            f"+ACK:GTOUT,{HEAD},,{TAIL}",
            f"+ACK:GTOUT,{HEAD},001,{TAIL}",
            f"+ACK:GTOUT,{HEAD},00001,{TAIL}",
            f"+ACK:GTOUT,{HEAD},00G1,{TAIL}",
            f"+ACK:GTOUT,{HEAD},$,{TAIL}",
            f"+ACK:GTOUT,{HEAD},{TAIL}",
            f"+ACK:GTOUT,{HEAD},0001,0002,04F9$",  # no send time there
            f"+ACK:GTOUT,{HEAD},0001,20250727120605,04F90$",
            f"+ACK:GTOUT,{HEAD},0001,20250727120605$",
            f"+ACK:GTOUT,{HEAD}$",
            "+ACK:GTOUT,$",
        ):
            self.assertIsNone(ack(text), text)

    def test_heartbeat_answers_no_command(self) -> None:
        self.assertIsNone(ack(f"+ACK:GTHBD,{HEAD},{TAIL}"))
        self.assertIsNone(ack(f"+ACK:GTHBD,{HEAD},0001,{TAIL}"))

    def test_report_answers_no_command(self) -> None:
        for prefix in ("+RESP", "+BUFF"):
            self.assertIsNone(ack(f"{prefix}:GTOUT,{HEAD},0001,{TAIL}"))

    def test_devices_of_before_answer_in_no_known_form(self) -> None:
        imei = "865083030000012"
        self.assertIsNone(
            ack(f"+ACK:GTOUT,{imei},0001,20250727120605,04F9,0102030405$")
        )


class CapturedTests(SynchronousTestCase):
    def test_answers_that_devices_gave(self) -> None:
        found = {
            sample["raw"]: ack(sample["raw"])
            for sample in SAMPLES
            if sample["raw"].startswith("+ACK")
        }
        for raw, read in found.items():
            fields = raw.rstrip("$").split(",")
            if fields[0] == "+ACK:GTHBD":
                self.assertIsNone(read, raw)
                continue
            assert read is not None, raw
            self.assertEqual(read.serial, fields[-3].upper())
            self.assertEqual(read.count, fields[-1])
            self.assertEqual(read.type, fields[0].removeprefix("+ACK:"))
            self.assertEqual(read.sub, fields[4] if len(fields) == 8 else None)
        self.assertEqual(sum(read is not None for read in found.values()), 10)

    def test_answers_carry_the_serials_of_their_commands(self) -> None:
        rows = [row for row in ROWS if row["ack"] and row["command"].startswith("AT+")]
        for row in rows:
            serial = row["command"].rstrip("$").rpartition(",")[2]
            found = ack(row["ack"])
            assert found is not None, row
            if not row.get("command_reconstructed") or "GTJDC" not in row["command"]:
                self.assertEqual(found.serial, serial.upper(), row)
        self.assertGreater(len(rows), 50)


class AnyAckTests(SynchronousTestCase):
    @given(
        st.sampled_from(["+ACK", "+NACK", "+RESP"]),
        st.lists(
            st.one_of(
                st.sampled_from(
                    ["", "0001", "RTL", "00af", "20250727120605", "$", "1"]
                ),
                st.text(max_size=6),
            ),
            max_size=12,
        ),
    )
    def test_serial_is_the_third_from_the_end_or_there_is_none(
        self, prefix: str, fields: list[str]
    ) -> None:
        text = ",".join((f"{prefix}:GTOUT", *fields)) + "$"
        try:
            found = ack(text.encode("ascii", "replace").decode("ascii"))
        except ProtocolViolation:
            return
        if found is not None:
            parts = text.removesuffix("$").split(",")
            self.assertGreaterEqual(len(parts), 7)
            self.assertEqual(found.serial, parts[-3].upper())
