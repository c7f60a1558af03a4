"""What the vehicles' connections and reports mean to commands: what the outputs show, who
answers, and whether a connection can be believed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from gatewaykit.errors import GatewayError
from gatewaykit.gv50.acks import read_ack
from gatewaykit.gv50.book import Book, Entry
from gatewaykit.gv50.fleet import Device, Fleet
from gatewaykit.gv50.heads import Head
from gatewaykit.gv50.lanes import Lane
from gatewaykit.gv50.motion import Fix, live_fix
from gatewaykit.gv50.reports import decode
from gatewaykit.gv50.roster import QUESTIONS, Roster
from gatewaykit.gv50.takeovers import Suspicion
from gatewaykit.gv50.verifying import Showing, is_later
from gatewaykit.interfaces import IStore, JournalEntry, Record
from gatewaykit.times import iso
from gatewaykit.vehicles import FAILED

log = Logger()


class Attendance:
    """The fleet's `Attendant`."""

    def __init__(
        self,
        store: IStore,
        fleet: Fleet,
        roster: Roster,
        book: Book,
        wall_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._roster = roster
        self._book = book
        self._wall_ms = wall_ms

    def connected(self, device: Device, took_over: bool) -> None:  # noqa: FBT001
        """See `fleet.Attendant.connected`."""
        if took_over and device.suspicion is None:
            known = device.whereabouts
            last = None if known is None else live_fix(known)
            device.suspicion = Suspicion(last, settled=last is not None)
            if last is None:
                finding = Deferred.fromCoroutine(
                    self._find_whereabouts(device, device.suspicion)
                )
                finding.addErrback(
                    lambda failure: log.failure("a vehicle's position", failure=failure)
                )
        device.shown_count = None
        if device.lane is not None:
            self._roster.of(device).connected()

    async def _find_whereabouts(self, device: Device, suspicion: Suspicion) -> None:
        """What the store knows of a vehicle that has not reported since our start."""
        at = iso(self._wall_ms())
        try:
            position = await self._store.latest_position(device.imei)
        except GatewayError as error:
            suspicion.distrust(f"its last position is not known: {error}")
            return
        if position is None:
            suspicion.settle(None)
        elif position["received_at"] >= at:
            suspicion.distrust("its connection was taken over; trust it if it is right")
        else:
            suspicion.settle(_fix_of(position))

    def registered(self, device: Device) -> None:
        """See `fleet.Attendant.registered`."""
        # Another level makes another thing of the same output.
        device.outputs = device.blocked = None

    def reported(self, device: Device, entry: JournalEntry, count: str | None) -> None:
        """See `fleet.Attendant.reported`."""
        fix = live_fix(entry.raw)
        if device.suspicion is not None:
            if fix is None or not device.suspicion.is_cleared(fix, self._wall_ms()):
                return
            device.suspicion = None
            log.info("the new connection is believed", imei=device.imei)
            self._roster.believed(device.imei)
        output = _output_of(entry)
        lane = self._roster.find(device.imei)
        if output is not None and _is_newer(device, count):
            device.shown_count = count
            self._show(device, lane, output)
            if entry.outputs is not None:
                device.outputs = entry.outputs
        if lane is not None:
            made_ms = fix.gps_ms if fix is not None and fix.fix else None
            lane.reported(fix, Showing(output, count, made_ms), entry.type)

    def _show(self, device: Device, lane: Lane | None, output: int) -> None:
        """Follow the output: a vehicle is blocked when it shows the level that blocks."""
        level = self._roster.block_level(device)
        if level is None:
            return
        blocked = output == level
        was, device.blocked = device.blocked, blocked
        if was is blocked:
            return
        event = None
        details: Record = {}
        if was is not None:
            event = "blocked" if blocked else "unblocked"
            details["command"] = None if lane is None else lane.cause(output)
        self._fleet.observe(device, event, details, blocked=blocked)

    def answered(self, device: Device, head: Head) -> None:
        """See `fleet.Attendant.answered`."""
        ack = read_ack(head)
        if ack is None or int(ack.serial, 16) >= QUESTIONS:
            return
        lane = self._roster.find(device.imei)
        if lane is not None and lane.answered(ack):
            return
        late = self._roster.recall(device.imei, ack.serial, ack.type)
        if late is None:
            log.debug(
                "nothing waits for {type} with serial {serial}",
                type=ack.type,
                serial=ack.serial,
                imei=device.imei,
            )
            return
        outcome = "refused late" if ack.refused else "acknowledged late"
        noting = Deferred.fromCoroutine(self._note_late(late, outcome))
        noting.addErrback(lambda failure: log.failure("a late answer", failure=failure))

    async def _note_late(self, entry: Entry, outcome: str) -> None:
        await self._book.keep(
            entry,
            (FAILED,),
            outcome,
            late_ack_at=self._wall_ms(),
            event="late_answer",
            details={
                "command": entry.command.id,
                "kind": entry.command.kind,
                "outcome": outcome,
            },
        )


def _is_newer(device: Device, count: str | None) -> bool:
    """Whether a report was made after the one that has shown the device's output last."""
    shown = device.shown_count
    return shown is None or count is None or is_later(count, shown)


def _fix_of(position: Record) -> Fix:
    """A latest position of the store."""
    at = datetime.fromisoformat(position["gps_time"])
    return Fix(
        longitude=position["longitude"],
        latitude=position["latitude"],
        speed_kmh=position["speed_kmh"],
        gps_ms=round(at.timestamp() * 1000),
        fix=position["fix"],
        state=None,
        count=None,
        type=position["type"],
    )


def _output_of(entry: JournalEntry) -> int | None:
    """What a live report tells of output 1."""
    if entry.type == "GTDOS":
        fields = decode(entry.raw).fields
        active = fields.get("output_active")
        if active is None or fields.get("output_id") != 1:
            return None
        return int(active)
    return None if entry.outputs is None else entry.outputs & 1
