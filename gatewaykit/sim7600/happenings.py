"""What happened to the modem, and who wants to hear of it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Any

import attrs
from twisted.logger import Logger

from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Page, Record
from gatewaykit.times import iso

KEPT = 1000
KINDS = ("location", "nmea", "event")

_CURSOR = re.compile(r"[0-9]{1,18}")

Listener = Callable[[str, Record], None]

log = Logger()


@attrs.frozen(eq=False)
class _Subscription:
    listener: Listener
    kinds: frozenset[str]
    ended: Callable[[], object]


class Happenings:
    """The newest events, and the listeners of `IModem.subscribe`.

    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(self, wall_ms: Callable[[], int]) -> None:
        self._wall_ms = wall_ms
        self._events: deque[Record] = deque(maxlen=KEPT)
        self._sequence = 0
        self._subscriptions: list[_Subscription] = []

    def happened(self, event: str, **details: Any) -> None:
        """Keep an event, log it and tell it."""
        self._sequence += 1
        record = {
            "sequence": self._sequence,
            "at": iso(self._wall_ms()),
            "event": event,
            "details": details,
        }
        self._events.append(record)
        log.info("modem: {event} {details}", event=event, details=details or "")
        self.tell("event", record)

    def page(self, cursor: str | None, limit: int) -> Page:
        """Events behind `cursor` (None: all that are kept), oldest first."""
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise MisuseError("cursor", cursor, "the cursor that came with a page")
        after = int(cursor or 0)
        found = [event for event in self._events if event["sequence"] > after]
        more = len(found) > limit
        records = found[:limit]
        return Page(records, str(records[-1]["sequence"]) if more else None)

    def is_wanted(self, kind: str) -> bool:
        return any(kind in one.kinds for one in self._subscriptions)

    def subscribe(
        self,
        listener: Listener,
        *kinds: str,
        ended: Callable[[], object] = lambda: None,
    ) -> Callable[[], None]:
        """See `IModem.subscribe`.

        :param ended: called once when the subscription ends, by whom it may be.
        """
        unknown = [kind for kind in kinds if kind not in KINDS]
        if unknown or not kinds:
            raise MisuseError("kinds", unknown, ", ".join(KINDS))
        one = _Subscription(listener, frozenset(kinds), ended)
        self._subscriptions.append(one)
        return lambda: self._end(one)

    def _end(self, one: _Subscription) -> None:
        if one in self._subscriptions:
            self._subscriptions.remove(one)
            one.ended()

    def tell(self, kind: str, record: Record) -> None:
        for one in tuple(self._subscriptions):
            # Whoever was told before may have ended it.
            if kind not in one.kinds or one not in self._subscriptions:
                continue
            try:
                one.listener(kind, record)
            except Exception:  # noqa: BLE001 - one listener must not cost the others
                log.failure("a listener of the modem's {kind} failed", kind=kind)
                self._end(one)
