"""`gatewayctl claim`, `refuse`, `register` and `update`: whose vehicle is what."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import shown
from gatewaykit.interfaces import Record
from gatewaykit.rpc.device_verbs import FIELDS

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--name", help="What people call it."),
    click.option("--group", help="What it belongs to."),
    click.option("--model", help="As GV50; goes before what it reports itself."),
    click.option(
        "--timezone",
        "timezone_offset",
        metavar="OFFSET",
        help="Of its own clock, as -03:00.",
    ),
    click.option(
        "--block-level",
        type=click.IntRange(0, 1),
        help="The level of output 1 that blocks it, by how its relay is wired.",
    ),
    click.option(
        "--password-ref", metavar="NAME", help="Names a password of the gateway's file."
    ),
)


def registration_options(function: F) -> F:
    """What can be said of a device, by the names of the client's arguments."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def given(values: Record) -> Record:
    """What of it was said."""
    return {name: value for name, value in values.items() if value is not None}


def told(invocation: Invocation, imei: str, what: str, values: Record) -> None:
    if invocation.as_json:
        print(json.dumps({"imei": imei, **values}))
        return
    said = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
    print(f"{shown(imei)} {what}" + (f": {said}" if said else ""))


@client_options
@click.command()
@click.argument("imei")
@registration_options
@click.pass_obj
def claim(invocation: Invocation, /, imei: str, **options: Any) -> None:
    """Take the device IMEI out of quarantine.

    Its reports move into its history. What is said of it is set with that.
    """
    values = given(options)
    invocation.run(lambda client: client.claim_device(imei, **values))
    told(invocation, imei, "is accepted from now on", values)


@client_options
@click.command()
@click.argument("imei")
@click.pass_obj
def refuse(invocation: Invocation, imei: str) -> None:
    """Refuse the device IMEI from now on; for an admin."""
    invocation.run(lambda client: client.refuse_device(imei))
    told(invocation, imei, "is refused from now on", {})


@client_options
@click.command()
@click.argument("imei")
@registration_options
@click.pass_obj
def register(invocation: Invocation, /, imei: str, **options: Any) -> None:
    """Register the device IMEI, which need not have reported yet; it is accepted."""
    values = given(options)
    invocation.run(lambda client: client.register_device(imei, **values))
    told(invocation, imei, "is registered", values)


@client_options
@click.command()
@click.argument("imei")
@registration_options
@click.option(
    "--clear",
    multiple=True,
    type=click.Choice(FIELDS),
    help="Take this away; may be given several times.",
)
@click.pass_obj
def update(
    invocation: Invocation, /, imei: str, clear: tuple[str, ...], **options: Any
) -> None:
    """Change what is known of the device IMEI."""
    values = given(options)
    if not values and not clear:
        raise click.UsageError("Give something to change.")
    invocation.run(lambda client: client.update_device(imei, clear=clear, **values))
    told(invocation, imei, "is changed", values | dict.fromkeys(clear))
