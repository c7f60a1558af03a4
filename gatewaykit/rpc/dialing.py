"""A connected socket, in plain or TLS, by a deadline; for clients without a reactor."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from contextlib import ExitStack
from typing import Any

from gatewaykit.errors import ConnectionFailed, MisuseError
from gatewaykit.rpc.addresses import Address

_LOOPBACK = ("127.0.0.1", "::1")


def tls_context(
    ca: str | None, certificate: str | None, key: str | None
) -> ssl.SSLContext:
    """A context that checks the server's certificate and its name.

    Raises `MisuseError` for files that cannot be used.

    :param ca: PEM file of the authorities to trust, None for the system's.
    :param certificate: PEM file of the client's own certificate and its chain.
    :param key: PEM file of its key, if that is not in the same file.
    """
    try:
        context = ssl.create_default_context(cafile=ca)
    except (OSError, ValueError) as error:
        allowed = f"a PEM file of certificates ({_reason(error)})"
        raise MisuseError("GATEWAYKIT_CA", ca, allowed) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate is not None:
        try:
            # An empty password keeps OpenSSL from asking the terminal for one.
            context.load_cert_chain(certificate, key, password="")
        except (OSError, ValueError) as error:
            allowed = f"PEM files of a certificate and its key ({_reason(error)})"
            raise MisuseError("GATEWAYKIT_CERTIFICATE", certificate, allowed) from error
    return context


def dial(
    address: Address, name: str, deadline: float, context: ssl.SSLContext | None
) -> socket.socket:
    """Connect, or raise `ConnectionFailed`.

    :param name: what errors call the other end.
    :param deadline: of `time.monotonic`.
    """
    if address.path:
        return _connect(socket.AF_UNIX, address.path, name, deadline)
    places = _resolve(address, name, deadline)
    last = ConnectionFailed(name, "its name has no address")
    for number, (family, place) in enumerate(places):
        # One that swallows packets must leave time for the others.
        now = time.monotonic()
        share = now + (deadline - now) / (len(places) - number)
        try:
            plain = _connect(family, place, name, share)
        except ConnectionFailed as error:
            last = error
            continue
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is None:
            return plain
        return _secure(plain, context, address.host, name, deadline)
    raise last


def remaining(deadline: float) -> float:
    """Seconds until then; `TimeoutError` when there are none left."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return text or type(error).__name__


def _connect(
    family: socket.AddressFamily, place: Any, name: str, deadline: float
) -> socket.socket:
    with ExitStack() as undo:
        connection = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
        try:
            connection.settimeout(remaining(deadline))
            connection.connect(place)
        except TimeoutError:
            raise ConnectionFailed(name, "no answer in time") from None
        except (OSError, ValueError) as error:  # ValueError: a path with a NUL
            raise ConnectionFailed(name, _reason(error)) from error
        undo.pop_all()
    return connection


def _secure(
    plain: socket.socket,
    context: ssl.SSLContext,
    host: str,
    name: str,
    deadline: float,
) -> ssl.SSLSocket:
    with ExitStack() as undo:
        undo.callback(plain.close)
        try:
            secure = context.wrap_socket(
                plain, server_hostname=host, do_handshake_on_connect=False
            )
            undo.callback(secure.close)
            secure.settimeout(remaining(deadline))
            secure.do_handshake()
        except TimeoutError:
            raise ConnectionFailed(name, "no TLS handshake in time") from None
        except ssl.SSLCertVerificationError as error:
            raise ConnectionFailed(name, error.verify_message) from error
        except (OSError, ValueError) as error:  # ValueError: a name that is none
            raise ConnectionFailed(name, _reason(error)) from error
        undo.pop_all()
    return secure


def _resolve(
    address: Address, name: str, deadline: float
) -> list[tuple[socket.AddressFamily, Any]]:
    """Addresses of the host; what must not be looked up is not."""
    if address.host == "localhost":
        # Whatever the host's files say: the gateway listens on 127.0.0.1.
        hosts: tuple[str, ...] = _LOOPBACK
    else:
        hosts = (address.host,)
    try:
        return [_place(host, address.port) for host in hosts]
    except ValueError:
        return _look_up(address, name, deadline)


def _place(host: str, port: int) -> tuple[socket.AddressFamily, Any]:
    found = ipaddress.ip_address(host)
    if isinstance(found, ipaddress.IPv4Address):
        return socket.AF_INET, (host, port)
    if found.scope_id is not None:
        raise ValueError(host)  # only the resolver knows interfaces by their names
    return socket.AF_INET6, (host, port)


def _look_up(
    address: Address, name: str, deadline: float
) -> list[tuple[socket.AddressFamily, Any]]:
    """Ask the resolver, which knows no deadline: in a thread that may be left behind."""
    found: list[Any] = []
    failure: list[Exception] = []

    def ask() -> None:
        try:
            found.extend(
                socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            failure.append(error)

    thread = threading.Thread(target=ask, name="gatewaykit-resolver", daemon=True)
    thread.start()
    thread.join(max(deadline - time.monotonic(), 0))
    if failure:
        raise ConnectionFailed(name, _reason(failure[0])) from failure[0]
    if thread.is_alive():
        raise ConnectionFailed(name, "its name was not found in time")
    return [(family, place) for family, _, _, _, place in found]
