"""Parameters of commands as they are typed: ``NAME=VALUE``.

Pure. What a parameter may be is the gateway's to say; its table of kinds tells at most
whether one is a number, a flag or text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gatewaykit.access import MASK
from gatewaykit.errors import MisuseError

Record = dict[str, Any]

ASKED_FOR = "-"
"""Stands for a value that is asked for without being shown."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_FLAGS = {"true": True, "false": False}


def pairs(words: Iterable[str]) -> dict[str, str]:
    """Values by name. No error shows a value: it may be a secret.

    :raises MisuseError: for a word that is no ``NAME=VALUE``, and for a name that comes twice.
    """
    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _NAME.fullmatch(name):
            # It may be a secret that was typed without its name.
            raise MisuseError("parameter", MASK, "NAME=VALUE, as host=203.0.113.10")
        if name in found:
            raise MisuseError("parameter", name, "each name once")
        found[name] = value
    return found


def typed(
    texts: Mapping[str, str], kind: str, kinds: Sequence[Record]
) -> dict[str, Any]:
    """Values as they travel: flags and numbers where the kind's parameter is one, all else
    as text. Where its type is not told, by the look."""
    parameters = next((k["parameters"] for k in kinds if k["kind"] == kind), ())
    types = {p["name"]: p.get("type") for p in parameters}
    return {name: _typed(text, types.get(name)) for name, text in texts.items()}


def _typed(text: str, type: str | None) -> Any:
    if type == "text":
        return text
    if type != "number" and text in _FLAGS:
        return _FLAGS[text]
    if type != "flag" and _WHOLE.fullmatch(text):
        return int(text)
    if type == "number" and _DECIMAL.fullmatch(text):
        return float(text)
    # The gateway says what is allowed.
    return text
