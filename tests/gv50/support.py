"""A trackers' port without sockets."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.fleet import Fleet
from gatewaykit.gv50.tracker import TrackerFactory, TrackerProtocol
from gatewaykit.sections import Gv50Settings
from gatewaykit.testing import MemoryJournal, MemoryStore

IMEI = "865083030000012"
OTHER = "865083030000020"
START_MS = 1_790_000_000_000


def report(
    count: str = "071D",
    imei: str = IMEI,
    prefix: str = "+RESP",
    type: str = "GTFRI",
    send_time: str = "20250727214557",
) -> bytes:
    """A GV50's frame, with one position unless `type` has none."""
    position = (
        ",,50,1,1,0.0,258,713.2,-54.557850,-20.587663,20250728004546,0724,0003,"
        "08AA,59C0,00,0.0,,,,,210101,5,0,7"
        if type == "GTFRI"
        else ""
    )
    tail = f"{send_time},{count}" if count else send_time
    return f"{prefix}:{type},090302,{imei},{position},{tail}$".encode()


def heartbeat(count: str = "071C", imei: str = IMEI, version: str = "090302") -> bytes:
    return f"+ACK:GTHBD,{version},{imei},,20250727214540,{count}$".encode()


class FakeDoor:
    """Listeners that bind nothing."""

    def __init__(self) -> None:
        self.ports: list[object] = [object()]
        self.calls: list[str] = []
        self.result: Deferred[None] = succeed(None)

    def stop_listening(self) -> Deferred[None]:
        self.calls.append("stop")
        self.ports = []
        return self.result

    def start_listening(self) -> Deferred[None]:
        self.calls.append("start")
        self.ports = [object()]
        return self.result


class Line:
    """A tracker's end of one connection."""

    def __init__(self, factory: TrackerFactory, host: str, port: int) -> None:
        address = IPv6Address if ":" in host else IPv4Address
        self.transport = StringTransport(peerAddress=address("TCP", host, port))
        self.protocol: TrackerProtocol = factory.buildProtocol(None)
        self.protocol.makeConnection(self.transport)
        self.ended = False

    def send(self, *frames: bytes) -> None:
        self.protocol.dataReceived(b"".join(frames))

    def received(self) -> bytes:
        """What was written since the last look."""
        value: bytes = self.transport.value()
        self.transport.clear()
        return value

    @property
    def closing(self) -> bool:
        return self.transport.disconnecting

    @property
    def aborted(self) -> bool:
        return self.transport.disconnected

    @property
    def paused(self) -> bool:
        return self.transport.producerState == "paused"

    def end(self, reason: Exception | None = None) -> None:
        """The connection is gone."""
        self.ended = True
        self.protocol.connectionLost(Failure(reason or ConnectionDone()))


class TrackerCase(SynchronousTestCase):
    """A started factory with a journal that commits when the test says so."""

    auto_commit = False
    log_frames = False

    def setUp(self) -> None:
        self.log: list[LogEvent] = []
        observer = cast(ILogObserver, self.log.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.configure()

    def configure(self, **settings: Any) -> None:
        """Start anew with these settings of the section `gv50`."""
        self.clock = Clock()
        self.settings = Gv50Settings(**settings)
        self.journal = MemoryJournal(auto_commit=self.auto_commit)
        self.store = MemoryStore(self.clock)
        self.fleet = Fleet(
            self.store,
            self.clock,
            self.now_ms,
            unknown_devices=self.settings.unknown_devices,
            unknown_after=self.settings.unknown_after,
        )
        self.successResultOf(self.fleet.start())
        self.factory = self.new_factory()
        self.door = FakeDoor()
        self.factory.start(self.door)
        self._ports = 40_000

    def new_factory(self) -> TrackerFactory:
        return TrackerFactory(
            self.journal,
            self.fleet,
            self.clock,
            self.now_ms,
            self.settings,
            log_frames=self.log_frames,
        )

    def now_ms(self) -> int:
        return START_MS + round(self.clock.seconds() * 1000)

    def connect(self, host: str = "10.0.0.1") -> Line:
        self._ports += 1
        return Line(self.factory, host, self._ports)

    def identified(self, imei: str = IMEI, host: str = "10.0.0.1") -> Line:
        """A connection that has had its first valid frame."""
        line = self.connect(host)
        line.send(heartbeat(imei=imei))
        line.received()
        return line

    def run_for(self, seconds: float) -> None:
        self.clock.pump([1.0] * round(seconds))

    def journaled(self) -> list[bytes]:
        """The raw frames that were committed."""
        return [entry.raw for entry in self.journal.reports.values()]

    def lines(self, containing: str) -> list[str]:
        """Log lines of any level with this text in them."""
        texts = [formatEvent(event) for event in self.log]
        return [text for text in texts if containing in text]

    def status(self, imei: str = IMEI) -> Any:
        live = self.fleet.live(imei)
        return None if live is None else live["status"]
