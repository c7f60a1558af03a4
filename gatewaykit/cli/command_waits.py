"""Queueing a command, and following what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import attrs
import click
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater

from gatewaykit.cli.command_steps import Step, is_over, steps
from gatewaykit.cli.command_text import remaining
from gatewaykit.cli.command_values import typed
from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.rows import shown
from gatewaykit.errors import CallTimeout, ConnectionFailed, StoreUnavailable
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient

POLL_S = 0.5

Show = Callable[[Step], None]


@attrs.frozen
class Request:
    """A command that is to be queued."""

    imei: str
    kind: str
    texts: Mapping[str, str]
    """Its parameters, as they were typed."""
    expires_s: float | None = None
    override: str | None = None


def tell(text: str) -> None:
    """A line for whoever sits there, beside what is written."""
    click.echo(f"gatewayctl: {text}", err=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def queue(client: GatewayClient, request: Request) -> Record:
    """Queue a command, and where it can't be told if that was done, say so."""
    kinds = await client.command_kinds() if request.texts else []
    try:
        return await client.queue_command(
            request.imei,
            request.kind,
            typed(request.texts, request.kind, kinds) or None,
            expires_in_s=request.expires_s,
            override=request.override,
        )
    except (CallTimeout, ConnectionFailed, CancelledError):
        tell(
            "it may have been queued all the same;"
            f" `gatewayctl commands {shown(request.imei)}` tells"
        )
        raise


async def queue_and_follow(
    gateway: Gateway, request: Request, show: Show, limit_s: float
) -> Record:
    """Queue a command and show each of its states, until no more come or the time is up.

    A gateway that restarts is waited for: what it queued is still queued then. Whatever ends
    the waiting, it is told what goes on without it.

    :return: the record as it was read last.
    """
    client = await gateway.connect()
    try:
        record = await queue(client, request)
    except BaseException:
        await client.close()
        raise
    following = _Following(gateway, client, record, show)
    try:
        await following.run(limit_s)
    finally:
        rest = remaining(following.record)
        if not is_over(following.record) and rest is not None:
            tell(rest)
        await following.close()
    return following.record


class _Following:
    def __init__(
        self, gateway: Gateway, client: GatewayClient, record: Record, show: Show
    ) -> None:
        self._gateway = gateway
        self._client: GatewayClient | None = client
        self._show = show
        self._trouble: Exception | None = None
        self.record = record

    async def run(self, limit_s: float) -> None:
        clock = self._gateway.reactor
        end = clock.seconds() + limit_s
        self._take(None, self.record)
        while not is_over(self.record) and (left_s := end - clock.seconds()) > 0:
            await deferLater(clock, min(POLL_S, left_s))
            await self._look()
        if isinstance(self._trouble, ConnectionFailed):
            raise self._trouble

    async def _look(self) -> None:
        try:
            if self._client is None:
                self._client = await self._gateway.connect()
            record = await self._client.get_command(self.record["id"])
        except (ConnectionFailed, CallTimeout, StoreUnavailable) as error:
            if self._trouble is None:
                tell(f"{shown(error)}; trying again")
            self._trouble = error
            if isinstance(error, ConnectionFailed):
                await self.close()
            return
        self._trouble = None
        self._take(self.record, record)

    def _take(self, before: Record | None, record: Record) -> None:
        self.record = record
        for step in steps(before, record, _now()):
            self._show(step)

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()
