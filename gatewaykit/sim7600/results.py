"""How a command failed, by number or by text (facts/sim7600.md 2.2). Pure."""

from __future__ import annotations

import re
from typing import Literal

import attrs

from gatewaykit.sim7600.tables import ERRORS, SIM_FAILURES, error_text

_ERROR = re.compile(r"\+(CME|CMS) ERROR:(.*)", re.DOTALL).fullmatch
_CODE = re.compile(r"[0-9]{1,5}").fullmatch
_CODES = {
    kind: {text.casefold(): code for code, text in table.items()}
    for kind, table in ERRORS.items()
}


@attrs.frozen
class ErrorResult:
    """How a command failed."""

    kind: Literal["CME", "CMS", "ERROR"]
    code: int | None
    text: str
    """The modem's own words; for a mere number those of the table."""


def final_error(line: str) -> ErrorResult:
    """A final result other than OK, as number or text (facts/sim7600.md 2.2)."""
    found = _ERROR(line)
    if found is None:
        return ErrorResult("ERROR", None, line)
    kind: Literal["CME", "CMS"] = "CME" if found[1] == "CME" else "CMS"
    text = found[2].strip()
    if _CODE(text):
        return ErrorResult(kind, int(text), error_text(kind, int(text)))
    return ErrorResult(kind, _CODES[kind].get(text.casefold()), text or line)


def sim_failure(error: ErrorResult) -> str | None:
    """The SIM's state where it comes as an error; None where the error tells nothing."""
    return None if error.code is None else SIM_FAILURES.get((error.kind, error.code))
