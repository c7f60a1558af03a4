"""Who is let in on the trackers' port: networks, numbers of connections, and what else
than a tracker knocks there."""

from __future__ import annotations

import fcntl
import socket
import struct
import termios
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any

from twisted.internet.interfaces import ITCPTransport
from twisted.protocols.policies import ProtocolWrapper

_Network = IPv4Network | IPv6Network

OPENING_BYTES = 8
"""As many of a connection's first bytes tell what speaks there."""

_OPENINGS = (
    (b"\x03\x00", "RDP"),
    (b"\x16\x03", "TLS"),
    (b"SSH-", "SSH"),
    (b"PROXY ", "a PROXY header (listen on haproxy:tcp:... behind a proxy)"),
    (b"\r\n\r\n\x00\r\nQ", "a PROXY header (listen on haproxy:tcp:... behind a proxy)"),
    (b"GET ", "HTTP"),
    (b"POST ", "HTTP"),
    (b"HEAD ", "HTTP"),
    (b"PUT ", "HTTP"),
    (b"DELETE ", "HTTP"),
    (b"OPTIONS ", "HTTP"),
    (b"CONNECT ", "HTTP"),
    (b"TRACE ", "HTTP"),
    (b"PATCH ", "HTTP"),
    (b"PRI * HT", "HTTP/2"),
)


def foreign_protocol(opening: bytes) -> str | None:
    """What the first bytes of a connection (`OPENING_BYTES` tell enough) look like, if they
    are those of a protocol that port scanners and lost clients speak."""
    for start, name in _OPENINGS:
        if opening.startswith(start):
            return name
    return None


def _host(text: str) -> IPv4Address | IPv6Address:
    """An IPv4 address that came in on an IPv6 socket is the IPv4 address."""
    address = ip_address(text)
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or address
    return address


def _network(text: object) -> _Network:
    network = ip_network(str(text), strict=False)
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:  # noqa: SIM102
        if mapped := network.network_address.ipv4_mapped:
            return ip_network((mapped, network.prefixlen - 96), strict=False)
    return network


class Networks:
    """Allowed and denied networks in CIDR form, IPv4 and IPv6; a denial wins.

    :param allow: empty: everybody who is not denied.
    """

    def __init__(self, allow: Iterable[object], deny: Iterable[object]) -> None:
        self._allow = [_network(text) for text in allow]
        self._deny = [_network(text) for text in deny]

    def allow(self, host: str | None) -> bool:
        """Whether `host` may connect; None is a peer on a UNIX socket, whose file's mode
        has decided. What is no address may not: a PROXY header can hold any text."""
        if host is None:
            return True
        try:
            address = _host(host)
        except ValueError:
            return False
        if not host.isprintable():  # a scope, behind %, can be anything
            return False
        if any(address in network for network in self._deny):
            return False
        return not self._allow or any(address in network for network in self._allow)


class Census:
    """Counts connections by address, up to a limit for each."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: Counter[str | None] = Counter()

    def enter(self, host: str | None) -> bool:
        """Count a connection, unless its address has as many as it may."""
        if self._counts[host] >= self._limit:
            return False
        self._counts[host] += 1
        return True

    def leave(self, host: str | None) -> None:
        """A connection that was counted has ended."""
        self._counts[host] -= 1
        if not self._counts[host]:
            del self._counts[host]


KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 10
KEEPALIVE_PROBES = 6


def _innermost(transport: Any) -> Any:
    """The transport that has the socket: TLS has a handle of its own, which knows none."""
    while isinstance(transport, ProtocolWrapper):
        transport = transport.transport
    return transport


def tune_socket(transport: Any) -> None:
    """Answers leave at once, and a peer that vanished is noticed in two minutes.

    The values are those of the original service (facts/gv50.md 6.3).
    """
    transport = _innermost(transport)
    if not ITCPTransport.providedBy(transport):
        return
    # A UNIX socket has no such options, nor has a peer that is gone already.
    with suppress(OSError):
        transport.setTcpNoDelay(True)
        transport.setTcpKeepAlive(True)
        handle = transport.getHandle()  # type: ignore[attr-defined]
        for name, value in (
            ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
            ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ):
            if hasattr(socket, name):
                handle.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def unacknowledged(transport: Any) -> int:
    """Bytes that were written and have not arrived, as far as the nearest TCP peer tells:
    behind a proxy that is the proxy."""
    transport = _innermost(transport)
    if not ITCPTransport.providedBy(transport):
        return 0
    # What Twisted itself still holds; it has no public name for that.
    held = len(getattr(transport, "dataBuffer", b"")) - getattr(transport, "offset", 0)
    held += getattr(transport, "_tempDataLen", 0)
    queued = bytearray(struct.calcsize("i"))
    with suppress(OSError):
        handle = transport.getHandle()  # type: ignore[attr-defined]
        fcntl.ioctl(handle.fileno(), termios.TIOCOUTQ, queued)
    return held + int(struct.unpack("i", queued)[0])


def limit_unacknowledged(transport: Any, seconds: float) -> None:
    """From now on the kernel ends the connection when the peer's TCP leaves something
    unconfirmed for so long."""
    transport = _innermost(transport)
    if ITCPTransport.providedBy(transport) and hasattr(socket, "TCP_USER_TIMEOUT"):
        with suppress(OSError):
            handle = transport.getHandle()  # type: ignore[attr-defined]
            limit_ms = int(seconds * 1000)
            handle.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, limit_ms)
