"""What a mount is: its firmware, the dialect of its variables, what else it can do."""

from __future__ import annotations

import re
from collections.abc import Awaitable
from typing import TypeVar

import attrs
from twisted.logger import Logger

from gatewaykit.errors import DeviceGarbled, DeviceRefused, DeviceTimeout
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.asking import Line, flag_of, text_of
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply, Retry
from gatewaykit.tts160.framing import Binary
from gatewaykit.tts160.variables import PROBE, Dialect, dialect_of_header

EXTENDED, VARIABLES = 355, 356
"""Versions from which there are ``:*`` commands, and variables (facts/tts160.md 2)."""

T = TypeVar("T")

log = Logger()


@attrs.frozen
class Identity:
    firmware: str | None
    dialect: Dialect
    is_extended: bool
    """Whether there are ``:*`` text commands."""
    tells_slewing: bool
    """Whether ``:D#`` is answered."""
    equinox: str | None
    """Of its coordinates: ``JNow`` or ``J2000``."""
    trouble: str | None = None
    """What is odd about it."""


async def greet(line: Line) -> Identity:
    """Ask a mount what it is (facts/tts160.md 3.5).

    Fails with `DeviceTimeout` or `DeviceGarbled` where its version says that there must be
    an answer that does not come, and with `DeviceUnavailable`.
    """
    firmware = await _try(text_of(line, ":GVN#"))
    version = _version(firmware)
    dialect, trouble = await _dialect(line, version)
    is_extended = version >= EXTENDED or dialect is not Dialect.TEXT
    equinox = None
    if is_extended:
        is_of_date = await _try(flag_of(line, ":*E#"))
        equinox = {True: "JNow", False: "J2000"}.get(is_of_date)  # type: ignore[arg-type]
    tells_slewing = dialect is not Dialect.TEXT
    if not tells_slewing:
        once = attrs.evolve(lx200.command(":D#"), retry=Retry.NEVER)
        tells_slewing = await _try(line.run((once,), Priority.NORMAL)) is not None
    return Identity(firmware, dialect, is_extended, tells_slewing, equinox, trouble)


async def _try(asking: Awaitable[T]) -> T | None:
    """None for what a mount doesn't answer properly."""
    try:
        return await asking
    except (DeviceTimeout, DeviceGarbled, DeviceRefused):
        return None


def _version(firmware: str | None) -> int:
    """The first three characters as a number; what has none there is old."""
    found = re.match("[0-9]{3}", firmware or "")
    return int(found[0]) if found else 0


async def _dialect(line: Line, version: int) -> tuple[Dialect, str | None]:
    """By the types of two variables: the version is a hint only."""
    must_answer = version >= VARIABLES
    retry = Retry.SAFE if must_answer else Retry.NEVER
    probe = Command(PROBE, Reply.BINARY, retry, Effect.READ)
    try:
        (answer,) = await line.run((probe,), Priority.NORMAL)
    except DeviceRefused:
        return Dialect.TEXT, None
    except (DeviceTimeout, DeviceGarbled):
        if must_answer:
            raise
        return Dialect.TEXT, None
    if not isinstance(answer, Binary):
        return Dialect.TEXT, None
    dialect = dialect_of_header(answer.format_string)
    if dialect is None:
        trouble = f"its variables are of no known dialect ({answer.format_string})"
        return Dialect.TEXT, trouble
    return dialect, None
