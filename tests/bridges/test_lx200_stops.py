from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_stops import TOGETHER_S, Stamp, Stops
from gatewaykit.errors import DeviceUnavailable, MotionStopped
from gatewaykit.testing import MemoryMount
from gatewaykit.tts160.axes import Axis


class StopsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.mount = MemoryMount(self.clock.seconds)
        self.stops = Stops(self.mount, self.clock)

    def assertStopped(self, stamp: Stamp, axis: Axis | None = None) -> None:
        with self.assertRaises(MotionStopped):
            self.stops.let_move(stamp, "a slew", axis)

    def test_the_first_goes_at_once(self) -> None:
        stopping = self.stops.stop("me")
        self.assertEqual(self.mount.deeds, [("stop", "me")])
        self.successResultOf(stopping)

    def test_those_that_follow_closely_are_one(self) -> None:
        stopping = [self.stops.stop(f"number {number}") for number in range(1000)]
        self.assertEqual(self.mount.deeds, [("stop", "number 0")])
        self.assertNoResult(stopping[1])
        self.clock.advance(TOGETHER_S)
        self.assertEqual(
            self.mount.deeds, [("stop", "number 0"), ("stop", "number 999")]
        )
        for each in stopping:
            self.successResultOf(each)
        self.clock.advance(TOGETHER_S)
        self.assertEqual(len(self.mount.deeds), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_later_ones_go_at_once_again(self) -> None:
        self.stops.stop("me")
        self.clock.advance(TOGETHER_S)
        self.stops.stop("me")
        self.assertEqual(len(self.mount.deeds), 2)

    def test_axes_have_stops_of_their_own(self) -> None:
        self.stops.stop_axis("north")
        self.stops.stop_axis("east")
        self.stops.stop_axis("south")
        self.assertEqual(
            self.mount.deeds, [("stop_axis", "north"), ("stop_axis", "east")]
        )
        self.clock.advance(TOGETHER_S)
        self.assertEqual(self.mount.deeds[2:], [("stop_axis", "south")])

    def test_failure_is_told_to_all(self) -> None:
        self.mount.gone = "no port"
        stopping = [self.stops.stop("me") for _ in range(3)]
        self.clock.advance(TOGETHER_S)
        for each in stopping:
            self.failureResultOf(each, DeviceUnavailable)

    def test_motion_goes_on_without_a_stop(self) -> None:
        self.stops.stop("me")
        stamp = self.stops.stamp()
        self.stops.let_move(stamp, "a slew")

    def test_what_waited_through_a_stop_does_not_move(self) -> None:
        stamp = self.stops.stamp()
        self.stops.stop("me")
        self.assertStopped(stamp)
        self.assertStopped(stamp, Axis.ELEVATION)

    def test_what_waited_through_a_stop_by_another_door_does_not_move(self) -> None:
        stamp = self.stops.stamp()
        self.mount.stop("RPC")
        self.assertStopped(stamp)

    def test_what_waited_through_a_stop_of_its_axis_does_not_move(self) -> None:
        stamp = self.stops.stamp()
        self.stops.stop_axis("north")
        self.assertStopped(stamp, Axis.ELEVATION)
        self.assertStopped(stamp)
        self.stops.let_move(stamp, "a move", Axis.HORIZONTAL)

    def test_stop_that_waits_goes_before_the_motion_behind_it(self) -> None:
        self.stops.stop("me")
        self.stops.stop("me")
        self.stops.stop_axis("east")
        self.stops.stop_axis("east")
        stamp = self.stops.stamp()
        self.stops.let_move(stamp, "a slew")
        self.assertEqual(len(self.mount.deeds), 4)
        self.stops.let_move(stamp, "a slew")
        self.clock.advance(1)
        self.assertEqual(len(self.mount.deeds), 4)

    def test_stop_of_a_mount_that_is_gone_counts(self) -> None:
        self.mount.gone = "no port"
        stamp = self.stops.stamp()
        self.failureResultOf(self.stops.stop("me"), DeviceUnavailable)
        self.assertStopped(stamp)

    def test_stop_that_takes_its_time(self) -> None:
        gate: Deferred[None] = Deferred()
        self.patch(self.mount, "stop", lambda _: gate)
        stopping = [self.stops.stop("me")]
        self.clock.advance(TOGETHER_S)
        stopping.append(self.stops.stop("me"))
        self.assertNoResult(stopping[0])
        gate.callback(None)
        for each in stopping:
            self.successResultOf(each)

    def test_end_writes_what_waits(self) -> None:
        self.stops.stop("me")
        self.stops.stop("me")
        self.stops.close()
        self.assertEqual(len(self.mount.deeds), 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
