from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit import access
from gatewaykit.access import Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    MisuseError,
    NotFound,
    StoreUnavailable,
)
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.device_answers import DeviceAnswers
from gatewaykit.vehicles import Registration
from tests.rpc.common import IMEI, RpcTestCase, report

OTHER = "864000000000002"
ALL: dict[str, Any] = {
    "name": "Lorry 7",
    "group": "north",
    "model": "GV50",
    "timezone_offset": "-03:30",
    "block_level": 0,
    "password_ref": "fleet",
}
REGISTRATION = Registration("Lorry 7", "GV50", "north", -210, 0, "fleet")


class DeviceTestCase(RpcTestCase):
    def device(self, imei: str = IMEI) -> Record:
        device: Record = self.result(self.client().device(imei))
        return device

    def set_policy(self, policy: str, imei: str = IMEI) -> None:
        self.successResultOf(self.store.set_policy(imei, policy))

    def outcomes(self) -> list[tuple[str, str]]:
        return [
            (record["what"], record["outcome"]) for record in self.store.audit_records
        ]


class RegisterTests(DeviceTestCase):
    def test_a_device_that_nobody_heard_of_is_registered_and_accepted(self) -> None:
        client = self.client(Role.DISPATCHER)
        self.assertIsNone(self.result(client.register_device(IMEI, **ALL)))
        device = self.device()
        self.assertEqual({name: device[name] for name in ALL}, ALL)
        self.assertEqual(device["policy"], "accepted")
        self.assertEqual(self.fleet.registrations, [(IMEI, REGISTRATION)])
        self.assertEqual(self.fleet.policies, [(IMEI, "accepted")])

    def test_what_is_registered_is_in_the_audit_trail(self) -> None:
        self.result(self.client(Role.DISPATCHER).register_device(IMEI, **ALL))
        (record,) = self.store.audit_records
        self.assertEqual((record["who"], record["outcome"]), ("dispatcher", "done"))
        self.assertEqual(record["arguments"], {"imei": IMEI, **ALL, "block_level": "0"})
        self.assertIsNone(access.verify(self.store.audit_records))

    def test_a_device_that_has_reported_is_registered(self) -> None:
        self.store.add_report(report())
        self.result(self.client().register_device(IMEI))
        self.result(self.client().register_device(IMEI, name="x"))
        self.assertEqual(self.device()["name"], "x")

    def test_a_quarantined_device_is_accepted_by_it(self) -> None:
        self.set_policy("quarantined")
        self.result(self.client().register_device(IMEI, name="x"))
        self.assertEqual(self.device()["policy"], "accepted")

    def test_a_registered_device_is_refused_by_whatever_it_is_registered(self) -> None:
        for number, (name, value) in enumerate(ALL.items()):
            imei = f"{864_000_000_000_010 + number}"
            self.result(self.client().register_device(imei, **{name: value}))
            refused = self.failed(
                self.client().register_device(imei, name="y"), CommandRefused
            )
            self.assertEqual((refused.imei, refused.kind), (imei, "registration"))
        self.assertEqual(len(self.fleet.registrations), len(ALL))
        self.assertEqual(
            self.outcomes()[-1], ("RegisterDevice", "failed: COMMAND_REFUSED")
        )

    def test_a_refused_device_stays_refused(self) -> None:
        """Who refused it is an admin, and who registers a dispatcher."""
        self.result(self.client().refuse_device(IMEI))
        call = self.client(Role.DISPATCHER).register_device(IMEI, name="x")
        self.failed(call, CommandRefused)
        self.assertEqual(self.device()["policy"], "refused")
        self.assertEqual(self.fleet.registrations, [])

    def test_two_at_a_time_are_one_after_the_other(self) -> None:
        client = self.client()
        calls = [client.register_device(IMEI, name=name) for name in ("x", "y")]
        self.result(calls[0])
        self.failureResultOf(calls[1], CommandRefused)
        self.assertEqual(self.device()["name"], "x")

    def test_what_is_not_stored_does_not_reach_the_fleet(self) -> None:
        self.store.failure = "disk full"
        self.failed(self.client().register_device(IMEI, name="x"), StoreUnavailable)
        self.assertEqual((self.fleet.registrations, self.fleet.policies), ([], []))

    def test_without_a_fleet(self) -> None:
        self.answers = {
            **self.answers,
            **DeviceAnswers(self.store, None).table(),
        }
        self.factory = self.make_factory()
        self.result(self.client().register_device(IMEI, **ALL))
        self.assertEqual(self.device()["group"], "north")

    def test_a_store_that_hangs_holds_nobody_up_for_ever(self) -> None:
        store_device = self.store.device
        self.store.device = lambda imei: Deferred()  # type: ignore[method-assign]
        client = self.client()
        client._deadline_s = 1000.0
        hangs = client.register_device(IMEI, name="x")
        self.flush()
        self.store.device = store_device  # type: ignore[method-assign]
        self.clock.advance(1.0)
        waits = client.register_device(OTHER, name="y")
        self.flush()
        self.assertNoResult(waits)
        self.clock.advance(59.0)
        self.failed(hangs, CallTimeout)
        self.assertIsNone(self.result(waits))


class GivenUpTests(DeviceTestCase):
    """The end of a call's time leaves no change half done."""

    def hold(self, name: str) -> Deferred[Any]:
        """A method of the store does what it does, and tells it when it is let."""
        held: Deferred[Any] = Deferred()
        method = getattr(self.store, name)

        def slow(*arguments: Any) -> Deferred[Any]:
            done = method(*arguments)
            return held.addCallback(lambda _: done)

        setattr(self.store, name, slow)
        return held

    def give_up(self, call: Deferred[Any]) -> None:
        self.flush()
        self.clock.advance(60.0)
        self.failed(call, CallTimeout)

    def patient(self) -> GatewayClient:
        client = self.client()
        client._deadline_s = 1000.0
        return client

    def test_the_fleet_hears_of_a_registration(self) -> None:
        held = self.hold("register")
        self.give_up(self.patient().register_device(IMEI, **ALL))
        self.assertEqual(self.fleet.registrations, [])
        held.callback(None)
        self.assertEqual(self.fleet.registrations, [(IMEI, REGISTRATION)])
        self.assertEqual(self.fleet.policies, [(IMEI, "accepted")])
        self.assertEqual(self.outcomes(), [("RegisterDevice", "failed: TIMEOUT")])

    def test_the_fleet_hears_of_a_policy(self) -> None:
        held = self.hold("set_policy")
        self.give_up(self.patient().set_policy(IMEI, "refused"))
        held.callback(None)
        self.assertEqual(self.fleet.policies, [(IMEI, "refused")])

    def test_what_fails_in_the_end_is_logged(self) -> None:
        held = self.hold("register")
        self.give_up(self.patient().register_device(IMEI, **ALL))
        held.errback(StoreUnavailable("disk full"))
        self.assertEqual(len(self.flushLoggedErrors(StoreUnavailable)), 1)
        self.assertEqual(self.fleet.registrations, [])


class UpdateTests(DeviceTestCase):
    def test_what_is_given_changes_and_the_rest_stays(self) -> None:
        client = self.client(Role.DISPATCHER)
        self.result(client.register_device(IMEI, **ALL))
        self.result(
            client.update_device(
                IMEI, name="Van 3", timezone_offset="+05:45", clear=["block_level"]
            )
        )
        device = self.device()
        self.assertEqual(
            {name: device[name] for name in ALL},
            ALL | {"name": "Van 3", "timezone_offset": "+05:45", "block_level": None},
        )
        self.assertEqual(
            self.fleet.registrations[-1],
            (IMEI, Registration("Van 3", "GV50", "north", 345, None, "fleet")),
        )

    def test_everything_is_taken_away(self) -> None:
        client = self.client()
        self.result(client.register_device(IMEI, **ALL))
        self.result(client.update_device(IMEI, clear=list(ALL)))
        self.assertEqual(self.fleet.registrations[-1], (IMEI, Registration()))

    def test_the_policy_stays(self) -> None:
        self.set_policy("quarantined")
        self.result(self.client().update_device(IMEI, name="x"))
        self.assertEqual(self.device()["policy"], "quarantined")
        self.assertEqual(self.fleet.policies, [])

    def test_a_device_that_nobody_heard_of_is_not_found(self) -> None:
        missing = self.failed(self.client().update_device(IMEI, name="x"), NotFound)
        self.assertEqual(missing.args, ("device", IMEI))
        self.assertEqual(self.fleet.registrations, [])

    def test_nothing_is_no_update(self) -> None:
        self.failed(self.client().update_device(IMEI), MisuseError)


class ClaimTests(DeviceTestCase):
    def test_a_quarantined_device_is_accepted(self) -> None:
        self.set_policy("quarantined")
        self.set_policy("quarantined", OTHER)
        client = self.client(Role.DISPATCHER)
        self.assertIsNone(self.result(client.claim_device(IMEI)))
        self.assertEqual(self.device()["policy"], "accepted")
        self.assertEqual(self.device(OTHER)["policy"], "quarantined")
        self.assertEqual(self.fleet.policies, [(IMEI, "accepted")])
        self.assertEqual(self.outcomes(), [("ClaimDevice", "done")])

    def test_it_is_registered_with_that(self) -> None:
        self.set_policy("quarantined")
        self.result(self.client().claim_device(IMEI, **ALL))
        self.assertEqual(self.fleet.registrations, [(IMEI, REGISTRATION)])

    def test_others_are_not_claimed(self) -> None:
        for policy in ("accepted", "refused"):
            self.set_policy(policy)
            refused = self.failed(self.client().claim_device(IMEI), CommandRefused)
            self.assertEqual(
                str(refused), f"no claim for {IMEI}: it is {policy}, not quarantined"
            )
        self.failed(self.client().claim_device(OTHER), NotFound)
        self.assertEqual((self.fleet.registrations, self.fleet.policies), ([], []))


class ListTests(DeviceTestCase):
    def test_devices_of_a_policy(self) -> None:
        policies = ("accepted", "quarantined", "refused")
        imeis = [f"{864_000_000_000_000 + number}" for number in range(30)]
        for number, imei in enumerate(imeis):
            self.set_policy(policies[number % 3], imei)
        client = self.client(Role.VIEWER)
        for number, policy in enumerate(policies):
            page = self.result(client.devices(policy=policy, limit=3))
            self.assertEqual(
                [device["imei"] for device in page.records], imeis[number:9:3]
            )
            rest = self.result(client.devices(page.cursor, policy=policy))
            self.assertEqual(len(rest.records), 7)
            found = self.collect(client.iter_devices(policy))
            self.assertEqual([device["imei"] for device in found], imeis[number::3])
        self.assertEqual(len(self.collect(client.iter_devices())), 30)


class RoleTests(DeviceTestCase):
    def test_viewers_and_operators_change_nothing(self) -> None:
        self.set_policy("quarantined")
        for role in (Role.VIEWER, Role.OPERATOR):
            client = self.client(role)
            for call in (
                client.register_device(IMEI, name="x"),
                client.update_device(IMEI, name="x"),
                client.claim_device(IMEI, name="x"),
            ):
                self.failed(call, AccessDenied)
        self.assertEqual({outcome for _, outcome in self.outcomes()}, {"refused"})
        self.assertEqual(len(self.outcomes()), 6)
        self.assertEqual(self.fleet.registrations, [])
        self.assertEqual(self.device()["policy"], "quarantined")

    def test_dispatchers_refuse_no_device(self) -> None:
        self.failed(self.client(Role.DISPATCHER).refuse_device(IMEI), AccessDenied)
