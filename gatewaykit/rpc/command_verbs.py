"""The verbs of commands to vehicles, and of the audit trail.

The records of commands are those that `gatewaykit.interfaces.IStore.command` gives. What asks
for, ends or lets through a command fails with `NotFound` where no trackers are served, and
with `CommandRefused` for what cannot be done. After a `CallTimeout` or a lost connection it
may have been taken on: ask `ListCommands` before anything is repeated.
"""

from __future__ import annotations

from typing import ClassVar

from gatewaykit.access import Role
from gatewaykit.rpc.arguments import JSON, Number, Printable, Text, imei
from gatewaykit.rpc.parameters import Parameters, shown
from gatewaykit.rpc.verb import PAGE, PAGING, Verb
from gatewaykit.vehicles import CONFIRMED, FAILED, PENDING, SENT

STATUSES = (PENDING, SENT, CONFIRMED, FAILED)
LEAST_EXPIRY_S = 60
MOST_EXPIRY_S = 7 * 24 * 3600
MOST_OVERRIDE = 200
"""Characters of the reason why the interlock is passed over."""


def command_id() -> Text:
    return Text(r"[0-9a-fA-F]{12}", "12 hex digits")


class QueueCommand(Verb):
    """Take a command to a vehicle on; gives its record, with its `id`.

    `kind` and `parameters` are those of `ListKinds`; `expires_in` is in seconds, without it
    the kind's own. `override` is the reason for which the interlock is passed over, which
    needs the role admin, as some kinds and parameters do.
    """

    role = Role.DISPATCHER
    changes = True
    audits_itself = True
    in_session = True
    arguments: ClassVar = [
        (b"imei", imei()),
        (b"kind", Text(r"[a-z_]{1,30}", "1 to 30 lower-case letters and underscores")),
        (b"parameters", Parameters(optional=True)),
        (
            b"expires_in",
            Number(LEAST_EXPIRY_S, MOST_EXPIRY_S, "seconds", optional=True),
        ),
        (b"override", Printable(MOST_OVERRIDE, optional=True)),
    ]
    response: ClassVar = [(b"command", JSON())]

    @classmethod
    def auditable(cls, arguments: dict[str, str]) -> dict[str, str]:
        audited = super().auditable(arguments)
        if "parameters" in audited:
            audited["parameters"] = shown(audited["parameters"])
        return audited


class GetCommand(Verb):
    """One command record."""

    role = Role.DISPATCHER
    arguments: ClassVar = [(b"id", command_id())]
    response: ClassVar = [(b"command", JSON())]


class ListCommands(Verb):
    """Command records, newest first, of a vehicle and of a status if they are given."""

    role = Role.DISPATCHER
    arguments: ClassVar = [
        (b"imei", imei(optional=True)),
        (b"status", Text("|".join(STATUSES), ", ".join(STATUSES), optional=True)),
        *PAGING,
    ]
    response = PAGE


class CancelCommand(Verb):
    """End a command that is still pending; gives its record. `CommandRefused` for one that
    is not pending any more."""

    role = Role.DISPATCHER
    changes = True
    audits_itself = True
    in_session = True
    arguments: ClassVar = [(b"id", command_id())]
    response: ClassVar = [(b"command", JSON())]


class TrustConnection(Verb):
    """Let commands go to a vehicle whose connection was taken over by one that nobody can
    tell from another's. `NotFound` where there is nothing to trust."""

    role = Role.DISPATCHER
    changes = True
    audits_itself = True
    in_session = True
    arguments: ClassVar = [(b"imei", imei())]


class ListKinds(Verb):
    """What can be asked for: records of `kind`, `role`, `summary`, `expires_in_s`, and
    `parameters` (`name`, `allowed`, `required`, `role`)."""

    role = Role.DISPATCHER
    response: ClassVar = [(b"kinds", JSON())]


class AuditTrail(Verb):
    """Audit records, oldest first; `gatewaykit.access.verify` checks their chain."""

    role = Role.DISPATCHER
    arguments = PAGING
    response = PAGE
