"""What a SIM7600 answers about GNSS (facts/sim7600.md 3.7 to 3.9). Pure."""

from __future__ import annotations

from gatewaykit.simulators.modem_commands import Refusal, Table, fixed, number
from gatewaykit.simulators.modem_gnss import Fix
from gatewaykit.simulators.modem_lines import Part
from gatewaykit.simulators.modem_state import ModemState

EMPTY_CGPSINFO = "+CGPSINFO: ,,,,,,,,"
EMPTY_CGNSSINFO = "+CGNSSINFO: ,,,,,,,,,,,,,,,"


def cgpsinfo(fix: Fix | None) -> str:
    if fix is None:
        return EMPTY_CGPSINFO
    return (
        f"+CGPSINFO: {fix.place},{fix.date},{fix.time},{fix.altitude_m:.1f},"
        f"{fix.knots:.1f},{fix.course_text}"
    )


def cgnssinfo(fix: Fix | None) -> str:
    if fix is None:
        return EMPTY_CGNSSINFO
    counts = (len(fix.used(gnss)) for gnss in ("gps", "glonass", "beidou"))
    return (
        f"+CGNSSINFO: {fix.mode},{','.join(f'{count:02d}' for count in counts)},"
        f"{fix.place},{fix.date},{fix.time},{fix.altitude_m:.1f},{fix.knots:.1f},"
        f"{fix.course_text},{fix.pdop},{fix.hdop},{fix.vdop}"
    )


_FORMS = {"+CGPSINFO": cgpsinfo, "+CGNSSINFO": cgnssinfo}


def _position(state: ModemState, part: Part, now: float) -> list[str]:
    if not state.is_locating and state.behaviour.off_is_error:
        raise Refusal
    return [_FORMS[part.name](state.fix(now))]


def _position_period(state: ModemState, part: Part, _now: float) -> list[str]:
    """Not a position: how often one is told unasked."""
    return [f"{part.name}: {state.session.periods.get(part.name, 0)}"]


def _report_position(state: ModemState, part: Part, now: float) -> list[str]:
    state.session.periods[part.name] = number(part, range(256))

    def line(at: float) -> str | None:
        return _FORMS[part.name](state.fix(at)) if state.is_locating else None

    state.repeat(part.name, now, line)
    return []


def _engine(state: ModemState, _part: Part, _now: float) -> list[str]:
    """Goes on saying 1 until the engine has stopped (facts/sim7600.md 3.7)."""
    return [f"+CGPS: {int(state.receiver.on_since is not None)},1"]


def _switch_engine(state: ModemState, part: Part, now: float) -> list[str]:
    on = number(part, range(2))
    if on:
        if part.arguments[1:] and number(part, range(1, 4), 1) != 1:
            raise Refusal  # A-GPS needs servers that nobody simulates
        return _start(state, part, now)
    if state.is_locating:
        state.stop_gnss(now)
    return []


def _start(state: ModemState, _part: Part, now: float) -> list[str]:
    """Refused while it runs, and while it has not quite stopped."""
    if state.receiver.on_since is not None:
        raise Refusal
    state.start_gnss(now)
    return []


def _need_stopped(state: ModemState) -> None:
    if state.receiver.on_since is not None:
        raise Refusal


def _delete(state: ModemState, _part: Part, _now: float) -> list[str]:
    _need_stopped(state)
    return []


def _set_autostart(state: ModemState, part: Part, _now: float) -> list[str]:
    state.kept.autostart = bool(number(part, range(2)))
    return []


def _autostart(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CGPSAUTO: {int(state.kept.autostart)}"]


def _constellations(state: ModemState, _part: Part, _now: float) -> list[str]:
    mask, saving = state.kept.constellations
    return [f"+CGNSSMODE: {mask},{saving}"]


def _set_constellations(state: ModemState, part: Part, _now: float) -> list[str]:
    """Kept at once; the receiver takes it up at the next boot."""
    mask, saving = number(part, range(16)), state.kept.constellations[1]
    if part.arguments[1:]:
        saving = number(part, range(2), 1)
    state.kept.constellations = (mask, saving)
    return []


def _sentences(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CGPSNMEA: {state.kept.nmea_mask}"]


def _set_sentences(state: ModemState, part: Part, _now: float) -> list[str]:
    """As `_set_constellations`; refused while the engine runs."""
    _need_stopped(state)
    state.kept.nmea_mask = number(part, range(262_144))
    return []


def _rate(state: ModemState, _part: Part, _now: float) -> list[str]:
    return [f"+CGPSNMEARATE: {state.kept.nmea_rate}"]


def _set_rate(state: ModemState, part: Part, _now: float) -> list[str]:
    _need_stopped(state)
    state.kept.nmea_rate = number(part, range(2))
    state.receiver.tenths = bool(state.kept.nmea_rate)
    return []


GNSS: Table = {
    ("+CGPS", "read"): _engine,
    ("+CGPS", "set"): _switch_engine,
    ("+CGPS", "test"): fixed("+CGPS: (0,1),(1-3)"),
    ("+CGPSCOLD", "run"): _start,
    ("+CGPSHOT", "run"): _start,
    ("+CGPSDEL", "run"): _delete,
    ("+CGPSAUTO", "set"): _set_autostart,
    ("+CGPSAUTO", "read"): _autostart,
    ("+CGPSAUTO", "test"): fixed("+CGPSAUTO: (0,1)"),
    ("+CGNSSMODE", "set"): _set_constellations,
    ("+CGNSSMODE", "read"): _constellations,
    ("+CGNSSMODE", "test"): fixed("+CGNSSMODE: (0-15),(0,1)"),
    ("+CGPSNMEA", "set"): _set_sentences,
    ("+CGPSNMEA", "read"): _sentences,
    ("+CGPSNMEA", "test"): fixed("+CGPSNMEA: (0-262143)"),
    ("+CGPSNMEARATE", "set"): _set_rate,
    ("+CGPSNMEARATE", "read"): _rate,
    ("+CGPSNMEARATE", "test"): fixed("+CGPSNMEARATE: (0,1)"),
    # The wrong prefix is the modem's (facts/sim7600.md 3.7).
    ("+CGPSINFOCFG", "test"): fixed("+CGPSINFO: (0-255),(0-262143)"),
}
for _name in _FORMS:
    GNSS[_name, "run"] = _position
    GNSS[_name, "read"] = _position_period
    GNSS[_name, "set"] = _report_position
    GNSS[_name, "test"] = fixed(f"{_name}: (0-255)")
