"""The position: read from the modem, judged, and made into the location record."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReactorTime

from gatewaykit.errors import DeviceRefused
from gatewaykit.interfaces import Record
from gatewaykit.sim7600.asking import Answers, Ask, expect_ok
from gatewaykit.sim7600.commands import Command, Priority, read
from gatewaykit.sim7600.engine import Engine
from gatewaykit.sim7600.fixes import Believed, FixJudge, Verdict
from gatewaykit.sim7600.gnss import GNSSFix, NoFix, cgnssinfo, cgpsinfo
from gatewaykit.sim7600.nmea import Sky
from gatewaykit.times import iso

CGNSSINFO = read("AT+CGNSSINFO", "+CGNSSINFO:")
CGPSINFO = read("AT+CGPSINFO", "+CGPSINFO:")
SECOND_LOOK = 10
"""While there is no fix, every so many reads the other command is tried too: some firmware
gives empty answers to one of them (facts/sim7600.md 7)."""
WAY_BACK = 60
"""So many reads by AT+CGPSINFO, and AT+CGNSSINFO is tried again: it tells more."""
METRES_PER_HDOP = 3.5
"""facts/sim7600.md 5."""

_PARSERS: dict[Command, Callable[[str], GNSSFix | NoFix]] = {
    CGNSSINFO: cgnssinfo,
    CGPSINFO: cgpsinfo,
}
_OF_FIX = (
    *("mode", "latitude", "longitude", "altitude_m", "speed_kmh", "speed_knots"),
    *("heading_deg", "pdop", "hdop", "vdop", "date", "utc_time"),
)
_COUNTS = ("gps", "glonass", "beidou", "galileo", "total")


class Position:
    """The newest reading and what it is worth.

    :param wall_ms: milliseconds since the epoch.
    """

    def __init__(
        self,
        ask: Ask,
        answers: Answers,
        engine: Engine,
        clock: IReactorTime,
        wall_ms: Callable[[], int],
        stale_after_s: float,
        *,
        has_nmea: bool,
    ) -> None:
        self.sky = Sky() if has_nmea else None
        self._ask = ask
        self._answers = answers
        self._engine = engine
        self._clock = clock
        self._wall_ms = wall_ms
        self._judge = FixJudge(stale_after_s)
        self._command = CGNSSINFO
        self._fix: GNSSFix | NoFix | None = None
        self._verdict = Verdict.NO_FIX
        self._updated_at: str | None = None
        self._gps_time: tuple[GNSSFix, str] | None = None
        self._read_at: float | None = None
        self._fruitless = 0
        self._lesser = 0

    @property
    def was_read(self) -> bool:
        return self._read_at is not None

    def verdict(self) -> Verdict:
        """What the newest reading is worth now."""
        if self._verdict in {Verdict.NO_FIX, Verdict.INVALID}:
            return self._verdict
        return self._judge.verdict(self._clock.seconds())

    def stale_in_s(self) -> float:
        """How long a valid fix is one yet, unless another comes."""
        return self._judge.stale_in_s(self._clock.seconds())

    def forget(self) -> None:
        """The modem is gone or has started anew: it may be another one."""
        self._command = CGNSSINFO
        self._fruitless = self._lesser = 0

    async def read(self) -> None:
        """Ask the modem once. Fails with a `GatewayError`."""
        try:
            reading = await self._one(self._command)
        except DeviceRefused:
            # This modem does not know it: perhaps the other one.
            other = _other(self._command)
            reading = await self._one(other)
            self._command = other
        is_fix = isinstance(reading, GNSSFix)
        self._fruitless = 0 if is_fix else self._fruitless + 1
        self._lesser = 0 if self._command is CGNSSINFO else self._lesser + 1
        if self._fruitless and self._fruitless % SECOND_LOOK == 0:
            reading = await self._second_look() or reading
        elif self._lesser and self._lesser % WAY_BACK == 0:
            reading = await self._change() or reading
        self._take(reading)

    async def _one(self, command: Command) -> GNSSFix | NoFix | None:
        """A reading; None for an implausible one."""
        reply = await self._ask(command, Priority.NORMAL)
        # With the engine off both an error and an empty answer are known.
        if not reply.ok and not await self._engine.look():
            return NoFix()
        expect_ok(command, reply)
        return self._answers.read(_PARSERS[command], reply.lines[0])

    async def _second_look(self) -> GNSSFix | None:
        """A fix by the other command, and that one from now on, unless the fix has just
        come: then the better one of them has it too."""
        fix = await self._change()
        if fix is not None and self._command is CGPSINFO:
            return await self._change() or fix
        return fix

    async def _change(self) -> GNSSFix | None:
        """A fix by the other command, which is the one from then on."""
        other = _other(self._command)
        try:
            reading = await self._one(other)
        except DeviceRefused:
            return None
        if not isinstance(reading, GNSSFix):
            return None
        self._command = other
        return reading

    def _take(self, reading: GNSSFix | NoFix | None) -> None:
        now = self._clock.seconds()
        self._read_at = now
        self._updated_at = iso(self._wall_ms())
        if isinstance(reading, GNSSFix):
            self._fix = reading
            self._verdict = self._judge.judge(reading, now)
            if self._verdict is Verdict.INVALID:
                self._answers.refuse("jump")
        else:
            self._verdict = Verdict.INVALID
            if reading is not None:
                self._verdict, self._fix = Verdict.NO_FIX, reading

    def record(self, *, is_there: bool, most_age_s: float) -> Record:
        """The location record, as of now.

        :param is_there: whether the modem is: without it nothing is valid.
        :param most_age_s: an older reading is not valid either.
        """
        now = self._clock.seconds()
        age_s = None if self._read_at is None else now - self._read_at
        verdict = self.verdict()
        outdated = not is_there or age_s is None or age_s > most_age_s
        if outdated and verdict is Verdict.VALID:
            verdict = Verdict.STALE
        last = self._judge.last
        # Not the newest reading, which may be an old fix again.
        shown = last.fix if last is not None and verdict is Verdict.VALID else None
        record: Record = {"fix_status": verdict.value}
        record |= {name: getattr(shown, name, None) for name in _OF_FIX}
        record["gps_time"] = self._moment(shown) if shown else None
        record["accuracy_m"] = (
            round(shown.hdop * METRES_PER_HDOP, 1)
            if shown and shown.hdop is not None
            else None
        )
        record["satellites"] = self._satellites(is_there=is_there and not outdated)
        record["geoid_separation_m"] = record["sky"] = None
        if self.sky is not None and is_there:
            self._add_sky(record, now)
        record["engine"] = self._engine.state
        record["searching_s"] = self._searching_s(verdict, now)
        record["last_fix"] = self._last_fix(last, now)
        record["updated_at"] = self._updated_at
        record["age_s"] = None if age_s is None else round(age_s, 3)
        record["stale"] = verdict is Verdict.STALE or outdated
        record["raw"] = shown.raw if shown else None
        return record

    def _satellites(self, *, is_there: bool) -> Record:
        newest = self._fix if is_there else None
        counts: Record = {name: getattr(newest, name, None) for name in _COUNTS}
        return counts | {"in_view": None, "used": None}

    def _add_sky(self, record: Record, now: float) -> None:
        """What the NMEA port knows better: satellites one by one, the mode."""
        assert self.sky is not None
        sky = self.sky.snapshot(now)
        if sky["sky"] is None:
            return
        record["sky"] = sky["sky"]
        counts = record["satellites"]
        for name in ("gps", "glonass", "beidou", "galileo"):
            if counts[name] is None and sky["satellites"][name] is not None:
                counts[name] = sum(
                    seen["used"] for seen in sky["sky"] if seen["gnss"] == name
                )
        counts["total"] = sum(counts[n] or 0 for n in _COUNTS if n != "total")
        counts["in_view"] = sky["satellites"]["in_view"]
        counts["used"] = sky["satellites"]["used"]
        record["geoid_separation_m"] = sky["geoid_separation_m"]
        if record["fix_status"] == "valid" and sky["mode"] is not None:
            record["mode"] = sky["mode"]

    def _searching_s(self, verdict: Verdict, now: float) -> float | None:
        since = self._engine.on_since
        if since is None or verdict is Verdict.VALID:
            return None
        last = self._judge.last
        if last is not None:
            since = max(since, last.heard_at)
        return round(now - since, 3)

    def _moment(self, fix: GNSSFix) -> str:
        """Its time, ISO 8601 with milliseconds, UTC; written once for all who ask."""
        if self._gps_time is None or self._gps_time[0] is not fix:
            text = fix.gps_time.isoformat(timespec="milliseconds")
            self._gps_time = fix, text.replace("+00:00", "Z")
        return self._gps_time[1]

    def _last_fix(self, last: Believed | None, now: float) -> dict[str, Any] | None:
        if last is None:
            return None
        return {
            "latitude": last.fix.latitude,
            "longitude": last.fix.longitude,
            "altitude_m": last.fix.altitude_m,
            "gps_time": self._moment(last.fix),
            "age_s": round(now - last.heard_at, 3),
        }


def _other(command: Command) -> Command:
    return CGPSINFO if command is CGNSSINFO else CGNSSINFO
