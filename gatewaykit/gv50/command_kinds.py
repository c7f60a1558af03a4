"""The kinds of commands that can be asked for, and what their parameters may be.

A parameter is of the type that its row says and of no other: neither is ``true`` a number
nor ``"1"`` one. No error shows the value of a secret one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from gatewaykit.access import MASK, Role
from gatewaykit.errors import MisuseError
from gatewaykit.gv50 import command_grammar as grammar
from gatewaykit.gv50.command_forms import secret_places, types
from gatewaykit.vehicles import Record

BLOCK_EXPIRES_IN_S: Final = 600
EXPIRES_IN_S: Final = 86_400
_REPEATABLE: Final = 2
"""Retries of what only reads, or sets the same again: three writes in all."""
_LONGEST_SHOWN: Final = 100

SEPARATOR: Final = ","
"""Between the values of `custom`."""

_TYPES: Final[Mapping[str, type]] = {"text": str, "number": int, "flag": bool}
_NAME = re.compile(r"[a-z_]{1,30}").fullmatch
_OFFSET = re.compile(r"[+-](?:0[0-9]|1[0-2]):(?:00|15|30|45)").fullmatch
_NO_BACKUP = (
    "true, only without a backup server: a wrong address then strands the device"
)


@attrs.frozen
class Parameter:
    """One parameter of a kind, and the role that it takes to use it."""

    name: str
    allowed: str
    type: str
    """``text``, ``number`` or ``flag``."""
    fits: Callable[[Any], bool]
    required: bool = True
    secret: bool = False
    role: Role = Role.DISPATCHER

    def check(self, value: object) -> None:
        """:raises MisuseError: the value cannot be used; names the rule that it breaks."""
        # A bool is an int to Python, so the type is compared and not asked.
        if type(value) is not _TYPES[self.type]:
            raise MisuseError(self.name, self._shown(value), self.allowed)
        if isinstance(value, str) and not self._is_plain(value):
            raise MisuseError(self.name, self._shown(value), grammar.CHARACTERS)
        if not self.fits(value):
            raise MisuseError(self.name, self._shown(value), self.allowed)

    def _is_plain(self, text: str) -> bool:
        return grammar.is_plain(text)

    def _shown(self, value: object) -> object:
        return MASK if self.secret else shown(value)


class _Values(Parameter):
    """Values with commas between them; each is weighed by its place later on."""

    def _is_plain(self, text: str) -> bool:
        return all(map(grammar.is_plain, text.split(SEPARATOR)))

    def _shown(self, value: object) -> object:
        """There may be a secret among them, and nobody knows where in a wrong one."""
        return MASK


def shown(value: object) -> object:
    """A value as an error may show it: short, and of a simple type."""
    if isinstance(value, str):
        return value[:_LONGEST_SHOWN]
    if isinstance(value, (bool, float, type(None))):
        return value
    if isinstance(value, int) and abs(value) < 10**_LONGEST_SHOWN:
        return value
    return f"({type(value).__name__})"


@attrs.frozen
class Kind:
    """A kind of command: who may ask for it, how often it is written, how long it waits."""

    name: str
    type: str
    """Of the command; empty for `custom`, which names it itself."""
    summary: str
    parameters: tuple[Parameter, ...] = ()
    role: Role = Role.DISPATCHER
    retries: int = 0
    """Writes after the first, when nothing is acknowledged. None of what moves an output,
    restarts a device or can strand it: nobody knows whether the first one did."""
    expires_in_s: int = EXPIRES_IN_S
    settings: tuple[str, ...] = ()
    """Names of the device settings that it changes (`vehicles.SettingChange`)."""


def _whole(
    name: str, low: int, high: int, *others: int, required: bool = True
) -> Parameter:
    also = "".join(f"{other} or " for other in others)
    return Parameter(
        name,
        f"{also}a whole number from {low} to {high}",
        "number",
        lambda value: low <= value <= high or value in others,
        required,
    )


def _flag(
    name: str, *, required: bool = True, allowed: str = "", role: Role = Role.DISPATCHER
) -> Parameter:
    return Parameter(
        name, allowed or "true or false", "flag", lambda _: True, required, role=role
    )


def _text(
    name: str,
    rule: grammar.Grammar,
    *,
    required: bool = True,
    secret: bool = False,
) -> Parameter:
    return Parameter(name, rule.rule, "text", rule.fits, required, secret)


_SERVER = (
    _text("host", grammar.HOST),
    _whole("port", 1, 65535),
    _text("backup_host", grammar.HOST, required=False),
    _whole("backup_port", 1, 65535, required=False),
    _whole("heartbeat_min", 5, 360, 0, required=False),
    # With false, nothing tells the device that a report was lost: no default can be right.
    _flag("sack"),
    _whole("buffer_mode", 0, 2, required=False),
    _flag("without_backup", required=False, allowed=_NO_BACKUP, role=Role.ADMIN),
)
_APN = (
    _text("apn", grammar.APN),
    _text("user", grammar.CREDENTIAL, required=False),
    _text("password", grammar.CREDENTIAL, required=False, secret=True),
)


def _request(name: str, summary: str, *parameters: Parameter, **how: Any) -> Kind:
    return Kind(name, "GTRTO", summary, parameters, **how)


def _read(name: str, summary: str, *parameters: Parameter) -> Kind:
    return _request(name, summary, *parameters, retries=_REPEATABLE)


KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            "block",
            "GTOUT",
            "set output 1 to the level that blocks the vehicle",
            expires_in_s=BLOCK_EXPIRES_IN_S,
        ),
        Kind("unblock", "GTOUT", "set output 1 to the level that unblocks the vehicle"),
        Kind(
            "output",
            "GTOUT",
            "set output 1 to a level, or let it pulse",
            (
                _whole("level", 0, 1),
                _whole("duration_ds", 0, 255, required=False),
                _whole("toggles", 0, 255, required=False),
            ),
            expires_in_s=BLOCK_EXPIRES_IN_S,  # it may be a block
        ),
        Kind(
            "server",
            "GTSRI",
            "tell the device which servers it reports to",
            _SERVER,
            settings=("server",),
        ),
        Kind(
            "apn",
            "GTBSI",
            "tell the device the access point of its mobile network",
            _APN,
            settings=("apn",),
        ),
        Kind(
            "quick_start",
            "GTQSS",
            "tell the device access point and servers at once",
            (*_APN, *_SERVER),
            settings=("apn", "server"),
        ),
        Kind(
            "interval",
            "GTFRI",
            "how often the device reports, with ignition on and off, and at which turns",
            (
                _whole("interval_s", 5, 86_400),
                _whole("ignition_off_interval_s", 5, 86_400),
                _whole("corner_deg", 0, 180),
            ),
            retries=_REPEATABLE,
            settings=("interval",),
        ),
        Kind(
            "time",
            "GTTMA",
            "the time zone in which the device reports",
            (
                Parameter(
                    "offset",
                    "+HH:MM or -HH:MM, full quarters of an hour up to 12:45",
                    "text",
                    lambda text: _OFFSET(text) is not None,
                ),
                _flag("daylight_saving", required=False),
                _text("utc", grammar.MOMENT, required=False),
            ),
            retries=_REPEATABLE,
            settings=("time",),
        ),
        Kind(
            "heartbeat",
            "GTSRI",
            "minutes between heartbeats, 0 for none",
            (_whole("interval_min", 5, 360, 0),),
            retries=_REPEATABLE,
            settings=("heartbeat",),
        ),
        Kind(
            "sack",
            "GTSRI",
            "whether the device repeats what is not acknowledged",
            (_flag("enabled"),),
            retries=_REPEATABLE,
            settings=("sack",),
        ),
        _read("gps_state", "ask for the state of its GPS receiver"),
        _read("position", "ask where it is"),
        _read(
            "read_configuration",
            "ask for its configuration, or for a section of it",
            _text("section", grammar.SECTION, required=False),
        ),
        _request("reboot", "restart it"),
        _request(
            "clear_buffer",
            "throw away the reports that it has not delivered yet",
            role=Role.ADMIN,
        ),
        _request("power_off", "switch it off; it stays silent", role=Role.ADMIN),
        _read("iccid", "ask for the number of its SIM card"),
        _read("signal", "ask for the strength of its mobile network"),
        _read("versions", "ask for its firmware and hardware versions"),
        _read("power", "ask for its supply and battery"),
        _read("inputs_outputs", "ask for the states of its inputs and outputs"),
        _read("time_zone", "ask for its time zone"),
        Kind(
            "custom",
            "",
            "any known command with values of your own",
            (
                Parameter(
                    "command",
                    f"one of {', '.join(types())}",
                    "text",
                    types().__contains__,
                ),
                _Values(
                    "values",
                    "what is between password and serial, with commas",
                    "text",
                    lambda _: True,
                ),
                _flag(
                    "without_backup",
                    required=False,
                    allowed=_NO_BACKUP,
                    role=Role.ADMIN,
                ),
            ),
            role=Role.ADMIN,
        ),
    )
}


def kind_of(name: str) -> Kind:
    """:raises MisuseError: there is no such kind."""
    kind = KINDS.get(name)
    if kind is None:
        raise MisuseError("kind", shown(name), ", ".join(KINDS))
    return kind


def check(kind: Kind, parameters: Mapping[str, Any]) -> None:
    """:raises MisuseError: one is unknown, missing, or breaks its rule."""
    by_name = {parameter.name: parameter for parameter in kind.parameters}
    for name in parameters:
        if name not in by_name:
            allowed = ", ".join(by_name) or f"no parameters, {kind.name} has none"
            # What does not look like a name may be a secret in the wrong place.
            raise MisuseError("parameters", name if _NAME(name) else MASK, allowed)
    for name, parameter in by_name.items():
        if name in parameters:
            parameter.check(parameters[name])
        elif parameter.required:
            raise MisuseError(name, None, parameter.allowed)


def split_secrets(kind: str, parameters: Mapping[str, Any]) -> tuple[Record, Record]:
    """What may be shown of parameters, with `access.MASK` for the rest; and that rest by
    name.

    It takes what is not checked too, and hides what it does not know.
    """
    found = KINDS.get(kind)
    known = {p.name: p for p in found.parameters} if found else {}
    visible: Record = {}
    secrets: Record = {}
    for name, value in parameters.items():
        parameter = known.get(name)
        if isinstance(parameter, _Values):
            visible[name] = _masked(parameters.get("command"), value)
        elif parameter is None or parameter.secret:
            visible[name] = MASK
        else:
            visible[name] = value
        if visible[name] != value:
            secrets[name] = value
    return visible, secrets


def _masked(command: object, text: object) -> str:
    """The values of a custom command without what is secret of them."""
    if not isinstance(text, str) or not isinstance(command, str):
        return MASK
    values = text.split(SEPARATOR)
    places = secret_places(command).get(len(values))
    if places is None:
        return MASK
    for at in places:
        if values[at] not in {"", grammar.OWN_PASSWORD}:
            values[at] = MASK
    return SEPARATOR.join(values)
