"""The SQLite file: its tables, how it is opened, and what marks it as ours.

Two choices carry the speed of the ingest path, measured on the benchmark's machine with
500 reports a commit:

* Repeats are found by the unique pair (send_time, id), which says the same as ``id`` alone,
  since a repeat has the same send time. An index on the random ``id`` alone dirties a page
  for every report; this one grows at its end: 310,000 rows/s instead of 90,000.
* `tracks`, the index by vehicle and time, and the newest state in `devices` are folded in
  later, some thousands of reports at a time, up to a mark in `meta`; a read folds first, so
  it never misses anything. 170,000 rows/s instead of 65,000 with a direct index.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from gatewaykit.errors import ConfigError

APPLICATION_ID = 0x67776B31
"""``gwk1``: tells our file from any other SQLite file."""
VERSION = 2
WRITER_CACHE_KIB = 65_536
READER_CACHE_KIB = 16_384
LOG_PAGES = 16_384
"""Size of the write-ahead log (64 MiB) at which SQLite takes it into the file by itself."""

REPORT_COLUMNS = "id, imei, type, send_time, time, position_time, ignition, outputs, received_at, raw"
"""In the order of `gatewaykit.interfaces.JournalEntry`."""

_REPORT_TYPES = """
    id BLOB NOT NULL,
    imei TEXT NOT NULL,
    type TEXT NOT NULL,
    send_time INTEGER NOT NULL,
    time INTEGER NOT NULL,
    position_time INTEGER,
    ignition INTEGER,
    outputs INTEGER,
    received_at INTEGER NOT NULL,
    raw BLOB NOT NULL
"""

# Salvage relies on the order of these: a new file made by them has `meta` at the page where
# every other has it, and the tables of version 1 too. Where later ones begin in a file that
# was of an earlier version, `meta` says (`roots`).
_FIRST = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID",
    f"CREATE TABLE reports (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_REPORT_TYPES})",
    "CREATE UNIQUE INDEX reports_identity ON reports (send_time, id)",
    """CREATE TABLE tracks (
        imei TEXT NOT NULL, time INTEGER NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY (imei, time, seq)) WITHOUT ROWID""",
    """CREATE TABLE devices (
        imei TEXT PRIMARY KEY,
        policy TEXT NOT NULL DEFAULT 'accepted',
        decided INTEGER NOT NULL DEFAULT 0,
        status TEXT NOT NULL DEFAULT 'unknown',
        since INTEGER NOT NULL,
        last_seen INTEGER NOT NULL,
        newest_seq INTEGER,
        latest_seq INTEGER,
        latest_time INTEGER,
        latest_id BLOB,
        latest_received_at INTEGER,
        latest_raw BLOB,
        ignition INTEGER,
        ignition_time INTEGER,
        outputs INTEGER,
        outputs_time INTEGER)""",
    """CREATE INDEX devices_strangers ON devices (last_seen)
        WHERE policy = 'quarantined' AND NOT decided""",
    """CREATE TABLE device_events (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, imei TEXT NOT NULL,
        event TEXT NOT NULL, at INTEGER NOT NULL, details TEXT NOT NULL)""",
    "CREATE INDEX device_events_by_device ON device_events (imei, seq)",
    f"CREATE TABLE quarantine (seq INTEGER PRIMARY KEY AUTOINCREMENT, {_REPORT_TYPES})",
    "CREATE UNIQUE INDEX quarantine_identity ON quarantine (send_time, id)",
    "CREATE INDEX quarantine_by_device ON quarantine (imei, seq)",
    "CREATE TABLE audit (sequence INTEGER PRIMARY KEY, record TEXT NOT NULL)",
    """CREATE TABLE damage (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, file TEXT NOT NULL,
        reason TEXT NOT NULL, salvaged TEXT NOT NULL,
        acknowledged INTEGER NOT NULL DEFAULT 0)""",
    "CREATE TABLE probe (filler BLOB)",
    # The seq up to which reports are folded into each.
    "INSERT INTO meta VALUES ('tracks', 0), ('devices', 0)",
)
_SECOND = (
    """CREATE TABLE registrations (
        imei TEXT PRIMARY KEY, name TEXT, model TEXT, "group" TEXT,
        timezone_offset_min INTEGER, block_level INTEGER, password_ref TEXT)""",
    """CREATE TABLE vehicle_states (
        imei TEXT PRIMARY KEY, blocked INTEGER, blocked_at INTEGER,
        timezone_estimate_min INTEGER)""",
    """CREATE TABLE commands (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        imei TEXT NOT NULL,
        kind TEXT NOT NULL,
        parameters TEXT NOT NULL,
        secrets TEXT NOT NULL DEFAULT '{}',
        status TEXT NOT NULL,
        reason TEXT,
        override TEXT,
        serial TEXT,
        wire TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        sent_at INTEGER,
        confirmed_at INTEGER,
        verified_at INTEGER,
        failed_at INTEGER,
        late_ack_at INTEGER,
        attempts INTEGER NOT NULL,
        requested_by TEXT NOT NULL,
        requested_from TEXT NOT NULL,
        gateway TEXT NOT NULL)""",
    "CREATE INDEX commands_by_device ON commands (imei, seq)",
    "CREATE INDEX commands_by_status ON commands (status, seq)",
    """CREATE TABLE device_settings (
        imei TEXT NOT NULL, name TEXT NOT NULL, wanted TEXT, applied TEXT,
        wanted_at INTEGER, applied_at INTEGER, PRIMARY KEY (imei, name))""",
    # What was reported to an earlier version makes no events now.
    "INSERT INTO meta SELECT 'events', coalesce(max(seq), 0) FROM reports",
)
_STEPS = (_FIRST, _SECOND)
"""What leads from each version to the next; the first from an empty file."""
STATEMENTS = _FIRST + _SECOND


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open the file with the settings that durability and speed ask for.

    The connection is in autocommit mode: transactions are begun and ended by hand.
    """
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10.0
    )
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # Spent secrets of commands are overwritten where they stood. In the write-ahead log
        # they stay until it is begun anew, and in a damaged file that was set aside.
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
    cache = READER_CACHE_KIB if read_only else WRITER_CACHE_KIB
    connection.execute(f"PRAGMA cache_size = -{cache}")
    return connection


def file_number(path: Path) -> tuple[int, int] | None:
    """What tells a file from another that takes its name; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def refuse_orphaned_log(path: Path) -> None:
    """SQLite would throw away a log whose file is gone, and with it what it holds.

    :raises ConfigError: there is such a log.
    """
    log = path.with_name(f"{path.name}-wal")
    if (not path.exists() or path.stat().st_size == 0) and (
        log.exists() and log.stat().st_size
    ):
        raise ConfigError(
            "store.path",
            str(path),
            f"a file that is there; it is not, but {log.name} holds reports of it: bring it"
            " back, or move that away too",
        )


def checkpoint(path: Path) -> None:
    """Take the write-ahead log into the file without holding up its writer."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None
    )
    try:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
    finally:
        connection.close()


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables that are missing; refuse a file that is not ours or too new.

    A file of an earlier version becomes one of this version as a whole or not at all.

    :raises ConfigError: it is somebody else's SQLite file, or of a later release.
    :raises sqlite3.DatabaseError: the file is damaged.
    """
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION_ID and tables:
        raise ConfigError(
            "store.path", str(path), "a file of gatewaykit's own; this one is another's"
        )
    if version > VERSION:
        raise ConfigError(
            "store.path",
            str(path),
            f"a file of version {VERSION} or older; this one has version {version}",
        )
    if not tables or version < VERSION:
        connection.execute("BEGIN IMMEDIATE")
        for step in _STEPS[version if tables else 0 :]:
            for statement in step:
                connection.execute(statement)
        _keep_roots(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")


def roots(connection: sqlite3.Connection) -> dict[str, int]:
    """The page at which each table begins."""
    return dict(
        connection.execute(
            "SELECT name, rootpage FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
    )


def _keep_roots(connection: sqlite3.Connection) -> None:
    """Write where the tables begin to where salvage finds it without the first page."""
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('roots', ?)",
        (json.dumps(roots(connection)),),
    )


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite says that the file itself is broken (CORRUPT or NOTADB)."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    )
