from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import answers
from gatewaykit.tts160.records import FORMS, record_of
from gatewaykit.tts160.set_commands import Entry, EntryType


class RecordTests(SynchronousTestCase):
    def test_each_kind(self) -> None:
        seven = struct.pack("<7i", *range(7))
        for answer, expected in (
            (answers.Nothing(), {"kind": "none"}),
            (answers.Flag(value=True), {"kind": "bool", "value": True}),
            (answers.Text("05:47:12"), {"kind": "text", "text": "05:47:12"}),
            (answers.Letter("P"), {"kind": "text", "text": "P"}),
            (answers.Goto(1, "low"), {"kind": "goto", "code": 1, "text": "low"}),
            (
                answers.Date(accepted=True, text=""),
                {"kind": "date", "value": True, "text": ""},
            ),
            (
                answers.Binary("hB", b"\1\0\2"),
                {"kind": "binary", "format": "hB", "values": [1, 2]},
            ),
            (
                answers.Case(4, seven),
                {"kind": "case", "case": 4, "format": "7i", "values": [*range(7)]},
            ),
            (
                answers.SetResult((Entry(EntryType.ERROR, -3),)),
                {"kind": "set", "entries": [[4, -3]]},
            ),
        ):
            with self.subTest(answer):
                self.assertEqual(record_of(answer), expected)

    def test_what_is_no_answer(self) -> None:
        self.assertRaises(ValueError, record_of, answers.Failed("VAR_ERROR"))

    def test_forms(self) -> None:
        self.assertEqual(sorted(FORMS), ["auto", "blind", "bool", "string"])
