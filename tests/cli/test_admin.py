from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import AccessDenied
from tests.cli.support import IMEI, FakeGateway, gatewayctl


class PolicyTests(SynchronousTestCase):
    def test_sets_the_policy_and_says_so(self) -> None:
        gateway = FakeGateway()
        result = gatewayctl(gateway, "policy", IMEI, "refused")
        self.assertEqual(gateway.policies, {IMEI: "refused"})
        self.assertEqual(result.stdout, f"{IMEI} is refused from now on\n")

    def test_json(self) -> None:
        result = gatewayctl(FakeGateway(), "policy", IMEI, "accepted", "--json")
        self.assertEqual(
            json.loads(result.stdout), {"imei": IMEI, "policy": "accepted"}
        )

    def test_unknown_policy_ends_with_2_and_asks_nobody(self) -> None:
        gateway = FakeGateway()
        self.assertEqual(gatewayctl(gateway, "policy", IMEI, "maybe").exit_code, 2)
        self.assertEqual(gateway.endpoints, [])

    def test_without_the_role_ends_with_4(self) -> None:
        gateway = FakeGateway()
        gateway.failures = [AccessDenied("uid 1000", "SetPolicy", "admin")]
        result = gatewayctl(gateway, "policy", IMEI, "accepted")
        self.assertEqual(result.exit_code, 4)
        self.assertEqual(
            result.stderr,
            "gatewayctl: SetPolicy needs role admin; uid 1000 does not have it\n",
        )


class AcknowledgeDamageTests(SynchronousTestCase):
    def test_says_how_many(self) -> None:
        result = gatewayctl(FakeGateway(), "acknowledge-damage")
        self.assertEqual(result.stdout, "salvaged files acknowledged: 2\n")

    def test_json(self) -> None:
        result = gatewayctl(FakeGateway(), "acknowledge-damage", "--json")
        self.assertEqual(json.loads(result.stdout), {"acknowledged": 2})
