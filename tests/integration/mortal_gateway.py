"""A trackers' port with commands that ends itself by SIGKILL at a moment of one's choice.

Run as a program: for each line of JSON on standard input it forks a gateway, which has
everything imported but the reactor. So a life costs a tenth of a second.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gatewaykit import access
from gatewaykit.access import Principal, Role
from gatewaykit.gv50 import dispatch, fleet, tracker
from gatewaykit.gv50.connection import TrackerProtocol
from gatewaykit.gv50.models import model_of
from gatewaykit.gv50.passwords import Passwords
from gatewaykit.gv50.reports import render
from gatewaykit.sections import CommandsSettings, Gv50Settings
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.vehicles import CommandChange

MOMENTS = (
    "before sent is handed over",
    "while sent is committed",
    "before the bytes",
    "after the bytes",
    "before confirmed is handed over",
    "while confirmed is committed",
    "after confirmed",
)
LOOK_S = 0.02
_QUESTION = b"AT+GTRTO=gv50,1,"
"""For a position, by the gateway itself."""
DISPATCHER = Principal("uid:1000", frozenset({Role.DISPATCHER}), "unix")


def tell(**what: Any) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


class MortalStore(SqliteStore):
    """A store whose gateway dies at a change of a command's state."""

    moment = ""

    def change_command(self, change: CommandChange) -> Deferred[bool]:
        status = change.set.get("status")
        if self.moment == f"before {status} is handed over":
            die()
        changing = super().change_command(change)
        if self.moment == f"while {status} is committed":
            # The writer's thread has it; how far it comes is chance.
            time.sleep(int.from_bytes(os.urandom(1)) / 255 * 0.002)
            die()
        if (status, self.moment) in {
            ("sent", "before the bytes"),
            ("confirmed", "after confirmed"),
        }:
            changing.addCallback(lambda _: die())
        return changing


class MortalProtocol(TrackerProtocol):
    """A connection whose gateway dies when a command is written."""

    def write_command(self, data: bytes, limit_s: float) -> bool:
        written = super().write_command(data, limit_s)
        if _QUESTION not in data:
            die()
        return written


async def live(reactor: Any, job: dict[str, Any]) -> None:
    """One life: until the moment of death, or the end of the device's connection."""
    dispatch.LOOK_S = LOOK_S
    if job["moment"] == "after the bytes":
        tracker.TrackerProtocol = MortalProtocol  # type: ignore[misc]
    store = MortalStore(Path(job["path"]), reactor, render, model_of)
    store.moment = job["moment"]
    await store.start()

    def wall_ms() -> int:
        return int(time.time() * 1000)

    own = Gv50Settings()
    devices = fleet.Fleet(
        store, reactor, wall_ms, unknown_devices="accept", unknown_after=600
    )
    commands = dispatch.Dispatch(
        store,
        devices,
        reactor,
        wall_ms,
        CommandsSettings(block_level="1", **job["settings"]),
        Passwords(None),
    )
    factory = tracker.TrackerFactory(store, devices, reactor, wall_ms, own)
    await devices.start()
    await commands.start()
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    tell(port=port.getHost().port)
    device = None
    while device is None or device.whereabouts is None:
        await deferLater(reactor, 0.005)
        device = devices.device(job["imei"])
    if job["kind"]:
        await commands.queue(DISPATCHER, job["imei"], job["kind"], {})
    while device.connection is not None:
        await deferLater(reactor, 0.005)
    await commands.stop()
    await tell_all(store)
    await store.stop()


async def tell_all(store: SqliteStore) -> None:
    records: list[Any] = []
    cursor = None
    while True:
        page = await store.audit(cursor)
        records += page.records
        if (cursor := page.cursor) is None:
            break
    tell(
        commands=(await store.commands()).records,
        outcomes=[record["outcome"] for record in records],
        broken=access.verify(records),
    )


def run(job: dict[str, Any]) -> None:
    from twisted.internet import reactor  # noqa: PLC0415 - not before the fork

    def begin() -> None:
        living = Deferred.fromCoroutine(live(reactor, job))
        living.addErrback(lambda failure: tell(trouble=failure.getTraceback()))
        living.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()


def main() -> None:
    while line := sys.stdin.readline():
        pid = os.fork()
        if not pid:
            try:
                run(json.loads(line))
            except BaseException:  # noqa: BLE001 - a child must not become a second parent
                tell(trouble=traceback.format_exc())
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        tell(ended=os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
