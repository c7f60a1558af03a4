"""The record of what a server promised: one line for each SACK that came for a report."""

from __future__ import annotations

import json
from pathlib import Path

from gatewaykit.gv50.reports import identity, read_head
from gatewaykit.simulators.encoding import Report


class Ledger:
    """Lines of JSON, appended. A line is with the operating system before `record` ends:
    whoever kills the server or the simulator afterwards can hold them against the store."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab")

    def record(self, imei: str, report: Report) -> None:
        frame = report.live()
        line = {
            "imei": imei,
            "type": report.type,
            "send_time": report.send_time,
            "count": report.count,
            "id": identity(read_head(frame), frame).hex(),
        }
        self._file.write(json.dumps(line).encode("ascii") + b"\n")
        self._file.flush()

    def close(self) -> None:
        self._file.close()
