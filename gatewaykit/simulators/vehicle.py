"""A vehicle's life as its GV50 sees it. Pure: it is told the time and gives reports."""

from __future__ import annotations

import math
from collections.abc import Generator
from random import Random

from gatewaykit.simulators import roads
from gatewaykit.simulators.encoding import Condition, Encoder, Fix, Report
from gatewaykit.simulators.pace import Pace

# Ranges in seconds. Shorter than in life, so that a demo of minutes shows it all.
_FIRST_PARKED_S = (2.0, 90.0)
_PARKED_S = (60.0, 400.0)
_BEFORE_DRIVING_S = (3.0, 15.0)
_BEFORE_SWITCHING_OFF_S = (2.0, 10.0)
_DELIVERY_S = (20.0, 150.0)
_IDLING_AFTER_S = 60.0
_POWER_CUT_S = (10.0, 40.0)

# Without its engine a vehicle brakes like this (m/s^2), within a second at least; with it
# back the driver takes so long to get to the old speed.
_HALTING = 2.0
_SHORTEST_HALT_S = 1.0
_GOING_ON_S = 6.0

_DELIVERIES = (0, 0, 1, 2)
_GARAGE = 0.2
_POWER_CUT = 0.03
_BLOCKS = 12
_TOWN = 20


def imei(seed: int, index: int) -> str:
    """A made-up IMEI with a valid Luhn digit; distinct for up to a million vehicles."""
    digits = f"86508303{(seed * 7919 + index) % 1_000_000:06d}"
    total = sum(
        int(digit) if n % 2 == 0 else sum(divmod(2 * int(digit), 10))
        for n, digit in enumerate(digits)
    )
    return f"{digits}{-total % 10}"


class Vehicle:
    """Drives, stops, idles and parks, and reports it as a GV50 does.

    The same random numbers, start and intervals give the same reports, however often and
    in whatever steps it is asked.

    :param start: seconds since the epoch, UTC; the moment the device gets power.
    :param interval: seconds between fixed reports; 0 makes none, see `fixed_report`.
    :param parked_interval: the same with ignition off, by default the same.
    :param block_level: level of output 1 at which the relay on it keeps the engine from
        running; None: none is wired. It begins at the other level.
    :param stays: it is parked for good, with a clear view of the sky.
    """

    def __init__(
        self,
        encoder: Encoder,
        random: Random,
        start: float,
        interval: float,
        parked_interval: float | None = None,
        block_level: int | None = 1,
        *,
        stays: bool = False,
    ) -> None:
        self.encoder = encoder
        self.block_level = block_level
        self.outputs = 1 if block_level == 0 else 0
        self.ignition = False
        self._moving = False
        self._powered = True
        self._random = random
        self._intervals = {
            True: interval or math.inf,
            False: (interval if parked_interval is None else parked_interval)
            or math.inf,
        }
        self._here = (random.randint(-_TOWN, _TOWN), random.randint(-_TOWN, _TOWN))
        self._drive = roads.Drive(
            random, [(self._here[0] - 1, self._here[1]), self._here]
        )
        self._drive_began = start - self._drive.duration
        self._pace: Pace | None = None
        self._mileage_m = random.uniform(1e6, 15e7)
        self._engine_s = random.uniform(1e5, 1e7)
        self._key_turned = start - random.uniform(600, 50_000)
        self._sees_sky_until = math.inf
        self._fix: Fix | None = None
        self._new: list[Report] = []
        # All devices of a fleet must not report in the same instant.
        self._next_fixed = start + random.random() * self._intervals[False]
        self._life = self._stay(start) if stays else self._live(start)
        self._next_event = next(self._life)

    def due(self) -> float:
        """When the next report comes into being."""
        if self._new:
            return -math.inf
        return min(self._next_event, self._next_fixed)

    def reports_until(self, now: float) -> list[Report]:
        """The reports that came into being up to now, each at its own moment."""
        self._live_until(now)
        reports, self._new = self._new, []
        return reports

    @property
    def is_blocked(self) -> bool:
        """Whether its wiring keeps the engine from running now."""
        return self.block_level is not None and self.outputs & 1 == self.block_level

    @property
    def is_moving(self) -> bool:
        """As its motion sensor says; also at a red light."""
        return self._moving

    def set_output(self, now: float, level: int) -> None:
        """Switch output 1. A vehicle that this blocks comes to a halt, and does not drive
        off until it is let go."""
        self._live_until(now)
        was_blocked = self.is_blocked
        self.outputs = self.outputs & ~1 | level
        if self.is_blocked == was_blocked:
            return
        if self._moving:
            pace = self._at_pace()
            if self.is_blocked:
                halting_s = self._motion(now).speed / _HALTING
                pace.change(now, 0.0, max(_SHORTEST_HALT_S, halting_s))
            else:
                pace.change(now, 1.0, _GOING_ON_S)
            stands = pace.steady_at if self.is_blocked else math.inf
            self._next_event = min(stands, self._arrives())
        elif self._next_event == math.inf:
            self._next_event = now

    def set_intervals(self, now: float, driving: float, parked: float) -> None:
        """Seconds between fixed reports from now on; 0: none."""
        self._live_until(now)
        self._intervals = {True: driving or math.inf, False: parked or math.inf}
        self._next_fixed = now + self._intervals[self.ignition]

    def _live_until(self, now: float) -> None:
        while min(self._next_event, self._next_fixed) <= now:
            if self._next_event <= self._next_fixed:
                self._next_event = self._life.send(self._next_event)
            else:
                self._new.append(self.fixed_report(self._next_fixed))
                self._next_fixed += self._intervals[self.ignition]

    def fixed_report(self, now: float) -> Report:
        """A GTFRI of this moment."""
        fix = self.fix(now)
        return self.encoder.fixed(now, fix, self.condition(now))

    def fix(self, now: float) -> Fix:
        """What the receiver says: it gives a fix each full second and, without sky, the
        last one it had, with accuracy 0 and its old time."""
        seen = math.floor(min(now, self._sees_sky_until))
        hdop_zero = now > self._sees_sky_until
        fix = self._fix
        if fix is not None and fix.time == seen and (fix.hdop == 0) == hdop_zero:
            return fix
        motion = self._motion(seen)
        x, y = motion.x, motion.y
        longitude, latitude = roads.degrees(x, y)
        satellites = 0 if hdop_zero else 8 + round(3 * math.sin(x / 310 + y / 170))
        self._fix = Fix(
            seen,
            longitude,
            latitude,
            roads.altitude_m(x, y),
            motion.speed * 3.6,
            round(motion.heading) % 360,
            0 if hdop_zero else 1 if satellites > 5 else 2,
            satellites,
            724,
            3,
            0x08A0 + math.floor(x / 4000) % 16,
            math.floor(x / 700) % 256 << 8 | math.floor(y / 700) % 256,
        )
        return self._fix

    def condition(self, now: float) -> Condition:
        motion = self._motion(now)
        engine_s = self._engine_s + (now - self._key_turned if self.ignition else 0)
        return Condition(
            self.ignition,
            self._moving,
            self.outputs,
            (self._mileage_m + motion.distance) / 1000,
            int(engine_s),
            self._supply_mv(),
            16 + round(9 * math.sin(motion.x / 900) * math.cos(motion.y / 700)),
        )

    def _motion(self, now: float) -> roads.Motion:
        if self._pace is None:
            return self._drive.at(now - self._drive_began)
        elapsed, share = self._pace.at(now)
        motion = self._drive.at(elapsed)
        return motion._replace(speed=motion.speed * share)

    def _supply_mv(self) -> int:
        if not self._powered:
            return 0
        return 14_100 if self.ignition else 12_600

    def _live(self, now: float) -> Generator[float, float, None]:
        """The story, told in order: yields until when nothing new happens, and is sent
        when something does, which is another moment only if an output was switched."""
        self._new.append(self.encoder.power_on(now))
        now += self._random.uniform(*_FIRST_PARKED_S)
        while True:
            yield now
            self._turn_key(now)
            now += self._random.uniform(*_BEFORE_DRIVING_S)
            yield now
            now = yield from self._drive_on(now)
            for _ in range(self._random.choice(_DELIVERIES)):
                now = yield from self._deliver(now)
                now = yield from self._drive_on(now)
            now += self._random.uniform(*_BEFORE_SWITCHING_OFF_S)
            yield now
            self._turn_key(now)
            if self._random.random() < _GARAGE:
                self._sees_sky_until = now
            if self._random.random() < _POWER_CUT:
                now = yield from self._lose_power(now)
            now += self._random.uniform(*_PARKED_S)

    def _stay(self, now: float) -> Generator[float, float, None]:
        self._new.append(self.encoder.power_on(now))
        while True:
            yield math.inf

    def _turn_key(self, now: float) -> None:
        lasted = now - self._key_turned
        if self.ignition:
            self._engine_s += lasted
        self.ignition = not self.ignition
        self._key_turned = now
        self._next_fixed = now + self._intervals[self.ignition]
        fix, condition = self.fix(now), self.condition(now)
        self._new += self.encoder.ignition(now, fix, condition, int(lasted))
        self._new.append(self.encoder.state_changed(now, fix, condition))

    def _drive_on(self, now: float) -> Generator[float, float, float]:
        now = yield from self._until_let_go(now)
        random, (i, j) = self._random, self._here
        goal = self._here
        while goal == self._here:
            goal = (
                min(max(i + random.randint(-_BLOCKS, _BLOCKS), -_TOWN), _TOWN),
                min(max(j + random.randint(-_BLOCKS, _BLOCKS), -_TOWN), _TOWN),
            )
        self._mileage_m += self._drive.at(math.inf).distance
        self._drive = roads.Drive(random, roads.route(random, self._here, goal))
        self._drive_began = now
        self._pace = None
        self._here = goal
        self._sees_sky_until = math.inf
        self._fix = None
        self._change_motion(now, moving=True)
        now = yield self._arrives()
        while now < self._arrives():
            self._change_motion(now, moving=False)
            now = yield from self._until_let_go(now)
            self._at_pace().change(now, 1.0, _GOING_ON_S)
            self._change_motion(now, moving=True)
            now = yield self._arrives()
        self._change_motion(now, moving=False)
        return now

    def _at_pace(self) -> Pace:
        """A drive that nothing holds up needs none, which is quicker."""
        if self._pace is None:
            self._pace = Pace(self._drive_began)
        return self._pace

    def _arrives(self) -> float:
        """When the drive is over, if nothing holds it up."""
        if self._pace is None:
            return self._drive_began + self._drive.duration
        return self._pace.reaches(self._drive.duration)

    def _until_let_go(self, now: float) -> Generator[float, float, float]:
        while self.is_blocked:
            now = yield math.inf
        return now

    def _change_motion(self, now: float, *, moving: bool) -> None:
        self._moving = moving
        self._new.append(
            self.encoder.state_changed(now, self.fix(now), self.condition(now))
        )

    def _deliver(self, now: float) -> Generator[float, float, float]:
        """Stand with the engine running; a device calls it idling after a while."""
        lasts = self._random.uniform(*_DELIVERY_S)
        leaves = now + lasts
        if lasts > _IDLING_AFTER_S:
            now += _IDLING_AFTER_S
            yield now
            self._new.append(
                self.encoder.idling_started(now, self.fix(now), self.condition(now))
            )
            yield leaves
            self._new.append(
                self.encoder.idling_ended(
                    leaves, self.fix(leaves), self.condition(leaves), int(lasts)
                )
            )
        else:
            yield leaves
        return leaves

    def _lose_power(self, now: float) -> Generator[float, float, float]:
        """Somebody works on the battery."""
        for connected in (False, True):
            now += self._random.uniform(*_POWER_CUT_S)
            yield now
            self._powered = connected
            self._new.append(
                self.encoder.main_power(now, self.fix(now), connected=connected)
            )
        return now
