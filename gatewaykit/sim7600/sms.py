"""Short messages as the modem stores them: the listing, and long messages in one piece.

The listing of PDU mode is the one we ask for; that of text mode is read too, for another
program may have switched (facts/sim7600.md 4). Writing and reading of one message is in
`submit` and `pdu`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs

from gatewaykit import times
from gatewaykit.sim7600.pdu import (
    Concatenation,
    Message,
    SmsError,
    decode,
    deliver,
    moment,
)
from gatewaykit.sim7600.submit import MAX_PARTS, Pdu, Submission, submit

__all__ = [
    "MAX_PARTS",
    "STATUSES",
    "Concatenation",
    "Message",
    "Pdu",
    "SmsError",
    "Stored",
    "Submission",
    "cmgl",
    "cmgr",
    "deliver",
    "join",
    "submit",
]

STATUSES = ("unread", "read", "unsent", "sent")
"""By the number that the listing of PDU mode has."""
_IN_TEXT = {
    "REC UNREAD": "unread",
    "REC READ": "read",
    "STO UNSENT": "unsent",
    "STO SENT": "sent",
}
_SAME_MESSAGE = timedelta(days=1)
"""References come again, with some senders each time: parts that were sent further apart
belong to different messages."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ENTRY = re.compile(r"\+CMG[LR]: ?([0-9]{1,5}) ?, ?(?:[0-4]|\"[A-Z ]{8,12}\") ?(?:,|$)")
_HEAD = re.compile(r"\+CMG[LR]: ?").match
_NAMED = re.compile(r'(?:[0-9]{1,5} ?, ?)?"([A-Z ]{8,12})"((?:,.*)?)').fullmatch
_NUMBERED = re.compile(r"(?:[0-9]{1,5} ?, ?)?([0-3]) ?,(?:.*,)? ?[0-9]{1,3}").fullmatch
_QUOTED = re.compile(r'"([^"]*)"|([^,"]*)')
_CLOCK = re.compile(
    r"([0-9]{2})/([0-9]{2})/([0-9]{2}),([0-9]{2}):([0-9]{2}):([0-9]{2})([+-][0-9]{2})"
).fullmatch


@attrs.frozen
class Stored:
    """One place of the modem's storage."""

    index: int
    status: str
    """One of `STATUSES`."""
    message: Message


def cmgl(
    lines: Sequence[str], damaged: Callable[[int, SmsError], None] | None = None
) -> list[Stored]:
    """The answer to AT+CMGL: each header with the hex line, or the lines of text, after it.

    What cannot be read is left out, and told to `damaged` with its index, whatever is
    wrong with it. Lines in front of the first header are of no message.
    """
    stored = []
    heads = [at for at, line in enumerate(lines) if _ENTRY.match(line)]
    for start, end in pairwise([*heads, len(lines)]):
        index = _index(lines[start])
        try:
            stored.append(_entry(index, lines[start], lines[start + 1 : end]))
        except SmsError as error:
            if damaged is not None:
                damaged(index, error)
    return stored


def cmgr(lines: Sequence[str], index: int) -> Stored | None:
    """The answer to AT+CMGR, which doesn't tell the index; None if there is no message.

    :raises SmsError: when it is damaged.
    """
    if not lines:
        return None
    return _entry(index, lines[0], lines[1:])


def _index(head: str) -> int:
    found = _ENTRY.match(head)
    assert found is not None
    return int(found[1])


def _entry(index: int, head: str, body: Sequence[str]) -> Stored:
    prefix = _HEAD(head)
    fields = head[prefix.end() :].strip() if prefix else ""
    if (found := _NAMED(fields)) and (status := _IN_TEXT.get(found[1])):
        return Stored(index, status, _in_text_mode(status, found[2], body))
    if found := _NUMBERED(fields):
        if not body:
            raise SmsError("a message without its PDU", head)
        # What else the modem said may have been put behind it.
        pdu = body[0].partition("\n")[0]
        return Stored(index, STATUSES[int(found[1])], deliver(pdu))
    raise SmsError("a message of no known form", head)


def _in_text_mode(status: str, rest: str, body: Sequence[str]) -> Message:
    """`rest` is ``,"number",["name"],["time"]`` and what AT+CSDP=1 adds."""
    values = _values(rest)
    number, _name, clock, *_ = [*values, "", "", ""]
    kind = "deliver" if status in {"read", "unread"} else "submit"
    return Message(kind, number, "\n".join(body).rstrip("\n"), _time(clock))


def _values(rest: str) -> list[str]:
    """The fields behind each comma; quotes are taken off, and keep their commas."""
    values = []
    at = 0
    while at < len(rest) and rest[at] == ",":
        found = _QUOTED.match(rest, at + 1)
        assert found is not None  # it matches nothing at all, too
        values.append(found[1] or found[2] or "")
        at = found.end()
    return values


def _time(clock: str) -> datetime | None:
    """``yy/MM/dd,hh:mm:ss±zz``, zz in quarter hours (facts/sim7600.md 4)."""
    found = _CLOCK(clock)
    if found is None:
        return None
    year, *rest, quarters = map(int, found.groups())
    return moment((2000 + year, *rest), quarters)


def join(stored: Iterable[Stored], storage: str | None = None) -> list[dict[str, Any]]:
    """The messages as the verb `ListSMS` gives them, oldest first, long ones in one piece.

    Messages of our own, which tell no time, come last. Of a long message whose parts are
    not all there, the text of those that are is given, and how many are `missing`.
    """
    whole: list[_Parts] = []
    by_key: dict[object, list[_Parts]] = {}
    for one in sorted(stored, key=_order):
        part = one.message.part
        if part is None:
            whole.append(_Parts(one, {1: one}, [], 1))
            continue
        key = (
            one.message.kind,
            one.message.number,
            part.reference,
            part.wide,
            part.total,
        )
        begun = by_key.setdefault(key, [])
        # The newest first: of an old one that never became whole the rest will not come.
        if not any(parts.take(part.sequence, one) for parts in reversed(begun)):
            begun.append(_Parts(one, {part.sequence: one}, [], part.total))
            whole.append(begun[-1])
    return [parts.record(storage) for parts in whole]


def _order(one: Stored) -> tuple[bool, datetime, int]:
    sent_at = one.message.sent_at
    return sent_at is None, sent_at or _LONG_AGO, one.index


@attrs.define
class _Parts:
    """The parts of one message that are there."""

    first: Stored
    """In time; not necessarily the first part."""
    by_sequence: dict[int, Stored]
    again: list[Stored]
    """What the network delivered a second time."""
    total: int

    def take(self, sequence: int, one: Stored) -> bool:
        """Whether it is a part of this message; then it is kept."""
        if one.message.sent_at and self.first.message.sent_at:
            apart = one.message.sent_at - self.first.message.sent_at
            if apart > _SAME_MESSAGE:
                return False
        held = self.by_sequence.setdefault(sequence, one)
        if held is one:
            return True
        if held.message != one.message:
            return False
        self.again.append(one)
        return True

    def record(self, storage: str | None) -> dict[str, Any]:
        parts = [self.by_sequence[sequence] for sequence in sorted(self.by_sequence)]
        first = parts[0]
        everything = [*parts, *self.again]
        statuses = {one.status for one in everything}
        sent_at = first.message.sent_at
        return {
            "index": first.index,
            "indexes": [one.index for one in everything],
            "storage": storage,
            "status": "unread" if "unread" in statuses else first.status,
            "number": first.message.number,
            "text": "".join(_texts(self.by_sequence)),
            "sent_at": times.iso(round(sent_at.timestamp() * 1000))
            if sent_at
            else None,
            "parts": self.total,
            "missing": self.total - len(parts),
        }


def _texts(parts: dict[int, Stored]) -> Iterator[str]:
    """The texts of parts that follow each other, decoded in one piece: senders split
    surrogate pairs and escapes over two parts."""
    run: list[Message] = []
    last = 0
    for sequence in sorted(parts):
        message = parts[sequence].message
        if run and (sequence != last + 1 or message.encoding != run[-1].encoding):
            yield _text(run)
            run = []
        run.append(message)
        last = sequence
    yield _text(run)


def _text(run: Sequence[Message]) -> str:
    if len(run) == 1:
        return run[0].text
    return decode(run[0].encoding, b"".join(message.data for message in run))
