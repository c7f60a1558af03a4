"""A load of trackers in a process of its own, on plain sockets: it must cost little, since
it shares the machine with the gateway that it measures.

Run as ``python -m benchmarks.load``; prints one JSON object. The frames are GV50 GTFRI
reports of the layout in facts/gv50.md 4.4, each with its own count and times.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

_FRAME = (
    "+RESP:GTFRI,090302,{imei},,,50,1,1,42.0,258,713.2,-54.557850,-20.587663,{gps},"
    "0724,0003,08AA,59C0,00,0.0,,,,,220100,5,0,7,{sent},{count:04X}$"
)
_HEARTBEAT = "+ACK:GTHBD,090302,{imei},,20250101000000,0000$"
_START = datetime(2025, 1, 1, tzinfo=UTC)


def imei(vehicle: int) -> str:
    return f"86508303{vehicle:07d}"


def frames(vehicle: int, first: int, count: int) -> list[bytes]:
    """A vehicle's reports from the `first` on, a second apart."""
    made = []
    for number in range(first, first + count):
        moment = _START + timedelta(seconds=number)
        made.append(
            _FRAME.format(
                imei=imei(vehicle),
                gps=f"{moment:%Y%m%d%H%M%S}",
                sent=f"{moment - timedelta(hours=3):%Y%m%d%H%M%S}",
                count=number & 0xFFFF,
            ).encode()
        )
    return made


class Vehicle:
    """One connection, what it has to send and what is not acknowledged yet."""

    def __init__(self, address: tuple[str, int], number: int) -> None:
        self.number = number
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.waiting: deque[float] = deque()
        self.unsent = b""

    def send(self, data: bytes) -> None:
        data = self.unsent + data
        try:
            done = self.socket.send(data)
        except BlockingIOError:
            done = 0
        self.unsent = data[done:]

    def acknowledged(self) -> int:
        """How many acknowledgements have come in."""
        try:
            data = self.socket.recv(65536)
        except BlockingIOError:
            return 0
        if not data:
            sys.exit("the gateway closed a connection")
        return data.count(b"$")


class Load:
    """Some vehicles on one selector."""

    def __init__(self, address: tuple[str, int], vehicles: int) -> None:
        self.selector = selectors.DefaultSelector()
        self.vehicles = []
        for number in range(vehicles):
            vehicle = Vehicle(address, number)
            self.selector.register(vehicle.socket, selectors.EVENT_READ, vehicle)
            self.vehicles.append(vehicle)

    def identify(self) -> None:
        """Send a heartbeat on every connection and wait for all the answers."""
        for vehicle in self.vehicles:
            vehicle.send(_HEARTBEAT.format(imei=imei(vehicle.number)).encode())
        missing = len(self.vehicles)
        while missing:
            for key, _ in self.selector.select(30):
                missing -= key.data.acknowledged()

    def flood(self, reports: int, window: int, first: int) -> dict[str, float]:
        """Everything at once, at most `window` reports of a vehicle unacknowledged."""
        each = reports // len(self.vehicles)
        batches = {
            vehicle: _batches(frames(vehicle.number, first, each), max(1, window // 2))
            for vehicle in self.vehicles
        }
        open_reports = dict.fromkeys(self.vehicles, 0)
        left = each * len(self.vehicles)
        start = time.perf_counter()

        def feed(vehicle: Vehicle) -> None:
            if vehicle.unsent:
                vehicle.send(b"")
            while open_reports[vehicle] <= window // 2:
                count, data = next(batches[vehicle], (0, b""))
                if not count:
                    return
                open_reports[vehicle] += count
                vehicle.send(data)

        for vehicle in self.vehicles:
            feed(vehicle)
        while left:
            ready = self.selector.select(0.05)
            if not ready:
                for vehicle in self.vehicles:
                    if vehicle.unsent:
                        vehicle.send(b"")
            for key, _ in ready:
                done = key.data.acknowledged()
                left -= done
                open_reports[key.data] -= done
                feed(key.data)
        seconds = time.perf_counter() - start
        return {"reports": each * len(self.vehicles), "seconds": seconds}

    def pace(
        self, rate: float, seconds: float, burst: int, first: int
    ) -> dict[str, float]:
        """By the clock and not by the answers; gives the latencies.

        :param burst: how many reports a vehicle sends at a time.
        """
        each = int(rate * seconds / burst / len(self.vehicles) + 1) * burst
        total = int(rate * seconds / burst) * burst
        made = [
            _batches(frames(vehicle.number, first, each), burst)
            for vehicle in self.vehicles
        ]
        due = (
            (vehicle, data)
            for column in zip(*made, strict=True)
            for vehicle, (_, data) in zip(self.vehicles, column, strict=True)
        )
        latencies: list[float] = []
        sent = 0
        start = time.perf_counter()
        while len(latencies) < total:
            now = time.perf_counter()
            while sent < min(total, int((now - start) * rate) // burst * burst):
                vehicle, data = next(due)
                # From when it should have been sent: a late generator hides nothing.
                vehicle.waiting.extend([start + sent / rate] * burst)
                vehicle.send(data)
                sent += burst
            for key, _ in self.selector.select(0.0005 if sent < total else 1.0):
                done = key.data.acknowledged()
                now = time.perf_counter()
                latencies += [now - key.data.waiting.popleft() for _ in range(done)]
        latencies.sort()
        return {
            "rate": total / (time.perf_counter() - start),
            "p50": latencies[total // 2],
            "p99": latencies[int(total * 0.99)],
            "p999": latencies[int(total * 0.999)],
        }


def _batches(made: list[bytes], size: int) -> Iterator[tuple[int, bytes]]:
    for start in range(0, len(made), size):
        part = made[start : start + size]
        yield len(part), b"".join(part)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("flood", "pace", "idle"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--vehicles", type=int, required=True)
    parser.add_argument("--reports", type=int, default=0)
    parser.add_argument("--window", type=int, default=500)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--burst", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    asked = parser.parse_args()
    load = Load(("127.0.0.1", asked.port), asked.vehicles)
    load.identify()
    if asked.mode == "flood":
        result = load.flood(asked.reports, asked.window, asked.first)
    elif asked.mode == "pace":
        result = load.pace(asked.rate, asked.seconds, asked.burst, asked.first)
    else:
        result = {}
    print(json.dumps(result), flush=True)
    if asked.mode == "idle":
        sys.stdin.read()  # the connections stay until our input ends


if __name__ == "__main__":
    main()
