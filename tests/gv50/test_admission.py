from __future__ import annotations

import socket
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.interfaces import ITCPTransport
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides

from gatewaykit.gv50.admission import (
    KEEPALIVE_IDLE_S,
    Census,
    Networks,
    foreign_protocol,
    tune_socket,
)


class ForeignProtocolTests(SynchronousTestCase):
    def test_openings_of_others_are_named(self) -> None:
        for opening, name in (
            (b"\x03\x00\x00\x2b\x26\xe0\x00\x00Cookie: mstshash=hello", "RDP"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "TLS"),
            (b"GET / HTTP/1.1\r\n", "HTTP"),
            (b"OPTIONS *", "HTTP"),
            (b"SSH-2.0-Go\r\n", "SSH"),
            (b"PRI * HTTP/2.0", "HTTP/2"),
        ):
            self.assertEqual(foreign_protocol(opening), name)

    def test_proxy_headers_name_the_endpoint_to_listen_on(self) -> None:
        for opening in (b"PROXY TCP4 1.2.3.4", b"\r\n\r\n\0\r\nQUIT\n"):
            self.assertIn("haproxy:tcp:", str(foreign_protocol(opening)))

    def test_trackers_and_noise_are_not(self) -> None:
        for opening in (
            b"+RESP:GT",
            b"\r\n+ACK:G",
            b"+BUFF:GT",
            b"",
            b"\xff\xff",
            b"GETX",
        ):
            self.assertIsNone(foreign_protocol(opening))


class NetworksTests(SynchronousTestCase):
    def test_empty_lists_allow_everybody(self) -> None:
        self.assertTrue(Networks([], []).allow("203.0.113.9"))

    def test_only_allowed_networks_are_let_in(self) -> None:
        networks = Networks(["10.0.0.0/8", "2001:db8::/32"], [])
        self.assertTrue(networks.allow("10.200.3.4"))
        self.assertTrue(networks.allow("2001:db8::1"))
        self.assertFalse(networks.allow("11.0.0.1"))
        self.assertFalse(networks.allow("2001:db9::1"))

    def test_denial_wins(self) -> None:
        networks = Networks(["10.0.0.0/8"], ["10.1.0.0/16"])
        self.assertTrue(networks.allow("10.2.0.1"))
        self.assertFalse(networks.allow("10.1.0.1"))

    def test_denial_alone_lets_the_others_in(self) -> None:
        networks = Networks([], ["10.1.2.3"])
        self.assertFalse(networks.allow("10.1.2.3"))
        self.assertTrue(networks.allow("10.1.2.4"))

    def test_what_is_no_address_is_never_let_in(self) -> None:
        for host in ("unheard-of", "\x1b[31m", "999.1.1.1", "fe80::1%\x1b", ""):
            self.assertFalse(Networks([], []).allow(host))
            self.assertFalse(Networks([], ["10.0.0.0/8"]).allow(host))

    def test_mapped_address_is_the_ipv4_address(self) -> None:
        networks = Networks(["10.0.0.0/8"], ["10.1.0.0/16"])
        self.assertTrue(networks.allow("::ffff:10.2.0.1"))
        self.assertFalse(networks.allow("::ffff:10.1.0.1"))

    def test_mapped_network_is_the_ipv4_network(self) -> None:
        networks = Networks([], ["::ffff:10.0.0.0/104"])
        self.assertFalse(networks.allow("10.9.9.9"))
        self.assertTrue(networks.allow("11.9.9.9"))

    def test_narrow_ipv6_network_stays_one(self) -> None:
        networks = Networks(["2001:db8::7/128"], [])
        self.assertTrue(networks.allow("2001:db8::7"))
        self.assertFalse(networks.allow("2001:db8::8"))

    def test_scoped_address_is_matched_without_its_scope(self) -> None:
        self.assertTrue(Networks(["fe80::/10"], []).allow("fe80::1%eth0"))

    def test_unix_peer_is_let_in(self) -> None:
        self.assertTrue(Networks(["10.0.0.0/8"], []).allow(None))

    @given(st.ip_addresses(v=4), st.integers(0, 32))
    def test_address_is_in_its_own_network(self, address: Any, prefix: int) -> None:
        network = f"{address}/{prefix}"
        self.assertTrue(Networks([network], []).allow(str(address)))
        self.assertFalse(Networks([], [network]).allow(f"::ffff:{address}"))


class CensusTests(SynchronousTestCase):
    def test_limit_is_for_each_address(self) -> None:
        census = Census(2)
        self.assertTrue(census.enter("10.0.0.1"))
        self.assertTrue(census.enter("10.0.0.1"))
        self.assertFalse(census.enter("10.0.0.1"))
        self.assertTrue(census.enter("10.0.0.2"))

    def test_leaving_makes_room_for_one(self) -> None:
        census = Census(2)
        census.enter("10.0.0.1")
        census.enter("10.0.0.1")
        census.leave("10.0.0.1")
        self.assertTrue(census.enter("10.0.0.1"))
        self.assertFalse(census.enter("10.0.0.1"))


class RecordingTransport:
    """The options of a TCP transport, and none of its other methods."""

    def __init__(self, error: OSError | None = None) -> None:
        directlyProvides(self, ITCPTransport)
        self.options: dict[object, object] = {}
        self.error = error

    def setTcpNoDelay(self, enabled: bool) -> None:
        if self.error:
            raise self.error
        self.options["no delay"] = enabled

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self.options["keep-alive"] = enabled

    def getHandle(self) -> Any:
        return self

    def setsockopt(self, level: int, name: int, value: int) -> None:
        self.options[name] = value


class TuneSocketTests(SynchronousTestCase):
    def test_tcp_gets_no_delay_and_keep_alive(self) -> None:
        transport: Any = RecordingTransport()
        tune_socket(transport)
        self.assertTrue(transport.options["no delay"])
        self.assertTrue(transport.options["keep-alive"])
        self.assertEqual(transport.options[socket.TCP_KEEPIDLE], KEEPALIVE_IDLE_S)

    def test_option_that_is_missing_is_left_out(self) -> None:
        self.patch(socket, "TCP_KEEPIDLE", None)
        del socket.TCP_KEEPIDLE
        transport: Any = RecordingTransport()
        tune_socket(transport)
        self.assertTrue(transport.options["keep-alive"])
        self.assertIn(socket.TCP_KEEPINTVL, transport.options)

    def test_peer_that_is_gone_is_no_error(self) -> None:
        transport: Any = RecordingTransport(OSError(22, "gone"))
        tune_socket(transport)

    def test_others_have_no_such_options(self) -> None:
        tune_socket(StringTransport())
