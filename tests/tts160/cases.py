"""The mount's service with a mount and a clock, all in memory."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from gatewaykit.sections import Tts160Settings
from gatewaykit.simulators.mount_core import Heard, MountCore
from gatewaykit.simulators.mount_deeds import Deeds
from gatewaykit.simulators.mount_faults import MountFaults
from gatewaykit.simulators.mount_state import MountBehaviour, MountState
from gatewaykit.tts160.gnss_place import AskGnss
from gatewaykit.tts160.mount import Mount
from gatewaykit.tts160.variables import Dialect
from tests.tts160.scripted import ScriptedLines, ScriptedMount

WALL_MS = 1_756_555_000_000
"""The wall clock where the other one is at 0: 2025-08-30 11:56:40 UTC."""

T = TypeVar("T")


class SimulatedMount:
    """The simulated mount's core on a clock, in the place of a scripted one.

    Its line is as fast as one likes. Faults are of answers: what was heard is done.
    """

    def __init__(self, clock: Clock, seed: int = 0, **behaviour: Any) -> None:
        self.clock = clock
        self.faults = MountFaults()
        self.heard: list[bytes] = []
        self.aborted = 0
        self.protocol: Protocol | None = None
        self.unplugged: Callable[[], object] = lambda: None
        self.listener: Callable[[bytes], object] = lambda _: None
        """Told of each command that it does."""
        self._random = Random(seed)
        self._free_at = 0.0
        chosen = {"paced": False, "azimuth_deg": 150.0, "altitude_deg": 45.0}
        made = MountBehaviour(**(chosen | behaviour))
        self.core = MountCore(made, self._now(), self._hears)

    @property
    def state(self) -> MountState:
        self.core.advance(self._now())
        return self.core.state

    @property
    def deeds(self) -> Deeds:
        return self.state.deeds

    @property
    def is_still(self) -> bool:
        return not self.state.motion.is_slewing

    def count(self, start: bytes) -> int:
        return sum(command.startswith(start) for command in self.heard)

    def connect(self, protocol: Protocol) -> None:
        self.protocol = protocol
        protocol.makeConnection(self)

    def unplug(self) -> None:
        """It goes on with what it does."""
        self.core.hang_up()
        self.unplugged()
        protocol, self.protocol = self.protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))

    def _now(self) -> float:
        return WALL_MS / 1000 + self.clock.seconds()

    def _hears(self, heard: Heard) -> bool:
        if not self.faults.off_screen:
            self.heard.append(heard.data)
            self.listener(heard.data)
        return not self.faults.off_screen

    # The transport

    disconnecting = False

    def write(self, data: bytes) -> None:
        now = self._now()
        self.core.receive(data, now)
        self.core.advance(now)
        for output in self.core.take():
            arriving = self.faults.arriving(self._random, output.data)
            late_s = self.faults.delay_s(self._random)
            self._free_at = max(self._free_at, output.at + late_s)
            self.clock.callLater(
                max(0.0, self._free_at - now), self._say, self.protocol, arriving
            )

    def _say(self, protocol: Protocol | None, data: bytes) -> None:
        if data and protocol is not None and protocol is self.protocol:
            protocol.dataReceived(data)

    def loseConnection(self) -> None:
        self.clock.callLater(0, self.unplug)

    def abortConnection(self) -> None:
        self.aborted += 1
        self.clock.callLater(0, self.unplug)


class MountTestCase(SynchronousTestCase):
    """A service and a clock; `start` plugs a mount in."""

    settings: dict[str, Any] = {}  # noqa: RUF012 - replaced, never changed

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.lines: list[ScriptedLines] = []

    def wall_ms(self) -> int:
        return WALL_MS + round(self.clock.seconds() * 1000)

    def make(self, ask_gnss: AskGnss | None = None, **settings: Any) -> Mount:
        def open_line(*arguments: Any) -> Any:
            self.lines.append(ScriptedLines(*arguments))
            return self.lines[-1]

        chosen = {"port": "/dev/none"} | self.settings | settings
        self.mount = Mount(
            Tts160Settings(**chosen), self.clock, self.wall_ms, ask_gnss, open_line
        )
        return self.mount

    def script(self, dialect: Dialect = Dialect.V356, **settings: Any) -> ScriptedMount:
        """A service that has a scripted mount, and is ready."""
        self.make(**settings)
        scripted = ScriptedMount(self.clock, dialect)
        self.start(scripted)
        return scripted

    def simulate(
        self, dialect: Dialect = Dialect.V357, seed: int = 0, **behaviour: Any
    ) -> SimulatedMount:
        """A service that has a simulated mount, and is ready."""
        self.make()
        simulated = SimulatedMount(self.clock, seed, dialect=dialect, **behaviour)
        self.start(simulated)
        return simulated

    def start(self, mount: Any) -> None:
        self.mount.start()
        self.plug_in(mount)
        self.run_for(6.0)
        self.assertEqual(self.mount.health()["state"], "ready")

    def plug_in(self, mount: Any) -> None:
        """Into the port of the last service; a simulated mount or a scripted one."""
        self.lines[-1].plug(mount)

    def run_for(self, seconds: float, step_s: float = 0.05) -> None:
        for _ in range(round(seconds / step_s)):
            self.clock.advance(step_s)

    def after(self, deferred: Deferred[T], seconds: float = 2.0) -> T:
        """What it gives within that time."""
        self.run_for(seconds)
        return self.successResultOf(deferred)

    def failure(self, deferred: Deferred[Any], *errors: type[Exception]) -> Any:
        """The exception that it has failed with by now."""
        return self.failureResultOf(deferred, *errors).value

    def stop(self) -> None:
        """The service ends, and leaves nothing behind."""
        stopping = self.mount.stop_service()
        self.run_for(1.0)
        self.successResultOf(stopping)
        self.run_for(20.0, 1.0)
        self.assertEqual(self.clock.getDelayedCalls(), [])
