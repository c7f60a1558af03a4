from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import access
from gatewaykit.cli.chain import Chain, ChainBroken, Mark, parse_mark


def trail(count: int) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for number in range(count):
        bare = {
            "at": f"2026-01-31T12:00:{number:02}.000Z",
            "who": "uid:0",
            "from_where": "unix",
            "what": "QueueCommand",
            "arguments": {"imei": "865083030000012", "kind": "block"},
            "outcome": "done",
        }
        records.append(access.linked(bare, records[-1] if records else None))
    return records


def follow(records: list[Any], expected: Mark | None = None) -> Chain:
    chain = Chain(expected)
    for record in records:
        chain.feed(record)
    chain.finish()
    return chain


class MarkTests(SynchronousTestCase):
    def test_is_written_as_it_is_read(self) -> None:
        text = f"17:{'0a' * 32}"
        self.assertEqual(str(parse_mark(text)), text)

    def test_all_else_is_refused(self) -> None:
        for text in ("", "17", "0:" + "0a" * 32, "17:" + "0A" * 32, "17:0a", "x:y"):
            self.assertRaises(ValueError, parse_mark, text)


class ChainTests(SynchronousTestCase):
    def broken(
        self, records: list[Any], sequence: int, expected: Mark | None = None
    ) -> str:
        error = self.assertRaises(ChainBroken, follow, records, expected)
        self.assertEqual(error.sequence, sequence)
        self.assertIn(f"record {sequence} ", str(error))
        return str(error)

    def test_unbroken(self) -> None:
        records = trail(3)
        chain = follow(records)
        self.assertEqual((chain.count, chain.newest), (3, Mark(3, records[-1]["hash"])))

    def test_empty(self) -> None:
        self.assertIs(follow([]).newest, None)

    @given(st.data())
    def test_any_change_is_found_where_it_is(self, data: st.DataObject) -> None:
        records = trail(5)
        index = data.draw(st.integers(0, 4))
        name = data.draw(st.sampled_from(sorted(records[0])))
        changed = dict(records[index])
        if data.draw(st.booleans()):
            del changed[name]
        else:
            changed[name] = "another"
        records[index] = changed
        self.broken(records, index + 1)

    def test_left_out_moved_doubled(self) -> None:
        a, b, c = trail(3)
        for records, sequence in (
            ([b, c], 1),
            ([a, c], 2),
            ([a, c, b], 2),
            ([a, a, b], 2),
            ([b, a, c], 1),
        ):
            self.broken(records, sequence)

    def test_what_is_no_record_at_all(self) -> None:
        pieces: tuple[Any, ...] = (None, [], "x", 5, {})
        for nonsense in pieces:
            self.broken([*trail(2), nonsense], 3)

    def test_expected_record_may_have_others_behind_it(self) -> None:
        records = trail(4)
        for record in records:
            expected = Mark(record["sequence"], record["hash"])
            self.assertEqual(follow(records, expected).count, 4)

    def test_cut_off_is_noticed_by_what_is_expected(self) -> None:
        records = trail(4)
        expected = Mark(4, records[3]["hash"])
        self.assertIn("4", self.broken(records[:2], 3, expected))
        self.broken([], 1, expected)

    def test_written_anew_is_noticed_by_what_is_expected(self) -> None:
        expected = Mark(2, trail(2)[1]["hash"])
        anew: list[dict[str, Any]] = []
        for record in trail(3):
            bare = {"at": record["at"], "who": "nobody"}
            anew.append(access.linked(bare, anew[-1] if anew else None))
        self.assertEqual(follow(anew).count, 3)
        self.broken(anew, 2, expected)

    def damaged(self, records: list[Any]) -> list[Any]:
        """What salvage leaves: `records`, and its own behind them."""
        bare = {"at": "2026-01-31T13:00:00.000Z", "what": "store_damaged"}
        return [*records, access.linked(bare, records[-1])]

    def test_missing_before_a_damage_that_was_told_is_said_to_be(self) -> None:
        records = trail(6)
        salvaged = self.damaged([*records[:2], *records[4:]])
        later = access.linked({"what": "block"}, salvaged[-1])
        for end in ([], [later]):
            reason = self.broken([*salvaged, *end], 3)
            self.assertIn("is missing; record 7 tells that the store's file", reason)

    def test_missing_after_a_damage_has_no_excuse(self) -> None:
        salvaged = self.damaged(trail(3))
        while len(salvaged) < 8:
            salvaged.append(access.linked({"what": "block"}, salvaged[-1]))
        self.assertEqual(follow(salvaged).count, 8)
        reason = self.broken([*salvaged[:5], *salvaged[6:]], 6)
        self.assertNotIn("damaged", reason)
        both = [salvaged[0], *salvaged[2:5], *salvaged[6:]]
        self.assertNotIn("damaged", self.broken(both, 2))

    def test_changed_has_no_excuse(self) -> None:
        records = trail(6)
        changed = {**records[1], "who": "another"}
        salvaged = self.damaged([records[0], changed, *records[2:]])
        self.assertNotIn("damaged", self.broken(salvaged, 2))
        lost = self.damaged([records[0], *records[2:4], {**records[4], "who": "x"}])
        self.assertIn("record 5 is not as it was written", self.broken(lost, 2))

    def test_a_damage_may_be_why_a_hash_is_not_the_expected(self) -> None:
        records = trail(6)
        expected = Mark(4, records[3]["hash"])
        self.assertIn(
            "record 4 tells", self.broken(self.damaged(records[:3]), 4, expected)
        )
