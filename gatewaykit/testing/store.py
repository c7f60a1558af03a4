"""A store in memory."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from twisted.internet.defer import Deferred, execute, fail
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from zope.interface import implementer

from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import DeviceChange, DeviceRow, IStore, Page, Record
from gatewaykit.store import registrations
from gatewaykit.testing.pages import copied, numbers, page
from gatewaykit.testing.vehicle_records import MemoryVehicleRecords
from gatewaykit.times import iso
from gatewaykit.vehicles import Registration

T = TypeVar("T")


@implementer(IStore)
class MemoryStore(MemoryVehicleRecords):
    """An `IStore` in memory, as strict as the real one.

    Every answer is a copy that went through JSON, as it would from a file. Set `failure` to
    a reason, and every method fails with `StoreUnavailable` until it is None again.
    """

    def __init__(self, clock: IReactorTime | None = None) -> None:
        super().__init__()
        self._clock = clock or Clock()
        self._reports: list[tuple[int, int, Record]] = []
        self._devices: dict[str, Record] = {}
        self.timezone_estimates: dict[str, int] = {}
        """Minutes that a device's clock is east of UTC, by IMEI, as its reports tell it."""
        self.failure: str | None = None
        self.open_damages = 0

    def add_report(self, record: Record) -> None:
        """Put a report's record into the history, and its position into the device's."""
        record = copied(record)
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
                "gateway": None,
                "ignition": None,
                "outputs": None,
                "blocked": None,
                "latest": None,
            },
        )

    def _shown(self, device: Record) -> Record:
        imei = device["imei"]
        registration = self._registrations.get(imei, Registration())
        estimate_min = self.timezone_estimates.get(imei)
        shown: Record = copied(
            device
            | {"name": registration.name, "model": registration.model}
            | registrations.shown(registration, estimate_min)
            | {"settings": self._settings.get(imei, {})}
        )
        return shown

    def _offset(self, imei: str) -> int | None:
        registration = self._registrations.get(imei, Registration())
        if registration.timezone_offset_min is not None:
            return registration.timezone_offset_min
        return self.timezone_estimates.get(imei)

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
            after = numbers(cursor, 2)
            offset = self._offset(imei)
            rows = [
                (f"{time}-{number}", registrations.with_sent_at(record, offset))
                for time, number, record in self._reports
                if record["imei"] == imei
                and (time, number) > after
                and (since is None or time >= since)
                and (until is None or time <= until)
            ]
            return page(rows, limit, max_bytes)

        return self._read(read)

    def devices(
        self,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
        policy: str | None = None,
    ) -> Deferred[Page]:
        """See `IStore.devices`."""

        def read() -> Page:
            if policy is not None:
                registrations.checked_policy(policy)
            rows = [
                (imei, self._shown(record))
                for imei, record in sorted(self._devices.items())
                if imei > (cursor or "") and policy in {None, record["policy"]}
            ]
            return page(rows, limit, max_bytes)

        return self._read(read)

    def device(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.device`."""

        def read() -> Record | None:
            device = self._devices.get(imei)
            return None if device is None else self._shown(device)

        return self._read(read)

    def latest_position(self, imei: str) -> Deferred[Record | None]:
        """See `IStore.latest_position`."""
        return self._read(lambda: copied(self._devices.get(imei, {}).get("latest")))

    def events(
        self,
        imei: str | None = None,
        cursor: str | None = None,
        limit: int = 1000,
        max_bytes: int = 60_000,
    ) -> Deferred[Page]:
        """See `IStore.events`."""

        def read() -> Page:
            (after,) = numbers(cursor, 1)
            rows = [
                (str(event["id"]), event)
                for event in self._events
                if imei in {None, event["imei"]} and event["id"] > after
            ]
            return page(rows, limit, max_bytes)

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
                    blocked=device["blocked"],
                    registration=self._registrations.get(device["imei"]),
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
                if change.blocked is not None:
                    device["blocked"] = change.blocked
                if change.event is not None:
                    at = change.since if change.at is None else change.at
                    self._add_event(change.imei, change.event, at, change.details)

        return self._read(write)

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        """See `IStore.set_policy`."""
        return self._read(
            lambda: self._decide(imei, registrations.checked_policy(policy))
        )

    def _decide(self, imei: str, policy: str | None) -> None:
        now = iso(int(self._clock.seconds() * 1000))
        device = self._device(imei, now)
        if policy is not None:
            device["policy"] = policy

    def append_audit(self, record: Record) -> Deferred[Record]:
        """See `IStore.append_audit`."""
        return self._read(lambda: self._append_audit(record))

    def audit(self, cursor: str | None = None, limit: int = 1000) -> Deferred[Page]:
        """See `IStore.audit`."""

        def read() -> Page:
            (after,) = numbers(cursor, 1)
            rows = [
                (str(record["sequence"]), record)
                for record in self.audit_records
                if record["sequence"] > after
            ]
            return page(rows, limit, 60_000)

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


def _digits(stamp: str) -> int:
    """``20260131120000`` for ISO 8601 in UTC."""
    return int("".join(filter(str.isdigit, stamp))[:14])


def _milliseconds(stamp: str | None) -> int:
    if stamp is None:
        return 0
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)
