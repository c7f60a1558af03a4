"""What the tests of the store share: entries made by hand and a store on a fresh file."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from gatewaykit.interfaces import JournalEntry, Record
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.times import digits, iso

IMEI = "865083030000012"
NOW_MS = 1_769_860_800_000  # 2026-01-31T12:00:00Z


def frame(**fields: Any) -> bytes:
    """A frame in the tests' own form, which `render` reads back."""
    return json.dumps(fields).encode()


def render(identity: bytes, received_at: int, raw: bytes) -> Record:
    """A report record as the store expects it of the tracker side."""
    try:
        fields = json.loads(raw)
    except ValueError:  # like the real one, it takes any bytes
        fields = {}
    positions = []
    if fields.get("gps_time"):
        stamp = str(fields["gps_time"])
        positions.append(
            {
                "gps_time": f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}"
                f"T{stamp[8:10]}:{stamp[10:12]}:{stamp[12:]}Z",
                "longitude": fields.get("longitude"),
            }
        )
    return {
        "id": identity.hex(),
        "type": fields.get("type", "GTFRI"),
        "received_at": iso(received_at),
        "device_name": fields.get("name"),
        "protocol_version": "090302",
        "send_time": fields.get("send_time"),
        "positions": positions,
        "raw": raw.decode("latin-1"),
    }


def entry(number: int = 0, imei: str = IMEI, **changes: Any) -> JournalEntry:
    """The `number`-th report of a vehicle, a second apart."""
    gps_time = changes.pop("gps_time", digits(NOW_MS + 1000 * number))
    raw = changes.pop("raw", None) or frame(
        gps_time=gps_time, longitude=number, **changes.pop("fields", {})
    )
    return JournalEntry(
        id=blake2b(f"{imei} {number}".encode(), digest_size=16).digest(),
        imei=imei,
        type="GTFRI",
        send_time=gps_time or 0,
        time=gps_time or digits(NOW_MS),
        position_time=gps_time,
        ignition=None,
        outputs=None,
        received_at=NOW_MS + 1000 * number,
        raw=raw,
    )._replace(**changes)


class StoreTestCase(TestCase):
    """Gives each test a started store on a file of its own."""

    wall: int = NOW_MS

    async def setUp(self) -> None:  # type: ignore[override]
        self.path = Path(self.mktemp())
        self.store = await self.open()

    async def tearDown(self) -> None:  # type: ignore[override]
        await self.store.stop()

    async def open(self, **options: Any) -> SqliteStore:
        store = SqliteStore(
            self.path,
            reactor,
            render,
            lambda version: f"model of {version}",
            wall_ms=lambda: self.wall,
            **options,
        )
        await store.start()
        return store

    async def reopen(self, **options: Any) -> None:
        await self.store.stop()
        self.store = await self.open(**options)

    async def changed(self, store: SqliteStore, wanted: Callable[[Any], bool]) -> None:
        """Wait until the store's failure is as wanted."""
        if wanted(store.failure):
            return
        done: Deferred[None] = Deferred()

        def look(failure: str | None) -> None:
            if wanted(failure) and not done.called:
                done.callback(None)

        store.watch(look)
        await done
