"""What a SIM7600 answers: identity, SIM, network, power (facts/sim7600.md 3). Pure.

An answer is a list of blocks: each has a line end before it and one after it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from gatewaykit.simulators.modem_lines import Kind, Part
from gatewaykit.simulators.modem_network import BEST_FIRST, CELLS, PREFERENCES
from gatewaykit.simulators.modem_state import (
    REGISTRATIONS,
    ModemState,
    Session,
)

Handler = Callable[[ModemState, Part, float], list[str]]
Table = dict[tuple[str, Kind], Handler]

CME = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    11: "SIM PIN required",
    12: "SIM PUK required",
    14: "SIM busy",
    16: "incorrect password",
    30: "no network service",
}
CMS = {
    302: "Operation not allowed",
    304: "Invalid PDU mode parameter",
    310: "SIM not inserted",
    311: "SIM PIN required",
    314: "SIM busy",
    316: "SIM PUK required",
    321: "Invalid memory index",
    322: "SMS full",
    331: "No network service",
}

_SIM_ERRORS = {"missing": 10, "pin": 11, "puk": 12}
# The compositions that still have an AT port (facts/sim7600.md 3.11).
_COMPOSITIONS = (9001, 9006, 9011, 9018)
_NOT_SET = datetime(1980, 1, 6, tzinfo=UTC)


class Refusal(Exception):
    """:param code: number of a ``+CME ERROR`` or, from 300 on, a ``+CMS ERROR``; None:
    plain ``ERROR``."""

    def __init__(self, code: int | None = None) -> None:
        super().__init__(code)
        self.code = code

    def text(self, errors: int) -> str:
        """As AT+CMEE asks for it."""
        if self.code is None or errors == 0:
            return "ERROR"
        sort, texts = ("+CMS", CMS) if self.code >= 300 else ("+CME", CME)
        return f"{sort} ERROR: {self.code if errors == 1 else texts[self.code]}"


def number(part: Part, allowed: range, position: int = 0) -> int:
    """An argument that is a number, or `Refusal`."""
    arguments = part.arguments
    text = arguments[position] if position < len(arguments) else ""
    if not text.isascii() or not text.isdecimal() or int(text[:9]) not in allowed:
        raise Refusal
    return int(text)


def fixed(*blocks: str) -> Handler:
    return lambda _state, _part, _now: list(blocks)


def need_sim(state: ModemState, *, unlocked: bool = True) -> None:
    if state.sim_busy:
        raise Refusal(14)
    if state.sim == "missing" or (unlocked and state.sim != "ready"):
        raise Refusal(_SIM_ERRORS[state.sim])


# Basic commands.


def _flag(name: str) -> Handler:
    def handler(state: ModemState, part: Part, _now: float) -> list[str]:
        if part.text not in {"", "0", "1"}:
            raise Refusal
        setattr(state.session, name, part.text == "1")
        return []

    return handler


def _reset_profile(state: ModemState, _part: Part, _now: float) -> list[str]:
    fresh, session = Session(), state.session
    session.echo, session.verbose, session.quiet = (
        fresh.echo,
        fresh.verbose,
        fresh.quiet,
    )
    return []


def _dial(_state: ModemState, _part: Part, _now: float) -> list[str]:
    raise Refusal


# Identity.


def _all_of_it(state: ModemState, _part: Part, _now: float) -> list[str]:
    own = state.identity
    lines = (
        f"Manufacturer: {own.manufacturer}",
        f"Model: {own.model}",
        f"Revision: {own.revision}",
        f"IMEI: {own.imei}",
        "+GCAP: +CGSM",
    )
    return ["\r\n".join(lines)]


def _imsi(state: ModemState, _part: Part, _now: float) -> list[str]:
    need_sim(state)
    return [state.identity.imsi]


def _iccid(state: ModemState, _part: Part, _now: float) -> list[str]:
    need_sim(state, unlocked=False)
    return [f"+ICCID: {state.identity.iccid}"]


def _own_number(state: ModemState, _part: Part, _now: float) -> list[str]:
    need_sim(state)
    own = state.identity.number
    return [f'+CNUM: "","{own}",{145 if own.startswith("+") else 129}'] if own else []


def _pin(state: ModemState, _part: Part, _now: float) -> list[str]:
    need_sim(state, unlocked=False)
    return [f"+CPIN: {'READY' if state.sim == 'ready' else f'SIM {state.sim.upper()}'}"]


def _enter_pin(state: ModemState, part: Part, now: float) -> list[str]:
    need_sim(state, unlocked=False)
    if state.sim != "pin":
        raise Refusal(12 if state.sim == "puk" else 3)
    if part.arguments != [state.identity.pin]:
        state.kept.pin_attempts -= 1
        if state.kept.pin_attempts == 0:
            state.sim = "puk"
        raise Refusal(16)
    state.kept.pin_attempts = 3
    state.unlock(now)
    return []


# Errors, clock, supply.


def _errors(state: ModemState, part: Part, _now: float) -> list[str]:
    state.session.errors = number(part, range(3))
    return []


def _clock(state: ModemState, _part: Part, now: float) -> list[str]:
    """Local time, in quarter hours; long ago while no network told it."""
    if not state.knows_time:
        return [f'+CCLK: "{_NOT_SET:%y/%m/%d,%H:%M:%S}+00"']
    zone = state.behaviour.zone
    local = datetime.fromtimestamp(now, UTC) + timedelta(minutes=15 * zone)
    return [f'+CCLK: "{local:%y/%m/%d,%H:%M:%S}{zone:+03d}"']


def _volts(_state: ModemState, _part: Part, now: float) -> list[str]:
    return [f"+CBC: {3.79 + now // 60 % 5 / 1000:.3f}V"]


def _temperature(_state: ModemState, _part: Part, now: float) -> list[str]:
    return [f"+CPMUTEMP: {int(34 + now // 300 % 4)}"]


# Network.


def _signal(state: ModemState, _part: Part, now: float) -> list[str]:
    return [state.network.csq(now)]


def _registration(state: ModemState, part: Part, _now: float) -> list[str]:
    asked, stat = state.session.reports[part.name], state.registration(part.name)
    return [f"{part.name}: {asked},{stat}{state.place(part.name)}"]


def _report_registration(state: ModemState, part: Part, _now: float) -> list[str]:
    state.ask_for_reports(part.name, number(part, range(3)))
    return []


def _operator(state: ModemState, _part: Part, _now: float) -> list[str]:
    mode = 2 if state.session.deregistered else 0
    cell, form = state.network.cell, state.session.operator_form
    if cell is None:
        return [f"+COPS: {mode}"]
    return [f'+COPS: {mode},{form},"{state.network.operator.name(form)}",{cell.act}']


def _choose_operator(state: ModemState, part: Part, now: float) -> list[str]:
    mode = number(part, range(5))
    if mode == 3:
        state.session.operator_form = number(part, range(3), 1)
        return []
    if mode in {1, 4}:
        form = number(part, range(3), 1)
        wanted = [*part.arguments, ""][2]
        if wanted.upper() != state.network.operator.name(form).upper():
            raise Refusal(30)
        state.session.operator_form = form
    state.session.deregistered = mode == 2
    state.look_for_network(now)
    return []


def _scan(state: ModemState, _part: Part, _now: float) -> list[str]:
    state.takes_s = state.behaviour.scan
    found = ""
    if state.has_radio:
        network = state.network
        for one in (network.home, network.abroad):
            served = network.can_serve and one == network.operator
            stat = 2 if served and network.registered else 1 if served else 3
            for technology in BEST_FIRST[BEST_FIRST.index(network.best) :]:
                act = CELLS[technology].act
                found += f'({stat},"{one.long}","{one.short}","{one.numeric}",{act}),'
    return [f"+COPS: {found},(0,1,2,3,4,5),(0,1,2)"]


def _network_mode(state: ModemState, _part: Part, _now: float) -> list[str]:
    cell = state.network.cell
    return [f"+CNSMOD: 0,{0 if cell is None else cell.mode}"]


def _system(state: ModemState, _part: Part, now: float) -> list[str]:
    if state.session.function == 7:
        return ["+CPSI: NO SERVICE,Offline"]
    if not state.has_radio:
        return ["+CPSI: NO SERVICE,Low Power Mode"]
    return [state.network.cpsi(now)]


def _report_system(state: ModemState, part: Part, now: float) -> list[str]:
    state.session.periods[part.name] = number(part, range(256))
    state.repeat(part.name, now, lambda at: _system(state, part, at)[0])
    return []


def _preference(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CNMP: {state.kept.preference}"]


def _prefer(state: ModemState, part: Part, now: float) -> list[str]:
    wanted = number(part, range(256))
    if wanted not in PREFERENCES:
        raise Refusal
    if wanted != state.kept.preference:
        state.kept.preference = wanted
        state.look_for_network(now)
    return []


# Power.


def _function(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CFUN: {state.session.function}"]


def _set_function(state: ModemState, part: Part, now: float) -> list[str]:
    wanted = number(part, range(8))
    if wanted in {2, 3, 5} or part.arguments[1:] not in ([], ["0"], ["1"]):
        raise Refusal
    if wanted == 6 or part.arguments[1:] == ["1"]:
        return _reset(state, part, now)
    if state.session.function == 7:
        # Only a reset leaves it (facts/sim7600.md 3.11).
        raise Refusal
    if wanted != state.session.function:
        state.session.function = wanted
        state.look_for_network(now)
    return []


def _reset(state: ModemState, _part: Part, _now: float) -> list[str]:
    state.go_away(comes_back=True)
    return []


def _power_off(state: ModemState, _part: Part, _now: float) -> list[str]:
    state.go_away(comes_back=False)
    return []


def _composition(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CUSBPIDSWITCH: {state.kept.composition}"]


def _switch_composition(state: ModemState, part: Part, now: float) -> list[str]:
    wanted = number(part, range(10_000))
    if wanted not in _COMPOSITIONS or part.arguments[1:] != ["1", "1"]:
        raise Refusal
    state.kept.composition = wanted
    return _reset(state, part, now)


BASIC: Table = {
    ("E", "run"): _flag("echo"),
    ("V", "run"): _flag("verbose"),
    ("Q", "run"): _flag("quiet"),
    ("I", "run"): _all_of_it,
    ("Z", "run"): _reset_profile,
    ("&F", "run"): _reset_profile,
    **{(name, "run"): fixed() for name in ("X", "&C", "&D", "&S", "&W", "H")},
    ("S0", "set"): fixed(),
    ("S0", "read"): fixed("000"),
    ("D", "set"): _dial,
}

GENERAL: Table = {
    ("+CGMI", "run"): lambda state, _part, _now: [state.identity.manufacturer],
    ("+CGMM", "run"): lambda state, _part, _now: [state.identity.model],
    ("+CGMR", "run"): lambda state, _part, _now: [f"+CGMR: {state.identity.revision}"],
    ("+CGSN", "run"): lambda state, _part, _now: [state.identity.imei],
    ("+CIMI", "run"): _imsi,
    ("+CICCID", "run"): _iccid,
    ("+CNUM", "run"): _own_number,
    ("+CPIN", "read"): _pin,
    ("+CPIN", "set"): _enter_pin,
    ("+CMEE", "set"): _errors,
    ("+CMEE", "read"): lambda state, _part, _now: [f"+CMEE: {state.session.errors}"],
    ("+CMEE", "test"): fixed("+CMEE: (0-2)"),
    ("+CCLK", "read"): _clock,
    ("+CBC", "run"): _volts,
    ("+CPMUTEMP", "run"): _temperature,
    ("+CSQ", "run"): _signal,
    ("+CSQ", "test"): fixed("+CSQ: (0-31,99,100-191,199),(0-7,99)"),
    **{(name, "read"): _registration for name in REGISTRATIONS},
    **{(name, "set"): _report_registration for name in REGISTRATIONS},
    **{(name, "test"): fixed(f"{name}: (0-2)") for name in REGISTRATIONS},
    ("+COPS", "read"): _operator,
    ("+COPS", "set"): _choose_operator,
    ("+COPS", "test"): _scan,
    ("+CNSMOD", "read"): _network_mode,
    ("+CPSI", "read"): _system,
    ("+CPSI", "set"): _report_system,
    ("+CNMP", "read"): _preference,
    ("+CNMP", "set"): _prefer,
    ("+CFUN", "read"): _function,
    ("+CFUN", "set"): _set_function,
    ("+CRESET", "run"): _reset,
    ("+CPOF", "run"): _power_off,
    ("+CUSBPIDSWITCH", "read"): _composition,
    ("+CUSBPIDSWITCH", "set"): _switch_composition,
}
