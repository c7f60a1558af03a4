"""Round trips one after another, from a process of its own: AT+CSQ and its answer.

``python -m benchmarks.trips KIND WHERE --count N`` prints one JSON object of seconds.

* pty: by `os.write` and `os.read` on a line;
* protocol: by `ATProtocol` on a line, its caller in the same process;
* live: by the verb SendATCommand of a gateway, which asks its modem each time;
* refused: the same of a command that is not allowed: all that the gateway does for a live
  one, audit trail included, but for the modem;
* cached: by the verb GNSSLocation, which is answered from what was read before.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import tty
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from gatewaykit.errors import MisuseError
from gatewaykit.rpc.client import connect
from gatewaykit.serialline import line_endpoint
from gatewaykit.sim7600.at import ECHO_OFF, ATProtocol, Figures
from gatewaykit.sim7600.commands import passed_through

COMMAND = "AT+CSQ"
_NOT_ALLOWED = "AT+CSQ=?"
_WARM_UP = 200


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Of at least one round trip."""
    seconds = sorted(seconds)
    return {
        "p50": seconds[len(seconds) // 2],
        "p99": seconds[int(len(seconds) * 0.99)],
        "total": sum(seconds),
    }


def by_system_calls(path: str, count: int) -> list[float]:
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)

    def trip(command: str) -> float:
        start = time.perf_counter()
        os.write(fd, command.encode() + b"\r")
        answer = b""
        while not answer.endswith(b"OK\r\n"):
            answer += os.read(fd, 4096)
        return time.perf_counter() - start

    trip("ATE0")
    seconds = [trip(COMMAND) for _ in range(count + _WARM_UP)]
    os.close(fd)
    return seconds[_WARM_UP:]


async def by_protocol(reactor: Any, path: str, count: int) -> list[float]:
    command = passed_through(COMMAND, [COMMAND], 3.0)
    gone: Deferred[None] = Deferred()
    line = ATProtocol(
        reactor,
        Figures(),
        made=lambda _: None,
        heard=lambda _: None,
        stuck=lambda _: None,
        lost=lambda _: gone.callback(None),
    )
    factory = Factory.forProtocol(lambda: line)
    await line_endpoint(reactor, path, 115_200).connect(factory)
    await line.execute(ECHO_OFF)
    seconds = await _timed(lambda: line.execute(command), count)
    line.transport.loseConnection()
    await gone
    return seconds


async def by_verb(reactor: Any, kind: str, endpoint: str, count: int) -> list[float]:
    client = await connect(endpoint, reactor)

    async def refused() -> None:
        try:
            await client.send_at_command(_NOT_ALLOWED)
        except MisuseError:
            return
        raise AssertionError(_NOT_ALLOWED)

    asked: dict[str, Callable[[], Awaitable[Any]]] = {
        "live": lambda: client.send_at_command(COMMAND),
        "refused": refused,
        "cached": client.gnss_location,
    }
    seconds = await _timed(asked[kind], count)
    await client.close()
    return seconds


async def _timed(ask: Callable[[], Awaitable[Any]], count: int) -> list[float]:
    seconds = []
    for _ in range(count + _WARM_UP):
        start = time.perf_counter()
        await ask()
        seconds.append(time.perf_counter() - start)
    return seconds[_WARM_UP:]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "kind", choices=("pty", "protocol", "live", "refused", "cached")
    )
    parser.add_argument("where", help="path of a line, or endpoint of a gateway")
    parser.add_argument("--count", type=int, required=True)
    asked = parser.parse_args()

    async def measure(reactor: Any) -> None:
        if asked.kind == "protocol":
            seconds = await by_protocol(reactor, asked.where, asked.count)
        else:
            seconds = await by_verb(reactor, asked.kind, asked.where, asked.count)
        print(json.dumps(percentiles(seconds)), flush=True)

    if asked.kind == "pty":
        print(json.dumps(percentiles(by_system_calls(asked.where, asked.count))))
        return
    # react() ends with the reactor's own exit status.
    task.react(lambda reactor: Deferred.fromCoroutine(measure(reactor)))


if __name__ == "__main__":
    main()
