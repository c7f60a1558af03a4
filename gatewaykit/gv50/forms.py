"""The forms that the values of report fields have (facts/gv50.md 4).

Every form is checked by a pattern before it is converted: ``int()`` and ``float()`` take
``1_0``, ``1e9``, spaces and digits of other scripts, and huge numbers become infinite.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

DIGITS_14 = re.compile(r"[0-9]{14}").fullmatch
NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?").fullmatch
_NOT_A_NUMBER = re.compile(r"[+-]?(?:nan|inf)", re.IGNORECASE).fullmatch
_WHOLE = re.compile(r"[0-9]{1,10}").fullmatch


def _float(text: str) -> float:
    if not NUMBER(text):
        raise ValueError(text)
    return float(text)


def _measured(text: str) -> float | None:
    """Engine computers say ``nan`` and ``inf`` for what they don't know."""
    return None if _NOT_A_NUMBER(text) else _float(text)


def _whole(text: str) -> int:
    if not _WHOLE(text):
        raise ValueError(text)
    return int(text)


def _at_most(limit: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        value = _whole(text)
        if value > limit:
            raise ValueError(text)
        return value

    return convert


def _signal(limit: int) -> Callable[[str], int | None]:
    """Up to `limit`, or 99 for "not known"."""
    convert = _at_most(limit)
    return lambda text: None if text == "99" else convert(text)


def _matching(pattern: str) -> Callable[[str], str]:
    fullmatch = re.compile(pattern).fullmatch

    def convert(text: str) -> str:
        if not fullmatch(text):
            raise ValueError(text)
        return text

    return convert


_hex_digits = _matching(r"[0-9A-Fa-f]{1,8}")


def _hex(text: str) -> int:
    return int(_hex_digits(text), 16)


def _flag(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(text)
    return text == "1"


@lru_cache(maxsize=1024)
def _is_hour(text: str) -> bool:
    year, month, day, hour = text[:4], text[4:6], text[6:8], text[8:]
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), tzinfo=UTC)
    except ValueError:
        return False
    return moment.year >= 1980


def is_moment(text: str) -> bool:
    """Whether ``YYYYMMDDHHMMSS`` is a moment that a GPS clock can show (from 1980 on)."""
    return (
        DIGITS_14(text) is not None
        and _is_hour(text[:10])
        and text[10:12] < "60"
        and text[12:] < "60"
    )


def iso_moment(text: str) -> str:
    """``YYYYMMDDHHMMSS`` of UTC as ISO 8601."""
    if not is_moment(text):
        raise ValueError(text)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}T{text[8:10]}:{text[10:12]}:{text[12:]}Z"


_FORMS: dict[str, Callable[[str], Any]] = {
    "analog_1_mv": _whole,
    "analog_2_mv": _whole,
    "analog_3_mv": _whole,
    "antenna": _whole,
    "battery_percent": _at_most(100),
    "battery_v": _float,
    "cause": _whole,
    "charging": _flag,
    "csq_ber": _signal(7),
    "csq_rssi": _signal(31),
    "device_status": _matching(r"(?:[0-9A-Fa-f]{2}){1,5}"),
    "digital_inputs": _hex,
    "digital_outputs": _hex,
    "duration_s": _whole,
    "engine_rpm": _measured,
    "external_power": _flag,
    "external_power_mv": _whole,
    "fuel_consumption": _measured,
    "fuel_percent": _measured,
    "gps_recovered": _flag,
    "hour_meter": _matching(r"[0-9]{1,7}:[0-9]{2}:[0-9]{2}"),
    "iccid": _matching(r"[0-9A-Za-z]{1,22}"),
    "interval_s": _whole,
    "jamming": _whole,
    "jamming_state": _whole,
    "last_fix_time": iso_moment,
    "mileage_km": _float,
    "odometer_km": _float,
    "output_active": _flag,
    "output_id": _whole,
    "radius_m": _whole,
    "report_id": _hex,
    "report_type": _hex,
    "roaming": _whole,
    "satellites": _at_most(99),
    "state": _matching(r"[0-9A-Fa-f]{2}"),
    "supply_mv": _whole,
    "time_zone": _matching(r"[+-][0-9]{4}"),
}
"""By field name; what is not here is text of any form."""


def convert(name: str, text: str) -> Any:
    """The value of a field that is not empty.

    :raises ValueError: when the text has not the form that such a field has.
    """
    form = _FORMS.get(name)
    return text if form is None else form(text)
