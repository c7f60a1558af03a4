"""What a client asks about commands to vehicles, and about whose vehicles they are.

All of it needs the role dispatcher. Records are those of the verbs, which tell more of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gatewaykit.interfaces import Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.caller import Caller
from gatewaykit.vehicles import CONFIRMED, FAILED

POLL_S = 0.5
_VERIFIED_KINDS = frozenset({"block", "unblock"})


class CommandCalls(Caller):
    """The part of `GatewayClient` that is about commands and registrations.

    After `CallTimeout` or `ConnectionFailed` a command may have been taken on: look at
    `list_commands` before it is asked for again.
    """

    def queue_command(
        self,
        imei: str,
        kind: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        expires_in_s: float | None = None,
        override: str | None = None,
    ) -> Deferred[Record]:
        """Take a command on; its record, with its `id`.

        Fails with `MisuseError`, `CommandRefused`, `NotFound` or `AccessDenied`.

        :param expires_in_s: seconds (30 to 604800) after which it is not written any more;
            None for the kind's own.
        :param override: why the interlock is not to hold it up; needs the role admin.
        """
        return self._value(
            verbs.QueueCommand,
            "command",
            imei=imei,
            kind=kind,
            parameters=parameters,
            expires_in=expires_in_s,
            override=override,
        )

    def get_command(self, id: str) -> Deferred[Record]:
        """Fails with `NotFound` where there is none."""
        return self._value(verbs.GetCommand, "command", id=id)

    def list_commands(
        self,
        imei: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Deferred[Page]:
        """Command records, newest first; `status` is ``pending``, ``sent``, ``confirmed``
        or ``failed``."""
        return self._page(
            verbs.ListCommands, imei=imei, status=status, cursor=cursor, limit=limit
        )

    def iter_commands(
        self, imei: str | None = None, status: str | None = None
    ) -> AsyncIterator[Record]:
        """Every command record, newest first; one page is held at a time."""
        return self._all(verbs.ListCommands, imei=imei, status=status)

    def cancel_command(self, id: str) -> Deferred[Record]:
        """End a command that is still pending; its record. Fails with `CommandRefused` for
        one that is not pending any more."""
        return self._value(verbs.CancelCommand, "command", id=id)

    def trust_connection(self, imei: str) -> Deferred[None]:
        """Let commands go to a vehicle whose connection was taken over. Fails with
        `NotFound` where there is nothing to trust."""
        return self._done(verbs.TrustConnection, imei=imei)

    def command_kinds(self) -> Deferred[list[Record]]:
        """What can be asked for, with its parameters."""
        return self._value(verbs.ListKinds, "kinds")

    def wait_for_command(
        self,
        id: str,
        timeout_s: float,
        on_change: Callable[[Record], None] = lambda _: None,
    ) -> Deferred[Record]:
        """Follow a command until nothing more is to come of it, or until the time is over;
        its last record.

        A block or unblock is followed until it is verified, what is ``failed`` no longer.

        :param on_change: called with the first record, and with each whose `status`,
            `reason` or `verified_at` is another than before.
        """

        async def follow() -> Record:
            end = self._clock.seconds() + timeout_s
            seen: tuple[Any, ...] = ()
            while True:
                record = await self.get_command(id)
                state = (record["status"], record["reason"], record["verified_at"])
                if state != seen:
                    seen = state
                    on_change(record)
                remaining_s = end - self._clock.seconds()
                if _is_over(record) or remaining_s <= 0:
                    return record
                await deferLater(self._clock, min(POLL_S, remaining_s))

        return Deferred.fromCoroutine(follow())

    def register_device(
        self,
        imei: str,
        *,
        name: str | None = None,
        group: str | None = None,
        model: str | None = None,
        timezone_offset: str | None = None,
        block_level: int | None = None,
        password_ref: str | None = None,
    ) -> Deferred[None]:
        """Register a device that is not registered yet; it is accepted from now on.

        :param timezone_offset: of its clock, as ``+HH:MM`` or ``-HH:MM``.
        :param block_level: 0 or 1, the level of output 1 that blocks the vehicle.
        :param password_ref: names a password, which is kept elsewhere.
        """
        return self._done(
            verbs.RegisterDevice,
            imei=imei,
            name=name,
            group=group,
            model=model,
            timezone_offset=timezone_offset,
            block_level=block_level,
            password_ref=password_ref,
        )

    def update_device(
        self,
        imei: str,
        *,
        name: str | None = None,
        group: str | None = None,
        model: str | None = None,
        timezone_offset: str | None = None,
        block_level: int | None = None,
        password_ref: str | None = None,
        clear: Sequence[str] = (),
    ) -> Deferred[None]:
        """Change what is given of a known device's registration, as `register_device` sets
        it; `clear` has the names of what to take away."""
        return self._done(
            verbs.UpdateDevice,
            imei=imei,
            name=name,
            group=group,
            model=model,
            timezone_offset=timezone_offset,
            block_level=block_level,
            password_ref=password_ref,
            clear=clear or None,
        )

    def claim_device(
        self,
        imei: str,
        *,
        name: str | None = None,
        group: str | None = None,
        model: str | None = None,
        timezone_offset: str | None = None,
        block_level: int | None = None,
        password_ref: str | None = None,
    ) -> Deferred[None]:
        """Accept a quarantined device, with its reports; what is given is set as
        `register_device` does."""
        return self._done(
            verbs.ClaimDevice,
            imei=imei,
            name=name,
            group=group,
            model=model,
            timezone_offset=timezone_offset,
            block_level=block_level,
            password_ref=password_ref,
        )

    def refuse_device(self, imei: str) -> Deferred[None]:
        """Refuse a device from now on, known or not; needs the role admin."""
        return self._done(verbs.SetPolicy, imei=imei, policy="refused")

    def audit_trail(
        self, cursor: str | None = None, limit: int | None = None
    ) -> Deferred[Page]:
        """Audit records, oldest first; `gatewaykit.access.verify` checks their chain."""
        return self._page(verbs.AuditTrail, cursor=cursor, limit=limit)

    def iter_audit(self) -> AsyncIterator[Record]:
        """Every audit record, oldest first; one page is held at a time."""
        return self._all(verbs.AuditTrail)


def _is_over(record: Record) -> bool:
    """Whether nothing more is to be waited for."""
    if record["status"] == FAILED:
        return True
    if record["status"] != CONFIRMED:
        return False
    return record["verified_at"] is not None or record["kind"] not in _VERIFIED_KINDS
