"""What a client asks of the SIM7600 modem.

All but `modem_available` fail with `NotFound` where no modem is configured. Records are
those of `gatewaykit.interfaces.IModem`; the verbs tell more of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
from twisted.internet.defer import Deferred

from gatewaykit.interfaces import Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.caller import Caller


@attrs.frozen
class ModemAvailability:
    """Whether the modem is there; `state` is ``absent``, ``starting``, ``ready``,
    ``degraded`` or ``recovering``, and `reason` is None while it is available."""

    available: bool
    state: str
    reason: str | None


class ModemCalls(Caller):
    """The part of `GatewayClient` that is about the modem."""

    def network_status(self) -> Deferred[Record]:
        """Registration, operator, signal and cell, with `age_s` and `stale`.

        Fails with `DeviceUnavailable` only where nothing was ever known.
        """
        return self._value(verbs.NetworkStatus, "network")

    def gnss_location(self) -> Deferred[Record]:
        """The position; coordinates are None unless `fix_status` is ``valid``.

        Fails with `DeviceUnavailable` only where nothing was ever known.
        """
        return self._value(verbs.GNSSLocation, "location")

    def modem_available(self) -> Deferred[ModemAvailability]:
        async def ask() -> ModemAvailability:
            return ModemAvailability(**await self._call(verbs.ModemAvailable))

        return Deferred.fromCoroutine(ask())

    def modem_info(self) -> Deferred[Record]:
        """Identity of module and SIM, ports, voltage and temperature, warnings."""
        return self._value(verbs.ModemInfo, "modem")

    def modem_events(
        self, cursor: str | None = None, limit: int | None = None
    ) -> Deferred[Page]:
        """What happened to the modem, oldest first."""
        return self._page(verbs.ListModemEvents, cursor=cursor, limit=limit)

    def iter_modem_events(self) -> AsyncIterator[Record]:
        """Every event of the modem that is kept, oldest first."""
        return self._all(verbs.ListModemEvents)

    def list_sms(self) -> Deferred[list[Record]]:
        """The stored messages, oldest first; unread ones are read from then on.

        Needs the role operator.
        """
        return Deferred.fromCoroutine(self._list_sms())

    async def _list_sms(self) -> list[Record]:
        messages: list[Record] = []
        cursor: str | None = None
        while True:
            page = await self._call(verbs.ListSMS, cursor=cursor)
            messages += page["messages"]
            cursor = page["cursor"]
            if cursor is None:
                return messages

    def send_sms(self, number: str, text: str) -> Deferred[Record]:
        """Send a message: `references`, `parts` and `encoding`. It may take minutes.

        Needs the role operator. After `DeviceTimeout`, `CallTimeout` or `ConnectionFailed`
        some or all of it may be on its way: whether to repeat it is the caller's choice.
        """
        return self._value(verbs.SendSMS, "sent", number=number, text=text)

    def delete_sms(
        self, index: int | None = None, *, everything: bool = False
    ) -> Deferred[int]:
        """Delete the message at `index` with all of its parts, or all of them.

        Needs the role operator. Gives how many places of the store that emptied; fails with
        `NotFound` for a place that is empty, and with `MisuseError` for neither or both.
        """
        return self._value(
            verbs.DeleteSMS, "deleted", index=index, all=everything or None
        )

    def send_at_command(self, command: str) -> Deferred[list[str]]:
        """The information lines of an AT command that the gateway's settings allow.

        Needs the role operator. Fails with `MisuseError` for any other command, and with
        `DeviceRefused` where the modem answers with an error.
        """
        return self._value(verbs.SendATCommand, "lines", command=command)
