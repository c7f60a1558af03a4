"""A trackers' port with commands, without sockets: what a vehicle sends, and what it gets."""

from __future__ import annotations

import re
from typing import Any

from gatewaykit.access import Principal, Role
from gatewaykit.gv50.commands import Written, parse
from gatewaykit.gv50.dispatch import Dispatch
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.sections import CommandsSettings
from gatewaykit.times import digits
from tests.gv50.support import IMEI, Line, TrackerCase

DISPATCHER = Principal("uid:1000", frozenset({Role.DISPATCHER}), "unix")
ADMIN = Principal("uid:0", frozenset({Role.ADMIN}), "unix")
VIEWER = Principal("anonymous", frozenset({Role.VIEWER}), "tcp:127.0.0.1:50000")

_COMMAND = re.compile(rb"AT\+[^$]*\$")


class CommandCase(TrackerCase):
    """A port whose vehicles block at level 1, and commands to them."""

    auto_commit = True
    commands: Dispatch
    told: dict[str, Any]

    def configure(self, **settings: Any) -> None:
        super().configure(**settings)
        self.told = {"block_level": "1"}
        self.counts = 0x1000
        self.ids = 0
        self.numbers = 0
        self.begin()

    def begin(self, **told: Any) -> None:
        """Begin anew with these settings of `[commands]`, on the same store and fleet."""
        self.told |= told
        self.commands = Dispatch(
            self.store,
            self.fleet,
            self.clock,
            self.now_ms,
            CommandsSettings(**self.told),
            Passwords(None),
            gateway="here",
            new_id=self.new_id,
            number_below=self.new_number,
        )
        self.successResultOf(self.commands.start())

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:012x}"

    def new_number(self, below: int) -> int:
        self.numbers += 1
        return self.numbers % below

    # -- what people do ----------------------------------------------------------------

    def queue(
        self,
        kind: str = "block",
        imei: str = IMEI,
        principal: Principal = DISPATCHER,
        parameters: dict[str, Any] | None = None,
        **more: Any,
    ) -> str:
        """Queue a command that is taken; its id."""
        record = self.successResultOf(
            self.commands.queue(principal, imei, kind, parameters or {}, **more)
        )
        self.clock.advance(0)
        return str(record["id"])

    def refused(
        self,
        expected: type[Exception],
        imei: str = IMEI,
        kind: str = "block",
        parameters: dict[str, Any] | None = None,
        principal: Principal = DISPATCHER,
        **more: Any,
    ) -> str:
        """Queue a command that is not taken; why."""
        failing = self.commands.queue(principal, imei, kind, parameters or {}, **more)
        return str(self.failureResultOf(failing, expected).value)

    def command(self, id: str) -> Any:
        """A command's record."""
        return self.successResultOf(self.store.command(id))

    def state(self, id: str) -> tuple[str, str | None]:
        record = self.command(id)
        return record["status"], record["reason"]

    def outcomes(self, id: str) -> list[str]:
        """What the audit trail says of a command, in order."""
        return [
            record["outcome"]
            for record in self.store.audit_records
            if record["arguments"].get("id") == id
        ]

    def events(self, imei: str = IMEI) -> list[str]:
        page = self.successResultOf(self.store.events(imei))
        return [event["event"] for event in page.records]

    def look(self, seconds: float = 1.0) -> None:
        """Let time pass in steps in which the gateway looks after commands."""
        self.clock.pump([0.25] * round(seconds * 4))

    # -- what a vehicle does -----------------------------------------------------------

    def count(self) -> str:
        self.counts += 1
        return f"{self.counts & 0xFFFF:04X}"

    def stamp(self, age_s: float = 0.0) -> str:
        return str(digits(self.now_ms() - round(age_s * 1000)))

    def position(
        self,
        speed: float | str = 0.0,
        *,
        imei: str = IMEI,
        prefix: str = "+RESP",
        type: str = "GTRTL",
        age_s: float = 0.0,
        hdop: int = 1,
        status: str = "110000",
        longitude: float = -54.557850,
        latitude: float = -20.587663,
        count: str | None = None,
    ) -> bytes:
        """A report with one position."""
        block = (
            f"{hdop},{speed},258,713.2,{longitude:.6f},{latitude:.6f},"
            f"{self.stamp(age_s)},0724,0003,08AA,59C0,00"
        )
        tail = f"{self.stamp()},{count or self.count()}$"
        if type == "GTFRI":
            body = f",,10,1,{block},0.0,,,,,{status},5,0,7"
        elif type == "GTSTT":
            body = f",{status[:2]},{block}"
        else:
            body = f",,00,1,{block},0.0"
        return f"{prefix}:{type},090302,{imei},{body},{tail}".encode()

    def online(self, imei: str = IMEI, **position: Any) -> Line:
        """A vehicle that has just reported a position."""
        line = self.connect()
        line.send(self.position(imei=imei, **position))
        line.received()
        return line

    def commands_of(self, line: Line) -> list[Written]:
        """The commands that came in since the last look."""
        return [parse(text) for text in _COMMAND.findall(line.received())]

    def ack(
        self, written: Written, *, imei: str = IMEI, serial: str | None = None
    ) -> bytes:
        sub = ",RTL" if written.type == "GTRTO" else ""
        return (
            f"+ACK:{written.type},090302,{imei},{sub},{serial or written.serial},"
            f"{self.stamp()},{self.count()}$"
        ).encode()
