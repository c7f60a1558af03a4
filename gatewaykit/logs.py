"""Observers that write one line an event, and a limiter for lines about one cause.

Nothing that an event holds can make two lines of it or reach a terminal as a control
character: what peers sent ends up in events.
"""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Hashable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

from twisted.internet.interfaces import IReactorTime
from twisted.logger import (
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    formatEvent,
)
from twisted.python.failure import Failure

LEVELS = tuple(level.name for level in LogLevel.iterconstants())
FORMATS = ("text", "json")

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    # Line and paragraph separators end a line for some readers, the marks for writing
    # from right to left turn one round.
    **{
        code: f"\\u{code:04x}"
        for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
    },
}
_SCALARS = (str, int, float, bool, type(None))
_TRACEBACK_FRAMES = 12


def escape(text: str) -> str:
    """`text` on one line, without control characters or lone surrogates."""
    return text.translate(_CONTROLS).encode("utf-8", "backslashreplace").decode()


def _timestamp(event: LogEvent) -> str:
    at = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def _keys(event: LogEvent) -> dict[str, Any]:
    """The event's own keys that are plain values; bytes become text byte for byte.

    Twisted's legacy `log.msg` puts its own names (`isError`, `system`, ...) beside them.
    """
    legacy = ("message", "time", "system", "format", "isError", "why", "failure")
    keys: dict[str, Any] = {}
    for key, value in event.items():
        if key.startswith("log_") or key in legacy:
            continue
        if isinstance(value, bytes):
            keys[key] = value.decode("latin-1")
        elif isinstance(value, _SCALARS):
            keys[key] = value
    return keys


def _traceback(failure: Failure) -> str:
    """The failure's own frames, the innermost last, without Twisted's callback machinery."""
    lines = failure.getBriefTraceback().strip().splitlines()
    return " | ".join(line.strip() for line in lines[-2 * _TRACEBACK_FRAMES :])


def text_line(event: LogEvent) -> str:
    """``time level namespace: text key=value``, with `imei` and `peer` where known."""
    level = getattr(event.get("log_level"), "name", "info")
    parts = [
        _timestamp(event),
        level,
        f"{event.get('log_namespace', '-')}:",
        formatEvent(event),
    ]
    for key in ("imei", "peer"):
        value = event.get(key)
        if value is not None:
            parts.append(f"{key}={value}")
    failure = event.get("log_failure")
    if failure is not None:
        parts += [f"error={failure.getErrorMessage()!r}", _traceback(failure)]
    return escape(" ".join(parts)) + "\n"


def json_line(event: LogEvent) -> str:
    """One JSON object: `ts`, `level`, `namespace`, `message`, the plain keys, `error`."""
    record = _keys(event) | {
        "ts": _timestamp(event),
        "level": getattr(event.get("log_level"), "name", "info"),
        "namespace": event.get("log_namespace", "-"),
        "message": formatEvent(event),
    }
    failure = event.get("log_failure")
    if failure is not None:
        record["error"] = failure.getErrorMessage()
        record["traceback"] = _traceback(failure)
    # ASCII only: json escapes what is not, so control characters of every plane too.
    return json.dumps(record, default=str).replace("\x7f", "\\u007f") + "\n"


def observer(level: str, format: str, file: str) -> ILogObserver:
    """An observer for events of `level` and above.

    :param file: ``-`` for standard error, ``stdout``, or a path to append to.
    """
    if file == "-":
        stream = sys.stderr
    elif file == "stdout":
        stream = sys.stdout
    else:
        stream = Path(file).open("a", encoding="utf-8")  # noqa: SIM115 - open until the end
    return stream_observer(stream, level, format)


def stream_observer(stream: TextIO, level: str, format: str) -> ILogObserver:
    render = {"text": text_line, "json": json_line}[format]

    def write(event: LogEvent) -> None:
        stream.write(render(event))
        stream.flush()

    predicates: list[ILogFilterPredicate] = [
        LogLevelFilterPredicate(LogLevel.levelWithName(level))
    ]
    if level != "debug":
        predicates.append(cast(ILogFilterPredicate, _no_legacy_chatter))
    return FilteringLogObserver(cast(ILogObserver, write), predicates)


def _no_legacy_chatter(event: LogEvent) -> Any:
    """Drop what Twisted's old `log.msg` says of each port beside our own lines: all of it
    is at level info, whatever it is worth. Errors stay."""
    legacy = event.get("log_namespace") == "log_legacy"
    if legacy and event.get("log_level") is LogLevel.info:
        return PredicateResult.no
    return PredicateResult.maybe


class LogLimiter:
    """Lets through one line about a cause in `interval_s` seconds and counts the others.

    Remembers at most `max_keys` causes; the one that is longest quiet is forgotten first.
    """

    def __init__(
        self, clock: IReactorTime, interval_s: float = 10.0, max_keys: int = 1000
    ) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._max_keys = max_keys
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def should_log(self, key: Hashable) -> int | None:
        """How many lines about `key` were suppressed since the last one that was logged.

        :return: None if this line is to be suppressed too.
        """
        now = self._clock.seconds()
        known = self._seen.pop(key, None)
        if known is not None and now - known[0] < self._interval_s:
            self._seen[key] = (known[0], known[1] + 1)
            return None
        self._seen[key] = (now, 0)
        if len(self._seen) > self._max_keys:
            self._seen.popitem(last=False)
        return known[1] if known is not None else 0
