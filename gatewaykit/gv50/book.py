"""How a command's changes become durable: its state, its audit record, its event, at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit import access, metrics
from gatewaykit.access import Principal
from gatewaykit.errors import StoreUnavailable
from gatewaykit.gv50.commands import KINDS, Order
from gatewaykit.interfaces import IStore, Record
from gatewaykit.times import iso
from gatewaykit.vehicles import (
    CONFIRMED,
    FAILED,
    PENDING,
    SENT,
    Command,
    CommandChange,
    SettingChange,
)

RETRY_S = 1.0

log = Logger()


@attrs.define(eq=False)
class Entry:
    """A command that is not over, and what the gateway knows of it beside its record."""

    command: Command
    deadline: float
    """When it expires, by a clock that nobody sets."""
    version: str = ""
    """The protocol version by which its form was chosen."""
    server: Record | None = None
    """The server settings that the device acknowledged last."""
    ending: bool = False
    """It is not to be written: its end, or its beginning, is being recorded."""
    superseded_by: str | None = None
    """Whatever takes its place; while that is being recorded too (`ending`)."""
    written: bool = False
    cut: bool = False
    """No acknowledgement came, and its connection was cut."""
    sort: str | None = None
    """Of the obstacle that its reason tells."""
    told: set[str] = attrs.field(factory=set)
    """The sorts that the audit trail has."""
    told_at: float = 0.0
    count: str | None = None
    """Of the acknowledgement."""
    order: Order | None = None
    over: Any = None
    """The connection that it was written over."""
    over_port: int | None = None

    def left_s(self, now: float, now_ms: int) -> float:
        """Until it expires, by the clock that says less: the wall clock may be set back."""
        return min(self.deadline - now, (self.command.expires_at - now_ms) / 1000)


class Book:
    """Writes changes of commands.

    :param wall_ms: the clock of what is recorded, milliseconds since the epoch.
    """

    def __init__(
        self, store: IStore, clock: IReactorTime, wall_ms: Callable[[], int]
    ) -> None:
        self.store = store
        self.closed = False
        self.failure: str | None = None
        """Why something could not be written the last time, None if it could."""
        self._clock = clock
        self._wall_ms = wall_ms

    async def change(
        self,
        entry: Entry,
        expected: tuple[str, ...],
        outcome: str | None,
        *,
        by: Principal | None = None,
        event: str | None = None,
        details: Record | None = None,
        settings: tuple[SettingChange, ...] = (),
        **set: Any,
    ) -> bool:
        """Commit a change of `entry`'s command, and follow it.

        :param outcome: what the audit trail says of it, None for nothing.
        :param by: who did it, if not whoever asked for the command.
        :return: False if the command's state was none of those expected.
        :raises StoreUnavailable: nothing was written.
        """
        at = self._wall_ms()
        changed = attrs.evolve(entry.command, **set)
        change = CommandChange(
            id=changed.id,
            expected=expected,
            set=set,
            at=at,
            audit=None if outcome is None else self.audit(changed, outcome, at, by),
            event=event,
            details=details or {},
            settings=settings,
        )
        try:
            done = await self.store.change_command(change)
        except StoreUnavailable as error:
            self.failure = str(error)
            raise
        self.failure = None
        if done:
            entry.command = attrs.evolve(entry.command, **set)
        return done

    async def keep(
        self,
        entry: Entry,
        expected: tuple[str, ...],
        outcome: str | None,
        **changes: Any,
    ) -> bool:
        """`change`, again and again while the store cannot write: what happened has
        happened. False too if the gateway stops before."""
        while True:
            try:
                return await self.change(entry, expected, outcome, **changes)
            except StoreUnavailable as error:
                if self.closed:
                    return False
                log.warn(  # noqa: G010 - the name that Twisted's Logger has
                    "command {id} could not be recorded as {outcome}: {reason}",
                    id=entry.command.id,
                    outcome=outcome,
                    reason=error,
                )
                await deferLater(self._clock, RETRY_S)

    async def fail(
        self, entry: Entry, reason: str, outcome: str = "failed", **changes: Any
    ) -> bool:
        """End a command as failed."""
        done = await self.keep(
            entry,
            (PENDING, SENT),
            outcome,
            status=FAILED,
            reason=reason,
            failed_at=self._wall_ms(),
            **changes,
        )
        if done:
            metrics.commands_finished.labels(FAILED).inc()
        return done

    async def confirm(self, entry: Entry, reason: str | None) -> bool:
        """The device has done what it was told."""
        command = entry.command
        done = await self.keep(
            entry,
            (SENT,),
            "confirmed",
            status=CONFIRMED,
            reason=reason,
            confirmed_at=self._wall_ms(),
            settings=tuple(
                SettingChange(command.imei, name, applied=command.parameters)
                for name in KINDS[command.kind].settings
            ),
        )
        if done:
            metrics.commands_finished.labels(CONFIRMED).inc()
        return done

    def audit(
        self, command: Command, outcome: str, at: int, by: Principal | None = None
    ) -> Record:
        """The audit record of a change of `command`."""
        who = by or Principal(command.requested_by, frozenset(), command.requested_from)
        told = {
            "id": command.id,
            "imei": command.imei,
            "kind": command.kind,
            "reason": command.reason,
            "wire": command.wire,
            "override": command.override,
        }
        if by is not None:
            told["requested_by"] = command.requested_by
        return access.audit_record(
            who,
            "command",
            {name: text for name, text in told.items() if text is not None},
            iso(at),
            outcome,
        )
