from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import Principal, Role
from gatewaykit.bridges.lx200_diary import MINUTE_S, RECORDS_A_MINUTE, Diary
from gatewaykit.errors import DeviceRefused, GatewayError
from gatewaykit.rpc.trail import Trail
from gatewaykit.testing import MemoryStore

WHO = Principal("lx200", frozenset({Role.OPERATOR}), "tcp:10.0.0.1:40000")
REFUSED = DeviceRefused("the mount", "a slew", "it is parked")


class DiaryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.store = MemoryStore(self.clock)
        trail = Trail(self.store, self.clock, lambda: 0)
        self.diary = Diary(trail, self.clock)

    def note(
        self,
        verb: str,
        error: GatewayError | None = None,
        host: str = "10.0.0.1",
        **arguments: Any,
    ) -> None:
        self.diary.note(host, WHO, verb, arguments, error)

    def written(self) -> list[tuple[str, dict[str, str], str]]:
        return [
            (record["what"], record["arguments"], record["outcome"])
            for record in self.store.audit_records
        ]

    def test_a_record(self) -> None:
        self.note("MountSlew", right_ascension_h=5.5, declination_deg=-5.0)
        (record,) = self.store.audit_records
        self.assertEqual(
            (record["who"], record["from_where"]), ("lx200", "tcp:10.0.0.1:40000")
        )
        arguments = {"right_ascension_h": "5.5", "declination_deg": "-5.0"}
        self.assertEqual(self.written(), [("MountSlew", arguments, "done")])

    def test_a_record_of_an_error(self) -> None:
        self.note("MountSlew", REFUSED)
        self.assertEqual(self.written(), [("MountSlew", {}, "failed: DEVICE_REFUSED")])

    def test_many_become_one(self) -> None:
        for _ in range(RECORDS_A_MINUTE + 7):
            self.note("MountStop")
        self.assertEqual(len(self.written()), RECORDS_A_MINUTE)
        self.clock.advance(MINUTE_S)
        self.assertEqual(
            self.written()[RECORDS_A_MINUTE:], [("MountStop", {"more": "7"}, "done")]
        )
        self.note("MountStop")
        self.assertEqual(len(self.written()), RECORDS_A_MINUTE + 2)

    def test_pulses_become_one_sooner(self) -> None:
        for number in range(50):
            self.note("MountGuide", direction="north", duration_ms=number)
        self.clock.advance(MINUTE_S)
        self.assertEqual(
            self.written(),
            [
                ("MountGuide", {"direction": "north", "duration_ms": "0"}, "done"),
                ("MountGuide", {"more": "49"}, "done"),
            ],
        )

    def test_every_verb_outcome_and_address_by_itself(self) -> None:
        for host in ("10.0.0.1", "10.0.0.2"):
            for error in (None, REFUSED):
                for verb in ("MountGuide", "MountStop"):
                    self.note(verb, error, host)
        self.assertEqual(len(self.written()), 8)

    def test_minute_with_little(self) -> None:
        self.note("MountGuide")
        self.clock.advance(MINUTE_S)
        self.assertEqual(len(self.written()), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end(self) -> None:
        for _ in range(3):
            self.note("MountGuide")
        self.successResultOf(self.diary.close())
        self.assertEqual(
            self.written(),
            [("MountGuide", {}, "done"), ("MountGuide", {"more": "2"}, "done")],
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_end_waits_for_the_store(self) -> None:
        written: Deferred[Any] = Deferred()
        self.patch(self.store, "append_audit", lambda _: written)
        self.note("MountStop")
        closing = self.diary.close()
        self.assertNoResult(closing)
        written.callback({})
        self.successResultOf(closing)

    def test_store_that_is_away(self) -> None:
        self.store.failure = "disk full"
        self.note("MountStop")
        self.successResultOf(self.diary.close())
        self.assertEqual(self.written(), [])
