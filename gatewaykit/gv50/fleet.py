"""Which vehicles are online: what is known of every device, by connection and activity."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from gatewaykit.errors import MisuseError
from gatewaykit.gv50.changes import Changes
from gatewaykit.gv50.heads import Head
from gatewaykit.gv50.motion import POSITIONS
from gatewaykit.gv50.silence import Silence
from gatewaykit.gv50.takeovers import Suspicion
from gatewaykit.interfaces import DeviceChange, IFleet, IStore, JournalEntry, Record
from gatewaykit.times import iso
from gatewaykit.vehicles import Registration

ONLINE, OFFLINE, UNKNOWN = "online", "offline", "unknown"
ACCEPTED, QUARANTINED, REFUSED = "accepted", "quarantined", "refused"
POLICIES = {"accept": ACCEPTED, "quarantine": QUARANTINED, "refuse": REFUSED}
"""By the values of the setting `gv50.unknown_devices`."""

SWEEP_S = 1.0
SAVE_S = 60.0
"""How old the last contact in the store may be."""
STRANGERS = 10_000
"""Devices remembered after they have gone where whoever is unknown is quarantined: nothing
of a quarantined one need be remembered."""

GATEWAY_STARTED = "gateway started"
GATEWAY_STOPPED = "gateway stopped"
SILENT = "silent"

_log = Logger()


class Connection(Protocol):
    """What the fleet, and who sends commands, ask of a device's connection."""

    @property
    def local_port(self) -> int | None:
        """The port that the device has connected to."""

    @property
    def ending(self) -> bool:
        """It is about to end: no command is written over it any more."""

    @property
    def unacknowledged(self) -> int:
        """Bytes that were written and that the peer's TCP has not confirmed."""

    def taken_over(self) -> None:
        """The device has connected again; this connection is to end."""

    def policy_changed(self, policy: str) -> None:
        """Treat the device by another policy from now on."""

    def write_command(self, data: bytes, limit_s: float) -> bool:
        """Write a command, which the peer's TCP must confirm within `limit_s`; False if
        the connection is about to end: then nothing was written."""

    def give_up(self, reason: str) -> None:
        """End the connection at once, whatever of it is still on its way."""


@attrs.define(eq=False)
class Device:
    """One vehicle. Times are milliseconds since the epoch; `last_seen` is 0 for never."""

    imei: str
    status: str
    since: int
    last_seen: int
    policy: str
    connection: Connection | None = None
    unsaved: bool = False
    """The store's last contact is older than ours."""
    registration: Registration | None = None
    version: str = ""
    """The protocol version of its last connection."""
    blocked: bool | None = None
    """As its output showed it last."""
    outputs: int | None = None
    """Of its last live report that told them, since the gateway's start."""
    shown_count: str | None = None
    """The number of the report that has shown its output last, on this connection."""
    whereabouts: bytes | None = None
    """Its last live report with a position, unless a connection in doubt brought it; None
    after one that should have a position and has none."""
    suspicion: Suspicion | None = None
    lane: Lane | None = None
    """Its commands, while there are any to look after."""


class Lane(Protocol):
    """What is told to a vehicle's commands of every frame: nothing else may cost time."""

    def heard(self, now: float) -> None:
        """A frame of the vehicle has come in."""


class Attendant(Protocol):
    """Who follows the devices for the commands' sake."""

    def connected(self, device: Device, took_over: bool) -> None:  # noqa: FBT001
        """A device has identified itself; whether its older connection was still there."""

    def reported(self, device: Device, entry: JournalEntry, count: str | None) -> None:
        """A live report has come in that may concern commands."""

    def answered(self, device: Device, head: Head) -> None:
        """A device has answered a command."""

    def registered(self, device: Device) -> None:
        """Somebody has changed what a device's level that blocks depends on."""


@implementer(IFleet)
class Fleet:
    """All devices, in memory, their changes on the way to the store.

    :param clock: measures silence.
    :param wall_ms: the wall clock for what is recorded, milliseconds since the epoch.
    :param unknown_devices: ``accept``, ``quarantine`` or ``refuse``.
    :param unknown_after: seconds of silence after which a connected device is `unknown`.
    :param gateway: our own name, as other gateways know it.
    """

    def __init__(
        self,
        store: IStore,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        *,
        unknown_devices: str,
        unknown_after: float,
        gateway: str = "",
    ) -> None:
        self.changes = Changes(store, clock)
        self._store = store
        self._clock = clock
        self._wall_ms = wall_ms
        self._policy_of_unknown = POLICIES[unknown_devices]
        self._devices: dict[str, Device] = {}
        self._counts = dict.fromkeys((ONLINE, OFFLINE, UNKNOWN), 0)
        self._connected: Silence[Device] = Silence(unknown_after)
        self._awaited: Silence[Device] = Silence(unknown_after)
        self._unsaved: Silence[Device] = Silence(SAVE_S)
        self._gone_strangers: OrderedDict[Device, None] = OrderedDict()
        self._gateway = gateway
        self.attendant: Attendant | None = None
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    # -- life --------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Load the devices; to be done before trackers can connect.

        Nobody is connected yet, so whoever was online is `unknown` now, and `offline` once
        `unknown_after` has passed since the last contact.
        """
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        rows = await self._store.load_devices()
        now, now_ms = self._clock.seconds(), self._wall_ms()
        for row in sorted(rows, key=lambda row: row.last_seen):
            device = self._add(
                Device(
                    row.imei,
                    row.status,
                    row.since,
                    row.last_seen,
                    row.policy,
                    registration=row.registration,
                    blocked=row.blocked,
                )
            )
            if row.status != OFFLINE:
                silent_s = max(0, now_ms - row.last_seen) / 1000
                self._awaited.heard(device, now - silent_s)
                event = UNKNOWN if row.status == ONLINE else None
                self._change(device, UNKNOWN, event, GATEWAY_STARTED)
            else:
                self._gone(device)
        self._sweeping.start(SWEEP_S)

    def stop(self) -> Deferred[None]:
        """Record that everybody is offline and what else waits; no device is heard after."""
        if self._sweeping.running:
            self._sweeping.stop()
        for device in self._devices.values():
            if device.connection is not None:
                self.disconnected(device, device.connection, GATEWAY_STOPPED)
        return self.changes.drain().addCallback(self._drained)

    def _drained(self, _: object) -> None:
        if self.changes:
            _log.warn(
                "{count} changes of devices could not be recorded: {reason}",
                count=len(self.changes),
                reason=self.changes.failure,
            )

    # -- what connections tell ---------------------------------------------------------

    def policy(self, imei: str) -> str:
        """How a device is to be treated: as somebody decided, else as the setting says."""
        device = self._devices.get(imei)
        return self._policy_of_unknown if device is None else device.policy

    def device(self, imei: str) -> Device | None:
        """A device that we know."""
        return self._devices.get(imei)

    def connected(
        self, imei: str, connection: Connection, peer: str, version: str = ""
    ) -> Device:
        """A device has identified itself; an older connection of its is told to end."""
        device = self._devices.get(imei) or self._meet(imei)
        device.version = version or device.version
        old, device.connection = device.connection, connection
        self._gone_strangers.pop(device, None)
        if old is not None:
            self._record(device, "takeover", {"peer": peer}, at=self._wall_ms())
            old.taken_over()
        if self.attendant is not None:
            self.attendant.connected(device, old is not None)
        return device

    def heard(self, device: Device, now: float, now_ms: int) -> None:
        """A valid frame of a connected device has come in.

        :param now: of the clock; :param now_ms: of the wall clock. The caller has both.
        """
        device.last_seen = now_ms
        self._connected.heard(device, now)
        if device.lane is not None:
            device.lane.heard(now)
        if device.status != ONLINE:
            self._awaited.forget(device)
            self._change(device, ONLINE, ONLINE)
        elif not device.unsaved:
            device.unsaved = True
            self._unsaved.heard(device, now)

    def reported(self, device: Device, entry: JournalEntry, count: str | None) -> None:
        """A live report of a device has come in. This is on the way of every one of them."""
        outputs = entry.outputs
        if (
            device.lane is not None
            or device.suspicion is not None
            or (outputs is not None and outputs != device.outputs)
            or entry.type == "GTDOS"
        ) and self.attendant is not None:
            self.attendant.reported(device, entry, count)
        if device.suspicion is None:
            if entry.position_time is not None:
                device.whereabouts = entry.raw
            elif entry.type in POSITIONS:
                device.whereabouts = None

    def answered(self, device: Device, head: Head) -> None:
        """A device has answered a command, ours or another's."""
        if self.attendant is not None:
            self.attendant.answered(device, head)

    def observe(
        self,
        device: Device,
        event: str | None,
        details: dict[str, Any],
        *,
        blocked: bool | None = None,
    ) -> None:
        """Record an event of a device now, and whether it is blocked if that is new."""
        self._record(device, event, details, at=self._wall_ms(), blocked=blocked)

    def disconnected(self, device: Device, connection: Connection, reason: str) -> None:
        """A connection has ended; that of a device which has a newer one means nothing."""
        if device.connection is not connection:
            return
        device.connection = None
        self._connected.forget(device)
        self._change(device, OFFLINE, OFFLINE, reason)
        self._gone(device)

    # -- IFleet ------------------------------------------------------------------------

    def live(self, imei: str) -> Record | None:
        """See `IFleet.live`."""
        device = self._devices.get(imei)
        if device is None:
            return None
        return {
            "status": device.status,
            "since": iso(device.since),
            "last_seen": iso(device.last_seen) if device.last_seen else None,
            "gateway": None if device.connection is None else self._gateway,
        }

    def counts(self) -> dict[str, int]:
        """See `IFleet.counts`."""
        return dict(self._counts)

    def policy_changed(self, imei: str, policy: str) -> None:
        """See `IFleet.policy_changed`."""
        if policy not in POLICIES.values():
            raise MisuseError("policy", policy, ", ".join(POLICIES.values()))
        device = self._devices.get(imei)
        if device is None:
            device = self._add(Device(imei, UNKNOWN, self._wall_ms(), 0, policy))
        device.policy = policy
        self._gone_strangers.pop(device, None)
        if device.connection is not None:
            device.connection.policy_changed(policy)

    def registered(self, imei: str, registration: Registration) -> None:
        """See `IFleet.registered`."""
        device = self._devices.get(imei)
        if device is None:
            device = self._add(
                Device(imei, UNKNOWN, self._wall_ms(), 0, self._policy_of_unknown)
            )
        old, device.registration = device.registration or Registration(), registration
        wired = old.block_level, old.model
        if self.attendant and wired != (registration.block_level, registration.model):
            self.attendant.registered(device)

    # -- inside ------------------------------------------------------------------------

    def _add(self, device: Device) -> Device:
        self._devices[device.imei] = device
        self._counts[device.status] += 1
        return device

    def _meet(self, imei: str) -> Device:
        now_ms = self._wall_ms()
        device = self._add(
            Device(imei, UNKNOWN, now_ms, now_ms, self._policy_of_unknown)
        )
        if device.policy == QUARANTINED:
            self._record(device, "quarantine", {})
        return device

    def _gone(self, device: Device) -> None:
        """Forget the one of the strangers that has been away for longest if they are too
        many: made-up IMEIs may not fill the memory."""
        if device.policy == QUARANTINED == self._policy_of_unknown and not device.lane:
            self._gone_strangers[device] = None
            if len(self._gone_strangers) > STRANGERS:
                forgotten, _ = self._gone_strangers.popitem(last=False)
                del self._devices[forgotten.imei]
                self._counts[forgotten.status] -= 1

    def _change(
        self, device: Device, status: str, event: str | None, reason: str | None = None
    ) -> None:
        self._counts[device.status] -= 1
        self._counts[status] += 1
        device.status = status
        device.since = self._wall_ms()
        self._record(device, event, {} if reason is None else {"reason": reason})

    def _record(
        self,
        device: Device,
        event: str | None,
        details: dict[str, Any],
        at: int | None = None,
        *,
        blocked: bool | None = None,
    ) -> None:
        if device.unsaved:
            device.unsaved = False
            self._unsaved.forget(device)
        self.changes.add(
            DeviceChange(
                imei=device.imei,
                status=device.status,
                since=device.since,
                last_seen=device.last_seen,
                event=event,
                details=details,
                policy=device.policy,
                at=at,
                blocked=blocked,
            )
        )

    def _sweep(self) -> None:
        try:
            now = self._clock.seconds()
            for device in self._connected.expired(now):
                self._change(device, UNKNOWN, UNKNOWN, SILENT)
            for device in self._awaited.expired(now):
                self._change(device, OFFLINE, OFFLINE, SILENT)
                self._gone(device)
            for device in self._unsaved.expired(now):
                self._record(device, None, {})
            self.changes.flush()
        except Exception:  # noqa: BLE001 - a LoopingCall ends with its first error
            _log.failure("sweeping the fleet")
