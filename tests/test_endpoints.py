from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

from twisted.internet.defer import fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit import endpoints
from gatewaykit.errors import ConfigError
from tests.support import DirectoryTestCase


class LocateTests(DirectoryTestCase):
    def test_tcp(self) -> None:
        place = endpoints.locate("tcp:5000")
        self.assertEqual((place.interface, place.port), ("", 5000))
        self.assertFalse(place.is_local)

    def test_loopback_is_local(self) -> None:
        for text in (
            "tcp:1:interface=127.0.0.1",
            "tcp:1:interface=localhost",
            r"tcp6:1:interface=\:\:1",
            "haproxy:tcp:1:interface=127.0.0.1",
            "unix:a",
        ):
            self.assertTrue(endpoints.locate(text).is_local, text)

    def test_others_are_not_local(self) -> None:
        for text in ("tcp:1", "tcp6:1", "haproxy:tcp:1", "tcp:1:interface=example.org"):
            self.assertFalse(endpoints.locate(text).is_local, text)

    def test_unix_path_is_made_absolute_with_a_mode_that_keeps_others_out(self) -> None:
        place = endpoints.locate("unix:gk.sock")
        self.assertEqual(place.path, str(Path.cwd() / "gk.sock"))
        self.assertEqual(place.mode, 0o660)

    def test_unix_path_stays_relative_where_it_would_be_too_long(self) -> None:
        deep = Path("d" * 100)
        deep.mkdir()
        os.chdir(deep)
        self.assertEqual(endpoints.locate("unix:gk.sock").path, "gk.sock")

    def test_unix_mode_of_the_string_holds(self) -> None:
        self.assertEqual(endpoints.locate("unix:gk.sock:mode=600").mode, 0o600)

    def test_colons_in_a_path(self) -> None:
        self.assertEqual(endpoints.locate(r"unix:/run/a\:b").path, "/run/a:b")

    def test_strings_that_cannot_be_used(self) -> None:
        for text in (
            "",
            "5000",
            "tcp",
            "tcp:x",
            "tcp:70000",
            "tcp:-1",
            "tcp:1:bogus=2",
            "tcp:5:interface=::1",
            "foo:1",
            "unix:",
            "unix:.",
            "unix:a:mode=888",
            "unix:" + "a" * 120,
            "ssl:443:privateKey=/nowhere.pem",
            "systemd:domain=INET:index=0",
            "stdio:",
            "fd:7",
            "launchd:x",
        ):
            self.assertRaises(ValueError, endpoints.locate, text)

    def test_endpoint_of_a_plugin_that_fails_or_does_not_listen(self) -> None:
        for result in (fail(OSError("no such device")), succeed(None)):

            class Endpoint:
                def listen(self, factory: Factory, result: Any = result) -> Any:
                    return result

            self.patch(endpoints, "serverFromString", lambda *_: Endpoint())
            self.assertRaises(ValueError, endpoints.locate, "other:1")

    def test_port_with_tls(self) -> None:
        recorder = endpoints._Recorder()
        recorder.listenSSL(443, Factory(), None)
        self.assertEqual(recorder.place, endpoints.Place(port=443))

    def test_adopted_socket_has_no_place(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            recorder = endpoints._Recorder()
            recorder.adoptStreamPort(server.fileno(), socket.AF_INET, Factory())
        self.assertEqual(recorder.place, endpoints.Place())
        self.assertFalse(endpoints.Place().is_local)


class ServerEndpointTests(DirectoryTestCase):
    def test_tcp_is_twisteds(self) -> None:
        reactor = MemoryReactor()
        endpoints.server_endpoint(reactor, "tcp:5000").listen(Factory())
        self.assertEqual(reactor.tcpServers[0][0], 5000)

    def test_unix_has_mode_660_and_no_lock_file(self) -> None:
        reactor = MemoryReactor()
        endpoints.server_endpoint(reactor, "unix:gk.sock").listen(Factory())
        path, _, _, mode, want_pid = reactor.unixServers[0]
        self.assertEqual(
            (path, mode, want_pid), (str(Path.cwd() / "gk.sock"), 0o660, False)
        )


class ProbeTests(DirectoryTestCase):
    def test_free_places(self) -> None:
        endpoints.probe(
            [("a", "tcp:0:interface=127.0.0.1"), ("b", "unix:gk.sock"), ("c", "tcp6:0")]
        )
        self.assertFalse(Path("gk.sock").exists())

    def test_socket_that_systemd_opened_is_not_tried(self) -> None:
        """It is ours already."""
        self.patch(endpoints, "locate", lambda _: endpoints.Place())
        endpoints.probe([("a", "systemd:domain=INET:index=0")])

    def test_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            text = f"tcp:{server.getsockname()[1]}:interface=127.0.0.1"
            error = self.assertRaises(
                ConfigError, endpoints.probe, [("gv50.listen", text)]
            )
        self.assertEqual((error.key, error.value), ("gv50.listen", text))
        self.assertIn("somebody else listens there", str(error))

    def test_interface_that_is_not_here(self) -> None:
        error = self.assertRaises(
            ConfigError, endpoints.probe, [("a", "tcp:0:interface=192.0.2.1")]
        )
        self.assertIn("Cannot assign requested address", str(error))

    def test_socket_in_use_stays(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("gk.sock")
            server.listen()
            self.assertRaises(ConfigError, endpoints.probe, [("a", "unix:gk.sock")])
        self.assertTrue(Path("gk.sock").exists())

    def test_socket_of_a_killed_process_is_removed(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("gk.sock")
        endpoints.probe([("a", "unix:gk.sock")])
        self.assertFalse(Path("gk.sock").exists())

    def test_file_that_is_no_socket_stays(self) -> None:
        Path("gk.sock").write_text("mine")
        self.assertRaises(ConfigError, endpoints.probe, [("a", "unix:gk.sock")])
        self.assertEqual(Path("gk.sock").read_text(), "mine")

    def test_socket_that_cannot_be_asked_stays(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
            server.bind("gk.sock")
            endpoints.remove_stale_socket("gk.sock")
        self.assertTrue(Path("gk.sock").exists())

    def test_directory_that_is_not_there(self) -> None:
        error = self.assertRaises(
            ConfigError, endpoints.probe, [("a", "unix:nowhere/gk.sock")]
        )
        self.assertIn("No such file or directory", str(error))


class UnavailableTests(SynchronousTestCase):
    def test_reason_within_twisteds_error(self) -> None:
        error = CannotListenError("", 1, OSError(13, "Permission denied"))
        self.assertIn(
            "Permission denied", str(endpoints.unavailable("a", "tcp:1", error))
        )

    def test_reason_without_a_number(self) -> None:
        error = CannotListenError("", 1, "Cannot acquire lock")
        self.assertIn(
            "Cannot acquire lock", str(endpoints.unavailable("a", "tcp:1", error))
        )
