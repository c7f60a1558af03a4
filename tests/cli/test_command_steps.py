from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.command_steps import exit_code, is_over, state, steps
from gatewaykit.interfaces import Record

NOW = "2026-01-31T13:00:00.000Z"
STAMPS = ("sent_at", "confirmed_at", "verified_at", "failed_at")


def at(second: int) -> str:
    return f"2026-01-31T12:00:{second:02}.000Z"


def record(status: str = "pending", reason: str | None = None, **more: Any) -> Record:
    return {
        "id": "5f2a9c01b2d4",
        "imei": "865083030000012",
        "kind": "block",
        "status": status,
        "reason": reason,
        "created_at": at(0),
        **dict.fromkeys(STAMPS),
        "attempts": 0,
    } | more


PENDING = record()
SENT = record("sent", sent_at=at(1), attempts=1)
CONFIRMED = SENT | {"status": "confirmed", "confirmed_at": at(2)}
VERIFIED = CONFIRMED | {"verified_at": at(3)}


class StepsTests(SynchronousTestCase):
    def told(
        self, before: Record | None, after: Record
    ) -> list[tuple[str, str, str | None]]:
        return [
            (step.at, step.state, step.reason) for step in steps(before, after, NOW)
        ]

    def test_first_record(self) -> None:
        after = record(reason="waiting: offline")
        self.assertEqual(
            self.told(None, after), [(at(0), "pending", "waiting: offline")]
        )

    def test_one_by_one(self) -> None:
        self.assertEqual(self.told(PENDING, SENT), [(at(1), "sent", None)])
        self.assertEqual(self.told(SENT, CONFIRMED), [(at(2), "confirmed", None)])
        self.assertEqual(self.told(CONFIRMED, VERIFIED), [(at(3), "verified", None)])

    def test_nothing_new(self) -> None:
        for same in (PENDING, SENT, CONFIRMED, VERIFIED):
            self.assertEqual(self.told(same, dict(same)), [])

    def test_states_between_two_reads_are_told_with_their_times(self) -> None:
        self.assertEqual(
            self.told(None, VERIFIED),
            [
                (at(0), "pending", None),
                (at(1), "sent", None),
                (at(2), "confirmed", None),
                (at(3), "verified", None),
            ],
        )
        self.assertEqual(len(self.told(PENDING, VERIFIED)), 3)

    def test_new_reason_is_of_now(self) -> None:
        after = record(reason="waiting: speed 63 km/h")
        self.assertEqual(
            self.told(PENDING, after), [(NOW, "pending", "waiting: speed 63 km/h")]
        )

    def test_failed_after_it_was_sent(self) -> None:
        failed = SENT | {"status": "failed", "reason": "no ack", "failed_at": at(9)}
        self.assertEqual(
            self.told(PENDING, failed),
            [(at(1), "sent", None), (at(9), "failed", "no ack")],
        )

    def test_failed_is_never_verified(self) -> None:
        failed = VERIFIED | {"status": "failed", "failed_at": at(4)}
        self.assertEqual(self.told(VERIFIED, failed), [(at(4), "failed", None)])

    def test_next_attempt(self) -> None:
        again = SENT | {"attempts": 2, "sent_at": at(8)}
        (step,) = steps(SENT, again, NOW)
        self.assertEqual((step.at, step.state, step.attempts), (at(8), "sent", 2))
        (step,) = steps(SENT, SENT | {"attempts": 2}, NOW)
        self.assertEqual(step.at, NOW)

    def test_pending_again(self) -> None:
        back = SENT | {"status": "pending"}
        self.assertEqual(self.told(SENT, back), [(NOW, "pending", None)])

    def test_record_of_a_step_is_as_it_was_then(self) -> None:
        records = [step.record for step in steps(None, VERIFIED, NOW)]
        self.assertEqual(
            [[r[stamp] is not None for stamp in STAMPS] for r in records],
            [
                [False] * 4,
                [True, False, False, False],
                [True, True, False, False],
                [True, True, True, False],
            ],
        )
        self.assertEqual(
            [r["status"] for r in records],
            ["pending", "sent", "confirmed", "confirmed"],
        )

    @given(st.lists(st.sampled_from([PENDING, SENT, CONFIRMED, VERIFIED]), max_size=6))
    def test_however_often_it_is_read_each_state_is_told_once(
        self, reads: list[Record]
    ) -> None:
        before: Record | None = None
        states: list[str] = []
        order = [PENDING, SENT, CONFIRMED, VERIFIED]
        for after in sorted(reads, key=order.index):
            states += [step.state for step in steps(before, after, NOW)]
            before = after
        names = ["pending", "sent", "confirmed", "verified"]
        self.assertEqual(states, names[: len(states)])
        if reads:
            self.assertEqual(states[-1], state(before or {}))


class OutcomeTests(SynchronousTestCase):
    def test_block_is_done_when_it_is_verified(self) -> None:
        failed = record("failed")
        for seen, code, over in (
            (PENDING, 7, False),
            (SENT, 7, False),
            (CONFIRMED, 6, False),
            (VERIFIED, 0, True),
            (failed, 1, True),
        ):
            for kind in ("block", "unblock"):
                of_kind = seen | {"kind": kind}
                self.assertEqual((exit_code(of_kind), is_over(of_kind)), (code, over))

    def test_others_are_done_when_they_are_confirmed(self) -> None:
        for seen, code in ((PENDING, 7), (SENT, 7), (CONFIRMED, 0), (VERIFIED, 0)):
            self.assertEqual(exit_code(seen | {"kind": "server"}), code)
