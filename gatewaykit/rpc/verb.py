"""What every verb is made of: its role, its errors, its deadline, what its audit shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from twisted.protocols import amp

from gatewaykit import access
from gatewaykit.access import Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    InternalError,
    MisuseError,
    MotionStopped,
    NotFound,
    ProtocolViolation,
    StoreUnavailable,
)
from gatewaykit.rpc.arguments import JSON, cursor, error_decoder, limit

MARGIN_S = 10.0
"""What a client waits beyond a verb's deadline, for the way and for the audit trail."""

ERRORS: dict[type[Exception], bytes] = {
    MisuseError: b"BAD_ARGUMENT",
    NotFound: b"NOT_FOUND",
    AccessDenied: b"ACCESS_DENIED",
    StoreUnavailable: b"STORE_UNAVAILABLE",
    DeviceUnavailable: b"DEVICE_UNAVAILABLE",
    DeviceTimeout: b"DEVICE_TIMEOUT",
    DeviceRefused: b"DEVICE_REFUSED",
    DeviceGarbled: b"DEVICE_GARBLED",
    MotionStopped: b"STOPPED",
    CommandRefused: b"COMMAND_REFUSED",
    CallTimeout: b"TIMEOUT",
    InternalError: b"INTERNAL",
}


class Verb(amp.Command):
    """Base of every verb."""

    errors = ERRORS
    reverseErrors: ClassVar[dict[bytes, Callable[[str], GatewayError]]]
    role: ClassVar[Role]
    changes: ClassVar[bool] = False
    """Whether it changes something, so that its uses are in the audit trail."""
    audits_itself: ClassVar[bool] = False
    """Whether what answers writes the audit record of a use that was done, together with
    what it changes: then only refusals and failures are left to be recorded."""
    in_session: ClassVar[bool] = False
    """Whether the answer has to know the client's stay (`gatewaykit.rpc.sessions`), which
    it is given as `session`."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Names of arguments that the audit trail must not show."""
    deadline_s: ClassVar[float] = 60.0
    """How long the gateway may take for the answer."""

    def __init_subclass__(cls) -> None:
        # AMP makes an error of the text alone; ours have fields (see `encode_error`).
        cls.reverseErrors = {
            code: error_decoder(cast(type[GatewayError], kind))
            for kind, code in cls.errors.items()
        }
        access.declare(cls.name(), cls.role)

    @classmethod
    def name(cls) -> str:
        return cls.commandName.decode("ascii")

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        """Raise `MisuseError` for arguments that don't go together."""

    @classmethod
    def has_effect(cls, arguments: dict[str, str]) -> bool:
        """Whether this use of a verb that changes something may change something. One that
        cannot is left out of the audit trail, which is kept for ever, unless it was refused.

        :param arguments: as they came, even those that could not be read.
        """
        return True

    @classmethod
    def weighed_as(cls, arguments: dict[str, str]) -> str:
        """The verb whose role this use needs: its own, or that of one which does the same.

        :param arguments: as they came, even those that could not be read.
        """
        return cls.name()

    @classmethod
    def refusal(cls, result: dict[str, Any]) -> GatewayError | None:
        """What the audit trail is to tell of an answer that says that nothing was done."""
        return None

    @classmethod
    def auditable(cls, arguments: dict[str, str]) -> dict[str, str]:
        """The arguments as the audit trail may show them.

        :param arguments: as they came, even those that could not be read.
        """
        return {
            name: access.MASK if name in cls.secrets else value
            for name, value in arguments.items()
        }

    @classmethod
    def patience_s(cls, usual_s: float) -> float:
        """How long a client waits that waits `usual_s` for most verbs: longer where the
        gateway itself may take longer than it does for most."""
        if cls.deadline_s <= Verb.deadline_s:
            return usual_s
        return max(usual_s, cls.deadline_s + MARGIN_S)

    @classmethod
    def makeArguments(cls, objects: dict[str, Any], proto: Any) -> amp.AmpBox:
        box: amp.AmpBox = super().makeArguments(objects, proto)
        cls.check(objects)
        return box

    @classmethod
    def parseArguments(cls, box: amp.AmpBox, protocol: Any) -> dict[str, Any]:
        arguments: dict[str, Any] = super().parseArguments(box, protocol)
        cls.check(arguments)
        return arguments

    @classmethod
    def parseResponse(cls, box: amp.AmpBox, protocol: Any) -> dict[str, Any]:
        try:
            response: dict[str, Any] = super().parseResponse(box, protocol)
        except (LookupError, ValueError, TypeError, RecursionError) as error:
            reason = f"not an answer to {cls.name()}: {error!r:.200}"
            raise ProtocolViolation(reason) from error
        return response


PAGING: list[tuple[bytes, amp.Argument]] = [
    (b"cursor", cursor()),
    (b"limit", limit()),
]
PAGE: list[tuple[bytes, amp.Argument]] = [
    (b"records", JSON()),
    (b"cursor", amp.Unicode(optional=True)),
]
