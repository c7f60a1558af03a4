from __future__ import annotations

import attrs
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.gpsd_requests import (
    LONGEST_REQUEST,
    Policy,
    Request,
    Requests,
    json_object,
)

PIECES = [
    b"?WATCH",
    b"?DEVICE",
    b"?POLL;",
    b"?VERSION;",
    b"?FOO",
    b"=",
    b'{"enable":true,"json":true}',
    b'{"a":";\\"}\n"',
    b"{",
    b"}",
    b'"',
    b"\\",
    b";",
    b"\r\n",
    b"\n",
    b" ",
    b"hello",
    b"\xff\x00",
    b"?" + b"x" * LONGEST_REQUEST,
]
inputs = st.lists(st.sampled_from(PIECES) | st.binary(max_size=20)).map(b"".join)


def requests(*chunks: bytes) -> list[Request]:
    parser = Requests()
    found = []
    for chunk in chunks:
        parser.receive_data(chunk)
        while (request := parser.next_request()) is not None:
            found.append(request)
    return found


def names(*chunks: bytes) -> list[tuple[str, str | None]]:
    return [(request.name, request.value) for request in requests(*chunks)]


class RequestTests(SynchronousTestCase):
    def test_requests_of_real_clients(self) -> None:
        """facts/sim7600.md 6.2"""
        for data, value in (
            (b'?WATCH={"enable":true,"json":true};\n', '{"enable":true,"json":true}'),
            (b'?WATCH={"enable":true,"nmea":true};\n', '{"enable":true,"nmea":true}'),
            (b'?WATCH={"enable":true,"json":true}\n', '{"enable":true,"json":true}'),
            (b'?WATCH={"enable":true}', '{"enable":true}'),
            (b'?WATCH={"enable":false}', '{"enable":false}'),
            (b"?WATCH;", None),
        ):
            self.assertEqual(names(data), [("WATCH", value)])

    def test_several_on_a_line(self) -> None:
        self.assertEqual(
            names(b'?VERSION;?WATCH={"a":{"b":"};?"}}?POLL; ?DEVICES;\r\n?DEVICE;'),
            [
                ("VERSION", None),
                ("WATCH", '{"a":{"b":"};?"}}'),
                ("POLL", None),
                ("DEVICES", None),
                ("DEVICE", None),
            ],
        )

    def test_a_lines_end_does_for_a_semicolon(self) -> None:
        self.assertEqual(
            names(b"?POLL\r\n?DEVICES \n"), [("POLL", None), ("DEVICES", None)]
        )

    def test_a_brace_in_a_string_ends_nothing(self) -> None:
        value = '{"a":"}\\"}"}'
        self.assertEqual(names(f"?WATCH={value}".encode()), [("WATCH", value)])

    def test_other_requests_do_not_end_with_json(self) -> None:
        self.assertEqual(names(b'?FOO={"a":1}'), [])
        self.assertEqual(names(b'?FOO={"a":1}x;'), [("FOO", '{"a":1}x')])

    def test_json_without_end_ends_with_the_line_or_at_a_semicolon(self) -> None:
        for data in (b'?WATCH={"a":"\n?POLL;', b'?WATCH={"a":;?POLL;'):
            found = requests(data)
            self.assertEqual([request.name for request in found], ["WATCH", "POLL"])

    def test_what_does_not_ask_is_ignored(self) -> None:
        self.assertEqual(
            names(b"GET /?POLL; HTTP/1.1\r\n\r\n;;\x00?POLL;"), [("POLL", None)]
        )
        self.assertEqual(names(b"w+", b"r+"), [])

    def test_the_text_of_a_request_is_the_one_that_gpsd_quotes(self) -> None:
        """facts/sim7600.md 6.3: ``Unrecognized request '?FOO;\\n'``"""
        for data in (b"?FOO;\n", b"?FOO;\r\n", b"?FOO;"):
            self.assertEqual(requests(data), [Request("FOO", None, "?FOO;\n")])
        self.assertEqual(requests(b"?\xff;"), [Request("", None, "?\ufffd;\n")])

    def test_a_request_without_end_is_told_once_and_left_out(self) -> None:
        endless = b"?" + b"A" * (LONGEST_REQUEST - 1)
        start = Request("", None, "?" + "A" * 59 + "...\n")
        self.assertEqual(requests(endless), [start])
        found = requests(endless + b"AA", b"A" * 5000, b"A;?POLL;")
        self.assertEqual(found, [start, Request("POLL", None, "?POLL;\n")])

    def test_the_longest_request(self) -> None:
        name = "A" * (LONGEST_REQUEST - 2)
        self.assertEqual(names(f"?{name};".encode()), [(name, None)])

    @given(inputs, st.lists(st.integers(1, 60)))
    def test_chunks_make_no_difference(self, data: bytes, sizes: list[int]) -> None:
        chunks, rest = [], data
        for size in sizes:
            chunks.append(rest[:size])
            rest = rest[size:]
        whole = requests(data)
        self.assertEqual(requests(*chunks, rest), whole)
        self.assertEqual(requests(*(bytes([byte]) for byte in data)), whole)

    @given(st.lists(st.binary(max_size=3000), max_size=4))
    def test_no_more_is_kept_than_a_request(self, chunks: list[bytes]) -> None:
        parser = Requests()
        for chunk in chunks:
            parser.receive_data(b"?" + chunk)
            while parser.next_request() is not None:
                pass
            self.assertLess(len(parser._data), LONGEST_REQUEST)


class PolicyTests(SynchronousTestCase):
    def test_nothing_is_wanted_at_first(self) -> None:
        policy = Policy()
        self.assertFalse(policy.wants_json or policy.wants_nmea)

    def test_is_cumulative(self) -> None:
        policy = Policy().updated('{"enable":true,"json":true}')
        self.assertTrue(policy.wants_json)
        policy = policy.updated('{"enable":true,"nmea":true}')
        self.assertTrue(policy.wants_json and policy.wants_nmea)
        policy = policy.updated('{"enable":false}')
        self.assertFalse(policy.wants_json or policy.wants_nmea)
        self.assertTrue(policy.json and policy.nmea)

    def test_enables_unless_told_otherwise(self) -> None:
        self.assertTrue(Policy().updated('{"json":true}').wants_json)

    def test_all_members(self) -> None:
        value = (
            '{"class":"WATCH","enable":true,"json":true,"nmea":true,"raw":2,'
            '"scaled":true,"timing":true,"split24":true,"pps":true,"device":"/dev/x"}'
        )
        every = Policy(True, True, True, 2, True, True, True, True, "/dev/x")
        self.assertEqual(Policy().updated(value), every)
        self.assertIsNone(every.updated('{"device":""}').device)

    def test_members_of_a_wrong_type_change_nothing(self) -> None:
        value = '{"enable":1,"json":"true","nmea":null,"raw":[],"device":7,"pps":{}}'
        self.assertEqual(Policy().updated(value), Policy())
        for raw in ("true", "3", "-1", "1.0", "1e999"):
            self.assertEqual(Policy().updated(f'{{"raw":{raw}}}').raw, 0)

    def test_what_cannot_be_read_changes_nothing(self) -> None:
        policy = Policy(enable=True, json=True)
        for value in ("", "{", "[]", "null", "[" * 1000, '{"enable":tru}', "1" * 1000):
            self.assertIs(policy.updated(value), policy)

    @given(
        st.text(max_size=50)
        | st.dictionaries(
            st.sampled_from([field.name for field in attrs.fields(Policy)]),
            st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
        ).map(str)
    )
    def test_nothing_raises(self, value: str) -> None:
        json_object(value)
        Policy().updated(value)
