from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600 import legacy
from gatewaykit.sim7600.gnss import GNSSFix, cgnssinfo
from gatewaykit.sim7600.radio import csq, operator, registration
from gatewaykit.sim7600.status import network_record
from gatewaykit.sim7600.system import system
from tests.sim7600.test_gnss import MOVING, MOVING_CGPS, SIBLING, fix
from tests.sim7600.test_system import LTE

TIMES = {"updated_at": "2025-08-30T12:34:56.789Z", "age_s": 0.513, "stale": False}
MOST_BYTES = 1400
_OF_FIX = (
    *("mode", "latitude", "longitude", "altitude_m", "speed_kmh", "speed_knots"),
    *("heading_deg", "pdop", "hdop", "vdop", "date", "utc_time", "raw"),
)


def network(**parts: Any) -> dict[str, Any]:
    return network_record(**parts) | {"sim_state": "READY"} | TIMES


def location(fix_status: str, found: GNSSFix | None = None) -> dict[str, Any]:
    """A location record as the modem's service makes it."""
    counts = ("gps", "glonass", "beidou", "galileo", "total")
    return {
        "fix_status": fix_status,
        **{name: getattr(found, name, None) for name in _OF_FIX},
        "gps_time": "2025-08-30T12:34:56.000Z" if found else None,
        "geoid_separation_m": None,
        "accuracy_m": 2.8 if found else None,
        "satellites": {name: getattr(found, name, None) for name in counts}
        | {"in_view": None, "used": None},
        "sky": None,
        "engine": "on",
        "searching_s": None if found else 42.125,
        "last_fix": {
            "latitude": -51.820233333333334,
            "longitude": -171.82023333333333,
            "altitude_m": -182.5,
            "gps_time": "2025-08-30T12:34:56.000Z",
            "age_s": 123456.789,
        },
        **TIMES,
    }


def reply(result: Any, *, success: bool = True) -> str:
    """As the bridge writes it."""
    return json.dumps({"success": success, "result": result})


def gnss_reply(record: dict[str, Any]) -> str:
    success, data = legacy.location(record)
    return reply({"success": success, "data": data}, success=success)


class Examples(SynchronousTestCase):
    """To the byte, up to where the new keys begin (facts/sim7600.md 1.3)."""

    def assert_goes_on(self, text: str, example: str, ends: str) -> None:
        self.assertTrue(example.endswith(ends))
        start = example.removesuffix(ends) + ', "'
        self.assertEqual(text[: len(start)], start)

    def test_registered(self) -> None:
        record = network(
            creg=registration("+CREG: 0,1"),
            signal=csq("+CSQ: 22,99"),
            operator=operator('+COPS: 0,0,"T-Mobile",7'),
        )
        self.assert_goes_on(
            reply(legacy.network(record)),
            '{"success": true, "result": {"connected": true, "signal_strength": "-69 dBm", '
            '"operator": "T-Mobile", "network_type": "LTE", "registration_status": 1}}',
            "}}",
        )

    def test_searching(self) -> None:
        for parts in (
            {},
            {"system": system(LTE.replace("LTE,", "LTE-LIMITED,"))},
        ):
            record = network(
                creg=registration("+CREG: 0,2"),
                signal=csq("+CSQ: 99,99"),
                operator=operator("+COPS: 0"),
                **parts,
            )
            self.assert_goes_on(
                reply(legacy.network(record)),
                '{"success": true, "result": {"connected": false, "signal_strength": null, '
                '"operator": null, "network_type": null, "registration_status": 2}}',
                "}}",
            )

    def test_roaming(self) -> None:
        """The old daemon's "Type 6" is 3G."""
        record = network(
            creg=registration("+CREG: 0,5"),
            signal=csq("+CSQ: 31,99"),
            operator=operator('+COPS: 0,2,"23415",6'),
        )
        self.assert_goes_on(
            reply(legacy.network(record)),
            '{"success": true, "result": {"connected": true, "signal_strength": "-51 dBm", '
            '"operator": "23415", "network_type": "3G", "registration_status": 5}}',
            "}}",
        )

    def test_a_fix(self) -> None:
        self.assert_goes_on(
            gnss_reply(location("valid", fix(MOVING))),
            '{"success": true, "result": {"success": true, "data": {"mode": 3, "fix_type": '
            '"3D", "satellites": {"gps": 9, "glonass": 5, "beidou": 0, "total": 14}, '
            '"latitude": 51.820233333333334, "longitude": -1.32, "altitude": 82.5, '
            '"speed": 18.52, "speed_knots": 10.0, "course": 45.0, "date": "300825", '
            '"utc_time": "123456.0", "pdop": 1.4, "hdop": 0.8, "vdop": 1.2, "fix_status": '
            '"valid", "source": "GNSS"}}}',
            "}}}",
        )

    def test_no_fix(self) -> None:
        for status in ("no_fix", "stale"):
            self.assert_goes_on(
                gnss_reply(location(status)),
                '{"success": true, "result": {"success": true, "data": {"fix_status": '
                '"no_fix", "error": "No GNSS fix available", "source": "GNSS"}}}',
                "}}}",
            )

    def test_invalid(self) -> None:
        self.assert_goes_on(
            gnss_reply(location("invalid")),
            '{"success": false, "result": {"success": false, "data": {"fix_status": '
            '"invalid", "error": "Parse error", "source": "GNSS"}}}',
            "}}}",
        )


class NetworkTests(SynchronousTestCase):
    def test_connected_without_an_operator_has_a_type(self) -> None:
        record = network(creg=registration("+CREG: 0,1"), system=system(LTE))
        self.assertEqual(legacy.network(record)["network_type"], "LTE")

    def test_the_new_keys(self) -> None:
        told = legacy.network(network(system=system(LTE)))
        self.assertIs(told["device_present"], True)
        self.assertEqual((told["rsrp_dbm"], told["stale"]), (-85.0, False))
        self.assertEqual(told["sim_state"], "READY")


class Traps(SynchronousTestCase):
    """What real clients stumble over (facts/sim7600.md 1.5)."""

    def data(self, record: dict[str, Any]) -> dict[str, Any]:
        _, data = legacy.location(record)
        return data

    def test_hdop_is_left_out_rather_than_null(self) -> None:
        found = fix(MOVING.replace("1.4,0.8,1.2", ",,"))
        data = self.data(location("valid", found))
        self.assertNotIn("hdop", data)
        self.assertEqual(data.get("hdop", 2.0) * 3.5, 7.0)
        self.assertIsNone(data["pdop"])

    def test_keys_that_must_be_there(self) -> None:
        found = fix("+CGNSSINFO: 2,,,,5149.2,N,00119.2,W,300825,123456.0,,,,,,")
        data = self.data(location("valid", found))
        for name in ("altitude", "speed", "course"):
            self.assertIsNone(data[name])
        self.assertEqual(
            data["satellites"], {"gps": 0, "glonass": 0, "beidou": 0, "total": 0}
        )

    def test_satellites_are_there_without_a_fix(self) -> None:
        for status in ("no_fix", "stale", "invalid"):
            self.assertEqual(self.data(location(status))["satellites"]["total"], 0)
        record = location("no_fix")
        found = cgnssinfo("+CGNSSINFO: 1,05,02,00,,,,,,,,,,,,")
        record["satellites"] |= {"gps": found.gps, "total": found.total}
        self.assertEqual(self.data(record)["satellites"]["total"], 7)

    def test_a_stale_fix_is_none(self) -> None:
        record = location("stale") | {"stale": True}
        success, data = legacy.location(record)
        self.assertTrue(success)
        self.assertEqual((data["fix_status"], data["stale"]), ("no_fix", True))
        self.assertNotIn("latitude", data)

    def test_the_modem_is_there(self) -> None:
        for record in (location("no_fix"), location("valid", fix(MOVING))):
            self.assertIs(self.data(record)["device_present"], True)

    def test_other_counts_follow_the_old_ones(self) -> None:
        satellites = self.data(location("valid", fix(SIBLING)))["satellites"]
        self.assertEqual(
            list(satellites), ["gps", "glonass", "beidou", "total", "galileo"]
        )
        record = location("valid", fix(MOVING))
        record["satellites"] |= {"galileo": 3, "in_view": 20, "total": None}
        satellites = self.data(record)["satellites"]
        self.assertEqual((satellites["total"], satellites["in_view"]), (17, 20))

    def test_a_fix_of_cgpsinfo_has_a_mode(self) -> None:
        data = self.data(location("valid", fix(MOVING_CGPS)))
        self.assertEqual((data["mode"], data["fix_type"]), (3, "3D"))
        data = self.data(location("valid", fix(MOVING_CGPS.replace("82.5", ""))))
        self.assertEqual((data["mode"], data["fix_type"]), (2, "2D"))


class Lengths(SynchronousTestCase):
    def test_the_richest_status(self) -> None:
        record = network(
            creg=registration('+CREG: 2,5,"1A2B","0123ABCD"'),
            cgreg=registration("+CGREG: 0,10"),
            cereg=registration("+CEREG: 0,10"),
            signal=csq("+CSQ: 100,7"),
            # The longest name there can be, each letter of which takes six bytes.
            operator=operator('+COPS: 0,0,"' + "\xe9" * 64 + '",13'),
            system=system(
                "+CPSI: LTE-LIMITED,Factory Test Mode,460-110,0xFFFFFF,268435455,503,"
                "EUTRAN-BAND255 THE LONGEST NAME,262143,5,5,-444,-1444,-1444,-20.5"
            ),
            mode_preference="a mix with CDMA or TD-SCDMA",
        ) | {"sim_state": "PH-NETSUB PIN", "age_s": 123456.789, "stale": True}
        self.assertNotIn(None, record.values())
        self.assertLess(len(reply(legacy.network(record)).encode()), MOST_BYTES)

    def test_the_richest_position(self) -> None:
        line = (
            "+CGNSSINFO: 3,15,12,12,12,5149.2140001234,S,17119.2000001234,W,300825,"
            "123456.000000,-382.55,1110.0123,145.0123,11.4123,10.8123,11.2123,99"
        )
        sky = [{"gnss": "gps", "svid": n, "used": True} for n in range(60)]
        for status in ("valid", "stale", "invalid"):
            record = location(status, fix(line)) | {
                "sky": sky,
                "geoid_separation_m": -47.123,
                "searching_s": 123456.789,
                "age_s": 123456.789,
            }
            record["satellites"] |= {"in_view": 60, "used": 51}
            text = gnss_reply(record)
            self.assertLess(len(text.encode()), MOST_BYTES)
            self.assertNotIn("svid", text)
