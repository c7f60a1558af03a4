"""What a mount is: its firmware, the dialect of its variables, what else it can do."""

from __future__ import annotations

import re
from typing import TypeVar

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gatewaykit.errors import DeviceGarbled, DeviceRefused, DeviceTimeout
from gatewaykit.tts160 import lx200
from gatewaykit.tts160.answers import Binary
from gatewaykit.tts160.asking import Line, flag_of, text_of
from gatewaykit.tts160.commands import Command, Effect, Priority, Reply, Retry
from gatewaykit.tts160.variables import PROBE, Dialect, dialect_of_header

EXTENDED, VARIABLES = 355, 356
"""Versions from which there are ``:*`` commands, and variables (facts/tts160.md 2)."""

T = TypeVar("T")


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
    """Ask a mount what it is (facts/tts160.md 3.5). Fails with `DeviceUnavailable`."""
    firmware = await _try(Deferred.fromCoroutine(text_of(line, ":GVN#")))
    version = _version(firmware)
    dialect, trouble = await _dialect(line, version)
    is_extended = (version or 0) >= EXTENDED or dialect is not Dialect.TEXT
    equinox = None
    if is_extended:
        match await _try(Deferred.fromCoroutine(flag_of(line, ":*E#"))):
            case True:
                equinox = "JNow"
            case False:
                equinox = "J2000"
    tells_slewing = dialect is not Dialect.TEXT
    if not tells_slewing:
        question = attrs.evolve(lx200.command(":D#"), retry=_retry(version, EXTENDED))
        answers = await _try(line.run((question,), Priority.NORMAL))
        tells_slewing = answers is not None
    return Identity(firmware, dialect, is_extended, tells_slewing, equinox, trouble)


def _try(asking: Deferred[T]) -> Deferred[T | None]:
    """None for what a mount doesn't answer properly."""

    def fail(failure: Failure) -> None:
        failure.trap(DeviceTimeout, DeviceGarbled, DeviceRefused)

    tried: Deferred[T | None] = asking.addErrback(fail)
    return tried


def _version(firmware: str | None) -> int | None:
    """The first three characters as a number."""
    found = re.match("[0-9]{3}", firmware or "")
    return int(found[0]) if found else None


def _retry(version: int | None, least: int) -> Retry:
    """How often a question is repeated that firmware before `least` is silent to."""
    if version is None:
        return Retry.IDEMPOTENT
    return Retry.SAFE if version >= least else Retry.NEVER


async def _dialect(line: Line, version: int | None) -> tuple[Dialect, str | None]:
    """By the types of two variables: the version is a hint only."""
    probe = Command(PROBE, Reply.BINARY, _retry(version, VARIABLES), Effect.READ)
    answers = await _try(line.run((probe,), Priority.NORMAL))
    if answers is None:
        has_none = version is None or version < VARIABLES
        trouble = None if has_none else "it does not tell its variables"
        return Dialect.TEXT, trouble
    (answer,) = answers
    assert isinstance(answer, Binary)
    dialect = dialect_of_header(answer.format_string)
    if dialect is None:
        trouble = f"its variables are of no known dialect ({answer.format_string})"
        return Dialect.TEXT, trouble
    return dialect, None
