"""Commands to vehicles: taken on, written when they may be, confirmed, verified."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.access import Principal, Role, audit_record
from gatewaykit.errors import (
    AccessDenied,
    CommandRefused,
    GatewayError,
    MisuseError,
    NotFound,
)
from gatewaykit.gv50.allowance import Allowance
from gatewaykit.gv50.attendance import Attendance
from gatewaykit.gv50.book import Book, Entry
from gatewaykit.gv50.commands import KINDS, Kind, build, split_secrets
from gatewaykit.gv50.fleet import ACCEPTED, Device, Fleet
from gatewaykit.gv50.lanes import FIRST, Lane, check_override
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.gv50.roster import Roster, random_number, server_of
from gatewaykit.interfaces import ICommands, IHealth, IStore, Record
from gatewaykit.sections import CommandsSettings
from gatewaykit.store.command_records import record_of
from gatewaykit.times import iso
from gatewaykit.vehicles import (
    FAILED,
    PENDING,
    Command,
    CommandChange,
    SettingChange,
)

LOOK_S = 0.25
SHORTEST_S, LONGEST_S = 60.0, 604_800.0
MOST_WAITING = 100
"""Commands that may wait for one vehicle: each is looked at four times a second."""

log = Logger()


def new_id() -> str:
    return secrets.token_hex(6)


@implementer(ICommands, IHealth)
class Dispatch:
    """All commands of the fleet.

    :param clock: measures time limits.
    :param wall_ms: the wall clock, milliseconds since the epoch.
    :param gateway: our own name.
    :param number_below: gives the serials: who cannot guess one cannot acknowledge for
        another.
    """

    name = "commands"

    def __init__(
        self,
        store: IStore,
        fleet: Fleet,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        settings: CommandsSettings,
        passwords: Passwords,
        *,
        gateway: str = "",
        new_id: Callable[[], str] = new_id,
        number_below: Callable[[int], int] = random_number,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._clock = clock
        self._wall_ms = wall_ms
        self._settings = settings
        self._gateway = gateway
        self._new_id = new_id
        self._book = Book(store, clock, wall_ms)
        self._roster = Roster(
            store, fleet, self._book, clock, wall_ms, settings, passwords, number_below
        )
        self._attendance = Attendance(store, fleet, self._roster, self._book, wall_ms)
        self._by_principal = Allowance(settings.per_principal)
        self._by_vehicle = Allowance(settings.per_vehicle)
        self._looking = LoopingCall(self._look)
        self._looking.clock = clock

    # -- life --------------------------------------------------------------------------

    def start(self) -> Deferred[None]:
        """Go on with what was open, once the fleet is loaded and before it connects."""
        return Deferred.fromCoroutine(self._start())

    async def _start(self) -> None:
        await self._roster.resume()
        self._fleet.attendant = self._attendance
        self._looking.start(LOOK_S)

    def stop(self) -> Deferred[Any]:
        """Write nothing more; fires when what is being recorded is."""
        self._book.closed = True
        self._fleet.attendant = None
        if self._looking.running:
            self._looking.stop()
        return self._roster.stop()

    def _look(self) -> None:
        try:
            self._roster.look()
        except Exception:  # noqa: BLE001 - a LoopingCall ends with its first error
            log.failure("looking after commands")

    # -- ICommands ---------------------------------------------------------------------

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
        return Deferred.fromCoroutine(
            self._queue(principal, imei, kind, parameters, expires_in_s, override)
        )

    async def _queue(
        self,
        principal: Principal,
        imei: str,
        kind_name: str,
        parameters: Record,
        expires_in_s: float | None,
        override: str | None,
    ) -> Record:
        kind = KINDS.get(kind_name)
        if kind is None:
            raise MisuseError("kind", kind_name, ", ".join(KINDS))
        if override is not None and not override.strip():
            raise MisuseError("override", override, "the reason for it, in words")
        self._check_principal(principal, kind, parameters, override)
        if expires_in_s is None:
            expires_in_s = kind.expires_in_s
        # It is written as long as its acknowledgement can come before it expires.
        shortest_s = max(SHORTEST_S, 2 * self._settings.ack_timeout)
        if not shortest_s <= expires_in_s <= LONGEST_S:
            allowed = f"{shortest_s:g} to {LONGEST_S:g} seconds"
            raise MisuseError("expires_in", expires_in_s, allowed)
        shown, hidden = split_secrets(kind_name, parameters)
        device = await self._vehicle(imei, kind_name)
        record = await self._store.device(imei)
        now_ms = self._wall_ms()
        entry = Entry(
            Command(
                id=self._new_id(),
                imei=imei,
                kind=kind_name,
                parameters=shown,
                secrets=hidden,
                status=PENDING,
                created_at=now_ms,
                expires_at=now_ms + round(expires_in_s * 1000),
                requested_by=principal.name,
                requested_from=principal.origin,
                gateway=self._gateway,
                override=override,
            ),
            deadline=self._clock.seconds() + expires_in_s,
            version=(record or {}).get("protocol_version") or "",
            server=server_of(record),
            ending=True,
        )
        self._check_form(device, entry, parameters)
        lane = self._roster.of(device)
        # Of those that take one another's place only one waits, and it always may.
        if kind_name not in FIRST and len(lane.waiting) >= MOST_WAITING:
            reason = f"{MOST_WAITING} commands wait for this vehicle already"
            raise CommandRefused(imei, kind_name, reason)
        self._check_rate(principal, imei, kind_name)
        rivals = lane.rivals(kind_name)
        lane.add(entry)
        try:
            await self._record_new(entry, lane, rivals)
        except GatewayError:
            lane.drop(entry)
            raise
        entry.ending = False
        metrics.commands_queued.labels(kind_name).inc()
        lane.look()
        return record_of(entry.command)

    def _check_principal(
        self,
        principal: Principal,
        kind: Kind,
        parameters: Record,
        override: str | None,
    ) -> None:
        """What needs more than the role dispatcher: some kinds, some parameters, and to
        override the interlock."""
        needed = {f"QueueCommand {kind.name}": kind.role}
        for parameter in kind.parameters:
            if parameters.get(parameter.name):
                needed[f"{kind.name} with {parameter.name}"] = parameter.role
        if override is not None:
            needed["QueueCommand with override"] = Role.ADMIN
        for what, role in needed.items():
            if not principal.has(role):
                raise AccessDenied(principal.name, what, role.value)

    async def _vehicle(self, imei: str, kind: str) -> Device:
        device = self._fleet.device(imei)
        if device is None:
            raise NotFound("device", imei)
        if not self._settings.enabled:
            reason = "commands are switched off (commands.enabled)"
            raise CommandRefused(imei, kind, reason)
        if device.policy != ACCEPTED:
            reason = f"the vehicle is {device.policy}; claim it first"
            raise CommandRefused(imei, kind, reason)
        return device

    def _check_form(self, device: Device, entry: Entry, parameters: Record) -> None:
        """Refuse now what could not be written later."""
        command = entry.command
        target = self._roster.target_of(device, entry)
        entry.order = build(command.imei, command.kind, parameters, target)
        self._roster.password_of(device, command.kind, target)
        check_override(command, entry.order)

    def _check_rate(self, principal: Principal, imei: str, kind: str) -> None:
        now = self._clock.seconds()
        for allowance, who, whose in (
            (self._by_principal, principal.name, principal.name),
            (self._by_vehicle, imei, "one vehicle"),
        ):
            if not allowance.has_room(who, now):
                reason = f"more than {allowance.most} commands a minute of {whose}"
                raise CommandRefused(imei, kind, reason)
        self._by_principal.use(principal.name, now)
        self._by_vehicle.use(imei, now)

    async def _record_new(self, entry: Entry, lane: Lane, rivals: list[Entry]) -> None:
        """Commit a new command, and the end of those that it takes the place of."""
        command = entry.command
        at = self._wall_ms()
        reason = f"superseded by {command.id}"
        changes = []
        for rival in rivals:
            rival.superseded_by, rival.ending = command.id, True
            told = attrs.evolve(rival.command, reason=reason)
            changes.append(
                CommandChange(
                    rival.command.id,
                    (PENDING,),
                    {"status": FAILED, "reason": reason, "failed_at": at},
                    at,
                    self._book.audit(told, "failed", at),
                )
            )
        wanted = [
            SettingChange(command.imei, name, wanted=command.parameters)
            for name in KINDS[command.kind].settings
        ]
        try:
            done = await self._store.add_command(
                command, self._book.audit(command, "asked", at), changes, wanted
            )
        except GatewayError:
            for rival in rivals:
                if rival.superseded_by == command.id:
                    rival.superseded_by, rival.ending = None, False
            raise
        for rival, ended in zip(rivals, done, strict=True):
            if ended:
                lane.drop(rival)
                metrics.commands_finished.labels(FAILED).inc()
            elif rival.superseded_by == command.id:
                # It was just being recorded as sent: once taken back, it ends.
                rival.ending = False

    def cancel(self, principal: Principal, id: str) -> Deferred[Record]:
        """See `ICommands.cancel`."""
        return Deferred.fromCoroutine(self._cancel(principal, id))

    async def _cancel(self, principal: Principal, id: str) -> Record:
        for lane in self._roster:
            entry = lane.find(id)
            if entry is not None and not entry.ending:
                break
        else:
            record = await self._store.command(id)
            if record is None:
                raise NotFound("command", id)
            reason = f"it cannot be cancelled any more, it is {record['status']}"
            raise CommandRefused(record["imei"], record["kind"], reason)
        entry.ending = True
        try:
            done = await self._book.change(
                entry,
                (PENDING,),
                "cancelled",
                by=principal,
                status=FAILED,
                reason=f"cancelled by {principal.name}",
                failed_at=self._wall_ms(),
            )
        except GatewayError:
            entry.ending = False
            raise
        lane.drop(entry)
        if done:
            metrics.commands_finished.labels(FAILED).inc()
        return record_of(entry.command)

    def trust(self, principal: Principal, imei: str) -> Deferred[None]:
        """See `ICommands.trust`."""
        return Deferred.fromCoroutine(self._trust(principal, imei))

    async def _trust(self, principal: Principal, imei: str) -> None:
        device = self._fleet.device(imei)
        if device is None or device.suspicion is None:
            raise NotFound("connection in doubt of device", imei)
        told = {"imei": imei, "reason": device.suspicion.reason}
        at = iso(self._wall_ms())
        suspicion = device.suspicion
        await self._store.append_audit(
            audit_record(principal, "trust", told, at, "done")
        )
        if device.suspicion is suspicion:
            device.suspicion = None
            self._roster.believed(imei)

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

    # -- IHealth -----------------------------------------------------------------------

    def health(self) -> Record:
        """See `IHealth.health`."""
        failure = self._book.failure
        lanes = list(self._roster)
        return {
            "status": "ok" if failure is None else "degraded",
            "reason": failure,
            "enabled": self._settings.enabled,
            "pending": sum(len(lane.waiting) for lane in lanes),
            "sent": sum(lane.out is not None for lane in lanes),
            "unverified": sum(lane.unverified is not None for lane in lanes),
        }
