from __future__ import annotations

import math

import attrs
from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.reading import ReplyError
from gatewaykit.sim7600.system import System, system
from tests.sim7600.garbage import lines, parsed
from tests.sim7600.transcripts import transcript

LTE = (
    "+CPSI: LTE,Online,460-11,0x5A1E,187214780,257,EUTRAN-BAND3,1850,5,5,"
    "-94,-850,-545,15"
)
WCDMA = (
    "+CPSI: WCDMA,Online,460-01,0xA809,11122855,WCDMA IMT 2000,279,10663,0,1.5,"
    "62,33,52,500"
)
GSM = "+CPSI: GSM,Online,460-00,0x182d,12401,27 EGSM 900,-64,2110,42-42"


class Forms(SynchronousTestCase):
    def test_lte(self) -> None:
        self.assertEqual(
            system(LTE),
            System(
                "LTE",
                "Online",
                LTE,
                "LTE",
                "E-UTRAN",
                mcc="460",
                mnc="11",
                area_code=0x5A1E,
                cell_id=187214780,
                physical_cell_id=257,
                band="EUTRAN-BAND3",
                channel=1850,
                downlink_mhz=20.0,
                uplink_mhz=20.0,
                rsrq_db=-9.4,
                rsrp_dbm=-85.0,
                rssi_dbm=-54.5,
                sinr_db=15.0,
            ),
        )

    def test_transcript_20(self) -> None:
        found = system(transcript(20).lines[0])
        self.assertEqual(found.band, "EUTRAN-BAND1")
        self.assertEqual(
            (found.rsrq_db, found.rsrp_dbm, found.rssi_dbm, found.sinr_db),
            (-12.2, -118.4, -87.4, 9.0),
        )
        self.assertEqual((found.mcc, found.mnc), ("262", "02"))
        self.assertEqual(found.downlink_mhz, 15.0)

    def test_transcript_21(self) -> None:
        third, second = (
            system(line) for line in transcript(21).lines if line.startswith("+CPSI")
        )
        self.assertEqual((third.technology, third.area_code), ("3G", 0xA809))
        self.assertEqual((second.technology, second.area_code), ("2G", 0x182D))
        self.assertEqual(second.rssi_dbm, -64.0)

    def test_wcdma(self) -> None:
        found = system(WCDMA)
        self.assertEqual((found.mcc, found.mnc), ("460", "01"))
        self.assertEqual((found.area_code, found.cell_id), (0xA809, 11122855))
        self.assertEqual((found.band, found.channel), ("WCDMA IMT 2000", 10663))
        self.assertEqual(found.physical_cell_id, 279)
        self.assertEqual((found.rscp_dbm, found.rssi_dbm), (-62.0, -52.0))
        self.assertIsNone(found.rsrp_dbm)

    def test_gsm(self) -> None:
        found = system(GSM)
        self.assertEqual((found.band, found.channel), ("EGSM 900", 27))
        self.assertEqual((found.cell_id, found.rssi_dbm), (12401, -64.0))

    def test_no_service(self) -> None:
        for line, operation in (
            ("+CPSI: NO SERVICE,Online", "Online"),
            (transcript(22).lines[0], "Online"),
            ("+CPSI: NO SERVICE,Low Power Mode", "Low Power Mode"),
        ):
            self.assertEqual(system(line), System("NO SERVICE", operation, line))

    def test_limited_service_has_the_form_of_its_technology(self) -> None:
        for line in (LTE, WCDMA, GSM):
            limited = system(line.replace(",", "-LIMITED,", 1))
            self.assertEqual(
                attrs.evolve(limited, mode="", raw=""),
                attrs.evolve(system(line), mode="", raw=""),
            )

    def test_other_technologies_are_kept_as_they_are(self) -> None:
        for mode, technology, access in (
            ("CDMA", "CDMA", "CDMA"),
            ("EVDO", "CDMA", "EVDO"),
            ("TDS", "3G", "TD-SCDMA"),
            ("NR5G_SA", None, None),
        ):
            line = f"+CPSI: {mode},Online,1,2,3"
            self.assertEqual(
                system(line), System(mode, "Online", line, technology, access)
            )

    def test_three_digits_of_mnc(self) -> None:
        found = system(LTE.replace("460-11", "310-410"))
        self.assertEqual((found.mcc, found.mnc), ("310", "410"))

    def test_empty_fields_are_none(self) -> None:
        for line in (LTE, WCDMA, GSM):
            head = ",".join(line.split(",")[:2])
            bare = system(head + "," * line[len(head) :].count(","))
            told = attrs.asdict(bare, filter=lambda _, value: value is not None)
            self.assertEqual(
                set(told),
                {"mode", "operation", "raw", "technology", "access_technology"},
            )


class Ranges(SynchronousTestCase):
    def test_measurements_that_cannot_be_are_none(self) -> None:
        for old, new, name in (
            ("-850,", "0,", "rsrp_dbm"),
            ("-850,", "-32768,", "rsrp_dbm"),
            ("-94,", "-9999,", "rsrq_db"),
            ("-545,", "10,", "rssi_dbm"),
            (",15", ",99", "sinr_db"),
            (",257,", ",504,", "physical_cell_id"),
            (",187214780,", ",999999999,", "cell_id"),
            ("5,5,", "6,5,", "downlink_mhz"),
            ("0x5A1E", "0x1000000", "area_code"),
        ):
            self.assertIn(old, LTE)
            self.assertIsNone(getattr(system(LTE.replace(old, new, 1)), name), new)
        self.assertIsNone(system(GSM.replace("-64", "0")).rssi_dbm)
        self.assertIsNone(system(GSM.replace("27 EG", "2700 EG")).channel)

    def test_what_cannot_be_read_is_refused(self) -> None:
        for line in (
            "+CPSI:",
            "+CPSI: LTE",
            "+CPSI: ,Online",
            "+CPSI: L\xfcE,Online",
            "+CPSI: LTE,Online",
            LTE.rpartition(",")[0],
            WCDMA.rpartition(",")[0],
            GSM.rpartition(",")[0],
            LTE.replace("460-11", "46011"),
            LTE.replace("0x5A1E", "5A1E"),
            LTE.replace("EUTRAN-BAND3", "\xff"),
            LTE.replace(",257,", ",2x7,"),
            LTE.replace(",15", ",nan"),
            WCDMA.replace("WCDMA IMT 2000", "3"),
            GSM.replace("27 EGSM 900", "EGSM 900"),
            LTE[1:],
        ):
            self.assertRaises(ReplyError, system, line)

    @given(lines("+CPSI:", "+CPSI: LTE,Online,", "+CPSI: GSM,Online,"))
    def test_garbage(self, line: str) -> None:
        found = parsed(system, line)
        if found is not None:
            values = attrs.asdict(found).values()
            numbers = [value for value in values if isinstance(value, float)]
            self.assertTrue(all(math.isfinite(number) for number in numbers))
