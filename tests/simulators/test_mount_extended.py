"""The simulated mount's own text commands."""

from __future__ import annotations

from math import radians

from twisted.trial.unittest import SynchronousTestCase

from tests.simulators.mounts import Host


class ExtendedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.host = Host(latitude_deg=40.2583, longitude_deg=-100.504167)

    def ask(self, command: str) -> str:
        return self.host.ask(f":{command}#")

    def test_positions_are_radians(self) -> None:
        self.host.ask(":Sr05:47:12#:Sd-05*23:28#")
        self.assertEqual(self.ask("*Gr"), "1.5149458#")
        self.assertEqual(self.ask("*Gd"), "-0.0940926#")
        self.assertEqual(self.ask("*GA"), "0.0000000#")
        self.assertEqual(self.ask("*GZ"), "3.1415927#")
        where = self.host.motion.equatorial()
        self.assertAlmostEqual(
            float(self.ask("*GR")[:-1]), radians(15 * where.ra_h), places=6
        )
        self.assertAlmostEqual(
            float(self.ask("*GD")[:-1]), radians(where.dec_deg), places=6
        )

    def test_site_with_seconds(self) -> None:
        self.assertEqual(self.ask("*Gt"), "+40*15:30#")
        self.assertEqual(self.ask("*Gg"), "+100*30:15#")

    def test_equinox_and_rates(self) -> None:
        self.assertEqual(self.ask("*E"), "1")
        for command, index in (("TL", 1), ("TS", 2), ("TQ", 0)):
            self.ask(command)
            self.assertEqual(self.ask("*TRG"), f"{index}#")

    def test_park_setting(self) -> None:
        self.assertEqual(self.ask("*PG"), "1180.00000.000#")
        for command, setting in (
            ("*PS1200.50030.250", "1200.50030.250#"),
            ("*PS0", "0200.50030.250#"),
            ("*PS1200.500090.000", "1200.50090.000#"),
            ("*PS1360.00000.000", "1000.00000.000#"),
            ("*PS1361.00000.000", "1000.00000.000#"),
            ("*PS1000.00091.000", "1000.00000.000#"),
            ("*PS2", "1000.00000.000#"),
        ):
            self.assertEqual(self.ask(command), "")
            self.assertEqual(self.ask("*PG"), setting, command)

    def test_guide_rate(self) -> None:
        self.assertEqual(self.ask("*gRG"), "2#")
        for command, index in (("*gRS4", 4), ("*gRS5", 4), ("*gRS", 4), ("*gRS0", 0)):
            self.assertEqual(self.ask(command), "")
            self.assertEqual(self.ask("*gRG"), f"{index}#")

    def test_rate_offsets(self) -> None:
        self.ask("*SR+01.0000000000")
        self.ask("*SD-02.5000000000")
        self.ask("*SD-2.5")
        self.assertEqual(self.ask("*RR") + self.ask("*RD"), "1.0000000#-2.5000000#")

    def test_moves(self) -> None:
        for wrong in ("*Mx00010002", "*Me0001", "*Me00010000", "*M"):
            self.ask(wrong)
        self.assertEqual(self.host.deeds.moves, [])
        self.ask("*Me99995000")
        self.ask("*Mn08529486")
        rates = [round(move.rate_deg_s, 4) for move in self.host.deeds.moves]
        self.assertEqual(rates, [3.5, 0.9917])

    def test_alignment_on_sync(self) -> None:
        self.assertEqual(self.ask("*CM"), "0#")
        self.assertEqual(self.ask("**3"), "3#")
        self.host.ask(":Sr21:00:00#:Sd+40*00:00#")
        for answer, about in (("3#", "PN1#"), ("2#", "PN2#"), ("1#", "PN3#")):
            self.assertEqual(self.ask("*CM"), answer)
            self.assertEqual(self.ask("GW"), about)
            self.host.wait(60)
        self.assertEqual(self.ask("*CM"), "0#")
        self.assertEqual(len(self.host.deeds.syncs), 3)
        self.assertEqual(
            self.host.variables("A1,A16,A17,A22,A18,A19,A20"),
            [3, 3, 7, 1, 0, 57_600, 115_200],
        )
        (rms,) = self.host.variables("A21")
        self.assertGreater(rms, 3600)

    def test_alignment_fails_while_it_moves(self) -> None:
        self.host.ask(":**1#:Mn#")
        self.assertEqual(self.ask("*CM"), "0#")

    def test_alignment_may_be_impossible(self) -> None:
        self.assertEqual(self.ask("**4"), "0#")
        self.assertEqual(Host(align_on_sync=False).ask(":**3#"), "0#")
