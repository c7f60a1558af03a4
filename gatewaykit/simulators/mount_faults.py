"""What goes wrong between a mount and its host, from one seed. Pure."""

from __future__ import annotations

from random import Random

import attrs


@attrs.define
class MountFaults:
    """Probabilities from 0 (never) to 1 (always), and switches; may be changed at any
    time. The commands are carried out all the same, but for `off_screen`."""

    dropped: float = 0.0
    """An answer doesn't come."""
    late: float = 0.0
    """An answer comes `late_s` seconds later than usual, and so does what follows."""
    late_s: float = 2.0
    duplicated: float = 0.0
    """An answer comes twice."""
    garbled: float = 0.0
    """Some bytes of an answer are others."""
    lost_byte: float = 0.0
    """An answer lacks one of its bytes."""
    degree_sign: bool = False
    """Degrees are marked with the byte 0xDF, not with ``*``."""
    low_precision: bool = False
    """It writes without seconds, until `:U#` changes that."""
    off_screen: bool = False
    """The hand pad shows a menu: nothing is carried out, nothing answered."""

    def arriving(self, random: Random, data: bytes) -> bytes:
        """What arrives of an answer; empty where nothing does."""

        def happens(probability: float) -> bool:
            return random.random() < probability

        if happens(self.dropped):
            return b""
        if happens(self.garbled):
            data = _garbled(random, data)
        if happens(self.lost_byte):
            lost = random.randrange(len(data))
            data = data[:lost] + data[lost + 1 :]
        return data * 2 if happens(self.duplicated) else data

    def delay_s(self, random: Random) -> float:
        return self.late_s if random.random() < self.late else 0.0


def _garbled(random: Random, data: bytes) -> bytes:
    """At least one byte is another, and most are not."""
    found = bytearray(data)
    for place in random.sample(range(len(data)), max(1, len(data) // 8)):
        found[place] ^= random.randint(1, 0xFF)
    return bytes(found)
