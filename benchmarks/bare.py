"""A Twisted server that splits frames, counts them and answers: what the network costs."""

from __future__ import annotations

import sys

from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol


class Bare(Protocol):
    """Answers every frame at once with nothing done."""

    rest = b""

    def dataReceived(self, data: bytes) -> None:
        *frames, self.rest = (self.rest + data).split(b"$")
        assert self.transport is not None
        self.transport.write(b"".join(b"+SACK:%b$" % frame[-4:] for frame in frames))


def main() -> None:
    """Serve until terminated."""
    r: object = reactor
    r.listenTCP(  # type: ignore[attr-defined]
        int(sys.argv[1]), Factory.forProtocol(Bare), 1000, "127.0.0.1"
    )
    r.run()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
