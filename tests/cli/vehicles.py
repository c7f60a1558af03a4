"""Commands to vehicles behind the command line, whose fate a test decides."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from gatewaykit.access import MASK, Principal, audit_record
from gatewaykit.errors import CommandRefused, MisuseError, NotFound
from gatewaykit.interfaces import ICommands, Record
from gatewaykit.testing import MemoryStore
from gatewaykit.times import iso
from gatewaykit.vehicles import FAILED, PENDING, Command, CommandChange

BEGIN_MS = 1769860800_000
"""2026-01-31T12:00:00Z, when a test begins."""

KINDS: list[Record] = [
    {
        "kind": kind,
        "role": role,
        "summary": summary,
        "expires_in_s": 600,
        "parameters": parameters,
    }
    for kind, role, summary, parameters in (
        ("block", "dispatcher", "switch the output to the level that blocks", []),
        ("unblock", "dispatcher", "switch it back", []),
        ("position", "dispatcher", "ask for a position", []),
        (
            "apn",
            "admin",
            "set the access point",
            [
                {
                    "name": "apn",
                    "allowed": "1 to 40 characters",
                    "required": True,
                    "role": "admin",
                    "type": "text",
                },
                {
                    "name": "password",
                    "allowed": "at most 30 characters",
                    "required": False,
                    "secret": True,
                    "role": "dispatcher",
                    "type": "text",
                },
            ],
        ),
        (
            "interval",
            "dispatcher",
            None,
            [
                {
                    "name": "interval_s",
                    "allowed": "5 to 86400",
                    "required": True,
                    "type": "number",
                }
            ],
        ),
    )
]


@implementer(ICommands)
class StagedCommands:
    """Takes commands on as the fleet does; nothing happens to them but by `change`."""

    def __init__(self, store: MemoryStore, clock: IReactorTime) -> None:
        self._store = store
        self._clock = clock
        self._begun_s = clock.seconds()
        self._count = 0
        self.asked: list[tuple[Any, ...]] = []
        self.trusted: list[str] = []
        self.reason: str | None = None
        """Why the next command waits."""
        self.refusal: Exception | None = None

    def now(self) -> int:
        return BEGIN_MS + round((self._clock.seconds() - self._begun_s) * 1000)

    def queue(
        self,
        principal: Principal,
        imei: str,
        kind: str,
        parameters: Record,
        expires_in_s: float | None = None,
        override: str | None = None,
    ) -> Deferred[Record]:
        if self.refusal is not None:
            return fail(self.refusal)
        if not any(known["kind"] == kind for known in KINDS):
            return fail(MisuseError("kind", kind, "one of ListKinds"))
        self.asked.append((imei, kind, parameters, expires_in_s, override))
        self._count += 1
        command = Command(
            id=f"5f2a9c01b2{self._count:02x}",
            imei=imei,
            kind=kind,
            parameters=parameters
            | ({"password": MASK} if "password" in parameters else {}),
            status=PENDING,
            reason=self.reason,
            created_at=self.now(),
            expires_at=self.now() + round((expires_in_s or 600) * 1000),
            requested_by=principal.name,
            requested_from=principal.origin,
            gateway="here",
            override=override,
        )
        audit = audit_record(
            principal, "QueueCommand", {"imei": imei}, iso(self.now()), "done"
        )
        added = self._store.add_command(command, audit)
        return added.addCallback(lambda _: self._store.command(command.id))

    def change(self, status: str, reason: str | None = None, **more: Any) -> None:
        """Let the newest command come to a status; times are those of the clock."""
        stamps = {
            f"{name}_at": self.now()
            for name in (status, *more.pop("also", ()))
            if name != PENDING
        }
        change = CommandChange(
            id=f"5f2a9c01b2{self._count:02x}",
            expected=("pending", "sent", "confirmed", "failed"),
            set={"status": status, "reason": reason, **stamps, **more},
            at=self.now(),
        )
        self._store.change_command(change)

    def cancel(self, principal: Principal, id: str) -> Deferred[Record]:
        async def end() -> Record:
            record = await self._store.command(id)
            if record is None:
                raise NotFound("command", id)
            if record["status"] != PENDING:
                raise CommandRefused(
                    record["imei"], "cancel", f"it is {record['status']}"
                )
            self.change(FAILED, f"cancelled by {principal.name}")
            return await self._store.command(id) or {}

        return Deferred.fromCoroutine(end())

    def trust(self, principal: Principal, imei: str) -> Deferred[None]:
        def add() -> None:
            if imei in self.trusted:
                raise NotFound("takeover", imei)
            self.trusted.append(imei)

        return execute(add)

    def kinds(self) -> list[Record]:
        return KINDS
