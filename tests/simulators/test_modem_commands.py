from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.modem_state import Identity
from tests.simulators.modems import START, Host


class ResultTests(SynchronousTestCase):
    def test_it_is_delivered_with_echo(self) -> None:
        host = Host(plain=False)
        host.wait(0)
        self.assertEqual(host.send(b"AT\r\n"), b"AT\r\r\nOK\r\n")

    def test_short_results(self) -> None:
        host = Host()
        self.assertEqual(host.send(b"ATV0\r"), b"0\r")
        self.assertEqual(host.send(b"AT+CGMM\r"), b"SIMCOM_SIM7600G-H\r\n0\r")
        self.assertEqual(host.send(b"AT+NOPE\r"), b"4\r")

    def test_no_results(self) -> None:
        host = Host()
        self.assertEqual(host.send(b"ATQ1\r"), b"")
        self.assertEqual(host.send(b"AT+CMEE?\r"), b"\r\n+CMEE: 1\r\n")
        self.assertEqual(host.send(b"ATQ0V1E0\r"), b"\r\nOK\r\n")

    def test_a_line_ends_at_its_first_error(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CGSN;+NOPE;+CGMM"), "867584030012345|ERROR")
        self.assertEqual(host.ask("AT!"), "ERROR")

    def test_limits_of_a_line(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT" + ";".join(["+CMEE=1"] * 39)), "OK")
        self.assertEqual(host.ask("AT" + ";".join(["+CMEE=1"] * 40)), "ERROR")
        self.assertEqual(host.ask("AT" + "+CMEE=1;" * 69 + "E0V1Q0X"), "ERROR")
        self.assertEqual(host.ask("AT+CPIN=" + "1" * 554), "ERROR")

    def test_errors(self) -> None:
        host = Host(sim="missing")
        for mode, text in (
            (0, "ERROR"),
            (1, "+CME ERROR: 10"),
            (2, "+CME ERROR: SIM not inserted"),
        ):
            self.assertEqual(host.ask(f"AT+CMEE={mode};+CPIN?"), text)
        self.assertEqual(host.ask("AT+CMGL=4"), "+CMS ERROR: SIM not inserted")
        self.assertEqual(host.ask("AT+CMEE=3"), "ERROR")

    def test_profile(self) -> None:
        host = Host()
        self.assertEqual(host.ask("ATV0Z"), "OK")
        self.assertEqual(
            host.send(b"AT&F&C1&D1X4S0=0\r"), b"AT&F&C1&D1X4S0=0\r\r\nOK\r\n"
        )
        self.assertEqual(host.ask("ATE0;S0?"), "ATE0;S0?\r|000|OK")
        self.assertEqual(host.ask("ATE5"), "ERROR")
        self.assertEqual(host.ask("ATD*99#"), "ERROR")

    def test_what_is_not_heard_has_no_answer(self) -> None:
        host = Host()
        host.hears = False
        self.assertEqual(host.send(b"AT\r"), b"")


class IdentityTests(SynchronousTestCase):
    def test_single_answers(self) -> None:
        host = Host(identity=Identity(number="+447700900123"))
        for command, answer in (
            ("AT+CGMI", "SIMCOM INCORPORATED"),
            ("AT+CGMM", "SIMCOM_SIM7600G-H"),
            ("AT+CGMR", "+CGMR: LE20B05SIM7600G22"),
            ("AT+CGSN", "867584030012345"),
            ("AT+CIMI", "724031234567890"),
            ("AT+CICCID", "+ICCID: 8955031230123456789F"),
            ("AT+CNUM", '+CNUM: "","+447700900123",145'),
            ("AT+CBC", "+CBC: 3.794V"),
            ("AT+CPMUTEMP", "+CPMUTEMP: 36"),
        ):
            self.assertEqual(host.ask(command), f"{answer}|OK")

    def test_a_sim_that_does_not_know_its_number(self) -> None:
        self.assertEqual(Host().ask("AT+CNUM"), "OK")
        host = Host(identity=Identity(number="123"))
        self.assertIn(",129|", host.ask("AT+CNUM"))

    def test_time_of_the_network(self) -> None:
        self.assertEqual(Host().ask("AT+CCLK?"), '+CCLK: "25/08/30,13:34:56+04"|OK')
        host = Host(network="searching")
        self.assertEqual(host.ask("AT+CCLK?"), '+CCLK: "80/01/06,00:00:00+00"|OK')


class SimTests(SynchronousTestCase):
    def test_busy_at_first(self) -> None:
        host = Host(plain=False, boot=10.0)
        host.send(b"ATE0\r")
        self.assertEqual(host.ask("AT+CPIN?"), "+CME ERROR: 14")
        host.wait(3)
        self.assertEqual(host.ask("AT+CPIN?"), "+CPIN: READY|OK")

    def test_what_a_boot_says_without_a_ready_sim(self) -> None:
        for sim, line in (
            ("missing", b"+SIMCARD: NOT AVAILABLE"),
            ("pin", b"+CPIN: SIM PIN"),
        ):
            host = Host(plain=False, sim=sim, boot=4.0)
            self.assertEqual(host.wait(9), b"\r\nRDY\r\n\r\n" + line + b"\r\n")

    def test_three_tries(self) -> None:
        host = Host(sim="pin")
        self.assertEqual(host.ask("AT+CIMI"), "+CME ERROR: 11")
        self.assertIn("+ICCID", host.ask("AT+CICCID"))
        for _ in range(3):
            self.assertEqual(host.ask('AT+CPIN="0000"'), "+CME ERROR: 16")
        self.assertEqual(host.ask("AT+CPIN?"), "+CPIN: SIM PUK|OK")
        self.assertEqual(host.ask('AT+CPIN="1234"'), "+CME ERROR: 12")

    def test_a_pin_that_nobody_asked_for(self) -> None:
        self.assertEqual(Host().ask('AT+CPIN="1234"'), "+CME ERROR: 3")

    def test_taken_out_and_put_in(self) -> None:
        host = Host(boot=2.0)
        host.wait(5)
        host.state.set_sim(host.now, "missing")
        self.assertIn(b"+SIMCARD: NOT AVAILABLE", host.taken())
        self.assertEqual(host.ask("AT+CREG?;+CSQ"), "+CREG: 0,0|+CSQ: 99,99|OK")
        host.state.set_sim(host.now, "ready")
        self.assertIn(b"PB DONE", host.taken() + host.wait(5))
        self.assertEqual(host.ask("AT+CREG?"), "+CREG: 0,1|OK")


class NetworkTests(SynchronousTestCase):
    def test_registers_in_its_time(self) -> None:
        host = Host(register_after=10.0)
        host.send(b"AT+CREG=1\r")
        self.assertEqual(host.ask("AT+CREG?"), "+CREG: 1,2|OK")
        self.assertEqual(host.wait(10), b"\r\n+CREG: 1\r\n")

    def test_comes_back_sooner(self) -> None:
        host = Host(register_after=10.0)
        host.wait(10)
        self.assertEqual(host.ask("AT+CFUN=4;+CFUN=1;+CREG?"), "+CREG: 0,2|OK")
        host.wait(3)
        self.assertEqual(host.ask("AT+CREG?"), "+CREG: 0,1|OK")

    def test_a_boot_takes_longer_than_the_network(self) -> None:
        host = Host(plain=False, register_after=1.0, boot=40.0)
        host.send(b"ATE0\r")
        host.state.set_network(host.now, "home", None)
        self.assertIn("2|OK", host.ask("AT+CREG?"))
        host.wait(11)
        self.assertIn("1|OK", host.ask("AT+CREG?"))

    def test_places(self) -> None:
        host = Host()
        for kind, stat in (
            ("home", 1),
            ("roaming", 5),
            ("searching", 2),
            ("denied", 3),
            ("lost", 4),
        ):
            host.state.set_network(host.now, kind, None)  # type: ignore[arg-type]
            for command in ("+CREG", "+CGREG", "+CEREG"):
                self.assertEqual(host.ask(f"AT{command}?"), f"{command}: 0,{stat}|OK")

    def test_what_is_said_agrees_for_each_technology(self) -> None:
        host = Host()
        host.send(b"AT+CREG=2;+CEREG=2\r")
        for technology, act, mode, system, eps in (
            ("LTE", 7, 8, "LTE", '2,1,"5A1E","0B28ABBC",7'),
            ("3G", 2, 7, "WCDMA", "2,4"),
            ("2G", 0, 3, "GSM", "2,4"),
        ):
            host.state.set_network(host.now, "home", technology)  # type: ignore[arg-type]
            host.taken()
            self.assertEqual(host.ask("AT+COPS?"), f'+COPS: 0,0,"TIM BRASIL",{act}|OK')
            self.assertEqual(host.ask("AT+CNSMOD?"), f"+CNSMOD: 0,{mode}|OK")
            self.assertEqual(host.ask("AT+CEREG?"), f"+CEREG: {eps}|OK")
            cpsi = host.ask("AT+CPSI?")
            self.assertTrue(cpsi.startswith(f"+CPSI: {system},Online,724-03,0x"), cpsi)
            fields = cpsi.split("|")[0].split(",")
            self.assertEqual(len(fields), 9 if technology == "2G" else 14)
            csq = int(host.ask("AT+CSQ").split()[1].split(",")[0])
            dbm = {
                "LTE": lambda f: int(f[12]) / 10,
                "3G": lambda f: -int(f[12]),
                "2G": lambda f: int(f[6]),
            }[technology](fields)
            self.assertLessEqual(abs(csq * 2 - 113 - dbm), 2)
        self.assertEqual(host.ask("AT+CNSMOD?;+CREG?")[:10], "+CNSMOD: 0")

    def test_changes_are_said_to_who_asked(self) -> None:
        host = Host()
        host.send(b"AT+CREG=2;+CEREG=1\r")
        host.state.set_network(host.now, "roaming", None)
        said = host.taken()
        self.assertTrue(
            said.endswith(b'+CREG: 5,"5A1E","0B28ABBC"\r\n\r\n+CEREG: 5\r\n'), said
        )
        host.state.set_network(host.now, "lost", None)
        self.assertEqual(host.taken(), b"\r\n+CREG: 4\r\n\r\n+CEREG: 4\r\n")

    def test_operators(self) -> None:
        host = Host()
        for command, answer in (
            ("AT+COPS=3,2", "OK"),
            ("AT+COPS?", '+COPS: 0,2,"72403",7|OK'),
            ('AT+COPS=1,2,"26201"', "+CME ERROR: 30"),
            ("AT+COPS=1,2", "+CME ERROR: 30"),
            ('AT+COPS=1,2,"72403"', "OK"),
            ("AT+COPS=2", "OK"),
            ("AT+COPS?", "+COPS: 2|OK"),
            ("AT+CREG?", "+CREG: 0,0|OK"),
            ("AT+COPS=0", "OK"),
            ("AT+CREG?", "+CREG: 0,1|OK"),
            ("AT+COPS=9", "ERROR"),
        ):
            self.assertEqual(host.ask(command), answer, command)

    def test_a_scan_takes_long(self) -> None:
        host = Host(scan=20.0, technology="2G")
        host.core.receive(b"AT+COPS=?\r", host.now)
        (answer,) = host.outputs()
        self.assertEqual(answer.takes_s, 20.0)
        self.assertEqual(
            answer.pieces[0],
            b'\r\n+COPS: (2,"TIM BRASIL","TIM","72403",0),'
            b'(3,"T-Mobile D","TMO D","26201",0),,(0,1,2,3,4,5),(0,1,2)\r\n',
        )
        host.send(b"AT+COPS=2\r")
        self.assertIn('(1,"TIM', host.ask("AT+COPS=?"))
        host.send(b"AT+CFUN=4\r")
        self.assertIn("+COPS: ,(0", host.ask("AT+COPS=?"))

    def test_preferred_mode(self) -> None:
        host = Host(technology="3G")
        self.assertEqual(host.ask("AT+CNMP=38"), "OK")
        self.assertEqual(host.ask("AT+CREG?;+CNMP?"), "+CREG: 0,2|+CNMP: 38|OK")
        self.assertEqual(host.ask("AT+CNMP=38"), "OK")
        self.assertEqual(host.ask("AT+CNMP=13;+COPS?"), '+COPS: 0,0,"TIM BRASIL",0|OK')
        self.assertEqual(host.ask("AT+CNMP=3"), "ERROR")

    def test_strength_is_within_the_scale(self) -> None:
        host = Host()
        for dbm, csq in ((-140, 0), (-20, 31)):
            host.state.network.signal_dbm = dbm
            self.assertEqual(host.ask("AT+CSQ"), f"+CSQ: {csq},99|OK")

    def test_system_information_by_itself(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CPSI=5"), "OK")
        self.assertEqual(host.wait(11).count(b"+CPSI: LTE"), 2)
        host.send(b"AT+CPSI=0\r")
        self.assertEqual(host.wait(11), b"")


class PowerTests(SynchronousTestCase):
    def test_radio_off_and_on(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CFUN=4;+CFUN?"), "+CFUN: 4|OK")
        self.assertEqual(
            host.ask("AT+CREG?;+CPSI?"),
            "+CREG: 0,0|+CPSI: NO SERVICE,Low Power Mode|OK",
        )
        self.assertEqual(host.ask("AT+CFUN=1,0;+CREG?"), "+CREG: 0,1|OK")
        self.assertEqual(host.ask("AT+CFUN=1"), "OK")

    def test_offline_is_left_by_a_reset_only(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CFUN=7;+CPSI?"), "+CPSI: NO SERVICE,Offline|OK")
        self.assertEqual(host.ask("AT+CFUN=1"), "ERROR")
        host.core.receive(b"AT+CFUN=6\r", START)
        self.assertEqual(host.outputs()[-1].kind, "reset")

    def test_what_takes_the_port_away(self) -> None:
        for command, kind in (
            (b"AT+CFUN=1,1\r", "reset"),
            (b"AT+CRESET\r", "reset"),
            (b"AT+CUSBPIDSWITCH=9011,1,1\r", "reset"),
            (b"AT+CPOF\r", "off"),
        ):
            host = Host()
            host.core.receive(command, START)
            self.assertEqual([o.kind for o in host.outputs()], ["answer", kind])

    def test_wrong_values(self) -> None:
        host = Host()
        for command in ("CFUN=2", "CFUN=1,2", "CUSBPIDSWITCH=9003,1,1", "CFUN="):
            self.assertEqual(host.ask(f"AT+{command}"), "ERROR", command)
        self.assertEqual(host.ask("AT+CUSBPIDSWITCH?"), "+CUSBPIDSWITCH: 9001|OK")

    def test_a_reboot_sets_back_what_is_not_kept(self) -> None:
        host = Host()
        host.send(b"AT+CMEE=2;+CREG=2;+CMGF=1;+CNMP=38\r")
        host.core.boot(host.now)
        host.wait(0)
        host.send(b"ATE0\r")
        self.assertEqual(
            host.ask("AT+CMEE?;+CREG?;+CMGF?;+CNMP?"),
            "+CMEE: 1|+CREG: 0,1|+CMGF: 0|+CNMP: 38|OK",
        )
