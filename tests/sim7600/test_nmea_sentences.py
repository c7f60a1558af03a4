from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from pynmeagps import NMEAReader
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600 import nmea
from gatewaykit.sim7600.nmea_sentences import MAX_SENTENCE, named, read
from tests.sim7600.sentences import whole


class Reading(SynchronousTestCase):
    def test_talker_and_kind(self) -> None:
        for content, talker, kind in (
            ("GPGGA,1", "GP", "GGA"),
            ("BDGSA", "BD", "GSA"),
            ("PQGSV,1", "PQ", "GSV"),
            ("PUBX,00", "P", "UBX"),
            ("PGRME,1", "P", "GRME"),
            ("PQTMVER", "P", "QTMVER"),
        ):
            with self.subTest(content=content):
                sentence = read(whole(content))
                assert sentence is not None
                self.assertEqual((sentence.talker, sentence.kind), (talker, kind))
        empty = read("$GPGGA,,,,,,0,,,,,,,,*66")
        assert empty is not None
        self.assertEqual(len(empty.fields), 14)

    def test_checksum_of_either_case(self) -> None:
        self.assertIsNotNone(read("$GPGSA,A,1,,,,,,,,,,,,,,,*1E\r\n"))
        self.assertIsNotNone(read(b"$GPGSA,A,1,,,,,,,,,,,,,,,*1e\r\n"))

    def test_longest_sentence(self) -> None:
        fits = whole("GPTXT," + "x" * (MAX_SENTENCE - 10))
        self.assertEqual(len(fits), MAX_SENTENCE)
        self.assertIsNotNone(read(fits + "\r\n"))
        self.assertIsNone(read(whole("GPTXT," + "x" * (MAX_SENTENCE - 9))))

    def test_what_is_no_sentence_is_none(self) -> None:
        for line in (
            "",
            "$",
            "OK",
            "$GPGSA,A,1,,,,,,,,,,,,,,,",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*1",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*1F",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*1E ",
            "$GPGSA,A,1,,,,,,,,,,,,,,,*1E*1E",
            "x$GPGSA,A,1,,,,,,,,,,,,,,,*1E",
            "GPGSA,A,1,,,,,,,,,,,,,,,*1E",
            whole("GPTXT,$"),
            whole("GPTXT,*"),
            whole("GPTXT,\t"),
            whole("gptxt,1"),
            whole("GP"),
            "$GPTXT,\N{POUND SIGN}*00",
            b"\xff\xfe$GPTXT,*00",
            whole("GPVTG,NaN,T,,M,0.0,N,0.0,K,A"),
            whole("GPVTG,1.0,T,,M,-inf,N,0.0,K,A"),
            whole("GPVTG,1.0,T,,M,Infinity,N,0.0,K,A"),
        ):
            with self.subTest(line=line):
                self.assertIsNone(read(line))

    def test_fields_have_names(self) -> None:
        sentence = read(whole("PQGSA,A,3,01,,,,,,,,,,,,1.4,0.8,1.2"))
        assert sentence is not None
        values = named(sentence)
        assert values is not None
        self.assertEqual(values["svid_01"], 1)
        self.assertEqual(values["svid_02"], "")
        self.assertEqual(values["PDOP"], 1.4)
        self.assertNotIn("systemId", values)
        self.assertIsNone(named(nmea.Sentence("GP", "GSV", ("x",), "")))


def location(**changes: Any) -> dict[str, Any]:
    return {
        "fix_status": "valid",
        "mode": 3,
        "gps_time": "2025-08-30T12:34:56.000Z",
        "latitude": 51.82023333,
        "longitude": -1.32,
        "altitude_m": 82.5,
        "geoid_separation_m": 47.0,
        "speed_kmh": 18.52,
        "heading_deg": 45.0,
        "pdop": 1.4,
        "hdop": 0.8,
        "vdop": 1.2,
        "satellites": {"total": 14, "used": 9},
        "sky": None,
    } | changes


class Made(SynchronousTestCase):
    def test_sentences_of_a_position(self) -> None:
        """The module's own of facts/sim7600.md 3.10, but for what is not known."""
        self.assertEqual(
            nmea.sentences(location(latitude=51.0 + 49.214 / 60)),
            [
                "$GPGGA,123456.0,5149.214000,N,00119.200000,W,1,09,0.8,82.5,M,47.0,M,,*71",
                "$GPRMC,123456.0,A,5149.214000,N,00119.200000,W,10.0,45.0,300825,,,A*72",
                whole("GPGSA,A,3,,,,,,,,,,,,,1.4,0.8,1.2"),
                whole("GPVTG,45.0,T,,M,10.0,N,18.5,K,A"),
            ],
        )

    def test_used_satellites_of_gps_are_named(self) -> None:
        sky = [
            {"gnss": "gps", "svid": svid, "used": True}
            for svid in (2, 4, 5, 10, 12, 13, 17, 23, 25)
        ]
        sky += [
            {"gnss": "gps", "svid": 7, "used": False},
            {"gnss": "glonass", "svid": 8, "used": True},
        ]
        self.assertEqual(
            nmea.sentences(location(sky=sky))[2],
            "$GPGSA,A,3,02,04,05,10,12,13,17,23,25,,,,1.4,0.8,1.2*3F",
        )
        many = [{"gnss": "gps", "svid": svid, "used": True} for svid in range(1, 20)]
        self.assertIn(",12,1.4,", nmea.sentences(location(sky=many))[2])

    def test_empty_forms_unless_the_position_is_valid(self) -> None:
        for status in ("stale", "no_fix", "invalid"):
            self.assertEqual(
                nmea.sentences(location(fix_status=status)),
                [
                    "$GPGGA,,,,,,0,,,,,,,,*66",
                    "$GPRMC,,V,,,,,,,,,,N*53",
                    "$GPGSA,A,1,,,,,,,,,,,,,,,*1E",
                    "$GPVTG,,T,,M,,N,,K,N*2C",
                ],
            )

    def test_what_is_not_known_is_empty(self) -> None:
        unknown = dict.fromkeys(
            (
                *("mode", "gps_time", "altitude_m", "geoid_separation_m", "speed_kmh"),
                *("heading_deg", "pdop", "hdop", "vdop"),
            )
        )
        made = location(**unknown, satellites={"total": None, "used": None})
        place = "5149.214000,N,00119.200000,W"
        self.assertEqual(
            nmea.sentences(made),
            [
                whole(f"GPGGA,,{place},1,,,,,,,,"),
                whole(f"GPRMC,,A,{place},,,,,,A"),
                whole("GPGSA,A,2,,,,,,,,,,,,,,,"),
                whole("GPVTG,,T,,M,,N,,K,A"),
            ],
        )

    def test_values_that_are_no_numbers_are_empty(self) -> None:
        for value in (float("nan"), float("inf")):
            made = nmea.sentences(location(heading_deg=value, speed_kmh=value))
            self.assertEqual(made[3], whole("GPVTG,,T,,M,,N,,K,A"))

    def test_count_of_satellites(self) -> None:
        for total, used, expected in (
            (14, None, "14"),
            (14, 0, "00"),
            (120, None, "99"),
        ):
            counts = {"total": total, "used": used}
            made = nmea.sentences(location(satellites=counts))[0]
            self.assertEqual(made.split(",")[7], expected)

    def test_fraction_of_the_time(self) -> None:
        for text, expected in (
            ("2025-08-30T12:34:56.250Z", "123456.25"),
            ("2025-08-30T12:34:56Z", "123456.0"),
            ("2025-08-30T12:34:56.5+00:00", "123456.5"),
            ("yesterday", ""),
        ):
            made = nmea.sentences(location(gps_time=text))[0]
            self.assertEqual(made.split(",")[1], expected)

    def test_minutes_are_carried(self) -> None:
        made = nmea.sentences(location(latitude=51.9999999999, longitude=-0.9999999999))
        self.assertEqual(
            made[0].split(",")[2:6], ["5200.000000", "N", "00100.000000", "W"]
        )

    @given(st.floats(-90, 90), st.floats(-180, 180))
    @example(90.0, 180.0)
    @example(-89.99999999999, 179.99999999999)
    def test_any_place_is_read_back(self, latitude: float, longitude: float) -> None:
        made = nmea.sentences(location(latitude=latitude, longitude=longitude))
        for sentence in made:
            self.assertIsNotNone(read(sentence))
        message = NMEAReader.parse(made[0])
        self.assertTrue(abs(message.lat - latitude) < 1e-8)
        self.assertTrue(abs(message.lon - longitude) < 1e-8)
        fields = made[0].split(",")
        self.assertLess(float(fields[2][2:]), 60)
        self.assertLess(float(fields[4][3:]), 60)
