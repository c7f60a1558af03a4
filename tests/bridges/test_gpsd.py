from __future__ import annotations

import json
import socket
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import ITCPTransport, ITransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import LogLevel, capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides
from zope.interface.verify import verifyObject

from gatewaykit import access, metrics
from gatewaykit.access import Principal, Role
from gatewaykit.bridges import gpsd_feed
from gatewaykit.bridges import gpsd_objects as objects
from gatewaykit.bridges.gpsd import (
    KERNEL_BYTES,
    UNREAD_S,
    VERB,
    GpsdConnection,
    GpsdFactory,
)
from gatewaykit.errors import DeviceUnavailable
from gatewaykit.interfaces import IHealth, IModem, Record
from gatewaykit.sim7600 import nmea
from tests.bridges.gpsd_support import DEVICE, FIX, SEARCHING, FakeModem, located

GREETING = objects.line(objects.VERSION)
NOW = "2026-01-31T12:00:00.000Z"
DEVICE_LINE = (
    b'{"class":"DEVICE","path":"/dev/ttyUSB2","driver":"NMEA0183",'
    b'"activated":"2026-01-31T12:00:00.000Z","flags":1,"native":0,"bps":115200,'
    b'"parity":"N","stopbits":1,"cycle":1.00}'
)
DEVICES = b'{"class":"DEVICES","devices":[%s]}\r\n' % DEVICE_LINE
GONE = b'{"class":"DEVICE","path":"/dev/ttyUSB2","activated":0}\r\n'
EPOCH = objects.epoch(DEVICE, FIX).lines
NOTHING = objects.epoch(DEVICE, objects.NOTHING).lines
WATCH = b'?WATCH={"enable":true,"json":true};\n'
WATCH_NMEA = b'?WATCH={"enable":true,"nmea":true};\n'
UNWATCH = b'?WATCH={"enable":false}'


def watching(enable: bool = True, json: bool = True, nmea: bool = False) -> bytes:
    def word(value: bool) -> bytes:
        return b"true" if value else b"false"

    return (
        b'{"class":"WATCH","enable":%s,"json":%s,"nmea":%s,"raw":0,"scaled":false,'
        b'"timing":false,"split24":false,"pps":false}\r\n'
        % (word(enable), word(json), word(nmea))
    )


class Transport(StringTransport):
    """Tells its protocol that it is closed when the test lets it."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True
        super().loseConnection()

    def loseConnection(self) -> None:
        # The real one waits for a paused producer for ever.
        assert self.producer is None
        super().loseConnection()


class TCPTransport(Transport):
    def __init__(self, handle: object) -> None:
        super().__init__()
        directlyProvides(self, ITCPTransport)
        self.handle = handle
        self.options: list[str] = []

    def getHandle(self) -> object:
        return self.handle

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.options.append("no delay")

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options.append("keep alive")


class Client:
    """The bytes that one client sends and gets."""

    def __init__(self, factory: GpsdFactory) -> None:
        built = factory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 40000))
        assert built is not None
        self.protocol: GpsdConnection = built
        self.transport = Transport()
        self.protocol.makeConnection(cast(ITransport, self.transport))

    def got(self) -> bytes:
        """What came since the last look."""
        data: bytes = self.transport.value()
        self.transport.clear()
        return data

    def ask(self, data: bytes) -> bytes:
        self.got()
        self.protocol.dataReceived(data)
        return self.got()

    def leave(self) -> None:
        self.protocol.connectionLost(Failure(ConnectionDone()))


class GpsdTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        access.declare(VERB, Role.VIEWER)
        self.clock = Clock()
        self.clock.advance(1_769_860_800)  # 2026-01-31T12:00:00Z
        self.modem = FakeModem()
        self.principal: Principal | None = Principal(
            "anonymous", frozenset({Role.VIEWER}), "tcp:127.0.0.1:40000"
        )
        self.factory = self.make_factory()

    def make_factory(self, **options: Any) -> GpsdFactory:
        return GpsdFactory(
            self.modem,
            lambda _: self.principal,
            self.clock,
            lambda: int(self.clock.seconds() * 1000),
            DEVICE,
            115_200,
            **options,
        )

    def client(self) -> Client:
        client = Client(self.factory)
        client.got()
        return client

    def watcher(self, request: bytes = WATCH) -> Client:
        client = self.client()
        client.ask(request)
        return client

    def dropped(self, reason: str) -> float:
        counter = metrics.bridge_dropped.labels("gpsd", reason)
        return sum(
            s.value
            for m in counter.collect()
            for s in m.samples
            if s.name[-6:] == "_total"
        )


class RequestTests(GpsdTestCase):
    def test_the_fake_is_a_modem(self) -> None:
        self.assertTrue(verifyObject(IModem, self.modem))

    def test_greeting_comes_at_once(self) -> None:
        self.assertEqual(Client(self.factory).got(), GREETING)

    def test_version(self) -> None:
        self.assertEqual(self.client().ask(b"?VERSION;"), GREETING)

    def test_devices(self) -> None:
        self.assertEqual(self.client().ask(b"?DEVICES;\n"), DEVICES)

    def test_device(self) -> None:
        self.assertEqual(self.client().ask(b"?DEVICE;"), DEVICE_LINE + b"\r\n")

    def test_nobody_configures_the_device(self) -> None:
        client = self.client()
        own = b'?DEVICE={"path":"/dev/ttyUSB2","bps":9600}'
        self.assertEqual(client.ask(own), DEVICE_LINE + b"\r\n")
        self.assertEqual(client.ask(b"?DEVICE={;\n"), DEVICE_LINE + b"\r\n")
        self.assertEqual(
            client.ask(b'?DEVICE={"path":"/dev/nope"}'),
            b'{"class":"ERROR","message":"No such device as /dev/nope"}\r\n',
        )

    def test_watch(self) -> None:
        self.assertEqual(self.client().ask(WATCH), DEVICES + watching())

    def test_watch_without_json_is_no_stream(self) -> None:
        client = self.client()
        self.assertEqual(
            client.ask(b'?WATCH={"enable":true}'), DEVICES + watching(json=False)
        )
        self.assertEqual(self.modem.kinds(), set())
        self.clock.advance(10)
        self.assertEqual(client.got(), b"")

    def test_asking_for_the_policy_changes_nothing(self) -> None:
        client = self.client()
        self.assertEqual(
            client.ask(b"?WATCH;"), DEVICES + watching(enable=False, json=False)
        )
        client.ask(WATCH)
        self.assertEqual(client.ask(b"?WATCH;"), DEVICES + watching())

    def test_policy_is_cumulative(self) -> None:
        client = self.watcher()
        self.assertEqual(client.ask(WATCH_NMEA), DEVICES + watching(nmea=True))
        self.assertEqual(
            client.ask(UNWATCH), DEVICES + watching(enable=False, nmea=True)
        )

    def test_json_that_cannot_be_read_changes_nothing(self) -> None:
        client = self.watcher()
        self.assertEqual(client.ask(b"?WATCH={enable};"), DEVICES + watching())

    def test_another_device_is_not_watched(self) -> None:
        client = self.client()
        self.assertEqual(
            client.ask(b'?WATCH={"enable":true,"json":true,"device":"/dev/nope"}'),
            b'{"class":"ERROR","message":"No such device as /dev/nope"}\r\n',
        )
        self.assertEqual(self.modem.kinds(), set())
        own = client.ask(b'?WATCH={"json":true,"device":"/dev/ttyUSB2"}')
        self.assertIn(b',"device":"/dev/ttyUSB2"}\r\n', own)
        self.assertEqual(self.modem.kinds(), {"location", "event"})

    def test_unknown_requests(self) -> None:
        client = self.client()
        self.assertEqual(
            client.ask(b"?FOO;\n"),
            b'{"class":"ERROR","message":"Unrecognized request \'?FOO;\\n\'"}\r\n',
        )
        self.assertEqual(client.ask(b"hello?\r\n\r\n"), b"")
        self.assertIn(b"ERROR", client.ask(b"?" * 5000))

    def test_several_requests_are_answered_in_order(self) -> None:
        answer = self.client().ask(b"?DEVICES;?VERSION;?WATCH;\n")
        kinds = [json.loads(line)["class"] for line in answer.splitlines()]
        self.assertEqual(kinds, ["DEVICES", "VERSION", "DEVICES", "WATCH"])

    @given(
        st.lists(
            st.sampled_from(
                [
                    WATCH,
                    WATCH_NMEA,
                    UNWATCH,
                    b"?POLL;",
                    b"?DEVICES;",
                    b"?X;",
                    b"?W=",
                    b"\n",
                ]
            )
            | st.binary(max_size=30)
        ).map(b"".join),
        st.integers(1, 30),
    )
    def test_any_bytes_in_any_chunks(self, data: bytes, size: int) -> None:
        whole, parts = self.client(), self.client()
        expected = whole.ask(data)
        whole.leave()
        got = b"".join(
            parts.ask(data[start : start + size]) for start in range(0, len(data), size)
        )
        parts.leave()
        self.assertEqual(got, expected)
        for line in expected.splitlines():
            json.loads(line)


class PollTests(GpsdTestCase):
    def test_without_watch(self) -> None:
        self.assertEqual(
            self.client().ask(b"?POLL;"),
            b'{"class":"POLL","time":"2026-01-31T12:00:00.000Z","active":0,"tpv":[],'
            b'"gst":[],"sky":[]}\r\n',
        )

    def test_without_stream_the_modem_is_asked(self) -> None:
        """gpsd-py3 (facts/sim7600.md 6.2)."""
        client = self.watcher(b'?WATCH={"enable":true}')
        epoch = objects.epoch(DEVICE, FIX)
        expected = objects.line(objects.poll(NOW, DEVICE, epoch))
        self.assertEqual(client.ask(b"?POLL;\n"), expected)
        self.assertEqual(self.modem.asked, 1)

    def test_with_stream_it_is_the_streams(self) -> None:
        client = self.watcher()
        self.modem.locate(SEARCHING)
        found = json.loads(client.ask(b"?POLL;"))
        self.assertEqual(found["tpv"][0]["mode"], 1)
        self.assertEqual(self.modem.asked, 0)
        client.ask(UNWATCH)
        client.ask(b'?WATCH={"enable":true,"json":false}')
        self.assertEqual(json.loads(client.ask(b"?POLL;"))["tpv"][0]["mode"], 3)

    def test_of_a_modem_that_was_never_there(self) -> None:
        client = self.watcher(b'?WATCH={"enable":true}')
        self.modem.record = DeviceUnavailable(DEVICE, "no such file")
        found = json.loads(client.ask(b"?POLL;"))
        self.assertEqual(found["active"], 1)
        self.assertEqual(found["tpv"], [{"class": "TPV", "device": DEVICE, "mode": 1}])
        self.assertEqual(found["sky"], [{"class": "SKY", "device": DEVICE}])

    def test_later_requests_wait_for_it(self) -> None:
        client = self.watcher(b'?WATCH={"enable":true}')
        answer = self.modem.delay()
        self.assertEqual(client.ask(b"?POLL;?VERSION;"), b"")
        self.assertEqual(client.transport.producerState, "paused")
        answer.callback(FIX)
        first, second = client.got().splitlines()
        self.assertIn(b'"class":"POLL"', first)
        self.assertIn(b'"class":"VERSION"', second)
        self.assertEqual(client.transport.producerState, "producing")

    def test_a_modem_that_never_answers_is_not_waited_for(self) -> None:
        client = self.watcher(b'?WATCH={"enable":true}')
        self.modem.delay()
        self.assertEqual(client.ask(b"?POLL;"), b"")
        self.clock.advance(gpsd_feed.PATIENCE_S)
        self.assertEqual(json.loads(client.got())["tpv"][0]["mode"], 1)

    def test_the_answer_for_one_who_left_is_nobodys(self) -> None:
        client = self.watcher(b'?WATCH={"enable":true}')
        answer = self.modem.delay()
        client.ask(b"?POLL;?VERSION;")
        client.leave()
        answer.callback(FIX)
        self.assertEqual(client.got(), b"")

    def test_a_bug_costs_the_client_that_found_it(self) -> None:
        client, other = self.watcher(b'?WATCH={"enable":true}'), self.watcher()
        self.modem.record = KeyError("bug")
        self.assertEqual(client.ask(b"?POLL;"), b"")
        self.assertTrue(client.transport.aborted)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertEqual(other.ask(b"?VERSION;"), GREETING)

    def test_a_bug_behind_one_who_left_is_logged(self) -> None:
        client = self.watcher(b'?WATCH={"enable":true}')
        answer = self.modem.delay()
        client.ask(b"?POLL;")
        client.leave()
        answer.errback(KeyError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertFalse(client.transport.aborted)


class StreamTests(GpsdTestCase):
    def test_the_modem_is_asked_only_while_somebody_watches(self) -> None:
        first, second = self.client(), self.client()
        self.assertEqual(self.modem.kinds(), set())
        first.ask(WATCH)
        second.ask(WATCH)
        self.assertEqual(self.modem.kinds(), {"location", "event"})
        self.assertEqual(self.modem.subscriptions, 1)
        first.ask(UNWATCH)
        self.assertEqual(self.modem.kinds(), {"location", "event"})
        second.leave()
        self.assertEqual(self.modem.kinds(), set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_sky_and_position_of_each_record(self) -> None:
        watcher, other = self.watcher(), self.client()
        self.modem.locate()
        self.assertEqual((watcher.got(), other.got()), (EPOCH, b""))
        watcher.ask(UNWATCH)
        self.modem.locate()
        self.assertEqual(watcher.got(), b"")

    def test_a_record_is_encoded_once_for_all(self) -> None:
        encoded = []
        original = objects.epoch

        def epoch(device: str, record: Record) -> objects.Epoch:
            encoded.append(record)
            return original(device, record)

        watchers = [self.watcher() for _ in range(10)]
        self.patch(objects, "epoch", epoch)
        self.modem.locate()
        self.assertEqual([watcher.got() for watcher in watchers], [EPOCH] * 10)
        self.assertEqual(len(encoded), 1)

    def test_a_silent_modem_makes_a_tpv_every_second(self) -> None:
        watcher = self.watcher()
        for _ in range(130):
            self.clock.advance(1)
            self.assertEqual(watcher.got(), NOTHING)

    def test_a_modem_that_falls_silent_is_not_believed_for_long(self) -> None:
        watcher = self.watcher()
        self.modem.locate()
        watcher.got()
        for _ in range(60):
            self.clock.advance(0.1)
        stream = watcher.got().splitlines(keepends=True)
        self.assertEqual(b"".join(stream[:2]), EPOCH)
        self.assertEqual(b"".join(stream[-2:]), NOTHING)
        self.assertEqual(len(stream), 2 * 5)
        self.assertIn('"mode":1}', watcher.ask(b"?POLL;").decode())
        self.modem.locate()
        self.assertEqual(watcher.got(), EPOCH)

    def test_a_modem_that_is_read_seldom_is_believed_for_longer(self) -> None:
        self.factory = self.make_factory(trusted_s=30.0)
        watcher = self.watcher()
        self.modem.locate()
        watcher.got()
        for _ in range(30):
            self.clock.advance(1)
        self.assertEqual(set(watcher.got().splitlines()), set(EPOCH.splitlines()))
        self.clock.advance(1)
        self.assertEqual(watcher.got(), NOTHING)

    def test_no_more_than_the_modem_tells_while_it_tells(self) -> None:
        watcher = self.watcher()
        for _ in range(10):
            self.clock.advance(1.2)
            watcher.got()
            self.modem.locate()
            self.assertEqual(watcher.got(), EPOCH)
            self.clock.advance(0)
            self.assertEqual(watcher.got(), b"")

    def test_no_old_position_for_a_new_watcher(self) -> None:
        first = self.watcher()
        self.modem.locate()
        first.leave()
        second = self.watcher()
        self.clock.advance(1)
        self.assertEqual(second.got(), NOTHING)

    def test_a_modem_that_tells_on_being_asked(self) -> None:
        subscribe = self.modem.subscribe

        def telling(listener: Any, *kinds: str) -> Any:
            stop = subscribe(listener, *kinds)
            listener("location", FIX)
            return stop

        self.patch(self.modem, "subscribe", telling)
        self.assertEqual(self.client().ask(WATCH), DEVICES + watching() + EPOCH)


class DeviceTests(GpsdTestCase):
    def test_a_modem_that_goes_and_comes_is_told(self) -> None:
        watcher, other = self.watcher(), self.watcher(b'?WATCH={"enable":true}')
        self.modem.state = "absent"
        self.modem.happen("lost")
        self.assertEqual(watcher.got(), GONE)
        self.assertEqual(
            watcher.ask(b"?DEVICES;"), b'{"class":"DEVICES","devices":[]}\r\n'
        )
        self.assertEqual(watcher.ask(b"?DEVICE;"), GONE)
        self.modem.state = "starting"
        self.clock.pump([0.25])
        self.modem.happen("connected")
        bare = json.loads(watcher.got())
        self.assertNotIn("driver", bare)
        self.assertEqual(bare["activated"], "2026-01-31T12:00:00.250Z")
        self.modem.state = "degraded"
        self.modem.locate()
        _, _, whole = watcher.got().splitlines()
        self.assertEqual(json.loads(whole)["driver"], "NMEA0183")
        self.assertEqual(other.got(), b"")

    def test_identified_is_told_once(self) -> None:
        self.modem.state = "starting"
        watcher = self.watcher()
        self.modem.state = "ready"
        self.modem.locate()
        self.assertEqual(watcher.got(), EPOCH + DEVICE_LINE + b"\r\n")
        self.modem.locate()
        self.modem.happen("recovery")
        self.modem.happen("sms")
        self.assertEqual(watcher.got(), EPOCH)

    def test_an_answer_from_before_the_loss_is_not_believed(self) -> None:
        watcher = self.watcher()
        answer = self.modem.delay()
        self.modem.happen("rebooted")
        self.modem.happen("lost")
        self.assertEqual(watcher.got(), GONE)
        answer.callback({"available": True, "state": "ready", "reason": None})
        self.assertEqual(watcher.got(), b"")

    def test_a_modem_that_does_not_say_is_not_there(self) -> None:
        client = self.client()
        self.modem.delay()
        client.ask(b"?DEVICES;")
        self.clock.advance(gpsd_feed.PATIENCE_S)
        self.assertEqual(client.got(), b'{"class":"DEVICES","devices":[]}\r\n')
        self.assertEqual(client.ask(b"?DEVICES;")[:9], b'{"class":')

    def test_a_bug_behind_an_event_is_logged(self) -> None:
        watcher = self.watcher()
        answer = self.modem.delay()
        self.modem.happen("connected")
        answer.errback(KeyError("bug"))
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.modem.locate()
        self.assertEqual(watcher.got(), EPOCH)


class NMEATests(GpsdTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Record] = []

        def sentences(location: Record) -> list[str]:
            self.asked.append(location)
            return ["$GPRMC,made", "$GPGGA,made"]

        self.patch(nmea, "sentences", sentences)

    def tell(self, line: str) -> None:
        self.modem.tell("nmea", {"line": line})

    def test_sentences_of_the_port_are_passed_on(self) -> None:
        watcher, other = self.watcher(WATCH_NMEA), self.client()
        self.assertEqual(self.modem.kinds(), {"nmea"})
        self.tell("$GPGGA,\u20ac")
        self.assertEqual((watcher.got(), other.got()), (b"$GPGGA,?\r\n", b""))
        watcher.ask(UNWATCH)
        self.assertEqual(self.modem.kinds(), set())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_port_they_are_made(self) -> None:
        watcher = self.watcher(WATCH_NMEA)
        self.clock.pump([1, 1, 1])
        self.assertEqual(self.modem.kinds(), {"nmea", "location", "event"})
        self.assertEqual(watcher.got(), b"")
        self.modem.locate()
        self.assertEqual(watcher.got(), b"$GPRMC,made\r\n$GPGGA,made\r\n")
        self.assertEqual(self.asked, [FIX])
        self.clock.pump([1] * 8)
        self.assertEqual(self.asked[-1], dict(objects.NOTHING))

    def test_they_are_not_made_while_the_port_tells(self) -> None:
        watcher = self.watcher(WATCH_NMEA)
        self.clock.pump([1] * 4)
        self.modem.locate()
        self.tell("$GPGGA,real")
        self.assertEqual(self.modem.kinds(), {"nmea"})
        watcher.got()
        for _ in range(5):
            self.clock.advance(1)
            self.tell("$GPGGA,real")
        self.assertEqual(watcher.got(), b"$GPGGA,real\r\n" * 5)
        self.assertEqual(len(self.asked), 2)

    def test_beside_json(self) -> None:
        watcher = self.watcher(WATCH_NMEA)
        watcher.ask(WATCH)
        self.tell("$GPGGA,real")
        self.modem.locate()
        self.assertEqual(watcher.got(), b"$GPGGA,real\r\n" + EPOCH)
        self.clock.advance(3)
        watcher.got()
        self.modem.locate()
        self.assertEqual(watcher.got(), EPOCH + b"$GPRMC,made\r\n$GPGGA,made\r\n")


class ClientTests(GpsdTestCase):
    def test_the_factory_is_a_subsystem(self) -> None:
        self.assertTrue(verifyObject(IHealth, self.factory))
        self.watcher()
        self.client()
        self.assertEqual(
            self.factory.health(),
            {
                "status": "ok",
                "reason": None,
                "connections": 2,
                "max_connections": 64,
                "watching": 1,
            },
        )

    def test_nobody_is_closed(self) -> None:
        before = self.dropped("unknown")
        self.principal = None
        client = Client(self.factory)
        self.assertEqual((client.got(), client.transport.aborted), (b"", True))
        self.assertEqual(client.ask(b"?VERSION;"), b"")
        self.assertEqual(self.dropped("unknown"), before + 1)

    def test_who_may_not_see_the_position_is_closed(self) -> None:
        self.principal = Principal("nobody", frozenset(), "unix")
        client = Client(self.factory)
        self.assertEqual((client.got(), client.transport.aborted), (b"", True))

    def test_no_more_than_the_limit(self) -> None:
        self.factory = self.make_factory(max_connections=2)
        before = self.dropped("limit")
        first, _ = self.client(), self.client()
        with capturedLogs() as events:
            for _ in range(3):
                address = IPv4Address("TCP", "127.0.0.1", 1)
                self.assertIsNone(self.factory.buildProtocol(address))
        self.assertEqual(
            [e["text"] for e in events if e["log_level"] is LogLevel.warn],
            ["gpsd client refused: 2 are connected"],
        )
        self.assertEqual(self.dropped("limit"), before + 3)
        first.leave()
        self.client()
        self.clock.advance(60)
        with capturedLogs() as events:
            self.factory.buildProtocol(None)
        self.assertEqual(events[0]["more"], " (2 more like it before)")

    def test_one_that_does_not_read_is_dropped_and_the_others_go_on(self) -> None:
        before = self.dropped("unread")
        deaf, other = self.watcher(), self.watcher()
        deaf.protocol.pauseProducing()
        deaf.protocol.pauseProducing()
        for _ in range(int(UNREAD_S)):
            self.assertFalse(deaf.transport.aborted)
            self.modem.locate()
            self.clock.advance(1)
        self.assertTrue(deaf.transport.aborted)
        self.assertEqual(deaf.got(), b"")
        self.assertEqual(other.got(), EPOCH * 30)
        self.assertEqual(self.dropped("unread"), before + 1)
        deaf.leave()

    def test_one_that_reads_again_stays(self) -> None:
        client = self.watcher()
        client.protocol.pauseProducing()
        self.clock.advance(UNREAD_S - 1)
        self.assertEqual(client.ask(b"?VERSION;"), b"")
        client.protocol.resumeProducing()
        self.assertEqual(client.got(), GREETING)
        client.protocol.resumeProducing()
        self.modem.locate()
        self.clock.advance(1)
        self.assertEqual(client.got(), EPOCH)
        self.assertFalse(client.transport.aborted)

    def test_no_more_is_answered_than_is_read(self) -> None:
        client = self.client()
        write = client.transport.write
        written = []

        def full(data: bytes) -> None:
            write(data)
            written.append(data)
            client.protocol.pauseProducing()

        self.patch(client.transport, "write", full)
        client.ask(b"?VERSION;" * 1000)
        self.assertEqual(len(written), 1)
        client.protocol.resumeProducing()
        self.assertEqual(len(written), 2)
        client.leave()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_the_kernel_keeps_for_a_client_is_bounded(self) -> None:
        ours, theirs = socket.socketpair()
        self.addCleanup(ours.close)
        self.addCleanup(theirs.close)
        for handle in (ours, object()):  # the second is TLS
            transport = TCPTransport(handle)
            protocol = self.factory.buildProtocol(None)
            assert protocol is not None
            protocol.makeConnection(cast(ITransport, transport))
            self.assertEqual(transport.value(), GREETING)
            self.assertEqual(transport.options, ["no delay", "keep alive"])
        kept = ours.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        self.assertEqual(kept, 2 * KERNEL_BYTES)  # Linux doubles it: socket(7)

    def test_stopped_by_the_transport(self) -> None:
        self.client().protocol.stopProducing()


class CloseTests(GpsdTestCase):
    def test_nobody_is_there(self) -> None:
        self.assertIsNone(self.successResultOf(self.factory.close_all()))

    def test_all_are_closed(self) -> None:
        clients = [self.watcher(), self.client()]
        closed = self.factory.close_all()
        self.assertTrue(all(client.transport.disconnecting for client in clients))
        self.modem.locate()
        self.assertEqual(clients[0].got(), b"")
        for client in clients:
            self.assertNoResult(closed)
            client.leave()
        self.successResultOf(closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_that_does_not_read_is_cut_off(self) -> None:
        good, deaf = self.client(), self.watcher()
        deaf.protocol.pauseProducing()
        closed = self.factory.close_all(grace_s=2.0)
        good.leave()
        self.clock.advance(2.0)
        self.assertTrue(deaf.transport.aborted)
        self.assertFalse(good.transport.aborted)
        deaf.leave()
        self.successResultOf(closed)

    def test_one_that_was_dropped_is_waited_for(self) -> None:
        self.principal = None
        client = Client(self.factory)
        closed = self.factory.close_all()
        client.leave()
        self.successResultOf(closed)

    def test_tests_use_records_of_the_right_form(self) -> None:
        self.assertEqual(set(located()), set(objects.NOTHING))
