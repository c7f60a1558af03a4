"""A modem in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from gatewaykit.errors import (
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    NotFound,
)
from gatewaykit.interfaces import IModem, Page, Record
from gatewaykit.sim7600 import submit
from gatewaykit.sim7600.commands import passed_through
from gatewaykit.sim7600.happenings import Happenings, Listener
from gatewaykit.testing.records import info_record, location_record, network_record
from gatewaykit.times import iso

DEVICE = "the modem"
NOW_MS = 1_769_860_800_000
"""2026-01-31T12:00:00Z, where nobody gives a clock."""


@implementer(IModem)
class MemoryModem:
    """An `IModem` in memory, as strict as the real one about what it is asked.

    Set `network`, `position` and `identity` to what it shall tell. With `gone` (a reason),
    everything that needs the modem fails with `DeviceUnavailable`; with `failure`, what is
    not a read fails with that.

    :param at_commands: what `command` allows, as the setting ``sim7600.at_commands``.
    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        at_commands: Sequence[str] = (),
        wall_ms: Callable[[], int] = lambda: NOW_MS,
    ) -> None:
        self.network = network_record()
        self.position = location_record()
        self.identity = info_record()
        self.gone: str | None = None
        self.failure: DeviceTimeout | DeviceRefused | None = None
        self.answers: dict[str, list[str]] = {}
        """Information lines by command; a command that is not in it has none."""
        self.sent: list[tuple[str, str]] = []
        """Number and text of each message that was sent."""
        self.commands: list[str] = []
        """What was passed through."""
        self._at_commands = tuple(at_commands)
        self._wall_ms = wall_ms
        self._happenings = Happenings(wall_ms)
        self._messages: list[Record] = []
        self._places = 0
        self._references = 0

    def receive_sms(self, number: str, text: str, parts: int = 1) -> Record:
        """A message arrives, in so many places of the store; gives its record."""
        indexes = list(range(self._places, self._places + parts))
        self._places += parts
        message = {
            "index": indexes[0],
            "indexes": indexes,
            "storage": "ME",
            "status": "unread",
            "number": number,
            "text": text,
            "sent_at": iso(self._wall_ms()),
            "parts": parts,
            "missing": 0,
        }
        self._messages.append(message)
        self.happened("sms", index=indexes[0], storage="ME")
        return copy.deepcopy(message)

    def happened(self, event: str, **details: Any) -> None:
        """An event, for `events` and for listeners."""
        self._happenings.happened(event, **details)

    def tell(self, kind: str, record: Record) -> None:
        """Call the listeners of ``location`` or ``nmea``."""
        self._happenings.tell(kind, record)

    def network_status(self) -> Deferred[Record]:
        """See `IModem.network_status`."""
        return self._read(lambda: self.network)

    def location(self) -> Deferred[Record]:
        """See `IModem.location`."""
        return self._read(lambda: self.position)

    def info(self) -> Deferred[Record]:
        """See `IModem.info`."""
        state = "ready" if self.gone is None else "absent"

        async def answer() -> Record:
            return copy.deepcopy(self.identity | {"state": state})

        return Deferred.fromCoroutine(answer())

    def available(self) -> Deferred[Record]:
        """See `IModem.available`."""

        async def answer() -> Record:
            state = "ready" if self.gone is None else "absent"
            return {"available": not self.gone, "state": state, "reason": self.gone}

        return Deferred.fromCoroutine(answer())

    def send_sms(self, number: str, text: str) -> Deferred[Record]:
        """See `IModem.send_sms`."""

        async def send() -> Record:
            submission = submit.submit(number, text, 0)
            self.sent.append((number, text))
            first = self._references + 1
            self._references += len(submission.pdus)
            return {
                "references": list(range(first, self._references + 1)),
                "parts": len(submission.pdus),
                "encoding": submission.encoding,
            }

        return self._do(send)

    def list_sms(self) -> Deferred[list[Record]]:
        """See `IModem.list_sms`."""

        async def listing() -> list[Record]:
            found = copy.deepcopy(self._messages)
            for message in self._messages:
                message["status"] = "read"
            return found

        return self._do(listing)

    def delete_sms(self, index: int | None) -> Deferred[int]:
        """See `IModem.delete_sms`."""

        async def delete() -> int:
            if index is not None and index < 0:
                raise MisuseError("index", index, "0 or more")
            found = [
                m for m in self._messages if index is None or index in m["indexes"]
            ]
            if index is not None and not found:
                raise NotFound("message", str(index))
            self._messages = [m for m in self._messages if m not in found]
            return sum(len(message["indexes"]) for message in found)

        return self._do(delete)

    def command(self, text: str) -> Deferred[list[str]]:
        """See `IModem.command`."""

        async def pass_on() -> list[str]:
            command = passed_through(text, self._at_commands, 3.0)
            self.commands.append(command.text)
            return list(self.answers.get(command.text, ()))

        return self._do(pass_on)

    def events(self, cursor: str | None, limit: int) -> Page:
        """See `IModem.events`."""
        return self._happenings.page(cursor, limit)

    def subscribe(self, listener: Listener, *kinds: str) -> Callable[[], None]:
        """See `IModem.subscribe`; call `tell` to have something told."""
        return self._happenings.subscribe(listener, *kinds)

    def _read(self, act: Callable[[], Record]) -> Deferred[Record]:
        async def answer() -> Record:
            if self.gone is not None:
                raise DeviceUnavailable(DEVICE, self.gone)
            return copy.deepcopy(act())

        return Deferred.fromCoroutine(answer())

    def _do(
        self, act: Callable[[], Coroutine[Deferred[Any], Any, Any]]
    ) -> Deferred[Any]:
        async def done() -> Any:
            if self.gone is not None:
                raise DeviceUnavailable(DEVICE, self.gone)
            if self.failure is not None:
                raise self.failure
            return await act()

        return Deferred.fromCoroutine(done())
