"""Commands to vehicles, in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from gatewaykit import access
from gatewaykit.access import Principal, Role
from gatewaykit.errors import AccessDenied, CommandRefused, MisuseError, NotFound
from gatewaykit.gv50.commands import KINDS, Order, Target, build, split_secrets
from gatewaykit.interfaces import ICommands, IStore, Record
from gatewaykit.times import iso
from gatewaykit.vehicles import (
    CONFIRMED,
    FAILED,
    PENDING,
    SENT,
    Command,
    CommandChange,
)

NOW_MS = 1_769_860_800_000
"""2026-01-31T12:00:00Z, where nobody gives a clock."""
GATEWAY = "memory"
SHORTEST_S, LONGEST_S = 60.0, 604_800.0
"""Of an expiry; the shortest with the usual ``commands.ack_timeout``."""
_OPPOSED = frozenset({"block", "unblock"})


@implementer(ICommands)
class MemoryCommands:
    """An `ICommands` in memory, as strict as the real one about what it is asked.

    It keeps commands and their audit records in `store`, and knows no vehicle: what becomes
    of a command is up to the test, by `wait`, `send`, `confirm`, `verify` and `fail`. These
    give the command's record, and fail with `MisuseError` for a state in which that cannot
    happen.

    :param store: has the devices too.
    :param block_level: of output 1, as the setting ``commands.block_level``; a vehicle's own
        goes before it.
    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        store: IStore,
        block_level: int | None = 1,
        wall_ms: Callable[[], int] = lambda: NOW_MS,
    ) -> None:
        self.enabled = True
        """As the setting ``commands.enabled``."""
        self.doubtful: set[str] = set()
        """IMEIs of vehicles of which a connection was taken over; see `trust`."""
        self._store = store
        self._block_level = block_level
        self._wall_ms = wall_ms
        self._orders: dict[str, Order] = {}

    def queue(
        self,
        principal: Principal,
        imei: str,
        kind: str,
        parameters: Record,
        expires_in_s: float | None = None,
        override: str | None = None,
    ) -> Deferred[Record]:
        """See `ICommands.queue`."""

        async def take_on() -> Record:
            if kind not in KINDS:
                raise MisuseError("kind", kind, ", ".join(KINDS))
            _check_roles(principal, kind, parameters, override)
            seconds = _expiry_s(kind, expires_in_s)
            order = await self._order(imei, kind, parameters)
            if order.lasting and override is None:
                reason = "the device may drive its output later: it needs an override"
                raise CommandRefused(imei, kind, reason)
            id, now = f"{len(self._orders) + 1:012x}", self._wall_ms()
            shown, secrets = split_secrets(kind, parameters)
            command = Command(
                id=id,
                imei=imei,
                kind=kind,
                parameters=shown,
                secrets=secrets,
                status=PENDING,
                created_at=now,
                expires_at=now + round(seconds * 1000),
                requested_by=principal.name,
                requested_from=principal.origin,
                override=override,
                gateway=GATEWAY,
            )
            await self._store.add_command(
                command,
                self._audit(principal, "asked", id=id, imei=imei, kind=kind),
                [] if kind not in _OPPOSED else await self._superseded(command),
            )
            self._orders[id] = order
            return await self._record(id)

        return Deferred.fromCoroutine(take_on())

    async def _order(self, imei: str, kind: str, parameters: Record) -> Order:
        device = await self._store.device(imei)
        if device is None:
            raise NotFound("device", imei)
        if not self.enabled:
            raise CommandRefused(imei, kind, "commands are switched off")
        if device["policy"] != "accepted":
            raise CommandRefused(imei, kind, f"the device is {device['policy']}")
        level = device["block_level"]
        version = device["protocol_version"]
        server = device["settings"].get("server")
        target = Target(
            model=device["model"],
            firmware=None if version is None else version[-4:].upper(),
            block_level=self._block_level if level is None else level,
            server=None if server is None else server["applied"],
        )
        return build(imei, kind, parameters, target)

    async def _superseded(self, command: Command) -> list[CommandChange]:
        page = await self._store.commands(command.imei, PENDING)
        return [
            CommandChange(
                id=record["id"],
                expected=(PENDING,),
                set={
                    "status": FAILED,
                    "reason": f"superseded by {command.id}",
                    "failed_at": command.created_at,
                },
                at=command.created_at,
            )
            for record in page.records
            if record["kind"] in _OPPOSED
        ]

    def cancel(self, principal: Principal, id: str) -> Deferred[Record]:
        """See `ICommands.cancel`."""

        async def end() -> Record:
            record = await self._record(id)
            now = self._wall_ms()
            reason = f"cancelled by {principal.name}"
            change = CommandChange(
                id=id,
                expected=(PENDING,),
                set={"status": FAILED, "reason": reason, "failed_at": now},
                at=now,
                audit=self._audit(principal, "cancelled", id=id, imei=record["imei"]),
            )
            if not await self._store.change_command(change):
                reason = f"it cannot be cancelled any more, it is {record['status']}"
                raise CommandRefused(record["imei"], record["kind"], reason)
            return await self._record(id)

        return Deferred.fromCoroutine(end())

    def trust(self, principal: Principal, imei: str) -> Deferred[None]:
        """See `ICommands.trust`; what is trusted is no longer in `doubtful`."""

        async def let_through() -> None:
            if imei not in self.doubtful:
                raise NotFound("connection in doubt of device", imei)
            at = iso(self._wall_ms())
            told = {"imei": imei}
            await self._store.append_audit(
                access.audit_record(principal, "trust", told, at, "done")
            )
            self.doubtful.discard(imei)

        return Deferred.fromCoroutine(let_through())

    def kinds(self) -> list[Record]:
        """See `ICommands.kinds`."""
        return [
            {
                "kind": kind.name,
                "role": kind.role.value,
                "summary": kind.summary,
                "expires_in_s": kind.expires_in_s,
                "parameters": [
                    {
                        "name": parameter.name,
                        "type": parameter.type,
                        "allowed": parameter.allowed,
                        "required": parameter.required,
                        "secret": parameter.secret,
                        "role": parameter.role.value,
                    }
                    for parameter in kind.parameters
                ],
            }
            for kind in KINDS.values()
        ]

    def wait(self, id: str, reason: str) -> Deferred[Record]:
        """A pending command goes on waiting, for a reason."""
        return self._become(id, (PENDING,), reason=reason)

    def send(self, id: str) -> Deferred[Record]:
        """A pending command is written."""

        async def write() -> Record:
            record = await self._record(id)
            serial = f"{int(id, 16) & 0xFFFF:04X}"
            return await self._become(
                id,
                (PENDING,),
                status=SENT,
                reason=None,
                serial=serial,
                wire=self._orders[id].shown(serial),
                sent_at=self._wall_ms(),
                attempts=record["attempts"] + 1,
            )

        return Deferred.fromCoroutine(write())

    def confirm(self, id: str) -> Deferred[Record]:
        """The vehicle acknowledges a command; one that is pending is written before."""

        async def acknowledge() -> Record:
            if (await self._record(id))["status"] == PENDING:
                await self.send(id)
            return await self._become(
                id, (SENT,), status=CONFIRMED, confirmed_at=self._wall_ms()
            )

        return Deferred.fromCoroutine(acknowledge())

    def verify(self, id: str) -> Deferred[Record]:
        """A later report shows the effect of a confirmed block or unblock."""

        async def show() -> Record:
            kind = (await self._record(id))["kind"]
            if kind not in _OPPOSED:
                raise MisuseError("id", id, "a block or unblock")
            return await self._become(id, (CONFIRMED,), verified_at=self._wall_ms())

        return Deferred.fromCoroutine(show())

    def fail(self, id: str, reason: str) -> Deferred[Record]:
        """A command that is pending or sent comes to nothing."""
        now = self._wall_ms()
        return self._become(
            id, (PENDING, SENT), status=FAILED, reason=reason, failed_at=now
        )

    def _become(
        self, id: str, expected: tuple[str, ...], **set: Any
    ) -> Deferred[Record]:
        async def change() -> Record:
            before = await self._record(id)
            wanted = CommandChange(id, expected, set, self._wall_ms())
            if not await self._store.change_command(wanted):
                allowed = f"a command that is {' or '.join(expected)}"
                raise MisuseError("id", f"{id} ({before['status']})", allowed)
            return await self._record(id)

        return Deferred.fromCoroutine(change())

    async def _record(self, id: str) -> Record:
        record = await self._store.command(id)
        if record is None:
            raise NotFound("command", id)
        return record

    def _audit(self, principal: Principal, outcome: str, **arguments: str) -> Record:
        at = iso(self._wall_ms())
        return access.audit_record(principal, "command", arguments, at, outcome)


def _expiry_s(kind: str, expires_in_s: float | None) -> float:
    if expires_in_s is None:
        return KINDS[kind].expires_in_s
    if not SHORTEST_S <= expires_in_s <= LONGEST_S:
        allowed = f"{SHORTEST_S:g} to {LONGEST_S:g} seconds"
        raise MisuseError("expires_in", expires_in_s, allowed)
    return expires_in_s


def _check_roles(
    principal: Principal, kind: str, parameters: Record, override: str | None
) -> None:
    needed = {f"QueueCommand {kind}": KINDS[kind].role}
    for parameter in KINDS[kind].parameters:
        if parameters.get(parameter.name):
            needed[f"{kind} with {parameter.name}"] = parameter.role
    if override is not None:
        needed["QueueCommand with override"] = Role.ADMIN
    for what, role in needed.items():
        if not principal.has(role):
            raise AccessDenied(principal.name, what, role.value)
