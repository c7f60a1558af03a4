from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.rpc.client import GatewayHealth
from tests.cli.support import FakeGateway, gatewayctl

STORE = {"status": "ok", "reason": None, "pending": 0, "file": {"bytes": 4096}}
DOWN = {"status": "failed", "reason": "disk\x1b full"}


class StatusTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.gateway.health = GatewayHealth("ok", {"store": STORE})

    def test_ok_shows_versions_uptime_and_figures(self) -> None:
        result = gatewayctl(self.gateway, "status")
        self.assertEqual(
            result.stdout.splitlines(),
            [
                "gatewaykit 0.1.0: ok",
                "up 3 d 04:05:06",
                "Python 3.11.7, Twisted 26.10",
                "store: ok",
                "  pending: 0",
                "  file.bytes: 4096",
            ],
        )
        self.assertEqual(result.exit_code, 0)

    def test_figures_of_the_modem(self) -> None:
        modem = {
            "status": "degraded",
            "reason": "it does not answer",
            "state": "recovering",
            "model": None,
            "gnss": {"engine": "on", "fix_status": "no_fix"},
            "line": {"exchanges": 1200, "timeouts": 2},
        }
        self.gateway.health = GatewayHealth("degraded", {"sim7600": modem})
        result = gatewayctl(self.gateway, "status")
        self.assertEqual(
            result.stdout.splitlines()[3:],
            [
                "sim7600: degraded: it does not answer",
                "  state: recovering",
                "  model: -",
                "  gnss.engine: on",
                "  gnss.fix_status: no_fix",
                "  line.exchanges: 1200",
                "  line.timeouts: 2",
            ],
        )

    def test_figures_of_the_mount(self) -> None:
        mount = {
            "status": "degraded",
            "reason": "it does not answer",
            "state": "degraded",
            "firmware": "357.1.0",
            "moving": ["north"],
            "line": {"exchanges": 1200, "stops": 1},
        }
        self.gateway.health = GatewayHealth("degraded", {"tts160": mount})
        result = gatewayctl(self.gateway, "status")
        self.assertEqual(
            result.stdout.splitlines()[3:],
            [
                "tts160: degraded: it does not answer",
                "  state: degraded",
                "  firmware: 357.1.0",
                "  moving: north",
                "  line.exchanges: 1200",
                "  line.stops: 1",
            ],
        )

    def test_lists_are_written_as_people_do(self) -> None:
        state: dict[str, object] = {**STORE, "moving": []}
        self.gateway.health = GatewayHealth("ok", {"tts160": state})
        result = gatewayctl(self.gateway, "status")
        self.assertIn("  moving: -\n", result.stdout)

    def test_trouble_shows_its_reason_and_ends_with_1(self) -> None:
        self.gateway.health = GatewayHealth("failed", {"store": DOWN})
        result = gatewayctl(self.gateway, "status")
        self.assertIn("store: failed: disk\\x1b full\n", result.stdout)
        self.assertEqual((result.exit_code, result.stderr), (1, ""))

    def test_json_is_one_object(self) -> None:
        self.gateway.health = GatewayHealth("degraded", {"store": DOWN})
        result = gatewayctl(self.gateway, "status", "--json")
        record = json.loads(result.stdout)
        self.assertEqual(record["version"], "0.1.0")
        self.assertEqual(record["status"], "degraded")
        self.assertEqual(record["subsystems"], {"store": DOWN})
        self.assertEqual(result.stdout.count("\n"), 1)
        self.assertEqual(result.exit_code, 1)
