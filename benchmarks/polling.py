"""Clients that poll a gateway's modem, in a process of its own, on plain sockets.

Run as ``python -m benchmarks.polling``; it shares the machine with the gateway that it
measures, so it must cost little: requests are made beforehand, and of an answer only the
number of the request is looked at. Prints a line when it begins to measure and one JSON
object at the end.
"""

from __future__ import annotations

import argparse
import json
import select
import selectors
import socket
import sys
import time

import attrs
from twisted.protocols import amp

from benchmarks.trips import percentiles
from gatewaykit.rpc import verbs
from gatewaykit.rpc.verb import Verb

POLLED: tuple[type[Verb], ...] = (verbs.NetworkStatus, verbs.GNSSLocation)
_BOX_END = b"\0\0"
_ANSWER = b"\x00\x07_answer\x00"


@attrs.define(eq=False)
class Client:
    """Asks for status and position at once, and again when it is time and both are there."""

    connection: socket.socket
    requests: bytes
    due: float = 0.0
    awaited: int = 0


class Load:
    """:param connections: the clients share them, as evenly as may be."""

    def __init__(self, port: int, clients: int, connections: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._rests: dict[socket.socket, bytes] = {}
        self._clients: list[Client] = []
        sockets = []
        for _ in range(connections):
            made = socket.create_connection(("127.0.0.1", port))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._rests[made] = b""
            self._selector.register(made, selectors.EVENT_READ)
            sockets.append(made)
            if len(self._clients) < clients:
                # A gateway has little patience with many who say nothing.
                self._add(made)
                self._settle(self._clients[-1])
        while len(self._clients) < clients:
            self._add(sockets[len(self._clients) % connections])

    def _add(self, connection: socket.socket) -> None:
        number = b"%x" % len(self._clients)
        boxes = [
            amp.AmpBox({amp.COMMAND: verb.commandName, amp.ASK: number})
            for verb in POLLED
        ]
        requests = b"".join(box.serialize() for box in boxes)
        self._clients.append(Client(connection, requests))

    def _settle(self, client: Client) -> None:
        self._poll(client, time.perf_counter())
        while client.awaited:
            self._answers(10.0)

    def _poll(self, client: Client, due: float) -> None:
        client.due = due
        client.awaited = len(POLLED)
        # Never more of one client than its connection takes at once.
        client.connection.sendall(client.requests)

    def _answers(self, wait_s: float) -> list[Client]:
        """Whose answers have come in; one client may be there several times."""
        answered = []
        # epoll by itself waits in whole milliseconds, longer than an answer takes.
        select.select([self._selector], [], [], wait_s)
        for key, _ in self._selector.select(0):
            connection: socket.socket = key.fileobj  # type: ignore[assignment]
            data = connection.recv(1 << 18)
            if not data:
                sys.exit("the gateway closed a connection")
            *boxes, rest = (self._rests[connection] + data).split(_BOX_END)
            self._rests[connection] = rest
            for box in boxes:
                if not box.startswith(_ANSWER):
                    sys.exit(f"no answer: {box[:200]!r}")
                at = len(_ANSWER)
                number = int(box[at + 1 : at + 1 + box[at]], 16)
                client = self._clients[number]
                client.awaited -= 1
                answered.append(client)
        return answered

    def run(self, rate: float, warm_up_s: float, seconds: float) -> dict[str, float]:
        """Poll by the clock; a client whose turn comes while it waits leaves that one out,
        as a `LoopingCall` does."""
        latencies: list[float] = []
        turn = polls = 0
        begin = time.perf_counter()
        step = 1 / rate / len(self._clients)
        measured_from = begin + warm_up_s
        cpu = 0.0
        measuring = False
        while True:
            now = time.perf_counter()
            if not measuring and now >= measured_from:
                measuring = True
                print("measuring", flush=True)
                cpu, measured_from = time.process_time(), time.perf_counter()
            if now >= measured_from + seconds:
                break
            while begin + turn * step <= now:
                client = self._clients[turn % len(self._clients)]
                if not client.awaited:
                    # From when it should have been sent: a late generator hides nothing.
                    self._poll(client, begin + turn * step)
                    polls += measuring
                turn += 1
            until_next = begin + turn * step - time.perf_counter()
            answered = self._answers(max(0.0, until_next))
            if measuring:
                now = time.perf_counter()
                latencies += [now - client.due for client in answered]
        took = time.perf_counter() - measured_from
        wanted = len(self._clients) * len(POLLED) * rate
        return percentiles(latencies) | {
            "answers": len(latencies) / took,
            "wanted": wanted,
            "cpu": (time.process_time() - cpu) / took,
        }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--warm-up", type=float, default=1.5)
    parser.add_argument("--seconds", type=float, default=10.0)
    asked = parser.parse_args()
    load = Load(asked.port, asked.clients, asked.connections)
    print(json.dumps(load.run(asked.rate, asked.warm_up, asked.seconds)), flush=True)


if __name__ == "__main__":
    main()
