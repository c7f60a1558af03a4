"""`gatewayctl watch`: the devices, live, until Ctrl-C."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

import click
from rich.console import Console
from rich.live import Live
from twisted.internet.task import deferLater

from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import cells, shown, table
from gatewaykit.errors import CallTimeout, ConnectionFailed, StoreUnavailable
from gatewaykit.rpc.client import GatewayClient

Record = dict[str, Any]

LOST = "no connection, trying again"


class View(ABC):
    """Where updates are shown."""

    def open(self) -> AbstractContextManager[object]:
        """Holds what the view needs while it is in use."""
        return nullcontext()

    @abstractmethod
    def update(self, records: list[Record]) -> None: ...

    @abstractmethod
    def trouble(self, text: str) -> None:
        """There is no update at present."""


class LineView(View):
    """One line for each device that changed: fields between tabs, or the record as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._before: dict[str, Record] = {}
        self._trouble = ""

    def update(self, records: list[Record]) -> None:
        self._trouble = ""
        for record in records:
            if self._before.get(record["imei"]) != record:
                print(json.dumps(record) if self._as_json else "\t".join(cells(record)))
        sys.stdout.flush()
        self._before = {record["imei"]: record for record in records}

    def trouble(self, text: str) -> None:
        if text != self._trouble:
            click.echo(f"gatewayctl: {text}", err=True)
        self._trouble = text


class TableView(View):
    """A table in place, the devices heard of last on top, as many as there is room for."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._records: list[Record] = []

    def open(self) -> AbstractContextManager[object]:
        return self._live

    def update(self, records: list[Record]) -> None:
        self._records = records
        self._draw()

    def trouble(self, text: str) -> None:
        self._draw(f" - {text}")

    def _draw(self, notice: str = "") -> None:
        now = datetime.now(UTC)
        room = max(1, self._console.height - 3)  # header, caption, the cursor's line
        newest = nlargest(
            room, self._records, key=lambda device: device["last_seen"] or ""
        )
        counts = Counter(shown(device["status"]) for device in self._records)
        caption = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        rows = (cells(device, now) for device in newest)
        caption = (caption or "no devices yet") + notice
        shape = table(rows, self._console.width, caption=caption)
        self._live.update(shape, refresh=True)


async def follow(
    gateway: Gateway, view: View, interval_s: float, count: int | None
) -> None:
    """Show the devices every `interval_s`, `count` times (None: for ever).

    A gateway that restarts is waited for; one that never answered is an error.
    """
    client: GatewayClient | None = await gateway.connect()
    updates = 0
    try:
        with view.open():
            while True:
                try:
                    if client is None:
                        client = await gateway.connect()
                    records = [record async for record in client.iter_devices()]
                except ConnectionFailed:
                    client = None
                    view.trouble(LOST)
                except (StoreUnavailable, CallTimeout) as error:
                    view.trouble(shown(error))
                else:
                    view.update(records)
                    updates += 1
                    if updates == count:
                        return
                await deferLater(gateway.reactor, interval_s)
    finally:
        if client is not None:
            await client.close()


@client_options
@click.command()
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    help="Seconds between updates.",
)
@click.option("--count", type=click.IntRange(min=1), help="End after so many updates.")
@click.pass_obj
def watch(invocation: Invocation, interval: float, count: int | None) -> None:
    """Show the devices live, until Ctrl-C.

    On a terminal a table; elsewhere one line for each device that changed.
    """
    view: View
    if sys.stdout.isatty() and not invocation.as_json:
        view = TableView(Console())
    else:
        view = LineView(as_json=invocation.as_json)
    invocation.run_with_gateway(lambda gateway: follow(gateway, view, interval, count))
