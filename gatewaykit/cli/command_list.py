"""`gatewayctl commands`, `cancel` and `trust`: commands that were asked for."""

from __future__ import annotations

import json

import click

from gatewaykit.cli import command_text as text_of
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import shown
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.vehicles import CONFIRMED, FAILED, PENDING, SENT


@client_options
@click.command()
@click.argument("imei", required=False)
@click.option("--status", type=click.Choice([PENDING, SENT, CONFIRMED, FAILED]))
@click.pass_obj
def commands(invocation: Invocation, imei: str | None, status: str | None) -> None:
    """List commands to vehicles, or to the vehicle IMEI, newest first.

    Fields are separated by tabs, below one line of names. A confirmed command of which a
    report has shown that it worked is "verified".
    """

    async def show(client: GatewayClient) -> None:
        if not invocation.as_json:
            print("\t".join(text_of.COLUMNS))
        async for record in client.iter_commands(imei, status):
            row = "\t".join(text_of.row(record))
            print(json.dumps(record) if invocation.as_json else row)

    invocation.run(show)


@client_options
@click.command()
@click.argument("id")
@click.pass_obj
def cancel(invocation: Invocation, id: str) -> None:
    """End the command ID, if it is still pending."""
    record = invocation.run(lambda client: client.cancel_command(id))
    print(json.dumps(record) if invocation.as_json else text_of.summary(record))


@client_options
@click.command()
@click.argument("imei")
@click.pass_obj
def trust(invocation: Invocation, imei: str) -> None:
    """Let commands go to the vehicle IMEI over its present connection.

    For one whose connection was taken over by one that nobody can tell from another's.
    """
    invocation.run(lambda client: client.trust_connection(imei))
    if invocation.as_json:
        print(json.dumps({"imei": imei, "trusted": True}))
    else:
        print(f"commands go to the present connection of {shown(imei)}")
