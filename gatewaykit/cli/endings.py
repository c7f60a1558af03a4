"""How a verb ends: whatever it raises becomes an exit code and at most one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from gatewaykit import errors

EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (errors.MisuseError, 2),
    (errors.ConnectionFailed, 3),
    (errors.AccessDenied, 4),
    (errors.NotFound, 5),
)
FAILED = 1
OUTPUT_CLOSED = 128 + signal.SIGPIPE
INTERRUPTED = 128 + signal.SIGINT


class Interrupted(Exception):
    """A signal asked us to end; what was under way has been cancelled."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def describe(error: Exception) -> str:
    """One line about `error`, without control characters."""
    # Brings Twisted's logging, which verbs that end well have no use for.
    from gatewaykit.logs import escape  # noqa: PLC0415

    if isinstance(error, errors.GatewayError | OSError) and str(error):
        return escape(str(error))
    return escape(f"{type(error).__name__}: {error}")


def _discard_output() -> None:
    """Nothing more can be written: keep the interpreter from trying when it ends."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def endings() -> Iterator[None]:
    """Turn an error into what click knows how to end with."""
    try:
        try:
            yield
        finally:
            try:
                sys.stdout.flush()
            except OSError:
                _discard_output()
                raise
    except (click.ClickException, click.Abort, click.exceptions.Exit):
        raise
    except BrokenPipeError:
        raise click.exceptions.Exit(OUTPUT_CLOSED) from None
    except KeyboardInterrupt:
        raise click.exceptions.Exit(INTERRUPTED) from None
    except Interrupted as error:
        raise click.exceptions.Exit(128 + error.signum) from None
    except Exception as error:  # noqa: BLE001 - users get a line, never a traceback
        codes = (code for kind, code in EXIT_CODES if isinstance(error, kind))
        click.echo(f"gatewayctl: {describe(error)}", err=True)
        raise click.exceptions.Exit(next(codes, FAILED)) from None
