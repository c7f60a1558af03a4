from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from gatewaykit import access
from gatewaykit.access import MASK, Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    InternalError,
    MisuseError,
    NotFound,
    StoreUnavailable,
)
from gatewaykit.interfaces import Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.command_answers import CommandAnswers
from gatewaykit.rpc.trail import REFUSALS_A_MINUTE
from tests.rpc.common import IMEI, RpcTestCase

OTHER = "864000000000002"
ID = "0123456789ab"


class CommandTestCase(RpcTestCase):
    def setUp(self) -> None:
        super().setUp()
        for imei in (IMEI, OTHER):
            self.successResultOf(self.store.register(imei, {"model": "GV50"}))

    def dispatcher(self) -> GatewayClient:
        return self.client(Role.DISPATCHER)

    def queue(self, kind: str = "block", imei: str = IMEI, **more: Any) -> Record:
        record: Record = self.result(self.client().queue_command(imei, kind, **more))
        return record

    def trail(self) -> list[tuple[str, str, str]]:
        return [
            (record["who"], record["what"], record["outcome"])
            for record in self.store.audit_records
        ]


class QueueTests(CommandTestCase):
    def test_a_command_is_taken_on(self) -> None:
        client = self.dispatcher()
        command = self.result(client.queue_command(IMEI, "block"))
        self.assertEqual(
            (command["imei"], command["kind"], command["status"]),
            (IMEI, "block", "pending"),
        )
        self.assertEqual(command["requested_by"], "dispatcher")
        self.assertEqual(command["requested_from"], "unix")
        self.assertEqual(self.result(client.get_command(command["id"])), command)

    def test_expiry_and_override_arrive(self) -> None:
        command = self.queue(expires_in_s=90.0, override="theft")
        self.assertEqual(command["override"], "theft")
        self.assertEqual(command["created_at"], "2026-01-31T12:00:00.000Z")
        self.assertEqual(command["expires_at"], "2026-01-31T12:01:30.000Z")

    def test_parameters_arrive(self) -> None:
        command = self.queue("time", parameters={"offset": "-03:30"})
        self.assertEqual(command["parameters"], {"offset": "-03:30"})

    def test_errors_arrive(self) -> None:
        client = self.dispatcher()
        for call, kind in (
            (client.queue_command(IMEI, "explode"), MisuseError),
            (client.queue_command(IMEI, "block", {"speed": 1}), MisuseError),
            (client.queue_command("864000000000009", "block"), NotFound),
            (client.queue_command(IMEI, "block", override="theft"), AccessDenied),
            (client.queue_command(IMEI, "block", expires_in_s=1.0), MisuseError),
        ):
            self.failed(call, kind)
        self.successResultOf(self.store.set_policy(IMEI, "quarantined"))
        refused = self.failed(client.queue_command(IMEI, "block"), CommandRefused)
        self.assertEqual((refused.imei, refused.kind), (IMEI, "block"))
        self.commands.enabled = False
        self.failed(client.queue_command(OTHER, "block"), CommandRefused)
        self.assertEqual(self.result(client.list_commands()).records, [])

    def test_a_command_that_is_not_recorded_is_not_taken_on(self) -> None:
        self.store.failure = "disk full"
        self.failed(self.dispatcher().queue_command(IMEI, "block"), StoreUnavailable)
        self.store.failure = None
        self.assertEqual(self.result(self.dispatcher().list_commands()).records, [])


class SecretTests(CommandTestCase):
    def told(self, **parameters: Any) -> str:
        """All that anybody is told of a custom command with these parameters."""
        client = self.client()
        call = client.queue_command(IMEI, "custom", parameters)
        texts: list[object] = []
        self.flush()
        call.addBoth(lambda result: texts.append((str(result), repr(result))))
        listed = self.result(client.list_commands()).records
        trail = self.result(client.audit_trail()).records
        return str((texts, listed, trail))

    def test_no_password_is_told(self) -> None:
        for parameters in (
            {"command": "GTBSI", "values": "web,user,s3cret,,,,"},
            {"command": "GTBSI", "values": "s3cret"},
            {"command": "GTBSI", "values": "s3cret$"},
            {"password": "s3cret"},
            {"s3cret": 1, "Type": 2},
            {"values": ["s3cret"]},
        ):
            self.assertNotIn("s3cret", self.told(**parameters).replace("'s3cret':", ""))

    def test_what_failed_is_recorded_with_its_values_masked(self) -> None:
        call = self.client().queue_command(
            IMEI, "apn", {"apn": "web", "password": "s3cret$"}
        )
        self.failed(call, MisuseError)
        (record,) = self.store.audit_records
        self.assertEqual(record["what"], "QueueCommand")
        self.assertEqual(record["outcome"], "failed: BAD_ARGUMENT")
        self.assertEqual(
            record["arguments"]["parameters"],
            f'{{"apn":"web","password":"{MASK}"}}',
        )


class AuditTests(CommandTestCase):
    """What is done is recorded by whoever does it, and the rest by the door."""

    def test_one_record_of_what_was_done(self) -> None:
        client = self.dispatcher()
        command = self.result(client.queue_command(IMEI, "block"))
        self.result(client.cancel_command(command["id"]))
        self.commands.doubtful.add(IMEI)
        self.result(client.trust_connection(IMEI))
        self.assertEqual(
            self.trail(),
            [
                ("dispatcher", "command", "asked"),
                ("dispatcher", "command", "cancelled"),
                ("dispatcher", "trust", "done"),
            ],
        )
        self.assertIsNone(access.verify(self.store.audit_records))

    def test_one_record_of_what_was_refused_or_failed(self) -> None:
        client = self.dispatcher()
        self.failed(client.queue_command(IMEI, "block", override="x"), AccessDenied)
        self.failed(client.queue_command(IMEI, "explode"), MisuseError)
        self.failed(client.cancel_command(ID), NotFound)
        self.failed(client.trust_connection(IMEI), NotFound)
        self.failed(self.client(Role.VIEWER).cancel_command(ID), AccessDenied)
        self.assertEqual(
            self.trail(),
            [
                ("dispatcher", "QueueCommand", "refused"),
                ("dispatcher", "QueueCommand", "failed: BAD_ARGUMENT"),
                ("dispatcher", "CancelCommand", "failed: NOT_FOUND"),
                ("dispatcher", "TrustConnection", "failed: NOT_FOUND"),
                ("viewer", "CancelCommand", "refused"),
            ],
        )
        self.assertEqual(
            self.store.audit_records[0]["arguments"],
            {"imei": IMEI, "kind": "block", "override": "x"},
        )

    def test_what_takes_too_long_is_recorded(self) -> None:
        self.commands.cancel = lambda *_: Deferred()  # type: ignore[method-assign]
        client = self.dispatcher()
        client._deadline_s = 1000.0
        call = client.cancel_command(ID)
        self.flush()
        self.clock.advance(60.0)
        self.failed(call, CallTimeout)
        self.assertEqual(
            self.trail(), [("dispatcher", "CancelCommand", "failed: TIMEOUT")]
        )

    def test_the_end_of_a_calls_time_leaves_no_command_half_taken_on(self) -> None:
        add, held = self.store.add_command, Deferred[None]()

        def slow(*arguments: Any) -> Deferred[list[bool]]:
            return held.addCallback(lambda _: add(*arguments))

        self.store.add_command = slow  # type: ignore[method-assign,assignment]
        client = self.dispatcher()
        client._deadline_s = 1000.0
        call = client.queue_command(IMEI, "block")
        self.flush()
        self.clock.advance(60.0)
        self.failed(call, CallTimeout)
        held.callback(None)
        (command,) = self.result(client.list_commands()).records
        sent = self.successResultOf(self.commands.send(command["id"]))
        self.assertEqual(sent["status"], "sent")
        self.assertEqual(
            self.trail(),
            [
                ("dispatcher", "QueueCommand", "failed: TIMEOUT"),
                ("dispatcher", "command", "asked"),
            ],
        )

    def test_bugs_are_recorded(self) -> None:
        self.commands.cancel = lambda *_: 1 / 0  # type: ignore[method-assign,assignment]
        self.failed(self.dispatcher().cancel_command(ID), InternalError)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(
            self.trail(), [("dispatcher", "CancelCommand", "failed: INTERNAL")]
        )

    def test_a_flood_of_refusals_does_not_fill_the_trail(self) -> None:
        client = self.client(Role.OPERATOR)
        for _ in range(REFUSALS_A_MINUTE + 30):
            self.failed(client.queue_command(IMEI, "block"), AccessDenied)
        self.assertEqual(len(self.store.audit_records), REFUSALS_A_MINUTE)

    def test_reading_is_not_recorded(self) -> None:
        client = self.dispatcher()
        self.result(client.list_commands())
        self.result(client.command_kinds())
        self.result(client.audit_trail())
        self.failed(client.get_command(ID), NotFound)
        self.assertEqual(self.store.audit_records, [])


class ReadTests(CommandTestCase):
    def test_a_command_that_is_none_is_not_found(self) -> None:
        missing = self.failed(self.dispatcher().get_command(ID), NotFound)
        self.assertEqual(missing.args, ("command", ID))

    def test_newest_first_by_vehicle_and_status(self) -> None:
        ids = [
            self.queue("position", imei)["id"]
            for imei in (IMEI, OTHER, IMEI, OTHER, IMEI)
        ]
        self.successResultOf(self.commands.confirm(ids[0]))
        self.successResultOf(self.commands.fail(ids[1], "expired"))
        client = self.dispatcher()

        def found(*arguments: Any) -> list[str]:
            records = self.collect(client.iter_commands(*arguments))
            return [record["id"] for record in records]

        self.assertEqual(found(), ids[::-1])
        self.assertEqual(found(IMEI), [ids[4], ids[2], ids[0]])
        self.assertEqual(found(IMEI, "pending"), [ids[4], ids[2]])
        self.assertEqual(found(None, "failed"), [ids[1]])
        self.assertEqual(found(OTHER, "confirmed"), [])
        self.failed(client.list_commands(status="verified"), MisuseError)

    def test_pages_of_commands_follow_each_other(self) -> None:
        ids = [self.queue("position")["id"] for _ in range(10)]
        client = self.dispatcher()
        found: list[str] = []
        cursor = None
        for size in (4, 4, 2):
            page = self.result(client.list_commands(IMEI, None, cursor, 4))
            self.assertEqual(len(page.records), size)
            found += [record["id"] for record in page.records]
            cursor = page.cursor
        self.assertIsNone(cursor)
        self.assertEqual(found, ids[::-1])
        self.failed(client.list_commands(cursor="theirs"), MisuseError)

    def test_pages_of_the_trail_follow_each_other(self) -> None:
        for number in range(300):
            self.successResultOf(
                self.store.append_audit({"at": str(number), "why": "x" * 400})
            )
        client = self.dispatcher()
        first = self.result(client.audit_trail(limit=2))
        self.assertEqual([record["sequence"] for record in first.records], [1, 2])
        second = self.result(client.audit_trail(first.cursor, 2))
        self.assertEqual([record["sequence"] for record in second.records], [3, 4])
        self.assertIsNone(access.verify(second.records, first.records[-1]))
        everything = self.collect(client.iter_audit())
        self.assertEqual(len(everything), 300)
        self.assertIsNone(access.verify(everything))

    def test_kinds(self) -> None:
        kinds = self.result(self.dispatcher().command_kinds())
        self.assertEqual(kinds, self.commands.kinds())
        self.assertLessEqual({"block", "unblock"}, {kind["kind"] for kind in kinds})


class CancelTests(CommandTestCase):
    def test_a_pending_command_is_cancelled(self) -> None:
        command = self.queue()
        ended = self.result(self.dispatcher().cancel_command(command["id"]))
        self.assertEqual(ended["status"], "failed")
        self.assertEqual(ended["reason"], "cancelled by dispatcher")

    def test_others_are_not(self) -> None:
        command = self.queue()
        self.successResultOf(self.commands.send(command["id"]))
        self.failed(self.dispatcher().cancel_command(command["id"]), CommandRefused)


class RoleTests(CommandTestCase):
    def test_others_than_dispatchers_are_refused_everything(self) -> None:
        command = self.queue()
        self.commands.doubtful.add(IMEI)
        before = len(self.store.audit_records)
        for role in (Role.VIEWER, Role.OPERATOR):
            client = self.client(role)
            for call in (
                client.queue_command(IMEI, "unblock"),
                client.cancel_command(command["id"]),
                client.trust_connection(IMEI),
                client.get_command(command["id"]),
                client.list_commands(),
                client.command_kinds(),
                client.audit_trail(),
            ):
                denied = self.failed(call, AccessDenied)
                self.assertEqual(denied.role, "dispatcher")
        self.assertEqual(self.commands.doubtful, {IMEI})
        self.assertEqual(
            self.result(self.dispatcher().get_command(command["id"])), command
        )
        refused = self.trail()[before:]
        self.assertEqual(len(refused), 6)
        self.assertEqual({outcome for *_, outcome in refused}, {"refused"})

    def test_the_role_is_weighed_before_arguments(self) -> None:
        protocol = self.client(Role.VIEWER)._protocol
        told: list[Any] = []
        box = {"imei": b"x", "kind": b"?", "parameters": b"s3cret"}
        call = protocol.callRemoteString(b"QueueCommand", **box)
        call.addErrback(told.append)
        self.flush()
        self.assertEqual(told[0].value.errorCode, b"ACCESS_DENIED")
        self.assertEqual(
            self.store.audit_records[0]["arguments"],
            {"imei": "x", "kind": "?", "parameters": MASK},
        )


class AbsentTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        table = CommandAnswers(None, self.store).table()
        self.answers = {**self.answers, **table}
        self.factory = self.make_factory()

    def test_without_trackers_nothing_is_commanded(self) -> None:
        client = self.dispatcher()
        for call in (
            client.queue_command(IMEI, "block"),
            client.cancel_command(ID),
            client.trust_connection(IMEI),
            client.command_kinds(),
        ):
            missing = self.failed(call, NotFound)
            self.assertEqual(missing.args, ("subsystem", "gv50"))

    def test_what_was_commanded_is_read(self) -> None:
        principal = access.Principal("x", frozenset({Role.ADMIN}), "unix")
        command = self.successResultOf(
            self.commands.queue(principal, IMEI, "block", {})
        )
        client = self.dispatcher()
        self.assertEqual(self.result(client.get_command(command["id"])), command)
        self.assertEqual(self.result(client.list_commands()).records, [command])
        self.assertEqual(len(self.result(client.audit_trail()).records), 1)


class WaitTests(CommandTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.states: list[tuple[str, str | None, bool]] = []

    def wait(self, kind: str = "block", timeout_s: float = 60.0) -> Deferred[Record]:
        self.command = self.queue(kind)["id"]
        waiting = self.dispatcher().wait_for_command(
            self.command, timeout_s, self.changed
        )
        self.flush()
        return waiting

    def changed(self, record: Record) -> None:
        verified = record["verified_at"] is not None
        self.states.append((record["status"], record["reason"], verified))

    def pass_on(self, seconds: float = 0.5) -> None:
        for _ in range(round(seconds / 0.5)):
            self.clock.advance(0.5)
            self.flush()

    def test_a_block_is_followed_until_it_is_verified(self) -> None:
        waiting = self.wait()
        self.pass_on(3.0)
        for step, *more in (
            (self.commands.wait, "waiting: speed 63 km/h"),
            (self.commands.wait, "waiting: speed 12 km/h"),
            (self.commands.send,),
            (self.commands.confirm,),
        ):
            self.successResultOf(step(self.command, *more))
            self.pass_on(1.0)
        self.assertNoResult(waiting)
        self.successResultOf(self.commands.verify(self.command))
        self.pass_on()
        record = self.successResultOf(waiting)
        self.assertIsNotNone(record["verified_at"])
        self.assertEqual(
            self.states,
            [
                ("pending", None, False),
                ("pending", "waiting: speed 63 km/h", False),
                ("pending", "waiting: speed 12 km/h", False),
                ("sent", None, False),
                ("confirmed", None, False),
                ("confirmed", None, True),
            ],
        )

    def test_others_are_followed_until_they_are_confirmed(self) -> None:
        waiting = self.wait("position")
        self.successResultOf(self.commands.confirm(self.command))
        self.pass_on()
        self.assertEqual(self.successResultOf(waiting)["status"], "confirmed")
        self.assertEqual(len(self.states), 2)

    def test_what_has_failed_is_followed_no_longer(self) -> None:
        waiting = self.wait()
        self.successResultOf(self.commands.fail(self.command, "expired"))
        self.pass_on()
        self.assertEqual(self.successResultOf(waiting)["reason"], "expired")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_time_is_over(self) -> None:
        waiting = self.wait(timeout_s=2.2)
        self.pass_on(2.0)
        self.assertNoResult(waiting)
        self.clock.advance(0.2)
        self.flush()
        self.assertEqual(self.successResultOf(waiting)["status"], "pending")
        self.assertEqual(self.states, [("pending", None, False)])

    def test_no_time_is_one_look(self) -> None:
        waiting = self.wait(timeout_s=0.0)
        self.assertEqual(self.successResultOf(waiting)["status"], "pending")

    def test_nobody_has_to_look_on(self) -> None:
        waiting = self.dispatcher().wait_for_command(self.queue()["id"], 0.0)
        self.assertEqual(self.result(waiting)["status"], "pending")

    def test_it_can_be_given_up(self) -> None:
        waiting = self.wait()
        waiting.addErrback(lambda _: None)
        waiting.cancel()
        self.pass_on(5.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_command_that_is_none_is_not_waited_for(self) -> None:
        self.failed(self.dispatcher().wait_for_command(ID, 10.0), NotFound)


class VocabularyTests(CommandTestCase):
    def test_every_verb_is_answered(self) -> None:
        self.assertEqual(set(self.answers), set(verbs.ALL))
