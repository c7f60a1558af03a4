from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit import access
from gatewaykit.errors import MisuseError, StoreUnavailable
from gatewaykit.interfaces import DeviceChange, DeviceRow, IStore, Page
from gatewaykit.testing import MemoryStore

IMEI = "864000000000001"
OTHER = "864000000000002"


def report(stamp: str, imei: str = IMEI, **more: Any) -> dict[str, Any]:
    return {
        "id": stamp,
        "imei": imei,
        "type": "GTFRI",
        "received_at": "2026-02-01T00:00:00.000Z",
        "positions": [{"gps_time": stamp, "longitude": 1.5}],
        **more,
    }


class MemoryStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1.0)
        self.store = MemoryStore(self.clock)

    def get(self, call: Deferred[Any]) -> Any:
        return self.successResultOf(call)

    def test_it_is_a_store(self) -> None:
        self.assertTrue(verifyObject(IStore, self.store))

    def test_history_is_by_time_and_a_page_full_exactly_at_the_end_is_the_last(
        self,
    ) -> None:
        for stamp in ("2026-01-31T12:00:02Z", "2026-01-31T12:00:01Z"):
            self.store.add_report(report(stamp))
        self.store.add_report(report("2026-01-31T12:00:00Z", OTHER))
        page = self.get(self.store.history(IMEI, limit=2))
        self.assertEqual([r["id"][-3:] for r in page.records], ["01Z", "02Z"])
        self.assertIsNone(page.cursor)

    def test_history_between_and_behind_a_cursor(self) -> None:
        for second in range(5):
            self.store.add_report(report(f"2026-01-31T12:00:0{second}Z"))
        between: dict[str, Any] = {"since": 20260131120001, "until": 20260131120003}
        page = self.get(self.store.history(IMEI, **between, limit=2))
        rest = self.get(self.store.history(IMEI, **between, cursor=page.cursor))
        self.assertEqual(len(page.records) + len(rest.records), 3)

    def test_a_report_without_gps_time_is_found_by_its_receipt(self) -> None:
        record = report("", positions=[{"gps_time": None}])
        self.store.add_report(record)
        found = self.get(self.store.history(IMEI, since=20260201000000))
        self.assertEqual(found.records, [record | {"sent_at": None}])
        self.assertIsNone(self.get(self.store.latest_position(IMEI)))

    def test_page_ends_before_it_is_too_long(self) -> None:
        for second in range(4):
            self.store.add_report(report(f"2026-01-31T12:00:0{second}Z", raw="x" * 500))
        page = self.get(self.store.history(IMEI, max_bytes=1600))
        self.assertEqual(len(page.records), 2)
        page = self.get(self.store.history(IMEI, max_bytes=1))
        self.assertEqual(len(page.records), 1)

    def test_latest_position_moves_forward_only(self) -> None:
        for second in (1, 3, 2):
            self.store.add_report(report(f"2026-01-31T12:00:0{second}Z"))
        latest = self.get(self.store.latest_position(IMEI))
        self.assertEqual(latest["gps_time"], "2026-01-31T12:00:03Z")

    def test_a_report_tells_when_it_was_sent_by_the_device_s_clock(self) -> None:
        record = report("2026-01-31T12:00:00Z", send_time="20260131090003")
        self.store.add_report(record)

        def sent_at() -> str | None:
            (found,) = self.get(self.store.history(IMEI)).records
            sent: str | None = found["sent_at"]
            return sent

        self.assertIsNone(sent_at())
        self.store.timezone_estimates[IMEI] = -180
        self.assertEqual(sent_at(), "2026-01-31T12:00:03.000Z")
        device = self.get(self.store.device(IMEI))
        self.assertEqual(device["timezone_source"], "estimated")
        self.get(self.store.register(IMEI, {"timezone_offset_min": -120}))
        self.assertEqual(sent_at(), "2026-01-31T11:00:03.000Z")

    def test_answers_are_copies(self) -> None:
        self.store.add_report(report("2026-01-31T12:00:00Z"))
        self.get(self.store.device(IMEI))["status"] = "stolen"
        self.assertEqual(self.get(self.store.device(IMEI))["status"], "unknown")
        self.assertIsNone(self.get(self.store.device(OTHER)))

    def test_what_is_no_json_is_refused(self) -> None:
        with self.assertRaises(TypeError):
            self.store.add_report(report("2026-01-31T12:00:00Z", raw=b"bytes"))

    def test_devices_by_imei(self) -> None:
        for imei in (OTHER, IMEI):
            self.get(self.store.set_policy(imei, "refused"))
        page = self.get(self.store.devices(limit=1))
        self.assertEqual([d["imei"] for d in page.records], [IMEI])
        page = self.get(self.store.devices(cursor=page.cursor))
        self.assertEqual([d["imei"] for d in page.records], [OTHER])

    def test_changes_and_their_events(self) -> None:
        changes = [
            DeviceChange(IMEI, "online", 1000, 1500, "online", policy="quarantined"),
            DeviceChange(IMEI, "online", 1000, 1200, policy="accepted"),
            DeviceChange(
                IMEI, "online", 1000, 1500, "takeover", {"peer": "x"}, at=1500
            ),
            DeviceChange(OTHER, "unknown", 0, 0),
        ]
        self.get(self.store.record_changes(changes))
        self.assertEqual(
            self.get(self.store.load_devices()),
            [
                DeviceRow(IMEI, "online", 1000, 1500, "quarantined"),
                DeviceRow(OTHER, "unknown", 0, 0, "accepted"),
            ],
        )
        first = self.get(self.store.events(limit=1))
        self.assertEqual(first.records[0]["at"], "1970-01-01T00:00:01.000Z")
        second = self.get(self.store.events(IMEI, first.cursor))
        self.assertEqual(
            second,
            Page(
                [
                    {
                        "id": 2,
                        "imei": IMEI,
                        "event": "takeover",
                        "at": "1970-01-01T00:00:01.500Z",
                        "details": {"peer": "x"},
                    }
                ],
                None,
            ),
        )
        self.assertEqual(self.get(self.store.events(OTHER)), Page([], None))

    def test_audit_trail_is_chained(self) -> None:
        who = access.Principal("uid:0", frozenset(access.Role), "unix")
        for _ in range(3):
            record = access.audit_record(who, "SetPolicy", {}, "now", "done")
            written = self.get(self.store.append_audit(record))
        self.assertEqual(written["sequence"], 3)
        page = self.get(self.store.audit(limit=2))
        rest = self.get(self.store.audit(page.cursor))
        self.assertIsNone(access.verify(page.records + rest.records))

    def test_misuse_is_refused(self) -> None:
        for call in (
            self.store.history(IMEI, cursor="5"),
            self.store.events(cursor="-"),
            self.store.audit(cursor="x"),
            self.store.devices(limit=0),
            self.store.set_policy(IMEI, "loved"),
        ):
            self.failureResultOf(call, MisuseError)

    def test_failure_is_everywhere(self) -> None:
        self.store.failure = "disk full"
        for call in (
            self.store.history(IMEI),
            self.store.load_devices(),
            self.store.acknowledge_damage(),
        ):
            self.failureResultOf(call, StoreUnavailable)
        self.store.failure = None
        self.assertEqual(self.get(self.store.acknowledge_damage()), 0)
