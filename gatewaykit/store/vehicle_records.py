"""The part of a store on an SQLite file that keeps what people want of vehicles:
registrations and commands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import TypeVar

from twisted.internet.defer import Deferred

from gatewaykit.interfaces import Page, Record
from gatewaykit.store import commands, registry
from gatewaykit.store.writer import Writer
from gatewaykit.vehicles import Command, CommandChange, Registration, SettingChange

T = TypeVar("T")


class VehicleRecords:
    """Base of `SqliteStore`, which has the file."""

    _writer: Writer
    _wall_ms: Callable[[], int]

    def _read(
        self, part: str | None, query: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        raise NotImplementedError

    def register(
        self, imei: str, values: Record, policy: str | None = None
    ) -> Deferred[Registration]:
        """See `IStore.register`."""
        kept, at = dict(values), self._wall_ms()
        return self._writer.write(
            lambda c: registry.register(c, imei, kept, policy, at)
        )

    def add_command(
        self,
        command: Command,
        audit: Record,
        superseded: Sequence[CommandChange] = (),
        setting: SettingChange | None = None,
    ) -> Deferred[list[bool]]:
        """See `IStore.add_command`."""
        kept = tuple(superseded)
        return self._writer.write(
            lambda c: commands.add(c, command, audit, kept, setting)
        )

    def change_command(self, change: CommandChange) -> Deferred[bool]:
        """See `IStore.change_command`."""
        return self._writer.write(lambda c: commands.change(c, change))

    def load_commands(self, sent_since: int) -> Deferred[list[Command]]:
        """See `IStore.load_commands`."""
        return self._read(None, lambda c: commands.load(c, sent_since))

    def command(self, id: str) -> Deferred[Record | None]:
        """See `IStore.command`."""
        return self._read(None, lambda c: commands.one(c, id))

    def commands(
        self,
        imei: str | None = None,
        status: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.commands`."""
        return self._read(
            None,
            lambda c: commands.newest(c, imei, status, cursor, limit, max_bytes),
        )
