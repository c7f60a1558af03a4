"""The command `gatewayctl`. A verb's module is imported when the verb is asked for, so
that `--help`, `--version` and the verbs that need no gateway start fast."""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

from gatewaykit import __version__
from gatewaykit.cli.endings import endings
from gatewaykit.cli.invocation import outer_options


class Verb(NamedTuple):
    module: str
    name: str
    help: str


VERBS = {
    "status": Verb("status", "status", "Show how the gateway is."),
    "devices": Verb("devices", "devices", "List the devices, by IMEI."),
    "device": Verb("devices", "device", "Show all that is known of a device."),
    "track": Verb("track", "track", "Write the history of a device."),
    "watch": Verb(
        "watch", "watch", "Show devices, modem and mount live, until Ctrl-C."
    ),
    "events": Verb("devices", "events", "List what happened to devices."),
    "block": Verb("commands", "block", "Block a vehicle, once it is safe."),
    "unblock": Verb("commands", "unblock", "End a block of a vehicle."),
    "command": Verb("commands", "command", "Send a command to a vehicle."),
    "commands": Verb("command_list", "commands", "List commands to vehicles."),
    "cancel": Verb("command_list", "cancel", "End a command that is pending."),
    "trust": Verb(
        "command_list", "trust", "Let commands go to a connection that took over."
    ),
    "claim": Verb("registrations", "claim", "Take a device out of quarantine."),
    "refuse": Verb("registrations", "refuse", "Refuse a device from now on."),
    "register": Verb("registrations", "register", "Register a device."),
    "update": Verb("registrations", "update", "Change what is known of a device."),
    "audit": Verb("audit", "audit", "List who did what, or verify that list."),
    "modem": Verb("modem", "modem", "Ask the modem: network, position, messages."),
    "mount": Verb("mount", "mount", "Ask the telescope mount, and point it."),
    "policy": Verb("admin", "policy", "Accept, quarantine or refuse a device."),
    "acknowledge-damage": Verb(
        "admin", "acknowledge_damage", "Take note of salvaged database files."
    ),
    "decode": Verb("decode", "decode", "Decode captured bytes of trackers."),
    "simulate": Verb("simulate", "simulate", "Play hardware that is not there."),
}


class Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module = importlib.import_module(f"gatewaykit.cli.{verb.module}")
        command: click.Command = getattr(module, verb.name)
        return command

    def format_commands(
        self, ctx: click.Context, formatter: click.HelpFormatter
    ) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl(
                [(name, VERBS[name].help) for name in self.list_commands(ctx)]
            )

    def invoke(self, ctx: click.Context) -> Any:
        with endings():
            return super().invoke(ctx)


@outer_options
@click.group(cls=Verbs, subcommand_metavar="VERB [ARGS]...")
@click.version_option(__version__, prog_name="gatewayctl")
def main() -> None:
    """Ask a gateway, and work with what trackers send.

    \b
    Exit codes:
      0    done (status: all is well)
      1    failed (status: degraded or failed)
      2    wrong usage, or a value that cannot be used
      3    cannot connect, or the connection was lost
      4    refused: your role does not allow it
      5    not found
      6    confirmed but not verified in time (block and unblock with --wait)
      7    still under way at the time limit (commands with --wait)
      130  interrupted by Ctrl-C (143: by SIGTERM)
      141  the reader of the output went away
    """  # noqa: D301 - to click, \b begins a block whose lines are kept
