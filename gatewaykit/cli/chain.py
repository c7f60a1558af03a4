"""Following the chain of an audit trail, record by record.

Pure. A chain alone cannot tell that records were cut off at its end, nor that somebody
wrote all of it anew: a hash of it that was kept elsewhere can.
"""

from __future__ import annotations

import re
from typing import Any

import attrs

from gatewaykit import access
from gatewaykit.errors import GatewayError

_MARK = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


@attrs.frozen
class Mark:
    """A record that the chain must have, as its number and hash."""

    sequence: int
    hash: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.hash}"


def parse_mark(text: str) -> Mark:
    """``SEQUENCE:HASH``, as `Mark` gives it; raises ValueError for all else."""
    match = _MARK.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return Mark(int(match[1]), match[2])


class ChainBroken(GatewayError):
    """The audit trail is not as it was written."""

    def __init__(self, sequence: int, reason: str) -> None:
        super().__init__(sequence, reason)
        self.sequence = sequence
        self.reason = reason

    def __str__(self) -> str:
        return f"record {self.sequence} {self.reason}"


class Chain:
    """Takes records in order, and raises `ChainBroken` for the first that is not as it was
    written.

    :param expected: a record that the chain must have.
    """

    def __init__(self, expected: Mark | None = None) -> None:
        self.count = 0
        self._newest: dict[str, Any] | None = None
        self._expected = expected

    @property
    def newest(self) -> Mark | None:
        if self._newest is None:
            return None
        return Mark(self._newest["sequence"], self._newest["hash"])

    def feed(self, record: Any) -> None:
        """Follow the chain by one record, whatever somebody made of it."""
        if not isinstance(record, dict):
            self.unreadable()
        number = access.verify([record], self._newest)
        if number is not None:
            raise ChainBroken(number, "is not as it was written")
        self._newest = record
        self.count += 1
        if (
            self._expected is not None
            and self._expected.sequence == record["sequence"]
            and self._expected != self.newest
        ):
            raise ChainBroken(
                record["sequence"],
                "has another hash than expected: it or one before it was written anew",
            )

    def unreadable(self) -> None:
        """What comes next is no record at all."""
        raise ChainBroken(self.count + 1, "is not as it was written")

    def finish(self) -> None:
        """There are no more records."""
        if self._expected is not None and self.count < self._expected.sequence:
            raise ChainBroken(
                self.count + 1,
                f"is missing: the chain ends before record {self._expected.sequence},"
                " which is expected",
            )
