"""A modem that answers from a table, joined to the service in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sections import Sim7600Settings
from gatewaykit.sim7600.modem import Modem

FIX = (
    "+CGNSSINFO: 3,09,05,00,5149.214000,N,00119.200000,W,300825,{utc},"
    "82.5,10.0,45.0,1.4,0.8,1.2"
)
NO_FIX = "+CGNSSINFO: ,,,,,,,,,,,,,,,"
ANSWERS = {
    "AT": "",
    "ATQ0V1E0": "",
    "ATE0": "",
    "AT+CMEE=2": "",
    "ATI": (
        "Manufacturer: SIMCOM INCORPORATED\nModel: SIMCOM_SIM7600G-H\n"
        "Revision: LE20B05SIM7600G22\nIMEI: 867584030012345\n+GCAP: +CGSM"
    ),
    "AT+CGMR": "+CGMR: LE20B05SIM7600G22",
    "AT+CGSN": "867584030012345",
    "AT+CPIN?": "+CPIN: READY",
    "AT+CIMI": "234150123456789",
    "AT+CICCID": "+ICCID: 8944100030123456789F",
    "AT+CNUM": "",
    "AT+CBC": "+CBC: 3.591V",
    "AT+CPMUTEMP": "+CPMUTEMP: 29",
    "AT+CGNSSMODE?": "+CGNSSMODE: 15,1",
    "AT+CGPS?": "+CGPS: 0,1",
    "AT+CGPS=1,1": "",
    "AT+CGPS=0": "",
    "AT+CMGF=0": "",
    "AT+CNMI=2,1,0,0,0": "",
    "AT+CPMS?": '+CPMS: "ME",0,23,"ME",0,23,"ME",0,23',
    "AT+CMGL=4": "",
    "AT+CMGL=0": "",
    # What comes when the body was sent:
    "AT+CMGS": "+CMGS: 46",
    "AT+CGNSSINFO": NO_FIX,
    "AT+CGPSINFO": "+CGPSINFO: ,,,,,,,,",
    "AT+CREG?": "+CREG: 0,1",
    "AT+CGREG?": "+CGREG: 0,1",
    "AT+CEREG?": "+CEREG: 0,1",
    "AT+CSQ": "+CSQ: 22,99",
    "AT+COPS?": '+COPS: 0,0,"T-Mobile",7',
    "AT+CPSI?": (
        "+CPSI: LTE,Online,262-02,0xB0F5,13179412,448,EUTRAN-BAND1,100,4,4,"
        "-122,-1184,-874,9"
    ),
    "AT+CNMP?": "+CNMP: 2",
}
LATENCY_S = 0.01


class ScriptedModem:
    """Answers each command `LATENCY_S` after it came; `answers` is the test's to change.

    An answer is its information lines, joined by line feeds; one that begins with a final
    error is that error; None is silence; a function is called for what it gives.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.answers: dict[str, str | Callable[[], str | None] | None] = dict(ANSWERS)
        self.commands: list[str] = []
        self.protocol: Protocol | None = None
        self.aborted = 0
        self.unplugged: Callable[[], object] = lambda: None
        self._written = b""
        self._awaits_body = False

    def connect(self, protocol: Protocol) -> None:
        self.protocol = protocol
        self._written = b""
        protocol.makeConnection(self)

    def say(self, *lines: str) -> None:
        """Unsolicited lines."""
        for line in lines:
            self._send(f"\r\n{line}\r\n")

    def unplug(self) -> None:
        self.unplugged()
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))

    def _send(self, text: str) -> None:
        if self.protocol is not None:
            self.protocol.dataReceived(text.encode("latin-1"))

    # The transport

    disconnecting = False

    def write(self, data: bytes) -> None:
        self._written += data.replace(b"\x1b", b"")
        while True:
            end = b"\x1a" if self._awaits_body else b"\r"
            command, found, rest = self._written.partition(end)
            if not found:
                return
            self._written = rest
            self._take(command.decode("ascii"))

    def _take(self, command: str) -> None:
        self.commands.append(command)
        if self._awaits_body:
            self._awaits_body = False
            command = "AT+CMGS"
        elif command.startswith("AT+CMGS="):
            self._awaits_body = True
            self.clock.callLater(LATENCY_S, self._send, "\r\n> ")
            return
        answer = self._answer(command)
        if answer is not None:
            self.clock.callLater(LATENCY_S, self._send, answer)

    def _answer(self, command: str) -> str | None:
        found: list[str] = []
        for part in command.split(";"):
            name = part if part.upper().startswith("AT") else f"AT{part}"
            answer = self.answers.get(name, "ERROR")
            if callable(answer):
                answer = answer()
            if answer is None:
                return None
            if answer.startswith(("ERROR", "+CME ERROR", "+CMS ERROR")):
                return "".join(found) + f"\r\n{answer}\r\n"
            if answer:
                found.append("\r\n" + answer.replace("\n", "\r\n") + "\r\n")
        return "".join(found) + "\r\nOK\r\n"

    def loseConnection(self) -> None:
        self.clock.callLater(0, self.unplug)

    def abortConnection(self) -> None:
        self.aborted += 1
        self.clock.callLater(0, self.unplug)


class ScriptedLines:
    """In the place of `serialline.line_service`: the test plugs modems in and out."""

    trouble: str | None = "no such device"

    def __init__(
        self, reactor: IReactorTime, port: str, baudrate: int, factory: Any
    ) -> None:
        self.port, self.baudrate, self.factory = port, baudrate, factory
        self.running = False
        self.modem: ScriptedModem | None = None

    def startService(self) -> None:
        self.running = True

    def stopService(self) -> None:
        self.running = False
        if self.modem is not None:
            self.modem.unplug()

    def _unplugged(self) -> None:
        self.trouble = "no such device"

    def plug(self, modem: ScriptedModem) -> None:
        self.modem = modem
        self.trouble = None
        modem.unplugged = self._unplugged
        modem.connect(self.factory.buildProtocol(None))


class ModemTestCase(SynchronousTestCase):
    """A service, a scripted modem and a clock."""

    settings: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.lines: list[ScriptedLines] = []
        self.scripted = ScriptedModem(self.clock)
        self.modem = self.make()

    def make(self, **settings: Any) -> Modem:
        def open_line(*arguments: Any) -> Any:
            self.lines.append(ScriptedLines(*arguments))
            return self.lines[-1]

        chosen = {"port": "/dev/none"} | self.settings | settings
        return Modem(
            Sim7600Settings(**chosen),
            self.clock,
            lambda: 1_756_556_000_000 + int(self.clock.seconds() * 1000),
            open_line,
        )

    def run_for(self, seconds: float, step_s: float = 0.05) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)

    def start(self) -> None:
        """Plug the modem in and wait until it serves."""
        self.modem.start()
        self.lines[-1 if len(self.lines) == 1 else -2].plug(self.scripted)
        self.run_for(2.0)
