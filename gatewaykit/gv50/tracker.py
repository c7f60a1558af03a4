"""The trackers' port: all connections, their limits and time limits, and the gate that
holds them back when the journal is behind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sized
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.gv50.admission import Census, Networks
from gatewaykit.gv50.connection import STORE_UNAVAILABLE, TrackerProtocol
from gatewaykit.gv50.fleet import ACCEPTED, GATEWAY_STOPPED, Device, Fleet
from gatewaykit.gv50.heads import Head
from gatewaykit.gv50.silence import Silence
from gatewaykit.interfaces import IHealth, IJournal, JournalEntry, Record
from gatewaykit.logs import LogLimiter
from gatewaykit.sections import Gv50Settings
from gatewaykit.times import digits

__all__ = ["Door", "TrackerFactory", "TrackerProtocol"]

SWEEP_S = 1.0
CLOSE_S = 5.0
"""How long a peer may take to read the last answers before it is cut off."""
LINES_A_HOST = 200
LINES_S = 10.0
"""So many log lines of one kind about one address in this time: who makes up IMEIs makes up
causes, each with a line of its own."""
FUTURE_MS = 300_000
"""A fix further ahead of our clock moves no latest position (design.md, Ingest)."""

_log = Logger()


class Door(Protocol):
    """The listeners, as `services.ListenerService` has them."""

    @property
    def ports(self) -> Sized:
        """What is bound now."""

    def stop_listening(self) -> Deferred[None]:
        """Bind nothing from now on."""

    def start_listening(self) -> Deferred[None]:
        """Bind again."""


@implementer(IHealth)
class TrackerFactory(ServerFactory):
    """All tracker connections: their limits, their time limits, the gate before the journal.

    :param journal: where reports become durable.
    :param fleet: who is connected.
    :param clock: measures time limits.
    :param wall_ms: the wall clock, milliseconds since the epoch.
    :param log_frames: whether frames are logged, at debug.
    :param passwords: the devices' own, which neither log nor journal may hold.
    """

    name = "gv50"
    noisy = False

    def __init__(
        self,
        journal: IJournal,
        fleet: Fleet,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        settings: Gv50Settings,
        *,
        log_frames: bool = False,
        passwords: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self.journal = journal
        self.fleet = fleet
        self.settings = settings
        self.log_frames = log_frames
        self.passwords = passwords
        self.paused = False
        self._clock = clock
        self._wall_ms = wall_ms
        self._limiter = LogLimiter(clock)
        self._lines: Counter[tuple[str, str]] = Counter()
        self._lines_until = clock.seconds() + LINES_S
        self._networks = Networks(settings.allow, settings.deny)
        self._census = Census(settings.max_connections_per_address)
        self._connections: set[TrackerProtocol] = set()
        self._unidentified: Silence[TrackerProtocol] = Silence(
            settings.identify_timeout
        )
        self._idle: Silence[TrackerProtocol] = Silence(settings.idle_timeout)
        self._ending: Silence[TrackerProtocol] = Silence(CLOSE_S)
        self._paused_at = 0.0
        self._paused_s = 0.0
        self._uncommitted = 0
        self._stamp = (0, 0, 0)
        self._door: Door | None = None
        self._stopping = False
        self._all_gone: list[Deferred[None]] = []
        self._sweeping = LoopingCall(self._sweep)
        self._sweeping.clock = clock

    def buildProtocol(self, addr: IAddress | None) -> TrackerProtocol:
        """A connection is judged when it is made: behind a proxy, `addr` is the proxy's."""
        return TrackerProtocol(self)

    # -- life --------------------------------------------------------------------------

    def start(self, door: Door) -> None:
        """Keep the time limits, and keep `door` closed while the journal cannot commit.

        Trackers keep some hundreds of reports themselves when they cannot connect; they do
        not when we swallow them (design.md, Ingest).
        """
        self._door = door
        self.journal.watch(self._journal_changed)
        if self.journal.failure is not None:
            self._journal_changed(self.journal.failure)
        self._sweeping.start(SWEEP_S)

    def close_all(self) -> Deferred[None]:
        """Let nobody in any more, close every connection and wait for their commits.

        :return: fires when all connections are gone and all commits have ended.
        """
        self._stopping = True
        self._close_each(GATEWAY_STOPPED)
        gone: Deferred[None] = Deferred()
        self._all_gone.append(gone)
        self._tell_if_gone()
        return gone

    def _close_each(self, reason: str) -> None:
        if self._connections:
            _log.info(
                "closing {count} tracker connections: {reason}",
                count=len(self._connections),
                reason=reason,
            )
        for connection in list(self._connections):
            connection.close(reason, text="")

    def _tell_if_gone(self) -> None:
        if self._stopping and not (self._connections or self._uncommitted):
            if self._sweeping.running:
                self._sweeping.stop()
            waiting, self._all_gone = self._all_gone, []
            for gone in waiting:
                gone.callback(None)

    def _journal_changed(self, failure: str | None) -> None:
        assert self._door is not None
        if self._stopping:
            return
        if failure is None:
            turning = self._door.start_listening()
        else:
            turning = self._door.stop_listening()
            self._close_each(STORE_UNAVAILABLE)
        turning.addErrback(_report, "opening or closing the trackers' port")

    # -- what connections tell ---------------------------------------------------------

    def opened(self, connection: TrackerProtocol) -> bool:
        """A connection was made; whether there is a place for it."""
        if self._stopping:
            reason: str | None = GATEWAY_STOPPED
        elif self.journal.failure is not None:
            reason = STORE_UNAVAILABLE
        elif len(self._connections) >= self.settings.max_connections:
            reason = "too many connections"
        else:
            reason = None
        self._connections.add(connection)
        metrics.tracker_connections.inc()
        if reason is not None:
            connection.refuse(reason)
            return False
        self._unidentified.heard(connection, self._reading_time(self._clock.seconds()))
        return True

    def refusal(self, host: str | None) -> str | None:
        """Why a peer is not let in; None: it is, and counts from now on."""
        if not self._networks.allow(host):
            return "network not allowed"
        if not self._census.enter(host):
            return "too many connections of one address"
        return None

    def identified(self, connection: TrackerProtocol) -> None:
        """A connection has had its first valid frame."""
        self._unidentified.forget(connection)

    def heard(
        self,
        connection: TrackerProtocol,
        device: Device | None,
        now: float,
        now_ms: int,
    ) -> None:
        """Valid frames came in."""
        assert device is not None
        self._idle.heard(connection, self._reading_time(now))
        self.fleet.heard(device, now, now_ms)

    def reported(
        self,
        connection: TrackerProtocol,
        device: Device | None,
        entry: JournalEntry,
        count: str | None,
    ) -> None:
        """A live report came in."""
        assert device is not None
        if device.policy == ACCEPTED and device.connection is connection:
            self.fleet.reported(device, entry, count)

    def answered(
        self, connection: TrackerProtocol, device: Device | None, head: Head
    ) -> None:
        """An answer to a command came in."""
        assert device is not None
        if device.policy == ACCEPTED and device.connection is connection:
            self.fleet.answered(device, head)

    def closing(self, connection: TrackerProtocol) -> None:
        """A connection is closed as soon as the peer has read what was written."""
        self._unidentified.forget(connection)
        self._idle.forget(connection)
        self._ending.heard(connection, self._clock.seconds())

    def lost(self, connection: TrackerProtocol, host: str | None) -> None:
        """A connection has ended."""
        self._connections.remove(connection)
        metrics.tracker_connections.dec()
        self._unidentified.forget(connection)
        self._idle.forget(connection)
        self._ending.forget(connection)
        if connection.admitted:
            self._census.leave(host)
        self._tell_if_gone()

    def stamp(self) -> tuple[float, int, int, int]:
        """The clock, the wall clock in milliseconds and as digits, and the digits above
        which a GPS time is in the future."""
        now_ms = self._wall_ms()
        second, key, future_limit = self._stamp
        if now_ms // 1000 != second:
            key, future_limit = digits(now_ms), digits(now_ms + FUTURE_MS)
            self._stamp = (now_ms // 1000, key, future_limit)
        return self._clock.seconds(), now_ms, key, future_limit

    def line(
        self,
        text: str,
        connection: TrackerProtocol,
        level: Any = LogLevel.info,
        **fields: object,
    ) -> None:
        """Log one line about a connection, unless there was one like it a moment ago."""
        peer = connection.peer
        host = peer.rpartition(":")[0]
        who = connection.imei or host
        suppressed = self._limiter.should_log((text, fields.get("reason"), who))
        if suppressed is not None and self._has_lines_left(text, host):
            more = " ({suppressed} more like this before)" if suppressed else ""
            _log.emit(
                level,
                text + more,
                imei=connection.imei,
                peer=peer,
                suppressed=suppressed,
                **fields,
            )

    def _has_lines_left(self, text: str, host: str) -> bool:
        if self._clock.seconds() >= self._lines_until:
            self._lines.clear()
            self._lines_until = self._clock.seconds() + LINES_S
        self._lines[text, host] += 1
        lines = self._lines[text, host]
        if lines == LINES_A_HOST + 1:
            _log.warn(
                "too many lines of one address, the next are left out for {seconds:g} s",
                seconds=self._lines_until - self._clock.seconds(),
                peer=host,
            )
        return lines <= LINES_A_HOST

    # -- the gate before the journal ---------------------------------------------------

    def handed_over(self, count: int) -> None:
        """Reports are on their way into the journal."""
        self._uncommitted += count

    def settled(self, count: int) -> None:
        """Their commit has ended, well or not."""
        self._uncommitted -= count
        if self.paused:
            self.watch_level()
        self._tell_if_gone()

    def watch_level(self) -> None:
        """Pause all connections above the high-water mark, resume them below half of it.

        Our own count is there for what is on its way into quarantine.
        """
        level = max(self.journal.pending, self._uncommitted)
        if self.paused:
            if level < self.settings.high_water / 2:
                self.paused = False
                self._paused_s += self._clock.seconds() - self._paused_at
                self._follow_gate()
        elif level > self.settings.high_water:
            self.paused = True
            self._paused_at = self._clock.seconds()
            self._follow_gate()

    def _follow_gate(self) -> None:
        for connection in self._connections:
            if connection.admitted:
                connection.follow_gate()

    # -- time limits -------------------------------------------------------------------

    def _reading_time(self, now: float) -> float:
        """A clock that stands while nobody is read: who is not read cannot be silent."""
        return (self._paused_at if self.paused else now) - self._paused_s

    def _sweep(self) -> None:
        try:
            now = self._clock.seconds()
            metrics.journal_pending.set(self.journal.pending)
            self.watch_level()
            for connection in self._ending.expired(now):
                connection.cut()
            reading = self._reading_time(now)
            for connection in self._unidentified.expired(reading):
                connection.close("identify timeout", level=LogLevel.info)
            for connection in self._idle.expired(reading):
                connection.close("idle timeout", level=LogLevel.info)
        except Exception:  # noqa: BLE001 - a LoopingCall ends with its first error
            _log.failure("sweeping connections")

    # -- IHealth -----------------------------------------------------------------------

    def health(self) -> Record:
        """See `IHealth.health`."""
        listening = self._door is not None and len(self._door.ports) > 0
        status, reason = "ok", None
        if self.fleet.changes.failure is not None:
            status, reason = "degraded", self.fleet.changes.failure
        if self.paused:
            status, reason = "degraded", "the journal is behind, trackers are paused"
        if self.journal.failure is not None:
            status, reason = "failed", self.journal.failure
        elif not listening:
            status, reason = "failed", "not listening"
        return {
            "status": status,
            "reason": reason,
            "listening": listening,
            "connections": len(self._connections),
            **self.fleet.counts(),
            "pending_reports": self.journal.pending,
            "paused": self.paused,
        }


def _report(failure: Failure, doing: str) -> None:
    _log.failure("{doing}", failure=failure, doing=doing)
