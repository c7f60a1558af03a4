"""Names, commands and formats of `SerialManager`."""

from __future__ import annotations

import builtins
import dataclasses
import inspect
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.compat import tts160_serial, tts160_types
from gatewaykit.compat.tts160_serial import (
    BinaryFormat,
    BinaryFormatError,
    BinaryParser,
    CommandType,
    ConnectionError,  # noqa: A004 - the API's name
    ResponseError,
    SerialManager,
    TTS160SerialError,
)
from gatewaykit.errors import GatewayError
from gatewaykit.errors import TTS160SerialError as BaseError
from tests.compat.mounts import MountTestCase
from tests.compat.test_tts160_examples import CASE_2_NAMES
from tests.compat.test_tts160_ways import CASE_2

ROOT = Path(__file__).resolve().parents[2]


class NameTests(SynchronousTestCase):
    def test_signatures(self) -> None:
        signatures = {
            "__init__": "(self, logger: 'logging.Logger | None' = None) -> 'None'",
            "connect": "(self, port: 'str', baudrate: 'int' = 9600) -> 'None'",
            "disconnect": "(self) -> 'None'",
            "cleanup": "(self) -> 'None'",
            "clear_buffers": "(self) -> 'None'",
        }
        for name, signature in signatures.items():
            method = getattr(SerialManager, name)
            self.assertEqual(str(inspect.signature(method)), signature)
        parameters = {
            "send_command": {"command": None, "command_type": CommandType.AUTO},
            "register_binary_format": {
                "name": None,
                "format_string": None,
                "field_names": None,
            },
        }
        for name, expected in parameters.items():
            found = inspect.signature(getattr(SerialManager, name)).parameters
            defaults = {
                key: None if each.default is each.empty else each.default
                for key, each in list(found.items())[1:]
            }
            self.assertEqual(defaults, expected)

    def test_command_types(self) -> None:
        self.assertIs(tts160_serial.CommandType, tts160_types.CommandType)
        self.assertEqual(
            {each.name: int(each) for each in CommandType},
            {"BLIND": 0, "BOOL": 1, "STRING": 2, "AUTO": 3},
        )

    def test_errors(self) -> None:
        self.assertIs(TTS160SerialError, BaseError)
        for kind in (ConnectionError, BinaryFormatError, ResponseError):
            self.assertTrue(issubclass(kind, TTS160SerialError))
            self.assertTrue(issubclass(kind, GatewayError))
        self.assertTrue(issubclass(ConnectionError, builtins.ConnectionError))
        self.assertEqual(str(ConnectionError("gone")), "gone")
        self.assertEqual(ConnectionError("gone").reason, "gone")

    def test_formats(self) -> None:
        self.assertEqual(BinaryParser.parse_format_string("5i2f"), ("<5i2f", 28))
        # The documentation's 72 bytes were a slip (facts/tts160.md 3.2).
        self.assertEqual(BinaryParser.parse_format_string("1m"), ("<9f", 36))
        made = BinaryParser.create_format("a", "iB", ["x", "y"])
        self.assertEqual(
            [field.name for field in dataclasses.fields(BinaryFormat)],
            ["name", "format_string", "struct_format", "byte_size", "field_names"],
        )
        self.assertEqual(
            BinaryParser.unpack_data(made, struct.pack("<iB", -1, 2)), {"x": -1, "y": 2}
        )

    def test_no_reactor_comes_with_it(self) -> None:
        code = (
            "import sys; from gatewaykit.compat import tts160_serial;"
            "assert 'twisted.internet.reactor' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


class CommandTests(MountTestCase):
    def test_what_is_no_command(self) -> None:
        manager = self.manager()
        wrong: tuple[Any, ...] = (
            *("", "GR", ":GR", "GR#", ":GR#:GD#", ":G\nR#", "::GR#", ":é#", ":\u2026#"),
            *(":Sr25:00:00#", ":*!G K#", ":*!S 05;#", None, b":GR#", 7),
        )
        for command in wrong:
            self.assertRaises(ValueError, manager.send_command, command)
        for type in (4, -1, "AUTO", None):
            kind: Any = type
            self.assertRaises(ValueError, manager.send_command, ":GR#", kind)
        self.assertEqual(self.mount.heard, [])

    def test_a_type_is_its_number_too(self) -> None:
        number: Any = 1
        self.assertIs(self.manager().send_command(":*E#", number), True)

    def test_an_answer_of_what_has_none(self) -> None:
        manager = self.manager()
        for type in (CommandType.BOOL, CommandType.STRING):
            with self.assertRaisesRegex(ValueError, "has no answer"):
                manager.send_command(":hP#", type)
        self.assertEqual(self.mount.heard, [])


class FormatTests(MountTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.serial = self.manager()

    def test_cases(self) -> None:
        matrix = struct.pack("<9f", *range(9))
        self.mount.answer(b":*!5#", b"CASE:5\n" + matrix)
        self.mount.answer(b":*!8#", b"CASE:8\n" + CASE_2)
        self.assertEqual(self.serial.get_case_data(5), [[*map(float, range(9))]])
        names = self.serial.get_case_data(8)
        assert isinstance(names, dict)
        self.assertEqual(names["rotator_on"], 120)
        self.serial.register_binary_format("8", "iiiiiff", [*"abcdefg"])
        self.assertEqual("".join(self.serial.get_case_data(8)), "abcdefg")
        # Of the same types, and another block.
        self.mount.answer(b":*!2#", b"CASE:2\n" + CASE_2)
        self.assertEqual(list(self.serial.get_case_data(2)), CASE_2_NAMES)
        self.assertIsInstance(self.serial.send_command(":*!2#"), list)
        self.serial.register_binary_format("others", "5i2f", [*"tuvwxyz"])
        self.assertEqual(list(self.serial.get_case_data(2)), CASE_2_NAMES)

    def test_case_numbers(self) -> None:
        numbers: tuple[Any, ...] = (-1, 9, "2", 2.0, None, True)
        for number in numbers:
            self.assertRaises(ValueError, self.serial.get_case_data, number)

    def test_another_block_than_asked(self) -> None:
        self.mount.answer(b":*!2#", b"CASE:8\n" + CASE_2)
        for ask in (
            lambda: self.serial.get_case_data(2),
            lambda: self.serial.send_command(":*!2#"),
        ):
            self.assertRaisesRegex(ResponseError, "block 8", ask)
        self.mount.answer(b":XC#", b"CASE:8\n" + CASE_2)
        self.assertIsInstance(self.serial.send_command(":XC#"), list)

    def test_registration_is_checked(self) -> None:
        register: Any = self.serial.register_binary_format
        no_text: Any = (("", "i"), (None, "i"), ("a", 7), ("a", None))
        for arguments in no_text:
            self.assertRaises(ValueError, register, *arguments)
        no_format: Any = (
            *(("a", ""), ("a", "5i2z"), ("a", "0i"), ("a", "i2"), ("a", "100i")),
            *(("a", "2im", ["x", "y"]), ("a", "i", ["x", "x"]), ("a", "i", "x")),
        )
        for arguments in no_format:
            self.assertRaises(BinaryFormatError, register, *arguments)

    def test_a_matrix_is_one_value(self) -> None:
        self.serial.register_binary_format("mixed", "2im", ["h", "e", "matrix"])
        self.mount.answer(
            b":*!G T1,2,30#",
            b"BINARY:2i1m\n" + struct.pack("<2i9f", 1, 2, *range(9)),
        )
        self.assertEqual(
            self.serial.send_command(":*!G T1,2,30#"),
            {"h": 1, "e": 2, "matrix": [*map(float, range(9))]},
        )

    def test_the_last_of_the_same_types_counts(self) -> None:
        self.mount.answer(b":*!G T1#", b"BINARY:i\n\1\0\0\0")
        for name in ("first", "second"):
            self.serial.register_binary_format(name, "1i", [name])
            self.assertEqual(self.serial.send_command(":*!G T1#"), {name: 1})
        self.serial.register_binary_format("first", "i", ["again"])
        self.assertEqual(self.serial.send_command(":*!G T1#"), {"again": 1})

    def test_formats_are_a_managers_own(self) -> None:
        other = self.manager()
        other.register_binary_format("a", "i", ["a"])
        self.mount.answer(b":*!G T1#", b"BINARY:i\n\1\0\0\0")
        self.assertEqual(self.serial.send_command(":*!G T1#"), [1])

    def test_a_case_format_that_is_none_is_told(self) -> None:
        self.mount.answer(b":*!2#", b"CASE:2\n" + CASE_2)
        with self.assertLogs(self.serial.logger, "WARNING") as logged:
            self.serial.register_binary_format("case2", "7i", [*"abcdefg"])
        self.assertIn("not that of CASE block 2", logged.output[0])
        self.assertEqual(list(self.serial.get_case_data(2)), CASE_2_NAMES)
        with self.assertNoLogs(self.serial.logger, "WARNING"):
            self.serial.register_binary_format("case2", "5i2f")
        self.assertEqual(list(self.serial.get_case_data(2)), CASE_2_NAMES)
