"""A TTS-160 on a pty: what a program takes for a mount on a serial port."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.simulators.mount_core import Heard, MountCore
from gatewaykit.simulators.mount_deeds import Deeds, Move, Pulse, Slew, Stop, Sync
from gatewaykit.simulators.mount_faults import MountFaults
from gatewaykit.simulators.mount_state import MountBehaviour, MountState
from gatewaykit.simulators.mount_wire import BYTE_S, Outgoing
from gatewaykit.simulators.pty_port import Port

__all__ = ["MountBehaviour", "MountFaults", "SimulatedMount"]

_MOST_LATE_S = 0.001
_SMOOTHING = 16
_A_LITTLE_S = 1e-6
"""Times are rounded to some tenths of it: so much later nothing is missed."""
_REMEMBERED = 10_000


class SimulatedMount:
    """Time is `wall` at the start and goes on with the reactor's clock; the same seed gives
    the same faults.

    :param link: where programs find the port; the pty behind it changes when its cable is
        plugged in again.
    """

    def __init__(
        self,
        reactor: Any,
        link: Path,
        *,
        seed: int = 0,
        behaviour: MountBehaviour = MountBehaviour(),  # noqa: B008 - frozen
        faults: MountFaults | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.link = link
        self.behaviour = behaviour
        self.faults = MountFaults() if faults is None else faults
        """May be changed at any time."""
        self.commands = 0
        """How many it has heard."""
        self.heard: deque[Heard] = deque(maxlen=_REMEMBERED)
        """The last of them."""
        self._clock: IReactorTime = reactor
        self._random = Random(f"{seed} fails")  # noqa: S311 - repeatable, not secret
        self._wall = wall
        self._offset = 0.0
        self._core: MountCore | None = None
        self._port = Port(reactor, link, self._received)
        self._outgoing = Outgoing(BYTE_S if behaviour.paced else 0.0)
        self._call: IDelayedCall | None = None
        self._wake_at = 0.0
        self._late_s = 0.0
        """By how much the reactor comes later than it was asked to, as a rule: some wait
        for whole milliseconds. So much earlier it is asked, and bytes are on time on
        average."""

    # Life.

    def start(self) -> None:
        """Switch it on. Raises `OSError` if the link cannot be made."""
        self._offset = self._wall() - self._clock.seconds()
        self._core = MountCore(self.behaviour, self._now(), self._hears)
        self._port.open()

    def stop(self) -> None:
        """Leaves nothing behind, neither in the reactor nor on the disk."""
        self.unplug()

    @property
    def is_present(self) -> bool:
        """Whether its port is there."""
        return bool(self._port.name)

    @property
    def port(self) -> str:
        """The pty behind the link of now, empty while there is none."""
        return self._port.name

    def unplug(self) -> None:
        """Pull the cable: a hang-up for who has it open, and no link. The mount goes on
        with what it does."""
        if self._call is not None:
            self._call.cancel()
            self._call = None
        self._outgoing.clear()
        if self._core is not None:
            self._core.hang_up()
        self._port.close()

    def replug(self) -> None:
        """On another pty."""
        if not self.is_present:
            self._port.open()

    # What it did and does.

    @property
    def state(self) -> MountState:
        """All of it, as it is now."""
        core, now = self._running()
        core.advance(now)
        return core.state

    @property
    def deeds(self) -> Deeds:
        return self._running()[0].state.deeds

    @property
    def slews(self) -> list[Slew]:
        """Gotos that it took on."""
        return self.deeds.slews

    @property
    def pulses(self) -> list[Pulse]:
        return self.deeds.pulses

    @property
    def moves(self) -> list[Move]:
        return self.deeds.moves

    @property
    def stops(self) -> list[Stop]:
        return self.deeds.stops

    @property
    def syncs(self) -> list[Sync]:
        return self.deeds.syncs

    @property
    def right_ascension_h(self) -> float:
        return self.state.shown().ra_h

    @property
    def declination_deg(self) -> float:
        return self.state.shown().dec_deg

    @property
    def altitude_deg(self) -> float:
        return self.state.motion.horizontal().alt_deg

    @property
    def azimuth_deg(self) -> float:
        return self.state.motion.horizontal().az_deg

    @property
    def is_tracking(self) -> bool:
        return self.state.motion.is_tracking

    @property
    def is_slewing(self) -> bool:
        """Under way to a target or to its park position, or moving an axis."""
        return self.state.motion.is_slewing

    @property
    def is_parked(self) -> bool:
        return self.state.motion.is_parked

    @property
    def bytes_in(self) -> int:
        """On the wire, from the host."""
        return self._running()[0].incoming.bytes

    @property
    def bytes_out(self) -> int:
        return self._outgoing.bytes

    def busy(self, seconds: float, bytes_before: int = 0) -> float:
        """The part of a time in which bytes were on the wire, either way: 1 is the limit
        for a host that waits for each answer.

        :param bytes_before: `bytes_in` and `bytes_out` together as that time began.
        """
        return (self.bytes_in + self.bytes_out - bytes_before) * BYTE_S / seconds

    # Bytes.

    def _running(self) -> tuple[MountCore, float]:
        assert self._core is not None, "it has not been started"
        return self._core, self._now()

    def _now(self) -> float:
        return self._offset + self._clock.seconds()

    def _hears(self, heard: Heard) -> bool:
        if self.faults.off_screen:
            return False
        self.commands += 1
        self.heard.append(heard)
        state = self._running()[0].state
        state.degree = "\xdf" if self.faults.degree_sign else "*"
        state.is_upside_down = self.faults.low_precision
        return True

    def _received(self, data: bytes) -> None:
        core, now = self._running()
        core.receive(data, now)
        self._pump()

    def _pump(self) -> None:
        """Let out what has been carried by now, and look when there will be more."""
        core, now = self._running()
        soon = now + self._late_s
        core.advance(soon)
        for output in core.take():
            data = self.faults.arriving(self._random, output.data)
            delay_s = self.faults.delay_s(self._random)
            self._outgoing.add(data, output.at + delay_s)
        data = self._outgoing.take(soon)
        if data:
            self._port.write(data)
        if self._call is not None:
            self._call.cancel()
            self._call = None
        times = [t for t in (core.due(), self._outgoing.due()) if t is not None]
        if times:
            wait_s = max(0.0, min(times) - soon + _A_LITTLE_S)
            self._wake_at = now + wait_s
            self._call = self._clock.callLater(wait_s, self._wake)

    def _wake(self) -> None:
        self._call = None
        late_s = min(self._now() - self._wake_at, _MOST_LATE_S)
        self._late_s += (late_s - self._late_s) / _SMOOTHING
        self._pump()
