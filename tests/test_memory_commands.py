from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from gatewaykit import access
from gatewaykit.access import MASK, Principal, Role
from gatewaykit.errors import (
    AccessDenied,
    CommandRefused,
    MisuseError,
    NotFound,
    StoreUnavailable,
)
from gatewaykit.gv50.commands import KINDS
from gatewaykit.interfaces import ICommands, Record
from gatewaykit.testing import MemoryCommands, MemoryStore

IMEI = "864000000000001"
OTHER = "864000000000002"
SERVER = {
    "host": "203.0.113.10",
    "port": 7700,
    "backup_host": "gw.example.com",
    "backup_port": 7701,
    "sack": True,
}
ADMIN = Principal("admin", frozenset({Role.ADMIN}), "unix")
DISPATCHER = Principal("ann", frozenset({Role.DISPATCHER}), "tcp:127.0.0.1:4")
VIEWER = Principal("bob", frozenset({Role.VIEWER}), "unix")


class CommandsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()
        self.now_ms = 1_769_860_800_000
        self.commands = MemoryCommands(self.store, wall_ms=lambda: self.now_ms)
        for imei in (IMEI, OTHER):
            self.get(self.store.register(imei, {"model": "GV50"}))

    def get(self, call: Deferred[Any]) -> Any:
        return self.successResultOf(call)

    def queue(self, kind: str = "block", **parameters: Any) -> Record:
        record: Record = self.get(self.commands.queue(ADMIN, IMEI, kind, parameters))
        return record

    def refused(
        self,
        error: type[Exception],
        kind: str = "block",
        parameters: Record | None = None,
        principal: Principal = ADMIN,
        **more: Any,
    ) -> Any:
        """What a command is refused with, and that nothing of it is kept."""
        before = self.get(self.store.commands())
        call = self.commands.queue(principal, IMEI, kind, parameters or {}, **more)
        failure = self.failureResultOf(call, error)
        self.assertEqual(self.get(self.store.commands()), before)
        return failure.value

    def outcomes(self) -> list[tuple[str, str]]:
        return [
            (record["who"], record["outcome"]) for record in self.store.audit_records
        ]


class QueueTests(CommandsTestCase):
    def test_they_are_commands(self) -> None:
        self.assertTrue(verifyObject(ICommands, self.commands))

    def test_a_command_waits_in_the_store(self) -> None:
        record = self.get(
            self.commands.queue(DISPATCHER, IMEI, "block", {}, expires_in_s=60.0)
        )
        self.assertEqual(self.get(self.store.command(record["id"])), record)
        self.assertRegex(record["id"], "^[0-9a-f]{12}$")
        self.assertEqual(
            {name: value for name, value in record.items() if value is not None},
            {
                "id": record["id"],
                "imei": IMEI,
                "kind": "block",
                "parameters": {},
                "status": "pending",
                "created_at": "2026-01-31T12:00:00.000Z",
                "expires_at": "2026-01-31T12:01:00.000Z",
                "requested_by": "ann",
                "requested_from": "tcp:127.0.0.1:4",
                "gateway": "memory",
                "attempts": 0,
            },
        )
        self.assertEqual(self.outcomes(), [("ann", "asked")])

    def test_without_an_expiry_it_is_the_kinds_own(self) -> None:
        self.assertEqual(self.queue()["expires_at"], "2026-01-31T12:10:00.000Z")
        self.assertEqual(
            self.queue("position")["expires_at"], "2026-02-01T12:00:00.000Z"
        )

    def test_expiries_out_of_range_are_refused(self) -> None:
        for bad in (0.0, 59.0, 604_801.0, float("nan")):
            self.assertEqual(
                self.refused(MisuseError, expires_in_s=bad).name, "expires_in"
            )

    def test_kinds_and_parameters_that_are_none_are_refused(self) -> None:
        self.assertEqual(self.refused(MisuseError, "explode").name, "kind")
        self.refused(MisuseError, "block", {"level": 1})
        self.refused(MisuseError, "output", {"level": 2})
        self.refused(MisuseError, "server", SERVER | {"host": "a$b"})

    def test_roles(self) -> None:
        self.refused(AccessDenied, principal=VIEWER)
        self.refused(AccessDenied, principal=DISPATCHER, override="theft")
        self.refused(AccessDenied, "power_off", principal=DISPATCHER)
        waived = {k: v for k, v in SERVER.items() if not k.startswith("backup")}
        waived["without_backup"] = True
        self.refused(AccessDenied, "server", waived, principal=DISPATCHER)
        self.get(self.commands.queue(DISPATCHER, IMEI, "server", SERVER))
        self.get(self.commands.queue(ADMIN, IMEI, "server", waived, None, "theft"))

    def test_only_accepted_devices_are_commanded(self) -> None:
        call = self.commands.queue(ADMIN, "864000000000009", "block", {})
        self.failureResultOf(call, NotFound)
        for policy in ("quarantined", "refused"):
            self.get(self.store.set_policy(IMEI, policy))
            self.assertIn(policy, self.refused(CommandRefused).reason)

    def test_nothing_is_taken_on_while_commands_are_switched_off(self) -> None:
        self.commands.enabled = False
        self.refused(CommandRefused)

    def test_a_store_that_cannot_write_takes_nothing_on(self) -> None:
        self.store.failure = "disk full"
        call = self.commands.queue(ADMIN, IMEI, "block", {})
        self.failureResultOf(call, StoreUnavailable)

    def test_the_level_is_the_vehicles_own_or_all_vehicles(self) -> None:
        self.commands = MemoryCommands(self.store, block_level=None)
        self.refused(CommandRefused)
        self.get(self.store.register(IMEI, {"block_level": 0}))
        sent = self.get(self.commands.send(self.queue()["id"]))
        self.assertIn("AT+GTOUT=***,0,", sent["wire"])

    def test_an_unknown_model_is_told_nothing(self) -> None:
        self.get(self.store.register(IMEI, {"model": None}))
        self.refused(CommandRefused)

    def test_a_heartbeat_is_told_with_the_server_that_is_acknowledged(self) -> None:
        self.refused(CommandRefused, "heartbeat", {"interval_min": 10})

    def test_what_lets_the_device_drive_its_output_needs_an_override(self) -> None:
        alarm = {"command": "GTTOW", "values": "1,10,2,300,1,1,0,0,,,,,,,,,,,"}
        error = self.refused(CommandRefused, "custom", alarm)
        self.assertIn("override", error.reason)

    def test_a_block_takes_the_place_of_an_unblock_that_waits(self) -> None:
        first = self.queue("unblock")
        other = self.get(self.commands.queue(ADMIN, OTHER, "unblock", {}))
        position = self.queue("position")
        second = self.queue("block")
        found = {
            record["id"]: (record["status"], record["reason"])
            for record in self.get(self.store.commands()).records
        }
        self.assertEqual(
            found,
            {
                first["id"]: ("failed", f"superseded by {second['id']}"),
                other["id"]: ("pending", None),
                position["id"]: ("pending", None),
                second["id"]: ("pending", None),
            },
        )

    def test_secrets_are_in_no_record(self) -> None:
        record = self.queue("apn", apn="web", user="me", password="s3cret")
        self.assertEqual(record["parameters"]["password"], MASK)
        sent = self.get(self.commands.send(record["id"]))
        self.assertIn("AT+GTBSI=***,", sent["wire"])
        told = (self.get(self.store.commands()), self.store.audit_records)
        self.assertNotIn("s3cret", str(told))

    def test_kinds_can_be_told(self) -> None:
        kinds = self.commands.kinds()
        self.assertEqual([kind["kind"] for kind in kinds], list(KINDS))
        self.assertEqual(json.loads(json.dumps(kinds)), kinds)
        by_name = {kind["kind"]: kind for kind in kinds}
        self.assertEqual(by_name["power_off"]["role"], "admin")
        (level, *_) = by_name["output"]["parameters"]
        self.assertEqual(
            (level["name"], level["type"], level["required"], level["secret"]),
            ("level", "number", True, False),
        )


class CancelTests(CommandsTestCase):
    def test_what_is_pending_is_cancelled(self) -> None:
        id = self.queue()["id"]
        record = self.get(self.commands.cancel(DISPATCHER, id))
        self.assertEqual(
            (record["status"], record["reason"]), ("failed", "cancelled by ann")
        )
        self.assertEqual(self.outcomes()[-1], ("ann", "cancelled"))
        self.assertIsNone(access.verify(self.store.audit_records))

    def test_what_is_not_is_not(self) -> None:
        id = self.queue()["id"]
        self.get(self.commands.send(id))
        refused = self.failureResultOf(
            self.commands.cancel(ADMIN, id), CommandRefused
        ).value
        self.assertEqual((refused.imei, refused.kind), (IMEI, "block"))
        self.failureResultOf(self.commands.cancel(ADMIN, "0" * 12), NotFound)
        self.assertEqual(len(self.outcomes()), 1)


class TrustTests(CommandsTestCase):
    def test_a_doubtful_connection_is_trusted_once(self) -> None:
        self.commands.doubtful.add(IMEI)
        self.failureResultOf(self.commands.trust(ADMIN, OTHER), NotFound)
        self.assertIsNone(self.get(self.commands.trust(DISPATCHER, IMEI)))
        self.failureResultOf(self.commands.trust(DISPATCHER, IMEI), NotFound)
        self.assertEqual(self.outcomes(), [("ann", "done")])

    def test_what_cannot_be_recorded_is_not_trusted(self) -> None:
        self.commands.doubtful.add(IMEI)
        self.store.failure = "disk full"
        self.failureResultOf(self.commands.trust(ADMIN, IMEI), StoreUnavailable)
        self.assertEqual(self.commands.doubtful, {IMEI})


class OutcomeTests(CommandsTestCase):
    def refuse(self, call: Deferred[Record]) -> None:
        self.failureResultOf(call, MisuseError)

    def test_a_block_waits_is_sent_confirmed_and_verified(self) -> None:
        id = self.queue()["id"]
        waits = self.get(self.commands.wait(id, "waiting: speed 63 km/h"))
        self.assertEqual(waits["reason"], "waiting: speed 63 km/h")
        self.now_ms += 1000
        sent = self.get(self.commands.send(id))
        self.assertEqual((sent["status"], sent["reason"]), ("sent", None))
        self.assertEqual(sent["attempts"], 1)
        self.assertEqual(sent["wire"], f"AT+GTOUT=***,1,,,,,,0,,,,,,,{sent['serial']}$")
        self.assertEqual(sent["sent_at"], "2026-01-31T12:00:01.000Z")
        self.now_ms += 1000
        confirmed = self.get(self.commands.confirm(id))
        self.assertEqual(confirmed["status"], "confirmed")
        self.assertEqual(confirmed["confirmed_at"], "2026-01-31T12:00:02.000Z")
        self.assertIsNone(confirmed["verified_at"])
        self.now_ms += 1000
        verified = self.get(self.commands.verify(id))
        self.assertEqual(verified["status"], "confirmed")
        self.assertEqual(verified["verified_at"], "2026-01-31T12:00:03.000Z")

    def test_confirming_what_is_pending_sends_it(self) -> None:
        record = self.get(self.commands.confirm(self.queue()["id"]))
        self.assertEqual((record["status"], record["attempts"]), ("confirmed", 1))

    def test_what_is_pending_or_sent_fails(self) -> None:
        for act in (self.commands.send, self.commands.wait):
            id = self.queue("position")["id"]
            more = () if act == self.commands.send else ("waiting",)
            self.get(act(id, *more))
            record = self.get(self.commands.fail(id, "no answer"))
            self.assertEqual(
                (record["status"], record["reason"]), ("failed", "no answer")
            )
            self.assertEqual(record["failed_at"], "2026-01-31T12:00:00.000Z")

    def test_what_cannot_happen_is_refused(self) -> None:
        commands = self.commands
        pending = self.queue("position")["id"]
        self.refuse(commands.verify(pending))
        block = self.queue()["id"]
        self.refuse(commands.verify(block))
        self.get(commands.send(block))
        for call in (
            commands.send(block),
            commands.wait(block, "x"),
            commands.verify(block),
        ):
            self.refuse(call)
        self.get(commands.confirm(block))
        for call in (commands.confirm(block), commands.fail(block, "x")):
            self.refuse(call)
        self.get(commands.fail(pending, "x"))
        for call in (
            commands.confirm(pending),
            commands.send(pending),
            commands.fail(pending, "y"),
        ):
            self.refuse(call)

    def test_a_command_that_is_none_is_not_found(self) -> None:
        for call in (
            self.commands.wait("0" * 12, "x"),
            self.commands.send("0" * 12),
            self.commands.confirm("0" * 12),
            self.commands.verify("0" * 12),
            self.commands.fail("0" * 12, "x"),
        ):
            self.failureResultOf(call, NotFound)
