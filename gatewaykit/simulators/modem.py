"""A SIM7600 on a pty: what a program takes for a modem on a serial port."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from gatewaykit.simulators.modem_core import ModemCore, Output
from gatewaykit.simulators.modem_faults import ModemFaults
from gatewaykit.simulators.modem_network import Kind, Technology
from gatewaykit.simulators.modem_sms import Message, Sent
from gatewaykit.simulators.modem_state import Identity, ModemBehaviour, Sim
from gatewaykit.simulators.pty_port import Port

__all__ = ["Identity", "ModemBehaviour", "ModemFaults", "SimulatedModem"]

_ENDLESS_S = 0.1
_ENDLESS_BYTES = 300


class SimulatedModem:
    """Time is `wall` at the start and goes on with the reactor's clock; the same seed gives
    the same drive, delays and faults.

    :param link: where programs find the AT port; the pty behind it changes when the modem
        is reset or plugged in again.
    :param nmea_link: the same for the NMEA port; None: it has none.
    """

    def __init__(
        self,
        reactor: Any,
        link: Path,
        *,
        seed: int = 0,
        behaviour: ModemBehaviour = ModemBehaviour(),  # noqa: B008 - frozen
        faults: ModemFaults | None = None,
        nmea_link: Path | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.link, self.nmea_link = link, nmea_link
        self.behaviour = behaviour
        self.faults = ModemFaults() if faults is None else faults
        """May be changed at any time."""
        self.commands = 0
        """How many command lines it has heard."""
        self._reactor = reactor
        self._clock: IReactorTime = reactor
        self._seed = seed
        self._random = Random(f"{seed} fails")  # noqa: S311 - repeatable, not secret
        self._wall = wall
        self._began = self._offset = 0.0
        self._core: ModemCore | None = None
        self._port = Port(reactor, link, self._received)
        self._nmea = None if nmea_link is None else Port(reactor, nmea_link, _ignore)
        self._quiet_until = 0.0
        self._writes: list[IDelayedCall] = []
        self._call: IDelayedCall | None = None
        self._power_call: IDelayedCall | None = None
        self._endless_call: IDelayedCall | None = None

    # Life.

    def start(self) -> None:
        """Plug it in. Raises `OSError` if a link cannot be made."""
        self._offset = self._wall() - self._clock.seconds()
        self._core = ModemCore(
            self.behaviour,
            Random(f"{self._seed} drives"),  # noqa: S311
            self._now(),
            self._hears,
            lambda: self._happens(self.faults.repeated_fix),
        )
        self._power_on()
        self._endless()

    def stop(self) -> None:
        """Leaves nothing behind, neither in the reactor nor on the disk."""
        self._power_off()
        if self._endless_call is not None:
            self._endless_call.cancel()
            self._endless_call = None

    @property
    def is_present(self) -> bool:
        """Whether its port is there."""
        return bool(self._port.name)

    @property
    def port(self) -> str:
        """The pty behind the link of now, empty while there is none."""
        return self._port.name

    # What one can do with it.

    def unplug(self) -> None:
        """Pull it out: a hang-up for who has it open, and no link."""
        self._power_off()

    def replug(self) -> None:
        """Put it in again, on another pty; it boots."""
        if not self.is_present:
            self._cancel_power()
            self._power_on()

    def reset(self) -> None:
        """As after AT+CRESET: the port vanishes and comes back on another pty, later."""
        self._leave(comes_back=True)

    def receive_sms(self, number: str, text: str) -> int:
        """A message comes in; tells how many of its parts had room."""
        core, now = self._running()
        stored = core.state.receive(now, number, text)
        self._pump()
        return stored

    @property
    def sent_messages(self) -> list[Sent]:
        """What the host sent, in order, long messages in their parts."""
        return self._running()[0].state.sent

    def stored_messages(self, storage: str = "ME") -> dict[int, Message]:
        return self._running()[0].state.stores[storage]

    def set_network(self, kind: Kind, technology: Technology | None = None) -> None:
        """What the place offers from now on; the modem takes it up at once."""
        core, now = self._running()
        core.state.set_network(now, kind, technology)
        self._pump()

    def set_signal(self, dbm: float) -> None:
        self._running()[0].state.network.signal_dbm = dbm

    def sim(self, sim: Sim) -> None:
        core, now = self._running()
        core.state.set_sim(now, sim)
        self._pump()

    def sky(self, *, visible: bool) -> None:
        """Without sky there is no fix; with it one comes back as after a start."""
        core, now = self._running()
        core.state.receiver.set_sky(now, visible=visible)

    def say(self, line: str) -> None:
        """Say a line unasked, such as ``UNDER-VOLTAGE WARNNING``."""
        core, _now = self._running()
        core.state.say(line)
        self._pump()

    @property
    def gnss_is_on(self) -> bool:
        return self._running()[0].state.is_locating

    # Power.

    def _power_on(self) -> None:
        self._power_call = None
        core, now = self._running()
        self._port.open()
        if self._nmea is not None:
            try:
                self._nmea.open()
            except OSError:
                self._port.close()
                raise
        self._quiet_until = 0.0
        core.boot(now)
        self._pump()

    def _power_off(self) -> None:
        self._cancel_power()
        if self._call is not None:
            self._call.cancel()
            self._call = None
        for call in self._writes:
            if call.active():
                call.cancel()
        self._writes.clear()
        self._port.close()
        if self._nmea is not None:
            self._nmea.close()

    def _leave(self, *, comes_back: bool) -> None:
        self._cancel_power()
        self._power_call = self._clock.callLater(
            self.behaviour.vanish, self._vanish, comes_back
        )

    def _vanish(self, comes_back: bool) -> None:  # noqa: FBT001 - a callback
        self._power_call = None
        self._power_off()
        if comes_back:
            self._power_call = self._clock.callLater(
                self.behaviour.absence, self._power_on
            )

    def _cancel_power(self) -> None:
        if self._power_call is not None:
            self._power_call.cancel()
            self._power_call = None

    # Bytes.

    def _running(self) -> tuple[ModemCore, float]:
        assert self._core is not None, "it has not been started"
        return self._core, self._now()

    def _now(self) -> float:
        return self._offset + self._clock.seconds()

    def _happens(self, probability: float) -> bool:
        return self._random.random() < probability

    def _hears(self) -> bool:
        if self._happens(self.faults.silence):
            return False
        self.commands += 1
        return True

    def _received(self, data: bytes) -> None:
        if self.faults.silence >= 1:
            return
        core, now = self._running()
        core.receive(data, now)
        self._pump()

    def _pump(self) -> None:
        """Let out what it has to say, and look when it will have more."""
        core, now = self._running()
        if not self.is_present:
            core.take()
            return
        core.advance(now)
        for output in core.take():
            self._let_out(output)
        if self._call is not None:
            self._call.cancel()
            self._call = None
        due = core.due()
        if due is not None:
            self._call = self._clock.callLater(max(0.0, due - now), self._wake)

    def _wake(self) -> None:
        self._call = None
        self._pump()

    def _let_out(self, output: Output) -> None:
        if output.kind == "nmea":
            if self._nmea is not None:
                self._nmea.write(output.data)
        elif output.kind == "urc":
            self._port.write(output.data)
        elif output.kind in {"reset", "off"}:
            self._leave(comes_back=output.kind == "reset")
        else:
            self._answer(output)

    def _answer(self, output: Output) -> None:
        """After its time, and never before what was said earlier."""
        data = b"".join(self.faults.pieces(self._random, output))
        now = self._clock.seconds()
        at = now
        if output.kind == "answer":
            at += self.behaviour.latency + output.takes_s
            at += self.faults.delay_s(self._random)
        at = max(at, self._quiet_until)
        if at <= now:
            self._port.write(data)
            return
        self._quiet_until = at
        self._writes = [call for call in self._writes if call.active()]
        self._writes.append(self._clock.callLater(at - now, self._port.write, data))

    def _endless(self) -> None:
        if self._happens(self.faults.endless):
            self._port.write(b"U" * _ENDLESS_BYTES)
        self._endless_call = self._clock.callLater(_ENDLESS_S, self._endless)


def _ignore(_data: bytes) -> None:
    """The NMEA port takes no commands (facts/sim7600.md 3.10)."""
