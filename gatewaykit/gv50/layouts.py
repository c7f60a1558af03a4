"""Where the fields of a report stand: tables by type and device type (facts/gv50.md 4).

A layout is written as the names of the fields between device name and send time:

- ``L`` is the location block of 12 fields, ``L11`` the one without the reserved field; with
  a field ``number`` in front it is repeated as often as that says,
- ``report`` is the two digits of report id and report type in one field,
- ``-`` is reserved, and ``*`` at the end is anything, of any length.

A row with a device type goes before one without; of several rows the first that fits a
frame is taken: its length, its block where it should be, and a well-formed `report`,
`report_id` and `report_type`. What fits none keeps its fields as text.
"""

from __future__ import annotations

from functools import cache

import attrs


@attrs.frozen
class Layout:
    """Names of the fields before the location blocks and behind them."""

    before: tuple[str, ...]
    block: int
    """Fields of a location block, 0 without one."""
    after: tuple[str, ...]
    open: bool

    @classmethod
    def parse(cls, text: str) -> Layout:
        names = text.split()
        is_open = names[-1:] == ["*"]
        if is_open:
            names.pop()
        for block, name in ((12, "L"), (11, "L11")):
            if name in names:
                at = names.index(name)
                return cls(tuple(names[:at]), block, tuple(names[at + 1 :]), is_open)
        return cls(tuple(names), 0, (), is_open)


# Certainty after each row: G real GV50 frame, P GV50P map, Q and T siblings' maps, S other
# code, as in facts/gv50.md 0.1; "sample" is seen in the captured frames only.

_FIXED = "external_power_mv report number L mileage_km hour_meter"  # facts/gv50.md 4.4
_LAYOUT_A = "- report number L mileage_km"  # 4.5
_HANDHELD = (  # GL200, GL300: id and type apart; 4.4
    "report_id report_type number L battery_percent",
    "report_id report_type number L11 battery_percent",
)
_LAYOUT_F = "- - L mileage_km"  # 4.11

_GV55_LIKE = ("0F", "2F", "10", "50", "31", "38", "06", "25", "27", "4B", "DF")
_GL_WITH_ODOMETER = frozenset({"1A", "30", "2C"})
"""Device types whose reserved slot of the block is the odometer, km with one decimal."""
VIN_TYPES = frozenset({"1F", "36", "5E", "56", "2D"})
"""Devices with OBD: a VIN between IMEI and name (facts/gv50.md 2.1)."""

_ROWS: list[tuple[str, tuple[str, ...], str]] = [
    # types, device types, fields
    (
        "GTFRI",
        ("09",),  # G; signal and satellites inferred from values, voltage and battery P
        (
            f"{_FIXED} analog_1_mv analog_2_mv battery_percent device_status"
            " csq_rssi csq_ber satellites"
        ),
    ),
    ("GTFRI", ("FE",), f"{_FIXED} battery_percent device_status - -"),  # S
    (
        "GTFRI",
        _GV55_LIKE,  # Q
        f"{_FIXED} analog_1_mv analog_2_mv battery_percent device_status - - -",
    ),
    (
        "GTFRI",
        ("45",),  # T
        f"{_FIXED} analog_1_mv analog_2_mv battery_percent device_status - -",
    ),
    (
        "GTFRI",
        ("04", "35"),  # T
        (
            f"{_FIXED} analog_1_mv analog_2_mv analog_3_mv digital_inputs digital_outputs"
            " - -"
        ),
    ),
    (
        "GTFRI",
        ("6E", "802003", "802004"),  # T, sample
        (
            f"{_FIXED} analog_1_mv analog_2_mv analog_3_mv battery_percent device_status"
            " - - -"
        ),
    ),
    ("GTFRI", ("F1",), f"{_FIXED} analog_1_mv battery_percent device_status -"),  # T
    (
        "GTFRI",
        tuple(sorted(VIN_TYPES)),  # Q
        (
            f"{_FIXED} analog_1_mv analog_2_mv battery_percent device_status"
            " engine_rpm fuel_consumption fuel_percent"
        ),
    ),
    (
        "GTFRI",
        ("08", "3F"),  # sample
        f"{_FIXED} - battery_percent - - - - -",
    ),
    *[("GTFRI", (), row) for row in _HANDHELD],  # T
    ("GTFRI", (), f"{_FIXED} *"),
    ("GTERI", (), f"eri_mask {_FIXED} *"),  # T
    ("GTERI", (), "eri_mask report_id report_type number L *"),  # sample
    *[
        (f"GT{name}", (), row)
        for name in (
            "RTL",
            "DOG",
            "IGL",
            "VGL",
            "SOS",
            "SPD",
            "TOW",
            "DIS",
            "IOB",
            "GEO",
            "HBM",
            "PNL",
        )  # G, P, Q
        for row in (_LAYOUT_A, *_HANDHELD)
    ],
    *[
        (f"GT{name}", (), "supply_mv report number L mileage_km")  # P; 4.6
        for name in ("EPS", "AIS", "MAI")
    ],
    *[(f"GT{name}", (), "") for name in ("PFA", "PDP", "PNA")],  # G, P; 4.7
    ("GTPNA", (), "power_on_code"),
    *[
        (f"GT{name}", (), "L")  # P, Q; 4.8
        for name in ("MPN", "MPF", "EPN", "EPF", "BTC", "BPN", "BPF", "CRA", "JDR")
    ],
    ("GTCRA", (), "crash_counter L"),
    ("GTSTT", (), "state L"),  # G; 4.9
    ("GTBPL", (), "battery_v L"),  # P
    ("GTSTC", (), "- L"),  # Q
    ("GTANT", (), "antenna L"),  # P
    ("GTJDS", (), "jamming L"),  # P
    ("GTRMD", (), "roaming L"),  # P
    ("GTLBC", (), "caller_number L"),  # T
    ("GTLBC", (), "caller_number L mileage_km"),  # S
    *[
        (f"GT{name}", (), "duration_s L hour_meter mileage_km")  # P; 4.10
        for name in ("IGN", "IGF", "VGN", "VGF")
    ],
    *[
        (f"GT{name}", ("42",), "duration_s L mileage_km hour_meter")  # 4.10, GMT200
        for name in ("IGN", "IGF")
    ],
    *[
        (f"GT{name}", (), "- cause duration_s L hour_meter mileage_km")  # T
        for name in ("VGN", "VGF")
    ],
    *[(f"GT{name}", (), _LAYOUT_F) for name in ("IDN", "STR", "STP", "LSP")],  # P
    ("GTIDF", (), "state duration_s L mileage_km"),  # P
    ("GTGSS", (), "gps_recovered satellites state - L"),  # P; 4.12
    (
        # Only what facts/gv50.md 4.13 says may be taken, when it looks right.
        "GTINF",
        (),
        (
            "state iccid csq_rssi - external_power external_power_mv - battery_v charging"
            " - - - last_fix_time - - - - - time_zone -"
        ),
    ),
    ("GTINF", (), "state iccid csq_rssi - external_power *"),  # sample
    ("GTVER", (), "device_type firmware_version hardware_version"),  # T; 4.14
    ("GTCID", (), "iccid"),
    ("GTCSQ", (), "csq_rssi csq_ber"),
    ("GTGPJ", (), "cw_value jamming_state L"),  # S
    ("GTDOS", (), "output_id output_active L"),  # S
    ("GTGES", (), "- report trigger radius_m interval_s number L mileage_km"),  # S
]

NO_POSITION = frozenset({"GTGSM", "GTLBS", "GTWIF", "GTINF"})
"""Lists of cells and networks look like location blocks without a fix."""

IGNITION = {"GTIGN": True, "GTIGF": False}
IGNITION_BY_REPORT_TYPE = {
    # GTIGL's polarity differs by model and is disputed for type 09 (facts/gv50.md 4.5):
    # only a row here makes it set a state.
    ("GTIGL", "FE"): {0: True, 1: False},
}
IGNITION_BY_STATE = {
    # facts/gv50.md 4.2; 41 and 42 have no ignition signal
    "11": False,
    "12": False,
    "16": False,
    "1A": False,
    "21": True,
    "22": True,
}


def device_type(version: str) -> str:
    """The part of a protocol version that names the model (facts/gv50.md 2.1)."""
    return version[:6] if len(version) == 10 else version[:2]


def has_odometer_slot(device: str) -> bool:
    return device in _GL_WITH_ODOMETER


@cache
def _table() -> dict[tuple[str, str], tuple[Layout, ...]]:
    table: dict[tuple[str, str], tuple[Layout, ...]] = {}
    for type_, devices, text in _ROWS:
        for device in devices or ("",):
            key = type_, device
            table[key] = (*table.get(key, ()), Layout.parse(text))
    return table


def layouts(type_: str, device: str) -> tuple[Layout, ...]:
    """The layouts that a report of this type from this device may have, best first."""
    table = _table()
    return table.get((type_, device), ()) + table.get((type_, ""), ())
