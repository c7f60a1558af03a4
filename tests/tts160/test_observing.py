"""What is known of a mount, and when it was read."""

from __future__ import annotations

from typing import Any

from gatewaykit.errors import DeviceGarbled
from gatewaykit.interfaces import Record
from gatewaykit.tts160.seldom import LACKING_S, SELDOM_S
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase
from tests.tts160.scripted import ScriptedMount

UNKNOWN = (
    "right_ascension_h",
    "declination_deg",
    "altitude_deg",
    "azimuth_deg",
    "tracking",
    "slewing",
    "latitude_deg",
    "longitude_deg",
    "local_sidereal_time_h",
)


class ObservingTests(MountTestCase):
    def status(self) -> Record:
        return self.after(self.mount.status())

    def fresh(self) -> Record:
        """What was read after this moment."""
        self.status()
        return self.status()

    def test_nothing_is_known_beforehand(self) -> None:
        self.make()
        status = self.successResultOf(self.mount.status())
        self.assertEqual({status[name] for name in UNKNOWN}, {None})
        self.assertEqual(
            (status["available"], status["state"], status["stale"]),
            (False, "absent", True),
        )
        self.assertEqual((status["at"], status["age_s"]), (None, None))
        self.assertEqual(status["moving"], [])

    def check(self, status: Record, **expected: Any) -> None:
        for name, value in expected.items():
            if isinstance(value, float):
                self.assertAlmostEqual(status[name], value, 3, name)
            else:
                self.assertEqual(status[name], value, name)

    def test_mount_with_variables(self) -> None:
        for dialect in (Dialect.V356, Dialect.V356B, Dialect.V357):
            scripted = self.script(dialect)
            scripted.values |= {
                "TRACKING_RATE": 1,
                "TARGET_RA": 0.5,
                "TARGET_DEC": -0.25,
            }
            self.run_for(SELDOM_S)
            self.status()
            self.run_for(1.0)
            status = self.status()
            self.check(
                status,
                available=True,
                state="ready",
                reason=None,
                dialect=dialect.value,
                equinox="JNow",
                right_ascension_h=5.78666,
                declination_deg=-5.39113,
                altitude_deg=45.0,
                azimuth_deg=180.0,
                tracking=True,
                tracking_rate="lunar",
                slewing=False,
                parked=False,
                aligned_stars=3,
                target_right_ascension_h=1.90986,
                target_declination_deg=-14.32394,
                latitude_deg=40.25,
                longitude_deg=-100.50417,
                stale=False,
            )
            self.assertTrue(status["at"].startswith("2025-08-30T12:1"))

    def test_text_only(self) -> None:
        self.script(Dialect.TEXT)
        self.check(
            self.status(),
            dialect="text",
            firmware="354.1",
            equinox=None,
            right_ascension_h=5.78667,
            declination_deg=-5.39111,
            altitude_deg=45.0,
            azimuth_deg=180.0,
            tracking=True,
            tracking_rate=None,
            slewing=False,
            parked=None,
            aligned_stars=3,
            target_right_ascension_h=None,
            latitude_deg=40.25,
            longitude_deg=-100.5,
        )

    def test_text_with_extensions(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock, Dialect.TEXT)
        scripted.answers |= {
            b":GVN#": b"355.0#",
            b":*E#": b"0",
            b":*Pq#": b"1",
            b":*Gt#": b"-33*52:10#",
            b":*Gg#": b"-151*12:30#",
            b":*TRG#": b"2#",
            b":*Gr#": b"0.5#",
            b":*Gd#": b"-0.25#",
        }
        self.start(scripted)
        self.check(
            self.status(),
            equinox="J2000",
            parked=True,
            tracking_rate="solar",
            target_right_ascension_h=1.90986,
            target_declination_deg=-14.32394,
            latitude_deg=-33.86944,
            longitude_deg=151.20833,
        )
        scripted.answers[b":*TRG#"] = b"7#"
        self.run_for(SELDOM_S + 5.0)
        self.assertEqual(self.status()["tracking_rate"], "solar")

    def test_sidereal_time_goes_on(self) -> None:
        """`:GS#` is that of Greenwich."""
        self.script()
        first = self.status()["local_sidereal_time_h"]
        expected = (10.2125 - 100.50417 / 15) % 24
        self.assertAlmostEqual(first, expected, 2)
        self.run_for(5.0)
        second = self.status()["local_sidereal_time_h"]
        self.assertAlmostEqual((second - first) * 3600, 7.0, 0)

    def test_flags_of_motion(self) -> None:
        scripted = self.script()
        scripted.answers[b":D#"] = b"|#"
        self.assertTrue(self.fresh()["slewing"])
        scripted.answers[b":D#"] = b"  #"
        self.assertFalse(self.fresh()["slewing"])
        for name in ("SLEWING", "GOTO_ACTIVE"):
            scripted = self.script(Dialect.V357)
            scripted.values[name] = 1
            self.assertTrue(self.fresh()["slewing"])
            self.assertEqual(scripted.count(b":D#"), 0)

    def test_what_is_no_number_is_not_known(self) -> None:
        """The firmware's memory may hold anything where nothing was written to it."""
        scripted = self.script()
        for value in (float("nan"), float("inf"), float("-inf")):
            scripted.values |= dict.fromkeys(
                ("RA", "DEC", "CURRENT_ALT", "CURRENT_AZ", "TARGET_RA", "TARGET_DEC"),
                value,
            )
            scripted.values["TRACKING_RATE"] = 200
            self.run_for(SELDOM_S)
            self.check(
                self.status(),
                right_ascension_h=None,
                declination_deg=None,
                altitude_deg=None,
                azimuth_deg=None,
                tracking_rate=None,
                stale=False,
            )
            self.run_for(1.0)
            self.assertIsNone(self.status()["target_declination_deg"])

    def test_what_one_lacks_costs_nothing_else(self) -> None:
        self.make()
        scripted = ScriptedMount(self.clock)
        scripted.answers |= {
            b":*Gt#": b"+99*99:99#",
            b":GS#": None,
            b":GW#": b"PT3#",
        }
        scripted.values["TARGET_RA"] = 0.5
        self.mount.watch()
        self.start(scripted)
        self.run_for(10.0)
        status = self.status()
        self.check(
            status,
            latitude_deg=None,
            local_sidereal_time_h=None,
            target_right_ascension_h=1.90986,
            aligned_stars=3,
            stale=False,
        )
        # To ask in vain takes long, so it is not done all the time.
        count = scripted.count(b":GS#")
        self.run_for(100.0)
        self.assertEqual(scripted.count(b":GS#"), count)
        scripted.answers[b":GS#"] = b"10:12:45#"
        scripted.answers[b":*Gt#"] = b"+40*15:00#"
        self.run_for(LACKING_S)
        status = self.status()
        self.assertIsNotNone(status["local_sidereal_time_h"])
        self.assertEqual(status["latitude_deg"], 40.25)

    def test_seldom_is_seldom(self) -> None:
        scripted = self.script()
        self.mount.watch()
        self.run_for(40.0)
        self.assertIn(scripted.count(b":*Gt#"), {3, 4})
        self.assertGreater(scripted.count(b":*!G T4,"), 60)

    def test_garbled_answers_leave_what_was_known(self) -> None:
        for bad in (b"99:99:99#", b"x#", b"#"):
            scripted = self.script(Dialect.TEXT)
            before = self.status()
            scripted.answers[b":GR#"] = bad
            self.run_for(3.0)
            asking = self.mount.status()
            self.run_for(2.1)
            status = self.successResultOf(asking)
            self.check(status, right_ascension_h=before["right_ascension_h"])
            self.assertTrue(status["stale"])
            scripted.answers[b":GR#"] = b"05:47:12#"
            scripted.answers[b":GW#"] = b"P?3#"
            pulse = self.mount.guide("north", 100)
            self.run_for(20.0)
            self.failure(pulse, DeviceGarbled)

    def test_another_mount_has_nothing_of_the_first_one(self) -> None:
        scripted = self.script()
        self.assertIsNotNone(self.status()["altitude_deg"])
        scripted.unplug()
        self.assertIsNotNone(self.status()["altitude_deg"])
        other = ScriptedMount(self.clock, Dialect.TEXT)
        other.answers |= {b":Gt#": None, b":Gg#": None}
        self.plug_in(other)
        self.run_for(3.0)
        self.assertIsNone(self.mount._observer.known.latitude_deg)
        self.assertIsNone(self.mount._observer.known.parked)
        self.assertIsNone(self.mount._observer.sidereal_time_h)

    def test_values_stay_while_the_mount_is_gone(self) -> None:
        scripted = self.script()
        self.status()
        before = self.successResultOf(self.mount.status())
        scripted.unplug()
        self.run_for(5.0)
        status = self.successResultOf(self.mount.status())
        self.check(
            status,
            available=False,
            state="absent",
            stale=True,
            right_ascension_h=before["right_ascension_h"],
            at=before["at"],
            dialect="v356",
        )
        self.assertGreater(status["age_s"], 5.0)


class NoticingTests(MountTestCase):
    """A mount that cannot say whether it slews."""

    def setUp(self) -> None:
        super().setUp()
        self.make(status_interval=0.1)
        self.scripted = ScriptedMount(self.clock, Dialect.TEXT)
        self.scripted.answers[b":D#"] = None
        self.start(self.scripted)

    def point(self, hours: str, degrees: str, altitude: str, azimuth: str) -> None:
        self.scripted.answers |= {
            b":GR#": f"{hours}#".encode(),
            b":GD#": f"{degrees}#".encode(),
            b":GA#": f"{altitude}#".encode(),
            b":GZ#": f"{azimuth}#".encode(),
        }

    def slewing(self) -> bool | None:
        self.run_for(0.5)
        slewing: bool | None = self.successResultOf(self.mount.status())["slewing"]
        return slewing

    def test_moves_on_the_sky_and_over_the_horizon(self) -> None:
        self.mount.watch()
        self.run_for(1.0)
        self.assertFalse(self.slewing())
        self.point("05:47:12", "-05*23:28", "+44*50'00", "180*10'00")
        self.assertFalse(self.slewing(), "it tracks")
        self.point("05:49:12", "-05*23:28", "+44*50'00", "180*10'00")
        self.assertFalse(self.slewing(), "it stands")
        self.point("05:50:12", "-05*00:28", "+44*20'00", "181*10'00")
        seen = set()
        for _ in range(10):
            self.run_for(0.1)
            seen.add(self.mount._observer.known.slewing)
        self.assertEqual(seen, {False, True})
        self.run_for(1.0)
        self.assertFalse(self.slewing(), "it has arrived")

    def test_one_look_is_not_enough(self) -> None:
        """Nobody has looked for a while: it may have been anywhere meanwhile."""
        self.run_for(60.0)
        self.point("10:50:12", "+35*00:28", "+24*20'00", "91*10'00")
        self.clock.advance(0.05)
        pulse = self.mount.guide("north", 100)
        self.run_for(0.4)
        self.assertIsNone(self.mount._observer.known.slewing)
        self.assertNoResult(pulse)
        self.run_for(1.5)
        self.successResultOf(pulse)
        self.assertIs(self.mount._observer.known.slewing, False)
