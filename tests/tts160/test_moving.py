"""Axes that are moved by hand: begun when they may, and ended whatever happens."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.tts160.checks import STANDS_S
from gatewaykit.tts160.leases import LINE_LOST, OVER, RELEASED
from gatewaykit.tts160.variables import Dialect
from tests.tts160.cases import MountTestCase, SimulatedMount

LEASE_S = 3.0


class MovingTestCase(MountTestCase):
    def directions(self, simulated: SimulatedMount) -> list[str]:
        return [move.direction for move in simulated.deeds.moves]

    def stops(self, simulated: SimulatedMount) -> list[str]:
        return [stop.what for stop in simulated.deeds.stops]

    def moving(self) -> list[str]:
        moving: list[str] = self.mount.health()["moving"]
        return moving


class MoveTests(MovingTestCase):
    def test_moves_and_stops_at_the_end_of_its_lease(self) -> None:
        for dialect in Dialect:
            simulated = self.simulate(dialect)
            move = self.mount.move_axis("north", 1.4, "one")
            self.assertEqual(self.after(move, 0.5), LEASE_S)
            self.assertEqual(self.moving(), ["north"])
            self.assertFalse(simulated.is_still)
            status = self.after(self.mount.status(), 0.6)
            self.assertEqual(status["moving"], ["north"])
            self.assertFalse(status["slewing"])
            self.run_for(LEASE_S)
            self.assertEqual(self.moving(), [])
            self.assertEqual(set(self.stops(simulated)), {"elevation"})
            self.run_for(STANDS_S)
            self.assertTrue(simulated.is_still)
            with self.assertRaises(MotionStopped) as caught:
                self.mount.renew_axis("north", "one")
            self.assertEqual(caught.exception.by, OVER)
            self.stop()

    def test_rates(self) -> None:
        simulated = self.simulate(Dialect.V356)
        for rate_deg_s in (0.01, 1.0, 3.5):
            self.after(self.mount.move_axis("west", rate_deg_s, "one"), 6.0)
            found = simulated.deeds.moves[-1].rate_deg_s
            self.assertAlmostEqual(found, rate_deg_s, 4)
        self.failure(self.mount.move_axis("west", 3.6, "one"), MisuseError)
        self.failure(self.mount.move_axis("west", -1.0, "one"), MisuseError)
        self.failure(self.mount.move_axis("up", 1.0, "one"), MisuseError)
        self.failure(self.mount.move_axis("up", None, "one"), MisuseError)

    def test_rates_of_old_firmware(self) -> None:
        simulated = self.simulate(Dialect.TEXT)
        self.after(self.mount.move_axis("west", 2.2, "one"), 6.0)
        self.assertEqual(simulated.deeds.moves[-1].rate_deg_s, 2.2)
        self.failure(self.mount.move_axis("west", 1.0, "one"), MisuseError)
        self.after(self.mount.move_axis("west", None, "one"), 2.5)
        self.assertEqual(simulated.deeds.moves[-1].rate_deg_s, 2.2)

    def test_renewed_it_goes_on(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 1.0)
        for number in range(6):
            self.run_for(2.0)
            if number % 2:
                self.assertEqual(self.mount.renew_axis("north", "one"), LEASE_S)
            else:
                # The same again renews it, too.
                again = self.mount.move_axis("north", 0.5, "one")
                self.assertEqual(self.successResultOf(again), LEASE_S)
        self.assertEqual(self.directions(simulated), ["north"])
        self.assertEqual(self.stops(simulated), [])

    def test_another_client_is_refused(self) -> None:
        simulated = self.simulate()
        first = self.mount.move_axis("north", 0.5, "one")
        for direction in ("north", "south"):
            second = self.mount.move_axis(direction, 0.5, "two")
            error = self.failure(second, DeviceRefused)
            self.assertEqual(error.reason, "another client moves that axis")
        other = self.mount.move_axis("east", 0.5, "two")
        self.after(first, 1.0)
        self.successResultOf(other)
        self.assertEqual(self.directions(simulated), ["north", "east"])
        self.assertEqual(self.moving(), ["east", "north"])
        with self.assertRaises(MotionStopped):
            self.mount.renew_axis("north", "two")

    def test_another_rate_or_sense_stops_first(self) -> None:
        for direction, rate_deg_s in (("south", 0.5), ("north", 0.7)):
            simulated = self.simulate()
            self.after(self.mount.move_axis("north", 0.5, "one"), 1.0)
            change = self.mount.move_axis(direction, rate_deg_s, "one")
            self.assertEqual(self.moving(), [])
            self.run_for(STANDS_S - 0.1)
            self.assertEqual(len(simulated.deeds.moves), 1)
            self.after(change, 0.5)
            self.assertEqual(self.directions(simulated), ["north", direction])
            self.assertEqual(self.stops(simulated), ["elevation"])
            # Its lease counts from now.
            self.run_for(LEASE_S - 0.6)
            self.assertEqual(self.moving(), [direction])
            self.run_for(0.6)
            self.assertEqual(self.moving(), [])

    def test_axis_that_was_stopped_stands_first(self) -> None:
        """Whoever moves it next."""
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 3.5, "one"), 1.0)
        self.successResultOf(self.mount.stop_axis("north"))
        move = self.mount.move_axis("south", 1.0, "two")
        self.run_for(STANDS_S - 0.2)
        self.assertNoResult(move)
        self.after(move, 1.0)
        self.assertEqual(self.directions(simulated), ["north", "south"])

    def test_rate_of_zero_stops(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 1.0)
        stopped = self.mount.move_axis("south", 0, "one")
        self.assertEqual(self.successResultOf(stopped), LEASE_S)
        self.assertEqual(self.moving(), [])
        self.assertEqual(self.stops(simulated), ["elevation"])
        self.failure(self.mount.move_axis("up", 0, "one"), MisuseError)

    def test_both_axes_begin_at_once_only_where_it_stands(self) -> None:
        """One that begins is no excuse for the other."""
        simulated = self.simulate()
        self.after(self.mount.slew(altitude_deg=10.0, azimuth_deg=10.0), 1.0)
        moves = [
            self.mount.move_axis("north", 0.5, "one"),
            self.mount.move_axis("west", 0.5, "one"),
        ]
        self.run_for(1.0)
        for move in moves:
            self.assertIn("slewing", self.failure(move, DeviceRefused).reason)
        self.assertEqual(simulated.deeds.moves, [])

    def test_refused_move_has_no_lease(self) -> None:
        simulated = self.simulate(parked=True)
        move = self.mount.move_axis("north", 0.5, "one")
        self.run_for(1.0)
        self.failure(move, DeviceRefused)
        self.assertIsNone(self.mount._motion.leases.of("north"))
        self.assertEqual(self.stops(simulated), [])
        self.stop()


class EndTests(MovingTestCase):
    """Whoever asked for a move goes, in every stage of it."""

    def test_release_while_it_moves(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        self.after(self.mount.move_axis("west", 0.5, "two"), 0.5)
        self.mount.release("one")
        self.assertEqual(self.moving(), ["west"])
        self.assertEqual(self.stops(simulated), ["elevation"])
        with self.assertRaises(MotionStopped) as caught:
            self.mount.renew_axis("north", "one")
        self.assertEqual(caught.exception.by, RELEASED)

    def test_release_before_it_has_begun(self) -> None:
        for number in range(8):
            simulated = self.simulate(Dialect.V356)
            move = self.mount.move_axis("north", 0.5, "one")
            for _ in range(number):
                self.clock.advance(0.004)
            sent = len(simulated.deeds.moves)
            self.mount.release("one")
            if not move.called or not sent:
                self.assertEqual(self.failure(move, MotionStopped).by, RELEASED)
            else:
                move.addErrback(lambda failure: failure.trap(MotionStopped))
            self.run_for(2.0)
            self.assertEqual(len(simulated.deeds.moves), sent)
            self.assertTrue(simulated.is_still)
            self.stop()

    def test_release_while_the_axis_comes_to_rest(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        change = self.mount.move_axis("south", 0.5, "one")
        self.run_for(1.0)
        self.mount.release("one")
        self.assertEqual(self.failure(change, MotionStopped).by, RELEASED)
        self.run_for(3.0)
        self.assertEqual(self.directions(simulated), ["north"])
        self.stop()

    def test_stop_while_the_axis_comes_to_rest(self) -> None:
        for stop in (
            lambda: self.mount.stop("somebody"),
            lambda: self.mount.stop_axis("east"),
        ):
            simulated = self.simulate()
            self.after(self.mount.move_axis("west", 0.5, "one"), 0.5)
            change = self.mount.move_axis("east", 0.5, "one")
            self.run_for(1.0)
            self.successResultOf(stop())
            self.failure(change, MotionStopped)
            self.run_for(3.0)
            self.assertEqual(self.directions(simulated), ["west"])

    def test_change_of_mind_while_it_begins(self) -> None:
        simulated = self.simulate()
        north = self.mount.move_axis("north", 0.5, "one")
        south = self.mount.move_axis("south", 0.5, "one")
        self.failure(north, MotionStopped)
        self.after(south, 1.0)
        self.assertEqual(self.directions(simulated), ["south"])

    def test_move_that_cannot_begin_in_time(self) -> None:
        """Its client may be gone by then."""
        scripted = self.script()
        scripted.answers[b":D#"] = None
        move = self.mount.move_axis("north", 0.5, "one")
        self.run_for(LEASE_S + 0.1)
        self.assertEqual(self.failure(move, MotionStopped).by, OVER)
        scripted.answers[b":D#"] = b"#"
        self.run_for(10.0)
        self.assertEqual(scripted.count(b":*M"), 0)

    def test_call_that_is_given_up(self) -> None:
        """Before it was sent nothing happens; behind that the axis is stopped."""
        scripted = self.script()
        move = self.mount.move_axis("north", 0.5, "one")
        self.clock.advance(0.001)
        move.cancel()
        self.failure(move, CancelledError)
        self.run_for(1.0)
        self.assertEqual(scripted.count(b":*M"), 0)
        self.assertEqual(scripted.count(b":Qn"), 0)
        move = self.mount.move_axis("north", 0.5, "one")
        while not scripted.count(b":*M"):
            self.clock.advance(0.004)
        self.assertNoResult(move)
        move.cancel()
        self.failure(move, CancelledError)
        self.assertEqual(self.moving(), [])
        self.run_for(1.0)
        self.assertGreater(scripted.count(b":Qn"), 0)
        self.assertIsNone(self.mount._motion.leases.of("north"))

    def test_state_that_is_lost(self) -> None:
        scripted = self.script()
        scripted.answers[b":*!G T4,"] = b"BINARY:\n"
        move = self.mount.move_axis("north", 0.5, "one")
        self.run_for(2.0)
        self.run_for(10.0)
        move.addErrback(lambda _: None)
        self.assertIsNone(self.mount._motion.leases.of("north"))
        self.assertEqual(scripted.count(b":*M"), 0)


class LineTests(MovingTestCase):
    """The port, while an axis moves."""

    def test_stop_is_the_first_thing_when_it_is_back(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        simulated.unplug()
        self.assertEqual(self.moving(), [])
        with self.assertRaises(MotionStopped) as caught:
            self.mount.renew_axis("north", "one")
        self.assertEqual(caught.exception.by, LINE_LOST)
        self.run_for(20.0)
        self.assertFalse(simulated.is_still)
        at = len(simulated.heard)
        self.plug_in(simulated)
        self.assertEqual(simulated.heard[at:], [b":Q#"])
        self.run_for(STANDS_S + 0.1)
        self.assertTrue(simulated.is_still)
        self.run_for(2.0)
        count = simulated.count(b":Q#")
        self.run_for(10.0)
        self.assertEqual(simulated.count(b":Q#"), count)
        self.stop()

    def test_port_that_is_lost_while_it_begins(self) -> None:
        for number in range(6):
            simulated = self.simulate(Dialect.V356)
            move = self.mount.move_axis("north", 0.5, "one")
            for _ in range(number):
                self.clock.advance(0.004)
            simulated.unplug()
            self.run_for(1.0)
            self.failure(move, DeviceUnavailable, MotionStopped)
            at = len(simulated.heard)
            self.plug_in(simulated)
            self.assertEqual(simulated.heard[at:], [b":Q#"])
            self.run_for(5.0)
            self.assertTrue(simulated.is_still)
            self.stop()

    def test_port_that_is_gone_and_back_while_the_axis_comes_to_rest(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        change = self.mount.move_axis("south", 0.5, "one")
        simulated.unplug()
        self.plug_in(simulated)
        self.run_for(5.0)
        self.failure(change, MotionStopped, DeviceUnavailable)
        self.assertEqual(self.directions(simulated), ["north"])

    def test_no_stop_where_nothing_moved(self) -> None:
        simulated = self.simulate()
        simulated.unplug()
        self.plug_in(simulated)
        self.run_for(3.0)
        self.assertEqual(simulated.count(b":Q"), 0)

    def test_lease_that_is_over_while_the_mount_is_mute(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        simulated.faults.off_screen = True
        self.run_for(20.0)
        self.assertFalse(simulated.is_still)
        self.assertEqual(self.moving(), [])
        simulated.faults.off_screen = False
        self.run_for(15.0)
        self.assertTrue(simulated.is_still)
        self.stop()

    def test_gateway_that_stops(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        pending: list[Deferred[Any]] = [
            self.mount.move_axis("west", 0.5, "one"),
            self.mount.guide("east", 100),
            self.mount.variables(["RA"]),
            self.mount.clear_buffers(),
        ]
        stopping = self.mount.stop_service()
        self.assertEqual(self.stops(simulated), ["all"])
        for call in [*pending, self.mount.park(), self.mount.variables(["RA"])]:
            error = self.failure(call, DeviceUnavailable)
            self.assertEqual(error.reason, "the gateway stops")
        status = self.successResultOf(self.mount.status())
        self.assertEqual(status["reason"], "the gateway stops")
        self.assertNoResult(stopping)
        self.run_for(1.0)
        # Once more: what was on the line may have drowned the first one.
        self.assertEqual(self.stops(simulated), ["all", "all"])
        self.successResultOf(stopping)
        self.assertEqual(self.directions(simulated), ["north"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertIsNone(simulated.protocol)

    def test_gateway_that_stops_while_the_port_goes(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.move_axis("north", 0.5, "one"), 0.5)
        stopping = self.mount.stop_service()
        simulated.unplug()
        self.run_for(1.0)
        self.successResultOf(stopping)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_slew_goes_on_when_the_gateway_stops(self) -> None:
        simulated = self.simulate()
        self.after(self.mount.slew(altitude_deg=50.0, azimuth_deg=120.0), 1.0)
        self.stop()
        self.assertEqual(simulated.deeds.stops, [])


class LostReplyTests(MovingTestCase):
    def test_failure_of_a_move_stops_it(self) -> None:
        """A move that is answered, and whose answer is lost."""
        scripted = self.script(Dialect.V357)
        scripted.answers[b":*!S 03;"] = None
        text = b":*!S 03;\x00\x00\x00\x80\x3f#".decode("latin-1")
        move = self.mount.command(text, "auto", "one")
        self.run_for(5.0)
        self.failure(move, DeviceTimeout)
        self.assertEqual(scripted.count(b":*!S 03;"), 1)
        self.assertGreater(scripted.count(b":Qn#"), 0)
        self.assertEqual(self.moving(), [])
        self.stop()
