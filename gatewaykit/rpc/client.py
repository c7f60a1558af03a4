"""A client of the gateway over any endpoint string, with Deferreds.

Every call has a deadline, and its Deferred fails with one of the classes in
`gatewaykit.errors`, whatever AMP made of it: raised at once, failed, or lost.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import datetime

import attrs
from twisted.internet import defer, error
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    UNIXClientEndpoint,
    clientFromString,
    connectProtocol,
)
from twisted.internet.interfaces import IReactorTime, IStreamClientEndpoint

from gatewaykit.errors import (
    CallTimeout,
    ConnectionFailed,
    MisuseError,
    ProtocolViolation,
)
from gatewaykit.interfaces import Page, Record
from gatewaykit.rpc import verbs
from gatewaykit.rpc.caller import ClientProtocol
from gatewaykit.rpc.command_calls import CommandCalls
from gatewaykit.rpc.modem_calls import ModemCalls
from gatewaykit.rpc.mount_calls import MountCalls

ENDPOINTS = "unix:PATH, tcp:HOST:PORT, or another endpoint string of Twisted's"


@attrs.frozen
class GatewayInfo:
    """What runs at the other end."""

    version: str
    api: int
    python: str
    twisted: str
    uptime_s: float
    subsystems: list[str]


@attrs.frozen
class GatewayHealth:
    """The worst `status` (ok, degraded or failed), and the subsystems' by name, each with
    `status`, `reason` and figures."""

    status: str
    subsystems: dict[str, Record]


def connect(
    endpoint: str, reactor: IReactorTime, timeout: float = 10.0
) -> Deferred[GatewayClient]:
    """Connect to a gateway.

    Fails with `MisuseError` for an endpoint that cannot be understood and with
    `ConnectionFailed` for one where no gateway answers in `timeout` seconds.
    """
    return Deferred.fromCoroutine(_connect(endpoint, reactor, timeout))


async def _connect(text: str, reactor: IReactorTime, seconds: float) -> GatewayClient:
    endpoint = client_endpoint(text, reactor, seconds)
    try:
        protocol = await connectProtocol(endpoint, ClientProtocol()).addTimeout(
            seconds, reactor
        )
    except (defer.TimeoutError, error.TimeoutError, error.ConnectingCancelledError):
        raise ConnectionFailed(text, f"no answer within {seconds:g} s") from None
    except Exception as reason:
        # An endpoint fails with what its kind of network fails with.
        raise ConnectionFailed(text, str(reason) or type(reason).__name__) from reason
    client = GatewayClient(protocol, reactor, text)
    try:
        # The listener waits for the first byte to tell whom it has before it; and who does
        # not answer this is no gateway.
        await client.info().addTimeout(seconds, reactor)
    except (CallTimeout, defer.TimeoutError, ProtocolViolation):
        await client.close()
        silent = f"no gateway answers there within {seconds:g} s"
        raise ConnectionFailed(text, silent) from None
    return client


def client_endpoint(
    text: str, reactor: IReactorTime, timeout: float = 10.0
) -> IStreamClientEndpoint:
    """The endpoint that a string means; `MisuseError` if it means none.

    A unix path may hold colons, an IPv6 address stands in brackets.
    """
    if text.startswith("unix:/") or re.fullmatch(r"unix:[^:=]+", text):
        return UNIXClientEndpoint(reactor, text.removeprefix("unix:"), timeout=timeout)
    tcp = re.fullmatch(r"tcp:(?:\[([^\]]+)\]|([^:=\[\]]+)):([0-9]{1,5})", text)
    if tcp and 1 <= int(tcp[3]) <= 65535:
        host = tcp[1] or tcp[2]
        return HostnameEndpoint(reactor, host, int(tcp[3]), timeout=timeout)
    if text.startswith(("unix:", "tcp:")):
        raise MisuseError("endpoint", text, ENDPOINTS)
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, text)
    except Exception as reason:
        # Parsers of endpoint strings raise whatever their arguments made them raise.
        raise MisuseError("endpoint", text, ENDPOINTS) from reason
    return endpoint


class GatewayClient(CommandCalls, ModemCalls, MountCalls):
    """A connection to a gateway; any number of calls may wait at a time. See `Caller`."""

    def info(self) -> Deferred[GatewayInfo]:
        async def ask() -> GatewayInfo:
            return GatewayInfo(**await self._call(verbs.Info))

        return Deferred.fromCoroutine(ask())

    def health(self) -> Deferred[GatewayHealth]:
        async def ask() -> GatewayHealth:
            return GatewayHealth(**await self._call(verbs.Health))

        return Deferred.fromCoroutine(ask())

    def devices(
        self,
        cursor: str | None = None,
        limit: int | None = None,
        policy: str | None = None,
    ) -> Deferred[Page]:
        """Device records by IMEI; only those of a policy, if one is given."""
        return self._page(verbs.ListDevices, cursor=cursor, limit=limit, policy=policy)

    def device(self, imei: str) -> Deferred[Record]:
        """Fails with `NotFound` for an IMEI that was never heard of."""
        return self._value(verbs.GetDevice, "device", imei=imei)

    def latest_position(self, imei: str) -> Deferred[Record]:
        """Fails with `NotFound` where no position is known."""
        return self._value(verbs.LatestPosition, "position", imei=imei)

    def history(
        self,
        imei: str,
        since: datetime | None = None,
        until: datetime | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Deferred[Page]:
        """Report records, oldest first; `since` and `until` are aware and inclusive."""
        return self._page(
            verbs.History,
            imei=imei,
            since=since,
            until=until,
            cursor=cursor,
            limit=limit,
        )

    def events(
        self,
        imei: str | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> Deferred[Page]:
        return self._page(verbs.ListEvents, imei=imei, cursor=cursor, limit=limit)

    def set_policy(self, imei: str, policy: str) -> Deferred[None]:
        """``accepted``, ``quarantined`` or ``refused``; needs the role admin."""

        async def ask() -> None:
            await self._call(verbs.SetPolicy, imei=imei, policy=policy)

        return Deferred.fromCoroutine(ask())

    def acknowledge_damage(self) -> Deferred[int]:
        """How many damages were open until now; needs the role admin."""
        return self._value(verbs.AcknowledgeDamage, "acknowledged")

    def iter_devices(self, policy: str | None = None) -> AsyncIterator[Record]:
        """Every device record, of a policy if one is given; one page is held at a time."""
        return self._all(verbs.ListDevices, policy=policy)

    def iter_history(
        self,
        imei: str,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> AsyncIterator[Record]:
        """Every report record of the time asked for; one page is held at a time."""
        return self._all(verbs.History, imei=imei, since=since, until=until)

    def iter_events(self, imei: str | None = None) -> AsyncIterator[Record]:
        """Every device event, oldest first; one page is held at a time."""
        return self._all(verbs.ListEvents, imei=imei)
