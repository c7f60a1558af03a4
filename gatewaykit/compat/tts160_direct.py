"""The way to the mount over a serial port of this host."""

from __future__ import annotations

import logging
import os

import attrs

from gatewaykit.compat.tts160_shared import LINES
from gatewaykit.compat.tts160_types import CommandType
from gatewaykit.errors import MisuseError
from gatewaykit.fields import BAUD_RATES
from gatewaykit.interfaces import Record
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.commands import Command, Reply
from gatewaykit.tts160.records import FORMS, record_of


class Direct:
    """Raises the errors of `gatewaykit.errors`."""

    def __init__(self, port: str, baudrate: int, log: logging.Logger) -> None:
        self._log = log
        self._line = LINES.join(port, baudrate, self)
        self.place = place_of(port)

    @property
    def is_open(self) -> bool:
        return self._line.is_open

    def check(self, baudrate: int) -> None:
        """Raise `MisuseError` if it is not the speed."""
        if baudrate != self._line.baudrate:
            allowed = f"{self._line.baudrate}, with which it is connected"
            raise MisuseError("baudrate", baudrate, allowed)

    def ask(self, command: Command, wanted: CommandType) -> Record:
        """The record of the verb `MountCommand`."""
        if command.reply is Reply.AUTO:
            command = attrs.evolve(command, reply=FORMS[wanted.name.lower()])
        return record_of(self._line.ask(command, self, self._log))

    def case(self, number: int) -> Record:
        return self.ask(lx200.command(f":*!{number}#"), CommandType.AUTO)

    def clear(self) -> None:
        self._line.clear(self, self._log)

    def close(self) -> None:
        LINES.leave(self._line, self)


def place_of(port: str) -> str:
    """The device that a port is, by whichever name."""
    return os.path.realpath(port)


def check_baudrate(baudrate: object) -> None:
    """Raise `MisuseError` for what can be none."""
    if type(baudrate) is not int or baudrate not in BAUD_RATES:
        allowed = ", ".join(map(str, BAUD_RATES))
        raise MisuseError("baudrate", baudrate, allowed)
