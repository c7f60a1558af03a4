"""A client of the gateway for programs without a reactor: AMP over plain sockets.

with BlockingClient("unix:/run/gatewaykit/gatewaykit.sock") as gateway:
    print(gateway.call(verbs.Health)["status"])
"""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from twisted.protocols import amp

from gatewaykit.access import MASK
from gatewaykit.errors import (
    AccessDenied,
    CallTimeout,
    ConnectionFailed,
    LoginRefused,
    MisuseError,
    NotFound,
    ProtocolViolation,
)
from gatewaykit.rpc import addresses, dialing, verbs
from gatewaykit.rpc.boxes import BoxReader

USUAL_S = 10.0
"""What most calls may take where nobody says otherwise."""
_ASK = b"1"
_RECEIVE_BYTES = 1 << 16


class _Closed(ConnectionFailed):
    """The connection ended before a byte of the answer was there."""


class BlockingClient:
    """A connection to a gateway, made when it is needed and kept between calls.

    Any number of threads may call; one exchange is on the connection at a time, and a call's
    deadline holds for its wait for the others too. After a fork the child connects anew.

    What is not given is taken from the environment: `token` from ``GATEWAYKIT_TOKEN``,
    `ca` (PEM file of authorities; else the system's) from ``GATEWAYKIT_CA``, the client's
    `certificate` and `key` from ``GATEWAYKIT_CERTIFICATE`` and ``GATEWAYKIT_KEY``.

    A token goes over TLS and unix sockets only. Over plain TCP the environment's is not
    sent, and one that was given is a `MisuseError`.

    :param endpoint: ``unix:PATH``, ``tcp:HOST:PORT`` or ``tls:HOST:PORT``.
    :param timeout: seconds that a call may take, from connecting to its answer. None for 10,
        and for what the gateway itself may take longer for, such as sending a message, the
        gateway's time and a little more (see `gatewaykit.rpc.verb.Verb.patience_s`).
    """

    def __init__(
        self,
        endpoint: str,
        timeout: float | None = None,
        *,
        token: str | None = None,
        ca: str | None = None,
        certificate: str | None = None,
        key: str | None = None,
    ) -> None:
        self._address = addresses.parse(endpoint)
        if timeout is not None and not 0 < timeout < threading.TIMEOUT_MAX:
            raise MisuseError("timeout", timeout, "seconds, more than 0")
        if token is not None and not self._address.is_private:
            raise MisuseError(
                "token", MASK, f"over unix: and tls: only, not {endpoint}"
            )
        if self._address.is_private:
            token = token or os.environ.get("GATEWAYKIT_TOKEN") or None
        self._token = token
        self._context: ssl.SSLContext | None = None
        if self._address.tls:
            self._context = dialing.tls_context(
                ca or os.environ.get("GATEWAYKIT_CA") or None,
                certificate or os.environ.get("GATEWAYKIT_CERTIFICATE") or None,
                key or os.environ.get("GATEWAYKIT_KEY") or None,
            )
        self.endpoint = endpoint
        self._timeout = timeout
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._connection: socket.socket | None = None
        self._is_ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, after the call that is under way; the next one connects."""
        self._notice_fork()
        with self._lock:
            self._hang_up()

    def end(self) -> None:
        """Close the connection for good, at once: the call that is under way in another
        thread fails with `ConnectionFailed`, as all do from now on."""
        self._is_ended = True
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                # Not TLS's own, which is not for another thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        if self._lock.acquire(blocking=False):
            try:
                self._hang_up()
            finally:
                self._lock.release()

    def call(self, verb: type[verbs.Verb], **arguments: Any) -> dict[str, Any]:
        """Ask the gateway, and give the answer's values by name.

        Raises what the verb may fail with, `NotFound` for a verb that the gateway does not
        know, `ConnectionFailed`, `CallTimeout` (what was asked for may have happened),
        `LoginRefused`, and `ProtocolViolation` for what is no answer. A call that only
        reads is repeated once if a connection kept from before turns out to be closed; one
        that changes something is never repeated.
        """
        request = _request(verb, arguments)
        seconds = self._timeout or verb.patience_s(USUAL_S)
        deadline = time.monotonic() + seconds
        self._notice_fork()
        if not self._lock.acquire(timeout=seconds):
            raise CallTimeout(verb.name(), seconds)
        try:
            return self._ask(verb, request, deadline)
        except TimeoutError:
            raise CallTimeout(verb.name(), seconds) from None
        finally:
            self._lock.release()

    def _ask(
        self, verb: type[verbs.Verb], request: bytes, deadline: float
    ) -> dict[str, Any]:
        dialing.remaining(deadline)
        kept = self._connection if self._is_usable() else None
        if kept is not None:
            try:
                return self._exchange(kept, verb, request, deadline)
            except _Closed:
                if verb.changes:
                    raise
        return self._exchange(self._connect(deadline), verb, request, deadline)

    def _connect(self, deadline: float) -> socket.socket:
        self._hang_up()
        self._check_end()
        connection = dialing.dial(self._address, self.endpoint, deadline, self._context)
        self._connection = connection
        if self._token is not None:
            self._login(connection, self._token, deadline)
        return connection

    def _login(self, connection: socket.socket, token: str, deadline: float) -> None:
        try:
            request = _request(verbs.Login, {"token": token})
            self._exchange(connection, verbs.Login, request, deadline)
        except NotFound:
            self._hang_up()
            raise LoginRefused(self.endpoint, "the gateway takes no tokens") from None
        except AccessDenied as error:
            self._hang_up()
            raise LoginRefused(self.endpoint, str(error)) from error
        except BaseException:
            self._hang_up()
            raise

    def _exchange(
        self,
        connection: socket.socket,
        verb: type[verbs.Verb],
        request: bytes,
        deadline: float,
    ) -> dict[str, Any]:
        try:
            box = self._transfer(connection, request, deadline)
            if box.get(amp.ANSWER) == _ASK:
                return verb.parseResponse(amp.AmpBox(box), None)
            if box.get(amp.ERROR) != _ASK:
                raise ProtocolViolation("a box that answers nothing")
            code = box.get(amp.ERROR_CODE, b"")
            known = code in verb.reverseErrors or code == amp.UNHANDLED_ERROR_CODE
            text = box.get(amp.ERROR_DESCRIPTION, b"").decode("utf-8", "replace")
            if not known:
                raise ProtocolViolation(f"an error {code[:100]!r}: {text[:200]}")
        except BaseException:
            # Also when interrupted: a late answer would be taken for the next call's.
            self._hang_up()
            raise
        if code == amp.UNHANDLED_ERROR_CODE:
            raise NotFound("verb", verb.name())
        raise verb.reverseErrors[code](text)

    def _transfer(
        self,
        connection: socket.socket,
        request: bytes,
        deadline: float,
    ) -> dict[bytes, bytes]:
        reader = BoxReader()
        silent = True
        self._check_end()
        try:
            connection.settimeout(dialing.remaining(deadline))
            connection.sendall(request)
            while True:
                connection.settimeout(dialing.remaining(deadline))
                data = connection.recv(_RECEIVE_BYTES)
                if not data:
                    raise ConnectionResetError("it was closed by the gateway")
                silent = False
                box = reader.receive(data)
                if box is not None:
                    return box
        except TimeoutError:
            raise  # the call's deadline
        except OSError as error:
            failed = _Closed if silent else ConnectionFailed
            reason = error.strerror or str(error) or type(error).__name__
            raise failed(self.endpoint, reason) from error

    def _check_end(self) -> None:
        if self._is_ended:
            raise ConnectionFailed(self.endpoint, "it was closed by this program")

    def _is_usable(self) -> bool:
        """Whether the kept connection is still open, as far as can be told without asking.

        Nothing comes unasked: what can be read is the end, or not for us.
        """
        if self._connection is None:
            return False
        try:
            self._connection.settimeout(0)
            self._connection.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _notice_fork(self) -> None:
        """The parent goes on with its connection; a thread that held the lock is not here."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._lock = threading.Lock()
            self._hang_up()


def _request(verb: type[verbs.Verb], arguments: dict[str, Any]) -> bytes:
    names = ", ".join(sorted(arguments))
    try:
        box = verb.makeArguments(arguments, None)
        box[amp.COMMAND] = verb.commandName
        box[amp.ASK] = _ASK
        serialized: bytes = box.serialize()
    except (
        amp.AmpError,
        LookupError,
        ValueError,
        TypeError,
        OverflowError,
        AttributeError,
    ) as error:
        # Names only: one of the values may be a secret.
        allowed = f"arguments of {verb.name()}"
        raise MisuseError("arguments", names, allowed) from error
    return serialized
