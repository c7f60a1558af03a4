from __future__ import annotations

from typing import Any, cast

from twisted.internet.address import IPv4Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.rpc.peers import Faults, close_each, host_of


class Guest:
    def __init__(self) -> None:
        self.lost: Deferred[None] = Deferred()
        self.asked = self.cut = 0

    def hang_up(self) -> None:
        self.asked += 1


def cut_off(guest: Guest) -> None:
    guest.cut += 1
    guest.lost.callback(None)


class CloseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()

    def test_nobody_is_there(self) -> None:
        done = close_each([], self.clock, cut_off, 2.0)
        self.assertIsNone(self.successResultOf(done))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_who_goes_in_time_is_not_cut_off(self) -> None:
        quick, slow = Guest(), Guest()
        done = close_each({quick, slow}, self.clock, cut_off, 2.0)
        quick.lost.callback(None)
        self.clock.advance(1.9)
        self.assertNoResult(done)
        self.clock.advance(0.1)
        self.successResultOf(done)
        self.assertEqual([(g.asked, g.cut) for g in (quick, slow)], [(1, 0), (1, 1)])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_timer_is_left(self) -> None:
        guest = Guest()
        done = close_each([guest], self.clock, cut_off, 2.0)
        guest.lost.callback(None)
        self.successResultOf(done)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class FaultTests(SynchronousTestCase):
    def test_one_line_for_each_kind_of_wrong(self) -> None:
        clock = Clock()
        told: list[Any] = []
        faults = Faults(Logger("doors", observer=cast(Any, told.append)), clock)
        for kind in ("flood", "flood", "flood", "silent"):
            faults.note(kind, f"dropped: {kind}", "192.0.2.1")
        clock.advance(10)
        faults.note("flood", "dropped: flood", "192.0.2.2")
        lines = [(event["text"] + event["more"], event["peer"]) for event in told]
        self.assertEqual(
            lines,
            [
                ("dropped: flood", "192.0.2.1"),
                ("dropped: silent", "192.0.2.1"),
                ("dropped: flood (2 more like it before)", "192.0.2.2"),
            ],
        )
        self.assertEqual({event["log_level"] for event in told}, {LogLevel.warn})
        self.assertEqual({event["log_namespace"] for event in told}, {"doors"})

    def test_names_of_peers(self) -> None:
        self.assertEqual(host_of(IPv4Address("TCP", "192.0.2.1", 1)), "192.0.2.1")
        self.assertEqual(host_of(UNIXAddress(None)), "unix")
