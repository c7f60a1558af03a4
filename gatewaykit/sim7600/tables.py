"""What the modem's numbers mean (facts/sim7600.md 2.2, 3.3 to 3.6). Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

REGISTRATION: Final = MappingProxyType(
    {
        0: "not_searching",
        1: "home",
        2: "searching",
        3: "denied",
        4: "unknown",
        5: "roaming",
        6: "sms_only_home",
        7: "sms_only_roaming",
        8: "emergency_only",
        9: "home",
        10: "roaming",
        11: "emergency_only",
    }
)
"""Of ``+CREG``, ``+CGREG``, ``+CEREG``. 9 and 10 differ from 1 and 5 in where calls go."""
CONNECTED: Final = frozenset({1, 5, 9, 10})
ROAMING: Final = frozenset({5, 7, 10})

TECHNOLOGIES: Final = MappingProxyType(
    {
        0: "2G",
        1: "2G",
        2: "3G",
        3: "2G",
        4: "3G",
        5: "3G",
        6: "3G",
        7: "LTE",
        # The manual departs from 3GPP here, where 8 is EC-GSM-IoT (facts/sim7600.md 11).
        8: "CDMA",
        9: "NB-IoT",
        10: "LTE",
        11: "5G",
        12: "5G",
        13: "5G NSA",
    }
)
"""By the AcT of ``+COPS`` and ``+CEREG``."""
ACCESS_TECHNOLOGIES: Final = MappingProxyType(
    {
        0: "GSM",
        1: "GSM compact",
        2: "UTRAN",
        3: "EDGE",
        4: "HSDPA",
        5: "HSUPA",
        6: "HSPA",
        7: "E-UTRAN",
        8: "CDMA/HDR",
        9: "E-UTRAN NB-S1",
        10: "E-UTRA to 5GCN",
        11: "NR to 5GCN",
        12: "NG-RAN",
        13: "E-UTRA-NR dual connectivity",
    }
)

RADIO_MODES: Final = MappingProxyType(
    {
        0: (None, None),
        1: ("GSM", "2G"),
        2: ("GPRS", "2G"),
        3: ("EDGE", "2G"),
        4: ("WCDMA", "3G"),
        5: ("HSDPA", "3G"),
        6: ("HSUPA", "3G"),
        7: ("HSPA", "3G"),
        8: ("LTE", "LTE"),
        **dict.fromkeys((9, 10, 11, 12), ("TD-SCDMA", "3G")),
        13: ("CDMA", "CDMA"),
        14: ("EVDO", "CDMA"),
        15: ("CDMA+EVDO", "CDMA"),
        16: ("CDMA+LTE", "LTE"),
        23: ("eHRPD", "CDMA"),
        24: ("CDMA+eHRPD", "CDMA"),
    }
)
"""Of ``+CNSMOD``: name and technology."""

SYSTEM_MODES: Final = MappingProxyType(
    {
        "LTE": ("LTE", "E-UTRAN"),
        "WCDMA": ("3G", "UTRAN"),
        "TDS": ("3G", "TD-SCDMA"),
        "GSM": ("2G", "GSM"),
        "CDMA": ("CDMA", "CDMA"),
        "EVDO": ("CDMA", "EVDO"),
    }
)
"""Of ``+CPSI``, without ``-LIMITED``: technology and access technology."""

MODE_PREFERENCES: Final = MappingProxyType(
    {
        2: "automatic",
        9: "CDMA only",
        10: "EVDO only",
        13: "GSM only",
        14: "WCDMA only",
        19: "GSM and WCDMA",
        38: "LTE only",
        39: "GSM, WCDMA and LTE",
        48: "any but LTE",
        51: "GSM and LTE",
        54: "WCDMA and LTE",
        59: "TD-SCDMA only",
        **dict.fromkeys((22, 60, 63, 67), "a mix with CDMA or TD-SCDMA"),
    }
)
"""Of ``+CNMP``."""

BANDWIDTHS_MHZ: Final = (1.4, 3.0, 5.0, 10.0, 15.0, 20.0)
"""Of LTE, by the number in ``+CPSI``."""

CONSTELLATIONS: Final = MappingProxyType(
    {"glonass": 1, "beidou": 2, "galileo": 4, "qzss": 8}
)
"""Bits of ``+CGNSSMODE``. GPS has none: it is always on (facts/sim7600.md 3.7)."""

CME: Final = MappingProxyType(
    {
        0: "Phone failure",
        1: "no connection to phone",
        3: "operation not allowed",
        4: "operation not supported",
        5: "PH-SIM PIN required",
        10: "SIM not inserted",
        11: "SIM PIN required",
        12: "SIM PUK required",
        13: "SIM failure",
        14: "SIM busy",
        15: "SIM wrong",
        16: "incorrect password",
        17: "SIM PIN2 required",
        18: "SIM PUK2 required",
        20: "memory full",
        21: "invalid index",
        22: "not found",
        23: "memory failure",
        24: "text string too long",
        25: "invalid characters in text string",
        26: "dial string too long",
        27: "invalid characters in dial string",
        30: "no network service",
        31: "network timeout",
        32: "emergency calls only",
        100: "Unknown",
        103: "Illegal message",
        106: "Illegal ME",
        107: "GPRS not allowed",
        111: "PLMN not allowed",
        112: "LA not allowed",
        113: "roaming not allowed",
        132: "service option not supported",
        133: "service option not subscribed",
        134: "service option out of order",
        148: "GPRS error",
        149: "PDP authentication failure",
        150: "invalid mobile class",
    }
)
CMS: Final = MappingProxyType(
    {
        300: "ME failure",
        301: "SMS service of ME reserved",
        302: "Operation not allowed",
        303: "Operation not supported",
        304: "Invalid PDU mode parameter",
        305: "Invalid text mode parameter",
        310: "SIM not inserted",
        311: "SIM PIN required",
        313: "SIM failure",
        314: "SIM busy",
        315: "SIM wrong",
        316: "SIM PUK required",
        320: "Memory failure",
        321: "Invalid memory index",
        322: "Memory full",
        330: "SMSC address unknown",
        331: "No network service",
        332: "Network timeout",
        340: "no CNMA acknowledgement expected",
        341: "Buffer overflow",
        342: "SMS size more than expected",
        500: "Unknown error",
    }
)
ERRORS: Final = MappingProxyType({"CME": CME, "CMS": CMS})


def error_text(kind: str, code: int) -> str:
    """What an error number means; for one without a text the number itself."""
    return ERRORS[kind].get(code, f"{kind} error {code}")


SIM_FAILURES: Final = MappingProxyType(
    {
        ("CME", 5): "PH-SIM PIN",
        ("CME", 10): "not inserted",
        ("CME", 11): "SIM PIN",
        ("CME", 12): "SIM PUK",
        ("CME", 13): "failure",
        ("CME", 14): "busy",
        ("CME", 15): "wrong",
        ("CME", 17): "SIM PIN2",
        ("CME", 18): "SIM PUK2",
        ("CMS", 310): "not inserted",
        ("CMS", 311): "SIM PIN",
        ("CMS", 313): "failure",
        ("CMS", 314): "busy",
        ("CMS", 315): "wrong",
        ("CMS", 316): "SIM PUK",
    }
)
"""The state of the SIM where the answer is an error instead of ``+CPIN``."""
