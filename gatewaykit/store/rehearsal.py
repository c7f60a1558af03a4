"""Whether the store will open, asked before twistd goes into the background."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from gatewaykit.errors import ConfigError
from gatewaykit.store import schema, writer


def rehearse(path: Path) -> None:
    """Raise the `ConfigError` that opening the store would.

    A file that is not there yet is not made, and a damaged one is left to the start, which
    saves what it can.
    """
    if not path.exists():
        return
    lock = writer.lock(path)
    try:
        connection = schema.connect(path)
        try:
            schema.prepare(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        if not schema.is_damage(error):
            raise ConfigError(
                "store.path", str(path), f"a file that can be opened ({error})"
            ) from error
    finally:
        os.close(lock)
