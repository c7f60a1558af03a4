"""The exception tree.

Every error carries its data as fields and builds its text in ``__str__``. Bad input from a
peer (`ProtocolViolation`) and misuse by our own callers (`MisuseError`) are different things.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Base of every error that gatewaykit raises on purpose."""


class ConfigError(GatewayError):
    """A setting cannot be used; names the key, the value and what is allowed."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(key, value, allowed)
        self.key = key
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.key}: {self.value!r} is not usable; allowed: {self.allowed}"


class ProtocolViolation(GatewayError):
    """A peer sent something that its protocol does not allow."""

    def __init__(self, reason: str, raw: bytes = b"") -> None:
        super().__init__(reason, raw)
        self.reason = reason
        self.raw = raw

    def __str__(self) -> str:
        return self.reason


class MisuseError(GatewayError):
    """Our own caller gave an argument that cannot be used."""

    def __init__(self, name: str, value: object, allowed: str) -> None:
        super().__init__(name, value, allowed)
        self.name = name
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.name}: {self.value!r} is not usable; allowed: {self.allowed}"


class NotFound(GatewayError):
    """What was asked for by name does not exist."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(kind, name)
        self.kind = kind
        self.name = name

    def __str__(self) -> str:
        return f"no {self.kind} {self.name!r}"


class StoreUnavailable(GatewayError):
    """The store cannot commit or read at present; nothing was acknowledged."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"store unavailable: {self.reason}"


class DeviceUnavailable(GatewayError):
    """A device of the site (modem, mount) is not there or does not answer at present."""

    def __init__(self, device: str, reason: str) -> None:
        super().__init__(device, reason)
        self.device = device
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.device} is not available: {self.reason}"


class DeviceTimeout(GatewayError):
    """A device did not answer in time; what it was asked for may have happened."""

    def __init__(self, device: str, request: str, seconds: float) -> None:
        super().__init__(device, request, seconds)
        self.device = device
        self.request = request
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.device} did not answer {self.request} within {self.seconds:g} s"


class DeviceRefused(GatewayError):
    """A device answered a request with an error of its own."""

    def __init__(self, device: str, request: str, reason: str) -> None:
        super().__init__(device, request, reason)
        self.device = device
        self.request = request
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.device} refused {self.request}: {self.reason}"


class DeviceGarbled(GatewayError):
    """A device answered with what its protocol does not allow; what it was asked for may
    have happened."""

    def __init__(self, device: str, request: str, reason: str) -> None:
        super().__init__(device, request, reason)
        self.device = device
        self.request = request
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.device} gave no proper answer to {self.request}: {self.reason}"


class MotionStopped(GatewayError):
    """A motion was asked for, and a stop came before it or in the middle of it."""

    def __init__(self, request: str, by: str) -> None:
        super().__init__(request, by)
        self.request = request
        self.by = by

    def __str__(self) -> str:
        return f"{self.request} is over: stopped by {self.by}"


class TTS160SerialError(GatewayError):
    """Base of the errors of the earlier Python API of the mount (`gatewaykit.compat`)."""


class AccessDenied(GatewayError):
    """The principal lacks the role that the verb needs."""

    def __init__(self, principal: str, verb: str, role: str) -> None:
        super().__init__(principal, verb, role)
        self.principal = principal
        self.verb = verb
        self.role = role

    def __str__(self) -> str:
        return f"{self.verb} needs role {self.role}; {self.principal} does not have it"


class CommandRefused(GatewayError):
    """A command to a vehicle is not taken: by its model, its settings, its state or the
    gateway's own."""

    def __init__(self, imei: str, kind: str, reason: str) -> None:
        super().__init__(imei, kind, reason)
        self.imei = imei
        self.kind = kind
        self.reason = reason

    def __str__(self) -> str:
        return f"no {self.kind} for {self.imei}: {self.reason}"


class LoginRefused(GatewayError):
    """The gateway does not let this token in, or takes no tokens at all."""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(endpoint, reason)
        self.endpoint = endpoint
        self.reason = reason

    def __str__(self) -> str:
        return f"no login at {self.endpoint}: {self.reason}"


class ConnectionFailed(GatewayError):
    """The gateway cannot be reached, or the connection to it was lost."""

    def __init__(self, endpoint: str, reason: str) -> None:
        super().__init__(endpoint, reason)
        self.endpoint = endpoint
        self.reason = reason

    def __str__(self) -> str:
        return f"no connection to {self.endpoint}: {self.reason}"


class CallTimeout(GatewayError):
    """A call was not answered in time; what it asked for may have happened."""

    def __init__(self, verb: str, seconds: float) -> None:
        super().__init__(verb, seconds)
        self.verb = verb
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.verb} was not answered within {self.seconds:g} s"


class InternalError(GatewayError):
    """The gateway failed in a way that nobody foresaw; its log has the traceback."""

    def __init__(self, reference: str) -> None:
        super().__init__(reference)
        self.reference = reference

    def __str__(self) -> str:
        return f"internal error; the gateway's log has more under {self.reference}"
