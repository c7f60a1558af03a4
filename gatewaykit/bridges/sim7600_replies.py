"""What clients of the SIM7600 daemon of 2025 get for what the modem says of itself.

The shapes are `sim7600.legacy`'s; here is which of them, and what stands in where there is no
answer (facts/sim7600.md 1.3). Every reply keeps the order of keys of the old daemon.
"""

from __future__ import annotations

from typing import Any

from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import legacy

NO_MODEM = "No SIM7600 modem is configured"


def network(record: Record) -> Record:
    """The status; one that the modem no longer stands for is no status."""
    if record["stale"]:
        return no_network("The SIM7600 does not answer")
    return legacy.network(record)


def no_network(reason: str) -> Record:
    return {
        "connected": False,
        "signal_strength": None,
        "operator": None,
        "network_type": None,
        "registration_status": None,
        "error": reason,
        "device_present": False,
    }


def location(record: Record, *, answers: bool) -> tuple[bool, Record | None]:
    """Whether there is an answer of the modem, and the answer.

    :param answers: whether the modem is available; a record that is not stale shows that.
    """
    return legacy.location(record) if answers else (False, None)


def network_reply(result: Record) -> Record:
    return {"success": True, "result": result}


def location_reply(success: bool, data: Record | None) -> Record:  # noqa: FBT001
    return {"success": success, "result": {"success": success, "data": data}}


def available_reply(available: bool) -> Record:  # noqa: FBT001
    return {"success": True, "result": available}


def error_reply(text: str) -> Record:
    return {"success": False, "error": text}


def method_of(value: Any) -> str | Record:
    """The method that a request names, or the reply to one that names none of the three."""
    if not isinstance(value, dict):
        kind = type(value).__name__
        return error_reply(f"'{kind}' object has no attribute 'get'")
    method = value.get("method")
    if method in ("is_available", "get_network_status", "get_gnss_location"):
        return str(method)
    return error_reply(f"Unknown method: {str(method)[:200]}")
