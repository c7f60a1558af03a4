"""What gpsd's clients send: requests cut out of their bytes, and a client's policy.

A request is ``?NAME;`` or ``?NAME={json};``. A line's end does for the semicolon, WATCH and
DEVICE end with their JSON (facts/sim7600.md 6.1), and a line that does not begin with ``?``
is nothing to us. What comes out does not depend on how the bytes were cut on their way.
"""

from __future__ import annotations

import json
import re
from typing import Any

import attrs

LONGEST_REQUEST = 1024
"""Bytes. gpsd's own documents promise 80, facts/sim7600.md 6.1 asks for this."""
_QUOTED_OF_TOO_LONG = 60

_BLANK = re.compile(rb"[\s;\x00]*")
_LINE_END = re.compile(rb"\n")
_REQUEST_END = re.compile(rb"[;\n]")
_ENDS_WITH_JSON = re.compile(rb"\?(?:WATCH|DEVICE)\s*=")
_REQUEST = re.compile(r"\?([A-Z]+)\s*(?:=\s*(.*?))?\s*;?", re.DOTALL)

_FLAGS = ("json", "nmea", "scaled", "timing", "split24", "pps")


@attrs.frozen
class Request:
    """One request. `name` is empty for what has not even the form of one."""

    name: str
    value: str | None
    """What stood behind the equals sign."""
    text: str
    """The request for an error that quotes it. gpsd quotes the line's end too; it is here
    even if it did not come, because an answer cannot wait for it."""


class _Scan:
    """The search for a request's end; it goes on where it stood when more has come."""

    def __init__(self) -> None:
        self._at = 0
        self._depth = 0
        self._quoted = self._escaped = False

    def end(self, data: bytearray) -> int | None:
        """Bytes of the request that `data` begins with, None if its end is not there."""
        for index in range(self._at, min(len(data), LONGEST_REQUEST)):
            if self._ends(data, data[index]):
                return index + 1
        self._at = len(data)
        return None

    def _ends(self, data: bytearray, byte: int) -> bool:
        if byte == 0x0A:
            return True
        if self._escaped:
            self._escaped = False
        elif self._quoted:
            self._escaped = byte == 0x5C
            self._quoted = byte != 0x22
        elif byte == 0x3B:
            return True
        elif byte == 0x7B:
            self._depth += 1
        elif self._depth and byte == 0x22:
            self._quoted = True
        elif self._depth and byte == 0x7D:
            self._depth -= 1
            return self._depth == 0 and _ENDS_WITH_JSON.match(data) is not None
        return False


def _parse(data: bytes) -> Request:
    text = data.decode("utf-8", "replace").strip()
    found = _REQUEST.fullmatch(text)
    if found is None:
        return Request("", None, f"{text}\n")
    return Request(found[1], found[2], f"{text}\n")


class Requests:
    """Bytes in, requests out."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._scan = _Scan()
        self._skip_to: re.Pattern[bytes] | None = None

    def receive_data(self, data: bytes) -> None:
        self._data += data

    def next_request(self) -> Request | None:
        """The next one that has arrived in full, None if there is none."""
        data = self._data
        while self._skip() and data:
            if data[0] != 0x3F:
                self._skip_to = _LINE_END
                continue
            end = self._scan.end(data)
            if end is None and len(data) < LONGEST_REQUEST:
                return None
            self._scan = _Scan()
            found = bytes(data[: end or LONGEST_REQUEST])
            del data[: len(found)]
            if end is not None:
                return _parse(found)
            self._skip_to = _REQUEST_END
            start = found[:_QUOTED_OF_TOO_LONG].decode("utf-8", "replace")
            return Request("", None, f"{start}...\n")
        return None

    def _skip(self) -> bool:
        """Pass over what is no request; False if that took all there is."""
        if self._skip_to is not None:
            end = self._skip_to.search(self._data)
            if end is None:
                self._data.clear()
                return False
            del self._data[: end.end()]
            self._skip_to = None
        blank = _BLANK.match(self._data)
        assert blank is not None
        del self._data[: blank.end()]
        return True


@attrs.frozen
class Policy:
    """What a client wants to be sent; the order is that of gpsd's WATCH object."""

    enable: bool = False
    json: bool = False
    nmea: bool = False
    raw: int = 0
    scaled: bool = False
    timing: bool = False
    split24: bool = False
    pps: bool = False
    device: str | None = None
    """The only device to hear of, None for all."""

    @property
    def wants_json(self) -> bool:
        return self.enable and self.json

    @property
    def wants_nmea(self) -> bool:
        return self.enable and self.nmea

    def updated(self, value: str) -> Policy:
        """The policy after ``?WATCH=value``: what it does not name stays as it was, but
        naming nothing enables. As with gpsd 3.22 what cannot be read changes nothing."""
        wanted = json_object(value)
        if wanted is None:
            return self
        enable = wanted.get("enable", True)
        changes: dict[str, Any] = {
            name: wanted[name] for name in _FLAGS if isinstance(wanted.get(name), bool)
        }
        if isinstance(enable, bool):
            changes["enable"] = enable
        raw = wanted.get("raw")
        if type(raw) is int and 0 <= raw <= 2:
            changes["raw"] = raw
        device = wanted.get("device")
        if isinstance(device, str):
            changes["device"] = device or None
        return attrs.evolve(self, **changes)


def json_object(value: str) -> dict[str, Any] | None:
    """The object that `value` is the JSON of, None if it is not."""
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
