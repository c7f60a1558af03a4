"""The vocabulary: one `amp.Command` a verb, importable without any code of the server.

Each verb names the role that it needs, here and nowhere else, and all inherit the errors
that can travel. Later releases add optional arguments, keys and verbs; nothing changes its
type (`API_LEVEL` tells a client what to expect).
"""

from __future__ import annotations

from typing import Any, ClassVar

from twisted.protocols import amp

from gatewaykit.access import Role
from gatewaykit.errors import MisuseError
from gatewaykit.rpc.arguments import JSON, Moment, imei, policy, token
from gatewaykit.rpc.command_verbs import (
    AuditTrail,
    CancelCommand,
    GetCommand,
    ListCommands,
    ListKinds,
    QueueCommand,
    TrustConnection,
)
from gatewaykit.rpc.device_verbs import ClaimDevice, RegisterDevice, UpdateDevice
from gatewaykit.rpc.modem_verbs import (
    DeleteSMS,
    GNSSLocation,
    ListModemEvents,
    ListSMS,
    ModemAvailable,
    ModemInfo,
    NetworkStatus,
    SendATCommand,
    SendSMS,
)
from gatewaykit.rpc.mount_verbs import (
    ClearBuffers,
    MountCase,
    MountCommand,
    MountGuide,
    MountMoveAxis,
    MountPark,
    MountSite,
    MountSlew,
    MountStatus,
    MountStop,
    MountSync,
    MountTracking,
    MountUnpark,
    MountVariables,
    RegisterBinaryFormat,
)
from gatewaykit.rpc.verb import ERRORS, PAGE, PAGING, Verb

__all__ = (
    "ALL",
    "API_LEVEL",
    "ERRORS",
    "AcknowledgeDamage",
    "AuditTrail",
    "CancelCommand",
    "ClaimDevice",
    "ClearBuffers",
    "DeleteSMS",
    "GNSSLocation",
    "GetCommand",
    "GetDevice",
    "Health",
    "History",
    "Info",
    "LatestPosition",
    "ListCommands",
    "ListDevices",
    "ListEvents",
    "ListKinds",
    "ListModemEvents",
    "ListSMS",
    "Login",
    "ModemAvailable",
    "ModemInfo",
    "MountCase",
    "MountCommand",
    "MountGuide",
    "MountMoveAxis",
    "MountPark",
    "MountSite",
    "MountSlew",
    "MountStatus",
    "MountStop",
    "MountSync",
    "MountTracking",
    "MountUnpark",
    "MountVariables",
    "NetworkStatus",
    "QueueCommand",
    "RegisterBinaryFormat",
    "RegisterDevice",
    "SendATCommand",
    "SendSMS",
    "SetPolicy",
    "TrustConnection",
    "UpdateDevice",
    "Verb",
)

API_LEVEL = 1


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
    """Device records by IMEI, with the status of this moment; only those of a policy, if
    one is given."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"policy", policy(optional=True)), *PAGING]
    response = PAGE


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
        *PAGING,
    ]
    response = PAGE

    @classmethod
    def check(cls, arguments: dict[str, Any]) -> None:
        since, until = arguments.get("since"), arguments.get("until")
        if since is not None and until is not None and since > until:
            raise MisuseError("since", str(since), f"not after until ({until})")


class ListEvents(Verb):
    """What happened to devices, oldest first."""

    role = Role.VIEWER
    arguments: ClassVar = [(b"imei", imei(optional=True)), *PAGING]
    response = PAGE


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
    RegisterDevice,
    UpdateDevice,
    ClaimDevice,
    QueueCommand,
    GetCommand,
    ListCommands,
    CancelCommand,
    TrustConnection,
    ListKinds,
    AuditTrail,
    NetworkStatus,
    GNSSLocation,
    ModemAvailable,
    ModemInfo,
    ListModemEvents,
    ListSMS,
    SendSMS,
    DeleteSMS,
    SendATCommand,
    MountStatus,
    MountVariables,
    MountCommand,
    MountCase,
    RegisterBinaryFormat,
    MountSlew,
    MountStop,
    MountSync,
    MountPark,
    MountUnpark,
    MountTracking,
    MountGuide,
    MountMoveAxis,
    MountSite,
    ClearBuffers,
)
