"""What goes wrong on the way from a modem to its host, from one seed. Pure."""

from __future__ import annotations

from random import Random

import attrs

from gatewaykit.simulators.modem_core import Output


@attrs.define
class ModemFaults:
    """Probabilities from 0 (never) to 1 (always); may be changed at any time."""

    silence: float = 0.0
    """A command is not heard: no answer; at 1 not even an echo."""
    half: float = 0.0
    """Of a line of an answer no more than its beginning arrives."""
    garbage: float = 0.0
    """Bytes that mean nothing stand before a line."""
    late: float = 0.0
    """An answer comes `late_s` seconds later than usual."""
    late_s: float = 8.0
    echo: float = 0.0
    """The echo has lost some of its bytes."""
    repeated_fix: float = 0.0
    """A second brings no new fix, but the last one with its old time."""
    endless: float = 0.0
    """In a tenth of a second some hundred bytes come that never end a line."""
    urc: float = 0.0
    """An unsolicited line stands before a line of an answer, and after the last one."""
    urc_line: str = "+CREG: 1"

    def pieces(self, random: Random, output: Output) -> list[bytes]:
        """What arrives of an answer or an echo."""

        def happens(probability: float) -> bool:
            return random.random() < probability

        if output.kind == "echo":
            garbled = happens(self.echo)
            return [_with_holes(random, output.data) if garbled else output.data]
        found: list[bytes] = []
        urc = f"\r\n{self.urc_line}\r\n".encode("latin-1")
        for piece in output.pieces:
            if happens(self.urc):
                found.append(urc)
            if happens(self.garbage):
                found.append(random.randbytes(random.randint(1, 40)))
            found.append(
                piece[: random.randrange(len(piece))] if happens(self.half) else piece
            )
        # No line fits in where the host has been told to write.
        if not output.data.endswith(b"> ") and happens(self.urc):
            found.append(urc)
        return found

    def delay_s(self, random: Random) -> float:
        return self.late_s if random.random() < self.late else 0.0


def _with_holes(random: Random, data: bytes) -> bytes:
    return bytes(byte for byte in data if random.random() < 0.7)
