"""A store in memory."""

from __future__ import annotations

import json
from bisect import insort
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from gatewaykit import access
from gatewaykit.errors import MisuseError, StoreUnavailable
from gatewaykit.interfaces import DeviceChange, DeviceRow, IStore, Page, Record
from gatewaykit.rpc.arguments import POLICIES
from gatewaykit.times import iso

T = TypeVar("T")


@implementer(IStore)
class MemoryStore:
    """An `IStore` in memory, as strict as the real one.

    Every answer is a copy that went through JSON, as it would from a file. Set `failure` to
    a reason, and every method fails with `StoreUnavailable` until it is None again.
    """

    def __init__(self, clock: IReactorTime | None = None) -> None:
        self._clock = clock or Clock()
        self._reports: list[tuple[int, int, Record]] = []
        self._devices: dict[str, Record] = {}
        self._events: list[Record] = []
        self.audit_records: list[Record] = []
        self.failure: str | None = None
        self.open_damages = 0

    def add_report(self, record: Record) -> None:
        """Put a report's record into the history, and its position into the device's."""
        record = _copy(record)
        imei, received_at = record["imei"], record["received_at"]
        positions = [p for p in record["positions"] if p["gps_time"] is not None]
        time = _digits(positions[0]["gps_time"] if positions else received_at)
        insort(self._reports, (time, len(self._reports), record))
        device = self._device(imei, received_at)
        device["last_seen"] = received_at
        for position in positions:
            latest = device["latest"]
            if latest is None or position["gps_time"] > latest["gps_time"]:
                device["latest"] = {
                    "imei": imei,
                    "type": record["type"],
                    "report_id": record["id"],
                    "received_at": received_at,
                    **position,
                }

    def _device(self, imei: str, since: str) -> Record:
        return self._devices.setdefault(
            imei,
            {
                "imei": imei,
                "name": None,
                "model": None,
                "protocol_version": None,
                "policy": "accepted",
                "status": "unknown",
                "since": since,
                "last_seen": None,
                "ignition": None,
                "outputs": None,
                "latest": None,
            },
        )

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

        def read() -> Page:
            after = _position(cursor, 2)
            rows = [
                (f"{time}-{number}", record)
                for time, number, record in self._reports
                if record["imei"] == imei
                and (time, number) > after
                and (since is None or time >= since)
                and (until is None or time <= until)
            ]
            return _page(rows, limit, max_bytes)

        return self._read(read)

    def devices(
        self, cursor: str | None = None, limit: int = 1000, max_bytes: int = 60_000
    ) -> Deferred[Page]:
        """See `IStore.devices`."""
        return self._read(
            lambda: _page(
                [
                    (imei, record)
                    for imei, record in sorted(self._devices.items())
                    if imei > (cursor or "")
                ],
                limit,
                max_bytes,
            )
        )

    def device(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.device`."""
        return self._read(lambda: _copy(self._devices.get(imei)))

    def latest_position(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.latest_position`."""
        return self._read(lambda: _copy(self._devices.get(imei, {}).get("latest")))

    def events(
        self,
        imei: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.events`."""

        def read() -> Page:
            (after,) = _position(cursor, 1)
            rows = [
                (str(event["id"]), event)
                for event in self._events
                if imei in {None, event["imei"]} and event["id"] > after
            ]
            return _page(rows, limit, max_bytes)

        return self._read(read)

    def load_devices(self) -> Deferred[list[DeviceRow]]:
        """See `IStore.load_devices`."""
        return self._read(
            lambda: [
                DeviceRow(
                    device["imei"],
                    device["status"],
                    _milliseconds(device["since"]),
                    _milliseconds(device["last_seen"]),
                    device["policy"],
                )
                for device in self._devices.values()
            ]
        )

    def record_changes(self, changes: Sequence[DeviceChange]) -> Deferred[None]:
        """See `IStore.record_changes`."""

        def write() -> None:
            for change in changes:
                new = change.imei not in self._devices
                device = self._device(change.imei, iso(change.since))
                if new:
                    device["policy"] = change.policy
                device["status"], device["since"] = change.status, iso(change.since)
                last_seen = max(change.last_seen, _milliseconds(device["last_seen"]))
                device["last_seen"] = iso(last_seen) if last_seen else None
                if change.event is not None:
                    at = change.since if change.at is None else change.at
                    event = {
                        "id": len(self._events) + 1,
                        "imei": change.imei,
                        "event": change.event,
                        "at": iso(at),
                        "details": change.details,
                    }
                    self._events.append(_copy(event))

        return self._read(write)

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        """See `IStore.set_policy`."""

        def write() -> None:
            if policy not in POLICIES:
                raise MisuseError("policy", policy, ", ".join(POLICIES))
            now = iso(int(self._clock.seconds() * 1000))
            self._device(imei, now)["policy"] = policy

        return self._read(write)

    def append_audit(self, record: Record) -> Deferred[Record]:
        """See `IStore.append_audit`."""

        def write() -> Record:
            previous = self.audit_records[-1] if self.audit_records else None
            self.audit_records.append(access.linked(_copy(record), previous))
            copied: Record = _copy(self.audit_records[-1])
            return copied

        return self._read(write)

    def audit(self, cursor: str | None = None, limit: int = 1000) -> Deferred[Page]:
        """See `IStore.audit`."""

        def read() -> Page:
            (after,) = _position(cursor, 1)
            rows = [
                (str(record["sequence"]), record)
                for record in self.audit_records
                if record["sequence"] > after
            ]
            return _page(rows, limit, 60_000)

        return self._read(read)

    def acknowledge_damage(self) -> Deferred[int]:
        """See `IStore.acknowledge_damage`."""

        def write() -> int:
            acknowledged, self.open_damages = self.open_damages, 0
            return acknowledged

        return self._read(write)

    def _read(self, act: Callable[[], T]) -> Deferred[T]:
        if self.failure is not None:
            return fail(StoreUnavailable(self.failure))
        return execute(act)


def _copy(value: Any) -> Any:
    """What comes back of a value that was written as JSON; refuses what has no such form."""
    return json.loads(json.dumps(value, allow_nan=False))


def _digits(stamp: str) -> int:
    """``20260131120000`` for ISO 8601 in UTC."""
    return int("".join(filter(str.isdigit, stamp))[:14])


def _milliseconds(stamp: str | None) -> int:
    if stamp is None:
        return 0
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)


def _position(cursor: str | None, parts: int) -> tuple[int, ...]:
    if cursor is None:
        return (-1,) * parts
    numbers = cursor.split("-")
    if len(numbers) != parts or not all(n.isascii() and n.isdigit() for n in numbers):
        raise MisuseError("cursor", cursor, "the cursor of the page before")
    return tuple(int(n) for n in numbers)


def _page(rows: Sequence[tuple[str, Record]], limit: int, max_bytes: int) -> Page:
    if limit < 1:
        raise MisuseError("limit", limit, "1 and more")
    records: list[Record] = []
    size = 2
    cursor = None
    for behind, record in rows:
        size += len(json.dumps(record)) + 2
        if len(records) == limit or (records and size > max_bytes):
            return Page(records, cursor)
        records.append(_copy(record))
        cursor = behind
    return Page(records, None)
