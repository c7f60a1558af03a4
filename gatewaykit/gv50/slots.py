"""The command that is out: written to the vehicle, or about to be, and not answered.

It is recorded as sent before its bytes go out, and looked at once more in between: what was
recorded and not written is taken back. So a crash leaves either nothing, or a command of
which nobody knows whether it went out; and none is written twice in one attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import GatewayError, StoreUnavailable
from gatewaykit.gv50.acks import Ack
from gatewaykit.gv50.book import Book, Entry
from gatewaykit.gv50.commands import KINDS, Order, Target
from gatewaykit.gv50.fleet import Connection, Device
from gatewaykit.gv50.readiness import Obstacle, Rules
from gatewaykit.gv50.tasks import Tasks
from gatewaykit.vehicles import PENDING, SENT

RETURN_S = 300.0
"""How long a device that was told to go elsewhere may take to come back."""
AGAIN_S = 1.0
"""After the store could not write."""
RETURNING = frozenset({"server", "quick_start", "apn"})
"""Kinds after which a device may come back without an acknowledgement (facts 5.4)."""

log = Logger()


@attrs.frozen
class Setting:
    """What all lanes share."""

    clock: IReactorTime
    wall_ms: Callable[[], int]
    book: Book
    rules: Rules
    enabled: bool
    target_of: Callable[[Device, Entry], Target]
    password_of: Callable[[Device, str, Target], str]
    new_serial: Callable[[str], str]
    """For a command of an IMEI; no two that may still be answered have the same."""
    new_question: Callable[[], str]
    """A serial for the gateway's own questions, from a range that commands don't use."""
    failed: Callable[[Entry], None]
    """A command that had been written fails: its acknowledgement may still come."""
    is_steady: Callable[[], bool]
    """Whether the wall clock has not been set of late."""


class Waiting(Protocol):
    """Where commands wait before they are out, and after it if they have to."""

    def obstacle(self, entry: Entry, order: Order) -> Obstacle | None:
        """What stands between a command and the wire now."""

    def order(self, entry: Entry) -> Order:
        """What a command is to be by all that is known now. Raises `GatewayError` for what
        the vehicle cannot be told."""

    def put_back(self, entry: Entry) -> None:
        """A command waits again."""

    def confirmed(self, entry: Entry) -> None:
        """A command was carried out."""


class Slot:
    """There is one for each vehicle: one command is out at a time."""

    def __init__(
        self, device: Device, setting: Setting, waiting: Waiting, tasks: Tasks
    ) -> None:
        self.entry: Entry | None = None
        self.blocked_until = 0.0
        """By the clock: the store could not write a moment ago."""
        self._device = device
        self._setting = setting
        self._book = setting.book
        self._waiting = waiting
        self._tasks = tasks
        self._ack_call: IDelayedCall | None = None
        self._doubted: Ack | None = None

    @property
    def doubted(self) -> Entry | None:
        """The command that was answered over a connection which is in doubt."""
        return None if self._doubted is None else self.entry

    def take(self, entry: Entry) -> None:
        """Write a command that nothing stands in the way of."""
        self.entry = entry
        self._doubted = None
        self._tasks.start(self._send(entry))

    def stop(self) -> None:
        """Wait for no acknowledgement any more."""
        self._cancel_ack_call()

    # -- what the vehicle tells --------------------------------------------------------

    def connected(self) -> None:
        """The vehicle has a new connection: to the server that it was told, perhaps."""
        entry, connection = self.entry, self._device.connection
        if (
            entry is None
            or connection is None
            or self._device.suspicion is not None
            or not self._may_return(entry)
        ):
            return
        port = connection.local_port
        told = {entry.command.parameters.get(n) for n in ("port", "backup_port")}
        if port is not None and port in told and port != entry.over_port:
            self._tasks.start(self._confirm(entry, f"it has come to port {port}"))

    def believed(self) -> None:
        """What the connection has meant and said while it was in doubt counts now."""
        self.connected()
        ack, self._doubted = self._doubted, None
        if ack is not None:
            self.answered(ack)

    def data_connection_made(self) -> None:
        """The vehicle says that its data connection is new: by the APN it was told."""
        entry = self.entry
        if (
            entry is not None
            and self._may_return(entry)
            and not entry.cut
            and entry.command.kind != "server"
        ):
            reason = "it has come back with a new data connection"
            self._tasks.start(self._confirm(entry, reason))

    def _may_return(self, entry: Entry) -> bool:
        return (
            entry.written
            and not entry.ending
            and entry.command.kind in RETURNING
            and entry.over is not self._device.connection
        )

    def answered(self, ack: Ack) -> bool:
        """A device has answered; whether that was for the command which is out."""
        entry = self.entry
        if (
            entry is None
            or not entry.written
            or entry.ending
            or entry.order is None
            or ack.serial != entry.command.serial
            or ack.type != entry.order.type
        ):
            return False
        if self._device.suspicion is not None:
            # Who took over can try all serials in seconds.
            self._doubted = ack
            return True
        entry.count = ack.count
        if ack.refused:
            cause = "" if ack.cause is None else f" (cause {ack.cause})"
            self._tasks.start(self._fail(entry, f"the vehicle refused it{cause}"))
        else:
            self._tasks.start(self._confirm(entry, None))
        return True

    # -- its life ----------------------------------------------------------------------

    async def _send(self, entry: Entry) -> None:
        try:
            await self._record_and_write(entry)
        except Exception:  # noqa: BLE001 - it would hold up all others for ever
            log.failure("sending {id}", id=entry.command.id, imei=entry.command.imei)
            await self._fail(
                entry, "unknown: the gateway has failed, its log tells more"
            )

    async def _record_and_write(self, entry: Entry) -> None:
        setting = self._setting
        order, before = entry.order, entry.command.sent_at
        assert order is not None
        try:
            target = setting.target_of(self._device, entry)
            password = setting.password_of(self._device, entry.command.kind, target)
            serial = entry.command.serial or setting.new_serial(entry.command.imei)
            data = order.wire(password, serial)
            recorded = await self._book.change(
                entry,
                (PENDING,),
                "sent",
                status=SENT,
                reason=None,
                serial=serial,
                wire=order.shown(serial),
                sent_at=setting.wall_ms(),
                attempts=entry.command.attempts + 1,
            )
        except StoreUnavailable:
            self.blocked_until = setting.clock.seconds() + AGAIN_S
            self._put_back(entry)
            return
        except GatewayError as error:
            await self._fail(entry, str(error))
            return
        if not recorded:
            self.entry = None
            return
        entry.sort = None
        if (hindrance := self._hindrance(entry, order)) is not None:
            await self._take_back(entry, hindrance, before)
            return
        connection = self._device.connection
        assert connection is not None
        limit_s = setting.rules.ack_timeout_s
        if not connection.write_command(data, limit_s):
            await self._take_back(entry, "the connection is about to end", before)
            return
        metrics.commands_written.inc()
        entry.written = True
        entry.over, entry.over_port = connection, connection.local_port
        self._ack_call = setting.clock.callLater(limit_s, self._overdue, entry)
        log.info(
            "sent {kind} {id}",
            kind=entry.command.kind,
            id=entry.command.id,
            imei=entry.command.imei,
        )

    def _hindrance(self, entry: Entry, order: Order) -> str | None:
        """What has come up while the sending was being recorded."""
        if self._book.closed:
            return "the gateway stops"
        if entry.superseded_by is not None:
            return f"waiting: {entry.superseded_by} is to take its place"
        try:
            if self._waiting.order(entry) != order:
                return "waiting: what it has to be has changed"
        except GatewayError as error:
            return f"waiting: {error}"
        found = self._waiting.obstacle(entry, order)
        return None if found is None else f"waiting: {found.reason}"

    async def _take_back(self, entry: Entry, reason: str, before: int | None) -> None:
        """Nothing was written: the command waits on.

        :param before: when it was sent the time before, if it was.
        """
        await self._book.keep(
            entry,
            (SENT,),
            "taken back",
            status=PENDING,
            reason=reason,
            sent_at=before,
            attempts=entry.command.attempts - 1,
        )
        self._put_back(entry)

    def _put_back(self, entry: Entry) -> None:
        self.entry = None
        entry.written = False
        self._waiting.put_back(entry)

    def _overdue(self, entry: Entry) -> None:
        """No acknowledgement came: nothing of the command may be delivered later."""
        self._ack_call = None
        limit_s = self._setting.rules.ack_timeout_s
        reason = f"no acknowledgement within {limit_s:g} s"
        if self._doubted is not None:
            self._doubted = None
            reason = "it was acknowledged over a connection that is not believed"
        if not entry.cut:
            entry.cut = True
            connection: Connection | None = entry.over
            if connection is not None:
                connection.give_up(reason)
            if entry.command.kind in RETURNING:
                self._ack_call = self._setting.clock.callLater(
                    RETURN_S, self._overdue, entry
                )
                self._tasks.start(
                    self._await_return(entry, f"{reason}; it may still return")
                )
                return
        if entry.command.kind in RETURNING:
            reason = f"{reason}, and it has not come back; it may have gone elsewhere"
        if entry.command.attempts <= KINDS[entry.command.kind].retries:
            self._tasks.start(self._try_again(entry, reason))
        else:
            self._tasks.start(self._fail(entry, reason))

    async def _await_return(self, entry: Entry, reason: str) -> None:
        await self._book.keep(entry, (SENT,), None, reason=reason)

    async def _try_again(self, entry: Entry, reason: str) -> None:
        entry.ending = True
        attempt = f"attempt {entry.command.attempts}"
        again = await self._book.keep(
            entry, (SENT,), "waiting", status=PENDING, reason=f"{reason} ({attempt})"
        )
        entry.ending = entry.cut = False
        self.entry = None
        if again:
            self._put_back(entry)

    async def _fail(self, entry: Entry, reason: str) -> None:
        self._cancel_ack_call()
        entry.ending = True
        if entry.written:
            self._setting.failed(entry)
        await self._book.fail(entry, reason)
        self.entry = None

    async def _confirm(self, entry: Entry, reason: str | None) -> None:
        self._cancel_ack_call()
        entry.ending = True
        confirmed = await self._book.confirm(entry, reason)
        self.entry = None
        if confirmed:
            self._waiting.confirmed(entry)

    def _cancel_ack_call(self) -> None:
        if self._ack_call is not None:
            self._ack_call.cancel()
            self._ack_call = None
