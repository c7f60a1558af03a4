"""What all of gpsd's clients share: the modem's position, once for all of them.

The position is asked for only while a client watches. The stream never stops then: cgps
gives up after two minutes of silence (facts/sim7600.md 6.6), so that a modem that is gone or
silent makes a TPV of mode 1 every second, and never one with an old position.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol

from twisted.internet import defer
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from gatewaykit import times
from gatewaykit.bridges import gpsd_objects as objects
from gatewaykit.errors import GatewayError
from gatewaykit.interfaces import IModem, Record
from gatewaykit.sim7600 import nmea

PERIOD_S = 1.0
LATE_S = 1.5
"""A record that is not there by then is not waited for."""
NMEA_QUIET_S = 3.0
"""Without a sentence of the NMEA port for so long they are made from the position."""
PATIENCE_S = 3.0
"""For the modem's answers; it promises two seconds."""

log = Logger()


class Presence(Enum):
    """What gpsd's clients are told of the modem."""

    ABSENT = "absent"
    UNIDENTIFIED = "unidentified"
    IDENTIFIED = "identified"


class Audience(Protocol):
    """Who gets what the feed has."""

    def tell_json(self, data: bytes) -> None:
        """Lines of objects, for those who watch with json."""

    def tell_nmea(self, data: bytes) -> None:
        """Sentences with their line ends, for those who watch with nmea."""


class Feed:
    """The modem as gpsd's clients see it.

    :param device: the path that the modem goes by.
    :param trusted_s: how long a position goes out again while the modem says nothing new.
    """

    def __init__(
        self,
        modem: IModem,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        device: str,
        baudrate: int,
        audience: Audience,
        trusted_s: float,
    ) -> None:
        self.device = device
        self._modem = modem
        self._clock = clock
        self._wall_ms = wall_ms
        self._baudrate = baudrate
        self._audience = audience
        self._trusted_s = trusted_s
        self._nothing = objects.epoch(device, objects.NOTHING)
        self._epoch: objects.Epoch | None = None
        self._record: Record | None = None
        self._record_at = 0.0
        self._sentence_at = 0.0
        self._json = self._nmea = False
        self._stop_location: Callable[[], None] | None = None
        self._stop_nmea: Callable[[], None] | None = None
        self._timer: IDelayedCall | None = None
        self._presence: Presence | None = None
        self._activated = ""
        self._inquiries = 0

    def follow(self, *, json: bool, nmea: bool) -> None:
        """Have what somebody wants to hear, and nothing else."""
        self._json, self._nmea = json, nmea
        if nmea and self._stop_nmea is None:
            self._sentence_at = self._clock.seconds()
            self._stop_nmea = self._modem.subscribe(self._told, "nmea")
        elif not nmea and self._stop_nmea is not None:
            self._stop_nmea()
            self._stop_nmea = None
        self._follow_location()
        if self._timer is None and (json or nmea):
            self._expect(PERIOD_S)
        elif self._timer is not None and not (json or nmea):
            self._timer.cancel()
            self._timer = None

    def _follow_location(self) -> None:
        wanted = self._json or self._makes_sentences()
        if wanted and self._stop_location is None:
            self._record = self._epoch = None
            self._stop_location = self._modem.subscribe(self._told, "location", "event")
        elif not wanted and self._stop_location is not None:
            self._stop_location()
            self._stop_location = None

    def _makes_sentences(self) -> bool:
        quiet_s = self._clock.seconds() - self._sentence_at
        return self._nmea and quiet_s >= NMEA_QUIET_S

    def _expect(self, delay_s: float) -> None:
        if self._timer is None:
            self._timer = self._clock.callLater(delay_s, self._overdue)
        else:
            self._timer.reset(delay_s)

    def _overdue(self) -> None:
        self._timer = None
        self._expect(PERIOD_S)
        if self._stop_location is None:
            # The first record comes by itself.
            self._follow_location()
            return
        if self._clock.seconds() - self._record_at > self._trusted_s:
            self._record = None
        if self._record is None:
            self._epoch = self._nothing
        self._publish()

    def _told(self, kind: str, record: Record) -> None:
        if kind == "location":
            self._record, self._record_at = record, self._clock.seconds()
            self._epoch = objects.epoch(self.device, record)
            if self._timer is not None:
                self._expect(LATE_S)
            self._publish()
            if self._presence is not Presence.IDENTIFIED:
                self._inquire()
        elif kind == "nmea":
            self._sentence_at = self._clock.seconds()
            self._follow_location()
            self._audience.tell_nmea(_sentence(record["line"]))
        elif record["event"] == "lost":
            self._inquiries += 1
            self._note(Presence.ABSENT)
        elif record["event"] in {"connected", "rebooted", "recovery"}:
            self._inquire()

    def _publish(self) -> None:
        assert self._epoch is not None
        if self._json:
            self._audience.tell_json(self._epoch.lines)
        if self._makes_sentences():
            location = dict(objects.NOTHING) if self._record is None else self._record
            made = b"".join(map(_sentence, nmea.sentences(location)))
            self._audience.tell_nmea(made)

    def _inquire(self) -> None:
        def failed(failure: Any) -> None:
            log.failure("the modem's state is not known", failure=failure)

        Deferred.fromCoroutine(self.presence()).addErrback(failed)

    async def presence(self) -> Presence:
        """Ask the modem whether it is there; what is new is told to those who watch."""
        self._inquiries += 1
        inquiry = self._inquiries
        try:
            answer = await self._modem.available().addTimeout(PATIENCE_S, self._clock)
        except (GatewayError, defer.TimeoutError):
            return self._presence or Presence.ABSENT
        if inquiry == self._inquiries:
            known = {"absent": Presence.ABSENT, "starting": Presence.UNIDENTIFIED}
            self._note(known.get(answer["state"], Presence.IDENTIFIED))
        return self._presence or Presence.ABSENT

    def _note(self, presence: Presence) -> None:
        before, self._presence = self._presence, presence
        if presence is before:
            return
        if presence is not Presence.ABSENT and before in {None, Presence.ABSENT}:
            self._activated = times.iso(self._wall_ms())
        if before is not None and self._json:
            self._audience.tell_json(objects.line(self.device_object()))

    def device_object(self) -> str:
        """DEVICE as it was last known."""
        there = self._presence not in {None, Presence.ABSENT}
        return objects.device(
            self.device,
            self._baudrate,
            self._activated if there else None,
            identified=self._presence is Presence.IDENTIFIED,
        )

    def devices_object(self) -> str:
        """DEVICES as they were last known: the modem, or none."""
        there = self._presence not in {None, Presence.ABSENT}
        return objects.devices([self.device_object()] if there else [])

    async def poll(self) -> str:
        """POLL for a client that watches, asking the modem if there is no stream."""
        epoch = self._epoch
        if self._stop_location is None or epoch is None:
            try:
                location = self._modem.location()
                record = await location.addTimeout(PATIENCE_S, self._clock)
            except (GatewayError, defer.TimeoutError):
                epoch = self._nothing
            else:
                epoch = objects.epoch(self.device, record)
        return self._poll_object(epoch)

    def idle_poll(self) -> str:
        """POLL for a client that does not watch."""
        return self._poll_object(None)

    def _poll_object(self, epoch: objects.Epoch | None) -> str:
        return objects.poll(times.iso(self._wall_ms()), self.device, epoch)


def _sentence(text: str) -> bytes:
    return text.encode("ascii", "replace") + b"\r\n"
