"""The text commands of the simulated mount."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.simulators import mount_commands, mount_extended
from gatewaykit.simulators import mount_sky as sky
from gatewaykit.simulators import mount_text as text
from tests.simulators.mounts import START, Host

ZONE = {"zone_h": -7.0, "latitude_deg": 40.25, "longitude_deg": -100.504167}


class ReadingTests(SynchronousTestCase):
    def test_table(self) -> None:
        """facts/tts160.md 2.1."""
        host = Host(**ZONE, site="Testhill")
        for command, answer in {
            "GA": "+00*00'00#",
            "GZ": "180*00'00#",
            "GL": "21:35:30#",
            "GC": "08/05/26#",
            "GG": "+07#",
            "Gt": "+40*15#",
            "Gg": "+100*30#",
            "GW": "PN0#",
            "GVP": "TTS-160#",
            "GVN": "357.1.0#",
            "GVD": "Jul 06 2025#",
            "GVT": "12:00:00#",
            "GVF": "TTS-160|357.1.0|Jul 06 2025#",
            "Gc": "24#",
            "GT": "60.1#",
            "GM": "Testhill#",
            "GP": "Testhill#",
            "D": "#",
            "Gr": "00:00:00#",
            "Gd": "+00*00:00#",
        }.items():
            self.assertEqual(host.ask(f":{command}#"), answer, command)

    def test_sidereal_time_is_that_of_greenwich_or_of_the_site(self) -> None:
        gst_h = sky.gst_h(START)
        self.assertEqual(Host(**ZONE).ask(":GS#"), text.hours(gst_h) + "#")
        site = Host(**ZONE, greenwich=False).ask(":GS#")
        lst_h = (gst_h - 100.504167 / 15) % 24
        self.assertEqual(site, text.hours(lst_h) + "#")

    def test_position(self) -> None:
        host = Host()
        where = host.motion.equatorial()
        self.assertEqual(
            host.ask(":GR#:GD#"),
            f"{text.hours(where.ra_h)}#{text.angle(where.dec_deg)}#",
        )

    def test_precision(self) -> None:
        host = Host(azimuth_deg=7.505)
        host.ask(":Sr05:47:12#:Sd-05*23:28#")
        self.assertEqual(host.ask(":U#"), "")
        self.assertEqual(host.ask(":Gr#:Gd#:GA#:GZ#"), "05:47.2#-05*23#+00*00#007*30#")
        self.assertEqual(host.ask(":U#:Gr#"), "05:47:12#")

    def test_low_precision_until_it_is_changed(self) -> None:
        host = Host()
        host.state.is_upside_down = True
        self.assertEqual(host.ask(":Gr#:U#:Gr#"), "00:00.0#00:00:00#")

    def test_degree_sign(self) -> None:
        host = Host()
        host.state.degree = "\xdf"
        self.assertEqual(host.send(b":GZ#"), b"180\xdf00'00#")

    def test_field_angle(self) -> None:
        host = Host(altitude_deg=40.0)
        self.assertAlmostEqual(float(host.ask(":ra#")[:-1]), 0.0, places=3)
        host = Host(altitude_deg=40.0, azimuth_deg=240.0)
        self.assertGreater(float(host.ask(":ra#")[:-1]), 10)

    def test_what_it_does_not_know_is_passed_over(self) -> None:
        host = Host()
        for command in ("GX", "", "X", "Mx", "Qx", "Q1n", "Mg", "Sw2", "MSx", "ED"):
            self.assertEqual(host.ask(f":{command}#"), "", command)
        self.assertEqual(host.deeds.stops, [])

    def test_old_firmware(self) -> None:
        host = Host(dialect="text")
        self.assertEqual(host.ask(":GVN#"), "354.1.0#")
        for command in (
            *(*mount_commands.LATER, *mount_extended.PLAIN),
            *("**3", "*PS0", "*!G T1", "*!S 06;", "*!2", "*!X"),
        ):
            self.assertEqual(host.ask(f":{command}#"), "", command)

    def test_firmware(self) -> None:
        self.assertEqual(Host(dialect="v356").ask(":GVN#"), "356.0.0#")
        self.assertEqual(Host(firmware="359x").ask(":GVN#"), "359x#")


class SettingTests(SynchronousTestCase):
    def test_targets(self) -> None:
        host = Host()
        for command, answer in {
            "Sr05:47:12": "1",
            "Sr 05:47.2": "1",
            "Sr25:00:00": "0",
            "Sd-05*23:28": "1",
            "Sd +45\xdf30:15": "1",
            "Sd+95*00:00": "0",
            "Sd05*00:00": "0",
        }.items():
            self.assertEqual(host.ask(f":{command}#"), answer, command)
        self.assertEqual(host.ask(":Gr#:Gd#"), "05:47:12#+45*30:15#")

    def test_clock(self) -> None:
        host = Host(**ZONE)
        self.assertEqual(host.ask(":SG+06#:GG#:GL#"), "1+06#21:35:30#")
        self.assertEqual(host.ask(":SL20:35:30#:GL#"), "120:35:30#")
        self.assertEqual(host.ask(":SC08/07/26#:GC#"), "1#08/07/26#")
        self.assertAlmostEqual(host.state.place.utc_s(START), START - 7200 + 172_800)
        for wrong in ("SL25:00:00", "SC02/30/26", "SCx", "SG+15", "SGx", "SG1.25"):
            self.assertEqual(host.ask(f":{wrong}#"), "0", wrong)

    def test_offset_of_half_an_hour(self) -> None:
        self.assertEqual(Host(zone_h=5.5).ask(":GG#"), "-05.5#")

    def test_axes_stay_when_the_clock_is_set(self) -> None:
        host = Host(tracking=True, altitude_deg=40.0)
        before = host.motion.horizontal()
        self.assertEqual(host.ask(":SL01:00:00#"), "1")
        host.wait(0.001)
        after = host.motion.horizontal()
        self.assertAlmostEqual(after.az_deg, before.az_deg, places=3)
        host.wait(100)
        self.assertGreater(abs(host.motion.horizontal().az_deg - before.az_deg), 0.1)

    def test_forms_of_a_date_that_is_taken(self) -> None:
        for form, answer in (
            ("short", "1#"),
            ("bare", "1"),
            ("two-part", "1Updating Planetary Data#" + " " * 30 + "#"),
        ):
            host = Host(date_reply=form)
            self.assertEqual(host.ask(":SC08/05/26#"), answer)

    def test_the_second_part_comes_later(self) -> None:
        host = Host(date_reply="two-part")
        host.core.receive(b":SC08/05/26#", START)
        host.core.advance(START)
        self.assertEqual([o.at - START for o in host.core.take()], [0.0, 4.0])

    def test_stale_time(self) -> None:
        host = Host(zone_h=0.0, stale_time=True)
        self.assertEqual(host.ask(":SL10:00:00#:GL#:GL#"), "104:35:30#10:00:00#")
        self.assertEqual(host.ask(":SL11:00:00#")[:1], "1")
        host.ask(":GS#")
        self.assertEqual(host.ask(":GL#"), "11:00:00#")

    def test_site(self) -> None:
        host = Host()
        for command, answer in {
            "St+37*17": "1",
            "Sg003*08'": "1",
            "St+91*00": "0",
            "Sg361*00": "0",
            "Stx": "0",
        }.items():
            self.assertEqual(host.ask(f":{command}#"), answer, command)
        self.assertEqual(host.ask(":Gt#:Gg#"), "+37*17#+003*08#")
        for west, shown in (("-48*00", "-048*00"), ("312*00", "-048*00")):
            self.assertEqual(host.ask(f":Sg{west}#:Gg#"), f"1{shown}#")
            self.assertAlmostEqual(host.state.place.longitude_deg, 48.0)

    def test_older_ones_have_a_fixed_site(self) -> None:
        host = Host(dialect="text")
        self.assertEqual(host.ask(":St+37*17#:Sg003*08#"), "00")

    def test_clock_format_and_frequency(self) -> None:
        host = Host()
        self.assertEqual(host.ask(":H#:Gc#:H#:Gc#"), "12#24#")
        self.assertEqual(host.ask(":ST058.9#:GT#:STx#"), "158.9#0")

    def test_pointing_precision(self) -> None:
        self.assertEqual(Host().ask(":P#:P#"), "HIGH PRECISIONLOW PRECISION")

    def test_silent_ones(self) -> None:
        host = Host()
        for command in ("TM", "T+", "AA", "F+", "FQ", "hF", "hS", "PO", "W1", "TQ"):
            self.assertEqual(host.ask(f":{command}#"), "", command)


class MotionTests(SynchronousTestCase):
    def test_refusals_of_a_goto(self) -> None:
        host = Host(upper_limit_deg=80.0)
        self.assertEqual(host.goto("16:00:00", "-60*00:00"), "1Object below horizon#")
        lst = text.hours(host.state.lst_h)
        self.assertEqual(host.goto(lst, "+47*00:00"), "2Object below higher limit#")
        self.assertEqual(host.goto("21:00:00", "+40*00:00"), "0")
        self.assertEqual(host.ask(":MS#"), "1Slew in progress#")
        self.assertEqual(len(host.deeds.slews), 1)
        (slew,) = host.deeds.slews
        self.assertEqual((slew.at, slew.right_ascension_h), (START, 21.0))
        self.assertEqual(
            Host(parked=True).goto("21:00:00", "+40*00:00"), "1Mount is parked#"
        )

    def test_a_refusal_may_be_a_bare_digit(self) -> None:
        host = Host(refusal_text=False)
        self.assertEqual(host.goto("16:00:00", "-60*00:00"), "1")

    def test_park(self) -> None:
        host = Host(altitude_deg=40.0, tracking=True)
        self.assertEqual(host.ask(":hP#:D#:*Pq#"), "|#0")
        self.assertEqual(host.variables("L8,C5,L1"), [1, 0, 0])
        host.until_still()
        self.assertEqual(host.ask(":D#:*Pq#:GW#:GA#:GZ#"), "#1PN0#+00*00'00#180*00'00#")
        self.assertEqual(host.variables("L8,C5"), [0, 1])
        host.ask(":hP#:T1#:Mn#:Mgn0500#:MS#:CM#")
        host.wait(10)
        self.assertEqual(host.ask(":GW#:GA#"), "PN0#+00*00'00#")
        deeds = host.deeds
        self.assertEqual((deeds.moves, deeds.pulses, deeds.syncs), ([], [], []))
        self.assertEqual(len(deeds.parks), 2)
        self.assertEqual(host.ask(":CM#"), "No sync now#")

    def test_a_stop_ends_parking(self) -> None:
        host = Host(altitude_deg=40.0)
        host.ask(":hP#")
        host.wait(1)
        host.ask(":Q#")
        self.assertEqual(host.variables("L8"), [0])
        host.until_still()
        self.assertFalse(host.motion.is_parked)

    def test_park_in_place(self) -> None:
        host = Host(altitude_deg=40.0, azimuth_deg=90.0, tracking=True)
        host.ask(":*PS0#:hP#")
        host.wait(1)
        self.assertEqual(host.ask(":*Pq#:GA#:GZ#"), "1+40*00'00#090*00'00#")

    def test_sync(self) -> None:
        host = Host(tracking=True)
        host.ask(":Sr20:00:00#:Sd+50*00:00#")
        self.assertEqual(host.ask(":CM#"), "Coordinates matched.        #")
        host.wait(0)
        self.assertEqual(host.ask(":GR#:GD#"), "20:00:00#+50*00:00#")
        host.wait(600)
        self.assertEqual(host.ask(":GR#:GD#"), "20:00:00#+50*00:00#")
        self.assertEqual(len(host.deeds.syncs), 1)

    def test_sync_shows_later(self) -> None:
        host = Host(sync_delay=0.3)
        host.ask(":Sr20:00:00#:Sd+50*00:00#:CM#")
        host.wait(0.25)
        self.assertNotEqual(host.ask(":GR#"), "20:00:00#")
        self.assertEqual(host.variables("L7"), [1])
        host.wait(0.1)
        self.assertEqual(host.ask(":GR#"), "20:00:00#")
        self.assertEqual(host.variables("L7"), [0])

    def test_a_sync_is_void_when_the_mount_moves_by_then(self) -> None:
        host = Host(sync_delay=0.3)
        host.ask(":Sr20:00:00#:Sd+50*00:00#:CM#:Mn#")
        host.wait(0.4)
        self.assertNotEqual(host.ask(":GD#"), "+50*00:00#")

    def test_deeds(self) -> None:
        host = Host()
        host.wait(1)
        host.ask(":Mgs0350#:Me#:Qe#:Qn#:Q#")
        (pulse,), (move,) = host.deeds.pulses, host.deeds.moves
        self.assertEqual(
            (pulse.at, pulse.direction, pulse.milliseconds), (START + 1, "south", 350)
        )
        self.assertEqual((move.direction, move.rate_deg_s), ("east", 3.0))
        self.assertEqual(
            [stop.what for stop in host.deeds.stops],
            ["horizontal", "elevation", "all"],
        )
