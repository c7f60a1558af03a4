"""Queries of the simulated mount's variables and blocks."""

from __future__ import annotations

import struct
from math import cos, degrees, pi, radians, sin

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_values import VALUES
from gatewaykit.simulators.mount_variables import pack
from gatewaykit.tts160.variables import PROBE, Dialect, dialect_of_header, table
from tests.simulators.mounts import START, Host

BINARY = ("v356", "v356b", "v357")
CASE_BYTES = (68, 48, 28, 36, 28, 36, 36, 68, 28)


class QueryTests(SynchronousTestCase):
    def test_every_variable_has_a_value_and_no_other(self) -> None:
        names = {v.name for dialect in Dialect for v in table(dialect).values()}
        self.assertEqual(names, set(VALUES))
        for dialect in BINARY:
            host = Host(dialect=dialect, tracking=True, altitude_deg=30.0)
            host.wait(10)
            for id, variable in table(Dialect(dialect)).items():
                head, _, payload = host.send(f":*!G {id}#".encode()).partition(b"\n")
                count = "" if dialect == "v357" else "1"
                self.assertEqual(head.decode(), f"BINARY:{count}{variable.type}")
                sizes = {"m": 36, "q": 16}
                size = sizes.get(variable.type) or struct.calcsize(variable.type)
                self.assertEqual(len(payload), size)

    def test_probe_tells_the_dialects_apart(self) -> None:
        for dialect, header, size in (
            ("v356", b"BINARY:1B1m\n", 37),
            ("v356b", b"BINARY:1B1f\n", 5),
            ("v357", b"BINARY:fq\n", 20),
        ):
            answer = Host(dialect=dialect).send(PROBE)
            self.assertTrue(answer.startswith(header))
            self.assertEqual(len(answer), len(header) + size)
            found = dialect_of_header(header[7:-1].decode())
            self.assertIs(found, Dialect(dialect))

    def test_headers_have_counts_of_runs_but_in_the_last_dialect(self) -> None:
        query = b":*!G T1,2,T17,X1,X2,C5,T1#"
        self.assertEqual(
            Host(dialect="v356").send(query).partition(b"\n")[0], b"BINARY:2i3f1B1i"
        )
        self.assertEqual(
            Host(dialect="v357").send(query).partition(b"\n")[0], b"BINARY:iifffBi"
        )

    def test_letter_goes_on_to_hold(self) -> None:
        host = Host(parked=True)
        self.assertEqual(host.variables("T1,2,C5,T4"), host.variables("T1,T2,C5,T4"))
        self.assertEqual(host.variables("X2,1"), host.variables("X2,X1"))

    def test_errors(self) -> None:
        host = Host(dialect="v356")
        for query, error in {
            "": "PARSE_ERROR",
            "1": "PARSE_ERROR",
            "t1": "PARSE_ERROR",
            "T0": "PARSE_ERROR",
            "T100": "PARSE_ERROR",
            "T1,": "PARSE_ERROR",
            "T1, T2": "PARSE_ERROR",
            "K1": "PARSE_ERROR",
            ",".join(["T1"] * 11): "PARSE_ERROR",
            "T99": "VAR_ERROR",
            "T1,A1": "VAR_ERROR",
            "T32": "VAR_ERROR",
            ",".join(["T30"] * 9): "RESPONSE_TOO_LARGE",
        }.items():
            self.assertEqual(host.ask(f":*!G {query}#"), f"ERROR:{error}\n", query)
        self.assertEqual(len(host.ask(f":*!G {','.join(['T30'] * 8)}#")), 298)
        for command in ("*!X", "*!G", "*!S 06;", "*!9", "*!10"):
            self.assertEqual(host.ask(f":{command}#"), "ERROR:INVALID_CMD\n", command)
        self.assertEqual(Host().ask(":*!2#"), "ERROR:INVALID_CMD\n")

    def test_position_takes_longer(self) -> None:
        host = Host(latency=0.005)
        for query, seconds in (("T1", 0.005), ("T1,X1", 0.015), ("X2", 0.015)):
            host.core.receive(f":*!G {query}#".encode(), START)
            host.core.advance(START)
            (output,) = host.core.take()
            self.assertAlmostEqual(output.at - START, seconds, places=6)

    def test_values_agree_with_the_texts(self) -> None:
        host = Host(tracking=True, altitude_deg=40.0, azimuth_deg=120.0)
        host.wait(100)
        ra, dec, alt, az = host.variables("T16,T17,X1,X2")
        for command, value in (("GR", ra), ("GD", dec), ("GA", alt), ("GZ", az)):
            self.assertAlmostEqual(
                float(host.ask(f":*{command}#")[:-1]), value, places=5
            )
        h, e, h_turn, e_turn = host.variables("T1,T2,M8,M9")
        self.assertAlmostEqual(h / h_turn * 2 * pi, az, places=5)
        self.assertAlmostEqual(e / e_turn * 2 * pi, alt, places=5)

    def test_clock_and_site(self) -> None:
        host = Host(zone_h=-7.0, latitude_deg=40.25, longitude_deg=-100.5)
        west, north = host.variables("C17,18")
        self.assertAlmostEqual(degrees(west), 100.5, places=4)
        self.assertAlmostEqual(degrees(north), 40.25, places=4)
        self.assertEqual(
            host.variables("C19,20,21,22,23,24,25"), [-7, 2026, 8, 5, 21, 35, 30]
        )
        host.wait(10.0)
        self.assertEqual(host.variables("T27"), [9600])
        host.ask(":T1#")
        self.assertEqual(host.variables("T28"), [9600])

    def test_targets(self) -> None:
        host = Host()
        host.ask(":Sr21:00:00#:Sd+40*00:00#")
        target = [radians(315), radians(40)]
        for ids in ("T18,19", "L9,10"):
            for got, wanted in zip(host.variables(ids), target, strict=True):
                self.assertAlmostEqual(got, wanted, places=5)
        h, e = host.variables("T20,21")
        where = host.motion.seen(host.state.target)
        self.assertEqual(h, host.motion.h.ticks_of(where.az_deg))
        self.assertEqual(e, host.motion.e.ticks_of(where.alt_deg))
        host.ask(":CM#")
        for got, wanted in zip(host.variables("L11,12"), target, strict=True):
            self.assertAlmostEqual(got, wanted, places=5)

    def test_motors(self) -> None:
        host = Host()
        self.assertEqual(host.variables("O3,O5,O9,O11,T8,T9"), [0] * 6)
        host.ask(":RM#:Mw#")
        host.wait(0.35)
        final, current = host.variables("O9,O11")
        self.assertAlmostEqual(final / current, 2.0, places=2)
        self.assertEqual(
            host.variables("O3,O4,O5,T8,T9,T10,L3,L4"), [1, 0, 0, 1, 0, 1, 2, 3]
        )
        host.ask(":Q#")
        host.until_still()
        begins = host.variables("T1")
        host.goto("21:00:00", "+40*00:00")
        self.assertEqual(host.variables("O5,O6"), [1, 1])
        self.assertLess(abs(host.variables("O13")[0] - begins[0]), 2)
        self.assertEqual(
            round(host.variables("O15")[0] / 100), round(host.variables("T24")[0] / 100)
        )

    def test_field_angle_when_tracking_began(self) -> None:
        host = Host(altitude_deg=40.0, azimuth_deg=240.0)
        host.wait(1)
        host.ask(":T1#")
        host.wait(3600)
        began, now = host.variables("T30,M14")
        self.assertGreater(abs(now - began), 0.05)


class AlignmentTests(SynchronousTestCase):
    def test_no_rotation_before(self) -> None:
        self.assertEqual(Host().variables("T31,T32"), [1, 0, 0, 0, 1, 0, 0, 0])
        self.assertEqual(
            Host(dialect="v356").variables("T30"), [1, 0, 0, 0, 1, 0, 0, 0, 1]
        )

    def test_rotation_leads_to_the_sky(self) -> None:
        host = Host(dialect="v356")
        host.ask(":Sr21:00:00#:Sd+40*00:00#:**1#")
        self.assertEqual(host.ask(":*CM#"), "1#")
        host.wait(0)
        alt, az, ra, dec = host.variables("X1,X2,T17,T18")
        mount = (cos(alt) * cos(az), -cos(alt) * sin(az), sin(alt))
        sky = (cos(dec) * cos(ra), cos(dec) * sin(ra), sin(dec))
        matrix, inverse = host.variables("T30"), host.variables("T31")
        for row in range(3):
            there = sum(matrix[3 * row + n] * mount[n] for n in range(3))
            back = sum(inverse[3 * row + n] * sky[n] for n in range(3))
            self.assertAlmostEqual(there, sky[row], places=4)
            self.assertAlmostEqual(back, mount[row], places=4)


class BlockTests(SynchronousTestCase):
    def test_sizes(self) -> None:
        host = Host(dialect="v356")
        for number, size in enumerate(CASE_BYTES):
            answer = host.send(b":*!%d#" % number)
            head = b"CASE:%d\n" % number
            self.assertTrue(answer.startswith(head))
            self.assertEqual(len(answer), len(head) + size)

    def test_live_values(self) -> None:
        host = Host(dialect="v356", parked=True, zone_h=-7.0)
        host.ask(":*PS1200.00030.000#")
        values = struct.unpack("<5i2f", host.send(b":*!2#")[7:])
        self.assertEqual(values, (120, 130, 5, 5, 1, 200.0, 30.0))
        position = struct.unpack("<13i4f", host.send(b":*!0#")[7:])
        self.assertEqual(list(position[:2]), host.variables("T1,2"))
        self.assertEqual(list(position[-4:]), host.variables("T17,T18,X2,X1"))
        clock = struct.unpack("<6i3f", host.send(b":*!3#")[7:])
        self.assertEqual(clock[:6], (8, 5, 2026, 21, 35, 30))
        self.assertAlmostEqual(clock[6], -15.44, places=4)
        self.assertEqual(clock[8], -7.0)
        turns = struct.unpack("<7i", host.send(b":*!4#")[7:])
        self.assertEqual(turns[:2], (13_033_502, 13_146_621))
        self.assertEqual(turns[5], 180)


class PackingTests(SynchronousTestCase):
    @given(st.integers(-(2**40), 2**40))
    def test_whole_numbers_overflow(self, value: int) -> None:
        for character, size in zip("bBhHiI", (1, 1, 2, 2, 4, 4), strict=True):
            data = pack(character, [value])
            (got,) = struct.unpack(f"<{character}", data)
            self.assertEqual((got - value) % 256**size, 0)
