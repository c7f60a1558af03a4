"""`gatewayctl simulate`: hardware that is not there."""

from __future__ import annotations

import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from twisted.internet.task import deferLater

from gatewaykit.cli.connection import run
from gatewaykit.cli.invocation import Invocation
from gatewaykit.cli.simulate_modem import modem
from gatewaykit.cli.simulate_mount import mount
from gatewaykit.errors import ConnectionFailed
from gatewaykit.simulators.faults import CommandFaults, Faults
from gatewaykit.simulators.fleet import SimulatedFleet
from gatewaykit.simulators.tracker import Behaviour

Server = tuple[str, int]

Decorator = Callable[[Callable[..., None]], Callable[..., None]]

_LEVELS = {"0": 0, "1": 1, "none": None}
_POLL_S = 0.25
_STATS_EVERY_S = 5.0


def _server(_context: click.Context, _option: click.Parameter, value: str) -> Server:
    """``HOST:PORT``; an IPv6 address stands in brackets."""
    host, _, port = value.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not host.isascii() or not port.isdecimal():
        raise click.BadParameter(f"{value!r} is not HOST:PORT.")
    if not 0 < int(port) < 65536:
        raise click.BadParameter(f"{value!r}: the port is from 1 to 65535.")
    return host, int(port)


def _password(_context: click.Context, _option: click.Parameter, value: str) -> str:
    if re.fullmatch("[0-9A-Za-z]{4,6}", value) is None:
        raise click.BadParameter("4 to 6 letters and digits.")
    return value


def _command_fault(name: str, help: str) -> Decorator:
    return click.option(
        f"--command-{name}", type=click.FloatRange(0, 1), default=0.0, help=help
    )


@click.group()
def simulate() -> None:
    """Simulate hardware, for demos and tests."""


simulate.add_command(modem)
simulate.add_command(mount)


@simulate.command()
@click.option(
    "--server",
    callback=_server,
    metavar="HOST:PORT",
    default="127.0.0.1:5000",
    show_default=True,
    help="Where the trackers report to.",
)
@click.option(
    "--vehicles", type=click.IntRange(1, 1_000_000), default=20, show_default=True
)
@click.option(
    "--interval",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Seconds between a vehicle's fixed reports; 0: the next as soon as the last "
    "is acknowledged.",
)
@click.option(
    "--parked-interval",
    type=click.FloatRange(0, min_open=True),
    help="The same while the ignition is off (default: as --interval).",
)
@click.option(
    "--parked",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Vehicles that never drive off.",
)
@click.option(
    "--password",
    default="gv50",
    show_default=True,
    callback=_password,
    help="That commands must have.",
)
@click.option(
    "--block-level",
    type=click.Choice(["0", "1", "none"]),
    default="1",
    show_default=True,
    help="Level of output 1 at which the engine doesn't run; none: nothing is wired.",
)
@click.option(
    "--output-values",
    type=click.Choice(["13", "16"]),
    default="13",
    show_default=True,
    help="How many values a GTOUT must have.",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
    help="Chooses vehicles, tracks and faults.",
)
@click.option(
    "--count", type=click.IntRange(1), help="End after so many reports a vehicle."
)
@click.option(
    "--deadline",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="With --count: seconds to wait for what is missing after the last report.",
)
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), help="End after seconds."
)
@click.option(
    "--connect-timeout",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="Give up if no vehicle could connect by then (seconds).",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Append a line of JSON for each SACK of a report to this file.",
)
@click.option("--no-sack", is_flag=True, help="The devices don't wait for SACKs.")
@click.option(
    "--window",
    type=click.IntRange(1, 10_000),
    default=1,
    show_default=True,
    help="Reports a device sends ahead of their SACKs; real ones: 1.",
)
@click.option(
    "--sack-timeout",
    type=click.FloatRange(0, min_open=True),
    default=20.0,
    show_default=True,
    help="Seconds until a report without SACK is repeated.",
)
@click.option(
    "--heartbeat",
    type=click.FloatRange(0, min_open=True),
    default=300.0,
    show_default=True,
    help="Seconds between heartbeats.",
)
@click.option(
    "--reconnect-after",
    type=click.FloatRange(0, min_open=True),
    nargs=2,
    default=(1.0, 30.0),
    show_default=True,
    help="Shortest and longest pause before connecting again (seconds).",
)
@click.option(
    "--fault-split", type=click.FloatRange(0, 1), default=0.0, help="Write in pieces."
)
@click.option(
    "--fault-glue",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Hold back and write together with the next.",
)
@click.option(
    "--fault-duplicate", type=click.FloatRange(0, 1), default=0.0, help="Write twice."
)
@click.option(
    "--fault-junk",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Write bytes that are no frame before it.",
)
@click.option(
    "--fault-disconnect",
    type=click.FloatRange(0, 1),
    default=0.0,
    help="Reset the connection in the middle of it.",
)
@_command_fault("no-ack", "Execute it and say nothing.")
@_command_fault("deaf", "Neither execute nor acknowledge it.")
@_command_fault("wrong-serial", "Acknowledge it with a serial nobody gave.")
@_command_fault("swap", "Give two commands' ACKs the serial of the other.")
@_command_fault("disconnect", "Execute it and reset the connection before the ACK.")
@_command_fault("refuse", "Take it for one with a wrong password.")
@_command_fault("nack", "Refuse it with +NACK.")
@click.option(
    "--command-slow-ack",
    type=click.FloatRange(0),
    default=0.0,
    help="Acknowledge every command so many seconds late.",
)
@click.pass_context
def fleet(context: click.Context, /, **options: Any) -> None:
    """Simulate GV50 trackers that drive around and report to a server.

    They execute commands and acknowledge them, as devices do. Faults are probabilities
    from 0 to 1 for each frame, and for each command. Every few seconds a line of figures
    goes to standard error.

    Ends with --count (exit code 0 if every report was acknowledged, else 1), with
    --duration, or by Ctrl-C; with 3 if no vehicle could connect.
    """
    if options["no_sack"] and options["interval"] == 0:
        raise click.UsageError("--interval 0 needs SACKs; leave out --no-sack.")
    _raise_file_limit(options["vehicles"])
    react = context.ensure_object(Invocation).react or run
    context.exit(react(lambda reactor: run_fleet(reactor, options)))


async def run_fleet(reactor: Any, options: dict[str, Any]) -> int:
    """Run a fleet to its end; gives the exit code."""
    host, port = options["server"]
    fleet = SimulatedFleet(
        reactor,
        host,
        port,
        options["vehicles"],
        seed=options["seed"],
        behaviour=Behaviour(
            interval=options["interval"],
            parked_interval=options["parked_interval"],
            count=options["count"],
            sack=not options["no_sack"],
            window=options["window"],
            sack_timeout=options["sack_timeout"],
            heartbeat=options["heartbeat"],
            faults=Faults(
                split=options["fault_split"],
                glue=options["fault_glue"],
                duplicate=options["fault_duplicate"],
                junk=options["fault_junk"],
                disconnect=options["fault_disconnect"],
            ),
            parked=options["parked"],
            password=options["password"],
            block_level=_LEVELS[options["block_level"]],
            output_values=int(options["output_values"]),
            command_faults=CommandFaults(
                no_ack=options["command_no_ack"],
                deaf=options["command_deaf"],
                wrong_serial=options["command_wrong_serial"],
                swap=options["command_swap"],
                disconnect=options["command_disconnect"],
                refuse=options["command_refuse"],
                nack=options["command_nack"],
                slow_ack_s=options["command_slow_ack"],
            ),
        ),
        ledger=options["ledger"],
        backoff=options["reconnect_after"],
    )
    fleet.start()
    try:
        await _until_the_end(reactor, fleet, options)
    finally:
        _show(fleet)
        await fleet.stop()
    return 0 if options["count"] is None or _is_complete(fleet) else 1


async def _until_the_end(
    reactor: Any, fleet: SimulatedFleet, options: dict[str, Any]
) -> None:
    wanted = options["vehicles"] * (options["count"] or -1)
    began = moved = reactor.seconds()
    made, show_at = 0, began + _STATS_EVERY_S
    while not fleet.is_done:
        await deferLater(reactor, _POLL_S)
        now, stats = reactor.seconds(), fleet.stats
        if stats.connections == 0 and now - began >= options["connect_timeout"]:
            host, port = options["server"]
            raise ConnectionFailed(f"{host}:{port}", fleet.last_error or "timed out")
        if options["duration"] is not None and now - began >= options["duration"]:
            return
        if stats.made > made:
            made, moved = stats.made, now
        elif stats.made == wanted and now - moved >= options["deadline"]:
            return
        if now >= show_at:
            _show(fleet)
            show_at += _STATS_EVERY_S


def _is_complete(fleet: SimulatedFleet) -> bool:
    """Whether every report was made, and acknowledged where that is waited for."""
    stats = fleet.stats
    return fleet.is_done and stats.dropped == 0 and not stats.powered_off


def _show(fleet: SimulatedFleet) -> None:
    stats = fleet.stats
    line = (
        f"connected {stats.connected}, sent {stats.sent}, "
        f"acknowledged {stats.acknowledged}, outstanding {stats.outstanding}"
    )
    for name in (
        *("waiting", "repeated", "dropped"),
        *("commands", "executed", "refused", "acks", "not_followed"),
    ):
        if value := getattr(stats, name):
            line += f", {name.replace('_', ' ')} {value}"
    click.echo(line, err=True)


def _raise_file_limit(vehicles: int) -> None:
    """A connection takes a descriptor; the soft limit is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = vehicles + 100
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
