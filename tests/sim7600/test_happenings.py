"""Events are kept, paged and told."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.sim7600.happenings import KEPT, Happenings


class HappeningsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.happenings = Happenings(lambda: 1_756_557_296_000)
        self.told: list[tuple[str, Record]] = []

    def listen(self, kind: str, record: Record) -> None:
        self.told.append((kind, record))


class PageTests(HappeningsTestCase):
    def test_an_event(self) -> None:
        self.happenings.happened("sms", index=3, storage="ME")
        page = self.happenings.page(None, 10)
        self.assertEqual(
            page.records,
            [
                {
                    "sequence": 1,
                    "at": "2025-08-30T12:34:56.000Z",
                    "event": "sms",
                    "details": {"index": 3, "storage": "ME"},
                }
            ],
        )
        self.assertIsNone(page.cursor)

    def test_pages_follow_one_another(self) -> None:
        for _ in range(5):
            self.happenings.happened("fix")
        seen: list[int] = []
        cursor: str | None = None
        while True:
            page = self.happenings.page(cursor, 2)
            seen += [record["sequence"] for record in page.records]
            cursor = page.cursor
            if cursor is None:
                break
        self.assertEqual(seen, [1, 2, 3, 4, 5])

    def test_the_oldest_are_forgotten(self) -> None:
        for _ in range(KEPT + 5):
            self.happenings.happened("fix")
        page = self.happenings.page(None, KEPT)
        self.assertEqual(len(page.records), KEPT)
        self.assertEqual(page.records[0]["sequence"], 6)

    def test_none_behind_the_last(self) -> None:
        self.happenings.happened("fix")
        self.assertEqual(self.happenings.page("1", 5).records, [])
        self.assertEqual(self.happenings.page("9" * 18, 5).records, [])

    def test_a_cursor_of_somebody_elses_making(self) -> None:
        for cursor in ("", "-1", "x", "²", "1 ", "9" * 5000):
            error = self.assertRaises(MisuseError, self.happenings.page, cursor, 5)
            self.assertEqual(error.name, "cursor")


class SubscriptionTests(HappeningsTestCase):
    def test_only_what_was_asked_for_is_told(self) -> None:
        self.happenings.subscribe(self.listen, "event")
        self.assertTrue(self.happenings.is_wanted("event"))
        self.assertFalse(self.happenings.is_wanted("nmea"))
        self.happenings.tell("nmea", {})
        self.happenings.happened("fix")
        self.assertEqual([kind for kind, _ in self.told], ["event"])

    def test_unsubscribing_twice_costs_nobody_else(self) -> None:
        unsubscribe = self.happenings.subscribe(self.listen, "event", "nmea")
        self.happenings.subscribe(self.listen, "event")
        unsubscribe()
        unsubscribe()
        self.happenings.happened("fix")
        self.happenings.tell("nmea", {})
        self.assertEqual(len(self.told), 1)

    def test_unknown_kinds(self) -> None:
        for kinds in ((), ("event", "weather")):
            self.assertRaises(
                MisuseError, self.happenings.subscribe, self.listen, *kinds
            )
        self.assertFalse(self.happenings.is_wanted("event"))

    def test_a_listener_that_fails_is_dropped_and_the_others_hear(self) -> None:
        def fail(kind: str, record: Record) -> None:
            raise RuntimeError(kind)

        unsubscribe = self.happenings.subscribe(fail, "event", "nmea")
        self.happenings.subscribe(self.listen, "event")
        self.happenings.happened("fix")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(len(self.told), 1)
        self.assertFalse(self.happenings.is_wanted("nmea"))
        unsubscribe()
        self.happenings.happened("fix")
        self.assertEqual(len(self.told), 2)

    def test_a_listener_may_leave_while_it_is_told(self) -> None:
        def leave(kind: str, record: Record) -> None:
            self.listen(kind, record)
            unsubscribe()

        unsubscribe = self.happenings.subscribe(leave, "event")
        self.happenings.subscribe(self.listen, "event")
        self.happenings.happened("fix")
        self.assertEqual(len(self.told), 2)
