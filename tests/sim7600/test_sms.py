from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sim7600.pdu import Concatenation, Message
from gatewaykit.sim7600.sms import SmsError, Stored, cmgl, cmgr, join, submit

PDU = "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
OURS = submit("+447700900123", "hellohello", 0).pdus[0].hex
NOON = datetime(2025, 8, 30, 12, tzinfo=UTC)
ENTRY = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            "+CMGL: 0,1,,37",
            '+CMGL: 1,"REC READ","+44","","25/08/30,12:34:56+04"',
            '+CMGL: 1,"REC READ',
            "+CMGL: 1",
            "+CMGL: 2,0",
            "+CMGL:",
            "",
            PDU,
            PDU[:50],
        ]
    ),
)


class Listing(SynchronousTestCase):
    def test_pdu_mode(self) -> None:
        stored = cmgl(
            [
                "+CMGL: 0,1,,37",
                PDU,
                '+CMGL: 7,0,"Ann, mobile",37',
                PDU.lower(),
                "+CMGL:12,2,,23",
                OURS,
                "+CMGL: 13,3,23",
                OURS,
            ]
        )
        self.assertEqual([one.index for one in stored], [0, 7, 12, 13])
        statuses = [one.status for one in stored]
        self.assertEqual(statuses, ["read", "unread", "unsent", "sent"])
        self.assertEqual(stored[1].message.text, "How are you?")
        self.assertEqual(stored[2].message.number, "+447700900123")
        self.assertEqual(stored[2].message.kind, "submit")

    def test_no_messages(self) -> None:
        self.assertEqual(cmgl([]), [])
        self.assertEqual(cmgl(["", "what is this"]), [])

    def test_text_mode(self) -> None:
        """Transcript T37 of facts/sim7600.md."""
        first, second = cmgl(
            [
                '+CMGL: 0,"REC READ","+447700900123","","25/08/30,12:34:56+04"',
                "Hello",
                '+CMGL: 1,"REC UNREAD","12345","","25/08/30,12:40:00+04"',
                "",
                "",
            ]
        )
        self.assertEqual((first.index, first.status), (0, "read"))
        self.assertEqual(
            first.message,
            Message(
                "deliver",
                "+447700900123",
                "Hello",
                datetime(2025, 8, 30, 11, 34, 56, tzinfo=UTC),
            ),
        )
        self.assertEqual((second.index, second.status), (1, "unread"))
        self.assertEqual(second.message.number, "12345")
        self.assertEqual(second.message.text, "")

    def test_text_mode_without_the_empty_line(self) -> None:
        (stored,) = cmgl(['+CMGL: 1,"REC UNREAD","12345","","25/08/30,12:40:00-20"'])
        self.assertEqual(stored.message.text, "")
        expected = datetime(2025, 8, 30, 17, 40, tzinfo=UTC)
        self.assertEqual(stored.message.sent_at, expected)

    def test_text_mode_with_line_ends_in_the_text(self) -> None:
        (stored,) = cmgl(
            [
                '+CMGL: 1,"REC READ","12345",,"25/08/30,12:40:00+00",145,5',
                "one",
                "",
                "three",
            ]
        )
        self.assertEqual(stored.message.text, "one\n\nthree")

    def test_text_mode_of_our_own(self) -> None:
        unsent, sent = cmgl(
            [
                '+CMGL: 1,"STO UNSENT","12345",""',
                "Hello",
                '+CMGL: 2,"STO SENT","12345","Ann, mobile","25/13/30,12:40:00+00"',
                "Hello",
            ]
        )
        self.assertEqual((unsent.status, sent.status), ("unsent", "sent"))
        self.assertEqual(unsent.message, Message("submit", "12345", "Hello", None))
        self.assertEqual(sent.message, unsent.message)

    def test_text_mode_with_odd_quotes(self) -> None:
        (stored,) = cmgl(['+CMGL: 1,"REC READ","12345"x,"","25', "Hello"])
        self.assertEqual(stored.message.number, "12345")
        self.assertIsNone(stored.message.sent_at)
        (stored,) = cmgl(['+CMGL: 1,"REC READ"', "Hello"])
        self.assertEqual(stored.message.number, "")

    def test_damaged_entry_is_left_out_and_told(self) -> None:
        damaged: list[tuple[int, str]] = []
        lines = [
            "+CMGL: 0,1,,37",
            PDU[:40],
            "+CMGL: 1,1,,37",
            PDU,
            "+CMGL: 2,1,,37",
            '+CMGL: 3,"REC ODDLY","12345"',
            "Hello",
            "+CMGL: 4,1,,37",
            PDU,
        ]
        stored = cmgl(lines, lambda index, error: damaged.append((index, error.reason)))
        self.assertEqual([one.index for one in stored], [1, 4])
        self.assertEqual([index for index, _ in damaged], [0, 2, 3])
        self.assertEqual(stored, cmgl(lines))

    def test_other_lines_behind_a_pdu_are_passed_over(self) -> None:
        for lines in (
            ["+CMGL: 0,1,,37", PDU + "\nODD"],
            ["+CMGL: 0,1,,37", PDU, "ODD"],
        ):
            (stored,) = cmgl(lines)
            self.assertEqual(stored.message.text, "How are you?")

    @given(st.lists(ENTRY, max_size=8))
    def test_any_lines_are_a_listing(self, lines: list[str]) -> None:
        damaged: list[int] = []
        stored = cmgl(lines, lambda index, _: damaged.append(index))
        self.assertLessEqual(len(stored) + len(damaged), len(lines))
        join(stored)


class OneMessage(SynchronousTestCase):
    def test_each_mode(self) -> None:
        by_pdu = cmgr(["+CMGR: 1,,37", PDU], 5)
        assert by_pdu is not None
        self.assertEqual((by_pdu.index, by_pdu.status), (5, "read"))
        self.assertEqual(by_pdu.message.text, "How are you?")
        head = '+CMGR: "REC UNREAD","+447700900123","","25/08/30,12:34:56+04"'
        by_text = cmgr([head, "OK"], 5)
        assert by_text is not None
        self.assertEqual((by_text.status, by_text.message.text), ("unread", "OK"))

    def test_empty_place_has_none(self) -> None:
        self.assertIsNone(cmgr([], 5))

    def test_damage_is_told(self) -> None:
        for lines in (
            ["+CMGR: 1,,37"],
            ["+CMGR: 1,,37", "00"],
            ["+CMGR: 9,,37", PDU],
            ["what"],
        ):
            with self.subTest(lines=lines):
                self.assertRaises(SmsError, cmgr, lines, 0)

    @given(st.lists(ENTRY, max_size=3))
    def test_any_lines_are_a_message_or_damage(self, lines: list[str]) -> None:
        try:
            cmgr(lines, 0)
        except SmsError as error:
            self.assertTrue(error.reason)


def part(
    index: int,
    sequence: int,
    total: int = 2,
    *,
    text: str = "",
    reference: int = 1,
    minutes: float | None = 0,
    status: str = "read",
    **more: Any,
) -> Stored:
    sent_at = None if minutes is None else NOON + timedelta(minutes=minutes)
    text = text or f"<{sequence}>"
    message = Message(
        "deliver",
        "+447700900123",
        text,
        sent_at,
        Concatenation(reference, total, sequence, wide=False),
        "ucs2",
        text.encode("utf-16-be"),
    )
    return Stored(index, status, attrs.evolve(message, **more))


def single(index: int, minutes: float | None, text: str = "x") -> Stored:
    sent_at = None if minutes is None else NOON + timedelta(minutes=minutes)
    return Stored(index, "read", Message("deliver", "12345", text, sent_at))


class Join(SynchronousTestCase):
    def brief(self, *stored: Stored) -> list[tuple[str, list[int], int]]:
        return [(r["text"], r["indexes"], r["missing"]) for r in join(stored)]

    def test_record_has_every_key(self) -> None:
        (record,) = join([single(3, 0.5)], "SM")
        self.assertEqual(
            record,
            {
                "index": 3,
                "indexes": [3],
                "storage": "SM",
                "status": "read",
                "number": "12345",
                "text": "x",
                "sent_at": "2025-08-30T12:00:30.000Z",
                "parts": 1,
                "missing": 0,
            },
        )

    def test_parts_in_any_order_are_one_message(self) -> None:
        stored = [
            part(4, 2, 3),
            part(9, 1, 3, minutes=1),
            part(1, 3, 3, status="unread"),
        ]
        (record,) = join(stored)
        self.assertEqual(record["text"], "<1><2><3>")
        self.assertEqual((record["index"], record["indexes"]), (9, [9, 4, 1]))
        self.assertEqual((record["parts"], record["missing"]), (3, 0))
        self.assertEqual(record["status"], "unread")
        self.assertEqual(record["sent_at"], "2025-08-30T12:01:00.000Z")
        self.assertIsNone(record["storage"])

    def test_missing_parts_are_counted(self) -> None:
        (record,) = join([part(4, 4, 5), part(2, 2, 5)])
        self.assertEqual((record["text"], record["missing"]), ("<2><4>", 3))
        self.assertEqual((record["index"], record["parts"]), (2, 5))

    def test_order_is_by_time_then_index(self) -> None:
        stored = [single(9, 1), single(3, None), single(5, 0), single(2, 1)]
        self.assertEqual([r["index"] for r in join(stored)], [5, 2, 9, 3])
        self.assertIsNone(join(stored)[-1]["sent_at"])

    def test_what_is_not_the_same_stays_apart(self) -> None:
        wide = Concatenation(1, 2, 2, wide=True)
        for other in (
            part(2, 2, number="12345"),
            part(2, 2, reference=2),
            part(2, 2, 3),
            part(2, 2, kind="submit"),
            part(2, 2, part=wide),
            part(2, 2, minutes=60 * 24 + 1),
        ):
            with self.subTest(other=other):
                self.assertEqual(len(join([part(1, 1), other])), 2)

    def test_reference_that_comes_again_begins_another_message(self) -> None:
        self.assertEqual(
            self.brief(
                part(1, 2, text="old"),
                part(2, 1, text="new ", minutes=5),
                part(3, 2, text="one", minutes=5),
            ),
            [("new old", [2, 1], 0), ("one", [3], 1)],
        )
        self.assertEqual(
            self.brief(
                part(1, 1, text="old"),
                part(2, 1, text="new ", minutes=5),
                part(3, 2, text="one", minutes=5),
            ),
            [("old", [1], 1), ("new one", [2, 3], 0)],
        )

    def test_part_delivered_again_is_kept_with_its_message(self) -> None:
        self.assertEqual(
            self.brief(part(1, 1), part(2, 2), part(3, 1)), [("<1><2>", [1, 2, 3], 0)]
        )

    def test_parts_without_times_are_put_together(self) -> None:
        self.assertEqual(
            self.brief(part(1, 1, minutes=None), part(2, 2)), [("<1><2>", [1, 2], 0)]
        )

    def test_characters_split_over_parts_are_whole(self) -> None:
        """Some senders cut a surrogate pair, or an escape from its character, in two."""
        high, low = b"\0a\xd8\x3d", b"\xde\0\0b"
        first = part(1, 1, 3, data=high, text="a\ufffd")
        second = part(2, 2, 3, data=low, text="\ufffdb")
        self.assertEqual(
            self.brief(first, second), [("a\N{GRINNING FACE}b", [1, 2], 1)]
        )
        third = part(3, 3, 3, data=low, text="\ufffdb")
        self.assertEqual(self.brief(first, third), [("a\ufffd\ufffdb", [1, 3], 1)])
        escape = part(1, 1, encoding="gsm7", data=b"a\x1b")
        euro = part(2, 2, encoding="gsm7", data=b"eb")
        self.assertEqual(self.brief(escape, euro), [("a€b", [1, 2], 0)])

    def test_parts_of_different_codings(self) -> None:
        plain = part(1, 1, text="plain ", encoding="gsm7", data=b"plain ")
        self.assertEqual(
            self.brief(plain, part(2, 2, text="Ж")), [("plain Ж", [1, 2], 0)]
        )

    @given(
        st.lists(
            st.builds(
                part,
                st.integers(0, 50),
                st.integers(1, 3),
                st.just(3),
                reference=st.integers(0, 1),
                minutes=st.none() | st.sampled_from([0, 1, 10_000]),
            ),
            max_size=12,
        )
    )
    def test_no_stored_message_is_lost(self, stored: list[Stored]) -> None:
        records = join(stored)
        indexes = sorted(index for record in records for index in record["indexes"])
        self.assertEqual(indexes, sorted(one.index for one in stored))
        for record in records:
            self.assertIn(record["index"], record["indexes"])
            self.assertTrue(0 <= record["missing"] < record["parts"])
