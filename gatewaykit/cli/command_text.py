"""Commands to vehicles as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gatewaykit.cli.command_steps import Step, state
from gatewaykit.cli.rows import flat, seconds_text, shown

Record = dict[str, Any]

COLUMNS = ("ID", "CREATED", "IMEI", "KIND", "STATUS", "BY", "REASON")


def _spaced(*parts: str) -> str:
    return "  ".join(part for part in parts if part)


def _reason(reason: str | None) -> str:
    return shown(reason) if reason else ""


def summary(record: Record) -> str:
    """``5f2a9c01b2d4  pending  waiting: speed 63 km/h``."""
    return _spaced(
        shown(record["id"]), shown(state(record)), _reason(record.get("reason"))
    )


def step_line(step: Step) -> str:
    """``2026-01-31T12:00:00Z  pending  waiting: speed 63 km/h``."""
    again = f"attempt {step.attempts}" if step.attempts > 1 else ""
    return _spaced(
        seconds_text(step.at), shown(step.state), again, _reason(step.reason)
    )


def row(record: Record) -> tuple[str, ...]:
    """In the order of `COLUMNS`."""
    return (
        shown(record["id"]),
        seconds_text(record["created_at"]),
        shown(record["imei"]),
        shown(record["kind"]),
        shown(state(record)),
        shown(record.get("requested_by")),
        shown(record.get("reason")),
    )


def remaining(record: Record) -> str | None:
    """What of a command goes on when nobody waits for it any more."""
    name, imei = shown(record["id"]), shown(record["imei"])
    match state(record):
        case "pending":
            until = seconds_text(record["expires_at"])
            return (
                f"{name} stays queued until {until}; `gatewayctl cancel {name}` ends it"
            )
        case "sent":
            return (
                f"{name} was sent and can't be cancelled;"
                f" `gatewayctl commands {imei}` shows what becomes of it"
            )
        case "confirmed":
            return (
                f"{name} was acknowledged; whether the vehicle did it,"
                f" `gatewayctl device {imei}` shows once it reports"
            )
        case _:
            return None


def question(imei: str, kind: str, visible: Mapping[str, Any]) -> str:
    """What is to be sent, asked before it may strand a device.

    :param visible: its parameters, with those masked that nobody may see.
    """
    values = " ".join(f"{name}={shown(value)}" for name, value in visible.items())
    what = _spaced(f"{shown(kind)} for {shown(imei)}:", values or "no parameters")
    return f"{what}\nA mistake here can cut the device off for good. Send it?"


def kind_lines(kinds: Iterable[Record]) -> Iterator[str]:
    """What can be asked for: a line a kind, and one a parameter below it."""
    for kind in kinds:
        needed = f"[{shown(kind['role'])}]" if kind.get("role") else ""
        yield _spaced(shown(kind["kind"]), needed, _reason(kind.get("summary")))
        for parameter in kind["parameters"]:
            role = parameter.get("role")
            marks = [
                "required" if parameter.get("required") else "",
                "secret" if parameter.get("secret") else "",
                "" if role in {None, kind.get("role")} else f"role {shown(role)}",
            ]
            note = ", ".join(mark for mark in marks if mark)
            yield "    " + _spaced(
                f"{shown(parameter['name'])}={shown(parameter['allowed'])}",
                f"({note})" if note else "",
            )


def audit_line(record: Record) -> str:
    """The fields of an audit record between tabs."""
    arguments = " ".join(
        f"{name}={value}" for name, value in flat(record.get("arguments") or {})
    )
    names = ("sequence", "at", "who", "from_where", "what", "outcome")
    return "\t".join([*(shown(record.get(name)) for name in names), shown(arguments)])
