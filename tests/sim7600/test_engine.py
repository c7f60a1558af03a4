"""GNSS: started and kept running, its constellations set once."""

from __future__ import annotations

from gatewaykit.sim7600.engine import PAUSE_S
from tests.sim7600.scripted import LATENCY_S, ModemTestCase, ScriptedModem


class ConstellationTests(ModemTestCase):
    def make_and_start(self, *names: str) -> list[str]:
        self.modem = self.make(constellations=list(names))
        self.lines = self.lines[-1:]
        self.start()
        return [c for c in self.scripted.commands if c.startswith("AT+CGNSSMODE")]

    def test_equal_setting_is_not_written(self) -> None:
        commands = self.make_and_start("glonass", "beidou", "galileo", "qzss")
        self.assertEqual(commands, ["AT+CGNSSMODE?"])

    def test_other_setting_is_written_and_no_reset_follows(self) -> None:
        self.scripted.answers["AT+CGNSSMODE=5,1"] = ""
        commands = self.make_and_start("glonass", "galileo")
        self.assertEqual(commands, ["AT+CGNSSMODE?", "AT+CGNSSMODE=5,1"])
        self.assertNotIn("AT+CRESET", self.scripted.commands)

    def test_setting_is_written_to_each_modem_once(self) -> None:
        """Until it is switched off it goes on telling the old one."""
        self.scripted.answers |= {"AT+CGNSSMODE?": "+CGNSSMODE: 3,0"}
        self.scripted.answers |= {"AT+CGNSSMODE=5,0": "ERROR"}
        self.make_and_start("glonass", "galileo")
        for _ in range(3):
            self.scripted.unplug()
            self.lines[0].plug(self.scripted)
            self.run_for(2)
        self.assertEqual(self.scripted.commands.count("AT+CGNSSMODE=5,0"), 1)
        other = ScriptedModem(self.clock)
        other.answers |= {
            "AT+CGSN": "867584030012346",
            "AT+CGNSSMODE?": "+CGNSSMODE: 3",
        }
        other.answers["AT+CGNSSMODE=5"] = ""
        self.scripted.unplug()
        self.lines[0].plug(other)
        self.run_for(2)
        self.assertEqual(other.commands.count("AT+CGNSSMODE=5"), 1)

    def test_setting_that_cannot_be_read(self) -> None:
        self.scripted.answers["AT+CGNSSMODE?"] = "+CGNSSMODE: 99,x"
        self.assertEqual(self.make_and_start("qzss"), ["AT+CGNSSMODE?"])
        self.assertIn("AT+CGPS=1,1", self.scripted.commands)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_setting_that_is_refused(self) -> None:
        self.assertEqual(len(self.make_and_start("qzss")), 2)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_modem_that_does_not_tell(self) -> None:
        self.scripted.answers["AT+CGNSSMODE?"] = "ERROR"
        self.assertEqual(self.make_and_start("qzss"), ["AT+CGNSSMODE?"])


class RunningTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.is_on = False
        self.scripted.answers |= {
            "AT+CGPS?": lambda: f"+CGPS: {self.is_on:d},1",
            "AT+CGPS=1,1": self.switch_on,
            "AT+CGPS=0": self.switch_off,
        }

    def switch_on(self) -> str:
        self.is_on = True
        return ""

    def switch_off(self) -> str:
        self.is_on = False
        return ""

    def count(self, command: str) -> int:
        return self.scripted.commands.count(command)

    def stop(self) -> None:
        stopping = self.modem.stop()
        self.run_for(6)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_state_that_cannot_be_read_costs_no_connection(self) -> None:
        for answer in ("+CGPS: maybe", "", "+CGPS: 7,7", "ERROR"):
            self.scripted.answers["AT+CGPS?"] = answer
            self.scripted.say("RDY")
            self.start() if self.scripted.protocol is None else self.run_for(15)
            self.run_for(40, 0.5)
            self.assertEqual(self.modem.health()["state"], "ready", answer)
        self.assertEqual(self.scripted.aborted, 0)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_a_start_that_fails_does_not_hold_up_the_rest(self) -> None:
        self.scripted.answers["AT+CGPS=1,1"] = "ERROR"
        self.start()
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_it_is_tried_again_after_pauses_and_stopped_once_in_a_round(self) -> None:
        self.scripted.answers["AT+CGPS=1,1"] = "ERROR"
        self.start()
        self.run_for(25)
        self.assertEqual((self.count("AT+CGPS=1,1"), self.count("AT+CGPS=0")), (5, 1))
        self.run_for(180, 0.5)
        self.assertLessEqual(self.count("AT+CGPS=1,1"), 5 + 7)
        self.assertEqual(self.count("AT+CGPS=0"), 1)
        self.scripted.answers["AT+CGPS=1,1"] = self.switch_on
        self.run_for(31, 0.5)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_a_start_in_the_pause_after_a_stop_waits(self) -> None:
        self.start()
        self.is_on = False
        self.scripted.say("+CGPS: 0")
        self.run_for(PAUSE_S - 0.2)
        self.assertEqual(self.count("AT+CGPS=1,1"), 1)
        self.run_for(0.5)
        self.assertEqual(self.count("AT+CGPS=1,1"), 2)

    def test_an_upkeep_in_the_pause_after_a_stop_waits(self) -> None:
        self.start()
        self.run_for(28.5 - 1)
        self.is_on = False
        self.scripted.say("+CGPS: 0")
        self.run_for(PAUSE_S - 0.5)
        self.assertEqual(self.count("AT+CGPS=1,1"), 1)
        self.run_for(1)
        self.assertEqual(self.count("AT+CGPS=1,1"), 2)

    def test_a_position_without_an_engine_starts_it(self) -> None:
        self.start()
        self.is_on = False
        self.scripted.answers["AT+CGNSSINFO"] = "ERROR"
        self.modem.location()
        self.run_for(1)
        self.assertTrue(self.is_on)

    def test_stop_while_the_start_is_under_way(self) -> None:
        """The modem may have understood it: it is stopped all the same."""
        self.modem.start()
        self.lines[0].plug(self.scripted)
        while "AT+CGPS=1,1" not in self.scripted.commands:
            self.clock.advance(0.005)
        self.stop()
        self.assertFalse(self.is_on)
        self.assertEqual(self.scripted.commands[-1], "AT+CGPS=0")

    def test_stop_while_it_is_to_be_started_anew(self) -> None:
        self.start()
        self.is_on = False
        self.scripted.say("+CGPS: 0")
        while self.count("AT+CGPS?") < 2:
            self.clock.advance(0.005)
        self.stop()
        self.assertFalse(self.is_on)

    def test_a_start_without_answer_is_ours(self) -> None:
        def late() -> None:
            self.is_on = True

        self.scripted.answers["AT+CGPS=1,1"] = late
        self.start()
        self.run_for(60, 0.5)
        self.stop()
        self.assertFalse(self.is_on)

    def test_a_second_stop(self) -> None:
        self.start()
        stopping = [self.modem.stop(), self.modem.stop()]
        self.run_for(6)
        for each in stopping:
            self.successResultOf(each)
        self.stop()
        self.assertEqual(self.count("AT+CGPS=0"), 1)

    def test_stop_of_an_absent_modem(self) -> None:
        self.stop()
        self.modem = self.make()
        self.lines = self.lines[-1:]
        self.start()
        self.scripted.unplug()
        self.stop()

    def test_stop_at_any_moment(self) -> None:
        for moment in range(60):
            self.modem = self.make()
            self.lines = self.lines[-1:]
            self.scripted = ScriptedModem(self.clock)
            self.modem.start()
            self.lines[0].plug(self.scripted)
            self.run_for(moment * LATENCY_S / 2, LATENCY_S / 2)
            self.stop()
            after = len(self.scripted.commands)
            self.run_for(60, 1.0)
            self.assertEqual(len(self.scripted.commands), after)
