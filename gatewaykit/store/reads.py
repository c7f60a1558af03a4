"""What is read from a store on an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from twisted.internet.defer import Deferred

from gatewaykit.interfaces import DeviceRow, Page, Record
from gatewaykit.store import commands, devices, queries
from gatewaykit.store.chronicle import Chronicle
from gatewaykit.vehicles import Command

T = TypeVar("T")


class Reads:
    """Base of `SqliteStore`, which has the file."""

    _render: queries.Render
    _model_of: devices.ModelOf
    _chronicle: Chronicle

    def _read(
        self, part: str | None, query: Callable[[sqlite3.Connection], T]
    ) -> Deferred[T]:
        """Query what was committed by now; `part` is what it needs to be folded into."""
        raise NotImplementedError

    def history(
        self,
        imei: str,
        since: int | None = None,
        until: int | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.history`."""
        return self._read(
            "tracks",
            lambda c: queries.history(
                c, self._render, imei, since, until, cursor, limit, max_bytes
            ),
        )

    def devices(
        self,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
        policy: str | None = None,
    ) -> Deferred[Page]:
        """See `IStore.devices`."""
        return self._read(
            "devices",
            lambda c: devices.devices(
                c, self._render, self._model_of, cursor, limit, max_bytes, policy
            ),
        )

    def device(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.device`."""
        return self._read(
            "devices", lambda c: devices.device(c, self._render, self._model_of, imei)
        )

    def latest_position(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.latest_position`."""
        return self._read(
            "devices", lambda c: devices.latest_position(c, self._render, imei)
        )

    def events(
        self,
        imei: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.events`."""
        return self._read(
            "events" if self._chronicle.types else None,
            lambda c: queries.events(c, imei, cursor, limit, max_bytes),
        )

    def audit(self, cursor: str | None = None, limit: int = 1000) -> Deferred[Page]:
        """See `IStore.audit`."""
        return self._read(None, lambda c: queries.audit(c, cursor, limit))

    def load_devices(self) -> Deferred[list[DeviceRow]]:
        """See `IStore.load_devices`."""
        # Who is new has a row before his first report; a full disk must not stop the start.
        return self._read(None, devices.load_devices)

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
