"""Short messages: sent, listed, deleted, always in PDU mode (facts/sim7600.md 2.3, 4).

A message that arrives is announced by the modem. Those that came while nobody listened are
looked for whenever the SIM becomes ready, with one event for each that is unread. The
modem marks as read what it lists: `ListSMS` calls them unread once more. A message that was
announced before the line was lost, and that nobody has listed, is told again.
"""

from __future__ import annotations

import itertools

import attrs
from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, DeviceTimeout, MisuseError, NotFound
from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import replies, sms
from gatewaykit.sim7600.asking import Answers, Ask, expect_ok
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply
from gatewaykit.sim7600.happenings import Happenings
from gatewaykit.sim7600.submit import Pdu, submit

PDU_MODE = Command("AT+CMGF=0")
STORE_AND_NOTIFY = Command("AT+CNMI=2,1,0,0,0")
STORAGE = read("AT+CPMS?", "+CPMS:", timeout_s=5.0)
# While these are on the line nobody's position is read: no longer than a modem takes.
LIST = read("AT+CMGL=4", "+CMGL:", timeout_s=10.0, many=True, paired=True)
LIST_UNREAD = read("AT+CMGL=0", "+CMGL:", timeout_s=10.0, many=True, paired=True)
DELETE_ALL = ("AT+CMGD=1,4", "AT+CMGD=,4")
"""The second is the manual's, the first is what works in practice (facts/sim7600.md 11)."""

RESULT_S = 120.0
"""Some networks take so long to accept a message (facts/sim7600.md 2.5)."""
BUSY = {("CMS", 314), ("CME", 14)}
"""The SIM is still being read: try again (facts/sim7600.md 4)."""
TRIES = 4
PAUSE_S = 2.0

log = Logger()


class Messages:
    """The modem's message store, one operation at a time.

    :param first_reference: another one at each start, so that a phone does not put parts
        of two messages together.
    """

    def __init__(
        self,
        ask: Ask,
        answers: Answers,
        clock: IReactorTime,
        happenings: Happenings,
        first_reference: int,
    ) -> None:
        self._ask = ask
        self._answers = answers
        self._clock = clock
        self._happenings = happenings
        self._turn = DeferredLock()
        self._references = itertools.count(first_reference)
        self._full: replies.Storage | None = None
        self._announced: set[int] = set()
        """Those that the modem told of by itself while the others are looked for."""
        self._unlisted: set[int] = set()
        """Those that are marked as read because we looked for them."""

    @property
    def trouble(self) -> str | None:
        """A full store takes nothing in, and nobody is told (facts/sim7600.md 4)."""
        full = self._full
        if full is None:
            return None
        return (
            f"its store of messages is full ({full.used} of {full.total}):"
            " none can come in"
        )

    async def set_up(self) -> None:
        """Messages are stored and announced (``+CMTI``), and handed over as PDUs."""
        self._announced.clear()
        for command in (PDU_MODE, STORE_AND_NOTIFY):
            expect_ok(command, await self._try(command))
        storage = await self.look_at_store()
        if storage is None or storage.used:
            await self._tell_unread("" if storage is None else storage.name)

    def announced(self, storage: str, index: int | None) -> None:
        """The modem says that a message has come."""
        if index is not None:
            self._announced.add(index)
        self._tell(storage, index)

    def _tell(self, storage: str, index: int | None) -> None:
        metrics.modem_messages.inc()
        self._happenings.happened("sms", storage=storage, index=index)

    async def _tell_unread(self, storage: str) -> None:
        """One event for each that the modem did not announce to us."""
        reply = await self._try(LIST_UNREAD)
        if not reply.ok:
            return
        for message in sms.join(sms.cmgl(reply.lines)):
            self._unlisted.update(message["indexes"])
            if self._announced.isdisjoint(message["indexes"]):
                self._tell(storage, message["index"])

    async def look_at_store(self) -> replies.Storage | None:
        """Ask how full the store is, and warn when it has become so."""
        reply = await self._try(STORAGE)
        if not reply.ok:
            return None
        storage = self._answers.read(replies.sms_storage, reply.lines[0])
        if storage is not None:
            was_full = self._full is not None
            self._full = storage if 0 < storage.total <= storage.used else None
            if self._full and not was_full:
                self._happenings.happened("warning", line=self.trouble)
        return storage

    async def send(self, number: str, text: str) -> Record:
        """See `IModem.send_sms`. What was sent once is never sent again: a part without
        an answer may be on its way."""
        reference = next(self._references) % 256
        submission = submit(number, text, reference)
        total = len(submission.pdus)
        references: list[int] = []
        async with self._turn:
            for part, pdu in enumerate(submission.pdus, 1):
                what = f"part {part} of {total} of a message"
                reply = await self._submitted(pdu, what)
                sent = self._answers.read(replies.sms_reference, reply.lines[0])
                # It is on its way, whatever its number.
                references += [] if sent is None else [sent]
        return {
            "references": references,
            "parts": total,
            "encoding": submission.encoding,
        }

    async def _submitted(self, pdu: Pdu, what: str) -> Reply:
        command = Command(f"AT+CMGS={pdu.length}", RESULT_S, ("+CMGS:",), body=pdu.hex)
        try:
            # Each time: in text mode the number of bytes would be taken for a recipient.
            expect_ok(PDU_MODE, await self._try(PDU_MODE))
            # A SIM that is busy has not taken it.
            reply = await self._try(command)
        except DeviceTimeout as error:
            raise DeviceTimeout(DEVICE, what, error.seconds) from error
        if not reply.ok:
            raise DeviceRefused(DEVICE, what, replies.final_error(reply.final).text)
        return reply

    async def stored(self) -> list[Record]:
        """See `IModem.list_sms`."""
        async with self._turn:
            messages, _ = await self._read()
            self._unlisted.clear()
            return messages

    async def _read(self) -> tuple[list[Record], set[int]]:
        """The messages, and the indexes of those that cannot be read."""
        expect_ok(PDU_MODE, await self._try(PDU_MODE))
        storage = await self.look_at_store()
        reply = expect_ok(LIST, await self._try(LIST))
        damaged: set[int] = set()

        def note(index: int, error: sms.SmsError) -> None:
            damaged.add(index)
            self._answers.refuse("message")
            log.debug("message {index}: {reason}", index=index, reason=error.reason)

        found = [self._as_unread(each) for each in sms.cmgl(reply.lines, note)]
        return sms.join(found, storage.name if storage else None), damaged

    def _as_unread(self, stored: sms.Stored) -> sms.Stored:
        if stored.index in self._unlisted and stored.status == "read":
            return attrs.evolve(stored, status="unread")
        return stored

    async def delete(self, index: int | None) -> int:
        """See `IModem.delete_sms`."""
        async with self._turn:
            return await (self._delete_all() if index is None else self._delete(index))

    async def _delete(self, index: int) -> int:
        if index < 0:
            raise MisuseError("index", index, "0 or more")
        messages, damaged = await self._read()
        indexes = next((m["indexes"] for m in messages if index in m["indexes"]), None)
        if indexes is None and index not in damaged:
            raise NotFound("message", str(index))
        for each in indexes or [index]:
            command = Command(f"AT+CMGD={each}", timeout_s=15.0)
            expect_ok(command, await self._ask(command, Priority.NORMAL))
            self._full = None
        return len(indexes or [index])

    async def _delete_all(self) -> int:
        reply = expect_ok(STORAGE, await self._try(STORAGE))
        storage = self._answers.expect(STORAGE, replies.sms_storage, reply.lines[0])
        for text in DELETE_ALL:
            command = Command(text, timeout_s=30.0)
            reply = await self._ask(command, Priority.NORMAL)
            if reply.ok:
                break
        expect_ok(command, reply)
        self._full = None
        return storage.used

    async def _try(self, command: Command) -> Reply:
        """Ask, and again while the SIM is busy."""
        for number in range(TRIES):
            if number:
                await deferLater(self._clock, PAUSE_S)
            reply = await self._ask(command, Priority.NORMAL)
            error = None if reply.ok else replies.final_error(reply.final)
            if error is None or (error.kind, error.code) not in BUSY:
                break
        return reply
