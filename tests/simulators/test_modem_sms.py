from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import modem_gsm7 as gsm7
from gatewaykit.simulators.modem_sms import Message, arriving, submitted
from tests.simulators.modems import START, Host

# What every textbook has for an example.
HELLO = bytes.fromhex("E8329BFD4697D9EC37")
NUMBER = "46708251358"


def submit(text: str, first: int = 0x01, validity: str = "") -> tuple[str, int]:
    """An SMS-SUBMIT to ``+491701`` with the text in UCS2."""
    data = text.encode("utf-16-be")
    tpdu = bytes((first, 0, 6, 0x91)) + bytes.fromhex("947110") + bytes((0, 8))
    tpdu += bytes.fromhex(validity) + bytes((len(data),)) + data
    return "00" + tpdu.hex(), len(tpdu)


class AlphabetTests(SynchronousTestCase):
    def test_hellohello(self) -> None:
        codes = gsm7.septets("hellohello")
        assert codes is not None
        self.assertEqual(gsm7.pack(codes), HELLO)
        self.assertEqual(gsm7.text_of(gsm7.unpack(HELLO, 10)), "hellohello")

    def test_the_extension_takes_two(self) -> None:
        self.assertEqual(gsm7.septets("€{"), [0x1B, 0x65, 0x1B, 0x28])
        self.assertEqual(gsm7.text_of([0x1B, 0x65, 0x1B, 0x41]), "€A")

    def test_what_it_lacks(self) -> None:
        self.assertIsNone(gsm7.septets("ж"))
        self.assertIsNone(gsm7.septets("\x1b"))

    @given(st.text("aZ@£Δé€[]^~0 \n", max_size=160), st.integers(0, 6))
    def test_round_trip(self, text: str, fill: int) -> None:
        codes = gsm7.septets(text)
        assert codes is not None
        packed = gsm7.pack(codes, fill)
        self.assertEqual(gsm7.text_of(gsm7.unpack(packed, len(codes), fill)), text)


class SubmittedTests(SynchronousTestCase):
    def test_seven_bit(self) -> None:
        pdu = "0001000B916407281553F800000AE8329BFD4697D9EC37"
        self.assertEqual(submitted(pdu, 22), ("+" + NUMBER, "hellohello", b""))

    def test_ucs2_and_validity(self) -> None:
        for first, validity in ((0x01, ""), (0x11, "AA"), (0x19, "00" * 7)):
            pdu, length = submit("жук", first, validity)
            self.assertEqual(submitted(pdu, length), ("+491701", "жук", b""))

    def test_header(self) -> None:
        header = bytes((5, 0, 3, 7, 2, 1))
        part = Message("1", "x" * 153, START, header=header).tpdu()
        tpdu = bytes((0x41, 0, 1, 0x81, 0xF1, 0, 0)) + part[13:]
        number, text, found = submitted("00" + tpdu.hex(), len(tpdu))
        self.assertEqual((number, text, found), ("1", "x" * 153, header))

    def test_refuses_what_is_none(self) -> None:
        for pdu, length in (
            ("xx", 1),
            ("", 0),
            ("00", 0),
            ("0001", 1),
            ("0001", 2),
            ("0000000B916407281553F800000AE8329BFD4697D9EC37", 22),
            ("0001000B916407281553F800000BE8329BFD4697D9EC37FFFF", 24),
            ("0001000681947110000805", 10),
            ("00010006819471100008010000", 12),
        ):
            self.assertRaises(ValueError, submitted, pdu, length)

    @given(st.binary(max_size=60))
    def test_raises_nothing_else(self, data: bytes) -> None:
        for length in (len(data), max(0, len(data) - 1)):
            try:
                submitted(data.hex(), length)
            except ValueError:
                continue


class ArrivingTests(SynchronousTestCase):
    def test_a_pdu(self) -> None:
        message = Message("+27838890001", "hellohello", 922_713_419.0, 8)
        self.assertEqual(
            message.tpdu().hex().upper(),
            "040B917238880900F10000993092516195800A" + HELLO.hex().upper(),
        )

    def test_a_zone_in_the_west(self) -> None:
        message = Message("12345", "x", START, -12)
        self.assertEqual(message.stamp, "25/08/30,09:34:56-12")
        self.assertIn("5280039043652" + "9", message.tpdu().hex())

    def test_a_sender_with_a_name(self) -> None:
        tpdu = Message("Shop", "x", START).tpdu()
        self.assertTrue(tpdu.hex().startswith("0407d053f41b0e00"))
        self.assertEqual(Message("ж", "x", START).tpdu()[1:3], b"\x00\xd0")

    def test_long_texts_come_in_parts(self) -> None:
        for text, count in (
            ("x" * 160, 1),
            ("x" * 161, 2),
            ("x" * 152 + "€" * 5, 2),
            ("ж" * 70, 1),
            ("ж" * 71, 2),
            ("ж" * 66 + "😀" * 30, 2),
        ):
            parts = arriving("1", text, START, 0, 9)
            self.assertEqual(len(parts), count, text)
            self.assertEqual("".join(part.text for part in parts), text)
            for n, part in enumerate(parts, 1):
                self.assertLessEqual(len(part.tpdu()), 14 + 140)
                if count > 1:
                    self.assertEqual(part.header, bytes((5, 0, 3, 9, count, n)))


class CommandTests(SynchronousTestCase):
    def test_settings(self) -> None:
        host = Host()
        for command, answer in (
            ("AT+CMGF?", "+CMGF: 0|OK"),
            ("AT+CSCS?", '+CSCS: "IRA"|OK'),
            ('AT+CSCS="ucs2"', "OK"),
            ("AT+CSCS?", '+CSCS: "UCS2"|OK'),
            ('AT+CSCS="XX"', "ERROR"),
            ("AT+CSMP=17,167,0,8", "OK"),
            ("AT+CSMP?", "+CSMP: 17,167,0,8|OK"),
            ("AT+CSMP=17,x", "ERROR"),
            ("AT+CNMI=2,1", "OK"),
            ("AT+CNMI?", "+CNMI: 2,1,0,0,0|OK"),
            ("AT+CPMS?", '+CPMS: "ME",0,23,"ME",0,23,"ME",0,23|OK'),
            ('AT+CPMS="SM"', "+CPMS: 0,23,0,23,0,23|OK"),
            ("AT+CPMS?", '+CPMS: "SM",0,23,"ME",0,23,"ME",0,23|OK'),
            ('AT+CPMS="XX"', "+CMS ERROR: 302"),
        ):
            self.assertEqual(host.ask(command), answer, command)

    def test_needs_a_ready_sim(self) -> None:
        for sim, code in (("missing", 310), ("pin", 311), ("puk", 316)):
            self.assertEqual(Host(sim=sim).ask("AT+CMGL=4"), f"+CMS ERROR: {code}")
        host = Host(plain=False, boot=10.0)
        host.wait(1)
        self.assertIn("+CMS ERROR: 314", host.ask("AT+CPMS?"))

    def test_reading_and_deleting_in_pdu_mode(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CMGL=4"), "OK")
        host.state.receive(host.now, "+447700900123", "hi")
        self.assertEqual(host.taken(), b'\r\n+CMTI: "ME",0\r\n')
        pdu = host.state.stores["ME"][0].tpdu()
        shown = f",,{len(pdu)}|00{pdu.hex().upper()}|OK"
        self.assertEqual(host.ask("AT+CMGL"), f"+CMGL: 0,0{shown}")
        self.assertEqual(host.ask("AT+CMGL"), "OK")
        self.assertEqual(host.ask("AT+CMGR=0"), f"+CMGR: 1{shown}")
        self.assertEqual(host.ask("AT+CMGR=1"), "+CMS ERROR: 321")
        self.assertEqual(host.ask("AT+CMGD=1"), "+CMS ERROR: 321")
        self.assertEqual(host.ask("AT+CMGD=0"), "OK")
        self.assertEqual(host.ask("AT+CMGR=0"), "+CMS ERROR: 321")

    def test_flags_of_deletion(self) -> None:
        for flag, left in ((1, {0, 2, 3}), (2, {0, 2}), (3, {0}), (4, set())):
            host = Host()
            host.state.stores["ME"] = {
                n: Message("1", "x", START, status=n) for n in range(4)
            }
            self.assertEqual(host.ask(f"AT+CMGD=,{flag}"), "OK")
            self.assertEqual(set(host.state.stores["ME"]), left)

    def test_text_mode(self) -> None:
        host = Host()
        host.send(b"AT+CMGF=1\r")
        host.state.receive(host.now, "12345", "né")
        host.taken()
        header = '"REC UNREAD","12345","","25/08/30,13:34:56+04"'
        self.assertEqual(host.ask("AT+CMGL"), f"+CMGL: 0,{header}|n?|OK")
        self.assertEqual(host.ask('AT+CMGL="ANY"'), "+CMS ERROR: 302")
        host.send(b'AT+CSCS="UCS2"\r')
        self.assertIn("|006E00E9|", host.ask("AT+CMGR=0"))

    def test_direct_delivery(self) -> None:
        host = Host()
        host.send(b"AT+CNMI=2,2\r")
        host.state.receive(host.now, "1", "hi")
        self.assertIn(b"\r\n+CMT: ,", host.taken())
        host.send(b"AT+CMGF=1\r")
        host.state.receive(host.now, "1", "hi")
        self.assertIn(b'+CMT: "1","",', host.taken())
        self.assertEqual(host.state.stores["ME"], {})

    def test_silent_delivery(self) -> None:
        host = Host()
        for command in (b"AT+CNMI=0,1\r", b"AT+CNMI=2,0\r", b"AT+CNMI=0,2\r"):
            host.send(command)
            host.state.receive(host.now, "1", "hi")
            self.assertEqual(host.taken(), b"")
        self.assertEqual(len(host.state.stores["ME"]), 3)

    def test_a_full_store_takes_nothing(self) -> None:
        host = Host()
        for _ in range(22):
            host.state.receive(host.now, "1", "hi")
        self.assertEqual(host.state.receive(host.now, "1", "x" * 300), 1)
        host.taken()
        self.assertEqual(host.state.receive(host.now, "1", "hi"), 0)
        self.assertEqual(host.taken(), b"")

    def test_sending_a_pdu(self) -> None:
        host = Host()
        self.assertEqual(host.ask("AT+CMGS=22"), "> ")
        pdu = b"0001000B916407281553F800000AE8329BFD4697D9EC37\x1a"
        self.assertEqual(host.send(pdu), b"\r\n+CMGS: 46\r\n\r\nOK\r\n")
        self.assertEqual(host.state.sent[0].text, "hellohello")
        self.assertEqual(host.state.sent[0].number, "+" + NUMBER)
        host.ask("AT+CMGS=21")
        self.assertEqual(host.send(pdu), b"\r\n+CMS ERROR: 304\r\n")

    def test_sending_text(self) -> None:
        host = Host()
        host.send(b"AT+CMGF=1\r")
        self.assertEqual(host.ask('AT+CMGS="nobody"'), "+CMS ERROR: 304")
        host.send(b'ATE1;+CSCS="UCS2"\r')
        number = "+1".encode("utf-16-be").hex().upper()
        host.send(f'AT+CMGS="{number}"\r'.encode())
        self.assertEqual(host.send(b"00E9\r"), b"00E9\r\r\n> ")
        self.assertTrue(host.send(b"\x1a").endswith(b"OK\r\n"))
        self.assertEqual(host.state.sent[0].text, "é")
        host.send(f'AT+CMGS="{number}"\r'.encode())
        self.assertTrue(host.send(b"X\x1a").endswith(b"\r\n+CMS ERROR: 304\r\n"))
