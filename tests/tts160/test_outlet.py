"""What goes out, and when."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.tts160 import lx200, set_commands
from gatewaykit.tts160.outlet import Outlet
from tests.tts160.lines import GR, PULSE

STOP, STOP_NORTH = lx200.STOP, lx200.stop_axis("north")
BYTE_S = 0.001


class OutletTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.written: list[bytes] = []
        self.freed: list[float] = []
        self.outlet = Outlet(
            self.clock,
            BYTE_S,
            self.written.append,
            lambda: self.freed.append(round(self.clock.seconds(), 6)),
        )

    def tearDown(self) -> None:
        self.outlet.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def wait(self, seconds: float = 1.0) -> None:
        for _ in range(round(seconds * 1000)):
            self.clock.advance(0.001)

    def test_a_command_with_an_answer(self) -> None:
        self.assertEqual(self.outlet.send(GR), 4 * BYTE_S)
        self.assertTrue(self.outlet.is_free)
        self.wait()
        self.assertEqual((self.written, self.freed), ([b":GR#"], []))

    def test_a_command_without_one(self) -> None:
        self.outlet.send(PULSE)
        self.assertFalse(self.outlet.is_free)
        self.wait()
        self.assertTrue(self.outlet.is_free)
        self.assertEqual(self.freed, [0.019])

    def test_a_stop_that_was_heard(self) -> None:
        self.outlet.stop(STOP, is_free=True)
        self.assertFalse(self.outlet.has_more)
        self.assertFalse(self.outlet.repeat())
        self.assertEqual(self.written, [STOP.data])

    def test_stops_that_may_have_been_missed(self) -> None:
        for stop in (STOP, STOP_NORTH, STOP):
            self.outlet.stop(stop, is_free=False)
        self.outlet.repeat_in_vain()
        self.assertEqual(len(self.written), 4)
        self.assertTrue(self.outlet.has_more)
        self.assertTrue(self.outlet.repeat())
        self.assertTrue(self.outlet.repeat())
        self.assertFalse(self.outlet.repeat())
        self.assertFalse(self.outlet.has_more)
        self.assertEqual(self.written[4:], [STOP.data, STOP_NORTH.data])

    def test_a_flood_of_stops_leaves_room(self) -> None:
        for _ in range(50):
            self.outlet.stop(STOP, is_free=True)
            self.outlet.stop(STOP_NORTH, is_free=True)
            self.wait(0.002)
        self.assertGreater(len(self.freed), 3)
        self.assertLess(len(self.written), 20)

    def test_a_stop_behind_something_else_goes_out(self) -> None:
        for _ in range(2):
            self.outlet.stop(STOP, is_free=True)
            self.outlet.send(PULSE)
        self.outlet.stop(STOP, is_free=True)
        self.outlet.repeat_in_vain()
        self.wait()
        self.outlet.stop(STOP, is_free=True)
        stop, pulse = STOP.data, PULSE.data
        self.assertEqual(self.written, [stop, pulse, stop, pulse, stop, stop])

    def test_a_stop_begins_the_gap_anew(self) -> None:
        self.outlet.send(PULSE)
        self.wait(0.015)
        self.outlet.stop(STOP, is_free=False)
        self.wait()
        self.assertEqual(self.freed, [0.028])

    def test_only_stops_without_an_answer(self) -> None:
        halt = lx200.command(set_commands.set_command("HALT_ALL"))
        with self.assertRaises(AssertionError):
            self.outlet.stop(halt, is_free=True)

    def test_close(self) -> None:
        self.outlet.stop(STOP, is_free=False)
        self.outlet.close()
        self.outlet.close()
        self.wait()
        self.assertEqual(self.freed, [])
        self.assertFalse(self.outlet.has_more)
