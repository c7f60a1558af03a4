"""The line kept in order: recovered step by step, never stuck, never in a storm."""

from __future__ import annotations

from gatewaykit.errors import DeviceUnavailable
from gatewaykit.interfaces import Record
from gatewaykit.sim7600.keeper import UPKEEP_S
from gatewaykit.sim7600.recovery import SEARCHING_S
from tests.sim7600.scripted import ANSWERS, FIX, ModemTestCase, ScriptedModem


class RecoveryTests(ModemTestCase):
    def events(self) -> list[str]:
        return [
            record["details"].get("rung", record["event"])
            for record in self.modem.events(None, 999).records
        ]

    def mute(self) -> None:
        for command in self.scripted.answers:
            self.scripted.answers[command] = None

    def test_reboot_is_set_up_anew(self) -> None:
        self.start()
        before = len(self.scripted.commands)
        self.scripted.say("RDY")
        self.run_for(2)
        self.assertEqual(self.scripted.commands[before : before + 2], ["AT", "ATE0"])
        self.assertEqual(self.scripted.commands[before:].count("AT+CGPS=1,1"), 1)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_port_that_goes_and_comes(self) -> None:
        self.start()
        self.scripted.unplug()
        health = self.modem.health()
        self.assertEqual((health["status"], health["state"]), ("failed", "absent"))
        self.lines[0].plug(ScriptedModem(self.clock))
        self.run_for(2)
        self.assertEqual(self.modem.health()["status"], "ok")
        self.assertEqual(self.events().count("connected"), 2)

    def test_modem_that_comes_and_goes_has_bad_power(self) -> None:
        self.start()
        for _ in range(3):
            self.scripted.unplug()
            self.scripted = ScriptedModem(self.clock)
            self.lines[0].plug(self.scripted)
            self.run_for(2)
        health = self.modem.health()
        self.assertEqual(health["status"], "degraded")
        self.assertIn("power supply?", health["reason"])

    def test_mute_modem_is_opened_anew(self) -> None:
        self.start()
        self.mute()
        self.run_for(60)
        self.assertGreaterEqual(self.scripted.aborted, 1)
        self.assertIn("reopen", self.events())
        self.assertEqual(self.modem.health()["recovery"]["reset"], 0)

    def test_mute_modem_is_said_to_be_mute(self) -> None:
        """Whatever is tried: while it starts, and while its port is opened anew."""
        self.mute()
        self.modem.start()
        self.lines[0].plug(self.scripted)
        self.lines[0].trouble = "the connection was lost"
        for _ in range(3):
            while self.scripted.protocol is not None:
                self.run_for(0.5)
            self.assertIn("does not answer", self.modem.health()["reason"])
            self.lines[0].plug(self.scripted)
            self.run_for(1)
            self.assertIn("does not answer", self.modem.health()["reason"])

    def test_another_program_on_the_port_is_told(self) -> None:
        self.start()
        self.scripted.say("AT+CGPS=0", "AT+CSQ")
        self.assertEqual(self.modem.health()["status"], "ok")
        self.scripted.say("AT+CGPS?")
        self.assertIn("ModemManager", self.modem.health()["reason"])
        self.run_for(601, 1.0)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_one_timeout_opens_nothing_anew(self) -> None:
        self.start()
        self.scripted.answers["AT+CGNSSINFO"] = None
        unanswered = self.modem.location()
        self.run_for(4)
        self.failureResultOf(unanswered, DeviceUnavailable)
        self.assertEqual(self.modem.health()["state"], "degraded")
        self.assertEqual(self.scripted.aborted, 0)
        self.assertEqual(self.modem.health()["recovery"]["resync"], 1)

    def test_mute_modem_with_resync_only(self) -> None:
        self.modem = self.make(recovery="resync")
        self.lines = self.lines[-1:]
        self.start()
        answers = dict(self.scripted.answers)
        self.mute()
        self.run_for(120, 0.1)
        self.assertEqual(self.scripted.aborted, 0)
        self.assertFalse(self.modem.health()["status"] == "ok")
        self.scripted.answers = answers
        self.run_for(30)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_mute_modem_is_reset_where_that_is_allowed(self) -> None:
        self.modem = self.make(recovery="reset")
        self.lines = self.lines[-1:]
        self.start()
        self.run_for(60, 0.5)
        self.mute()
        while "AT+CRESET" not in self.scripted.commands:
            self.run_for(0.5)
            if self.scripted.protocol is None:
                self.lines[0].plug(self.scripted)
            self.assertLess(self.clock.seconds(), 2000)
        self.assertIn("AT+CRESET", self.scripted.commands)
        self.assertEqual(self.modem.health()["recovery"]["reset"], 1)

    def search(self, stat: int, recovery: str = "radio", **answers: str) -> None:
        self.modem = self.make(recovery=recovery)
        self.lines = self.lines[-1:]
        for name in ("CREG", "CGREG", "CEREG"):
            self.scripted.answers[f"AT+{name}?"] = f"+{name}: 0,{stat}"
        self.scripted.answers |= {"AT+CFUN=4": "", "AT+CFUN=1": ""} | answers
        self.start()
        self.run_for(SEARCHING_S + 120, 0.5)

    def test_radio_cycle_for_a_modem_without_network(self) -> None:
        self.search(2)
        radio = [c for c in self.scripted.commands if c.startswith("AT+CFUN")]
        self.assertEqual(radio[:2], ["AT+CFUN=4", "AT+CFUN=1"])
        self.assertEqual(self.scripted.aborted, 0)

    def test_no_radio_cycle_for_a_modem_that_falls_mute_while_it_searches(self) -> None:
        for name in ("CREG", "CGREG", "CEREG"):
            self.scripted.answers[f"AT+{name}?"] = f"+{name}: 0,2"
        self.modem = self.make(recovery="radio")
        self.lines = self.lines[-1:]
        self.start()
        self.run_for(SEARCHING_S - 5, 0.5)
        self.mute()
        self.run_for(60, 0.5)
        recovery = self.modem.health()["recovery"]
        self.assertEqual((recovery["reopen"], recovery["radio"]), (1, 0))

    def test_no_radio_cycle_by_default(self) -> None:
        self.search(2, "reopen")
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)

    def test_never_for_a_denied_registration(self) -> None:
        self.search(3, "reset")
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)
        self.assertIn("denied", self.modem.health()["reason"])

    def test_never_for_a_missing_sim(self) -> None:
        self.search(2, "reset", **{"AT+CPIN?": "+CME ERROR: SIM not inserted"})
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)

    def test_warnings_show(self) -> None:
        self.start()
        self.scripted.say("UNDER-VOLTAGE WARNNING")
        self.assertIn("UNDER-VOLTAGE", self.modem.health()["reason"])
        self.run_for(61, 0.5)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_sim_that_comes_late(self) -> None:
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM busy"
        self.start()
        self.assertEqual(self.modem.health()["sim_state"], "busy")
        self.assertNotIn("AT+CMGF=0", self.scripted.commands)
        self.scripted.answers["AT+CPIN?"] = "+CPIN: READY"
        self.run_for(35, 0.5)
        self.assertEqual(self.modem.health()["sim_state"], "READY")
        self.assertIn("AT+CMGF=0", self.scripted.commands)

    def test_sim_that_says_it_is_ready(self) -> None:
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM busy"
        self.start()
        self.scripted.say("+CPIN: READY")
        self.run_for(1)
        self.assertIn("AT+CMGF=0", self.scripted.commands)
        info = self.modem.info()
        self.run_for(0.2)
        self.assertEqual(self.successResultOf(info)["iccid"], "8944100030123456789")
        self.scripted.say("+CPIN: NOT READY")
        self.assertEqual(self.modem.health()["sim_state"], "busy")

    def test_stop_of_a_mute_modem_comes_to_an_end(self) -> None:
        self.start()
        self.mute()
        stopping = self.modem.stop()
        self.run_for(6)
        self.successResultOf(stopping)
        self.assertFalse(self.lines[0].running)

    def heal(self) -> None:
        self.scripted.answers = dict(ANSWERS)

    def replug(self) -> None:
        """As the line's service does."""
        if self.scripted.protocol is None:
            self.lines[0].plug(self.scripted)

    def live(self, seconds: float, step_s: float = 0.5) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)
            self.replug()

    def test_mute_at_each_step_of_the_set_up_and_well_again(self) -> None:
        """Whatever it was doing, it comes back by itself."""
        for silent in ANSWERS:
            self.modem = self.make(recovery="resync")
            self.lines = self.lines[-1:]
            self.scripted = ScriptedModem(self.clock)

            def fall_silent() -> None:
                self.mute()

            self.scripted.answers[silent] = fall_silent
            self.start()
            self.live(150)
            self.heal()
            self.live(60)
            self.assertEqual(self.modem.health()["state"], "ready", silent)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_echo_and_verbose_errors_need_not_be_understood(self) -> None:
        for command in ("ATE0", "AT+CMEE=2"):
            for answer in ("ERROR", None):
                self.scripted.answers[command] = answer
                self.modem = self.make()
                self.lines = self.lines[-1:]
                self.start()
                self.run_for(10)
                self.assertEqual(self.modem.health()["state"], "ready")
                self.scripted.unplug()
                self.heal()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_modem_that_is_booting_refuses_at_first(self) -> None:
        refusals = ["ERROR"] * 5
        self.scripted.answers["AT"] = lambda: refusals.pop() if refusals else ""
        self.start()
        self.run_for(5)
        self.assertEqual(self.modem.health()["state"], "ready")
        self.assertEqual(self.scripted.aborted, 0)

    def test_modem_that_goes_on_refusing_is_opened_anew(self) -> None:
        self.scripted.answers |= {"AT": "ERROR", "ATQ0V1E0": "ERROR"}
        self.start()
        self.run_for(25)
        self.assertEqual(self.scripted.aborted, 1)

    def test_port_that_opens_and_closes_at_once_is_no_mute_modem(self) -> None:
        self.modem.start()
        for _ in range(20):
            self.lines[0].plug(self.scripted)
            self.scripted.unplug()
            self.run_for(1)
        self.assertEqual(self.modem.health()["recovery"]["reopen"], 0)
        self.assertNotIn("reopen", self.events())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_mute_modem_is_opened_anew_ever_more_seldom(self) -> None:
        self.start()
        self.mute()
        self.live(3600, 1.0)
        self.assertLessEqual(self.modem.health()["recovery"]["reopen"], 3 + 12)
        self.heal()
        self.live(30)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_radio_is_switched_on_again_whatever_comes(self) -> None:
        """A modem that is mute or gone after AT+CFUN=4 would stay without a network."""
        self.search(2, **{"AT+CFUN=1": "ERROR"})
        self.assertIn("AT+CFUN=4", self.scripted.commands)
        self.scripted.answers["AT+CFUN=1"] = ""
        before = len(self.scripted.commands)
        self.live(60)
        self.assertIn("AT+CFUN=1", self.scripted.commands[before:])
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_port_that_goes_in_the_middle_of_a_radio_cycle(self) -> None:
        self.until_radio_is_off()
        self.scripted.unplug()
        other = ScriptedModem(self.clock)
        other.answers["AT+CFUN=1"] = ""
        self.lines[0].plug(other)
        self.run_for(5)
        self.assertIn("AT+CFUN=1", other.commands)

    def test_mute_in_the_middle_of_a_radio_cycle(self) -> None:
        self.until_radio_is_off()
        self.mute()
        self.live(60)
        self.heal()
        self.scripted.answers["AT+CFUN=1"] = ""
        self.live(320)
        self.assertEqual(self.modem.health()["state"], "ready")
        self.assertIn("AT+CFUN=1", self.scripted.commands[-60:])

    def test_stop_in_the_middle_of_a_radio_cycle(self) -> None:
        self.until_radio_is_off()
        stopping = self.modem.stop()
        self.run_for(1)
        self.successResultOf(stopping)
        self.assertIn("AT+CFUN=1", self.scripted.commands[-2:])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def until_radio_is_off(self) -> None:
        self.modem = self.make(recovery="radio")
        self.lines = self.lines[-1:]
        for name in ("CREG", "CGREG", "CEREG"):
            self.scripted.answers[f"AT+{name}?"] = f"+{name}: 0,2"
        self.scripted.answers |= {"AT+CFUN=4": "", "AT+CFUN=1": ""}
        self.start()
        while "AT+CFUN=4" not in self.scripted.commands:
            self.run_for(0.5)

    def test_sim_that_was_taken_out_unheard_is_looked_at_first(self) -> None:
        answers = {f"AT+C{x}REG?": f"+C{x}REG: 0,2" for x in ("", "G", "E")}
        self.modem = self.make(recovery="reset")
        self.lines = self.lines[-1:]
        self.start()
        self.scripted.answers |= answers
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM not inserted"
        self.run_for(SEARCHING_S + 200, 0.5)
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)
        self.assertEqual(self.modem.health()["sim_state"], "not inserted")

    def test_never_for_a_locked_sim_which_is_told(self) -> None:
        self.search(2, "reset", **{"AT+CPIN?": "+CPIN: SIM PIN"})
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)
        self.assertIn("SIM PIN", self.modem.health()["reason"])

    def test_never_because_nothing_can_be_read(self) -> None:
        for name in ("CREG", "CGREG", "CEREG"):
            self.scripted.answers[f"AT+{name}?"] = "ERROR"
        self.modem = self.make(recovery="reset")
        self.lines = self.lines[-1:]
        self.start()
        self.run_for(SEARCHING_S + 200, 0.5)
        self.assertNotIn("AT+CFUN=4", self.scripted.commands)

    def test_busy_sim_is_asked_every_two_seconds_for_a_minute(self) -> None:
        self.scripted.answers["AT+CPIN?"] = "+CME ERROR: SIM busy"
        self.start()
        self.run_for(50)
        asked = self.scripted.commands.count("AT+CPIN?")
        self.assertIn(asked, range(23, 30))
        self.assertEqual(self.modem.health()["status"], "ok")
        self.run_for(60, 0.5)
        self.assertLess(self.scripted.commands.count("AT+CPIN?"), asked + 12)
        self.assertIn("busy", self.modem.health()["reason"])

    def test_no_reset_in_the_minute_after_a_reboot_on_an_open_port(self) -> None:
        self.modem = self.make(recovery="reset")
        self.lines = self.lines[-1:]
        self.start()
        self.run_for(100, 0.5)
        self.scripted.say("RDY")
        booted_at = self.clock.seconds()
        self.mute()
        while "AT+CRESET" not in self.scripted.commands:
            self.live(0.5)
        self.assertGreaterEqual(self.clock.seconds() - booted_at, 60)

    def test_reset_that_we_asked_for_is_no_flap(self) -> None:
        self.modem = self.make(recovery="reset")
        self.lines = self.lines[-1:]
        self.start()
        for _ in range(2):
            self.scripted.unplug()
            self.replug()
            self.live(20)
        self.mute()

        def reset() -> str:
            self.heal()
            return ""

        self.scripted.answers["AT+CRESET"] = reset
        while "AT+CRESET" not in self.scripted.commands:
            self.live(0.5)
        self.run_for(0.1)
        self.scripted.unplug()
        self.run_for(20)
        self.live(10)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_boot_lines_are_one_start(self) -> None:
        self.start()
        self.run_for(20)
        self.scripted.say("RDY", "START", "*ATREADY: 1")
        self.assertEqual(self.events().count("rebooted"), 1)
        self.run_for(2)
        self.assertEqual(self.modem.health()["state"], "ready")

    def test_warning_that_is_repeated_is_one_event(self) -> None:
        self.start()
        for _ in range(30):
            self.scripted.say("UNDER-VOLTAGE WARNNING")
            self.run_for(10, 0.5)
        self.assertEqual(self.events().count("warning"), 1)
        self.scripted.say("UNDER-VOLTAGE WARNNING POWER DOWN")
        self.assertEqual(self.events().count("warning"), 2)

    def test_idle_modem_is_asked_little(self) -> None:
        self.scripted.answers["AT+CGPS?"] = "+CGPS: 1,1"
        self.start()
        self.run_for(60, 0.5)
        before = len(self.scripted.commands)
        self.run_for(600, 0.5)
        self.assertLessEqual(
            len(self.scripted.commands) - before, 2 * 600 / UPKEEP_S + 2
        )

    def test_queue_that_is_full_at_the_upkeep_does_not_end_it(self) -> None:
        self.modem = self.make(at_commands=["AT+X*"])
        self.lines = self.lines[-1:]
        self.scripted.answers["AT+XS"] = None
        self.start()
        self.run_for(UPKEEP_S - 2.5)
        calls = [self.modem.command("AT+XS") for _ in range(101)]
        self.run_for(2)
        for call in calls:
            call.addErrback(lambda _: None)
            call.cancel()
        self.run_for(20, 0.5)
        before = self.scripted.commands.count("AT+CGPS?")
        self.run_for(70, 0.5)
        self.assertGreater(self.scripted.commands.count("AT+CGPS?"), before)

    def test_defect_of_ours_is_logged_and_the_port_opened_anew(self) -> None:
        def broken() -> str:
            raise ZeroDivisionError

        self.patch(self.modem._home, "furnish", broken)
        self.start()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.scripted.aborted, 1)

    def moving(self) -> str:
        minute, second = divmod(int(self.clock.seconds()) % 3600, 60)
        return FIX.format(utc=f"12{minute:02}{second:02}.0")

    def test_listener_never_believes_a_halted_modem(self) -> None:
        told: list[Record] = []
        for recovery in ("resync", "radio"):
            self.modem = self.make(recovery=recovery, stale_after=3600)
            self.lines = self.lines[-1:]
            self.heal()
            self.scripted.answers["AT+CGNSSINFO"] = self.moving
            self.modem.subscribe(lambda _, record: told.append(record), "location")
            self.start()
            self.run_for(100)
            self.assertEqual(told[-1]["fix_status"], "valid")
            self.mute()
            self.run_for(60)
            self.assertEqual(told[-1]["fix_status"], "stale")
            self.scripted.unplug()
