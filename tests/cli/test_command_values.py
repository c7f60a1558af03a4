from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.command_values import pairs, typed
from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record

KINDS: list[Record] = [
    {
        "kind": "apn",
        "parameters": [
            {"name": "apn", "type": "text"},
            {"name": "port", "type": "number"},
            {"name": "sack", "type": "flag"},
            {"name": "else"},
        ],
    }
]


class PairsTests(SynchronousTestCase):
    def test_value_may_hold_anything(self) -> None:
        self.assertEqual(
            pairs(["apn=a=b", "user=", "text= x \u00e9"]),
            {"apn": "a=b", "user": "", "text": " x \u00e9"},
        )

    def test_what_is_no_pair_is_refused_and_not_shown(self) -> None:
        for word in ("hunter2", "=hunter2", "Hunter2=x", "hunter2-=x", ""):
            error = self.assertRaises(MisuseError, pairs, [word])
            self.assertNotIn("unter2", str(error))

    def test_name_that_comes_twice_is_refused(self) -> None:
        error = self.assertRaises(MisuseError, pairs, ["port=hunter2", "port=2"])
        self.assertIn("'port'", str(error))
        self.assertNotIn("hunter2", str(error))


class TypedTests(SynchronousTestCase):
    def test_by_type(self) -> None:
        for name, text, value in (
            ("apn", "123", "123"),
            ("apn", "true", "true"),
            ("port", "5000", 5000),
            ("port", "-1", -1),
            ("port", "1.5", 1.5),
            ("port", "true", "true"),
            ("port", "0123", "0123"),
            ("port", "9" * 40, "9" * 40),
            ("sack", "true", True),
            ("sack", "false", False),
            ("sack", "1", "1"),
            ("sack", "yes", "yes"),
        ):
            found = typed({name: text}, "apn", KINDS)[name]
            self.assertEqual((found, type(found)), (value, type(value)))

    def test_by_the_look_where_nothing_is_known(self) -> None:
        for kind, name in (("apn", "else"), ("apn", "unheard_of"), ("none", "apn")):
            for text, value in (
                ("true", True),
                ("false", False),
                ("5", 5),
                ("-5", -5),
                ("05", "05"),
                ("1.5", "1.5"),
                ("\u0665", "\u0665"),
                ("", ""),
                ("a", "a"),
            ):
                found = typed({name: text}, kind, KINDS)[name]
                self.assertEqual((found, type(found)), (value, type(value)))

    @given(st.dictionaries(st.sampled_from(["apn", "port", "sack", "else"]), st.text()))
    def test_any_text_is_itself_or_what_it_writes(self, texts: dict[str, str]) -> None:
        for name, value in typed(texts, "apn", KINDS).items():
            written = value if isinstance(value, str) else json.dumps(value)
            if isinstance(value, float):
                self.assertEqual(value, float(texts[name]))
            else:
                self.assertEqual(texts[name], written)
