"""One simulated GV50 on a clock, whose connection is a list of what it wrote."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, cast

from twisted.internet.interfaces import ITCPTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from gatewaykit.simulators.encoding import Encoder
from gatewaykit.simulators.faults import CommandFaults
from gatewaykit.simulators.tracker import Behaviour, Stats, Tracker
from gatewaykit.simulators.vehicle import Vehicle, imei

START = 1_800_000_000.0
HOME = ("127.0.0.1", 5000)


class MemoryTransport(StringTransport):
    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True


class Device:
    """A tracker, and the server's end of its connection.

    Nothing answers by itself: `frames` gives what was written, `acknowledge` SACKs it.

    :param stays: the vehicle is parked for good; else it drives, see `Vehicle`.
    :param behaviour: as `Behaviour` takes it, and `command_faults`, `faults`.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        seed: int = 1,
        stays: bool = False,
        server: tuple[str, int] = HOME,
        **behaviour: Any,
    ) -> None:
        self.clock = clock or Clock()
        self.stats = Stats()
        self.off = 0
        self.done = 0
        self.transport = MemoryTransport()
        configured = Behaviour(**{"interval": 1000.0, **behaviour})
        self.vehicle = Vehicle(
            Encoder(imei(0, seed), configured.zone_minutes),
            Random(seed),
            START,
            configured.interval,
            configured.parked_interval,
            configured.block_level,
            stays=stays,
        )

        def powered_off() -> None:
            self.off += 1

        def done() -> None:
            self.done += 1

        self.tracker = Tracker(
            self.vehicle,
            configured,
            self.clock,
            self.now,
            Random(seed),
            self.stats,
            lambda _imei, _report, _waited: None,
            done,
            server=server,
            powered_off=powered_off,
        )
        self.tracker.start()

    @property
    def imei(self) -> str:
        return self.tracker.imei

    def now(self) -> float:
        """Seconds since the epoch."""
        return START + self.clock.seconds()

    def set_faults(self, **faults: float) -> None:
        self.tracker.obedience.faults = CommandFaults(**faults)

    def connect(self) -> None:
        self.transport = MemoryTransport()
        self.tracker.connected(cast(ITCPTransport, self.transport))

    def lose(self) -> None:
        """The connection ends."""
        self.tracker.disconnected()

    def frames(self) -> list[str]:
        """What it wrote since the last time, each with its ``$``."""
        written: str = self.transport.value().decode("ascii")
        self.transport.clear()
        return [frame + "$" for frame in written.split("$")[:-1]]

    def acknowledge(self, frames: list[str]) -> None:
        """SACK reports and heartbeats."""
        for frame in frames:
            kind, count = frame.partition(",")[0], frame[-5:-1]
            if kind == "+ACK:GTHBD":
                self.send(f"+SACK:GTHBD,,{count}$")
            elif kind[:6] in {"+RESP:", "+BUFF:"}:
                self.send(f"+SACK:{count}$")

    def settle(self) -> list[str]:
        """Give and acknowledge all that it has to say now; with interval 0 that has no
        end."""
        said: list[str] = []
        while new := self.frames():
            said += new
            assert len(said) < 10_000, "no end"
            self.acknowledge(new)
        return said

    def send(self, text: str) -> None:
        self.tracker.received(text.encode("latin-1"))

    def order(self, text: str) -> list[str]:
        """Send a command; what it writes at once, with nothing acknowledged."""
        self.send(text)
        return self.frames()

    def run(self, seconds: float, step: float = 1.0) -> list[str]:
        """Let time pass and acknowledge everything; what it said."""
        said: list[str] = []
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            said += self.settle()
        return said

    def run_until(
        self, reached: Callable[[Device], bool], limit: float = 7200.0
    ) -> list[str]:
        """Let time pass in steps of a second until something is so."""
        said: list[str] = []
        while not reached(self):
            assert limit > 0, "it never comes to that"
            said += self.run(1)
            limit -= 1
        return said


def parked(**behaviour: Any) -> Device:
    """Connected, with nothing left to say, and parked for good."""
    device = Device(stays=True, **behaviour)
    device.connect()
    device.settle()
    return device


def driving(kmh: float = 30.0, **behaviour: Any) -> Device:
    """Connected, and on its way with at least that speed."""
    device = Device(**behaviour)
    device.connect()
    device.settle()
    device.run_until(lambda d: d.vehicle.fix(d.now()).speed_kmh >= kmh)
    return device
