from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from gatewaykit.access import Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    NotFound,
)
from gatewaykit.interfaces import Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.modem_answers import LISTINGS, NOT_CONFIGURED, ModemAnswers
from gatewaykit.rpc.modem_calls import ModemAvailability
from gatewaykit.testing import MemoryModem
from tests.rpc.common import RpcTestCase

NUMBER = "+491701234567"


class ReadTests(RpcTestCase):
    def test_records_arrive_as_the_modem_gave_them(self) -> None:
        client = self.client(Role.VIEWER)
        self.assertEqual(self.result(client.network_status()), self.modem.network)
        self.assertEqual(self.result(client.gnss_location()), self.modem.position)
        self.assertEqual(self.result(client.modem_info()), self.modem.identity)
        self.assertEqual(
            self.result(client.modem_available()),
            ModemAvailability(available=True, state="ready", reason=None),
        )

    def test_modem_that_is_gone(self) -> None:
        self.modem.gone = "no such port"
        client = self.client(Role.VIEWER)
        for call in (client.network_status(), client.gnss_location()):
            error = self.failed(call, DeviceUnavailable)
            self.assertEqual(error.reason, "no such port")
        self.assertEqual(
            self.result(client.modem_available()),
            ModemAvailability(available=False, state="absent", reason="no such port"),
        )
        self.assertEqual(self.result(client.modem_info())["state"], "absent")

    def test_reading_leaves_no_audit_record(self) -> None:
        client = self.client()
        self.result(client.network_status())
        self.result(client.modem_events())
        self.assertEqual(self.store.audit_records, [])

    def test_events_come_in_pages(self) -> None:
        for number in range(5):
            self.modem.happened("warning", line=str(number))
        client = self.client(Role.VIEWER)
        first = self.result(client.modem_events(limit=3))
        second = self.result(client.modem_events(cursor=first.cursor, limit=3))
        self.assertEqual(
            [event["sequence"] for event in first.records + second.records],
            [1, 2, 3, 4, 5],
        )
        self.assertIsNone(second.cursor)
        self.assertEqual(
            self.collect(client.iter_modem_events()), first.records + second.records
        )

    def test_events_fit_into_a_page(self) -> None:
        for _ in range(200):
            self.modem.happened("warning", line="x" * 500)
        client = self.client()
        first: Page = self.result(client.modem_events())
        self.assertLess(len(first.records), 200)
        self.assertEqual(len(self.collect(client.iter_modem_events())), 200)

    def test_cursor_of_somebody_else_is_refused(self) -> None:
        client = self.client()
        self.failed(client.modem_events(cursor="theirs"), MisuseError)


class MessageTests(RpcTestCase):
    def test_message_is_sent_and_recorded_without_its_text(self) -> None:
        sent = self.result(self.client(Role.OPERATOR).send_sms(NUMBER, "s3cret"))
        self.assertEqual(sent, {"references": [1], "parts": 1, "encoding": "gsm7"})
        self.assertEqual(self.modem.sent, [(NUMBER, "s3cret")])
        (record,) = self.store.audit_records
        self.assertEqual(
            (record["who"], record["what"], record["arguments"], record["outcome"]),
            ("operator", "SendSMS", {"number": NUMBER, "text": "***"}, "done"),
        )

    def test_text_that_is_refused_by_the_modem_is_in_no_record_either(self) -> None:
        text = "\u20ac\u4e2d" * 700  # UCS2: more than ten parts
        self.failed(self.client().send_sms(NUMBER, text), MisuseError)
        (record,) = self.store.audit_records
        self.assertEqual(record["outcome"], "failed: BAD_ARGUMENT")
        self.assertNotIn("\u4e2d", str(record))

    def test_viewers_may_not_touch_messages(self) -> None:
        self.modem.receive_sms(NUMBER, "private")
        client = self.client(Role.VIEWER)
        for call in (
            client.list_sms(),
            client.send_sms(NUMBER, "s3cret"),
            client.delete_sms(0),
            client.send_at_command('AT+CPIN="1234"'),
        ):
            self.failed(call, AccessDenied)
        self.assertEqual((self.modem.sent, self.modem.commands), ([], []))
        self.assertEqual(
            [(r["what"], r["outcome"]) for r in self.store.audit_records],
            [
                ("ListSMS", "refused"),
                ("SendSMS", "refused"),
                ("DeleteSMS", "refused"),
                ("SendATCommand", "refused"),
            ],
        )
        self.assertNotIn("s3cret", str(self.store.audit_records))
        self.assertNotIn("1234", str(self.store.audit_records[-1]["arguments"]))

    def test_messages_are_listed(self) -> None:
        message = self.modem.receive_sms(NUMBER, "hello\x1b", parts=2)
        client = self.client(Role.OPERATOR)
        self.assertEqual(self.result(client.list_sms()), [message])
        self.assertEqual(message["status"], "unread")
        self.assertEqual(self.result(client.list_sms())[0]["status"], "read")

    def test_every_page_is_of_the_first_listing(self) -> None:
        """Listing again would show unread messages as read ones."""
        for number in range(200):
            self.modem.receive_sms(NUMBER, f"{number} " + "\u4e2d" * 600)
        messages = self.result(self.client().list_sms())
        self.assertEqual(len(messages), 200)
        self.assertEqual({m["status"] for m in messages}, {"unread"})
        self.assertEqual(
            [int(m["text"].split()[0]) for m in messages], list(range(200))
        )

    def test_deleting_one_and_all(self) -> None:
        for parts in (2, 1, 3):
            self.modem.receive_sms(NUMBER, "x", parts=parts)
        client = self.client(Role.OPERATOR)
        self.assertEqual(self.result(client.delete_sms(1)), 2)
        self.assertEqual(self.failed(client.delete_sms(1), NotFound).name, "1")
        self.assertEqual(self.result(client.delete_sms(everything=True)), 4)
        self.assertEqual(self.result(client.list_sms()), [])
        self.failed(client.delete_sms(), MisuseError)
        self.failed(client.delete_sms(1, everything=True), MisuseError)
        self.assertEqual(
            [r["arguments"] for r in self.store.audit_records],
            [{"index": "1"}, {"index": "1"}, {"all": "True"}, {}],
        )


class PageTests(RpcTestCase):
    def ask(self, table: Any, **arguments: Any) -> Record:
        answer = Deferred.fromCoroutine(table[verbs.ListSMS](**arguments))
        record: Record = self.successResultOf(answer)
        return record

    @given(st.lists(st.integers(1, 1530), max_size=80), st.integers(1, 100))
    def test_no_page_is_too_long_and_no_message_is_lost(
        self, sizes: list[int], limit: int
    ) -> None:
        modem = MemoryModem()
        for size in sizes:
            modem.receive_sms("1", "\u4e2d" * size)
        table = ModemAnswers(modem).table()
        found: list[int] = []
        cursor: str | None = None
        while True:
            page = self.ask(table, cursor=cursor, limit=limit)
            self.assertLessEqual(len(page["messages"]), limit)
            box = verbs.ListSMS.makeResponse(page, None)
            self.assertLessEqual(set(box), {b"messages", b"cursor"})
            box.serialize()
            found += [len(message["text"]) for message in page["messages"]]
            cursor = page["cursor"]
            if cursor is None:
                break
        self.assertEqual(found, sizes)

    def test_few_listings_are_kept(self) -> None:
        modem = MemoryModem()
        for _ in range(2):
            modem.receive_sms("1", "x")
        table = ModemAnswers(modem).table()
        first = self.ask(table, cursor=None, limit=1)["cursor"]
        for _ in range(LISTINGS - 1):
            self.ask(table, cursor=None, limit=1)
        self.assertEqual(len(self.ask(table, cursor=first, limit=1)["messages"]), 1)
        self.ask(table, cursor=None, limit=1)
        asked = table[verbs.ListSMS](cursor=first, limit=1)
        self.failureResultOf(Deferred.fromCoroutine(asked), MisuseError)


class CommandTests(RpcTestCase):
    def test_lines_of_the_answer(self) -> None:
        self.modem.answers["AT+CSQ"] = ["+CSQ: 20,99"]
        client = self.client(Role.OPERATOR)
        self.assertEqual(self.result(client.send_at_command("AT+CSQ")), ["+CSQ: 20,99"])
        self.assertEqual(
            self.store.audit_records[0]["arguments"], {"command": "AT+CSQ"}
        )

    def test_pin_is_in_no_record(self) -> None:
        self.result(self.client().send_at_command('AT+CPIN="1234"'))
        self.assertEqual(self.modem.commands, ['AT+CPIN="1234"'])
        self.assertEqual(
            self.store.audit_records[0]["arguments"], {"command": "AT+CPIN=***"}
        )

    def test_command_that_the_settings_do_not_allow(self) -> None:
        error = self.failed(self.client().send_at_command("AT+CRESET"), MisuseError)
        self.assertIn("sim7600.at_commands", error.allowed)
        self.assertEqual(self.modem.commands, [])

    def test_errors_of_the_modem_arrive(self) -> None:
        client = self.client()
        for failure in (
            DeviceTimeout("the modem", "AT+CSQ", 3.0),
            DeviceRefused("the modem", "AT+CSQ", "SIM busy"),
        ):
            self.modem.failure = failure
            error = self.failed(client.send_at_command("AT+CSQ"), type(failure))
            self.assertEqual(error.args, failure.args)
        self.assertEqual(
            [record["outcome"] for record in self.store.audit_records],
            ["failed: DEVICE_TIMEOUT", "failed: DEVICE_REFUSED"],
        )


class DeadlineTests(RpcTestCase):
    def send(self) -> Deferred[Record]:
        self.modem.send_sms = lambda number, text: Deferred()  # type: ignore[method-assign]
        call = self.client().send_sms(NUMBER, "x")
        self.flush()
        return call

    def test_message_may_take_five_minutes(self) -> None:
        call = self.send()
        self.clock.advance(299.9)
        self.flush()
        self.assertNoResult(call)
        self.clock.advance(0.1)
        self.assertEqual(self.failed(call, CallTimeout).args, ("SendSMS", 300.0))

    def test_client_gives_up_a_little_later(self) -> None:
        call = self.send()
        self.clock.advance(310.0)  # and nothing arrives
        self.assertEqual(
            self.failureResultOf(call, CallTimeout).value.args, ("SendSMS", 310.0)
        )
        self.flush()

    def test_one_deadline_for_all_shortens_it(self) -> None:
        self.factory = self.make_factory(deadline_s=5.0)
        call = self.send()
        self.clock.advance(5.0)
        self.assertEqual(self.failed(call, CallTimeout).args, ("SendSMS", 5.0))


class WithoutModemTests(RpcTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.answers = {**self.answers, **ModemAnswers(None).table()}
        self.factory = self.make_factory()

    def test_there_is_none(self) -> None:
        self.assertEqual(
            self.result(self.client(Role.VIEWER).modem_available()),
            ModemAvailability(available=False, state="absent", reason=NOT_CONFIGURED),
        )

    def test_everything_else_is_not_found(self) -> None:
        client = self.client()
        for call in (
            client.network_status(),
            client.gnss_location(),
            client.modem_info(),
            client.modem_events(),
            client.list_sms(),
            client.send_sms(NUMBER, "x"),
            client.delete_sms(0),
            client.send_at_command("AT+CSQ"),
        ):
            error = self.failed(call, NotFound)
            self.assertEqual(error.args, ("subsystem", "sim7600"))
