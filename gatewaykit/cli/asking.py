"""Questions to whoever sits at the terminal, before the gateway is asked anything."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click

from gatewaykit.cli.command_values import ASKED_FOR


def on_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def filled(texts: Mapping[str, str]) -> dict[str, str]:
    """The values, those that are `ASKED_FOR` asked for without showing them.

    Where nobody sits at a terminal, each is a line of standard input.
    """
    return {
        name: _ask(name) if text == ASKED_FOR else text for name, text in texts.items()
    }


def _ask(name: str) -> str:
    if on_terminal():
        answer: str = click.prompt(name, hide_input=True, err=True)
        return answer
    line = sys.stdin.readline()
    if not line:
        raise click.UsageError(f"Standard input has no line for {name}.")
    return line.removesuffix("\n").removesuffix("\r")


def confirmed(question: str) -> None:
    """Go on if the answer is yes.

    :raises click.Abort: it is no.
    :raises click.UsageError: there is nobody to ask.
    """
    if not on_terminal():
        raise click.UsageError("Nobody is at a terminal to be asked; see --yes.")
    click.confirm(question, abort=True, err=True)
