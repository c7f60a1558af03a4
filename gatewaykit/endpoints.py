"""What has to be known of a server endpoint string before anything listens on it.

`serverFromString` builds an endpoint without touching the network; listening on it with a
recorder in the reactor's place tells where it would listen, whatever wraps it (``haproxy:``).
"""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

import attrs
from twisted.internet.endpoints import UNIXServerEndpoint, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from gatewaykit.errors import ConfigError

ALLOWED = "endpoint strings such as tcp:5000, tcp:5000:interface=127.0.0.1, unix:PATH:mode=660"
_UNIX_PATH_LIMIT = 107  # sun_path of Linux has 108 bytes, one of them NUL


@attrs.frozen
class Place:
    """Where an endpoint listens: a TCP port of an interface, a path, or neither when the
    socket was opened by whoever started us."""

    interface: str = ""
    port: int | None = None
    path: str | None = None
    mode: int = 0o660
    backlog: int = 50

    @property
    def is_local(self) -> bool:
        """Whether only this host can connect."""
        if self.path is not None:
            return True
        if self.port is None:
            return False
        with suppress(ValueError):
            return ipaddress.ip_address(self.interface).is_loopback
        return self.interface == "localhost"


class _Recorder:
    """As much of a reactor as endpoints need in order to say where they would listen."""

    place: Place | None = None

    def listenTCP(
        self, port: int, factory: Factory, backlog: int = 50, interface: str = ""
    ) -> None:
        self.place = Place(interface=interface, port=port)

    def listenSSL(
        self,
        port: int,
        factory: Factory,
        contextFactory: object,
        backlog: int = 50,
        interface: str = "",
    ) -> None:
        self.place = Place(interface=interface, port=port)

    def listenUNIX(
        self,
        address: str,
        factory: Factory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: object = None,
    ) -> None:
        self.place = Place(path=address, mode=mode, backlog=backlog)

    def adoptStreamPort(self, fileno: int, family: int, factory: Factory) -> None:
        self.place = Place()


def locate(text: str) -> Place:
    """Where the endpoint string would listen.

    A unix socket's path is made absolute, since twistd may change its directory (not where
    that would make it too long), and its mode is 660 unless the string says otherwise.
    Raises `ValueError` for a string that cannot be used.
    """
    recorder = _Recorder()
    failures: list[Failure] = []
    try:
        endpoint = serverFromString(cast(Any, recorder), text)
        endpoint.listen(Factory()).addErrback(failures.append)
        for failure in failures:
            failure.raiseException()
    except Exception as error:
        # Twisted's parsers raise whatever their arguments made them raise: TypeError for
        # an unknown option, IndexError for a missing socket, OSError for a certificate.
        raise ValueError(str(error)) from error
    place = recorder.place
    if place is None:
        raise ValueError("it does not listen")
    if place.port is not None and not 0 <= place.port <= 65535:
        raise ValueError("a port is a number from 0 to 65535")
    if place.path is None:
        return place
    path = str(Path(place.path).absolute())
    if not _fits(path):
        path = place.path
    if not _fits(path):
        raise ValueError(f"its path has more than {_UNIX_PATH_LIMIT} bytes")
    # Unlike Path.is_dir, this doesn't raise in a directory of another user.
    if os.path.isdir(path):  # noqa: PTH112
        raise ValueError("its path is a directory")
    mode = place.mode if "mode=" in text else 0o660
    return attrs.evolve(place, path=path, mode=mode)


def _fits(path: str) -> bool:
    return len(os.fsencode(path)) <= _UNIX_PATH_LIMIT


def server_endpoint(reactor: Any, text: str) -> IStreamServerEndpoint:
    """The endpoint of `text`; for a unix socket as `locate` tells and without a lock file.

    Twisted's lock names a process id. In a container the next start has the same one, so
    that the lock of a killed process would never be taken over; `remove_stale_socket` asks
    the socket itself.
    """
    if not text.startswith("unix:"):
        return cast(IStreamServerEndpoint, serverFromString(reactor, text))
    place = locate(text)
    return UNIXServerEndpoint(
        reactor, place.path, backlog=place.backlog, mode=place.mode, wantPID=False
    )


def remove_stale_socket(path: str) -> None:
    """Remove a unix socket that nobody listens on any more, as a killed process leaves it.

    A socket that somebody answers on, and a file that is no socket, stay.
    """
    if not Path(path).is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink(missing_ok=True)
        except OSError:
            return


def _bind(place: Place) -> socket.socket:
    if place.path is None:
        family = socket.AF_INET6 if ":" in place.interface else socket.AF_INET
        probe = socket.socket(family, socket.SOCK_STREAM)
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        address: Any = (place.interface, place.port)
    else:
        remove_stale_socket(place.path)
        probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        address = place.path
    try:
        probe.bind(address)
    except OSError:
        probe.close()
        raise
    return probe


def probe(listeners: Iterable[tuple[str, str]]) -> None:
    """Bind to every place once and let go of it again, as a rehearsal of the start.

    twistd tells the result of a start before the reactor runs; what fails later can only be
    logged. Raises `ConfigError` for the first place that is not to be had.

    :param listeners: pairs of the setting's key and an endpoint string.
    """
    with ExitStack() as bound:
        for key, text in listeners:
            place = locate(text)
            if place.port is None and place.path is None:
                continue
            try:
                bound.enter_context(_bind(place))
            except OSError as error:
                raise unavailable(key, text, error) from error
            if place.path is not None:
                bound.callback(Path(place.path).unlink, missing_ok=True)


def unavailable(key: str, text: str, error: BaseException) -> ConfigError:
    """The `ConfigError` for a place that cannot be listened on, with the reason."""
    cause = getattr(error, "socketError", error)
    number = getattr(cause, "errno", None)
    if number == errno.EADDRINUSE:
        reason = "somebody else listens there"
    elif number is not None:
        reason = os.strerror(number)
    else:
        reason = str(cause)
    return ConfigError(key, text, f"a place that is free to listen on ({reason})")
