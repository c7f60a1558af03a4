"""``gatewayctl decode``: captured bytes of trackers to one JSON object a frame."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from gatewaykit.errors import ProtocolViolation
from gatewaykit.gv50 import reports
from gatewaykit.gv50.frames import Framer, Undecodable
from gatewaykit.interfaces import Record

READ_SIZE = 65536


@click.command("decode")
@click.argument("file", type=click.File("rb"), default="-")
def decode(file: BinaryIO) -> None:
    """Decode captured bytes of trackers from FILE or the standard input.

    Writes one JSON object a frame: the report record, or "error" and "raw" for a piece
    that is no frame; "raw" has a character for each byte (Latin-1). The last line on
    the standard error counts them. Errors in the data are no failure: the exit code is 0.
    """
    frames = errors = 0
    for pieces in _pieces(file):
        for piece in pieces:
            record, decoded = _record(piece)
            print(json.dumps(record, allow_nan=False))
            frames += decoded
            errors += not decoded
        sys.stdout.flush()
    print(_count(frames, "frame"), _count(errors, "error"), sep=", ", file=sys.stderr)


def _pieces(file: BinaryIO) -> Iterator[list[bytes | Undecodable]]:
    framer = Framer()
    # read1 gives what is there, so that a live capture is shown as it comes.
    read = getattr(file, "read1", file.read)
    while data := read(READ_SIZE):
        yield framer.receive_data(data)
    yield framer.finish()


def _record(piece: bytes | Undecodable) -> tuple[Record, bool]:
    """What to write, and whether it is a frame's record."""
    if isinstance(piece, Undecodable):
        return _error(piece.reason.value, piece.raw), False
    try:
        head = reports.read_head(piece)
    except ProtocolViolation as violation:
        return _error(violation.reason, piece), False
    identity = reports.identity(head, piece)
    return reports.report_record(reports.decode(piece), id=identity), True


def _error(reason: str, raw: bytes) -> Record:
    return {"error": reason, "raw": str(raw, "latin-1")}


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
