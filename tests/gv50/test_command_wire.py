from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.access import MASK
from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.gv50.command_wire import PASSWORD, Order, Written, parse

PASSWORDS = st.text("0123456789abcXYZ", min_size=4, max_size=20)
SERIALS = st.text("0123456789abcdefABCDEF", min_size=4, max_size=4)
VALUES = st.lists(
    st.text(
        "".join(chr(c) for c in range(32, 127) if chr(c) not in "$,"), max_size=9
    ).filter(lambda text: text != MASK),
    max_size=25,
)


def order(*values: str, secret: tuple[int, ...] = ()) -> Order:
    return Order("custom", "GTBSI", values, frozenset(secret), None, False, False, "S")


class WireTests(SynchronousTestCase):
    def test_password_and_serial_stand_at_the_ends(self) -> None:
        self.assertEqual(order("a", "").wire("gv50", "0a3F"), b"AT+GTBSI=gv50,a,,0a3F$")

    def test_password_of_the_device_among_the_values(self) -> None:
        made = order(PASSWORD, "x")
        self.assertEqual(made.wire("gv50", "0001"), b"AT+GTBSI=gv50,gv50,x,0001$")
        self.assertEqual(made.shown("0001"), f"AT+GTBSI={MASK},{MASK},x,0001$")

    def test_secrets_are_not_shown(self) -> None:
        made = order("a", "s3cret", "", secret=(1, 2))
        self.assertEqual(made.shown("0001"), f"AT+GTBSI={MASK},a,{MASK},,0001$")
        self.assertNotIn("s3cret", repr(made))

    def test_password_that_is_none(self) -> None:
        for password in (
            "",
            "abc",
            "s3cret$",
            "s3,cret",
            "a" * 21,
            "s3cret\n",
            "s3cr\xe4t",
        ):
            error = self.assertRaises(MisuseError, order().wire, password, "0001")
            self.assertEqual((error.name, error.value), ("password", MASK))

    def test_serial_that_is_none(self) -> None:
        for serial in ("", "1", "00001", "00G1", "0001$", "\u0660001"):
            for write in (order().shown, lambda s: order().wire("gv50", s)):
                error = self.assertRaises(MisuseError, write, serial)
                self.assertEqual(error.name, "serial")

    def test_no_order_can_hold_what_ends_a_command(self) -> None:
        for bad in ("a$", "a,b", "\r", "\n", "\0", "\xe4", MASK):
            error = self.assertRaises(MisuseError, order, "a", bad)
            self.assertEqual((error.name, error.value), ("value 2", MASK))
        for type_ in ("GTHB", "AT", "GTOUT=", "gtout", "GTOU1"):
            with self.assertRaises(MisuseError):
                Order("x", type_, (), frozenset(), None, False, False, "S")


class ParseTests(SynchronousTestCase):
    @given(PASSWORDS, VALUES, SERIALS)
    def test_what_was_written_is_read_back(
        self, password: str, values: list[str], serial: str
    ) -> None:
        wire = order(*values).wire(password, serial)
        self.assertEqual(parse(wire), Written("GTBSI", password, tuple(values), serial))
        self.assertEqual(wire.count(b"$"), 1)
        self.assertEqual(wire.count(b","), len(values) + 1)

    def test_line_end_behind_it_does_no_harm(self) -> None:
        self.assertEqual(
            parse(b"AT+GTRTO=gv50,1,,,,,,0001$\r\n"),
            parse(b"AT+GTRTO=gv50,1,,,,,,0001$"),
        )

    def test_empty_password_can_be_read(self) -> None:
        self.assertEqual(parse(b"AT+GTRTO=,1,0001$").password, "")

    def test_what_is_no_command(self) -> None:
        for text in (
            b"",
            b"AT",
            b"AT+GTRTO=gv50$",
            b"AT+GTRTO=0001$",
            b"AT+GTRTO=gv50,1,,,,,,$",
            b"AT+GTRTO=gv50,1,,,,,,00001$",
            b"AT+GTRTO=gv50,1,,,,,,0001",
            b"AT+GTRTO=gv50,1,,,$,,,0001$",
            b"AT+GTRTO=gv50,1,\n,,,,,0001$",
            b"AT+GTRTO=gv50,1,\xe4,,,,,0001$",
            b"AT+GTRTO=gv50,1,,,,,,0001$\n",
            b" AT+GTRTO=gv50,1,,,,,,0001$",
            b"AT+GTRTO?",
            b"+SACK:071D$",
        ):
            with self.assertRaises(ProtocolViolation) as caught:
                parse(text)
            self.assertEqual(caught.exception.raw, b"")

    @given(st.binary(max_size=40))
    def test_noise(self, noise: bytes) -> None:
        for text in (noise, b"AT+GTOUT=" + noise + b",0001$"):
            try:
                written = parse(text)
            except ProtocolViolation:
                continue
            self.assertNotIn("$", "".join((written.password, *written.values)))
