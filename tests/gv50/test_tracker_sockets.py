"""The trackers' port on real sockets: what the transport does in between."""

from __future__ import annotations

import socket
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ClientEndpoint, connectProtocol
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Protocol
from twisted.internet.ssl import CertificateOptions, KeyPair
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from gatewaykit.gv50 import tracker
from gatewaykit.gv50.admission import KEEPALIVE_IDLE_S
from gatewaykit.gv50.fleet import Fleet
from gatewaykit.gv50.tracker import TrackerFactory
from gatewaykit.sections import Gv50Settings
from gatewaykit.testing import MemoryJournal, MemoryStore
from tests.gv50.support import FakeDoor, heartbeat, report


def pause() -> Deferred[None]:
    return deferLater(reactor, 0.01)


class SocketTests(TestCase):
    timeout = 20

    async def setUp(self) -> None:  # type: ignore[override]
        self.patch(tracker, "SWEEP_S", 0.02)
        self.patch(tracker, "CLOSE_S", 0.1)

        def wall_ms() -> int:
            return int(time.time() * 1000)

        fleet = Fleet(
            MemoryStore(),
            reactor,
            wall_ms,
            unknown_devices="accept",
            unknown_after=600,
        )
        await fleet.start()
        self.addCleanup(fleet.stop)
        self.factory = TrackerFactory(
            MemoryJournal(),
            fleet,
            reactor,
            wall_ms,
            Gv50Settings(),
        )
        self.factory.start(FakeDoor())
        self.addCleanup(self.factory.close_all)
        port: IListeningPort = reactor.listenTCP(0, self.factory, interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.device = socket.socket()
        self.device.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.device.connect(("127.0.0.1", port.getHost().port))  # type: ignore[attr-defined]
        self.device.setblocking(False)
        self.addCleanup(self.device.close)

    async def read(self, size: int) -> bytes:
        read = b""
        while len(read) < size:
            try:
                more = self.device.recv(65536)
            except BlockingIOError:
                await pause()
                continue
            if not more:
                break
            read += more
        return read

    async def test_report_is_acknowledged(self) -> None:
        self.device.sendall(report("071D"))
        self.assertEqual(await self.read(11), b"+SACK:071D$")

    async def test_socket_is_tuned(self) -> None:
        self.device.sendall(heartbeat())
        await self.read(1)
        (connection,) = self.factory._connections
        handle = connection.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        self.assertEqual(
            handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE), KEEPALIVE_IDLE_S
        )

    async def test_tracker_is_served_over_tls(self) -> None:
        certificate = KeyPair.generate(size=2048).selfSignedCert(1, CN="localhost")
        port: IListeningPort = reactor.listenSSL(  # type: ignore[attr-defined]
            0, self.factory, certificate.options(), interface="127.0.0.1"
        )
        self.addCleanup(port.stopListening)
        answer: Deferred[bytes] = Deferred()

        class Device(Protocol):
            transport: Any

            def connectionMade(self) -> None:
                self.transport.write(report("0001"))

            def dataReceived(self, data: bytes) -> None:
                answer.callback(data)

        endpoint = SSL4ClientEndpoint(
            reactor,
            "127.0.0.1",
            port.getHost().port,  # type: ignore[attr-defined]
            CertificateOptions(),
        )
        device = await connectProtocol(endpoint, Device())
        self.assertEqual(await answer, b"+SACK:0001$")
        (connection,) = (c for c in self.factory._connections if c.imei)
        handle = connection.transport.transport.getHandle()
        self.assertTrue(handle.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE))
        device.transport.abortConnection()

    async def test_peer_that_reads_nothing_is_not_read_and_is_cut_off(self) -> None:
        many = heartbeat() * 500
        stuck = 0
        left = b""
        while stuck < 30:
            left = left or many
            try:
                left = left[self.device.send(left) :]
                stuck = 0
            except BlockingIOError:
                stuck += 1
                await pause()
        (connection,) = self.factory._connections
        transport = connection.transport
        self.assertTrue(transport.producerPaused)
        # What is unread is bounded: the transport's buffer and the answers of one read.
        unread = len(transport.dataBuffer) + transport._tempDataLen
        self.assertLess(unread, 3 * transport.bufferSize)
        await self.factory.close_all()

    async def test_last_answers_are_written_before_closing(self) -> None:
        self.device.sendall(report("0001"))
        await self.read(11)
        journal = self.factory.journal
        assert isinstance(journal, MemoryJournal)
        journal.auto_commit = False
        self.device.sendall(report("0002"))
        while not journal.pending:
            await pause()
        gone = self.factory.close_all()
        journal.commit()
        self.assertEqual(await self.read(100), b"+SACK:0002$")
        await gone
