"""What the gateway answers to the modem's verbs, from the modem or in its absence."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from twisted.internet.defer import execute

from gatewaykit.errors import MisuseError, NotFound
from gatewaykit.interfaces import IModem, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.answers import DEFAULT_LIMIT, Answer, fitting_page
from gatewaykit.rpc.arguments import fitting

LISTINGS = 16
"""Listings of messages of which somebody has not asked for the last page."""
NOT_CONFIGURED = "no modem is configured (sim7600.port)"


class ModemAnswers:
    """Answers to the verbs of the modem.

    :param modem: None where none is configured.
    """

    def __init__(self, modem: IModem | None) -> None:
        self._modem = modem
        self._listed = 0
        self._rests: OrderedDict[str, list[Record]] = OrderedDict()

    def table(self) -> Mapping[type[verbs.Verb], Answer]:
        return {
            verbs.NetworkStatus: self.network_status,
            verbs.GNSSLocation: self.location,
            verbs.ModemAvailable: self.available,
            verbs.ModemInfo: self.info,
            verbs.ListModemEvents: self.events,
            verbs.ListSMS: self.list_sms,
            verbs.SendSMS: self.send_sms,
            verbs.DeleteSMS: self.delete_sms,
            verbs.SendATCommand: self.command,
        }

    def _there(self) -> IModem:
        if self._modem is None:
            raise NotFound("subsystem", "sim7600")
        return self._modem

    async def network_status(self) -> Record:
        return {"network": await self._there().network_status()}

    async def location(self) -> Record:
        return {"location": await self._there().location()}

    async def available(self) -> Record:
        if self._modem is None:
            return {"available": False, "state": "absent", "reason": NOT_CONFIGURED}
        return await self._modem.available()

    async def info(self) -> Record:
        return {"modem": await self._there().info()}

    async def events(self, cursor: str | None, limit: int | None) -> Record:
        modem = self._there()
        return await fitting_page(
            lambda most: execute(modem.events, cursor, most), limit
        )

    async def list_sms(self, cursor: str | None, limit: int | None) -> Record:
        """Listing makes unread messages read ones, so it is done once for all pages."""
        modem = self._there()
        if cursor is None:
            messages = await modem.list_sms()
        elif cursor in self._rests:
            messages = self._rests[cursor]
        else:
            raise MisuseError("cursor", cursor, "the cursor of the page before")
        most = limit or DEFAULT_LIMIT
        fit = fitting(messages[:most])
        rest = messages[fit:]
        return {
            "messages": messages[:fit],
            "cursor": self._keep(rest) if rest else None,
        }

    def _keep(self, rest: list[Record]) -> str:
        self._listed += 1
        cursor = f"sms-{self._listed}"
        self._rests[cursor] = rest
        if len(self._rests) > LISTINGS:
            self._rests.popitem(last=False)
        return cursor

    async def send_sms(self, number: str, text: str) -> Record:
        return {"sent": await self._there().send_sms(number, text)}

    async def delete_sms(self, index: int | None, *, all: bool | None) -> Record:
        """All of them without an index: the verb has seen to it that it is meant."""
        return {"deleted": await self._there().delete_sms(index)}

    async def command(self, command: str) -> Record:
        return {"lines": await self._there().command(command)}
