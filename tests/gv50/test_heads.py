from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50.reports import decode, identity, read_head
from tests.gv50.frames import FIXED, HEAD, TAIL, fixed


class Heads(SynchronousTestCase):
    def test_no_report_is_refused(self) -> None:
        for frame in (
            b"",
            b"$",
            b"+RESP:$",
            b"+RESP:GTFRI$",
            b"+RESP:GTfri,1$",
            b"+RESP:GTFRIX,1$",
            b"+SACK:GTHBD,090302,071C$",
            b"RESP:GTFRI,1$",
            b"+RESP:GTFR\xb2,1$",
        ):
            with self.subTest(frame=frame):
                violation = self.assertRaises(ProtocolViolation, read_head, frame)
                self.assertEqual(violation.raw, frame)

    def test_identifier_of_neither_form_is_none(self) -> None:
        for text in (
            "",
            "TEST123456789",
            "86508303000001",
            "8650830300000123",
            "²" * 15,
        ):
            head = read_head(f"+RESP:GTPDP,090302,{text},,{TAIL}".encode("latin-1"))
            expected = text if text == "86508303000001" else None  # 14 hex digits
            self.assertEqual(head.imei, expected)

    def test_tail_needs_four_hex_digits(self) -> None:
        for count in ("12348", "071", "07G1", "", "071\xb2"):
            head = read_head(fixed(f29=count + "$").encode("latin-1"))
            self.assertEqual((head.count, head.send_time), (None, None))

    def test_count_is_kept_as_it_is(self) -> None:
        self.assertEqual(read_head(fixed(f29="07ab$").encode()).count, "07ab")

    def test_send_time_empty_or_cut_off_is_none(self) -> None:
        for text in ("", "202507272145"):
            head = read_head(fixed(f28=text).encode())
            self.assertEqual((head.count, head.send_time), ("071D", None))
            self.assertEqual(decode(fixed(f28=text).encode()).fields["satellites"], 7)

    def test_version_or_identifier_is_no_count(self) -> None:
        self.assertIsNone(read_head(b"+RESP:GTPDP,0903$").count)
        self.assertIsNone(read_head(b"+RESP:GTPDP,090302,865083030000012,0903$").count)
        head = read_head(b"+RESP:GTPDP,090302,865083030000012,20250727214557,0903$")
        self.assertEqual((head.count, head.send_time), ("0903", None))

    def test_name_is_capped(self) -> None:
        head = read_head(f"+RESP:GTPDP,{HEAD}{'n' * 80},{TAIL}".encode())
        self.assertEqual(head.device_name, "n" * 64)

    def test_name_behind_the_vin(self) -> None:
        head = read_head(f"+RESP:GTPDP,5E0100,865083030000012,VIN,car,{TAIL}".encode())
        self.assertEqual(head.device_name, "car")
        head = read_head(f"+ACK:GTGEO,5E0100,865083030000012,car,0,01,{TAIL}".encode())
        self.assertEqual(head.device_name, "car")

    def test_legacy_tails(self) -> None:
        for tail, count, send_time, version in (
            ("20131018084015,00EE,0103090402", "00EE", "20131018084015", "0103090402"),
            ("00EE,0103090402", "00EE", None, "0103090402"),
            ("0EE,0103090402", None, None, "0103090402"),
            ("0103090402,4470", None, None, "0103090402"),
            ("0103090402,20131018084015,00EE", "00EE", "20131018084015", "0103090402"),
            ("20131018084015,00EE", "00EE", "20131018084015", ""),
            ("x,y", None, None, ""),
        ):
            head = read_head(f"+RESP:GTINF,359464030073766,1,{tail}$".encode())
            self.assertEqual(
                (head.imei, head.count, head.send_time, head.protocol_version),
                ("359464030073766", count, send_time, version),
            )
            self.assertTrue(head.legacy)
            self.assertEqual(
                decode(f"+RESP:GTINF,359464030073766,1,x,{tail}$".encode()).fields[
                    "unparsed"
                ][:2],
                ["1", "x"],
            )

    def test_legacy_time_is_no_identifier(self) -> None:
        # Its 14 digits look like the 14 hex digits of an MEID.
        tail = "20131018084015,00EE,0103090402"
        head = read_head(f"+RESP:GTPNA,359464030073766,{tail}$".encode())
        self.assertEqual(
            (head.imei, head.send_time), ("359464030073766", "20131018084015")
        )

    def test_shortest_legacy_frames(self) -> None:
        for rest in ("", ",", ",0103090402", ",00EE,0103090402"):
            head = read_head(f"+RESP:GTINF,359464030073766{rest}$".encode())
            self.assertEqual(head.imei, "359464030073766")
            decode(f"+RESP:GTINF,359464030073766{rest}$".encode())


class Identities(SynchronousTestCase):
    def test_repetition_from_the_buffer_is_the_same(self) -> None:
        frames = [FIXED.encode(), FIXED.replace("+RESP", "+BUFF").encode()]
        first, second = (identity(read_head(frame), frame) for frame in frames)
        self.assertEqual(first, second)
        self.assertEqual(len(first), 16)

    def test_any_other_byte_makes_another(self) -> None:
        ids = {
            identity(read_head(text.encode()), text.encode())
            for text in (
                FIXED,
                fixed(f29="071E$"),
                fixed(f28="20250727214558"),
                fixed(f2="865083030000013"),
                fixed(f19="0.1"),
                FIXED.replace("GTFRI", "GTRTL"),
            )
        }
        self.assertEqual(len(ids), 6)
