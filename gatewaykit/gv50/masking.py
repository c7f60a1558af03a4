"""Configuration dumps without their secrets (facts/gv50.md 4.14, 5.1, 5.5, 5.9).

No dump of a GV50 was ever seen: what is known is that sections start with the code of the
command that sets them, and that a long dump is cut into several frames. So more is masked
here than may be needed: a value lost is no harm, a password kept is one.

A secret is known by where it stands or by what it is. Where a frame ends within a section
and the next one begins with its values, only the latter helps: a password of an APN that
nobody here knows then stays, and so does one in a section that no table here names.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from gatewaykit.access import MASK
from gatewaykit.gv50.models import model_of

DUMPS = frozenset({"GTALL", "GTALM", "GTALC", "GTALS"})
"""Types of reports that are configuration dumps."""
_DUMPS = frozenset(type.encode("ascii") for type in DUMPS)
_SECRET_VALUES = {
    # Values behind a section's code, the first being 1.
    "CFG": (1,),  # the device's password
    "BSI": (3, 6),  # of the APN; siblings have a second APN behind the first
    "QSS": (3,),
    "PIN": (2,),  # of the SIM
}
_IN_FRONT = 4
"""Header, version, IMEI and name, which ordinary frames tell anyway."""

_CODE = re.compile(r"((?:AT\+)?(?:GT)?([A-Z]{3}))(?:(=)(.*))?", re.DOTALL).fullmatch
"""A section's code, be it ``CFG``, ``GTCFG`` or ``AT+GTCFG=<password>``."""
_PROFILE = re.compile(r"[0-9]{1,2}").fullmatch
_PIN = re.compile(r"[0-9]{4,8}").fullmatch
_COUNT = re.compile(r"[0-9A-Fa-f]{4}").fullmatch
_SEND_TIME = re.compile(r"[0-9]{14}").fullmatch


def masked(frame: bytes, passwords: Collection[str]) -> bytes:
    """A frame as it may be kept: of configuration dumps, ``***`` for every secret.

    Any other frame is given back as it is. Neither a frame's tail nor the number of its
    fields is ever changed, and its prefix doesn't matter: a repetition from the buffer has
    the same identity as long as the same passwords are known. Whoever masks again changes
    nothing.

    :param passwords: known ones; what is equal to one of them is masked, wherever it stands.
    """
    if frame[6:11] not in _DUMPS or frame[:6] not in {b"+RESP:", b"+BUFF:"}:
        return frame
    text = str(frame, "latin-1")
    end = text[-1] if text[-1] in "$\0" else ""
    fields = text.removesuffix(end).split(",")
    for at, hidden in _secrets(fields, passwords).items():
        fields[at] = hidden
    return (",".join(fields) + end).encode("latin-1")


def _secrets(fields: list[str], passwords: Collection[str]) -> dict[int, str]:
    """What is to stand instead of which fields."""
    size = len(fields)
    if size > 2 and _COUNT(fields[-1]) and _SEND_TIME(fields[-2]):
        size -= 2
    factory = _factory_password(fields[1]) if size > 1 else ""
    hidden: dict[int, str] = {}
    for at in range(_IN_FRONT, size):
        code = _CODE(fields[at])
        if code is not None:
            for there in _places(code[2], at, fields, is_command=bool(code[3])):
                hidden[there] = MASK
            if code[4]:
                rest = f"{code[1]}={MASK}"
                hidden.setdefault(at, MASK if rest in passwords else rest)
        if fields[at] in passwords or fields[at] == factory:
            hidden[at] = MASK
    return {at: text for at, text in hidden.items() if at < size and fields[at]}


def _factory_password(protocol_version: str) -> str:
    """The model's name in lower case; of a name like ``GV55 Lite`` its first word."""
    model = model_of(protocol_version) or ""
    return model.lower().rstrip("+").partition(" ")[0]


def _places(code: str, at: int, fields: list[str], *, is_command: bool) -> list[int]:
    """Where the secrets of the section are whose code is at `at`."""
    values = list(_SECRET_VALUES.get(code, ()))
    first = fields[at + 1] if at + 1 < len(fields) else ""
    if code == "PIN" and _PIN(first):
        values.append(1)  # no flag in front
    elif code in {"BSI", "QSS"} and _PROFILE(first):
        values += [value + 1 for value in values]  # the number of a profile in front
    if is_command:
        values += [value - 1 for value in values if value > 1]  # the sign gives a value
    return [at + value for value in values]
