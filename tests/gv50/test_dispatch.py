"""Commands on their way: taken, waiting, written, acknowledged, verified, over."""

from __future__ import annotations

from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from gatewaykit.errors import (
    AccessDenied,
    CommandRefused,
    MisuseError,
    NotFound,
    StoreUnavailable,
)
from gatewaykit.interfaces import ICommands, IHealth
from gatewaykit.vehicles import CommandChange
from tests.gv50.support import IMEI, OTHER, Line, heartbeat, report
from tests.gv50.vehicles import ADMIN, VIEWER, CommandCase


class BlockingTests(CommandCase):
    def test_it_is_what_it_says(self) -> None:
        verifyObject(ICommands, self.commands)
        verifyObject(IHealth, self.commands)

    def test_a_standing_vehicle_is_blocked_at_once(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        self.assertEqual(written.type, "GTOUT")
        self.assertEqual(written.values[0], "1")
        self.assertEqual(self.state(id), ("sent", None))
        line.send(self.ack(written))
        self.assertEqual(self.state(id), ("confirmed", None))
        self.assertIsNone(self.command(id)["verified_at"])
        line.send(self.position(type="GTFRI", status="110001"))
        self.assertIsNotNone(self.command(id)["verified_at"])
        self.assertEqual(self.outcomes(id), ["asked", "sent", "confirmed", "verified"])

    def test_only_the_serial_confirms(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.send(self.ack(written, serial="0ABC"))
        line.send(self.ack(attrs.evolve(written, type="GTSRI")))
        self.assertEqual(self.state(id), ("sent", None))
        other = self.online(OTHER)
        other.send(self.ack(written, imei=OTHER))
        self.assertEqual(self.state(id), ("sent", None))
        line.send(self.ack(written, serial=written.serial.lower()))
        self.assertEqual(self.state(id)[0], "confirmed")

    def test_a_moving_vehicle_is_not_blocked(self) -> None:
        line = self.online(speed=63.0)
        id = self.queue()
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(self.state(id), ("pending", "waiting: speed 63 km/h"))
        self.look(20)
        line.send(self.position(speed=4.9))
        self.look()
        self.assertIn("GTOUT", [w.type for w in self.commands_of(line)])

    def test_a_parked_vehicle_is_asked_for_its_position(self) -> None:
        line = self.identified()
        id = self.queue()
        (question,) = self.commands_of(line)
        self.assertEqual((question.type, question.values[0]), ("GTRTO", "1"))
        self.assertEqual(self.state(id), ("pending", "waiting: no live position yet"))
        line.send(self.ack(question), self.position())
        self.look()
        (written,) = self.commands_of(line)
        self.assertEqual(written.type, "GTOUT")
        self.assertNotEqual(written.serial, question.serial)

    def test_questions_are_spaced(self) -> None:
        line = self.identified()
        self.queue()
        self.look(9)
        self.assertEqual(len(self.commands_of(line)), 1)
        self.look(20)
        self.assertEqual(len(self.commands_of(line)), 2)
        self.look(50)
        self.assertEqual(len(self.commands_of(line)), 0)
        self.look(20)
        self.assertEqual(len(self.commands_of(line)), 1)

    def test_a_buffered_position_does_not_count(self) -> None:
        line = self.identified()
        id = self.queue()
        line.send(self.position(prefix="+BUFF"))
        self.look()
        self.assertEqual(self.state(id)[1], "waiting: no live position yet")

    def test_no_fix_does_not_count(self) -> None:
        line = self.online(hdop=0)
        id = self.queue()
        self.look()
        self.assertEqual(self.state(id)[1], "waiting: no live position yet")
        line.send(self.position(hdop=1), self.position(hdop=0))
        self.look(6)
        self.assertEqual(self.state(id)[1], "waiting: it has no GPS fix")

    def test_an_old_fix_does_not_count_whenever_it_comes(self) -> None:
        self.online(age_s=40)
        id = self.queue()
        self.assertEqual(self.state(id)[1], "waiting: its last position is 40 s old")

    def test_an_unblock_needs_no_position(self) -> None:
        line = self.identified()
        self.queue("unblock")
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["0"])

    def test_an_override_needs_no_position_either_but_an_admin(self) -> None:
        line = self.online(speed=63.0)
        text = self.refused(AccessDenied, override="stolen")
        self.assertIn("admin", text)
        id = self.queue(principal=ADMIN, override="stolen, police case 7")
        self.assertEqual(len(self.commands_of(line)), 1)
        self.assertEqual(self.command(id)["override"], "stolen, police case 7")


class WaitingTests(CommandCase):
    def test_offline(self) -> None:
        line = self.online()
        line.end()
        id = self.queue("unblock")
        self.look(6)
        self.assertEqual(
            self.state(id), ("pending", "waiting: the vehicle is not connected")
        )
        line = self.identified()
        self.look()
        self.assertEqual(len(self.commands_of(line)), 1)

    def test_expiry_while_offline(self) -> None:
        self.online().end()
        id = self.queue()
        self.look(605)
        self.assertEqual(self.state(id), ("failed", "expired"))
        line = self.online()
        self.look()
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(self.outcomes(id), ["asked", "waiting", "expired"])

    def test_what_could_be_delivered_after_it_expired_is_not_written(self) -> None:
        self.online().end()
        id = self.queue(expires_in_s=60.0)
        self.look(31)
        line = self.online()
        self.look(6)
        self.assertEqual(self.commands_of(line), [])
        self.assertIn("too late", self.state(id)[1] or "")
        self.look(30)
        self.assertEqual(self.state(id), ("failed", "expired"))

    def test_a_silent_vehicle_gets_nothing_but_a_question(self) -> None:
        line = self.online()
        self.look(15)
        id = self.queue("unblock")
        self.assertEqual([w.type for w in self.commands_of(line)], ["GTRTO"])
        self.assertEqual(self.state(id)[1], "waiting: the vehicle is silent")
        line.send(heartbeat())
        self.look()
        self.assertEqual([w.type for w in self.commands_of(line)], ["GTOUT"])

    def test_one_is_out_at_a_time(self) -> None:
        line = self.online()
        first = self.queue("versions")
        second = self.queue("iccid")
        (written,) = self.commands_of(line)
        self.assertEqual(self.state(second)[1], "waiting: another command is out")
        line.send(self.ack(written))
        self.look()
        self.assertEqual(self.state(first)[0], "confirmed")
        self.assertEqual(len(self.commands_of(line)), 1)

    def test_a_block_that_waits_holds_up_nothing(self) -> None:
        line = self.online(speed=63.0)
        self.queue()
        self.queue("versions")
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["8"])

    def test_an_unblock_takes_the_place_of_a_waiting_block(self) -> None:
        line = self.online(speed=63.0)
        block = self.queue()
        unblock = self.queue("unblock")
        self.assertEqual(self.state(block), ("failed", f"superseded by {unblock}"))
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["0"])

    def test_an_unblock_takes_the_place_of_a_waiting_output_too(self) -> None:
        line = self.online(speed=63.0)
        output = self.queue("output", parameters={"level": 1})
        unblock = self.queue("unblock")
        self.assertEqual(self.state(output), ("failed", f"superseded by {unblock}"))
        self.look()
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["0"])

    def test_what_was_asked_for_with_another_level_is_not_written(self) -> None:
        line = self.online()
        line.end()
        id = self.queue("unblock")
        values = {"block_level": 0}
        kept = self.successResultOf(self.store.register(IMEI, values))
        self.fleet.registered(IMEI, kept)
        line = self.online()
        self.look()
        self.assertEqual(self.commands_of(line), [])
        self.assertIn("level that blocks was another", self.state(id)[1] or "")

    def test_what_lasts_needs_an_override_when_it_is_written_too(self) -> None:
        self.online().end()
        parameters = {"command": "GTDOG", "values": "1,60,7,0300,,0,0,,5,10,"}
        id = self.queue("custom", principal=ADMIN, parameters=parameters)
        kept = self.successResultOf(self.store.register(IMEI, {"block_level": 0}))
        self.fleet.registered(IMEI, kept)
        line = self.online()
        self.look()
        self.assertEqual(self.commands_of(line), [])
        self.assertIn("needs an override", self.state(id)[1] or "")

    def test_cancel(self) -> None:
        line = self.online(speed=63.0)
        id = self.queue()
        record = self.successResultOf(self.commands.cancel(ADMIN, id))
        self.assertEqual(record["status"], "failed")
        self.assertEqual(self.state(id), ("failed", "cancelled by uid:0"))
        line.send(self.position())
        self.look()
        self.assertEqual(self.commands_of(line), [])
        again = self.commands.cancel(ADMIN, id)
        self.failureResultOf(again, CommandRefused)
        self.failureResultOf(self.commands.cancel(ADMIN, "f" * 12), NotFound)

    def test_a_sent_command_cannot_be_cancelled(self) -> None:
        self.online()
        id = self.queue()
        self.failureResultOf(self.commands.cancel(ADMIN, id), CommandRefused)


class AnsweringTests(CommandCase):
    def test_a_block_without_an_acknowledgement_is_written_once(self) -> None:
        line = self.online()
        id = self.queue()
        self.assertEqual(len(self.commands_of(line)), 1)
        self.look(30)
        self.assertTrue(line.aborted)
        self.assertEqual(self.state(id), ("failed", "no acknowledgement within 30 s"))
        line.end()
        line = self.online()
        self.look()
        self.assertEqual(self.commands_of(line), [])

    def test_a_read_is_written_again(self) -> None:
        id = ""
        serials = set()
        for attempt in range(3):
            line = self.online()
            id = id or self.queue("versions")
            self.look()
            (written,) = self.commands_of(line)
            serials.add(written.serial)
            self.look(30)
            self.assertTrue(line.aborted)
            line.end()
            self.assertEqual(self.command(id)["attempts"], attempt + 1)
        self.assertEqual(self.state(id)[0], "failed")
        self.assertEqual(len(serials), 1)

    def test_an_acknowledgement_that_comes_late_is_recorded(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        self.look(30)
        line.end()
        line = self.online()
        line.send(self.ack(written))
        record = self.command(id)
        self.assertEqual(record["status"], "failed")
        self.assertIsNotNone(record["late_ack_at"])
        self.assertIn("late_answer", self.events())

    def test_a_refusal(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        nack = self.ack(written).replace(b"+ACK", b"+NACK")
        line.send(
            nack.replace(written.serial.encode(), b"0," + written.serial.encode())
        )
        self.assertEqual(self.state(id), ("failed", "the vehicle refused it (cause 0)"))

    def test_an_answer_on_the_next_connection_counts(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.end()
        line = self.identified()
        line.send(self.ack(written))
        self.assertEqual(self.state(id)[0], "confirmed")

    def test_a_report_made_before_the_acknowledgement_verifies_nothing(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        before = self.position(type="GTFRI", status="110001")
        line.send(self.ack(written), before)
        self.assertIsNone(self.command(id)["verified_at"])
        line.send(self.position(type="GTFRI", status="110001", prefix="+BUFF"))
        self.assertIsNone(self.command(id)["verified_at"])
        line.send(self.position(type="GTFRI", status="110000"))
        self.assertIsNone(self.command(id)["verified_at"])
        line.send(self.position(type="GTFRI", status="110001"))
        self.assertIsNotNone(self.command(id)["verified_at"])

    def test_a_report_that_overtakes_the_record_of_the_answer_verifies(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        gate: Deferred[None] = Deferred()
        change = self.store.change_command

        def held_up(change_: CommandChange) -> Deferred[bool]:
            return gate.addCallback(lambda _: change(change_))

        self.patch(self.store, "change_command", held_up)
        line.send(self.ack(written))
        line.send(self.position(type="GTFRI", status="110001"))
        self.patch(self.store, "change_command", change)
        gate.callback(None)
        self.assertIsNotNone(self.command(id)["verified_at"])

    def test_a_restarted_device_verifies_by_the_time_of_its_fix(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.send(self.ack(written))
        line.end()
        self.look(5)
        line = self.identified()
        old = self.position(type="GTFRI", status="110001", age_s=60.0, count="7000")
        line.send(old)
        self.assertIsNone(self.command(id)["verified_at"])
        line.send(self.position(type="GTFRI", status="110001", count="0003"))
        self.assertIsNotNone(self.command(id)["verified_at"])

    def test_an_output_that_changes_by_itself_is_an_event(self) -> None:
        line = self.online(type="GTFRI", status="110000")
        line.send(self.position(type="GTFRI", status="110001"))
        self.assertEqual(self.events()[-1], "blocked")
        device = self.successResultOf(self.store.device(IMEI))
        assert device is not None
        self.assertIs(device["blocked"], True)


SERVER = {
    "host": "track.example.net",
    "port": 5001,
    "backup_host": "203.0.113.11",
    "backup_port": 5002,
    "sack": True,
}


class SettingTests(CommandCase):
    """Commands that change what a device keeps, or where it goes."""

    def kept(self) -> Any:
        device = self.successResultOf(self.store.device(IMEI))
        assert device is not None
        return device["settings"]

    def arrive_at(self, port: int, line: Line | None = None) -> Line:
        if line is not None:
            line.end()
        line = self.connect()
        line.transport.hostAddr = IPv4Address("TCP", "10.9.9.9", port)
        line.send(self.position())
        return line

    def test_what_is_acknowledged_is_applied(self) -> None:
        line = self.online()
        self.queue("server", parameters=SERVER)
        self.assertEqual(self.kept()["server"]["wanted"], SERVER)
        self.assertIsNone(self.kept()["server"]["applied"])
        line.send(self.ack(self.commands_of(line)[0]))
        self.assertEqual(self.kept()["server"]["applied"], SERVER)

    def test_a_part_of_the_server_settings_keeps_the_rest(self) -> None:
        line = self.online()
        self.refused(CommandRefused, IMEI, "heartbeat", {"interval_min": 5})
        for kind, parameters in (
            ("server", SERVER),
            ("heartbeat", {"interval_min": 7}),
            ("sack", {"enabled": False}),
        ):
            self.look(2)
            self.queue(kind, parameters=parameters)
            (written,) = self.commands_of(line)
            line.send(self.ack(written))
        self.assertEqual(
            ",".join(written.values),
            "3,,1,track.example.net,5001,203.0.113.11,5002,,7,0,0,0,,0",
        )

    def test_a_device_that_comes_to_its_new_server_has_been_told(self) -> None:
        line = self.arrive_at(5000)
        id = self.queue("server", parameters=SERVER)
        self.look(31)
        self.assertTrue(line.aborted)
        self.assertIn("may still return", self.state(id)[1] or "")
        line = self.arrive_at(5000, line)
        self.assertEqual(self.state(id)[0], "sent")
        self.arrive_at(5001, line)
        self.assertEqual(self.state(id), ("confirmed", "it has come to port 5001"))

    def test_a_device_that_does_not_come_back(self) -> None:
        self.arrive_at(5000)
        id = self.queue("server", parameters=SERVER)
        self.look(340)
        self.assertEqual(self.state(id)[0], "failed")
        self.assertIn("gone elsewhere", self.state(id)[1] or "")

    def test_a_new_data_connection_tells_of_a_new_apn(self) -> None:
        line = self.arrive_at(5000)
        secret = {"apn": "apn.example", "user": "u", "password": "pw-of-apn"}
        id = self.queue("apn", parameters=secret)
        self.assertEqual(self.command(id)["parameters"]["password"], "***")
        line.send(report(type="GTPDP", count=self.count()))
        self.assertEqual(self.state(id)[0], "sent")
        line = self.arrive_at(5000, line)
        line.send(report(type="GTPDP", count=self.count()))
        self.assertEqual(self.state(id)[0], "confirmed")
        self.assertNotIn("pw-of-apn", str(self.store.audit_records))
        self.assertNotIn("pw-of-apn", str(self.log))

    def test_what_can_be_asked_for(self) -> None:
        kinds = {kind["kind"]: kind for kind in self.commands.kinds()}
        self.assertEqual(kinds["block"]["expires_in_s"], 600)
        self.assertEqual(kinds["custom"]["role"], "admin")
        (secret,) = [p for p in kinds["apn"]["parameters"] if p["secret"]]
        self.assertEqual(secret["name"], "password")

    def test_health(self) -> None:
        self.online(speed=63.0)
        self.queue()
        self.assertEqual(self.commands.health()["pending"], 1)
        self.assertEqual(self.commands.health()["status"], "ok")

    def test_the_store_fails_while_an_answer_is_recorded(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        self.store.failure = "disk full"
        line.send(self.ack(written))
        self.look(5)
        self.assertEqual(self.commands.health()["status"], "degraded")
        self.store.failure = None
        self.look(2)
        self.assertEqual(self.state(id)[0], "confirmed")

    def test_an_output_reported_by_itself_verifies(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.send(self.ack(written))
        block = f"1,0.0,258,713.2,-54.500000,-20.500000,{self.stamp()},0724,0003,08AA,59C0,00"
        dos = f"+RESP:GTDOS,090302,{IMEI},,1,1,{block},{self.stamp()},{self.count()}$"
        line.send(dos.encode())
        self.assertIsNotNone(self.command(id)["verified_at"])


class RefusingTests(CommandCase):
    def test_without_a_level(self) -> None:
        self.online()
        self.begin(block_level="")
        self.assertIn("block_level", self.refused(CommandRefused))

    def test_switched_off(self) -> None:
        self.online()
        self.begin(enabled=False)
        self.assertIn("switched off", self.refused(CommandRefused, IMEI, "versions"))

    def test_unknown_vehicle_kind_and_parameter(self) -> None:
        self.refused(NotFound)
        self.online()
        self.refused(MisuseError, IMEI, "explode")
        self.refused(MisuseError, IMEI, "block", {"level": 1})
        self.refused(MisuseError, IMEI, "block", expires_in_s=5.0)

    def test_rate_of_one_vehicle_and_of_one_principal(self) -> None:
        self.online()
        for _ in range(10):
            self.queue("versions")
        self.assertIn("a minute of one vehicle", self.refused(CommandRefused))
        self.look(60)
        self.queue("versions")

    def test_custom_is_for_admins(self) -> None:
        self.online()
        parameters = {"command": "GTRTO", "values": "8,,,,,"}
        self.refused(AccessDenied, IMEI, "custom", parameters)

    def test_what_the_store_cannot_record_is_not_under_way(self) -> None:
        line = self.online()
        self.store.failure = "disk full"
        self.refused(StoreUnavailable)
        self.store.failure = None
        self.look(5)
        self.assertEqual(self.commands_of(line), [])


class TakeoverTests(CommandCase):
    def test_commands_wait_until_the_new_connection_is_believed(self) -> None:
        self.online()
        line = self.identified()
        id = self.queue("unblock")
        self.look(6)
        self.assertIn("taken over", self.state(id)[1] or "")
        self.assertEqual([w.type for w in self.commands_of(line)], ["GTRTO"])
        line.send(self.position(longitude=-54.56))
        self.look()
        self.assertEqual([w.type for w in self.commands_of(line)], ["GTOUT"])

    def test_a_secret_password_is_not_for_one_in_doubt(self) -> None:
        self.patch(self.commands._roster._passwords, "of", lambda *_: "s3cret")
        self.online()
        line = self.identified()
        self.queue("unblock")
        self.look(15)
        self.assertEqual(self.commands_of(line), [])

    def test_one_that_is_elsewhere_waits_for_somebody_to_trust_it(self) -> None:
        self.online()
        line = self.identified()
        id = self.queue("unblock")
        line.send(self.position(longitude=10.0))
        self.look(6)
        self.assertIn("km from where it can be", self.state(id)[1] or "")
        line.end()
        line = self.identified()
        self.look(6)
        self.assertNotIn("GTOUT", [w.type for w in self.commands_of(line)])
        self.successResultOf(self.commands.trust(VIEWER, IMEI))
        line.send(heartbeat())
        self.look()
        self.assertIn("GTOUT", [w.type for w in self.commands_of(line)])
        self.failureResultOf(self.commands.trust(VIEWER, IMEI), NotFound)


class RestartTests(CommandCase):
    def restart(self) -> None:
        self.successResultOf(self.commands.stop())
        self.begin()

    def test_what_waits_waits_on(self) -> None:
        line = self.online(speed=63.0)
        id = self.queue()
        self.restart()
        self.assertEqual(self.state(id)[0], "pending")
        line.send(self.position())
        self.look()
        self.assertEqual(len(self.commands_of(line)), 1)

    def test_a_block_that_was_out_is_unknown(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        self.restart()
        self.assertEqual(self.state(id)[0], "failed")
        self.assertIn("unknown", self.state(id)[1] or "")
        line.send(self.ack(written))
        self.assertEqual(self.state(id)[0], "failed")
        self.assertIsNotNone(self.command(id)["late_ack_at"])

    def test_a_read_that_was_out_is_asked_again(self) -> None:
        line = self.online()
        id = self.queue("versions")
        self.commands_of(line)
        self.restart()
        self.look()
        self.assertEqual(len(self.commands_of(line)), 1)
        self.assertEqual(self.command(id)["attempts"], 2)

    def test_what_was_confirmed_is_verified_later(self) -> None:
        line = self.online()
        id = self.queue()
        (written,) = self.commands_of(line)
        line.send(self.ack(written))
        self.restart()
        self.look(2)
        line.send(self.position(type="GTFRI", status="110001"))
        self.assertIsNotNone(self.command(id)["verified_at"])


class LookingAgainTests(CommandCase):
    """Between the record of a sending and its bytes, everything may change."""

    def setUp(self) -> None:
        super().setUp()
        self.held: list[Deferred[None]] = []
        change = self.store.change_command

        def held_up(change_: CommandChange) -> Deferred[bool]:
            if change_.set.get("status") != "sent":
                return change(change_)
            gate: Deferred[None] = Deferred()
            self.held.append(gate)
            return gate.addCallback(lambda _: change(change_))

        self.patch(self.store, "change_command", held_up)

    def test_a_vehicle_that_drives_off(self) -> None:
        line = self.online()
        id = self.queue()
        line.send(self.position(speed=30.0))
        self.held.pop().callback(None)
        self.assertEqual(self.commands_of(line), [])
        self.assertEqual(self.state(id), ("pending", "waiting: speed 30 km/h"))
        self.assertEqual(self.command(id)["attempts"], 0)
        self.assertIsNone(self.command(id)["sent_at"])

    def test_an_unblock_in_between(self) -> None:
        line = self.online()
        block = self.queue()
        unblock = self.queue("unblock")
        self.held.pop(0).callback(None)
        self.look()
        self.held.pop(0).callback(None)
        self.assertEqual([w.values[0] for w in self.commands_of(line)], ["0"])
        self.assertEqual(self.state(block), ("failed", f"superseded by {unblock}"))

    def test_a_connection_that_ends(self) -> None:
        line = self.online()
        id = self.queue()
        line.end()
        self.held.pop().callback(None)
        self.assertEqual(self.state(id)[0], "pending")
