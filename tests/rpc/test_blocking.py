"""The blocking client in threads, against real servers over real sockets of this host."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trustme
from twisted.internet import reactor as global_reactor
from twisted.internet import ssl as tls
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    TCP4ServerEndpoint,
    serverFromString,
    wrapServerTLS,
)
from twisted.internet.threads import deferToThread
from twisted.protocols import amp
from twisted.trial.unittest import SynchronousTestCase, TestCase

from gatewaykit.access import Principal, Role
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    ConnectionFailed,
    GatewayError,
    LoginRefused,
    MisuseError,
    NotFound,
    ProtocolViolation,
)
from gatewaykit.interfaces import Page
from gatewaykit.rpc import blocking, dialing, verbs
from gatewaykit.rpc.answers import GatewayAnswers
from gatewaykit.rpc.blocking import BlockingClient
from gatewaykit.rpc.server import RpcFactory
from gatewaykit.testing import MemoryStore
from tests.rpc.common import IMEI, report

reactor: Any = global_reactor
VARIABLES = (
    "GATEWAYKIT_TOKEN",
    "GATEWAYKIT_CA",
    "GATEWAYKIT_CERTIFICATE",
    "GATEWAYKIT_KEY",
)


class ScriptedServer:
    """A server that does with each of its connections, in order, what it is told to."""

    def __init__(self, *scripts: Callable[[socket.socket], None]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._scripts = scripts
        self._open: list[socket.socket] = []
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"tcp:127.0.0.1:{self._listener.getsockname()[1]}"

    def _serve(self) -> None:
        for script in self._scripts:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            with contextlib.suppress(OSError):
                script(connection)

    def stop(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()


def answer(connection: socket.socket) -> None:
    """Read one request and acknowledge it."""
    connection.recv(65536)
    connection.sendall(
        amp.AmpBox({amp.ANSWER: b"1", b"acknowledged": b"7"}).serialize()
    )


def send(data: bytes) -> Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(data)

    return script


class ScriptTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        kept = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        self.patch(os, "environ", kept)

    def client(
        self, *scripts: Callable[[socket.socket], None], timeout: float | None = 10.0
    ) -> BlockingClient:
        self.server = ScriptedServer(*scripts)
        self.addCleanup(self.server.stop)
        client = BlockingClient(self.server.endpoint, timeout)
        self.addCleanup(client.close)
        return client


class AnswerTests(ScriptTestCase):
    def test_a_late_answer_is_not_given_to_the_next_call(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)

        def late(connection: socket.socket) -> None:
            connection.recv(65536)
            release.wait(10)
            connection.sendall(amp.AmpBox({amp.ANSWER: b"1"}).serialize())

        client = self.client(late, answer, timeout=0.2)
        with self.assertRaises(CallTimeout) as caught:
            client.call(verbs.AcknowledgeDamage)
        self.assertEqual(caught.exception.args, ("AcknowledgeDamage", 0.2))
        release.set()
        self.assertEqual(client.call(verbs.AcknowledgeDamage), {"acknowledged": 7})
        self.assertEqual(self.server.connections, 2)

    def test_an_answer_in_drops_does_not_prolong_the_deadline(self) -> None:
        def drip(connection: socket.socket) -> None:
            connection.recv(65536)
            for byte in amp.AmpBox({amp.ANSWER: b"1", b"k": b"v" * 100}).serialize():
                connection.sendall(bytes([byte]))
                if ended.wait(0.05):
                    return

        ended = threading.Event()
        self.addCleanup(ended.set)
        client = self.client(drip, timeout=0.3)
        before = time.monotonic()
        self.assertRaises(CallTimeout, client.call, verbs.Health)
        self.assertLess(time.monotonic() - before, 2.0)

    def test_what_takes_the_gateway_long_is_waited_for(self) -> None:
        def slow(connection: socket.socket) -> None:
            connection.recv(65536)
            ended.wait(0.5)
            sent = amp.AmpBox({amp.ANSWER: b"1", b"sent": b"{}"})
            with contextlib.suppress(OSError):
                connection.sendall(sent.serialize())

        ended = threading.Event()
        self.addCleanup(ended.set)
        self.patch(blocking, "USUAL_S", 0.2)
        message = {"number": "+4417", "text": "hello"}
        client = self.client(slow, slow, timeout=None)
        with self.assertRaises(CallTimeout) as caught:
            client.call(verbs.Health)
        self.assertEqual(caught.exception.args, ("Health", 0.2))
        self.assertEqual(client.call(verbs.SendSMS, **message), {"sent": {}})
        impatient = self.client(slow, timeout=0.1)
        self.assertRaises(CallTimeout, impatient.call, verbs.SendSMS, **message)

    def test_garbage_is_a_violation_and_ends_the_connection(self) -> None:
        box = amp.AmpBox
        for data in (
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b'{"success": false}',
            b"\x00\x00",
            box({b"nothing": b"at all"}).serialize(),
            box({amp.ANSWER: b"2", b"acknowledged": b"7"}).serialize(),
            box({amp.ANSWER: b"1"}).serialize(),
            box({amp.ANSWER: b"1", b"acknowledged": b"x"}).serialize(),
            box({amp.COMMAND: b"Info", amp.ASK: b"1"}).serialize(),
            box({amp.ERROR: b"1", amp.ERROR_CODE: b"UNKNOWN"}).serialize(),
            box({amp.ERROR: b"1"}).serialize(),
            box({amp.ANSWER: b"1", b"acknowledged": b"7"}).serialize() + b"\x00",
        ):
            client = self.client(send(data), answer)
            self.assertRaises(ProtocolViolation, client.call, verbs.AcknowledgeDamage)
            self.assertEqual(client.call(verbs.AcknowledgeDamage)["acknowledged"], 7)

    def test_an_endless_answer_is_cut_off(self) -> None:
        sent = 0

        def flood(connection: socket.socket) -> None:
            nonlocal sent
            connection.recv(65536)
            pair = b"\x00\x01k\xff\xff" + b"v" * 65535
            while True:
                connection.sendall(pair)
                sent += len(pair)

        client = self.client(flood)
        self.assertRaises(ProtocolViolation, client.call, verbs.Health)
        self.server._thread.join(10)
        self.assertLess(sent, 20_000_000)

    def test_an_error_keeps_its_class_and_the_connection(self) -> None:
        def refuse(connection: socket.socket) -> None:
            error = amp.AmpBox(
                {
                    amp.ERROR: b"1",
                    amp.ERROR_CODE: b"NOT_FOUND",
                    amp.ERROR_DESCRIPTION: b'["device", "8"]',
                }
            )
            connection.recv(65536)
            connection.sendall(error.serialize())
            answer(connection)

        client = self.client(refuse)
        with self.assertRaises(NotFound) as caught:
            client.call(verbs.AcknowledgeDamage)
        self.assertEqual(caught.exception.args, ("device", "8"))
        client.call(verbs.AcknowledgeDamage)
        self.assertEqual(self.server.connections, 1)


class ReconnectTests(ScriptTestCase):
    def closing(self, connection: socket.socket) -> None:
        """Answer once, read another request, close."""
        answer(connection)
        connection.recv(65536)
        connection.close()

    def test_a_read_is_repeated_once_where_the_kept_connection_was_closed(self) -> None:
        def healthy(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.sendall(
                amp.AmpBox(
                    {amp.ANSWER: b"1", b"status": b"ok", b"subsystems": b"{}"}
                ).serialize()
            )

        client = self.client(self.closing, healthy)
        client.call(verbs.AcknowledgeDamage)
        self.assertEqual(client.call(verbs.Health)["status"], "ok")
        self.assertEqual(self.server.connections, 2)

    def test_a_change_is_never_repeated(self) -> None:
        client = self.client(self.closing, answer)
        client.call(verbs.AcknowledgeDamage)
        self.assertRaises(ConnectionFailed, client.call, verbs.AcknowledgeDamage)
        self.assertEqual(self.server.connections, 1)
        self.assertEqual(client.call(verbs.AcknowledgeDamage), {"acknowledged": 7})

    def test_a_change_is_not_even_sent_on_a_connection_that_ended(self) -> None:
        closed = threading.Event()

        def end(connection: socket.socket) -> None:
            answer(connection)
            connection.close()
            closed.set()

        client = self.client(end, answer)
        client.call(verbs.AcknowledgeDamage)
        closed.wait(10)
        self.assertEqual(client.call(verbs.AcknowledgeDamage), {"acknowledged": 7})

    def test_a_fresh_connection_that_closes_is_a_failure(self) -> None:
        def close(connection: socket.socket) -> None:
            connection.recv(65536)
            connection.close()

        client = self.client(close, answer)
        self.assertRaises(ConnectionFailed, client.call, verbs.Health)
        self.assertEqual(self.server.connections, 1)

    def test_what_comes_unasked_is_given_to_nobody(self) -> None:
        answered, said = threading.Event(), threading.Event()

        def talk(connection: socket.socket) -> None:
            answer(connection)
            answered.wait(10)
            connection.sendall(
                amp.AmpBox({amp.ANSWER: b"1", b"acknowledged": b"666"}).serialize()
            )
            said.set()

        client = self.client(talk, answer)
        client.call(verbs.AcknowledgeDamage)
        answered.set()
        said.wait(10)
        self.assertEqual(client.call(verbs.AcknowledgeDamage), {"acknowledged": 7})

    def test_half_an_answer_is_not_repeated(self) -> None:
        def half(connection: socket.socket) -> None:
            answer(connection)
            connection.recv(65536)
            connection.sendall(b"\x00\x07_ans")
            connection.close()

        client = self.client(half, answer)
        client.call(verbs.AcknowledgeDamage)
        self.assertRaises(ConnectionFailed, client.call, verbs.Health)
        self.assertEqual(self.server.connections, 1)

    def test_a_child_does_not_use_its_parents_connection(self) -> None:
        def twice(connection: socket.socket) -> None:
            answer(connection)
            answer(connection)

        client = self.client(answer, answer)
        client.call(verbs.AcknowledgeDamage)
        client._lock.acquire()  # as another thread would when the fork happens
        client._process = -1
        self.assertEqual(client.call(verbs.AcknowledgeDamage), {"acknowledged": 7})
        self.assertEqual(self.server.connections, 2)

    def test_close_and_call_again(self) -> None:
        with self.client(answer, answer) as client:
            client.call(verbs.AcknowledgeDamage)
            client.close()
            client.close()
            client.call(verbs.AcknowledgeDamage)
        self.assertEqual(self.server.connections, 2)


class MisuseTests(ScriptTestCase):
    def test_arguments_are_checked_before_anything_is_sent(self) -> None:
        client = BlockingClient("tcp:127.0.0.1:1")
        for verb, arguments, name in (
            (verbs.GetDevice, {"imei": "12"}, "imei"),
            (verbs.GetDevice, {}, "arguments"),
            (verbs.GetDevice, {"imei": IMEI, "more": 1}, "arguments"),
            (verbs.History, {"imei": IMEI, "limit": 0}, "limit"),
        ):
            with self.assertRaises(MisuseError) as caught:
                client.call(verb, **arguments)
            self.assertEqual(caught.exception.name, name)

    def test_endpoints_and_timeouts_that_mean_nothing(self) -> None:
        self.assertRaises(MisuseError, BlockingClient, "tcp:nowhere")
        for timeout in (0, -1, float("nan"), float("inf")):
            self.assertRaises(MisuseError, BlockingClient, "unix:s", timeout)

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            port = closed.getsockname()[1]
        for endpoint in (
            f"tcp:127.0.0.1:{port}",
            f"tcp:localhost:{port}",
            "unix:no.sock",
            "unix:" + "x" * 200,
            "unix:/a\0b",
            "tcp:no-such-host.invalid:7600",
            "tcp:[fe80::1%none]:7600",
        ):
            with self.assertRaises(ConnectionFailed) as caught:
                BlockingClient(endpoint).call(verbs.Info)
            self.assertEqual(caught.exception.endpoint, endpoint)

    def test_a_resolver_that_hangs_is_left_behind(self) -> None:
        ended = threading.Event()
        self.addCleanup(ended.set)
        self.patch(dialing.socket, "getaddrinfo", lambda *_, **__: ended.wait(10))  # type: ignore[attr-defined]
        client = BlockingClient("tcp:host.example:7600", timeout=0.1)
        with self.assertRaises(ConnectionFailed) as caught:
            client.call(verbs.Info)
        self.assertEqual(caught.exception.reason, "its name was not found in time")

    def test_a_host_that_takes_no_connections_in_time(self) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            queue = [socket.socket() for _ in range(4)]
            for waiting in queue:
                self.addCleanup(waiting.close)
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            client = BlockingClient(f"tcp:127.0.0.1:{port}", timeout=0.2)
            self.assertRaises(ConnectionFailed, client.call, verbs.Info)

    def test_a_token_is_not_sent_in_the_clear(self) -> None:
        with self.assertRaises(MisuseError) as caught:
            BlockingClient("tcp:127.0.0.1:7600", token="s3cret")
        self.assertNotIn("s3cret", str(caught.exception))
        seen: list[bytes] = []

        def look(connection: socket.socket) -> None:
            seen.append(connection.recv(65536))
            connection.sendall(
                amp.AmpBox({amp.ANSWER: b"1", b"acknowledged": b"7"}).serialize()
            )

        os.environ["GATEWAYKIT_TOKEN"] = "s3cret"
        self.client(look).call(verbs.AcknowledgeDamage)
        self.assertNotIn(b"s3cret", seen[0])


class ImportTests(SynchronousTestCase):
    def test_no_reactor_comes_with_it(self) -> None:
        program = (
            "import sys, gatewaykit.rpc.blocking\n"
            "print([m for m in ('twisted.internet.reactor', 'pydantic') if m in sys.modules])"
        )
        found = subprocess.run(
            (sys.executable, "-c", program),
            capture_output=True,
            text=True,
            check=True,
            timeout=30,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.assertEqual(found.stdout, "[]\n")


async def _login(token: str) -> dict[str, Any]:
    if token != "s3cret":
        raise AccessDenied("nobody", "Login", "viewer")
    return {"principal": "someone"}


class SocketTestCase(TestCase):
    timeout = 30

    def setUp(self) -> None:
        kept = {k: v for k, v in os.environ.items() if k not in VARIABLES}
        self.patch(os, "environ", kept)
        self.store = MemoryStore(reactor)
        answers = GatewayAnswers(self.store, None, [], reactor).table()
        self.answers: dict[Any, Any] = dict(answers)

    def factory(self) -> RpcFactory:
        factory = RpcFactory(
            self.answers,
            self.store,
            reactor,
            identify=lambda _: Principal("test", frozenset({Role.ADMIN}), "unix"),
        )
        self.addCleanup(factory.close_all)
        return factory

    async def unix(self) -> str:
        path = Path(self.mktemp()).parent / "s"
        endpoint = serverFromString(reactor, f"unix:{path}")
        port = await endpoint.listen(self.factory())
        self.addCleanup(port.stopListening)
        return f"unix:{path}"

    async def tcp(self, interface: str = "127.0.0.1") -> str:
        quoted = interface.replace(":", r"\:")
        endpoint = serverFromString(reactor, f"tcp:0:interface={quoted}")
        port = await endpoint.listen(self.factory())
        self.addCleanup(port.stopListening)
        shown = f"[{interface}]" if ":" in interface else interface
        return f"tcp:{shown}:{port.getHost().port}"

    def client(self, endpoint: str, **options: Any) -> BlockingClient:
        client = BlockingClient(endpoint, **options)
        self.addCleanup(client.close)
        return client

    async def ask(
        self, client: BlockingClient, verb: type[verbs.Verb], **arguments: Any
    ) -> dict[str, Any]:
        return await deferToThread(client.call, verb, **arguments)


class SocketTests(SocketTestCase):
    async def test_calls_over_unix_tcp_and_a_name(self) -> None:
        tcp = await self.tcp()
        for endpoint in (
            await self.unix(),
            tcp,
            tcp.replace("127.0.0.1", "localhost"),
            await self.tcp("::1"),
        ):
            client = self.client(endpoint)
            found = await self.ask(client, verbs.Info)
            self.assertEqual(found["api"], verbs.API_LEVEL)
            await self.ask(client, verbs.SetPolicy, imei=IMEI, policy="refused")
            with self.assertRaises(NotFound):
                await self.ask(client, verbs.LatestPosition, imei=IMEI)

    async def test_long_answers_and_a_verb_that_is_not_known(self) -> None:
        self.store.add_report(report(raw="x" * 800_000))
        self.answers.pop(verbs.Health)
        client = self.client(await self.unix())
        found = await self.ask(client, verbs.History, imei=IMEI)
        self.assertEqual(len(found["records"][0]["raw"]), 800_000)
        with self.assertRaises(NotFound) as caught:
            await self.ask(client, verbs.Health)
        self.assertEqual(caught.exception.args, ("verb", "Health"))
        await self.ask(client, verbs.Info)

    async def test_threads_share_a_connection_and_get_their_own_answers(self) -> None:
        client = self.client(await self.tcp())

        def ask(number: int) -> list[str]:
            imeis = [f"{number:08}{turn:07}" for turn in range(20)]
            for imei in imeis:
                client.call(verbs.SetPolicy, imei=imei, policy="refused")
            return [
                client.call(verbs.GetDevice, imei=imei)["device"]["imei"]
                for imei in imeis
            ]

        tasks = [deferToThread(ask, number) for number in range(8)]
        for number, task in enumerate(tasks):
            found = await task
            self.assertEqual(found, [f"{number:08}{turn:07}" for turn in range(20)])

    async def test_waiting_for_other_threads_counts_for_the_deadline(self) -> None:
        asked: list[Deferred[Page]] = []

        def devices(*_: Any) -> Deferred[Page]:
            asked.append(Deferred())
            return asked[-1]

        self.store.devices = devices  # type: ignore[assignment,method-assign]
        client = self.client(await self.unix(), timeout=0.5)
        before = time.monotonic()
        tasks = [deferToThread(client.call, verbs.ListDevices) for _ in range(4)]
        for task in tasks:
            # The last ones may have the line with no time left to connect.
            with self.assertRaises((CallTimeout, ConnectionFailed)):
                await task
        self.assertLess(time.monotonic() - before, 1.8)
        for one in asked:
            one.callback(Page([], None))

    async def test_a_gateway_that_restarts(self) -> None:
        path = Path(self.mktemp()).parent / "s"
        client = self.client(f"unix:{path}")
        for _ in range(3):
            factory = self.factory()
            port = await serverFromString(reactor, f"unix:{path}").listen(factory)
            await self.ask(client, verbs.SetPolicy, imei=IMEI, policy="accepted")
            await port.stopListening()
            await factory.close_all()
            with self.assertRaises(ConnectionFailed):
                await self.ask(client, verbs.Info)

    async def test_login_is_the_first_call_of_a_connection(self) -> None:
        self.answers[verbs.Login] = _login
        endpoint = await self.unix()
        client = self.client(endpoint, token="s3cret")
        self.assertEqual((await self.ask(client, verbs.Info))["api"], 1)
        os.environ["GATEWAYKIT_TOKEN"] = "s3cret"
        await self.ask(self.client(endpoint), verbs.Info)
        with self.assertRaises(LoginRefused) as caught:
            await self.ask(self.client(endpoint, token="other"), verbs.Info)
        self.assertNotIn("other", str(caught.exception))
        with self.assertRaises(MisuseError) as misuse:
            await self.ask(self.client(endpoint, token="o ther"), verbs.Info)
        self.assertNotIn("ther", str(misuse.exception.value))

    async def test_a_gateway_without_login_refuses_tokens(self) -> None:
        endpoint = await self.unix()
        client = self.client(endpoint, token="s3cret")
        for _ in range(2):
            with self.assertRaises(LoginRefused) as caught:
                await self.ask(client, verbs.Info)
        self.assertEqual(
            str(caught.exception),
            f"no login at {endpoint}: the gateway takes no tokens",
        )


class TlsTests(SocketTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ca, self.other_ca = trustme.CA(), trustme.CA()
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.ca_file = self.file("ca.pem", self.ca.cert_pem)

    def file(self, name: str, *blobs: trustme.Blob) -> str:
        path = self.directory / name
        path.write_bytes(b"".join(blob.bytes() for blob in blobs))
        return str(path)

    async def serve(
        self, *names: str, ca: trustme.CA | None = None, client_ca: bool = False
    ) -> int:
        issued = (ca or self.ca).issue_cert(*names)
        pair = tls.PrivateCertificate.loadPEM(
            issued.private_key_pem.bytes() + issued.cert_chain_pems[0].bytes()
        )
        roots = [tls.Certificate.loadPEM(self.ca.cert_pem.bytes())] if client_ca else []
        endpoint = wrapServerTLS(
            pair.options(*roots),
            TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1"),
        )
        port = await endpoint.listen(self.factory())
        self.addCleanup(port.stopListening)
        host: Any = port.getHost()
        return int(host.port)

    async def test_name_and_address_are_checked_against_the_certificate(self) -> None:
        port = await self.serve("localhost")
        client = self.client(f"tls:localhost:{port}", ca=self.ca_file)
        for _ in range(3):
            await self.ask(client, verbs.Info)
        wrong = self.client(f"tls:127.0.0.1:{port}", ca=self.ca_file)
        with self.assertRaises(ConnectionFailed) as caught:
            await self.ask(wrong, verbs.Info)
        self.assertIn("127.0.0.1", caught.exception.reason)
        port = await self.serve("127.0.0.1")
        os.environ["GATEWAYKIT_CA"] = self.ca_file
        await self.ask(self.client(f"tls:127.0.0.1:{port}"), verbs.Info)

    async def test_foreign_authority_is_refused(self) -> None:
        port = await self.serve("localhost", ca=self.other_ca)
        trusting: tuple[dict[str, Any], ...] = ({"ca": self.ca_file}, {})
        for options in trusting:
            client = self.client(f"tls:localhost:{port}", **options)
            with self.assertRaises(ConnectionFailed):
                await self.ask(client, verbs.Info)

    async def test_client_certificate(self) -> None:
        port = await self.serve("localhost", client_ca=True)
        endpoint = f"tls:localhost:{port}"
        mine = self.ca.issue_cert("me@example.org")
        certificate = self.file("me.pem", *mine.cert_chain_pems)
        key = self.file("me.key", mine.private_key_pem)
        client = self.client(
            endpoint, ca=self.ca_file, certificate=certificate, key=key
        )
        await self.ask(client, verbs.Info)
        with self.assertRaises(ConnectionFailed):
            await self.ask(self.client(endpoint, ca=self.ca_file), verbs.Info)
        os.environ["GATEWAYKIT_CERTIFICATE"] = self.file(
            "both.pem", mine.private_key_pem, *mine.cert_chain_pems
        )
        await self.ask(self.client(endpoint, ca=self.ca_file), verbs.Info)

    async def test_files_that_cannot_be_used(self) -> None:
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"ca": "no.pem"}, "GATEWAYKIT_CA"),
            ({"ca": self.file("bad.pem")}, "GATEWAYKIT_CA"),
            ({"ca": self.ca_file, "certificate": "no.pem"}, "GATEWAYKIT_CERTIFICATE"),
            (
                {"ca": self.ca_file, "certificate": self.ca_file},
                "GATEWAYKIT_CERTIFICATE",
            ),
        )
        for options, name in cases:
            with self.assertRaises(MisuseError) as caught:
                BlockingClient("tls:localhost:1", **options)
            self.assertEqual(caught.exception.name, name)

    async def test_a_server_without_tls(self) -> None:
        plain = (await self.tcp()).rpartition(":")[2]
        client = self.client(f"tls:localhost:{plain}", ca=self.ca_file, timeout=2)
        with self.assertRaises(ConnectionFailed):
            await self.ask(client, verbs.Info)

    async def test_a_handshake_that_never_comes(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as mute:
            port = mute.getsockname()[1]
            client = self.client(f"tls:localhost:{port}", ca=self.ca_file, timeout=0.3)
            with self.assertRaises(ConnectionFailed) as caught:
                await self.ask(client, verbs.Info)
        self.assertEqual(caught.exception.reason, "no TLS handshake in time")

    async def test_token_over_tls(self) -> None:
        self.answers[verbs.Login] = _login
        port = await self.serve("localhost")
        os.environ["GATEWAYKIT_TOKEN"] = "s3cret"
        client = self.client(f"tls:localhost:{port}", ca=self.ca_file)
        await self.ask(client, verbs.Info)

    async def test_tls_connection_that_was_closed(self) -> None:
        issued = self.ca.issue_cert("localhost")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        closed = threading.Event()

        def end(plain: socket.socket) -> None:
            secure = context.wrap_socket(plain, server_side=True)
            answer(secure)
            secure.close()
            closed.set()

        server = ScriptedServer(end, end)
        self.addCleanup(server.stop)
        endpoint = server.endpoint.replace("tcp:127.0.0.1", "tls:localhost")
        client = self.client(endpoint, ca=self.ca_file)
        for _ in range(2):
            found = await self.ask(client, verbs.AcknowledgeDamage)
            self.assertEqual(found, {"acknowledged": 7})
            await deferToThread(closed.wait, 10)
            closed.clear()

    def test_all_its_errors_are_ours(self) -> None:
        for kind in (ConnectionFailed, LoginRefused, CallTimeout):
            self.assertTrue(issubclass(kind, GatewayError))
