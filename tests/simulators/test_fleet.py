"""Tests for `gatewaykit.simulators.fleet`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.test.iosim import ConnectionCompleter, IOPump
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.errors import MisuseError
from gatewaykit.gv50.reports import identity, read_head
from gatewaykit.simulators.encoding import Report
from gatewaykit.simulators.faults import CommandFaults, Faults
from gatewaykit.simulators.fleet import SimulatedFleet
from gatewaykit.simulators.tracker import Behaviour

START = 1_800_000_000.0

reactor: Any = global_reactor


class Server(Protocol):
    """Acknowledges every frame there is; junk before frames is none of its business."""

    factory: ServerFactory

    def __init__(self) -> None:
        self._rest = b""

    def connectionMade(self) -> None:
        self.factory.servers.append(self)

    def dataReceived(self, data: bytes) -> None:
        *frames, self._rest = (self._rest + data).split(b"$")
        for piece in frames:
            frame = piece[piece.find(b"+") :]
            self.factory.frames.append(frame + b"$")
            if self.factory.answers:
                count = frame.rpartition(b",")[2]
                kind = b"GTHBD,," if b"GTHBD" in frame else b""
                assert self.transport is not None
                self.transport.write(b"+SACK:" + kind + count + b"$")


class ServerFactory(Factory):
    noisy = False
    answers = True

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.servers: list[Server] = []

    def buildProtocol(self, addr: IAddress | None) -> Server:  # type: ignore[override]
        server = Server()
        server.factory = self
        return server


def promises(ledger: Path) -> list[str]:
    """The identities in a ledger."""
    return [json.loads(line)["id"] for line in ledger.read_text().splitlines()]


class Case(SynchronousTestCase):
    """A server in memory, to which whoever wants to is connected."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.server = ServerFactory()
        self.reactor.listenTCP(5000, self.server)
        self.pumps: list[IOPump] = []

    def make(self, vehicles: int = 1, **options: Any) -> SimulatedFleet:
        options.setdefault("wall", lambda: START)
        fleet = SimulatedFleet(self.reactor, "127.0.0.1", 5000, vehicles, **options)
        fleet.start()
        return fleet

    def connect(self) -> None:
        """Let everybody connect who wants to."""
        while self.reactor.tcpClients:
            pump = ConnectionCompleter(self.reactor).succeedOnce()
            assert pump is not None
            self.pumps.append(pump)
        self.flush()

    def flush(self) -> None:
        for pump in self.pumps:
            pump.flush()

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.reactor.advance(1)
            self.flush()

    def stop(self, fleet: SimulatedFleet) -> None:
        stopped = fleet.stop()
        self.flush()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class MemoryTests(Case):
    def test_reports_reach_the_server_and_are_acknowledged(self) -> None:
        fleet = self.make(interval=10.0)
        self.connect()
        self.advance(60)
        stats = fleet.stats
        self.assertGreater(stats.acknowledged, 6)
        self.assertEqual(stats.acknowledged, len(self.server.frames))
        self.assertEqual((stats.connected, stats.outstanding, stats.waiting), (1, 0, 0))
        self.stop(fleet)
        self.assertEqual(fleet.stats.connected, 0)

    def test_the_same_seed_gives_the_same_frames(self) -> None:
        streams = []
        for seed in (4, 4, 5):
            self.setUp()
            fleet = self.make(3, interval=10.0, seed=seed)
            self.connect()
            self.advance(200)
            streams.append(self.server.frames)
            self.stop(fleet)
        self.assertEqual(streams[0], streams[1])
        self.assertNotEqual(streams[0], streams[2])

    def test_vehicles_connect_one_after_the_other(self) -> None:
        fleet = self.make(3, connect_rate=10.0)
        self.assertEqual(len(self.reactor.tcpClients), 1)
        self.reactor.pump([0.11, 0.11, 0.11])
        self.assertEqual(len(self.reactor.tcpClients), 3)
        self.stop(fleet)

    def test_a_stop_ends_connecting(self) -> None:
        fleet = self.make(3, connect_rate=10.0)
        self.stop(fleet)

    def test_stopping_before_the_start_is_fine(self) -> None:
        fleet = SimulatedFleet(self.reactor, "127.0.0.1", 5000)
        self.stop(fleet)
        self.assertEqual(len(set(fleet.imeis)), 20)

    def test_tells_why_it_cannot_connect_and_goes_on_trying(self) -> None:
        fleet = self.make(backoff=(1.0, 4.0))
        self.assertIsNone(fleet.last_error)
        ConnectionCompleter(self.reactor).failOnce(
            Failure(ConnectError(string="refused"))
        )
        self.advance(1)
        self.assertIn("refused", fleet.last_error or "")
        self.advance(3)
        self.connect()
        self.assertEqual(fleet.stats.connected, 1)
        self.stop(fleet)

    def test_a_lost_connection_is_made_again_and_what_was_missed_replayed(self) -> None:
        fleet = self.make(interval=1.0, backoff=(10.0, 10.0))
        self.connect()
        self.server.servers[0].transport.loseConnection()  # type: ignore[union-attr]
        self.flush()
        self.assertEqual(fleet.stats.connected, 0)
        self.server.frames.clear()
        self.advance(30)
        self.assertGreater(fleet.stats.waiting, 5)
        self.connect()
        prefixes = [frame[:11] for frame in self.server.frames]
        self.assertEqual(prefixes[0], b"+RESP:GTPDP")
        self.assertGreater(prefixes.count(b"+BUFF:GTFRI"), 5)
        self.assertEqual(fleet.stats.waiting, 0)
        self.stop(fleet)

    def test_is_done_when_every_vehicle_is(self) -> None:
        fleet = self.make(2, behaviour=Behaviour(interval=0.0, count=5))
        done = fleet.when_done()
        self.assertNoResult(done)
        self.reactor.advance(1)
        self.connect()
        self.successResultOf(done)
        self.successResultOf(fleet.when_done())
        self.assertEqual((fleet.stats.made, fleet.stats.acknowledged), (10, 10))
        self.stop(fleet)

    def test_the_ledger_has_each_sack_before_the_listener_hears_of_it(self) -> None:
        path = Path(self.mktemp())
        lines: list[int] = []

        def acknowledged(_imei: str, _report: Report, _waited: float) -> None:
            lines.append(len(path.read_text().splitlines()))

        fleet = self.make(
            behaviour=Behaviour(interval=0.0, count=5),
            ledger=path,
            acknowledged=acknowledged,
        )
        self.connect()
        self.assertEqual(lines, [1, 2, 3, 4, 5])
        recorded = promises(path)
        sent = [identity(read_head(f), f).hex() for f in self.server.frames]
        self.assertEqual(recorded, sent)
        self.stop(fleet)

    def test_nothing_is_in_the_ledger_without_sack(self) -> None:
        path = Path(self.mktemp())
        self.server.answers = False
        fleet = self.make(interval=1.0, ledger=path)
        self.connect()
        self.advance(10)
        self.assertEqual(path.read_text(), "")
        self.assertEqual(fleet.stats.outstanding, 1)
        self.stop(fleet)

    def test_a_server_that_does_not_read_does_not_keep_us(self) -> None:
        fleet = self.make(interval=1.0)
        while self.reactor.tcpClients:
            pump = ConnectionCompleter(self.reactor).succeedOnce()
            assert pump is not None
            self.pumps.append(pump)
        stopped = fleet.stop()
        self.assertNoResult(stopped)
        self.reactor.advance(3)
        self.flush()
        self.successResultOf(stopped)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_reporting_without_end_needs_sacks(self) -> None:
        with self.assertRaises(MisuseError):
            self.make(behaviour=Behaviour(interval=0.0, sack=False))

    def test_trackers_are_found_by_their_imei(self) -> None:
        fleet = self.make(2)
        self.assertEqual(list(fleet.trackers), fleet.imeis)
        self.assertEqual(fleet.trackers[fleet.imeis[1]].imei, fleet.imeis[1])
        self.stop(fleet)

    def test_the_last_ones_stay_parked(self) -> None:
        fleet = self.make(5, interval=60.0, behaviour=Behaviour(parked=2))
        self.connect()
        drove = [False] * 5
        for _ in range(100):
            self.advance(10)
            moving = [t.vehicle.is_moving for t in fleet.trackers.values()]
            drove = [a or b for a, b in zip(drove, moving, strict=True)]
        self.assertEqual(drove, [True, True, True, False, False])
        self.stop(fleet)


def acks(server: ServerFactory) -> list[bytes]:
    return [frame[:11] for frame in server.frames if frame.startswith(b"+ACK:GT")]


class CommandTests(Case):
    def order(self, text: bytes, connection: int = -1) -> None:
        transport = self.server.servers[connection].transport
        assert transport is not None
        transport.write(text)
        self.flush()

    def server_is(self, host: str, port: int, backup: str = ",") -> bytes:
        return f"AT+GTSRI=gv50,3,,1,{host},{port},{backup},,,,,,,,0001$".encode()

    def made_connections(self) -> list[tuple[str, int]]:
        return [client[:2] for client in self.reactor.tcpClients]

    def go(self, connect: bool = True) -> None:
        """Let a device wait as long as it does before it connects again."""
        self.advance(3)
        if connect:
            self.connect()

    def test_a_reboot_ends_in_a_new_connection(self) -> None:
        fleet = self.make(backoff=(1.0, 1.0))
        self.connect()
        self.order(b"AT+GTRTO=gv50,3,,,,,,0001$")
        self.assertEqual(acks(self.server), [b"+ACK:GTRTO,"])
        self.assertEqual(fleet.stats.connected, 0)
        self.go()
        self.assertEqual((fleet.stats.connected, fleet.stats.connections), (1, 2))
        self.assertIn(b"+BUFF:GTPNA", [f[:11] for f in self.server.frames[-2:]])
        self.stop(fleet)

    def test_a_reset_is_seen_by_the_server(self) -> None:
        fleet = self.make(
            behaviour=Behaviour(command_faults=CommandFaults(disconnect=1.0))
        )
        self.connect()
        self.order(b"AT+GTOUT=gv50,1,,,,,,0,,,,,,,0001$")
        self.assertEqual(acks(self.server), [])
        self.assertEqual((fleet.stats.executed, fleet.stats.connected), (1, 0))
        (tracker,) = fleet.trackers.values()
        self.assertTrue(tracker.vehicle.is_blocked)
        self.stop(fleet)

    def test_power_off_is_for_good(self) -> None:
        fleet = self.make(2, interval=5.0, backoff=(1.0, 1.0))
        self.reactor.advance(1)
        self.connect()
        self.order(b"AT+GTRTO=gv50,5,,,,,,0001$", 0)
        self.advance(60)
        self.connect()
        stats = fleet.stats
        self.assertEqual((stats.connected, stats.connections), (1, 2))
        self.assertEqual(stats.powered_off, 1)
        self.assertFalse(fleet.is_done)
        self.order(b"AT+GTRTO=gv50,5,,,,,,0001$", 1)
        self.assertTrue(fleet.is_done)
        self.stop(fleet)

    def test_another_server_is_connected_to(self) -> None:
        fleet = self.make(backoff=(1.0, 1.0))
        self.connect()
        self.reactor.listenTCP(6000, self.server)
        self.order(self.server_is("127.0.0.1", 6000))
        self.assertEqual(acks(self.server), [b"+ACK:GTSRI,"])
        self.go(connect=False)
        self.assertEqual(self.made_connections(), [("127.0.0.1", 6000)])
        self.connect()
        self.assertEqual(fleet.stats.connected, 1)
        self.stop(fleet)

    def test_the_backup_is_tried_while_the_main_server_is_not_there(self) -> None:
        fleet = self.make(backoff=(1.0, 1.0))
        self.connect()
        self.order(self.server_is("127.0.0.1", 6000, "127.0.0.2,6001"))
        tried = []
        for _ in range(3):
            self.go(connect=False)
            tried += self.made_connections()
            refused = Failure(ConnectError(string="refused"))
            ConnectionCompleter(self.reactor).failOnce(refused)
        self.assertEqual([port for _, port in tried], [6000, 6001, 6000])
        self.stop(fleet)

    def test_a_later_order_begins_with_its_main_server(self) -> None:
        fleet = self.make(backoff=(1.0, 1.0))
        self.connect()
        self.order(self.server_is("127.0.0.1", 6000, "127.0.0.1,5000"))
        self.go(connect=False)
        refused = Failure(ConnectError(string="refused"))
        ConnectionCompleter(self.reactor).failOnce(refused)
        self.go()
        self.assertEqual(fleet.stats.connected, 1)
        self.order(self.server_is("127.0.0.1", 7000, "127.0.0.1,7001"))
        self.go(connect=False)
        self.assertEqual(self.made_connections(), [("127.0.0.1", 7000)])
        self.stop(fleet)


class LoopbackTests(TestCase):
    """Over real sockets."""

    timeout = 20

    async def test_all_reports_get_there_whatever_the_line_does(self) -> None:
        server = ServerFactory()
        port = reactor.listenTCP(0, server, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        path = Path(self.mktemp())
        fleet = SimulatedFleet(
            reactor,
            "127.0.0.1",
            port.getHost().port,
            vehicles=5,
            behaviour=Behaviour(
                interval=0.0,
                count=20,
                window=4,
                sack_timeout=0.3,
                faults=Faults(
                    split=0.1, glue=0.1, duplicate=0.1, junk=0.1, disconnect=0.02
                ),
            ),
            ledger=path,
            backoff=(0.01, 0.05),
        )
        fleet.start()
        try:
            await fleet.when_done()
        finally:
            await fleet.stop()
        promised = set(promises(path))
        arrived = {
            identity(read_head(frame), frame).hex()
            for frame in server.frames
            if frame.startswith((b"+RESP:", b"+BUFF:"))
        }
        self.assertEqual(len(promised), 100)
        self.assertLessEqual(promised, arrived)
        # The server sees the last connections end in the next turn of the reactor.
        await deferLater(reactor, 0)

    async def test_commands_and_a_move_to_another_server(self) -> None:
        servers = [ServerFactory(), ServerFactory()]
        numbers = []
        for server in servers:
            port = reactor.listenTCP(0, server, interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            numbers.append(port.getHost().port)
        fleet = SimulatedFleet(
            reactor,
            "127.0.0.1",
            numbers[0],
            vehicles=3,
            interval=0.05,
            backoff=(0.01, 0.05),
        )
        fleet.start()
        block = b"AT+GTOUT=gv50,1,,,,,,0,,,,,,,0001$"
        move = f"AT+GTSRI=gv50,,,,127.0.0.1,{numbers[1]},,,,,,,,,,0002$".encode()
        try:
            await self.until(lambda: fleet.stats.connected == 3)
            for connection in servers[0].servers:
                assert connection.transport is not None
                connection.transport.write(block[:9])
                connection.transport.write(block[9:] + b"\r\n" + move)
            await self.until(lambda: len(servers[1].servers) == 3)
            await self.until(
                lambda: any(b"110001" in f or b"210101" in f for f in servers[1].frames)
            )
        finally:
            await fleet.stop()
        self.assertEqual(
            sorted(acks(servers[0])), [b"+ACK:GTOUT,"] * 3 + [b"+ACK:GTSRI,"] * 3
        )
        self.assertEqual((fleet.stats.executed, fleet.stats.acks), (6, 6))
        await deferLater(reactor, 0)

    async def until(self, reached: Callable[[], bool]) -> None:
        while not reached():
            await deferLater(reactor, 0.01)
