"""How the simulated mount moves, held against an ephemeris where the sky is concerned."""

from __future__ import annotations

from math import degrees

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators.mount_motion import E_TICKS, H_TICKS, Equatorial
from gatewaykit.simulators.mount_state import MountBehaviour
from tests.simulators.mounts import START, Host
from tests.simulators.test_mount_sky import observer, separation_arcmin, star

DIALECTS = ("text", "v356", "v356b", "v357")
SITE = MountBehaviour().latitude_deg, MountBehaviour().longitude_deg


class MotionTestCase(SynchronousTestCase):
    def assert_sky(self, host: Host) -> None:
        """RA and Dec are those of where it points, says the ephemeris: 1 arc-minute."""
        where = host.motion.equatorial()
        body = star(where.ra_h, where.dec_deg, observer(host.now, *SITE).date)
        body.compute(observer(host.now, *SITE))
        # What the ephemeris adds to the place (aberration, nutation) is taken off.
        body._ra = 2 * body._ra - body.ra
        body._dec = 2 * body._dec - body.dec
        body.compute(observer(host.now, *SITE))
        shown = host.motion.horizontal()
        self.assertLess(
            separation_arcmin(
                (shown.az_deg, shown.alt_deg), (degrees(body.az), degrees(body.alt))
            ),
            1.0,
        )

    def assert_points(self, host: Host, ra_h: float, dec_deg: float) -> None:
        got = host.motion.equatorial()
        self.assertLess(
            separation_arcmin((15 * got.ra_h, got.dec_deg), (15 * ra_h, dec_deg)), 0.1
        )


class SkyTests(MotionTestCase):
    def test_after_gotos_and_hours_of_tracking(self) -> None:
        for dialect in DIALECTS:
            host = Host(dialect=dialect)
            for ra, dec, ra_h, dec_deg in (
                ("21:00:00", "+40*00:00", 21.0, 40.0),
                ("17:30:00", "+80*30:00", 17.5, 80.5),
                ("04:15:00", "-05*00:00", 4.25, -5.0),
            ):
                self.assertEqual(host.goto(ra, dec), "0")
                self.assertLess(host.until_still(), 60)
                self.assertTrue(host.motion.is_tracking)
                for _ in range(4):
                    self.assert_points(host, ra_h, dec_deg)
                    self.assert_sky(host)
                    host.wait(900)

    def test_standing(self) -> None:
        host = Host(altitude_deg=35.0, azimuth_deg=250.0)
        before = host.motion.equatorial()
        host.wait(3600)
        self.assert_sky(host)
        after = host.motion.equatorial()
        self.assertAlmostEqual(after.dec_deg, before.dec_deg)
        self.assertAlmostEqual((after.ra_h - before.ra_h) % 24, 1.0027379, places=6)

    def test_across_the_north(self) -> None:
        host = Host(azimuth_deg=350.0, altitude_deg=60.0, tracking=True)
        host.wait(6 * 3600)
        before = host.motion.h.deg
        host.wait(1)
        self.assertLess(abs(host.motion.h.deg - before), 0.1)
        self.assert_sky(host)

    def test_shown_in_the_equinox_of_j2000(self) -> None:
        host = Host(j2000=True)
        self.assertEqual(host.ask(":*E#"), "0")
        self.assertEqual(host.goto("21:00:00", "+40*00:00"), "0")
        host.until_still()
        self.assertEqual(host.ask(":GR#:GD#"), "21:00:00#+40*00:00#")
        got = host.motion.equatorial()
        self.assertGreater(
            separation_arcmin((15 * got.ra_h, got.dec_deg), (315.0, 40.0)), 10
        )
        self.assert_sky(host)


class RateTests(MotionTestCase):
    def drift(self, host: Host, seconds: float) -> tuple[float, float]:
        """Of right ascension and declination, in arc-seconds."""
        before = host.motion.equatorial()
        host.wait(seconds)
        after = host.motion.equatorial()
        return (
            (after.ra_h - before.ra_h) * 15 * 3600,
            (after.dec_deg - before.dec_deg) * 3600,
        )

    def setUp(self) -> None:
        self.host = Host(azimuth_deg=150.0, altitude_deg=40.0, tracking=True)

    def test_sun_and_moon_are_slower_than_the_stars(self) -> None:
        for command, arcsec in (("TQ", 0.0), ("TL", 529.652), ("TS", 41.067)):
            self.host.ask(f":{command}#")
            ra, dec = self.drift(self.host, 1000.0)
            self.assertAlmostEqual(ra, arcsec, places=2)
            self.assertAlmostEqual(dec, 0.0, places=4)

    def test_offsets_with_the_sidereal_rate_only(self) -> None:
        self.host.ask(":*SR+00.0200000000#:*SD-01.5000000000#")
        ra, dec = self.drift(self.host, 100.0)
        self.assertAlmostEqual(ra, 30.0, places=3)
        self.assertAlmostEqual(dec, -150.0, places=3)
        self.host.ask(":TS#")
        self.assertAlmostEqual(self.drift(self.host, 100.0)[1], 0.0, places=4)
        self.host.ask(":*SD+02.0000000000#:TQ#")
        self.assertEqual(self.host.ask(":*RR#:*RD#"), "0.0200000#-1.5000000#")


class GotoTests(MotionTestCase):
    def test_tracking_follows_and_the_flags_fall(self) -> None:
        host = Host()
        host.goto("21:00:00", "+40*00:00")
        self.assertEqual(host.variables("L5,L6,T8,T9,T4"), [1, 1, 1, 1, 0])
        self.assertEqual(host.ask(":D#:GW#"), "|#PN0#")
        host.wait(2)
        self.assertEqual(host.variables("T10,T11"), [1, 1])
        host.until_still()
        self.assertEqual(host.variables("L5,L6,T8,T9,T4"), [0, 0, 0, 0, 1])
        self.assertEqual(host.ask(":D#:GW#"), "#PT0#")
        ticks, goal = host.variables("T1,2,24,25")[:2], host.variables("T24,25")
        for got, wanted in zip(ticks, goal, strict=True):
            self.assertLess(abs(got - wanted), 400)

    def test_takes_the_shorter_way(self) -> None:
        for start, target, wanted in (
            (350.0, 20.0, 380.0),
            (20.0, 350.0, -10.0),
            (600.0, 250.0, 610.0),
            (600.0, 300.0, 300.0),
            (-260.0, 80.0, 80.0),
        ):
            host = Host(azimuth_deg=start, altitude_deg=30.0)
            self.assertEqual(
                host.set(0x04, "B2f", 2, target * 3.14159265 / 180, 0.5), 0
            )
            host.until_still()
            self.assertAlmostEqual(host.motion.h.deg, wanted, places=3)
            self.assertFalse(host.motion.is_tracking)

    def test_never_faster_than_it_can(self) -> None:
        host = Host()
        host.goto("21:00:00", "+40*00:00")
        before = host.motion.h.deg
        while host.motion.is_slewing:
            host.wait(0.25)
            self.assertLess(abs(host.motion.h.deg - before), 3.51 * 0.25)
            before = host.motion.h.deg

    def test_stop_leaves_nothing_of_it(self) -> None:
        host = Host(tracking=True, altitude_deg=10.0)
        host.goto("21:00:00", "+40*00:00")
        host.wait(5)
        host.ask(":Q#")
        self.assertEqual(host.ask(":D#"), "|#")
        self.assertEqual(host.variables("L5,L6"), [1, 0])
        self.assertLess(host.until_still(), 2)
        before = host.motion.h.deg, host.motion.e.deg
        host.wait(60)
        self.assertEqual((host.motion.h.deg, host.motion.e.deg), before)
        self.assertFalse(host.motion.is_tracking)

    def test_stop_before_it_has_begun(self) -> None:
        host = Host()
        host.ask(":Sr21:00:00#:Sd+40*00:00#")
        self.assertEqual(host.ask(":MS#:Q#"), "0")
        host.wait(0.001)
        self.assertFalse(host.motion.is_slewing)

    def test_tracking_is_not_for_a_goto_to_know(self) -> None:
        host = Host()
        host.goto("21:00:00", "+40*00:00")
        host.ask(":T1#:T0#")
        host.until_still()
        self.assertTrue(host.motion.is_tracking)

    def test_a_stop_of_one_axis_ends_no_goto(self) -> None:
        host = Host()
        host.goto("21:00:00", "+40*00:00")
        host.wait(1)
        host.ask(":Qe#:Me#:Mgn0100#")
        host.until_still()
        self.assert_points(host, 21.0, 40.0)
        self.assertEqual((host.deeds.moves, host.deeds.pulses), ([], []))


class MoveTests(MotionTestCase):
    def test_directions_and_speeds(self) -> None:
        for command, h, e in (
            (":RS#:Mw#", 3.0, 0.0),
            (":RC#:Me#", -2.2, 0.0),
            (":RM#:Mn#", 0.0, 1.4),
            (":RG#:Ms#", 0.0, -5 / 3600),
            (":*Me08529486#", -1.000273, 0.0),
            (":*Mn00009999#", 0.0, 0.0),
        ):
            host = Host(altitude_deg=20.0)
            host.ask(command)
            host.wait(5)
            before = host.motion.h.deg, host.motion.e.deg
            host.wait(1)
            self.assertAlmostEqual(host.motion.h.deg - before[0], h, places=5)
            self.assertAlmostEqual(host.motion.e.deg - before[1], e, places=5)

    def test_tracking_rests_and_returns(self) -> None:
        host = Host(tracking=True, altitude_deg=40.0)
        host.ask(":Mw#")
        self.assertEqual(host.ask(":GW#"), "PN0#")
        host.wait(3)
        host.ask(":Qw#")
        self.assertLess(host.until_still(), 2.0)
        self.assertEqual(host.ask(":GW#"), "PT0#")
        where = host.motion.equatorial()
        host.wait(600)
        self.assert_points(host, where.ra_h, where.dec_deg)

    def test_tracking_that_was_off_stays_off(self) -> None:
        host = Host()
        host.ask(":Mw#:Mn#")
        host.wait(1)
        host.ask(":Qe#")
        host.wait(2)
        self.assertTrue(host.motion.is_slewing)
        host.ask(":Q#")
        host.until_still()
        self.assertFalse(host.motion.is_tracking)

    def test_tracking_may_be_chosen_meanwhile(self) -> None:
        host = Host()
        host.ask(":Mw#:T1#:Q#")
        host.until_still()
        self.assertTrue(host.motion.is_tracking)

    def test_another_sense_goes_through_rest(self) -> None:
        host = Host()
        host.ask(":Mw#")
        host.wait(2)
        host.ask(":Me#")
        self.assertAlmostEqual(host.motion.h.speed, 3.0)
        host.wait(1.5)
        self.assertAlmostEqual(host.motion.h.speed, 0.0)
        host.wait(2)
        self.assertAlmostEqual(host.motion.h.speed, -3.0)

    def test_ends_at_the_zenith(self) -> None:
        host = Host(altitude_deg=85.0)
        host.ask(":Mn#")
        host.wait(100)
        self.assertEqual(host.motion.e.deg, 90.0)

    def test_turns_are_counted(self) -> None:
        host = Host()
        self.assertEqual(host.variables("M4,5"), [0, 0])
        host.ask(":Mw#")
        host.wait(250)
        self.assertEqual(host.variables("M4,5"), [1, 2])

    def test_a_speed_of_its_own_until_the_hand_pad_has_one(self) -> None:
        host = Host()
        self.assertEqual(host.set(0x00, "Bf", 0, 0.5), 0)
        host.ask(":Mw#:Mn#")
        moves = [move.rate_deg_s for move in host.deeds.moves]
        self.assertEqual(moves, [0.5, 3.0])
        host.ask(":RS#:Mw#")
        self.assertEqual(host.deeds.moves[-1].rate_deg_s, 3.0)


class PulseTests(MotionTestCase):
    def setUp(self) -> None:
        self.host = Host(altitude_deg=40.0)
        self.host.ask(":*gRS3#")  # 10 arcsec/s

    def moved(self, seconds: float) -> tuple[float, float]:
        """Both axes, in arc-seconds."""
        motion = self.host.motion
        before = motion.h.deg, motion.e.deg
        self.host.wait(seconds)
        return (
            round((motion.h.deg - before[0]) * 3600, 3),
            round((motion.e.deg - before[1]) * 3600, 3),
        )

    def test_directions(self) -> None:
        for letter, wanted in (
            ("n", (0, 5)),
            ("s", (0, -5)),
            ("w", (5, 0)),
            ("e", (-5, 0)),
        ):
            self.host.ask(f":Mg{letter}0500#")
            self.assertEqual(self.moved(0.25), (wanted[0] / 2, wanted[1] / 2))
            self.assertEqual(self.moved(10), (wanted[0] / 2, wanted[1] / 2))

    def test_the_next_one_takes_the_place_of_what_is_left(self) -> None:
        self.host.ask(":Mgn1000#:Mge0300#")
        self.moved(0.5)
        self.host.ask(":Mgs0200#")
        self.assertEqual(self.moved(5), (0, -2))

    def test_tracking_goes_on_from_where_it_led(self) -> None:
        self.host.ask(":T1#")
        before = self.host.motion.equatorial()
        self.host.ask(":Mgn9999#:Mgw5000#")
        self.host.wait(30)
        after = self.host.motion.equatorial()
        self.assertGreater(
            separation_arcmin(
                (15 * after.ra_h, after.dec_deg), (15 * before.ra_h, before.dec_deg)
            ),
            1.5,
        )
        self.host.wait(600)
        self.assert_points(self.host, after.ra_h, after.dec_deg)
        self.assertTrue(self.host.motion.is_tracking)

    def test_stop_ends_them(self) -> None:
        self.host.ask(":Mgn9999#:Q#")
        self.assertEqual(self.moved(5), (0, 0))

    def test_a_move_ends_them(self) -> None:
        self.host.ask(":Mgn9999#:Mw#")
        self.assertEqual(self.moved(5)[1], 0)


class HypothesisTests(MotionTestCase):
    @settings(max_examples=50)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from(
                    (
                        *(":T1#", ":T0#", ":Q#", ":MS#", ":hP#", ":CM#", ":Qe#"),
                        *(":Mn#", ":Me#", ":Mw#", ":Mgn9999#", ":Mge0500#", ":TL#"),
                        *(":Sd+60*00:00#", ":SL20:00:00#", ":*!S 0B;\x01#"),
                    )
                ),
                st.floats(0, 100),
            ),
            max_size=12,
        )
    )
    def test_whatever_one_asks_and_however_often_one_looks(
        self, steps: list[tuple[str, float]]
    ) -> None:
        once, often = Host(), Host()
        for command, seconds in steps:
            self.assertEqual(once.ask(command), often.ask(command))
            once.wait(seconds)
            for _ in range(7):
                often.wait(seconds / 7)
            self.assertIs(once.motion.mode, often.motion.mode)
            self.assertLess(abs(once.motion.e.deg - often.motion.e.deg), 0.2)
            self.assertLessEqual(abs(once.motion.e.deg), 90.001)


class TickTests(SynchronousTestCase):
    def test_of_a_turn(self) -> None:
        host = Host(azimuth_deg=180.0, altitude_deg=45.0)
        self.assertEqual(
            host.variables("T1,2,M8,9"),
            [H_TICKS // 2, round(E_TICKS / 8), H_TICKS, E_TICKS],
        )
        self.assertEqual(host.now, START)
        self.assertEqual(host.motion.seen(Equatorial(0, 90)).alt_deg, SITE[0])
