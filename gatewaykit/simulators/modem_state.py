"""A SIM7600 and its surroundings, as far as its AT commands tell of them. Pure.

It is told the time, and what it has to say by itself it hands to `say`. Time is seconds
since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Literal

import attrs

from gatewaykit.simulators import modem_nmea as nmea
from gatewaykit.simulators.modem_agenda import Agenda
from gatewaykit.simulators.modem_gnss import Fix, Receiver
from gatewaykit.simulators.modem_network import (
    PREFERENCES,
    Kind,
    Network,
    Operator,
    Technology,
)
from gatewaykit.simulators.modem_sms import CAPACITY, Message, Sent, arriving

Sim = Literal["ready", "missing", "pin", "puk"]

_HOME = Operator("TIM BRASIL", "TIM", "72403")
_ABROAD = Operator("T-Mobile D", "TMO D", "26201")

REGISTRATIONS = ("+CREG", "+CGREG", "+CEREG")
_UNLOCKED_S = 0.2
_AGAIN = 0.3
"""A registration in a known network takes that part of a first one."""
_MIN_AFTER_OK_S = 0.1


@attrs.frozen
class Identity:
    manufacturer: str = "SIMCOM INCORPORATED"
    model: str = "SIMCOM_SIM7600G-H"
    revision: str = "LE20B05SIM7600G22"
    imei: str = "867584030012345"
    imsi: str = "724031234567890"
    iccid: str = "8955031230123456789F"
    number: str = ""
    """Many SIM cards don't know their own (facts/sim7600.md 3.1)."""
    pin: str = "1234"


@attrs.frozen
class ModemBehaviour:
    """How the modem and its place are. Times are in seconds."""

    register_after: float = 10.0
    """By then it is registered, counted from its start."""
    fix_after: float = 20.0
    """By then it has a fix, counted from the start of the engine."""
    boot: float = 4.0
    """Until ``PB DONE``, the last that it says of its start."""
    latency: float = 0.003
    """Until an answer comes; 0 for benchmarks."""
    stop: float = 3.0
    """From the OK of AT+CGPS=0 until the engine has stopped."""
    vanish: float = 0.5
    """From the OK of a reset until the port is gone."""
    absence: float = 12.0
    """From then until it comes back, under another name."""
    scan: float = 20.0
    """AT+COPS=?; real ones take minutes."""
    network: Kind = "home"
    technology: Technology = "LTE"
    sim: Sim = "ready"
    autostart: bool = False
    """AT+CGPSAUTO as it is delivered."""
    constellations: tuple[int, int] = (15, 1)
    """AT+CGNSSMODE as it is delivered."""
    zone: int = -12
    """Quarter hours east of Greenwich, of the network's time."""
    off_is_error: bool = True
    """What AT+CGPSINFO says while the engine is off: ERROR, or the empty form. Real ones
    are said to do either (facts/sim7600.md 11)."""
    identity: Identity = attrs.field(factory=Identity)
    home: Operator = _HOME
    abroad: Operator = _ABROAD


@attrs.define
class Session:
    """What a reboot sets back (facts/sim7600.md 2.1)."""

    echo: bool = True
    verbose: bool = True
    quiet: bool = False
    errors: int = 1
    """AT+CMEE."""
    reports: dict[str, int] = attrs.field(
        factory=lambda: dict.fromkeys(REGISTRATIONS, 0)
    )
    """The <n> of AT+CREG and its like."""
    operator_form: int = 0
    deregistered: bool = False
    function: int = 1
    """AT+CFUN."""
    periods: dict[str, int] = attrs.field(factory=dict)
    """Seconds between the lines that AT+CGNSSINFO=n and its like ask for."""
    text_mode: bool = False
    charset: str = "IRA"
    parameters: list[str] = attrs.field(factory=lambda: ["17", "167", "0", "0"])
    indications: list[str] = attrs.field(factory=lambda: ["2", "1", "0", "0", "0"])
    storage: list[str] = attrs.field(factory=lambda: ["ME", "ME", "ME"])


@attrs.define
class Kept:
    """What stays in the modem's memory."""

    preference: int = 2
    autostart: bool = False
    constellations: tuple[int, int] = (15, 1)
    nmea_mask: int = nmea.DEFAULT
    nmea_rate: int = 0
    composition: int = 9001
    pin_attempts: int = 3


class ModemState:
    """:param say: takes a line that the modem says by itself.
    :param restart: told that the port goes away, and whether it comes back by itself.
    :param emit: takes sentences of the NMEA port.
    """

    def __init__(
        self,
        behaviour: ModemBehaviour,
        random: Random,
        now: float,
        say: Callable[[str], None],
        restart: Callable[[bool], None],
        emit: Callable[[list[str]], None],
        repeats: Callable[[], bool] = lambda: False,
    ) -> None:
        self.behaviour = behaviour
        self.identity = behaviour.identity
        self.agenda = Agenda()
        self.session = Session()
        self.kept = Kept(
            autostart=behaviour.autostart, constellations=behaviour.constellations
        )
        self.network = Network(
            behaviour.home, behaviour.abroad, behaviour.network, behaviour.technology
        )
        self.receiver = Receiver(random, now, behaviour.fix_after, repeats)
        self.sim: Sim = behaviour.sim
        self.sim_busy = True
        self.sms_ready = False
        self.knows_time = False
        self.stores: dict[str, dict[int, Message]] = {"ME": {}, "SM": {}}
        self.sent: list[Sent] = []
        self.reference = 45
        """Of the message sent last; the next one has the next."""
        self.takes_s = 0.0
        """How much longer than usual the command under way takes."""
        self.entry: Callable[[str], list[str]] | None = None
        """Takes what the host writes after a prompt, and answers."""
        self.say = say
        self._emit = emit
        self._restart = restart
        self._random = random
        self._sim_answers_at = now
        self._told: dict[str, str] = {}
        self._long_messages = 0
        self._mask = self.kept.nmea_mask

    # Power.

    def boot(self, now: float) -> None:
        """The modem gets power, or begins anew."""
        behaviour, kept = self.behaviour, self.kept
        self.agenda.clear()
        self.session = Session()
        self.sim_busy, self.sms_ready = True, False
        self.network.registered = False
        self.network.allowed = PREFERENCES[kept.preference]
        self.receiver.stop()
        self.receiver.constellations = kept.constellations[0]
        self.receiver.tenths = bool(kept.nmea_rate)
        self._mask = kept.nmea_mask
        self._told = {}
        self.agenda.set("boot", now + behaviour.boot * 0.05, lambda _: self.say("RDY"))
        self._sim_answers_at = now + behaviour.boot * 0.25
        self.agenda.set("sim", self._sim_answers_at, self._sim_answers)
        self.look_for_network(now, behaviour.register_after)
        if kept.autostart:
            self.start_gnss(now)

    def go_away(self, *, comes_back: bool) -> None:
        self._restart(comes_back)

    def _sim_answers(self, now: float) -> None:
        self.sim_busy = False
        if self.sim == "missing":
            self.say("+SIMCARD: NOT AVAILABLE")
        elif self.sim == "ready":
            self._sim_ready(now, self.behaviour.boot)
        else:
            self.say(f"+CPIN: SIM {self.sim.upper()}")

    def _sim_ready(self, now: float, boot_s: float) -> None:
        self.say("+CPIN: READY")
        self.agenda.set("sms", now + boot_s * 0.5, self._sms_answers)
        self.agenda.set("book", now + boot_s * 0.75, lambda _: self.say("PB DONE"))

    def _sms_answers(self, _now: float) -> None:
        self.sms_ready = True
        self.say("SMS DONE")

    def unlock(self, now: float) -> None:
        """The PIN was right; what follows comes after the OK."""
        self.sim = "ready"
        self.agenda.set(
            "sim", now + _MIN_AFTER_OK_S, lambda at: self._sim_ready(at, _UNLOCKED_S)
        )
        self.look_for_network(now)

    # What happens to it.

    def set_sim(self, now: float, sim: Sim) -> None:
        self.sim = sim
        self.sms_ready = False
        for name in ("sim", "sms", "book"):
            self.agenda.cancel(name)
        self._sim_answers(now)
        self.look_for_network(now)

    def set_network(
        self, now: float, kind: Kind, technology: Technology | None
    ) -> None:
        """What the place has to offer from now on; the modem takes it up at once."""
        self.network.kind = kind
        if technology is not None:
            self.network.best = technology
        self.look_for_network(now, 0)

    def receive(self, now: float, number: str, text: str) -> int:
        """A message comes in; tells how many of its parts had room."""
        self._long_messages = (self._long_messages + 1) % 256
        parts = arriving(number, text, now, self.behaviour.zone, self._long_messages)
        name = self.session.storage[2]
        store = self.stores[name]
        mode, delivery = [*self.session.indications, "0", "0"][:2]
        for number_of_part, message in enumerate(parts):
            if delivery == "2" and mode != "0":
                self.say(self.delivered(message))
                continue
            index = free_index(store)
            if index is None:
                # It stays in the network: the host hears nothing (facts/sim7600.md 4).
                return number_of_part
            store[index] = message
            if delivery == "1" and mode != "0":
                self.say(f'+CMTI: "{name}",{index}')
        return len(parts)

    def delivered(self, message: Message) -> str:
        if not self.session.text_mode:
            return f"+CMT: ,{len(message.tpdu())}\r\n00{message.tpdu().hex().upper()}"
        number, text = self.spelled(message.number), self.spelled(message.text)
        return f'+CMT: "{number}","","{message.stamp}"\r\n{text}'

    def spelled(self, text: str) -> str:
        """In the character set of AT+CSCS; IRA has no more than ASCII."""
        if self.session.charset == "UCS2":
            return text.encode("utf-16-be").hex().upper()
        return text.encode("ascii", "replace").decode("ascii")

    # Radio.

    @property
    def has_radio(self) -> bool:
        return self.session.function == 1

    def look_for_network(self, now: float, longest: float | None = None) -> None:
        """Leave the network, and enter it again as far as it can be.

        :param longest: how long that may take, in seconds; 0: at once.
        """
        if longest is None:
            longest = self.behaviour.register_after * _AGAIN
        self.network.registered = False
        self.network.allowed = PREFERENCES[self.kept.preference]
        may = self.has_radio and not self.session.deregistered and self.sim == "ready"
        self.agenda.cancel("network")
        if may and self.network.can_serve:
            at = now + longest * self._random.uniform(0.4, 0.9)
            if self.sim_busy:
                at = max(at, self._sim_answers_at)
            elif at == now:
                self._enter(now)
                return
            self.agenda.set("network", at, self._enter)
        self.report_registration()

    def _enter(self, _now: float) -> None:
        self.network.registered = self.knows_time = True
        self.report_registration()

    def registration(self, command: str) -> int:
        """The <stat>; 0 while it does not even search."""
        if not self.has_radio or self.session.deregistered or self.sim != "ready":
            return 0
        return self.network.registration(command)

    def place(self, command: str) -> str:
        """What follows the <stat> with n = 2."""
        cell = self.network.cell
        if cell is None or self.session.reports[command] < 2:
            return ""
        if command == "+CEREG":
            return f",{cell.place},{cell.act}" if cell.act == 7 else ""
        return f",{cell.place}"

    def report_registration(self) -> None:
        """Say what has changed, to a host that asked for it."""
        for command in REGISTRATIONS:
            status, before = self._status(command), self._told.get(command)
            self._told[command] = status
            if status != before and self.session.reports[command]:
                self.say(f"{command}: {status}")

    def ask_for_reports(self, command: str, form: int) -> None:
        """What holds now is not said, only what changes."""
        self.session.reports[command] = form
        self._told[command] = self._status(command)

    def _status(self, command: str) -> str:
        return f"{self.registration(command)}{self.place(command)}"

    # GNSS.

    def start_gnss(self, now: float) -> None:
        self.receiver.start(now)
        self._next_sentences(now)

    def stop_gnss(self, now: float) -> None:
        self.receiver.is_stopping = True
        self.agenda.cancel("nmea")
        self.agenda.set("gnss", now + self.behaviour.stop, self._gnss_stopped)

    def _gnss_stopped(self, _now: float) -> None:
        self.receiver.stop()
        self.say("+CGPS: 0")

    @property
    def is_locating(self) -> bool:
        return self.receiver.on_since is not None and not self.receiver.is_stopping

    def fix(self, now: float) -> Fix | None:
        return self.receiver.fix(now) if self.is_locating else None

    def _next_sentences(self, now: float) -> None:
        period = self.receiver.period
        at = (round(now / period) + 1) * period
        self.agenda.set("nmea", at, self._sentences)

    def _sentences(self, now: float) -> None:
        fix, view = self.receiver.fix(now), self.receiver.in_view(now)
        self._emit(nmea.sentences(fix, view, self._mask))
        self._next_sentences(now)

    def repeat(
        self, name: str, now: float, line: Callable[[float], str | None]
    ) -> None:
        """Say `line` every so many seconds of `Session.periods`, from now on."""
        period = self.session.periods.get(name, 0)
        if not period:
            self.agenda.cancel(name)
            return

        def due(at: float) -> None:
            text = line(at)
            if text is not None:
                self.say(text)
            self.agenda.set(name, at + period, due)

        self.agenda.set(name, now + period, due)


def free_index(store: dict[int, Message]) -> int | None:
    """The lowest one, None when there is no room."""
    return next((n for n in range(CAPACITY) if n not in store), None)
