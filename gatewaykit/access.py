"""Who may do what, and the record of what was done.

The only place where a principal is weighed against a verb. The verbs themselves say which
role they need (`gatewaykit.rpc.verbs`), each once, by `declare`; what was never declared is
denied.

An audit record has the keys `at`, `who`, `from_where`, `what`, `arguments`, `outcome`; the
store adds `sequence`, `previous_hash` and `hash` in the transaction that writes it
(`linked`). The hash covers all of that, so that no record can be changed, left out or moved
without every later hash being wrong. Records cut off at the end cannot be noticed from the
chain alone: keep the newest hash elsewhere for that.
"""

from __future__ import annotations

import enum
import hashlib
import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from gatewaykit.errors import AccessDenied, MisuseError


class Role(enum.Enum):
    """What a principal may do. Admin implies every role, all imply viewer."""

    VIEWER = "viewer"
    """Read everything but secrets."""
    OPERATOR = "operator"
    """Use the modem and the mount."""
    DISPATCHER = "dispatcher"
    """Send commands to vehicles."""
    ADMIN = "admin"


_IMPLIED = {
    Role.VIEWER: frozenset({Role.VIEWER}),
    Role.OPERATOR: frozenset({Role.OPERATOR, Role.VIEWER}),
    Role.DISPATCHER: frozenset({Role.DISPATCHER, Role.VIEWER}),
    Role.ADMIN: frozenset(Role),
}


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@attrs.frozen
class Principal:
    """Somebody who asks: as the audit trail names them, with their roles."""

    name: str
    roles: frozenset[Role]
    origin: str
    """The door: ``unix``, or ``tcp:`` and the address."""

    def has(self, role: Role) -> bool:
        """Whether one of the roles is or implies `role`."""
        return any(role in _IMPLIED[own] for own in self.roles)


def principal_of_uid(uid: int, own_uid: int) -> Principal:
    """Who a process on the unix socket is.

    Root and the service's own user have every role. Others can connect only if the socket's
    group let them: they may look.
    """
    role = Role.ADMIN if uid in {0, own_uid} else Role.VIEWER
    return Principal(f"uid:{uid}", frozenset({role}), "unix")


def principal_of_address(
    host: str, port: int, networks: Iterable[Network] = ()
) -> Principal | None:
    """Who a TCP peer without credentials is: a viewer on loopback or in one of the
    networks, elsewhere nobody.

    An IPv4 address is the same one whether it came over IPv4 or mapped into IPv6.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    real = getattr(address, "ipv4_mapped", None) or address
    if not real.is_loopback and not any(real in network for network in networks):
        return None
    origin = f"tcp:[{host}]:{port}" if address.version == 6 else f"tcp:{host}:{port}"
    return Principal("anonymous", frozenset({Role.VIEWER}), origin)


_needed: dict[str, Role] = {}


def declare(verb: str, role: Role) -> None:
    """Say which role a verb needs; saying it twice differently is refused."""
    if _needed.setdefault(verb, role) is not role:
        raise MisuseError(verb, role.value, f"the role {_needed[verb].value}")


def table() -> dict[str, Role]:
    """The role that each verb needs."""
    return dict(_needed)


def check(principal: Principal, verb: str) -> None:
    """Raise `AccessDenied` unless the principal may use the verb."""
    role = _needed.get(verb)
    if role is None or not principal.has(role):
        needed = "undeclared" if role is None else role.value
        raise AccessDenied(principal.name, verb, needed)


MASK = "***"
"""Stands for what the audit trail and errors don't show."""
_LONGEST_ARGUMENT = 200


def audit_record(
    principal: Principal,
    what: str,
    arguments: Mapping[str, str],
    at: str,
    outcome: str,
) -> dict[str, Any]:
    """What the store is to append.

    :param arguments: what may be shown of them (see `gatewaykit.rpc.verb.Verb`).
    :param at: ISO 8601, UTC.
    :param outcome: ``done``, ``refused``, or ``failed:`` and the code of the error.
    """
    return {
        "at": at,
        "who": principal.name,
        "from_where": principal.origin,
        "what": what,
        "arguments": {
            name: value[:_LONGEST_ARGUMENT] for name, value in arguments.items()
        },
        "outcome": outcome,
    }


GENESIS = "0" * 64
"""Stands for the hash before the first record."""


def chain(previous_hash: str, record: Mapping[str, Any]) -> str:
    """The hash of a record (with its `sequence`) behind one with `previous_hash`.

    BLAKE2b of 32 bytes, in hex, of the record's canonical JSON: keys sorted, no spaces,
    ASCII, `previous_hash` in it and `hash` not.
    """
    body = {**record, "previous_hash": previous_hash}
    body.pop("hash", None)
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode("ascii"), digest_size=32).hexdigest()


def linked(
    record: Mapping[str, Any], previous: Mapping[str, Any] | None
) -> dict[str, Any]:
    """A record as it is written behind `previous` (None: as the first of all)."""
    before = GENESIS if previous is None else previous["hash"]
    sequence = 1 if previous is None else previous["sequence"] + 1
    written = {**record, "sequence": sequence, "previous_hash": before}
    return {**written, "hash": chain(before, written)}


def verify(
    records: Iterable[Mapping[str, Any]], previous: Mapping[str, Any] | None = None
) -> int | None:
    """Follow the chain through records in order.

    :param previous: the record before them, None if they begin with the first.
    :return: the number of the first record that is not as it was written, None if all are.
    """
    for record in records:
        expected = 1 if previous is None else previous["sequence"] + 1
        bare = {
            key: value
            for key, value in record.items()
            if key not in {"sequence", "previous_hash", "hash"}
        }
        if linked(bare, previous) != record:
            return int(expected)
        previous = record
    return None
