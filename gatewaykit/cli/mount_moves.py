"""`gatewayctl mount`: what moves the telescope."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
from twisted.internet.defer import Deferred

from gatewaykit.cli import mount_text as text_of
from gatewaykit.cli.connection import Gateway
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.mount_waits import (
    Place,
    arrival,
    hold,
    is_near,
    is_near_horizontal,
    is_parked,
)
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.rpc.mount_verbs import DIRECTIONS, MOST_RATE_DEG_S
from gatewaykit.tts160 import coordinates

NEGATIVE = {"ignore_unknown_options": True}
"""What begins with a minus may be a declination."""

Begin = Callable[[GatewayClient], Deferred[None]]

wait_option = click.option(
    "--wait",
    is_flag=True,
    help="End when it is there; with 1 if it stopped elsewhere. Ctrl-C ends the waiting only.",
)


def told(invocation: Invocation, text: str, record: Record) -> None:
    """The outcome, for a person or as JSON."""
    print(json.dumps(record) if invocation.as_json else text)


def begin(
    invocation: Invocation, start: Begin, is_there: Place | None
) -> Record | None:
    """Send the mount somewhere, and wait for it if a place is given: its status there."""

    async def body(gateway: Gateway) -> Record | None:
        client = await gateway.connect()
        try:
            await start(client)
            if is_there is None:
                return None
            return await arrival(client, gateway.reactor, is_there)
        finally:
            await client.close()

    return invocation.run_with_gateway(body)


@client_options
@click.command(context_settings=NEGATIVE)
@click.argument("first", metavar="RA|ALT")
@click.argument("second", metavar="DEC|AZ")
@click.option("--altaz", is_flag=True, help="The coordinates are altitude and azimuth.")
@wait_option
@click.pass_obj
def slew(
    invocation: Invocation, first: str, second: str, *, altaz: bool, wait: bool
) -> None:
    """Slew to RA and DEC, or to ALT and AZ.

    RA is hours, in the mount's equinox, all else degrees: sexagesimal, as 5:47:12
    -5:23:28, or decimal, as 5.786667 -5.391111.
    """
    if altaz:
        altitude = coordinates.read_altitude(first)
        azimuth = coordinates.read_azimuth(second)
        target = {"altitude_deg": altitude, "azimuth_deg": azimuth}
        place = is_near_horizontal(altitude, azimuth)
        shown = text_of.horizontal(altitude, azimuth)
    else:
        hours = coordinates.read_right_ascension(first)
        degrees = coordinates.read_declination(second)
        target = {"right_ascension_h": hours, "declination_deg": degrees}
        place = is_near(hours, degrees)
        shown = text_of.equatorial(hours, degrees)
    record = begin(
        invocation,
        lambda client: client.mount_slew(**target),
        place if wait else None,
    )
    if record is None:
        told(invocation, f"slewing to {shown}", target)
    else:
        told(invocation, f"arrived at {shown}", record)


@client_options
@click.command()
@click.pass_obj
def stop(invocation: Invocation) -> None:
    """Stop everything, at once, whoever moves it."""
    invocation.run(lambda client: client.mount_stop())
    told(invocation, "stopped", {"stopped": True})


@client_options
@click.command()
@wait_option
@click.pass_obj
def park(invocation: Invocation, *, wait: bool) -> None:
    """Park the telescope."""
    place = is_parked if wait else None
    record = begin(invocation, lambda client: client.mount_park(), place)
    if record is None:
        told(invocation, "parking", {"parking": True})
    else:
        text = (
            "parked"
            if record["parked"]
            else "at rest; it does not tell if it is parked"
        )
        told(invocation, text, record)


@client_options
@click.command()
@click.pass_obj
def unpark(invocation: Invocation) -> None:
    """End parking, where the firmware can."""
    invocation.run(lambda client: client.mount_unpark())
    told(invocation, "unparked", {"parked": False})


@client_options
@click.command()
@click.argument("direction", type=click.Choice(DIRECTIONS))
@click.argument("milliseconds", type=click.IntRange(0, 9999), metavar="MS")
@click.pass_obj
def guide(invocation: Invocation, direction: str, milliseconds: int) -> None:
    """Guide to DIRECTION with one pulse of MS.

    MS is milliseconds. North is up in altitude, and west up in azimuth.
    """
    invocation.run(lambda client: client.mount_guide(direction, milliseconds))
    told(
        invocation,
        f"a pulse of {milliseconds} ms to the {direction}",
        {"direction": direction, "duration_ms": milliseconds},
    )


@client_options
@click.command()
@click.argument("direction", type=click.Choice(DIRECTIONS))
@click.argument("rate", type=click.FloatRange(0, MOST_RATE_DEG_S, min_open=True))
@click.option(
    "--for",
    "seconds",
    type=click.FloatRange(0, min_open=True),
    required=True,
    metavar="SECONDS",
    help="How long to move.",
)
@click.pass_obj
def move(invocation: Invocation, direction: str, rate: float, seconds: float) -> None:
    """Move to DIRECTION at RATE for so long.

    RATE is degrees per second. It stops at the end, on Ctrl-C, and when this command is lost in any other way.
    """

    async def body(gateway: Gateway) -> None:
        client = await gateway.connect()
        try:
            await hold(client, gateway.reactor, direction, rate, seconds)
        finally:
            await client.close()

    invocation.run_with_gateway(body)
    told(
        invocation,
        f"moved {direction} for {seconds:g} s",
        {"direction": direction, "rate_deg_s": rate, "seconds": seconds},
    )


COMMANDS = (slew, stop, park, unpark, guide, move)
