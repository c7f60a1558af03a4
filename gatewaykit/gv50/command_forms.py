"""How many values each command has and what they are: forms by model and firmware
(facts/gv50.md 5.1-5.9).

The fields of a form are written as names of `command_grammar.GRAMMARS`:

- ``-`` is reserved and empty, ``.`` anything; ``6*-`` stands for six of them,
- with ``!`` a field must not be empty, unless the model takes sparse forms, in which an
  empty one keeps the present value; with ``!!`` it must not be empty there either.

A row is for models, or for a firmware of one as ``GV50/0302``, which goes before the
model's. What has no row is not known: nobody guesses. Certainty is marked as in
facts/gv50.md 0.1: S other code and operators' lists, K taken from the family.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs

from gatewaykit.gv50.command_grammar import GRAMMARS, SECRET, Grammar
from gatewaykit.gv50.models import MODELS


@attrs.frozen
class Field:
    """One value of a command."""

    name: str
    required: bool
    grammar: Grammar

    def fits(self, text: str) -> bool:
        return self.grammar.fits(text) if text else not self.required


def _fields(text: str, *, sparse: bool) -> tuple[Field, ...]:
    fields: list[Field] = []
    for word in text.split():
        times, star, marked = word.rpartition("*")
        name = marked.rstrip("!")
        required = marked.endswith("!!") or (marked.endswith("!") and not sparse)
        field = Field(name, required, GRAMMARS[name])
        fields += [field] * (int(times) if star else 1)
    return tuple(fields)


@attrs.frozen
class Form:
    """The values of a command between password and serial, for one or more models."""

    type: str
    fields: tuple[Field, ...]
    certainty: str
    template: str | None = None
    """The values as the kinds of commands fill them in; None where too little is known of
    the form for more than values that an admin gives."""
    sparse: bool = False
    """The model takes empty values for "as it is"."""
    blank: str = ""
    """What stands for no duration and no toggles."""

    @property
    def size(self) -> int:
        return len(self.fields)

    def places(self, *names: str) -> tuple[int, ...]:
        """Where the fields of these names are."""
        return tuple(at for at, field in enumerate(self.fields) if field.name in names)

    def named(self, values: tuple[str, ...]) -> dict[str, str]:
        """The values by the names of their fields; of several the first."""
        found: dict[str, str] = {}
        for field, value in zip(self.fields, values, strict=True):
            found.setdefault(field.name, value)
        return found

    def only(self, **values: str) -> tuple[str, ...]:
        """The sparse form that sets these and keeps the rest."""
        return tuple(values.get(field.name, "") for field in self.fields)


_OTHER = "level duration toggles"
_OUTPUT = f"level!! {_OTHER.partition(' ')[2]}"
_FIRST = "{level},{duration},{toggles}"
_OUT_16 = f"{_OUTPUT} {_OTHER} {_OTHER} mask 6*extra"

_BEARER = "apn!! apn_user apn_password"
_TELL_BEARER = "{apn},{apn_user},{apn_password}"
_SERVER = (
    "report_mode! - buffer_mode! host! port! backup_host backup_port sms_gateway"
    " heartbeat_min! sack!"
)
_TELL_SERVER = "3,,{buffer_mode},{host},{port},{backup_host},{backup_port},,{heartbeat_min},{sack},0"
_SRI = f"{_SERVER} protocol_format enable mask dns_refresh_min"
_TELL_SRI = f"{_TELL_SERVER},0,,0"

_FRI = (
    "schedule_mode! discard_no_fix - enable time_of_day time_of_day extra interval_s!"
    " extra extra - corner_deg ignition_off_interval_s 4*extra"
)
_EACH = "{interval_s},1000,1000,,{corner_deg},{ignition_off_interval_s}"

_TMA = "sign! hours! minutes! daylight_saving! utc 4*-"
_TELL_TMA = "{sign},{hours},{minutes},{daylight_saving},{utc},,,,"

_CFG = "own_password!! device_name enable . - - mask power_saving . mask"


@attrs.frozen
class _Row:
    type: str
    models: str
    fields: str
    template: str | None = None
    certainty: str = "S"
    blank: str = ""
    sparse: bool = False


def _inferred(type_: str, fields: str, template: str | None = None) -> list[_Row]:
    """A form of GV55, and of whom it is taken for: facts/gv50.md 5.1 infers that GV50's
    are equal, and GV55 Lite is the same device with less on it."""
    return [
        _Row(type_, "GV55", fields, template),
        _Row(type_, "GV50, GV55 Lite", fields, template, "K"),
    ]


_ROWS: Final[list[_Row]] = [
    # facts/gv50.md 5.3. The first of a model is the usual one.
    _Row(
        "GTOUT",
        "GV50",
        f"{_OUTPUT} 3*- enable 6*-",
        f"{_FIRST},,,,{{gtdos}},,,,,,",
    ),
    _Row("GTOUT", "GV50", _OUT_16, f"{_FIRST},0,0,0,,,,3,,,,,,", blank="0"),
    _Row("GTOUT", "GV55, GV55 Lite", _OUT_16, f"{_FIRST},0,0,0,,,,0,,,,,,", blank="0"),
    _Row("GTOUT", "GV300", _OUT_16, f"{_FIRST},0,0,0,0,0,0,0,,,,,,"),
    _Row(
        "GTOUT",
        "GV200",  # four outputs
        f"{_OUTPUT} {_OTHER} {_OTHER} {_OTHER} 4*extra",
        f"{_FIRST},0,0,0,0,0,0,0,0,0,,,,",
        blank="0",
    ),
    _Row(
        "GTOUT",
        "GV50M, GV50MA, GV50MG",
        f"{_OUTPUT} {_OTHER} 15*extra",
        f"{_FIRST},0,0,0,,,,,,,,,,0,0,0,,,",
        blank="0",
    ),
    # 5.4
    _Row("GTSRI", "GV50, GV55, GV200, GV500", _SRI, _TELL_SRI),
    _Row("GTSRI", "GV55 Lite", _SRI, _TELL_SRI, "K"),
    _Row("GTSRI", "GV300", _SRI, _TELL_SRI, sparse=True),
    # Nobody has published what its eleventh field and the later ones are.
    _Row("GTSRI", "GL320M", f"{_SERVER} 4*extra"),
    # 5.5
    _Row("GTBSI", "GV55, GV200, GV300, GV500", f"{_BEARER} 4*-", f"{_TELL_BEARER},,,,"),
    _Row("GTBSI", "GV50, GV55 Lite", f"{_BEARER} 4*-", f"{_TELL_BEARER},,,,", "K"),
    *_inferred(
        "GTQSS",
        f"{_BEARER} {_SERVER} protocol_format enable",
        f"{_TELL_BEARER},{_TELL_SERVER},",
    ),
    # 5.6
    _Row("GTFRI", "GV55, GV500", _FRI, f"1,0,,0,0000,0000,,{_EACH},,,,"),
    _Row("GTFRI", "GV55 Lite", _FRI, f"1,0,,0,0000,0000,,{_EACH},,,,", "K"),
    _Row("GTFRI", "GV50", _FRI, f"1,0,,1,0000,0000,,{_EACH},,,,", "K"),
    _Row(
        "GTFRI",
        "GV300",  # with a check interval
        _FRI,
        f"1,0,,0,0000,0000,{{interval_s}},{_EACH},0,,,",
        sparse=True,
    ),
    _Row("GTFRI", "GV500CG", _FRI, f"1,1,,1,0000,0000,0,{_EACH},00000000,0,,0"),
    # 5.8
    _Row("GTTMA", "GV50, GV55, GV500", _TMA, _TELL_TMA),
    _Row("GTTMA", "GV55 Lite, GV200, GV300", _TMA, _TELL_TMA, "K"),
    # 5.9. The only list for GV50 has one more than those of the others (5.2).
    _Row("GTCFG", "GV50", f"{_CFG} 11*."),
    _Row("GTCFG", "GV55, GV300, GV75W", f"{_CFG} 10*."),
    _Row("GTCFG", "GV55 Lite", f"{_CFG} 10*.", certainty="K"),
    # 5.1
    *_inferred("GTCRA", "mode!! 11*."),
    *_inferred("GTDIS", "mode!! 19*."),
    *_inferred("GTDOG", "mode!! 10*."),
    *_inferred("GTEPS", "mode!! 12*."),
    *_inferred("GTGEO", "fence!! 13*."),
    *_inferred("GTHBM", "mode!! 22*."),
    *_inferred("GTHMC", "mode!! 9*."),
    *_inferred("GTIDL", "mode!! 14*."),
    *_inferred("GTJDC", "mode!! 11*."),
    *_inferred("GTPDS", "mode!! 7*."),
    *_inferred("GTPIN", "enable!! pin 5*-"),
    *_inferred("GTSPD", "mode!! 19*."),
    _Row("GTSPD", "GV200", "mode!! 19*."),
    *_inferred("GTSSR", "mode!! 7*."),
    *_inferred("GTTOW", "mode!! 18*."),
    *_inferred("GTUDF", "mode!! 11*."),
    # 5.7, all models; what each may be asked is in `command_requests`.
    _Row("GTRTO", "", "sub!! section sub_option 3*-"),
]

OUTPUT_SIZES: Final = {13: "gv50", 16: "gv55", 21: "gv50m"}
"""Whose form of GTOUT is written where the settings give a model one that it has no row
for, by the number of values."""

SET_BY_HAND: Final = "set"
"""The certainty of a form that the settings say a model has."""


def _key(type_: str, model: str, firmware: str = "") -> tuple[str, str]:
    return type_, f"{model}/{firmware}".casefold().removesuffix("/")


@cache
def _table() -> dict[tuple[str, str], tuple[Form, ...]]:
    table: dict[tuple[str, str], tuple[Form, ...]] = {}
    for row in _ROWS:
        fields = _fields(row.fields, sparse=row.sparse)
        form = Form(
            row.type, fields, row.certainty, row.template, row.sparse, row.blank
        )
        for model in row.models.split(", "):
            key = _key(row.type, model)
            table[key] = (*table.get(key, ()), form)
    return table


@cache
def types() -> tuple[str, ...]:
    """All commands that at least one model's form is known of."""
    return tuple(sorted({row.type for row in _ROWS}))


@cache
def is_known(model: str) -> bool:
    """Whether any table knows the model."""
    names = {name.casefold() for name in MODELS.values()}
    return model.casefold() in names | {name for _, name in _table() if name}


@cache
def secret_places(type_: str) -> dict[int, frozenset[int]]:
    """Where a command has what nobody may see, by the number of its values."""
    return {
        form.size: frozenset(form.places(*SECRET))
        for forms in _table().values()
        for form in forms
        if form.type == type_
    }


def forms(
    type_: str, model: str | None, firmware: str | None, output_form: int | None = None
) -> tuple[Form, ...]:
    """The forms that a command has on a device, the usual one first; none if unknown.

    :param model: None where it is unknown; GTRTO has one form for all.
    :param firmware: the last 4 characters of the protocol version.
    :param output_form: how many values GTOUT has there by the settings, whatever the table
        says.
    """
    table = _table()
    found = (
        (model and table.get(_key(type_, model, firmware or "")))
        or (model and table.get(_key(type_, model)))
        or table.get(_key(type_, ""))
        or ()
    )
    if type_ != "GTOUT" or output_form is None or not model:
        return found
    own = tuple(form for form in found if form.size == output_form)
    if own:
        return own
    return tuple(
        attrs.evolve(form, certainty=SET_BY_HAND)
        for form in table.get((type_, OUTPUT_SIZES.get(output_form, "")), ())
        if form.size == output_form
    )


def arity(type: str, model: str | None, firmware: str | None) -> int | None:
    """How many values a command has between password and serial, None if unknown."""
    for form in forms(type, model, firmware):
        return form.size
    return None
