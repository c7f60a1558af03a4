"""Where `track` writes: standard output, or a file that appears once it is whole."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PART = ".part"


@contextmanager
def text_output(path: Path | None) -> Iterator[io.TextIOBase]:
    """A stream in UTF-8 without newline translation.

    A file is written beside its place and moved there at the end; after an error nothing
    is left and what was there before still is. Pipes and devices are written directly.
    """
    if path is None:
        # Flushed and let go, not closed: standard output is not ours.
        stream = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
        try:
            yield stream
        finally:
            stream.detach()
        return
    path = path.resolve()
    direct = path.exists() and not path.is_file()
    part = path if direct else path.with_name(path.name + PART)
    try:
        with part.open("w", encoding="utf-8", newline="") as stream:
            yield stream
        if not direct:
            part.replace(path)
    except BaseException:
        if not direct:
            part.unlink(missing_ok=True)
        raise
