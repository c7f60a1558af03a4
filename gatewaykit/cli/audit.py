"""`gatewayctl audit`: who did what, and whether that record is as it was written."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from gatewaykit.cli.chain import Chain, Mark, parse_mark
from gatewaykit.cli.command_text import audit_line
from gatewaykit.cli.invocation import Invocation, client_options
from gatewaykit.errors import StoreUnavailable
from gatewaykit.interfaces import Record
from gatewaykit.rpc.client import GatewayClient
from gatewaykit.store import queries

MOST_LAST = 100_000
_AT_A_TIME = 500


@client_options
@click.group(invoke_without_command=True)
@click.option(
    "--last",
    type=click.IntRange(1, MOST_LAST),
    metavar="N",
    help="Only the newest N records.",
)
@click.pass_context
def audit(context: click.Context, last: int | None) -> None:
    """List who did what, oldest first, or verify that nobody changed it.

    The fields are number, time, who, from where, what, outcome and arguments.
    """
    if context.invoked_subcommand is not None:
        if last is not None:
            raise click.UsageError("--last is for the list.")
        return
    invocation = context.ensure_object(Invocation)

    def write(record: Record) -> None:
        print(json.dumps(record) if invocation.as_json else audit_line(record))

    async def show(client: GatewayClient) -> None:
        newest: deque[Record] = deque(maxlen=last)
        async for record in client.iter_audit():
            if last is None:
                write(record)
            else:
                newest.append(record)
        for record in newest:
            write(record)

    invocation.run(show)


def _mark(
    _context: click.Context, _option: click.Parameter, value: str | None
) -> Mark | None:
    if value is None:
        return None
    try:
        return parse_mark(value)
    except ValueError:
        raise click.BadParameter("It is SEQUENCE:HASH, as verify writes it.") from None


@client_options
@audit.command()
@click.option(
    "--expect",
    callback=_mark,
    metavar="SEQUENCE:HASH",
    help="A record that must be there, as an earlier verify wrote it.",
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Look into this file of the store, while no gateway runs.",
)
@click.pass_obj
def verify(invocation: Invocation, expect: Mark | None, file: Path | None) -> None:
    """Check that no audit record was changed, left out or moved.

    Ends with 0 if so and writes the newest record's SEQUENCE:HASH. Keep that elsewhere:
    only --expect notices records that were cut off at the end. Ends with 1 for the first
    record that is not as it was written.
    """
    chain = Chain(expect)

    async def follow(client: GatewayClient) -> None:
        async for record in client.iter_audit():
            chain.feed(record)

    if file is None:
        invocation.run(follow)
    else:
        follow_file(file, chain)
    chain.finish()
    newest = chain.newest
    if invocation.as_json:
        mark = None if newest is None else str(newest)
        print(json.dumps({"records": chain.count, "unbroken": True, "newest": mark}))
        return
    ends = "" if newest is None else f", newest {newest}"
    print(f"{chain.count} records, chain unbroken{ends}")


def follow_file(path: Path, chain: Chain) -> None:
    """Feed `chain` with the audit records of a store's file, which is only read."""
    try:
        with closing(_open(path)) as connection:
            for record in _records(connection, chain):
                chain.feed(record)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"{path}: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    log = path.with_name(f"{path.name}-wal")
    # Where there is a log, SQLite has to keep its books beside it. Else nothing at all is
    # to be written: the file may be a copy, on a medium that cannot be.
    is_whole = not log.exists() or log.stat().st_size == 0
    how = "mode=ro&immutable=1" if is_whole else "mode=ro"
    return sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True)


def _records(connection: sqlite3.Connection, chain: Chain) -> Iterator[Record]:
    cursor: str | None = None
    limit = _AT_A_TIME
    while True:
        try:
            page = queries.audit(connection, cursor, limit)
        except (ValueError, RecursionError):
            # No JSON any more: the records before it come one by one.
            if limit == 1:
                chain.unreadable()
            limit = 1
            continue
        yield from page.records
        if page.cursor is None:
            return
        cursor = page.cursor
