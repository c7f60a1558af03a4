"""Tests for `gatewaykit.simulators.encoding`."""

from __future__ import annotations

from calendar import timegm

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.reports import Report as Decoded
from gatewaykit.gv50.reports import decode
from gatewaykit.simulators.encoding import (
    Condition,
    Encoder,
    Fix,
    Report,
    location,
    stamp,
)

IMEI = "865083030000012"

# 2025-07-28 00:40:50 UTC and what real GV50s wrote then (facts/gv50.md 4.5 and 4.4).
REAL_FIX = Fix(
    timegm((2025, 7, 28, 0, 40, 50)),
    -54.557732,
    -20.587709,
    743.6,
    1.4,
    232,
    1,
    7,
    724,
    3,
    0x08AA,
    0x59C0,
)
STANDING = Condition(
    ignition=True,
    moving=False,
    outputs=1,
    mileage_km=0.0,
    engine_s=0,
    supply_mv=12_600,
    rssi=5,
)

moments = st.integers(timegm((2010, 1, 1, 0, 0, 0)), timegm((2090, 1, 1, 0, 0, 0)))
fixes = st.builds(
    Fix,
    time=moments,
    longitude=st.floats(-180, 180).filter(lambda value: abs(value) > 1e-3),
    latitude=st.floats(-90, 90).filter(lambda value: abs(value) > 1e-3),
    altitude_m=st.floats(-400, 9000),
    speed_kmh=st.floats(0, 999),
    heading_deg=st.integers(0, 359),
    hdop=st.integers(0, 50),
    satellites=st.integers(0, 12),
    mcc=st.integers(200, 799),
    mnc=st.integers(1, 99),
    lac=st.integers(1, 0xFFFE),
    cell_id=st.integers(1, 0xFFFE),
)
conditions = st.builds(
    Condition,
    ignition=st.booleans(),
    moving=st.booleans(),
    outputs=st.integers(0, 1),
    mileage_km=st.floats(0, 400_000),
    engine_s=st.integers(0, 99_999 * 3600),
    supply_mv=st.integers(0, 32_000),
    rssi=st.integers(0, 31),
)


def fields(report: Report) -> list[str]:
    return fields_of(report.live())


def fields_of(frame: bytes) -> list[str]:
    return frame.decode("ascii").removesuffix("$").split(",")


class RealFrameTests(SynchronousTestCase):
    """What is known of real devices comes out letter by letter."""

    def test_connection_up(self) -> None:
        encoder = Encoder(IMEI, first_count=0x071B)
        report = encoder.connection_up(timegm((2025, 7, 28, 0, 45, 29)))
        self.assertEqual(
            report.live(), b"+RESP:GTPDP,090302,865083030000012,,20250727214529,071B$"
        )

    def test_heartbeat(self) -> None:
        encoder = Encoder(IMEI, first_count=0x071C)
        frame, count = encoder.heartbeat(timegm((2025, 7, 28, 0, 45, 40)))
        self.assertEqual(
            frame, b"+ACK:GTHBD,090302,865083030000012,,20250727214540,071C$"
        )
        self.assertEqual(count, "071C")

    def test_location_at_ignition(self) -> None:
        encoder = Encoder(IMEI, first_count=0x070C)
        _, report = encoder.ignition(REAL_FIX.time, REAL_FIX, STANDING, 60)
        self.assertEqual(
            report.stored(),
            b"+BUFF:GTIGL,090302,865083030000012,,,00,1,1,1.4,232,743.6,-54.557732,"
            b"-20.587709,20250728004050,0724,0003,08AA,59C0,00,0.0,20250727214050,070D$",
        )

    def test_fixed_report(self) -> None:
        """As in life, but for supply voltage, report id and hour meter, which the
        devices of the sample had switched off or set otherwise."""
        fix = REAL_FIX._replace(
            time=timegm((2025, 7, 28, 0, 45, 46)),
            longitude=-54.557850,
            latitude=-20.587663,
            altitude_m=713.2,
            speed_kmh=0.0,
            heading_deg=258,
        )
        encoder = Encoder(IMEI, first_count=0x071D)
        report = encoder.fixed(timegm((2025, 7, 28, 0, 45, 57)), fix, STANDING)
        real = fields_of(
            b"+RESP:GTFRI,090302,865083030000012,,,50,1,1,0.0,258,713.2,-54.557850,"
            b"-20.587663,20250728004546,0724,0003,08AA,59C0,00,0.0,,,,,210101,5,0,7,"
            b"20250727214557,071D$"
        )
        real[4], real[5], real[20] = "12600", "10", "00000:00:00"
        self.assertEqual(fields(report), real)


class CountTests(SynchronousTestCase):
    def test_reports_and_heartbeats_share_one_count(self) -> None:
        encoder = Encoder(IMEI)
        counts = [
            encoder.power_on(0).count,
            encoder.heartbeat(0)[1],
            encoder.connection_up(0).count,
        ]
        self.assertEqual(counts, ["0000", "0001", "0002"])

    def test_wraps_after_ffff(self) -> None:
        encoder = Encoder(IMEI, first_count=0xFFFF)
        counts = [encoder.power_on(0).count for _ in range(2)]
        self.assertEqual(counts, ["FFFF", "0000"])


class AnswerTests(SynchronousTestCase):
    """In the forms of facts/gv50.md 4.15."""

    at = timegm((2025, 7, 27, 15, 6, 5))

    def test_ack(self) -> None:
        encoder = Encoder(IMEI, first_count=0x04F9)
        self.assertEqual(
            encoder.ack(self.at, "GTOUT", "00a1"),
            b"+ACK:GTOUT,090302,865083030000012,,00a1,20250727120605,04F9$",
        )

    def test_ack_with_a_sub_command(self) -> None:
        encoder = Encoder(IMEI, first_count=0x04F9)
        self.assertEqual(
            encoder.ack(self.at, "GTRTO", "0006", "RTL"),
            b"+ACK:GTRTO,090302,865083030000012,,RTL,0006,20250727120605,04F9$",
        )

    def test_nack(self) -> None:
        encoder = Encoder(IMEI, first_count=0x04F9)
        self.assertEqual(
            encoder.nack(self.at, "GTOUT", "0006", 2),
            b"+NACK:GTOUT,090302,865083030000012,,2,0006,20250727120605,04F9$",
        )

    def test_a_name_and_a_zone_may_change(self) -> None:
        encoder = Encoder(IMEI, first_count=0x04F9)
        encoder.set_name("gv50")
        encoder.set_zone(0)
        self.assertEqual(
            encoder.ack(self.at, "GTCFG", "FFFF"),
            b"+ACK:GTCFG,090302,865083030000012,gv50,FFFF,20250727150605,04F9$",
        )


class TimeTests(SynchronousTestCase):
    def test_send_time_is_local(self) -> None:
        when = timegm((2026, 1, 1, 12, 0, 0))
        for zone, text in ((-180, "20260101090000"), (345, "20260101174500")):
            self.assertEqual(Encoder(IMEI, zone).power_on(when + 0.9).send_time, text)

    def test_gps_time_is_utc(self) -> None:
        self.assertEqual(location(REAL_FIX).split(",")[6], "20250728004050")
        self.assertEqual(stamp(0), "19700101000000")


class ConditionTests(SynchronousTestCase):
    def test_state_codes(self) -> None:
        self.assertEqual(STANDING.state, "21")
        self.assertEqual(STANDING._replace(moving=True).state, "22")
        self.assertEqual(STANDING._replace(ignition=False).state, "11")

    def test_status_tells_ignition_line_and_output(self) -> None:
        self.assertEqual(STANDING.status, "210101")
        self.assertEqual(STANDING._replace(ignition=False, outputs=0).status, "110000")

    def test_hour_meter(self) -> None:
        self.assertEqual(STANDING._replace(engine_s=3725).hour_meter, "00001:02:05")


class DecodeTests(SynchronousTestCase):
    """Whatever a vehicle means, `gatewaykit.gv50.reports` reads."""

    def check_position(self, decoded: Decoded, fix: Fix) -> None:
        (position,) = decoded.positions
        assert position.longitude is not None
        assert position.latitude is not None
        assert position.speed_kmh is not None
        assert position.altitude_m is not None
        assert position.gps_time is not None
        self.assertLessEqual(abs(position.longitude - fix.longitude), 1e-6)
        self.assertLessEqual(abs(position.latitude - fix.latitude), 1e-6)
        self.assertLessEqual(abs(position.speed_kmh - fix.speed_kmh), 0.051)
        self.assertLessEqual(abs(position.altitude_m - fix.altitude_m), 0.051)
        self.assertEqual(position.heading_deg, fix.heading_deg)
        self.assertEqual(position.hdop, fix.hdop)
        self.assertEqual(position.fix, fix.hdop > 0)
        self.assertEqual(
            (position.mcc, position.mnc, position.lac, position.cell_id),
            (fix.mcc, fix.mnc, f"{fix.lac:04X}", f"{fix.cell_id:04X}"),
        )

    def check_head(self, decoded: Decoded, report: Report) -> None:
        self.assertEqual(
            (decoded.imei, decoded.type, decoded.send_time, decoded.count),
            (IMEI, report.type, report.send_time, report.count),
        )

    @given(moments, fixes, conditions)
    def test_fixed_reports(self, at: int, fix: Fix, condition: Condition) -> None:
        report = Encoder(IMEI).fixed(at, fix, condition)
        self.assertEqual(len(fields(report)), 30)
        decoded = decode(report.live())
        self.check_head(decoded, report)
        self.check_position(decoded, fix)
        self.assertEqual(decoded.ignition, condition.ignition)
        self.assertEqual(decoded.outputs, condition.outputs)

    @given(moments, fixes, conditions, st.integers(0, 999_999))
    def test_ignition(
        self, at: int, fix: Fix, condition: Condition, duration_s: int
    ) -> None:
        turned, where = Encoder(IMEI).ignition(at, fix, condition, duration_s)
        self.assertEqual((len(fields(turned)), len(fields(where))), (21, 22))
        self.assertEqual(turned.type, "GTIGN" if condition.ignition else "GTIGF")
        decoded = decode(turned.stored())
        self.check_head(decoded, turned)
        self.check_position(decoded, fix)
        self.assertEqual(decoded.ignition, condition.ignition)
        decoded = decode(where.live())
        self.check_head(decoded, where)
        self.check_position(decoded, fix)
        self.assertIsNone(decoded.ignition)

    @given(moments, fixes, conditions)
    def test_events(self, at: int, fix: Fix, condition: Condition) -> None:
        encoder = Encoder(IMEI)
        for report, length in (
            (encoder.state_changed(at, fix, condition), 19),
            (encoder.idling_started(at, fix, condition), 21),
            (encoder.idling_ended(at, fix, condition, 90), 21),
            (encoder.main_power(at, fix, connected=True), 18),
            (encoder.main_power(at, fix, connected=False), 18),
            (encoder.position_now(at, fix, condition), 22),
            (encoder.output_changed(at, fix, 1), 20),
        ):
            self.assertEqual(len(fields(report)), length)
            decoded = decode(report.live())
            self.check_head(decoded, report)
            self.check_position(decoded, fix)

    @given(moments)
    def test_reports_without_position(self, at: int) -> None:
        encoder = Encoder(IMEI)
        for report in (
            encoder.power_on(at),
            encoder.power_off(at),
            encoder.connection_up(at),
            encoder.card(at),
            encoder.signal(at, 20),
            encoder.versions(at),
            encoder.configuration(at, "GTALL", [("CFG", ["gv50", ""])]),
        ):
            decoded = decode(report.live())
            self.check_head(decoded, report)
            self.assertEqual(decoded.positions, ())

    def test_versions_card_and_signal(self) -> None:
        encoder = Encoder(IMEI)
        for report, expected in (
            (encoder.versions(0), ["GV50", "0302", "0101"]),
            (encoder.card(0), [f"8955{IMEI}0"]),
            (encoder.signal(0, 7), ["7", "0"]),
        ):
            self.assertEqual(fields(report)[4:-2], expected)

    def test_configuration_names_its_sections(self) -> None:
        sections = [("BSI", ["net", "", ""]), ("CFG", ["gv50", "me"])]
        report = Encoder(IMEI).configuration(0, "GTALS", sections)
        expected = ["BSI", "net", "", "", "CFG", "gv50", "me"]
        self.assertEqual(fields(report)[4:-2], expected)
