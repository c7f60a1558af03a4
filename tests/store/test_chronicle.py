"""Events of reports: each once, at its own time, and by the device's own clock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from unittest import mock

import attrs

from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import JournalEntry, Record
from gatewaykit.store import chronicle, folding
from gatewaykit.store.chronicle import Chronicle
from gatewaykit.store.sqlite import SqliteStore
from gatewaykit.store.writes import DAY_MS
from tests.store.support import IMEI, NOW_MS, StoreTestCase, entry

OTHER = "865083030000020"


@attrs.frozen
class Happened:
    event: str
    at_ms: int
    details: Record


def happening(raw: bytes, received_at: int, offset: int | None) -> Happened | None:
    fields = json.loads(raw)
    if "event" not in fields:
        return None
    if fields["event"] == "broken":
        raise ZeroDivisionError
    at = fields.get("at", received_at)
    return Happened(fields["event"], at, {"offset": offset})


def offset_of(raw: bytes) -> int | None:
    offset = json.loads(raw).get("offset")
    if offset == "broken":
        raise ZeroDivisionError
    found: int | None = offset
    return found


READS = Chronicle(frozenset({"GTIGN", "GTSOS"}), happening, offset_of)


def event(number: int, name: str, imei: str = IMEI, **fields: object) -> JournalEntry:
    return entry(number, imei, type="GTIGN", fields={"event": name, **fields})


class ChronicleTests(StoreTestCase):
    async def open(self, **options: object) -> SqliteStore:
        return await super().open(**{"chronicle": READS, **options})

    async def told(self, imei: str | None = None) -> Sequence[str]:
        page = await self.store.events(imei, max_bytes=1 << 30, limit=100_000)
        return [record["event"] for record in page.records]

    async def test_report_makes_its_event_once(self) -> None:
        await self.store.append([event(1, "ignition_on"), entry(2)])
        self.assertEqual(await self.told(), ["ignition_on"])
        await self.store.append([event(1, "ignition_on"), event(3, "ignition_off")])
        self.assertEqual(await self.told(), ["ignition_on", "ignition_off"])
        await self.reopen()
        self.assertEqual(await self.told(), ["ignition_on", "ignition_off"])

    async def test_other_types_are_not_looked_at(self) -> None:
        await self.store.append([entry(1, fields={"event": "ignition_on"})])
        self.assertEqual(await self.told(), [])

    async def test_one_of_those_types_may_be_none(self) -> None:
        await self.store.append([entry(1, type="GTIGN"), event(2, "sos")])
        self.assertEqual(await self.told(), ["sos"])

    async def test_it_has_the_time_of_the_event(self) -> None:
        await self.store.append([event(1, "tow", at=NOW_MS - 5000)])
        (record,) = (await self.store.events()).records
        self.assertEqual(record["at"], "2026-01-31T11:59:55.000Z")

    async def test_many_events_are_folded_in_pieces(self) -> None:
        self.patch(chronicle, "EVENT_ROWS", 7)
        self.patch(folding, "FOLD_ROWS", 30)
        names = [f"e{n}" for n in range(100)]
        await self.store.append([event(n, name) for n, name in enumerate(names)])
        self.assertEqual(await self.told(), names)

    async def test_report_that_cannot_be_read_holds_up_none(self) -> None:
        await self.store.append(
            [
                event(1, "broken"),
                event(2, "sos", offset="broken"),
                event(3, "tow", at=-(10**15)),
                event(4, "crash"),
            ]
        )
        self.assertEqual(await self.told(), ["sos", "crash"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    async def test_quarantined_reports_make_none_until_accepted(self) -> None:
        await self.store.set_policy(IMEI, "quarantined")
        await self.store.quarantine([event(1, "sos")])
        self.assertEqual(await self.told(), [])
        await self.store.set_policy(IMEI, "accepted")
        self.assertEqual(await self.told(), ["sos"])

    async def test_no_report_goes_before_its_event_is_told(self) -> None:
        await self.store.append([event(n, "sos") for n in range(50)])
        await self.reopen(retention_bytes=1)
        await self.store._expire()
        self.assertEqual((await self.store.history(IMEI)).records, [])
        with sqlite3.connect(self.path) as other:
            (last,) = other.execute(
                "SELECT seq FROM sqlite_sequence WHERE name = 'device_events'"
            ).fetchone()
        other.close()
        self.assertEqual(last, 50)

    async def test_reports_not_yet_told_are_kept(self) -> None:
        await self.store.append([event(n, "sos") for n in range(5)])
        error = sqlite3.OperationalError("database or disk is full")
        self.wall = NOW_MS + 10 * DAY_MS
        await self.store.history(IMEI)
        await self.store.device(IMEI)
        with mock.patch.object(chronicle, "fold", side_effect=error):
            await self.store.stop()
            self.store = await self.open(retention_days=2)
            await self.changed(self.store, lambda failure: failure is not None)
        await self.changed(self.store, lambda failure: failure is None)
        self.assertEqual(len((await self.store.history(IMEI)).records), 5)
        self.assertEqual(len(await self.told()), 5)

    async def test_read_that_would_leave_an_event_out_is_refused(self) -> None:
        await self.store.append([event(1, "sos")])
        self.store._writer.fail(sqlite3.OperationalError("disk is full"))
        with self.assertRaises(StoreUnavailable):
            await self.store.events()

    async def test_without_a_chronicle_reports_are_none(self) -> None:
        await self.reopen(chronicle=chronicle.NOTHING_HAPPENS)
        await self.store.append([event(1, "sos")])
        await self.store._fold_all()
        self.assertEqual(await self.told(), [])
        await self.reopen()
        await self.store.append([event(2, "tow")])
        self.assertEqual(await self.told(), ["tow"])


class ClockTests(StoreTestCase):
    """The offset of a device's clock: estimated, or set."""

    async def open(self, **options: object) -> SqliteStore:
        return await super().open(chronicle=READS, **options)

    async def zone(self, imei: str = IMEI) -> tuple[str | None, str | None]:
        await self.store.events()
        device = await self.store.device(imei)
        assert device is not None
        return device["timezone_offset"], device["timezone_source"]

    async def test_it_is_not_known_at_first(self) -> None:
        await self.store.append([entry(1)])
        self.assertEqual(await self.zone(), (None, None))

    async def test_events_tell_it(self) -> None:
        await self.store.append([event(1, "sos", offset=-180), event(2, "sos")])
        self.assertEqual(await self.zone(), ("-03:00", "estimated"))
        await self.store.append([event(3, "sos", offset=-120)])
        self.assertEqual(await self.zone(), ("-02:00", "estimated"))
        await self.store.append([event(4, "sos", offset=-120)])
        offsets = [e["details"]["offset"] for e in (await self.store.events()).records]
        self.assertEqual(offsets, [-180, -180, -120, -120])

    async def test_other_reports_tell_what_nobody_knows_yet(self) -> None:
        await self.store.append([entry(1, fields={"offset": 345})])
        self.assertEqual(await self.zone(), ("+05:45", "estimated"))
        await self.store.append([entry(2, fields={"offset": 60})])
        self.assertEqual(await self.zone(), ("+05:45", "estimated"))

    async def test_not_all_of_them_are_asked_at_once(self) -> None:
        self.patch(chronicle, "GUESSES", 2)
        imeis = [f"86508303000{n:04}" for n in range(4)]
        for number in range(2):
            await self.store.append(
                [
                    entry(number * 10 + n, imei, fields={"offset": 60})
                    for n, imei in enumerate(imeis)
                ]
            )
            await self.store.events()
        self.assertEqual(
            [await self.zone(imei) for imei in imeis], [("+01:00", "estimated")] * 4
        )

    async def test_what_is_set_goes_before_what_is_estimated(self) -> None:
        await self.store.register(IMEI, {"timezone_offset_min": 60})
        await self.store.append([event(1, "sos", offset=-180)])
        self.assertEqual(await self.zone(), ("+01:00", "set"))
        (record,) = (await self.store.events()).records
        self.assertEqual(record["details"], {"offset": 60})
        await self.store.register(IMEI, {"timezone_offset_min": None})
        self.assertEqual(await self.zone(), ("-03:00", "estimated"))

    async def test_history_tells_when_it_was_sent(self) -> None:
        stamp = "20260131090000"
        await self.store.append(
            [entry(1, fields={"send_time": stamp}), entry(2, OTHER)]
        )
        (record,) = (await self.store.history(IMEI)).records
        self.assertIsNone(record["sent_at"])
        await self.store.register(IMEI, {"timezone_offset_min": -180})
        (record,) = (await self.store.history(IMEI)).records
        self.assertEqual(record["sent_at"], "2026-01-31T12:00:00.000Z")
        (record,) = (await self.store.history(OTHER)).records
        self.assertIsNone(record["sent_at"])
