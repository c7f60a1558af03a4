"""What lasts as long as a client's connection."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from gatewaykit.access import Principal

log = Logger()


class Session:
    """A client's stay, from its connection to the end of that: who it is, and what has to
    be done when it goes. Any number of them may be of one principal.

    Verbs whose answers have to know it say so (`Verb.in_session`).
    """

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self.ended = False
        self._endings: list[Callable[[], None]] = []

    def on_end(self, ending: Callable[[], None]) -> None:
        """Call `ending` when the client goes, in the order in which they were given; at
        once if it has gone."""
        if self.ended:
            ending()
        else:
            self._endings.append(ending)

    def end(self) -> None:
        """The client has gone. An ending that raises keeps no other from being called."""
        self.ended = True
        endings, self._endings = self._endings, []
        for ending in endings:
            try:
                ending()
            except Exception:  # noqa: BLE001 - a moving axis must stop whatever else fails
                log.failure("something of a client that has gone was not ended")
