from __future__ import annotations

import json

from click.testing import Result
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import AccessDenied, ConnectionFailed, StoreUnavailable
from gatewaykit.interfaces import Record
from gatewaykit.vehicles import Registration
from tests.cli.support import ENDPOINT, IMEI, OTHER, FakeGateway, gatewayctl

EVERYTHING = (
    *("--name", "van 7", "--group", "north", "--model", "GV50"),
    *("--timezone", "-03:30", "--block-level", "1", "--password-ref", "fleet-a"),
)


class RegistrationTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.store = self.gateway.store

    def run_verb(self, *args: str) -> Result:
        result = gatewayctl(self.gateway, *args)
        self.assertEqual(self.gateway.open, 0)
        return result

    def line(self, *args: str) -> str:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stderr), (0, ""), result.output)
        (line,) = result.stdout.splitlines()
        return line

    def fails(self, code: int, *args: str) -> str:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stdout), (code, ""), result.stderr)
        return result.stderr

    def registration(self, imei: str = IMEI) -> Registration:
        return self.successResultOf(self.store.register(imei, {}))

    def device(self, imei: str = IMEI) -> Record:
        found = self.successResultOf(self.store.device(imei))
        assert found is not None
        return found

    def be_quarantined(self) -> None:
        self.successResultOf(self.store.set_policy(IMEI, "quarantined"))


class RegisterTests(RegistrationTestCase):
    def test_everything(self) -> None:
        self.assertEqual(
            self.line("register", IMEI, *EVERYTHING),
            f"{IMEI} is registered: name van 7, group north, model GV50,"
            " timezone_offset -03:30, block_level 1, password_ref fleet-a",
        )
        self.assertEqual(
            self.registration(),
            Registration("van 7", "GV50", "north", -210, 1, "fleet-a"),
        )

    def test_nothing_but_the_imei(self) -> None:
        self.assertEqual(self.line("register", IMEI), f"{IMEI} is registered")
        self.assertEqual(self.device()["policy"], "accepted")

    def test_json_has_what_was_said(self) -> None:
        told = json.loads(self.line("register", IMEI, "--block-level", "0", "--json"))
        self.assertEqual(told, {"imei": IMEI, "block_level": 0})
        self.assertEqual(self.registration().block_level, 0)

    def test_registered_already_is_1(self) -> None:
        self.line("register", IMEI, "--name", "van")
        self.assertIn("it is registered", self.fails(1, "register", IMEI))

    def test_usage(self) -> None:
        for args in (
            ("register",),
            ("register", "van"),
            ("register", IMEI, "--block-level", "2"),
            ("register", IMEI, "--block-level", "high"),
            ("register", IMEI, "--timezone", "3"),
            ("register", IMEI, "--timezone", "+15:00"),
            ("register", IMEI, "--model", "GV-50"),
            ("register", IMEI, "--name", "a\nb"),
            ("register", IMEI, "--name", ""),
            ("register", IMEI, "--clear", "name"),
        ):
            self.fails(2, *args)


class UpdateTests(RegistrationTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.line("register", IMEI, *EVERYTHING)

    def test_sets_what_is_given_and_takes_away_what_is_named(self) -> None:
        self.assertEqual(
            self.line(
                *("update", IMEI, "--name", "van 8"),
                *("--clear", "block_level", "--clear", "group"),
            ),
            f"{IMEI} is changed: name van 8, block_level -, group -",
        )
        self.assertEqual(
            self.registration(),
            Registration("van 8", "GV50", None, -210, None, "fleet-a"),
        )

    def test_json(self) -> None:
        told = json.loads(self.line("update", IMEI, "--clear", "model", "--json"))
        self.assertEqual(told, {"imei": IMEI, "model": None})

    def test_unknown_is_5(self) -> None:
        self.fails(5, "update", OTHER, "--name", "x")

    def test_usage(self) -> None:
        for args in (
            (),
            ("--clear", "imei"),
            ("--name", "x", "--clear", "name"),
        ):
            self.fails(2, "update", IMEI, *args)


class ClaimTests(RegistrationTestCase):
    def test_claim_accepts(self) -> None:
        self.be_quarantined()
        self.assertEqual(
            self.line("claim", IMEI, "--name", "van \u00e9"),
            f"{IMEI} is accepted from now on: name van \u00e9",
        )
        self.assertEqual(self.device()["policy"], "accepted")
        self.assertEqual(self.registration().name, "van \u00e9")

    def test_json(self) -> None:
        self.be_quarantined()
        self.assertEqual(json.loads(self.line("claim", IMEI, "--json")), {"imei": IMEI})

    def test_only_what_is_quarantined(self) -> None:
        self.fails(5, "claim", IMEI)
        self.line("register", IMEI)
        self.assertIn("it is accepted", self.fails(1, "claim", IMEI))

    def test_refuse(self) -> None:
        self.assertEqual(self.line("refuse", IMEI), f"{IMEI} is refused from now on")
        self.assertEqual(self.gateway.policies, {IMEI: "refused"})
        self.fails(2, "refuse", "van")


class EndingTests(RegistrationTestCase):
    def test_errors_have_their_exit_codes(self) -> None:
        for error, code in (
            (StoreUnavailable("disk full"), 1),
            (ConnectionFailed(ENDPOINT, "lost"), 3),
            (AccessDenied("uid:7", "ClaimDevice", "dispatcher"), 4),
        ):
            for verb in (
                ("claim", IMEI),
                ("refuse", IMEI),
                ("register", IMEI),
                ("update", IMEI, "--name", "x"),
            ):
                self.gateway.failures = [error]
                self.assertEqual(self.fails(code, *verb), f"gatewayctl: {error}\n")
