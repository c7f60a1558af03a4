"""`gatewayctl modem`: network, position, messages and AT commands of the SIM7600."""

from __future__ import annotations

import json
import sys

import click

from gatewaykit.cli import modem_text as text_of
from gatewaykit.cli.asking import on_terminal
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import flat, shown
from gatewaykit.errors import MisuseError
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.modem_calls import ModemAvailability

_MOST_INPUT = 64 * 1024
"""Bytes of standard input: far more than any message has."""
_COLUMNS = ("INDEX", "STATUS", "NUMBER", "SENT", "TEXT")


@client_options
@click.group()
def modem() -> None:
    """Ask the modem: network, position, messages."""


@client_options
@modem.command()
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show whether the modem is there, and its network, signal and cell.

    What is stale is marked so, with its age, and ends with 0 all the same.
    """

    async def ask(client: GatewayClient) -> tuple[ModemAvailability, Record]:
        return await client.modem_available(), await client.network_status()

    available, network = invocation.run(ask)
    if invocation.as_json:
        state = {
            "available": available.available,
            "state": available.state,
            "reason": available.reason,
        }
        print(json.dumps(state | network))
        return
    reason = f": {shown(available.reason)}" if available.reason else ""
    head = ("modem", shown(available.state) + reason)
    for line in text_of.aligned([head, *text_of.network_lines(network)]):
        print(line)


@client_options
@modem.command()
@click.pass_obj
def location(invocation: Invocation) -> None:
    """Show the position by GNSS, in decimal degrees.

    Without a valid fix there is none, but the last one with its age.
    """
    record = invocation.run(lambda client: client.gnss_location())
    if invocation.as_json:
        print(json.dumps(record))
        return
    for line in text_of.aligned(text_of.location_lines(record)):
        print(line)


@client_options
@modem.command()
@click.pass_obj
def info(invocation: Invocation) -> None:
    """Show what the modem is: model, firmware, SIM, ports, supply and temperature."""
    record = invocation.run(lambda client: client.modem_info())
    if invocation.as_json:
        print(json.dumps(record))
        return
    for line in text_of.aligned(text_of.info_lines(record)):
        print(line)


@client_options
@modem.command()
@click.pass_obj
def events(invocation: Invocation) -> None:
    """List what happened to the modem, oldest first."""

    async def show(client: GatewayClient) -> None:
        async for event in client.iter_modem_events():
            if invocation.as_json:
                print(json.dumps(event))
                continue
            details = " ".join(f"{n}={v}" for n, v in flat(event["details"]))
            fields = (event["at"], event["event"], details)
            print("\t".join(shown(field) for field in fields))

    invocation.run(show)


@client_options
@modem.command()
@click.argument("command")
@click.pass_obj
def at(invocation: Invocation, command: str) -> None:
    """Pass the AT command COMMAND through, if sim7600.at_commands allows it.

    Writes the lines of its answer.
    """
    lines = invocation.run(lambda client: client.send_at_command(command))
    if invocation.as_json:
        print(json.dumps({"lines": lines}))
        return
    for line in lines:
        print(shown(line))


@client_options
@modem.group()
def sms() -> None:
    """Send, list and delete short messages."""


def _text(argument: str) -> str:
    """The text of a message: the argument, or standard input for ``-``.

    The end of the last line, which `echo` and editors put there, is not part of it.
    """
    if argument != "-":
        return argument
    data = sys.stdin.buffer.read(_MOST_INPUT)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise MisuseError("text", "standard input", "text in UTF-8") from None
    return text.removesuffix("\n").removesuffix("\r")


@client_options
@sms.command()
@click.argument("number")
@click.argument("text")
@click.pass_obj
def send(invocation: Invocation, number: str, text: str) -> None:
    """Send TEXT to NUMBER; a TEXT of - is read from standard input.

    Ends when the network has taken it, which may take minutes. After a time limit or a
    lost connection some or all of it may be on its way.
    """
    words = _text(text)
    sent = invocation.run(lambda client: client.send_sms(number, words))
    if invocation.as_json:
        print(json.dumps(sent))
        return
    parts = "1 part" if sent["parts"] == 1 else f"{sent['parts']} parts"
    print(f"sent to {shown(number)} in {parts} ({shown(sent['encoding'])})")


@client_options
@sms.command("list")
@click.pass_obj
def list_messages(invocation: Invocation) -> None:
    """List the stored messages, oldest first; to the modem they are read from then on.

    Fields are separated by tabs, below one line of names.
    """
    messages = invocation.run(lambda client: client.list_sms())
    if invocation.as_json:
        for message in messages:
            print(json.dumps(message))
        return
    for row in (_COLUMNS, *map(text_of.message_row, messages)):
        print("\t".join(row))


@client_options
@sms.command()
@click.argument("index", type=int, required=False)
@click.option("--all", "everything", is_flag=True, help="Delete all messages.")
@click.option("--yes", is_flag=True, help="Don't ask before all are deleted.")
@click.pass_obj
def delete(
    invocation: Invocation, index: int | None, *, everything: bool, yes: bool
) -> None:
    """Delete the message at INDEX with all of its parts, or all messages."""
    if everything == (index is not None):
        raise click.UsageError("Give either INDEX or --all.")
    if everything and not yes and on_terminal():
        click.confirm("Delete all messages of the modem?", abort=True, err=True)
    deleted = invocation.run(
        lambda client: client.delete_sms(index, everything=everything)
    )
    if invocation.as_json:
        print(json.dumps({"deleted": deleted}))
    else:
        print(f"places of the message store that are free now: {deleted}")
