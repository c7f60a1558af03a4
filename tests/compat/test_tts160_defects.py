"""What was wrong with the `SerialManager` of 2025, by the numbers of facts/tts160.md 5.

11, 12 and 15 are `LostTests`, `LateTests` and the ends of waiting in `test_tts160_line`; 14
(SET commands went past the queue) is its `StopTests`. 17, 18 and 21 were of other classes.
"""

from __future__ import annotations

import struct
import time
from typing import Any

from gatewaykit.compat.tts160_serial import (
    BinaryFormatError,
    BinaryParser,
    CommandType,
    ConnectionError,  # noqa: A004 - the API's name
    ResponseError,
)
from gatewaykit.tts160 import framing
from tests.compat.mounts import MountTestCase

BLIND, BOOL, STRING, AUTO = CommandType
RA = "05:47:12#"


class DefectTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.hurry()
        self.patch(framing, "NEXT_BYTE_S", 0.03)
        self.serial = self.manager()

    def in_step(self) -> None:
        """Nothing of an answer is left for the next command."""
        heard = len(self.mount.heard)
        self.assertEqual(self.serial.send_command(":GR#"), RA)
        self.assertEqual(self.mount.heard[heard:], [b":GR#"])

    def test_1_formats_are_read_whole(self) -> None:
        for format in ("5i2z", "z5i", "{i}", "-3i", "i2", "0i", "999999999i"):
            with self.assertRaises(BinaryFormatError):
                self.serial.register_binary_format("x", format)

    def test_2_a_matrix_is_counted(self) -> None:
        with self.assertRaises(BinaryFormatError):
            self.serial.register_binary_format("x", "2im", ["h", "e"])
        made = BinaryParser.create_format("x", "2im", ["h", "e", "m"])
        data = struct.pack("<2i9f", 1, 2, *range(9))
        values = BinaryParser.unpack_data(made, data)
        self.assertEqual(values, {"h": 1, "e": 2, "m": [*map(float, range(9))]})

    def test_3_quaternions_are_known(self) -> None:
        payload = struct.pack("<5f", 0.5, 1, 0, 0, 0)
        self.mount.answer(b":*!G T16,T31#", b"BINARY:fq\n" + payload)
        got = self.serial.send_command(":*!G T16,T31#")
        self.assertEqual(got, [0.5, (1.0, 0.0, 0.0, 0.0)])
        self.in_step()

    def test_4_text_is_complete_at_its_end(self) -> None:
        self.patch(framing, "NEXT_BYTE_S", 30.0)
        began = time.monotonic()
        for type in (AUTO, STRING):
            self.assertEqual(self.serial.send_command(":GR#", type), RA)
        self.assertLess(time.monotonic() - began, 10)

    def test_5_an_error_is_no_text(self) -> None:
        self.mount.answer(b":*!G T99#", b"ERROR:VAR_ERROR\n")
        for type in CommandType:
            with self.assertRaisesRegex(ResponseError, "VAR_ERROR"):
                self.serial.send_command(":*!G T99#", type)
            self.in_step()

    def test_6_a_dead_link_is_no_empty_text(self) -> None:
        self.mount.answer(b":XX#", None)
        with self.assertRaises(ConnectionError):
            self.serial.send_command(":XX#", AUTO)

    def test_7_a_truncated_block_is_no_text(self) -> None:
        self.mount.answer(b":XX#", b"BINARY:2i\n1234")
        with self.assertRaisesRegex(ResponseError, "broke off"):
            self.serial.send_command(":XX#", AUTO)
        self.assertEqual(self.serial.send_command(":GR#"), RA)

    def test_8_text_without_an_end_is_none(self) -> None:
        self.mount.answer(b":XX#", b"05:47:12")
        with self.assertRaises(ResponseError):
            self.serial.send_command(":XX#", STRING)
        self.mount.answer(b":MS#", b"0")
        self.assertEqual(self.serial.send_command(":MS#", STRING), "0")

    def test_9_a_degree_sign_is_read(self) -> None:
        self.mount.answer(b":GD#", b"-00\xdf30:00#")
        self.assertEqual(self.serial.send_command(":GD#", STRING), "-00*30:00#")
        self.assertEqual(self.mount.heard, [b":GD#"])

    def test_10_what_is_no_flag_is_not_false(self) -> None:
        self.mount.answer(b":Sr05:47:12#", b"x")
        with self.assertRaises(ResponseError):
            self.serial.send_command(":Sr05:47:12#", BOOL)
        self.assertEqual(self.serial.send_command(":GR#"), RA)
        for code in (b"2Object below higher limit#", b"4Too high#"):
            self.mount.answer(b":MS#", code)
            with self.assertRaises(ResponseError):
                self.serial.send_command(":MS#", BOOL)
            self.in_step()
        self.mount.answer(b":MS#", b"1Object below horizon#")
        self.assertIs(self.serial.send_command(":MS#", BOOL), True)
        self.in_step()

    def test_11_a_dead_link_is_told_soon_to_what_moves(self) -> None:
        self.mount.answer(b":CM#", None)
        began = time.monotonic()
        with self.assertRaises(ConnectionError):
            self.serial.send_command(":CM#")
        self.assertLess(time.monotonic() - began, 5)
        self.assertEqual(self.mount.heard, [b":CM#"])

    def test_13_no_wait_for_each_byte(self) -> None:
        """A block arrives in pieces of any size, at no cost."""
        payload = struct.pack("<72f", *range(72))
        self.mount.answer(b":*!G X1#", b"BINARY:72f\n" + payload)
        self.mount.come_byte_by_byte()
        got = self.serial.send_command(":*!G X1#")
        self.assertEqual(got, [*map(float, range(72))])
        self.in_step()

    def test_16_what_waits_when_it_is_closed_ends(self) -> None:
        self.serial.cleanup()
        with self.assertRaises(ConnectionError):
            self.serial.send_command(":GR#")

    def test_19_values_are_never_made_up(self) -> None:
        """A type that nobody knows is not read as a byte."""
        self.mount.answer(b":XX#", b"BINARY:ix\n12345678")
        with self.assertRaisesRegex(ResponseError, "'x'"):
            self.serial.send_command(":XX#")

    def test_20_set_commands_have_a_result(self) -> None:
        for entry, expected in (("0101 00000000", [0]), ("0100", [None])):
            self.mount.answer(b":*!S 0E;\1#", bytes.fromhex(entry))
            self.assertEqual(self.serial.send_command(":*!S 0E;\1#"), expected)
        self.mount.answer(b":*!S 0E;\1#", bytes.fromhex("0104 faffffff"))
        with self.assertRaisesRegex(ResponseError, "-6"):
            self.serial.send_command(":*!S 0E;\1#")
        self.mount.answer(b":*!S 0E;\1#", b"ERROR:PARSE_ERROR\n")
        with self.assertRaisesRegex(ResponseError, "PARSE_ERROR"):
            self.serial.send_command(":*!S 0E;\1#")

    def test_22_nobody_writes_the_count(self) -> None:
        manager: Any = self.serial
        with self.assertRaises(AttributeError):
            manager.connection_count += 1
        with self.assertRaises(AttributeError):
            manager.is_connected = False
