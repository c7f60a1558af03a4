"""A host at a simulated modem's core, in made-up time."""

from __future__ import annotations

from random import Random
from typing import Any

from gatewaykit.simulators.modem_core import ModemCore, Output
from gatewaykit.simulators.modem_state import ModemBehaviour, ModemState

START = 1_756_557_296.0
"""2025-08-30T12:34:56Z."""


class Host:
    """Everything happens at once unless `behaviour` says otherwise, and the echo is off.

    :param plain: False leaves the modem as it is delivered and not booted through.
    """

    def __init__(self, *, plain: bool = True, seed: int = 1, **behaviour: Any) -> None:
        values = {"register_after": 0.0, "boot": 0.0, "fix_after": 0.0, "zone": 4}
        self.hears = True
        self.repeats = False
        self.now = START
        self.core = ModemCore(
            ModemBehaviour(**{**values, **behaviour}),
            Random(seed),
            START,
            lambda: self.hears,
            lambda: self.repeats,
        )
        self.core.boot(START)
        if plain:
            self.wait(0)
            self.send(b"ATE0\r")

    @property
    def state(self) -> ModemState:
        return self.core.state

    def send(self, data: bytes) -> bytes:
        """What the modem says to it at once."""
        self.core.receive(data, self.now)
        return self.taken()

    def ask(self, command: str) -> str:
        """The lines of an answer, joined by ``|``."""
        text = self.send(f"{command}\r".encode("latin-1")).decode("latin-1")
        return "|".join(line for line in text.split("\r\n") if line)

    def wait(self, seconds: float) -> bytes:
        self.now += seconds
        self.core.advance(self.now)
        return self.taken()

    def outputs(self) -> list[Output]:
        return self.core.take()

    def taken(self) -> bytes:
        return b"".join(o.data for o in self.outputs() if o.kind != "nmea")
