"""Who moves an axis, and until when."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import DeviceRefused, MisuseError, MotionStopped
from gatewaykit.tts160.axes import Axis
from gatewaykit.tts160.leases import OVER, RELEASED, Leases


class LeaseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.overs: list[tuple[str, str]] = []
        self.leases = Leases(self.clock, 3.0, self.over)

    def over(self, direction: str, why: str) -> None:
        self.overs.append((direction, why))
        self.leases.end(direction, why)

    def move(self, direction: str, holder: str = "a client") -> None:
        self.leases.began(self.leases.grant(direction, 1.0, holder))

    def test_directions_of_axes_that_move(self) -> None:
        self.move("west")
        self.move("north")
        self.assertEqual(self.leases.directions, ["north", "west"])
        self.assertEqual(set(self.leases.moving), set(Axis))
        self.assertTrue(self.leases.end("south", "a test"))
        self.assertEqual(self.leases.directions, ["west"])
        self.assertFalse(self.leases.end("south", "a test"))

    def test_axis_has_one_lease(self) -> None:
        self.leases.grant("north", 1.0, "one")
        for direction, holder in (("north", "two"), ("south", "one")):
            with self.assertRaisesRegex(DeviceRefused, "another client"):
                self.leases.grant(direction, 1.0, holder)
        self.leases.grant("east", 1.0, "two")

    def test_lease_that_is_not_renewed_is_over(self) -> None:
        self.move("north")
        self.clock.advance(2.9)
        self.assertEqual(self.overs, [])
        self.clock.advance(0.2)
        self.assertEqual(self.overs, [("north", OVER)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_renewed_lease_goes_on(self) -> None:
        self.move("north")
        for _ in range(5):
            self.clock.advance(2.0)
            self.assertEqual(self.leases.renew("north", "a client"), 3.0)
        self.assertEqual(self.overs, [])

    def test_only_who_has_it_renews_it(self) -> None:
        self.move("north")
        for direction, holder in (
            ("north", "another"),
            ("south", "a client"),
            ("east", "a client"),
        ):
            with self.assertRaises(MotionStopped):
                self.leases.renew(direction, holder)
        with self.assertRaises(MisuseError):
            self.leases.renew("up", "a client")

    def test_who_renews_too_late_hears_who_stopped_it(self) -> None:
        self.move("north")
        self.move("west")
        self.leases.end("north", "somebody")
        self.assertTrue(self.leases.end_all("another one"))
        self.assertFalse(self.leases.end_all("a third one"))
        for direction, by in (("north", "somebody"), ("west", "another one")):
            with self.assertRaises(MotionStopped) as caught:
                self.leases.renew(direction, "a client")
            self.assertEqual(caught.exception.by, by)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_lease_counts_from_the_beginning_of_the_move(self) -> None:
        lease = self.leases.grant("north", 1.0, "a client", 2.0)
        self.assertEqual(self.leases.directions, [])
        self.clock.advance(4.9)
        # It does not begin for being renewed.
        self.leases.renew("north", "a client")
        self.leases.began(lease)
        self.clock.advance(2.9)
        self.assertEqual(self.overs, [])
        self.clock.advance(0.2)
        self.assertEqual(self.overs, [("north", OVER)])

    def test_move_that_cannot_begin_in_time(self) -> None:
        self.leases.grant("north", 1.0, "a client", 2.0)
        self.clock.advance(2.9)
        self.leases.renew("north", "a client")
        self.clock.advance(2.2)
        self.assertEqual(self.overs, [("north", OVER)])

    def test_holder_that_goes(self) -> None:
        self.move("north", "one")
        self.leases.grant("west", 1.0, "one")
        self.leases.release("another")
        self.assertEqual(self.overs, [])
        self.leases.release("one")
        self.assertEqual(self.overs, [("north", RELEASED), ("west", RELEASED)])
        self.assertEqual(self.clock.getDelayedCalls(), [])
