"""What each call returns, over the serial port and through a gateway: one table."""

from __future__ import annotations

import struct
from typing import Any

import attrs
from twisted.internet.threads import deferToThread

from gatewaykit.compat.tts160_serial import (
    CommandType,
    ResponseError,
    SerialManager,
)
from gatewaykit.tts160.variables import Dialect
from tests.compat.mounts import GatewayTestCase, MountTestCase, ThreadedMount

BLIND, BOOL, STRING, AUTO = CommandType
MATRIX = struct.pack("<9f", *range(9))
QUATERNION = struct.pack("<4f", 1, 0.5, 0.25, 0)
FLOAT = struct.pack("<f", 0.25)
CASE_2 = bytes.fromhex("7800000082000000280000002d00000001000000000048430000f041")


@attrs.frozen
class Refused:
    """A `ResponseError`, with this in its text."""

    text: str


TABLE: tuple[tuple[str, CommandType, bytes, Any], ...] = (
    # Text
    (":GR#", STRING, b"05:47:12#", "05:47:12#"),
    (":GR#", AUTO, b"05:47:12#", "05:47:12#"),
    (":GR#", BLIND, b"05:47:12#", ""),
    (":GR#", BOOL, b"05:47:12#", Refused("'05:47:12#'")),
    (":GD#", AUTO, b"-00\xdf30:00#", "-00*30:00#"),
    (":D#", STRING, b"#", "#"),
    (":CM#", STRING, b"Coordinates matched.        #", "Coordinates matched.        #"),
    (":*TRG#", BOOL, b"1#", True),
    (":*TRG#", BOOL, b"2#", Refused("'2#'")),
    (":P#", AUTO, b"HIGH PRECISION", "HIGH PRECISION"),
    ("\x06", AUTO, b"P", "P"),
    # Flags
    (":Sr05:47:12#", BOOL, b"1", True),
    (":Sd+85*00:00#", BOOL, b"0", False),
    (":Sr05:47:12#", AUTO, b"1", "1"),
    (":Sr05:47:12#", STRING, b"0", "0"),
    (":Sr05:47:12#", BLIND, b"1", ""),
    (":*E#", BOOL, b"0", False),
    (":Sr05:47:12#", BOOL, b"x", Refused("flag")),
    # Those with an answer of their own
    (":MS#", BOOL, b"0", False),
    (":MS#", AUTO, b"0", "0"),
    (":MS#", BOOL, b"1Object below horizon#", True),
    (":MS#", STRING, b"1Object below horizon#", "1Object below horizon#"),
    (":SC08/05/26#", BOOL, b"1#", True),
    (":SC08/05/26#", BOOL, b"0", False),
    (":SC08/05/26#", BOOL, b"1Updating Planetary Data#" + b" " * 30 + b"#", True),
    (":SC08/05/26#", STRING, b"1#", "1#"),
    # Nothing
    (":T1#", BLIND, b"", ""),
    (":T1#", AUTO, b"", ""),
    (":Q#", STRING, b"", ""),
    (":Q#", BOOL, b"", Refused("not with 1 or 0")),
    # Binary
    (
        ":*!G T1,2,C5#",
        AUTO,
        b"BINARY:2i1B\n" + bytes.fromhex("87d6120001d5feff01"),
        [1234567, -76543, 1],
    ),
    (":*!G T1,2#", AUTO, b"BINARY:2i\n###\0\n\n\n\0", [0x232323, 0x0A0A0A]),
    (":*!G T32,33#", AUTO, b"BINARY:2m\n" + 2 * MATRIX, [[*range(9)], [*range(9)]]),
    (
        ":*!G T16,T31#",
        AUTO,
        b"BINARY:fq\n" + FLOAT + QUATERNION,
        [0.25, (1.0, 0.5, 0.25, 0.0)],
    ),
    (":*!G X3#", BLIND, b"BINARY:H\n\1\0", ""),
    (":*!G X3#", STRING, b"BINARY:H\n\1\0", Refused("CommandType.AUTO gives it")),
    (":*!G X3#", BOOL, b"BINARY:B\n1", Refused("CommandType.AUTO gives it")),
    (":*!2#", AUTO, b"CASE:2\n" + CASE_2, [120, 130, 40, 45, 1, 200.0, 30.0]),
    (":*!S 05;\x03#\0#", AUTO, bytes.fromhex("010100000000"), [0]),
    (":*!S 7F;#", BLIND, bytes.fromhex("0104fdffffff"), Refused("error -3")),
    # Errors of the mount
    (":*!G T99#", AUTO, b"ERROR:VAR_ERROR\n", Refused("VAR_ERROR")),
    (":*!G T99#", BLIND, b"ERROR:VAR_ERROR\n", Refused("VAR_ERROR")),
    (":GR#", STRING, b"ERROR:INVALID_CMD\n", Refused("INVALID_CMD")),
    (":Sr05:47:12#", BOOL, b"ERROR:PARSE_ERROR\n", Refused("PARSE_ERROR")),
    # Commands that nobody knows, of which the type tells how they end
    (":XT#", AUTO, b"123;456;789#", "123;456;789#"),
    (":XB#", AUTO, b"BINARY:5i2f\n" + CASE_2, [120, 130, 40, 45, 1, 200.0, 30.0]),
    (":X1#", AUTO, b"1", "1"),
    (":X1#", BOOL, b"1", True),
    (":X1#", STRING, b"1#", "1#"),
    (":X1#", BLIND, b"", ""),
    (":XE#", AUTO, b"ERROR:INVALID_CMD\n", Refused("INVALID_CMD")),
)


def outcome(manager: SerialManager, command: str, type: CommandType) -> Any:
    try:
        return manager.send_command(command, type)
    except ResponseError as error:
        return error


def agree(got: Any, expected: Any) -> bool:
    """With the types that a caller sees: True is not 1, and a tuple is no list."""
    if isinstance(expected, Refused):
        return isinstance(got, ResponseError) and expected.text in str(got)
    return repr(got) == repr(_as_floats(expected, got))


def _as_floats(expected: Any, got: Any) -> Any:
    """Floats as they are written in the table, where a matrix holds whole ones."""
    if isinstance(expected, list) and isinstance(got, list):
        return [_as_floats(e, g) for e, g in zip(expected, got, strict=False)]
    return float(expected) if isinstance(got, float) else expected


class DirectTests(MountTestCase):
    dialect = Dialect.V357

    def test_table(self) -> None:
        manager = self.manager()
        for command, type, answer, expected in TABLE:
            self.mount.answer(command.encode("latin-1"), answer)
            got = outcome(manager, command, type)
            self.assertTrue(agree(got, expected), (command, type, got))

    def test_code_of_a_refusal(self) -> None:
        """Only ``1`` is True; none of the others is the False of a slew that begins."""
        manager = self.manager()
        self.mount.answer(b":MS#", b"2Object below higher limit#")
        with self.assertRaisesRegex(ResponseError, "Object below higher limit"):
            manager.send_command(":MS#", BOOL)
        self.assertEqual(manager.send_command(":GR#"), "05:47:12#")


class GatewayTests(GatewayTestCase):
    async def test_table(self) -> None:
        mount = ThreadedMount(Dialect.V357)
        self.addCleanup(mount.close)
        manager = SerialManager()
        self.addCleanup(manager.cleanup)
        endpoint = await self.serve(mount)
        await deferToThread(manager.connect, endpoint, 1200)
        for command, type, answer, expected in TABLE:
            mount.answer(command.encode("latin-1"), answer)
            got = await deferToThread(outcome, manager, command, type)
            self.assertTrue(agree(got, expected), (command, type, got))
