"""The forms of answers in which LX200 clients differ, as a table.

A client that waits too long for bytes notices, and is in step again; one that got a byte too
many takes every later answer for that to the question before. So where clients disagree,
``common`` gives the shorter form, and never one that makes somebody believe in what did not
happen (facts/tts160.md 1.4, 6.1 to 6.3; tried with INDI 1.9.9):

- A refused ``:MS#``: INDI reads one byte, whatever it is; with a text behind it RA and Dec are
  exchanged from then on (indi#999). SkySafari and Stellarium read on to a ``#``; without one
  they wait for some seconds, and begin anew. So it is the bare digit.
- A refused ``:CM#``: INDI takes any text for a success, and none within 5 s for a failure.
  So nothing is answered.
- A done ``:CM#``: Stellarium takes no text but one that begins with 0, 1 or 2, and INDI and
  SkySafari any. It begins with 1, since Stellarium reads on to the ``#`` behind that.
- ``:SC#``: INDI and SkySafari in its Classic mode stall without the second text.
- ``:D#``: INDI takes anything but blanks for motion, SkySafari wants the bar 0x7F.
- A position that is not known: INDI takes an empty text for an error, at once; what others
  make of it nobody has reported, and it must not become 0 h 0°. So nothing is answered.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import attrs

MOVING: Final = b"\x7f#"
UPDATING: Final = b"1Updating Planetary Data#" + b" " * 24 + b"#"
MATCHED: Final = "Coordinates matched."
CLASSIC: Final = "LX200 Classic"
"""Some versions of SkySafari look at the product's name (facts/tts160.md 6.3)."""
_LONGEST_REASON = 60


@attrs.frozen
class Profile:
    """How answers look to clients of one listener."""

    name: str
    product: str
    moving: bytes = MOVING
    """To ``:D#``; when it stands it is ``#`` for all."""
    refuses_in_words: bool = False
    """Whether a refused ``:MS#`` has a text up to ``#`` behind its digit, and a refused
    ``:CM#`` any answer."""
    synced: str | None = MATCHED
    """To ``:CM#``; None for the mount's own text."""
    date_taken: bytes = UPDATING
    """To ``:SC#``."""
    unknown: bytes = b""
    """In place of a text up to ``#`` that is not known."""
    asks_mount: bool = False
    """Whether the mount itself answers what is not position, state or target."""
    patience_s: float = 4.5
    """How long clients wait for an answer, less a margin: a later one is not given."""

    def refused_goto(self, digit: int, reason: str) -> bytes:
        """To ``:MS#``.

        :param digit: 1 for a target below the horizon, 3 for any other reason. INDI says
            which; for those that read a text the first byte is 1, which all know.
        """
        if self.refuses_in_words:
            return b"1" + worded(reason)
        return b"%d" % digit

    def refused_sync(self, reason: str) -> bytes:
        """To ``:CM#``."""
        return worded(reason) if self.refuses_in_words else b""

    def done_sync(self, text: str) -> bytes:
        """To ``:CM#``.

        :param text: the mount's own.
        """
        return worded(text if self.synced is None else self.synced)


def worded(text: str) -> bytes:
    """A text as an answer: no ``#`` within it, nothing but what LX200 can have."""
    plain = "".join(each for each in text if " " <= each <= "~" and each != "#")
    return plain[:_LONGEST_REASON].encode("ascii") + b"#"


PROFILES: Final = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            # Stellarium waits for `:MS#` no longer than 3 s.
            Profile("common", CLASSIC, synced=f"1{MATCHED}", patience_s=2.8),
            Profile("skysafari", CLASSIC, refuses_in_words=True),
            Profile("indi", "TTS-160", unknown=b"#"),
            Profile(
                "plain",
                "TTS-160",
                moving=b"|#",
                refuses_in_words=True,
                synced=None,
                date_taken=b"1#",
                asks_mount=True,
            ),
        )
    }
)
"""By the names that the setting lx200.profile has."""
