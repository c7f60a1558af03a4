"""`gatewayctl simulate modem`: a SIM7600 that is not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall, deferLater

from gatewaykit.cli.connection import run
from gatewaykit.cli.invocation import Invocation
from gatewaykit.simulators.modem import ModemBehaviour, ModemFaults, SimulatedModem

Command = Callable[..., Any]

_LINK = "sim7600-at"
_FAULTS = {
    "silence": "A command is not heard.",
    "half": "Of a line of an answer only the beginning arrives.",
    "garbage": "Bytes that mean nothing stand before a line.",
    "late": "An answer comes 8 s late.",
    "echo": "The echo of a command has lost bytes.",
    "repeated-fix": "A second brings the last fix again, with its old time.",
    "endless": "In a tenth of a second, bytes come that end no line.",
    "urc": "An unsolicited line stands before a line of an answer.",
}


def default_link() -> Path:
    """In ``$XDG_RUNTIME_DIR``, else in the working directory."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or ".") / _LINK


def _faults(command: Command) -> Command:
    for name, text in reversed(_FAULTS.items()):
        command = click.option(
            f"--fault-{name}", type=click.FloatRange(0, 1), default=0.0, help=text
        )(command)
    return command


def _seconds(name: str, value: float, text: str) -> Callable[[Command], Command]:
    return click.option(
        name, type=click.FloatRange(0), default=value, show_default=True, help=text
    )


@click.command()
@click.option(
    "--link",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Link to the AT port (default: {_LINK} in $XDG_RUNTIME_DIR, else here).",
)
@click.option(
    "--nmea-link",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Link to an NMEA port (default: it has none).",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Chooses track and faults."
)
@_seconds("--register-after", 10.0, "By then it is registered (seconds).")
@_seconds("--fix-after", 20.0, "By then it has a fix, once GNSS is on (seconds).")
@_seconds("--absence", 12.0, "How long a reset takes its port away (seconds).")
@click.option(
    "--network",
    type=click.Choice(["home", "roaming", "searching", "denied", "lost"]),
    default="home",
    show_default=True,
)
@click.option(
    "--technology",
    type=click.Choice(["LTE", "3G", "2G"]),
    default="LTE",
    show_default=True,
    help="The best that there is.",
)
@click.option(
    "--sim",
    type=click.Choice(["ready", "missing", "pin"]),
    default="ready",
    show_default=True,
)
@click.option(
    "--reset-every",
    type=click.FloatRange(0, min_open=True),
    help="Reset the modem every so many seconds.",
)
@_faults
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), help="End after seconds."
)
@click.pass_context
def modem(context: click.Context, /, **options: Any) -> None:
    """Simulate a SIM7600 modem with GNSS on a pseudo terminal.

    A program opens the link as it would open /dev/ttyUSB2. The terminal behind it is
    another one after each reset. Faults are probabilities from 0 to 1.

    Ends with --duration or by Ctrl-C, and removes its links then.
    """
    react = context.ensure_object(Invocation).react or run
    context.exit(react(lambda reactor: run_modem(reactor, options)))


async def run_modem(reactor: Any, options: dict[str, Any]) -> int:
    """Run a modem to its end; gives the exit code."""
    link = (options["link"] or default_link()).absolute()
    nmea_link = options["nmea_link"] and options["nmea_link"].absolute()
    modem = SimulatedModem(
        reactor,
        link,
        seed=options["seed"],
        behaviour=ModemBehaviour(
            register_after=options["register_after"],
            fix_after=options["fix_after"],
            absence=options["absence"],
            network=options["network"],
            technology=options["technology"],
            sim=options["sim"],
        ),
        faults=ModemFaults(
            **{
                name: options[f"fault_{name}"]
                for name in (fault.replace("-", "_") for fault in _FAULTS)
            }
        ),
        nmea_link=nmea_link,
    )
    try:
        modem.start()
    except OSError as error:
        raise click.BadParameter(f"cannot make the link: {error}") from error
    click.echo(f"{link}  AT port of a simulated SIM7600G-H")
    if nmea_link is not None:
        click.echo(f"{nmea_link}  its NMEA port, silent until GNSS is on")
    click.echo("Ctrl-C ends it.", err=True)
    try:
        await _until_the_end(reactor, modem, options)
    finally:
        modem.stop()
    return 0


async def _until_the_end(
    reactor: Any, modem: SimulatedModem, options: dict[str, Any]
) -> None:
    resets = LoopingCall(modem.reset)
    resets.clock = reactor
    if options["reset_every"] is not None:
        resets.start(options["reset_every"], now=False)
    try:
        if options["duration"] is None:
            await Deferred()
        else:
            await deferLater(reactor, options["duration"])
    finally:
        if resets.running:
            resets.stop()
