"""`gatewayctl status`: versions, uptime, and how each subsystem is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import attrs
import click

from gatewaykit.cli.endings import FAILED
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.cli.rows import flat, shown
from gatewaykit.rpc.client import GatewayClient, GatewayHealth, GatewayInfo


def uptime_text(seconds: float) -> str:
    """``3 d 04:05:06``."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    return f"{days} d {hour:02}:{minute:02}:{second:02}"


def lines(info: GatewayInfo, health: GatewayHealth) -> Iterator[str]:
    """What a person reads: the whole first, then a line a subsystem and its figures."""
    yield f"gatewaykit {shown(info.version)}: {shown(health.status)}"
    yield f"up {uptime_text(info.uptime_s)}"
    yield f"Python {shown(info.python)}, Twisted {shown(info.twisted)}"
    for name, state in health.subsystems.items():
        figures = dict(state)
        status, reason = figures.pop("status"), figures.pop("reason", None)
        yield f"{shown(name)}: {shown(status)}" + (
            f": {shown(reason)}" if reason else ""
        )
        for figure, value in flat(figures):
            yield f"  {shown(figure)}: {shown(value)}"


async def ask(client: GatewayClient) -> tuple[GatewayInfo, GatewayHealth]:
    return await client.info(), await client.health()


@client_options
@click.command()
@click.pass_context
def status(context: click.Context) -> None:
    """Show how the gateway is: versions, uptime, and each subsystem's state and figures.

    The exit code is 0 while all is well and 1 when something is degraded or failed.
    """
    invocation = context.ensure_object(Invocation)
    info, health = invocation.run(ask)
    if invocation.as_json:
        print(json.dumps(attrs.asdict(info) | attrs.asdict(health)))
    else:
        for line in lines(info, health):
            print(line)
    if health.status != "ok":
        context.exit(FAILED)
