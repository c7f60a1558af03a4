"""AT commands as values: what is written, what answers it, how long that may take.

Nothing of a caller's can make two commands of one: a `Command` has printable ASCII only, a
body hexadecimal digits only, and what clients pass through is held against a list.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterable, Sequence

import attrs

from gatewaykit.errors import MisuseError

LONGEST = 559
"""Characters of a command line after ``AT`` (facts/sim7600.md 2.1)."""

PROMPT_S = 5.0
"""A prompt comes within this time or not at all (facts/sim7600.md 2.4)."""

_TEXT = re.compile(rf"[Aa][Tt][ -~]{{0,{LONGEST}}}")
_BODY = re.compile(r"(?:[0-9A-F]{2}){1,200}")


class Priority(enum.IntEnum):
    """Who is served first; within one priority, who came first."""

    URGENT = 0
    """What brings the line or the modem back into order, even if it gets the answer of a
    command before."""
    NORMAL = 1


def _is_command(_: object, __: object, text: str) -> None:
    if not _TEXT.fullmatch(text):
        allowed = f"AT and at most {LONGEST} printable ASCII characters"
        raise MisuseError("command", text[:100], allowed)


def _is_body(_: object, __: object, body: str | None) -> None:
    if body is not None and not _BODY.fullmatch(body):
        raise MisuseError(
            "body", body[:100], "a PDU of at most 200 bytes in hexadecimal"
        )


@attrs.frozen
class Command:
    """One line to the modem, and how its answer is told from everything else.

    Equal commands ask the same thing: those that only read share one exchange.
    """

    text: str = attrs.field(validator=_is_command)
    timeout_s: float = 3.0
    prefixes: tuple[str, ...] = ()
    """What information lines begin with, such as ``+CSQ:``. Without `many`, one each."""
    many: bool = False
    """Any number of lines of a prefix."""
    bare: bool = False
    """Information lines have no prefix (ATI, AT+CGSN...)."""
    paired: bool = False
    """Each line of a prefix is followed by a line of text (AT+CMGL, AT+CMGR)."""
    body: str | None = attrs.field(default=None, validator=_is_body)
    """What is sent after the prompt, ended by Ctrl-Z."""
    shared: bool = False
    """It only reads: whoever asks while it waits or runs gets the same answer."""


def read(
    text: str,
    *prefixes: str,
    timeout_s: float = 3.0,
    many: bool = False,
    bare: bool = False,
    paired: bool = False,
) -> Command:
    """A command that changes nothing."""
    return Command(
        text,
        timeout_s,
        prefixes,
        many=many,
        bare=bare,
        paired=paired,
        shared=True,
    )


# Time limits of commands that clients pass through (facts/sim7600.md 2.5); the first that
# fits. What is not named here is a simple one.
_TIMEOUTS: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(pattern), seconds)
    for pattern, seconds in (
        (r"AT\+COPS=\?.*", 315.0),
        (r"AT\+COPS=.*", 130.0),
        (r"AT\+(COPS\?|CPIN|CICCID|CGPS|CNMP=|CNBP=|CFUN|CGPSCOLD|CGPSHOT).*", 10.0),
        (r"AT\+(CRESET|CUSBPIDSWITCH|CUSD|CMG|CPMS).*", 15.0),
        (r"AT\+(NETOPEN|CIPOPEN).*", 120.0),
    )
)

# Never passed through: they ask for more input, leave command mode, end the modem's life
# on this line or change how it speaks (facts/sim7600.md 2.1, 2.4, 3.11). Of the commands
# without a sign only AT and ATI are left, since one line can hold several of them.
_NEVER = re.compile(
    r"AT\+(CMG[SW]\w*|CIPSEND\w*|CCERTDOWN|CFTRANRX|CFTPSPUT|CMQTT\w*|HTTPDATA|CHTTPACT"
    r"|CHTTPSSEND|CCHSEND|CPOF|CUSBPIDSWITCH|IPR|IFC|ICF|CMUX|CATR|CGDATA)\b.*"
    r"|AT(?!I?[0-9]?$)[A-Z&\\/].*"
)

WILDCARD = "*"


def _canonical(text: str) -> str:
    """As the modem understands it: blanks are nothing to it."""
    return text.replace(" ", "").upper()


def _is_never(line: str) -> bool:
    first, *others = line.split(";")
    return any(_NEVER.fullmatch(part) for part in (first, *("AT" + o for o in others)))


def never_allowed(entries: Iterable[str]) -> str | None:
    """The first entry of an allow-list that can't be served to anybody, None if all can."""
    for entry in entries:
        if _is_never(_canonical(entry).removesuffix(WILDCARD)):
            return entry
    return None


def _prefixes(line: str) -> tuple[str, ...]:
    """What the information lines of a command begin with, so that they are not taken for
    unsolicited ones; ``+ICCID:`` answers AT+CICCID."""
    names = re.findall(r"(?:^AT|;)\+([A-Z]+)", line)
    return tuple(f"+{'ICCID' if name == 'CICCID' else name}:" for name in names)


def passed_through(text: str, allowed: Sequence[str], timeout_s: float) -> Command:
    """The command that a client asks for, if the allow-list has it.

    An entry is a whole command, or ends in ``*``: then it stands for every single command
    that begins with it. Raises `MisuseError` for what is not on the list.
    """
    wanted = _canonical(text)
    if _TEXT.fullmatch(text) and not _is_never(wanted):
        for entry in map(_canonical, allowed):
            # A semicolon joins commands; only who wrote the list may join any.
            if wanted == entry or (
                entry.endswith(WILDCARD)
                and ";" not in wanted
                and wanted.startswith(entry.removesuffix(WILDCARD))
            ):
                limit = next(
                    (s for p, s in _TIMEOUTS if p.fullmatch(wanted)), timeout_s
                )
                return Command(
                    text.strip(),
                    max(limit, timeout_s),
                    _prefixes(wanted),
                    many=True,
                    bare=True,
                )
    listed = ", ".join(allowed) or "none"
    raise MisuseError("command", text[:100], f"{listed} (sim7600.at_commands)")
