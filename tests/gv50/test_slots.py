"""Between a command's record and its bytes, and between its bytes and its answer."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from gatewaykit.errors import CommandRefused, MisuseError, StoreUnavailable
from gatewaykit.gv50.dispatch import MOST_WAITING
from gatewaykit.vehicles import CommandChange, Registration
from tests.gv50.support import IMEI, Line, heartbeat
from tests.gv50.vehicles import ADMIN, DISPATCHER, CommandCase

SERVER = {
    "host": "new.example.net",
    "port": 6000,
    "backup_host": "old.example.net",
    "backup_port": 5000,
    "heartbeat_min": 60,
    "sack": False,
}


class SerialTests(CommandCase):
    def test_a_command_that_waits_to_be_written_again_keeps_its_serial(self) -> None:
        line = self.online()
        self.queue("versions")
        (written,) = self.commands_of(line)
        self.look(30)
        line.end()
        self.queue("unblock")
        self.numbers = int(written.serial, 16) - 2
        line = self.online()
        self.look()
        (unblock,) = self.commands_of(line)
        self.assertEqual(unblock.type, "GTOUT")
        self.assertNotEqual(unblock.serial, written.serial)


class RecordingTests(CommandCase):
    """The store answers when it is told to."""

    def setUp(self) -> None:
        super().setUp()
        self.held: list[Deferred[None]] = []
        for name in ("change_command", "add_command"):
            self.patch(self.store, name, self.later(getattr(self.store, name)))

    def later(self, act: Any) -> Any:
        def held_up(*arguments: Any) -> Deferred[Any]:
            first = arguments[0]
            if isinstance(first, CommandChange) and first.set.get("status") != "sent":
                return act(*arguments)  # type: ignore[no-any-return]
            gate: Deferred[None] = Deferred()
            self.held.append(gate)
            return gate.addCallback(lambda _: act(*arguments))

        return held_up

    def go_on(self, *, fails: bool = False) -> None:
        gate = self.held.pop(0)
        if fails:
            gate.errback(StoreUnavailable("disk full"))
        else:
            gate.callback(None)

    def ask(self, kind: str) -> Deferred[Any]:
        return self.commands.queue(DISPATCHER, IMEI, kind, {})

    def test_what_could_not_be_recorded_supersedes_nothing(self) -> None:
        line = self.online()
        block = self.ask("block")
        self.go_on()
        id = self.successResultOf(block)["id"]
        unblock = self.ask("unblock")
        self.go_on()
        self.assertEqual(self.state(id)[0], "pending")
        self.assertEqual(self.commands_of(line), [])
        self.go_on(fails=True)
        self.failureResultOf(unblock, StoreUnavailable)
        self.look()
        self.go_on()
        (written,) = self.commands_of(line)
        self.assertEqual(written.values[0], "1")

    def test_what_was_being_recorded_as_sent_is_superseded(self) -> None:
        line = self.online()
        block = self.ask("block")
        self.go_on()
        id = self.successResultOf(block)["id"]
        unblock = self.ask("unblock")
        self.go_on()
        self.go_on()
        self.look()
        superseder = self.successResultOf(unblock)["id"]
        self.assertEqual(self.state(id), ("failed", f"superseded by {superseder}"))
        self.assertEqual(self.command(id)["attempts"], 0)
        self.go_on()
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["0"])

    def test_another_level_in_between_is_not_what_was_asked_for(self) -> None:
        line = self.online()
        block = self.ask("block")
        self.go_on()
        id = self.successResultOf(block)["id"]
        self.fleet.registered(IMEI, Registration(block_level=0))
        self.go_on()
        self.look()
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(self.state(id)[0], "failed")

    def test_a_stop_in_between(self) -> None:
        line = self.online()
        block = self.ask("block")
        self.go_on()
        id = self.successResultOf(block)["id"]
        stopping = self.commands.stop()
        self.assertNoResult(stopping)
        self.go_on()
        self.successResultOf(stopping)
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(self.state(id), ("pending", "the gateway stops"))

    def test_what_is_taken_on_while_the_gateway_stops_waits(self) -> None:
        line = self.online()
        block = self.ask("block")
        self.successResultOf(self.commands.stop())
        self.go_on()
        id = self.successResultOf(block)["id"]
        self.assertEqual(self.state(id)[0], "pending")
        self.assertEqual((self.commands_of(line), self.held), ([], []))


class DoubtTests(CommandCase):
    """Who takes a connection over may guess."""

    def take_over(self) -> tuple[str, Any, Line]:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        return id, written, self.identified()

    def test_an_answer_counts_once_the_connection_is_believed(self) -> None:
        id, written, line = self.take_over()
        line.send(self.ack(written))
        self.assertEqual(self.state(id)[0], "sent")
        self.look()
        self.assertEqual([w.type for w in self.commands_of(line)], ["GTRTO"])
        line.send(self.position())
        self.assertEqual(self.state(id)[0], "confirmed")

    def test_or_once_somebody_trusts_it(self) -> None:
        id, written, line = self.take_over()
        line.send(self.ack(written))
        self.successResultOf(self.commands.trust(ADMIN, IMEI))
        self.assertEqual(self.state(id)[0], "confirmed")

    def test_else_never(self) -> None:
        id, written, line = self.take_over()
        line.send(self.ack(written))
        self.look(30)
        status, reason = self.state(id)
        self.assertEqual(status, "failed")
        self.assertIn("not believed", reason or "")

    def test_a_quarantined_one_is_asked_nothing(self) -> None:
        _, written, line = self.take_over()
        line.send(self.ack(written))
        self.fleet.policy_changed(IMEI, "quarantined")
        self.look(20)
        self.assertEqual(self.commands_of(line), [])

    def test_nor_does_it_return_from_where_it_was_sent(self) -> None:
        line = self.online()
        id = self.queue("server", parameters=SERVER)
        self.commands_of(line)
        line = self.connect()
        line.transport.hostAddr = IPv4Address("TCP", "127.0.0.1", 6000)
        line.send(heartbeat())
        self.assertEqual(self.state(id)[0], "sent")
        line.send(self.position())
        self.assertEqual(self.state(id), ("confirmed", "it has come to port 6000"))


class EndingTests(CommandCase):
    def test_an_old_connection_delivers_nothing_after_the_limit(self) -> None:
        """It may still be closing, with the command in its buffer."""
        line = self.online()
        self.queue()
        self.commands_of(line)
        self.identified()
        self.assertFalse(line.aborted)
        self.look(30)
        self.assertTrue(line.aborted)

    def test_a_connection_that_is_about_to_end_is_none(self) -> None:
        """It may take its time: its peer may leave unread what it was promised."""
        line = self.online()
        line.protocol.close("policy", "some reason")
        id = self.queue("unblock")
        self.look(3)
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(
            self.state(id), ("pending", "waiting: the vehicle is not connected")
        )
        self.assertEqual(self.outcomes(id), ["asked", "waiting"])

    def test_a_bug_holds_up_nothing(self) -> None:
        line = self.online()

        def broken(*_: object) -> bool:
            raise ZeroDivisionError

        self.patch(type(line.protocol), "write_command", broken)
        id = self.queue()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        status, reason = self.state(id)
        self.assertEqual(status, "failed")
        self.assertIn("unknown", reason or "")

    def test_an_answer_while_the_failure_is_being_recorded_is_late(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.end()
        self.look(29)
        line = self.identified()
        self.store.failure = "disk full"
        self.look(1)
        line.send(self.ack(written))
        self.store.failure = None
        self.look(2)
        record = self.command(id)
        self.assertEqual(record["status"], "failed")
        self.assertIsNotNone(record["late_ack_at"])

    def test_what_was_written_and_expires_may_be_answered_late(self) -> None:
        line = self.online()
        id = self.queue("versions", expires_in_s=61.0)
        (written,) = self.commands_of(line)
        self.look(30)
        line.end()
        self.look(40)
        self.assertEqual(self.state(id), ("failed", "expired"))
        self.online().send(self.ack(written))
        self.assertIsNotNone(self.command(id)["late_ack_at"])


class AskingTests(CommandCase):
    def test_what_waits_follows_a_new_server(self) -> None:
        """A part of the settings told with the old ones would bring these back."""
        line = self.online()
        self.fleet.registered(IMEI, Registration(model="GV55", block_level=1))
        self.queue("server", parameters=SERVER)
        (written,) = self.commands_of(line)
        line.send(self.ack(written))
        other = {**SERVER, "host": "newer.example.net", "port": 7000}
        self.queue("server", parameters=other)
        self.queue("heartbeat", parameters={"interval_min": 30})
        (written,) = self.commands_of(line)
        self.assertIn("newer.example.net", written.values)
        line.send(self.ack(written))
        self.look()
        (written,) = self.commands_of(line)
        self.assertIn("newer.example.net", written.values)
        self.assertIn("30", written.values)

    def test_so_many_wait_for_one_vehicle(self) -> None:
        self.begin(per_vehicle=1000, per_principal=1000)
        self.online().end()
        for _ in range(MOST_WAITING):
            self.queue("versions")
        text = self.refused(CommandRefused, kind="versions")
        self.assertIn("wait for this vehicle", text)
        self.queue("block")
        self.queue("unblock")

    def test_an_override_has_a_reason(self) -> None:
        self.online()
        self.refused(MisuseError, principal=ADMIN, override=" ")
