"""The simulated mount, held against facts/tts160.md 9; the numbers are those there."""

from __future__ import annotations

import struct
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_axis import Axis
from tests.simulators.mounts import Host

ORION = ":Sr05:47:12#:Sd-05*23:28#"


class TranscriptTests(SynchronousTestCase):
    def host(self, **behaviour: Any) -> Host:
        """At Orion, unless the behaviour says where it is."""
        values = {
            "latitude_deg": 40.25,
            "longitude_deg": -100.504167,
            "zone_h": -7.0,
            "tracking": True,
        }
        host = Host(**{**values, **behaviour})
        host.ask(f"{ORION}:CM#")
        host.wait(0)
        return host

    def put(self, host: Host, h_ticks: int, e_ticks: int) -> None:
        host.ask(":T0#")
        h, e = host.motion.h, host.motion.e
        h.deg, e.deg = _deg(h, h_ticks), _deg(e, e_ticks)

    def test_01_alignment_query(self) -> None:
        self.assertEqual(self.host().send(b"\x06"), b"P")

    def test_02_firmware(self) -> None:
        self.assertEqual(self.host().ask(":GVN#"), "357.1.0#")

    def test_03_to_06_position(self) -> None:
        host = self.host()
        self.assertEqual(host.ask(":GR#:GD#"), "05:47:12#-05*23:28#")
        self.assertEqual(host.ask(":U#:GR#"), "05:47.2#")
        host.state.degree = "\xdf"
        host.ask(":U#:Sd-00*30:00#")
        self.assertEqual(host.send(b":Gd#"), b"-00\xdf30:00#")

    def test_07_and_08_radians(self) -> None:
        self.assertEqual(self.host().ask(":*GR#:*GD#"), "1.5149458#-0.0940926#")

    def test_09_state(self) -> None:
        host = self.host()
        host.ask(":**3#:*CM#:*CM#:*CM#")
        self.assertEqual(host.ask(":GW#"), "PT3#")

    def test_10_sidereal_time(self) -> None:
        host = self.host()
        hour, minute, second = map(int, host.ask(":GS#")[:-1].split(":"))
        gst_h = hour + minute / 60 + second / 3600
        self.assertLess(abs((gst_h - 100.504167 / 15) % 24 - host.state.lst_h), 1e-3)

    def test_11_stacked_commands(self) -> None:
        self.assertEqual(self.host().ask(":GC#:GL#:GG#"), "08/05/26#21:35:30#+07#")

    def test_12_and_13_site(self) -> None:
        host = self.host()
        self.assertEqual(host.ask(":Gt#:Gg#"), "+40*15#+100*30#")
        self.assertEqual(host.ask(":*Gg#"), "+100*30:15#")

    def test_14_to_17_targets(self) -> None:
        host = self.host()
        self.assertEqual(host.ask(":Sr05:47:12#"), "1")
        self.assertEqual(host.ask(":Sd+95*00:00#"), "0")
        self.assertEqual(host.ask("#:GR#"), "05:47:12#")
        self.assertEqual(host.send(b":Sd +45\xdf30:15#"), b"1")
        self.assertEqual(host.ask(":Gd#"), "+45*30:15#")

    def test_18_to_21_goto(self) -> None:
        host = self.host(upper_limit_deg=80.0)
        self.assertEqual(host.goto("21:00:00", "+40*00:00"), "0")
        self.assertEqual(host.ask(":D#"), "|#")
        host.until_still()
        self.assertEqual(host.ask(":D#"), "#")
        host.ask(":Sd-80*00:00#")
        self.assertEqual(host.ask(":MS#"), "1Object below horizon#")
        zenith_h = host.state.lst_h
        host.state.target_ra_h, host.state.target_dec_deg = zenith_h, 40.0
        self.assertEqual(host.ask(":MS#"), "2Object below higher limit#")

    def test_22_sync(self) -> None:
        self.assertEqual(self.host().ask(":CM#"), "Coordinates matched.        #")

    def test_23_and_24_clock(self) -> None:
        host = self.host()
        self.assertEqual(host.ask(":SC08/05/26#"), "1#")
        self.assertEqual(host.ask(":SL21:15:30#"), "1")

    def test_25_pulse(self) -> None:
        host = self.host()
        before = host.motion.e.deg
        self.assertEqual(host.ask(":T0#:Mgn0350#"), "")
        host.wait(1)
        self.assertAlmostEqual(3600 * (host.motion.e.deg - before), 5 * 0.35, places=5)

    def test_26_move(self) -> None:
        host = self.host()
        self.assertEqual(host.ask(":*Me08529486#"), "")
        self.assertAlmostEqual(host.deeds.moves[0].rate_deg_s, 1.000273, places=6)

    def test_27_park_setting(self) -> None:
        self.assertEqual(self.host().ask(":*PG#"), "1180.00000.000#")

    def test_28_ticks(self) -> None:
        host = self.host(dialect="v356")
        self.put(host, 1_234_567, -76_543)
        host.motion.is_parked = True
        self.assertEqual(
            host.send(b":*!G T1,2,C5#"),
            b"BINARY:2i1B\n" + bytes.fromhex("87d6120001d5feff01"),
        )

    def test_29_position(self) -> None:
        host = self.host(dialect="v356")
        answer = host.send(b":*!G T1,2,4,17,18,X1,2#")
        head = b"BINARY:2i1B4f\n"
        self.assertTrue(answer.startswith(head))
        values = struct.unpack("<2iB4f", answer[len(head) :])
        self.assertEqual(values[2], 1)
        self.assertAlmostEqual(values[3], 1.514945, places=5)
        self.assertAlmostEqual(values[4], -0.094093, places=5)

    def test_30_and_31_rotation(self) -> None:
        host = self.host(dialect="v356")
        answer = host.send(b":*!G T30#")
        self.assertEqual((answer[:10], len(answer)), (b"BINARY:1m\n", 46))
        answer = self.host().send(b":*!G T31#")
        self.assertEqual((answer[:9], len(answer)), (b"BINARY:q\n", 25))

    def test_32_without_counts(self) -> None:
        answer = self.host().send(b":*!G T16,T17,C5#")
        self.assertEqual(answer[:11], b"BINARY:ffB\n")
        self.assertEqual(answer[11:15], bytes.fromhex("bee9c13f"))
        self.assertEqual(answer[-1:], b"\0")

    def test_33_probe(self) -> None:
        for dialect, head, size in (
            ("v356", b"BINARY:1B1m\n", 37),
            ("v356b", b"BINARY:1B1f\n", 5),
            ("v357", b"BINARY:fq\n", 20),
        ):
            answer = self.host(dialect=dialect).send(b":*!G T16,T31#")
            self.assertEqual(answer[: len(head)], head)
            self.assertEqual(len(answer) - len(head), size)

    def test_34_ends_in_a_payload(self) -> None:
        host = self.host(dialect="v356")
        self.put(host, 0x00232323, 0x000A0A0A)
        self.assertEqual(
            host.send(b":*!G T1,2#"),
            b"BINARY:2i\n" + bytes.fromhex("232323000a0a0a00"),
        )

    def test_35_block(self) -> None:
        host = self.host(dialect="v356")
        host.ask(":*PS1200.00030.000#")
        host.motion.is_parked = True
        answer = host.send(b":*!2#")
        self.assertEqual(answer[:7], b"CASE:2\n")
        self.assertEqual(
            answer[7:15] + answer[23:],
            bytes.fromhex("780000008200000001000000000048430000f041"),
        )

    def test_36_no_such_variable(self) -> None:
        self.assertEqual(self.host().ask(":*!G T99#"), "ERROR:VAR_ERROR\n")

    def test_37_to_40_set(self) -> None:
        host = self.host()
        done = bytes.fromhex("010100000000")
        self.assertEqual(host.send(b":*!S 05;\x03\x23\x00#"), done)
        self.assertEqual(host.deeds.pulses[0].milliseconds, 35)
        site = bytes.fromhex("5465737468696c6c2020f20164001e0f0028000f1e05")
        self.assertEqual(host.send(b":*!S 11;" + site + b"#"), done)
        self.assertEqual(host.state.horizon_deg, 5)
        self.assertEqual(host.send(b":*!S 7F;#"), bytes.fromhex("0104fdffffff"))
        up = Host(zone_h=-7.0, longitude_deg=30.0)
        target = bytes.fromhex("01bee9c13fa4b3c0bd")
        self.assertEqual(up.send(b":*!S 04;" + target + b"#"), done)


def _deg(axis: Axis, ticks: int) -> float:
    return ticks / axis.ticks_per_turn * 360
