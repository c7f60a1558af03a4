from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.reports import Position
from tests.gv50.frames import BLOCK, FIXED, HEAD, TAIL, fixed, keys, read


class Layouts(SynchronousTestCase):
    def test_gv50_fixed_report(self) -> None:
        report = read(
            fixed(f4="13500", f19="12.5", f20="00012:30:59", f21="9", f22="8", f23="97")
        )
        self.assertEqual(
            report.fields,
            {
                "external_power_mv": 13500,
                "report_id": 5,
                "report_type": 0,
                "mileage_km": 12.5,
                "hour_meter": "00012:30:59",
                "analog_1_mv": 9,
                "analog_2_mv": 8,
                "battery_percent": 97,
                "device_status": "210101",
                "csq_rssi": 5,
                "csq_ber": 0,
                "satellites": 7,
            },
        )
        self.assertEqual((report.ignition, report.outputs), (True, 1))
        self.assertEqual(
            report.positions,
            (
                Position(
                    gps_time="2025-07-28T00:45:46Z",
                    longitude=-54.55785,
                    latitude=-20.587663,
                    speed_kmh=0.0,
                    heading_deg=258,
                    altitude_m=713.2,
                    hdop=1,
                    fix=True,
                    mcc=724,
                    mnc=3,
                    lac="08AA",
                    cell_id="59C0",
                ),
            ),
        )

    def test_several_positions(self) -> None:
        blocks = [BLOCK.replace("004546", f"0045{i:02}") for i in range(15)]
        text = FIXED.replace(f"1,{BLOCK}", "15," + ",".join(blocks))
        report = read(text)
        self.assertEqual(
            [position.gps_time for position in report.positions],
            [f"2025-07-28T00:45:{i:02}Z" for i in range(15)],
        )
        self.assertEqual(report.fields["satellites"], 7)

    def test_empty_block_is_no_position(self) -> None:
        report = read(FIXED.replace(BLOCK, "," * 11))
        self.assertEqual(report.positions, ())
        self.assertEqual(report.fields["device_status"], "210101")

    def test_block_with_a_time_and_no_coordinates(self) -> None:
        (position,) = read(fixed(f11="", f12="")).positions
        self.assertEqual(position.gps_time, "2025-07-28T00:45:46Z")
        self.assertIsNone(position.longitude)
        self.assertFalse(position.fix)

    def test_coordinates_without_a_time(self) -> None:
        (position,) = read(fixed(f13="")).positions
        self.assertEqual(position.longitude, -54.55785)
        self.assertIsNone(position.gps_time)

    def test_events(self) -> None:
        # facts/gv50.md 4.5 to 4.14, the body between name and tail
        for type_, body, fields in (
            ("GTSOS", f",30,1,{BLOCK},7.5", {"report_id": 3, "report_type": 0}),
            ("GTGEO", f",F1,1,{BLOCK},7.5", {"report_id": 15, "report_type": 1}),
            ("GTEPS", f"12600,01,1,{BLOCK},7.5", {"supply_mv": 12600}),
            ("GTMPF", BLOCK, {}),
            ("GTCRA", f"03,{BLOCK}", {"crash_counter": "03"}),
            ("GTSTT", f"41,{BLOCK}", {"state": "41"}),
            ("GTBPL", f"3.55,{BLOCK}", {"battery_v": 3.55}),
            ("GTLBC", f"+5567,{BLOCK}", {"caller_number": "+5567"}),
            ("GTLBC", f"+5567,{BLOCK},7.5", {"mileage_km": 7.5}),
            (
                "GTIGF",
                f"1200,{BLOCK},00001:02:03,7.5",
                {"duration_s": 1200, "hour_meter": "00001:02:03", "mileage_km": 7.5},
            ),
            ("GTVGN", f",2,60,{BLOCK},,7.5", {"cause": 2, "duration_s": 60}),
            ("GTVGN", f"60,{BLOCK},,7.5", {"duration_s": 60, "mileage_km": 7.5}),
            ("GTIDF", f"22,300,{BLOCK},7.5", {"state": "22", "duration_s": 300}),
            (
                "GTGSS",
                f"1,9,21,,{BLOCK}",
                {"gps_recovered": True, "satellites": 9, "state": "21"},
            ),
            ("GTGPJ", f"7,2,{BLOCK}", {"jamming_state": 2}),
            ("GTDOS", f"1,1,{BLOCK}", {"output_id": 1, "output_active": True}),
            ("GTGES", f",01,5,100,60,1,{BLOCK},7.5", {"radius_m": 100}),
        ):
            with self.subTest(type=type_, body=body):
                report = read(f"+RESP:{type_},{HEAD},{body},{TAIL}")
                self.assertEqual(report.fields, {**report.fields, **fields})
                self.assertNotIn("unparsed", report.fields)
                self.assertEqual(report.positions, read(FIXED).positions)

    def test_gmt200_tells_mileage_before_hours(self) -> None:
        report = read(
            f"+RESP:GTIGN,420101,865083030000012,,60,{BLOCK},7.5,00001:02:03,{TAIL}"
        )
        self.assertEqual(
            report.fields,
            {"duration_s": 60, "mileage_km": 7.5, "hour_meter": "00001:02:03"},
        )

    def test_reports_without_a_position(self) -> None:
        for type_, body, fields in (
            ("GTPDP", "", {}),
            ("GTPNA", ",5", {"power_on_code": "5"}),
            ("GTCID", ",8955", {"iccid": "8955"}),
            ("GTCSQ", ",31,99", {"csq_rssi": 31, "csq_ber": None}),
            (
                "GTVER",
                ",GV50,0A03,0103",
                {
                    "device_type": "GV50",
                    "firmware_version": "0A03",
                    "hardware_version": "0103",
                },
            ),
        ):
            with self.subTest(type=type_):
                report = read(f"+RESP:{type_},{HEAD}{body},{TAIL}")
                self.assertEqual(report.fields, fields)
                self.assertEqual(report.positions, ())

    def test_device_information(self) -> None:
        report = read(
            "+RESP:GTINF,080100,135790246811220,,16,898600810906F8048812,16,0,1,11870,,"
            "4.1,0,0,0,,20090214013254,,12340,,00,00,+0800,0,20090214093254,11F0$"
        )
        named = {
            "state": "16",
            "iccid": "898600810906F8048812",
            "csq_rssi": 16,
            "external_power": True,
            "external_power_mv": 11870,
            "battery_v": 4.1,
            "charging": False,
            "last_fix_time": "2009-02-14T01:32:54Z",
            "time_zone": "+0800",
        }
        self.assertEqual(report.fields, {**report.fields, **named})
        self.assertIs(report.ignition, False)
        self.assertEqual(report.positions, ())

    def test_last_fix_at_no_moment_is_none(self) -> None:
        text = (
            "+RESP:GTINF,090302,135790246811220,,16,,,,,,,,,,,,20091314013254,,,,,,,,"
            "20090214093254,11F0$"
        )
        self.assertIsNone(read(text).fields["last_fix_time"])

    def test_vin(self) -> None:
        for vin in ("1HGCM00000A000001", ""):
            text = FIXED.replace("090302", "5E0100").replace("012,", f"012,{vin},", 1)
            report = read(text.replace("210101,5,0,7", "210101,715,inf,NaN"))
            self.assertEqual(report.fields["vin"], vin or None)
            self.assertEqual(report.fields["engine_rpm"], 715)
            self.assertIsNone(report.fields["fuel_consumption"])
            self.assertIsNone(report.fields["fuel_percent"])
            self.assertNotIn("unparsed", report.fields)

    def test_satellites_behind_the_block(self) -> None:
        for slot, after, satellites in (
            ("01", "9", 9),
            ("03", "9,x", 9),
            ("02", "x", None),
        ):
            body = f"60,{BLOCK[:-2]}{slot},{after},,7.5"
            report = read(f"+RESP:GTIGN,6E0304,865083030000012,,{body},{TAIL}")
            self.assertEqual(report.fields.get("satellites"), satellites)
            self.assertEqual(report.fields["mileage_km"], 7.5)
        report = read(f"+RESP:GTMPN,{HEAD},{BLOCK[:-2]}01,{TAIL}")
        self.assertEqual(report.fields, {})

    def test_odometer_in_the_reserved_slot(self) -> None:
        report = read(
            f"+RESP:GTBPL,1A0800,865083030000012,,3.5,{BLOCK[:-2]}25.2,{TAIL}"
        )
        self.assertEqual(report.fields, {"battery_v": 3.5, "odometer_km": 25.2})

    def test_handheld_without_the_reserved_slot(self) -> None:
        body = f"0,1,1,{BLOCK[:-3]},88"
        report = read(f"+RESP:GTFRI,020102,865083030000012,,{body},{TAIL}")
        self.assertEqual(
            report.fields, {"report_id": 0, "report_type": 1, "battery_percent": 88}
        )


class UnknownLayouts(SynchronousTestCase):
    def test_unknown_type_keeps_its_fields_and_position(self) -> None:
        report = read(f"+RESP:GTZZ9,{HEAD},a,,{BLOCK},b,{TAIL}")
        self.assertEqual(report.positions, read(FIXED).positions)
        self.assertEqual(report.fields, {"unparsed": ["a", "", "00", "b"]})

    def test_unknown_type_of_empty_fields(self) -> None:
        self.assertEqual(read(f"+RESP:GTZZ9,{HEAD},,,{TAIL}").fields, {})

    def test_unknown_device_keeps_what_follows_the_mileage(self) -> None:
        report = read(FIXED.replace("090302", "990302"))
        self.assertEqual(report.fields["mileage_km"], 0.0)
        self.assertIn("210101", report.fields["unparsed"])
        self.assertIsNone(report.ignition)

    def test_field_too_few_or_too_many(self) -> None:
        for text in (
            FIXED.replace("012,,,50", "012,,50"),
            FIXED.replace("012,,,50", "012,,,x,50"),
            FIXED.replace(",50,1,", ",5,1,"),
            FIXED.replace(",50,1,", ",50,99,"),
            FIXED.replace(",50,1,", ",50,2,"),
            FIXED.replace(",50,1,", ",50,0,"),
            FIXED.replace("090302", "990302").replace(",50,1,", ",50,0,"),
            FIXED.replace(",,,,,210101", ",,,,,,,,210101"),
        ):
            with self.subTest(text=text):
                self.assertEqual(read(text).positions, read(FIXED).positions)

    def test_frame_that_ends_in_its_head(self) -> None:
        for text in (
            "+RESP:GTFRI,$",
            "+RESP:GTFRI,090302,1,2,3$",
            "+RESP:GTFRI,5E0302,,$",
        ):
            self.assertEqual(read(text).positions, ())

    def test_frame_that_ends_in_its_block(self) -> None:
        fields = FIXED[:-1].split(",")
        for size in range(2, len(fields)):
            report = read(",".join(fields[:size]) + "$")
            # At 15 GPS time and MCC cannot be told from a tail.
            found = int(size >= 14 and size != 15)
            self.assertEqual(len(report.positions), found, size)

    def test_unreadable_tail_leaves_the_position(self) -> None:
        report = read(fixed(f28="2000.0", f29="12348$"))
        self.assertIsNone(report.count)
        self.assertEqual(report.positions, read(FIXED).positions)
        report = read(f"+RESP:GTZZZ,{HEAD},2000.0,12AB$")
        self.assertEqual(
            (report.count, report.fields), ("12AB", {"unparsed": ["2000.0"]})
        )

    def test_cell_without_a_fix_is_found(self) -> None:
        report = read(f"+RESP:GTZZZ,{HEAD},7,0,,,,,,,0234,0015,03C3,3550,,{TAIL}")
        (position,) = report.positions
        self.assertEqual(
            (position.hdop, position.mcc, position.cell_id), (0, 234, "3550")
        )
        self.assertEqual(report.fields, {"unparsed": ["7", ""]})

    def test_cell_without_a_fix_and_accuracy_is_found(self) -> None:
        report = read(f"+RESP:GTZZZ,{HEAD},7,,,,,,,,0234,0015,03C3,3550,,{TAIL}")
        (position,) = report.positions
        self.assertEqual((position.hdop, position.cell_id), (None, "3550"))

    def test_cell_and_time_without_coordinates_are_found(self) -> None:
        for place in (",", "0,0", "0.0,0.0"):
            block = BLOCK.replace("-54.557850,-20.587663", place)
            (position,) = read(f"+RESP:GTZZZ,{HEAD},7,{block},{TAIL}").positions
            self.assertEqual(
                (position.gps_time, position.longitude, position.cell_id),
                ("2025-07-28T00:45:46Z", None, "59C0"),
            )

    def test_list_of_cells_with_gaps_is_none(self) -> None:
        cells = "0234,0015,003a,62a2,16,,,,,,,0234,0015,003a,56a2,14"
        report = read(f"+RESP:GTZZZ,{HEAD},{cells},{TAIL}")
        self.assertEqual(report.positions, ())

    def test_what_only_looks_like_a_cell_is_none(self) -> None:
        for cell in ("0234,0015,03C3,no cell", "100,22,1,2", "0234,0015,03C3,"):
            report = read(f"+RESP:GTZZZ,{HEAD},0,,,,,,,{cell},,{TAIL}")
            self.assertEqual(report.positions, ())

    def test_lists_of_cells_are_no_positions(self) -> None:
        text = f"+RESP:GTGSM,{HEAD},0,,,,,,,0234,0015,03C3,3550,,{TAIL}"
        self.assertEqual(read(text).positions, ())

    def test_wifi_list_between_time_and_cell(self) -> None:
        for wifi in (
            "2,08626693fb98,-36,,,,08626693fb99,-40,,,",
            "2,08626693fb98,-36,08626693fb99,-100",
            "0",
            "",
        ):
            text = FIXED.replace("004546,0724", f"004546,{wifi},0724").replace(
                "0903", "4230"
            )
            (position,) = read(text).positions
            self.assertEqual((position.mcc, position.cell_id), (724, "59C0"), wifi)

    def test_wifi_list_without_a_cell(self) -> None:
        wifi = "1,08626693fb98,-36,,,,,,,,15"
        report = read(
            FIXED.replace("004546,0724,0003,08AA,59C0", f"004546,{wifi}").replace(
                "0903", "4230"
            )
        )
        (position,) = report.positions
        self.assertIsNone(position.mcc)
        self.assertEqual(report.fields["unparsed"][3], "15")

    def test_legacy_block(self) -> None:
        for extra in ("1,", ",", ""):
            report = read(
                f"+RESP:GTTRI,862370030005908,1,0,9,1,-3.6,354,18.5,{extra}18.821100,"
                "-34.084002,20170607152024,0655,0001,00DD,1CAE,00,11F0,0103010100$"
            )
            (position,) = report.positions
            self.assertEqual(
                (position.hdop, position.speed_kmh, position.heading_deg),
                (1, -3.6, 354),
            )
            self.assertEqual(
                (position.altitude_m, position.longitude, position.cell_id),
                (18.5, 18.8211, "1CAE"),
            )
            self.assertEqual(report.fields["unparsed"], ["1", "0", "9", "00"])

    def test_mnc_of_one_digit(self) -> None:
        (position,) = read(fixed(f14="724", f15="3")).positions
        self.assertEqual((position.mnc, position.cell_id), (3, "59C0"))

    def test_irregular_cell_is_left_out(self) -> None:
        for changes in ({"f14": "1"}, {"f15": "x"}, {"f16": "123456789"}, {"f17": "G"}):
            (position,) = read(fixed(**changes)).positions
            self.assertIsNone(position.mcc)
            self.assertIsNone(position.cell_id)

    def test_ill_formed_values_are_kept_as_text(self) -> None:
        for at, name, text in (
            (4, "external_power_mv", "-1"),
            (19, "mileage_km", "1e9"),
            (20, "hour_meter", "12:30"),
            (23, "battery_percent", "101"),
            (24, "device_status", "2101Z1"),
            (25, "csq_rssi", "32"),
        ):
            with self.subTest(name=name):
                report = read(fixed(**{f"f{at}": text}))
                self.assertIsNone(report.fields[name])
                self.assertEqual(report.fields["unparsed"], [text])
        report = read(f"+RESP:GTGSS,{HEAD},2,9,21,r,{BLOCK},{TAIL}")
        self.assertEqual(report.fields["unparsed"], ["2", "r"])


class States(SynchronousTestCase):
    def test_ignition_by_device_status(self) -> None:
        for status, ignition in (
            ("110000", False),
            ("120000", False),
            ("160000", False),
            ("1a0000", False),
            ("210100", True),
            ("220100", True),
            ("410000", None),
            ("420000", None),
            ("", None),
        ):
            self.assertIs(read(fixed(f24=status)).ignition, ignition)

    def test_outputs_are_the_last_byte(self) -> None:
        for status, outputs in (
            ("210103", 3),
            ("21010002", 2),
            ("2101000001", 1),
            ("21", None),
            ("", None),
        ):
            self.assertEqual(read(fixed(f24=status)).outputs, outputs)

    def test_outputs_in_a_field_of_their_own(self) -> None:
        text = FIXED.replace("090302", "350302").replace("210101,5,0,7", "08,02,,")
        self.assertEqual(read(text).outputs, 2)

    def test_ignition_events(self) -> None:
        body = f"{HEAD},60,{BLOCK},,7.5,{TAIL}"
        self.assertIs(read(f"+RESP:GTIGN,{body}").ignition, True)
        self.assertIs(read(f"+BUFF:GTIGF,{body}").ignition, False)
        self.assertIsNone(read(f"+RESP:GTVGN,{body}").ignition)

    def test_gtigl_tells_ignition_by_device_type(self) -> None:
        for version, report, ignition in (
            ("090302", "00", None),
            ("090302", "01", None),
            ("060228", "00", None),
            ("FE1712", "00", True),
            ("FE1712", "01", False),
            ("FE1712", "02", None),
        ):
            text = (
                f"+RESP:GTIGL,{version},865083030000012,,,{report},1,{BLOCK},7,{TAIL}"
            )
            self.assertIs(read(text).ignition, ignition)
            self.assertIs(keys(text).ignition, ignition)

    def test_acknowledgement_tells_none(self) -> None:
        self.assertIsNone(read(f"+ACK:GTIGN,{HEAD},0001,{TAIL}").ignition)


class Acknowledgements(SynchronousTestCase):
    def test_serial_is_third_from_the_end(self) -> None:
        for text, fields in (
            ("+ACK:GTOUT,{}car,0001,{}", {"serial": "0001"}),
            ("+ACK:GTOUT,{},,{}", {"serial": None}),
            ("+ACK:GTRTO,{},RTL,005f,{}", {"serial": "005f", "sub_command": "RTL"}),
            ("+ACK:GTRTO,{},,005f,{}", {"serial": "005f", "sub_command": None}),
            ("+ACK:GTRTO,{},005f,{}", {"serial": "005f"}),
            ("+ACK:GTGEO,{},0,0008,{}", {"serial": "0008", "fence_id": "0"}),
            ("+ACK:GTCFG,{},x,0008,{}", {"serial": "0008", "unparsed": ["x"]}),
            ("+NACK:GTOUT,{},1,0001,{}", {"serial": "0001", "cause": 1}),
            ("+NACK:GTOUT,{},0001,{}", {"serial": "0001"}),
            (
                "+NACK:GTRTO,{},RTL,2,0001,{}",
                {"serial": "0001", "cause": 2, "sub_command": "RTL"},
            ),
            (
                "+NACK:GTOUT,{},why,0001,{}",
                {"serial": "0001", "cause": None, "unparsed": ["why"]},
            ),
        ):
            with self.subTest(text=text):
                report = read(text.format(HEAD, TAIL))
                self.assertEqual(report.fields, fields)
                self.assertEqual(report.positions, ())

    def test_unreadable_tail_tells_no_serial(self) -> None:
        report = read(f"+ACK:GTOUT,{HEAD},0001,20250727214557,71D$")
        self.assertEqual(report.fields, {"unparsed": ["0001", "20250727214557", "71D"]})

    def test_too_short_for_a_serial(self) -> None:
        self.assertEqual(read(f"+ACK:GTOUT,{HEAD},{TAIL}").fields, {})

    def test_heartbeat_has_no_fields(self) -> None:
        for prefix in ("+ACK", "+RESP"):
            report = read(f"{prefix}:GTHBD,{HEAD},{TAIL}")
            self.assertEqual((report.fields, report.count), ({}, "071D"))

    def test_extra_field_of_a_heartbeat_is_kept(self) -> None:
        report = read(f"+ACK:GTHBD,{HEAD},0001,{TAIL}")
        self.assertEqual(
            (report.fields, report.count), ({"unparsed": ["0001"]}, "071D")
        )
