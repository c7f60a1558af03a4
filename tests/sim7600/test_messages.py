"""Short messages by the service: sent whole or not, never missed when they come."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    NotFound,
)
from gatewaykit.sim7600.messages import RESULT_S
from tests.sim7600.scripted import ModemTestCase

DELIVERED = (
    "07911326040000F0040B911346610089F60000208062917314480CC8F71D14969741F977FD07"
)


class MessageTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.start()

    def ask(self, call: Deferred[Any], wait_s: float = 1.0) -> Any:
        self.run_for(wait_s)
        return self.successResultOf(call)

    def test_send(self) -> None:
        sent = self.ask(self.modem.send_sms("+447700900123", "Hello"))
        self.assertEqual(sent, {"references": [46], "parts": 1, "encoding": "gsm7"})

    def test_send_in_parts(self) -> None:
        sent = self.ask(self.modem.send_sms("+447700900123", "x" * 200))
        self.assertEqual((sent["references"], sent["parts"]), ([46, 46], 2))

    def test_send_to_nobody(self) -> None:
        self.failureResultOf(self.modem.send_sms("nobody", "Hello"), MisuseError)

    def test_send_with_a_sim_that_is_busy_at_first(self) -> None:
        busy = ["+CMS ERROR: 314", "+CMS ERROR: SIM busy", ""]
        self.scripted.answers["AT+CMGF=0"] = lambda: busy.pop(0)
        self.assertEqual(
            self.ask(self.modem.send_sms("+447700900123", "Hello"), 10)["parts"], 1
        )

    def test_list(self) -> None:
        self.scripted.answers["AT+CMGL=4"] = f"+CMGL: 3,0,,24\n{DELIVERED}"
        (message,) = self.ask(self.modem.list_sms())
        self.assertEqual(
            {n: message[n] for n in ("index", "status", "storage", "text")},
            {"index": 3, "status": "unread", "storage": "ME", "text": "How are you?"},
        )

    def test_delete(self) -> None:
        self.scripted.answers |= {
            "AT+CMGL=4": f"+CMGL: 3,0,,24\n{DELIVERED}",
            "AT+CMGD=3": "",
        }
        self.assertEqual(self.ask(self.modem.delete_sms(3)), 1)
        self.assertEqual(self.scripted.commands[-1], "AT+CMGD=3")
        missing = self.modem.delete_sms(4)
        self.run_for(1)
        self.failureResultOf(missing, NotFound)

    def test_delete_all(self) -> None:
        self.scripted.answers |= {
            "AT+CPMS?": '+CPMS: "ME",5,23,"ME",5,23,"ME",5,23',
            "AT+CMGD=,4": "",
        }
        self.assertEqual(self.ask(self.modem.delete_sms(None)), 5)
        self.assertEqual(self.scripted.commands[-2:], ["AT+CMGD=1,4", "AT+CMGD=,4"])

    def test_refused_by_the_network(self) -> None:
        self.scripted.answers["AT+CMGD=1,4"] = "+CMS ERROR: 331"
        self.scripted.answers["AT+CMGD=,4"] = "+CMS ERROR: 331"
        call = self.modem.delete_sms(None)
        self.run_for(1)
        self.assertIn("etwork", self.failureResultOf(call, DeviceRefused).value.reason)

    def test_part_that_fails_is_named(self) -> None:
        answers = ["+CMGS: 1", "+CMS ERROR: 331"]
        self.scripted.answers["AT+CMGS"] = lambda: answers.pop(0)
        call = self.modem.send_sms("+447700900123", "x" * 400)
        self.run_for(1)
        error = self.failureResultOf(call, DeviceRefused).value
        self.assertIn("part 2 of 3", str(error))
        self.assertNotIn("447700", str(error))
        self.assertEqual(answers, [])

    def test_part_without_an_answer_is_named_and_not_sent_again(self) -> None:
        answers = ["+CMGS: 1", None]
        self.scripted.answers["AT+CMGS"] = lambda: answers.pop(0)
        call = self.modem.send_sms("+447700900123", "x" * 200)
        self.run_for(RESULT_S + 10, 0.5)
        error = self.failureResultOf(call, DeviceTimeout).value
        self.assertIn("part 2 of 2", str(error))

    def test_reference_that_cannot_be_read(self) -> None:
        """The message is on its way: to report a failure would have it sent again."""
        self.scripted.answers["AT+CMGS"] = "+CMGS: x"
        sent = self.ask(self.modem.send_sms("+447700900123", "Hello"))
        self.assertEqual((sent["references"], sent["parts"]), ([], 1))

    def test_many_at_once_keep_their_references(self) -> None:
        number = iter(range(100))
        self.scripted.answers["AT+CMGS"] = lambda: f"+CMGS: {next(number)}"
        calls = [self.modem.send_sms("+447700900123", "x" * 200) for _ in range(10)]
        self.run_for(5)
        found = [self.successResultOf(call)["references"] for call in calls]
        self.assertEqual(found, [[2 * n, 2 * n + 1] for n in range(10)])

    def test_another_program_switches_to_text_mode_between_parts(self) -> None:
        self.ask(self.modem.send_sms("+447700900123", "x" * 400))
        sent = [c for c in self.scripted.commands if c.startswith("AT+CMG")][-6:]
        self.assertEqual(sent[::2], ["AT+CMGF=0"] * 3)

    def test_cancelled_while_it_waits_for_its_turn(self) -> None:
        self.scripted.answers["AT+CMGS"] = None
        first = self.modem.send_sms("+447700900123", "Hello")
        second = self.modem.list_sms()
        self.run_for(1)
        second.cancel()
        self.failureResultOf(second, CancelledError)
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.scripted.answers["AT+CMGS"] = "+CMGS: 46"
        third = self.modem.list_sms()
        self.run_for(RESULT_S + 20, 0.5)
        self.assertEqual(self.successResultOf(third), [])

    def test_stop_in_the_middle(self) -> None:
        self.scripted.answers["AT+CMGF=0"] = "+CMS ERROR: 314"
        calls = [self.modem.send_sms("+447700900123", "Hi"), self.modem.list_sms()]
        self.run_for(1)
        stopping = self.modem.stop()
        self.run_for(0.2)
        self.successResultOf(stopping)
        for call in calls:
            self.failureResultOf(call, DeviceUnavailable)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_port_that_goes_in_the_middle(self) -> None:
        self.scripted.answers["AT+CMGS"] = None
        call = self.modem.send_sms("+447700900123", "Hello")
        self.run_for(1)
        self.scripted.unplug()
        self.failureResultOf(call, DeviceUnavailable)

    def test_delete_of_no_index(self) -> None:
        self.failureResultOf(self.modem.delete_sms(-1), MisuseError)

    def test_message_that_cannot_be_read_can_be_deleted(self) -> None:
        self.scripted.answers |= {
            "AT+CMGL=4": "+CMGL: 3,0,,24\n00112233",
            "AT+CMGD=3": "",
        }
        self.assertEqual(self.ask(self.modem.list_sms()), [])
        self.assertEqual(self.ask(self.modem.delete_sms(3)), 1)

    def test_store_that_cannot_be_read(self) -> None:
        self.scripted.answers |= {
            "AT+CPMS?": "+CPMS: nonsense",
            "AT+CMGL=4": f"+CMGL: 3,0,,24\n{DELIVERED}",
        }
        (message,) = self.ask(self.modem.list_sms())
        self.assertIsNone(message["storage"])
        call = self.modem.delete_sms(None)
        self.run_for(1)
        self.failureResultOf(call, DeviceRefused)


class ArrivalTests(ModemTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.used = 0
        self.scripted.answers["AT+CPMS?"] = lambda: (
            f'+CPMS: "ME",{self.used},23,"ME",{self.used},23,"ME",{self.used},23'
        )

    def told(self, event: str = "sms") -> list[dict[str, Any]]:
        records = self.modem.events(None, 999).records
        return [r["details"] for r in records if r["event"] == event]

    def test_unread_ones_of_before_are_told_and_listed_as_unread_once(self) -> None:
        self.used = 1
        self.scripted.answers |= {
            "AT+CMGL=0": f"+CMGL: 3,0,,24\n{DELIVERED}",
            "AT+CMGL=4": f"+CMGL: 3,1,,24\n{DELIVERED}",
        }
        self.start()
        self.assertEqual(self.told(), [{"storage": "ME", "index": 3}])
        for status in ("unread", "read"):
            call = self.modem.list_sms()
            self.run_for(1)
            self.assertEqual(self.successResultOf(call)[0]["status"], status)

    def test_one_that_announces_itself_meanwhile_is_told_once(self) -> None:
        self.used = 1

        def listing() -> str:
            self.scripted.say('+CMTI: "ME",3')
            return f"+CMGL: 3,0,,24\n{DELIVERED}"

        self.scripted.answers["AT+CMGL=0"] = listing
        self.start()
        self.assertEqual(len(self.told()), 1)

    def test_modem_that_does_not_list_unread_ones(self) -> None:
        self.scripted.answers |= {"AT+CMGL=0": "ERROR", "AT+CPMS?": "ERROR"}
        self.start()
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_set_up_that_failed_is_done_again(self) -> None:
        self.scripted.answers["AT+CNMI=2,1,0,0,0"] = "+CMS ERROR: 302"
        self.start()
        self.scripted.answers["AT+CNMI=2,1,0,0,0"] = ""
        before = self.scripted.commands.count("AT+CNMI=2,1,0,0,0")
        self.run_for(62, 0.5)
        after = self.scripted.commands.count("AT+CNMI=2,1,0,0,0")
        self.assertEqual(after, before + 1)

    def test_sms_done_is_when_it_is_done_again(self) -> None:
        self.scripted.answers["AT+CNMI=2,1,0,0,0"] = "+CMS ERROR: 302"
        self.start()
        self.scripted.answers["AT+CNMI=2,1,0,0,0"] = ""
        self.scripted.say("SMS DONE")
        self.run_for(1)
        self.assertEqual(self.scripted.commands.count("AT+CNMI=2,1,0,0,0"), 2)

    def test_full_store_is_told_until_it_is_not(self) -> None:
        self.start()
        self.used = 23
        self.scripted.say('+CMTI: "ME",22')
        self.run_for(1)
        self.assertIn("full (23 of 23)", self.modem.health()["reason"])
        self.assertEqual(len(self.told("warning")), 1)
        self.run_for(65, 0.5)
        self.assertEqual(len(self.told("warning")), 1)
        self.used = 22
        self.run_for(31, 0.5)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_deleting_makes_room(self) -> None:
        self.used = 23
        self.scripted.answers |= {"AT+CMGD=1,4": ""}
        self.start()
        self.assertIn("full", self.modem.health()["reason"])
        call = self.modem.delete_sms(None)
        self.run_for(1)
        self.assertEqual(self.successResultOf(call), 23)
        self.assertEqual(self.modem.health()["status"], "ok")

    def test_report_of_delivery_is_no_message(self) -> None:
        self.start()
        self.scripted.say('+CDSI: "SR",1', '+CMTI: "ME",x')
        self.assertEqual(self.told(), [{"storage": "ME", "index": None}])

    def test_message_past_the_store(self) -> None:
        self.start()
        self.scripted.say(f"+CMT: ,24\r\n{DELIVERED}")
        self.run_for(1)
        self.assertEqual(self.scripted.commands.count("AT+CNMI=2,1,0,0,0"), 2)
        self.assertIn("past the modem's store", self.modem.health()["reason"])
