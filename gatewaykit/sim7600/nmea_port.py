"""The modem's NMEA port: it speaks, nobody answers."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineReceiver

from gatewaykit import metrics

LONGEST = 1024


class NmeaProtocol(LineReceiver):
    """Hands over every line without its end."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST

    def __init__(self, heard: Callable[[bytes], object]) -> None:
        self._heard = heard

    def lineReceived(self, line: bytes) -> None:
        line = line.strip()
        if line:
            self._heard(line)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Noise, which the next line end ends: what is behind it comes within a second."""
        metrics.modem_lines_refused.labels("long").inc()


class NmeaFactory(Factory):
    """Builds the protocol of the NMEA port.

    :param heard: called with each line.
    """

    noisy = False

    def __init__(self, heard: Callable[[bytes], object]) -> None:
        self._heard = heard

    def buildProtocol(self, addr: object) -> NmeaProtocol:
        return NmeaProtocol(self._heard)
