from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_requests import (
    ACK,
    MOST_BYTES,
    Request,
    Requests,
    Unreadable,
)
from tests.strategies import reads

BINARY = Unreadable("binary", "a binary command (:*!S), which ends by length")
OVERLONG = Unreadable("overlong", "4096 bytes without an end")

bodies = (
    st.binary(max_size=20)
    .filter(lambda body: b"#" not in body and not body.startswith(b"*!S"))
    .map(lambda body: body.decode("latin-1"))
)
noise = st.lists(
    st.sampled_from([b"#", b" ", b"\r", b"\n", b"Ka", b"\x00", b"\xff", b"GET /"])
).map(b"".join)
streams = st.lists(
    st.one_of(st.sampled_from([b":", b"#", b"\x06", b":*!S", b":GR#"]), st.binary())
).map(b"".join)


def read(data: bytes) -> list[Request | Unreadable]:
    return Requests().receive(data)


def texts(data: bytes) -> list[str]:
    return [request.text for request in read(data) if isinstance(request, Request)]


class RequestsTests(SynchronousTestCase):
    def test_one_command(self) -> None:
        self.assertEqual(read(b":GR#"), [Request("GR")])

    def test_several_in_a_packet(self) -> None:
        self.assertEqual(texts(b":RS#:GD#:Q#"), ["RS", "GD", "Q"])

    def test_stellarium_closes_an_empty_command_first(self) -> None:
        self.assertEqual(texts(b"#:GR##:GD#"), ["GR", "GD"])

    def test_stellarium_mobile_looks_for_another_mount_first(self) -> None:
        self.assertEqual(texts(b"Ka##" + b"#\x06" + b"#:GR#"), [ACK, "GR"])

    def test_blanks_and_line_ends_between_commands(self) -> None:
        self.assertEqual(texts(b" :GR#\r\n:GD#\r\n  \x06"), ["GR", "GD", ACK])

    def test_blank_degree_sign_and_colons_within_a_command(self) -> None:
        self.assertEqual(texts(b":Sd +45\xdf30:15#"), ["Sd +45\xdf30:15"])

    def test_ack_within_a_command_is_part_of_it(self) -> None:
        self.assertEqual(texts(b":G\x06R#"), ["G\x06R"])

    def test_empty_command(self) -> None:
        self.assertEqual(texts(b":#:GR#"), ["", "GR"])

    def test_nothing_before_the_end_has_come(self) -> None:
        requests = Requests()
        self.assertEqual(requests.receive(b":G"), [])
        self.assertEqual(requests.receive(b"R"), [])
        self.assertEqual(requests.receive(b"#:"), [Request("GR")])
        self.assertEqual(requests.receive(b"GD#"), [Request("GD")])

    def test_binary_command_ends_it_all(self) -> None:
        requests = Requests()
        self.assertEqual(
            requests.receive(b":GR#:*!S 05;\x03#:MS#"), [Request("GR"), BINARY]
        )
        self.assertEqual(requests.receive(b":MS#"), [])

    def test_binary_command_is_known_by_its_beginning(self) -> None:
        requests = Requests()
        self.assertEqual(requests.receive(b":*!"), [])
        self.assertEqual(requests.receive(b"S"), [BINARY])

    def test_other_extended_commands_are_none(self) -> None:
        self.assertEqual(texts(b":*!G T1,2#:*GR#"), ["*!G T1,2", "*GR"])

    def test_overlong_command(self) -> None:
        longest = b":" + b"x" * (MOST_BYTES - 2)
        self.assertEqual(texts(longest + b"#"), ["x" * (MOST_BYTES - 2)])
        self.assertEqual(read(longest + b"x#:GR#"), [OVERLONG])
        self.assertEqual(read(longest), [])

    def test_any_amount_of_what_is_no_command(self) -> None:
        self.assertEqual(texts(b"#" * 100_000 + b":GR#"), ["GR"])

    @given(streams, st.data())
    def test_cuts_make_no_difference(self, stream: bytes, data: st.DataObject) -> None:
        requests = Requests()
        pieces = data.draw(reads(stream))
        found = [event for piece in pieces for event in requests.receive(piece)]
        self.assertEqual(found, read(stream))

    def test_cuts_make_no_difference_to_what_is_overlong(self) -> None:
        requests = Requests()
        stream = b":GR#:" + b"x" * MOST_BYTES + b"#:GR#"
        found = [event for byte in stream for event in requests.receive(bytes([byte]))]
        self.assertEqual(found, [Request("GR"), OVERLONG])

    @given(st.lists(st.tuples(noise, bodies), max_size=10))
    def test_commands_come_out_whatever_stands_between(
        self, sent: list[tuple[bytes, str]]
    ) -> None:
        data = b"".join(
            between + b":" + body.encode("latin-1") + b"#" for between, body in sent
        )
        self.assertEqual(texts(data), [body for _, body in sent])
