from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.command_grammar import (
    GRAMMARS,
    is_host,
    is_password,
    is_plain,
    is_serial,
)


class HostTests(SynchronousTestCase):
    def test_addresses_and_names(self) -> None:
        for host in (
            "203.0.113.10",
            "8.8.8.8",
            "10.20.30.40",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "track.example.net",
            "TRACK.example.NET",
            "a.b",
            "4g.example.net",
            "xn--bcher-kva.example",
            "gw-1.fleet.x-y",
            "a" * 56 + ".net",
        ):
            self.assertTrue(is_host(host), host)

    def test_where_no_device_may_be_sent(self) -> None:
        for host in (
            "",
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.1.2.3",
            "169.254.1.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.",
            "010.1.1.1",
            "2130706433",
            "0x7f.0.0.0x1",
            "0x7f000001",
            "1.2.3.4x",
            "a.1",
            "localhost",
            "a.localhost",
            "a.LOCALHOST",
            "single",
            ".example.net",
            "a..net",
            "example.net.",
            "-a.example",
            "a-.example",
            "a_b.example",
            "a b.example",
            "a.example:8000",
            "http://a.example",
            "::1",
            "2001:db8::1",
            "a" * 64 + ".n",
            "a" * 57 + ".net",
            "b\u00fccher.example",
            "1.2.3.\u0664",
            "a.example\n",
        ):
            self.assertFalse(is_host(host), host)


class PlainTests(SynchronousTestCase):
    @given(st.characters())
    def test_one_character(self, char: str) -> None:
        self.assertEqual(is_plain(char), " " <= char <= "~" and char not in "$,")

    def test_mask_is_none(self) -> None:
        self.assertTrue(is_plain("**"))
        self.assertFalse(is_plain("***"))

    @given(st.text(max_size=30))
    def test_password_and_serial(self, text: str) -> None:
        is_short = text.isascii() and text.isalnum() and 4 <= len(text) <= 20
        self.assertEqual(is_password(text), is_short)
        is_hex = len(text) == 4 and all(c in "0123456789abcdefABCDEF" for c in text)
        self.assertEqual(is_serial(text), is_hex)

    def test_passwords(self) -> None:
        for text, is_one in (
            ("gv50", True),
            ("gv500ma12345678901234"[:20], True),
            ("", False),
            ("gv5", False),
            ("a" * 21, False),
            ("gv 50", False),
            ("gv50\n", False),
        ):
            self.assertEqual(is_password(text), is_one, text)
        for text, is_one in (("0a3F", True), ("0A3F\n", False), ("0A3", False)):
            self.assertEqual(is_serial(text), is_one)


class NumberTests(SynchronousTestCase):
    def test_limits(self) -> None:
        for name, good, bad in (
            (
                "heartbeat_min",
                ("0", "5", "360"),
                ("1", "4", "361", "05", "-5", "5.0", ""),
            ),
            ("interval_s", ("5", "86400"), ("4", "86401", "1e3", "\u0665")),
            ("port", ("1", "65535"), ("0", "65536", "080", "99999999999")),
            ("backup_port", ("0", "65535"), ("65536",)),
            ("report_mode", ("1", "2", "3", "6"), ("0", "4", "5", "7", "33")),
            ("buffer_mode", ("0", "1", "2"), ("3",)),
            ("level", ("0", "1"), ("2", "true", "01")),
            ("sms_gateway", ("+4912345", "12", ""), ("+" + "1" * 20, "a")),
            ("time_of_day", ("0000", "2359"), ("2400", "0060", "000")),
            ("protocol_format", ("0",), ("1", "2")),
            ("mask", ("", "3F", "182C", "00000000"), ("G", "0" * 9)),
            ("pin", ("1234", "12345678"), ("123", "123456789", "12a4")),
            ("apn", ("web", "iot.1nce.net", "a_b-c"), ("", "a b", "a@b", "a" * 41)),
            ("apn_password", ("", "a" * 30), ("a" * 31,)),
            ("utc", ("20250727120605",), ("20250727126005", "2025072712060")),
            ("sub", ("0", "9", "A", "B", "D"), ("C", "E", "a", "10", "")),
        ):
            for text in good:
                self.assertTrue(GRAMMARS[name].fits(text), (name, text))
            for text in bad:
                self.assertFalse(GRAMMARS[name].fits(text), (name, text))

    def test_rules_are_in_words(self) -> None:
        self.assertEqual(GRAMMARS["heartbeat_min"].rule, "0 or 5 to 360")
        for name, grammar in GRAMMARS.items():
            self.assertTrue(grammar.rule.isprintable(), name)
