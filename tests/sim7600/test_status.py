from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.radio import (
    Registration,
    csq,
    operator,
    radio_mode,
    registration,
)
from gatewaykit.sim7600.status import network_record
from gatewaykit.sim7600.system import system
from tests.sim7600.test_system import GSM, LTE, WCDMA

NAMES = {
    *("connected", "registration_status", "registration", "roaming", "creg", "cgreg"),
    *("cereg", "signal_dbm", "signal_percent", "rsrp_dbm", "rsrq_db", "sinr_db"),
    *("rssi_dbm", "operator", "mcc", "mnc", "technology", "access_technology", "band"),
    *("channel", "area_code", "cell_id", "physical_cell_id", "system_mode"),
    *("operation_mode", "mode_preference", "sim_state"),
}


def at(stat: int, **place: int) -> Registration:
    told: dict[str, Any] = {"area_code": None, "cell_id": None, "act": None} | place
    return Registration(0, stat, **told)


class Everything(SynchronousTestCase):
    def test_nothing_is_known(self) -> None:
        record = network_record()
        self.assertEqual(set(record), NAMES)
        self.assertIs(record.pop("connected"), False)
        self.assertEqual(set(record.values()), {None})

    def test_all_is_known(self) -> None:
        record = network_record(
            creg=registration("+CREG: 0,1"),
            cgreg=registration("+CGREG: 0,1"),
            cereg=registration("+CEREG: 0,1"),
            signal=csq("+CSQ: 22,99"),
            operator=operator('+COPS: 0,0,"T-Mobile",7'),
            system=system(LTE),
            radio_mode=radio_mode("+CNSMOD: 0,8"),
            mode_preference="automatic",
            sim_state="READY",
        )
        self.assertEqual(
            record,
            {
                "connected": True,
                "registration_status": 1,
                "registration": "home",
                "roaming": False,
                "creg": 1,
                "cgreg": 1,
                "cereg": 1,
                "signal_dbm": -69,
                "signal_percent": 71,
                "rsrp_dbm": -85.0,
                "rsrq_db": -9.4,
                "sinr_db": 15.0,
                "rssi_dbm": -54.5,
                "operator": "T-Mobile",
                "mcc": "460",
                "mnc": "11",
                "technology": "LTE",
                "access_technology": "E-UTRAN",
                "band": "EUTRAN-BAND3",
                "channel": 1850,
                "area_code": 0x5A1E,
                "cell_id": 187214780,
                "physical_cell_id": 257,
                "system_mode": "LTE",
                "operation_mode": "Online",
                "mode_preference": "automatic",
                "sim_state": "READY",
            },
        )


class Registered(SynchronousTestCase):
    def test_by_whichever_of_the_three(self) -> None:
        for stat in (1, 5, 9, 10):
            for name in ("creg", "cgreg", "cereg"):
                parts: dict[str, Any] = {
                    "creg": at(2),
                    "cgreg": at(0),
                    "cereg": at(4),
                } | {name: at(stat)}
                record = network_record(**parts)
                self.assertTrue(record["connected"])
                self.assertEqual(record["roaming"], stat in {5, 10})
                self.assertIn(record["registration"], {"home", "roaming"})

    def test_by_none_of_them(self) -> None:
        for stat in (0, 2, 3, 4, 6, 7, 8, 11):
            record = network_record(creg=at(stat), cgreg=at(stat), cereg=at(stat))
            self.assertFalse(record["connected"])
            self.assertIsNone(record["roaming"])

    def test_the_old_status_is_that_of_creg_where_it_can_be_read(self) -> None:
        both = network_record(creg=at(2), cgreg=at(3), cereg=at(1))
        self.assertEqual(both["registration_status"], 2)
        self.assertEqual(both["registration"], "home")
        self.assertEqual(
            network_record(cgreg=at(3), cereg=at(1))["registration_status"], 1
        )
        self.assertEqual(network_record(cgreg=at(3))["registration_status"], 3)

    def test_denied(self) -> None:
        self.assertEqual(network_record(creg=at(3))["registration"], "denied")


class Technology(SynchronousTestCase):
    def of(self, **parts: Any) -> tuple[str | None, str | None]:
        record = network_record(**parts)
        return record["technology"], record["access_technology"]

    def test_by_the_operator(self) -> None:
        line = operator('+COPS: 1,0,"Telia, SE",6')
        self.assertEqual(self.of(operator=line), ("3G", "HSPA"))
        self.assertEqual(self.of(operator=line, system=system(LTE)), ("3G", "HSPA"))

    def test_the_mode_knows_the_kind_of_3g_better(self) -> None:
        third = operator('+COPS: 0,0,"x",2')
        hspa, lte = radio_mode("+CNSMOD: 0,7"), radio_mode("+CNSMOD: 0,8")
        self.assertEqual(self.of(operator=third, radio_mode=hspa), ("3G", "HSPA"))
        self.assertEqual(self.of(operator=third, radio_mode=lte), ("3G", "UTRAN"))
        fourth = operator('+COPS: 0,0,"x",7')
        self.assertEqual(self.of(operator=fourth, radio_mode=lte), ("LTE", "E-UTRAN"))
        self.assertEqual(self.of(system=system(WCDMA), radio_mode=hspa), ("3G", "HSPA"))

    def test_by_the_cell_where_the_operator_is_silent(self) -> None:
        silent = operator("+COPS: 0")
        for line, technology in ((LTE, "LTE"), (WCDMA, "3G"), (GSM, "2G")):
            found, _ = self.of(operator=silent, system=system(line))
            self.assertEqual(found, technology)

    def test_by_the_mode_where_both_are(self) -> None:
        nothing = system("+CPSI: NO SERVICE,Online")
        mode = radio_mode("+CNSMOD: 0,3")
        self.assertEqual(self.of(system=nothing, radio_mode=mode), ("2G", "EDGE"))
        self.assertEqual(self.of(system=nothing), (None, None))


class Place(SynchronousTestCase):
    def test_by_the_cell_then_by_the_registration(self) -> None:
        told = at(1, area_code=1, cell_id=2)
        record = network_record(creg=told, system=system(LTE))
        self.assertEqual(record["cell_id"], 187214780)
        record = network_record(
            creg=at(1), cereg=told, system=system("+CPSI: CDMA,Online,1")
        )
        self.assertEqual((record["area_code"], record["cell_id"]), (1, 2))

    def test_the_network_by_the_cell_then_by_a_numeric_operator(self) -> None:
        numeric = operator('+COPS: 0,2,"26202",7')
        for parts, expected in (
            ({"operator": numeric}, ("262", "02")),
            ({"operator": numeric, "system": system(LTE)}, ("460", "11")),
            ({"operator": operator('+COPS: 0,0,"26202",7')}, (None, None)),
            ({"operator": operator('+COPS: 0,2,"",7')}, (None, None)),
        ):
            record = network_record(**parts)
            self.assertEqual((record["mcc"], record["mnc"]), expected)
