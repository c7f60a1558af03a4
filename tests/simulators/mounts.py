"""A host at a simulated mount's core, in made-up time."""

from __future__ import annotations

import struct
from typing import Any

from gatewaykit.simulators.mount_core import MountCore
from gatewaykit.simulators.mount_deeds import Deeds
from gatewaykit.simulators.mount_motion import Motion
from gatewaykit.simulators.mount_state import MountBehaviour, MountState

START = 1_785_990_930.0
"""2026-08-06T04:35:30Z."""


class Host:
    """Everything is heard and answered at once unless `behaviour` says otherwise; syncs
    show at once."""

    def __init__(self, **behaviour: Any) -> None:
        values = {"paced": False, "latency": 0.0, "sync_delay": 0.0}
        self.now = START
        self.core = MountCore(MountBehaviour(**{**values, **behaviour}), START)

    @property
    def state(self) -> MountState:
        return self.core.state

    @property
    def motion(self) -> Motion:
        return self.core.state.motion

    @property
    def deeds(self) -> Deeds:
        return self.core.state.deeds

    def send(self, data: bytes) -> bytes:
        """What the mount says to it."""
        self.core.receive(data, self.now)
        self.core.advance(self.now)
        return b"".join(output.data for output in self.core.take())

    def ask(self, text: str) -> str:
        return self.send(text.encode("latin-1")).decode("latin-1")

    def variables(self, ids: str) -> list[Any]:
        """Their values; rotations flat."""
        head, _, payload = self.send(f":*!G {ids}#".encode()).partition(b"\n")
        types = head.removeprefix(b"BINARY:").decode()
        types = types.replace("1m", "9f").replace("q", "4f")
        return list(struct.unpack(f"<{types}", payload))

    def set(self, number: int, form: str = "", *values: Any) -> int:
        """What a SET command comes to: 0, a number of its own, or an error below 0."""
        payload = struct.pack(f"<{form}", *values)
        answer = self.send(b":*!S %02X;%b#" % (number, payload))
        count, kind, value = struct.unpack("<BBi", answer)
        assert count == 1
        assert (kind, value < 0) in {(1, False), (4, True)}
        return int(value)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.core.advance(self.now)

    def until_still(self, most_s: float = 300.0) -> float:
        """How long it takes until no axis moves by itself any more."""
        began = self.now
        while self.motion.is_slewing:
            assert self.now - began < most_s
            self.wait(0.1)
        return self.now - began

    def goto(self, ra: str, dec: str) -> str:
        assert self.ask(f":Sr{ra}#:Sd{dec}#") == "11"
        return self.ask(":MS#")
