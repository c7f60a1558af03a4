"""`gatewayctl watch`: the devices, the modem and the mount, live, until Ctrl-C."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from heapq import nlargest
from typing import Any

import attrs
import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text
from twisted.internet.task import deferLater

from gatewaykit.cli import modem_text, mount_text
from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import cells, shown, table
from gatewaykit.errors import (
    CallTimeout,
    ConnectionFailed,
    GatewayError,
    StoreUnavailable,
)
from gatewaykit.rpc.client import GatewayClient

Record = dict[str, Any]

LOST = "no connection, trying again"
MODEM = "sim7600"
MOUNT = "tts160"


@attrs.frozen
class ModemReading:
    """What the modem told, and why it told no more."""

    network: Record | None = None
    location: Record | None = None
    trouble: str | None = None


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

    @abstractmethod
    def update_modem(self, reading: ModemReading) -> None:
        """Called after each `update`, where the gateway has a modem."""

    @abstractmethod
    def update_mount(self, record: Record) -> None:
        """Called after each `update`, where the gateway has a mount."""


class LineView(View):
    """One line for each device that changed, and for modem and mount: fields between
    tabs, or the record as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._before: dict[str, Record] = {}
        self._trouble = ""
        self._modem_before: object = None
        self._modem_trouble: str | None = None
        self._mount_before: object = None

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

    def update_modem(self, reading: ModemReading) -> None:
        network, location = reading.network, reading.location
        told: object = modem_text.watch_fields(network, location)
        line = "\t".join(modem_text.watch_fields(network, location))
        if self._as_json:
            told = modem_text.ageless({"network": network, "location": location})
            line = modem_text.as_json(network, location)
        if told != self._modem_before:
            print(line)
            sys.stdout.flush()
        self._modem_before = told
        if reading.trouble and reading.trouble != self._modem_trouble:
            click.echo(f"gatewayctl: {reading.trouble}", err=True)
        self._modem_trouble = reading.trouble

    def update_mount(self, record: Record) -> None:
        fields = mount_text.watch_fields(record)
        told: object = mount_text.watched(record) if self._as_json else fields
        line = mount_text.as_json(record) if self._as_json else "\t".join(fields)
        if told != self._mount_before:
            print(line)
            sys.stdout.flush()
        self._mount_before = told


class TableView(View):
    """A table in place, the devices heard of last on top, as many as there is room for;
    above it the modem and the mount, where there are such."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False)
        self._records: list[Record] = []
        self._modem: ModemReading | None = None
        self._mount: Record | None = None
        self._notice = ""

    def open(self) -> AbstractContextManager[object]:
        return self._live

    def update(self, records: list[Record]) -> None:
        self._records = records
        self._notice = ""
        self._draw()

    def trouble(self, text: str) -> None:
        self._notice = f" - {text}"
        self._draw()

    def update_modem(self, reading: ModemReading) -> None:
        self._modem = reading
        self._draw()

    def update_mount(self, record: Record) -> None:
        self._mount = record
        self._draw()

    def _head(self) -> list[Text]:
        lines: list[str] = []
        if self._modem is not None:
            lines += modem_text.watch_block(self._modem.network, self._modem.location)
            if self._modem.trouble:
                lines.append(self._modem.trouble)
        if self._mount is not None:
            lines.append(mount_text.watch_line(self._mount))
        # Text, and not str: what an operator is called is no markup.
        return [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]

    def _draw(self) -> None:
        now = datetime.now(UTC)
        head = self._head()
        # Beside the head: the names of columns, the caption, the cursor's line.
        room = max(1, self._console.height - 3 - len(head))
        newest = nlargest(
            room, self._records, key=lambda device: device["last_seen"] or ""
        )
        counts = Counter(shown(device["status"]) for device in self._records)
        caption = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        rows = (cells(device, now) for device in newest)
        caption = (caption or "no devices yet") + self._notice
        shape = table(rows, self._console.width, caption=caption)
        self._live.update(Group(*head, shape), refresh=True)


async def show_devices(client: GatewayClient, view: View) -> bool:
    """Whether there was something to show: a store that fails may be back soon."""
    try:
        view.update([record async for record in client.iter_devices()])
    except (StoreUnavailable, CallTimeout) as error:
        view.trouble(shown(error))
        return False
    return True


async def ask_modem(client: GatewayClient) -> ModemReading:
    """What the modem tells; only a lost connection is an error."""
    found: dict[str, Record] = {}
    trouble: str | None = None
    for name, ask in (
        ("network", client.network_status),
        ("location", client.gnss_location),
    ):
        try:
            found[name] = await ask()
        except ConnectionFailed:
            raise
        except GatewayError as error:
            trouble = shown(error)
    return ModemReading(trouble=trouble, **found)


async def follow(
    gateway: Gateway, view: View, interval_s: float, count: int | None
) -> None:
    """Show devices, modem and mount every `interval_s`, `count` times (None: for ever).

    A gateway that restarts is waited for; one that never answered is an error.
    """
    client: GatewayClient | None = await gateway.connect()
    subsystems: list[str] | None = None
    updates = 0
    try:
        with view.open():
            while True:
                try:
                    if client is None:
                        client, subsystems = await gateway.connect(), None
                    updates += await show_devices(client, view)
                    if subsystems is None:
                        subsystems = (await client.info()).subsystems
                    if MODEM in subsystems:
                        view.update_modem(await ask_modem(client))
                    if MOUNT in subsystems:
                        view.update_mount(await client.mount_status())
                except ConnectionFailed:
                    client = None
                    view.trouble(LOST)
                except CallTimeout as error:
                    view.trouble(shown(error))
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
    """Show devices, modem and mount live, until Ctrl-C.

    On a terminal a table; elsewhere one line for each device that changed, one that begins
    with "modem" when its network or position did, and one that begins with "mount" when
    its position or state did.
    """
    view: View
    if sys.stdout.isatty() and not invocation.as_json:
        view = TableView(Console())
    else:
        view = LineView(as_json=invocation.as_json)
    invocation.run_with_gateway(lambda gateway: follow(gateway, view, interval, count))
