"""The vocabulary: one `amp.Command` a verb, importable without any code of the server.

Each verb names the role that it needs, here and nowhere else, and all inherit the errors
that can travel. Later releases add optional arguments, keys and verbs; nothing changes its
type (`API_LEVEL` tells a client what to expect).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from twisted.protocols import amp

from gatewaykit import access
from gatewaykit.access import Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    GatewayError,
    InternalError,
    MisuseError,
    NotFound,
    ProtocolViolation,
    StoreUnavailable,
)
from gatewaykit.rpc.arguments import (
    JSON,
    Limit,
    Moment,
    cursor,
    error_decoder,
    imei,
    policy,
    token,
)

API_LEVEL = 1

ERRORS: dict[type[Exception], bytes] = {
    MisuseError: b"BAD_ARGUMENT",
    NotFound: b"NOT_FOUND",
    AccessDenied: b"ACCESS_DENIED",
    StoreUnavailable: b"STORE_UNAVAILABLE",
    DeviceUnavailable: b"DEVICE_UNAVAILABLE",
    DeviceTimeout: b"DEVICE_TIMEOUT",
    DeviceRefused: b"DEVICE_REFUSED",
    CallTimeout: b"TIMEOUT",
    InternalError: b"INTERNAL",
}


class Verb(amp.Command):
    """Base of every verb."""

    errors = ERRORS
    reverseErrors: ClassVar[dict[bytes, Callable[[str], GatewayError]]]
    role: ClassVar[Role]
    changes: ClassVar[bool] = False
    """Whether it changes something, so that every use of it is in the audit trail."""
    secrets: ClassVar[frozenset[str]] = frozenset()
    """Names of arguments that the audit trail must not show."""

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


_PAGING: list[tuple[bytes, amp.Argument]] = [
    (b"cursor", cursor()),
    (b"limit", Limit(optional=True)),
]
_PAGE: list[tuple[bytes, amp.Argument]] = [
    (b"records", JSON()),
    (b"cursor", amp.Unicode(optional=True)),
]


class Login(Verb):
    """Who the client is from now on, by a token; the first call of a connection.

    No gateway answers it yet: what `ALL` has, they do.
    """

    role = Role.VIEWER
    secrets: ClassVar = frozenset({"token"})
    arguments: ClassVar = [(b"token", token())]
    response: ClassVar = [(b"principal", amp.Unicode())]


class Info(Verb):
    """What runs here."""

    role = Role.VIEWER
    response: ClassVar = [
        (b"version", amp.Unicode()),
        (b"api", amp.Integer()),
        (b"python", amp.Unicode()),
        (b"twisted", amp.Unicode()),
        (b"uptime_s", amp.Float()),
        (b"subsystems", JSON()),
    ]


class Health(Verb):
    """How it is: the worst status, and each subsystem's with its reason and figures."""

    role = Role.VIEWER
    response: ClassVar = [(b"status", amp.Unicode()), (b"subsystems", JSON())]


class ListDevices(Verb):
    """Device records by IMEI, with the status of this moment."""

    role = Role.VIEWER
    arguments = _PAGING
    response = _PAGE


class GetDevice(Verb):
    """One device record."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"imei", imei())]
    response: ClassVar = [(b"device", JSON())]


class LatestPosition(Verb):
    """The position with the newest GPS time."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"imei", imei())]
    response: ClassVar = [(b"position", JSON())]


class History(Verb):
    """A device's report records, oldest first, `since` and `until` inclusive."""

    role = Role.VIEWER
    arguments: ClassVar = [
        (b"imei", imei()),
        (b"since", Moment(optional=True)),
        (b"until", Moment(optional=True)),
        *_PAGING,
    ]
    response = _PAGE

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        since, until = arguments.get("since"), arguments.get("until")
        if since is not None and until is not None and since > until:
            raise MisuseError("since", str(since), f"not after until ({until})")


class ListEvents(Verb):
    """What happened to devices, oldest first."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"imei", imei(optional=True)), *_PAGING]
    response = _PAGE


class SetPolicy(Verb):
    """Accept, quarantine or refuse a device from now on, known or not."""

    role = Role.ADMIN
    changes = True
    arguments: ClassVar = [(b"imei", imei()), (b"policy", policy())]


class AcknowledgeDamage(Verb):
    """Take note of salvaged database files; tells how many were open."""

    role = Role.ADMIN
    changes = True
    response: ClassVar = [(b"acknowledged", amp.Integer())]


ALL: tuple[type[Verb], ...] = (
    Info,
    Health,
    ListDevices,
    GetDevice,
    LatestPosition,
    History,
    ListEvents,
    SetPolicy,
    AcknowledgeDamage,
)
