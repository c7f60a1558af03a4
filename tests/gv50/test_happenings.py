from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.happenings import TYPES, Happening, happening
from gatewaykit.gv50.reports import identity, read_head
from gatewaykit.times import iso
from tests.gv50.frames import BLOCK, HEAD, TAIL
from tests.strategies import SAMPLES, odd_frames

RECEIVED_MS = 1_753_663_560_000
"""2025-07-28T00:46:00Z; `BLOCK` has a fix of 00:45:46, `TAIL` is sent at 21:45:57 of a clock
three hours behind."""
MINUTE_MS = 60_000
DAY_MS = 86_400_000
BRAZIL_MIN = -180
LOST = "0" + BLOCK[1:]
NOWHERE = "0,,,,,,,0724,0003,08AA,59C0,00"


def ignition(
    block: str = BLOCK, sent: str = "20250727214557", prefix: str = "+RESP"
) -> str:
    return f"{prefix}:GTIGN,{HEAD},9860,{block},,881.2,{sent},129A$"


def of(
    text: str, offset_min: int | None = BRAZIL_MIN, received_at_ms: int = RECEIVED_MS
) -> Happening | None:
    return happening(text.encode("latin-1"), received_at_ms, offset_min)


def at(
    text: str, offset_min: int | None = BRAZIL_MIN, received_at_ms: int = RECEIVED_MS
) -> str:
    """When it happened, and by whose clock."""
    found = of(text, offset_min, received_at_ms)
    assert found is not None
    return f"{iso(found.at_ms)[:19]} {found.details['clock']}"


class EventTests(SynchronousTestCase):
    def test_table(self) -> None:
        for body, event in (
            (f"GTIGN,{HEAD},9860,{BLOCK},,881.2", "ignition_on"),
            (f"GTIGF,{HEAD},3519,{BLOCK},,243.1", "ignition_off"),
            (f"GTVGN,{HEAD},,7,60,{BLOCK},,243.1", "virtual_ignition_on"),
            (f"GTVGF,{HEAD},,7,60,{BLOCK},,243.1", "virtual_ignition_off"),
            (f"GTMPN,{HEAD},{BLOCK}", "power_connected"),
            (f"GTMPF,{HEAD},{BLOCK}", "power_cut"),
            (f"GTEPN,{HEAD},{BLOCK}", "power_connected"),
            (f"GTEPF,{HEAD},{BLOCK}", "power_cut"),
            (f"GTTOW,{HEAD},,10,1,{BLOCK},0.0", "tow"),
            (f"GTSTT,{HEAD},16,{BLOCK}", "tow"),
            (f"GTSOS,{HEAD},,10,1,{BLOCK},0.0", "sos"),
            (f"GTJDR,{HEAD},{BLOCK}", "jamming"),
            (f"GTJDS,{HEAD},2,{BLOCK}", "jamming"),
            (f"GTJDS,{HEAD},1,{BLOCK}", "jamming_ended"),
            (f"GTGPJ,{HEAD},40,3,{BLOCK}", "jamming"),
            (f"GTCRA,{HEAD},{BLOCK}", "crash"),
            (f"GTCRA,{HEAD},2A,{BLOCK}", "crash"),
            (f"GTPNA,{HEAD}", "power_on"),
            (f"GTPNA,{HEAD},1", "power_on"),
            (f"GTPFA,{HEAD}", "power_off"),
        ):
            for prefix in ("+RESP", "+BUFF"):
                with self.subTest(body=body, prefix=prefix):
                    found = of(f"{prefix}:{body},{TAIL}")
                    assert found is not None
                    self.assertEqual(found.event, event)
                    self.assertIn(body[:5], TYPES)

    def test_other_values_are_none(self) -> None:
        for body in (
            *(
                f"GTSTT,{HEAD},{state},{BLOCK}"
                for state in ("11", "12", "1A", "42", "")
            ),
            *(f"GTJDS,{HEAD},{state},{BLOCK}" for state in ("0", "3", "", "x")),
            *(f"GTGPJ,{HEAD},40,{state},{BLOCK}" for state in ("0", "1", "2", "")),
            f"GTSTT,{HEAD}",
        ):
            with self.subTest(body=body):
                self.assertIsNone(of(f"+RESP:{body},{TAIL}"))

    def test_location_of_an_ignition_change_is_none(self) -> None:
        for device in ("09", "FE", "06"):
            for kind in ("00", "01"):
                self.assertIsNone(
                    of(
                        f"+RESP:GTIGL,{device}0302{HEAD[6:]},,{kind},1,{BLOCK},0.0,{TAIL}"
                    )
                )
        self.assertNotIn("GTIGL", TYPES)

    def test_what_is_no_report_is_none(self) -> None:
        for frame in (
            "",
            "+RESP:GTIGN",
            "+RESP:GTIGN$",
            "+RESP:GTIGNX,1$",
            f"+ACK:GTTOW,{HEAD},0001,{TAIL}",
            f"+NACK:GTTOW,{HEAD},0,0001,{TAIL}",
            f"+RSPX:GTIGN,{HEAD},{TAIL}",
            f"+RESP:GTIG\xb2,{HEAD},{TAIL}",
        ):
            with self.subTest(frame=frame):
                self.assertIsNone(of(frame))

    def test_samples(self) -> None:
        """Each is an event if its type is one, but for the state reports of 41 and 42."""
        events = {"GTIGN": "ignition_on", "GTIGF": "ignition_off", "GTSOS": "sos"}
        for sample in SAMPLES:
            found = of(sample["raw"])
            type_ = sample["expect"]["type"]
            with self.subTest(raw=sample["raw"]):
                quiet = type_ == "GTSTT" and ",16," not in sample["raw"]
                self.assertEqual(found is not None, type_ in TYPES and not quiet)
                if found is not None and type_ in events:
                    self.assertEqual(found.event, events[type_])


class TimeTests(SynchronousTestCase):
    def test_sending_by_the_devices_offset(self) -> None:
        for prefix in ("+RESP", "+BUFF"):
            for block in (BLOCK, LOST, NOWHERE):
                with self.subTest(prefix=prefix, block=block):
                    self.assertEqual(
                        at(ignition(block, prefix=prefix)), "2025-07-28T00:45:57 device"
                    )

    def test_sending_without_a_position(self) -> None:
        self.assertEqual(
            at(f"+BUFF:GTPFA,{HEAD},{TAIL}", received_at_ms=RECEIVED_MS + DAY_MS),
            "2025-07-28T00:45:57 device",
        )

    def test_fresh_fix_where_no_offset_is_known(self) -> None:
        for prefix in ("+RESP", "+BUFF"):
            self.assertEqual(
                at(ignition(prefix=prefix), None), "2025-07-28T00:45:46 gps"
            )

    def test_fresh_fix_where_there_is_no_send_time(self) -> None:
        for sent in ("", "20251327214557", "202507272145"):
            self.assertEqual(at(ignition(sent=sent)), "2025-07-28T00:45:46 gps")

    def test_receipt_of_a_live_report_where_no_offset_is_known(self) -> None:
        for block in (LOST, NOWHERE):
            self.assertEqual(at(ignition(block), None), "2025-07-28T00:46:00 gateway")

    def test_last_known_position_of_a_buffered_report(self) -> None:
        later_ms = RECEIVED_MS + DAY_MS
        self.assertEqual(
            at(ignition(LOST, prefix="+BUFF"), None, later_ms),
            "2025-07-28T00:45:46 gps",
        )
        self.assertEqual(
            at(ignition(NOWHERE, prefix="+BUFF"), None, later_ms),
            "2025-07-29T00:46:00 gateway",
        )

    def test_offset_that_the_fix_disproves(self) -> None:
        """As after a change of daylight saving: an hour too early, an hour too late."""
        for offset_min in (-120, -240, 0, 840):
            for prefix in ("+RESP", "+BUFF"):
                with self.subTest(offset_min=offset_min, prefix=prefix):
                    self.assertEqual(
                        at(
                            ignition(prefix=prefix),
                            offset_min,
                            RECEIVED_MS + DAY_MS * (prefix == "+BUFF"),
                        ),
                        "2025-07-28T00:45:46 gps",
                    )

    def test_sending_before_the_last_fix_is_not_believed(self) -> None:
        self.assertEqual(at(ignition(LOST), -120), "2025-07-28T00:46:00 gateway")
        self.assertEqual(
            at(ignition(LOST, prefix="+BUFF"), -120), "2025-07-28T00:45:46 gps"
        )

    def test_sending_long_after_the_last_fix_is_believed(self) -> None:
        old = LOST.replace("20250728004546", "20250620004546")
        self.assertEqual(at(ignition(old)), "2025-07-28T00:45:57 device")

    def test_future_is_not_believed(self) -> None:
        for sent, expected in (
            ("20250727215100", "2025-07-28T00:51:00 device"),
            ("20250727215101", "2025-07-28T00:46:00 gateway"),
            ("20990727215101", "2025-07-28T00:46:00 gateway"),
        ):
            for prefix in ("+RESP", "+BUFF"):
                with self.subTest(sent=sent, prefix=prefix):
                    self.assertEqual(at(ignition(NOWHERE, sent, prefix)), expected)

    def test_fix_of_the_future_is_not_believed(self) -> None:
        for block in (BLOCK, LOST):
            future = block.replace("20250728004546", "20450728004546")
            for prefix in ("+RESP", "+BUFF"):
                self.assertEqual(
                    at(ignition(future, prefix=prefix)), "2025-07-28T00:45:57 device"
                )
                self.assertEqual(
                    at(ignition(future, prefix=prefix), None),
                    "2025-07-28T00:46:00 gateway",
                )

    def test_clocks_that_were_never_set_are_not_believed(self) -> None:
        for sent in ("20040101000148", "20090214093254", "20200101000148"):
            for prefix in ("+RESP", "+BUFF"):
                with self.subTest(sent=sent, prefix=prefix):
                    self.assertEqual(
                        at(ignition(NOWHERE, sent, prefix)),
                        "2025-07-28T00:46:00 gateway",
                    )
        old = BLOCK.replace("20250728004546", "20090214013254")
        self.assertEqual(
            at(ignition(old, "20090214093254"), 480), "2025-07-28T00:46:00 gateway"
        )

    def test_live_report_is_not_months_old(self) -> None:
        for days, expected in (
            (60, "2025-05-29T00:46:00 device"),
            (61, "2025-07-28T00:46:00 gateway"),
        ):
            sent = iso(RECEIVED_MS - days * DAY_MS)[:19].translate(
                str.maketrans("", "", "-:T")
            )
            self.assertEqual(at(ignition(NOWHERE, sent), 0), expected)

    def test_buffered_report_may_be_months_old(self) -> None:
        self.assertEqual(
            at(ignition(NOWHERE, "20240727214557", "+BUFF")),
            "2024-07-28T00:45:57 device",
        )

    def test_newest_of_several_positions_counts(self) -> None:
        old = BLOCK.replace("20250728004546", "20250728004046")
        text = f"+RESP:GTSOS,{HEAD},,10,2,{old},{BLOCK},0.0,{TAIL}"
        self.assertEqual(at(text, None), "2025-07-28T00:45:46 gps")


class DetailTests(SynchronousTestCase):
    def test_ignition(self) -> None:
        raw = ignition().encode()
        found = of(ignition())
        assert found is not None
        self.assertEqual(
            found.details,
            {
                "report_id": identity(read_head(raw), raw).hex(),
                "type": "GTIGN",
                "buffered": False,
                "clock": "device",
                "gps_time": "2025-07-28T00:45:46Z",
                "position": {
                    "longitude": -54.55785,
                    "latitude": -20.587663,
                    "speed_kmh": 0.0,
                    "heading_deg": 258,
                    "hdop": 1,
                    "fix": True,
                },
                "duration_s": 9860,
                "mileage_km": 881.2,
            },
        )

    def details(self, body: str, prefix: str = "+RESP") -> dict[str, object]:
        found = of(f"{prefix}:{body},{TAIL}")
        assert found is not None
        del found.details["report_id"]
        return found.details

    def test_without_a_position(self) -> None:
        common = {"buffered": True, "clock": "device"}
        self.assertEqual(
            self.details(f"GTPFA,{HEAD}", "+BUFF"), {**common, "type": "GTPFA"}
        )
        self.assertEqual(
            self.details(f"GTMPF,{HEAD},{NOWHERE}", "+BUFF"),
            {**common, "type": "GTMPF"},
        )

    def test_position_without_a_time(self) -> None:
        details = self.details(f"GTMPF,{HEAD},{BLOCK.replace('20250728004546', '')}")
        self.assertIn("position", details)
        self.assertNotIn("gps_time", details)

    def test_input_of_an_sos(self) -> None:
        self.assertEqual(self.details(f"GTSOS,{HEAD},,20,1,{BLOCK},0.0")["input"], 2)
        self.assertNotIn("input", self.details(f"GTSOS,{HEAD},,,1,{BLOCK},0.0"))
        self.assertNotIn("input", self.details(f"GTTOW,{HEAD},,10,1,{BLOCK},0.0"))

    def test_what_the_type_tells(self) -> None:
        for body, name, value in (
            (f"GTSTT,{HEAD},16,{BLOCK}", "state", "16"),
            (f"GTVGN,{HEAD},,7,60,{BLOCK},,243.1", "cause", 7),
            (f"GTGPJ,{HEAD},40,3,{BLOCK}", "cw_value", "40"),
            (f"GTCRA,{HEAD},2A,{BLOCK}", "crash_counter", "2A"),
            (f"GTPNA,{HEAD},1", "power_on_code", "1"),
            (f"GTIGF,{HEAD},1,{BLOCK},12345:12:34,1.0", "hour_meter", "12345:12:34"),
        ):
            with self.subTest(body=body):
                self.assertEqual(self.details(body)[name], value)

    def test_repetition_from_the_buffer_is_the_same_report(self) -> None:
        live, buffered = of(ignition()), of(ignition(prefix="+BUFF"))
        assert live is not None
        assert buffered is not None
        self.assertEqual(live.details["report_id"], buffered.details["report_id"])
        self.assertEqual(live.at_ms, buffered.at_ms)


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Odd frames, mostly of types that are events."""
    frame = draw(st.one_of(odd_frames(), st.binary(max_size=120)))
    if draw(st.booleans()):
        type_ = draw(st.sampled_from(sorted(TYPES))).encode()
        frame = draw(st.sampled_from([b"+RESP:", b"+BUFF:"])) + type_ + frame[11:]
    return frame


class AnyFrameTests(SynchronousTestCase):
    @given(
        frames(),
        st.integers(946_684_800_000, 7_258_118_400_000),
        st.none() | st.integers(-840, 840),
    )
    def test_never_fails_and_is_never_of_the_future(
        self, frame: bytes, received_at_ms: int, offset_min: int | None
    ) -> None:
        found = happening(frame, received_at_ms, offset_min)
        if found is not None:
            self.assertLessEqual(found.at_ms, received_at_ms + 5 * MINUTE_MS)
            if found.at_ms != received_at_ms:
                self.assertGreaterEqual(found.at_ms, 1_262_304_000_000)
            json.dumps(found.details, allow_nan=False)
