"""`gatewayctl devices`, `device IMEI` and `events`: what the gateway knows of devices."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime

import click
from rich.console import Console

from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import COLUMNS, cells, flat, shown, table
from gatewaykit.interfaces import Page
from gatewaykit.rpc.arguments import POLICIES
from gatewaykit.rpc.client import GatewayClient


def print_page(page: Page, *, as_json: bool, first: bool) -> None:
    """One page of the list, in the form that its reader wants."""
    if as_json:
        for record in page.records:
            print(json.dumps(record))
        return
    if sys.stdout.isatty():
        now = datetime.now(UTC)
        console = Console()
        rows = [cells(record, now) for record in page.records]
        console.print(table(rows, console.width, header=first))
        return
    rows = [cells(record) for record in page.records]
    for row in [COLUMNS, *rows] if first else rows:
        print("\t".join(row))


@client_options
@click.command()
@click.option(
    "--quarantined",
    "policy",
    flag_value="quarantined",
    help="Only those that wait for somebody to claim or refuse them.",
)
@click.option(
    "--policy", type=click.Choice(POLICIES), help="Only those of this policy."
)
@click.pass_obj
def devices(invocation: Invocation, policy: str | None) -> None:
    """List the devices, by IMEI.

    On a terminal a table, elsewhere fields separated by tabs below one line of names. BLK is
    whether a vehicle is blocked: yes, no, or ? where no report has shown it.
    """

    async def show(client: GatewayClient) -> None:
        page = await client.devices(policy=policy)
        print_page(page, as_json=invocation.as_json, first=True)
        while page.cursor is not None:
            page = await client.devices(cursor=page.cursor, policy=policy)
            print_page(page, as_json=invocation.as_json, first=False)

    invocation.run(show)


@client_options
@click.command()
@click.argument("imei")
@click.pass_obj
def device(invocation: Invocation, imei: str) -> None:
    """Show all that is known of the device IMEI, one value a line."""
    record = invocation.run(lambda client: client.device(imei))
    if invocation.as_json:
        print(json.dumps(record))
        return
    for name, value in flat(record):
        print(f"{shown(name)}: {shown(value)}")


@client_options
@click.command()
@click.argument("imei", required=False)
@click.option(
    "--type",
    "kinds",
    multiple=True,
    metavar="EVENT",
    help="Only these, as ignition_on; may be given several times.",
)
@click.pass_obj
def events(invocation: Invocation, imei: str | None, kinds: tuple[str, ...]) -> None:
    """List what happened to the devices, or to the device IMEI, oldest first."""

    async def show(client: GatewayClient) -> None:
        async for event in client.iter_events(imei):
            if kinds and event["event"] not in kinds:
                continue
            if invocation.as_json:
                print(json.dumps(event))
                continue
            details = " ".join(f"{n}={v}" for n, v in flat(event["details"]))
            fields = (event["at"], event["imei"], event["event"], details)
            print("\t".join(shown(field) for field in fields))

    invocation.run(show)
