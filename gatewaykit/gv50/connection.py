"""One tracker's connection: frames in, the journal behind, acknowledgements out."""

from __future__ import annotations

import re
from collections import Counter
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger, LogLevel
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import implementer

from gatewaykit import metrics
from gatewaykit.errors import ProtocolViolation, StoreUnavailable
from gatewaykit.gv50.admission import (
    OPENING_BYTES,
    foreign_protocol,
    limit_unacknowledged,
    tune_socket,
    unacknowledged,
)
from gatewaykit.gv50.fleet import QUARANTINED, REFUSED, Device
from gatewaykit.gv50.frames import Framer, Reason, Undecodable
from gatewaykit.gv50.masking import DUMPS, masked
from gatewaykit.gv50.reports import journal_entry, read_head
from gatewaykit.interfaces import JournalEntry

if TYPE_CHECKING:
    from gatewaykit.gv50.tracker import TrackerFactory

SHOWN_BYTES = 200
STORE_UNAVAILABLE = "store unavailable"
_ENDINGS = {
    Reason.HEX: "device is in HEX mode, set protocol format 0 (AT+GTSRI)",
    Reason.OVERSIZE: "no frame ends within gv50.max_frame bytes",
}

_VERSION = re.compile(r"[0-9A-Za-z]{0,16}").fullmatch
"""What is echoed of a heartbeat's version; devices take an answer without one as well
(facts/gv50.md 3)."""

_log = Logger()


@implementer(IPushProducer)
class TrackerProtocol(Protocol):
    """One connection. It belongs to the IMEI of its first valid frame.

    What each frame gets is the table of design.md, Ingest. Every read makes one
    `IJournal.append`, whose commit is answered with one write. A connection that is to be
    closed waits for its commits and writes their answers first.
    """

    # There are ten thousand of these. `connected` and `transport` are Twisted's.
    __slots__ = (
        "_closing",
        "_device",
        "_direct",
        "_factory",
        "_framer",
        "_host",
        "_imei",
        "_opening",
        "_outstanding",
        "_reason",
        "_slow",
        "_unframed",
        "admitted",
        "connected",
        "transport",
    )

    transport: Any

    def __init__(self, factory: TrackerFactory) -> None:
        self._factory = factory
        self._framer = Framer(factory.settings.max_frame)
        self._imei: str | None = None
        self._device: Device | None = None
        self._host: str | None = None
        self._opening: bytes | None = b""
        self._unframed = 0
        self._outstanding = 0
        self._slow = False
        self._direct = False
        self._closing = False
        self._reason: str | None = None
        self.admitted = False
        self.transport = None
        self.connected = 0

    # -- life --------------------------------------------------------------------------

    @property
    def peer(self) -> str:
        """The peer's address as text; behind a proxy it is right once data has come."""
        address = self.transport.getPeer()
        host = getattr(address, "host", None)
        if host is None:
            return "unix"
        return f"[{host}]:{address.port}" if ":" in host else f"{host}:{address.port}"

    def connectionMade(self) -> None:
        """Let the peer in, or not; behind a proxy the first data tell who it is."""
        if self._factory.opened(self) and not isinstance(
            self.transport, ProtocolWrapper
        ):
            self._admit()

    def _admit(self) -> bool:
        self._host = getattr(self.transport.getPeer(), "host", None)
        refusal = self._factory.refusal(self._host)
        if refusal is not None:
            self.refuse(refusal)
            return False
        self.admitted = True
        self._opening = b""
        tune_socket(self.transport)
        self._direct = isinstance(self.transport, FileDescriptor)
        self.transport.registerProducer(self, True)
        self.follow_gate()
        self._factory.line("connected", self)
        return True

    def refuse(self, reason: str) -> None:
        """Cut off a peer that is not let in; nothing of it has been read."""
        metrics.connections_refused.labels(reason).inc()
        self._factory.line("refused: {reason}", self, LogLevel.warn, reason=reason)
        self._closing = True
        self._reason = reason
        self.transport.abortConnection()

    def close(
        self, reason: str, text: str | None = None, level: Any = LogLevel.warn
    ) -> None:
        """End the connection once what it was promised is written.

        :param reason: for the metric and for the device's record.
        :param text: what the log says about it; the reason if not given, nothing if empty.
        """
        if self._closing:
            return
        self._closing = True
        self._reason = reason
        self.transport.pauseProducing()
        metrics.connections_refused.labels(reason).inc()
        if text != "":
            self._factory.line("closed: {reason}", self, level, reason=text or reason)
        if not self._outstanding:
            self._finish()

    def _finish(self) -> None:
        if self.connected:
            if self.admitted:
                # With a producer that is paused the transport would never end.
                self.transport.unregisterProducer()
            self.transport.loseConnection()
            self._factory.closing(self)

    def cut(self) -> None:
        """End the connection without waiting for anything."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the fleet, unless a newer connection has taken over."""
        self.connected = 0
        if self._reason is None:
            done = reason.check(ConnectionDone)
            self._reason = "closed by the peer" if done else "connection lost"
            self._factory.line("{reason}", self, reason=self._reason)
        self._closing = True
        if self._device is not None:
            self._factory.fleet.disconnected(self._device, self, self._reason)
        self._factory.lost(self, self._host)

    # -- what the fleet asks -----------------------------------------------------------

    @property
    def imei(self) -> str | None:
        """Whose connection this is."""
        return self._imei

    @property
    def local_port(self) -> int | None:
        """See `fleet.Connection.local_port`."""
        return getattr(self.transport.getHost(), "port", None)

    @property
    def ending(self) -> bool:
        """See `fleet.Connection.ending`."""
        return self._closing

    @property
    def unacknowledged(self) -> int:
        """See `fleet.Connection.unacknowledged`."""
        return unacknowledged(self.transport)

    def taken_over(self) -> None:
        """See `fleet.Connection.taken_over`."""
        self.close("taken over", level=LogLevel.info)

    def write_command(self, data: bytes, limit_s: float) -> bool:
        """See `fleet.Connection.write_command`."""
        if self._closing:
            return False
        limit_unacknowledged(self.transport, limit_s)
        self._write(data)
        return True

    def give_up(self, reason: str) -> None:
        """See `fleet.Connection.give_up`."""
        if not self._closing:
            self._closing = True
            self._reason = reason
            self._factory.line("cut off: {reason}", self, LogLevel.warn, reason=reason)
        self.transport.abortConnection()

    def policy_changed(self, policy: str) -> None:
        """See `fleet.Connection.policy_changed`."""
        if policy == REFUSED:
            self.close("refused", "the device is refused")

    # -- frames ------------------------------------------------------------------------

    def dataReceived(self, data: bytes) -> None:
        """Journal the reports in `data` and answer the heartbeats."""
        if self._closing or not (self.admitted or self._admit()):
            return
        if self._opening is not None and self._is_foreign(data):
            return
        pieces = self._framer.receive_data(data)
        # What is in hand counts as outstanding: a closing waits until it is journaled.
        self._outstanding += 1
        if not (pieces and self._take(pieces)):
            self._unframed += len(data)
            if self._unframed - self._framer.pending > self._factory.settings.max_frame:
                self.close("junk", f"no frame in {self._unframed} bytes")
        self._release()

    def _is_foreign(self, data: bytes) -> bool:
        assert self._opening is not None
        opening = self._opening + data[: OPENING_BYTES - len(self._opening)]
        name = foreign_protocol(opening)
        if name is not None:
            self.close("foreign protocol", f"this looks like {name}")
            return True
        self._opening = opening if len(opening) < OPENING_BYTES else None
        return False

    def _take(self, pieces: list[bytes | Undecodable]) -> bool:
        """Give every piece what the table says; whether a valid frame was among them."""
        factory = self._factory
        now, now_ms, now_key, future_limit = factory.stamp()
        entries: list[JournalEntry] = []
        counts: list[str] = []
        answers: list[str] = []
        dropped: list[str] = []
        valid = False
        for piece in pieces:
            if factory.log_frames:
                self._show(piece)
            if not isinstance(piece, bytes):
                if piece.reason in _ENDINGS:
                    metrics.frames_refused.labels(piece.reason.value).inc()
                    self.close(piece.reason.value, _ENDINGS[piece.reason])
                    break
                dropped.append(piece.reason.value)
                continue
            try:
                head = read_head(piece)
            except ProtocolViolation:
                dropped.append("unreadable")
                continue
            imei = head.imei
            if imei is None or imei != self._imei:
                if imei is None:
                    # facts/gv50.md 8, empty IMEI: the connection's, if it has one.
                    if self._imei is None or head.fields[2:3] != [""]:
                        dropped.append("no imei")
                        continue
                    head = head._replace(imei=self._imei)
                elif self._imei is not None:
                    self.close("another imei", f"a frame of IMEI {imei} came in")
                    break
                elif not self._identify(imei, head.protocol_version):
                    break
            valid = True
            prefix = head.prefix
            if head.type == "GTHBD" and prefix in {"+ACK", "+RESP"}:
                metrics.heartbeats_answered.inc()
                if head.count is not None:
                    version = head.protocol_version
                    version = version if _VERSION(version) else ""
                    answers.append(f"+SACK:GTHBD,{version},{head.count}$")
            elif prefix in {"+RESP", "+BUFF"}:
                if head.type in DUMPS:
                    piece = self._without_secrets(piece)  # noqa: PLW2901 - what is kept
                entry = journal_entry(head, piece, now_ms, now_key, future_limit)
                entries.append(entry if imei is not None else _own(entry))
                if head.count is not None:
                    counts.append(f"+SACK:{head.count}$")
                if prefix == "+RESP":
                    factory.reported(self, self._device, entry, head.count)
            else:
                metrics.command_answers.inc()
                factory.answered(self, self._device, head)
        if dropped:
            self._report(dropped)
        if valid:
            self._unframed = 0
            factory.heard(self, self._device, now, now_ms)
        if answers:
            self._write("".join(answers).encode("latin-1"))
        if entries:
            self._journal(entries, "".join(counts).encode("latin-1"))
        return valid

    def _identify(self, imei: str, version: str) -> bool:
        factory = self._factory
        if factory.fleet.policy(imei) == REFUSED:
            self.close("refused", f"IMEI {imei} is refused")
            return False
        self._imei = imei
        self._opening = None
        self._device = factory.fleet.connected(imei, self, self.peer, version)
        factory.identified(self)
        factory.line("identified", self)
        return True

    def _report(self, dropped: list[str]) -> None:
        """Once a read: a peer that sends rubbish only may cost no more than others."""
        for reason, count in Counter(dropped).items():
            metrics.frames_refused.labels(reason).inc(count)
            self._factory.line(
                "dropped what came in: {reason}", self, LogLevel.warn, reason=reason
            )

    def _without_secrets(self, frame: bytes) -> bytes:
        """A dump of a device's configuration, which has its passwords in it."""
        return masked(frame, self._factory.passwords())

    def _show(self, piece: bytes | Undecodable) -> None:
        raw = piece if isinstance(piece, bytes) else piece.raw
        raw = self._without_secrets(raw)
        _log.debug(
            "received {frame!r}",
            frame=raw[:SHOWN_BYTES],
            imei=self._imei,
            peer=self.peer,
        )

    # -- the journal -------------------------------------------------------------------

    def _journal(self, entries: list[JournalEntry], sacks: bytes) -> None:
        assert self._device is not None
        factory = self._factory
        count = len(entries)
        metrics.reports_received.inc(count)
        self._outstanding += 1
        factory.handed_over(count)
        if self._device.policy == QUARANTINED:
            committing = factory.journal.quarantine(entries)
        else:
            committing = factory.journal.append(entries)
        committing.addCallbacks(
            self._committed,
            self._not_committed,
            callbackArgs=(sacks if factory.settings.sack else b"", count),
            errbackArgs=(count,),
        ).addErrback(lambda failure: _log.failure("after a commit", failure=failure))
        factory.watch_level()

    def _write(self, data: bytes) -> None:
        """Write at once what the socket takes.

        By way of the reactor each answer costs two more system calls and a turn of the
        loop: a fifth of all that a lone report costs. From the first time that the peer
        leaves something unread, the transport's buffer keeps the order.
        """
        if self._direct:
            written = self.transport.writeSomeData(data)
            if written == len(data):
                return
            self._direct = False
            # An error is no number; the reactor will tell `connectionLost` of it.
            data = data[written:] if isinstance(written, int) else data
        self.transport.write(data)

    def _committed(self, _: None, sacks: bytes, count: int) -> None:
        if sacks and self.connected:
            self._write(sacks)
        self._settled(count)

    def _not_committed(self, failure: Failure, count: int) -> None:
        if not failure.check(StoreUnavailable):
            _log.failure("journaling reports", failure=failure, imei=self._imei)
        if self.connected:
            self.close(STORE_UNAVAILABLE)
        self._settled(count)

    def _settled(self, count: int) -> None:
        self._release()
        self._factory.settled(count)

    def _release(self) -> None:
        self._outstanding -= 1
        if self._closing and not self._outstanding:
            self._finish()

    # -- pauses ------------------------------------------------------------------------

    def follow_gate(self) -> None:
        """Read, unless the journal is behind or the peer does not read our answers."""
        if self._closing:
            return
        if self._factory.paused or self._slow:
            self.transport.pauseProducing()
        else:
            self.transport.resumeProducing()

    def pauseProducing(self) -> None:
        """The peer leaves our answers unread: its next reports wait in its own buffer."""
        self._slow = True
        self.follow_gate()

    def resumeProducing(self) -> None:
        """The peer has read our answers."""
        self._slow = False
        self.follow_gate()

    def stopProducing(self) -> None:
        """The transport has ended; `connectionLost` follows."""


def _own(entry: JournalEntry) -> JournalEntry:
    """The same report with an identity that no other device has: its frame names none, so
    that the frame's hash does not tell two vehicles apart."""
    owned = blake2b(entry.id + entry.imei.encode("ascii"), digest_size=16)
    return entry._replace(id=owned.digest())
