from __future__ import annotations

import io
import json
import sys
from typing import Any

from rich.console import Console
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.watch import LOST, LineView, TableView, View, follow
from gatewaykit.errors import AccessDenied, ConnectionFailed, StoreUnavailable
from gatewaykit.interfaces import Record
from tests.cli.support import ENDPOINT, IMEI, OTHER, FakeGateway, device, gatewayctl

GONE = ConnectionFailed(ENDPOINT, "refused")


class Notes(View):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def update(self, records: list[Record]) -> None:
        self.seen.append([record["imei"] for record in records])

    def trouble(self, text: str) -> None:
        self.seen.append(text)


class FollowTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.gateway = FakeGateway()
        self.gateway.devices = [device()]
        self.notes = Notes()

    def follow(self, count: int | None = None) -> Deferred[None]:
        gateway = Gateway(ENDPOINT, self.clock, self.gateway.connect)
        return Deferred.fromCoroutine(follow(gateway, self.notes, 5, count))

    def test_asks_at_once_and_then_each_interval(self) -> None:
        done = self.follow()
        self.assertEqual(self.notes.seen, [[IMEI]])
        self.clock.advance(4.9)
        self.assertEqual(self.notes.seen, [[IMEI]])
        self.clock.advance(0.1)
        self.assertEqual(self.notes.seen, [[IMEI], [IMEI]])
        self.assertNoResult(done)

    def test_ends_after_count_updates_and_closes(self) -> None:
        done = self.follow(2)
        self.clock.advance(5)
        self.successResultOf(done)
        self.assertEqual((len(self.notes.seen), self.gateway.open), (2, 0))

    def test_cancelled_closes(self) -> None:
        done = self.follow()
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.gateway.open, 0)

    def test_never_connected_is_an_error(self) -> None:
        self.gateway.refusals = [GONE]
        self.failureResultOf(self.follow(), ConnectionFailed)

    def test_goes_on_when_the_gateway_is_back(self) -> None:
        self.gateway.failures = [None, GONE]
        self.gateway.refusals = [None, GONE]
        done = self.follow(2)
        self.clock.pump([5, 5, 5])
        self.assertEqual(self.notes.seen, [[IMEI], LOST, LOST, [IMEI]])
        self.successResultOf(done)

    def test_ends_while_there_is_no_connection(self) -> None:
        self.gateway.failures = [GONE]
        done = self.follow()
        done.cancel()
        self.failureResultOf(done, CancelledError)

    def test_goes_on_when_the_store_is_back(self) -> None:
        self.gateway.failures = [StoreUnavailable("disk\nfull")]
        done = self.follow(1)
        self.clock.advance(5)
        self.assertEqual(self.notes.seen, ["store unavailable: disk\\nfull", [IMEI]])
        self.successResultOf(done)

    def test_refused_is_an_error(self) -> None:
        self.gateway.failures = [AccessDenied("peer", "ListDevices", "viewer")]
        self.failureResultOf(self.follow(), AccessDenied)
        self.assertEqual(self.gateway.open, 0)


class WatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.gateway.devices = [device()]

    def test_lines_are_the_devices_that_changed(self) -> None:
        result = gatewayctl(self.gateway, "watch", "--count", "3")
        self.assertEqual(len(result.stdout.splitlines()), 1)
        self.assertTrue(result.stdout.startswith(f"{IMEI}\tvan\tonline\t"))

    def test_json(self) -> None:
        result = gatewayctl(self.gateway, "watch", "--json", "--count", "1")
        self.assertEqual(json.loads(result.stdout), self.gateway.devices[0])

    def test_trouble_is_told_once(self) -> None:
        self.gateway.failures = [None, GONE]
        self.gateway.refusals = [None, GONE]
        result = gatewayctl(self.gateway, "watch", "--count", "2")
        self.assertEqual(
            (result.exit_code, result.stderr), (0, f"gatewayctl: {LOST}\n")
        )

    def test_never_connected_ends_with_3(self) -> None:
        self.gateway.refusals = [GONE]
        self.assertEqual(gatewayctl(self.gateway, "watch").exit_code, 3)

    def test_interval_has_a_limit(self) -> None:
        self.assertEqual(
            gatewayctl(self.gateway, "watch", "--interval", "0").exit_code, 2
        )


class LineViewTests(SynchronousTestCase):
    def test_only_what_changed_is_printed(self) -> None:
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        view = LineView(as_json=False)
        view.update([device(), device(OTHER)])
        view.update([device(), device(OTHER, status="offline")])
        lines = [line.split("\t")[:3] for line in out.getvalue().splitlines()]
        self.assertEqual(
            lines,
            [
                [IMEI, "van", "online"],
                [OTHER, "van", "online"],
                [OTHER, "van", "offline"],
            ],
        )


class TableViewTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.out = io.StringIO()
        console = Console(
            file=self.out, force_terminal=True, width=130, height=5, color_system=None
        )
        self.view = TableView(console)

    def shown(self) -> str:
        """What was drawn since the last call."""
        text = self.out.getvalue()
        self.out.seek(0)
        self.out.truncate()
        return text

    def test_newest_are_shown_as_far_as_there_is_room(self) -> None:
        devices = [
            device(str(10**14 + n), last_seen=f"2026-01-31T12:00:0{n}.000Z")
            for n in range(4)
        ]
        with self.view.open():
            self.view.update(
                [*devices, device(OTHER, last_seen=None, status="unknown")]
            )
            text = self.shown()
        self.assertIn("4 online, 1 unknown", text)
        self.assertIn("100000000000003", text)
        self.assertIn("100000000000002", text)
        self.assertNotIn("100000000000001", text)

    def test_no_devices_is_said(self) -> None:
        with self.view.open():
            self.view.update([])
        self.assertIn("no devices yet", self.shown())

    def test_trouble_keeps_what_was_shown(self) -> None:
        with self.view.open():
            self.view.update([device()])
            self.shown()
            self.view.trouble(LOST)
            text = self.shown()
        self.assertIn(IMEI, text)
        self.assertIn(LOST, text)
