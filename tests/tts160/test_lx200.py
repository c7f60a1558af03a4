"""Commands: what is known of each, and nothing that cannot be framed goes out."""

from __future__ import annotations

import datetime as dt
import struct

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import MisuseError
from gatewaykit.tts160 import axes, coordinates, local_time, lx200
from gatewaykit.tts160.commands import Command, Effect, Reply, Retry
from gatewaykit.tts160.lx200_table import ROWS, Evidence
from gatewaykit.tts160.set_commands import set_command
from gatewaykit.tts160.set_table import SET_COMMANDS

READ = (Retry.SAFE, Effect.READ)
SET = (Retry.IDEMPOTENT, Effect.SET)
ONCE = (Retry.NEVER, Effect.SET)
MOVE = (Retry.NEVER, Effect.MOVE)
STOP = (Retry.SAFE, Effect.STOP)

KNOWN = (
    # facts/tts160.md 2.1
    (
        ":GR# :GD# :GA# :GZ# :Gr# :Gd# :GS# :GL# :GC# :GG# :Gt# :Gg# :GW# :D# :ra#",
        Reply.TEXT,
        READ,
    ),
    (
        ":GVP# :GVN# :GVD# :GVT# :GVF# :Gc# :GT# :GM# :GN# :GO# :GP#",
        Reply.TEXT,
        READ,
    ),
    # 2.2
    (":Sr05:47:12# :Sr05:47:12.5# :Sr05:47.2# :Sr23:59:59.9#", Reply.FLAG, SET),
    (":Sd-05*23:28# :Sd+45\xdf30:15.5# :Sd-00*30# :Sd-90*00:00#", Reply.FLAG, SET),
    (":Sd+05:23'28#", Reply.FLAG, SET),
    (":MS#", Reply.GOTO, MOVE),
    (":CM#", Reply.TEXT, ONCE),
    (":Q# :Qn# :Qs# :Qe# :Qw#", Reply.NONE, STOP),
    (":Mn# :Ms# :Me# :Mw# :Mgn0350# :Mgs0000# :Mge9999# :Mgw0001#", Reply.NONE, MOVE),
    (":RG# :RM# :RC# :RS# :T1# :T0# :TQ# :TL# :TS# :TM#", Reply.NONE, SET),
    (":T+# :T-#", Reply.NONE, ONCE),
    (":ST60.1# :ST060.1#", Reply.FLAG, SET),
    (":SC08/05/26# :SC02/29/28#", Reply.DATE, ONCE),
    (":SL21:15:30#", Reply.DATE, ONCE),
    (":SG+10# :SG-05.5# :SG-00# :SG+12# :SG-14.0#", Reply.FLAG, SET),
    (":St+40*15# :St-37*17:05# :St+37*17'#", Reply.FLAG, SET),
    (":Sg100*30# :Sg-48*00# :Sg003*08'# :Sg+180*00# :Sg360*00#", Reply.FLAG, SET),
    (":hP# :hF# :hS# :F+# :F-#", Reply.NONE, MOVE),
    (":U# :H# :AA# :AP# :AL# :W0# :W3# :PO#", Reply.NONE, ONCE),
    (":P#", Reply.PRECISION, ONCE),
    (":FQ# :FS# :FF#", Reply.NONE, SET),
    # 2.3
    (
        ":*GR# :*GD# :*GA# :*GZ# :*Gr# :*Gd# :*Gt# :*Gg# :*PG# :*TRG# :*gRG# :*RR# :*RD#",
        Reply.TEXT,
        READ,
    ),
    (":*E# :*Pq#", Reply.FLAG, READ),
    (":*PS0# :*PS1180.00000.000# :*PS1360.00090.000#", Reply.NONE, SET),
    (":*gRS0# :*gRS4#", Reply.NONE, SET),
    (":*SR+01.0000000000# :*SD-99.9999999999#", Reply.NONE, SET),
    (":*Me08529486# :*Mn00009999# :*Ms31709999# :*Mw31429999#", Reply.NONE, MOVE),
    (":**1# :**3# :*CM#", Reply.TEXT, ONCE),
    (":*!0# :*!8#", Reply.CASE, READ),
    (":*!G|T1# :*!G|T1,2,C5# :*!G|K99,T1,2,3,4,5,6,7,8,9#", Reply.BINARY, READ),
)

STANDARD = (
    "Gr Gd GVT GVF Gc GT GM GN GO GP TM T+ T- ST SG St Sg PO U P H W AA AP AL"
    " F+ F- FQ FS FF hF hS"
)

REFUSED = (
    # Not one command with one `:` first and one `#` last.
    *("", ":", "#", ":#", ":GR", "GR#", "#:GR#", ":GR##", ":GR#:GD#", "::GR#", ":GR:#"),
    *(
        ":X:MS#",
        ":1:MS#",
        ":GR\n#",
        ":GR\r#",
        ":\x06#",
        ":G\xe9#",
        ":G\u20ac#",
        "\x06\x06",
    ),
    *(":" + "x" * 63 + "#", ":*!G " + ",".join(["T10"] * 15) + "#"),
    # Known ones with what they cannot take.
    *(":Sr24:00:00#", ":Sr05:60:00#", ":Sr05:47:60#", ":Sr5:47:12#", ":Sr-1:47:12#"),
    *(":Sr05:47:12", ":Sr#", ":Sr  05:47:12#", ":Sr05:47:12.55#", ":Sr5.78#"),
    *(":Sd05*23:28#", ":Sd+95*00:00#", ":Sd+90*00:01#", ":Sd+45*60#", ":Sd+5*23#"),
    *(":Mgn350#", ":Mgx0350#", ":Mg0350#", ":Mgn03500#", ":Mgn-350#", ":Mgn 350#"),
    *(":SC13/01/26#", ":SC02/29/27#", ":SC2026-8-5#", ":SC8/5/26#"),
    *(":SL24:00:00#", ":SL21:15#", ":SL21:15:60#", ":SL21:15:300#"),
    *(":SG10#", ":SG+13#", ":SG-14.5#", ":SG+5#", ":SG+05.55#"),
    *(
        ":St40*15#",
        ":St+90*01#",
        ":St+100*00#",
        ":Sg-180*01#",
        ":Sg360*01#",
        ":Sg+1*0#",
    ),
    *(":ST60#", ":W#", ":W10#", ":**0#", ":**4#", ":*gRS5#", ":*gRS#"),
    *(":*PS2#", ":*PS1361.00000.000#", ":*PS1180.00090.001#", ":*PS1180.000000.000#"),
    *(":*SR1.0#", ":*SR+1.0000000000#", ":*SD+01.00000000000#"),
    *(
        ":*Me8529486#",
        ":*Mx08529486#",
        ":*Me00010000#",
        ":*Me99999999#",
        ":*Mn31859999#",
    ),
    # Blocks and queries that nobody could frame the answers of.
    *(":*!9#", ":*!#", ":*!10#", ":*!T#", ":*!G#", ":*!G #", ":*!G 1#", ":*!G T#"),
    *(":*!G T0#", ":*!G T100#", ":*!G T01#", ":*!G t1#", ":*!G T1,#", ":*!GT1#"),
    *(":*!G T1, C5#", ":*!G T1,2,3,4,5,6,7,8,9,10,11#"),
)


class CommandTests(SynchronousTestCase):
    def test_each_command_of_the_fact_sheet_is_known(self) -> None:
        for texts, reply, (retry, effect) in KNOWN:
            for text in texts.replace("|", "\0").split():
                word = text.replace("\0", " ")
                with self.subTest(word=word):
                    command = lx200.command(word)
                    self.assertEqual(command.data, word.encode("latin-1"))
                    self.assertEqual(
                        (command.reply, command.retry, command.effect),
                        (reply, retry, effect),
                    )

    def test_each_row_is_one_of_them(self) -> None:
        words = [
            text.replace("|", " ") for texts, *_ in KNOWN for text in texts.split()
        ]
        for row in ROWS:
            exact = f"{row.head}#"
            fits = [
                word
                for word in words
                if word == exact
                or (row.argument and row.takes(word[len(row.head) : -1]))
            ]
            self.assertTrue(fits, row.head)
        self.assertEqual(len({row.head for row in ROWS}), len(ROWS))

    def test_evidence_is_as_the_fact_sheet_has_it(self) -> None:
        standard = {row.head for row in ROWS if row.evidence is Evidence.STANDARD}
        self.assertEqual(standard, {f":{head}" for head in STANDARD.split()})

    def test_what_cannot_be_sent_is_refused_and_named(self) -> None:
        for text in REFUSED:
            with self.subTest(text=text):
                error = self.assertRaises(MisuseError, lx200.command, text)
                self.assertEqual(error.name, "command")
                self.assertEqual(error.value, text[: lx200.LONGEST])
                self.assertTrue(error.allowed)

    def test_bytes_are_taken_as_text_is(self) -> None:
        self.assertEqual(lx200.command(b":GR#"), lx200.command(":GR#"))
        self.assertRaises(MisuseError, lx200.command, b":G\xffR#")

    def test_alignment_query_is_a_byte(self) -> None:
        command = Command(b"\x06", Reply.LETTER, Retry.SAFE, Effect.READ)
        self.assertEqual(lx200.command(b"\x06"), command)
        self.assertEqual(lx200.command("\x06"), command)

    def test_an_older_client_puts_a_blank_before_a_target(self) -> None:
        """Transcript 17."""
        command = lx200.command(":Sd +45\xdf30:15#")
        self.assertEqual(command.data, b":Sd +45\xdf30:15#")
        self.assertEqual(lx200.command(":Sr 05:47:12#").reply, Reply.FLAG)

    def test_unknown_commands_may_move_the_mount(self) -> None:
        for text in (
            ":GCS2B#",
            ":GMOT#",
            ":gRS2#",
            ":Qx#",
            ":mS#",
            ":MSS#",
            ":x12:34:56#",
            ":*RO+1#",
            ":D #",
            ":" + "x" * 62 + "#",
        ):
            with self.subTest(text=text):
                expected = (Reply.AUTO, Retry.NEVER, Effect.MOVE, None)
                command = lx200.command(text)
                self.assertEqual(
                    (
                        command.reply,
                        command.retry,
                        command.effect,
                        command.first_byte_s,
                    ),
                    expected,
                )

    def test_what_is_computed_or_planned_takes_longer(self) -> None:
        self.assertEqual(lx200.command(":MS#").first_byte_s, 3.0)
        for query in (
            "X1",
            "X2",
            "T1,X2",
            "X3,1",
            "X1,3",
            "X3,2,T1",
            "T1,2,17,18,X1,2",
        ):
            self.assertEqual(lx200.command(f":*!G {query}#").first_byte_s, 0.52, query)
        for query in ("T1", "X3", "X11", "X12,22", "X3,T1,2", "T1,2", "X3,12"):
            self.assertIsNone(lx200.command(f":*!G {query}#").first_byte_s, query)

    @given(
        st.one_of(
            st.text(max_size=70),
            st.binary(max_size=70),
            st.builds(
                "{}{}#".format,
                st.sampled_from([row.head for row in ROWS] + [":*!S ", ":*!S 04;"]),
                st.text("0123456789+-*:.'/,nsewTX \xdf", max_size=20),
            ),
        )
    )
    def test_nothing_makes_two_commands(self, text: str | bytes) -> None:
        try:
            command = lx200.command(text)
        except MisuseError:
            return
        data = command.data
        self.assertEqual(
            data, text.encode("latin-1") if isinstance(text, str) else text
        )
        self.assertLessEqual(len(data), lx200.LONGEST)
        if command.reply not in {Reply.SET, Reply.LETTER}:
            self.assertEqual((data[:1], data[-1:]), (b":", b"#"))
            self.assertEqual(data.count(b"#"), 1)
            self.assertFalse(set(data) - set(range(0x20, 0x7F)) - {0xDF})


class SetCommandTests(SynchronousTestCase):
    """facts/tts160.md 1.6 and 4.2."""

    def of(self, number: int, payload: bytes) -> Command:
        return lx200.command(b":*!S %02X;%b#" % (number, payload))

    def test_payload_is_counted(self) -> None:
        """Transcript 37: a `#` stands in it; 39 and 40."""
        for number, text in (
            (0x05, "032300"),
            (0x05, "232323"),
            (0x04, "01bee9c13fa4b3c0bd"),
            (0x04, "00"),
            (0x7F, ""),
            (0x11, "5465737468696c6c2020f20164001e0f0028000f1e05"),
        ):
            with self.subTest(number=number, text=text):
                payload = bytes.fromhex(text)
                command = self.of(number, payload)
                self.assertIs(command.reply, Reply.SET)
                self.assertEqual(command.data, b":*!S %02X;%b#" % (number, payload))

    def test_text_is_taken_too(self) -> None:
        self.assertEqual(
            lx200.command(":*!S 05;\x03\xff\x00#").data, b":*!S 05;\x03\xff\x00#"
        )

    def test_what_the_mount_would_count_otherwise_is_refused(self) -> None:
        for data in (
            b":*!S 05;\x03\x23#",
            b":*!S 05;\x03\x23\x00\x00#",
            b":*!S 04;\x01#",
            b":*!S 04;\x00\x00#",
            b":*!S 04;#",
            b":*!S 06;\x00#",
            b":*!S 7F;\x00#",
            b":*!S 5;\x03\x23\x00#",
            b":*!S 0a;\x00#",
            b":*!S 06#",
            b":*!S 06;",
            b":*!S #",
            b":*!S 11;" + bytes(100) + b"#",
        ):
            with self.subTest(data=data):
                error = self.assertRaises(MisuseError, lx200.command, data)
                self.assertEqual(error.name, "command")

    def test_effects_and_retries(self) -> None:
        moving = {0x03, 0x04, 0x05, 0x0B, 0x0C, 0x10}
        again = {0x00, 0x01, 0x02, 0x07, 0x0A, 0x0D, 0x0E, 0x11}
        lengths = {0x00: 5, 0x01: 1, 0x02: 1, 0x03: 5, 0x04: 1, 0x05: 3, 0x06: 0}
        lengths |= {0x07: 8, 0x08: 4, 0x09: 4, 0x0A: 1, 0x0B: 1, 0x0C: 1, 0x0D: 1}
        lengths |= {0x0E: 1, 0x0F: 1, 0x10: 0, 0x11: 22, 0x12: 9, 0x13: 0}
        self.assertEqual(set(lengths), set(SET_COMMANDS))
        for number, length in lengths.items():
            with self.subTest(number=number):
                command = self.of(number, bytes(length))
                if number == 0x06:
                    expected = (Retry.SAFE, Effect.STOP)
                else:
                    expected = (
                        Retry.IDEMPOTENT if number in again else Retry.NEVER,
                        Effect.MOVE if number in moving else Effect.SET,
                    )
                self.assertEqual((command.retry, command.effect), expected)
                self.assertEqual(command.first_byte_s, 3.0 if number == 0x04 else None)

    def test_what_is_unknown_may_move_the_mount(self) -> None:
        command = self.of(0x7F, b"")
        self.assertEqual((command.retry, command.effect), MOVE)

    def test_ready_made_payloads_are_taken(self) -> None:
        data = set_command("SLEW_TO_TARGET", 2, 3.14, 0.78)
        self.assertEqual(data[9:-1], struct.pack("<2f", 3.14, 0.78))
        self.assertIs(lx200.command(data).effect, Effect.MOVE)


class ReadyMadeTests(SynchronousTestCase):
    def test_constants(self) -> None:
        self.assertEqual(
            [
                one.data
                for one in (
                    lx200.STOP,
                    lx200.GOTO,
                    lx200.SYNC,
                    lx200.PARK,
                    lx200.TRACKING_ON,
                    lx200.TRACKING_OFF,
                    *lx200.TRACKING_RATES.values(),
                )
            ],
            b":Q# :MS# :CM# :hP# :T1# :T0# :TQ# :TL# :TS#".split(),
        )
        self.assertEqual([*lx200.TRACKING_RATES], ["sidereal", "lunar", "solar"])

    def test_target(self) -> None:
        """Transcripts 3, 5 and 14."""
        hours, degrees = 5.786667, -5.391111
        self.assertEqual(
            [one.data for one in lx200.set_target(hours, degrees)],
            [b":Sr05:47:12#", b":Sd-05*23:28#"],
        )
        self.assertEqual(
            [one.data for one in lx200.set_target(hours, degrees, tenths=True)],
            [b":Sr05:47:12.0#", b":Sd-05*23:28.0#"],
        )
        for bad, name in (
            ((24.1, 0), "right_ascension_h"),
            ((-0.1, 0), "right_ascension_h"),
            ((0, 90.1), "declination_deg"),
            ((0, -90.1), "declination_deg"),
            ((0, float("nan")), "declination_deg"),
        ):
            error = self.assertRaises(MisuseError, lx200.set_target, *bad)
            self.assertEqual(error.name, name)

    @given(st.floats(0, 24), st.floats(-90, 90), st.booleans())
    def test_any_target_is_a_command(
        self, hours: float, degrees: float, tenths: bool
    ) -> None:
        one, other = lx200.set_target(hours, degrees, tenths=tenths)
        near = (0.05 if tenths else 0.5) / 3600 + 1e-9
        read = coordinates.parse_hours(one.text[3:-1])
        self.assertLessEqual(abs((read - hours + 12) % 24 - 12), near)
        read = coordinates.parse_declination(other.text[3:-1])
        self.assertLessEqual(abs(read - degrees), near)

    def test_guide(self) -> None:
        """Transcript 25."""
        self.assertEqual(lx200.guide("north", 350).data, b":Mgn0350#")
        self.assertEqual(lx200.guide("west", 9999).data, b":Mgw9999#")
        self.assertEqual(lx200.guide("east", 0).data, b":Mge0000#")
        for duration in (-1, 10_000):
            error = self.assertRaises(MisuseError, lx200.guide, "north", duration)
            self.assertEqual(error.name, "duration_ms")
        self.assertRaises(MisuseError, lx200.guide, "up", 1)

    def test_axes(self) -> None:
        self.assertEqual(lx200.move("south").data, b":Ms#")
        self.assertEqual(lx200.stop_axis("east").data, b":Qe#")
        self.assertEqual(lx200.move_at("east", 0).data, b":*Me00009999#")
        self.assertRaises(MisuseError, lx200.move_at, "east", 3.6)
        for build in (lx200.move, lx200.stop_axis):
            error = self.assertRaises(MisuseError, build, "left")
            self.assertEqual(error.name, "direction")

    @given(st.sampled_from(["north", "south", "east", "west"]), st.floats(0.002, 3.5))
    def test_any_rate_is_a_command(self, direction: str, rate: float) -> None:
        text = lx200.move_at(direction, rate).text
        numerator, denominator = int(text[4:8]), int(text[8:12])
        got = axes.axis_rate_deg_s(numerator, denominator, axes.axis_of(direction))
        self.assertLess(abs(got - rate), 1.5e-4)

    def test_key_pad_rates(self) -> None:
        self.assertEqual(
            [lx200.choose_rate(rate).data for rate in (1.4, 2.2, 3.0)],
            [b":RM#", b":RC#", b":RS#"],
        )
        error = self.assertRaises(MisuseError, lx200.choose_rate, 1.0)
        self.assertEqual(error.allowed, "1.4, 2.2, 3.0")

    def test_place(self) -> None:
        """Transcript 12: east of Greenwich is negative there."""
        self.assertEqual(
            [one.data for one in lx200.set_place(40.25, -100.5)],
            [b":St+40*15#", b":Sg100*30#"],
        )
        for latitude_deg in (-90.1, 90.1):
            error = self.assertRaises(MisuseError, lx200.set_place, latitude_deg, 0)
            self.assertEqual(error.name, "latitude_deg")
        self.assertRaises(MisuseError, lx200.set_place, 0, 180.1)

    @given(st.floats(-90, 90), st.floats(-180, 180))
    def test_any_place_is_a_command(self, latitude: float, longitude: float) -> None:
        one, other = lx200.set_place(latitude, longitude)
        read = coordinates.parse_declination(one.text[3:-1])
        self.assertLessEqual(abs(read - latitude), 0.5 / 60 + 1e-9)
        read = coordinates.parse_longitude(other.text[3:-1])
        apart = abs(coordinates.half_turn(read - longitude))
        self.assertLessEqual(apart, 0.5 / 60 + 1e-9)

    @given(
        st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2099, 12, 31)),
        st.integers(-24, 28),
    )
    def test_any_time_is_a_command(self, moment: dt.datetime, halves: int) -> None:
        date = lx200.set_date(moment.date()).text[3:-1]
        self.assertEqual(local_time.parse_date(date), moment.date())
        time = lx200.set_time(moment.time()).text[3:-1]
        self.assertEqual(
            local_time.parse_time(time), moment.time().replace(microsecond=0)
        )
        offset = lx200.set_utc_offset(halves / 2).text[3:-1]
        self.assertEqual(local_time.parse_utc_offset(offset), halves / 2)
