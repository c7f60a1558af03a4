"""Durable, acknowledged reports: how many a second, how soon, and at what memory.

``python -m benchmarks.ingest`` (``make bench``) runs the gateway as its users do, in a
process of its own, and loads it from another. Beside it stand, in the same run:

* the bare server: the same frames into Twisted, split and counted and answered, not stored;
* the journal's ceiling: the journal's own rows, schema and indexes by plain `executemany`,
  500 a commit, synchronous=FULL;
* the yardstick: a rowid table with a unique 16-byte identity and eight plain columns.

The figures are ratios to trust and rates to distrust: machines differ, disks more so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import load
from gatewaykit.gv50 import reports
from gatewaykit.interfaces import JournalEntry
from gatewaykit.store import schema, writes

_ROWS_A_COMMIT = 500
_ROUNDS = 3
_BURST = 10
"""As many reports a vehicle has in each write when it replays with a window of 20."""


def _raise_file_limit() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int, directory: Path) -> Iterator[int]:
    """A server process, once it accepts connections; ends with the block."""
    with (directory / "server.log").open("ab") as out:
        process = subprocess.Popen(command, cwd=directory, stdout=out, stderr=out)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        else:
            sys.exit(f"no server: {(directory / 'server.log').read_text()}")
        yield process.pid
    finally:
        process.terminate()
        process.wait()


@contextmanager
def gateway(directory: Path) -> Iterator[tuple[int, int]]:
    """The real daemon; gives its process and port."""
    port = _free_port()
    settings = directory / "gatewaykit.toml"
    settings.write_text(
        f"[gv50]\nlisten = ['tcp:{port}:interface=127.0.0.1:backlog=1000']\n"
        f"[store]\npath = '{directory / 'bench.sqlite'}'\n"
        f"[rpc]\nlisten = ['unix:{directory / 'rpc'}']\n"
    )
    twistd = Path(sys.executable).with_name("twistd")
    command = [
        str(twistd),
        "--nodaemon",
        "--pidfile=",
        "gatewaykit",
        "-c",
        str(settings),
    ]
    with _running(command, port, directory) as pid:
        yield pid, port


@contextmanager
def bare_server(directory: Path) -> Iterator[tuple[int, int]]:
    """Twisted, splitting and answering, and nothing else."""
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.bare", str(port)]
    os.environ["PYTHONPATH"] = str(Path(__file__).parent.parent)
    with _running(command, port, directory) as pid:
        yield pid, port


def loaded(mode: str, port: int, **options: Any) -> dict[str, float]:
    """Run the load generator to its end."""
    command = [sys.executable, "-m", "benchmarks.load", mode, "--port", str(port)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    done = subprocess.run(
        command, check=True, capture_output=True, cwd=Path(__file__).parent.parent
    )
    result: dict[str, float] = json.loads(done.stdout)
    return result


def flooded(port: int, vehicles: int, count: int, window: int) -> float:
    """Acknowledged reports a second, with `window` of each vehicle under way."""
    result = loaded("flood", port, vehicles=vehicles, reports=count, window=window)
    return result["reports"] / result["seconds"]


def replay_window(vehicles: int) -> int:
    """As after an outage: every vehicle has reports waiting and sends them in bursts."""
    return max(20, min(2000, 20_000 // vehicles))


def _entries(vehicles: int, count: int) -> list[JournalEntry]:
    made = []
    each = count // vehicles
    for batch in zip(
        *(load.frames(vehicle, 0, each) for vehicle in range(vehicles)), strict=True
    ):
        for frame in batch:
            head = reports.read_head(frame)
            made.append(
                reports.journal_entry(
                    head, frame, 1_769_860_800_000, 20260131120000, 20260131120500
                )
            )
    return made


def _timed_commits(
    connection: sqlite3.Connection, statement: str, rows: list[Any]
) -> float:
    start = time.perf_counter()
    for at in range(0, len(rows), _ROWS_A_COMMIT):
        connection.execute("BEGIN")
        connection.executemany(statement, rows[at : at + _ROWS_A_COMMIT])
        connection.execute("COMMIT")
    return len(rows) / (time.perf_counter() - start)


def journal_ceiling(directory: Path, entries: list[JournalEntry]) -> float:
    """Rows a second of the journal's own tables, without gateway, sockets and threads."""
    path = directory / "ceiling.sqlite"
    connection = schema.connect(path)
    schema.prepare(connection, path)
    rate = _timed_commits(connection, writes.insert_statement("reports", 1), entries)
    connection.close()
    path.unlink()
    return rate


def yardstick(directory: Path, entries: list[JournalEntry]) -> float:
    """Rows a second of a table that no choice of ours changes."""
    path = directory / "yardstick.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(
        "CREATE TABLE report (seq INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE,"
        " imei, type, version, gps_time, send_time, count, longitude, latitude)"
    )
    rows = [
        (
            e.id,
            e.imei,
            e.type,
            "090302",
            e.time,
            e.send_time,
            "00FF",
            -54.55785,
            -20.587,
        )
        for e in entries
    ]
    rate = _timed_commits(
        connection, f"INSERT INTO report VALUES (NULL{', ?' * 9})", rows
    )
    connection.close()
    path.unlink()
    return rate


def _resident_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def idle_bytes(directory: Path, connections: int) -> float:
    """Resident bytes an identified, silent connection costs the gateway."""
    with gateway(directory) as (pid, port):
        loaded("flood", port, vehicles=50, reports=20_000)
        time.sleep(1.0)
        before = _resident_bytes(pid)
        command = [sys.executable, "-m", "benchmarks.load", "idle"]
        command += ["--port", str(port), "--vehicles", str(connections)]
        idle = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent.parent,
        )
        assert idle.stdout is not None
        idle.stdout.readline()
        time.sleep(2.0)
        after = _resident_bytes(pid)
        idle.communicate()
    return (after - before) / connections


def acknowledged(
    root: Path, vehicles: int, count: int, window: int, fixed: float
) -> float:
    """Durable, acknowledged reports a second: the median of some new gateways."""
    rates = []
    for number in range(_ROUNDS):
        directory = _fresh(root, f"flood-{vehicles}-{window}-{number}")
        with gateway(directory) as (_, port):
            rates.append(flooded(port, vehicles, count, window))
    rate = statistics.median(rates)
    print(
        f"durable, acknowledged, {vehicles:>4} conn.{rate:>10,.0f} /s       "
        f"{rate / fixed:.2f}   (from {min(rates):,.0f} to {max(rates):,.0f})"
    )
    return rate


def latencies(root: Path, full: float, burst: int, seconds: float) -> None:
    """From the moment a report was due to its SACK, at shares of the full rate."""
    with gateway(_fresh(root, f"pace-{burst}")) as (_, port):
        for number, share in enumerate((0.1, 0.5, 0.9)):
            result = loaded(
                "pace",
                port,
                vehicles=1000,
                rate=full * share,
                seconds=seconds,
                burst=burst,
                first=number * 10_000,
            )
            print(
                f"SACK latency at {share:3.0%} ({full * share:,.0f}/s):"
                f" p50 {result['p50'] * 1e3:.1f} ms, p99 {result['p99'] * 1e3:.1f} ms,"
                f" p99.9 {result['p999'] * 1e3:.1f} ms"
            )


def _fresh(parent: Path, name: str) -> Path:
    directory = parent / name
    directory.mkdir()
    return directory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the reports")
    parser.add_argument("--directory", help="where the files lie (default: temporary)")
    asked = parser.parse_args()
    _raise_file_limit()
    count = 30_000 if asked.quick else 200_000
    seconds = 2.0 if asked.quick else 6.0
    connections = 1_000 if asked.quick else 10_000
    with tempfile.TemporaryDirectory(dir=asked.directory) as name:
        root = Path(name)
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python"
            f" {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
        )
        entries = _entries(1000, count)
        fixed = statistics.median(yardstick(root, entries) for _ in range(_ROUNDS))
        ceiling = statistics.median(
            journal_ceiling(root, entries) for _ in range(_ROUNDS)
        )
        print(f"yardstick table                  {fixed:>10,.0f} rows/s   1.00")
        print(
            f"journal's rows, executemany      {ceiling:>10,.0f} rows/s"
            f"   {ceiling / fixed:.2f}"
        )
        with bare_server(root) as (_, port):
            bare = flooded(port, 50, count, replay_window(50))
        print(
            f"bare Twisted server, 50 conn.    {bare:>10,.0f} /s       {bare / fixed:.2f}"
        )
        full = 0.0
        for vehicles in (1, 50, 1000):
            full = acknowledged(root, vehicles, count, replay_window(vehicles), fixed)
        latencies(root, full, _BURST, seconds)
        print(
            "one report at a time, the next after its SACK, as a GV50 sends them live:"
        )
        lone = acknowledged(root, 1000, count // 3, 1, fixed)
        latencies(root, lone, 1, seconds)
        each = idle_bytes(_fresh(root, "idle"), connections)
        print(
            f"resident memory an idle connection ({connections:,}): {each / 1024:.1f} KiB"
        )


if __name__ == "__main__":
    main()
