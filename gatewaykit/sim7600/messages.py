"""Short messages: sent, listed, deleted, always in PDU mode (facts/sim7600.md 2.3, 4)."""

from __future__ import annotations

import itertools

from twisted.internet.defer import DeferredLock
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from gatewaykit import metrics
from gatewaykit.errors import DeviceRefused, MisuseError, NotFound
from gatewaykit.interfaces import Record
from gatewaykit.sim7600 import replies, sms
from gatewaykit.sim7600.asking import Ask, expect_ok
from gatewaykit.sim7600.at import DEVICE
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.dialogue import Reply
from gatewaykit.sim7600.submit import submit

PDU_MODE = Command("AT+CMGF=0")
STORE_AND_NOTIFY = Command("AT+CNMI=2,1,0,0,0")
STORAGE = read("AT+CPMS?", "+CPMS:", timeout_s=15.0)
LIST = read("AT+CMGL=4", "+CMGL:", timeout_s=30.0, many=True, paired=True)
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

    def __init__(self, ask: Ask, clock: IReactorTime, first_reference: int) -> None:
        self._ask = ask
        self._clock = clock
        self._turn = DeferredLock()
        self._references = itertools.count(first_reference)

    async def set_up(self) -> None:
        """Messages are stored and announced (``+CMTI``), and handed over as PDUs."""
        for command in (PDU_MODE, STORE_AND_NOTIFY):
            expect_ok(command, await self._try(command))

    async def send(self, number: str, text: str) -> Record:
        """See `IModem.send_sms`. What was sent once is never sent again: a part without
        an answer may be on its way."""
        reference = next(self._references) % 256
        submission = submit(number, text, reference)
        references: list[int] = []
        async with self._turn:
            expect_ok(PDU_MODE, await self._try(PDU_MODE))
            for part, pdu in enumerate(submission.pdus, 1):
                command = Command(
                    f"AT+CMGS={pdu.length}", RESULT_S, ("+CMGS:",), body=pdu.hex
                )
                reply = await self._ask(command, Priority.NORMAL)
                if not reply.ok:
                    reason = replies.final_error(reply.final).text
                    what = f"part {part} of {len(submission.pdus)} of a message"
                    raise DeviceRefused(DEVICE, what, reason)
                references.append(replies.sms_reference(reply.lines[0]))
        return {
            "references": references,
            "parts": len(submission.pdus),
            "encoding": submission.encoding,
        }

    async def stored(self) -> list[Record]:
        """See `IModem.list_sms`."""
        async with self._turn:
            return await self._stored()

    async def _stored(self) -> list[Record]:
        messages, _ = await self._read()
        return messages

    async def _read(self) -> tuple[list[Record], set[int]]:
        """The messages, and the indexes of those that cannot be read."""
        expect_ok(PDU_MODE, await self._try(PDU_MODE))
        storage = await self._ask(STORAGE, Priority.NORMAL)
        name = replies.sms_storage(storage.lines[0]).name if storage.ok else None
        reply = expect_ok(LIST, await self._try(LIST))
        damaged: set[int] = set()

        def note(index: int, error: sms.SmsError) -> None:
            damaged.add(index)
            metrics.modem_lines_refused.labels("message").inc()
            log.warn(  # noqa: G010 - the name that Twisted's Logger has
                "message {index} cannot be read: {reason}",
                index=index,
                reason=error.reason,
            )

        return sms.join(sms.cmgl(reply.lines, note), name), damaged

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
        return len(indexes or [index])

    async def _delete_all(self) -> int:
        storage = expect_ok(STORAGE, await self._try(STORAGE))
        used = replies.sms_storage(storage.lines[0]).used
        for text in DELETE_ALL:
            command = Command(text, timeout_s=30.0)
            reply = await self._ask(command, Priority.NORMAL)
            if reply.ok:
                return used
        expect_ok(command, reply)
        return used

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
