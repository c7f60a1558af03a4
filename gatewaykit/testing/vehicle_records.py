"""The part of a store in memory that keeps what people want of vehicles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import Deferred

from gatewaykit import access
from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Page, Record
from gatewaykit.store import command_records, registrations
from gatewaykit.testing.pages import copied, numbers, page
from gatewaykit.times import iso
from gatewaykit.vehicles import Command, CommandChange, Registration, SettingChange

T = TypeVar("T")


class MemoryVehicleRecords:
    """Base of `MemoryStore`, which has the devices themselves."""

    def __init__(self) -> None:
        self._registrations: dict[str, Registration] = {}
        self._settings: dict[str, Record] = {}
        self._commands: dict[str, Command] = {}
        self._events: list[Record] = []
        self.audit_records: list[Record] = []

    def _read(self, act: Callable[[], T]) -> Deferred[T]:
        raise NotImplementedError

    def _decide(self, imei: str, policy: str | None) -> None:
        raise NotImplementedError

    def register(
        self, imei: str, values: Record, policy: str | None = None
    ) -> Deferred[Registration]:
        """See `IStore.register`."""

        def write() -> Registration:
            registrations.checked(values)
            if policy is not None:
                registrations.checked_policy(policy)
            self._decide(imei, policy)
            before = self._registrations.get(imei, Registration())
            self._registrations[imei] = attrs.evolve(before, **values)
            return self._registrations[imei]

        return self._read(write)

    def add_command(
        self,
        command: Command,
        audit: Record,
        superseded: Sequence[CommandChange] = (),
        settings: Sequence[SettingChange] = (),
    ) -> Deferred[list[bool]]:
        """See `IStore.add_command`."""

        def write() -> list[bool]:
            if command.id in self._commands:
                raise MisuseError("id", command.id, "an id that no other command has")
            self._commands[command.id] = _kept(command)
            self._append_audit(audit)
            done = [self._change(change) for change in superseded]
            for setting in settings:
                self._set(setting, command.created_at)
            return done

        return self._read(lambda: self._all_or_nothing(write))

    def change_command(self, change: CommandChange) -> Deferred[bool]:
        """See `IStore.change_command`."""
        return self._read(lambda: self._all_or_nothing(lambda: self._change(change)))

    def load_commands(self, sent_since: int) -> Deferred[list[Command]]:
        """See `IStore.load_commands`."""

        def may_change(command: Command) -> bool:
            if command.status not in command_records.FINISHED:
                return True
            if command.sent_at is None or command.sent_at < sent_since:
                return False
            if command.status == "confirmed":
                return command.verified_at is None
            return command.confirmed_at is None and command.late_ack_at is None

        return self._read(
            lambda: [_kept(c) for c in self._commands.values() if may_change(c)]
        )

    def command(self, id: str) -> Deferred[Record | None]:
        """See `IStore.command`."""

        def read() -> Record | None:
            command = self._commands.get(id)
            return None if command is None else _record(command)

        return self._read(read)

    def commands(
        self,
        imei: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.commands`."""

        def read() -> Page:
            if status is not None:
                command_records.checked_status(status)
            before = None if cursor is None else numbers(cursor, 1)[0]
            rows = [
                (str(number), _record(command))
                for number, command in enumerate(self._commands.values(), 1)
                if imei in {None, command.imei}
                and status in {None, command.status}
                and (before is None or number < before)
            ]
            return page(rows[::-1], limit, max_bytes)

        return self._read(read)

    def _all_or_nothing(self, act: Callable[[], T]) -> T:
        commands, settings = dict(self._commands), copied(self._settings)
        events, audited = len(self._events), len(self.audit_records)
        try:
            return act()
        except Exception:
            self._commands, self._settings = commands, settings
            del self._events[events:], self.audit_records[audited:]
            raise

    def _change(self, change: CommandChange) -> bool:
        command = self._commands.get(change.id)
        after = None if command is None else command_records.changed(command, change)
        if after is None:
            return False
        self._commands[change.id] = _kept(after)
        if change.audit is not None:
            self._append_audit(change.audit)
        if change.event is not None:
            self._add_event(after.imei, change.event, change.at, change.details)
        for setting in change.settings:
            self._set(setting, change.at)
        return True

    def _set(self, change: SettingChange, at: int) -> None:
        for name, value in (("wanted", change.wanted), ("applied", change.applied)):
            if value is not None:
                setting = self._settings.setdefault(change.imei, {}).setdefault(
                    change.name, dict.fromkeys(_SETTING)
                )
                setting[name], setting[f"{name}_at"] = copied(value), iso(at)

    def _add_event(self, imei: str, event: str, at: int, details: Record) -> None:
        record = {
            "id": len(self._events) + 1,
            "imei": imei,
            "event": event,
            "at": iso(at),
            "details": details,
        }
        self._events.append(copied(record))

    def _append_audit(self, record: Record) -> Record:
        previous = self.audit_records[-1] if self.audit_records else None
        self.audit_records.append(access.linked(copied(record), previous))
        written: Record = copied(self.audit_records[-1])
        return written


_SETTING = ("wanted", "applied", "wanted_at", "applied_at")


def _kept(command: Command) -> Command:
    """What comes back of a command that was written to a file."""
    return attrs.evolve(
        command_records.without_spent_secrets(command),
        parameters=copied(command.parameters),
        secrets={}
        if command.status in command_records.FINISHED
        else copied(command.secrets),
    )


def _record(command: Command) -> Any:
    return copied(command_records.record_of(command))
