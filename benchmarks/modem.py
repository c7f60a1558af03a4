"""One modem, many clients: what they cost the line, and how soon they are answered.

``python -m benchmarks.modem`` (``make bench``) runs the gateway as its users do, in a
process of its own, on the simulated modem, which is another with all its waits taken out:

* live round trips: AT+CSQ, one after another, through the gateway and through its parts,
  beside the same bytes on a bare pty, in the same run;
* 1 to 1,000 clients that poll network status and position ten times a second each, on plain
  sockets from one process. Where there are more of them than the gateway takes connections,
  some share one.

The figures are ratios to trust and times to distrust: machines differ.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import attrs

from gatewaykit.errors import ConnectionFailed, DeviceUnavailable
from gatewaykit.rpc import verbs
from gatewaykit.rpc.blocking import BlockingClient

_CLIENTS = (1, 10, 100, 1000)
_SPARE_CONNECTIONS = 6
"""Of the gateway's, for ourselves."""
_ROUNDS = 3
_START_S = 20.0
_FULL = 0.9
"""Share of a core from which on a process has no more to give."""

# The earlier daemon: fixed waits, one command at a time, one lock for all clients
# (facts/sim7600.md 1.4). No machine and no modem makes it faster.
_EARLIER_STATUS_S = 1.5
_EARLIER_LOCATION_S = 1.0
_EARLIER_TEN_S = 10 * _EARLIER_STATUS_S

_ROOT = Path(__file__).parent.parent


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@attrs.frozen
class Trips:
    """Round trips of one kind, in seconds."""

    p50: float
    p99: float
    least: float
    """The lowest and highest median of a run."""
    most: float


@contextmanager
def _running(command: list[str], log: IO[bytes]) -> Iterator[int]:
    """A process that ends with the block, whatever ends that."""
    process = subprocess.Popen(
        command, cwd=_ROOT, stdout=log, stderr=log, start_new_session=True
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def line(kind: str, link: Path, log: IO[bytes]) -> Iterator[int]:
    """The far end of a line (see `benchmarks.line`), once it is there."""
    with _running(
        [sys.executable, "-m", "benchmarks.line", kind, str(link)], log
    ) as it:
        deadline = time.monotonic() + _START_S
        while not link.exists():
            if time.monotonic() > deadline:
                sys.exit(f"no line: {Path(log.name).read_text()}")
            time.sleep(0.05)
        yield it


@attrs.frozen
class Gateway:
    """The real daemon, its modem registered and located."""

    pid: int
    endpoint: str
    port: int
    client: BlockingClient

    def exchanges(self) -> int:
        """On the modem's line until now."""
        health = self.client.call(verbs.Health)["subsystems"]["sim7600"]
        return int(health["line"]["exchanges"])

    def max_connections(self) -> int:
        return int(
            self.client.call(verbs.Health)["subsystems"]["rpc"]["max_connections"]
        )


@contextmanager
def gateway(directory: Path, link: Path, log: IO[bytes]) -> Iterator[Gateway]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    endpoint = f"unix:{directory / 'rpc'}"
    settings = directory / "gatewaykit.toml"
    settings.write_text(
        "[gv50]\nlisten = []\n"
        f"[store]\npath = '{directory / 'bench.sqlite'}'\n"
        f"[rpc]\nlisten = ['{endpoint}', 'tcp:{port}:interface=127.0.0.1:backlog=1000']\n"
        f"[sim7600]\nport = '{link}'\nat_commands = ['AT+CSQ']\n"
    )
    twistd = str(Path(sys.executable).with_name("twistd"))
    command = [twistd, "--nodaemon", "--pidfile=", "gatewaykit", "-c", str(settings)]
    with _running(command, log) as pid, BlockingClient(endpoint) as client:
        deadline = time.monotonic() + _START_S
        while not _is_ready(client):
            if time.monotonic() > deadline:
                sys.exit(f"no gateway: {Path(log.name).read_text()}")
            time.sleep(0.1)
        yield Gateway(pid, endpoint, port, client)


def _is_ready(client: BlockingClient) -> bool:
    try:
        network = client.call(verbs.NetworkStatus)["network"]
        location = client.call(verbs.GNSSLocation)["location"]
    except (ConnectionFailed, DeviceUnavailable):
        return False
    return bool(network["connected"]) and location["fix_status"] == "valid"


def _trips(kind: str, where: object, count: int) -> Trips:
    """Seconds of the median and of the slowest in a hundred, by the median of some runs:
    which cores the kernel chooses for the two processes makes much of a difference."""
    runs = []
    for number in range(_ROUNDS):
        _progress(f"{count:,} round trips, {number + 1} of {_ROUNDS}: {kind} {where}")
        command = [sys.executable, "-m", "benchmarks.trips", kind, str(where)]
        command += ["--count", str(count)]
        done = subprocess.run(
            command,
            check=True,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            start_new_session=True,
        )
        runs.append(json.loads(done.stdout))
    p50s = [run["p50"] for run in runs]
    return Trips(
        statistics.median(p50s),
        statistics.median(run["p99"] for run in runs),
        min(p50s),
        max(p50s),
    )


def _cpu_s(pid: int) -> float:
    """Time that a process has had of a core."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _idle_s() -> float:
    """Time that the cores together had nothing to do."""
    fields = Path("/proc/stat").read_text().split(maxsplit=6)
    return (int(fields[4]) + int(fields[5])) / os.sysconf("SC_CLK_TCK")


def _polled(
    server: Gateway, modem: int, clients: int, connections: int, seconds: float
) -> dict[str, float]:
    """What `clients` get and what they cost, in `seconds` after a warm-up."""
    _progress(f"{clients:,} clients on {connections:,} connections")
    command = [sys.executable, "-m", "benchmarks.polling", "--port", str(server.port)]
    command += ["--clients", str(clients), "--connections", str(connections)]
    command += ["--seconds", str(seconds)]
    load = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=_ROOT, start_new_session=True
    )
    try:
        assert load.stdout is not None
        load.stdout.readline()
        before = [server.exchanges(), _cpu_s(server.pid), _cpu_s(modem), _idle_s()]
        start = time.perf_counter()
        told = load.stdout.readline()
        took = time.perf_counter() - start
        after = [server.exchanges(), _cpu_s(server.pid), _cpu_s(modem), _idle_s()]
    finally:
        load.terminate()
        load.wait()
    if not told:
        sys.exit("the clients did not come to their end")
    exchanges, gateway_s, modem_s, idle_s = (
        now - then for now, then in zip(after, before, strict=True)
    )
    result: dict[str, float] = json.loads(told)
    return result | {
        "exchanges": exchanges,
        "a_minute": exchanges / took * 60,
        "gateway": gateway_s / took,
        "modem": modem_s / took,
        "idle": idle_s / took,
    }


def _limit(result: dict[str, float]) -> str:
    full = [
        name
        for name, share in (
            ("the gateway", result["gateway"]),
            ("the load generator", result["cpu"]),
        )
        if share > _FULL
    ]
    if full:
        return f"{' and '.join(full)} had a core full"
    if result["answers"] < _FULL * result["wanted"]:
        return f"{result['idle']:.2f} of {os.cpu_count()} cores idle"
    return ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}" if seconds < 0.01 else f"{seconds * 1e3:.1f}"


def print_trips(trips: dict[str, Trips]) -> None:
    """Each against the first."""
    fixed = next(iter(trips.values())).p50
    print(f"{'AT+CSQ, one after another':<40}{'ratio':>7}{'p50 ms':>9}{'p99 ms':>9}")
    for title, trip in trips.items():
        print(
            f"{title:<40}{trip.p50 / fixed:>7.1f}{_ms(trip.p50):>9}{_ms(trip.p99):>9}"
            f"   (p50 from {_ms(trip.least)} to {_ms(trip.most)})"
        )


def round_trips(
    stack: ExitStack, root: Path, link: Path, log: IO[bytes], count: int
) -> tuple[Gateway, dict[str, Trips]]:
    """The lines first: while the gateway runs, the modem's is its own."""
    trips = {}
    bare = root / "bare"
    with line("bare", bare, log):
        trips["bare pty"] = _trips("pty", bare, count)
        trips["ATProtocol on the bare pty"] = _trips("protocol", bare, count)
    trips["the simulated modem's pty"] = _trips("pty", link, count)
    trips["ATProtocol on the simulated modem's"] = _trips("protocol", link, count)
    server = stack.enter_context(gateway(root, link, log))
    for title, kind in (
        ("live: SendATCommand over a unix socket", "live"),
        ("  the same but for the modem (refused)", "refused"),
        ("for comparison: GNSSLocation, not live", "cached"),
    ):
        trips[title] = _trips(kind, server.endpoint, count)
    return server, trips


def print_polled(results: dict[int, dict[str, float]]) -> None:
    print(
        "status and position polled at 10 Hz by each client:\n"
        "clients  AT/min   answers/s    wanted   p50 ms   p99 ms"
        "  gateway CPU  load CPU  modem CPU"
    )
    for clients, result in results.items():
        print(
            f"{clients:>7,}{result['a_minute']:>8.0f}{result['answers']:>12,.0f}"
            f"{result['wanted']:>10,.0f}{_ms(result['p50']):>9}{_ms(result['p99']):>9}"
            f"{result['gateway']:>13.0%}{result['cpu']:>10.0%}{result['modem']:>11.0%}"
            f"  {_limit(result)}".rstrip()
        )


def print_earlier(results: dict[int, dict[str, float]]) -> None:
    ten = results[10]["p99"]
    times = float(f"{_EARLIER_TEN_S / ten:.0e}")
    print(
        f"the earlier daemon took {_EARLIER_STATUS_S} s a status,"
        f" {_EARLIER_LOCATION_S} s a position, and {_EARLIER_TEN_S:.0f} s for a status of"
        f" each of ten clients at once (facts/sim7600.md 1.4: fixed waits): ten clients"
        f" are now answered in {_ms(ten)} ms (p99), some {times:,.0f} times sooner: they"
        " share a reading that is made each second (status: five), and each had its own then"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the time")
    parser.add_argument("--directory", help="where the files lie (default: temporary)")
    asked = parser.parse_args()
    count, seconds = (400, 3.0) if asked.quick else (2000, 10.0)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # As for Ctrl-C: what was started is ended, and by us alone.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python"
        f" {platform.python_version()}"
    )
    with ExitStack() as stack:
        root = Path(
            stack.enter_context(tempfile.TemporaryDirectory(dir=asked.directory))
        )
        log = stack.enter_context((root / "log").open("ab"))
        link = root / "modem"
        modem = stack.enter_context(line("simulated", link, log))
        server, trips = round_trips(stack, root, link, log, count)
        print_trips(trips)
        most = server.max_connections() - _SPARE_CONNECTIONS
        results = {
            clients: _polled(server, modem, clients, min(clients, most), seconds)
            for clients in _CLIENTS
        }
        print_polled(results)
        if max(_CLIENTS) > most:
            print(
                f"{max(_CLIENTS):,} clients shared {most} connections: the gateway takes"
                f" {most + _SPARE_CONNECTIONS}"
            )
        print_earlier(results)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
