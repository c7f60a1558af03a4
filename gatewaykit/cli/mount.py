"""`gatewayctl mount`: position, variables, commands, tracking, place and time of the mount."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click

from gatewaykit.cli import mount_moves
from gatewaykit.cli import mount_text as text_of
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.modem_text import aligned
from gatewaykit.cli.mount_moves import NEGATIVE, told
from gatewaykit.cli.rows import shown
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.mount_verbs import REPLIES, TRACKING_RATES
from gatewaykit.tts160 import coordinates


@client_options
@click.group()
def mount() -> None:
    """Ask the telescope mount, and point it."""


for command in mount_moves.COMMANDS:
    mount.add_command(command)


@client_options
@mount.command()
@click.pass_obj
def status(invocation: Invocation) -> None:
    """Show where the mount points and what it does.

    What is stale is marked so, with its age, and ends with 0 all the same.
    """
    record = invocation.run(lambda client: client.mount_status())
    if invocation.as_json:
        print(json.dumps(record))
        return
    for line in aligned(text_of.status_lines(record)):
        print(line)


@client_options
@mount.command()
@click.argument("variables", nargs=-1, required=True)
@click.pass_obj
def get(invocation: Invocation, variables: tuple[str, ...]) -> None:
    """Show VARIABLES of the firmware, by name or id.

    RA, DEC, T17; a letter holds until the next one: T1,2,X1,2. Angles are radians.
    """
    words = text_of.words_of(variables)
    values = invocation.run(lambda client: client.mount_variables(words))
    if invocation.as_json:
        print(json.dumps(values))
        return
    for line in aligned(text_of.values_lines(values)):
        print(line)


@client_options
@mount.command()
@click.argument("command")
@click.option(
    "--type",
    "reply",
    type=click.Choice(REPLIES),
    default="auto",
    show_default=True,
    help="What answers a command that is none that is known.",
)
@click.pass_obj
def send(invocation: Invocation, command: str, reply: str) -> None:
    r"""Send COMMAND, as ':GR#', and write its answer.

    \xNN in it is the byte of that number, for binary commands: ':*!S 0E;\x01#'.
    """
    text = text_of.command_of(command)
    answer = invocation.run(lambda client: client.mount_command(text, reply))
    if invocation.as_json:
        print(json.dumps(answer))
        return
    for line in text_of.answer_lines(answer):
        print(line)


@client_options
@mount.command()
@click.argument("number", type=click.IntRange(0, 8))
@click.pass_obj
def case(invocation: Invocation, number: int) -> None:
    """Show the block NUMBER (0 to 8) of the legacy protocol."""
    block = invocation.run(lambda client: client.mount_case(number))
    values = text_of.case_values(number, block.values)
    if invocation.as_json:
        print(json.dumps({"format": block.format, "values": values}))
        return
    for line in aligned(text_of.values_lines(values)):
        print(line)


@client_options
@mount.command(context_settings=NEGATIVE)
@click.argument("right_ascension", metavar="RA")
@click.argument("declination", metavar="DEC")
@click.pass_obj
def sync(invocation: Invocation, right_ascension: str, declination: str) -> None:
    """Tell the mount that it points to RA and DEC.

    RA is hours and DEC degrees, sexagesimal or decimal.
    """
    hours = coordinates.read_right_ascension(right_ascension)
    degrees = coordinates.read_declination(declination)
    text = invocation.run(lambda client: client.mount_sync(hours, degrees))
    told(invocation, shown(text), {"text": text})


@client_options
@mount.command()
@click.argument("choice", type=click.Choice(("on", "off", *TRACKING_RATES)))
@click.pass_obj
def tracking(invocation: Invocation, choice: str) -> None:
    """Switch tracking on or off, or choose its rate."""
    on = {"on": True, "off": False}.get(choice)
    rate = choice if on is None else None
    invocation.run(lambda client: client.mount_tracking(on=on, rate=rate))
    text = f"tracking rate: {choice}" if on is None else f"tracking: {choice}"
    told(invocation, text, {"on": on, "rate": rate})


@client_options
@mount.command()
@click.option("--latitude", metavar="DEGREES", help="North positive.")
@click.option("--longitude", metavar="DEGREES", help="East positive.")
@click.option(
    "--utc-offset", metavar="HOURS", help="Local time minus UTC: -7, 5.5 or +5:30."
)
@click.option("--now", is_flag=True, help="The time, by the clock of this computer.")
@click.pass_obj
def site(
    invocation: Invocation,
    latitude: str | None,
    longitude: str | None,
    utc_offset: str | None,
    *,
    now: bool,
) -> None:
    """Set the mount's place, UTC offset and time.

    DEGREES are sexagesimal or decimal.
    """
    if (latitude is None) != (longitude is None):
        raise click.UsageError("Give both --latitude and --longitude.")
    setting = {
        name: read(text)
        for name, text, read in (
            ("latitude_deg", latitude, coordinates.read_latitude),
            ("longitude_deg", longitude, coordinates.read_longitude),
            ("utc_offset_h", utc_offset, text_of.utc_offset),
        )
        if text is not None
    }
    if not setting and not now:
        raise click.UsageError("Give something to set.")

    async def set_site(client: GatewayClient) -> datetime | None:
        # Not before the connection is there, which may take its time.
        at = datetime.now(UTC) if now else None
        await client.mount_site(**setting, at=at)
        return at

    at = invocation.run(set_site)
    moment = None if at is None else at.isoformat(timespec="milliseconds")
    done = {**setting, **({} if moment is None else {"at": moment})}
    told(
        invocation,
        "\n".join(f"{name}: {value}" for name, value in done.items()),
        done,
    )


@client_options
@mount.command()
@click.pass_obj
def clear(invocation: Invocation) -> None:
    """Drop what came in unasked, and put the line in step."""
    invocation.run(lambda client: client.clear_buffers())
    told(invocation, "cleared", {"cleared": True})
