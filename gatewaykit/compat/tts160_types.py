"""`tts160_types` of 2025: what kind of answer a caller of `SerialManager` wants."""

from __future__ import annotations

import enum


class CommandType(enum.IntEnum):
    """How `SerialManager.send_command` gives the answer (design.md "The old Python APIs")."""

    BLIND = 0
    """Nothing: the empty text. An answer that the command has is read and dropped."""
    BOOL = 1
    """True for ``1``, False for ``0``. True for ``:MS#`` means REFUSED."""
    STRING = 2
    """Text, with its ``#``."""
    AUTO = 3
    """What it is: text, or the values of a binary block."""
