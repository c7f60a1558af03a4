from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.sim7600 import gsm7
from gatewaykit.sim7600.pdu import (
    Concatenation,
    Message,
    SmsError,
    coding,
    deliver,
    moment,
)

HOW_ARE_YOU = (
    "07911326040000F0040B911346610089F60000208062917314080CC8F71D14969741F977FD07"
)
"""A published example: 2002-08-26 19:37:41, zone 0 with the sign bit."""
NUMBER = "0C91447700091032"
TIME = "52800321436540"
"""2025-08-30 12:34:56, one hour east."""


def delivered(
    *,
    first: str = "04",
    number: str = NUMBER,
    scheme: str = "00",
    time: str = TIME,
    length: int = 5,
    data: str = "C8329BFD06",
) -> Message:
    return deliver(f"00{first}{number}00{scheme}{time}{length:02X}{data}")


class Deliver(SynchronousTestCase):
    def test_published_example(self) -> None:
        message = deliver(HOW_ARE_YOU)
        self.assertEqual(message.kind, "deliver")
        self.assertEqual(message.number, "+31641600986")
        self.assertEqual(message.text, "How are you?")
        self.assertEqual(message.sent_at, datetime(2002, 8, 26, 19, 37, 41, tzinfo=UTC))
        self.assertIsNone(message.part)

    def test_white_space_and_lower_case_are_tolerated(self) -> None:
        self.assertEqual(deliver(f" {HOW_ARE_YOU.lower()}\r\n"), deliver(HOW_ARE_YOU))

    def test_octets_behind_the_text_are_tolerated(self) -> None:
        self.assertEqual(deliver(HOW_ARE_YOU + "00FF").text, "How are you?")

    def test_number_in_each_form(self) -> None:
        for number, expected in (
            (NUMBER, "+447700900123"),
            ("05812143F5", "12345"),
            ("0481A1B2", "1*2#"),
            ("0381DCFE", "abc"),
            ("048121FF", "12"),
            ("0081", ""),
            ("0DD0E474D81C0EBB01", "diafaan"),
            ("0ED0E474D81C0EBB01", "diafaan"),
            ("0ED0" + gsm7.pack(list(b"GatewayX")).hex(), "GatewayX"),
            ("14D0" + gsm7.pack(list(b"ElevenChars")).hex(), "ElevenChars"),
            ("00D0", ""),
        ):
            with self.subTest(number=number):
                message = delivered(number=number)
                self.assertEqual(message.number, expected)
                self.assertEqual(message.text, "Hello")

    def test_time_in_each_zone(self) -> None:
        for time, expected in (
            (TIME, datetime(2025, 8, 30, 11, 34, 56, tzinfo=UTC)),
            ("52800321436500", datetime(2025, 8, 30, 12, 34, 56, tzinfo=UTC)),
            ("5280032143650A", datetime(2025, 8, 30, 17, 34, 56, tzinfo=UTC)),
            ("52800321436532", datetime(2025, 8, 30, 6, 49, 56, tzinfo=UTC)),
            ("00000000000000", None),
            ("52310321436540", None),  # month 13
            ("528003214365F0", None),  # no digit
            ("FFFFFFFFFFFFFF", None),
        ):
            with self.subTest(time=time):
                self.assertEqual(delivered(time=time).sent_at, expected)

    def test_zone_of_a_whole_day_is_no_moment(self) -> None:
        self.assertIsNone(moment((2025, 8, 30, 12, 34, 56), 96))
        self.assertIsNotNone(moment((2025, 8, 30, 12, 34, 56), -95))

    def test_text_by_its_coding_scheme(self) -> None:
        greeting = "00480069D83DDE00"
        for scheme, length, data, expected, encoding in (
            ("00", 5, "C8329BFD06", "Hello", "gsm7"),
            ("F1", 5, "C8329BFD06", "Hello", "gsm7"),
            ("C8", 5, "C8329BFD06", "Hello", "gsm7"),
            ("08", 8, greeting, "Hi\N{GRINNING FACE}", "ucs2"),
            ("19", 8, greeting, "Hi\N{GRINNING FACE}", "ucs2"),
            ("E0", 8, greeting, "Hi\N{GRINNING FACE}", "ucs2"),
            ("08", 5, "00480069D8", "Hi\N{REPLACEMENT CHARACTER}", "ucs2"),
            ("04", 2, "4869", "Hi", "8bit"),
            ("F5", 3, "01FE41", "01FE41", "8bit"),
            ("20", 2, "4869", "4869", "compressed"),
            ("08", 0, "", "", "ucs2"),
            ("00", 0, "", "", "gsm7"),
        ):
            with self.subTest(scheme=scheme, data=data):
                message = delivered(scheme=scheme, length=length, data=data)
                self.assertEqual(message.text, expected)
                self.assertEqual(message.encoding, encoding)

    def test_coding_of_every_group(self) -> None:
        """3GPP 23.038, 4."""
        expected = {
            0x00: "gsm7",
            0x04: "8bit",
            0x08: "ucs2",
            0x0C: "gsm7",
            0x10: "gsm7",
            0x18: "ucs2",
            0x28: "compressed",
            0x38: "compressed",
            0x48: "ucs2",
            0x68: "compressed",
            0x80: "gsm7",
            0xB8: "gsm7",
            0xC0: "gsm7",
            0xD8: "gsm7",
            0xE8: "ucs2",
            0xF0: "gsm7",
            0xF4: "8bit",
            0xFF: "8bit",
        }
        self.assertEqual({scheme: coding(scheme) for scheme in expected}, expected)


class Headers(SynchronousTestCase):
    def headed(self, header: str, text: str = "0048") -> Message:
        size = len(header) // 2
        data = f"{size:02X}{header}{text}"
        return delivered(first="44", scheme="08", length=len(data) // 2, data=data)

    def test_parts_with_references_of_8_and_16_bits(self) -> None:
        self.assertEqual(
            self.headed("0003CC0201").part, Concatenation(0xCC, 2, 1, wide=False)
        )
        self.assertEqual(
            self.headed("080412340302").part, Concatenation(0x1234, 3, 2, wide=True)
        )

    def test_other_elements_are_passed_over(self) -> None:
        message = self.headed("05040B8423F00003CC0202240101")
        self.assertEqual(message.part, Concatenation(0xCC, 2, 2, wide=False))
        self.assertEqual(message.text, "H")

    def test_impossible_part_is_none(self) -> None:
        for header in (
            "",
            "0003CC0200",  # the parts are counted from 1
            "0003CC0203",
            "0003CC0000",
            "0002CC02",  # of another size
            "0003CC02",  # cut off
            "0003CC020100",
            "0800",
        ):
            with self.subTest(header=header):
                message = self.headed(header)
                self.assertIsNone(message.part)
                self.assertEqual(message.text, "H")

    def test_septets_begin_behind_the_fill_bits(self) -> None:
        for header in ("0003CC0201", "080412340201", "0102AABB", "010100", "0100", ""):
            octets = bytes([len(header) // 2]) + bytes.fromhex(header)
            before = -(-8 * len(octets) // 7)
            fill = 7 * before - 8 * len(octets)
            data = octets + gsm7.pack(list(b"Hello"), fill)
            with self.subTest(header=header):
                message = delivered(first="44", length=before + 5, data=data.hex())
                self.assertEqual(message.text, "Hello")

    def test_header_alone_has_no_text(self) -> None:
        message = delivered(first="44", length=7, data="050003CC0201" + "00")
        self.assertEqual(message.text, "")

    def test_header_longer_than_the_text_is_damage(self) -> None:
        self.assertRaises(SmsError, delivered, first="44", length=5, data="C8329BFD06")
        self.assertRaises(SmsError, delivered, first="44", length=0, data="")


class OtherTypes(SynchronousTestCase):
    def test_our_own_in_each_form_of_validity(self) -> None:
        for first, validity in (
            ("01", ""),
            ("11", "A7"),
            ("09", "00" * 7),
            ("19", TIME),
        ):
            with self.subTest(first=first):
                message = deliver(f"00{first}2A{NUMBER}0000{validity}05C8329BFD06")
                self.assertEqual(message.kind, "submit")
                self.assertEqual(message.number, "+447700900123")
                self.assertEqual(message.text, "Hello")
                self.assertIsNone(message.sent_at)

    def test_status_report_has_no_text(self) -> None:
        message = deliver(f"00062A{NUMBER}{TIME}{TIME}00")
        self.assertEqual(message.kind, "report")
        self.assertEqual(message.number, "+447700900123")
        self.assertEqual(message.text, "")
        self.assertEqual(message.sent_at, datetime(2025, 8, 30, 11, 34, 56, tzinfo=UTC))


class Damage(SynchronousTestCase):
    def test_damaged_pdu_is_refused_with_what_came(self) -> None:
        for text in (
            "",
            "0",
            "GG",
            "Hello",
            "é",
            HOW_ARE_YOU[:-1],
            "00" * 300,
            f"0007{NUMBER}",
            f"0004{'15' + '91' + '11' * 11}0000{TIME}00",  # 21 digits
            f"0004{NUMBER}0000{TIME}A1" + "00" * 141,
            f"0004{NUMBER}0008{TIME}8D" + "00" * 141,
        ):
            with self.subTest(text=text[:60]):
                error = self.assertRaises(SmsError, deliver, text)
                self.assertIsInstance(error, ProtocolViolation)
                self.assertTrue(str(error))
                self.assertLessEqual(len(error.raw), 512)

    def test_every_cut_is_refused(self) -> None:
        for end in range(0, len(HOW_ARE_YOU), 2):
            self.assertRaises(SmsError, deliver, HOW_ARE_YOU[:end])

    @given(st.binary(max_size=200).map(bytes.hex))
    @example("00")
    def test_any_hex_is_a_message_or_damage(self, text: str) -> None:
        try:
            message = deliver(text)
        except SmsError:
            return
        self.assertLessEqual(len(message.text), 280)

    @given(st.integers(0, len(HOW_ARE_YOU) - 1), st.sampled_from("0123456789ABCDEF"))
    def test_any_wrong_digit_is_a_message_or_damage(self, at: int, digit: str) -> None:
        with contextlib.suppress(SmsError):
            deliver(HOW_ARE_YOU[:at] + digit + HOW_ARE_YOU[at + 1 :])

    @given(st.text(max_size=100))
    def test_any_text_is_a_message_or_damage(self, text: str) -> None:
        with contextlib.suppress(SmsError):
            deliver(text)
