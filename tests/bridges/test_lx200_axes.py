from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.bridges.lx200_axes import (
    MOST_UNATTENDED_S,
    RENEWAL_S,
    SILENT_S,
    Holder,
)
from gatewaykit.errors import DeviceRefused, DeviceUnavailable, MotionStopped
from gatewaykit.tts160.axes import Axis
from tests.bridges.lx200_support import SlowMount


class HolderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.mount = SlowMount(self.clock.seconds)
        self.holder = Holder(self.mount, self.clock)

    def move(self, direction: str = "north") -> Deferred[None]:
        return Deferred.fromCoroutine(self.holder.move(direction, 3.0))

    def moving(self) -> list[str]:
        """Directions, by the mount."""
        found: list[str] = self.successResultOf(self.mount.status())["moving"]
        return found

    def held(self, seconds: float) -> None:
        """The button is held by a client that polls twice a second."""
        for _ in range(round(seconds * 2)):
            self.holder.heard()
            self.clock.advance(0.5)

    def silence(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)

    def test_moves_as_long_as_it_is_held(self) -> None:
        self.successResultOf(self.move())
        self.held(120)
        self.assertEqual(self.moving(), ["north"])
        self.assertEqual(self.mount.deeds, [("move_axis", "north", 3.0)])

    def test_silent_client_stops_it(self) -> None:
        self.move()
        self.held(10)
        self.silence(SILENT_S - 0.5)
        self.assertEqual(self.moving(), ["north"])
        self.silence(RENEWAL_S + 0.5)
        self.assertEqual(self.mount.deeds[1:], [("release", "north")])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_client_that_goes_stops_it(self) -> None:
        self.move()
        self.move("east")
        self.holder.release()
        self.assertEqual(
            sorted(self.mount.deeds[2:]), [("release", "east"), ("release", "north")]
        )
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_was_stopped_is_renewed_no_more(self) -> None:
        self.move()
        self.mount.stop_axis("north")
        self.holder.stopped(Axis.ELEVATION)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.held(10)
        self.assertEqual(self.moving(), [])

    def test_one_of_two_is_stopped(self) -> None:
        self.move()
        self.move("east")
        self.mount.stop_axis("east")
        self.holder.stopped(Axis.HORIZONTAL)
        self.held(10)
        self.assertEqual(self.moving(), ["north"])
        self.assertEqual(self.holder.directions, ["north"])
        self.holder.stopped()
        self.assertEqual(self.holder.directions, [])

    def test_what_others_stopped_does_not_begin_again(self) -> None:
        self.move()
        self.mount.stop("RPC")
        self.held(10)
        self.assertEqual(self.moving(), [])
        self.assertEqual(self.holder.directions, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_the_other_direction(self) -> None:
        self.move()
        self.successResultOf(self.move("south"))
        self.held(10)
        self.assertEqual(self.moving(), ["south"])

    def test_refused(self) -> None:
        self.mount.record["parked"] = True
        self.failureResultOf(self.move(), DeviceRefused)
        self.assertEqual(self.holder.directions, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusal_of_one_leaves_the_other(self) -> None:
        self.move()
        self.mount.hold("move_axis").errback(MotionStopped("a move", "a stop"))
        self.failureResultOf(self.move("east"), MotionStopped)
        self.held(10)
        self.assertEqual(self.moving(), ["north"])

    def test_failure_of_one_that_was_replaced(self) -> None:
        first = self.mount.hold("move_axis")
        moving = self.move()
        self.successResultOf(self.move())
        first.errback(DeviceUnavailable("the mount", "no port"))
        self.failureResultOf(moving, DeviceUnavailable)
        self.assertEqual(self.holder.directions, ["north"])

    def test_not_renewed_before_it_has_begun(self) -> None:
        self.move()
        gate = self.mount.hold("move_axis")
        self.move("east")
        self.held(2)
        self.assertEqual(self.holder.directions, ["east", "north"])
        gate.callback(None)
        self.held(10)
        self.assertEqual(self.moving(), ["east", "north"])

    def test_stopped_before_it_has_begun(self) -> None:
        gate = self.mount.hold("move_axis")
        moving = self.move()
        self.holder.stopped(Axis.ELEVATION)
        gate.callback(None)
        self.successResultOf(moving)
        self.assertEqual(self.moving(), [])
        self.assertEqual(self.mount.deeds[1:], [("stop_axis", "north")])

    def test_client_gone_before_it_has_begun(self) -> None:
        gate = self.mount.hold("move_axis")
        self.move()
        self.holder.release()
        gate.callback(None)
        self.assertEqual(self.moving(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_given_up_before_it_has_begun(self) -> None:
        self.mount.hold("move_axis")
        moving = self.move()
        moving.addErrback(lambda _: None)
        moving.cancel()
        self.assertEqual(self.holder.directions, [])

    def test_address_moves_for_a_minute(self) -> None:
        self.holder = Holder(self.mount, self.clock, is_shared=True)
        self.move()
        self.held(MOST_UNATTENDED_S)
        self.assertEqual(self.moving(), ["north"])
        self.held(5)
        self.assertEqual(self.moving(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_pressed_again_it_goes_on(self) -> None:
        self.holder = Holder(self.mount, self.clock, is_shared=True)
        for _ in range(3):
            self.move()
            self.held(MOST_UNATTENDED_S - 5)
        self.assertEqual(self.moving(), ["north"])

    def test_short_lease(self) -> None:
        self.patch(self.mount, "move_axis", lambda *_: _fired(0.3))
        self.patch(self.mount, "renew_axis", lambda *_: renewed.append(0))
        renewed: list[int] = []
        self.successResultOf(self.move())
        self.clock.pump([0.05] * 20)
        self.assertGreaterEqual(len(renewed), 9)


def _fired(value: float) -> Deferred[float]:
    fired: Deferred[float] = Deferred()
    fired.callback(value)
    return fired
