"""The lanes of all vehicles that have commands, and what they share."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from gatewaykit.gv50.book import Book, Entry
from gatewaykit.gv50.commands import KINDS, Target
from gatewaykit.gv50.fleet import Device, Fleet
from gatewaykit.gv50.interlock import Limits
from gatewaykit.gv50.lanes import Lane
from gatewaykit.gv50.models import model_of
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.gv50.readiness import Rules
from gatewaykit.gv50.slots import Setting
from gatewaykit.gv50.wiring import Wiring
from gatewaykit.interfaces import IStore, Record
from gatewaykit.sections import CommandsSettings
from gatewaykit.vehicles import CONFIRMED, FAILED, PENDING, SENT, Command

LOOK_AT_ALL = 20
"""Looks at vehicles that are there, to one at all that have commands."""
REMEMBERED_MS = 7 * 86_400_000
"""So long after a command was sent its acknowledgement is known for what it is."""
REMEMBERED = 10_000
CLOCK_MS = 300_000
"""A command that was asked for so far in the future was asked for by another clock."""
SET_MS = 1000
"""A wall clock that has gone so much faster or slower than the other was set."""
STEADY_S = 120.0
"""Nothing that commands look at may be older than that."""
STOPPED = "the gateway stopped before it was answered"
QUESTIONS = 0xF000
"""Serials from here to FFFE are of the gateway's own questions."""

log = Logger()


def random_number(below: int) -> int:
    return secrets.randbelow(below)


class Roster:
    """Finds a vehicle's lane, keeps all of them going, knows whose answers may be late.

    :param number_below: gives the serials: who cannot guess one cannot acknowledge for
        another.
    """

    def __init__(
        self,
        store: IStore,
        fleet: Fleet,
        book: Book,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        settings: CommandsSettings,
        passwords: Passwords,
        number_below: Callable[[int], int],
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._book = book
        self._clock = clock
        self._wall_ms = wall_ms
        self._passwords = passwords
        self._number_below = number_below
        self._wiring = Wiring(settings)
        self._lanes: dict[str, Lane] = {}
        self._late: OrderedDict[tuple[str, str], Entry] = OrderedDict()
        self._looks = 0
        self._ahead_ms: float | None = None
        self._set_at: float | None = None
        self._setting = Setting(
            clock,
            wall_ms,
            book,
            Rules(
                Limits(settings.block_max_speed_kmh, settings.block_max_fix_age),
                settings.ack_timeout,
                settings.frame_max_age,
            ),
            settings.enabled,
            self.target_of,
            self.password_of,
            self._new_serial,
            self._new_question,
            self._remember,
            self.is_steady,
        )

    async def resume(self) -> None:
        """Go on with what an earlier run has left open."""
        now_ms = self._wall_ms()
        for command in await self._store.load_commands(now_ms - REMEMBERED_MS):
            await self._resume(self._entry(command), now_ms)

    async def _resume(self, entry: Entry, now_ms: int) -> None:
        """Bring a command to its truth, which is never better than what was recorded."""
        command = entry.command
        device = self._fleet.device(command.imei)
        kind = KINDS.get(command.kind)
        if command.status == FAILED:
            self._remember(entry)
            return
        if device is None or kind is None:
            if command.status != CONFIRMED:
                await self._book.fail(entry, "unknown: its vehicle or kind is gone")
            return
        record = await self._store.device(command.imei)
        entry.version = (record or {}).get("protocol_version") or ""
        entry.server = server_of(record)
        if command.status == CONFIRMED:
            lane = self.of(device)
            lane.expect(entry)
        elif command.status == SENT:
            if command.attempts <= kind.retries:
                changes = {"status": PENDING, "reason": STOPPED}
                await self._book.keep(entry, (SENT,), "waiting", **changes)
                self.of(device).add(entry)
            else:
                await self._book.fail(entry, f"unknown: {STOPPED}")
                self._remember(entry)
        elif command.created_at > now_ms + CLOCK_MS:
            await self._book.fail(entry, "the gateway's clock was set back")
        else:
            self.of(device).add(entry)

    def stop(self) -> Deferred[Any]:
        """Write nothing more; fires when what is being recorded is."""
        return gatherResults([lane.stop() for lane in self._lanes.values()])

    def look(self) -> None:
        """Look after every vehicle that is there, and now and then after all."""
        self._looks += 1
        self.is_steady()
        at_all = self._looks % LOOK_AT_ALL == 0
        for imei, lane in list(self._lanes.items()):
            if at_all or lane.device.connection is not None:
                lane.look()
            if lane.is_idle:
                lane.device.lane = None
                del self._lanes[imei]

    def is_steady(self) -> bool:
        """Whether the wall clock has not been set for a while: only then it tells how old
        something is. It is asked at every look, to notice."""
        now = self._clock.seconds()
        before, self._ahead_ms = self._ahead_ms, self._wall_ms() - now * 1000
        if before is not None and abs(self._ahead_ms - before) > SET_MS:
            self._set_at = now
        return self._set_at is None or now - self._set_at > STEADY_S

    def __iter__(self) -> Iterator[Lane]:
        return iter(list(self._lanes.values()))

    def find(self, imei: str) -> Lane | None:
        """A vehicle's lane, if it has commands to look after."""
        return self._lanes.get(imei)

    def believed(self, imei: str) -> None:
        """A vehicle's connection is not in doubt any more."""
        lane = self._lanes.get(imei)
        if lane is not None:
            lane.believed()

    def of(self, device: Device) -> Lane:
        """A vehicle's lane."""
        lane = self._lanes.get(device.imei)
        if lane is None:
            lane = self._lanes[device.imei] = Lane(device, self._setting)
            device.lane = lane
        return lane

    def recall(self, imei: str, serial: str, type: str) -> Entry | None:
        """Take out the command that failed for want of the answer which has come now."""
        late = self._late.get((imei, serial))
        if late is None or (late.order is not None and late.order.type != type):
            return None
        return self._late.pop((imei, serial))

    def block_level(self, device: Device) -> int | None:
        """The level of output 1 that blocks a vehicle, None while nobody has said."""
        return self._wiring.level(device.registration, self._model_of(device, ""))

    def target_of(self, device: Device, entry: Entry) -> Target:
        """What a command must suit."""
        version = device.version or entry.version
        model = self._model_of(device, entry.version)
        return self._wiring.target(device.registration, model, version, entry.server)

    def password_of(self, device: Device, kind: str, target: Target) -> str:
        """A device's password; see `Passwords.of`."""
        registration = device.registration
        ref = None if registration is None else registration.password_ref
        return self._passwords.of(device.imei, kind, ref, target.model)

    def _model_of(self, device: Device, version: str) -> str | None:
        registered = None if device.registration is None else device.registration.model
        return registered or model_of(device.version or version)

    def _entry(self, command: Command) -> Entry:
        # Never more than it had when it was asked for: the clock may have been set back.
        until_ms = max(self._wall_ms(), command.created_at)
        left_s = (command.expires_at - until_ms) / 1000
        return Entry(command, deadline=self._clock.seconds() + left_s)

    def _new_serial(self, imei: str) -> str:
        while True:
            serial = f"{1 + self._number_below(QUESTIONS - 1):04X}"
            if (imei, serial) in self._late:
                continue
            lane = self._lanes.get(imei)
            if lane is None or not lane.has_serial(serial):
                return serial

    def _new_question(self) -> str:
        return f"{QUESTIONS + self._number_below(0xFFFF - QUESTIONS):04X}"

    def _remember(self, entry: Entry) -> None:
        if entry.command.serial is not None:
            self._late[entry.command.imei, entry.command.serial] = entry
            if len(self._late) > REMEMBERED:
                self._late.popitem(last=False)


def server_of(device: Record | None) -> Record | None:
    """The server settings that a device has acknowledged last, all of them."""
    settings = (device or {}).get("settings") or {}
    server = settings.get("server")
    if server is None or server["applied"] is None:
        return None
    known: Record = dict(server["applied"])
    for name, theirs, ours in (
        ("heartbeat", "interval_min", "heartbeat_min"),
        ("sack", "enabled", "sack"),
    ):
        later = settings.get(name)
        if later and later["applied"] and later["applied_at"] > server["applied_at"]:
            known[ours] = later["applied"][theirs]
    return known
