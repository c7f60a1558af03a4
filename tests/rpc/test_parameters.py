from __future__ import annotations

import json
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK
from gatewaykit.errors import MisuseError
from gatewaykit.gv50.commands import KINDS
from gatewaykit.rpc import parameters, verbs
from gatewaykit.rpc.parameters import Parameters, shown
from tests.rpc.common import IMEI

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True)
VALUES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.integers(-(1 << 63) + 1, (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
)


def sent(values: Any) -> dict[str, Any]:
    """What arrives of parameters."""
    asked = {"imei": IMEI, "kind": "block", "parameters": values}
    box = verbs.QueueCommand.makeArguments(asked, None)
    arrived: dict[str, Any] = verbs.QueueCommand.parseArguments(box, None)["parameters"]
    return arrived


class TravelTests(SynchronousTestCase):
    def refused(self, values: Any) -> None:
        """At both ends, and nothing of it is told."""
        text = values if isinstance(values, bytes) else json.dumps(values).encode()
        there = amp.AmpBox({b"imei": IMEI.encode(), b"kind": b"x", b"parameters": text})
        with self.assertRaises(MisuseError) as caught:
            verbs.QueueCommand.parseArguments(there, None)
        self.check(caught.exception)
        if isinstance(values, bytes):
            return
        here = {"imei": IMEI, "kind": "x", "parameters": values}
        with self.assertRaises(MisuseError) as caught:
            verbs.QueueCommand.makeArguments(here, None)
        self.check(caught.exception)

    def check(self, error: MisuseError) -> None:
        self.assertEqual(error.args, ("parameters", MASK, Parameters.allowed))
        self.assertNotIn("s3cret", str(error) + repr(error.__cause__))

    @given(st.dictionaries(NAMES, VALUES, max_size=20))
    def test_they_arrive_as_sent(self, values: dict[str, Any]) -> None:
        arrived = sent(values)
        self.assertEqual(arrived, values)
        self.assertEqual(
            [type(value) for value in arrived.values()],
            [type(value) for value in values.values()],
        )

    def test_none_are_none(self) -> None:
        self.assertIsNone(sent(None))
        self.assertEqual(sent({}), {})

    def test_what_is_no_object_is_refused(self) -> None:
        for bad in ([], "s3cret", 7, True, ["host", "s3cret"]):
            self.refused(bad)
        for text in (b"", b"null", b"{", b'{"a":s3cret}', b"\xff", b"[" * 8000):
            self.refused(text)

    def test_names(self) -> None:
        for good in ("a", "a1_b", "a" * 40):
            self.assertEqual(sent({good: 1}), {good: 1})
        for bad in ("", "A", "1a", "_a", "a" * 41, "a-b", "a b", "s3cret\n", "\u00e4"):
            self.refused({bad: 1})

    def test_as_many_names(self) -> None:
        many = {f"name_{number}": number for number in range(30)}
        self.assertEqual(sent(many), many)
        self.refused(many | {"one_more": 1})

    def test_values(self) -> None:
        for bad in (
            *(None, [], {}, ["s3cret"], {"password": "s3cret"}),
            *("s3cret" + "x" * 1995, "s3cret\ud800"),
            *(math.nan, math.inf, -math.inf, 1 << 63, -(1 << 63)),
        ):
            self.refused({"password": bad})
        self.refused(b'{"a":' + b"1" * 5000 + b"}")
        self.assertEqual(sent({"text": "x" * 2000}), {"text": "x" * 2000})

    def test_names_are_texts(self) -> None:
        with self.assertRaises(MisuseError):
            sent({1: "s3cret"})

    def test_a_name_comes_once(self) -> None:
        self.refused(b'{"a":1,"a":2}')

    def test_as_many_bytes(self) -> None:
        # {"a":"","b":"","c":"","d":"","e":""} and what stands in the texts.
        rest = parameters.MOST_BYTES - 36 - 4 * 2000
        values = dict.fromkeys("abcd", "x" * 2000) | {"e": "x" * rest}
        self.assertEqual(sent(values), values)
        self.refused(values | {"e": "x" * (rest + 1)})
        self.refused(b'{"a":1' + b" " * parameters.MOST_BYTES + b"}")

    def test_what_has_no_names_is_refused_where_it_is_sent(self) -> None:
        for bad in (object(), b"{}", {"a": object()}):
            with self.assertRaises(MisuseError) as caught:
                sent(bad)
            self.assertEqual(caught.exception.value, MASK)


class ShownTests(SynchronousTestCase):
    def test_values_of_known_names_are_shown(self) -> None:
        text = '{"host": "203.0.113.10", "port": 7700, "password": "s3cret"}'
        self.assertEqual(
            json.loads(shown(text)),
            {"host": "203.0.113.10", "port": 7700, "password": MASK},
        )

    def test_all_that_a_kind_has_is_shown_but_what_may_be_secret(self) -> None:
        hidden = {
            parameter.name
            for kind in KINDS.values()
            for parameter in kind.parameters
            if parameter.name not in parameters.SHOWN
        }
        self.assertEqual(hidden, {"user", "password", "values"})
        secret = {
            parameter.name
            for kind in KINDS.values()
            for parameter in kind.parameters
            if parameter.secret
        }
        self.assertLessEqual(secret, hidden)

    def test_no_text_is_shown_that_could_be_a_command(self) -> None:
        for text in ("AT+GTRTO=s3cret,1,,,,,,0001$", "s3cret 1", "a,s3cret", "x" * 65):
            self.assertEqual(
                json.loads(shown(json.dumps({"command": text}))), {"command": MASK}
            )

    @given(st.dictionaries(NAMES, VALUES, max_size=10))
    def test_of_other_names_no_value_is(self, values: dict[str, Any]) -> None:
        found = json.loads(shown(json.dumps(values)))
        self.assertEqual(set(found), set(values))
        for name, value in found.items():
            if name not in parameters.SHOWN:
                self.assertEqual(value, MASK)

    def test_nothing_of_what_cannot_be_read(self) -> None:
        for text in (
            *("", "s3cret", '["s3cret"]', '{"S3CRET":1}', '{"host":["s3cret"]}'),
            *('{"host":"a","host":"s3cret"}', "\ud800", "[" * 9000),
        ):
            self.assertEqual(shown(text), MASK)

    @given(st.text(max_size=100))
    def test_nothing_raises(self, text: str) -> None:
        shown(text)
