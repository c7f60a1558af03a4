"""What can be put on the mount's line, and what is known of each command beforehand."""

from __future__ import annotations

import enum

import attrs


class Reply(enum.Enum):
    """What comes back (facts/tts160.md 1.2)."""

    NONE = "none"
    FLAG = "flag"
    """``0`` or ``1``, without an end."""
    LETTER = "letter"
    """One letter, the answer to the byte ACK (0x06)."""
    TEXT = "text"
    """Text up to ``#``."""
    PRECISION = "precision"
    """``HIGH PRECISION`` or ``LOW PRECISION``, without an end."""
    GOTO = "goto"
    """``0``, or a digit and text up to ``#``: refused."""
    DATE = "date"
    """``0`` or ``1``, perhaps with text up to ``#``, perhaps with a second text."""
    BINARY = "binary"
    """``BINARY:`` format LF and as many bytes as the format says."""
    CASE = "case"
    """``CASE:`` number LF and as many bytes as that block has."""
    SET = "set"
    """A number of entries, and the entries."""
    AUTO = "auto"
    """Nobody knows: the first bytes tell."""


class Retry(enum.Enum):
    """How often a command may be sent for one that asked (facts/tts160.md 1.6)."""

    SAFE = 2
    """So many times more, each after resynchronisation."""
    IDEMPOTENT = 1
    NEVER = 0


class Effect(enum.Enum):
    """What a command does to the mount."""

    READ = "read"
    SET = "set"
    """Changes what the mount knows or how it behaves, and moves nothing by itself."""
    MOVE = "move"
    """May move it, now or, with parking, until it is there."""
    STOP = "stop"
    """Stops all, or one axis."""


class Priority(enum.IntEnum):
    """What waits for the line goes in this order; a stop does not wait at all."""

    MOTION = 1
    NORMAL = 2
    BACKGROUND = 3


@attrs.frozen
class Command:
    """Bytes for the line: all of one command, from its ``:`` to its ``#``."""

    data: bytes
    reply: Reply
    retry: Retry
    effect: Effect
    first_byte_s: float | None = None
    """How long the first byte of the answer may take where that is not the line's usual
    time."""

    @property
    def text(self) -> str:
        """For logs and errors."""
        return self.data.decode("latin-1").encode("unicode_escape").decode("ascii")
