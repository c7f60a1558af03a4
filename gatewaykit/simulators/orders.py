"""The text of a command to what a device makes of it: an order, or nothing. Pure.

A device says nothing to what it refuses (facts/gv50.md 4.15: "no ack at all = refused or
not received"); why it did is for tests and for newer families, which send a ``+NACK``.
"""

from __future__ import annotations

import re

import attrs

from gatewaykit.simulators.order_table import FORMS, OUTPUT_FORMS, REQUESTS, SECTIONS

INVALID, UNSUPPORTED, NOT_NOW = 0, 1, 2
"""Causes of a ``+NACK``: wrong password or values, no such command, not allowed now."""

_FORM = re.compile(r"AT\+(GT[A-Z]{3})=([^,]*),(?:([ -~]*),)?([0-9A-Fa-f]{4})")


@attrs.frozen
class Order:
    """A command that is in order."""

    type: str
    values: tuple[str, ...]
    """Between password and serial."""
    serial: str
    """As it was written."""

    @property
    def sub(self) -> str | None:
        """What stands before the serial in its ACK."""
        if self.type == "GTRTO":
            return REQUESTS[self.values[0]]
        return self.values[0] if self.type == "GTGEO" else None

    @property
    def reports_output(self) -> bool:
        """Whether a GTOUT asks for a GTDOS: value 7 of the short form, 11 of the long."""
        return self.values[6 if len(self.values) == 13 else 10] == "1"


@attrs.frozen
class Refusal:
    """A command that a device does not execute."""

    type: str | None
    serial: str | None
    """Both None where the text is no command at all."""
    cause: int


def read(text: str, password: str, output_values: int = 13) -> Order | Refusal:
    """What a device makes of a text.

    :param text: a whole command without its ``$``.
    :param output_values: how many values its GTOUT has.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        return Refusal(None, None, INVALID)
    type, given, between, serial = found.groups()
    values = () if between is None else tuple(between.split(","))
    forms = (OUTPUT_FORMS[output_values],) if type == "GTOUT" else FORMS.get(type)
    if forms is None:
        return Refusal(type, serial, UNSUPPORTED)
    fits = any(form.takes(values) for form in forms)
    if given != password or not fits or not _is_possible(type, values):
        return Refusal(type, serial, INVALID)
    return Order(type, values, serial)


def _is_possible(type: str, values: tuple[str, ...]) -> bool:
    """What the values of a request must be to each other.

    A reset of all settings would strand the device for good: only stored reports can be
    reset here.
    """
    if type != "GTRTO":
        return True
    request, what = values[:2]
    if request == "4":
        return what == "BUF"
    if request == "2":
        return what in {"", *SECTIONS}
    return what in {"", "0"}
