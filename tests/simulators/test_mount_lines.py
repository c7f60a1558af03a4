"""How the simulated mount finds commands among bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_lines import MOST_BYTES, CommandReader, payload_bytes


def read(data: bytes, *, counts: bool = True) -> list[bytes]:
    reader = CommandReader(counts=counts)
    return [command for command in map(reader.push, data) if command is not None]


class TextTests(SynchronousTestCase):
    def test_commands_one_after_the_other(self) -> None:
        self.assertEqual(
            read(b":GC#:GL#:GG#"),
            [b":GC#", b":GL#", b":GG#"],
        )

    def test_what_stands_between_is_passed_over(self) -> None:
        for rubbish in (b"#", b"##", b" \r\n", b"GR#", b"\xff\x00"):
            self.assertEqual(read(rubbish + b":GR#" + rubbish), [b":GR#"], rubbish)

    def test_ack_outside_of_a_command(self) -> None:
        self.assertEqual(read(b"\x06#\x06:GR#\x06"), [b"\x06"] * 2 + [b":GR#", b"\x06"])
        self.assertEqual(read(b":G\x06R#"), [b":G\x06R#"])

    def test_what_is_too_long_is_not_taken(self) -> None:
        longest = b":" + b"x" * (MOST_BYTES - 2) + b"#"
        self.assertEqual(read(longest + b":GR#"), [longest, b":GR#"])
        self.assertEqual(read(b":x" + longest[1:] + b":GR#"), [b":GR#"])
        self.assertEqual(read(b":" + b"x" * 10_000 + b"#:GR#"), [b":GR#"])


class SetTests(SynchronousTestCase):
    def test_payload_is_counted(self) -> None:
        for command in (
            b":*!S 05;\x03##\x00#",
            b":*!S 06;#",
            b":*!S 04;\x00#",
            b":*!S 04;\x01########\x06#",
            b":*!S 0A;\x00#",
            b":*!S 0A;\x01::::####\x00#"[:18] + b"#",
            b":*!S 0F;\x00#",
            b":*!S 0F;\x01\x03#",
            b":*!S 07;########" + b"#",
            b":*!S 08;\x08\x05\n##",
        ):
            self.assertEqual(read(command + b":GR#"), [command, b":GR#"])

    def test_unknown_command_ends_at_the_first_end(self) -> None:
        self.assertEqual(read(b":*!S 7F;##"), [b":*!S 7F;#"])

    def test_what_is_no_set_command_ends_at_the_first_end(self) -> None:
        for command in (b":*!S 5;#", b":*!S 0a;#", b":*!S 05,06;#", b":*!S #"):
            self.assertEqual(read(command), [command])

    def test_a_payload_that_is_too_long_ends_somewhere(self) -> None:
        self.assertEqual(read(b":*!S 06;abc#:GR#"), [b":*!S 06;abc#", b":GR#"])

    def test_older_firmware_counts_nothing(self) -> None:
        self.assertEqual(read(b":*!S 05;\x03##\x00#", counts=False), [b":*!S 05;\x03#"])

    def test_lengths(self) -> None:
        """facts/tts160.md 4.2."""
        for number, payload, length in (
            (0x11, b"", 22),
            (0x04, b"", 1),
            (0x04, b"\x02", 9),
            (0x04, b"\x03", 1),
            (0x0A, b"\x01", 9),
            (0x0A, b"\x00", 1),
            (0x0F, b"", 1),
            (0x0F, b"\x01", 1),
            (0x0F, b"\x01\x03", 2),
            (0x7F, b"\x01", None),
        ):
            self.assertEqual(payload_bytes(number, payload), length, (number, payload))


class HypothesisTests(SynchronousTestCase):
    @given(st.binary(max_size=300))
    def test_anything(self, data: bytes) -> None:
        for command in read(data):
            self.assertLessEqual(len(command), MOST_BYTES)

    @given(st.binary(min_size=8, max_size=8), st.binary(min_size=22, max_size=22))
    def test_any_payload(self, target: bytes, site: bytes) -> None:
        commands = [b":*!S 07;" + target + b"#", b":*!S 11;" + site + b"#", b":GR#"]
        self.assertEqual(read(b"".join(commands)), commands)
