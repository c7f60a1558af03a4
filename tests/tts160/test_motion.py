"""What moves the mount: checked, never repeated, ended by a stop."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase, SimulatedMount
from tests.tts160.scripted import ScriptedMount

STATE = b":*!G T4,"


class MotionTestCase(MountTestCase):
    def all_motion(self) -> list[Deferred[Any]]:
        """Everything that moves it, asked for at once."""
        mount = self.mount
        return [
            mount.slew(altitude_deg=60.0, azimuth_deg=170.0),
            mount.slew(right_ascension_h=13.0, declination_deg=10.0),
            mount.guide("north", 500),
            mount.move_axis("north", 1.0, "one"),
            mount.move_axis("west", None, "two"),
            mount.park(),
            mount.tracking(on=True),
            mount.command(":MS#", "auto", "three"),
            mount.command(":Mgw0500#", "auto", "three"),
            mount.command(":ZZ#", "blind", "three"),
        ]

    def nothing_moved(self, simulated: SimulatedMount) -> None:
        deeds = simulated.deeds
        self.assertEqual((deeds.slews, deeds.moves, deeds.pulses), ([], [], []))
        self.assertEqual(deeds.parks, [])
        self.assertEqual(simulated.count(b":T1#"), 0)
        self.assertEqual(simulated.count(b":ZZ#"), 0)


class StopTests(MotionTestCase):
    def test_what_waits_is_stopped(self) -> None:
        """Whatever it waits for: its turn, the state, an axis to stand."""
        for wait_s in (0.0, 0.003, 0.006, 0.01):
            simulated = self.simulate()
            calls = self.all_motion()
            self.clock.advance(wait_s)
            self.successResultOf(self.mount.stop("somebody"))
            for call in calls:
                error = self.failure(call, MotionStopped)
                self.assertEqual(error.by, "somebody")
            self.run_for(10.0)
            self.nothing_moved(simulated)
            self.assertEqual(self.mount.stops, 1)
            self.stop()

    def test_nothing_asked_before_moves_it_after(self) -> None:
        """A stop at any moment: what was sent by then is stopped by it, and nothing is
        sent after it."""
        for number in range(40):
            simulated = self.simulate(Dialect.V356, tracking=True)
            calls = self.all_motion()
            for _ in range(number):
                self.clock.advance(0.005)
            self.mount.stop("somebody")
            at = len(simulated.heard)
            for call in calls:
                self.assertTrue(call.called)
                call.addErrback(
                    lambda failure: failure.trap(MotionStopped, DeviceRefused)
                )
            self.run_for(10.0)
            after = simulated.heard[at:]
            moving = [c for c in after if c[:2] in {b":M", b":h", b":T", b":Z"}]
            self.assertEqual(moving, [], number)
            self.assertEqual(self.mount._motion.leases.directions, [])
            self.assertTrue(simulated.is_still)
            self.stop()

    def test_unit_goes_no_further(self) -> None:
        """Between its target and its start."""
        scripted = self.script()
        slew = self.mount.slew(right_ascension_h=5.0, declination_deg=10.0)
        while b":Sr05:00:00.0#" not in scripted.heard:
            self.clock.advance(0.005)
        self.mount.stop("somebody")
        self.failure(slew, MotionStopped)
        self.run_for(5.0)
        self.assertEqual(scripted.count(b":Sd"), 0)
        self.assertEqual(scripted.count(b":MS"), 0)

    def test_what_is_asked_for_after_it_is_done(self) -> None:
        """Also by whom the stop itself wakes."""
        simulated = self.simulate()
        slew = self.mount.slew(altitude_deg=60.0, azimuth_deg=170.0)
        self.clock.advance(0.003)
        again = slew.addErrback(lambda _: self.mount.guide("north", 500))
        self.mount.stop("somebody")
        self.after(again, 4.0)
        self.assertEqual(len(simulated.deeds.pulses), 1)
        self.assertEqual(simulated.deeds.slews, [])

    def test_stop_by_whom_the_end_of_a_turn_wakes(self) -> None:
        """One call ends, the next one is refused at once, and its client stops all: the
        first one has been done all the same."""
        simulated = self.simulate()
        first = self.mount.guide("north", 500)
        second = self.mount.move_axis("east", 1.0, "one")
        stops: list[Deferred[None]] = []
        first.addCallback(lambda _: stops.append(self.mount.stop("its client")))
        self.run_for(4.0)
        self.successResultOf(first)
        self.failure(second, MotionStopped)
        self.assertEqual(len(simulated.deeds.pulses), 1)
        self.assertEqual(simulated.deeds.moves, [])

    def test_reads_go_on(self) -> None:
        self.simulate()
        reads = [self.mount.variables(["RA"]), self.mount.status()]
        self.clock.advance(0.003)
        self.mount.stop("somebody")
        for read in reads:
            self.after(read)

    def test_stop_axis_ends_what_waits_for_that_axis(self) -> None:
        simulated = self.simulate()
        north = self.mount.move_axis("north", 1.0, "one")
        pulse = self.mount.guide("south", 500)
        west = self.mount.move_axis("west", 1.0, "two")
        self.clock.advance(0.003)
        self.successResultOf(self.mount.stop_axis("north"))
        for call in (north, pulse):
            self.assertEqual(self.failure(call, MotionStopped).by, "a client")
        self.after(west)
        self.assertEqual([move.direction for move in simulated.deeds.moves], ["west"])
        self.assertEqual(self.mount.stops, 0)
        self.failure(self.mount.stop_axis("up"), MisuseError)

    def test_stop_without_a_port_ends_what_waits(self) -> None:
        """The port is gone in that moment."""
        simulated = self.simulate()
        mount = self.mount
        self.mount.move_axis("north", 1.0, "one")
        self.run_for(1.0)
        mount.stop_axis("north")
        waiting = self.mount.move_axis("south", 1.0, "one")
        self.run_for(0.1)
        simulated.unplug()
        self.failure(self.mount.stop("somebody"), DeviceUnavailable)
        self.failure(waiting, MotionStopped)


class CheckTests(MotionTestCase):
    """What the state of the mount does not allow."""

    def test_parked(self) -> None:
        simulated = self.simulate(parked=True)
        calls = self.all_motion()
        calls.append(self.mount.sync(5.0, 10.0))
        self.run_for(5.0)
        for call in calls[:7] + calls[8:]:
            self.assertEqual(self.failure(call, DeviceRefused).reason, "it is parked")
        refused = {"kind": "goto", "code": 1, "text": "it is parked"}
        self.assertEqual(self.successResultOf(calls[7]), refused)
        self.nothing_moved(simulated)

    def test_slewing(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            self.after(self.mount.slew(altitude_deg=10.0, azimuth_deg=10.0), 1.0)
            calls = self.all_motion()
            calls.append(self.mount.sync(5.0, 10.0))
            self.run_for(20.0)
            self.successResultOf(calls.pop(6))
            for call in calls[:6] + calls[7:]:
                # To look twice takes so long that a lease is over before it begins.
                errors = (DeviceRefused, MisuseError, MotionStopped)
                error = self.failure(call, *errors)
                if isinstance(error, DeviceRefused):
                    self.assertIn("it is slewing", error.reason)
                else:
                    self.assertIs(dialect, Dialect.TEXT)
            refused = self.successResultOf(calls[6])
            self.assertIn("it is slewing", refused["text"])
            self.assertEqual(len(simulated.deeds.slews), 1)
            self.assertEqual(simulated.deeds.moves, [])

    def test_axis_that_moves(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        for call in (
            self.mount.slew(altitude_deg=60.0, azimuth_deg=170.0),
            self.mount.guide("west", 100),
            self.mount.park(),
            self.mount.sync(5.0, 10.0),
        ):
            self.run_for(0.5)
            error = self.failure(call, DeviceRefused)
            self.assertEqual(error.reason, "one of its axes moves; stop it first")
        self.assertEqual(len(simulated.deeds.moves), 1)

    def test_what_was_stopped_is_given_time(self) -> None:
        """INDI stops, waits 0.1 s and slews: the mount is still coming to rest."""
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            self.after(self.mount.slew(altitude_deg=10.0, azimuth_deg=10.0), 3.0)
            self.mount.stop("a client")
            slew = self.mount.slew(altitude_deg=60.0, azimuth_deg=150.0)
            self.run_for(0.5)
            self.assertFalse(simulated.is_still)
            self.assertNoResult(slew)
            self.after(slew, 5.0)
            self.assertEqual(len(simulated.deeds.slews), 2)

    def test_what_moves_on_after_a_stop_is_told(self) -> None:
        """By its hand pad, say."""
        scripted = self.script()
        scripted.answers[b":D#"] = b"|#"
        self.mount.stop("a client")
        pulse = self.mount.guide("north", 100)
        self.run_for(3.0)
        self.assertIn("slewing", self.failure(pulse, DeviceRefused).reason)

    def test_turns(self) -> None:
        """Of two who slew at the same time one does; neither target is lost in the other."""
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            lst_h = self.mount._observer.sidereal_time_h
            assert lst_h is not None
            first = self.mount.slew(right_ascension_h=lst_h, declination_deg=20.0)
            second = self.mount.slew(right_ascension_h=lst_h, declination_deg=60.0)
            self.run_for(2.0)
            self.successResultOf(first)
            self.failure(second, DeviceRefused)
            (slew,) = simulated.deeds.slews
            self.assertAlmostEqual(slew.declination_deg or 0.0, 20.0, 2)

    def test_state_that_cannot_be_read(self) -> None:
        scripted = self.script()
        scripted.answers[STATE] = None
        pulse = self.mount.guide("north", 100)
        self.run_for(10.0)
        self.failure(pulse, DeviceTimeout)
        self.assertEqual(scripted.count(b":Mg"), 0)


class SyncTests(MotionTestCase):
    def test_sync(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect, tracking=True)
            sync = self.mount.sync(13.5, 20.25)
            self.run_for(0.3)
            self.assertNoResult(sync)
            self.assertEqual(self.after(sync), "Coordinates matched.")
            status = self.after(self.mount.status())
            self.assertAlmostEqual(status["right_ascension_h"], 13.5, 3)
            self.assertAlmostEqual(status["declination_deg"], 20.25, 3)
            self.assertEqual(len(simulated.deeds.syncs), 1)

    def test_ranges(self) -> None:
        scripted = self.script()
        for hours, degrees in ((-0.1, 0.0), (24.1, 0.0), (0.0, 91.0)):
            self.failure(self.mount.sync(hours, degrees), MisuseError)
        self.run_for(1.0)
        self.assertEqual(scripted.count(b":S"), 0)

    def test_lost_answer_to_a_sync_that_was_done(self) -> None:
        scripted = self.script()

        def sync() -> None:
            scripted.values |= {"RA": 0.0, "DEC": 0.1745329}

        scripted.answers[b":CM#"] = sync
        self.assertEqual(self.after(self.mount.sync(0.0, 10.0), 5.0), "")
        self.assertEqual(scripted.count(b":CM#"), 1)

    def test_lost_answer_to_a_sync_that_was_not(self) -> None:
        scripted = self.script()
        scripted.answers[b":CM#"] = None
        sync = self.mount.sync(0.0, 10.0)
        self.run_for(5.0)
        self.failure(sync, DeviceTimeout)
        self.assertEqual(scripted.count(b":CM#"), 1)

    def test_lost_answer_to_a_sync_to_where_it_is(self) -> None:
        """Nobody can tell."""
        scripted = self.script()
        scripted.values |= {"RA": 0.0, "DEC": 0.1745329}
        scripted.answers[b":CM#"] = None
        sync = self.mount.sync(0.0, 10.0)
        self.run_for(5.0)
        self.failure(sync, DeviceTimeout)

    def test_position_that_is_not_known(self) -> None:
        scripted = self.script()
        scripted.values["RA"] = float("nan")
        scripted.answers[b":CM#"] = None
        sync = self.mount.sync(0.0, 10.0)
        self.run_for(5.0)
        self.failure(sync, DeviceTimeout)

    def test_lost_answer_and_a_lost_state(self) -> None:
        """The error is that of the sync."""
        scripted = self.script()

        def mute() -> None:
            scripted.is_on_screen = False

        scripted.answers[b":CM#"] = mute
        sync = self.mount.sync(0.0, 10.0)
        self.run_for(15.0)
        self.assertEqual(self.failure(sync, DeviceTimeout).request, ":CM#")

    def test_lost_answer_before_the_sync(self) -> None:
        scripted = self.script()
        scripted.answers[b":Sd"] = None
        sync = self.mount.sync(0.0, 10.0)
        self.run_for(5.0)
        self.assertIn(":Sd", self.failure(sync, DeviceTimeout).request)
        self.assertEqual(scripted.count(b":CM#"), 0)

    def test_state_that_is_lost_after_it(self) -> None:
        """It was done all the same."""
        scripted = self.script()

        def sync() -> bytes:
            scripted.answers[STATE] = None
            return b"Matched#"

        scripted.answers[b":CM#"] = sync
        self.assertEqual(self.after(self.mount.sync(0.0, 10.0), 10.0), "Matched")


class ParkTests(MotionTestCase):
    def test_park(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            self.assertIsNone(self.after(self.mount.park(), 0.5))
            self.assertTrue(self.after(self.mount.status(), 0.5)["slewing"])
            self.run_for(60.0)
            status = self.after(self.mount.status())
            self.assertFalse(status["slewing"])
            parked = None if dialect is Dialect.TEXT else True
            self.assertEqual(status["parked"], parked)
            self.assertTrue(simulated.state.motion.is_parked)

    def test_unpark(self) -> None:
        simulated = self.simulate(Dialect.V357, parked=True)
        self.assertTrue(self.after(self.mount.status())["parked"])
        self.assertIsNone(self.after(self.mount.unpark(), 0.2))
        self.assertFalse(self.successResultOf(self.mount.status())["parked"])
        self.assertFalse(simulated.state.motion.is_parked)

    def test_firmware_that_cannot_unpark(self) -> None:
        for dialect in (Dialect.TEXT, Dialect.V356, Dialect.V356B):
            self.simulate(dialect)
            error = self.failure(self.mount.unpark(), DeviceRefused)
            self.assertIn("switch the mount off", error.reason)

    def test_mount_that_refuses_to_unpark(self) -> None:
        scripted = self.script(Dialect.V357)
        scripted.values["PARK_FLAG"] = 1
        scripted.answers[b":*!S 0B;"] = bytes.fromhex("0104faffffff")
        unparking = self.mount.unpark()
        self.run_for(1.0)
        self.assertIn("failed", self.failure(unparking, DeviceRefused).reason)
        self.assertTrue(self.after(self.mount.status())["parked"])

    def test_lost_answer(self) -> None:
        for is_done in (True, False):
            scripted = self.script(Dialect.V357)
            scripted.values["PARK_FLAG"] = 1

            def unpark(
                scripted: ScriptedMount = scripted, done: bool = is_done
            ) -> None:
                scripted.values["PARK_FLAG"] = int(not done)

            scripted.answers[b":*!S 0B;"] = unpark
            unparking = self.mount.unpark()
            self.run_for(5.0)
            if is_done:
                self.successResultOf(unparking)
            else:
                self.failure(unparking, DeviceTimeout)
            self.assertEqual(scripted.count(b":*!S 0B;"), 1)


class TrackingTests(MotionTestCase):
    def test_on_and_off(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            self.mount.watch()
            for on in (True, False):
                self.assertIsNone(self.after(self.mount.tracking(on=on), 0.6))
                status = self.successResultOf(self.mount.status())
                self.assertIs(status["tracking"], on)
                self.assertIs(simulated.state.motion.is_tracking, on)

    def test_rate(self) -> None:
        simulated = self.simulate()
        self.mount.watch()
        self.run_for(0.6)
        for number, rate in enumerate(("sidereal", "lunar", "solar")):
            self.after(self.mount.tracking(rate=rate), 0.2)
            status = self.successResultOf(self.mount.status())
            self.assertEqual(status["tracking_rate"], rate)
            self.assertEqual(simulated.state.motion.drive, number)

    def test_both(self) -> None:
        scripted = self.script()
        self.after(self.mount.tracking(on=True, rate="lunar"))
        at = scripted.heard.index(b":TL#")
        self.assertEqual(scripted.heard[at + 1], b":T1#")

    def test_misuse(self) -> None:
        self.script()
        self.failure(self.mount.tracking(rate="martian"), MisuseError)
        self.failure(self.mount.tracking(), MisuseError)

    def test_while_it_slews(self) -> None:
        self.simulate()
        self.after(self.mount.slew(altitude_deg=10.0, azimuth_deg=10.0), 1.0)
        self.after(self.mount.tracking(rate="lunar"))


class GuideTests(MotionTestCase):
    def test_pulses(self) -> None:
        simulated = self.simulate()
        for direction in ("north", "south", "east", "west"):
            self.assertIsNone(self.after(self.mount.guide(direction, 350), 0.5))
        found = [(each.direction, each.milliseconds) for each in simulated.deeds.pulses]
        expected = [(each, 350) for each in ("north", "south", "east", "west")]
        self.assertEqual(found, expected)

    def test_misuse(self) -> None:
        scripted = self.script()
        for direction, duration_ms in (("up", 1), ("north", -1), ("north", 10_000)):
            self.failure(self.mount.guide(direction, duration_ms), MisuseError)
        self.run_for(1.0)
        self.assertEqual(scripted.count(b":Mg"), 0)


class LostReplyTests(MotionTestCase):
    """A tenth of all answers do not arrive."""

    def test_mount_does_what_was_asked_for_and_once(self) -> None:
        done = 0
        for dialect in Dialect:
            for seed in range(4):
                simulated = self.simulate(dialect, seed, tracking=True)
                simulated.faults.dropped = 0.1
                slews, pulses = self.work(simulated)
                deeds = simulated.deeds
                self.assertEqual(slews, len(deeds.slews), (dialect, seed))
                self.assertEqual(pulses, len(deeds.pulses), (dialect, seed))
                done += slews + pulses
                simulated.faults.dropped = 0.0
                self.stop()
        self.assertGreater(done, 100)

    def work(self, simulated: SimulatedMount) -> tuple[int, int]:
        """How many slews and pulses were said to have been done, or to have been perhaps."""
        slews = pulses = 0
        for number in range(6):
            slew = self.mount.slew(altitude_deg=40.0 + number, azimuth_deg=160.0)
            before = len(simulated.deeds.slews)
            self.run_for(15.0)
            if self.was_done(slew, len(simulated.deeds.slews) > before):
                slews += 1
            self.assertTrue(simulated.is_still)
            pulse = self.mount.guide("north", 100 + number)
            before = len(simulated.deeds.pulses)
            self.run_for(15.0)
            if self.was_done(pulse, len(simulated.deeds.pulses) > before):
                pulses += 1
        return slews, pulses

    def was_done(self, call: Deferred[Any], has_happened: bool) -> bool:
        results: list[Any] = []
        call.addBoth(results.append)
        self.assertEqual(len(results), 1)
        if results == [None]:
            self.assertTrue(has_happened)
            return True
        results[0].trap(DeviceTimeout, DeviceGarbled)
        self.assertFalse(has_happened, results[0])
        return False
