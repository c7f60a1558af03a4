from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.reports import (
    decode,
    identity,
    journal_entry,
    read_head,
    render,
    report_record,
)
from gatewaykit.interfaces import JournalEntry, Record
from tests.gv50.frames import (
    BLOCK,
    FIXED,
    HEAD,
    LIMIT,
    RECEIVED,
    TAIL,
    digits,
    fixed,
    keys,
    read,
)
from tests.strategies import SAMPLES, odd_frames, sample_frames


def expected_form(position: Record) -> Record:
    """A position of ours as the samples write it."""
    renamed = {**position, "accuracy": position["hdop"]}
    renamed["gps_time"] = digits(position["gps_time"])
    del renamed["hdop"], renamed["fix"]
    return renamed


class Samples(SynchronousTestCase):
    def test_all_decode_to_what_they_say(self) -> None:
        for number, sample in enumerate(SAMPLES, 1):
            expected = dict(sample["expect"])
            positions = expected.pop("positions")
            record = report_record(decode(sample["raw"].encode("latin-1")))
            with self.subTest(line=number, raw=sample["raw"]):
                self.assertEqual({name: record[name] for name in expected}, expected)
                self.assertEqual(record["raw"], sample["raw"])
                if positions is not None:
                    ours = [expected_form(each) for each in record["positions"]]
                    self.assertEqual(ours, positions)

    def test_types_of_numbers_are_those_expected(self) -> None:
        for sample in SAMPLES:
            record = report_record(decode(sample["raw"].encode("latin-1")))
            for ours, theirs in zip(
                record["positions"], sample["expect"]["positions"] or [], strict=False
            ):
                for name, value in expected_form(ours).items():
                    with self.subTest(raw=sample["raw"], name=name):
                        self.assertIs(type(value), type(theirs[name]))


class Records(SynchronousTestCase):
    def test_names_are_the_designs(self) -> None:
        record = report_record(read(FIXED), 1_753_663_557_250, b"\x01" * 16)
        common = {
            "id": "01" * 16,
            "imei": "865083030000012",
            "device_name": None,
            "prefix": "+RESP",
            "type": "GTFRI",
            "protocol_version": "090302",
            "received_at": "2025-07-28T00:45:57.250Z",
            "send_time": "20250727214557",
            "count": "071D",
            "ignition": True,
            "outputs": 1,
            "mileage_km": 0.0,
            "raw": FIXED,
        }
        self.assertEqual(record, {**record, **common})
        self.assertEqual(
            list(record["positions"][0]),
            [
                "gps_time",
                "longitude",
                "latitude",
                "speed_kmh",
                "heading_deg",
                "altitude_m",
                "hdop",
                "fix",
                "mcc",
                "mnc",
                "lac",
                "cell_id",
            ],
        )

    def test_what_is_not_known_is_null(self) -> None:
        record = report_record(read("+RESP:GTPDP,,TEST,,,$"))
        for name in (
            "id",
            "imei",
            "device_name",
            "protocol_version",
            "received_at",
            "send_time",
            "count",
        ):
            self.assertIsNone(record[name])
        self.assertNotIn("ignition", record)
        self.assertNotIn("outputs", record)

    def test_rendering_a_stored_frame(self) -> None:
        frame = FIXED.encode()
        self.assertEqual(
            render(b"\x01" * 16, 0, frame),
            report_record(decode(frame), 0, b"\x01" * 16),
        )

    @given(st.one_of(sample_frames(), odd_frames()))
    def test_raw_is_as_received_and_all_is_json(self, frame: bytes) -> None:
        record = json.loads(json.dumps(report_record(decode(frame)), allow_nan=False))
        self.assertEqual(record["raw"].encode("latin-1"), frame)

    @given(st.one_of(st.binary(), st.binary().map(b"+RESP:GTFRI,%b$".__mod__)))
    def test_garbage_raises_nothing_undocumented(self, frame: bytes) -> None:
        try:
            decode(frame)
        except ProtocolViolation:
            self.assertNotEqual(frame[:12], b"+RESP:GTFRI,")


class Entries(SynchronousTestCase):
    def test_common_report(self) -> None:
        frame = FIXED.encode()
        self.assertEqual(
            keys(FIXED),
            JournalEntry(
                id=identity(read_head(frame), frame),
                imei="865083030000012",
                type="GTFRI",
                send_time=20250727214557,
                time=20250728004546,
                position_time=20250728004546,
                ignition=True,
                outputs=1,
                received_at=1_000,
                raw=frame,
            ),
        )

    def test_future_position_moves_nothing(self) -> None:
        entry = keys(fixed(f13="20250728010501"))
        self.assertEqual((entry.time, entry.position_time), (20250728010501, None))
        entry = keys(fixed(f13="20250728010500"))
        self.assertEqual(entry.position_time, LIMIT)

    def test_no_place_moves_nothing(self) -> None:
        entry = keys(fixed(f11="0.000000", f12="0.000000"))
        self.assertEqual((entry.time, entry.position_time), (20250728004546, None))

    def test_without_a_position_the_time_is_that_of_receipt(self) -> None:
        entry = keys(f"+RESP:GTPDP,{HEAD},{TAIL}")
        self.assertEqual((entry.time, entry.position_time), (RECEIVED, None))

    def test_newest_usable_position_of_several(self) -> None:
        times = ("20250728004502", "20250728004504", "20260101000000", "20250728004503")
        blocks = ",".join(BLOCK.replace("20250728004546", time) for time in times)
        entry = keys(FIXED.replace(f"1,{BLOCK}", f"4,{blocks}"))
        self.assertEqual(
            (entry.time, entry.position_time), (20250728004502, 20250728004504)
        )

    def test_ill_formed_status_tells_nothing(self) -> None:
        entry = keys(fixed(f24="zz"))
        self.assertEqual((entry.ignition, entry.outputs), (None, None))
        self.assertEqual(entry.position_time, 20250728004546)

    def test_no_send_time_is_0(self) -> None:
        self.assertEqual(keys(fixed(f28="")).send_time, 0)

    def test_unsure_identifier_is_empty(self) -> None:
        self.assertEqual(keys(fixed(f2="TEST")).imei, "")

    @given(st.one_of(sample_frames(), odd_frames()))
    def test_agrees_with_the_full_decode(self, frame: bytes) -> None:
        check_agreement(self, frame)

    def test_agrees_with_the_full_decode_on_all_samples(self) -> None:
        for sample in SAMPLES:
            check_agreement(self, sample["raw"].encode("latin-1"))

    @given(st.data())
    def test_agrees_on_odd_gv50_reports(self, data: st.DataObject) -> None:
        values: dict[str, Any] = {
            "f6": ["1", "2", "0", ""],
            "f5": ["50", "5", "", "5x"],
            "f11": ["-54.557850", "0.000000", "", "181.000000"],
            "f12": ["-20.587663", "0.000000", "", "x"],
            "f13": ["20250728004546", "20250728010501", "20251301000000", ""],
            "f18": ["00", "01", "02", "03", ""],
            "f24": ["210101", "1A0000", "41", "2101010203", "zz", ""],
            "f28": ["20250727214557", "", "2025"],
        }
        changes = {
            name: data.draw(st.sampled_from(options))
            for name, options in values.items()
        }
        check_agreement(self, fixed(**changes).encode())


def check_agreement(case: SynchronousTestCase, frame: bytes) -> None:
    head = read_head(frame)
    report = decode(frame)
    entry = journal_entry(head, frame, 1_000, RECEIVED, LIMIT)
    times = [int(digits(each.gps_time) or 0) for each in report.positions]
    usable = [
        time
        for time, each in zip(times, report.positions, strict=True)
        if each.longitude is not None and 0 < time <= LIMIT
    ]
    case.assertEqual(
        (entry.time, entry.position_time, entry.ignition, entry.outputs),
        (
            (times[0] if times else 0) or RECEIVED,
            max(usable, default=None),
            report.ignition,
            report.outputs,
        ),
    )
