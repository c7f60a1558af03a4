from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.errors import ConfigError
from gatewaykit.services import ListenerService, OrderedService
from tests.support import DirectoryTestCase


class Child(Service):
    """Notes what happens to it; starts and stops when its Deferreds fire."""

    def __init__(self, title: str, notes: list[str]) -> None:
        self.title, self.notes = title, notes
        self.started: Deferred[None] = succeed(None)
        self.stopped: Deferred[None] = succeed(None)

    def __repr__(self) -> str:
        return self.title

    def startService(self) -> Deferred[None]:
        self.notes.append(f"start {self.title}")
        return self.started

    def stopService(self) -> Deferred[None]:
        self.notes.append(f"stop {self.title}")
        return self.stopped


class OrderedServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.failures: list[Failure] = []
        self.notes: list[str] = []
        self.service = OrderedService(self.clock, self.failures.append)
        self.a, self.b, self.c = (Child(title, self.notes) for title in "abc")
        for child in (self.a, self.b, self.c):
            self.service.add(child, deadline_s=5.0)

    def test_children_start_in_the_order_they_were_added(self) -> None:
        self.service.startService()
        self.assertEqual(self.notes, ["start a", "start b", "start c"])
        self.assertEqual(self.failures, [])

    def test_child_starts_after_the_one_before_is_up(self) -> None:
        self.a.started = Deferred()
        self.service.startService()
        self.assertEqual(self.notes, ["start a"])
        self.a.started.callback(None)
        self.assertEqual(self.notes, ["start a", "start b", "start c"])

    def test_children_stop_in_reverse_one_after_another(self) -> None:
        self.service.startService()
        self.notes.clear()
        self.c.stopped = Deferred()
        stopped = self.service.stopService()
        self.assertEqual(self.notes, ["stop c"])
        self.c.stopped.callback(None)
        self.assertEqual(self.notes, ["stop c", "stop b", "stop a"])
        self.successResultOf(stopped)

    def test_stop_goes_on_after_a_deadline(self) -> None:
        self.service.startService()
        self.notes.clear()
        self.c.stopped = Deferred()
        stopped = self.service.stopService()
        self.clock.advance(5)
        self.assertEqual(self.notes, ["stop c", "stop b", "stop a"])
        self.successResultOf(stopped)

    def test_stop_goes_on_after_a_failure(self) -> None:
        self.service.startService()
        self.b.stopped = fail(ZeroDivisionError())
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.notes[-1], "stop a")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_failed_start_stops_what_was_up_and_tells(self) -> None:
        self.b.started = fail(ZeroDivisionError())
        self.service.startService()
        self.assertEqual(self.notes, ["start a", "start b", "stop b", "stop a"])
        self.assertEqual(len(self.failures), 1)
        self.assertTrue(self.failures[0].check(ZeroDivisionError))

    def test_stop_during_the_start_lets_the_child_finish(self) -> None:
        self.b.started = Deferred()
        self.service.startService()
        stopped = self.service.stopService()
        self.assertEqual(self.notes, ["start a", "start b"])
        self.b.started.callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.notes, ["start a", "start b", "stop b", "stop a"])

    def test_stop_during_the_start_breaks_it_off_after_the_deadline(self) -> None:
        self.b.started = Deferred()
        self.service.startService()
        stopped = self.service.stopService()
        self.clock.advance(5)
        self.successResultOf(stopped)
        self.assertEqual(self.notes, ["start a", "start b", "stop b", "stop a"])
        self.assertEqual(self.failures, [])

    def test_start_that_fails_during_the_stop_is_told(self) -> None:
        self.b.started = Deferred()
        self.service.startService()
        stopped = self.service.stopService()
        self.b.started.errback(ZeroDivisionError())
        self.successResultOf(stopped)
        self.assertEqual(self.notes, ["start a", "start b", "stop b", "stop a"])
        self.assertEqual(len(self.failures), 1)


class FlakyReactor(MemoryReactorClock):
    """Refuses to listen on the ports in `taken`."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: set[int] = set()

    def listenTCP(self, port: int, *args: Any, **kwargs: Any) -> Any:
        if port in self.taken:
            raise CannotListenError("", port, OSError(98, "Address already in use"))
        listening = super().listenTCP(port, *args, **kwargs)
        entry = self.tcpServers[-1]
        listening.stopListening = lambda: self.tcpServers.remove(entry)
        return listening

    def listened(self) -> list[int]:
        return [entry[0] for entry in self.tcpServers]


class ListenerServiceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FlakyReactor()
        self.service = ListenerService(
            ["tcp:1", "tcp:2"], Factory(), self.reactor, "gv50.listen"
        )

    def test_listens_on_all(self) -> None:
        self.successResultOf(self.service.startService())
        self.assertEqual(self.reactor.listened(), [1, 2])
        self.assertEqual(len(self.service.ports), 2)

    def test_port_in_use_fails_the_start_and_leaves_nothing_open(self) -> None:
        self.reactor.taken = {2}
        error = self.failureResultOf(self.service.startService(), ConfigError).value
        self.assertEqual((error.key, error.value), ("gv50.listen", "tcp:2"))
        self.assertIn("somebody else listens there", str(error))
        self.assertEqual(self.reactor.listened(), [])

    def test_stop_closes(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.stopService())
        self.assertEqual((self.reactor.listened(), self.service.ports), ([], []))

    def test_door_closes_and_opens(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.stop_listening())
        self.assertEqual(self.reactor.listened(), [])
        self.successResultOf(self.service.start_listening())
        self.assertEqual(self.reactor.listened(), [1, 2])

    def test_open_door_stays_as_it_is(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.start_listening())
        self.assertEqual(self.reactor.listened(), [1, 2])

    def test_door_closed_before_the_start_stays_closed(self) -> None:
        self.successResultOf(self.service.stop_listening())
        self.successResultOf(self.service.startService())
        self.assertEqual(self.reactor.listened(), [])
        self.successResultOf(self.service.start_listening())
        self.assertEqual(self.reactor.listened(), [1, 2])

    def test_door_does_not_open_after_the_stop(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.stopService())
        self.successResultOf(self.service.start_listening())
        self.assertEqual(self.reactor.listened(), [])

    def test_place_taken_meanwhile_is_tried_again(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.stop_listening())
        self.reactor.taken = {1}
        self.successResultOf(self.service.start_listening())
        self.reactor.advance(self.service.retry_s)
        self.assertEqual(self.reactor.listened(), [])
        self.reactor.taken = set()
        self.reactor.advance(self.service.retry_s)
        self.assertEqual(self.reactor.listened(), [1, 2])

    def test_trying_again_ends_with_the_service(self) -> None:
        self.successResultOf(self.service.startService())
        self.successResultOf(self.service.stop_listening())
        self.reactor.taken = {1}
        self.successResultOf(self.service.start_listening())
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class UnixListenerTests(DirectoryTestCase):
    def test_socket_of_a_killed_process_does_not_hinder(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("gk.sock")
        service = ListenerService(
            ["unix:gk.sock"], Factory(), MemoryReactorClock(), "rpc.listen"
        )
        self.successResultOf(service.startService())
        self.assertFalse(Path("gk.sock").exists())
        self.assertEqual(repr(service), "<listeners of rpc.listen>")
