from __future__ import annotations

import math
import struct
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError, ProtocolViolation
from gatewaykit.tts160.set_commands import (
    MOST_ENTRIES,
    Entry,
    EntryType,
    refusal,
    set_command,
    set_entries,
    set_length,
)
from gatewaykit.tts160.set_table import (
    SET_COMMANDS,
    SET_ERRORS,
    SET_NUMBERS,
    SET_RESULTS,
    Parameter,
    SetCommand,
)

NAMES = [
    "SET_AXIS_RATE",
    "SET_GUIDE_RATE",
    "SET_SLEW_RATE",
    "MOVE_AXIS",
    "SLEW_TO_TARGET",
    "GUIDE",
    "HALT_ALL",
    "SET_TARGET",
    "SET_DATE",
    "SET_LOCAL_TIME",
    "SET_PARK_LOCATION",
    "PARK_UNPARK",
    "ROTATOR_OPS",
    "SET_TRACK_RATE",
    "SET_TRACKING",
    "SYNC_FUNCTIONS",
    "INITIALIZE",
    "SET_LOCATION",
    "ALIGN_POINT",
    "PERFORM_ALIGNMENT",
]
SITE = ("Testhill", -14, 1, 100, 30, 15, 0, 40, 15, 30, 5)
DONE = bytes.fromhex("010100000000")


def payload(name_or_id: str | int, *arguments: object) -> str:
    """Hexadecimal, of what is between the first ``;`` and the last ``#``."""
    data = set_command(name_or_id, *arguments)
    return data.partition(b";")[2][:-1].hex()


def entries(data: bytes) -> list[Entry]:
    found = set_entries(data)
    assert found is not None
    return found[0]


def answer(*values: tuple[int, Any]) -> bytes:
    """As a mount sends it."""
    data = bytes([len(values)])
    for type, value in values:
        data += bytes([type])
        if type != EntryType.NONE:
            data += struct.pack("<f" if type == EntryType.REAL else "<i", value)
    return data


class Payloads(SynchronousTestCase):
    def test_transcripts(self) -> None:
        """37, 38 and 40 of facts/tts160.md 9."""
        self.assertEqual(set_command("GUIDE", 3, 35), b":*!S 05;\x03\x23\x00#")
        (right_ascension, declination) = struct.unpack(
            "<2f", bytes.fromhex("bee9c13fa4b3c0bd")
        )
        self.assertEqual(
            set_command("SLEW_TO_TARGET", 1, right_ascension, declination),
            b":*!S 04;" + bytes.fromhex("01bee9c13fa4b3c0bd") + b"#",
        )
        self.assertEqual(
            set_command("SET_LOCATION", *SITE),
            b":*!S 11;"
            + bytes.fromhex("5465737468696c6c2020f20164001e0f0028000f1e05")
            + b"#",
        )

    def test_payload_of_every_command(self) -> None:
        """The table of facts/tts160.md 4.2, a command a line."""
        for name, arguments, expected in (
            ("SET_AXIS_RATE", (1, -0.5), "01 000000bf"),
            ("SET_GUIDE_RATE", (3,), "03"),
            ("SET_SLEW_RATE", (2,), "02"),
            ("MOVE_AXIS", (2, 3.5), "02 00006040"),
            ("SLEW_TO_TARGET", (0,), "00"),
            ("SLEW_TO_TARGET", (1, 1.5, -0.5), "01 0000c03f 000000bf"),
            ("SLEW_TO_TARGET", (2, 1.5, 0.5), "02 0000c03f 0000003f"),
            ("SLEW_TO_TARGET", (3,), "03"),
            ("GUIDE", (0, 10_000), "00 1027"),
            ("HALT_ALL", (), ""),
            ("SET_TARGET", (1.5, -0.5), "0000c03f 000000bf"),
            ("SET_DATE", (2, 29, 2028), "02 1d ec07"),
            ("SET_LOCAL_TIME", (23, 59, 58), "17 3b 3a00"),
            ("SET_PARK_LOCATION", (0,), "00"),
            ("SET_PARK_LOCATION", (1, 1.5, 0.5), "01 0000c03f 0000003f"),
            ("PARK_UNPARK", (1,), "01"),
            ("ROTATOR_OPS", (255,), "ff"),
            ("SET_TRACK_RATE", (2,), "02"),
            ("SET_TRACKING", (True,), "01"),
            ("SYNC_FUNCTIONS", (7,), "07"),
            ("SYNC_FUNCTIONS", (7, 3), "07 03"),
            ("INITIALIZE", (), ""),
            ("ALIGN_POINT", (3, 1.5, -0.5), "03 0000c03f 000000bf"),
            ("PERFORM_ALIGNMENT", (), ""),
        ):
            with self.subTest(name=name, arguments=arguments):
                self.assertEqual(payload(name, *arguments), expected.replace(" ", ""))

    def test_numbers_and_names(self) -> None:
        self.assertEqual([SET_COMMANDS[n].name for n in range(0x14)], NAMES)
        self.assertEqual(len(SET_COMMANDS), 0x14)
        self.assertEqual(SET_NUMBERS, {name: n for n, name in enumerate(NAMES)})
        self.assertEqual(set_command("halt_all"), b":*!S 06;#")
        self.assertEqual(set_command(0x0B, 1), b":*!S 0B;\x01#")
        self.assertEqual(set_command(0x13), b":*!S 13;#")

    def test_unknown_commands_are_refused_with_what_is_near(self) -> None:
        for command, allowed in (
            ("GIDE", "GUIDE"),
            ("halt", "HALT_ALL"),
            (0x14, "0 to 19 or a name"),
            (-1, "0 to 19 or a name"),
            ("", "0 to 19 or a name"),
        ):
            with self.subTest(command=command):
                error = self.assertRaises(MisuseError, set_command, command)
                self.assertEqual(error.value, command)
                self.assertEqual(error.allowed.split(" or SET")[0], allowed)

    def test_arguments_that_are_too_many_or_too_few_are_refused(self) -> None:
        for name, arguments, allowed in (
            ("GUIDE", (), "direction, duration_ms"),
            ("GUIDE", (1, 2, 3), "direction, duration_ms"),
            ("HALT_ALL", (1,), "nothing"),
            ("SLEW_TO_TARGET", (), "type"),
            ("SLEW_TO_TARGET", (0, 1.0, 1.0), "type"),
            ("SLEW_TO_TARGET", (2, 1.0), "type, azimuth_rad, altitude_rad"),
            ("SLEW_TO_TARGET", (1,), "type, right_ascension_rad, declination_rad"),
            ("SLEW_TO_TARGET", ([], 1.0), "type"),
            ("SET_PARK_LOCATION", (0, 1.0, 1.0), "position"),
            ("SYNC_FUNCTIONS", (), "type"),
            ("SYNC_FUNCTIONS", (1, 2, 3), "type, points"),
        ):
            with self.subTest(name=name, arguments=arguments):
                error = self.assertRaises(MisuseError, set_command, name, *arguments)
                self.assertEqual((error.name, error.allowed), (name, allowed))

    def test_values_out_of_range_are_refused(self) -> None:
        for name, arguments, parameter in (
            ("SET_AXIS_RATE", (256, 1.0), "axis"),
            ("SET_AXIS_RATE", (0, math.inf), "rate"),
            ("SET_AXIS_RATE", (0, math.nan), "rate"),
            ("SET_AXIS_RATE", (0, 1e39), "rate"),
            ("SET_GUIDE_RATE", (4,), "index"),
            ("SET_SLEW_RATE", (-1,), "index"),
            ("MOVE_AXIS", (4, 1.0), "direction"),
            ("MOVE_AXIS", (0, 3.51), "speed_deg_s"),
            ("MOVE_AXIS", (0, -0.1), "speed_deg_s"),
            ("SLEW_TO_TARGET", (4,), "type"),
            ("SLEW_TO_TARGET", (1, 6.3, 0.0), "right_ascension_rad"),
            ("SLEW_TO_TARGET", (1, -0.1, 0.0), "right_ascension_rad"),
            ("SLEW_TO_TARGET", (1, 0.0, 1.6), "declination_rad"),
            ("SLEW_TO_TARGET", (2, 6.3, 0.0), "azimuth_rad"),
            ("SLEW_TO_TARGET", (2, 0.0, -1.6), "altitude_rad"),
            ("GUIDE", (0, 10_001), "duration_ms"),
            ("GUIDE", (0, 1.0), "duration_ms"),
            ("GUIDE", ("north", 1), "direction"),
            ("SET_TARGET", (math.nan, 0.0), "right_ascension_rad"),
            ("SET_TARGET", ("1", 0.0), "right_ascension_rad"),
            ("SET_DATE", (0, 1, 2026), "month"),
            ("SET_DATE", (13, 1, 2026), "month"),
            ("SET_DATE", (1, 0, 2026), "day"),
            ("SET_DATE", (2, 29, 2026), "day"),
            ("SET_DATE", (1, 1, 26), "year"),
            ("SET_DATE", (1, 1, 2100), "year"),
            ("SET_LOCAL_TIME", (24, 0, 0), "hour"),
            ("SET_LOCAL_TIME", (0, 60, 0), "minute"),
            ("SET_LOCAL_TIME", (0, 0, 60), "second"),
            ("SET_PARK_LOCATION", (2,), "position"),
            ("PARK_UNPARK", (2,), "unpark"),
            ("SET_TRACK_RATE", (3,), "rate"),
            ("SET_TRACKING", (2,), "on"),
            ("SYNC_FUNCTIONS", (1, 0), "points"),
            ("SYNC_FUNCTIONS", (1, 0x23), "points"),
            ("ALIGN_POINT", (0, 1.0, 1.0), "index"),
            ("ALIGN_POINT", (1, 24.1, 1.0), "right_ascension_h"),
            ("ALIGN_POINT", (1, 1.0, -90.1), "declination_deg"),
        ):
            with self.subTest(name=name, arguments=arguments):
                error = self.assertRaises(MisuseError, set_command, name, *arguments)
                self.assertEqual(error.name, parameter)

    def test_ends_of_the_ranges_are_in_them(self) -> None:
        for name, arguments in (
            ("SET_TARGET", (math.tau, -math.pi / 2)),
            ("SET_TARGET", (0, math.radians(90))),
            ("ALIGN_POINT", (1, 24, -90)),
            ("MOVE_AXIS", (0, 0)),
            ("SET_AXIS_RATE", (0, 3.4028234663852886e38)),
        ):
            with self.subTest(name=name, arguments=arguments):
                set_command(name, *arguments)

    def test_site(self) -> None:
        for place, value, parameter in (
            (0, "", "name"),
            (0, "Mount Wilson", "name"),
            (0, "Käse", "name"),
            (0, "a\nb", "name"),
            (0, b"Testhill", "name"),
            (0, 5, "name"),
            (1, -25, "utc_offset_half_h"),
            (1, 29, "utc_offset_half_h"),
            (2, 2, "longitude_sign"),
            (3, 181, "longitude_deg"),
            (3, 180, "longitude"),
            (4, 60, "longitude_min"),
            (5, 60, "longitude_s"),
            (6, -1, "latitude_sign"),
            (7, 91, "latitude_deg"),
            (7, 90, "latitude"),
            (8, 60, "latitude_min"),
            (9, 60, "latitude_s"),
            (10, 90, "horizon_deg"),
        ):
            with self.subTest(parameter=parameter, value=value):
                arguments: list[object] = [*SITE]
                arguments[place] = value
                error = self.assertRaises(
                    MisuseError, set_command, "SET_LOCATION", *arguments
                )
                self.assertEqual(error.name, parameter)
        pole = ("#" * 10, 28, 1, 180, 0, 0, 1, 90, 0, 0, 89)
        self.assertEqual(
            payload("SET_LOCATION", *pole), "23" * 10 + "1c01b4000000015a00000059"
        )

    def test_what_is_allowed_is_told(self) -> None:
        for arguments, allowed in (
            (("GUIDE", 0, -1), "a whole number, 0 to 10000"),
            (("PARK_UNPARK", 2), "a whole number, 0 to 1 (0 park, 1 unpark)"),
            (("MOVE_AXIS", 0, 4), "0 to 3.5"),
            (("SET_AXIS_RATE", 0, math.inf), "a finite number of 4 bytes"),
            (
                ("SET_LOCATION", "", *SITE[1:]),
                "1 to 10 printable ASCII characters",
            ),
            (("SET_DATE", 2, 30, 2028), "a day of 2028-02"),
        ):
            with self.subTest(arguments=arguments):
                error = self.assertRaises(MisuseError, set_command, *arguments)
                self.assertEqual(error.allowed, allowed)


EASY = {"day": 28, "longitude_deg": 179, "latitude_deg": 89}
"""The most that goes with any value of the others."""


def values_of(parameter: Parameter) -> st.SearchStrategy[Any]:
    if parameter.type == "10s":
        letters = st.characters(min_codepoint=0x21, max_codepoint=0x7E)
        return st.text(letters, min_size=1, max_size=10)
    if parameter.type == "f":
        least, most = math.ceil(parameter.least), math.floor(parameter.most)
        return st.floats(least, most, width=32)
    most = EASY.get(parameter.name, int(parameter.most))
    return st.integers(int(parameter.least), most)


@st.composite
def calls(draw: st.DrawFn) -> tuple[SetCommand, list[Any], str]:
    """A command, arguments for it, and its payload as `struct` has it."""
    command = draw(st.sampled_from([*SET_COMMANDS.values()]))
    parameters = command.parameters
    values = [draw(values_of(one)) for one in parameters]
    more = command.more.get(values[0], ()) if values else ()
    if draw(st.booleans()):
        more += command.optional
    values += [draw(values_of(one)) for one in more]
    return command, values, "<" + "".join(one.type for one in parameters + more)


class Lengths(SynchronousTestCase):
    def test_lengths_of_the_table(self) -> None:
        """The last column of facts/tts160.md 4.2."""
        for number, start, expected in (
            (0x00, b"", 5),
            (0x01, b"", 1),
            (0x02, b"", 1),
            (0x03, b"", 5),
            (0x04, b"\0", 1),
            (0x04, b"\1", 9),
            (0x04, b"\2", 9),
            (0x04, b"\3", 1),
            (0x04, b"\x23", 1),
            (0x05, b"", 3),
            (0x06, b"", 0),
            (0x07, b"", 8),
            (0x08, b"", 4),
            (0x09, b"", 4),
            (0x0A, b"\0", 1),
            (0x0A, b"\1", 9),
            (0x0B, b"", 1),
            (0x0C, b"", 1),
            (0x0D, b"", 1),
            (0x0E, b"", 1),
            (0x0F, b"\1#", 1),
            (0x0F, b"##", 1),
            (0x0F, b"\1\2", 2),
            (0x0F, b"#\2#", 2),
            (0x10, b"", 0),
            (0x11, b"", 22),
            (0x12, b"", 9),
            (0x13, b"", 0),
            (0x14, b"", 0),
            (0x7F, b"abc", 0),
        ):
            with self.subTest(number=number, start=start):
                self.assertEqual(set_length(number, start), expected)

    def test_next_byte_decides(self) -> None:
        for number, start in ((0x04, b""), (0x0A, b""), (0x0F, b""), (0x0F, b"#")):
            with self.subTest(number=number, start=start):
                self.assertIsNone(set_length(number, start))

    @given(calls())
    def test_receiver_counts_what_a_sender_built(
        self, call: tuple[SetCommand, list[Any], str]
    ) -> None:
        command, values, layout = call
        data = set_command(command.name, *values)
        self.assertEqual(data, set_command(command.number, *values))
        head = b":*!S %02X;" % command.number
        self.assertEqual(data[: len(head)], head)
        body, end = data[len(head) : -1], data[-1:]
        self.assertEqual(end, b"#")
        found = [
            one.decode().rstrip() if isinstance(one, bytes) else one
            for one in struct.unpack(layout, body)
        ]
        self.assertEqual(found, values)
        known = [
            set_length(command.number, (body + end)[:length])
            for length in range(len(body) + 2)
        ]
        # Nobody has to know more than the `#` to know the length, or changes the mind.
        self.assertEqual(known[-1], len(body))
        self.assertEqual({*known} - {None}, {len(body)})

    @given(st.integers(0, 255), st.binary(max_size=30))
    def test_any_bytes_have_a_length_or_go_on(self, number: int, data: bytes) -> None:
        length = set_length(number, data)
        if length is None:
            self.assertLess(len(data), 2)
        else:
            self.assertEqual(set_length(number, data + b"#"), length)


ENTRIES = st.lists(
    st.one_of(
        st.just((EntryType.NONE, None)),
        st.tuples(
            st.sampled_from([EntryType.WHOLE, EntryType.ERROR]),
            st.integers(-(2**31), 2**31 - 1),
        ),
        st.tuples(st.just(EntryType.REAL), st.floats(width=32, allow_nan=False)),
    ),
    max_size=MOST_ENTRIES,
)


class Answers(SynchronousTestCase):
    def test_transcripts(self) -> None:
        """37 to 40 of facts/tts160.md 9."""
        self.assertEqual(set_entries(DONE), ([Entry(EntryType.WHOLE, 0)], 6))
        self.assertEqual(
            set_entries(bytes.fromhex("0104fdffffff")),
            ([Entry(EntryType.ERROR, -3)], 6),
        )

    def test_bytes_behind_an_answer_are_not_its(self) -> None:
        self.assertEqual(set_entries(DONE + b"#:"), ([Entry(EntryType.WHOLE, 0)], 6))
        self.assertEqual(set_entries(b"\0\1"), ([], 1))

    def test_entries_of_all_types(self) -> None:
        data = b"\4\0" + bytes.fromhex("01 23232323 02 0000803f 04 ffffffff")
        self.assertEqual(
            set_entries(data),
            (
                [
                    Entry(EntryType.NONE, None),
                    Entry(EntryType.WHOLE, 0x23232323),
                    Entry(EntryType.REAL, 1.0),
                    Entry(EntryType.ERROR, -1),
                ],
                17,
            ),
        )

    def test_type_that_nobody_can_count_is_a_violation(self) -> None:
        for type in (EntryType.TEXT, 5, 0x23, 255):
            with self.subTest(type=type):
                data = bytes([1, type])
                error = self.assertRaises(ProtocolViolation, set_entries, data)
                self.assertEqual(error.raw, data)
                self.assertIn(f"type {int(type)}", str(error))
        data = DONE.replace(b"\1\1", b"\2\1") + b"\3"
        self.assertRaises(ProtocolViolation, set_entries, data)

    def test_text_in_the_place_of_an_answer_is_told_at_its_first_byte(self) -> None:
        for data in (b"E", b"0", b"#", b"\x0b"):
            with self.subTest(data=data):
                self.assertRaises(ProtocolViolation, set_entries, data)
        self.assertIsNone(set_entries(bytes([MOST_ENTRIES])))

    @given(ENTRIES, st.binary(max_size=9))
    def test_what_was_sent_is_read_whatever_follows(
        self, values: list[tuple[int, Any]], behind: bytes
    ) -> None:
        data = answer(*values)
        found = set_entries(data + behind)
        self.assertEqual(found, ([Entry(*one) for one in values], len(data)))  # type: ignore[arg-type]
        for length in range(len(data)):
            self.assertIsNone(set_entries(data[:length]))

    @given(st.binary(max_size=60))
    def test_garbage_raises_violations_only(self, data: bytes) -> None:
        try:
            found = set_entries(data)
        except ProtocolViolation as violation:
            self.assertEqual(violation.raw, data)
        else:
            if found is not None:
                self.assertEqual(len(found[0]), data[0])
                self.assertLessEqual(found[1], len(data))


class Judgements(SynchronousTestCase):
    def test_done(self) -> None:
        for data in (
            DONE,
            answer((EntryType.NONE, None)),
            answer((EntryType.ERROR, 0)),
            answer((EntryType.WHOLE, 0), (EntryType.NONE, None)),
        ):
            with self.subTest(data=data):
                self.assertIsNone(refusal(0x05, entries(data)))

    def test_refused(self) -> None:
        for number, values, reason in (
            (0x7F, [(EntryType.ERROR, -3)], "no such command"),
            (0x05, [(EntryType.ERROR, -6)], "the command failed"),
            (0x05, [(EntryType.ERROR, -7)], "error -7"),
            (0x05, [(EntryType.WHOLE, 1)], "result 1"),
            (0x12, [(EntryType.WHOLE, 3)], "busy"),
            (0x12, [(EntryType.WHOLE, 5)], "result 5"),
            (0x13, [(EntryType.WHOLE, 1)], "too few points"),
            (0x13, [(EntryType.WHOLE, 2)], "the calculation failed"),
            (0x05, [(EntryType.REAL, 0.5)], "result 0.5"),
            (0x05, [(EntryType.REAL, 0)], "result 0.0"),
            (0x05, [], "an answer without a result"),
            (
                0x05,
                [(EntryType.WHOLE, 0), (EntryType.ERROR, -5)],
                "too many commands",
            ),
        ):
            with self.subTest(number=number, values=values):
                self.assertEqual(refusal(number, entries(answer(*values))), reason)

    def test_published_codes(self) -> None:
        self.assertEqual(sorted(SET_ERRORS), [-6, -5, -4, -3, -2, -1])
        self.assertEqual(
            {
                SET_COMMANDS[number].name: [*codes]
                for number, codes in SET_RESULTS.items()
            },
            {"ALIGN_POINT": [1, 2, 3, 4], "PERFORM_ALIGNMENT": [1, 2]},
        )

    @given(st.integers(0, 255), ENTRIES)
    def test_any_answer_is_judged(
        self, number: int, values: list[tuple[int, Any]]
    ) -> None:
        reason = refusal(number, entries(answer(*values)))
        is_done = bool(values) and all(
            type == EntryType.NONE or (type != EntryType.REAL and value == 0)
            for type, value in values
        )
        self.assertEqual(reason is None, is_done)
