from __future__ import annotations

import json
from typing import Any

from click.testing import Result
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.cli import asking, command_waits
from gatewaykit.cli.command_waits import Request
from gatewaykit.cli.connection import Gateway
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    CommandRefused,
    ConnectionFailed,
    MisuseError,
    NotFound,
    StoreUnavailable,
)
from gatewaykit.interfaces import Record
from tests.cli.support import ENDPOINT, IMEI, OTHER, FakeGateway, gatewayctl
from tests.cli.vehicles import KINDS, StagedCommands

ID = "5f2a9c01b201"
CREATED = "2026-01-31T12:00:00Z"


class CommandsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.gateway = FakeGateway()
        self.clock = self.gateway.clock
        self.store = self.gateway.store
        self.commands = StagedCommands(self.store, self.clock)
        self.gateway.commands = self.commands

    def run_verb(self, *args: str, input: str | None = None) -> Result:
        result = gatewayctl(self.gateway, *args, input=input)
        self.assertEqual(self.gateway.open, 0)
        return result

    def lines(self, *args: str, code: int = 0) -> list[str]:
        result = self.run_verb(*args)
        self.assertEqual(result.exit_code, code, result.output)
        return result.stdout.splitlines()

    def fails(self, code: int, *args: str) -> str:
        result = self.run_verb(*args)
        self.assertEqual((result.exit_code, result.stdout), (code, ""), result.stderr)
        return result.stderr

    def later(self, seconds: float, status: str, *args: Any, **more: Any) -> None:
        self.clock.callLater(
            seconds, lambda: self.commands.change(status, *args, **more)
        )

    def verify_at(self, seconds: float) -> None:
        self.clock.callLater(
            seconds, lambda: self.commands.change("confirmed", also=("verified",))
        )


class QueueTests(CommandsTestCase):
    def test_block_tells_id_status_and_reason(self) -> None:
        self.commands.reason = "waiting: speed 63 km/h"
        self.assertEqual(
            self.lines("block", IMEI), [f"{ID}  pending  waiting: speed 63 km/h"]
        )
        self.assertEqual(self.commands.asked, [(IMEI, "block", {}, None, None)])
        self.assertEqual(self.clock.seconds(), 0)

    def test_unblock_with_everything(self) -> None:
        self.lines("unblock", IMEI, "--expires", "90", "--override", "on a ferry")
        self.assertEqual(
            self.commands.asked, [(IMEI, "unblock", {}, 90.0, "on a ferry")]
        )

    def test_json_is_the_record(self) -> None:
        (line,) = self.lines("block", IMEI, "--json")
        record = self.successResultOf(self.store.command(ID))
        self.assertEqual(json.loads(line), record)

    def test_what_a_peer_may_have_put_into_a_reason_is_escaped(self) -> None:
        self.commands.reason = "waiting: \x1b[2J\nconfirmed"
        (line,) = self.lines("block", IMEI)
        self.assertIn("\\x1b[2J\\nconfirmed", line)

    def test_usage(self) -> None:
        for args in (
            ("block",),
            ("block", IMEI, "extra"),
            ("block", IMEI, "--timeout", "5"),
            ("block", IMEI, "--wait", "--timeout", "0"),
            ("block", IMEI, "--wait", "--timeout", "x"),
            ("block", IMEI, "--expires", "-1"),
            ("block", IMEI, "--expires", "5"),
            ("block", IMEI, "--override", ""),
            ("block", IMEI, "--override", "a\nb"),
            ("block", "van"),
            ("unblock", "van", "--wait"),
        ):
            self.fails(2, *args)
        self.assertEqual(self.commands.asked, [])

    def test_refused_is_1_and_one_line(self) -> None:
        refusal = CommandRefused(IMEI, "block", "nobody set block_level")
        self.commands.refusal = refusal
        for wait in ((), ("--wait",)):
            self.assertEqual(
                self.fails(1, "block", IMEI, *wait),
                f"gatewayctl: no block for {IMEI}: nobody set block_level\n",
            )

    def test_other_errors(self) -> None:
        for error, code in (
            (AccessDenied("uid:7", "QueueCommand", "dispatcher"), 4),
            (NotFound("device", IMEI), 5),
            (StoreUnavailable("disk full"), 1),
            (MisuseError("override", "x", "a reason"), 2),
        ):
            for wait in ((), ("--wait",)):
                self.commands.refusal = error
                self.assertEqual(
                    self.fails(code, "block", IMEI, *wait), f"gatewayctl: {error}\n"
                )

    def test_no_gateway_is_3_and_nothing_was_queued(self) -> None:
        self.gateway.refusals = [ConnectionFailed(ENDPOINT, "refused")]
        self.assertEqual(self.fails(3, "block", IMEI).count("\n"), 1)

    def test_no_answer_may_mean_that_it_was_queued(self) -> None:
        for error, code in (
            (ConnectionFailed(ENDPOINT, "lost"), 3),
            (CallTimeout("QueueCommand", 30.0), 1),
        ):
            for wait in ((), ("--wait",)):
                self.gateway.failures = [error]
                hint, line = self.fails(code, "block", IMEI, *wait).splitlines()
                self.assertIn("may have been queued all the same", hint)
                self.assertIn(f"`gatewayctl commands {IMEI}`", hint)
                self.assertEqual(line, f"gatewayctl: {error}")

    def test_gateway_without_trackers_is_5(self) -> None:
        self.gateway.commands = None
        self.fails(5, "block", IMEI)


class WaitTests(CommandsTestCase):
    def wait(self, code: int, *args: str, verb: str = "block") -> tuple[list[str], str]:
        result = self.run_verb(verb, IMEI, "--wait", *args)
        self.assertEqual(result.exit_code, code, result.output)
        return result.stdout.splitlines(), result.stderr

    def test_verified_is_0_and_every_state_is_shown(self) -> None:
        self.commands.reason = "waiting: speed 63 km/h"
        self.later(10, "sent", attempts=1)
        self.later(12, "confirmed")
        self.verify_at(40)
        lines, hints = self.wait(0)
        self.assertEqual(
            lines,
            [
                f"{CREATED}  pending  waiting: speed 63 km/h",
                "2026-01-31T12:00:10Z  sent",
                "2026-01-31T12:00:12Z  confirmed",
                "2026-01-31T12:00:40Z  verified",
            ],
        )
        self.assertEqual(hints, "")

    def test_new_reason_is_shown(self) -> None:
        self.commands.reason = "waiting: offline"
        self.later(3, "pending", "waiting: speed 63 km/h")
        lines, _ = self.wait(7)
        self.assertEqual(
            [line.split("  ", 1)[1] for line in lines],
            ["pending  waiting: offline", "pending  waiting: speed 63 km/h"],
        )

    def test_unblock(self) -> None:
        self.verify_at(5)
        lines, _ = self.wait(0, verb="unblock")
        self.assertEqual(lines[-1], "2026-01-31T12:00:05Z  verified")

    def test_next_attempt_is_shown(self) -> None:
        self.later(1, "sent", attempts=1)
        self.later(30, "sent", attempts=2)
        lines, _ = self.wait(7)
        self.assertEqual(lines[-1], "2026-01-31T12:00:30Z  sent  attempt 2")

    def test_states_that_came_between_two_looks_are_shown(self) -> None:
        self.later(0.1, "sent", attempts=1)
        self.later(0.2, "confirmed")
        self.verify_at(0.3)
        lines, _ = self.wait(0)
        self.assertEqual(
            [line.split("  ")[1] for line in lines],
            ["pending", "sent", "confirmed", "verified"],
        )

    def test_confirmed_only_is_6(self) -> None:
        self.later(1, "confirmed")
        lines, hints = self.wait(6)
        self.assertEqual(lines[-1].split("  ")[1], "confirmed")
        self.assertIn(f"`gatewayctl device {IMEI}`", hints)
        self.assertEqual(self.clock.seconds(), 120)

    def test_pending_is_7_and_how_to_cancel_is_told(self) -> None:
        self.commands.reason = "waiting: offline"
        lines, hints = self.wait(7, "--timeout", "5")
        self.assertEqual(lines, [f"{CREATED}  pending  waiting: offline"])
        self.assertEqual(
            hints,
            f"gatewayctl: {ID} stays queued until 2026-01-31T12:10:00Z;"
            f" `gatewayctl cancel {ID}` ends it\n",
        )
        self.assertEqual(self.clock.seconds(), 5)

    def test_sent_is_7(self) -> None:
        self.later(1, "sent")
        _, hints = self.wait(7, "--timeout", "4.5")
        self.assertIn("can't be cancelled", hints)

    def test_failed_is_1_at_once(self) -> None:
        self.later(2, "failed", "expired: vehicle offline\x07")
        lines, hints = self.wait(1)
        self.assertTrue(lines[-1].endswith("failed  expired: vehicle offline\\x07"))
        self.assertEqual(hints, "")
        self.assertLess(self.clock.seconds(), 4)

    def test_json_has_a_line_for_every_state(self) -> None:
        self.later(0.1, "sent", attempts=1)
        self.later(0.2, "confirmed")
        self.verify_at(5)
        lines, _ = self.wait(0, "--json")
        records = [json.loads(line) for line in lines]
        self.assertEqual(
            [(r["status"], r["verified_at"] is not None) for r in records],
            [
                ("pending", False),
                ("sent", False),
                ("confirmed", False),
                ("confirmed", True),
            ],
        )
        self.assertEqual({r["id"] for r in records}, {ID})

    def test_gateway_that_restarts_is_waited_for(self) -> None:
        lost = ConnectionFailed(ENDPOINT, "lost")
        self.gateway.failures = [None, None, lost]
        self.gateway.refusals = [None, lost, lost]
        self.verify_at(10)
        lines, hints = self.wait(0)
        self.assertEqual(lines[-1].split("  ")[1], "verified")
        self.assertEqual(hints, f"gatewayctl: {lost}; trying again\n")

    def test_gateway_that_stays_away_is_3_and_what_stays_is_told(self) -> None:
        lost = ConnectionFailed(ENDPOINT, "lost")
        self.gateway.failures = [None, lost]
        self.gateway.refusals = [None, *[lost] * 20]
        _, hints = self.wait(3, "--timeout", "5")
        again, stays, error = hints.splitlines()
        self.assertIn("trying again", again)
        self.assertIn(f"{ID} stays queued", stays)
        self.assertEqual(error, f"gatewayctl: {lost}")

    def test_store_that_fails_for_a_while_ends_nothing(self) -> None:
        troubles = [StoreUnavailable("disk full"), CallTimeout("GetCommand", 30.0)]
        self.gateway.failures = [None, *troubles]
        self.verify_at(5)
        _, hints = self.wait(0)
        self.assertEqual(hints.count("trying again"), 1)
        self.setUp()
        self.gateway.failures = [None, *troubles * 50]
        self.wait(7, "--timeout", "5")

    def test_command_that_is_gone_is_5(self) -> None:
        self.gateway.failures = [None, NotFound("command", ID)]
        _, hints = self.wait(5)
        self.assertIn("stays queued", hints)

    def test_other_kinds_are_done_when_they_are_confirmed(self) -> None:
        for status, code in (("confirmed", 0), ("failed", 1), ("pending", 7)):
            self.setUp()
            self.later(3, status)
            result = self.run_verb("command", IMEI, "position", "--wait")
            self.assertEqual(result.exit_code, code)

    def test_block_as_a_command_is_waited_for_as_block(self) -> None:
        self.later(3, "confirmed")
        self.lines("command", IMEI, "block", "--wait", code=6)


class InterruptionTests(CommandsTestCase):
    """Ctrl-C cancels what runs; `connection.run_in` makes the exit code of it."""

    def setUp(self) -> None:
        super().setUp()
        self.said: list[str] = []
        self.patch(command_waits, "tell", self.said.append)

    def start(self) -> Deferred[Record]:
        gateway = Gateway(ENDPOINT, self.clock, self.gateway.connect)
        request = Request(IMEI, "block", {})
        return Deferred.fromCoroutine(
            command_waits.queue_and_follow(gateway, request, lambda _: None, 120.0)
        )

    def interrupt(self, done: Deferred[Record]) -> str:
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertEqual(self.gateway.open, 0)
        (text,) = self.said
        return text

    def test_pending_stays_queued(self) -> None:
        done = self.start()
        self.clock.pump([1] * 5)
        text = self.interrupt(done)
        self.assertIn(f"{ID} stays queued until 2026-01-31T12:10:00Z", text)
        self.assertIn(f"`gatewayctl cancel {ID}`", text)

    def test_sent_and_confirmed(self) -> None:
        for status, words in (("sent", "was sent"), ("confirmed", "was acknowledged")):
            self.setUp()
            done = self.start()
            self.commands.change(status)
            self.clock.pump([1] * 5)
            self.assertIn(f"{ID} {words}", self.interrupt(done))

    def test_before_it_is_known_whether_it_was_queued(self) -> None:
        held: Deferred[Record] = Deferred()
        self.commands.queue = lambda *_: held  # type: ignore[method-assign]
        self.assertIn("may have been queued", self.interrupt(self.start()))


class CommandTests(CommandsTestCase):
    def on_terminal(self, *, there: bool) -> None:
        self.patch(asking, "on_terminal", lambda: there)

    def test_parameters_travel_as_what_they_are(self) -> None:
        self.lines("command", IMEI, "interval", "interval_s=30", "--expires", "60")
        self.lines("command", IMEI, "apn", "apn=123", "--yes")
        self.assertEqual(
            self.commands.asked,
            [
                (IMEI, "interval", {"interval_s": 30}, 60.0, None),
                (IMEI, "apn", {"apn": "123"}, None, None),
            ],
        )

    def test_risky_kinds_ask_and_show_what_is_sent(self) -> None:
        self.on_terminal(there=True)
        words = ("command", IMEI, "apn", "apn=inter\x1bnet")
        result = self.run_verb(*words, input="y\n")
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertIn(f"apn for {IMEI}:  apn=inter\\x1bnet", result.stderr)
        self.assertEqual(len(self.commands.asked), 1)
        for answer in ("n\n", "\n", ""):
            result = self.run_verb(*words, input=answer)
            self.assertEqual((result.exit_code, result.stdout), (1, ""))
        self.assertEqual(len(self.commands.asked), 1)

    def test_every_risky_kind_wants_a_yes(self) -> None:
        self.on_terminal(there=False)
        for kind in ("server", "apn", "quick_start", "power_off", "custom"):
            self.assertIn("--yes", self.fails(2, "command", IMEI, kind))
        self.assertEqual(self.gateway.endpoints, [])

    def test_harmless_kinds_ask_nothing(self) -> None:
        self.on_terminal(there=True)
        self.assertEqual(len(self.lines("command", IMEI, "position")), 1)

    def test_secret_is_asked_for_and_never_shown(self) -> None:
        self.on_terminal(there=True)
        result = self.run_verb(
            *("command", IMEI, "apn", "apn=internet", "password=-"),
            input="hunter2\ny\n",
        )
        self.assertEqual(result.exit_code, 0, result.output)
        self.assertNotIn("hunter2", result.output)
        self.assertIn("password=***", result.stderr)
        ((_, _, parameters, _, _),) = self.commands.asked
        self.assertEqual(parameters, {"apn": "internet", "password": "hunter2"})

    def test_secret_that_was_typed_is_not_shown_again(self) -> None:
        self.on_terminal(there=True)
        for kind, word, shown in (
            ("apn", "password=hunter2", "password=***"),
            ("custom", "values=hunter2,,", "values=***"),
            ("server", "whatever=hunter2", "whatever=***"),
        ):
            words = ("command", IMEI, kind, "apn=a", word)
            result = self.run_verb(*words, input="n\n")
            self.assertNotIn("hunter2", result.output)
            self.assertIn(shown, result.stderr)

    def test_what_was_asked_for_is_not_shown_whatever_it_is(self) -> None:
        self.on_terminal(there=True)
        words = ("command", IMEI, "apn", "apn=-")
        result = self.run_verb(*words, input="internet\ny\n")
        self.assertIn("apn=***", result.stderr)
        self.assertNotIn("internet", result.output)

    def test_secret_from_standard_input(self) -> None:
        words = ("command", IMEI, "apn", "password=-", "apn=-", "--yes")
        result = self.run_verb(*words, input="hunter2\r\nnet\n")
        self.assertEqual(result.exit_code, 0, result.output)
        ((_, _, parameters, _, _),) = self.commands.asked
        self.assertEqual(parameters, {"password": "hunter2", "apn": "net"})
        result = self.run_verb(*words, input="hunter2\n")
        self.assertEqual(result.exit_code, 2)
        self.assertIn("no line for apn", result.stderr)

    def test_usage(self) -> None:
        for args in (
            (),
            (IMEI,),
            (IMEI, "position", "seconds"),
            (IMEI, "interval", "interval_s=1", "interval_s=2"),
            (IMEI, "Position"),
            (IMEI, "position", "--timeout", "5"),
            ("--list", IMEI),
        ):
            self.fails(2, "command", *args)
        self.assertEqual(self.commands.asked, [])

    def test_unknown_kind_is_2(self) -> None:
        self.assertIn("'fly'", self.fails(2, "command", IMEI, "fly", "high=true"))

    def test_list_of_kinds_that_fails_means_that_nothing_was_queued(self) -> None:
        self.gateway.failures = [ConnectionFailed(ENDPOINT, "lost")]
        error = self.fails(3, "command", IMEI, "interval", "interval_s=5")
        self.assertNotIn("may have been", error)

    def test_list(self) -> None:
        self.assertEqual(
            self.lines("command", "--list"),
            [
                "block  [dispatcher]  switch the output to the level that blocks",
                "unblock  [dispatcher]  switch it back",
                "position  [dispatcher]  ask for a position",
                "apn  [admin]  set the access point",
                "    apn=1 to 40 characters  (required)",
                "    password=at most 30 characters  (secret, role dispatcher)",
                "interval  [dispatcher]",
                "    interval_s=5 to 86400  (required)",
            ],
        )
        listed = self.lines("command", "--list", "--json")
        self.assertEqual([json.loads(line) for line in listed], KINDS)


class ListTests(CommandsTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.lines("block", IMEI)
        self.commands.change("confirmed", also=("sent", "verified"))
        self.clock.advance(60)
        self.commands.reason = "waiting: \x1b\t"
        self.lines("unblock", OTHER)

    def test_newest_first(self) -> None:
        self.assertEqual(
            self.lines("commands"),
            [
                "ID\tCREATED\tIMEI\tKIND\tSTATUS\tBY\tREASON",
                "\t".join(
                    [
                        *("5f2a9c01b202", "2026-01-31T12:01:00Z", OTHER, "unblock"),
                        *("pending", "fake", "waiting: \\x1b\\t"),
                    ]
                ),
                f"{ID}\t{CREATED}\t{IMEI}\tblock\tverified\tfake\t-",
            ],
        )

    def test_of_a_vehicle_and_of_a_status(self) -> None:
        for args, ids in (
            ((IMEI,), [ID]),
            (("--status", "pending"), ["5f2a9c01b202"]),
            (("--status", "confirmed"), [ID]),
            ((IMEI, "--status", "pending"), []),
        ):
            lines = self.lines("commands", "--json", *args)
            self.assertEqual([json.loads(line)["id"] for line in lines], ids)
        self.fails(2, "commands", "--status", "verified")

    def test_cancel(self) -> None:
        (line,) = self.lines("cancel", "5f2a9c01b202")
        self.assertEqual(line, "5f2a9c01b202  failed  cancelled by fake")

    def test_cancel_as_json(self) -> None:
        (line,) = self.lines("cancel", "5f2a9c01b202", "--json")
        self.assertEqual(json.loads(line)["status"], "failed")

    def test_what_is_not_pending_cannot_be_cancelled(self) -> None:
        self.assertIn("it is confirmed", self.fails(1, "cancel", ID))
        self.fails(5, "cancel", "0" * 12)
        self.fails(2, "cancel", "x")

    def test_trust(self) -> None:
        (line,) = self.lines("trust", IMEI)
        self.assertEqual(line, f"commands go to the present connection of {IMEI}")
        self.assertEqual(self.commands.trusted, [IMEI])
        self.fails(5, "trust", IMEI)
        (line,) = self.lines("trust", OTHER, "--json")
        self.assertEqual(json.loads(line), {"imei": OTHER, "trusted": True})
