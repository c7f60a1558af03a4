"""The network record, from what was read of the network. Pure."""

from __future__ import annotations

from typing import Any

from gatewaykit.sim7600.radio import Operator, RadioMode, Registration, Signal
from gatewaykit.sim7600.system import System
from gatewaykit.sim7600.tables import (
    ACCESS_TECHNOLOGIES,
    CONNECTED,
    REGISTRATION,
    ROAMING,
    TECHNOLOGIES,
)

_NUMERIC = 2
"""The format of an operator that is told by MCC and MNC."""


def network_record(
    *,
    creg: Registration | None = None,
    cgreg: Registration | None = None,
    cereg: Registration | None = None,
    signal: Signal | None = None,
    operator: Operator | None = None,
    system: System | None = None,
    radio_mode: RadioMode | None = None,
    mode_preference: str | None = None,
    sim_state: str | None = None,
) -> dict[str, Any]:
    """All of the record but its time. Give None for what could not be read.

    `connected` is true where any registration says so; `registration` and `roaming` are
    those of the one that does, else of `registration_status`, which old clients know as
    that of ``+CREG`` (facts/sim7600.md 3.3).
    """
    told = [each for each in (creg, cereg, cgreg) if each is not None]
    registered = next((each for each in told if each.stat in CONNECTED), None)
    decisive = registered or (told[0] if told else None)
    stat = decisive.stat if decisive else None
    mcc, mnc = _network(operator, system)
    technology, access_technology = _technology(operator, system, radio_mode)
    return {
        "connected": registered is not None,
        "registration_status": told[0].stat if told else None,
        "registration": None if stat is None else REGISTRATION[stat],
        "roaming": stat in ROAMING if registered else None,
        "creg": creg.stat if creg else None,
        "cgreg": cgreg.stat if cgreg else None,
        "cereg": cereg.stat if cereg else None,
        "signal_dbm": signal.signal_dbm if signal else None,
        "signal_percent": signal.percent if signal else None,
        "rsrp_dbm": system.rsrp_dbm if system else None,
        "rsrq_db": system.rsrq_db if system else None,
        "sinr_db": system.sinr_db if system else None,
        "rssi_dbm": system.rssi_dbm if system else None,
        "operator": operator.name if operator else None,
        "mcc": mcc,
        "mnc": mnc,
        "technology": technology,
        "access_technology": access_technology,
        "band": system.band if system else None,
        "channel": system.channel if system else None,
        "area_code": _place("area_code", system, *told),
        "cell_id": _place("cell_id", system, *told),
        "physical_cell_id": system.physical_cell_id if system else None,
        "system_mode": system.mode if system else None,
        "operation_mode": system.operation if system else None,
        "mode_preference": mode_preference,
        "sim_state": sim_state,
    }


def _network(
    operator: Operator | None, system: System | None
) -> tuple[str | None, str | None]:
    """MCC and MNC, of the cell or else of an operator told by number."""
    if system is not None and system.mcc is not None:
        return system.mcc, system.mnc
    if operator is not None and operator.name and operator.format == _NUMERIC:
        return operator.name[:3], operator.name[3:]
    return None, None


def _technology(
    operator: Operator | None, system: System | None, radio_mode: RadioMode | None
) -> tuple[str | None, str | None]:
    """The technology, and what exactly it is.

    ``+CNSMOD`` knows the kinds of 2G and 3G better (facts/sim7600.md 3.4), where it
    agrees with the technology at all.
    """
    if operator is not None and operator.act is not None:
        technology = TECHNOLOGIES[operator.act]
        access_technology: str | None = ACCESS_TECHNOLOGIES[operator.act]
    elif system is not None and system.technology is not None:
        technology, access_technology = system.technology, system.access_technology
    elif radio_mode is not None:
        return radio_mode.technology, radio_mode.name
    else:
        return None, None
    if (
        radio_mode is not None
        and radio_mode.technology == technology
        and technology in {"2G", "3G"}
    ):
        access_technology = radio_mode.name
    return technology, access_technology


def _place(name: str, *sources: System | Registration | None) -> int | None:
    values = (getattr(source, name) for source in sources if source is not None)
    return next((value for value in values if value is not None), None)
