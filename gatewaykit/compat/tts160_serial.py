"""The API of `tts160_serial` of 2025: the mount for programs without a reactor.

    from gatewaykit.compat.tts160_serial import SerialManager
    from gatewaykit.compat.tts160_types import CommandType

Every name, shape and unit of then; facts/tts160.md 0 and 5 tell what was a mistake. It has
the mount's serial port for itself, or, with ``connect("unix:PATH")``, shares the mount with
all clients of a gateway.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from gatewaykit.compat.tts160_direct import Direct, check_baudrate, place_of
from gatewaykit.compat.tts160_errors import ConnectionError, ResponseError, translated  # noqa: A004 - the API's name
from gatewaykit.compat.tts160_formats import Formats
from gatewaykit.compat.tts160_gateway import PREFIXES, Gateway
from gatewaykit.compat.tts160_replies import value_of
from gatewaykit.compat.tts160_shared import LINES
from gatewaykit.compat.tts160_types import CommandType
from gatewaykit.errors import MisuseError, TTS160SerialError
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.commands import Effect, Reply
from gatewaykit.tts160.formats import BinaryFormat, BinaryFormatError, BinaryParser

__all__ = [
    "BinaryFormat",
    "BinaryFormatError",
    "BinaryParser",
    "CommandType",
    "ConnectionError",
    "ResponseError",
    "SerialManager",
    "TTS160SerialError",
]


class SerialManager:
    """The mount, for any number of threads.

    Managers that connect to the same device in a process share it, whichever name of it
    they use; no other program can open it meanwhile, nor does this one get what a gateway
    has. Connect through the gateway then.

    What a thread sends waits for what others have sent before, but for stops: ``:Q#`` is
    written at once, and what waits or runs to move the mount fails with `ResponseError`,
    of all managers on that device.

    :param logger: told of what is sent and received (debug), and of what came unasked
        (warning). That of this module if there is none.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self.logger = logger or logging.getLogger(__name__)
        self._formats = Formats()
        self._lock = threading.Lock()
        self._count = 0
        self._way: Direct | Gateway | None = None
        _managers.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cleanup()

    def connect(self, port: str, baudrate: int = 9600) -> None:
        """Open the mount's port, or count one user more if this manager has it open.

        `port` may be a gateway's ``unix:PATH``, ``tcp:HOST:PORT`` or ``tls:HOST:PORT``; the
        speed is the gateway's affair then, and an axis that is moved stops after a few
        seconds (``tts160.axis_lease``) unless the command comes again. For more than reading
        a gateway wants the role operator: its unix socket, a client certificate or a token
        (``GATEWAYKIT_TOKEN``) give it, see `gatewaykit.rpc.blocking.BlockingClient`.

        A connection that broke is made anew.

        :raises ValueError: what cannot be a port or a speed; another port than that which
            this manager is connected to; another speed than that with which this program
            has the port open.
        :raises ConnectionError: the port cannot be opened, or the gateway not be reached;
            it says why, and who has the port.
        """
        with self._lock, translated():
            is_gateway = _is_gateway(port)
            check_baudrate(baudrate)
            way = self._way
            if way is not None and not way.is_open:
                way.close()
                way = self._way = None
            if way is None:
                self._way = (
                    Gateway(port, self.logger)
                    if is_gateway
                    else Direct(port, baudrate, self.logger)
                )
                self.logger.info("connected to %s", port)
            elif way.place != (port if is_gateway else place_of(port)):
                raise MisuseError("port", port, f"{way.place}, which is connected")
            else:
                way.check(baudrate)
            self._count += 1

    def disconnect(self) -> None:
        """One user less; the last one closes the connection as `cleanup` does."""
        with self._lock:
            if self._count > 1:
                self._count -= 1
            else:
                self._close()

    def cleanup(self) -> None:
        """Close the connection whoever uses it; what waits for an answer of it fails with
        `ConnectionError` at once. Other managers keep theirs."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        way, self._way = self._way, None
        self._count = 0
        if way is not None:
            way.close()
            self.logger.info("disconnected from %s", way.place)

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, and it has not broken."""
        way = self._way
        return way is not None and way.is_open

    @property
    def connection_count(self) -> int:
        """How many times `connect` was called without a `disconnect`; 0 after `cleanup`."""
        return self._count

    def send_command(
        self, command: str, command_type: CommandType = CommandType.AUTO
    ) -> str | bool | list[Any] | dict[str, Any]:
        """Send a command and give its answer.

        How the answer of a known command ends, the table of facts/tts160.md 2 says;
        `command_type` says what it is wanted as, and how an unknown command is answered.

        ========= ==================================================================
        type      gives
        ========= ==================================================================
        BLIND     ``''``
        BOOL      True for ``1``, False for ``0``
        STRING    the text with its ``#``
        AUTO      that; for a BINARY block a list of its values, or a dictionary if a
                  format of the same types was registered with names
        ========= ==================================================================

        **True for ":MS#" means REFUSED**, as it always did: the mount answers ``0`` when it
        begins to slew, and ``1`` and a reason when it doesn't. Of ``:MS#`` and ``:SC`` the
        text is read and dropped with BOOL; STRING and AUTO give it. In a list a matrix is
        one value, a list of 9, and a quaternion one, a tuple (w, x, y, z).

        Reads are sent up to 5 times more, with growing pauses, when their answer is lost or
        garbled; nothing else is sent twice. What was lost is waited for before the next
        command goes out. After an error of something that moves the mount, see where it
        is: it may have begun.

        :raises ValueError: it is no command, or one that has no answer is to give one.
        :raises ConnectionError: not connected, no answer in time, or the line is gone.
        :raises ResponseError: the mount answered with ``ERROR`` (it has the text), with what
            its protocol doesn't allow or with another type than was asked for; or a stop
            came in between.
        """
        with translated():
            if not isinstance(command, str):
                raise MisuseError("command", command, "text such as ':GR#'")
            wanted = CommandType(command_type)
            known = lx200.command(command)
            has_none = known.reply is Reply.NONE and known.effect is not Effect.STOP
            if has_none and wanted in {CommandType.BOOL, CommandType.STRING}:
                allowed = f"BLIND or AUTO: {known.text} has no answer"
                raise MisuseError("command_type", wanted.name, allowed)
            answer = self._connected().ask(known, wanted)
            return value_of(known, wanted, answer, self._formats)

    def get_case_data(self, case_number: int) -> list[Any] | dict[str, Any]:
        """A block of the legacy protocol, 0 to 8: a dictionary where its fields have names,
        which all have but the matrices 5 and 6.

        Names that were registered for it (as ``case2`` or ``2``) replace those of
        facts/tts160.md 3.3. Raises as `send_command` does.
        """
        with translated():
            if type(case_number) is not int or not 0 <= case_number <= 8:
                raise MisuseError("case_number", case_number, "0 to 8")
            answer = self._connected().case(case_number)
            if answer["case"] != case_number:
                raise ResponseError(
                    f"the mount sent block {answer['case']}, not {case_number}"
                )
            return self._formats.case(case_number, answer["values"], built_in=True)

    def register_binary_format(
        self,
        name: str,
        format_string: str,
        field_names: Sequence[str] | None = None,
    ) -> None:
        """Have dictionaries for blocks of that format from now on.

        Types are all that a block tells of itself: what has them, however they are counted
        (``2i1B`` is ``iiB``), gets the names of the format registered last. One that is
        named ``case2`` or ``2`` is, among CASE blocks, for that one only.

        :raises ValueError: no name, or too many formats.
        :raises BinaryFormatError: no format, or field names that are not as many as its
            values.
        """
        with translated():
            unlike = self._formats.register(name, format_string, field_names)
        if unlike is not None:
            self.logger.warning(
                "format %s (%s) is not that of CASE block %d, which will not have its names",
                name,
                format_string,
                unlike,
            )

    def clear_buffers(self) -> None:
        """Drop what the mount sent unasked and what it may still send, and make sure that
        the next command gets its own answer. Takes about half a second.

        :raises ConnectionError: not connected, or the mount doesn't answer.
        """
        with translated():
            self._connected().clear()

    def _connected(self) -> Direct | Gateway:
        way = self._way
        if way is None:
            raise ConnectionError("not connected")
        return way

    def _forget(self) -> None:
        self._lock = threading.Lock()  # a thread may have held it that is not here
        self._way, self._count = None, 0
        self._formats.forget_threads()


def _is_gateway(port: object) -> bool:
    """Raises `MisuseError` for what can be no port."""
    if not isinstance(port, str) or not port.strip() or "\0" in port:
        allowed = "a serial port, or unix:PATH, tcp:HOST:PORT or tls:HOST:PORT"
        raise MisuseError("port", port, allowed)
    return port.startswith(PREFIXES)


_managers: weakref.WeakSet[SerialManager] = weakref.WeakSet()


def _forget_connections() -> None:
    """After a fork, in the child: connections stay its parent's."""
    LINES.forget()
    for manager in list(_managers):
        manager._forget()  # noqa: SLF001 - it is of this module


os.register_at_fork(after_in_child=_forget_connections)
