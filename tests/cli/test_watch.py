from __future__ import annotations

import io
import json
import sys
from typing import Any

from rich.console import Console
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.watch import (
    LOST,
    LineView,
    ModemReading,
    TableView,
    View,
    follow,
)
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    ConnectionFailed,
    DeviceUnavailable,
    StoreUnavailable,
)
from gatewaykit.interfaces import Record
from gatewaykit.testing import (
    MemoryModem,
    MemoryMount,
    location_record,
    mount_record,
    network_record,
)
from tests.cli.support import ENDPOINT, IMEI, OTHER, FakeGateway, device, gatewayctl

GONE = ConnectionFailed(ENDPOINT, "refused")


class Notes(View):
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.readings: list[ModemReading] = []
        self.mounts: list[Record] = []

    def update(self, records: list[Record]) -> None:
        self.seen.append([record["imei"] for record in records])

    def trouble(self, text: str) -> None:
        self.seen.append(text)

    def update_modem(self, reading: ModemReading) -> None:
        self.readings.append(reading)

    def update_mount(self, record: Record) -> None:
        self.mounts.append(record)


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


class FollowModemTests(FollowTests):
    """The same beside a modem, and what is the modem's."""

    def setUp(self) -> None:
        super().setUp()
        self.modem = self.gateway.modem = MemoryModem()

    def test_modem_is_asked_with_the_devices(self) -> None:
        self.follow()
        self.clock.advance(5)
        reading = ModemReading(self.modem.network, self.modem.position)
        self.assertEqual(self.notes.readings, [reading, reading])

    def test_modem_that_fails_does_not_stop_the_watch(self) -> None:
        self.modem.gone = "unplugged\n"
        done = self.follow(2)
        self.modem.gone = None
        self.clock.advance(5)
        self.successResultOf(done)
        first, second = self.notes.readings
        self.assertEqual(
            first, ModemReading(trouble="the modem is not available: unplugged\\n")
        )
        self.assertEqual(second.network, self.modem.network)
        self.assertEqual(self.notes.seen, [[IMEI], [IMEI]])

    def test_modem_is_shown_while_the_store_fails(self) -> None:
        self.gateway.failures = [StoreUnavailable("disk full")]
        self.follow()
        self.assertEqual(self.notes.seen, ["store unavailable: disk full"])
        self.assertEqual(len(self.notes.readings), 1)

    def test_call_that_takes_too_long_is_trouble(self) -> None:
        self.gateway.failures = [None, CallTimeout("Info", 30.0)]
        self.follow()
        self.clock.advance(5)
        slow = "Info was not answered within 30 s"
        self.assertEqual(self.notes.seen, [[IMEI], slow, [IMEI]])
        self.assertEqual(len(self.notes.readings), 1)

    def test_network_is_shown_where_there_is_no_position(self) -> None:
        unknown = DeviceUnavailable("the modem", "no position yet")
        self.modem.location = lambda: fail(unknown)  # type: ignore[method-assign]
        self.follow()
        (reading,) = self.notes.readings
        self.assertEqual(reading.network, self.modem.network)
        self.assertEqual(reading.trouble, str(unknown))

    def test_connection_lost_at_the_modem_is_made_again(self) -> None:
        self.gateway.failures = [None, None, GONE]
        done = self.follow(2)
        self.assertEqual(self.notes.seen, [[IMEI], LOST])
        self.clock.advance(5)
        self.successResultOf(done)
        self.assertEqual(self.gateway.endpoints, [ENDPOINT, ENDPOINT])
        self.assertEqual(len(self.notes.readings), 1)

    def test_gateway_that_comes_back_with_a_modem(self) -> None:
        self.gateway.modem = None
        self.gateway.failures = [None, None, GONE]
        self.follow()
        self.gateway.modem = self.modem
        self.clock.pump([5, 5])
        self.assertEqual(len(self.notes.readings), 1)


class FollowMountTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.clock = self.gateway.clock
        self.mount = self.gateway.mount = MemoryMount(self.clock.seconds)
        self.notes = Notes()

    def follow(self) -> None:
        gateway = Gateway(ENDPOINT, self.clock, self.gateway.connect)
        done = Deferred.fromCoroutine(follow(gateway, self.notes, 5, None))
        self.addCleanup(self.failureResultOf, done, CancelledError)
        self.addCleanup(done.cancel)

    def test_mount_is_asked_with_the_devices(self) -> None:
        self.follow()
        self.mount.gone = "unplugged"
        self.clock.advance(5)
        self.assertEqual(
            [record["available"] for record in self.notes.mounts], [True, False]
        )
        self.assertEqual(self.notes.readings, [])

    def test_mount_that_takes_too_long_does_not_stop_the_watch(self) -> None:
        self.gateway.failures = [None, None, CallTimeout("MountStatus", 60.0)]
        self.follow()
        self.clock.advance(5)
        self.assertEqual(
            self.notes.seen, [[], "MountStatus was not answered within 60 s", []]
        )
        self.assertEqual(len(self.notes.mounts), 1)

    def test_beside_a_modem(self) -> None:
        self.gateway.modem = MemoryModem()
        self.follow()
        self.assertEqual((len(self.notes.readings), len(self.notes.mounts)), (1, 1))


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

    def test_modem_as_a_line_and_as_json(self) -> None:
        modem = self.gateway.modem = MemoryModem()
        lines = gatewayctl(self.gateway, "watch", "--count", "3").stdout.splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(lines[1].split("\t")[:3], ["modem", "LTE", "Example Mobile"])
        result = gatewayctl(self.gateway, "watch", "--count", "3", "--json")
        _, told = map(json.loads, result.stdout.splitlines())
        self.assertEqual(
            told,
            {
                "subsystem": "sim7600",
                "network": modem.network,
                "location": modem.position,
            },
        )

    def test_mount_as_a_line_and_as_json(self) -> None:
        self.gateway.mount = MemoryMount()
        lines = gatewayctl(self.gateway, "watch", "--count", "3").stdout.splitlines()
        self.assertEqual(
            lines[1:],
            ["mount\tready\t05:47:12\t-05:23:28\t37.3\t184.0\ttracking (sidereal)"],
        )
        result = gatewayctl(self.gateway, "watch", "--count", "3", "--json")
        _, told = map(json.loads, result.stdout.splitlines())
        self.assertEqual(told, {"subsystem": "tts160", "mount": mount_record()})

    def test_trouble_of_the_modem_is_told_once(self) -> None:
        modem = self.gateway.modem = MemoryModem()
        modem.gone = "unplugged"
        result = gatewayctl(self.gateway, "watch", "--count", "3")
        self.assertEqual(
            (result.exit_code, result.stderr),
            (0, "gatewayctl: the modem is not available: unplugged\n"),
        )
        self.assertEqual(len(result.stdout.splitlines()), 2)

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

    def modem_lines(self, *readings: ModemReading, as_json: bool = False) -> list[str]:
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        view = LineView(as_json=as_json)
        for reading in readings:
            view.update_modem(reading)
        return out.getvalue().splitlines()

    def test_fields_of_the_modem(self) -> None:
        reading = ModemReading(network_record(operator="a\tb\x1b"), location_record())
        self.assertEqual(
            self.modem_lines(reading),
            ["modem\tLTE\ta\\tb\\x1b\t-73 dBm\thome\tvalid\t47.250000,8.500000\t12"],
        )
        self.assertEqual(
            self.modem_lines(ModemReading()),
            ["modem\t-\t-\t-\t-\t-\t-\t-"],
        )

    def test_mount_is_shown_again_when_more_than_time_changed_it(self) -> None:
        now = mount_record()
        later = mount_record(
            at="2026-01-31T12:00:01.000Z",
            age_s=0.4,
            local_sidereal_time_h=6.0003,
            altitude_deg=37.2839,
            declination_deg=-5.39112,
        )
        slewing = mount_record(slewing=True)
        unknown: Record = dict.fromkeys(now)
        unknown |= {"state": "absent", "moving": [], "stale": True}
        for as_json in (False, True):
            out = io.StringIO()
            self.patch(sys, "stdout", out)
            view = LineView(as_json=as_json)
            for record in (now, later, slewing, slewing, unknown, now):
                view.update_mount(record)
            lines = out.getvalue().splitlines()
            self.assertEqual(len(lines), 4)
            self.assertIn("slewing", lines[1])
        self.assertNotIn("None", lines[2])

    def test_modem_is_shown_again_when_more_than_its_age_changed(self) -> None:
        last_fix = location_record()["last_fix"]
        older = ModemReading(
            network_record(age_s=3.0, updated_at="2026-01-31T12:00:01.000Z"),
            location_record(age_s=3.0, last_fix=last_fix | {"age_s": 3.0}),
        )
        now = ModemReading(network_record(), location_record())
        lost = ModemReading(
            network_record(stale=True),
            location_record(fix_status="stale", latitude=None, longitude=None),
        )
        for as_json in (False, True):
            lines = self.modem_lines(now, older, lost, lost, now, as_json=as_json)
            self.assertEqual(len(lines), 3)
            self.assertIn("stale", lines[1])


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

    def test_modem_stands_above_the_devices(self) -> None:
        with self.view.open():
            self.view.update([device(), device(OTHER)])
            self.shown()
            self.view.update_modem(
                ModemReading(
                    network_record(operator="[bold]Net\x1b"), location_record()
                )
            )
            text = self.shown()
        self.assertIn("modem  LTE, [bold]Net\\x1b, -73 dBm, home, 0.5 s old", text)
        self.assertIn("GNSS   3D, 0.8 s old, 47.250000, 8.500000, 12 (GPS 8,", text)
        self.assertIn(IMEI, text)
        self.assertNotIn(OTHER, text)  # five lines have no room for it now

    def test_mount_stands_below_the_modem(self) -> None:
        gone = mount_record(
            available=False, state="absent", reason="no port\x1b", stale=True
        )
        with self.view.open():
            self.view.update([device()])
            self.shown()
            self.view.update_modem(ModemReading(network_record(), location_record()))
            self.view.update_mount(mount_record())
            text = self.shown()
            self.view.update_mount(gone)
            later = self.shown()
        place = "05:47:12 -05:23:28, alt 37.3 az 184.0, tracking (sidereal)"
        self.assertIn(f"mount  {place}, 0.2 s old", text)
        self.assertGreater(text.rindex("mount  "), text.rindex("GNSS   "))
        self.assertIn(f"mount  absent: no port\\x1b, {place}, stale, 0.2 s old", later)

    def test_modem_without_answers_and_why(self) -> None:
        with self.view.open():
            self.view.update([device()])
            self.view.update_modem(ModemReading(trouble="unplugged"))
            text = self.shown()
        for line in ("modem  -", "GNSS   -", "unplugged"):
            self.assertIn(line, text)

    def test_trouble_keeps_what_was_shown(self) -> None:
        with self.view.open():
            self.view.update([device()])
            self.shown()
            self.view.trouble(LOST)
            text = self.shown()
            self.view.update_modem(ModemReading())
            self.assertIn(LOST, self.shown())
            self.view.update([device()])
            self.assertNotIn(LOST, self.shown())
        self.assertIn(IMEI, text)
        self.assertIn(LOST, text)
