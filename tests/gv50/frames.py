"""Frames that the tests of this folder start from."""

from __future__ import annotations

from gatewaykit.gv50.reports import Report, decode, journal_entry, read_head
from gatewaykit.interfaces import JournalEntry

FIXED = (
    "+RESP:GTFRI,090302,865083030000012,,,50,1,1,0.0,258,713.2,-54.557850,-20.587663,"
    "20250728004546,0724,0003,08AA,59C0,00,0.0,,,,,210101,5,0,7,20250727214557,071D$"
)
BLOCK = "1,0.0,258,713.2,-54.557850,-20.587663,20250728004546,0724,0003,08AA,59C0,00"
HEAD = "090302,865083030000012,"
TAIL = "20250727214557,071D$"
RECEIVED = 20250728010000
LIMIT = 20250728010500


def read(text: str) -> Report:
    return decode(text.encode("latin-1"))


def keys(text: str) -> JournalEntry:
    frame = text.encode("latin-1")
    return journal_entry(read_head(frame), frame, 1_000, RECEIVED, LIMIT)


def fixed(**changes: str) -> str:
    """The GV50's GTFRI with some of its fields changed, ``f13="..."`` being field 13."""
    fields = FIXED.split(",")
    for name, text in changes.items():
        fields[int(name[1:])] = text
    return ",".join(fields)


def digits(moment: str | None) -> str | None:
    return moment and "".join(filter(str.isdigit, moment))
