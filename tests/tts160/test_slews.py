"""Slews: target and start as one, within the limits, begun once."""

from __future__ import annotations

import math
from typing import Any

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
)
from gatewaykit.tts160 import precession, sky
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase, SimulatedMount
from tests.tts160.scripted import ScriptedMount


class SlewTests(MountTestCase):
    def place(self, altitude_deg: float, azimuth_deg: float) -> tuple[float, float]:
        """Right ascension and declination, as the mount reckons."""
        observer = self.mount._observer
        lst_h, latitude_deg = observer.sidereal_time_h, observer.known.latitude_deg
        assert lst_h is not None
        assert latitude_deg is not None
        return sky.to_equatorial(altitude_deg, azimuth_deg, lst_h, latitude_deg)

    def slew(self, hours: float, degrees: float) -> Any:
        return self.mount.slew(right_ascension_h=hours, declination_deg=degrees)

    def arrived(self, simulated: SimulatedMount) -> tuple[float, float]:
        self.run_for(90.0, 0.5)
        self.assertTrue(simulated.is_still)
        where = simulated.state.shown()
        return where.ra_h, where.dec_deg

    def test_equatorial(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            hours, degrees = self.place(50.0, 120.0)
            self.assertIsNone(self.after(self.slew(hours, degrees), 1.0))
            status = self.after(self.mount.status(), 1.0)
            self.assertTrue(status["slewing"])
            self.assertAlmostEqual(status["target_right_ascension_h"], hours, 3)
            self.assertAlmostEqual(status["target_declination_deg"], degrees, 3)
            found = self.arrived(simulated)
            self.assertLess(sky.separation_deg(hours, degrees, *found), 0.01)
            status = self.after(self.mount.status())
            self.assertFalse(status["slewing"])
            self.assertTrue(status["tracking"])

    def test_horizontal(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            slew = self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0)
            self.assertIsNone(self.after(slew, 1.0))
            (deed,) = simulated.deeds.slews
            self.assertAlmostEqual(deed.altitude_deg, 50.0, 1)
            self.assertAlmostEqual(deed.azimuth_deg, 120.0, 1)
            # The newest one does not track there.
            self.assertEqual(deed.right_ascension_h is None, dialect is Dialect.V357)

    def test_mount_whose_coordinates_are_of_2000(self) -> None:
        """A quarter of a century of precession is a third of a degree."""
        self.make(min_altitude_deg=20.0)
        simulated = SimulatedMount(self.clock, dialect=Dialect.V356, j2000=True)
        self.start(simulated)
        self.assertEqual(self.after(self.mount.status())["equinox"], "J2000")
        self.after(self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0), 1.0)
        (deed,) = simulated.deeds.slews
        self.assertAlmostEqual(deed.altitude_deg, 50.0, 1)
        self.assertAlmostEqual(deed.azimuth_deg, 120.0, 1)
        self.arrived(simulated)
        for altitude_deg, is_allowed in ((19.9, False), (20.1, True)):
            of_date = self.place(altitude_deg, 90.0)
            slew = self.slew(*precession.to_j2000(*of_date, self.wall_ms() / 1000))
            self.run_for(1.0)
            if is_allowed:
                self.successResultOf(slew)
            else:
                self.failure(slew, DeviceRefused)

    def test_target_is_told_as_finely_as_may_be(self) -> None:
        for dialect, expected in (
            (Dialect.TEXT, [b":Sr05:47:12#", b":Sd-05*23:28#", b":MS#"]),
            (Dialect.V356, [b":Sr05:47:12.3#", b":Sd-05*23:28.4#", b":MS#"]),
        ):
            scripted = self.script(dialect)
            self.after(self.slew(5 + (47 * 60 + 12.34) / 3600, -5.391222), 1.0)
            at = scripted.heard.index(expected[0])
            self.assertEqual(scripted.heard[at : at + 3], expected)

    def test_ranges(self) -> None:
        scripted = self.script()
        for coordinates in (
            {"right_ascension_h": 24.1, "declination_deg": 0.0},
            {"right_ascension_h": 1.0, "declination_deg": -90.1},
            {"altitude_deg": 90.1, "azimuth_deg": 0.0},
            {"altitude_deg": 0.0, "azimuth_deg": 360.1},
            {"altitude_deg": float("nan"), "azimuth_deg": 0.0},
            {"right_ascension_h": 1.0},
            {"right_ascension_h": 1.0, "azimuth_deg": 1.0},
            {"right_ascension_h": 1.0, "declination_deg": 0.0, "azimuth_deg": 1.0},
            {},
        ):
            self.failure(self.mount.slew(**coordinates), MisuseError)
        self.run_for(1.0)
        self.assertEqual(scripted.count(b":S"), 0)

    def test_below_the_horizon(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            for slew in (
                self.slew(*self.place(-1.0, 120.0)),
                self.mount.slew(altitude_deg=-1.0, azimuth_deg=120.0),
            ):
                self.run_for(1.0)
                error = self.failure(slew, DeviceRefused)
                self.assertIn("below the horizon: altitude -1.", error.reason)
                self.assertIn("allowed 0 to 90 degrees", error.reason)
            self.assertEqual(simulated.count(b":S"), 0)
            self.assertEqual(simulated.count(b":MS"), 0)

    def test_limits(self) -> None:
        self.make(min_altitude_deg=20.0, max_altitude_deg=80.0)
        simulated = SimulatedMount(self.clock)
        self.start(simulated)
        for altitude_deg, is_allowed in ((19.9, False), (80.1, False), (20.1, True)):
            slew = self.slew(*self.place(altitude_deg, 120.0))
            self.run_for(1.0)
            if is_allowed:
                self.successResultOf(slew)
            else:
                error = self.failure(slew, DeviceRefused)
                self.assertIn("out of the limits", error.reason)
        self.assertEqual(len(simulated.deeds.slews), 1)

    def test_place_that_is_not_known(self) -> None:
        """The mount itself knows its horizon, and no other limits."""
        for limit, is_allowed in ((0.0, True), (10.0, False)):
            self.make(min_altitude_deg=limit)
            scripted = ScriptedMount(self.clock)
            scripted.answers |= {b":*Gt#": b"?#", b":*Gg#": b"?#"}
            self.start(scripted)
            self.run_for(10.0)
            slew = self.slew(5.0, 10.0)
            self.run_for(5.0)
            if is_allowed:
                self.successResultOf(slew)
            else:
                error = self.failure(slew, DeviceRefused)
                self.assertIn("nobody can tell", error.reason)
                self.assertEqual(scripted.count(b":MS"), 0)
            slew = self.mount.slew(altitude_deg=45.0, azimuth_deg=100.0)
            self.run_for(5.0)
            error = self.failure(slew, DeviceRefused)
            if not is_allowed:
                reason = "it has not told its place and time"
                self.assertEqual(error.reason, reason)

    def test_place_is_read_before_the_first_slew(self) -> None:
        """Also where it came just now: limits hold from the beginning."""
        self.make(min_altitude_deg=60.0)
        scripted = ScriptedMount(self.clock)
        scripted.answers[b":*Gt#"] = b"+90*00:00#"
        self.mount.start()
        self.plug_in(scripted)
        while self.mount.health()["state"] != "ready":
            self.clock.advance(0.005)
        slew = self.slew(5.0, 50.0)
        self.run_for(5.0)
        self.failure(slew, DeviceRefused)

    def test_refused_by_the_mount(self) -> None:
        scripted = self.script()
        for answer, reason in (
            (b"1Object below horizon#", "Object below horizon"),
            (b"2#", "code 2"),
            (b"2", "code 2"),
        ):
            scripted.answers[b":MS#"] = answer
            slew = self.slew(22.0, 50.0)
            self.run_for(2.0)
            self.assertEqual(self.failure(slew, DeviceRefused).reason, reason)
            self.assertFalse(self.after(self.mount.status())["slewing"])

    def test_target_that_is_refused(self) -> None:
        scripted = self.script()
        scripted.answers[b":Sd"] = b"0"
        slew = self.slew(22.0, 50.0)
        self.run_for(2.0)
        self.assertIn(":Sd", self.failure(slew, DeviceRefused).request)
        self.assertEqual(scripted.count(b":MS#"), 0)

    def test_refused_in_binary(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 04;"] = bytes.fromhex("0104faffffff")
        slew = self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0)
        self.run_for(2.0)
        self.assertIn("failed", self.failure(slew, DeviceRefused).reason)

    # Lost answers

    def test_lost_answer_to_a_slew_that_has_begun(self) -> None:
        scripted = self.script()

        def begin() -> None:
            scripted.answers[b":D#"] = b"|#"

        scripted.answers[b":MS#"] = begin
        self.assertIsNone(self.after(self.slew(22.0, 50.0), 6.0))
        self.assertEqual(scripted.count(b":MS#"), 1)

    def test_lost_answer_to_a_slew_that_has_not(self) -> None:
        scripted = self.script()
        scripted.answers[b":MS#"] = None
        slew = self.slew(22.0, 50.0)
        self.run_for(6.0)
        self.assertEqual(self.failure(slew, DeviceTimeout).request, ":MS#")
        self.assertEqual(scripted.count(b":MS#"), 1)

    def test_lost_answer_to_a_slew_that_is_over(self) -> None:
        """It was short."""
        scripted = self.script()

        def arrive() -> None:
            scripted.values |= {"RA": 22.0 * 3.1415927 / 12, "DEC": 0.8726646}

        scripted.answers[b":MS#"] = arrive
        self.assertIsNone(self.after(self.slew(22.0, 50.0), 6.0))

    def test_lost_answer_to_a_slew_to_where_it_is(self) -> None:
        """Nobody can tell."""
        scripted = self.script()
        scripted.values |= {"RA": 22.0 * 3.1415927 / 12, "DEC": 0.8726646}
        scripted.answers[b":MS#"] = None
        slew = self.slew(22.0, 50.0)
        self.run_for(6.0)
        self.failure(slew, DeviceTimeout)

    def test_lost_answer_to_a_slew_over_the_horizon(self) -> None:
        for is_there in (True, False):
            scripted = self.script(Dialect.V357)

            def slew(
                scripted: ScriptedMount = scripted, there: bool = is_there
            ) -> None:
                if there:
                    scripted.values |= {
                        "CURRENT_ALT": math.radians(50.0),
                        "CURRENT_AZ": math.radians(120.0),
                    }

            scripted.answers[b":*!S 04;"] = slew
            call = self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0)
            self.run_for(6.0)
            if is_there:
                self.successResultOf(call)
            else:
                self.failure(call, DeviceTimeout)
            self.assertEqual(scripted.count(b":*!S 04;"), 1)

    def test_lost_answer_and_a_place_that_is_not_known(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.values["CURRENT_AZ"] = float("nan")
        scripted.answers[b":*!S 04;"] = None
        slew = self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0)
        self.run_for(6.0)
        self.failure(slew, DeviceTimeout)

    def test_lost_line(self) -> None:
        scripted = self.script()
        slew = self.slew(22.0, 50.0)
        self.run_for(0.1)
        scripted.unplug()
        self.failure(slew, DeviceUnavailable)
