"""The transcripts of a modem, with the simulator as the modem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.modem_gnss import Fix, Satellite
from gatewaykit.simulators.modem_gnss_commands import cgnssinfo, cgpsinfo
from gatewaykit.simulators.modem_network import Operator
from gatewaykit.simulators.modem_sms import Message
from gatewaykit.simulators.modem_state import Identity
from tests.sim7600.transcripts import TRANSCRIPTS
from tests.simulators.modems import START, Host

PLACE = Operator("T-Mobile", "TMO", "26201")
LOCATED = Fix(
    START,
    51.82023333333333,
    -1.32,
    82.5,
    47.0,
    10.0,
    45.0,
    3,
    1.4,
    0.8,
    1.2,
    tuple(
        Satellite(gnss, number, 45, 90, 40, used=True)
        for gnss, numbers in (
            ("gps", (2, 4, 5, 10, 12, 13, 17, 23, 25)),
            ("glonass", (65, 66, 67, 68, 69)),
        )
        for number in numbers
    ),
)


def receiving(dbm: float) -> Callable[[Host], None]:
    def prepare(host: Host) -> None:
        network = host.state.network
        network.signal_dbm += dbm - network.strength_dbm(host.now)

    return prepare


def stored(host: Host) -> None:
    at = START - 3600  # its times are local
    host.state.stores["ME"] = {
        0: Message("+447700900123", "Hello", at, 4, status=1),
        1: Message("12345", "", at + 304, 4),
    }
    host.send(b"AT+CMGF=1\r")


def identity(**values: str) -> Callable[[Host], None]:
    def prepare(host: Host) -> None:
        host.state.identity = attrs.evolve(Identity(), **values)

    return prepare


def with_command(*commands: bytes) -> Callable[[Host], None]:
    def prepare(host: Host) -> None:
        for command in commands:
            host.send(command)

    return prepare


def nothing(host: Host) -> None:
    pass


class TranscriptTests(SynchronousTestCase):
    def play(
        self,
        number: int,
        prepare: Callable[[Host], None] = nothing,
        **behaviour: Any,
    ) -> Host:
        """The host's bytes give the modem's bytes; between two reads time passes."""
        transcript = next(one for one in TRANSCRIPTS if one.number == number)
        host = Host(home=PLACE, **behaviour)
        if "echo" in transcript.title:
            host.send(b"ATE1\r")
        prepare(host)
        expected = got = b""
        for kind, data in transcript.steps:
            if isinstance(data, str):
                continue
            if kind == ">":
                got += host.send(data)
                continue
            expected += data
            while len(got) < len(expected) and (due := host.core.due()) is not None:
                if due > START + 60:
                    break
                got += host.wait(max(0.0, due - host.now))
        self.assertEqual(got, expected, number)
        return host

    def test_commands_without_a_state(self) -> None:
        for number in (1, 2, 17):
            self.play(number)

    def test_signal(self) -> None:
        self.play(3, receiving(-69))
        self.play(16, receiving(-73))
        self.play(11, network="searching")

    def test_identity(self) -> None:
        self.play(4)
        self.play(5, identity(revision="LE20B04SIM7600G22"))
        self.play(9, identity(iccid="8944100030123456789F"))

    def test_registration_is_said_before_an_answer(self) -> None:
        def prepare(host: Host) -> None:
            host.send(b"AT+CREG=1\r")
            host.state.set_network(host.now, "searching", None)
            host.taken()
            host.state.set_network(host.now, "home", None)

        self.play(6, prepare)

    def test_sim(self) -> None:
        self.play(7, with_command(b"AT+CMEE=2\r"), sim="missing")
        self.play(8, sim="missing")
        host = self.play(10, sim="pin")
        self.assertEqual(host.ask("AT+CPIN?"), "+CPIN: READY|OK")

    def test_registration(self) -> None:
        self.play(13)
        self.play(18, network="searching")

    def test_no_service(self) -> None:
        host = Host(network="searching")
        self.assertEqual(host.ask("AT+CPSI?"), "+CPSI: NO SERVICE,Online|OK")

    def test_gnss_engine(self) -> None:
        self.play(23)
        on = with_command(b"AT+CGPS=1,1\r")
        self.play(24, on)
        self.play(26, on, fix_after=100.0)
        self.play(34, with_command(b"AT+CNMP=38\r"))

    def test_an_early_restart_is_refused(self) -> None:
        self.play(25, with_command(b"AT+CGPS=1,1\r"))

    def test_position(self) -> None:
        lines = next(one for one in TRANSCRIPTS if one.number == 28).lines
        self.assertEqual(cgnssinfo(LOCATED), lines[0])
        self.assertEqual(
            cgpsinfo(LOCATED),
            "+CGPSINFO: 5149.214000,N,00119.200000,W,300825,123456.0,82.5,10.0,45.0",
        )

    def test_a_line_unasked_within_an_answer(self) -> None:
        transcript = next(one for one in TRANSCRIPTS if one.number == 30)
        host = Host(fix_after=100.0)
        host.send(b'AT+CGPS=1,1;+CPMS="SM","SM","SM"\r')
        host.state.stores["SM"] = {n: Message("1", "x", START) for n in range(3)}
        answer = host.send(b"AT+CGNSSINFO\r")
        host.state.receive(host.now, "12345", "x")
        position, urc = answer.split(b"\r\n\r\nOK")[0], host.taken()
        self.assertEqual(
            b"".join(transcript.received), position + b"\r\n" + urc + b"\r\nOK\r\n"
        )

    def test_engine_off(self) -> None:
        steps = next(one for one in TRANSCRIPTS if one.number == 33).steps
        self.assertEqual(Host().send(b"AT+CGNSSINFO\r"), steps[1][1])

    def test_sms(self) -> None:
        host = self.play(35)
        self.assertEqual(host.state.sent[0].text, "Hello")

    def test_sms_that_is_cancelled_and_one_without_network(self) -> None:
        self.play(36, with_command(b"AT+CMGF=1\r"), network="searching")

    def test_listing_and_direct_delivery(self) -> None:
        transcript = next(one for one in TRANSCRIPTS if one.number == 37)
        host = Host()
        stored(host)
        host.send(b"AT+CNMI=2,2,0,0,0\r")
        got = host.send(b'AT+CMGL="ALL"\r')
        host.state.receive(START - 3600 + 364, "+447700900123", "OK")
        self.assertEqual(got + host.taken(), b"".join(transcript.received))

    def test_boot(self) -> None:
        host = Host(plain=False, boot=4.0, register_after=10.0)
        self.assertEqual(
            host.wait(5),
            b"\r\nRDY\r\n\r\n+CPIN: READY\r\n\r\nSMS DONE\r\n\r\nPB DONE\r\n",
        )

    def test_reset(self) -> None:
        host = Host()
        host.send(b"AT+CGPS=1,1\r")
        host.core.receive(b"AT+CRESET\r", host.now)
        answer, reset = host.outputs()
        self.assertEqual((answer.data, reset.kind), (b"\r\nOK\r\n", "reset"))
        host.core.boot(host.now)
        self.assertTrue(host.wait(0).startswith(b"\r\nRDY\r\n"))
        self.assertEqual(host.ask("ATE0;+CGPS?"), "ATE0;+CGPS?\r|+CGPS: 0,1|OK")
