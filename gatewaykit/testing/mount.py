"""A mount in memory."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from gatewaykit.errors import (
    DeviceGarbled,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnavailable,
    MisuseError,
    MotionStopped,
)
from gatewaykit.interfaces import IMount, Record
from gatewaykit.testing.mount_blocks import Blocks
from gatewaykit.testing.mount_motion import DEVICE, LEASE_S, Motion
from gatewaykit.testing.records import mount_record
from gatewaykit.tts160 import lx200, sky
from gatewaykit.tts160.axes import MOST_RATE_DEG_S, axis_of
from gatewaykit.tts160.commands import Effect
from gatewaykit.tts160.coordinates import checked

MATCHED = "Coordinates matched."
REPLIES = ("auto", "blind", "bool", "string")
TRACKING_RATES = ("sidereal", "lunar", "solar")
CLIENT = "a client"
FIRST_MS, END_MS = 946_684_800_000, 4_102_444_800_000
"""The mount's years have two digits: 2000 to 2099."""
_DIRECTIONS = {"n": "north", "s": "south", "e": "east", "w": "west"}
_MOVE = re.compile(r":\*?M([nsew])")
_AXIS_STOP = re.compile(r":Q([nsew])")

Failing = DeviceTimeout | DeviceRefused | DeviceGarbled | MotionStopped


@implementer(IMount)
class MemoryMount:
    """An `IMount` in memory, as strict as the real one about what it is asked.

    Set fields of `record` to what it shall tell; slews and the rest change them. With `gone`
    (a reason), everything but the status fails with `DeviceUnavailable`; with `failure`,
    what is not a read fails with that.

    :param seconds: a clock that rises, for slews and leases.
    :param slew_s: how long it takes to slew or to park.
    """

    def __init__(
        self, seconds: Callable[[], float] = lambda: 0.0, *, slew_s: float = 5.0
    ) -> None:
        self.record = mount_record()
        self.gone: str | None = None
        self.failure: Failing | None = None
        self.min_altitude_deg = 0.0
        self.max_altitude_deg = 90.0
        self.blocks = Blocks()
        """What variables and CASE blocks hold."""
        self.answers: dict[str, Record] = {}
        """Answers by command; a command that is not in it is answered as by a mount that
        is content."""
        self.commands: list[str] = []
        """What was passed on."""
        self.deeds: list[tuple[Any, ...]] = []
        """What else moved or changed something: what it was, and what it was given."""
        self.watchers = 0
        self.stops = 0
        self._motion = Motion(self.record, seconds, slew_s)

    def status(self) -> Deferred[Record]:
        """See `IMount.status`."""

        async def answer() -> Record:
            self._motion.settle()
            record = copy.deepcopy(self.record)
            record["moving"] = self._motion.directions
            if self.gone is not None:
                record |= {"available": False, "state": "absent", "reason": self.gone}
                record["stale"] = True
            return record

        return Deferred.fromCoroutine(answer())

    def watch(self) -> Callable[[], None]:
        """See `IMount.watch`."""
        self.watchers += 1
        ends = iter((1,))

        def end() -> None:
            self.watchers -= next(ends, 0)

        return end

    def variables(self, wanted: Sequence[str]) -> Deferred[Record]:
        """See `IMount.variables`."""
        return self._read(lambda: self.blocks.variables(self.record["dialect"], wanted))

    def case(self, number: int) -> Deferred[tuple[str, list[Any]]]:
        """See `IMount.case`."""
        return self._read(lambda: self.blocks.case(number))

    def command(self, text: str, reply: str, holder: Hashable) -> Deferred[Record]:
        """See `IMount.command`."""

        def pass_on() -> Record:
            if reply not in REPLIES:
                raise MisuseError("reply", reply, ", ".join(REPLIES))
            command = lx200.command(text)
            if command.effect is Effect.MOVE:
                self._motion.check(command.text)
            if moves := _MOVE.match(text):
                self._motion.grant(_DIRECTIONS[moves[1]], holder)
            if stops := _AXIS_STOP.match(text):
                self._motion.stop_axis(_DIRECTIONS[stops[1]], CLIENT)
            elif command.effect is Effect.STOP:
                self._stop(CLIENT)
            self.commands.append(text)
            answer = self.answers.get(text) or self.blocks.answer(
                self.record["dialect"], text, command.reply, reply
            )
            return copy.deepcopy(answer)

        return self._do(pass_on)

    def slew(
        self,
        *,
        right_ascension_h: float | None = None,
        declination_deg: float | None = None,
        altitude_deg: float | None = None,
        azimuth_deg: float | None = None,
    ) -> Deferred[None]:
        """See `IMount.slew`."""

        def begin() -> None:
            sky_is = (self.record["local_sidereal_time_h"], self.record["latitude_deg"])
            match (right_ascension_h, declination_deg, altitude_deg, azimuth_deg):
                case (float(hours), float(degrees), None, None):
                    _check_equatorial(hours, degrees)
                    altitude, azimuth = sky.to_horizontal(hours, degrees, *sky_is)
                case (None, None, float(altitude), float(azimuth)):
                    checked("altitude_deg", altitude, -90, 90)
                    _check_turn("azimuth_deg", azimuth, 360)
                    hours, degrees = sky.to_equatorial(altitude, azimuth, *sky_is)
                case _:
                    raise MisuseError("coordinates", None, "one pair, and all of it")
            self._motion.check("a slew")
            lowest, highest = self.min_altitude_deg, self.max_altitude_deg
            if not lowest <= altitude <= highest:
                reason = f"altitude {altitude:.2f}, allowed {lowest:g} to {highest:g}"
                raise DeviceRefused(DEVICE, "a slew", f"{reason} degrees")
            self.record["target_right_ascension_h"] = hours
            self.record["target_declination_deg"] = degrees
            self._motion.go(
                right_ascension_h=hours,
                declination_deg=degrees,
                altitude_deg=altitude,
                azimuth_deg=azimuth,
                tracking=True,
            )
            self.deeds.append(("slew", hours, degrees))

        return self._do(begin)

    def stop(self, by: str) -> Deferred[None]:
        """See `IMount.stop`."""

        def stop() -> None:
            self._stop(by)
            self.deeds.append(("stop", by))

        return self._do(stop)

    def sync(self, right_ascension_h: float, declination_deg: float) -> Deferred[str]:
        """See `IMount.sync`."""

        def sync() -> str:
            _check_equatorial(right_ascension_h, declination_deg)
            self._motion.check("a sync")
            self.record["right_ascension_h"] = right_ascension_h
            self.record["declination_deg"] = declination_deg
            self.deeds.append(("sync", right_ascension_h, declination_deg))
            return MATCHED

        return self._do(sync)

    def park(self) -> Deferred[None]:
        """See `IMount.park`."""

        def begin() -> None:
            self._motion.check("parking")
            self._motion.go(
                altitude_deg=0.0, azimuth_deg=180.0, parked=True, tracking=False
            )
            self.deeds.append(("park",))

        return self._do(begin)

    def unpark(self) -> Deferred[None]:
        """See `IMount.unpark`."""

        def unpark() -> None:
            if self.record["dialect"] != "v357":
                raise DeviceRefused(DEVICE, "to unpark", "this firmware cannot")
            self.record["parked"] = False
            self.deeds.append(("unpark",))

        return self._do(unpark)

    def tracking(
        self, *, on: bool | None = None, rate: str | None = None
    ) -> Deferred[None]:
        """See `IMount.tracking`."""

        def switch() -> None:
            if rate is not None and rate not in TRACKING_RATES:
                raise MisuseError("rate", rate, ", ".join(TRACKING_RATES))
            if on is None and rate is None:
                raise MisuseError("tracking", None, "on, off, or a rate")
            self._motion.check_parked("tracking")
            if on is not None:
                self.record["tracking"] = on
            if rate is not None:
                self.record["tracking_rate"] = rate
            self.deeds.append(("tracking", on, rate))

        return self._do(switch)

    def guide(self, direction: str, duration_ms: int) -> Deferred[None]:
        """See `IMount.guide`."""

        def guide() -> None:
            axis_of(direction)
            checked("duration_ms", duration_ms, 0, 9999)
            self._motion.check("a guide pulse")
            self.deeds.append(("guide", direction, duration_ms))

        return self._do(guide)

    def move_axis(
        self, direction: str, rate_deg_s: float | None, holder: Hashable
    ) -> Deferred[float]:
        """See `IMount.move_axis`."""

        def move() -> float:
            axis_of(direction)
            checked("rate_deg_s", rate_deg_s or 0.0, 0, MOST_RATE_DEG_S)
            if rate_deg_s == 0:
                self._motion.stop_axis(direction, "its client")
            else:
                self._motion.check(f"a move to {direction}")
                self._motion.grant(direction, holder)
            self.deeds.append(("move_axis", direction, rate_deg_s))
            return LEASE_S

        return self._do(move)

    def renew_axis(self, direction: str, holder: Hashable) -> float:
        """See `IMount.renew_axis`."""
        self._motion.settle()
        self._motion.renew(direction, holder)
        return LEASE_S

    def stop_axis(self, direction: str) -> Deferred[None]:
        """See `IMount.stop_axis`."""

        def stop() -> None:
            self._motion.stop_axis(direction, CLIENT)
            self.deeds.append(("stop_axis", direction))

        return self._do(stop)

    def release(self, holder: Hashable) -> None:
        """See `IMount.release`."""
        self._motion.settle()
        for direction in self._motion.release(holder):
            self.deeds.append(("release", direction))

    def set_site(
        self,
        *,
        latitude_deg: float | None = None,
        longitude_deg: float | None = None,
        utc_offset_h: float | None = None,
        at_ms: int | None = None,
    ) -> Deferred[None]:
        """See `IMount.set_site`."""
        place = {"latitude_deg": latitude_deg, "longitude_deg": longitude_deg}
        given = {name: value for name, value in place.items() if value is not None}

        def set_site() -> None:
            if len(given) == 1:
                raise MisuseError("site", given, "both coordinates or none")
            checked("latitude_deg", latitude_deg or 0.0, -90, 90)
            checked("longitude_deg", longitude_deg or 0.0, -180, 180)
            checked("utc_offset_h", utc_offset_h or 0.0, -12, 14)
            checked("at_ms", FIRST_MS if at_ms is None else at_ms, FIRST_MS, END_MS - 1)
            self.record |= given
            self.deeds.append(
                ("set_site", latitude_deg, longitude_deg, utc_offset_h, at_ms)
            )

        return self._do(set_site)

    def clear_buffers(self) -> Deferred[None]:
        """See `IMount.clear_buffers`."""
        return self._do(lambda: self.deeds.append(("clear_buffers",)))

    def _stop(self, by: str) -> None:
        self.stops += 1
        self._motion.stop(by)

    def _read(self, act: Callable[[], Any]) -> Deferred[Any]:
        async def answer() -> Any:
            if self.gone is not None:
                raise DeviceUnavailable(DEVICE, self.gone)
            return copy.deepcopy(act())

        return Deferred.fromCoroutine(answer())

    def _do(self, act: Callable[[], Any]) -> Deferred[Any]:
        async def done() -> Any:
            if self.gone is not None:
                raise DeviceUnavailable(DEVICE, self.gone)
            if self.failure is not None:
                raise self.failure
            self._motion.settle()
            return act()

        return Deferred.fromCoroutine(done())


def _check_turn(name: str, value: float, turn: float) -> None:
    if not 0 <= value < turn:
        raise MisuseError(name, value, f"0 to less than {turn:g}")


def _check_equatorial(right_ascension_h: float, declination_deg: float) -> None:
    _check_turn("right_ascension_h", right_ascension_h, 24)
    checked("declination_deg", declination_deg, -90, 90)
