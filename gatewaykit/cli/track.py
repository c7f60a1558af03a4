"""`gatewayctl track`: a device's history as a file of a usual format."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import click

from gatewaykit.cli.exports import WRITERS
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.moments import last_moment, length, moment
from gatewaykit.cli.output import text_output
from gatewaykit.rpc.client import GatewayClient


@client_options
@click.command()
@click.argument("imei")
@click.option(
    "--since",
    metavar="TIME",
    callback=moment,
    help="First moment (default: everything).",
)
@click.option(
    "--until", metavar="TIME", callback=last_moment, help="Last moment, included."
)
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(WRITERS)),
    default="ndjson",
    show_default=True,
)
@click.option(
    "--gap",
    metavar="LENGTH",
    callback=length,
    default="10m",
    show_default=True,
    help="Begin a new segment where no position is known for longer (geojson, gpx, kml).",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Write to this file, which appears once it is whole (default: standard output).",
)
@click.pass_obj
def track(
    invocation: Invocation,
    imei: str,
    since: datetime | None,
    until: datetime | None,
    format_name: str,
    gap: timedelta,
    output: Path | None,
) -> None:
    """Write the history of the device IMEI, oldest first.

    TIME is ISO 8601 (UTC unless it names a zone), a date, or a length of time ago: 90s,
    10m, 2h, 1d, 4w. ndjson has the report records and csv a row a position; geojson, gpx
    and kml draw the positions that are fixes, once each, and split them at gaps.
    """
    if since and until and since > until:
        raise click.UsageError("--since is later than --until")

    async def export(client: GatewayClient) -> None:
        # Asked for first: an unknown device is an error and not an empty track.
        device = await client.device(imei)
        target = None if output == Path("-") else output
        with text_output(target) as stream:
            writer = WRITERS[format_name](stream, device, gap)
            async for record in client.iter_history(imei, since, until):
                writer.report(record)
            writer.finish()

    invocation.run(export)
