from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges import gpsd_objects as objects
from gatewaykit.bridges.gpsd_requests import Policy
from gatewaykit.interfaces import Record
from tests.bridges.gpsd_support import DEVICE, FIX, SEARCHING, STALE, located

NO_FIX = '{"class":"TPV","device":"/dev/ttyUSB2","mode":1}'

numbers = st.none() | st.floats() | st.integers() | st.booleans()
counts = st.none() | st.integers(0, 99)


def satellite(gnss: str = "gps", svid: int = 5, **changes: Any) -> Record:
    return {
        "gnss": gnss,
        "svid": svid,
        "elevation_deg": 45,
        "azimuth_deg": 181.0,
        "cn0_dbhz": 38,
        "used": True,
        **changes,
    }


records = st.fixed_dictionaries(
    {
        "fix_status": st.sampled_from(["valid", "stale", "no_fix", "invalid"]),
        "mode": st.none() | st.integers(2, 3),
        "gps_time": st.none() | st.just("2025-08-30T12:34:56.000Z"),
        "satellites": st.fixed_dictionaries(
            {"total": counts, "in_view": counts, "used": counts}
        ),
        "stale": st.booleans(),
        "sky": st.none()
        | st.lists(
            st.builds(
                satellite,
                st.sampled_from(["gps", "glonass", "navic"]),
                st.integers(-1, 500),
                elevation_deg=numbers,
                azimuth_deg=numbers,
                cn0_dbhz=numbers,
                used=st.booleans(),
            )
        ),
    }
    | dict.fromkeys(
        (
            "latitude",
            "longitude",
            "altitude_m",
            "geoid_separation_m",
            "speed_kmh",
            "heading_deg",
            "pdop",
            "hdop",
            "vdop",
        ),
        numbers,
    )
)


def tpv(record: Record) -> Record:
    found: Record = json.loads(objects.epoch(DEVICE, record).tpv)
    return found


def sky(record: Record) -> Record:
    found: Record = json.loads(objects.epoch(DEVICE, record).sky)
    return found


def reject(constant: str) -> None:
    raise AssertionError(constant)


class TPVTests(SynchronousTestCase):
    def test_bytes(self) -> None:
        """facts/sim7600.md 6.4, without what a SIM7600 does not know."""
        self.assertEqual(
            objects.epoch(DEVICE, located(geoid_separation_m=47.0)).tpv,
            '{"class":"TPV","device":"/dev/ttyUSB2","mode":3,'
            '"time":"2025-08-30T12:34:56.000Z","ept":0.005,"lat":51.820233333,'
            '"lon":-1.320000000,"altHAE":129.5000,"altMSL":82.5000,"alt":82.5000,'
            '"epx":8.485,"epy":8.485,"epv":27.600,"track":45.0000,"speed":5.144,'
            '"geoidSep":47.000,"eph":15.200,"sep":26.600}',
        )

    def test_height_above_the_ellipsoid_needs_the_geoid(self) -> None:
        found = tpv(FIX)
        self.assertEqual((found["altMSL"], found["alt"]), (82.5, 82.5))
        self.assertFalse({"altHAE", "geoidSep"} & set(found))

    def test_in_the_plane_there_is_no_height(self) -> None:
        """facts/sim7600.md 3.9: gpsd's clients are told the mode that the modem told."""
        found = tpv(located(mode=2, geoid_separation_m=47.0))
        self.assertEqual(found["mode"], 2)
        height = {"altHAE", "altMSL", "alt", "epv", "geoidSep", "sep"}
        self.assertFalse(height & set(found))
        self.assertEqual(found["lat"], 51.820233333)

    def test_a_fix_without_mode_has_the_one_of_its_fields(self) -> None:
        self.assertEqual(tpv(located(mode=None))["mode"], 3)
        self.assertEqual(tpv(located(mode=None, altitude_m=None))["mode"], 2)

    def test_without_a_fix(self) -> None:
        for record in (
            SEARCHING,
            STALE,
            objects.NOTHING,
            located(fix_status="stale"),
            located(fix_status="invalid"),
            located(latitude=None),
            located(longitude=None),
            located(latitude=90.1),
            located(longitude=-180.1),
            located(latitude=float("nan")),
        ):
            self.assertEqual(objects.epoch(DEVICE, dict(record)).tpv, NO_FIX)

    def test_what_is_not_known_is_left_out(self) -> None:
        found = tpv(
            located(
                speed_kmh=None, heading_deg=None, hdop=None, vdop=None, gps_time=None
            )
        )
        absent = {"speed", "track", "eph", "epx", "epy", "epv", "time", "ept"}
        self.assertFalse(absent & set(found))

    def test_no_negative_zero(self) -> None:
        found = objects.epoch(DEVICE, located(latitude=-1e-12, longitude=-0.0)).tpv
        self.assertIn('"lat":0.000000000,"lon":0.000000000', found)


class SkyTests(SynchronousTestCase):
    def test_counts_without_satellites(self) -> None:
        self.assertEqual(
            objects.epoch(DEVICE, FIX).sky,
            '{"class":"SKY","device":"/dev/ttyUSB2","time":"2025-08-30T12:34:56.000Z",'
            '"vdop":1.20,"hdop":0.80,"pdop":1.40,"nSat":14,"uSat":14}',
        )

    def test_counts_of_the_nmea_port_count(self) -> None:
        found = sky(located(satellites={"total": 14, "in_view": 21, "used": 9}))
        self.assertEqual((found["nSat"], found["uSat"]), (21, 9))
        found = sky(
            {**SEARCHING, "satellites": {"total": 3, "in_view": 4, "used": None}}
        )
        self.assertEqual(found, {"class": "SKY", "device": DEVICE, "nSat": 4})

    def test_satellites(self) -> None:
        found = objects.epoch(
            DEVICE,
            located(
                sky=[
                    satellite(),
                    satellite("glonass", 3, cn0_dbhz=None, used=False),
                ]
            ),
        ).sky
        self.assertIn(
            '"nSat":2,"uSat":1,"satellites":[{"PRN":5,"el":45.0,"az":181.0,"ss":38.0,'
            '"used":true,"gnssid":0,"svid":5},{"PRN":67,"el":45.0,"az":181.0,'
            '"used":false,"gnssid":6,"svid":3}]}',
            found,
        )

    def test_numbers_of_satellites(self) -> None:
        """gpsd's PRN; those of NMEA are taken for what they are."""
        for gnss, svid, expected in (
            ("gps", 32, (32, 0, 32)),
            ("sbas", 120, (120, 1, 120)),
            ("sbas", 33, (120, 1, 120)),
            ("galileo", 36, (336, 2, 36)),
            ("galileo", 301, (301, 2, 1)),
            ("beidou", 5, (405, 3, 5)),
            ("qzss", 1, (193, 5, 1)),
            ("qzss", 194, (194, 5, 2)),
            ("glonass", 24, (88, 6, 24)),
            ("glonass", 65, (65, 6, 1)),
        ):
            (found,) = sky(located(sky=[satellite(gnss, svid)]))["satellites"]
            self.assertEqual((found["PRN"], found["gnssid"], found["svid"]), expected)

    def test_numbers_that_no_satellite_has(self) -> None:
        for gnss, svid in (
            ("gps", 0),
            ("gps", 33),
            ("sbas", 5),
            ("galileo", 37),
            ("beidou", 0),
            ("navic", 5),
        ):
            found = sky(located(sky=[satellite(gnss, svid)]))
            self.assertEqual((found["satellites"], found["nSat"]), ([], 0))

    def test_satellites_are_told_while_searching(self) -> None:
        found = sky({**SEARCHING, "sky": [satellite(used=False)], "hdop": 99.0})
        self.assertEqual((found["nSat"], found["uSat"]), (1, 0))
        self.assertNotIn("hdop", found)

    def test_nothing_old_is_told(self) -> None:
        empty = {"class": "SKY", "device": DEVICE}
        for record in (
            objects.NOTHING,
            STALE,
            located(fix_status="stale", sky=[satellite()]),
            {**SEARCHING, "stale": True, "sky": [satellite()]},
        ):
            self.assertEqual(sky(dict(record)), empty)

    def test_fits_into_a_line_of_gpsd(self) -> None:
        many = [satellite("beidou", 60, elevation_deg=-12.3) for _ in range(500)]
        self.assertLess(len(objects.epoch(DEVICE, located(sky=many)).sky), 10240)


class EpochTests(SynchronousTestCase):
    def test_sky_goes_first(self) -> None:
        epoch = objects.epoch(DEVICE, FIX)
        self.assertEqual(epoch.lines, f"{epoch.sky}\r\n{epoch.tpv}\r\n".encode())

    @given(records)
    def test_any_record_makes_strict_json(self, record: Record) -> None:
        for line in objects.epoch(DEVICE, record).lines.splitlines():
            found = json.loads(line, parse_constant=reject)
            self.assertNotIn(None, found.values())
            self.assertFalse({str} & {type(found.get(key)) for key in ("mode", "lat")})


class ObjectTests(SynchronousTestCase):
    def test_version(self) -> None:
        self.assertEqual(
            objects.line(objects.VERSION),
            b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,'
            b'"proto_minor":14}\r\n',
        )

    def test_devices(self) -> None:
        there = objects.device(
            DEVICE, 115200, "2025-08-30T12:34:56.335Z", identified=True
        )
        self.assertEqual(
            objects.devices([there]),
            '{"class":"DEVICES","devices":[{"class":"DEVICE","path":"/dev/ttyUSB2",'
            '"driver":"NMEA0183","activated":"2025-08-30T12:34:56.335Z","flags":1,'
            '"native":0,"bps":115200,"parity":"N","stopbits":1,"cycle":1.00}]}',
        )
        self.assertEqual(objects.devices([]), '{"class":"DEVICES","devices":[]}')

    def test_device_before_it_is_identified(self) -> None:
        found = json.loads(objects.device(DEVICE, 9600, "2025", identified=False))
        self.assertFalse({"driver", "flags"} & set(found))
        self.assertEqual(found["bps"], 9600)

    def test_device_that_is_gone(self) -> None:
        self.assertEqual(
            objects.device(DEVICE, 9600, None, identified=True),
            '{"class":"DEVICE","path":"/dev/ttyUSB2","activated":0}',
        )

    def test_watch(self) -> None:
        self.assertEqual(
            objects.watch(Policy(enable=True, json=True)),
            '{"class":"WATCH","enable":true,"json":true,"nmea":false,"raw":0,'
            '"scaled":false,"timing":false,"split24":false,"pps":false}',
        )
        self.assertTrue(
            objects.watch(Policy(device=DEVICE)).endswith(',"device":"/dev/ttyUSB2"}')
        )

    def test_poll(self) -> None:
        time = "2025-08-30T12:34:56.924Z"
        self.assertEqual(
            objects.poll(time, DEVICE, None),
            '{"class":"POLL","time":"2025-08-30T12:34:56.924Z","active":0,"tpv":[],'
            '"gst":[],"sky":[]}',
        )
        epoch = objects.epoch(DEVICE, objects.NOTHING)
        self.assertEqual(
            objects.poll(time, DEVICE, epoch),
            '{"class":"POLL","time":"2025-08-30T12:34:56.924Z","active":1,'
            f'"tpv":[{NO_FIX}],"gst":[{{"class":"GST","device":"/dev/ttyUSB2"}}],'
            '"sky":[{"class":"SKY","device":"/dev/ttyUSB2"}]}',
        )

    def test_errors(self) -> None:
        self.assertEqual(
            objects.unrecognized("?FOO;\n"),
            '{"class":"ERROR","message":"Unrecognized request \'?FOO;\\n\'"}',
        )
        self.assertEqual(
            objects.no_such_device("/dev/nope"),
            '{"class":"ERROR","message":"No such device as /dev/nope"}',
        )

    @given(st.text())
    def test_errors_quote_anything(self, text: str) -> None:
        found = json.loads(objects.line(objects.error(text)))
        self.assertEqual(found["message"], text)
