"""What the settings and people say of how a vehicle is wired and what its device wants."""

from __future__ import annotations

from gatewaykit.fields import LEVEL_OF_MODEL, OUTPUT_FORM
from gatewaykit.gv50.commands import Target
from gatewaykit.interfaces import Record
from gatewaykit.sections import CommandsSettings
from gatewaykit.vehicles import Registration

_PARTS_OF_SERVER = {
    "heartbeat": ("interval_min", "heartbeat_min"),
    "sack": ("enabled", "sack"),
}
"""Kinds that set one of the server settings: their parameter, and that of `server`."""


def server_after(server: Record | None, kind: str, parameters: Record) -> Record | None:
    """The server settings of a device that had `server` and has acknowledged a command."""
    if kind in {"server", "quick_start"}:
        return parameters
    if server is None or kind not in _PARTS_OF_SERVER:
        return server
    theirs, ours = _PARTS_OF_SERVER[kind]
    return {**server, ours: parameters[theirs]}


class Wiring:
    """The vehicle's own word goes before the model's, and that before the installation's."""

    def __init__(self, settings: CommandsSettings) -> None:
        self._level = int(settings.block_level) if settings.block_level else None
        self._levels = {}
        for text in settings.block_levels:
            match = LEVEL_OF_MODEL.fullmatch(text)
            assert match is not None
            self._levels[match[1]] = int(match[2])
        self._forms = {}
        for text in settings.output_forms:
            match = OUTPUT_FORM.fullmatch(text)
            assert match is not None
            firmware = match[2] and match[2].upper()
            self._forms[match[1], firmware] = int(match[3])
        self._ask_gtdos = frozenset(settings.ask_gtdos)

    def level(self, registration: Registration | None, model: str | None) -> int | None:
        """The level of output 1 that blocks a vehicle; None while nobody has said."""
        if registration is not None and registration.block_level is not None:
            return registration.block_level
        return self._levels.get(model or "", self._level)

    def target(
        self,
        registration: Registration | None,
        model: str | None,
        version: str,
        server: Record | None,
    ) -> Target:
        """What a command for a vehicle must suit.

        :param version: the protocol version of its frames; its last 4 characters are the
            firmware's (facts/gv50.md 2.1).
        """
        firmware = version[-4:].upper() if len(version) in {6, 10} else None
        form = self._forms.get((model or "", firmware))
        if form is None:
            form = self._forms.get((model or "", None))
        return Target(
            model=model,
            firmware=firmware,
            block_level=self.level(registration, model),
            output_form=form,
            ask_gtdos=model in self._ask_gtdos,
            server=server,
        )
