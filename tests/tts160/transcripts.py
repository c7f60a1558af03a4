"""Forty dialogues with the mount, as bytes.

Origin: facts/tts160.md 9, taken over row by row; rows in which several commands stand one
behind the other, or in which the firmware's dialects differ, have several turns. Payloads
that the fact sheet gives as a size only (number 33) count up from 0.
"""

from __future__ import annotations

from typing import NamedTuple

from gatewaykit.tts160.answers import (
    Answer,
    Binary,
    Case,
    Date,
    Failed,
    Flag,
    Goto,
    Letter,
    Nothing,
    SetResult,
    Text,
)
from gatewaykit.tts160.commands import Reply
from gatewaykit.tts160.set_commands import Entry, EntryType


class Turn(NamedTuple):
    """A command, what the mount says, and what that is."""

    request: bytes
    reply: Reply
    said: bytes
    answer: Answer


class Transcript(NamedTuple):
    number: int
    title: str
    turns: list[Turn]


def _text(request: bytes, said: bytes) -> Turn:
    """One whose answer is nothing but its text."""
    text = said.removesuffix(b"#").decode("latin-1").replace("\xdf", "*")
    return Turn(request, Reply.TEXT, said, Text(text))


def _binary(request: bytes, types: str, payload: str | bytes) -> Turn:
    block = bytes.fromhex(payload) if isinstance(payload, str) else payload
    said = b"BINARY:%s\n%b" % (types.encode("ascii"), block)
    return Turn(request, Reply.BINARY, said, Binary(types, block))


def _set(start: bytes, payload: str, said: str, entry: Entry) -> Turn:
    request = start + bytes.fromhex(payload) + b"#"
    return Turn(request, Reply.SET, bytes.fromhex(said), SetResult((entry,)))


DONE = Entry(EntryType.WHOLE, 0)
_CASE_2 = bytes.fromhex("7800000082000000280000002d00000001000000000048430000f041")

TRANSCRIPTS = [
    Transcript(1, "alignment query", [Turn(b"\x06", Reply.LETTER, b"P", Letter("P"))]),
    Transcript(2, "firmware", [_text(b":GVN#", b"357.1.0#")]),
    Transcript(3, "right ascension", [_text(b":GR#", b"05:47:12#")]),
    Transcript(4, "low precision", [_text(b":GR#", b"05:47.2#")]),
    Transcript(5, "declination", [_text(b":GD#", b"-05*23:28#")]),
    Transcript(6, "negative zero degrees", [_text(b":GD#", b"-00\xdf30:00#")]),
    Transcript(7, "right ascension in radians", [_text(b":*GR#", b"1.5149458#")]),
    Transcript(8, "declination in radians", [_text(b":*GD#", b"-0.0940926#")]),
    Transcript(9, "state", [_text(b":GW#", b"PT3#")]),
    Transcript(10, "sidereal time", [_text(b":GS#", b"10:12:45#")]),
    Transcript(
        11,
        "three stacked commands",
        [
            _text(b":GC#", b"08/05/26#"),
            _text(b":GL#", b"21:15:30#"),
            _text(b":GG#", b"+07#"),
        ],
    ),
    Transcript(
        12,
        "two stacked commands",
        [_text(b":Gt#", b"+40*15#"), _text(b":Gg#", b"+100*30#")],
    ),
    Transcript(13, "longitude with seconds", [_text(b":*Gg#", b"+100*30:15#")]),
    Transcript(
        14,
        "target taken",
        [Turn(b":Sr05:47:12#", Reply.FLAG, b"1", Flag(value=True))],
    ),
    Transcript(
        15,
        "target refused",
        [Turn(b":Sd+95*00:00#", Reply.FLAG, b"0", Flag(value=False))],
    ),
    Transcript(16, "an empty command before", [_text(b"#:GR#", b"05:47:12#")]),
    Transcript(
        17,
        "blank and degree sign",
        [Turn(b":Sd +45\xdf30:15#", Reply.FLAG, b"1", Flag(value=True))],
    ),
    Transcript(18, "goto", [Turn(b":MS#", Reply.GOTO, b"0", Goto(0, ""))]),
    Transcript(
        19,
        "goto refused",
        [
            Turn(
                b":MS#",
                Reply.GOTO,
                b"1Object below horizon#",
                Goto(1, "Object below horizon"),
            )
        ],
    ),
    Transcript(
        20,
        "goto refused with code 2",
        [
            Turn(
                b":MS#",
                Reply.GOTO,
                b"2Object below higher limit#",
                Goto(2, "Object below higher limit"),
            )
        ],
    ),
    Transcript(21, "under way, and there", [_text(b":D#", b"|#"), _text(b":D#", b"#")]),
    Transcript(22, "sync", [_text(b":CM#", b"Coordinates matched.        #")]),
    Transcript(
        23,
        "date, as this mount and as others answer",
        [
            Turn(b":SC08/05/26#", Reply.DATE, b"1#", Date(accepted=True, text="")),
            Turn(
                b":SC08/05/26#",
                Reply.DATE,
                b"1Updating Planetary Data#" + b" " * 30 + b"#",
                Date(accepted=True, text="Updating Planetary Data"),
            ),
        ],
    ),
    Transcript(
        24,
        "local time",
        [
            Turn(b":SL21:15:30#", Reply.DATE, b"1", Date(accepted=True, text="")),
            _text(b":GS#", b"10:12:45#"),
        ],
    ),
    Transcript(25, "guide pulse", [Turn(b":Mgn0350#", Reply.NONE, b"", Nothing())]),
    Transcript(
        26,
        "an axis at one degree in a second",
        [Turn(b":*Me08529486#", Reply.NONE, b"", Nothing())],
    ),
    Transcript(27, "park setting", [_text(b":*PG#", b"1180.00000.000#")]),
    Transcript(
        28,
        "ticks and park flag",
        [_binary(b":*!G T1,2,C5#", "2i1B", "87d6120001d5feff01")],
    ),
    Transcript(
        29,
        "seven variables",
        [
            _binary(
                b":*!G T1,2,4,17,18,X1,2#",
                "2i1B4f",
                "0f7063003f13190001bee9c13fa4b3c0bddb0f493fdb0f4940",
            )
        ],
    ),
    Transcript(
        30,
        "matrix",
        [
            _binary(
                b":*!G T30#",
                "1m",
                "d7b35d3f000000bf000000000000003fd7b35d3f0000000000000000000000000000"
                "803f",
            )
        ],
    ),
    Transcript(
        31,
        "quaternion",
        [_binary(b":*!G T31#", "q", "ea46773f0000000000000000ee83843e")],
    ),
    Transcript(
        32,
        "no counts",
        [_binary(b":*!G T16,T17,C5#", "ffB", "bee9c13fa4b3c0bd00")],
    ),
    Transcript(
        33,
        "the probe, in three dialects",
        [
            _binary(b":*!G T16,T31#", "1B1m", bytes(range(37))),
            _binary(b":*!G T16,T31#", "1B1f", bytes(range(5))),
            _binary(b":*!G T16,T31#", "fq", bytes(range(20))),
        ],
    ),
    Transcript(
        34,
        "ends of texts and lines in a payload",
        [_binary(b":*!G T1,2#", "2i", b"###\0\n\n\n\0")],
    ),
    Transcript(
        35,
        "a block of old",
        [Turn(b":*!2#", Reply.CASE, b"CASE:2\n" + _CASE_2, Case(2, _CASE_2))],
    ),
    Transcript(
        36,
        "an error",
        [
            Turn(
                b":*!G T99#",
                Reply.BINARY,
                b"ERROR:VAR_ERROR\n",
                Failed("VAR_ERROR"),
            )
        ],
    ),
    Transcript(37, "guide", [_set(b":*!S 05;", "032300", "010100000000", DONE)]),
    Transcript(
        38, "slew", [_set(b":*!S 04;", "01bee9c13fa4b3c0bd", "010100000000", DONE)]
    ),
    Transcript(
        39,
        "an unknown SET command",
        [_set(b":*!S 7F;", "", "0104fdffffff", Entry(EntryType.ERROR, -3))],
    ),
    Transcript(
        40,
        "site",
        [
            _set(
                b":*!S 11;",
                "5465737468696c6c2020f20164001e0f0028000f1e05",
                "010100000000",
                DONE,
            )
        ],
    ),
]

TURNS = [turn for transcript in TRANSCRIPTS for turn in transcript.turns]
