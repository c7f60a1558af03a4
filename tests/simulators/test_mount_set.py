"""The simulated mount's SET commands."""

from __future__ import annotations

from math import radians

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_lines import payload_bytes
from tests.simulators.mounts import START, Host

OK = b"\x01\x01" + bytes(4)
FAILED = -6


class AnswerTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for command, answer in (
            (b":*!S 06;#", OK),
            (b":*!S 7F;#", b"\x01\x04\xfd\xff\xff\xff"),
            (b":*!S 06;x#", b"\x01\x04\xff\xff\xff\xff"),
            (b":*!S 6;#", b"\x01\x04\xff\xff\xff\xff"),
            (b":*!S 06,06;#", b"\x01\x04\xff\xff\xff\xff"),
            (b":*!S 06,06,06;#", b"\x01\x04\xfb\xff\xff\xff"),
            (b":*!S 0E;\x02#", b"\x01\x04\xfa\xff\xff\xff"),
        ):
            self.assertEqual(Host().send(command), answer, command)

    @given(st.integers(0, 0x15), st.binary(max_size=30))
    def test_any_payload(self, number: int, payload: bytes) -> None:
        host = Host()
        answer = host.send(b":*!S %02X;" % number + payload + b"#:GVN#")
        length = payload_bytes(number, payload + b"#")
        if length == len(payload):
            self.assertEqual(answer[:1], b"\x01")
            self.assertEqual(answer[6:], b"357.1.0#")
        host.wait(100)
        host.ask(":GR#:GD#:GL#:GC#:GS#")


class HandlerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Host(altitude_deg=30.0)

    def test_rates(self) -> None:
        host = self.host
        self.assertEqual(host.set(0x00, "Bf", 1, 1.25), 0)
        self.assertEqual(host.set(0x00, "Bf", 2, 1.25), FAILED)
        self.assertEqual(host.set(0x00, "Bf", 0, 3.75), FAILED)
        self.assertEqual(host.set(0x00, "Bf", 0, float("nan")), FAILED)
        host.ask(":Mn#")
        self.assertEqual(host.deeds.moves[-1].rate_deg_s, 1.25)
        self.assertEqual(host.set(0x02, "B", 0), 0)
        self.assertEqual(host.set(0x02, "B", 4), FAILED)
        host.ask(":Mn#")
        self.assertEqual(host.deeds.moves[-1].rate_deg_s, 2.2)
        self.assertEqual(host.set(0x01, "B", 3), 0)
        self.assertEqual(host.set(0x01, "B", 4), FAILED)
        self.assertEqual(host.ask(":*gRG#"), "3#")
        self.assertEqual(host.set(0x0D, "B", 1), 0)
        self.assertEqual(host.set(0x0D, "B", 3), FAILED)
        self.assertEqual(host.ask(":*TRG#"), "1#")

    def test_moves_and_stops(self) -> None:
        host = self.host
        for index, direction in enumerate(("north", "south", "east", "west")):
            self.assertEqual(host.set(0x03, "Bf", index, 1.5), 0)
            self.assertEqual(host.deeds.moves[-1].direction, direction)
        self.assertEqual(host.set(0x03, "Bf", 4, 1.5), FAILED)
        self.assertEqual(host.set(0x03, "Bf", 0, 3.6), FAILED)
        self.assertEqual(host.set(0x06), 0)
        host.until_still()
        self.assertEqual(len(host.deeds.stops), 1)

    def test_slews(self) -> None:
        host = self.host
        host.ask(":Sr21:00:00#:Sd+40*00:00#")
        self.assertEqual(host.set(0x04, "B", 0), 0)
        self.assertEqual(host.set(0x04, "B", 0), FAILED)
        host.until_still()
        self.assertEqual(host.set(0x04, "B2f", 1, radians(300), radians(50)), 0)
        host.until_still()
        self.assertEqual(host.ask(":GR#:GD#:GW#"), "20:00:00#+50*00:00#PT0#")
        self.assertEqual(host.set(0x04, "B2f", 2, radians(200), radians(45)), 0)
        host.until_still()
        self.assertEqual(host.ask(":GZ#:GA#:GW#"), "200*00'00#+45*00'00#PN0#")
        self.assertEqual(host.set(0x04, "B", 3), 0)
        host.until_still()
        self.assertEqual(host.ask(":GZ#:GA#:GW#"), "180*00'00#+00*00'00#PN0#")
        for form, values in (
            ("B", (4,)),
            ("B2f", (1, 1.0, 1.6)),
            ("B2f", (1, float("inf"), 0.0)),
            ("B2f", (2, 1.0, -1.6)),
            ("B2f", (2, 1.0, -0.1)),
        ):
            self.assertEqual(host.set(0x04, form, *values), FAILED, values)
        self.assertEqual(len(host.deeds.slews), 4)
        self.assertEqual(
            [slew.right_ascension_h is None for slew in host.deeds.slews],
            [False, False, True, True],
        )

    def test_guide(self) -> None:
        self.assertEqual(self.host.set(0x05, "BH", 3, 35), 0)
        self.assertEqual(self.host.deeds.pulses[0].direction, "west")
        self.assertEqual(self.host.set(0x05, "BH", 0, 10_001), FAILED)
        self.assertEqual(self.host.set(0x05, "BH", 4, 10), FAILED)
        self.host.ask(":Mn#")
        self.assertEqual(self.host.set(0x05, "BH", 0, 10), FAILED)

    def test_target(self) -> None:
        self.assertEqual(self.host.set(0x07, "2f", radians(15), radians(-30)), 0)
        self.assertEqual(self.host.ask(":Gr#:Gd#"), "01:00:00#-30*00:00#")
        self.assertEqual(self.host.set(0x07, "2f", 0, 1.6), FAILED)

    def test_clock(self) -> None:
        host = self.host
        self.assertEqual(host.set(0x08, "BBH", 9, 1, 2027), 0)
        self.assertEqual(host.set(0x08, "BBH", 2, 30, 2027), FAILED)
        self.assertEqual(host.set(0x09, "BBH", 1, 2, 3), 0)
        self.assertEqual(host.set(0x09, "BBH", 1, 60, 3), FAILED)
        self.assertEqual(host.ask(":GC#:GL#"), "09/01/27#01:02:03#")

    def test_parking(self) -> None:
        host = self.host
        place = radians(200), radians(10)
        self.assertEqual(host.set(0x0A, "B2f", 1, *place), 0)
        self.assertEqual(host.set(0x0A, "B2f", 1, 0.0, 1.6), FAILED)
        self.assertEqual(host.set(0x0A, "B", 2), FAILED)
        self.assertEqual(host.ask(":*PG#"), "1200.00010.000#")
        self.assertEqual(host.set(0x0B, "B", 0), 0)
        host.until_still()
        self.assertEqual(host.set(0x0E, "B", 1), FAILED)
        self.assertEqual(host.set(0x04, "B", 3), FAILED)
        self.assertEqual(host.set(0x03, "Bf", 0, 1.0), FAILED)
        self.assertEqual(host.ask(":*Pq#:GZ#"), "1200*00'00#")
        self.assertEqual(host.set(0x0B, "B", 1), 0)
        self.assertEqual(host.set(0x0B, "B", 2), FAILED)
        self.assertEqual(host.ask(":*Pq#"), "0")
        self.assertEqual(host.set(0x0A, "B", 0), 0)
        self.assertEqual(host.ask(":*PG#"), "0200.00010.000#")

    def test_tracking(self) -> None:
        for value, letter in ((1, "T"), (0, "N")):
            self.assertEqual(self.host.set(0x0E, "B", value), 0)
            self.assertEqual(self.host.ask(":GW#"), f"P{letter}0#")

    def test_there_is_no_rotator(self) -> None:
        self.assertEqual(self.host.set(0x0C, "B", 0), FAILED)

    def test_syncs(self) -> None:
        host = self.host
        host.ask(":Sr21:00:00#:Sd+40*00:00#")
        self.assertEqual(host.set(0x0F, "B", 0), 0)
        host.wait(0)
        self.assertEqual(host.ask(":GR#"), "21:00:00#")
        self.assertEqual(host.set(0x0F, "B", 2), FAILED)
        self.assertEqual(host.set(0x0F, "BB", 1, 1), 0)
        self.assertEqual(host.set(0x0F, "B", 2), 0)
        for form, values in (("B", (1,)), ("BB", (0, 1)), ("BB", (1, 4)), ("B", (3,))):
            self.assertEqual(host.set(0x0F, form, *values), FAILED)
        self.assertEqual(Host(align_on_sync=False).set(0x0F, "BB", 1, 1), FAILED)

    def test_initialize(self) -> None:
        host = self.host
        host.ask(":Sr21:00:00#:Sd+40*00:00#:T1#:**1#:*CM#")
        host.wait(1)
        self.assertEqual(host.ask(":GW#"), "PT1#")
        self.assertEqual(host.set(0x10), 0)
        self.assertEqual(
            host.ask(":GW#:GA#:GZ#:Gr#"), "PN0#+00*00'00#180*00'00#00:00:00#"
        )
        host.ask(":Mn#")
        self.assertEqual(host.set(0x10), FAILED)

    def test_site(self) -> None:
        host = self.host
        form = "10sbBHBBBHBBB"
        west = (b"Testhill  ", -14, 1, 100, 30, 15, 0, 40, 15, 30, 5)
        self.assertEqual(host.set(0x11, form, *west), 0)
        self.assertEqual(
            host.ask(":GM#:GG#:*Gg#:*Gt#"), "Testhill#+07#+100*30:15#+40*15:30#"
        )
        self.assertEqual(host.state.horizon_deg, 5)
        south = (b"Elsewhere ", 11, 0, 151, 0, 0, 1, 33, 30, 0, 0)
        self.assertEqual(host.set(0x11, form, *south), 0)
        self.assertEqual(host.ask(":GG#:*Gg#:*Gt#"), "-05.5#-151*00:00#-33*30:00#")
        for place, value in (
            (1, 29),
            (2, 2),
            (3, 181),
            (4, 60),
            (6, 2),
            (7, 91),
            (10, 90),
        ):
            wrong = list(west)
            wrong[place] = value
            self.assertEqual(host.set(0x11, form, *wrong), FAILED)

    def test_alignment_by_points(self) -> None:
        host = self.host
        self.assertEqual(host.set(0x13), 1)
        for index, ra_h, dec_deg in ((1, 20.0, 40.0), (3, 22.0, 50.0)):
            self.assertEqual(host.set(0x12, "Bff", index, ra_h, dec_deg), 0)
            host.wait(1)
        for values, result in (
            ((0, 1.0, 1.0), 1),
            ((4, 1.0, 1.0), 1),
            ((1, 24.0, 1.0), 2),
            ((1, 1.0, 91.0), 2),
        ):
            self.assertEqual(host.set(0x12, "Bff", *values), result)
        host.ask(":Mn#")
        self.assertEqual(host.set(0x12, "Bff", 1, 1.0, 1.0), 3)
        self.assertEqual(host.set(0x13), FAILED)
        host.ask(":Q#")
        host.until_still()
        self.assertEqual(host.set(0x13), 0)
        self.assertEqual(host.ask(":GW#"), "PN2#")
        got = host.motion.equatorial()
        self.assertLess(abs(got.ra_h - 22.0), 0.01)
        self.assertLess(abs(got.dec_deg - 50.0), 0.01)
        self.assertEqual(host.variables("A18,A20"), [0, 960])
        self.assertGreater(host.now, START)

    def test_horizon(self) -> None:
        host = self.host
        host.state.horizon_deg = 20.0
        self.assertEqual(host.set(0x04, "B2f", 2, 1.0, radians(19)), FAILED)
        self.assertEqual(host.set(0x04, "B2f", 2, 1.0, radians(21)), 0)
