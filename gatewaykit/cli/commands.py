"""`gatewayctl block`, `unblock` and `command`: what vehicles are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from gatewaykit.access import MASK
from gatewaykit.cli import command_text as text_of
from gatewaykit.cli.asking import confirmed, filled
from gatewaykit.cli.command_steps import Step, exit_code
from gatewaykit.cli.command_values import ASKED_FOR, pairs
from gatewaykit.cli.command_waits import Request, queue, queue_and_follow
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.gv50.command_kinds import split_secrets

WAIT_S = 120.0
STRANDING = frozenset(
    {"server", "apn", "quick_start", "power_off", "clear_buffer", "custom"}
)
"""Kinds with which a mistake may leave a device that nobody reaches any more, or loses
reports for good."""

F = TypeVar("F", bound=Callable[..., Any])


_OPTIONS = (
    click.option(
        "--wait",
        is_flag=True,
        help="Show each state as it comes. Ctrl-C ends the waiting only.",
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help=f"How long to wait (default: {WAIT_S:g}).",
    ),
    click.option(
        "--expires",
        type=click.FloatRange(0, min_open=True),
        metavar="SECONDS",
        help="After so long it is not sent any more (default: as its kind has it).",
    ),
    click.option(
        "--override",
        metavar="REASON",
        help="Don't hold it up for the vehicle's speed; for an admin.",
    ),
)


def queue_options(function: F) -> F:
    """The options of whatever queues a command, as `run` takes them."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@client_options
@click.command()
@click.argument("imei")
@queue_options
@click.pass_context
def block(context: click.Context, /, imei: str, **options: Any) -> None:
    """Block the vehicle IMEI, once it is safe.

    It stays pending until a live position shows that the vehicle stands. With --wait it
    ends with 0 when a report has shown that the output is switched, with 6 when that was
    acknowledged only, with 7 when it is still under way at the time limit, and with 1
    when it failed.
    """
    run(context, imei, "block", **options)


@client_options
@click.command()
@click.argument("imei")
@queue_options
@click.pass_context
def unblock(context: click.Context, /, imei: str, **options: Any) -> None:
    """End a block of the vehicle IMEI.

    --wait and the exit codes are those of `block`.
    """
    run(context, imei, "unblock", **options)


@client_options
@click.command()
@click.argument("imei", required=False)
@click.argument("kind", required=False)
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--list", "list_kinds", is_flag=True, help="Show what can be sent.")
@click.option("--yes", is_flag=True, help="Don't ask before a device may be stranded.")
@queue_options
@click.pass_context
def command(
    context: click.Context,
    /,
    imei: str | None,
    kind: str | None,
    values: tuple[str, ...],
    *,
    list_kinds: bool,
    yes: bool,
    **options: Any,
) -> None:
    """Send a command of KIND to the vehicle IMEI.

    A VALUE of - is asked for without being shown, as password=-. With --wait it ends with
    0 when it is acknowledged (block and unblock: as `block` does), with 7 when it is
    still under way at the time limit, and with 1 when it failed.
    """
    if list_kinds:
        if imei is not None:
            raise click.UsageError("--list takes no arguments.")
        show_kinds(context.ensure_object(Invocation))
        return
    if imei is None or kind is None:
        raise click.UsageError("Give IMEI and KIND, or --list.")
    given = pairs(values)
    texts = filled(given)
    if kind in STRANDING and not yes:
        asked = {name: MASK for name, text in given.items() if text == ASKED_FOR}
        visible, _ = split_secrets(kind, texts)
        confirmed(text_of.question(imei, kind, visible | asked))
    run(context, imei, kind, texts, **options)


def show_kinds(invocation: Invocation) -> None:
    kinds = invocation.run(lambda client: client.command_kinds())
    for line in (
        map(json.dumps, kinds) if invocation.as_json else text_of.kind_lines(kinds)
    ):
        print(line)


def run(
    context: click.Context,
    imei: str,
    kind: str,
    texts: Mapping[str, str] | None = None,
    *,
    wait: bool,
    timeout: float | None,
    expires: float | None,
    override: str | None,
) -> None:
    """Queue a command, and wait for it if so asked; ends with the exit code of that."""
    if timeout is not None and not wait:
        raise click.UsageError("--timeout goes with --wait.")
    invocation = context.ensure_object(Invocation)
    request = Request(imei, kind, texts or {}, expires, override)
    if not wait:
        record = invocation.run(lambda client: queue(client, request))
        print(json.dumps(record) if invocation.as_json else text_of.summary(record))
        return

    def show(step: Step) -> None:
        line = text_of.step_line(step)
        print(json.dumps(step.record) if invocation.as_json else line, flush=True)

    record = invocation.run_with_gateway(
        lambda gateway: queue_and_follow(gateway, request, show, timeout or WAIT_S)
    )
    context.exit(exit_code(record))
