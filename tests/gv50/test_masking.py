from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.gv50.masking import DUMPS, masked
from gatewaykit.gv50.reports import identity, read_head
from tests.gv50.frames import HEAD, TAIL
from tests.strategies import odd_frames, sample_frames

VALUES = st.one_of(
    st.sampled_from(
        [
            *("CFG", "GTCFG", "AT+GTCFG=gv50", "BSI", "AT+GTBSI=s3cr", "QSS", "PIN"),
            *(
                "GTPIN",
                "FRI",
                "AT+GTFRI=",
                "gv50",
                "Gv50",
                "s3cr",
                "1234",
                "0",
                "1",
                "",
            ),
            *("***", "AT+GTCFG=***", "apn.example", "20250727214557", "071D", "\xb2"),
        ]
    ),
    st.text(st.characters(max_codepoint=255, exclude_characters=",$\0"), max_size=9),
)
DUMP_BODIES = st.lists(VALUES, max_size=20).map(",".join)
PASSWORDS = st.sets(st.one_of(VALUES, st.text(max_size=5)), max_size=4)


def body(
    text: str, *passwords: str, type: str = "GTALL", version: str = "090302"
) -> str:
    """What is kept of a dump's body."""
    head = f"+RESP:{type},{version},865083030000012,gv50,"
    frame = f"{head}{text},{TAIL}".encode("latin-1")
    kept = str(masked(frame, set(passwords)), "latin-1")
    assert kept.startswith(head), kept
    assert kept.endswith(f",{TAIL}"), kept
    return kept.removeprefix(head).removesuffix(f",{TAIL}")


class SectionTests(SynchronousTestCase):
    def test_devices_password_is_the_first_value_of_its_section(self) -> None:
        for code in ("CFG", "GTCFG", "AT+GTCFG"):
            with self.subTest(code=code):
                self.assertEqual(
                    body(f"2,1,{code},s3cr,truck,1,0.0"), f"2,1,{code},***,truck,1,0.0"
                )

    def test_password_of_the_apn(self) -> None:
        for code in ("BSI", "GTBSI", "QSS", "GTQSS"):
            with self.subTest(code=code):
                self.assertEqual(
                    body(f"{code},apn.example,user,secret,,"),
                    f"{code},apn.example,user,***,,",
                )

    def test_password_of_the_second_apn(self) -> None:
        self.assertEqual(
            body("BSI,a.example,u,secret,b.example,u,other,SRI,3"),
            "BSI,a.example,u,***,b.example,u,***,SRI,3",
        )

    def test_password_behind_the_number_of_a_profile(self) -> None:
        self.assertEqual(
            body("BSI,0,apn.example,user,secret,,"), "BSI,0,apn.example,***,***,,"
        )

    def test_pin_of_the_sim(self) -> None:
        self.assertEqual(body("PIN,1,1234,,"), "PIN,1,***,,")
        self.assertEqual(body("PIN,1234,,"), "PIN,***,,")

    def test_commands_have_the_password_in_them(self) -> None:
        for text, kept in (
            ("AT+GTFRI=s3cr,1,0,", "AT+GTFRI=***,1,0,"),
            ("AT+GTFRI=,1,0,", "AT+GTFRI=,1,0,"),
            ("GTFRI=s3cr,1", "GTFRI=***,1"),
            ("AT+GTCFG=s3cr,n3ws,truck", "AT+GTCFG=***,***,truck"),
            (
                "AT+GTBSI=s3cr,apn.example,user,secret",
                "AT+GTBSI=***,apn.example,***,***",
            ),
            ("AT+GTPIN=s3cr,1,1234", "AT+GTPIN=***,***,***"),
        ):
            with self.subTest(text=text):
                self.assertEqual(body(text), kept)

    def test_command_without_the_password_keeps_no_other(self) -> None:
        self.assertNotIn("secret", body("AT+GTBSI=apn.example,user,secret,,"))

    def test_what_is_empty_stays_so(self) -> None:
        for text in ("CFG,,truck", "BSI,apn.example,,,,", "PIN,0,,"):
            with self.subTest(text=text):
                self.assertEqual(body(text), text)

    def test_section_at_the_end_of_a_frame_leaves_the_tail_alone(self) -> None:
        for text in ("CFG", "BSI,apn.example", "QSS", "PIN"):
            with self.subTest(text=text):
                self.assertEqual(body(text), text)

    def test_sections_without_secrets_are_kept(self) -> None:
        text = "SRI,3,,1,203.0.113.10,8000,203.0.113.11,8000,,60,0,0,0,,0,FRI,1,0,,0"
        self.assertEqual(body(text), text)

    def test_short_section_gives_nothing_of_the_next_away(self) -> None:
        self.assertEqual(
            body("BSI,a.example,CFG,s3cr,truck"), "BSI,a.example,CFG,***,truck"
        )
        self.assertEqual(body("BSI,a.example,u,CFG,s3cr"), "BSI,a.example,u,***,***")


class ValueTests(SynchronousTestCase):
    def test_known_password_is_masked_wherever_it_stands(self) -> None:
        self.assertEqual(body("s3cr,2,S3CR,CMD,s3cr", "s3cr"), "***,2,S3CR,CMD,***")

    def test_factory_password_is_known_by_the_model(self) -> None:
        for version, password in (
            ("090302", "gv50"),
            ("FE1712", "gv50m"),
            ("100302", "gv55"),
            ("380302", "gv65"),
            ("8020060302", "gv57cg"),
        ):
            with self.subTest(version=version):
                self.assertEqual(
                    body(f"{password},2,x{password}", version=version),
                    f"***,2,x{password}",
                )

    def test_unknown_model_has_none(self) -> None:
        self.assertEqual(body("gv50,,x", version="420302"), "gv50,,x")
        self.assertEqual(body("gv50,,x", version=""), "gv50,,x")

    def test_head_and_tail_are_kept(self) -> None:
        passwords = ("090302", "865083030000012", "gv50", "071D", "20250727214557")
        self.assertEqual(body("1,2", *passwords), "1,2")

    def test_no_password_is_equal_to_nothing(self) -> None:
        self.assertEqual(body("1,,2", ""), "1,,2")

    def test_frame_without_a_tail_is_masked_to_its_end(self) -> None:
        for text, kept in (
            ("CFG,1234", "CFG,***"),
            ("CFG,s3cr", "CFG,***"),
            ("BSI,apn.example,user,071D", "BSI,apn.example,user,***"),
            ("PIN,1,12345678901234", "PIN,1,***"),
        ):
            for end in ("$", "\0", ""):
                with self.subTest(text=text, end=end):
                    frame = f"+RESP:GTALM,{HEAD},{text}{end}".encode()
                    self.assertEqual(
                        masked(frame, set()), f"+RESP:GTALM,{HEAD},{kept}{end}".encode()
                    )

    def test_password_that_cannot_be_sent_does_no_harm(self) -> None:
        self.assertEqual(body("1,2", "\u20ac", "\udc80"), "1,2")


class FrameTests(SynchronousTestCase):
    def test_all_kinds_of_dumps(self) -> None:
        for type_ in sorted(DUMPS):
            self.assertEqual(body("CFG,s3cr", type=type_), "CFG,***")

    def test_repetition_from_the_buffer_has_the_same_identity(self) -> None:
        text = f":GTALL,{HEAD},CFG,s3cr,truck,{TAIL}"
        live, buffered = (
            masked(f"{prefix}{text}".encode(), {"s3cr"})
            for prefix in ("+RESP", "+BUFF")
        )
        self.assertEqual(
            identity(read_head(live), live), identity(read_head(buffered), buffered)
        )

    def test_only_reports_are_dumps(self) -> None:
        for prefix in ("+ACK", "+NACK", "+RSPX", "xRESP"):
            frame = f"{prefix}:GTALL,{HEAD},CFG,s3cr,{TAIL}".encode()
            self.assertIs(masked(frame, {"s3cr"}), frame)

    def test_what_is_hardly_a_frame(self) -> None:
        for frame in (b"", b"$", b"+RESP:GTALL", b"+RESP:GTALL$", b"+RESP:GTALL,\0"):
            with self.subTest(frame=frame):
                self.assertEqual(masked(frame, {"s3cr"}), frame)

    @given(sample_frames())
    def test_other_reports_are_the_same_object(self, frame: bytes) -> None:
        self.assertIs(masked(frame, {"gv50", "gv65", "071D"}), frame)

    @given(st.sampled_from(sorted(DUMPS)), DUMP_BODIES, st.booleans(), PASSWORDS)
    def test_masking_again_changes_nothing(
        self, type: str, text: str, has_tail: bool, passwords: set[str]
    ) -> None:
        tail = f",{TAIL}" if has_tail else ""
        frame = f"+RESP:{type},{HEAD},{text}{tail}".encode("latin-1")
        once = masked(frame, passwords)
        self.assertEqual(masked(once, passwords), once)
        self.assertEqual(once.count(b","), frame.count(b","))
        self.assertTrue(once.endswith(tail.encode()))
        kept = str(once, "latin-1").removesuffix(tail).rstrip("$").split(",")[4:]
        self.assertEqual({*kept} & ({*passwords, "gv50"} - {"", "***"}), set())

    @given(st.one_of(odd_frames(), st.binary(max_size=80)), PASSWORDS)
    def test_never_fails(self, frame: bytes, passwords: set[str]) -> None:
        masked(frame, passwords)
        dump = b"+BUFF:GTALS" + frame[11:]
        self.assertEqual(masked(dump, passwords).count(b","), dump.count(b","))
