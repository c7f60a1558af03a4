"""`gatewayctl simulate mount`: a TTS-160 that is not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from gatewaykit.cli.connection import run
from gatewaykit.cli.invocation import Invocation
from gatewaykit.simulators.mount import MountBehaviour, MountFaults, SimulatedMount
from gatewaykit.tts160.variables import Dialect

Command = Callable[..., Any]

_LINK = "tts160"
_FAULTS = {
    "dropped": "An answer doesn't come.",
    "late": "An answer comes 2 s late.",
    "duplicated": "An answer comes twice.",
    "garbled": "Some bytes of an answer are others.",
    "lost-byte": "An answer lacks one of its bytes.",
}
_SWITCHES = {
    "degree-sign": "Degrees are marked with the byte 0xDF.",
    "low-precision": "Coordinates have no seconds until :U# comes.",
    "off-screen": "The hand pad shows a menu: nothing is answered.",
}


def default_link() -> Path:
    """In ``$XDG_RUNTIME_DIR``, else in the working directory."""
    return Path(os.environ.get("XDG_RUNTIME_DIR") or ".") / _LINK


def _faults(command: Command) -> Command:
    for name, text in reversed(_SWITCHES.items()):
        command = click.option(f"--{name}", is_flag=True, help=text)(command)
    for name, text in reversed(_FAULTS.items()):
        command = click.option(
            f"--fault-{name}", type=click.FloatRange(0, 1), default=0.0, help=text
        )(command)
    return command


@click.command()
@click.option(
    "--link",
    type=click.Path(dir_okay=False, path_type=Path),
    help=f"Link to its port (default: {_LINK} in $XDG_RUNTIME_DIR, else here).",
)
@click.option(
    "--dialect",
    type=click.Choice([dialect.value for dialect in Dialect]),
    default=Dialect.V357.value,
    show_default=True,
    help="Its firmware; text is an old one without binary variables.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses faults.")
@click.option(
    "--no-pacing", is_flag=True, help="Faster than the 9600 baud of a real one."
)
@click.option(
    "--latency",
    type=click.FloatRange(0),
    default=0.005,
    show_default=True,
    help="From a command to its answer (seconds).",
)
@click.option(
    "--latitude",
    type=click.FloatRange(-90, 90),
    default=47.07,
    show_default=True,
    help="Of its site, in degrees.",
)
@click.option(
    "--longitude",
    type=click.FloatRange(-180, 180),
    default=15.44,
    show_default=True,
    help="The same; east is positive.",
)
@_faults
@click.option(
    "--duration", type=click.FloatRange(0, min_open=True), help="End after seconds."
)
@click.pass_context
def mount(context: click.Context, /, **options: Any) -> None:
    """Simulate a TTS-160 telescope mount on a pseudo terminal.

    A program opens the link as it would open /dev/ttyUSB0. Faults named --fault-... are
    probabilities from 0 to 1.

    Ends with --duration or by Ctrl-C, and removes its link then.
    """
    react = context.ensure_object(Invocation).react or run
    context.exit(react(lambda reactor: run_mount(reactor, options)))


async def run_mount(reactor: Any, options: dict[str, Any]) -> int:
    """Run a mount to its end; gives the exit code."""
    link = (options["link"] or default_link()).absolute()
    chosen = {name: options[f"fault_{name}"] for name in map(_key, _FAULTS)}
    switched = {name: options[name] for name in map(_key, _SWITCHES)}
    mount = SimulatedMount(
        reactor,
        link,
        seed=options["seed"],
        behaviour=MountBehaviour(
            dialect=options["dialect"],
            paced=not options["no_pacing"],
            latency=options["latency"],
            latitude_deg=options["latitude"],
            longitude_deg=options["longitude"],
        ),
        faults=MountFaults(**chosen, **switched),
    )
    try:
        mount.start()
    except OSError as error:
        raise click.BadParameter(f"cannot make the link: {error}") from error
    click.echo(f"{link}  port of a simulated TTS-160, firmware {options['dialect']}")
    click.echo("Ctrl-C ends it.", err=True)
    try:
        if options["duration"] is None:
            await Deferred()
        else:
            await deferLater(reactor, options["duration"])
    finally:
        mount.stop()
    return 0


def _key(name: str) -> str:
    return name.replace("-", "_")
