"""What the modem says by itself, and what listeners and clients hear of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.sim7600.network import ALL_AGAIN_S, TOGETHER
from gatewaykit.sim7600.nmea_port import LONGEST
from gatewaykit.sim7600.position import WAY_BACK
from gatewaykit.sim7600.warnings import LASTS_S, MOST
from tests.sim7600.scripted import FIX, NO_FIX, ModemTestCase, ScriptedModem


class HouseholdTestCase(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.told: list[Record] = []
        self.scripted.answers["AT+CGNSSINFO"] = self.moving

    def moving(self) -> str:
        minute, second = divmod(int(self.clock.seconds()) % 3600, 60)
        return FIX.format(utc=f"12{minute:02}{second:02}.0")

    def listen(self, _kind: str, record: Record) -> None:
        self.told.append(record)

    def remake(self, **settings: Any) -> None:
        self.modem = self.make(**settings)
        self.lines = self.lines[-1:]

    def ask(self, call: Deferred[Any], wait_s: float = 2.5) -> Any:
        self.run_for(wait_s)
        return self.successResultOf(call)

    def count(self, command: str) -> int:
        return self.scripted.commands.count(command)


class StaleTests(HouseholdTestCase):
    def test_line_that_is_busy_for_long_leaves_nobody_with_an_old_fix(self) -> None:
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(3)
        self.assertEqual(self.told[-1]["fix_status"], "valid")
        self.scripted.answers["AT+CMGS"] = None
        self.modem.send_sms("+4477009", "Hello").addErrback(lambda _: None)
        self.run_for(7)
        self.assertEqual(self.told[-1]["fix_status"], "stale")

    def test_interval_longer_than_a_fix_lasts(self) -> None:
        self.remake(position_interval=60, stale_after=4)
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(60)
        self.assertGreater(len(self.told), 25)
        self.assertTrue(all(r["fix_status"] == "valid" for r in self.told[3:]))

    def test_port_that_comes_back_with_the_same_time(self) -> None:
        self.start()
        self.ask(self.modem.location())
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "valid")
        self.scripted.answers["AT+CGNSSINFO"] = self.moving()
        self.run_for(2)
        self.scripted.unplug()
        self.run_for(6)
        self.lines[0].plug(self.scripted)
        self.run_for(2)
        self.assertEqual(self.ask(self.modem.location())["fix_status"], "stale")

    def test_listeners_hear_in_time_of_a_repeated_fix(self) -> None:
        """The modem repeats it for a while and then says nothing at all."""
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(5)
        self.scripted.answers["AT+CGNSSINFO"] = self.moving()
        self.run_for(4)
        self.assertEqual(self.told[-1]["fix_status"], "valid")
        self.scripted.answers["AT+CGNSSINFO"] = None
        self.run_for(1.2)
        self.assertEqual(self.told[-1]["fix_status"], "stale")

    def test_fix_that_was_repeated_before_the_gateway_began(self) -> None:
        self.scripted.answers["AT+CGNSSINFO"] = self.moving()
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(5)
        self.told.clear()
        self.run_for(10)
        self.assertEqual({r["fix_status"] for r in self.told}, {"stale"})

    def test_wall_clock_that_steps_changes_nothing(self) -> None:
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(3)
        self.modem._home.position._wall_ms = lambda: 0
        self.run_for(3)
        self.assertEqual(self.told[-1]["fix_status"], "valid")

    def test_reads_that_fail_are_told_as_what_they_leave(self) -> None:
        self.modem.subscribe(self.listen, "location")
        self.start()
        self.run_for(3)
        self.scripted.answers |= {
            "AT+CGPS?": "+CGPS: 1,1",
            "AT+CGNSSINFO": "ERROR",
            "AT+CGPSINFO": "ERROR",
        }
        self.run_for(8)
        self.assertEqual(self.told[-1]["fix_status"], "stale")
        events = [r["event"] for r in self.modem.events(None, 99).records]
        self.assertEqual(events[-1], "stale")


class ListenerTests(HouseholdTestCase):
    def test_listener_that_fails_keeps_nothing_polled(self) -> None:
        self.start()

        def broken(_kind: str, _record: Record) -> None:
            raise ValueError

        self.modem.subscribe(broken, "location")
        self.run_for(3)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        before = self.count("AT+CGNSSINFO")
        self.run_for(30, 0.5)
        self.assertLessEqual(self.count("AT+CGNSSINFO"), before + 1)

    def test_kind_that_is_unknown_keeps_nothing_polled(self) -> None:
        self.start()
        before = self.count("AT+CGNSSINFO")
        self.assertRaises(
            MisuseError, self.modem.subscribe, self.listen, "location", "weather"
        )
        self.run_for(30, 0.5)
        self.assertLessEqual(self.count("AT+CGNSSINFO"), before + 1)


class SaidTests(HouseholdTestCase):
    def test_what_is_said_before_the_modem_serves_harms_nothing(self) -> None:
        self.modem.start()
        self.lines[0].plug(self.scripted)
        self.scripted.say(
            "+CPIN: READY", "SMS DONE", '+CMTI: "ME",1', "+CMT: ,24", "00" * 24
        )
        self.scripted.say("+CGPS: 0", "RING", "+CBM: ,4", "0000", "+CPIN: ?!")
        self.run_for(10)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_twice_ready_is_set_up_once_at_a_time(self) -> None:
        self.start()
        before = self.count("AT+CNMI=2,1,0,0,0")
        self.scripted.say("+CPIN: READY", "+CPIN: READY", "SMS DONE", "PB DONE")
        self.clock.advance(0)
        self.scripted.say("SMS DONE")
        self.run_for(1)
        self.assertEqual(self.count("AT+CNMI=2,1,0,0,0"), before + 1)

    def test_warnings_are_bounded(self) -> None:
        self.start()
        for number in range(2 * MOST):
            self.scripted.say(f"UNDER-VOLTAGE WARNNING {number}")
        found = self.ask(self.modem.info())["warnings"]
        self.assertEqual(len(found), MOST)
        self.run_for(LASTS_S, 0.5)
        self.assertEqual(self.ask(self.modem.info())["warnings"], [])

    def test_sim_that_is_taken_out(self) -> None:
        self.start()
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM not inserted"
        self.scripted.say("+CPIN: SIM REMOVED")
        found = self.ask(self.modem.info())
        self.assertEqual((found["sim_state"], found["iccid"]), ("not inserted", None))
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_modem_that_is_gone_has_no_voltage(self) -> None:
        self.start()
        self.assertEqual(self.ask(self.modem.info())["voltage_v"], 3.591)
        self.scripted.unplug()
        self.assertIsNone(self.ask(self.modem.info())["voltage_v"])

    def test_modem_that_tells_nothing_of_itself(self) -> None:
        names = ("ATI", "AT+CGMR", "AT+CGSN", "AT+CBC", "AT+CPMUTEMP")
        for answer in ("ERROR", "nonsense", "+CBC: x"):
            self.scripted.answers |= dict.fromkeys(names, answer)
            self.scripted.say("RDY") if self.scripted.protocol else self.start()
            self.run_for(3)
            self.assertIsNone(self.ask(self.modem.info())["model"])
            self.assertEqual(self.modem.health()["state"], "ready")

    def test_info_of_a_modem_that_does_not_answer(self) -> None:
        self.start()
        self.scripted.answers |= {"AT+CBC": None, "AT+CPIN?": "garbage"}
        self.assertIsNone(self.ask(self.modem.info(), 2.1)["voltage_v"])


class NetworkTests(HouseholdTestCase):
    def test_query_that_failed_is_left_out_for_a_time(self) -> None:
        self.scripted.answers["AT+COPS?"] = "+CME ERROR: SIM busy"
        self.start()
        self.ask(self.modem.network_status())
        before = len(self.scripted.commands)
        self.run_for(6)
        asked = [c for c in self.scripted.commands[before:] if "CREG" in c]
        self.assertEqual(len(asked), 1)
        self.assertNotIn("COPS", asked[0])
        self.scripted.answers["AT+COPS?"] = '+COPS: 0,0,"O2",7'
        self.run_for(ALL_AGAIN_S, 0.5)
        self.assertEqual(self.ask(self.modem.network_status())["operator"], "O2")

    def test_upkeep_leaves_alone_what_was_just_read(self) -> None:
        self.start()
        for _ in range(30):
            self.modem.network_status()
            self.run_for(2)
        self.assertLessEqual(self.count(TOGETHER.text), 13)

    def test_implausible_answers_are_counted(self) -> None:
        self.scripted.answers["AT+CSQ"] = "+CSQ: x"
        self.start()
        self.assertIsNone(self.ask(self.modem.network_status())["signal_dbm"])
        self.assertGreater(self.modem.health()["line"]["implausible"], 0)


class CommandTests(HouseholdTestCase):
    def test_the_better_command_is_tried_again(self) -> None:
        self.modem.subscribe(self.listen, "location")
        self.scripted.answers |= {
            "AT+CGPS?": "+CGPS: 1,1",
            "AT+CGNSSINFO": "ERROR",
            "AT+CGPSINFO": self.lesser,
        }
        self.start()
        self.run_for(5)
        self.assertEqual(self.told[-1]["fix_status"], "valid")
        self.assertIsNone(self.told[-1]["hdop"])
        self.run_for(WAY_BACK + 5)  # it is refused still
        self.assertIsNone(self.told[-1]["hdop"])
        self.scripted.answers["AT+CGNSSINFO"] = self.moving
        self.run_for(WAY_BACK + 5)
        self.assertEqual(self.told[-1]["hdop"], 0.8)
        self.scripted.answers |= {"AT+CGNSSINFO": "ERROR", "AT+CGPSINFO": NO_FIX}
        self.run_for(30)
        self.assertNotEqual(self.told[-1]["fix_status"], "valid")

    def lesser(self) -> str:
        minute, second = divmod(int(self.clock.seconds()) % 3600, 60)
        return (
            "+CGPSINFO: 5149.214000,N,00119.200000,W,300825,"
            f"12{minute:02}{second:02}.0,82.5,10.0,45.0"
        )


class NmeaPortTests(HouseholdTestCase):
    settings = {"port": "/dev/none", "nmea_port": "/dev/nmea"}  # noqa: RUF012 - replaced, never changed

    def test_its_trouble_is_told_while_the_modem_is_there(self) -> None:
        self.start()
        self.assertIn("NMEA port: no such device", self.modem.health()["reason"])
        self.assertEqual(self.modem.health()["state"], "ready")
        self.lines[1].plug(ScriptedModem(self.clock))
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_noise(self) -> None:
        self.start()
        self.modem.subscribe(self.listen, "nmea")
        protocol = self.lines[1].factory.buildProtocol(None)
        protocol.dataReceived(
            b"\x00\xff" * LONGEST + b"\r\n\r\n\xe9\r\n$GPGGA,x*00\r\n"
        )
        self.assertEqual(self.told, [])
        stopping = self.modem.stop()
        self.run_for(1)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])
