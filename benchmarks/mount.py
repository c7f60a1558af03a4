"""One mount, many clients: how near to the wire's limit, and how soon a stop is on it.

``python -m benchmarks.mount`` (``make bench``) runs the mount's service on the simulated
mount, paced at 9600 baud, which is a process of its own with no latency beside its bytes':

* ``:GR#`` and queries of 5 and 7 variables, one after another, beside what the wire would
  carry: 960 bytes a second, the bytes counted in the same run;
* ten clients that poll overlapping variables: exchanges on the wire against their requests;
* a stop under full load, from the call to its last byte on the wire, less the bytes of the
  command that was on the wire already.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from gatewaykit.errors import GatewayError
from gatewaykit.sections import Tts160Settings
from gatewaykit.simulators.mount import MountBehaviour, SimulatedMount
from gatewaykit.tts160.mount import Mount

BYTES_A_SECOND = 960
STOP = ":Q#"
FIVE = ["T1,2", "RA", "DEC", "C5"]
SEVEN = ["T1,2", "RA", "DEC", "C5", "X1,2"]
POLLED = (
    *(["RA", "DEC"], ["RA", "DEC", "X1,2"], ["T1,2"], ["TRACKING_ON", "RA"]),
    *(["C5", "T1,2"], ["X1,2"], ["DEC", "TRACKING_RATE"], ["RA", "DEC", "C5"]),
    *(["T1,2", "RA", "DEC"], ["TRACKING_ON", "C5"]),
)
"""What each of the ten clients asks for."""

reactor: Any = _reactor


# The simulator, in its own process.


class Reporter(LineReceiver):
    """Answers each line with what the simulator heard since the last."""

    delimiter = b"\n"

    def __init__(self, mount: SimulatedMount) -> None:
        self._mount = mount

    def lineReceived(self, line: bytes) -> None:
        heard = [(each.at, each.data.decode("latin-1")) for each in self._mount.heard]
        self._mount.heard.clear()
        report = {
            "bytes": self._mount.bytes_in + self._mount.bytes_out,
            "heard": heard,
        }
        self.sendLine(json.dumps(report).encode())

    def connectionLost(self, reason: object = None) -> None:
        self._mount.stop()
        reactor.stop()


def simulate(link: Path) -> None:
    reactor.seconds = time.monotonic
    behaviour = MountBehaviour(latency=0.0, position_latency=0.0)
    mount = SimulatedMount(reactor, link, behaviour=behaviour)
    mount.start()
    StandardIO(Reporter(mount))
    reactor.run()


@attrs.define
class Simulator:
    """The other process, seen from ours."""

    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, link: Path) -> Simulator:
        command = [sys.executable, "-m", "benchmarks.mount", "--simulate", str(link)]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        simulator = cls(process)
        simulator.report()
        return simulator

    def report(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("?\n")
        self.process.stdin.flush()
        report: dict[str, Any] = json.loads(self.process.stdout.readline())
        return report

    def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)


# What is measured.


async def _for(seconds: float, ask: Callable[[], Awaitable[object]]) -> int:
    """How often something can be asked one after another."""
    count, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        await ask()
        count += 1
    return count


async def rate(
    simulator: Simulator,
    title: str,
    seconds: float,
    ask: Callable[[], Awaitable[object]],
) -> None:
    """How often, and beside what the wire could carry."""
    await ask()
    before = simulator.report()["bytes"]
    began = time.monotonic()
    count = await _for(seconds, ask)
    took = time.monotonic() - began
    on_wire = simulator.report()["bytes"] - before
    limit = BYTES_A_SECOND / (on_wire / count)
    print(
        f"{title:<28}{count / took:8.1f} a second  wire's limit {limit:6.1f}"
        f"  ratio {count / took / limit:.3f}"
    )


async def polling(mount: Mount, simulator: Simulator, seconds: float) -> None:
    simulator.report()

    async def client(wanted: list[str]) -> int:
        return await _for(seconds, lambda: mount.variables(wanted))

    counts = await gatherResults(
        [Deferred.fromCoroutine(client(wanted)) for wanted in POLLED]
    )
    exchanges = len(simulator.report()["heard"])
    print(
        f"10 clients, as fast as they can: {sum(counts)} requests in {seconds:g} s,"
        f" {exchanges} exchanges on the wire ({sum(counts) / exchanges:.1f} to one)"
    )


async def stops(mount: Mount, simulator: Simulator, count: int) -> None:
    """Ten clients keep the line busy and slews wait; now and then somebody stops it all."""
    is_over = False

    async def busy(wanted: list[str]) -> None:
        while not is_over:
            try:
                await mount.variables(wanted)
            except GatewayError as error:
                print(error, file=sys.stderr)

    load = [Deferred.fromCoroutine(busy(wanted)) for wanted in POLLED]
    chance = random.Random(1)
    after_call: list[float] = []
    beyond: list[float] = []
    for _ in range(count):
        await deferLater(reactor, 0.2 + chance.random() * 0.2)
        simulator.report()
        await deferLater(reactor, 0.1 + chance.random() * 0.1)
        called = time.time()
        await mount.stop("the benchmark")
        await deferLater(reactor, 0.3)
        heard = simulator.report()["heard"]
        place = next(i for i, (_, text) in enumerate(heard) if text == STOP)
        at, before = heard[place][0], heard[place - 1][0] if place else 0.0
        after_call.append(at - called)
        own = len(STOP) / BYTES_A_SECOND
        beyond.append(at - max(called, before) - own)
    is_over = True
    await gatherResults(load)
    for title, times in (("from the call", after_call), ("beyond its bytes", beyond)):
        times.sort()
        print(
            f"stop under full load, {title:<18}"
            f"p50 {statistics.median(times) * 1000:6.2f} ms"
            f"  p99 {times[int(len(times) * 0.99)] * 1000:6.2f} ms"
            f"  most {times[-1] * 1000:6.2f} ms  ({len(times)} stops)"
        )


async def measure(link: Path, seconds: float, rounds: int) -> None:
    simulator = Simulator.begin(link)
    settings = Tts160Settings(port=str(link), status_interval=60.0)
    mount = Mount(settings, reactor, lambda: int(time.time() * 1000))
    mount.start()
    try:
        while not (await mount.status())["available"]:
            await deferLater(reactor, 0.1)
        await deferLater(reactor, 1.0)
        for title, ask in (
            (":GR#", lambda: mount.command(":GR#", "auto", None)),
            ("5 variables", lambda: mount.variables(FIVE)),
            ("7 variables", lambda: mount.variables(SEVEN)),
        ):
            await rate(simulator, title, seconds, ask)
        await polling(mount, simulator, seconds)
        await stops(mount, simulator, rounds)
    finally:
        await mount.stop_service()
        simulator.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each rate")
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--simulate", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.simulate is not None:
        simulate(options.simulate)
        return
    print(f"the mount, Python {platform.python_version()}", flush=True)
    failures: list[object] = []

    def over(failure: Any) -> None:
        failures.append(failure)
        failure.printTraceback()

    with tempfile.TemporaryDirectory() as directory:
        reactor.seconds = time.monotonic
        work = measure(Path(directory) / "mount", options.seconds, options.stops)

        def begin() -> None:
            done = Deferred.fromCoroutine(work).addErrback(over)
            done.addBoth(lambda _: reactor.stop())

        reactor.callWhenRunning(begin)
        reactor.run()
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
