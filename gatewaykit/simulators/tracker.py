"""A tracker on the network: a vehicle, what it has to say, and its connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime, ITCPTransport

from gatewaykit.simulators.command_acks import Answer, CommandAcks
from gatewaykit.simulators.device_settings import DeviceSettings, Server, is_loopback
from gatewaykit.simulators.encoding import Report
from gatewaykit.simulators.faults import CommandFaults, Faults, Line
from gatewaykit.simulators.obedience import Obedience
from gatewaykit.simulators.outbox import Answers, Item, Outbox
from gatewaykit.simulators.vehicle import Vehicle

Acknowledged = Callable[[str, Report, float], None]
"""IMEI, report, and seconds from when it was last sent until its SACK."""


@attrs.frozen
class Behaviour:
    """How the devices of a fleet are configured. Times are in seconds."""

    interval: float = 10.0
    """Between fixed reports; 0: a new one whenever the last got its SACK (for load)."""
    parked_interval: float | None = None
    """The same with ignition off; None: as `interval`."""
    count: int | None = None
    """Reports a vehicle makes, then it is silent; None: no end."""
    sack: bool = True
    window: int = 1
    """Reports that may wait for their SACK at once; a real device takes 1."""
    sack_timeout: float = 20.0
    """Until a report is repeated; 20 s as seen on a GV320 (facts/gv50.md 3)."""
    heartbeat: float = 300.0
    memory: int = 1000
    """Reports kept while they cannot be delivered."""
    zone_minutes: int = -180
    faults: Faults = attrs.field(factory=Faults)
    parked: int = 0
    """Vehicles that stay where they are: the last ones of the fleet."""
    password: str = "gv50"  # noqa: S105 - the factory's; every manual has it
    """That commands must have."""
    block_level: int | None = 1
    """Level of output 1 at which the engine doesn't run; None: nothing is wired to it."""
    output_values: int = 13
    """Values of the firmware's GTOUT, 13 or 16 (facts/gv50.md 5.3)."""
    hosts: Mapping[str, str] = attrs.field(factory=dict)
    """Loopback addresses that stand for hosts which commands may name; to no other host
    but loopback does a device go."""
    command_faults: CommandFaults = attrs.field(factory=CommandFaults)


@attrs.define
class Stats:
    """What happened so far; reports, unless it says otherwise."""

    connected: int = 0
    """Vehicles connected now."""
    connections: int = 0
    """Connections made."""
    made: int = 0
    sent: int = 0
    """Written for the first time."""
    repeated: int = 0
    """Written again: no SACK came, or the connection was lost before it."""
    acknowledged: int = 0
    outstanding: int = 0
    """Sent and not acknowledged, now."""
    waiting: int = 0
    """Made and not sent (on the connection of now)."""
    dropped: int = 0
    """Lost since the memory of a device was full, or emptied by order."""
    heartbeats: int = 0
    """Heartbeats sent."""
    commands: int = 0
    """Commands that the server sent."""
    executed: int = 0
    """Commands that were obeyed."""
    refused: int = 0
    """Commands that no device would obey, or that a fault made this one refuse."""
    acks: int = 0
    """Answers to commands that were written."""
    powered_off: int = 0
    """Devices that a command switched off."""
    not_followed: int = 0
    """Orders to report to a server that a simulator keeps away from, or not by TCP."""
    unexpected: int = 0
    """Answers that nothing waited for, such as the second SACK of a duplicate."""


class Tracker:
    """One device. It lives on while it is not connected, as a vehicle does.

    :param now: simulated time, seconds since the epoch.
    :param random: for the faults of the line only: they don't change what is reported.
    :param stats: shared by the fleet.
    :param server: where it connects, for its settings.
    :param powered_off: called when a command has ended its life; it wants no connection.
    """

    def __init__(
        self,
        vehicle: Vehicle,
        behaviour: Behaviour,
        clock: IReactorTime,
        now: Callable[[], float],
        random: Random,
        stats: Stats,
        acknowledged: Acknowledged,
        done: Callable[[], None],
        *,
        server: Server = ("", 0),
        powered_off: Callable[[], None] = lambda: None,
    ) -> None:
        self.imei = vehicle.encoder.imei
        self.vehicle = vehicle
        self.servers: tuple[Server, ...] = ()
        """Where a command told it to connect, the backup last; empty: where it was."""
        self.outbox = Outbox(behaviour.window, behaviour.memory, sack=behaviour.sack)
        self._behaviour = behaviour
        self._clock = clock
        self._now = now
        self._random = random
        self._stats = stats
        self._acknowledged = acknowledged
        self._done: Callable[[], None] | None = done
        self._left = behaviour.count
        self._transport: ITCPTransport | None = None
        self._line: Line | None = None
        self._answers = Answers()
        self._heartbeat_count: str | None = None
        self._report_call: IDelayedCall | None = None
        self._repeat_call: IDelayedCall | None = None
        self._heartbeat_call: IDelayedCall | None = None
        self._stopped = False
        self._endless = behaviour.interval == 0
        self._heartbeat_s = behaviour.heartbeat
        self._server = server
        self._powered_off = powered_off
        parked = behaviour.parked_interval
        self.obedience = Obedience(
            self,
            vehicle,
            DeviceSettings(
                behaviour.password,
                server=server,
                heartbeat_s=behaviour.heartbeat,
                sack=behaviour.sack,
                zone_minutes=behaviour.zone_minutes,
                interval_s=behaviour.interval,
                parked_interval_s=behaviour.interval if parked is None else parked,
            ),
            behaviour.command_faults,
            now,
            random,
            stats,
            behaviour.output_values,
        )
        self._acks = CommandAcks(clock, random, self._write_answer)

    def start(self) -> None:
        self._report()

    def stop(self) -> None:
        """Make and send nothing more; SACKs that still arrive count."""
        self._stopped = True
        _cancel(self._report_call, self._repeat_call, self._heartbeat_call)
        self._acks.stop()
        if self._line is not None:
            self._line.flush()

    def abort(self) -> None:
        """Reset the connection, if there is one."""
        if self._transport is not None:
            self._transport.abortConnection()

    # What the connection tells.

    def connected(self, transport: ITCPTransport) -> None:
        self._stats.connected += 1
        self._stats.connections += 1
        self._transport = transport
        self._line = Line(transport, self._clock, self._behaviour.faults, self._random)
        self._answers = Answers()
        self._heartbeat_count = None
        self._acks.connected()
        self._wait_for_heartbeat()
        if self._left != 0:
            self._add([self.vehicle.encoder.connection_up(self._now())])
        self._send_waiting()

    def received(self, data: bytes) -> None:
        for frame in self._answers.receive_data(data):
            self._answer(frame)
        if not self._stopped:
            self._send_waiting()

    def disconnected(self) -> None:
        self._stats.connected -= 1
        self._transport = None
        self._let_go()

    # What the server says.

    def _answer(self, frame: str) -> None:
        if frame.startswith("+SACK:GTHBD,"):
            if frame.rpartition(",")[2] == self._heartbeat_count:
                self._heartbeat_count = None
            else:
                self._stats.unexpected += 1
        elif frame.startswith("+SACK:"):
            item = self.outbox.acknowledge(frame.removeprefix("+SACK:"))
            if item is None:
                self._stats.unexpected += 1
            else:
                self._stats.acknowledged += 1
                waited = self._clock.seconds() - item.sent_at
                self._acknowledged(self.imei, item.report, waited)
        elif not frame.startswith("AT+"):
            self._stats.unexpected += 1
        # A device that hangs up on a command does not read what came behind it.
        elif self._line is not None and not self._stopped:
            self.obedience.command(frame)

    # What commands do to it, see `obedience.Body`.

    def answer(self, answer: Answer) -> None:
        self._acks.send(answer, self.obedience.faults)

    def tell(self, reports: Sequence[Report]) -> None:
        self._add(reports)
        self._send_waiting()

    def look_again(self) -> None:
        _cancel(self._report_call)
        self._report()

    def set_intervals(self, driving: float, parked: float) -> None:
        self._endless = False
        self.vehicle.set_intervals(self._now(), driving, parked)

    def set_heartbeat(self, seconds: float) -> None:
        self._heartbeat_s = seconds
        self._heartbeat_count = None
        _cancel(self._heartbeat_call)
        self._heartbeat_call = None
        if self._line is not None:
            self._wait_for_heartbeat()

    def wait_for_sacks(self, *, sack: bool) -> None:
        self.outbox.wait_for_sacks(sack=sack)

    def forget_stored(self) -> None:
        self.outbox.forget_stored()

    def move_to(self, servers: Sequence[Server]) -> bool:
        if servers and servers[0] == self._server:
            return True
        hosts = self._behaviour.hosts
        found = [(hosts.get(host, host), port) for host, port in servers]
        if not found or not is_loopback(found[0][0]):
            return False
        self._server = servers[0]
        self.servers = tuple(server for server in found if is_loopback(server[0]))
        self._hang_up()
        return True

    def reset_connection(self) -> None:
        self.abort()
        self._let_go()

    def reboot(self) -> None:
        self._hang_up()
        self._add([self.vehicle.encoder.power_on(self._now())])

    def power_off(self) -> None:
        self.tell([self.vehicle.encoder.power_off(self._now())])
        self._hang_up()
        self.stop()
        self._left = 0
        self._stats.powered_off += 1
        self._finish()
        self._powered_off()

    def _write_answer(self, answer: Answer) -> bool:
        if self._line is None:
            return False
        encoder, now = self.vehicle.encoder, self._now()
        if answer.cause is None:
            frame = encoder.ack(now, answer.type, answer.serial, answer.sub)
        else:
            frame = encoder.nack(now, answer.type, answer.serial, answer.cause)
        self._stats.acks += 1
        self._line.write([frame])
        return True

    # What the vehicle has to say.

    def _wait_for_report(self) -> None:
        if self._left != 0:
            delay = max(0.0, self.vehicle.due() - self._now())
            self._report_call = self._clock.callLater(delay, self._report)

    def _report(self) -> None:
        self._report_call = None
        self._add(self.vehicle.reports_until(self._now()))
        self._send_waiting()
        self._wait_for_report()

    def _add(self, reports: Sequence[Report]) -> None:
        if self._left is not None:
            reports = reports[: self._left]
            self._left -= len(reports)
        self._stats.made += len(reports)
        for report in reports:
            self.outbox.add(report, connected=self._line is not None)

    def _send_waiting(self) -> None:
        if self._line is not None:
            if self._endless:
                while self._left != 0 and self.outbox.has_room:
                    self._add([self.vehicle.fixed_report(self._now())])
            self._write(list(self.outbox.take(self._clock.seconds())))
            self._wait_for_sack()
        if self._left == 0 and self.outbox.is_empty:
            self._finish()

    def _finish(self) -> None:
        if self._done is not None:
            done, self._done = self._done, None
            done()

    def _wait_for_sack(self) -> None:
        if self._repeat_call is None and (oldest := self.outbox.oldest()) is not None:
            late = oldest + self._behaviour.sack_timeout - self._clock.seconds()
            self._repeat_call = self._clock.callLater(max(0.0, late), self._repeat)

    def _repeat(self) -> None:
        self._repeat_call = None
        timeout = self._behaviour.sack_timeout
        self._write(list(self.outbox.overdue(self._clock.seconds(), timeout)))
        self._wait_for_sack()

    def _write(self, items: Sequence[Item]) -> None:
        if items:
            again = sum(item.times_sent > 1 for item in items)
            self._stats.repeated += again
            self._stats.sent += len(items) - again
            assert self._line is not None
            self._line.write([item.frame() for item in items])

    def _send_heartbeat(self) -> None:
        self._heartbeat_call = None
        if self._heartbeat_count is not None:
            # A device takes a server that does not answer for dead, and connects anew.
            self.abort()
            return
        frame, self._heartbeat_count = self.vehicle.encoder.heartbeat(self._now())
        self._stats.heartbeats += 1
        assert self._line is not None
        self._line.write([frame])
        self._wait_for_heartbeat()

    def _wait_for_heartbeat(self) -> None:
        if self._heartbeat_s:
            self._heartbeat_call = self._clock.callLater(
                self._heartbeat_s, self._send_heartbeat
            )

    # The connection's end.

    def _hang_up(self) -> None:
        """Close the connection once all that was written is out, if a fault has not reset
        it before."""
        if self._line is not None:
            assert self._transport is not None
            self._line.flush()
            self._transport.loseConnection()
            self._let_go()

    def _let_go(self) -> None:
        """Write and wait for nothing more on this connection."""
        if self._line is not None:
            self._line.close()
        self._line = None
        _cancel(self._repeat_call, self._heartbeat_call)
        self._repeat_call = self._heartbeat_call = None
        self.outbox.disconnected()


def _cancel(*calls: IDelayedCall | None) -> None:
    for call in calls:
        if call is not None and call.active():
            call.cancel()
