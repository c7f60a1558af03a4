"""The service: set up, kept running, asked by many, recovered."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
)
from gatewaykit.interfaces import IHealth, IModem, Record
from gatewaykit.sim7600.network import TOGETHER
from tests.sim7600.scripted import FIX, LATENCY_S, NO_FIX, ModemTestCase, ScriptedModem


class Moving:
    """CGNSSINFO answers whose time moves on by a second each."""

    def __init__(self) -> None:
        self.second = 0
        self.stands_still = False

    def __call__(self) -> str:
        if not self.stands_still:
            self.second += 1
        minute, second = divmod(self.second, 60)
        return FIX.format(utc=f"12{minute:02}{second:02}.0")


class StartTests(ModemTestCase):
    def test_interfaces(self) -> None:
        self.assertTrue(verifyObject(IModem, self.modem))
        self.assertTrue(verifyObject(IHealth, self.modem))

    def test_modem_is_set_up_in_order(self) -> None:
        self.start()
        commands = self.scripted.commands
        self.assertEqual(commands[:3], ["AT", "ATE0", "AT+CMEE=2"])
        self.assertLess(commands.index("AT+CGPS?"), commands.index("AT+CGPS=1,1"))
        self.assertIn("AT+CMGF=0", commands)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_gnss_that_runs_is_left_alone(self) -> None:
        self.scripted.answers["AT+CGPS?"] = "+CGPS: 1,1"
        self.start()
        self.assertNotIn("AT+CGPS=1,1", self.scripted.commands)
        self.successResultOf(self.stopped())
        self.assertNotIn("AT+CGPS=0", self.scripted.commands)

    def stopped(self) -> Deferred[None]:
        stopping = self.modem.stop()
        self.run_for(0.5)
        return stopping

    def test_gnss_that_we_started_is_stopped_in_the_end(self) -> None:
        self.start()
        self.successResultOf(self.stopped())
        self.assertEqual(self.scripted.commands[-1], "AT+CGPS=0")

    def test_already_on_is_success(self) -> None:
        """An ERROR to the start of an engine that runs is no failure."""
        asked: list[str] = []

        def state() -> str:
            asked.append("")
            return "+CGPS: 1,1" if len(asked) > 1 else "+CGPS: 0,1"

        self.scripted.answers |= {"AT+CGPS?": state, "AT+CGPS=1,1": "ERROR"}
        self.start()
        health = self.modem.health()
        self.assertEqual((health["status"], health["gnss"]["engine"]), ("ok", "on"))

    def test_gnss_that_does_not_start_is_told(self) -> None:
        self.scripted.answers["AT+CGPS=1,1"] = "ERROR"
        self.start()
        self.run_for(60, 1.0)
        self.assertIn("AT+CGPS=0", self.scripted.commands)
        health = self.modem.health()
        self.assertEqual((health["status"], health["state"]), ("degraded", "ready"))
        self.assertIn("GNSS does not start", health["reason"])

    def test_gnss_is_left_to_others(self) -> None:
        self.modem = self.make(gnss=False)
        self.lines = self.lines[-1:]
        self.start()
        self.run_for(60, 1.0)
        self.assertNotIn("AT+CGPS=1,1", self.scripted.commands)

    def test_gnss_needs_no_sim(self) -> None:
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM not inserted"
        self.start()
        self.assertIn("AT+CGPS=1,1", self.scripted.commands)
        self.assertEqual(self.modem.health()["sim_state"], "not inserted")

    def test_echo_and_noise_at_the_start(self) -> None:
        self.modem.start()
        self.lines[0].plug(self.scripted)
        self.scripted.say("\0\xff\xfeRDY", "+CPIN: READY", "SMS DONE")
        self.run_for(2)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_modem_that_answers_with_digits_is_told_to_use_words(self) -> None:
        self.scripted.answers["AT"] = None

        def plain() -> str:
            self.scripted.answers["AT"] = ""
            return ""

        self.scripted.answers["ATQ0V1E0"] = plain
        self.modem.start()
        self.lines[0].plug(self.scripted)
        self.run_for(15)
        self.assertEqual(self.modem.health()["state"], "ready")


class ReadTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.moving = Moving()
        self.scripted.answers["AT+CGNSSINFO"] = self.moving

    def ask(self, call: Deferred[Any], wait_s: float = 2.5) -> Any:
        self.run_for(wait_s)
        return self.successResultOf(call)

    def lesser(self) -> str:
        """An answer to AT+CGPSINFO whose time moves on."""
        return (
            "+CGPSINFO:3113.343286,N,12121.234064,E,250311,"
            f"{120000 + self.clock.seconds() % 60:.1f},44.1,0.0,0"
        )

    def count(self, command: str) -> int:
        return self.scripted.commands.count(command)

    def test_position(self) -> None:
        self.start()
        found = self.ask(self.modem.location(), 0.1)
        self.assertAlmostEqual(found["latitude"], 51.820233333, 8)
        self.assertEqual(
            {
                name: found[name]
                for name in ("fix_status", "mode", "hdop", "engine", "stale", "date")
            },
            {
                "fix_status": "valid",
                "mode": 3,
                "hdop": 0.8,
                "engine": "on",
                "stale": False,
                "date": "300825",
            },
        )
        self.assertEqual(found["satellites"]["total"], 14)
        self.assertEqual(found["gps_time"], "2025-08-30T12:00:01.000Z")

    def test_network_in_one_exchange(self) -> None:
        self.start()
        before = len(self.scripted.commands)
        found = self.ask(self.modem.network_status(), 0.1)
        self.assertEqual(self.scripted.commands[before:], [TOGETHER.text])
        self.assertEqual(
            {
                name: found[name]
                for name in ("connected", "operator", "technology", "signal_dbm")
            },
            {
                "connected": True,
                "operator": "T-Mobile",
                "technology": "LTE",
                "signal_dbm": -69,
            },
        )
        self.assertEqual((found["sim_state"], found["stale"]), ("READY", False))

    def test_network_of_a_modem_that_lacks_a_command(self) -> None:
        self.scripted.answers["AT+CPSI?"] = "ERROR"
        self.start()
        found = self.ask(self.modem.network_status())
        self.assertEqual((found["operator"], found["band"]), ("T-Mobile", None))
        before = self.count(TOGETHER.text)
        self.ask(self.modem.network_status(), 30)
        self.assertEqual(self.count(TOGETHER.text), before)

    def test_a_thousand_clients_cost_no_more_than_one(self) -> None:
        self.start()
        for _ in range(100):
            calls = [self.modem.location() for _ in range(1000)]
            calls += [self.modem.network_status() for _ in range(1000)]
            self.run_for(0.1)
            for call in calls:
                self.successResultOf(call)
        self.assertLessEqual(self.count("AT+CGNSSINFO"), 12)
        self.assertLessEqual(self.count(TOGETHER.text), 4)

    def test_nobody_asks_nothing_is_read(self) -> None:
        self.start()
        self.ask(self.modem.location())
        self.run_for(60, 0.5)
        before = self.count("AT+CGNSSINFO")
        self.run_for(600, 0.5)
        self.assertEqual(self.count("AT+CGNSSINFO"), before)

    def test_repeated_time_is_stale(self) -> None:
        self.start()
        self.ask(self.modem.location())
        self.moving.stands_still = True
        self.run_for(7)
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "stale")
        found = self.ask(self.modem.location())
        self.assertTrue(found["stale"])
        self.assertIsNone(found["latitude"])
        self.assertGreater(found["last_fix"]["age_s"], 5)
        self.assertAlmostEqual(found["last_fix"]["latitude"], 51.820233333, 8)
        self.moving.stands_still = False
        self.run_for(2)
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "valid")

    def test_a_jump_is_not_believed_at_once(self) -> None:
        self.start()
        self.ask(self.modem.location())
        text = FIX.format(utc="130000.0").replace("5149.214000,N", "4149.214000,N")
        self.scripted.answers["AT+CGNSSINFO"] = text.replace(
            "300825,130000", "300825,120005"
        )
        self.run_for(1.2)
        found = self.ask(self.modem.location(), 0.1)
        self.assertEqual(found["fix_status"], "invalid")
        self.assertIsNone(found["latitude"])
        self.assertEqual(self.modem.health()["line"]["implausible"], 1)

    def test_implausible_position(self) -> None:
        self.scripted.answers["AT+CGNSSINFO"] = FIX.format(utc="256161.0")
        self.start()
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "invalid")
        self.assertGreater(self.modem.health()["line"]["implausible"], 0)

    def test_no_fix_and_how_long(self) -> None:
        self.scripted.answers["AT+CGNSSINFO"] = NO_FIX
        self.start()
        self.run_for(10)
        found = self.ask(self.modem.location())
        self.assertEqual((found["fix_status"], found["engine"]), ("no_fix", "on"))
        self.assertGreater(found["searching_s"], 9)
        self.assertIsNone(found["last_fix"])

    def test_other_command_where_the_first_stays_empty(self) -> None:
        self.scripted.answers |= {
            "AT+CGNSSINFO": NO_FIX,
            "AT+CGPSINFO": self.lesser,
        }
        self.start()
        self.ask(self.modem.location(), 14)
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "valid")

    def test_other_command_where_the_first_is_refused(self) -> None:
        self.scripted.answers |= {
            "AT+CGPS?": "+CGPS: 1,1",
            "AT+CGNSSINFO": "ERROR",
            "AT+CGPSINFO": self.lesser,
        }
        self.start()
        self.ask(self.modem.location())
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "valid")

    def test_engine_that_is_off_is_started(self) -> None:
        self.scripted.answers["AT+CGPS?"] = "+CGPS: 1,1"
        self.start()
        self.scripted.answers |= {"AT+CGPS?": "+CGPS: 0,1", "AT+CGNSSINFO": "ERROR"}
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "no_fix")
        self.run_for(35, 0.5)
        self.assertIn("AT+CGPS=1,1", self.scripted.commands)

    def test_engine_that_says_it_has_stopped_is_started(self) -> None:
        self.start()
        self.scripted.answers["AT+CGPS?"] = "+CGPS: 0,1"
        before = self.count("AT+CGPS=1,1")
        self.scripted.say("+CGPS: 0")
        self.run_for(6)
        self.assertEqual(self.count("AT+CGPS=1,1"), before + 1)

    def test_slow_modem_does_not_hold_clients_up(self) -> None:
        self.start()
        self.ask(self.modem.location())
        self.scripted.answers["AT+CGNSSINFO"] = None
        self.run_for(20)
        call = self.modem.location()
        self.run_for(2.1)
        found = self.successResultOf(call)
        self.assertTrue(found["stale"])
        self.assertNotEqual(found["fix_status"], "valid")

    def test_nothing_known_yet(self) -> None:
        for call in (self.modem.location(), self.modem.network_status()):
            error = self.failureResultOf(call, DeviceUnavailable).value
            self.assertIn("no such device", str(error))

    def test_info(self) -> None:
        self.start()
        found = self.ask(self.modem.info())
        self.assertEqual(
            {n: found[n] for n in ("imei", "iccid", "voltage_v", "temperature_c")},
            {
                "imei": "867584030012345",
                "iccid": "8944100030123456789",
                "voltage_v": 3.591,
                "temperature_c": 29,
            },
        )
        self.assertEqual((found["port"], found["nmea_port"]), ("/dev/none", None))
        self.assertEqual(
            found["constellations"], ["beidou", "galileo", "glonass", "qzss"]
        )

    def test_available(self) -> None:
        self.assertFalse(self.ask(self.modem.available())["available"])
        self.start()
        self.assertEqual(
            self.ask(self.modem.available()),
            {"available": True, "state": "ready", "reason": None},
        )
        self.run_for(25, 0.5)
        self.scripted.answers["AT"] = None
        found = self.ask(self.modem.available(), 1.1)
        self.assertEqual(
            (found["available"], found["reason"]), (False, "it does not answer")
        )


class SubscriptionTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.scripted.answers["AT+CGNSSINFO"] = Moving()
        self.told: list[tuple[str, Record]] = []

    def listen(self, kind: str, record: Record) -> None:
        self.told.append((kind, record))

    def test_positions_come_about_once_a_second(self) -> None:
        self.start()
        end = self.modem.subscribe(self.listen, "location")
        self.run_for(10)
        self.assertIn(len(self.told), range(9, 13))
        end()
        self.run_for(20)
        self.assertLess(len(self.told), 13)

    def test_positions_come_again_after_the_modem_went(self) -> None:
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(3)
        self.told.clear()
        self.scripted.unplug()
        self.assertEqual([r["fix_status"] for _, r in self.told], ["stale"])
        self.lines[0].plug(ScriptedModem(self.clock))
        self.run_for(5)
        self.assertGreater(len(self.told), 2)

    def test_listener_that_fails_costs_the_others_nothing(self) -> None:
        self.start()

        def broken(_kind: str, _record: Record) -> None:
            raise ValueError

        self.modem.subscribe(broken, "location", "event")
        self.modem.subscribe(self.listen, "location")
        self.run_for(3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        self.assertGreater(len(self.told), 1)

    def test_unknown_kind(self) -> None:
        self.assertRaises(MisuseError, self.modem.subscribe, self.listen, "sms")

    def test_events(self) -> None:
        self.modem.subscribe(self.listen, "event")
        self.start()
        self.scripted.say('+CMTI: "SM",3')
        told = [(r["event"], r["details"]) for _, r in self.told]
        self.assertEqual(told[0], ("gnss_started", {}))
        self.assertEqual(told[1], ("connected", {}))
        self.assertEqual(told[2], ("sms", {"storage": "SM", "index": 3}))
        page = self.modem.events(None, 2)
        self.assertEqual(
            [r["event"] for r in page.records], ["gnss_started", "connected"]
        )
        rest = self.modem.events(page.cursor, 10)
        self.assertEqual(
            ([r["event"] for r in rest.records], rest.cursor), (["sms"], None)
        )
        self.assertRaises(MisuseError, self.modem.events, "x", 10)

    def test_fix_comes_and_goes(self) -> None:
        self.start()
        self.modem.subscribe(self.listen, "location")
        self.run_for(3)
        self.scripted.answers["AT+CGNSSINFO"] = NO_FIX
        self.run_for(3)
        events = [r["event"] for r in self.modem.events(None, 99).records]
        self.assertEqual(events, ["gnss_started", "connected", "fix", "no_fix"])


class NmeaTests(ModemTestCase):
    settings = {"port": "/dev/none", "nmea_port": "/dev/nmea"}  # noqa: RUF012 - as above

    def test_satellites_of_the_nmea_port(self) -> None:
        self.start()
        nmea = self.lines[1]
        told: list[Record] = []
        self.modem.subscribe(lambda _, r: told.append(r), "nmea")
        self.scripted.answers["AT+CGNSSINFO"] = Moving()
        protocol = nmea.factory.buildProtocol(None)
        sentence = b"$GPGSV,1,1,02,02,45,100,40,05,30,200,35"
        checksum = 0
        for byte in sentence[1:]:
            checksum ^= byte
        whole = sentence + b"*%02X" % checksum
        protocol.dataReceived(whole[:10])
        protocol.dataReceived(whole[10:] + b"\r\n$GPGGA,bad*00\r\n")
        call = self.modem.location()
        self.run_for(0.2)
        found = self.successResultOf(call)
        self.assertEqual(len(found["sky"]), 2)
        self.assertEqual(found["satellites"]["in_view"], 2)
        self.assertEqual(told, [{"line": whole.decode()}])


class PassThroughTests(ModemTestCase):
    settings = {"port": "/dev/none", "at_commands": ["AT+CSQ", "AT+X*"]}  # noqa: RUF012 - as above

    def test_allowed(self) -> None:
        self.start()
        call = self.modem.command("AT+CSQ")
        self.run_for(5 * LATENCY_S)
        self.assertEqual(self.successResultOf(call), ["+CSQ: 22,99"])

    def test_not_allowed(self) -> None:
        self.start()
        self.failureResultOf(self.modem.command("AT+CRESET"), MisuseError)

    def test_refused_and_unanswered(self) -> None:
        self.scripted.answers["AT+XY"] = None
        self.start()
        refused, unanswered = self.modem.command("AT+XX"), self.modem.command("AT+XY")
        self.run_for(10)
        self.failureResultOf(refused, DeviceRefused)
        self.failureResultOf(unanswered, DeviceTimeout)

    def test_without_a_modem(self) -> None:
        self.failureResultOf(self.modem.command("AT+CSQ"), DeviceUnavailable)
