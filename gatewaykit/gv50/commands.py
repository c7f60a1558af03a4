"""Commands to vehicles: made of a kind and its parameters for one device, written and read
(facts/gv50.md 5).

A wrong command here stops a moving car or strands a device for good. So all of them, those
of an admin's own values too, pass the same forms and grammars and are weighed by the same
rules; what is not known of a model is refused and never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn

import attrs

from gatewaykit.access import MASK
from gatewaykit.errors import CommandRefused, MisuseError
from gatewaykit.gv50 import command_kinds, command_requests
from gatewaykit.gv50.command_effects import effect
from gatewaykit.gv50.command_forms import Form, arity, forms, secret_places
from gatewaykit.gv50.command_kinds import KINDS, Kind, Parameter, split_secrets
from gatewaykit.gv50.command_wire import PASSWORD, Order, Written, parse
from gatewaykit.vehicles import Record

__all__ = [
    "KINDS",
    "PASSWORD",
    "Kind",
    "Order",
    "Parameter",
    "Target",
    "Written",
    "arity",
    "build",
    "factory_password",
    "parse",
    "split_secrets",
]

_FACTORY_PASSWORDS: Final = {
    # S; that of GV500MAP as its owner has published it, the rest by the family rule
    "gv500map": "gv500",
    "gv50ma": "gv50m",
    "gv50mg": "gv50m",
    "gv55 lite": "gv55",
}
_NOT_IN_PASSWORDS = re.compile(r"[^0-9a-z]")

# What the form in use on GV50 says where nobody says otherwise (facts/gv50.md 5.4).
_SERVER_DEFAULTS: Final[Record] = {"heartbeat_min": 60, "buffer_mode": 1}


@attrs.frozen
class Target:
    """Whom a command is for, and what is known of it."""

    model: str | None
    """As in `models.MODELS`; None where it is unknown."""
    firmware: str | None
    """The last 4 characters of the protocol version, upper case."""
    block_level: int | None
    """The level of output 1 that blocks the vehicle; None while nobody has said so."""
    output_form: int | None = None
    """How many values GTOUT has by the settings; None leaves it to the table."""
    ask_gtdos: bool = False
    """The device is to report each change of its output."""
    server: Record | None = None
    """The parameters of kind `server` that it acknowledged last, for what sets only one of
    them."""


def factory_password(model: str | None) -> str | None:
    """The password that a device has from the factory: the name of its model in lower case
    (K, facts/gv50.md 5.1). None for an unknown model."""
    if not model:
        return None
    name = model.lower()
    return _FACTORY_PASSWORDS.get(name) or _NOT_IN_PASSWORDS.sub("", name)


def build(imei: str, kind: str, parameters: Mapping[str, Any], target: Target) -> Order:
    """The command of a kind for a device.

    :raises MisuseError: a parameter cannot be used; the value of a secret one is masked.
    :raises CommandRefused: this model, or what is known of this device, does not allow it.
    """
    asked = command_kinds.kind_of(kind)
    command_kinds.check(asked, parameters)
    if kind == "custom":
        return _custom(imei, parameters, target)
    without_backup = False
    match asked.type:
        case "GTOUT":
            form, values = _output(imei, asked, parameters, target)
        case "GTRTO":
            form, values = _request(imei, asked, parameters, target)
        case _:
            form, values, without_backup = _setting(imei, asked, parameters, target)
    return _order(imei, kind, form, values, target, without_backup=without_backup)


def _refuse(imei: str, kind: str, reason: str) -> NoReturn:
    raise CommandRefused(imei, kind, reason)


def _forms(imei: str, kind: str, type_: str, target: Target) -> tuple[Form, ...]:
    found = forms(type_, target.model, target.firmware, target.output_form)
    if not found:
        _refuse_unknown(imei, kind, type_, target)
    return found


def _refuse_unknown(imei: str, kind: str, what: str, target: Target) -> NoReturn:
    if not target.model:
        reason = (
            "the vehicle's model is unknown, and so is what it understands; it can be"
            " registered"
        )
    elif what == "GTOUT" and target.output_form is not None:
        reason = (
            f"no form of {what} with {target.output_form} values is known"
            " (commands.output_forms)"
        )
    else:
        reason = (
            f"how a {target.model[:40]!r} takes {what} is not known here, and nothing is"
            " guessed"
        )
    _refuse(imei, kind, reason)


def _filled(template: str, **values: object) -> tuple[str, ...]:
    return tuple(part.format(**values) for part in template.split(","))


def _output(
    imei: str, kind: Kind, parameters: Mapping[str, Any], target: Target
) -> tuple[Form, tuple[str, ...]]:
    level = parameters.get("level")
    if level is None:
        if target.block_level is None:
            reason = (
                "nobody has said which level of output 1 blocks, and that is a matter of"
                " the wiring: set commands.block_level, commands.block_levels for the"
                " model, or the vehicle's own block_level"
            )
            _refuse(imei, kind.name, reason)
        is_block = kind.name == "block"
        level = target.block_level if is_block else 1 - target.block_level
    form = _forms(imei, kind.name, kind.type, target)[0]
    assert form.template is not None
    values = _filled(
        form.template,
        level=level,
        duration=parameters.get("duration_ds") or form.blank,
        toggles=parameters.get("toggles") or form.blank,
        gtdos=int(target.ask_gtdos),
    )
    return form, values


def _request(
    imei: str, kind: Kind, parameters: Mapping[str, Any], target: Target
) -> tuple[Form, tuple[str, ...]]:
    form = _forms(imei, kind.name, kind.type, target)[0]
    template = command_requests.request(kind.name, target.model)
    if template is None:
        _refuse_unknown(imei, kind.name, kind.name, target)
    return form, _filled(template, section=parameters.get("section", ""))


def _setting(
    imei: str, kind: Kind, parameters: Mapping[str, Any], target: Target
) -> tuple[Form, tuple[str, ...], bool]:
    form = _forms(imei, kind.name, kind.type, target)[0]
    given = _SETTERS[kind.name](parameters)
    if kind.name in _PARTS_OF_SERVER and form.sparse:
        return form, form.only(**given), False
    if form.template is None:
        _refuse_unknown(imei, kind.name, f"all of {kind.type}", target)
    without_backup = bool(parameters.get("without_backup"))
    if kind.name in _PARTS_OF_SERVER:
        known = _known_server(target.server)
        if known is None:
            reason = (
                f"a {target.model} must be told all of its server settings at once, and"
                " those that it has are not known here; send it a server command first"
            )
            _refuse(imei, kind.name, reason)
        without_backup = not known["backup_host"]
        given = {**known, **given}
    return form, _filled(form.template, **given), without_backup


def _known_server(server: Record | None) -> dict[str, str] | None:
    """The fields of a server command that a device has acknowledged; None where they are
    not known so well that it may be told them again."""
    kind = KINDS["server"]
    names = {parameter.name for parameter in kind.parameters}
    known = {name: value for name, value in (server or {}).items() if name in names}
    try:
        command_kinds.check(kind, known)
        return _server(known)
    except MisuseError:
        return None


def _server(parameters: Mapping[str, Any]) -> dict[str, str]:
    """The fields of a server command, their rules about backup servers checked."""
    backup = [parameters.get(name) for name in ("backup_host", "backup_port")]
    without = bool(parameters.get("without_backup"))
    if without and any(backup):
        rule = "false, or neither backup_host nor backup_port"
        raise MisuseError("without_backup", without, rule)
    if not without:
        for name, value in zip(("backup_host", "backup_port"), backup, strict=True):
            if value is None:
                rule = (
                    "a backup server's, since a wrong address alone strands the device;"
                    " or without_backup by an admin"
                )
                raise MisuseError(name, value, rule)
    known = {**_SERVER_DEFAULTS, **parameters}
    return {
        "host": known["host"],
        "port": str(known["port"]),
        "backup_host": known.get("backup_host", ""),
        "backup_port": str(known.get("backup_port", "")),
        "heartbeat_min": str(known["heartbeat_min"]),
        "sack": str(int(known["sack"])),
        "buffer_mode": str(known["buffer_mode"]),
    }


def _apn(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {
        "apn": parameters["apn"],
        "apn_user": parameters.get("user", ""),
        "apn_password": parameters.get("password", ""),
    }


def _interval(parameters: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in parameters.items()}


def _time(parameters: Mapping[str, Any]) -> dict[str, str]:
    offset = parameters["offset"]
    return {
        "sign": offset[0],
        "hours": str(int(offset[1:3])),
        "minutes": str(int(offset[4:])),
        "daylight_saving": str(int(parameters.get("daylight_saving", False))),
        "utc": parameters.get("utc", ""),
    }


_PARTS_OF_SERVER: Final = frozenset({"heartbeat", "sack"})
_SETTERS: Final[Mapping[str, Callable[[Mapping[str, Any]], dict[str, str]]]] = {
    "server": _server,
    "apn": _apn,
    "quick_start": lambda given: {**_apn(given), **_server(given)},
    "interval": _interval,
    "time": _time,
    "heartbeat": lambda given: {"heartbeat_min": str(given["interval_min"])},
    "sack": lambda given: {"sack": str(int(given["enabled"]))},
}


def _custom(imei: str, parameters: Mapping[str, Any], target: Target) -> Order:
    type_ = parameters["command"]
    values = tuple(parameters["values"].split(command_kinds.SEPARATOR))
    found = _forms(imei, "custom", type_, target)
    form = next((form for form in found if form.size == len(values)), None)
    if form is None:
        sizes = " or ".join(str(form.size) for form in found)
        rule = f"{sizes} values with commas between them, as {type_} has"
        raise MisuseError("values", f"{len(values)} values", rule)
    waived = bool(parameters.get("without_backup"))
    return _order(imei, "custom", form, values, target, without_backup=waived)


def _order(
    imei: str,
    kind: str,
    form: Form,
    values: tuple[str, ...],
    target: Target,
    *,
    without_backup: bool,
) -> Order:
    """What every command passes, whoever put its values together."""
    for at, (field, value) in enumerate(zip(form.fields, values, strict=True)):
        if not field.fits(value):
            _misuse(form, at, field.grammar.rule)
    if form.type == "GTRTO":
        _check_request(imei, kind, form, values, target)
    _check_servers(form, values, without_backup=without_backup)
    does = effect(form, values, target.block_level)
    return Order(
        kind,
        form.type,
        tuple(
            PASSWORD if field.name == "own_password" else value
            for field, value in zip(form.fields, values, strict=True)
        ),
        secret_places(form.type)[form.size],
        does.level,
        does.may_block,
        does.lasting,
        form.certainty,
    )


def _misuse(form: Form, at: int, rule: str) -> NoReturn:
    """No value is shown: a secret may have slipped to another place."""
    name = form.fields[at].name.strip("-.").replace("_", " ")
    what = f"value {at + 1} of {form.type}" + (f" ({name})" if name else "")
    raise MisuseError("values", MASK, f"{what}: {rule}")


def _check_request(
    imei: str, kind: str, form: Form, values: tuple[str, ...], target: Target
) -> None:
    rule = command_requests.is_malformed(values)
    if rule is not None:
        _misuse(form, 0, rule)
    if not command_requests.is_understood(values[0], target.model):
        _refuse_unknown(imei, kind, f"GTRTO {values[0]}", target)


def _check_servers(
    form: Form, values: tuple[str, ...], *, without_backup: bool
) -> None:
    """Address and port go together, and a new server has a second one behind it."""
    given = form.named(values)
    if "host" not in given:
        return
    host, backup = given["host"], given["backup_host"]

    def at(name: str) -> int:
        return form.places(name)[0]

    if bool(host) != bool(given["port"]):
        _misuse(form, at("port"), "a server has both host and port")
    if bool(backup) != (given["backup_port"] not in {"", "0"}):
        rule = "a backup server has both host and port"
        _misuse(form, at("backup_port"), rule)
    if host and not backup and not without_backup:
        rule = "a backup server, since a wrong address alone strands the device"
        _misuse(form, at("backup_host"), f"{rule}; or without_backup")
