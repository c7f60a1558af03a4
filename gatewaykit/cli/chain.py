"""Following the chain of an audit trail, record by record.

Pure. A chain alone cannot tell that records were cut off at its end, nor that somebody
wrote all of it anew: a hash of it that was kept elsewhere can. Nor can it tell who took
records out of its middle, but that the store has told of a damage behind them.
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


SALVAGED = "store_damaged"
"""What the store writes behind the records that it could save from a damaged file."""


class Chain:
    """Takes records in order, and raises `ChainBroken` for the first that is not as it was
    written, or at the end if some are missing only: a damaged store loses records too, and
    says so in one of its own behind them.

    :param expected: a record that the chain must have.
    """

    def __init__(self, expected: Mark | None = None) -> None:
        self.count = 0
        self._newest: dict[str, Any] | None = None
        self._expected = expected
        self._missing: int | None = None
        """The first record that is missing."""
        self._excuse = ""
        """What the trail says of a damage behind all that is missing."""

    @property
    def newest(self) -> Mark | None:
        if self._newest is None:
            return None
        return Mark(self._newest["sequence"], self._newest["hash"])

    @property
    def _next(self) -> int:
        """The number that the next record must have."""
        return 1 if self._newest is None else self._newest["sequence"] + 1

    def feed(self, record: Any) -> None:
        """Follow the chain by one record, whatever somebody made of it."""
        if not isinstance(record, dict):
            self.unreadable()
        if access.verify([record], self._newest) is not None:
            if not _is_whole(record) or record["sequence"] <= self._next:
                self.unreadable()
            self._missing = self._missing or self._next
            self._excuse = ""
        self._newest = record
        self.count += 1
        if record.get("what") == SALVAGED:
            self._excuse = (
                f"; record {record['sequence']} tells that the store's file was damaged,"
                " and from there on the chain is unbroken"
            )
        if (
            self._expected is not None
            and self._expected.sequence == record["sequence"]
            and self._expected != self.newest
        ):
            raise ChainBroken(
                self._missing or record["sequence"],
                "has another hash than expected: it or one before it was written anew"
                f"{self._excuse}",
            )

    def unreadable(self) -> None:
        """What comes next is no record at all."""
        if self._missing is not None:
            reason = f"is missing, and record {self._next} is not as it was written"
            raise ChainBroken(self._missing, reason)
        raise ChainBroken(self._next, "is not as it was written")

    def finish(self) -> None:
        """There are no more records."""
        if self._missing is not None:
            raise ChainBroken(self._missing, f"is missing{self._excuse}")
        if self._expected is not None and self.count < self._expected.sequence:
            raise ChainBroken(
                self.count + 1,
                f"is missing: the chain ends before record {self._expected.sequence},"
                " which is expected",
            )


def _is_whole(record: dict[str, Any]) -> bool:
    """Whether a record has the hash of what is in it, wherever it stands."""
    number, before = record.get("sequence"), record.get("previous_hash")
    if type(number) is not int or not isinstance(before, str):
        return False
    return access.chain(before, record) == record.get("hash")
