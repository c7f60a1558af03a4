"""One vehicle's commands: those that wait, the one that is out, the one to be verified."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit import metrics
from gatewaykit.errors import CommandRefused, GatewayError, StoreUnavailable
from gatewaykit.gv50.acks import Ack
from gatewaykit.gv50.book import Entry
from gatewaykit.gv50.commands import KINDS, Order, build
from gatewaykit.gv50.fleet import Device
from gatewaykit.gv50.interlock import Motion
from gatewaykit.gv50.motion import POSITIONS, Fix, live_fix
from gatewaykit.gv50.questions import Questions
from gatewaykit.gv50.readiness import Obstacle, Situation, obstacle
from gatewaykit.gv50.slots import Setting, Slot
from gatewaykit.gv50.tasks import Tasks
from gatewaykit.gv50.verifying import Showing, is_after
from gatewaykit.gv50.wiring import server_after
from gatewaykit.vehicles import CONFIRMED, PENDING, Command

TELL_S = 5.0
"""Reasons of one sort that change faster are recorded this often."""
FIRST = frozenset({"block", "unblock", "output"})
"""Kinds that go before others that may be written."""
VERIFIED = frozenset({"block", "unblock"})


class Lane:
    """The commands of one vehicle. See `fleet.Lane` for what keeps it informed."""

    def __init__(self, device: Device, setting: Setting) -> None:
        self.device = device
        self.waiting: list[Entry] = []
        self.unverified: Entry | None = None
        self._setting = setting
        self._book = setting.book
        self._tasks = Tasks(device.imei)
        self._slot = Slot(device, setting, self, self._tasks)
        self._questions = Questions(device, setting)
        self._motion = Motion()
        self._heard_at: float | None = None
        self._showing = Showing()
        self._recall()

    def _recall(self) -> None:
        """Begin with what the vehicle has told before it had commands."""
        device, now_ms = self.device, self._setting.wall_ms()
        now = self._setting.clock.seconds()
        silent_ms = now_ms - device.last_seen
        if silent_ms < 0 or not self._setting.is_steady():
            return  # the clock was set, and only the next frames will tell
        known = None if device.whereabouts is None else live_fix(device.whereabouts)
        if known is not None:
            self._motion = self._motion.after(known, now_ms, now)
        if device.connection is not None:
            self._heard_at = now - silent_ms / 1000

    @property
    def out(self) -> Entry | None:
        """The command that is written, or about to be, and not answered."""
        return self._slot.entry

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to look after."""
        return not (self.waiting or self.out or self.unverified or self._tasks)

    def find(self, id: str) -> Entry | None:
        """A command that has not been claimed for writing."""
        return next((e for e in self.waiting if e.command.id == id), None)

    def has_serial(self, serial: str) -> bool:
        """Whether a command that is not over has been given a serial: one that was not
        written after all, or is to be written again, keeps it."""
        return any(e.command.serial == serial for e in (*self.waiting, self.out) if e)

    def add(self, entry: Entry) -> None:
        """Take a command on that is recorded, or is about to be (`Entry.ending`)."""
        self.waiting.append(entry)
        self.waiting.sort(key=lambda e: e.command.kind not in FIRST)

    def expect(self, entry: Entry) -> None:
        """Take on a command that is confirmed and not verified; the newest counts."""
        try:
            self.order(entry)
        except GatewayError:
            return
        self.unverified = entry

    def cause(self, output: int) -> str | None:
        """The command that has given the output its level, as far as we know of one."""
        for entry in (self.out, self.unverified):
            if entry is not None and entry.order is not None:  # noqa: SIM102
                if entry.order.level == output and entry.command.sent_at is not None:
                    return entry.command.id
        return None

    def drop(self, entry: Entry) -> None:
        """Forget a command that waits."""
        if entry in self.waiting:
            self.waiting.remove(entry)

    def rivals(self, kind: str) -> list[Entry]:
        """Commands not written yet whose place one of `kind` takes."""
        if kind not in FIRST:
            return []
        out = [self.out] if self.out is not None and not self.out.written else []
        return [e for e in self.waiting + out if e.command.kind in FIRST]

    def stop(self) -> Deferred[Any]:
        """Write nothing more; fires when what is being recorded is."""
        self._slot.stop()
        return self._tasks.ended()

    # -- what the vehicle tells --------------------------------------------------------

    def heard(self, now: float) -> None:
        """See `fleet.Lane.heard`."""
        self._heard_at = now

    def connected(self) -> None:
        """The vehicle has a new connection."""
        self._heard_at = None
        self._showing = Showing()
        if self.unverified is not None:
            # A device that was restarted counts from 0: only the time of a fix tells now.
            self.unverified.count = None
        self._slot.connected()

    def believed(self) -> None:
        """The vehicle's connection is not in doubt any more."""
        self._slot.believed()

    def reported(self, fix: Fix | None, showing: Showing, type: str) -> None:
        """A live report of a connection that is not in doubt has come in."""
        setting = self._setting
        if fix is not None:
            now = setting.clock.seconds()
            self._motion = self._motion.after(fix, setting.wall_ms(), now)
        elif type in POSITIONS:
            self._motion = self._motion.without_fix()
        if type == "GTRTL":
            self._questions.answered()
        elif type == "GTPDP":
            self._slot.data_connection_made()
        if showing.output is not None:
            self._showing = showing
        self._look_at_output()

    def answered(self, ack: Ack) -> bool:
        """A device has answered; whether that was for the command which is out."""
        return self._slot.answered(ack)

    # -- what waits --------------------------------------------------------------------

    def look(self) -> None:
        """End what has expired, write what may be written, tell what the rest waits for."""
        if self._book.closed:
            return
        setting = self._setting
        now, now_ms = setting.clock.seconds(), setting.wall_ms()
        asking = self._slot.doubted
        for entry in list(self.waiting):
            if entry.ending:
                continue
            if entry.superseded_by is not None:
                self._end(entry, f"superseded by {entry.superseded_by}", "failed")
                continue
            if entry.left_s(now, now_ms) <= 0:
                self._end(entry, "expired", "expired")
                continue
            try:
                order = self.order(entry)
            except GatewayError as error:
                self._end(entry, str(error), "failed")
                continue
            found = self.obstacle(entry, order)
            if found is not None:
                asking = entry if found.ask else asking
                self._tell(entry, found, now)
            elif now >= self._slot.blocked_until:
                self.waiting.remove(entry)
                self._slot.take(entry)
        if asking is not None:
            self._questions.ask(now, asking)

    def order(self, entry: Entry) -> Order:
        """See `slots.Waiting.order`."""
        command = entry.command
        target = self._setting.target_of(self.device, entry)
        parameters = {**command.parameters, **command.secrets}
        order = build(command.imei, command.kind, parameters, target)
        check_override(command, order)
        if entry.order is not None and entry.order.level != order.level:
            reason = "the level that blocks was another one when it was asked for"
            raise CommandRefused(command.imei, command.kind, reason)
        entry.order = order
        return order

    def obstacle(self, entry: Entry, order: Order) -> Obstacle | None:
        """See `slots.Waiting.obstacle`."""
        device, setting = self.device, self._setting
        connection, suspicion = device.connection, device.suspicion
        heard_at = self._heard_at
        now, now_ms = setting.clock.seconds(), setting.wall_ms()
        situation = Situation(
            now_ms,
            now,
            enabled=setting.enabled,
            connected=connection is not None and not connection.ending,
            policy=device.policy,
            suspicion=None if suspicion is None else suspicion.reason,
            busy=self.out not in {None, entry},
            silent_s=None if heard_at is None else now - heard_at,
            unacknowledged=0 if connection is None else connection.unacknowledged,
            motion=self._motion,
        )
        interlocked = order.may_block and entry.command.override is None
        left_s = entry.left_s(now, now_ms)
        return obstacle(situation, setting.rules, left_s, interlocked=interlocked)

    def put_back(self, entry: Entry) -> None:
        """See `slots.Waiting.put_back`."""
        self.add(entry)

    def confirmed(self, entry: Entry) -> None:
        """See `slots.Waiting.confirmed`."""
        command = entry.command
        if command.kind in FIRST:
            self.unverified = entry if command.kind in VERIFIED else None
            # A report may have come while the acknowledgement was being recorded.
            self._look_at_output()
        if KINDS[command.kind].settings:
            # What only changes a part of them must not bring the old ones back.
            for other in self.waiting:
                other.server = server_after(
                    other.server, command.kind, command.parameters
                )

    def _tell(self, entry: Entry, found: Obstacle, now: float) -> None:
        """Record what a command waits for: at once if it is another sort of thing, and
        not at every change of a figure."""
        reason = f"waiting: {found.reason}"
        is_news = found.sort != entry.sort
        if reason == entry.command.reason or not (
            is_news or now - entry.told_at >= TELL_S
        ):
            return
        audited = found.sort not in entry.told
        entry.sort, entry.told_at = found.sort, now
        entry.told.add(found.sort)
        self._tasks.start(
            self._record_wait(entry, reason, found.sort if audited else None)
        )

    async def _record_wait(self, entry: Entry, reason: str, sort: str | None) -> None:
        """:param sort: what the audit trail is to be told of, if it is."""
        try:
            outcome = None if sort is None else "waiting"
            await self._book.change(entry, (PENDING,), outcome, reason=reason)
        except StoreUnavailable:
            if sort is not None:
                entry.told.discard(sort)

    def _end(self, entry: Entry, reason: str, outcome: str) -> None:
        entry.ending = True
        if entry.command.sent_at is not None:
            self._setting.failed(entry)
        self._tasks.start(self._record_end(entry, reason, outcome))

    async def _record_end(self, entry: Entry, reason: str, outcome: str) -> None:
        await self._book.fail(entry, reason, outcome)
        self.drop(entry)

    def _look_at_output(self) -> None:
        """Whether the last report that told of the output verifies what is confirmed."""
        entry = self.unverified
        if entry is not None and _verifies(entry, self._showing):
            self.unverified = None
            self._tasks.start(self._verify(entry))

    async def _verify(self, entry: Entry) -> None:
        if await self._book.keep(
            entry, (CONFIRMED,), "verified", verified_at=self._setting.wall_ms()
        ):
            metrics.commands_finished.labels("verified").inc()


def check_override(command: Command, order: Order) -> None:
    """Raise `CommandRefused` for what nobody may ask for without saying why."""
    if order.lasting and command.override is None:
        reason = (
            "this setting lets the device switch its output by itself, at any speed; it"
            " needs an override with a reason"
        )
        raise CommandRefused(command.imei, command.kind, reason)


def _verifies(entry: Entry, showing: Showing) -> bool:
    """Whether a report shows that a command has done what it should."""
    order = entry.order
    return (
        order is not None
        and showing.output is not None
        and showing.output == order.level
        and is_after(showing, entry.count, entry.command.confirmed_at)
    )
