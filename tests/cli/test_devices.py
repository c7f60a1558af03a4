from __future__ import annotations

import io
import json
import sys

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli.devices import print_page
from gatewaykit.interfaces import Page
from tests.cli.support import IMEI, OTHER, FakeGateway, device, gatewayctl


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class DevicesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        # One more than a page of the fake holds.
        self.gateway.devices = [device(str(int(IMEI) + n)) for n in range(3)]

    def test_every_page_is_listed_below_one_header(self) -> None:
        lines = gatewayctl(self.gateway, "devices").stdout.splitlines()
        self.assertEqual(
            lines[0], "IMEI\tNAME\tSTATUS\tSEEN\tPOSITION\tKM/H\tIGN\tBLK\tPOLICY"
        )
        self.assertEqual(
            [line.split("\t")[0] for line in lines[1:]],
            [record["imei"] for record in self.gateway.devices],
        )

    def test_json_has_one_record_a_line(self) -> None:
        lines = gatewayctl(self.gateway, "devices", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line) for line in lines], self.gateway.devices)

    def test_no_devices_leaves_the_header(self) -> None:
        self.gateway.devices = []
        self.assertEqual(gatewayctl(self.gateway, "devices").stdout.count("\n"), 1)

    def test_name_with_tabs_and_controls_stays_in_its_field(self) -> None:
        self.gateway.devices = [device(name="a\tb\n\x1b[2J\x9b")]
        row = gatewayctl(self.gateway, "devices").stdout.splitlines()[1]
        self.assertEqual(row.split("\t")[1], "a\\tb\\n\\x1b[2J\\x9b")

    def test_terminal_gets_a_table(self) -> None:
        terminal = Terminal()
        self.patch(sys, "stdout", terminal)
        page = Page([device()], None)
        print_page(page, as_json=False, first=True)
        print_page(page, as_json=False, first=False)
        lines = terminal.getvalue().splitlines()
        self.assertEqual(len([line for line in lines if "IMEI" in line]), 1)
        self.assertNotIn("\t", terminal.getvalue())

    def test_of_one_policy_only(self) -> None:
        self.gateway.devices[0]["policy"] = "quarantined"
        self.gateway.devices[2]["policy"] = "refused"
        for options, index in (
            (("--quarantined",), 0),
            (("--policy", "quarantined"), 0),
            (("--policy", "refused"), 2),
        ):
            result = gatewayctl(self.gateway, "devices", "--json", *options)
            self.assertEqual(json.loads(result.stdout), self.gateway.devices[index])

    def test_unknown_policy_ends_with_2(self) -> None:
        result = gatewayctl(self.gateway, "devices", "--policy", "x")
        self.assertEqual(result.exit_code, 2)

    def test_connection_is_closed(self) -> None:
        gatewayctl(self.gateway, "devices")
        self.assertEqual(self.gateway.open, 0)


class DeviceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.gateway.devices = [device(name="a\nb")]

    def test_one_value_a_line(self) -> None:
        lines = gatewayctl(self.gateway, "device", IMEI).stdout.splitlines()
        self.assertEqual(lines[:3], [f"imei: {IMEI}", "name: a\\nb", "status: online"])
        self.assertIn("latest.speed_kmh: 50.5", lines)

    def test_json_is_the_record(self) -> None:
        result = gatewayctl(self.gateway, "device", IMEI, "--json")
        self.assertEqual(json.loads(result.stdout), self.gateway.devices[0])

    def test_unknown_ends_with_5(self) -> None:
        result = gatewayctl(self.gateway, "device", OTHER)
        self.assertEqual(result.exit_code, 5)
        self.assertEqual(result.stderr, f"gatewayctl: no device '{OTHER}'\n")
        self.assertEqual(self.gateway.open, 0)

    def test_what_is_no_imei_ends_with_2(self) -> None:
        self.assertEqual(gatewayctl(self.gateway, "device", "van").exit_code, 2)


class EventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        at = "2026-01-31T12:00:00.000Z"
        self.gateway.events = [
            {"id": 1, "imei": IMEI, "event": "online", "at": at, "details": {}},
            {
                "id": 2,
                "imei": OTHER,
                "event": "offline",
                "at": at,
                "details": {"reason": "idle\x07", "after_s": 5},
            },
        ]

    def test_all(self) -> None:
        self.assertEqual(
            gatewayctl(self.gateway, "events").stdout.splitlines(),
            [
                f"2026-01-31T12:00:00.000Z\t{IMEI}\tonline\t-",
                f"2026-01-31T12:00:00.000Z\t{OTHER}\toffline\treason=idle\\x07 after_s=5",
            ],
        )

    def test_of_one_device_as_json(self) -> None:
        result = gatewayctl(self.gateway, "events", OTHER, "--json")
        self.assertEqual(json.loads(result.stdout), self.gateway.events[1])

    def test_of_some_kinds(self) -> None:
        for options, ids in (
            (("--type", "online"), [1]),
            (("--type", "online", "--type", "offline"), [1, 2]),
            (("--type", "sos"), []),
        ):
            lines = gatewayctl(self.gateway, "events", "--json", *options).stdout
            found = [json.loads(line)["id"] for line in lines.splitlines()]
            self.assertEqual(found, ids)
