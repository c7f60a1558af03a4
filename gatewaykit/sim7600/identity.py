"""Who the modem is: model, firmware, IMEI, and whose SIM is in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import attrs

from gatewaykit.errors import DeviceTimeout
from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import replies
from gatewaykit.sim7600.asking import Answers, Ask
from gatewaykit.sim7600.commands import Command, Priority, read

T = TypeVar("T")

READY = "READY"
BUSY = "busy"

WHO = read("ATI", bare=True)
FIRMWARE = read("AT+CGMR", "+CGMR:")
IMEI = read("AT+CGSN", bare=True)
PIN = read("AT+CPIN?", "+CPIN:", timeout_s=10.0)
IMSI = read("AT+CIMI", bare=True)
ICCID = read("AT+CICCID", "+ICCID:", timeout_s=10.0)
NUMBER = read("AT+CNUM", "+CNUM:", many=True)
VOLTAGE = read("AT+CBC", "+CBC:")
TEMPERATURE = read("AT+CPMUTEMP", "+CPMUTEMP:")


@attrs.define
class Identity:
    """What the modem told of itself; None for what it did not."""

    answers: Answers
    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    imei: str | None = None
    iccid: str | None = None
    imsi: str | None = None
    phone_number: str | None = None
    sim_state: str | None = None
    voltage_v: float | None = None
    temperature_c: float | None = None

    def record(self) -> Record:
        """The part of the info record that is known here."""
        told = attrs.asdict(self, recurse=False)
        del told["answers"]
        return told

    async def read_module(self, ask: Ask) -> None:
        """Model, firmware, IMEI: what no SIM changes. It may be another modem's by now."""
        self.manufacturer = self.model = self.firmware = self.imei = None
        who = await self._lines(ask, WHO)
        if who:
            found = self.answers.read(replies.identity, who)
            if found is not None:
                self.manufacturer = found.manufacturer
                self.model = found.model
                self.firmware = found.revision
                self.imei = found.imei
        firmware = await self._first(ask, FIRMWARE, replies.firmware)
        self.firmware = firmware or self.firmware
        self.imei = await self._first(ask, IMEI, replies.imei) or self.imei

    async def read_sim_state(self, ask: Ask) -> None:
        """Whether there is a SIM, and whether it is open."""
        reply = await ask(PIN, Priority.NORMAL)
        if reply.ok:
            self.sim_heard(reply.lines[0])
        else:
            self._sim_is(replies.sim_failure(replies.final_error(reply.final)))
        if self.sim_state != READY:
            self.iccid = self.imsi = self.phone_number = None

    def sim_heard(self, line: str) -> None:
        """What the modem says of the SIM, asked or not."""
        state = self.answers.read(replies.pin, line)
        if state is not None:
            self._sim_is(state)

    def _sim_is(self, state: str | None) -> None:
        self.sim_state = state
        if state == "not inserted":
            self.imsi = self.iccid = self.phone_number = None

    def gone(self) -> None:
        """The modem is gone or has started anew: what may change is not known."""
        self.sim_state = self.voltage_v = self.temperature_c = None

    async def read_sim(self, ask: Ask) -> None:
        """The SIM's numbers; None where it does not tell."""
        self.imsi = await self._first(ask, IMSI, replies.imsi)
        self.iccid = await self._first(ask, ICCID, replies.iccid)
        self.phone_number = await self._first(ask, NUMBER, replies.phone_number)

    async def read_supply(self, ask: Ask) -> None:
        """Voltage and temperature."""
        self.voltage_v = await self._first(ask, VOLTAGE, replies.voltage)
        self.temperature_c = await self._first(ask, TEMPERATURE, replies.temperature)

    async def _lines(self, ask: Ask, command: Command) -> tuple[str, ...]:
        """The information lines; none where the modem refuses or does not answer."""
        try:
            reply = await ask(command, Priority.NORMAL)
        except DeviceTimeout:
            return ()
        return reply.lines if reply.ok else ()

    async def _first(
        self, ask: Ask, command: Command, parse: Callable[[str], T]
    ) -> T | None:
        lines = await self._lines(ask, command)
        return self.answers.read(parse, lines[0]) if lines else None
